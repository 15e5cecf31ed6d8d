/* SPDX-License-Identifier: MIT */
/* with_libev.h - libev. */
#ifndef WITH_LIBEV_H
#define WITH_LIBEV_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-aliasing"
#include <ev.h>
#pragma GCC diagnostic pop

/* Its macros for initialising write through struct ev_watcher. */
#pragma GCC diagnostic ignored "-Wstrict-aliasing"

#define CONTESTANT_STATE	__thread struct ev_loop *the_loop;
extern __thread struct ev_loop *the_loop;
#define HAVE_FILES	1

static inline void loop_open(bool threads)
{
	(void)threads;
	the_loop = ev_loop_new(EVBACKEND_EPOLL);
	if (the_loop == NULL)
		abort();
}

static inline void loop_close(void)
{
	ev_loop_destroy(the_loop);
}

static inline void loop_run(void)
{
	ev_run(the_loop, 0);
}

static inline void loop_stop(void)
{
	ev_break(the_loop, EVBREAK_ALL);
}

static inline void run_turns(bool (*fn)(void))
{
	while (fn())
		ev_run(the_loop, EVRUN_NOWAIT);
}

/* ---- Descriptors ---- */

typedef void fd_handler(struct ev_loop *, ev_io *, int);
#define FD_HANDLER(name)						\
	static void name(struct ev_loop *l_ __attribute__((unused)),	\
			 ev_io *w_ __attribute__((unused)),		\
			 int revents_ __attribute__((unused)))
#define FD_COOKIE		(w_->data)

struct fd_watch {
	ev_io	w;
};

static inline void fd_init(struct fd_watch *f, int fd, fd_handler *handler,
			   void *cookie)
{
	ev_io_init(&f->w, handler, fd, EV_READ);
	f->w.data = cookie;
}

static inline void fd_add(struct fd_watch *f)
{
	ev_io_start(the_loop, &f->w);
}

static inline void fd_del(struct fd_watch *f)
{
	ev_io_stop(the_loop, &f->w);
}

static inline void fd_write(struct fd_watch *f, bool on)
{
	ev_io_stop(the_loop, &f->w);
	ev_io_set(&f->w, f->w.fd, on ? EV_READ | EV_WRITE : EV_READ);
	ev_io_start(the_loop, &f->w);
}

/* ---- Timers ---- */

typedef void timer_handler(struct ev_loop *, ev_timer *, int);
#define TIMER_HANDLER(name)						\
	static void name(struct ev_loop *l_ __attribute__((unused)),	\
			 ev_timer *w_ __attribute__((unused)),		\
			 int revents_ __attribute__((unused)))
#define TIMER_COOKIE		(w_->data)

struct timer_watch {
	ev_timer	w;
};

static inline void timer_init(struct timer_watch *t, timer_handler *handler,
			      void *cookie)
{
	ev_timer_init(&t->w, handler, 0., 0.);
	t->w.data = cookie;
}

static inline void timer_start(struct timer_watch *t, int64_t ns)
{
	ev_timer_set(&t->w, (double)ns * 1e-9, 0.);
	ev_timer_start(the_loop, &t->w);
}

static inline void timer_stop(struct timer_watch *t)
{
	ev_timer_stop(the_loop, &t->w);
}

static inline void timer_again(struct timer_watch *t, int64_t ns)
{
	t->w.repeat = (double)ns * 1e-9;
	ev_timer_again(the_loop, &t->w);
}

#define timer_slack(ns)							\
	ev_set_timeout_collect_interval(the_loop, (double)(ns) * 1e-9)

/* ---- Posts ---- */

typedef void post_handler(struct ev_loop *, ev_async *, int);
#define POST_HANDLER(name)						\
	static void name(struct ev_loop *l_ __attribute__((unused)),	\
			 ev_async *w_ __attribute__((unused)),		\
			 int revents_ __attribute__((unused)))
#define POST_COOKIE		(w_->data)

struct post_watch {
	ev_async	w;
	struct ev_loop	*loop;
};

static inline void post_open(struct post_watch *p, post_handler *handler,
			     void *cookie)
{
	ev_async_init(&p->w, handler);
	p->w.data = cookie;
	p->loop = the_loop;
	ev_async_start(the_loop, &p->w);
}

static inline void post_close(struct post_watch *p)
{
	ev_async_stop(the_loop, &p->w);
}

static inline void post_send(struct post_watch *p)
{
	ev_async_send(p->loop, &p->w);
}

/* ---- Files ---- */

typedef void file_handler(struct ev_loop *, ev_stat *, int);
#define FILE_HANDLER(name)						\
	static void name(struct ev_loop *l_ __attribute__((unused)),	\
			 ev_stat *w_,					\
			 int revents_ __attribute__((unused)))
#define FILE_COOKIE		(w_->data)

struct file_watch {
	ev_stat	w;
	long long	offset;
};

static inline void file_start(struct file_watch *f, const char *name, int fd,
			      file_handler *handler, void *cookie)
{
	(void)fd;
	ev_stat_init(&f->w, handler, name, 0.0);
	f->w.data = cookie;
	ev_stat_start(the_loop, &f->w);
}

static inline void file_stop(struct file_watch *f)
{
	ev_stat_stop(the_loop, &f->w);
}

static inline long long *file_offset(struct file_watch *f)
{
	return &f->offset;
}

#endif
