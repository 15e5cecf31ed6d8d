/* SPDX-License-Identifier: MIT */
/*
 * time.c - two clocks: timers go by the monotonic one, periodics and ev_now()
 * by that of the calendar.
 *
 * The calendar is looked at every half second; in between its time is that of
 * the monotonic clock plus the difference between them.  If that has changed
 * by more than a second, somebody has set the clock.  While there are
 * periodics an alarm of the core has it looked at when that happens.
 */
#include "compat/ev/engine.h"

#define LOOK	.5
#define JUMP	1.
#define DAY	86400.
#define NEVER	(-1.)

/* More than any clock will say, and it fits. */
#define FOREVER	1e9

static ev_tstamp seconds(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (ev_tstamp)ts.tv_sec + (ev_tstamp)ts.tv_nsec * 1e-9;
}

ev_tstamp evi_monotonic(void)
{
	return seconds(CLOCK_MONOTONIC);
}

EVI_PUBLIC ev_tstamp ev_time(void)
{
	return seconds(CLOCK_REALTIME);
}

EVI_PUBLIC ev_tstamp ev_now(struct ev_loop *loop)
{
	return loop->real;
}

/* Rounded up, since nothing is to be early. */
struct timespec evi_timespec(ev_tstamp t)
{
	struct timespec ts = { 0, 0 };

	if (!(t > 0.))
		return ts;
	if (t > FOREVER)
		t = FOREVER;
	ts.tv_sec = (time_t)t;
	ts.tv_nsec = (long)((t - (ev_tstamp)ts.tv_sec) * 1e9) + 1;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_nsec -= 1000000000;
		ts.tv_sec++;
	}
	return ts;
}

EVI_PUBLIC void ev_sleep(ev_tstamp delay)
{
	struct timespec ts;

	if (!(delay > 0.))
		return;
	ts = evi_timespec(delay < DAY ? delay : DAY);
	nanosleep(&ts, NULL);
}

static void look(struct ev_loop *loop)
{
	loop->now = loop->looked = evi_monotonic();
	loop->real = ev_time();
	loop->offset = loop->real - loop->now;
}

void evi_time_init(struct ev_loop *loop)
{
	IV_ALARM_INIT(&loop->calendar);
	look(loop);
}

static void unreachable(void *unused)
{
	(void)unused;
}

/* It is asked for its next time, which is the end of all times, and again
   whenever the clock was set. */
static void was_set(void *_loop, const struct timespec *now,
		    struct timespec *next)
{
	struct ev_loop *loop = _loop;

	(void)now;
	loop->looked = NEVER;
	next->tv_sec = (time_t)(((uint64_t)1 << (sizeof(time_t) * 8 - 1)) - 1);
	next->tv_nsec = 0;
}

/* The core looks at the clock in its next turn, and once more when it has
   somebody who tells: these turns are not to be what ends a wait. */
void evi_time_watch(struct ev_loop *loop)
{
	loop->calendar.cookie = loop;
	loop->calendar.handler = unreachable;
	loop->calendar.reschedule = was_set;
	while (iv_alarm_register(&loop->calendar) < 0)
		if (!evi_fds_in_the_way(loop))
			return;
	loop->watches = true;
	iv_run(IV_RUN_NOWAIT);
	iv_run(IV_RUN_NOWAIT);
}

void evi_time_fini(struct ev_loop *loop)
{
	if (loop->watches)
		iv_alarm_unregister(&loop->calendar);
}

static bool jumped(ev_tstamp before, ev_tstamp after)
{
	ev_tstamp by = after - before;

	return by > JUMP || by < -JUMP;
}

/* This thread may have been held up between the two clocks: twice is not
   likely. */
void evi_time_fresh(struct ev_loop *loop)
{
	ev_tstamp before = loop->offset;

	look(loop);
	if (!jumped(before, loop->offset))
		return;
	look(loop);
	if (jumped(before, loop->offset))
		evi_periodics_reschedule(loop);
}

void evi_time_update(struct ev_loop *loop)
{
	loop->now = evi_monotonic();
	if (loop->now - loop->looked < LOOK)
		loop->real = loop->now + loop->offset;
	else
		evi_time_fresh(loop);
}

EVI_PUBLIC void ev_now_update(struct ev_loop *loop)
{
	evi_time_update(loop);
}

EVI_PUBLIC void ev_suspend(struct ev_loop *loop)
{
	evi_time_update(loop);
}

EVI_PUBLIC void ev_resume(struct ev_loop *loop)
{
	ev_tstamp before = loop->now;

	evi_time_update(loop);
	evi_timers_shift(loop, loop->now - before);
	evi_periodics_reschedule(loop);
}
