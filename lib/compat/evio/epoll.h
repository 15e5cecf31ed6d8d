/* SPDX-License-Identifier: MIT */
/*
 * epoll.h - evio upon Linux epoll(7).  Part of poller.h.
 *
 * Kernel facts leaned on, in epoll_ctl(2) and timerfd_create(2), and in
 * fs/eventpoll.c and fs/timerfd.c:
 *  - EPOLLIN is there at the end of the file as well, so nobody asks for
 *    EPOLLRDHUP: a peer that has finished sending is input, not an error.
 *    EPOLLHUP says that both directions are over.
 *  - An entry is known by file and number.  It is gone when the file is closed
 *    for good: EPOLL_CTL_MOD of a number that was opened again is ENOENT.  While
 *    a duplicate lives it stays, but no call reaches it before the file has its
 *    number again.
 *  - An EPOLLONESHOT entry that has fired keeps quiet until EPOLL_CTL_MOD,
 *    which looks at the descriptor afresh.
 *  - A timerfd that repeats and has expired is not looked at again before it is
 *    read; its intervals follow one another all the same.  Setting it forgets
 *    ticks that were not read.
 *  - Sockets and pipes have inodes of their own.
 */
#ifndef IVI_COMPAT_EVIO_EPOLL_H
#define IVI_COMPAT_EVIO_EPOLL_H

#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

typedef struct epoll_event kernel_event;

/* What evio_create() of generation 2 gives. */
static inline intptr_t kernel_created(int queue)
{
	return queue < 0 ? -1 : 0;
}

static inline int kernel_open(void)
{
	return epoll_create1(EPOLL_CLOEXEC);
}

/* It is inherited: good for a parent that only forks. */
static inline void kernel_forked(void)
{
}

static inline int kernel_wait(int queue, kernel_event *events, int n, int ms)
{
	return epoll_wait(queue, events, n, ms);
}

/* ---- The lock is held ---------------------------------------------------------- */

static inline int event_number(const kernel_event *ev)
{
	return (int)(uint32_t)ev->data.u64;
}

static inline int ctl(int op, int fd, uint32_t events, uint32_t generation)
{
	struct epoll_event ev = {
		.events = events,
		.data.u64 = (uint64_t)generation << 32 | (uint32_t)fd,
	};

	return epoll_ctl(poller.queue, op, fd, &ev);
}

/* Whom an event is for and what it says, or NULL.  A hang-up is told once, but
   somebody may take it up again: of a FIFO, of a terminal. */
static inline struct slot *kernel_slot(const kernel_event *ev,
				       unsigned *bands)
{
	struct slot *s = slot_find(event_number(ev));
	bool over = ev->events & EPOLLHUP;

	if (s == NULL || s->generation[0] != ev->data.u64 >> 32 ||
	    (over && s->failed))
		return NULL;
	s->failed = over;
	*bands = (ev->events & EPOLLIN ? BAND_IN : 0) |
		 (ev->events & EPOLLOUT ? BAND_OUT : 0);
	if (ev->events & (EPOLLERR | EPOLLHUP))
		*bands = BAND_IN | BAND_OUT | BAND_ERROR;
	return s;
}

/* Which file has the number.  Two of one inode are taken for the same. */
static inline uint64_t file_at(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return 0;
	return (uint64_t)st.st_ino ^ (uint64_t)st.st_dev << 32;
}

/* Is it the one that the slot is about?  Asks only when it may not be. */
static inline bool same_file(int fd, const struct slot *s)
{
	return s->registration != 0 &&
	       (!s->others || file_at(fd) == s->file);
}

/* It is about no file any more, though the kernel may still have that. */
static inline void slot_leave(struct slot *s)
{
	if (s->registration != 0)
		s->others = true;
	slot_clear(s);
}

static inline int kernel_remove(int fd)
{
	struct slot *s = slot_find(fd);
	int ret = ctl(EPOLL_CTL_DEL, fd, 0, 0);

	if (s != NULL && ret == 0)
		slot_clear(s);
	else if (s != NULL)
		slot_leave(s);
	return ret;
}

