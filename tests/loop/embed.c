/* SPDX-License-Identifier: MIT */
/*
 * embed.c - tests of a loop inside another program's: a bare poll(2) is the
 * host here, which sees nothing but iv_loop_fd() and iv_loop_timeout().
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <iv_event.h>
#include <iv_event_raw.h>
#include <iv_hook.h>
#include <iv_loop.h>
#include "harness/spy.h"
#include "loop/loop_rig.h"

/* ---- Helpers --------------------------------------------------------------- */

static void mark_and_drain(void *text)
{
	trace(text);
	drain(fds[0]);
}

/* 0 with methods that have no descriptor. */
static int has_descriptor(void)
{
	return strcmp(test_method(), "poll") != 0 &&
	       strcmp(test_method(), "ppoll") != 0;
}

static void need_descriptor(void)
{
	if (!has_descriptor())
		SKIP("%s has no descriptor", test_method());
}

static int loop_fd(void)
{
	return (int)CHECK_SYS(iv_loop_fd());
}

static int readable(int number)
{
	struct pollfd pfd = { number, POLLIN, 0 };

	return (int)CHECK_SYS(poll(&pfd, 1, 0));
}

/* In milliseconds, rounded up; -1: for ever. */
static int timeout_ms(void)
{
	struct timespec left = { -1, -1 };
	int ret = iv_loop_timeout(&left);

	if (ret == 0)
		return -1;
	CHECK_INT(ret, ==, 1);
	CHECK_INT(left.tv_sec, >=, 0);
	CHECK_INT(left.tv_nsec, >=, 0);
	CHECK_INT(left.tv_nsec, <, 1000000000);
	return (int)(left.tv_sec * 1000 + (left.tv_nsec + 999999) / 1000000);
}

/* The host.  Without a descriptor it looks often. */
static int host_turn(void)
{
	struct pollfd pfd = { -1, POLLIN, 0 };
	int ms = timeout_ms();

	if (has_descriptor())
		pfd.fd = loop_fd();
	else if (ms < 0 || ms > 5)
		ms = 5;
	if (poll(&pfd, 1, ms) < 0)
		CHECK_INT(errno, ==, EINTR);
	return iv_run(IV_RUN_NOWAIT);
}

static void host_run(void)
{
	while (host_turn())
		;
}

/* ---- The descriptor ---------------------------------------------------------- */

TEST(methods_without_one_say_so)
{
	iv_init();
	if (has_descriptor()) {
		int number = loop_fd();

		CHECK(fd_is_open(number));
		CHECK_INT(loop_fd(), ==, number);
	} else {
		CHECK_ERRNO(iv_loop_fd(), ENOTSUP);
	}
	iv_deinit();
}

TEST(readable_by_a_descriptor)
{
	int number;

	iv_init();
	need_descriptor();
	number = loop_fd();
	add_quiet_fd(mark_and_drain, label("fd"));
	CHECK_INT(timeout_ms(), ==, -1);
	CHECK_INT(readable(number), ==, 0);
	poke(fds[1]);
	CHECK_INT(readable(number), ==, 1);
	CHECK_INT(iv_run(IV_RUN_NOWAIT), ==, 1);
	CHECK_STR(traced(), "fd");
	CHECK_INT(timeout_ms(), ==, -1);
	CHECK_INT(readable(number), ==, 0);
	drop_fd();
	iv_deinit();
}

/* iv_loop_timeout() tells the kernel. */
TEST(what_has_changed_shows)
{
	int number;

	iv_init();
	need_descriptor();
	number = loop_fd();
	add_quiet_fd(NULL, label("fd"));
	poke(fds[1]);
	CHECK_INT(timeout_ms(), ==, -1);
	CHECK_INT(readable(number), ==, 0);
	iv_fd_set_handler_in(&fd, mark_and_drain);
	if (timeout_ms() != 0)
		CHECK_INT(readable(number), ==, 1);
	iv_run(IV_RUN_NOWAIT);
	CHECK_STR(traced(), "fd");
	drop_fd();
	CHECK_INT(timeout_ms(), ==, -1);
	CHECK_INT(readable(number), ==, 0);
	iv_deinit();
}

