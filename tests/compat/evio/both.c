/* SPDX-License-Identifier: MIT */
/*
 * both.c - what both generations of evio promise: compiled for each.
 */
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include "compat/evio/rig.h"
#ifdef EMULATED_KQUEUE
#include "emu/emu.h"
#endif

/* ---- Without a poller ------------------------------------------------------------ */

static void check_inactive(void)
{
	int fd[2];

	make_pipe(fd);
	CHECK_INT(evio_isactive(), ==, 0);
	CHECK_ERRNO(evio_review(0), EBADF);
	CHECK_ERRNO(evio_add(fd[0], NULL), EBADF);
	evio_remove(fd[0]);
	evio_close();
	close_pair(fd);
}

EVIO_TEST(inactive)
{
	int fd[2], i;

	check_inactive();
	for (i = 0; i < 2; i++) {
		CHECK_SYS(evio_create());
		CHECK_INT(evio_isactive(), ==, 1);
		make_pair(fd);
		watch(fd[0], ARG('a'));
		expect(0, "ra");
		evio_close();
		check_inactive();
		close_pair(fd);
	}
}

/* Creating it again begins anew, and leaks nothing. */
EVIO_TEST(create_closes_the_old_one)
{
	int fd[2], i;

	make_pair(fd);
	for (i = 0; i < 100; i++) {
		CHECK_SYS(evio_create());
		watch(fd[0], ARG('a' + i % 26));
	}
	CHECK_INT(count_until_quiet('r'), ==, 1);
	evio_close();
	close_pair(fd);
}

EVIO_TEST(no_descriptor_for_it)
{
	intptr_t ret;

	CHECK_SYS(evio_create());
	evio_close();
	leave_fds(0);
	ret = evio_create();
	restore_fds();
	CHECK_INT(ret, ==, -1);
	check_inactive();
}

EVIO_TEST(refusals)
{
	char path[PATH_MAX];
	int fd[2], file, closed, i;

	fence_allow(FENCE_KERNEL, "closed descriptors");
	CHECK_SYS(evio_create());
	CHECK_ERRNO(evio_add(-1, NULL), EBADF);
	CHECK_ERRNO(evio_add(INT_MAX, NULL), EBADF);
	/* Also of a number that has a place in the table. */
	for (i = 0; i < 2; i++) {
		make_pipe(fd);
		closed = fd[1];
		if (i == 1) {
			watch(closed, NULL);
			evio_remove(closed);
		}
		close_pair(fd);
		CHECK_ERRNO(evio_add(closed, NULL), EBADF);
		evio_remove(closed);
	}
	evio_remove(-1);
	evio_remove(INT_MAX);
	snprintf(path, sizeof(path), "%s/file", tmpdir());
	file = (int)CHECK_SYS(open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600));
	CHECK_SYS(ftruncate(file, 1));
	if (IS_KQUEUE) {
		/* NetBSD has only one direction of it. */
		watch(file, ARG('f'));
		expect(0, "df rf?");
		evio_remove(file);
	} else {
		CHECK_ERRNO(evio_add(file, NULL), EPERM);
	}
	CHECK_SYS(close(file));
	expect(0, "");
	evio_close();
}

/* What it costs where calls are counted. */
#ifdef EMULATED_KQUEUE
EVIO_TEST(adding_is_one_call)
{
	int fd[2];

	CHECK_SYS(evio_create());
	make_pair(fd);
	emu_reset();
	watch(fd[0], ARG('a'));
	CHECK_INT(emu_calls(EMU_KEVENT), ==, 1);
	expect(0, "ra");
	CHECK_INT(emu_calls(EMU_KEVENT), ==, 2);
	evio_close();
	close_pair(fd);
}
#endif

/* ---- Reviews --------------------------------------------------------------------- */

static unsigned calls;

static void count_calls(char what, void *arg)
{
	(void)arg;
	CHECK_INT(what, ==, 'd');
	calls++;
}

EVIO_TEST(most_events_of_a_review)
{
	int fd[100][2], i;

	need_fds(220);
	CHECK_SYS(evio_create());
	for (i = 0; i < 100; i++) {
		make_pipe(fd[i]);
		poke(fd[i][1]);
		watch(fd[i][0], ARG('a'));
	}
	tell = count_calls;
	CHECK_INT(evio_review(0), ==, 64);
	CHECK_INT(evio_review(0), ==, 36);
	CHECK_INT(evio_review(0), ==, 0);
	CHECK_INT(calls, ==, 100);
	tell = NULL;
	evio_close();
	for (i = 0; i < 100; i++)
		close_pair(fd[i]);
}

