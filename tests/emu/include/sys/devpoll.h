/* SPDX-License-Identifier: MIT */
/*
 * sys/devpoll.h - /dev/poll as poll(7D) documents it.
 */
#ifndef EMU_SYS_DEVPOLL_H
#define EMU_SYS_DEVPOLL_H

#include <poll.h>

#ifndef POLLREMOVE
#define POLLREMOVE	0x1000
#endif

#define DP_POLL		0xd001
#define DP_ISPOLLED	0xd002

typedef struct dvpoll {
	struct pollfd	*dp_fds;
	nfds_t		dp_nfds;
	int		dp_timeout;
} dvpoll_t;

#endif
