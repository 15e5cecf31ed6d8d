/* SPDX-License-Identifier: MIT */
/*
 * verify.c - ev_verify(): whether everything leads to where it came from.
 */
#include "compat/ev/engine.h"

static void require(bool condition, const char *what)
{
	if (!condition)
		iv_fatal("ev_verify: %s", what);
}

static void check_heap(const struct evi_heap *heap)
{
	int i;

	for (i = 0; i < heap->count; i++) {
		require(heap->at[i].w->active == i + 1,
			"a timer is not where it says");
		require(heap->at[i].w->at == heap->at[i].at,
			"the time of an active timer was changed");
		require(i == 0 || heap->at[(i - 1) / 4].at <= heap->at[i].at,
			"timers are out of order");
	}
}

static void check_set(const struct evi_set *set)
{
	int i;

	for (i = 0; i < set->count; i++)
		require(set->at[i]->active == i + 1,
			"a watcher is not where it says");
}

static void check_fds(const struct ev_loop *loop)
{
	int i;

	for (i = 0; i < loop->fds_max; i++) {
		const ev_watcher_list *w;

		if (loop->fds[i] == NULL)
			continue;
		for (w = loop->fds[i]->watchers; w != NULL; w = w->next) {
			require(w->active == 1, "an ev_io is not active");
			require(((const ev_io *)w)->fd == i,
				"the descriptor of an active ev_io was changed");
		}
	}
}

static void check_pending(const struct ev_loop *loop)
{
	int rank, i;

	for (rank = 0; rank < EVI_PRIORITIES; rank++) {
		const struct evi_queue *q = &loop->pending[rank];

		for (i = 0; i < q->count; i++)
			require(q->at[i].w == &loop->nobody ||
				(q->at[i].w->pending == i + 1 &&
				 evi_rank(q->at[i].w) == rank),
				"a pending watcher is not where it says");
		check_set(&loop->idles[rank]);
	}
}

EVI_PUBLIC void ev_verify(struct ev_loop *loop)
{
	check_heap(&loop->timers);
	check_heap(&loop->periodics);
	check_fds(loop);
	check_pending(loop);
	check_set(&loop->prepares);
	check_set(&loop->checks);
	check_set(&loop->forks);
	check_set(&loop->cleanups);
	check_set(&loop->asyncs);
	check_set(&loop->stats);
}
