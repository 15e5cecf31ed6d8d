/* SPDX-License-Identifier: MIT */
/*
 * timerq.h - an exact queue of timers.
 *
 * Knows deadlines, not loops.  It is a wheel of lists with a resolution of
 * one nanosecond: each level divides time by 64, and a timer lives at the
 * level of the highest 6-bit digit in which its deadline differs from `base',
 * in the slot that this digit names (a radix heap).  From this follow:
 *
 *  - inserting and removing is O(1), allocates nothing and cannot fail;
 *  - everything at one level comes before everything at the next, and the
 *    slots of a level are in order, so the first set bit leads to the soonest;
 *  - base moves from slot to slot, and only a slot it moves into is
 *    distributed anew, each timer at most once per level.  Equal deadlines always share a slot, so
 *    they stay in order of insertion.
 *
 * Timers at or before base wait in `past', unsorted until collected.
 * An element is the iv_list_head at the start of a struct iv_timer's pad;
 * the timer's `expires' must not change while it is queued.
 */
#ifndef IVI_BASE_TIMERQ_H
#define IVI_BASE_TIMERQ_H

#include <stdbool.h>
#include <stdint.h>
#include <iv.h>
#include <iv_list.h>

#define IVI_TIMERQ_BITS		6
#define IVI_TIMERQ_SLOTS	(1 << IVI_TIMERQ_BITS)
#define IVI_TIMERQ_LEVELS	11	/* 11 * 6 bits hold 63 */

struct ivi_timerq {
	int64_t	base;		/* >= 0, no later than the last collect */
	int64_t	soonest;	/* valid if soonest_known */
	bool	soonest_known;
	uint32_t	levels;		/* a bit per level in use */
	uint64_t	used[IVI_TIMERQ_LEVELS];	/* a bit per slot in use */
	struct iv_list_head	past;
	/* initialised when its bit is set, garbage otherwise */
	struct iv_list_head	slot[IVI_TIMERQ_LEVELS][IVI_TIMERQ_SLOTS];
};

/* Q must be zeroed memory. */
void ivi_timerq_init(struct ivi_timerq *q);

void ivi_timerq_insert(struct ivi_timerq *q, struct iv_list_head *timer);

/* TIMER may be queued, or on the list that collect() gave. */
void ivi_timerq_remove(struct ivi_timerq *q, struct iv_list_head *timer);

/*
 * When the queue wants to be collected next: the first deadline exactly, or
 * somewhat before it where many timers crowd together far ahead; INT64_MAX
 * if there are none.  Computed once after a change that matters.
 */
int64_t ivi_timerq_soonest(struct ivi_timerq *q);

/* Moves all that is due at NOW to the end of DUE, in order. */
void ivi_timerq_collect(struct ivi_timerq *q, int64_t now,
			struct iv_list_head *due);

#endif
