/* SPDX-License-Identifier: MIT */
/*
 * event.c - the interface of libevent 1, as far as libev offers it.  A base is
 * a loop.
 */
#include <stdlib.h>
#include <event.h>
#include "compat/ev/engine.h"

#define READY	(EV_READ | EV_WRITE)

/* That of the last event_init(). */
static struct ev_loop *current;

static struct ev_loop *loop_of(const struct event *ev)
{
	return (struct ev_loop *)ev->ev_base;
}

static struct event_base *base_of(struct ev_loop *loop)
{
	return (struct event_base *)loop;
}

/* Seconds; -1: none.  None at all is not meant by zero. */
static ev_tstamp seconds(const struct timeval *tv)
{
	ev_tstamp t;

	if (tv == NULL)
		return -1.;
	t = (ev_tstamp)tv->tv_sec + (ev_tstamp)tv->tv_usec * 1e-6;
	return t != 0. ? t : 1e-6;
}

EVI_PUBLIC const char *event_get_version(void)
{
	return "4.33";
}

EVI_PUBLIC const char *event_get_method(void)
{
	return "libev";
}

EVI_PUBLIC const char *event_base_get_method(const struct event_base *base)
{
	(void)base;
	return "libev";
}

/* ---- Bases ----------------------------------------------------------------- */

EVI_PUBLIC void *event_init(void)
{
	current = current == NULL ? ev_default_loop(EVFLAG_AUTO) :
				    ev_loop_new(EVFLAG_AUTO);
	return current;
}

EVI_PUBLIC struct event_base *event_base_new(void)
{
	return base_of(ev_loop_new(EVFLAG_AUTO));
}

/* Others may use the default one as well. */
EVI_PUBLIC void event_base_free(struct event_base *base)
{
	struct ev_loop *loop = (struct ev_loop *)base;

	if (loop != ev_default_loop_ptr)
		ev_loop_destroy(loop);
}

EVI_PUBLIC int event_base_loop(struct event_base *base, int flags)
{
	return !ev_run((struct ev_loop *)base, flags);
}

EVI_PUBLIC int event_base_dispatch(struct event_base *base)
{
	return event_base_loop(base, 0);
}

EVI_PUBLIC int event_loop(int flags)
{
	return event_base_loop(base_of(current), flags);
}

EVI_PUBLIC int event_dispatch(void)
{
	return event_base_dispatch(base_of(current));
}

static void leave(int revents, void *loop)
{
	(void)revents;
	ev_break(loop, EVBREAK_ONE);
}

EVI_PUBLIC int event_base_loopexit(struct event_base *base, struct timeval *tv)
{
	ev_tstamp after = seconds(tv);

	ev_once((struct ev_loop *)base, -1, 0, after >= 0. ? after : 0.,
		leave, base);
	return 0;
}

EVI_PUBLIC int event_loopexit(struct timeval *tv)
{
	return event_base_loopexit(base_of(current), tv);
}

EVI_PUBLIC int event_base_priority_init(struct event_base *base, int priorities)
{
	(void)base;
	(void)priorities;
	return 0;
}

EVI_PUBLIC int event_priority_init(int priorities)
{
	return event_base_priority_init(base_of(current), priorities);
}

/* ---- Events ---------------------------------------------------------------- */

static void call(struct event *ev, int revents)
{
	ev->ev_res = revents & (READY | EV_TIMER | EV_SIGNAL);
	ev->ev_callback(ev->ev_fd, (short)ev->ev_res, ev->ev_arg);
}

static void on_signal(struct ev_loop *loop, ev_signal *w, int revents)
{
	struct event *ev = iv_container_of(w, struct event, iosig.sig);

	(void)loop;
	if (revents & EV_ERROR)
		event_del(ev);
	call(ev, revents);
}

static void on_io(struct ev_loop *loop, ev_io *w, int revents)
{
	struct event *ev = iv_container_of(w, struct event, iosig.io);

	(void)loop;
	if ((revents & EV_ERROR) || !(ev->ev_events & EV_PERSIST))
		event_del(ev);
	call(ev, revents);
}

static void on_timeout(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct event *ev = iv_container_of(w, struct event, to);

	(void)loop;
	event_del(ev);
	call(ev, revents);
}

EVI_PUBLIC void event_set(struct event *ev, int fd, short events,
			  event_callback_fn cb, void *arg)
{
	if (events & EV_SIGNAL)
		ev_init(&ev->iosig.sig, on_signal);
	else
		ev_init(&ev->iosig.io, on_io);
	ev_init(&ev->to, on_timeout);
	ev->ev_base = base_of(current);
	ev->ev_fd = fd;
	ev->ev_events = events;
	ev->ev_pri = 0;
	ev->ev_callback = cb;
	ev->ev_arg = arg;
	ev->ev_res = 0;
	ev->ev_flags = EVLIST_INIT;
}