static void ends_sleep(int number)
{
	CHECK(timeout_ms() == 0 || (number >= 0 && readable(number)));
}

static int number_or_none(void)
{
	return has_descriptor() ? loop_fd() : -1;
}

TEST(a_post_of_another_thread_shows)
{
	int number, i;

	iv_init();
	number = number_or_none();
	add_event(trace, label("e"));
	for (i = 0; i < 10; i++) {
		CHECK_INT(timeout_ms(), ==, -1);
		post_elsewhere();
		if (number >= 0)
			CHECK_INT(readable(number), ==, 1);
		CHECK_INT(timeout_ms(), ==, 0);
		CHECK_INT(iv_run(IV_RUN_NOWAIT), ==, 1);
		CHECK_STR(traced(), "e");
	}
	iv_event_unregister(&event);
	iv_deinit();
}

/* ... without a call of iv_loop_timeout() since the last turn, or ever. */
TEST(posts_show_at_any_time_outside_its_turns)
{
	int number;

	iv_init();
	need_descriptor();
	add_event(trace, label("e"));
	number = loop_fd();
	post_elsewhere();
	CHECK_INT(readable(number), ==, 1);
	iv_run(IV_RUN_NOWAIT);
	post_elsewhere();
	CHECK_INT(readable(number), ==, 1);
	iv_run(IV_RUN_NOWAIT);
	iv_run(IV_RUN_NOWAIT);
	CHECK_INT(timeout_ms(), ==, -1);
	CHECK_INT(readable(number), ==, 0);
	iv_event_post(&event);
	CHECK_INT(readable(number), ==, 1);
	iv_run(IV_RUN_NOWAIT);
	CHECK_STR(traced(), "eee");
	iv_event_unregister(&event);
	iv_deinit();
}

static void post_after_all(void *text)
{
	trace(text);
	post_elsewhere();
}

/* By the last handler of a turn: found when the turn is over. */
TEST(a_post_at_the_end_of_a_turn_shows)
{
	int number;

	iv_init();
	need_descriptor();
	number = loop_fd();
	add_event(trace, label("e"));
	add_quiet_fd(post_after_all, label("p"));
	poke(fds[1]);
	iv_run(IV_RUN_ONCE);
	CHECK_STR(traced(), "p");
	drop_fd();
	CHECK_INT(readable(number), ==, 1);
	CHECK_INT(timeout_ms(), ==, 0);
	iv_run(IV_RUN_NOWAIT);
	CHECK_STR(traced(), "e");
	iv_event_unregister(&event);
	iv_deinit();
}

TEST(a_post_to_a_loop_that_nobody_has_entered_shows)
{
	struct iv_loop *loop = iv_loop_new(NULL);
	int number;

	CHECK(loop != NULL);
	iv_loop_enter(loop);
	need_descriptor();
	number = loop_fd();
	add_event(trace, label("e"));
	iv_loop_enter(NULL);
	post_elsewhere();
	CHECK_INT(readable(number), ==, 1);
	iv_event_post(&event);
	iv_loop_enter(loop);
	iv_run(IV_RUN_NOWAIT);
	CHECK_STR(traced(), "e");
	iv_event_unregister(&event);
	iv_loop_enter(NULL);
	iv_loop_free(loop);
}

TEST(a_raw_post_shows)
{
	struct iv_event_raw raw;
	int number;

	iv_init();
	need_descriptor();
	number = loop_fd();
	IV_EVENT_RAW_INIT(&raw);
	raw.handler = trace;
	raw.cookie = label("r");
	CHECK_INT(iv_event_raw_register(&raw), ==, 0);
	CHECK_INT(timeout_ms(), ==, -1);
	iv_event_raw_post(&raw);
	CHECK_INT(readable(number), ==, 1);
	iv_run(IV_RUN_NOWAIT);
	CHECK_STR(traced(), "r");
	iv_event_raw_unregister(&raw);
	iv_deinit();
}

static struct iv_loop *self;
static struct iv_call call;

static void *call_self(void *unused)
{
	CHECK_INT(iv_loop_call(self, &call), ==, 0);
	return unused;
}

