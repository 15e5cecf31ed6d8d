/* SPDX-License-Identifier: MIT */
/*
 * work.h - what the files of iv_work share.
 *
 * An item goes from the owner to `queue', to a worker that takes it from
 * there without a lock, to `done', and with all that came since to `ready',
 * from where the owner completes one after the other.  The lock is for what
 * happens less often than an item: adding to the queue, workers that come,
 * park and go, cancelling.  It is not held while user code runs nor, but for
 * a worker's last post, during a system call.
 *
 * Under the lock, whenever it is released: if something is queued, either all
 * workers there may be are at work or on their way, or one is `called' or
 * starting and will see to the next, or the owner is about to be told that
 * one is `wanted'.  Who finds the queue empty parks in the same section.
 */
#ifndef IVI_MOD_WORK_H
#define IVI_MOD_WORK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <iv_event.h>
#include <iv_list.h>
#include <iv_work.h>
#include "base/workq.h"
#include "sys/probe.h"
#include "sys/sys.h"

IVI_OVERLAY(iv_work_item, list, ivi_work)

/* Somebody who wants to know when what he submitted has been completed. */
struct ivi_work_waiter {
	struct ivi_work_waiter	*next;
	void	*cookie;
	void	(*handler)(void *cookie);
};

struct ivi_waiters {
	struct ivi_work_waiter	*first;
	struct ivi_work_waiter	**end;
};

struct ivi_pool {
	/* Fixed. */
	uint32_t	magic;
	unsigned	generation;	/* of forks */
	void	*memory;	/* that this is in */
	const struct iv_work_pool	*name;	/* only for comparison */
	const struct ivi_loop	*owner;
	void	*cookie;
	void	(*thread_start)(void *cookie);
	void	(*thread_stop)(void *cookie);

	/* The owner's. */
	struct iv_list_head	pools;	/* in the loop's list, or in limbo */
	struct iv_event	news;		/* posted by workers */
	struct iv_task	rest;		/* goes on if a completion does not */
	struct iv_task	by_owner;	/* work that no worker can do */
	struct ivi_worklist	ready;	/* to be completed */
	unsigned	withheld;	/* items that nobody was called for */
	unsigned long	ended[2];	/* items, by phase: completed */
	unsigned long	cancelled;
	struct ivi_waiters	current, later;	/* see work_ask.c */
	bool	held;		/* a handler of ours may come back to it */
	bool	destroyed;

	int	refs;		/* atomic: loop, user until put, workers */
	int	posting;	/* atomic: who is about to post `news' */

	/* Under lock. */
	pthread_mutex_t	lock;
	int	max_threads;	/* written by the owner */
	unsigned	phase;	/* 0 or 1, of what is submitted now; written by
				   the owner */
	unsigned long	begun[2];	/* items, by phase: submitted */
	struct iv_list_head	idle;	/* the last one parked first */
	struct iv_list_head	all;
	struct ivi_worker	*called;	/* and not arrived yet */
	int	workers;	/* length of `all' */
	int	starting;	/* of these, how many have not arrived yet */
	bool	wanted;		/* the queue may need the owner */
	bool	failed;		/* a worker could not get ready */
	bool	put;		/* written by the owner, as the next two */
	bool	orphaned;	/* the owner's loop is gone */
	bool	timed;		/* somebody asks for times: */
	bool	probing;	/* item number `probe' was submitted at `since' */
	size_t	probe;
	int64_t	since;
	int64_t	longest_wait, longest_run;

	struct ivi_workq	queue;	/* its head is read without */
	struct ivi_workdone	done;
};

struct ivi_worker {
	struct ivi_pool	*pool;
	struct iv_list_head	all;	/* in pool->all */
	struct iv_list_head	idle;	/* in pool->idle, or empty */
	bool	arrived;	/* under lock: has looked for work */
	int	kicking;	/* atomic: posts of kick that are owed */
	struct ivi_work	*current;	/* atomic: being worked on */
	int64_t	since;		/* under lock: has been, if pool->timed */

	/* Its own. */
	struct iv_event	kick;
	struct iv_timer	timer;
	struct timespec	idle_since;
	bool	ready;		/* it has what it needs of its loop */
	bool	ending;
};

/* ---- work.c: per loop ----------------------------------------------------------- */

/* The calling thread, which has a loop, is W, or no longer one.  0, or -1 and
   errno. */
int ivi_work_set_worker(struct ivi_worker *w);

