/* SPDX-License-Identifier: MIT */
/*
 * iv_work.h - pools of threads that work for a loop.
 *
 * A pool belongs to the thread that created it, its owner.  An item's work
 * runs in one of the pool's threads, its completion in the owner's loop
 * afterwards.  Every item submitted is completed exactly once, unless the
 * owner's loop is taken down first.  Since 0.29.
 */
#ifndef __IV_WORK_H
#define __IV_WORK_H

#include <iv.h>
#include <iv_list.h>

#ifdef __cplusplus
extern "C" {
#endif

struct iv_work_pool {
	int	max_threads;		/* may be changed by the owner until
					   iv_work_pool_put(); less than 1
					   counts as 1 */
	void	*cookie;		/* argument of the two below */
	void	(*thread_start)(void *cookie);	/* run in each new thread, */
	void	(*thread_stop)(void *cookie);	/* and before it ends; NULL:
						   nothing to do */
	void	*priv;			/* private */
};

struct iv_work_item {
	void	*cookie;		/* argument of the two below */
	void	(*work)(void *cookie);
	void	(*completion)(void *cookie);
	struct iv_list_head	list;	/* private */
};

/* Since 1.1.  More may be added at the end. */
struct iv_work_stats {
	unsigned long	queued;		/* items that have not been started */
	unsigned long	running;	/* items that a thread is at */
	unsigned long	done;		/* items completed so far */
	unsigned long	workers;	/* threads */
	struct timespec	longest_wait;	/* of an item that was to be started */
	struct timespec	longest_run;	/* of a work function */
};

static __inline__ void IV_WORK_POOL_INIT(struct iv_work_pool *pool)
{
	pool->thread_start = NULL;
	pool->thread_stop = NULL;
	pool->priv = NULL;
}

static __inline__ void IV_WORK_ITEM_INIT(struct iv_work_item *item)
{
	item->list.next = NULL;
	item->list.prev = NULL;
}

/*
 * Makes a pool owned by the calling thread, whose loop it keeps running
 * until it has been put and drained.  0, or -1 with errno (EAGAIN, EMFILE,
 * ENFILE, ENOMEM, ENOSPC).  Cookie and callbacks are taken over as they are
 * now.
 *
 * Threads are started on demand, up to max_threads, and end when they have
 * been idle for 10 seconds.  Each has a loop of its own, which runs between
 * batches of items; a work function may register objects in it, if they are
 * gone before the thread ends.  Work functions and thread callbacks run
 * without any lock, in several threads at once.
 */
int iv_work_pool_create(struct iv_work_pool *pool);

/*
 * Gives the pool up.  Returns at once, and the struct may be reused or
 * freed; what has been submitted is still completed, and the threads then
 * end.  Owner only, once, also from a completion.
 */
void iv_work_pool_put(struct iv_work_pool *pool);

/*
 * Has ITEM's work run by one of the pool's threads and then its completion
 * by the calling one, the owner.  Items are started in the order of
 * submission.  The item belongs to the pool until its completion is called,
 * which may submit it again or free it; submitting it before that is fatal.
 *
 * If no thread can be started, a thread that exists does the work, and if
 * there is none, the owner's own loop.
 *
 * With POOL NULL, work and completion are both run by the calling thread, as
 * a task; what is submitted meanwhile has its turn in the next round.
 */
void iv_work_pool_submit_work(struct iv_work_pool *pool,
			      struct iv_work_item *item);

/*
 * The same from a work function or thread callback running in a thread of
 * the pool, where POOL is only a name: the owner may have put it already.
 * Also from the owner, until it has put the pool.  Since 0.43.
 */
void iv_work_pool_submit_continuation(struct iv_work_pool *pool,
				      struct iv_work_item *item);

/*
 * Takes ITEM back: 0 if its work has not been started; neither function is
 * called then, and the item is the caller's again.  -1 with errno EBUSY if it
 * has, or if the item is not in the pool.  Owner only; POOL may be NULL.  Takes
 * the longer the more items wait.  Since 1.1.
 */
int iv_work_pool_cancel(struct iv_work_pool *pool, struct iv_work_item *item);

/*
 * Calls HANDLER once, in the owner's loop, when all items that have been
 * submitted before, and what their work functions have submitted by way of
 * continuation, are completed or taken back.  Also after iv_work_pool_put(); not
 * if the owner's loop goes first.  0, or -1 with errno (ENOMEM).  Owner only.
 * Since 1.1.
 */
int iv_work_pool_when_idle(struct iv_work_pool *pool, void *cookie,
			   void (*handler)(void *cookie));

/*
 * Writes the figures of now to STATS, at most SIZE bytes of them, which is
 * sizeof(*stats).  The two times are 0 at first: they are measured from the
 * first call for this pool on, at some cost for each item.  The longest wait
 * is that of samples.  Owner only.  Since 1.1.
 */
void iv_work_pool_stats(const struct iv_work_pool *pool,
			struct iv_work_stats *stats, size_t size);

#ifdef __cplusplus
}
#endif

#endif
