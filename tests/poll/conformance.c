/* SPDX-License-Identifier: MIT */
/*
 * conformance.c - every kind of descriptor: does it register, and when are
 * which handlers called?
 *
 * A turn() never sleeps, and everything here is on this host, so what has
 * been done before it is seen in it.
 */
#include "config.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>
#ifdef HAVE_EPOLL
#include <sys/epoll.h>
#endif
#ifdef HAVE_EVENTFD
#include <sys/eventfd.h>
#endif
#ifdef HAVE_TIMERFD
#include <sys/timerfd.h>
#endif
#include "poll/lab.h"

/* What W's handlers see in each of the following two turns: levels stay. */
static void check_seen(struct watch *w, const char *expect)
{
	turns(1);
	CHECK_STR(watch_seen(w, 1), expect);
	turns(1);
	CHECK_STR(watch_seen(w, 1), expect);
}

/* ---- Pipes and FIFOs ------------------------------------------------------ */

static void check_pipe(int rfd, int wfd)
{
	struct watch r, w;
	char c;

	watch_start(&r, rfd, "ioe");
	watch_start(&w, wfd, "ioe");
	check_seen(&r, "");
	CHECK_STR(watch_seen(&w, 2), "o");

	poke(wfd);
	poke(wfd);
	check_seen(&r, "i");
	CHECK_INT(read(rfd, &c, 1), ==, 1);
	check_seen(&r, "i");
	CHECK_INT(drain(rfd), ==, 1);
	check_seen(&r, "");
	watch_seen(&w, 6);

	fill(wfd);
	check_seen(&w, "");
	CHECK_STR(watch_seen(&r, 2), "i");
	drain(rfd);
	check_seen(&w, "o");
	watch_seen(&r, 2);

	poke(wfd);
	watch_end(&w);
	check_seen(&r, "eio");
	CHECK_INT(drain(rfd), ==, 1);
	check_seen(&r, "eio");
	watch_end(&r);
}

TEST(pipe_both_ends)
{
	int fds[2];

	iv_init();
	make_pipe(fds);
	check_pipe(fds[0], fds[1]);
	iv_deinit();
}

TEST(fifo_both_ends)
{
	char path[4200];
	int rfd, wfd;

	iv_init();
	snprintf(path, sizeof(path), "%s/fifo", tmpdir());
	CHECK_SYS(mkfifo(path, 0600));
	rfd = (int)CHECK_SYS(open(path, O_RDONLY | O_NONBLOCK));
	wfd = (int)CHECK_SYS(open(path, O_WRONLY | O_NONBLOCK));
	check_pipe(rfd, wfd);
	iv_deinit();
}

TEST(pipe_whose_reader_has_gone)
{
	struct watch w;
	int fds[2];

	iv_init();
	make_pipe(fds);
	watch_start(&w, fds[1], "ioe");
	fill(fds[1]);
	check_seen(&w, "");
	CHECK_SYS(close(fds[0]));
	check_seen(&w, "eio");
	watch_set(&w, "o");
	check_seen(&w, "o");
	watch_set(&w, "i");
	check_seen(&w, "i");
	watch_end(&w);
	iv_deinit();
}

TEST(write_end_watched_for_reading)
{
	struct watch w;
	int fds[2];

	iv_init();
	make_pipe(fds);
	watch_start(&w, fds[1], "i");
	check_seen(&w, "");
	poke(fds[1]);
	check_seen(&w, "");
	CHECK_SYS(close(fds[0]));
	check_seen(&w, "i");
	watch_end(&w);
	iv_deinit();
}

/* ---- Sockets -------------------------------------------------------------- */

TEST(socketpair_half_closed_and_closed)
{
	struct watch w;
	int fds[2];

	iv_init();
	make_socketpair(fds);
	watch_start(&w, fds[0], "ioe");
	check_seen(&w, "o");
	poke(fds[1]);
	check_seen(&w, "io");
	drain(fds[0]);
	fill(fds[0]);
	check_seen(&w, "");
	CHECK_SYS(shutdown(fds[1], SHUT_WR));
	check_seen(&w, "i");
	CHECK_SYS(close(fds[1]));
	check_seen(&w, "eio");
	watch_end(&w);
	iv_deinit();
}

static struct sockaddr_in loopback(int port)
{
	struct sockaddr_in sin;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_port = (in_port_t)port;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return sin;
}

