/* SPDX-License-Identifier: MIT */
/*
 * run.c - tests of ev_run(): in which order callbacks come, when it returns
 * and with what.
 */
#include <setjmp.h>
#include "rig.h"

#define DUE	.002

/* ---- One iteration --------------------------------------------------------- */

/* p is readable, q as well, w can be written to. */
struct scene {
	struct ev_loop	*loop;
	int	p[2], q[2];
	ev_prepare	prep[2];
	ev_check	check[2];
	ev_idle	idle;
	ev_io	a, b, c, w;
	ev_timer	t[3];
	ev_periodic	per;
};

static void set_scene(struct scene *s)
{
	s->loop = make_loop();
	make_full_pipe(s->p);
	make_full_pipe(s->q);
	PLAIN(prepare, s->loop, &s->prep[0], "prep1");
	PLAIN(prepare, s->loop, &s->prep[1], "prep2");
	PLAIN(check, s->loop, &s->check[0], "chk1");
	PLAIN(check, s->loop, &s->check[1], "chk2");
	PLAIN(idle, s->loop, &s->idle, "idle0");
}

static void start_ios(struct scene *s)
{
	IO(s->loop, &s->a, "ioA", s->p[0], EV_READ);
	IO(s->loop, &s->b, "ioB", s->p[0], EV_READ);
	IO(s->loop, &s->c, "ioC", s->q[0], EV_READ);
	IO(s->loop, &s->w, "ioW", s->q[1], EV_WRITE);
}

static void clear_scene(struct scene *s)
{
	ev_loop_destroy(s->loop);
	close_pair(s->p);
	close_pair(s->q);
}

TEST(everything_at_once)
{
	struct scene s;

	set_scene(&s);
	start_ios(&s);
	TIMER(s.loop, &s.t[2], "t0", .003, 0.);
	TIMER(s.loop, &s.t[1], "t-1", .002, 0.);
	TIMER(s.loop, &s.t[0], "t-2", .001, 0.);
	ev_periodic_init(&s.per, say_periodic, ev_now(s.loop), 0., NULL);
	LABEL(&s.per, "per");
	ev_periodic_start(s.loop, &s.per);
	pass(s.loop, .004);
	ev_run(s.loop, EVRUN_ONCE);
	if (flags_of_method() == 0 || flags_of_method() == EVBACKEND_EPOLL)
		CHECK_HEARD("prep2(4000) prep1(4000) chk2(8000) chk1(8000) "
			    "per(200) t-2(100) t-1(100) t0(100) "
			    "ioW(2) ioC(1) ioA(1) ioB(1)");
	clear_scene(&s);
}

TEST(idle_when_there_is_nothing_else)
{
	struct scene s;

	set_scene(&s);
	ev_run(s.loop, EVRUN_ONCE);
	CHECK_HEARD("prep2(4000) prep1(4000) chk2(8000) chk1(8000) "
		    "idle0(2000)");
	clear_scene(&s);
}

TEST(only_the_highest_idles)
{
	struct scene s;
	ev_idle high, low;

	set_scene(&s);
	PLAIN_AT(1, idle, s.loop, &high, "idle+1");
	PLAIN_AT(-1, idle, s.loop, &low, "idle-1");
	ev_run(s.loop, EVRUN_ONCE);
	CHECK_HEARD("prep2(4000) prep1(4000) idle+1(2000) chk2(8000) "
		    "chk1(8000)");
	clear_scene(&s);
}

TEST(no_idle_below_what_is_pending)
{
	struct scene s;
	ev_idle low;
	ev_io io;

	set_scene(&s);
	PLAIN_AT(-1, idle, s.loop, &low, "idle-1");
	IO(s.loop, &io, "io", s.p[0], EV_READ);
	ev_run(s.loop, EVRUN_ONCE);
	CHECK_HEARD("prep2(4000) prep1(4000) chk2(8000) chk1(8000) io(1)");
	clear_scene(&s);
}

