/* SPDX-License-Identifier: MIT */
/*
 * work_pool.c - what the owner of a work pool and its workers do both.
 *
 * A worker with nothing to do waits in its own loop, on the list `idle'.
 * Whoever takes one off that list owes it a post of `kick', and is counted in
 * `kicking' until it is out of that call; by then the worker may be idle
 * again.  A new item calls one idle worker, unless one that was called has
 * not arrived yet: that one will call the next when it finds more than it can
 * do.  So a burst of items wakes as many workers as it can keep busy, and
 * costs the owner one system call.
 *
 * Who is about to post `news' without the lock is counted in `posting' from
 * before it fills `done', or sets `wanted', until it is out of that call: an
 * owner who has closed the one and set `orphaned' waits for that.
 */
#include "mod/work.h"
#include "sys/race.h"

#define ALIGNMENT	64	/* of a cache line */

/* Items that completions submit before the owner calls a worker. */
#define WITHHOLD	16

struct ivi_pool *ivi_pool_new(const struct iv_work_pool *pool)
{
	void *memory = ivi_alloc_zeroed(sizeof(struct ivi_pool) + ALIGNMENT - 1);
	struct ivi_pool *p;
	int ret;

	if (memory == NULL)
		return NULL;
	p = (struct ivi_pool *)(((uintptr_t)memory + ALIGNMENT - 1) &
				~(uintptr_t)(ALIGNMENT - 1));
	ret = ivi_mutex_init(&p->lock);
	if (ret < 0) {
		ivi_free(memory);
		errno = -ret;
		return NULL;
	}
	p->memory = memory;
	p->name = pool;
	p->cookie = pool->cookie;
	p->thread_start = pool->thread_start;
	p->thread_stop = pool->thread_stop;
	p->refs = 2;
	INIT_IV_LIST_HEAD(&p->idle);
	INIT_IV_LIST_HEAD(&p->all);
	ivi_worklist_init(&p->ready);
	ivi_workq_init(&p->queue);
	ivi_waiters_init(&p->current);
	ivi_waiters_init(&p->later);
	return p;
}

void ivi_pool_unref(struct ivi_pool *p)
{
	ivi_race_release(p);
	if (__atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	ivi_race_acquire(p);
	pthread_mutex_destroy(&p->lock);
	p->magic = 0;
	ivi_free(p->memory);
}

/* ---- Calling workers ---------------------------------------------------------- */

static struct ivi_worker *take_idle(struct ivi_pool *p)
{
	struct ivi_worker *w = iv_container_of(p->idle.next,
					       struct ivi_worker, idle);

	if (iv_list_empty(&p->idle))
		return NULL;
	iv_list_del_init(&w->idle);
	__atomic_add_fetch(&w->kicking, 1, __ATOMIC_RELAXED);
	return w;
}

struct ivi_worker *ivi_pool_call(struct ivi_pool *p)
{
	if (p->called != NULL || iv_list_empty(&p->idle) ||
	    ivi_workq_length(&p->queue) == 0)
		return NULL;
	p->called = take_idle(p);
	return p->called;
}

bool ivi_pool_lacks_worker(const struct ivi_pool *p)
{
	return p->workers < p->max_threads && iv_list_empty(&p->idle) &&
	       ivi_workq_length(&p->queue) > 0;
}

bool ivi_pool_wants_worker(const struct ivi_pool *p)
{
	return p->called == NULL && p->starting == 0 &&
	       ivi_pool_lacks_worker(p);
}

void ivi_worker_kick(struct ivi_worker *w)
{
	if (w == NULL)
		return;
	iv_event_post(&w->kick);
	__atomic_sub_fetch(&w->kicking, 1, __ATOMIC_RELEASE);
}

void ivi_pool_kick_all(struct ivi_pool *p)
{
	struct ivi_worker *w;

	do {
		ivi_pool_lock(p);
		w = take_idle(p);
		ivi_pool_unlock(p);
		ivi_worker_kick(w);
	} while (w != NULL);
}

/* ---- There and back -------------------------------------------------------------- */

static void probe(struct ivi_pool *p)
{
	if (p->probing)
		return;
	p->probing = true;
	p->probe = p->queue.tail + p->queue.resting;
	p->since = ivi_clock_ns();
}

/*
 * While completions follow each other, the owner calls nobody for the first
 * few items that they submit: a worker that runs dry again after each of them
 * costs more than it does.  He calls at the end, in pool_tend(), at the latest,
 * or the task `rest' does.
 */
static bool withhold(struct ivi_pool *p)
{
	return p->ready.first != NULL && ++p->withheld % WITHHOLD != 0;
}

bool ivi_pool_submit(struct ivi_pool *p, struct ivi_work *e,
		     const struct ivi_worker *from)
{
	struct ivi_worker *w = NULL;
	bool lacking = false;
	unsigned phase;

	ivi_race_release(e);
	ivi_probe2(work__queue, ivi_work_pub(e), p->name);
	ivi_pool_lock(p);
	if (!p->orphaned) {
		phase = from != NULL && from->current != NULL ?
			ivi_work_phase(from->current) : p->phase;
		e->mark |= phase;
		p->begun[phase]++;
		if (p->timed)
			probe(p);
		ivi_workq_add(&p->queue, e);
		if (iv_list_empty(&p->idle))
			lacking = ivi_pool_lacks_worker(p);
		else if (from != NULL || !withhold(p))
			w = ivi_pool_call(p);
	} else {
		ivi_work_leave(e);
	}
	ivi_pool_unlock(p);
	ivi_worker_kick(w);
	return lacking;
}

static void count_in(struct ivi_pool *p)
{
	__atomic_add_fetch(&p->posting, 1, __ATOMIC_SEQ_CST);
}

static void count_out(struct ivi_pool *p)
{
	__atomic_sub_fetch(&p->posting, 1, __ATOMIC_RELEASE);
}

bool ivi_pool_hand_in(struct ivi_pool *p, struct ivi_work *e)
{
	struct ivi_work *old = ivi_workdone_top(&p->done);
	bool counted = false;

	ivi_race_release(e);
	do {
		if (old == NULL && !counted) {
			count_in(p);
			counted = true;
		}
	} while (old != IVI_WORKDONE_CLOSED &&
		 !ivi_workdone_push(&p->done, e, &old));
	if (counted && old != NULL)
		count_out(p);
	return old == NULL;
}

void ivi_pool_want(struct ivi_pool *p)
{
	p->wanted = true;
	count_in(p);
}

void ivi_pool_post(struct ivi_pool *p)
{
	iv_event_post(&p->news);
	count_out(p);
}

void ivi_pool_ask(struct ivi_pool *p)
{
	bool orphaned;

	ivi_pool_lock(p);
	orphaned = p->orphaned;
	if (!orphaned)
		ivi_pool_want(p);
	ivi_pool_unlock(p);
	if (!orphaned)
		ivi_pool_post(p);
}

/* ---- Times -------------------------------------------------------------------------- */

/* Items are begun in order, so the one in the probe has been when the head is
   past it. */
void ivi_pool_time_begin(struct ivi_pool *p, int64_t now)
{
	size_t head = __atomic_load_n(&p->queue.head, __ATOMIC_RELAXED);

	if (!p->probing || head - p->probe - 1 > SIZE_MAX / 2)
		return;
	p->probing = false;
	if (now - p->since > p->longest_wait)
		p->longest_wait = now - p->since;
}

void ivi_pool_time_end(struct ivi_pool *p, int64_t since, int64_t now)
{
	if (now - since > p->longest_run)
		p->longest_run = now - since;
}
