/* SPDX-License-Identifier: MIT */
/*
 * async.c - ev_async: calls from other threads and from signal handlers.
 *
 * Who calls has written what the callback is to see before the look at "sent",
 * and the loop clears that before callbacks are called; both have a full fence
 * in between.  So either the caller finds it clear, and sets it, or the callback
 * sees what was written.  Who finds it set takes no cache line from anybody.
 */
#include "compat/ev/engine.h"

EVI_PUBLIC void ev_async_start(struct ev_loop *loop, ev_async *w)
{
	if (ev_is_active(w))
		return;
	w->sent = 0;
	evi_wake_want(loop);
	evi_set_add(loop, &loop->asyncs, w);
}

EVI_PUBLIC void ev_async_stop(struct ev_loop *loop, ev_async *w)
{
	evi_unfeed(loop, (ev_watcher *)w);
	if (ev_is_active(w))
		evi_set_remove(loop, &loop->asyncs, w);
}

EVI_PUBLIC void ev_async_send(struct ev_loop *loop, ev_async *w)
{
	__sync_synchronize();
	if (__atomic_load_n(&w->sent, __ATOMIC_RELAXED))
		return;
	__atomic_store_n(&w->sent, 1, __ATOMIC_RELEASE);
	evi_wake(loop, &loop->asyncs_sent);
}

bool evi_asyncs_marked(const struct ev_loop *loop)
{
	int i;

	for (i = 0; i < loop->asyncs.count; i++)
		if (ev_async_pending((ev_async *)loop->asyncs.at[i]))
			return true;
	return false;
}

void evi_asyncs_feed(struct ev_loop *loop)
{
	int i = loop->asyncs.count;

	while (i-- > 0) {
		ev_async *w = (ev_async *)loop->asyncs.at[i];

		if (!__atomic_load_n(&w->sent, __ATOMIC_SEQ_CST))
			continue;
		__atomic_store_n(&w->sent, 0, __ATOMIC_RELAXED);
		evi_feed(loop, (ev_watcher *)w, EV_ASYNC);
	}
	__sync_synchronize();
}
