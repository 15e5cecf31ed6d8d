/* SPDX-License-Identifier: MIT */
/*
 * task.h - tasks, run in rounds.
 */
#ifndef IVI_LOOP_TASK_H
#define IVI_LOOP_TASK_H

#include <stdbool.h>
#include <stdint.h>
#include <iv.h>
#include <iv_list.h>
#include "base/compiler.h"

struct ivi_loop;

struct ivi_tasks {
	struct iv_list_head	queue;	/* for the next round */
	struct iv_list_head	round;	/* rest of the round in progress */
	bool	running;		/* a round is in progress */
	uint32_t	epoch;		/* its number, or that of the last */
	uint32_t	rounds;		/* begun so far */
	uint64_t	calls;		/* of handlers */
};

struct IVI_ALIAS ivi_task {
	struct iv_list_head	node;
	struct ivi_loop	*owner;
	uint32_t	epoch;	/* round of OWNER in which it last ran or was
				   INITed */
	uint32_t	state;	/* 0 or IVI_TASK_REGISTERED */
};

IVI_OVERLAY(iv_task, pad, ivi_task)

#define IVI_TASK_REGISTERED	UINT32_C(0x69767461)

void ivi_tasks_init(struct ivi_loop *loop);

/* The round in progress was left by longjmp(3) or the like. */
void ivi_tasks_abandoned(struct ivi_loop *loop);

/* Runs one round. */
void ivi_tasks_run(struct ivi_loop *loop);

/* Debug builds: notes what is registered still. */
void ivi_tasks_leftovers(const struct ivi_loop *loop);

static inline bool ivi_tasks_pending(const struct ivi_tasks *ts)
{
	return !iv_list_empty(&ts->queue) || !iv_list_empty(&ts->round);
}

/* iv_task_register() without its checks. */
void ivi_task_add(struct ivi_loop *loop, struct iv_task *task);
void ivi_task_drop(struct ivi_loop *loop, struct iv_task *task);

#endif
