/* SPDX-License-Identifier: MIT */
/*
 * tick.c - iv_tick: a timer that is armed anew before its handler runs, from
 * the time at which it was due.
 */
#include <limits.h>
#include <iv_tick.h>
#include "base/compiler.h"
#include "base/timespec.h"
#include "sys/sys.h"

#define REGISTERED	UINT32_C(0x6976746b)

struct IVI_ALIAS ivi_tick {
	struct ivi_loop	*owner;
	uint32_t	state;	/* 0 or REGISTERED */
};

IVI_OVERLAY(iv_tick, pad, ivi_tick)

static void check(const char *fn, const struct iv_tick *tick)
{
	if (tick == NULL)
		iv_fatal("%s: the struct iv_tick pointer is NULL", fn);
}

static int64_t interval_of(const char *fn, const struct iv_tick *tick)
{
	int64_t interval = ivi_ts_to_ns(&tick->interval);

	if (interval <= 0)
		iv_fatal("%s: iv_tick %p: the interval is not above 0", fn,
			 (const void *)tick);
	return interval;
}

static void arm(struct iv_tick *tick, int64_t from, int64_t interval)
{
	int64_t at;

	if (__builtin_add_overflow(from, interval, &at))
		at = IVI_NEVER;
	tick->timer.expires = ivi_ns_to_ts(at);
	iv_timer_register(&tick->timer);
}

static void beat(void *_tick)
{
	struct iv_tick *tick = _tick;
	int64_t interval = interval_of("iv_main", tick),
		due = ivi_ts_to_ns(&tick->timer.expires),
		late = ivi_ns_left(ivi_ts_to_ns(&iv_now), due),
		missed = late / interval;

	if (ivi_tick(tick)->state != REGISTERED)
		iv_fatal("iv_main: iv_tick %p was freed or overwritten while it "
			 "was registered", (void *)tick);
	arm(tick, due + missed * interval, interval);
	tick->missed = (uint64_t)missed < ULONG_MAX ? (unsigned long)missed :
						      ULONG_MAX;
	tick->handler(tick->cookie);
}

static void start(const char *fn, struct iv_tick *tick)
{
	arm(tick, ivi_clock_ns(), interval_of(fn, tick));
}

IVI_PUBLIC int iv_tick_register(struct iv_tick *tick)
{
	static const char fn[] = "iv_tick_register";
	struct ivi_tick *t = ivi_tick(tick);

	ivi_require_loop(fn);
	check(fn, tick);
	if (t->state == REGISTERED)
		iv_fatal("%s: iv_tick %p is already registered", fn,
			 (void *)tick);
	if (tick->handler == NULL)
		iv_fatal("%s: iv_tick %p has no handler", fn, (void *)tick);
	IV_TIMER_INIT(&tick->timer);
	tick->timer.cookie = tick;
	tick->timer.handler = beat;
	start(fn, tick);
	t->owner = ivi_self();
	t->state = REGISTERED;
	return 0;
}

static void check_registered(const char *fn, const struct iv_tick *tick)
{
	ivi_require_loop(fn);
	check(fn, tick);
	if (ivi_tick(tick)->state != REGISTERED)
		iv_fatal("%s: iv_tick %p is not registered", fn,
			 (const void *)tick);
	if (ivi_tick(tick)->owner != ivi_self())
		iv_fatal("%s: iv_tick %p belongs to another loop", fn,
			 (const void *)tick);
}

IVI_PUBLIC void iv_tick_unregister(struct iv_tick *tick)
{
	check_registered("iv_tick_unregister", tick);
	iv_timer_unregister(&tick->timer);
	ivi_tick(tick)->state = 0;
}

IVI_PUBLIC int iv_tick_registered(const struct iv_tick *tick)
{
	check("iv_tick_registered", tick);
	return ivi_tick(tick)->state == REGISTERED;
}

IVI_PUBLIC void iv_tick_again(struct iv_tick *tick)
{
	static const char fn[] = "iv_tick_again";

	check_registered(fn, tick);
	iv_timer_unregister(&tick->timer);
	start(fn, tick);
}
