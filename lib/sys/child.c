/* SPDX-License-Identifier: MIT */
/*
 * child.c - child processes: their states, and what becomes of them.
 *
 * pidfd_open(2), Linux 5.3: the descriptor is readable from the end of the
 * process on, whether or not it has been waited for, and close-on-exec; since
 * Linux 5.10 it takes O_NONBLOCK, too.  By it the process is waited for
 * (waitid(2) with P_PIDFD, Linux 5.4) and sent signals (pidfd_send_signal(2),
 * Linux 5.1), whoever has its number by then.  It says nothing of stops; for
 * these there is SIGCHLD only.  waitid(2) with
 * WNOWAIT and without WEXITED looks at the stops of all children without
 * taking anything from anybody.
 *
 * A process that ignores SIGCHLD, or has said SA_NOCLDWAIT, has no zombies:
 * wait(2) finds nothing of its children.  Linux 6.15 tells by their pidfds
 * what has become of them (PIDFD_INFO_EXIT, ioctl_pidfd(2)).
 */
#include "config.h"
#include "sys/child.h"
#include "sys/sig.h"
#include "sys/sys.h"
#include "base/timespec.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#ifdef HAVE_PIDFD
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#endif

#ifndef HAVE_VFORK
#define vfork		fork
#endif
#ifndef WCONTINUED
#define WCONTINUED	0
#endif
#ifndef WIFCONTINUED
#define WIFCONTINUED(status)	0
#endif
/* Linux: also what clone(2) has made with another exit signal than SIGCHLD,
   or none. */
#ifndef __WALL
#define __WALL		0
#endif

/* ---- Descriptors of processes ------------------------------------------------ */

#ifdef HAVE_PIDFD

/* struct pidfd_info, the part that has been there from the beginning. */
struct pidfd_info {
	uint64_t	mask;
	uint64_t	cgroup;
	uint32_t	pid, tgid, parent;
	uint32_t	ids[8];
	int32_t		exit_code;
};

#define GET_INFO	_IOWR(0xff, 11, struct pidfd_info)
#define INFO_EXIT	(UINT64_C(1) << 3)

/* How often a status that is about to be there is asked for: 5 ms or so. */
#define TRIES		200

/* What is known about pidfds.  Atomic. */
enum { ABSENT = -1, UNKNOWN, WORK, KEEP_STATUS };

static int pidfds = UNKNOWN;

static bool for_want(int err)
{
	return err == EMFILE || err == ENFILE || err == ENOMEM;
}

/* EINVAL, ENOENT since Linux 6.16: no leader of a thread group. */
static bool is_no_process(int err)
{
	return err == ESRCH || err == EINVAL || err == ENOENT;
}

static int open_pidfd(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, O_NONBLOCK);

	if (fd >= 0 || errno != EINVAL)
		return fd < 0 ? -errno : fd;
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		return -errno;
	ivi_fd_nonblock(fd);
	return fd;
}

/*
 * Raw for the sake of the resource usage, which the C library's waitid() does
 * not pass on.  32-bit kernels have no 64-bit time in it.
 */
static int wait_pidfd(int fd, siginfo_t *info, int options,
		      struct rusage *usage)
{
#if __SIZEOF_LONG__ == 8 || defined(__x86_64__)
	return (int)syscall(SYS_waitid, P_PIDFD, fd, info, options, usage);
#else
	struct { long utime[2], stime[2], others[14]; } raw;
	int ret = (int)syscall(SYS_waitid, P_PIDFD, fd, info, options, &raw);

	usage->ru_utime.tv_sec = raw.utime[0];
	usage->ru_utime.tv_usec = raw.utime[1];
	usage->ru_stime.tv_sec = raw.stime[0];
	usage->ru_stime.tv_usec = raw.stime[1];
	memcpy((char *)usage + offsetof(struct rusage, ru_maxrss), raw.others,
	       sizeof(raw.others));
	return ret;
#endif
}

static bool works(int fd)
{
	struct rusage usage;
	siginfo_t info;

	return syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) == 0 &&
	       wait_pidfd(fd, &info, WEXITED | WNOHANG, &usage) < 0 &&
	       errno == ECHILD;
}

/* That there is a status, too (Linux 6.15), cannot be asked beforehand.  But
   the release alone says nothing where somebody else answers for the kernel. */
static bool keeps_status(int fd)
{
	struct pidfd_info info = { .mask = INFO_EXIT };
	struct utsname u;
	int major, minor;

	return uname(&u) == 0 &&
	       sscanf(u.release, "%d.%d", &major, &minor) == 2 &&
	       (major > 6 || (major == 6 && minor >= 15)) &&
	       ioctl(fd, GET_INFO, &info) == 0;
}