TEST(priorities)
{
	struct ev_loop *loop = make_loop();
	int p[3][2], i;
	ev_io low, mid, high;
	ev_timer timer;
	ev_check check;

	for (i = 0; i < 3; i++)
		make_full_pipe(p[i]);
	IO_AT(-2, loop, &low, "io-2", p[0][0], EV_READ);
	IO_AT(0, loop, &mid, "io0", p[1][0], EV_READ);
	IO_AT(2, loop, &high, "io+2", p[2][0], EV_READ);
	TIMER_AT(1, loop, &timer, "t+1", 0.);
	PLAIN(check, loop, &check, "chk");
	pass(loop, DUE);
	ev_run(loop, EVRUN_ONCE);
	CHECK_HEARD("io+2(1) t+1(100) chk(8000) io0(1) io-2(1)");
	ev_loop_destroy(loop);
	for (i = 0; i < 3; i++)
		close_pair(p[i]);
}

TEST(priorities_are_clamped_when_it_starts)
{
	struct ev_loop *loop = make_loop();
	ev_prepare w[2];

	PLAIN_AT(-100, prepare, loop, &w[0], "low");
	PLAIN_AT(100, prepare, loop, &w[1], "high");
	CHECK_INT(ev_priority(&w[0]), ==, -2);
	CHECK_INT(ev_priority(&w[1]), ==, 2);
	ev_run(loop, EVRUN_NOWAIT);
	CHECK_HEARD("high(4000) low(4000)");
	ev_loop_destroy(loop);
}

/* ---- Nesting, and the end -------------------------------------------------- */

static int inner_flags, inner_result, inner_break;

static void nest(struct ev_loop *loop, ev_timer *w, int revents)
{
	said(w->data, revents);
	inner_result = ev_run(loop, inner_flags);
	said("back", inner_result);
}

static void stop_inside(struct ev_loop *loop, ev_timer *w, int revents)
{
	said(w->data, revents);
	ev_break(loop, inner_break);
}

TEST(nested_nowait_takes_what_the_outer_one_has_queued)
{
	struct ev_loop *loop = make_loop();
	ev_timer outer, same, later;

	ev_timer_init(&outer, nest, 0., 0.);
	LABEL(&outer, "outer");
	ev_timer_start(loop, &outer);
	TIMER(loop, &same, "same", .0005, 0.);
	TIMER(loop, &later, "later", 100., 0.);
	pass(loop, DUE);
	inner_flags = EVRUN_NOWAIT;
	CHECK_INT(ev_run(loop, EVRUN_ONCE), ==, 1);
	CHECK_HEARD("outer(100) same(100) back(1)");
	ev_loop_destroy(loop);
}

static void break_with(int how, const char *text)
{
	struct ev_loop *loop = make_loop();
	ev_timer outer, stopper, later, last;

	ev_timer_init(&outer, nest, 0., 0.);
	LABEL(&outer, "outer");
	ev_timer_start(loop, &outer);
	ev_timer_init(&stopper, stop_inside, .002, 0.);
	LABEL(&stopper, "stop");
	ev_timer_start(loop, &stopper);
	TIMER(loop, &later, "later", .100, 0.);
	TIMER(loop, &last, "last", 100., 0.);
	inner_flags = 0;
	inner_break = how;
	if (how != EVBREAK_ALL) {
		ev_timer_stop(loop, &last);
	}
	ev_run(loop, 0);
	CHECK_HEARD(text);
	ev_loop_destroy(loop);
}

TEST(break_one)
{
	break_with(EVBREAK_ONE, "outer(100) stop(100) back(1) later(100)");
}

TEST(break_all)
{
	break_with(EVBREAK_ALL, "outer(100) stop(100) back(2)");
}

TEST(break_cancel)
{
	break_with(EVBREAK_CANCEL, "outer(100) stop(100) later(100) back(0)");
}

TEST(an_empty_loop_returns)
{
	struct ev_loop *loop = make_loop();

	CHECK_INT(ev_run(loop, 0), ==, 0);
	CHECK_INT(ev_run(loop, EVRUN_ONCE), ==, 0);
	CHECK_INT(ev_iteration(loop), ==, 2);
	ev_loop_destroy(loop);
}

