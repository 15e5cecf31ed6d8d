/* SPDX-License-Identifier: MIT */
/*
 * work_owner.c - what only the owner of a work pool does.
 *
 * He completes items, starts workers, and does the work himself if there can
 * be none.  He destroys the pool when it has been put, no worker is left and
 * all is completed.  If his loop goes first, the pool is orphaned: what is
 * queued is dropped, and each worker ends after the item it is at, which it
 * then leaves alone.
 *
 * User code may leave a completion by longjmp(3), or run the loop in it: an
 * item is off the list before it is completed, the others stay there, and the
 * task `rest', registered meanwhile, goes on with them.  Whatever of this file
 * calls user code holds the pool, whose memory then lasts until that returns
 * or the loop ends.
 */
#include <stdlib.h>
#include "mod/work.h"
#include "sys/race.h"

/* ---- Holding ------------------------------------------------------------------ */

/* True for the one that has to release it. */
static bool hold(struct ivi_pool *p)
{
	bool first = !p->held;

	p->held = true;
	return first;
}

static void release(struct ivi_pool *p, bool first)
{
	if (!first)
		return;
	p->held = false;
	if (p->destroyed) {
		iv_list_del(&p->pools);
		ivi_pool_unref(p);
	}
}

static void task_cancel(struct iv_task *t)
{
	if (iv_task_registered(t))
		iv_task_unregister(t);
}

static void pool_destroy(struct ivi_pool *p)
{
	iv_list_del(&p->pools);
	iv_event_unregister(&p->news);
	task_cancel(&p->rest);
	task_cancel(&p->by_owner);
	ivi_waiters_drop(p);
	p->destroyed = true;
	if (p->held)
		ivi_work_limbo(p);
	else
		ivi_pool_unref(p);
}

/* ---- Completing ------------------------------------------------------------------ */

static void complete(struct ivi_pool *p, struct ivi_work *e)
{
	struct iv_work_item *item = ivi_work_pub(e);

	ivi_race_acquire(e);
	p->ended[ivi_work_leave(e)]++;
	item->completion(item->cookie);
}

static void pool_news(void *_p)
{
	struct ivi_pool *p = _p;
	struct ivi_work *e;
	bool first = hold(p);

	ivi_workdone_take(&p->done, &p->ready, NULL);
	if (p->ready.first != NULL && p->ready.first->next != NULL &&
	    !iv_task_registered(&p->rest))
		iv_task_register(&p->rest);
	while ((e = ivi_worklist_take(&p->ready)) != NULL)
		complete(p, e);
	if (!p->destroyed) {
		task_cancel(&p->rest);
		ivi_pool_tend(p);
	}
	release(p, first);
}

/* ---- Staff -------------------------------------------------------------------------- */

/*
 * Starts a worker for what is queued.  If there is none and there can be
 * none, the owner does the work, an item in each turn of its loop.
 */
void ivi_pool_staff(struct ivi_pool *p)
{
	bool alone, failed;

	ivi_pool_lock(p);
	failed = p->failed;
	p->failed = false;
	alone = p->workers == 0;
	ivi_pool_unlock(p);
	if (!failed && ivi_worker_start(p) == 0)
		return;
	if (alone && !iv_task_registered(&p->by_owner))
		iv_task_register(&p->by_owner);
}

static void pool_by_owner(void *_p)
{
	struct ivi_pool *p = _p;
	struct ivi_work *e;
	bool more;

	ivi_pool_lock(p);
	e = ivi_workq_next(&p->queue);
	more = ivi_workq_length(&p->queue) > 0;
	ivi_pool_unlock(p);
	if (more)
		ivi_pool_staff(p);
	if (e == NULL)
		return;
	ivi_work_do(e);
	if (ivi_pool_hand_in(p, e))
		ivi_pool_post(p);
}

/* ---- Tending ------------------------------------------------------------------------- */

static bool is_over(struct ivi_pool *p)
{
	bool over;

	if (!p->put || ivi_waiters_any(p))
		return false;
	ivi_pool_lock(p);
	over = p->workers == 0 &&
	       p->begun[0] + p->begun[1] == p->ended[0] + p->ended[1];
	ivi_pool_unlock(p);
	return over;
}

/* Does what workers left to the owner, and destroys a pool that is done. */
void ivi_pool_tend(struct ivi_pool *p)
{
	struct ivi_worker *w;
	bool lacking, first = hold(p);

	ivi_pool_lock(p);
	w = ivi_pool_call(p);
	lacking = p->wanted && ivi_pool_wants_worker(p);
	p->wanted = false;
	ivi_pool_unlock(p);
	ivi_worker_kick(w);
	if (lacking)
		ivi_pool_staff(p);
	ivi_waiters_call(p);
	if (!p->destroyed && is_over(p))
		pool_destroy(p);
	release(p, first);
}

/* ---- Beginning and end ------------------------------------------------------------------ */

int ivi_pool_open(struct ivi_pool *p)
{
	p->news.cookie = p;
	p->news.handler = pool_news;
	IV_TASK_INIT(&p->rest);
	p->rest.cookie = p;
	p->rest.handler = pool_news;
	IV_TASK_INIT(&p->by_owner);
	p->by_owner.cookie = p;
	p->by_owner.handler = pool_by_owner;
	return iv_event_register(&p->news);
}

/* Under lock. */
static void drop_all(struct ivi_pool *p)
{
	struct ivi_work *e;

	while ((e = ivi_workq_next(&p->queue)) != NULL)
		ivi_work_leave(e);
	ivi_workdone_take(&p->done, &p->ready, IVI_WORKDONE_CLOSED);
	ivi_work_leave_all(&p->ready);
}

void ivi_pool_orphan(struct ivi_pool *p)
{
	unsigned n = 0;

	ivi_pool_lock(p);
	p->orphaned = true;
	drop_all(p);
	if (p->workers > 0)
		ivi_work_forget_all();
	ivi_pool_unlock(p);
	while (__atomic_load_n(&p->posting, __ATOMIC_ACQUIRE) != 0)
		ivi_relax(n++);
	ivi_pool_kick_all(p);
	pool_destroy(p);
}

/*
 * In a forked child, where no other thread is: nobody holds the lock, nobody
 * will post, there is no worker, and whoever had half changed a list does not
 * go on.  Items are the parent's, and are forgotten.  What is the owner's is
 * whole, since he does not fork in the midst of it.
 */
void ivi_pool_forked(struct ivi_pool *p)
{
	ivi_mutex_init(&p->lock);
	p->posting = 0;
	p->refs = p->put ? 1 : 2;
	p->orphaned = true;
	p->called = NULL;
	p->workers = p->starting = 0;
	INIT_IV_LIST_HEAD(&p->idle);
	INIT_IV_LIST_HEAD(&p->all);
	ivi_workq_init(&p->queue);
	ivi_worklist_init(&p->ready);
	p->done.top = IVI_WORKDONE_CLOSED;
}
