/* SPDX-License-Identifier: MIT */
/*
 * timer.c - tests of timers.  Most keep the clock themselves.
 */
#include <stdint.h>
#include <stdlib.h>
#include "base/timespec.h"
#include "harness/spy.h"
#include "harness/test.h"

#define MS	INT64_C(1000000)
#define DAY	(86400 * IVI_SEC)
#define START	(1000 * IVI_SEC)

/* ---- Helpers --------------------------------------------------------------- */

static struct iv_timer timers[8];

static void mark(const char *label)
{
	trace((void *)(uintptr_t)label);
}

static void set(struct iv_timer *t, int64_t at)
{
	t->expires.tv_sec = (time_t)(at / IVI_SEC);
	t->expires.tv_nsec = (long)(at % IVI_SEC);
}

static struct iv_timer *make(int i, int64_t at, void (*handler)(void *),
			     const char *label)
{
	IV_TIMER_INIT(&timers[i]);
	set(&timers[i], at);
	timers[i].handler = handler;
	timers[i].cookie = (void *)(uintptr_t)label;
	return &timers[i];
}

static void add(int i, int64_t at, void (*handler)(void *), const char *label)
{
	iv_timer_register(make(i, at, handler, label));
}

static void add_sec_nsec(int i, time_t sec, long nsec,
			 void (*handler)(void *), const char *label)
{
	make(i, 0, handler, label);
	timers[i].expires.tv_sec = sec;
	timers[i].expires.tv_nsec = nsec;
	iv_timer_register(&timers[i]);
}

static time_t time_max(void)
{
	return sizeof(time_t) == 4 ? (time_t)INT32_MAX : (time_t)INT64_MAX;
}

static void begin(void)
{
	spy_clock_take(START);
	iv_init();
}

/* How late a method may be that knows milliseconds only, and a day of them at
   most. */
static int64_t grain(void)
{
	return spy_late();
}

static void check_in_time(int64_t at, int64_t expected)
{
	CHECK_INT(at, >=, expected);
	CHECK_INT(at, <=, expected + grain());
}

static int64_t round_up(int64_t ns)
{
	int64_t unit = spy_wait_is_exact() ? 1 : MS;

	return (ns + unit - 1) / unit * unit;
}

/* ---- Life ------------------------------------------------------------------ */

TEST_ONCE(init_leaves_the_public_members_alone)
{
	struct iv_timer t;

	memset(&t, 0xa5, sizeof(t));
	t.expires.tv_sec = 7;
	t.expires.tv_nsec = 8;
	t.handler = quit_handler;
	t.cookie = &t;
	IV_TIMER_INIT(&t);
	CHECK_INT(t.expires.tv_sec, ==, 7);
	CHECK_INT(t.expires.tv_nsec, ==, 8);
	CHECK(t.handler == quit_handler);
	CHECK_PTR(t.cookie, ==, &t);
	CHECK_INT(iv_timer_registered(&t), ==, 0);
}

TEST(registered_until_just_before_the_handler)
{
	begin();
	make(0, START, quit_handler, NULL);
	CHECK_INT(iv_timer_registered(&timers[0]), ==, 0);
	iv_timer_register(&timers[0]);
	CHECK_INT(iv_timer_registered(&timers[0]), ==, 1);
	iv_main();
	CHECK_INT(iv_timer_registered(&timers[0]), ==, 0);
	iv_deinit();
}

static void not_registered(void *_timer)
{
	CHECK_INT(iv_timer_registered(_timer), ==, 0);
	mark("x");
}

TEST(fires_exactly_once)
{
	begin();
	make(0, START + 5, not_registered, NULL);
	timers[0].cookie = &timers[0];
	iv_timer_register(&timers[0]);
	iv_main();
	iv_main();
	CHECK_STR(traced(), "x");
	iv_deinit();
}

TEST(unregistered_before_the_loop_does_not_fire)
{
	begin();
	add(0, START - 5, never_handler, NULL);
	iv_timer_unregister(&timers[0]);
	CHECK_INT(iv_timer_registered(&timers[0]), ==, 0);
	iv_main();
	iv_deinit();
}

TEST(initialised_before_the_thread_has_a_loop)
{
	make(0, START, trace, "a");
	begin();
	iv_timer_register(&timers[0]);
	iv_main();
	CHECK_STR(traced(), "a");
	iv_deinit();
}

TEST(cookie_and_handler_are_read_at_the_call)
{
	begin();
	add(0, START, never_handler, "a");
	timers[0].handler = trace;
	timers[0].cookie = (void *)(uintptr_t)"b";
	iv_main();
	CHECK_STR(traced(), "b");
	iv_deinit();
}

