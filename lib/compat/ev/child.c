/* SPDX-License-Identifier: MIT */
/*
 * child.c - ev_child, in the default loop.
 *
 * It waits for every child of the process, as libev's manual says, from the
 * beginning, so that none that ends before it is watched is missed.  One is
 * waited for at a time: its watchers are called before the next one.
 */
#include <sys/wait.h>
#include "compat/ev/engine.h"

static void report(struct ev_loop *loop, int chain, int pid, int status)
{
	int traced = WIFSTOPPED(status) || WIFCONTINUED(status);
	ev_watcher_list *wl;

	for (wl = loop->children[chain]; wl != NULL; wl = wl->next) {
		ev_child *w = (ev_child *)wl;
		int fed;

		if ((w->pid != pid && w->pid != 0) ||
		    (traced && !(w->flags & 1)))
			continue;
		/* Before another child can get the number; the program may
		   have fed it with the priority that it had. */
		fed = evi_unfeed(loop, (ev_watcher *)w);
		ev_set_priority(w, EV_MAXPRI);
		w->rpid = pid;
		w->rstatus = status;
		evi_feed(loop, (ev_watcher *)w, EV_CHILD | fed);
	}
}

static void changed(struct ev_loop *loop, ev_signal *w, int revents)
{
	int status, pid = waitpid(-1, &status,
				  WNOHANG | WUNTRACED | WCONTINUED);

	(void)revents;
	if (pid <= 0)
		return;
	/* There may be more. */
	evi_feed(loop, (ev_watcher *)w, EV_SIGNAL);
	report(loop, pid % EVI_CHAINS, pid, status);
	if (pid % EVI_CHAINS != 0)
		report(loop, 0, pid, status);
}

void evi_children_init(struct ev_loop *loop)
{
	ev_signal_init(&loop->child_signal, changed, SIGCHLD);
	ev_set_priority(&loop->child_signal, EV_MAXPRI);
	ev_signal_start(loop, &loop->child_signal);
	ev_unref(loop);
}

void evi_children_fini(struct ev_loop *loop)
{
	if (!ev_is_active(&loop->child_signal))
		return;
	ev_ref(loop);
	ev_signal_stop(loop, &loop->child_signal);
}

static ev_watcher_list **chain_of(struct ev_loop *loop, const ev_child *w)
{
	return &loop->children[(unsigned)w->pid % EVI_CHAINS];
}

EVI_PUBLIC void ev_child_start(struct ev_loop *loop, ev_child *w)
{
	if (ev_is_active(w))
		return;
	if (loop != ev_default_loop_ptr)
		iv_fatal("ev_child_start: not in the default loop");
	evi_started(loop, w, 1);
	evi_list_add(chain_of(loop, w), w);
}

EVI_PUBLIC void ev_child_stop(struct ev_loop *loop, ev_child *w)
{
	evi_unfeed(loop, (ev_watcher *)w);
	if (!ev_is_active(w))
		return;
	evi_list_remove(chain_of(loop, w), w);
	evi_stopped(loop, w);
}
