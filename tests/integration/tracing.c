/* SPDX-License-Identifier: MIT */
/*
 * tracing.c - a program with the trouble that is its argument, for tracing.sh
 * to ask the questions of docs/tracing.md about.  Says when it is there.
 */
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <iv.h>
#include <iv_event.h>
#include <iv_loop.h>
#include <iv_work.h>

static struct iv_fd fd;
static struct iv_timer timer;
static struct iv_task task;
static struct iv_work_pool pool;
static struct iv_work_item items[3];
static sem_t working;

static void say_ready(void)
{
	if (write(1, "ready\n", 6) != 6)
		abort();
}

/* ---- It is at 100 % ---------------------------------------------------------- */

static void ignore_the_end(void *unused)
{
	static int turns;

	(void)unused;
	if (++turns == 1000)
		say_ready();
}

static void spin(void)
{
	int fds[2];

	if (pipe(fds) < 0)
		abort();
	close(fds[1]);
	IV_FD_INIT(&fd);
	fd.fd = fds[0];
	fd.handler_in = ignore_the_end;
	iv_fd_register(&fd);
}

/* ---- It hangs ---------------------------------------------------------------- */

static void hang_for_ever(void *unused)
{
	(void)unused;
	say_ready();
	for (;;)
		pause();
}

static void start_task(void (*handler)(void *))
{
	IV_TASK_INIT(&task);
	task.handler = handler;
	iv_task_register(&task);
}

static void hang(void)
{
	start_task(hang_for_ever);
}

/* ---- Its timers are late ------------------------------------------------------ */

static void start_timer(time_t seconds, void (*handler)(void *))
{
	iv_validate_now();
	IV_TIMER_INIT(&timer);
	timer.expires = iv_now;
	timer.expires.tv_sec += seconds;
	timer.handler = handler;
	iv_timer_register(&timer);
}

static void come_late(void *unused)
{
	(void)unused;
	start_timer(0, come_late);
}

static void take_long(void *unused)
{
	struct timespec ts = { 0, 30000000 };

	(void)unused;
	nanosleep(&ts, NULL);
	iv_task_register(&task);
}

static void be_late(void)
{
	start_timer(0, come_late);
	start_task(take_long);
	say_ready();
}

/* ---- It does not end, and items wait -------------------------------------------- */

static void forgotten(void *unused)
{
	(void)unused;
}

static void work_for_ever(void *unused)
{
	(void)unused;
	sem_post(&working);
	for (;;)
		pause();
}

static void wait_for_work(void)
{
	int i;

	IV_WORK_POOL_INIT(&pool);
	pool.max_threads = 1;
	if (sem_init(&working, 0, 0) < 0 || iv_work_pool_create(&pool) < 0)
		abort();
	for (i = 0; i < 3; i++) {
		IV_WORK_ITEM_INIT(&items[i]);
		items[i].work = work_for_ever;
		items[i].completion = forgotten;
		iv_work_pool_submit_work(&pool, &items[i]);
	}
	sem_wait(&working);
}

static void stay(void)
{
	start_timer(3600, forgotten);
	wait_for_work();
	say_ready();
}

/* ---- Threads have much to tell it ---------------------------------------------- */

static struct iv_event event;

static void got_news(void *unused)
{
	(void)unused;
}

static void tell_news(void *unused)
{
	(void)unused;
	iv_event_post(&event);
}

static void told_news(void *unused)
{
	(void)unused;
	iv_work_pool_submit_work(&pool, &items[0]);
}

static void be_busy(void)
{
	IV_EVENT_INIT(&event);
	event.handler = got_news;
	IV_WORK_POOL_INIT(&pool);
	pool.max_threads = 1;
	if (iv_event_register(&event) < 0 || iv_work_pool_create(&pool) < 0)
		abort();
	IV_WORK_ITEM_INIT(&items[0]);
	items[0].work = tell_news;
	items[0].completion = told_news;
	told_news(NULL);
	say_ready();
}

/* ---- Which ------------------------------------------------------------------------ */

static const struct {
	const char	*name;
	void	(*begin)(void);
} troubles[] = {
	{ "spin", spin }, { "hang", hang }, { "late", be_late }, { "stay", stay },
	{ "busy", be_busy },
};

int main(int argc, char **argv)
{
	size_t i;

#ifdef PR_SET_PTRACER
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
#endif
	alarm(300);
	iv_init();
	for (i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++)
		if (argc > 1 && strcmp(argv[1], troubles[i].name) == 0)
			troubles[i].begin();
	iv_main();
	iv_deinit();
	return 1;
}
