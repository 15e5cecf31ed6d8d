/* SPDX-License-Identifier: MIT */
/*
 * spawn.c - iv_spawn.
 */
#include "config.h"
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <iv_signal.h>
#include <iv_spawn.h>
#include "harness/test.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open	(-1)
#endif

/* ---- Helpers -------------------------------------------------------------------- */

/* One program, and what was heard of it. */
struct job {
	struct iv_spawn	s;
	unsigned	ends;
	int		status;
	int		has_usage;
	void		(*then)(struct job *j);
};

static char sh[] = "/bin/sh", dash_c[] = "-c";

static void job_ended(void *_j, int status, const struct rusage *usage)
{
	struct job *j = _j;

	CHECK_INT(iv_spawn_running(&j->s), ==, 0);
	j->ends++;
	j->status = status;
	j->has_usage = usage != NULL && usage->ru_maxrss > 0;
	if (j->then != NULL)
		j->then(j);
}

static void set(struct job *j, const char *file, char *const *argv)
{
	memset(j, 0xa5, sizeof(*j));
	IV_SPAWN_INIT(&j->s);
	j->s.file = file;
	j->s.argv = argv;
	j->s.cookie = j;
	j->s.handler = job_ended;
	j->ends = 0;
	j->then = NULL;
	CHECK_INT(iv_spawn_running(&j->s), ==, 0);
}

static void start(struct job *j)
{
	CHECK_SYS(iv_spawn_start(&j->s));
	CHECK_INT(iv_spawn_running(&j->s), ==, 1);
	CHECK_INT(j->s.pid, >, 0);
}

/* FDS: of the program. */
static void shell(struct job *j, const char *script, unsigned flags,
		  int in, int out, int err)
{
	char *argv[] = { sh, dash_c, (char *)(uintptr_t)script, NULL };

	set(j, sh, argv);
	j->s.flags = flags;
	j->s.fd[0] = in;
	j->s.fd[1] = out;
	j->s.fd[2] = err;
	start(j);
}

static void expect_no_children(void)
{
	CHECK_ERRNO(waitpid(-1, NULL, WNOHANG), ECHILD);
}

static void run_to_end(const struct job *j)
{
	iv_main();
	CHECK_INT(j->ends, ==, 1);
	expect_no_children();
}

/* Reads to the end; closes FD, which does not block. */
static const char *slurp(int fd)
{
	static char text[20000];
	size_t len = 0;
	ssize_t n;

	CHECK_SYS(fcntl(fd, F_SETFL, 0));
	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) != 0) {
		CHECK(n > 0 || errno == EINTR);
		if (n > 0)
			len += (size_t)n;
	}
	text[len] = '\0';
	CHECK_SYS(close(fd));
	return text;
}

static const char *output(const char *script)
{
	struct job j;
	const char *text;

	shell(&j, script, 0, IV_SPAWN_NULL, IV_SPAWN_PIPE, IV_SPAWN_STDOUT);
	text = slurp(j.s.fd[1]);
	run_to_end(&j);
	return text;
}

static void deny_pidfd(void)
{
	if (SYS_pidfd_open < 0)
		SKIP("there are no pidfds");
	deny_syscall(SYS_pidfd_open, ENOSYS);
}

