# SPDX-License-Identifier: MIT
#
# The tests of libev.so.4: one program of all these files, and another one of
# the same files on the system's libev, which judges the tests.

EV_TEST_SOURCES = \
	tests/compat/ev/async.c \
	tests/compat/ev/child.c \
	tests/compat/ev/embed.c \
	tests/compat/ev/event.c \
	tests/compat/ev/fd.c \
	tests/compat/ev/layout.c \
	tests/compat/ev/loop.c \
	tests/compat/ev/pending.c \
	tests/compat/ev/periodic.c \
	tests/compat/ev/rig.c \
	tests/compat/ev/rig.h \
	tests/compat/ev/run.c \
	tests/compat/ev/sets.c \
	tests/compat/ev/signal.c \
	tests/compat/ev/stat.c \
	tests/compat/ev/timer.c

# With the library's objects in it where they are counted: coverage builds have
# no shared libraries.
tests_compat_ev_ev_t_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/include/ivykis-ev
if BUILD_LIBEV
tests_compat_ev_ev_t_SOURCES = $(EV_TEST_SOURCES)
tests_compat_ev_ev_t_LDADD = tests/harness/libharness.la \
	lib/compat/ev/libev.la lib/libivykis.la -lm
else
tests_compat_ev_ev_t_SOURCES = $(EV_TEST_SOURCES) $(LIBEV_SOURCES)
tests_compat_ev_ev_t_CFLAGS = $(AM_CFLAGS) -fno-strict-aliasing
tests_compat_ev_ev_t_LDADD = $(INSIDE) -lm
endif
tests_compat_ev_system_t_SOURCES = $(EV_TEST_SOURCES)
tests_compat_ev_system_t_CPPFLAGS = $(AM_CPPFLAGS) -DSYSTEM_LIBEV
tests_compat_ev_system_t_LDADD = tests/harness/libharness.la \
	lib/libivykis.la -lev -lm

# Clocks that are kept, calls that fail: with the library's objects in it.
tests_compat_ev_inside_t_SOURCES = tests/compat/ev/embed_inside.c \
	tests/compat/ev/time.c tests/compat/ev/wake.c \
	tests/compat/ev/rig.c tests/compat/ev/rig.h \
	$(LIBEV_SOURCES) $(SPY)
tests_compat_ev_inside_t_CPPFLAGS = $(LIBEV_CPPFLAGS)
tests_compat_ev_inside_t_CFLAGS = $(AM_CFLAGS) -fno-strict-aliasing
tests_compat_ev_inside_t_LDADD = $(INSIDE) -lm
tests_compat_ev_inside_t_LDFLAGS = $(SPY_WRAPS)

# Random programs, for random.sh.
EV_RANDOM_SOURCES = tests/compat/ev/random.c tests/compat/ev/moves.c \
	tests/compat/ev/moves.h
tests_compat_ev_random_SOURCES = $(EV_RANDOM_SOURCES)
tests_compat_ev_random_CPPFLAGS = $(tests_compat_ev_ev_t_CPPFLAGS)
tests_compat_ev_random_LDADD = lib/compat/ev/libev.la lib/libivykis.la
tests_compat_ev_random_system_SOURCES = $(EV_RANDOM_SOURCES)
tests_compat_ev_random_system_CPPFLAGS = $(AM_CPPFLAGS)
tests_compat_ev_random_system_LDADD = -lev

# By ./dev fuzz, with sanitizers: the library's objects are in it.
EXTRA_PROGRAMS += tests/compat/ev/abuse
tests_compat_ev_abuse_SOURCES = tests/compat/ev/abuse.c \
	tests/compat/ev/moves.c tests/compat/ev/moves.h $(LIBEV_SOURCES)
tests_compat_ev_abuse_CPPFLAGS = $(LIBEV_CPPFLAGS)
tests_compat_ev_abuse_CFLAGS = $(AM_CFLAGS) -fno-strict-aliasing
tests_compat_ev_abuse_LDADD = lib/libivykis.la

# On emulated kernels, with the library's objects in the program.
tests_compat_ev_ev_emu_t_SOURCES = $(EV_TEST_SOURCES) $(LIBEV_SOURCES)
tests_compat_ev_ev_emu_t_CPPFLAGS = $(LIBEV_CPPFLAGS) -DON_EMULATED_KERNELS
tests_compat_ev_ev_emu_t_CFLAGS = $(AM_CFLAGS) -fno-strict-aliasing
tests_compat_ev_ev_emu_t_LDADD = $(EMULATED) -lm

if TEST_LIBEV
if EMULATED_KERNELS
EMU_CHECK += tests/compat/ev/ev.emu.t
endif
TESTS_C += tests/compat/ev/ev.t
if LINKER_WRAPS
TESTS_C += tests/compat/ev/inside.t
endif
endif
if BUILD_LIBEV
check_PROGRAMS += tests/compat/ev/random
TESTS_SH += tests/meta/libev.sh tests/compat/random.sh \
	tests/integration/libev.sh
endif
if SYSTEM_LIBEV
TESTS_C += tests/compat/ev/system.t
check_PROGRAMS += tests/compat/ev/random-system
endif

EXTRA_DIST += $(EV_TEST_SOURCES) tests/compat/ev/cxx.cc \
	$(EV_RANDOM_SOURCES) tests/compat/random.sh tests/integration/libev.sh \
	tests/integration/libev_clients.py tests/meta/libev.sh
