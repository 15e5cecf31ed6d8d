/* SPDX-License-Identifier: MIT */
/*
 * port.c - event ports of Solaris and illumos.
 *
 * Kernel facts leaned on, in port_associate(3C) and port_get(3C):
 *  - An association is over once its event has been retrieved.  Making it
 *    anew looks at the descriptor afresh, so doing that before each wait
 *    gives levels.
 *  - POLLERR and POLLHUP are reported whether asked for or not.
 *  - An event says what was true when it was queued.  All that are queued
 *    are fetched at once, so it is at most as old as the last wait.
 *  - port_getn() whose time has come says ETIME, but has stored the events
 *    that were there; interrupted by a signal it leaves the count as it was.
 *  - Closing a descriptor ends its association and drops its event.
 *  - A port is shared with forked children: they close it and open another.
 */
#include "config.h"
#include "loop/poll_method.h"

#ifdef HAVE_PORT

#include <poll.h>
#include "poll/port.h"
#include "sys/sys.h"

/* In `armed'. */
#define ASSOCIATED	0x10	/* not fired yet; there even if nothing is wanted */

static int events_of(const struct ivi_fd *f)
{
	return (f->wanted & IVI_IN ? POLLIN : 0) |
	       (f->wanted & IVI_OUT ? POLLOUT : 0) |
	       ((f->flags & IVI_FD_PRI) && (f->wanted & IVI_ERR) ?
		POLLPRI : 0);
}

/* EAGAIN: the port has as many objects as it may have, port_associate(3C). */
static int refusal(int err)
{
	switch (err) {
	case EBADFD:
		return -EBADF;
	case EAGAIN:
		return -ENOSPC;
	default:
		return -err;
	}
}

static int associate(struct port *port, struct ivi_fd *f)
{
	if (port_associate(port->fd, PORT_SOURCE_FD,
			   (uintptr_t)ivi_fd_pub(f)->fd, events_of(f), f) < 0)
		return refusal(errno);
	f->armed = (uint8_t)(ASSOCIATED | f->wanted);
	return 0;
}

/* One that has been closed is not associated any more. */
static void dissociate(struct port *port, struct ivi_fd *f)
{
	port_dissociate(port->fd, PORT_SOURCE_FD,
			(uintptr_t)ivi_fd_pub(f)->fd);
	f->armed = 0;
}

/* Suspended, it stays associated, and has fired for the last time then. */
int port_apply(struct ivi_poller *p, struct ivi_fd *f)
{
	struct port *port = (struct port *)p;

	if (f->flags & IVI_FD_GONE) {
		dissociate(port, f);
		return 0;
	}
	if (f->wanted == 0 && !(f->flags & IVI_FD_PROBE))
		return 0;
	return associate(port, f);
}

static unsigned bands_of(int events)
{
	if (events & (POLLERR | POLLHUP | POLLNVAL))
		return IVI_BANDS;
	return (events & POLLIN ? IVI_IN : 0U) |
	       (events & POLLOUT ? IVI_OUT : 0U) |
	       (events & POLLPRI ? IVI_ERR : 0U);
}

static unsigned decode(struct port *port, const port_event_t *ev)
{
	struct ivi_fd *f = ev->portev_user;

	if (ev->portev_source == PORT_SOURCE_TIMER)
		return IVI_WOKE_TIMER;
	if (ev->portev_source != PORT_SOURCE_FD)
		return 0;
	f->armed = 0;
	if (f->wanted != 0)
		ivi_ready(&port->p, f, bands_of(ev->portev_events));
	ivi_poller_update(&port->p, f);
	return 0;
}

/* The number of events fetched. */
static uint_t fetch(struct port *port, struct timespec *timeout)
{
	uint_t n = 1;

	if (port_getn(port->fd, port->batch, PORT_BATCH, &n, timeout) == 0 ||
	    errno == ETIME)
		return n;
	if (errno == EAGAIN || errno == ENOMEM)
		ivi_nap(10 * IVI_SEC / 1000);
	else if (errno != EINTR)
		iv_fatal("iv_main: port_getn: %s", ivi_errname(errno));
	return 0;
}

unsigned port_wait(struct ivi_poller *p, int64_t until)
{
	struct port *port = (struct port *)p;
	struct timespec ts = { 0, 0 };
	unsigned woke = 0;
	uint_t i, n;

	if (until != IVI_NOW && until != IVI_NEVER)
		ts = ivi_ns_to_ts(ivi_ns_left(until, ivi_clock_ns()));
	n = fetch(port, until == IVI_NEVER ? NULL : &ts);
	for (;;) {
		for (i = 0; i < n; i++)
			woke |= decode(port, &port->batch[i]);
		if (n < PORT_BATCH)
			return woke;
		ts.tv_sec = ts.tv_nsec = 0;
		n = fetch(port, &ts);
	}
}

int port_wake_open(struct ivi_poller *p)
{
	(void)p;
	return 0;
}

/* EAGAIN: the queue is full, so the wait has something to return. */
void port_wake(struct ivi_poller *p)
{
	struct port *port = (struct port *)p;
	int err = errno;
	unsigned n = 0;

	while (port_send(port->fd, 0, NULL) < 0 && errno != EAGAIN) {
		if (errno != ENOMEM && errno != EINTR)
			iv_fatal("iv_event_post: port_send: %s",
				 ivi_errname(errno));
		ivi_relax(n++);
	}
	errno = err;
}

int port_open(struct ivi_poller *p)
{
	struct port *port = (struct port *)p;
	int ret;

	port->fd = port_create();
	if (port->fd < 0)
		return -errno;
	ret = ivi_fd_cloexec(port->fd);
	if (ret < 0)
		ivi_close(port->fd);
	return ret;
}

void port_close(struct ivi_poller *p)
{
	struct port *port = (struct port *)p;

	ivi_close(port->fd);
	port->fd = -1;
}

int port_descriptor(struct ivi_poller *p)
{
	return ((struct port *)p)->fd;
}

const struct ivi_poll_method ivi_poll_port = {
	.name = "port",
	.caps = IVI_CAP_NUMBERS | IVI_CAP_PRI,
	.size = sizeof(struct port),
	.open = port_open,
	.close = port_close,
	.apply = port_apply,
	.wait = port_wait,
	.wake_open = port_wake_open,
	.wake = port_wake,
	.descriptor = port_descriptor,
};

#else
IVI_METHOD_ABSENT(port);
#endif
