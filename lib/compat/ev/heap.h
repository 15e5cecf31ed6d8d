/* SPDX-License-Identifier: MIT */
/*
 * heap.h - times, the earliest first: a heap with four children to a node,
 * half as deep as one with two.  w->active is the index plus 1.  No time is NaN.
 */
#ifndef IVI_EV_HEAP_H
#define IVI_EV_HEAP_H

#include "compat/ev/engine.h"

#define EVI_CHILDREN	4

static inline void evi_heap_put(struct evi_node *at, unsigned i,
				struct evi_node node)
{
	at[i] = node;
	node.w->active = (int)i + 1;
}

/* NODE gets the place I, which is free, or one nearer to the root. */
static inline void evi_heap_rise(struct evi_heap *heap, unsigned i,
				 struct evi_node node)
{
	struct evi_node *at = heap->at;

	while (i > 0) {
		unsigned parent = (i - 1) / EVI_CHILDREN;

		if (at[parent].at <= node.at)
			break;
		evi_heap_put(at, i, at[parent]);
		i = parent;
	}
	evi_heap_put(at, i, node);
}

/* The first one that is earliest of I and the one after it. */
static inline unsigned evi_heap_earlier(const struct evi_node *at, unsigned i)
{
	return i + (at[i + 1].at < at[i].at);
}

/* The first one that is earliest of the children that begin at CHILD. */
static inline unsigned evi_heap_earliest(const struct evi_node *at,
					 unsigned child, unsigned count)
{
	unsigned best, other;

	if (child + EVI_CHILDREN <= count) {
		best = evi_heap_earlier(at, child);
		other = evi_heap_earlier(at, child + 2);
		return at[other].at < at[best].at ? other : best;
	}
	for (best = child; ++child < count;)
		if (at[child].at < at[best].at)
			best = child;
	return best;
}

/* NODE gets the place I, which is free, or one farther from the root. */
static inline void evi_heap_sink(struct evi_heap *heap, unsigned i,
				 struct evi_node node)
{
	unsigned count = (unsigned)heap->count, child;
	struct evi_node *at = heap->at;

	while ((child = i * EVI_CHILDREN + 1) < count) {
		child = evi_heap_earliest(at, child, count);
		if (node.at <= at[child].at)
			break;
		evi_heap_put(at, i, at[child]);
		i = child;
	}
	evi_heap_put(at, i, node);
}

static inline void evi_heap_place(struct evi_heap *heap, unsigned i,
				  struct evi_node node)
{
	if (i > 0 && node.at <= heap->at[(i - 1) / EVI_CHILDREN].at)
		evi_heap_rise(heap, i, node);
	else
		evi_heap_sink(heap, i, node);
}

static inline void evi_heap_insert(struct evi_heap *heap, ev_watcher_time *w)
{
	struct evi_node node = { w->at, w };

	if (heap->count == heap->max)
		heap->at = evi_grow(heap->at, &heap->max, heap->count + 1,
				    sizeof(*heap->at));
	evi_heap_rise(heap, (unsigned)heap->count++, node);
}

static inline void evi_heap_remove(struct evi_heap *heap, ev_watcher_time *w)
{
	int i = w->active - 1;

	if (i != --heap->count)
		evi_heap_place(heap, (unsigned)i, heap->at[heap->count]);
}

/* That of the root was before NOW. */
static inline bool evi_heap_due(const struct evi_heap *heap, ev_tstamp now)
{
	return heap->count > 0 && heap->at[0].at < now;
}

/* That of the root has got a later time, or is LAST: it goes. */
static inline void evi_heap_next(struct evi_heap *heap, bool last)
{
	struct evi_node node;

	if (!last)
		node = (struct evi_node){ heap->at[0].w->at, heap->at[0].w };
	else if (--heap->count > 0)
		node = heap->at[heap->count];
	else
		return;
	evi_heap_sink(heap, 0, node);
}

/* W->at is another one. */
static inline void evi_heap_adjust(struct evi_heap *heap, ev_watcher_time *w)
{
	struct evi_node node = { w->at, w };

	evi_heap_place(heap, (unsigned)w->active - 1, node);
}

/* Those of all may be. */
static inline void evi_heap_rebuild(struct evi_heap *heap)
{
	unsigned i;

	for (i = 0; i < (unsigned)heap->count; i++)
		heap->at[i].at = heap->at[i].w->at;
	for (i = 0; i < (unsigned)heap->count; i++)
		evi_heap_rise(heap, i, heap->at[i]);
}

#endif