TEST(a_break_before_the_run_is_lost)
{
	struct ev_loop *loop = make_loop();
	ev_timer w;

	TIMER(loop, &w, "t", DUE, 0.);
	ev_break(loop, EVBREAK_ALL);
	CHECK_INT(ev_run(loop, 0), ==, 0);
	CHECK_HEARD("t(100)");
	ev_loop_destroy(loop);
}

static void stop_prepare(struct ev_loop *loop, ev_prepare *w, int revents)
{
	said(w->data, revents);
	ev_break(loop, EVBREAK_ONE);
}

TEST(a_break_in_prepare_leaves_before_the_wait)
{
	struct ev_loop *loop = make_loop();
	ev_prepare w;
	ev_check check;

	ev_prepare_init(&w, stop_prepare);
	LABEL(&w, "prep");
	ev_prepare_start(loop, &w);
	PLAIN(check, loop, &check, "chk");
	CHECK_INT(ev_run(loop, 0), ==, 2);
	CHECK_HEARD("prep(4000)");
	CHECK_INT(ev_iteration(loop), ==, 0);
	ev_loop_destroy(loop);
}

TEST(references)
{
	struct ev_loop *loop = make_loop();
	ev_timer w;

	TIMER(loop, &w, "t", 100., 0.);
	ev_unref(loop);
	CHECK_INT(ev_run(loop, 0), ==, 0);
	ev_ref(loop);
	CHECK_INT(ev_run(loop, EVRUN_NOWAIT), ==, 1);
	ev_timer_stop(loop, &w);
	CHECK_INT(ev_run(loop, 0), ==, 0);
	ev_ref(loop);
	CHECK_INT(ev_run(loop, EVRUN_NOWAIT), ==, 1);
	ev_loop_destroy(loop);
}

static void break_at_the_third(struct ev_loop *loop, ev_timer *w, int revents)
{
	said(w->data, revents);
	if (ev_iteration(loop) == 3)
		ev_break(loop, EVBREAK_ONE);
}

TEST(less_than_no_references)
{
	struct ev_loop *loop = make_loop();
	ev_timer w;

	ev_timer_init(&w, break_at_the_third, .001, .001);
	LABEL(&w, "t");
	ev_timer_start(loop, &w);
	ev_unref(loop);
	ev_unref(loop);
	CHECK_INT(ev_run(loop, 0), ==, -1);
	CHECK_INT(ev_iteration(loop), ==, 3);
	ev_loop_destroy(loop);
}

static unsigned depths[2];

static void note_depth(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)w;
	(void)revents;
	depths[0] = ev_depth(loop);
	if (depths[0] == 1) {
		ev_timer_init(w, note_depth, 0., 0.);
		ev_timer_start(loop, w);
		ev_run(loop, EVRUN_ONCE);
		depths[1] = ev_depth(loop);
	}
}

TEST(depth)
{
	struct ev_loop *loop = make_loop();
	ev_timer w;

	CHECK_INT(ev_depth(loop), ==, 0);
	ev_timer_init(&w, note_depth, 0., 0.);
	ev_timer_start(loop, &w);
	while (ev_run(loop, 0))
		;
	CHECK_INT(depths[0], ==, 2);
	CHECK_INT(depths[1], ==, 1);
	CHECK_INT(ev_depth(loop), ==, 0);
	ev_loop_destroy(loop);
}

static jmp_buf away;

static void jump(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	(void)w;
	(void)revents;
	longjmp(away, 1);
}

TEST(longjmp_out_of_a_callback)
{
	struct ev_loop *loop = make_loop();
	ev_timer w, after;
	int p[2];
	ev_io io;

	make_full_pipe(p);
	IO(loop, &io, "io", p[0], EV_READ);
	TIMER(loop, &after, "after", .0005, 0.);
	ev_timer_init(&w, jump, 0., 0.);
	ev_timer_start(loop, &w);
	pass(loop, DUE);
	if (setjmp(away) == 0) {
		ev_run(loop, 0);
		FAIL("it has not jumped");
	}
	CHECK_INT(ev_depth(loop), ==, 1);
	/* What was queued still is. */
	ev_run(loop, EVRUN_NOWAIT);
	CHECK_HEARD("after(100) io(1) io(1)");
	ev_loop_destroy(loop);
	close_pair(p);
}

