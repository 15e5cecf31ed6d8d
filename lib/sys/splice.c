/* SPDX-License-Identifier: MIT */
/*
 * splice.c - splice(2), and the questions that its EAGAIN leaves open.
 */
#include "config.h"
#include "sys/sys.h"
#include "sys/splice.h"

#include <fcntl.h>
#include <poll.h>

#ifdef HAVE_SPLICE

int ivi_splice_pipe(int fds[2])
{
	return ivi_pipe(fds, true);
}

ssize_t ivi_splice(int from, int to, size_t len)
{
	ssize_t n = splice(from, NULL, to, NULL, len, SPLICE_F_NONBLOCK);

	return n < 0 ? -errno : n;
}

#else

int ivi_splice_pipe(int fds[2])
{
	(void)fds;
	return -ENOSYS;
}

ssize_t ivi_splice(int from, int to, size_t len)
{
	(void)from;
	(void)to;
	(void)len;
	return -ENOSYS;
}

#endif

static bool ready(int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	return poll(&pfd, 1, 0) > 0;
}

bool ivi_fd_readable(int fd)
{
	return ready(fd, POLLIN);
}

bool ivi_fd_writable(int fd)
{
	return ready(fd, POLLOUT);
}
