/* SPDX-License-Identifier: MIT */
/*
 * io.c - tests of reading, writing and closing without being cancelled.
 */
#include "config.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>
#include "sys/sys.h"
#include "harness/test.h"

static int fds[2];
static int calls;

/* Cancelled before its first call, it must make all of them nevertheless. */
static void *cancelled_first(void *unused)
{
	char byte = 'x';

	(void)unused;
	pthread_cancel(pthread_self());
	calls += ivi_write(fds[1], &byte, 1) == 1;
	calls += ivi_read(fds[0], &byte, 1) == 1;
	ivi_close(fds[0]);
	calls++;
	ivi_close(fds[1]);
	calls++;
	pthread_testcancel();
	calls = 100;
	return NULL;
}

TEST_ONCE(none_is_a_cancellation_point)
{
	pthread_t tid;

	make_pipe(fds);
	CHECK_INT(pthread_create(&tid, NULL, cancelled_first, NULL), ==, 0);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	CHECK_INT(calls, ==, 4);
	CHECK_INT(fd_is_open(fds[0]), ==, 0);
	CHECK_INT(fd_is_open(fds[1]), ==, 0);
}

TEST_ONCE(errors_are_negative_errno_values)
{
	char byte = 'x';

	CHECK_INT(ivi_read(-1, &byte, 1), ==, -EBADF);
	CHECK_INT(ivi_write(-1, &byte, 1), ==, -EBADF);
}

/* Whatever errno has been before. */
TEST_ONCE(nothing_moved_is_no_error)
{
	char byte;

	make_pipe(fds);
	errno = EINTR;
	CHECK_INT(ivi_write(fds[1], "", 0), ==, 0);
	CHECK_SYS(close(fds[1]));
	errno = EINTR;
	CHECK_INT(ivi_read(fds[0], &byte, 1), ==, 0);
	CHECK_SYS(close(fds[0]));
}

TEST_ONCE(the_end_of_one_direction)
{
	char byte;

	make_socketpair(fds);
	ivi_fd_end(fds[0]);
	CHECK_INT(ivi_read(fds[1], &byte, 1), ==, 0);
	CHECK_INT(ivi_write(fds[1], "x", 1), ==, 1);
	CHECK_INT(ivi_read(fds[0], &byte, 1), ==, 1);
	close_pair(fds);
}

/* What the call waits for comes with the last of these signals. */
#define SIGNALS	20

static volatile sig_atomic_t signals;

static void write_at_last(int signum)
{
	(void)signum;
	if (++signals == SIGNALS)
		poke(fds[1]);
}

static void read_at_last(int signum)
{
	int err = errno;

	(void)signum;
	if (++signals == SIGNALS)
		drain(fds[0]);
	errno = err;
}

/* Without SA_RESTART. */
static void interrupt(void (*handler)(int))
{
	struct itimerval it = { { 0, 1000 }, { 0, 1000 } };
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = handler;
	CHECK_SYS(sigaction(SIGALRM, &sa, NULL));
	CHECK_SYS(setitimer(ITIMER_REAL, &it, NULL));
}

static void leave_alone(void)
{
	struct itimerval never = { { 0, 0 }, { 0, 0 } };

	CHECK_SYS(setitimer(ITIMER_REAL, &never, NULL));
	signal(SIGALRM, SIG_DFL);
	CHECK_INT(signals, >=, SIGNALS);
	close_pair(fds);
}

TEST_ONCE(an_interrupted_read_goes_on)
{
	char byte;

	make_pipe(fds);
	interrupt(write_at_last);
	CHECK_INT(ivi_read(fds[0], &byte, 1), ==, 1);
	leave_alone();
}

TEST_ONCE(an_interrupted_write_goes_on)
{
	make_pipe(fds);
	fill(fds[1]);
	CHECK_SYS(fcntl(fds[1], F_SETFL, 0));
	interrupt(read_at_last);
	CHECK_INT(ivi_write(fds[1], "x", 1), ==, 1);
	leave_alone();
}

TEST_ONCE(close_keeps_errno)
{
	errno = EXDEV;
	ivi_close(-1);
	CHECK_INT(errno, ==, EXDEV);
}

TEST_ONCE(the_state_found_is_restored)
{
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	ivi_close(-1);
	pthread_setcancelstate(state, &state);
	CHECK_INT(state, ==, PTHREAD_CANCEL_DISABLE);
	ivi_close(-1);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
	CHECK_INT(state, ==, PTHREAD_CANCEL_ENABLE);
}
