# SPDX-License-Identifier: MIT
#
# evio: a static archive of one object per generation.  poller.h says why.

EVIO_FILES = lib/compat/evio/epoll.h lib/compat/evio/kqueue.h \
	lib/compat/evio/poller.h
EVIO_CPPFLAGS = $(AM_CPPFLAGS) \
	-DEVIO_KERNEL='"compat/evio/@EVIO_KERNEL@.h"'
lib_libivykis_evio_a_SOURCES = lib/compat/evio/edge.c $(EVIO_FILES)
lib_libivykis_evio_a_SHORTNAME = evio
lib_libivykis_evio_a_CPPFLAGS = $(EVIO_CPPFLAGS)
lib_libivykis_evio_a_CFLAGS = $(AM_CFLAGS) $(EVIO_CFLAGS)
lib_libivykis_evio2_a_SOURCES = lib/compat/evio/oneshot.c $(EVIO_FILES)
lib_libivykis_evio2_a_SHORTNAME = evio
lib_libivykis_evio2_a_CPPFLAGS = $(EVIO_CPPFLAGS)
lib_libivykis_evio2_a_CFLAGS = $(AM_CFLAGS) $(EVIO_CFLAGS)

if USE_EVIO
lib_LIBRARIES = lib/libivykis-evio.a lib/libivykis-evio2.a
eviodir = $(includedir)/ivykis-evio
evio_HEADERS = include/ivykis-evio/evio.h
pkgconfig_DATA += lib/compat/evio/ivykis-evio.pc \
	lib/compat/evio/ivykis-evio2.pc
endif
