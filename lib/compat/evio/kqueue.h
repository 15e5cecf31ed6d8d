/* SPDX-License-Identifier: MIT */
/*
 * kqueue.h - evio upon kqueue(2) of the BSDs and macOS.  Part of poller.h.
 *
 * Kernel facts leaned on; lib/poll/kqueue.c says where they are from:
 *  - EV_EOF tells that one direction is over.  Of a socket, EVFILT_READ with it
 *    is the end of the input unless there is an error (fflags), and
 *    EVFILT_WRITE with it that of the output, by shutdown(2) too; of anything
 *    else it is a hang-up.  A whole hang-up may be told by both filters.
 *  - Without room for events the first change that fails ends the call.
 *  - EVFILT_WRITE of a pipe that nobody will read: EPIPE (FreeBSD), EBADF
 *    (NetBSD).
 *  - A filter that is changed looks at its descriptor afresh.
 *  - Closing a descriptor removes its filters, but no timer.
 *  - Timers are not restarted by adding them again, and 0 ms is refused
 *    (NetBSD); more milliseconds than an int holds overflow somewhere.
 *  - kevent(2) is a cancellation point, on NetBSD even if it cannot wait.
 *  - The queue is not inherited over fork(2).
 */
#ifndef IVI_COMPAT_EVIO_KQUEUE_H
#define IVI_COMPAT_EVIO_KQUEUE_H

#include <sys/types.h>
#include <sys/event.h>
#include <sys/stat.h>
#include <sys/time.h>

typedef struct kevent kernel_event;

/* What evio_create() of generation 2 gives. */
static inline intptr_t kernel_created(int queue)
{
	return queue;
}

static inline int kernel_open(void)
{
	int queue = kqueue();

	if (queue >= 0)
		ask(queue, F_SETFD, FD_CLOEXEC);
	return queue;
}

/* In the child, with the lock: the number is closed, or something else. */
static inline void kernel_forked(void)
{
	poller.queue = -1;
}

static inline int kernel_wait(int queue, kernel_event *events, int n, int ms)
{
	struct timespec ts = {
		.tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000L,
	};

	return kevent(queue, NULL, 0, events, n, ms < 0 ? NULL : &ts);
}

/* ---- The lock is held ---------------------------------------------------------- */

static inline int event_number(const kernel_event *ev)
{
	return (int)ev->ident;
}

/* The type of udata is an integer or a pointer. */
static inline struct kevent entry(int fd, int filter, unsigned flags,
				  uint32_t generation)
{
	struct kevent kev;

	memset(&kev, 0, sizeof(kev));
	kev.ident = (uintptr_t)fd;
	kev.filter = (__typeof__(kev.filter))filter;
	kev.flags = (__typeof__(kev.flags))flags;
	kev.udata = (__typeof__(kev.udata))(uintptr_t)generation;
	return kev;
}

static inline int change(const struct kevent *kev, int n)
{
	int cancel, ret;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	ret = kevent(poller.queue, kev, n, NULL, 0, NULL);
	pthread_setcancelstate(cancel, &cancel);
	return ret;
}

