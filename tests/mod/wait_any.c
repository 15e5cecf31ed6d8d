/* SPDX-License-Identifier: MIT */
/*
 * wait_any.c - iv_wait_any.
 */
#include "config.h"
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <iv_event.h>
#include <iv_loop.h>
#include <iv_signal.h>
#include <iv_wait.h>
#include "harness/test.h"

/* ---- Helpers -------------------------------------------------------------------- */

#define MOST	300

/* What has been told, in order. */
static struct iv_wait_any any;
static pid_t pids[MOST];
static int statuses[MOST];
static unsigned told, quit_at;

static void note_end(void *cookie, pid_t pid, int status,
		     const struct rusage *usage)
{
	CHECK_PTR(cookie, ==, &any);
	CHECK(usage != NULL);
	CHECK_INT(told, <, MOST);
	pids[told] = pid;
	statuses[told++] = status;
	if (told == quit_at)
		iv_quit();
}

static void set(struct iv_wait_any *a,
		void (*handler)(void *, pid_t, int, const struct rusage *))
{
	memset(a, 0xa5, sizeof(*a));
	IV_WAIT_ANY_INIT(a);
	a->cookie = a;
	a->handler = handler;
}

static void begin(void)
{
	iv_init();
	set(&any, note_end);
	CHECK_INT(iv_wait_any_registered(&any), ==, 0);
	CHECK_INT(iv_wait_any_register(&any), ==, 0);
	CHECK_INT(iv_wait_any_registered(&any), ==, 1);
}

static void end(void)
{
	iv_wait_any_unregister(&any);
	CHECK_INT(iv_wait_any_registered(&any), ==, 0);
	iv_main();
	iv_deinit();
	CHECK_ERRNO(waitpid(-1, NULL, WNOHANG), ECHILD);
}

/* Until N in all have been told. */
static void run(unsigned n)
{
	quit_at = n;
	if (told < n)
		iv_main();
	CHECK_INT(told, ==, n);
}

static void exit_with(void *status)
{
	_exit((int)(intptr_t)status);
}

/* In a child forked beside threads: checkers take theirs for leaks. */
static void leave(void *unused)
{
	(void)unused;
	execl("/bin/sh", "sh", "-c", "exit 7", (char *)NULL);
	_exit(127);
}

static void last(void *unused)
{
	(void)unused;
	for (;;)
		pause();
}

static pid_t start(int status)
{
	return fork_child(exit_with, (void *)(intptr_t)status);
}

static void await_end(pid_t pid)
{
	siginfo_t info;

	CHECK_SYS(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
}

static unsigned mine_ended;

static void mine(void *w, int status, const struct rusage *usage)
{
	(void)usage;
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), ==, 7);
	mine_ended++;
	iv_wait_interest_unregister(w);
}

static void spawn(struct iv_wait_interest *w)
{
	IV_WAIT_INTEREST_INIT(w);
	w->cookie = w;
	w->handler = mine;
	CHECK_INT(iv_wait_interest_register_spawn(w, exit_with, (void *)7), ==,
		  0);
}

