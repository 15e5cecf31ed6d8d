# SPDX-License-Identifier: MIT
#
# One program per contestant, all of the same sources.  The peers' are built
# against what is installed: no -I of this tree comes before that.

BENCH_SOURCES = bench/main.c bench/fds.c bench/timers.c bench/posts.c \
	bench/works.c bench/echo.c bench/files.c bench/alarms.c \
	bench/programs.c bench/sizes.c bench/bench.h
BENCH_PEERS = bench/bench-libivykis bench/bench-libev bench/bench-libevent \
	bench/bench-libuv bench/bench-ev
EXTRA_PROGRAMS = bench/bench-ours bench/bench-raw $(BENCH_PEERS) \
	bench/bench-evio bench/bench-evio2

BENCH_CPPFLAGS = -D_GNU_SOURCE
BENCH_CFLAGS = $(AM_CFLAGS) -pthread

bench_bench_ours_SOURCES = $(BENCH_SOURCES) bench/with_ivykis.h \
	bench/edges.c bench/edge_ivykis.h
bench_bench_ours_CPPFLAGS = $(BENCH_CPPFLAGS) -I$(srcdir)/include \
	-DCONTESTANT='"with_ivykis.h"' -DCONTESTANT_NAME='"ours"' \
	-DHAVE_CONTINUE -DHAVE_FILES -DHAVE_ALARMS -DHAVE_PROGRAMS \
	-DEDGES='"edge_ivykis.h"'
bench_bench_ours_CFLAGS = $(BENCH_CFLAGS)
bench_bench_ours_LDADD = lib/libivykis.la

bench_bench_libivykis_SOURCES = $(BENCH_SOURCES) bench/with_ivykis.h
bench_bench_libivykis_CPPFLAGS = $(BENCH_CPPFLAGS) \
	-DCONTESTANT='"with_ivykis.h"' -DCONTESTANT_NAME='"libivykis"'
bench_bench_libivykis_CFLAGS = $(BENCH_CFLAGS)
bench_bench_libivykis_LDADD = -livykis

bench_bench_libev_SOURCES = $(BENCH_SOURCES) bench/with_libev.h
bench_bench_libev_CPPFLAGS = $(BENCH_CPPFLAGS) \
	-DCONTESTANT='"with_libev.h"' -DCONTESTANT_NAME='"libev"'
bench_bench_libev_CFLAGS = $(BENCH_CFLAGS)
bench_bench_libev_LDADD = -lev

# The same program on our library.
bench_bench_ev_SOURCES = $(bench_bench_libev_SOURCES)
bench_bench_ev_CPPFLAGS = $(BENCH_CPPFLAGS) -I$(srcdir)/include/ivykis-ev \
	-DCONTESTANT='"with_libev.h"' -DCONTESTANT_NAME='"ev"'
bench_bench_ev_CFLAGS = $(BENCH_CFLAGS)
bench_bench_ev_LDADD = lib/compat/ev/libev.la lib/libivykis.la

bench_bench_libevent_SOURCES = $(BENCH_SOURCES) bench/with_libevent.h
bench_bench_libevent_CPPFLAGS = $(BENCH_CPPFLAGS) \
	-DCONTESTANT='"with_libevent.h"' -DCONTESTANT_NAME='"libevent"'
bench_bench_libevent_CFLAGS = $(BENCH_CFLAGS)
bench_bench_libevent_LDADD = -levent_core -levent_pthreads

bench_bench_libuv_SOURCES = $(BENCH_SOURCES) bench/with_libuv.h
bench_bench_libuv_CPPFLAGS = $(BENCH_CPPFLAGS) \
	-DCONTESTANT='"with_libuv.h"' -DCONTESTANT_NAME='"libuv"'
bench_bench_libuv_CFLAGS = $(BENCH_CFLAGS)
bench_bench_libuv_LDADD = -luv

bench_bench_raw_SOURCES = $(BENCH_SOURCES) bench/with_raw.h \
	bench/edges.c bench/edge_raw.h
bench_bench_raw_CPPFLAGS = $(BENCH_CPPFLAGS) \
	-DCONTESTANT='"with_raw.h"' -DCONTESTANT_NAME='"raw"' \
	-DEDGES='"edge_raw.h"'
bench_bench_raw_CFLAGS = $(BENCH_CFLAGS)
bench_bench_raw_LDADD =

# evio, each generation, against edges of the two above.
BENCH_EVIO = bench/main.c bench/bench.h bench/edges.c bench/edge_evio.h \
	bench/with_evio.h
BENCH_EVIO_CPPFLAGS = $(BENCH_CPPFLAGS) -I$(srcdir)/include/ivykis-evio \
	-DCONTESTANT='"with_evio.h"' -DONLY_EDGES -DEDGES='"edge_evio.h"'
bench_bench_evio_SOURCES = $(BENCH_EVIO)
bench_bench_evio_CPPFLAGS = $(BENCH_EVIO_CPPFLAGS) -DEVIO_COMPAT=1 \
	-DCONTESTANT_NAME='"evio"'
bench_bench_evio_CFLAGS = $(BENCH_CFLAGS)
bench_bench_evio_LDADD = lib/libivykis-evio.a
bench_bench_evio2_SOURCES = $(BENCH_EVIO)
bench_bench_evio2_CPPFLAGS = $(BENCH_EVIO_CPPFLAGS) -DEVIO_COMPAT=2 \
	-DCONTESTANT_NAME='"evio2"'
bench_bench_evio2_CFLAGS = $(BENCH_CFLAGS)
bench_bench_evio2_LDADD = lib/libivykis-evio2.a

BENCH_OWN = bench/bench-ours bench/bench-raw
if USE_EVIO
BENCH_OWN += bench/bench-evio bench/bench-evio2
endif
bench: all
	@$(MAKE) $(AM_MAKEFLAGS) $(BENCH_OWN)
CLEANFILES += $(BENCH_OWN) $(BENCH_PEERS)

# Instructions and system calls of the hot paths, against stored numbers.
COST_EV =
if BUILD_LIBEV
COST_EV += check-cost-ev
endif
check-cost: bench/bench-ours $(COST_EV)
	@$(PYTHON3) $(srcdir)/bench/cost.py bench/bench-ours \
		$(srcdir)/bench/cost.txt '$(CC)' '$(CFLAGS)' $(UPDATE)
check-cost-ev: bench/bench-ev
	@$(PYTHON3) $(srcdir)/bench/cost.py bench/bench-ev \
		$(srcdir)/bench/cost-ev.txt '$(CC)' '$(CFLAGS)' $(UPDATE)
PYTHON3 = python3
UPDATE =

EXTRA_DIST += bench/run.py bench/cost.py bench/cost.txt bench/cost-ev.txt
.PHONY: bench check-cost check-cost-ev
