/* SPDX-License-Identifier: MIT */
/*
 * embed.c - tests of ev_embed.
 */
#include "rig.h"

static struct ev_loop *outer, *inner;

static void open_both(void)
{
#ifdef ON_EMULATED_KERNELS
	if (strcmp(test_method(), "kqueue") == 0)
		SKIP("no emulated queue tells another one of itself");
#endif
	inner = make_loop();
	if (!(ev_backend(inner) & ev_embeddable_backends())) {
		ev_loop_destroy(inner);
		SKIP("not embeddable");
	}
	outer = make_loop();
}

static void destroy_both(void)
{
	ev_loop_destroy(outer);
	ev_loop_destroy(inner);
}

static void sweep(struct ev_loop *loop, ev_embed *w, int revents)
{
	said(w->data, revents);
	ev_embed_sweep(loop, w);
}

/* The first time the inner loop is run for its changes. */
static void start(ev_embed *w, void (*cb)(struct ev_loop *, ev_embed *, int))
{
	ev_embed_init(w, cb, inner);
	LABEL(w, "embed");
	ev_embed_start(outer, w);
}

TEST(with_a_callback)
{
	ev_embed w;
	ev_io io;
	int p[2];

	open_both();
	make_pipe(p);
	IO(inner, &io, "io", p[0], EV_READ);
	start(&w, sweep);
	ev_run(outer, EVRUN_NOWAIT);
	CHECK_HEARD("");
	poke(p[1]);
	ev_run(outer, EVRUN_ONCE);
	CHECK_HEARD("embed(10000) io(1)");
	ev_embed_stop(outer, &w);
	ev_embed_stop(outer, &w);
	CHECK_INT(ev_run(outer, EVRUN_NOWAIT), ==, 0);
	CHECK_HEARD("");
	destroy_both();
	close_pair(p);
}

TEST(without_a_callback)
{
	ev_embed w;
	ev_io io;
	int p[2];

	open_both();
	make_pipe(p);
	IO(inner, &io, "io", p[0], EV_READ);
	start(&w, NULL);
	ev_run(outer, EVRUN_NOWAIT);
	poke(p[1]);
	ev_run(outer, EVRUN_ONCE);
	CHECK_HEARD("io(1)");
	destroy_both();
	close_pair(p);
}

TEST(references)
{
	ev_embed w;

	open_both();
	start(&w, NULL);
	CHECK_INT(ev_run(outer, EVRUN_NOWAIT), ==, 4);
	ev_embed_start(outer, &w);
	CHECK_INT(ev_run(outer, EVRUN_NOWAIT), ==, 4);
	ev_embed_stop(outer, &w);
	CHECK_INT(ev_run(outer, EVRUN_NOWAIT), ==, 0);
	destroy_both();
}

TEST(a_watcher_that_is_started_later)
{
	ev_embed w;
	ev_io io;
	int p[2];

	open_both();
	make_full_pipe(p);
	start(&w, NULL);
	ev_run(outer, EVRUN_NOWAIT);
	IO(inner, &io, "io", p[0], EV_READ);
	/* Before the wait the inner loop is run for its changes. */
	ev_run(outer, EVRUN_NOWAIT);
	CHECK(strncmp(heard(), "io(1)", 5) == 0);
	ev_io_stop(inner, &io);
	iterate(outer, 3, EVRUN_NOWAIT);
	CHECK_HEARD("");
	destroy_both();
	close_pair(p);
}

static void call_again(struct ev_loop *loop, ev_async *a, int revents)
{
	(void)revents;
	ev_async_send(loop, a);
}

static void run_until_called(ev_timer *t)
{
	int i;

	for (i = 0; ev_is_active(t) && i < 100000; i++)
		ev_run(outer, EVRUN_ONCE);
	CHECK_HEARD("t(100)");
}

/* The outer loop's turn comes nevertheless. */
TEST(an_inner_loop_that_never_sleeps)
{
	ev_async a;
	ev_timer t;
	ev_embed w;

	open_both();
	ev_async_init(&a, call_again);
	ev_async_start(inner, &a);
	ev_async_send(inner, &a);
	start(&w, NULL);
	TIMER(outer, &t, "t", .02, 0.);
	run_until_called(&t);
	ev_embed_stop(outer, &w);
	CHECK_INT(ev_run(outer, EVRUN_NOWAIT), ==, 0);
	destroy_both();
}

static void in_child(void *_p)
{
	int *p = _p;

	ev_loop_fork(outer);
	ev_run(outer, EVRUN_NOWAIT);
	heard();
	poke(p[1]);
	ev_run(outer, EVRUN_ONCE);
	CHECK_HEARD("io(1)");
}

TEST(after_a_fork)
{
	ev_embed w;
	ev_io io;
	int p[2];

	open_both();
	make_pipe(p);
	IO(inner, &io, "io", p[0], EV_READ);
	start(&w, NULL);
	ev_run(outer, EVRUN_NOWAIT);
	reap_child(fork_child(in_child, p));
	ev_run(outer, EVRUN_ONCE);
	CHECK_HEARD("io(1)");
	destroy_both();
	close_pair(p);
}

#if IS_OURS
static struct ev_loop *addressee;

static void *send_soon(void *a)
{
	ev_sleep(.02);
	ev_async_send(addressee, a);
	return NULL;
}