static void free_it(void *_timer)
{
	free(_timer);
	mark("f");
}

TEST(may_be_freed_by_its_own_handler)
{
	struct iv_timer *t = malloc(sizeof(*t));

	CHECK(t != NULL);
	begin();
	IV_TIMER_INIT(t);
	set(t, START + 1);
	t->cookie = t;
	t->handler = free_it;
	iv_timer_register(t);
	iv_main();
	CHECK_STR(traced(), "f");
	iv_deinit();
}

static int rounds;

static void a_second_later(void *_timer)
{
	struct iv_timer *t = _timer;

	CHECK_INT(ivi_ts_to_ns(&t->expires), ==, START + rounds * IVI_SEC);
	CHECK_INT(spy_clock(), >=, START + rounds * IVI_SEC);
	CHECK_INT(spy_clock(), <=, START + rounds * IVI_SEC + grain());
	if (++rounds < 50) {
		t->expires.tv_sec++;
		iv_timer_register(t);
	}
}

TEST(registered_again_by_its_own_handler)
{
	begin();
	make(0, START, a_second_later, NULL);
	timers[0].cookie = &timers[0];
	iv_timer_register(&timers[0]);
	iv_main();
	CHECK_INT(rounds, ==, 50);
	iv_deinit();
}

TEST(a_timer_from_before_iv_deinit_can_be_initialised_again)
{
	begin();
	add(0, START, never_handler, "gone with its loop");
	iv_deinit();
	iv_init();
	add(0, START, trace, "a");
	iv_main();
	CHECK_STR(traced(), "a");
	iv_deinit();
}

/* ---- Order ----------------------------------------------------------------- */

TEST(in_order_to_the_nanosecond)
{
	begin();
	add(0, START + 1000, trace, "d");
	add(1, START + 998, trace, "b");
	add(2, START + 999, trace, "c");
	add(3, START + 1001, trace, "e");
	add(4, START + 997, trace, "a");
	spy_clock_advance(2000);
	iv_main();
	CHECK_STR(traced(), "abcde");
	iv_deinit();
}

TEST(equal_ones_in_order_of_registration)
{
	begin();
	add(0, START + 7, trace, "x");
	add(1, START + 5, trace, "a");
	add(2, START + 5, trace, "b");
	add(3, START + 5, trace, "c");
	add(4, START + 5, trace, "d");
	iv_timer_unregister(&timers[2]);
	iv_timer_register(&timers[2]);
	spy_clock_advance(7);
	iv_main();
	CHECK_STR(traced(), "acdbx");
	iv_deinit();
}

/* They become equal only after both have been clamped or normalised. */
TEST(equal_times_spelled_differently)
{
	begin();
	add_sec_nsec(0, 1000, 0, trace, "a");
	add_sec_nsec(1, 999, 1000000000, trace, "b");
	add_sec_nsec(2, 1001, -1000000000, trace, "c");
	add_sec_nsec(3, 998, 2000000000, trace, "d");
	iv_main();
	CHECK_STR(traced(), "abcd");
	iv_deinit();
}

#define MANY	200000

static struct iv_timer *many;
static unsigned next_of_many;

static void in_order(void *_timer)
{
	CHECK_PTR(_timer, ==, &many[next_of_many]);
	next_of_many++;
}

TEST(a_crowd_one_nanosecond_apart)
{
	unsigned n = time_scale() > 1 ? MANY / 20 : MANY, i, k = 0;

	begin();
	many = calloc(n, sizeof(*many));
	CHECK(many != NULL);
	for (i = 0; i < n; i++) {
		k = (k + 77773) % n;
		IV_TIMER_INIT(&many[k]);
		set(&many[k], START + k);
		many[k].handler = in_order;
		many[k].cookie = &many[k];
		iv_timer_register(&many[k]);
	}
	iv_main();
	CHECK_INT(next_of_many, ==, n);
	free(many);
	iv_deinit();
}

/* ---- When ------------------------------------------------------------------- */

/* The clock moves from wait to wait only, so that it stands at the limit of
   the last wait when the handler runs. */
static int64_t fired_at;

static void note_time(void *unused)
{
	(void)unused;
	fired_at = spy_clock();
}

TEST(due_means_not_later_than_now)
{
	begin();
	add(0, START, trace, "a");
	add(1, START + 1, note_time, "b");
	quit_after_turns(1);
	iv_main();
	CHECK_STR(traced(), "a");
	CHECK_INT(fired_at, ==, 0);
	iv_main();
	CHECK_INT(fired_at, >=, START + 1);
	CHECK_INT(fired_at, <=, START + 1 + grain());
	iv_deinit();
}