/* Runs with and without pidfds. */
#define ANY_TEST(name)							\
static void run_##name(void);						\
TEST(name)								\
{									\
	run_##name();							\
}									\
TEST_ONCE(name##_without_pidfd)						\
{									\
	deny_pidfd();							\
	run_##name();							\
}									\
static void run_##name(void)

static void deny_pidfd(void)
{
#ifdef SYS_pidfd_open
	deny_syscall(SYS_pidfd_open, ENOSYS);
#else
	SKIP("there are no pidfds");
#endif
}

/* ---- Ends ---------------------------------------------------------------------- */

TEST(a_child_of_the_program)
{
	pid_t pid;

	begin();
	pid = start(3);
	run(1);
	CHECK_INT(pids[0], ==, pid);
	CHECK(WIFEXITED(statuses[0]));
	CHECK_INT(WEXITSTATUS(statuses[0]), ==, 3);
	pid = fork_child(last, NULL);
	kill(pid, SIGSTOP);
	kill(pid, SIGKILL);
	run(2);
	CHECK_INT(pids[1], ==, pid);
	CHECK(WIFSIGNALED(statuses[1]));
	end();
}

TEST(a_child_that_had_ended_before)
{
	pid_t pid = start(4);

	await_end(pid);
	begin();
	run(1);
	CHECK_INT(pids[0], ==, pid);
	CHECK_INT(WEXITSTATUS(statuses[0]), ==, 4);
	end();
}

/* More than are taken at once. */
TEST(many_that_have_ended)
{
	unsigned i;

	for (i = 0; i < 250; i++)
		await_end(start(0));
	begin();
	run(250);
	end();
}

static jmp_buf outside;

static void leave_by_longjmp(void *cookie, pid_t pid, int status,
			     const struct rusage *usage)
{
	note_end(cookie, pid, status, usage);
	longjmp(outside, 1);
}

/* No further SIGCHLD says that there are more. */
TEST(handlers_leave_by_longjmp)
{
	unsigned i;

	for (i = 0; i < 5; i++)
		await_end(start(0));
	begin();
	any.handler = leave_by_longjmp;
	setjmp(outside);
	if (told < 5)
		run(5);
	end();
}

TEST(it_keeps_the_loop_running)
{
	begin();
	quit_after_turns(3);
	iv_main();
	CHECK_INT(told, ==, 0);
	end();
}

TEST(sigchld_was_ignored)
{
	signal(SIGCHLD, SIG_IGN);
	begin();
	start(3);
	run(1);
	CHECK_INT(WEXITSTATUS(statuses[0]), ==, 3);
	end();
	signal(SIGCHLD, SIG_DFL);
}

static void count_call(void *n)
{
	++*(unsigned *)n;
}

/* What it leaves would be no zombie but for it. */
ANY_TEST(sigchld_was_ignored_and_it_is_not_told)
{
	pid_t pid;

	signal(SIGCHLD, SIG_IGN);
	begin();
	pid = start(1);
	await_end(pid);
	end();
	CHECK_INT(told, ==, 0);
	signal(SIGCHLD, SIG_DFL);
}

/* Unless the program handles the signal as well. */
ANY_TEST(sigchld_was_ignored_and_the_program_waits)
{
	struct iv_signal sig;
	unsigned calls = 0;
	pid_t pid;

	signal(SIGCHLD, SIG_IGN);
	iv_init();
	IV_SIGNAL_INIT(&sig);
	sig.signum = SIGCHLD;
	sig.cookie = &calls;
	sig.handler = count_call;
	CHECK_INT(iv_signal_register(&sig), ==, 0);
	begin();
	pid = start(1);
	await_end(pid);
	iv_wait_any_unregister(&any);
	CHECK_INT(waitpid(pid, NULL, 0), ==, pid);
	iv_signal_unregister(&sig);
	iv_deinit();
	iv_deinit();
	signal(SIGCHLD, SIG_DFL);
}

/* ---- Beside interests ----------------------------------------------------------- */

/* Each is told to whom it concerns, in whatever order they end. */
ANY_TEST(interests_have_theirs)
{
	struct iv_wait_interest w[10];
	pid_t last = 0;
	unsigned i;

	begin();
	for (i = 0; i < 10; i++) {
		spawn(&w[i]);
		await_end(w[i].pid);
		last = start(3);
		await_end(last);
	}
	run(10);
	while (mine_ended < 10) {
		quit_after_turns(2);
		iv_main();
	}
	CHECK_INT(pids[9], ==, last);
	for (i = 0; i < 10; i++)
		CHECK_INT(WEXITSTATUS(statuses[i]), ==, 3);
	end();
}

/* Taken for it, and not told: it is still waited for. */
ANY_TEST(an_interest_unregistered_before_it_is_told)
{
	struct iv_wait_interest w;

	begin();
	spawn(&w);
	await_end(w.pid);
	iv_wait_interest_unregister(&w);
	run(1);
	CHECK_INT(pids[0], ==, w.pid);
	CHECK_INT(WEXITSTATUS(statuses[0]), ==, 7);
	end();
}

static bool is_taken(pid_t pid)
{
	siginfo_t info;

	return waitid(P_PID, (id_t)pid, &info,
		      WEXITED | WNOHANG | WNOWAIT) < 0;
}

/* Two with a stranger between them, so that one at least has been waited for
   when the stranger is told. */
static struct iv_wait_interest pair[2];

static void lost(void *w, int status, const struct rusage *usage)
{
	CHECK(usage == NULL);
	CHECK_INT(status, ==, -1);
	iv_wait_interest_unregister(w);
}

static void begin_with_a_pair(void (*handler)(void *, pid_t, int,
					      const struct rusage *))
{
	unsigned i;

	iv_init();
	for (i = 0; i < 2; i++) {
		spawn(&pair[i]);
		await_end(pair[i].pid);
		if (i == 0)
			await_end(start(3));
	}
	set(&any, handler);
	CHECK_INT(iv_wait_any_register(&any), ==, 0);
}

static void drop_pair(void)
{
	unsigned i;

	for (i = 0; i < 2; i++) {
		int ret = iv_wait_interest_kill(&pair[i], 0);

		CHECK_INT(ret, ==, is_taken(pair[i].pid) ? -ESRCH : 0);
		iv_wait_interest_unregister(&pair[i]);
	}
	CHECK(is_taken(pair[0].pid) || is_taken(pair[1].pid));
}

static void note_and_drop_pair(void *cookie, pid_t pid, int status,
			       const struct rusage *usage)
{
	note_end(cookie, pid, status, usage);
	any.handler = note_end;
	drop_pair();
}

static void expect_pair(unsigned first)
{
	unsigned i;

	for (i = first; i < first + 2; i++) {
		CHECK(pids[i] == pair[0].pid || pids[i] == pair[1].pid);
		CHECK_INT(WEXITSTATUS(statuses[i]), ==, 7);
	}
	CHECK_INT(pids[first], !=, pids[first + 1]);
	CHECK_INT(mine_ended, ==, 0);
}

/* Their statuses are not lost, though the kernel has them no more. */
ANY_TEST(interests_unregistered_when_they_were_waited_for)
{
	begin_with_a_pair(note_and_drop_pair);
	run(3);
	CHECK_INT(WEXITSTATUS(statuses[0]), ==, 3);
	expect_pair(1);
	end();
}

static void note_and_drop_all(void *cookie, pid_t pid, int status,
			      const struct rusage *usage)
{
	note_end(cookie, pid, status, usage);
	iv_wait_any_unregister(&any);
	drop_pair();
}

/* Those that nobody has waited for yet. */
static void reap_the_rest(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

/* Whoever registers next is told: another one ... */
ANY_TEST(left_for_the_next_iv_wait_any)
{
	begin_with_a_pair(note_and_drop_all);
	run(1);
	any.handler = note_end;
	CHECK_INT(iv_wait_any_register(&any), ==, 0);
	run(3);
	expect_pair(1);
	end();
}

/* ... or an interest ... */
ANY_TEST(left_for_the_next_interest)
{
	unsigned i;

	begin_with_a_pair(note_and_drop_all);
	run(1);
	for (i = 0; i < 2; i++) {
		iv_wait_interest_register(&pair[i]);
		CHECK_INT(iv_wait_interest_kill(&pair[i], 0), ==,
			  is_taken(pair[i].pid) ? -ESRCH : 0);
	}
	iv_main();
	CHECK_INT(mine_ended, ==, 2);
	iv_deinit();
}

/* ... or nobody. */
ANY_TEST(left_for_nobody)
{
	begin_with_a_pair(note_and_drop_all);
	run(1);
	iv_deinit();
	reap_the_rest();
	iv_init();
	iv_wait_interest_register(&pair[0]);
	pair[0].handler = lost;
	iv_main();
	iv_deinit();
}

static void abandon_pair(void *unused)
{
	(void)unused;
	iv_wait_interest_unregister(&pair[0]);
	iv_wait_interest_register(&pair[0]);
	pair[0].handler = lost;
	iv_main();
}

static void note_and_fork(void *cookie, pid_t pid, int status,
			  const struct rusage *usage)
{
	note_end(cookie, pid, status, usage);
	iv_wait_any_unregister(&any);
	iv_wait_interest_unregister(&pair[1]);
	reap_child(fork_child(abandon_pair, NULL));
	iv_wait_interest_unregister(&pair[0]);
}

/* A forked child has none of them. */
ANY_TEST(left_in_the_parent)
{
	begin_with_a_pair(note_and_fork);
	run(1);
	iv_deinit();
	reap_the_rest();
}

static struct iv_loop *aside;

static void watch_aside(void)
{
	struct iv_loop *before = iv_loop_enter(aside);

	spawn(&pair[0]);
	iv_loop_enter(before);
	await_end(pair[0].pid);
}

static void *drop_aside(void *unused)
{
	(void)unused;
	iv_loop_enter(aside);
	iv_wait_interest_unregister(&pair[0]);
	iv_loop_enter(NULL);
	return NULL;
}

/* It was waited for in its loop's stead, which does not run. */
ANY_TEST(another_thread_unregisters)
{
	pthread_t thread;

	begin();
	aside = iv_loop_new(NULL);
	CHECK(aside != NULL);
	watch_aside();
	start(3);
	run(1);
	CHECK(is_taken(pair[0].pid));
	CHECK_INT(pthread_create(&thread, NULL, drop_aside, NULL), ==, 0);
	run(2);
	CHECK_INT(pthread_join(thread, NULL), ==, 0);
	CHECK_INT(pids[1], ==, pair[0].pid);
	CHECK_INT(WEXITSTATUS(statuses[1]), ==, 7);
	iv_loop_free(aside);
	end();
}

ANY_TEST(its_loop_is_taken_down)
{
	begin();
	aside = iv_loop_new(NULL);
	CHECK(aside != NULL);
	watch_aside();
	start(3);
	run(1);
	CHECK(is_taken(pair[0].pid));
	iv_loop_free(aside);
	run(2);
	CHECK_INT(pids[1], ==, pair[0].pid);
	CHECK_INT(WEXITSTATUS(statuses[1]), ==, 7);
	end();
}

static void killed(void *w, int status, const struct rusage *usage)
{
	(void)usage;
	CHECK(WIFSIGNALED(status));
	mine_ended++;
	iv_wait_interest_unregister(w);
}

/* Another child gets the number of one whose status is left. */
static void use_the_number_again(void)
{
	pid_t pid;

	set_last_pid(1000);
	begin_with_a_pair(note_and_drop_all);
	run(1);
	CHECK(is_taken(pair[0].pid));
	set_last_pid(pair[0].pid - 1);
	pid = fork_child(last, NULL);
	CHECK_INT(pid, ==, pair[0].pid);
	pair[0].handler = killed;
	iv_wait_interest_register(&pair[0]);
	CHECK_INT(iv_wait_interest_kill(&pair[0], SIGKILL), ==, 0);
	iv_main();
	CHECK_INT(mine_ended, ==, 1);
	mine_ended = 0;
	any.handler = note_end;
	CHECK_INT(iv_wait_any_register(&any), ==, 0);
	run(3);
	expect_pair(1);
	end();
}

TEST(left_by_one_with_the_same_number)
{
	in_pid_namespace(use_the_number_again);
}

struct family {
	struct loop_thread *thread;
	struct iv_wait_interest w[20];
	unsigned ended;
	struct iv_event *done;
};

static void one_of_family(void *_f, int status, const struct rusage *usage)
{
	struct family *f = _f;

	(void)usage;
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), ==, 7);
	if (__atomic_add_fetch(&f->ended, 1, __ATOMIC_RELAXED) == 20)
		iv_event_post(f->done);
}

