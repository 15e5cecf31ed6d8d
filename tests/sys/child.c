/* SPDX-License-Identifier: MIT */
/*
 * child.c - child processes, as lib/sys sees them.
 */
#include "config.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#ifdef HAVE_PIDFD
#include <sys/personality.h>
#endif
#include <sys/resource.h>
#include <sys/wait.h>
#include "sys/child.h"
#include "sys/sys.h"
#include "harness/test.h"

static void exit_with(void *status)
{
	_exit((int)(intptr_t)status);
}

static void wait_for_signals(void *unused)
{
	(void)unused;
	for (;;)
		pause();
}

static void await_state(pid_t pid, int what)
{
	siginfo_t info;

	CHECK_SYS(waitid(P_PID, (id_t)pid, &info, what | WNOWAIT));
}

/* Where it cannot be told, the answer is always yes. */
static void expect_stopped(bool expected)
{
#ifdef HAVE_PIDFD
	CHECK_INT(ivi_child_maybe_stopped(), ==, expected);
#else
	(void)expected;
	CHECK(ivi_child_maybe_stopped());
#endif
}

/* ---- States ------------------------------------------------------------------------ */

static void check_states(pid_t pid, int pidfd)
{
	struct rusage usage;
	bool has_usage;
	int status;

	CHECK_INT(ivi_child_poll(pid, pidfd, &status, &usage,
				 &has_usage), ==, 0);
	expect_stopped(false);
	CHECK_INT(ivi_child_kill(pid, pidfd, SIGSTOP), ==, 0);
	await_state(pid, WSTOPPED);
	expect_stopped(true);
	CHECK_INT(ivi_child_poll(pid, pidfd, &status, &usage,
				 &has_usage), ==, 1);
	CHECK(WIFSTOPPED(status));
	CHECK(!ivi_child_ended(status));
	expect_stopped(false);
	CHECK_INT(ivi_child_kill(pid, pidfd, SIGCONT), ==, 0);
	await_state(pid, WCONTINUED);
	expect_stopped(true);
	CHECK_INT(ivi_child_poll(pid, pidfd, &status, &usage,
				 &has_usage), ==, 1);
	CHECK(WIFCONTINUED(status));
	CHECK(!ivi_child_ended(status));
	CHECK_ERRNO(ivi_child_kill(pid, pidfd, 12345), EINVAL);
	CHECK_INT(ivi_child_dead(), ==, 0);
	CHECK_INT(ivi_child_kill(pid, pidfd, SIGKILL), ==, 0);
	await_state(pid, WEXITED);
	CHECK_INT(ivi_child_dead(), ==, pid);
	expect_stopped(false);
	CHECK_INT(ivi_child_poll(pid, pidfd, &status, &usage,
				 &has_usage), ==, 1);
	CHECK(WIFSIGNALED(status));
	CHECK(ivi_child_ended(status));
	CHECK_INT(ivi_child_poll(pid, pidfd, &status, &usage,
				 &has_usage), ==, -ECHILD);
	expect_stopped(false);
}

TEST_ONCE(states_of_a_child)
{
	check_states(fork_child(wait_for_signals, NULL), -1);
}

TEST_ONCE(reap)
{
	ivi_child_reap(fork_child(exit_with, (void *)3), -1);
	CHECK_ERRNO(waitpid(-1, NULL, WNOHANG), ECHILD);
}

static void return_at_once(void *unused)
{
	(void)unused;
}

TEST_ONCE(a_function_that_returns_ends_the_child)
{
	pid_t pid = ivi_vfork(return_at_once, NULL);
	int status;

	CHECK_INT(pid, >, 0);
	CHECK_INT(waitpid(pid, &status, 0), ==, pid);
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), ==, 127);
}

#ifdef SYS_waitid
/* There being none is not the only reason. */
TEST_ONCE(no_child_can_be_waited_for)
{
	deny_syscall(SYS_waitid, EPERM);
	CHECK_INT(ivi_child_dead(), ==, -EPERM);
	CHECK(ivi_child_maybe_stopped());
}
#endif

