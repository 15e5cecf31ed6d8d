/* SPDX-License-Identifier: MIT */
/*
 * timer.c - tests of ev_timer, of the clock, and of the heap behind them.
 */
#include "rig.h"

static int near(double a, double b)
{
	return fabs(a - b) < 1e-6;
}

TEST(never_early)
{
	struct ev_loop *loop = make_loop();
	ev_timer w;
	int i;

	for (i = 1; i <= 10; i++) {
		double start = ev_now(loop);

		TIMER(loop, &w, "t", i * .0015, 0.);
		CHECK_INT(ev_run(loop, 0), ==, 0);
		CHECK_HEARD("t(100)");
		CHECK(ev_now(loop) - start > i * .0015 - 1e-5);
	}
	ev_loop_destroy(loop);
}

TEST(stopped_before_its_callback)
{
	struct ev_loop *loop = make_loop();
	ev_timer w;

	TIMER(loop, &w, "t", 0., 0.);
	CHECK(ev_is_active(&w));
	pass(loop, .001);
	ev_run(loop, EVRUN_NOWAIT);
	CHECK(!ev_is_active(&w));
	CHECK_HEARD("t(100)");
	ev_loop_destroy(loop);
}

TEST(repeats_without_drift)
{
	struct ev_loop *loop = make_loop();
	ev_timer w;
	double first;
	int i;

	TIMER(loop, &w, "t", .001, .002);
	first = ((ev_watcher_time *)&w)->at;
	for (i = 0; i < 5; ) {
		ev_run(loop, EVRUN_ONCE);
		i += strcmp(heard(), "t(100)") == 0;
	}
	CHECK(near(((ev_watcher_time *)&w)->at - first, .010) ||
	      /* The machine was busy: it goes on from then. */
	      ((ev_watcher_time *)&w)->at - first > .010);
	ev_loop_destroy(loop);
}

TEST(one_call_for_many_missed)
{
	struct ev_loop *loop = make_loop();
	ev_timer w;

	TIMER(loop, &w, "t", .001, .001);
	pass(loop, .020);
	ev_run(loop, EVRUN_NOWAIT);
	CHECK_HEARD("t(100)");
	CHECK(ev_timer_remaining(loop, &w) < .001);
	ev_loop_destroy(loop);
}

static void not_now(struct ev_loop *loop)
{
	(void)loop;
}

TEST(what_was_pending_keeps_its_place_if_it_goes_on)
{
	struct ev_loop *loop = make_loop();
	ev_timer a, b, c, d;

	TIMER(loop, &a, "a", .001, 0.);
	TIMER(loop, &b, "b", .002, 1.);
	TIMER(loop, &c, "c", .003, 0.);
	TIMER_AT(1, loop, &d, "d", .004);
	pass(loop, .020);
	ev_feed_event(loop, &b, EV_CUSTOM);
	ev_feed_event(loop, &c, EV_CUSTOM);
	ev_set_invoke_pending_cb(loop, not_now);
	ev_run(loop, EVRUN_NOWAIT);
	CHECK_INT(ev_pending_count(loop), ==, 5);
	CHECK_HEARD("");
	ev_invoke_pending(loop);
	CHECK_HEARD("d(100) a(100) c(100) b(1000100)");
	ev_loop_destroy(loop);
}

TEST(again)
{
	struct ev_loop *loop = make_loop();
	ev_timer w;

	ev_timer_init(&w, say_timer, 100., 0.);
	LABEL(&w, "t");
	/* Neither active nor repeating. */
	ev_timer_again(loop, &w);
	CHECK(!ev_is_active(&w));
	/* Repeating: starts. */
	w.repeat = 50.;
	ev_timer_again(loop, &w);
	CHECK(ev_is_active(&w));
	CHECK(near(ev_timer_remaining(loop, &w), 50.));
	/* Both: from now on. */
	w.repeat = 70.;
	ev_timer_again(loop, &w);
	CHECK(near(ev_timer_remaining(loop, &w), 70.));
	/* And what is pending is cleared. */
	ev_feed_event(loop, &w, EV_TIMER);
	ev_timer_again(loop, &w);
	CHECK(!ev_is_pending(&w));
	/* Active, not repeating: stops. */
	w.repeat = 0.;
	ev_timer_again(loop, &w);
	CHECK(!ev_is_active(&w));
	ev_loop_destroy(loop);
}

