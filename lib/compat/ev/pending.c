/* SPDX-License-Identifier: MIT */
/*
 * pending.c - callbacks that are to be called.
 *
 * A queue per priority, the highest first; within one the last that came is
 * the first that goes.  w->pending is the index of its entry plus 1.  Who is
 * stopped leaves an entry for nobody behind, so that no index changes.
 */
#include "compat/ev/engine.h"

static struct evi_pending *entry_of(struct ev_loop *loop, const ev_watcher *w)
{
	return &loop->pending[evi_rank(w)].at[w->pending - 1];
}

/* Where it is now, or 0: it was queued before. */
static inline int queue(struct ev_loop *loop, ev_watcher *w, int revents)
{
	int rank = evi_rank(w);
	struct evi_queue *q = &loop->pending[rank];

	loop->fed++;
	if (w->pending) {
		q->at[w->pending - 1].events |= revents;
		return 0;
	}
	if (q->count == q->max)
		q->at = evi_grow(q->at, &q->max, q->count + 1, sizeof(*q->at));
	q->at[q->count].w = w;
	q->at[q->count].events = revents;
	if (rank > loop->top)
		loop->top = rank;
	return ++q->count;
}

void evi_feed(struct ev_loop *loop, ev_watcher *w, int revents)
{
	int place = queue(loop, w, revents);

	if (place != 0)
		w->pending = place;
}

int evi_forget(struct ev_loop *loop, ev_watcher *w)
{
	struct evi_pending *p = entry_of(loop, w);

	p->w = &loop->nobody;
	w->pending = 0;
	return p->events;
}

/* The next one, or false. */
static bool take(struct ev_loop *loop, struct evi_pending *next)
{
	struct evi_queue *q = &loop->pending[loop->top];

	while (q->count == 0) {
		if (loop->top == 0)
			return false;
		q = &loop->pending[--loop->top];
	}
	*next = q->at[--q->count];
	next->w->pending = 0;
	return true;
}

EVI_PUBLIC void ev_invoke_pending(struct ev_loop *loop)
{
	struct evi_pending next;

	while (take(loop, &next))
		next.w->cb(loop, next.w, next.events);
}

EVI_PUBLIC unsigned int ev_pending_count(struct ev_loop *loop)
{
	unsigned count = 0;
	int i;

	for (i = 0; i < EVI_PRIORITIES; i++)
		count += (unsigned)loop->pending[i].count;
	return count;
}

EVI_PUBLIC void ev_ref(struct ev_loop *loop)
{
	loop->refs++;
}

EVI_PUBLIC void ev_unref(struct ev_loop *loop)
{
	loop->refs--;
}

EVI_PUBLIC void ev_feed_event(struct ev_loop *loop, void *w, int revents)
{
	evi_feed(loop, w, revents);
}

EVI_PUBLIC int ev_clear_pending(struct ev_loop *loop, void *w)
{
	return evi_unfeed(loop, w);
}

EVI_PUBLIC void ev_invoke(struct ev_loop *loop, void *_w, int revents)
{
	ev_watcher *w = _w;

	w->cb(loop, w, revents);
}

/* ---- What has expired ------------------------------------------------------ */

void evi_expiry_begins(struct ev_loop *loop)
{
	int i;

	for (i = 0; i < EVI_PRIORITIES; i++)
		loop->before[i] = loop->pending[i].count;
}

/* It is pending from when it has its place. */
void evi_expired(struct ev_loop *loop, ev_watcher *w, int revents)
{
	queue(loop, w, revents);
}

static inline void put(struct evi_queue *q, int i, struct evi_pending p)
{
	q->at[i] = p;
	p.w->pending = i + 1;
}

static void turn_round(struct evi_queue *q, int first)
{
	int last = q->count - 1;

	for (; first <= last; first++, last--) {
		struct evi_pending p = q->at[first];

		put(q, first, q->at[last]);
		put(q, last, p);
	}
}

void evi_expiry_ends(struct ev_loop *loop)
{
	int i;

	for (i = 0; i < EVI_PRIORITIES; i++)
		turn_round(&loop->pending[i], loop->before[i]);
}
