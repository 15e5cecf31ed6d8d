/* SPDX-License-Identifier: MIT */
/*
 * signal.c - iv_signal: signals as callbacks.
 *
 * The signal handler picks the interests to wake and puts them on their
 * owners' pending lists; each thread has one iv_event_raw that makes its loop
 * work off its list.  Two locks, taken in this order:
 *
 *  - `changing' is held over each change as a whole, so that the disposition
 *    of a signal always agrees with its number of interests;
 *  - `state' covers trees and pending lists.  The signal handler takes it as
 *    well, so whoever holds it has all signals blocked and calls nothing but
 *    our own code (and write(2), to the wake-up descriptor).
 *
 * The handler looks at nothing before it knows that it runs in the process
 * that set all this up, and not in a forked child.
 */
#include <pthread.h>
#include <iv_list.h>
#include "base/compiler.h"
#include "mod/signal.h"
#include "sys/sig.h"
#include "sys/sys.h"

#define REGISTERED	UINT32_C(0x69767367)

/* In each loop that has registered a signal. */
struct signals {
	struct iv_event_raw	wake;	/* registered while count > 0 */
	bool	inherited;	/* over fork(2): of the parent */
	unsigned	count;
	struct iv_list_head	all;
	struct iv_avl_tree	own;	/* interests with THIS_THREAD */
	struct iv_task	rest;	/* of the batch, should a handler not return */
	/* Under the lock `state'. */
	struct iv_list_head	pending;
	struct iv_list_head	batch;	/* those being worked off */
};

/*
 * An interest, in struct iv_signal from `an' on.  `registered' is garbage if
 * a caller has not called IV_SIGNAL_INIT(), or has been compiled when that
 * did nothing.
 */
struct IVI_ALIAS ivi_signal {
	uint32_t	registered;		/* cleared by INIT */
	uint32_t	generation;
	struct iv_avl_node	an;
	struct iv_avl_tree	*tree;		/* that an is in */
	struct iv_list_head	node;		/* in signals.all */
	struct iv_list_head	pending;	/* or empty: not pending */
	struct signals	*owner;
	int		signum;
	bool		exclusive;
};

IVI_OVERLAY(iv_signal, an, ivi_signal)

static struct ivi_spin changing;
static struct ivi_spin state;

static struct ivi_process home;
static struct iv_avl_tree hooks;	/* woken by every signal */
static struct iv_avl_tree shared;

/* Under the lock `changing'. */
static struct {
	unsigned	users;
	unsigned	hooks;		/* among them */
	struct sigaction	old;
} dispositions[IVI_NSIG];

static void state_lock(sigset_t *saved)
{
	ivi_signals_block(saved);
	ivi_spin_lock(&state);
}

static void state_unlock(const sigset_t *saved)
{
	ivi_spin_unlock(&state);
	ivi_signals_restore(saved);
}

/* ---- Who is woken ---------------------------------------------------------- */

static struct ivi_signal *of_node(const struct iv_avl_node *an)
{
	return iv_container_of(an, struct ivi_signal, an);
}

/* By number, the exclusive ones first, then by address. */
static int compare(const struct iv_avl_node *_a, const struct iv_avl_node *_b)
{
	const struct ivi_signal *a = of_node(_a);
	const struct ivi_signal *b = of_node(_b);

	if (a->signum != b->signum)
		return a->signum < b->signum ? -1 : 1;
	if (a->exclusive != b->exclusive)
		return a->exclusive ? -1 : 1;
	if (a != b)
		return (uintptr_t)a < (uintptr_t)b ? -1 : 1;
	return 0;
}

static struct iv_avl_node *first(const struct iv_avl_tree *tree, int signum)
{
	struct iv_avl_node *an = tree->root, *found = NULL;

	while (an != NULL) {
		if (of_node(an)->signum < signum) {
			an = an->right;
		} else {
			found = an;
			an = an->left;
		}
	}
	return found;
}

static void wake(struct ivi_signal *s)
{
	struct signals *owner = s->owner;

	if (!iv_list_empty(&s->pending))
		return;
	if (iv_list_empty(&owner->pending))
		iv_event_raw_post(&owner->wake);
	iv_list_add_tail(&s->pending, &owner->pending);
}

