/* SPDX-License-Identifier: MIT */
/*
 * rig.h - what the tests of libev.so.4 share.
 *
 * Each file is compiled and run twice: with our header on our library, and,
 * with SYSTEM_LIBEV, with the system's on the system's.  So a case says what
 * libev does; where ours is meant to do something else it says OURS(a, b).
 */
#ifndef EV_RIG_H
#define EV_RIG_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-aliasing"
#pragma GCC diagnostic ignored "-Wpragmas"
#pragma GCC diagnostic ignored "-Wcast-align"
#ifdef SYSTEM_LIBEV
#define EV_H <ev.h>
#endif
#include <ivykis-ev/event.h>
#pragma GCC diagnostic pop
#include "harness/test.h"

/* libev's macros for initialising write through struct ev_watcher, and its
   own of ev_io_modify() leaves parentheses out. */
#pragma GCC diagnostic ignored "-Wstrict-aliasing"
#pragma GCC diagnostic ignored "-Wparentheses"

#ifdef SYSTEM_LIBEV
#define OURS(ours, theirs)	(theirs)
#define IS_OURS			0
#else
#define OURS(ours, theirs)	(ours)
#define IS_OURS			1
#endif

/* A loop of the kind that the case is about: its poll method, or the backend
   that is most like it. */
struct ev_loop *make_loop(void);
struct ev_loop *make_default_loop(void);
unsigned flags_of_method(void);

/* Writes "LABEL(REVENTS) ", in hexadecimal. */
void said(const char *label, int revents);
/* What was written, without the blank at the end; it starts anew. */
const char *heard(void);

#define CHECK_HEARD(text)	CHECK_STR(heard(), text)

/* say_TYPE: a callback that writes w->data and the events. */
#define SAYS(type)							\
static inline void say_##type(struct ev_loop *loop_, ev_##type *w,	\
			      int revents)				\
{									\
	(void)loop_;							\
	said(w->data, revents);						\
}
SAYS(io)
SAYS(timer)
SAYS(periodic)
SAYS(signal)
SAYS(child)
SAYS(stat)
SAYS(idle)
SAYS(prepare)
SAYS(check)
SAYS(embed)
SAYS(fork)
SAYS(cleanup)
SAYS(async)

#define LABEL(w, text)	((w)->data = (void *)(uintptr_t)(text))

/* Initialises, labels, and starts. */
#define IO(loop, w, label, fd, events)					\
	do {								\
		ev_io_init(w, say_io, fd, events);			\
		LABEL(w, label);					\
		ev_io_start(loop, w);					\
	} while (0)
#define TIMER(loop, w, label, after, repeat)				\
	do {								\
		ev_timer_init(w, say_timer, after, repeat);		\
		LABEL(w, label);					\
		ev_timer_start(loop, w);				\
	} while (0)
#define PLAIN(type, loop, w, label)					\
	do {								\
		ev_##type##_init(w, say_##type);			\
		LABEL(w, label);					\
		ev_##type##_start(loop, w);				\
	} while (0)

/* With a priority. */
#define IO_AT(pri, loop, w, label, fd, events)				\
	do {								\
		ev_io_init(w, say_io, fd, events);			\
		LABEL(w, label);					\
		ev_set_priority(w, pri);				\
		ev_io_start(loop, w);					\
	} while (0)
#define TIMER_AT(pri, loop, w, label, after)				\
	do {								\
		ev_timer_init(w, say_timer, after, 0.);			\
		LABEL(w, label);					\
		ev_set_priority(w, pri);				\
		ev_timer_start(loop, w);				\
	} while (0)
#define PLAIN_AT(pri, type, loop, w, label)				\
	do {								\
		ev_##type##_init(w, say_##type);			\
		LABEL(w, label);					\
		ev_set_priority(w, pri);				\
		ev_##type##_start(loop, w);				\
	} while (0)

/* A pipe that can be read from, with a byte in it. */
void make_full_pipe(int fds[2]);

/* Until the loop's clocks have passed what is due in SECONDS: for timers that
   are to be due together. */
void pass(struct ev_loop *loop, double seconds);

/* Runs the loop with ONCE until COUNT iterations have done. */
void iterate(struct ev_loop *loop, int count, int flags);

#endif
