# SPDX-License-Identifier: MIT
#
# One program per contestant, all of the same sources.  The peers' are built
# against what is installed: no -I of this tree comes before that.

BENCH_SOURCES = bench/main.c bench/fds.c bench/timers.c bench/posts.c \
	bench/works.c bench/echo.c bench/sizes.c bench/bench.h
BENCH_PEERS = bench/bench-libivykis bench/bench-libev bench/bench-libevent \
	bench/bench-libuv
EXTRA_PROGRAMS = bench/bench-ours bench/bench-raw $(BENCH_PEERS)

BENCH_CPPFLAGS = -D_GNU_SOURCE
BENCH_CFLAGS = $(AM_CFLAGS) -pthread

bench_bench_ours_SOURCES = $(BENCH_SOURCES) bench/with_ivykis.h
bench_bench_ours_CPPFLAGS = $(BENCH_CPPFLAGS) -I$(srcdir)/include \
	-DCONTESTANT='"with_ivykis.h"' -DCONTESTANT_NAME='"ours"'
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

bench_bench_raw_SOURCES = $(BENCH_SOURCES) bench/with_raw.h
bench_bench_raw_CPPFLAGS = $(BENCH_CPPFLAGS) \
	-DCONTESTANT='"with_raw.h"' -DCONTESTANT_NAME='"raw"'
bench_bench_raw_CFLAGS = $(BENCH_CFLAGS)
bench_bench_raw_LDADD =

bench: bench/bench-ours bench/bench-raw
CLEANFILES += bench/bench-ours bench/bench-raw $(BENCH_PEERS)

# Instructions and system calls of the hot paths, against stored numbers.
check-cost: bench/bench-ours
	@$(PYTHON3) $(srcdir)/bench/cost.py bench/bench-ours \
		$(srcdir)/bench/cost.txt '$(CC)' '$(CFLAGS)' $(UPDATE)
PYTHON3 = python3
UPDATE =

EXTRA_DIST += bench/run.py bench/cost.py bench/cost.txt
.PHONY: bench check-cost
