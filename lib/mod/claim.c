/* SPDX-License-Identifier: MIT */
/*
 * claim.c - which children are iv_wait's, and waiting for them.
 *
 * The lock `reaping' covers the moment in which a pid ceases to be ours, so
 * that without pidfds, too, a signal never hits a stranger, and whoever waits
 * for any child knows whose it was.
 *
 * Such a one has to wait for claimed children, too: waitid(2) shows one that has
 * ended, and others behind it only when it has gone.  Their statuses are kept in
 * the claims; those of claims that are dropped before they are told are left for
 * whoever may want them.
 */
#include <errno.h>
#include <iv_list.h>
#include "base/compiler.h"
#include "mod/claim.h"
#include "mod/signal.h"
#include "sys/child.h"
#include "sys/sig.h"
#include "sys/sys.h"

static struct ivi_spin reaping;

/* Under it. */
static struct iv_avl_tree claims;
static struct iv_avl_tree left;		/* dropped, with a status */
static struct iv_signal *reaper;	/* or NULL */
static unsigned users;	/* loops; they live on in a forked child */
static unsigned announced;	/* forks that are about to be claims */
static unsigned generation;	/* of the process that has these */

static struct ivi_claim *of_node(const struct iv_avl_node *an)
{
	return iv_container_of(an, struct ivi_claim, node);
}

static int compare(const struct iv_avl_node *_a, const struct iv_avl_node *_b)
{
	const struct ivi_claim *a = of_node(_a);
	const struct ivi_claim *b = of_node(_b);

	if (a->pid != b->pid)
		return a->pid < b->pid ? -1 : 1;
	if (a != b)
		return (uintptr_t)a < (uintptr_t)b ? -1 : 1;
	return 0;
}

static void forget_left(struct ivi_claim *c)
{
	iv_avl_tree_delete(&left, &c->node);
	ivi_free(c);
}

static void forget_all_left(void)
{
	while (left.root != NULL)
		forget_left(of_node(left.root));
}

/* What a forked child inherits are its siblings. */
static void lock(void)
{
	ivi_spin_lock(&reaping);
	if (generation == ivi_fork_generation())
		return;
	INIT_IV_AVL_TREE(&claims, compare);
	left.compare = compare;
	forget_all_left();
	reaper = NULL;
	announced = 0;
	generation = ivi_fork_generation();
}

static void unlock(void)
{
	ivi_spin_unlock(&reaping);
}

static struct ivi_claim *find(const struct iv_avl_tree *tree, pid_t pid)
{
	struct iv_avl_node *an = tree->root;

	while (an != NULL && of_node(an)->pid != pid)
		an = of_node(an)->pid < pid ? an->right : an->left;
	return an != NULL ? of_node(an) : NULL;
}

static void forget(struct ivi_claim *c)
{
	if (c->generation == generation && !c->over)
		iv_avl_tree_delete(&claims, &c->node);
	c->over = true;
}

/* Not in a forked child: the status is its parent's. */
static bool is_kept(const struct ivi_claim *c)
{
	return c->kept && c->generation == generation;
}

static int poll_child(pid_t pid, int pidfd, struct ivi_change *change)
{
	int ret = ivi_child_poll(pid, pidfd, &change->status, &change->usage,
				 &change->has_usage);

	return ret < 0 ? -ECHILD : ret;
}

static bool is_end(int ret, const struct ivi_change *change)
{
	return ret < 0 || (ret > 0 && ivi_child_ended(change->status));
}

/* ---- Claims ----------------------------------------------------------------------- */

/* False if there is none for C. */
static bool take_left(struct ivi_claim *c)
{
	struct ivi_claim *old = find(&left, c->pid);

	if (old == NULL || ivi_child_exists(c->pid))
		return false;
	c->last = old->last;
	c->kept = c->over = true;
	forget_left(old);
	return true;
}

