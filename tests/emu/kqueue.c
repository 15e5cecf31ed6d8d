/* SPDX-License-Identifier: MIT */
/*
 * kqueue.c - kqueue(2) and kevent(2) on Linux.
 *
 * Written from the manual pages of FreeBSD, NetBSD and macOS; where they
 * differ, the personality says which.  Not there: EVFILT_SIGNAL, _PROC,
 * _VNODE, _AIO, units of timers.
 *
 * It cannot know the error of a socket without clearing it: an event that
 * has one says EPIPE.
 */
#include "config.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/event.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "emu/core.h"

/* How often a wait looks at files, which nothing tells of. */
#define BLIND_NS	(10 * EMU_MS)

enum personality { FREEBSD, NETBSD, MACOS };

enum kind { FIFO, STREAM, LISTENER, DGRAM, VNODE, DEVICE, DULL };

struct knote {
	struct knote	*next, *prev;	/* in order of return */
	struct kevent	kev;
	enum kind	kind;
	int	access;		/* of the descriptor: O_RDONLY, ... */
	int	disabled;
	int	active;		/* EV_CLEAR: something is new */
	int64_t	due, period;	/* timers; due 0: never */
	uint64_t	expired;
};

struct queue {
	struct emu_object	o;
	enum personality	personality;
	struct knote	all;	/* head of the list */
	struct knote	**of_fd;	/* two for each descriptor */
	int	size;		/* of that, in descriptors */
	int	blind;		/* knotes of descriptors epoll does not take */
};

static int is_fd(const struct kevent *kev)
{
	return kev->filter == EVFILT_READ || kev->filter == EVFILT_WRITE;
}

/* Where the knote of descriptor FD is noted. */
static struct knote **slot(struct queue *q, int fd, int filter)
{
	return &q->of_fd[2 * fd + (filter == EVFILT_WRITE)];
}

static struct knote *find_fd(struct queue *q, int fd, int filter)
{
	return fd < q->size ? *slot(q, fd, filter) : NULL;
}

static int make_room(struct queue *q, int fd)
{
	int size = 2 * fd + 64;
	struct knote **grown;

	if (fd < q->size)
		return 0;
	grown = emu_realloc(q->of_fd, 2 * (size_t)size * sizeof(*grown));
	if (grown == NULL)
		return ENOMEM;
	memset(grown + 2 * q->size, 0,
	       2 * (size_t)(size - q->size) * sizeof(*grown));
	q->of_fd = grown;
	q->size = size;
	return 0;
}

static struct knote *find(struct queue *q, uintptr_t ident, int filter)
{
	struct knote *k;

	if (filter == EVFILT_READ || filter == EVFILT_WRITE)
		return find_fd(q, (int)ident, filter);
	for (k = q->all.next; k != &q->all; k = k->next)
		if (k->kev.ident == ident && k->kev.filter == filter)
			return k;
	return NULL;
}

static void list_add(struct queue *q, struct knote *k)
{
	k->next = &q->all;
	k->prev = q->all.prev;
	k->prev->next = k->next->prev = k;
}

static void list_del(struct knote *k)
{
	k->prev->next = k->next;
	k->next->prev = k->prev;
}

/* ---- What a descriptor is --------------------------------------------------- */

static int sockopt(int fd, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	getsockopt(fd, SOL_SOCKET, name, &value, &len);
	return value;
}

static enum kind socket_kind(int fd)
{
	if (sockopt(fd, SO_TYPE) == SOCK_DGRAM ||
	    sockopt(fd, SO_TYPE) == SOCK_RAW)
		return DGRAM;
	return sockopt(fd, SO_ACCEPTCONN) ? LISTENER : STREAM;
}

static enum kind kind_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return DULL;
	if (S_ISFIFO(st.st_mode))
		return FIFO;
	if (S_ISSOCK(st.st_mode))
		return socket_kind(fd);
	return S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) ? VNODE : DEVICE;
}

/* ---- Is it ready? -------------------------------------------------------------- */

static int64_t bytes(int fd)
{
	int n = 0;

	return ioctl(fd, FIONREAD, &n) < 0 ? 0 : n;
}

static void fill_eof(struct kevent *kev, short state)
{
	kev->flags |= EV_EOF;
	kev->fflags = state & POLLERR ? EPIPE : 0;
}

