/* SPDX-License-Identifier: MIT */
/*
 * timer_set.c - tests of timers that are moved, and of slack.  They keep the
 * clock themselves.
 */
#include <stdint.h>
#include <stdlib.h>
#include <iv_hook.h>
#include "base/timespec.h"
#include "harness/spy.h"
#include "harness/test.h"

#define MS	INT64_C(1000000)
#define START	(1000 * IVI_SEC)

/* ---- Helpers --------------------------------------------------------------- */

static struct iv_timer timers[8];
static int64_t fired_at[8];
static unsigned fired;

static void note_time(void *_timer)
{
	struct iv_timer *t = _timer;
	static const char *const names[] = { "0", "1", "2", "3", "4", "5" };

	CHECK_INT(spy_clock(), >=, ivi_ts_to_ns(&t->expires));
	fired_at[t - timers] = spy_clock();
	fired++;
	trace((void *)(uintptr_t)names[t - timers]);
}

static void make(int i)
{
	IV_TIMER_INIT(&timers[i]);
	timers[i].cookie = &timers[i];
	timers[i].handler = note_time;
}

static void set(int i, int64_t at)
{
	struct timespec ts = { (time_t)(at / IVI_SEC), (long)(at % IVI_SEC) };

	iv_timer_set_expires(&timers[i], &ts);
}

static void begin(void)
{
	int i;

	spy_clock_take(START);
	iv_init();
	for (i = 0; i < 6; i++)
		make(i);
}

static void check_fired(int i, int64_t at)
{
	CHECK_INT(fired_at[i], >=, at);
	CHECK_INT(fired_at[i], <=, at + spy_late());
}

static time_t time_max(void)
{
	return sizeof(time_t) == 4 ? (time_t)INT32_MAX : (time_t)INT64_MAX;
}

static void slack(time_t sec, long nsec)
{
	const struct timespec ts = { sec, nsec };

	iv_set_timer_slack(&ts);
}

/* None of the first N was later than with a slack of NS. */
static void check_slack(int64_t ns, int n)
{
	while (--n >= 0)
		CHECK_INT(fired_at[n], <=, ivi_ts_to_ns(&timers[n].expires) +
			  ns + spy_late());
}

/* ---- Moving ---------------------------------------------------------------- */

TEST(set_expires_registers)
{
	begin();
	CHECK_INT(iv_timer_registered(&timers[0]), ==, 0);
	set(0, START + 5 * MS);
	CHECK_INT(iv_timer_registered(&timers[0]), ==, 1);
	CHECK_INT(ivi_ts_to_ns(&timers[0].expires), ==, START + 5 * MS);
	iv_main();
	CHECK_INT(iv_timer_registered(&timers[0]), ==, 0);
	check_fired(0, START + 5 * MS);
	CHECK_INT(fired, ==, 1);
	iv_deinit();
}

TEST(moved_to_an_earlier_and_to_a_later_time)
{
	begin();
	set(0, START + 5 * MS);
	set(1, START + 10 * MS);
	set(2, START + 15 * MS);
	set(2, START + 2 * MS);
	set(0, START + 90000 * IVI_SEC);
	set(0, START + 20 * MS);
	iv_main();
	CHECK_STR(traced(), "210");
	check_fired(2, START + 2 * MS);
	check_fired(1, START + 10 * MS);
	check_fired(0, START + 20 * MS);
	iv_deinit();
}

TEST(moved_many_times_it_fires_once)
{
	int i;

	begin();
	for (i = 0; i < 1000; i++)
		set(0, START + i * MS);
	iv_main();
	CHECK_INT(fired, ==, 1);
	check_fired(0, START + 999 * MS);
	iv_deinit();
}

TEST(moved_and_unregistered_it_does_not_fire)
{
	begin();
	set(0, START + MS);
	set(0, START + 2 * MS);
	iv_timer_unregister(&timers[0]);
	iv_main();
	CHECK_INT(fired, ==, 0);
	CHECK_INT(spy_clock(), ==, START);
	iv_deinit();
}

