/* SPDX-License-Identifier: MIT */
/*
 * wait.c - iv_wait.
 */
#include "config.h"
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <iv_event.h>
#include <iv_list.h>
#include <iv_signal.h>
#include <iv_wait.h>
#include "harness/test.h"

/* ---- Helpers -------------------------------------------------------------------- */

static void set(struct iv_wait_interest *w,
		void (*handler)(void *, int, const struct rusage *),
		void *cookie)
{
	/* As left by a caller compiled when IV_WAIT_INTEREST_INIT() did
	   nothing. */
	memset(w, 0xa5, sizeof(*w));
	w->handler = handler;
	w->cookie = cookie;
}

/* One whose statuses are noted as letters, until it ends: E7 exited with
   status 7, K15 killed by signal 15, S stopped, C continued, N no child. */
struct noted {
	struct iv_wait_interest w;
	char text[128];
	unsigned calls;
	int kept;		/* stays registered */
	int quits;		/* iv_quit() at the end */
	void (*next)(struct noted *n);
};

static int noted_text(char *to, size_t size, int status)
{
	if (status < 0)
		return snprintf(to, size, "N");
	if (WIFCONTINUED(status))
		return snprintf(to, size, "C");
	if (WIFSTOPPED(status))
		return snprintf(to, size, "S");
	if (WIFEXITED(status))
		return snprintf(to, size, "E%d", WEXITSTATUS(status));
	return snprintf(to, size, "K%d", WTERMSIG(status));
}

static void note_status(void *_n, int status, const struct rusage *usage)
{
	struct noted *n = _n;
	size_t len = strlen(n->text);
	int c;

	CHECK(usage == NULL || status >= 0);
	n->calls++;
	noted_text(n->text + len, sizeof(n->text) - len, status);
	if (n->next != NULL)
		n->next(n);
	c = n->text[len];
	if (c == 'S' || c == 'C')
		return;
	if (n->quits)
		iv_quit();
	if (!n->kept)
		iv_wait_interest_unregister(&n->w);
}

static void spawn(struct noted *n, void (*fn)(void *), void *cookie)
{
	memset(n, 0, sizeof(*n));
	set(&n->w, note_status, n);
	CHECK_INT(iv_wait_interest_register_spawn(&n->w, fn, cookie), ==, 0);
	CHECK_INT(n->w.pid, >, 0);
}

static void watch(struct noted *n, pid_t pid)
{
	memset(n, 0, sizeof(*n));
	set(&n->w, note_status, n);
	n->w.pid = pid;
	iv_wait_interest_register(&n->w);
}

static void exit_with(void *status)
{
	_exit((int)(intptr_t)status);
}

/* The same in a child that was forked beside threads or a loop: checkers take
   what was theirs for leaks. */
static void leave_with(void *status)
{
	char text[12];

	snprintf(text, sizeof(text), "%d", (int)(intptr_t)status);
	execl("/bin/sh", "sh", "-c", "exit $0", text, (char *)NULL);
	_exit(127);
}

static void return_at_once(void *unused)
{
	(void)unused;
}

static void wait_for_signals(void *unused)
{
	(void)unused;
	for (;;)
		pause();
}

/* Ends when the descriptor does, so that no failing case leaves it behind. */
static void wait_for_eof(void *fd)
{
	char c;

	while (read((int)(intptr_t)fd, &c, 1) > 0)
		;
	_exit(0);
}

static pid_t start(void (*fn)(void *), void *arg)
{
	return fork_child(fn, arg);
}

/* Waits until the child is dead or stopped, but leaves the status there. */
static void await_state(pid_t pid, int what)
{
	siginfo_t info;

	CHECK_SYS(waitid(P_PID, (id_t)pid, &info, what | WNOWAIT));
}

static void kill_and_reap(pid_t pid)
{
	kill(pid, SIGKILL);
	CHECK_SYS(waitpid(pid, NULL, 0));
}

static void turn(void)
{
	quit_after_turns(3);
	iv_main();
}

/* Runs RUN with and without pidfds, and when those are refused in the ways
   that mean absence. */
