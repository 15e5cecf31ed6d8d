/* SPDX-License-Identifier: MIT */
/*
 * kqueue.c - kqueue(2) and kevent(2) on Linux.
 *
 * Written from the manual pages of FreeBSD, NetBSD, OpenBSD and macOS, and
 * from what their kernels were seen to do; where they differ, the personality
 * says which.  Not there: EVFILT_SIGNAL, _PROC, _AIO, units of timers.
 *
 * It cannot know the error of a socket without clearing it: an event that
 * has one says EPIPE.
 *
 * poll(2) and recv(2) are defined here, too: what they tell of errors and
 * hang-ups is not what Linux tells.
 */
#include "config.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/event.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "emu/core.h"

#define REPLACED	__attribute__((visibility("default")))

/* How often a wait looks at files, which nothing tells of. */
#define BLIND_NS	(10 * EMU_MS)

/* NETBSD10 differs from NETBSD in that it has EVFILT_USER. */
enum personality { FREEBSD, NETBSD, NETBSD10, OPENBSD, MACOS };

/* Those of descriptors. */
#define FILTERS	3

enum kind { FIFO, STREAM, LISTENER, DGRAM, VNODE, DEVICE, QUEUE, DULL };

struct knote {
	struct knote	*next, *prev;	/* in order of return */
	struct kevent	kev;
	enum kind	kind;
	int	access;		/* of the descriptor: O_RDONLY, ... */
	int	disabled;
	int	active;		/* EV_CLEAR: something is new */
	int	room;		/* there was some when it was looked at last */
	int64_t	due, period;	/* timers; due 0: never */
	uint64_t	expired;
	int	wd;		/* EVFILT_VNODE: of inotify, or 0 */
	unsigned	notes;	/* what has happened */
	off_t	length;
};

struct queue {
	struct emu_object	o;
	enum personality	personality;
	struct knote	all;	/* head of the list */
	struct knote	**of_fd;	/* FILTERS for each descriptor */
	int	size;		/* of that, in descriptors */
	int	blind;		/* knotes of descriptors epoll does not take */
	int	inotify;	/* for EVFILT_VNODE, or 0 */
};

static const struct emu_class class;
static int q_readable(struct emu_object *o);

static int netbsd(const struct queue *q)
{
	return q->personality == NETBSD || q->personality == NETBSD10;
}

static int is_fd(const struct kevent *kev)
{
	return kev->filter == EVFILT_READ || kev->filter == EVFILT_WRITE ||
	       kev->filter == EVFILT_EXCEPT;
}

/* Where the knote of descriptor FD is noted. */
static struct knote **slot(struct queue *q, int fd, int filter)
{
	return &q->of_fd[FILTERS * fd + (filter == EVFILT_WRITE) +
			 2 * (filter == EVFILT_EXCEPT)];
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
	grown = emu_realloc(q->of_fd,
			    FILTERS * (size_t)size * sizeof(*grown));
	if (grown == NULL)
		return ENOMEM;
	memset(grown + FILTERS * q->size, 0,
	       FILTERS * (size_t)(size - q->size) * sizeof(*grown));
	q->of_fd = grown;
	q->size = size;
	return 0;
}

static struct knote *find(struct queue *q, uintptr_t ident, int filter)
{
	struct knote *k;

	if (filter == EVFILT_READ || filter == EVFILT_WRITE ||
	    filter == EVFILT_EXCEPT)
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