/* True if there was anybody. */
static bool wake_tree(const struct iv_avl_tree *tree, int signum)
{
	struct iv_avl_node *an = first(tree, signum);
	bool found = false;

	while (an != NULL && of_node(an)->signum == signum) {
		wake(of_node(an));
		found = true;
		if (of_node(an)->exclusive)
			break;
		an = iv_avl_tree_next(an);
	}
	return found;
}

static const struct ivi_slot slot;

/*
 * May interrupt a wait in which glibc before 2.41 has a thread cancelled at
 * once, and may be called by a handler that has replaced it and blocks no
 * signals: it sees to both itself.
 */
static void delivered(int signum)
{
	const struct signals *t;
	struct ivi_undisturbed u;
	int err = errno;

	if (ivi_process_is(&home)) {
		t = ivi_slot_peek(&slot);
		ivi_handler_begin(&u);
		ivi_spin_lock(&state);
		wake_tree(&hooks, signum);
		if (t == NULL || !wake_tree(&t->own, signum))
			wake_tree(&shared, signum);
		ivi_spin_unlock(&state);
		ivi_handler_end(&u);
	}
	errno = err;
}

/* ---- The owner's side ------------------------------------------------------- */

static struct ivi_signal *next_of_batch(struct signals *t)
{
	struct ivi_signal *s = NULL;
	sigset_t saved;

	state_lock(&saved);
	if (!iv_list_empty(&t->batch)) {
		s = iv_container_of(t->batch.next, struct ivi_signal, pending);
		iv_list_del_init(&s->pending);
	}
	state_unlock(&saved);
	return s;
}

static void forget_rest(struct signals *t)
{
	if (iv_task_registered(&t->rest))
		iv_task_unregister(&t->rest);
}

static void run_batch(void *_t)
{
	struct signals *t = _t;
	struct ivi_signal *s;

	while ((s = next_of_batch(t)) != NULL) {
		struct iv_signal *sig = ivi_signal_pub(s);

		if (!iv_task_registered(&t->rest))
			iv_task_register(&t->rest);
		sig->handler(sig->cookie);
	}
	forget_rest(t);
}

/* What becomes pending meanwhile waits for the next turn of the loop. */
static void woken(void *_t)
{
	struct signals *t = _t;
	sigset_t saved;

	state_lock(&saved);
	iv_list_splice_tail_init(&t->pending, &t->batch);
	state_unlock(&saved);
	run_batch(t);
}

static int signals_init(void *_t)
{
	struct signals *t = _t;

	t->inherited = false;
	t->count = 0;
	t->wake.cookie = t;
	t->wake.handler = woken;
	INIT_IV_LIST_HEAD(&t->all);
	INIT_IV_AVL_TREE(&t->own, compare);
	INIT_IV_LIST_HEAD(&t->pending);
	INIT_IV_LIST_HEAD(&t->batch);
	IV_TASK_INIT(&t->rest);
	t->rest.cookie = t;
	t->rest.handler = run_batch;
	return 0;
}

/* ---- Dispositions --------------------------------------------------------------- */

/*
 * First use in this process, or in a child of the one it was used in.  Such a
 * child may have caught the parent between `users' and sigaction(2), but not
 * the other way round.
 */
static void settle(void)
{
	sigset_t saved;
	int signum;

	if (ivi_process_is(&home))
		return;
	for (signum = 0; signum < IVI_NSIG; signum++) {
		if (dispositions[signum].users > 0)
			ivi_signal_reset(signum, &dispositions[signum].old);
		dispositions[signum].users = 0;
		dispositions[signum].hooks = 0;
	}
	state_lock(&saved);
	INIT_IV_AVL_TREE(&hooks, compare);
	INIT_IV_AVL_TREE(&shared, compare);
	ivi_process_set(&home);
	state_unlock(&saved);
}

void ivi_signal_forked(void)
{
	ivi_spin_lock(&changing);
	settle();
	ivi_spin_unlock(&changing);
}

static int claim(int signum)
{
	int ret = 0;

	if (dispositions[signum].users++ == 0)
		ret = ivi_signal_install(signum, delivered,
					 &dispositions[signum].old);
	if (ret < 0)
		dispositions[signum].users--;
	return ret;
}

static void disclaim(int signum)
{
	if (dispositions[signum].users == 1)
		ivi_signal_uninstall(signum, delivered,
				     &dispositions[signum].old);
	dispositions[signum].users--;
}

/* ---- Registering ------------------------------------------------------------------ */

