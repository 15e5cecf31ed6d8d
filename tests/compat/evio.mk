# SPDX-License-Identifier: MIT
#
# evio, each generation; and upon the emulated kqueue.

EVIO_RIG = tests/compat/evio/both.c tests/compat/evio/rig.c \
	tests/compat/evio/rig.h
EVIO_LINK = tests/harness/libharness.la lib/libivykis.la $(NO_LTO)
EVIO_TESTS = tests/compat/evio/defaults.t tests/compat/evio/edge.t \
	tests/compat/evio/oneshot.t
tests_compat_evio_defaults_t_LDADD = lib/libivykis-evio.a $(EVIO_LINK)
tests_compat_evio_edge_t_SOURCES = tests/compat/evio/edge.c $(EVIO_RIG)
tests_compat_evio_edge_t_CPPFLAGS = $(AM_CPPFLAGS) -DEVIO_COMPAT=1
tests_compat_evio_edge_t_LDADD = lib/libivykis-evio.a $(EVIO_LINK)
tests_compat_evio_oneshot_t_SOURCES = tests/compat/evio/oneshot.c $(EVIO_RIG)
tests_compat_evio_oneshot_t_CPPFLAGS = $(AM_CPPFLAGS) -DEVIO_COMPAT=2
tests_compat_evio_oneshot_t_LDADD = lib/libivykis-evio2.a $(EVIO_LINK)
if USE_EVIO
TESTS_C += $(EVIO_TESTS)
endif

# lib/compat/evio/kqueue.h
EVIO_EMU_CPPFLAGS = -DEMULATED_KERNELS $(AM_CPPFLAGS) -I$(srcdir)/tests/emu \
	-I$(srcdir)/tests/emu/include \
	-DEVIO_KERNEL='"compat/evio/kqueue.h"' -DEMULATED_KQUEUE
EVIO_EMU_TESTS = tests/compat/evio/edge_kqueue.t tests/compat/evio/oneshot_kqueue.t
tests_compat_evio_edge_kqueue_t_SOURCES = lib/compat/evio/edge.c \
	$(tests_compat_evio_edge_t_SOURCES)
tests_compat_evio_edge_kqueue_t_CPPFLAGS = $(EVIO_EMU_CPPFLAGS)
tests_compat_evio_edge_kqueue_t_LDADD = $(EMULATED)
tests_compat_evio_oneshot_kqueue_t_SOURCES = lib/compat/evio/oneshot.c \
	$(tests_compat_evio_oneshot_t_SOURCES)
tests_compat_evio_oneshot_kqueue_t_CPPFLAGS = $(EVIO_EMU_CPPFLAGS) \
	-DEVIO_COMPAT=2
tests_compat_evio_oneshot_kqueue_t_LDADD = $(EMULATED)
EMU_TESTS += $(EVIO_EMU_TESTS)

# ... and with NetBSD's types.
tests_emu_libtypes_la_SOURCES += lib/compat/evio/edge.c
tests_emu_libtypes_la_CPPFLAGS += \
	-DEVIO_KERNEL='"compat/evio/kqueue.h"' -DEMULATED_KQUEUE
