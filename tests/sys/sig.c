/* SPDX-License-Identifier: MIT */
/*
 * sig.c - signals, and what survives a fork.
 */
#include "config.h"
#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include "sys/child.h"
#include "sys/sig.h"
#include "sys/sys.h"
#include "harness/test.h"

/* ---- The lock --------------------------------------------------------------------- */

#define THREADS	4
#define ROUNDS	20000

static struct ivi_spin lock;
static unsigned counter;

static void *count(void *unused)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		ivi_spin_lock(&lock);
		counter++;
		ivi_spin_unlock(&lock);
	}
	return unused;
}

TEST_ONCE(one_thread_at_a_time)
{
	pthread_t tid[THREADS];
	int i;

	for (i = 0; i < THREADS; i++)
		CHECK_INT(pthread_create(&tid[i], NULL, count, NULL), ==, 0);
	for (i = 0; i < THREADS; i++)
		pthread_join(tid[i], NULL);
	CHECK_INT(counter, ==, THREADS * ROUNDS);
}

static void lock_and_unlock(void *unused)
{
	(void)unused;
	ivi_spin_lock(&lock);
	ivi_spin_unlock(&lock);
}

/* Not even by the child itself: the parent holds it. */
TEST_ONCE(free_in_a_child)
{
	iv_init();
	ivi_spin_lock(&lock);
	reap_child(fork_child(lock_and_unlock, NULL));
	ivi_spin_unlock(&lock);
	iv_deinit();
}

static int notes[2];

static void *wait_for_the_lock(void *unused)
{
	ivi_spin_lock(&lock);
	ivi_spin_unlock(&lock);
	return unused;
}

/* A line. */
static void read_note(char *text, size_t size)
{
	size_t len = 0;

	do
		CHECK_INT(read(notes[0], &text[len++], 1), ==, 1);
	while (text[len - 1] != '\n' && len < size - 1);
	text[len] = '\0';
}

/* Once is enough. */
TEST_ONCE(a_lock_that_is_held_for_long_is_noted)
{
	const struct timespec second = { 1, 100000000 };
	char text[1024];
	pthread_t tid;
	int err;

#ifndef IVI_DEBUG
	SKIP("not a debug build");
#endif
	err = (int)CHECK_SYS(dup(2));
	make_pipe(notes);
	CHECK_SYS(dup2(notes[1], 2));
	ivi_spin_lock(&lock);
	CHECK_INT(pthread_create(&tid, NULL, wait_for_the_lock, NULL), ==, 0);
	read_note(text, sizeof(text));
	nanosleep(&second, NULL);
	ivi_spin_unlock(&lock);
	pthread_join(tid, NULL);
	CHECK_SYS(dup2(err, 2));
	CHECK_SYS(close(err));
	CHECK(strstr(text, "a lock of the library has not been free") != NULL);
	CHECK_SYS(fcntl(notes[0], F_SETFL, O_NONBLOCK));
	CHECK_ERRNO(read(notes[0], text, 1), EAGAIN);
	close_pair(notes);
}

/* ---- Processes ---------------------------------------------------------------------- */

static void is_another(void *p)
{
	CHECK(!ivi_process_is(p));
	ivi_process_set(p);
	CHECK(ivi_process_is(p));
}

TEST_ONCE(a_child_is_another_process)
{
	struct ivi_process p = { 0, 0 };

	iv_init();
	CHECK(!ivi_process_is(&p));
	ivi_process_set(&p);
	CHECK(ivi_process_is(&p));
	reap_child(fork_child(is_another, &p));
	CHECK(ivi_process_is(&p));
	iv_deinit();
}

static void look(void *p)
{
	_exit(ivi_process_is(p));
}

/* The parent waits meanwhile and shares its memory. */
TEST_ONCE(a_child_of_vfork_is_another_process)
{
	struct ivi_process p;
	pid_t pid;

	ivi_process_set(&p);
	pid = ivi_vfork(look, &p);
	CHECK_INT(pid, >, 0);
	reap_child(pid);
	CHECK(ivi_process_is(&p));
}

/* ---- Masks and dispositions ------------------------------------------------------------ */

TEST_ONCE(the_mask_comes_back)
{
	sigset_t before, saved, now;

	sigemptyset(&before);
	sigaddset(&before, SIGUSR1);
	CHECK_INT(pthread_sigmask(SIG_BLOCK, &before, NULL), ==, 0);
	ivi_signals_block(&saved);
	CHECK_INT(pthread_sigmask(SIG_SETMASK, NULL, &now), ==, 0);
	CHECK_INT(sigismember(&now, SIGTERM), ==, 1);
	CHECK_INT(sigismember(&now, SIGCHLD), ==, 1);
	ivi_signals_restore(&saved);
	CHECK_INT(pthread_sigmask(SIG_SETMASK, NULL, &now), ==, 0);
	CHECK_INT(sigismember(&now, SIGTERM), ==, 0);
	CHECK_INT(sigismember(&now, SIGUSR1), ==, 1);
	CHECK_INT(pthread_sigmask(SIG_UNBLOCK, &before, NULL), ==, 0);
}

static volatile sig_atomic_t last;

static void handler(int signum)
{
	last = signum;
}

static struct sigaction action_of(int signum)
{
	struct sigaction sa;

	CHECK_SYS(sigaction(signum, NULL, &sa));
	return sa;
}

TEST_ONCE(install_and_uninstall)
{
	struct sigaction old;

	signal(SIGUSR1, SIG_IGN);
	CHECK_INT(ivi_signal_install(SIGUSR1, handler, &old), ==, 0);
	CHECK(old.sa_handler == SIG_IGN);
	raise(SIGUSR1);
	CHECK_INT(last, ==, SIGUSR1);
	ivi_signal_uninstall(SIGUSR1, handler, &old);
	CHECK(action_of(SIGUSR1).sa_handler == SIG_IGN);

	CHECK_INT(ivi_signal_install(SIGUSR1, handler, &old), ==, 0);
	signal(SIGUSR1, SIG_DFL);
	ivi_signal_uninstall(SIGUSR1, handler, &old);
	CHECK(action_of(SIGUSR1).sa_handler == SIG_DFL);

	CHECK_INT(ivi_signal_install(SIGKILL, handler, &old), ==, -EINVAL);
	CHECK_INT(ivi_signal_install(0, handler, &old), ==, -EINVAL);
}

TEST_ONCE(reset)
{
	struct sigaction old = { .sa_handler = SIG_IGN };

	signal(SIGUSR1, handler);
	ivi_signal_reset(SIGUSR1, &old);
	CHECK(action_of(SIGUSR1).sa_handler == SIG_IGN);
	old.sa_handler = handler;
	ivi_signal_reset(SIGUSR1, &old);
	CHECK(action_of(SIGUSR1).sa_handler == SIG_DFL);
}
