/* SPDX-License-Identifier: MIT */
/*
 * work_ask.c - tests of what a work pool can be asked: to give items back, to
 * say when it is idle, for figures.
 */
#include <setjmp.h>
#include <stdlib.h>
#include "harness/spy.h"
#include "mod/work_rig.h"

static struct gate gate;

/* The only worker is busy until it is let go. */
static void open_busy(void)
{
	pool_open(1);
	gate_submit(&gate, counted);
	wait_for(&gate.running);
}

static void let_go(void)
{
	sem_post(&gate.leave);
}

/* ---- Taking back -------------------------------------------------------------------- */

TEST(cancel_what_is_queued)
{
	struct iv_work_item item;

	open_busy();
	submit(&item, never_handler, never_handler, NULL);
	CHECK_INT(iv_work_pool_cancel(&pool, &item), ==, 0);
	CHECK_ERRNO(iv_work_pool_cancel(&pool, &item), EBUSY);
	let_go();
	run_until_counted(1);
	/* It is the caller's again. */
	item.work = nothing;
	item.completion = counted;
	iv_work_pool_submit_work(&pool, &item);
	run_until_counted(1);
	pool_close();
}

static void cancel_own(void *item)
{
	CHECK_ERRNO(iv_work_pool_cancel(&pool, item), EBUSY);
	counted(NULL);
}

TEST(cancel_what_has_begun_or_is_done)
{
	struct iv_work_item item;

	open_busy();
	CHECK_ERRNO(iv_work_pool_cancel(&pool, &gate.item), EBUSY);
	submit(&item, nothing, cancel_own, &item);
	let_go();
	run_until_counted(2);
	CHECK_ERRNO(iv_work_pool_cancel(&pool, &item), EBUSY);
	pool_close();
}

static struct {
	struct iv_work_item	item;
	bool	cancelled;
} many[2000];
static int last;

static void in_order(void *_i)
{
	int i = (int)(intptr_t)_i;

	CHECK(!many[i].cancelled);
	CHECK_INT(i, >, last);
	last = i;
}

/* More than there are places for; those that stay keep their order. */
TEST(cancel_many_of_many)
{
	int i, left = 2000;

	open_busy();
	for (i = 0; i < 2000; i++)
		submit(&many[i].item, in_order, counted, (void *)(intptr_t)i);
	last = -1;
	for (i = 1999; i >= 0; i -= 1 + i % 3) {
		CHECK_INT(iv_work_pool_cancel(&pool, &many[i].item), ==, 0);
		many[i].cancelled = true;
		left--;
	}
	let_go();
	run_until_counted(left + 1);
	pool_close();
}

/* While four workers take them. */
TEST(cancel_races_with_workers)
{
	static struct iv_work_item items[500];
	int i, round, done = 0, cancelled;

	time_limit(30);
	pool_open(4);
	for (round = 0; round < 30; round++) {
		cancelled = 0;
		for (i = 0; i < 500; i++)
			submit(&items[i], up, counted, &done);
		for (i = 499; i >= 0; i -= 7)
			cancelled += iv_work_pool_cancel(&pool,
							 &items[i]) == 0;
		run_until_counted(500 - cancelled);
		CHECK_INT(get(&done), ==, 500 - cancelled);
		done = 0;
	}
	pool_close();
}

TEST(cancel_what_no_thread_works_on)
{
	struct iv_work_item items[2];

	pool_open(1);
	create_fails = -1;
	submit(&items[0], never_handler, never_handler, NULL);
	submit(&items[1], nothing, counted, NULL);
	CHECK_INT(iv_work_pool_cancel(&pool, &items[0]), ==, 0);
	run_until_counted(1);
	CHECK_INT(threads_created, ==, 0);
	pool_close();
}

static struct iv_work_item locals[3];

static void cancel_next(void *unused)
{
	(void)unused;
	CHECK_INT(iv_work_pool_cancel(NULL, &locals[2]), ==, 0);
}

TEST(cancel_with_no_pool)
{
	int i;

	iv_init();
	set(&locals[0], nothing, cancel_next, NULL);
	set(&locals[1], never_handler, never_handler, NULL);
	set(&locals[2], never_handler, never_handler, NULL);
	for (i = 0; i < 3; i++)
		iv_work_pool_submit_work(NULL, &locals[i]);
	CHECK_INT(iv_work_pool_cancel(NULL, &locals[1]), ==, 0);
	CHECK_ERRNO(iv_work_pool_cancel(NULL, &locals[1]), EBUSY);
	iv_main();
	iv_deinit();
}

FATAL_TEST(cancel_null, "iv_work_pool_cancel: iv_work_item is NULL")
{
	pool_open(1);
	iv_work_pool_cancel(&pool, NULL);
}

