/* SPDX-License-Identifier: MIT */
/*
 * child.c - tests of ev_child.
 */
#include <signal.h>
#include <sys/wait.h>
#include "rig.h"

static pid_t child(int status)
{
	pid_t pid = (pid_t)CHECK_SYS(fork());

	if (pid == 0)
		_exit(status);
	return pid;
}

static void start(struct ev_loop *loop, ev_child *w, const char *label,
		  int pid, int trace)
{
	ev_child_init(w, say_child, pid, trace);
	LABEL(w, label);
	ev_child_start(loop, w);
}

static void run_until(struct ev_loop *loop, const ev_child *w)
{
	while (w->rpid == 0)
		ev_run(loop, EVRUN_ONCE);
}

TEST(an_exit)
{
	struct ev_loop *loop = make_default_loop();
	pid_t pid = child(7);
	ev_child w;

	memset(&w, 0, sizeof(w));
	start(loop, &w, "c", pid, 0);
	run_until(loop, &w);
	CHECK_HEARD("c(800)");
	CHECK_INT(w.rpid, ==, pid);
	CHECK(WIFEXITED(w.rstatus));
	CHECK_INT(WEXITSTATUS(w.rstatus), ==, 7);
	CHECK(ev_is_active(&w));
	CHECK_INT(ev_priority(&w), ==, 2);
	ev_child_stop(loop, &w);
	ev_loop_destroy(loop);
}

TEST(any_child)
{
	struct ev_loop *loop = make_default_loop();
	ev_child any, one;
	pid_t pid;

	memset(&any, 0, sizeof(any));
	memset(&one, 0, sizeof(one));
	start(loop, &any, "any", 0, 0);
	pid = child(3);
	start(loop, &one, "one", pid, 0);
	run_until(loop, &any);
	run_until(loop, &one);
	CHECK_INT(any.rpid, ==, pid);
	CHECK_INT(one.rpid, ==, pid);
	heard();
	ev_child_stop(loop, &any);
	ev_child_stop(loop, &one);
	ev_child_stop(loop, &one);
	ev_loop_destroy(loop);
}

/* Those whose numbers have the same last bits are kept together. */
TEST(another_child_s_number)
{
	struct ev_loop *loop = make_default_loop();
	ev_child near_, own;
	pid_t pid = child(3);

	memset(&near_, 0, sizeof(near_));
	memset(&own, 0, sizeof(own));
	start(loop, &own, "own", pid, 0);
	ev_child_start(loop, &own);
	start(loop, &near_, "near", pid + 16, 0);
	run_until(loop, &own);
	CHECK_HEARD("own(800)");
	CHECK_INT(near_.rpid, ==, 0);
	ev_child_stop(loop, &own);
	ev_child_stop(loop, &near_);
	ev_loop_destroy(loop);
}

static int ended;

static void count(struct ev_loop *loop, ev_child *w, int revents)
{
	(void)loop;
	CHECK_INT(revents, ==, EV_CHILD);
	CHECK(WIFEXITED(w->rstatus));
	/* One at a time: the number tells which. */
	ended |= 1 << WEXITSTATUS(w->rstatus);
}

TEST(each_is_told_on_its_own)
{
	struct ev_loop *loop = make_default_loop();
	ev_child w;
	int i;

	ev_child_init(&w, count, 0, 0);
	ev_child_start(loop, &w);
	for (i = 0; i < 8; i++)
		child(i);
	while (ended != 0xff)
		ev_run(loop, EVRUN_ONCE);
	ev_child_stop(loop, &w);
	ev_loop_destroy(loop);
}

TEST(ended_before_it_is_watched)
{
	struct ev_loop *loop = make_default_loop();
	pid_t pid = child(1);
	siginfo_t info;
	ev_child w;

	memset(&w, 0, sizeof(w));
	CHECK_SYS(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
	start(loop, &w, "c", pid, 0);
	run_until(loop, &w);
	CHECK_INT(WEXITSTATUS(w.rstatus), ==, 1);
	heard();
	ev_child_stop(loop, &w);
	ev_loop_destroy(loop);
}

/* Every child of the process, watched or not. */
TEST(strangers_are_waited_for)
{
	struct ev_loop *loop = make_default_loop();
	pid_t pid = child(0);
	siginfo_t info;

	CHECK_SYS(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
	while (kill(pid, 0) == 0)
		ev_run(loop, EVRUN_NOWAIT);
	CHECK_ERRNO(waitpid(pid, NULL, 0), ECHILD);
	ev_loop_destroy(loop);
}

TEST(stops_only_if_asked_for)
{
	struct ev_loop *loop = make_default_loop();
	ev_child trace, plain;
	pid_t pid = (pid_t)CHECK_SYS(fork());

	if (pid == 0)
		for (;;)
			pause();
	memset(&trace, 0, sizeof(trace));
	memset(&plain, 0, sizeof(plain));
	start(loop, &trace, "trace", pid, 1);
	start(loop, &plain, "plain", pid, 0);
	kill(pid, SIGSTOP);
	run_until(loop, &trace);
	CHECK(WIFSTOPPED(trace.rstatus));
	CHECK_HEARD("trace(800)");
	trace.rpid = 0;
	kill(pid, SIGCONT);
	run_until(loop, &trace);
	CHECK(WIFCONTINUED(trace.rstatus));
	CHECK_HEARD("trace(800)");
	trace.rpid = 0;
	kill(pid, SIGKILL);
	run_until(loop, &trace);
	CHECK(WIFSIGNALED(plain.rstatus));
	CHECK_HEARD("trace(800) plain(800)");
	ev_child_stop(loop, &trace);
	ev_child_stop(loop, &plain);
	ev_loop_destroy(loop);
}

TEST(sigchld_holds_nothing)
{
	struct ev_loop *loop = make_default_loop();

	CHECK_INT(ev_run(loop, 0), ==, 0);
	ev_loop_destroy(loop);
}

/* The program's own watcher of SIGCHLD comes as well. */
TEST(sigchld_may_be_watched)
{
	struct ev_loop *loop = make_default_loop();
	ev_signal w;
	ev_child c;

	memset(&c, 0, sizeof(c));
	ev_signal_init(&w, say_signal, SIGCHLD);
	LABEL(&w, "sigchld");
	ev_signal_start(loop, &w);
	start(loop, &c, "c", child(0), 0);
	run_until(loop, &c);
	CHECK_HEARD("c(800) sigchld(400)");
	ev_signal_stop(loop, &w);
	ev_child_stop(loop, &c);
	ev_loop_destroy(loop);
}

#if IS_OURS
FATAL_TEST_ONCE(not_the_default_loop, "ev_child_start: not in the default loop")
{
	ev_child w;

	start(make_loop(), &w, "w", 1, 0);
}

/* With another priority than it gets. */
TEST(fed_when_its_child_is_found)
{
	struct ev_loop *loop = make_default_loop();
	pid_t pid = child(3);
	siginfo_t info;
	ev_child w;

	memset(&w, 0, sizeof(w));
	start(loop, &w, "c", pid, 0);
	CHECK_SYS(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
	ev_feed_event(loop, &w, EV_CUSTOM);
	ev_feed_signal_event(loop, SIGCHLD);
	ev_run(loop, EVRUN_NOWAIT);
	CHECK_HEARD("c(1000800)");
	CHECK_INT(w.rpid, ==, pid);
	ev_child_stop(loop, &w);
	ev_loop_destroy(loop);
}
#endif
