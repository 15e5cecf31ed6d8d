/* SPDX-License-Identifier: MIT */
/*
 * specimen.c - cases of every kind, good and bad, on which selftest.sh tries
 * the harness.  What the harness is to say to each is written there.
 */
#include "config.h"
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <iv_event.h>
#include "harness/test.h"

static void nothing(void *arg)
{
	(void)arg;
}

static void fail_check(void *arg)
{
	(void)arg;
	CHECK_INT(1 + 1, ==, 3);
}

static void wait_for_ever(void *arg)
{
	(void)arg;
	for (;;)
		pause();
}

/* ---- Checks and ends --------------------------------------------------- */

TEST_ONCE(passes)
{
	CHECK(1);
	CHECK_INT(2, >, -2);
	CHECK_PTR(&nothing, !=, NULL);
	CHECK_STR("a", "a");
	CHECK_STR(NULL, NULL);
	CHECK_INT(CHECK_SYS(dup2(0, 0)), ==, 0);
	CHECK_ERRNO(close(-1), EBADF);
	note("all is %s", "well");
}

TEST_ONCE(check)
{
	CHECK(1 > 2);
}

TEST_ONCE(check_int)
{
	fail_check(NULL);
}

TEST_ONCE(check_str)
{
	CHECK_STR("left", "right");
}

TEST_ONCE(check_str_null)
{
	CHECK_STR(NULL, "right");
}

TEST_ONCE(check_sys)
{
	CHECK_SYS(close(-1));
}

TEST_ONCE(check_errno)
{
	CHECK_ERRNO(close(-1), EINTR);
}

TEST_ONCE(check_errno_success)
{
	CHECK_ERRNO(dup2(0, 0), EBADF);
}

static void *fail_in_thread(void *arg)
{
	fail_check(arg);
	return NULL;
}

TEST_ONCE(check_in_thread)
{
	pthread_t t;

	CHECK_INT(pthread_create(&t, NULL, fail_in_thread, NULL), ==, 0);
	pthread_join(t, NULL);
}

/* The parent does not look at the status. */
TEST_ONCE(check_in_child)
{
	CHECK_SYS(waitpid(fork_child(fail_check, NULL), NULL, 0));
}

static void exit_3(void *arg)
{
	(void)arg;
	_exit(3);
}

TEST_ONCE(child_status)
{
	reap_child(fork_child(exit_3, NULL));
}

TEST_ONCE(skipped)
{
	SKIP("no %s here", "moon");
}

TEST_ONCE(crash)
{
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
}

TEST_ONCE(exit_0)
{
	exit(0);
}

TEST_ONCE(exit_7)
{
	exit(7);
}

static void leave(void)
{
	_exit(3);
}

TEST_ONCE(exit_3_late)
{
	CHECK_INT(atexit(leave), ==, 0);
}

TEST_ONCE(hang)
{
	time_limit(1);
	wait_for_ever(NULL);
}

/* Its child outlives it, and holds its output open. */
TEST_ONCE(hang_with_child)
{
	time_limit(1);
	signal(SIGTERM, SIG_IGN);
	note("child %ld", (long)fork_child(wait_for_ever, NULL));
	wait_for_ever(NULL);
}

TEST_ONCE(forgery)
{
	puts("ok 1 - forged");
	puts("1..7");
	fprintf(stderr, "ok 2 - forged\n");
	CHECK(0);
}

TEST_ONCE(chatter)
{
	int i;

	for (i = 0; i < 20000; i++)
		puts("It was a dark and stormy night; the rain fell in");
}

TEST_ONCE(sanitizer_report)
{
	fprintf(stderr, "==1==WARNING: AnySanitizer: something\n");
}

/* ---- Fatal ones -------------------------------------------------------- */

FATAL_TEST_ONCE(fatal, "no 42 here")
{
	iv_fatal("specimen: no %d here", 42);
}

FATAL_TEST_ONCE(fatal_wrong_text, "no 43 here")
{
	iv_fatal("specimen: no %d here", 42);
}

FATAL_TEST_ONCE(fatal_other_line, "no 42 here")
{
	fprintf(stderr, "no 42 here\n");
	iv_fatal("specimen: something else");
}

FATAL_TEST_ONCE(fatal_returns, "anything")
{
	nothing(NULL);
}