/* ---- SIGCHLD ------------------------------------------------------------------------ */

static void handle(int signum)
{
	(void)signum;
}

static void handle_info(int signum, siginfo_t *info, void *context)
{
	(void)signum;
	(void)info;
	(void)context;
}

TEST_ONCE(whose_sigchld_is)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };

	CHECK(ivi_sigchld_is_free());
	CHECK(!ivi_children_vanish());
	signal(SIGCHLD, handle);
	CHECK(!ivi_sigchld_is_free());
	CHECK(!ivi_children_vanish());
	signal(SIGCHLD, SIG_IGN);
	CHECK(!ivi_sigchld_is_free());
	CHECK(ivi_children_vanish());
	sa.sa_flags = SA_NOCLDWAIT;
	CHECK_SYS(sigaction(SIGCHLD, &sa, NULL));
	CHECK(!ivi_sigchld_is_free());
	CHECK(ivi_children_vanish());
	sa.sa_flags = SA_SIGINFO;
	sa.sa_sigaction = handle_info;
	CHECK_SYS(sigaction(SIGCHLD, &sa, NULL));
	CHECK(!ivi_sigchld_is_free());
	CHECK(!ivi_children_vanish());
	signal(SIGCHLD, SIG_DFL);
}

#ifdef SYS_rt_sigaction
/* Then it is not ours to take over, but it could not be anybody's. */
TEST_ONCE(sigchld_that_cannot_be_asked_for)
{
	fence_allow(FENCE_SIGNALS, "it cannot be asked either");
	deny_syscall(SYS_rt_sigaction, EPERM);
	CHECK(ivi_sigchld_is_free());
	CHECK(!ivi_children_vanish());
}
#endif

/* ---- Descriptors of processes ------------------------------------------------------- */

/* What the kernel says of a child that has ended, and vanishes, before its status
   is there: as it would, or that it has gone while it was looked at. */
static unsigned early;
static int early_errno;
static pid_t early_parent;

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	uint32_t *info;
	va_list ap;

	va_start(ap, request);
	info = va_arg(ap, void *);
	va_end(ap);
	if (early == 0)
		return __real_ioctl(fd, request, info);
	early--;
	if (early_errno != 0) {
		errno = early_errno;
		return -1;
	}
	memset(info, 0, 16);
	info[6] = (uint32_t)early_parent;
	return 0;
}

#ifdef HAVE_PIDFD
static int need_pidfd(pid_t pid)
{
	int fd = ivi_pidfd_open(pid);

	if (fd == -ENOSYS) {
		kill(pid, SIGKILL);
		ivi_child_reap(pid, -1);
		SKIP("no pidfds here");
	}
	CHECK_INT(fd, >=, 0);
	return fd;
}

TEST_ONCE(states_by_a_pidfd)
{
	pid_t pid = fork_child(wait_for_signals, NULL);
	int fd = need_pidfd(pid);

	check_states(pid, fd);
	CHECK_ERRNO(ivi_child_kill(pid, fd, 0), ESRCH);
	close(fd);
}

TEST_ONCE(reap_by_a_pidfd)
{
	pid_t pid = fork_child(exit_with, (void *)3);
	int fd = need_pidfd(pid);

	ivi_child_reap(pid, fd);
	ivi_child_reap(pid, fd);
	CHECK_ERRNO(waitpid(-1, NULL, WNOHANG), ECHILD);
	close(fd);
}

