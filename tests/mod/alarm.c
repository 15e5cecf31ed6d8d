/* SPDX-License-Identifier: MIT */
/*
 * alarm.c - iv_alarm.  Most cases keep the clocks themselves.
 */
#include "config.h"
#include <limits.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <sched.h>
#include <stdio.h>
#include <sys/wait.h>
#include <iv_alarm.h>
#include "base/timespec.h"
#include "harness/spy.h"
#include "mod/call_rig.h"

#define MS	INT64_C(1000000)
#define MINUTE	(60 * IVI_SEC)
#define HOUR	(3600 * IVI_SEC)
#define DAY	(24 * HOUR)
#define YEAR	(365 * DAY)

/* By the monotonic clock, and on the wall: in 2023, on a full hour. */
#define START	(1000 * IVI_SEC)
#define WALL	(INT64_C(1700000000) / 3600 * HOUR)

/* ---- Helpers --------------------------------------------------------------- */

static struct iv_alarm alarms[4];

/* No timerfds: the clock is looked at. */
#if defined(HAVE_TIMERFD) && defined(HAVE_TIMERFD_CANCEL)
#define TIMERFDS
static int looking;
#else
static int looking = 1;
#endif

static struct timespec ts(int64_t ns)
{
	struct timespec t = { (time_t)(ns / IVI_SEC), (long)(ns % IVI_SEC) };

	return t;
}

static struct iv_alarm *make(int i, int64_t at, int64_t interval,
			     void (*handler)(void *), void *cookie)
{
	struct iv_alarm *a = &alarms[i];

	memset(a, 0xa5, sizeof(*a));
	IV_ALARM_INIT(a);
	a->at = ts(at);
	a->interval = ts(interval);
	a->handler = handler;
	a->cookie = cookie;
	return a;
}

static void add(int i, int64_t at, int64_t interval, void (*handler)(void *),
		void *cookie)
{
	CHECK_INT(iv_alarm_register(make(i, at, interval, handler, cookie)),
		  ==, 0);
}

/* What the calls have seen on the wall, and `next' then. */
static int64_t seen[256], nexts[256];

static void note_call(void *_alarm)
{
	struct iv_alarm *a = _alarm;

	seen[calls] = spy_wall();
	nexts[calls] = ivi_ts_to_ns(&a->next);
	called(256);
}

static void check_call(int i, int64_t expected)
{
	CHECK_INT(seen[i], >=, expected);
	CHECK_INT(seen[i], <=, expected + spy_late());
}

/* After the clock was set or the machine suspended: a minute later if nobody
   tells. */
static void check_call_after(int i, int64_t expected)
{
	CHECK_INT(seen[i], >=, expected);
	CHECK_INT(seen[i], <=, expected + spy_late() + (looking ? MINUTE : 0));
}

static void begin(void)
{
	spy_clock_take(START);
	spy_wall_set(WALL - START);
	iv_init();
	if (looking)
		spy_fail(SPY_TIMERFD_CREATE, 1, ~0U, EPERM);
}

static void end(void)
{
	int i;

	for (i = 0; i < 4; i++)
		if (iv_alarm_registered(&alarms[i]))
			iv_alarm_unregister(&alarms[i]);
	iv_main();
	iv_deinit();
}

