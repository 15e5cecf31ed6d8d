/* SPDX-License-Identifier: MIT */
/*
 * hook.h - handlers around the wait.
 */
#ifndef IVI_LOOP_HOOK_H
#define IVI_LOOP_HOOK_H

#include <stdbool.h>
#include <stdint.h>
#include <iv_hook.h>
#include <iv_list.h>
#include "base/compiler.h"

struct ivi_loop;

#define IVI_HOOK_POINTS	(IV_HOOK_DEINIT + 1)

/* Those of one point. */
struct ivi_hook_list {
	struct iv_list_head	all;
	struct iv_list_head	rest;	/* not called yet in this round */
	uint32_t	round;	/* number of the latest, which is never 0 */
};

struct ivi_hooks {
	unsigned	used;	/* a bit per point that has hooks */
	bool	forked;		/* IV_HOOK_FORK is due */
	uint32_t	changes;	/* registered and unregistered so far */
	struct ivi_hook_list	list[IVI_HOOK_POINTS];
};

struct IVI_ALIAS ivi_hook {
	struct iv_list_head	node;
	struct ivi_loop	*owner;
	uint32_t	state;	/* 0 or IVI_HOOK_REGISTERED | point */
	uint32_t	round;	/* the latest when it was registered, until a
				   round has come to it; then 0: rounds have
				   their numbers again after hours */
};

IVI_OVERLAY(iv_hook, pad, ivi_hook)

#define IVI_HOOK_REGISTERED	UINT32_C(0x69766800)

void ivi_hooks_init(struct ivi_loop *loop);

/* In a forked child. */
void ivi_hooks_forked(struct ivi_loop *loop);

/* Calls those of POINT. */
void ivi_hooks_run(struct ivi_loop *loop, int point);

/* The same for those around the wait, which may touch nothing: IV_HOOK_BLOCK
   and _UNBLOCK. */
void ivi_hooks_run_apart(struct ivi_loop *loop, int point);

/* The same for IV_HOOK_FORK, if it is due. */
void ivi_hooks_run_fork(struct ivi_loop *loop);

static inline bool ivi_hooks_at(const struct ivi_hooks *hs, int point)
{
	return hs->used >> point & 1;
}

#endif
