/* SPDX-License-Identifier: MIT */
/*
 * work.c - tests of iv_work.
 */
#include <semaphore.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <iv_event.h>
#include <iv_thread.h>
#include <iv_tls.h>
#include <iv_work.h>
#include "harness/spy.h"
#include "mod/work_rig.h"

/* ---- The way of an item --------------------------------------------------------- */

struct steps {
	struct iv_work_item item;
	int	steps;
};

static void first_step(void *_s)
{
	struct steps *s = _s;

	CHECK(!pthread_equal(pthread_self(), owner));
	CHECK(iv_inited());
	CHECK_INT(s->steps++, ==, 0);
}

static void second_step(void *_s)
{
	struct steps *s = _s;

	CHECK_INT(s->steps++, ==, 1);
	counted(NULL);
}

TEST(work_in_a_worker_then_completion_in_the_owner)
{
	struct steps s = { .steps = 0 };

	pool_open(1);
	submit(&s.item, first_step, second_step, &s);
	run_until_counted(1);
	CHECK_INT(s.steps, ==, 2);
	pool_close();
}

static int order[1000], ordered;

static void note_order(void *_n)
{
	order[ordered++] = *(int *)_n;
}

TEST(one_thread_is_fifo)
{
	static struct iv_work_item items[1000];
	static int numbers[1000];
	int i;

	pool_open(1);
	for (i = 0; i < 1000; i++) {
		numbers[i] = i;
		submit(&items[i], note_order, counted, &numbers[i]);
	}
	run_until_counted(1000);
	for (i = 0; i < 1000; i++)
		CHECK_INT(order[i], ==, i);
	pool_close();
}

static void free_it(void *item)
{
	memset(item, 0x5a, sizeof(struct iv_work_item));
	free(item);
	counted(NULL);
}

TEST(completion_may_free_the_item)
{
	int i;

	pool_open(3);
	for (i = 0; i < 300; i++) {
		struct iv_work_item *item = malloc(sizeof(*item));

		CHECK(item != NULL);
		submit(item, nothing, free_it, item);
	}
	run_until_counted(300);
	pool_close();
}

static int left;

static void again(void *item)
{
	if (--left > 0)
		iv_work_pool_submit_work(&pool, item);
	else
		iv_quit();
}

TEST(completion_may_submit_the_item_again)
{
	struct iv_work_item item;

	pool_open(2);
	left = 2000;
	submit(&item, nothing, again, &item);
	iv_main();
	CHECK_INT(left, ==, 0);
	pool_close();
}

/* What a submitted item contains is no mark in another place. */
TEST(copy_of_a_submitted_item)
{
	struct iv_work_item a, b;
	struct gate g;

	pool_open(1);
	gate_submit(&g, counted);
	submit(&a, nothing, counted, NULL);
	b = a;
	iv_work_pool_submit_work(&pool, &b);
	sem_post(&g.leave);
	run_until_counted(3);
	pool_close();
}

TEST(pool_of_zeros_without_init)
{
	static struct iv_work_pool zeros;
	struct iv_work_item item;

	owner = pthread_self();
	iv_init();
	zeros.max_threads = 1;
	CHECK_INT(iv_work_pool_create(&zeros), ==, 0);
	set(&item, nothing, counted, NULL);
	iv_work_pool_submit_work(&zeros, &item);
	run_until_counted(1);
	iv_work_pool_put(&zeros);
	iv_main();
	iv_deinit();
}

TEST(submitted_before_iv_main_and_between)
{
	struct gate g;

	pool_open(1);
	gate_submit(&g, counted);
	wait_for(&g.running);		/* no loop is needed for that */
	sem_post(&g.leave);
	run_until_counted(1);
	gate_submit(&g, counted);
	wait_for(&g.running);
	sem_post(&g.leave);
	run_until_counted(1);
	pool_close();
}

/* ---- Threads --------------------------------------------------------------------- */

static int starts, stops, in_thread;

static void on_start(void *cookie)
{
	CHECK_PTR(cookie, ==, &starts);
	CHECK(iv_inited());
	CHECK(!pthread_equal(pthread_self(), owner));
	up(&starts);
}

static void on_stop(void *cookie)
{
	CHECK_PTR(cookie, ==, &starts);
	CHECK(iv_inited());
	up(&stops);
}

static void started_before(void *unused)
{
	(void)unused;
	CHECK_INT(get(&starts), >, 0);
	up(&in_thread);
}

TEST(thread_callbacks)
{
	struct iv_work_item items[3];
	int i;

	iv_init();
	pool_set(&pool, 1);
	pool.cookie = &starts;
	pool.thread_start = on_start;
	pool.thread_stop = on_stop;
	CHECK_INT(iv_work_pool_create(&pool), ==, 0);
	/* Taken over by create. */
	pool.cookie = NULL;
	pool.thread_start = pool.thread_stop = never_handler;
	for (i = 0; i < 3; i++)
		submit(&items[i], started_before, counted, NULL);
	run_until_counted(3);
	CHECK_INT(starts, ==, 1);
	CHECK_INT(stops, ==, 0);
	pool_close();
	CHECK_INT(in_thread, ==, 3);
	CHECK_INT(starts, ==, 1);
	CHECK_INT(stops, ==, 1);
}

TEST(threads_on_demand_up_to_the_maximum)
{
	struct iv_work_item items[20];
	int i;

	pool_open(4);
	CHECK_INT(threads_created, ==, 0);
	meet_all(items, 4);
	CHECK_INT(threads_created, ==, 4);
	for (i = 0; i < 20; i++)
		submit(&items[i], nothing, counted, NULL);
	run_until_counted(20);
	CHECK_INT(threads_created, ==, 4);
	pool_close();
}

TEST(maximum_is_read_at_each_submission)
{
	struct iv_work_item items[3];

	pool_open(1);
	meet_all(items, 1);
	pool.max_threads = 3;
	meet_all(items, 3);
	CHECK_INT(threads_created, ==, 3);
	pool_close();
}

TEST(no_maximum_counts_as_one)
{
	struct iv_work_item items[2];

	pool_open(0);
	submit(&items[0], nothing, counted, NULL);
	pool.max_threads = -5;
	submit(&items[1], nothing, counted, NULL);
	run_until_counted(2);
	CHECK_INT(threads_created, ==, 1);
	pool_close();
}

/* d26: items do not pile up on one of the idle workers. */
TEST(burst_wakes_all_idle_workers)
{
	struct iv_work_item items[8];
	int i;

	pool_open(8);
	for (i = 0; i < 20; i++)
		meet_all(items, 8);
	CHECK_INT(threads_created, ==, 8);
	pool_close();
}

static void see_worker(void *thread)
{
	*(pthread_t *)thread = pthread_self();
}