/* Before the wait, and during it. */
TEST(an_async_of_the_inner_loop)
{
	pthread_t tid;
	ev_embed w;
	ev_async a;

	open_both();
	addressee = inner;
	PLAIN(async, inner, &a, "a");
	start(&w, NULL);
	ev_run(outer, EVRUN_NOWAIT);
	ev_async_send(inner, &a);
	ev_run(outer, EVRUN_NOWAIT);
	CHECK_HEARD("a(80000)");
	CHECK_INT(pthread_create(&tid, NULL, send_soon, &a), ==, 0);
	ev_run(outer, EVRUN_ONCE);
	CHECK_HEARD("a(80000)");
	pthread_join(tid, NULL);
	destroy_both();
}

FATAL_TEST_ONCE(a_backend_that_cannot_be_embedded,
		"ev_embed_start: the backend 2 of the loop cannot be embedded")
{
	struct ev_loop *loop = make_loop(), *other = ev_loop_new(EVBACKEND_POLL);
	ev_embed w;

	CHECK(other != NULL);
	ev_embed_init(&w, NULL, other);
	ev_embed_start(loop, &w);
}

static void start_again(struct ev_loop *loop, ev_io *io, int revents)
{
	(void)revents;
	ev_io_stop(loop, io);
	ev_io_start(loop, io);
}

TEST(an_inner_loop_with_changes_in_each_turn)
{
	ev_timer t;
	ev_embed w;
	ev_io io;
	int p[2];

	open_both();
	make_full_pipe(p);
	ev_io_init(&io, start_again, p[0], EV_READ);
	ev_io_start(inner, &io);
	start(&w, NULL);
	TIMER(outer, &t, "t", .02, 0.);
	run_until_called(&t);
	destroy_both();
	close_pair(p);
}

static ev_embed *freed;

static void free_embed(struct ev_loop *loop, ev_io *io, int revents)
{
	said(io->data, revents);
	ev_io_stop(loop, io);
	ev_embed_stop(outer, freed);
	memset(freed, 0xa5, sizeof(*freed));
	free(freed);
}

TEST(freed_by_a_callback_of_the_inner_loop)
{
	ev_io io;
	int p[2];

	open_both();
	make_full_pipe(p);
	freed = malloc(sizeof(*freed));
	CHECK(freed != NULL);
	start(freed, NULL);
	ev_io_init(&io, free_embed, p[0], EV_READ);
	LABEL(&io, "io");
	ev_io_start(inner, &io);
	ev_run(outer, EVRUN_NOWAIT);
	CHECK_HEARD("io(1)");
	CHECK_INT(ev_run(outer, 0), ==, 0);
	destroy_both();
	close_pair(p);
}

static void send_async(struct ev_loop *loop, ev_io *io, int revents)
{
	(void)revents;
	ev_io_stop(loop, io);
	ev_async_send(loop, io->data);
}

static void stay_ready(struct ev_loop *loop, ev_io *io, int revents)
{
	(void)loop;
	(void)io;
	(void)revents;
}

/* Something of the highest priority comes in each of its turns. */
TEST(an_outer_loop_that_never_sleeps)
{
	ev_io io, busy;
	ev_embed w;
	ev_async a;
	int p[2];

	open_both();
	make_full_pipe(p);
	PLAIN(async, inner, &a, "a");
	ev_io_init(&io, send_async, p[0], EV_READ);
	io.data = &a;
	ev_io_start(inner, &io);
	ev_io_init(&busy, stay_ready, p[0], EV_READ);
	ev_set_priority(&busy, EV_MAXPRI);
	ev_io_start(outer, &busy);
	start(&w, NULL);
	iterate(outer, 5, EVRUN_ONCE);
	CHECK_HEARD("a(80000)");
	destroy_both();
	close_pair(p);
}

/* Which an inner one that never sleeps takes no turns from. */
TEST(idle_watchers_of_the_outer_loop)
{
	ev_embed w;
	ev_async a;
	ev_idle idle;

	open_both();
	ev_async_init(&a, call_again);
	ev_async_start(inner, &a);
	ev_async_send(inner, &a);
	start(&w, NULL);
	PLAIN_AT(-2, idle, outer, &idle, "i");
	iterate(outer, 3, EVRUN_ONCE);
	CHECK_HEARD("i(2000) i(2000) i(2000)");
	destroy_both();
}

TEST(three_loops)
{
	ev_embed w, below;
	pthread_t tid;
	ev_async a;
	int i;

	open_both();
	addressee = make_loop();
	PLAIN(async, addressee, &a, "a");
	ev_embed_init(&below, NULL, addressee);
	ev_embed_start(inner, &below);
	start(&w, NULL);
	for (i = 0; i < 3; i++) {
		CHECK_INT(pthread_create(&tid, NULL, send_soon, &a), ==, 0);
		while (strcmp(heard(), "a(80000)") != 0)
			ev_run(outer, EVRUN_ONCE);
		pthread_join(tid, NULL);
	}
	destroy_both();
	ev_loop_destroy(addressee);
}

FATAL_TEST_ONCE(a_loop_in_itself, "ev_embed_start: the loop would wait for "
		"itself")
{
	struct ev_loop *loop = make_loop();
	ev_embed w;

	ev_embed_init(&w, NULL, loop);
	ev_embed_start(loop, &w);
}

FATAL_TEST_ONCE(two_loops_in_each_other, "ev_embed_start: the loop would wait "
		"for itself")
{
	struct ev_loop *a = ev_loop_new(EVBACKEND_EPOLL);
	struct ev_loop *b = ev_loop_new(EVBACKEND_EPOLL);
	ev_embed wa, wb;

	if (a == NULL || b == NULL)
		SKIP("no epoll");
	ev_embed_init(&wa, NULL, b);
	ev_embed_start(a, &wa);
	ev_embed_init(&wb, NULL, a);
	ev_embed_start(b, &wb);
}
#endif
