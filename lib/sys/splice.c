/* SPDX-License-Identifier: MIT */
/*
 * splice.c - splice(2), and the questions that its answers leave open.
 */
#include "config.h"
#include "sys/sys.h"
#include "sys/splice.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#ifdef HAVE_SYS_FILIO_H
#include <sys/filio.h>
#endif

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

bool ivi_fd_unread(int fd)
{
	int n;

	return ioctl(fd, FIONREAD, &n) == 0 && n > 0;
}

bool ivi_fd_writable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };

	return poll(&pfd, 1, 0) > 0;
}
