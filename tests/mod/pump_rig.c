/* SPDX-License-Identifier: MIT */
/*
 * pump_rig.c - what the tests of iv_fd_pump share.
 */
#include "config.h"
#include <netinet/in.h>
#include <poll.h>
#include "mod/pump_rig.h"

static void set_bands(void *cookie, int pollin, int pollout)
{
	struct rig *r = cookie;

	r->in = pollin;
	r->out = pollout;
	r->calls++;
}

void needs_splice(void)
{
#ifndef HAVE_SPLICE
	SKIP("built without splice");
#endif
}

/* Nothing private may be relied on before iv_fd_pump_init(). */
void rig_init(struct rig *r, int from, int to, unsigned flags)
{
	memset(r, 0xa5, sizeof(*r));
	IV_FD_PUMP_INIT(&r->pump);
	r->pump.from_fd = from;
	r->pump.to_fd = to;
	r->pump.cookie = r;
	r->pump.set_bands = set_bands;
	r->pump.flags = flags;
	r->calls = 0;
	iv_fd_pump_init(&r->pump);
	CHECK_INT(r->calls, ==, 1);
	CHECK_INT(r->in, ==, 1);
	CHECK_INT(r->out, ==, 0);
	CHECK_INT(iv_fd_pump_is_done(&r->pump), ==, 0);
}

/* ---- Descriptors -------------------------------------------------------- */

static void nonblock(int fd)
{
	int flags = (int)CHECK_SYS(fcntl(fd, F_GETFL));

	CHECK_SYS(fcntl(fd, F_SETFL, flags | O_NONBLOCK));
}

/* For cases in which no pipe can be made any more. */
#define STOCK	32

static int stock[STOCK][2];
static int stocked;

static void stock_up(void)
{
	while (stocked < STOCK)
		make_pipe(stock[stocked++]);
}

void pipe_pair(int fds[2])
{
	if (stocked > 0)
		memcpy(fds, stock[--stocked], sizeof(stock[0]));
	else
		make_pipe(fds);
	nonblock(fds[0]);
	nonblock(fds[1]);
}

void socket_pair(int fds[2])
{
	make_socketpair(fds);
	nonblock(fds[0]);
	nonblock(fds[1]);
}

void tcp_pair(int fds[2])
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int l;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	l = (int)CHECK_SYS(socket(AF_INET, SOCK_STREAM, 0));
	CHECK_SYS(bind(l, (struct sockaddr *)&sin, sizeof(sin)));
	CHECK_SYS(listen(l, 1));
	CHECK_SYS(getsockname(l, (struct sockaddr *)&sin, &len));
	fds[1] = (int)CHECK_SYS(socket(AF_INET, SOCK_STREAM, 0));
	CHECK_SYS(connect(fds[1], (struct sockaddr *)&sin, sizeof(sin)));
	fds[0] = (int)CHECK_SYS(accept(l, NULL, NULL));
	CHECK_SYS(close(l));
	nonblock(fds[0]);
	nonblock(fds[1]);
}

int open_file(const char *name, int flags)
{
	char path[4200];

	snprintf(path, sizeof(path), "%s/%s", tmpdir(), name);
	return (int)CHECK_SYS(open(path, flags | O_CREAT | O_CLOEXEC, 0600));
}

/* The number that the next open(2) gets. */
int next_fd(void)
{
	int fd = 0;

	while (fd_is_open(fd))
		fd++;
	return fd;
}

int open_fds(void)
{
	int fd, n = 0;

	for (fd = 0; fd < 4096; fd++)
		n += fd_is_open(fd);
	return n;
}

void put(int fd, const char *text)
{
	CHECK_INT(write(fd, text, strlen(text)), ==, strlen(text));
}

/* FD has exactly this to read for now. */
void expect(int fd, const char *text)
{
	char buf[256];
	ssize_t n = read(fd, buf, sizeof(buf) - 1);

	if (n < 0 && errno == EAGAIN)
		n = 0;
	CHECK_SYS(n);
	buf[n] = '\0';
	CHECK_STR(buf, text);
}

void expect_end(int fd)
{
	char c;

	CHECK_INT(read(fd, &c, 1), ==, 0);
}

/* ---- Streams ------------------------------------------------------------ */

/* The byte at position POS of an endless, unmistakable stream. */
static unsigned char byte_at(uint64_t pos)
{
	uint64_t x = (pos / 8 + 1) * UINT64_C(0x9e3779b97f4a7c15);

	x ^= x >> 29;
	return (unsigned char)(x >> pos % 8 * 8);
}

/* At most LEN bytes; what write(2) says. */
ssize_t stream_write(struct stream *s, int fd, size_t len)
{
	unsigned char buf[1 << 16];
	ssize_t n;
	size_t i;

	if (len > sizeof(buf))
		len = sizeof(buf);
	for (i = 0; i < len; i++)
		buf[i] = byte_at(s->pos + i);
	n = write(fd, buf, len);
	if (n > 0)
		s->pos += (uint64_t)n;
	return n;
}

