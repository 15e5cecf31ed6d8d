/* SPDX-License-Identifier: MIT */
/*
 * fd_pump_copy.c - tests of iv_fd_pump where splice(2) is no good.
 */
#include <sys/ioctl.h>
#include <sys/resource.h>
#include "harness/spy.h"
#include "mod/pump_rig.h"

TEST_ONCE(a_copying_pump_holds_4096_bytes)
{
	int from[2], to[2], left;
	struct stream w = { 0 };
	struct rig r;

	iv_init();
	deny_syscall(SYS_splice, ENOSYS);
	socket_pair(from);
	pipe_pair(to);
	fill(to[1]);
	rig_init(&r, from[0], to[1], 0);
	CHECK_INT(stream_write(&w, from[1], 4095), ==, 4095);
	STEP(&r, 1, 1, 1);
	CHECK_INT(stream_write(&w, from[1], 1000), ==, 1000);
	STEP(&r, 1, 0, 1);
	CHECK_SYS(ioctl(from[0], FIONREAD, &left));
	CHECK_INT(left, ==, 999);
	iv_fd_pump_destroy(&r.pump);
	close_pair(from);
	close_pair(to);
	iv_deinit();
}

/* ---- Interruptions and errors --------------------------------------------- */

/* The byte is moved by this step or, if it was not to be had, the next. */
static void check_again(enum spy_call call, int err)
{
	int from[2], to[2];
	struct rig r;

	socket_pair(from);
	socket_pair(to);
	rig_init(&r, from[0], to[1], 0);
	put(from[1], "x");
	spy_fail(call, 1, 1, err);
	STEP(&r, 1, 1, err != EINTR && call == SPY_WRITE);
	CHECK_INT(spy_failed(), ==, 1);
	spy_heal();
	STEP(&r, 1, 1, 0);
	expect(to[0], "x");
	iv_fd_pump_destroy(&r.pump);
	close_pair(from);
	close_pair(to);
}

TEST_ONCE(interruptions_are_no_errors)
{
	iv_init();
	deny_syscall(SYS_splice, ENOSYS);
	check_again(SPY_READ, EINTR);
	check_again(SPY_READ, EAGAIN);
	check_again(SPY_WRITE, EINTR);
	check_again(SPY_WRITE, EAGAIN);
	iv_deinit();
}

/* With the pipe's contents still to be fetched from there. */
TEST_ONCE(interrupted_while_emptying_the_pipe)
{
	int from[2], to[2];
	struct rig r;

	needs_splice();
	iv_init();
	socket_pair(from);
	pipe_pair(to);
	fill(to[1]);
	rig_init(&r, from[0], to[1], 0);
	put(from[1], "spliced");
	STEP(&r, 1, 1, 1);
	drain(to[0]);
	deny_syscall(SYS_splice, EINVAL);
	spy_fail(SPY_READ, 1, 1, EAGAIN);
	STEP(&r, 1, 0, 1);
	CHECK_INT(spy_failed(), ==, 1);
	spy_heal();
	expect(to[0], "");
	STEP(&r, 1, 1, 0);
	expect(to[0], "spliced");
	iv_fd_pump_destroy(&r.pump);
	close_pair(from);
	close_pair(to);
	iv_deinit();
}

TEST_ONCE(a_target_that_takes_nothing)
{
	int from[2], to[2];
	struct rig r;

	iv_init();
	deny_syscall(SYS_splice, ENOSYS);
	socket_pair(from);
	pipe_pair(to);
	put(from[1], "x");
	rig_init(&r, from[0], to[1], 0);
	mute_write(to[1]);
	CHECK_ERRNO(iv_fd_pump_pump(&r.pump), EIO);
	iv_fd_pump_destroy(&r.pump);
	close_pair(from);
	close_pair(to);
	iv_deinit();
}

/* What a target did not take comes before what is read next.  A file that
   may not grow takes a part. */
TEST_ONCE(a_target_that_takes_a_part)
{
	struct rlimit old, low;
	struct stream w = { 0 }, s = { 0 };
	int from[2], file;
	struct rig r;

	iv_init();
	deny_syscall(SYS_splice, ENOSYS);
	socket_pair(from);
	file = open_file("file", O_RDWR);
	rig_init(&r, from[0], file, 0);
	CHECK_INT(stream_write(&w, from[1], 6000), ==, 6000);
	CHECK_SYS(getrlimit(RLIMIT_FSIZE, &old));
	low = old;
	low.rlim_cur = 1000;
	CHECK_SYS(setrlimit(RLIMIT_FSIZE, &low));
	STEP(&r, 1, 1, 1);
	CHECK_SYS(setrlimit(RLIMIT_FSIZE, &old));
	STEP(&r, 1, 1, 0);
	STEP(&r, 1, 1, 0);
	CHECK_SYS(lseek(file, 0, SEEK_SET));
	stream_drain(&s, file);
	CHECK_INT(s.pos, ==, 6000);
	iv_fd_pump_destroy(&r.pump);
	CHECK_SYS(close(file));
	close_pair(from);
	iv_deinit();
}

