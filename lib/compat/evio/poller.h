/* SPDX-License-Identifier: MIT */
/*
 * poller.h - what both generations of evio are made of: the poller of the
 * process, and what it knows of each descriptor.
 *
 * This stands directly on epoll(7) or kqueue(2), for two reasons.  Any thread
 * may add a descriptor while another sleeps in evio_review(), and has to be told
 * at once if the kernel refuses it: a loop, which belongs to one thread, would
 * need a lock around it, a wake-up and an answer for each.  And no thread owns
 * the poller, whereas lib/poll speaks to the core about objects of one loop.
 * What is left to share would be the system calls.
 *
 * A generation is one object file: a program may define a weak function of one
 * of these names, as facil.io 0.5 does (evio_remove), and then the member of
 * the archive that evio_create() pulls in has to bring the strong one along.
 * So this and the kernel's header are included by edge.c and oneshot.c; the
 * build says which kernel's (EVIO_KERNEL).
 *
 * Invariants:
 *  - Events name number and generation.  One whose generation is not that of
 *    its slot speaks of what is over, and is dropped.  Arming anew begins a
 *    generation: the kernel then looks again, and what was collected before
 *    may not be true any more, as of a timer that was set again.
 *  - The lock is held while the kernel is told of a descriptor: who looks an
 *    event up finds what belongs to it.  It is not held where the thread may
 *    be cancelled, or in callbacks.
 */
#ifndef IVI_COMPAT_EVIO_POLLER_H
#define IVI_COMPAT_EVIO_POLLER_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What may be told of a descriptor. */
#define BAND_IN		1U
#define BAND_OUT	2U
#define BAND_ERROR	4U

#define FIRST_SIZE	64

/* All zero: nothing is registered. */
struct slot {
	void	*arg[2];	/* of reading, of writing */
	uint64_t	file;		/* epoll: which one, if there are others */
	uint32_t	generation[2];	/* epoll: the first is for both, the second
				   says when writing was armed */
	uint32_t	registration;	/* epoll: one, however often armed */
	uint8_t	bands;		/* registered, or armed */
	bool	timer;		/* kqueue: the number of a timer */
	bool	failed;		/* has told so, and it has not passed */
	bool	others;		/* epoll: the kernel may have other files by
				   this number; stays so */
};

static struct {
	pthread_mutex_t	lock;
	bool	watches_forks;
	int	queue;		/* -1: there is no poller */
	uint32_t	generation;	/* the last one given */
	struct slot	*slots;		/* by number */
	size_t	size;
} poller = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.queue = -1,
};

static inline void lock(void)
{
	pthread_mutex_lock(&poller.lock);
}

static inline void unlock(void)
{
	pthread_mutex_unlock(&poller.lock);
}

static inline uint32_t next_generation(void)
{
	if (++poller.generation == 0)
		poller.generation = 1;
	return poller.generation;
}

/* ---- Slots; the lock is held ------------------------------------------------- */

static inline struct slot *slot_find(int fd)
{
	return fd >= 0 && (size_t)fd < poller.size ? &poller.slots[fd] : NULL;
}

static inline int slots_grow(size_t least)
{
	size_t size = 2 * poller.size > least ? 2 * poller.size : least;
	struct slot *slots;

	if (size < FIRST_SIZE)
		size = FIRST_SIZE;
	slots = realloc(poller.slots, size * sizeof(*slots));
	if (slots == NULL)
		return -1;
	memset(slots + poller.size, 0, (size - poller.size) * sizeof(*slots));
	poller.slots = slots;
	poller.size = size;
	return 0;
}

/* fcntl(2) is a cancellation point on NetBSD, whatever it is asked. */
static inline int ask(int fd, int what, int arg)
{
	int cancel, ret;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	ret = fcntl(fd, what, arg);
	pthread_setcancelstate(cancel, &cancel);
	return ret;
}

/* NULL and errno.  Nothing is allocated for a number that is not open. */
static inline struct slot *slot_make(int fd)
{
	struct slot *s = slot_find(fd);

	if (poller.queue < 0) {
		errno = EBADF;
		return NULL;
	}
	if (s != NULL)
		return s;
	if (ask(fd, F_GETFD, 0) < 0 || slots_grow((size_t)fd + 1) < 0)
		return NULL;
	return slot_find(fd);
}

static inline void slot_clear(struct slot *s)
{
	bool others = s->others;

	memset(s, 0, sizeof(*s));
	s->others = others;
}

#include EVIO_KERNEL

/* ---- Life -------------------------------------------------------------------- */

/* Whoever has the lock lets go of it before a fork: the child has no thread
   that would. */
static void forked(void)
{
	kernel_forked();
	unlock();
}

static inline int watch_forks(void)
{
	int err = 0;

	lock();
	if (!poller.watches_forks)
		err = pthread_atfork(lock, unlock, forked);
	poller.watches_forks = err == 0;
	unlock();
	errno = err;
	return err == 0 ? 0 : -1;
}

/* The lock is held, and the thread cannot be cancelled. */
static inline void let_go(void)
{
	if (poller.queue >= 0)
		close(poller.queue);
	poller.queue = -1;
	free(poller.slots);
	poller.slots = NULL;
	poller.size = 0;
}

/* Another one instead of what there is, or none. */
static inline int poller_replace(bool another)
{
	int queue, cancel;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	lock();
	let_go();
	queue = poller.queue = another ? kernel_open() : -1;
	unlock();
	pthread_setcancelstate(cancel, &cancel);
	return queue;
}

/* Its descriptor, or -1. */
static inline int poller_create(void)
{
	return watch_forks() < 0 ? -1 : poller_replace(true);
}

/* Its descriptor, or -1 and errno. */
static inline int poller_queue(void)
{
	int queue;

	lock();
	queue = poller.queue;
	unlock();
	if (queue < 0)
		errno = EBADF;
	return queue;
}

/* The number of events, which is 0 if a signal came. */
static inline int poller_wait(kernel_event *events, int ms)
{
	int queue = poller_queue(), n;

	if (queue < 0)
		return -1;
	n = kernel_wait(queue, events, EVIO_MAX_EVENTS, ms);
	return n < 0 && errno == EINTR ? 0 : n;
}

/* True for the second callback of an event if FD was not removed meanwhile, or
   armed for it anew: then that is told by itself. */
static inline bool poller_knows(int fd, const struct slot *of)
{
	const struct slot *s;
	bool known;

	lock();
	s = slot_find(fd);
	known = s != NULL && s->registration == of->registration &&
		s->generation[1] == of->generation[1];
	unlock();
	return known;
}

/* ---- Callbacks that a program leaves out ------------------------------------- */

#define WEAK	__attribute__((weak))

WEAK void evio_on_data(void *arg)
{
	(void)arg;
}

WEAK void evio_on_ready(void *arg)
{
	(void)arg;
}

WEAK void evio_on_error(void *arg)
{
	(void)arg;
}

WEAK void evio_on_close(void *arg)
{
	(void)arg;
}

/* ---- What is the same in both generations --------------------------------------- */

void evio_close(void)
{
	poller_replace(false);
}

int evio_isactive(void)
{
	return poller_queue() >= 0;
}

/* Calls what EV is for; the number of events that it was. */
static int deliver(const kernel_event *ev);

int evio_review(const int timeout_millisec)
{
	kernel_event events[EVIO_MAX_EVENTS];
	int i, n = poller_wait(events, timeout_millisec), told = 0;

	for (i = 0; i < n; i++)
		told += deliver(&events[i]);
	return n < 0 ? -1 : told;
}

#endif
