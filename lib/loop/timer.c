/* SPDX-License-Identifier: MIT */
/*
 * timer.c - timers.
 *
 * What is due is settled before the first handler runs: a timer registered
 * meanwhile, even in the past, waits for the next turn.
 */
#include "loop/loop.h"

void ivi_timers_init(struct ivi_loop *loop)
{
	ivi_timerq_init(&loop->timers.q);
}

int64_t ivi_timers_soonest(struct ivi_loop *loop)
{
	return ivi_timerq_soonest(&loop->timers.q);
}

void ivi_timers_run(struct ivi_loop *loop)
{
	struct ivi_timerq *q = &loop->timers.q;
	struct iv_list_head *lh;
	int64_t soonest = ivi_timerq_soonest(q), now;

	if (soonest == IVI_NEVER)
		return;
	now = ivi_ts_to_ns(ivi_now_get(&loop->now));
	if (soonest > now)
		return;
	ivi_timerq_begin(q, now);
	while ((lh = ivi_timerq_next(q)) != NULL) {
		struct ivi_timer *t = iv_container_of(lh, struct ivi_timer,
						      node);
		struct iv_timer *timer = ivi_timer_pub(t);

		ivi_check_memory("iv_timer", timer, t->state,
				 IVI_TIMER_REGISTERED);
		t->state = 0;
		ivi_release(loop);
		timer->handler(timer->cookie);
	}
}

void ivi_timers_leftovers(struct ivi_loop *loop)
{
	struct iv_list_head *lh;

	ivi_timerq_begin(&loop->timers.q, INT64_MAX);
	while ((lh = ivi_timerq_next(&loop->timers.q)) != NULL) {
		const struct iv_timer *timer = ivi_timer_pub(
			iv_container_of(lh, struct ivi_timer, node));

		ivi_note("iv_deinit: iv_timer %p is still registered "
			 "[handler %p]", (const void *)timer,
			 (const void *)(uintptr_t)timer->handler);
	}
}

/* ---- Public --------------------------------------------------------------- */

IVI_PUBLIC void IV_TIMER_INIT(struct iv_timer *timer)
{
	ivi_check_object("IV_TIMER_INIT", "iv_timer", timer);
	ivi_timer(timer)->state = 0;
}

/* Apart, so that most calls need not save registers. */
static __attribute__((noinline)) void insert(struct ivi_loop *loop,
					     struct ivi_timer *t)
{
	const struct ivi_now *now = &loop->now;

	ivi_timerq_insert(&loop->timers.q, &t->node,
			  now->valid ? ivi_ts_to_ns(&now->value) : -1);
}

IVI_PUBLIC void iv_timer_register(struct iv_timer *timer)
{
	static const char fn[] = "iv_timer_register";
	struct ivi_loop *loop = ivi_loop_of_caller(fn);
	struct ivi_timer *t = ivi_timer(timer);

	ivi_check_object(fn, "iv_timer", timer);
	ivi_check_new(fn, "iv_timer", timer, t->state, IVI_TIMER_REGISTERED);
	ivi_check_handler(fn, "iv_timer", timer, timer->handler);
	t->owner = loop;
	t->state = IVI_TIMER_REGISTERED;
	ivi_hold(loop);
	if (!ivi_timerq_try_insert(&loop->timers.q, &t->node))
		insert(loop, t);
}

IVI_PUBLIC void iv_timer_unregister(struct iv_timer *timer)
{
	static const char fn[] = "iv_timer_unregister";
	struct ivi_loop *loop = ivi_loop_of_caller(fn);
	struct ivi_timer *t = ivi_timer(timer);

	ivi_check_object(fn, "iv_timer", timer);
	ivi_check_old(fn, "iv_timer", timer, t->state, IVI_TIMER_REGISTERED);
	ivi_check_owner(fn, "iv_timer", timer, loop, t->owner);
	t->state = 0;
	ivi_timerq_remove(&loop->timers.q, &t->node);
	ivi_release(loop);
}

IVI_PUBLIC int iv_timer_registered(const struct iv_timer *timer)
{
	ivi_check_object("iv_timer_registered", "iv_timer", timer);
	return ivi_timer(timer)->state == IVI_TIMER_REGISTERED;
}
