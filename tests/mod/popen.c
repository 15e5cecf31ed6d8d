/* SPDX-License-Identifier: MIT */
/*
 * popen.c - iv_popen.
 */
#include "config.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <iv_popen.h>
#include <iv_signal.h>
#include "harness/test.h"

/* ---- Helpers -------------------------------------------------------------------- */

/* The private part is what a caller's uninitialised memory may hold. */
static void set(struct iv_popen_request *req, const char *type, char **argv)
{
	memset(req, 0xa5, sizeof(*req));
	req->file = argv[0];
	req->argv = argv;
	req->type = (char *)(uintptr_t)type;
}

static int submit(struct iv_popen_request *req, const char *type, char **argv)
{
	set(req, type, argv);
	return (int)CHECK_SYS(iv_popen_request_submit(req));
}

static int shell(struct iv_popen_request *req, const char *type,
		 const char *script)
{
	char *argv[] = { "sh", "-c", (char *)(uintptr_t)script, NULL };

	return submit(req, type, argv);
}

/* Reads to the end; closes FD. */
static const char *slurp(int fd)
{
	static char text[4096];
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) != 0) {
		if (n > 0)
			len += (size_t)n;
		else
			CHECK_INT(errno, ==, EINTR);
		CHECK_INT(len, <, sizeof(text) - 1);
	}
	text[len] = '\0';
	close(fd);
	return text;
}

static const char *output(const char *script)
{
	struct iv_popen_request req;
	const char *text = slurp(shell(&req, "r", script));

	/* The loop ends when the program has been waited for. */
	iv_main();
	CHECK_PTR(req.child, ==, NULL);
	return text;
}

static void expect_no_children(void)
{
	CHECK_ERRNO(waitpid(-1, NULL, WNOHANG), ECHILD);
}

static void check_refused(const char *file, int err)
{
	struct iv_popen_request req;
	char *argv[] = { "x", NULL };

	set(&req, "r", argv);
	req.file = (char *)(uintptr_t)file;
	CHECK_ERRNO(iv_popen_request_submit(&req), err);
	expect_no_children();
	iv_popen_request_close(&req);
	set(&req, "w", argv);
	req.file = (char *)(uintptr_t)file;
	CHECK_ERRNO(iv_popen_request_submit(&req), err);
	expect_no_children();
}

/* ---- Pipes ----------------------------------------------------------------------- */

TEST(reading_from_a_program)
{
	iv_init();
	CHECK_STR(output("echo hello; echo world"), "hello\nworld\n");
	expect_no_children();
	iv_deinit();
}

static const char *file_text(const char *path)
{
	return slurp((int)CHECK_SYS(open(path, O_RDONLY | O_CLOEXEC)));
}

TEST(writing_to_a_program)
{
	struct iv_popen_request req;
	char script[4200];
	int fd;

	snprintf(script, sizeof(script), "cat >'%s/out'", tmpdir());
	iv_init();
	fd = shell(&req, "w", script);
	CHECK_INT(write(fd, "some text", 9), ==, 9);
	close(fd);
	iv_main();
	snprintf(script, sizeof(script), "%s/out", tmpdir());
	CHECK_STR(file_text(script), "some text");
	iv_deinit();
}

static struct iv_fd reader;
static size_t bytes_read;

static void read_some(void *unused)
{
	char buf[100];
	ssize_t n = read(reader.fd, buf, sizeof(buf));

	(void)unused;
	if (n > 0) {
		bytes_read += (size_t)n;
		return;
	}
	CHECK_INT(n, ==, 0);
	iv_fd_unregister(&reader);
	close(reader.fd);
}

TEST(reading_in_the_loop)
{
	struct iv_popen_request req;

	iv_init();
	IV_FD_INIT(&reader);
	reader.fd = shell(&req, "r", "for i in 1 2 3 4; do echo line; done");
	reader.handler_in = read_some;
	iv_fd_register(&reader);
	iv_main();
	CHECK_INT(bytes_read, ==, 20);
	iv_deinit();
}

