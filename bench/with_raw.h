/* SPDX-License-Identifier: MIT */
/*
 * with_raw.h - no library: epoll and what suits the workloads, by hand.
 *
 * Timers are in a wheel of one slot per millisecond and cannot be further
 * away than its 65 s; posts are flags that the loop looks through; the work
 * pool is a list under a lock.  It is a limit to compare with, and keeps no
 * promise that it was not asked for here.
 */
#ifndef WITH_RAW_H
#define WITH_RAW_H

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define CONTESTANT_STATE	__thread struct raw_loop *the_loop;
#define HAVE_WORK	1
#define HAVE_CONTINUE	1
#define HAVE_FENCE	1
#define HAVE_FILES	1

#define RAW_BATCH	512
#define RAW_SLOTS	65536
#define RAW_POSTS	128

struct timer_watch {
	struct timer_watch	*next, *prev;
	void	(*handler)(void *);
	void	*cookie;
};

struct raw_loop {
	int	epfd;
	bool	stop;
	bool	now_valid;
	int64_t	now;		/* in ms */

	/* The wheel: `tick' has been seen to, nothing is before `soonest'. */
	int64_t	tick, soonest;
	long	timers;
	struct timer_watch	*slot;	/* made at first use */
	uint64_t	used[RAW_SLOTS / 64];

	/* Posts. */
	struct post_watch	*post[RAW_POSTS];
	int	posts, wake_fd, woken;

	struct epoll_event	batch[RAW_BATCH];
};
extern __thread struct raw_loop *the_loop;

typedef void fd_handler(void *cookie);
#define FD_HANDLER(name)	\
	static void name(void *cookie_ __attribute__((unused)))
#define FD_COOKIE		cookie_
typedef void timer_handler(void *cookie);
#define TIMER_HANDLER(name)	\
	static void name(void *cookie_ __attribute__((unused)))
#define TIMER_COOKIE		cookie_
typedef void post_handler(void *cookie);
#define POST_HANDLER(name)	\
	static void name(void *cookie_ __attribute__((unused)))
#define POST_COOKIE		cookie_

struct fd_watch {
	fd_handler	*handler;
	void	*cookie;
	int	fd;
};

struct post_watch {
	post_handler	*handler;
	void	*cookie;
	struct raw_loop	*loop;
	int	pending;
};

static inline void loop_open(bool threads)
{
	(void)threads;
	the_loop = calloc(1, sizeof(*the_loop));
	if (the_loop == NULL)
		abort();
	the_loop->epfd = epoll_create1(EPOLL_CLOEXEC);
	the_loop->wake_fd = -1;
	the_loop->soonest = INT64_MAX;
}

static inline void loop_close(void)
{
	if (the_loop->wake_fd >= 0)
		close(the_loop->wake_fd);
	close(the_loop->epfd);
	free(the_loop->slot);
	free(the_loop);
}

static inline int64_t raw_now(struct raw_loop *l)
{
	struct timespec ts;

	if (!l->now_valid) {
		clock_gettime(CLOCK_MONOTONIC, &ts);
		l->now = ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
		l->now_valid = true;
	}
	return l->now;
}

/* ---- Timers ---- */

static inline void timer_init(struct timer_watch *t, timer_handler *handler,
			      void *cookie)
{
	t->handler = handler;
	t->cookie = cookie;
}

static inline void raw_wheel_make(struct raw_loop *l)
{
	int i;

	l->slot = malloc(RAW_SLOTS * sizeof(*l->slot));
	if (l->slot == NULL)
		abort();
	for (i = 0; i < RAW_SLOTS; i++)
		l->slot[i].next = l->slot[i].prev = &l->slot[i];
	l->tick = raw_now(l);
}

