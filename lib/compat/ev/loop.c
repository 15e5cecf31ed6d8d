/* SPDX-License-Identifier: MIT */
/*
 * loop.c - making and destroying loops.
 *
 * The slices of the loop are made by the files that own them.  A destroyed
 * loop leaves its watchers as they are, and nothing of the process that leads
 * to it.
 */
#include <stdlib.h>
#include "compat/ev/backend.h"

EVI_PUBLIC struct ev_loop *ev_default_loop_ptr;

/* The environment replaces the flags, unless it may be somebody else's. */
static unsigned effective(unsigned flags)
{
	const char *env = flags & EVFLAG_NOENV ? NULL : getenv("LIBEV_FLAGS");

	/* Seldom there: four system calls come after it. */
	if (env == NULL || getuid() != geteuid() || getgid() != getegid())
		return flags;
	return (unsigned)atoi(env);
}

static void ignore(struct ev_loop *loop, ev_watcher *w, int revents)
{
	(void)loop;
	(void)w;
	(void)revents;
}

static void init(struct ev_loop *loop, unsigned flags, unsigned used)
{
	loop->flags = flags;
	loop->pid = flags & EVFLAG_FORKCHECK ? getpid() : 0;
	loop->inotify = !(used & EVFLAG_NOINOTIFY);
	loop->may_watch = !(used & EVFLAG_NOTIMERFD);
	loop->unblocks = (flags & EVFLAG_NOSIGMASK) ||
			 (used & EVFLAG_SIGNALFD);
	loop->invoke = ev_invoke_pending;
	ev_init(&loop->nobody, ignore);
	evi_time_init(loop);
	evi_fds_init(loop);
	evi_wake_init(loop);
	evi_stats_init(loop);
	evi_wait_init(loop);
}

static struct ev_loop *make(unsigned flags)
{
	unsigned used = effective(flags), backend;
	struct iv_loop *core;
	struct ev_loop *loop;

	core = used & EVBACKEND_MASK ?
	       evi_backend_open(used & EVBACKEND_MASK, &backend) :
	       evi_backend_open_default(&backend);
	if (core == NULL)
		return NULL;
	loop = evi_realloc(NULL, sizeof(*loop));
	memset(loop, 0, sizeof(*loop));
	loop->core = core;
	loop->backend = backend;
	init(loop, flags, used);
	return loop;
}

EVI_PUBLIC struct ev_loop *ev_loop_new(unsigned int flags)
{
	return make(flags);
}

EVI_PUBLIC struct ev_loop *ev_default_loop(unsigned int flags)
{
	if (ev_default_loop_ptr != NULL)
		return ev_default_loop_ptr;
	ev_default_loop_ptr = make(flags);
	if (ev_default_loop_ptr != NULL)
		evi_children_init(ev_default_loop_ptr);
	return ev_default_loop_ptr;
}

static void free_sets(struct ev_loop *loop)
{
	int i;

	for (i = 0; i < EVI_PRIORITIES; i++) {
		evi_free(loop->pending[i].at);
		evi_free(loop->idles[i].at);
	}
	evi_free(loop->timers.at);
	evi_free(loop->periodics.at);
	evi_free(loop->prepares.at);
	evi_free(loop->checks.at);
	evi_free(loop->forks.at);
	evi_free(loop->cleanups.at);
	evi_free(loop->asyncs.at);
}

static void take_down(struct ev_loop *loop)
{
	struct iv_loop *before = evi_enter(loop);

	evi_stats_fini(loop);
	evi_fds_fini(loop);
	evi_wake_fini(loop);
	evi_wait_fini(loop);
	evi_time_fini(loop);
	evi_leave(before);
	iv_loop_free(loop->core);
}

EVI_PUBLIC void ev_loop_destroy(struct ev_loop *loop)
{
	if (loop == NULL)
		return;
	if (loop->cleanups.count > 0) {
		evi_set_feed(loop, &loop->cleanups, EV_CLEANUP);
		loop->invoke(loop);
	}
	evi_children_fini(loop);
	evi_signals_forget(loop);
	take_down(loop);
	free_sets(loop);
	if (loop == ev_default_loop_ptr)
		ev_default_loop_ptr = NULL;
	evi_realloc(loop, 0);
}

EVI_PUBLIC unsigned int ev_backend(struct ev_loop *loop)
{
	return loop->backend;
}

EVI_PUBLIC void ev_set_userdata(struct ev_loop *loop, void *data)
{
	loop->userdata = data;
}

EVI_PUBLIC void *ev_userdata(struct ev_loop *loop)
{
	return loop->userdata;
}
