/* SPDX-License-Identifier: MIT */
/*
 * evio.h - the interface of facil.io's evio, for programs written for it.
 *
 * One poller per process tells of descriptors by four functions of the
 * program, bound by the linker.  Two generations were in use, which share
 * names but not behaviour; who includes this chooses one by EVIO_COMPAT, and
 * links with its library:
 *	1	evio 0.1: edge-triggered, registered once (the default);
 *		-livykis-evio
 *	2	evio 0.2: one-shot, armed again after each event;
 *		-livykis-evio2
 * evio(3) has the whole story.  New programs are better off with <iv.h>.
 *
 * "arg" is handed to the callbacks as it is, and need not be a pointer.
 * Unless said otherwise, functions return 0, or -1 with errno, and may be
 * called in any thread at any time, also in callbacks; not in signal handlers.
 */
#ifndef H_FACIL_EVIO_H
#define H_FACIL_EVIO_H

#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>

#ifndef EVIO_COMPAT
#define EVIO_COMPAT	1
#endif

#if EVIO_COMPAT != 1 && EVIO_COMPAT != 2
#error "EVIO_COMPAT is 1 (edge-triggered) or 2 (one-shot)"
#endif

/* What the interface is that of. */
#define LIB_EVIO_VERSION_MAJOR	0
#if EVIO_COMPAT == 1
#define LIB_EVIO_VERSION_MINOR	1
#define LIB_EVIO_VERSION_PATCH	2
#else
#define LIB_EVIO_VERSION_MINOR	2
#define LIB_EVIO_VERSION_PATCH	0
#endif

#if EVIO_COMPAT == 2
#ifdef __linux__
#define EVIO_ENGINE_EPOLL	1
#else
#define EVIO_ENGINE_KQUEUE	1
#endif
#endif

/* The most events of one evio_review(); a constant of the library, which was
   built with it. */
#ifndef EVIO_MAX_EVENTS
#define EVIO_MAX_EVENTS	64
#endif
#if EVIO_COMPAT == 2 && (EVIO_MAX_EVENTS < 4 || EVIO_MAX_EVENTS % 2 != 0)
#error "EVIO_MAX_EVENTS is even and greater than 3"
#endif

/* Milliseconds: how long a program that has nothing to do may sleep.  A hint,
   not used by the library. */
#ifndef EVIO_TICK
#if EVIO_COMPAT == 1
#define EVIO_TICK	256
#else
#define EVIO_TICK	512
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Callbacks: the program's, or ones that do nothing --------------------- */

/* There is something to read, or the end of the file; a timer has expired. */
void evio_on_data(void *arg);

/* Something can be written. */
void evio_on_ready(void *arg);

/* Error or hang-up: told once, and instead of the other two.  What has arrived
   before can still be read. */
void evio_on_error(void *arg);

/* Never called by the library: a name for others. */
void evio_on_close(void *arg);

/* ---- The poller -------------------------------------------------------------- */

/*
 * Makes the poller; one that is there is closed first.  Returns its
 * descriptor, but generation 2 returns 0 on Linux; or -1.
 */
intptr_t evio_create(void);

/*
 * Waits that many milliseconds, or for ever if negative, until there are
 * events, and tells of EVIO_MAX_EVENTS at most (generation 2, Linux: so many of
 * each direction).  Returns the number of events, of which generation 1 may
 * tell by two callbacks; 0 also if a signal came, or an event about what is over
 * by now; -1 without a poller.
 */
int evio_review(const int timeout_millisec);

/* Forgets all registrations.  Not while another thread is in evio_review(). */
void evio_close(void);

/* 1 if there is a poller, else 0. */
int evio_isactive(void);

#if EVIO_COMPAT == 1

/* ---- Generation 1: edge-triggered ---------------------------------------------- */

/*
 * Registers a descriptor for both directions.  What can be done already is told
 * first; then whatever is new.  -1 with EEXIST: it is registered, and keeps
 * the argument that it has.  Other errors are epoll_ctl(2)'s or kevent(2)'s,
 * EBADF without a poller, or ENOMEM.
 */
int evio_add(int fd, void *callback_arg);

/*
 * Forgets a descriptor or timer.  In the thread that reviews nothing of it is
 * told any more.  Closing forgets as well, but only by the next review, and not
 * while a duplicate lives: then it is removed before it is closed.  ENOENT,
 * EBADF: it was not registered.
 */
int evio_remove(int fd);

/* A descriptor for a timer, the caller's to close after evio_remove(). */
intptr_t evio_open_timer(void);

/* Sets the interval of a timer, from now; 0: no ticks.  One that is registered
   keeps its argument.  A tick that was not told of yet is forgotten. */
intptr_t evio_add_timer(int fd, void *callback_arg,
			unsigned long milliseconds);

/* To be called after each tick, or no other is told of.  It does not move the
   next one: intervals follow one another. */
void evio_reset_timer(int timer_fd);

#else

/* ---- Generation 2: one-shot ------------------------------------------------------ */

/* Waits like evio_review(), but calls nothing: 1 if there are events, which may
   be about what is over by now; 0 if not, or -1. */
int evio_wait(const int timeout_millisec);

/*
 * Arms a descriptor for both directions, or for one: the next time it can be
 * read or written, also if it can be now, that is told once.  Each direction
 * has its own argument, the last one given.  Errors as above, but EEXIST.
 */
int evio_add(int fd, void *callback_arg);
int evio_add_read(int fd, void *callback_arg);
int evio_add_write(int fd, void *callback_arg);

/* Forgets a descriptor or timer.  In the thread that reviews nothing of it is
   told any more.  Closing forgets as well, but only by the next review, and not
   while a duplicate lives: then it is removed before it is closed. */
void evio_remove(int fd);

/* A descriptor for a timer, the caller's to close after evio_remove(). */
int evio_open_timer(void);

/* One tick after so many milliseconds; 0: none. */
int evio_set_timer(int fd, void *callback_arg,
		   unsigned long milliseconds);

#endif

#ifdef __cplusplus
}
#endif

#endif
