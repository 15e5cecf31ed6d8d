/* SPDX-License-Identifier: MIT */
/*
 * probes.c - a program that comes by each probe of the library, for probes.sh.
 */
#include <stdlib.h>
#include <unistd.h>
#include <iv.h>
#include <iv_event.h>
#include <iv_hook.h>
#include <iv_loop.h>
#include <iv_work.h>

#define TURNS	200

static struct iv_fd in, out;
static struct iv_timer timer;
static struct iv_task task;
static struct iv_event event;
static struct iv_call call;
static struct iv_hook hook;
static struct iv_work_pool pool;
static struct iv_work_item item;
static int fds[2];

static void do_call(void *unused)
{
	(void)unused;
	iv_event_unregister(&event);
	iv_hook_unregister(&hook);
}

static void got_news(void *unused)
{
	(void)unused;
	call.handler = do_call;
	iv_loop_call(iv_loop_self(), &call);
}

static void do_task(void *unused)
{
	(void)unused;
	iv_event_post(&event);
}

static void time_out(void *unused)
{
	(void)unused;
	iv_task_register(&task);
}

static void prepare(void *unused)
{
	(void)unused;
}

/* Makes no progress, until that has been seen. */
static void got_data(void *unused)
{
	static int turns;

	(void)unused;
	if (++turns == TURNS)
		iv_fd_unregister(&in);
}

static void may_send(void *unused)
{
	(void)unused;
	iv_fd_unregister(&out);
}

static void do_work(void *unused)
{
	(void)unused;
}

static void worked(void *unused)
{
	(void)unused;
	iv_work_pool_put(&pool);
}

static void watch(struct iv_fd *fd, int number, void (*handler_in)(void *),
		  void (*handler_out)(void *))
{
	IV_FD_INIT(fd);
	fd->fd = number;
	fd->handler_in = handler_in;
	fd->handler_out = handler_out;
	iv_fd_register(fd);
}

int main(void)
{
	if (pipe(fds) < 0 || write(fds[1], "x", 1) != 1)
		return 1;
	iv_init();
	watch(&in, fds[0], got_data, NULL);
	watch(&out, fds[1], NULL, may_send);
	IV_TIMER_INIT(&timer);
	timer.expires = iv_now;
	timer.handler = time_out;
	iv_timer_register(&timer);
	IV_TASK_INIT(&task);
	task.handler = do_task;
	IV_EVENT_INIT(&event);
	event.handler = got_news;
	IV_CALL_INIT(&call);
	IV_HOOK_INIT(&hook);
	hook.point = IV_HOOK_PREPARE;
	hook.handler = prepare;
	if (iv_event_register(&event) < 0 || iv_hook_register(&hook) < 0)
		return 1;
	IV_WORK_POOL_INIT(&pool);
	pool.max_threads = 1;
	if (iv_work_pool_create(&pool) < 0)
		return 1;
	IV_WORK_ITEM_INIT(&item);
	item.work = do_work;
	item.completion = worked;
	iv_work_pool_submit_work(&pool, &item);
	iv_main();
	iv_deinit();
	return 0;
}
