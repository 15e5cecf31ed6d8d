/* SPDX-License-Identifier: MIT */
/*
 * poller.h - the core's side of a poll method.
 */
#ifndef IVI_LOOP_POLLER_H
#define IVI_LOOP_POLLER_H

#include "loop/poll_method.h"

/* Takes the method that an earlier loop picked; NULL and errno if it cannot
   be opened.  The first one picks it; it stops the program if there is none. */
struct ivi_poller *ivi_poller_new(void);
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

/* To be called before each wait: applies what has changed.  True if there is
   something to dispatch already, so that the wait need not block. */
bool ivi_poller_prepare(struct ivi_poller *p);

/*
 * Waits, until SOONEST at most; not at all unless BLOCK.  True if it may have
 * become that late.
 */
bool ivi_poller_wait(struct ivi_poller *p, int64_t soonest, bool block);

/* The method's own way to wake a wait, if it has one: 0, or -errno.  It must
   be asked again in a forked child. */
int ivi_poller_wake_open(struct ivi_poller *p);
void ivi_poller_wake(struct ivi_poller *p);

/* Takes the next descriptor to dispatch off the ready list, and tells in
   READY which bands it was there for.  NULL: the list is empty. */
static inline struct ivi_fd *ivi_poller_next_ready(struct ivi_poller *p,
						   unsigned *ready)
{
	struct iv_list_head *head = &p->ready, *lh = head->next;
	struct ivi_fd *f;

	if (lh == head)
		return NULL;
	head->next = lh->next;
	lh->next->prev = head;
	f = iv_container_of(lh, struct ivi_fd, ready_node);
	*ready = f->ready;
	f->ready = 0;
	return f;
}

#endif
