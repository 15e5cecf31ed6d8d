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

void ivi_timerq_broken(const struct iv_list_head *timer)
{
	ivi_bad_memory("iv_timer", ivi_timer_pub(
		iv_container_of(timer, struct ivi_timer, node)));
}

/* Slack is for those that become due, not for those that are when they are
   registered: by the clock, which iv_now may be behind. */
static __attribute__((noinline))
int64_t limit_with_slack(const struct ivi_loop *loop, int64_t soonest)
{
	const struct ivi_timers *ts = &loop->timers;

	if (soonest <= ts->q.limit || soonest == IVI_NEVER ||
	    soonest <= ivi_clock_ns())
		return soonest;
	return ivi_ns_add(soonest, ts->slack);
}

int64_t ivi_timers_limit(struct ivi_loop *loop)
{
	int64_t soonest = ivi_timerq_soonest(&loop->timers.q);

	return ivi_likely(loop->timers.slack == 0) ? soonest :
	       limit_with_slack(loop, soonest);
}

/* Debug builds: points of time are seldom half of all time past, intervals
   are.  One that is early has been given another time where it stood. */
static void look_at(const struct ivi_loop *loop, const struct iv_timer *timer)
{
	static bool noted;
	int64_t now = loop->timers.q.limit, at = ivi_ts_to_ns(&timer->expires);

	if (at > now)
		iv_fatal("iv_main: `expires' of iv_timer %p was changed while "
			 "it was registered", (const void *)timer);
	if (at > 0 && at < now / 2 && now - at > 60 * IVI_SEC &&
	    !__atomic_exchange_n(&noted, true, __ATOMIC_RELAXED))
		ivi_note("iv_main: iv_timer %p was due %lld s ago: `expires' is "
			 "a point of time, not an interval [handler %p]",
			 (const void *)timer, (long long)((now - at) / IVI_SEC),
			 (const void *)(uintptr_t)timer->handler);
}

static __attribute__((noinline))
void run_due(struct ivi_loop *loop, int64_t soonest)
{
	struct ivi_timerq *q = &loop->timers.q;
	struct iv_list_head *lh;
	int64_t now = ivi_ts_to_ns(ivi_now_get(&loop->now));

	if (soonest > now)
		return;
	loop->timers.rounds++;
	ivi_timerq_begin(q, now);
	while ((lh = ivi_timerq_next(q)) != NULL) {
		struct ivi_timer *t = iv_container_of(lh, struct ivi_timer,
						      node);
		struct iv_timer *timer = ivi_timer_pub(t);
		int64_t at = ivi_timerq_deadline(lh);

		ivi_check_memory("iv_timer", timer, t->state,
				 IVI_TIMER_REGISTERED);
		if (IVI_DEBUGGING)
			look_at(loop, timer);
		t->state = 0;
		ivi_release(loop);
		loop->timers.calls++;
		ivi_meter_due(&loop->meter, at, now);
		ivi_handler_call(&loop->meter, IVI_PROBE_TIMER, timer,
				 ivi_ns_left(now, at), timer->handler,
				 timer->cookie);
	}
}

void ivi_timers_run(struct ivi_loop *loop)
{
	int64_t soonest = ivi_timerq_soonest(&loop->timers.q);

	if (soonest != IVI_NEVER)
		run_due(loop, soonest);
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

static inline void enqueue(struct ivi_loop *loop, struct ivi_timer *t)
{
	if (!ivi_timerq_try_insert(&loop->timers.q, &t->node))
		insert(loop, t);
}

/* All that makes it registered, but for its place in the queue. */
static inline void enter(const char *fn, struct ivi_loop *loop,
			 struct iv_timer *timer)
{
	struct ivi_timer *t = ivi_timer(timer);

	ivi_check_new(fn, "iv_timer", timer, t->state, IVI_TIMER_REGISTERED);
	ivi_check_handler(fn, "iv_timer", timer, timer->handler);
	t->owner = loop;
	t->state = IVI_TIMER_REGISTERED;
	ivi_hold(loop);
}

IVI_PUBLIC void iv_timer_register(struct iv_timer *timer)
{
	static const char fn[] = "iv_timer_register";
	struct ivi_loop *loop = ivi_loop_of_caller(fn);

	ivi_check_object(fn, "iv_timer", timer);
	enter(fn, loop, timer);
	enqueue(loop, ivi_timer(timer));
}

/* Registers it for then, or moves it there, behind those of that time. */
static void set_expires(const char *fn, struct ivi_loop *loop,
			struct iv_timer *timer, struct timespec at)
{
	struct ivi_timer *t = ivi_timer(timer);

	if (t->state == IVI_TIMER_REGISTERED) {
		ivi_check_owner(fn, "iv_timer", timer, loop, t->owner);
		ivi_timerq_remove(&loop->timers.q, &t->node);
	} else {
		enter(fn, loop, timer);
	}
	timer->expires = at;
	enqueue(loop, t);
}

IVI_PUBLIC void iv_timer_set_expires(struct iv_timer *timer,
				     const struct timespec *at)
{
	static const char fn[] = "iv_timer_set_expires";
	struct ivi_loop *loop = ivi_loop_of_caller(fn);

	ivi_check_object(fn, "iv_timer", timer);
	ivi_check_object(fn, "timespec", at);
	set_expires(fn, loop, timer, *at);
}

IVI_PUBLIC void iv_timer_set_after(struct iv_timer *timer, time_t sec,
				   long nsec)
{
	static const char fn[] = "iv_timer_set_after";
	struct ivi_loop *loop = ivi_loop_of_caller(fn);
	const struct timespec interval = { sec, nsec };
	int64_t left = ivi_ts_to_ns(&interval);
	int64_t at = ivi_ns_add(ivi_clock_ns(), left);

	ivi_check_object(fn, "iv_timer", timer);
	set_expires(fn, loop, timer, ivi_ns_to_ts(at > 0 ? at : 0));
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

IVI_PUBLIC void iv_set_timer_slack(const struct timespec *slack)
{
	static const char fn[] = "iv_set_timer_slack";
	struct ivi_loop *loop = ivi_loop_of_caller(fn);
	int64_t ns;

	ivi_check_object(fn, "timespec", slack);
	ns = ivi_ts_to_ns(slack);
	if (ns < 0)
		iv_fatal("%s: negative: %lld s %ld ns", fn,
			 (long long)slack->tv_sec, (long)slack->tv_nsec);
	/* Half of all time, so that a sum with it is not IVI_NEVER. */
	loop->timers.slack = ns < IVI_NEVER / 2 ? ns : IVI_NEVER / 2;
}
