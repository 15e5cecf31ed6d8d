/* SPDX-License-Identifier: MIT */
/*
 * fd.c - tests of what we do to descriptors and their limit.
 */
#include "config.h"
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sys/sysmacros.h>
#endif
#include "sys/sys.h"
#include "harness/test.h"

#ifndef SYS_fcntl
#define SYS_fcntl	(-1)
#endif

/* ---- Calls that fail -------------------------------------------------------- */

static int ioctl_err, pipe2_err;

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __real_pipe2(int fds[2], int flags);
int __wrap_pipe2(int fds[2], int flags);

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (ioctl_err == 0)
		return __real_ioctl(fd, request, arg);
	errno = ioctl_err;
	return -1;
}

#ifdef HAVE_PIPE2
int __wrap_pipe2(int fds[2], int flags)
{
	if (pipe2_err == 0)
		return __real_pipe2(fds, flags);
	errno = pipe2_err;
	return -1;
}
#endif

/* ---- Flags ------------------------------------------------------------------- */

static int nonblocking(int fd)
{
	return (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0;
}

static int cloexec(int fd)
{
	return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

static void check_flags(void)
{
	int fds[2];

	CHECK_SYS(pipe(fds));
	CHECK(ivi_fd_is_blocking(fds[0]));
	CHECK(!ivi_fd_is_cloexec(fds[0]));
	CHECK_INT(ivi_fd_cloexec(fds[0]), ==, 0);
	CHECK_INT(cloexec(fds[0]), ==, 1);
	CHECK(ivi_fd_is_cloexec(fds[0]));
	CHECK_INT(nonblocking(fds[0]), ==, 0);
	CHECK_INT(ivi_fd_nonblock(fds[0]), ==, 0);
	CHECK_INT(nonblocking(fds[0]), ==, 1);
	CHECK(!ivi_fd_is_blocking(fds[0]));
	/* Once more changes nothing; the other end is another one. */
	CHECK_INT(ivi_fd_cloexec(fds[0]), ==, 0);
	CHECK_INT(ivi_fd_nonblock(fds[0]), ==, 0);
	CHECK_INT(cloexec(fds[0]) && nonblocking(fds[0]), ==, 1);
	CHECK_INT(cloexec(fds[1]) || nonblocking(fds[1]), ==, 0);
	close_pair(fds);
}

TEST_ONCE(flags)
{
	check_flags();
}

TEST_ONCE(flags_where_ioctl_is_refused)
{
	ioctl_err = ENOTTY;
	check_flags();
	ioctl_err = EPERM;
	check_flags();
}

TEST_ONCE(other_flags_are_kept)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/file", tmpdir());
	fd = (int)CHECK_SYS(open(path, O_CREAT | O_RDWR | O_APPEND, 0600));
	CHECK_INT(ivi_fd_nonblock(fd), ==, 0);
	CHECK_INT(fcntl(fd, F_GETFL) & O_APPEND, !=, 0);
	ioctl_err = ENOTTY;
	CHECK_INT(ivi_fd_nonblock(fd), ==, 0);
	CHECK_INT(fcntl(fd, F_GETFL) & O_APPEND, !=, 0);
	CHECK_SYS(close(fd));
}

TEST_ONCE(nothing_is_done_to_what_is_not_open)
{
	CHECK_INT(ivi_fd_cloexec(-1), ==, -EBADF);
	CHECK_INT(ivi_fd_nonblock(-1), ==, -EBADF);
	CHECK_INT(ivi_fd_cloexec(999), ==, -EBADF);
	CHECK_INT(ivi_fd_nonblock(999), ==, -EBADF);
	CHECK_INT(ivi_fd_check(-1), ==, -EBADF);
	CHECK_INT(ivi_fd_check(999), ==, -EBADF);
	CHECK_INT(ivi_fd_check(0), ==, 0);
	CHECK(!ivi_fd_is_fifo(999));
	CHECK(!ivi_fd_is_cloexec(999));
}

TEST_ONCE(urgent_data_comes_in_line)
{
	socklen_t len = sizeof(int);
	int fd = (int)CHECK_SYS(socket(AF_INET, SOCK_STREAM, 0)), on = 0;
	int fds[2];

	CHECK_INT(ivi_fd_oob_inline(fd), ==, 0);
	CHECK_SYS(getsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, &len));
	CHECK_INT(on, !=, 0);
	CHECK_SYS(close(fd));
	make_pipe(fds);
	CHECK_INT(ivi_fd_oob_inline(fds[0]), ==, -ENOTSOCK);
	close_pair(fds);
}

