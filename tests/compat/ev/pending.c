/* SPDX-License-Identifier: MIT */
/*
 * pending.c - tests of the queues: feeding by hand, clearing, priorities, and
 * callbacks that stop, free and feed.
 */
#include "rig.h"

TEST_ONCE(fed_to_watchers_that_never_started)
{
	struct ev_loop *loop = make_loop();
	ev_io w;

	ev_io_init(&w, say_io, 0, EV_READ);
	LABEL(&w, "w");
	ev_feed_event(loop, &w, 0x40);
	CHECK(ev_is_pending(&w) && !ev_is_active(&w));
	ev_invoke_pending(loop);
	CHECK_HEARD("w(40)");
	CHECK(!ev_is_pending(&w));
	ev_feed_event(loop, &w, 0);
	ev_invoke_pending(loop);
	CHECK_HEARD("w(0)");
	ev_loop_destroy(loop);
}

TEST_ONCE(feeding_twice_unites)
{
	struct ev_loop *loop = make_loop();
	ev_io w;

	ev_io_init(&w, say_io, 0, EV_READ);
	LABEL(&w, "w");
	ev_feed_event(loop, &w, 1);
	ev_feed_event(loop, &w, 2);
	CHECK_INT(ev_pending_count(loop), ==, 1);
	CHECK_INT(ev_clear_pending(loop, &w), ==, 3);
	CHECK_INT(ev_pending_count(loop), ==, 1);
	CHECK_INT(ev_clear_pending(loop, &w), ==, 0);
	ev_invoke_pending(loop);
	CHECK_HEARD("");
	CHECK_INT(ev_pending_count(loop), ==, 0);
	ev_loop_destroy(loop);
}

static void verify(struct ev_loop *loop, ev_timer *w, int revents)
{
	ev_verify(loop);
	say_timer(loop, w, revents);
}

/* With callbacks that wait, and one that does not any more. */
TEST_ONCE(verified_in_between)
{
	struct ev_loop *loop = make_loop();
	ev_timer w[3];
	int i;

	for (i = 0; i < 3; i++) {
		ev_timer_init(&w[i], verify, 0., 0.);
		LABEL(&w[i], i == 0 ? "a" : i == 1 ? "b" : "c");
		ev_feed_event(loop, &w[i], i);
	}
	ev_verify(loop);
	CHECK_INT(ev_clear_pending(loop, &w[1]), ==, 1);
	ev_verify(loop);
	ev_run(loop, 0);
	CHECK_HEARD("c(2) a(0)");
	ev_loop_destroy(loop);
}

TEST_ONCE(last_in_first_out)
{
	struct ev_loop *loop = make_loop();
	ev_timer w[3];
	int i;

	for (i = 0; i < 3; i++) {
		ev_timer_init(&w[i], say_timer, 0., 0.);
		LABEL(&w[i], i == 0 ? "a" : i == 1 ? "b" : "c");
		ev_feed_event(loop, &w[i], i);
	}
	ev_run(loop, 0);
	CHECK_HEARD("c(2) b(1) a(0)");
	ev_loop_destroy(loop);
}

static ev_timer other;

static void feed_other(struct ev_loop *loop, ev_timer *w, int revents)
{
	said(w->data, revents);
	ev_feed_event(loop, &other, 7);
}

TEST_ONCE(a_higher_one_that_is_fed_comes_next)
{
	struct ev_loop *loop = make_loop();
	ev_timer a, b;

	ev_timer_init(&a, feed_other, 0., 0.);
	LABEL(&a, "A");
	ev_timer_init(&b, say_timer, 0., 0.);
	LABEL(&b, "B");
	ev_set_priority(&b, -1);
	ev_timer_init(&other, say_timer, 0., 0.);
	LABEL(&other, "fed");
	ev_set_priority(&other, 2);
	ev_feed_event(loop, &b, 1);
	ev_feed_event(loop, &a, 1);
	ev_invoke_pending(loop);
	CHECK_HEARD("A(1) fed(7) B(1)");
	ev_loop_destroy(loop);
}