TEST(moved_to_its_own_time_it_is_the_last_of_that_time)
{
	begin();
	set(0, START + 5);
	set(1, START + 5);
	set(2, START + 5);
	iv_timer_set_expires(&timers[0], &timers[0].expires);
	iv_main();
	CHECK_STR(traced(), "120");
	iv_deinit();
}

TEST(registered_one_way_and_moved_the_other)
{
	begin();
	timers[0].expires = iv_now;
	timers[0].expires.tv_sec += 60;
	iv_timer_register(&timers[0]);
	set(0, START + 3 * MS);
	set(1, START + 2 * MS);
	iv_timer_unregister(&timers[1]);
	iv_timer_register(&timers[1]);
	iv_main();
	CHECK_STR(traced(), "10");
	check_fired(0, START + 3 * MS);
	iv_deinit();
}

static void move_1(void *_at)
{
	CHECK_INT(iv_timer_registered(&timers[1]), ==, 1);
	set(1, *(int64_t *)_at);
	trace((void *)(uintptr_t)"m");
}

TEST(one_that_is_due_is_put_off)
{
	int64_t at = START + 7 * MS;

	begin();
	timers[0].handler = move_1;
	timers[0].cookie = &at;
	set(0, START);
	set(1, START);
	set(2, START + 1);
	iv_main();
	CHECK_STR(traced(), "m21");
	check_fired(1, START + 7 * MS);
	iv_deinit();
}

static void mark_turn(void *unused)
{
	(void)unused;
	trace((void *)(uintptr_t)"|");
}

/* As registered anew: not in this turn, even if it is due. */
TEST(one_that_is_due_is_moved_into_the_past)
{
	int64_t at = START - 5 * MS;
	struct iv_task task;

	begin();
	IV_TASK_INIT(&task);
	task.handler = mark_turn;
	iv_task_register(&task);
	timers[0].handler = move_1;
	timers[0].cookie = &at;
	set(0, START);
	set(1, START);
	iv_main();
	CHECK_STR(traced(), "m|1");
	CHECK_INT(spy_clock(), ==, START);
	iv_deinit();
}

static void again(void *_timer)
{
	struct iv_timer *t = _timer;
	struct timespec at = t->expires;

	CHECK_INT(spy_clock(), <=, ivi_ts_to_ns(&at) + spy_late());
	if (++fired == 50)
		return;
	at.tv_sec++;
	iv_timer_set_expires(t, &at);
}

TEST(set_again_by_its_own_handler)
{
	begin();
	timers[0].handler = again;
	set(0, START);
	iv_main();
	CHECK_INT(fired, ==, 50);
	CHECK_INT(spy_clock(), >=, START + 49 * IVI_SEC);
	iv_deinit();
}

/* ---- Against a model --------------------------------------------------------- */

#define MODEL	64

static struct entry {
	struct iv_timer	t;
	int64_t	at;
	unsigned	seq;	/* of the last time it was set; 0: not set */
} model[MODEL];

static uint64_t seed;
static unsigned seq, moves;

static uint64_t below(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % n;
}

static void move_some(void)
{
	unsigned n = 1 + (unsigned)below(3);

	for (; moves > 0 && n > 0; n--, moves--) {
		struct entry *e = &model[below(MODEL)];

		e->at = spy_clock() + 1 +
			(int64_t)below(UINT64_C(1) << below(36));
		e->seq = ++seq;
		e->t.cookie = e;
		iv_timer_set_expires(&e->t, &(struct timespec){
			(time_t)(e->at / IVI_SEC), (long)(e->at % IVI_SEC) });
	}
}

static void model_fired(void *_entry)
{
	struct entry *e = _entry;
	int i;

	CHECK_INT(e->seq, !=, 0);
	CHECK_INT(spy_clock(), >=, e->at);
	CHECK_INT(spy_clock(), <=, e->at + spy_late());
	for (i = 0; i < MODEL; i++)
		CHECK(model[i].seq == 0 || model[i].at > e->at ||
		      (model[i].at == e->at && model[i].seq >= e->seq));
	e->seq = 0;
	move_some();
}