TEST(stopping_keeps_what_is_left)
{
	struct ev_loop *loop = make_loop();
	ev_timer w;

	TIMER(loop, &w, "t", 50., 0.);
	CHECK(near(ev_timer_remaining(loop, &w), 50.));
	pass(loop, .010);
	CHECK(ev_timer_remaining(loop, &w) < 49.991);
	ev_timer_stop(loop, &w);
	CHECK(ev_timer_remaining(loop, &w) < 49.991);
	CHECK(((ev_watcher_time *)&w)->at < 49.991);
	ev_timer_start(loop, &w);
	CHECK(ev_timer_remaining(loop, &w) < 49.991);
	ev_loop_destroy(loop);
}

TEST(the_base_is_the_time_of_the_loop)
{
	struct ev_loop *loop = make_loop();
	ev_timer w;

	ev_sleep(.02);
	TIMER(loop, &w, "t", .01, 0.);
	ev_run(loop, EVRUN_NOWAIT);
	CHECK_HEARD("t(100)");
	ev_loop_destroy(loop);
}

TEST(times_of_long_ago_and_never)
{
	struct ev_loop *loop = make_loop();
	ev_timer ago, never;

	TIMER(loop, &never, "never", 1e30, 0.);
	TIMER(loop, &ago, "ago", -1e9, 0.);
	ev_run(loop, EVRUN_ONCE);
	CHECK_HEARD("ago(100)");
	ev_run(loop, EVRUN_NOWAIT);
	CHECK_HEARD("");
	ev_loop_destroy(loop);
}

#if IS_OURS
TEST(no_number_is_now)
{
	struct ev_loop *loop = make_loop();
	ev_timer w;

	TIMER(loop, &w, "t", NAN, 0.);
	ev_timer_start(loop, &w);
	CHECK_INT(ev_run(loop, 0), ==, 0);
	CHECK_HEARD("t(100)");
	ev_loop_destroy(loop);
}
#endif

#if IS_OURS
TEST(what_becomes_no_number_is_now)
{
	struct ev_loop *loop = make_loop();
	ev_timer w, other;

	TIMER(loop, &w, "w", -INFINITY, INFINITY);
	TIMER(loop, &other, "other", 0., 0.);
	pass(loop, .001);
	ev_run(loop, EVRUN_NOWAIT);
	ev_verify(loop);
	CHECK_HEARD("w(100) other(100)");
	pass(loop, .001);
	ev_run(loop, EVRUN_NOWAIT);
	CHECK_HEARD("w(100)");
	ev_run(loop, EVRUN_NOWAIT);
	CHECK_HEARD("");
	ev_loop_destroy(loop);
}
#endif

TEST_ONCE(sleeps_that_are_none)
{
	double before = ev_time();

	ev_sleep(-5.);
	ev_sleep(0.);
	ev_sleep(NAN);
	CHECK(ev_time() - before < 5.);
}

TEST(a_wait_with_a_time_that_does_not_fit)
{
	struct ev_loop *loop = make_loop();
	ev_timer never;
	int p[2];
	ev_io io;

	make_full_pipe(p);
	IO(loop, &io, "io", p[0], EV_READ);
	TIMER(loop, &never, "never", 1e30, 0.);
	ev_run(loop, EVRUN_ONCE);
	CHECK_HEARD("io(1)");
	ev_loop_destroy(loop);
	close_pair(p);
}

static void restart(struct ev_loop *loop, ev_timer *w, int revents)
{
	said(w->data, revents);
	ev_timer_set(w, 0., 0.);
	ev_timer_start(loop, w);
}

TEST(started_in_its_callback_runs_in_the_next_iteration)
{
	struct ev_loop *loop = make_loop();
	ev_timer w;

	ev_timer_init(&w, restart, 0., 0.);
	LABEL(&w, "t");
	ev_timer_start(loop, &w);
	pass(loop, .001);
	ev_run(loop, EVRUN_NOWAIT);
	CHECK_HEARD("t(100)");
	CHECK(ev_is_active(&w));
	ev_loop_destroy(loop);
}

