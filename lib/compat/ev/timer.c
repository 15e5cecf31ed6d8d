/* SPDX-License-Identifier: MIT */
/*
 * timer.c - ev_timer.
 *
 * "at" is what is left while it is stopped, and a time of the monotonic clock
 * while it is active.
 */
#include "compat/ev/heap.h"

static ev_watcher_time *time_of(ev_timer *w)
{
	return (ev_watcher_time *)w;
}

EVI_PUBLIC void ev_timer_start(struct ev_loop *loop, ev_timer *w)
{
	if (ev_is_active(w))
		return;
	w->at += loop->now;
	if (w->at != w->at)
		w->at = loop->now;
	evi_started(loop, w, 1);
	evi_heap_insert(&loop->timers, time_of(w));
}

EVI_PUBLIC void ev_timer_stop(struct ev_loop *loop, ev_timer *w)
{
	evi_unfeed(loop, (ev_watcher *)w);
	if (!ev_is_active(w))
		return;
	evi_heap_remove(&loop->timers, time_of(w));
	w->at -= loop->now;
	evi_stopped(loop, w);
}

EVI_PUBLIC void ev_timer_again(struct ev_loop *loop, ev_timer *w)
{
	evi_unfeed(loop, (ev_watcher *)w);
	if (!(w->repeat > 0.)) {
		ev_timer_stop(loop, w);
	} else if (ev_is_active(w)) {
		w->at = loop->now + w->repeat;
		evi_heap_adjust(&loop->timers, time_of(w));
	} else {
		w->at = w->repeat;
		ev_timer_start(loop, w);
	}
}

EVI_PUBLIC ev_tstamp ev_timer_remaining(struct ev_loop *loop, ev_timer *w)
{
	return w->at - (ev_is_active(w) ? loop->now : 0.);
}

/* One that repeats goes on from when it was due, but not into the past. */
static void expire(struct ev_loop *loop, ev_timer *w)
{
	bool once = !(w->repeat > 0.);

	if (once) {
		evi_unfeed(loop, (ev_watcher *)w);
		evi_stopped(loop, w);
		w->at -= loop->now;
	} else {
		w->at += w->repeat;
		/* Also if it is no number. */
		if (!(w->at >= loop->now))
			w->at = loop->now;
	}
	evi_heap_next(&loop->timers, once);
	evi_expired(loop, (ev_watcher *)w, EV_TIMER);
}

void evi_timers_run(struct ev_loop *loop)
{
	if (!evi_heap_due(&loop->timers, loop->now))
		return;
	evi_expiry_begins(loop);
	do {
		expire(loop, (ev_timer *)loop->timers.at[0].w);
	} while (evi_heap_due(&loop->timers, loop->now));
	evi_expiry_ends(loop);
}

void evi_timers_shift(struct ev_loop *loop, ev_tstamp by)
{
	struct evi_heap *heap = &loop->timers;
	int i;

	for (i = 0; i < heap->count; i++) {
		heap->at[i].w->at += by;
		heap->at[i].at = heap->at[i].w->at;
	}
}
