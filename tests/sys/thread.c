/* SPDX-License-Identifier: MIT */
/*
 * thread.c - tests of the calling thread, and of the process it lives in.
 */
#include "config.h"
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "sys/sys.h"
#include "harness/test.h"

/* ---- Numbers ------------------------------------------------------------------ */

static void *own_id(void *_id)
{
	*(unsigned long *)_id = iv_get_thread_id();
	return NULL;
}

TEST_ONCE(threads_have_different_numbers)
{
	unsigned long other = 0;
	pthread_t tid;

	CHECK_INT(pthread_create(&tid, NULL, own_id, &other), ==, 0);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	CHECK_INT(iv_get_thread_id(), !=, other);
	CHECK_INT(iv_get_thread_id(), ==, iv_get_thread_id());
	CHECK_INT(other, !=, 0);
#ifdef HAVE_GETTID
	CHECK_INT(iv_get_thread_id(), ==, getpid());
#endif
}

/* ---- The loop of a thread ------------------------------------------------------- */

static int here, ended;

static void note_end(void)
{
	ended++;
}

static struct ivi_loop *a_loop(void)
{
	return (struct ivi_loop *)(void *)&here;
}

static void *set_and_end(void *_keep)
{
	CHECK_PTR(ivi_self(), ==, NULL);
	CHECK_INT(ivi_exit_watch(note_end), ==, 0);
	CHECK_INT(ivi_exit_watch(note_end), ==, 0);
	ivi_self_set(a_loop());
	CHECK_PTR(ivi_self(), ==, &here);
	if (_keep == NULL) {
		ivi_exit_forget();
		ivi_self_set(NULL);
		CHECK_PTR(ivi_self(), ==, NULL);
	}
	return NULL;
}

static void in_thread(void *(*fn)(void *), void *arg)
{
	pthread_t tid;

	CHECK_INT(pthread_create(&tid, NULL, fn, arg), ==, 0);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
}

TEST_ONCE(told_when_a_thread_ends_with_a_loop)
{
	CHECK_PTR(ivi_self(), ==, NULL);
	in_thread(set_and_end, &here);
	CHECK_INT(ended, ==, 1);
	CHECK_PTR(ivi_self(), ==, NULL);
}

TEST_ONCE(not_told_when_it_has_none_any_more)
{
	in_thread(set_and_end, NULL);
	CHECK_INT(ended, ==, 0);
}

/* ---- Latches ---------------------------------------------------------------------- */

static void *open_it(void *_latch)
{
	ivi_latch_open(_latch);
	return NULL;
}

/* The memory is another one's as soon as the wait is over. */
TEST_ONCE(a_latch_is_waited_for_often)
{
	int i;

	for (i = 0; i < 200; i++) {
		struct ivi_latch l;
		pthread_t tid;

		ivi_latch_init(&l);
		CHECK_INT(pthread_create(&tid, NULL, open_it, &l), ==, 0);
		ivi_latch_wait(&l);
		memset(&l, 0xa5, sizeof(l));
		CHECK_INT(pthread_join(tid, NULL), ==, 0);
	}
}

TEST_ONCE(a_latch_that_is_open_already)
{
	struct ivi_latch l;

	ivi_latch_init(&l);
	ivi_latch_open(&l);
	ivi_latch_wait(&l);
}

/* ---- Signals ---------------------------------------------------------------------- */

static void own_handler(int sig)
{
	(void)sig;
}

static int is(int sig, void (*handler)(int))
{
	struct sigaction sa;

	CHECK_SYS(sigaction(sig, NULL, &sa));
	return sa.sa_handler == handler;
}

TEST_ONCE(default_signals_are_ignored_and_back)
{
	ivi_ignore_default_signals();
	CHECK(is(SIGPIPE, SIG_IGN));
	CHECK(is(SIGURG, SIG_IGN));
	ivi_unignore_default_signals();
	CHECK(is(SIGPIPE, SIG_DFL));
	CHECK(is(SIGURG, SIG_DFL));
}

TEST_ONCE(handlers_of_others_are_kept)
{
	struct sigaction sa = { .sa_flags = SA_SIGINFO };

	fence_allow(FENCE_SIGNALS, "it installs handlers");
	signal(SIGPIPE, own_handler);
	sa.sa_handler = own_handler;
	CHECK_SYS(sigaction(SIGURG, &sa, NULL));
	ivi_ignore_default_signals();
	CHECK(is(SIGPIPE, own_handler));
	CHECK(is(SIGURG, own_handler));
	ivi_unignore_default_signals();
	CHECK(is(SIGPIPE, own_handler));
	CHECK(is(SIGURG, own_handler));
}

/* As nohup(1) would have it, say. */
TEST_ONCE(ignored_by_others_stays_ignored)
{
	signal(SIGPIPE, SIG_IGN);
	ivi_ignore_default_signals();
	ivi_unignore_default_signals();
	CHECK(is(SIGPIPE, SIG_IGN));
	CHECK(is(SIGURG, SIG_DFL));
}

/* ---- The environment ---------------------------------------------------------------- */

#define PROBE	"IV_TEST_SECURE_PROBE"

TEST_ONCE(the_environment_counts)
{
	setenv(PROBE, "yes", 1);
	CHECK_STR(ivi_getenv(PROBE), "yes");
	unsetenv(PROBE);
	CHECK_STR(ivi_getenv(PROBE), NULL);
}

/* This program as a set-user-ID one, before main(): 13 if the variable is
   hidden from it, 14 if not. */
__attribute__((constructor))
static void be_probed(void)
{
	if (getenv(PROBE) == NULL || getuid() == geteuid())
		return;
	_exit(ivi_getenv(PROBE) == NULL ? 13 : 14);
}

static void run_copy(void *_path)
{
	const char *path = _path;

	setenv(PROBE, "yes", 1);
	CHECK_SYS(setgid(65534));
	CHECK_SYS(setuid(65534));
	execl(path, path, "-l", (char *)NULL);
	_exit(0);
}

static void copy_program(const char *path)
{
	int from = (int)CHECK_SYS(open("/proc/self/exe", O_RDONLY));
	int to = (int)CHECK_SYS(open(path, O_CREAT | O_WRONLY, 0755));
	char buf[65536];
	ssize_t n;

	while ((n = read(from, buf, sizeof(buf))) > 0)
		CHECK_INT(write(to, buf, (size_t)n), ==, n);
	CHECK_INT(n, ==, 0);
	CHECK_SYS(fchmod(to, 06755));
	CHECK_SYS(close(from));
	CHECK_SYS(close(to));
	CHECK_SYS(chmod(tmpdir(), 0755));
}

TEST_ONCE(the_environment_of_a_program_with_raised_privileges)
{
	char path[300];
	int status = 0;
	ssize_t n;

	if (geteuid() != 0 || access("/proc/self/exe", R_OK) < 0)
		SKIP("needs root, and /proc");
	n = readlink("/proc/self/exe", path, sizeof(path));
	if (n < 2 || memcmp(path + n - 2, ".t", 2) != 0)
		SKIP("runs by means of another program");
	snprintf(path, sizeof(path), "%s/copy", tmpdir());
	copy_program(path);
	CHECK_SYS(waitpid(fork_child(run_copy, path), &status, 0));
	if (!WIFEXITED(status) || WEXITSTATUS(status) < 13)
		SKIP("a copy of this program gets no privileges here");
	CHECK_INT(WEXITSTATUS(status), ==, 13);
}
