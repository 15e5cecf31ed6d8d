/* SPDX-License-Identifier: MIT */
/*
 * work.c - iv_work: pools of threads that work for a loop.
 *
 * Items are submitted to `inbox', a stack that is only ever taken as a whole,
 * wait in `queue' for a worker and then in `done' for the owner, whom `news'
 * tells of the first one there.  From the inbox on they move under the pool's
 * lock, which is not held while user code runs nor, but for a worker's last
 * post, during a system call.
 *
 * `care' says whether one more item could take one more worker.  If not, every
 * worker there may be is at work or on its way, and will look into the inbox
 * before it parks: who submits leaves it at that, and does not take the lock.
 * He pushes and then looks at `care'; a worker sets `care' and then looks into
 * the inbox.  All four are sequentially consistent, so at least one sees the
 * other.
 *
 * A worker with nothing to do waits in its own loop, on the list `idle'.
 * Whoever takes one off that list owes it a post of `kick', and is counted in
 * `kicking' until it is out of that call; by then the worker may be idle
 * again.  A new item calls one idle worker, unless one that was called has
 * not arrived yet: that one will call the next when it finds more than it can
 * do.  So a burst of items wakes as many workers as it can keep busy, and
 * costs the owner one system call.
 *
 * Lifetime: the owner destroys the pool when it has been put, no worker is
 * left and both queues are empty.  If the owner's loop goes first, the pool
 * is orphaned: queued items are dropped, and each worker ends after the item
 * it is at, which it then leaves alone.  A worker that is about to post
 * `news' without the lock says so in `posting'; the owner waits for that.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <iv_event.h>
#include <iv_list.h>
#include <iv_thread.h>
#include <iv_work.h>
#include "base/compiler.h"
#include "sys/sys.h"

/* Seconds after which an idle worker ends. */
#define IDLE_TIME	10

/* Items after which a worker's loop has its turn. */
#define BATCH		64

/* In the private members of struct iv_work_item. */
struct IVI_ALIAS entry {
	struct entry	*next;
	uintptr_t	mark;		/* mark_of() while submitted */
};

IVI_OVERLAY(iv_work_item, list, entry)

struct queue {
	struct entry	*first;
	struct entry	**end;
};

struct pool {
	/* Fixed. */
	const struct iv_work_pool	*name;	/* only for comparison */
	const struct ivi_loop	*owner;
	unsigned	generation;	/* of forks */
	void	*cookie;
	void	(*thread_start)(void *cookie);
	void	(*thread_stop)(void *cookie);

	/* The owner's. */
	struct iv_list_head	pools;	/* in struct state */
	struct iv_event	news;		/* posted by workers */
	struct iv_task	by_owner;	/* work that no worker can do */
	unsigned	busy;		/* handlers in progress */

	struct entry	*inbox;	/* atomic: submitted, the last one first */
	int	care;		/* atomic, written under lock */
	int	refs;		/* atomic: loop, user until put, workers */

	/* Under lock. */
	pthread_mutex_t	lock;
	int	max_threads;	/* written by the owner */
	struct queue	queue;
	struct queue	done;
	struct iv_list_head	idle;	/* the last one parked first */
	struct iv_list_head	all;
	struct worker	*called;	/* and not arrived yet */
	int	workers;	/* length of `all' */
	int	starting;	/* of these, how many have not arrived yet */
	bool	wanted;		/* the queue may need the owner */
	bool	failed;		/* a worker could not get ready */
	bool	put;
	bool	orphaned;	/* written by the owner */
};

struct worker {
	struct pool	*pool;
	struct iv_list_head	all;	/* in pool->all */
	struct iv_list_head	idle;	/* in pool->idle, or empty */
	bool	arrived;	/* under lock: has looked for work */
	int	kicking;	/* atomic: posts of kick that are owed */
	int	posting;	/* atomic: it is posting pool->news */

	/* Its own. */
	struct iv_event	kick;
	struct iv_timer	timer;
	struct timespec	idle_since;
	struct entry	*current;	/* being worked on */
	bool	ending;
};

/* In each loop that has to do with work. */
struct state {
	struct iv_list_head	pools;	/* owned here */
	struct worker	*worker;	/* the thread is one */
	struct queue	queue;		/* submitted to no pool */
	struct iv_task	local;		/* works on that */
};

