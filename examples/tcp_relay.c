/* SPDX-License-Identifier: MIT */
/*
 * tcp_relay - passes TCP connections on to another address.
 *
 * Each relay has two sockets and two pumps, one for each direction.  Of
 * interest to a reader:
 *
 *   - a pump that says what to watch its descriptors for (set_bands): each
 *     socket is the source of one pump and the target of the other,
 *   - a direction that ends on its own (IV_FD_PUMP_FLAG_RELAY_EOF),
 *   - connecting without waiting (start_relay, connected),
 *   - descriptors that run out (accept_clients).
 */
#define _GNU_SOURCE 1

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <iv.h>
#include <iv_fd_pump.h>
#include <iv_list.h>
#include <iv_signal.h>

#define BACKOFF_MSEC	100

enum { CLIENT, SERVER };

struct relay;

/* One direction: pump.from_fd is one socket, pump.to_fd the other. */
struct flow {
	struct relay		*relay;
	struct iv_fd		*from;
	struct iv_fd		*to;
	struct iv_fd_pump	pump;
};

struct relay {
	struct iv_list_head	list;
	struct iv_fd		fd[2];
	struct flow		flow[2];	/* from fd[0], from fd[1] */
	bool			pumping;
};

static struct addrinfo *target;
static struct iv_fd listener;
static struct iv_timer backoff;
static struct iv_signal signals[2] = {
	{ .signum = SIGINT }, { .signum = SIGTERM },
};
static struct iv_list_head relays = IV_LIST_HEAD_INIT(relays);
static unsigned long accepted;
static unsigned long failed;

static void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *fmt, ...)
{
	va_list ap;

	fputs("tcp_relay: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(EXIT_FAILURE);
}

/* ---- A relay ------------------------------------------------------------ */

static void close_relay(struct relay *r)
{
	int i;

	for (i = 0; i < 2; i++) {
		if (r->pumping)
			iv_fd_pump_destroy(&r->flow[i].pump);
	}
	for (i = 0; i < 2; i++) {
		if (iv_fd_registered(&r->fd[i]))
			iv_fd_unregister(&r->fd[i]);
		if (r->fd[i].fd >= 0)
			close(r->fd[i].fd);
	}
	iv_list_del(&r->list);
	free(r);
}

static void fail_relay(struct relay *r)
{
	failed++;
	close_relay(r);
}

static void pump(struct flow *f)
{
	struct relay *r = f->relay;

	if (iv_fd_pump_pump(&f->pump) < 0)
		fail_relay(r);
	else if (iv_fd_pump_is_done(&r->flow[CLIENT].pump) &&
		 iv_fd_pump_is_done(&r->flow[SERVER].pump))
		close_relay(r);
}

static void pump_from_client(void *_r)
{
	struct relay *r = _r;

	pump(&r->flow[CLIENT]);
}

static void pump_from_server(void *_r)
{
	struct relay *r = _r;

	pump(&r->flow[SERVER]);
}

/* What a pump waits for: its source, its target, either, or nothing. */
static void set_bands(void *_f, int pollin, int pollout)
{
	struct flow *f = _f;
	void (*handler)(void *) = f == &f->relay->flow[CLIENT] ?
		pump_from_client : pump_from_server;

	iv_fd_set_handler_in(f->from, pollin ? handler : NULL);
	iv_fd_set_handler_out(f->to, pollout ? handler : NULL);
}

static void start_flow(struct relay *r, int from, int to)
{
	struct flow *f = &r->flow[from];

	f->relay = r;
	f->from = &r->fd[from];
	f->to = &r->fd[to];
	IV_FD_PUMP_INIT(&f->pump);
	f->pump.from_fd = f->from->fd;
	f->pump.to_fd = f->to->fd;
	f->pump.cookie = f;
	f->pump.set_bands = set_bands;
	f->pump.flags = IV_FD_PUMP_FLAG_RELAY_EOF;
	iv_fd_pump_init(&f->pump);
}

/* ---- Connecting --------------------------------------------------------- */

/* A client that goes without a word must not stay for ever. */
static void keep_alive(int fd)
{
	int yes = 1;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
}

static void connected(void *_r)
{
	struct relay *r = _r;
	struct iv_fd *server = &r->fd[SERVER];
	int error = 0;
	socklen_t length = sizeof(error);

	getsockopt(server->fd, SOL_SOCKET, SO_ERROR, &error, &length);
	if (error != 0) {
		fprintf(stderr, "tcp_relay: connect: %s\n", strerror(error));
		fail_relay(r);
		return;
	}
	iv_fd_set_handler_out(server, NULL);
	r->pumping = true;
	start_flow(r, CLIENT, SERVER);
	start_flow(r, SERVER, CLIENT);
}

/* Registering makes the socket nonblocking, so it comes before connect(2). */
static bool connect_to_target(struct relay *r)
{
	struct iv_fd *server = &r->fd[SERVER];

	server->fd = socket(target->ai_family, SOCK_STREAM, 0);
	if (server->fd < 0 || iv_fd_register_try(server) < 0)
		return false;
	keep_alive(server->fd);
	if (connect(server->fd, target->ai_addr, target->ai_addrlen) < 0 &&
	    errno != EINPROGRESS)
		return false;
	iv_fd_set_handler_out(server, connected);
	return true;
}

static void start_relay(int client)
{
	struct relay *r = calloc(1, sizeof(*r));
	int i;

	if (r == NULL) {
		close(client);
		failed++;
		return;
	}
	for (i = 0; i < 2; i++) {
		IV_FD_INIT(&r->fd[i]);
		r->fd[i].cookie = r;
	}
	iv_list_add_tail(&r->list, &relays);
	r->fd[CLIENT].fd = client;
	keep_alive(client);
	if (iv_fd_register_try(&r->fd[CLIENT]) < 0 || !connect_to_target(r)) {
		fprintf(stderr, "tcp_relay: %s\n", strerror(errno));
		fail_relay(r);
	}
}

/* ---- Accepting ---------------------------------------------------------- */

static void accept_clients(void *unused);

static void accept_again(void *unused)
{
	(void)unused;
	iv_fd_set_handler_in(&listener, accept_clients);
}

/*
 * Out of descriptors, say: the client stays in the listener's queue, which
 * stays readable.  To go on watching it would be to spin.
 */
static void pause_accepting(void)
{
	fprintf(stderr, "tcp_relay: accept: %s\n", strerror(errno));
	iv_fd_set_handler_in(&listener, NULL);
	backoff.expires = iv_now;
	backoff.expires.tv_nsec += BACKOFF_MSEC * 1000000;
	if (backoff.expires.tv_nsec >= 1000000000) {
		backoff.expires.tv_sec++;
		backoff.expires.tv_nsec -= 1000000000;
	}
	iv_timer_register(&backoff);
}

static void accept_clients(void *unused)
{
	int fd;

	(void)unused;
	while ((fd = accept(listener.fd, NULL, NULL)) >= 0) {
		accepted++;
		start_relay(fd);
	}
	if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		pause_accepting();
}

/* ---- Start and end ------------------------------------------------------ */

static struct addrinfo *resolve(const char *host, const char *port)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *result;
	int error = getaddrinfo(host, port, &hints, &result);

	if (error != 0)
		die("%s port %s: %s", host, port, gai_strerror(error));
	return result;
}

