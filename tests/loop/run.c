/* SPDX-License-Identifier: MIT */
/*
 * run.c - tests of the turn: the order of its phases, what keeps it going,
 * iv_quit(), and what a turn costs.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <iv_event.h>
#include <iv_event_raw.h>
#include "harness/spy.h"
#include "loop/loop_rig.h"

static struct iv_event_raw raw;

static void add_raw(void (*handler)(void *), const char *text)
{
	IV_EVENT_RAW_INIT(&raw);
	raw.handler = handler;
	raw.cookie = label(text);
	CHECK_INT(iv_event_raw_register(&raw), ==, 0);
}

/* ---- Order ----------------------------------------------------------------- */

static void task_posts(void *text)
{
	trace(text);
	post_elsewhere();
}

TEST(timers_tasks_events_descriptors)
{
	iv_init();
	add_fd(mark_then_quit, label("fd"));
	add_event(trace, label("event "));
	add_task(task_posts, label("task "));
	add_timer(0, trace, label("timer "));
	iv_main();
	CHECK_STR(traced(), "timer task event fd");
	iv_event_unregister(&event);
	drop_fd();
	iv_deinit();
}

static void begin_again(void *unused)
{
	(void)unused;
	mark("fd ");
	drop_fd();
	add_task(mark_then_quit, label("task"));
}

TEST(and_then_again_from_the_start)
{
	iv_init();
	add_fd(begin_again, NULL);
	iv_main();
	CHECK_STR(traced(), "fd task");
	iv_deinit();
}

/* ---- What keeps it going ----------------------------------------------------- */

TEST(an_empty_loop_returns_at_once)
{
	iv_init();
	spy_reset();
	iv_main();
	iv_main();
	CHECK_INT(spy_count(SPY_WAIT), ==, 0);
	iv_deinit();
}

TEST(what_is_due_runs_even_if_nothing_else_is_left)
{
	iv_init();
	add_timer(0, trace, label("timer "));
	add_task(trace, label("task"));
	spy_reset();
	iv_main();
	CHECK_STR(traced(), "timer task");
	CHECK_INT(spy_count(SPY_WAIT), ==, 0);
	iv_deinit();
}

TEST(a_descriptor_keeps_it_going)
{
	iv_init();
	add_fd(mark_and_drop_fd, label("fd"));
	iv_main();
	CHECK_STR(traced(), "fd");
	iv_deinit();
}

static void enable_fd(void *unused)
{
	(void)unused;
	iv_fd_set_handler_in(&fd, mark_and_drop_fd);
}

TEST(a_descriptor_without_handlers_keeps_it_going)
{
	iv_init();
	add_fd(NULL, label("fd"));
	add_timer(5, enable_fd, NULL);
	iv_main();
	CHECK_STR(traced(), "fd");
	iv_deinit();
}

TEST(a_timer_keeps_it_going)
{
	spy_clock_take(1000000000);
	iv_init();
	timer_after(&timer, 3600000, trace, label("timer"));
	iv_timer_register(&timer);
	iv_main();
	CHECK_STR(traced(), "timer");
	iv_deinit();
}

TEST(an_event_keeps_it_going)
{
	pthread_t tid;

	iv_init();
	add_event(mark_and_drop_event, label("event"));
	CHECK_INT(pthread_create(&tid, NULL, post_event, NULL), ==, 0);
	iv_main();
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	CHECK_STR(traced(), "event");
	iv_deinit();
}

static void drop_raw(void *text)
{
	trace(text);
	iv_event_raw_unregister(&raw);
}

TEST(a_raw_event_keeps_it_going)
{
	iv_init();
	add_raw(drop_raw, "raw");
	iv_event_raw_post(&raw);
	iv_main();
	CHECK_STR(traced(), "raw");
	iv_deinit();
}

/* Each kind goes again, in both ways: its count must be exact. */
TEST(what_is_unregistered_keeps_nothing_going)
{
	int i;

	iv_init();
	for (i = 0; i < 3; i++) {
		add_fd(never_handler, NULL);
		add_timer(0, never_handler, NULL);
		add_task(never_handler, NULL);
		add_event(never_handler, NULL);
		add_raw(never_handler, NULL);
		post_elsewhere();
		iv_event_raw_post(&raw);
		iv_timer_unregister(&timer);
		iv_task_unregister(&task);
		iv_event_unregister(&event);
		iv_event_raw_unregister(&raw);
		drop_fd();
		iv_main();
	}
	iv_deinit();
}