static struct state *state_of_caller(void);

/* ---- Items ---------------------------------------------------------------- */

/*
 * An entry that has not been submitted yet may contain garbage or be a copy
 * of one that has: the mark tells them apart.
 */
static uintptr_t mark_of(const struct entry *e)
{
	return (uintptr_t)e ^ (uintptr_t)0x9e3779b97f4a7c15;
}

static struct entry *entry_enter(const char *fn, struct iv_work_item *item)
{
	struct entry *e = entry(item);

	if (item == NULL)
		iv_fatal("%s: iv_work_item is NULL", fn);
	if (item->work == NULL || item->completion == NULL)
		iv_fatal("%s: iv_work_item %p has no %s function", fn,
			 (void *)item,
			 item->work == NULL ? "work" : "completion");
	if (e->mark == mark_of(e))
		iv_fatal("%s: iv_work_item %p is already queued", fn,
			 (void *)item);
	e->mark = mark_of(e);
	return e;
}

/* From here on the entry is the user's again.  The next one of its list. */
static struct entry *entry_leave(struct entry *e)
{
	struct entry *next = e->next;

	e->mark = 0;
	return next;
}

static void entry_work(struct entry *e)
{
	struct iv_work_item *item = entry_pub(e);

	item->work(item->cookie);
	iv_invalidate_now();
}

static struct entry *entry_complete(struct entry *e)
{
	struct iv_work_item *item = entry_pub(e);

	e = entry_leave(e);
	item->completion(item->cookie);
	return e;
}

static void queue_init(struct queue *q)
{
	q->first = NULL;
	q->end = &q->first;
}

static void queue_add(struct queue *q, struct entry *e)
{
	e->next = NULL;
	*q->end = e;
	q->end = &e->next;
}

static struct entry *queue_take(struct queue *q)
{
	struct entry *e = q->first;

	if (e != NULL)
		q->first = e->next;
	if (q->first == NULL)
		q->end = &q->first;
	return e;
}

static struct entry *queue_take_all(struct queue *q)
{
	struct entry *e = q->first;

	queue_init(q);
	return e;
}

static void queue_drop(struct queue *q)
{
	struct entry *e = queue_take_all(q);

	while (e != NULL)
		e = entry_leave(e);
}

/* ---- Pools: for owner and workers ------------------------------------------- */

static void pool_lock(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
}

/* Under lock: writes `care', and returns it. */
static bool pool_publish(struct pool *p)
{
	int care = iv_list_empty(&p->idle) ? p->workers < p->max_threads :
					     p->called == NULL;

	care |= p->orphaned;
	if (care != __atomic_load_n(&p->care, __ATOMIC_RELAXED))
		__atomic_store_n(&p->care, care, __ATOMIC_SEQ_CST);
	return care;
}

static void pool_unlock(struct pool *p)
{
	pool_publish(p);
	pthread_mutex_unlock(&p->lock);
}

/* Under lock: moves what has been submitted to the queue, in order. */
static void pool_collect(struct pool *p)
{
	struct entry *e, *next, *first = NULL, **end;

	if (__atomic_load_n(&p->inbox, __ATOMIC_SEQ_CST) == NULL)
		return;
	e = __atomic_exchange_n(&p->inbox, NULL, __ATOMIC_ACQUIRE);
	end = &e->next;
	for (; e != NULL; e = next) {
		next = e->next;
		e->next = first;
		first = e;
	}
	*p->queue.end = first;
	p->queue.end = end;
	if (p->orphaned)
		queue_drop(&p->queue);
}

static void pool_push(struct pool *p, struct entry *e)
{
	e->next = __atomic_load_n(&p->inbox, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&p->inbox, &e->next, e, true,
					    __ATOMIC_SEQ_CST,
					    __ATOMIC_RELAXED))
		;
}

static void pool_free(struct pool *p)
{
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static void pool_unref(struct pool *p)
{
	if (__atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL) == 0)
		pool_free(p);
}

/* Under lock, as the next two. */
static struct worker *pool_take_idle(struct pool *p)
{
	struct worker *w = iv_container_of(p->idle.next, struct worker, idle);