FATAL_TEST(cancel_after_put, "has been put or was never created")
{
	struct iv_work_item item;

	pool_open(1);
	iv_work_pool_put(&pool);
	iv_work_pool_cancel(&pool, &item);
}

/* ---- Idle ------------------------------------------------------------------------------ */

static int idles;

static void idle(void *expected)
{
	CHECK(pthread_equal(pthread_self(), owner));
	CHECK_INT(idles++, ==, (int)(intptr_t)expected);
}

static void idle_and_quit(void *expected)
{
	idle(expected);
	iv_quit();
}

static void when_idle(int expected, void (*handler)(void *))
{
	CHECK_INT(iv_work_pool_when_idle(&pool, (void *)(intptr_t)expected,
					 handler), ==, 0);
}

TEST(idle_from_the_start)
{
	pool_open(1);
	when_idle(0, idle);
	when_idle(1, idle_and_quit);
	CHECK_INT(idles, ==, 0);
	iv_main();
	CHECK_INT(idles, ==, 2);
	pool_close();
}

static void not_idle_yet(void *unused)
{
	(void)unused;
	CHECK_INT(idles, ==, 0);
}

static struct iv_work_item endless;

static void submit_again(void *unused)
{
	(void)unused;
	if (idles == 0)
		iv_work_pool_submit_work(&pool, &endless);
}

/* What is submitted later need not end. */
TEST(idle_when_what_was_submitted_before_is_completed)
{
	struct iv_work_item item;

	open_busy();
	gate.item.completion = not_idle_yet;
	submit(&item, nothing, not_idle_yet, NULL);
	when_idle(0, idle_and_quit);
	submit(&endless, nothing, submit_again, NULL);
	let_go();
	iv_main();
	CHECK_INT(idles, ==, 1);
	pool_close();
}

static struct iv_work_item chain[10];

static void continue_chain(void *_n)
{
	int n = (int)(intptr_t)_n;

	if (n == 10)
		return;
	set(&chain[n], continue_chain, not_idle_yet,
	    (void *)(intptr_t)(n + 1));
	iv_work_pool_submit_continuation(&pool, &chain[n]);
}

TEST(idle_includes_continuations)
{
	struct iv_work_item item;

	pool_open(2);
	submit(&item, continue_chain, not_idle_yet, NULL);
	when_idle(0, idle_and_quit);
	iv_main();
	CHECK_INT(idles, ==, 1);
	pool_close();
}

/* The second has to wait for what the first does not. */
TEST(idle_one_after_the_other)
{
	struct gate second;

	open_busy();
	gate.item.completion = nothing;
	when_idle(0, idle_and_quit);
	gate_submit(&second, nothing);
	when_idle(1, idle_and_quit);
	let_go();
	wait_for(&second.running);
	iv_main();
	CHECK_INT(idles, ==, 1);
	sem_post(&second.leave);
	iv_main();
	CHECK_INT(idles, ==, 2);
	pool_close();
}

static void idle_again(void *expected)
{
	struct iv_work_item *item = &chain[idles];

	idle(expected);
	if (idles == 5) {
		iv_quit();
		return;
	}
	submit(item, nothing, nothing, NULL);
	when_idle(idles, idle_again);
}

TEST(idle_asked_for_when_idle)
{
	pool_open(1);
	when_idle(0, idle_again);
	iv_main();
	CHECK_INT(idles, ==, 5);
	pool_close();
}

static void idle_and_put(void *expected)
{
	idle(expected);
	iv_work_pool_put(&pool);
}

TEST(put_when_idle)
{
	struct iv_work_item item;

	pool_open(1);
	submit(&item, nothing, not_idle_yet, NULL);
	when_idle(0, idle_and_put);
	when_idle(1, idle);
	iv_main();
	CHECK_INT(idles, ==, 2);
	iv_deinit();
}

TEST(idle_after_put)
{
	struct iv_work_item item;

	pool_open(1);
	submit(&item, nothing, not_idle_yet, NULL);
	when_idle(0, idle);
	iv_work_pool_put(&pool);
	iv_main();
	CHECK_INT(idles, ==, 1);
	iv_deinit();
}

TEST(idle_when_the_rest_is_cancelled)
{
	struct iv_work_item item;

	open_busy();
	submit(&item, never_handler, never_handler, NULL);
	when_idle(0, idle_and_quit);
	gate.item.completion = not_idle_yet;
	CHECK_INT(iv_work_pool_cancel(&pool, &item), ==, 0);
	let_go();
	iv_main();
	CHECK_INT(idles, ==, 1);
	pool_close();
}

TEST(never_idle_if_the_loop_ends)
{
	open_busy();
	when_idle(0, never_handler);
	when_idle(1, never_handler);
	iv_deinit();
	iv_work_pool_put(&pool);
	let_go();
}

