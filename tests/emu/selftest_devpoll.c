/* SPDX-License-Identifier: MIT */
/*
 * selftest_devpoll.c - does the emulated /dev/poll do what the manual page of
 * the real one says?  Nothing of the library is used here.
 */
#include "config.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/devpoll.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include "emu/emu.h"
#include "harness/test.h"

static int dp;
static struct pollfd ans[8];

static void begin(void)
{
	dp = (int)CHECK_SYS(open("/dev/poll", O_RDWR));
}

static void end(void)
{
	CHECK_SYS(close(dp));
}

static void put(int fd, short events)
{
	struct pollfd pfd = { fd, events, 0 };

	CHECK_INT(write(dp, &pfd, sizeof(pfd)), ==, sizeof(pfd));
}

static int ask(unsigned max, int ms)
{
	struct dvpoll dvp = { ans, max, ms };

	return ioctl(dp, DP_POLL, &dvp);
}

/* What is ready now. */
static int get(void)
{
	return (int)CHECK_SYS(ask(8, 0));
}

static void check_one(int fd, short events, short revents)
{
	CHECK_INT(get(), ==, 1);
	CHECK_INT(ans[0].fd, ==, fd);
	CHECK_INT(ans[0].events, ==, events);
	CHECK_INT(ans[0].revents, ==, revents);
}

/* The events that FD has in the set, or -1. */
static int events_of(int fd)
{
	struct pollfd pfd = { fd, 0, 0 };

	return CHECK_SYS(ioctl(dp, DP_ISPOLLED, &pfd)) ? pfd.revents : -1;
}

static int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

/* ---- Changes ---------------------------------------------------------------- */

TEST_ONCE(d1_entries_are_written)
{
	struct pollfd pfd[2];
	int fds[2];

	begin();
	CHECK_INT(fcntl(dp, F_GETFD), ==, 0);
	make_pipe(fds);
	pfd[0] = (struct pollfd){ fds[0], POLLIN, 0 };
	pfd[1] = (struct pollfd){ fds[1], POLLOUT, 0 };
	CHECK_INT(write(dp, pfd, sizeof(pfd) - 1), ==, sizeof(pfd) - 1);
	CHECK_INT(events_of(fds[0]), ==, POLLIN);
	CHECK_INT(events_of(fds[1]), ==, -1);
	emu_limit(EMU_LIMIT_WRITE, 8);
	CHECK_INT(write(dp, pfd + 1, sizeof(pfd[1])), ==, 8);
	CHECK_INT(events_of(fds[1]), ==, POLLOUT);
	put(fds[0], POLLREMOVE);
	put(fds[1], POLLREMOVE);
	close_pair(fds);
	end();
}

TEST_ONCE(d2_events_are_ored)
{
	struct pollfd pfd[2];
	int fds[2];

	begin();
	make_socketpair(fds);
	put(fds[0], POLLIN | POLLOUT);
	put(fds[0], POLLIN);
	CHECK_INT(events_of(fds[0]), ==, POLLIN | POLLOUT);
	check_one(fds[0], POLLIN | POLLOUT, POLLOUT);
	pfd[0] = (struct pollfd){ fds[0], POLLREMOVE, 0 };
	pfd[1] = (struct pollfd){ fds[0], POLLIN, 0 };
	CHECK_INT(write(dp, pfd, sizeof(pfd)), ==, sizeof(pfd));
	CHECK_INT(events_of(fds[0]), ==, POLLIN);
	CHECK_INT(get(), ==, 0);
	put(fds[0], POLLREMOVE);
	close_pair(fds);
	end();
}

TEST_ONCE(d3_removed)
{
	int fds[2];

	fence_allow(FENCE_KERNEL, "what is not there is removed");
	begin();
	make_pipe(fds);
	put(fds[0], POLLIN);
	put(fds[0], POLLREMOVE | POLLIN);
	CHECK_INT(events_of(fds[0]), ==, POLLIN);
	put(fds[0], POLLREMOVE);
	CHECK_INT(events_of(fds[0]), ==, -1);
	put(fds[0], POLLREMOVE);
	poke(fds[1]);
	CHECK_INT(get(), ==, 0);
	CHECK_INT(emu_faults(EMU_FAULT_ABSENT), ==, 1);
	close_pair(fds);
	end();
}

/* ... but their events are kept, for whatever has the number next. */
TEST_ONCE(d4_closed_descriptors_are_swallowed)
{
	int fds[2];

	fence_allow(FENCE_KERNEL, "closed descriptors are named");
	begin();
	put(999, POLLIN);
	CHECK_INT(get(), ==, 0);
	CHECK_INT(events_of(999), ==, POLLIN);
	CHECK_INT(emu_faults(EMU_FAULT_CLOSED), ==, 1);
	make_socketpair(fds);
	poke(fds[1]);
	CHECK_SYS(dup2(fds[0], 999));
	CHECK_INT(get(), ==, 0);
	put(999, POLLOUT);
	check_one(999, POLLIN | POLLOUT, POLLIN | POLLOUT);
	CHECK_SYS(close(999));
	put(999, POLLREMOVE);
	CHECK_INT(events_of(999), ==, -1);
	close_pair(fds);
	end();
}