TEST(never_early_and_not_late)
{
	static const int64_t delays[] = {
		1, 2, 999, 999999, MS, MS + 1, 10 * MS - 1, IVI_SEC,
		IVI_SEC + 1, 59 * IVI_SEC + 123456789,
	};
	unsigned i;

	begin();
	for (i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
		int64_t at = spy_clock() + delays[i];

		iv_invalidate_now();
		add(0, at, note_time, NULL);
		iv_main();
		CHECK_INT(fired_at, >=, at);
		CHECK_INT(fired_at, <=, at + grain());
	}
	iv_deinit();
}

TEST(past_and_zero_and_negative_times_are_due_at_once)
{
	begin();
	add(0, START - 1, trace, "e");
	add(1, 1, trace, "d");
	add(2, 0, trace, "c");
	add_sec_nsec(3, -1, 0, trace, "b");
	add_sec_nsec(4, sizeof(time_t) == 4 ? INT32_MIN : (time_t)INT64_MIN,
		     0, trace, "a");
	iv_main();
	CHECK_STR(traced(), "abcde");
	CHECK_INT(spy_clock(), ==, START);
	iv_deinit();
}

TEST(nanoseconds_out_of_range_are_carried)
{
	begin();
	add_sec_nsec(0, 999, 2000000000, note_time, NULL);
	iv_main();
	check_in_time(fired_at, START + IVI_SEC);
	add_sec_nsec(0, 1004, -1000000001, note_time, NULL);
	iv_main();
	CHECK_INT(fired_at, >=, START + 3 * IVI_SEC - 1);
	CHECK_INT(fired_at, <=, START + 3 * IVI_SEC - 1 + grain());
	iv_deinit();
}

static void zero_again(void *_timer)
{
	if (++rounds < 100)
		iv_timer_register(_timer);
}

static void run_100_times(time_t sec, long nsec)
{
	rounds = 0;
	make(0, 0, zero_again, NULL);
	timers[0].expires.tv_sec = sec;
	timers[0].expires.tv_nsec = nsec;
	timers[0].cookie = &timers[0];
	iv_timer_register(&timers[0]);
	iv_main();
	CHECK_INT(rounds, ==, 100);
	CHECK_INT(spy_clock(), ==, START);
}

TEST(times_in_the_past_a_hundred_times)
{
	begin();
	run_100_times(0, 0);
	run_100_times(0, 1);
	run_100_times(-1, 0);
	run_100_times(-100000, 5);
	run_100_times(0, -1);
	run_100_times(-1, 1000000000);
	run_100_times(-1, -5);
	iv_deinit();
}

/* Limits that stay the same get the kernel's own timer: it must take them. */
TEST(a_negative_timer_that_never_gets_to_run)
{
	begin();
	add_sec_nsec(0, -5, 0, never_handler, "iv_quit() comes first");
	iv_timer_unregister(&timers[0]);
	iv_timer_register(&timers[0]);
	iv_timer_unregister(&timers[0]);
	quit_after_turns(20);
	iv_main();
	iv_deinit();
}

TEST(the_end_of_time_never_comes)
{
	begin();
	add_sec_nsec(0, time_max(), 999999999, never_handler, "never");
	add_sec_nsec(1, time_max(), 0, never_handler, "never");
	add_sec_nsec(2, time_max(), 2000000000, never_handler, "never");
	add(3, START + 30 * DAY, quit_handler, NULL);
	spy_reset();
	iv_main();
	CHECK_INT(spy_count(SPY_WAIT), <=, 31);
	CHECK_INT(spy_clock(), ==, START + 30 * DAY);
	iv_timer_unregister(&timers[0]);
	iv_timer_unregister(&timers[1]);
	iv_timer_unregister(&timers[2]);
	iv_deinit();
}

/* Sleeping for ever must not turn into not sleeping. */
TEST(alone_at_the_end_of_time)
{
	begin();
	if (sizeof(time_t) == 4)
		SKIP("time_t has 32 bits");
	add_sec_nsec(0, time_max(), 0, never_handler, "never");
	quit_after_turns(10);
	spy_reset();
	iv_main();
	CHECK_INT(spy_count(SPY_WAIT), ==, 9);
	CHECK_INT(spy_clock(), ==, START);
	iv_timer_unregister(&timers[0]);
	iv_deinit();
}

