/* SPDX-License-Identifier: MIT */
/*
 * devpoll.c - /dev/poll on Linux.
 *
 * Written from poll(7D) of Solaris.  open(2), write(2) and ioctl(2) are
 * defined here: a definition in the program comes before the C library's.
 */
#include "config.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/devpoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include "emu/core.h"

#define REPLACED	__attribute__((visibility("default")))

#ifdef __GLIBC__
typedef unsigned long	request_t;
#else
typedef int	request_t;
#endif

/* With 64-bit files on a 32-bit system a header gives it another name. */
#ifdef __USE_FILE_OFFSET64
#define OPEN	"open64"
#else
#define OPEN	"open"
#endif

/* How often a wait looks at descriptors that epoll(7) does not take. */
#define BLIND_NS	(10 * EMU_MS)

struct entry {
	int	fd;
	short	events;
	int	watched;
	int	absent;		/* nothing was open when it was written */
};

struct set {
	struct emu_object	o;
	pid_t	owner;
	struct entry	*entry;
	size_t	used, size;
	size_t	first;		/* where the next answer begins */
	unsigned	nofile;		/* 0: RLIMIT_NOFILE */
};

/*
 * The descriptors that are sets, a byte each: looked at without the lock,
 * which a caller of write(2) may be holding.
 */
#define NUMBERS		(1 << 20)

static unsigned char is_set[NUMBERS];

const char emu_devpoll_linked;

static void mark(int fd, int on)
{
	if (fd < NUMBERS)
		__atomic_store_n(&is_set[fd], (unsigned char)on,
				 __ATOMIC_RELEASE);
}

static int marked(int fd)
{
	return fd >= 0 && fd < NUMBERS &&
	       __atomic_load_n(&is_set[fd], __ATOMIC_ACQUIRE);
}

static size_t nofile(const struct set *s)
{
	struct rlimit rl;

	if (s->nofile != 0)
		return s->nofile;
	if (getrlimit(RLIMIT_NOFILE, &rl) < 0 || rl.rlim_cur > UINT_MAX)
		rl.rlim_cur = UINT_MAX;
	return emu_limit_of(EMU_LIMIT_NOFILE, (unsigned)rl.rlim_cur);
}

/* ---- Entries --------------------------------------------------------------- */

static struct entry *find(struct set *s, int fd)
{
	size_t i;

	for (i = 0; i < s->used; i++)
		if (s->entry[i].fd == fd)
			return &s->entry[i];
	return NULL;
}

static void entry_remove(struct set *s, int fd)
{
	struct entry *e = find(s, fd);

	if (e == NULL) {
		if (fcntl(fd, F_GETFD) >= 0)
			emu_fault(EMU_FAULT_ABSENT);
		return;
	}
	if (e->watched)
		emu_unwatch(&s->o, fd);
	s->used--;
	memmove(e, e + 1, (size_t)(s->entry + s->used - e) * sizeof(*e));
}

/* Of a descriptor that is not open the kernel says nothing, but it keeps the
   events and adds to them what is written when the number is in use. */
static int entry_add(struct set *s, int fd, short events)
{
	struct entry *e = find(s, fd);
	int absent = fcntl(fd, F_GETFD) < 0;

	if (absent)
		emu_fault(EMU_FAULT_CLOSED);
	if (e == NULL && s->used == s->size) {
		size_t size = 2 * s->size + 64;

		e = emu_realloc(s->entry, size * sizeof(*e));
		if (e == NULL)
			return ENOMEM;
		s->entry = e;
		s->size = size;
		e = NULL;
	}
	if (e == NULL) {
		e = &s->entry[s->used++];
		*e = (struct entry){ .fd = fd, .absent = 1 };
	}
	e->events |= events & ~POLLREMOVE;
	e->absent &= absent;
	return 0;
}

/* So many are written whatever the limit. */
#define ANYWAY	255

static int changes(struct set *s, const struct pollfd *pfd, size_t n)
{
	int err = 0;

	if (n > ANYWAY && n > nofile(s))
		return EINVAL;
	for (; n > 0 && err == 0; n--, pfd++) {
		if (pfd->events == POLLREMOVE)
			entry_remove(s, pfd->fd);
		else
			err = entry_add(s, pfd->fd, pfd->events);
	}
	emu_changed(&s->o);
	return err;
}

/* ---- Waiting ------------------------------------------------------------------ */

