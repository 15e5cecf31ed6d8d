/* SPDX-License-Identifier: MIT */
/*
 * alarm.c - iv_alarm: calls by clocks that are set.
 *
 * Alarms wait in a tree for each clock of a loop, and when one is due its
 * timer calls the handler, so that due alarms, handlers of one turn and
 * programs that never return from one are as with any timers.
 *
 * Two things end a wait.  The guard is a timer for the time that is left until
 * the first alarm: it is right unless the clock is set or the machine suspended.
 * A timerfd is told of both.  Where there is none, the clock is looked at after
 * each wait, and the guard leaves out no minute.
 *
 * That a clock was set is seen by comparing it with one that cannot be: the
 * kernel's word for it (ECANCELED) is given after suspend as well.
 */
#include <stdbool.h>
#include <iv_alarm.h>
#include <iv_avl.h>
#include <iv_hook.h>
#include <iv_list.h>
#include "base/compiler.h"
#include "base/timespec.h"
#include "sys/clockfd.h"
#include "sys/sys.h"

/* States of an alarm; 0: not registered. */
#define WAITING		UINT32_C(0x69766177)
#define DUE		UINT32_C(0x69766164)

/* Its reschedule() is running. */
#define ASKED		UINT32_C(0x6976613f)

/* The clock is looked at so often if nobody tells when it is set. */
#define LOOK		(60 * IVI_SEC)

/* By less a clock is not set but put right: no beat is to be lost or to come
   twice for that. */
#define JUMP		IVI_SEC

struct clock {
	int	number;
	int64_t	ahead;		/* of one that cannot be set, at the last look */
	struct iv_avl_tree	waiting;	/* by `next' */
	struct iv_list_head	valid;		/* all of these, */
	struct iv_list_head	stale;		/* or to be computed anew */
	struct iv_timer	guard;		/* registered while some are waiting */
	struct iv_task	change;		/* look before the loop sleeps */
	struct iv_fd	fd;		/* of a timerfd, or its number is -1 */
	int64_t	armed;		/* what that is set to */
	bool	refused;	/* there are no timerfds */
	bool	looking;	/* reschedule() may run the loop */
};

struct clocks {
	struct clock	clock[IVI_CLOCKS];
	struct iv_hook	woken;		/* while a clock is to be looked at */
};

struct IVI_ALIAS ivi_alarm {
	struct iv_avl_node	an;	/* these two: while it is waiting */
	struct iv_list_head	node;
	struct clock	*clock;
	uint32_t	state;
	uint32_t	asked;		/* 0 or ASKED */
};

IVI_OVERLAY(iv_alarm, pad, ivi_alarm)

static void change(struct clock *c)
{
	if (!iv_task_registered(&c->change))
		iv_task_register(&c->change);
}

/* ---- Times --------------------------------------------------------------- */

static bool repeats(const struct iv_alarm *a)
{
	return a->reschedule != NULL || ivi_ts_to_ns(&a->interval) != 0;
}

/* The first of AT, AT + INTERVAL, ... after NOW, which is not negative. */
static struct timespec next_beat(int64_t at, int64_t interval, int64_t now)
{
	int64_t passed, next;

	if (at > now)
		return ivi_ns_to_ts(at);
	passed = (int64_t)(((uint64_t)now - (uint64_t)at) %
			   (uint64_t)interval);
	if (__builtin_add_overflow(now, interval - passed, &next))
		next = IVI_NEVER;
	return ivi_ns_to_ts(next);
}

static void check_asked(const char *fn, const struct iv_alarm *a)
{
	if (ivi_alarm(a)->asked == ASKED)
		iv_fatal("%s: iv_alarm %p: called by its own reschedule", fn,
			 (const void *)a);
}

static struct timespec ask(const char *fn, struct iv_alarm *a, int64_t now)
{
	struct timespec ts = ivi_ns_to_ts(now), next = ts;

	ivi_alarm(a)->asked = ASKED;
	a->reschedule(a->cookie, &ts, &next);
	ivi_alarm(a)->asked = 0;
	if (ivi_ts_to_ns(&next) <= now)
		iv_fatal("%s: iv_alarm %p: reschedule gave a time that is not "
			 "after now", fn, (void *)a);
	return next;
}

