/* SPDX-License-Identifier: MIT */
/*
 * fork.c - tests of noticing forks, and of the gate before them.
 */
#include "config.h"
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif
#include "sys/sys.h"
#include "harness/test.h"

/* ---- Generations ------------------------------------------------------------ */

static unsigned generation;

static void next_generation(void *unused)
{
	(void)unused;
	CHECK_INT(ivi_fork_generation(), ==, generation + 1);
	generation++;
	if (generation < 4)
		reap_child(fork_child(next_generation, NULL));
}

TEST_ONCE(each_child_is_a_generation_further)
{
	CHECK_INT(ivi_fork_watch(), ==, 0);
	generation = ivi_fork_generation();
	CHECK_INT(generation, !=, 0);
	reap_child(fork_child(next_generation, NULL));
	CHECK_INT(ivi_fork_generation(), ==, generation);
}

static int looked;

static void *look(void *unused)
{
	CHECK_INT(ivi_fork_generation(), >, 0);
	__atomic_store_n(&looked, 1, __ATOMIC_RELAXED);
	return unused;
}

static void die(void *unused)
{
	(void)unused;
	kill(getpid(), SIGKILL);
}

/* ThreadSanitizer once took that for a race, in the child of a process whose
   other threads have ended, but are yet to be joined. */