static void spawn_family(void *_f)
{
	struct family *f = _f;
	unsigned i;

	for (i = 0; i < 20; i++) {
		IV_WAIT_INTEREST_INIT(&f->w[i]);
		f->w[i].cookie = f;
		f->w[i].handler = one_of_family;
		CHECK_INT(iv_wait_interest_register_spawn(&f->w[i], leave,
							  NULL), ==, 0);
	}
}

static void drop_family(void *_f)
{
	struct family *f = _f;
	unsigned i;

	for (i = 0; i < 20; i++)
		iv_wait_interest_unregister(&f->w[i]);
}

static struct family families[3];

static void family_done(void *unused)
{
	unsigned i;

	(void)unused;
	for (i = 0; i < 3; i++)
		if (__atomic_load_n(&families[i].ended, __ATOMIC_RELAXED) < 20)
			return;
	iv_quit();
}

/* Children of other threads' loops are never taken for nobody's. */
ANY_TEST(other_threads_spawn)
{
	struct iv_event done = { .handler = family_done };
	unsigned i;

	time_limit(60);
	begin();
	CHECK_INT(iv_event_register(&done), ==, 0);
	for (i = 0; i < 3; i++) {
		families[i].done = &done;
		families[i].thread = loop_thread_start(NULL, drop_family,
						       &families[i]);
	}
	for (i = 0; i < 3; i++)
		loop_thread_call(families[i].thread, spawn_family,
				 &families[i]);
	iv_main();
	for (i = 0; i < 3; i++)
		loop_thread_stop(families[i].thread);
	iv_event_unregister(&done);
	CHECK_INT(told, ==, 0);
	end();
}

