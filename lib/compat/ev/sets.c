/* SPDX-License-Identifier: MIT */
/*
 * sets.c - watchers of the iteration itself: prepare, check, fork, cleanup,
 * idle.  All of a set are queued together.
 */
#include "compat/ev/engine.h"

void evi_set_add(struct ev_loop *loop, struct evi_set *set, void *w)
{
	set->at = evi_grow(set->at, &set->max, set->count + 1,
			   sizeof(*set->at));
	set->at[set->count++] = w;
	evi_started(loop, w, set->count);
}

/* The last one takes its place. */
void evi_set_remove(struct ev_loop *loop, struct evi_set *set, void *_w)
{
	ev_watcher *w = _w, *last = set->at[--set->count];

	set->at[w->active - 1] = last;
	last->active = w->active;
	evi_stopped(loop, w);
}

void evi_set_feed(struct ev_loop *loop, struct evi_set *set, int revents)
{
	int i;

	for (i = 0; i < set->count; i++)
		evi_feed(loop, set->at[i], revents);
}

static void start(struct ev_loop *loop, struct evi_set *set, void *w)
{
	if (!ev_is_active(w))
		evi_set_add(loop, set, w);
}

static void stop(struct ev_loop *loop, struct evi_set *set, void *w)
{
	evi_unfeed(loop, w);
	if (ev_is_active(w))
		evi_set_remove(loop, set, w);
}

EVI_PUBLIC void ev_prepare_start(struct ev_loop *loop, ev_prepare *w)
{
	start(loop, &loop->prepares, w);
}

EVI_PUBLIC void ev_prepare_stop(struct ev_loop *loop, ev_prepare *w)
{
	stop(loop, &loop->prepares, w);
}

EVI_PUBLIC void ev_check_start(struct ev_loop *loop, ev_check *w)
{
	start(loop, &loop->checks, w);
}

EVI_PUBLIC void ev_check_stop(struct ev_loop *loop, ev_check *w)
{
	stop(loop, &loop->checks, w);
}

EVI_PUBLIC void ev_fork_start(struct ev_loop *loop, ev_fork *w)
{
	start(loop, &loop->forks, w);
}

EVI_PUBLIC void ev_fork_stop(struct ev_loop *loop, ev_fork *w)
{
	stop(loop, &loop->forks, w);
}

/* These do not hold the loop. */
EVI_PUBLIC void ev_cleanup_start(struct ev_loop *loop, ev_cleanup *w)
{
	if (ev_is_active(w))
		return;
	evi_set_add(loop, &loop->cleanups, w);
	loop->refs--;
}

EVI_PUBLIC void ev_cleanup_stop(struct ev_loop *loop, ev_cleanup *w)
{
	evi_unfeed(loop, (ev_watcher *)w);
	if (!ev_is_active(w))
		return;
	loop->refs++;
	evi_set_remove(loop, &loop->cleanups, w);
}

/* ---- Idle ---------------------------------------------------------------- */

static struct evi_set *idles_of(struct ev_loop *loop, const ev_idle *w)
{
	return &loop->idles[evi_rank((const ev_watcher *)w)];
}

EVI_PUBLIC void ev_idle_start(struct ev_loop *loop, ev_idle *w)
{
	if (ev_is_active(w))
		return;
	evi_set_add(loop, idles_of(loop, w), w);
	loop->idle_count++;
}

EVI_PUBLIC void ev_idle_stop(struct ev_loop *loop, ev_idle *w)
{
	evi_unfeed(loop, (ev_watcher *)w);
	if (!ev_is_active(w))
		return;
	evi_set_remove(loop, idles_of(loop, w), w);
	loop->idle_count--;
}

/* Those of the highest priority that has some, if nothing of that or of a
   higher one is pending. */
void evi_idle_feed(struct ev_loop *loop)
{
	int rank = EVI_PRIORITIES;

	while (rank-- > 0) {
		if (loop->pending[rank].count > 0)
			return;
		if (loop->idles[rank].count > 0) {
			evi_set_feed(loop, &loop->idles[rank], EV_IDLE);
			return;
		}
	}
}
