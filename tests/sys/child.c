/* SPDX-License-Identifier: MIT */
/*
 * child.c - child processes, as lib/sys sees them.
 */
#include "config.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
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

TEST_ONCE(states_of_a_child)
{
	pid_t pid = fork_child(wait_for_signals, NULL);
	struct rusage usage;
	bool has_usage;
	int status;

	CHECK_INT(ivi_child_poll(pid, &status, &usage, &has_usage), ==, 0);
	expect_stopped(false);
	kill(pid, SIGSTOP);
	await_state(pid, WSTOPPED);
	expect_stopped(true);
	CHECK_INT(ivi_child_poll(pid, &status, &usage, &has_usage), ==, 1);
	CHECK(WIFSTOPPED(status));
	CHECK(!ivi_child_ended(status));
	expect_stopped(false);
	kill(pid, SIGCONT);
	await_state(pid, WCONTINUED);
	expect_stopped(true);
	CHECK_INT(ivi_child_poll(pid, &status, &usage, &has_usage), ==, 1);
	CHECK(WIFCONTINUED(status));
	CHECK(!ivi_child_ended(status));
	kill(pid, SIGKILL);
	await_state(pid, WEXITED);
	expect_stopped(false);
	CHECK_INT(ivi_child_poll(pid, &status, &usage, &has_usage), ==, 1);
	CHECK(WIFSIGNALED(status));
	CHECK(ivi_child_ended(status));
	CHECK_INT(ivi_child_poll(pid, &status, &usage, &has_usage), ==,
		  -ECHILD);
	expect_stopped(false);
}

TEST_ONCE(reap)
{
	ivi_child_reap(fork_child(exit_with, (void *)3));
	CHECK_ERRNO(waitpid(-1, NULL, WNOHANG), ECHILD);
}

#ifdef HAVE_PIDFD
static int readable(int fd, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return (int)CHECK_SYS(poll(&pfd, 1, ms));
}

TEST_ONCE(a_pidfd_shows_the_end)
{
	pid_t pid = fork_child(wait_for_signals, NULL);
	int fd = ivi_pidfd_open(pid);

	if (fd == -ENOSYS) {
		kill(pid, SIGKILL);
		ivi_child_reap(pid);
		SKIP("no pidfds here");
	}
	CHECK_INT(fd, >=, 0);
	CHECK_INT(CHECK_SYS(fcntl(fd, F_GETFD)), ==, FD_CLOEXEC);
	CHECK_INT(readable(fd, 0), ==, 0);
	kill(pid, SIGKILL);
	CHECK_INT(readable(fd, -1), ==, 1);
	ivi_child_reap(pid);
	close(fd);
	CHECK_INT(ivi_pidfd_open(pid), ==, -ESRCH);
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
#endif

/* ---- Programs ------------------------------------------------------------------------ */

struct program {
	struct ivi_exec exec;
	int parent;
	pid_t pid;
};

static void become(void *x)
{
	ivi_exec(x);
}

static int run(struct program *p, int std, char **argv)
{
	p->exec.file = argv[0];
	p->exec.argv = argv;
	CHECK_INT(ivi_exec_open(&p->exec, std, &p->parent), ==, 0);
	p->pid = fork_child(become, &p->exec);
	return ivi_exec_outcome(&p->exec);
}

TEST_ONCE(a_program_reads_and_writes)
{
	char echo[] = "echo", cat[] = "cat", word[] = "word";
	struct program p;
	char buf[10];

	CHECK_INT(run(&p, 1, (char *[]) { echo, word, NULL }), ==, 0);
	CHECK_INT(read(p.parent, buf, sizeof(buf)), ==, 5);
	CHECK_INT(memcmp(buf, "word\n", 5), ==, 0);
	close(p.parent);
	reap_child(p.pid);

	CHECK_INT(run(&p, 0, (char *[]) { cat, NULL }), ==, 0);
	poke(p.parent);
	close(p.parent);
	reap_child(p.pid);
}

TEST_ONCE(a_program_that_is_missing)
{
	char missing[] = "/nonexistent";
	struct program p;
	int status;

	CHECK_INT(run(&p, 1, (char *[]) { missing, NULL }), ==, -ENOENT);
	close(p.parent);
	CHECK_INT(waitpid(p.pid, &status, 0), ==, p.pid);
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), ==, 127);
}

static void hold_open(void *fd)
{
	char c;

	while (read((int)(intptr_t)fd, &c, 1) > 0)
		;
}

/* Somebody holds the report's pipe open: then it is given up. */
TEST_ONCE(no_report_is_no_error)
{
	char true_[] = "true";
	struct program p;
	pid_t holder;
	int fds[2];

	make_pipe(fds);
	p.exec.file = true_;
	p.exec.argv = (char *[]) { true_, NULL };
	CHECK_INT(ivi_exec_open(&p.exec, 1, &p.parent), ==, 0);
	holder = fork();
	CHECK_SYS(holder);
	if (holder == 0) {
		close(fds[1]);
		hold_open((void *)(intptr_t)fds[0]);
		_exit(0);
	}
	p.pid = fork_child(become, &p.exec);
	CHECK_INT(ivi_exec_outcome(&p.exec), ==, 0);
	close_pair(fds);
	close(p.parent);
	reap_child(holder);
	reap_child(p.pid);
}

static void check_private(int fd)
{
	CHECK_INT(fd, >, 2);
	CHECK_INT(CHECK_SYS(fcntl(fd, F_GETFD)), ==, FD_CLOEXEC);
}

static void close_and_open(void *mask)
{
	struct ivi_exec x;
	int fd, parent;

	for (fd = 0; fd < 3; fd++)
		if ((uintptr_t)mask & (1u << fd))
			close(fd);
	CHECK_INT(ivi_exec_open(&x, (uintptr_t)mask & 1, &parent), ==, 0);
	check_private(x.pipe);
	check_private(x.null);
	check_private(x.report[1]);
}

/* What the program is to have as 0, 1, 2 must not be in their way. */
TEST_ONCE(with_standard_descriptors_closed)
{
	uintptr_t mask;

	for (mask = 0; mask < 8; mask++)
		reap_child(fork_child(close_and_open, (void *)mask));
}

/* The fence sees what an attempt leaves open. */
TEST_ONCE(opening_without_descriptors)
{
	struct ivi_exec x;
	unsigned spare;
	int parent;

	for (spare = 0; ; spare++) {
		int ret;

		leave_fds(spare);
		ret = ivi_exec_open(&x, spare & 1, &parent);
		restore_fds();
		if (ret == 0)
			break;
		CHECK_INT(ret, ==, -EMFILE);
		CHECK_INT(parent, ==, -1);
	}
	CHECK_INT(spare, ==, 5);
	CHECK(x.pipe > 2 && x.null > 2 && x.report[1] > 2);
	ivi_exec_close(&x);
	close(parent);
}