EVI_PUBLIC int event_base_set(struct event_base *base, struct event *ev)
{
	ev->ev_base = base;
	return 0;
}

EVI_PUBLIC int event_priority_set(struct event *ev, int priority)
{
	ev->ev_pri = priority;
	return 0;
}

EVI_PUBLIC event_callback_fn event_get_callback(const struct event *ev)
{
	return ev->ev_callback;
}

static void add_source(struct event *ev)
{
	if (ev->ev_events & EV_SIGNAL) {
		if (ev_is_active(&ev->iosig.sig))
			return;
		ev_signal_set(&ev->iosig.sig, ev->ev_fd);
		ev_signal_start(loop_of(ev), &ev->iosig.sig);
		ev->ev_flags |= EVLIST_SIGNAL;
	} else if (ev->ev_events & READY) {
		if (ev_is_active(&ev->iosig.io))
			return;
		ev_io_set(&ev->iosig.io, ev->ev_fd, ev->ev_events & READY);
		ev_io_start(loop_of(ev), &ev->iosig.io);
		ev->ev_flags |= EVLIST_INSERTED;
	}
}

EVI_PUBLIC int event_add(struct event *ev, struct timeval *tv)
{
	add_source(ev);
	if (tv != NULL) {
		ev->to.repeat = seconds(tv);
		ev_timer_again(loop_of(ev), &ev->to);
		ev->ev_flags |= EVLIST_TIMEOUT;
	} else {
		ev_timer_stop(loop_of(ev), &ev->to);
		ev->ev_flags &= ~EVLIST_TIMEOUT;
	}
	ev->ev_flags |= EVLIST_ACTIVE;
	return 0;
}

EVI_PUBLIC int event_del(struct event *ev)
{
	if (ev->ev_events & EV_SIGNAL)
		ev_signal_stop(loop_of(ev), &ev->iosig.sig);
	else if (ev->ev_events & READY)
		ev_io_stop(loop_of(ev), &ev->iosig.io);
	ev_timer_stop(loop_of(ev), &ev->to);
	ev->ev_flags = EVLIST_INIT;
	return 0;
}

EVI_PUBLIC void event_active(struct event *ev, int res, short calls)
{
	(void)calls;
	if (res & EV_TIMER)
		ev_feed_event(loop_of(ev), &ev->to, EV_TIMER);
	if (res & EV_SIGNAL)
		ev_feed_event(loop_of(ev), &ev->iosig.sig, EV_SIGNAL);
	if (res & READY)
		ev_feed_event(loop_of(ev), &ev->iosig.io, res & READY);
}

static bool busy(const void *w)
{
	const ev_watcher *any = w;

	return any->active || any->pending;
}

static void tell_now(const struct event *ev, struct timeval *tv)
{
	ev_tstamp now = ev_now(loop_of(ev));

	tv->tv_sec = (time_t)now;
	tv->tv_usec = (long)((now - (ev_tstamp)tv->tv_sec) * 1e6);
}

EVI_PUBLIC int event_pending(struct event *ev, short events, struct timeval *tv)
{
	int found = 0;

	if (ev->ev_events & EV_SIGNAL)
		found |= busy(&ev->iosig.sig) ? EV_SIGNAL : 0;
	else if (ev->ev_events & READY)
		found |= busy(&ev->iosig.io) ? ev->ev_events & READY : 0;
	if ((ev->ev_events & EV_TIMER) || busy(&ev->to)) {
		found |= EV_TIMER;
		if (tv != NULL)
			tell_now(ev, tv);
	}
	return events & found;
}

/* ---- Once ------------------------------------------------------------------ */

struct once {
	int	fd;
	event_callback_fn	cb;
	void	*arg;
};

static void once_done(int revents, void *_once)
{
	struct once *once = _once;

	once->cb(once->fd, (short)revents, once->arg);
	free(once);
}

EVI_PUBLIC int event_base_once(struct event_base *base, int fd, short events,
			       event_callback_fn cb, void *arg,
			       struct timeval *tv)
{
	struct once *once = malloc(sizeof(*once));

	if (once == NULL)
		return -1;
	once->fd = fd;
	once->cb = cb;
	once->arg = arg;
	ev_once((struct ev_loop *)base, fd, events & READY, seconds(tv),
		once_done, once);
	return 0;
}

EVI_PUBLIC int event_once(int fd, short events, event_callback_fn cb,
			  void *arg, struct timeval *tv)
{
	return event_base_once(base_of(current), fd, events, cb, arg, tv);
}