static struct timespec compute(const char *fn, struct iv_alarm *a, int64_t now)
{
	int64_t interval = ivi_ts_to_ns(&a->interval);

	if (interval < 0)
		iv_fatal("%s: iv_alarm %p: the interval is negative", fn,
			 (void *)a);
	if (a->reschedule != NULL)
		return ask(fn, a, now);
	return interval == 0 ? a->at :
	       next_beat(ivi_ts_to_ns(&a->at), interval, now);
}

/* ---- Waiting alarms ------------------------------------------------------ */

static struct iv_alarm *alarm_of(const struct iv_avl_node *an)
{
	return ivi_alarm_pub(iv_container_of(an, struct ivi_alarm, an));
}

/* Equal ones in order of registration. */
static int compare(const struct iv_avl_node *a, const struct iv_avl_node *b)
{
	return ivi_ts_to_ns(&alarm_of(a)->next) <
	       ivi_ts_to_ns(&alarm_of(b)->next) ? -1 : 1;
}

static struct iv_alarm *first(const struct clock *c)
{
	const struct iv_avl_node *an = iv_avl_tree_min(&c->waiting);

	return an != NULL ? alarm_of(an) : NULL;
}

static int64_t soonest(const struct clock *c)
{
	const struct iv_alarm *a = first(c);

	return a != NULL ? ivi_ts_to_ns(&a->next) : IVI_NEVER;
}

static void add(struct clock *c, struct iv_alarm *a, struct timespec next)
{
	struct ivi_alarm *p = ivi_alarm(a);

	a->next = next;
	p->clock = c;
	p->state = WAITING;
	iv_avl_tree_insert(&c->waiting, &p->an);
	iv_list_add_tail(&p->node, &c->valid);
	change(c);
}

static void take(struct clock *c, struct iv_alarm *a)
{
	struct ivi_alarm *p = ivi_alarm(a);

	iv_avl_tree_delete(&c->waiting, &p->an);
	iv_list_del(&p->node);
	p->state = 0;
}

/* Of one that was waiting or due. */
static void drop(struct iv_alarm *a)
{
	struct ivi_alarm *p = ivi_alarm(a);

	if (p->state == DUE)
		iv_timer_unregister(&a->timer);
	else
		take(p->clock, a);
	p->state = 0;
	change(p->clock);
}

/* The clock was set: each is asked with all others in order, since
   reschedule() may do with those as it likes. */
static void compute_stale(struct clock *c, int64_t now)
{
	while (!iv_list_empty(&c->stale)) {
		struct ivi_alarm *p = iv_container_of(c->stale.next,
						      struct ivi_alarm, node);
		struct iv_alarm *a = ivi_alarm_pub(p);
		struct timespec next;

		iv_list_del(&p->node);
		iv_list_add_tail(&p->node, &c->valid);
		if (!repeats(a))
			continue;
		next = compute("iv_main", a, now);
		take(c, a);
		add(c, a, next);
	}
}

static void collect_due(struct clock *c, int64_t now)
{
	struct iv_alarm *a;

	while ((a = first(c)) != NULL && ivi_ts_to_ns(&a->next) <= now) {
		check_asked("iv_main", a);
		if (ivi_alarm(a)->state != WAITING)
			iv_fatal("iv_main: iv_alarm %p was freed or overwritten"
				 " while it was registered", (void *)a);
		take(c, a);
		ivi_alarm(a)->state = DUE;
		iv_timer_register(&a->timer);
	}
}

static void fire(void *_a)
{
	struct iv_alarm *a = _a;
	struct ivi_alarm *p = ivi_alarm(a);
	struct clock *c = p->clock;

	if (repeats(a))
		add(c, a, compute("iv_main", a, ivi_clock_shows(c->number)));
	else
		p->state = 0;
	a->handler(a->cookie);
}

/* ---- Looking at the clock ------------------------------------------------ */

static void told(void *_c);
static void watch(void);

