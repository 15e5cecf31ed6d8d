/* SPDX-License-Identifier: MIT */
/*
 * ev.c - programs of libev, whose loops of ivykis have calls that fail.
 *
 * A loop is refused or works.  A descriptor that cannot be watched is told by
 * EV_ERROR; a program that is told that something which it cannot do without
 * was refused frees what it has, after which that is there.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <ev.h>
#include "inject.h"
#include "program.h"

/* Calls that are awaited. */
enum {
	IO = 1, TIMER = 2, PERIODIC = 4, ASYNC = 8, SIGNAL = 16, STAT = 32,
	INNER = 64, ALL = 127
};

static struct ev_loop *loop, *inner;
static int seen, sockets[2], file;
static char path[64];
static ev_io io, inner_io;
static ev_timer timer;
static ev_periodic periodic;
static ev_async async;
static ev_signal usr1;
static ev_stat st;
static ev_embed embed;

static void freed(const char *what)
{
	(void)what;
	torture_heal();
}

static void seen_one(int what)
{
	seen |= what;
	if (seen == ALL)
		ev_break(loop, EVBREAK_ALL);
}

/* Refused: once more, as a program does that has closed something. */
static int refused(struct ev_loop *l, ev_io *w, int revents)
{
	static const int none[] = { 0 };

	if (!(revents & EV_ERROR))
		return 0;
	CHECK(!ev_is_active(w));
	errno = 0;
	CHECK(torture_failed() > 0 || !accepted("ev_io_start", -1, none));
	torture_heal();
	ev_io_start(l, w);
	return 1;
}

static void readable(struct ev_loop *l, ev_io *w, int revents)
{
	if (refused(l, w, revents))
		return;
	CHECK(revents == EV_READ);
	ev_io_stop(l, w);
	seen_one(w == &io ? IO : INNER);
}

#define SEEN(type, what)						\
static void seen_##type(struct ev_loop *l, ev_##type *w, int revents)	\
{									\
	(void)revents;							\
	ev_##type##_stop(l, w);						\
	seen_one(what);							\
}
SEEN(timer, TIMER)
SEEN(periodic, PERIODIC)
SEEN(async, ASYNC)
SEEN(signal, SIGNAL)
SEEN(stat, STAT)

static void start_io(struct ev_loop *l, ev_io *w)
{
	ev_io_init(w, readable, sockets[0], EV_READ);
	ev_io_start(l, w);
}

static void start_all(void)
{
	snprintf(path, sizeof(path), "/tmp/torture-ev-%d", (int)getpid());
	file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CHECK(file >= 0);
	ev_timer_init(&timer, seen_timer, .001, 0.);
	ev_timer_start(loop, &timer);
	ev_periodic_init(&periodic, seen_periodic, ev_now(loop) + .001, 0.,
			 NULL);
	ev_periodic_start(loop, &periodic);
	ev_async_init(&async, seen_async);
	ev_async_start(loop, &async);
	ev_signal_init(&usr1, seen_signal, SIGUSR1);
	ev_signal_start(loop, &usr1);
	ev_stat_init(&st, seen_stat, path, .11);
	ev_stat_start(loop, &st);
	start_io(loop, &io);
}

static void stop_all(void)
{
	ev_io_stop(loop, &io);
	ev_timer_stop(loop, &timer);
	ev_periodic_stop(loop, &periodic);
	ev_async_stop(loop, &async);
	ev_signal_stop(loop, &usr1);
	ev_stat_stop(loop, &st);
	close(file);
	unlink(path);
}

/* Emulated queues cannot be watched. */
static int can_embed(void)
{
	return inner != NULL && ev_backend(inner) == EVBACKEND_EPOLL;
}

/* Else its part is as if seen. */
static void start_inner(void)
{
	inner = ev_loop_new(0);
	if (!can_embed()) {
		seen |= INNER;
		return;
	}
	start_io(inner, &inner_io);
	ev_embed_init(&embed, NULL, inner);
	ev_embed_start(loop, &embed);
}

static void stop_inner(void)
{
	if (can_embed())
		ev_embed_stop(loop, &embed);
	ev_loop_destroy(inner);
}

static int is_made(const char *fn)
{
	static const int errors[] = { EMFILE, ENFILE, ENOMEM, ENOSPC, EAGAIN,
		EINVAL, ENOSYS, EPERM, EACCES, ENOENT, 0 };

	return accepted(fn, loop != NULL ? 0 : -1, errors);
}

static int begin(void)
{
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0);
	ev_set_syserr_cb(freed);
	seen = 0;
	loop = ev_loop_new(0);
	return is_made("ev_loop_new");
}

static void end(void)
{
	ev_loop_destroy(loop);
	close(sockets[0]);
	close(sockets[1]);
}

/* After a first iteration, so that there are hints for the path. */
static void let_all_happen(void)
{
	ev_run(loop, EVRUN_NOWAIT);
	CHECK(write(sockets[1], "x", 1) == 1);
	CHECK(write(file, "x", 1) == 1);
	CHECK(raise(SIGUSR1) == 0);
	ev_async_send(loop, &async);
	ev_run(loop, 0);
	CHECK(seen == ALL);
}

void use_ev(void)
{
	if (begin()) {
		start_all();
		start_inner();
		let_all_happen();
		stop_inner();
		stop_all();
	}
	end();
}

/* ---- In a child ---------------------------------------------------------- */

static void go_on(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	ev_loop_fork(loop);
	let_all_happen();
	stop_inner();
	stop_all();
	end();
	_exit(0);
}

void use_ev_fork(void)
{
	int pid;

	/* A child waits for kernel objects of its own as long as it has to. */
	if (for_ever)
		return;
	if (begin()) {
		start_all();
		start_inner();
		ev_run(loop, EVRUN_NOWAIT);
		pid = fork();
		CHECK(pid >= 0);
		if (pid == 0)
			go_on();
		await_child(pid);
		stop_inner();
		stop_all();
	}
	end();
}

/* ---- Children of the default loop ------------------------------------------ */

static int children;

/* The second one stops before it ends. */
static int start_child(void)
{
	int pid = fork();

	CHECK(pid >= 0);
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (children == 1)
		raise(SIGSTOP);
	_exit(children);
}

static void child_changed(struct ev_loop *l, ev_child *w, int revents)
{
	CHECK(revents == EV_CHILD && w->rpid == w->pid);
	if (WIFSTOPPED(w->rstatus)) {
		CHECK(children == 1 && kill(w->pid, SIGCONT) == 0);
		return;
	}
	if (WIFCONTINUED(w->rstatus))
		return;
	CHECK(WIFEXITED(w->rstatus) && WEXITSTATUS(w->rstatus) == children);
	ev_child_stop(l, w);
	children++;
}

/* Nothing else keeps the loop going. */
static void use_children(void)
{
	ev_child w;
	int n;

	for (n = 0; n < 3; n++) {
		children = n;
		ev_child_init(&w, child_changed, start_child(), 1);
		ev_child_start(loop, &w);
		CHECK(ev_run(loop, 0) == 0);
		CHECK(children == n + 1);
	}
}

void use_ev_child(void)
{
	ev_set_syserr_cb(freed);
	loop = ev_default_loop(0);
	if (is_made("ev_default_loop"))
		use_children();
	ev_loop_destroy(loop);
}