static int file_readable(struct kevent *kev, int fd)
{
	struct stat st;
	off_t at = lseek(fd, 0, SEEK_CUR);

	if (at < 0 || fstat(fd, &st) < 0)
		return 0;
	kev->data = st.st_size - at;
	return kev->data > 0;
}

/*
 * Linux says POLLHUP of a stream socket that is not connected yet, too, but
 * POLLRDHUP only when it has been.
 */
static int readable(struct knote *k, struct kevent *kev)
{
	int fd = (int)kev->ident;
	short state = emu_state(fd);

	switch (k->kind) {
	case VNODE:
		return file_readable(kev, fd);
	case DULL:
		kev->data = 0;
		return 1;
	case FIFO:
		if (k->access == O_WRONLY)
			return 0;
		break;
	case LISTENER:
		kev->data = 1;
		return state & POLLIN;
	case STREAM:
	case DGRAM:
		if (state & POLLRDHUP)
			fill_eof(kev, state);
		kev->data = bytes(fd);
		return state & (POLLIN | POLLRDHUP | POLLERR);
	case DEVICE:
		break;
	}
	if (state & (POLLHUP | POLLERR))
		fill_eof(kev, state);
	kev->data = bytes(fd);
	return state & (POLLIN | POLLHUP | POLLERR);
}

static int writable(struct knote *k, struct kevent *kev)
{
	int fd = (int)kev->ident;
	short state = emu_state(fd);

	kev->data = state & POLLOUT ? PIPE_BUF : 0;
	switch (k->kind) {
	case VNODE:
	case DULL:
		return 1;
	case FIFO:
		if (k->access == O_RDONLY)
			return 0;
		break;
	case LISTENER:
		return 0;
	case STREAM:
	case DGRAM:
		if (emu_is_shut(fd) ||
		    (state & (POLLHUP | POLLRDHUP)) == (POLLHUP | POLLRDHUP))
			fill_eof(kev, state);
		else if (state & POLLHUP)
			return 0;
		return kev->flags & EV_EOF || state & (POLLOUT | POLLERR);
	case DEVICE:
		break;
	}
	if (state & (POLLHUP | POLLERR))
		fill_eof(kev, state);
	return state & (POLLOUT | POLLHUP | POLLERR);
}

static int timer_expired(struct knote *k, struct kevent *kev)
{
	int64_t now = emu_now();

	while (k->due != 0 && k->due <= now) {
		k->expired++;
		k->due = k->period != 0 ? k->due + k->period : 0;
	}
	kev->data = (int64_t)k->expired;
	return k->expired > 0;
}

/* The event to return for K, if there is one. */
static int ready(struct knote *k, struct kevent *kev)
{
	if (k->disabled)
		return 0;
	*kev = k->kev;
	switch (kev->filter) {
	case EVFILT_READ:
		return (k->active || !(kev->flags & EV_CLEAR)) &&
		       readable(k, kev);
	case EVFILT_WRITE:
		return (k->active || !(kev->flags & EV_CLEAR)) &&
		       writable(k, kev);
	case EVFILT_TIMER:
		return timer_expired(k, kev);
	default:
		return k->active;
	}
}

/* ---- Changes ------------------------------------------------------------------- */

static void knote_free(struct queue *q, struct knote *k)
{
	int fd = (int)k->kev.ident;

	list_del(k);
	if (is_fd(&k->kev)) {
		q->blind -= k->kind == VNODE || k->kind == DULL;
		*slot(q, fd, k->kev.filter) = NULL;
		if (find(q, k->kev.ident, EVFILT_READ) == NULL &&
		    find(q, k->kev.ident, EVFILT_WRITE) == NULL)
			emu_unwatch(&q->o, fd);
	}
	emu_free(k);
}

static int fd_open(uintptr_t ident)
{
	return ident <= INT_MAX && fcntl((int)ident, F_GETFD) >= 0;
}

/* Refusals that depend on the kind of descriptor. */
static int fd_refused(const struct queue *q, const struct knote *k)
{
	int fd = (int)k->kev.ident;

	if (k->kev.filter != EVFILT_WRITE)
		return 0;
	if (k->kind == VNODE && q->personality == NETBSD)
		return EINVAL;
	if (k->kind != FIFO || k->access == O_RDONLY ||
	    !(emu_state(fd) & POLLERR) || q->personality == MACOS)
		return 0;
	return q->personality == NETBSD ? EBADF : EPIPE;
}