/* A worker whose item is completed is idle, so the order here is certain. */
TEST(idle_workers_are_reused_last_first)
{
	struct iv_work_item item;
	struct gate g[2];
	pthread_t seen[3];
	int i;

	pool_open(2);
	for (i = 0; i < 2; i++) {
		gate_submit(&g[i], counted);
		wait_for(&g[i].running);
	}
	for (i = 0; i < 2; i++) {
		sem_post(&g[i].leave);
		run_until_counted(1);
	}
	submit(&item, see_worker, counted, &seen[0]);
	run_until_counted(1);
	CHECK(pthread_equal(seen[0], g[1].thread));
	for (i = 0; i < 100; i++) {
		submit(&item, see_worker, counted, &seen[1]);
		run_until_counted(1);
		CHECK(pthread_equal(seen[1], seen[0]));
	}
	pool_close();
}

TEST(one_at_a_time_needs_one_thread)
{
	struct iv_work_item item;
	int i;

	pool_open(4);
	for (i = 0; i < 100; i++) {
		submit(&item, nothing, counted, NULL);
		run_until_counted(1);
	}
	CHECK_INT(threads_created, ==, 1);
	pool_close();
}

/* A worker busy with a long item does not keep others from being worked on. */
TEST(nothing_waits_behind_a_long_item)
{
	struct iv_work_item items[200];
	struct gate g;
	int i;

	pool_open(2);
	gate_submit(&g, counted);
	wait_for(&g.running);
	for (i = 0; i < 200; i++)
		submit(&items[i], nothing, counted, NULL);
	run_until_counted(200);
	sem_post(&g.leave);
	run_until_counted(1);
	pool_close();
}

static sem_t thread_stopped;

static void post_stopped(void *unused)
{
	(void)unused;
	sem_post(&thread_stopped);
}

static int64_t ns_now(void)
{
	return iv_now.tv_sec * INT64_C(1000000000) + iv_now.tv_nsec;
}

/* Where the C library calls it by another name, the spy misses it. */
static void take_clock(void)
{
	spy_clock_take(INT64_C(1000000000));
	if (ns_now() != INT64_C(1000000000))
		SKIP("the clock cannot be taken over");
}

static int64_t stopped_at;

static void note_stopped(void *unused)
{
	(void)unused;
	iv_invalidate_now();
	stopped_at = ns_now();
	sem_post(&thread_stopped);
}

/* On a clock that moves only when a worker's wait lets it. */
TEST(idle_worker_ends_after_ten_seconds)
{
	struct iv_work_item item;
	int i;

	sem_init(&thread_stopped, 0, 0);
	take_clock();
	iv_init();
	pool_set(&pool, 2);
	pool.thread_stop = note_stopped;
	CHECK_INT(iv_work_pool_create(&pool), ==, 0);
	for (i = 1; i <= 3; i++) {
		int64_t before;

		iv_invalidate_now();
		before = ns_now();
		submit(&item, nothing, counted, NULL);
		run_until_counted(1);
		wait_for(&thread_stopped);
		CHECK_INT(stopped_at, >=, before + 10 * INT64_C(1000000000));
		CHECK_INT(stopped_at, <=, before + 20 * INT64_C(1000000000));
		CHECK_INT(threads_created, ==, i);
		quit_after_turns(3);
		iv_main();
	}
	pool_close();
}

/* ---- The worker's loop --------------------------------------------------------------- */

static void read_clock(void *at)
{
	*(int64_t *)at = ns_now();
	spy_clock_advance(1000);
}

TEST(time_is_read_anew_after_each_item)
{
	struct iv_work_item items[3];
	struct gate g;
	int64_t at[3];
	int i;

	take_clock();
	pool_open(1);
	gate_submit(&g, counted);
	for (i = 0; i < 3; i++)
		submit(&items[i], read_clock, counted, &at[i]);
	sem_post(&g.leave);
	run_until_counted(4);
	CHECK_INT(at[1], >=, at[0] + 1000);
	CHECK_INT(at[2], >=, at[1] + 1000);
	pool_close();
}

static struct iv_timer in_worker;
static int worker_turns, items_done;

static void turn_in_worker(void *unused)
{
	(void)unused;
	worker_turns = get(&items_done);
}

static void register_in_worker(void *unused)
{
	(void)unused;
	IV_TIMER_INIT(&in_worker);
	in_worker.expires.tv_sec = in_worker.expires.tv_nsec = 0;
	in_worker.handler = turn_in_worker;
	iv_timer_register(&in_worker);
}

static void count_item(void *unused)
{
	(void)unused;
	up(&items_done);
}

TEST(objects_in_the_worker_have_their_turn)
{
	static struct iv_work_item items[1000];
	struct iv_work_item item;
	struct gate g;
	int i;

	pool_open(1);
	gate_submit(&g, counted);
	submit(&item, register_in_worker, counted, NULL);
	for (i = 0; i < 1000; i++)
		submit(&items[i], count_item, counted, NULL);
	sem_post(&g.leave);
	run_until_counted(1002);
	CHECK_INT(worker_turns, >, 0);
	CHECK_INT(worker_turns, <, 1000);
	pool_close();
}

TEST(iv_quit_in_a_work_function_changes_nothing)
{
	struct iv_work_item items[10];
	int i;

	pool_open(1);
	for (i = 0; i < 10; i++)
		submit(&items[i], quit_handler, counted, NULL);
	run_until_counted(10);
	for (i = 0; i < 10; i++) {
		submit(&items[i], quit_handler, counted, NULL);
		run_until_counted(1);
	}
	CHECK_INT(threads_created, ==, 1);
	pool_close();
}

static void end_thread(void *unused)
{
	(void)unused;
	pthread_exit(NULL);
}

TEST(pthread_exit_in_a_work_function)
{
	struct iv_work_item items[6];
	int i;

	sem_init(&thread_stopped, 0, 0);
	iv_init();
	pool_set(&pool, 1);
	pool.thread_stop = post_stopped;
	CHECK_INT(iv_work_pool_create(&pool), ==, 0);
	for (i = 0; i < 6; i++)
		submit(&items[i], i % 2 ? nothing : end_thread, counted, NULL);
	run_until_counted(6);
	pool_close();
	CHECK_INT(threads_created, >=, 3);
	for (i = 0; i < threads_created; i++)
		CHECK_INT(sem_trywait(&thread_stopped), ==, 0);
}

/* ---- Continuations -------------------------------------------------------------------- */

/* What a worker's loop does when it is taken down, if there is one. */
static struct iv_work_item *last_word;

static void say_last_word(void *unused)
{
	(void)unused;
	if (last_word != NULL && !pthread_equal(pthread_self(), owner))
		iv_work_pool_submit_continuation(&pool, last_word);
}

static struct iv_tls_user at_the_end = { .deinit_thread = say_last_word };

__attribute__((constructor)) static void register_at_the_end(void)
{
	iv_tls_user_register(&at_the_end);
}