TEST(in_a_hundred_years)
{
	const int64_t at = START + 36525 * DAY + 17;

	begin();
	if (sizeof(time_t) == 4)
		SKIP("time_t has 32 bits");
	add(0, at, note_time, NULL);
	spy_reset();
	iv_main();
	CHECK_INT(fired_at, >=, at);
	CHECK_INT(fired_at, <=, at + grain());
	CHECK_INT(spy_count(SPY_WAIT), <=, grain() ? 36527 : 10);
	iv_deinit();
}

/* ---- The limit of the wait --------------------------------------------------- */

static void dawdle(void *_ns)
{
	spy_clock_advance(*(int64_t *)_ns);
}

/* iv_now was read before the slow handler; the limit must not trust it. */
TEST(a_slow_handler_does_not_delay_timers)
{
	int64_t slow = 60 * MS + 1;
	struct iv_task task;

	begin();
	CHECK_INT(iv_now.tv_sec, ==, 1000);
	add(0, START + 100 * MS, note_time, NULL);
	IV_TASK_INIT(&task);
	task.cookie = &slow;
	task.handler = dawdle;
	iv_task_register(&task);
	iv_main();
	CHECK_INT(spy_last_wait(), ==, round_up(100 * MS - slow));
	CHECK_INT(fired_at, >=, START + 100 * MS);
	CHECK_INT(fired_at, <=, START + 100 * MS + grain());
	iv_deinit();
}

TEST(a_loop_entered_late_does_not_oversleep)
{
	begin();
	CHECK_INT(iv_now.tv_sec, ==, 1000);
	add(0, START + 100 * MS, note_time, NULL);
	spy_clock_advance(70 * MS);
	iv_main();
	CHECK_INT(spy_last_wait(), ==, 30 * MS);
	check_in_time(fired_at, START + 100 * MS);
	iv_deinit();
}

TEST(a_timer_that_became_due_meanwhile_is_not_waited_for)
{
	int64_t slow = 500 * MS;
	struct iv_task task;

	begin();
	CHECK_INT(iv_now.tv_sec, ==, 1000);
	add(0, START + 100 * MS, note_time, NULL);
	IV_TASK_INIT(&task);
	task.cookie = &slow;
	task.handler = dawdle;
	iv_task_register(&task);
	iv_main();
	CHECK_INT(spy_last_wait(), ==, 0);
	CHECK_INT(fired_at, ==, START + slow);
	iv_deinit();
}

TEST(the_limit_is_the_soonest_timer)
{
	begin();
	add(0, START + 300 * MS, never_handler, "unregistered");
	add(1, START + 700 * MS, quit_handler, NULL);
	add(2, START + 900 * MS, never_handler, "later than iv_quit()");
	iv_timer_unregister(&timers[0]);
	iv_main();
	CHECK_INT(spy_last_wait(), ==, 700 * MS);
	iv_timer_unregister(&timers[2]);
	iv_deinit();
}

TEST(milliseconds_are_rounded_up)
{
	begin();
	add(0, START + 1, quit_handler, NULL);
	iv_main();
	CHECK_INT(spy_last_wait(), ==, round_up(1));
	iv_deinit();
}

TEST(a_pending_task_does_not_let_it_sleep)
{
	begin();
	add(0, START + IVI_SEC, never_handler, NULL);
	quit_after_turns(2);
	iv_main();
	CHECK_INT(spy_last_wait(), ==, 0);
	iv_timer_unregister(&timers[0]);
	iv_deinit();
}

static int fds[2];
static struct iv_fd fd;

static void watch(void (*handler)(void *))
{
	make_pipe(fds);
	poke(fds[1]);
	IV_FD_INIT(&fd);
	fd.fd = fds[0];
	fd.handler_in = handler;
	iv_fd_register(&fd);
}

static void unwatch(void)
{
	iv_fd_unregister(&fd);
	close_pair(fds);
}

TEST(without_timers_there_is_no_limit)
{
	begin();
	add(0, START + IVI_SEC, never_handler, NULL);
	iv_timer_unregister(&timers[0]);
	watch(quit_handler);
	iv_main();
	CHECK_INT(spy_last_wait(), ==, -1);
	unwatch();
	iv_deinit();
}

/* ---- The timer phase ---------------------------------------------------------- */

static void mark_turn(void *unused)
{
	(void)unused;
	mark("|");
}

static void register_due(void *label)
{
	mark(label);
	add(1, START - 5, trace, "n");
}

/* Even one in the past: after the tasks and a wait that does not sleep. */
TEST(registered_by_a_timer_waits_for_the_next_turn)
{
	begin();
	watch(mark_turn);
	add(0, START, register_due, "a");
	add(2, START, trace, "b");
	quit_after_turns(3);
	iv_main();
	CHECK_STR(traced(), "ab|n|");
	unwatch();
	iv_deinit();
}

