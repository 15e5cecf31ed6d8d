/* SPDX-License-Identifier: MIT */
/*
 * work.c - iv_work: pools of threads that work for a loop.
 *
 * What each loop knows of them, the items that are for no pool, and the public
 * functions.  A pool is a struct ivi_pool behind the user's: work.h.
 */
#include <stdlib.h>
#include "mod/work.h"

/* In each loop that has to do with work. */
struct state {
	struct iv_list_head	pools;	/* owned here */
	struct iv_list_head	limbo;	/* of these, destroyed but held */
	struct ivi_worker	*worker;	/* the thread is one */
	struct ivi_worklist	queue;	/* submitted to no pool */
	struct ivi_worklist	round;	/* and having its turn */
	struct iv_task	local;		/* works on that */
};

static struct state *state_of_caller(void);

/* ---- No pool --------------------------------------------------------------------- */

static void local_begin(struct state *s)
{
	if (!iv_task_registered(&s->local))
		iv_task_register(&s->local);
}

/* A round of what was submitted to no pool.  If a completion does not return,
   the next one goes on with it. */
static void local_round(void *_s)
{
	struct state *s = _s;
	struct ivi_work *e;

	ivi_worklist_append(&s->round, &s->queue);
	while ((e = ivi_worklist_take(&s->round)) != NULL) {
		struct iv_work_item *item = ivi_work_pub(e);

		if (s->round.first != NULL)
			local_begin(s);
		ivi_work_do(e);
		ivi_work_leave(e);
		item->completion(item->cookie);
	}
	if (s->queue.first == NULL && iv_task_registered(&s->local))
		iv_task_unregister(&s->local);
}

static struct state *local_state(const char *fn)
{
	struct state *s;

	ivi_require_loop(fn);
	s = state_of_caller();
	if (s == NULL)
		iv_fatal("%s: %s", fn, ivi_errname(errno));
	return s;
}

static void local_submit(const char *fn, struct iv_work_item *item)
{
	struct state *s = local_state(fn);

	ivi_worklist_add(&s->queue, ivi_work_enter(fn, item));
	local_begin(s);
}

bool ivi_work_local_cancel(const char *fn, struct ivi_work *e)
{
	struct state *s = local_state(fn);

	if (!ivi_worklist_remove(&s->queue, e) &&
	    !ivi_worklist_remove(&s->round, e))
		return false;
	ivi_work_leave(e);
	return true;
}

/* ---- Per loop -------------------------------------------------------------------- */

static int state_init(void *_s)
{
	struct state *s = _s;

	INIT_IV_LIST_HEAD(&s->pools);
	INIT_IV_LIST_HEAD(&s->limbo);
	ivi_worklist_init(&s->queue);
	ivi_worklist_init(&s->round);
	IV_TASK_INIT(&s->local);
	s->local.cookie = s;
	s->local.handler = local_round;
	return 0;
}

static struct ivi_pool *first_pool(const struct iv_list_head *list)
{
	return iv_list_empty(list) ? NULL :
	       iv_container_of(list->next, struct ivi_pool, pools);
}

static void state_fini(void *_s)
{
	struct state *s = _s;
	struct ivi_pool *p;

	while ((p = first_pool(&s->pools)) != NULL)
		ivi_pool_orphan(p);
	while ((p = first_pool(&s->limbo)) != NULL) {
		iv_list_del(&p->pools);
		ivi_pool_unref(p);
	}
	ivi_work_leave_all(&s->queue);
	ivi_work_leave_all(&s->round);
	if (iv_task_registered(&s->local))
		iv_task_unregister(&s->local);
}

static void state_forked(void *_s)
{
	struct state *s = _s;
	struct iv_list_head *lh;

	iv_list_for_each (lh, &s->pools)
		ivi_pool_forked(iv_container_of(lh, struct ivi_pool, pools));
	if (s->worker != NULL)
		ivi_worker_forked(s->worker);
}

/* Inherited pools do nothing any more, and do not keep the loop running. */
static void state_renew(void *_s)
{
	struct state *s = _s;
	struct iv_list_head *lh, *lh2;

	iv_list_for_each_safe (lh, lh2, &s->pools) {
		struct ivi_pool *p = iv_container_of(lh, struct ivi_pool,
						     pools);

		if (p->orphaned)
			ivi_pool_orphan(p);
	}
}

static void state_abandon(void *_s)
{
	struct state *s = _s;
	struct ivi_pool *p;

	iv_list_splice_init(&s->limbo, &s->pools);
	while ((p = first_pool(&s->pools)) != NULL) {
		iv_list_del(&p->pools);
		ivi_waiters_drop(p);
		ivi_pool_unref(p);
	}
}

static void state_dump(void *_s, int fd)
{
	struct state *s = _s;
	const struct iv_list_head *lh;

	iv_list_for_each (lh, &s->pools)
		ivi_pool_dump(iv_container_of(lh, struct ivi_pool, pools), fd);
}

static const struct ivi_slot slot = {
	.index	= IVI_SLOT_WORK,
	.size	= sizeof(struct state),
	.init	= state_init,
	.fini	= state_fini,
	.forked	= state_forked,
	.renew	= state_renew,
	.abandon = state_abandon,
	.dump	= state_dump,
};

