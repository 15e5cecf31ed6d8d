/* SPDX-License-Identifier: MIT */
/*
 * fd.c - descriptors: flags, kinds, pipes, limits.
 *
 * FIOCLEX and FIONBIO set a flag in one system call where fcntl(2) takes two
 * (ioctl_fioclex and ioctl(2), Linux; sys/filio.h elsewhere).  Should a
 * system or a sandbox refuse them, fcntl() does the work.
 */
#include "config.h"
#include "sys/sys.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#ifdef HAVE_SYS_FILIO_H
#include <sys/filio.h>
#endif

#define FD_LIMIT	131072

static int set_flag(int fd, int get, int set, int flag)
{
	int flags = fcntl(fd, get);

	if (flags < 0)
		return -errno;
	if (!(flags & flag) && fcntl(fd, set, flags | flag) < 0)
		return -errno;
	return 0;
}

int ivi_fd_cloexec(int fd)
{
#ifdef FIOCLEX
	if (ioctl(fd, FIOCLEX) == 0)
		return 0;
#endif
	return set_flag(fd, F_GETFD, F_SETFD, FD_CLOEXEC);
}

int ivi_fd_nonblock(int fd)
{
#ifdef FIONBIO
	int yes = 1;

	if (ioctl(fd, FIONBIO, &yes) == 0)
		return 0;
#endif
	return set_flag(fd, F_GETFL, F_SETFL, O_NONBLOCK);
}

bool ivi_fd_is_cloexec(int fd)
{
	return fcntl(fd, F_GETFD) == FD_CLOEXEC;
}

bool ivi_fd_is_blocking(int fd)
{
	return !(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

int ivi_fd_oob_inline(int fd)
{
	int yes = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &yes, sizeof(yes)) < 0)
		return -errno;
	return 0;
}

int ivi_fd_check(int fd)
{
	return fcntl(fd, F_GETFD) < 0 ? -errno : 0;
}

bool ivi_fd_is_fifo(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

bool ivi_fd_is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

/*
 * soreceive() of the BSDs: the error is given after the data, and stays if the
 * data is only peeked at.  (Linux forgets it.)
 */
bool ivi_fd_has_error(int fd)
{
	int old = ivi_cancel_off(), err = errno;
	char c;
	bool failed = recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
		      errno != EAGAIN && errno != EWOULDBLOCK &&
		      errno != ENOTSOCK && errno != ENOTCONN;

	errno = err;
	ivi_cancel_restore(old);
	return failed;
}

bool ivi_fd_is_file(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 &&
	       (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
}

const char *ivi_fd_kind(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return "not open";
	switch (st.st_mode & S_IFMT) {
	case S_IFREG:
		return "a regular file";
	case S_IFDIR:
		return "a directory";
	case S_IFBLK:
		return "a block device";
	case S_IFCHR:
		return "a character device";
	case S_IFIFO:
		return "a pipe";
	case S_IFSOCK:
		return "a socket";
	default:
		return "a descriptor of another kind";
	}
}

static unsigned poll_now(struct pollfd *pf)
{
	int old = ivi_cancel_off(), err = errno;
	int n = poll(pf, 1, 0);

	errno = err;
	ivi_cancel_restore(old);
	return n > 0 && !(pf->revents & POLLNVAL) ? (unsigned)pf->revents : 0;
}

unsigned ivi_fd_ready(int fd, unsigned what)
{
	struct pollfd pf = {
		.fd = fd,
		.events = (short)((what & 1 ? POLLIN : 0) |
				  (what & 2 ? POLLOUT : 0) |
				  (what & 4 ? POLLPRI : 0)),
	};
	unsigned got = poll_now(&pf);

	if (got & (POLLERR | POLLHUP))
		return 7;
	return (got & POLLIN ? 1U : 0) | (got & POLLOUT ? 2U : 0) |
	       (got & POLLPRI ? 4U : 0);
}

static int pipe_flags(int fds[2], bool nonblock)
{
	int i, ret = 0;

	for (i = 0; i < 2 && ret == 0; i++) {
		ret = ivi_fd_cloexec(fds[i]);
		if (ret == 0 && nonblock)
			ret = ivi_fd_nonblock(fds[i]);
	}
	if (ret < 0) {
		ivi_close(fds[0]);
		ivi_close(fds[1]);
	}
	return ret;
}

int ivi_pipe(int fds[2], bool nonblock)
{
#ifdef HAVE_PIPE2
	if (pipe2(fds, O_CLOEXEC | (nonblock ? O_NONBLOCK : 0)) == 0)
		return 0;
	if (!ivi_absent(errno))
		return -errno;
#endif
	if (pipe(fds) < 0)
		return -errno;
	return pipe_flags(fds, nonblock);
}

void ivi_fd_limit_raise(void)
{
	struct rlimit now, want;

	if (getrlimit(RLIMIT_NOFILE, &now) < 0 || now.rlim_cur >= FD_LIMIT)
		return;
	want.rlim_cur = FD_LIMIT;
	want.rlim_max = now.rlim_max > FD_LIMIT ? now.rlim_max : FD_LIMIT;
	if (setrlimit(RLIMIT_NOFILE, &want) == 0)
		return;
	want.rlim_max = now.rlim_max;
	if (want.rlim_cur > want.rlim_max)
		want.rlim_cur = want.rlim_max;
	if (want.rlim_cur > now.rlim_cur)
		setrlimit(RLIMIT_NOFILE, &want);
}

int ivi_fd_limit(void)
{
	struct rlimit now;

	if (getrlimit(RLIMIT_NOFILE, &now) < 0 || now.rlim_cur > INT_MAX)
		return INT_MAX;
	return (int)now.rlim_cur;
}