static void register_due_once(void *unused)
{
	(void)unused;
	iv_fd_set_handler_in(&fd, NULL);
	add(1, START - 5, quit_handler, NULL);
}

TEST(registered_by_a_descriptor_in_the_past)
{
	begin();
	watch(register_due_once);
	iv_main();
	CHECK_INT(spy_clock(), ==, START);
	unwatch();
	iv_deinit();
}

static void past_for_ever(void *unused)
{
	(void)unused;
	rounds++;
	add(0, START - 100, past_for_ever, NULL);
}

/* Timers in the past do not starve tasks and descriptors. */
TEST(a_timer_that_is_always_due_is_fair)
{
	begin();
	watch(mark_turn);
	add(0, START - 100, past_for_ever, NULL);
	quit_after_turns(5);
	iv_main();
	CHECK_STR(traced(), "||||");
	CHECK_INT(rounds, ==, 5);
	iv_timer_unregister(&timers[0]);
	unwatch();
	iv_deinit();
}

static void unregister_other(void *_other)
{
	struct iv_timer *other = _other;

	mark(other == &timers[1] ? "0" : "1");
	if (iv_timer_registered(other))
		iv_timer_unregister(other);
}

/* The other is due, but its handler has not run: it is still registered. */
TEST(two_due_timers_unregister_each_other)
{
	begin();
	make(0, START, unregister_other, NULL);
	make(1, START, unregister_other, NULL);
	timers[0].cookie = &timers[1];
	timers[1].cookie = &timers[0];
	iv_timer_register(&timers[0]);
	iv_timer_register(&timers[1]);
	iv_main();
	CHECK_STR(traced(), "0");
	CHECK_INT(iv_timer_registered(&timers[1]), ==, 0);
	iv_deinit();
}

static void postpone_1(void *unused)
{
	(void)unused;
	CHECK_INT(iv_timer_registered(&timers[1]), ==, 1);
	iv_timer_unregister(&timers[1]);
	set(&timers[1], START + 50);
	iv_timer_register(&timers[1]);
}

TEST(a_due_timer_is_postponed)
{
	begin();
	add(0, START, postpone_1, NULL);
	add(1, START, note_time, NULL);
	add(2, START + 1, trace, "c");
	iv_main();
	CHECK_STR(traced(), "c");
	CHECK_INT(fired_at, >=, START + 50);
	iv_deinit();
}

/* Every way in which the handler of one frees another; all are due. */
static struct iv_timer *heap[4];
static int plan[4];
static int ran[4];

static void free_victim(void *_index)
{
	int self = (int)(intptr_t)_index, victim = plan[self];

	CHECK(heap[self] != NULL);
	ran[self]++;
	if (heap[victim] == NULL)
		return;
	if (victim != self && iv_timer_registered(heap[victim]))
		iv_timer_unregister(heap[victim]);
	free(heap[victim]);
	heap[victim] = NULL;
}

static void run_plan(void)
{
	int i;

	for (i = 0; i < 4; i++) {
		heap[i] = calloc(1, sizeof(*heap[i]));
		CHECK(heap[i] != NULL);
		IV_TIMER_INIT(heap[i]);
		set(heap[i], START - i % 2);
		heap[i]->cookie = (void *)(intptr_t)i;
		heap[i]->handler = free_victim;
		iv_timer_register(heap[i]);
		ran[i] = 0;
	}
	iv_main();
	for (i = 0; i < 4; i++) {
		CHECK_INT(ran[i], <=, 1);
		CHECK(ran[i] == 1 || heap[i] == NULL);
		free(heap[i]);
	}
}

TEST(any_may_free_any)
{
	int n, i, rest;

	begin();
	for (n = 0; n < 256; n++) {
		for (i = 0, rest = n; i < 4; i++, rest /= 4)
			plan[i] = rest % 4;
		run_plan();
	}
	iv_deinit();
}

/* ---- The kernel's timer -------------------------------------------------------- */

static void mark_turn_then_quit(void *_left)
{
	if (--*(int *)_left == 0)
		iv_quit();
}

static void run_turns(int n)
{
	fd.cookie = &n;
	iv_fd_set_handler_in(&fd, mark_turn_then_quit);
	iv_main();
}

