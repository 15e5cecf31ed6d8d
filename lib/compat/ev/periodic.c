/* SPDX-License-Identifier: MIT */
/*
 * periodic.c - ev_periodic: times of the calendar.
 */
#include "compat/ev/heap.h"

#define SHORTEST	(1. / 8192.)

/* From here on every double is whole. */
#define ALL_WHOLE	4503599627370496.

static ev_watcher_time *time_of(ev_periodic *w)
{
	return (ev_watcher_time *)w;
}

static ev_tstamp round_down(ev_tstamp t)
{
	ev_tstamp whole;

	if (!(t > -ALL_WHOLE && t < ALL_WHOLE))
		return t;
	whole = (ev_tstamp)(int64_t)t;
	return whole > t ? whole - 1. : whole;
}

/* The first time of the raster after now, which rounding may have missed by a
   step.  If numbers are too big to tell its times apart, a step from now. */
static ev_tstamp next_of(const ev_periodic *w, ev_tstamp now)
{
	ev_tstamp interval = w->interval > SHORTEST ? w->interval : SHORTEST;
	ev_tstamp at = w->offset +
		       interval * round_down((now - w->offset) / interval);
	int i;

	for (i = 0; i < 2 && at <= now; i++)
		at += interval;
	return at > now && at <= now + interval ? at : now + interval;
}

/* False: it is for once. */
static bool schedule(struct ev_loop *loop, ev_periodic *w)
{
	if (w->reschedule_cb != NULL)
		w->at = w->reschedule_cb(w, loop->real);
	else if (w->interval > 0.)
		w->at = next_of(w, loop->real);
	else
		return false;
	/* Also if it is no number. */
	if (!(w->at >= loop->real))
		w->at = loop->real;
	return true;
}

EVI_PUBLIC void ev_periodic_start(struct ev_loop *loop, ev_periodic *w)
{
	if (ev_is_active(w))
		return;
	if (loop->periodics.count == 0)
		evi_time_fresh(loop);
	if (!schedule(loop, w))
		w->at = w->offset == w->offset ? w->offset : loop->real;
	evi_started(loop, w, 1);
	evi_heap_insert(&loop->periodics, time_of(w));
}

EVI_PUBLIC void ev_periodic_stop(struct ev_loop *loop, ev_periodic *w)
{
	evi_unfeed(loop, (ev_watcher *)w);
	if (!ev_is_active(w))
		return;
	evi_heap_remove(&loop->periodics, time_of(w));
	evi_stopped(loop, w);
}

EVI_PUBLIC void ev_periodic_again(struct ev_loop *loop, ev_periodic *w)
{
	ev_periodic_stop(loop, w);
	ev_periodic_start(loop, w);
}

static void expire(struct ev_loop *loop, ev_periodic *w)
{
	if (schedule(loop, w))
		evi_heap_adjust(&loop->periodics, time_of(w));
	else
		ev_periodic_stop(loop, w);
	evi_expired(loop, (ev_watcher *)w, EV_PERIODIC);
}

void evi_periodics_run(struct ev_loop *loop)
{
	if (!evi_heap_due(&loop->periodics, loop->real))
		return;
	evi_expiry_begins(loop);
	do {
		expire(loop, (ev_periodic *)loop->periodics.at[0].w);
	} while (evi_heap_due(&loop->periodics, loop->real));
	evi_expiry_ends(loop);
}

void evi_periodics_reschedule(struct ev_loop *loop)
{
	int i;

	for (i = 0; i < loop->periodics.count; i++)
		schedule(loop, (ev_periodic *)loop->periodics.at[i].w);
	evi_heap_rebuild(&loop->periodics);
}
