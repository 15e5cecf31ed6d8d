/* SPDX-License-Identifier: MIT */
/*
 * dev_poll.c - /dev/poll of Solaris and illumos.
 *
 * Kernel facts leaned on, in poll(7D):
 *  - What is written to it are changes, done in order.  Events are OR-ed to
 *    those of the descriptor's entry; fewer of them take a POLLREMOVE first.
 *  - A descriptor that is not open is ignored without an error.
 *  - One that is closed while in the set gives POLLNVAL for ever, and once
 *    its number is used again that is what the entry means.
 *  - Neither a write nor the answer may have more entries than
 *    RLIMIT_NOFILE, which may be lowered at any time: EINVAL.
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

struct dp {
	struct ivi_poller	p;
	int	fd;
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
		written = write(dp->fd, dp->change + done,
				n * sizeof(dp->change[0]));
		if (written >= 0)
			done += (size_t)written / sizeof(dp->change[0]);
		else if (errno != EINTR &&
			 !(errno == EINVAL && fewer(dp)))
			ret = -errno;
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

static short events_of(unsigned bands)
{
	return (short)((bands & IVI_IN ? POLLIN : 0) |
		       (bands & IVI_OUT ? POLLOUT : 0));
}

static int add(struct dp *dp, struct ivi_fd *f)
{
	short events = events_of(f->wanted);
	int ret = enter(dp, f);

	if (ret < 0)
		return ret;
	if ((f->armed & PRESENT) && (events_of(f->armed) & ~events))
		change(dp, ivi_fd_pub(f)->fd, POLLREMOVE);
	change(dp, ivi_fd_pub(f)->fd, events);
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
	if (ret == 0 && f->wanted != 0)
		ret = add(dp, f);
	else if (ret == 0 && (f->armed & PRESENT))
		leave(dp, f);
	if (ret == 0)
		f->armed = (uint8_t)(f->wanted |
				     (f->wanted != 0 ? PRESENT : 0));
	return ret;
}

/* ---- Waiting ---------------------------------------------------------------- */

static unsigned bands_of(short revents)
{
	if (revents & (POLLERR | POLLHUP | POLLNVAL))
		return IVI_BANDS;
	return (revents & POLLIN ? IVI_IN : 0U) |
	       (revents & POLLOUT ? IVI_OUT : 0U);
}

/* False if it has been reported already.  One that was closed is told so
   once, and left out until its handlers change. */
static bool decode(struct dp *dp, const struct pollfd *pfd)
{
	struct ivi_fd *f = fdmap_get(&dp->map, (uintptr_t)pfd->fd);
	bool fresh;

	if (f == NULL)
		return true;
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
		if ((size_t)n < dp->most || !all_fresh)
			break;
		n = ask(dp, 0);
	}
	return 0;
}

/* ---- The device -------------------------------------------------------------- */

static void dp_close(struct ivi_poller *p)
{
	struct dp *dp = (struct dp *)p;

	close(dp->fd);
	fdmap_clear(&dp->map);
}

static int dp_open(struct ivi_poller *p)
{
	struct dp *dp = (struct dp *)p;
	int ret;

	dp->fd = open("/dev/poll", O_RDWR | O_CLOEXEC);
	if (dp->fd < 0)
		return -errno;
	dp->most = BATCH;
	dp->changes = 0;
	ret = ivi_fd_cloexec(dp->fd);
	if (ret == 0)
		ret = ask(dp, 0);
	if (ret < 0)
		dp_close(p);
	return ret;
}

const struct ivi_poll_method ivi_poll_dev_poll = {
	.name = "dev_poll",
	.caps = IVI_CAP_NUMBERS,
	.size = sizeof(struct dp),
	.open = dp_open,
	.close = dp_close,
	.apply = dp_apply,
	.wait = dp_wait,
};

#else
IVI_METHOD_ABSENT(dev_poll);
#endif
