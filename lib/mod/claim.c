/* SPDX-License-Identifier: MIT */
/*
 * claim.c - which children are iv_wait's, and waiting for them.
 *
 * The lock `reaping' covers the moment in which a pid ceases to be ours, so
 * that without pidfds, too, a signal never hits a stranger, and whoever waits
 * for any child knows whose it was.
 */
#include <errno.h>
#include <iv_list.h>
#include "base/compiler.h"
#include "mod/claim.h"
#include "sys/child.h"
#include "sys/sig.h"
#include "sys/sys.h"

static struct ivi_spin reaping;

/* Under it. */
static struct iv_avl_tree claims;
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

/* What a forked child inherits are its siblings. */
static void lock(void)
{
	ivi_spin_lock(&reaping);
	if (generation == ivi_fork_generation())
		return;
	INIT_IV_AVL_TREE(&claims, compare);
	announced = 0;
	generation = ivi_fork_generation();
}

static void unlock(void)
{
	ivi_spin_unlock(&reaping);
}

static struct ivi_claim *find(pid_t pid)
{
	struct iv_avl_node *an = claims.root;

	while (an != NULL && of_node(an)->pid != pid)
		an = of_node(an)->pid < pid ? an->right : an->left;
	return an != NULL ? of_node(an) : NULL;
}

static void forget(struct ivi_claim *c)
{
	if (c->generation == generation)
		iv_avl_tree_delete(&claims, &c->node);
	c->generation = 0;
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

void ivi_claim_make(struct ivi_claim *c)
{
	c->over = c->kept = false;
	lock();
	c->generation = generation;
	iv_avl_tree_insert(&claims, &c->node);
	unlock();
}

void ivi_claim_drop(struct ivi_claim *c)
{
	lock();
	forget(c);
	unlock();
}

int ivi_claim_poll(struct ivi_claim *c, struct ivi_change *change)
{
	int ret = -ECHILD;

	lock();
	if (c->kept) {
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
	if (is_end(ret, change)) {
		c->over = true;
		forget(c);
	}
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
	if (c->generation == generation && c->pid > 0)
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
	c->over = true;
	forget(c);
}

/* 1: a stranger's; -EINTR: look again. */
static int reap_first(pid_t *pid, struct ivi_change *change)
{
	struct ivi_claim *c;

	*pid = ivi_child_dead();
	if (*pid <= 0)
		return *pid;
	c = find(*pid);
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
		ret = reap_first(pid, change);
		unlock();
	} while (ret == -EINTR);
	return ret;
}
