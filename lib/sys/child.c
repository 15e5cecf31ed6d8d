/* SPDX-License-Identifier: MIT */
/*
 * child.c - child processes: their states, and what becomes of them.
 *
 * pidfd_open(2), Linux 5.3: the descriptor is readable from the end of the
 * process on, whether or not it has been waited for, and close-on-exec.  It
 * says nothing of stops; for these there is SIGCHLD only.  waitid(2) with
 * WNOWAIT and without WEXITED looks at the stops of all children without
 * taking anything from anybody.
 */
#include "config.h"
#include "sys/child.h"
#include "sys/sys.h"
#include "base/timespec.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#ifdef HAVE_PIDFD
#include <sys/syscall.h>
#endif

#ifndef WCONTINUED
#define WCONTINUED	0
#endif
#ifndef WIFCONTINUED
#define WIFCONTINUED(status)	0
#endif

#define EXEC_PATIENCE	IVI_SEC

/* ---- States ---------------------------------------------------------------- */

static pid_t wait_for(pid_t pid, int *status, int options,
		      struct rusage *usage)
{
#ifdef HAVE_WAIT4
	return wait4(pid, status, options, usage);
#else
	(void)usage;
	return waitpid(pid, status, options);
#endif
}

int ivi_child_poll(pid_t pid, int *status, struct rusage *usage,
		   bool *has_usage)
{
	pid_t ret;

#ifdef HAVE_WAIT4
	*has_usage = true;
#else
	*has_usage = false;
#endif
	do {
		ret = wait_for(pid, status, WNOHANG | WUNTRACED | WCONTINUED,
			       usage);
	} while (ret < 0 && errno == EINTR);
	if (ret < 0)
		return -errno;
	return ret != 0;
}

void ivi_child_reap(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

bool ivi_child_maybe_stopped(void)
{
#ifdef HAVE_PIDFD
	siginfo_t info = { .si_pid = 0 };
	int ret = waitid(P_ALL, 0, &info,
			 WSTOPPED | WCONTINUED | WNOHANG | WNOWAIT);

	if (ret < 0)
		return errno != ECHILD;
	return info.si_pid != 0;
#else
	return true;
#endif
}

bool ivi_child_ended(int status)
{
	/* On FreeBSD a status of WIFCONTINUED is also WIFSIGNALED. */
	return !WIFCONTINUED(status) &&
	       (WIFEXITED(status) || WIFSIGNALED(status));
}

int ivi_pidfd_open(pid_t pid)
{
#ifdef HAVE_PIDFD
	static bool absent;
	int fd;

	if (__atomic_load_n(&absent, __ATOMIC_RELAXED))
		return -ENOSYS;
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd >= 0)
		return fd;
	if (errno != ENOSYS && errno != EPERM && errno != EINVAL)
		return -errno;
	__atomic_store_n(&absent, true, __ATOMIC_RELAXED);
#else
	(void)pid;
#endif
	return -ENOSYS;
}

/* ---- Programs ---------------------------------------------------------------- */

/* Moves *FD out of the way of the standard descriptors. */
static int lift(int *fd)
{
	int high;

	if (*fd > 2)
		return 0;
	high = fcntl(*fd, F_DUPFD_CLOEXEC, 3);
	if (high < 0)
		return -errno;
	close(*fd);
	*fd = high;
	return 0;
}

static void close_open(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int open_pipe(struct ivi_exec *x, int std, int *parent)
{
	int fds[2], ret;

	ret = ivi_pipe(fds, false);
	if (ret < 0)
		return ret;
	x->std = std;
	x->pipe = fds[std];
	*parent = fds[1 - std];
	return lift(&x->pipe);
}

static int open_others(struct ivi_exec *x)
{
	int ret;

	x->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (x->null < 0)
		return -errno;
	ret = lift(&x->null);
	if (ret < 0)
		return ret;
	ret = ivi_pipe(x->report, false);
	if (ret < 0)
		return ret;
	return lift(&x->report[1]);
}

int ivi_exec_open(struct ivi_exec *x, int std, int *parent)
{
	int ret;

	x->pipe = x->null = x->report[0] = x->report[1] = *parent = -1;
	ret = open_pipe(x, std, parent);
	if (ret == 0)
		ret = open_others(x);
	if (ret < 0) {
		ivi_exec_close(x);
		close_open(parent);
	}
	return ret;
}

static void report(const struct ivi_exec *x)
{
	int err = errno;

	while (write(x->report[1], &err, sizeof(err)) < 0 && errno == EINTR)
		;
}

/* POSIX lets a signal interrupt dup2(2); EBUSY is a race in Linux. */
static bool take_stdio(const struct ivi_exec *x)
{
	int fd;

	for (fd = 0; fd < 3; fd++) {
		while (dup2(fd == x->std ? x->pipe : x->null, fd) < 0) {
			if (errno != EINTR && errno != EBUSY)
				return false;
		}
	}
	return true;
}

void ivi_exec(const struct ivi_exec *x)
{
	if (take_stdio(x)) {
		ivi_unignore_default_signals();
		execvp(x->file, x->argv);
	}
	report(x);
	_exit(127);
}

void ivi_exec_close(struct ivi_exec *x)
{
	close_open(&x->pipe);
	close_open(&x->null);
	close_open(&x->report[0]);
	close_open(&x->report[1]);
}

/*
 * The pipe ends when exec closes its last writing end.  A child that another
 * thread has forked meanwhile may keep it open, and exec may hang; so there
 * is a limit.
 */
static bool wait_readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int64_t until = ivi_clock_ns() + EXEC_PATIENCE;
	int64_t left;
	int ret;

	for (;;) {
		left = ivi_ns_left(until, ivi_clock_ns());
		ret = poll(&pfd, 1, ivi_ns_to_ms(left));
		if (ret >= 0 || left == 0)
			return ret > 0;
		if (errno != EINTR)
			ivi_nap(1000000);
	}
}

/* What the child has reported, or 0. */
static int read_report(int fd)
{
	ssize_t n;
	int err;

	do {
		n = read(fd, &err, sizeof(err));
	} while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(err) ? err : 0;
}

int ivi_exec_outcome(struct ivi_exec *x)
{
	int err = 0;

	close_open(&x->report[1]);
	if (wait_readable(x->report[0]))
		err = read_report(x->report[0]);
	ivi_exec_close(x);
	return -err;
}
