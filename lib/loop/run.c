/* SPDX-License-Identifier: MIT */
/*
 * run.c - the turn of the loop.
 *
 * Expired timers, tasks; leave if told to or if nothing is registered; wait;
 * posts, descriptors.
 */
#include "loop/loop.h"

/* Waits for something to do; true if timers may be due afterwards. */
static bool wait_for_events(struct ivi_loop *loop)
{
	bool block, look;

	ivi_events_check_fork(loop);
	ivi_tls_check_fork(loop);
	if (IVI_DEBUGGING)
		ivi_fds_find_closed(loop);
	block = !ivi_poller_prepare(loop->poller) &&
		!ivi_tasks_pending(loop) && ivi_events_sleep(loop);
	look = ivi_poller_wait(loop->poller, ivi_timers_soonest(loop), block);
	if (block)
		ivi_events_awake(loop);
	ivi_now_invalidate(&loop->now);
	return look;
}

/* Debug builds: the more objects there are, the less often they are walked,
   so that a turn costs no more than some dozens of them. */
static void verify(struct ivi_loop *loop)
{
	if (loop->run.trusted > 0)
		loop->run.trusted--;
	else
		loop->run.trusted = ivi_verify(loop) / 64;
}

static void run(struct ivi_loop *loop)
{
	bool look = true;

	for (;;) {
		if (look)
			ivi_timers_run(loop);
		ivi_tasks_run(loop);
		if (IVI_DEBUGGING)
			verify(loop);
		if (loop->run.quit || loop->holds == 0)
			return;
		look = wait_for_events(loop);
		ivi_events_run(loop);
		ivi_fds_dispatch(loop);
	}
}

IVI_PUBLIC void iv_main(void)
{
	struct ivi_loop *loop = ivi_loop_of_caller("iv_main");

	if (IVI_DEBUGGING && loop->run.depth > 0)
		ivi_note("iv_main: called by a handler that iv_main() called");
	loop->run.quit = false;
	loop->run.depth++;
	run(loop);
	loop->run.depth--;
}

IVI_PUBLIC void iv_quit(void)
{
	struct ivi_loop *loop = ivi_self();

	if (loop != NULL)
		loop->run.quit = true;
}
