/* SPDX-License-Identifier: MIT */
/*
 * timespec.h - time as one number.
 *
 * Inside the library a point in time is a count of nanoseconds on the
 * monotonic clock, in an int64_t: 292 years, and one comparison.  Input
 * that does not fit (negative, tv_nsec out of range, the year 10^9)
 * saturates instead of overflowing.
 */
#ifndef IVI_BASE_TIMESPEC_H
#define IVI_BASE_TIMESPEC_H

#include <stdint.h>
#include <time.h>

#define IVI_SEC		INT64_C(1000000000)
#define IVI_NOW		INT64_MIN	/* as a limit: do not wait */
#define IVI_NEVER	INT64_MAX	/* as a limit: wait for ever */

static inline int64_t ivi_ts_to_ns(const struct timespec *ts)
{
	int64_t ns;

	if (__builtin_mul_overflow((int64_t)ts->tv_sec, IVI_SEC, &ns) ||
	    __builtin_add_overflow(ns, (int64_t)ts->tv_nsec, &ns))
		return ts->tv_sec < 0 ? INT64_MIN : INT64_MAX;
	return ns;
}

/* For ns >= 0.  Stays within a 32-bit time_t, where that is all there is. */
static inline struct timespec ivi_ns_to_ts(int64_t ns)
{
	const int64_t most = sizeof(time_t) > 4 ? INT64_MAX : INT32_MAX;
	int64_t sec = ns / IVI_SEC;
	struct timespec ts = {
		.tv_sec = (time_t)(sec < most ? sec : most),
		.tv_nsec = (long)(ns % IVI_SEC),
	};

	return ts;
}

/* A + B, or as near to it as fits. */
static inline int64_t ivi_ns_add(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return b < 0 ? INT64_MIN : INT64_MAX;
	return sum;
}

/* How long from NOW until UNTIL, at least 0. */
static inline int64_t ivi_ns_left(int64_t until, int64_t now)
{
	int64_t left;

	if (until <= now)
		return 0;
	return __builtin_sub_overflow(until, now, &left) ? INT64_MAX : left;
}

/*
 * Nanoseconds to the milliseconds of epoll_wait(2) and poll(2): rounded up,
 * so that no timer is early, and at most a day, so that it fits.
 */
static inline int ivi_ns_to_ms(int64_t ns)
{
	const int64_t day = INT64_C(86400000);
	int64_t ms = ns / 1000000 + (ns % 1000000 != 0);

	return (int)(ms < day ? ms : day);
}

#endif
