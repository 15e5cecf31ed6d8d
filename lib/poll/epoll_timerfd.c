/* SPDX-License-Identifier: MIT */
/*
 * epoll_timerfd.c - epoll with a kernel timer for limits that stay.
 *
 * The timerfd(2) is watched edge-triggered: each expiry is one event, the
 * descriptor is never read, and setting it anew clears what it had counted.
 * It is created when it is first needed.  Zero would disarm it, so the
 * earliest time is 1 ns.
 */
#include "config.h"
#include "loop/poll_method.h"

#if defined(HAVE_EPOLL) && defined(HAVE_TIMERFD)

#include <sys/timerfd.h>
#include "poll/epoll.h"
#include "sys/sys.h"

static int timer_create_fd(void)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Whether the kernel has them; lack of descriptors does not tell. */
static int probe(void)
{
	static bool known;
	int fd;

	if (__atomic_load_n(&known, __ATOMIC_RELAXED))
		return 0;
	fd = timer_create_fd();
	if (fd < 0 && ivi_absent(-fd))
		return fd;
	if (fd >= 0) {
		__atomic_store_n(&known, true, __ATOMIC_RELAXED);
		ivi_close(fd);
	}
	return 0;
}

static int et_open(struct ivi_poller *p)
{
	int ret = ep_open(p);

	if (ret < 0)
		return ret;
	ret = probe();
	if (ret < 0)
		ep_close(p);
	return ret;
}

static int timer_make(struct ep *ep)
{
	struct epoll_event ev = {
		.events = EPOLLIN | EPOLLET,
		.data = ep_data(0, EP_TIMER),
	};
	int fd = timer_create_fd(), ret;

	if (fd < 0)
		return fd;
	if (epoll_ctl(ep->fd, EPOLL_CTL_ADD, fd, &ev) < 0) {
		ret = -errno;
		ivi_close(fd);
		return ret;
	}
	ep->timer_fd = fd;
	return 0;
}

static int et_arm(struct ivi_poller *p, int64_t at)
{
	struct ep *ep = (struct ep *)p;
	struct itimerspec its = { { 0, 0 }, { 0, 0 } };

	if (ep->timer_fd < 0) {
		int ret = timer_make(ep);

		if (ret < 0)
			return ret;
	}
	if (at != IVI_NEVER)
		its.it_value = ivi_ns_to_ts(at);
	if (timerfd_settime(ep->timer_fd, TFD_TIMER_ABSTIME, &its, NULL) < 0)
		return -errno;
	return 0;
}

const struct ivi_poll_method ivi_poll_epoll_timerfd = {
	.name = "epoll-timerfd",
	.caps = IVI_CAP_EDGE | IVI_CAP_PRI | IVI_CAP_EPERM,
	.size = sizeof(struct ep),
	.zeroed = offsetof(struct ep, resume),
	.open = et_open,
	.close = ep_close,
	.apply = ep_apply,
	.lost = ep_lost,
	.look = ep_look,
	.wait = ep_wait,
	.arm = et_arm,
	.descriptor = ep_descriptor,
};

#else
IVI_METHOD_ABSENT(epoll_timerfd);
#endif
