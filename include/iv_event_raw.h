/* SPDX-License-Identifier: MIT */
/*
 * iv_event_raw.h - calls into a loop from signal handlers and from other
 * processes.  Costs a descriptor (eventfd) or two (pipe) each; iv_event is
 * lighter where it will do.  Since 0.29.
 */
#ifndef __IV_EVENT_RAW_H
#define __IV_EVENT_RAW_H

#include <iv.h>

#ifdef __cplusplus
extern "C" {
#endif

struct iv_event_raw {
	void	*cookie;		/* argument of the handler */
	void	(*handler)(void *);
	struct iv_fd	event_rfd;	/* private */
	int	event_wfd;		/* private */
};

static __inline__ void IV_EVENT_RAW_INIT(struct iv_event_raw *ev)
{
	(void)ev;
}

/*
 * 0, or -1 with errno (EMFILE, ENFILE, ENOMEM, ENOSPC).  Keeps iv_main()
 * running.
 */
int iv_event_raw_register(struct iv_event_raw *);

/* Owner only; closes the descriptors. */
void iv_event_raw_unregister(struct iv_event_raw *);

/*
 * Asks for one call of HANDLER in the owner's loop; posts made before it
 * starts are merged.  Any thread, a signal handler, or a forked child that
 * has not called exec.  Leaves errno alone.
 */
void iv_event_raw_post(const struct iv_event_raw *);

/*
 * The descriptor that foreign code writes to in order to post: 8 bytes, a
 * uint64_t of 1, at once.  It does not block, and stays the event's.  Any
 * thread, while the event is registered.  Another one in a forked child that
 * goes on with the loop.  Since 1.1.
 */
int iv_event_raw_fd(const struct iv_event_raw *);

#ifdef __cplusplus
}
#endif

#endif