/* Also between 1000 and 1023, which upon kqueue were no time. */
EVIO_TEST(waits_as_long_as_it_is_told)
{
	static const int ms[] = { 1, 30, 1000, 1023 };
	int i;

	CHECK_SYS(evio_create());
	for (i = 0; i < 4; i++)
		expect_sleep(ms[i]);
	evio_close();
}

/* Nothing of what was removed by an earlier callback of the same review. */
static int pair[2][2];

static void remove_the_other(char what, void *arg)
{
	int other = arg == ARG('a');

	CHECK_INT(what, ==, 'd');
	evio_remove(pair[other][0]);
	calls++;
}

static void two_pipes(void)
{
	int i;

	CHECK_SYS(evio_create());
	for (i = 0; i < 2; i++) {
		make_pipe(pair[i]);
		watch(pair[i][0], ARG('a' + i));
		poke(pair[i][1]);
	}
}

static void close_pipes(void)
{
	evio_close();
	close_pair(pair[0]);
	close_pair(pair[1]);
}

EVIO_TEST(removed_by_another)
{
	two_pipes();
	tell = remove_the_other;
	CHECK_INT(evio_review(0), ==, 1);
	CHECK_INT(evio_review(0), ==, 0);
	CHECK_INT(calls, ==, 1);
	tell = NULL;
	close_pipes();
}

/* Where both directions are one event of the kernel's: nothing follows a removal
   by the first callback. */
static void remove_it(char what, void *arg)
{
	CHECK_INT(what, ==, EVIO_COMPAT == 1 ? 'r' : 'd');
	CHECK_PTR(arg, ==, ARG('a'));
	evio_remove(pair[0][0]);
}

EVIO_TEST(removed_between_its_callbacks)
{
	if (IS_KQUEUE)
		SKIP("two events");
	make_pair(pair[0]);
	poke(pair[0][1]);
	CHECK_SYS(evio_create());
	watch(pair[0][0], ARG('a'));
	tell = remove_it;
	CHECK_INT(evio_review(0), ==, 1);
	tell = NULL;
	expect(0, "");
	evio_close();
	close_pair(pair[0]);
}

/* The other one is closed, and another file gets its number: what is still to
   be told was of the old one. */
static void exchange_the_other(char what, void *arg)
{
	int other = arg == ARG('a'), next[2];

	if (calls++ > 0) {
		CHECK_PTR(arg, ==, ARG('n'));
		CHECK_INT(what, ==, 'r');
		return;
	}
	CHECK_SYS(close(pair[other][0]));
	make_pair(next);
	CHECK_INT(next[0], ==, pair[other][0]);
	CHECK_SYS(close(pair[other][1]));
	pair[other][1] = next[1];
	watch(next[0], ARG('n'));
}

EVIO_TEST(exchanged_by_another)
{
	fence_allow(FENCE_KERNEL, "closed without a word");
	two_pipes();
	tell = exchange_the_other;
	CHECK_INT(evio_review(0), ==, 1);
	CHECK_INT(evio_review(0), ==, 1);
	CHECK_INT(evio_review(0), ==, 0);
	CHECK_INT(calls, ==, 2);
	tell = NULL;
	close_pipes();
}

/* Removed when it was closed, while a duplicate kept it in the kernel; then the
   number is that file's again, at once or after another one's. */
static void give_the_number_back(bool after_another)
{
	int fd[2], other[2], copy;

	fence_allow(FENCE_KERNEL, "closed without a word");
	CHECK_SYS(evio_create());
	make_pipe(other);
	make_pipe(fd);
	copy = (int)CHECK_SYS(dup(fd[0]));
	watch(fd[0], ARG('a'));
	CHECK_SYS(close(fd[0]));
	evio_remove(fd[0]);
	poke(fd[1]);
	expect(0, "");
	if (after_another) {
		CHECK_SYS(dup2(other[0], fd[0]));
		watch(fd[0], ARG('o'));
		expect(0, "");
	}
	CHECK_SYS(dup2(copy, fd[0]));
	CHECK_SYS(close(copy));
	watch(fd[0], ARG('b'));
	expect(0, "db");
	evio_close();
	close_pair(other);
	close_pair(fd);
}

EVIO_TEST(duplicate_gets_the_number_back)
{
	give_the_number_back(false);
	give_the_number_back(true);
}

