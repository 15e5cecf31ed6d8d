/* SPDX-License-Identifier: MIT */
/*
 * rig.c - see rig.h.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "compat/evio/rig.h"

#define MOST	1024

void (*tell)(char what, void *arg);

static struct { char what, arg; } told[MOST];
static int ntold;

static void note_down(char what, void *arg)
{
	if (tell != NULL) {
		tell(what, arg);
		return;
	}
	CHECK_INT(ntold, <, MOST);
	told[ntold].what = what;
	told[ntold].arg = (char)(intptr_t)arg;
	ntold++;
}

void evio_on_data(void *arg)
{
	note_down('d', arg);
}

void evio_on_ready(void *arg)
{
	note_down('r', arg);
}

void evio_on_error(void *arg)
{
	note_down('x', arg);
}

void evio_on_close(void *arg)
{
	note_down('c', arg);
}

void be(const char *personality)
{
	fence_allow(FENCE_KERNEL, "evio_close() leaves it all to the kernel");
	setenv("EMU_PERSONALITY", personality, 1);
}

/* Generation 1 on epoll: one for both directions of a descriptor, and "ready"
   comes first. */
static int events_told(void)
{
	int i, n = ntold;

	for (i = 1; EVIO_COMPAT == 1 && !IS_KQUEUE && i < ntold; i++)
		if (told[i].arg == told[i - 1].arg &&
		    told[i].what == 'd' && told[i - 1].what == 'r')
			n--;
	return n;
}

static int take_told(char what, char arg)
{
	int i;

	for (i = 0; i < ntold; i++)
		if (told[i].what == what && told[i].arg == arg) {
			told[i] = told[--ntold];
			return 1;
		}
	return 0;
}

void expect(int ms, const char *want)
{
	char was[4 * 16] = "", *end = was;
	int i, n = evio_review(ms);

	CHECK_INT(n, ==, events_told());
	for (i = 0; i < ntold && i < 16; i++)
		end += sprintf(end, " %c%c", told[i].what, told[i].arg);
	for (; *want != '\0'; want += strspn(want, " ")) {
		if (!take_told(want[0], want[1]) && want[2] != '?')
			FAIL("not told: %.2s (told:%s)", want, was);
		want += 2 + (want[2] == '?');
	}
	if (ntold > 0)
		FAIL("told, too: %c%c (told:%s)", told[0].what, told[0].arg,
		     was);
}

static int64_t ms_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

void expect_sleep(int ms)
{
	int64_t before = ms_now();

	expect(ms, "");
	CHECK_INT(ms_now() - before, >=, ms - 1);
}

unsigned count_until_quiet(char what)
{
	unsigned n = 0;
	int i;

	while (evio_review(50) > 0) {
		for (i = 0; i < ntold; i++)
			n += told[i].what == what;
		ntold = 0;
	}
	CHECK_INT(ntold, ==, 0);
	return n;
}

void watch(int fd, void *arg)
{
	CHECK_SYS(evio_add(fd, arg));
}

void again(int fd, void *arg)
{
#if EVIO_COMPAT == 2
	CHECK_SYS(evio_add_read(fd, arg));
#else
	(void)fd;
	(void)arg;
#endif
}

void again_write(int fd, void *arg)
{
#if EVIO_COMPAT == 2
	CHECK_SYS(evio_add_write(fd, arg));
#else
	(void)fd;
	(void)arg;
#endif
}

int open_timer(void)
{
	return (int)CHECK_SYS(evio_open_timer());
}

int set_timer(int timer, void *arg, unsigned long ms)
{
#if EVIO_COMPAT == 2
	return evio_set_timer(timer, arg, ms);
#else
	return (int)evio_add_timer(timer, arg, ms);
#endif
}

void start_timer(int timer, void *arg, unsigned long ms)
{
	CHECK_INT(set_timer(timer, arg, ms), ==, 0);
}

/* ---- Tables -------------------------------------------------------------------- */

static int tell_evio(int fd, const struct step *s)
{
	switch (s->does) {
	case ADD:
		return evio_add(fd, ARG(s->arg));
#if EVIO_COMPAT == 2
	case ADD_READ:
		return evio_add_read(fd, ARG(s->arg));
	case ADD_WRITE:
		return evio_add_write(fd, ARG(s->arg));
	case REMOVE:
		evio_remove(fd);
		return 0;
#else
	case REMOVE:
		return evio_remove(fd);
#endif
	default:
		FAIL("not of this generation: %d", s->does);
	}
}

static void do_step(const int pair[2], const struct step *s)
{
	static size_t filled;

	switch (s->does) {
	case NOTHING:
		break;
	case PEER_WRITES:
		poke(pair[1]);
		break;
	case READ_ALL:
		drain(pair[0]);
		break;
	case FILL:
		filled = fill(pair[0]);
		break;
	case PEER_READS:
		CHECK_INT(drain(pair[1]), ==, filled);
		break;
	case PEER_ENDS:
		CHECK_SYS(shutdown(pair[1], SHUT_WR));
		break;
	case PEER_CLOSES:
		CHECK_SYS(close(pair[1]));
		break;
	default:
		CHECK_INT(tell_evio(pair[0], s) < 0 ? errno : 0, ==, s->err);
	}
}

void walk(const int pair[2], const struct step *steps, int n)
{
	int i;

	CHECK_SYS(evio_create());
	for (i = 0; i < n; i++) {
		note("step %d", i + 1);
		do_step(pair, &steps[i]);
		if (steps[i].told != NULL)
			expect(0, steps[i].told);
	}
	evio_close();
	CHECK_SYS(close(pair[0]));
}

/* ---- Descriptors ---------------------------------------------------------------- */

static void nonblocking(int fd)
{
	CHECK_SYS(fcntl(fd, F_SETFL, O_NONBLOCK));
	CHECK_SYS(fcntl(fd, F_SETFD, FD_CLOEXEC));
}

void make_pair(int fd[2])
{
	make_socketpair(fd);
	nonblocking(fd[0]);
	nonblocking(fd[1]);
}

int listen_here(struct sockaddr_storage *addr, socklen_t *len)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	int fd = (int)CHECK_SYS(socket(AF_INET, SOCK_STREAM, 0));

	nonblocking(fd);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_SYS(bind(fd, (struct sockaddr *)&in, sizeof(in)));
	CHECK_SYS(listen(fd, 128));
	*len = sizeof(*addr);
	CHECK_SYS(getsockname(fd, (struct sockaddr *)addr, len));
	return fd;
}

int connect_to(const struct sockaddr_storage *addr, socklen_t len)
{
	int fd = (int)CHECK_SYS(socket(AF_INET, SOCK_STREAM, 0));

	CHECK_SYS(fcntl(fd, F_SETFD, FD_CLOEXEC));
	CHECK_SYS(connect(fd, (const struct sockaddr *)addr, len));
	return fd;
}

int accept_from(int listener)
{
	struct pollfd pfd = { .fd = listener, .events = POLLIN };

	CHECK_SYS(poll(&pfd, 1, -1));
	return (int)CHECK_SYS(accept(listener, NULL, NULL));
}

void connected_pair(int fd[2])
{
	struct sockaddr_storage addr;
	socklen_t len;
	int listener = listen_here(&addr, &len);

	fd[1] = connect_to(&addr, len);
	fd[0] = accept_from(listener);
	nonblocking(fd[0]);
	CHECK_SYS(close(listener));
}
