/* SPDX-License-Identifier: MIT */
/*
 * wait.c - iv_wait: what happens to children.
 *
 * Each child is waited for by its own pid, in its owner's loop, and nobody
 * else's are.  Its end shows as readability of a pidfd.  Stops, and ends of
 * children that could not be given a pidfd, show as SIGCHLD, upon which the
 * loop looks at each of its children (sweep).  With pidfds, one question to
 * the kernel tells whether that is worth the trouble; and a sweep earns a
 * rest in proportion to its size, during which further SIGCHLDs are merged,
 * so that n children that end one after another do not cost n sweeps.
 *
 * A process has one state to report at a time: a later change replaces an
 * earlier one that nobody has waited for, and is followed by another SIGCHLD
 * (wait_consider_child() in Linux' kernel/exit.c).  So one look per SIGCHLD
 * is enough.
 *
 * The lock `reaping' covers the moment in which a pid ceases to be ours, so
 * that iv_wait_interest_kill() never hits a stranger.
 */
#include <pthread.h>
#include <stdlib.h>
#include <iv_list.h>
#include "base/compiler.h"
#include "base/timespec.h"
#include "mod/signal.h"
#include "mod/wait.h"
#include "sys/child.h"
#include "sys/sig.h"
#include "sys/sys.h"

#define REGISTERED	UINT32_C(0x69767774)

/* What a sweep has to rest per child, and at most, in nanoseconds. */
#define REST		INT64_C(10000)
#define REST_MAX	INT64_C(100000000)

/* In each loop that has registered an interest. */
struct children {
	struct iv_signal	sigchld;	/* registered while count > 0 */
	struct iv_timer	again;		/* a sweep that has been put off */
	int64_t		rested;		/* when the next may start */
	unsigned	generation;	/* of the process it belongs to */
	unsigned	count;		/* of interests */
	unsigned	blind;		/* of living ones without a pidfd */
	struct iv_list_head	living;
	struct iv_list_head	sweeping;	/* also living */
	struct iv_list_head	ended;
};

/* What an interest has no room for. */
struct child {
	struct iv_wait_interest	*interest;
	struct children	*owner;
	struct iv_list_head	node;	/* on one of the owner's lists */
	struct iv_fd	pidfd;		/* fd is -1 if there is none */
	struct iv_task	look;
	bool	ended;			/* under the lock `reaping' */
	void	(*orphaned)(struct iv_wait_interest *wait);
};

/*
 * In struct iv_wait_interest from `avl_node' on.  `registered' is garbage if
 * a caller has not called IV_WAIT_INTEREST_INIT(), or has been compiled when
 * that did nothing.
 */
struct IVI_ALIAS ivi_wait {
	uint32_t	registered;		/* cleared by INIT */
	uint32_t	generation;
	struct child	*child;
};

IVI_OVERLAY(iv_wait_interest, avl_node, ivi_wait)

static struct ivi_spin reaping;

/* ---- Collecting ----------------------------------------------------------------- */

static void blindfold(struct child *c)
{
	if (c->pidfd.fd < 0)
		return;
	iv_fd_unregister(&c->pidfd);
	close(c->pidfd.fd);
	c->pidfd.fd = -1;
	c->owner->blind++;
}

/* Takes C out of all that could find a living child. */
static void retire(struct child *c)
{
	blindfold(c);
	c->owner->blind--;
	if (iv_task_registered(&c->look))
		iv_task_unregister(&c->look);
	iv_list_del(&c->node);
	iv_list_add_tail(&c->node, &c->owner->ended);
}

/* As ivi_child_poll(), and tells iv_wait_interest_kill(). */
static int poll_child(struct child *c, int *status, struct rusage *usage,
		      bool *has_usage)
{
	pid_t pid = c->interest->pid;
	int ret = -ECHILD;

	ivi_spin_lock(&reaping);
	if (pid > 0)
		ret = ivi_child_poll(pid, status, usage, has_usage);
	if (ret < 0) {
		*status = -1;
		*has_usage = false;
	}
	c->ended = ret < 0 || (ret > 0 && ivi_child_ended(*status));
	ivi_spin_unlock(&reaping);
	return ret;
}

/* False if there was nothing to report.  Otherwise C may be gone. */
static bool collect(struct child *c)
{
	struct iv_wait_interest *wait = c->interest;
	struct rusage usage;
	bool has_usage;
	int status;

	if (poll_child(c, &status, &usage, &has_usage) == 0)
		return false;
	if (c->ended)
		retire(c);
	wait->handler(wait->cookie, status, has_usage ? &usage : NULL);
	return true;
}

static void look(void *_c)
{
	collect(_c);
}

/*
 * A pidfd is readable but there is nothing to collect while a debugger has
 * yet to wait for the process; then a SIGCHLD follows.
 */
