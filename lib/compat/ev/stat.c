/* SPDX-License-Identifier: MIT */
/*
 * stat.c - ev_stat: looks at a path when the kernel hints that something has
 * happened to it, and every so often if it may not.
 *
 * The timer for that holds no reference.
 */
#include "compat/ev/engine.h"

/* Seconds; what the program asks for goes before the other ones. */
#define SHORTEST	.1074891
#define BLIND		5.0074891
#define REMOTE		30.1074891

EVI_PUBLIC void ev_stat_stat(struct ev_loop *loop, ev_stat *w)
{
	(void)loop;
	if (lstat(w->path, &w->attr) < 0)
		w->attr.st_nlink = 0;
	else if (w->attr.st_nlink == 0)
		w->attr.st_nlink = 1;
}

static bool differ(const ev_statdata *a, const ev_statdata *b)
{
	return a->st_dev != b->st_dev || a->st_ino != b->st_ino ||
	       a->st_mode != b->st_mode || a->st_nlink != b->st_nlink ||
	       a->st_uid != b->st_uid || a->st_gid != b->st_gid ||
	       a->st_rdev != b->st_rdev || a->st_size != b->st_size ||
	       a->st_atime != b->st_atime || a->st_mtime != b->st_mtime ||
	       a->st_ctime != b->st_ctime;
}

static bool another(const ev_statdata *a, const ev_statdata *b)
{
	return a->st_dev != b->st_dev || a->st_ino != b->st_ino ||
	       !a->st_nlink != !b->st_nlink;
}

/* ---- Polling --------------------------------------------------------------- */

/* AT 0: not at all. */
static void poll_every(struct ev_loop *loop, ev_stat *w, ev_tstamp at)
{
	if (at > 0. && w->interval > 0.)
		at = w->interval;
	if (ev_is_active(&w->timer))
		ev_ref(loop);
	w->timer.repeat = at;
	ev_timer_again(loop, &w->timer);
	if (ev_is_active(&w->timer))
		ev_unref(loop);
}

static void place(struct ev_loop *loop, ev_stat *w)
{
	enum evi_hint hint = EVI_HINT_NONE;

	w->wd = -1;
	if (loop->inotify)
		hint = evi_hint_place(loop, w);
	poll_every(loop, w, hint == EVI_HINT_ALL ? 0. :
			    hint == EVI_HINT_LOCAL ? REMOTE : BLIND);
}

/* The hint is for another file, or is gone. */
void evi_stat_again(struct ev_loop *loop, ev_stat *w)
{
	evi_hint_leave(loop, w);
	w->wd = -2;
	loop->stats_new = true;
}

/* What has happened before there was a hint is found out afterwards. */
void evi_stat_look(struct ev_loop *loop, ev_stat *w)
{
	ev_statdata before = w->attr;

	ev_stat_stat(loop, w);
	if (!differ(&before, &w->attr))
		return;
	if (another(&before, &w->attr))
		evi_stat_again(loop, w);
	w->prev = before;
	evi_feed(loop, (ev_watcher *)w, EV_STAT);
}

static void polled(struct ev_loop *loop, ev_timer *timer, int revents)
{
	(void)revents;
	evi_stat_look(loop, iv_container_of(timer, ev_stat, timer));
}

/* ---- Starting and stopping ------------------------------------------------- */

EVI_PUBLIC void ev_stat_start(struct ev_loop *loop, ev_stat *w)
{
	if (ev_is_active(w))
		return;
	ev_stat_stat(loop, w);
	if (w->interval > 0. && w->interval < SHORTEST)
		w->interval = SHORTEST;
	ev_timer_init(&w->timer, polled, 0., 0.);
	ev_set_priority(&w->timer, w->priority);
	w->wd = -2;
	loop->stats_new = true;
	poll_every(loop, w, BLIND);
	evi_set_add(loop, &loop->stats, w);
}

EVI_PUBLIC void ev_stat_stop(struct ev_loop *loop, ev_stat *w)
{
	evi_unfeed(loop, (ev_watcher *)w);
	if (!ev_is_active(w))
		return;
	evi_hint_leave(loop, w);
	poll_every(loop, w, 0.);
	evi_set_remove(loop, &loop->stats, w);
}

/* ---- In the iteration ------------------------------------------------------ */

static void look(struct ev_loop *loop, ev_watcher *w, int revents)
{
	(void)w;
	(void)revents;
	evi_hints_look(loop);
}

void evi_stats_init(struct ev_loop *loop)
{
	ev_init(&loop->look, look);
	ev_set_priority(&loop->look, EV_MAXPRI);
}

void evi_stats_flush(struct ev_loop *loop)
{
	int i;

	loop->stats_new = false;
	evi_hints_sweep(loop);
	for (i = 0; i < loop->stats.count; i++) {
		ev_stat *w = (ev_stat *)loop->stats.at[i];

		if (w->wd != -2)
			continue;
		place(loop, w);
		evi_stat_look(loop, w);
	}
}

void evi_stats_feed(struct ev_loop *loop)
{
	loop->stats_news = false;
	evi_feed(loop, &loop->look, EV_CUSTOM);
}

void evi_stats_fork(struct ev_loop *loop)
{
	int i;

	evi_hints_close(loop);
	for (i = 0; i < loop->stats.count; i++)
		((ev_stat *)loop->stats.at[i])->wd = -2;
	loop->stats_new = true;
}

void evi_stats_fini(struct ev_loop *loop)
{
	evi_hints_close(loop);
	evi_free(loop->stats.at);
}
