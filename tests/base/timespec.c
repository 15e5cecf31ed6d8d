/* SPDX-License-Identifier: MIT */
/*
 * timespec.c - tests of time as one number.
 */
#include <limits.h>
#include "base/timespec.h"
#include "harness/test.h"

#define YEAR	(INT64_C(31556952) * IVI_SEC)

static int64_t ns(int64_t sec, long nsec)
{
	struct timespec ts = { .tv_sec = (time_t)sec, .tv_nsec = nsec };

	return ivi_ts_to_ns(&ts);
}

static time_t time_max(void)
{
	return sizeof(time_t) == 4 ? (time_t)INT32_MAX : (time_t)INT64_MAX;
}

TEST_ONCE(seconds_and_nanoseconds_add_up)
{
	CHECK_INT(ns(0, 0), ==, 0);
	CHECK_INT(ns(0, 1), ==, 1);
	CHECK_INT(ns(1, 0), ==, IVI_SEC);
	CHECK_INT(ns(1, 999999999), ==, 1999999999);
	CHECK_INT(ns(INT32_MAX, 5), ==, INT32_MAX * IVI_SEC + 5);
}

TEST_ONCE(negative_times_stay_in_order)
{
	CHECK_INT(ns(-1, 0), ==, -IVI_SEC);
	CHECK_INT(ns(-1, 1), ==, -IVI_SEC + 1);
	CHECK_INT(ns(-1, 999999999), ==, -1);
	CHECK_INT(ns(0, -1), ==, -1);
}

TEST_ONCE(nanoseconds_out_of_range_are_carried)
{
	CHECK_INT(ns(1, 1000000000), ==, 2 * IVI_SEC);
	CHECK_INT(ns(1, 2000000001), ==, 3 * IVI_SEC + 1);
	CHECK_INT(ns(3, -1000000000), ==, 2 * IVI_SEC);
	CHECK_INT(ns(1, LONG_MAX), >, IVI_SEC);
	CHECK_INT(ns(1, LONG_MIN), <, 0);
	CHECK_INT(ns(-1, LONG_MIN), <, -IVI_SEC);
}

TEST_ONCE(what_does_not_fit_saturates)
{
	if (sizeof(time_t) == 4)
		SKIP("everything fits");
	CHECK_INT(ns(INT64_MAX, 0), ==, INT64_MAX);
	CHECK_INT(ns(INT64_MAX, 999999999), ==, INT64_MAX);
	CHECK_INT(ns(INT64_MIN, 0), ==, INT64_MIN);
	CHECK_INT(ns(INT64_MIN, 999999999), ==, INT64_MIN);
	CHECK_INT(ns(INT64_C(9223372036), 854775806), ==, INT64_MAX - 1);
	CHECK_INT(ns(INT64_C(9223372036), 854775807), ==, INT64_MAX);
	CHECK_INT(ns(INT64_C(9223372036), 854775808), ==, INT64_MAX);
	CHECK_INT(ns(INT64_C(9223372037), 0), ==, INT64_MAX);
	CHECK_INT(ns(INT64_C(-9223372036), -854775808), ==, INT64_MIN);
	CHECK_INT(ns(INT64_C(-9223372036), -854775809), ==, INT64_MIN);
	CHECK_INT(ns(INT64_C(-9223372037), 0), ==, INT64_MIN);
}

TEST_ONCE(there_and_back_again)
{
	static const int64_t times[] = {
		0, 1, 999999999, IVI_SEC, IVI_SEC + 1, YEAR, 50 * YEAR + 7,
		INT32_MAX * IVI_SEC, INT32_MAX * IVI_SEC + 999999999,
	};
	unsigned i;

	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct timespec ts = ivi_ns_to_ts(times[i]);

		CHECK_INT(ts.tv_nsec, >=, 0);
		CHECK_INT(ts.tv_nsec, <, IVI_SEC);
		CHECK_INT(ivi_ts_to_ns(&ts), ==, times[i]);
	}
}

/* Where time_t is short, a wait that ends after 68 years just waits again.
   Elsewhere kernel timers have to be set on machines that are up for longer. */
TEST_ONCE(a_timespec_uses_all_of_time_t)
{
	struct timespec ts = ivi_ns_to_ts(INT64_MAX);
	int64_t sec = sizeof(time_t) == 4 ? INT32_MAX : INT64_MAX / IVI_SEC;

	CHECK_INT(ts.tv_sec, ==, sec);
	CHECK_INT(ts.tv_nsec, ==, INT64_MAX % IVI_SEC);
	CHECK_INT(ns(time_max(), 0), >=, ivi_ts_to_ns(&ts) - IVI_SEC);
}

TEST_ONCE(time_left)
{
	CHECK_INT(ivi_ns_left(10, 3), ==, 7);
	CHECK_INT(ivi_ns_left(10, 10), ==, 0);
	CHECK_INT(ivi_ns_left(10, 11), ==, 0);
	CHECK_INT(ivi_ns_left(-5, -7), ==, 2);
	CHECK_INT(ivi_ns_left(INT64_MIN, INT64_MAX), ==, 0);
	CHECK_INT(ivi_ns_left(INT64_MAX, -1), ==, INT64_MAX);
	CHECK_INT(ivi_ns_left(INT64_MAX, INT64_MIN), ==, INT64_MAX);
	CHECK_INT(ivi_ns_left(INT64_MAX, 1), ==, INT64_MAX - 1);
}

TEST_ONCE(milliseconds_round_up)
{
	CHECK_INT(ivi_ns_to_ms(0), ==, 0);
	CHECK_INT(ivi_ns_to_ms(1), ==, 1);
	CHECK_INT(ivi_ns_to_ms(999999), ==, 1);
	CHECK_INT(ivi_ns_to_ms(1000000), ==, 1);
	CHECK_INT(ivi_ns_to_ms(1000001), ==, 2);
	CHECK_INT(ivi_ns_to_ms(86399999 * INT64_C(1000000)), ==, 86399999);
}

TEST_ONCE(milliseconds_stop_at_a_day)
{
	CHECK_INT(ivi_ns_to_ms(86400000 * INT64_C(1000000)), ==, 86400000);
	CHECK_INT(ivi_ns_to_ms(86400000 * INT64_C(1000000) + 1), ==,
		  86400000);
	CHECK_INT(ivi_ns_to_ms(INT64_MAX), ==, 86400000);
}