static struct state *state_of_caller(void)
{
	return ivi_slot_get(&slot);
}

int ivi_work_set_worker(struct ivi_worker *w)
{
	struct state *s = state_of_caller();

	if (s == NULL)
		return -1;
	s->worker = w;
	return 0;
}

void ivi_work_limbo(struct ivi_pool *p)
{
	iv_list_add_tail(&p->pools, &state_of_caller()->limbo);
}

/* ---- Public structs ---------------------------------------------------------------- */

#define MAGIC	UINT32_C(0x77706f6c)

/*
 * `priv' of a pool is the address of ours, which has its lowest bits 0, with
 * others in place of these.  Where addresses have 64 bits, processors give
 * those from the 48th to the 55th one no meaning of their own, and no program
 * of today is so large: together they tell what was never created.
 */
#define SEAL	((uintptr_t)0x29)
#define SEALED	((uintptr_t)63 | (uintptr_t)((UINT64_C(0xff) << 48) & UINTPTR_MAX))

static void *sealed(struct ivi_pool *p)
{
	return (void *)((uintptr_t)p | SEAL);
}

static void check_pool(const char *fn, const struct iv_work_pool *pool)
{
	if (pool == NULL)
		iv_fatal("%s: iv_work_pool is NULL", fn);
}

static struct ivi_pool *pool_of(const char *fn, const struct iv_work_pool *pool)
{
	uintptr_t priv = (uintptr_t)pool->priv;
	struct ivi_pool *p = (struct ivi_pool *)(priv & ~SEAL);

	if (priv == 0)
		iv_fatal("%s: iv_work_pool %p has been put or was never "
			 "created", fn, (const void *)pool);
	if ((priv & SEALED) != SEAL || p->magic != MAGIC)
		iv_fatal("%s: iv_work_pool %p was never created, or has been "
			 "overwritten", fn, (const void *)pool);
	return p;
}

struct ivi_pool *ivi_work_own_pool(const char *fn,
				   const struct iv_work_pool *pool)
{
	struct ivi_pool *p;

	check_pool(fn, pool);
	p = pool_of(fn, pool);
	if (p->owner != ivi_self())
		iv_fatal("%s: iv_work_pool %p belongs to another thread or "
			 "loop", fn, (const void *)pool);
	if (p->generation != ivi_fork_generation())
		iv_fatal("%s: iv_work_pool %p has no threads in a forked "
			 "child", fn, (const void *)pool);
	if (p->orphaned)
		iv_fatal("%s: iv_work_pool %p has lost its loop", fn,
			 (const void *)pool);
	return p;
}

static void set_max_threads(struct ivi_pool *p, const struct iv_work_pool *pool)
{
	int max = pool->max_threads > 0 ? pool->max_threads : 1;

	if (max == p->max_threads)
		return;
	ivi_pool_lock(p);
	p->max_threads = max;
	ivi_pool_unlock(p);
}

/* ---- Public ---------------------------------------------------------------------- */

IVI_PUBLIC int iv_work_pool_create(struct iv_work_pool *pool)
{
	static const char fn[] = "iv_work_pool_create";
	struct state *s;
	struct ivi_pool *p;

	ivi_require_loop(fn);
	check_pool(fn, pool);
	s = state_of_caller();
	p = s != NULL ? ivi_pool_new(pool) : NULL;
	if (p == NULL)
		return -1;
	if (ivi_pool_open(p) < 0) {
		p->refs = 1;
		ivi_pool_unref(p);
		return -1;
	}
	p->magic = MAGIC;
	p->generation = ivi_fork_generation();
	p->owner = ivi_self();
	set_max_threads(p, pool);
	iv_list_add_tail(&p->pools, &s->pools);
	pool->priv = sealed(p);
	return 0;
}

static void pool_close(struct ivi_pool *p)
{
	ivi_pool_lock(p);
	p->put = true;
	ivi_pool_unlock(p);
	ivi_pool_kick_all(p);
	ivi_pool_tend(p);
}

IVI_PUBLIC void iv_work_pool_put(struct iv_work_pool *pool)
{
	static const char fn[] = "iv_work_pool_put";
	struct ivi_pool *p;

	check_pool(fn, pool);
	ivi_fork_notice();
	p = pool_of(fn, pool);
	if (!p->orphaned) {
		ivi_work_own_pool(fn, pool);
		set_max_threads(p, pool);
		pool_close(p);
	}
	pool->priv = NULL;
	ivi_pool_unref(p);
}

static void submit(const char *fn, const struct iv_work_pool *pool,
		   struct iv_work_item *item)
{
	struct ivi_pool *p;

	if (pool == NULL) {
		local_submit(fn, item);
		return;
	}
	p = ivi_work_own_pool(fn, pool);
	set_max_threads(p, pool);
	if (ivi_pool_submit(p, ivi_work_enter(fn, item), NULL))
		ivi_pool_staff(p);
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
	struct ivi_worker *w = s != NULL ? s->worker : NULL;

	if (pool == NULL || w == NULL || w->pool->name != pool)
		submit(fn, pool, item);
	else if (ivi_pool_submit(w->pool, ivi_work_enter(fn, item), w))
		ivi_pool_ask(w->pool);
}