#define WAIT_TEST(name)							\
static void run_##name(void);						\
TEST(name)								\
{									\
	run_##name();							\
}									\
TEST_ONCE(name##_without_pidfd)						\
{									\
	deny_pidfd(ENOSYS);						\
	run_##name();							\
}									\
static void run_##name(void)

static void deny_pidfd(int err)
{
#ifdef SYS_pidfd_open
	deny_syscall(SYS_pidfd_open, err);
#else
	(void)err;
	SKIP("there are no pidfds");
#endif
}

/* ---- Statuses --------------------------------------------------------------------- */

WAIT_TEST(exit_status)
{
	struct noted n;

	iv_init();
	spawn(&n, exit_with, (void *)7);
	iv_main();
	CHECK_STR(n.text, "E7");
	iv_deinit();
}

WAIT_TEST(a_function_that_returns_is_status_1)
{
	struct noted n;

	iv_init();
	spawn(&n, return_at_once, NULL);
	iv_main();
	CHECK_STR(n.text, "E1");
	iv_deinit();
}

static void stop_cont_term(struct noted *n)
{
	static const int next[] = { SIGCONT, SIGTERM };

	if (n->calls <= 2)
		CHECK_INT(iv_wait_interest_kill(&n->w, next[n->calls - 1]), ==,
			  0);
}

WAIT_TEST(stopped_continued_killed)
{
	struct noted n;

	iv_init();
	spawn(&n, wait_for_signals, NULL);
	n.next = stop_cont_term;
	CHECK_INT(iv_wait_interest_kill(&n.w, SIGSTOP), ==, 0);
	iv_main();
	CHECK_STR(n.text, "SCK15");
	CHECK_INT(n.calls, ==, 3);
	iv_deinit();
}

/* Both changes are there when the loop first looks. */
WAIT_TEST(stopped_and_killed_before_the_loop_runs)
{
	struct noted n;

	iv_init();
	spawn(&n, wait_for_signals, NULL);
	kill(n.w.pid, SIGSTOP);
	await_state(n.w.pid, WSTOPPED);
	kill(n.w.pid, SIGCONT);
	await_state(n.w.pid, WCONTINUED);
	/* The kernel sends SIGCHLD a little later. */
	while (n.calls == 0)
		turn();
	CHECK_STR(n.text, "C");
	kill(n.w.pid, SIGKILL);
	iv_main();
	CHECK_STR(n.text, "CK9");
	iv_deinit();
}

static void count_forever(struct noted *n)
{
	(void)n;
	iv_quit();
}

/* It is registered, and keeps the loop running, but is not called again. */
WAIT_TEST(an_interest_outlives_its_child)
{
	struct noted n;

	iv_init();
	spawn(&n, exit_with, (void *)3);
	n.kept = 1;
	n.next = count_forever;
	iv_main();
	CHECK_STR(n.text, "E3");
	errno = 0;
	CHECK_INT(iv_wait_interest_kill(&n.w, 0), ==, -ESRCH);
	CHECK_INT(errno, ==, ESRCH);
	CHECK_INT(iv_wait_interest_kill(&n.w, SIGKILL), ==, -ESRCH);
	raise(SIGCHLD);
	turn();
	CHECK_INT(n.calls, ==, 1);
	iv_wait_interest_unregister(&n.w);
	iv_main();
	iv_deinit();
}

WAIT_TEST(an_interest_keeps_the_loop_running)
{
	struct noted n;
	int fds[2];

	make_pipe(fds);
	iv_init();
	spawn(&n, wait_for_eof, (void *)(intptr_t)fds[0]);
	turn();
	CHECK_INT(n.calls, ==, 0);
	CHECK_INT(iv_wait_interest_kill(&n.w, SIGTERM), ==, 0);
	iv_main();
	CHECK_STR(n.text, "K15");
	close_pair(fds);
	iv_deinit();
}

WAIT_TEST(kill_reports_what_kill_says)
{
	struct noted n;

	iv_init();
	spawn(&n, wait_for_signals, NULL);
	CHECK_ERRNO(iv_wait_interest_kill(&n.w, 12345), EINVAL);
	CHECK_INT(iv_wait_interest_kill(&n.w, 0), ==, 0);
	CHECK_INT(iv_wait_interest_kill(&n.w, SIGKILL), ==, 0);
	iv_main();
	CHECK_STR(n.text, "K9");
	iv_deinit();
}

static void *kill_it(void *w)
{
	CHECK_INT(iv_wait_interest_kill(w, SIGTERM), ==, 0);
	return NULL;
}

TEST(killed_by_another_thread)
{
	struct noted n;
	pthread_t tid;

	iv_init();
	spawn(&n, wait_for_signals, NULL);
	CHECK_INT(pthread_create(&tid, NULL, kill_it, &n.w), ==, 0);
	iv_main();
	CHECK_STR(n.text, "K15");
	pthread_join(tid, NULL);
	iv_deinit();
}

/* ---- Children that were there before ------------------------------------------------ */

WAIT_TEST(registered_while_alive)
{
	struct noted n;
	int fds[2];

	make_pipe(fds);
	iv_init();
	watch(&n, start(wait_for_eof, (void *)(intptr_t)fds[0]));
	CHECK_INT(n.calls, ==, 0);
	CHECK_INT(iv_wait_interest_kill(&n.w, SIGINT), ==, 0);
	iv_main();
	CHECK_STR(n.text, "K2");
	close_pair(fds);
	iv_deinit();
}

WAIT_TEST(registered_when_dead)
{
	struct noted n;
	pid_t pid;

	iv_init();
	pid = start(exit_with, (void *)5);
	await_state(pid, WEXITED);
	watch(&n, pid);
	CHECK_INT(n.calls, ==, 0);
	iv_main();
	CHECK_STR(n.text, "E5");
	iv_deinit();
}

WAIT_TEST(registered_when_stopped)
{
	struct noted n;
	pid_t pid;

	iv_init();
	pid = start(wait_for_signals, NULL);
	kill(pid, SIGSTOP);
	await_state(pid, WSTOPPED);
	watch(&n, pid);
	turn();
	CHECK_STR(n.text, "S");
	kill(pid, SIGKILL);
	iv_main();
	CHECK_STR(n.text, "SK9");
	iv_deinit();
}

static void check_no_child(pid_t pid)
{
	struct noted n;

	watch(&n, pid);
	CHECK_INT(n.calls, ==, 0);
	n.kept = 1;
	n.quits = 1;
	iv_main();
	CHECK_STR(n.text, "N");
	CHECK_INT(iv_wait_interest_kill(&n.w, 0), ==, -ESRCH);
	iv_wait_interest_unregister(&n.w);
}

/* Were -1 handed to the kernel, it would collect this one, too. */
WAIT_TEST(what_is_no_child_is_reported)
{
	pid_t bystander;

	iv_init();
	bystander = start(exit_with, (void *)0);
	await_state(bystander, WEXITED);
	check_no_child(getppid());
	check_no_child(getpid());
	check_no_child(0);
	check_no_child(-1);
	check_no_child(-getpid());
	reap_child(bystander);
	check_no_child(bystander);
	iv_deinit();
}

/* Asked with signal 0, which does no harm should it go to kill(-1). */
TEST(signals_go_to_single_processes)
{
	static const pid_t pids[] = { -1, 0, -2 };
	struct noted n;
	unsigned i;

	iv_init();
	for (i = 0; i < 3; i++) {
		watch(&n, pids[i]);
		CHECK_INT(iv_wait_interest_kill(&n.w, 0), ==, -ESRCH);
		iv_wait_interest_unregister(&n.w);
	}
	iv_deinit();
}

WAIT_TEST(waited_for_by_somebody_else)
{
	struct noted n;

	iv_init();
	spawn(&n, exit_with, (void *)0);
	CHECK_INT(waitpid(n.w.pid, NULL, 0), ==, n.w.pid);
	iv_main();
	CHECK_STR(n.text, "N");
	iv_deinit();
}

/* ---- A number is not the process ----------------------------------------------------- */

#ifdef HAVE_PIDFD
static pid_t start_as(pid_t pid)
{
	pid_t got;

	set_last_pid(pid - 1);
	got = start(wait_for_signals, NULL);
	CHECK_INT(got, ==, pid);
	return got;
}

/* The program waits for any child, and somebody else gets the number. */
static void lose_the_number(void)
{
	struct noted n;
	siginfo_t info = { .si_pid = 0 };
	pid_t pid, stranger;

	iv_init();
	set_last_pid(1000);
	spawn(&n, exit_with, (void *)7);
	pid = n.w.pid;
	CHECK_INT(waitpid(-1, NULL, 0), ==, pid);
	stranger = start_as(pid);
	CHECK_ERRNO(iv_wait_interest_kill(&n.w, SIGKILL), ESRCH);
	CHECK_SYS(kill(stranger, SIGSTOP));
	await_state(stranger, WSTOPPED);
	iv_main();
	CHECK_STR(n.text, "N");
	CHECK_SYS(waitid(P_PID, (id_t)stranger, &info,
			 WEXITED | WSTOPPED | WNOHANG | WNOWAIT));
	CHECK_INT(info.si_code, ==, CLD_STOPPED);
	kill_and_reap(stranger);
	iv_deinit();
}

static void need_pidfd(void)
{
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	siginfo_t info;

	if (fd < 0)
		SKIP("no pidfds: %s", strerror(errno));
	if (waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG) < 0 &&
	    errno != ECHILD)
		SKIP("no waiting by pidfd: %s", strerror(errno));
	close(fd);
}