/* ---- Kinds --------------------------------------------------------------------- */

static void check_kind(int fd, const char *kind, bool fifo)
{
	CHECK_SYS(fd);
	CHECK_STR(ivi_fd_kind(fd), kind);
	CHECK(ivi_fd_is_fifo(fd) == fifo);
	CHECK(ivi_fd_is_socket(fd) == (strcmp(kind, "a socket") == 0));
	CHECK_SYS(close(fd));
}

TEST_ONCE(kinds)
{
	char path[300];
	int fds[2];

	snprintf(path, sizeof(path), "%s/file", tmpdir());
	check_kind(open(path, O_CREAT | O_RDWR, 0600), "a regular file", false);
	check_kind(open("/", O_RDONLY), "a directory", false);
	check_kind(open("/dev/null", O_RDONLY), "a character device", false);
	check_kind(socket(AF_UNIX, SOCK_DGRAM, 0), "a socket", false);
	make_pipe(fds);
	check_kind(fds[0], "a pipe", true);
	check_kind(fds[1], "a pipe", true);
	snprintf(path, sizeof(path), "%s/fifo", tmpdir());
	CHECK_SYS(mkfifo(path, 0600));
	check_kind(open(path, O_RDWR), "a pipe", true);
	CHECK_STR(ivi_fd_kind(999), "not open");
	CHECK(!ivi_fd_is_socket(999));
	CHECK(!ivi_fd_is_file(999));
}

#if defined(__linux__) && defined(O_PATH)
/* What cannot be opened is open in a way. */
TEST_ONCE(kinds_of_what_is_not_opened)
{
	const char *path = in_tmpdir("link");
	int fd;

	CHECK_SYS(symlink("nowhere", path));
	check_kind(open(path, O_PATH | O_NOFOLLOW), "a descriptor of another "
		   "kind", false);
	fd = (int)CHECK_SYS(open(path, O_PATH | O_NOFOLLOW));
	CHECK_INT(ivi_fd_nonblock(fd), ==, -EBADF);
	ioctl_err = ENOTTY;
	CHECK_INT(ivi_fd_nonblock(fd), ==, -EBADF);
	CHECK_SYS(close(fd));
	path = in_tmpdir("device");
	if (mknod(path, S_IFBLK | 0600, makedev(7, 200)) < 0)
		SKIP("mknod: %s", strerror(errno));
	check_kind(open(path, O_PATH), "a block device", false);
}
#endif

TEST_ONCE(what_is_ready_now)
{
	int fds[2];

	make_pipe(fds);
	CHECK_INT(ivi_fd_ready(fds[0], 7), ==, 0);
	CHECK_INT(ivi_fd_ready(fds[1], 7), ==, 2);
	CHECK_INT(ivi_fd_ready(fds[1], 5), ==, 0);
	poke(fds[1]);
	CHECK_INT(ivi_fd_ready(fds[0], 7), ==, 1);
	CHECK_SYS(close(fds[1]));
	CHECK_INT(ivi_fd_ready(fds[0], 0), ==, 7);
	CHECK_SYS(close(fds[0]));
	CHECK_INT(ivi_fd_ready(fds[0], 7), ==, 0);
}

/* Data, its end, and want of either are no errors; nor is what cannot be
   asked. */