static void drop_everything(void *unused)
{
	(void)unused;
	iv_timer_unregister(&timer);
	iv_event_unregister(&event);
	iv_event_raw_unregister(&raw);
	drop_fd();
}

TEST(it_ends_when_a_handler_drops_everything)
{
	struct iv_task last;

	iv_init();
	add_fd(never_handler, NULL);
	timer_after(&timer, 3600000, never_handler, NULL);
	iv_timer_register(&timer);
	add_event(never_handler, NULL);
	add_raw(never_handler, NULL);
	IV_TASK_INIT(&last);
	last.handler = drop_everything;
	iv_task_register(&last);
	iv_main();
	iv_deinit();
}

/* ---- iv_quit() ----------------------------------------------------------------- */

TEST(quit_before_main_has_no_effect)
{
	iv_init();
	iv_quit();
	add_task(trace, label("task "));
	add_fd(mark_and_drop_fd, label("fd"));
	iv_main();
	CHECK_STR(traced(), "task fd");
	iv_deinit();
}

static struct iv_fd second;

/* Whichever of the two is served first: the other one is served, too. */
TEST(quit_in_a_descriptor_lets_the_turn_finish)
{
	int more[2];

	iv_init();
	add_fd(mark_then_quit, label("x"));
	make_pipe(more);
	poke(more[1]);
	IV_FD_INIT(&second);
	second.fd = more[0];
	second.handler_in = mark_then_quit;
	second.cookie = label("x");
	iv_fd_register(&second);
	iv_main();
	CHECK_STR(traced(), "xx");
	iv_fd_unregister(&second);
	close_pair(more);
	drop_fd();
	iv_deinit();
}

static void quit_and_add(void *unused)
{
	(void)unused;
	mark("fd ");
	add_task(trace, label("task"));
	iv_quit();
}

TEST(quit_in_a_descriptor_still_runs_tasks)
{
	iv_init();
	add_fd(quit_and_add, NULL);
	spy_reset();
	iv_main();
	CHECK_STR(traced(), "fd task");
	CHECK_INT(spy_count(SPY_WAIT), ==, 1);
	drop_fd();
	iv_deinit();
}

TEST(quit_in_a_timer_lets_timers_and_tasks_finish)
{
	struct iv_timer next;

	iv_init();
	add_fd(never_handler, NULL);
	add_timer(0, mark_then_quit, label("timer "));
	timer_after(&next, 0, trace, label("next "));
	iv_timer_register(&next);
	add_task(trace, label("task"));
	iv_main();
	CHECK_STR(traced(), "timer next task");
	drop_fd();
	iv_deinit();
}

static struct iv_task joins;

static void quit_and_join(void *text)
{
	trace(text);
	iv_quit();
	iv_task_register(&joins);
}

TEST(quit_in_a_task_lets_the_round_finish)
{
	struct iv_task next;

	iv_init();
	add_fd(never_handler, NULL);
	IV_TASK_INIT(&joins);
	joins.handler = trace;
	joins.cookie = label("joins");
	add_task(quit_and_join, label("task "));
	IV_TASK_INIT(&next);
	next.handler = trace;
	next.cookie = label("next ");
	iv_task_register(&next);
	iv_main();
	CHECK_STR(traced(), "task next joins");
	drop_fd();
	iv_deinit();
}

TEST(quit_in_an_event_lets_the_turn_finish)
{
	iv_init();
	add_fd(trace, label("fd"));
	add_event(mark_then_quit, label("event "));
	post_elsewhere();
	iv_main();
	CHECK_STR(traced(), "event fd");
	iv_event_unregister(&event);
	drop_fd();
	iv_deinit();
}

