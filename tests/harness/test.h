/* SPDX-License-Identifier: MIT */
/*
 * test.h - what a test program sees of the harness.
 *
 * A test program is a file of cases; the harness supplies main().  Each case
 * runs in a process and process group of its own, under a time limit, and
 * inside a leak fence: once it has returned, descriptors, threads, children,
 * signal dispositions and mask, resource limits and POSIX timers have to be
 * what they were (so call iv_deinit()).  It passes if it returns, the fence is
 * clean, and the process then exits with status 0 without a sanitizer's
 * report.  Results are TAP on stdout.
 *
 * Usage: PROGRAM [-hlnv] [-m METHOD]... [PATTERN]...
 *	-l	list the cases
 *	-m	only with this poll method (more than once: with these)
 *	-n	run the first case that matches in this process, without a
 *		time limit: for debuggers
 *	-v	show the output of cases that pass, too
 *	PATTERN	as for fnmatch(3), on "file/case" or on "case"
 *
 * Environment:
 *	IV_TEST_METHODS		the poll methods, separated by blanks; by
 *				default all that work here.  With emulated
 *				kernels: METHOD:PERSONALITY
 *	IV_TEST_TIME_SCALE	factor for time limits (valgrind, qemu)
 *	TMPDIR			where tmpdir() is made
 */
#ifndef IV_TEST_H
#define IV_TEST_H

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/types.h>
#include <iv.h>
#include "harness/portable.h"

/* ---- Cases ------------------------------------------------------------- */

/*
 * TEST(name) { ... } runs once for each poll method, chosen through
 * IV_SELECT_POLL_METHOD; a case that has called iv_init() and finds itself on
 * another method fails.  TEST_ONCE(name) runs once; the library chooses.
 * IV_EXCLUDE_POLL_METHOD is unset in both.
 */
#define TEST(name)		TEST_CASE_(name, 1, NULL)
#define TEST_ONCE(name)		TEST_CASE_(name, 0, NULL)

/*
 * These pass only if the case dies of SIGABRT after a line on stderr that
 * begins with "ivykis: " and contains TEXT.
 */
#define FATAL_TEST(name, text)		TEST_CASE_(name, 1, text)
#define FATAL_TEST_ONCE(name, text)	TEST_CASE_(name, 0, text)

struct test_case {
	const char	*file;
	int		line;
	const char	*name;
	void		(*run)(void);
	int		per_method;
	const char	*fatal;
	struct test_case *next;
};

void test_register(struct test_case *c);

#define TEST_CASE_(name_, per_method_, fatal_)				\
static void test_run_##name_(void);					\
__attribute__((constructor)) static void test_add_##name_(void)	\
{									\
	static struct test_case c = {					\
		__FILE__, __LINE__, #name_, test_run_##name_,		\
		per_method_, fatal_, NULL				\
	};								\
									\
	test_register(&c);						\
}									\
static void test_run_##name_(void)

/* ---- Checks ------------------------------------------------------------ */

/*
 * A check that fails prints where and what, and ends the case.  They may be
 * used in any thread of the case and in any process it has forked.
 */