TEST(somebody_else_has_got_the_number)
{
	need_pidfd();
	in_pid_namespace(lose_the_number);
}

static void *note_tid(void *tid)
{
	*(pid_t *)tid = (pid_t)syscall(SYS_gettid);
	return NULL;
}

/* What one pid cannot have others still have: their ends are seen without
   SIGCHLD. */
TEST(a_thread_is_no_child)
{
	struct noted n;
	pthread_t thread;
	sigset_t mask;
	pid_t tid;

	need_pidfd();
	CHECK_INT(pthread_create(&thread, NULL, note_tid, &tid), ==, 0);
	pthread_join(thread, NULL);
	iv_init();
	check_no_child(tid);
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	CHECK_INT(pthread_sigmask(SIG_BLOCK, &mask, NULL), ==, 0);
	spawn(&n, exit_with, (void *)4);
	iv_main();
	CHECK_STR(n.text, "E4");
	iv_deinit();
	CHECK_INT(pthread_sigmask(SIG_UNBLOCK, &mask, NULL), ==, 0);
}
#endif

#ifdef SYS_clone
#ifdef HAVE_PIDFD
/* Children that do not announce their end by SIGCHLD. */
static void check_clone(int signum)
{
	struct noted n;
	int fds[2];
	pid_t pid;

	need_kernel("has no other signal for the end of a process");
	make_pipe(fds);
	iv_init();
	pid = (pid_t)CHECK_SYS(syscall(SYS_clone, signum, 0, 0, 0, 0));
	if (pid == 0) {
		char c;

		close(fds[1]);
		syscall(SYS_exit, read(fds[0], &c, 1) == 0 ? 6 : 1);
	}
	watch(&n, pid);
	turn();
	CHECK_INT(n.calls, ==, 0);
	close_pair(fds);
	iv_main();
	CHECK_STR(n.text, "E6");
	iv_deinit();
}

TEST(a_child_without_an_exit_signal)
{
	need_pidfd();
	check_clone(0);
}

TEST(a_child_with_another_exit_signal)
{
	need_pidfd();
	check_clone(SIGURG);
}
#endif

/* It can be waited for without a pidfd, too. */
TEST_ONCE(a_dead_child_without_an_exit_signal)
{
	struct noted n;
	siginfo_t info;
	pid_t pid;

	deny_pidfd(ENOSYS);
	iv_init();
	pid = (pid_t)CHECK_SYS(syscall(SYS_clone, 0, 0, 0, 0, 0));
	if (pid == 0)
		syscall(SYS_exit, 6);
	CHECK_SYS(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | __WALL));
	watch(&n, pid);
	iv_main();
	CHECK_STR(n.text, "E6");
	iv_deinit();
}
#endif

/* ---- Other people's children ----------------------------------------------------------- */

WAIT_TEST(strangers_are_left_alone)
{
	struct noted n;
	pid_t first, last;

	iv_init();
	first = start(exit_with, (void *)0);
	spawn(&n, exit_with, (void *)0);
	last = start(exit_with, (void *)0);
	await_state(first, WEXITED);
	await_state(last, WEXITED);
	iv_main();
	CHECK_STR(n.text, "E0");
	reap_child(first);
	reap_child(last);
	iv_deinit();
}

WAIT_TEST(a_stopped_stranger_hides_nobody)
{
	struct noted n;
	pid_t pid;

	iv_init();
	pid = start(wait_for_signals, NULL);
	kill(pid, SIGSTOP);
	await_state(pid, WSTOPPED);
	spawn(&n, wait_for_signals, NULL);
	n.next = stop_cont_term;
	CHECK_INT(iv_wait_interest_kill(&n.w, SIGSTOP), ==, 0);
	iv_main();
	CHECK_STR(n.text, "SCK15");
	await_state(pid, WSTOPPED);
	kill_and_reap(pid);
	iv_deinit();
}

static void *fork_and_wait(void *unused)
{
	int i;

	for (i = 0; i < 100; i++) {
		pid_t pid = (pid_t)CHECK_SYS(fork());
		int status;

		if (pid == 0)
			leave_with((void *)(intptr_t)i);
		CHECK_INT(waitpid(pid, &status, 0), ==, pid);
		CHECK(WIFEXITED(status));
		CHECK_INT(WEXITSTATUS(status), ==, i);
	}
	return unused;
}

