/* SPDX-License-Identifier: MIT */
/*
 * accept.c - accepting connections.
 *
 * accept4(2), Linux 2.6.28 and the BSDs.  Linux allocates the descriptor
 * before it looks at the queue, so EMFILE leaves the client there, and EAGAIN
 * says that there is a descriptor (do_accept() in net/socket.c).  It passes on
 * what has happened to the connection since it was established (accept(2)):
 * EOPNOTSUPP may be that, or a socket of another type.
 */
#include "config.h"
#include "sys/sys.h"

#include <sys/socket.h>

/* False for what says no more than that this client has gone. */
static bool is_ours(int err)
{
	switch (err) {
	case EAGAIN:
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
#ifdef ENOSR
	case ENOSR:
#endif
	case EBADF:
	case EINVAL:
	case ENOTSOCK:
		return true;
	default:
		return false;
	}
}

/* As accept(2) and what follows it. */
static int accept_plain(int listener, struct sockaddr *from, socklen_t *len)
{
	int fd = accept(listener, from, len);
	int ret;

	if (fd < 0)
		return -errno;
	ret = ivi_fd_cloexec(fd);
	if (ret == 0)
		ret = ivi_fd_nonblock(fd);
	if (ret == 0)
		return fd;
	ivi_close(fd);
	return -ECONNABORTED;
}

static int accept_one(int listener, struct sockaddr *from, socklen_t *len)
{
#ifdef HAVE_ACCEPT4
	socklen_t size = *len;
	int fd = accept4(listener, from, len, SOCK_CLOEXEC | SOCK_NONBLOCK);

	/* If accept() gives the same error, it is one. */
	if (fd >= 0)
		return fd;
	if (!ivi_absent(errno))
		return -errno;
	*len = size;
#endif
	return accept_plain(listener, from, len);
}

int ivi_accept(int listener, struct sockaddr_storage *from, socklen_t *len)
{
	int cancel = ivi_cancel_off();
	int ret;

	*len = sizeof(*from);
	ret = accept_one(listener, (struct sockaddr *)from, len);
	ivi_cancel_restore(cancel);
	if (ret == -EWOULDBLOCK)
		return -EAGAIN;
	if (ret == -EOPNOTSUPP && ivi_fd_listens(listener) < 0)
		return -EINVAL;
	return ret >= 0 || is_ours(-ret) ? ret : -ECONNABORTED;
}

int ivi_fd_listens(int fd)
{
	int yes = 0;
	socklen_t size = sizeof(yes);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &size) == 0)
		return yes ? 0 : -EINVAL;
	/* Not every system can say. */
	return errno == EBADF || errno == ENOTSOCK ? -errno : 0;
}
