/* SPDX-License-Identifier: MIT */
/*
 * init_lite - keeps services running, as the first process of a container.
 *
 *	init_lite COMMAND...
 *
 * Each COMMAND is for a shell.  One that ends is started again, after a moment at
 * first, and later the longer it keeps failing.  SIGTERM or SIGINT ends them.
 * Of interest to a reader:
 *
 *   - programs whose end is told, and that lead process groups of their own,
 *     so that what they have started gets the signals, too (start, stop),
 *   - a restart that backs off (ended),
 *   - orphans: what services leave behind comes to the first process of the
 *     container, or to a sub-reaper, and has to be waited for (orphan_ended),
 *   - an end in which everybody has some seconds (stop).
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <iv.h>
#include <iv_signal.h>
#include <iv_spawn.h>
#include <iv_wait.h>

#define BACKOFF_MIN	100	/* milliseconds */
#define BACKOFF_MAX	10000
#define GOOD_SECONDS	10	/* who has run so long has not failed */
#define PATIENCE	5	/* seconds, for an end */

struct service {
	const char	*command;
	struct iv_spawn	program;
	struct iv_timer	restart;
	struct timespec	started;
	int		backoff;
};

static struct service *services;
static int count;
static int ending;
static struct iv_wait_any orphans;
static struct iv_signal signals[2] = {
	{ .signum = SIGTERM }, { .signum = SIGINT },
};

/* ---- Services ------------------------------------------------------------ */

static void back_off(struct service *s)
{
	int ms = s->backoff;

	s->backoff = 2 * ms < BACKOFF_MAX ? 2 * ms : BACKOFF_MAX;
	printf("%s: again in %d ms\n", s->command, ms);
	iv_timer_set_after(&s->restart, ms / 1000, ms % 1000 * 1000000L);
}

static void start(void *_s)
{
	struct service *s = _s;
	char *const argv[] = {
		"sh", "-c", (char *)s->command, NULL
	};

	s->program.argv = argv;
	s->started = iv_now;
	if (iv_spawn_start(&s->program) < 0) {
		printf("%s: %s\n", s->command, strerror(errno));
		back_off(s);
	} else {
		printf("%s: pid %d\n", s->command, (int)s->program.pid);
	}
}

static void quit_if_done(void)
{
	int i;

	for (i = 0; i < count; i++)
		if (iv_spawn_running(&services[i].program))
			return;
	iv_wait_any_unregister(&orphans);
}

static void ended(void *_s, int status, const struct rusage *usage)
{
	struct service *s = _s;

	(void)usage;
	if (WIFEXITED(status))
		printf("%s: status %d\n", s->command, WEXITSTATUS(status));
	else
		printf("%s: signal %d\n", s->command, WTERMSIG(status));
	if (ending) {
		quit_if_done();
		return;
	}
	if (iv_now.tv_sec - s->started.tv_sec >= GOOD_SECONDS)
		s->backoff = BACKOFF_MIN;
	back_off(s);
}

static void add_service(struct service *s, const char *command)
{
	s->command = command;
	s->backoff = BACKOFF_MIN;
	IV_TIMER_INIT(&s->restart);
	s->restart.cookie = s;
	s->restart.handler = start;
	IV_SPAWN_INIT(&s->program);
	s->program.file = "/bin/sh";
	s->program.flags = IV_SPAWN_GROUP;
	s->program.fd[0] = IV_SPAWN_NULL;
	s->program.cookie = s;
	s->program.handler = ended;
	start(s);
}

/* ---- Orphans ------------------------------------------------------------- */

static void orphan_ended(void *unused, pid_t pid, int status,
			 const struct rusage *usage)
{
	(void)unused;
	(void)status;
	(void)usage;
	printf("orphan: pid %d has ended\n", (int)pid);
}

/* The first process of a pid namespace has them without asking. */
static void adopt_orphans(void)
{
#ifdef PR_SET_CHILD_SUBREAPER
	prctl(PR_SET_CHILD_SUBREAPER, 1);
#endif
	IV_WAIT_ANY_INIT(&orphans);
	orphans.handler = orphan_ended;
	if (iv_wait_any_register(&orphans) == 0)
		return;
	perror("init_lite: iv_wait_any_register");
	exit(EXIT_FAILURE);
}

/* ---- The end ------------------------------------------------------------- */

static void stop(void *unused)
{
	int i;

	(void)unused;
	ending = 1;
	for (i = 0; i < 2; i++)
		iv_signal_unregister(&signals[i]);
	for (i = 0; i < count; i++) {
		if (iv_timer_registered(&services[i].restart))
			iv_timer_unregister(&services[i].restart);
		iv_spawn_stop(&services[i].program, PATIENCE);
	}
	quit_if_done();
}

static void start_signals(void)
{
	int i;

	for (i = 0; i < 2; i++) {
		IV_SIGNAL_INIT(&signals[i]);
		signals[i].handler = stop;
		if (iv_signal_register(&signals[i]) == 0)
			continue;
		perror("init_lite: iv_signal_register");
		exit(EXIT_FAILURE);
	}
}

int main(int argc, char **argv)
{
	int i;

	if (argc < 2) {
		fputs("usage: init_lite COMMAND...\n"
		      "Keeps the commands, each for a shell, running.\n",
		      stderr);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	count = argc - 1;
	services = calloc((size_t)count, sizeof(*services));
	if (services == NULL) {
		perror("init_lite");
		return EXIT_FAILURE;
	}
	iv_init();
	start_signals();
	adopt_orphans();
	for (i = 0; i < count; i++)
		add_service(&services[i], argv[i + 1]);
	iv_main();
	iv_deinit();
	free(services);
	return EXIT_SUCCESS;
}
