/* SPDX-License-Identifier: MIT */
/*
 * work_worker.c - a thread of a work pool.
 *
 * User code may end it, or somebody cancel it, in a work function, in the
 * callbacks and while its loop waits: what has to be done then is done by
 * cleanup handlers, of which the one that calls the user is the inner one.
 */
#include <stdio.h>
#include <iv_thread.h>
#include "mod/work.h"
#include "sys/race.h"

/* Seconds after which an idle worker ends. */
#define IDLE_TIME	10

/* Items after which a worker's loop has its turn. */
#define BATCH		64

/* ---- Items ---------------------------------------------------------------------- */

/* Under lock: nobody waits for it any more. */
static void worker_arrive(struct ivi_worker *w)
{
	struct ivi_pool *p = w->pool;

	if (p->called == w)
		p->called = NULL;
	if (!w->arrived)
		p->starting--;
	w->arrived = true;
}

/* Under lock.  NULL: nothing to do; the worker has parked or is to end. */
static struct ivi_work *worker_take(struct ivi_worker *w)
{
	struct ivi_pool *p = w->pool;
	struct ivi_work *e = ivi_workq_next(&p->queue);

	if (e != NULL)
		return e;
	if (p->put || p->orphaned)
		w->ending = true;
	else
		iv_list_add(&w->idle, &p->idle);
	return NULL;
}

static void worker_hand_in(struct ivi_worker *w, struct ivi_work *done)
{
	if (done != NULL && ivi_pool_hand_in(w->pool, done))
		ivi_pool_post(w->pool);
}

/*
 * The next item, when there seems to be none, or the worker has ARRIVED, for
 * DONE, which may be NULL.  When that is completed, the worker is idle, unless
 * it got another.
 */
static struct ivi_work *worker_next(struct ivi_worker *w, bool arrived,
				    struct ivi_work *done)
{
	struct ivi_pool *p = w->pool;
	struct ivi_worker *other;
	struct ivi_work *e;
	bool post, wanting;

	ivi_pool_lock(p);
	post = done != NULL && ivi_pool_hand_in(p, done);
	if (arrived)
		worker_arrive(w);
	e = worker_take(w);
	other = ivi_pool_call(p);
	wanting = arrived && !p->orphaned && ivi_pool_wants_worker(p);
	if (wanting)
		ivi_pool_want(p);
	ivi_pool_unlock(p);
	if (wanting)
		ivi_pool_post(p);
	if (post)
		ivi_pool_post(p);
	ivi_worker_kick(other);
	return e;
}

static void time_begin(struct ivi_worker *w)
{
	int64_t now = ivi_clock_ns();

	ivi_pool_lock(w->pool);
	w->since = now;
	ivi_pool_time_begin(w->pool, now);
	ivi_pool_unlock(w->pool);
}

static void time_end(struct ivi_worker *w)
{
	int64_t now = ivi_clock_ns();

	ivi_pool_lock(w->pool);
	ivi_pool_time_end(w->pool, w->since, now);
	w->since = 0;
	ivi_pool_unlock(w->pool);
}

static void worker_at(struct ivi_worker *w, struct ivi_work *e)
{
	__atomic_store_n(&w->current, e, __ATOMIC_RELAXED);
}

static void worker_do(struct ivi_worker *w, struct ivi_work *e)
{
	bool timed = __atomic_load_n(&w->pool->timed, __ATOMIC_RELAXED);

	ivi_race_acquire(e);
	worker_at(w, e);
	if (timed)
		time_begin(w);
	ivi_work_do(e);
	if (timed)
		time_end(w);
	worker_at(w, NULL);
}

static void worker_kicked(void *_w)
{
	struct ivi_worker *w = _w;
	struct ivi_work *e = worker_next(w, true, NULL), *done;
	int n = 0;

	while (e != NULL) {
		worker_do(w, e);
		done = e;
		if (++n == BATCH) {
			worker_hand_in(w, done);
			iv_event_post(&w->kick);
			return;
		}
		e = ivi_workq_take(&w->pool->queue);
		if (e != NULL)
			worker_hand_in(w, done);
		else
			e = worker_next(w, false, done);
	}
	if (w->ending)
		iv_quit();
	else
		w->idle_since = iv_now;
}

/* ---- Idle --------------------------------------------------------------------------- */

/* True if it was idle: nobody has called it, nor can any more. */
static bool worker_unpark(struct ivi_worker *w)
{
	bool idle;

	ivi_pool_lock(w->pool);
	idle = !iv_list_empty(&w->idle);
	iv_list_del_init(&w->idle);
	ivi_pool_unlock(w->pool);
	return idle;
}

static bool idle_enough(const struct ivi_worker *w)
{
	const struct timespec *since = &w->idle_since, *now = &iv_now;
	time_t s = now->tv_sec - since->tv_sec;

	return s > IDLE_TIME ||
	       (s == IDLE_TIME && now->tv_nsec >= since->tv_nsec);
}

