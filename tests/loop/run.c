/* SPDX-License-Identifier: MIT */
/*
 * run.c - tests of the turn: the order of its phases, what keeps it going,
 * iv_quit(), and what a turn costs.
 */
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <iv_event.h>
#include <iv_event_raw.h>
#include "harness/spy.h"
#include "harness/test.h"

/* ---- Helpers --------------------------------------------------------------- */

static void mark(const char *label)
{
	trace((void *)(uintptr_t)label);
}

static void *label(const char *text)
{
	return (void *)(uintptr_t)text;
}

/* One object of each kind. */
static struct iv_timer timer;
static struct iv_task task;
static struct iv_event event;
static struct iv_event_raw raw;
static struct iv_fd fd;
static int fds[2];

static void add_timer(void (*handler)(void *), const char *text)
{
	timer_after(&timer, 0, handler, label(text));
	iv_timer_register(&timer);
}

static void add_task(void (*handler)(void *), const char *text)
{
	IV_TASK_INIT(&task);
	task.handler = handler;
	task.cookie = label(text);
	iv_task_register(&task);
}

static void add_event(void (*handler)(void *), const char *text)
{
	IV_EVENT_INIT(&event);
	event.handler = handler;
	event.cookie = label(text);
	CHECK_INT(iv_event_register(&event), ==, 0);
}

static void add_raw(void (*handler)(void *), const char *text)
{
	IV_EVENT_RAW_INIT(&raw);
	raw.handler = handler;
	raw.cookie = label(text);
	CHECK_INT(iv_event_raw_register(&raw), ==, 0);
}

/* Readable, until drained. */
static void add_fd(void (*handler)(void *), const char *text)
{
	make_pipe(fds);
	poke(fds[1]);
	IV_FD_INIT(&fd);
	fd.fd = fds[0];
	fd.handler_in = handler;
	fd.cookie = label(text);
	iv_fd_register(&fd);
}

static void drop_fd(void)
{
	iv_fd_unregister(&fd);
	close_pair(fds);
}

static void *post_event(void *unused)
{
	iv_event_post(&event);
	return unused;
}

static void post_elsewhere(void)
{
	pthread_t tid;

	CHECK_INT(pthread_create(&tid, NULL, post_event, NULL), ==, 0);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
}

static void mark_then_quit(void *text)
{
	trace(text);
	iv_quit();
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
	add_fd(mark_then_quit, "fd");
	add_event(trace, "event ");
	add_task(task_posts, "task ");
	add_timer(trace, "timer ");
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
	add_task(mark_then_quit, "task");
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
	add_timer(trace, "timer ");
	add_task(trace, "task");
	spy_reset();
	iv_main();
	CHECK_STR(traced(), "timer task");
	CHECK_INT(spy_count(SPY_WAIT), ==, 0);
	iv_deinit();
}

static void drop_fd_handler(void *unused)
{
	(void)unused;
	mark("fd");
	drop_fd();
}

TEST(a_descriptor_keeps_it_going)
{
	iv_init();
	add_fd(drop_fd_handler, NULL);
	iv_main();
	CHECK_STR(traced(), "fd");
	iv_deinit();
}

static void enable_fd(void *unused)
{
	(void)unused;
	iv_fd_set_handler_in(&fd, drop_fd_handler);
}

TEST(a_descriptor_without_handlers_keeps_it_going)
{
	iv_init();
	add_fd(NULL, NULL);
	timer_after(&timer, 5, enable_fd, NULL);
	iv_timer_register(&timer);
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

static void drop_event(void *text)
{
	trace(text);
	iv_event_unregister(&event);
}

TEST(an_event_keeps_it_going)
{
	pthread_t tid;

	iv_init();
	add_event(drop_event, "event");
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
		add_timer(never_handler, NULL);
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
	add_task(trace, "task ");
	add_fd(drop_fd_handler, NULL);
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
	add_fd(mark_then_quit, "x");
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
	add_task(trace, "task");
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
	add_timer(mark_then_quit, "timer ");
	timer_after(&next, 0, trace, label("next "));
	iv_timer_register(&next);
	add_task(trace, "task");
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
	add_task(quit_and_join, "task ");
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
	add_fd(trace, "fd");
	add_event(mark_then_quit, "event ");
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
	add_event(mark_then_quit, "e");
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
	add_fd(drop_fd_handler, NULL);
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
	add_timer(run_inner, NULL);
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
	add_task(mark_then_quit, "q");
	run_inner(NULL);
}

/* As ever: the flag stays set. */
TEST(quit_in_a_nested_loop_ends_all)
{
	iv_init();
	add_fd(trace, "fd");
	add_timer(quit_inner, NULL);
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
