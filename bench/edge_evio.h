/* SPDX-License-Identifier: MIT */
/* edge_evio.h - evio, the generation that EVIO_COMPAT says. */
#ifndef EDGE_EVIO_H
#define EDGE_EVIO_H

#include <evio.h>

struct edge {
	int	fd;
	bool	wants_out;
	void	(*in)(struct edge *);
	void	(*out)(struct edge *);
};

static bool edges_stopped;

void evio_on_data(void *arg)
{
	struct edge *e = arg;

	e->in(e);
#if EVIO_COMPAT == 2
	evio_add_read(e->fd, e);
#endif
}

void evio_on_ready(void *arg)
{
	struct edge *e = arg;

	if (e->wants_out)
		e->out(e);
}

static inline void edges_open(void)
{
	evio_create();
}

static inline void edge_add(struct edge *e)
{
	if (evio_add(e->fd, e) < 0)
		exit(2);
}

static inline void edge_want_out(struct edge *e, bool on)
{
	e->wants_out = on;
#if EVIO_COMPAT == 2
	if (on)
		evio_add_write(e->fd, e);
#endif
}

static inline void edges_stop(void)
{
	edges_stopped = true;
}

static inline void edges_run(void)
{
	for (edges_stopped = false; !edges_stopped; )
		evio_review(-1);
}
#endif
