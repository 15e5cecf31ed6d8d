/* SPDX-License-Identifier: MIT */
/*
 * echo.c - a server under C connections of 64-byte requests.
 *
 * The client is a process of its own, the same for every contestant: each
 * connection has one request under way.  The server's CPU time counts.
 */
#include "bench.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define SIZE	64

struct conn {
	struct fd_watch	w;
	struct timer_watch	timer;
	int	fd;
};

static long requests;

static void serve(const struct conn *c)
{
	char buf[SIZE];
	ssize_t n = read(c->fd, buf, sizeof(buf));

	if (n <= 0 || write(c->fd, buf, (size_t)n) != n)
		die("echo: %s", n < 0 ? strerror(errno) : "cut off");
	if (--requests == 0)
		loop_stop();
}

FD_HANDLER(request)
{
	serve(FD_COOKIE);
}

FD_HANDLER(request_rearm)
{
	struct conn *c = FD_COOKIE;

	timer_again(&c->timer, 30 * SEC);
	serve(c);
}

TIMER_HANDLER(inactive)
{
	die("echo: a connection has stopped");
}

/* ---- The client ---- */

static void answer(int epfd)
{
	struct epoll_event batch[64];
	char buf[SIZE];
	int i, n = epoll_wait(epfd, batch, 64, -1);

	for (i = 0; i < n; i++) {
		int fd = batch[i].data.fd;

		if (read(fd, buf, SIZE) <= 0 ||
		    send(fd, buf, SIZE, MSG_NOSIGNAL) != SIZE)
			_exit(0);
	}
}

static void client(const struct sockaddr_in *sin, long n, int go)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int *fd = need_memory((size_t)n, sizeof(*fd));
	int epfd = epoll_create1(0);
	char buf[SIZE] = "";
	long i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (i = 0; i < n; i++) {
		fd[i] = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(fd[i], (const struct sockaddr *)sin,
			    sizeof(*sin)) < 0)
			die("connect: %s", strerror(errno));
		ev.data.fd = fd[i];
		epoll_ctl(epfd, EPOLL_CTL_ADD, fd[i], &ev);
	}
	if (read(go, buf, 1) != 1)
		_exit(1);
	for (i = 0; i < n; i++)
		if (send(fd[i], buf, SIZE, MSG_NOSIGNAL) != SIZE)
			_exit(1);
	for (;;)
		answer(epfd);
}

static int listening(struct sockaddr_in *sin)
{
	socklen_t len = sizeof(*sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memset(sin, 0, sizeof(*sin));
	sin->sin_family = AF_INET;
	sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)sin, len) < 0 ||
	    listen(fd, 4096) < 0 ||
	    getsockname(fd, (struct sockaddr *)sin, &len) < 0)
		die("listen: %s", strerror(errno));
	return fd;
}

static void echo(long n, long total, bool timers)
{
	struct conn *c = need_memory((size_t)n, sizeof(*c));
	struct sockaddr_in sin;
	int lfd, go[2];
	long i;
	pid_t pid;

	if (n < 1 || total < n)
		die("echo: 1 <= CONNECTIONS <= REQUESTS");
	need_fds(n);
	lfd = listening(&sin);
	if (pipe(go) < 0)
		die("pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (pid == 0)
		client(&sin, n, go[0]);
	loop_open(false);
	for (i = 0; i < n; i++) {
		c[i].fd = accept4(lfd, NULL, NULL,
				  SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (c[i].fd < 0)
			die("accept: %s", strerror(errno));
		fd_init(&c[i].w, c[i].fd, timers ? request_rearm : request,
			&c[i]);
		fd_add(&c[i].w);
		if (timers) {
			timer_init(&c[i].timer, inactive, NULL);
			timer_start(&c[i].timer, 30 * SEC);
		}
	}
	requests = total;
	meter_start();
	if (write(go[1], "x", 1) != 1)
		die("write: %s", strerror(errno));
	loop_run();
	meter_stop(total);
	kill(pid, SIGKILL);
}

static void run_echo(const long *arg)
{
	echo(arg[0], arg[1], false);
}

static void run_echo_timers(const long *arg)
{
	echo(arg[0], arg[1], true);
}

const struct workload echo_workloads[] = {
	{ "echo", "CONNECTIONS REQUESTS", run_echo },
	{ "echo-timers", "CONNECTIONS REQUESTS", run_echo_timers },
	{ NULL, NULL, NULL },
};