TEST_ONCE(errors_of_sockets)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int fds[2], fd, i;

	make_socketpair(fds);
	CHECK(!ivi_fd_has_error(fds[0]));
	poke(fds[1]);
	CHECK(!ivi_fd_has_error(fds[0]));
	drain(fds[0]);
	CHECK_SYS(close(fds[1]));
	errno = EDOM;
	CHECK(!ivi_fd_has_error(fds[0]));
	CHECK_INT(errno, ==, EDOM);
	CHECK_SYS(close(fds[0]));
	make_pipe(fds);
	CHECK(!ivi_fd_has_error(fds[0]));
	close_pair(fds);
	fd = (int)CHECK_SYS(socket(AF_INET, SOCK_STREAM, 0));
	CHECK(!ivi_fd_has_error(fd));
	CHECK_SYS(close(fd));

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (i = 0; i < 2; i++)
		fds[i] = (int)CHECK_SYS(socket(AF_INET, SOCK_DGRAM, 0));
	if (bind(fds[0], (struct sockaddr *)&sin, len) < 0)
		SKIP("no loopback: %s", strerror(errno));
	CHECK_SYS(getsockname(fds[0], (struct sockaddr *)&sin, &len));
	CHECK_SYS(connect(fds[1], (struct sockaddr *)&sin, len));
	CHECK_SYS(close(fds[0]));
	poke(fds[1]);
	CHECK_INT(poll(&(struct pollfd){ fds[1], POLLIN, 0 }, 1, 5000), ==, 1);
	CHECK(ivi_fd_has_error(fds[1]));
	CHECK_SYS(close(fds[1]));
}

/* ---- Pipes ----------------------------------------------------------------------- */

static void check_pipe(bool nonblock)
{
	int fds[2], i;
	char c;

	CHECK_INT(ivi_pipe(fds, nonblock), ==, 0);
	for (i = 0; i < 2; i++) {
		CHECK_INT(cloexec(fds[i]), ==, 1);
		CHECK_INT(nonblocking(fds[i]), ==, nonblock);
	}
	poke(fds[1]);
	CHECK_INT(read(fds[0], &c, 1), ==, 1);
	close_pair(fds);
}

TEST_ONCE(pipes)
{
	check_pipe(true);
	check_pipe(false);
}

TEST_ONCE(pipes_where_pipe2_is_refused)
{
	static const int errs[] = { ENOSYS, EPERM, EINVAL, EACCES, EOPNOTSUPP };
	unsigned i;

	for (i = 0; i < 5; i++) {
		pipe2_err = errs[i];
		check_pipe(true);
		check_pipe(false);
		ioctl_err = ENOTTY;
		check_pipe(true);
		ioctl_err = 0;
	}
}

TEST_ONCE(no_descriptors_for_a_pipe)
{
	int fds[2];

	leave_fds(1);
	CHECK_INT(ivi_pipe(fds, true), ==, -EMFILE);
	pipe2_err = ENOSYS;
	CHECK_INT(ivi_pipe(fds, true), ==, -EMFILE);
}

/* In a thread: what it denies the harness needs. */
static void *pipe_without_flags(void *unused)
{
	int fds[2];

	pipe2_err = ENOSYS;
	ioctl_err = ENOTTY;
	deny_syscall(SYS_fcntl, EPERM);
#ifdef SYS_fcntl64
	deny_syscall(SYS_fcntl64, EPERM);
#endif
	CHECK_INT(ivi_pipe(fds, true), ==, -EPERM);
	CHECK(fstat(fds[0], &(struct stat){ 0 }) < 0 && errno == EBADF);
	CHECK(fstat(fds[1], &(struct stat){ 0 }) < 0 && errno == EBADF);
	return unused;
}

TEST_ONCE(pipes_that_do_not_take_flags)
{
	pthread_t tid;

	CHECK_INT(pthread_create(&tid, NULL, pipe_without_flags, NULL), ==, 0);
	pthread_join(tid, NULL);
}

/* ---- The limit -------------------------------------------------------------------- */

