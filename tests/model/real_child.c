/* SPDX-License-Identifier: MIT */
/*
 * real_child.c - the ground of real processes, whose states are certain.
 */
#include "config.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include "harness/test.h"
#include "model/model.h"

/* No descriptor of a test has a higher number. */
#define MANY_FDS	256

const bool ground_is_real = true;

static int orders[2], ready[2];

static void cloexec_pipe(int fds[2])
{
	CHECK_SYS(pipe(fds));
	CHECK_SYS(fcntl(fds[0], F_SETFD, FD_CLOEXEC));
	CHECK_SYS(fcntl(fds[1], F_SETFD, FD_CLOEXEC));
}

void ground_child_prepare(void)
{
	cloexec_pipe(orders);
	cloexec_pipe(ready);
}

/* `ready' ends when this has no other descriptors but the standard ones. */
void ground_child_main(void *unused)
{
	uint8_t status = 0;
	int fd;

	(void)unused;
#ifdef __linux__
	prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
	dup2(orders[0], 0);
	for (fd = 3; fd < MANY_FDS; fd++)
		if (fd != ready[1])
			close(fd);
	close(ready[1]);
	_exit(read(0, &status, 1) == 1 ? status : 0);
}

int ground_child_begun(void)
{
	char c;

	close(orders[0]);
	close(ready[1]);
	CHECK_INT(read(ready[0], &c, 1), ==, 0);
	close(ready[0]);
	return orders[1];
}

bool ground_child_taken(pid_t pid)
{
	siginfo_t info;

	return waitid(P_PID, (id_t)pid, &info,
		      WEXITED | WNOHANG | WNOWAIT) < 0;
}

/* ---- SIGCHLD ---------------------------------------------------------------------- */

/* The kernel sends it a little after it can be waited for. */
static sigset_t before;

static void only_sigchld(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
}

void ground_sigchld_hold(void)
{
	sigset_t set;

	only_sigchld(&set);
	CHECK_INT(pthread_sigmask(SIG_BLOCK, &set, &before), ==, 0);
}

void ground_sigchld_release(void)
{
	sigset_t set;
	int signum;

	only_sigchld(&set);
	CHECK_INT(sigwait(&set, &signum), ==, 0);
	CHECK_INT(pthread_sigmask(SIG_SETMASK, &before, NULL), ==, 0);
	CHECK_INT(raise(SIGCHLD), ==, 0);
}

/* ---- Descriptors of processes ------------------------------------------------------- */

int __real_ivi_pidfd_open(pid_t pid);
int __wrap_ivi_pidfd_open(pid_t pid);

static bool refused;

int __wrap_ivi_pidfd_open(pid_t pid)
{
	return refused ? -EMFILE : __real_ivi_pidfd_open(pid);
}

static bool absent(void)
{
	int fd = __real_ivi_pidfd_open(getpid());

	if (fd >= 0)
		close(fd);
	return fd < 0;
}

bool ground_child_blind(bool blind)
{
	refused = blind || absent();
	return refused;
}
