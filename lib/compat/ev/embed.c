/* SPDX-License-Identifier: MIT */
/*
 * embed.c - ev_embed: one loop waits for what another one waits for.
 *
 * The outer one watches the descriptor of the inner one's core, which has to
 * be told of changes, and that it sleeps, before each wait.  If it cannot sleep,
 * since there is something to call, neither does the outer one.
 */
#include "compat/ev/engine.h"

static void ready(struct ev_loop *loop, ev_io *io, int revents)
{
	ev_embed *w = iv_container_of(io, ev_embed, io);

	/* The program did not start it, and cannot start it again. */
	if (revents & EV_ERROR)
		ev_io_start(loop, io);
	if (w->cb != NULL)
		evi_feed(loop, (ev_watcher *)w, EV_EMBED);
	else
		ev_run(w->other, EVRUN_NOWAIT);
}

static void prepare(struct ev_loop *loop, ev_prepare *prep, int revents);

/* The loop that W is the prepare watcher for, if it is one of ours. */
static struct ev_loop *inner(ev_watcher *w)
{
	ev_prepare *prep = (ev_prepare *)w;

	return prep->cb == prepare ?
	       iv_container_of(prep, ev_embed, prepare)->other : NULL;
}

/* False: there is something to call, in it or in one that it waits for. */
static bool put_to_sleep(struct ev_loop *loop)
{
	struct iv_loop *before;
	struct timespec left;
	bool busy = false;
	int i;

	for (i = 0; i < loop->prepares.count; i++) {
		struct ev_loop *other = inner(loop->prepares.at[i]);

		busy |= other != NULL && !put_to_sleep(other);
	}
	before = evi_enter(loop);
	busy |= evi_flush(loop);
	iv_loop_timeout(&left);
	evi_leave(before);
	return !busy && evi_wake_sleep(loop);
}

static void prepare(struct ev_loop *loop, ev_prepare *prep, int revents)
{
	ev_embed *w = iv_container_of(prep, ev_embed, prepare);

	(void)revents;
	if (put_to_sleep(w->other))
		return;
	loop->hurry = true;
	evi_feed(loop, (ev_watcher *)&w->io, EV_READ);
}

static void forked(struct ev_loop *loop, ev_fork *fork_, int revents)
{
	ev_embed *w = iv_container_of(fork_, ev_embed, fork);

	(void)revents;
	ev_embed_stop(loop, w);
	ev_loop_fork(w->other);
	ev_embed_start(loop, w);
	evi_feed(loop, (ev_watcher *)&w->io, EV_READ);
}

static int descriptor(struct ev_loop *other)
{
	struct iv_loop *before = evi_enter(other);
	int fd;

	while ((fd = iv_loop_fd()) < 0 && errno != ENOTSUP)
		evi_syserr("(libev) cannot embed the loop");
	evi_leave(before);
	if (fd < 0)
		iv_fatal("ev_embed_start: the backend %u of the loop cannot be "
			 "embedded", other->backend);
	return fd;
}

/* OTHER is LOOP, or waits for it. */
static bool waits_for(const struct ev_loop *other, const struct ev_loop *loop)
{
	int i;

	if (other == loop)
		return true;
	for (i = 0; i < other->prepares.count; i++) {
		struct ev_loop *next = inner(other->prepares.at[i]);

		if (next != NULL && waits_for(next, loop))
			return true;
	}
	return false;
}

EVI_PUBLIC void ev_embed_start(struct ev_loop *loop, ev_embed *w)
{
	if (ev_is_active(w))
		return;
	if (waits_for(w->other, loop))
		iv_fatal("ev_embed_start: the loop would wait for itself");
	ev_io_init(&w->io, ready, descriptor(w->other), EV_READ);
	ev_set_priority(&w->io, w->priority);
	ev_io_start(loop, &w->io);
	ev_prepare_init(&w->prepare, prepare);
	ev_set_priority(&w->prepare, EV_MINPRI);
	ev_prepare_start(loop, &w->prepare);
	ev_fork_init(&w->fork, forked);
	ev_fork_start(loop, &w->fork);
	evi_started(loop, w, 1);
}

EVI_PUBLIC void ev_embed_stop(struct ev_loop *loop, ev_embed *w)
{
	evi_unfeed(loop, (ev_watcher *)w);
	if (!ev_is_active(w))
		return;
	ev_io_stop(loop, &w->io);
	ev_prepare_stop(loop, &w->prepare);
	ev_fork_stop(loop, &w->fork);
	evi_stopped(loop, w);
}

EVI_PUBLIC void ev_embed_sweep(struct ev_loop *loop, ev_embed *w)
{
	(void)loop;
	ev_run(w->other, EVRUN_NOWAIT);
}
