/* SPDX-License-Identifier: MIT */
/*
 * alarms.c - commands that have to do with alarms and with the clocks that are
 * set.
 *
 * What the library registers for them (a timer for each that is due, and for
 * each clock a timer, a task and, where there is one, a descriptor) is diverted:
 * the model knows when a clock is looked at, and what has to come of that.
 */
#include <errno.h>
#include <stdlib.h>
#include <iv_alarm.h>
#include <iv_hook.h>
#include "model/world.h"

#define ALARM(a)	((int)((a) % ALARMS))
#define SEC	INT64_C(1000000000)
#define JUMP	SEC		/* that much is a clock that was set */

enum kind { ONCE, REPEATED, ASKED };

static struct iv_alarm *alarms[ALARMS];
static unsigned lives[ALARMS];

static struct alarm {
	bool	registered;
	int	clock;
	enum kind	kind;
	int64_t	at, interval, next;
} model_of[ALARMS];

/* Of each clock. */
static struct {
	void	*cookie;	/* by which the library knows it, once seen */
	bool	watched;	/* by a descriptor */
	bool	changed;	/* since the last look */
	int64_t	ahead;		/* at the last look */
} clocks[CLOCKS];

static bool was_due[ALARMS];	/* before the look in progress */
static bool used;		/* in this loop */
static int inside;		/* the library's file for alarms is at work:
				   1 + the clock, or 1 + CLOCKS */

/* ---- Times ----------------------------------------------------------------------------- */

static struct timespec ts_of(int64_t ns)
{
	return (struct timespec){ (time_t)(ns / SEC), (long)(ns % SEC) };
}

static int64_t ns_of(const struct timespec *ts)
{
	return ts->tv_sec * SEC + ts->tv_nsec;
}

static int64_t next_of(const struct alarm *m)
{
	int64_t now = ground_clock_shows(m->clock);

	if (m->kind == ASKED)
		return now + m->interval;
	return m->kind == ONCE || m->at > now ? m->at :
	       now + m->interval - (now - m->at) % m->interval;
}

static int64_t ahead(int k)
{
	return ground_clock_shows(k) - ground_clock_shows(BOOTTIME);
}

static bool was_set(int k)
{
	int64_t by = ahead(k) - clocks[k].ahead;

	return by >= JUMP || by <= -JUMP;
}

static bool is_due(int i)
{
	return M.timer[TIMER_ALARM + i].registered;
}

static bool is_waiting(int i, int k)
{
	return model_of[i].registered && model_of[i].clock == k && !is_due(i);
}

static bool any_waiting(int k)
{
	FOR(i, ALARMS)
		if (is_waiting(i, k))
			return true;
	return false;
}

static void check_next(int i)
{
	int64_t next = ns_of(&alarms[i]->next);

	if (next != model_of[i].next)
		world_fail("alarm %d is for %lld, not %lld", i,
			   (long long)next, (long long)model_of[i].next);
}

/* The loop has slept since BEGUN. */
void alarms_check_sleep(int64_t begun, int64_t late)
{
	FOR(i, ALARMS) {
		const struct alarm *m = &model_of[i];
		int64_t past = ground_clock_shows(m->clock) - late - m->next;

		if (!is_waiting(i, m->clock) || past <= 0 ||
		    (clocks[m->clock].changed && !clocks[m->clock].watched))
			continue;
		if (ground_clock() - late > begun)
			world_fail("the loop slept though alarm %d is due", i);
	}
}

/* ---- Looks ------------------------------------------------------------------------------ */

static void looks(void)
{
	FOR(i, ALARMS)
		was_due[i] = is_due(i);
}

/* What has passed is due now, and what repeats is computed anew if the clock was
   set.  K was looked at: the library has done the same. */
static void looked(int k)
{
	bool set = was_set(k);

	clocks[k].ahead = ahead(k);
	clocks[k].changed = false;
	FOR(i, ALARMS) {
		struct alarm *m = &model_of[i];

		if (!m->registered || m->clock != k)
			continue;
		if (set && m->kind != ONCE && !was_due[i])
			m->next = next_of(m);
		check_next(i);
		expect(was_due[i] || is_due(i) ==
		       (m->next <= ground_clock_shows(k)),
		       "alarm found due", i);
	}
}

static void (*look)(void *), (*told)(void *), (*woken)(void *),
	(*fire)(void *);

static int clock_of(void *cookie)
{
	int k = 0;

	while (k < CLOCKS && clocks[k].cookie != cookie)
		k++;
	if (k == CLOCKS) {
		k = inside - 1;
		expect(k < CLOCKS && clocks[k].cookie == NULL,
		       "an unknown clock", k);
		clocks[k].cookie = cookie;
	}
	return k;
}