	if (emu_object_find(fd, &class) != NULL)
		return QUEUE;
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

/* Sockets add their error; pipes and devices have none. */
static void fill_eof(struct kevent *kev, short state)
{
	kev->flags |= EV_EOF;
	kev->fflags = state & POLLERR ? EPIPE : 0;
}

/* The write end of a pipe: nothing to read, but everywhere except on FreeBSD
   its hang-up is told. */
static int write_end_readable(const struct queue *q, struct kevent *kev,
			      short state)
{
	kev->data = 0;
	if (q->personality == FREEBSD || !(state & POLLERR))
		return 0;
	fill_eof(kev, 0);
	return 1;
}

/* NetBSD tells the writers nothing when the last reader goes: a filter that
   is not ready stays so, and one that was told is not told again. */
static int is_silent(const struct queue *q, struct knote *k, short state)
{
	if (!netbsd(q))
		return 0;
	if (!(state & POLLERR))
		k->room = (state & POLLOUT) != 0;
	return state & POLLERR && (!k->room || k->kev.flags & EV_CLEAR);
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
static int readable(const struct queue *q, struct knote *k,
		    struct kevent *kev)
{
	int fd = (int)kev->ident;
	short state = emu_state(fd);

	switch (k->kind) {
	case VNODE:
		return file_readable(kev, fd);
	case QUEUE:
		return q_readable(emu_object_find(fd, &class));
	case DULL:
		kev->data = 0;
		return 1;
	case FIFO:
		if (k->access == O_WRONLY)
			return write_end_readable(q, kev, state);
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
		fill_eof(kev, 0);
	kev->data = bytes(fd);
	return state & (POLLIN | POLLHUP | POLLERR);
}

static int writable(const struct queue *q, struct knote *k,
		    struct kevent *kev)
{
	int fd = (int)kev->ident;
	short state = emu_state(fd);

	kev->data = state & POLLOUT ? PIPE_BUF : 0;
	switch (k->kind) {
	case VNODE:
	case DULL:
		return 1;
	case FIFO:
		if (k->access == O_RDONLY || is_silent(q, k, state))
			return 0;
		break;
	case LISTENER:
	case QUEUE:
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
		fill_eof(kev, 0);
	return state & (POLLOUT | POLLHUP | POLLERR);
}

/* Urgent data, or whatever Linux calls exceptional of a terminal. */
static int exceptional(struct kevent *kev)
{
	kev->fflags = NOTE_OOB;
	return emu_state((int)kev->ident) & POLLPRI;
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

/* ---- Files ------------------------------------------------------------------- */

/* Of a directory: an entry has come or gone.  What happens to a file in it is
   no event of the directory's. */
static unsigned notes_of_entry(const struct inotify_event *event)
{
	if (!(event->mask & (IN_CREATE | IN_DELETE | IN_MOVED_FROM |
			     IN_MOVED_TO)))
		return 0;
	return NOTE_WRITE | (event->mask & IN_ISDIR ? NOTE_LINK : 0);
}

/* A file that gets shorter has another attribute (FreeBSD), and is not written
   to. */
static unsigned notes_of_length(struct knote *k)
{
	off_t before = k->length;
	struct stat st;

	if (fstat((int)k->kev.ident, &st) == 0)
		k->length = st.st_size;
	if (k->length < before)
		return NOTE_ATTRIB;
	return NOTE_WRITE | (k->length > before ? NOTE_EXTEND : 0);
}

static unsigned notes_of(struct knote *k, const struct inotify_event *event)
{
	unsigned notes = 0;

	if (event->mask & IN_Q_OVERFLOW)
		return ~0U;
	if (event->len > 0)
		return notes_of_entry(event);
	if (event->mask & IN_MODIFY)
		notes |= notes_of_length(k);
	if (event->mask & IN_ATTRIB)
		notes |= NOTE_ATTRIB;
	if (event->mask & IN_MOVE_SELF)
		notes |= NOTE_RENAME;
	if (event->mask & IN_DELETE_SELF)
		notes |= NOTE_DELETE;
	if (event->mask & IN_UNMOUNT)
		notes |= NOTE_REVOKE;
	return notes;
}

static void take_event(struct queue *q, const struct inotify_event *event)
{
	struct knote *k;

	for (k = q->all.next; k != &q->all; k = k->next)
		if (k->wd > 0 && (event->wd < 0 || k->wd == event->wd))
			k->notes |= notes_of(k, event);
}

static void take_events(struct queue *q)
{
	union {
		struct inotify_event	event;
		char	bytes[4096];
	} buf;
	ssize_t n, at;
	ssize_t (*real)(int, void *, size_t) = emu_real("read");

	if (q->inotify == 0)
		return;
	while ((n = real(q->inotify, &buf, sizeof(buf))) > 0)
		for (at = 0; at < n; ) {
			const struct inotify_event *event =
				(const void *)(buf.bytes + at);

			take_event(q, event);
			at += (ssize_t)(sizeof(*event) + event->len);
		}
}

/* Linux does not tell that a file that is open has lost its last name, if it is
   a directory. */
static int vnode_changed(struct queue *q, struct knote *k, struct kevent *kev)
{
	struct stat st;

	take_events(q);
	if (k->room && fstat((int)k->kev.ident, &st) == 0 && st.st_nlink == 0) {
		k->notes |= NOTE_DELETE;
		k->room = 0;
	}
	kev->fflags = k->notes & k->kev.fflags;
	return kev->fflags != 0;
}

static int vnode_attach(struct queue *q, struct knote *k)
{
	int fd = (int)k->kev.ident;
	char link[40];
	struct stat st;

	if (kind_of(fd) != VNODE || fstat(fd, &st) < 0)
		return EINVAL;
	if (q->inotify == 0) {
		int in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

		if (in < 0)
			return ENOMEM;
		q->inotify = in;
		emu_watch(&q->o, in);
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	k->wd = inotify_add_watch(q->inotify, link, IN_MODIFY | IN_ATTRIB |
				  IN_CREATE | IN_DELETE | IN_MOVE |
				  IN_MOVE_SELF | IN_DELETE_SELF);
	k->length = st.st_size;
	k->room = st.st_nlink > 0;
	return k->wd > 0 ? 0 : ENOMEM;
}

static void vnode_detach(struct queue *q, const struct knote *k)
{
	const struct knote *other = q->all.next;

	while (other != &q->all && other->wd != k->wd)
		other = other->next;
	if (other == &q->all)
		inotify_rm_watch(q->inotify, k->wd);
}

/* ---- All --------------------------------------------------------------------- */

/* The event to return for K, if there is one. */
static int ready(struct queue *q, struct knote *k, struct kevent *kev)
{
	if (k->disabled)
		return 0;
	*kev = k->kev;
	switch (kev->filter) {
	case EVFILT_READ:
		return (k->active || !(kev->flags & EV_CLEAR)) &&
		       readable(q, k, kev);
	case EVFILT_WRITE:
		return (k->active || !(kev->flags & EV_CLEAR)) &&
		       writable(q, k, kev);
	case EVFILT_EXCEPT:
		return (k->active || !(kev->flags & EV_CLEAR)) &&
		       kev->fflags & NOTE_OOB && exceptional(kev);
	case EVFILT_TIMER:
		return timer_expired(k, kev);
	case EVFILT_VNODE:
		return vnode_changed(q, k, kev);
	default:
		return k->active;
	}
}

/* ---- Changes ------------------------------------------------------------------- */

static void knote_free(struct queue *q, struct knote *k)
{
	int fd = (int)k->kev.ident;

	list_del(k);
	if (k->wd > 0)
		vnode_detach(q, k);
	if (is_fd(&k->kev)) {
		q->blind -= k->kind == VNODE || k->kind == DULL;
		*slot(q, fd, k->kev.filter) = NULL;
		if (find(q, k->kev.ident, EVFILT_READ) == NULL &&
		    find(q, k->kev.ident, EVFILT_WRITE) == NULL &&
		    find(q, k->kev.ident, EVFILT_EXCEPT) == NULL)
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

	if (k->kev.filter == EVFILT_EXCEPT)
		return k->kind == FIFO || k->kind == VNODE ? EINVAL : 0;
	if (k->kev.filter != EVFILT_WRITE)
		return 0;
	if (k->kind == QUEUE || (k->kind == VNODE && netbsd(q)))
		return EINVAL;
	if (k->kind != FIFO || k->access == O_RDONLY ||
	    !(emu_state(fd) & POLLERR) || q->personality == MACOS)
		return 0;
	return netbsd(q) ? EBADF : EPIPE;
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
	if (netbsd(q))
		return ms == 0 ? EINVAL : 0;
	return ms < 0 ? EINVAL : 0;
}

/* With a coarse clock whole ticks are counted from the last one: early. */
static void timer_start(struct queue *q, struct knote *k, int64_t ms)
{
	int64_t now = emu_now(), tick = q->o.tick, ns;
	int64_t most = netbsd(q) ? INT32_MAX : INT64_MAX / EMU_MS / 2;

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
	if (!is_new && netbsd(q) && k->due != 0)
		return 0;
	k->expired = 0;
	timer_start(q, k, kev->data);
	return 0;
}

static int known_filter(const struct queue *q, int filter)
{
	return filter == EVFILT_READ || filter == EVFILT_WRITE ||
	       filter == EVFILT_TIMER || filter == EVFILT_VNODE ||
	       (filter == EVFILT_EXCEPT && (q->personality == MACOS ||
					    q->personality == OPENBSD)) ||
	       (filter == EVFILT_USER && q->personality != NETBSD &&
		q->personality != OPENBSD);
}

/* Those that are forgotten once they are obeyed. */
static unsigned short kept_flags(const struct queue *q, unsigned short flags)
{
	if (netbsd(q))
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
	else if (kev->filter == EVFILT_VNODE)
		err = vnode_attach(q, k);
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
		k->kev.fflags = kev->filter == EVFILT_EXCEPT ? kev->fflags : 0;
		k->active |= (kev->flags & EV_ADD) && !netbsd(q);
	}
	if (kev->filter == EVFILT_VNODE && (kev->flags & EV_ADD))
		k->kev.fflags = kev->fflags;
	if (kev->flags & EV_DISABLE)
		k->disabled = 1;
	if (kev->flags & EV_ENABLE) {
		k->active |= is_fd(kev) &&
			     (k->disabled || !netbsd(q));
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
	if ((is_fd(kev) || kev->filter == EVFILT_VNODE) &&
	    !fd_open(kev->ident)) {
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
		int receipt = (kev.flags & EV_RECEIPT) && !netbsd(q);

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
		k->notes = 0;
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
		if (ready(q, k, &events[n])) {
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
	struct knote *k = find(q, (uintptr_t)fd, EVFILT_VNODE);
	int i;

	if (k != NULL)
		knote_free(q, k);
	for (i = 0; fd < q->size && i < FILTERS; i++) {
		k = q->of_fd[FILTERS * fd + i];
		if (k != NULL)
			knote_free(q, k);
	}
}

static void q_active(struct emu_object *o, int fd)
{
	struct queue *q = (struct queue *)o;
	struct knote *k;
	int i;

	for (i = 0; fd < q->size && i < FILTERS; i++) {
		k = q->of_fd[FILTERS * fd + i];
		if (k != NULL)
			k->active = 1;
	}
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
	if (q->inotify > 0)
		emu_close(q->inotify);
	emu_free(q->of_fd);
	emu_free(q);
}

static int q_readable(struct emu_object *o)
{
	struct queue *q = (struct queue *)o;
	struct knote *k;
	struct kevent kev;

	emu_drain(o);
	for (k = q->all.next; k != &q->all; k = k->next)
		if (ready(q, k, &kev))
			return 1;
	return 0;
}

static const struct emu_class class = {
	.readable = q_readable,
	.closing = q_closing,
	.active = q_active,
	.destroy = q_destroy,
	.dies_in_child = 1,
};

static const char *const personalities[] = {
	[FREEBSD] = "freebsd", [NETBSD] = "netbsd", [NETBSD10] = "netbsd10",
	[OPENBSD] = "openbsd", [MACOS] = "macos",
};

/* -1: it is of another kernel. */
static int named_personality(void)
{
	const char *env = getenv("EMU_PERSONALITY");
	int i;

	if (env == NULL || *env == '\0')
		return FREEBSD;
	for (i = 0; i <= MACOS; i++)
		if (strcmp(env, personalities[i]) == 0)
			return i;
	return -1;
}

static enum personality personality(void)
{
	return (enum personality)named_personality();
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
			     netbsd(q) ? 10000 : 0);
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
	if (named_personality() < 0)
		err = ENOSYS;
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

/* FreeBSD: only if it may return events. */
static int is_cancellation_point(int nevents)
{
	switch (named_personality()) {
	case NETBSD:
	case NETBSD10:
		return 1;
	case FREEBSD:
		return nevents > 0;
	default:
		return 0;
	}
}

int kevent(int kq, const struct kevent *changes, int nchanges,
	   struct kevent *events, int nevents, const struct timespec *timeout)
{
	struct emu_saved saved;
	struct queue *q;
	int n;

	if (is_cancellation_point(nevents))
		pthread_testcancel();
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

/* ---- poll(2) of a queue ----------------------------------------------------------------- */

/* ---- What is replaced ------------------------------------------------------------------- */

static int is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

/*
 * Real kernels do not tell what Linux tells: macOS nothing at all of a
 * descriptor of which nothing is asked, NetBSD of a socket only that it can
 * be read or written.
 */
static void poll_as(int who, struct pollfd *pfd)
{
	if (pfd->revents & POLLNVAL)
		return;
	if (who == MACOS && pfd->events == 0)
		pfd->revents = 0;
	if ((who == NETBSD || who == NETBSD10) && is_socket(pfd->fd) &&
	    pfd->revents & (POLLERR | POLLHUP))
		pfd->revents = pfd->events & (POLLIN | POLLOUT);
}

/* Our objects among them: -1 if there are none; else how many are readable. */
static int objects_readable(struct pollfd *fds, unsigned long n)
{
	int found = -1, state;
	unsigned long i;

	for (i = 0; i < n; i++) {
		state = emu_readable(fds[i].fd);
		if (state < 0)
			continue;
		fds[i].revents = (short)(state && fds[i].events & POLLIN ?
					 POLLIN : 0);
		found = (found < 0 ? 0 : found) + (fds[i].revents != 0);
	}
	return found;
}

/* poll(2) that looks again and again if there are objects: what it says of the
   epoll sets that they are made of means nothing. */
static int poll_again(int (*real)(struct pollfd *, nfds_t, int),
		      struct pollfd *fds, unsigned long n, int ms)
{
	int64_t until = emu_now() + ms * EMU_MS;
	unsigned long i;
	int ready, found;

	for (;;) {
		ready = real(fds, n, 0);
		for (i = 0; i < n && ready > 0; i++)
			ready -= fds[i].revents != 0 &&
				 emu_readable(fds[i].fd) >= 0;
		found = objects_readable(fds, n);
		if (ready < 0 || ready + found > 0)
			return ready < 0 ? ready : ready + found;
		if (ms >= 0 && emu_now() >= until)
			return 0;
		if (real(NULL, 0, 1) < 0)
			return -1;
	}
}

int emu_poll(struct pollfd *fds, unsigned long n, int ms)
{
	int (*real)(struct pollfd *, nfds_t, int) = emu_real("poll");
	int who = named_personality(), ready, left = 0;
	unsigned long i;

	if (objects_readable(fds, n) >= 0)
		ready = poll_again(real, fds, n, ms);
	else
		ready = real(fds, n, ms);
	for (i = 0; i < n && ready > 0; i++) {
		if (fds[i].revents != 0)
			poll_as(who, &fds[i]);
		left += fds[i].revents != 0;
	}
	return ready > 0 ? left : ready;
}

/* Weak: a program may have one of its own. */
REPLACED __attribute__((weak)) int poll(struct pollfd *fds, nfds_t n, int ms)
{
	return emu_poll(fds, n, ms);
}

/* Linux would take the error of a socket away. */
REPLACED ssize_t recv(int fd, void *buf, size_t size, int flags)
{
	ssize_t (*real)(int, void *, size_t, int) = emu_real("recv");

	if ((flags & MSG_PEEK) && named_personality() >= 0 &&
	    emu_state(fd) & POLLERR && bytes(fd) == 0) {
		errno = EPIPE;
		return -1;
	}
	return real(fd, buf, size, flags);
}