#define CHECK(expr)							\
	do {								\
		if (!(expr))						\
			FAIL("%s", #expr);				\
	} while (0)

#define CHECK_INT(a, op, b)						\
	do {								\
		long long a_ = (long long)(a);				\
		long long b_ = (long long)(b);				\
									\
		if (!(a_ op b_))					\
			FAIL("%s %s %s (left: %lld, right: %lld)",	\
			     #a, #op, #b, a_, b_);			\
	} while (0)

#define CHECK_PTR(a, op, b)						\
	do {								\
		const void *a_ = (a);					\
		const void *b_ = (b);					\
									\
		if (!(a_ op b_))					\
			FAIL("%s %s %s (left: %p, right: %p)",		\
			     #a, #op, #b, a_, b_);			\
	} while (0)

/* Equal strings; NULL equals only NULL. */
#define CHECK_STR(a, b)	test_check_str(__FILE__, __LINE__, #a, a, b)

/* A system call or library function that must not return -1; its value. */
#define CHECK_SYS(call)	test_check_sys(__FILE__, __LINE__, #call, call)

/* It must return -1, and errno be ERR. */
#define CHECK_ERRNO(call, err)						\
	do {								\
		long long r_;						\
									\
		errno = 0;						\
		r_ = (long long)(call);					\
		test_check_errno(__FILE__, __LINE__, #call, r_, err);	\
	} while (0)

#define FAIL(...)	test_fail(__FILE__, __LINE__, __VA_ARGS__)

/* Ends the case as skipped. */
#define SKIP(...)	test_skip(__VA_ARGS__)

void test_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 3, 4)));
void test_skip(const char *fmt, ...)
	__attribute__((noreturn, format(printf, 1, 2)));
void test_check_str(const char *file, int line, const char *what,
		    const char *a, const char *b);
long long test_check_sys(const char *file, int line, const char *what,
			 long long ret);
void test_check_errno(const char *file, int line, const char *what,
		      long long ret, int err);

/* A line of diagnostics. */
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ---- What a case may say about itself ---------------------------------- */

/* The name of the poll method it runs with; NULL in a _ONCE case. */
const char *test_method(void);

/* It leaves the loop on another method than that. */
void any_method(const char *why);

/* Seconds it may take, instead of 10; IV_TEST_TIME_SCALE is applied. */
void time_limit(unsigned seconds);

/*
 * pthread_create(3), by CREATE.  ThreadSanitizer (gcc 12) drops a signal that
 * the kernel gives to a thread that ends; under it this one, and those that it
 * creates, get none.
 */
int thread_create(int (*create)(pthread_t *, const pthread_attr_t *,
				void *(*)(void *), void *),
		  pthread_t *tid, const pthread_attr_t *attr,
		  void *(*fn)(void *), void *arg);

/* IV_TEST_TIME_SCALE, or 1. */
double time_scale(void);

enum fence {
	FENCE_FDS	= 1 << 0,
	FENCE_THREADS	= 1 << 1,
	FENCE_CHILDREN	= 1 << 2,
	FENCE_SIGNALS	= 1 << 3,	/* dispositions and mask */
	FENCE_LIMITS	= 1 << 4,
	FENCE_TIMERS	= 1 << 5,
	FENCE_KERNEL	= 1 << 6	/* what an emulated one frowns upon */
};

/* It leaves these changed. */
void fence_allow(unsigned what, const char *why);

/* ---- Descriptors, processes, limits (help.c) --------------------------- */

/* fds[0] is for reading, fds[1] for writing; close-on-exec, blocking. */
void make_pipe(int fds[2]);

/* A connected pair of stream sockets; close-on-exec, blocking. */
void make_socketpair(int fds[2]);

void close_pair(int fds[2]);

/* Writes one byte. */
void poke(int fd);

/* These make FD nonblocking.  Reads all there is, or writes until full; the
   number of bytes.  drain() stops at the end of the file, too. */
size_t drain(int fd);
size_t fill(int fd);

/* 1 if FD is open, else 0. */
int fd_is_open(int fd);

/*
 * Sets the soft limit on descriptors so that exactly SPARE more can be
 * opened.  The case (or restore_fds()) lifts it.  After iv_init(), which
 * raises the limit.
 */
void leave_fds(unsigned spare);
void restore_fds(void);

/* The case needs numbers below N: raises the soft limit, or skips it.  Other
   libraries than ours, and programs without a loop, leave that alone. */
void need_fds(unsigned n);

/* Sets the soft limit on descriptors; the fence does not mind. */
void limit_fds(unsigned soft);

/*
 * From here on the kernel refuses system call NR to this thread and those it
 * starts with ERR, without running it.  There is no way back.  Skips the
 * case where there are no seccomp filters.
 */
void deny_syscall(long nr, int err);

/* The same for write(2) on FD, which writes nothing and returns 0. */
void mute_write(int fd);

/* Skips the case where an emulator (qemu-user) runs the program, which LACKs, or
   has, what the kernel itself would not. */
void need_kernel(const char *lack);

/* Runs fn(arg) in a forked child, which then exits with status 0. */
pid_t fork_child(void (*fn)(void *), void *arg);

/* Waits for it; it must have exited with status 0. */
void reap_child(pid_t pid);

/*
 * Runs fn() in the first process of a pid namespace of its own, which must
 * exit with status 0.  Skips the case where there are none, or if FN exits
 * with NAMESPACE_SKIP since the namespace may not be used as it has to be.
 */
#define NAMESPACE_SKIP	77
void in_pid_namespace(void (*fn)(void));

/* There: the next process has the number after PID, if that is free. */
void set_last_pid(pid_t pid);

/* An empty directory, removed with its contents after the case. */
const char *tmpdir(void);

/* NAME in it; good for the next seven calls. */
const char *in_tmpdir(const char *name);

/* ---- Loops (loop.c) ---------------------------------------------------- */

/* A handler that counts its calls, and calls iv_quit() at the QUIT_ATth. */
struct tally {
	unsigned	calls;
	unsigned	quit_at;	/* 0: never */
};

void tally(void *tally);

/* A handler that notes it was called by appending its cookie, a string. */
void trace(void *label);

/* What trace() has noted so far; then begins anew.  Not for threads. */
const char *traced(void);

/* Handlers: iv_quit(), and one that must not be called; its cookie is a
   string that says why, or NULL. */
void quit_handler(void *unused);
void never_handler(void *why);

/* INITs T and sets it to expire MS milliseconds after iv_now. */
void timer_after(struct iv_timer *t, long ms, void (*handler)(void *),
		 void *cookie);

/*
 * Makes iv_main() return after N turns, by a task that runs in each of them:
 * none of these turns sleeps.
 */
void quit_after_turns(unsigned n);

/*
 * with_deadline() makes the calling thread's loop fail the case if it is
 * still running after some seconds; without_deadline() takes that back.
 * It is a registered timer: iv_main() does not run out of objects.
 * One at a time.
 */
void with_deadline(unsigned seconds);
void without_deadline(void);

/* 1 if the poll method needs no descriptor for waking a loop: iv_event. */
int wakes_without_fd(void);

/*
 * A thread that runs a loop until told to stop.  SETUP, if not NULL, runs in
 * it between iv_init() and iv_main(), TEARDOWN after iv_main(); both have
 * finished when start or stop return.
 */
struct loop_thread;

struct loop_thread *loop_thread_start(void (*setup)(void *),
				      void (*teardown)(void *), void *arg);
void loop_thread_stop(struct loop_thread *t);

/* Runs fn(arg) in the loop of T and waits until it has. */
void loop_thread_call(struct loop_thread *t, void (*fn)(void *), void *arg);

#endif