/* Asked with our own: what it says about others may have other reasons.  For
   want of a descriptor there is no answer. */
static int probe(void)
{
	int fd = open_pidfd(getpid());
	int found = ABSENT;

	if (fd < 0)
		return for_want(-fd) ? UNKNOWN : ABSENT;
	if (works(fd))
		found = keeps_status(fd) ? KEEP_STATUS : WORK;
	ivi_close(fd);
	return found;
}

static int known(void)
{
	int what = __atomic_load_n(&pidfds, __ATOMIC_RELAXED);

	if (what == UNKNOWN) {
		what = probe();
		__atomic_store_n(&pidfds, what, __ATOMIC_RELAXED);
	}
	return what;
}

bool ivi_pidfds(void)
{
	return known() != ABSENT;
}

bool ivi_pidfd_keeps_status(void)
{
	return known() == KEEP_STATUS;
}

int ivi_pidfd_open(pid_t pid)
{
	int fd;

	if (!ivi_pidfds())
		return -ENOSYS;
	fd = open_pidfd(pid);
	if (fd >= 0 || for_want(-fd) || is_no_process(-fd))
		return fd;
	__atomic_store_n(&pidfds, ABSENT, __ATOMIC_RELAXED);
	return -ENOSYS;
}

int ivi_child_kill(pid_t pid, int pidfd, int sig)
{
	int ret = -1;

	errno = ENOSYS;
	if (pidfd >= 0)
		ret = (int)syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0);
	/* The others are what kill(2) says. */
	if (ret < 0 && errno != EINVAL && errno != EPERM && errno != ESRCH)
		ret = kill(pid, sig);
	return ret;
}

static bool is_readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 0) > 0;
}

/*
 * The pidfd is readable for a moment before the kernel has put it there, and
 * for longer if that is interrupted: then 0, of a child of ours.  ESRCH: it was
 * not there yet, and the process has gone before the rest was looked at
 * (pidfd_info() in Linux' fs/pidfs.c, 6.15); so it is there now.
 */
static int kept_status(int fd, int *status)
{
	struct pidfd_info info;
	bool gone = false;
	unsigned n = 0;

	do {
		memset(&info, 0, sizeof(info));
		info.mask = INFO_EXIT;
		if (ioctl(fd, GET_INFO, &info) < 0) {
			if (gone || errno != ESRCH)
				return -ECHILD;
			gone = true;
			continue;
		}
		if (info.mask & INFO_EXIT) {
			*status = info.exit_code;
			return 1;
		}
		if (n == TRIES)
			return info.parent == (uint32_t)getpid() ? 0 : -ECHILD;
		ivi_relax(n++);
	} while (is_readable(fd));
	return -ECHILD;
}

/* As waitpid(2) would put it, on Linux. */
static int wait_status(const siginfo_t *info)
{
	switch (info->si_code) {
	case CLD_EXITED:
		return (info->si_status & 0xff) << 8;
	case CLD_KILLED:
		return info->si_status;
	case CLD_DUMPED:
		return info->si_status | 0x80;
	case CLD_CONTINUED:
		return 0xffff;
	default:
		return info->si_status << 8 | 0x7f;
	}
}

/* -ENOSYS: it is to be asked for by number. */
static int poll_pidfd(int fd, int *status, struct rusage *usage,
		      bool *has_usage)
{
	siginfo_t info = { .si_pid = 0 };
	int ret;

	do {
		ret = wait_pidfd(fd, &info, WEXITED | WSTOPPED | WCONTINUED |
					    WNOHANG | __WALL, usage);
	} while (ret < 0 && errno == EINTR);
	if (ret < 0 && errno != ECHILD)
		return -ENOSYS;
	*has_usage = ret == 0;
	if (ret < 0)
		return ivi_children_vanish() ? kept_status(fd, status) :
					       -ECHILD;
	*status = wait_status(&info);
	return info.si_pid != 0;
}

/*
 * False: by number, please.  EAGAIN: it is nonblocking; while a debugger has
 * yet to wait for the process, it is readable.
 */
static bool reap_pidfd(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	struct rusage usage;
	siginfo_t info;
	unsigned n = 0;

	while (wait_pidfd(fd, &info, WEXITED | __WALL, &usage) < 0) {
		if (errno == ECHILD)
			return true;
		if (errno != EINTR && errno != EAGAIN)
			return false;
		if (poll(&pfd, 1, -1) > 0)
			ivi_relax(n++);
	}
	return true;
}

#else	/* HAVE_PIDFD */

bool ivi_pidfds(void)
{
	return false;
}