static void close_fd(struct clock *c)
{
	if (c->fd.fd < 0)
		return;
	iv_fd_unregister(&c->fd);
	ivi_close(c->fd.fd);
	c->fd.fd = -1;
	c->armed = IVI_NEVER;
}

/* It does not do what is asked of it. */
static void give_up_fd(struct clock *c)
{
	close_fd(c);
	c->refused = true;
}

/* If it lacks descriptors or memory it is tried again later. */
static bool open_fd(struct clock *c)
{
	int fd = c->refused ? -ENOSYS : ivi_clockfd_open(c->number);

	if (fd < 0) {
		c->refused = ivi_absent(-fd);
		return false;
	}
	IV_FD_INIT(&c->fd);
	c->fd.fd = fd;
	c->fd.cookie = c;
	c->fd.handler_in = told;
	iv_fd_set_flags(&c->fd, IV_FD_RAW | IV_FD_NOREF);
	if (iv_fd_register_try(&c->fd) == 0)
		return true;
	ivi_close(fd);
	c->fd.fd = -1;
	return false;
}

/* It tells nothing of what was before it was armed first: so look again. */
static void arm_fd(struct clock *c, int64_t at)
{
	bool new = c->fd.fd < 0;
	int ret;

	if (new ? !open_fd(c) : at == c->armed)
		return;
	ret = ivi_clockfd_arm(c->fd.fd, at);
	if (ret < 0 && ret != -ECANCELED) {
		give_up_fd(c);
		return;
	}
	c->armed = at;
	if (new || ret < 0)
		change(c);
}

static void arm_guard(struct clock *c, int64_t left)
{
	int64_t at;

	if (c->fd.fd < 0 && left > LOOK)
		left = LOOK;
	if (__builtin_add_overflow(ivi_clock_ns(), left, &at))
		at = IVI_NEVER;
	c->guard.expires = ivi_ns_to_ts(at);
	iv_timer_register(&c->guard);
}

static void arm(struct clock *c, int64_t now)
{
	int64_t at = soonest(c);

	if (c->armed <= now)
		c->armed = IVI_NEVER;
	if (c->fd.fd >= 0 || first(c) != NULL)
		arm_fd(c, at);
	if (iv_timer_registered(&c->guard))
		iv_timer_unregister(&c->guard);
	if (first(c) != NULL)
		arm_guard(c, ivi_ns_left(at, now));
	watch();
}

static bool was_set(const struct clock *c, int64_t ahead)
{
	return ahead - c->ahead >= JUMP || c->ahead - ahead >= JUMP;
}

/* A forked child must not move the timerfd of its parent: ivi_renew(). */
static void look(void *_c)
{
	struct clock *c = _c;
	int64_t ahead, now;

	ivi_renew();
	now = ivi_clock_compare(c->number, &ahead);
	if (was_set(c, ahead))
		iv_list_splice_tail_init(&c->valid, &c->stale);
	c->ahead = ahead;
	c->looking = true;
	compute_stale(c, now);
	c->looking = false;
	collect_due(c, now);
	arm(c, now);
}

static void told(void *_c)
{
	struct clock *c = _c;
	int ret;

	ivi_renew();
	ret = c->fd.fd < 0 ? 0 : ivi_clockfd_clear(c->fd.fd);
	if (ret == -ECANCELED)
		c->armed = 0;
	else if (ret < 0)
		give_up_fd(c);
	look(c);
}

static bool is_watched(const struct clock *c)
{
	return c->fd.fd < 0 && first(c) != NULL;
}

/* After each wait. */
static void woken(void *_s)
{
	struct clocks *s = _s;
	int64_t ahead, now;
	int i;

	for (i = 0; i < IVI_CLOCKS; i++) {
		struct clock *c = &s->clock[i];

		if (!is_watched(c))
			continue;
		now = ivi_clock_compare(i, &ahead);
		if (was_set(c, ahead) || soonest(c) <= now)
			look(c);
	}
}

/* ---- The clocks of a loop ------------------------------------------------ */

