/* SPDX-License-Identifier: MIT */
/*
 * wait_any.c - iv_wait_any: children that nobody waits for.
 *
 * One look takes what has ended, a batch at a time, upon a SIGCHLD.  Children
 * that have interests get their status by their claims.
 */
#include <errno.h>
#include "base/compiler.h"
#include "base/timespec.h"
#include "mod/claim.h"
#include "mod/signal.h"
#include "mod/wait.h"
#include "sys/sig.h"
#include "sys/sys.h"

#define REGISTERED	UINT32_C(0x69767761)

/* So many in a row, then others have their turn. */
#define BATCH		100

/* For so long, in nanoseconds, a fork has to come to its end, and a kernel that
   would not say who has died is left alone. */
#define LATER		INT64_C(1000000)
#define MUCH_LATER	INT64_C(100000000)

struct IVI_ALIAS ivi_wait_any {
	uint32_t	registered;
	uint32_t	generation;
};

IVI_OVERLAY(iv_wait_any, pad, ivi_wait_any)

/* In the loop that has registered one. */
struct any {
	struct iv_wait_any	*any;	/* or NULL */
	unsigned	generation;	/* of the process that has it */
	struct iv_signal	sigchld;
	struct iv_task	look;
	struct iv_timer	later;
};

/* Atomic: the fork generation of the process that has one, or 0. */
static unsigned taken;

bool ivi_wait_any_is_taken(void)
{
	return __atomic_load_n(&taken, __ATOMIC_RELAXED) ==
	       ivi_fork_generation();
}