static short state_of(const struct entry *e)
{
	short state = e->absent ? 0 : emu_state(e->fd);

	return state & (e->events | POLLERR | POLLHUP | POLLNVAL);
}

/* The number of entries stored. */
static int collect(struct set *s, struct pollfd *pfd, size_t max)
{
	size_t i, n = 0;

	if (s->first >= s->used)
		s->first = 0;
	for (i = 0; i < s->used && n < max; i++) {
		struct entry *e = &s->entry[(s->first + i) % s->used];
		short revents = state_of(e);

		if (revents == 0)
			continue;
		pfd[n].fd = e->fd;
		pfd[n].events = e->events;
		pfd[n].revents = revents;
		n++;
	}
	if (n == max && i > 0)
		s->first = (s->first + i) % s->used;
	return (int)n;
}

/* So that a sleeper is told; a number may have become another descriptor.
   False if there is one that nothing tells of. */
static int watch_all(struct set *s)
{
	int all = 1;
	size_t i;

	for (i = 0; i < s->used; i++) {
		struct entry *e = &s->entry[i];

		if (!e->watched && !e->absent)
			e->watched = emu_watch(&s->o, e->fd) == 0;
		all &= e->watched || e->absent;
	}
	return all;
}

/* The set must not be closed meanwhile. */
static int wait_for(struct set *s, const struct dvpoll *dvp, int64_t until,
		    const struct emu_saved *saved)
{
	size_t max = dvp->dp_nfds < nofile(s) ? dvp->dp_nfds : nofile(s);
	int n, err = 0;

	for (;;) {
		int64_t next = until, now;
		int told = watch_all(s);

		emu_drain(&s->o);
		n = collect(s, dvp->dp_fds, max);
		if (n != 0)
			return n;
		if (err != 0)
			return err;
		now = emu_now();
		if (until != EMU_NEVER && now >= until)
			return 0;
		if (!told && next > now + BLIND_NS)
			next = now + BLIND_NS;
		err = emu_sleep(&s->o, next, saved);
	}
}

/* Counts; 0, or the errno with which the call has to fail. */
static int counted(int64_t limit)
{
	int err = emu_called(EMU_WAIT);

	if (limit > 0)
		emu_called(EMU_WAIT_LIMITED);
	if (err == 0 && emu_observer.waits != NULL)
		err = emu_observer.waits(limit);
	return err;
}

static int64_t end_of_wait(const struct set *s, int ms)
{
	int64_t tick = s->o.tick, ns = ms * EMU_MS;

	if (ms < 0)
		return EMU_NEVER;
	if (tick > 0)
		ns = (ns + tick - 1) / tick * tick;
	return ns > 0 ? emu_now() + ns : 0;
}

static int dp_poll(struct set *s, const struct dvpoll *dvp,
		   const struct emu_saved *saved)
{
	int err = counted(dvp->dp_timeout < 0 ? -1 :
			  dvp->dp_timeout * EMU_MS);

	if (err != 0)
		return -err;
	return wait_for(s, dvp, end_of_wait(s, dvp->dp_timeout), saved);
}

static int dp_ispolled(struct set *s, struct pollfd *pfd)
{
	struct entry *e = find(s, pfd->fd);

	if (e == NULL)
		return 0;
	pfd->revents = e->events;
	return 1;
}

/* ---- Life ----------------------------------------------------------------------- */

/* The entry stays. */
static void s_closing(struct emu_object *o, int fd)
{
	struct set *s = (struct set *)o;
	struct entry *e = s->owner == getpid() ? find(s, fd) : NULL;

	if (e == NULL || !e->watched)
		return;
	emu_unwatch(o, fd);
	e->watched = 0;
}

static void s_destroy(struct emu_object *o)
{
	struct set *s = (struct set *)o;
	size_t i;

	for (i = 0; i < s->used && s->owner == getpid(); i++)
		emu_fault(EMU_FAULT_LEFT);
	mark(o->fd, 0);
	emu_free(s->entry);
	emu_free(s);
}

static int s_readable(struct emu_object *o)
{
	struct set *s = (struct set *)o;
	size_t i;

	for (i = 0; i < s->used; i++)
		if (state_of(&s->entry[i]) != 0)
			return 1;
	return 0;
}

static void s_renamed(struct emu_object *o, int from)
{
	mark(from, 0);
	mark(o->fd, 1);
}

