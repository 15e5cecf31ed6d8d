/* SPDX-License-Identifier: MIT */
/* edge_raw.h - edges by epoll alone. */
#ifndef EDGE_RAW_H
#define EDGE_RAW_H

#include <sys/epoll.h>

struct edge {
	int	fd;
	bool	wants_out;
	void	(*in)(struct edge *);
	void	(*out)(struct edge *);
};

static int edges_fd;
static bool edges_stopped;

static inline void edges_open(void)
{
	edges_fd = epoll_create1(EPOLL_CLOEXEC);
}

static inline void edge_add(struct edge *e)
{
	struct epoll_event ev = {
		.events = EPOLLIN | EPOLLOUT | EPOLLET,
		.data.ptr = e,
	};

	if (epoll_ctl(edges_fd, EPOLL_CTL_ADD, e->fd, &ev) < 0)
		die("epoll_ctl: %s", strerror(errno));
}

static inline void edge_want_out(struct edge *e, bool on)
{
	e->wants_out = on;
}

static inline void edges_stop(void)
{
	edges_stopped = true;
}

static inline void edges_run(void)
{
	struct epoll_event ev[64];
	int i, n;

	for (edges_stopped = false; !edges_stopped; ) {
		n = epoll_wait(edges_fd, ev, 64, -1);
		for (i = 0; i < n; i++) {
			struct edge *e = ev[i].data.ptr;

			if ((ev[i].events & EPOLLOUT) && e->wants_out)
				e->out(e);
			if (ev[i].events & EPOLLIN)
				e->in(e);
		}
	}
}

#endif
