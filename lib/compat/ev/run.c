/* SPDX-License-Identifier: MIT */
/*
 * run.c - ev_run(): fork and prepare watchers; changes to the kernel; the
 * wait; timers, periodics, idle and check watchers; callbacks.
 */
#include "compat/ev/engine.h"

/* libev's has no name for a child that has not called ev_loop_fork(). */
static void notice_fork(struct ev_loop *loop)
{
	if (loop->pid == 0 || loop->pid == getpid())
		return;
	loop->pid = getpid();
	loop->forked = true;
}

static void feed_and_invoke(struct ev_loop *loop, struct evi_set *set,
			    int revents)
{
	if (set->count == 0)
		return;
	evi_set_feed(loop, set, revents);
	loop->invoke(loop);
}

static void renew(struct ev_loop *loop)
{
	struct iv_loop *before = evi_enter(loop);

	loop->forked = false;
	/* Their numbers may be those of new kernel objects. */
	evi_fds_forget_closed(loop);
	while (iv_loop_fork() < 0)
		evi_syserr("(libev) cannot make the loop anew");
	evi_stats_fork(loop);
	evi_leave(before);
	evi_wake_look(loop);
}

/* False: it is to leave before the wait. */
static bool begin(struct ev_loop *loop)
{
	notice_fork(loop);
	if (loop->forked)
		feed_and_invoke(loop, &loop->forks, EV_FORK);
	feed_and_invoke(loop, &loop->prepares, EV_PREPARE);
	if (loop->stop)
		return false;
	if (loop->forked)
		renew(loop);
	return true;
}

static void iterate(struct ev_loop *loop, int flags)
{
	evi_wait(loop, !(flags & EVRUN_NOWAIT) && loop->idle_count == 0);
	evi_time_update(loop);
	if (loop->timers.count > 0)
		evi_timers_run(loop);
	if (loop->periodics.count > 0)
		evi_periodics_run(loop);
	if (loop->idle_count > 0)
		evi_idle_feed(loop);
	if (loop->checks.count > 0)
		evi_set_feed(loop, &loop->checks, EV_CHECK);
	loop->invoke(loop);
}

EVI_PUBLIC int ev_run(struct ev_loop *loop, int flags)
{
	loop->depth++;
	loop->stop = EVBREAK_CANCEL;
	loop->invoke(loop);
	do {
		if (!begin(loop))
			break;
		iterate(loop, flags);
	} while (loop->refs != 0 && !loop->stop &&
		 !(flags & (EVRUN_ONCE | EVRUN_NOWAIT)));
	if (loop->stop == EVBREAK_ONE)
		loop->stop = EVBREAK_CANCEL;
	loop->depth--;
	return loop->refs;
}

EVI_PUBLIC void ev_break(struct ev_loop *loop, int how)
{
	loop->stop = how;
}

EVI_PUBLIC unsigned int ev_iteration(struct ev_loop *loop)
{
	return loop->iteration;
}

EVI_PUBLIC unsigned int ev_depth(struct ev_loop *loop)
{
	return loop->depth;
}

EVI_PUBLIC void ev_set_invoke_pending_cb(struct ev_loop *loop,
					 ev_loop_callback invoke)
{
	loop->invoke = invoke;
}

EVI_PUBLIC void ev_loop_fork(struct ev_loop *loop)
{
	loop->forked = true;
}
