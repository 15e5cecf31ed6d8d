/* SPDX-License-Identifier: MIT */
/*
 * claim.h - which children are iv_wait's, and waiting for them.
 *
 * Whoever waits for any child comes across those that have interests, maybe
 * in other threads' loops: it leaves their status with the claim.
 */
#ifndef IVI_MOD_CLAIM_H
#define IVI_MOD_CLAIM_H

#include <stdbool.h>
#include <iv_avl.h>
#include <iv_signal.h>
#include "sys/child.h"

/* A change of state. */
struct ivi_change {
	int		status;		/* as of waitpid(2) */
	bool		has_usage;
	struct rusage	usage;
};

/* At the beginning of memory of its own, of ivi_alloc(), if it is dropped before
   poll() has told of the end. */
struct ivi_claim {
	/* Fixed while it is made. */
	pid_t		pid;
	int		pidfd;		/* or -1 */
	/* Private, under a lock. */
	struct iv_avl_node	node;
	unsigned	generation;	/* of the process that has made it */
	bool		over;		/* the child is not ours any more */
	bool		kept;		/* and `last' has not been told */
	struct ivi_change	last;
};

/*
 * One process may be claimed more than once, but is told of once.  A status that
 * was left with an earlier claim for this number is told by this one, unless
 * there is a new child that has it.
 */
void ivi_claim_make(struct ivi_claim *c);

/* True if the memory is not the caller's any more: a status that was left with
   it is for somebody else. */
bool ivi_claim_drop(struct ivi_claim *c);

/* As ivi_child_poll(), but for a PID that is none -ECHILD, too. */
int ivi_claim_poll(struct ivi_claim *c, struct ivi_change *change);

/* After poll() has said how the process has ended, or that it is no child. */
bool ivi_claim_is_over(const struct ivi_claim *c);

/* As kill(2), in any thread, for the process or the group it leads.  Never hits
   another one. */
int ivi_claim_kill(struct ivi_claim *c, int sig, bool group);

/* Around a fork and the claim for it. */
void ivi_claims_announce(void);
void ivi_claims_announced(void);

/*
 * Waits for a child that has ended and that nobody claims: 1, its PID and
 * CHANGE; 0 if there is none; -EAGAIN if that will be certain a little later.
 */
int ivi_claims_reap(pid_t *pid, struct ivi_change *change);

/* Whether the program's other children would leave no zombies but for us, who
   handle SIGCHLD; and waits for those that have ended. */
bool ivi_strangers_vanish(void);
void ivi_let_strangers_vanish(void);

/* Who reaps upon this signal is woken when it has to because a claim was
   dropped; NULL: nobody. */
void ivi_claims_wake(struct iv_signal *reaper);

/* Around the life of a loop that has claims or reaps.  What is left when the
   last has gone nobody will be told. */
void ivi_claims_enter(void);
void ivi_claims_leave(void);

#endif