/* A socket of TYPE with an address of its own, stored in SIN. */
static int bound(int type, struct sockaddr_in *sin)
{
	socklen_t len = sizeof(*sin);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		SKIP("no IPv4: %s", strerror(errno));
	*sin = loopback(0);
	if (bind(fd, (struct sockaddr *)sin, sizeof(*sin)) < 0)
		SKIP("no loopback: %s", strerror(errno));
	CHECK_SYS(getsockname(fd, (struct sockaddr *)sin, &len));
	return fd;
}

/* Starts to connect: 0, or errno. */
static int begin_connect(int fd, const struct sockaddr_in *sin)
{
	int flags = (int)CHECK_SYS(fcntl(fd, F_GETFL));

	CHECK_SYS(fcntl(fd, F_SETFL, flags | O_NONBLOCK));
	if (connect(fd, (const struct sockaddr *)sin, sizeof(*sin)) == 0)
		return 0;
	return errno;
}

static int socket_error(int fd)
{
	int err;
	socklen_t len = sizeof(err);

	CHECK_SYS(getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len));
	return err;
}

/* Waits until what the network stack does by itself has been done. */
static void await(int fd, short events)
{
	struct pollfd p = { fd, events, 0 };

	CHECK_INT(poll(&p, 1, 5000), ==, 1);
}

/* A connected pair over TCP. */
static void tcp_pair(int fds[2])
{
	struct sockaddr_in sin;
	int listener = bound(SOCK_STREAM, &sin);

	CHECK_SYS(listen(listener, 1));
	fds[0] = (int)CHECK_SYS(socket(AF_INET, SOCK_STREAM, 0));
	CHECK_SYS(connect(fds[0], (struct sockaddr *)&sin, sizeof(sin)));
	fds[1] = (int)CHECK_SYS(accept(listener, NULL, NULL));
	CHECK_SYS(close(listener));
}

TEST(tcp_listen_and_connect)
{
	struct watch l, c;
	struct sockaddr_in sin;
	int listener, client, server, err;

	iv_init();
	listener = bound(SOCK_STREAM, &sin);
	CHECK_SYS(listen(listener, 1));
	watch_start(&l, listener, "ioe");
	check_seen(&l, "");

	client = (int)CHECK_SYS(socket(AF_INET, SOCK_STREAM, 0));
	err = begin_connect(client, &sin);
	CHECK(err == 0 || err == EINPROGRESS);
	watch_start(&c, client, "oe");
	await(listener, POLLIN);
	await(client, POLLOUT);
	check_seen(&l, "i");
	CHECK_STR(watch_seen(&c, 2), "o");
	CHECK_INT(socket_error(client), ==, 0);

	server = (int)CHECK_SYS(accept(listener, NULL, NULL));
	check_seen(&l, "");
	watch_end(&l);
	watch_end(&c);
	CHECK_SYS(close(server));
	iv_deinit();
}

TEST(tcp_connection_refused)
{
	struct watch w;
	struct sockaddr_in sin;
	int fd, port, err;

	iv_init();
	port = bound(SOCK_STREAM, &sin);	/* bound, but not listening */
	fd = (int)CHECK_SYS(socket(AF_INET, SOCK_STREAM, 0));
	watch_init(&w, fd, "ioe");
	err = begin_connect(fd, &sin);
	iv_fd_register(&w.fd);
	await(fd, POLLOUT);
	check_seen(&w, "eio");
	if (err == EINPROGRESS)
		err = socket_error(fd);
	CHECK_INT(err, ==, ECONNREFUSED);
	watch_end(&w);
	CHECK_SYS(close(port));
	iv_deinit();
}

