/* SPDX-License-Identifier: MIT */
/*
 * loop.c - tests of making and taking down loops.
 */
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <iv_event.h>
#include <iv_event_raw.h>
#include <iv_loop.h>
#include "harness/spy.h"
#include "harness/test.h"

/* ---- Helpers --------------------------------------------------------------- */

static struct iv_timer timer;
static struct iv_task task;
static struct iv_event event;
static struct iv_event_raw raw;
static struct iv_fd fd;
static int fds[2];

static void register_event(void (*handler)(void *), void *cookie)
{
	IV_EVENT_INIT(&event);
	event.cookie = cookie;
	event.handler = handler;
	CHECK_INT(iv_event_register(&event), ==, 0);
}

static void register_raw(void (*handler)(void *), void *cookie)
{
	IV_EVENT_RAW_INIT(&raw);
	raw.cookie = cookie;
	raw.handler = handler;
	CHECK_INT(iv_event_raw_register(&raw), ==, 0);
}

static void register_fd(void (*handler)(void *), void *cookie)
{
	make_pipe(fds);
	IV_FD_INIT(&fd);
	fd.fd = fds[0];
	fd.cookie = cookie;
	fd.handler_in = handler;
	iv_fd_register(&fd);
}

/* One object of each kind that is not to be served. */
static void register_all(void)
{
	timer_after(&timer, 3600000, never_handler, NULL);
	iv_timer_register(&timer);
	IV_TASK_INIT(&task);
	task.handler = never_handler;
	iv_task_register(&task);
	register_event(never_handler, NULL);
	register_raw(never_handler, NULL);
	register_fd(never_handler, NULL);
}

static void in_thread(void *(*fn)(void *), void *arg)
{
	pthread_t tid;

	CHECK_INT(pthread_create(&tid, NULL, fn, arg), ==, 0);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
}

/* ---- Life ------------------------------------------------------------------ */

static void *inited(void *_answer)
{
	*(int *)_answer = iv_inited();
	return NULL;
}

TEST(inited_between_init_and_deinit_in_this_thread)
{
	int elsewhere = -1;

	CHECK_INT(iv_inited(), ==, 0);
	iv_init();
	CHECK_INT(iv_inited(), ==, 1);
	in_thread(inited, &elsewhere);
	CHECK_INT(elsewhere, ==, 0);
	iv_deinit();
	CHECK_INT(iv_inited(), ==, 0);
}

TEST(the_method_has_a_name_from_the_first_loop_on)
{
	CHECK_STR(iv_poll_method_name(), NULL);
	iv_init();
	CHECK_STR(iv_poll_method_name(), test_method());
	iv_deinit();
	CHECK_STR(iv_poll_method_name(), test_method());
}

TEST(made_and_taken_down_a_hundred_times)
{
	long blocks;
	int i;

	iv_init();
	iv_deinit();
	blocks = spy_blocks();
	for (i = 0; i < 100; i++) {
		iv_init();
		quit_after_turns(2);
		iv_main();
		iv_deinit();
	}
	CHECK_INT(spy_blocks(), ==, blocks);
}

TEST(calls_of_iv_init_nest)
{
	struct tally t = { 0, 0 };

	iv_init();
	iv_init();
	timer_after(&timer, 0, tally, &t);
	iv_timer_register(&timer);
	iv_deinit();
	CHECK_INT(iv_inited(), ==, 1);
	iv_main();
	CHECK_INT(t.calls, ==, 1);
	iv_deinit();
	CHECK_INT(iv_inited(), ==, 0);
}

static void init_and_deinit(void *unused)
{
	(void)unused;
	iv_init();
	iv_deinit();
	CHECK_INT(iv_inited(), ==, 1);
}

TEST(nested_in_a_handler)
{
	iv_init();
	timer_after(&timer, 0, init_and_deinit, NULL);
	iv_timer_register(&timer);
	iv_main();
	iv_deinit();
	CHECK_INT(iv_inited(), ==, 0);
}