TEST_ONCE(the_resource_usage_by_a_pidfd)
{
	pid_t pid = fork_child(exit_with, NULL);
	int fd = need_pidfd(pid);
	struct rusage usage, wanted;
	bool has_usage;
	int status;

	await_state(pid, WEXITED);
	memset(&usage, 0xa5, sizeof(usage));
	CHECK_INT(ivi_child_poll(pid, fd, &status, &usage, &has_usage), ==, 1);
	CHECK(has_usage);
	CHECK_SYS(getrusage(RUSAGE_CHILDREN, &wanted));
	CHECK_INT(usage.ru_maxrss, ==, wanted.ru_maxrss);
	CHECK_INT(usage.ru_minflt, ==, wanted.ru_minflt);
	CHECK_INT(usage.ru_nvcsw, ==, wanted.ru_nvcsw);
	CHECK_INT(usage.ru_stime.tv_usec, ==, wanted.ru_stime.tv_usec);
	close(fd);
}

/* In a directory that is removed, where the kernel puts them there. */
static void dump_core(void *unused)
{
	struct rlimit rl;

	(void)unused;
	CHECK_SYS(chdir(tmpdir()));
	CHECK_SYS(getrlimit(RLIMIT_CORE, &rl));
	rl.rlim_cur = rl.rlim_max;
	CHECK_SYS(setrlimit(RLIMIT_CORE, &rl));
	signal(SIGQUIT, SIG_DFL);
	raise(SIGQUIT);
}

static bool dumps_stay_here(void)
{
	int fd = open("/proc/sys/kernel/core_pattern", O_RDONLY);
	char c = '/';

	if (fd >= 0 && read(fd, &c, 1) < 0)
		c = '/';
	close(fd);
	return c != '/' && c != '|';
}