FATAL_TEST(a_worker_that_has_ended_is_none,
	   "iv_work_pool_submit_continuation: iv_work_pool ")
{
	struct iv_work_item first, late;

	pool_open(1);
	submit(&first, nothing, counted, NULL);
	run_until_counted(1);
	set(&late, nothing, counted, NULL);
	last_word = &late;
	iv_work_pool_put(&pool);
	iv_main();
	for (;;)
		pause();
}

struct chain {
	struct iv_work_item	items[5];
	int	next;
};

static void next_link(void *_c)
{
	struct chain *c = _c;
	int n = ++c->next;

	if (n < 5) {
		set(&c->items[n], next_link, counted, c);
		iv_work_pool_submit_continuation(&pool, &c->items[n]);
	}
}

TEST(continuation_from_a_worker)
{
	struct chain c = { .next = 0 };

	pool_open(1);
	submit(&c.items[0], next_link, counted, &c);
	run_until_counted(5);
	CHECK_INT(c.next, ==, 5);
	pool_close();
}

/* d27 */
TEST(continuation_after_put)
{
	struct chain *c = calloc(1, sizeof(*c));
	struct iv_work_pool *p = malloc(sizeof(*p));
	struct gate g;

	CHECK(c != NULL && p != NULL);
	pool_open(1);
	gate_submit(&g, counted);
	submit(&c->items[0], next_link, counted, c);
	iv_work_pool_put(&pool);
	memset(&pool, 0xa5, sizeof(pool));
	sem_post(&g.leave);
	awaited = 6;
	iv_main();
	if (awaited == 0)
		iv_main();	/* counted() has called iv_quit() */
	CHECK_INT(awaited, ==, 0);
	CHECK_INT(c->next, ==, 5);
	iv_deinit();
	free(c);
	free(p);
}

TEST(continuation_from_the_owner)
{
	struct iv_work_item item;

	pool_open(1);
	set(&item, nothing, counted, NULL);
	iv_work_pool_submit_continuation(&pool, &item);
	run_until_counted(1);
	pool_close();
}

static struct gate inner;

static void need_another(void *unused)
{
	(void)unused;
	iv_work_pool_submit_continuation(&pool, &inner.item);
	wait_for(&inner.running);
	sem_post(&inner.leave);
}

/* The owner is asked to start it. */
TEST(continuation_gets_a_thread_of_its_own)
{
	struct iv_work_item item;

	pool_open(2);
	gate_set(&inner, counted);
	submit(&item, need_another, counted, NULL);
	run_until_counted(2);
	CHECK_INT(threads_created, ==, 2);
	pool_close();
}

static struct iv_work_item trio[3];

static void continue_thrice(void *unused)
{
	int i;

	(void)unused;
	for (i = 0; i < 3; i++) {
		set(&trio[i], meet, counted, NULL);
		iv_work_pool_submit_continuation(&pool, &trio[i]);
	}
	meet(NULL);
}

/* Each of them, even if the owner hears of all at once. */
TEST(continuations_get_a_thread_each)
{
	struct iv_work_item item;
	int i;

	for (i = 0; i < 20; i++) {
		threads_created = 0;
		pthread_barrier_init(&barrier, NULL, 4);
		pool_open(4);
		submit(&item, continue_thrice, counted, NULL);
		run_until_counted(4);
		CHECK_INT(threads_created, ==, 4);
		pool_close();
		pthread_barrier_destroy(&barrier);
	}
}

TEST(continuation_gets_a_thread_after_put)
{
	struct iv_work_item item;
	struct gate g;

	pool_open(2);
	gate_set(&inner, counted);
	gate_submit(&g, counted);
	wait_for(&g.running);
	submit(&item, need_another, counted, NULL);
	iv_work_pool_put(&pool);
	awaited = 3;
	sem_post(&g.leave);
	while (awaited > 0)
		iv_main();
	iv_main();
	iv_deinit();
}

/* The struct's name may already be that of another pool. */
TEST(continuation_goes_to_the_worker_s_own_pool)
{
	struct chain c = { .next = 0 };
	struct gate g;

	pool_open(1);
	gate_submit(&g, counted);
	submit(&c.items[0], next_link, counted, &c);
	iv_work_pool_put(&pool);
	pool_set(&pool, 1);
	CHECK_INT(iv_work_pool_create(&pool), ==, 0);
	sem_post(&g.leave);
	run_until_counted(6);
	CHECK_INT(threads_created, ==, 1);
	pool_close();
}

static struct iv_work_item last_words;

static void submit_last_words(void *unused)
{
	(void)unused;
	set(&last_words, nothing, counted, NULL);
	iv_work_pool_submit_continuation(&pool, &last_words);
}

/* d29: neither is called with anything locked. */
TEST(thread_start_may_submit)
{
	struct iv_work_item item;

	iv_init();
	pool_set(&pool, 1);
	pool.thread_start = submit_last_words;
	CHECK_INT(iv_work_pool_create(&pool), ==, 0);
	submit(&item, nothing, counted, NULL);
	run_until_counted(2);
	pool_close();
}

static int words;

static void submit_once(void *unused)
{
	(void)unused;
	if (__atomic_exchange_n(&words, 1, __ATOMIC_RELAXED) == 0)
		submit_last_words(NULL);
}

TEST(thread_stop_may_submit)
{
	struct iv_work_item item;

	iv_init();
	pool_set(&pool, 1);
	pool.thread_stop = submit_once;
	CHECK_INT(iv_work_pool_create(&pool), ==, 0);
	submit(&item, nothing, counted, NULL);
	run_until_counted(1);
	iv_work_pool_put(&pool);
	awaited = 1;
	iv_main();
	CHECK_INT(awaited, ==, 0);
	iv_main();
	CHECK_INT(threads_created, ==, 2);
	iv_deinit();
}

static struct gate stop_gate;

static void stop_slowly(void *unused)
{
	(void)unused;
	gate_work(&stop_gate);
}

/* d29: a slow thread_stop() holds up neither the owner nor other workers. */
TEST(thread_stop_blocks_nobody)
{
	struct iv_work_item item;
	struct gate g;

	gate_set(&stop_gate, nothing);
	iv_init();
	pool_set(&pool, 2);
	CHECK_INT(iv_work_pool_create(&pool), ==, 0);
	iv_work_pool_put(&pool);
	pool_set(&pool, 2);
	pool.thread_stop = stop_slowly;
	CHECK_INT(iv_work_pool_create(&pool), ==, 0);
	gate_submit(&g, counted);
	wait_for(&g.running);
	submit(&item, end_thread, counted, NULL);
	wait_for(&stop_gate.running);
	run_until_counted(1);
	sem_post(&g.leave);
	run_until_counted(1);
	submit(&item, nothing, counted, NULL);
	run_until_counted(1);
	sem_post(&stop_gate.leave);
	sem_post(&stop_gate.leave);
	pool_close();
}

/* ---- The end of a pool -------------------------------------------------------------------- */

