/* SPDX-License-Identifier: MIT */
/*
 * real.c - the ground of real descriptors: pipes and sockets of the kernel,
 * and a clock that the spy keeps, so that no wait sleeps.
 */
#include "config.h"
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <iv.h>
#include "emu/emu.h"
#include "harness/spy.h"
#include "harness/test.h"
#include "model/model.h"

#define BEGINNING	(INT64_C(1000) * 1000000000)
#define CHUNK	65536
/* No descriptor of a program has a higher number. */
#define FDS	64

const bool ground_tells;
bool ground_shut_is_writable;

static unsigned waits_seen;
static int open_before;

/* The emulated kernels call poll(2) for themselves. */
static unsigned waits_counted(void)
{
#ifdef MODEL_EMULATED
	return emu_calls(EMU_WAIT);
#else
	return spy_count(SPY_WAIT);
#endif
}

static int open_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < FDS; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

void ground_begin(const uint8_t *program, size_t size)
{
	(void)program;
	(void)size;
	spy_clock_take(BEGINNING);
	open_before = open_descriptors();
	waits_seen = waits_counted();
	ground_shut_is_writable =
		strcmp(getenv("IV_SELECT_POLL_METHOD"), "kqueue") == 0;
}

void ground_end(void)
{
	int n = open_descriptors() - open_before;

	if (n != 0)
		world_fail("%d descriptors are left open", n);
}

void ground_restart(void)
{
	spy_clock_take(spy_clock());
}

void ground_pair(enum end end, int fds[2])
{
	int pair[2];

	if (end == SOCKET)
		CHECK_SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK |
				     SOCK_CLOEXEC, 0, pair));
	else
		CHECK_SYS(pipe2(pair, O_NONBLOCK | O_CLOEXEC));
	fds[0] = pair[end == WRITER];
	fds[1] = pair[end != WRITER];
}

static char bytes[CHUNK];

void ground_write(int fd, unsigned n)
{
	CHECK_INT(write(fd, bytes, n), ==, n);
}

void ground_fill(int fd)
{
	while (write(fd, bytes, sizeof(bytes)) > 0)
		;
	while (write(fd, bytes, 1) > 0)
		;
}

void ground_read(int fd, unsigned n)
{
	ssize_t got;

	if (n <= sizeof(bytes)) {
		got = read(fd, bytes, n);
		/* Once, if the peer was closed before it had read all. */
		if (got < 0 && errno == ECONNRESET)
			got = read(fd, bytes, n);
		CHECK_INT(got, ==, n);
		return;
	}
	while (read(fd, bytes, sizeof(bytes)) > 0)
		;
}

void ground_shutdown(int fd)
{
	CHECK_SYS(shutdown(fd, SHUT_WR));
}

void ground_close(int fd)
{
	CHECK_SYS(close(fd));
}

int64_t ground_clock(void)
{
	return spy_clock();
}

void ground_advance(int64_t ns)
{
	spy_clock_advance(ns);
}

unsigned ground_thoughts(void)
{
	return 0;
}

unsigned ground_waits(void)
{
	unsigned before = waits_seen;

	waits_seen = waits_counted();
	return waits_seen - before;
}

int64_t ground_late(void)
{
	return spy_late();
}

bool ground_keeps_events(void)
{
	return strncmp(iv_poll_method_name(), "port", 4) == 0;
}

void ground_check_levels(void)
{
	int i;

	for (i = 0; i < LINES; i++) {
		const struct line *l = &model.line[i];
		struct pollfd p = { l->fd, POLLIN | POLLOUT, 0 };
		unsigned level;

		if (l->fd < 0)
			continue;
		CHECK_SYS(poll(&p, 1, 0));
		ground_waits();
		level = p.revents & (POLLERR | POLLHUP) ? BANDS :
			(p.revents & POLLIN ? IN : 0U) |
			(p.revents & POLLOUT ? OUT : 0U);
		if (level != line_level(l) &&
		    !(l->shut && ground_shut_is_writable))
			world_fail("the model thinks that line %d has level "
				   "%u, but it has %u", i, line_level(l),
				   level);
	}
}

/* ---- What the kernel was told ---------------------------------------------------- */

/* The epoll set of the process, or -1. */
static int epoll_set(void)
{
	char path[64], target[64];
	ssize_t n;
	int fd;

	for (fd = 3; fd < FDS; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, target, sizeof(target) - 1);
		if (n > 0) {
			target[n] = '\0';
			if (strcmp(target, "anon_inode:[eventpoll]") == 0)
				return fd;
		}
	}
	return -1;
}

#define ONESHOT_FIRED	(1U << 30)

/* One line of the set: does a registered line ask for that? */
static void check_entry(int fd, unsigned events, bool *found)
{
	int i;

	for (i = 0; i < LINES; i++) {
		const struct line *l = &model.line[i];
		unsigned want = (l->set & IN ? POLLIN : 0U) |
				(l->set & OUT ? POLLOUT : 0U);

		if (l->fd != fd)
			continue;
		if (!l->registered)
			world_fail("line %d is in the kernel's set", i);
		found[i] = true;
		if (l->set != 0 && !(events & ONESHOT_FIRED) &&
		    (events & (POLLIN | POLLOUT)) != want)
			world_fail("line %d: the kernel was told %#x", i,
				   events);
	}
}

/* Now and then: it takes as long as a hundred turns. */
void ground_check_interest(void)
{
	static unsigned turn;
	bool found[LINES] = { false };
	char path[64], text[160];
	unsigned events;
	FILE *f;
	int i, fd;

	if (strncmp(iv_poll_method_name(), "epoll", 5) != 0 ||
	    ++turn % 256 != 0)
		return;
	fd = epoll_set();
	if (fd < 0)
		world_fail("no epoll set");
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "r");
	while (f != NULL && fgets(text, sizeof(text), f) != NULL)
		if (sscanf(text, "tfd: %d events: %x", &fd, &events) == 2)
			check_entry(fd, events, found);
	if (f != NULL)
		fclose(f);
	for (i = 0; i < LINES; i++)
		if (model.line[i].registered && model.line[i].set != 0 &&
		    !found[i])
			world_fail("line %d is not in the kernel's set", i);
}

/* ---- For the driver ------------------------------------------------------------------ */

#ifdef MODEL_EMULATED
const char *const model_methods[] = {
	"kqueue:freebsd", "kqueue:netbsd", "kqueue:macos", "port-timer:exact",
	"port-timer:tick", "port:exact", "port:tick", "dev_poll:exact",
	"dev_poll:tick", "dev_poll:nofile64", NULL
};
#else
const char *const model_methods[] = {
	"epoll-timerfd", "epoll", "ppoll", "poll", NULL
};
#endif
