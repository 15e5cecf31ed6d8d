/* SPDX-License-Identifier: MIT */
/*
 * edges.c - edge-triggered descriptors: rings of pipes, and messages between
 * the ends of sockets.  Whoever is called goes on until EAGAIN.
 *
 * The contestant, in the header EDGES, has edges_open(), edges_run(),
 * edges_stop(), edge_add(struct edge *) for both directions, and
 * edge_want_out(e, on), which asks to be told of room for writing.
 */
#include "bench.h"

#include <fcntl.h>
#include <sys/socket.h>
#include EDGES

static long left;

/* ---- Rings --------------------------------------------------------------- */

struct node {
	struct edge	edge;
	int	next_wfd;
};

static void pass_on(struct edge *e)
{
	struct node *n = (struct node *)e;
	char c;

	while (read(e->fd, &c, 1) == 1) {
		if (write(n->next_wfd, &c, 1) != 1)
			die("edge-ring: %s", strerror(errno));
		if (--left == 0)
			edges_stop();
	}
}

static void run_ring(const long *arg)
{
	long n = arg[0], active = arg[1], i;
	struct node *node = need_memory((size_t)n, sizeof(*node));
	int *wfd = need_memory((size_t)n, sizeof(*wfd)), p[2];

	if (n < 1 || active < 1 || active > n || arg[2] < 1)
		die("edge-ring: 1 <= ACTIVE <= FDS, and 1 <= EVENTS");
	need_fds(2 * n);
	edges_open();
	for (i = 0; i < n; i++) {
		make_pipe(p);
		node[i].edge.fd = p[0];
		node[i].edge.in = pass_on;
		wfd[i] = p[1];
	}
	for (i = 0; i < n; i++) {
		node[i].next_wfd = wfd[(i + 1) % n];
		edge_add(&node[i].edge);
	}
	for (i = 0; i < active; i++)
		if (write(wfd[i * n / active], "x", 1) != 1)
			die("edge-ring: %s", strerror(errno));
	left = 2 * n;
	edges_run();
	meter_start();
	left = arg[2];
	edges_run();
	meter_stop(arg[2]);
}

/* ---- Messages ------------------------------------------------------------- */

static void no_room_yet(struct edge *e)
{
	edge_want_out(e, false);
}

static void answer(struct edge *e)
{
	char buf[64];
	ssize_t n;

	while ((n = read(e->fd, buf, sizeof(buf))) > 0) {
		if (write(e->fd, buf, (size_t)n) != n)
			die("edge-messages: %s", strerror(errno));
		if (--left == 0)
			edges_stop();
	}
}

/* As if each answer had filled the buffer of its socket. */
static void answer_slowly(struct edge *e)
{
	edge_want_out(e, true);
	answer(e);
}

static void messages(long pairs, long events, void (*in)(struct edge *))
{
	struct edge *end = need_memory((size_t)pairs * 2, sizeof(*end));
	int fd[2];
	long i;

	if (pairs < 1 || events < 1)
		die("edge-messages: 1 <= PAIRS, and 1 <= EVENTS");
	need_fds(2 * pairs);
	edges_open();
	for (i = 0; i < 2 * pairs; i++) {
		if (i % 2 == 0 && socketpair(AF_UNIX, SOCK_STREAM |
					     SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
					     fd) < 0)
			die("socketpair: %s", strerror(errno));
		end[i].fd = fd[i % 2];
		end[i].in = in;
		end[i].out = no_room_yet;
		edge_add(&end[i]);
		if (i % 2 == 0 && write(fd[0], "message", 7) != 7)
			die("edge-messages: %s", strerror(errno));
	}
	left = 4 * pairs;
	edges_run();
	meter_start();
	left = events;
	edges_run();
	meter_stop(events);
}

static void run_messages(const long *arg)
{
	messages(arg[0], arg[1], answer);
}

static void run_slow(const long *arg)
{
	messages(arg[0], arg[1], answer_slowly);
}

const struct workload edge_workloads[] = {
	{ "edge-ring", "FDS ACTIVE EVENTS", run_ring },
	{ "edge-messages", "PAIRS EVENTS", run_messages },
	{ "edge-slow", "PAIRS EVENTS", run_slow },
	{ NULL, NULL, NULL },
};
