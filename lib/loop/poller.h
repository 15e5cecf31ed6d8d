/* SPDX-License-Identifier: MIT */
/*
 * poller.h - the core's side of a poll method.
 */
#ifndef IVI_LOOP_POLLER_H
#define IVI_LOOP_POLLER_H

#include "loop/poll_method.h"

/*
 * With the method of that NAME, or the default one (NULL), which is what the
 * first loop that had no name has picked; NULL and errno (EINVAL: there is no
 * such method) if it cannot be opened.  If none can be picked this stops the
 * program on behalf of the function FN, or returns NULL, too, if that is NULL.
 */
struct ivi_poller *ivi_poller_new(const char *fn, const char *name);
void ivi_poller_free(struct ivi_poller *p);

/* NULL before the first loop. */
const char *ivi_poller_method_name(void);

/* Brings a new F into the poller; nothing is told to the kernel yet. */
void ivi_poller_add(struct ivi_poller *p, struct ivi_fd *f);

/* Tells the kernel now: 0, or why it refused. */
int ivi_poller_sync(struct ivi_poller *p, struct ivi_fd *f);

/* True if ERR (negative) is a lack of memory or the like, worth a retry. */
bool ivi_poller_passes(int err);

/* Takes F out again, also of the kernel and of the ready list. */
void ivi_poller_remove(struct ivi_poller *p, struct ivi_fd *f);

/* To be called before each wait, after ivi_poller_renew() in a forked child:
   applies what has changed.  True if there is something to dispatch already,
   so that the wait need not block. */
bool ivi_poller_prepare(struct ivi_poller *p);

/*
 * Waits, until SOONEST at most; not at all unless BLOCK.  True if it may have
 * become that late.
 */
bool ivi_poller_wait(struct ivi_poller *p, int64_t soonest, bool block);

static inline bool ivi_poller_found(const struct ivi_poller *p)
{
	return !iv_list_empty(&p->ready);
}

/* In a forked child, maybe in a handler: what was reported and is not called
   yet is the parent's to call. */
void ivi_poller_forked(struct ivi_poller *p);

/* In a forked child: exchanges the kernel object now.  0 or -errno. */
int ivi_poller_renew(struct ivi_poller *p);

/* What a host may watch, or -errno (ENOTSUP: nothing). */
int ivi_poller_descriptor(struct ivi_poller *p);

/* ivi_poller_prepare(), and all that has changed has reached the kernel
   afterwards.  SOONEST as for ivi_poller_wait(). */
void ivi_poller_settle(struct ivi_poller *p, int64_t soonest);

/* SOONEST, or when something has to be tried again. */
int64_t ivi_poller_limit(const struct ivi_poller *p, int64_t soonest);

/* The method's own way to wake a wait, if it has one: 0, or -errno.  It must
   be asked again in a forked child. */
int ivi_poller_wake_open(struct ivi_poller *p);
void ivi_poller_wake(struct ivi_poller *p);

/* F is ready in BANDS in the next turn, whatever the kernel says. */
void ivi_poller_kick(struct ivi_poller *p, struct ivi_fd *f, unsigned bands);

/* The first of the ready list leaves it.  Nothing looks at its links any
   more. */
static inline void ivi_poller_drop_ready(struct ivi_poller *p,
					 struct ivi_fd *f)
{
	p->ready.next = f->ready_node.next;
	f->ready_node.next->prev = &p->ready;
	f->ready = 0;
}

#endif
