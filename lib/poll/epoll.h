/* SPDX-License-Identifier: MIT */
/*
 * epoll.h - what epoll-timerfd borrows from epoll.
 */
#ifndef IVI_POLL_EPOLL_H
#define IVI_POLL_EPOLL_H

#include <string.h>
#include <sys/epoll.h>
#include "poll/fdmap.h"

/* Events fetched by one wait.  The kernel rotates its ready list, so a fixed
   number starves nobody. */
#define EP_BATCH	1024

/* Resumed descriptors that one wait looks at before it arms them. */
#define EP_LOOK		64

/*
 * What the kernel gives back with an event.  An entry speaks for the iv_fd of
 * that number if that has this generation, and is stale otherwise.
 */
struct ep_token {
	uint32_t	number;
	uint32_t	generation;
};

/* Generations that no iv_fd has. */
#define EP_NEVER	0		/* not told yet */
#define EP_TIMER	1
#define EP_NOBODY	2
#define EP_FIRST	3

struct ep {
	struct ivi_poller	p;
	int	fd;
	bool	no_pwait2;	/* the kernel or a sandbox refused it */
	bool	eager;		/* take out at once what is unregistered */
	bool	left;		/* something was not, since open() */
	bool	broken;		/* a new set is needed */
	uint32_t	generation;	/* the latest */
	struct fdmap	map;	/* whoever is in the set; or `nobody' */
	struct ivi_fd	nobody;
	int	timer_fd;	/* epoll_timerfd.c; -1: none yet */
	bool	shown;		/* `outer' was asked for */
	int	outer;		/* a set with nothing but `fd'; -1: none now */
	bool	skip_wait;	/* the look has shown that there is no need */
	unsigned	doubt;		/* resumed ones to arm without a look */
	unsigned	resumed;	/* how many in `resume' */
	/* Not zeroed: */
	struct ivi_fd	*resume[EP_LOOK];	/* from apply() to look() */
	struct epoll_event	batch[EP_BATCH];
};

static inline epoll_data_t ep_data(int number, uint32_t generation)
{
	struct ep_token t = { (uint32_t)number, generation };
	epoll_data_t data;

	memcpy(&data, &t, sizeof(t));
	return data;
}

int ep_open(struct ivi_poller *p);
void ep_close(struct ivi_poller *p);
int ep_apply(struct ivi_poller *p, struct ivi_fd *f);
void ep_look(struct ivi_poller *p);
bool ep_lost(struct ivi_poller *p, struct ivi_fd *f);
unsigned ep_wait(struct ivi_poller *p, int64_t until);
int ep_descriptor(struct ivi_poller *p);

#endif
