/* SPDX-License-Identifier: MIT */
/*
 * run_once.c - tests of iv_run(): single turns, nesting, what it returns; of
 * iv_ref(); and of turns that are special for other reasons.
 */
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <iv_event.h>
#include <iv_hook.h>
#include <iv_loop.h>
#include "harness/spy.h"
#include "loop/loop_rig.h"

/* ---- One turn -------------------------------------------------------------- */

TEST(zero_is_iv_main)
{
	iv_init();
	add_fd(mark_and_drop_fd, label("fd"));
	add_task(trace, label("task "));
	CHECK_INT(iv_run(0), ==, 0);
	CHECK_STR(traced(), "task fd");
	add_fd(mark_then_quit, label("q"));
	CHECK_INT(iv_run(0), ==, 0);
	CHECK_STR(traced(), "q");
	drop_fd();
	iv_deinit();
}

TEST(a_turn_has_all_phases)
{
	iv_init();
	add_timer(0, trace, label("timer "));
	add_task(trace, label("task "));
	add_event(trace, label("event "));
	post_elsewhere();
	add_fd(mark_and_drop_fd, label("fd"));
	CHECK_INT(iv_run(IV_RUN_ONCE), ==, 1);
	CHECK_STR(traced(), "timer task event fd");
	iv_event_unregister(&event);
	CHECK_INT(iv_run(IV_RUN_ONCE), ==, 0);
	iv_deinit();
}

TEST(an_empty_loop_returns_at_once)
{
	iv_init();
	spy_reset();
	CHECK_INT(iv_run(IV_RUN_ONCE), ==, 0);
	CHECK_INT(iv_run(IV_RUN_NOWAIT), ==, 0);
	CHECK_INT(iv_run(0), ==, 0);
	CHECK_INT(spy_count(SPY_WAIT), ==, 0);
	iv_deinit();
}

TEST(once_sleeps)
{
	spy_clock_take(1000000000);
	iv_init();
	add_timer(5, trace, label("timer"));
	CHECK_INT(iv_run(IV_RUN_ONCE), ==, 1);
	CHECK_INT(spy_clock(), >=, 1005000000);
	CHECK_STR(traced(), "");
	CHECK_INT(iv_run(IV_RUN_ONCE), ==, 0);
	CHECK_STR(traced(), "timer");
	iv_deinit();
}

TEST(nowait_does_not)
{
	spy_clock_take(1000000000);
	iv_init();
	add_timer(5, trace, label("timer"));
	CHECK_INT(iv_run(IV_RUN_NOWAIT), ==, 1);
	CHECK_INT(iv_run(IV_RUN_NOWAIT | IV_RUN_ONCE), ==, 1);
	CHECK_INT(spy_clock(), ==, 1000000000);
	spy_clock_advance(5000000);
	CHECK_INT(iv_run(IV_RUN_NOWAIT), ==, 0);
	CHECK_STR(traced(), "timer");
	iv_deinit();
}

static void set_flag(void *_flag)
{
	*(int *)_flag = 1;
}

/* Nothing would ever end the sleep. */
TEST(once_does_not_sleep_if_a_timer_has_run)
{
	int done = 0;

	iv_init();
	add_far_timer();
	add_timer(1, set_flag, &done);
	while (!done)
		CHECK_INT(iv_run(IV_RUN_ONCE), ==, 1);
	iv_timer_unregister(&far_timer);
	iv_deinit();
}

TEST(once_does_not_sleep_if_a_task_has_run)
{
	int done = 0;

	iv_init();
	add_far_timer();
	add_task(set_flag, &done);
	while (!done)
		CHECK_INT(iv_run(IV_RUN_ONCE), ==, 1);
	iv_timer_unregister(&far_timer);
	iv_deinit();
}

static void set_flag_in_a_task(void *_done)
{
	drop_fd();
	add_task(set_flag, _done);
}

TEST(once_until_a_task_that_a_descriptor_started)
{
	int done = 0;

	iv_init();
	add_far_timer();
	add_fd(set_flag_in_a_task, &done);
	while (!done)
		CHECK_INT(iv_run(IV_RUN_ONCE), ==, 1);
	iv_timer_unregister(&far_timer);
	iv_deinit();
}

static void note_now(void *_when)
{
	*(struct timespec *)_when = iv_now;
}

