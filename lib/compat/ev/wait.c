/* SPDX-License-Identifier: MIT */
/*
 * wait.c - one wait of the core, no longer than until the next timer.
 *
 * The core's own timer for that moves only when the time is another one: times
 * are absolute.
 */
#include "compat/ev/engine.h"

/* How long a set clock may go unnoticed, if nobody tells, and what is ready may
   be left. */
#define LONGEST	59.743

/* More than what two doubles of this century may be apart. */
#define GRAIN	1e-6

static void rang(void *_loop)
{
	struct ev_loop *loop = _loop;

	loop->alarm_at = 0.;
}

void evi_wait_init(struct ev_loop *loop)
{
	struct iv_loop *before = evi_enter(loop);

	IV_TIMER_INIT(&loop->alarm);
	loop->alarm.cookie = loop;
	loop->alarm.handler = rang;
	/* We know ourselves when there is nothing to wait for. */
	iv_ref();
	evi_leave(before);
}

static void set_alarm(struct ev_loop *loop, ev_tstamp at)
{
	struct timespec ts;

	if (at == loop->alarm_at)
		return;
	loop->alarm_at = at;
	if (at == 0.) {
		iv_timer_unregister(&loop->alarm);
		return;
	}
	ts = evi_timespec(at);
	iv_timer_set_expires(&loop->alarm, &ts);
}

void evi_wait_fini(struct ev_loop *loop)
{
	set_alarm(loop, 0.);
	iv_unref();
}

EVI_PUBLIC void ev_set_io_collect_interval(struct ev_loop *loop,
					   ev_tstamp interval)
{
	loop->io_interval = interval;
}

EVI_PUBLIC void ev_set_timeout_collect_interval(struct ev_loop *loop,
						ev_tstamp interval)
{
	loop->timeout_interval = interval;
}

EVI_PUBLIC void ev_set_loop_release_cb(struct ev_loop *loop,
				       void (*release)(struct ev_loop *),
				       void (*acquire)(struct ev_loop *))
{
	loop->release = release;
	loop->acquire = acquire;
}

static ev_tstamp earlier(ev_tstamp a, ev_tstamp b)
{
	return a == 0. || b < a ? b : a;
}

/* When something is due, by the monotonic clock; 0: never. */
static ev_tstamp due(const struct ev_loop *loop)
{
	ev_tstamp at = 0.;

	if (loop->timers.count > 0)
		at = loop->timers.at[0].at;
	if (loop->periodics.count > 0) {
		if (!loop->watches)
			at = earlier(at, loop->now + LONGEST);
		at = earlier(at, loop->periodics.at[0].at - loop->offset +
				 GRAIN);
	}
	return at;
}

/* The program wants to wait at least so long, and so far apart. */
static ev_tstamp collect(struct ev_loop *loop, ev_tstamp at)
{
	ev_tstamp before = loop->now, pause;

	evi_time_update(loop);
	if (at != 0. && at < loop->now + loop->timeout_interval)
		at = loop->now + loop->timeout_interval;
	pause = loop->io_interval - (loop->now - before);
	if (pause > LONGEST)
		pause = LONGEST;
	if (at != 0. && pause > at - loop->now)
		pause = at - loop->now;
	ev_sleep(pause);
	return at;
}

bool evi_flush(struct ev_loop *loop)
{
	unsigned before = loop->fed;

	if (evi_hints_inherited(loop))
		evi_stats_fork(loop);
	if (loop->wants_raw && !loop->has_raw)
		evi_wake_open(loop);
	if (loop->stats_new)
		evi_stats_flush(loop);
	if (loop->changed != NULL)
		evi_fds_flush(loop);
	if (loop->periodics.count > 0 && loop->may_watch && !loop->watches)
		evi_time_watch(loop);
	return loop->fed != before || loop->fired != NULL || loop->stats_news;
}

static void wait_until(struct ev_loop *loop, bool block, ev_tstamp at)
{
	/* In the past, but not never. */
	if (at < 0.)
		at = 1e-9;
	if (block)
		set_alarm(loop, at);
	iv_run(block ? IV_RUN_ONCE : IV_RUN_NOWAIT);
}

void evi_wait(struct ev_loop *loop, bool block)
{
	struct iv_loop *before = evi_enter(loop);
	ev_tstamp at = 0.;

	block = !evi_flush(loop) && block && loop->refs != 0 && !loop->hurry;
	loop->hurry = false;
	if (block) {
		at = due(loop);
		if (loop->io_interval > 0. || loop->timeout_interval > 0.)
			at = collect(loop, at);
		block = !(at != 0. && at < loop->now) && evi_wake_sleep(loop);
	}
	loop->iteration++;
	if (loop->release != NULL)
		loop->release(loop);
	wait_until(loop, block, at);
	if (loop->acquire != NULL)
		loop->acquire(loop);
	evi_leave(before);
	if (loop->fired != NULL)
		evi_fds_feed(loop);
	if (loop->has_raw)
		evi_wake_awake(loop);
	if (loop->stats_news)
		evi_stats_feed(loop);
}
