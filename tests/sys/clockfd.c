/* SPDX-License-Identifier: MIT */
/*
 * clockfd.c - descriptors that tell of clocks.
 */
#include "config.h"
#include <poll.h>
#include <stdlib.h>
#include "base/timespec.h"
#include "sys/clockfd.h"
#include "sys/sys.h"
#include "harness/test.h"

#if defined(HAVE_TIMERFD) && defined(HAVE_TIMERFD_CANCEL)

static int readable(int fd, int ms)
{
	struct pollfd pfd = { fd, POLLIN, 0 };

	return (int)CHECK_SYS(poll(&pfd, 1, ms));
}

static int open_it(int number)
{
	int fd = ivi_clockfd_open(number);

	if (fd == -EINVAL || fd == -ENOSYS)
		SKIP("timerfd_create: %s", ivi_errname(-fd));
	CHECK_INT(fd, >=, 0);
	CHECK(ivi_fd_is_cloexec(fd));
	CHECK(!ivi_fd_is_blocking(fd));
	return fd;
}

static void tells_the_time(int number)
{
	int fd = open_it(number);
	int64_t at = ivi_clock_shows(number) + 20 * INT64_C(1000000);

	CHECK_INT(readable(fd, 0), ==, 0);
	CHECK_INT(ivi_clockfd_clear(fd), ==, 0);
	CHECK_INT(ivi_clockfd_arm(fd, at), ==, 0);
	CHECK_INT(readable(fd, -1), ==, 1);
	CHECK_INT(ivi_clock_shows(number), >=, at);
	CHECK_INT(ivi_clockfd_clear(fd), ==, 0);
	CHECK_INT(readable(fd, 0), ==, 0);
	ivi_close(fd);
}

TEST_ONCE(tells_when_the_time_has_come)
{
	tells_the_time(IVI_REALTIME);
}

TEST_ONCE(tells_when_the_time_since_boot_has_come)
{
	tells_the_time(IVI_BOOTTIME);
}

TEST_ONCE(the_past_is_told_at_once)
{
	int fd = open_it(IVI_REALTIME);

	CHECK_INT(ivi_clockfd_arm(fd, 1), ==, 0);
	CHECK_INT(readable(fd, -1), ==, 1);
	ivi_close(fd);
}

/* The end of time, too, is a time. */
TEST_ONCE(never_is_no_time)
{
	int fd = open_it(IVI_REALTIME);

	CHECK_INT(ivi_clockfd_arm(fd, IVI_NEVER), ==, 0);
	CHECK_INT(readable(fd, 50), ==, 0);
	ivi_close(fd);
}

TEST_ONCE(set_anew_before_it_was_read)
{
	int fd = open_it(IVI_REALTIME);

	CHECK_INT(ivi_clockfd_arm(fd, 1), ==, 0);
	CHECK_INT(readable(fd, -1), ==, 1);
	CHECK_INT(ivi_clockfd_arm(fd, IVI_NEVER), ==, 0);
	CHECK_INT(readable(fd, 0), ==, 0);
	ivi_close(fd);
}

/*
 * Where that harms nobody, in a virtual machine: the clock is set to what it
 * shows, which is a jump to the kernel.
 */
TEST_ONCE(tells_when_the_clock_is_set)
{
	struct timespec now;
	int fd;

	if (getenv("IV_TEST_MAY_SET_CLOCK") == NULL)
		SKIP("IV_TEST_MAY_SET_CLOCK does not say that the clock of "
		     "this machine may be set");
	fd = open_it(IVI_REALTIME);
	CHECK_INT(ivi_clockfd_arm(fd, IVI_NEVER), ==, 0);
	CHECK_SYS(clock_gettime(CLOCK_REALTIME, &now));
	if (clock_settime(CLOCK_REALTIME, &now) < 0)
		SKIP("clock_settime: %s", ivi_errname(errno));
	CHECK_INT(readable(fd, -1), ==, 1);
	CHECK_INT(ivi_clockfd_clear(fd), ==, -ECANCELED);
	CHECK_INT(readable(fd, 0), ==, 0);
	CHECK_SYS(clock_gettime(CLOCK_REALTIME, &now));
	CHECK_SYS(clock_settime(CLOCK_REALTIME, &now));
	CHECK_INT(ivi_clockfd_arm(fd, ivi_ts_to_ns(&now) + 1000000), ==,
		  -ECANCELED);
	CHECK_INT(readable(fd, -1), ==, 1);
	CHECK_INT(ivi_clockfd_clear(fd), ==, 0);
	ivi_close(fd);
}

#else

TEST_ONCE(there_is_none)
{
	CHECK_INT(ivi_clockfd_open(IVI_REALTIME), ==, -ENOSYS);
	CHECK_INT(ivi_clockfd_arm(-1, 1), ==, -ENOSYS);
	CHECK_INT(ivi_clockfd_clear(-1), ==, 0);
}

#endif
