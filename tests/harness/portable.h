/* SPDX-License-Identifier: MIT */
/*
 * portable.h - what tests take for granted and some systems lack.  Included
 * by test.h.
 */
#ifndef IV_PORTABLE_H
#define IV_PORTABLE_H

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <time.h>

/* For deny_syscall(), which needs Linux: elsewhere it skips the case. */
#ifdef __linux__
#include <sys/syscall.h>
#endif
#ifndef SYS_eventfd2
#define SYS_eventfd2	(-1)
#endif
#ifndef SYS_pipe2
#define SYS_pipe2	(-1)
#endif
#ifndef SYS_splice
#define SYS_splice	(-1)
#endif

/* NetBSD's headers give calls other names, by the version. */
#ifdef __NetBSD__
#include <stddef.h>
#include <sys/param.h>
typedef size_t	kevent_count;
#if __NetBSD_Prereq__(10, 0, 0)
#define KEVENT_NAME	"__kevent100"
#else
#define KEVENT_NAME	"__kevent50"
#endif
#define CLOCK_GETTIME_NAME	"__clock_gettime50"
#else
typedef int	kevent_count;
#define KEVENT_NAME	"kevent"
#define CLOCK_GETTIME_NAME	"clock_gettime"
#endif

/* Where it is not there, a program that is executed has the socket, too. */
#ifndef SOCK_CLOEXEC
#define SOCK_CLOEXEC	0
#endif

/* ---- Semaphores: macOS has those with names only --------------------------- */

#ifdef __APPLE__
struct portable_sem {
	pthread_mutex_t	lock;
	pthread_cond_t	more;
	unsigned	value;
};

static inline int portable_sem_init(struct portable_sem *s, int shared,
				    unsigned value)
{
	(void)shared;
	s->value = value;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->more, NULL);
	return 0;
}

static inline int portable_sem_destroy(struct portable_sem *s)
{
	pthread_cond_destroy(&s->more);
	pthread_mutex_destroy(&s->lock);
	return 0;
}

static inline int portable_sem_post(struct portable_sem *s)
{
	pthread_mutex_lock(&s->lock);
	s->value++;
	pthread_cond_signal(&s->more);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

/* UNTIL: NULL is for ever. */
static inline int portable_sem_timedwait(struct portable_sem *s,
					 const struct timespec *until)
{
	int err = 0;

	pthread_mutex_lock(&s->lock);
	while (s->value == 0 && err == 0)
		err = until == NULL ? pthread_cond_wait(&s->more, &s->lock) :
		      pthread_cond_timedwait(&s->more, &s->lock, until);
	if (err == 0)
		s->value--;
	pthread_mutex_unlock(&s->lock);
	errno = err;
	return err == 0 ? 0 : -1;
}

static inline int portable_sem_wait(struct portable_sem *s)
{
	return portable_sem_timedwait(s, NULL);
}

static inline int portable_sem_trywait(struct portable_sem *s)
{
	static const struct timespec past;

	return portable_sem_timedwait(s, &past);
}

#define sem_t		struct portable_sem
#define sem_init	portable_sem_init
#define sem_destroy	portable_sem_destroy
#define sem_post	portable_sem_post
#define sem_wait	portable_sem_wait
#define sem_trywait	portable_sem_trywait
#define sem_timedwait	portable_sem_timedwait
#endif

/* ---- Barriers, which macOS does not have ------------------------------------ */

#ifndef PTHREAD_BARRIER_SERIAL_THREAD
#define PTHREAD_BARRIER_SERIAL_THREAD	(-1)

typedef struct {
	pthread_mutex_t	lock;
	pthread_cond_t	open;
	unsigned	size, here, round;
} pthread_barrier_t;

static inline int pthread_barrier_init(pthread_barrier_t *b, const void *attr,
				       unsigned size)
{
	(void)attr;
	b->size = size;
	b->here = b->round = 0;
	pthread_mutex_init(&b->lock, NULL);
	return pthread_cond_init(&b->open, NULL);
}

static inline int pthread_barrier_destroy(pthread_barrier_t *b)
{
	pthread_cond_destroy(&b->open);
	return pthread_mutex_destroy(&b->lock);
}

static inline int pthread_barrier_wait(pthread_barrier_t *b)
{
	unsigned round, last;

	pthread_mutex_lock(&b->lock);
	round = b->round;
	last = ++b->here == b->size;
	if (last) {
		b->here = 0;
		b->round++;
		pthread_cond_broadcast(&b->open);
	}
	while (round == b->round)
		pthread_cond_wait(&b->open, &b->lock);
	pthread_mutex_unlock(&b->lock);
	return last ? PTHREAD_BARRIER_SERIAL_THREAD : 0;
}
#endif

#endif
