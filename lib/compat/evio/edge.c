/* SPDX-License-Identifier: MIT */
/*
 * edge.c - evio, generation 1: descriptors are registered once, for both
 * directions, and told of whenever something is new.
 *
 * Both directions are one registration, so that on epoll data comes along with
 * "ready" while the other side keeps reading: the callbacks are called in that
 * order.  poller.h has the rest.
 */
#define EVIO_COMPAT	1
#include <ivykis-evio/evio.h>
#include "compat/evio/poller.h"

intptr_t evio_create(void)
{
	return poller_create();
}

/* What EV says, and to whom; 0: it is about nobody any more. */
static unsigned take(const kernel_event *ev, struct slot *of)
{
	unsigned bands = 0;
	struct slot *s;

	lock();
	s = kernel_slot(ev, &bands);
	if (s != NULL)
		*of = *s;
	unlock();
	return bands;
}

static int deliver(const kernel_event *ev)
{
	struct slot s;
	unsigned bands = take(ev, &s);

	if (bands == 0)
		return 0;
	if (bands & BAND_ERROR) {
		evio_on_error(s.arg[0]);
		return 1;
	}
	if (bands & BAND_OUT)
		evio_on_ready(s.arg[0]);
	if (bands == (BAND_IN | BAND_OUT) &&
	    !poller_knows(event_number(ev), &s))
		return 1;
	if (bands & BAND_IN)
		evio_on_data(s.arg[0]);
	return 1;
}

int evio_add(int fd, void *callback_arg)
{
	int ret;

	lock();
	ret = kernel_add(fd, callback_arg);
	unlock();
	return ret;
}

int evio_remove(int fd)
{
	int ret;

	lock();
	ret = kernel_remove(fd);
	unlock();
	return ret;
}

intptr_t evio_open_timer(void)
{
	return kernel_timer_open();
}

intptr_t evio_add_timer(int fd, void *callback_arg,
			unsigned long milliseconds)
{
	int ret;

	lock();
	ret = kernel_timer(fd, callback_arg, milliseconds, true);
	unlock();
	return ret;
}

void evio_reset_timer(int timer_fd)
{
	kernel_timer_reset(timer_fd);
}
