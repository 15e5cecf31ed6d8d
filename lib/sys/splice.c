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
	int cancel = ivi_cancel_off();
	ssize_t n = splice(from, NULL, to, NULL, len, SPLICE_F_NONBLOCK);

	if (n < 0)
		n = -errno;
	ivi_cancel_restore(cancel);
	return n;
}

/* Of no bytes it is asked nothing, and looks at no descriptor: fs/splice.c. */
bool ivi_splice_absent(void)
{
	int cancel = ivi_cancel_off();
	bool absent = splice(-1, NULL, -1, NULL, 0, 0) < 0;

	ivi_cancel_restore(cancel);
	return absent;
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

bool ivi_splice_absent(void)
{
	return true;
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
	int cancel = ivi_cancel_off();
	bool writable = poll(&pfd, 1, 0) > 0;

	ivi_cancel_restore(cancel);
	return writable;
}