TEST(begins_with_a_fresh_clock)
{
	struct timespec when = { 0, 0 };

	spy_clock_take(1000000000);
	iv_init();
	CHECK_INT(iv_now.tv_sec, ==, 1);
	spy_clock_advance(1000000000);
	CHECK_INT(iv_now.tv_sec, ==, 1);
	add_task(note_now, &when);
	iv_run(IV_RUN_NOWAIT);
	CHECK_INT(when.tv_sec, ==, 2);
	spy_clock_advance(1000000000);
	add_task(note_now, &when);
	iv_main();
	CHECK_INT(when.tv_sec, ==, 3);
	iv_deinit();
}

/* ---- Quitting -------------------------------------------------------------- */

TEST(quit_is_told)
{
	iv_init();
	add_fd(mark_then_quit, label("q"));
	CHECK_INT(iv_run(IV_RUN_ONCE), ==, 0);
	/* The next one is another run. */
	iv_fd_set_handler_in(&fd, trace);
	CHECK_INT(iv_run(IV_RUN_ONCE), ==, 1);
	CHECK_STR(traced(), "qq");
	drop_fd();
	iv_deinit();
}

TEST(quit_before_has_no_effect)
{
	iv_init();
	add_fd(trace, label("f"));
	iv_quit();
	CHECK_INT(iv_run(IV_RUN_ONCE), ==, 1);
	CHECK_STR(traced(), "f");
	drop_fd();
	iv_deinit();
}

static void quit_and_run(void *unused)
{
	(void)unused;
	iv_quit();
	add_timer(0, trace, label("timer "));
	add_task(trace, label("task"));
	CHECK_INT(iv_run(IV_RUN_ONCE), ==, 0);
	mark("|");
}

/* ... runs timers and tasks, and returns. */
TEST(a_nested_run_with_a_quit_pending)
{
	iv_init();
	add_fd(quit_and_run, NULL);
	add_far_timer();
	CHECK_INT(iv_run(0), ==, 0);
	CHECK_STR(traced(), "timer task|");
	iv_timer_unregister(&far_timer);
	drop_fd();
	iv_deinit();
}

static struct iv_task outer_task;

static void run_until_quit(void *unused)
{
	(void)unused;
	iv_run(0);
	mark("1");
}

static void run_twice_until_quit(void *unused)
{
	(void)unused;
	add_task(run_until_quit, NULL);
	while (iv_run(IV_RUN_ONCE))
		;
	mark("2");
}

TEST(quit_ends_all_levels)
{
	iv_init();
	add_far_timer();
	add_fd(mark_then_quit, label("q"));
	IV_TASK_INIT(&outer_task);
	outer_task.handler = run_twice_until_quit;
	iv_task_register(&outer_task);
	iv_main();
	CHECK_STR(traced(), "q12");
	iv_timer_unregister(&far_timer);
	drop_fd();
	iv_deinit();
}

/* ---- Nesting --------------------------------------------------------------- */

static struct iv_timer more_timers[2];

static void run_inside(void *unused)
{
	(void)unused;
	mark("(");
	iv_run(IV_RUN_NOWAIT);
	mark(")");
}

TEST(the_inner_turn_takes_over_timers)
{
	iv_init();
	add_timer(-2, run_inside, NULL);
	timer_after(&more_timers[0], -1, trace, label("a"));
	iv_timer_register(&more_timers[0]);
	timer_after(&more_timers[1], 0, trace, label("b"));
	iv_timer_register(&more_timers[1]);
	add_far_timer();
	CHECK_INT(iv_run(IV_RUN_NOWAIT), ==, 1);
	CHECK_STR(traced(), "(ab)");
	iv_timer_unregister(&far_timer);
	iv_deinit();
}

static struct iv_fd second;
static int more_fds[2];

static void mark_and_drop_both(void *text)
{
	trace(text);
	drop_fd();
	iv_fd_unregister(&second);
	close_pair(more_fds);
}

static void run_inside_once(void *_nested)
{
	int *nested = _nested;

	if ((*nested)++ == 0)
		run_inside(NULL);
}

/* Whichever is first: the other one is called inside. */
TEST(the_inner_turn_takes_over_descriptors)
{
	int nested = 0;

	iv_init();
	add_fd(run_inside_once, &nested);
	make_pipe(more_fds);
	poke(more_fds[1]);
	IV_FD_INIT(&second);
	second.fd = more_fds[0];
	second.handler_in = mark_and_drop_both;
	second.cookie = label("x");
	iv_fd_register(&second);
	add_far_timer();
	while (nested == 0)
		CHECK_INT(iv_run(IV_RUN_ONCE), ==, 1);
	CHECK_STR(traced(), "(x)");
	iv_timer_unregister(&far_timer);
	iv_deinit();
}

static void sleep_inside(void *unused)
{
	(void)unused;
	mark("(");
	iv_run(IV_RUN_ONCE);
	mark(")");
}

