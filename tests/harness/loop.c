/* SPDX-License-Identifier: MIT */
/*
 * loop.c - helpers for tests: handlers, loops, threads that run loops.
 */
#include "config.h"
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <iv_event.h>
#include "harness.h"

/* ---- Handlers ---------------------------------------------------------- */

void tally(void *cookie)
{
	struct tally *t = cookie;

	if (++t->calls == t->quit_at)
		iv_quit();
}

static char trace_buf[4096];
static size_t trace_len;

void trace(void *label)
{
	size_t len = strlen(label);

	if (len >= sizeof(trace_buf) - trace_len)
		FAIL("trace is full");
	memcpy(trace_buf + trace_len, label, len + 1);
	trace_len += len;
}

const char *traced(void)
{
	static char copy[sizeof(trace_buf)];

	memcpy(copy, trace_buf, trace_len + 1);
	copy[trace_len] = '\0';
	trace_len = 0;
	return copy;
}

void quit_handler(void *unused)
{
	(void)unused;
	iv_quit();
}

void never_handler(void *why)
{
	const char *s = why;

	FAIL("a handler ran that must not%s%s", s != NULL ? ": " : "",
	     s != NULL ? s : "");
}

/* ---- Loops ------------------------------------------------------------- */

void timer_after(struct iv_timer *t, long ms, void (*handler)(void *),
		 void *cookie)
{
	struct timespec at = iv_now;

	at.tv_sec += ms / 1000;
	at.tv_nsec += ms % 1000 * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	} else if (at.tv_nsec < 0) {
		at.tv_sec--;
		at.tv_nsec += 1000000000;
	}
	IV_TIMER_INIT(t);
	t->expires = at;
	t->handler = handler;
	t->cookie = cookie;
}

static struct iv_task turn_task;
static unsigned turns_left;

static void next_turn(void *unused)
{
	(void)unused;
	if (--turns_left == 0)
		iv_quit();
	else
		iv_task_register(&turn_task);
}

void quit_after_turns(unsigned n)
{
	CHECK_INT(n, >, 0);
	turns_left = n;
	/* Of an outer loop, which ends with this one. */
	if (iv_task_registered(&turn_task))
		iv_task_unregister(&turn_task);
	IV_TASK_INIT(&turn_task);
	turn_task.handler = next_turn;
	iv_task_register(&turn_task);
}

static struct iv_timer deadline;

static void deadline_passed(void *unused)
{
	(void)unused;
	FAIL("the loop still runs at its deadline");
}

void with_deadline(unsigned seconds)
{
	iv_invalidate_now();
	timer_after(&deadline, (long)(seconds * time_scale() * 1000),
		    deadline_passed, NULL);
	iv_timer_register(&deadline);
}

void without_deadline(void)
{
	iv_timer_unregister(&deadline);
}

/* ---- Threads ----------------------------------------------------------- */

int thread_create(int (*create)(pthread_t *, const pthread_attr_t *,
				void *(*)(void *), void *),
		  pthread_t *tid, const pthread_attr_t *attr,
		  void *(*fn)(void *), void *arg)
{
	sigset_t set, saved;
	int ret;

	sigemptyset(&set);
#ifdef __SANITIZE_THREAD__
	sigfillset(&set);
#endif
	pthread_sigmask(SIG_BLOCK, &set, &saved);
	ret = create(tid, attr, fn, arg);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	return ret;
}

struct loop_thread {
	pthread_t	tid;
	void		(*setup)(void *);
	void		(*teardown)(void *);
	void		*arg;

	struct iv_event	call;
	void		(*fn)(void *);		/* what the event is to run */
	void		*fn_arg;

	pthread_mutex_t	lock;			/* guards done */
	pthread_cond_t	changed;
	int		done;
};

static void set_done(struct loop_thread *t)
{
	pthread_mutex_lock(&t->lock);
	t->done = 1;
	pthread_cond_signal(&t->changed);
	pthread_mutex_unlock(&t->lock);
}

static void await_done(struct loop_thread *t)
{
	pthread_mutex_lock(&t->lock);
	while (!t->done)
		pthread_cond_wait(&t->changed, &t->lock);
	t->done = 0;
	pthread_mutex_unlock(&t->lock);
}

static void run_call(void *cookie)
{
	struct loop_thread *t = cookie;

	t->fn(t->fn_arg);
	set_done(t);
}

static void *loop_thread_main(void *cookie)
{
	struct loop_thread *t = cookie;

	iv_init();
	IV_EVENT_INIT(&t->call);
	t->call.cookie = t;
	t->call.handler = run_call;
	CHECK_SYS(iv_event_register(&t->call));
	if (t->setup != NULL)
		t->setup(t->arg);
	set_done(t);

	iv_main();

	if (t->teardown != NULL)
		t->teardown(t->arg);
	iv_event_unregister(&t->call);
	iv_deinit();
	return NULL;
}

struct loop_thread *loop_thread_start(void (*setup)(void *),
				      void (*teardown)(void *), void *arg)
{
	struct loop_thread *t = calloc(1, sizeof(*t));

	CHECK(t != NULL);
	t->setup = setup;
	t->teardown = teardown;
	t->arg = arg;
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->changed, NULL);
	CHECK_INT(pthread_create(&t->tid, NULL, loop_thread_main, t), ==, 0);
	await_done(t);
	return t;
}

void loop_thread_call(struct loop_thread *t, void (*fn)(void *), void *arg)
{
	t->fn = fn;
	t->fn_arg = arg;
	iv_event_post(&t->call);
	await_done(t);
}

void loop_thread_stop(struct loop_thread *t)
{
	loop_thread_call(t, quit_handler, NULL);
	CHECK_INT(pthread_join(t->tid, NULL), ==, 0);
	pthread_cond_destroy(&t->changed);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* ---- Wake-ups ------------------------------------------------------------ */

static int lowest_free_fd(void)
{
	int fd = (int)CHECK_SYS(dup(STDIN_FILENO));

	CHECK_SYS(close(fd));
	return fd;
}

/* In a thread with a loop of its own, so that the caller's stays as it is. */
static void *try_wake(void *without)
{
	struct iv_event ev;
	int fd;

	iv_init();
	IV_EVENT_INIT(&ev);
	ev.handler = never_handler;
	fd = lowest_free_fd();
	CHECK_SYS(iv_event_register(&ev));
	*(int *)without = lowest_free_fd() == fd;
	iv_event_unregister(&ev);
	iv_deinit();
	return NULL;
}

int wakes_without_fd(void)
{
	pthread_t thread;
	int without;

	CHECK_INT(pthread_create(&thread, NULL, try_wake, &without), ==, 0);
	CHECK_INT(pthread_join(thread, NULL), ==, 0);
	return without;
}
