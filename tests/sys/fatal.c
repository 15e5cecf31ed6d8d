/* SPDX-License-Identifier: MIT */
/*
 * fatal.c - tests of the last words.
 */
#include "config.h"
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <iv_event.h>
#include "sys/sys.h"
#include "harness/test.h"

/* ---- Watching somebody die ---------------------------------------------------- */

static char words[8192];
static size_t words_len;
static int status;

/* qemu-user has last words of its own. */
static void cut_words_of_qemu(void)
{
	char *p = strstr(words, "qemu: uncaught target signal ");

	if (p == NULL)
		return;
	*p = '\0';
	words_len = (size_t)(p - words);
}

/* Runs FN in a child; keeps what it says on stderr, and how it ends. */
static void watch(void (*fn)(void))
{
	int fds[2];
	ssize_t n;
	pid_t pid;

	make_pipe(fds);
	fflush(NULL);
	pid = (pid_t)CHECK_SYS(fork());
	if (pid == 0) {
		dup2(fds[1], STDERR_FILENO);
		fn();
		_exit(0);
	}
	CHECK_SYS(close(fds[1]));
	words_len = 0;
	while ((n = read(fds[0], words + words_len,
			 sizeof(words) - 1 - words_len)) > 0)
		words_len += (size_t)n;
	words[words_len] = '\0';
	cut_words_of_qemu();
	CHECK_SYS(close(fds[0]));
	CHECK_SYS(waitpid(pid, &status, 0));
}

static void check_aborted(const char *text)
{
	CHECK(WIFSIGNALED(status));
	CHECK_INT(WTERMSIG(status), ==, SIGABRT);
	CHECK_STR(words, text);
}

/* ---- Messages -------------------------------------------------------------------- */

static void mute(const char *msg)
{
	(void)msg;
}

static void die(void)
{
	iv_set_fatal_msg_handler(mute);
	iv_fatal("test: %s %d", "number", 42);
}

TEST_ONCE(one_line_on_stderr)
{
	watch(die);
	check_aborted("ivykis: test: number 42\n");
}

static char *shared;

static void keep(const char *msg)
{
	strcpy(shared, msg);
}

static void share(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	shared = p;
}

static void die_with_handler(void)
{
	iv_set_fatal_msg_handler(mute);
	iv_set_fatal_msg_handler(keep);
	iv_fatal("test: %s", "kept");
}

/* The text only: no prefix, no newline. */
TEST_ONCE(the_handler_gets_the_text)
{
	share();
	watch(die_with_handler);
	check_aborted("ivykis: test: kept\n");
	CHECK_STR(shared, "test: kept");
}

static void die_without_handler(void)
{
	iv_set_fatal_msg_handler(keep);
	iv_set_fatal_msg_handler(NULL);
	iv_fatal("test: without a handler");
}

TEST_ONCE(the_handler_can_be_taken_back)
{
	share();
	watch(die_without_handler);
	check_aborted("ivykis: test: without a handler\n");
	CHECK_STR(shared, "");
}

static char long_text[3000];

static void die_at_length(void)
{
	iv_set_fatal_msg_handler(keep);
	iv_fatal("%s", long_text);
}

TEST_ONCE(a_long_text_is_cut)
{
	share();
	memset(long_text, 'x', sizeof(long_text) - 1);
	watch(die_at_length);
	CHECK_INT(strlen(shared), ==, 1023);
	CHECK_INT(strspn(shared, "x"), ==, 1023);
	CHECK_INT(words_len, ==, 8 + 1023 + 1);
	CHECK(WIFSIGNALED(status));
	CHECK_INT(WTERMSIG(status), ==, SIGABRT);
}

static void leave(const char *msg)
{
	(void)msg;
	_exit(7);
}

static void die_if_you_can(void)
{
	iv_set_fatal_msg_handler(leave);
	iv_fatal("test: leaves");
}

TEST_ONCE(a_handler_may_end_the_program)
{
	watch(die_if_you_can);
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), ==, 7);
	CHECK_STR(words, "ivykis: test: leaves\n");
}

static void die_blocked(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	die();
}

TEST_ONCE(with_all_signals_blocked)
{
	watch(die_blocked);
	check_aborted("ivykis: test: number 42\n");
}

static void die_without_stderr(void)
{
	close(STDERR_FILENO);
	die();
}

TEST_ONCE(without_stderr)
{
	watch(die_without_stderr);
	check_aborted("");
}

static void die_of_percent(void)
{
	iv_set_fatal_msg_handler(mute);
	iv_fatal("%s", "100%s %n");
}

TEST_ONCE(the_text_is_no_format)
{
	watch(die_of_percent);
	check_aborted("ivykis: 100%s %n\n");
}

/* ---- The form of messages ----------------------------------------------------------- */

static struct iv_event event;

static void *misuse_elsewhere(void *unused)
{
	iv_init();
	iv_event_unregister(&event);
	return unused;
}

static void misuse(void)
{
	pthread_t tid;

	iv_set_fatal_msg_handler(mute);
	iv_init();
	IV_EVENT_INIT(&event);
	event.handler = never_handler;
	CHECK_INT(iv_event_register(&event), ==, 0);
	pthread_create(&tid, NULL, misuse_elsewhere, NULL);
	pthread_join(tid, NULL);
}

/* Function, object, mistake. */
TEST_ONCE(misuse_is_reported_in_full)
{
	unsigned long owner, caller;
	void *object;

	watch(misuse);
	CHECK(WIFSIGNALED(status));
	CHECK_INT(WTERMSIG(status), ==, SIGABRT);
	CHECK_INT(sscanf(words, "ivykis: iv_event_unregister: iv_event %p: "
			 "its owner is thread %lu, called from %lu\n",
			 &object, &owner, &caller), ==, 3);
	CHECK_PTR(object, ==, &event);
	CHECK_INT(owner, !=, caller);
}

/* ---- Names of errors ------------------------------------------------------------------- */

TEST_ONCE(errors_have_names)
{
	CHECK_STR(ivi_errname(EBADF), "EBADF");
	CHECK_STR(ivi_errname(EMFILE), "EMFILE");
	CHECK_STR(ivi_errname(0), "errno 0");
	CHECK_STR(ivi_errname(123456), "errno 123456");
	CHECK_STR(ivi_errname(-5), "errno -5");
}
