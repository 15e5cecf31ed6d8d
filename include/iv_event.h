/* SPDX-License-Identifier: MIT */
/*
 * iv_event.h - calls from one thread into the loop of another.
 * Since 0.29.
 */
#ifndef __IV_EVENT_H
#define __IV_EVENT_H

#include <iv.h>
#include <iv_list.h>

#ifdef __cplusplus
extern "C" {
#endif

struct iv_event {
	void	*cookie;		/* argument of the handler */
	void	(*handler)(void *);
	void	*owner;			/* private */
	struct iv_list_head	list;	/* private */
};

static __inline__ void IV_EVENT_INIT(struct iv_event *ev)
{
	ev->owner = NULL;
}

/*
 * Makes the calling thread's loop run HANDLER whenever the event is posted.
 * Keeps iv_main() running.  0, or -1 with errno (EMFILE, ENFILE, ENOMEM,
 * ENOSPC) if the thread cannot be given a wake-up channel.
 */
int iv_event_register(struct iv_event *);

/* Owner only.  A pending call is dropped; posting is no longer allowed. */
void iv_event_unregister(struct iv_event *);

/*
 * Asks for one call of HANDLER in the owner's loop.  Any thread, with or
 * without a loop; not in a signal handler.  Never blocks, takes no lock.
 * Posts made before the handler starts are merged into one call; a post
 * made after it has started causes another.  What the caller wrote before
 * posting is visible in the handler.
 */
void iv_event_post(struct iv_event *);

#ifdef __cplusplus
}
#endif

#endif
