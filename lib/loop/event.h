/* SPDX-License-Identifier: MIT */
/*
 * event.h - posts from other threads.
 */
#ifndef IVI_LOOP_EVENT_H
#define IVI_LOOP_EVENT_H

#include <stdbool.h>
#include <iv_event.h>
#include <iv_loop.h>
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
/* What is pending is a call, in a struct iv_call. */
#define IVI_EVENT_CALL	((uintptr_t)2)

/* Somebody who waits for a call, in his own memory. */
struct ivi_waiter {
	struct ivi_latch	latch;
	struct ivi_waiter	*next;
};

struct IVI_ALIAS ivi_call {
	struct ivi_event	event;	/* its owner is 0 unless it is pending */
	struct ivi_waiter	*waiter;	/* or NULL */
};

IVI_OVERLAY(iv_call, pad, ivi_call)

struct ivi_events {
	/* Written by posters. */
	struct ivi_event	*posts;	/* atomic stack, last post first */
	int	asleep;		/* atomic: the loop waits, or is about to */

	/* Written by the owner. */
	struct iv_list_head	pending;	/* taken off the stack */
	struct iv_list_head	batch;	/* rest of what is being run */
	unsigned	registered;
	unsigned	users;		/* of the channel: those, and a handle */
	bool	handed;		/* somebody may have one */
	bool	known;		/* somebody may have had one, or an event */
	uint64_t	calls;		/* of handlers */
	uint64_t	local_runs;	/* of `local' */
	uint64_t	drains;		/* of the channel, by `wake_fd' */
	struct ivi_waiter	*waiters;	/* for calls in progress */
	struct iv_list_head	*idle;	/* what node.prev of an event is while
					   it is on no list */
	bool	open;		/* the channel exists */
	bool	shared;		/* it is the parent's */
	bool	native;		/* it is the poll method's */
	struct ivi_wake	wake;
	struct iv_fd	wake_fd;	/* watches it while users > 0 */
	struct iv_task	local;		/* runs what the owner posted itself */
};

void ivi_events_init(struct ivi_loop *loop);
void ivi_events_fini(struct ivi_loop *loop);

/* True if ivi_events_run() has something to run. */
bool ivi_events_pending(const struct ivi_loop *loop);

/* Runs what has been posted until now, unless that is up to the task phase. */
void ivi_events_run(struct ivi_loop *loop);

/* The handler of `local', which runs others. */
void ivi_events_run_local(void *loop);

/*
 * To be called before a wait that may block: false if there are posts, so
 * that it must not.  From now on posters wake the loop, until it says that
 * it is awake.
 */
bool ivi_events_sleep(struct ivi_loop *loop);
void ivi_events_awake(struct ivi_loop *loop);

/*
 * To be called when the loop does not run any more, or not yet: from now on
 * posters make its descriptor readable, and so does what has been posted
 * already.  1 if something was, 0 if nothing was, or why there is no channel
 * (-errno).
 */
int ivi_events_rest(struct ivi_loop *loop);

/* The same if it is not running, and there is a channel. */
void ivi_events_rest_outside(struct ivi_loop *loop);

/* After that: makes the descriptor readable. */
void ivi_events_show(struct ivi_loop *loop);

/* Somebody has a handle of the loop, and may post calls. */
void ivi_events_hand(struct ivi_loop *loop);

/* The handlers in progress were left by longjmp(3) or the like. */
void ivi_events_abandoned(struct ivi_loop *loop);

/* CALL is to be run, and WAITER, unless it is NULL, to be told: false if it is
   on its way already.  Any thread. */
bool ivi_call_post(const char *fn, struct ivi_loop *loop,
		   struct iv_call *call, struct ivi_waiter *waiter);

/* In a forked child: nobody is asleep, and the channel is the parent's.
   renew() gives it up; abandon() instead closes it without a look at the list
   of descriptors, of which some are the users'. */
void ivi_events_forked(struct ivi_loop *loop);
void ivi_events_renew(struct ivi_loop *loop);
void ivi_events_abandon(struct ivi_loop *loop);

#endif
