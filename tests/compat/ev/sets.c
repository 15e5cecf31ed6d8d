/* SPDX-License-Identifier: MIT */
/*
 * sets.c - tests of prepare, check, idle, fork and cleanup watchers.
 */
#include <sys/wait.h>
#include "rig.h"

TEST(stopping_in_the_middle)
{
	struct ev_loop *loop = make_loop();
	ev_prepare w[4];
	int i;

	for (i = 0; i < 4; i++)
		PLAIN(prepare, loop, &w[i], i == 0 ? "a" : i == 1 ? "b" :
		      i == 2 ? "c" : "d");
	ev_prepare_stop(loop, &w[1]);
	ev_verify(loop);
	ev_run(loop, EVRUN_NOWAIT);
	CHECK_HEARD("c(4000) d(4000) a(4000)");
	ev_prepare_start(loop, &w[1]);
	ev_prepare_start(loop, &w[1]);
	ev_run(loop, EVRUN_NOWAIT);
	CHECK_HEARD("b(4000) c(4000) d(4000) a(4000)");
	ev_loop_destroy(loop);
}

TEST(started_twice_is_started_once)
{
	struct ev_loop *loop = make_loop();
	ev_cleanup cleanup;
	ev_async async;
	ev_idle idle;

	PLAIN(idle, loop, &idle, "i");
	ev_idle_start(loop, &idle);
	PLAIN(cleanup, loop, &cleanup, "c");
	ev_cleanup_start(loop, &cleanup);
	PLAIN(async, loop, &async, "a");
	ev_async_start(loop, &async);
	CHECK_INT(ev_run(loop, EVRUN_NOWAIT), ==, 2);
	CHECK_HEARD("i(2000)");
	ev_async_stop(loop, &async);
	ev_idle_stop(loop, &idle);
	CHECK_INT(ev_run(loop, EVRUN_NOWAIT), ==, 0);
	ev_loop_destroy(loop);
	CHECK_HEARD("c(40000)");
}

TEST(check_comes_after_the_wait)
{
	struct ev_loop *loop = make_loop();
	ev_check check;
	ev_prepare prep;

	PLAIN_AT(1, check, loop, &check, "chk");
	PLAIN_AT(-1, prepare, loop, &prep, "prep");
	CHECK_INT(ev_run(loop, EVRUN_NOWAIT), ==, 2);
	CHECK_HEARD("prep(4000) chk(8000)");
	ev_check_stop(loop, &check);
	ev_check_stop(loop, &check);
	CHECK_INT(ev_run(loop, EVRUN_NOWAIT), ==, 1);
	CHECK_HEARD("prep(4000)");
	ev_loop_destroy(loop);
}

TEST(an_idle_keeps_the_loop_awake)
{
	struct ev_loop *loop = make_loop();
	ev_idle idle;
	ev_timer t;
	double start = ev_time();

	TIMER(loop, &t, "t", 5., 0.);
	PLAIN_AT(-2, idle, loop, &idle, "idle");
	iterate(loop, 3, EVRUN_ONCE);
	CHECK_HEARD("idle(2000) idle(2000) idle(2000)");
	CHECK(ev_time() - start < 4.);
	ev_idle_stop(loop, &idle);
	ev_idle_stop(loop, &idle);
	ev_loop_destroy(loop);
}

static int countdown = 3;

static void count_down(struct ev_loop *loop, ev_idle *w, int revents)
{
	said(w->data, revents);
	if (--countdown == 0)
		ev_idle_stop(loop, w);
}

TEST(an_idle_that_stops_itself)
{
	struct ev_loop *loop = make_loop();
	ev_idle idle;

	ev_idle_init(&idle, count_down);
	LABEL(&idle, "idle");
	ev_idle_start(loop, &idle);
	CHECK_INT(ev_run(loop, 0), ==, 0);
	CHECK_HEARD("idle(2000) idle(2000) idle(2000)");
	ev_loop_destroy(loop);
}