/* It is set for a limit that stays; then it must not get in the way. */
TEST(a_timer_after_many_turns_with_a_later_one)
{
	begin();
	watch(NULL);
	add(0, START + IVI_SEC, never_handler, NULL);
	run_turns(20);
	add(1, START + 5 * MS, note_time, NULL);
	run_turns(1);
	iv_fd_set_handler_in(&fd, NULL);
	timers[1].handler = quit_handler;
	iv_main();
	check_in_time(spy_clock(), START + 5 * MS);
	iv_timer_unregister(&timers[0]);
	unwatch();
	iv_deinit();
}

TEST(a_timer_after_many_turns_with_an_earlier_one)
{
	begin();
	watch(NULL);
	add(0, START + 5 * MS, never_handler, NULL);
	run_turns(20);
	iv_timer_unregister(&timers[0]);
	add(1, START + IVI_SEC, quit_handler, NULL);
	iv_fd_set_handler_in(&fd, NULL);
	iv_main();
	check_in_time(spy_clock(), START + IVI_SEC);
	unwatch();
	iv_deinit();
}

TEST(a_timer_that_stays_for_many_turns_fires)
{
	begin();
	watch(NULL);
	add(0, START + 5 * MS, quit_handler, NULL);
	run_turns(20);
	iv_fd_set_handler_in(&fd, NULL);
	iv_main();
	check_in_time(spy_clock(), START + 5 * MS);
	add(0, START + 9 * MS, quit_handler, NULL);
	iv_main();
	check_in_time(spy_clock(), START + 9 * MS);
	unwatch();
	iv_deinit();
}

/* The clock passes it while the loop is busy with descriptors. */
TEST(a_timer_becomes_due_in_a_busy_loop)
{
	begin();
	watch(NULL);
	add(0, START + 5 * MS, trace, "t");
	run_turns(20);
	spy_clock_advance(5 * MS - 1);
	run_turns(3);
	CHECK_STR(traced(), "");
	spy_clock_advance(1);
	run_turns(3);
	CHECK_STR(traced(), "t");
	unwatch();
	iv_deinit();
}

/* ---- A time that changes ----------------------------------------------------- */

static void note_and_quit(void *unused)
{
	note_time(unused);
	iv_quit();
}

TEST(changed_while_registered_it_may_be_unregistered)
{
	static const int64_t changed[] = {
		START - 1, START + 1, START + 5 * MS, START + 9 * MS - 1,
		START + 3600 * IVI_SEC, INT64_MIN / 2, INT64_MAX / 2,
	};
	unsigned i, k;

	begin();
	for (i = 0; i < sizeof(changed) / sizeof(changed[0]); i++) {
		int64_t now = spy_clock();

		iv_invalidate_now();
		for (k = 0; k < 3; k++)
			add((int)k, now + (int64_t)(k + 1) * 3 * MS, note_time,
			    NULL);
		timers[i % 3].expires.tv_sec =
			(time_t)((changed[i] + now - START) / IVI_SEC);
		timers[i % 3].expires.tv_nsec =
			(long)((changed[i] + now - START) % IVI_SEC);
		iv_timer_unregister(&timers[i % 3]);
		iv_main();
		k = i % 3 == 2 ? 1 : 2;
		check_in_time(fired_at, now + (int64_t)(k + 1) * 3 * MS);
	}
	iv_deinit();
}

/* Nobody is told then; but others are in time, and nothing spins. */
TEST(changed_and_not_told)
{
	begin();
#ifdef IVI_DEBUG
	SKIP("a debug build tells");
#endif
	add(0, START + 3600 * IVI_SEC, trace, "x");
	add(1, START + 10 * MS, trace, "a");
	add(2, START + 20 * MS, trace, "b");
	add(3, START + 3590 * IVI_SEC, note_and_quit, NULL);
	set(&timers[0], START - 5);
	spy_reset();
	iv_main();
	CHECK_STR(traced(), "abx");
	check_in_time(fired_at, START + 3590 * IVI_SEC);
	CHECK_INT(spy_count(SPY_WAIT), <, 40);
	iv_deinit();
}

/* ---- Against a model ------------------------------------------------------------ */

/*
 * Handlers and a descriptor that is busy now and then register and unregister
 * timers, and some are slow.  Each timer has to fire in its turn and exactly
 * when it is due, or when the slow handler is done.
 */
#define MODEL	64

static struct entry {
	struct iv_timer	t;
	int64_t	at;
	int64_t	due;		/* when it has to fire */
	uint64_t	seq;	/* of registering; 0: not registered */
	unsigned	turn;	/* in which it was registered */
} model[MODEL];

static uint64_t seq;
static int registered;
static int steps_left;
static int busy_turns;
static uint64_t seed;

static uint64_t below(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % n;
}

