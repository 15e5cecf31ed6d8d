/* SPDX-License-Identifier: MIT */
/*
 * call.c - tests of iv_loop_call(), iv_loop_call_wait() and iv_loop_quit().
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <iv_event.h>
#include <iv_loop.h>
#include "harness/test.h"

/* ---- Helpers --------------------------------------------------------------- */

static void *label(const char *text)
{
	return (void *)(uintptr_t)text;
}

static struct iv_loop *make_and_enter(void)
{
	struct iv_loop *loop = iv_loop_new(NULL);

	CHECK(loop != NULL);
	iv_loop_enter(loop);
	return loop;
}

static void leave_and_free(struct iv_loop *loop)
{
	CHECK_PTR(iv_loop_enter(NULL), ==, loop);
	iv_loop_free(loop);
}

static struct iv_call calls[10];
static struct iv_timer timer;

static struct iv_call *call_of(int i, void (*handler)(void *), void *cookie)
{
	IV_CALL_INIT(&calls[i]);
	calls[i].handler = handler;
	calls[i].cookie = cookie;
	return &calls[i];
}

static void add_far_timer(void)
{
	timer_after(&timer, 3600000, never_handler, NULL);
	iv_timer_register(&timer);
}

static void in_thread(void *(*fn)(void *), void *arg)
{
	pthread_t tid;

	CHECK_INT(pthread_create(&tid, NULL, fn, arg), ==, 0);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
}

/* A loop that a thread runs until it is told to quit. */
struct runner {
	struct iv_loop	*loop;
	pthread_t	tid;
};

static void *run_loop(void *_runner)
{
	struct runner *r = _runner;

	iv_loop_enter(r->loop);
	iv_ref();
	iv_main();
	iv_unref();
	iv_loop_enter(NULL);
	return NULL;
}

static void start(struct runner *r)
{
	r->loop = iv_loop_new(NULL);
	CHECK(r->loop != NULL);
	CHECK_INT(pthread_create(&r->tid, NULL, run_loop, r), ==, 0);
}

static void stop(struct runner *r)
{
	iv_loop_quit(r->loop);
	CHECK_INT(pthread_join(r->tid, NULL), ==, 0);
	iv_loop_free(r->loop);
}

/* ---- Calls ----------------------------------------------------------------- */

static void *call_three(void *_loop)
{
	CHECK_INT(iv_loop_call(_loop, call_of(0, trace, label("a"))), ==, 0);
	CHECK_INT(iv_loop_call(_loop, call_of(1, trace, label("b"))), ==, 0);
	CHECK_ERRNO(iv_loop_call(_loop, &calls[0]), EALREADY);
	CHECK_INT(iv_loop_call(_loop, call_of(2, trace, label("c"))), ==, 0);
	return NULL;
}

/* They keep it going, whatever else there is. */
TEST(called_in_order_in_the_next_turn)
{
	struct iv_loop *loop = make_and_enter();

	in_thread(call_three, loop);
	iv_main();
	CHECK_STR(traced(), "abc");
	iv_main();
	CHECK_STR(traced(), "");
	leave_and_free(loop);
}

TEST(to_a_loop_of_iv_init)
{
	struct iv_loop *loop;

	iv_init();
	loop = iv_loop_self();
	in_thread(call_three, loop);
	CHECK_INT(iv_run(IV_RUN_ONCE), ==, 0);
	CHECK_STR(traced(), "abc");
	iv_deinit();
}

static struct iv_event event;

static void drop_event(void *text)
{
	trace(text);
	iv_event_unregister(&event);
}

static void *post_between(void *_loop)
{
	CHECK_INT(iv_loop_call(_loop, call_of(0, trace, label("a"))), ==, 0);
	iv_event_post(&event);
	CHECK_INT(iv_loop_call(_loop, call_of(1, trace, label("b"))), ==, 0);
	return NULL;
}

TEST(in_order_with_events)
{
	struct iv_loop *loop = make_and_enter();

	IV_EVENT_INIT(&event);
	event.handler = drop_event;
	event.cookie = label("e");
	CHECK_INT(iv_event_register(&event), ==, 0);
	in_thread(post_between, loop);
	iv_main();
	CHECK_STR(traced(), "aeb");
	leave_and_free(loop);
}

static void call_again(void *_left)
{
	int *left = _left;

	trace(label("x"));
	if (--*left > 0)
		CHECK_INT(iv_loop_call(iv_loop_self(), &calls[0]), ==, 0);
}

/* Its own: in a turn each. */
TEST(posted_again_by_the_handler)
{
	struct iv_loop *loop = make_and_enter();
	int left = 3;

	CHECK_INT(iv_loop_call(loop, call_of(0, call_again, &left)), ==, 0);
	CHECK_ERRNO(iv_loop_call(loop, &calls[0]), EALREADY);
	CHECK_INT(iv_run(IV_RUN_ONCE), ==, 1);
	CHECK_STR(traced(), "x");
	iv_main();
	CHECK_STR(traced(), "xx");
	leave_and_free(loop);
}