TEST(cleanup)
{
	struct ev_loop *loop = make_loop();
	ev_cleanup w[3];

	PLAIN(cleanup, loop, &w[0], "a");
	PLAIN(cleanup, loop, &w[1], "b");
	PLAIN_AT(1, cleanup, loop, &w[2], "c");
	CHECK_INT(ev_run(loop, 0), ==, 0);
	CHECK_HEARD("");
	ev_loop_destroy(loop);
	CHECK_HEARD("c(40000) b(40000) a(40000)");
	CHECK(ev_is_active(&w[0]));
}

TEST(cleanup_that_was_stopped)
{
	struct ev_loop *loop = make_loop();
	ev_cleanup w;
	ev_timer t;

	PLAIN(cleanup, loop, &w, "a");
	TIMER(loop, &t, "t", 100., 0.);
	ev_cleanup_stop(loop, &w);
	ev_cleanup_stop(loop, &w);
	CHECK_INT(ev_run(loop, EVRUN_NOWAIT), ==, 1);
	ev_loop_destroy(loop);
	CHECK_HEARD("");
}

/* ---- Fork ------------------------------------------------------------------- */

TEST(fork_watchers_come_first)
{
	struct ev_loop *loop = make_loop();
	ev_fork w;
	ev_prepare prep;

	PLAIN(fork, loop, &w, "fork");
	PLAIN(prepare, loop, &prep, "prep");
	ev_run(loop, EVRUN_NOWAIT);
	CHECK_HEARD("prep(4000)");
	/* In the parent as well. */
	ev_loop_fork(loop);
	ev_run(loop, EVRUN_NOWAIT);
	CHECK_HEARD("fork(20000) prep(4000)");
	ev_run(loop, EVRUN_NOWAIT);
	CHECK_HEARD("prep(4000)");
	ev_fork_stop(loop, &w);
	ev_fork_stop(loop, &w);
	ev_loop_fork(loop);
	ev_run(loop, EVRUN_NOWAIT);
	CHECK_HEARD("prep(4000)");
	ev_loop_destroy(loop);
}

static struct ev_loop *inherited;
static ev_io inherited_io;
static ev_async inherited_async;

static void go_on_in_child(void *unused)
{
	(void)unused;
	ev_loop_fork(inherited);
	ev_async_send(inherited, &inherited_async);
	ev_run(inherited, EVRUN_ONCE);
	CHECK_HEARD("fork(20000) a(80000) io(1)");
	ev_io_stop(inherited, &inherited_io);
	ev_run(inherited, EVRUN_NOWAIT);
	CHECK_HEARD("");
	ev_async_send(inherited, &inherited_async);
	ev_run(inherited, EVRUN_ONCE);
	CHECK_HEARD("a(80000)");
}

TEST(a_child_goes_on)
{
	int p[2];
	ev_fork w;

	inherited = make_loop();
	make_full_pipe(p);
	IO(inherited, &inherited_io, "io", p[0], EV_READ);
	PLAIN(fork, inherited, &w, "fork");
	PLAIN(async, inherited, &inherited_async, "a");
	ev_run(inherited, EVRUN_ONCE);
	CHECK_HEARD("io(1)");
	reap_child(fork_child(go_on_in_child, NULL));
	ev_run(inherited, EVRUN_ONCE);
	CHECK_HEARD("io(1)");
	ev_async_send(inherited, &inherited_async);
	ev_run(inherited, EVRUN_ONCE);
	CHECK_HEARD("a(80000) io(1)");
	ev_loop_destroy(inherited);
	close_pair(p);
}

static void send_in_child(void *unused)
{
	(void)unused;
	ev_loop_fork(inherited);
	ev_async_send(inherited, &inherited_async);
	ev_run(inherited, EVRUN_NOWAIT);
	CHECK_HEARD("a(80000)");
}

/* By another thread, that has marked the watcher and not told the loop. */
TEST(a_child_after_half_a_send)
{
	inherited = make_loop();
	PLAIN(async, inherited, &inherited_async, "a");
	ev_run(inherited, EVRUN_NOWAIT);
	inherited_async.sent = 1;
	reap_child(fork_child(send_in_child, NULL));
	ev_loop_destroy(inherited);
}

/* The last thing that is done before a wait. */
static void send_late(struct ev_loop *loop)
{
	ev_async_send(loop, &inherited_async);
}