static int fd_attach(struct queue *q, struct knote *k)
{
	int fd = (int)k->kev.ident, ret;

	k->kind = kind_of(fd);
	k->access = fcntl(fd, F_GETFL) & O_ACCMODE;
	ret = fd_refused(q, k);
	if (ret == 0)
		ret = make_room(q, fd);
	if (ret != 0)
		return ret;
	ret = emu_watch(&q->o, fd);
	if (ret == -EPERM && k->kind != VNODE)
		k->kind = DULL;
	else if (ret < 0 && ret != -EEXIST && ret != -EPERM)
		return -ret;
	q->blind += k->kind == VNODE || k->kind == DULL;
	*slot(q, fd, k->kev.filter) = k;
	return 0;
}

/*
 * FreeBSD multiplies without looking: what overflows is over at once.  NetBSD
 * before 10 refuses 0, and takes what is negative for something huge.
 */
static int timer_refused(const struct queue *q, int64_t ms)
{
	if (q->personality == NETBSD)
		return ms == 0 ? EINVAL : 0;
	return ms < 0 ? EINVAL : 0;
}

/* With a coarse clock whole ticks are counted from the last one: early. */
static void timer_start(struct queue *q, struct knote *k, int64_t ms)
{
	int64_t now = emu_now(), tick = q->o.tick, ns;
	int64_t most = q->personality == NETBSD ? INT32_MAX :
		       INT64_MAX / EMU_MS / 2;

	ns = ms < 0 || ms > most ? 0 : ms * EMU_MS;
	k->period = k->kev.flags & EV_ONESHOT ? 0 : ns;
	if (tick > 0) {
		now -= now % tick;
		ns -= ns % tick;
		if (ns == 0)
			ns = tick;
	}
	k->due = now + ns > 0 ? now + ns : 1;
}

static int timer_change(struct queue *q, struct knote *k, int is_new,
			const struct kevent *kev)
{
	int err = timer_refused(q, kev->data);

	if (err != 0)
		return err;
	if (!is_new && q->personality == NETBSD && k->due != 0)
		return 0;
	k->expired = 0;
	timer_start(q, k, kev->data);
	return 0;
}

static int known_filter(const struct queue *q, int filter)
{
	return filter == EVFILT_READ || filter == EVFILT_WRITE ||
	       filter == EVFILT_TIMER ||
	       (filter == EVFILT_USER && q->personality != NETBSD);
}

/* Those that are forgotten once they are obeyed. */
static unsigned short kept_flags(const struct queue *q, unsigned short flags)
{
	if (q->personality == NETBSD)
		return flags;
	return flags & (unsigned short)~(EV_ADD | EV_DELETE | EV_ENABLE |
					 EV_DISABLE | EV_RECEIPT);
}

static int knote_new(struct queue *q, const struct kevent *kev)
{
	struct knote *k = emu_calloc(sizeof(*k));
	int err = 0;

	if (k == NULL)
		return ENOMEM;
	k->kev = *kev;
	k->kev.flags = kept_flags(q, kev->flags);
	if (kev->filter == EVFILT_TIMER)
		k->kev.flags |= EV_CLEAR;
	k->disabled = (kev->flags & EV_DISABLE) != 0;
	k->active = is_fd(kev);
	if (is_fd(kev))
		err = fd_attach(q, k);
	else if (kev->filter == EVFILT_TIMER)
		err = timer_change(q, k, 1, kev);
	if (err != 0)
		emu_free(k);
	else
		list_add(q, k);
	return err;
}

static int knote_change(struct queue *q, struct knote *k,
			const struct kevent *kev)
{
	k->kev.udata = kev->udata;
	if (is_fd(kev)) {
		k->kev.fflags = 0;
		k->active |= (kev->flags & EV_ADD) &&
			     q->personality != NETBSD;
	}
	if (kev->flags & EV_DISABLE)
		k->disabled = 1;
	if (kev->flags & EV_ENABLE) {
		k->active |= is_fd(kev) &&
			     (k->disabled || q->personality != NETBSD);
		k->disabled = 0;
	}
	if (kev->filter == EVFILT_TIMER && (kev->flags & EV_ADD))
		return timer_change(q, k, 0, kev);
	return 0;
}