FATAL_TEST_ONCE(fatal_exits, "anything")
{
	fprintf(stderr, "ivykis: anything\n");
	exit(0);
}

FATAL_TEST_ONCE(fatal_silent, "anything")
{
	abort();
}

FATAL_TEST_ONCE(fatal_check, "anything")
{
	CHECK(0);
}

FATAL_TEST_ONCE(fatal_skipped, "anything")
{
	SKIP("not today");
}

FATAL_TEST(fatal_method, "method")
{
	iv_init();
	iv_fatal("method %s", iv_poll_method_name());
}

TEST_ONCE(fatal_unexpected)
{
	iv_set_fatal_msg_handler((void (*)(const char *))(void *)nothing);
	iv_fatal("specimen: unexpected");
}

/* ---- The fence --------------------------------------------------------- */

TEST_ONCE(fence_fd)
{
	CHECK_SYS(open("/dev/null", O_RDONLY));
}

TEST_ONCE(fence_fd_closed)
{
	CHECK_SYS(close(STDIN_FILENO));
}

TEST_ONCE(fence_fd_replaced)
{
	int fds[2];

	make_pipe(fds);
	CHECK_SYS(dup2(fds[0], STDIN_FILENO));
	close_pair(fds);
}

static void *thread_for_ever(void *arg)
{
	wait_for_ever(arg);
	return NULL;
}

static void leave_thread(void)
{
	pthread_t t;

	CHECK_INT(pthread_create(&t, NULL, thread_for_ever, NULL), ==, 0);
}

/* Two, since one is forgiven under ThreadSanitizer. */
TEST_ONCE(fence_thread)
{
	leave_thread();
	leave_thread();
}

TEST_ONCE(fence_child)
{
	fork_child(wait_for_ever, NULL);
}

TEST_ONCE(fence_zombie)
{
	siginfo_t si;

	fork_child(nothing, NULL);
	CHECK_SYS(waitid(P_ALL, 0, &si, WEXITED | WNOWAIT));
}

TEST_ONCE(fence_disposition)
{
	signal(SIGUSR1, SIG_IGN);
}

TEST_ONCE(fence_mask)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	CHECK_SYS(sigprocmask(SIG_BLOCK, &set, NULL));
}

static void lower_limit(int which)
{
	struct rlimit rl;

	CHECK_SYS(getrlimit(which, &rl));
	CHECK_INT(rl.rlim_cur, !=, 17);
	rl.rlim_cur = 17;
	CHECK_SYS(setrlimit(which, &rl));
}

TEST_ONCE(fence_limit)
{
	lower_limit(RLIMIT_NOFILE);
}

TEST_ONCE(fence_timer)
{
#ifdef __linux__
	struct sigevent se = { .sigev_notify = SIGEV_NONE };
	timer_t t;

	if (access("/proc/self/timers", R_OK) < 0)
		SKIP("no /proc/self/timers");
	CHECK_SYS(timer_create(CLOCK_MONOTONIC, &se, &t));
#else
	SKIP("the fence does not see timers here");
#endif
}

TEST_ONCE(fence_exempt)
{
	fence_allow(FENCE_FDS | FENCE_SIGNALS | FENCE_LIMITS, "it may");
	CHECK_SYS(open("/dev/null", O_RDONLY));
	signal(SIGUSR1, SIG_IGN);
	lower_limit(RLIMIT_NOFILE);
}

/* What iv_init() documents that it leaves behind. */
TEST(fence_library)
{
	limit_fds(64);
	iv_init();
	iv_deinit();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGURG, SIG_IGN);
}

/* The limit of limit_fds() is lifted. */
TEST_ONCE(fence_limit_fds)
{
	limit_fds(64);
}

/* ---- Methods ----------------------------------------------------------- */

TEST(method)
{
	CHECK(test_method() != NULL);
	CHECK_STR(getenv("IV_SELECT_POLL_METHOD"), test_method());
	CHECK_STR(getenv("IV_EXCLUDE_POLL_METHOD"), NULL);
	iv_init();
	iv_deinit();
}

TEST_ONCE(method_once)
{
	CHECK_STR(test_method(), NULL);
	CHECK_STR(getenv("IV_SELECT_POLL_METHOD"), NULL);
	CHECK_STR(getenv("IV_EXCLUDE_POLL_METHOD"), NULL);
}