static bool take(void)
{
	unsigned seen = __atomic_load_n(&taken, __ATOMIC_RELAXED);
	unsigned me = ivi_fork_generation();

	return seen != me &&
	       __atomic_compare_exchange_n(&taken, &seen, me, false,
					   __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static bool is_registered(const struct iv_wait_any *any)
{
	const struct ivi_wait_any *w = ivi_wait_any(any);

	return w->registered == REGISTERED &&
	       w->generation == ivi_fork_generation();
}

/* ---- Looking ------------------------------------------------------------------- */

/* Of the loop of the process that has forked this one, it means nothing. */
static bool is_live(const struct any *t)
{
	return t->any != NULL && is_registered(t->any);
}

/* Of this process, and it does not say so any more. */
static bool is_broken(const struct any *t)
{
	return t->any != NULL && t->generation == ivi_fork_generation() &&
	       !is_registered(t->any);
}

static int tell_one(struct any *t)
{
	struct ivi_change change;
	pid_t pid;
	int ret = ivi_claims_reap(&pid, &change);

	if (ret > 0)
		t->any->handler(t->any->cookie, pid, change.status,
				change.has_usage ? &change.usage : NULL);
	return ret;
}

static void look(void *_t)
{
	struct any *t = _t;
	int n, ret = 1;

	if (is_broken(t))
		iv_fatal("iv_main: iv_wait_any %p was freed or overwritten "
			 "while it was registered", (void *)t->any);
	if (!is_live(t))
		return;
	/* The handler need not return. */
	if (!iv_task_registered(&t->look))
		iv_task_register(&t->look);
	for (n = 0; n < BATCH && ret > 0 && is_live(t); n++)
		ret = tell_one(t);
	if (!is_live(t))
		return;
	if (ret <= 0 && iv_task_registered(&t->look))
		iv_task_unregister(&t->look);
	if (ret < 0 && !iv_timer_registered(&t->later)) {
		t->later.expires = ivi_ns_to_ts(ivi_clock_ns() +
						(ret == -EAGAIN ? LATER :
						 MUCH_LATER));
		iv_timer_register(&t->later);
	}
}

/* ---- State ----------------------------------------------------------------------- */

static int any_init(void *_t)
{
	struct any *t = _t;
	int ret = ivi_signal_prepare();

	if (ret < 0)
		return ret;
	ivi_claims_enter();
	t->sigchld.signum = SIGCHLD;
	t->sigchld.cookie = t;
	t->sigchld.handler = look;
	IV_TASK_INIT(&t->look);
	t->look.cookie = t;
	t->look.handler = look;
	IV_TIMER_INIT(&t->later);
	t->later.cookie = t;
	t->later.handler = look;
	return 0;
}

/* Where SIGCHLD is ignored no zombies are left that would be none but for us. */
static void leave_children(struct any *t)
{
	bool strangers = ivi_strangers_vanish();

	ivi_claims_wake(NULL);
	iv_signal_unregister(&t->sigchld);
	__atomic_store_n(&taken, 0, __ATOMIC_RELAXED);
	if (strangers)
		ivi_let_strangers_vanish();
}

static void stop(struct any *t)
{
	if (is_live(t))
		leave_children(t);
	if (iv_task_registered(&t->look))
		iv_task_unregister(&t->look);
	if (iv_timer_registered(&t->later))
		iv_timer_unregister(&t->later);
	ivi_wait_any(t->any)->registered = 0;
	t->any = NULL;
}

static void any_fini(void *_t)
{
	struct any *t = _t;

	if (t->any != NULL)
		stop(t);
	ivi_claims_leave();
}

static void any_abandon(void *unused)
{
	(void)unused;
	ivi_claims_leave();
}

static void any_dump(void *_t, int fd)
{
	struct any *t = _t;

	if (t->any != NULL)
		ivi_print(fd, "iv_wait_any %p: %s, cookie %p\n",
			  (void *)t->any, IVI_CODE(t->any->handler),
			  t->any->cookie);
}

/* In a forked child an inherited one may be gone. */
static const char *any_verify(void *_t, long *objects)
{
	struct any *t = _t;

	if (t->any == NULL)
		return iv_task_registered(&t->look) ||
		       iv_timer_registered(&t->later) ?
		       "looks at children for no iv_wait_any" : NULL;
	++*objects;
	return !is_broken(t) ? NULL :
	       "has an iv_wait_any that was freed or overwritten while it was "
	       "registered";
}

static const struct ivi_slot slot = {
	.index	= IVI_SLOT_WAIT_ANY,
	.size	= sizeof(struct any),
	.init	= any_init,
	.fini	= any_fini,
	.abandon = any_abandon,
	.dump	= any_dump,
	.verify	= any_verify,
};

/* ---- Registering ------------------------------------------------------------------- */

static void check(const char *fn, const struct iv_wait_any *any)
{
	if (any == NULL)
		iv_fatal("%s: the struct iv_wait_any pointer is NULL", fn);
}

static int start(struct any *t, struct iv_wait_any *any)
{
	struct ivi_wait_any *w = ivi_wait_any(any);

	if (ivi_signal_register_hook(&t->sigchld) < 0)
		return -1;
	w->registered = REGISTERED;
	w->generation = ivi_fork_generation();
	t->any = any;
	t->generation = w->generation;
	ivi_claims_wake(&t->sigchld);
	if (!iv_task_registered(&t->look))
		iv_task_register(&t->look);
	return 0;
}

IVI_PUBLIC int iv_wait_any_register(struct iv_wait_any *any)
{
	static const char fn[] = "iv_wait_any_register";
	struct any *t;

	ivi_require_loop(fn);
	check(fn, any);
	if (any->handler == NULL)
		iv_fatal("%s: iv_wait_any %p has no handler", fn, (void *)any);
	t = ivi_slot_get(&slot);
	if (t == NULL)
		return -1;
	if (is_registered(any) || (t->any == any && is_broken(t)))
		iv_fatal("%s: iv_wait_any %p is already registered", fn,
			 (void *)any);
	if (!take()) {
		errno = EBUSY;
		return -1;
	}
	if (start(t, any) == 0)
		return 0;
	__atomic_store_n(&taken, 0, __ATOMIC_RELAXED);
	return -1;
}

IVI_PUBLIC void iv_wait_any_unregister(struct iv_wait_any *any)
{
	static const char fn[] = "iv_wait_any_unregister";
	struct any *t;

	ivi_require_loop(fn);
	check(fn, any);
	if (ivi_wait_any(any)->registered != REGISTERED)
		iv_fatal("%s: iv_wait_any %p is not registered", fn,
			 (void *)any);
	t = ivi_slot_peek(&slot);
	if (t != NULL && t->any == any)
		stop(t);
	else if (is_registered(any))
		iv_fatal("%s: iv_wait_any %p belongs to another thread", fn,
			 (void *)any);
	else
		ivi_wait_any(any)->registered = 0;
}

IVI_PUBLIC int iv_wait_any_registered(const struct iv_wait_any *any)
{
	check("iv_wait_any_registered", any);
	return is_registered(any);
}
