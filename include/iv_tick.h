/* SPDX-License-Identifier: MIT */
/*
 * iv_tick.h - timers that repeat.  Since 1.1.
 */
#ifndef __IV_TICK_H
#define __IV_TICK_H

#include <string.h>
#include <iv.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Runs HANDLER each INTERVAL, on the clock of iv_now.  Each beat is one
 * interval after the one before, however late HANDLER was called for that:
 * there is no drift.  Beats that have passed when HANDLER is called are
 * skipped, so it is called once per turn of the loop at most.
 */
struct iv_tick {
	struct timespec	interval;	/* above 0; may be changed at any
					   time, for the beats after the next */
	unsigned long	missed;		/* set before each call: beats skipped
					   since the one before */
	void	*cookie;		/* argument of the handler */
	void	(*handler)(void *);
	struct iv_timer	timer;		/* private */
	void	*pad[4];		/* private */
};

/* Clears all of it. */
static __inline__ void IV_TICK_INIT(struct iv_tick *tick)
{
	memset(tick, 0, sizeof(*tick));
}

/*
 * The first beat is one interval from now, by the clock and not by iv_now.
 * Keeps iv_main() running.  Always 0: nothing is allocated.
 */
int iv_tick_register(struct iv_tick *);

/* In the thread that registered it; any handler, its own included.  The
   struct may be freed at once. */
void iv_tick_unregister(struct iv_tick *);

/* 1 between registering and unregistering, in its handler too, else 0. */
int iv_tick_registered(const struct iv_tick *);

/* The next beat is one interval from now, as if it had just been registered;
   one that is due but has not been told is dropped. */
void iv_tick_again(struct iv_tick *);

#ifdef __cplusplus
}
#endif

#endif