static void look_inside(void (*fn)(void *), void *cookie, int k)
{
	looks();
	inside = 1 + k;
	fn(cookie);
	inside = 0;
	looked(k);
}

static void guard_due(void *c)
{
	int k = clock_of(c);

	world_say("-> guard of clock %d", k);
	model_called(CALL_TIMER, TIMER_GUARD + k, 0);
	model_timer_unregister(TIMER_GUARD + k);
	look_inside(look, c, k);
	model_done();
}

static void change_seen(void *c)
{
	int k = clock_of(c);

	world_say("-> look at clock %d", k);
	model_called(CALL_TASK, TASK_CLOCK + k, 0);
	look_inside(look, c, k);
	model_done();
}

static void clock_tells(void *c)
{
	int k = clock_of(c);

	world_say("-> clock %d tells", k);
	model_called(CALL_CLOCK, k, 0);
	look_inside(told, c, k);
	model_done();
}

static bool wants_look(int k)
{
	FOR(i, ALARMS)
		if (is_waiting(i, k) &&
		    (was_set(k) ||
		     model_of[i].next <= ground_clock_shows(k)))
			return true;
	return false;
}

/* After each wait. */
static void clocks_passed(void *s)
{
	bool seen[CLOCKS];

	model_called(CALL_LOOK, 0, 0);
	looks();
	FOR(k, CLOCKS)
		seen[k] = !clocks[k].watched && wants_look(k);
	inside = 1 + CLOCKS;
	woken(s);
	inside = 0;
	FOR(k, CLOCKS)
		if (seen[k])
			looked(k);
	model_done();
}

/* ---- Handlers ---------------------------------------------------------------------------- */

static int alarm_of(const struct iv_timer *timer)
{
	int i = 0;

	while (i < ALARMS && timer != &alarms[i]->timer)
		i++;
	return i;
}

static void alarm_fires(void *a)
{
	int i = alarm_of(&((struct iv_alarm *)a)->timer);

	model_called(CALL_TIMER, TIMER_ALARM + i, 0);
	model_timer_unregister(TIMER_ALARM + i);
	model_of[i].registered = model_of[i].kind != ONCE;
	M.alarms -= !model_of[i].registered;
	if (model_of[i].registered)
		model_of[i].next = next_of(&model_of[i]);
	inside = 1 + model_of[i].clock;
	fire(a);
	expect(inside == 0, "alarm not called", i);
}

static void alarm_run(void *c)
{
	int i = (int)((uintptr_t)c & 0xff);

	inside = 0;
	expect(c == cookie(i, lives[i]), "the cookie of an alarm", i);
	world_calls++;
	world_say("-> alarm %d", i);
	check_next(i);
	expect(!!iv_alarm_registered(alarms[i]) == model_of[i].registered,
	       "iv_alarm_registered()", i);
	finish();
}

static void reschedule(void *c, const struct timespec *now,
		       struct timespec *next)
{
	int i = (int)((uintptr_t)c & 0xff);

	expect(ns_of(now) == ground_clock_shows(model_of[i].clock),
	       "the time that an alarm is told", i);
	*next = ts_of(ns_of(now) + model_of[i].interval);
}

/* ---- What the library registers ------------------------------------------------------------ */

static void divert(void (**theirs)(void *), void (*ours)(void *),
		   void (**kept)(void *))
{
	if (*theirs != ours)
		*kept = *theirs;
	*theirs = ours;
}

bool alarms_timer_registers(struct iv_timer *timer)
{
	int i = alarm_of(timer), k;

	if (inside == 0)
		return false;
	if (i < ALARMS) {
		divert(&timer->handler, alarm_fires, &fire);
		model_timer_register(TIMER_ALARM + i, ns_of(&timer->expires));
		return true;
	}
	k = clock_of(timer->cookie);
	divert(&timer->handler, guard_due, &look);
	model_timer_register(TIMER_GUARD + k, ns_of(&timer->expires));
	return true;
}

void __real_iv_timer_unregister(struct iv_timer *timer);
void __wrap_iv_timer_unregister(struct iv_timer *timer);

void __wrap_iv_timer_unregister(struct iv_timer *timer)
{
	int i = alarm_of(timer);

	if (listen_timer_unregisters(timer) ||
	    paths_timer_unregisters(timer) ||
	    programs_timer_unregisters(timer))
		;
	else if (inside != 0 && i < ALARMS)
		model_timer_unregister(TIMER_ALARM + i);
	else if (inside != 0)
		model_timer_unregister(TIMER_GUARD + clock_of(timer->cookie));
	__real_iv_timer_unregister(timer);
}

void __real_iv_task_register(struct iv_task *task);
void __wrap_iv_task_register(struct iv_task *task);

