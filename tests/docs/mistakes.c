/* SPDX-License-Identifier: MIT */
/*
 * mistakes.c - what surrounds the mistakes in docs/guide.md.
 *
 *	mistakes NUMBER
 *
 * makes that one.  They are put into fragments.h by docs.py, each as a function,
 * with the array fragments[] at the end.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <iv.h>
#include <iv_event.h>
#include <iv_tls.h>
#include <iv_work.h>

enum where { WITH_LOOP, BEFORE_INIT, ANOTHER_THREAD };

struct fragment {
	void		(*make)(void);
	enum where	where;
};

static struct iv_fd fd;
static struct iv_timer timer;
static struct iv_task task;
static struct iv_event event;
static struct iv_work_pool pool;
static struct iv_work_item item;
static struct iv_tls_user tls_user = { .sizeof_state = 1 };
static int in, blocking;

static void do_nothing(void *unused)
{
	(void)unused;
}

static void end_it(void *unused)
{
	(void)unused;
	iv_deinit();
}

static void quit(void *unused)
{
	(void)unused;
	iv_quit();
}

#include "fragments.h"

static void initialise(void)
{
	int p[2];

	if (pipe(p) < 0 || fcntl(p[0], F_SETFL, O_NONBLOCK) < 0)
		exit(99);
	in = p[0];
	blocking = p[1];
	IV_FD_INIT(&fd);
	fd.fd = in;
	fd.handler_in = do_nothing;
	IV_TIMER_INIT(&timer);
	timer.handler = do_nothing;
	IV_TASK_INIT(&task);
	task.handler = do_nothing;
	IV_EVENT_INIT(&event);
	event.handler = do_nothing;
	IV_WORK_POOL_INIT(&pool);
	pool.max_threads = 1;
	IV_WORK_ITEM_INIT(&item);
	item.work = do_nothing;
	item.completion = do_nothing;
}

static void *in_thread(void *make)
{
	(*(void (**)(void))make)();
	return NULL;
}

static void make_in_another_thread(void (*make)(void))
{
	pthread_t thread;

	iv_timer_register(&timer);
	if (pthread_create(&thread, NULL, in_thread, &make) != 0)
		exit(99);
	pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
	const struct fragment *f = &fragments[atoi(argv[argc - 1])];

	initialise();
	if (f->where != BEFORE_INIT) {
		iv_init();
		if (iv_work_pool_create(&pool) < 0)
			return 99;
	}
	if (f->where == ANOTHER_THREAD)
		make_in_another_thread(f->make);
	else
		f->make();
	return 0;
}