/* Runs with timerfds and without. */
#define ALARM_TEST(name)						\
static void name(void);							\
TEST(name)								\
{									\
	name();								\
}									\
TEST(name##_without_timerfd)						\
{									\
	looking = 1;							\
	name();								\
}									\
static void name(void)

static struct iv_timer later;
static int64_t amount;

static void set_wall(void *unused)
{
	(void)unused;
	spy_wall_set(spy_wall() - spy_boot() + amount);
}

static void suspend(void *unused)
{
	(void)unused;
	spy_suspend(amount);
}

static void advance_clock(void *unused)
{
	(void)unused;
	spy_clock_advance(amount);
}

/* In that many nanoseconds, by the monotonic clock. */
static void in(int64_t ns, void (*fn)(void *), int64_t by)
{
	amount = by;
	IV_TIMER_INIT(&later);
	later.expires = ts(spy_clock() + ns);
	later.handler = fn;
	iv_timer_register(&later);
}

/* ---- Once ------------------------------------------------------------------ */

TEST_ONCE(init_clears_all_of_it)
{
	static const struct iv_alarm zero;

	make(0, 0, 0, NULL, NULL);
	CHECK_INT(memcmp(&alarms[0], &zero, sizeof(zero)), ==, 0);
	CHECK_INT(iv_alarm_registered(&alarms[0]), ==, 0);
}

static void once(void *_alarm)
{
	CHECK_INT(iv_alarm_registered(_alarm), ==, 0);
	note_call(_alarm);
}

ALARM_TEST(once_when_the_clock_gets_there)
{
	begin();
	make(0, WALL + 5000 * IVI_SEC + 7, 0, once, &alarms[0]);
	alarms[0].clock = CLOCK_REALTIME;
	CHECK_INT(iv_alarm_register(&alarms[0]), ==, 0);
	CHECK_INT(iv_alarm_registered(&alarms[0]), ==, 1);
	CHECK_INT(ivi_ts_to_ns(&alarms[0].next), ==,
		  WALL + 5000 * IVI_SEC + 7);
	iv_main();
	CHECK_INT(calls, ==, 1);
	check_call(0, WALL + 5000 * IVI_SEC + 7);
	end();
}

ALARM_TEST(a_time_that_has_passed_is_now)
{
	begin();
	add(0, WALL - DAY, 0, once, &alarms[0]);
	add(1, WALL, 0, once, &alarms[1]);
	add(2, 0, 0, once, &alarms[2]);
	add(3, -DAY, 0, once, &alarms[3]);
	iv_main();
	CHECK_INT(calls, ==, 4);
	CHECK_INT(spy_wall(), ==, WALL);
	end();
}

/* iv_now may be old, but that is another clock. */
ALARM_TEST(in_order_of_time_and_of_registration)
{
	begin();
	add(0, WALL + 3, 0, trace, (void *)(uintptr_t)"c");
	add(1, WALL + 2, 0, trace, (void *)(uintptr_t)"a");
	add(2, WALL + 2, 0, trace, (void *)(uintptr_t)"b");
	add(3, WALL + 9, 0, trace, (void *)(uintptr_t)"d");
	spy_clock_advance(1000);
	iv_main();
	CHECK_STR(traced(), "abcd");
	end();
}

ALARM_TEST(cookie_and_handler_are_read_at_the_call)
{
	begin();
	add(0, WALL + HOUR, 0, never_handler, NULL);
	alarms[0].handler = note_call;
	alarms[0].cookie = &alarms[0];
	iv_main();
	CHECK_INT(calls, ==, 1);
	end();
}

/* ---- Repeated -------------------------------------------------------------- */

static void still_registered(void *_alarm)
{
	CHECK_INT(iv_alarm_registered(_alarm), ==, 1);
	note_call(_alarm);
}

ALARM_TEST(each_interval_from_a_time_to_come)
{
	int i;

	begin();
	add(0, WALL + 90 * MINUTE, 17 * MINUTE, still_registered, &alarms[0]);
	run(10);
	for (i = 0; i < 10; i++) {
		check_call(i, WALL + (90 + 17 * i) * MINUTE);
		CHECK_INT(nexts[i], ==, WALL + (107 + 17 * i) * MINUTE);
	}
	end();
}

/* The first is after now, and in phase. */
ALARM_TEST(each_interval_from_a_time_long_ago)
{
	int i;

	begin();
	add(0, WALL - 10 * YEAR - 3 * MINUTE, HOUR, note_call, &alarms[0]);
	CHECK_INT(ivi_ts_to_ns(&alarms[0].next), ==, WALL + 57 * MINUTE);
	run(5);
	for (i = 0; i < 5; i++)
		check_call(i, WALL + 57 * MINUTE + i * HOUR);
	end();
}

ALARM_TEST(from_a_time_before_1970)
{
	begin();
	make(0, 0, HOUR, note_call, &alarms[0]);
	alarms[0].at.tv_sec = -1;
	alarms[0].at.tv_nsec = 500000000;
	CHECK_INT(iv_alarm_register(&alarms[0]), ==, 0);
	run(2);
	check_call(0, WALL + HOUR - 500 * MS);
	check_call(1, WALL + 2 * HOUR - 500 * MS);
	end();
}

/* Now is a beat: the first call is the next one. */
ALARM_TEST(a_beat_that_is_now_has_passed)
{
	begin();
	add(0, WALL - DAY, HOUR, note_call, &alarms[0]);
	run(1);
	check_call(0, WALL + HOUR);
	end();
}

static void dawdle(void *_alarm)
{
	note_call(_alarm);
	spy_clock_advance(amount);
}

ALARM_TEST(beats_that_pass_while_others_run_are_left_out)
{
	begin();
	add(0, WALL, MINUTE, dawdle, &alarms[0]);
	amount = 200 * IVI_SEC;
	run(1);
	amount = 0;
	check_call(0, WALL + MINUTE);
	run(2);
	CHECK_INT(seen[1], ==, seen[0] + 200 * IVI_SEC);
	check_call(2, WALL + 5 * MINUTE);
	end();
}

static int asked;

/* The next full ten minutes. */
static void next_ten_minutes(void *cookie, const struct timespec *now,
			     struct timespec *next)
{
	CHECK_PTR(cookie, ==, &alarms[0]);
	CHECK_INT(ivi_ts_to_ns(now), ==, spy_wall());
	CHECK_INT(ivi_ts_to_ns(next), ==, spy_wall());
	next->tv_sec = (now->tv_sec / 600 + 1) * 600;
	next->tv_nsec = 0;
	asked++;
}

ALARM_TEST(reschedule_is_asked)
{
	begin();
	make(0, WALL + 7, 13, still_registered, &alarms[0]);
	alarms[0].reschedule = next_ten_minutes;
	CHECK_INT(iv_alarm_register(&alarms[0]), ==, 0);
	CHECK_INT(asked, ==, 1);
	run(2);
	CHECK_INT(asked, ==, 3);
	check_call(0, WALL + 10 * MINUTE);
	CHECK_INT(nexts[0], ==, WALL + 20 * MINUTE);
	check_call(1, WALL + 20 * MINUTE);
	end();
}

/* ---- The clock is set ------------------------------------------------------ */

ALARM_TEST(set_forward_over_one_that_is_called_once)
{
	begin();
	add(0, WALL + DAY, 0, note_call, &alarms[0]);
	in(MINUTE, set_wall, 2 * DAY);
	iv_main();
	CHECK_INT(calls, ==, 1);
	check_call_after(0, WALL + 2 * DAY + MINUTE);
	end();
}

ALARM_TEST(set_back_before_one_that_is_called_once)
{
	begin();
	add(0, WALL + HOUR, 0, note_call, &alarms[0]);
	in(MINUTE, set_wall, -DAY);
	iv_main();
	CHECK_INT(calls, ==, 1);
	check_call(0, WALL + HOUR);
	CHECK_INT(spy_boot(), >=, START + DAY + HOUR);
	end();
}

ALARM_TEST(set_forward_over_a_year_of_seconds)
{
	begin();
	add(0, WALL, IVI_SEC, note_call, &alarms[0]);
	run(3);
	in(100 * MS, set_wall, YEAR);
	run(10);
	check_call_after(3, WALL + YEAR + 4 * IVI_SEC);
	check_call_after(12, WALL + YEAR + 13 * IVI_SEC);
	end();
}

/* The beat that was left out gets no call. */
ALARM_TEST(set_forward_over_a_beat)
{
	begin();
	add(0, WALL, HOUR, note_call, &alarms[0]);
	in(40 * MINUTE, set_wall, 40 * MINUTE);
	run(2);
	check_call(0, WALL + 2 * HOUR);
	check_call(1, WALL + 3 * HOUR);
	end();
}

ALARM_TEST(set_back_a_day)
{
	begin();
	add(0, WALL - YEAR, HOUR, note_call, &alarms[0]);
	run(1);
	in(10 * MINUTE, set_wall, -DAY);
	run(2);
	check_call(1, WALL - 22 * HOUR);
	check_call(2, WALL - 21 * HOUR);
	CHECK_INT(spy_boot(), <, START + 4 * HOUR);
	end();
}

ALARM_TEST(reschedule_is_asked_anew)
{
	begin();
	make(0, 0, 0, note_call, &alarms[0]);
	alarms[0].reschedule = next_ten_minutes;
	CHECK_INT(iv_alarm_register(&alarms[0]), ==, 0);
	in(MINUTE, set_wall, -DAY);
	run(1);
	check_call(0, WALL - DAY + 10 * MINUTE);
	CHECK_INT(asked, ==, 3);
	end();
}

/* Slewed, or stepped by NTP: no beat is lost, none comes twice. */
ALARM_TEST(put_right_by_less_than_a_second)
{
	begin();
	add(0, WALL, MINUTE, note_call, &alarms[0]);
	in(MINUTE - 300 * MS, set_wall, 700 * MS);
	run(1);
	check_call_after(0, WALL + MINUTE + 400 * MS);
	in(MINUTE / 2, set_wall, 0);
	run(1);
	in(100 * MS, set_wall, -700 * MS);
	run(1);
	CHECK_INT(nexts[2], ==, WALL + 4 * MINUTE);
	check_call(2, WALL + 3 * MINUTE);
	end();
}

/* Many such steps, but none that counts. */
ALARM_TEST(drifts_away)
{
	int i;

	begin();
	add(0, WALL, MINUTE, note_call, &alarms[0]);
	for (i = 0; i < 100; i++) {
		in(MINUTE / 2, set_wall, 900 * MS);
		run(1);
		CHECK_INT(nexts[i], ==, WALL + (i + 2) * MINUTE);
	}
	end();
}

/* Between the look at the clock and the first time the kernel was told. */
ALARM_TEST(set_before_the_loop_runs)
{
	begin();
	add(0, WALL, HOUR, note_call, &alarms[0]);
	add(1, WALL + DAY, 0, note_call, &alarms[1]);
	spy_wall_set(spy_wall() - spy_boot() + 2 * DAY);
	run(2);
	CHECK_INT(seen[0], ==, WALL + 2 * DAY);
	check_call(1, WALL + 2 * DAY + HOUR);
	end();
}

static void set_in_a_handler(void *_alarm)
{
	note_call(_alarm);
	if (calls == 1)
		spy_wall_set(spy_wall() - spy_boot() - DAY);
}

ALARM_TEST(set_in_its_handler)
{
	begin();
	add(0, WALL - YEAR, HOUR, set_in_a_handler, &alarms[0]);
	run(2);
	check_call(0, WALL + HOUR);
	check_call(1, WALL - 22 * HOUR);
	end();
}

/* Back and forth, each time as far. */
ALARM_TEST(set_again_and_again)
{
	int i;

	begin();
	add(0, WALL - YEAR, HOUR, never_handler, "an hour never passes");
	for (i = 0; i < 50; i++) {
		in(10 * MINUTE, set_wall, i % 2 ? 20 * MINUTE : -5 * MINUTE);
		add(1, spy_wall() + 20 * MINUTE, 0, note_call, &alarms[1]);
		run(1);
		CHECK_INT(ivi_ts_to_ns(&alarms[0].next), >, spy_wall());
		CHECK_INT(ivi_ts_to_ns(&alarms[0].next), <=,
			  spy_wall() + HOUR);
		spy_wall_set(WALL - spy_boot());
	}
	end();
}

/* CLOCK_BOOTTIME does not care. */
ALARM_TEST(set_under_an_alarm_of_another_clock)
{
#ifdef HAVE_CLOCK_BOOTTIME
	begin();
	make(0, START + HOUR, 0, note_call, &alarms[0]);
	alarms[0].clock = CLOCK_BOOTTIME;
	CHECK_INT(iv_alarm_register(&alarms[0]), ==, 0);
	in(MINUTE, set_wall, YEAR);
	iv_main();
	check_call(0, WALL + YEAR + HOUR);
	end();
#else
	SKIP("no CLOCK_BOOTTIME");
#endif
}

/* ---- The machine is suspended ---------------------------------------------- */

ALARM_TEST(suspended_over_one_that_is_called_once)
{
	begin();
	add(0, WALL + HOUR, 0, note_call, &alarms[0]);
	in(MINUTE, suspend, 3 * HOUR);
	iv_main();
	check_call_after(0, WALL + 3 * HOUR + MINUTE);
	end();
}

/* One call for all that have passed, not that of the next hour. */
ALARM_TEST(suspended_over_beats)
{
#ifdef HAVE_CLOCK_BOOTTIME
	begin();
	add(0, WALL, HOUR, note_call, &alarms[0]);
	in(MINUTE, suspend, 3 * HOUR + 30 * MINUTE);
	run(2);
	check_call_after(0, WALL + 3 * HOUR + 31 * MINUTE);
	check_call(1, WALL + 4 * HOUR);
	end();
#else
	SKIP("no clock that goes on in suspend");
#endif
}

ALARM_TEST(suspended_under_boottime)
{
#ifdef HAVE_CLOCK_BOOTTIME
	begin();
	make(0, START + HOUR, 30 * MINUTE, note_call, &alarms[0]);
	alarms[0].clock = CLOCK_BOOTTIME;
	CHECK_INT(iv_alarm_register(&alarms[0]), ==, 0);
	in(MINUTE, suspend, 3 * HOUR + 10 * MINUTE);
	run(2);
	check_call_after(0, WALL + 3 * HOUR + 11 * MINUTE);
	check_call(1, WALL + 3 * HOUR + 30 * MINUTE);
	end();
#else
	SKIP("no CLOCK_BOOTTIME");
#endif
}

/* ---- Whatever happens ------------------------------------------------------ */

static unsigned dice = 4711;

static int64_t roll(int64_t most)
{
	dice = dice * 1103515245 + 12345;
	return (int64_t)((double)(dice >> 8) / (1 << 24) * (double)most);
}

static int64_t promised[4];
static const int64_t periods[4] = {
	7 * MINUTE, HOUR, 61 * IVI_SEC, DAY
};

/* Never before what was promised; and then the first beat after now. */
static void check_promise(void *_alarm)
{
	struct iv_alarm *a = _alarm;
	int64_t next = ivi_ts_to_ns(&a->next);
	int i = (int)(a - alarms);

	CHECK_INT(spy_wall(), >=, promised[i]);
	CHECK_INT(next, >, spy_wall());
	CHECK_INT(next, <=, spy_wall() + periods[i]);
	CHECK_INT((next - WALL + YEAR) % periods[i], ==, 0);
	promised[i] = next;
	calls++;
}

static int steps;

static void step(void *unused)
{
	static void (*const what[])(void *) = {
		set_wall, suspend, advance_clock, advance_clock
	};
	int64_t which = roll(4);

	(void)unused;
	/* Then all are computed anew. */
	if (which == 0)
		memset(promised, 0, sizeof(promised));
	else if (amount < 0)
		amount = -amount;
	what[which](NULL);
	if (++steps == 200) {
		iv_quit();
		return;
	}
	in(roll(HOUR), step, roll(2 * HOUR) - HOUR);
}

ALARM_TEST(never_early_and_in_phase_whatever_happens)
{
	int i;

	begin();
	for (i = 0; i < 4; i++)
		add(i, WALL - YEAR, periods[i], check_promise, &alarms[i]);
	in(MINUTE, step, HOUR);
	iv_main();
	CHECK_INT(calls, >, 200);
	end();
}

/* ---- Changes --------------------------------------------------------------- */

ALARM_TEST(again_reads_the_struct_anew)
{
	begin();
	add(0, WALL + HOUR, 0, note_call, &alarms[0]);
	alarms[0].at = ts(WALL + MINUTE);
	iv_alarm_again(&alarms[0]);
	CHECK_INT(ivi_ts_to_ns(&alarms[0].next), ==, WALL + MINUTE);
	iv_main();
	check_call(0, WALL + MINUTE);
	add(0, WALL, HOUR, note_call, &alarms[0]);
	alarms[0].interval = ts(2 * MINUTE);
	iv_alarm_again(&alarms[0]);
	run(2);
	check_call(1, WALL + 2 * MINUTE);
	check_call(2, WALL + 4 * MINUTE);
	end();
}

ALARM_TEST(a_changed_interval_counts_from_the_next_call)
{
	begin();
	add(0, WALL, HOUR, note_call, &alarms[0]);
	alarms[0].interval = ts(7 * MINUTE);
	run(2);
	check_call(0, WALL + HOUR);
	check_call(1, WALL + 63 * MINUTE);
	end();
}

/* Once it does not repeat any more, the call to come is the last. */
ALARM_TEST(an_interval_becomes_zero)
{
	begin();
	add(0, WALL, HOUR, once, &alarms[0]);
	alarms[0].interval = ts(0);
	iv_main();
	CHECK_INT(calls, ==, 1);
	check_call(0, WALL + HOUR);
	end();
}

static void drop_others(void *_alarm)
{
	int i;

	note_call(_alarm);
	for (i = 0; i < 4; i++)
		if (&alarms[i] != _alarm)
			iv_alarm_again(&alarms[i]);
}

ALARM_TEST(again_drops_a_call_that_is_due)
{
	int i;

	begin();
	for (i = 0; i < 4; i++)
		add(i, WALL, HOUR, drop_others, &alarms[i]);
	spy_clock_advance(HOUR + 1);
	last_call = 1;
	iv_main();
	CHECK_INT(calls, ==, 1);
	CHECK_INT(spy_wall(), <, WALL + 2 * HOUR);
	end();
}

/* ---- Life ------------------------------------------------------------------ */

ALARM_TEST(unregistered_before_it_is_called)
{
	begin();
	add(0, WALL + HOUR, 0, never_handler, NULL);
	add(1, WALL - HOUR, 0, never_handler, NULL);
	add(2, WALL + HOUR, HOUR, never_handler, NULL);
	add(3, WALL + DAY, 0, note_call, &alarms[3]);
	iv_alarm_unregister(&alarms[0]);
	iv_alarm_unregister(&alarms[1]);
	in(MINUTE, advance_clock, 0);
	iv_alarm_unregister(&alarms[2]);
	CHECK_INT(iv_alarm_registered(&alarms[0]), ==, 0);
	iv_main();
	CHECK_INT(calls, ==, 1);
	end();
}

static void unregister_it(void *_alarm)
{
	iv_alarm_unregister(_alarm);
	CHECK_INT(iv_alarm_registered(_alarm), ==, 0);
	mark("u");
}

ALARM_TEST(its_handler_unregisters_it)
{
	begin();
	add(0, WALL, HOUR, unregister_it, &alarms[0]);
	iv_main();
	CHECK_STR(traced(), "u");
	end();
}

static void free_it(void *_alarm)
{
	struct iv_alarm *a = _alarm;

	if (iv_alarm_registered(a))
		iv_alarm_unregister(a);
	memset(a, 0xa5, sizeof(*a));
	free(a);
	mark("f");
}

ALARM_TEST(its_handler_frees_it)
{
	struct iv_alarm *a;
	int i;

	begin();
	for (i = 0; i < 2; i++) {
		a = malloc(sizeof(*a));
		CHECK(a != NULL);
		*a = *make(0, WALL + HOUR, i * HOUR, free_it, a);
		CHECK_INT(iv_alarm_register(a), ==, 0);
	}
	iv_main();
	CHECK_STR(traced(), "ff");
	IV_ALARM_INIT(&alarms[0]);
	end();
}

static void unregister_all(void *unused)
{
	int i;

	(void)unused;
	for (i = 0; i < 4; i++) {
		if (iv_alarm_registered(&alarms[i]))
			iv_alarm_unregister(&alarms[i]);
		memset(&alarms[i], 0, sizeof(alarms[i]));
	}
	mark("x");
}

/* Some are due, some are waiting. */
ALARM_TEST(a_handler_unregisters_all)
{
	begin();
	add(0, WALL + HOUR, 0, unregister_all, NULL);
	add(1, WALL + HOUR, HOUR, unregister_all, NULL);
	add(2, WALL + HOUR, DAY, unregister_all, NULL);
	add(3, WALL + DAY, 0, unregister_all, NULL);
	spy_clock_advance(2 * HOUR);
	iv_main();
	CHECK_STR(traced(), "x");
	end();
}

static void register_again(void *_alarm)
{
	note_call(_alarm);
	CHECK_INT(iv_alarm_register(_alarm), ==, 0);
}

/* One that is always due leaves others their turn. */
ALARM_TEST(registered_again_in_the_past_by_its_handler)
{
	begin();
	start_counting_turns();
	add(0, WALL - HOUR, 0, register_again, &alarms[0]);
	run(20);
	CHECK_INT(turns, >=, 20);
	stop_counting_turns();
	end();
}

static void run_inside(void *_alarm)
{
	note_call(_alarm);
	run_inside_until_last();
}

ALARM_TEST(it_goes_on_in_an_iv_main_of_its_handler)
{
	begin();
	add(0, WALL, HOUR, run_inside, &alarms[0]);
	run(5);
	check_call(4, WALL + 5 * HOUR);
	end();
}

static jmp_buf out;

static void jump(void *_alarm)
{
	note_call(_alarm);
	longjmp(out, 1);
}

/* What was due with it is called afterwards. */
ALARM_TEST(its_handler_is_left_by_longjmp)
{
	begin();
	add(0, WALL + HOUR, 0, jump, &alarms[0]);
	add(1, WALL + HOUR, HOUR, jump, &alarms[1]);
	add(2, WALL + HOUR, 0, note_call, &alarms[2]);
	spy_clock_advance(HOUR);
	last_call = 3;
	if (setjmp(out) < 2)
		iv_main();
	CHECK_INT(calls, ==, 3);
	alarms[1].handler = note_call;
	end();
}

/* Waiting ones and due ones. */
ALARM_TEST(taken_down_with_the_loop)
{
	begin();
	add(0, WALL + HOUR, 0, never_handler, NULL);
	add(1, WALL, DAY, never_handler, NULL);
	add(2, WALL - HOUR, 0, quit_handler, NULL);
	add(3, WALL, 1, never_handler, NULL);
	alarms[3].handler = quit_handler;
	iv_main();
	iv_deinit();
	iv_init();
	add(0, spy_wall() + HOUR, 0, note_call, &alarms[0]);
	iv_main();
	CHECK_INT(calls, ==, 1);
	memset(alarms, 0, sizeof(alarms));
	end();
}

/* ---- What it costs --------------------------------------------------------- */

/* The loop sleeps until then, or a minute at a time. */
ALARM_TEST(how_often_it_wakes)
{
	begin();
	add(0, WALL + 10 * HOUR, 0, note_call, &alarms[0]);
	spy_reset();
	iv_main();
	CHECK_INT(calls, ==, 1);
	CHECK_INT(spy_count(SPY_WAIT), <=, looking ? 620 : 5);
	CHECK_INT(spy_count(SPY_WAIT), >=, looking ? 600 : 1);
	end();
}

#ifdef TIMERFDS
static struct iv_alarm many[1000];

static void unregister_many(void *unused)
{
	int i;

	(void)unused;
	for (i = 0; i < 1000; i++)
		iv_alarm_unregister(&many[i]);
}

/* One timerfd for each clock, set once in a turn. */
TEST(a_thousand_share_a_timerfd)
{
	unsigned settime;
	int i;

	begin();
	quit_after_turns(1);
	iv_main();
	spy_reset();
	for (i = 0; i < 1000; i++) {
		many[i] = *make(0, WALL + (2000 - i) * IVI_SEC, HOUR,
				never_handler, NULL);
		CHECK_INT(iv_alarm_register(&many[i]), ==, 0);
	}
	CHECK_INT(spy_count(SPY_TIMERFD_CREATE), ==, 0);
	quit_after_turns(3);
	iv_main();
	CHECK_INT(spy_count(SPY_TIMERFD_CREATE), ==, 1);
	CHECK_INT(spy_count(SPY_TIMERFD_SETTIME), ==, 1);
	settime = spy_count(SPY_TIMERFD_SETTIME);
	quit_after_turns(10);
	iv_main();
	CHECK_INT(spy_count(SPY_TIMERFD_SETTIME), ==, settime);
	unregister_many(NULL);
	IV_ALARM_INIT(&alarms[0]);
	end();
}
#endif

/* ---- Refusals -------------------------------------------------------------- */

TEST(another_clock)
{
	begin();
	make(0, WALL, 0, never_handler, NULL);
	alarms[0].clock = CLOCK_MONOTONIC;
	CHECK_ERRNO(iv_alarm_register(&alarms[0]), EINVAL);
	alarms[0].clock = 12345;
	CHECK_ERRNO(iv_alarm_register(&alarms[0]), EINVAL);
	CHECK_INT(iv_alarm_registered(&alarms[0]), ==, 0);
	end();
}

TEST(no_memory)
{
	begin();
	make(0, WALL + HOUR, 0, note_call, &alarms[0]);
	spy_fail(SPY_MALLOC, 1, 1, ENOMEM);
	CHECK_ERRNO(iv_alarm_register(&alarms[0]), ENOMEM);
	CHECK_INT(iv_alarm_registered(&alarms[0]), ==, 0);
	CHECK_INT(iv_alarm_register(&alarms[0]), ==, 0);
	iv_main();
	CHECK_INT(calls, ==, 1);
	end();
}

/* However they are refused: the clock is looked at. */
static void refuse(enum spy_call call, int err)
{
	begin();
	spy_fail(call, 1, ~0U, err);
	looking = 1;
	add(0, WALL + DAY, 0, note_call, &alarms[0]);
	in(MINUTE, set_wall, 2 * DAY);
	iv_main();
	CHECK_INT(calls, ==, 1);
	check_call_after(0, WALL + 2 * DAY + MINUTE);
	spy_heal();
	end();
}

TEST(timerfds_that_are_absent)
{
	refuse(SPY_TIMERFD_CREATE, ENOSYS);
}

TEST(timerfds_that_do_not_know_the_clock)
{
	refuse(SPY_TIMERFD_CREATE, EINVAL);
}

TEST(timerfds_that_a_filter_forbids)
{
	refuse(SPY_TIMERFD_CREATE, EACCES);
}

TEST(timerfds_that_cannot_be_told_of_clocks)
{
	refuse(SPY_TIMERFD_SETTIME, EINVAL);
}

#ifdef TIMERFDS
/* It lasts only as long as there are no descriptors. */
TEST(no_descriptor_left)
{
	begin();
	in(1, quit_handler, 0);
	iv_main();
	leave_fds(0);
	add(0, WALL + HOUR, HOUR, note_call, &alarms[0]);
	looking = 1;
	run(1);
	check_call(0, WALL + HOUR);
	in(MINUTE, set_wall, 2 * DAY);
	run(1);
	check_call_after(1, WALL + 2 * DAY + 2 * HOUR);
	restore_fds();
	spy_reset();
	run(1);
	CHECK_INT(spy_count(SPY_TIMERFD_CREATE), >=, 1);
	looking = 0;
	in(MINUTE, set_wall, -DAY);
	run(1);
	check_call(3, WALL + DAY + 4 * HOUR);
	end();
}

/* Refused for good: no call of the kernel any more. */
TEST(what_is_absent_is_not_asked_for_again)
{
	begin();
	spy_fail(SPY_TIMERFD_CREATE, 1, ~0U, EPERM);
	add(0, WALL, HOUR, note_call, &alarms[0]);
	run(1);
	spy_reset();
	run(3);
	if (strcmp(iv_poll_method_name(), "epoll-timerfd") != 0)
		CHECK_INT(spy_count(SPY_TIMERFD_CREATE), ==, 0);
	end();
}
#endif

TEST(centuries_never_pass)
{
	begin();
	make(0, 0, 0, never_handler, NULL);
	make(1, WALL, 0, never_handler, NULL);
	alarms[0].at.tv_sec = alarms[1].interval.tv_sec =
		sizeof(time_t) == 4 ? (time_t)INT32_MAX : (time_t)INT64_MAX;
	CHECK_INT(iv_alarm_register(&alarms[0]), ==, 0);
	CHECK_INT(iv_alarm_register(&alarms[1]), ==, 0);
	add(2, WALL, DAY, note_call, &alarms[2]);
	run(100);
	check_call(99, WALL + 100 * DAY);
	end();
}

/* The wall shows less than the clock of timers, to whose end it is less far. */
TEST(the_end_of_all_clocks)
{
	struct iv_timer t;
	int64_t at;

	if (sizeof(time_t) == 4)
		SKIP("that comes sooner");
	begin();
	spy_wall_set(-(spy_clock() / 2));
	make(0, 0, 0, never_handler, NULL);
	alarms[0].at.tv_sec = (time_t)INT64_MAX;
	CHECK_INT(iv_alarm_register(&alarms[0]), ==, 0);
	at = spy_wall() + MINUTE;
	add(1, at, 0, note_call, &alarms[1]);
	run(1);
	check_call(0, at);
	spy_reset();
	timer_after(&t, 1000, quit_handler, NULL);
	iv_timer_register(&t);
	iv_main();
	CHECK_INT(spy_count(SPY_WAIT), <, 20);
	end();
}

/* ---- Forked children ------------------------------------------------------- */

static void go_on(void *unused)
{
	(void)unused;
	spy_reset();
	run(2);
	check_call(2, WALL + 3 * HOUR);
#ifdef TIMERFDS
	if (!looking)
		CHECK_INT(spy_count(SPY_TIMERFD_CREATE), >=, 1);
#endif
	end();
}

ALARM_TEST(it_goes_on_in_a_forked_child)
{
	begin();
	add(0, WALL, HOUR, note_call, &alarms[0]);
	run(1);
	reap_child(fork_child(go_on, NULL));
	run(2);
	check_call(2, WALL + 3 * HOUR);
	end();
}

static void change_it(void *unused)
{
	(void)unused;
	spy_reset();
	/* Were it the parent's, this would be the first call. */
	spy_fail(SPY_TIMERFD_CREATE, 1, 1, EPERM);
	add(1, spy_wall() + 1, 0, note_call, &alarms[1]);
	iv_alarm_unregister(&alarms[0]);
	run(1);
	iv_deinit();
}

/* A child that moves an alarm before its loop has waited. */
TEST(a_child_leaves_the_timer_of_its_parent_alone)
{
	begin();
	add(0, WALL, HOUR, note_call, &alarms[0]);
	run(1);
	reap_child(fork_child(change_it, NULL));
	run(1);
	check_call(1, WALL + 2 * HOUR);
	IV_ALARM_INIT(&alarms[1]);
	end();
}

static int open_fds(void)
{
	int fd, n = 0;

	for (fd = 0; fd < 256; fd++)
		n += fd_is_open(fd);
	return n;
}

static int before;

static void begin_anew(void *unused)
{
	(void)unused;
	memset(alarms, 0xa5, sizeof(alarms));
	iv_init();
	add(0, spy_wall() + HOUR, 0, note_call, &alarms[0]);
	run(1);
	iv_deinit();
	CHECK_INT(open_fds(), ==, before);
}

ALARM_TEST(a_child_begins_anew)
{
	before = open_fds();
	begin();
	add(0, WALL, HOUR, note_call, &alarms[0]);
	run(1);
	reap_child(fork_child(begin_anew, NULL));
	run(1);
	end();
}

/* ---- Real clocks ----------------------------------------------------------- */

static int64_t wall(void)
{
	struct timespec t;

	CHECK_SYS(clock_gettime(CLOCK_REALTIME, &t));
	return ivi_ts_to_ns(&t);
}

static void not_early(void *_alarm)
{
	struct iv_alarm *a = _alarm;

	if (calls > 0)
		CHECK_INT(wall(), >=, nexts[calls - 1]);
	nexts[calls++] = ivi_ts_to_ns(&a->next);
	CHECK_INT((nexts[calls - 1] - WALL) % (5 * MS), ==, 0);
	if (calls == 20)
		iv_quit();
}

static void by_the_real_clock(void)
{
	iv_init();
	if (looking)
		spy_fail(SPY_TIMERFD_CREATE, 1, ~0U, EPERM);
	add(0, WALL, 5 * MS, not_early, &alarms[0]);
	iv_main();
	CHECK_INT(calls, ==, 20);
	end();
}

TEST(by_the_real_clock_of_this_machine)
{
	by_the_real_clock();
}

TEST(by_the_real_clock_without_timerfd)
{
	looking = 1;
	by_the_real_clock();
}

static void set_real(int64_t ns)
{
	struct timespec t = ts(ns);

	if (clock_settime(CLOCK_REALTIME, &t) < 0)
		SKIP("clock_settime: %s", strerror(errno));
}

static void set_forward_two_days(void *unused)
{
	(void)unused;
	set_real(wall() + 2 * DAY);
}

static void set_back_a_month(void *_alarm)
{
	note_call(_alarm);
	CHECK_INT(wall(), >=, nexts[0]);
	set_real(wall() - 30 * DAY);
}

/* In a virtual machine, and there for real: nothing else wakes the loop. */
TEST(the_clock_of_this_machine_is_set)
{
	int64_t now = wall();

	if (getenv("IV_TEST_MAY_SET_CLOCK") == NULL)
		SKIP("IV_TEST_MAY_SET_CLOCK does not say that the clock of "
		     "this machine may be set");
	iv_init();
	with_deadline(60);
	add(0, now + DAY, 0, set_back_a_month, &alarms[0]);
	add(1, now - 400 * DAY - HOUR / 2, HOUR, never_handler,
	    "no half hour is over");
	timer_after(&later, 10, set_forward_two_days, NULL);
	iv_timer_register(&later);
	last_call = 1;
	iv_main();
	CHECK_INT(calls, ==, 1);
	quit_after_turns(3);
	iv_main();
	CHECK_INT(ivi_ts_to_ns(&alarms[1].next), <, wall() + HOUR);
	CHECK_INT(ivi_ts_to_ns(&alarms[1].next), >, wall());
	set_real(now);
	without_deadline();
	end();
}

#if defined(HAVE_CLOCK_BOOTTIME) && defined(__linux__)
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME	0x80
#endif

static int64_t boot(void)
{
	struct timespec t;

	CHECK_SYS(clock_gettime(CLOCK_BOOTTIME, &t));
	return ivi_ts_to_ns(&t);
}

static void by_the_namespace(void *unused)
{
	int64_t at = boot() + 20 * MS;

	(void)unused;
	iv_init();
	make(0, at, 0, quit_handler, NULL);
	alarms[0].clock = CLOCK_BOOTTIME;
	CHECK_INT(iv_alarm_register(&alarms[0]), ==, 0);
	CHECK_INT(ivi_ts_to_ns(&alarms[0].next), >=, 1000 * DAY);
	with_deadline(8);
	iv_main();
	without_deadline();
	CHECK_INT(boot(), >=, at);
	end();
}

/* In it CLOCK_BOOTTIME is 1000 days ahead of the machine's, and CLOCK_MONOTONIC
   one.  It is entered by children. */
static void in_a_time_namespace(void *unused)
{
	FILE *f;

	(void)unused;
	if (unshare(CLONE_NEWTIME) < 0)
		_exit(NAMESPACE_SKIP);
	f = fopen("/proc/self/timens_offsets", "w");
	if (f == NULL || fprintf(f, "monotonic 86400 0\nboottime 86400000 0\n")
			 < 0 || fclose(f) != 0)
		_exit(NAMESPACE_SKIP);
	reap_child(fork_child(by_the_namespace, NULL));
}

TEST(by_the_clock_of_a_time_namespace)
{
	int status;
	pid_t pid = fork_child(in_a_time_namespace, NULL);

	CHECK_SYS(waitpid(pid, &status, 0));
	CHECK(WIFEXITED(status));
	if (WEXITSTATUS(status) == NAMESPACE_SKIP)
		SKIP("no time namespace may be made");
	CHECK_INT(WEXITSTATUS(status), ==, 0);
}
#endif

/* ---- Misuse ---------------------------------------------------------------- */

FATAL_TEST_ONCE(register_without_a_loop,
		"iv_alarm_register: call iv_init() in this thread first")
{
	add(0, WALL, 0, never_handler, NULL);
}

FATAL_TEST_ONCE(unregister_without_a_loop,
		"iv_alarm_unregister: call iv_init() in this thread first")
{
	iv_alarm_unregister(make(0, WALL, 0, never_handler, NULL));
}

FATAL_TEST(register_null,
	   "iv_alarm_register: the struct iv_alarm pointer is NULL")
{
	iv_init();
	iv_alarm_register(NULL);
}

FATAL_TEST(unregister_null,
	   "iv_alarm_unregister: the struct iv_alarm pointer is NULL")
{
	iv_init();
	iv_alarm_unregister(NULL);
}

FATAL_TEST_ONCE(registered_null,
		"iv_alarm_registered: the struct iv_alarm pointer is NULL")
{
	iv_alarm_registered(NULL);
}

FATAL_TEST(again_null, "iv_alarm_again: the struct iv_alarm pointer is NULL")
{
	iv_init();
	iv_alarm_again(NULL);
}

FATAL_TEST(no_handler, "has no handler")
{
	iv_init();
	add(0, WALL, 0, NULL, NULL);
}

FATAL_TEST(registered_twice, "is already registered")
{
	begin();
	add(0, WALL + HOUR, 0, never_handler, NULL);
	iv_alarm_register(&alarms[0]);
}

static void register_twice(void *_alarm)
{
	iv_alarm_register(_alarm);
}

FATAL_TEST(registered_twice_in_its_handler, "is already registered")
{
	begin();
	add(0, WALL, HOUR, register_twice, &alarms[0]);
	iv_main();
}

FATAL_TEST(unregistered_twice, "iv_alarm_unregister: iv_alarm")
{
	begin();
	add(0, WALL + HOUR, 0, never_handler, NULL);
	iv_alarm_unregister(&alarms[0]);
	iv_alarm_unregister(&alarms[0]);
}

FATAL_TEST(again_after_its_only_call, "iv_alarm_again: iv_alarm")
{
	begin();
	add(0, WALL, 0, note_call, &alarms[0]);
	iv_main();
	iv_alarm_again(&alarms[0]);
}

FATAL_TEST(negative_interval, "iv_alarm_register: iv_alarm")
{
	begin();
	add(0, WALL, -1, never_handler, NULL);
}

FATAL_TEST(interval_becomes_negative, "the interval is negative")
{
	begin();
	add(0, WALL, HOUR, never_handler, NULL);
	alarms[0].interval = ts(-HOUR);
	iv_main();
}

/* It is told NOW in `next', and leaves it so. */
static void no_answer(void *cookie, const struct timespec *now,
		      struct timespec *next)
{
	(void)cookie;
	(void)now;
	(void)next;
}

FATAL_TEST(reschedule_does_not_answer,
	   "reschedule gave a time that is not after now")
{
	begin();
	make(0, WALL, 0, never_handler, NULL);
	alarms[0].reschedule = no_answer;
	iv_alarm_register(&alarms[0]);
}

static void once_right(void *cookie, const struct timespec *now,
		       struct timespec *next)
{
	(void)cookie;
	(void)now;
	if (asked++ == 0)
		next->tv_sec++;
	else
		next->tv_sec--;
}

FATAL_TEST(reschedule_answers_with_the_past, "iv_main: iv_alarm")
{
	begin();
	make(0, WALL, 0, never_handler, NULL);
	alarms[0].reschedule = once_right;
	iv_alarm_register(&alarms[0]);
	iv_main();
}

static void unregister_when_asked(void *cookie, const struct timespec *now,
				  struct timespec *next)
{
	once_right(cookie, now, next);
	if (asked == 2)
		iv_alarm_unregister(cookie);
}

FATAL_TEST(reschedule_unregisters_its_alarm,
	   "iv_alarm_unregister: iv_alarm")
{
	begin();
	make(0, WALL, 0, never_handler, &alarms[0]);
	alarms[0].reschedule = unregister_when_asked;
	iv_alarm_register(&alarms[0]);
	iv_main();
}

static void register_when_asked(void *cookie, const struct timespec *now,
				struct timespec *next)
{
	once_right(cookie, now, next);
	iv_alarm_register(cookie);
}

FATAL_TEST(reschedule_registers_its_alarm, "called by its own reschedule")
{
	begin();
	make(0, WALL, 0, never_handler, &alarms[0]);
	alarms[0].reschedule = register_when_asked;
	iv_alarm_register(&alarms[0]);
}

static void run_when_asked(void *cookie, const struct timespec *now,
			   struct timespec *next)
{
	once_right(cookie, now, next);
	if (asked == 2) {
		spy_clock_advance(2 * DAY);
		iv_main();
	}
}

/* It is asked since the clock was set, and would be due meanwhile. */
FATAL_TEST(reschedule_runs_the_loop, "iv_main: iv_alarm")
{
	begin();
	make(0, WALL, 0, never_handler, &alarms[0]);
	alarms[0].reschedule = run_when_asked;
	iv_alarm_register(&alarms[0]);
	spy_wall_set(spy_wall() - spy_boot() - HOUR);
	iv_main();
}

static void *from_another_thread(void *unused)
{
	(void)unused;
	iv_init();
	iv_alarm_unregister(&alarms[0]);
	return NULL;
}

FATAL_TEST(another_thread_unregisters_it, "belongs to another loop")
{
	pthread_t tid;

	iv_init();
	add(0, WALL, HOUR, never_handler, NULL);
	pthread_create(&tid, NULL, from_another_thread, NULL);
	pthread_join(tid, NULL);
}

FATAL_TEST(overwritten_while_registered,
	   "was freed or overwritten while it was registered")
{
	begin();
	add(0, WALL, HOUR, never_handler, NULL);
	memset(&alarms[0].pad[8], 0, 4 * sizeof(void *));
	memset(&alarms[0].pad[7], 0, sizeof(void *));
	iv_main();
}
