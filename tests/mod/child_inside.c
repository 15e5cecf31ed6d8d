/* SPDX-License-Identifier: MIT */
/*
 * child_inside.c - iv_signal, iv_wait and iv_popen when the system refuses
 * things, what they ask of it, and the schedule of iv_popen's signals.
 */
#include "config.h"
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#ifdef HAVE_PIDFD
#include <sys/ptrace.h>
#endif
#include <sys/resource.h>
#include <sys/wait.h>
#include <iv_popen.h>
#include <iv_signal.h>
#include <iv_wait.h>
#include "harness/spy.h"
#include "harness/test.h"

#define SEC	INT64_C(1000000000)

/* ---- Calls of the system -------------------------------------------------------- */

static int fork_error;
static unsigned waits;

/* With 64-bit time on a 32-bit system a header gives it another name. */
#if defined(__USE_TIME_BITS64) && __TIMESIZE == 32
#define __real_wait4	__real___wait4_time64
#define __wrap_wait4	__wrap___wait4_time64
#endif

pid_t __real_fork(void);
pid_t __wrap_fork(void);
pid_t __real_wait4(pid_t pid, int *status, int options, struct rusage *usage);
pid_t __wrap_wait4(pid_t pid, int *status, int options, struct rusage *usage);
pid_t __real_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);
int __real_poll(struct pollfd *fds, nfds_t n, int ms);
int __real_dup2(int from, int to);
int __wrap_dup2(int from, int to);
int __real_kill(pid_t pid, int sig);
int __wrap_kill(pid_t pid, int sig);
long __wrap_syscall(long nr, long a, long b, long c, long d, long e, long f);

static pid_t last_child;

pid_t __wrap_fork(void)
{
	if (fork_error == 0)
		return last_child = __real_fork();
	errno = fork_error;
	return -1;
}

pid_t __wrap_wait4(pid_t pid, int *status, int options, struct rusage *usage)
{
	CHECK_INT(pid, >, 0);
	waits++;
	return __real_wait4(pid, status, options, usage);
}

pid_t __wrap_waitpid(pid_t pid, int *status, int options)
{
	waits++;
	return __real_waitpid(pid, status, options);
}

/* One dup2() that fails; who calls it is a child. */
static int dup_error;

int __wrap_dup2(int from, int to)
{
	if (dup_error == 0)
		return __real_dup2(from, to);
	errno = dup_error;
	dup_error = 0;
	return -1;
}

/* Signals to `watched' are noted, with the time, and answered with
   kill_error; the last one is sent, and has its effect at once. */
static pid_t watched;
static int sent[64];
static int64_t sent_at[64];
static unsigned sent_count, sent_max;
static int kill_error;

static int signalled(pid_t pid, int sig)
{
	siginfo_t info;

	CHECK_INT(sent_count, <, sent_max);
	sent[sent_count] = sig;
	sent_at[sent_count++] = spy_clock();
	if (sent_count == sent_max) {
		CHECK_SYS(__real_kill(pid, sig));
		CHECK_SYS(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
		return 0;
	}
	errno = kill_error;
	return kill_error == 0 ? 0 : -1;
}

int __wrap_kill(pid_t pid, int sig)
{
	/* Never to everybody, no matter what is broken. */
	CHECK(pid != -1 && pid != 0);
	return pid == watched ? signalled(pid, sig) : __real_kill(pid, sig);
}

#ifdef __linux__
/* What the C library has no function for.  The only child is the watched. */
long __wrap_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
#ifdef SYS_pidfd_open
	if (nr == SYS_waitid)
		waits++;
	if (nr == SYS_pidfd_send_signal && b != 0 && watched != 0)
		return signalled(watched, (int)b);
#endif
	return spy_syscall(nr, a, b, c, d, e, f);
}
#endif

static int64_t now_ns(void)
{
	return iv_now.tv_sec * SEC + iv_now.tv_nsec;
}

static void expect_no_children(void)
{
	CHECK_ERRNO(__real_waitpid(-1, NULL, WNOHANG), ECHILD);
}

/* ---- Refusals --------------------------------------------------------------------- */

/* Each tries once: 0, or -1 with errno.  What was started is finished. */

static int try_signal(void)
{
	struct iv_signal sig = { .signum = SIGUSR1, .handler = quit_handler };

	if (iv_signal_register(&sig) < 0)
		return -1;
	raise(SIGUSR1);
	iv_main();
	iv_signal_unregister(&sig);
	return 0;
}

static void ended(void *w, int status, const struct rusage *usage)
{
	(void)usage;
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), ==, 0);
	iv_wait_interest_unregister(w);
}

static void exit_0(void *unused)
{
	(void)unused;
	_exit(0);
}