TEST(taken_down_with_everything_registered)
{
	long blocks = spy_blocks();

	iv_init();
	register_all();
	iv_deinit();
	CHECK_INT(spy_blocks(), ==, blocks);
	/* What is the caller's stays open, and nonblocking. */
	CHECK_INT(CHECK_SYS(fcntl(fds[0], F_GETFL)) & O_NONBLOCK, !=, 0);
	close_pair(fds);
	/* A raw event's descriptors are its own; it is the caller's. */
	if (raw.event_wfd != raw.event_rfd.fd)
		CHECK_SYS(close(raw.event_wfd));
	CHECK_SYS(close(raw.event_rfd.fd));
}

TEST(everything_can_be_registered_in_the_next_loop)
{
	iv_init();
	register_all();
	iv_event_raw_unregister(&raw);
	iv_deinit();
	close_pair(fds);
	iv_init();
	register_all();
	iv_timer_unregister(&timer);
	iv_task_unregister(&task);
	iv_event_unregister(&event);
	iv_event_raw_unregister(&raw);
	iv_fd_unregister(&fd);
	close_pair(fds);
	iv_main();
	iv_deinit();
}

/* ---- What it does to the process --------------------------------------------- */

static void *action(int sig)
{
	struct sigaction sa;

	CHECK_SYS(sigaction(sig, NULL, &sa));
	return (void *)(uintptr_t)sa.sa_handler;
}

static void own_handler(int sig)
{
	(void)sig;
}

TEST_ONCE(sigpipe_and_sigurg_are_ignored)
{
	iv_init();
	CHECK(action(SIGPIPE) == (void *)SIG_IGN);
	CHECK(action(SIGURG) == (void *)SIG_IGN);
	iv_deinit();
	CHECK(action(SIGPIPE) == (void *)SIG_IGN);
}

TEST_ONCE(but_not_where_somebody_handles_them)
{
	fence_allow(FENCE_SIGNALS, "it installs handlers");
	signal(SIGPIPE, own_handler);
	iv_init();
	CHECK(action(SIGPIPE) == (void *)(uintptr_t)own_handler);
	CHECK(action(SIGURG) == (void *)SIG_IGN);
	iv_deinit();
}

TEST_ONCE(only_the_first_loop_of_the_process_does_that)
{
	iv_init();
	iv_deinit();
	signal(SIGPIPE, SIG_DFL);
	iv_init();
	CHECK(action(SIGPIPE) == (void *)SIG_DFL);
	iv_deinit();
}

TEST_ONCE(more_descriptors_are_allowed)
{
	struct rlimit before, after;

	limit_fds(64);
	CHECK_SYS(getrlimit(RLIMIT_NOFILE, &before));
	if (before.rlim_max <= 64)
		SKIP("the hard limit is that low");
	iv_init();
	CHECK_SYS(getrlimit(RLIMIT_NOFILE, &after));
	CHECK_INT(after.rlim_cur, >, 64);
	CHECK_INT(after.rlim_max, >=, before.rlim_max);
	iv_deinit();
}

/* Of the descriptors a loop uses, none is inherited by exec. */
TEST(its_descriptors_are_closed_on_exec)
{
	char open_before[1024];
	int i;

	for (i = 0; i < 1024; i++)
		open_before[i] = (char)fd_is_open(i);
	iv_init();
	register_all();
	iv_task_unregister(&task);
	quit_after_turns(2);
	iv_main();
	for (i = 0; i < 1024; i++)
		if (!open_before[i] && fd_is_open(i))
			CHECK_INT(CHECK_SYS(fcntl(i, F_GETFD)), ==,
				  FD_CLOEXEC);
	iv_event_raw_unregister(&raw);
	iv_deinit();
	close_pair(fds);
}

static void close_0_if(bool now)
{
	if (now)
		close(0);
}

/* One object of each kind that has a descriptor, of which that made at step
   ZERO gets number 0. */
static void descriptor_0_at_step(int zero)
{
	struct tally t = { 0, 3 };

	close_0_if(zero == 0);
	errno = EINVAL;		/* left over */
	iv_init();
	CHECK_STR(iv_poll_method_name(), test_method());
	close_0_if(zero == 1);
	register_event(tally, &t);
	close_0_if(zero == 2);
	register_raw(tally, &t);
	close_0_if(zero == 3);
	register_fd(tally, &t);

	poke(fds[1]);
	iv_event_post(&event);
	iv_event_raw_post(&raw);
	with_deadline(5);
	iv_main();
	without_deadline();

	iv_fd_unregister(&fd);
	iv_event_raw_unregister(&raw);
	iv_event_unregister(&event);
	iv_deinit();
	close_pair(fds);
}

