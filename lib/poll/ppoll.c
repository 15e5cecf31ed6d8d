/* SPDX-License-Identifier: MIT */
/*
 * ppoll.c - ppoll(2): poll with limits in nanoseconds.
 *
 * Should it be forbidden later (seccomp(2)), a loop goes on with poll.
 */
#include "config.h"
#include "loop/poll_method.h"

#if defined(HAVE_POLL) && defined(HAVE_PPOLL)

#include "poll/pollset.h"
#include "sys/sys.h"

/* Once it has worked, what changes later is for the wait to find out. */
static int pp_open(struct ivi_poller *p)
{
	const struct timespec zero = { 0, 0 };
	static bool known;

	if (!__atomic_load_n(&known, __ATOMIC_RELAXED)) {
		if (ppoll(NULL, 0, &zero, NULL) < 0 && ivi_absent(errno))
			return -errno;
		__atomic_store_n(&known, true, __ATOMIC_RELAXED);
	}
	return ps_open(p);
}

static unsigned pp_wait(struct ivi_poller *p, int64_t until)
{
	struct pollset *ps = (struct pollset *)p;
	struct timespec ts = { 0, 0 };
	int n;

	if (until != IVI_NOW && until != IVI_NEVER)
		ts = ivi_ns_to_ts(ivi_ns_left(until, ivi_clock_ns()));
	n = ppoll(ps->pfd, (nfds_t)ps->used,
		  until == IVI_NEVER ? NULL : &ts, NULL);
	if (n < 0 && errno == EINVAL && ps->used > ivi_fd_limit())
		n = ps_wait_in_parts(ps, until);
	if (n < 0 && ivi_absent(errno)) {
		p->method = &ivi_poll_poll;
		return p->method->wait(p, until);
	}
	if (n < 0)
		ps_failed("ppoll");
	ps_decode(ps, n);
	return 0;
}

const struct ivi_poll_method ivi_poll_ppoll = {
	.name = "ppoll",
	.caps = IVI_CAP_EAGER | IVI_CAP_PRI,
	.size = sizeof(struct pollset),
	.open = pp_open,
	.close = ps_close,
	.apply = ps_apply,
	.wait = pp_wait,
	.verify = ps_verify,
};

#else
IVI_METHOD_ABSENT(ppoll);
#endif