/* ---- Handlers ------------------------------------------------------------------ */

static struct iv_wait_interest later;

static void fork_and_watch(void *a, pid_t pid, int status,
			   const struct rusage *usage)
{
	(void)pid;
	(void)status;
	(void)usage;
	told++;
	IV_WAIT_INTEREST_INIT(&later);
	later.pid = start(7);
	await_end(later.pid);
	later.cookie = &later;
	later.handler = mine;
	iv_wait_interest_register(&later);
	iv_wait_any_unregister(a);
	memset(a, 0xa5, sizeof(struct iv_wait_any));
	free(a);
}

/* It also goes away, with another child to be told. */
ANY_TEST(a_handler_forks_and_watches)
{
	struct iv_wait_any *a = malloc(sizeof(*a));
	pid_t second;

	CHECK(a != NULL);
	await_end(start(0));
	second = start(0);
	await_end(second);
	iv_init();
	set(a, fork_and_watch);
	CHECK_INT(iv_wait_any_register(a), ==, 0);
	iv_main();
	CHECK_INT(told, ==, 1);
	CHECK_INT(mine_ended, ==, 1);
	CHECK_INT(waitpid(-1, NULL, 0), >, 0);
	iv_deinit();
}

/* ---- Orphans --------------------------------------------------------------------- */