TEST(put_unused)
{
	pool_open(3);
	pool_close();
	CHECK_INT(threads_created, ==, 0);
}

TEST(pool_keeps_the_loop_until_put)
{
	pool_open(1);
	quit_after_turns(5);
	iv_main();
	iv_work_pool_put(&pool);
	iv_main();
	iv_deinit();
}

static struct iv_work_pool *heap_pool;
static int after_put;

static void put_at_first(void *unused)
{
	(void)unused;
	after_put++;
	if (heap_pool == NULL)
		return;
	iv_work_pool_put(heap_pool);
	memset(heap_pool, 0xa5, sizeof(*heap_pool));
	free(heap_pool);
	heap_pool = NULL;
}

TEST(put_in_a_completion_with_items_queued)
{
	struct iv_work_item items[50];
	int i;

	heap_pool = malloc(sizeof(*heap_pool));
	CHECK(heap_pool != NULL);
	iv_init();
	pool_set(heap_pool, 3);
	heap_pool->cookie = &starts;
	heap_pool->thread_start = on_start;
	heap_pool->thread_stop = on_stop;
	CHECK_INT(iv_work_pool_create(heap_pool), ==, 0);
	for (i = 0; i < 50; i++) {
		set(&items[i], nothing, put_at_first, NULL);
		iv_work_pool_submit_work(heap_pool, &items[i]);
	}
	iv_main();
	CHECK_INT(after_put, ==, 50);
	CHECK_INT(starts, ==, threads_created);
	CHECK_INT(stops, ==, threads_created);
	iv_deinit();
}

/* The loop is not run after that, as in syslog-ng. */
TEST(put_and_deinit_without_iv_main)
{
	struct iv_work_item items[4];

	pool_open(4);
	meet_all(items, 4);
	iv_work_pool_put(&pool);
	iv_deinit();
}

TEST(deinit_with_idle_workers)
{
	struct iv_work_item items[4];

	pool_open(4);
	meet_all(items, 4);
	iv_deinit();
	iv_work_pool_put(&pool);
}

struct farewell {
	struct iv_work_item	item;
	sem_t	running;
	sem_t	leave;
	sem_t	*left;
};

/* Nobody may touch the item after that. */
static void free_in_work(void *_f)
{
	struct farewell *f = _f;
	sem_t *done = f->left;

	sem_post(&f->running);
	wait_for(&f->leave);
	memset(f, 0x5a, sizeof(*f));
	free(f);
	sem_post(done);
}

/* d25: the worker ends long after the loop. */
TEST(deinit_with_busy_workers)
{
	struct iv_work_item items[10];
	struct farewell *f[2];
	sem_t done;
	int i;

	sem_init(&done, 0, 0);
	pool_open(2);
	for (i = 0; i < 2; i++) {
		f[i] = calloc(1, sizeof(*f[i]));
		CHECK(f[i] != NULL);
		f[i]->left = &done;
		submit(&f[i]->item, free_in_work, never_handler, f[i]);
		wait_for(&f[i]->running);
	}
	for (i = 0; i < 10; i++)
		submit(&items[i], never_handler, never_handler, NULL);
	iv_deinit();
	/* What had not begun never will, and can be used again. */
	iv_init();
	iv_work_pool_put(&pool);
	pool_set(&pool, 1);
	CHECK_INT(iv_work_pool_create(&pool), ==, 0);
	for (i = 0; i < 10; i++) {
		items[i].work = nothing;
		items[i].completion = counted;
		iv_work_pool_submit_work(&pool, &items[i]);
	}
	run_until_counted(10);
	for (i = 0; i < 2; i++)
		sem_post(&f[i]->leave);
	wait_for(&done);
	wait_for(&done);
	pool_close();
}

static void *owner_without_deinit(void *_g)
{
	pool_open(2);
	gate_submit(_g, never_handler);
	wait_for(&((struct gate *)_g)->running);
	return NULL;
}

TEST(owner_ends_without_deinit)
{
	/* The worker may still be leaving it when the case ends. */
	static struct gate g;
	pthread_t t;

	CHECK_INT(pthread_create(&t, NULL, owner_without_deinit, &g), ==, 0);
	pthread_join(t, NULL);
	sem_post(&g.leave);
	iv_work_pool_put(&pool);
}

static void late_continuation(void *_g)
{
	gate_work(_g);
	set(&last_words, never_handler, never_handler, NULL);
	iv_work_pool_submit_continuation(&pool, &last_words);
}

TEST(continuation_after_the_owner_s_deinit)
{
	struct gate g;

	sem_init(&thread_stopped, 0, 0);
	iv_init();
	pool_set(&pool, 2);
	pool.thread_stop = post_stopped;
	CHECK_INT(iv_work_pool_create(&pool), ==, 0);
	gate_set(&g, never_handler);
	g.item.work = late_continuation;
	iv_work_pool_submit_work(&pool, &g.item);
	wait_for(&g.running);
	iv_deinit();
	sem_post(&g.leave);
	wait_for(&thread_stopped);
	iv_work_pool_put(&pool);
}

/* A work item of a program for which IV_WORK_ITEM_INIT did nothing. */
TEST(item_of_an_orphaned_pool_may_be_submitted_again)
{
	struct gate g;

	sem_init(&thread_stopped, 0, 0);
	iv_init();
	pool_set(&pool, 1);
	pool.thread_stop = post_stopped;
	CHECK_INT(iv_work_pool_create(&pool), ==, 0);
	gate_submit(&g, never_handler);
	wait_for(&g.running);
	iv_deinit();
	iv_work_pool_put(&pool);
	sem_post(&g.leave);
	wait_for(&thread_stopped);
	pool_open(1);
	g.item.completion = counted;
	iv_work_pool_submit_work(&pool, &g.item);
	sem_post(&g.leave);
	run_until_counted(1);
	pool_close();
}

/* ---- Ends of threads ------------------------------------------------------------------------ */

static sem_t in_callback;

/* ThreadSanitizer loses a thread that is cancelled in a call that sleeps. */
static void cancelled_here(void *unused)
{
	(void)unused;
	sem_post(&in_callback);
	for (;;) {
		pthread_testcancel();
		sched_yield();
	}
}

static pthread_t worker_thread;

static void note_thread(void *unused)
{
	(void)unused;
	worker_thread = pthread_self();
}

static void first_is_cancelled(void *unused)
{
	if (threads_created == 1) {
		pthread_cancel(pthread_self());
		cancelled_here(unused);
	}
}

/* AddressSanitizer leaves the frames of a cancelled thread poisoned. */
static void require_frames_to_go(void)
{
#ifdef __SANITIZE_ADDRESS__
	SKIP("AddressSanitizer does not follow cancelled threads");
#endif
}

