/* SPDX-License-Identifier: MIT */
/*
 * workq.h - the way of items through a work pool, without the threads.
 *
 * There: a ring of places that any thread takes from, oldest first, by moving
 * `head' on; whoever moves it owns the item, and nobody owns one that he does
 * not begin at once.  So items move without a lock and yet one by one, in
 * order, and none is stuck behind one that takes long.  What finds no place
 * waits in `rest' for a refill; while anything does, the ring comes first.
 *
 * A place is written anew only when `head' has passed it, and `head' never
 * comes back: who has read a place that was overwritten since cannot move it.
 *
 * And back: a stack that is only ever taken as a whole.  Who fills an empty
 * one has to tell the taker, so there is one message for all that come
 * together.  A closed one takes no more.
 */
#ifndef IVI_BASE_WORKQ_H
#define IVI_BASE_WORKQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/compiler.h"

struct IVI_ALIAS ivi_work {
	struct ivi_work	*next;
	uintptr_t	mark;		/* the user's of this file */
};

/* ---- Lists, first in first out ---------------------------------------------- */

struct ivi_worklist {
	struct ivi_work	*first;
	struct ivi_work	**end;
};

static inline void ivi_worklist_init(struct ivi_worklist *l)
{
	l->first = NULL;
	l->end = &l->first;
}

static inline void ivi_worklist_add(struct ivi_worklist *l, struct ivi_work *e)
{
	e->next = NULL;
	*l->end = e;
	l->end = &e->next;
}

/* The first one, or NULL. */
static inline struct ivi_work *ivi_worklist_take(struct ivi_worklist *l)
{
	struct ivi_work *e = l->first;

	if (e != NULL)
		l->first = e->next;
	if (l->first == NULL)
		l->end = &l->first;
	return e;
}

/* Moves all of FROM to the end of L. */
void ivi_worklist_append(struct ivi_worklist *l, struct ivi_worklist *from);

/* False if E is not there. */
bool ivi_worklist_remove(struct ivi_worklist *l, const struct ivi_work *e);

/* ---- There -------------------------------------------------------------------- */

#define IVI_WORKQ_PLACES	256

struct ivi_workq {
	/* Under the user's lock; places and tail are atomic. */
	size_t	tail;		/* one past the youngest in the ring */
	size_t	limit;		/* tail may come so far, at least */
	size_t	resting;	/* length of rest */
	struct ivi_worklist	rest;
	struct ivi_work	*place[IVI_WORKQ_PLACES];

	char	pad[64];	/* different cache lines */
	size_t	head;		/* atomic: the oldest in the ring */
	char	pad2[64];
};

/* Nobody else may use it. */
void ivi_workq_init(struct ivi_workq *q);

/* The oldest in the ring, or NULL.  Needs no lock. */
static inline struct ivi_work *ivi_workq_take(struct ivi_workq *q)
{
	size_t head = __atomic_load_n(&q->head, __ATOMIC_RELAXED);
	struct ivi_work *e;

	do {
		if (head == __atomic_load_n(&q->tail, __ATOMIC_ACQUIRE))
			return NULL;
		e = __atomic_load_n(&q->place[head % IVI_WORKQ_PLACES],
				    __ATOMIC_RELAXED);
	} while (!__atomic_compare_exchange_n(&q->head, &head, head + 1, false,
					      __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
	return e;
}

/* The following need the lock. */

/* How many there are; others may be taking. */
static inline size_t ivi_workq_length(const struct ivi_workq *q)
{
	return q->tail - __atomic_load_n(&q->head, __ATOMIC_RELAXED) +
	       q->resting;
}

/* The oldest, after a refill; NULL: there is none at all. */
struct ivi_work *ivi_workq_next(struct ivi_workq *q);

void ivi_workq_add(struct ivi_workq *q, struct ivi_work *e);

/* False if it is not there. */
bool ivi_workq_remove(struct ivi_workq *q, const struct ivi_work *e);

/* ---- And back ------------------------------------------------------------------- */

struct ivi_workdone {
	struct ivi_work	*top;		/* atomic */
};

#define IVI_WORKDONE_CLOSED	((struct ivi_work *)1)

static inline struct ivi_work *ivi_workdone_top(const struct ivi_workdone *d)
{
	return __atomic_load_n(&d->top, __ATOMIC_RELAXED);
}

/*
 * Pushes E if the top is still OLD, else gives the new one in *OLD and
 * returns false.  Not if OLD is CLOSED.
 */
static inline bool ivi_workdone_push(struct ivi_workdone *d,
				     struct ivi_work *e, struct ivi_work **old)
{
	e->next = *old;
	return __atomic_compare_exchange_n(&d->top, old, e, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* Adds all to LIST, in order of pushing; THEN is NULL or CLOSED. */
void ivi_workdone_take(struct ivi_workdone *d, struct ivi_worklist *list,
		       struct ivi_work *then);

#endif
