/* SPDX-License-Identifier: MIT */
/*
 * splice.c - tests of sys/splice.
 */
#include <fcntl.h>
#include "harness/test.h"
#include "sys/splice.h"

static void splice_pipe(int fds[2])
{
	int ret = ivi_splice_pipe(fds);

	if (ret == -ENOSYS)
		SKIP("no splice on this system");
	CHECK_INT(ret, ==, 0);
}

TEST_ONCE(the_pipe_is_nonblocking_and_close_on_exec)
{
	int fds[2], i;

	splice_pipe(fds);
	for (i = 0; i < 2; i++) {
		CHECK(CHECK_SYS(fcntl(fds[i], F_GETFL)) & O_NONBLOCK);
		CHECK(CHECK_SYS(fcntl(fds[i], F_GETFD)) & FD_CLOEXEC);
	}
	close_pair(fds);
}

TEST_ONCE(without_the_call_there_is_none)
{
	int fds[2], ret = ivi_splice_pipe(fds);

	if (ret == 0)
		close_pair(fds);
	if (ret != -ENOSYS)
		SKIP("it is there");
	CHECK(ivi_splice_absent());
	CHECK_INT(ivi_splice(0, 1, 100), ==, -ENOSYS);
}

TEST_ONCE(data_moves_from_pipe_to_pipe)
{
	int a[2], b[2];
	char c;

	splice_pipe(a);
	splice_pipe(b);
	CHECK_INT(ivi_splice(a[0], b[1], 100), ==, -EAGAIN);
	poke(a[1]);
	CHECK_INT(ivi_splice(a[0], b[1], 100), ==, 1);
	CHECK_INT(read(b[0], &c, 1), ==, 1);
	CHECK_INT(c, ==, 'x');

	/* Full at the other side; at the end on this one. */
	fill(b[1]);
	poke(a[1]);
	CHECK_INT(ivi_splice(a[0], b[1], 100), ==, -EAGAIN);
	drain(b[0]);
	CHECK_SYS(close(a[1]));
	CHECK_INT(ivi_splice(a[0], b[1], 100), ==, 1);
	CHECK_INT(ivi_splice(a[0], b[1], 100), ==, 0);
	CHECK_SYS(close(a[0]));
	close_pair(b);
}

TEST_ONCE(it_is_absent_if_nothing_can_be_asked_of_it)
{
	int fds[2];

	splice_pipe(fds);
	close_pair(fds);
	CHECK(!ivi_splice_absent());
	deny_syscall(SYS_splice, ENOTTY);
	CHECK(ivi_splice_absent());
}

TEST_ONCE(refusals_are_negative_errno_values)
{
	int a[2], b[2];

	splice_pipe(a);
	make_socketpair(b);
	CHECK_INT(ivi_splice(-1, a[1], 100), ==, -EBADF);

	/* One of them has to be a pipe. */
	CHECK_INT(ivi_splice(b[0], b[1], 100), ==, -EINVAL);
	close_pair(a);
	close_pair(b);
	deny_syscall(SYS_splice, ENOSYS);
	CHECK_INT(ivi_splice(0, 1, 100), ==, -ENOSYS);
}

TEST_ONCE(no_descriptor_for_a_pipe)
{
	int fds[2];

	splice_pipe(fds);
	close_pair(fds);
	leave_fds(1);
	CHECK_INT(ivi_splice_pipe(fds), ==, -EMFILE);
}

TEST_ONCE(unread_means_data_and_not_the_end)
{
	int a[2];

	make_socketpair(a);
	CHECK(!ivi_fd_unread(a[0]));
	poke(a[1]);
	CHECK(ivi_fd_unread(a[0]));
	CHECK_SYS(close(a[1]));
	CHECK(ivi_fd_unread(a[0]));
	drain(a[0]);
	CHECK(!ivi_fd_unread(a[0]));
	CHECK_SYS(close(a[0]));
	CHECK(!ivi_fd_unread(a[0]));
}

TEST_ONCE(a_pipe_is_writable_until_it_is_full)
{
	int a[2];

	make_pipe(a);
	CHECK(ivi_fd_writable(a[1]));
	fill(a[1]);
	CHECK(!ivi_fd_writable(a[1]));
	drain(a[0]);
	CHECK(ivi_fd_writable(a[1]));
	close_pair(a);
}