/* The item counts as done. */
TEST(worker_cancelled_in_work)
{
	struct iv_work_item items[2];

	require_frames_to_go();
	sem_init(&in_callback, 0, 0);
	iv_init();
	pool_set(&pool, 1);
	pool.thread_start = note_thread;
	CHECK_INT(iv_work_pool_create(&pool), ==, 0);
	submit(&items[0], cancelled_here, counted, NULL);
	submit(&items[1], nothing, counted, NULL);
	wait_for(&in_callback);
	pthread_cancel(worker_thread);
	run_until_counted(2);
	CHECK_INT(threads_created, ==, 2);
	pool_close();
}

TEST(worker_cancelled_while_idle)
{
	struct iv_work_item item;

#ifdef __SANITIZE_THREAD__
	SKIP("ThreadSanitizer sees no lock of a thread cancelled in epoll_wait");
#endif
	require_frames_to_go();
	pool_open(1);
	submit(&item, see_worker, counted, &worker_thread);
	run_until_counted(1);
	pthread_cancel(worker_thread);
	submit(&item, nothing, counted, NULL);
	run_until_counted(1);
	pool_close();
}

TEST(worker_cancelled_in_thread_stop)
{
	struct iv_work_item item;

	sem_init(&in_callback, 0, 0);
	iv_init();
	pool_set(&pool, 1);
	pool.thread_start = note_thread;
	pool.thread_stop = cancelled_here;
	CHECK_INT(iv_work_pool_create(&pool), ==, 0);
	submit(&item, nothing, counted, NULL);
	run_until_counted(1);
	iv_work_pool_put(&pool);
	wait_for(&in_callback);
	pthread_cancel(worker_thread);
	iv_main();
	iv_deinit();
}

TEST(worker_cancelled_in_thread_start)
{
	struct iv_work_item item;

	sem_init(&in_callback, 0, 0);
	iv_init();
	pool_set(&pool, 1);
	pool.thread_start = first_is_cancelled;
	CHECK_INT(iv_work_pool_create(&pool), ==, 0);
	submit(&item, nothing, counted, NULL);
	run_until_counted(1);
	CHECK_INT(threads_created, ==, 2);
	pool_close();
}

/* ---- Completions that do not return --------------------------------------------------------- */

static jmp_buf outside;
static int completed;

static void leave_by_longjmp(void *unused)
{
	(void)unused;
	completed++;
	longjmp(outside, 1);
}

static void complete(void *unused)
{
	(void)unused;
	completed++;
}

static void run_and_leave(int times)
{
	volatile int n = 0;

	if (setjmp(outside) != 0)
		n++;
	iv_main();
	CHECK_INT(n, ==, times);
}

/* All are done before the first is completed. */
TEST(completions_leave_by_longjmp)
{
	struct iv_work_item items[4];
	int i;

	pool_open(1);
	for (i = 0; i < 4; i++)
		submit(&items[i], up, i < 2 ? leave_by_longjmp : complete,
		       &items_done);
	while (get(&items_done) < 4)
		sched_yield();
	iv_work_pool_put(&pool);
	run_and_leave(2);
	CHECK_INT(completed, ==, 4);
	iv_deinit();
}

TEST(local_completions_leave_by_longjmp)
{
	struct iv_work_item items[4];
	int i;

	iv_init();
	for (i = 0; i < 4; i++) {
		set(&items[i], nothing,
		    i < 2 ? leave_by_longjmp : complete, NULL);
		iv_work_pool_submit_work(NULL, &items[i]);
	}
	run_and_leave(2);
	CHECK_INT(completed, ==, 4);
	iv_deinit();
}

static void run_the_loop(void *unused)
{
	(void)unused;
	completed++;
	iv_work_pool_put(&pool);
	iv_main();
	CHECK_INT(completed, ==, 4);
}

/* The pool is gone when the first completion returns. */
TEST(completion_runs_the_loop_until_the_pool_is_gone)
{
	struct iv_work_item items[4];
	int i;

	pool_open(1);
	for (i = 0; i < 4; i++)
		submit(&items[i], up, i == 0 ? run_the_loop : complete,
		       &items_done);
	while (get(&items_done) < 4)
		sched_yield();
	iv_main();
	CHECK_INT(completed, ==, 4);
	iv_deinit();
}

static void leave_after_the_pool(void *unused)
{
	run_the_loop(unused);
	longjmp(outside, 1);
}

TEST(completion_leaves_when_the_pool_is_gone)
{
	struct iv_work_item items[4];
	int i;

	pool_open(1);
	for (i = 0; i < 4; i++)
		submit(&items[i], up, i == 0 ? leave_after_the_pool : complete,
		       &items_done);
	while (get(&items_done) < 4)
		sched_yield();
	run_and_leave(1);
	iv_deinit();
}

static struct iv_work_item in_between;

static void submit_and_run(void *unused)
{
	(void)unused;
	submit(&in_between, nothing, counted, NULL);
	iv_main();
}

/* An item that a completion waits for is not withheld from idle workers. */
TEST(completion_waits_for_an_item_that_it_submits)
{
	struct iv_work_item items[2];
	int i;

	pool_open(1);
	for (i = 0; i < 2; i++)
		submit(&items[i], up, i == 0 ? submit_and_run : nothing,
		       &items_done);
	while (get(&items_done) < 2)
		sched_yield();
	run_until_counted(1);
	pool_close();
}

/* ---- Forked children -------------------------------------------------------------------------- */

/* The program that a case forks ends well, and soon. */
static void child_ends_well(pid_t pid)
{
	int status;

	CHECK_SYS(pid);
	CHECK_SYS(waitpid(pid, &status, 0));
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), ==, 0);
}

static int enough;

static void keep_busy(void *item)
{
	if (!get(&enough))
		iv_work_pool_submit_work(&pool, item);
	else
		counted(NULL);
}

static void fork_and(void (*in_child)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		time_limit(10);
		in_child();
		_exit(0);
	}
	child_ends_well(pid);
}

static void just_deinit(void)
{
	iv_deinit();
	iv_work_pool_put(&pool);
}

/* The inherited pool does not keep the loop running. */
static void go_on(void)
{
	iv_main();
	iv_work_pool_put(&pool);
	iv_deinit();
}

static void put_and_go_on(void)
{
	iv_work_pool_put(&pool);
	iv_main();
	iv_deinit();
}

static void begin_anew(void)
{
	iv_init();
	iv_work_pool_put(&pool);
	pool_set(&pool, 2);
	CHECK_INT(iv_work_pool_create(&pool), ==, 0);
	iv_work_pool_put(&pool);
	iv_main();
	iv_deinit();
}

static void (*const in_children[])(void) = {
	just_deinit, go_on, put_and_go_on, begin_anew,
};

/* Workers are at anything when the memory is copied. */
TEST(child_of_an_owner_with_busy_workers)
{
	struct iv_work_item items[20];
	int i;

	time_limit(60);
	pool_open(3);
	for (i = 0; i < 20; i++)
		submit(&items[i], nothing, keep_busy, &items[i]);
	for (i = 0; i < 40; i++) {
		quit_after_turns(20);
		iv_main();
		fork_and(in_children[i % 4]);
	}
	up(&enough);
	run_until_counted(20);
	pool_close();
}

