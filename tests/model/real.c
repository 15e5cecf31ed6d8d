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
#include <time.h>
#include <unistd.h>
#include <iv.h>
#include "emu/core.h"
#include "harness/spy.h"
#include "harness/test.h"
#include "model/model.h"

#define BEGINNING	(INT64_C(1000) * 1000000000)
#define CHUNK	65536
/* No descriptor of a program has a higher number. */
#define FDS	128

const bool ground_tells;
bool ground_shut_is_writable;

static unsigned waits_seen, polls_seen, looks;
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

/* What Linux says of FD: an emulated kernel's poll(2) may tell less. */
static unsigned state_of(int fd)
{
#ifdef MODEL_EMULATED
	return (unsigned short)emu_state(fd);
#else
	struct pollfd p = { fd, POLLIN | POLLOUT, 0 };

	CHECK_SYS(poll(&p, 1, 0));
	return (unsigned)p.revents;
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
	spy_wall_set(0);
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
	int pair[2], i;

	if (end == ALWAYS) {
		fds[0] = (int)CHECK_SYS(open("/dev/null", O_RDWR | O_CLOEXEC));
		fds[1] = -1;
		return;
	}
	if (end == SOCKET)
		CHECK_SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	else
		CHECK_SYS(pipe(pair));
	for (i = 0; i < 2; i++) {
		CHECK_SYS(fcntl(pair[i], F_SETFD, FD_CLOEXEC));
		CHECK_SYS(fcntl(pair[i], F_SETFL, O_NONBLOCK));
	}
	fds[0] = pair[end == WRITER];
	fds[1] = pair[end != WRITER];
}

static char bytes[CHUNK];

void ground_write(int fd, unsigned n)
{
	CHECK_INT(write(fd, bytes, n), ==, n);
}

void ground_post(int fd)
{
	const uint64_t one = 1;

	CHECK_INT(write(fd, &one, sizeof(one)), ==, sizeof(one));
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

/* What alarms take for a clock that cannot be set. */
int64_t ground_clock_shows(int clock)
{
	if (clock == REALTIME)
		return spy_wall();
	return ground_clock_number(BOOTTIME) < 0 ? spy_clock() : spy_boot();
}

int ground_clock_number(int clock)
{
#ifdef HAVE_CLOCK_BOOTTIME
	if (clock == BOOTTIME)
		return CLOCK_BOOTTIME;
#endif
	return clock == BOOTTIME ? -1 : CLOCK_REALTIME;
}

void ground_wall_set(int64_t by)
{
	spy_wall_set(by);
}

void ground_suspend(int64_t ns)
{
	spy_suspend(ns);
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
	looks = (unsigned)spy_polls() - polls_seen;
	polls_seen += looks;
	return waits_seen - before;
}

/* After poll(2) that has found something epoll does not wait. */
unsigned ground_looks(void)
{
	return strncmp(iv_poll_method_name(), "epoll", 5) == 0 ? looks : 0;
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
		unsigned state, level;

		if (l->fd < 0)
			continue;
		state = state_of(l->fd);
		ground_waits();
		level = state & (POLLERR | POLLHUP) ? BANDS :
			(state & POLLIN ? IN : 0U) |
			(state & POLLOUT ? OUT : 0U);
		if (level != line_level(l) &&
		    !(l->shut && ground_shut_is_writable))
			world_fail("the model thinks that line %d has level "
				   "%u, but it has %u", i, line_level(l),
				   level);
	}
}

/* ---- What the kernel was told ---------------------------------------------------- */

/* FD is an epoll set: each loop has one. */
static bool is_epoll_set(int fd)
{
	char path[64], target[64] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (readlink(path, target, sizeof(target) - 1) <= 0)
		return false;
	return strcmp(target, "anon_inode:[eventpoll]") == 0;
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
		/* Left in the set until it is closed. */
		if (!l->registered)
			return;
		found[i] = true;
		if (l->set != 0 && !l->edge && !(events & ONESHOT_FIRED) &&
		    (events & (POLLIN | POLLOUT)) != want)
			world_fail("line %d: the kernel was told %#x", i,
				   events);
	}
}

static void check_set(int set, bool *found)
{
	char path[64], text[160];
	unsigned events;
	FILE *f;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", set);
	f = fopen(path, "r");
	while (f != NULL && fgets(text, sizeof(text), f) != NULL)
		if (sscanf(text, "tfd: %d events: %x", &fd, &events) == 2)
			check_entry(fd, events, found);
	if (f != NULL)
		fclose(f);
}

/* Now and then: it takes as long as a hundred turns. */
void ground_check_interest(void)
{
	static unsigned turn;
	bool found[LINES] = { false };
	int i, fd, sets = 0;

	if (strncmp(iv_poll_method_name(), "epoll", 5) != 0 ||
	    ++turn % 256 != 0)
		return;
	for (fd = 3; fd < FDS; fd++)
		if (is_epoll_set(fd)) {
			check_set(fd, found);
			sets++;
		}
	if (sets == 0)
		world_fail("no epoll set");
	for (i = 0; i < LINES; i++)
		if (model.line[i].registered && model.line[i].set != 0 &&
		    model.line[i].end != ALWAYS && !found[i])
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