static inline void timer_start(struct timer_watch *t, int64_t ns)
{
	struct raw_loop *l = the_loop;
	struct timer_watch *head;
	unsigned s;
	int64_t at;

	if (l->slot == NULL)
		raw_wheel_make(l);
	at = raw_now(l) + ns / 1000000 + 1;
	s = (unsigned)at % RAW_SLOTS;
	head = &l->slot[s];
	t->next = head;
	t->prev = head->prev;
	head->prev->next = t;
	head->prev = t;
	l->used[s / 64] |= UINT64_C(1) << s % 64;
	if (at < l->soonest)
		l->soonest = at;
	l->timers++;
}

static inline void timer_stop(struct timer_watch *t)
{
	t->prev->next = t->next;
	t->next->prev = t->prev;
	the_loop->timers--;
}

static inline void timer_again(struct timer_watch *t, int64_t ns)
{
	timer_stop(t);
	timer_start(t, ns);
}

static inline void raw_expire_slot(struct raw_loop *l, unsigned s)
{
	struct timer_watch *head = &l->slot[s], *t;

	l->used[s / 64] &= ~(UINT64_C(1) << s % 64);
	while ((t = head->next) != head) {
		timer_stop(t);
		t->handler(t->cookie);
	}
}

/* Bits of slots that were emptied are still set: that makes it early. */
static inline int64_t raw_next_tick(struct raw_loop *l)
{
	int64_t t;

	for (t = l->tick + 1; t < l->tick + RAW_SLOTS; ) {
		unsigned s = (unsigned)t % RAW_SLOTS;
		uint64_t bits = l->used[s / 64] >> s % 64;

		if (bits != 0)
			return t + __builtin_ctzll(bits);
		t += 64 - s % 64;
	}
	return INT64_MAX;
}

static inline void raw_expire(struct raw_loop *l)
{
	if (raw_now(l) < l->soonest)
		return;
	while (l->soonest <= l->now) {
		l->tick = l->soonest;
		raw_expire_slot(l, (unsigned)l->tick % RAW_SLOTS);
		l->soonest = raw_next_tick(l);
	}
}

/* ---- Posts ---- */

static inline void raw_post_run(struct raw_loop *l)
{
	int i;

	__atomic_store_n(&l->woken, 0, __ATOMIC_SEQ_CST);
	for (i = 0; i < l->posts; i++) {
		struct post_watch *p = l->post[i];

		if (__atomic_load_n(&p->pending, __ATOMIC_RELAXED) &&
		    __atomic_exchange_n(&p->pending, 0, __ATOMIC_SEQ_CST))
			p->handler(p->cookie);
	}
}

static inline void post_open(struct post_watch *p, post_handler *handler,
			     void *cookie)
{
	struct raw_loop *l = the_loop;
	struct epoll_event ev = { EPOLLIN | EPOLLET, { .ptr = NULL } };

	p->handler = handler;
	p->cookie = cookie;
	p->loop = l;
	p->pending = 0;
	if (l->wake_fd < 0) {
		l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		epoll_ctl(l->epfd, EPOLL_CTL_ADD, l->wake_fd, &ev);
	}
	if (l->posts == RAW_POSTS)
		abort();
	l->post[l->posts++] = p;
}

static inline void post_close(struct post_watch *p)
{
	struct raw_loop *l = the_loop;
	int i = 0;

	while (l->post[i] != p)
		i++;
	l->post[i] = l->post[--l->posts];
}

static inline void post_send(struct post_watch *p)
{
	static const uint64_t one = 1;

	if (__atomic_load_n(&p->pending, __ATOMIC_RELAXED))
		return;
	__atomic_store_n(&p->pending, 1, __ATOMIC_SEQ_CST);
	if (!__atomic_exchange_n(&p->loop->woken, 1, __ATOMIC_SEQ_CST) &&
	    write(p->loop->wake_fd, &one, sizeof(one)) < 0)
		abort();
}

/* ---- The loop ---- */