TEST(any_may_be_moved_at_any_time)
{
	int i, k;

	begin();
	for (i = 0; i < MODEL; i++) {
		IV_TIMER_INIT(&model[i].t);
		model[i].t.handler = model_fired;
	}
	for (k = 1; k <= 10; k++) {
		seed = (uint64_t)k * UINT64_C(0x9e3779b97f4a7c15);
		moves = time_scale() > 1 ? 300 : 3000;
		for (i = 0; i < MODEL; i++)
			move_some();
		iv_main();
		CHECK_INT(moves, ==, 0);
	}
	iv_deinit();
}

/* ---- After ------------------------------------------------------------------- */

/* iv_now was read before the handler became slow. */
TEST(after_counts_from_the_clock)
{
	begin();
	CHECK_INT(iv_now.tv_sec, ==, 1000);
	spy_clock_advance(70 * MS);
	CHECK_INT(iv_now.tv_nsec, ==, 0);
	iv_timer_set_after(&timers[0], 2, 30 * MS);
	CHECK_INT(ivi_ts_to_ns(&timers[0].expires), ==,
		  START + 2 * IVI_SEC + 100 * MS);
	iv_main();
	check_fired(0, START + 2 * IVI_SEC + 100 * MS);
	iv_deinit();
}

TEST(after_moves)
{
	begin();
	iv_timer_set_after(&timers[0], 0, 5 * MS);
	iv_timer_set_after(&timers[1], 0, 7 * MS);
	iv_timer_set_after(&timers[0], 0, 9 * MS);
	iv_main();
	CHECK_STR(traced(), "10");
	check_fired(0, START + 9 * MS);
	iv_deinit();
}

TEST(after_less_than_nothing_is_at_once)
{
	begin();
	iv_timer_set_after(&timers[0], -1, 0);
	iv_timer_set_after(&timers[1], -time_max() - 1, 0);
	iv_timer_set_after(&timers[2], 0, 0);
	iv_timer_set_after(&timers[3], 0, -1);
	timers[4].expires = iv_now;
	iv_timer_register(&timers[4]);
	iv_main();
	CHECK_STR(traced(), "10324");
	CHECK_INT(spy_clock(), ==, START);
	iv_deinit();
}

TEST(after_any_number_of_nanoseconds)
{
	begin();
	iv_timer_set_after(&timers[0], 3, -1000000001);
	iv_timer_set_after(&timers[1], 0, 2000000000);
	iv_main();
	check_fired(0, START + 2 * IVI_SEC - 1);
	check_fired(1, START + 2 * IVI_SEC);
	iv_deinit();
}

TEST(after_for_ever)
{
	begin();
	if (sizeof(time_t) == 4)
		SKIP("time_t has 32 bits");
	iv_timer_set_after(&timers[0], time_max(), 999999999);
	iv_timer_set_after(&timers[1], time_max(), 0);
	quit_after_turns(10);
	iv_main();
	CHECK_INT(fired, ==, 0);
	iv_timer_unregister(&timers[0]);
	iv_timer_unregister(&timers[1]);
	iv_deinit();
}

/* ---- Slack ------------------------------------------------------------------- */

TEST(slack_lets_one_wake_up_serve_many)
{
	begin();
	slack(0, 5 * MS);
	set(2, START + 12 * MS);
	set(0, START + 10 * MS);
	set(1, START + 11 * MS);
	set(4, START + 20 * MS);
	set(3, START + 20 * MS - 1);
	spy_reset();
	iv_main();
	CHECK_STR(traced(), "01234");
	check_slack(5 * MS, 5);
	CHECK_INT(fired_at[0], ==, fired_at[2]);
	CHECK_INT(fired_at[3], ==, fired_at[4]);
	CHECK_INT(spy_count(SPY_WAIT), <=, 4);
	iv_deinit();
}

static void slow_then_set_2(void *unused)
{
	(void)unused;
	spy_clock_advance(MS);
	iv_timer_set_after(&timers[2], 0, 0);
}