/* Somebody gets the handle when the host has been told how long to sleep. */
TEST(a_call_by_a_handle_that_is_asked_for_late_shows)
{
	int number;

	iv_init();
	need_descriptor();
	number = loop_fd();
	CHECK_INT(timeout_ms(), ==, -1);
	self = iv_loop_self();
	IV_CALL_INIT(&call);
	call.handler = trace;
	call.cookie = label("c");
	in_thread(call_self, NULL);
	CHECK_INT(readable(number), ==, 1);
	iv_run(IV_RUN_NOWAIT);
	CHECK_STR(traced(), "c");
	iv_deinit();
}

/* What comes after iv_loop_timeout(), and is found by iv_loop_fd(). */
static void asked_for_late(unsigned flags)
{
	iv_init();
	need_descriptor();
	add_event(trace, label("e"));
	make_pipe(fds);
	IV_FD_INIT(&fd);
	fd.fd = fds[0];
	fd.handler_in = mark_and_drain;
	fd.cookie = label("f");
	iv_fd_set_flags(&fd, flags);
	iv_fd_register(&fd);
	CHECK_INT(timeout_ms(), ==, -1);
	poke(fds[1]);
	CHECK_INT(readable(loop_fd()), ==, 1);
	CHECK_INT(readable(loop_fd()), ==, 1);
	iv_run(IV_RUN_NOWAIT);
	CHECK_STR(traced(), "f");
	CHECK_INT(timeout_ms(), ==, -1);
	post_elsewhere();
	CHECK_INT(readable(loop_fd()), ==, 1);
	iv_run(IV_RUN_NOWAIT);
	CHECK_STR(traced(), "e");
	iv_run(IV_RUN_NOWAIT);
	CHECK_INT(timeout_ms(), ==, -1);
	CHECK_INT(readable(loop_fd()), ==, 0);
	drop_fd();
	iv_event_unregister(&event);
	iv_deinit();
}

TEST(the_descriptor_is_asked_for_after_the_time)
{
	asked_for_late(0);
}

TEST(the_descriptor_is_asked_for_after_an_edge)
{
	asked_for_late(IV_FD_EDGE);
}

static jmp_buf out;

static void jump(void *unused)
{
	(void)unused;
	longjmp(out, 1);
}

TEST(posts_after_longjmp_show)
{
	iv_init();
	need_descriptor();
	loop_fd();
	add_event(trace, label("e"));
	add_task(jump, NULL);
	if (setjmp(out) == 0)
		iv_main();
	CHECK_INT(timeout_ms(), ==, -1);
	post_elsewhere();
	CHECK_INT(timeout_ms(), ==, 0);
	iv_run(IV_RUN_NOWAIT);
	CHECK_STR(traced(), "e");
	iv_event_unregister(&event);
	iv_deinit();
}

/* ---- The time ---------------------------------------------------------------- */

TEST(nothing_registered_for_ever)
{
	iv_init();
	CHECK_INT(timeout_ms(), ==, -1);
	CHECK_INT(iv_run(IV_RUN_NOWAIT), ==, 0);
	CHECK_INT(timeout_ms(), ==, -1);
	iv_deinit();
}

TEST(until_the_first_timer)
{
	struct timespec left;

	spy_clock_take(1000000000);
	iv_init();
	add_timer(1500, trace, label("t"));
	CHECK_INT(iv_loop_timeout(&left), ==, 1);
	CHECK_INT(left.tv_sec, ==, 1);
	CHECK_INT(left.tv_nsec, ==, 500000000);
	spy_clock_advance(1000000000);
	CHECK_INT(iv_loop_timeout(&left), ==, 1);
	CHECK_INT(left.tv_sec, ==, 0);
	CHECK_INT(left.tv_nsec, ==, 500000000);
	spy_clock_advance(1000000000);
	CHECK_INT(iv_loop_timeout(&left), ==, 1);
	CHECK_INT(left.tv_sec, ==, 0);
	CHECK_INT(left.tv_nsec, ==, 0);
	CHECK_INT(iv_run(IV_RUN_NOWAIT), ==, 0);
	CHECK_STR(traced(), "t");
	CHECK_INT(iv_loop_timeout(&left), ==, 0);
	iv_deinit();
}

