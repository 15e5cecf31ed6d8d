/* SPDX-License-Identifier: MIT */
/*
 * clock.c - tests of the monotonic clock.
 */
#include "config.h"
#include "base/timespec.h"
#include "sys/clockfd.h"
#include "sys/sys.h"
#include "harness/spy.h"
#include "harness/test.h"

TEST_ONCE(never_runs_backwards)
{
	int64_t last = ivi_clock_ns(), now;
	int i;

	for (i = 0; i < 10000; i++) {
		now = ivi_clock_ns();
		CHECK_INT(now, >=, last);
		last = now;
	}
	CHECK_INT(last, >, 0);
}

TEST_ONCE(both_forms_agree)
{
	struct timespec ts;

	spy_clock_take(123 * IVI_SEC + 456);
	ivi_clock(&ts);
	CHECK_INT(ts.tv_sec, ==, 123);
	CHECK_INT(ts.tv_nsec, ==, 456);
	CHECK_INT(ivi_clock_ns(), ==, 123 * IVI_SEC + 456);
}

/* Setting the time of day must not move timers. */
TEST_ONCE(is_not_the_time_of_day)
{
	struct timespec day;

	CHECK_SYS(clock_gettime(CLOCK_REALTIME, &day));
	CHECK_INT(ivi_clock_ns(), <, ivi_ts_to_ns(&day) - 86400 * IVI_SEC);
}

TEST_ONCE(a_nap_is_as_long_as_it_says)
{
	spy_clock_take(1000);
	ivi_nap(3 * IVI_SEC + 7);
	CHECK_INT(spy_clock(), ==, 3 * IVI_SEC + 1007);
}

FATAL_TEST_ONCE(no_clock, "iv_now: clock_gettime: EINVAL")
{
	spy_fail(SPY_CLOCK, 1, 1, EINVAL);
	ivi_clock_ns();
}

/* ---- Clocks of alarms ---------------------------------------------------- */

TEST_ONCE(clocks_have_numbers)
{
	CHECK_INT(ivi_clock_number(CLOCK_REALTIME), ==, IVI_REALTIME);
	CHECK_INT(ivi_clock_number(CLOCK_MONOTONIC), ==, -EINVAL);
	CHECK_INT(ivi_clock_number(4711), ==, -EINVAL);
#ifdef HAVE_CLOCK_BOOTTIME
	CHECK_INT(ivi_clock_number(CLOCK_BOOTTIME), ==, IVI_BOOTTIME);
#endif
}

#ifdef HAVE_CLOCK_BOOTTIME
TEST_ONCE(a_clock_that_the_kernel_does_not_know)
{
	spy_fail(SPY_CLOCK, 1, 1, EINVAL);
	CHECK_INT(ivi_clock_number(CLOCK_BOOTTIME), ==, -EINVAL);
}

/* Then the monotonic clock has to do. */
TEST_ONCE(nothing_goes_on_in_suspend)
{
	int64_t ahead;

	spy_clock_take(10 * IVI_SEC);
	spy_wall_set(5 * IVI_SEC);
	spy_fail(SPY_CLOCK, 1, 1, EINVAL);
	CHECK_INT(ivi_clock_compare(IVI_REALTIME, &ahead), ==, 15 * IVI_SEC);
	CHECK_INT(ahead, ==, 5 * IVI_SEC);
}

TEST_ONCE(suspend_is_no_jump)
{
	int64_t ahead;

	spy_clock_take(10 * IVI_SEC);
	spy_wall_set(5 * IVI_SEC);
	spy_suspend(7 * IVI_SEC);
	CHECK_INT(ivi_clock_compare(IVI_REALTIME, &ahead), ==, 22 * IVI_SEC);
	CHECK_INT(ahead, ==, 5 * IVI_SEC);
	CHECK_INT(ivi_clock_compare(IVI_BOOTTIME, &ahead), ==, 17 * IVI_SEC);
	CHECK_INT(ahead, ==, 0);
}
#endif

TEST_ONCE(the_wall_is_the_time_of_day)
{
	struct timespec day;

	CHECK_SYS(clock_gettime(CLOCK_REALTIME, &day));
	CHECK_INT(ivi_clock_shows(IVI_REALTIME), >=, ivi_ts_to_ns(&day));
}

FATAL_TEST_ONCE(no_time_of_day, "iv_alarm: clock_gettime: EINVAL")
{
	spy_fail(SPY_CLOCK, 1, 1, EINVAL);
	ivi_clock_shows(IVI_REALTIME);
}