static int try_spawn(void)
{
	struct iv_wait_interest w = { .cookie = &w, .handler = ended };

	if (iv_wait_interest_register_spawn(&w, exit_0, NULL) < 0)
		return -1;
	iv_main();
	return 0;
}

static int try_popen(void)
{
	char file[] = "true", type[] = "r", *argv[] = { file, NULL };
	struct iv_popen_request req = { file, argv, type, &req };
	int fd = iv_popen_request_submit(&req);

	if (fd < 0) {
		int err = errno;

		CHECK_PTR(req.child, ==, NULL);
		errno = err;
		return -1;
	}
	close(fd);
	iv_main();
	CHECK_PTR(req.child, ==, NULL);
	return 0;
}

static const struct refusal {
	enum spy_call call;
	int err;
} refusals[] = {
	{ SPY_MALLOC, ENOMEM },
	{ SPY_EVENTFD, EMFILE },
	{ SPY_EVENTFD, ENOMEM },
	{ SPY_EPOLL_CTL, ENOMEM },
	{ SPY_EPOLL_CTL, ENOSPC },
	{ SPY_PIPE2, EMFILE },
	{ SPY_PIPE2, ENFILE },
};

/*
 * The first, second, ... call fails, once or from then on.  Either it is told
 * and nothing is left of the attempt, or there was a way around it.
 */
static void refuse(int (*attempt)(void), const struct refusal *r,
		   unsigned nth, unsigned times, unsigned *told)
{
	int ret;

	iv_init();
	spy_fail(r->call, nth, times, r->err);
	ret = attempt();
	if (ret < 0)
		CHECK_INT(errno, ==, r->err);
	if (ret < 0)
		(*told)++;
	spy_heal();
	expect_no_children();
	iv_main();
	CHECK_INT(attempt(), ==, 0);
	iv_deinit();
}

static void refuse_all(int (*attempt)(void), unsigned times)
{
	unsigned i, nth, told = 0;
	long blocks = spy_blocks();

	time_limit(60);
	for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		for (nth = 1; nth < 20; nth++) {
			refuse(attempt, &refusals[i], nth, times, &told);
			if (spy_failed() == 0)
				break;
		}
		CHECK_INT(nth, <, 20);
	}
	CHECK_INT(told, >, 0);
	CHECK_INT(spy_blocks(), ==, blocks);
}

TEST(signal_refused_once)
{
	refuse_all(try_signal, 1);
}

TEST(spawn_refused_once)
{
	refuse_all(try_spawn, 1);
}

TEST(popen_refused_once)
{
	refuse_all(try_popen, 1);
}

TEST(signal_refused_for_good)
{
	refuse_all(try_signal, ~0U);
}

TEST(spawn_refused_for_good)
{
	refuse_all(try_spawn, ~0U);
}

TEST(popen_refused_for_good)
{
	refuse_all(try_popen, ~0U);
}

TEST_ONCE(fork_refused)
{
	long blocks = spy_blocks();

	iv_init();
	fork_error = EAGAIN;
	CHECK_ERRNO(try_spawn(), EAGAIN);
	CHECK_ERRNO(try_popen(), EAGAIN);
	fork_error = ENOMEM;
	CHECK_ERRNO(try_spawn(), ENOMEM);
	CHECK_ERRNO(try_popen(), ENOMEM);
	expect_no_children();
	iv_main();
	fork_error = 0;
	CHECK_INT(try_spawn(), ==, 0);
	CHECK_INT(try_popen(), ==, 0);
	iv_deinit();
	CHECK_INT(spy_blocks(), ==, blocks);
}

FATAL_TEST_ONCE(register_out_of_memory,
		"iv_wait_interest_register: pid 1: ENOMEM")
{
	struct iv_wait_interest w = { .pid = 1, .handler = ended };

	iv_init();
	spy_fail(SPY_MALLOC, 1, 1, ENOMEM);
	iv_wait_interest_register(&w);
}

/* A full pipe gives EAGAIN. */
TEST(the_handler_keeps_errno_when_it_cannot_write)
{
	struct iv_signal sig;

	IV_SIGNAL_INIT(&sig);
	sig.signum = SIGUSR1;
	sig.flags = 0;
	sig.handler = quit_handler;
	iv_init();
	CHECK_INT(iv_signal_register(&sig), ==, 0);
	spy_fail(SPY_WRITE, 1, 1, EAGAIN);
	errno = 12345;
	raise(SIGUSR1);
	CHECK_INT(errno, ==, 12345);
	CHECK_INT(spy_failed(), ==, 1);
	spy_heal();
	iv_signal_unregister(&sig);
	iv_deinit();
}

