/* SPDX-License-Identifier: MIT */
/*
 * timer.h - timers.
 */
#ifndef IVI_LOOP_TIMER_H
#define IVI_LOOP_TIMER_H

#include <stdbool.h>
#include <stdint.h>
#include <iv.h>
#include "base/compiler.h"
#include "base/timerq.h"

struct ivi_loop;

struct ivi_timers {
	int64_t	slack;		/* how late one may be */
	uint32_t	rounds;		/* in which some were due, so far */
	uint64_t	calls;		/* of handlers */
	struct ivi_timerq	q;	/* last: its end is not zeroed */
};

struct IVI_ALIAS ivi_timer {
	struct iv_list_head	node;	/* first: see timerq.h */
	struct ivi_loop	*owner;
	uint32_t	state;	/* 0 or IVI_TIMER_REGISTERED */
};

IVI_OVERLAY(iv_timer, pad, ivi_timer)

#define IVI_TIMER_REGISTERED	UINT32_C(0x69767469)

void ivi_timers_init(struct ivi_loop *loop);

/* Runs what is due. */
void ivi_timers_run(struct ivi_loop *loop);

/* Debug builds: notes what is registered still, and forgets it. */
void ivi_timers_leftovers(struct ivi_loop *loop);

/* How long a sleep may last until ivi_timers_run(), slack included, or
   IVI_NEVER. */
int64_t ivi_timers_limit(struct ivi_loop *loop);

#endif