TEST_ONCE(the_descriptor)
{
	struct iv_popen_request req;
	int fd;

	iv_init();
	fd = shell(&req, "w", "exec cat");
	CHECK_INT(CHECK_SYS(fcntl(fd, F_GETFD)) & FD_CLOEXEC, ==, FD_CLOEXEC);
	CHECK_INT(CHECK_SYS(fcntl(fd, F_GETFL)) & O_NONBLOCK, ==, 0);
	close(fd);
	iv_main();
	iv_deinit();
}

/* Into a variable: for a redirection the shell may change its own. */
#define STDIO	"x=$(readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2); " \
		"echo \"$x\""

static void check_lines(const char *text, const char *before,
			const char *after)
{
	const char *pipe = text + strlen(before);

	CHECK(strncmp(text, before, strlen(before)) == 0);
	CHECK(strncmp(pipe, "pipe:", 5) == 0);
	CHECK_STR(strchr(pipe, '\n'), after);
}

static void check_stdio(void)
{
	struct iv_popen_request req;
	char text[4200];
	int fd;

	check_lines(output(STDIO), "/dev/null\n", "\n/dev/null\n");
	snprintf(text, sizeof(text), "exec 3>'%s/out'; " STDIO " >&3",
		 tmpdir());
	fd = shell(&req, "w", text);
	iv_main();
	close(fd);
	snprintf(text, sizeof(text), "%s/out", tmpdir());
	check_lines(file_text(text), "", "\n/dev/null\n/dev/null\n");
}

TEST_ONCE(the_standard_descriptors)
{
	iv_init();
	check_stdio();
	iv_deinit();
}

/* Each of the pipes' ends may be one of 0, 1, 2 then. */
static void close_and_check(void *mask)
{
	int fd;

	iv_init();
	for (fd = 0; fd < 3; fd++)
		if ((uintptr_t)mask & (1u << fd))
			close(fd);
	check_stdio();
	iv_deinit();
}

TEST_ONCE(with_standard_descriptors_closed)
{
	uintptr_t mask;

	tmpdir();
	for (mask = 1; mask < 8; mask++)
		reap_child(fork_child(close_and_check, (void *)mask));
}

/* A later program does not hold the pipe of an earlier one open. */
TEST(programs_do_not_inherit_pipes)
{
	struct iv_popen_request a, b;
	int fd_a, fd_b;

	iv_init();
	fd_a = shell(&a, "w", "exec cat");
	fd_b = shell(&b, "w", "exec cat");
	close(fd_a);
	while (a.child != NULL) {
		quit_after_turns(2);
		iv_main();
	}
	CHECK_PTR(b.child, !=, NULL);
	close(fd_b);
	iv_main();
	iv_deinit();
}

TEST_ONCE(strings_may_go_after_submit)
{
	struct iv_popen_request req;
	char *argv[] = { strdup("sh"), strdup("-c"), strdup("echo x"), NULL };
	char *type = strdup("r");
	int fd, i;

	iv_init();
	fd = submit(&req, type, argv);
	for (i = 0; i < 3; i++)
		free(argv[i]);
	free(type);
	CHECK_STR(slurp(fd), "x\n");
	iv_main();
	iv_deinit();
}

/* ---- Signals ---------------------------------------------------------------------- */

static unsigned long long status_mask(const char *name)
{
	char script[100];
	const char *text;

	snprintf(script, sizeof(script), "exec grep %s: /proc/self/status",
		 name);
	text = output(script);
	CHECK(strchr(text, ':') != NULL);
	return strtoull(strchr(text, ':') + 1, NULL, 16);
}

#define BIT(signum)	(1ULL << ((signum) - 1))

/* iv_init() ignores them in this process, but not in programs. */
TEST_ONCE(sigpipe_and_sigurg_are_default)
{
	iv_init();
	CHECK_INT(status_mask("SigIgn") & (BIT(SIGPIPE) | BIT(SIGURG)), ==, 0);
	iv_deinit();
}

TEST_ONCE(what_was_ignored_before_stays_ignored)
{
	signal(SIGPIPE, SIG_IGN);
	iv_init();
	CHECK_INT(status_mask("SigIgn") & (BIT(SIGPIPE) | BIT(SIGURG)), ==,
		  BIT(SIGPIPE));
	iv_deinit();
	signal(SIGPIPE, SIG_DFL);
}