/* ---- Work per child ----------------------------------------------------------------- */

#define CHILDREN	400

#ifdef __linux__
static struct iv_wait_interest many[CHILDREN];
static unsigned many_ended;

static void one_of_many(void *w, int status, const struct rusage *usage)
{
	(void)status;
	(void)usage;
	many_ended++;
	iv_wait_interest_unregister(w);
	iv_quit();
}

static void wait_for_eof(void *_fds)
{
	int *fds = _fds;
	char c;

	close(fds[1]);
	while (read(fds[0], &c, 1) > 0)
		;
	_exit(0);
}
#endif

#ifdef HAVE_PIDFD
static void need_pidfd(void)
{
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	if (fd < 0)
		SKIP("no pidfds: %s", strerror(errno));
	close(fd);
}

/* One child ends at a time, among many. */
TEST(an_exit_costs_a_constant_number_of_waits)
{
	int fds[2];
	int i;

	need_pidfd();
	time_limit(60);
	make_pipe(fds);
	iv_init();
	for (i = 0; i < CHILDREN; i++) {
		many[i].cookie = &many[i];
		many[i].handler = one_of_many;
		CHECK_INT(iv_wait_interest_register_spawn(&many[i],
							  wait_for_eof, fds),
			  ==, 0);
	}
	waits = 0;
	for (i = 0; i < CHILDREN; i++) {
		CHECK_INT(iv_wait_interest_kill(&many[i], SIGKILL), ==, 0);
		iv_main();
	}
	CHECK_INT(many_ended, ==, CHILDREN);
	CHECK_INT(waits, >=, CHILDREN);
	CHECK_INT(waits, <=, 2 * CHILDREN);
	close_pair(fds);
	iv_deinit();
}
#endif

/* ---- Sweeps -------------------------------------------------------------------------- */

#ifdef SYS_pidfd_open
#define BLIND	10

/* A SIGCHLD, for whatever reason, and a look at the consequences that takes
   no time; the number of waits. */
static unsigned waits_of_sigchld(void)
{
	waits = 0;
	raise(SIGCHLD);
	quit_after_turns(4);
	iv_main();
	return waits;
}

/* Without pidfds all children have to be looked at, but not every time. */
TEST(a_sweep_is_followed_by_rest)
{
	int fds[2];
	int i;

	deny_syscall(SYS_pidfd_open, ENOSYS);
	make_pipe(fds);
	iv_init();
	for (i = 0; i < BLIND; i++) {
		many[i].cookie = &many[i];
		many[i].handler = one_of_many;
		CHECK_INT(iv_wait_interest_register_spawn(&many[i],
							  wait_for_eof, fds),
			  ==, 0);
	}
	spy_clock_take(now_ns() + SEC);
	CHECK_INT(waits_of_sigchld(), ==, BLIND);
	CHECK_INT(waits_of_sigchld(), ==, 0);
	CHECK_INT(waits_of_sigchld(), ==, 0);
	spy_clock_advance(SEC);
	quit_after_turns(2);
	iv_main();
	CHECK_INT(waits, ==, BLIND);
	CHECK_INT(waits_of_sigchld(), ==, 0);

	for (i = 0; i < BLIND; i++) {
		CHECK_INT(iv_wait_interest_kill(&many[i], SIGKILL), ==, 0);
		iv_wait_interest_unregister(&many[i]);
		CHECK_INT(__real_waitpid(many[i].pid, NULL, 0), ==,
			  many[i].pid);
	}
	/* No timer is left. */
	iv_main();
	close_pair(fds);
	iv_deinit();
}
#endif

#ifdef HAVE_PIDFD
/* Tells whether it may: 0, or an error. */
static void trace_until_eof(void *_fds)
{
	int *fds = _fds;
	char c = ptrace(PTRACE_SEIZE, many[0].pid, NULL, NULL) < 0 ?
		 (char)errno : 0;

	CHECK_SYS(write(fds[1], &c, 1));
	close(fds[1]);
	while (read(fds[2], &c, 1) > 0)
		;
}

/* Whoever has the right to wait for it. */
static void await_end(pid_t pid)
{
	int fd = (int)CHECK_SYS(syscall(SYS_pidfd_open, pid, 0));
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	CHECK_SYS(__real_poll(&pfd, 1, -1));
	close(fd);
}

/* A debugger has the first right to a process's end.  Until it has taken
   note, the pidfd is readable, but there is nothing to collect. */
