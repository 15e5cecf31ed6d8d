/* SPDX-License-Identifier: MIT */
/*
 * echo_threads - an echo server with a loop in each of several threads.
 *
 *	echo_threads PORT THREADS
 *
 * Of interest to a reader:
 *
 *   - each thread accepts for itself: one listener, an iv_listen of it in each
 *     loop, and the kernel wakes one of them (start_accepting),
 *   - a client belongs to the thread that has accepted it, and nothing of it
 *     needs a lock,
 *   - an object is registered by the thread that is to own it (run),
 *   - nobody posts to an event before it was registered: the threads say when
 *     they are ready (one_is_ready); nor afterwards: only the main thread
 *     posts to them, once,
 *   - threads that the loop waits for: iv_main() returns when they have
 *     ended (stop).
 */
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <iv.h>
#include <iv_event.h>
#include <iv_list.h>
#include <iv_listen.h>
#include <iv_signal.h>
#include <iv_thread.h>

#define THREADS_MAX	64

struct client {
	struct iv_fd		fd;
	struct iv_list_head	list;
	size_t			have;	/* bytes of buf that are to be sent */
	char			buf[4096];
};

struct worker {
	struct iv_event		end;	/* posted by the main thread */
	struct iv_listen	listen;
	struct iv_list_head	clients;
	unsigned long		served;
};

static struct worker workers[THREADS_MAX];
static int threads;
static int listener;

/* ---- Clients, in the threads -------------------------------------------- */

static void drop(struct client *c)
{
	iv_fd_unregister(&c->fd);
	iv_list_del(&c->list);
	close(c->fd.fd);
	free(c);
}

static void got_data(void *_c);

/* Reads no more until all has been sent: the client's memory, not ours. */
static void send_rest(void *_c)
{
	struct client *c = _c;
	ssize_t n = write(c->fd.fd, c->buf, c->have);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		drop(c);
		return;
	}
	if (n > 0) {
		c->have -= (size_t)n;
		memmove(c->buf, c->buf + n, c->have);
	}
	iv_fd_set_handler_in(&c->fd, c->have > 0 ? NULL : got_data);
	iv_fd_set_handler_out(&c->fd, c->have > 0 ? send_rest : NULL);
}

static void got_data(void *_c)
{
	struct client *c = _c;
	ssize_t n = read(c->fd.fd, c->buf, sizeof(c->buf));

	if (n > 0) {
		c->have = (size_t)n;
		send_rest(c);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		drop(c);
	}
}

/* ---- The threads --------------------------------------------------------- */

static void got_client(void *_w, int fd, const struct sockaddr *from,
		       socklen_t len)
{
	struct worker *w = _w;
	struct client *c = calloc(1, sizeof(*c));

	(void)from;
	(void)len;
	if (c == NULL) {
		close(fd);
		return;
	}
	IV_FD_INIT(&c->fd);
	c->fd.fd = fd;
	c->fd.cookie = c;
	c->fd.handler_in = got_data;
	iv_fd_set_flags(&c->fd, IV_FD_RAW);	/* accepted as it has to be */
	if (iv_fd_register_try(&c->fd) < 0) {
		perror("echo_threads: client");
		close(fd);
		free(c);
		return;
	}
	iv_list_add_tail(&c->list, &w->clients);
	w->served++;
}

static void start_accepting(struct worker *w)
{
	IV_LISTEN_INIT(&w->listen);
	w->listen.fd = listener;
	w->listen.flags = IV_LISTEN_EXCLUSIVE;
	w->listen.cookie = w;
	w->listen.handler = got_client;
	if (iv_listen_register(&w->listen) == 0)
		return;
	perror("echo_threads: iv_listen_register");
	exit(EXIT_FAILURE);
}

/* Nothing keeps the thread's loop running after this. */
static void end(void *_w)
{
	struct worker *w = _w;
	struct iv_list_head *lh, *next;

	iv_list_for_each_safe (lh, next, &w->clients)
		drop(iv_container_of(lh, struct client, list));
	iv_listen_unregister(&w->listen);
	iv_event_unregister(&w->end);
}

static struct iv_event one_ready;	/* the main thread's */
static pthread_mutex_t ready_lock = PTHREAD_MUTEX_INITIALIZER;
static int ready;

static void say_ready(void)
{
	pthread_mutex_lock(&ready_lock);
	ready++;
	iv_event_post(&one_ready);
	pthread_mutex_unlock(&ready_lock);
}

static void run(void *_w)
{
	struct worker *w = _w;

	iv_init();
	INIT_IV_LIST_HEAD(&w->clients);
	IV_EVENT_INIT(&w->end);
	w->end.cookie = w;
	w->end.handler = end;
	if (iv_event_register(&w->end) < 0) {
		perror("echo_threads: iv_event_register");
		exit(EXIT_FAILURE);
	}
	start_accepting(w);
	say_ready();
	iv_main();
	iv_deinit();
}

/* ---- The main thread ----------------------------------------------------- */

static struct iv_signal signals[2] = {
	{ .signum = SIGINT }, { .signum = SIGTERM },
};

static void stop(void *unused)
{
	int i;

	(void)unused;
	for (i = 0; i < 2; i++)
		iv_signal_unregister(&signals[i]);
	for (i = 0; i < threads; i++)
		iv_event_post(&workers[i].end);
}

/* Before this they just end the program. */
static void start_signals(void)
{
	int i;

	for (i = 0; i < 2; i++) {
		IV_SIGNAL_INIT(&signals[i]);
		signals[i].handler = stop;
		if (iv_signal_register(&signals[i]) == 0)
			continue;
		perror("echo_threads: iv_signal_register");
		exit(EXIT_FAILURE);
	}
}

static void announce(void)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);

	getsockname(listener, (struct sockaddr *)&address, &length);
	printf("listening: port=%d threads=%d method=%s\n",
	       ntohs(address.sin_port), threads, iv_poll_method_name());
}

static void one_is_ready(void *unused)
{
	int all;

	(void)unused;
	pthread_mutex_lock(&ready_lock);
	all = ready == threads;
	pthread_mutex_unlock(&ready_lock);
	if (all) {
		iv_event_unregister(&one_ready);
		start_signals();
		announce();
	}
}

static int open_listener(int port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int yes = 1;

	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (listener < 0 ||
	    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes,
		       sizeof(yes)) < 0 ||
	    bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(listener, SOMAXCONN) < 0)
		return -1;
	return 0;
}

static int start_threads(void)
{
	int i;

	IV_EVENT_INIT(&one_ready);
	one_ready.handler = one_is_ready;
	if (iv_event_register(&one_ready) < 0)
		return -1;
	for (i = 0; i < threads; i++) {
		if (iv_thread_create("worker", run, &workers[i]) < 0)
			return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	int i;

	threads = argc == 3 ? atoi(argv[2]) : 0;
	if (threads < 1 || threads > THREADS_MAX) {
		fprintf(stderr, "usage: echo_threads PORT THREADS\n"
			"Listens on 127.0.0.1 PORT (0: any, see the first "
			"line) with 1 to %d threads.\n", THREADS_MAX);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	iv_init();
	if (open_listener(atoi(argv[1])) < 0 || start_threads() < 0) {
		perror("echo_threads");
		return EXIT_FAILURE;
	}
	iv_main();
	iv_deinit();
	close(listener);
	for (i = 0; i < threads; i++)
		printf("thread %d: %lu clients\n", i + 1, workers[i].served);
	return EXIT_SUCCESS;
}
