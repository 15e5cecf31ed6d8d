/* SPDX-License-Identifier: MIT */
/*
 * hook.c - handlers around the wait.
 *
 * A round moves each hook of its point from the list of the rest to the end of
 * the others, so the order stays what it was.  One that is registered meanwhile
 * has the number of the round, and is not called in it.  A nested round begins
 * with what the outer one has left, and so does one after a round that was left
 * by longjmp(3).
 */
#include "loop/loop.h"

void ivi_hooks_init(struct ivi_loop *loop)
{
	int i;

	for (i = 0; i < IVI_HOOK_POINTS; i++) {
		INIT_IV_LIST_HEAD(&loop->hooks.list[i].all);
		INIT_IV_LIST_HEAD(&loop->hooks.list[i].rest);
	}
}

void ivi_hooks_forked(struct ivi_loop *loop)
{
	loop->hooks.forked = ivi_hooks_at(&loop->hooks, IV_HOOK_FORK);
}

/* If it was overwritten its node leads nowhere. */
static void call(struct ivi_loop *loop, struct ivi_hook_list *list,
		 struct ivi_hook *h)
{
	struct iv_hook *hook = ivi_hook_pub(h);
	bool is_new = h->round == list->round;

	ivi_check_memory("iv_hook", hook, h->state & ~UINT32_C(0xff),
			 IVI_HOOK_REGISTERED);
	iv_list_del(&h->node);
	iv_list_add_tail(&h->node, &list->all);
	h->round = 0;
	if (!is_new)
		ivi_handler_call(&loop->meter, IVI_PROBE_HOOK, hook,
				 hook->point, hook->handler, hook->cookie);
}

void ivi_hooks_run(struct ivi_loop *loop, int point)
{
	struct ivi_hook_list *list = &loop->hooks.list[point];

	if (!ivi_hooks_at(&loop->hooks, point))
		return;
	if (++list->round == 0)
		list->round = 1;
	iv_list_splice_init(&list->all, &list->rest);
	while (!iv_list_empty(&list->rest))
		call(loop, list, iv_container_of(list->rest.next,
						 struct ivi_hook, node));
}

void ivi_hooks_run_fork(struct ivi_loop *loop)
{
	if (!loop->hooks.forked)
		return;
	loop->hooks.forked = false;
	ivi_hooks_run(loop, IV_HOOK_FORK);
}

/* ---- Those that may touch nothing ------------------------------------------- */

/* What changes if something is registered, unregistered or told. */
struct traces {
	long	holds;
	const struct iv_list_head	*all;
	const struct iv_list_head	*change;
	const struct iv_list_head	*kicked;
	int64_t	soonest;
	uint32_t	hooks;
	unsigned	levels;
	bool	quit;
};

static struct traces traces_of(struct ivi_loop *loop)
{
	return (struct traces){
		.holds = loop->holds,
		.all = loop->poller->all.prev,
		.change = loop->poller->changes.prev,
		.kicked = loop->poller->kicked.prev,
		.soonest = ivi_timerq_soonest(&loop->timers.q),
		.hooks = loop->hooks.changes,
		.levels = loop->run.levels,
		.quit = loop->run.quit,
	};
}

static bool differ(const struct traces *a, const struct traces *b)
{
	return a->holds != b->holds || a->all != b->all ||
	       a->change != b->change || a->kicked != b->kicked ||
	       a->soonest != b->soonest || a->hooks != b->hooks ||
	       a->levels != b->levels || a->quit != b->quit;
}

void ivi_hooks_run_apart(struct ivi_loop *loop, int point)
{
	struct traces before, after;

	if (!ivi_hooks_at(&loop->hooks, point))
		return;
	before = traces_of(loop);
	ivi_hooks_run(loop, point);
	after = traces_of(loop);
	if (differ(&before, &after) || ivi_self() != loop)
		iv_fatal("iv_main: a handler of %s has used the loop, which "
			 "it must not touch", point == IV_HOOK_BLOCK ?
			 "IV_HOOK_BLOCK" : "IV_HOOK_UNBLOCK");
}

/* Whatever its memory says: they are few. */
static bool is_here(const struct ivi_hooks *hs, const struct ivi_hook *h)
{
	int i;

	for (i = 0; i < IVI_HOOK_POINTS; i++)
		if (ivi_on_list(&hs->list[i].all, &h->node) ||
		    ivi_on_list(&hs->list[i].rest, &h->node))
			return true;
	return false;
}

/* ---- Public ------------------------------------------------------------------- */

IVI_PUBLIC int iv_hook_register(struct iv_hook *hook)
{
	static const char fn[] = "iv_hook_register";
	struct ivi_loop *loop = ivi_loop_of_caller(fn);
	struct ivi_hooks *hs = &loop->hooks;
	struct ivi_hook_list *list;
	struct ivi_hook *h = ivi_hook(hook);

	ivi_check_object(fn, "iv_hook", hook);
	ivi_check_new(fn, "iv_hook", hook, h->state,
		      IVI_HOOK_REGISTERED | (uint32_t)hook->point);
	if (is_here(hs, h))
		ivi_bad_new(fn, "iv_hook", hook, true);
	ivi_check_handler(fn, "iv_hook", hook, hook->handler);
	if (hook->point <= 0 || hook->point >= IVI_HOOK_POINTS)
		iv_fatal("%s: there is no point %d [iv_hook %p]", fn,
			 hook->point, (void *)hook);
	list = &hs->list[hook->point];
	h->owner = loop;
	h->state = IVI_HOOK_REGISTERED | (uint32_t)hook->point;
	h->round = list->round;
	iv_list_add_tail(&h->node, iv_list_empty(&list->rest) ?
			 &list->all : &list->rest);
	hs->used |= 1U << hook->point;
	hs->changes++;
	if (hook->point == IV_HOOK_IDLE)
		ivi_hold(loop);
	ivi_run_regard(loop);
	return 0;
}

IVI_PUBLIC void iv_hook_unregister(struct iv_hook *hook)
{
	static const char fn[] = "iv_hook_unregister";
	struct ivi_loop *loop = ivi_loop_of_caller(fn);
	struct ivi_hooks *hs = &loop->hooks;
	struct ivi_hook *h = ivi_hook(hook);
	unsigned point;

	ivi_check_object(fn, "iv_hook", hook);
	point = h->state & 0xff;
	ivi_check_old(fn, "iv_hook", hook, h->state - point,
		      IVI_HOOK_REGISTERED);
	ivi_check_owner(fn, "iv_hook", hook, loop, h->owner);
	h->state = 0;
	hs->changes++;
	iv_list_del(&h->node);
	if (iv_list_empty(&hs->list[point].all) &&
	    iv_list_empty(&hs->list[point].rest))
		hs->used &= ~(1U << point);
	if (point == IV_HOOK_IDLE)
		ivi_release(loop);
	ivi_run_regard(loop);
}

IVI_PUBLIC int iv_hook_registered(const struct iv_hook *hook)
{
	ivi_check_object("iv_hook_registered", "iv_hook", hook);
	return (ivi_hook(hook)->state & ~UINT32_C(0xff)) ==
	       IVI_HOOK_REGISTERED;
}