/* ---- What may be set ------------------------------------------------------- */

static void run_later(struct ev_loop *loop)
{
	said("pending", (int)ev_pending_count(loop));
}

TEST(invoke_pending_by_hand)
{
	struct ev_loop *loop = make_loop();
	ev_timer w[2];

	ev_set_invoke_pending_cb(loop, run_later);
	TIMER(loop, &w[0], "t1", 0., 0.);
	TIMER(loop, &w[1], "t2", .0005, 0.);
	pass(loop, DUE);
	ev_run(loop, EVRUN_ONCE);
	CHECK_HEARD("pending(0) pending(2)");
	ev_invoke_pending(loop);
	CHECK_HEARD("t1(100) t2(100)");
	CHECK_INT(ev_pending_count(loop), ==, 0);
	ev_loop_destroy(loop);
}

static void let_go(struct ev_loop *loop)
{
	said("release", (int)ev_iteration(loop));
}

static void take_back(struct ev_loop *loop)
{
	said("acquire", (int)ev_iteration(loop));
}

TEST(release_and_acquire)
{
	struct ev_loop *loop = make_loop();
	ev_prepare prep;
	ev_check check;

	ev_set_loop_release_cb(loop, let_go, take_back);
	PLAIN(prepare, loop, &prep, "prep");
	PLAIN(check, loop, &check, "chk");
	ev_run(loop, EVRUN_NOWAIT);
	CHECK_HEARD("prep(4000) release(1) acquire(1) chk(8000)");
	ev_set_loop_release_cb(loop, NULL, NULL);
	ev_run(loop, EVRUN_NOWAIT);
	CHECK_HEARD("prep(4000) chk(8000)");
	ev_loop_destroy(loop);
}

TEST(userdata)
{
	struct ev_loop *loop = make_loop();

	CHECK(ev_userdata(loop) == NULL);
	ev_set_userdata(loop, &loop);
	CHECK(ev_userdata(loop) == &loop);
	ev_loop_destroy(loop);
}

TEST(timeout_collect_interval_makes_timers_late)
{
	struct ev_loop *loop = make_loop();
	ev_timer w[2];
	double start = ev_time();

	ev_set_timeout_collect_interval(loop, .05);
	TIMER(loop, &w[0], "t1", .001, 0.);
	TIMER(loop, &w[1], "t2", .03, 0.);
	while (ev_run(loop, EVRUN_ONCE))
		;
	CHECK_HEARD("t1(100) t2(100)");
	CHECK(ev_time() - start > .045);
	ev_loop_destroy(loop);
}

TEST(io_collect_interval_keeps_polls_apart)
{
	struct ev_loop *loop = make_loop();
	double start;
	int p[2];
	ev_io io;

	make_full_pipe(p);
	ev_set_io_collect_interval(loop, .02);
	IO(loop, &io, "io", p[0], EV_READ);
	ev_run(loop, EVRUN_ONCE);
	start = ev_time();
	iterate(loop, 2, EVRUN_ONCE);
	CHECK(ev_time() - start > .03);
	ev_loop_destroy(loop);
	close_pair(p);
}

/* No timer waits for it. */
TEST(io_collect_interval_ends_when_a_timer_is_due)
{
	struct ev_loop *loop = make_loop();
	double start = ev_time();
	ev_timer w;

	ev_set_io_collect_interval(loop, 30.);
	TIMER(loop, &w, "t", .01, 0.);
	CHECK_INT(ev_run(loop, 0), ==, 0);
	CHECK_HEARD("t(100)");
	CHECK(ev_time() - start < 5.);
	ev_loop_destroy(loop);
}