/* A kernel that knows what setrlimit(2) says. */
static struct rlimit limits;
static int privileged, fake_limits;
static rlim_t nr_open;
static int asked, fixed;

int __real_getrlimit(int which, struct rlimit *rl);
int __wrap_getrlimit(int which, struct rlimit *rl);
int __real_setrlimit(int which, const struct rlimit *rl);
int __wrap_setrlimit(int which, const struct rlimit *rl);

int __wrap_getrlimit(int which, struct rlimit *rl)
{
	if (!fake_limits)
		return __real_getrlimit(which, rl);
	CHECK_INT(which, ==, RLIMIT_NOFILE);
	asked = 1;
	*rl = limits;
	return 0;
}

int __wrap_setrlimit(int which, const struct rlimit *rl)
{
	if (!fake_limits)
		return __real_setrlimit(which, rl);
	CHECK_INT(which, ==, RLIMIT_NOFILE);
	errno = EINVAL;
	if (rl->rlim_cur > rl->rlim_max)
		return -1;
	errno = EPERM;
	if (fixed)
		return -1;
	if (rl->rlim_max > limits.rlim_max &&
	    (!privileged || rl->rlim_max > nr_open))
		return -1;
	limits = *rl;
	return 0;
}

static void check_limit(rlim_t soft, rlim_t hard, rlim_t new_soft,
			rlim_t new_hard)
{
	limits.rlim_cur = soft;
	limits.rlim_max = hard;
	asked = 0;
	fake_limits = 1;
	ivi_fd_limit_raise();
	fake_limits = 0;
	if (!asked)
		SKIP("getrlimit() has another name here");
	CHECK_INT(limits.rlim_cur, ==, new_soft);
	CHECK_INT(limits.rlim_max, ==, new_hard);
}

static void check_limits_that_stay(void)
{
	check_limit(131072, 131072, 131072, 131072);
	check_limit(200000, 300000, 200000, 300000);
	check_limit(200000, 200000, 200000, 200000);
	check_limit(131072, RLIM_INFINITY, 131072, RLIM_INFINITY);
	check_limit(RLIM_INFINITY, RLIM_INFINITY, RLIM_INFINITY,
		    RLIM_INFINITY);
}

TEST_ONCE(the_limit_is_raised)
{
	nr_open = 1048576;
	check_limit(1024, 4096, 4096, 4096);
	check_limit(4096, 4096, 4096, 4096);
	check_limit(0, 1, 1, 1);
	check_limit(1024, 524288, 131072, 524288);
	check_limit(131071, 131072, 131072, 131072);
	check_limit(1024, RLIM_INFINITY, 131072, RLIM_INFINITY);
	check_limits_that_stay();
}

TEST_ONCE(the_limit_is_raised_by_root)
{
	privileged = 1;
	nr_open = 1048576;
	check_limit(1024, 4096, 131072, 131072);
	check_limit(1024, 1048576, 131072, 1048576);
	check_limit(1024, RLIM_INFINITY, 131072, RLIM_INFINITY);
	check_limits_that_stay();
}

TEST_ONCE(the_limit_is_raised_by_root_as_far_as_the_kernel_goes)
{
	privileged = 1;
	nr_open = 20000;
	check_limit(1024, 4096, 4096, 4096);
	check_limit(4096, 4096, 4096, 4096);
}

TEST_ONCE(the_limit_cannot_be_raised)
{
	fixed = 1;
	check_limit(1024, 4096, 1024, 4096);
	check_limit(1024, 300000, 1024, 300000);
	check_limits_that_stay();
}

TEST_ONCE(there_is_no_limit)
{
	fixed = 1;
	check_limit(500, 500, 500, 500);
	fake_limits = 1;
	CHECK_INT(ivi_fd_limit(), ==, 500);
	limits.rlim_cur = RLIM_INFINITY;
	CHECK_INT(ivi_fd_limit(), ==, INT_MAX);
	fake_limits = 0;
}