	if (iv_list_empty(&p->idle))
		return NULL;
	iv_list_del_init(&w->idle);
	__atomic_add_fetch(&w->kicking, 1, __ATOMIC_RELAXED);
	return w;
}

/* The worker to kick() now, or NULL. */
static struct worker *pool_call(struct pool *p)
{
	if (p->queue.first == NULL || p->called != NULL)
		return NULL;
	p->called = pool_take_idle(p);
	return p->called;
}

/* True if one more could be started for what is queued. */
static bool pool_lacks_worker(const struct pool *p)
{
	return p->queue.first != NULL && iv_list_empty(&p->idle) &&
	       p->workers < p->max_threads;
}

/* The same, unless somebody is on the way, who will ask again. */
static bool pool_wants_worker(const struct pool *p)
{
	return p->called == NULL && p->starting == 0 && pool_lacks_worker(p);
}

/* Pays what a worker taken off the idle list is owed. */
static void kick(struct worker *w)
{
	if (w == NULL)
		return;
	iv_event_post(&w->kick);
	__atomic_sub_fetch(&w->kicking, 1, __ATOMIC_RELEASE);
}

static void pool_kick_all(struct pool *p)
{
	struct worker *w;

	do {
		pool_lock(p);
		w = pool_take_idle(p);
		pool_unlock(p);
		kick(w);
	} while (w != NULL);
}

/* True if a worker should be started for it. */
static bool pool_submit(struct pool *p, struct entry *e)
{
	struct worker *w;
	bool lacking;

	pool_push(p, e);
	if (!__atomic_load_n(&p->care, __ATOMIC_SEQ_CST))
		return false;
	pool_lock(p);
	pool_collect(p);
	w = pool_call(p);
	lacking = w == NULL && pool_lacks_worker(p);
	pool_unlock(p);
	kick(w);
	return lacking;
}

/* ---- Workers: in their own threads ------------------------------------------- */

/*
 * Under lock: hands E in, or if that is NULL, a wish for a worker.  True if
 * the caller must post_news(), after unlocking.
 */
static bool report(struct worker *w, struct entry *e)
{
	struct pool *p = w->pool;
	bool first = p->done.first == NULL;

	if (p->orphaned)
		return false;
	if (e != NULL)
		queue_add(&p->done, e);
	else
		p->wanted = first = true;
	if (first)
		__atomic_store_n(&w->posting, 1, __ATOMIC_RELAXED);
	return first;
}

static void post_news(struct worker *w)
{
	iv_event_post(&w->pool->news);
	__atomic_store_n(&w->posting, 0, __ATOMIC_RELEASE);
}

static void worker_report(struct worker *w, struct entry *e)
{
	bool post;

	pool_lock(w->pool);
	post = report(w, e);
	pool_unlock(w->pool);
	if (post)
		post_news(w);
}

/* Under lock: nobody waits for it any more. */
static void worker_arrive(struct worker *w)
{
	struct pool *p = w->pool;

	if (p->called == w)
		p->called = NULL;
	if (!w->arrived)
		p->starting--;
	w->arrived = true;
}

/* Under lock.  NULL: nothing to do; the worker has parked or is to end. */
static struct entry *worker_take(struct worker *w)
{
	struct pool *p = w->pool;
	struct entry *e;

	if (p->queue.first == NULL)
		pool_collect(p);
	e = queue_take(&p->queue);
	if (e == NULL && (p->put || p->orphaned))
		w->ending = true;
	else if (e == NULL)
		iv_list_add(&w->idle, &p->idle);
	if (!pool_publish(p))
		return e;
	pool_collect(p);
	if (iv_list_empty(&w->idle) || p->queue.first == NULL)
		return e;
	iv_list_del_init(&w->idle);
	return queue_take(&p->queue);
}

/* Hands in what was done, if anything, for the next thing to do. */
static struct entry *worker_next(struct worker *w, struct entry *done)
{
	struct pool *p = w->pool;
	struct worker *other;
	struct entry *e;
	bool post;

	pool_lock(p);
	post = done != NULL && report(w, done);
	worker_arrive(w);
	e = worker_take(w);
	other = pool_call(p);
	if (done == NULL && pool_wants_worker(p))
		post = report(w, NULL);
	pool_unlock(p);
	if (post)
		post_news(w);
	kick(other);
	return e;
}

