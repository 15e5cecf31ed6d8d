/* SPDX-License-Identifier: MIT */
/*
 * oneshot.c - evio, generation 2: each direction of a descriptor is armed, by
 * itself and with its own argument, and told of once.
 *
 * Nothing is lost: an event is dropped only if its direction is not armed, or
 * has been armed since, and arming looks at the descriptor afresh.  poller.h has
 * the rest.
 */
#define EVIO_COMPAT	2
#include <poll.h>
#include <ivykis-evio/evio.h>
#include "compat/evio/poller.h"

intptr_t evio_create(void)
{
	return kernel_created(poller_create());
}

/* What EV says of what is armed, which then is not any more; and to whom. */
static unsigned take(const kernel_event *ev, struct slot *of)
{
	unsigned bands, got = 0;
	struct slot *s;

	lock();
	s = kernel_slot(ev, &bands);
	if (s != NULL) {
		*of = *s;
		got = bands & s->bands;
		s->bands &= (uint8_t)~got;
		if (got != 0 && (bands & BAND_ERROR)) {
			got |= BAND_ERROR;
			s->bands = 0;
		}
		if (s->bands != 0)
			kernel_rearm(ev, s);
	}
	unlock();
	return got;
}

static int deliver(const kernel_event *ev)
{
	struct slot s;
	unsigned got = take(ev, &s);

	if (got == 0)
		return 0;
	if (got & BAND_ERROR) {
		evio_on_error(s.arg[got & BAND_IN ? 0 : 1]);
		return 1;
	}
	if (got & BAND_IN)
		evio_on_data(s.arg[0]);
	if (got == (BAND_IN | BAND_OUT) &&
	    !poller_knows(event_number(ev), &s))
		return 1;
	if (got & BAND_OUT)
		evio_on_ready(s.arg[1]);
	return got == (BAND_IN | BAND_OUT) ? 2 : 1;
}

int evio_wait(const int timeout_millisec)
{
	struct pollfd pfd = { .fd = poller_queue(), .events = POLLIN };
	int ret;

	if (pfd.fd < 0)
		return -1;
	ret = poll(&pfd, 1, timeout_millisec < 0 ? -1 : timeout_millisec);
	return ret < 0 && errno == EINTR ? 0 : ret;
}

static int arm(int fd, unsigned bands, void *arg)
{
	int ret;

	lock();
	ret = kernel_arm(fd, bands, arg);
	unlock();
	return ret;
}

int evio_add(int fd, void *callback_arg)
{
	return arm(fd, BAND_IN | BAND_OUT, callback_arg);
}

int evio_add_read(int fd, void *callback_arg)
{
	return arm(fd, BAND_IN, callback_arg);
}

int evio_add_write(int fd, void *callback_arg)
{
	return arm(fd, BAND_OUT, callback_arg);
}

void evio_remove(int fd)
{
	lock();
	kernel_remove(fd);
	unlock();
}

int evio_open_timer(void)
{
	return kernel_timer_open();
}

int evio_set_timer(int fd, void *callback_arg, unsigned long milliseconds)
{
	int ret;

	lock();
	ret = kernel_timer(fd, callback_arg, milliseconds, false);
	unlock();
	return ret;
}