static inline void raw_turn(struct raw_loop *l, bool block)
{
	int timeout = block ? -1 : 0, i, n;
	int64_t left;

	if (block && l->timers > 0) {
		left = l->soonest - raw_now(l);
		timeout = left > 0 ? (int)left : 0;
	}
	n = epoll_wait(l->epfd, l->batch, RAW_BATCH, timeout);
	l->now_valid = false;
	for (i = 0; i < n; i++) {
		struct fd_watch *f = l->batch[i].data.ptr;

		if (f != NULL)
			f->handler(f->cookie);
		else
			raw_post_run(l);
	}
	if (l->timers > 0)
		raw_expire(l);
}

static inline void loop_run(void)
{
	struct raw_loop *l = the_loop;

	for (l->stop = false; !l->stop; )
		raw_turn(l, true);
}

static inline void loop_stop(void)
{
	the_loop->stop = true;
}

static inline void run_turns(bool (*fn)(void))
{
	while (fn())
		raw_turn(the_loop, false);
}

/* ---- Descriptors ---- */

static inline void raw_ctl(struct fd_watch *f, int op, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = f };

	if (epoll_ctl(the_loop->epfd, op, f->fd, &ev) < 0)
		abort();
}

static inline void fd_init(struct fd_watch *f, int fd, fd_handler *handler,
			   void *cookie)
{
	f->fd = fd;
	f->handler = handler;
	f->cookie = cookie;
}

static inline void fd_add(struct fd_watch *f)
{
	raw_ctl(f, EPOLL_CTL_ADD, EPOLLIN);
}

static inline void fd_del(struct fd_watch *f)
{
	raw_ctl(f, EPOLL_CTL_DEL, 0);
}

