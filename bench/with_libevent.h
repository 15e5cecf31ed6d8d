/* SPDX-License-Identifier: MIT */
/* with_libevent.h - libevent 2. */
#ifndef WITH_LIBEVENT_H
#define WITH_LIBEVENT_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/thread.h>

#define CONTESTANT_STATE	__thread struct event_base *the_loop;
extern __thread struct event_base *the_loop;

static inline void loop_open(bool threads)
{
	if (threads)
		evthread_use_pthreads();
	the_loop = event_base_new();
	if (the_loop == NULL)
		abort();
}

static inline void loop_close(void)
{
	event_base_free(the_loop);
}

static inline void loop_run(void)
{
	event_base_loop(the_loop, EVLOOP_NO_EXIT_ON_EMPTY);
}

static inline void loop_stop(void)
{
	event_base_loopbreak(the_loop);
}

static inline void run_turns(bool (*fn)(void))
{
	while (fn())
		event_base_loop(the_loop, EVLOOP_NONBLOCK);
}

/* ---- Descriptors ---- */

typedef void fd_handler(evutil_socket_t, short, void *);
#define FD_HANDLER(name)						\
	static void name(evutil_socket_t fd_ __attribute__((unused)),	\
			 short what_ __attribute__((unused)),		\
			 void *cookie_ __attribute__((unused)))
#define FD_COOKIE		cookie_

/* Reading and writing are separate events. */
struct fd_watch {
	struct event	w;
	struct event	out;
};

static inline void fd_init(struct fd_watch *f, int fd, fd_handler *handler,
			   void *cookie)
{
	event_assign(&f->w, the_loop, fd, EV_READ | EV_PERSIST, handler,
		     cookie);
	event_assign(&f->out, the_loop, fd, EV_WRITE | EV_PERSIST, handler,
		     cookie);
}

static inline void fd_add(struct fd_watch *f)
{
	event_add(&f->w, NULL);
}

static inline void fd_del(struct fd_watch *f)
{
	event_del(&f->w);
}

static inline void fd_write(struct fd_watch *f, bool on)
{
	if (on)
		event_add(&f->out, NULL);
	else
		event_del(&f->out);
}

/* ---- Timers ---- */

typedef void timer_handler(evutil_socket_t, short, void *);
#define TIMER_HANDLER(name)						\
	static void name(evutil_socket_t fd_ __attribute__((unused)),	\
			 short what_ __attribute__((unused)),		\
			 void *cookie_ __attribute__((unused)))
#define TIMER_COOKIE		cookie_

struct timer_watch {
	struct event	w;
};

static inline void timer_init(struct timer_watch *t, timer_handler *handler,
			      void *cookie)
{
	evtimer_assign(&t->w, the_loop, handler, cookie);
}

static inline void timer_start(struct timer_watch *t, int64_t ns)
{
	struct timeval tv = {
		.tv_sec = ns / 1000000000,
		.tv_usec = ns % 1000000000 / 1000,
	};

	evtimer_add(&t->w, &tv);
}

static inline void timer_stop(struct timer_watch *t)
{
	evtimer_del(&t->w);
}

/* Adding what is pending moves it. */
static inline void timer_again(struct timer_watch *t, int64_t ns)
{
	timer_start(t, ns);
}

/* ---- Posts ---- */

typedef void post_handler(evutil_socket_t, short, void *);
#define POST_HANDLER(name)						\
	static void name(evutil_socket_t fd_ __attribute__((unused)),	\
			 short what_ __attribute__((unused)),		\
			 void *cookie_ __attribute__((unused)))
#define POST_COOKIE		cookie_

struct post_watch {
	struct event	w;
};

static inline void post_open(struct post_watch *p, post_handler *handler,
			     void *cookie)
{
	event_assign(&p->w, the_loop, -1, EV_PERSIST, handler, cookie);
	event_add(&p->w, NULL);
}

static inline void post_close(struct post_watch *p)
{
	event_del(&p->w);
}

static inline void post_send(struct post_watch *p)
{
	event_active(&p->w, EV_READ, 1);
}

#endif