TEST(zero_with_a_task)
{
	iv_init();
	add_timer(1000, never_handler, NULL);
	add_task(trace, label("t"));
	CHECK_INT(timeout_ms(), ==, 0);
	iv_run(IV_RUN_NOWAIT);
	CHECK_STR(traced(), "t");
	CHECK_INT(timeout_ms(), >, 0);
	iv_deinit();
}

TEST(zero_with_an_idle_hook)
{
	struct iv_hook hook;

	iv_init();
	IV_HOOK_INIT(&hook);
	hook.point = IV_HOOK_IDLE;
	hook.handler = trace;
	hook.cookie = label("i");
	CHECK_INT(iv_hook_register(&hook), ==, 0);
	CHECK_INT(timeout_ms(), ==, 0);
	iv_run(IV_RUN_NOWAIT);
	CHECK_STR(traced(), "i");
	iv_hook_unregister(&hook);
	CHECK_INT(timeout_ms(), ==, -1);
	iv_deinit();
}

TEST(zero_with_a_kick)
{
	iv_init();
	add_quiet_fd(trace, label("k"));
	CHECK_INT(timeout_ms(), ==, -1);
	iv_fd_kick(&fd, 1, 0);
	CHECK_INT(timeout_ms(), ==, 0);
	CHECK_INT(timeout_ms(), ==, 0);
	iv_run(IV_RUN_NOWAIT);
	CHECK_STR(traced(), "k");
	CHECK_INT(timeout_ms(), ==, -1);
	drop_fd();
	iv_deinit();
}

/* ---- A whole program ------------------------------------------------------------ */

static int rounds;
static pthread_t poster;

static void *post_later(void *unused)
{
	struct timespec soon = { 0, 2000000 };

	nanosleep(&soon, NULL);
	iv_event_post(&event);
	return unused;
}

static void start_poster(void *unused)
{
	(void)unused;
	CHECK_INT(pthread_create(&poster, NULL, post_later, NULL), ==, 0);
}

static void posted(void *unused)
{
	(void)unused;
	CHECK_INT(pthread_join(poster, NULL), ==, 0);
	if (++rounds < 20) {
		add_timer(1, start_poster, NULL);
		return;
	}
	iv_event_unregister(&event);
	poke(fds[1]);
}

static void finish(void *text)
{
	trace(text);
	drop_fd();
}

/* Timers that start threads, which post while the host sleeps, and at the end
   a descriptor. */
TEST(a_program_inside_a_host)
{
	iv_init();
	with_deadline(5);
	add_quiet_fd(finish, label("f"));
	add_event(posted, NULL);
	add_timer(1, start_poster, NULL);
	iv_unref();		/* the deadline's timer */
	host_run();
	CHECK_STR(traced(), "f");
	CHECK_INT(rounds, ==, 20);
	iv_ref();
	without_deadline();
	iv_deinit();
}

/* ---- Another object ---------------------------------------------------------------- */

/* The host's watch of the descriptor outlives an exchange of the kernel
   object: an entry that cannot be taken out. */
TEST(stays_the_same_when_the_kernel_object_is_exchanged)
{
	int number, pair[2], copy, i;

	iv_init();
	need_descriptor();
	iv_ref();		/* so that there are turns */
	number = loop_fd();
	for (i = 0; i < 3; i++) {
		add_quiet_fd(mark_and_drain, label("x"));
		timeout_ms();
		pair[0] = fds[0];
		pair[1] = fds[1];
		copy = (int)CHECK_SYS(dup(fds[0]));
		poke(fds[1]);
		if (i == 0) {
			iv_fd_unregister(&fd);
			CHECK_SYS(close(pair[0]));
		} else {
			CHECK_SYS(close(pair[0]));
			iv_fd_unregister(&fd);
		}
		iv_run(IV_RUN_NOWAIT);
		iv_run(IV_RUN_NOWAIT);
		iv_run(IV_RUN_NOWAIT);
		CHECK_INT(loop_fd(), ==, number);
		timeout_ms();
		CHECK_INT(readable(number), ==, 0);
		CHECK_SYS(close(copy));
		CHECK_SYS(close(pair[1]));
	}
	fence_allow(FENCE_KERNEL, "it closes what is registered");
	traced();
	add_quiet_fd(mark_and_drain, label("fd"));
	CHECK_INT(timeout_ms(), ==, -1);
	poke(fds[1]);
	ends_sleep(number);
	iv_run(IV_RUN_NOWAIT);
	CHECK_STR(traced(), "fd");
	drop_fd();
	iv_deinit();
}

