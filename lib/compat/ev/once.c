/* SPDX-License-Identifier: MIT */
/*
 * once.c - ev_once(): a descriptor or a timer, whichever comes first.
 */
#include "compat/ev/engine.h"

struct once {
	ev_io	io;
	ev_timer	to;
	void	(*cb)(int revents, void *arg);
	void	*arg;
};

static void done(struct ev_loop *loop, struct once *once, int revents)
{
	void (*cb)(int, void *) = once->cb;
	void *arg = once->arg;

	ev_io_stop(loop, &once->io);
	ev_timer_stop(loop, &once->to);
	evi_realloc(once, 0);
	cb(revents, arg);
}

/* The other one may have come as well. */
static void ready(struct ev_loop *loop, ev_io *w, int revents)
{
	struct once *once = iv_container_of(w, struct once, io);

	done(loop, once, revents | ev_clear_pending(loop, &once->to));
}

static void expired(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct once *once = iv_container_of(w, struct once, to);

	done(loop, once, revents | ev_clear_pending(loop, &once->io));
}

EVI_PUBLIC void ev_once(struct ev_loop *loop, int fd, int events,
			ev_tstamp timeout,
			void (*cb)(int revents, void *arg), void *arg)
{
	struct once *once = evi_realloc(NULL, sizeof(*once));

	once->cb = cb;
	once->arg = arg;
	ev_io_init(&once->io, ready, fd, events);
	ev_timer_init(&once->to, expired, timeout, 0.);
	if (fd >= 0)
		ev_io_start(loop, &once->io);
	if (timeout >= 0.)
		ev_timer_start(loop, &once->to);
}