TEST_ONCE(one_of_the_same_priority_comes_next_as_well)
{
	struct ev_loop *loop = make_loop();
	ev_timer a, b;

	ev_timer_init(&a, feed_other, 0., 0.);
	LABEL(&a, "A");
	ev_timer_init(&b, say_timer, 0., 0.);
	LABEL(&b, "B");
	ev_timer_init(&other, say_timer, 0., 0.);
	LABEL(&other, "fed");
	ev_feed_event(loop, &b, 1);
	ev_feed_event(loop, &a, 1);
	ev_invoke_pending(loop);
	CHECK_HEARD("A(1) fed(7) B(1)");
	ev_loop_destroy(loop);
}

static void stop_other(struct ev_loop *loop, ev_timer *w, int revents)
{
	said(w->data, revents);
	ev_timer_stop(loop, &other);
	memset(&other, 0xee, sizeof(other));
}

TEST(a_callback_stops_one_that_is_queued)
{
	struct ev_loop *loop = make_loop();
	ev_timer w;

	ev_timer_init(&w, stop_other, 0., 0.);
	LABEL(&w, "first");
	ev_timer_start(loop, &w);
	TIMER(loop, &other, "second", .0005, 0.);
	pass(loop, .002);
	CHECK_INT(ev_run(loop, 0), ==, 0);
	CHECK_HEARD("first(100)");
	ev_loop_destroy(loop);
}

static void free_self(struct ev_loop *loop, ev_io *w, int revents)
{
	said(w->data, revents);
	ev_io_stop(loop, w);
	free(w);
}

TEST(a_callback_frees_its_watcher)
{
	struct ev_loop *loop = make_loop();
	ev_io *w = malloc(sizeof(*w));
	int p[2];

	CHECK(w != NULL);
	make_full_pipe(p);
	ev_io_init(w, free_self, p[0], EV_READ);
	LABEL(w, "io");
	ev_io_start(loop, w);
	CHECK_INT(ev_run(loop, 0), ==, 0);
	CHECK_HEARD("io(1)");
	ev_loop_destroy(loop);
	close_pair(p);
}

TEST_ONCE(invoke)
{
	struct ev_loop *loop = make_loop();
	ev_io w;

	ev_io_init(&w, say_io, 0, EV_READ);
	LABEL(&w, "w");
	ev_invoke(loop, &w, 5);
	CHECK_HEARD("w(5)");
	ev_loop_destroy(loop);
}

TEST_ONCE(stopping_clears)
{
	struct ev_loop *loop = make_loop();
	ev_prepare w;

	PLAIN(prepare, loop, &w, "w");
	ev_feed_event(loop, &w, 1);
	ev_prepare_stop(loop, &w);
	CHECK(!ev_is_pending(&w) && !ev_is_active(&w));
	ev_invoke_pending(loop);
	CHECK_HEARD("");
	/* Also of what is not active. */
	ev_feed_event(loop, &w, 1);
	ev_prepare_stop(loop, &w);
	ev_invoke_pending(loop);
	CHECK_HEARD("");
	ev_loop_destroy(loop);
}

static struct ev_loop *victim;

static void destroy_other(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	said(w->data, revents);
	ev_loop_destroy(victim);
}

TEST(a_callback_destroys_another_loop)
{
	struct ev_loop *loop = make_loop();
	ev_timer w, lost;

	victim = make_loop();
	TIMER(victim, &lost, "lost", 0., 0.);
	ev_timer_init(&w, destroy_other, 0., 0.);
	LABEL(&w, "t");
	ev_timer_start(loop, &w);
	CHECK_INT(ev_run(loop, 0), ==, 0);
	CHECK_HEARD("t(100)");
	CHECK(ev_is_active(&lost));
	ev_loop_destroy(loop);
}