static int open_listener(const char *port)
{
	struct addrinfo *address = resolve("127.0.0.1", port);
	int yes = 1;
	int fd = socket(address->ai_family, SOCK_STREAM, 0);

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
	    bind(fd, address->ai_addr, address->ai_addrlen) < 0 ||
	    listen(fd, INT_MAX) < 0)
		die("cannot listen on port %s: %s", port, strerror(errno));
	freeaddrinfo(address);
	return fd;
}

static void announce(int fd)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	char port[NI_MAXSERV];

	if (getsockname(fd, (struct sockaddr *)&address, &length) < 0 ||
	    getnameinfo((struct sockaddr *)&address, length, NULL, 0,
			port, sizeof(port), NI_NUMERICSERV) != 0)
		die("cannot find out the port");
	printf("listening: port=%s pid=%ld method=%s\n", port, (long)getpid(),
	       iv_poll_method_name());
}

static void quit(void *unused)
{
	(void)unused;
	iv_quit();
}

static void start(const char *port)
{
	int i;

	for (i = 0; i < 2; i++) {
		IV_SIGNAL_INIT(&signals[i]);
		signals[i].handler = quit;
		if (iv_signal_register(&signals[i]) < 0)
			die("iv_signal_register: %s", strerror(errno));
	}
	IV_TIMER_INIT(&backoff);
	backoff.handler = accept_again;
	IV_FD_INIT(&listener);
	listener.fd = open_listener(port);
	listener.handler_in = accept_clients;
	iv_fd_register(&listener);
	announce(listener.fd);
}

static void end(void)
{
	struct iv_list_head *lh, *lh2;
	unsigned long active = 0;
	int i;

	iv_list_for_each_safe (lh, lh2, &relays) {
		active++;
		close_relay(iv_list_entry(lh, struct relay, list));
	}
	iv_fd_unregister(&listener);
	close(listener.fd);
	if (iv_timer_registered(&backoff))
		iv_timer_unregister(&backoff);
	for (i = 0; i < 2; i++)
		iv_signal_unregister(&signals[i]);
	freeaddrinfo(target);
	printf("relayed: accepted=%lu failed=%lu active=%lu\n", accepted,
	       failed, active);
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fputs("usage: tcp_relay PORT TARGET-HOST TARGET-PORT\n"
		      "Listens on 127.0.0.1 PORT (0: any, see the first "
		      "line); ends on SIGINT or SIGTERM.\n", stderr);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	target = resolve(argv[2], argv[3]);

	iv_init();
	start(argv[1]);
	iv_main();
	end();
	iv_deinit();
	return EXIT_SUCCESS;
}