static jmp_buf outside;

static void idle_and_leave(void *expected)
{
	idle(expected);
	longjmp(outside, 1);
}

TEST(idle_handlers_leave_by_longjmp)
{
	pool_open(1);
	when_idle(0, idle_and_leave);
	when_idle(1, idle_and_leave);
	when_idle(2, idle_and_quit);
	setjmp(outside);
	iv_main();
	CHECK_INT(idles, ==, 3);
	pool_close();
}

/* What the last waits for is only cancelled. */
TEST(idle_when_all_is_cancelled)
{
	struct iv_work_item item;

	pool_open(1);
	create_fails = -1;
	submit(&item, never_handler, never_handler, NULL);
	when_idle(0, idle_and_quit);
	CHECK_INT(iv_work_pool_cancel(&pool, &item), ==, 0);
	iv_main();
	CHECK_INT(idles, ==, 1);
	pool_close();
}

TEST(idle_without_memory)
{
	pool_open(1);
	spy_fail(SPY_MALLOC, 1, 1, ENOMEM);
	CHECK_ERRNO(iv_work_pool_when_idle(&pool, NULL, nothing), ENOMEM);
	spy_heal();
	pool_close();
}

FATAL_TEST(idle_without_handler, "iv_work_pool_when_idle: iv_work_pool 0x")
{
	pool_open(1);
	iv_work_pool_when_idle(&pool, NULL, NULL);
}

FATAL_TEST(idle_null, "iv_work_pool_when_idle: iv_work_pool is NULL")
{
	iv_init();
	iv_work_pool_when_idle(NULL, NULL, nothing);
}

/* ---- Figures ---------------------------------------------------------------------------- */

static struct iv_work_stats figures(void)
{
	struct iv_work_stats s;

	memset(&s, 0xa5, sizeof(s));
	iv_work_pool_stats(&pool, &s, sizeof(s));
	return s;
}

static int64_t ns(struct timespec ts)
{
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

TEST(figures_of_a_busy_pool)
{
	struct iv_work_item items[300];
	struct iv_work_stats s;
	int i;

	open_busy();
	for (i = 0; i < 300; i++)
		submit(&items[i], nothing, counted, NULL);
	s = figures();
	CHECK_INT(s.queued, ==, 300);
	CHECK_INT(s.running, ==, 1);
	CHECK_INT(s.done, ==, 0);
	CHECK_INT(s.workers, ==, 1);
	CHECK_INT(ns(s.longest_wait), ==, 0);
	CHECK_INT(ns(s.longest_run), ==, 0);
	CHECK_INT(iv_work_pool_cancel(&pool, &items[7]), ==, 0);
	CHECK_INT(iv_work_pool_cancel(&pool, &items[290]), ==, 0);
	CHECK_INT(figures().queued, ==, 298);
	let_go();
	run_until_counted(299);
	s = figures();
	CHECK_INT(s.queued, ==, 0);
	CHECK_INT(s.running, ==, 0);
	CHECK_INT(s.done, ==, 299);
	pool_close();
}

/* Each is at least as long as what certainly passed in it. */
TEST(figures_of_time)
{
	struct iv_work_item item;
	struct iv_work_stats s;
	struct gate second;

	open_busy();
	figures();
	gate_submit(&second, counted);
	submit(&item, nothing, counted, NULL);
	while (ns(figures().longest_wait) < 2000000)
		sched_yield();
	let_go();
	wait_for(&second.running);
	s = figures();
	CHECK_INT(ns(s.longest_wait), >=, 2000000);
	while (ns(figures().longest_run) < 2000000)
		sched_yield();
	sem_post(&second.leave);
	run_until_counted(3);
	s = figures();
	CHECK_INT(ns(s.longest_run), >=, 2000000);
	CHECK_INT(ns(s.longest_wait), >=, 2000000);
	pool_close();
}

/* Of a program that knows fewer figures, and of one that knows more. */
TEST(figures_of_another_size)
{
	struct { struct iv_work_stats s; unsigned long more; } s;

	pool_open(1);
	memset(&s, 0xa5, sizeof(s));
	iv_work_pool_stats(&pool, &s.s, sizeof(s.s.queued));
	CHECK_INT(s.s.queued, ==, 0);
	CHECK_INT(s.s.running, !=, 0);
	iv_work_pool_stats(&pool, &s.s, sizeof(s));
	CHECK_INT(s.s.running, ==, 0);
	CHECK_INT(s.more, ==, 0);
	pool_close();
}

FATAL_TEST(figures_null, "iv_work_pool_stats: iv_work_pool 0x")
{
	pool_open(1);
	iv_work_pool_stats(&pool, NULL, 0);
}