struct series {
	struct iv_wait_interest w;
	int left;
};

static void spawn_next(void *_s, int status, const struct rusage *usage)
{
	struct series *s = _s;

	(void)usage;
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), ==, s->left);
	iv_wait_interest_unregister(&s->w);
	if (--s->left > 0)
		CHECK_INT(iv_wait_interest_register_spawn(&s->w, leave_with,
						(void *)(intptr_t)s->left),
			  ==, 0);
}

/* Both have their children one after another, and lose none. */
WAIT_TEST(beside_a_thread_with_children)
{
	struct series s = { .left = 100 };
	pthread_t tid;

	time_limit(60);
	iv_init();
	set(&s.w, spawn_next, &s);
	CHECK_INT(iv_wait_interest_register_spawn(&s.w, leave_with,
						  (void *)100), ==, 0);
	CHECK_INT(pthread_create(&tid, NULL, fork_and_wait, NULL), ==, 0);
	iv_main();
	CHECK_INT(s.left, ==, 0);
	pthread_join(tid, NULL);
	iv_deinit();
}

/* ---- SIGCHLD belongs to all --------------------------------------------------------------- */

static void check_sigchld(unsigned flags)
{
	struct tally t = { 0, 0 };
	struct iv_signal sig;
	struct noted n;

	iv_init();
	IV_SIGNAL_INIT(&sig);
	sig.signum = SIGCHLD;
	sig.flags = flags;
	sig.handler = tally;
	sig.cookie = &t;
	CHECK_INT(iv_signal_register(&sig), ==, 0);
	spawn(&n, exit_with, (void *)0);
	n.quits = 1;
	/* The two may show in either order. */
	await_state(n.w.pid, WEXITED);
	iv_main();
	turn();
	CHECK_STR(n.text, "E0");
	CHECK_INT(t.calls, >=, 1);
	iv_signal_unregister(&sig);
	iv_deinit();
}

WAIT_TEST(the_program_sees_sigchld)
{
	check_sigchld(0);
}

WAIT_TEST(the_program_takes_sigchld_for_itself)
{
	check_sigchld(IV_SIGNAL_FLAG_EXCLUSIVE);
}

WAIT_TEST(a_thread_takes_sigchld_for_itself)
{
	check_sigchld(IV_SIGNAL_FLAG_EXCLUSIVE | IV_SIGNAL_FLAG_THIS_THREAD);
}

#ifdef HAVE_PIDFD
static volatile sig_atomic_t handled;

static void handle(int signum)
{
	handled += signum == SIGCHLD;
}

/* A handler of the program's own is called, and does not see ours. */
TEST(the_program_handles_sigchld)
{
	struct noted n;
	pid_t pid;

	need_pidfd();
	signal(SIGCHLD, handle);
	iv_init();
	spawn(&n, exit_with, (void *)4);
	iv_main();
	CHECK_STR(n.text, "E4");
	watch(&n, start(wait_for_signals, NULL));
	handled = 0;
	pid = start(exit_with, NULL);
	reap_child(pid);
	CHECK_INT(handled, ==, 1);
	CHECK_INT(iv_wait_interest_kill(&n.w, SIGKILL), ==, 0);
	iv_main();
	CHECK_STR(n.text, "K9");
	CHECK(signal(SIGCHLD, SIG_DFL) == handle);
	iv_deinit();
}

/* There is neither a pidfd nor SIGCHLD then. */
TEST(the_program_handles_sigchld_and_descriptors_are_short)
{
	struct iv_event channel = { .handler = never_handler };
	struct noted n;

	need_pidfd();
	signal(SIGCHLD, handle);
	iv_init();
	CHECK_INT(iv_event_register(&channel), ==, 0);
	leave_fds(0);
	spawn(&n, exit_with, (void *)4);
	n.quits = 1;
	iv_main();
	CHECK_STR(n.text, "E4");
	restore_fds();
	iv_event_unregister(&channel);
	CHECK(signal(SIGCHLD, SIG_DFL) == handle);
	iv_deinit();
}

/* A registered interest keeps the loop running, also when nothing is left. */
TEST(the_program_handles_sigchld_and_keeps_an_interest)
{
	struct noted n;

	need_pidfd();
	signal(SIGCHLD, handle);
	iv_init();
	spawn(&n, exit_with, (void *)3);
	n.kept = 1;
	n.next = count_forever;
	iv_main();
	CHECK_STR(n.text, "E3");
	with_deadline(5);
	turn();
	without_deadline();
	iv_wait_interest_unregister(&n.w);
	iv_main();
	CHECK(signal(SIGCHLD, SIG_DFL) == handle);
	iv_deinit();
}
#endif

/* A program that ignores SIGCHLD has no zombies, but is told how its children
   have ended. */
static void check_vanish(int discard)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };
	struct noted n, quick;
	pid_t pid;
	int i;

	sa.sa_flags = discard;
	if (discard == 0)
		sa.sa_handler = SIG_IGN;
	CHECK_SYS(sigaction(SIGCHLD, &sa, NULL));
	iv_init();
	for (i = 0; i < 20; i++) {
		spawn(&quick, exit_with, (void *)(intptr_t)i);
		iv_main();
		CHECK_INT(atoi(quick.text + 1), ==, i);
		CHECK_INT(quick.text[0], ==, 'E');
	}
	spawn(&n, wait_for_signals, NULL);
	pid = start(exit_with, NULL);
	while (kill(pid, 0) == 0)
		turn();
	CHECK_INT(n.calls, ==, 0);
	CHECK_INT(iv_wait_interest_kill(&n.w, SIGTERM), ==, 0);
	iv_main();
	CHECK_STR(n.text, "K15");
	CHECK_SYS(sigaction(SIGCHLD, NULL, &sa));
	CHECK(discard ? sa.sa_flags & discard : sa.sa_handler == SIG_IGN);
	iv_deinit();
	signal(SIGCHLD, SIG_DFL);
}

