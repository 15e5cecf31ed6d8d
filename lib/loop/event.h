/* SPDX-License-Identifier: MIT */
/*
 * event.h - posts from other threads.
 */
#ifndef IVI_LOOP_EVENT_H
#define IVI_LOOP_EVENT_H

#include <stdbool.h>
#include <iv_event.h>
#include "base/compiler.h"
#include "sys/sys.h"

struct ivi_loop;

/* In the private members of struct iv_event. */
struct IVI_ALIAS ivi_event {
	uintptr_t	owner;	/* atomic: loop, and the bit below */
	struct iv_list_head	node;	/* its next links the posts stack */
};

IVI_OVERLAY(iv_event, owner, ivi_event)

#define IVI_EVENT_PENDING	((uintptr_t)1)

struct ivi_events {
	/* Written by posters. */
	struct ivi_event	*posts;	/* atomic stack, last post first */
	int	posters;	/* atomic: threads between push and wake */
	int	asleep;		/* atomic: the loop waits, or is about to */

	/* Written by the owner. */
	struct iv_list_head	pending;	/* taken off the stack */
	struct iv_list_head	batch;	/* rest of what is being run */
	unsigned	registered;
	unsigned	generation;	/* of forks, that the channel is of */
	bool	open;		/* the channel exists */
	bool	native;		/* it is the poll method's */
	struct ivi_wake	wake;
	struct iv_fd	wake_fd;	/* watches it while registered > 0 */
	struct iv_task	local;		/* runs what the owner posted itself */
};

void ivi_events_init(struct ivi_loop *loop);
void ivi_events_fini(struct ivi_loop *loop);

/* Runs what has been posted until now, unless that is up to the task phase. */
void ivi_events_run(struct ivi_loop *loop);

/*
 * To be called before a wait that may block: false if there are posts, so
 * that it must not.  From now on posters wake the loop, until it says that
 * it is awake.
 */
bool ivi_events_sleep(struct ivi_loop *loop);
void ivi_events_awake(struct ivi_loop *loop);

/*
 * In a forked child the channel is the parent's, and no other thread that was
 * in the middle of a post exists: gives up both.
 */
void ivi_events_check_fork(struct ivi_loop *loop);

#endif