static void worker_kicked(void *_w)
{
	struct worker *w = _w;
	struct entry *e = NULL;
	int n;

	for (n = 0; n < BATCH; n++) {
		e = worker_next(w, e);
		if (e == NULL)
			break;
		w->current = e;
		entry_work(e);
		w->current = NULL;
	}
	if (e != NULL) {
		worker_report(w, e);
		iv_event_post(&w->kick);
	} else if (w->ending) {
		iv_quit();
	} else {
		w->idle_since = iv_now;
	}
}

/* True if it was idle: nobody has called it, nor can any more. */
static bool worker_unpark(struct worker *w)
{
	bool idle;

	pool_lock(w->pool);
	idle = !iv_list_empty(&w->idle);
	iv_list_del_init(&w->idle);
	pool_unlock(w->pool);
	return idle;
}

static bool idle_enough(const struct worker *w)
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
	struct worker *w = _w;

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

/* The last a worker does.  The owner may destroy the pool once unlocked. */
static void worker_leave(struct worker *w, bool failed)
{
	struct pool *p = w->pool;

	pool_lock(p);
	worker_arrive(w);
	pool_collect(p);
	iv_list_del(&w->all);
	p->workers--;
	p->failed |= failed;
	p->wanted = true;
	if (!p->orphaned)
		iv_event_post(&p->news);
	pool_unlock(p);
	pool_unref(p);
	free(w);
}

/* Also called when user code ends the thread by pthread_exit(3). */
static void worker_stop(void *_w)
{
	struct worker *w = _w;
	struct pool *p = w->pool;
	unsigned n = 0;

	if (w->current != NULL)
		worker_report(w, w->current);
	if (p->thread_stop != NULL)
		p->thread_stop(p->cookie);
	worker_unpark(w);
	while (__atomic_load_n(&w->kicking, __ATOMIC_ACQUIRE))
		ivi_relax(n++);
	iv_event_unregister(&w->kick);
	if (iv_timer_registered(&w->timer))
		iv_timer_unregister(&w->timer);
	state_of_caller()->worker = NULL;
	worker_leave(w, false);
}

static int worker_prepare(struct worker *w)
{
	struct state *s = state_of_caller();

	if (s == NULL || iv_event_register(&w->kick) < 0)
		return -1;
	s->worker = w;
	w->idle_since = iv_now;
	worker_timer(w);
	return 0;
}

static void worker_run(struct worker *w)
{
	struct pool *p = w->pool;

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
	struct worker *w = _w;

	if (ivi_init() < 0) {
		worker_leave(w, true);
		return;
	}
	if (worker_prepare(w) == 0)
		worker_run(w);
	else
		worker_leave(w, true);
	iv_deinit();
}

/* ---- The owner ----------------------------------------------------------------- */

static struct worker *worker_new(struct pool *p)
{
	struct worker *w = calloc(1, sizeof(*w));

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
	pool_lock(p);
	iv_list_add(&w->all, &p->all);
	p->workers++;
	p->starting++;
	pool_unlock(p);
	return w;
}

static void worker_free(struct worker *w)
{
	struct pool *p = w->pool;

	pool_lock(p);
	worker_arrive(w);
	iv_list_del(&w->all);
	p->workers--;
	pool_unlock(p);
	pool_unref(p);
	free(w);
}