static void last_words_in_child(void *unused)
{
	pid_t pid = fork();

	(void)unused;
	if (pid != 0) {
		child_ends_well(pid);
		return;
	}
	time_limit(10);
	set(&last_words, never_handler, never_handler, NULL);
	iv_work_pool_submit_continuation(&pool, &last_words);
}

/* The child's only thread is a worker, which ends after its item. */
TEST(child_of_a_worker)
{
	struct iv_work_item item, others[20];
	int i;

#ifdef __SANITIZE_ADDRESS__
	SKIP("what only the owner's stack points to would be a leak there");
#endif
	pool_open(2);
	submit(&item, last_words_in_child, counted, NULL);
	for (i = 0; i < 20; i++)
		submit(&others[i], nothing, counted, NULL);
	run_until_counted(21);
	pool_close();
}

/* ---- No pool ------------------------------------------------------------------------------- */

static struct iv_work_item local_items[3];

static void local_work(void *label)
{
	CHECK(pthread_equal(pthread_self(), owner));
	trace(label);
}

static void local_done(void *label)
{
	(void)label;
	trace(")");
}

static void local_work_and_submit(void *label)
{
	local_work(label);
	set(&local_items[2], local_work, local_done, (void *)"(c");
	iv_work_pool_submit_continuation(NULL, &local_items[2]);
}

static void trace_task(void *label)
{
	trace(label);
}

TEST(no_pool_is_a_task)
{
	struct iv_task t;

	owner = pthread_self();
	iv_init();
	IV_TASK_INIT(&t);
	t.handler = trace_task;
	t.cookie = (void *)" task ";
	set(&local_items[0], local_work_and_submit, local_done, (void *)"(a");
	set(&local_items[1], local_work, local_done, (void *)"(b");
	iv_work_pool_submit_work(NULL, &local_items[0]);
	iv_work_pool_submit_work(NULL, &local_items[1]);
	iv_task_register(&t);
	CHECK_STR(traced(), "");
	iv_main();
	CHECK_STR(traced(), "(a)(b) task (c)");
	iv_deinit();
	CHECK_INT(threads_created, ==, 0);
}

static void local_again(void *item)
{
	if (--left > 0)
		iv_work_pool_submit_work(NULL, item);
}

static void local_free(void *item)
{
	free(item);
}

TEST(no_pool_again_and_again)
{
	struct iv_work_item item, *heap = malloc(sizeof(*heap));

	CHECK(heap != NULL);
	owner = pthread_self();
	iv_init();
	left = 100;
	set(&item, nothing, local_again, &item);
	set(heap, nothing, local_free, heap);
	iv_work_pool_submit_work(NULL, &item);
	iv_work_pool_submit_work(NULL, heap);
	iv_main();
	CHECK_INT(left, ==, 0);
	iv_deinit();
}

TEST(no_pool_and_deinit)
{
	struct iv_work_item item;

	iv_init();
	set(&item, nothing, never_handler, NULL);
	iv_work_pool_submit_work(NULL, &item);
	iv_deinit();
	iv_init();
	left = 1;
	item.completion = local_again;
	iv_work_pool_submit_work(NULL, &item);
	iv_main();
	CHECK_INT(left, ==, 0);
	iv_deinit();
}

/* ---- When the system refuses (d28) -------------------------------------------------------------- */

static void by_owner(void *unused)
{
	(void)unused;
	CHECK(pthread_equal(pthread_self(), owner));
	up(&items_done);
}

static void by_worker(void *unused)
{
	(void)unused;
	CHECK(!pthread_equal(pthread_self(), owner));
	up(&items_done);
}

TEST(no_thread_the_owner_works)
{
	struct iv_work_item items[10];
	int i;

	pool_open(4);
	create_fails = -1;
	for (i = 0; i < 10; i++)
		submit(&items[i], by_owner, counted, NULL);
	CHECK_INT(items_done, ==, 0);
	run_until_counted(10);
	CHECK_INT(items_done, ==, 10);
	/* As soon as it can have threads, it has. */
	create_fails = 0;
	submit(&items[0], by_worker, counted, NULL);
	run_until_counted(1);
	pool_close();
}

TEST(no_thread_and_put)
{
	struct iv_work_item items[10];
	int i;

	pool_open(4);
	create_fails = -1;
	for (i = 0; i < 10; i++)
		submit(&items[i], by_owner, nothing, NULL);
	iv_work_pool_put(&pool);
	iv_main();
	CHECK_INT(items_done, ==, 10);
	iv_deinit();
}

static void put_in_work(void *unused)
{
	(void)unused;
	iv_work_pool_put(&pool);
}

TEST(no_thread_and_put_in_work)
{
	struct iv_work_item items[2];

	pool_open(1);
	create_fails = -1;
	submit(&items[0], put_in_work, nothing, NULL);
	submit(&items[1], by_owner, nothing, NULL);
	iv_main();
	CHECK_INT(items_done, ==, 1);
	iv_deinit();
}

TEST(no_thread_and_deinit)
{
	struct iv_work_item item;

	pool_open(1);
	create_fails = -1;
	submit(&item, never_handler, never_handler, NULL);
	iv_deinit();
	iv_work_pool_put(&pool);
}

TEST(no_more_threads_the_others_work)
{
	struct iv_work_item items[10];
	struct gate g;
	int i;

	pool_open(4);
	gate_submit(&g, counted);
	wait_for(&g.running);
	create_fails = -1;
	for (i = 0; i < 10; i++)
		submit(&items[i], by_worker, counted, NULL);
	sem_post(&g.leave);
	run_until_counted(11);
	pool_close();
}

TEST(no_thread_at_first_then_one)
{
	struct iv_work_item items[10];
	int i;

	pool_open(1);
	create_fails = 10;
	for (i = 0; i < 10; i++)
		submit(&items[i], count_item, counted, NULL);
	run_until_counted(10);
	CHECK_INT(threads_created, ==, 1);
	pool_close();
}

static void owner_continues(void *_c)
{
	CHECK(pthread_equal(pthread_self(), owner));
	next_link(_c);
}

TEST(owner_s_work_may_submit_a_continuation)
{
	struct chain c = { .next = 0 };

	pool_open(1);
	create_fails = -1;
	submit(&c.items[0], owner_continues, counted, &c);
	run_until_counted(5);
	CHECK_INT(c.next, ==, 5);
	pool_close();
}

/* A thread starts, but cannot have what a loop needs. */
static void worker_lacks(enum spy_call call, int err)
{
	struct iv_work_item items[10];
	int i, n;

	for (n = 0; n <= 3; n++) {
		pool_open(1);
		spy_fail(call, 1, (unsigned)n, err);
		for (i = 0; i < 10; i++)
			submit(&items[i], count_item, counted, NULL);
		run_until_counted(10);
		submit(&items[0], count_item, counted, NULL);
		run_until_counted(1);
		pool_close();
		spy_heal();
		CHECK_INT(items_done, ==, 11 * (n + 1));
	}
}

