/* SPDX-License-Identifier: MIT */
/*
 * posts.c - from one thread to the loop of another.
 */
#include "bench.h"

#include <pthread.h>
#include <semaphore.h>

#define MAX_PRODUCERS	8
#define BURST		32

struct producer {
	pthread_t	thread;
	struct post_watch	post[BURST];
	long	rounds, seen;
	sem_t	again;
};

static struct producer producers[MAX_PRODUCERS];
static long n_producers, finished;
static struct post_watch go;

static void start_thread(pthread_t *t, void *(*fn)(void *), void *arg)
{
	if (pthread_create(t, NULL, fn, arg) != 0)
		die("no thread");
}

static void check_producers(long n)
{
	if (n < 1 || n > MAX_PRODUCERS)
		die("1 to %d producers", MAX_PRODUCERS);
	n_producers = n;
	loop_open(true);
}

/* ---- Coalesced: the loop is busy until all have been posted ---- */

static void *post_all(void *_p)
{
	struct producer *p = _p;
	long i;

	for (i = 0; i < p->rounds; i++)
		post_send(&go);
	return NULL;
}

POST_HANDLER(watch_producers)
{
	long i;

	if (finished++)
		return;
	post_send(&go);
	meter_start();
	for (i = 0; i < n_producers; i++)
		start_thread(&producers[i].thread, post_all, &producers[i]);
	for (i = 0; i < n_producers; i++)
		pthread_join(producers[i].thread, NULL);
	meter_stop(n_producers * producers[0].rounds);
	loop_stop();
}

static void run_coalesced(const long *arg)
{
	long i;

	check_producers(arg[0]);
	for (i = 0; i < n_producers; i++)
		producers[i].rounds = arg[1];
	post_open(&go, watch_producers, NULL);
	post_send(&go);
	loop_run();
}

#ifdef HAVE_FENCE

/* ---- What a post takes at least whose handler is to see all before it ---- */

static uintptr_t pending = 1;

static __attribute__((noinline)) void fence_and_look(const uintptr_t *word)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(word, __ATOMIC_RELAXED) == 0)
		die("nobody has changed it");
}

static void *look_all(void *_p)
{
	struct producer *p = _p;
	long i;

	for (i = 0; i < p->rounds; i++)
		fence_and_look(&pending);
	return NULL;
}

static void run_fence(const long *arg)
{
	long i;

	check_producers(arg[0]);
	meter_start();
	for (i = 0; i < n_producers; i++) {
		producers[i].rounds = arg[1];
		start_thread(&producers[i].thread, look_all, &producers[i]);
	}
	for (i = 0; i < n_producers; i++)
		pthread_join(producers[i].thread, NULL);
	meter_stop(n_producers * arg[1]);
}

#endif

/* ---- Delivered: a burst of 32, and the next when all have arrived ---- */

POST_HANDLER(delivered)
{
	struct producer *p = POST_COOKIE;

	if (++p->seen % BURST != 0)
		return;
	sem_post(&p->again);
	if (p->seen == p->rounds * BURST && ++finished == n_producers)
		loop_stop();
}

static void *post_bursts(void *_p)
{
	struct producer *p = _p;
	long i;
	int j;

	for (i = 0; i < p->rounds; i++) {
		for (j = 0; j < BURST; j++)
			post_send(&p->post[j]);
		sem_wait(&p->again);
	}
	return NULL;
}

static void run_delivered(const long *arg)
{
	long i, rounds = arg[1] / BURST + 1;
	int j;

	check_producers(arg[0]);
	for (i = 0; i < n_producers; i++) {
		producers[i].rounds = rounds;
		sem_init(&producers[i].again, 0, 0);
		for (j = 0; j < BURST; j++)
			post_open(&producers[i].post[j], delivered,
				  &producers[i]);
	}
	meter_start();
	for (i = 0; i < n_producers; i++)
		start_thread(&producers[i].thread, post_bursts, &producers[i]);
	loop_run();
	for (i = 0; i < n_producers; i++)
		pthread_join(producers[i].thread, NULL);
	meter_stop(n_producers * rounds * BURST);
}

/* ---- Ping-pong: two loops, on one CPU or on any ---- */

static struct post_watch ping, pong;
static long rounds_left;
static sem_t ready;

POST_HANDLER(pinged)
{
	bool last = rounds_left == 0;

	post_send(&pong);
	if (last)
		loop_stop();
}

POST_HANDLER(ponged)
{
	if (rounds_left == 0) {
		loop_stop();
		return;
	}
	rounds_left--;
	post_send(&ping);
}

static void *second_loop(void *unused)
{
	loop_open(true);
	post_open(&ping, pinged, NULL);
	sem_post(&ready);
	loop_run();
	post_close(&ping);
	loop_close();
	return unused;
}

static void run_ping_pong_apart(const long *arg)
{
	pthread_t t;

	if (arg[0] < 1)
		die("at least one round");
	loop_open(true);
	post_open(&pong, ponged, NULL);
	sem_init(&ready, 0, 0);
	start_thread(&t, second_loop, NULL);
	sem_wait(&ready);
	rounds_left = arg[0];
	meter_start();
	post_send(&pong);
	loop_run();
	meter_stop(arg[0]);
	pthread_join(t, NULL);
}

static void run_ping_pong(const long *arg)
{
	one_cpu();
	run_ping_pong_apart(arg);
}

const struct workload post_workloads[] = {
	{ "post-coalesced", "PRODUCERS POSTS", run_coalesced },
#ifdef HAVE_FENCE
	{ "post-fence", "PRODUCERS POSTS", run_fence },
#endif
	{ "post-delivered", "PRODUCERS POSTS", run_delivered },
	{ "ping-pong", "ROUNDS", run_ping_pong },
	{ "ping-pong-apart", "ROUNDS", run_ping_pong_apart },
	{ NULL, NULL, NULL },
};
