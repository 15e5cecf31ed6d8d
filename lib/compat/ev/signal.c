/* SPDX-License-Identifier: MIT */
/*
 * signal.c - ev_signal.
 *
 * The handler of the process notes the signal and wakes the loop that has
 * watchers for it, of which there is one at most.  The last watcher that stops
 * gives the signal its default action.
 */
#include <pthread.h>
#include "compat/ev/engine.h"

#define SIGNALS	(NSIG - 1)

static struct {
	struct ev_loop	*loop;
	ev_watcher_list	*watchers;
	int	pending;		/* atomic */
} signals[SIGNALS];

static bool exists(int signum)
{
	return signum > 0 && signum <= SIGNALS;
}

EVI_PUBLIC void ev_feed_signal(int signum)
{
	struct ev_loop *loop;

	if (!exists(signum))
		return;
	loop = __atomic_load_n(&signals[signum - 1].loop, __ATOMIC_ACQUIRE);
	if (loop == NULL)
		return;
	__atomic_store_n(&signals[signum - 1].pending, 1, __ATOMIC_SEQ_CST);
	evi_wake(loop, &loop->signals_sent);
}

static void arrived(int signum)
{
	int saved = errno;

	ev_feed_signal(signum);
	errno = saved;
}

EVI_PUBLIC void ev_feed_signal_event(struct ev_loop *loop, int signum)
{
	ev_watcher_list *w;

	if (!exists(signum) || signals[signum - 1].loop != loop)
		return;
	__atomic_store_n(&signals[signum - 1].pending, 0, __ATOMIC_SEQ_CST);
	for (w = signals[signum - 1].watchers; w != NULL; w = w->next)
		evi_feed(loop, (ev_watcher *)w, EV_SIGNAL);
}

void evi_signals_feed(struct ev_loop *loop)
{
	int signum;

	for (signum = SIGNALS; signum > 0; signum--)
		if (__atomic_load_n(&signals[signum - 1].pending,
				    __ATOMIC_SEQ_CST))
			ev_feed_signal_event(loop, signum);
}

/* Which unblocks it with the flag that says not to, as libev 4.33 does, and
   where libev would read it from a signalfd, which blocking does not stop. */
static void catch(const struct ev_loop *loop, int signum)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = arrived;
	action.sa_flags = SA_RESTART;
	sigfillset(&action.sa_mask);
	sigaction(signum, &action, NULL);
	if (loop->unblocks) {
		sigemptyset(&action.sa_mask);
		sigaddset(&action.sa_mask, signum);
		pthread_sigmask(SIG_UNBLOCK, &action.sa_mask, NULL);
	}
}

EVI_PUBLIC void ev_signal_start(struct ev_loop *loop, ev_signal *w)
{
	struct ev_loop *owner;
	ev_watcher_list **head;

	if (ev_is_active(w))
		return;
	if (!exists(w->signum))
		iv_fatal("ev_signal_start: there is no signal %d", w->signum);
	owner = signals[w->signum - 1].loop;
	if (owner != NULL && owner != loop)
		iv_fatal("ev_signal_start: signal %d has watchers in another "
			 "loop", w->signum);
	head = &signals[w->signum - 1].watchers;
	__atomic_store_n(&signals[w->signum - 1].loop, loop,
			 __ATOMIC_RELEASE);
	evi_wake_want(loop);
	evi_started(loop, w, 1);
	evi_list_add(head, w);
	if (w->next == NULL)
		catch(loop, w->signum);
}

EVI_PUBLIC void ev_signal_stop(struct ev_loop *loop, ev_signal *w)
{
	evi_unfeed(loop, (ev_watcher *)w);
	if (!ev_is_active(w))
		return;
	evi_list_remove(&signals[w->signum - 1].watchers, w);
	evi_stopped(loop, w);
	if (signals[w->signum - 1].watchers != NULL)
		return;
	__atomic_store_n(&signals[w->signum - 1].loop, NULL,
			 __ATOMIC_RELEASE);
	signal(w->signum, SIG_DFL);
}

/* Watchers may be gone as well. */
void evi_signals_forget(struct ev_loop *loop)
{
	int i;

	/* Who has not wanted to be woken has none. */
	for (i = 0; loop->wants_raw && i < SIGNALS; i++) {
		if (signals[i].loop != loop)
			continue;
		__atomic_store_n(&signals[i].loop, NULL, __ATOMIC_RELEASE);
		signals[i].watchers = NULL;
		signals[i].pending = 0;
	}
}
