/* SPDX-License-Identifier: MIT */
/*
 * iv_alarm.h - calls by the clock on the wall, once or repeated.  Since 1.1.
 */
#ifndef __IV_ALARM_H
#define __IV_ALARM_H

#include <string.h>
#include <time.h>
#include <iv.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Runs HANDLER when CLOCK gets to a time, never before.
 *
 * INTERVAL zero and no RESCHEDULE: once, when CLOCK has got to AT, or at once
 * if it has already.  INTERVAL: at AT, AT + INTERVAL, AT + 2 INTERVAL, ...;
 * those that have passed are left out.  RESCHEDULE: it is asked for the first
 * time and, before each call, for the next one: it sets *NEXT to a time later
 * than *NOW, and does nothing else to this alarm; AT and INTERVAL mean nothing
 * then.
 *
 * If the clock is set, by a second or more, repeating alarms are computed anew,
 * and those that are not wait for AT as before.  A suspended machine does not
 * count as one whose clock was set: what has passed meanwhile is called once.
 */
struct iv_alarm {
	clockid_t	clock;		/* CLOCK_REALTIME or 0; or
					   CLOCK_BOOTTIME, which cannot be
					   set; fixed while registered */
	struct timespec	at, interval;	/* read when it is computed */
	void	(*reschedule)(void *cookie, const struct timespec *now,
			      struct timespec *next);
	void	*cookie;		/* argument of both */
	void	(*handler)(void *cookie);
	struct timespec	next;		/* set by the library: when it will be
					   called; not to be changed */
	struct iv_timer	timer;		/* private */
	void	*pad[12];		/* private */
};

/* Clears all of it. */
static __inline__ void IV_ALARM_INIT(struct iv_alarm *alarm)
{
	memset(alarm, 0, sizeof(*alarm));
}

/*
 * From now on the alarm is waited for.  Keeps iv_main() running.  0, or -1
 * with errno: EINVAL if CLOCK is another one, or is not there; ENOMEM.
 */
int iv_alarm_register(struct iv_alarm *);

/* In the thread that registered it; any handler, its own included.  The
   struct may be freed at once. */
void iv_alarm_unregister(struct iv_alarm *);

/* 1 from registering to unregistering; of one that does not repeat, until just
   before its handler runs. */
int iv_alarm_registered(const struct iv_alarm *);

/* Computes NEXT anew, from what is in the struct and on the clock now; a call
   that is due but has not been made is dropped. */
void iv_alarm_again(struct iv_alarm *);

#ifdef __cplusplus
}
#endif

#endif