/* What has run in the inner call is not the outer one's, nor the other way
   round: the outer task has run, and the inner call may sleep. */
TEST(each_call_knows_what_has_run_in_it)
{
	spy_clock_take(1000000000);
	iv_init();
	add_far_timer();
	add_timer(7, trace, label("t"));
	add_task(sleep_inside, NULL);
	CHECK_INT(iv_run(IV_RUN_ONCE), ==, 1);
	CHECK_STR(traced(), "()");
	CHECK_INT(spy_clock(), >=, 1007000000);
	CHECK_INT(spy_clock(), <, 2000000000);
	iv_run(IV_RUN_ONCE);
	CHECK_STR(traced(), "t");
	iv_timer_unregister(&far_timer);
	iv_deinit();
}

static struct iv_hook prepare, block;
static int turns;

static void count_turn(void *unused)
{
	(void)unused;
	CHECK_INT(++turns, <, 30);
}

static void do_nothing(void *unused)
{
	(void)unused;
}

static void add_hook(struct iv_hook *hook, int point, void (*handler)(void *))
{
	IV_HOOK_INIT(hook);
	hook->point = point;
	hook->handler = handler;
	iv_hook_register(hook);
}

/* So many turns make the method set the kernel's timer; then, in a handler, it
   gets as late as the timer says. */
static void tenth_turn(void *unused)
{
	(void)unused;
	if (turns < 10)
		return;
	drain(fds[0]);
	spy_clock_advance(1500000);
}

static void quit_due(void *unused)
{
	(void)unused;
	iv_quit();
}

/* With IV_HOOK_BLOCK there the clock is read before the loop sleeps; the timer
   of the kernel, which may be coarser, is not waited for then. */
TEST(what_is_due_before_a_sleep_is_called_though_the_kernels_timer_is_late)
{
	turns = 0;
	spy_clock_take(1000000000);
	iv_init();
	add_fd(tenth_turn, NULL);
	IV_TIMER_INIT(&timer);
	timer.expires = (struct timespec){ 1, 1500000 };
	timer.handler = quit_due;
	iv_timer_register(&timer);
	add_hook(&prepare, IV_HOOK_PREPARE, count_turn);
	add_hook(&block, IV_HOOK_BLOCK, do_nothing);
	iv_main();
	CHECK_INT(turns, >=, 10);
	iv_hook_unregister(&prepare);
	iv_hook_unregister(&block);
	iv_fd_unregister(&fd);
	close_pair(fds);
	iv_deinit();
}

static void main_inside(void *unused)
{
	(void)unused;
	add_timer(1, trace, label("t"));
	iv_task_register(&task);
	iv_main();
	mark("m");
}

static int turns;

static void count_turns(void *unused)
{
	(void)unused;
	if (++turns == 5)
		drop_fd();
}

/* An iv_main() inside goes on until all is done. */
TEST(iv_main_inside_a_single_turn)
{
	iv_init();
	add_fd(count_turns, NULL);
	IV_TASK_INIT(&task);
	task.handler = trace;
	task.cookie = label("t");
	IV_TASK_INIT(&outer_task);
	outer_task.handler = main_inside;
	iv_task_register(&outer_task);
	CHECK_INT(iv_run(IV_RUN_ONCE), ==, 0);
	CHECK_STR(traced(), "ttm");
	CHECK_INT(turns, ==, 5);
	iv_deinit();
}

static jmp_buf out;

static void jump(void *unused)
{
	(void)unused;
	longjmp(out, 1);
}

TEST(left_by_longjmp)
{
	volatile int i;

	iv_init();
	add_far_timer();
	for (i = 0; i < 3; i++) {
		add_task(jump, NULL);
		if (setjmp(out) == 0) {
			iv_run(i == 1 ? 0 : IV_RUN_ONCE);
			FAIL("it has returned");
		}
	}
	add_task(trace, label("t"));
	CHECK_INT(iv_run(IV_RUN_ONCE), ==, 1);
	CHECK_STR(traced(), "t");
	iv_timer_unregister(&far_timer);
	CHECK_INT(iv_run(IV_RUN_ONCE), ==, 0);
	iv_deinit();
}

static struct iv_timer next;

/* To where the handler called iv_run(), which goes on with its own level. */
static void leave_inner(void *_flags)
{
	const unsigned *flags = _flags;

	mark("(");
	add_timer(0, jump, NULL);
	if (setjmp(out) == 0)
		iv_run(*flags);
	mark(")");
	iv_timer_register(&next);
}

