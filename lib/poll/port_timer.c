/* SPDX-License-Identifier: MIT */
/*
 * port_timer.c - event ports with a kernel timer for limits that stay.
 *
 * Kernel facts leaned on, in timer_create(3C) and timer_settime(3C):
 *  - A timer with SIGEV_PORT queues an event when it expires.  Stopping it
 *    does not withdraw one that is queued: that one fires for nothing.
 *  - For this clock a privilege is needed; without it EPERM makes the method
 *    unusable, and port is next.
 *  - Timers are not inherited by forked children; there the number may be
 *    one of theirs.
 */
#include "config.h"
#include "loop/poll_method.h"

#ifdef HAVE_PORT

#include "poll/port.h"
#include "sys/sys.h"

static int pt_open(struct ivi_poller *p)
{
	struct port *port = (struct port *)p;
	port_notify_t notify = { 0 };
	struct sigevent se = { .sigev_notify = SIGEV_PORT };
	int ret = port_open(p);

	if (ret < 0)
		return ret;
	notify.portnfy_port = port->fd;
	se.sigev_value.sival_ptr = &notify;
	if (timer_create(CLOCK_MONOTONIC, &se, &port->timer) < 0) {
		ret = -errno;
		port_close(p);
		return ret;
	}
	return 0;
}

static void pt_close(struct ivi_poller *p)
{
	struct port *port = (struct port *)p;

	if (p->generation == ivi_fork_generation())
		timer_delete(port->timer);
	port_close(p);
}

static int pt_arm(struct ivi_poller *p, int64_t at)
{
	struct port *port = (struct port *)p;
	struct itimerspec its = { { 0, 0 }, { 0, 0 } };

	if (at != IVI_NEVER)
		its.it_value = ivi_ns_to_ts(at);
	if (timer_settime(port->timer, TIMER_ABSTIME, &its, NULL) < 0)
		return -errno;
	return 0;
}

const struct ivi_poll_method ivi_poll_port_timer = {
	.name = "port-timer",
	.caps = IVI_CAP_NUMBERS | IVI_CAP_PRI,
	.size = sizeof(struct port),
	.open = pt_open,
	.close = pt_close,
	.apply = port_apply,
	.wait = port_wait,
	.arm = pt_arm,
	.wake_open = port_wake_open,
	.wake = port_wake,
	.descriptor = port_descriptor,
};

#else
IVI_METHOD_ABSENT(port_timer);
#endif