int ivi_pidfd_open(pid_t pid)
{
	(void)pid;
	return -ENOSYS;
}

int ivi_child_kill(pid_t pid, int pidfd, int sig)
{
	(void)pidfd;
	return kill(pid, sig);
}

bool ivi_pidfd_keeps_status(void)
{
	return false;
}

static int poll_pidfd(int fd, int *status, struct rusage *usage,
		      bool *has_usage)
{
	(void)fd;
	(void)status;
	(void)usage;
	(void)has_usage;
	return -ENOSYS;
}

static bool reap_pidfd(int fd)
{
	(void)fd;
	return false;
}

#endif	/* HAVE_PIDFD */

int ivi_child_kill_group(pid_t pid, int pidfd, int sig)
{
	if (pidfd >= 0 && ivi_child_kill(pid, pidfd, 0) < 0 && errno == ESRCH)
		return -1;
	return kill(-pid, sig);
}

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

static int poll_pid(pid_t pid, int *status, struct rusage *usage,
		    bool *has_usage)
{
	pid_t ret;

#ifdef HAVE_WAIT4
	*has_usage = true;
#else
	*has_usage = false;
#endif
	do {
		ret = wait_for(pid, status,
			       WNOHANG | WUNTRACED | WCONTINUED | __WALL,
			       usage);
	} while (ret < 0 && errno == EINTR);
	if (ret < 0)
		return -errno;
	return ret != 0;
}

int ivi_child_poll(pid_t pid, int pidfd, int *status, struct rusage *usage,
		   bool *has_usage)
{
	int cancel = ivi_cancel_off();
	int ret = -ENOSYS;

	if (pidfd >= 0)
		ret = poll_pidfd(pidfd, status, usage, has_usage);
	if (ret == -ENOSYS)
		ret = poll_pid(pid, status, usage, has_usage);
	ivi_cancel_restore(cancel);
	return ret;
}

bool ivi_child_exists(pid_t pid)
{
	int cancel = ivi_cancel_off();
	siginfo_t info;
	int ret;

	do {
		ret = waitid(P_PID, (id_t)pid, &info,
			     WEXITED | WNOHANG | WNOWAIT | __WALL);
	} while (ret < 0 && errno == EINTR);
	ivi_cancel_restore(cancel);
	return ret == 0;
}

void ivi_child_reap(pid_t pid, int pidfd)
{
	int cancel = ivi_cancel_off();

	if (pidfd < 0 || !reap_pidfd(pidfd))
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	ivi_cancel_restore(cancel);
}

pid_t ivi_child_dead(void)
{
	int cancel = ivi_cancel_off();
	siginfo_t info = { .si_pid = 0 };
	int ret;

	do {
		ret = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT);
	} while (ret < 0 && errno == EINTR);
	ivi_cancel_restore(cancel);
	if (ret < 0)
		return errno == ECHILD ? 0 : -errno;
	return info.si_pid;
}

bool ivi_child_maybe_stopped(void)
{
#ifdef HAVE_PIDFD
	int cancel = ivi_cancel_off();
	siginfo_t info = { .si_pid = 0 };
	int ret = waitid(P_ALL, 0, &info, WSTOPPED | WCONTINUED | WNOHANG |
					  WNOWAIT | __WALL);

	ivi_cancel_restore(cancel);
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

pid_t ivi_fork(void)
{
	pid_t pid = fork();

	return pid < 0 ? -errno : pid;
}

/* FN runs on the stack below this frame, which it leaves alone. */
pid_t ivi_vfork(void (*fn)(void *cookie), void *cookie)
{
	int err = errno;
	pid_t pid = vfork();

	if (pid == 0) {
		fn(cookie);
		_exit(127);
	}
	if (pid < 0)
		return -errno;
	errno = err;	/* the child has the same */
	return pid;
}

void ivi_exit(int status)
{
	exit(status);
}

/* ---- SIGCHLD ----------------------------------------------------------------- */

bool ivi_children_vanish(void)
{
	struct sigaction sa;

	if (sigaction(SIGCHLD, NULL, &sa) < 0)
		return false;
	return ivi_sigchld_discards(&sa);
}

bool ivi_sigchld_is_free(void)
{
	struct sigaction sa;

	return sigaction(SIGCHLD, NULL, &sa) < 0 ||
	       (!(sa.sa_flags & SA_SIGINFO) && sa.sa_handler == SIG_DFL &&
		!ivi_sigchld_discards(&sa));
}

bool ivi_sigchld_discards(const struct sigaction *sa)
{
#ifdef SA_NOCLDWAIT
	if (sa->sa_flags & SA_NOCLDWAIT)
		return true;
#endif
	return ivi_signal_is_ignored(sa);
}
