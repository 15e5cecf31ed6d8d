/* SPDX-License-Identifier: MIT */
/*
 * gdb.c - a program with one object of each kind, for gdb.sh to look into.
 * It comes to here(), where it has no more to do.
 */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <iv.h>
#include <iv_event.h>
#include <iv_signal.h>
#include <iv_wait.h>
#include <iv_work.h>

void here(void);

static struct iv_fd fd;
static struct iv_timer now, soon, later;
static struct iv_task task;
static struct iv_event event, other_event;
static struct iv_signal sig;
static struct iv_wait_interest child;
static struct iv_work_pool pool;
static struct iv_work_item items[3];
static int fds[2];
static sem_t ready;

static void got_data(void *unused)
{
	(void)unused;
}

static void time_out(void *unused)
{
	(void)unused;
}

static void give_up(void *unused)
{
	(void)unused;
}

static void tidy_up(void *unused)
{
	(void)unused;
}

static void got_news(void *unused)
{
	(void)unused;
}

static void got_signal(void *unused)
{
	(void)unused;
}

static void child_ended(void *unused, int status, const struct rusage *usage)
{
	(void)unused;
	(void)status;
	(void)usage;
}

static void work_for_ever(void *unused)
{
	(void)unused;
	sem_post(&ready);
	for (;;)
		pause();
}

static void worked(void *unused)
{
	(void)unused;
}

/* Until the parent is gone. */
static void child_main(void *unused)
{
	char byte;

	(void)unused;
	close(fds[1]);
	if (read(fds[0], &byte, 1) != 0)
		abort();
}

__attribute__((noinline)) void here(void)
{
	__asm__ volatile ("");
}

static void stop(void *unused)
{
	(void)unused;
	iv_task_register(&task);
	iv_event_post(&event);
	here();
	_exit(0);
}

static void start_timer(struct iv_timer *t, time_t seconds,
			void (*handler)(void *))
{
	IV_TIMER_INIT(t);
	t->expires = iv_now;
	t->expires.tv_sec += seconds;
	t->handler = handler;
	iv_timer_register(t);
}

static void *other_loop(void *unused)
{
	iv_init();
	IV_EVENT_INIT(&other_event);
	other_event.handler = got_news;
	if (iv_event_register(&other_event) < 0)
		abort();
	sem_post(&ready);
	iv_main();
	return unused;
}

static void start_pool(void)
{
	int i;

	IV_WORK_POOL_INIT(&pool);
	pool.max_threads = 1;
	if (iv_work_pool_create(&pool) < 0)
		abort();
	for (i = 0; i < 3; i++) {
		IV_WORK_ITEM_INIT(&items[i]);
		items[i].work = work_for_ever;
		items[i].completion = worked;
		iv_work_pool_submit_work(&pool, &items[i]);
	}
}

int main(void)
{
	pthread_t tid;

	if (pipe(fds) < 0 || sem_init(&ready, 0, 0) < 0)
		return 1;
	iv_init();
	IV_WAIT_INTEREST_INIT(&child);
	child.handler = child_ended;
	if (iv_wait_interest_register_spawn(&child, child_main, NULL) < 0)
		return 1;
	IV_FD_INIT(&fd);
	fd.fd = fds[0];
	fd.handler_in = got_data;
	iv_fd_register(&fd);
	start_timer(&later, 7200, give_up);
	start_timer(&soon, 3600, time_out);
	IV_TASK_INIT(&task);
	task.handler = tidy_up;
	IV_EVENT_INIT(&event);
	event.handler = got_news;
	IV_SIGNAL_INIT(&sig);
	sig.signum = SIGUSR1;
	sig.handler = got_signal;
	if (iv_event_register(&event) < 0 || iv_signal_register(&sig) < 0 ||
	    pthread_create(&tid, NULL, other_loop, NULL) != 0)
		return 1;
	start_pool();
	sem_wait(&ready);
	sem_wait(&ready);
	start_timer(&now, 0, stop);
	iv_main();
	return 1;
}