static inline void fd_write(struct fd_watch *f, bool on)
{
	raw_ctl(f, EPOLL_CTL_MOD, on ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static inline void fd_suspend(struct fd_watch *f)
{
	raw_ctl(f, EPOLL_CTL_MOD, 0);
}

static inline void fd_resume(struct fd_watch *f, fd_handler *handler)
{
	f->handler = handler;
	raw_ctl(f, EPOLL_CTL_MOD, EPOLLIN);
}

/* ---- Work ---- */

struct job {
	struct job	*next;
	void	(*work)(void *);
	void	(*done)(void *);
	void	*cookie;
};

static struct raw_pool {
	pthread_mutex_t	lock;
	pthread_cond_t	cond;
	struct job	*todo, **todo_end, *done, **done_end;
	struct post_watch	news;
	int	idle, threads;
	bool	close;
	pthread_t	thread[64];
} raw_pool __attribute__((unused)) = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.cond = PTHREAD_COND_INITIALIZER,
};

static inline void *raw_worker(void *arg)
{
	struct raw_pool *p = arg;
	struct job *j;
	bool first;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		while ((j = p->todo) == NULL && !p->close) {
			p->idle++;
			pthread_cond_wait(&p->cond, &p->lock);
			p->idle--;
		}
		if (j == NULL)
			break;
		p->todo = j->next;
		if (p->todo == NULL)
			p->todo_end = &p->todo;
		pthread_mutex_unlock(&p->lock);
		j->work(j->cookie);
		j->next = NULL;
		pthread_mutex_lock(&p->lock);
		first = p->done == NULL;
		*p->done_end = j;
		p->done_end = &j->next;
		if (first)
			post_send(&p->news);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static inline void raw_completed(void *arg)
{
	struct raw_pool *p = arg;
	struct job *j, *next;

	pthread_mutex_lock(&p->lock);
	j = p->done;
	p->done = NULL;
	p->done_end = &p->done;
	pthread_mutex_unlock(&p->lock);
	for (; j != NULL; j = next) {
		next = j->next;
		j->done(j->cookie);
	}
}

static inline void work_open(int threads)
{
	struct raw_pool *p = &raw_pool;
	int i;

	p->todo_end = &p->todo;
	p->done_end = &p->done;
	p->threads = threads < 64 ? threads : 64;
	post_open(&p->news, raw_completed, p);
	for (i = 0; i < p->threads; i++)
		if (pthread_create(&p->thread[i], NULL, raw_worker, p) != 0)
			abort();
}

static inline void work_close(void)
{
	struct raw_pool *p = &raw_pool;
	int i;

	pthread_mutex_lock(&p->lock);
	p->close = true;
	pthread_cond_broadcast(&p->cond);
	pthread_mutex_unlock(&p->lock);
	for (i = 0; i < p->threads; i++)
		pthread_join(p->thread[i], NULL);
}

static inline void work_submit(struct job *j, void (*work)(void *),
			       void (*done)(void *), void *cookie)
{
	struct raw_pool *p = &raw_pool;
	bool wake;

	j->work = work;
	j->done = done;
	j->cookie = cookie;
	j->next = NULL;
	pthread_mutex_lock(&p->lock);
	*p->todo_end = j;
	p->todo_end = &j->next;
	wake = p->idle > 0;
	pthread_mutex_unlock(&p->lock);
	if (wake)
		pthread_cond_signal(&p->cond);
}

#define work_continue	work_submit

/* ---- Programs ---- */

#include <spawn.h>
#include <sys/wait.h>

#define HAVE_PROGRAMS	1

/* What posix_spawn() takes for what iv_spawn does. */
static inline void programs_run(long n)
{
	static char name[] = "true";
	static char *argv[] = { name, NULL };
	posix_spawnattr_t attr;
	sigset_t none;
	int status;
	pid_t pid;

	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	while (n-- > 0) {
		if (posix_spawn(&pid, "/bin/true", NULL, &attr, argv,
				environ) != 0)
			abort();
		if (waitpid(pid, &status, 0) != pid || status != 0)
			abort();
	}
	posix_spawnattr_destroy(&attr);
}

/* ---- Files: marks that tell no more than that one was written to ---- */

#include <sys/inotify.h>

typedef void file_handler(void *cookie);
#define FILE_HANDLER(name)	static void name(void *cookie_)
#define FILE_COOKIE		cookie_

struct file_watch {
	file_handler	*handler;
	void	*cookie;
	int	mark;
	long long	offset;
};

static struct raw_marks {
	struct fd_watch	w;
	struct file_watch	**file;		/* by mark */
	int	size;
} raw_marks __attribute__((unused));

static inline void raw_marked(void *arg)
{
	struct raw_marks *m = arg;
	char buf[16384] __attribute__((aligned(8)));
	ssize_t n = read(m->w.fd, buf, sizeof(buf)), at;
	struct inotify_event e;

	for (at = 0; at < n; at += (ssize_t)(sizeof(e) + e.len)) {
		memcpy(&e, buf + at, sizeof(e));
		if (!(e.mask & IN_IGNORED))
			m->file[e.wd]->handler(m->file[e.wd]->cookie);
	}
}

static inline void raw_marks_open(struct raw_marks *m)
{
	fd_init(&m->w, inotify_init1(IN_NONBLOCK | IN_CLOEXEC), raw_marked, m);
	fd_add(&m->w);
}

static inline void file_start(struct file_watch *f, const char *name, int fd,
			      file_handler *handler, void *cookie)
{
	struct raw_marks *m = &raw_marks;

	(void)fd;
	if (m->size == 0)
		raw_marks_open(m);
	f->handler = handler;
	f->cookie = cookie;
	f->mark = inotify_add_watch(m->w.fd, name, IN_MODIFY);
	if (f->mark < 0)
		abort();
	if (f->mark >= m->size) {
		m->size = 2 * f->mark + 64;
		m->file = realloc(m->file,
				  (size_t)m->size * sizeof(*m->file));
		if (m->file == NULL)
			abort();
	}
	m->file[f->mark] = f;
}

static inline void file_stop(struct file_watch *f)
{
	inotify_rm_watch(raw_marks.w.fd, f->mark);
}

static inline long long *file_offset(struct file_watch *f)
{
	return &f->offset;
}

#endif