static void nothing(struct ev_loop *loop)
{
	(void)loop;
}

static void wait_for_a_send(void)
{
	ev_loop_fork(inherited);
	ev_set_loop_release_cb(inherited, send_late, nothing);
	ev_run(inherited, EVRUN_ONCE);
	CHECK_HEARD("a(80000)");
}

TEST(the_wait_after_a_fork_is_woken)
{
	inherited = make_loop();
	PLAIN(async, inherited, &inherited_async, "a");
	ev_run(inherited, EVRUN_NOWAIT);
	/* In the parent as well. */
	wait_for_a_send();
	ev_loop_destroy(inherited);
}

static void wait_in_child(void *unused)
{
	(void)unused;
	wait_for_a_send();
}

TEST(a_child_after_half_a_send_waits)
{
	inherited = make_loop();
	PLAIN(async, inherited, &inherited_async, "a");
	ev_run(inherited, EVRUN_NOWAIT);
	inherited_async.sent = 1;
	reap_child(fork_child(wait_in_child, NULL));
	ev_loop_destroy(inherited);
}

static void check_in_child(void *unused)
{
	(void)unused;
	ev_run(inherited, EVRUN_ONCE);
	CHECK_HEARD("fork(20000) io(1)");
	ev_run(inherited, EVRUN_ONCE);
	CHECK_HEARD("io(1)");
}

TEST(forkcheck)
{
	int p[2];
	ev_fork w;

	inherited = ev_loop_new(EVFLAG_FORKCHECK | flags_of_method());
	CHECK(inherited != NULL);
	make_full_pipe(p);
	IO(inherited, &inherited_io, "io", p[0], EV_READ);
	PLAIN(fork, inherited, &w, "fork");
	ev_run(inherited, EVRUN_ONCE);
	CHECK_HEARD("io(1)");
	reap_child(fork_child(check_in_child, NULL));
	ev_run(inherited, EVRUN_ONCE);
	CHECK_HEARD("io(1)");
	ev_loop_destroy(inherited);
	close_pair(p);
}

/* As a server does that starts its workers from a callback. */
static void fork_here(struct ev_loop *loop, ev_timer *w, int revents)
{
	pid_t pid = fork();
	int status;

	(void)w;
	(void)revents;
	if (pid > 0) {
		CHECK_SYS(waitpid(pid, &status, 0));
		CHECK_INT(status, ==, 0);
		return;
	}
	CHECK_INT(pid, ==, 0);
	ev_loop_fork(loop);
	ev_run(loop, EVRUN_ONCE);
	_exit(strstr(heard(), "io(1)") == NULL);
}

TEST(fork_in_a_callback_and_a_nested_run)
{
	struct ev_loop *loop = make_loop();
	int p[2];
	ev_io io;
	ev_timer t;

	make_full_pipe(p);
	IO(loop, &io, "io", p[0], EV_READ);
	ev_timer_init(&t, fork_here, 0., 0.);
	ev_timer_start(loop, &t);
	while (ev_is_active(&t) || ev_is_pending(&t))
		ev_run(loop, EVRUN_ONCE);
	ev_io_stop(loop, &io);
	CHECK_INT(ev_run(loop, EVRUN_NOWAIT), ==, 0);
	heard();
	ev_loop_destroy(loop);
	close_pair(p);
}

/* Who forgets ev_loop_fork() does not disturb its parent: with libev's epoll
   it takes the descriptor out of the parent's set. */
static void forget(void *unused)
{
	(void)unused;
	ev_io_stop(inherited, &inherited_io);
	ev_run(inherited, EVRUN_NOWAIT);
}

TEST(a_child_that_says_nothing)
{
	int p[2];

	if (!IS_OURS)
		SKIP("libev does");
	inherited = make_loop();
	make_full_pipe(p);
	IO(inherited, &inherited_io, "io", p[0], EV_READ);
	ev_run(inherited, EVRUN_ONCE);
	CHECK_HEARD("io(1)");
	reap_child(fork_child(forget, NULL));
	ev_run(inherited, EVRUN_ONCE);
	CHECK_HEARD("io(1)");
	ev_loop_destroy(inherited);
	close_pair(p);
}