void ivi_claim_make(struct ivi_claim *c)
{
	c->over = c->kept = false;
	lock();
	c->generation = generation;
	if (!take_left(c))
		iv_avl_tree_insert(&claims, &c->node);
	unlock();
}

bool ivi_claim_drop(struct ivi_claim *c)
{
	bool leaves;

	lock();
	forget(c);
	leaves = is_kept(c);
	if (leaves)
		iv_avl_tree_insert(&left, &c->node);
	if (leaves && reaper != NULL)
		ivi_signal_wake(reaper);
	unlock();
	return leaves;
}

int ivi_claim_poll(struct ivi_claim *c, struct ivi_change *change)
{
	int ret = -ECHILD;

	lock();
	if (is_kept(c)) {
		*change = c->last;
		c->kept = false;
		ret = 1;
	} else if (c->pid > 0 && !c->over) {
		ret = poll_child(c->pid, c->pidfd, change);
	}
	if (ret < 0) {
		change->status = -1;
		change->has_usage = false;
	}
	if (is_end(ret, change))
		forget(c);
	unlock();
	return ret;
}

bool ivi_claim_is_over(const struct ivi_claim *c)
{
	return c->over;
}

int ivi_claim_kill(struct ivi_claim *c, int sig, bool group)
{
	int ret = -ESRCH;

	lock();
	if (c->generation == generation && !c->over && c->pid > 0)
		ret = group ? ivi_child_kill_group(c->pid, c->pidfd, sig) :
			      ivi_child_kill(c->pid, c->pidfd, sig);
	unlock();
	if (ret == -ESRCH)
		errno = ESRCH;
	return ret;
}

/* ---- All children --------------------------------------------------------------------- */

void ivi_claims_announce(void)
{
	lock();
	announced++;
	unlock();
}

/* Not in the child of that fork. */
void ivi_claims_announced(void)
{
	lock();
	if (announced > 0)
		announced--;
	unlock();
}

/* One whose process somebody else has waited for is worth nothing. */
static void keep(struct ivi_claim *c)
{
	int ret = poll_child(c->pid, c->pidfd, &c->last);

	if (!is_end(ret, &c->last))
		return;
	c->kept = ret > 0;
	forget(c);
}

static int reap_left(struct ivi_claim *c, pid_t *pid,
		     struct ivi_change *change)
{
	*pid = c->pid;
	*change = c->last;
	forget_left(c);
	return 1;
}

/* 1: a stranger's; -EINTR: look again. */
static int reap_dead(pid_t *pid, struct ivi_change *change)
{
	struct ivi_claim *c;

	*pid = ivi_child_dead();
	if (*pid <= 0)
		return *pid;
	c = find(&claims, *pid);
	if (c != NULL) {
		keep(c);
		return -EINTR;
	}
	if (announced > 0)
		return -EAGAIN;
	return poll_child(*pid, -1, change) > 0 ? 1 : -EINTR;
}

int ivi_claims_reap(pid_t *pid, struct ivi_change *change)
{
	int ret;

	do {
		lock();
		ret = left.root != NULL ?
		      reap_left(of_node(left.root), pid, change) :
		      reap_dead(pid, change);
		unlock();
	} while (ret == -EINTR);
	return ret;
}

bool ivi_strangers_vanish(void)
{
	struct sigaction old;

	return ivi_signal_hooked_over(SIGCHLD, &old) &&
	       ivi_sigchld_discards(&old);
}

/* What is left is no zombie. */
void ivi_let_strangers_vanish(void)
{
	struct ivi_change change;
	pid_t pid;
	int ret;

	do {
		lock();
		ret = reap_dead(&pid, &change);
		unlock();
	} while (ret > 0 || ret == -EINTR);
}

void ivi_claims_wake(struct iv_signal *new_reaper)
{
	lock();
	reaper = new_reaper;
	unlock();
}

void ivi_claims_enter(void)
{
	lock();
	users++;
	unlock();
}

void ivi_claims_leave(void)
{
	lock();
	if (--users == 0)
		forget_all_left();
	unlock();
}
