/* SPDX-License-Identifier: MIT */
/*
 * clock.c - the monotonic clock, and those that alarms are set by.
 *
 * CLOCK_MONOTONIC_FAST (FreeBSD) has tick resolution and may still show a
 * time before the expiry when a wait ends; the loop then just waits again.
 */
#include "config.h"
#include "sys/sys.h"
#include "base/timespec.h"
#include "sys/clockfd.h"

#if defined(HAVE_CLOCK_MONOTONIC_FAST)
#define CLOCK_ID	CLOCK_MONOTONIC_FAST
#elif defined(HAVE_CLOCK_MONOTONIC)
#define CLOCK_ID	CLOCK_MONOTONIC
#else
#define CLOCK_ID	CLOCK_REALTIME
#endif

/* Goes on in suspend. */
#ifdef HAVE_CLOCK_BOOTTIME
#define STEADY_ID	CLOCK_BOOTTIME
#else
#define STEADY_ID	CLOCK_ID
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

	int cancel = ivi_cancel_off();

	nanosleep(&ts, NULL);
	ivi_cancel_restore(cancel);
}

/* ---- Clocks of alarms ---------------------------------------------------- */

int ivi_clock_number(clockid_t clock)
{
	const clockid_t realtime[] = { 0, CLOCK_REALTIME };
#ifdef HAVE_CLOCK_BOOTTIME
	struct timespec now;

	if (clock == CLOCK_BOOTTIME && clock_gettime(clock, &now) == 0)
		return IVI_BOOTTIME;
#endif
	return clock == realtime[0] || clock == realtime[1] ? IVI_REALTIME :
							      -EINVAL;
}

/* Old kernels do not know CLOCK_BOOTTIME (Linux 2.6.39). */
static int64_t steady(void)
{
	struct timespec now;

	if (clock_gettime(STEADY_ID, &now) < 0)
		ivi_clock(&now);
	return ivi_ts_to_ns(&now);
}

int64_t ivi_clock_shows(int number)
{
	struct timespec now;

	if (number != IVI_REALTIME)
		return steady();
	if (clock_gettime(CLOCK_REALTIME, &now) < 0)
		iv_fatal("iv_alarm: clock_gettime: %s", ivi_errname(errno));
	return ivi_ts_to_ns(&now);
}

/* Who is stopped between two readings takes that for a jump: so they are
   repeated until that was not for long. */
int64_t ivi_clock_compare(int number, int64_t *ahead)
{
	int64_t before, now;
	int tries = 0;

	do {
		before = steady();
		now = ivi_clock_shows(number);
		*ahead = now - before;
	} while (steady() - before > IVI_SEC / 4 && tries++ < 9);
	return now;
}