static void pidfd_readable(void *_c)
{
	struct child *c = _c;

	if (!collect(c))
		blindfold(c);
}

/* ---- Sweeping --------------------------------------------------------------------- */

static int64_t rest(const struct children *t)
{
	int64_t ns = t->count * REST;

	return ns < REST_MAX ? ns : REST_MAX;
}

/* The handlers may unregister any child, and nest another sweep. */
static void look_at_all(struct children *t)
{
	iv_list_splice_tail_init(&t->living, &t->sweeping);
	while (!iv_list_empty(&t->sweeping)) {
		struct iv_list_head *node = t->sweeping.next;

		iv_list_del(node);
		iv_list_add_tail(node, &t->living);
		collect(iv_container_of(node, struct child, node));
	}
}

static void sweep(void *_t)
{
	struct children *t = _t;

	if (t->blind > 0 || ivi_child_maybe_stopped())
		look_at_all(t);
	t->rested = ivi_clock_ns() + rest(t);
}

static void sigchld(void *_t)
{
	struct children *t = _t;

	if (iv_timer_registered(&t->again))
		return;
	if (ivi_clock_ns() >= t->rested) {
		sweep(t);
		return;
	}
	t->again.expires = ivi_ns_to_ts(t->rested);
	iv_timer_register(&t->again);
}

/* ---- State per loop ------------------------------------------------------------------ */

static int children_init(void *_t)
{
	struct children *t = _t;

	t->sigchld.signum = SIGCHLD;
	t->sigchld.cookie = t;
	t->sigchld.handler = sigchld;
	IV_TIMER_INIT(&t->again);
	t->again.cookie = t;
	t->again.handler = sweep;
	INIT_IV_LIST_HEAD(&t->living);
	INIT_IV_LIST_HEAD(&t->sweeping);
	INIT_IV_LIST_HEAD(&t->ended);
	return ivi_signal_prepare();
}

/* A forked child that goes on with this loop has not inherited the hook. */
static int attach(struct children *t)
{
	bool hooked = t->count > 0 &&
		      t->generation == ivi_fork_generation();

	if (!hooked && ivi_signal_register_hook(&t->sigchld) < 0)
		return -errno;
	t->generation = ivi_fork_generation();
	t->count++;
	return 0;
}

static void detach(struct children *t)
{
	if (--t->count > 0)
		return;
	iv_signal_unregister(&t->sigchld);
	if (iv_timer_registered(&t->again))
		iv_timer_unregister(&t->again);
}

static void leave(struct child *c)
{
	if (!c->ended)
		retire(c);
	iv_list_del(&c->node);
	detach(c->owner);
	ivi_wait(c->interest)->registered = 0;
	free(c);
}

static void orphan_all(struct iv_list_head *list)
{
	while (!iv_list_empty(list)) {
		struct child *c = iv_container_of(list->next, struct child,
						  node);
		struct iv_wait_interest *wait = c->interest;
		void (*orphaned)(struct iv_wait_interest *) = c->orphaned;

		leave(c);
		if (orphaned != NULL)
			orphaned(wait);
	}
}

static void children_fini(void *_t)
{
	struct children *t = _t;

	orphan_all(&t->living);
	orphan_all(&t->sweeping);
	orphan_all(&t->ended);
}

static const struct ivi_slot slot = {
	.index	= IVI_SLOT_WAIT,
	.size	= sizeof(struct children),
	.init	= children_init,
	.fini	= children_fini,
};

/* ---- Registering --------------------------------------------------------------------- */

static void check(const char *fn, const struct iv_wait_interest *wait)
{
	if (wait == NULL)
		iv_fatal("%s: the struct iv_wait_interest pointer is NULL",
			 fn);
}

static bool is_mine(const struct ivi_wait *w)
{
	return w->child->owner == ivi_slot_peek(&slot);
}

/* In the loop, since lost, of the process that has forked this one. */
static bool is_inherited(const struct ivi_wait *w)
{
	return w->generation != ivi_fork_generation() && !is_mine(w);
}

static bool is_registered(const struct ivi_wait *w)
{
	return w->registered == REGISTERED && !is_inherited(w);
}

static void check_new(const char *fn, const struct iv_wait_interest *wait)
{
	ivi_require_loop(fn);
	check(fn, wait);
	if (is_registered(ivi_wait(wait)))
		iv_fatal("%s: iv_wait_interest %p (pid %d) is already "
			 "registered", fn, (const void *)wait, (int)wait->pid);
	if (wait->handler == NULL)
		iv_fatal("%s: iv_wait_interest %p has no handler", fn,
			 (const void *)wait);
}

