/* SPDX-License-Identifier: MIT */
/*
 * time.c - clocks that are set while ev_periodics wait.
 *
 * On our library alone, in a simulation of the clocks.
 */
#include "config.h"
#include "rig.h"
#include "harness/spy.h"

#define SEC	INT64_C(1000000000)
#define MINUTE	(60 * SEC)
#define HOUR	(60 * MINUTE)

/* By the monotonic clock, and on the wall: on a full hour. */
#define START	(1000 * SEC)
#define WALL	(INT64_C(1700000000) / 3600 * HOUR)

#if defined(HAVE_TIMERFD) && defined(HAVE_TIMERFD_CANCEL)
#define TOLD	1
#else
#define TOLD	0
#endif

/* Rounding of seconds in a double, and what the method is late. */
static int64_t soon(void)
{
	return spy_late() + SEC / 1000;
}

static struct ev_loop *begin(unsigned flags)
{
	struct ev_loop *loop;

	spy_clock_take(START);
	spy_wall_set(WALL - START);
	loop = ev_loop_new(flags | flags_of_method());
	CHECK(loop != NULL);
	return loop;
}

static void start(struct ev_loop *loop, ev_periodic *w, int64_t offset,
		  int64_t interval)
{
	ev_periodic_init(w, say_periodic, (double)offset * 1e-9,
			 (double)interval * 1e-9, NULL);
	LABEL(w, "p");
	ev_periodic_start(loop, w);
}

/* The last thing that is done before a wait. */
static int64_t by;

static void set_clock(struct ev_loop *loop)
{
	(void)loop;
	if (by != 0)
		spy_wall_set(WALL - START + by);
	by = 0;
}

static void woken(struct ev_loop *loop)
{
	(void)loop;
}

static void called(struct ev_loop *loop, ev_periodic *w, int revents)
{
	say_periodic(loop, w, revents);
	ev_break(loop, EVBREAK_ALL);
}

/* Sets the clock during the first wait, and runs until P has been called: that
   took so long, by the monotonic clock. */
static int64_t set_while_waiting(struct ev_loop *loop, int64_t ahead)
{
	ev_run(loop, EVRUN_NOWAIT);
	by = ahead;
	ev_set_loop_release_cb(loop, set_clock, woken);
	ev_run(loop, 0);
	CHECK_HEARD("p(200)");
	return spy_clock() - START;
}

static void check_noticed(struct ev_loop *loop, int64_t from, int64_t to)
{
	ev_periodic w;
	int64_t took;

	start(loop, &w, WALL + HOUR, 0);
	took = set_while_waiting(loop, 2 * HOUR);
	CHECK_INT(took, >=, from);
	CHECK_INT(took, <=, to + soon());
	ev_loop_destroy(loop);
}

TEST(forward_over_one_that_is_called_once)
{
	check_noticed(begin(0), 0, TOLD ? 0 : MINUTE);
}

TEST(within_a_minute_without_timerfd)
{
	check_noticed(begin(EVFLAG_NOTIMERFD), 59 * SEC, MINUTE);
}

TEST(within_a_minute_if_there_is_none)
{
	struct ev_loop *loop = begin(0);

	spy_fail(SPY_TIMERFD_CREATE, 1, ~0U, EPERM);
	check_noticed(loop, 0, MINUTE);
}

/* The first beat after it, which is half an hour away. */
TEST(back_and_forth_before_one_that_repeats)
{
	int64_t ahead[] = { -30 * 24 * HOUR, 30 * 24 * HOUR };
	int i;

	for (i = 0; i < 2; i++) {
		struct ev_loop *loop = begin(0);
		ev_periodic w;

		start(loop, &w, HOUR / 2, HOUR);
		ev_set_cb(&w, called);
		CHECK_INT(set_while_waiting(loop, ahead[i]), <=,
			  HOUR / 2 + soon());
		ev_loop_destroy(loop);
	}
}

static unsigned waits(struct ev_loop *loop, int count)
{
	spy_reset();
	iterate(loop, count, EVRUN_NOWAIT);
	return spy_count(SPY_WAIT);
}