WAIT_TEST(the_program_ignores_sigchld)
{
	check_vanish(0);
}

WAIT_TEST(the_program_wants_no_zombies)
{
	check_vanish(SA_NOCLDWAIT);
}

#ifdef SYS_uname
/* Linux before 6.15 does not tell by a pidfd how the process has ended. */
TEST(the_program_ignores_sigchld_on_an_older_linux)
{
	deny_syscall(SYS_uname, ENOSYS);
	check_vanish(0);
}
#endif

#ifdef SYS_ioctl
/* Nor does what only calls itself a newer one. */
TEST(the_program_ignores_sigchld_and_nothing_is_told_by_pidfds)
{
	deny_syscall(SYS_ioctl, ENOTTY);
	check_vanish(0);
}
#endif

#ifdef HAVE_PIDFD
/* Nothing is asked of it where a pidfd tells all. */
TEST(an_ignored_sigchld_stays_ignored)
{
	struct sigaction sa;
	struct noted n;

	need_pidfd();
	signal(SIGCHLD, SIG_IGN);
	iv_init();
	spawn(&n, wait_for_signals, NULL);
	CHECK_SYS(sigaction(SIGCHLD, NULL, &sa));
	if (sa.sa_handler != SIG_IGN)
		note("this kernel does not tell by a pidfd");
	CHECK_INT(iv_wait_interest_kill(&n.w, SIGTERM), ==, 0);
	iv_main();
	CHECK_STR(n.text, "K15");
	iv_deinit();
	signal(SIGCHLD, SIG_DFL);
}
#endif

/* Without pidfds SIGCHLD is handled, but the program's use of it is what
   iv_signal gives it: what it waits for itself is not taken. */
TEST(strangers_are_left_alone_if_sigchld_was_ignored_before)
{
	struct tally t = { 0, 0 };
	struct iv_signal sig;
	struct noted n;
	pid_t pid;

	deny_pidfd(ENOSYS);
	signal(SIGCHLD, SIG_IGN);
	iv_init();
	IV_SIGNAL_INIT(&sig);
	sig.signum = SIGCHLD;
	sig.flags = 0;
	sig.handler = tally;
	sig.cookie = &t;
	CHECK_INT(iv_signal_register(&sig), ==, 0);
	spawn(&n, exit_with, NULL);
	n.quits = 1;
	pid = start(exit_with, NULL);
	await_state(pid, WEXITED);
	iv_main();
	turn();
	reap_child(pid);
	iv_signal_unregister(&sig);
	iv_deinit();
	signal(SIGCHLD, SIG_DFL);
}

/* The fence sees that it is the default again. */
TEST(sigchld_is_given_back)
{
	struct sigaction sa;
	struct noted n;

	iv_init();
	spawn(&n, exit_with, (void *)0);
	CHECK_SYS(sigaction(SIGCHLD, NULL, &sa));
	CHECK(sa.sa_handler != SIG_DFL);
	iv_main();
	CHECK_SYS(sigaction(SIGCHLD, NULL, &sa));
	CHECK(sa.sa_handler == SIG_DFL);
	iv_deinit();
}

#ifdef HAVE_PIDFD
/* Ends are seen without SIGCHLD. */
TEST(sigchld_is_blocked)
{
	struct noted n;
	sigset_t mask;
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	if (fd < 0)
		SKIP("no pidfds: %s", strerror(errno));
	close(fd);
	iv_init();
	/* The kernel refuses this pid, but not pidfds. */
	check_no_child(-1);
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	CHECK_INT(pthread_sigmask(SIG_BLOCK, &mask, NULL), ==, 0);
	spawn(&n, exit_with, (void *)4);
	iv_main();
	CHECK_STR(n.text, "E4");
	iv_deinit();
	CHECK_INT(pthread_sigmask(SIG_UNBLOCK, &mask, NULL), ==, 0);
}

TEST(pidfds_are_refused)
{
	static const int errs[] = { ENOSYS, EPERM, EINVAL, EMFILE, ENODEV };
	unsigned i;

	for (i = 0; i < sizeof(errs) / sizeof(errs[0]); i++) {
		pid_t pid = fork();
		struct noted n;

		CHECK_SYS(pid);
		if (pid != 0) {
			reap_child(pid);
			continue;
		}
		deny_syscall(SYS_pidfd_open, errs[i]);
		iv_init();
		spawn(&n, exit_with, (void *)4);
		iv_main();
		CHECK_STR(n.text, "E4");
		iv_deinit();
		_exit(0);
	}
}
#endif

/* ---- Spawning ---------------------------------------------------------------------------- */

static void add_signal(struct iv_signal *sig, int signum)
{
	IV_SIGNAL_INIT(sig);
	sig->signum = signum;
	sig->flags = 0;
	sig->handler = never_handler;
	sig->cookie = NULL;
	CHECK_INT(iv_signal_register(sig), ==, 0);
}

/* In the child: 0 if the signals are as expected. */
static void check_child_signals(void *unused)
{
	struct sigaction sa;
	sigset_t mask;

	(void)unused;
	sigaction(SIGUSR1, NULL, &sa);
	if (sa.sa_handler != SIG_DFL)
		_exit(10);
	sigaction(SIGHUP, NULL, &sa);
	if (sa.sa_handler != SIG_IGN)
		_exit(11);
	sigaction(SIGCHLD, NULL, &sa);
	if (sa.sa_handler != SIG_DFL)
		_exit(12);
	sigaction(SIGWINCH, NULL, &sa);
	if (sa.sa_handler != SIG_IGN)
		_exit(13);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	if (sigismember(&mask, SIGUSR2) != 1 ||
	    sigismember(&mask, SIGUSR1) != 0 ||
	    sigismember(&mask, SIGTERM) != 0)
		_exit(14);
	_exit(0);
}