static int clocks_init(void *_s)
{
	struct clocks *s = _s;
	int i;

	IV_HOOK_INIT(&s->woken);
	s->woken.point = IV_HOOK_CHECK;
	s->woken.cookie = s;
	s->woken.handler = woken;
	for (i = 0; i < IVI_CLOCKS; i++) {
		struct clock *c = &s->clock[i];

		c->number = i;
		INIT_IV_AVL_TREE(&c->waiting, compare);
		INIT_IV_LIST_HEAD(&c->valid);
		INIT_IV_LIST_HEAD(&c->stale);
		IV_TIMER_INIT(&c->guard);
		c->guard.cookie = c;
		c->guard.handler = look;
		IV_TASK_INIT(&c->change);
		c->change.cookie = c;
		c->change.handler = look;
		c->fd.fd = -1;
		c->armed = IVI_NEVER;
	}
	return 0;
}

static void clocks_fini(void *_s)
{
	struct clocks *s = _s;
	int i;

	if (iv_hook_registered(&s->woken))
		iv_hook_unregister(&s->woken);
	for (i = 0; i < IVI_CLOCKS; i++) {
		struct clock *c = &s->clock[i];

		close_fd(c);
		if (iv_timer_registered(&c->guard))
			iv_timer_unregister(&c->guard);
		if (iv_task_registered(&c->change))
			iv_task_unregister(&c->change);
	}
}

/* In a child that goes on with the loop. */
static void renew(void *_s)
{
	struct clocks *s = _s;
	int i;

	for (i = 0; i < IVI_CLOCKS; i++) {
		close_fd(&s->clock[i]);
		if (first(&s->clock[i]) != NULL)
			change(&s->clock[i]);
	}
}

static void abandon(void *_s)
{
	struct clocks *s = _s;
	int i;

	for (i = 0; i < IVI_CLOCKS; i++)
		if (s->clock[i].fd.fd >= 0)
			ivi_close(s->clock[i].fd.fd);
}

static void dump_list(const struct iv_list_head *list, int fd)
{
	const struct iv_list_head *lh;

	iv_list_for_each (lh, list) {
		const struct iv_alarm *a = ivi_alarm_pub(
			iv_container_of(lh, struct ivi_alarm, node));

		ivi_print(fd, "iv_alarm %p: at %lld s of clock %d, %s, cookie "
			  "%p\n", (const void *)a, (long long)a->next.tv_sec,
			  (int)a->clock, IVI_CODE(a->handler), a->cookie);
	}
}

static void dump(void *_s, int fd)
{
	struct clocks *s = _s;
	int i;

	for (i = 0; i < IVI_CLOCKS; i++) {
		dump_list(&s->clock[i].valid, fd);
		dump_list(&s->clock[i].stale, fd);
	}
}

/* False: none of LIST; else they are N more. */
static bool verify_list(const struct clock *c, const struct iv_list_head *list,
			long *n)
{
	const struct iv_list_head *lh;

	iv_list_for_each (lh, list) {
		const struct ivi_alarm *p = iv_container_of(
			lh, struct ivi_alarm, node);

		if (p->state != WAITING || p->clock != c ||
		    lh->next->prev != lh)
			return false;
		++*n;
	}
	return true;
}

/* False: one comes after a later one; else they are N fewer. */
static bool verify_tree(const struct clock *c, long *n)
{
	struct iv_avl_node *an = iv_avl_tree_min(&c->waiting), *next;

	for (; an != NULL; an = next, --*n) {
		next = iv_avl_tree_next(an);
		if (next != NULL && ivi_ts_to_ns(&alarm_of(an)->next) >
				    ivi_ts_to_ns(&alarm_of(next)->next))
			return false;
	}
	return true;
}

static const char *verify_clock(struct clock *c, long *objects)
{
	long n = 0;

	if (!verify_list(c, &c->valid, &n) || !verify_list(c, &c->stale, &n))
		return "has an iv_alarm that was freed or overwritten while it "
		       "was registered";
	*objects += n;
	if (!verify_tree(c, &n))
		return "has iv_alarms out of order: was `next' changed?";
	if (n != 0)
		return "has not all iv_alarms in their order";
	if (first(c) != NULL && !c->looking &&
	    !iv_timer_registered(&c->guard) && !iv_task_registered(&c->change))
		return "does not wait for the first iv_alarm";
	return NULL;
}

