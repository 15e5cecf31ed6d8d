/* SPDX-License-Identifier: MIT */
/*
 * dev_poll.c - /dev/poll of Solaris and illumos.
 *
 * Kernel facts leaned on, in poll(7D):
 *  - What is written to it are changes, done in order.  Events are OR-ed to
 *    those of the descriptor's entry; fewer of them take a POLLREMOVE first.
 *  - A descriptor that is not open is ignored without an error, but its
 *    events are kept: the next file with the number gets them, too.
 *  - One that is closed while in the set gives POLLNVAL for ever, and once
 *    its number is used again that is what the entry means.
 *  - A write of more than 255 entries, and more than RLIMIT_NOFILE, which may
 *    be lowered at any time: EINVAL.  An answer is cut to the limit; older
 *    kernels refuse to give one with room for more.
 *  - If not all that is ready fits the answer, the next one goes on from
 *    there.
 *  - A forked child can only close it: EACCES.
 *
 * Changes are collected and written before waiting, and at once when a
 * descriptor is unregistered, because it will be closed.
 */
#include "config.h"
#include "loop/poll_method.h"

#ifdef HAVE_DEVPOLL

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/devpoll.h>
#include <sys/ioctl.h>
#include "poll/fdmap.h"
#include "sys/sys.h"

#ifndef O_CLOEXEC
#define O_CLOEXEC	0
#endif

/* In `armed'. */
#define PRESENT		0x10	/* in the kernel's set and in the map */

#define BATCH		1024

/* A shorter answer has not been cut. */
#define SHORT		64

struct dp {
	struct ivi_poller	p;
	int	fd;
	bool	shown;		/* a host watches `fd' */
	bool	kept;		/* open, though the set is given up */
	size_t	most;		/* entries that one call takes */
	struct fdmap	map;	/* what is in the set */
	size_t	changes;	/* to be written */
	struct pollfd	change[BATCH];
	struct pollfd	answer[BATCH];
};

/* ---- Changes ------------------------------------------------------------- */

/* After EINVAL: false if it cannot have been too many entries. */
static bool fewer(struct dp *dp)
{
	if (dp->most == 1)
		return false;
	dp->most /= 2;
	return true;
}

/* Writes what has been collected: 0, or -errno with the rest kept. */
static int write_changes(struct dp *dp)
{
	size_t done = 0;
	int ret = 0;

	while (done < dp->changes && ret == 0) {
		size_t n = dp->changes - done;
		ssize_t written;

		if (n > dp->most)
			n = dp->most;
		written = ivi_write(dp->fd, dp->change + done,
				    n * sizeof(dp->change[0]));
		if (written >= 0)
			done += (size_t)written / sizeof(dp->change[0]);
		else if (written != -EINVAL || !fewer(dp))
			ret = (int)written;
	}
	dp->changes -= done;
	memmove(dp->change, dp->change + done,
		dp->changes * sizeof(dp->change[0]));
	return ret;
}

/* Room for N changes: 0 or -errno. */
static int reserve(struct dp *dp, size_t n)
{
	return dp->changes + n <= BATCH ? 0 : write_changes(dp);
}

/* There is room for it. */
static void change(struct dp *dp, int fd, short events)
{
	struct pollfd *pfd = &dp->change[dp->changes++];

	pfd->fd = fd;
	pfd->events = events;
	pfd->revents = 0;
}

/* ---- Descriptors ----------------------------------------------------------- */

/* Two with one number: the other one was closed. */
static int enter(struct dp *dp, struct ivi_fd *f)
{
	int number = ivi_fd_pub(f)->fd;
	struct ivi_fd *other = fdmap_get(&dp->map, (uintptr_t)number);

	if (other != NULL && other != f)
		return -EEXIST;
	return fdmap_put(&dp->map, number, f);
}

/* There is room for one change. */
static void leave(struct dp *dp, struct ivi_fd *f)
{
	int fd = ivi_fd_pub(f)->fd;

	change(dp, fd, POLLREMOVE);
	fdmap_drop(&dp->map, fd, f);
	f->armed &= (uint8_t)~PRESENT;
}

static short events_of(const struct ivi_fd *f, unsigned bands)
{
	return (short)((bands & IVI_IN ? POLLIN : 0) |
		       (bands & IVI_OUT ? POLLOUT : 0) |
		       ((f->flags & IVI_FD_PRI) && (bands & IVI_ERR) ?
			POLLPRI : 0));
}

/* Told once, and left out until its handlers change. */
static void tell_closed(struct dp *dp, struct ivi_fd *f)
{
	ivi_ready(&dp->p, f, IVI_BANDS);
	if (f->armed & PRESENT)
		leave(dp, f);
	f->armed = f->wanted;
}

static int add(struct dp *dp, struct ivi_fd *f)
{
	int fd = ivi_fd_pub(f)->fd, ret;
	short events = events_of(f, f->wanted);

	if (ivi_fd_check(fd) < 0) {
		tell_closed(dp, f);
		return 0;
	}
	ret = enter(dp, f);
	if (ret < 0)
		return ret;
	if ((f->armed & PRESENT) && (events_of(f, f->armed) & ~events))
		change(dp, fd, POLLREMOVE);
	change(dp, fd, events);
	f->armed = (uint8_t)(f->wanted | PRESENT);
	return 0;
}

/*
 * Removed at once.  If that cannot be written now, it will be before all that
 * may come under this number; if it cannot even be kept, a new set is needed.
 */