/* Only what is above 255 entries is held against the limit. */
TEST_ONCE(d5_no_more_than_the_limit)
{
	static struct pollfd pfd[4096];
	unsigned i;

	begin();
	for (i = 0; i < 4096; i++)
		pfd[i] = (struct pollfd){ 0, POLLREMOVE | POLLIN, 0 };
	emu_limit(EMU_LIMIT_NOFILE, 2);
	CHECK_ERRNO(write(dp, pfd, 256 * sizeof(pfd[0])), EINVAL);
	CHECK_INT(events_of(0), ==, -1);
	CHECK_INT(write(dp, pfd, 255 * sizeof(pfd[0])), ==,
		  255 * sizeof(pfd[0]));
	emu_limit(EMU_LIMIT_NOFILE, 0);
	limit_fds(300);
	CHECK_ERRNO(write(dp, pfd, 301 * sizeof(pfd[0])), EINVAL);
	CHECK_INT(write(dp, pfd, 300 * sizeof(pfd[0])), ==,
		  300 * sizeof(pfd[0]));
	put(0, POLLREMOVE);
	setenv("EMU_PERSONALITY", "nofile64", 1);
	limit_fds(1024);
	end();
	begin();
	CHECK_ERRNO(write(dp, pfd, 256 * sizeof(pfd[0])), EINVAL);
	end();
}

/* ---- Waiting ------------------------------------------------------------------ */

TEST_ONCE(d6_time_limits)
{
	int64_t start;

	begin();
	ans[0].fd = 77;
	CHECK_INT(ask(1, 0), ==, 0);
	start = now();
	CHECK_INT(ask(1, 2), ==, 0);
	CHECK_INT(now() - start, >=, 2000000);
	CHECK_INT(ask(0, 1), ==, 0);
	CHECK_INT(ans[0].fd, ==, 77);
	end();
	setenv("EMU_PERSONALITY", "tick", 1);
	begin();
	start = now();
	CHECK_INT(ask(1, 1), ==, 0);
	CHECK_INT(now() - start, >=, 10000000);
	end();
}

static void on_alarm(int sig)
{
	(void)sig;
}

TEST_ONCE(d6_interrupted)
{
	struct itimerval it = { { 0, 0 }, { 0, 20000 } };
	struct sigaction sa = { .sa_handler = on_alarm };
	int restart;

	begin();
	for (restart = 0; restart < 2; restart++) {
		sa.sa_flags = restart ? SA_RESTART : 0;
		CHECK_SYS(sigaction(SIGALRM, &sa, NULL));
		CHECK_SYS(setitimer(ITIMER_REAL, &it, NULL));
		CHECK_ERRNO(ask(1, -1), EINTR);
	}
	signal(SIGALRM, SIG_DFL);
	end();
}

/* Room for more than the limit is not used. */
TEST_ONCE(d6_answers_are_cut)
{
	int fds[3][2], i;

	begin();
	for (i = 0; i < 3; i++) {
		make_pipe(fds[i]);
		put(fds[i][1], POLLOUT);
	}
	emu_limit(EMU_LIMIT_NOFILE, 2);
	CHECK_INT(ask(8, 0), ==, 2);
	emu_limit(EMU_LIMIT_NOFILE, 0);
	CHECK_INT(ask(8, 0), ==, 3);
	for (i = 0; i < 3; i++) {
		put(fds[i][1], POLLREMOVE);
		close_pair(fds[i]);
	}
	end();
}

TEST_ONCE(d7_levels_in_rotation)
{
	int fds[3][2], i, seen[3] = { 0, 0, 0 };

	begin();
	for (i = 0; i < 3; i++) {
		make_pipe(fds[i]);
		put(fds[i][0], POLLIN);
		poke(fds[i][1]);
	}
	CHECK_INT(get(), ==, 3);
	CHECK_INT(get(), ==, 3);
	for (i = 0; i < 3; i++) {
		int j = 0;

		CHECK_INT(ask(1, -1), ==, 1);
		while (fds[j][0] != ans[0].fd)
			j++;
		seen[j]++;
	}
	for (i = 0; i < 3; i++) {
		CHECK_INT(seen[i], ==, 1);
		CHECK_INT(drain(fds[i][0]), ==, 1);
		CHECK_INT(get(), ==, 2 - i);
	}
	for (i = 0; i < 3; i++) {
		put(fds[i][0], POLLREMOVE);
		close_pair(fds[i]);
	}
	end();
}

