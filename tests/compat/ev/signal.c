/* SPDX-License-Identifier: MIT */
/*
 * signal.c - tests of ev_signal.
 */
#include <signal.h>
#include "rig.h"

static void start(struct ev_loop *loop, ev_signal *w, const char *label,
		  int signum)
{
	ev_signal_init(w, say_signal, signum);
	LABEL(w, label);
	ev_signal_start(loop, w);
}

static int is_default(int signum)
{
	struct sigaction action;

	CHECK_SYS(sigaction(signum, NULL, &action));
	return action.sa_handler == SIG_DFL;
}

TEST(comes_in_the_next_iteration)
{
	struct ev_loop *loop = make_loop();
	ev_signal w;

	start(loop, &w, "s", SIGUSR1);
	ev_signal_start(loop, &w);
	CHECK_SYS(raise(SIGUSR1));
	ev_run(loop, EVRUN_ONCE);
	CHECK_HEARD("s(400)");
	ev_signal_stop(loop, &w);
	ev_signal_stop(loop, &w);
	CHECK_INT(ev_run(loop, 0), ==, 0);
	ev_loop_destroy(loop);
}

TEST(several_watchers_and_merged)
{
	struct ev_loop *loop = make_loop();
	ev_signal w[3];

	start(loop, &w[0], "a", SIGUSR1);
	start(loop, &w[1], "b", SIGUSR1);
	start(loop, &w[2], "c", SIGUSR1);
	ev_signal_stop(loop, &w[1]);
	raise(SIGUSR1);
	raise(SIGUSR1);
	iterate(loop, 2, EVRUN_NOWAIT);
	CHECK_HEARD("a(400) c(400)");
	ev_signal_stop(loop, &w[0]);
	CHECK(!is_default(SIGUSR1));
	ev_signal_stop(loop, &w[2]);
	CHECK(is_default(SIGUSR1));
	ev_loop_destroy(loop);
}

TEST(several_signals_at_once)
{
	struct ev_loop *loop = make_loop();
	ev_signal w[3];

	start(loop, &w[0], "usr2", SIGUSR2);
	start(loop, &w[1], "hup", SIGHUP);
	start(loop, &w[2], "usr1", SIGUSR1);
	raise(SIGHUP);
	raise(SIGUSR1);
	raise(SIGUSR2);
	ev_run(loop, EVRUN_ONCE);
	CHECK_HEARD("hup(400) usr1(400) usr2(400)");
	ev_signal_stop(loop, &w[0]);
	ev_signal_stop(loop, &w[1]);
	ev_signal_stop(loop, &w[2]);
	ev_loop_destroy(loop);
}

TEST(loops_with_signals_of_their_own)
{
	struct ev_loop *a = make_loop(), *b = make_loop();
	ev_signal wa, wb;

	start(a, &wa, "a", SIGUSR1);
	start(b, &wb, "b", SIGUSR2);
	raise(SIGUSR1);
	ev_run(b, EVRUN_NOWAIT);
	CHECK_HEARD("");
	ev_run(a, EVRUN_NOWAIT);
	CHECK_HEARD("a(400)");
	raise(SIGUSR2);
	ev_run(b, EVRUN_ONCE);
	CHECK_HEARD("b(400)");
	/* One that is free again may go to the other loop. */
	ev_signal_stop(a, &wa);
	ev_signal_start(b, &wa);
	raise(SIGUSR1);
	ev_run(b, EVRUN_ONCE);
	CHECK_HEARD("a(400)");
	ev_signal_stop(b, &wa);
	ev_signal_stop(b, &wb);
	ev_loop_destroy(a);
	ev_loop_destroy(b);
}

TEST(the_handler_restarts_calls_and_blocks_all)
{
	struct ev_loop *loop = make_loop();
	struct sigaction action;
	ev_signal w;

	start(loop, &w, "s", SIGUSR1);
	CHECK_SYS(sigaction(SIGUSR1, NULL, &action));
	CHECK(action.sa_flags & SA_RESTART);
	CHECK(sigismember(&action.sa_mask, SIGTERM));
	ev_signal_stop(loop, &w);
	ev_loop_destroy(loop);
}

TEST(feed_signal)
{
	struct ev_loop *loop = make_loop();
	ev_signal w;

	start(loop, &w, "s", SIGUSR1);
	ev_feed_signal(SIGUSR1);
	ev_run(loop, EVRUN_ONCE);
	CHECK_HEARD("s(400)");
	ev_feed_signal(SIGUSR2);
	ev_run(loop, EVRUN_NOWAIT);
	CHECK_HEARD("");
	ev_feed_signal_event(loop, SIGUSR1);
	CHECK(ev_is_pending(&w));
	ev_invoke_pending(loop);
	CHECK_HEARD("s(400)");
	ev_feed_signal_event(loop, SIGUSR2);
	ev_feed_signal_event(loop, 0);
	ev_feed_signal_event(loop, -1);
	ev_feed_signal_event(loop, 1000);
	ev_invoke_pending(loop);
	CHECK_HEARD("");
	ev_signal_stop(loop, &w);
	ev_loop_destroy(loop);
}

static int is_blocked(int signum)
{
	sigset_t now;

	pthread_sigmask(SIG_SETMASK, NULL, &now);
	return sigismember(&now, signum);
}