static inline bool can_write(int fd)
{
	int flags = ask(fd, F_GETFL, 0);

	return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

static inline bool is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* A queue of its own is asked: only there this is the only answer. */
static inline bool input_ended(int fd)
{
	struct kevent kev = entry(fd, EVFILT_READ, EV_ADD, 0);
	struct timespec now = { 0, 0 };
	int queue = kernel_open(), cancel, n;

	if (queue < 0)
		return false;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	n = kevent(queue, &kev, 1, &kev, 1, &now);
	close(queue);
	pthread_setcancelstate(cancel, &cancel);
	return n == 1 && !(kev.flags & EV_ERROR) && kev.flags & EV_EOF;
}

/* Asks only when it matters; of a descriptor that was closed meanwhile, whose
   number may be another file, either answer will do. */
static inline bool is_over(const kernel_event *ev)
{
	int fd = event_number(ev);

	if (!(ev->flags & EV_EOF))
		return false;
	return ev->fflags != 0 || !is_socket(fd) ||
	       (ev->filter == EVFILT_WRITE && input_ended(fd));
}

/* Whom an event is for and what it says, or NULL.  A hang-up is told once, but
   somebody may take it up again: of a FIFO, of a terminal. */
static inline struct slot *kernel_slot(const kernel_event *ev,
				       unsigned *bands)
{
	struct slot *s = slot_find(event_number(ev));
	unsigned band = ev->filter == EVFILT_WRITE ? BAND_OUT : BAND_IN;

	if (s == NULL || !(s->bands & band) ||
	    s->generation[band == BAND_OUT] != (uint32_t)(uintptr_t)ev->udata ||
	    (s->failed && ev->flags & EV_EOF))
		return NULL;
	s->failed = !s->timer && is_over(ev);
	*bands = s->failed ? band | BAND_ERROR : band;
	return s;
}

static inline int delete(int fd, int filter)
{
	struct kevent kev = entry(fd, filter, EV_DELETE, 0);

	return change(&kev, 1);
}

static inline int kernel_remove(int fd)
{
	struct slot *s = slot_find(fd);
	int ret = -1;

	errno = ENOENT;
	if (s == NULL)
		return -1;
	if ((s->bands & BAND_IN) &&
	    delete(fd, s->timer ? EVFILT_TIMER : EVFILT_READ) == 0)
		ret = 0;
	if ((s->bands & BAND_OUT) && delete(fd, EVFILT_WRITE) == 0)
		ret = 0;
	if (s->timer)
		ret = 0;
	slot_clear(s);
	return ret;
}

/*
 * Adds the filters of BANDS, each with its generation; those that were taken,
 * or 0 and errno.  Some descriptors know one direction only, but a pipe that
 * nobody will read is refused.
 */
static inline unsigned add_filters(int fd, const struct slot *s,
				   unsigned bands, unsigned flags)
{
	struct kevent kev[2] = {
		entry(fd, EVFILT_READ, EV_ADD | EV_ENABLE | flags,
		      s->generation[0]),
		entry(fd, EVFILT_WRITE, EV_ADD | EV_ENABLE | flags,
		      s->generation[1]),
	};
	unsigned taken = 0;
	int err;

	if (bands == (BAND_IN | BAND_OUT) && change(kev, 2) == 0)
		return bands;
	if ((bands & BAND_IN) && change(&kev[0], 1) == 0)
		taken = BAND_IN;
	err = errno;
	if (!(bands & BAND_OUT))
		return taken;
	if (change(&kev[1], 1) == 0)
		return taken | BAND_OUT;
	if ((errno == EPIPE || errno == EBADF) && can_write(fd)) {
		if (taken != 0)
			delete(fd, EVFILT_READ);
		errno = EPIPE;
		return 0;
	}
	if (bands & BAND_IN)
		errno = err;
	return taken;
}

/* Its filters have gone with the file, if it was closed. */
static inline bool still_there(int fd, const struct slot *s)
{
	struct kevent kev = entry(fd, EVFILT_READ, EV_ENABLE,
				  s->generation[0]);

	if (!(s->bands & BAND_IN))
		kev = entry(fd, EVFILT_WRITE, EV_ENABLE, s->generation[1]);
	return change(&kev, 1) == 0;
}

/* Generation 1: both directions, once. */
static inline int kernel_add(int fd, void *arg)
{
	struct slot *s = slot_make(fd);

	if (s == NULL)
		return -1;
	if (s->timer)
		kernel_remove(fd);
	if (s->bands != 0 && still_there(fd, s)) {
		errno = EEXIST;
		return -1;
	}
	slot_clear(s);
	s->generation[0] = s->generation[1] = next_generation();
	s->arg[0] = s->arg[1] = arg;
	s->bands = (uint8_t)add_filters(fd, s, BAND_IN | BAND_OUT, EV_CLEAR);
	return s->bands != 0 ? 0 : -1;
}

/*
 * Generation 2.  Filters of one descriptor are independent, and those of a file
 * that was closed say nothing.  After an error there may be one left that is
 * not armed here: what it says is dropped, and adding it sets it anew.
 */
static inline int kernel_arm(int fd, unsigned bands, void *arg)
{
	struct slot *s = slot_make(fd);
	unsigned i, taken;

	if (s == NULL)
		return -1;
	if (s->timer)
		kernel_remove(fd);
	for (i = 0; i < 2; i++)
		if (bands & BAND_IN << i)
			s->generation[i] = next_generation();
	taken = add_filters(fd, s, bands, EV_ONESHOT);
	s->bands = (uint8_t)((s->bands & ~bands) | taken);
	s->failed = false;
	for (i = 0; i < 2; i++)
		if (taken & BAND_IN << i)
			s->arg[i] = arg;
	return taken != 0 ? 0 : -1;
}

/* The other direction has a filter of its own. */
static inline void kernel_rearm(const kernel_event *ev, const struct slot *s)
{
	(void)ev;
	(void)s;
}

/* ---- Timers -------------------------------------------------------------------- */

/*
 * Only its number matters, which nobody else may have meanwhile: an empty
 * queue needs no file.  A timer that once had the number is stopped.
 */
static inline int kernel_timer_open(void)
{
	int fd = kernel_open();

	if (fd < 0)
		return -1;
	lock();
	if (slot_find(fd) != NULL && slot_find(fd)->timer)
		kernel_remove(fd);
	unlock();
	return fd;
}

/* Generation 1 repeats, and keeps the argument of one that is there. */
static inline int kernel_timer(int fd, void *arg, unsigned long ms,
			       bool repeat)
{
	struct slot *s = slot_make(fd);
	struct kevent kev;

	/* The kernel takes any number. */
	if (s == NULL || ask(fd, F_GETFD, 0) < 0)
		return -1;
	if (!s->timer)
		kernel_remove(fd);
	if (!s->timer || !repeat)
		s->arg[0] = arg;
	if (s->bands != 0)
		delete(fd, EVFILT_TIMER);
	s->timer = true;
	s->bands = 0;
	s->generation[0] = next_generation();
	if (ms == 0)
		return 0;
	kev = entry(fd, EVFILT_TIMER, EV_ADD | EV_ENABLE |
		    (repeat ? 0 : EV_ONESHOT), s->generation[0]);
	kev.data = ms < INT_MAX ? (int)ms : INT_MAX;
	if (change(&kev, 1) < 0)
		return -1;
	s->bands = BAND_IN;
	return 0;
}

/* It goes on by itself. */
static inline void kernel_timer_reset(int fd)
{
	(void)fd;
}

#endif