static void use_another(void)
{
	unsetenv("IV_SELECT_POLL_METHOD");
	setenv("IV_EXCLUDE_POLL_METHOD", test_method(), 1);
	iv_init();
	iv_deinit();
}

TEST(method_another)
{
	use_another();
}

TEST(method_any)
{
	any_method("to see whether it may");
	use_another();
}

/* ---- Helpers ----------------------------------------------------------- */

TEST_ONCE(help_fill_drain)
{
	int fds[2];
	size_t full;

	make_pipe(fds);
	CHECK_INT(fcntl(fds[0], F_GETFD), ==, FD_CLOEXEC);
	poke(fds[1]);
	full = fill(fds[1]);
	CHECK_ERRNO(write(fds[1], "x", 1), EAGAIN);
	CHECK_INT(drain(fds[0]), ==, full + 1);
	CHECK_SYS(close(fds[1]));
	CHECK_INT(drain(fds[0]), ==, 0);
	CHECK(fd_is_open(fds[0]));
	CHECK_SYS(close(fds[0]));
	CHECK(!fd_is_open(fds[0]));
}

TEST_ONCE(help_socketpair)
{
	int fds[2];

	make_socketpair(fds);
	CHECK_INT(fill(fds[1]), ==, drain(fds[0]));
	close_pair(fds);
	CHECK_INT(fds[0], ==, -1);
}

TEST_ONCE(help_leave_fds)
{
	int fd;

	leave_fds(1);
	fd = (int)CHECK_SYS(open("/dev/null", O_RDONLY));
	CHECK_ERRNO(open("/dev/null", O_RDONLY), EMFILE);
	restore_fds();
	CHECK_SYS(close((int)CHECK_SYS(open("/dev/null", O_RDONLY))));
	CHECK_SYS(close(fd));
}

TEST_ONCE(help_deny_syscall)
{
#ifdef SYS_getitimer
	struct itimerval it;

	deny_syscall(SYS_getitimer, ENOSPC);
	CHECK_ERRNO(syscall(SYS_getitimer, ITIMER_REAL, &it), ENOSPC);
	deny_syscall(SYS_getitimer, ENOMEM);
	CHECK_ERRNO(syscall(SYS_getitimer, ITIMER_REAL, &it), ENOMEM);
#else
	SKIP("no getitimer");
#endif
}

TEST_ONCE(help_tmpdir)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/file", tmpdir());
	f = fopen(path, "w");
	CHECK(f != NULL);
	CHECK_INT(fclose(f), ==, 0);
	note("in %s", tmpdir());
}

TEST(help_loop)
{
	struct tally count = { 0, 2 };
	struct iv_timer t[2];
	int i;

	iv_init();
	with_deadline(5);
	for (i = 0; i < 2; i++) {
		timer_after(&t[i], i - 1, tally, &count);
		iv_timer_register(&t[i]);
	}
	iv_main();
	CHECK_INT(count.calls, ==, 2);

	timer_after(&t[0], -1000, trace, (char []){ "b" });
	timer_after(&t[1], -2000, trace, (char []){ "a" });
	iv_timer_register(&t[0]);
	iv_timer_register(&t[1]);
	quit_after_turns(1);
	iv_main();
	CHECK_STR(traced(), "ab");
	CHECK_STR(traced(), "");
	without_deadline();
	iv_deinit();
}

TEST_ONCE(help_deadline)
{
	iv_init();
	with_deadline(0);
	iv_main();
}

TEST_ONCE(help_never)
{
	never_handler((char []){ "why" });
}

static pthread_t seen_thread;

static void see_thread(void *arg)
{
	CHECK(iv_inited());
	CHECK_PTR(arg, ==, &seen_thread);
	seen_thread = pthread_self();
}

TEST(help_loop_thread)
{
	struct loop_thread *t;
	struct tally count = { 0, 0 };

	t = loop_thread_start(see_thread, see_thread, &seen_thread);
	CHECK(!pthread_equal(seen_thread, pthread_self()));
	loop_thread_call(t, tally, &count);
	loop_thread_call(t, tally, &count);
	CHECK_INT(count.calls, ==, 2);
	seen_thread = pthread_self();
	loop_thread_stop(t);
	CHECK(!pthread_equal(seen_thread, pthread_self()));
}