TEST(worker_without_wake_up_channel)
{
	worker_lacks(spy_channel(), EMFILE);
}

/* Not with poll and ppoll, which need none. */
TEST(worker_without_epoll_descriptor)
{
	worker_lacks(SPY_EPOLL_CREATE, EMFILE);
}

TEST(worker_without_memory)
{
	worker_lacks(SPY_MALLOC, ENOMEM);
}

TEST(every_allocation_fails_once)
{
	struct iv_work_item items[3];
	unsigned n = 0, failed;
	int i;

	do {
		threads_created = 0;
		iv_init();
		spy_fail(SPY_MALLOC, ++n, 1, ENOMEM);
		pool_set(&pool, 2);
		errno = 0;
		if (iv_work_pool_create(&pool) < 0) {
			CHECK_INT(errno, ==, ENOMEM);
			CHECK_INT(spy_failed(), ==, 1);
			failed = 1;
			iv_main();
		} else {
			for (i = 0; i < 3; i++)
				submit(&items[i], nothing, counted, NULL);
			run_until_counted(3);
			failed = spy_failed();
			iv_work_pool_put(&pool);
			iv_main();
		}
		spy_heal();
		iv_deinit();
	} while (failed > 0);
	CHECK_INT(n, >, 3);
}

TEST(create_refused)
{
	if (wakes_without_fd())
		SKIP("%s wakes without a descriptor", test_method());
	iv_init();
	pool_set(&pool, 1);
	spy_fail(spy_channel(), 1, 1, EMFILE);
	CHECK_ERRNO(iv_work_pool_create(&pool), EMFILE);
	spy_heal();
	iv_main();
	iv_deinit();
}

/* ---- Misuse --------------------------------------------------------------------------------------- */

FATAL_TEST(create_without_loop, "iv_work_pool_create: call iv_init()")
{
	pool_set(&pool, 1);
	iv_work_pool_create(&pool);
}

FATAL_TEST(create_null, "iv_work_pool_create: iv_work_pool is NULL")
{
	iv_init();
	iv_work_pool_create(NULL);
}

FATAL_TEST(put_null, "iv_work_pool_put: iv_work_pool is NULL")
{
	iv_init();
	iv_work_pool_put(NULL);
}

FATAL_TEST(put_twice, "iv_work_pool_put: iv_work_pool 0x")
{
	pool_open(1);
	iv_work_pool_put(&pool);
	iv_work_pool_put(&pool);
}

/* It would be on a list twice, or done by two workers. */
static void submit_twice(struct iv_work_pool *p)
{
	static struct iv_work_item item;
	int i;

	for (i = 0; i < 2; i++) {
		set(&item, nothing, nothing, NULL);
		iv_work_pool_submit_work(p, &item);
	}
}

/* The worker tells, before the owner knows of the first. */
FATAL_TEST(initialised_and_submitted_again, "iv_main: iv_work_item 0x")
{
	struct gate g;

	pool_open(1);
	gate_submit(&g, counted);
	submit_twice(&pool);
	sem_post(&g.leave);
	for (;;)
		pause();
}

FATAL_TEST(initialised_and_submitted_again_without_a_pool,
	   "iv_main: iv_work_item 0x")
{
	iv_init();
	submit_twice(NULL);
	iv_main();
}

FATAL_TEST(submit_null, "iv_work_pool_submit_work: iv_work_item is NULL")
{
	pool_open(1);
	iv_work_pool_submit_work(&pool, NULL);
}

FATAL_TEST(submit_without_work, "has no work function")
{
	struct iv_work_item item;

	pool_open(1);
	submit(&item, NULL, nothing, NULL);
}

FATAL_TEST(submit_without_completion, "has no completion function")
{
	struct iv_work_item item;

	pool_open(1);
	submit(&item, nothing, NULL, NULL);
}

FATAL_TEST(local_without_loop, "iv_work_pool_submit_work: call iv_init()")
{
	struct iv_work_item item;

	set(&item, nothing, nothing, NULL);
	iv_work_pool_submit_work(NULL, &item);
}

FATAL_TEST(submit_after_put, "has been put or was never created")
{
	struct iv_work_item item;

	pool_open(1);
	iv_work_pool_put(&pool);
	submit(&item, nothing, nothing, NULL);
}

static void submit_to_garbage(int byte)
{
	struct iv_work_item item;

	iv_init();
	memset(&pool, byte, sizeof(pool));
	submit(&item, nothing, nothing, NULL);
}

FATAL_TEST(submit_to_freed_memory, "iv_work_pool_submit_work: iv_work_pool 0x")
{
	submit_to_garbage(0xdd);
}

FATAL_TEST(submit_to_garbage, "was never created, or has been overwritten")
{
	submit_to_garbage(0xa5);
}

FATAL_TEST(submit_to_ones, "was never created, or has been overwritten")
{
	submit_to_garbage(0xff);
}

FATAL_TEST(put_garbage, "iv_work_pool_put: iv_work_pool 0x")
{
	iv_init();
	memset(&pool, 0x5a, sizeof(pool));
	iv_work_pool_put(&pool);
}

FATAL_TEST(submit_to_the_pool_of_an_ended_loop, "iv_work_pool 0x")
{
	struct iv_work_item item;

	pool_open(1);
	iv_deinit();
	iv_init();
	submit(&item, nothing, nothing, NULL);
}

FATAL_TEST(submit_while_queued, "is already queued")
{
	struct iv_work_item item;
	struct gate g;

	pool_open(1);
	gate_submit(&g, nothing);
	submit(&item, nothing, nothing, NULL);
	iv_work_pool_submit_work(&pool, &item);
}

FATAL_TEST(submit_while_running, "is already queued")
{
	struct gate g;

	pool_open(1);
	gate_submit(&g, nothing);
	wait_for(&g.running);
	iv_work_pool_submit_work(&pool, &g.item);
}

FATAL_TEST(submit_local_twice, "is already queued")
{
	struct iv_work_item item;

	iv_init();
	set(&item, nothing, nothing, NULL);
	iv_work_pool_submit_work(NULL, &item);
	iv_work_pool_submit_work(NULL, &item);
}

static void *submit_elsewhere(void *item)
{
	iv_work_pool_submit_work(&pool, item);
	return NULL;
}

static void *submit_elsewhere_with_loop(void *item)
{
	iv_init();
	return submit_elsewhere(item);
}

static void *continue_elsewhere(void *item)
{
	iv_work_pool_submit_continuation(&pool, item);
	return NULL;
}

static void in_thread_of_its_own(void *(*fn)(void *))
{
	struct iv_work_item item;
	pthread_t t;

	pool_open(1);
	set(&item, nothing, nothing, NULL);
	pthread_create(&t, NULL, fn, &item);
	pthread_join(t, NULL);
}

