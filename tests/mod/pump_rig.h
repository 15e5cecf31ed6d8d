/* SPDX-License-Identifier: MIT */
/*
 * pump_rig.h - what the tests of iv_fd_pump share.
 *
 * A pump does not watch descriptors, so most tests call it by hand, and see
 * in SET_BANDS what it would have watched.
 */
#ifndef IV_PUMP_RIG_H
#define IV_PUMP_RIG_H

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <iv_fd_pump.h>
#include "harness/test.h"

struct rig {
	struct iv_fd_pump	pump;
	int	in, out;		/* what SET_BANDS asked for last */
	int	calls;			/* of SET_BANDS */
};

/* Skips the test in a build without splice(2). */
void needs_splice(void);

/* Initialises the pump. */
void rig_init(struct rig *r, int from, int to, unsigned flags);

/* One step; it must return RET and ask for these bands, once. */
#define STEP(r, ret, want_in, want_out)					\
	do {								\
		int calls_ = (r)->calls;				\
									\
		CHECK_INT(iv_fd_pump_pump(&(r)->pump), ==, ret);	\
		CHECK_INT((r)->calls, ==, calls_ + 1);			\
		CHECK_INT((r)->in, ==, want_in);			\
		CHECK_INT((r)->out, ==, want_out);			\
		CHECK_INT(iv_fd_pump_is_done(&(r)->pump), ==, (ret) == 0); \
	} while (0)

/* ---- Descriptors, all of them nonblocking ------------------------------- */

/* fds[0] is for reading, fds[1] for writing; tcp_pair() is a connection. */
void pipe_pair(int fds[2]);
void socket_pair(int fds[2]);
void tcp_pair(int fds[2]);

/* In tmpdir(). */
int open_file(const char *name, int flags);

/* How many descriptors are open; the number that the next open(2) gets. */
int open_fds(void);
int next_fd(void);

void put(int fd, const char *text);

/* FD has exactly this to read for now; FD is at its end. */
void expect(int fd, const char *text);
void expect_end(int fd);

/* ---- Streams ------------------------------------------------------------ */

/* A place in an endless stream, in which no two stretches are alike. */
struct stream {
	uint64_t	pos;
};

/* At most LEN bytes, or 64 KiB; what write(2) says. */
ssize_t stream_write(struct stream *s, int fd, size_t len);

/* The same for reading; it has to be the stream. */
ssize_t stream_read(struct stream *s, int fd, size_t len);
void stream_drain(struct stream *s, int fd);

/* Random numbers: below N; a number of bytes, few or many. */
extern uint32_t seed;
size_t below(size_t n);
size_t chunk(void);

enum end { PIPE, SOCKET, TCP, APPEND, PLAIN };

#define TOTAL	300000

/*
 * Pumps a stream of TOTAL bytes or more, in random chunks, as a program
 * would: when a descriptor is ready in a band that is wanted.  splice(2)
 * fails once REFUSE_AT bytes have been written.
 */
void transfer(enum end source, enum end sink, uint64_t refuse_at);

/* ---- All ways ----------------------------------------------------------- */

/*
 * Runs FN with a loop, in a child each time: with nothing in the way, and
 * with whatever may keep a pump from splicing.
 */
void each_way(void (*fn)(void));

#endif
