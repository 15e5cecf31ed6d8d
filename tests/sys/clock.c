/* SPDX-License-Identifier: MIT */
/*
 * clock.c - tests of the monotonic clock.
 */
#include "base/timespec.h"
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
