/* SPDX-License-Identifier: MIT */
/*
 * wait.c - iv_wait: what happens to children.
 *
 * Each child is waited for by its own pidfd, or pid, in its owner's loop, and
 * nobody else's are.  Its end shows as readability of the pidfd.  Stops, and
 * ends of children that could not be given a pidfd, show as SIGCHLD, upon
 * which the loop looks at each of its children (sweep).  With pidfds, one
 * question to the kernel tells whether that is worth the trouble; and a sweep
 * earns a rest in proportion to its size, during which further SIGCHLDs are
 * merged, so that n children that end one after another do not cost n sweeps.
 *
 * Where pidfds do the work SIGCHLD is left alone if it is the program's: if it
 * has a handler of its own, which would not be called, or ignores the signal,
 * lest there be zombies.  It does without reports of stops then.  Where they
 * do not, and children would vanish, the program's are made to.
 *
 * A process has one state to report at a time: a later change replaces an
 * earlier one that nobody has waited for, and is followed by another SIGCHLD
 * (wait_consider_child() in Linux' kernel/exit.c).  So one look per SIGCHLD
 * is enough.
 */
#include <pthread.h>
#include <iv_event.h>
#include <iv_list.h>
#include "base/compiler.h"
#include "base/timespec.h"
#include "mod/claim.h"
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
	struct iv_signal	sigchld;	/* see is_hooked() */
	struct iv_event	hold;		/* registered while HELD */
	struct iv_timer	again;		/* a sweep that has been put off */
	struct iv_task	rest;		/* of one whose handler does not return */
	int64_t		rested;		/* when the next may start */
	unsigned	hooked;		/* the process with SIGCHLD, or 0 */
	bool		held;
	unsigned	count;		/* of interests */
	unsigned	blind;		/* of living ones, pidfd not watched */
	struct iv_list_head	living;
	struct iv_list_head	sweeping;	/* also living */
	struct iv_list_head	ended;
};