/* By the clock, which the turn has not seen yet. */
TEST(slack_does_not_delay_what_is_set_for_now)
{
	struct iv_task task;
	struct iv_timer timer;

	begin();
	slack(60, 0);
	IV_TASK_INIT(&task);
	task.handler = slow_then_set_2;
	iv_task_register(&task);
	iv_main();
	CHECK_INT(spy_clock(), ==, START + MS);
	set(3, START + 3600 * IVI_SEC);
	timer_after(&timer, 0, slow_then_set_2, NULL);
	iv_timer_register(&timer);
	iv_main();
	CHECK_INT(fired_at[2], ==, START + 2 * MS);
	CHECK_STR(traced(), "223");
	iv_deinit();
}

static void slow_then_register_2(void *unused)
{
	(void)unused;
	spy_clock_advance(MS);
	timers[2].expires = ivi_ns_to_ts(spy_clock());
	iv_timer_register(&timers[2]);
}

/* The same of a program that reads the clock itself. */
TEST(slack_does_not_delay_what_is_due_by_the_clock)
{
	struct iv_timer timer;

	begin();
	slack(60, 0);
	set(3, START + 3600 * IVI_SEC);
	timer_after(&timer, 0, slow_then_register_2, NULL);
	iv_timer_register(&timer);
	iv_main();
	CHECK_INT(fired_at[2], ==, START + MS);
	CHECK_STR(traced(), "23");
	iv_deinit();
}

static void time_passes(void *unused)
{
	(void)unused;
	spy_clock_advance(20 * MS);
}

static void time_is_not_known(void *unused)
{
	(void)unused;
	iv_invalidate_now();
}

/* That the timer is due by then is not the doing of that handler. */
TEST(slack_while_a_hook_lets_time_pass)
{
	struct iv_hook block;
	struct iv_task task;

	begin();
	slack(0, 5 * MS);
	IV_HOOK_INIT(&block);
	block.point = IV_HOOK_BLOCK;
	block.handler = time_passes;
	CHECK_INT(iv_hook_register(&block), ==, 0);
	IV_TASK_INIT(&task);
	task.handler = time_is_not_known;
	iv_task_register(&task);
	set(0, START + 10 * MS);
	iv_main();
	CHECK_STR(traced(), "0");
	iv_deinit();
}

TEST(without_slack_each_is_in_time)
{
	begin();
	slack(0, 5 * MS);
	slack(0, 0);
	set(0, START + 10 * MS);
	set(1, START + 13 * MS);
	iv_main();
	check_fired(0, START + 10 * MS);
	check_fired(1, START + 13 * MS);
	iv_deinit();
}

TEST(slack_does_not_delay_what_is_due)
{
	begin();
	slack(60, 0);
	set(0, START);
	set(1, START - 5 * MS);
	iv_main();
	CHECK_STR(traced(), "10");
	CHECK_INT(spy_clock(), ==, START);
	set(2, START - 1);
	iv_main();
	CHECK_INT(spy_clock(), ==, START);
	iv_deinit();
}

/* Whoever wakes up anyway looks for what is due. */
static void wake_up(void *_fd)
{
	iv_fd_set_handler_in(_fd, NULL);
}

TEST(slack_without_end)
{
	struct iv_fd fd;
	int fds[2];

	begin();
	slack(time_max(), 999999999);
	make_pipe(fds);
	poke(fds[1]);
	IV_FD_INIT(&fd);
	fd.fd = fds[0];
	fd.cookie = &fd;
	fd.handler_in = wake_up;
	iv_fd_register(&fd);
	set(0, START + 5 * MS);
	timers[0].handler = quit_handler;
	quit_after_turns(2);
	iv_main();
	CHECK_INT(iv_timer_registered(&timers[0]), ==, 1);
	iv_fd_set_handler_in(&fd, wake_up);
	spy_clock_advance(5 * MS);
	iv_main();
	CHECK_INT(iv_timer_registered(&timers[0]), ==, 0);
	CHECK_INT(spy_clock(), ==, START + 5 * MS);
	iv_fd_unregister(&fd);
	close_pair(fds);
	iv_deinit();
}