static void check_old(const char *fn, const struct iv_wait_interest *wait)
{
	check(fn, wait);
	if (ivi_wait(wait)->registered != REGISTERED)
		iv_fatal("%s: iv_wait_interest %p is not registered", fn,
			 (const void *)wait);
}

/* All that needs resources, but for the pidfd, without which it does, too. */
static struct child *enroll(struct iv_wait_interest *wait)
{
	struct children *t = ivi_slot_get(&slot);
	struct child *c;
	int ret;

	if (t == NULL)
		return NULL;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return NULL;
	ret = attach(t);
	if (ret < 0) {
		free(c);
		errno = -ret;
		return NULL;
	}
	c->interest = wait;
	c->owner = t;
	c->pidfd.fd = -1;
	IV_TASK_INIT(&c->look);
	c->look.cookie = c;
	c->look.handler = look;
	return c;
}

static void watch(struct child *c, pid_t pid)
{
	int fd = pid > 0 ? ivi_pidfd_open(pid) : -ESRCH;

	c->owner->blind++;
	if (fd < 0)
		return;
	IV_FD_INIT(&c->pidfd);
	c->pidfd.fd = fd;
	c->pidfd.cookie = c;
	c->pidfd.handler_in = pidfd_readable;
	if (iv_fd_register_try(&c->pidfd) == 0) {
		c->owner->blind--;
		return;
	}
	close(fd);
	c->pidfd.fd = -1;
}

static void enter(struct child *c)
{
	struct ivi_wait *w = ivi_wait(c->interest);

	iv_list_add_tail(&c->node, &c->owner->living);
	watch(c, c->interest->pid);
	w->child = c;
	w->generation = ivi_fork_generation();
	w->registered = REGISTERED;
}

IVI_PUBLIC void iv_wait_interest_register(struct iv_wait_interest *wait)
{
	static const char fn[] = "iv_wait_interest_register";
	struct child *c;

	check_new(fn, wait);
	c = enroll(wait);
	if (c == NULL)
		iv_fatal("%s: pid %d: %s", fn, (int)wait->pid,
			 ivi_errname(errno));
	enter(c);
	/* Something may have happened before there was anyone to notice. */
	iv_task_register(&c->look);
}

/* As fork(2).  The child knows nothing of our signals from the start. */
static pid_t fork_child(void (*fn)(void *cookie), void *cookie)
{
	sigset_t saved;
	pid_t pid;
	int err;

	ivi_signals_block(&saved);
	pid = fork();
	if (pid == 0) {
		ivi_signal_forked();
		ivi_signals_restore(&saved);
		fn(cookie);
		exit(1);
	}
	err = errno;
	ivi_signals_restore(&saved);
	errno = err;
	return pid;
}

int ivi_wait_spawn(struct iv_wait_interest *wait, void (*fn)(void *cookie),
		   void *cookie,
		   void (*orphaned)(struct iv_wait_interest *wait))
{
	struct child *c = enroll(wait);
	pid_t pid;
	int err;

	if (c == NULL)
		return -1;
	pid = fork_child(fn, cookie);
	if (pid < 0) {
		err = errno;
		detach(c->owner);
		free(c);
		errno = err;
		return -1;
	}
	wait->pid = pid;
	c->orphaned = orphaned;
	enter(c);
	return 0;
}

IVI_PUBLIC int
iv_wait_interest_register_spawn(struct iv_wait_interest *wait,
				void (*fn)(void *cookie), void *cookie)
{
	static const char name[] = "iv_wait_interest_register_spawn";

	check_new(name, wait);
	if (fn == NULL)
		iv_fatal("%s: the function pointer is NULL", name);
	return ivi_wait_spawn(wait, fn, cookie, NULL);
}

IVI_PUBLIC void iv_wait_interest_unregister(struct iv_wait_interest *wait)
{
	static const char fn[] = "iv_wait_interest_unregister";
	struct ivi_wait *w = ivi_wait(wait);

	ivi_require_loop(fn);
	check_old(fn, wait);
	if (is_inherited(w)) {
		w->registered = 0;
		return;
	}
	if (!is_mine(w))
		iv_fatal("%s: iv_wait_interest %p (pid %d) belongs to another "
			 "thread", fn, (void *)wait, (int)wait->pid);
	leave(w->child);
}

/* A forked child has inherited the interest, but not the child. */
IVI_PUBLIC int iv_wait_interest_kill(const struct iv_wait_interest *wait,
				     int sig)
{
	const struct ivi_wait *w = ivi_wait(wait);
	int ret = -ESRCH;

	check_old("iv_wait_interest_kill", wait);
	ivi_spin_lock(&reaping);
	if (w->generation == ivi_fork_generation() && !w->child->ended &&
	    wait->pid > 0)
		ret = kill(wait->pid, sig);
	ivi_spin_unlock(&reaping);
	return ret;
}