/* Once it copies, a pump needs no descriptors. */
TEST_ONCE(a_copying_pump_has_no_pipe)
{
	int from[2][2], to[2][2], i, before;
	struct rig r[2];

	iv_init();
	for (i = 0; i < 2; i++) {
		socket_pair(from[i]);
		pipe_pair(to[i]);
	}
	deny_syscall(SYS_splice, EINVAL);
	for (i = 0; i < 2; i++) {
		rig_init(&r[i], from[i][0], to[i][1], 0);
		poke(from[i][1]);
		STEP(&r[i], 1, 1, 0);
	}
	/* The first one now gets the buffer that both have used. */
	before = open_fds();
	for (i = 0; i < 2; i++) {
		fill(to[i][1]);
		poke(from[i][1]);
		STEP(&r[i], 1, 1, 1);
	}
	CHECK_INT(open_fds(), ==, before);
	for (i = 0; i < 2; i++) {
		iv_fd_pump_destroy(&r[i].pump);
		close_pair(from[i]);
		close_pair(to[i]);
	}
	iv_deinit();
}

TEST_ONCE(a_stream_in_pieces)
{
	struct stream w = { 0 }, s = { 0 };
	int from[2], to[2], steps = 0;
	struct rig r;

	iv_init();
	deny_syscall(SYS_splice, ENOSYS);
	socket_pair(from);
	pipe_pair(to);
	fill(to[1]);
	rig_init(&r, from[0], to[1], 0);
	while (w.pos < TOTAL) {
		CHECK_INT(steps++, <, 10000);
		stream_write(&w, from[1], 1 + below(4096));
		CHECK_INT(iv_fd_pump_pump(&r.pump), ==, 1);

		/* What filled the pipe is not of the stream. */
		if (steps == 1)
			drain(to[0]);
		else
			stream_read(&s, to[0], 1 + below(5000));
	}
	CHECK_SYS(shutdown(from[1], SHUT_WR));
	while (iv_fd_pump_pump(&r.pump) > 0) {
		CHECK_INT(steps++, <, 10000);
		stream_read(&s, to[0], 1000);
	}
	stream_drain(&s, to[0]);
	CHECK_INT(s.pos, ==, w.pos);
	iv_fd_pump_destroy(&r.pump);
	close_pair(from);
	close_pair(to);
	iv_deinit();
}

/* ---- Messages ------------------------------------------------------------- */

static void message_pair(int type, int fds[2])
{
	CHECK_SYS(socketpair(AF_UNIX, type, 0, fds));
	CHECK_SYS(fcntl(fds[0], F_SETFL, O_NONBLOCK));
	CHECK_SYS(fcntl(fds[1], F_SETFL, O_NONBLOCK));
}

/* The sizes that are one too many for something, and none at all. */
static const size_t sizes[] = {
	1, 0, 4096, 4097, 18000, 0, 65536, 65537, 100000, 10
};

#define SIZES	((int)(sizeof(sizes) / sizeof(sizes[0])))

static char sent[100000], got[100001];

static void send_size(int fd, int i)
{
	memset(sent, 'a' + i, sizes[i]);
	CHECK_INT(send(fd, sent, sizes[i], 0), ==, sizes[i]);
}

static void recv_size(int fd, int i)
{
	CHECK_INT(recv(fd, got, sizeof(got), 0), ==, sizes[i]);
	memset(sent, 'a' + i, sizes[i]);
	CHECK(memcmp(got, sent, sizes[i]) == 0);
}

static void check_whole(int from_type, int to_type)
{
	int from[2], to[2], i;
	struct rig r;

	message_pair(from_type, from);
	message_pair(to_type, to);
	rig_init(&r, from[0], to[1], 0);
	for (i = 0; i < SIZES; i++) {
		send_size(from[1], i);
		STEP(&r, 1, 1, 0);
		recv_size(to[0], i);
		STEP(&r, 1, 1, 0);
		CHECK_ERRNO(recv(to[0], got, 1, 0), EAGAIN);
	}
	iv_fd_pump_destroy(&r.pump);
	close_pair(from);
	close_pair(to);
}

static void messages_pass(void)
{
	check_whole(SOCK_DGRAM, SOCK_DGRAM);
	check_whole(SOCK_DGRAM, SOCK_SEQPACKET);
	check_whole(SOCK_SEQPACKET, SOCK_DGRAM);
	check_whole(SOCK_SEQPACKET, SOCK_SEQPACKET);
}

TEST_ONCE(messages_pass_whole_and_one_by_one)
{
	each_way(messages_pass);
}