TEST_ONCE(no_signals_are_blocked)
{
	struct iv_signal sig;

	iv_init();
	IV_SIGNAL_INIT(&sig);
	sig.signum = SIGUSR1;
	sig.flags = 0;
	sig.handler = never_handler;
	CHECK_INT(iv_signal_register(&sig), ==, 0);
	{
		struct iv_popen_request req;
		const char *text = slurp(shell(&req, "r",
				"exec grep SigBlk: /proc/self/status"));

		CHECK_INT(strtoull(strchr(text, ':') + 1, NULL, 16), ==, 0);
		while (req.child != NULL) {
			quit_after_turns(2);
			iv_main();
		}
	}
	iv_signal_unregister(&sig);
	iv_deinit();
}

static void *be_cancelled(void *_done)
{
	struct iv_popen_request req;
	int fd, old;

	iv_init();
	pthread_cancel(pthread_self());
	fd = shell(&req, "r", "exit");
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	close(fd);
	iv_main();
	iv_deinit();
	*(int *)_done = 1;
	return NULL;
}

/* The fence sees what it leaves open. */
TEST(a_thread_is_cancelled_while_it_submits)
{
	pthread_t tid;
	int done = 0;

	CHECK_INT(pthread_create(&tid, NULL, be_cancelled, &done), ==, 0);
	pthread_join(tid, NULL);
	CHECK_INT(done, ==, 1);
}

#ifdef HAVE_PIDFD
/* Its end is all that is to be known. */
static void check_no_handler(void (*handler)(int))
{
	struct iv_popen_request req;
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	if (fd < 0)
		SKIP("no pidfds: %s", strerror(errno));
	close(fd);
	signal(SIGCHLD, handler);
	iv_init();
	fd = shell(&req, "w", "exec cat");
	CHECK(signal(SIGCHLD, handler) == handler);
	close(fd);
	iv_main();
	CHECK_PTR(req.child, ==, NULL);
	signal(SIGCHLD, SIG_DFL);
	iv_deinit();
}

TEST(sigchld_is_left_alone)
{
	check_no_handler(SIG_DFL);
}

TEST(an_ignored_sigchld_is_left_alone)
{
	check_no_handler(SIG_IGN);
}

TEST(programs_that_are_gone_at_once)
{
	int i;

	signal(SIGCHLD, SIG_IGN);
	iv_init();
	for (i = 0; i < 20; i++)
		CHECK_STR(output("exit"), "");
	check_refused("/nonexistent/program", ENOENT);
	iv_deinit();
	signal(SIGCHLD, SIG_DFL);
}
#endif

/* ---- Closing ------------------------------------------------------------------------ */

TEST(closing_ends_the_program)
{
	struct iv_popen_request *req = malloc(sizeof(*req));
	int fd;

	CHECK(req != NULL);
	iv_init();
	fd = shell(req, "r", "exec sleep 1000");
	iv_popen_request_close(req);
	memset(req, 0xa5, sizeof(*req));
	free(req);
	iv_main();
	CHECK_STR(slurp(fd), "");
	expect_no_children();
	iv_deinit();
}

TEST(the_running_program_keeps_the_loop_running)
{
	struct iv_popen_request req;
	int fd;

	iv_init();
	fd = shell(&req, "w", "exec cat");
	quit_after_turns(3);
	iv_main();
	CHECK_PTR(req.child, !=, NULL);
	close(fd);
	iv_main();
	CHECK_PTR(req.child, ==, NULL);
	expect_no_children();
	iv_deinit();
}

TEST(closing_after_the_end)
{
	struct iv_popen_request req;

	iv_init();
	CHECK_STR(slurp(shell(&req, "r", "exit 3")), "");
	iv_main();
	iv_popen_request_close(&req);
	iv_popen_request_close(&req);
	iv_main();
	iv_deinit();
}

TEST(closing_twice)
{
	struct iv_popen_request req;
	int fd;

	iv_init();
	fd = shell(&req, "w", "exec cat");
	iv_popen_request_close(&req);
	iv_popen_request_close(&req);
	iv_main();
	close(fd);
	iv_deinit();
}