static const struct emu_class class = {
	.readable = s_readable,
	.renamed = s_renamed,
	.closing = s_closing,
	.destroy = s_destroy,
};

/* Gives S its personality; the length of a tick. */
static int64_t personality(struct set *s)
{
	const char *env = getenv("EMU_PERSONALITY");

	if (env != NULL && strcmp(env, "nofile64") == 0)
		s->nofile = 64;
	return env != NULL && strcmp(env, "tick") == 0 ? 10000 : 0;
}

static int s_new(int flags)
{
	struct set *s = emu_calloc(sizeof(*s));
	int fd;

	if (s == NULL)
		return -1;
	s->owner = getpid();
	fd = emu_object_open(&s->o, &class, personality(s));
	if (fd < 0) {
		emu_free(s);
		return -1;
	}
	if (flags & O_CLOEXEC)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	mark(fd, 1);
	return fd;
}

/* The set that FD is: NULL and *ERR if the caller may not use it. */
static struct set *find_set(int fd, int *err)
{
	struct set *s = (struct set *)emu_object_find(fd, &class);

	if (s != NULL && s->owner == getpid())
		return s;
	if (s != NULL)
		emu_fault(EMU_FAULT_INHERITED);
	*err = s != NULL ? EACCES : EBADF;
	return NULL;
}

/* ---- What is replaced --------------------------------------------------------------- */

static int open_set(int flags)
{
	struct emu_saved saved;
	int fd = -1, err;

	emu_lock(&saved);
	err = emu_called(EMU_DEVPOLL_OPEN);
	if (err == 0) {
		fd = s_new(flags);
		err = errno;
	}
	emu_unlock(&saved);
	if (fd < 0)
		errno = err;
	return fd;
}

REPLACED int open(const char *path, int flags, ...)
{
	int (*real)(const char *, int, ...);
	mode_t mode = 0;
	va_list ap;

	if (strcmp(path, "/dev/poll") == 0)
		return open_set(flags);
	if (flags & (O_CREAT | O_TMPFILE)) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	real = emu_real(OPEN);
	return real(path, flags, mode);
}

static ssize_t write_set(int fd, const void *buf, size_t size)
{
	struct emu_saved saved;
	struct set *s;
	int err;

	emu_lock(&saved);
	err = emu_called(EMU_DEVPOLL_WRITE);
	s = err == 0 ? find_set(fd, &err) : NULL;
	if (s != NULL) {
		if (size > emu_limit_of(EMU_LIMIT_WRITE, UINT_MAX))
			size = emu_limit_of(EMU_LIMIT_WRITE, UINT_MAX);
		err = changes(s, buf, size / sizeof(struct pollfd));
	}
	emu_unlock(&saved);
	if (err == 0)
		return (ssize_t)size;
	errno = err;
	return -1;
}

REPLACED ssize_t write(int fd, const void *buf, size_t size)
{
	static ssize_t (*real)(int, const void *, size_t);

	if (marked(fd))
		return write_set(fd, buf, size);
	if (__atomic_load_n(&real, __ATOMIC_RELAXED) == NULL) {
		ssize_t (*fn)(int, const void *, size_t) = emu_real("write");

		__atomic_store_n(&real, fn, __ATOMIC_RELAXED);
	}
	return real(fd, buf, size);
}

static int ioctl_set(int fd, request_t request, void *arg)
{
	struct emu_saved saved;
	struct set *s;
	int err = EINVAL, n = -1;

	emu_lock(&saved);
	s = find_set(fd, &err);
	if (s != NULL && request == DP_POLL)
		n = dp_poll(s, arg, &saved);
	else if (s != NULL)
		n = dp_ispolled(s, arg);
	emu_unlock(&saved);
	if (s != NULL && n >= 0)
		return n;
	errno = s != NULL ? -n : err;
	return -1;
}

REPLACED int ioctl(int fd, request_t request, ...)
{
	static int (*real)(int, request_t, ...);
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (marked(fd) && (request == DP_POLL || request == DP_ISPOLLED))
		return ioctl_set(fd, request, arg);
	if (__atomic_load_n(&real, __ATOMIC_RELAXED) == NULL) {
		int (*fn)(int, request_t, ...) = emu_real("ioctl");

		__atomic_store_n(&real, fn, __ATOMIC_RELAXED);
	}
	return real(fd, request, arg);
}
