/* SPDX-License-Identifier: MIT */
/*
 * fds.c - rings of pipes, churn of registrations, toggling of interest.
 */
#include "bench.h"

#include <sys/socket.h>
#include <sys/un.h>

/* ---- Rings: who reads from a pipe writes to the next one ---- */

struct node {
	struct fd_watch	w;
	struct timer_watch	timer;
	int	rfd, next_wfd;
};

static long ring_left;
static uint64_t seed;

static void ring_pass(const struct node *n)
{
	char c;

	if (read(n->rfd, &c, 1) != 1 || write(n->next_wfd, &c, 1) != 1)
		die("ring: %s", strerror(errno));
	if (--ring_left == 0)
		loop_stop();
}

FD_HANDLER(ring_readable)
{
	ring_pass(FD_COOKIE);
}

FD_HANDLER(ring_readable_rearm)
{
	struct node *n = FD_COOKIE;

	timer_again(&n->timer, 30 * SEC + rnd(&seed) % SEC);
	ring_pass(n);
}

TIMER_HANDLER(ring_timeout)
{
	die("ring: it has stopped");
}

static void ring(long n, long active, long events, bool timers)
{
	struct node *node = need_memory((size_t)n, sizeof(*node));
	int *wfd = need_memory((size_t)n, sizeof(*wfd)), p[2];
	long i;

	if (n < 1 || active < 1 || active > n || events < 1)
		die("ring: 1 <= ACTIVE <= FDS, and 1 <= EVENTS");
	need_fds(2 * n);
	loop_open(false);
	for (i = 0; i < n; i++) {
		make_pipe(p);
		node[i].rfd = p[0];
		wfd[i] = p[1];
	}
	for (i = 0; i < n; i++) {
		node[i].next_wfd = wfd[(i + 1) % n];
		fd_init(&node[i].w, node[i].rfd, timers ?
			ring_readable_rearm : ring_readable, &node[i]);
		fd_add(&node[i].w);
		if (timers) {
			timer_init(&node[i].timer, ring_timeout, NULL);
			timer_start(&node[i].timer, 60 * SEC);
		}
	}
	for (i = 0; i < active; i++)
		if (write(wfd[i * n / active], "x", 1) != 1)
			die("ring: %s", strerror(errno));
	ring_left = 2 * n;
	loop_run();
	meter_start();
	ring_left = events;
	loop_run();
	meter_stop(events);
}

static void run_ring(const long *arg)
{
	ring(arg[0], arg[1], arg[2], false);
}

static void run_ring_timers(const long *arg)
{
	ring(arg[0], arg[1], arg[2], true);
}

/* ---- Churn and toggling: nothing is ever ready ---- */

static struct fd_watch churn_watch;
static long churn_left;
static int churn_fd;
static bool churn_on;

FD_HANDLER(never)
{
	die("a descriptor is ready that cannot be");
}

static void churn_begin(bool socket)
{
	int fd[2];

	loop_open(false);
	if (!socket)
		make_pipe(fd);
	else if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK |
			    SOCK_CLOEXEC, 0, fd) < 0)
		die("socketpair: %s", strerror(errno));
	fd_init(&churn_watch, fd[0], never, NULL);
	churn_fd = fd[0];
}

/* A socket that is as the library would make it, which is to take it so. */
static void churn_begin_raw(void)
{
	churn_begin(true);
	fd_init_nonblock(&churn_watch, churn_fd, never, NULL);
}

static bool churn_turn(void)
{
	if (churn_on)
		fd_del(&churn_watch);
	else if (churn_left-- > 0)
		fd_add(&churn_watch);
	else
		return false;
	churn_on = !churn_on;
	return true;
}

static bool toggle_turn(void)
{
	if (!churn_on && churn_left-- <= 0)
		return false;
	churn_on = !churn_on;
	fd_write(&churn_watch, churn_on);
	return true;
}

static void metered_turns(bool (*fn)(void), long n)
{
	churn_left = 100;
	run_turns(fn);
	meter_start();
	churn_left = n;
	run_turns(fn);
	meter_stop(n);
}