/* A resumed program is not taken for a dead one. */
TEST(stopped_and_continued)
{
	struct iv_popen_request req;
	char text[32];
	siginfo_t info;
	pid_t pid;
	int fd;

	iv_init();
	fd = shell(&req, "r", "echo $$; exec sleep 1000");
	CHECK_INT(read(fd, text, sizeof(text)), >, 0);
	pid = (pid_t)atol(text);
	CHECK_INT(pid, >, 1);
	kill(pid, SIGSTOP);
	CHECK_SYS(waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT));
	quit_after_turns(4);
	iv_main();
	CHECK_PTR(req.child, !=, NULL);
	kill(pid, SIGCONT);
	CHECK_SYS(waitid(P_PID, (id_t)pid, &info, WCONTINUED | WNOWAIT));
	quit_after_turns(4);
	iv_main();
	CHECK_PTR(req.child, !=, NULL);
	iv_popen_request_close(&req);
	iv_main();
	expect_no_children();
	close(fd);
	iv_deinit();
}

TEST(deinit_lets_go_of_programs)
{
	struct iv_popen_request open_, closed;
	int fd_open, fd_closed;

	iv_init();
	fd_open = shell(&open_, "w", "exec cat");
	fd_closed = shell(&closed, "w", "trap '' TERM; echo; exec cat");
	iv_popen_request_close(&closed);
	iv_deinit();
	CHECK_PTR(open_.child, ==, NULL);
	close(fd_open);
	close(fd_closed);
	CHECK_SYS(waitpid(-1, NULL, 0));
	CHECK_SYS(waitpid(-1, NULL, 0));
	iv_init();
	iv_popen_request_close(&open_);
	iv_deinit();
}

/* The program is the parent's, and keeps no loop of the child running. */
static void check_closed_in_a_child(int anew)
{
	struct iv_popen_request req;
	int fd;
	pid_t pid;

	iv_init();
	fd = shell(&req, "w", "exec cat");
	pid = (pid_t)CHECK_SYS(fork());
	if (pid == 0) {
		alarm((unsigned)(5 * time_scale()));
		if (anew)
			iv_init();
		iv_popen_request_close(&req);
		iv_popen_request_close(&req);
		iv_main();
		iv_deinit();
		_exit(0);
	}
	reap_child(pid);
	CHECK_PTR(req.child, !=, NULL);
	CHECK_SYS(write(fd, "x", 1));
	close(fd);
	iv_main();
	CHECK_PTR(req.child, ==, NULL);
	expect_no_children();
	iv_deinit();
}

TEST(closed_in_a_child_that_goes_on)
{
	check_closed_in_a_child(0);
}

TEST(closed_in_a_child_that_begins_anew)
{
	check_closed_in_a_child(1);
}

TEST(somebody_else_waits_for_the_program)
{
	struct iv_popen_request req;

	iv_init();
	CHECK_STR(slurp(shell(&req, "r", "exit")), "");
	CHECK_SYS(waitpid(-1, NULL, 0));
	iv_main();
	CHECK_PTR(req.child, ==, NULL);
	iv_deinit();
}

/* ---- Refusals ----------------------------------------------------------------------- */

TEST_ONCE(bad_types)
{
	static const char *const bad[] = { "x", "", "rw", "R", "r+", "wr" };
	char *argv[] = { "true", NULL };
	struct iv_popen_request req;
	unsigned i;

	iv_init();
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		set(&req, bad[i], argv);
		CHECK_ERRNO(iv_popen_request_submit(&req), EINVAL);
		iv_popen_request_close(&req);
	}
	iv_main();
	expect_no_children();
	iv_deinit();
}

static int exit_pipe[2];
static int exit_pipe_open;

static void at_exit(void)
{
	if (exit_pipe_open)
		poke(exit_pipe[1]);
}