static void toggle(struct entry *e);
static void slow(int64_t ns);

static void churn(void)
{
	unsigned n = (unsigned)below(4);

	while (n-- > 0)
		toggle(&model[below(MODEL)]);
	if (below(8) == 0)
		slow((int64_t)below(UINT64_C(1) << below(40)));
	if (below(8) == 0 && busy_turns == 0) {
		busy_turns = (int)below(12);
		iv_fd_set_handler_in(&fd, fd.cookie);
	}
	if (registered == 0)
		toggle(&model[0]);
	if (--steps_left <= 0)
		iv_quit();
}

static void busy(void *unused)
{
	(void)unused;
	if (busy_turns > 0)
		busy_turns--;
	else
		iv_fd_set_handler_in(&fd, NULL);
	churn();
}

static int before(const struct entry *a, const struct entry *b)
{
	return a->at < b->at || (a->at == b->at && a->seq < b->seq);
}

static void check_turn(const struct entry *e)
{
	int i;

	for (i = 0; i < MODEL; i++)
		if (model[i].seq != 0 && model[i].turn < spy_count(SPY_WAIT))
			CHECK(!before(&model[i], e));
}

static void model_fired(void *_entry)
{
	struct entry *e = _entry;

	CHECK_INT(e->seq, !=, 0);
	CHECK_INT(iv_timer_registered(&e->t), ==, 0);
	CHECK_INT(spy_clock(), >=, e->due);
	CHECK_INT(spy_clock(), <=, e->due + grain());
	check_turn(e);
	e->seq = 0;
	registered--;
	churn();
}

static int64_t some_time(void)
{
	switch (below(6)) {
	case 0:
		return spy_clock() - (int64_t)below(1000);
	case 1:
		return spy_clock() + (int64_t)below(10) * MS;
	case 2:
		return (spy_clock() / DAY + 1) * DAY;
	default:
		return spy_clock() + (int64_t)below(UINT64_C(1) << below(40));
	}
}

static void toggle(struct entry *e)
{
	CHECK_INT(iv_timer_registered(&e->t), ==, e->seq != 0);
	if (e->seq != 0) {
		iv_timer_unregister(&e->t);
		e->seq = 0;
		registered--;
		return;
	}
	e->at = some_time();
	e->due = e->at > spy_clock() ? e->at : spy_clock();
	e->seq = ++seq;
	registered++;
	e->turn = spy_count(SPY_WAIT);
	set(&e->t, e->at);
	e->t.handler = model_fired;
	e->t.cookie = e;
	iv_timer_register(&e->t);
}

static void slow(int64_t ns)
{
	int i;

	spy_clock_advance(ns);
	for (i = 0; i < MODEL; i++)
		if (model[i].due < spy_clock())
			model[i].due = spy_clock();
}

static void run_model(uint64_t start)
{
	int i;

	seed = start;
	steps_left = time_scale() > 1 ? 300 : 3000;
	busy_turns = 0;
	for (i = 0; i < MODEL; i++) {
		IV_TIMER_INIT(&model[i].t);
		model[i].seq = 0;
		if (below(2))
			toggle(&model[i]);
	}
	churn();
	iv_main();
	CHECK_INT(steps_left, <=, 0);
	for (i = 0; i < MODEL; i++)
		if (model[i].seq != 0)
			toggle(&model[i]);
}

TEST(fires_in_order_and_in_time_whatever_happens)
{
	uint64_t i;

	begin();
	watch(busy);
	fd.cookie = (void *)(uintptr_t)busy;
	for (i = 1; i <= 20; i++)
		run_model(i * UINT64_C(0x9e3779b97f4a7c15));
	unwatch();
	iv_deinit();
}

/* ---- Misuse ----------------------------------------------------------------------- */

FATAL_TEST(registered_twice, "iv_timer_register: iv_timer 0x")
{
	iv_init();
	add(0, 0, never_handler, NULL);
	iv_timer_register(&timers[0]);
}

FATAL_TEST_ONCE(registered_twice_says_so, "is already registered")
{
	iv_init();
	add(0, 0, never_handler, NULL);
	iv_timer_register(&timers[0]);
}

static void register_1(void *unused)
{
	(void)unused;
	iv_timer_register(&timers[1]);
}

FATAL_TEST_ONCE(registered_while_due, "is already registered")
{
	iv_init();
	add(0, 0, register_1, NULL);
	add(1, 0, never_handler, NULL);
	iv_main();
}

FATAL_TEST(initialised_while_registered, "was freed or overwritten while it was")
{
	iv_init();
	add(0, 0, never_handler, NULL);
	IV_TIMER_INIT(&timers[0]);
	iv_main();
}

