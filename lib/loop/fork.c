/* SPDX-License-Identifier: MIT */
/*
 * fork.c - loops in a forked child.
 *
 * Two steps.  When the child begins, with a single thread, what memory the
 * parent's other threads have left is put right (ivi_loops_forked), and what
 * was ready is left to the parent, whose descriptors these are: a child that
 * only executes a program pays no system call for that.  Kernel objects
 * are still shared with the parent then.  They are exchanged once the child
 * uses them: the poll method's when the next descriptor is told to it, all
 * others before the loop waits (ivi_loop_check_fork), where a loop of an older
 * generation is recognised.  Loops that other threads had entered are lost.
 */
#include "loop/loop.h"

static void forked(struct ivi_loop *loop)
{
	ivi_poller_forked(loop->poller);
	ivi_events_forked(loop);
	ivi_tls_forked(loop);
}

void ivi_loops_forked(void)
{
	ivi_check_forked(forked);
}

void ivi_loop_renew(struct ivi_loop *loop)
{
	ivi_fork_notice();
	loop->generation = ivi_fork_generation();
	ivi_poller_renew(loop->poller);
	ivi_events_renew(loop);
	ivi_tls_renew(loop);
	ivi_hooks_forked(loop);
}

void ivi_renew(void)
{
	ivi_loop_check_fork(ivi_self());
}

void ivi_loop_abandon(struct ivi_loop *loop)
{
	ivi_tls_abandon(loop);
	ivi_events_abandon(loop);
}
