/* SPDX-License-Identifier: MIT */
/*
 * coverage.c - keeps gcov's counters where a process ends without exit(3).
 *
 * In coverage builds, which are static, these stand before the C library's for
 * all objects of a program.  The counters begin anew with each time that they
 * are written: a child of vfork(2) counts in the memory of its parent, which
 * goes on.  gcc's own __gcov_execve() only does that if nothing was executed,
 * and what the parent counts afterwards would never be written; its
 * __gcov_fork() forgets what handlers of pthread_atfork(3) have counted in the
 * child.  Here a child goes on with what its parent has counted.
 */
#include "config.h"
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include "harness.h"

__thread int keeping_counters;

#ifdef TEST_COVERAGE

extern char **environ;

static int locked;

void __gcov_dump(void);
void __gcov_reset(void);
pid_t __gcov_fork(void);
int __gcov_execv(const char *path, char *const argv[]);
int __gcov_execve(const char *path, char *const argv[], char *const envp[]);

/* gcov has a lock, which a forked child must not inherit.  Who has ours may
   have been killed, in a child of vfork(2). */
static void lock(void)
{
	int tries;

	for (tries = 0; tries < 100000; tries++) {
		if (!__atomic_exchange_n(&locked, 1, __ATOMIC_ACQUIRE))
			break;
		sched_yield();
	}
}

static void unlock(void)
{
	__atomic_store_n(&locked, 0, __ATOMIC_RELEASE);
}

/* It needs a descriptor, and says so on standard error if there is none. */
static void keep(void)
{
	struct rlimit now, most;
	int err = errno, limited = getrlimit(RLIMIT_NOFILE, &now) == 0;

	most = now;
	most.rlim_cur = now.rlim_max;
	if (limited)
		setrlimit(RLIMIT_NOFILE, &most);
	keeping_counters = 1;
	lock();
	__gcov_dump();
	__gcov_reset();
	unlock();
	keeping_counters = 0;
	if (limited)
		setrlimit(RLIMIT_NOFILE, &now);
	errno = err;
}

void _exit(int status)
{
	keep();
	_Exit(status);
}

/* A handler of SIGABRT may return. */
void abort(void)
{
	sigset_t set;

	keep();
	raise(SIGABRT);
	signal(SIGABRT, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGABRT);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(SIGABRT);
	_Exit(127);
}

#ifndef __clang__
/* What gcc calls for fork(2) and execve(2); clang's are of another kind. */
pid_t __gcov_fork(void)
{
	pid_t (*volatile fn)(void) = fork;
	pid_t pid;

	lock();
	pid = fn();
	unlock();
	return pid;
}

int __gcov_execve(const char *path, char *const argv[], char *const envp[])
{
	int (*volatile fn)(const char *, char *const *, char *const *) = execve;

	keep();
	return fn(path, argv, envp);
}

int __gcov_execv(const char *path, char *const argv[])
{
	return __gcov_execve(path, argv, environ);
}
#endif

#endif