TEST(slack_and_the_end_of_time)
{
	begin();
	if (sizeof(time_t) == 4)
		SKIP("time_t has 32 bits");
	slack(time_max(), 0);
	set(1, START + MS);
	iv_timer_unregister(&timers[1]);
	iv_timer_set_after(&timers[0], time_max(), 0);
	quit_after_turns(10);
	iv_main();
	CHECK_INT(fired, ==, 0);
	iv_timer_unregister(&timers[0]);
	iv_deinit();
}

/* The same limit again and again: the kernel's own timer has slack, too. */
static void last_turn(void *_left)
{
	if (--*(int *)_left == 0)
		iv_quit();
}

TEST(slack_of_the_timer_of_the_kernel)
{
	int left = 20, fds[2];
	struct iv_fd fd;

	begin();
	slack(0, 5 * MS);
	make_pipe(fds);
	poke(fds[1]);
	IV_FD_INIT(&fd);
	fd.fd = fds[0];
	fd.cookie = &left;
	fd.handler_in = last_turn;
	iv_fd_register(&fd);
	set(0, START + 10 * MS);
	set(1, START + 15 * MS);
	iv_main();
	iv_fd_unregister(&fd);
	iv_main();
	check_slack(5 * MS, 2);
	close_pair(fds);
	iv_deinit();
}

static void in_time(void *_expires)
{
	set(0, *(int64_t *)_expires);
	iv_main();
	check_fired(0, *(int64_t *)_expires);
}

static void in_another_loop(void *_expires)
{
	iv_deinit();
	iv_init();
	make(0);
	in_time(_expires);
}

TEST(slack_is_of_one_loop)
{
	int64_t at = START + 5 * MS;

	begin();
	slack(1, 0);
	in_another_loop(&at);
	iv_deinit();
}

/* ---- Misuse ------------------------------------------------------------------ */

FATAL_TEST_ONCE(set_without_a_loop,
		"iv_timer_set_expires: call iv_init() in this thread first")
{
	make(0);
	set(0, 0);
}

FATAL_TEST_ONCE(after_without_a_loop,
		"iv_timer_set_after: call iv_init() in this thread first")
{
	make(0);
	iv_timer_set_after(&timers[0], 0, 0);
}

FATAL_TEST_ONCE(slack_without_a_loop,
		"iv_set_timer_slack: call iv_init() in this thread first")
{
	slack(0, 0);
}

FATAL_TEST_ONCE(set_null,
		"iv_timer_set_expires: the struct iv_timer pointer is NULL")
{
	iv_init();
	iv_timer_set_expires(NULL, &iv_now);
}

FATAL_TEST_ONCE(set_to_null,
		"iv_timer_set_expires: the struct timespec pointer is NULL")
{
	iv_init();
	make(0);
	iv_timer_set_expires(&timers[0], NULL);
}

FATAL_TEST_ONCE(after_null,
		"iv_timer_set_after: the struct iv_timer pointer is NULL")
{
	iv_init();
	iv_timer_set_after(NULL, 0, 0);
}

FATAL_TEST_ONCE(slack_null,
		"iv_set_timer_slack: the struct timespec pointer is NULL")
{
	iv_init();
	iv_set_timer_slack(NULL);
}

FATAL_TEST_ONCE(slack_below_zero,
		"iv_set_timer_slack: negative: 0 s -1 ns")
{
	iv_init();
	slack(0, -1);
}

FATAL_TEST_ONCE(set_garbage, "iv_timer_set_expires: iv_timer 0x")
{
	iv_init();
	memset(&timers[0], 0xa5, sizeof(timers[0]));
	set(0, 0);
}

FATAL_TEST_ONCE(set_without_handler, "has no handler")
{
	iv_init();
	make(0);
	timers[0].handler = NULL;
	set(0, 0);
}

static void set_0(void *unused)
{
	(void)unused;
	set(0, 0);
}

FATAL_TEST_ONCE(moved_by_another_thread, "its owner is thread ")
{
	iv_init();
	make(0);
	set(0, INT32_MAX * IVI_SEC);
	loop_thread_call(loop_thread_start(NULL, NULL, NULL), set_0, NULL);
}
