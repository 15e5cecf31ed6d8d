/* SPDX-License-Identifier: MIT */
/*
 * notify.c - tests of sys/notify.
 */
#include <fcntl.h>
#include "harness/test.h"
#include "sys/notify.h"

TEST_ONCE(the_descriptor_is_close_on_exec_and_nonblocking)
{
	int fd = ivi_inotify_open();

	CHECK_SYS(fd);
	CHECK(CHECK_SYS(fcntl(fd, F_GETFD)) & FD_CLOEXEC);
	CHECK(CHECK_SYS(fcntl(fd, F_GETFL)) & O_NONBLOCK);
	CHECK_SYS(close(fd));
}

TEST_ONCE(watches_come_and_go)
{
	int fd = ivi_inotify_open(), wd;
	struct inotify_event ev;

	wd = ivi_inotify_add(fd, "/", IN_CREATE);
	CHECK_INT(wd, >=, 1);
	CHECK_INT(read(fd, &ev, sizeof(ev)), ==, -1);
	ivi_inotify_remove(fd, wd);
	CHECK_INT(read(fd, &ev, sizeof(ev)), ==, sizeof(ev));
	CHECK_INT(ev.wd, ==, wd);
	CHECK(ev.mask & IN_IGNORED);
	ivi_inotify_remove(fd, wd);
	CHECK_SYS(close(fd));
}

TEST_ONCE(refusals_are_negative_errno_values)
{
	int fd = ivi_inotify_open();

	CHECK_INT(ivi_inotify_add(fd, "/", 0), ==, -EINVAL);
	CHECK_INT(ivi_inotify_add(fd, "/no such file", IN_CREATE), ==, -ENOENT);
	CHECK_INT(ivi_inotify_add(-1, "/", IN_CREATE), ==, -EBADF);
	CHECK_SYS(close(fd));
	leave_fds(0);
	CHECK_INT(ivi_inotify_open(), ==, -EMFILE);
}