/* What an interest has no room for. */
struct child {
	struct ivi_claim	claim;		/* which may outlive it */
	struct iv_wait_interest	*interest;
	struct children	*owner;
	struct iv_list_head	node;	/* on one of the owner's lists */
	struct iv_fd	pidfd;		/* registered while it is watched */
	struct iv_task	look;
	bool	alive;			/* as far as has been noticed */
	unsigned	generation;	/* of forks */
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

static bool is_hooked(const struct children *t)
{
	return t->hooked == ivi_fork_generation();
}

/* ---- Collecting ----------------------------------------------------------------- */

/* Without SIGCHLD, children without a pidfd are looked at now and then. */
static void look_later(struct children *t)
{
	if (t->blind == 0 || is_hooked(t) || iv_timer_registered(&t->again))
		return;
	t->again.expires = ivi_ns_to_ts(ivi_clock_ns() + REST_MAX);
	iv_timer_register(&t->again);
}

static void blindfold(struct child *c)
{
	if (!iv_fd_registered(&c->pidfd))
		return;
	iv_fd_unregister(&c->pidfd);
	c->owner->blind++;
}

static void close_pidfd(int pidfd)
{
	if (pidfd >= 0)
		ivi_close(pidfd);
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
	c->alive = false;
}

/* False if there was nothing to report.  Otherwise C may be gone. */
static bool collect(struct child *c)
{
	struct iv_wait_interest *wait = c->interest;
	struct ivi_change change;

	if (ivi_claim_poll(&c->claim, &change) == 0)
		return false;
	if (ivi_claim_is_over(&c->claim)) {
		retire(c);
		close_pidfd(c->claim.pidfd);
	}
	wait->handler(wait->cookie, change.status,
		      change.has_usage ? &change.usage : NULL);
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

	if (collect(c))
		return;
	blindfold(c);
	look_later(c->owner);
}

/* ---- Sweeping --------------------------------------------------------------------- */

static int64_t pause_after(const struct children *t)
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

/* An iv_wait_any sees to them. */
static bool strangers_vanish(void)
{
	return !ivi_wait_any_is_taken() && ivi_strangers_vanish();
}

static void forget_rest(struct children *t)
{
	if (iv_task_registered(&t->rest))
		iv_task_unregister(&t->rest);
}

static void sweep(void *_t)
{
	struct children *t = _t;

	if (!iv_task_registered(&t->rest))
		iv_task_register(&t->rest);
	if (t->blind > 0 || ivi_child_maybe_stopped())
		look_at_all(t);
	if (strangers_vanish())
		ivi_let_strangers_vanish();
	t->rested = ivi_clock_ns() + pause_after(t);
	forget_rest(t);
	look_later(t);
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

/* Nobody posts it. */
static void held(void *unused)
{
	(void)unused;
}

static int children_init(void *_t)
{
	struct children *t = _t;
	int ret = ivi_signal_prepare();

	if (ret < 0)
		return ret;
	ivi_claims_enter();
	t->sigchld.signum = SIGCHLD;
	t->sigchld.cookie = t;
	t->sigchld.handler = sigchld;
	IV_EVENT_INIT(&t->hold);
	t->hold.handler = held;
	IV_TIMER_INIT(&t->again);
	t->again.cookie = t;
	t->again.handler = sweep;
	IV_TASK_INIT(&t->rest);
	t->rest.cookie = t;
	t->rest.handler = sweep;
	INIT_IV_LIST_HEAD(&t->living);
	INIT_IV_LIST_HEAD(&t->sweeping);
	INIT_IV_LIST_HEAD(&t->ended);
	return 0;
}

static bool needs_sigchld(enum ivi_wait_for what)
{
	if (!ivi_pidfds())
		return true;
	if (what == IVI_WAIT_END)
		return false;
	if (what == IVI_WAIT_ALL && ivi_signal_is_handled(SIGCHLD))
		return true;
	if (ivi_children_vanish())
		return !ivi_pidfd_keeps_status();
	return what == IVI_WAIT_ALL && ivi_sigchld_is_free();
}

static int hook(struct children *t)
{
	if (is_hooked(t))
		return 0;
	if (ivi_signal_register_hook(&t->sigchld) < 0)
		return -errno;
	t->hooked = ivi_fork_generation();
	return 0;
}

/* Keeps iv_main() running, which SIGCHLD does as well. */
static int hold(struct children *t)
{
	if (t->held || is_hooked(t))
		return 0;
	if (iv_event_register(&t->hold) < 0)
		return -errno;
	t->held = true;
	return 0;
}

static int attach(struct children *t, enum ivi_wait_for what)
{
	int ret = needs_sigchld(what) ? hook(t) : hold(t);

	if (ret == 0)
		t->count++;
	return ret;
}

static void unhook(struct children *t)
{
	bool strangers = strangers_vanish();

	iv_signal_unregister(&t->sigchld);
	t->hooked = 0;
	if (strangers)
		ivi_let_strangers_vanish();
}

static void detach(struct children *t)
{
	if (--t->count > 0)
		return;
	if (is_hooked(t))
		unhook(t);
	if (t->held)
		iv_event_unregister(&t->hold);
	t->held = false;
	if (iv_timer_registered(&t->again))
		iv_timer_unregister(&t->again);
}

/* The claim has no use for the pidfd when it has been dropped, and C may be gone
   then. */
static void leave(struct child *c)
{
	int pidfd = c->alive ? c->claim.pidfd : -1;

	if (c->alive)
		retire(c);
	iv_list_del(&c->node);
	detach(c->owner);
	ivi_wait(c->interest)->registered = 0;
	if (!ivi_claim_drop(&c->claim))
		ivi_free(c);
	close_pidfd(pidfd);
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

	forget_rest(t);
	orphan_all(&t->living);
	orphan_all(&t->sweeping);
	orphan_all(&t->ended);
	ivi_claims_leave();
}

static void abandon_all(struct iv_list_head *list)
{
	while (!iv_list_empty(list)) {
		struct child *c = iv_container_of(list->next, struct child,
						  node);

		iv_list_del(&c->node);
		if (c->alive)
			close_pidfd(c->claim.pidfd);
		ivi_free(c);
	}
}

static void children_abandon(void *_t)
{
	struct children *t = _t;

	abandon_all(&t->living);
	abandon_all(&t->sweeping);
	abandon_all(&t->ended);
	ivi_claims_leave();
}

static void dump_list(const struct iv_list_head *list, int fd)
{
	const struct iv_list_head *lh;

	iv_list_for_each (lh, list) {
		const struct child *c = iv_container_of(lh, struct child, node);
		const struct iv_wait_interest *wait = c->interest;

		ivi_print(fd, "iv_wait_interest %p: process %ld%s, %s, cookie "
			  "%p\n", (const void *)wait, (long)wait->pid,
			  c->alive ? "" : ", ended", IVI_CODE(wait->handler),
			  wait->cookie);
	}
}

static void children_dump(void *_t, int fd)
{
	struct children *t = _t;

	dump_list(&t->living, fd);
	dump_list(&t->sweeping, fd);
	dump_list(&t->ended, fd);
}

/* Those of LIST are N, of whom BLIND are not watched; false if one is not as
   ALIVE says. */
static bool verify_list(const struct children *t,
			const struct iv_list_head *list, bool alive, unsigned *n,
			unsigned *blind)
{
	const struct iv_list_head *lh;

	iv_list_for_each (lh, list) {
		const struct child *c = iv_container_of(lh, struct child, node);

		if (c->owner != t || c->alive != alive ||
		    lh->next->prev != lh)
			return false;
		++*n;
		*blind += alive && !iv_fd_registered(&c->pidfd);
	}
	return true;
}

static const char *children_verify(void *_t, long *objects)
{
	struct children *t = _t;
	unsigned n = 0, blind = 0;

	if (!verify_list(t, &t->living, true, &n, &blind) ||
	    !verify_list(t, &t->sweeping, true, &n, &blind) ||
	    !verify_list(t, &t->ended, false, &n, &blind))
		return "has an iv_wait_interest in the wrong list";
	*objects += n;
	if (n != t->count)
		return "has not as many iv_wait_interests as it counts";
	if (blind != t->blind)
		return "has not as many children without pidfd as it counts";
	if (n > 0 && !t->held && t->hooked == 0)
		return "does not keep the loop running for iv_wait_interests";
	return NULL;
}

static const struct ivi_slot slot = {
	.index	= IVI_SLOT_WAIT,
	.size	= sizeof(struct children),
	.init	= children_init,
	.fini	= children_fini,
	.abandon = children_abandon,
	.dump	= children_dump,
	.verify	= children_verify,
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

static bool is_on(const struct iv_list_head *list, const struct child *c)
{
	const struct iv_list_head *lh;

	iv_list_for_each (lh, list)
		if (lh == &c->node)
			return true;
	return false;
}

/* In the loop, since lost, of the process that has forked this one: what was
   allocated for it may be lost, too. */
static bool is_inherited(const struct ivi_wait *w)
{
	const struct children *t = ivi_slot_peek(&slot);

	return w->generation != ivi_fork_generation() &&
	       (t == NULL || !(is_on(&t->living, w->child) ||
			       is_on(&t->sweeping, w->child) ||
			       is_on(&t->ended, w->child)));
}

static bool is_registered(const struct ivi_wait *w)
{
	return w->registered == REGISTERED && !is_inherited(w);
}

static struct child *find(const struct iv_list_head *list,
			  const struct iv_wait_interest *wait)
{
	const struct iv_list_head *lh;

	iv_list_for_each (lh, list) {
		struct child *c = iv_container_of(lh, struct child, node);

		if (c->interest == wait)
			return c;
	}
	return NULL;
}

/* Takes back an IV_WAIT_INTEREST_INIT() that came when it was registered.
   False if it was not. */
static bool reclaim(const struct iv_wait_interest *wait)
{
	struct ivi_wait *w = ivi_wait(wait);
	const struct children *t = ivi_slot_peek(&slot);
	struct child *c = NULL;

	if (t != NULL)
		c = find(&t->living, wait);
	if (t != NULL && c == NULL)
		c = find(&t->sweeping, wait);
	if (t != NULL && c == NULL)
		c = find(&t->ended, wait);
	if (c == NULL)
		return false;
	w->child = c;
	w->generation = c->generation;
	w->registered = REGISTERED;
	return true;
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
	if (ivi_wait(wait)->registered != REGISTERED && !reclaim(wait))
		iv_fatal("%s: iv_wait_interest %p is not registered", fn,
			 (const void *)wait);
}

/* All that needs resources, but for the pidfd, without which it does, too. */
static struct child *enroll(struct iv_wait_interest *wait,
			    enum ivi_wait_for what)
{
	struct children *t = ivi_slot_get(&slot);
	struct child *c;
	int ret;

	if (t == NULL)
		return NULL;
	c = ivi_alloc_zeroed(sizeof(*c));
	if (c == NULL)
		return NULL;
	ret = attach(t, what);
	if (ret < 0) {
		ivi_free(c);
		errno = -ret;
		return NULL;
	}
	c->interest = wait;
	c->owner = t;
	c->claim.pidfd = -1;
	IV_FD_INIT(&c->pidfd);
	IV_TASK_INIT(&c->look);
	c->look.cookie = c;
	c->look.handler = look;
	return c;
}

/* A pidfd that cannot be watched is good enough to wait by. */
static void watch(struct child *c)
{
	c->owner->blind++;
	if (c->claim.pidfd >= 0) {
		c->pidfd.fd = c->claim.pidfd;
		c->pidfd.cookie = c;
		c->pidfd.handler_in = pidfd_readable;
		if (iv_fd_register_try(&c->pidfd) == 0)
			c->owner->blind--;
	}
	look_later(c->owner);
}

static void enter(struct child *c)
{
	struct ivi_wait *w = ivi_wait(c->interest);
	pid_t pid = c->interest->pid;

	iv_list_add_tail(&c->node, &c->owner->living);
	c->alive = true;
	c->claim.pid = pid;
	c->claim.pidfd = pid > 0 ? ivi_pidfd_open(pid) : -1;
	if (c->claim.pidfd < 0)
		c->claim.pidfd = -1;
	ivi_claim_make(&c->claim);
	watch(c);
	w->child = c;
	w->generation = c->generation = ivi_fork_generation();
	w->registered = REGISTERED;
}

IVI_PUBLIC void iv_wait_interest_register(struct iv_wait_interest *wait)
{
	static const char fn[] = "iv_wait_interest_register";
	struct child *c;

	check_new(fn, wait);
	c = enroll(wait, IVI_WAIT_ALL);
	if (c == NULL)
		iv_fatal("%s: pid %d: %s", fn, (int)wait->pid,
			 ivi_errname(errno));
	enter(c);
	/* Something may have happened before there was anyone to notice. */
	iv_task_register(&c->look);
}

/*
 * Where children vanish, a child that is quicker than pidfd_open(2) would, and
 * another process might have its number: it has to wait until it is watched.
 */
static int make_leash(int leash[2])
{
	leash[0] = leash[1] = -1;
	return ivi_pidfds() && ivi_children_vanish() ? ivi_pipe(leash, false) :
						       0;
}

static void wait_on_leash(const int leash[2])
{
	char c;

	if (leash[0] < 0)
		return;
	ivi_close(leash[1]);
	ivi_read(leash[0], &c, 1);
	ivi_close(leash[0]);
}

static void unleash(const int leash[2])
{
	if (leash[0] < 0)
		return;
	ivi_write(leash[1], "", 1);
	ivi_close(leash[0]);
	ivi_close(leash[1]);
}

/*
 * As fork(2).  The child knows nothing of our signals from the start, nor of
 * what iv_init() has had ignored.
 */
static pid_t fork_child(const int leash[2], void (*fn)(void *cookie),
			void *cookie)
{
	sigset_t saved;
	pid_t pid;

	ivi_signals_block(&saved);
	pid = ivi_fork();
	if (pid == 0) {
		ivi_signal_forked();
		ivi_unignore_default_signals();
		wait_on_leash(leash);
		ivi_signals_restore(&saved);
		fn(cookie);
		ivi_exit(1);
	}
	ivi_signals_restore(&saved);
	return pid;
}

/* Where it has to wait until it is watched, nobody can wait for it. */
static pid_t start(const int leash[2], bool may_vfork,
		   void (*fn)(void *cookie), void *cookie)
{
	sigset_t saved;
	pid_t pid;

	if (!may_vfork || leash[0] >= 0)
		return fork_child(leash, fn, cookie);
	ivi_signals_block(&saved);
	pid = ivi_vfork(fn, cookie);
	ivi_signals_restore(&saved);
	return pid;
}

static pid_t spawn(struct child *c, bool may_vfork, void (*fn)(void *cookie),
		   void *cookie)
{
	int leash[2];
	pid_t pid;
	int ret = make_leash(leash);

	if (ret < 0)
		return ret;
	ivi_claims_announce();
	pid = start(leash, may_vfork, fn, cookie);
	if (pid > 0) {
		c->interest->pid = pid;
		enter(c);
	}
	ivi_claims_announced();
	unleash(leash);
	return pid;
}

static int spawn_or_leave(struct child *c, bool may_vfork,
			  void (*fn)(void *cookie), void *cookie)
{
	pid_t pid = spawn(c, may_vfork, fn, cookie);

	if (pid > 0)
		return 0;
	detach(c->owner);
	ivi_free(c);
	errno = -pid;
	return -1;
}

/* The child, which may be this thread in all but name, is not cancelled. */
int ivi_wait_exec(struct iv_wait_interest *wait, struct ivi_exec *x,
		  enum ivi_wait_for what,
		  void (*orphaned)(struct iv_wait_interest *wait))
{
	struct child *c = enroll(wait, what);
	int cancel, ret;

	if (c == NULL)
		return -1;
	c->orphaned = orphaned;
	cancel = ivi_cancel_off();
	ret = spawn_or_leave(c, x->flags & IVI_EXEC_VFORK, ivi_exec, x);
	ivi_cancel_restore(cancel);
	return ret;
}

/* True if it is none of ours any more. */
static bool has_ended(struct child *c)
{
	struct ivi_change change;

	ivi_claim_poll(&c->claim, &change);
	return ivi_claim_is_over(&c->claim);
}

/* An iv_wait_any may be faster. */
void ivi_wait_reap(struct iv_wait_interest *wait)
{
	struct child *c = ivi_wait(wait)->child;

	if (c->alive && !has_ended(c)) {
		ivi_child_reap(c->claim.pid, c->claim.pidfd);
		has_ended(c);
	}
	leave(c);
}

IVI_PUBLIC int
iv_wait_interest_register_spawn(struct iv_wait_interest *wait,
				void (*fn)(void *cookie), void *cookie)
{
	static const char name[] = "iv_wait_interest_register_spawn";
	struct child *c;

	check_new(name, wait);
	if (fn == NULL)
		iv_fatal("%s: the function pointer is NULL", name);
	c = enroll(wait, IVI_WAIT_ALL);
	return c != NULL ? spawn_or_leave(c, false, fn, cookie) : -1;
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
static int kill_child(const struct iv_wait_interest *wait, int sig, bool group)
{
	const struct ivi_wait *w = ivi_wait(wait);

	if (w->generation == ivi_fork_generation())
		return ivi_claim_kill(&w->child->claim, sig, group);
	errno = ESRCH;
	return -ESRCH;
}

int ivi_wait_kill_group(const struct iv_wait_interest *wait, int sig)
{
	return kill_child(wait, sig, true);
}

IVI_PUBLIC int iv_wait_interest_kill(const struct iv_wait_interest *wait,
				     int sig)
{
	check_old("iv_wait_interest_kill", wait);
	return kill_child(wait, sig, false);
}