TEST(nothing_is_done_for_it_without_periodics)
{
	struct ev_loop *loop = begin(0);
	ev_periodic w;

	CHECK_INT(waits(loop, 10), ==, 10);
	start(loop, &w, WALL + HOUR, 0);
	ev_run(loop, EVRUN_NOWAIT);
	ev_periodic_stop(loop, &w);
	CHECK_INT(waits(loop, 10), ==, 10);
	CHECK_INT(spy_count(SPY_TIMERFD_SETTIME), ==, 0);
	ev_loop_destroy(loop);
}

/* The first wait is as the others, though the core gets ready before it. */
TEST(the_first_wait_is_not_cut_short)
{
	struct ev_loop *loop = begin(0);
	ev_periodic w;

	start(loop, &w, WALL + HOUR, 0);
	ev_run(loop, EVRUN_ONCE);
	if (TOLD)
		CHECK_HEARD("p(200)");
	ev_loop_destroy(loop);
}

/* What the core finds on the way is not lost, nor slept upon. */
TEST(what_is_ready_when_it_begins)
{
	struct ev_loop *loop = begin(0);
	ev_periodic w;
	int p[2];
	ev_io io;

	make_full_pipe(p);
	IO(loop, &io, "io", p[0], EV_READ);
	start(loop, &w, WALL + HOUR, 0);
	ev_run(loop, EVRUN_ONCE);
	CHECK_HEARD("io(1)");
	CHECK_INT(spy_clock(), ==, START);
	ev_loop_destroy(loop);
	close_pair(p);
}

/* Of which the nanoseconds round up to a whole second, and more than fits. */
TEST(waits_that_are_rounded_up)
{
	static const double after[] = { .9999999999, 1.9999999999 };
	struct ev_loop *loop = begin(0);
	ev_timer w, never;
	size_t i;

	TIMER(loop, &never, "never", 1e30, 0.);
	for (i = 0; i < sizeof(after) / sizeof(after[0]); i++) {
		int64_t from = spy_clock();

		TIMER(loop, &w, "t", after[i], 0.);
		ev_run(loop, EVRUN_ONCE);
		CHECK_HEARD("t(100)");
		CHECK_INT(spy_clock() - from, >=, (int64_t)(after[i] * 1e9));
		CHECK_INT(spy_clock() - from, <=,
			  (int64_t)(after[i] * 1e9) + soon());
	}
	ev_timer_stop(loop, &never);
	ev_loop_destroy(loop);
}

TEST(a_day_is_the_longest_sleep)
{
	struct ev_loop *loop = begin(0);

	ev_sleep(1e30);
	CHECK_INT(spy_clock() - START, >=, 24 * HOUR);
	CHECK_INT(spy_clock() - START, <=, 24 * HOUR + SEC);
	ev_loop_destroy(loop);
}

TEST(an_alarm_that_is_refused_for_a_while)
{
	struct ev_loop *loop = begin(0);
	ev_periodic w;

	start(loop, &w, WALL + HOUR, 0);
	spy_fail(SPY_MALLOC, 1, ~0U, ENOMEM);
	ev_run(loop, EVRUN_NOWAIT);
	CHECK_INT(spy_failed(), >=, 1);
	spy_heal();
	CHECK_INT(set_while_waiting(loop, 2 * HOUR), <=,
		  (TOLD ? 0 : MINUTE) + soon());
	ev_loop_destroy(loop);
}

/* A wait is not put off for longer than the calendar is left alone. */
TEST(an_endless_io_collect_interval)
{
	struct ev_loop *loop = begin(0);
	ev_io io;
	int p[2];

	make_full_pipe(p);
	IO(loop, &io, "io", p[0], EV_READ);
	ev_set_io_collect_interval(loop, 1e300);
	ev_run(loop, EVRUN_ONCE);
	CHECK_HEARD("io(1)");
	CHECK_INT(spy_clock() - START, <=, MINUTE);
	ev_loop_destroy(loop);
	close_pair(p);
}
