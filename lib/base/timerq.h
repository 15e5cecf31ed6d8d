/* SPDX-License-Identifier: MIT */
/*
 * timerq.h - an exact queue of timers.
 *
 * Knows deadlines, not loops.  It is a wheel of lists with a resolution of
 * one nanosecond: each level divides time by 256, and a timer lives at the
 * level of the highest byte in which its deadline differs from `base', in
 * the slot that this byte names (a radix heap).  From this follow:
 *
 *  - inserting and removing is O(1), allocates nothing and cannot fail;
 *  - everything at one level comes before everything at the next, and the
 *    slots of a level are in order, so the first set bit leads to the soonest;
 *  - base moves from slot to slot, and only a slot it moves into is
 *    distributed anew, each timer at most once per level.  Equal deadlines
 *    always share a slot, so they stay in order of insertion.
 *
 * Timers at or before `limit' wait in `past', unsorted, until it moves on.
 * An element is the iv_list_head at the start of a struct iv_timer's pad;
 * the timer's `expires' must not change while it is queued.  If it does,
 * this timer comes at a wrong time, but may still be removed, and others are
 * not concerned.  Lists are walked with an eye on whether each element links
 * back: one that was inserted twice would let a walk go round for ever.
 */
#ifndef IVI_BASE_TIMERQ_H
#define IVI_BASE_TIMERQ_H

#include <stdbool.h>
#include <stdint.h>
#include <iv.h>
#include <iv_list.h>
#include "base/compiler.h"
#include "base/timespec.h"

#define IVI_TIMERQ_BITS		8
#define IVI_TIMERQ_SLOTS	(8 << IVI_TIMERQ_BITS)	/* of all levels */
#define IVI_TIMERQ_WORDS	(IVI_TIMERQ_SLOTS / 64)

struct ivi_timerq {
	int64_t	base;		/* >= 0, no later than limit */
	int64_t	limit;		/* of begin(): what is due */
	int64_t	fetched;	/* slots that begin so far have been read */
	int64_t	soonest;	/* INT64_MIN: not known */
	const struct iv_list_head	*first;	/* with that deadline, or a
						   slot that begins there */
	uint32_t	words;		/* a bit per word of used */
	struct iv_list_head	past;
	struct iv_list_head	due;	/* for next(), in order */
	/* A bit per slot; a slot with a bit may have become empty, one without
	   is garbage. */
	uint64_t	used[IVI_TIMERQ_WORDS];
	struct iv_list_head	slot[IVI_TIMERQ_SLOTS];
};

/* TIMER is in two places, or was overwritten: whoever has the queue says so, and
   does not return. */
void ivi_timerq_broken(const struct iv_list_head *timer)
	__attribute__((noreturn, cold));

/* Q must be zeroed memory, but for the slots. */
void ivi_timerq_init(struct ivi_timerq *q);

static inline int64_t ivi_timerq_deadline(const struct iv_list_head *timer)
{
	const struct iv_timer *t = (const struct iv_timer *)
		((uintptr_t)timer - offsetof(struct iv_timer, pad));

	return ivi_ts_to_ns(&t->expires);
}

/* The number of the slot for AT, which is after base. */
static inline size_t ivi_timerq_slot(const struct ivi_timerq *q, int64_t at)
{
	size_t highest = 63 - (size_t)__builtin_clzll((uint64_t)(at ^ q->base)),
	       shift = highest & ~(IVI_TIMERQ_BITS - (size_t)1);

	return (shift << (IVI_TIMERQ_BITS - 3)) | (uint8_t)(at >> shift);
}

/* NOW lets a queue that was empty for long start anew; -1: not known. */
void ivi_timerq_insert(struct ivi_timerq *q, struct iv_list_head *timer,
		       int64_t now);

/* The same where there is little to do; false: it was not done. */
static inline bool ivi_timerq_try_insert(struct ivi_timerq *q,
					 struct iv_list_head *timer)
{
	int64_t at = ivi_timerq_deadline(timer);
	size_t n;

	if (ivi_unlikely(at <= q->limit))
		return false;
	n = ivi_timerq_slot(q, at);
	if (ivi_unlikely(!(q->used[n / 64] >> n % 64 & 1)))
		return false;
	iv_list_add_tail(timer, &q->slot[n]);
	if (ivi_unlikely(at < q->soonest)) {
		q->soonest = at;
		q->first = timer;
	}
	return true;
}

static inline void ivi_timerq_remove(struct ivi_timerq *q,
				     struct iv_list_head *timer)
{
	timer->prev->next = timer->next;
	timer->next->prev = timer->prev;
	if (timer == q->first)
		q->soonest = INT64_MIN;
}

int64_t ivi_timerq_find_soonest(struct ivi_timerq *q);

/*
 * When begin() is wanted next: at the first deadline exactly, or
 * somewhat before it where many timers crowd together far ahead; INT64_MAX
 * if there are none.  Computed once after a change that matters.
 */
static inline int64_t ivi_timerq_soonest(struct ivi_timerq *q)
{
	if (q->soonest != INT64_MIN && !iv_list_empty(q->first))
		return q->soonest;
	return ivi_timerq_find_soonest(q);
}

/*
 * From now on next() takes off and gives what is due at NOW, in order, and
 * NULL when there is no more.  What is inserted from now on and due at NOW
 * waits for the next begin(); calling that before next() has given NULL adds
 * to what it gives.
 */
void ivi_timerq_begin(struct ivi_timerq *q, int64_t now);
struct iv_list_head *ivi_timerq_next(struct ivi_timerq *q);

#endif