TEST(signals_of_a_spawned_child)
{
	struct iv_signal usr1, hup;
	struct noted n;
	sigset_t mask, now;

	signal(SIGHUP, SIG_IGN);
	signal(SIGWINCH, SIG_IGN);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	CHECK_INT(pthread_sigmask(SIG_BLOCK, &mask, NULL), ==, 0);
	iv_init();
	add_signal(&usr1, SIGUSR1);
	add_signal(&hup, SIGHUP);
	spawn(&n, check_child_signals, NULL);
	CHECK_INT(pthread_sigmask(SIG_SETMASK, NULL, &now), ==, 0);
	CHECK_INT(sigismember(&now, SIGTERM), ==, 0);
	n.quits = 1;
	iv_main();
	CHECK_STR(n.text, "E0");
	iv_signal_unregister(&usr1);
	iv_signal_unregister(&hup);
	iv_deinit();
	CHECK_INT(pthread_sigmask(SIG_UNBLOCK, &mask, NULL), ==, 0);
	signal(SIGHUP, SIG_DFL);
	signal(SIGWINCH, SIG_DFL);
}

/* iv_init() ignores them in this process, not in children. */
static void check_pipe_and_urg(void *pipe_handler)
{
	struct sigaction sa;

	sigaction(SIGPIPE, NULL, &sa);
	if ((void *)(uintptr_t)sa.sa_handler != pipe_handler)
		_exit(10);
	sigaction(SIGURG, NULL, &sa);
	_exit(sa.sa_handler == SIG_DFL ? 0 : 11);
}

static void check_sigpipe(void (*handler)(int))
{
	struct noted n;

	spawn(&n, check_pipe_and_urg, (void *)(uintptr_t)handler);
	iv_main();
	CHECK_STR(n.text, "E0");
}

static void no_sigpipe(int signum)
{
	(void)signum;
}

TEST_ONCE(sigpipe_and_sigurg_are_default)
{
	iv_init();
	check_sigpipe(SIG_DFL);
	signal(SIGPIPE, no_sigpipe);
	check_sigpipe(no_sigpipe);
	signal(SIGPIPE, SIG_DFL);
	iv_deinit();
}

TEST_ONCE(what_was_ignored_before_stays_ignored)
{
	signal(SIGPIPE, SIG_IGN);
	iv_init();
	check_sigpipe(SIG_IGN);
	iv_deinit();
	signal(SIGPIPE, SIG_DFL);
}

/* However early the signal comes, the child dies of it. */
TEST(a_signal_right_after_the_fork)
{
	struct iv_signal usr1;
	struct noted n;
	int i;

	iv_init();
	add_signal(&usr1, SIGUSR1);
	for (i = 0; i < 50; i++) {
		spawn(&n, wait_for_signals, NULL);
		n.quits = 1;
		CHECK_INT(iv_wait_interest_kill(&n.w, SIGUSR1), ==, 0);
		iv_main();
		CHECK_STR(n.text, "K10");
	}
	iv_signal_unregister(&usr1);
	iv_deinit();
}

/* Before the fork handlers of the library itself have run: a handler of ours
   was registered earlier, so that it runs earlier in the child. */
static int raise_in_child;

static void raise_early(void)
{
	if (raise_in_child)
		raise(SIGUSR1);
}

__attribute__((constructor)) static void add_fork_handler(void)
{
	pthread_atfork(NULL, NULL, raise_early);
}

TEST(a_signal_in_the_middle_of_the_fork)
{
	struct iv_signal usr1;
	struct noted n;

	iv_init();
	add_signal(&usr1, SIGUSR1);
	raise_in_child = 1;
	spawn(&n, wait_for_signals, NULL);
	raise_in_child = 0;
	n.quits = 1;
	iv_main();
	CHECK_STR(n.text, "K10");
	turn();
	iv_signal_unregister(&usr1);
	iv_deinit();
}

static void use_everything(void *unused)
{
	struct noted n;

	(void)unused;
	iv_init();
	spawn(&n, exit_with, (void *)6);
	iv_main();
	CHECK_STR(n.text, "E6");
	iv_deinit();
	_exit(0);
}

TEST(a_spawned_child_spawns)
{
	struct noted n;

	iv_init();
	spawn(&n, use_everything, NULL);
	iv_main();
	CHECK_STR(n.text, "E0");
	iv_deinit();
}

static void expect_no_children(void)
{
	CHECK_ERRNO(waitpid(-1, NULL, WNOHANG), ECHILD);
}

TEST(spawn_without_descriptors)
{
	struct iv_wait_interest w;
	struct noted n;

	iv_init();
	leave_fds(0);
	set(&w, note_status, NULL);
	CHECK_ERRNO(iv_wait_interest_register_spawn(&w, exit_with, NULL),
		    EMFILE);
	expect_no_children();
	iv_main();
	restore_fds();
	spawn(&n, exit_with, (void *)0);
	iv_main();
	CHECK_STR(n.text, "E0");
	iv_deinit();
}

/* Enough to be woken by signals, not enough for pidfds. */
TEST(spawn_with_few_descriptors)
{
	struct iv_signal sig;
	struct noted n[3];
	int i;

	iv_init();
	add_signal(&sig, SIGUSR1);
	leave_fds(0);
	for (i = 0; i < 3; i++)
		spawn(&n[i], exit_with, (void *)0);
	iv_signal_unregister(&sig);
	iv_main();
	for (i = 0; i < 3; i++)
		CHECK_STR(n[i].text, "E0");
	restore_fds();
	iv_deinit();
}

/* ---- Unregistering ------------------------------------------------------------------------ */

WAIT_TEST(unregistering_leaves_the_child)
{
	struct noted n;
	pid_t pid;

	iv_init();
	spawn(&n, exit_with, (void *)0);
	pid = n.w.pid;
	await_state(pid, WEXITED);
	iv_wait_interest_unregister(&n.w);
	iv_main();
	CHECK_INT(n.calls, ==, 0);
	reap_child(pid);
	iv_deinit();
}

static struct iv_wait_interest *several[4];
static unsigned several_calls;