void __wrap_iv_task_register(struct iv_task *task)
{
	if (!any_task_registers(task) && !paths_task_registers(task) &&
	    inside != 0) {
		model_task_register(TASK_CLOCK + clock_of(task->cookie));
		divert(&task->handler, change_seen, &look);
	}
	__real_iv_task_register(task);
}

int __real_iv_hook_register(struct iv_hook *hook);
int __wrap_iv_hook_register(struct iv_hook *hook);

int __wrap_iv_hook_register(struct iv_hook *hook)
{
	if (inside != 0)
		divert(&hook->handler, clocks_passed, &woken);
	return __real_iv_hook_register(hook);
}

void alarms_divert(struct iv_fd *fd)
{
	if (inside == 0)
		return;
	clocks[clock_of(fd->cookie)].watched = true;
	divert(&fd->handler_in, clock_tells, &told);
}

/* ---- Commands ------------------------------------------------------------------------------- */

static void new_alarm(int i)
{
	free(alarms[i]);
	alarms[i] = garbage(sizeof(*alarms[i]));
	IV_ALARM_INIT(alarms[i]);
	alarms[i]->cookie = cookie(i, ++lives[i]);
	alarms[i]->handler = alarm_run;
}

/* Some are due, most soon will be. */
static void choose(int i, unsigned b)
{
	struct alarm *m = &model_of[i];

	m->kind = b % 3;
	m->at = ground_clock_shows(m->clock) + ((int)b - 40) * 997;
	m->interval = b % 16 == 0 ? (int64_t)b * SEC : 1 + (int)b * 1009;
	alarms[i]->reschedule = m->kind == ASKED ? reschedule : NULL;
	alarms[i]->at = ts_of(m->at);
	alarms[i]->interval = ts_of(m->kind == REPEATED ? m->interval : 0);
}

/* The first in this loop, or of this clock. */
static void prepare(int k)
{
	if (!used) {
		model_task_init(TASK_CLOCK + REALTIME);
		model_task_init(TASK_CLOCK + BOOTTIME);
	}
	used = true;
	if (!any_waiting(k))
		clocks[k].ahead = ahead(k);
}

void c_alarm_register(unsigned a, unsigned b)
{
	int i = ALARM(a), k = a / ALARMS % 4 == 0 ? BOOTTIME : REALTIME;

	if (model_of[i].registered)
		return;
	model_of[i].clock = k;
	choose(i, b);
	alarms[i]->clock = ground_clock_number(k);
	if (alarms[i]->clock < 0)
		return;
	prepare(k);
	inside = 1 + k;
	expect(iv_alarm_register(alarms[i]) == 0, "alarm refused", i);
	inside = 0;
	model_of[i].registered = true;
	M.alarms++;
	model_of[i].next = next_of(&model_of[i]);
	check_next(i);
	expect(iv_alarm_registered(alarms[i]), "alarm not registered", i);
}

void c_alarm_again(unsigned a, unsigned b)
{
	int i = ALARM(a);

	if (!model_of[i].registered)
		return;
	choose(i, b);
	inside = 1 + model_of[i].clock;
	iv_alarm_again(alarms[i]);
	inside = 0;
	model_of[i].next = next_of(&model_of[i]);
	check_next(i);
}

static void alarm_unregister(int i)
{
	if (!model_of[i].registered)
		return;
	inside = 1 + model_of[i].clock;
	iv_alarm_unregister(alarms[i]);
	inside = 0;
	model_of[i].registered = false;
	M.alarms--;
	expect(!iv_alarm_registered(alarms[i]), "alarm still registered", i);
}

void c_alarm_unregister(unsigned a, unsigned b)
{
	(void)b;
	alarm_unregister(ALARM(a));
}

void c_alarm_free(unsigned a, unsigned b)
{
	(void)b;
	alarm_unregister(ALARM(a));
	new_alarm(ALARM(a));
}

static void changed(void)
{
	FOR(k, CLOCKS)
		clocks[k].changed = true;
}

/* By less than a second, mostly, or by more, there and back. */
void c_clock_set(unsigned a, unsigned b)
{
	ground_wall_set(a % 4 == 0 ? ((int)b - 128) * SEC :
			((int)b - 128) * INT64_C(99991) * (a % 4));
	changed();
}

void c_clock_suspend(unsigned a, unsigned b)
{
	ground_suspend((int64_t)b * (a % 4 == 0 ? SEC : 100003));
	changed();
}

/* ---- All of them ------------------------------------------------------------------------------ */

void alarms_begin(void)
{
	used = false;
	FOR(k, CLOCKS) {
		clocks[k].cookie = NULL;
		clocks[k].watched = clocks[k].changed = false;
	}
	FOR(i, ALARMS)
		new_alarm(i);
}

void alarms_unregister(void)
{
	FOR(i, ALARMS)
		alarm_unregister(i);
}
