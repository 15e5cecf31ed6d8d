/* SPDX-License-Identifier: MIT */
/*
 * tsan.c - a program that hands plain memory over in each way the library has,
 * for ThreadSanitizer in a program whose library was built without it.
 */
#include <pthread.h>
#include <stdio.h>
#include <iv.h>
#include <iv_event.h>
#include <iv_event_raw.h>
#include <iv_thread.h>
#include <iv_work.h>

#define ITEMS	16
#define ROUNDS	100

static struct iv_work_pool pool;
static struct iv_work_item items[ITEMS];
static struct iv_event event;
static struct iv_event_raw raw;
static int worked[ITEMS], rounds, posted, posted_raw, in_thread, idle;

static void all_idle(void *unused)
{
	int i;

	(void)unused;
	for (i = 0; i < ITEMS; i++)
		idle += worked[i];
	iv_work_pool_put(&pool);
}

static void work(void *n)
{
	++*(int *)n;
}

static void completed(void *n)
{
	++*(int *)n;
	if (++rounds <= ITEMS * (ROUNDS - 1))
		iv_work_pool_submit_work(&pool, &items[(int *)n - worked]);
	if (rounds == ITEMS * (ROUNDS - 1))
		iv_work_pool_when_idle(&pool, NULL, all_idle);
}

static void start_pool(void)
{
	int i;

	IV_WORK_POOL_INIT(&pool);
	pool.max_threads = 3;
	iv_work_pool_create(&pool);
	for (i = 0; i < ITEMS; i++) {
		IV_WORK_ITEM_INIT(&items[i]);
		items[i].cookie = &worked[i];
		items[i].work = work;
		items[i].completion = completed;
		iv_work_pool_submit_work(&pool, &items[i]);
	}
}

static void *post(void *unused)
{
	posted++;
	iv_event_post(&event);
	return unused;
}

static void *post_raw(void *unused)
{
	posted_raw++;
	iv_event_raw_post(&raw);
	return unused;
}

static void got(void *unused)
{
	(void)unused;
	posted++;
	iv_event_unregister(&event);
}

static void got_raw(void *unused)
{
	(void)unused;
	posted_raw++;
	iv_event_raw_unregister(&raw);
}

static void run_in_thread(void *unused)
{
	(void)unused;
	in_thread++;
}

int main(void)
{
	pthread_t a, b;

	iv_init();
	IV_EVENT_INIT(&event);
	event.handler = got;
	iv_event_register(&event);
	IV_EVENT_RAW_INIT(&raw);
	raw.handler = got_raw;
	iv_event_raw_register(&raw);
	start_pool();
	in_thread++;
	iv_thread_create("runs", run_in_thread, NULL);
	pthread_create(&a, NULL, post, NULL);
	pthread_create(&b, NULL, post_raw, NULL);
	iv_main();
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	iv_deinit();
	printf("%d %d %d %d %d\n", rounds, idle, posted, posted_raw, in_thread);
	return 0;
}
