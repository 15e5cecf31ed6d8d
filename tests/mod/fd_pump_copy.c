/* SPDX-License-Identifier: MIT */
/*
 * fd_pump_copy.c - tests of iv_fd_pump where splice(2) is no good.
 */
#include <stddef.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
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

/* One step fails so, to no effect; the next one moves the byte. */
static void check_again(enum spy_call call, int err)
{
	int from[2], to[2];
	struct rig r;

	socket_pair(from);
	socket_pair(to);
	rig_init(&r, from[0], to[1], 0);
	put(from[1], "x");
	spy_fail(call, 1, 1, err);
	STEP(&r, 1, 1, call == SPY_WRITE);
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
	spy_fail(SPY_READ, 1, 1, EINTR);
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

/* write(2) on FD returns 0. */
static void take_nothing(int fd)
{
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args) +
			 (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)fd, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {
		sizeof(insns) / sizeof(insns[0]), insns
	};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
		SKIP("no seccomp filters here: %s", strerror(errno));
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
	take_nothing(to[1]);
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
