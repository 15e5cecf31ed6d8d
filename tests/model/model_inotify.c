/* SPDX-License-Identifier: MIT */
/*
 * model_inotify.c - the model of iv_inotify: what is queued for each instance,
 * and which watch gets it next.
 *
 * Several watches of an instance may share an inode, and so a watch descriptor
 * (wd) of the kernel, which wants what any of them has ever wanted.
 */
#include "config.h"
#include <string.h>
#ifdef HAVE_INOTIFY
#include <sys/inotify.h>
#else
#define IN_ALL_EVENTS	0
#define IN_UNMOUNT	1
#define IN_IGNORED	2
#define IN_ONESHOT	4
#endif
#include "model/world.h"

#define UNASKED	((uint32_t)(IN_UNMOUNT | IN_IGNORED))

static unsigned wds;		/* given out so far */
static uint64_t watches_made;

/* ---- The kernel's side --------------------------------------------------------- */

static bool same(const struct event *a, const struct event *b)
{
	return a->wd == b->wd && a->mask == b->mask && a->name == b->name &&
	       !(a->mask & IN_IGNORED);
}

/* The kernel merges what is the same as the last. */
static void queue(struct instance *in, const struct event *e)
{
	if (in->queued > 0 && same(&in->queue[in->queued - 1], e))
		return;
	in->queue[in->queued++] = *e;
}

static void forget_inode(struct instance *in, int inode)
{
	struct event e = { in->wd[inode], IN_IGNORED, 0, -1 };

	queue(in, &e);
	in->wd[inode] = 0;
	in->mask[inode] = 0;
}

void model_inotify_event(int inode, uint32_t mask, uint32_t cookie, int name)
{
	FOR(k, INSTANCES) {
		struct instance *in = &M.instance[k];
		struct event e = { in->wd[inode], mask, cookie, name };

		if (in->wd[inode] == 0)
			continue;
		if (mask & IN_IGNORED)
			forget_inode(in, inode);
		else if (mask & in->mask[inode])
			queue(in, &e);
	}
}

bool model_inotify_full(void)
{
	FOR(k, INSTANCES)
		if (M.instance[k].queued > QUEUE - 20)
			return true;
	return false;
}

/* ---- Instances and watches -------------------------------------------------------- */

void model_inotify_register(int k)
{
	memset(&M.instance[k], 0, sizeof(M.instance[k]));
	M.instance[k].registered = true;
}

void model_inotify_unregister(int k)
{
	memset(&M.instance[k], 0, sizeof(M.instance[k]));
	FOR(i, WATCHES)
		if (M.watch[i].instance == k)
			M.watch[i].registered = false;
}

void model_watch_register(int i, int k, int inode, uint32_t mask)
{
	struct instance *in = &M.instance[k];

	if (in->wd[inode] == 0)
		in->wd[inode] = ++wds;
	in->mask[inode] |= mask & IN_ALL_EVENTS;
	M.watch[i] = (struct watch){ true, k, in->wd[inode], mask,
				     ++watches_made };
}

/* The last one of a wd has the kernel forget that. */
void model_watch_unregister(int i)
{
	struct watch *w = &M.watch[i];
	struct instance *in = &M.instance[w->instance];

	w->registered = false;
	FOR(j, WATCHES)
		if (M.watch[j].registered &&
		    M.watch[j].instance == w->instance &&
		    M.watch[j].wd == w->wd)
			return;
	FOR(inode, INODES)
		if (in->wd[inode] == w->wd)
			forget_inode(in, inode);
}

/* ---- Who gets what ---------------------------------------------------------------- */

/* The youngest watch that wants E, of those older than BELOW; or -1. */
static int taker(int k, const struct event *e, uint64_t below)
{
	int best = -1;

	FOR(i, WATCHES) {
		const struct watch *w = &M.watch[i];

		if (!w->registered || w->instance != k || w->wd != e->wd ||
		    w->order >= below ||
		    !(e->mask & ((w->mask & IN_ALL_EVENTS) | UNASKED)))
			continue;
		if (best < 0 || w->order > M.watch[best].order)
			best = i;
	}
	return best;
}

/* Of what has been read. */
static int next_taker(int k)
{
	struct instance *in = &M.instance[k];
	int i;

	for (; in->at < in->read; in->at++, in->below = UINT64_MAX) {
		i = taker(k, &in->batch[in->at], in->below);
		if (i >= 0)
			return i;
	}
	return -1;
}

bool model_inotify_busy(int k)
{
	const struct instance *in = &M.instance[k];

	FOR(n, in->queued)
		if (taker(k, &in->queue[n], UINT64_MAX) >= 0)
			return true;
	return false;
}

void model_inotify_read(int k)
{
	struct instance *in = &M.instance[k];

	in->ready = false;
	memcpy(in->batch, in->queue, sizeof(in->batch));
	in->read = in->queued;
	in->queued = in->at = 0;
	in->below = UINT64_MAX;
	M.reading = k;
}

/* It is unregistered first if there is nothing to come. */
bool model_watch_called(int i)
{
	struct instance *in = &M.instance[M.reading];

	if (next_taker(M.reading) != i)
		return false;
	M.told = in->batch[in->at];
	in->below = M.watch[i].order;
	if ((M.told.mask & IN_IGNORED) || (M.watch[i].mask & IN_ONESHOT))
		model_watch_unregister(i);
	return true;
}

void model_inotify_done(void)
{
	int i = next_taker(M.reading);

	if (i >= 0)
		world_fail("watch %d was not called", i);
	M.reading = -1;
}