static void free_call(void *_call)
{
	memset(_call, 0xa5, sizeof(struct iv_call));
	free(_call);
	trace(label("f"));
}

TEST(freed_by_the_handler)
{
	struct iv_loop *loop = make_and_enter();
	struct iv_call *call = malloc(sizeof(*call));

	CHECK(call != NULL);
	IV_CALL_INIT(call);
	call->handler = free_call;
	call->cookie = call;
	CHECK_INT(iv_loop_call(loop, call), ==, 0);
	iv_main();
	CHECK_STR(traced(), "f");
	leave_and_free(loop);
}

static void quit_and_mark(void *text)
{
	trace(text);
	iv_quit();
}

static void *call_later(void *_loop)
{
	struct timespec soon = { 0, 5000000 };

	nanosleep(&soon, NULL);
	CHECK_INT(iv_loop_call(_loop, call_of(0, quit_and_mark, label("q"))),
		  ==, 0);
	return NULL;
}

/* Without an event, or anything else that has to do with other threads. */
TEST(wakes_a_loop_that_sleeps)
{
	struct iv_loop *loop;
	pthread_t tid;

	iv_init();
	loop = iv_loop_self();
	add_far_timer();
	CHECK_INT(pthread_create(&tid, NULL, call_later, loop), ==, 0);
	iv_main();
	CHECK_STR(traced(), "q");
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	iv_timer_unregister(&timer);
	iv_deinit();
}

/* ---- Many ------------------------------------------------------------------ */

#define CALLERS	4
#define TIMES	2000

struct sequence {
	struct runner	*to;
	unsigned	sent, seen;
};

struct numbered {
	struct iv_call	call;
	struct sequence	*of;
	unsigned	number;
};

static void in_sequence(void *_n)
{
	struct numbered *n = _n;

	CHECK_INT(n->number, ==, n->of->seen);
	n->of->seen++;
	free(n);
}

static void *call_many(void *_sequence)
{
	struct sequence *s = _sequence;

	while (s->sent < TIMES) {
		struct numbered *n = malloc(sizeof(*n));

		CHECK(n != NULL);
		IV_CALL_INIT(&n->call);
		n->call.handler = in_sequence;
		n->call.cookie = n;
		n->of = s;
		n->number = s->sent++;
		CHECK_INT(iv_loop_call(s->to->loop, &n->call), ==, 0);
	}
	return NULL;
}

static void do_nothing(void *unused)
{
	(void)unused;
}

TEST(many_from_many_threads)
{
	struct runner r;
	struct sequence seq[CALLERS] = { { NULL, 0, 0 } };
	pthread_t tids[CALLERS];
	int i;

	time_limit(30);
	start(&r);
	for (i = 0; i < CALLERS; i++) {
		seq[i].to = &r;
		CHECK_INT(pthread_create(&tids[i], NULL, call_many, &seq[i]),
			  ==, 0);
	}
	for (i = 0; i < CALLERS; i++)
		CHECK_INT(pthread_join(tids[i], NULL), ==, 0);
	iv_loop_call_wait(r.loop, call_of(0, do_nothing, NULL));
	for (i = 0; i < CALLERS; i++)
		CHECK_INT(seq[i].seen, ==, TIMES);
	stop(&r);
}

/* ---- Waiting --------------------------------------------------------------- */

static struct iv_loop *called_in;

static void note_loop(void *_n)
{
	called_in = iv_loop_self();
	++*(int *)_n;
}

TEST(wait_until_it_has_run)
{
	struct runner r;
	int n = 0, i;

	start(&r);
	for (i = 0; i < 200; i++) {
		iv_loop_call_wait(r.loop, call_of(0, note_loop, &n));
		CHECK_INT(n, ==, i + 1);
		CHECK_PTR(called_in, ==, r.loop);
	}
	stop(&r);
}

TEST(wait_in_its_own_thread)
{
	struct iv_loop *loop = make_and_enter();
	int n = 0;

	iv_loop_call_wait(loop, call_of(0, note_loop, &n));
	CHECK_INT(n, ==, 1);
	CHECK_PTR(called_in, ==, loop);
	leave_and_free(loop);
}

struct outer {
	struct iv_loop	*loop, *other;
	int	n;
};

static void wait_from_another(void *_outer)
{
	struct outer *o = _outer;

	iv_loop_enter(o->other);
	iv_loop_call_wait(o->loop, call_of(0, note_loop, &o->n));
	CHECK_PTR(called_in, ==, o->loop);
	CHECK_PTR(iv_loop_self(), ==, o->other);
	iv_loop_enter(o->loop);
}