TEST(quit_in_a_raw_event)
{
	iv_init();
	add_raw(mark_then_quit, "raw");
	iv_event_raw_post(&raw);
	iv_main();
	CHECK_STR(traced(), "raw");
	iv_event_raw_unregister(&raw);
	iv_deinit();
}

/* Objects stay registered, and nothing is lost in between. */
TEST(main_again_after_quit)
{
	int i;

	iv_init();
	add_event(mark_then_quit, label("e"));
	for (i = 0; i < 5; i++) {
		post_elsewhere();
		iv_main();
	}
	post_elsewhere();
	iv_quit();
	iv_main();
	CHECK_STR(traced(), "eeeeee");
	iv_event_unregister(&event);
	iv_deinit();
}

TEST_ONCE(quit_without_a_loop_is_harmless)
{
	iv_quit();
}

/* ---- Signals ---------------------------------------------------------------------- */

TEST(an_interrupted_wait_just_starts_a_new_turn)
{
	iv_init();
	add_fd(mark_and_drop_fd, label("fd"));
	spy_reset();
	spy_fail(SPY_WAIT, 1, 3, EINTR);
	iv_main();
	CHECK_STR(traced(), "fd");
	CHECK_INT(spy_count(SPY_WAIT), ==, 4);
	iv_deinit();
}

static void poke_fd(int sig)
{
	(void)sig;
	iv_event_raw_post(&raw);
}

static void *kill_at_random(void *_main)
{
	pthread_kill(*(pthread_t *)_main, SIGUSR1);
	return NULL;
}

TEST(a_signal_handler_posts_a_raw_event)
{
	struct sigaction sa = { .sa_handler = poke_fd };
	pthread_t self = pthread_self(), tid;

	iv_init();
	add_raw(mark_then_quit, "raw");
	CHECK_SYS(sigaction(SIGUSR1, &sa, NULL));
	CHECK_INT(pthread_create(&tid, NULL, kill_at_random, &self), ==, 0);
	iv_main();
	CHECK_STR(traced(), "raw");
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	sa.sa_handler = SIG_DFL;
	CHECK_SYS(sigaction(SIGUSR1, &sa, NULL));
	iv_event_raw_unregister(&raw);
	iv_deinit();
}

/* ---- Nesting ---------------------------------------------------------------------- */

/*
 * Not supported, but it must neither crash nor hang: what the outer loop had
 * begun to serve is served by the inner one.
 */
static int depth;

static void run_inner(void *unused)
{
	(void)unused;
	mark("(");
	depth++;
	iv_main();
	depth--;
	mark(")");
}

TEST(nested_in_a_timer)
{
	struct iv_timer next;

	iv_init();
	add_timer(0, run_inner, NULL);
	timer_after(&next, 0, trace, label("next"));
	iv_timer_register(&next);
	iv_main();
	CHECK_STR(traced(), "(next)");
	iv_deinit();
}

TEST(nested_in_a_task)
{
	struct iv_task next;

	iv_init();
	add_task(run_inner, NULL);
	IV_TASK_INIT(&next);
	next.handler = trace;
	next.cookie = label("next");
	iv_task_register(&next);
	iv_main();
	CHECK_STR(traced(), "(next)");
	iv_deinit();
}

static struct iv_event next_event;

static void drop_next(void *text)
{
	trace(text);
	iv_event_unregister(&event);
	iv_event_unregister(&next_event);
}

TEST(nested_in_an_event)
{
	iv_init();
	add_event(run_inner, NULL);
	IV_EVENT_INIT(&next_event);
	next_event.handler = drop_next;
	next_event.cookie = label("next");
	CHECK_INT(iv_event_register(&next_event), ==, 0);
	iv_event_post(&event);
	iv_event_post(&next_event);
	iv_main();
	CHECK_STR(traced(), "(next)");
	iv_deinit();
}

static void drop_second(void *text)
{
	trace(text);
	iv_fd_unregister(&second);
	iv_fd_unregister(&fd);
}

static void run_inner_once(void *unused)
{
	(void)unused;
	if (depth == 0)
		run_inner(NULL);
}