/* The child that could not execute runs no exit handlers of ours. */
TEST(programs_that_cannot_be_executed)
{
	char path[4200];

	make_pipe(exit_pipe);
	exit_pipe_open = 1;
	atexit(at_exit);
	iv_init();
	/* execvp() says EACCES if one directory may not be searched. */
	CHECK_SYS(setenv("PATH", "/usr/bin:/bin", 1));
	check_refused("/nonexistent/program", ENOENT);
	check_refused("no-such-program-in-path", ENOENT);
	check_refused("", ENOENT);
	check_refused("/dev/null", EACCES);
	snprintf(path, sizeof(path), "%s/file", tmpdir());
	close((int)CHECK_SYS(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)));
	check_refused(path, EACCES);
	iv_main();
	CHECK_STR(output("echo still fine"), "still fine\n");
	iv_deinit();
	CHECK_INT(drain(exit_pipe[0]), ==, 0);
	exit_pipe_open = 0;
	close_pair(exit_pipe);
}

TEST(without_descriptors)
{
	char *argv[] = { "echo", "x", NULL };
	struct iv_popen_request req;
	unsigned spare, refused = 0;

	iv_init();
	for (spare = 0; spare < 20; spare++) {
		int fd;

		leave_fds(spare);
		set(&req, "r", argv);
		fd = iv_popen_request_submit(&req);
		restore_fds();
		if (fd < 0) {
			CHECK_INT(errno, ==, EMFILE);
			expect_no_children();
			iv_popen_request_close(&req);
			refused++;
			continue;
		}
		CHECK_STR(slurp(fd), "x\n");
		iv_main();
	}
	CHECK_INT(refused, >, 3);
	CHECK_INT(refused, <, 10);
	iv_deinit();
}

#ifdef SYS_pidfd_open
TEST(without_pidfd)
{
	deny_syscall(SYS_pidfd_open, ENOSYS);
	iv_init();
	CHECK_STR(output("echo x"), "x\n");
	iv_deinit();
}
#endif

/* ---- Misuse -------------------------------------------------------------------------- */

FATAL_TEST_ONCE(without_a_loop, "iv_popen_request_submit: call iv_init()")
{
	struct iv_popen_request req;

	shell(&req, "r", "exit");
}

FATAL_TEST_ONCE(submit_null, "iv_popen_request_submit: the struct")
{
	iv_init();
	iv_popen_request_submit(NULL);
}

FATAL_TEST_ONCE(close_null, "iv_popen_request_close: the struct")
{
	iv_init();
	iv_popen_request_close(NULL);
}

static void close_garbage(int byte)
{
	struct iv_popen_request req;

	memset(&req, byte, sizeof(req));
	iv_init();
	iv_popen_request_close(&req);
}

FATAL_TEST_ONCE(closing_garbage, "iv_popen_request_close: iv_popen_request 0x")
{
	close_garbage(0xa5);
}

FATAL_TEST_ONCE(closing_what_was_filled_with_ones, "is not initialised")
{
	close_garbage(0xff);
}

FATAL_TEST_ONCE(closing_what_points_anywhere, "is not initialised")
{
	struct iv_popen_request req;

	iv_init();
	req.child = &req;
	iv_popen_request_close(&req);
}

static void submit_without(size_t member)
{
	char *argv[] = { "true", NULL };
	struct iv_popen_request req;

	iv_init();
	set(&req, "r", argv);
	memset((char *)&req + member, 0, sizeof(void *));
	iv_popen_request_submit(&req);
}

FATAL_TEST_ONCE(file_null, "file is NULL")
{
	submit_without(offsetof(struct iv_popen_request, file));
}

FATAL_TEST_ONCE(argv_null, "argv is NULL")
{
	submit_without(offsetof(struct iv_popen_request, argv));
}

FATAL_TEST_ONCE(type_null, "type is NULL")
{
	submit_without(offsetof(struct iv_popen_request, type));
}

static void close_request(void *req)
{
	iv_popen_request_close(req);
}

FATAL_TEST_ONCE(closing_in_another_thread, "belongs to another thread")
{
	struct loop_thread *t = loop_thread_start(NULL, NULL, NULL);
	struct iv_popen_request req;

	iv_init();
	shell(&req, "w", "exec cat");
	loop_thread_call(t, close_request, &req);
}