static void start_blocked(struct ev_loop *loop, ev_signal *w, int signum)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signum);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	start(loop, w, "s", signum);
}

/* Which is the opposite of what libev's manual says. */
static int blocked_with(unsigned flags)
{
	struct ev_loop *loop = ev_loop_new(flags | flags_of_method());
	ev_signal w;
	int blocked;

	CHECK(loop != NULL);
	start_blocked(loop, &w, SIGUSR1);
	blocked = is_blocked(SIGUSR1);
	ev_signal_stop(loop, &w);
	ev_loop_destroy(loop);
	return blocked;
}

TEST(nosigmask_is_the_wrong_way_round)
{
	CHECK_INT(blocked_with(0), ==, 1);
	CHECK_INT(blocked_with(EVFLAG_NOSIGMASK), ==, 0);
}

/* libev reads it from a signalfd, for which it has to be blocked. */
static void come_though_blocked(struct ev_loop *loop)
{
	ev_signal w;

	CHECK(loop != NULL);
	start_blocked(loop, &w, SIGUSR1);
	pthread_kill(pthread_self(), SIGUSR1);
	ev_run(loop, EVRUN_NOWAIT);
	CHECK_HEARD("s(400)");
	ev_signal_stop(loop, &w);
	CHECK(!is_blocked(SIGUSR1));
	ev_loop_destroy(loop);
}

TEST(signalfd_has_blocked_signals_come)
{
	come_though_blocked(ev_loop_new(EVFLAG_SIGNALFD | flags_of_method()));
}

TEST(signalfd_by_the_environment)
{
	char flags[20];

	snprintf(flags, sizeof(flags), "%u",
		 (unsigned)EVFLAG_SIGNALFD | flags_of_method());
	CHECK_SYS(setenv("LIBEV_FLAGS", flags, 1));
	come_though_blocked(ev_loop_new(EVFLAG_AUTO));
}

TEST(a_signal_comes_before_io_and_check_of_its_priority)
{
	struct ev_loop *loop = make_loop();
	ev_signal w;
	ev_check check;
	ev_io io;
	int p[2];

	make_full_pipe(p);
	IO(loop, &io, "io", p[0], EV_READ);
	PLAIN(check, loop, &check, "chk");
	start(loop, &w, "s", SIGUSR1);
	raise(SIGUSR1);
	ev_run(loop, EVRUN_ONCE);
	CHECK_HEARD("s(400) chk(8000) io(1)");
	ev_signal_stop(loop, &w);
	ev_loop_destroy(loop);
	close_pair(p);
}

static void *send_soon(void *tid)
{
	struct timespec ts = { 0, 20000000 };

	nanosleep(&ts, NULL);
	pthread_kill(*(pthread_t *)tid, SIGUSR1);
	return NULL;
}

TEST(ends_a_wait)
{
	struct ev_loop *loop = make_loop();
	pthread_t me = pthread_self(), tid;
	ev_signal w;
	ev_timer t;

	start(loop, &w, "s", SIGUSR1);
	TIMER(loop, &t, "t", 100., 0.);
	CHECK_INT(pthread_create(&tid, NULL, send_soon, &me), ==, 0);
	ev_run(loop, EVRUN_ONCE);
	if (*heard() == '\0')
		ev_run(loop, EVRUN_ONCE);
	pthread_join(tid, NULL);
	ev_signal_stop(loop, &w);
	ev_loop_destroy(loop);
}

#if IS_OURS
TEST(a_destroyed_loop_gives_its_signals_away)
{
	struct ev_loop *a = make_loop(), *b;
	ev_signal wa, wb;

	fence_allow(FENCE_SIGNALS, "the handler of the first loop");
	start(a, &wa, "a", SIGUSR1);
	ev_loop_destroy(a);
	raise(SIGUSR1);
	b = make_loop();
	start(b, &wb, "b", SIGUSR1);
	raise(SIGUSR1);
	ev_run(b, EVRUN_ONCE);
	CHECK_HEARD("b(400)");
	ev_signal_stop(b, &wb);
	ev_loop_destroy(b);
}

TEST_ONCE(feeding_signals_that_are_none)
{
	struct ev_loop *loop = make_loop();

	ev_feed_signal(0);
	ev_feed_signal(-1);
	ev_feed_signal(1000);
	ev_feed_signal(SIGUSR1);
	ev_feed_signal_event(loop, 0);
	ev_feed_signal_event(loop, SIGUSR1);
	CHECK_INT(ev_run(loop, 0), ==, 0);
	ev_loop_destroy(loop);
}

FATAL_TEST_ONCE(of_two_loops, "ev_signal_start: signal 10 has watchers in "
		"another loop")
{
	struct ev_loop *a = make_loop(), *b = make_loop();
	ev_signal wa, wb;

	start(a, &wa, "a", SIGUSR1);
	start(b, &wb, "b", SIGUSR1);
}

FATAL_TEST_ONCE(zero, "ev_signal_start: there is no signal 0")
{
	ev_signal w;

	start(make_loop(), &w, "w", 0);
}

FATAL_TEST_ONCE(too_big, "ev_signal_start: there is no signal 1000")
{
	ev_signal w;

	start(make_loop(), &w, "w", 1000);
}
#endif
