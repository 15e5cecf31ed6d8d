/* SPDX-License-Identifier: MIT */
/* evio_server - an echo server for evio.h, generation 1: edge-triggered. */
#define _DEFAULT_SOURCE	/* for -std=c11 and the like */
#include <errno.h>
#include <evio.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static int listener, waiting;

/* Nothing of it is told after that, even if the same event says more. */
void evio_on_error(void *arg)
{
	int fd = (int)(intptr_t)arg;

	evio_remove(fd);
	close(fd);
}

/* Until EAGAIN.  What cannot be sent yet stays in the kernel: it is taken from
   there when it has been sent. */
void evio_on_ready(void *arg)
{
	char buf[4096];
	int fd = (int)(intptr_t)arg;
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), MSG_PEEK)) > 0 &&
	       (n = write(fd, buf, (size_t)n)) > 0)
		recv(fd, buf, (size_t)n, 0);
	if (n == 0 || errno != EAGAIN)
		evio_on_error(arg);
}

/* All who wait, or nobody tells of them; later, if no descriptor is left. */
void evio_on_data(void *arg)
{
	int fd;

	if ((intptr_t)arg != listener) {
		evio_on_ready(arg);
		return;
	}
	while ((fd = accept(listener, NULL, NULL)) >= 0 || errno == ECONNABORTED)
		if (fd >= 0 && (fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ||
				evio_add(fd, (void *)(intptr_t)fd) < 0))
			close(fd);
	waiting = errno != EAGAIN;
}

int main(int argc, char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);

	signal(SIGPIPE, SIG_IGN);
	a.sin_port = htons((in_port_t)atoi(argc > 1 ? argv[1] : "0"));
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (fcntl(listener, F_SETFL, O_NONBLOCK) < 0 ||
	    bind(listener, (struct sockaddr *)&a, len) < 0 ||
	    listen(listener, 128) < 0 || evio_create() < 0 ||
	    evio_add(listener, (void *)(intptr_t)listener) < 0)
		return EXIT_FAILURE;
	getsockname(listener, (struct sockaddr *)&a, &len);
	dprintf(STDOUT_FILENO, "listening: port=%d\n", ntohs(a.sin_port));
	while (evio_review(waiting ? EVIO_TICK : -1) >= 0)
		if (waiting)
			evio_on_data((void *)(intptr_t)listener);
	return EXIT_FAILURE;
}
