/* SPDX-License-Identifier: MIT */
/*
 * moves.c - what random programs do.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "moves.h"

#define STEPS	60

static const char *const names[KINDS] = {
	"io", "timer", "periodic", "idle", "prepare", "check", "async",
	"signal", "fork", "cleanup", "stat", "child", "embed"
};

struct ev_loop *loop;
union ev_any_watcher watchers[KINDS][EACH];
int sockets[2];
int budget, depth, telling;
static uint64_t state;

/* Constants of Knuth's MMIX. */
unsigned pick(unsigned n)
{
	state = state * UINT64_C(6364136223846793005) +
		UINT64_C(1442695040888963407);
	return (unsigned)(state >> 33) % n;
}

static void act(void);

void tell(const char *fmt, ...)
{
	va_list ap;

	if (!telling)
		return;
	printf("%*s", 2 * depth, "");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

static const char *name_of(const void *w)
{
	static char text[40];
	size_t i = (size_t)((const union ev_any_watcher *)w - watchers[0]);

	snprintf(text, sizeof(text), "%s%d", names[i / EACH], (int)(i % EACH));
	return text;
}

void some_moves(void)
{
	depth++;
	while (budget > 0 && pick(2)) {
		budget--;
		act();
	}
	depth--;
}

static void called(void *w, int revents)
{
	tell("%s %x active %d pending %d", name_of(w), (unsigned)revents,
	     ev_is_active(w) != 0, ev_is_pending(w) != 0);
	some_moves();
}

#define CALLED(type)							\
static void type##_called(struct ev_loop *l, ev_##type *w, int revents)	\
{									\
	(void)l;							\
	called(w, revents);						\
}
CALLED(io)
CALLED(timer)
CALLED(periodic)
CALLED(idle)
CALLED(prepare)
CALLED(check)
CALLED(async)
CALLED(signal)
CALLED(fork)
CALLED(cleanup)
CALLED(stat)
CALLED(child)
CALLED(embed)

static double some_time(void)
{
	return pick(4) ? -1e6 - 1000. * pick(20) : 1e6;
}

static ev_tstamp far_away(ev_periodic *w, ev_tstamp now)
{
	(void)w;
	return now + 1e6;
}

static void set(enum kind kind, union ev_any_watcher *w)
{
	if (rules.set != NULL && rules.set(kind, w))
		return;
	switch (kind) {
	case IO:
		ev_io_set(&w->io, sockets[0], (int)pick(4));
		break;
	case TIMER:
		ev_timer_set(&w->timer, some_time(), pick(3) ? 0. : 1e6);
		break;
	case PERIODIC:
		ev_periodic_set(&w->periodic, 1e6 + some_time(),
				pick(3) ? 0. : 1e6, pick(4) ? NULL : far_away);
		break;
	case SIGNAL:
		ev_signal_set(&w->signal, pick(2) ? SIGUSR1 : SIGUSR2);
		break;
	default:
		break;
	}
}

static void init(enum kind kind, union ev_any_watcher *w)
{
	static void (*const callbacks[KINDS])(void) = {
		(void (*)(void))io_called, (void (*)(void))timer_called,
		(void (*)(void))periodic_called, (void (*)(void))idle_called,
		(void (*)(void))prepare_called, (void (*)(void))check_called,
		(void (*)(void))async_called, (void (*)(void))signal_called,
		(void (*)(void))fork_called, (void (*)(void))cleanup_called,
		(void (*)(void))stat_called, (void (*)(void))child_called,
		(void (*)(void))embed_called
	};

	memset(w, 0, sizeof(*w));
	ev_init(&w->w, NULL);
	memcpy(&w->w.cb, &callbacks[kind], sizeof(w->w.cb));
	set(kind, w);
}

#define EACH_KIND(what, kind, w)					\
	switch (kind) {							\
	case IO: ev_io_##what(loop, &(w)->io); break;			\
	case TIMER: ev_timer_##what(loop, &(w)->timer); break;		\
	case PERIODIC: ev_periodic_##what(loop, &(w)->periodic); break;	\
	case IDLE: ev_idle_##what(loop, &(w)->idle); break;		\
	case PREPARE: ev_prepare_##what(loop, &(w)->prepare); break;	\
	case CHECK: ev_check_##what(loop, &(w)->check); break;		\
	case ASYNC: ev_async_##what(loop, &(w)->async); break;		\
	case SIGNAL: ev_signal_##what(loop, &(w)->signal); break;	\
	case FORK: ev_fork_##what(loop, &(w)->fork); break;		\
	case CLEANUP: ev_cleanup_##what(loop, &(w)->cleanup); break;	\
	case STAT: ev_stat_##what(loop, &(w)->stat); break;		\
	case CHILD: ev_child_##what(loop, &(w)->child); break;		\
	case EMBED: ev_embed_##what(loop, &(w)->embed); break;		\
	default: break;							\
	}

/* What is left of one that was stopped: it has been active for a while. */
static void round_off(ev_timer *w)
{
	double left = ev_timer_remaining(loop, w);

	if (!ev_is_active(w))
		ev_timer_set(w, 1000. * (long)(left / 1000. +
					       (left < 0. ? -.5 : .5)),
			     w->repeat);
}

static void start(enum kind kind, union ev_any_watcher *w)
{
	if (rules.forbids != NULL && rules.forbids(kind))
		return;
	tell("start %s", name_of(w));
	if (kind == TIMER && rules.compared)
		round_off(&w->timer);
	EACH_KIND(start, kind, w)
}

void stop(enum kind kind, union ev_any_watcher *w)
{
	tell("stop %s, was %d %d", name_of(w), ev_is_active(&w->w) != 0,
	     ev_is_pending(&w->w) != 0);
	EACH_KIND(stop, kind, w)
}

static void reset(enum kind kind, union ev_any_watcher *w)
{
	stop(kind, w);
	ev_set_priority(&w->w, (int)pick(5) - 2);
	if (pick(2))
		set(kind, w);
	else if (kind == IO)
		ev_io_modify(&w->io, (int)pick(4));
}

static void run(void)
{
	int left;

	if (depth > 3)
		return;
	tell("run");
	depth++;
	left = ev_run(loop, EVRUN_NOWAIT);
	depth--;
	tell("run: %d, depth %u", left != 0, ev_depth(loop));
}

static void touch_timer(ev_timer *w)
{
	tell("again %s", name_of(w));
	w->repeat = pick(2) ? 1e6 + pick(5) * 1000. : 0.;
	ev_timer_again(loop, w);
	tell("active %d", ev_is_active(w) != 0);
}

static void readable(void)
{
	char buf[64];

	tell("readable");
	if (pick(2)) {
		if (send(sockets[1], "", 1, MSG_DONTWAIT) < 0)
			tell("full");
	} else {
		while (recv(sockets[0], buf, sizeof(buf), MSG_DONTWAIT) > 0)
			;
	}
}

static int is_default(int signum)
{
	struct sigaction action;

	sigaction(signum, NULL, &action);
	return action.sa_handler == SIG_DFL;
}

static void send_signal(void)
{
	int signum = pick(2) ? SIGUSR1 : SIGUSR2;

	tell("signal %d", signum == SIGUSR1);
	switch (pick(3)) {
	case 0:
		ev_feed_signal(signum);
		break;
	case 1:
		ev_feed_signal_event(loop, signum);
		break;
	default:
		if (is_default(signum))
			tell("default");
		else
			raise(signum);
		break;
	}
}

static void act_on(enum kind kind, union ev_any_watcher *w)
{
	switch (pick(9)) {
	case 0: case 1: case 2:
		start(kind, w);
		break;
	case 3:
		stop(kind, w);
		break;
	case 4:
		reset(kind, w);
		break;
	case 5:
		tell("feed %s", name_of(w));
		ev_feed_event(loop, w, (int)(1 + pick(7)));
		break;
	case 6:
		tell("clear %s: %x", name_of(w),
		     (unsigned)ev_clear_pending(loop, w));
		break;
	case 7:
		if (kind == TIMER)
			touch_timer(&w->timer);
		else if (kind == ASYNC && ev_is_active(&w->async))
			ev_async_send(loop, &w->async);
		break;
	default:
		if (kind == ASYNC)
			tell("sent %d", ev_async_pending(&w->async));
		else if (depth < 4)
			ev_invoke(loop, w, 0x99);
		break;
	}
}

static void act(void)
{
	enum kind kind = (enum kind)pick((unsigned)rules.end);
	unsigned how;

	if (rules.move != NULL && rules.move())
		return;
	switch (pick(12)) {
	case 0:
		run();
		break;
	case 1:
		how = pick(3);
		tell("break %u", how);
		ev_break(loop, (int)how);
		break;
	case 2:
		readable();
		break;
	case 3:
		send_signal();
		break;
	case 4:
		tell("pending %u", ev_pending_count(loop));
		break;
	case 5:
		tell("feed fd");
		ev_feed_fd_event(loop, sockets[0], (int)pick(4));
		break;
	case 6:
		if (pick(4) == 0) {
			tell("fork");
			ev_loop_fork(loop);
		} else if (depth < 4) {
			tell("invoke pending");
			depth++;
			ev_invoke_pending(loop);
			depth--;
		}
		break;
	default:
		act_on(kind, &watchers[kind][pick(EACH)]);
		break;
	}
}

/* ---- A program ------------------------------------------------------------- */

void begin_program(unsigned seed)
{
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	state = seed * UINT64_C(0x9e3779b97f4a7c15);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) < 0)
		abort();
}

void init_watchers(void)
{
	int kind, i;

	for (kind = 0; kind < (int)rules.end; kind++)
		for (i = 0; i < EACH; i++)
			init((enum kind)kind, &watchers[kind][i]);
}

void all_moves(void)
{
	int i;

	for (i = 0; i < STEPS; i++) {
		budget = 30;
		act();
		if (pick(3) == 0)
			run();
	}
	budget = 0;
}

/* Which gives them their default action. */
void stop_signals(void)
{
	int i;

	for (i = 0; i < EACH; i++)
		stop(SIGNAL, &watchers[SIGNAL][i]);
}

void end_program(void)
{
	close(sockets[0]);
	close(sockets[1]);
}