/* Ends after its parent. */
static void leave_an_orphan(void)
{
	int fds[2];
	pid_t parent;

	make_pipe(fds);
	parent = (pid_t)CHECK_SYS(fork());
	if (parent == 0) {
		pid_t pid = fork();
		char c;

		close(fds[1]);
		if (pid == 0)
			_exit(read(fds[0], &c, 1) == 0 ? 5 : 1);
		_exit(pid < 0);
	}
	run(1);
	CHECK_INT(pids[0], ==, parent);
	CHECK_INT(statuses[0], ==, 0);
	close_pair(fds);
	run(2);
	CHECK_INT(pids[1], !=, parent);
	CHECK_INT(WEXITSTATUS(statuses[1]), ==, 5);
}

#ifdef PR_SET_CHILD_SUBREAPER
TEST(orphans_of_a_subreaper)
{
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		SKIP("no subreapers: %s", strerror(errno));
	begin();
	leave_an_orphan();
	end();
}
#endif

static void be_the_first(void)
{
	CHECK_INT(getpid(), ==, 1);
	begin();
	leave_an_orphan();
	end();
}

TEST(orphans_of_the_first_process)
{
	in_pid_namespace(be_the_first);
}

/* ---- One per process --------------------------------------------------------------- */

static void expect_busy(void *unused)
{
	struct iv_wait_any other;

	(void)unused;
	set(&other, note_end);
	CHECK_ERRNO(iv_wait_any_register(&other), EBUSY);
	CHECK_INT(iv_wait_any_registered(&other), ==, 0);
}

TEST(there_is_one)
{
	struct loop_thread *t = loop_thread_start(NULL, NULL, NULL);

	begin();
	expect_busy(NULL);
	loop_thread_call(t, expect_busy, NULL);
	loop_thread_stop(t);
	iv_wait_any_unregister(&any);
	CHECK_INT(iv_wait_any_register(&any), ==, 0);
	iv_wait_any_unregister(&any);
	iv_deinit();
	/* The loop takes it down. */
	begin();
	iv_deinit();
	CHECK_INT(iv_wait_any_registered(&any), ==, 0);
	begin();
	end();
}

static void have_another(void *anew)
{
	CHECK_INT(iv_wait_any_registered(&any), ==, 0);
	if (anew != NULL)
		iv_init();
	iv_wait_any_unregister(&any);
	CHECK_INT(iv_wait_any_register(&any), ==, 0);
	told = 0;
	start(3);
	run(1);
	end();
}

