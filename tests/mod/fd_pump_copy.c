/* SPDX-License-Identifier: MIT */
/*
 * fd_pump_copy.c - tests of iv_fd_pump where splice(2) is no good.
 */
#include <sys/ioctl.h>
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

/* seccomp makes system calls return 0 without running them. */
static void write_nothing(void *splicing)
{
	int from[2], to[2];
	struct rig r;

	iv_init();
	socket_pair(from);
	pipe_pair(to);
	fill(to[1]);
	put(from[1], "x");
	rig_init(&r, from[0], to[1], 0);
	if (splicing == NULL)
		deny_syscall(SYS_splice, ENOSYS);
	STEP(&r, 1, 1, 1);
	drain(to[0]);
	deny_syscall(splicing != NULL ? SYS_splice : SYS_write, 0);
	CHECK_ERRNO(iv_fd_pump_pump(&r.pump), EIO);
	iv_fd_pump_destroy(&r.pump);
	iv_deinit();
}

TEST_ONCE(a_target_that_takes_nothing)
{
	reap_child(fork_child(write_nothing, NULL));
	reap_child(fork_child(write_nothing, &errno));
}

static void interrupted(void *nr)
{
	int from[2], to[2];
	struct rig r;

	iv_init();
	socket_pair(from);
	socket_pair(to);
	put(from[1], "x");
	rig_init(&r, from[0], to[1], 0);
	if (*(long *)nr != SYS_splice)
		deny_syscall(SYS_splice, ENOSYS);
	deny_syscall(*(long *)nr, EINTR);
	STEP(&r, 1, 1, *(long *)nr == SYS_write);
	STEP(&r, 1, 1, *(long *)nr == SYS_write);
	iv_fd_pump_destroy(&r.pump);
	iv_deinit();
}

TEST_ONCE(interruptions_are_no_errors)
{
	long nr[3] = { SYS_splice, SYS_read, SYS_write };
	int i;

	for (i = 0; i < 3; i++)
		reap_child(fork_child(interrupted, &nr[i]));
}

/* What a target did not take comes before what is read next. */
TEST_ONCE(a_target_that_takes_a_part)
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
