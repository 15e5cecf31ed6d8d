/* SPDX-License-Identifier: MIT */
/*
 * selftest_kqueue.c - does the emulated kqueue do what the manual pages of
 * the real ones say?  Nothing of the library is used here.
 */
#include "config.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/event.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "emu/emu.h"
#include "harness/test.h"

#define MS	INT64_C(1000000)

static const struct timespec at_once;

/* A case for each personality. */
#define EACH(name)							\
static void name(void);							\
TEST_ONCE(name##_freebsd)						\
{									\
	be("freebsd");							\
	name();								\
}									\
TEST_ONCE(name##_netbsd)						\
{									\
	be("netbsd");							\
	name();								\
}									\
TEST_ONCE(name##_netbsd10)						\
{									\
	be("netbsd10");							\
	name();								\
}									\
TEST_ONCE(name##_openbsd)						\
{									\
	be("openbsd");							\
	name();								\
}									\
TEST_ONCE(name##_macos)							\
{									\
	be("macos");							\
	name();								\
}									\
static void name(void)

static const char *personality;

static void be(const char *name)
{
	fence_allow(FENCE_KERNEL, "faults on purpose");
	personality = name;
	setenv("EMU_PERSONALITY", name, 1);
}

/* Both of NetBSD are "netbsd". */
static int is(const char *name)
{
	return strncmp(personality, name, strlen(name)) == 0;
}

static int has_user_events(void)
{
	return strcmp(personality, "netbsd") != 0 && !is("openbsd");
}

/* ---- Short forms ------------------------------------------------------------ */

static int kq_open(void)
{
	return (int)CHECK_SYS(kqueue());
}

/* One change by a call without room for events: 0, or errno. */
static int set(int kq, uintptr_t ident, short filter, int flags,
	       unsigned fflags, int64_t data)
{
	struct kevent kev;

	EV_SET(&kev, ident, filter, (unsigned short)flags, fflags, data, NULL);
	return kevent(kq, &kev, 1, NULL, 0, NULL) < 0 ? errno : 0;
}

static int add(int kq, int fd, short filter)
{
	return set(kq, (uintptr_t)fd, filter, EV_ADD, 0, 0);
}

/* The number of events that are there now; the first in EV. */
static int look(int kq, struct kevent *ev, int max)
{
	return (int)CHECK_SYS(kevent(kq, NULL, 0, ev, max, &at_once));
}

static int count(int kq)
{
	struct kevent ev[16];

	return look(kq, ev, 16);
}

/* There must be one event; it. */
static struct kevent only(int kq)
{
	struct kevent ev[2];

	CHECK_INT(look(kq, ev, 2), ==, 1);
	return ev[0];
}

static int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static struct timespec in_ms(long ms)
{
	return (struct timespec){ ms / 1000, ms % 1000 * 1000000 };
}

/* ---- The call ----------------------------------------------------------------- */

/* K3 */
EACH(returned_flags)
{
	int kq = kq_open(), fds[2];
	struct kevent ev;

	make_pipe(fds);
	poke(fds[1]);
	CHECK_INT(set(kq, (uintptr_t)fds[0], EVFILT_READ, EV_ADD | EV_ENABLE,
		      0, 0), ==, 0);
	ev = only(kq);
	CHECK_INT(ev.flags, ==, is("netbsd") ? EV_ADD | EV_ENABLE : 0);
	CHECK_INT(ev.filter, ==, EVFILT_READ);
	CHECK_INT(ev.ident, ==, fds[0]);
	CHECK_INT(ev.data, ==, 1);
	CHECK_SYS(close(kq));
	close_pair(fds);
}

/* K4, K5, K6 */
EACH(failing_changes)
{
	int kq = kq_open(), fds[2];
	struct kevent ch[3], ev[4];

	make_pipe(fds);
	poke(fds[1]);
	EV_SET(&ch[0], fds[0], EVFILT_READ, EV_DELETE, 0, 0, NULL);
	EV_SET(&ch[1], 1 << 20, EVFILT_READ, EV_ADD, 0, 0, ch);
	EV_SET(&ch[2], fds[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
	CHECK_INT(kevent(kq, ch, 3, ev, 4, NULL), ==, 2);
	CHECK(ev[0].flags & EV_ERROR);
	CHECK_INT(ev[0].data, ==, ENOENT);
	CHECK_INT(ev[0].ident, ==, fds[0]);
	CHECK_INT(ev[1].data, ==, EBADF);
	CHECK_PTR(ev[1].udata, ==, ch);
	CHECK_INT(count(kq), ==, 1);
	CHECK_INT(set(kq, (uintptr_t)fds[0], EVFILT_READ, EV_DELETE, 0, 0),
		  ==, 0);

	/* No room: the rest is not done. */
	CHECK_ERRNO(kevent(kq, ch, 3, ev, 0, NULL), ENOENT);
	CHECK_INT(count(kq), ==, 0);
	/* Room for one. */
	CHECK_ERRNO(kevent(kq, ch, 3, ev, 1, NULL), EBADF);
	CHECK_INT(ev[0].data, ==, ENOENT);
	CHECK_INT(count(kq), ==, 0);
	CHECK_SYS(close(kq));
	close_pair(fds);
}

/* K7 */
EACH(receipts)
{
	int kq = kq_open(), fds[2];
	struct kevent ch, ev[2];

	make_pipe(fds);
	poke(fds[1]);
	EV_SET(&ch, fds[0], EVFILT_READ, EV_ADD | EV_RECEIPT, 0, 0, NULL);
	CHECK_INT(kevent(kq, &ch, 1, ev, 2, &at_once), ==, 1);
	if (is("netbsd")) {
		CHECK(!(ev[0].flags & EV_ERROR));
		CHECK_INT(ev[0].data, ==, 1);
	} else {
		CHECK(ev[0].flags & EV_ERROR);
		CHECK_INT(ev[0].data, ==, 0);
	}
	CHECK_INT(count(kq), ==, 1);
	CHECK_SYS(close(kq));
	close_pair(fds);
}

/* K8, K12, K37 */
EACH(calls_without_events)
{
	int kq = kq_open(), fds[2];
	struct kevent ev;

	CHECK_INT(kevent(kq, NULL, 0, NULL, 0, NULL), ==, 0);
	CHECK_INT(fcntl(kq, F_GETFD), ==, 0);
	make_pipe(fds);
	CHECK_ERRNO(kevent(fds[0], NULL, 0, &ev, 1, &at_once), EBADF);
	CHECK_SYS(close(kq));
	CHECK_ERRNO(kevent(kq, NULL, 0, &ev, 1, &at_once), EBADF);
	close_pair(fds);
	leave_fds(0);
	CHECK_ERRNO(kqueue(), EMFILE);
	restore_fds();
}

/* K9 */
EACH(time_limits)
{
	static const struct timespec bad[] = {
		{ -1, 0 }, { 0, -1 }, { 0, 1000000000 },
	};
	int kq = kq_open(), i;
	struct timespec ts = in_ms(25);
	struct kevent ev;
	int64_t start;

	for (i = 0; i < 3; i++)
		CHECK_ERRNO(kevent(kq, NULL, 0, &ev, 1, &bad[i]), EINVAL);
	start = now();
	CHECK_INT(kevent(kq, NULL, 0, &ev, 1, &ts), ==, 0);
	CHECK_INT(now() - start, >=, is("netbsd") ? 40 * MS : 25 * MS);
	CHECK_SYS(close(kq));
}

static void nothing(int sig)
{
	(void)sig;
}

/* K10: although SA_RESTART is set, all changes are made. */
EACH(interrupted)
{
	struct sigaction sa = { .sa_handler = nothing, .sa_flags = SA_RESTART };
	struct itimerspec its = { { 0, 5000000 }, { 0, 5000000 } };
	struct sigaction old;
	int kq = kq_open(), fds[2];
	struct kevent ch, ev;
	timer_t timer;

	make_pipe(fds);
	CHECK_SYS(sigaction(SIGALRM, &sa, &old));
	CHECK_SYS(timer_create(CLOCK_MONOTONIC, NULL, &timer));
	CHECK_SYS(timer_settime(timer, 0, &its, NULL));
	EV_SET(&ch, fds[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
	CHECK_ERRNO(kevent(kq, &ch, 1, &ev, 1, NULL), EINTR);
	poke(fds[1]);
	CHECK_INT(count(kq), ==, 1);
	CHECK_SYS(timer_delete(timer));
	CHECK_SYS(sigaction(SIGALRM, &old, NULL));
	CHECK_SYS(close(kq));
	close_pair(fds);
}

/* K11 */
EACH(one_array_for_both)
{
	int kq = kq_open(), fds[2];
	struct kevent kev[2];

	make_pipe(fds);
	poke(fds[1]);
	EV_SET(&kev[0], 1 << 20, EVFILT_READ, EV_ADD, 0, 0, NULL);
	EV_SET(&kev[1], fds[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
	CHECK_INT(kevent(kq, kev, 2, kev, 2, NULL), ==, 1);
	CHECK_INT(kev[0].data, ==, EBADF);
	EV_SET(&kev[0], fds[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
	CHECK_INT(kevent(kq, kev, 1, kev, 2, NULL), ==, 1);
	CHECK_INT(kev[0].data, ==, 1);
	CHECK_SYS(close(kq));
	close_pair(fds);
}

/* K13 */
EACH(rotation)
{
	int kq = kq_open(), fds[3][2], i, seen = 0;
	struct kevent ev;

	for (i = 0; i < 3; i++) {
		make_pipe(fds[i]);
		poke(fds[i][1]);
		CHECK_INT(add(kq, fds[i][0], EVFILT_READ), ==, 0);
	}
	for (i = 0; i < 3; i++) {
		CHECK_INT(look(kq, &ev, 1), ==, 1);
		seen |= 1 << ((int)ev.ident == fds[0][0] ? 0 :
			      (int)ev.ident == fds[1][0] ? 1 : 2);
	}
	CHECK_INT(seen, ==, 7);
	CHECK_SYS(close(kq));
	for (i = 0; i < 3; i++)
		close_pair(fds[i]);
}

/* ---- Changes ------------------------------------------------------------------- */

/* K14, K15, K20 */
EACH(added_again)
{
	int kq = kq_open(), fds[2], a, b;
	struct kevent kev;

	make_pipe(fds);
	poke(fds[1]);
	EV_SET(&kev, fds[0], EVFILT_READ, EV_ADD, 0, 0, &a);
	CHECK_SYS(kevent(kq, &kev, 1, NULL, 0, NULL));
	kev.udata = &b;
	CHECK_SYS(kevent(kq, &kev, 1, NULL, 0, NULL));
	CHECK_PTR(only(kq).udata, ==, &b);

	CHECK_INT(set(kq, (uintptr_t)fds[0], EVFILT_READ, EV_DISABLE, 0, 0),
		  ==, 0);
	CHECK_SYS(kevent(kq, &kev, 1, NULL, 0, NULL));
	CHECK_INT(count(kq), ==, 0);
	kev.flags = EV_ENABLE;
	kev.udata = &a;
	CHECK_SYS(kevent(kq, &kev, 1, NULL, 0, NULL));
	CHECK_PTR(only(kq).udata, ==, &a);

	/* Level-triggered it stays. */
	kev.flags = EV_ADD | EV_CLEAR;
	CHECK_SYS(kevent(kq, &kev, 1, NULL, 0, NULL));
	CHECK_INT(count(kq), ==, 1);
	CHECK_INT(count(kq), ==, 1);
	CHECK_SYS(close(kq));
	close_pair(fds);
}

/* K16 */
EACH(deleted)
{
	int kq = kq_open(), fds[2], a;
	struct kevent ch[3];

	make_pipe(fds);
	poke(fds[1]);
	CHECK_INT(set(kq, (uintptr_t)fds[0], EVFILT_READ, EV_DELETE, 0, 0),
		  ==, ENOENT);
	CHECK_INT(set(kq, 1 << 20, EVFILT_READ, EV_DELETE, 0, 0), ==, EBADF);
	EV_SET(&ch[0], fds[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
	EV_SET(&ch[1], fds[0], EVFILT_READ, EV_DELETE, 0, 0, NULL);
	EV_SET(&ch[2], fds[0], EVFILT_READ, EV_ADD, 0, 0, &a);
	CHECK_INT(kevent(kq, ch, 3, NULL, 0, NULL), ==, 0);
	CHECK_PTR(only(kq).udata, ==, &a);
	CHECK_INT(kevent(kq, &ch[1], 1, NULL, 0, NULL), ==, 0);
	CHECK_INT(count(kq), ==, 0);
	CHECK_SYS(close(kq));
	close_pair(fds);
}

/* K17 */
EACH(not_to_be_added)
{
	int kq = kq_open();

	CHECK_INT(add(kq, 1 << 20, EVFILT_READ), ==, EBADF);
	CHECK_INT(add(kq, 1 << 20, EVFILT_WRITE), ==, EBADF);
	CHECK_INT(add(kq, 0, -100), ==, EINVAL);
	CHECK_SYS(close(kq));
}

/* K18: NetBSD looks again at what was disabled only. */
EACH(enabled_without_having_been_disabled)
{
	int kq = kq_open(), fds[2];
	uintptr_t fd;

	make_pipe(fds);
	fd = (uintptr_t)fds[0];
	poke(fds[1]);
	CHECK_INT(set(kq, fd, EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0), ==, 0);
	CHECK_INT(count(kq), ==, 1);
	CHECK_INT(set(kq, fd, EVFILT_READ, EV_ADD | EV_ENABLE, 0, 0), ==, 0);
	CHECK_INT(count(kq), ==, is("netbsd") ? 0 : 1);
	CHECK_INT(set(kq, fd, EVFILT_READ, EV_DISABLE, 0, 0), ==, 0);
	CHECK_INT(set(kq, fd, EVFILT_READ, EV_ENABLE, 0, 0), ==, 0);
	CHECK_INT(count(kq), ==, 1);
	CHECK_INT(set(kq, fd, EVFILT_READ, EV_DELETE, 0, 0), ==, 0);
	CHECK_SYS(close(kq));
	close_pair(fds);
}

/* K18, K19 */
EACH(once_and_dispatched)
{
	int kq = kq_open(), fds[2];
	uintptr_t fd;

	make_pipe(fds);
	fd = (uintptr_t)fds[0];
	poke(fds[1]);
	CHECK_INT(set(kq, fd, EVFILT_READ, EV_ADD | EV_ONESHOT, 0, 0), ==, 0);
	CHECK_INT(count(kq), ==, 1);
	CHECK_INT(count(kq), ==, 0);
	CHECK_INT(set(kq, fd, EVFILT_READ, EV_DELETE, 0, 0), ==, ENOENT);

	CHECK_INT(set(kq, fd, EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0), ==, 0);
	CHECK_INT(count(kq), ==, 1);
	CHECK_INT(count(kq), ==, 0);
	poke(fds[1]);
	CHECK_INT(count(kq), ==, 1);
	CHECK_INT(count(kq), ==, 0);
	CHECK_INT(set(kq, fd, EVFILT_READ, EV_DELETE, 0, 0), ==, 0);

	CHECK_INT(set(kq, fd, EVFILT_READ, EV_ADD | EV_DISPATCH, 0, 0), ==, 0);
	CHECK_INT(count(kq), ==, 1);
	CHECK_INT(count(kq), ==, 0);
	CHECK_INT(set(kq, fd, EVFILT_READ, EV_DISABLE, 0, 0), ==, 0);
	CHECK_INT(set(kq, fd, EVFILT_READ, EV_ENABLE, 0, 0), ==, 0);
	CHECK_INT(count(kq), ==, 1);
	CHECK_SYS(close(kq));
	close_pair(fds);
}

/* ---- Descriptors ----------------------------------------------------------------- */

/* K21 */
EACH(closing_forgets)
{
	int kq = kq_open(), fds[2], copy, other[2];

	make_pipe(fds);
	make_pipe(other);
	poke(fds[1]);
	copy = (int)CHECK_SYS(dup(fds[0]));
	CHECK_INT(add(kq, fds[0], EVFILT_READ), ==, 0);
	CHECK_SYS(close(fds[0]));
	CHECK_INT(count(kq), ==, 0);
	CHECK_INT(set(kq, (uintptr_t)fds[0], EVFILT_READ, EV_DELETE, 0, 0),
		  ==, EBADF);

	CHECK_INT(add(kq, copy, EVFILT_READ), ==, 0);
	CHECK_INT(count(kq), ==, 1);
	CHECK_SYS(dup2(other[0], copy));
	CHECK_INT(count(kq), ==, 0);
	CHECK_INT(set(kq, (uintptr_t)copy, EVFILT_READ, EV_DELETE, 0, 0),
		  ==, ENOENT);
	CHECK_SYS(close(copy));
	CHECK_SYS(close(fds[1]));
	close_pair(other);
	CHECK_SYS(close(kq));
}

/* K22, K23 */
EACH(reading)
{
	int kq = kq_open(), fds[2];
	struct kevent ev;

	make_socketpair(fds);
	CHECK_INT(add(kq, fds[0], EVFILT_READ), ==, 0);
	CHECK_INT(count(kq), ==, 0);
	poke(fds[1]);
	poke(fds[1]);
	CHECK_INT(only(kq).data, ==, 2);
	drain(fds[0]);
	CHECK_INT(count(kq), ==, 0);
	poke(fds[1]);
	CHECK_SYS(shutdown(fds[1], SHUT_WR));
	ev = only(kq);
	CHECK(ev.flags & EV_EOF);
	CHECK_INT(ev.data, ==, 1);
	CHECK_INT(ev.fflags, ==, 0);
	drain(fds[0]);
	CHECK(only(kq).flags & EV_EOF);
	CHECK(only(kq).flags & EV_EOF);
	close_pair(fds);
	CHECK_SYS(close(kq));
}

/* K23, K24 */
EACH(writing)
{
	int kq = kq_open(), fds[2];
	struct kevent ev;

	make_pipe(fds);
	CHECK_INT(add(kq, fds[1], EVFILT_WRITE), ==, 0);
	ev = only(kq);
	CHECK(ev.data > 0);
	CHECK(!(ev.flags & EV_EOF));
	fill(fds[1]);
	CHECK_INT(count(kq), ==, 0);
	CHECK_SYS(close(fds[0]));
	if (is("netbsd")) {
		CHECK_INT(count(kq), ==, 0);
	} else {
		CHECK(only(kq).flags & EV_EOF);
		ev = only(kq);
		CHECK(ev.flags & EV_EOF);
		CHECK_INT(ev.fflags, ==, 0);
	}
	CHECK_SYS(close(fds[1]));

	/* While there is room that is told, and what has become of it. */
	make_pipe(fds);
	CHECK_INT(add(kq, fds[1], EVFILT_WRITE), ==, 0);
	CHECK(!(only(kq).flags & EV_EOF));
	CHECK_SYS(close(fds[0]));
	CHECK(only(kq).flags & EV_EOF);
	CHECK_SYS(close(fds[1]));

	make_socketpair(fds);
	CHECK_INT(add(kq, fds[0], EVFILT_WRITE), ==, 0);
	CHECK(!(only(kq).flags & EV_EOF));
	CHECK_SYS(shutdown(fds[0], SHUT_WR));
	CHECK(only(kq).flags & EV_EOF);
	close_pair(fds);
	CHECK_SYS(close(kq));
}

/* A hang-up of the peer, and an end of the file, by both filters. */
EACH(ends_of_sockets)
{
	int kq = kq_open(), fds[2];
	struct kevent ev[3];

	make_socketpair(fds);
	CHECK_INT(add(kq, fds[0], EVFILT_READ), ==, 0);
	CHECK_INT(add(kq, fds[0], EVFILT_WRITE), ==, 0);
	CHECK_SYS(shutdown(fds[1], SHUT_WR));
	CHECK_INT(look(kq, ev, 3), ==, 2);
	CHECK_INT((ev[0].flags & EV_EOF) != 0, ==,
		  ev[0].filter == EVFILT_READ);
	CHECK_INT((ev[1].flags & EV_EOF) != 0, ==,
		  ev[1].filter == EVFILT_READ);
	CHECK_SYS(close(fds[1]));
	CHECK_INT(look(kq, ev, 3), ==, 2);
	CHECK(ev[0].flags & ev[1].flags & EV_EOF);
	CHECK_SYS(close(fds[0]));
	CHECK_SYS(close(kq));
}

/* The end of a pipe is no error. */
EACH(ends_of_pipes)
{
	int kq = kq_open(), fds[2];
	struct kevent ev;

	make_pipe(fds);
	poke(fds[1]);
	CHECK_INT(add(kq, fds[0], EVFILT_READ), ==, 0);
	CHECK_SYS(close(fds[1]));
	ev = only(kq);
	CHECK(ev.flags & EV_EOF);
	CHECK_INT(ev.data, ==, 1);
	CHECK_INT(ev.fflags, ==, 0);
	CHECK_SYS(close(fds[0]));
	CHECK_SYS(close(kq));
}

/* What poll(2) says, if nothing is asked, of a pipe and a socket. */
EACH(polled)
{
	struct pollfd p[2];
	int fds[2], pair[2];

	make_pipe(fds);
	make_socketpair(pair);
	CHECK_SYS(close(fds[1]));
	CHECK_SYS(close(pair[1]));
	p[0] = (struct pollfd){ fds[0], 0, 0 };
	p[1] = (struct pollfd){ pair[0], 0, 0 };
	CHECK_INT(poll(p, 2, 0), ==, is("macos") ? 0 : is("netbsd") ? 1 : 2);
	CHECK_INT((p[0].revents & POLLHUP) != 0, ==, !is("macos"));
	CHECK_INT((p[1].revents & POLLHUP) != 0, ==,
		  !is("macos") && !is("netbsd"));
	p[0].events = p[1].events = POLLIN;
	CHECK_INT(poll(p, 2, 0), ==, 2);
	CHECK(p[0].revents & POLLHUP);
	CHECK(p[1].revents & POLLIN);
	CHECK_SYS(close(fds[0]));
	CHECK_SYS(close(pair[0]));
}

/* The error of a socket: readable without data, and it stays for recv(2). */
EACH(errors_of_datagrams)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int kq = kq_open(), port, fd;
	struct kevent ev;
	char c;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	port = (int)CHECK_SYS(socket(AF_INET, SOCK_DGRAM, 0));
	if (bind(port, (struct sockaddr *)&sin, len) < 0)
		SKIP("no loopback: %s", strerror(errno));
	CHECK_SYS(getsockname(port, (struct sockaddr *)&sin, &len));
	CHECK_SYS(close(port));
	fd = (int)CHECK_SYS(socket(AF_INET, SOCK_DGRAM, 0));
	CHECK_SYS(connect(fd, (struct sockaddr *)&sin, len));
	CHECK_INT(add(kq, fd, EVFILT_READ), ==, 0);
	poke(fd);
	CHECK_INT(kevent(kq, NULL, 0, &ev, 1, NULL), ==, 1);
	CHECK_INT(ev.data, ==, 0);
	CHECK(!(ev.flags & EV_EOF));
	CHECK_INT(recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT), ==, -1);
	CHECK_INT(count(kq), ==, 1);
	CHECK_INT(recv(fd, &c, 1, MSG_DONTWAIT), ==, -1);
	CHECK_INT(errno, ==, ECONNREFUSED);
	CHECK_INT(count(kq), ==, 0);
	CHECK_SYS(close(fd));
	CHECK_SYS(close(kq));
}

static void *cancel_me(void *kq)
{
	int old;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	pthread_cancel(pthread_self());
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
	kevent(*(int *)kq, NULL, 0, NULL, 0, NULL);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	return NULL;
}

/* NetBSD: all calls are. */
EACH(cancellation_points)
{
	int kq = kq_open();
	pthread_t tid;
	void *ret;

	CHECK_INT(pthread_create(&tid, NULL, cancel_me, &kq), ==, 0);
	CHECK_INT(pthread_join(tid, &ret), ==, 0);
	CHECK_INT(ret == PTHREAD_CANCELED, ==, is("netbsd"));
	CHECK_SYS(close(kq));
}

/* K25, K26; all but FreeBSD tell a write end, as if it were read, that the
   reader has gone. */
EACH(pipes_of_one_end)
{
	int kq = kq_open(), fds[2], ret;

	make_pipe(fds);
	CHECK_INT(add(kq, fds[1], EVFILT_READ), ==, 0);
	CHECK_INT(add(kq, fds[0], EVFILT_WRITE), ==, 0);
	poke(fds[1]);
	CHECK_INT(count(kq), ==, 0);
	CHECK_SYS(close(fds[0]));
	CHECK_INT(count(kq), ==, !is("freebsd"));
	if (!is("freebsd")) {
		CHECK(only(kq).flags & EV_EOF);
		CHECK_INT(only(kq).fflags, ==, 0);
	}
	ret = add(kq, fds[1], EVFILT_WRITE);
	if (is("macos")) {
		CHECK_INT(ret, ==, 0);
		CHECK_INT(count(kq), ==, 2);
	} else {
		CHECK_INT(ret, ==, is("netbsd") ? EBADF : EPIPE);
	}
	CHECK_SYS(close(fds[1]));
	CHECK_SYS(close(kq));
}

/* K27 */
EACH(files)
{
	int kq = kq_open(), fd, ret;
	char path[4200];

	snprintf(path, sizeof(path), "%s/file", tmpdir());
	fd = (int)CHECK_SYS(open(path, O_RDWR | O_CREAT, 0600));
	CHECK_INT(add(kq, fd, EVFILT_READ), ==, 0);
	CHECK_INT(count(kq), ==, 0);
	poke(fd);
	CHECK_INT(count(kq), ==, 0);
	CHECK_INT(lseek(fd, 0, SEEK_SET), ==, 0);
	CHECK_INT(only(kq).data, ==, 1);
	ret = add(kq, fd, EVFILT_WRITE);
	CHECK_INT(ret, ==, is("netbsd") ? EINVAL : 0);
	CHECK_INT(count(kq), ==, ret == 0 ? 2 : 1);
	CHECK_SYS(close(fd));
	CHECK_SYS(close(kq));
}

/* K24, K28 */
EACH(sockets)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int kq = kq_open(), port, fd, i;
	struct kevent ev[3];
	struct pollfd p;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	port = (int)CHECK_SYS(socket(AF_INET, SOCK_STREAM, 0));
	if (bind(port, (struct sockaddr *)&sin, len) < 0)
		SKIP("no loopback: %s", strerror(errno));
	CHECK_SYS(getsockname(port, (struct sockaddr *)&sin, &len));
	fd = (int)CHECK_SYS(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
	CHECK_INT(add(kq, fd, EVFILT_READ), ==, 0);
	CHECK_INT(add(kq, fd, EVFILT_WRITE), ==, 0);
	CHECK_INT(count(kq), ==, 0);

	CHECK_INT(connect(fd, (struct sockaddr *)&sin, len), ==, -1);
	p = (struct pollfd){ fd, POLLOUT, 0 };
	CHECK_INT(poll(&p, 1, 5000), ==, 1);
	CHECK_INT(look(kq, ev, 3), ==, 2);
	for (i = 0; i < 2; i++) {
		CHECK(ev[i].flags & EV_EOF);
		CHECK(ev[i].fflags != 0);
	}
	CHECK_SYS(close(fd));
	CHECK_SYS(close(port));
	CHECK_SYS(close(kq));
}

EACH(listeners)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int kq = kq_open(), port, fd;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	port = (int)CHECK_SYS(socket(AF_INET, SOCK_STREAM, 0));
	if (bind(port, (struct sockaddr *)&sin, len) < 0)
		SKIP("no loopback: %s", strerror(errno));
	CHECK_SYS(getsockname(port, (struct sockaddr *)&sin, &len));
	CHECK_SYS(listen(port, 1));
	CHECK_INT(add(kq, port, EVFILT_READ), ==, 0);
	CHECK_INT(count(kq), ==, 0);
	fd = (int)CHECK_SYS(socket(AF_INET, SOCK_STREAM, 0));
	CHECK_SYS(connect(fd, (struct sockaddr *)&sin, len));
	CHECK_INT(only(kq).data, >=, 1);
	CHECK_SYS(close(fd));
	CHECK_SYS(close(port));
	CHECK_SYS(close(kq));
}

/* ---- Timers ------------------------------------------------------------------------ */

/* Waits for the one event there will be; how many milliseconds that took. */
static int64_t wait_one(int kq, struct kevent *ev)
{
	int64_t start = now();

	CHECK_INT(kevent(kq, NULL, 0, ev, 1, NULL), ==, 1);
	return (now() - start) / MS;
}

static int64_t since_tick(void)
{
	return now() % (10 * MS);
}

/* K29, K32: 25 ms are two ticks from the last one. */
EACH(timer_fires)
{
	int kq = kq_open(), fds[2];
	int64_t before, start;
	struct kevent ev;

	make_pipe(fds);
	before = since_tick();
	start = now();
	CHECK_INT(set(kq, (uintptr_t)fds[0], EVFILT_TIMER,
		      EV_ADD | EV_ONESHOT, 0, 25), ==, 0);
	wait_one(kq, &ev);
	CHECK_INT(ev.filter, ==, EVFILT_TIMER);
	CHECK_INT(ev.ident, ==, fds[0]);
	CHECK_INT(ev.data, ==, 1);
	CHECK_INT(now() - start, >=, is("netbsd") ? 20 * MS - before - MS / 2 :
		  25 * MS);
	CHECK_INT(set(kq, (uintptr_t)fds[0], EVFILT_TIMER, EV_DELETE, 0, 0),
		  ==, ENOENT);
	close_pair(fds);
	CHECK_SYS(close(kq));
}

/* K32, with a clock that does as it is told. */
static int64_t fake_now;

static int64_t fake_clock(void)
{
	return fake_now;
}

EACH(timer_counts_ticks)
{
	int kq;

	fake_now = 1000 * MS + 9 * MS;
	emu_observer.clock = fake_clock;
	kq = kq_open();
	CHECK_INT(set(kq, 1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 25), ==, 0);
	fake_now = 1020 * MS - 1;
	CHECK_INT(count(kq), ==, 0);
	fake_now = 1020 * MS;
	CHECK_INT(count(kq), ==, is("netbsd"));
	fake_now = 1034 * MS - 1;
	CHECK_INT(count(kq), ==, 0);
	fake_now = 1034 * MS;
	CHECK_INT(count(kq), ==, !is("netbsd"));
	CHECK_SYS(close(kq));
}

/* K29: periodic. */
EACH(timer_counts)
{
	int kq;

	fake_now = 1000 * MS;
	emu_observer.clock = fake_clock;
	kq = kq_open();
	CHECK_INT(set(kq, 1, EVFILT_TIMER, EV_ADD, 0, 10), ==, 0);
	fake_now += 35 * MS;
	CHECK_INT(only(kq).data, ==, 3);
	CHECK_INT(count(kq), ==, 0);
	fake_now += 5 * MS;
	CHECK_INT(only(kq).data, ==, 1);
	CHECK_SYS(close(kq));
}

/* K30 */
EACH(timer_values)
{
	int kq = kq_open(), ret;

	ret = set(kq, 1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 0);
	CHECK_INT(ret, ==, is("netbsd") ? EINVAL : 0);
	CHECK_INT(count(kq), ==, ret == 0);
	ret = set(kq, 2, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, -1);
	CHECK_INT(ret, ==, is("netbsd") ? 0 : EINVAL);
	CHECK_INT(set(kq, 3, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0,
		      INT64_C(1) << 62), ==, 0);
	nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
	CHECK_INT(count(kq), ==, is("netbsd") ? 2 : 1);
	CHECK_SYS(close(kq));
}

/* K31, K33 */
EACH(timer_added_again)
{
	int kq;

	fake_now = 1000 * MS;
	emu_observer.clock = fake_clock;
	kq = kq_open();
	CHECK_INT(set(kq, 1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 10), ==, 0);
	CHECK_INT(set(kq, 1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 50), ==, 0);
	fake_now += 10 * MS;
	CHECK_INT(count(kq), ==, is("netbsd"));
	fake_now += 40 * MS;
	CHECK_INT(count(kq), ==, !is("netbsd"));

	CHECK_INT(set(kq, 1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 10), ==, 0);
	fake_now += 10 * MS;
	CHECK_INT(set(kq, 1, EVFILT_TIMER, EV_DELETE, 0, 0), ==, 0);
	CHECK_INT(count(kq), ==, 0);
	CHECK_INT(set(kq, 1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 50), ==, 0);
	fake_now += 49 * MS;
	CHECK_INT(count(kq), ==, 0);
	fake_now += 1 * MS;
	CHECK_INT(count(kq), ==, 1);
	CHECK_SYS(close(kq));
}

/* ---- User events --------------------------------------------------------------------- */

/* K34, K35 */
EACH(user_events)
{
	int kq = kq_open(), i;

	if (!has_user_events()) {
		CHECK_INT(set(kq, 1, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0),
			  ==, EINVAL);
		CHECK_SYS(close(kq));
		return;
	}
	CHECK_INT(set(kq, 1, EVFILT_USER, 0, NOTE_TRIGGER, 0), ==, ENOENT);
	CHECK_INT(set(kq, 1, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0), ==, 0);
	CHECK_INT(count(kq), ==, 0);
	for (i = 0; i < 3; i++)
		CHECK_INT(set(kq, 1, EVFILT_USER, 0, NOTE_TRIGGER, 0), ==, 0);
	CHECK_INT(only(kq).filter, ==, EVFILT_USER);
	CHECK_INT(count(kq), ==, 0);
	CHECK_SYS(close(kq));
}

/* ---- Threads and processes -------------------------------------------------------------- */

struct waiter {
	int	kq;
	struct kevent	ev;
};

static void *wait_for_it(void *waiter)
{
	struct waiter *w = waiter;

	CHECK_INT(kevent(w->kq, NULL, 0, &w->ev, 1, NULL), ==, 1);
	return NULL;
}

/* C2: from another thread a sleeper is told of changes, data, and triggers.
   It may not be asleep yet, which must not matter. */
EACH(sleepers_are_woken)
{
	struct waiter w = { .kq = kq_open() };
	pthread_t tid;
	int fds[2], i;

	for (i = 0; i < 3; i++) {
		if (i == 2 && !has_user_events())
			break;
		make_pipe(fds);
		if (i == 0)
			poke(fds[1]);
		if (i == 1)
			CHECK_INT(add(w.kq, fds[0], EVFILT_READ), ==, 0);
		if (i == 2)
			CHECK_INT(set(w.kq, 1, EVFILT_USER,
				      EV_ADD | EV_CLEAR, 0, 0), ==, 0);
		CHECK_INT(pthread_create(&tid, NULL, wait_for_it, &w), ==, 0);
		nanosleep(&(struct timespec){ 0, 2000000 }, NULL);
		if (i == 0)
			CHECK_INT(add(w.kq, fds[0], EVFILT_READ), ==, 0);
		if (i == 1)
			poke(fds[1]);
		if (i == 2)
			CHECK_INT(set(w.kq, 1, EVFILT_USER, 0, NOTE_TRIGGER,
				      0), ==, 0);
		CHECK_INT(pthread_join(tid, NULL), ==, 0);
		close_pair(fds);
	}
	CHECK_SYS(close(w.kq));
}

static void check_child(void *arg)
{
	int kq = *(int *)arg;
	struct kevent ev;

	CHECK(!fd_is_open(kq));
	CHECK_ERRNO(kevent(kq, NULL, 0, &ev, 1, &at_once), EBADF);
	CHECK_INT(kqueue(), ==, kq);
	CHECK_INT(count(kq), ==, 0);
}

/* K36 */
EACH(not_inherited)
{
	int kq = kq_open(), fds[2];

	make_pipe(fds);
	poke(fds[1]);
	CHECK_INT(add(kq, fds[0], EVFILT_READ), ==, 0);
	reap_child(fork_child(check_child, &kq));
	CHECK_INT(count(kq), ==, 1);
	CHECK_SYS(close(kq));
	close_pair(fds);
}

/* ---- Files ---------------------------------------------------------------------------- */

#define NOTES	(NOTE_DELETE | NOTE_WRITE | NOTE_EXTEND | NOTE_ATTRIB |	\
		 NOTE_LINK | NOTE_RENAME)

static int make(const char *name)
{
	return (int)CHECK_SYS(open(in_tmpdir(name), O_RDWR | O_CREAT, 0600));
}

static void watch(int kq, int fd, unsigned notes)
{
	CHECK_INT(set(kq, (uintptr_t)fd, EVFILT_VNODE, EV_ADD | EV_CLEAR,
		      notes, 0), ==, 0);
}

/* What is told now. */
static unsigned notes(int kq)
{
	struct kevent ev;

	if (look(kq, &ev, 1) == 0)
		return 0;
	CHECK_INT(ev.filter, ==, EVFILT_VNODE);
	CHECK_INT(count(kq), ==, 0);
	return ev.fflags;
}

EACH(notes_of_a_file)
{
	int kq = kq_open(), fd = make("file"), other;

	watch(kq, fd, NOTES);
	CHECK_INT(notes(kq), ==, 0);
	CHECK_INT(write(fd, "text", 4), ==, 4);
	CHECK_INT(notes(kq), ==, NOTE_WRITE | NOTE_EXTEND);
	CHECK_INT(pwrite(fd, "text", 4, 0), ==, 4);
	CHECK_INT(notes(kq), ==, NOTE_WRITE);
	CHECK_SYS(ftruncate(fd, 1));
	CHECK_INT(notes(kq), ==, NOTE_ATTRIB);
	CHECK_SYS(fchmod(fd, 0640));
	CHECK_INT(notes(kq), ==, NOTE_ATTRIB);
	CHECK_SYS(rename(in_tmpdir("file"), in_tmpdir("other")));
	CHECK(notes(kq) & NOTE_RENAME);
	CHECK_SYS(unlink(in_tmpdir("other")));
	CHECK(notes(kq) & NOTE_DELETE);
	CHECK_SYS(close(fd));

	/* Through another descriptor, and only what is asked. */
	fd = make("file");
	watch(kq, fd, NOTE_EXTEND);
	other = make("file");
	CHECK_SYS(fchmod(other, 0640));
	CHECK_INT(write(other, "text", 4), ==, 4);
	CHECK_INT(notes(kq), ==, NOTE_EXTEND);
	CHECK_SYS(close(fd));
	CHECK_INT(write(other, "text", 4), ==, 4);
	CHECK_INT(notes(kq), ==, 0);
	CHECK_SYS(close(other));
	CHECK_SYS(close(kq));
}

EACH(notes_of_a_directory)
{
	int kq = kq_open(), dir, fd;

	CHECK_SYS(mkdir(in_tmpdir("dir"), 0700));
	dir = (int)CHECK_SYS(open(in_tmpdir("dir"), O_RDONLY | O_DIRECTORY));
	watch(kq, dir, NOTES);
	fd = make("dir/file");
	CHECK_INT(notes(kq), ==, NOTE_WRITE);
	CHECK_INT(write(fd, "text", 4), ==, 4);
	CHECK_SYS(fchmod(fd, 0640));
	CHECK_INT(notes(kq), ==, 0);
	CHECK_SYS(rename(in_tmpdir("dir/file"), in_tmpdir("dir/other")));
	CHECK_INT(notes(kq), ==, NOTE_WRITE);
	CHECK_SYS(mkdir(in_tmpdir("dir/sub"), 0700));
	CHECK_INT(notes(kq), ==, NOTE_WRITE | NOTE_LINK);

	/* The same filter again asks for something else. */
	watch(kq, dir, NOTE_DELETE);
	CHECK_SYS(unlink(in_tmpdir("dir/other")));
	CHECK_SYS(rmdir(in_tmpdir("dir/sub")));
	CHECK_INT(notes(kq), ==, 0);
	CHECK_SYS(rmdir(in_tmpdir("dir")));
	CHECK_INT(notes(kq), ==, NOTE_DELETE);
	CHECK_SYS(close(dir));
	CHECK_SYS(close(fd));
	CHECK_SYS(close(kq));
}

EACH(notes_are_of_files_only)
{
	int kq = kq_open(), fds[2];

	make_pipe(fds);
	CHECK_INT(set(kq, (uintptr_t)fds[0], EVFILT_VNODE, EV_ADD, NOTES, 0),
		  ==, EINVAL);
	CHECK_INT(set(kq, 1 << 20, EVFILT_VNODE, EV_ADD, NOTES, 0), ==,
		  EBADF);
	close_pair(fds);
	CHECK_SYS(close(kq));
}

/* A queue in a queue. */
EACH(a_queue_is_readable_while_it_has_events)
{
	int outer = kq_open(), inner = kq_open(), fd = make("file");

	watch(inner, fd, NOTES);
	CHECK_INT(add(outer, inner, EVFILT_READ), ==, 0);
	CHECK_INT(add(outer, inner, EVFILT_WRITE), ==, EINVAL);
	CHECK_INT(count(outer), ==, 0);
	CHECK_INT(write(fd, "text", 4), ==, 4);
	CHECK_INT(only(outer).ident, ==, inner);
	CHECK_INT(count(outer), ==, 1);
	CHECK_INT(count(inner), ==, 1);
	CHECK_INT(count(outer), ==, 0);
	CHECK_SYS(close(inner));
	CHECK_SYS(close(outer));
	CHECK_SYS(close(fd));
}

/* ---- What tests can do ------------------------------------------------------------------- */

/* C6, C7 */
EACH(faults_on_demand)
{
	int kq, fds[2];
	struct kevent ev;

	emu_fail(EMU_KQUEUE, ENFILE, 1, 1);
	CHECK_ERRNO(kqueue(), ENFILE);
	kq = kq_open();
	emu_fail(EMU_KEVENT, ENOMEM, 2, 1);
	CHECK_INT(count(kq), ==, 0);
	CHECK_ERRNO(kevent(kq, NULL, 0, &ev, 1, &at_once), ENOMEM);
	CHECK_INT(count(kq), ==, 0);

	make_pipe(fds);
	emu_fail_change(2, ENOSPC);
	CHECK_INT(add(kq, fds[0], EVFILT_READ), ==, 0);
	CHECK_INT(add(kq, fds[0], EVFILT_READ), ==, ENOSPC);
	CHECK_INT(add(kq, fds[0], EVFILT_READ), ==, 0);

	CHECK_INT(emu_faults(EMU_FAULT_ABSENT), ==, 0);
	CHECK_INT(emu_faults(EMU_FAULT_CLOSED), ==, 0);
	set(kq, (uintptr_t)fds[1], EVFILT_READ, EV_DELETE, 0, 0);
	set(kq, 1 << 20, EVFILT_READ, EV_ADD, 0, 0);
	CHECK_INT(emu_faults(EMU_FAULT_ABSENT), ==, 1);
	CHECK_INT(emu_faults(EMU_FAULT_CLOSED), ==, 1);
	CHECK_SYS(close(kq));
	CHECK_INT(emu_faults(EMU_FAULT_LEFT), ==, 1);
	close_pair(fds);
}
