/* SPDX-License-Identifier: MIT */
/*
 * accept.c - iv_listen when the system refuses to accept, or has no accept4().
 */
#include "config.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <iv_listen.h>
#include "harness/spy.h"
#include "harness/test.h"
#include "sys/sys.h"

#ifndef SYS_fcntl
#define SYS_fcntl	(-1)
#endif
#ifndef SYS_ioctl
#define SYS_ioctl	(-1)
#endif

#define MSEC	INT64_C(1000000)
#define SEC	INT64_C(1000000000)

/* ---- Calls of the system -------------------------------------------------------- */

int __real_accept(int fd, struct sockaddr *from, socklen_t *len);
int __wrap_accept(int fd, struct sockaddr *from, socklen_t *len);
int __real_accept4(int fd, struct sockaddr *from, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *from, socklen_t *len, int flags);
int __real_getsockopt(int fd, int level, int name, void *value,
		      socklen_t *len);
int __wrap_getsockopt(int fd, int level, int name, void *value,
		      socklen_t *len);

static int accept_error, accept4_error, getsockopt_error;
static unsigned failures;	/* how many of the calls */
static unsigned calls;		/* of either */
static unsigned limit;		/* of calls, that nothing spins */
static unsigned quit_at;	/* a call */
static int other = -1;		/* takes the listener's place before it */

/* As the kernel would, 0 bytes of an address are there. */
static int fails(int fd, int err, socklen_t *len)
{
	CHECK_INT(++calls, <, limit);
	if (other >= 0) {
		CHECK_SYS(dup2(other, fd));
		CHECK_SYS(close(other));
		other = -1;
	}
	if (calls == quit_at)
		iv_quit();
	if (err == 0 || failures == 0)
		return 0;
	*len = 0;
	errno = err;
	return 1;
}

int __wrap_accept(int fd, struct sockaddr *from, socklen_t *len)
{
	if (fails(fd, accept_error, len)) {
		failures--;
		return -1;
	}
	CHECK_INT(*len, ==, sizeof(struct sockaddr_storage));
	return __real_accept(fd, from, len);
}

int __wrap_accept4(int fd, struct sockaddr *from, socklen_t *len, int flags)
{
	if (!fails(fd, accept4_error, len))
		return __real_accept4(fd, from, len, flags);
	/* The other one is not asked then. */
	if (!ivi_absent(errno))
		failures--;
	return -1;
}

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	if (getsockopt_error == 0)
		return __real_getsockopt(fd, level, name, value, len);
	errno = getsockopt_error;
	return -1;
}

/* Both, the next N times. */
static void refuse(int err, unsigned n)
{
	accept_error = accept4_error = err;
	failures = n;
	calls = 0;
	limit = 1000;
}

/* ---- Helpers ---------------------------------------------------------------------- */

static struct iv_listen l;
static unsigned got, broken;
static int told;

static void got_client(void *unused, int fd, const struct sockaddr *from,
		       socklen_t len)
{
	(void)unused;
	iv_quit();
	if (fd < 0) {
		told = errno;
		broken++;
		return;
	}
	CHECK_INT(len, ==, sizeof(struct sockaddr_in));
	CHECK_INT(from->sa_family, ==, AF_INET);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
	CHECK_SYS(close(fd));
	got++;
}

static struct sockaddr_in address;

static void start(void)
{
	socklen_t len = sizeof(address);

	refuse(0, 0);
	IV_LISTEN_INIT(&l);
	l.fd = (int)CHECK_SYS(socket(AF_INET, SOCK_STREAM, 0));
	l.handler = got_client;
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_SYS(bind(l.fd, (struct sockaddr *)&address, len));
	CHECK_SYS(listen(l.fd, SOMAXCONN));
	CHECK_SYS(getsockname(l.fd, (struct sockaddr *)&address, &len));
	iv_init();
	CHECK_SYS(iv_listen_register(&l));
}

static void stop(void)
{
	iv_listen_unregister(&l);
	CHECK_SYS(close(l.fd));
	iv_main();
	iv_deinit();
}

static int client(void)
{
	int fd = (int)CHECK_SYS(socket(AF_INET, SOCK_STREAM, 0));

	CHECK_SYS(connect(fd, (struct sockaddr *)&address, sizeof(address)));
	return fd;
}

/* One client, behind N errors. */
static void check_accepted(int err, unsigned n)
{
	int fd = client();

	refuse(err, n);
	iv_main();
	CHECK_INT(got, ==, 1);
	CHECK_INT(broken, ==, 0);
	CHECK_INT(failures, ==, 0);
	got = 0;
	CHECK_SYS(close(fd));
}

/* ---- Clients that have gone --------------------------------------------------------- */

static const int passing[] = {
	EINTR, ECONNABORTED, ECONNRESET, EHOSTDOWN, EHOSTUNREACH, ENETDOWN,
	ENETUNREACH, ENOPROTOOPT, EOPNOTSUPP, EPROTO, EPERM, ETIMEDOUT,
#ifdef ENONET
	ENONET,
#endif
};

