/* SPDX-License-Identifier: MIT */
/*
 * workq.c - the way of items through a work pool, without the threads.
 */
#include "base/workq.h"

void ivi_worklist_append(struct ivi_worklist *l, struct ivi_worklist *from)
{
	if (from->first == NULL)
		return;
	*l->end = from->first;
	l->end = from->end;
	ivi_worklist_init(from);
}

bool ivi_worklist_remove(struct ivi_worklist *l, const struct ivi_work *e)
{
	struct ivi_work **p;

	for (p = &l->first; *p != e; p = &(*p)->next)
		if (*p == NULL)
			return false;
	*p = e->next;
	if (*p == NULL)
		l->end = p;
	return true;
}

void ivi_workq_init(struct ivi_workq *q)
{
	q->tail = q->head = 0;
	q->limit = IVI_WORKQ_PLACES;
	q->resting = 0;
	ivi_worklist_init(&q->rest);
}

static bool has_place(struct ivi_workq *q)
{
	if (q->tail == q->limit)
		q->limit = __atomic_load_n(&q->head, __ATOMIC_ACQUIRE) +
			   IVI_WORKQ_PLACES;
	return q->tail != q->limit;
}

static void write_place(struct ivi_workq *q, size_t at, struct ivi_work *e)
{
	__atomic_store_n(&q->place[at % IVI_WORKQ_PLACES], e,
			 __ATOMIC_RELAXED);
}

static void publish(struct ivi_workq *q, size_t tail)
{
	__atomic_store_n(&q->tail, tail, __ATOMIC_RELEASE);
}

static void refill(struct ivi_workq *q)
{
	size_t tail = q->tail;

	if (q->rest.first == NULL || !has_place(q))
		return;
	while (q->rest.first != NULL && tail != q->limit) {
		write_place(q, tail++, ivi_worklist_take(&q->rest));
		q->resting--;
	}
	publish(q, tail);
}

struct ivi_work *ivi_workq_next(struct ivi_workq *q)
{
	struct ivi_work *e;

	/* Others may empty a ring that was full just now. */
	do {
		refill(q);
		e = ivi_workq_take(q);
	} while (e == NULL && q->rest.first != NULL);
	return e;
}

void ivi_workq_add(struct ivi_workq *q, struct ivi_work *e)
{
	if (q->rest.first == NULL && has_place(q)) {
		write_place(q, q->tail, e);
		publish(q, q->tail + 1);
	} else {
		ivi_worklist_add(&q->rest, e);
		q->resting++;
	}
}

/* Takes all that is in the ring: what HEAD and on to tail was. */
static size_t take_ring(struct ivi_workq *q)
{
	size_t head = __atomic_load_n(&q->head, __ATOMIC_RELAXED);

	while (!__atomic_compare_exchange_n(&q->head, &head, q->tail, true,
					    __ATOMIC_ACQ_REL,
					    __ATOMIC_RELAXED))
		;
	return head;
}

/* Its places are free then: what is put back takes those behind, one by one,
   and is never ahead of what is read. */
static bool remove_from_ring(struct ivi_workq *q, const struct ivi_work *e)
{
	size_t head = take_ring(q), end = q->tail, tail = end, at;
	struct ivi_work *other;

	for (at = head; at != end; at++) {
		other = q->place[at % IVI_WORKQ_PLACES];
		if (other != e)
			write_place(q, tail++, other);
	}
	q->limit = end + IVI_WORKQ_PLACES;
	publish(q, tail);
	return tail - end != end - head;
}

bool ivi_workq_remove(struct ivi_workq *q, const struct ivi_work *e)
{
	if (ivi_worklist_remove(&q->rest, e)) {
		q->resting--;
		return true;
	}
	return remove_from_ring(q, e);
}

void ivi_workdone_take(struct ivi_workdone *d, struct ivi_worklist *list,
		       struct ivi_work *then)
{
	struct ivi_work *e = __atomic_exchange_n(&d->top, then,
						 __ATOMIC_ACQ_REL),
			*next, *first = NULL, **end;

	if (e == NULL || e == IVI_WORKDONE_CLOSED)
		return;
	for (end = &e->next; e != NULL; e = next) {
		next = e->next;
		e->next = first;
		first = e;
	}
	*list->end = first;
	list->end = end;
}