static void insert(struct ivi_signal *s)
{
	sigset_t saved;

	state_lock(&saved);
	iv_avl_tree_insert(s->tree, &s->an);
	state_unlock(&saved);
}

/* Passes a call that was due to an exclusive interest on to the next. */
static void delete(struct ivi_signal *s)
{
	sigset_t saved;

	state_lock(&saved);
	iv_avl_tree_delete(s->tree, &s->an);
	if (!iv_list_empty(&s->pending)) {
		iv_list_del(&s->pending);
		if (s->exclusive && !wake_tree(s->tree, s->signum) &&
		    s->tree != &shared)
			wake_tree(&shared, s->signum);
	}
	state_unlock(&saved);
}

static int attach(struct signals *t)
{
	if (t->count == 0 && iv_event_raw_register(&t->wake) < 0)
		return -errno;
	t->count++;
	return 0;
}

static void detach(struct signals *t)
{
	if (--t->count == 0)
		iv_event_raw_unregister(&t->wake);
}

/* The tree first, so that no signal finds the handler but not the interest. */
static int enter(struct ivi_signal *s)
{
	int ret;

	settle();
	ret = attach(s->owner);
	if (ret < 0)
		return ret;
	insert(s);
	ret = claim(s->signum);
	if (ret < 0) {
		delete(s);
		detach(s->owner);
		return ret;
	}
	if (s->tree == &hooks)
		dispositions[s->signum].hooks++;
	return 0;
}

static void leave(struct ivi_signal *s)
{
	ivi_spin_lock(&changing);
	delete(s);
	if (s->tree == &hooks)
		dispositions[s->signum].hooks--;
	disclaim(s->signum);
	detach(s->owner);
	ivi_spin_unlock(&changing);
	iv_list_del(&s->node);
	s->registered = 0;
}

/*
 * In a child that goes on with the loop of its parent.  The inherited wake-up
 * descriptor is the parent's: who reads it here takes a call from there.
 */
static void renew(void *_t)
{
	struct signals *t = _t;

	if (!t->inherited)
		return;
	if (t->count > 0)
		iv_event_raw_unregister(&t->wake);
	forget_rest(t);
	signals_init(t);
}

static void forked(void *_t)
{
	struct signals *t = _t;

	t->inherited = true;
}

static void abandon(void *_t)
{
	struct signals *t = _t;
	struct ivi_wake w = { t->wake.event_rfd.fd, t->wake.event_wfd };

	if (t->count > 0)
		ivi_wake_close(&w);
}

static void signals_fini(void *_t)
{
	struct signals *t = _t;

	renew(t);
	forget_rest(t);
	while (!iv_list_empty(&t->all))
		leave(iv_container_of(t->all.next, struct ivi_signal, node));
}

static void signals_dump(void *_t, int fd)
{
	struct signals *t = _t;
	const struct iv_list_head *lh;

	iv_list_for_each (lh, &t->all) {
		const struct ivi_signal *s =
			iv_container_of(lh, struct ivi_signal, node);
		const struct iv_signal *sig = ivi_signal_pub(s);

		ivi_print(fd, "iv_signal %p: signal %d, %s, cookie %p\n",
			  (const void *)sig, s->signum, IVI_CODE(sig->handler),
			  sig->cookie);
	}
}

static const struct ivi_slot slot = {
	.index	= IVI_SLOT_SIGNAL,
	.size	= sizeof(struct signals),
	.init	= signals_init,
	.fini	= signals_fini,
	.forked	= forked,
	.renew	= renew,
	.abandon = abandon,
	.dump	= signals_dump,
};

static struct signals *signals_get(void)
{
	struct signals *t = ivi_slot_get(&slot);

	if (t != NULL)
		renew(t);
	return t;
}

/* IV_SIGNAL_INIT() may have been called since, or never. */
static bool is_here(const struct signals *t, const struct ivi_signal *s)
{
	const struct iv_list_head *lh;

	if (t == NULL)
		return false;
	iv_list_for_each (lh, &t->all)
		if (lh == &s->node)
			return true;
	return false;
}

static bool is_registered(const struct ivi_signal *s)
{
	return (s->registered == REGISTERED &&
		s->generation == ivi_fork_generation()) ||
	       is_here(ivi_slot_peek(&slot), s);
}