TEST(tcp_half_close)
{
	struct watch w;
	int fds[2];

	iv_init();
	tcp_pair(fds);
	watch_start(&w, fds[0], "ioe");
	check_seen(&w, "o");
	poke(fds[1]);
	CHECK_SYS(shutdown(fds[1], SHUT_WR));
	await(fds[0], POLLIN);
	check_seen(&w, "io");
	CHECK_INT(drain(fds[0]), ==, 1);
	await(fds[0], POLLIN);
	check_seen(&w, "io");
	watch_set(&w, "e");
	check_seen(&w, "");
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

TEST(tcp_reset)
{
	struct linger hard = { 1, 0 };
	struct watch w;
	int fds[2];

	iv_init();
	tcp_pair(fds);
	watch_start(&w, fds[0], "e");
	check_seen(&w, "");
	CHECK_SYS(setsockopt(fds[1], SOL_SOCKET, SO_LINGER, &hard,
			     sizeof(hard)));
	CHECK_SYS(close(fds[1]));
	await(fds[0], POLLIN);
	check_seen(&w, "e");
	watch_set(&w, "ioe");
	check_seen(&w, "eio");
	CHECK_INT(socket_error(fds[0]), ==, ECONNRESET);
	watch_end(&w);
	iv_deinit();
}

/* Urgent data is read in line with the rest. */
TEST(tcp_urgent_data)
{
	struct watch w;
	char c = 0;
	int fds[2];

	iv_init();
	tcp_pair(fds);
	watch_start(&w, fds[0], "ie");
	CHECK_INT(send(fds[1], "u", 1, MSG_OOB), ==, 1);
	await(fds[0], POLLIN);
	check_seen(&w, "i");
	CHECK_INT(read(fds[0], &c, 1), ==, 1);
	CHECK_INT(c, ==, 'u');
	check_seen(&w, "");
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

TEST(udp)
{
	struct sockaddr_in sin;
	struct watch w;
	int fd, sender;

	iv_init();
	fd = bound(SOCK_DGRAM, &sin);
	sender = (int)CHECK_SYS(socket(AF_INET, SOCK_DGRAM, 0));
	CHECK_SYS(connect(sender, (struct sockaddr *)&sin, sizeof(sin)));
	watch_start(&w, fd, "ioe");
	check_seen(&w, "o");
	poke(sender);
	CHECK_INT(send(sender, "", 0, 0), ==, 0);
	await(fd, POLLIN);
	check_seen(&w, "io");
	CHECK_INT(recv(fd, &sin, sizeof(sin), 0), ==, 1);
	await(fd, POLLIN);
	check_seen(&w, "io");
	CHECK_INT(recv(fd, &sin, sizeof(sin), 0), ==, 0);
	check_seen(&w, "o");
	watch_end(&w);

	/* The port is gone: an error comes back to the sender. */
	watch_start(&w, sender, "e");
	poke(sender);
	await(sender, POLLIN);
	check_seen(&w, "e");
	CHECK_INT(socket_error(sender), ==, ECONNREFUSED);
	check_seen(&w, "");
	watch_end(&w);
	iv_deinit();
}

/* ---- Others --------------------------------------------------------------- */

#ifdef HAVE_EVENTFD
TEST(eventfd_counter)
{
	uint64_t n = 1;
	struct watch w;
	int fd;

	iv_init();
	fd = (int)CHECK_SYS(eventfd(0, EFD_CLOEXEC));
	watch_start(&w, fd, "ioe");
	check_seen(&w, "o");
	CHECK_INT(write(fd, &n, sizeof(n)), ==, 8);
	check_seen(&w, "io");
	CHECK_INT(read(fd, &n, sizeof(n)), ==, 8);
	check_seen(&w, "o");
	n = UINT64_MAX - 1;
	CHECK_INT(write(fd, &n, sizeof(n)), ==, 8);
	check_seen(&w, "i");
	watch_end(&w);
	iv_deinit();
}
#endif

#ifdef HAVE_TIMERFD
TEST(timerfd_of_the_program)
{
	struct itimerspec its = { { 0, 0 }, { 0, 1 } };
	uint64_t n;
	struct watch w;
	int fd;

	iv_init();
	fd = (int)CHECK_SYS(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
	watch_start(&w, fd, "ie");
	check_seen(&w, "");
	CHECK_SYS(timerfd_settime(fd, 0, &its, NULL));
	await(fd, POLLIN);
	check_seen(&w, "i");
	CHECK_INT(read(fd, &n, sizeof(n)), ==, 8);
	check_seen(&w, "");
	watch_end(&w);
	iv_deinit();
}
#endif

TEST(pseudo_terminal)
{
	struct termios t;
	struct watch m, s;
	int master, slave;

	iv_init();
	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
		SKIP("no pseudo-terminals: %s", strerror(errno));
	slave = (int)CHECK_SYS(open(ptsname(master),
				    O_RDWR | O_NOCTTY | O_CLOEXEC));
	CHECK_SYS(tcgetattr(slave, &t));
	t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	CHECK_SYS(tcsetattr(slave, TCSANOW, &t));

	watch_start(&m, master, "ioe");
	watch_start(&s, slave, "ioe");
	check_seen(&s, "o");
	CHECK_STR(watch_seen(&m, 2), "o");
	poke(master);
	await(slave, POLLIN);
	check_seen(&s, "io");
	drain(slave);
	check_seen(&s, "o");
	watch_seen(&m, 4);

	poke(slave);
	await(master, POLLIN);
	check_seen(&m, "io");
	drain(master);
	watch_end(&s);
	check_seen(&m, "eio");
	watch_end(&m);
	iv_deinit();
}

/* A device without polling of its own: epoll refuses it with EPERM, poll
   finds it always ready. */
static void check_file(int fd)
{
	int flags = (int)CHECK_SYS(fcntl(fd, F_GETFL));
	int fdflags = (int)CHECK_SYS(fcntl(fd, F_GETFD));
	static const char *const bands[] = { "", "i", "o", "io", "e" };
	struct watch w;
	unsigned i;

	for (i = 0; i < 5; i++) {
		watch_init(&w, fd, bands[i]);
		if (on_epoll()) {
			CHECK_ERRNO(iv_fd_register_try(&w.fd), EPERM);
			CHECK(!iv_fd_registered(&w.fd));
			CHECK_INT(fcntl(fd, F_GETFL), ==, flags);
			CHECK_INT(fcntl(fd, F_GETFD), ==, fdflags);
		} else {
			CHECK_SYS(iv_fd_register_try(&w.fd));
			check_seen(&w, i < 4 ? bands[i] : "");
			iv_fd_unregister(&w.fd);
		}
	}
	iv_main();
	CHECK_SYS(close(fd));
}

/* kqueue(2): a file is readable while there is something behind its offset;
   for writing some systems take it, and some refuse. */
static int on_kqueue(void)
{
	return strcmp(test_method(), "kqueue") == 0;
}

TEST(regular_file_on_kqueue)
{
	char path[4200];
	struct watch w;

	if (!on_kqueue())
		SKIP("%s does not look at offsets", test_method());
	iv_init();
	snprintf(path, sizeof(path), "%s/file", tmpdir());
	watch_init(&w, (int)CHECK_SYS(open(path, O_RDWR | O_CREAT, 0600)),
		   "ioe");
	CHECK_SYS(iv_fd_register_try(&w.fd));
	watch_set(&w, "ie");
	check_seen(&w, "");
	poke(w.fd.fd);
	check_seen(&w, "");
	CHECK_INT(lseek(w.fd.fd, 0, SEEK_SET), ==, 0);
	check_seen(&w, "i");
	drain(w.fd.fd);
	check_seen(&w, "");
	watch_end(&w);
	iv_deinit();
}

TEST(regular_file)
{
	char path[4200];

	if (on_kqueue())
		SKIP("kqueue looks at the offset");
	iv_init();
	snprintf(path, sizeof(path), "%s/file", tmpdir());
	check_file((int)CHECK_SYS(open(path, O_RDWR | O_CREAT, 0600)));
	iv_deinit();
}

TEST(directory)
{
	if (on_kqueue())
		SKIP("kqueue looks at the offset");
	iv_init();
	check_file((int)CHECK_SYS(open(tmpdir(), O_RDONLY | O_DIRECTORY)));
	iv_deinit();
}

TEST(dev_null)
{
	iv_init();
	check_file((int)CHECK_SYS(open("/dev/null", O_RDWR)));
	iv_deinit();
}

/* Neither socket nor pipe, it even looks like a regular file; but it can be
   polled, and iv_fd_register() has to find that out. */
TEST(pollable_file)
{
	struct watch w;
	int fd;

	iv_init();
	if (on_kqueue())
		SKIP("kqueue looks at the offset");
	fd = open("/proc/self/mounts", O_RDONLY);
	if (fd < 0)
		SKIP("no /proc/self/mounts: %s", strerror(errno));
	watch_start(&w, fd, "i");
	check_seen(&w, "i");
	watch_end(&w);
	iv_deinit();
}

#ifdef HAVE_EPOLL
TEST(epoll_set_of_the_program)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct watch w;
	int set, fds[2];

	iv_init();
	make_pipe(fds);
	set = (int)CHECK_SYS(epoll_create1(EPOLL_CLOEXEC));
	CHECK_SYS(epoll_ctl(set, EPOLL_CTL_ADD, fds[0], &ev));
	watch_start(&w, set, "ie");
	check_seen(&w, "");
	poke(fds[1]);
	check_seen(&w, "i");
	drain(fds[0]);
	check_seen(&w, "");
	watch_end(&w);
	close_pair(fds);
	iv_deinit();
}
#endif