TEST_ONCE(d8_closed_while_in_the_set)
{
	int fds[2], more[2];

	begin();
	make_pipe(fds);
	make_pipe(more);
	put(fds[0], POLLIN);
	CHECK_SYS(close(fds[0]));
	check_one(fds[0], POLLIN, POLLNVAL);
	check_one(fds[0], POLLIN, POLLNVAL);
	CHECK_SYS(dup2(more[0], fds[0]));
	CHECK_INT(get(), ==, 0);
	poke(more[1]);
	check_one(fds[0], POLLIN, POLLIN);
	put(fds[0], POLLREMOVE);
	CHECK_SYS(close(fds[0]));
	CHECK_SYS(close(fds[1]));
	close_pair(more);
	end();
}

static void *poke_it(void *fd)
{
	poke(*(int *)fd);
	return NULL;
}

/* The descriptor that has come under an old number wakes, too. */
TEST_ONCE(d8_waits_for_the_new_one)
{
	int fds[2], more[2];
	pthread_t tid;

	begin();
	make_pipe(fds);
	make_pipe(more);
	put(fds[0], POLLIN);
	CHECK_INT(get(), ==, 0);
	CHECK_SYS(dup2(more[0], fds[0]));
	CHECK_INT(pthread_create(&tid, NULL, poke_it, &more[1]), ==, 0);
	CHECK_INT(ask(8, -1), ==, 1);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	put(fds[0], POLLREMOVE);
	close_pair(fds);
	close_pair(more);
	end();
}

TEST_ONCE(d9_errors_and_hangups_unasked)
{
	int fds[2];

	begin();
	make_pipe(fds);
	put(fds[0], 0);
	CHECK_INT(get(), ==, 0);
	CHECK_SYS(close(fds[1]));
	check_one(fds[0], 0, POLLHUP);
	put(fds[0], POLLREMOVE);
	CHECK_SYS(close(fds[0]));
	end();
}

static int there_fd;

static void *put_it(void *unused)
{
	put(there_fd, POLLIN);
	return unused;
}

TEST_ONCE(c2_a_change_wakes_a_waiter)
{
	pthread_t tid;
	int fds[2];

	begin();
	make_pipe(fds);
	poke(fds[1]);
	there_fd = fds[0];
	CHECK_INT(pthread_create(&tid, NULL, put_it, NULL), ==, 0);
	CHECK_INT(ask(8, -1), ==, 1);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	put(fds[0], POLLREMOVE);
	close_pair(fds);
	end();
}

/* ---- Others ---------------------------------------------------------------------- */

static void in_child(void *unused)
{
	struct pollfd pfd = { 0, POLLIN, 0 };

	(void)unused;
	CHECK_ERRNO(write(dp, &pfd, sizeof(pfd)), EACCES);
	CHECK_ERRNO(ask(1, 0), EACCES);
	CHECK_ERRNO(ioctl(dp, DP_ISPOLLED, &pfd), EACCES);
	CHECK_INT(emu_faults(EMU_FAULT_INHERITED), ==, 3);
	CHECK_SYS(close(dp));
	begin();
	CHECK_INT(get(), ==, 0);
	end();
}

TEST_ONCE(d10_not_for_forked_children)
{
	int fds[2];

	begin();
	make_pipe(fds);
	put(fds[0], POLLIN);
	reap_child(fork_child(in_child, NULL));
	poke(fds[1]);
	check_one(fds[0], POLLIN, POLLIN);
	put(fds[0], POLLREMOVE);
	close_pair(fds);
	end();
}

TEST_ONCE(d11_sets_are_independent)
{
	int fds[2], first;

	begin();
	make_pipe(fds);
	put(fds[1], POLLOUT);
	first = dp;
	begin();
	CHECK_INT(events_of(fds[1]), ==, -1);
	CHECK_INT(get(), ==, 0);
	end();
	dp = first;
	CHECK_INT(events_of(fds[1]), ==, POLLOUT);
	check_one(fds[1], POLLOUT, POLLOUT);
	put(fds[1], POLLREMOVE);
	close_pair(fds);
	end();
}

TEST_ONCE(opened_like_any_other)
{
	leave_fds(0);
	CHECK_ERRNO(open("/dev/poll", O_RDWR), EMFILE);
	restore_fds();
	emu_fail(EMU_DEVPOLL_OPEN, ENOENT, 1, 1);
	CHECK_ERRNO(open("/dev/poll", O_RDWR), ENOENT);
	dp = (int)CHECK_SYS(open("/dev/poll", O_RDWR | O_CLOEXEC));
	CHECK_INT(fcntl(dp, F_GETFD), ==, FD_CLOEXEC);
	end();
	dp = (int)CHECK_SYS(open("/dev/null", O_RDWR));
	put(0, POLLIN);
	CHECK_INT(ask(1, 0), ==, -1);
	CHECK(errno == ENOTTY || errno == ENOSYS);	/* qemu-user: ENOSYS */
	end();
}

TEST_ONCE(left_in_the_set)
{
	int fds[2];

	fence_allow(FENCE_KERNEL, "things are left in the set");
	begin();
	make_pipe(fds);
	put(fds[0], POLLIN);
	end();
	CHECK_INT(emu_faults(EMU_FAULT_LEFT), ==, 1);
	close_pair(fds);
}