/* Runs with and without pidfds. */
#define SPAWN_TEST(name)						\
static void run_##name(void);						\
TEST(name)								\
{									\
	run_##name();							\
}									\
TEST(name##_without_pidfd)						\
{									\
	deny_pidfd();							\
	run_##name();							\
}									\
static void run_##name(void)

/* ---- The end -------------------------------------------------------------------------- */

SPAWN_TEST(how_it_ended)
{
	struct job j;

	iv_init();
	shell(&j, "exit 3", 0, IV_SPAWN_NULL, IV_SPAWN_NULL, IV_SPAWN_NULL);
	run_to_end(&j);
	CHECK(WIFEXITED(j.status));
	CHECK_INT(WEXITSTATUS(j.status), ==, 3);
	CHECK_INT(j.has_usage, ==, 1);
	shell(&j, "kill -TERM $$", 0, IV_SPAWN_NULL, IV_SPAWN_NULL,
	      IV_SPAWN_NULL);
	run_to_end(&j);
	CHECK(WIFSIGNALED(j.status));
	CHECK_INT(WTERMSIG(j.status), ==, SIGTERM);
	iv_deinit();
}

SPAWN_TEST(many_at_once)
{
	struct job j[100];
	unsigned i;

	time_limit(30);
	iv_init();
	for (i = 0; i < 100; i++)
		shell(&j[i], "exit 5", 0, IV_SPAWN_NULL, IV_SPAWN_NULL,
		      IV_SPAWN_NULL);
	iv_main();
	for (i = 0; i < 100; i++) {
		CHECK_INT(j[i].ends, ==, 1);
		CHECK_INT(WEXITSTATUS(j[i].status), ==, 5);
	}
	expect_no_children();
	iv_deinit();
}

/* It has what its parent had, and lives on. */
SPAWN_TEST(a_grandchild_does_not_delay_the_end)
{
	struct job j;
	char c1;

	iv_init();
	shell(&j, "exec 3<&0; (read x <&3; echo) & exit 4", IV_SPAWN_GROUP, IV_SPAWN_PIPE,
	      IV_SPAWN_PIPE, IV_SPAWN_STDOUT);
	with_deadline(5);
	while (j.ends == 0) {
		quit_after_turns(2);
		iv_main();
	}
	without_deadline();
	CHECK_INT(WEXITSTATUS(j.status), ==, 4);
	CHECK_ERRNO(read(j.s.fd[1], &c1, 1), EAGAIN);
	CHECK_SYS(close(j.s.fd[0]));
	slurp(j.s.fd[1]);
	iv_deinit();
}

SPAWN_TEST(stops_are_not_told)
{
	struct job j;
	siginfo_t info;

	iv_init();
	shell(&j, "exec sleep 1000", 0, IV_SPAWN_NULL, IV_SPAWN_NULL,
	      IV_SPAWN_NULL);
	CHECK_SYS(iv_spawn_kill(&j.s, SIGSTOP));
	CHECK_SYS(waitid(P_PID, (id_t)j.s.pid, &info, WSTOPPED | WNOWAIT));
	quit_after_turns(4);
	iv_main();
	CHECK_SYS(iv_spawn_kill(&j.s, SIGCONT));
	CHECK_SYS(waitid(P_PID, (id_t)j.s.pid, &info, WCONTINUED | WNOWAIT));
	quit_after_turns(4);
	iv_main();
	CHECK_INT(j.ends, ==, 0);
	CHECK_SYS(iv_spawn_kill(&j.s, SIGKILL));
	run_to_end(&j);
	CHECK_INT(WTERMSIG(j.status), ==, SIGKILL);
	iv_deinit();
}

TEST(somebody_else_waits_for_it)
{
	struct job j;

	iv_init();
	shell(&j, "exit 3", 0, IV_SPAWN_NULL, IV_SPAWN_NULL, IV_SPAWN_NULL);
	CHECK_SYS(waitpid(j.s.pid, NULL, 0));
	run_to_end(&j);
	CHECK_INT(j.status, ==, -1);
	CHECK_INT(j.has_usage, ==, 0);
	iv_deinit();
}

/* SIGCHLD is the program's, and its end is told nevertheless. */
static void check_sigchld(void (*handler)(int))
{
	struct job j;
	unsigned i;

	signal(SIGCHLD, handler);
	iv_init();
	for (i = 0; i < 20; i++) {
		shell(&j, "exit 3", 0, IV_SPAWN_NULL, IV_SPAWN_NULL,
		      IV_SPAWN_NULL);
		run_to_end(&j);
		CHECK(WIFEXITED(j.status));
		CHECK_INT(WEXITSTATUS(j.status), ==, 3);
	}
	CHECK(signal(SIGCHLD, handler) == handler);
	iv_deinit();
	signal(SIGCHLD, SIG_DFL);
}

static void note_signal(int signum)
{
	(void)signum;
}

SPAWN_TEST(sigchld_has_a_handler)
{
	check_sigchld(note_signal);
}

SPAWN_TEST(sigchld_is_ignored)
{
	check_sigchld(SIG_IGN);
}

static struct job next_job;

static void start_next(struct job *j)
{
	char *argv[] = { sh, dash_c, (char *)(uintptr_t)"exit 7", NULL };

	(void)j;
	set(&next_job, sh, argv);
	start(&next_job);
}

static void start_again(struct job *j)
{
	char *argv[] = { sh, dash_c, (char *)(uintptr_t)"exit 1", NULL };

	if (j->ends == 3)
		return;
	j->s.argv = argv;
	start(j);
}

static void free_it(struct job *j)
{
	memset(j, 0xa5, sizeof(*j));
	free(j);
}

SPAWN_TEST(what_a_handler_may_do)
{
	struct job *j = malloc(sizeof(*j));
	struct job again;

	iv_init();
	shell(j, "exit", 0, IV_SPAWN_NULL, IV_SPAWN_NULL, IV_SPAWN_NULL);
	j->then = free_it;
	shell(&again, "exit", 0, IV_SPAWN_NULL, IV_SPAWN_NULL, IV_SPAWN_NULL);
	again.then = start_again;
	iv_main();
	CHECK_INT(again.ends, ==, 3);
	shell(&again, "exit", 0, IV_SPAWN_NULL, IV_SPAWN_NULL, IV_SPAWN_NULL);
	again.then = start_next;
	iv_main();
	CHECK_INT(again.ends, ==, 1);
	CHECK_INT(next_job.ends, ==, 1);
	CHECK_INT(WEXITSTATUS(next_job.status), ==, 7);
	expect_no_children();
	iv_deinit();
}

TEST(it_keeps_the_loop_running)
{
	struct job j;

	iv_init();
	shell(&j, "exec cat", 0, IV_SPAWN_PIPE, IV_SPAWN_NULL, IV_SPAWN_NULL);
	quit_after_turns(3);
	iv_main();
	CHECK_INT(j.ends, ==, 0);
	CHECK_SYS(close(j.s.fd[0]));
	run_to_end(&j);
	iv_deinit();
}

/* ---- Pipes -------------------------------------------------------------------------------- */

static void check_end(int fd)
{
	CHECK_INT(fd, >, 2);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

TEST(all_three_pipes)
{
	struct job j;
	int i;

	iv_init();
	shell(&j, "read x; echo out $x; echo err $x >&2", 0, IV_SPAWN_PIPE,
	      IV_SPAWN_PIPE, IV_SPAWN_PIPE);
	for (i = 0; i < 3; i++)
		check_end(j.s.fd[i]);
	CHECK_INT(write(j.s.fd[0], "word\n", 5), ==, 5);
	CHECK_STR(slurp(j.s.fd[1]), "out word\n");
	CHECK_STR(slurp(j.s.fd[2]), "err word\n");
	CHECK_SYS(close(j.s.fd[0]));
	run_to_end(&j);
	iv_deinit();
}

struct reader {
	struct iv_fd	fd;
	size_t		len;
	char		text[100];
};

static void got_output(void *_r)
{
	struct reader *r = _r;
	ssize_t n = read(r->fd.fd, r->text + r->len,
			 sizeof(r->text) - 1 - r->len);

	if (n > 0) {
		r->len += (size_t)n;
	} else if (n == 0) {
		iv_fd_unregister(&r->fd);
		CHECK_SYS(close(r->fd.fd));
	}
}

TEST(reading_in_the_loop)
{
	struct reader r;
	struct job j;

	iv_init();
	shell(&j, "echo one; echo two >&2", 0, IV_SPAWN_NULL, IV_SPAWN_PIPE,
	      IV_SPAWN_STDOUT);
	memset(&r, 0, sizeof(r));
	IV_FD_INIT(&r.fd);
	r.fd.fd = j.s.fd[1];
	r.fd.cookie = &r;
	r.fd.handler_in = got_output;
	iv_fd_set_flags(&r.fd, IV_FD_RAW);
	iv_fd_register(&r.fd);
	run_to_end(&j);
	CHECK_STR(r.text, "one\ntwo\n");
	iv_deinit();
}

/* A descriptor of ours, which stays ours; what it blocks on is not touched. */
TEST(descriptors_of_ours)
{
	struct job j;
	int fds[2];

	iv_init();
	make_pipe(fds);
	shell(&j, "echo out; echo err >&2", 0, IV_SPAWN_NULL, fds[1], fds[1]);
	CHECK_INT(j.s.fd[1], ==, fds[1]);
	CHECK(fcntl(fds[1], F_GETFD) & FD_CLOEXEC);
	CHECK(!(fcntl(fds[1], F_GETFL) & O_NONBLOCK));
	CHECK_SYS(close(fds[1]));
	CHECK_STR(slurp(fds[0]), "out\nerr\n");
	run_to_end(&j);
	iv_deinit();
}

#ifdef __linux__
TEST(no_descriptors_but_those)
{
	int fds[2];

	make_pipe(fds);
	CHECK_SYS(fcntl(fds[0], F_SETFD, 0));
	CHECK_SYS(fcntl(fds[1], F_SETFD, 0));
	iv_init();
	/* One is that of the directory. */
	CHECK_STR(output("ls -1 /proc/self/fd | wc -l"), "4\n");
	close_pair(fds);
	iv_deinit();
}
#endif

/* ---- Where and how --------------------------------------------------------------------------- */

TEST_ONCE(search_environment_directory)
{
	char env[] = "HERE=word", *envp[] = { env, NULL };
	char *argv[] = { sh, dash_c, (char *)(uintptr_t)"echo $HERE $PWD", NULL };
	struct job j;

	iv_init();
	set(&j, "sh", argv);
	CHECK_ERRNO(iv_spawn_start(&j.s), ENOENT);
	j.s.flags = IV_SPAWN_SEARCH;
	j.s.envp = envp;
	j.s.cwd = "/usr";
	j.s.fd[1] = IV_SPAWN_PIPE;
	start(&j);
	CHECK_STR(slurp(j.s.fd[1]), "word /usr\n");
	run_to_end(&j);
	iv_deinit();
}

TEST_ONCE(literals_will_do)
{
	static const struct { char *const argv[3]; } echo = {
		{ (char *)(uintptr_t)"echo", (char *)(uintptr_t)"x", NULL }
	};
	struct job j;

	iv_init();
	set(&j, "echo", echo.argv);
	j.s.flags = IV_SPAWN_SEARCH;
	j.s.fd[1] = IV_SPAWN_PIPE;
	start(&j);
	CHECK_STR(slurp(j.s.fd[1]), "x\n");
	run_to_end(&j);
	iv_deinit();
}

TEST_ONCE(strings_may_go_after_the_start)
{
	char *argv[] = { strdup("sh"), strdup("-c"), strdup("echo x"), NULL };
	char *file = strdup("/bin/sh");
	struct job j;
	int i;

	iv_init();
	set(&j, file, argv);
	j.s.fd[1] = IV_SPAWN_PIPE;
	start(&j);
	for (i = 0; i < 3; i++)
		free(argv[i]);
	free(file);
	CHECK_STR(slurp(j.s.fd[1]), "x\n");
	run_to_end(&j);
	iv_deinit();
}

#ifdef __linux__
#define BIT(signum)	(1ULL << ((signum) - 1))

static void handle(struct iv_signal *sig, int signum)
{
	IV_SIGNAL_INIT(sig);
	sig->signum = signum;
	sig->flags = 0;
	sig->handler = never_handler;
	CHECK_SYS(iv_signal_register(sig));
}

static unsigned long long mask_in(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	CHECK(at != NULL);
	/* Without those that the C library has for itself. */
	return strtoull(at + strlen(name), NULL, 16) & 0x7fffffff;
}

/* Whatever this process has done with them. */
TEST(signals_are_default)
{
	struct iv_signal was_default, was_ignored;
	sigset_t set_, old;
	const char *text;

	signal(SIGQUIT, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	signal(SIGHUP, note_signal);
	iv_init();
	handle(&was_default, SIGUSR1);
	handle(&was_ignored, SIGUSR2);
	sigemptyset(&set_);
	sigaddset(&set_, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set_, &old);
	quit_after_turns(2);
	iv_main();
	{
		struct job j;

		shell(&j, "exec cat /proc/self/status", 0, IV_SPAWN_NULL,
		      IV_SPAWN_PIPE, IV_SPAWN_NULL);
		text = slurp(j.s.fd[1]);
		while (j.ends == 0) {
			quit_after_turns(2);
			iv_main();
		}
	}
	CHECK_INT(mask_in(text, "SigIgn:"), ==, BIT(SIGQUIT) | BIT(SIGUSR2));
	CHECK_INT(mask_in(text, "SigBlk:"), ==, 0);
	CHECK_INT(mask_in(text, "SigCgt:"), ==, 0);
	pthread_sigmask(SIG_SETMASK, &old, &set_);
	CHECK_INT(sigismember(&set_, SIGTERM), ==, 1);
	iv_signal_unregister(&was_default);
	iv_signal_unregister(&was_ignored);
	iv_deinit();
	CHECK(signal(SIGHUP, SIG_DFL) == note_signal);
	signal(SIGQUIT, SIG_DFL);
	signal(SIGUSR2, SIG_DFL);
}
#endif

/* ---- Signals to it --------------------------------------------------------------------------- */

/* One that says when it is ready, and then waits. */
static void sleeper(struct job *j, const char *first, unsigned flags)
{
	char script[200], ready[3];

	snprintf(script, sizeof(script), "%s echo; read x; exit 9", first);
	shell(j, script, flags, IV_SPAWN_PIPE, IV_SPAWN_PIPE, IV_SPAWN_NULL);
	CHECK_SYS(fcntl(j->s.fd[1], F_SETFL, 0));
	CHECK_INT(read(j->s.fd[1], ready, 1), ==, 1);
}

/* A shell that is about to read when the signal comes reads before it heeds
   it: then its input has to end. */
static void hang_up(struct job *j)
{
	CHECK_SYS(close(j->s.fd[0]));
}

static void close_pipes(struct job *j)
{
	CHECK_SYS(close(j->s.fd[0]));
	CHECK_SYS(close(j->s.fd[1]));
}

SPAWN_TEST(kill_and_after_the_end)
{
	struct job j;
	siginfo_t info;

	iv_init();
	sleeper(&j, "", 0);
	CHECK_SYS(iv_spawn_kill(&j.s, 0));
	CHECK_ERRNO(iv_spawn_kill(&j.s, 1000), EINVAL);
	CHECK_SYS(iv_spawn_kill(&j.s, SIGTERM));
	CHECK_SYS(waitid(P_PID, (id_t)j.s.pid, &info, WEXITED | WNOWAIT));
	CHECK_SYS(iv_spawn_kill(&j.s, SIGTERM));
	run_to_end(&j);
	CHECK_ERRNO(iv_spawn_kill(&j.s, SIGTERM), ESRCH);
	iv_spawn_stop(&j.s, 0);
	iv_spawn_forget(&j.s);
	iv_main();
	close_pipes(&j);
	iv_deinit();
}

SPAWN_TEST(a_group_gets_signals)
{
	struct job j;

	iv_init();
	sleeper(&j, "exec 3<&0; cat <&3 &", IV_SPAWN_GROUP);
	CHECK_INT(getpgid(j.s.pid), ==, j.s.pid);
	CHECK_SYS(iv_spawn_kill(&j.s, SIGKILL));
	/* It ends when nobody has it any more. */
	CHECK_STR(slurp(j.s.fd[1]), "");
	CHECK_SYS(close(j.s.fd[0]));
	run_to_end(&j);
	CHECK_ERRNO(iv_spawn_kill(&j.s, SIGKILL), ESRCH);
	iv_deinit();
}

TEST(a_session)
{
	struct job j;

	iv_init();
	sleeper(&j, "", IV_SPAWN_SESSION);
	CHECK_INT(getsid(j.s.pid), ==, j.s.pid);
	CHECK_INT(getpgid(j.s.pid), ==, j.s.pid);
	iv_spawn_stop(&j.s, 100);
	run_to_end(&j);
	CHECK_INT(WTERMSIG(j.status), ==, SIGTERM);
	close_pipes(&j);
	iv_deinit();
}

SPAWN_TEST(stop_is_polite_first)
{
	struct job j;

	iv_init();
	sleeper(&j, "trap 'exit 6' TERM;", 0);
	iv_spawn_stop(&j.s, 1000);
	hang_up(&j);
	run_to_end(&j);
	CHECK_INT(WEXITSTATUS(j.status), ==, 6);
	CHECK_SYS(close(j.s.fd[1]));
	iv_deinit();
}

SPAWN_TEST(stop_loses_patience)
{
	/* Long, beyond the end of the clock, and beyond all numbers. */
	const time_t patience[] = {
		1000000000,
		sizeof(time_t) == 8 ? (time_t)INT64_C(9223372036) : INT_MAX,
		sizeof(time_t) == 8 ? (time_t)INT64_MAX : INT_MAX,
	};
	struct iv_timer t;
	struct job j;
	int i;

	iv_init();
	sleeper(&j, "trap '' TERM;", 0);
	iv_spawn_stop(&j.s, 1);
	run_to_end(&j);
	CHECK(WIFSIGNALED(j.status));
	CHECK_INT(WTERMSIG(j.status), ==, SIGKILL);
	close_pipes(&j);
	sleeper(&j, "trap '' TERM;", IV_SPAWN_GROUP);
	for (i = 0; i < 3; i++) {
		iv_spawn_stop(&j.s, patience[i]);
		/* Who is killed would have gone by then. */
		timer_after(&t, 20, quit_handler, NULL);
		iv_timer_register(&t);
		iv_main();
		CHECK_INT(j.ends, ==, 0);
	}
	iv_spawn_stop(&j.s, 0);
	run_to_end(&j);
	CHECK_INT(WTERMSIG(j.status), ==, SIGKILL);
	close_pipes(&j);
	iv_deinit();
}

/* ---- Forgetting -------------------------------------------------------------------------------- */

SPAWN_TEST(forgotten_programs_are_waited_for)
{
	struct job *j = malloc(sizeof(*j));
	int in, out;

	iv_init();
	sleeper(j, "trap '' TERM;", 0);
	in = j->s.fd[0];
	out = j->s.fd[1];
	iv_spawn_stop(&j->s, 0);
	iv_spawn_forget(&j->s);
	CHECK_INT(iv_spawn_running(&j->s), ==, 0);
	CHECK_ERRNO(iv_spawn_kill(&j->s, 0), ESRCH);
	iv_spawn_forget(&j->s);
	free_it(j);
	iv_main();
	expect_no_children();
	CHECK_SYS(close(in));
	CHECK_SYS(close(out));
	iv_deinit();
}

TEST(deinit_lets_go)
{
	struct job j, forgotten;

	iv_init();
	sleeper(&j, "", 0);
	sleeper(&forgotten, "", 0);
	iv_spawn_stop(&j.s, 1000);
	iv_spawn_forget(&forgotten.s);
	iv_deinit();
	CHECK_INT(iv_spawn_running(&j.s), ==, 0);
	CHECK_INT(j.ends, ==, 0);
	close_pipes(&j);
	close_pipes(&forgotten);
	CHECK_SYS(waitpid(-1, NULL, 0));
	CHECK_SYS(waitpid(-1, NULL, 0));
	iv_init();
	CHECK_ERRNO(iv_spawn_kill(&j.s, 0), ESRCH);
	shell(&j, "exit", 0, IV_SPAWN_NULL, IV_SPAWN_NULL, IV_SPAWN_NULL);
	run_to_end(&j);
	iv_deinit();
}

/* ---- Refusals ----------------------------------------------------------------------------------- */

static void check_refused(const char *file, int err)
{
	char *argv[] = { sh, NULL };
	struct job j;

	set(&j, file, argv);
	j.s.fd[0] = j.s.fd[1] = j.s.fd[2] = IV_SPAWN_PIPE;
	CHECK_ERRNO(iv_spawn_start(&j.s), err);
	CHECK_INT(iv_spawn_running(&j.s), ==, 0);
	CHECK_INT(j.s.fd[0], ==, IV_SPAWN_PIPE);
	CHECK_INT(j.s.fd[2], ==, IV_SPAWN_PIPE);
	j.s.flags = IV_SPAWN_SEARCH;
	CHECK_ERRNO(iv_spawn_start(&j.s), err);
	expect_no_children();
	iv_main();
	CHECK_INT(j.ends, ==, 0);
}

SPAWN_TEST(programs_that_cannot_be_executed)
{
	char *argv[] = { sh, NULL };
	char path[4200];
	struct job j;

	iv_init();
	check_refused("/nonexistent/program", ENOENT);
	check_refused("", ENOENT);
	check_refused("/dev/null", EACCES);
	check_refused("/dev/null/x", ENOTDIR);
	snprintf(path, sizeof(path), "%s/file", tmpdir());
	close((int)CHECK_SYS(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0700)));
	CHECK_SYS(chmod(path, 0600));
	check_refused(path, EACCES);
	set(&j, sh, argv);
	j.s.cwd = "/nonexistent";
	CHECK_ERRNO(iv_spawn_start(&j.s), ENOENT);
	j.s.cwd = "/dev/null";
	CHECK_ERRNO(iv_spawn_start(&j.s), ENOTDIR);
	j.s.cwd = NULL;
	j.s.fd[1] = 9999;
	CHECK_ERRNO(iv_spawn_start(&j.s), EBADF);
	iv_main();
	expect_no_children();
	CHECK_STR(output("echo still fine"), "still fine\n");
	iv_deinit();
}

TEST(arguments_that_are_too_long)
{
	char *arg = malloc(1 << 20), *argv[] = { sh, arg, NULL };
	struct job j;

	memset(arg, 'x', (1 << 20) - 1);
	arg[(1 << 20) - 1] = '\0';
	iv_init();
	set(&j, sh, argv);
	CHECK_ERRNO(iv_spawn_start(&j.s), E2BIG);
	expect_no_children();
	iv_deinit();
	free(arg);
}

/* The fence sees what is left open. */
SPAWN_TEST(without_descriptors)
{
	char *argv[] = { sh, dash_c, (char *)(uintptr_t)"echo x", NULL };
	unsigned spare, refused = 0;
	struct job j;

	iv_init();
	for (spare = 0; spare < 20; spare++) {
		set(&j, sh, argv);
		j.s.fd[0] = j.s.fd[1] = j.s.fd[2] = IV_SPAWN_PIPE;
		leave_fds(spare);
		if (iv_spawn_start(&j.s) < 0) {
			CHECK_INT(errno, ==, EMFILE);
			restore_fds();
			expect_no_children();
			refused++;
			continue;
		}
		restore_fds();
		CHECK_STR(slurp(j.s.fd[1]), "x\n");
		CHECK_SYS(close(j.s.fd[0]));
		CHECK_SYS(close(j.s.fd[2]));
		run_to_end(&j);
		CHECK_INT(WEXITSTATUS(j.status), ==, 0);
	}
	CHECK_INT(refused, >, 3);
	CHECK_INT(refused, <, 12);
	iv_deinit();
}

/* ---- Threads and forks ------------------------------------------------------------------------------ */

static void *be_cancelled(void *_done)
{
	struct job j;
	int old;

	iv_init();
	pthread_cancel(pthread_self());
	shell(&j, "exit", 0, IV_SPAWN_NULL, IV_SPAWN_PIPE, IV_SPAWN_NULL);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	CHECK_SYS(close(j.s.fd[1]));
	iv_main();
	CHECK_INT(j.ends, ==, 1);
	iv_deinit();
	*(int *)_done = 1;
	return NULL;
}

TEST(a_thread_is_cancelled_while_it_starts_one)
{
	pthread_t tid;
	int done = 0;

	CHECK_INT(pthread_create(&tid, NULL, be_cancelled, &done), ==, 0);
	pthread_join(tid, NULL);
	CHECK_INT(done, ==, 1);
}

static void *start_many(void *unused)
{
	struct job j;
	unsigned i;

	(void)unused;
	iv_init();
	for (i = 0; i < 20; i++) {
		shell(&j, "echo x", 0, IV_SPAWN_NULL, IV_SPAWN_PIPE,
		      IV_SPAWN_NULL);
		CHECK_SYS(close(j.s.fd[1]));
		iv_main();
		CHECK_INT(j.ends, ==, 1);
	}
	iv_deinit();
	return NULL;
}

TEST(several_threads)
{
	pthread_t tid[4];
	unsigned i;

#ifdef __SANITIZE_THREAD__
	SKIP("it takes the number of a descriptor, whatever it was closed and "
	     "opened for, for one thing");
#endif
	for (i = 0; i < 4; i++)
		CHECK_INT(pthread_create(&tid[i], NULL, start_many, NULL), ==,
			  0);
	for (i = 0; i < 4; i++)
		pthread_join(tid[i], NULL);
	expect_no_children();
}

static struct job inherited;

static void go_on(void *unused)
{
	struct job j;

	(void)unused;
	CHECK_INT(iv_spawn_running(&inherited.s), ==, 0);
	CHECK_ERRNO(iv_spawn_kill(&inherited.s, SIGKILL), ESRCH);
	iv_spawn_stop(&inherited.s, 0);
	shell(&j, "exit 2", 0, IV_SPAWN_NULL, IV_SPAWN_NULL, IV_SPAWN_NULL);
	iv_spawn_forget(&inherited.s);
	while (j.ends == 0) {
		quit_after_turns(2);
		iv_main();
	}
	CHECK_INT(WEXITSTATUS(j.status), ==, 2);
	CHECK_INT(inherited.ends, ==, 0);
	iv_deinit();
}

static void begin_anew(void *unused)
{
	(void)unused;
	iv_init();
	CHECK_INT(iv_spawn_running(&inherited.s), ==, 0);
	shell(&inherited, "exit 2", 0, IV_SPAWN_NULL, IV_SPAWN_NULL,
	      IV_SPAWN_NULL);
	run_to_end(&inherited);
	CHECK_INT(WEXITSTATUS(inherited.status), ==, 2);
	iv_deinit();
}

/* What it is to execute is set, and nothing else. */
static void start_the_same(void *unused)
{
	char exits[] = "exit 2", *argv[] = { sh, dash_c, exits, NULL };
	int i;

	(void)unused;
	inherited.s.argv = argv;
	for (i = 0; i < 3; i++)
		inherited.s.fd[i] = IV_SPAWN_NULL;
	start(&inherited);
	while (inherited.ends == 0) {
		quit_after_turns(2);
		iv_main();
	}
	CHECK_INT(WEXITSTATUS(inherited.status), ==, 2);
	iv_deinit();
	CHECK_INT(inherited.ends, ==, 1);
}

TEST(forked_children)
{
	iv_init();
	sleeper(&inherited, "", 0);
	reap_child(fork_child(go_on, NULL));
	reap_child(fork_child(begin_anew, NULL));
	reap_child(fork_child(start_the_same, NULL));
	CHECK_INT(iv_spawn_running(&inherited.s), ==, 1);
	close_pipes(&inherited);
	run_to_end(&inherited);
	CHECK_INT(WEXITSTATUS(inherited.status), ==, 9);
	iv_deinit();
}

/* ---- Misuse ------------------------------------------------------------------------------------------- */

static struct job misused;

static void set_misused(void)
{
	static char *argv[] = { sh, NULL };

	set(&misused, sh, argv);
}

FATAL_TEST(starting_twice, "runs already")
{
	iv_init();
	sleeper(&misused, "", 0);
	iv_spawn_start(&misused.s);
}

FATAL_TEST_ONCE(without_a_loop, "iv_spawn_start: call iv_init()")
{
	set_misused();
	iv_spawn_start(&misused.s);
}

FATAL_TEST_ONCE(without_a_file, "iv_spawn_start: iv_spawn ")
{
	iv_init();
	set_misused();
	misused.s.file = NULL;
	iv_spawn_start(&misused.s);
}

FATAL_TEST_ONCE(without_arguments, "argv is NULL")
{
	iv_init();
	set_misused();
	misused.s.argv = NULL;
	iv_spawn_start(&misused.s);
}

FATAL_TEST_ONCE(without_a_handler, "handler is NULL")
{
	iv_init();
	set_misused();
	misused.s.handler = NULL;
	iv_spawn_start(&misused.s);
}

FATAL_TEST_ONCE(unknown_flags, "unknown flags 0x80")
{
	iv_init();
	set_misused();
	misused.s.flags = 0x81;
	iv_spawn_start(&misused.s);
}

FATAL_TEST_ONCE(stdout_for_input, "fd[0] is -4")
{
	iv_init();
	set_misused();
	misused.s.fd[0] = IV_SPAWN_STDOUT;
	iv_spawn_start(&misused.s);
}

FATAL_TEST_ONCE(unknown_descriptor, "fd[2] is -5")
{
	iv_init();
	set_misused();
	misused.s.fd[2] = -5;
	iv_spawn_start(&misused.s);
}

FATAL_TEST_ONCE(negative_patience, "-1 seconds of patience")
{
	iv_init();
	sleeper(&misused, "", 0);
	iv_spawn_stop(&misused.s, -1);
}

static void kill_there(void *unused)
{
	(void)unused;
	iv_spawn_kill(&misused.s, 0);
}

FATAL_TEST_ONCE(killing_in_another_thread, "belongs to another thread")
{
	iv_init();
	sleeper(&misused, "", 0);
	loop_thread_start(kill_there, NULL, NULL);
}

FATAL_TEST_ONCE(start_null, "iv_spawn_start: the struct")
{
	iv_init();
	iv_spawn_start(NULL);
}

FATAL_TEST_ONCE(running_null, "iv_spawn_running: the struct")
{
	iv_spawn_running(NULL);
}

FATAL_TEST_ONCE(kill_null, "iv_spawn_kill: the struct")
{
	iv_init();
	iv_spawn_kill(NULL, 0);
}

FATAL_TEST_ONCE(stop_null, "iv_spawn_stop: the struct")
{
	iv_init();
	iv_spawn_stop(NULL, 0);
}

FATAL_TEST_ONCE(forget_null, "iv_spawn_forget: the struct")
{
	iv_init();
	iv_spawn_forget(NULL);
}
