/* SPDX-License-Identifier: MIT */
/*
 * work_rig.c - what the tests of iv_work share.
 */
#include "mod/work_rig.h"

int create_fails;
int threads_created;

int __real_pthread_create(pthread_t *t, const pthread_attr_t *attr,
			  void *(*fn)(void *), void *arg);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *attr,
			  void *(*fn)(void *), void *arg);

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *attr,
			  void *(*fn)(void *), void *arg)
{
	if (create_fails != 0) {
		create_fails -= create_fails > 0;
		return EAGAIN;
	}
	threads_created++;
	return __real_pthread_create(t, attr, fn, arg);
}

void wait_for(sem_t *sem)
{
	while (sem_wait(sem) < 0)
		CHECK_INT(errno, ==, EINTR);
}

void up(void *n)
{
	__atomic_add_fetch((int *)n, 1, __ATOMIC_RELAXED);
}

int get(const int *n)
{
	return __atomic_load_n(n, __ATOMIC_RELAXED);
}

struct iv_work_pool pool;
pthread_t owner;

/* The private member is garbage before iv_work_pool_create(). */
void pool_set(struct iv_work_pool *p, int max_threads)
{
	memset(p, 0xa5, sizeof(*p));
	IV_WORK_POOL_INIT(p);
	p->priv = (void *)(uintptr_t)0xa5a5a5a5;
	p->max_threads = max_threads;
	owner = pthread_self();
}

void pool_open(int max_threads)
{
	iv_init();
	pool_set(&pool, max_threads);
	CHECK_INT(iv_work_pool_create(&pool), ==, 0);
}

void pool_close(void)
{
	iv_work_pool_put(&pool);
	iv_main();
	iv_deinit();
}

void set(struct iv_work_item *item, void (*work)(void *),
		void (*completion)(void *), void *cookie)
{
	memset(item, 0xa5, sizeof(*item));
	item->cookie = cookie;
	item->work = work;
	item->completion = completion;
}

void submit(struct iv_work_item *item, void (*work)(void *),
		   void (*completion)(void *), void *cookie)
{
	set(item, work, completion, cookie);
	iv_work_pool_submit_work(&pool, item);
}

void nothing(void *unused)
{
	(void)unused;
}

int awaited;

void counted(void *unused)
{
	(void)unused;
	CHECK(pthread_equal(pthread_self(), owner));
	if (--awaited == 0)
		iv_quit();
}

void run_until_counted(int n)
{
	awaited += n;
	iv_main();
	CHECK_INT(awaited, ==, 0);
}

void gate_work(void *_g)
{
	struct gate *g = _g;

	g->thread = pthread_self();
	sem_post(&g->running);
	wait_for(&g->leave);
}

void gate_set(struct gate *g, void (*completion)(void *))
{
	sem_init(&g->running, 0, 0);
	sem_init(&g->leave, 0, 0);
	set(&g->item, gate_work, completion, g);
}

void gate_submit(struct gate *g, void (*completion)(void *))
{
	gate_set(g, completion);
	iv_work_pool_submit_work(&pool, &g->item);
}

/* Items that all wait until this many run at once. */
pthread_barrier_t barrier;

void meet(void *unused)
{
	(void)unused;
	pthread_barrier_wait(&barrier);
}

void meet_all(struct iv_work_item *items, int n)
{
	int i;

	pthread_barrier_init(&barrier, NULL, (unsigned)n);
	for (i = 0; i < n; i++)
		submit(&items[i], meet, counted, NULL);
	run_until_counted(n);
	pthread_barrier_destroy(&barrier);
}