TEST_ONCE(a_core_dump_by_a_pidfd)
{
	struct rusage usage;
	siginfo_t info;
	bool has_usage;
	int status, fd;
	pid_t pid;

	if (!dumps_stay_here())
		SKIP("core dumps go elsewhere");
	tmpdir();
	pid = fork_child(dump_core, NULL);
	fd = need_pidfd(pid);
	CHECK_SYS(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
	CHECK_INT(ivi_child_poll(pid, fd, &status, &usage, &has_usage), ==, 1);
	CHECK_SYS(close(fd));
	if (info.si_code != CLD_DUMPED)
		SKIP("no core dump");
	CHECK(ivi_child_ended(status));
	CHECK(WIFSIGNALED(status));
	CHECK(WCOREDUMP(status));
	CHECK_INT(WTERMSIG(status), ==, SIGQUIT);
}

static int readable(int fd, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return (int)CHECK_SYS(poll(&pfd, 1, ms));
}

TEST_ONCE(a_pidfd_shows_the_end)
{
	pid_t pid = fork_child(wait_for_signals, NULL);
	int fd = need_pidfd(pid);

	CHECK_INT(CHECK_SYS(fcntl(fd, F_GETFD)), ==, FD_CLOEXEC);
	CHECK(CHECK_SYS(fcntl(fd, F_GETFL)) & O_NONBLOCK);
	CHECK_INT(readable(fd, 0), ==, 0);
	kill(pid, SIGKILL);
	CHECK_INT(readable(fd, -1), ==, 1);
	ivi_child_reap(pid, fd);
	close(fd);
	CHECK_INT(ivi_pidfd_open(pid), ==, -ESRCH);
}

static int odd_is_known[2], odd_is_done_with[2];

static void *be_odd(void *unused)
{
	pid_t tid = (pid_t)syscall(SYS_gettid);
	char c;

	(void)unused;
	CHECK_INT(write(odd_is_known[1], &tid, sizeof(tid)), ==, sizeof(tid));
	CHECK_INT(read(odd_is_done_with[0], &c, 1), ==, 1);
	return NULL;
}

/* What one process cannot be given others can. */
TEST_ONCE(a_pid_that_is_odd)
{
	pid_t pid = fork_child(wait_for_signals, NULL), odd;
	int fd = need_pidfd(pid);
	pthread_t thread;

	close(fd);
	make_pipe(odd_is_known);
	make_pipe(odd_is_done_with);
	CHECK_INT(pthread_create(&thread, NULL, be_odd, NULL), ==, 0);
	CHECK_INT(read(odd_is_known[0], &odd, sizeof(odd)), ==, sizeof(odd));
	CHECK_INT(ivi_pidfd_open(odd), <, 0);
	poke(odd_is_done_with[1]);
	pthread_join(thread, NULL);
	close_pair(odd_is_known);
	close_pair(odd_is_done_with);
	CHECK_INT(ivi_pidfd_open(-1), <, 0);
	CHECK(ivi_pidfds());
	kill(pid, SIGKILL);
	ivi_child_reap(pid, -1);
}

/* The first N answers are ERR, or that there is no status yet, of a child of
   PARENT. */
static void check_early(unsigned n, int err, pid_t parent, int expected)
{
	pid_t pid = fork_child(wait_for_signals, NULL);
	int fd = need_pidfd(pid), status = 0;
	struct rusage usage;
	bool has_usage;

	if (!ivi_pidfd_keeps_status()) {
		kill(pid, SIGKILL);
		ivi_child_reap(pid, -1);
		SKIP("a kernel without kept status");
	}
	early = n;
	early_errno = err;
	early_parent = parent;
	signal(SIGCHLD, SIG_IGN);
	kill(pid, SIGKILL);
	CHECK_INT(readable(fd, -1), ==, 1);
	CHECK_INT(ivi_child_poll(pid, fd, &status, &usage, &has_usage), ==,
		  expected);
	early = 0;
	if (expected >= 0) {
		CHECK_INT(ivi_child_poll(pid, fd, &status, &usage, &has_usage),
			  ==, 1);
		CHECK(!has_usage);
		CHECK(WIFSIGNALED(status));
		CHECK_INT(WTERMSIG(status), ==, SIGKILL);
	}
	close(fd);
	signal(SIGCHLD, SIG_DFL);
}

TEST_ONCE(a_kept_status_that_comes_late)
{
	check_early(1000000, 0, getpid(), 0);
}

TEST_ONCE(a_child_that_goes_while_it_is_looked_at)
{
	check_early(1, ESRCH, 0, 1);
}

TEST_ONCE(no_status_is_kept)
{
	check_early(1000000, ESRCH, 0, -ECHILD);
}

TEST_ONCE(somebody_elses_status_is_kept)
{
	check_early(1000000, 0, getpid() + 1, -ECHILD);
}

/* Not that of somebody else who has its number. */
static void leave_a_member(void *unused)
{
	(void)unused;
	CHECK_SYS(setpgid(0, 0));
	if (CHECK_SYS(fork()) == 0)
		wait_for_signals(NULL);
}

TEST_ONCE(the_group_of_one_that_has_gone)
{
	int fds[2], status;
	pid_t pid;
	int fd;
	char c;

	make_pipe(fds);
	pid = fork_child(leave_a_member, NULL);
	fd = need_pidfd(pid);
	CHECK_SYS(close(fds[1]));
	await_state(pid, WEXITED);
	CHECK_INT(ivi_child_kill_group(pid, fd, 0), ==, 0);
	CHECK_INT(waitpid(pid, &status, 0), ==, pid);
	CHECK_ERRNO(ivi_child_kill_group(pid, fd, SIGKILL), ESRCH);
	CHECK_SYS(kill(-pid, 0));
	CHECK_INT(ivi_child_kill_group(pid, -1, SIGKILL), ==, 0);
	CHECK_INT(read(fds[0], &c, 1), ==, 0);
	CHECK_SYS(close(fds[0]));
	CHECK_SYS(close(fd));
}

/* Nobody's child may be one whose status the kernel keeps, or has yet to. */
TEST_ONCE(children_that_vanish)
{
	struct rusage usage;
	bool has_usage;
	int status = 0, fd, self;
	pid_t pid;

	signal(SIGCHLD, SIG_IGN);
	pid = fork_child(wait_for_signals, NULL);
	fd = need_pidfd(pid);
	self = need_pidfd(getpid());
	CHECK_INT(ivi_child_poll(getpid(), self, &status, &usage, &has_usage),
		  ==, -ECHILD);
	CHECK_INT(ivi_child_kill(pid, fd, SIGKILL), ==, 0);
	CHECK_INT(readable(fd, -1), ==, 1);
	if (ivi_pidfd_keeps_status()) {
		CHECK_INT(ivi_child_poll(pid, fd, &status, &usage, &has_usage),
			  ==, 1);
		CHECK(WIFSIGNALED(status));
		CHECK_INT(WTERMSIG(status), ==, SIGKILL);
		CHECK(!has_usage);
	}
	deny_syscall(SYS_ioctl, ENOTTY);
	CHECK_INT(ivi_child_poll(pid, fd, &status, &usage, &has_usage), ==,
		  -ECHILD);
	CHECK_SYS(close(self));
	CHECK_SYS(close(fd));
	signal(SIGCHLD, SIG_DFL);
}

TEST_ONCE(an_older_kernel_keeps_nothing)
{
	CHECK_SYS(personality(UNAME26));
	CHECK(!ivi_pidfd_keeps_status());
}

/* Somebody else answers for it: qemu-user, a sandbox. */
TEST_ONCE(a_kernel_that_is_new_by_name_only)
{
	deny_syscall(SYS_ioctl, ENOTTY);
	CHECK(!ivi_pidfd_keeps_status());
}

/* All that is done by them, or nothing. */
TEST_ONCE(half_of_pidfds_is_none)
{
	deny_syscall(SYS_pidfd_send_signal, ENOSYS);
	CHECK(!ivi_pidfds());
	CHECK_INT(ivi_pidfd_open(getpid()), ==, -ENOSYS);
}

TEST_ONCE(pidfds_that_cannot_be_waited_for)
{
	deny_syscall(SYS_waitid, EINVAL);
	CHECK(!ivi_pidfds());
}

/* A filter may come later. */
TEST_ONCE(pidfds_that_are_refused_from_now_on)
{
	pid_t pid = fork_child(exit_with, (void *)3);
	int fd = need_pidfd(pid);
	struct rusage usage;
	bool has_usage;
	int status;

	await_state(pid, WEXITED);
	deny_syscall(SYS_waitid, EPERM);
	CHECK_INT(ivi_child_poll(pid, fd, &status, &usage, &has_usage), ==, 1);
	CHECK_INT(WEXITSTATUS(status), ==, 3);
	CHECK_SYS(close(fd));
	pid = fork_child(exit_with, (void *)3);
	fd = need_pidfd(pid);
	ivi_child_reap(pid, fd);
	CHECK_ERRNO(waitpid(-1, NULL, WNOHANG), ECHILD);
	CHECK_SYS(close(fd));
	CHECK(ivi_pidfds());
	deny_syscall(SYS_pidfd_open, EPERM);
	CHECK_INT(ivi_pidfd_open(getpid()), ==, -ENOSYS);
	CHECK(!ivi_pidfds());
}

/* Want of descriptors passes, refusal lasts. */
TEST_ONCE(pidfds_are_absent)
{
	int fd;

	leave_fds(0);
	fd = ivi_pidfd_open(getpid());
	CHECK(fd == -EMFILE || fd == -ENOSYS);
	restore_fds();
	deny_syscall(SYS_pidfd_open, EPERM);
	CHECK_INT(ivi_pidfd_open(getpid()), ==, -ENOSYS);
	CHECK_INT(ivi_pidfd_open(getpid()), ==, -ENOSYS);
}
#else
/* A number that they are given means nothing then. */
TEST_ONCE(states_without_pidfds)
{
	CHECK(!ivi_pidfds());
	CHECK_INT(ivi_pidfd_open(getpid()), ==, -ENOSYS);
	CHECK(!ivi_pidfd_keeps_status());
	check_states(fork_child(wait_for_signals, NULL), 0);
}

TEST_ONCE(reap_without_pidfds)
{
	ivi_child_reap(fork_child(exit_with, (void *)3), 0);
	CHECK_ERRNO(waitpid(-1, NULL, WNOHANG), ECHILD);
}
#endif