TEST(clients_that_have_gone_are_skipped)
{
	unsigned i;

	start();
	for (i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
		check_accepted(passing[i], 3);
	CHECK_INT(l.paused, ==, 0);
	stop();
}

TEST(they_are_no_part_of_the_budget)
{
	start();
	l.budget = 1;
	check_accepted(ECONNABORTED, 20);
	CHECK_INT(l.paused, ==, 0);
	stop();
}

/* An error that looks as if a client had gone, and never ends, as a sandbox
   would have it. */
TEST(errors_without_end_do_not_spin)
{
	struct iv_timer timer;
	int fd;

	start();
	fd = client();
	refuse(EPERM, 1000000);
	limit = 10000;
	spy_clock_take(SEC);
	timer_after(&timer, 10000, quit_handler, NULL);
	iv_timer_register(&timer);
	iv_main();
	CHECK_INT(l.paused, >=, 10);
	CHECK_INT(l.paused, <=, 20);
	CHECK_INT(got, ==, 0);
	refuse(0, 0);
	iv_main();
	CHECK_INT(got, ==, 1);
	CHECK_SYS(close(fd));
	stop();
}

/* ---- Want --------------------------------------------------------------------------- */

static void next_try(void)
{
	quit_at = calls + 1;
	iv_main();
	quit_at = 0;
}

/* 10 ms, then twice as long each time, a second at most. */
static void check_pauses(int err)
{
	static const int ms[] = {
		10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000
	};
	int64_t before;
	unsigned i;
	int fd = client();

	l.paused = 0;
	refuse(err, 1000000);
	next_try();
	for (i = 0; i < sizeof(ms) / sizeof(ms[0]); i++) {
		CHECK_INT(l.paused, ==, i + 1);
		before = spy_clock();
		next_try();
		CHECK_INT(spy_clock() - before, >=, ms[i] * MSEC);
		CHECK_INT(spy_clock() - before, <=,
			  ms[i] * MSEC + 2 * MSEC + spy_late());
	}
	refuse(0, 0);
	iv_main();
	CHECK_INT(got, ==, 1);
	got = 0;
	CHECK_SYS(close(fd));
}

TEST(pauses_get_longer)
{
	start();
	spy_clock_take(SEC);
	check_pauses(EMFILE);
	check_pauses(ENFILE);
	check_pauses(ENOBUFS);
	check_pauses(ENOMEM);
	CHECK_INT(broken, ==, 0);
	stop();
}

/* ---- Listeners that are none ---------------------------------------------------------- */

TEST(told_that_it_is_broken)
{
	static const int errors[] = { EBADF, EINVAL, ENOTSOCK };
	unsigned i;
	int fd;

	start();
	fd = client();
	for (i = 0; i < 3; i++) {
		refuse(errors[i], 1);
		iv_main();
		CHECK_INT(broken, ==, i + 1);
		CHECK_INT(told, ==, errors[i]);
		CHECK_INT(got, ==, 0);
		quit_after_turns(5);
		iv_main();
		CHECK_INT(broken, ==, i + 1);
		CHECK_INT(got, ==, 0);
		iv_listen_again(&l);
	}
	iv_main();
	CHECK_INT(got, ==, 1);
	CHECK_INT(l.paused, ==, 0);
	CHECK_SYS(close(fd));
	stop();
}

/* Closed by mistake, with another socket in its place. */
TEST(a_datagram_socket_is_no_listener)
{
	int fd;

	fence_allow(FENCE_KERNEL, "what is watched has been closed");
	start();
	fd = client();
	other = (int)CHECK_SYS(socket(AF_INET, SOCK_DGRAM, 0));
	with_deadline(9);
	iv_main();
	without_deadline();
	CHECK_INT(broken, ==, 1);
	CHECK_INT(told, ==, EINVAL);
	CHECK_INT(l.paused, ==, 0);
	CHECK_SYS(close(fd));
	stop();
}

/* ---- Old systems ------------------------------------------------------------------------ */

TEST(without_accept4)
{
	static const int errors[] = { ENOSYS, EPERM, EINVAL, EACCES };
	unsigned i;
	int fd;

	start();
	for (i = 0; i < 4; i++) {
		refuse(errors[i], 1000);
		accept_error = 0;
		fd = client();
		iv_main();
		CHECK_INT(got, ==, i + 1);
		CHECK_SYS(close(fd));
	}
	CHECK_INT(l.paused, ==, 0);
	CHECK_INT(broken, ==, 0);
	stop();
}

/* In a thread: what it denies the harness needs. */
static void *accept_without_flags(void *unused)
{
	struct sockaddr_storage from;
	socklen_t len;

	refuse(ENOSYS, 1000);
	accept_error = 0;
	deny_syscall(SYS_ioctl, EPERM);
	deny_syscall(SYS_fcntl, EPERM);
#ifdef SYS_fcntl64
	deny_syscall(SYS_fcntl64, EPERM);
#endif
	CHECK_INT(ivi_accept(l.fd, &from, &len), ==, -ECONNABORTED);
	return unused;
}

/* A connection that cannot be made as it has to be is none. */
TEST_ONCE(without_flags)
{
	pthread_t tid;
	char c;
	int fd;

	start();
	fd = client();
	CHECK_INT(pthread_create(&tid, NULL, accept_without_flags, NULL), ==,
		  0);
	pthread_join(tid, NULL);
	CHECK_INT(read(fd, &c, 1), ==, 0);
	CHECK_SYS(close(fd));
	stop();
}

/* Then it is found out when something is to be accepted. */
TEST(without_so_acceptconn)
{
	int fd;

	getsockopt_error = ENOPROTOOPT;
	start();
	getsockopt_error = 0;
	fd = client();
	iv_main();
	CHECK_INT(got, ==, 1);
	CHECK_SYS(close(fd));
	stop();
}