static void drop_all(void *unused, int status, const struct rusage *usage)
{
	int i;

	(void)unused;
	(void)status;
	(void)usage;
	several_calls++;
	for (i = 0; i < 4; i++) {
		iv_wait_interest_unregister(several[i]);
		kill(several[i]->pid, SIGKILL);
		waitpid(several[i]->pid, NULL, 0);
		free(several[i]);
	}
}

/* All have something to report; the first takes down all. */
WAIT_TEST(a_handler_unregisters_and_frees_all)
{
	int i;

	iv_init();
	for (i = 0; i < 4; i++) {
		several[i] = malloc(sizeof(*several[i]));
		CHECK(several[i] != NULL);
		set(several[i], drop_all, NULL);
		CHECK_INT(iv_wait_interest_register_spawn(several[i],
							  exit_with, NULL),
			  ==, 0);
		await_state(several[i]->pid, WEXITED);
	}
	iv_main();
	CHECK_INT(several_calls, ==, 1);
	iv_deinit();
}

static void stop_then_drop_all(void *unused, int status,
			       const struct rusage *usage)
{
	CHECK(WIFSTOPPED(status));
	drop_all(unused, status, usage);
}

WAIT_TEST(a_stopped_one_unregisters_and_frees_all)
{
	int i;

	iv_init();
	for (i = 0; i < 4; i++) {
		several[i] = malloc(sizeof(*several[i]));
		CHECK(several[i] != NULL);
		set(several[i], stop_then_drop_all, NULL);
		CHECK_INT(iv_wait_interest_register_spawn(several[i],
							  wait_for_signals,
							  NULL), ==, 0);
		kill(several[i]->pid, SIGSTOP);
		await_state(several[i]->pid, WSTOPPED);
	}
	iv_main();
	CHECK_INT(several_calls, ==, 1);
	iv_deinit();
}

TEST(deinit_lets_go_of_what_is_registered)
{
	struct noted alive, dead;
	pid_t pid;

	iv_init();
	spawn(&dead, exit_with, (void *)0);
	dead.kept = 1;
	dead.quits = 1;
	iv_main();
	spawn(&alive, wait_for_signals, NULL);
	pid = alive.w.pid;
	iv_deinit();

	iv_init();
	iv_wait_interest_register(&alive.w);
	CHECK_INT(iv_wait_interest_kill(&alive.w, SIGKILL), ==, 0);
	iv_main();
	CHECK_STR(alive.text, "K9");
	CHECK_INT(alive.w.pid, ==, pid);
	iv_deinit();
}

/* ---- Threads and forks --------------------------------------------------------------------- */

struct family {
	struct loop_thread *thread;
	pthread_t tid;
	struct iv_wait_interest w[10];
	int ended;
	struct iv_event *done;
};

static void child_of_family(void *_f, int status, const struct rusage *usage)
{
	struct family *f = _f;

	(void)usage;
	CHECK(pthread_equal(pthread_self(), f->tid));
	CHECK(WIFEXITED(status));
	if (__atomic_add_fetch(&f->ended, 1, __ATOMIC_RELAXED) == 10)
		iv_event_post(f->done);
}

static void spawn_family(void *_f)
{
	struct family *f = _f;
	int i;

	f->tid = pthread_self();
	for (i = 0; i < 10; i++) {
		set(&f->w[i], child_of_family, f);
		CHECK_INT(iv_wait_interest_register_spawn(&f->w[i], leave_with,
							  NULL), ==, 0);
	}
}

static void drop_family(void *_f)
{
	struct family *f = _f;
	int i;

	for (i = 0; i < 10; i++)
		iv_wait_interest_unregister(&f->w[i]);
}

static struct family families[3];

static void family_done(void *unused)
{
	int i;

	(void)unused;
	for (i = 0; i < 3; i++)
		if (__atomic_load_n(&families[i].ended, __ATOMIC_RELAXED) < 10)
			return;
	iv_quit();
}

WAIT_TEST(each_thread_has_its_own_children)
{
	struct iv_event done = { .handler = family_done };
	int i;

	iv_init();
	CHECK_INT(iv_event_register(&done), ==, 0);
	for (i = 0; i < 3; i++) {
		families[i].done = &done;
		families[i].thread = loop_thread_start(spawn_family,
						       drop_family,
						       &families[i]);
	}
	iv_main();
	for (i = 0; i < 3; i++)
		loop_thread_stop(families[i].thread);
	iv_event_unregister(&done);
	iv_deinit();
}

static void not_now(struct noted *unused)
{
	int old;

	(void)unused;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
}

static void *be_cancelled(void *_done)
{
	struct noted n;
	pid_t pid;

	iv_init();
	pid = start(leave_with, NULL);
	await_state(pid, WEXITED);
	watch(&n, pid);
	n.next = not_now;
	pthread_cancel(pthread_self());
	iv_main();
	CHECK_STR(n.text, "E0");
	iv_deinit();
	*(int *)_done = 1;
	return NULL;
}

/* No cancellation while the loop looks at its children. */
WAIT_TEST(a_thread_is_cancelled_while_it_waits)
{
	pthread_t tid;
	int done = 0;

	CHECK_INT(pthread_create(&tid, NULL, be_cancelled, &done), ==, 0);
	pthread_join(tid, NULL);
	CHECK_INT(done, ==, 1);
	iv_init();
	check_no_child(getppid());
	iv_deinit();
}

/* A fork of the program goes on with its loop: the children are its
   siblings, and it has others of its own. */
static void go_on(void *_n)
{
	struct noted own, *n = _n;

	CHECK_INT(iv_wait_interest_kill(&n->w, SIGKILL), ==, -ESRCH);
	spawn(&own, leave_with, (void *)2);
	own.quits = 1;
	n->kept = 1;
	iv_main();
	CHECK_STR(own.text, "E2");
	iv_wait_interest_unregister(&n->w);
	iv_main();
	iv_deinit();
}