/* The same for reading; it has to be the stream. */
ssize_t stream_read(struct stream *s, int fd, size_t len)
{
	unsigned char buf[1 << 16];
	ssize_t n, i;

	n = read(fd, buf, len < sizeof(buf) ? len : sizeof(buf));
	for (i = 0; i < n; i++)
		if (buf[i] != byte_at(s->pos + (uint64_t)i))
			FAIL("wrong byte at position %llu",
			     (unsigned long long)s->pos + (uint64_t)i);
	if (n > 0)
		s->pos += (uint64_t)n;
	return n;
}

void stream_drain(struct stream *s, int fd)
{
	while (stream_read(s, fd, 1 << 16) > 0)
		;
}

uint32_t seed;

size_t below(size_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

size_t chunk(void)
{
	static const size_t most[4] = { 1, 100, 5000, 70000 };

	return 1 + below(most[below(4)]);
}

/* fds[0] is for reading, fds[1] for writing. */
static void make_end(enum end end, int fds[2])
{
	switch (end) {
	case PIPE:
		pipe_pair(fds);
		break;
	case SOCKET:
		socket_pair(fds);
		break;
	case TCP:
		tcp_pair(fds);
		break;
	default:
		fds[1] = open_file("file", O_WRONLY | O_TRUNC |
				   (end == APPEND ? O_APPEND : 0));
		fds[0] = open_file("file", O_RDONLY);
	}
}

static int is_ready(int fd, short events, int timeout)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	return poll(&pfd, 1, timeout) > 0;
}

/* As a program would: pump when a descriptor is ready in a wanted band. */
static int ready_to_pump(const struct rig *r)
{
	return (r->in && is_ready(r->pump.from_fd, POLLIN, 0)) ||
	       (r->out && is_ready(r->pump.to_fd, POLLOUT, 0));
}

/* Nothing is ready: on the way through TCP, or lost? */
static void await_pump(const struct rig *r)
{
	struct pollfd pfd[2] = {
		{ .fd = r->in ? r->pump.from_fd : -1, .events = POLLIN },
		{ .fd = r->out ? r->pump.to_fd : -1, .events = POLLOUT },
	};

	if (poll(pfd, 2, 5000) <= 0)
		FAIL("pump waits for in %d, out %d in vain", r->in, r->out);
}

void transfer(enum end source, enum end sink, uint64_t refuse_at)
{
	struct stream w = { 0 }, s = { 0 };
	int from[2], to[2], refused = 0, ret = 1;
	struct rig r;

	make_end(source, from);
	make_end(sink, to);
	rig_init(&r, from[0], to[1], IV_FD_PUMP_FLAG_RELAY_EOF);
	while (ret > 0) {
		int moved = 0;

		if (w.pos >= refuse_at && !refused) {
			deny_syscall(SYS_splice, EINVAL);
			refused = 1;
		}
		if (w.pos < TOTAL && below(2)) {
			moved |= stream_write(&w, from[1], chunk()) > 0;
			if (w.pos >= TOTAL)
				CHECK_SYS(close(from[1]));
		}
		if (ready_to_pump(&r)) {
			moved = 1;
			ret = iv_fd_pump_pump(&r.pump);
			CHECK_INT(ret, >=, 0);
		}
		if (below(2))
			moved |= stream_read(&s, to[0], chunk()) > 0;
		if (!moved && w.pos >= TOTAL && s.pos < w.pos &&
		    !is_ready(to[0], POLLIN, 0))
			await_pump(&r);
	}
	CHECK_SYS(close(to[1]));
	while (s.pos < w.pos && stream_read(&s, to[0], 1 << 16) != 0)
		;
	CHECK_INT(s.pos, ==, w.pos);
	CHECK_INT(stream_read(&s, to[0], 1), ==, 0);
	iv_fd_pump_destroy(&r.pump);
	CHECK_SYS(close(from[0]));
	CHECK_SYS(close(to[0]));
}

/* ---- All ways ----------------------------------------------------------- */

/* How a case keeps the pump from splicing, if at all. */
static const struct hindrance {
	const char	*name;
	long	nr;
	int	err;
} hindrances[] = {
	{ "none",			-1,		0 },
	{ "splice: ENOSYS",		SYS_splice,	ENOSYS },
	{ "splice: EPERM",		SYS_splice,	EPERM },
	{ "splice: EINVAL",		SYS_splice,	EINVAL },
	{ "pipe2: EMFILE",		SYS_pipe2,	EMFILE },
	{ "pipe2: ENFILE",		SYS_pipe2,	ENFILE },
};

#define HINDRANCES	(sizeof(hindrances) / sizeof(hindrances[0]))

static void hinder(const struct hindrance *h)
{
	if (h->nr >= 0)
		deny_syscall(h->nr, h->err);
}

struct in_child {
	void	(*fn)(void);
	const struct hindrance	*h;
};

static void run_hindered(void *cookie)
{
	const struct in_child *c = cookie;

	note("%s", c->h->name);
	iv_init();
	if (c->h->nr == SYS_pipe2)
		stock_up();
	hinder(c->h);
	c->fn();
	iv_deinit();
}

/* Runs FN with a loop, each time with another hindrance, in a child. */
void each_way(void (*fn)(void))
{
	size_t i;

	tmpdir();
	for (i = 0; i < HINDRANCES; i++) {
		struct in_child c = { fn, &hindrances[i] };

		reap_child(fork_child(run_hindered, &c));
	}
}
