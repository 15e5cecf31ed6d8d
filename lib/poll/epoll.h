/* SPDX-License-Identifier: MIT */
/*
 * epoll.h - what epoll-timerfd borrows from epoll.
 */
#ifndef IVI_POLL_EPOLL_H
#define IVI_POLL_EPOLL_H

#include <sys/epoll.h>
#include "loop/poll_method.h"

/* Events fetched by one wait.  The kernel rotates its ready list, so a fixed
   number starves nobody. */
#define EP_BATCH	1024

/* Resumed descriptors that one wait looks at before it arms them. */
#define EP_LOOK		64

struct ep {
	struct ivi_poller	p;
	int	fd;
	bool	no_pwait2;	/* the kernel or a sandbox refused it */
	int	timer_fd;	/* epoll_timerfd.c; -1: none yet */
	bool	skip_wait;	/* the look has shown that there is no need */
	unsigned	doubt;		/* resumed ones to arm without a look */
	unsigned	resumed;	/* how many in `resume' */
	/* Not zeroed: */
	struct ivi_fd	*resume[EP_LOOK];	/* from apply() to look() */
	struct epoll_event	batch[EP_BATCH];
};

int ep_open(struct ivi_poller *p);
void ep_close(struct ivi_poller *p);
int ep_apply(struct ivi_poller *p, struct ivi_fd *f);
void ep_look(struct ivi_poller *p);
unsigned ep_wait(struct ivi_poller *p, int64_t until);

#endif
