/* SPDX-License-Identifier: MIT */
/*
 * wake.c - calls from other threads and from signal handlers.
 *
 * Who calls sets a flag, unless it is set, leaves CALLED in "sleeper", and only
 * if the loop was asleep writes to its channel.  The loop sleeps only if nobody
 * has called since it last looked.  The channel is made when the first watcher
 * wants it, and then stays.
 */
#include "compat/ev/engine.h"

enum { AWAKE, ASLEEP, CALLED };

static void woken(void *unused)
{
	(void)unused;
}

/* Signals first: of one priority, the last that is queued is called first. */
static void news(struct ev_loop *loop, ev_watcher *w, int revents)
{
	int called = CALLED;

	(void)w;
	(void)revents;
	__atomic_compare_exchange_n(&loop->sleeper, &called, AWAKE, false,
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	if (__atomic_exchange_n(&loop->signals_sent, 0, __ATOMIC_SEQ_CST))
		evi_signals_feed(loop);
	if (__atomic_exchange_n(&loop->asyncs_sent, 0, __ATOMIC_SEQ_CST))
		evi_asyncs_feed(loop);
}

void evi_wake_init(struct ev_loop *loop)
{
	ev_init(&loop->wake, news);
	ev_set_priority(&loop->wake, EV_MAXPRI);
	IV_EVENT_RAW_INIT(&loop->raw);
	loop->raw.handler = woken;
}

void evi_wake_want(struct ev_loop *loop)
{
	loop->wants_raw = true;
}

/* What somebody has begun, who may not be in this process: a caller has marked
   an ev_async, or has set a flag, and not gone on from there.  Those who come
   later rely on it. */
static bool any_begun(const struct ev_loop *loop)
{
	return __atomic_load_n(&loop->signals_sent, __ATOMIC_RELAXED) ||
	       __atomic_load_n(&loop->asyncs_sent, __ATOMIC_RELAXED) ||
	       evi_asyncs_marked(loop);
}

/* libev does so after a fork: calls may have been lost, and idle watchers have
   to wait.  As there the loop may sleep before, so it is told what was begun. */
void evi_wake_look(struct ev_loop *loop)
{
	if (!loop->wants_raw)
		return;
	if (any_begun(loop)) {
		__atomic_store_n(&loop->asyncs_sent, 1, __ATOMIC_RELAXED);
		__atomic_store_n(&loop->sleeper, CALLED, __ATOMIC_SEQ_CST);
	}
	evi_feed(loop, &loop->wake, EV_CUSTOM);
}

void evi_wake_open(struct ev_loop *loop)
{
	while (iv_event_raw_register(&loop->raw) < 0)
		if (!evi_fds_in_the_way(loop))
			evi_syserr("(libev) error creating signal/async pipe");
	loop->has_raw = true;
}

void evi_wake_fini(struct ev_loop *loop)
{
	if (loop->has_raw)
		iv_event_raw_unregister(&loop->raw);
	loop->has_raw = false;
}

void evi_wake(struct ev_loop *loop, int *flag)
{
	__sync_synchronize();
	if (__atomic_load_n(flag, __ATOMIC_RELAXED))
		return;
	__atomic_store_n(flag, 1, __ATOMIC_RELAXED);
	if (__atomic_exchange_n(&loop->sleeper, CALLED, __ATOMIC_SEQ_CST) ==
	    ASLEEP)
		iv_event_raw_post(&loop->raw);
}

bool evi_wake_sleep(struct ev_loop *loop)
{
	int was = AWAKE;

	if (loop->has_raw)
		__atomic_compare_exchange_n(&loop->sleeper, &was, ASLEEP,
					    false, __ATOMIC_SEQ_CST,
					    __ATOMIC_SEQ_CST);
	return was != CALLED;
}

void evi_wake_awake(struct ev_loop *loop)
{
	if (__atomic_exchange_n(&loop->sleeper, AWAKE, __ATOMIC_SEQ_CST) ==
	    CALLED)
		evi_feed(loop, &loop->wake, EV_CUSTOM);
}