TEST(a_child_that_is_traced)
{
	int fds[4];
	char c;
	pid_t tracer;

	need_pidfd();
	make_pipe(fds);
	make_pipe(fds + 2);
	iv_init();
	many[0].cookie = &many[0];
	many[0].handler = one_of_many;
	CHECK_INT(iv_wait_interest_register_spawn(&many[0], wait_for_eof,
						  fds + 2), ==, 0);
	tracer = (pid_t)CHECK_SYS(__real_fork());
	if (tracer == 0) {
		close(fds[3]);
		trace_until_eof(fds);
		_exit(0);
	}
	close(fds[1]);
	CHECK_INT(read(fds[0], &c, 1), ==, 1);
	if (c != 0)
		SKIP("processes cannot be traced here: %s", strerror(c));
	CHECK_INT(iv_wait_interest_kill(&many[0], SIGKILL), ==, 0);
	await_end(many[0].pid);
	waits = 0;
	quit_after_turns(20);
	iv_main();
	CHECK_INT(many_ended, ==, 0);
	CHECK_INT(waits, <=, 2);
	close(fds[0]);
	close(fds[2]);
	close(fds[3]);
	iv_main();
	CHECK_INT(many_ended, ==, 1);
	CHECK_INT(__real_waitpid(tracer, NULL, 0), ==, tracer);
	iv_deinit();
}
#endif

/* ---- Results that arrive in spite of it ---------------------------------------- */

static int submit_file(struct iv_popen_request *req, const char *file)
{
	static char type[] = "r";
	char *argv[] = { (char *)(uintptr_t)file, NULL };

	IV_POPEN_REQUEST_INIT(req);
	req->file = argv[0];
	req->argv = argv;
	req->type = type;
	return iv_popen_request_submit(req);
}

static void check_missing(enum spy_call call, int err)
{
	struct iv_popen_request req;

	iv_init();
	spy_fail(call, 1, 3, err);
	CHECK_ERRNO(submit_file(&req, "/nonexistent/program"), ENOENT);
	iv_deinit();
}

TEST(popen_knows_of_a_missing_program_though_poll_is_interrupted)
{
	check_missing(SPY_WAIT, EINTR);
	CHECK_INT(spy_failed(), ==, 3);
}

TEST(popen_knows_of_a_missing_program_though_poll_has_no_memory)
{
	check_missing(SPY_WAIT, ENOMEM);
	CHECK_INT(spy_failed(), ==, 3);
}

TEST(popen_knows_of_a_missing_program_though_read_is_interrupted)
{
	check_missing(SPY_READ, EINTR);
	CHECK_INT(spy_failed(), ==, 3);
}

TEST(popen_knows_of_a_missing_program_though_write_is_interrupted)
{
	check_missing(SPY_WRITE, EINTR);
}

static void check_dup2(int err)
{
	struct iv_popen_request req;
	int fd;

	iv_init();
	dup_error = err;
	fd = (int)CHECK_SYS(submit_file(&req, "true"));
	dup_error = 0;
	close(fd);
	iv_popen_request_close(&req);
	iv_main();
	expect_no_children();
	iv_deinit();
}

TEST(popen_goes_on_after_an_interrupted_dup2)
{
	check_dup2(EINTR);
}

TEST(popen_goes_on_after_a_race_of_dup2)
{
	check_dup2(EBUSY);
}

/* ---- The schedule of signals --------------------------------------------------------- */

/* A program that SIGTERM cannot impress, until SIGNALS have been sent. */
static void check_schedule(unsigned signals, int error)
{
	char file[] = "cat", type[] = "w", *argv[] = { file, NULL };
	struct iv_popen_request req = { file, argv, type, NULL };
	int64_t start;
	unsigned i;
	int fd;

	iv_init();
	fd = (int)CHECK_SYS(iv_popen_request_submit(&req));
	watched = last_child;
	sent_max = signals;
	kill_error = error;
	start = now_ns();
	spy_clock_take(start);
	iv_popen_request_close(&req);
	CHECK_INT(sent_count, ==, 0);
	iv_main();
	CHECK_INT(sent_count, ==, signals);
	for (i = 0; i < signals; i++) {
		CHECK_INT(sent[i], ==, i < 5 ? SIGTERM : SIGKILL);
		CHECK_INT(sent_at[i] - start, >=, i * 5 * SEC);
		CHECK_INT(sent_at[i] - start, <=, i * (5 * SEC + spy_late()));
	}
	expect_no_children();
	close(fd);
	iv_deinit();
}

TEST(the_first_sigterm_is_enough)
{
	check_schedule(1, 0);
}

TEST(the_fifth_sigterm_is_enough)
{
	check_schedule(5, 0);
}

TEST(five_times_sigterm_then_sigkill)
{
	check_schedule(9, 0);
}

TEST(signals_that_are_refused_change_nothing)
{
	check_schedule(9, EPERM);
}
