/* SPDX-License-Identifier: MIT */
/* with_ivykis.h - ivykis, this tree's or the installed one. */
#ifndef WITH_IVYKIS_H
#define WITH_IVYKIS_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <iv.h>
#include <iv_event.h>
#include <iv_work.h>

#define CONTESTANT_STATE
#define HAVE_WORK	1

static inline void loop_open(bool threads)
{
	(void)threads;
	iv_init();
}

static inline void loop_close(void)
{
	iv_deinit();
}

static inline void loop_run(void)
{
	iv_main();
}

static inline void loop_stop(void)
{
	iv_quit();
}

struct turns {
	struct iv_task	task;
	bool		(*fn)(void);
};

static inline void next_turn(void *_t)
{
	struct turns *t = _t;

	if (t->fn())
		iv_task_register(&t->task);
	else
		iv_quit();
}

static inline void run_turns(bool (*fn)(void))
{
	struct turns t = { .fn = fn };

	IV_TASK_INIT(&t.task);
	t.task.cookie = &t;
	t.task.handler = next_turn;
	iv_task_register(&t.task);
	iv_main();
}

/* ---- Descriptors ---- */

typedef void fd_handler(void *cookie);
#define FD_HANDLER(name)	\
	static void name(void *cookie_ __attribute__((unused)))
#define FD_COOKIE		cookie_

struct fd_watch {
	struct iv_fd	w;
};

static inline void fd_init(struct fd_watch *f, int fd, fd_handler *handler,
			   void *cookie)
{
	IV_FD_INIT(&f->w);
	f->w.fd = fd;
	f->w.handler_in = handler;
	f->w.cookie = cookie;
}

#ifdef IV_FD_RAW
static inline void fd_init_nonblock(struct fd_watch *f, int fd,
				    fd_handler *handler, void *cookie)
{
	fd_init(f, fd, handler, cookie);
	iv_fd_set_flags(&f->w, IV_FD_RAW);
}
#define fd_init_nonblock	fd_init_nonblock
#endif

static inline void fd_add(struct fd_watch *f)
{
	iv_fd_register(&f->w);
}

static inline void fd_del(struct fd_watch *f)
{
	iv_fd_unregister(&f->w);
}

static inline void fd_write(struct fd_watch *f, bool on)
{
	iv_fd_set_handler_out(&f->w, on ? f->w.handler_in : NULL);
}

static inline void fd_suspend(struct fd_watch *f)
{
	iv_fd_set_handler_in(&f->w, NULL);
	iv_fd_set_handler_out(&f->w, NULL);
	iv_fd_set_handler_err(&f->w, NULL);
}

static inline void fd_resume(struct fd_watch *f, fd_handler *handler)
{
	iv_fd_set_handler_in(&f->w, handler);
	iv_fd_set_handler_out(&f->w, NULL);
	iv_fd_set_handler_err(&f->w, handler);
}

/* ---- Timers ---- */

typedef void timer_handler(void *cookie);
#define TIMER_HANDLER(name)	\
	static void name(void *cookie_ __attribute__((unused)))
#define TIMER_COOKIE		cookie_

struct timer_watch {
	struct iv_timer	w;
};

static inline void timer_init(struct timer_watch *t, timer_handler *handler,
			      void *cookie)
{
	IV_TIMER_INIT(&t->w);
	t->w.handler = handler;
	t->w.cookie = cookie;
}

static inline void timer_start(struct timer_watch *t, int64_t ns)
{
	const struct timespec *now = &iv_now;

	t->w.expires.tv_sec = now->tv_sec + ns / 1000000000;
	t->w.expires.tv_nsec = now->tv_nsec + ns % 1000000000;
	if (t->w.expires.tv_nsec >= 1000000000) {
		t->w.expires.tv_sec++;
		t->w.expires.tv_nsec -= 1000000000;
	}
	iv_timer_register(&t->w);
}

static inline void timer_stop(struct timer_watch *t)
{
	iv_timer_unregister(&t->w);
}

static inline void timer_again(struct timer_watch *t, int64_t ns)
{
	iv_timer_unregister(&t->w);
	timer_start(t, ns);
}

