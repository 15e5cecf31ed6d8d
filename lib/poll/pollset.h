/* SPDX-License-Identifier: MIT */
/*
 * pollset.h - what ppoll borrows from poll.
 */
#ifndef IVI_POLL_POLLSET_H
#define IVI_POLL_POLLSET_H

#include <poll.h>
#include "loop/poll_method.h"

/* Entry I of both arrays is the same descriptor, whose index is I. */
struct pollset {
	struct ivi_poller	p;
	struct pollfd	*pfd;
	struct ivi_fd	**fd;
	int	used;
	int	size;
};

extern const struct ivi_poll_method ivi_poll_poll;

int ps_open(struct ivi_poller *p);
void ps_close(struct ivi_poller *p);
int ps_apply(struct ivi_poller *p, struct ivi_fd *f);

/* What is wrong with the set, or NULL. */
const char *ps_verify(const struct ivi_poller *p);

/* Reports what poll() found; N: its result. */
void ps_decode(struct pollset *ps, int n);

/*
 * After EINVAL: waits for no longer than some milliseconds, by calls that are
 * given no more entries than the limit allows.  What poll() returns.
 */
int ps_wait_in_parts(struct pollset *ps, int64_t until);

/* The call failed: lack of memory passes, anything else is fatal. */
void ps_failed(const char *call);

#endif