static int change(struct queue *q, const struct kevent *kev)
{
	struct knote *k;
	int err = emu_change();

	if (err != 0)
		return err;
	if (!known_filter(q, kev->filter))
		return EINVAL;
	if (is_fd(kev) && !fd_open(kev->ident)) {
		emu_fault(EMU_FAULT_CLOSED);
		return EBADF;
	}
	k = find(q, kev->ident, kev->filter);
	if (k == NULL && (!(kev->flags & EV_ADD) || (kev->flags & EV_DELETE))) {
		emu_fault(EMU_FAULT_ABSENT);
		return ENOENT;
	}
	if (kev->flags & EV_DELETE) {
		knote_free(q, k);
		return 0;
	}
	if (k != NULL)
		err = knote_change(q, k, kev);
	else
		err = knote_new(q, kev);
	if (err == 0 && kev->filter == EVFILT_USER &&
	    (kev->fflags & NOTE_TRIGGER))
		find(q, kev->ident, kev->filter)->active = 1;
	return err;
}

/* The number of entries stored in EVENTS, or -errno. */
static int apply(struct queue *q, const struct kevent *changes, int nchanges,
		 struct kevent *events, int nevents)
{
	int i, n = 0;

	for (i = 0; i < nchanges; i++) {
		struct kevent kev = changes[i];
		int err = change(q, &kev);
		int receipt = (kev.flags & EV_RECEIPT) &&
			      q->personality != NETBSD;

		if (err == 0 && !receipt)
			continue;
		if (n == nevents && err != 0)
			return -err;
		if (n == nevents)
			continue;
		kev.flags |= EV_ERROR;
		kev.data = err;
		events[n++] = kev;
	}
	return n;
}

/* ---- Events ----------------------------------------------------------------------- */

/* What K has told is told; it comes last next time. */
static void told(struct queue *q, struct knote *k)
{
	if (k->kev.flags & EV_ONESHOT) {
		knote_free(q, k);
		return;
	}
	if (k->kev.flags & EV_CLEAR) {
		k->active = 0;
		k->expired = 0;
	}
	if (k->kev.flags & EV_DISPATCH)
		k->disabled = 1;
	list_del(k);
	list_add(q, k);
}

static int collect(struct queue *q, struct kevent *events, int nevents)
{
	struct knote *k, *next, *last = q->all.prev;
	int n = 0, done = q->all.next == &q->all;

	for (k = q->all.next; n < nevents && !done; k = next) {
		next = k->next;
		done = k == last;
		if (ready(k, &events[n])) {
			n++;
			told(q, k);
		}
	}
	return n;
}

static int64_t first_timer(const struct queue *q)
{
	int64_t first = EMU_NEVER;
	const struct knote *k;

	for (k = q->all.next; k != &q->all; k = k->next)
		if (k->due != 0 && !k->disabled && k->due < first)
			first = k->due;
	return first;
}

/* Sleeps until UNTIL at most: 0 or -EINTR. */
static int nap(struct queue *q, int64_t until, const struct emu_saved *saved)
{
	int64_t timer = first_timer(q), now = emu_now();

	if (timer < until)
		until = timer;
	if (q->blind > 0 && until > now + BLIND_NS)
		until = now + BLIND_NS;
	return emu_sleep(&q->o, until, saved);
}

/* The queue must not be closed meanwhile. */
static int wait_for(struct queue *q, struct kevent *events, int nevents,
		    int64_t until, const struct emu_saved *saved)
{
	int n, err = 0;

	for (;;) {
		emu_drain(&q->o);
		n = collect(q, events, nevents);
		if (n != 0)
			return n;
		if (err != 0)
			return err;
		if (until != EMU_NEVER && emu_now() >= until)
			return 0;
		err = nap(q, until, saved);
	}
}

/* When a wait that is to last NS is over: a coarse clock rounds up to a tick
   and adds one. */
static int64_t end_of_wait(const struct queue *q, int64_t ns)
{
	int64_t tick = q->o.tick;

	if (tick > 0 && ns > 0)
		ns = (ns + tick - 1) / tick * tick + tick;
	return ns > 0 ? emu_now() + ns : 0;
}

/* ---- Life --------------------------------------------------------------------------- */

static void q_closing(struct emu_object *o, int fd)
{
	struct queue *q = (struct queue *)o;
	struct knote *k;

	k = find_fd(q, fd, EVFILT_READ);
	if (k != NULL)
		knote_free(q, k);
	k = find_fd(q, fd, EVFILT_WRITE);
	if (k != NULL)
		knote_free(q, k);
}