/* A single turn has ended MS later, on a busy machine, too. */
static void leave_a_level(unsigned outer, unsigned inner, int ms,
			  const char *later)
{
	iv_init();
	add_task(leave_inner, &inner);
	timer_after(&next, ms, trace, label("t"));
	iv_run(outer);
	CHECK_STR(traced(), later);
	if (iv_timer_registered(&next))
		iv_timer_unregister(&next);
	iv_run(0);
	iv_deinit();
}

TEST(a_single_turn_is_left_inside_iv_main)
{
	leave_a_level(0, IV_RUN_ONCE, 5, "()t");
	traced();
	leave_a_level(0, IV_RUN_NOWAIT, 5, "()t");
}

TEST(iv_main_is_left_inside_a_single_turn)
{
	leave_a_level(IV_RUN_NOWAIT, 0, 60000, "()");
}

/* ---- Posts between the turns ------------------------------------------------- */

TEST(a_post_between_two_turns)
{
	int i;

	iv_init();
	add_event(trace, label("e"));
	for (i = 0; i < 100; i++) {
		post_elsewhere();
		CHECK_INT(iv_run(IV_RUN_ONCE), ==, 1);
		CHECK_STR(traced(), "e");
	}
	iv_event_unregister(&event);
	iv_deinit();
}

static void count_post(void *_n)
{
	++*(int *)_n;
}

static int enough;

static void *post_all_the_time(void *unused)
{
	while (!__atomic_load_n(&enough, __ATOMIC_RELAXED))
		iv_event_post(&event);
	return unused;
}

/* One that the loop misses would be the last: others are merged with it. */
TEST(posts_while_single_turns_begin_and_end)
{
	pthread_t tid;
	int n = 0;

	iv_init();
	add_event(count_post, &n);
	CHECK_INT(pthread_create(&tid, NULL, post_all_the_time, NULL), ==, 0);
	while (n < 300)
		iv_run(n % 2 ? IV_RUN_ONCE : IV_RUN_NOWAIT);
	__atomic_store_n(&enough, 1, __ATOMIC_RELAXED);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	iv_event_unregister(&event);
	iv_deinit();
}

/* ---- iv_ref() ---------------------------------------------------------------- */

static void unref(void *unused)
{
	(void)unused;
	mark("u");
	iv_unref();
}

TEST(a_reference_keeps_it_going)
{
	iv_init();
	iv_ref();
	CHECK_INT(iv_run(IV_RUN_NOWAIT), ==, 1);
	add_timer(1, unref, NULL);
	iv_main();
	CHECK_STR(traced(), "u");
	CHECK_INT(iv_run(IV_RUN_ONCE), ==, 0);
	iv_deinit();
}

TEST(taken_off_it_makes_an_object_not_count)
{
	iv_init();
	add_fd(NULL, NULL);
	iv_unref();
	CHECK_INT(iv_run(IV_RUN_ONCE), ==, 0);
	iv_main();
	add_timer(1, trace, label("t"));
	iv_main();
	CHECK_STR(traced(), "t");
	iv_ref();
	CHECK_INT(iv_run(IV_RUN_NOWAIT), ==, 1);
	drop_fd();
	iv_deinit();
}

TEST(an_event_that_does_not_count)
{
	iv_init();
	add_event(never_handler, NULL);
	iv_unref();
	CHECK_INT(iv_run(IV_RUN_ONCE), ==, 0);
	iv_main();
	iv_ref();
	iv_event_unregister(&event);
	iv_deinit();
}

TEST(below_zero_for_a_while)
{
	iv_init();
	iv_unref();
	iv_unref();
	CHECK_INT(iv_run(IV_RUN_ONCE), ==, 0);
	iv_main();
	iv_ref();
	iv_ref();
	add_timer(1, trace, label("t"));
	iv_main();
	CHECK_STR(traced(), "t");
	iv_deinit();
}

/* ---- Misuse -------------------------------------------------------------------- */

FATAL_TEST_ONCE(run_without_a_loop,
		"iv_run: call iv_init() in this thread first")
{
	iv_run(0);
}

FATAL_TEST_ONCE(main_without_a_loop,
		"iv_main: call iv_init() in this thread first")
{
	iv_main();
}

FATAL_TEST_ONCE(unknown_flags, "iv_run: unknown flags 0x")
{
	iv_init();
	iv_run(4);
}

FATAL_TEST_ONCE(ref_without_a_loop,
		"iv_ref: call iv_init() in this thread first")
{
	iv_ref();
}

FATAL_TEST_ONCE(unref_without_a_loop,
		"iv_unref: call iv_init() in this thread first")
{
	iv_unref();
}
