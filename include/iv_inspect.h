/* SPDX-License-Identifier: MIT */
/*
 * iv_inspect.h - what goes on in a loop.  Since 1.1.
 */
#ifndef __IV_INSPECT_H
#define __IV_INSPECT_H

#include <stddef.h>

/* C89 and C++98 do not have long long. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wlong-long"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Of a loop, since it was made.  What the loop itself needs, to be woken and
 * to call what is posted, does not count.  More may be added at the end.
 */
struct iv_metrics {
	unsigned long long	turns;
	unsigned long long	waits;		/* for the kernel, asleep or not */
	unsigned long long	fd_calls;	/* calls of handlers: of iv_fd, */
	unsigned long long	timer_calls;	/* iv_timer, */
	unsigned long long	task_calls;	/* iv_task, */
	unsigned long long	post_calls;	/* iv_event and iv_call */

	/*
	 * Turns in a row, up to the last, in which only one descriptor was
	 * ready, always the same, at once, and nothing else happened: its
	 * handler makes no progress.  Begins to count after some dozens of
	 * these; 0 as soon as a turn was different.
	 */
	unsigned long long	spinning;

	/* Only while iv_metrics_time() is on, else they stay as they are. */
	unsigned long long	slept_ns;	/* in waits that might sleep */
	unsigned long long	late_ns_max;	/* of a timer */
	unsigned long long	longest_ns;	/* of a handler: */
	void	(*longest)(void);		/* this one */

	unsigned long	fds;		/* registered now */
	unsigned long	timers;
	unsigned long	tasks;
	unsigned long	events;
	long	holds;			/* what keeps iv_main() running: these,
					   idle hooks, iv_ref() */
};

/*
 * Writes the figures of the calling thread's loop to METRICS, at most SIZE
 * bytes of them, which is sizeof(*metrics).
 */
void iv_metrics_get(struct iv_metrics *metrics, size_t size);

/*
 * The calling thread's loop takes times from its next turn on, or not any more:
 * two readings of the clock per turn and one for each handler.
 */
void iv_metrics_time(int on);

/*
 * Writes to FD what is registered in the calling thread's loop, a line for
 * each object, and what keeps iv_main() running.  In a thread without a loop it
 * says so.  Nothing is allocated; a debugger may call it.  The text is for
 * people, and may change.
 */
void iv_dump(int fd);

#ifdef __cplusplus
}
#endif

#pragma GCC diagnostic pop

#endif
