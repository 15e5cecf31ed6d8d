# SPDX-License-Identifier: MIT
#
# libev.so.4 on the public headers alone, in a directory of its own: nothing
# finds it there that does not ask for it.

LIBEV_PUBLIC = \
	include/ivykis-ev/ev++.h \
	include/ivykis-ev/ev.h \
	include/ivykis-ev/event.h

LIBEV_SOURCES = \
	lib/compat/ev/async.c \
	lib/compat/ev/backend.c \
	lib/compat/ev/backend.h \
	lib/compat/ev/child.c \
	lib/compat/ev/embed.c \
	lib/compat/ev/engine.h \
	lib/compat/ev/event.c \
	lib/compat/ev/fd.c \
	lib/compat/ev/heap.h \
	lib/compat/ev/loop.c \
	lib/compat/ev/memory.c \
	lib/compat/ev/once.c \
	lib/compat/ev/pending.c \
	lib/compat/ev/periodic.c \
	lib/compat/ev/run.c \
	lib/compat/ev/sets.c \
	lib/compat/ev/signal.c \
	lib/compat/ev/stat.c \
	lib/compat/ev/time.c \
	lib/compat/ev/timer.c \
	lib/compat/ev/verify.c \
	lib/compat/ev/wait.c \
	lib/compat/ev/wake.c

LIBEV_HINTS_INOTIFY = lib/compat/ev/stat_inotify.c
LIBEV_HINTS_POLL = lib/compat/ev/stat_poll.c
if USE_INOTIFY
LIBEV_SOURCES += $(LIBEV_HINTS_INOTIFY)
else
LIBEV_SOURCES += $(LIBEV_HINTS_POLL)
endif

LIBEV_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/include/ivykis-ev
LIBEV_CFLAGS = $(AM_CFLAGS) $(LIB_CFLAGS) -fno-strict-aliasing

lib_compat_ev_libev_la_SHORTNAME = ev

if BUILD_LIBEV
evdir = $(libdir)/ivykis
ev_LTLIBRARIES = lib/compat/ev/libev.la
lib_compat_ev_libev_la_SOURCES = $(LIBEV_SOURCES)
lib_compat_ev_libev_la_CPPFLAGS = $(LIBEV_CPPFLAGS)
lib_compat_ev_libev_la_CFLAGS = $(LIBEV_CFLAGS)
lib_compat_ev_libev_la_LIBADD = lib/libivykis.la
# It is one directory below the library that it needs.
lib_compat_ev_libev_la_LDFLAGS = @AM_LDFLAGS@ $(LIB_LDFLAGS) \
	-version-info 4:0:0 -export-symbols lib/compat/ev/libev.sym \
	-Wl,-rpath,'$$ORIGIN/..'
lib_compat_ev_libev_la_DEPENDENCIES = lib/libivykis.la \
	lib/compat/ev/libev.sym

evincludedir = $(includedir)/ivykis-ev
evinclude_HEADERS = $(LIBEV_PUBLIC)
pkgconfig_DATA += ivykis-ev.pc
endif

EXTRA_DIST += $(LIBEV_SOURCES) $(LIBEV_HINTS_INOTIFY) $(LIBEV_HINTS_POLL) \
	$(LIBEV_PUBLIC) lib/compat/ev/libev.symbols

# Libtool's list has no comments.
lib/compat/ev/libev.sym: $(srcdir)/lib/compat/ev/libev.symbols
	$(AM_V_GEN)$(MKDIR_P) $(@D) && \
	$(SED) '/^#/d' $(srcdir)/lib/compat/ev/libev.symbols >$@
CLEANFILES += lib/compat/ev/libev.sym