/*
 * The timer is not set anew each time the worker parks: it looks whether it
 * is time yet, and if not, when it may be.
 */
static void worker_timer(void *_w)
{
	struct ivi_worker *w = _w;

	if (idle_enough(w)) {
		if (worker_unpark(w)) {
			w->ending = true;
			iv_quit();
			return;
		}
		w->idle_since = iv_now;
	}
	w->timer.expires = w->idle_since;
	w->timer.expires.tv_sec += IDLE_TIME;
	iv_timer_register(&w->timer);
}

/* ---- The thread ------------------------------------------------------------------------ */

static void worker_prepare(struct ivi_worker *w)
{
	w->ready = ivi_init() == 0 && ivi_work_set_worker(w) == 0 &&
		   iv_event_register(&w->kick) == 0;
	if (!w->ready)
		return;
	w->idle_since = iv_now;
	worker_timer(w);
}

/* What it has of the loop goes, and it cannot be called any more. */
static void worker_close(struct ivi_worker *w)
{
	unsigned n = 0;

	worker_unpark(w);
	while (__atomic_load_n(&w->kicking, __ATOMIC_ACQUIRE))
		ivi_relax(n++);
	iv_event_unregister(&w->kick);
	if (iv_timer_registered(&w->timer))
		iv_timer_unregister(&w->timer);
	ivi_work_set_worker(NULL);
}

/* The last it does.  The owner may destroy the pool once unlocked. */
static void worker_leave(void *_w)
{
	struct ivi_worker *w = _w;
	struct ivi_pool *p = w->pool;

	if (w->ready)
		worker_close(w);
	ivi_pool_lock(p);
	worker_arrive(w);
	iv_list_del(&w->all);
	p->workers--;
	p->failed |= !w->ready;
	p->wanted = true;
	if (!p->orphaned)
		iv_event_post(&p->news);
	ivi_pool_unlock(p);
	ivi_pool_unref(p);
	ivi_free(w);
}

static void worker_stop(void *_w)
{
	struct ivi_worker *w = _w;
	struct ivi_pool *p = w->pool;
	struct ivi_work *e = w->current;

	worker_at(w, NULL);
	worker_hand_in(w, e);
	if (p->thread_stop != NULL)
		p->thread_stop(p->cookie);
}

static void worker_run(struct ivi_worker *w)
{
	struct ivi_pool *p = w->pool;

	pthread_cleanup_push(worker_stop, w);
	if (p->thread_start != NULL)
		p->thread_start(p->cookie);
	iv_event_post(&w->kick);
	do {
		/* Again, if a work function has called iv_quit(). */
		iv_main();
	} while (!w->ending);
	pthread_cleanup_pop(1);
}

static void worker_main(void *_w)
{
	struct ivi_worker *w = _w;

	pthread_cleanup_push(worker_leave, w);
	worker_prepare(w);
	if (w->ready)
		worker_run(w);
	pthread_cleanup_pop(1);
	if (iv_inited())
		iv_deinit();
}

/* ---- For the owner ------------------------------------------------------------------------ */

static struct ivi_worker *worker_new(struct ivi_pool *p)
{
	struct ivi_worker *w = ivi_alloc_zeroed(sizeof(*w));

	if (w == NULL)
		return NULL;
	w->pool = p;
	INIT_IV_LIST_HEAD(&w->idle);
	w->kick.cookie = w;
	w->kick.handler = worker_kicked;
	IV_TIMER_INIT(&w->timer);
	w->timer.cookie = w;
	w->timer.handler = worker_timer;

	__atomic_add_fetch(&p->refs, 1, __ATOMIC_RELAXED);
	ivi_pool_lock(p);
	iv_list_add(&w->all, &p->all);
	p->workers++;
	p->starting++;
	ivi_pool_unlock(p);
	return w;
}

static void worker_free(struct ivi_worker *w)
{
	struct ivi_pool *p = w->pool;

	ivi_pool_lock(p);
	worker_arrive(w);
	iv_list_del(&w->all);
	p->workers--;
	ivi_pool_unlock(p);
	ivi_pool_unref(p);
	ivi_free(w);
}

int ivi_worker_start(struct ivi_pool *p)
{
	struct ivi_worker *w = worker_new(p);
	char name[64];

	if (w == NULL)
		return -1;
	snprintf(name, sizeof(name), "iv_work pool %p worker %p",
		 (void *)p, (void *)w);
	if (iv_thread_create(name, worker_main, w) == 0)
		return 0;
	worker_free(w);
	return -1;
}

void ivi_worker_forked(struct ivi_worker *w)
{
	struct ivi_pool *p = w->pool;

	ivi_pool_forked(p);
	INIT_IV_LIST_HEAD(&w->idle);
	iv_list_add(&w->all, &p->all);
	p->workers = 1;
	w->arrived = true;
	w->kicking = 0;
}