/* As in a daemon that has closed its standard descriptors. */
TEST(any_descriptor_may_be_0)
{
	int keep = (int)CHECK_SYS(dup(0)), step;

	for (step = 0; step < 4; step++) {
		descriptor_0_at_step(step);
		CHECK_INT(fcntl(0, F_GETFD), ==, -1);
		CHECK_SYS(dup2(keep, 0));
	}
	close(keep);
}

/* ---- Threads -------------------------------------------------------------------- */

#define THREADS	20

static pthread_barrier_t start;

static void *run_a_loop(void *unused)
{
	struct tally t = { 0, 0 };
	struct iv_timer tm;
	int i;

	(void)unused;
	pthread_barrier_wait(&start);
	for (i = 0; i < 20; i++) {
		iv_init();
		CHECK_INT(iv_inited(), ==, 1);
		timer_after(&tm, 1, tally, &t);
		iv_timer_register(&tm);
		iv_main();
		iv_deinit();
	}
	CHECK_INT(t.calls, ==, 20);
	return NULL;
}

TEST(loops_in_many_threads)
{
	pthread_t tids[THREADS];
	int i;

	iv_init();
	pthread_barrier_init(&start, NULL, THREADS);
	for (i = 0; i < THREADS; i++)
		CHECK_INT(pthread_create(&tids[i], NULL, run_a_loop, NULL),
			  ==, 0);
	for (i = 0; i < THREADS; i++)
		CHECK_INT(pthread_join(tids[i], NULL), ==, 0);
	pthread_barrier_destroy(&start);
	CHECK_INT(iv_inited(), ==, 1);
	iv_deinit();
}

static void *forget_deinit(void *unused)
{
	iv_init();
	register_all();
	iv_event_raw_unregister(&raw);
	return unused;
}

TEST(a_thread_that_ends_without_iv_deinit)
{
	long blocks;

	iv_init();
	blocks = spy_blocks();
	in_thread(forget_deinit, NULL);
	close_pair(fds);
	CHECK_INT(spy_blocks(), ==, blocks);
	iv_deinit();
}

static void *forget_one_deinit(void *unused)
{
	iv_init();
	iv_init();
	iv_deinit();
	return unused;
}

TEST(a_thread_that_ends_with_one_iv_deinit_too_few)
{
	iv_init();
	in_thread(forget_one_deinit, NULL);
	iv_deinit();
}

/* ---- pthread_exit() in a handler --------------------------------------------------- */

static void exit_thread(void *unused)
{
	(void)unused;
	pthread_exit(NULL);
}

static struct iv_timer two_timers[2];
static struct iv_task two_tasks[2];
static struct iv_event two_events[2];

/* One of two is served; the other one is left behind, half-way. */
static void *exit_in_a_timer(void *unused)
{
	int i;

	iv_init();
	for (i = 0; i < 2; i++) {
		timer_after(&two_timers[i], 0, exit_thread, NULL);
		iv_timer_register(&two_timers[i]);
	}
	iv_main();
	return unused;
}

static void *exit_in_a_task(void *unused)
{
	int i;

	iv_init();
	for (i = 0; i < 2; i++) {
		IV_TASK_INIT(&two_tasks[i]);
		two_tasks[i].handler = exit_thread;
		iv_task_register(&two_tasks[i]);
	}
	iv_main();
	return unused;
}

static void *exit_in_an_event(void *unused)
{
	int i;

	iv_init();
	for (i = 0; i < 2; i++) {
		IV_EVENT_INIT(&two_events[i]);
		two_events[i].handler = exit_thread;
		CHECK_INT(iv_event_register(&two_events[i]), ==, 0);
		iv_event_post(&two_events[i]);
	}
	iv_main();
	return unused;
}

static void *exit_in_a_descriptor(void *unused)
{
	iv_init();
	make_pipe(fds);
	poke(fds[1]);
	IV_FD_INIT(&fd);
	fd.fd = fds[0];
	fd.handler_in = exit_thread;
	iv_fd_register(&fd);
	iv_main();
	return unused;
}