/* What A, the file that has the number, is told of, and nothing of B. */
static void told_of_one(char letter, int a, int b)
{
	char want[8];

	snprintf(want, sizeof(want), "r%c", letter);
	expect(0, want);
	if (EVIO_COMPAT == 1)
		CHECK_ERRNO(evio_add(pair[0][0], ARG('z')), EEXIST);
	poke(a);
	snprintf(want, sizeof(want), "d%c r%c?", letter, letter);
	expect(0, want);
	drain(pair[0][0]);
	poke(b);
	expect(0, "");
}

/* Two files take turns, neither of which is ever closed: the kernel has both of
   them by the same number. */
EVIO_TEST(file_gets_its_number_back)
{
	int copy[2], i;

	fence_allow(FENCE_KERNEL, "closed without a word");
	CHECK_SYS(evio_create());
	for (i = 0; i < 2; i++) {
		make_pair(pair[i]);
		copy[i] = (int)CHECK_SYS(dup(pair[i][0]));
	}
	for (i = 0; i < 5; i++) {
		CHECK_SYS(dup2(copy[i % 2], pair[0][0]));
		watch(pair[0][0], ARG('a' + i));
		told_of_one((char)('a' + i), pair[i % 2][1],
			    pair[(i + 1) % 2][1]);
		drain(copy[(i + 1) % 2]);
	}
	evio_close();
	close_pair(copy);
	close_pair(pair[0]);
	close_pair(pair[1]);
}

/* One byte, with a descriptor or without. */
union letter {
	struct cmsghdr	align;
	char	space[CMSG_SPACE(sizeof(int))];
};

static struct msghdr letter_of(union letter *l, struct iovec *one)
{
	static char byte;

	memset(l, 0, sizeof(*l));
	one->iov_base = &byte;
	one->iov_len = 1;
	return (struct msghdr){
		.msg_iov = one, .msg_iovlen = 1,
		.msg_control = l, .msg_controllen = sizeof(l->space),
	};
}

static void send_file(int to, int fd)
{
	union letter l;
	struct iovec one;
	struct msghdr msg = letter_of(&l, &one);
	struct cmsghdr *head = CMSG_FIRSTHDR(&msg);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	CHECK_INT(sendmsg(to, &msg, 0), ==, 1);
}

static int receive_file(int from)
{
	union letter l;
	struct iovec one;
	struct msghdr msg = letter_of(&l, &one);
	int fd;

	CHECK_INT(recvmsg(from, &msg, 0), ==, 1);
	CHECK_PTR(CMSG_FIRSTHDR(&msg), !=, NULL);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

/* It was closed and comes back from elsewhere, when its number has been that of
   another file meanwhile. */
EVIO_TEST(file_comes_back_in_a_message)
{
	int fd[2], next[2], mail[2];

	fence_allow(FENCE_KERNEL, "closed without a word");
	CHECK_SYS(evio_create());
	make_pair(fd);
	make_socketpair(mail);
	watch(fd[0], ARG('a'));
	expect(0, "ra");
	send_file(mail[0], fd[0]);
	CHECK_SYS(close(fd[0]));
	make_pair(next);
	CHECK_INT(next[0], ==, fd[0]);
	watch(next[0], ARG('b'));
	expect(0, "rb");
	CHECK_SYS(close(next[0]));
	CHECK_INT(receive_file(mail[1]), ==, fd[0]);
	watch(fd[0], ARG('c'));
	expect(0, "rc");
	poke(fd[1]);
	expect(0, "dc rc?");
	evio_close();
	close_pair(fd);
	close_pair(mail);
	CHECK_SYS(close(next[1]));
}

/* A callback may review. */
static void review_again(char what, void *arg)
{
	CHECK_INT(what, ==, 'd');
	(void)arg;
	if (calls++ == 0) {
		watch(pair[1][0], ARG('b'));
		CHECK_INT(evio_review(0), ==, 1);
		CHECK_INT(calls, ==, 2);
	}
}

EVIO_TEST(review_in_a_callback)
{
	two_pipes();
	evio_remove(pair[1][0]);
	tell = review_again;
	CHECK_INT(evio_review(0), ==, 1);
	CHECK_INT(calls, ==, 2);
	tell = NULL;
	close_pipes();
}

static void close_in_callback(char what, void *arg)
{
	(void)what;
	(void)arg;
	calls++;
	evio_close();
}

EVIO_TEST(close_in_a_callback)
{
	two_pipes();
	tell = close_in_callback;
	CHECK_INT(evio_review(0), ==, 1);
	CHECK_INT(calls, ==, 1);
	CHECK_INT(evio_isactive(), ==, 0);
	tell = NULL;
	close_pipes();
}

/* ---- Errors ---------------------------------------------------------------------- */

static void reset(int fd)
{
	struct linger linger = { .l_onoff = 1 };

	CHECK_SYS(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger,
			     sizeof(linger)));
	CHECK_SYS(close(fd));
}

