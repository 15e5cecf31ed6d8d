/* SPDX-License-Identifier: MIT */
/*
 * What debug builds tell besides, and what is noticed of objects that were
 * freed while they were registered, in any build.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <iv.h>
#include <iv_event.h>
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

#ifdef IVI_DEBUG
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
