/* SPDX-License-Identifier: MIT */
/*
 * async.c - ev_async: calls from other threads and from signal handlers.
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
	__atomic_store_n(&w->sent, 1, __ATOMIC_SEQ_CST);
	evi_wake(loop, &loop->asyncs_sent);
}

void evi_asyncs_feed(struct ev_loop *loop)
{
	int i = loop->asyncs.count;

	while (i-- > 0) {
		ev_async *w = (ev_async *)loop->asyncs.at[i];

		if (__atomic_exchange_n(&w->sent, 0, __ATOMIC_SEQ_CST))
			evi_feed(loop, (ev_watcher *)w, EV_ASYNC);
	}
}