#ifdef IV_VERSION
static inline void timer_slack(int64_t ns)
{
	struct timespec slack = { ns / 1000000000, ns % 1000000000 };

	iv_set_timer_slack(&slack);
}
#define timer_slack	timer_slack
#endif

/* ---- Posts ---- */

typedef void post_handler(void *cookie);
#define POST_HANDLER(name)	\
	static void name(void *cookie_ __attribute__((unused)))
#define POST_COOKIE		cookie_

struct post_watch {
	struct iv_event	w;
};

static inline void post_open(struct post_watch *p, post_handler *handler,
			     void *cookie)
{
	IV_EVENT_INIT(&p->w);
	p->w.handler = handler;
	p->w.cookie = cookie;
	if (iv_event_register(&p->w) != 0)
		abort();
}

static inline void post_close(struct post_watch *p)
{
	iv_event_unregister(&p->w);
}

static inline void post_send(struct post_watch *p)
{
	iv_event_post(&p->w);
}

/* ---- Work ---- */

static struct iv_work_pool work_pool_ __attribute__((unused));

struct job {
	struct iv_work_item	w;
};

static inline void work_open(int threads)
{
	IV_WORK_POOL_INIT(&work_pool_);
	work_pool_.max_threads = threads;
	if (iv_work_pool_create(&work_pool_) < 0)
		abort();
}

static inline void work_close(void)
{
	iv_work_pool_put(&work_pool_);
}

static inline void job_set(struct job *j, void (*work)(void *),
			   void (*done)(void *), void *cookie)
{
	IV_WORK_ITEM_INIT(&j->w);
	j->w.cookie = cookie;
	j->w.work = work;
	j->w.completion = done;
}

static inline void work_submit(struct job *j, void (*work)(void *),
			       void (*done)(void *), void *cookie)
{
	job_set(j, work, done, cookie);
	iv_work_pool_submit_work(&work_pool_, &j->w);
}

#ifdef HAVE_CONTINUE	/* not in 0.42 */
static inline void work_continue(struct job *j, void (*work)(void *),
				 void (*done)(void *), void *cookie)
{
	job_set(j, work, done, cookie);
	iv_work_pool_submit_continuation(&work_pool_, &j->w);
}
#endif

/* ---- Programs ---- */

#ifdef HAVE_PROGRAMS		/* not in 0.42 */
#include <iv_spawn.h>

static long programs_left;

static void program_next(struct iv_spawn *s)
{
	static char name[] = "true";
	static char *argv[] = { name, NULL };

	s->file = "/bin/true";
	s->argv = argv;
	if (iv_spawn_start(s) < 0)
		abort();
}

static void program_ended(void *s, int status, const struct rusage *usage)
{
	(void)usage;
	if (status != 0)
		abort();
	if (--programs_left > 0)
		program_next(s);
}

static inline void programs_run(long n)
{
	struct iv_spawn s;

	IV_SPAWN_INIT(&s);
	s.cookie = &s;
	s.handler = program_ended;
	programs_left = n;
	program_next(&s);
	iv_main();
}
#endif

/* ---- Files ---- */

#ifdef HAVE_FILES		/* not in 0.42 */
#include <iv_follow.h>

typedef void file_handler(void *, unsigned);
#define FILE_HANDLER(name)						\
	static void name(void *cookie_,					\
			 unsigned what_ __attribute__((unused)))
#define FILE_COOKIE		cookie_

struct file_watch {
	struct iv_follow	w;
};

static inline void file_start(struct file_watch *f, const char *name, int fd,
			      file_handler *handler, void *cookie)
{
	IV_FOLLOW_INIT(&f->w);
	f->w.pathname = name;
	f->w.fd = fd;
	f->w.cookie = cookie;
	f->w.handler = handler;
	if (iv_follow_register(&f->w) < 0)
		abort();
}

static inline void file_stop(struct file_watch *f)
{
	iv_follow_unregister(&f->w);
}

static inline long long *file_offset(struct file_watch *f)
{
	return &f->w.offset;
}
#endif

#endif