static void drop(struct dp *dp, struct ivi_fd *f)
{
	int fd = ivi_fd_pub(f)->fd;

	f->armed = 0;
	fdmap_drop(&dp->map, fd, f);
	if (reserve(dp, 1) < 0) {
		ivi_poller_reopen(&dp->p);
		return;
	}
	change(dp, fd, POLLREMOVE);
	write_changes(dp);
}

static int dp_apply(struct ivi_poller *p, struct ivi_fd *f)
{
	struct dp *dp = (struct dp *)p;
	int ret;

	if (f->flags & IVI_FD_GONE) {
		if (f->armed & PRESENT)
			drop(dp, f);
		return 0;
	}
	ret = reserve(dp, 2);
	if (ret < 0)
		return ret;
	if (f->wanted != 0)
		return add(dp, f);
	if (f->armed & PRESENT)
		leave(dp, f);
	f->armed = 0;
	return 0;
}

/* ---- Waiting ---------------------------------------------------------------- */

static unsigned bands_of(short revents)
{
	if (revents & (POLLERR | POLLHUP | POLLNVAL))
		return IVI_BANDS;
	return (revents & POLLIN ? IVI_IN : 0U) |
	       (revents & POLLOUT ? IVI_OUT : 0U) |
	       (revents & POLLPRI ? IVI_ERR : 0U);
}

/* False if it has been reported already.  One that was closed is told so
   once, and left out until its handlers change. */
static bool decode(struct dp *dp, const struct pollfd *pfd)
{
	struct ivi_fd *f = fdmap_get(&dp->map, (uintptr_t)pfd->fd);
	bool fresh;

	if (f == NULL)
		return true;
	/* The kernel has not been told that nothing is wanted any more. */
	if (ivi_unlikely(f->wanted == 0))
		return false;
	fresh = f->ready == 0;
	ivi_ready(&dp->p, f, bands_of(pfd->revents));
	if ((pfd->revents & POLLNVAL) && reserve(dp, 1) == 0)
		leave(dp, f);
	return fresh;
}

/* Lack of memory passes, anything else is fatal. */
static void failed(const char *call, int err)
{
	if (err == EINTR)
		return;
	if (err != ENOMEM && err != EAGAIN)
		iv_fatal("iv_main: /dev/poll: %s: %s", call, ivi_errname(err));
	ivi_nap(10 * IVI_SEC / 1000);
}

/* The number of answers, or -errno. */
static int ask(struct dp *dp, int ms)
{
	struct dvpoll dvp;
	int n;

	do {
		dvp.dp_fds = dp->answer;
		dvp.dp_nfds = (nfds_t)dp->most;
		dvp.dp_timeout = ms;
		n = ioctl(dp->fd, DP_POLL, &dvp);
	} while (n < 0 && errno == EINVAL && fewer(dp));
	return n < 0 ? -errno : n;
}

static unsigned dp_wait(struct ivi_poller *p, int64_t until)
{
	struct dp *dp = (struct dp *)p;
	int i, n, ms = -1, ret = write_changes(dp);
	bool all_fresh = true;

	if (ret < 0) {
		failed("write", -ret);
		return 0;
	}
	if (until == IVI_NOW)
		ms = 0;
	else if (until != IVI_NEVER)
		ms = ivi_ns_to_ms(ivi_ns_left(until, ivi_clock_ns()));
	n = ask(dp, ms);
	if (n < 0)
		failed("DP_POLL", -n);
	while (n > 0) {
		for (i = 0; i < n; i++)
			all_fresh &= decode(dp, &dp->answer[i]);
		if ((n < SHORT && (size_t)n < dp->most) || !all_fresh)
			break;
		n = ask(dp, 0);
	}
	return 0;
}

/* ---- The device -------------------------------------------------------------- */

/* Of one that a host watches the number is kept, for the next one. */
static void dp_close(struct ivi_poller *p)
{
	struct dp *dp = (struct dp *)p;

	dp->kept = dp->shown && !p->ending &&
		   p->generation == ivi_fork_generation();
	if (!dp->kept)
		ivi_close(dp->fd);
	fdmap_clear(&dp->map);
}

/* Under the number that was kept, if there is one: 0 or -errno. */
static int open_device(struct dp *dp)
{
	int cancel = ivi_cancel_off();
	int fd = open("/dev/poll", O_RDWR | O_CLOEXEC), ret = 0;

	ivi_cancel_restore(cancel);
	if (fd < 0)
		return -errno;
	if (!dp->kept) {
		dp->fd = fd;
		return 0;
	}
	if (dup2(fd, dp->fd) < 0)
		ret = -errno;
	ivi_close(fd);
	return ret;
}

static int dp_open(struct ivi_poller *p)
{
	struct dp *dp = (struct dp *)p;
	int ret = open_device(dp);

	if (ret < 0)
		return ret;
	dp->most = BATCH;
	dp->changes = 0;
	ret = ivi_fd_cloexec(dp->fd);
	if (ret == 0)
		ret = ask(dp, 0);
	if (ret == -EINTR)
		ret = 0;
	if (ret < 0)
		dp_close(p);
	return ret;
}

static int dp_descriptor(struct ivi_poller *p)
{
	struct dp *dp = (struct dp *)p;

	dp->shown = true;
	return dp->fd;
}

const struct ivi_poll_method ivi_poll_dev_poll = {
	.name = "dev_poll",
	.caps = IVI_CAP_NUMBERS | IVI_CAP_PRI | IVI_CAP_STAGES,
	.size = sizeof(struct dp),
	.open = dp_open,
	.close = dp_close,
	.apply = dp_apply,
	.wait = dp_wait,
	.descriptor = dp_descriptor,
};

#else
IVI_METHOD_ABSENT(dev_poll);
#endif