TEST(pthread_exit_in_a_handler)
{
	long blocks;

	iv_init();
	blocks = spy_blocks();
	in_thread(exit_in_a_timer, NULL);
	in_thread(exit_in_a_task, NULL);
	in_thread(exit_in_an_event, NULL);
	in_thread(exit_in_a_descriptor, NULL);
	close_pair(fds);
	CHECK_INT(spy_blocks(), ==, blocks);
	iv_deinit();
}

/* ---- A small stack ------------------------------------------------------------------- */

static void *loop_on_a_small_stack(void *unused)
{
	struct iv_timer t;
	struct tally count = { 0, 0 };

	iv_init();
	make_pipe(fds);
	poke(fds[1]);
	IV_FD_INIT(&fd);
	fd.fd = fds[0];
	fd.handler_in = tally;
	fd.cookie = &count;
	count.quit_at = 10;
	iv_fd_register(&fd);
	timer_after(&t, 0, tally, &count);
	iv_timer_register(&t);
	iv_main();
	iv_fd_unregister(&fd);
	close_pair(fds);
	iv_deinit();
	return unused;
}

TEST(a_loop_on_a_stack_of_16_kibibytes)
{
	pthread_attr_t attr;
	pthread_t tid;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	SKIP("a sanitizer needs more");
#endif
	iv_init();
	pthread_attr_init(&attr);
	if (pthread_attr_setstacksize(&attr, 16384) != 0)
		SKIP("this system has no such stacks");
	CHECK_INT(pthread_create(&tid, &attr, loop_on_a_small_stack, NULL),
		  ==, 0);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	pthread_attr_destroy(&attr);
	iv_deinit();
}

/* ---- Failures ------------------------------------------------------------------------ */

FATAL_TEST(no_memory_for_the_loop, "iv_init: out of memory")
{
	spy_fail(SPY_MALLOC, 1, ~0U, ENOMEM);
	iv_init();
}

FATAL_TEST_ONCE(no_key, "iv_init: pthread_key_create: EAGAIN")
{
	spy_fail(SPY_KEY_CREATE, 1, 1, EAGAIN);
	iv_init();
}

/* The thread is to be told of its end, then. */
FATAL_TEST_ONCE(no_memory_to_enter_a_loop, "iv_loop_enter: out of memory")
{
	struct iv_loop *loop = iv_loop_new(NULL);

	CHECK(loop != NULL);
	spy_fail(SPY_SETSPECIFIC, 1, 1, ENOMEM);
	iv_loop_enter(loop);
}

static int is_there, may_go;

static void await_flag(int *flag)
{
	while (!__atomic_load_n(flag, __ATOMIC_RELAXED))
		sched_yield();
}

static void *come_and_go(void *unused)
{
	iv_init();
	__atomic_store_n(&is_there, 1, __ATOMIC_RELAXED);
	await_flag(&may_go);
	iv_deinit();
	return unused;
}

/* Which looks at nothing that the other one writes, says ThreadSanitizer. */
TEST_ONCE(taken_down_beside_a_loop_of_another_thread)
{
	pthread_t tid;

	iv_init();
	CHECK_INT(pthread_create(&tid, NULL, come_and_go, NULL), ==, 0);
	await_flag(&is_there);
	iv_deinit();
	__atomic_store_n(&may_go, 1, __ATOMIC_RELAXED);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
}

/* ---- Misuse -------------------------------------------------------------------------- */

FATAL_TEST_ONCE(deinit_without_a_loop,
		"iv_deinit: call iv_init() in this thread first")
{
	iv_deinit();
}

FATAL_TEST_ONCE(deinit_once_too_often,
		"iv_deinit: call iv_init() in this thread first")
{
	iv_init();
	iv_deinit();
	iv_deinit();
}

static void deinit_handler(void *unused)
{
	(void)unused;
	iv_deinit();
}

FATAL_TEST(deinit_inside_main, "iv_deinit: called inside iv_main()")
{
	iv_init();
	timer_after(&timer, 0, deinit_handler, NULL);
	iv_timer_register(&timer);
	iv_main();
}