static void q_active(struct emu_object *o, int fd)
{
	struct queue *q = (struct queue *)o;
	struct knote *k;

	k = find_fd(q, fd, EVFILT_READ);
	if (k != NULL)
		k->active = 1;
	k = find_fd(q, fd, EVFILT_WRITE);
	if (k != NULL)
		k->active = 1;
}

static void q_destroy(struct emu_object *o)
{
	struct queue *q = (struct queue *)o;

	while (q->all.next != &q->all) {
		struct knote *k = q->all.next;

		if (is_fd(&k->kev))
			emu_fault(EMU_FAULT_LEFT);
		list_del(k);
		emu_free(k);
	}
	emu_free(q->of_fd);
	emu_free(q);
}

static const struct emu_class class = {
	.closing = q_closing,
	.active = q_active,
	.destroy = q_destroy,
	.dies_in_child = 1,
};

static enum personality personality(void)
{
	const char *env = getenv("EMU_PERSONALITY");

	if (env == NULL || *env == '\0' || strcmp(env, "freebsd") == 0)
		return FREEBSD;
	if (strcmp(env, "netbsd") == 0)
		return NETBSD;
	if (strcmp(env, "macos") == 0)
		return MACOS;
	abort();
}

static int q_new(void)
{
	struct queue *q = emu_calloc(sizeof(*q));
	int fd;

	if (q == NULL)
		return -1;
	q->all.next = q->all.prev = &q->all;
	q->personality = personality();
	fd = emu_object_open(&q->o, &class,
			     q->personality == NETBSD ? 10000 : 0);
	if (fd < 0)
		emu_free(q);
	return fd;
}

/* ---- The calls ------------------------------------------------------------------------- */

int kqueue(void)
{
	struct emu_saved saved;
	int fd = -1, err;

	emu_lock(&saved);
	err = emu_called(EMU_KQUEUE);
	if (err == 0) {
		fd = q_new();
		err = errno;
	}
	emu_unlock(&saved);
	if (fd < 0)
		errno = err;
	return fd;
}

/* Counts; 0, or the errno with which the call has to fail. */
static int counted(int nevents, int64_t limit)
{
	int err = emu_called(EMU_KEVENT), more = 0;

	if (nevents == 0)
		return err;
	more = emu_called(EMU_WAIT);
	if (limit > 0)
		emu_called(EMU_WAIT_LIMITED);
	if (err == 0)
		err = more;
	if (err == 0 && emu_observer.waits != NULL)
		err = emu_observer.waits(limit);
	return err;
}

/* LIMIT: nanoseconds, -1: for ever, -2: not a time. */
static int locked(struct queue *q, const struct kevent *changes, int nchanges,
		  struct kevent *events, int nevents, int64_t limit,
		  const struct emu_saved *saved)
{
	int err = counted(nevents, limit), n;

	if (err != 0 && err != EINTR)
		return -err;
	if (q == NULL)
		return -EBADF;
	if (limit == -2)
		return -EINVAL;
	n = apply(q, changes, nchanges, events, nevents);
	if (nchanges > 0)
		emu_changed(&q->o);
	if (n != 0 || nevents == 0)
		return n;
	if (err != 0)
		return -err;
	return wait_for(q, events, nevents, limit < 0 ? EMU_NEVER :
			end_of_wait(q, limit), saved);
}

static int64_t limit_of(const struct timespec *ts)
{
	if (ts == NULL)
		return -1;
	if (ts->tv_sec < 0 || ts->tv_nsec < 0 || ts->tv_nsec >= 1000000000)
		return -2;
	return ts->tv_sec > INT32_MAX ? -1 :
	       ts->tv_sec * INT64_C(1000000000) + ts->tv_nsec;
}

int kevent(int kq, const struct kevent *changes, int nchanges,
	   struct kevent *events, int nevents, const struct timespec *timeout)
{
	struct emu_saved saved;
	struct queue *q;
	int n;

	emu_lock(&saved);
	q = (struct queue *)emu_object_find(kq, &class);
	n = locked(q, changes, nchanges, events, nevents, limit_of(timeout),
		   &saved);
	emu_unlock(&saved);
	if (n >= 0)
		return n;
	errno = -n;
	return -1;
}