/* Of both directions together. */
EVIO_TEST(reset_is_one_error)
{
	int fd[2];

	CHECK_SYS(evio_create());
	connected_pair(fd);
	watch(fd[0], ARG('a'));
	expect(0, "ra");
	do {
		fill(fd[0]);
		again_write(fd[0], ARG('a'));
	} while (count_until_quiet('r') > 0);
	again(fd[0], ARG('a'));
	reset(fd[1]);
	CHECK_INT(count_until_quiet('x'), ==, 1);
	evio_close();
	CHECK_SYS(close(fd[0]));
}

/* ... and of the one that is left. */
EVIO_TEST(reset_is_an_error_for_readers)
{
	int fd[2];

	CHECK_SYS(evio_create());
	connected_pair(fd);
	watch(fd[0], ARG('a'));
	expect(0, "ra");
	reset(fd[1]);
	CHECK_INT(count_until_quiet('x'), ==, 1);
	evio_close();
	CHECK_SYS(close(fd[0]));
}

EVIO_TEST(pipe_without_a_reader)
{
	int fd[2];

	CHECK_SYS(evio_create());
	make_pipe(fd);
	fill(fd[1]);
	watch(fd[1], ARG('a'));
	expect(0, "");
	CHECK_SYS(close(fd[0]));
	CHECK_INT(count_until_quiet('x'), ==, 1);
	evio_close();
	CHECK_SYS(close(fd[1]));
}

/* Broken before it is added: refused, or an error at once. */
EVIO_TEST(pipe_broken_before)
{
	int fd[2];

	CHECK_SYS(evio_create());
	make_pipe(fd);
	CHECK_SYS(close(fd[0]));
	if (evio_add(fd[1], ARG('a')) == 0) {
		CHECK_INT(count_until_quiet('x'), ==, 1);
	} else {
		CHECK_INT(errno, ==, EPIPE);
		CHECK(IS_KQUEUE);
		expect(0, "");
	}
	CHECK_SYS(close(fd[1]));
	make_pipe(fd);
	poke(fd[1]);
	CHECK_SYS(close(fd[1]));
	watch(fd[0], ARG('b'));
	CHECK_INT(count_until_quiet('x'), ==, 1);
	evio_close();
	CHECK_SYS(close(fd[0]));
}

EVIO_TEST(pipe_without_a_writer)
{
	int fd[2];

	CHECK_SYS(evio_create());
	make_pipe(fd);
	watch(fd[0], ARG('a'));
	expect(0, "");
	CHECK_SYS(close(fd[1]));
	CHECK_INT(count_until_quiet('x'), ==, 1);
	evio_close();
	CHECK_SYS(close(fd[0]));
}

/* It stays hung up, whatever else happens to it. */
EVIO_TEST(hang_up_is_told_once)
{
	int fd[2];

	CHECK_SYS(evio_create());
	make_pair(fd);
	watch(fd[0], ARG('a'));
	expect(0, "ra");
	again_write(fd[0], ARG('a'));
	CHECK_SYS(close(fd[1]));
	CHECK_INT(count_until_quiet('x'), ==, 1);
	CHECK_SYS(shutdown(fd[0], SHUT_RDWR));
	CHECK_INT(count_until_quiet('x'), ==, 0);
	evio_close();
	CHECK_SYS(close(fd[0]));
}

