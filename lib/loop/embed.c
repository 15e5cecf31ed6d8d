/* SPDX-License-Identifier: MIT */
/*
 * embed.c - a loop inside another program's.
 *
 * The host sees the poll method's kernel object, so what it is to see has to be
 * in there, and what it cannot see has to make its sleep shorter.
 */
#include "loop/loop.h"

/* How long a host naps at most if there is no channel to wake it. */
#define RETRY_NS	(10 * INT64_C(1000000))

static int fail(int err)
{
	errno = -err;
	return -1;
}

/* The channel is among what the kernel is told.  To look may take away that it
   is readable: what has been posted by then makes it so once more.  As
   ivi_events_rest(). */
static int settle(struct ivi_loop *loop)
{
	int ret = ivi_events_rest(loop);

	ivi_poller_settle(loop->poller, ivi_timers_limit(loop));
	return ret < 0 ? ret : ivi_events_rest(loop);
}

/* Whoever asks for a handle later may hand it to a poster while the host
   sleeps, and what is found here the kernel may not show any more. */
IVI_PUBLIC int iv_loop_fd(void)
{
	struct ivi_loop *loop = ivi_loop_of_caller("iv_loop_fd");
	int fd, ret;

	ivi_loop_check_fork(loop);
	fd = ivi_poller_descriptor(loop->poller);
	if (fd < 0)
		return fail(fd);
	ivi_events_hand(loop);
	ret = settle(loop);
	if (ret < 0)
		return fail(ret);
	if (ivi_poller_found(loop->poller))
		ivi_events_show(loop);
	return fd;
}

/* When the host has to let the loop have a turn: IVI_NOW, IVI_NEVER, ... */
static int64_t limit(struct ivi_loop *loop)
{
	int ret = settle(loop);
	int64_t soonest = ivi_timers_limit(loop);

	if (ivi_poller_found(loop->poller) || ret > 0 ||
	    ivi_tasks_pending(&loop->tasks) ||
	    ivi_hooks_at(&loop->hooks, IV_HOOK_IDLE))
		return IVI_NOW;
	soonest = ivi_poller_limit(loop->poller, soonest);
	if (ret < 0 && soonest > ivi_clock_ns() + RETRY_NS)
		soonest = ivi_clock_ns() + RETRY_NS;
	return soonest;
}

IVI_PUBLIC int iv_loop_timeout(struct timespec *left)
{
	static const char fn[] = "iv_loop_timeout";
	struct ivi_loop *loop = ivi_loop_of_caller(fn);
	int64_t until;

	ivi_check_object(fn, "timespec", left);
	ivi_loop_check_fork(loop);
	until = limit(loop);
	if (until == IVI_NEVER)
		return 0;
	*left = ivi_ns_to_ts(until == IVI_NOW ? 0 :
			     ivi_ns_left(until, ivi_clock_ns()));
	return 1;
}

IVI_PUBLIC int iv_loop_fork(void)
{
	struct ivi_loop *loop = ivi_loop_of_caller("iv_loop_fork");
	int ret, err;

	ivi_loop_check_fork(loop);
	ret = ivi_poller_renew(loop->poller);
	err = ivi_events_rest(loop);
	if (ret == 0 && err < 0)
		ret = err;
	return ret < 0 ? fail(ret) : 0;
}