TEST(nested_in_a_descriptor)
{
	int more[2];

	iv_init();
	make_pipe(more);
	poke(more[1]);
	add_fd(run_inner_once, NULL);
	IV_FD_INIT(&second);
	second.fd = more[0];
	second.handler_in = drop_second;
	second.cookie = label("next");
	iv_fd_register(&second);
	iv_main();
	CHECK_INT(depth, ==, 0);
	close_pair(fds);
	close_pair(more);
	iv_deinit();
}

static void nest_again(void *_left)
{
	int *left = _left;

	if (--*left == 0)
		return;
	iv_task_register(&task);
	iv_main();
}

TEST(nested_fifty_deep)
{
	int left = 50;

	iv_init();
	add_task(nest_again, NULL);
	task.cookie = &left;
	iv_main();
	CHECK_INT(left, ==, 0);
	iv_deinit();
}

static struct iv_task inner;

static void nest_and_again(void *_left)
{
	int *left = _left;

	iv_task_register(&inner);
	iv_main();
	if (--*left > 0)
		iv_task_register(&task);
}

/* It has run in this round, whatever rounds there were within. */
TEST(one_that_nests_and_registers_itself_is_fair)
{
	int left = 1000;

	iv_init();
	add_fd(never_handler, NULL);
	IV_TASK_INIT(&inner);
	inner.handler = quit_handler;
	IV_TASK_INIT(&task);
	task.handler = nest_and_again;
	task.cookie = &left;
	iv_task_register(&task);
	iv_main();
	CHECK_INT(left, ==, 999);
	iv_task_unregister(&task);
	drop_fd();
	iv_deinit();
}

static struct iv_task joins_late;

static void nest_and_bring_another(void *unused)
{
	(void)unused;
	iv_task_register(&inner);
	iv_main();
	iv_task_register(&joins_late);
}

/* The round goes on after the inner loop, and others may join it. */
TEST(a_round_with_a_nested_loop_can_be_joined)
{
	iv_init();
	add_fd(never_handler, NULL);
	IV_TASK_INIT(&joins_late);
	joins_late.handler = trace;
	joins_late.cookie = label("joined");
	IV_TASK_INIT(&inner);
	inner.handler = quit_handler;
	IV_TASK_INIT(&task);
	task.handler = nest_and_bring_another;
	iv_task_register(&task);
	iv_main();
	CHECK_STR(traced(), "joined");
	drop_fd();
	iv_deinit();
}

static void quit_inner(void *unused)
{
	(void)unused;
	add_task(mark_then_quit, label("q"));
	run_inner(NULL);
}

/* As ever: the flag stays set. */
TEST(quit_in_a_nested_loop_ends_all)
{
	iv_init();
	add_fd(trace, label("fd"));
	add_timer(0, quit_inner, NULL);
	iv_main();
	CHECK_STR(traced(), "(q)");
	drop_fd();
	iv_deinit();
}

/* ---- Fairness ---------------------------------------------------------------------- */

/* Each class is flooded; each is to be served in every turn. */
static struct iv_task eager_task;
static struct iv_timer eager_timer;
static unsigned tasks_run, timers_run, events_run, fds_run, raws_run;

static void eager_task_again(void *unused)
{
	(void)unused;
	tasks_run++;
	iv_task_register(&eager_task);
}

static void eager_timer_again(void *unused)
{
	(void)unused;
	timers_run++;
	iv_timer_register(&eager_timer);
}

static void eager_event_again(void *unused)
{
	(void)unused;
	events_run++;
	iv_event_post(&event);
}

static void eager_raw_again(void *unused)
{
	(void)unused;
	raws_run++;
	iv_event_raw_post(&raw);
}

static void eager_fd(void *unused)
{
	(void)unused;
	fds_run++;
}

#define TURNS	200