/* Its thread has another one entered: nobody else could run it. */
TEST(wait_in_its_own_thread_with_another_entered)
{
	struct outer o = { NULL, NULL, 0 };

	o.other = iv_loop_new(NULL);
	o.loop = make_and_enter();
	CHECK_INT(iv_loop_call(o.loop, call_of(1, wait_from_another, &o)), ==,
		  0);
	iv_main();
	CHECK_INT(o.n, ==, 1);
	leave_and_free(o.loop);
	iv_loop_free(o.other);
}

static void wait_for_other(void *_r)
{
	struct runner *r = _r;
	int n = 0;

	iv_loop_call_wait(r->loop, call_of(1, note_loop, &n));
	CHECK_INT(n, ==, 1);
}

TEST(one_loop_waits_for_another)
{
	struct runner a, b;

	start(&a);
	start(&b);
	iv_loop_call_wait(a.loop, call_of(0, wait_for_other, &b));
	stop(&a);
	stop(&b);
}

static void free_and_mark(void *_call)
{
	free_call(_call);
}

/* The handler frees what the waiting one has posted. */
TEST(wait_for_one_that_is_freed)
{
	struct runner r;
	struct iv_call *call = malloc(sizeof(*call));

	CHECK(call != NULL);
	IV_CALL_INIT(call);
	call->handler = free_and_mark;
	call->cookie = call;
	start(&r);
	iv_loop_call_wait(r.loop, call);
	CHECK_STR(traced(), "f");
	stop(&r);
}

static jmp_buf out;

static void jump(void *unused)
{
	(void)unused;
	longjmp(out, 1);
}

static void *wait_for_jump(void *_loop)
{
	iv_loop_call_wait(_loop, call_of(0, jump, NULL));
	return NULL;
}

TEST(a_handler_is_left_by_longjmp)
{
	struct iv_loop *loop = make_and_enter();
	pthread_t tid;

	CHECK_INT(pthread_create(&tid, NULL, wait_for_jump, loop), ==, 0);
	iv_ref();
	if (setjmp(out) == 0)
		iv_main();
	iv_unref();
	CHECK_INT(iv_run(IV_RUN_NOWAIT), ==, 0);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	leave_and_free(loop);
}

static void end_thread(void *unused)
{
	(void)unused;
	pthread_exit(NULL);
}

TEST(a_handler_ends_its_thread)
{
	struct runner r;

	start(&r);
	iv_loop_call_wait(r.loop, call_of(0, end_thread, NULL));
	CHECK_INT(pthread_join(r.tid, NULL), ==, 0);
	iv_loop_free(r.loop);
}

static pthread_barrier_t barrier;

static void *wait_for_nobody(void *_loop)
{
	pthread_barrier_wait(&barrier);
	iv_loop_call_wait(_loop, &calls[0]);
	return NULL;
}

static void *call_and_leave(void *_loop)
{
	CHECK_INT(iv_loop_call(_loop, call_of(1, never_handler, NULL)), ==, 0);
	return NULL;
}

static void await_call(int i)
{
	while (__atomic_load_n(&calls[i].pad[0], __ATOMIC_ACQUIRE) == NULL)
		sched_yield();
}

/* Dropped; whoever waits returns, and what was not called is free again. */
TEST(freed_with_calls_pending)
{
	struct iv_loop *loop = iv_loop_new(NULL), *other;
	pthread_t tid;

	CHECK(loop != NULL);
	pthread_barrier_init(&barrier, NULL, 2);
	call_of(0, never_handler, NULL);
	CHECK_INT(pthread_create(&tid, NULL, wait_for_nobody, loop), ==, 0);
	pthread_barrier_wait(&barrier);
	in_thread(call_and_leave, loop);
	await_call(0);
	iv_loop_free(loop);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	pthread_barrier_destroy(&barrier);
	other = make_and_enter();
	CHECK_INT(iv_loop_call(other, &calls[1]), ==, 0);
	leave_and_free(other);
}

TEST(deinit_with_calls_pending)
{
	iv_init();
	in_thread(call_and_leave, iv_loop_self());
	iv_deinit();
}

/* ---- Quitting ----------------------------------------------------------------- */

static void *quit_later(void *_loop)
{
	struct timespec soon = { 0, 5000000 };

	nanosleep(&soon, NULL);
	iv_loop_quit(_loop);
	iv_loop_quit(_loop);
	return NULL;
}

TEST(quit_by_another_thread)
{
	struct iv_loop *loop;
	pthread_t tid;

	iv_init();
	loop = iv_loop_self();
	add_far_timer();
	CHECK_INT(pthread_create(&tid, NULL, quit_later, loop), ==, 0);
	iv_main();
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	/* At most once more: the second one may have come late. */
	iv_loop_quit(loop);
	iv_main();
	iv_timer_unregister(&timer);
	iv_deinit();
}

