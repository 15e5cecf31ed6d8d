/* SPDX-License-Identifier: MIT */
/*
 * loop.h - the loop: one member per slice, each written by one file.
 *
 * Internal functions take the loop as an argument; only the first lines of
 * public functions ask which loop the calling thread has.
 */
#ifndef IVI_LOOP_LOOP_H
#define IVI_LOOP_LOOP_H

#include "base/compiler.h"
#include "base/timespec.h"
#include "sys/sys.h"
#include "loop/check.h"
#include "loop/now.h"
#include "loop/meter.h"
#include "loop/task.h"
#include "loop/timer.h"
#include "loop/poller.h"
#include "loop/fd.h"
#include "loop/event.h"
#include "loop/hook.h"
#include "loop/tls.h"
#include "loop/verify.h"
#include "loop/fork.h"
#include "loop/run.h"

struct ivi_loop {
	struct ivi_now	now;
	struct ivi_run	run;
	struct ivi_meter	meter;
	struct ivi_tasks	tasks;
	struct ivi_fds	fds;
	struct ivi_poller	*poller;
	struct ivi_events	events;
	struct ivi_hooks	hooks;
	struct ivi_tls	tls;
	long	holds;		/* what keeps iv_main() from returning */
	long	refs;		/* of these, iv_ref()s not yet undone */
	unsigned	inits;	/* iv_init() calls not yet undone */
	bool	own;		/* of iv_loop_new(), not of iv_init(), or
				   being taken down: not by iv_deinit() */
	unsigned	generation;	/* of forks, in which it was made */
	struct ivi_check	check;
	struct iv_call	quitter;	/* iv_loop_quit() */
	struct ivi_timers	timers;
	char	users[] __attribute__((aligned(16)));	/* iv_tls areas */
};

static inline void ivi_hold(struct ivi_loop *loop)
{
	loop->holds++;
}

static inline void ivi_release(struct ivi_loop *loop)
{
	loop->holds--;
}

/* Before LOOP is used for what a forked child must not share. */
static inline void ivi_loop_check_fork(struct ivi_loop *loop)
{
	if (ivi_unlikely(loop->generation != ivi_fork_generation()))
		ivi_loop_renew(loop);
}

#endif