TEST(nobody_starves)
{
	iv_init();
	add_fd(eager_fd, NULL);
	IV_TASK_INIT(&eager_task);
	eager_task.handler = eager_task_again;
	iv_task_register(&eager_task);
	timer_after(&eager_timer, -1000, eager_timer_again, NULL);
	iv_timer_register(&eager_timer);
	add_event(eager_event_again, NULL);
	iv_event_post(&event);
	add_raw(eager_raw_again, NULL);
	iv_event_raw_post(&raw);
	quit_after_turns(TURNS);
	iv_main();
	CHECK_INT(tasks_run, ==, TURNS);
	CHECK_INT(timers_run, ==, TURNS);
	CHECK_INT(events_run, ==, TURNS);
	CHECK_INT(fds_run, ==, TURNS - 1);
	CHECK_INT(raws_run, ==, TURNS - 1);
	iv_task_unregister(&eager_task);
	iv_timer_unregister(&eager_timer);
	iv_event_unregister(&event);
	iv_event_raw_unregister(&raw);
	drop_fd();
	iv_deinit();
}

/* ---- What it costs ------------------------------------------------------------------ */

TEST(one_wait_per_turn)
{
	iv_init();
	add_fd(eager_fd, NULL);
	quit_after_turns(100);
	spy_reset();
	iv_main();
	CHECK_INT(spy_count(SPY_WAIT), ==, 99);
	CHECK_INT(fds_run, ==, 99);
	drop_fd();
	iv_deinit();
}

TEST(unchanged_descriptors_cost_nothing)
{
	iv_init();
	add_fd(eager_fd, NULL);
	quit_after_turns(2);
	iv_main();
	quit_after_turns(100);
	spy_reset();
	iv_main();
	CHECK_INT(spy_count(SPY_EPOLL_CTL), ==, 0);
	CHECK_INT(spy_count(SPY_READ), ==, 0);
	CHECK_INT(spy_count(SPY_WRITE), ==, 0);
	drop_fd();
	iv_deinit();
}

static void clear_and_set(void *unused)
{
	(void)unused;
	fds_run++;
	iv_fd_set_handler_in(&fd, NULL);
	iv_fd_set_handler_out(&fd, NULL);
	iv_fd_set_handler_err(&fd, NULL);
	iv_fd_set_handler_in(&fd, clear_and_set);
}

TEST(changes_that_cancel_out_cost_nothing)
{
	iv_init();
	add_fd(clear_and_set, NULL);
	quit_after_turns(2);
	iv_main();
	quit_after_turns(100);
	spy_reset();
	iv_main();
	CHECK_INT(spy_count(SPY_EPOLL_CTL), ==, 0);
	CHECK_INT(fds_run, ==, 100);
	drop_fd();
	iv_deinit();
}

/* Everything at once, again and again, in memory that is there already. */
TEST(a_running_loop_allocates_nothing)
{
	iv_init();
	add_fd(clear_and_set, NULL);
	IV_TASK_INIT(&eager_task);
	eager_task.handler = eager_task_again;
	iv_task_register(&eager_task);
	timer_after(&eager_timer, -1000, eager_timer_again, NULL);
	iv_timer_register(&eager_timer);
	add_event(eager_event_again, NULL);
	iv_event_post(&event);
	add_raw(eager_raw_again, NULL);
	iv_event_raw_post(&raw);
	spy_reset();
	quit_after_turns(TURNS);
	iv_main();
	CHECK_INT(spy_count(SPY_MALLOC), ==, 0);
	iv_task_unregister(&eager_task);
	iv_timer_unregister(&eager_timer);
	iv_event_unregister(&event);
	iv_event_raw_unregister(&raw);
	drop_fd();
	iv_deinit();
}

static void churn(void *_left)
{
	int *left = _left;
	struct iv_timer t;

	iv_fd_unregister(&fd);
	iv_fd_register(&fd);
	timer_after(&t, *left, never_handler, NULL);
	iv_timer_register(&t);
	iv_timer_unregister(&t);
	iv_event_unregister(&event);
	CHECK_INT(iv_event_register(&event), ==, 0);
	iv_event_post(&event);
	if (--*left == 0)
		iv_quit();
}

TEST(registering_again_allocates_nothing)
{
	int left = 200;

	iv_init();
	add_fd(churn, NULL);
	fd.cookie = &left;
	add_event(eager_event_again, NULL);
	spy_reset();
	iv_main();
	CHECK_INT(spy_count(SPY_MALLOC), ==, 0);
	CHECK_INT(left, ==, 0);
	iv_event_unregister(&event);
	drop_fd();
	iv_deinit();
}