static void run_register_poll(const long *arg)
{
	churn_begin(true);
	metered_turns(churn_turn, arg[0]);
}

static void run_register_poll_raw(const long *arg)
{
	churn_begin_raw();
	metered_turns(churn_turn, arg[0]);
}

static void run_toggle_poll(const long *arg)
{
	churn_begin(false);
	fd_add(&churn_watch);
	metered_turns(toggle_turn, arg[0]);
}

static long per_turn;

static bool churn_many(void)
{
	long i;

	for (i = 0; i < per_turn; i++) {
		fd_add(&churn_watch);
		fd_del(&churn_watch);
	}
	return churn_left-- > 0;
}

static bool toggle_many(void)
{
	long i;

	for (i = 0; i < per_turn; i++) {
		fd_write(&churn_watch, true);
		fd_write(&churn_watch, false);
	}
	return churn_left-- > 0;
}

static void metered_many(bool (*fn)(void), long n)
{
	per_turn = 10;
	churn_left = 1;
	run_turns(fn);
	per_turn = n;
	churn_left = 0;
	meter_start();
	run_turns(fn);
	meter_stop(n);
}

static void run_register(const long *arg)
{
	churn_begin(true);
	metered_many(churn_many, arg[0]);
}

static void run_register_raw(const long *arg)
{
	churn_begin_raw();
	metered_many(churn_many, arg[0]);
}

static void run_toggle(const long *arg)
{
	churn_begin(false);
	fd_add(&churn_watch);
	metered_many(toggle_many, arg[0]);
}

/* ---- Short connections: accept, one exchange, close ---- */

static struct sockaddr_un address;
static struct fd_watch listener, connection;
static int server, client = -1, accepted;
static long connections_left;

static void next_connection(void)
{
	char c;

	if (client >= 0) {
		if (read(client, &c, 1) != 1)
			die("connections: no answer");
		close(client);
	}
	client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client < 0 || connect(client, (struct sockaddr *)&address,
				  sizeof(address)) < 0 ||
	    write(client, "?", 1) != 1)
		die("connections: %s", strerror(errno));
}

FD_HANDLER(connection_readable)
{
	char c;

	if (read(accepted, &c, 1) != 1 || write(accepted, "!", 1) != 1)
		die("connections: %s", strerror(errno));
	fd_del(&connection);
	close(accepted);
	if (--connections_left == 0)
		loop_stop();
	next_connection();
}

FD_HANDLER(listener_readable)
{
	accepted = accept4(server, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (accepted < 0)
		die("accept4: %s", strerror(errno));
	fd_init_nonblock(&connection, accepted, connection_readable, NULL);
	fd_add(&connection);
}

static void run_connections(const long *arg)
{
	loop_open(false);
	server = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			0);
	address.sun_family = AF_UNIX;
	snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1,
		 "ivykis-bench-%ld", (long)getpid());
	if (server < 0 || bind(server, (struct sockaddr *)&address,
			       sizeof(address)) < 0 || listen(server, 8) < 0)
		die("listen: %s", strerror(errno));
	fd_init_nonblock(&listener, server, listener_readable, NULL);
	fd_add(&listener);
	next_connection();
	connections_left = 100;
	loop_run();
	meter_start();
	connections_left = arg[0];
	loop_run();
	meter_stop(arg[0]);
}

const struct workload fd_workloads[] = {
	{ "connections", "CONNECTIONS", run_connections },
	{ "ring", "FDS ACTIVE EVENTS", run_ring },
	{ "ring-timers", "FDS ACTIVE EVENTS", run_ring_timers },
	{ "register-poll", "PAIRS", run_register_poll },
	{ "register", "PAIRS", run_register },
	{ "register-poll-raw", "PAIRS", run_register_poll_raw },
	{ "register-raw", "PAIRS", run_register_raw },
	{ "toggle-poll", "PAIRS", run_toggle_poll },
	{ "toggle", "PAIRS", run_toggle },
	{ NULL, NULL, NULL },
};
