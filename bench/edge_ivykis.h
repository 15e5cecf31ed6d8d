/* SPDX-License-Identifier: MIT */
/* edge_ivykis.h - iv_fd with IV_FD_EDGE. */
#ifndef EDGE_IVYKIS_H
#define EDGE_IVYKIS_H

#include <iv.h>

struct edge {
	int	fd;
	struct iv_fd	w;
	void	(*in)(struct edge *);
	void	(*out)(struct edge *);
};

static inline void edges_open(void)
{
	iv_init();
}

static void edge_in(void *e)
{
	((struct edge *)e)->in(e);
}

static void edge_out(void *e)
{
	((struct edge *)e)->out(e);
}

static inline void edge_add(struct edge *e)
{
	IV_FD_INIT(&e->w);
	e->w.fd = e->fd;
	e->w.cookie = e;
	e->w.handler_in = edge_in;
	iv_fd_set_flags(&e->w, IV_FD_EDGE | IV_FD_RAW);
	iv_fd_register(&e->w);
}

static inline void edge_want_out(struct edge *e, bool on)
{
	iv_fd_set_handler_out(&e->w, on ? edge_out : NULL);
}

static inline void edges_stop(void)
{
	iv_quit();
}

static inline void edges_run(void)
{
	iv_main();
}

#endif