/* One waits in the pump, even an empty one, the others in the source. */
static void check_waiting(size_t first)
{
	int from[2], to[2], filled = 0;
	struct rig r;

	message_pair(SOCK_DGRAM, from);
	message_pair(SOCK_DGRAM, to);
	while (send(to[1], "old", 3, 0) == 3)
		filled++;
	rig_init(&r, from[0], to[1], 0);
	CHECK_INT(send(from[1], sent, first, 0), ==, first);
	put(from[1], "second");
	STEP(&r, 1, 0, 1);
	STEP(&r, 1, 0, 1);
	while (filled-- > 0)
		expect(to[0], "old");
	STEP(&r, 1, 1, 0);
	CHECK_INT(recv(to[0], got, sizeof(got), 0), ==, first);
	STEP(&r, 1, 1, 0);
	expect(to[0], "second");
	iv_fd_pump_destroy(&r.pump);
	close_pair(from);
	close_pair(to);
}

TEST_ONCE(messages_wait_for_their_target)
{
	iv_init();
	check_waiting(0);
	check_waiting(5);
	check_waiting(18000);
	iv_deinit();
}

/* Neither an empty message nor a byte that follows one is lost. */
TEST_ONCE(an_empty_message_is_not_the_end)
{
	int from[2], to[2];
	struct rig r;

	iv_init();
	message_pair(SOCK_SEQPACKET, from);
	message_pair(SOCK_SEQPACKET, to);
	rig_init(&r, from[0], to[1], IV_FD_PUMP_FLAG_RELAY_EOF);
	CHECK_INT(send(from[1], "", 0, 0), ==, 0);
	put(from[1], "last");
	CHECK_SYS(shutdown(from[1], SHUT_WR));
	STEP(&r, 1, 1, 0);
	CHECK_INT(recv(to[0], got, sizeof(got), 0), ==, 0);
	STEP(&r, 1, 1, 0);
	expect(to[0], "last");
	STEP(&r, 0, 0, 0);
	expect_end(to[0]);
	iv_fd_pump_destroy(&r.pump);
	close_pair(from);
	close_pair(to);
	iv_deinit();
}

/* A stream takes a part, and the rest before the next message. */
TEST_ONCE(messages_into_a_stream)
{
	int from[2], to[2], steps;
	struct stream w = { 0 }, s = { 0 };
	struct rig r;

	iv_init();
	message_pair(SOCK_SEQPACKET, from);
	pipe_pair(to);
	rig_init(&r, from[0], to[1], 0);
	CHECK_INT(stream_write(&w, from[1], 50000), ==, 50000);
	CHECK_INT(stream_write(&w, from[1], 50000), ==, 50000);
	STEP(&r, 1, 1, 0);
	STEP(&r, 1, 0, 1);
	CHECK_SYS(shutdown(from[1], SHUT_WR));
	for (steps = 0; iv_fd_pump_pump(&r.pump) > 0; steps++) {
		CHECK_INT(steps, <, 1000);
		stream_read(&s, to[0], 7000);
	}
	stream_drain(&s, to[0]);
	CHECK_INT(s.pos, ==, w.pos);
	iv_fd_pump_destroy(&r.pump);
	close_pair(from);
	close_pair(to);
	iv_deinit();
}

TEST_ONCE(a_message_that_the_target_refuses)
{
	int from[2], to[2], small = 1;
	struct rig r;

	iv_init();
	message_pair(SOCK_DGRAM, from);
	message_pair(SOCK_DGRAM, to);
	CHECK_SYS(setsockopt(to[1], SOL_SOCKET, SO_SNDBUF, &small,
			     sizeof(small)));
	rig_init(&r, from[0], to[1], 0);
	CHECK_INT(send(from[1], sent, sizeof(sent), 0), ==, sizeof(sent));
	CHECK_ERRNO(iv_fd_pump_pump(&r.pump), EMSGSIZE);
	iv_fd_pump_destroy(&r.pump);
	close_pair(from);
	close_pair(to);
	iv_deinit();
}

TEST_ONCE(no_memory_for_a_message)
{
	int from[2], to[2];
	struct rig r;

	iv_init();
	message_pair(SOCK_DGRAM, from);
	message_pair(SOCK_DGRAM, to);
	rig_init(&r, from[0], to[1], 0);
	CHECK_INT(send(from[1], sent, sizeof(sent), 0), ==, sizeof(sent));
	put(from[1], "next");
	STEP(&r, 1, 1, 0);
	CHECK_INT(recv(to[0], got, sizeof(got), 0), ==, sizeof(sent));
	STEP(&r, 1, 1, 0);
	expect(to[0], "next");

	CHECK_INT(send(from[1], sent, sizeof(sent), 0), ==, sizeof(sent));
	spy_fail(SPY_MALLOC, 1, 1, ENOMEM);
	CHECK_ERRNO(iv_fd_pump_pump(&r.pump), ENOMEM);
	spy_heal();
	iv_fd_pump_destroy(&r.pump);
	close_pair(from);
	close_pair(to);
	iv_deinit();
}
