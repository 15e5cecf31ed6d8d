/* SPDX-License-Identifier: MIT */
/* with_libuv.h - libuv. */
#ifndef WITH_LIBUV_H
#define WITH_LIBUV_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define CONTESTANT_STATE	__thread uv_loop_t *the_loop;
extern __thread uv_loop_t *the_loop;
#define HAVE_WORK	1
#define HAVE_FILES	1

static inline void loop_open(bool threads)
{
	(void)threads;
	the_loop = malloc(sizeof(*the_loop));
	if (the_loop == NULL || uv_loop_init(the_loop) < 0)
		abort();
}

static inline void uv_close_one(uv_handle_t *h, void *arg)
{
	(void)arg;
	if (!uv_is_closing(h))
		uv_close(h, NULL);
}

static inline void loop_close(void)
{
	uv_walk(the_loop, uv_close_one, NULL);
	uv_run(the_loop, UV_RUN_DEFAULT);
	uv_loop_close(the_loop);
	free(the_loop);
}

static inline void loop_run(void)
{
	uv_run(the_loop, UV_RUN_DEFAULT);
}

static inline void loop_stop(void)
{
	uv_stop(the_loop);
}

static inline void run_turns(bool (*fn)(void))
{
	while (fn())
		uv_run(the_loop, UV_RUN_NOWAIT);
}

/* ---- Descriptors ---- */

typedef void fd_handler(uv_poll_t *, int, int);
#define FD_HANDLER(name)						\
	static void name(uv_poll_t *w_ __attribute__((unused)),		\
			 int status_ __attribute__((unused)),		\
			 int events_ __attribute__((unused)))
#define FD_COOKIE		(w_->data)

struct fd_watch {
	uv_poll_t	w;
	fd_handler	*handler;
};

static inline void fd_init(struct fd_watch *f, int fd, fd_handler *handler,
			   void *cookie)
{
	if (uv_poll_init(the_loop, &f->w, fd) < 0)
		abort();
	f->handler = handler;
	f->w.data = cookie;
}

static inline void fd_add(struct fd_watch *f)
{
	uv_poll_start(&f->w, UV_READABLE, f->handler);
}

static inline void fd_del(struct fd_watch *f)
{
	uv_poll_stop(&f->w);
}

static inline void fd_write(struct fd_watch *f, bool on)
{
	uv_poll_start(&f->w, on ? UV_READABLE | UV_WRITABLE : UV_READABLE,
		      f->handler);
}

static inline void fd_suspend(struct fd_watch *f)
{
	uv_poll_stop(&f->w);
}

static inline void fd_resume(struct fd_watch *f, fd_handler *handler)
{
	uv_poll_start(&f->w, UV_READABLE, handler);
}

/* ---- Timers, in milliseconds ---- */

typedef void timer_handler(uv_timer_t *);
#define TIMER_HANDLER(name)						\
	static void name(uv_timer_t *w_ __attribute__((unused)))
#define TIMER_COOKIE		(w_->data)

struct timer_watch {
	uv_timer_t	w;
	timer_handler	*handler;
};

static inline void timer_init(struct timer_watch *t, timer_handler *handler,
			      void *cookie)
{
	uv_timer_init(the_loop, &t->w);
	t->w.data = cookie;
	t->handler = handler;
}

static inline void timer_start(struct timer_watch *t, int64_t ns)
{
	uv_timer_start(&t->w, t->handler, (uint64_t)(ns / 1000000), 0);
}

static inline void timer_stop(struct timer_watch *t)
{
	uv_timer_stop(&t->w);
}

static inline void timer_again(struct timer_watch *t, int64_t ns)
{
	timer_start(t, ns);
}

/* ---- Posts ---- */

typedef void post_handler(uv_async_t *);
#define POST_HANDLER(name)						\
	static void name(uv_async_t *w_ __attribute__((unused)))
#define POST_COOKIE		(w_->data)

struct post_watch {
	uv_async_t	w;
};

static inline void post_open(struct post_watch *p, post_handler *handler,
			     void *cookie)
{
	if (uv_async_init(the_loop, &p->w, handler) < 0)
		abort();
	p->w.data = cookie;
}

static inline void post_close(struct post_watch *p)
{
	uv_close((uv_handle_t *)&p->w, NULL);
}

static inline void post_send(struct post_watch *p)
{
	uv_async_send(&p->w);
}

/* ---- Work ---- */

struct job {
	uv_work_t	w;
	void		(*work)(void *);
	void		(*done)(void *);
	void		*cookie;
};

static inline void work_open(int threads)
{
	char n[16];

	snprintf(n, sizeof(n), "%d", threads);
	setenv("UV_THREADPOOL_SIZE", n, 1);
}

static inline void work_close(void)
{
}

static inline void job_work(uv_work_t *w)
{
	struct job *j = (struct job *)w;

	j->work(j->cookie);
}

static inline void job_done(uv_work_t *w, int status)
{
	struct job *j = (struct job *)w;

	(void)status;
	j->done(j->cookie);
}

static inline void work_submit(struct job *j, void (*work)(void *),
			       void (*done)(void *), void *cookie)
{
	j->work = work;
	j->done = done;
	j->cookie = cookie;
	uv_queue_work(the_loop, &j->w, job_work, job_done);
}

/* ---- Programs ---- */

#define HAVE_PROGRAMS	1

static long programs_left;

static void program_next(uv_process_t *p);

static void program_closed(uv_handle_t *h)
{
	if (--programs_left > 0)
		program_next((uv_process_t *)h);
}

static void program_ended(uv_process_t *p, int64_t status, int sig)
{
	if (status != 0 || sig != 0)
		abort();
	uv_close((uv_handle_t *)p, program_closed);
}

static void program_next(uv_process_t *p)
{
	static char name[] = "true";
	static char *argv[] = { name, NULL };
	uv_stdio_container_t stdio[3];
	uv_process_options_t options;
	int i;

	memset(&options, 0, sizeof(options));
	for (i = 0; i < 3; i++) {
		stdio[i].flags = UV_INHERIT_FD;
		stdio[i].data.fd = i;
	}
	options.file = "/bin/true";
	options.args = argv;
	options.exit_cb = program_ended;
	options.stdio = stdio;
	options.stdio_count = 3;
	if (uv_spawn(the_loop, p, &options) < 0)
		abort();
}

static inline void programs_run(long n)
{
	uv_process_t p;

	programs_left = n;
	program_next(&p);
	uv_run(the_loop, UV_RUN_DEFAULT);
}

/* ---- Files ---- */

typedef void file_handler(uv_fs_event_t *, const char *, int, int);
#define FILE_HANDLER(name)						\
	static void name(uv_fs_event_t *w_,				\
			 const char *name_ __attribute__((unused)),	\
			 int events_ __attribute__((unused)),		\
			 int status_ __attribute__((unused)))
#define FILE_COOKIE		(w_->data)

struct file_watch {
	uv_fs_event_t	w;
	long long	offset;
};

static inline void file_start(struct file_watch *f, const char *name, int fd,
			      file_handler *handler, void *cookie)
{
	(void)fd;
	f->w.data = cookie;
	if (uv_fs_event_init(the_loop, &f->w) < 0 ||
	    uv_fs_event_start(&f->w, handler, name, 0) < 0)
		abort();
}

static inline void file_stop(struct file_watch *f)
{
	uv_fs_event_stop(&f->w);
}

static inline long long *file_offset(struct file_watch *f)
{
	return &f->offset;
}

#endif
