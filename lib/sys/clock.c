/* SPDX-License-Identifier: MIT */
/*
 * clock.c - the monotonic clock.
 *
 * CLOCK_MONOTONIC_FAST (FreeBSD) has tick resolution and may still show a
 * time before the expiry when a wait ends; the loop then just waits again.
 */
#include "config.h"
#include "sys/sys.h"
#include "base/timespec.h"

#if defined(HAVE_CLOCK_MONOTONIC_FAST)
#define CLOCK_ID	CLOCK_MONOTONIC_FAST
#elif defined(HAVE_CLOCK_MONOTONIC)
#define CLOCK_ID	CLOCK_MONOTONIC
#else
#define CLOCK_ID	CLOCK_REALTIME
#endif

void ivi_clock(struct timespec *now)
{
	if (ivi_unlikely(clock_gettime(CLOCK_ID, now) < 0))
		iv_fatal("iv_now: clock_gettime: %s", ivi_errname(errno));
}

int64_t ivi_clock_ns(void)
{
	struct timespec now;

	ivi_clock(&now);
	return ivi_ts_to_ns(&now);
}

void ivi_nap(int64_t ns)
{
	struct timespec ts = ivi_ns_to_ts(ns);

	nanosleep(&ts, NULL);
}