/* Puts P, which is held but no longer a pool of the loop, aside. */
void ivi_work_limbo(struct ivi_pool *p);

/* The pool behind POOL, which the caller must own. */
struct ivi_pool *ivi_work_own_pool(const char *fn,
				   const struct iv_work_pool *pool);

/* The queue of the calling thread's items that are for no pool. */
bool ivi_work_local_cancel(const char *fn, struct ivi_work *e);

/* ---- work_item.c ------------------------------------------------------------------ */

/* Takes ITEM over; stops the program unless that can be. */
struct ivi_work *ivi_work_enter(const char *fn, struct iv_work_item *item);

/* Items that are ours now and are not left may be submitted again. */
void ivi_work_forget_all(void);

/* In its mark. */
#define IVI_WORK_PHASE	((uintptr_t)1)
#define IVI_WORK_BEGUN	((uintptr_t)2)

static inline unsigned ivi_work_phase(const struct ivi_work *e)
{
	return e->mark & IVI_WORK_PHASE;
}

/* From here on it is the user's again.  Its phase. */
static inline unsigned ivi_work_leave(struct ivi_work *e)
{
	unsigned phase = ivi_work_phase(e);

	e->mark = 0;
	return phase;
}

void ivi_work_leave_all(struct ivi_worklist *list);

/* Calls the function of the item. */
void ivi_work_do(struct ivi_work *e);

/* ---- work_pool.c: for owner and workers --------------------------------------------- */

static inline void ivi_pool_lock(struct ivi_pool *p)
{
	pthread_mutex_lock(&p->lock);
}

static inline void ivi_pool_unlock(struct ivi_pool *p)
{
	pthread_mutex_unlock(&p->lock);
}

struct ivi_pool *ivi_pool_new(const struct iv_work_pool *pool);
void ivi_pool_unref(struct ivi_pool *p);

/* Under lock: the worker to kick after it, or NULL. */
struct ivi_worker *ivi_pool_call(struct ivi_pool *p);

/* Under lock: true if one more could be started for what is queued, and,
   the second, nobody is on the way who will ask again. */
bool ivi_pool_lacks_worker(const struct ivi_pool *p);
bool ivi_pool_wants_worker(const struct ivi_pool *p);

/* Pays what a worker that was called is owed; W may be NULL. */
void ivi_worker_kick(struct ivi_worker *w);
void ivi_pool_kick_all(struct ivi_pool *p);

/* True if a worker should be started for it.  FROM: the worker whose work
   submits it, or NULL. */
bool ivi_pool_submit(struct ivi_pool *p, struct ivi_work *e,
		     const struct ivi_worker *from);

/* An item is done.  True if the caller must post(). */
bool ivi_pool_hand_in(struct ivi_pool *p, struct ivi_work *e);

/* Under lock, and not if the pool is orphaned: the owner should look for a
   worker; the caller must post(). */
void ivi_pool_want(struct ivi_pool *p);

/* Tells the owner. */
void ivi_pool_post(struct ivi_pool *p);

/* Both, from without the lock. */
void ivi_pool_ask(struct ivi_pool *p);

/* Under lock, if timed: an item is begun, and has ended. */
void ivi_pool_time_begin(struct ivi_pool *p, int64_t now);
void ivi_pool_time_end(struct ivi_pool *p, int64_t since, int64_t now);

/* ---- work_worker.c --------------------------------------------------------------------- */

/* 0, or -1. */
int ivi_worker_start(struct ivi_pool *p);

/* W, of an inherited pool, is in the only thread of a forked child. */
void ivi_worker_forked(struct ivi_worker *w);

/* ---- work_owner.c ---------------------------------------------------------------------- */

int ivi_pool_open(struct ivi_pool *p);
void ivi_pool_staff(struct ivi_pool *p);
void ivi_pool_tend(struct ivi_pool *p);
void ivi_pool_orphan(struct ivi_pool *p);
void ivi_pool_forked(struct ivi_pool *p);

/* ---- work_ask.c ------------------------------------------------------------------------- */

/* iv_dump() */
void ivi_pool_dump(struct ivi_pool *p, int fd);

void ivi_waiters_init(struct ivi_waiters *ws);
void ivi_waiters_drop(struct ivi_pool *p);

/* Calls those whose time has come. */
void ivi_waiters_call(struct ivi_pool *p);

static inline bool ivi_waiters_any(const struct ivi_pool *p)
{
	return p->current.first != NULL || p->later.first != NULL;
}

#endif
