/* SPDX-License-Identifier: MIT */
/*
 * run_jobs - runs shell commands, several at a time.
 *
 * Of interest to a reader:
 *
 *   - children whose end is told with a status (start_job, job_changed),
 *     without a SIGCHLD handler and without touching anybody else's children,
 *   - a program whose output is read in the loop, and that is given up when
 *     it is not needed any more (open_list, close_list),
 *   - reading no more than can be dealt with (take_lines),
 *   - an end on signals that is polite first (give_up, insist).
 *
 * It ends by itself: iv_main() returns when the list has been read and the
 * last job has ended.
 */
#define _DEFAULT_SOURCE	/* for -std=c11 and the like */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <iv.h>
#include <iv_list.h>
#include <iv_popen.h>
#include <iv_signal.h>
#include <iv_wait.h>

#define LINE_SIZE	4096
#define PATIENCE_SEC	5

struct job {
	struct iv_list_head	list;
	struct iv_wait_interest	wait;
	char			command[];
};

static unsigned jobs_max = 2, jobs_running, jobs_run, jobs_failed;
static struct iv_list_head jobs = IV_LIST_HEAD_INIT(jobs);

/* The list of commands: a program's output, or standard input. */
static struct iv_popen_request list_program;
static struct iv_fd list;
static char lines[LINE_SIZE];
static size_t lines_len;
static int list_ended;

static struct iv_signal signals[2] = {
	{ .signum = SIGINT }, { .signum = SIGTERM },
};
static struct iv_timer patience;
static int giving_up;

static void die(const char *what)
{
	fprintf(stderr, "run_jobs: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void take_lines(void);

/* ---- Jobs --------------------------------------------------------------- */

static void all_done(void)
{
	int i;

	for (i = 0; i < 2; i++)
		iv_signal_unregister(&signals[i]);
	if (iv_timer_registered(&patience))
		iv_timer_unregister(&patience);
}

static void print_end(const struct job *job, int status,
		      const struct rusage *usage)
{
	if (status < 0)
		printf("lost");
	else if (WIFSIGNALED(status))
		printf("signal %d", WTERMSIG(status));
	else
		printf("exit %d", WEXITSTATUS(status));
	if (usage != NULL)
		printf(", %ld.%03ld s", (long)usage->ru_utime.tv_sec,
		       (long)usage->ru_utime.tv_usec / 1000);
	printf(": %s\n", job->command);
}

static void job_changed(void *_job, int status, const struct rusage *usage)
{
	struct job *job = _job;

	if (status >= 0 && (WIFSTOPPED(status) || WIFCONTINUED(status))) {
		printf("%s: %s\n", WIFSTOPPED(status) ? "stopped" : "continued",
		       job->command);
		return;
	}
	print_end(job, status, usage);
	jobs_failed += status != 0;
	jobs_running--;
	iv_wait_interest_unregister(&job->wait);
	iv_list_del(&job->list);
	free(job);
	take_lines();
}

/* In the child, where SIGPIPE is not ignored any more. */
static void run_shell(void *command)
{
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static void start_job(const char *command, size_t len)
{
	struct job *job = calloc(1, sizeof(*job) + len + 1);

	if (job == NULL)
		die("memory");
	memcpy(job->command, command, len);
	IV_WAIT_INTEREST_INIT(&job->wait);
	job->wait.cookie = job;
	job->wait.handler = job_changed;
	jobs_run++;
	if (iv_wait_interest_register_spawn(&job->wait, run_shell,
					    job->command) < 0) {
		printf("not started (%s): %s\n", strerror(errno),
		       job->command);
		jobs_failed++;
		free(job);
		return;
	}
	jobs_running++;
	iv_list_add_tail(&job->list, &jobs);
}

/* ---- The list ----------------------------------------------------------- */

static void close_list(void)
{
	if (list_ended)
		return;
	list_ended = 1;
	lines_len = 0;
	if (iv_fd_registered(&list))
		iv_fd_unregister(&list);
	close(list.fd);
	iv_popen_request_close(&list_program);
}

static void read_list(void *unused)
{
	ssize_t n = read(list.fd, lines + lines_len,
			 sizeof(lines) - lines_len);

	(void)unused;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0)
		die("reading the list");
	lines_len += (size_t)n;
	if (n == 0 && lines_len > 0)
		lines[lines_len++] = '\n';
	else if (n == 0)
		close_list();
	take_lines();
}

/* A line that does not fit is cut in two. */
static size_t line_length(void)
{
	const char *end = memchr(lines, '\n', lines_len);

	if (end != NULL)
		return (size_t)(end - lines) + 1;
	return lines_len >= sizeof(lines) - 1 ? lines_len : 0;
}

/* Starts what may run; reads on when there is need of more. */
static void take_lines(void)
{
	size_t len;

	while (jobs_running < jobs_max && (len = line_length()) > 0) {
		start_job(lines, len - (lines[len - 1] == '\n'));
		lines_len -= len;
		memmove(lines, lines + len, lines_len);
	}
	if (!list_ended)
		iv_fd_set_handler_in(&list, jobs_running < jobs_max ?
					    read_list : NULL);
	if (list_ended && jobs_running == 0)
		all_done();
}

static void open_list(char **argv)
{
	char type[] = "r";

	IV_POPEN_REQUEST_INIT(&list_program);
	IV_FD_INIT(&list);
	list.fd = STDIN_FILENO;
	if (argv[0] != NULL) {
		list_program.file = argv[0];
		list_program.argv = argv;
		list_program.type = type;
		list.fd = iv_popen_request_submit(&list_program);
		if (list.fd < 0)
			die(argv[0]);
	}
	list.handler_in = read_list;
	if (iv_fd_register_try(&list) < 0)
		die("the list (a file? use: run_jobs cat FILE)");
}

/* ---- Signals ------------------------------------------------------------ */

static void kill_all(int signum)
{
	struct iv_list_head *lh;

	iv_list_for_each (lh, &jobs)
		iv_wait_interest_kill(&iv_list_entry(lh, struct job, list)
				       ->wait, signum);
}

static void insist(void *unused)
{
	(void)unused;
	kill_all(SIGKILL);
}

static void give_up(void *unused)
{
	(void)unused;
	if (giving_up++) {
		kill_all(SIGKILL);
		return;
	}
	kill_all(SIGTERM);
	patience.expires = iv_now;
	patience.expires.tv_sec += PATIENCE_SEC;
	iv_timer_register(&patience);
	close_list();
	take_lines();
}

static void start(void)
{
	int i;

	IV_TIMER_INIT(&patience);
	patience.handler = insist;
	for (i = 0; i < 2; i++) {
		IV_SIGNAL_INIT(&signals[i]);
		signals[i].handler = give_up;
		if (iv_signal_register(&signals[i]) < 0)
			die("iv_signal_register");
	}
}

static void usage(void)
{
	fputs("usage: run_jobs [-j JOBS] [COMMAND [ARGUMENT]...]\n"
	      "Runs the lines that COMMAND prints, or those on standard "
	      "input,\nwith sh -c, at most JOBS (2) at a time.\n"
	      "Exit status: 0 if all succeeded, 1 if some failed.\n", stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "+j:")) != -1) {
		if (option != 'j' || atoi(optarg) < 1)
			usage();
		jobs_max = (unsigned)atoi(optarg);
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	iv_init();
	start();
	open_list(argv + optind);
	iv_main();
	iv_deinit();
	printf("%u jobs, %u failed\n", jobs_run, jobs_failed);
	return jobs_failed > 0;
}