FATAL_TEST(submit_from_a_foreign_thread, "belongs to another thread")
{
	in_thread_of_its_own(submit_elsewhere);
}

FATAL_TEST(submit_from_a_foreign_loop, "belongs to another thread")
{
	in_thread_of_its_own(submit_elsewhere_with_loop);
}

FATAL_TEST(continue_from_a_foreign_thread,
	   "iv_work_pool_submit_continuation: iv_work_pool 0x")
{
	in_thread_of_its_own(continue_elsewhere);
}

static void submit_last(void *unused)
{
	(void)unused;
	set(&last_words, nothing, nothing, NULL);
	iv_work_pool_submit_work(&pool, &last_words);
}

FATAL_TEST(submit_from_a_worker, "belongs to another thread")
{
	struct iv_work_item item;

	pool_open(1);
	submit(&item, submit_last, nothing, NULL);
	iv_main();
}

static struct iv_work_pool other_pool;

static void continue_other(void *unused)
{
	(void)unused;
	set(&last_words, nothing, nothing, NULL);
	iv_work_pool_submit_continuation(&other_pool, &last_words);
}

FATAL_TEST(continue_from_the_worker_of_another_pool,
	   "iv_work_pool_submit_continuation: iv_work_pool 0x")
{
	struct iv_work_item item;

	pool_open(1);
	pool_set(&other_pool, 1);
	iv_work_pool_create(&other_pool);
	submit(&item, continue_other, nothing, NULL);
	iv_main();
}

FATAL_TEST(continue_null, "iv_work_pool_submit_continuation: iv_work_item")
{
	pool_open(1);
	iv_work_pool_submit_continuation(&pool, NULL);
}

FATAL_TEST(submit_in_a_forked_child, "no threads in a forked child")
{
	struct iv_work_item item;
	int status;
	pid_t pid;

	pool_open(1);
	pid = fork();
	if (pid == 0) {
		submit(&item, nothing, nothing, NULL);
		_exit(0);
	}
	CHECK_SYS(waitpid(pid, &status, 0));
	if (WIFSIGNALED(status))
		abort();
}

/* ---- Under load ---------------------------------------------------------------------------------- */

struct lap {
	struct iv_work_item	item;
	struct iv_work_item	extra;
	int	works, completions;	/* of item */
	int	extra_works, extra_completions;
	int	laps;
};

#define LAPS	200
#define RUNNERS	100

static int running;

static void extra_work(void *_l)
{
	((struct lap *)_l)->extra_works++;
}

static void lap_over(struct lap *l);

static void extra_done(void *_l)
{
	struct lap *l = _l;

	l->extra_completions++;
	lap_over(l);
}

/* Every other lap continues in another item. */
static void lap_work(void *_l)
{
	struct lap *l = _l;

	l->works++;
	if (l->laps & 1) {
		l->extra.cookie = l;
		l->extra.work = extra_work;
		l->extra.completion = extra_done;
		iv_work_pool_submit_continuation(&pool, &l->extra);
	}
}

static void lap_done(void *_l)
{
	struct lap *l = _l;

	l->completions++;
	if (!(l->laps & 1))
		lap_over(l);
}

static void lap_over(struct lap *l)
{
	if (l->completions != l->works || l->extra_completions != l->extra_works)
		return;
	l->laps++;
	CHECK_INT(l->works, ==, l->laps);
	CHECK_INT(l->extra_works, ==, l->laps / 2);
	if (l->laps < LAPS)
		iv_work_pool_submit_work(&pool, &l->item);
	else if (--running == 0)
		iv_work_pool_put(&pool);
}

static void lap_done_odd(void *_l)
{
	struct lap *l = _l;
	int odd = l->laps & 1;

	lap_done(l);
	if (odd && l->extra_completions == l->laps / 2 + 1)
		lap_over(l);
}

TEST(exactly_once_with_many_workers)
{
	static struct lap laps[RUNNERS];
	int i;

	time_limit(30);
	pool_open(8);
	running = RUNNERS;
	for (i = 0; i < RUNNERS; i++)
		submit(&laps[i].item, lap_work, lap_done_odd, &laps[i]);
	iv_main();
	for (i = 0; i < RUNNERS; i++) {
		CHECK_INT(laps[i].works, ==, LAPS);
		CHECK_INT(laps[i].completions, ==, LAPS);
		CHECK_INT(laps[i].extra_works, ==, LAPS / 2);
		CHECK_INT(laps[i].extra_completions, ==, LAPS / 2);
	}
	iv_deinit();
}

static unsigned dice(unsigned *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 16;
}

static int completions, put_at, works;

static void work_a_little(void *unused)
{
	(void)unused;
	up(&works);
	if (get(&works) % 3 == 0)
		sched_yield();
}

static void put_at_some(void *unused)
{
	(void)unused;
	if (++completions == put_at)
		iv_work_pool_put(&pool);
}

TEST(put_at_any_moment)
{
	struct iv_work_item items[30];
	unsigned seed = 1;
	int i, n, round;

	time_limit(30);
	for (round = 0; round < 150; round++) {
		n = 1 + (int)(dice(&seed) % 30);
		put_at = 1 + (int)(dice(&seed) % (unsigned)n);
		completions = works = 0;
		pool_open(1 + (int)(dice(&seed) % 5));
		for (i = 0; i < n; i++)
			submit(&items[i], work_a_little, put_at_some, NULL);
		iv_main();
		CHECK_INT(completions, ==, n);
		CHECK_INT(works, ==, n);
		iv_deinit();
	}
}

static void quit_at_some(void *unused)
{
	(void)unused;
	if (++completions == put_at)
		iv_quit();
}

static sem_t stopped;

static void count_stopped(void *unused)
{
	(void)unused;
	sem_post(&stopped);
}

TEST(deinit_at_any_moment)
{
	static struct iv_work_item items[150][30];
	unsigned seed = 2;
	int i, n, round;

	time_limit(30);
	sem_init(&stopped, 0, 0);
	for (round = 0; round < 150; round++) {
		n = 1 + (int)(dice(&seed) % 30);
		put_at = 1 + (int)(dice(&seed) % (unsigned)n);
		completions = 0;
		iv_init();
		pool_set(&pool, 1 + (int)(dice(&seed) % 5));
		pool.thread_stop = count_stopped;
		CHECK_INT(iv_work_pool_create(&pool), ==, 0);
		for (i = 0; i < n; i++)
			submit(&items[round][i], work_a_little, quit_at_some,
			       NULL);
		if (round % 3 == 0)
			iv_work_pool_put(&pool);
		if (round % 4 != 0)
			iv_main();
		iv_deinit();
		if (round % 3 != 0)
			iv_work_pool_put(&pool);
	}
	for (i = 0; i < threads_created; i++)
		wait_for(&stopped);
}