/* As a handler of the next turn would. */
TEST(quit_before_it_runs)
{
	struct iv_loop *loop = make_and_enter();

	add_far_timer();
	iv_loop_quit(loop);
	iv_main();
	iv_loop_enter(NULL);
	iv_loop_quit(loop);
	iv_loop_enter(loop);
	iv_main();
	iv_timer_unregister(&timer);
	CHECK_INT(iv_run(IV_RUN_NOWAIT), ==, 0);
	leave_and_free(loop);
}

static void quit_self(void *text)
{
	trace(text);
	iv_loop_quit(iv_loop_self());
}

TEST(quit_by_a_handler)
{
	struct iv_loop *loop = make_and_enter();

	add_far_timer();
	CHECK_INT(iv_loop_call(loop, call_of(0, quit_self, label("s"))), ==, 0);
	iv_main();
	CHECK_STR(traced(), "s");
	leave_and_free(loop);
}

/* ---- Forks ---------------------------------------------------------------------- */

static void run_in_child(void *_loop)
{
	iv_main();
	CHECK_STR(traced(), "abc");
	leave_and_free(_loop);
}

/* Calls that were posted before are pending in both. */
TEST(pending_over_a_fork)
{
	struct iv_loop *loop = make_and_enter();

	in_thread(call_three, loop);
	reap_child(fork_child(run_in_child, loop));
	iv_main();
	CHECK_STR(traced(), "abc");
	leave_and_free(loop);
}

static void *wait_for_trace(void *_loop)
{
	iv_loop_call_wait(_loop, &calls[0]);
	return NULL;
}

static void run_without_waiter(void *_loop)
{
	iv_main();
	CHECK_STR(traced(), "w");
	leave_and_free(_loop);
}

/* The one who waits is not there. */
TEST(waited_for_over_a_fork)
{
	struct iv_loop *loop = make_and_enter();
	pthread_t tid;

	call_of(0, trace, label("w"));
	CHECK_INT(pthread_create(&tid, NULL, wait_for_trace, loop), ==, 0);
	await_call(0);
	reap_child(fork_child(run_without_waiter, loop));
	iv_main();
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	CHECK_STR(traced(), "w");
	leave_and_free(loop);
}

/* ---- Misuse --------------------------------------------------------------------- */

FATAL_TEST_ONCE(call_null_loop,
		"iv_loop_call: the struct iv_loop pointer is NULL")
{
	iv_loop_call(NULL, call_of(0, trace, NULL));
}

FATAL_TEST_ONCE(call_null,
		"iv_loop_call: the struct iv_call pointer is NULL")
{
	iv_loop_call(make_and_enter(), NULL);
}

FATAL_TEST_ONCE(call_without_a_handler, "iv_loop_call: iv_call ")
{
	iv_loop_call(make_and_enter(), call_of(0, NULL, NULL));
}

FATAL_TEST_ONCE(call_garbage, " is not initialised")
{
	memset(&calls[0], 0xa4, sizeof(calls[0]));
	iv_loop_call(make_and_enter(), &calls[0]);
}

/* It would be on the stack twice. */
FATAL_TEST(initialised_and_posted_again, "iv_main: iv_call 0x")
{
	struct iv_loop *loop = make_and_enter();

	iv_loop_call(loop, call_of(1, trace, NULL));
	iv_loop_call(loop, call_of(0, trace, NULL));
	iv_loop_call(loop, call_of(2, trace, NULL));
	iv_loop_call(loop, call_of(0, trace, NULL));
	iv_main();
}

static void call_0_again(void *_loop)
{
	iv_loop_call(_loop, call_of(0, trace, NULL));
}

FATAL_TEST(initialised_and_posted_again_when_taken, "iv_main: iv_call 0x")
{
	struct iv_loop *loop = make_and_enter();

	iv_loop_call(loop, call_of(1, call_0_again, loop));
	iv_loop_call(loop, call_of(0, trace, NULL));
	iv_main();
}

FATAL_TEST_ONCE(wait_null_loop,
		"iv_loop_call_wait: the struct iv_loop pointer is NULL")
{
	iv_loop_call_wait(NULL, call_of(0, trace, NULL));
}

FATAL_TEST_ONCE(wait_null,
		"iv_loop_call_wait: the struct iv_call pointer is NULL")
{
	iv_loop_call_wait(make_and_enter(), NULL);
}

FATAL_TEST_ONCE(wait_for_one_on_its_way, "is on its way already")
{
	struct iv_loop *loop = make_and_enter();

	iv_loop_call(loop, call_of(0, trace, NULL));
	iv_loop_call_wait(loop, &calls[0]);
}

FATAL_TEST_ONCE(quit_null,
		"iv_loop_quit: the struct iv_loop pointer is NULL")
{
	iv_loop_quit(NULL);
}