/* ---- Order ------------------------------------------------------------------ */

#define TIMERS	500

static double last;
static int fired;

static void in_order(struct ev_loop *loop, ev_timer *w, int revents)
{
	double *at = w->data;

	(void)loop;
	CHECK_INT(revents, ==, EV_TIMER);
	CHECK(*at >= last);
	last = *at;
	fired++;
}

/* All due in one iteration; some were stopped or moved before. */
TEST(earliest_first)
{
	struct ev_loop *loop = make_loop();
	static ev_timer w[TIMERS];
	static double at[TIMERS];
	int i, left = TIMERS;

	srand(5);
	for (i = 0; i < TIMERS; i++) {
		at[i] = (rand() % 1000) * 1e-5;
		ev_timer_init(&w[i], in_order, at[i], 0.);
		w[i].data = &at[i];
		ev_timer_start(loop, &w[i]);
	}
	ev_verify(loop);
	for (i = 0; i < TIMERS; i += 3) {
		ev_timer_stop(loop, &w[i]);
		left--;
	}
	for (i = 1; i < TIMERS; i += 3) {
		w[i].repeat = at[i] = (rand() % 1000) * 1e-5 + 1e-7;
		ev_timer_again(loop, &w[i]);
	}
	ev_verify(loop);
	pass(loop, .015);
	last = -1.;
	ev_run(loop, EVRUN_NOWAIT);
	CHECK_INT(fired, ==, left);
	ev_verify(loop);
	ev_loop_destroy(loop);
}

TEST(a_short_one_among_long_ones)
{
	struct ev_loop *loop = make_loop();
	ev_timer w[4];
	int i, j;

	for (i = 0; i < 4; i++) {
		for (j = 0; j < 4; j++)
			TIMER(loop, &w[j], j == i ? "short" : "long",
			      j == i ? .002 : 100., 0.);
		while (ev_run(loop, EVRUN_ONCE) == 4)
			;
		CHECK_HEARD("short(100)");
		for (j = 0; j < 4; j++)
			ev_timer_stop(loop, &w[j]);
	}
	ev_loop_destroy(loop);
}

/* ---- Clocks ------------------------------------------------------------------ */

TEST_ONCE(time)
{
	struct ev_loop *loop = make_loop();
	double now;

	CHECK(fabs(ev_time() - (double)time(NULL)) < 2.);
	CHECK(fabs(ev_now(loop) - ev_time()) < 1.);
	now = ev_now(loop);
	ev_sleep(.003);
	CHECK(ev_now(loop) - now < 1e-9);
	ev_now_update(loop);
	CHECK(ev_now(loop) - now > .0025);
	ev_loop_destroy(loop);
}

TEST_ONCE(sleep)
{
	double start = ev_time();

	ev_sleep(.005);
	CHECK(ev_time() - start > .0045);
	ev_sleep(0.);
	ev_sleep(-5.);
}

TEST(suspended_time_does_not_count)
{
	struct ev_loop *loop = make_loop();
	ev_timer w;

	TIMER(loop, &w, "t", .05, 0.);
	ev_suspend(loop);
	ev_sleep(.06);
	ev_resume(loop);
	CHECK(ev_timer_remaining(loop, &w) > .03);
	ev_run(loop, EVRUN_NOWAIT);
	CHECK_HEARD("");
	ev_verify(loop);
	ev_loop_destroy(loop);
}

#if IS_OURS
/* Which libev rounds up to a millisecond. */
TEST(shorter_than_a_millisecond)
{
	struct ev_loop *loop = make_loop();
	double best = 1.;
	ev_timer w;
	int i;

	if (strcmp(test_method(), "ppoll") != 0)
		SKIP("milliseconds at times, or an emulated kernel");
	for (i = 0; i < 50; i++) {
		double start = ev_time();

		ev_now_update(loop);
		TIMER(loop, &w, "t", .0002, 0.);
		ev_run(loop, 0);
		CHECK_HEARD("t(100)");
		if (ev_time() - start < best)
			best = ev_time() - start;
	}
	CHECK(best < .0009);
	ev_loop_destroy(loop);
}
#endif
