/* SPDX-License-Identifier: MIT */
/*
 * What debug builds tell besides, and what is noticed of objects that were
 * freed while they were registered, in any build.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <iv.h>
#include <iv_event.h>
#include <iv_event_raw.h>
#include <iv_wait.h>
#include "harness/test.h"

#ifdef IVI_DEBUG
#define ONLY_IN_DEBUG_BUILDS()	((void)0)
#else
#define ONLY_IN_DEBUG_BUILDS()	SKIP("not a debug build")
#endif

/* ---- stderr of this process ---------------------------------------------------- */

static int saved_stderr, said[2];

static void listen_to_stderr(void)
{
	make_pipe(said);
	saved_stderr = (int)CHECK_SYS(dup(2));
	CHECK_SYS(dup2(said[1], 2));
}

static const char *what_was_said(void)
{
	static char text[4096];
	ssize_t n;

	CHECK_SYS(dup2(saved_stderr, 2));
	close(saved_stderr);
	close(said[1]);
	n = read(said[0], text, sizeof(text) - 1);
	close(said[0]);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void check_said(const char *expected)
{
	const char *text = what_was_said();

	if (strstr(text, expected) == NULL)
		FAIL("\"%s\" is not in \"%s\"", expected, text);
}

/* ---- Objects -------------------------------------------------------------------- */

static struct iv_fd fd;
static struct iv_task task;
static struct iv_timer timer;
static struct iv_event event;

static void watch(int number, void (*handler)(void *))
{
	IV_FD_INIT(&fd);
	fd.fd = number;
	fd.handler_in = handler;
	iv_fd_register(&fd);
}

static void start_task(void (*handler)(void *))
{
	IV_TASK_INIT(&task);
	task.handler = handler;
	iv_task_register(&task);
}

static void start_timer(void (*handler)(void *))
{
	IV_TIMER_INIT(&timer);
	timer.expires = iv_now;
	timer.handler = handler;
	iv_timer_register(&timer);
}

/* ---- Cases ---------------------------------------------------------------------- */

TEST(deinit_lists_what_is_registered)
{
	const char *text;
	int p[2];

	ONLY_IN_DEBUG_BUILDS();
	make_pipe(p);
	iv_init();
	watch(p[0], never_handler);
	start_task(never_handler);
	start_timer(never_handler);
	event.handler = never_handler;
	CHECK_INT(iv_event_register(&event), ==, 0);
	listen_to_stderr();
	iv_deinit();
	text = what_was_said();
	CHECK(strstr(text, "note: iv_deinit: still registered: fd ") != NULL);
	CHECK(strstr(text, "note: iv_deinit: iv_task ") != NULL);
	CHECK(strstr(text, "note: iv_deinit: iv_timer ") != NULL);
	CHECK(strstr(text, "note: iv_deinit: 1 iv_events are ") != NULL);
	close_pair(p);
}

TEST(deinit_of_an_empty_loop_is_silent)
{
	listen_to_stderr();
	iv_init();
	iv_deinit();
	CHECK_STR(what_was_said(), "");
}

static void nested(void *unused)
{
	(void)unused;
	iv_main();
}

TEST(nested_main_is_noted)
{
	ONLY_IN_DEBUG_BUILDS();
	listen_to_stderr();
	iv_init();
	start_task(nested);
	iv_main();
	iv_deinit();
	check_said("note: iv_main: called by a handler");
}

TEST(an_interval_for_a_point_of_time_is_noted_once)
{
	const char *text, *first;
	int i;

	ONLY_IN_DEBUG_BUILDS();
	iv_init();
	if (iv_now.tv_sec < 100)
		SKIP("the clock has just begun");
	listen_to_stderr();
	for (i = 0; i < 2; i++) {
		start_timer(quit_handler);
		iv_timer_unregister(&timer);
		timer.expires.tv_sec = 5;
		iv_timer_register(&timer);
		iv_main();
	}
	iv_deinit();
	text = what_was_said();
	first = strstr(text, "is a point of time, not an interval");
	CHECK(first != NULL);
	CHECK(strstr(first + 1, "is a point") == NULL);
}

/* All that programs give on purpose. */
TEST(times_in_the_past_are_not_noted)
{
	static const long ago[] = { 0, 1, 30 };
	unsigned i;

	iv_init();
	listen_to_stderr();
	for (i = 0; i < 3; i++) {
		start_timer(quit_handler);
		iv_timer_unregister(&timer);
		timer.expires.tv_sec -= ago[i];
		iv_timer_register(&timer);
		iv_main();
	}
	timer.expires.tv_sec = timer.expires.tv_nsec = 0;
	iv_timer_register(&timer);
	iv_main();
	timer.expires.tv_sec = -1;
	iv_timer_register(&timer);
	iv_main();
	iv_deinit();
	CHECK_STR(what_was_said(), "");
}

#ifdef IVI_DEBUG
static void later(void *unused)
{
	(void)unused;
	timer.expires.tv_sec += 3600;
}

FATAL_TEST(expires_of_a_due_timer_changed, "iv_main: `expires' of iv_timer ")
{
	iv_init();
	start_timer(never_handler);
	later(NULL);
	iv_main();
}

FATAL_TEST(expires_changed, "is in the wrong place: was `expires' changed?")
{
	iv_init();
	start_timer(never_handler);
	iv_timer_set_after(&timer, 100, 0);
	start_task(later);
	iv_main();
}

static void initialise_and_register(void *unused)
{
	(void)unused;
	IV_TIMER_INIT(&timer);
	iv_timer_set_after(&timer, 100, 0);
}

FATAL_TEST(timer_initialised_and_registered_again, "iv_main: inconsistent: ")
{
	iv_init();
	start_timer(never_handler);
	iv_timer_set_after(&timer, 100, 0);
	start_task(initialise_and_register);
	iv_main();
}
#endif

TEST(closed_before_unregister_is_noted_once)
{
	const char *text, *first;
	int p[2];

	ONLY_IN_DEBUG_BUILDS();
	make_pipe(p);
	listen_to_stderr();
	iv_init();
	watch(p[0], quit_handler);
	close_pair(p);
	quit_after_turns(5);
	iv_main();
	iv_fd_unregister(&fd);
	iv_deinit();
	text = what_was_said();
	first = strstr(text, "closed before iv_fd_unregister(): fd ");
	CHECK(first != NULL);
	CHECK(strstr(first + 1, "closed before") == NULL);
}

static void close_with_flags(unsigned flags, void (*handler)(void *))
{
	int p[2];

	make_pipe(p);
	iv_init();
	IV_FD_INIT(&fd);
	fd.fd = p[0];
	fd.handler_in = handler;
	iv_fd_set_flags(&fd, flags);
	iv_fd_register(&fd);
	close_pair(p);
	quit_after_turns(2);
	iv_main();
	iv_fd_unregister(&fd);
	iv_deinit();
}

/* Its owner may close it while nobody asks for it. */
TEST(somebody_elses_may_be_closed)
{
	listen_to_stderr();
	close_with_flags(IV_FD_RAW | IV_FD_NOREF, NULL);
	CHECK_STR(what_was_said(), "");
}

TEST(somebody_elses_that_is_asked_for_is_noted)
{
	ONLY_IN_DEBUG_BUILDS();
	listen_to_stderr();
	close_with_flags(IV_FD_RAW | IV_FD_NOREF, quit_handler);
	check_said("closed before iv_fd_unregister(): fd ");
}

TEST(ones_own_that_is_not_asked_for_is_noted)
{
	ONLY_IN_DEBUG_BUILDS();
	listen_to_stderr();
	close_with_flags(IV_FD_RAW, NULL);
	check_said("closed before iv_fd_unregister(): fd ");
}

TEST(a_blocking_descriptor_is_noted)
{
	int p[2];

	ONLY_IN_DEBUG_BUILDS();
	CHECK_SYS(pipe(p));
	listen_to_stderr();
	iv_init();
	watch(p[0], never_handler);
	iv_fd_unregister(&fd);
	iv_deinit();
	close_pair(p);
	check_said("becomes nonblocking");
}

/* Where it is not told, since the first may well have been closed. */
TEST(two_objects_for_a_number_that_the_kernel_does_not_know)
{
	struct iv_fd second;
	int fds[2];

	ONLY_IN_DEBUG_BUILDS();
	if (strncmp(test_method(), "epoll", 5) != 0 &&
	    strncmp(test_method(), "kqueue", 6) != 0)
		SKIP("it is told");
	make_pipe(fds);
	listen_to_stderr();
	iv_init();
	watch(fds[0], never_handler);
	IV_FD_INIT(&second);
	second.fd = fds[0];
	iv_fd_register(&second);
	iv_fd_unregister(&second);
	iv_fd_unregister(&fd);
	iv_deinit();
	close_pair(fds);
	check_said("too: taken to have been closed");
}

static void exit_at_once(void *unused)
{
	(void)unused;
	_exit(0);
}

static void ended(void *unused, int status, const struct rusage *usage)
{
	(void)unused;
	(void)status;
	(void)usage;
	iv_quit();
}

/* The note comes once: those of the library must not take it. */
TEST(descriptors_of_the_library_are_not_noted)
{
	struct iv_wait_interest child;
	struct iv_event_raw raw;

	listen_to_stderr();
	iv_init();
	IV_EVENT_RAW_INIT(&raw);
	raw.handler = never_handler;
	CHECK_INT(iv_event_raw_register(&raw), ==, 0);
	IV_WAIT_INTEREST_INIT(&child);
	child.handler = ended;
	CHECK_INT(iv_wait_interest_register_spawn(&child, exit_at_once, NULL),
		  ==, 0);
	iv_main();
	iv_wait_interest_unregister(&child);
	iv_event_raw_unregister(&raw);
	iv_deinit();
	CHECK_STR(what_was_said(), "");
}

#ifdef IVI_DEBUG
static int idle_turns;

static void do_nothing_for_long(void *unused)
{
	(void)unused;
	if (++idle_turns % 20500 == 0)
		iv_quit();
}

static void do_work(void *unused)
{
	(void)unused;
}

static void do_little(void *unused)
{
	do_nothing_for_long(unused);
	if (idle_turns % 5000 == 0)
		start_task(do_work);
}

/* As a timer of a program that does work now and then. */
TEST(no_progress_with_timers_in_between)
{
	int p[2];

	ONLY_IN_DEBUG_BUILDS();
	make_pipe(p);
	poke(p[1]);
	iv_init();
	watch(p[0], do_little);
	listen_to_stderr();
	iv_main();
	iv_main();
	CHECK(strstr(what_was_said(), "no progress: fd ") != NULL);
	if (iv_task_registered(&task))
		iv_task_unregister(&task);
	iv_fd_unregister(&fd);
	iv_deinit();
	close_pair(p);
}

TEST(a_handler_that_makes_no_progress)
{
	char expected[80];
	const char *text;
	int p[2];

	ONLY_IN_DEBUG_BUILDS();
	make_pipe(p);
	poke(p[1]);
	iv_init();
	watch(p[0], do_nothing_for_long);
	listen_to_stderr();
	iv_main();
	iv_main();
	iv_fd_unregister(&fd);
	iv_deinit();
	text = what_was_said();
	snprintf(expected, sizeof(expected), "no progress: fd %d was ready in "
		 "20000 turns, in which nothing else was", p[0]);
	CHECK(strstr(text, expected) != NULL);
	CHECK(strstr(strstr(text, expected) + 1, "no progress") == NULL);
	close_pair(p);
}

FATAL_TEST(post_after_unregister,
	   "iv_event_post: iv_event ")
{
	iv_init();
	event.handler = never_handler;
	CHECK_INT(iv_event_register(&event), ==, 0);
	iv_event_unregister(&event);
	iv_event_post(&event);
}
#endif

/* Not freed, so that sanitizers leave the finding of it to us: overwritten,
   as it would be by the next owner of the memory, but for the list node. */
static void overwrite(void *pad, size_t size)
{
	memset((char *)pad + sizeof(struct iv_list_head), 0x5a,
	       size - sizeof(struct iv_list_head));
}

FATAL_TEST(task_overwritten,
	   "was freed or overwritten while it was registered")
{
	iv_init();
	start_task(never_handler);
	overwrite(task.pad, sizeof(task.pad));
	iv_main();
}

FATAL_TEST(timer_overwritten,
	   "was freed or overwritten while it was registered")
{
	iv_init();
	start_timer(never_handler);
	overwrite(timer.pad, sizeof(timer.pad));
	iv_main();
}