TEST(no_descriptors_to_be_had)
{
	int number;

	iv_init();
	need_descriptor();
	add_event(trace, label("e"));
	leave_fds(0);
	number = iv_loop_fd();
	if (number < 0)
		CHECK_INT(errno, ==, EMFILE);
	restore_fds();
	number = loop_fd();
	post_elsewhere();
	CHECK_INT(readable(number), ==, 1);
	iv_run(IV_RUN_NOWAIT);
	CHECK_STR(traced(), "e");
	iv_event_unregister(&event);
	iv_deinit();
}

/* ---- Forks ---------------------------------------------------------------------------- */

TEST(fork_is_nothing_in_the_parent)
{
	int number;

	iv_init();
	number = number_or_none();
	CHECK_INT(iv_loop_fork(), ==, 0);
	CHECK_INT(iv_loop_fork(), ==, 0);
	if (number >= 0)
		CHECK_INT(loop_fd(), ==, number);
	iv_deinit();
}

static void use_in_child(void *unused)
{
	int number;

	(void)unused;
	CHECK_INT(iv_loop_fork(), ==, 0);
	number = number_or_none();
	CHECK_INT(timeout_ms(), ==, -1);
	post_elsewhere();
	ends_sleep(number);
	iv_run(IV_RUN_NOWAIT);
	CHECK_STR(traced(), "e");
	poke(fds[1]);
	if (number >= 0)
		ends_sleep(number);
	iv_run(IV_RUN_NOWAIT);
	CHECK_STR(traced(), "f");
	iv_event_unregister(&event);
	drop_fd();
	iv_deinit();
}

/* Neither sees what is the other one's. */
TEST(fork_in_a_child)
{
	int number;
	pid_t pid;

	iv_init();
	number = number_or_none();
	add_event(trace, label("e"));
	add_quiet_fd(mark_and_drain, label("f"));
	CHECK_INT(timeout_ms(), ==, -1);
	pid = fork_child(use_in_child, NULL);
	reap_child(pid);
	CHECK_INT(timeout_ms(), ==, -1);
	if (number >= 0)
		CHECK_INT(readable(number), ==, 0);
	post_elsewhere();
	ends_sleep(number);
	iv_run(IV_RUN_NOWAIT);
	CHECK_STR(traced(), "e");
	iv_event_unregister(&event);
	drop_fd();
	iv_deinit();
}

static void fail_in_child(void *unused)
{
	(void)unused;
	leave_fds(0);
	if (iv_loop_fork() < 0)
		CHECK_INT(errno, ==, EMFILE);
	restore_fds();
	CHECK_INT(iv_loop_fork(), ==, 0);
	use_in_child(NULL);
}

TEST(fork_without_descriptors)
{
	iv_init();
	add_event(trace, label("e"));
	add_quiet_fd(mark_and_drain, label("f"));
	iv_run(IV_RUN_NOWAIT);
	reap_child(fork_child(fail_in_child, NULL));
	iv_event_unregister(&event);
	drop_fd();
	iv_deinit();
}

/* ---- Misuse ----------------------------------------------------------------------------- */

FATAL_TEST_ONCE(fd_without_a_loop,
		"iv_loop_fd: call iv_init() in this thread first")
{
	iv_loop_fd();
}

FATAL_TEST_ONCE(timeout_without_a_loop,
		"iv_loop_timeout: call iv_init() in this thread first")
{
	struct timespec left;

	iv_loop_timeout(&left);
}

FATAL_TEST_ONCE(timeout_null,
		"iv_loop_timeout: the struct timespec pointer is NULL")
{
	iv_init();
	iv_loop_timeout(NULL);
}

FATAL_TEST_ONCE(fork_without_a_loop,
		"iv_loop_fork: call iv_init() in this thread first")
{
	iv_loop_fork();
}
