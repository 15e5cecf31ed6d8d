/* SPDX-License-Identifier: MIT */
/*
 * message.c - sockets that are read message by message.
 */
#include "config.h"
#include "sys/message.h"
#include "sys/splice.h"
#include "sys/sys.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#ifdef HAVE_SYS_FILIO_H
#include <sys/filio.h>
#endif

bool ivi_message_source(int fd)
{
	int type;
	socklen_t len = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	       type != SOCK_STREAM;
}

/*
 * Linux tells the whole size (recv(2), MSG_TRUNC), others cut it off.  There
 * FIONREAD does: of this message, or of all that are there.
 */
ssize_t ivi_message_size(int fd)
{
	int cancel = ivi_cancel_off(), unread;
	ssize_t n;
	char c;

	do {
		n = recv(fd, &c, 1, MSG_PEEK | MSG_TRUNC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		n = -errno;
	ivi_cancel_restore(cancel);
	if (n == 1 && ioctl(fd, FIONREAD, &unread) == 0 && unread > n)
		n = unread;
	return n;
}

/*
 * Nobody tells an empty message from the end of a connection.  If the peer
 * can send nothing more and there is nothing left it is taken for the end.
 */
#ifdef POLLRDHUP

bool ivi_message_end(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLRDHUP };
	int cancel = ivi_cancel_off();
	bool hung_up;

	hung_up = poll(&pfd, 1, 0) > 0 && (pfd.revents & POLLRDHUP);
	ivi_cancel_restore(cancel);
	return hung_up && !ivi_fd_unread(fd);
}

#else

bool ivi_message_end(int fd)
{
	int type;
	socklen_t len = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	       type != SOCK_DGRAM && !ivi_fd_unread(fd);
}

#endif