static bool is_catchable(int signum)
{
	switch (signum) {
	case SIGKILL:
	case SIGSTOP:
	case SIGSEGV:
	case SIGBUS:
	case SIGFPE:
	case SIGILL:
		return false;
	default:
		return signum > 0 && signum < IVI_NSIG;
	}
}

static void check(const char *fn, const struct iv_signal *sig)
{
	ivi_require_loop(fn);
	if (sig == NULL)
		iv_fatal("%s: the struct iv_signal pointer is NULL", fn);
}

static int add(struct iv_signal *sig, struct signals *t,
	       struct iv_avl_tree *tree, bool exclusive)
{
	struct ivi_signal *s = ivi_signal(sig);
	int ret;

	s->tree = tree;
	s->owner = t;
	s->signum = sig->signum;
	s->exclusive = exclusive;
	INIT_IV_LIST_HEAD(&s->pending);
	ivi_spin_lock(&changing);
	ret = enter(s);
	ivi_spin_unlock(&changing);
	if (ret < 0) {
		errno = -ret;
		return -1;
	}
	iv_list_add_tail(&s->node, &t->all);
	s->generation = ivi_fork_generation();
	s->registered = REGISTERED;
	return 0;
}

IVI_PUBLIC int iv_signal_register(struct iv_signal *sig)
{
	static const char fn[] = "iv_signal_register";
	struct signals *t;

	check(fn, sig);
	if (is_registered(ivi_signal(sig)))
		iv_fatal("%s: iv_signal %p (signal %d) is already registered",
			 fn, (void *)sig, ivi_signal(sig)->signum);
	if (!is_catchable(sig->signum)) {
		errno = EINVAL;
		return -1;
	}
	if (sig->handler == NULL)
		iv_fatal("%s: iv_signal %p (signal %d) has no handler", fn,
			 (void *)sig, sig->signum);
	t = signals_get();
	if (t == NULL)
		return -1;
	return add(sig, t,
		   sig->flags & IV_SIGNAL_FLAG_THIS_THREAD ? &t->own : &shared,
		   sig->flags & IV_SIGNAL_FLAG_EXCLUSIVE);
}

int ivi_signal_prepare(void)
{
	return signals_get() != NULL ? 0 : -errno;
}

int ivi_signal_register_hook(struct iv_signal *sig)
{
	struct signals *t = signals_get();

	return t != NULL ? add(sig, t, &hooks, false) : -1;
}

void ivi_signal_wake(struct iv_signal *sig)
{
	sigset_t saved;

	state_lock(&saved);
	wake(ivi_signal(sig));
	state_unlock(&saved);
}

bool ivi_signal_is_handled(int signum)
{
	bool handled;

	ivi_spin_lock(&changing);
	settle();
	handled = dispositions[signum].users > 0;
	ivi_spin_unlock(&changing);
	return handled;
}

bool ivi_signal_hooked_over(int signum, struct sigaction *old)
{
	bool over;

	ivi_spin_lock(&changing);
	settle();
	over = dispositions[signum].hooks > 0 &&
	       dispositions[signum].hooks == dispositions[signum].users;
	*old = dispositions[signum].old;
	ivi_spin_unlock(&changing);
	return over;
}

bool ivi_signal_ignored_before(int signum)
{
	bool ignored;

	ivi_spin_lock(&changing);
	settle();
	ignored = dispositions[signum].users > 0 &&
		  ivi_signal_is_ignored(&dispositions[signum].old);
	ivi_spin_unlock(&changing);
	return ignored;
}

IVI_PUBLIC void iv_signal_unregister(struct iv_signal *sig)
{
	static const char fn[] = "iv_signal_unregister";
	struct ivi_signal *s = ivi_signal(sig);
	struct signals *t;

	check(fn, sig);
	t = ivi_slot_peek(&slot);
	if (t != NULL)
		renew(t);
	if (is_here(t, s)) {
		leave(s);
		return;
	}
	if (sig->signum < 0 || sig->signum >= IVI_NSIG)
		iv_fatal("%s: iv_signal %p: there is no signal %d", fn,
			 (void *)sig, sig->signum);
	if (s->registered != REGISTERED)
		iv_fatal("%s: iv_signal %p (signal %d) is not registered", fn,
			 (void *)sig, sig->signum);
	if (is_registered(s))
		iv_fatal("%s: iv_signal %p (signal %d) belongs to another "
			 "thread", fn, (void *)sig, sig->signum);
	/* Inherited over fork(2), where it means nothing. */
	s->registered = 0;
}