/* The same object is new to a child that starts anew. */
static void start_anew(void *_n)
{
	struct noted *n = _n;

	iv_init();
	iv_wait_interest_unregister(&n->w);
	spawn(n, leave_with, (void *)2);
	iv_main();
	CHECK_STR(n->text, "E2");
	iv_deinit();
	leave_with(NULL);
}

WAIT_TEST(the_program_forks)
{
	struct noted n;

	iv_init();
	spawn(&n, wait_for_signals, NULL);
	reap_child(start(go_on, &n));
	reap_child(start(start_anew, &n));
	CHECK_INT(n.calls, ==, 0);
	CHECK_INT(iv_wait_interest_kill(&n.w, SIGTERM), ==, 0);
	iv_main();
	CHECK_STR(n.text, "K15");
	iv_deinit();
}

/* ---- Misuse --------------------------------------------------------------------------------- */

FATAL_TEST(registering_twice, "iv_wait_interest_register: iv_wait_interest ")
{
	struct noted n;

	iv_init();
	watch(&n, getppid());
	iv_wait_interest_register(&n.w);
}

FATAL_TEST_ONCE(spawning_twice, "is already registered")
{
	struct iv_wait_interest w;

	iv_init();
	set(&w, note_status, NULL);
	w.pid = getppid();
	iv_wait_interest_register(&w);
	iv_wait_interest_register_spawn(&w, exit_with, NULL);
}

FATAL_TEST_ONCE(unregistering_twice, "is not registered")
{
	struct noted n;

	iv_init();
	watch(&n, getppid());
	iv_wait_interest_unregister(&n.w);
	iv_wait_interest_unregister(&n.w);
}

FATAL_TEST_ONCE(killing_unregistered,
		"iv_wait_interest_kill: iv_wait_interest ")
{
	struct iv_wait_interest w;

	iv_init();
	set(&w, note_status, NULL);
	iv_wait_interest_kill(&w, SIGTERM);
}

static void drop(void *w)
{
	iv_wait_interest_unregister(w);
}

static jmp_buf outside;
static unsigned left;

static void leave_by_longjmp(void *w, int status, const struct rusage *usage)
{
	(void)usage;
	CHECK_INT(WEXITSTATUS(status), ==, 7);
	iv_wait_interest_unregister(w);
	left++;
	longjmp(outside, 1);
}

static void end_and_leave(struct iv_wait_interest *ws, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		set(&ws[i], leave_by_longjmp, &ws[i]);
		CHECK_INT(iv_wait_interest_register_spawn(&ws[i], exit_with,
							  (void *)7), ==, 0);
		await_state(ws[i].pid, WEXITED);
	}
	left = 0;
	setjmp(outside);
	if (left < n)
		iv_main();
	CHECK_INT(left, ==, n);
}

/* No further SIGCHLD says that there are more. */
WAIT_TEST(handlers_leave_by_longjmp)
{
	struct iv_wait_interest ws[5];

	iv_init();
	end_and_leave(ws, 5);
	iv_main();
	iv_deinit();
}

static void pause_for_ever(void *unused)
{
	(void)unused;
	for (;;)
		pause();
}

static void init_and_unregister(void *_w, int status,
				const struct rusage *usage)
{
	(void)usage;
	CHECK_INT(WTERMSIG(status), ==, SIGKILL);
	IV_WAIT_INTEREST_INIT((struct iv_wait_interest *)_w);
	iv_wait_interest_unregister(_w);
}

/* It has worked when that did nothing. */
TEST(initialised_once_more_after_registering)
{
	struct iv_wait_interest other, w;

	iv_init();
	set(&w, init_and_unregister, &w);
	set(&other, init_and_unregister, &other);
	CHECK_INT(iv_wait_interest_register_spawn(&w, pause_for_ever, NULL),
		  ==, 0);
	CHECK_INT(iv_wait_interest_register_spawn(&other, pause_for_ever,
						  NULL), ==, 0);
	IV_WAIT_INTEREST_INIT(&w);
	IV_WAIT_INTEREST_INIT(&other);
	CHECK_INT(iv_wait_interest_kill(&w, SIGKILL), ==, 0);
	CHECK_INT(iv_wait_interest_kill(&other, SIGKILL), ==, 0);
	iv_main();
	iv_deinit();
}

FATAL_TEST_ONCE(unregistering_in_another_thread, "belongs to another thread")
{
	struct loop_thread *t = loop_thread_start(NULL, NULL, NULL);
	struct noted n;

	iv_init();
	watch(&n, getppid());
	loop_thread_call(t, drop, &n.w);
}

FATAL_TEST_ONCE(without_a_handler, "has no handler")
{
	struct iv_wait_interest w;

	iv_init();
	set(&w, NULL, NULL);
	w.pid = getppid();
	iv_wait_interest_register(&w);
}

FATAL_TEST_ONCE(without_a_function, "the function pointer is NULL")
{
	struct iv_wait_interest w;

	iv_init();
	set(&w, note_status, NULL);
	iv_wait_interest_register_spawn(&w, NULL, NULL);
}

FATAL_TEST_ONCE(without_a_loop, "call iv_init()")
{
	struct noted n;

	watch(&n, getppid());
}

FATAL_TEST_ONCE(register_without_descriptors,
		"iv_wait_interest_register: pid 1: EMFILE")
{
	struct noted n;

	iv_init();
	leave_fds(0);
	watch(&n, 1);
}

FATAL_TEST_ONCE(register_null, "iv_wait_interest_register: the struct")
{
	iv_init();
	iv_wait_interest_register(NULL);
}

FATAL_TEST_ONCE(spawn_null, "iv_wait_interest_register_spawn: the struct")
{
	iv_init();
	iv_wait_interest_register_spawn(NULL, exit_with, NULL);
}

FATAL_TEST_ONCE(unregister_null, "iv_wait_interest_unregister: the struct")
{
	iv_init();
	iv_wait_interest_unregister(NULL);
}

FATAL_TEST_ONCE(kill_null, "iv_wait_interest_kill: the struct")
{
	iv_init();
	iv_wait_interest_kill(NULL, 0);
}
