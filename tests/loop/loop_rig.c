/* SPDX-License-Identifier: MIT */
/*
 * loop_rig.c - see loop_rig.h.
 */
#include "loop/loop_rig.h"

struct iv_task task;
struct iv_timer timer, far_timer;
struct iv_event event;
struct iv_fd fd;
int fds[2];

void mark(const char *text)
{
	trace(label(text));
}

void add_task(void (*handler)(void *), void *cookie)
{
	IV_TASK_INIT(&task);
	task.handler = handler;
	task.cookie = cookie;
	iv_task_register(&task);
}

void add_timer(long ms, void (*handler)(void *), void *cookie)
{
	timer_after(&timer, ms, handler, cookie);
	iv_timer_register(&timer);
}

void add_far_timer(void)
{
	timer_after(&far_timer, 3600000, never_handler, NULL);
	iv_timer_register(&far_timer);
}

void add_event(void (*handler)(void *), void *cookie)
{
	IV_EVENT_INIT(&event);
	event.handler = handler;
	event.cookie = cookie;
	CHECK_INT(iv_event_register(&event), ==, 0);
}

void add_quiet_fd(void (*handler)(void *), void *cookie)
{
	make_pipe(fds);
	IV_FD_INIT(&fd);
	fd.fd = fds[0];
	fd.handler_in = handler;
	fd.cookie = cookie;
	iv_fd_register(&fd);
}

void add_fd(void (*handler)(void *), void *cookie)
{
	add_quiet_fd(handler, cookie);
	poke(fds[1]);
}

void drop_fd(void)
{
	iv_fd_unregister(&fd);
	close_pair(fds);
}

void mark_and_drop_fd(void *text)
{
	trace(text);
	drop_fd();
}

void mark_and_drop_event(void *text)
{
	trace(text);
	iv_event_unregister(&event);
}

void mark_then_quit(void *text)
{
	trace(text);
	iv_quit();
}

void in_thread(void *(*fn)(void *), void *arg)
{
	pthread_t tid;

	CHECK_INT(pthread_create(&tid, NULL, fn, arg), ==, 0);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
}

void *post_event(void *unused)
{
	iv_event_post(&event);
	return unused;
}

void post_elsewhere(void)
{
	in_thread(post_event, NULL);
}