/* What a helper does that sets up a timer each time it is called.  It would be
   on two lists, or twice on one, and walks of these would not end. */
static void add_twice(int64_t first, int64_t second)
{
	begin();
	add(1, START + 200 * MS, never_handler, NULL);
	add(0, START + first, never_handler, NULL);
	add(2, START + 200 * MS, never_handler, NULL);
	add(0, START + second, never_handler, NULL);
	spy_clock_advance(IVI_SEC);
	iv_main();
}

FATAL_TEST(initialised_and_registered_for_earlier, "iv_main: ")
{
	add_twice(200 * MS, 100 * MS);
}

FATAL_TEST(initialised_and_registered_for_later, "iv_main: ")
{
	add_twice(100 * MS, 200 * MS);
}

FATAL_TEST(initialised_and_registered_for_the_same_time, "iv_main: ")
{
	add_twice(200 * MS, 200 * MS);
}

FATAL_TEST(initialised_and_registered_far_away, "iv_main: ")
{
	add_twice(200 * MS, 100 * DAY);
}

FATAL_TEST(initialised_and_registered_when_it_was_due, "iv_main: ")
{
	add_twice(-1, -1);
}

static void add_0_again(void *unused)
{
	(void)unused;
	add(0, START + IVI_SEC, never_handler, NULL);
}

FATAL_TEST(initialised_and_registered_while_due, "iv_main: ")
{
	begin();
	add(1, START, add_0_again, NULL);
	add(2, START, trace, "x");
	add(0, START, never_handler, NULL);
	iv_main();
}

FATAL_TEST_ONCE(unregistered_after_initialising, "is not registered")
{
	iv_init();
	add(0, 0, never_handler, NULL);
	IV_TIMER_INIT(&timers[0]);
	iv_timer_unregister(&timers[0]);
}

FATAL_TEST_ONCE(not_initialised, "is not initialised or already registered")
{
	struct iv_timer t;

	iv_init();
	memset(&t, 0xa5, sizeof(t));
	t.handler = never_handler;
	iv_timer_register(&t);
}

FATAL_TEST_ONCE(never_registered, "iv_timer_unregister: iv_timer 0x")
{
	iv_init();
	make(0, 0, never_handler, NULL);
	iv_timer_unregister(&timers[0]);
}

FATAL_TEST_ONCE(unregistered_after_it_fired, "is not registered")
{
	iv_init();
	add(0, 0, trace, "a");
	iv_main();
	iv_timer_unregister(&timers[0]);
}

FATAL_TEST_ONCE(no_handler, "has no handler")
{
	iv_init();
	add(0, 0, NULL, NULL);
}

FATAL_TEST_ONCE(register_null, "iv_timer_register: the struct iv_timer pointer")
{
	iv_init();
	iv_timer_register(NULL);
}

FATAL_TEST_ONCE(unregister_null, "iv_timer_unregister: the struct iv_timer")
{
	iv_init();
	iv_timer_unregister(NULL);
}

FATAL_TEST_ONCE(registered_null, "iv_timer_registered: the struct iv_timer")
{
	iv_timer_registered(NULL);
}

FATAL_TEST_ONCE(init_null, "IV_TIMER_INIT: the struct iv_timer pointer is NULL")
{
	IV_TIMER_INIT(NULL);
}

FATAL_TEST_ONCE(register_without_a_loop,
		"iv_timer_register: call iv_init() in this thread first")
{
	add(0, 0, never_handler, NULL);
}

FATAL_TEST_ONCE(unregister_without_a_loop,
		"iv_timer_unregister: call iv_init() in this thread first")
{
	make(0, 0, never_handler, NULL);
	iv_timer_unregister(&timers[0]);
}

static void unregister_0(void *unused)
{
	(void)unused;
	iv_timer_unregister(&timers[0]);
}

FATAL_TEST_ONCE(unregistered_by_another_thread, "its owner is thread ")
{
	iv_init();
	add(0, INT32_MAX * IVI_SEC, never_handler, NULL);
	loop_thread_call(loop_thread_start(NULL, NULL, NULL), unregister_0,
			 NULL);
}

static void register_0(void *unused)
{
	(void)unused;
	add(0, INT32_MAX * IVI_SEC, never_handler, NULL);
}

FATAL_TEST_ONCE(unregistered_after_its_loop_has_ended,
		"belongs to a loop that has ended")
{
	iv_init();
	loop_thread_stop(loop_thread_start(register_0, NULL, NULL));
	iv_timer_unregister(&timers[0]);
}