/* ... unless somebody else takes it up. */
EVIO_TEST(fifo_gets_another_writer)
{
	char path[PATH_MAX];
	int in, out, i;

	snprintf(path, sizeof(path), "%s/fifo", tmpdir());
	CHECK_SYS(mkfifo(path, 0600));
	CHECK_SYS(evio_create());
	in = (int)CHECK_SYS(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
	watch(in, ARG('a'));
	for (i = 0; i < 3; i++) {
		out = (int)CHECK_SYS(open(path, O_WRONLY | O_CLOEXEC));
		again(in, ARG('a'));
		poke(out);
		expect(0, "da");
		CHECK_INT(drain(in), ==, 1);
		again(in, ARG('a'));
		CHECK_SYS(close(out));
		CHECK_INT(count_until_quiet('x'), ==, 1);
	}
	evio_close();
	CHECK_SYS(close(in));
}

/* ---- Clients that finish sending early --------------------------------------------- */

#define CLIENTS	60

static struct {
	int	fd, ready, got;
	char	buf[16];
} connection[CLIENTS];

static void finish(int i)
{
	CHECK_INT(write(connection[i].fd, "reply", 5), ==, 5);
	evio_remove(connection[i].fd);
	CHECK_SYS(close(connection[i].fd));
	connection[i].fd = -1;
	calls++;
}

static void read_request(int i)
{
	ssize_t n;

	while ((n = read(connection[i].fd,
			 connection[i].buf + connection[i].got,
			 sizeof(connection[i].buf) -
				 (size_t)connection[i].got)) > 0)
		connection[i].got += (int)n;
	if (n == 0) {
		CHECK_INT(connection[i].got, ==, 7);
		finish(i);
		return;
	}
	CHECK_INT(errno, ==, EAGAIN);
	again(connection[i].fd, ARG(i));
}

/* Like facil.io: whoever has an error is closed at once. */
static void serve(char what, void *arg)
{
	int i = (int)(intptr_t)arg;

	if (what == 'x')
		FAIL("client %d: an error", i);
	if (what == 'd' && connection[i].fd >= 0)
		read_request(i);
}

EVIO_TEST(sixty_clients_that_half_close)
{
	struct sockaddr_storage addr;
	int client[CLIENTS], listener, i;
	socklen_t len;
	char buf[16];

	need_fds(2 * CLIENTS + 20);
	CHECK_SYS(evio_create());
	tell = serve;
	listener = listen_here(&addr, &len);
	for (i = 0; i < CLIENTS; i++) {
		client[i] = connect_to(&addr, len);
		connection[i].fd = accept_from(listener);
		CHECK_SYS(fcntl(connection[i].fd, F_SETFL, O_NONBLOCK));
		/* Before and after it is watched, at once and in parts. */
		if (i % 2)
			watch(connection[i].fd, ARG(i));
		CHECK_INT(write(client[i], "req", 3), ==, 3);
		if (i % 3 == 0)
			evio_review(0);
		CHECK_INT(write(client[i], "uest", 4), ==, 4);
		CHECK_SYS(shutdown(client[i], SHUT_WR));
		if (i % 2 == 0)
			watch(connection[i].fd, ARG(i));
	}
	while (calls < CLIENTS)
		CHECK_SYS(evio_review(-1));
	for (i = 0; i < CLIENTS; i++) {
		CHECK_INT(read(client[i], buf, sizeof(buf)), ==, 5);
		CHECK_SYS(close(client[i]));
	}
	tell = NULL;
	evio_close();
	CHECK_SYS(close(listener));
}

/* The other side of that: who has finished sending goes on reading. */
static void finish_sending(unsigned spare)
{
	int fd[2];

	CHECK_SYS(evio_create());
	connected_pair(fd);
	watch(fd[0], ARG('a'));
	expect(0, "ra");
	again_write(fd[0], ARG('a'));
	CHECK_SYS(shutdown(fd[0], SHUT_WR));
	leave_fds(spare);
	CHECK_INT(count_until_quiet('x'), ==, 0);
	restore_fds();
	poke(fd[1]);
	expect(5000, "da ra?");
	evio_close();
	close_pair(fd);
}

EVIO_TEST(own_half_close_is_no_error)
{
	finish_sending(1);
	finish_sending(0);
}

/* ---- Signals --------------------------------------------------------------------- */

static void on_alarm(int sig)
{
	(void)sig;
}

EVIO_TEST(signal_is_no_error)
{
	struct sigaction sa = { .sa_handler = on_alarm }, old;
	/* Again and again: the first may come before the wait. */
	struct itimerval often = {
		.it_value.tv_usec = 20000,
		.it_interval.tv_usec = 20000,
	};
	static const struct itimerval never;

	CHECK_SYS(evio_create());
	CHECK_SYS(sigaction(SIGALRM, &sa, &old));
	CHECK_SYS(setitimer(ITIMER_REAL, &often, NULL));
	CHECK_INT(evio_review(-1), ==, 0);
#if EVIO_COMPAT == 2
	CHECK_INT(evio_wait(-1), ==, 0);
#endif
	CHECK_SYS(setitimer(ITIMER_REAL, &never, NULL));
	CHECK_SYS(sigaction(SIGALRM, &old, NULL));
	evio_close();
}

/* Answers each byte until the other end is closed. */
static void answer_bytes(void *end)
{
	int fd = *(int *)end;
	char c;

	CHECK_SYS(evio_create());
	watch(fd, ARG('a'));
	while (evio_review(-1) >= 0) {
		ssize_t n = read(fd, &c, 1);

		if (n == 1)
			CHECK_INT(write(fd, &c, 1), ==, 1);
		else if (n == 0)
			_exit(0);
		again(fd, ARG('a'));
	}
	FAIL("evio_review: %s", strerror(errno));
}

static void count_none(char what, void *arg)
{
	(void)what;
	(void)arg;
}

/* A process that was stopped and continued goes on. */
EVIO_TEST(stopped_and_continued)
{
	int fd[2], status, i;
	pid_t child;
	char c;

	make_socketpair(fd);
	CHECK_SYS(fcntl(fd[0], F_SETFL, O_NONBLOCK));
	tell = count_none;
	child = fork_child(answer_bytes, &fd[0]);
	for (i = 0; i < 5; i++) {
		poke(fd[1]);
		CHECK_INT(read(fd[1], &c, 1), ==, 1);
		CHECK_SYS(kill(child, SIGSTOP));
		CHECK_SYS(waitpid(child, &status, WUNTRACED));
		CHECK(WIFSTOPPED(status));
		CHECK_SYS(kill(child, SIGCONT));
	}
	CHECK_SYS(shutdown(fd[1], SHUT_RDWR));
	reap_child(child);
	close_pair(fd);
}

/* ---- Timers --------------------------------------------------------------------- */

EVIO_TEST(timer_of_no_milliseconds)
{
	int timer;

	CHECK_SYS(evio_create());
	timer = open_timer();
	start_timer(timer, ARG('t'), 0);
	expect_sleep(50);
	evio_close();
	CHECK_SYS(close(timer));
}

EVIO_TEST(timer_far_away)
{
	int timer;

	CHECK_SYS(evio_create());
	timer = open_timer();
	start_timer(timer, ARG('t'), ULONG_MAX);
	expect_sleep(30);
	start_timer(timer, ARG('t'), 1UL << 31);
	expect_sleep(30);
	evio_close();
	CHECK_SYS(close(timer));
}

EVIO_TEST(timer_that_is_closed)
{
	int timer, i;

	fence_allow(FENCE_KERNEL, "closed descriptors");
	CHECK_SYS(evio_create());
	for (i = 0; i < 2; i++) {
		timer = open_timer();
		if (i == 1)
			start_timer(timer, ARG('t'), 3600000);
		evio_remove(timer);
		CHECK_SYS(close(timer));
		CHECK_ERRNO(set_timer(timer, ARG('t'), 1), EBADF);
		expect_sleep(20);
	}
	CHECK_ERRNO(set_timer(-1, ARG('t'), 1), EBADF);
	evio_close();
}

/* A tick that has been collected is not told of a timer that is set again
   before. */
static int timers[2];
static unsigned long put_off_by;

static void put_off_the_other(char what, void *arg)
{
	int other = arg == ARG('a');

	CHECK_INT(what, ==, 'd');
	CHECK_INT(calls++, ==, 0);
	start_timer(timers[other], ARG('n'), put_off_by);
}

static void put_off(unsigned long ms)
{
	int i;

	CHECK_SYS(evio_create());
	put_off_by = ms;
	for (i = 0; i < 2; i++) {
		timers[i] = open_timer();
		start_timer(timers[i], ARG('a' + i), EVIO_COMPAT == 1 ? 200 : 1);
	}
	/* So that both have expired; if not, the case proves less. */
	CHECK_SYS(usleep(250000));
	tell = put_off_the_other;
	CHECK_INT(evio_review(5000), ==, 1);
	CHECK_INT(calls, ==, 1);
	tell = NULL;
	evio_close();
	close_pair(timers);
}

EVIO_TEST(timer_is_put_off_by_another)
{
	put_off(3600000);
}

EVIO_TEST(timer_is_stopped_by_another)
{
	put_off(0);
}

/* Where any number may be one: it is nothing else then. */
EVIO_TEST(descriptor_becomes_a_timer)
{
	int fd[2];

	if (!IS_KQUEUE)
		SKIP("refused");
	CHECK_SYS(evio_create());
	make_pair(fd);
	watch(fd[0], ARG('a'));
	expect(0, "ra");
	start_timer(fd[0], ARG('t'), 3600000);
	poke(fd[1]);
	expect_sleep(30);
	evio_close();
	close_pair(fd);
}

/* ---- Threads --------------------------------------------------------------------- */

#define THREADS	4
#define EACH	25

static int ends[THREADS * EACH][2];
static unsigned char seen[THREADS * EACH];
static unsigned seen_all;

/* The reviewing thread is the only one that calls this. */
static void see(char what, void *arg)
{
	size_t i = (size_t)(intptr_t)arg;
	char c;

	if (what != 'd' || seen[i])
		return;
	CHECK_INT(read(ends[i][0], &c, 1), ==, 1);
	seen[i] = 1;
	seen_all++;
	evio_remove(ends[i][0]);
}

static void *add_and_poke(void *first)
{
	int i, from = (int)(intptr_t)first;

	for (i = from; i < from + EACH; i++) {
		watch(ends[i][0], ARG(i));
		poke(ends[i][1]);
	}
	return NULL;
}

/* The one that reviews sleeps for ever meanwhile. */
EVIO_TEST(adds_from_other_threads)
{
	pthread_t thread[THREADS];
	int i;

	need_fds(2 * THREADS * EACH + 20);
	for (i = 0; i < THREADS * EACH; i++)
		make_pair(ends[i]);
	CHECK_SYS(evio_create());
	tell = see;
	for (i = 0; i < THREADS; i++)
		CHECK_INT(thread_create(pthread_create, &thread[i], NULL,
					add_and_poke, ARG(i * EACH)), ==, 0);
	while (seen_all < THREADS * EACH)
		CHECK_SYS(evio_review(-1));
	for (i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	tell = NULL;
	evio_close();
	for (i = 0; i < THREADS * EACH; i++)
		close_pair(ends[i]);
}

static void *create_often(void *unused)
{
	int i;

	for (i = 0; i < 5000; i++)
		CHECK_SYS(evio_create());
	return unused;
}

/* One poller is left, which evio_close() closes. */
EVIO_TEST(two_threads_create)
{
	pthread_t thread[2];
	int i;

	for (i = 0; i < 2; i++)
		CHECK_INT(thread_create(pthread_create, &thread[i], NULL,
					create_often, NULL), ==, 0);
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	CHECK_INT(evio_isactive(), ==, 1);
	evio_close();
}

/* Two threads review: each byte is read, and nothing is told after its
   end. */
static unsigned taken;
static pthread_mutex_t reader = PTHREAD_MUTEX_INITIALIZER;

static void take_bytes(char what, void *arg)
{
	int fd = ends[(intptr_t)arg][0];
	size_t n;

	if (what != 'd')
		return;
	pthread_mutex_lock(&reader);
	n = drain(fd);
	pthread_mutex_unlock(&reader);
	__atomic_fetch_add(&taken, (unsigned)n, __ATOMIC_RELAXED);
	again(fd, arg);
}

#define ROUNDS	200

static void *review_all(void *unused)
{
	(void)unused;
	while (__atomic_load_n(&taken, __ATOMIC_RELAXED) < EACH * ROUNDS)
		CHECK_SYS(evio_review(10));
	return NULL;
}

EVIO_TEST(two_threads_review)
{
	pthread_t thread[2];
	int i, j;

	CHECK_SYS(evio_create());
	tell = take_bytes;
	for (i = 0; i < EACH; i++) {
		make_pair(ends[i]);
		watch(ends[i][0], ARG(i));
	}
	for (i = 0; i < 2; i++)
		CHECK_INT(thread_create(pthread_create, &thread[i], NULL,
					review_all, NULL), ==, 0);
	for (j = 0; j < ROUNDS; j++)
		for (i = 0; i < EACH; i++)
			poke(ends[i][1]);
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	CHECK_INT(taken, ==, EACH * ROUNDS);
	tell = NULL;
	evio_close();
	for (i = 0; i < EACH; i++)
		close_pair(ends[i]);
}

/*
 * Descriptors come and go in several threads, so that their numbers go from one
 * to the other.  Each sees its data; whoever has not been hung up on is told of
 * no error, whatever the review has collected about his number before.
 */
#define LIVES	300

enum { UNBORN, OPEN, FED, DEAD };

static unsigned char life[THREADS * LIVES];
static unsigned living;

static unsigned char state(size_t i)
{
	return __atomic_load_n(&life[i], __ATOMIC_ACQUIRE);
}

static void become(size_t i, unsigned char s)
{
	__atomic_store_n(&life[i], s, __ATOMIC_RELEASE);
}

static void live(char what, void *arg)
{
	size_t i = (size_t)(intptr_t)arg;

	if (what == 'x')
		CHECK_INT(state(i), ==, DEAD);
	if (what == 'd' && state(i) == OPEN)
		become(i, FED);
}

static void *live_and_die(void *first)
{
	size_t i = (size_t)(intptr_t)first, end = i + LIVES;
	int fd[2];

	for (; i < end; i++) {
		make_pair(fd);
		become(i, OPEN);
		watch(fd[0], ARG(i));
		poke(fd[1]);
		CHECK_SYS(shutdown(fd[1], SHUT_WR));
		while (state(i) != FED)
			sched_yield();
		again(fd[0], ARG(i));
		become(i, DEAD);
		CHECK_SYS(close(fd[1]));
		CHECK_SYS(close(fd[0]));
	}
	__atomic_fetch_sub(&living, 1, __ATOMIC_RELEASE);
	return NULL;
}

EVIO_TEST(numbers_go_from_thread_to_thread)
{
	pthread_t thread[THREADS];
	int i;

	/* Is it a socket?  Of one that is closed it does not matter. */
#ifdef __SANITIZE_THREAD__
	if (IS_KQUEUE)
		SKIP("asks about numbers that other threads have closed");
#endif
	time_limit(60);
	fence_allow(FENCE_KERNEL, "closed without a word");
	CHECK_SYS(evio_create());
	tell = live;
	living = THREADS;
	for (i = 0; i < THREADS; i++)
		CHECK_INT(thread_create(pthread_create, &thread[i], NULL,
					live_and_die, ARG(i * LIVES)), ==, 0);
	while (__atomic_load_n(&living, __ATOMIC_ACQUIRE) > 0)
		CHECK_SYS(evio_review(20));
	for (i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	tell = NULL;
	evio_close();
}

/* A thread that is cancelled while it reviews holds nothing. */
static void *review_for_ever(void *unused)
{
	for (;;)
		CHECK_SYS(evio_review(-1));
	return unused;
}

EVIO_TEST(cancelled_while_it_reviews)
{
	pthread_t thread;
	int fd[2], i;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	SKIP("sanitizers do not follow cancelled threads");
#endif
	CHECK_SYS(evio_create());
	make_pair(fd);
	for (i = 0; i < 20; i++) {
		CHECK_INT(thread_create(pthread_create, &thread, NULL,
					review_for_ever, NULL), ==, 0);
		CHECK_INT(pthread_cancel(thread), ==, 0);
		pthread_join(thread, NULL);
		watch(fd[0], ARG('a'));
		expect(0, "ra");
		evio_remove(fd[0]);
	}
	evio_close();
	close_pair(fd);
}

/* ---- Forks ----------------------------------------------------------------------- */

static void own_poller(void *unused)
{
	int fd[2];

	(void)unused;
	evio_close();
	CHECK_INT(evio_isactive(), ==, 0);
	CHECK_SYS(evio_create());
	make_pair(fd);
	watch(fd[0], ARG('c'));
	expect(0, "rc");
	poke(fd[1]);
	again(fd[0], ARG('c'));
	expect(5000, "dc rc?");
	evio_close();
}

static void own_poller_at_once(void *unused)
{
	(void)unused;
	CHECK_SYS(evio_create());
	own_poller(unused);
}

/* The parent's is not disturbed. */
EVIO_TEST(child_makes_its_own)
{
	int fd[2];

	CHECK_SYS(evio_create());
	make_pair(fd);
	watch(fd[0], ARG('a'));
	reap_child(fork_child(own_poller, NULL));
	reap_child(fork_child(own_poller_at_once, NULL));
	expect(0, "ra");
	again(fd[0], ARG('a'));
	poke(fd[1]);
	expect(5000, "da ra?");
	evio_close();
	close_pair(fd);
}

static void uses_inherited(void *end)
{
	if (IS_KQUEUE) {
		CHECK_INT(evio_isactive(), ==, 0);
		own_poller(NULL);
		return;
	}
	poke(*(int *)end);
	expect(5000, EVIO_COMPAT == 1 ? "da ra" : "da");
	evio_close();
}

/* A program that becomes a daemon goes on with what it had, where the kernel
   lets it; else it is told. */
EVIO_TEST(child_goes_on)
{
	int fd[2];

	CHECK_SYS(evio_create());
	make_pair(fd);
	watch(fd[0], ARG('a'));
	expect(0, "ra");
	reap_child(fork_child(uses_inherited, &fd[1]));
	evio_close();
	close_pair(fd);
}

static unsigned stop;

static void *add_and_remove(void *end)
{
	int fd = *(int *)end;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		watch(fd, ARG('a'));
		evio_remove(fd);
	}
	return NULL;
}

/* Whatever other threads are doing: the child has no lock to wait for. */
EVIO_TEST(fork_while_others_add)
{
	pthread_t thread;
	int fd[2], i;

	CHECK_SYS(evio_create());
	make_pair(fd);
	CHECK_INT(thread_create(pthread_create, &thread, NULL, add_and_remove,
				&fd[0]), ==, 0);
	for (i = 0; i < 50; i++)
		reap_child(fork_child(own_poller, NULL));
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	evio_close();
	close_pair(fd);
}
