/* SPDX-License-Identifier: MIT */
/*
 * limited.c - runs a test script, but not for ever.
 *
 *	limited COMMAND [ARGUMENT]...
 *
 * runs COMMAND in a process group of its own, which ends with it, when its
 * time is up, or with us.  Exits with its status.  Only what ends in ".sh" has
 * a limit, 15 minutes (by IV_TEST_TIME_SCALE): test programs have one for each
 * of their cases.
 */
#include "config.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT	(15 * 60)
#define GRACE	10	/* seconds between SIGTERM and SIGKILL */

static pid_t group;
static volatile sig_atomic_t ended_by;

/* Again after GRACE, if that was not enough. */
static void end_group(int sig)
{
	kill(-group, ended_by == 0 ? SIGTERM : SIGKILL);
	if (ended_by == 0)
		ended_by = sig;
	alarm(GRACE);
}

static void catch_signals(void)
{
	static const int deadly[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction sa = { .sa_handler = end_group };
	unsigned i;

	sigaction(SIGALRM, &sa, NULL);
	for (i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
		if (signal(deadly[i], SIG_IGN) != SIG_IGN)
			sigaction(deadly[i], &sa, NULL);
}

static unsigned limit_of(const char *name)
{
	const char *s = getenv("IV_TEST_TIME_SCALE");
	double scale = s != NULL ? strtod(s, NULL) : 1;
	size_t len = strlen(name);

	if (len < 3 || strcmp(name + len - 3, ".sh") != 0)
		return 0;
	return 1 + (unsigned)(LIMIT * (scale > 0 ? scale : 1));
}

static pid_t start(char **command)
{
	pid_t pid = fork();

	if (pid > 0)
		setpgid(pid, pid);
	if (pid != 0)
		return pid;
	setpgid(0, 0);
	execvp(command[0], command);
	printf("Bail out! %s: %s\n", command[0], strerror(errno));
	fflush(stdout);
	_exit(127);
}

static int outcome(int status)
{
	if (ended_by == SIGALRM) {
		printf("Bail out! time limit exceeded\n");
		return 1;
	}
	if (ended_by != 0) {
		signal(ended_by, SIG_DFL);
		raise(ended_by);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) :
				   128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	int status;

	if (argc < 2) {
		fprintf(stderr, "usage: %s COMMAND [ARGUMENT]...\n", argv[0]);
		return 2;
	}
	group = start(argv + 1);
	if (group < 0) {
		perror("fork");
		return 2;
	}
	catch_signals();
	alarm(limit_of(argv[argc - 1]));
	while (waitpid(group, &status, 0) < 0 && errno == EINTR)
		;
	alarm(0);
	kill(-group, SIGKILL);	/* what it left behind */
	return outcome(status);
}