static const char *verify(void *_s, long *objects)
{
	struct clocks *s = _s;
	const char *wrong = NULL;
	int i;

	for (i = 0; i < IVI_CLOCKS && wrong == NULL; i++)
		wrong = verify_clock(&s->clock[i], objects);
	return wrong;
}

static const struct ivi_slot slot = {
	.index	= IVI_SLOT_ALARM,
	.size	= sizeof(struct clocks),
	.init	= clocks_init,
	.fini	= clocks_fini,
	.renew	= renew,
	.abandon = abandon,
	.dump	= dump,
	.verify	= verify,
};

static void watch(void)
{
	struct clocks *s = ivi_slot_peek(&slot);
	bool watched = is_watched(&s->clock[IVI_REALTIME]) ||
		       is_watched(&s->clock[IVI_BOOTTIME]);

	if (watched == iv_hook_registered(&s->woken))
		return;
	if (watched)
		iv_hook_register(&s->woken);
	else
		iv_hook_unregister(&s->woken);
}

/* ---- Public --------------------------------------------------------------- */

static void check(const char *fn, const struct iv_alarm *a)
{
	if (a == NULL)
		iv_fatal("%s: the struct iv_alarm pointer is NULL", fn);
}

static bool is_registered(const struct iv_alarm *a)
{
	uint32_t state = ivi_alarm(a)->state;

	return state == WAITING || state == DUE;
}

IVI_PUBLIC int iv_alarm_register(struct iv_alarm *a)
{
	static const char fn[] = "iv_alarm_register";
	struct clocks *s;
	struct clock *c;
	int64_t ahead, now;
	int number;

	ivi_require_loop(fn);
	check(fn, a);
	check_asked(fn, a);
	if (is_registered(a))
		iv_fatal("%s: iv_alarm %p is already registered", fn,
			 (void *)a);
	if (a->handler == NULL)
		iv_fatal("%s: iv_alarm %p has no handler", fn, (void *)a);
	number = ivi_clock_number(a->clock);
	s = number < 0 ? NULL : ivi_slot_get(&slot);
	if (s == NULL) {
		errno = number < 0 ? -number : ENOMEM;
		return -1;
	}
	c = &s->clock[number];
	now = ivi_clock_compare(number, &ahead);
	if (first(c) == NULL)
		c->ahead = ahead;
	IV_TIMER_INIT(&a->timer);
	a->timer.expires = (struct timespec) { 0, 0 };
	a->timer.cookie = a;
	a->timer.handler = fire;
	add(c, a, compute(fn, a, now));
	return 0;
}

static void check_registered(const char *fn, const struct iv_alarm *a)
{
	const struct clocks *s;
	const struct clock *c;

	ivi_require_loop(fn);
	check(fn, a);
	if (!is_registered(a))
		iv_fatal("%s: iv_alarm %p is not registered", fn,
			 (const void *)a);
	s = ivi_slot_peek(&slot);
	c = ivi_alarm(a)->clock;
	if (s == NULL || (c != &s->clock[IVI_REALTIME] &&
			  c != &s->clock[IVI_BOOTTIME]))
		iv_fatal("%s: iv_alarm %p belongs to another loop", fn,
			 (const void *)a);
	check_asked(fn, a);
}

IVI_PUBLIC void iv_alarm_unregister(struct iv_alarm *a)
{
	check_registered("iv_alarm_unregister", a);
	drop(a);
}

IVI_PUBLIC int iv_alarm_registered(const struct iv_alarm *a)
{
	check("iv_alarm_registered", a);
	return is_registered(a);
}

IVI_PUBLIC void iv_alarm_again(struct iv_alarm *a)
{
	static const char fn[] = "iv_alarm_again";
	struct clock *c;
	struct timespec next;

	check_registered(fn, a);
	c = ivi_alarm(a)->clock;
	next = compute(fn, a, ivi_clock_shows(c->number));
	drop(a);
	add(c, a, next);
}
