/* SPDX-License-Identifier: MIT */
/*
 * periodic.c - tests of ev_periodic.
 */
#include "rig.h"

static void start(struct ev_loop *loop, ev_periodic *w, double offset,
		  double interval)
{
	ev_periodic_init(w, say_periodic, offset, interval, NULL);
	LABEL(w, "p");
	ev_periodic_start(loop, w);
}

TEST(once_at_a_time)
{
	struct ev_loop *loop = make_loop();
	ev_periodic w;
	double at = ev_now(loop) + .005;

	start(loop, &w, at, 0.);
	CHECK(fabs(ev_periodic_at(&w) - at) < 1e-9);
	CHECK_INT(ev_run(loop, 0), ==, 0);
	CHECK_HEARD("p(200)");
	CHECK(!ev_is_active(&w));
	CHECK(ev_time() >= at);
	ev_loop_destroy(loop);
}

TEST(a_time_in_the_past)
{
	struct ev_loop *loop = make_loop();
	ev_periodic w;

	start(loop, &w, 5., 0.);
	CHECK_INT(ev_run(loop, 0), ==, 0);
	CHECK_HEARD("p(200)");
	ev_loop_destroy(loop);
}

TEST(on_a_raster)
{
	struct ev_loop *loop = make_loop();
	ev_periodic w;
	double at, steps;
	int i;

	start(loop, &w, .0005, .002);
	for (i = 0; i < 5; ) {
		at = ev_periodic_at(&w);
		CHECK(at > ev_now(loop) - 1e-6);
		steps = (at - .0005) / .002;
		CHECK(fabs(steps - nearbyint(steps)) < 1e-2);
		ev_run(loop, EVRUN_ONCE);
		i += strcmp(heard(), "p(200)") == 0;
	}
	CHECK(ev_is_active(&w));
	ev_loop_destroy(loop);
}

TEST(a_negative_offset)
{
	struct ev_loop *loop = make_loop();
	ev_periodic w;

	start(loop, &w, -1.25, 3600.);
	CHECK(ev_periodic_at(&w) > ev_now(loop));
	CHECK(ev_periodic_at(&w) <= ev_now(loop) + 3600.);
	CHECK(fabs(fmod(ev_periodic_at(&w), 3600.) - 3598.75) < 1e-3);
	ev_loop_destroy(loop);
}

static double asked;

static ev_tstamp soon(ev_periodic *w, ev_tstamp now)
{
	(void)w;
	asked = now;
	return now + .002;
}

TEST(rescheduled_by_a_callback)
{
	struct ev_loop *loop = make_loop();
	ev_periodic w;
	int i;

	ev_periodic_init(&w, say_periodic, 0., 0., soon);
	LABEL(&w, "p");
	ev_periodic_start(loop, &w);
	CHECK(fabs(asked - ev_now(loop)) < 1e-6);
	CHECK(fabs(ev_periodic_at(&w) - asked - .002) < 1e-6);
	for (i = 0; i < 3; ) {
		ev_run(loop, EVRUN_ONCE);
		i += strcmp(heard(), "p(200)") == 0;
	}
	CHECK(fabs(ev_periodic_at(&w) - asked - .002) < 1e-6);
	ev_loop_destroy(loop);
}

TEST(again)
{
	struct ev_loop *loop = make_loop();
	ev_periodic w;

	start(loop, &w, 0., 3600.);
	w.interval = 7200.;
	w.offset = 100.;
	ev_periodic_again(loop, &w);
	CHECK(fabs(fmod(ev_periodic_at(&w), 7200.) - 100.) < 1e-3);
	ev_periodic_stop(loop, &w);
	ev_periodic_stop(loop, &w);
	CHECK_INT(ev_run(loop, 0), ==, 0);
	ev_loop_destroy(loop);
}

TEST(a_tiny_interval)
{
	struct ev_loop *loop = make_loop();
	ev_periodic w;

	start(loop, &w, 0., 1e-9);
	/* libev looks at the clock once more afterwards. */
	CHECK(ev_periodic_at(&w) > ev_now(loop) - OURS(0., .001));
	CHECK(ev_periodic_at(&w) - ev_now(loop) <= 1. / 8192. + 1e-6);
	ev_loop_destroy(loop);
}

TEST(several_in_order)
{
	struct ev_loop *loop = make_loop();
	ev_periodic w[3];
	double now = ev_now(loop);
	int i;

	for (i = 0; i < 3; i++) {
		start(loop, &w[i], now - 1. - (i + 1) % 3, 0.);
		LABEL(&w[i], i == 0 ? "b" : i == 1 ? "a" : "c");
	}
	ev_verify(loop);
	ev_run(loop, EVRUN_NOWAIT);
	CHECK_HEARD("a(200) b(200) c(200)");
	ev_loop_destroy(loop);
}

#if IS_OURS
/* Where seconds are more than a double tells apart: libev goes from beat to beat
   until today. */
TEST(numbers_out_of_this_world)
{
	static const double offsets[] = { 1e300, -1e300, 1e15, -1e17, NAN };
	struct ev_loop *loop = make_loop();
	ev_periodic w, *never = &w;
	size_t i;

	for (i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		start(loop, &w, offsets[i], 1.);
		CHECK(ev_periodic_at(&w) > ev_now(loop));
		CHECK(ev_periodic_at(&w) <= ev_now(loop) + 1.);
		ev_periodic_stop(loop, &w);
	}
	start(loop, never, 0., 1e300);
	CHECK(ev_periodic_at(never) > 1e299);
	ev_verify(loop);
	ev_run(loop, EVRUN_NOWAIT);
	CHECK_HEARD("");
	ev_loop_destroy(loop);
}
#endif

static ev_tstamp long_ago(ev_periodic *w, ev_tstamp now)
{
	(void)w;
	(void)now;
	return OURS(5., now);
}

/* Which libev says must not be. */
TEST(rescheduled_into_the_past)
{
	struct ev_loop *loop = make_loop();
	ev_periodic w;

	ev_periodic_init(&w, say_periodic, 0., 0., long_ago);
	LABEL(&w, "p");
	ev_periodic_start(loop, &w);
	ev_periodic_start(loop, &w);
	CHECK(fabs(ev_periodic_at(&w) - ev_now(loop)) < 1.);
	ev_periodic_stop(loop, &w);
	CHECK_INT(ev_run(loop, 0), ==, 0);
	ev_loop_destroy(loop);
}

#define PERIODICS	300

static int called[PERIODICS];

static void count(struct ev_loop *loop, ev_periodic *w, int revents)
{
	int *n = w->data;

	(void)revents;
	if (++*n == 2)
		ev_periodic_stop(loop, w);
}

TEST(many)
{
	struct ev_loop *loop = make_loop();
	static ev_periodic w[PERIODICS];
	int i;

	srand(7);
	for (i = 0; i < PERIODICS; i++) {
		ev_periodic_init(&w[i], count, (rand() % 1000) * 1e-5,
				 .001 + (rand() % 100) * 1e-4, NULL);
		w[i].data = &called[i];
		ev_periodic_start(loop, &w[i]);
	}
	CHECK_INT(ev_run(loop, 0), ==, 0);
	for (i = 0; i < PERIODICS; i++)
		CHECK_INT(called[i], ==, 2);
	ev_verify(loop);
	ev_loop_destroy(loop);
}