/* ---- Misuse ---------------------------------------------------------------------------- */

FATAL_TEST_ONCE(main_without_a_loop,
		"iv_main: call iv_init() in this thread first")
{
	iv_main();
}

FATAL_TEST(the_wait_fails, "iv_main: ")
{
	iv_init();
	add_fd(never_handler, NULL);
	spy_fail(SPY_WAIT, 1, 1, EBADF);
	iv_main();
}

/* ---- Leaving a handler by the back door ------------------------------------------------ */

static jmp_buf back;

static void jump(void *label)
{
	trace(label);
	longjmp(back, 1);
}

/* Each of them leaves iv_main(), and the rest has its turn afterwards. */
TEST(handlers_that_are_left_by_longjmp)
{
	static struct iv_timer timers[2];
	static struct iv_task tasks[2];
	static struct iv_event events[2];
	static struct iv_fd sources[2];
	static int pipes[2][2];
	static const char *labels[4][2] = {
		{ "t", "T" }, { "k", "K" }, { "e", "E" }, { "f", "F" },
	};
	static int i;

	iv_init();
	for (i = 0; i < 2; i++) {
		timer_after(&timers[i], 0, jump, (void *)(uintptr_t)labels[0][i]);
		iv_timer_register(&timers[i]);
		IV_TASK_INIT(&tasks[i]);
		tasks[i].handler = jump;
		tasks[i].cookie = (void *)(uintptr_t)labels[1][i];
		iv_task_register(&tasks[i]);
		IV_EVENT_INIT(&events[i]);
		events[i].handler = jump;
		events[i].cookie = (void *)(uintptr_t)labels[2][i];
		CHECK_INT(iv_event_register(&events[i]), ==, 0);
		make_pipe(pipes[i]);
		IV_FD_INIT(&sources[i]);
		sources[i].fd = pipes[i][0];
		sources[i].handler_in = jump;
		sources[i].cookie = (void *)(uintptr_t)labels[3][i];
		iv_fd_register(&sources[i]);
	}
	for (i = 0; i < 4; i++) {
		if (setjmp(back) == 0)
			iv_main();
	}
	CHECK_STR(traced(), "tTkK");
	for (i = 0; i < 2; i++)
		iv_event_post(&events[i]);
	for (i = 0; i < 2; i++) {
		if (setjmp(back) == 0)
			iv_main();
	}
	CHECK_STR(traced(), "eE");
	poke(pipes[0][1]);
	poke(pipes[1][1]);
	for (i = 0; i < 2; i++) {
		if (setjmp(back) == 0)
			iv_main();
		iv_fd_unregister(&sources[*traced() == 'f' ? 0 : 1]);
	}
	for (i = 0; i < 2; i++) {
		iv_event_unregister(&events[i]);
		close_pair(pipes[i]);
	}
	iv_main();
	iv_deinit();
}

static void deinit_at_exit(void)
{
	iv_deinit();
}

static void exit_now(void *unused)
{
	(void)unused;
	exit(0);
}

static void exit_in_a_handler(void *unused)
{
	struct iv_task last;

	(void)unused;
	iv_init();
	CHECK_INT(atexit(deinit_at_exit), ==, 0);
	IV_TASK_INIT(&last);
	last.handler = exit_now;
	iv_task_register(&last);
	iv_main();
}

TEST(exit_in_a_handler_that_has_iv_deinit_called)
{
	reap_child(fork_child(exit_in_a_handler, NULL));
}

static void main_in_a_task(void *unused)
{
	(void)unused;
	trace((void *)(uintptr_t)"m");
	iv_main();
	trace((void *)(uintptr_t)"n");
}

/* A later handler of the turn runs the loop, which ends at once. */
TEST(quit_outlives_a_nested_main)
{
	struct iv_task quits, nests;

	iv_init();
	IV_TASK_INIT(&quits);
	quits.handler = quit_handler;
	IV_TASK_INIT(&nests);
	nests.handler = main_in_a_task;
	iv_task_register(&quits);
	iv_task_register(&nests);
	with_deadline(5);
	iv_main();
	CHECK_STR(traced(), "mn");
	without_deadline();
	iv_deinit();
}
