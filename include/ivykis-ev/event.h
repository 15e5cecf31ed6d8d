/* SPDX-License-Identifier: MIT */
/*
 * event.h - the programming interface of libevent 1, as far as libev offers
 * it: for programs that used that.  A base is a loop of ev.h; priorities are
 * accepted and mean nothing.  Since 1.1.
 */
#ifndef EVENT_H_
#define EVENT_H_

#include <time.h>
#include <sys/time.h>
#ifdef EV_H
#include EV_H
#else
#include "ev.h"
#endif

#ifdef __cplusplus
extern "C" {
#endif

#ifndef EVLOOP_NONBLOCK
#define EVLOOP_NONBLOCK	EVRUN_NOWAIT
#endif
#ifndef EVLOOP_ONESHOT
#define EVLOOP_ONESHOT	EVRUN_ONCE
#endif
#define EVLOOP_ONCE	EVLOOP_ONESHOT
#ifndef EV_TIMEOUT
#define EV_TIMEOUT	EV_TIMER
#endif

/* Programs ask with #ifdef. */
#define EV_READ		EV_READ
#define EV_WRITE	EV_WRITE
#define EV_PERSIST	0x10
#define EV_ET		0x20		/* means nothing */

#define EVLIST_TIMEOUT	0x01
#define EVLIST_INSERTED	0x02
#define EVLIST_SIGNAL	0x04
#define EVLIST_ACTIVE	0x08
#define EVLIST_INTERNAL	0x10
#define EVLIST_INIT	0x80

#define _EVENT_LOG_DEBUG	0
#define _EVENT_LOG_MSG		1
#define _EVENT_LOG_WARN		2
#define _EVENT_LOG_ERR		3

struct event_base;

typedef void (*event_callback_fn)(int fd, short events, void *arg);
typedef void (*event_log_cb)(int severity, const char *msg);

/* All private; event_set() first. */
struct event {
	union {
		struct ev_io	io;
		struct ev_signal	sig;
	} iosig;
	struct ev_timer	to;
	struct event_base	*ev_base;
	event_callback_fn	ev_callback;
	void	*ev_arg;
	int	ev_fd;
	int	ev_pri;
	int	ev_res;
	int	ev_flags;
	short	ev_events;
};

#define EVENT_FD(ev)		((int)(ev)->ev_fd)
#define EVENT_SIGNAL(ev)	EVENT_FD(ev)

#define event_initialized(ev)	((ev)->ev_flags & EVLIST_INIT)

#define evtimer_set(ev, cb, arg)	event_set((ev), -1, 0, (cb), (arg))
#define evtimer_add(ev, tv)		event_add((ev), (tv))
#define evtimer_del(ev)			event_del(ev)
#define evtimer_pending(ev, tv)		event_pending((ev), EV_TIMEOUT, (tv))
#define evtimer_initialized(ev)		event_initialized(ev)

#define timeout_set(ev, cb, arg)	evtimer_set((ev), (cb), (arg))
#define timeout_add(ev, tv)		evtimer_add((ev), (tv))
#define timeout_del(ev)			evtimer_del(ev)
#define timeout_pending(ev, tv)		evtimer_pending((ev), (tv))
#define timeout_initialized(ev)		evtimer_initialized(ev)

#define signal_set(ev, signum, cb, arg)					\
	event_set((ev), (signum), EV_SIGNAL | EV_PERSIST, (cb), (arg))
#define signal_add(ev, tv)		event_add((ev), (tv))
#define signal_del(ev)			event_del(ev)
#define signal_pending(ev, tv)		event_pending((ev), EV_SIGNAL, (tv))
#define signal_initialized(ev)		event_initialized(ev)

const char *event_get_version(void);
const char *event_get_method(void);
const char *event_base_get_method(const struct event_base *base);

/* The first call makes the default loop, each further one another; event_set()
   and calls without a base are about the last of them. */
void *event_init(void);
struct event_base *event_base_new(void);
void event_base_free(struct event_base *base);	/* not the default loop */

/* 0: something holds the loop still.  1: nothing does. */
int event_base_loop(struct event_base *base, int flags);
int event_base_dispatch(struct event_base *base);
int event_base_loopexit(struct event_base *base, struct timeval *tv);
int event_base_once(struct event_base *base, int fd, short events,
		    event_callback_fn cb, void *arg, struct timeval *tv);
int event_base_priority_init(struct event_base *base, int priorities);
int event_base_set(struct event_base *base, struct event *ev);

int event_loop(int flags);
int event_dispatch(void);
int event_loopexit(struct timeval *tv);
int event_once(int fd, short events, event_callback_fn cb, void *arg,
	       struct timeval *tv);
int event_priority_init(int priorities);

void event_set(struct event *ev, int fd, short events, event_callback_fn cb,
	       void *arg);
int event_priority_set(struct event *ev, int priority);
event_callback_fn event_get_callback(const struct event *ev);

/* A time-out deletes the event, EV_PERSIST or not. */
int event_add(struct event *ev, struct timeval *tv);
int event_del(struct event *ev);
void event_active(struct event *ev, int res, short calls);

/* Those of EVENTS that it waits for; of a time-out, *TV becomes now. */
int event_pending(struct event *ev, short events, struct timeval *tv);

#ifdef __cplusplus
}
#endif

#endif
