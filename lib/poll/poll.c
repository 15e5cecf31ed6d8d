/* SPDX-License-Identifier: MIT */
/*
 * poll.c - POSIX poll(2).
 *
 * The set is an array in our memory, so changes are made at once and cost no
 * system call.  A closed descriptor is answered with POLLNVAL for ever: its
 * handlers are told once, then it leaves the set.  AIX may return -1 without
 * setting errno, which is taken for EINTR.
 *
 * No more entries than RLIMIT_NOFILE are accepted (EINVAL, poll(2)), and that
 * may be lowered below what is open already, also from outside.  No call waits
 * for more of them then, so all are looked at every few milliseconds.
 */
#include "config.h"
#include "loop/poll_method.h"

#ifdef HAVE_POLL

#include "poll/pollset.h"
#include "sys/sys.h"

#define FIRST_SIZE	16

/* Between two looks at a set that is too large for one call. */
#define LOOK_NS	(10 * IVI_SEC / 1000)

static short events_of(const struct ivi_fd *f)
{
	return (short)((f->wanted & IVI_IN ? POLLIN : 0) |
		       (f->wanted & IVI_OUT ? POLLOUT : 0) |
		       ((f->flags & IVI_FD_PRI) && (f->wanted & IVI_ERR) ?
			POLLPRI : 0) | POLLHUP);
}

static int grow(struct pollset *ps)
{
	int size = ps->size ? 2 * ps->size : FIRST_SIZE;
	struct pollfd *pfd;
	struct ivi_fd **fd;

	pfd = ivi_realloc(ps->pfd, (size_t)size * sizeof(*pfd));
	if (pfd == NULL)
		return -ENOMEM;
	ps->pfd = pfd;
	fd = ivi_realloc(ps->fd, (size_t)size * sizeof(*fd));
	if (fd == NULL)
		return -ENOMEM;
	ps->fd = fd;
	ps->size = size;
	return 0;
}

static void drop(struct pollset *ps, struct ivi_fd *f)
{
	int last = --ps->used;

	ps->pfd[f->index] = ps->pfd[last];
	ps->fd[f->index] = ps->fd[last];
	ps->fd[f->index]->index = f->index;
	f->index = -1;
}

static int add(struct pollset *ps, struct ivi_fd *f)
{
	int ret;

	if (ps->used == ps->size) {
		ret = grow(ps);
		if (ret < 0)
			return ret;
	}
	f->index = ps->used++;
	ps->fd[f->index] = f;
	ps->pfd[f->index].fd = ivi_fd_pub(f)->fd;
	return 0;
}

int ps_apply(struct ivi_poller *p, struct ivi_fd *f)
{
	struct pollset *ps = (struct pollset *)p;

	if (f->wanted == 0) {
		if (f->index >= 0)
			drop(ps, f);
	} else {
		int ret = f->index < 0 ? add(ps, f) : 0;

		if (ret < 0)
			return ret;
		ps->pfd[f->index].events = events_of(f);
	}
	f->armed = f->wanted;
	return 0;
}

static unsigned bands_of(short revents)
{
	unsigned bands = 0;

	if (revents & (POLLIN | POLLERR | POLLHUP | POLLNVAL))
		bands |= IVI_IN;
	if (revents & (POLLOUT | POLLERR | POLLHUP | POLLNVAL))
		bands |= IVI_OUT;
	if (revents & (POLLERR | POLLHUP | POLLNVAL | POLLPRI))
		bands |= IVI_ERR;
	return bands;
}

/* drop() moves the last entry, not yet looked at, into the gap. */
void ps_decode(struct pollset *ps, int n)
{
	int i = 0;

	while (n > 0 && i < ps->used) {
		short revents = ps->pfd[i].revents;

		if (revents != 0) {
			n--;
			ivi_ready(&ps->p, ps->fd[i], bands_of(revents));
		}
		if (revents & POLLNVAL)
			drop(ps, ps->fd[i]);
		else
			i++;
	}
}

static int look_in_parts(struct pollset *ps)
{
	int limit = ivi_fd_limit(), found = 0, i, n, ret;

	for (i = 0; limit > 0 && i < ps->used; i += n) {
		n = ps->used - i < limit ? ps->used - i : limit;
		errno = EINTR;
		ret = poll(ps->pfd + i, (nfds_t)n, 0);
		if (ret < 0)
			return ret;
		found += ret;
	}
	return found;
}

int ps_wait_in_parts(struct pollset *ps, int64_t until)
{
	int n = look_in_parts(ps);
	int64_t left = LOOK_NS;

	if (n < 0 && errno == EINVAL)
		n = 0;		/* lowered again meanwhile */
	if (n != 0 || until == IVI_NOW)
		return n;
	if (until != IVI_NEVER)
		left = ivi_ns_left(until, ivi_clock_ns());
	ivi_nap(left < LOOK_NS ? left : LOOK_NS);
	return 0;
}

void ps_failed(const char *call)
{
	if (errno == EINTR)
		return;
	if (errno != ENOMEM && errno != EAGAIN)
		iv_fatal("iv_main: %s: %s", call, ivi_errname(errno));
	ivi_nap(10 * IVI_SEC / 1000);
}

int ps_open(struct ivi_poller *p)
{
	struct pollset *ps = (struct pollset *)p;

	ps->used = 0;
	return 0;
}

void ps_close(struct ivi_poller *p)
{
	struct pollset *ps = (struct pollset *)p;

	ivi_free(ps->pfd);
	ivi_free(ps->fd);
	ps->pfd = NULL;
	ps->fd = NULL;
	ps->size = 0;
}

static unsigned ps_wait(struct ivi_poller *p, int64_t until)
{
	struct pollset *ps = (struct pollset *)p;
	int ms = -1, n;

	if (until == IVI_NOW)
		ms = 0;
	else if (until != IVI_NEVER)
		ms = ivi_ns_to_ms(ivi_ns_left(until, ivi_clock_ns()));
	errno = EINTR;
	n = poll(ps->pfd, (nfds_t)ps->used, ms);
	if (n < 0 && errno == EINVAL)
		n = ps_wait_in_parts(ps, until);
	if (n < 0)
		ps_failed("poll");
	ps_decode(ps, n);
	return 0;
}

const char *ps_verify(const struct ivi_poller *p)
{
	const struct pollset *ps = (const struct pollset *)p;
	int i;

	for (i = 0; IVI_DEBUGGING && i < ps->used; i++) {
		const struct ivi_fd *f = ps->fd[i];

		if (f->state != IVI_FD_REGISTERED || f->index != i)
			return "has an entry of an iv_fd that is not there";
		if (ps->pfd[i].fd != ivi_fd_pub(f)->fd ||
		    ps->pfd[i].events != events_of(f))
			return "asks for something that the iv_fd does not";
	}
	return NULL;
}

const struct ivi_poll_method ivi_poll_poll = {
	.name = "poll",
	.caps = IVI_CAP_EAGER | IVI_CAP_PRI,
	.size = sizeof(struct pollset),
	.open = ps_open,
	.close = ps_close,
	.apply = ps_apply,
	.wait = ps_wait,
	.verify = ps_verify,
};

#else
IVI_METHOD_ABSENT(poll);
#endif