/* What was collected of it before is over; the kernel looks at it afresh. */
static inline int renew(int fd, struct slot *s, uint32_t events)
{
	uint32_t generation = next_generation();

	if (ctl(EPOLL_CTL_MOD, fd, events, generation) < 0)
		return -1;
	s->generation[0] = generation;
	s->failed = false;
	return 0;
}

/* errno is EEXIST: by that file?  If there are others it may be one of the same
   inode, and is made this one. */
static inline bool registered(int fd, struct slot *s, uint32_t events)
{
	bool same = same_file(fd, s);

	if (same && s->others)
		renew(fd, s, events);
	errno = EEXIST;
	return same;
}

/* From now on the slot is about what FD is now, which the kernel may know: a
   file that was away.  ONCE: not if it is registered. */
static inline int enter(int fd, struct slot *s, uint32_t events, bool once)
{
	uint32_t generation = next_generation();
	int ret = ctl(EPOLL_CTL_ADD, fd, events, generation);

	if (ret < 0 && errno == EEXIST && !(once && registered(fd, s, events)))
		ret = ctl(EPOLL_CTL_MOD, fd, events, generation);
	if (ret < 0)
		return -1;
	slot_leave(s);
	s->generation[0] = s->registration = generation;
	if (s->others)
		s->file = file_at(fd);
	return 0;
}

#define EDGES	(EPOLLIN | EPOLLOUT | (uint32_t)EPOLLET)

/* Generation 1: both directions, once. */
static inline int kernel_add(int fd, void *arg)
{
	struct slot *s = slot_make(fd);

	if (s == NULL || enter(fd, s, EDGES, true) < 0)
		return -1;
	s->arg[0] = s->arg[1] = arg;
	s->bands = BAND_IN | BAND_OUT;
	return 0;
}

static inline uint32_t oneshot(unsigned bands)
{
	return (bands & BAND_IN ? (uint32_t)EPOLLIN : 0) |
	       (bands & BAND_OUT ? (uint32_t)EPOLLOUT : 0) |
	       (uint32_t)EPOLLONESHOT;
}

/* Generation 2: what is armed already stays so, if it is the same file. */
static inline int kernel_arm(int fd, unsigned bands, void *arg)
{
	struct slot *s = slot_make(fd);

	if (s == NULL)
		return -1;
	if ((!same_file(fd, s) || renew(fd, s, oneshot(s->bands | bands)) < 0) &&
	    enter(fd, s, oneshot(bands), false) < 0)
		return -1;
	s->bands |= (uint8_t)bands;
	if (bands & BAND_IN)
		s->arg[0] = arg;
	if (bands & BAND_OUT) {
		s->arg[1] = arg;
		s->generation[1] = s->generation[0];
	}
	return 0;
}

/* One direction has fired, and with it the entry: the other one goes on.  If
   that fails it was closed. */
static inline void kernel_rearm(const kernel_event *ev, const struct slot *s)
{
	int fd = event_number(ev);

	if (same_file(fd, s))
		ctl(EPOLL_CTL_MOD, fd, oneshot(s->bands), s->generation[0]);
}

/* ---- Timers -------------------------------------------------------------------- */

static inline int kernel_timer_open(void)
{
	return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
}

static inline int set_timer(int fd, unsigned long ms, bool repeat)
{
	struct itimerspec its = {
		.it_value.tv_sec = (time_t)(ms / 1000),
		.it_value.tv_nsec = (long)(ms % 1000) * 1000000,
	};

	if (repeat)
		its.it_interval = its.it_value;
	return timerfd_settime(fd, 0, &its, NULL);
}

/* Generation 1 repeats, and keeps the argument of one that is there. */
static inline int kernel_timer(int fd, void *arg, unsigned long ms,
			       bool repeat)
{
	if (set_timer(fd, ms, repeat) < 0)
		return -1;
	if (!repeat)
		return kernel_arm(fd, BAND_IN, arg);
	if (kernel_add(fd, arg) == 0)
		return 0;
	return errno == EEXIST ? renew(fd, slot_find(fd), EDGES) : -1;
}

/* Without the lock. */
static inline void kernel_timer_reset(int fd)
{
	uint64_t ticks;
	ssize_t ret;

	do {
		ret = read(fd, &ticks, sizeof(ticks));
	} while (ret < 0 && errno == EINTR);
}

#endif