static int worker_start(struct pool *p)
{
	struct worker *w = worker_new(p);
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

/*
 * Starts a worker for what is queued.  If there is none and there can be
 * none, the owner does the work, an item in each turn of its loop.
 */
static void pool_staff(struct pool *p)
{
	bool alone, failed;

	pool_lock(p);
	failed = p->failed;
	p->failed = false;
	alone = p->workers == 0;
	pool_unlock(p);
	if (!failed && worker_start(p) == 0)
		return;
	if (alone && !iv_task_registered(&p->by_owner))
		iv_task_register(&p->by_owner);
}

static void pool_destroy(struct pool *p)
{
	iv_list_del(&p->pools);
	iv_event_unregister(&p->news);
	if (iv_task_registered(&p->by_owner))
		iv_task_unregister(&p->by_owner);
	pool_unref(p);
}

/* Does what workers left to the owner, and destroys a pool that is done. */
static void pool_tend(struct pool *p)
{
	struct worker *w;
	bool lacking, gone;

	pool_lock(p);
	pool_collect(p);
	w = pool_call(p);
	lacking = p->wanted && pool_wants_worker(p);
	p->wanted = false;
	gone = p->put && p->busy == 0 && p->workers == 0 &&
	       p->queue.first == NULL && p->done.first == NULL;
	pool_unlock(p);
	kick(w);
	if (lacking)
		pool_staff(p);
	if (gone)
		pool_destroy(p);
}

static void pool_news(void *_p)
{
	struct pool *p = _p;
	struct entry *e;

	pool_lock(p);
	e = queue_take_all(&p->done);
	pool_unlock(p);
	p->busy++;
	while (e != NULL)
		e = entry_complete(e);
	p->busy--;
	pool_tend(p);
}

static void pool_by_owner(void *_p)
{
	struct pool *p = _p;
	struct entry *e;
	bool more;

	pool_lock(p);
	e = queue_take(&p->queue);
	more = p->queue.first != NULL;
	pool_unlock(p);
	if (more)
		pool_staff(p);
	if (e == NULL)
		return;
	p->busy++;
	entry_work(e);
	p->busy--;
	pool_lock(p);
	queue_add(&p->done, e);
	pool_unlock(p);
	iv_event_post(&p->news);
}

/* The owner's loop goes down. */
static void pool_orphan(struct pool *p)
{
	struct iv_list_head *lh;
	unsigned n = 0;

	pool_lock(p);
	p->orphaned = true;
	pool_collect(p);
	queue_drop(&p->queue);
	queue_drop(&p->done);
	iv_list_for_each (lh, &p->all) {
		struct worker *w = iv_container_of(lh, struct worker, all);

		while (__atomic_load_n(&w->posting, __ATOMIC_ACQUIRE))
			ivi_relax(n++);
	}
	pool_unlock(p);
	pool_kick_all(p);
	pool_destroy(p);
}

/* ---- Per loop -------------------------------------------------------------------- */

/* A round of what was submitted to no pool. */
static void local_round(void *_s)
{
	struct state *s = _s;
	struct entry *e = queue_take_all(&s->queue);

	while (e != NULL) {
		entry_work(e);
		e = entry_complete(e);
	}
}

static void local_submit(const char *fn, struct iv_work_item *item)
{
	struct state *s;

	ivi_require_loop(fn);
	s = state_of_caller();
	if (s == NULL)
		iv_fatal("%s: %s", fn, ivi_errname(errno));
	queue_add(&s->queue, entry_enter(fn, item));
	if (!iv_task_registered(&s->local))
		iv_task_register(&s->local);
}

static int state_init(void *_s)
{
	struct state *s = _s;

	INIT_IV_LIST_HEAD(&s->pools);
	queue_init(&s->queue);
	IV_TASK_INIT(&s->local);
	s->local.cookie = s;
	s->local.handler = local_round;
	return 0;
}

static void state_fini(void *_s)
{
	struct state *s = _s;

	while (!iv_list_empty(&s->pools))
		pool_orphan(iv_container_of(s->pools.next, struct pool,
					    pools));
	queue_drop(&s->queue);
	if (iv_task_registered(&s->local))
		iv_task_unregister(&s->local);
}

static const struct ivi_slot slot = {
	.index	= IVI_SLOT_WORK,
	.size	= sizeof(struct state),
	.init	= state_init,
	.fini	= state_fini,
};

static struct state *state_of_caller(void)
{
	return ivi_slot_get(&slot);
}

/* ---- Public ---------------------------------------------------------------------- */

static void check_pool(const char *fn, const struct iv_work_pool *pool)
{
	if (pool == NULL)
		iv_fatal("%s: iv_work_pool is NULL", fn);
}

/* The pool behind POOL, which the caller must own. */
static struct pool *own_pool(const char *fn, const struct iv_work_pool *pool)
{
	struct pool *p = pool->priv;

	if (p == NULL)
		iv_fatal("%s: iv_work_pool %p has been put or was never "
			 "created", fn, (const void *)pool);
	if (p->owner != ivi_self())
		iv_fatal("%s: iv_work_pool %p belongs to another thread or "
			 "loop", fn, (const void *)pool);
	if (p->orphaned)
		iv_fatal("%s: iv_work_pool %p has lost its loop", fn,
			 (const void *)pool);
	if (p->generation != ivi_fork_generation())
		iv_fatal("%s: iv_work_pool %p has no threads in a forked "
			 "child", fn, (const void *)pool);
	return p;
}

static void set_max_threads(struct pool *p, const struct iv_work_pool *pool)
{
	int max = pool->max_threads > 0 ? pool->max_threads : 1;

	if (max == p->max_threads)
		return;
	pool_lock(p);
	p->max_threads = max;
	pool_unlock(p);
}

static struct pool *pool_new(const struct iv_work_pool *pool)
{
	struct pool *p = calloc(1, sizeof(*p));
	int ret;

	if (p == NULL)
		return NULL;
	ret = ivi_mutex_init(&p->lock);
	if (ret < 0) {
		free(p);
		errno = -ret;
		return NULL;
	}
	p->name = pool;
	p->owner = ivi_self();
	p->generation = ivi_fork_generation();
	p->cookie = pool->cookie;
	p->thread_start = pool->thread_start;
	p->thread_stop = pool->thread_stop;
	p->news.cookie = p;
	p->news.handler = pool_news;
	IV_TASK_INIT(&p->by_owner);
	p->by_owner.cookie = p;
	p->by_owner.handler = pool_by_owner;
	p->refs = 2;
	queue_init(&p->queue);
	queue_init(&p->done);
	INIT_IV_LIST_HEAD(&p->idle);
	INIT_IV_LIST_HEAD(&p->all);
	set_max_threads(p, pool);
	return p;
}

IVI_PUBLIC int iv_work_pool_create(struct iv_work_pool *pool)
{
	static const char fn[] = "iv_work_pool_create";
	struct state *s;
	struct pool *p;

	ivi_require_loop(fn);
	check_pool(fn, pool);
	s = state_of_caller();
	if (s == NULL)
		return -1;
	p = pool_new(pool);
	if (p == NULL)
		return -1;
	if (iv_event_register(&p->news) < 0) {
		pool_free(p);
		return -1;
	}
	iv_list_add_tail(&p->pools, &s->pools);
	pool->priv = p;
	return 0;
}

static void pool_close(struct pool *p)
{
	pool_lock(p);
	p->put = true;
	pool_unlock(p);
	pool_kick_all(p);
	pool_tend(p);
}

IVI_PUBLIC void iv_work_pool_put(struct iv_work_pool *pool)
{
	static const char fn[] = "iv_work_pool_put";
	struct pool *p;

	check_pool(fn, pool);
	p = pool->priv;
	if (p == NULL || !p->orphaned) {
		p = own_pool(fn, pool);
		set_max_threads(p, pool);
		pool_close(p);
	}
	pool->priv = NULL;
	pool_unref(p);
}

static void submit(const char *fn, const struct iv_work_pool *pool,
		   struct iv_work_item *item)
{
	struct pool *p;

	if (pool == NULL) {
		local_submit(fn, item);
		return;
	}
	p = own_pool(fn, pool);
	set_max_threads(p, pool);
	if (pool_submit(p, entry_enter(fn, item)))
		pool_staff(p);
}

IVI_PUBLIC void iv_work_pool_submit_work(struct iv_work_pool *pool,
					 struct iv_work_item *item)
{
	submit("iv_work_pool_submit_work", pool, item);
}

IVI_PUBLIC void
iv_work_pool_submit_continuation(struct iv_work_pool *pool,
				 struct iv_work_item *item)
{
	static const char fn[] = "iv_work_pool_submit_continuation";
	const struct state *s = ivi_slot_peek(&slot);
	struct worker *w = s != NULL ? s->worker : NULL;

	if (pool == NULL || w == NULL || w->pool->name != pool)
		submit(fn, pool, item);
	else if (pool_submit(w->pool, entry_enter(fn, item)))
		worker_report(w, NULL);
}
