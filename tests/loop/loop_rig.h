/* SPDX-License-Identifier: MIT */
/*
 * loop_rig.h - one object of each kind, for tests of what a turn does with
 * them.
 */
#ifndef IV_LOOP_RIG_H
#define IV_LOOP_RIG_H

#include <stdint.h>
#include <iv_event.h>
#include "harness/test.h"

/* A string as a cookie, for trace() and the handlers below. */
static inline void *label(const char *text)
{
	return (void *)(uintptr_t)text;
}

/* trace(). */
void mark(const char *text);

/* INITs and registers them.  The timer expires MS milliseconds after iv_now,
   the other one in an hour.  The descriptor is the reading end of a pipe, the
   second one in FDS is the other end; add_fd() has put a byte into it. */
extern struct iv_task task;
extern struct iv_timer timer, far_timer;
extern struct iv_event event;
extern struct iv_fd fd;
extern int fds[2];

void add_task(void (*handler)(void *), void *cookie);
void add_timer(long ms, void (*handler)(void *), void *cookie);
void add_far_timer(void);
void add_event(void (*handler)(void *), void *cookie);
void add_quiet_fd(void (*handler)(void *), void *cookie);
void add_fd(void (*handler)(void *), void *cookie);

/* Unregisters the descriptor and closes the pipe. */
void drop_fd(void);

/* Handlers: trace(), and something else. */
void mark_and_drop_fd(void *text);
void mark_and_drop_event(void *text);
void mark_then_quit(void *text);

/* FN in a thread, which has ended when it returns. */
void in_thread(void *(*fn)(void *), void *arg);

/* For a thread: posts the event; and does so in one. */
void *post_event(void *unused);
void post_elsewhere(void);

#endif