TEST(a_forked_child_has_another)
{
	pid_t pid;

	begin();
	pid = fork_child(have_another, NULL);
	run(1);
	CHECK_INT(pids[0], ==, pid);
	CHECK_INT(statuses[0], ==, 0);
	pid = fork_child(have_another, &any);
	run(2);
	CHECK_INT(pids[1], ==, pid);
	CHECK_INT(statuses[1], ==, 0);
	end();
}

static pid_t forked;

static void fork_there(void *unused, pid_t pid, int status,
		       const struct rusage *usage)
{
	(void)unused;
	(void)pid;
	(void)status;
	(void)usage;
	forked = fork();
	CHECK_INT(forked, !=, -1);
	iv_quit();
}

/* The inherited one means nothing, and wants no turns. */
TEST(a_child_that_was_forked_in_the_handler_sleeps)
{
	struct timespec left;
	int i, status;

	begin();
	any.handler = fork_there;
	start(0);
	iv_main();
	if (forked == 0) {
		for (i = 0; i < 3; i++)
			iv_run(IV_RUN_NOWAIT);
		_exit(iv_loop_timeout(&left) == 0 ? 0 : 1);
	}
	CHECK_INT(waitpid(forked, &status, 0), ==, forked);
	CHECK_INT(status, ==, 0);
	end();
}

TEST(without_descriptors)
{
	iv_init();
	set(&any, note_end);
	leave_fds(0);
	CHECK_ERRNO(iv_wait_any_register(&any), EMFILE);
	CHECK_INT(iv_wait_any_registered(&any), ==, 0);
	restore_fds();
	CHECK_INT(iv_wait_any_register(&any), ==, 0);
	end();
}

/* ---- Misuse ------------------------------------------------------------------------- */

FATAL_TEST(registering_twice, "iv_wait_any_register: iv_wait_any ")
{
	begin();
	iv_wait_any_register(&any);
}

FATAL_TEST(registering_twice_after_initialising_once_more,
	   "iv_wait_any_register: iv_wait_any ")
{
	begin();
	IV_WAIT_ANY_INIT(&any);
	set(&any, note_end);
	iv_wait_any_register(&any);
}

FATAL_TEST(initialised_while_it_is_registered, "iv_wait_any ")
{
	begin();
	IV_WAIT_ANY_INIT(&any);
	iv_main();
}

FATAL_TEST_ONCE(unregistering_twice, "is not registered")
{
	begin();
	iv_wait_any_unregister(&any);
	iv_wait_any_unregister(&any);
}

static void drop(void *a)
{
	iv_wait_any_unregister(a);
}

FATAL_TEST_ONCE(unregistering_in_another_thread, "belongs to another thread")
{
	struct loop_thread *t = loop_thread_start(NULL, NULL, NULL);

	begin();
	loop_thread_call(t, drop, &any);
}

/* That has been refused one of its own. */
static void refused_and_drop(void *a)
{
	static struct iv_wait_any second;

	set(&second, note_end);
	CHECK_ERRNO(iv_wait_any_register(&second), EBUSY);
	iv_wait_any_unregister(a);
}

FATAL_TEST_ONCE(unregistering_in_a_thread_that_was_refused,
		"belongs to another thread")
{
	struct loop_thread *t = loop_thread_start(NULL, NULL, NULL);

	begin();
	loop_thread_call(t, refused_and_drop, &any);
}

FATAL_TEST_ONCE(without_a_handler, "has no handler")
{
	iv_init();
	IV_WAIT_ANY_INIT(&any);
	iv_wait_any_register(&any);
}

FATAL_TEST_ONCE(without_a_loop, "iv_wait_any_register: call iv_init()")
{
	set(&any, note_end);
	iv_wait_any_register(&any);
}

FATAL_TEST_ONCE(register_null, "iv_wait_any_register: the struct")
{
	iv_init();
	iv_wait_any_register(NULL);
}

FATAL_TEST_ONCE(unregister_null, "iv_wait_any_unregister: the struct")
{
	iv_init();
	iv_wait_any_unregister(NULL);
}

FATAL_TEST_ONCE(registered_null, "iv_wait_any_registered: the struct")
{
	iv_wait_any_registered(NULL);
}