TEST_ONCE(forked_after_others_have_looked_at_the_generation)
{
	pthread_t tid;
	int i, status;

	iv_init();
	CHECK_INT(pthread_create(&tid, NULL, look, NULL), ==, 0);
	while (!__atomic_load_n(&looked, __ATOMIC_RELAXED))
		sched_yield();
	/* The first of these may be too early. */
	for (i = 0; i < 20; i++) {
		CHECK_SYS(waitpid(fork_child(die, NULL), &status, 0));
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	iv_deinit();
}

/* A child that no handler of pthread_atfork(3) is called in. */
static pid_t silent_fork(void)
{
#if defined(__linux__) && defined(SYS_clone) && !defined(__s390__)
	return (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
#else
	SKIP("no such call here");
#endif
}

TEST_ONCE(a_child_that_nobody_was_told_of_is_noticed)
{
	pid_t pid;

	generation = ivi_fork_generation();
	pid = (pid_t)CHECK_SYS(silent_fork());
	if (pid == 0) {
		ivi_fork_notice();
		_exit(ivi_fork_generation() == generation + 1 ? 0 : 1);
	}
	reap_child(pid);
	ivi_fork_notice();
	CHECK_INT(ivi_fork_generation(), ==, generation);
}

#if defined(__linux__) && !defined(__s390__) && defined(MADV_WIPEONFORK)
/* Whether the word was wiped is seen in memory.  In a child, which ends at once:
   what a sanitizer does at the end of a process needs getpid(2). */
TEST_ONCE(to_look_costs_no_system_call)
{
	pid_t pid;
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(page != MAP_FAILED);
	if (madvise(page, size, -1) == 0 ||
	    madvise(page, size, MADV_WIPEONFORK) < 0)
		SKIP("this kernel wipes no pages");
	munmap(page, size);
	pid = (pid_t)CHECK_SYS(fork());
	if (pid == 0) {
		generation = ivi_fork_generation();
		deny_syscall(SYS_getpid, EPERM);
		ivi_fork_notice();
		_exit(ivi_fork_generation() == generation ? 0 : 1);
	}
	reap_child(pid);
}

static void begin_again(void *path)
{
	execl(path, path, "-n", "a_child_that_nobody_was_told_of_is_noticed",
	      (char *)NULL);
	_exit(1);
}

/* In a process that gets no such page, getpid(2) tells. */
static void check_noticed_by_number(int madvise_error)
{
	char path[4096];
	ssize_t n = CHECK_SYS(readlink("/proc/self/exe", path,
				       sizeof(path) - 1));

#ifdef __SANITIZE_THREAD__
	SKIP("ThreadSanitizer does not begin without madvise(2)");
#endif
	path[n] = '\0';
	if (strstr(path, "fork") == NULL)
		SKIP("%s runs this program", path);
	deny_syscall(SYS_madvise, madvise_error);
	reap_child(fork_child(begin_again, path));
}

TEST_ONCE(noticed_without_a_page_that_is_wiped)
{
	check_noticed_by_number(EINVAL);
}

/* Emulators accept any advice, and do nothing. */
TEST_ONCE(noticed_though_a_page_is_said_to_be_wiped)
{
	check_noticed_by_number(0);
}
#endif

/* ---- The gate ------------------------------------------------------------------ */

static int inside, came, left, entered;

static int get(int *flag)
{
	return __atomic_load_n(flag, __ATOMIC_SEQ_CST);
}

static void set(int *flag)
{
	__atomic_store_n(flag, 1, __ATOMIC_SEQ_CST);
}

static void await(int *flag)
{
	while (!get(flag))
		sched_yield();
}

static void *stay_until_shut(void *unused)
{
	ivi_gate_enter();
	set(&inside);
	await(&ivi_gates_shut);
	set(&left);
	ivi_gate_leave();
	return unused;
}

static void *stay_until_one_came(void *unused)
{
	ivi_gate_enter();
	set(&inside);
	await(&came);
	set(&left);
	ivi_gate_leave();
	return unused;
}

static void *come_when_shut(void *unused)
{
	await(&ivi_gates_shut);
	set(&came);
	ivi_gate_enter();
	set(&entered);
	ivi_gate_leave();
	return unused;
}

static void look_around(void *unused)
{
	(void)unused;
	CHECK_INT(left, ==, 1);
	CHECK_INT(entered, ==, 0);
	CHECK_INT(ivi_gates_shut, ==, 0);
	ivi_gate_enter();
	ivi_gate_leave();
	ivi_gate_drain();
}

TEST_ONCE(nobody_is_inside_when_the_kernel_copies)
{
	pthread_t in, late;

	CHECK_INT(pthread_create(&in, NULL, stay_until_one_came, NULL), ==, 0);
	await(&inside);
	CHECK_INT(pthread_create(&late, NULL, come_when_shut, NULL), ==, 0);
	reap_child(fork_child(look_around, NULL));
	CHECK_INT(pthread_join(in, NULL), ==, 0);
	CHECK_INT(pthread_join(late, NULL), ==, 0);
	CHECK_INT(entered, ==, 1);
	CHECK_INT(ivi_gates_shut, ==, 0);
}

TEST_ONCE(drain_waits_for_those_inside)
{
	pthread_t in;

	CHECK_INT(pthread_create(&in, NULL, stay_until_shut, NULL), ==, 0);
	await(&inside);
	ivi_gate_drain();
	CHECK_INT(get(&left), ==, 1);
	CHECK_INT(pthread_join(in, NULL), ==, 0);
}

static void leave_here(void *unused)
{
	(void)unused;
	CHECK_INT(ivi_gate_own()->inside, ==, 1);
	ivi_gate_leave();
	CHECK_INT(ivi_gate_own()->inside, ==, 0);
	ivi_gate_drain();
}

/* Who is inside does not exist in such a child. */
TEST_ONCE(a_child_that_nobody_was_told_of_waits_for_nobody)
{
	pthread_t in;
	pid_t pid;

	CHECK_INT(pthread_create(&in, NULL, stay_until_one_came, NULL), ==, 0);
	await(&inside);
	pid = (pid_t)CHECK_SYS(silent_fork());
	if (pid == 0) {
		alarm((unsigned)(5 * time_scale()));
		ivi_gate_drain();
		_exit(0);
	}
	reap_child(pid);
	set(&came);
	CHECK_INT(pthread_join(in, NULL), ==, 0);
}

/* In a signal handler, say. */
TEST_ONCE(a_thread_that_is_inside_itself_may_fork)
{
	ivi_gate_enter();
	reap_child(fork_child(leave_here, NULL));
	ivi_gate_leave();
	ivi_gate_drain();
}

static void *come(void *unused)
{
	ivi_gate_enter();
	ivi_gate_leave();
	return unused;
}

/* As when a handler of pthread_atfork(3), called after ours, waits for it. */
TEST_ONCE(nobody_waits_for_ever)
{
	pthread_t tid;

	__atomic_fetch_add(&ivi_gates_shut, 1, __ATOMIC_SEQ_CST);
	CHECK_INT(pthread_create(&tid, NULL, come, NULL), ==, 0);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	__atomic_fetch_sub(&ivi_gates_shut, 1, __ATOMIC_SEQ_CST);
}
