/* SPDX-License-Identifier: MIT */
/*
 * fd.c - tests of ev_io and ev_once().
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
#include "rig.h"

/* ---- Who is told what ------------------------------------------------------ */

TEST(several_watchers_for_one_descriptor)
{
	struct ev_loop *loop = make_loop();
	int s[2];
	ev_io r, w, rw;

	make_socketpair(s);
	IO(loop, &r, "r", s[0], EV_READ);
	IO(loop, &w, "w", s[0], EV_WRITE);
	IO(loop, &rw, "rw", s[0], EV_READ | EV_WRITE);
	ev_run(loop, EVRUN_ONCE);
	CHECK_HEARD("w(2) rw(2)");
	poke(s[1]);
	ev_run(loop, EVRUN_ONCE);
	CHECK_HEARD("r(1) w(2) rw(3)");
	ev_io_stop(loop, &w);
	ev_io_stop(loop, &rw);
	ev_run(loop, EVRUN_ONCE);
	CHECK_HEARD("r(1)");
	ev_loop_destroy(loop);
	close_pair(s);
}

/* BEFORE is heard in one iteration, and AFTER in the two that follow when the
   other end is closed. */
static void hang_up(struct ev_loop *loop, const int fds[2], const char *before,
		    const char *after)
{
	ev_run(loop, EVRUN_NOWAIT);
	CHECK_HEARD(before);
	close(fds[1]);
	iterate(loop, 2, EVRUN_ONCE);
	CHECK_HEARD(after);
	ev_loop_destroy(loop);
	close(fds[0]);
}

TEST(hang_up_is_told_to_each_by_its_own_bit)
{
	struct ev_loop *loop = make_loop();
	int s[2];
	ev_io r, w;

	make_socketpair(s);
	IO(loop, &r, "r", s[0], EV_READ);
	IO(loop, &w, "w", s[0], EV_WRITE);
	hang_up(loop, s, "w(2)", "r(1) w(2) r(1) w(2)");
}

TEST(hang_up_of_a_pipe_makes_it_readable)
{
	struct ev_loop *loop = make_loop();
	int p[2];
	ev_io r;

	make_pipe(p);
	IO(loop, &r, "r", p[0], EV_READ);
	hang_up(loop, p, "", "r(1) r(1)");
}

TEST(no_events_is_legal_and_no_hang_up_is_told)
{
	struct ev_loop *loop = make_loop();
	int p[2];
	ev_io none;

	make_pipe(p);
	IO(loop, &none, "none", p[0], 0);
	close(p[1]);
	CHECK_INT(ev_run(loop, EVRUN_NOWAIT), ==, 1);
	CHECK_HEARD("");
	ev_loop_destroy(loop);
	close(p[0]);
}

TEST(regular_files_are_always_ready)
{
	struct ev_loop *loop = make_loop();
	char name[200];
	ev_io w;
	int fd;

	snprintf(name, sizeof(name), "%s/file", tmpdir());
	fd = (int)CHECK_SYS(open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	IO(loop, &w, "file", fd, EV_READ | EV_WRITE);
	iterate(loop, 3, EVRUN_ONCE);
	CHECK_HEARD("file(3) file(3) file(3)");
	ev_io_stop(loop, &w);
	ev_io_set(&w, fd, EV_WRITE);
	ev_io_start(loop, &w);
	iterate(loop, 2, EVRUN_ONCE);
	CHECK_HEARD("file(2) file(2)");
	ev_io_stop(loop, &w);
	CHECK_INT(ev_run(loop, EVRUN_NOWAIT), ==, 0);
	CHECK_HEARD("");
	ev_loop_destroy(loop);
	close(fd);
}

TEST(modes_are_left_alone)
{
	struct ev_loop *loop = make_loop();
	int s[2], fl, fd;
	ev_io w;

	make_socketpair(s);
	CHECK_SYS(fcntl(s[0], F_SETFD, 0));
	fl = fcntl(s[0], F_GETFL);
	fd = fcntl(s[0], F_GETFD);
	IO(loop, &w, "w", s[0], EV_WRITE);
	ev_run(loop, EVRUN_ONCE);
	CHECK_HEARD("w(2)");
	CHECK_INT(fcntl(s[0], F_GETFL), ==, fl);
	CHECK_INT(fcntl(s[0], F_GETFD), ==, fd);
	ev_loop_destroy(loop);
	close_pair(s);
}

/* ---- Starting, stopping, changing ------------------------------------------ */

TEST(start_and_stop_twice)
{
	struct ev_loop *loop = make_loop();
	int p[2];
	ev_io w;

	make_full_pipe(p);
	IO(loop, &w, "w", p[0], EV_READ);
	ev_io_start(loop, &w);
	CHECK_INT(ev_run(loop, EVRUN_ONCE), ==, 1);
	CHECK_HEARD("w(1)");
	ev_io_stop(loop, &w);
	ev_io_stop(loop, &w);
	CHECK_INT(ev_run(loop, 0), ==, 0);
	CHECK_HEARD("");
	ev_io_start(loop, &w);
	CHECK_INT(ev_run(loop, EVRUN_ONCE), ==, 1);
	CHECK_HEARD("w(1)");
	ev_loop_destroy(loop);
	close_pair(p);
}

TEST(modify)
{
	struct ev_loop *loop = make_loop();
	int s[2];
	ev_io w;

	make_socketpair(s);
	poke(s[1]);
	IO(loop, &w, "w", s[0], EV_READ);
	ev_run(loop, EVRUN_ONCE);
	ev_io_stop(loop, &w);
	ev_io_modify(&w, EV_WRITE);
	ev_io_start(loop, &w);
	ev_run(loop, EVRUN_ONCE);
	ev_io_stop(loop, &w);
	ev_io_modify(&w, EV_READ | EV_WRITE);
	ev_io_start(loop, &w);
	ev_run(loop, EVRUN_ONCE);
	CHECK_HEARD("w(1) w(2) w(3)");
	CHECK_INT(w.events, ==, 3);
	ev_loop_destroy(loop);
	close_pair(s);
}

TEST(the_private_bit_is_taken_off_when_it_starts)
{
	struct ev_loop *loop = make_loop();
	int p[2];
	ev_io w;

	make_pipe(p);
	IO(loop, &w, "w", p[0], EV_READ);
	CHECK_INT(w.events, ==, EV_READ);
	ev_loop_destroy(loop);
	close_pair(p);
}

TEST(started_in_prepare_counts_in_this_iteration)
{
	struct ev_loop *loop = make_loop();
	int p[2];
	ev_io w;
	ev_timer t;

	make_full_pipe(p);
	TIMER(loop, &t, "t", 10., 0.);
	ev_run(loop, EVRUN_NOWAIT);
	IO(loop, &w, "w", p[0], EV_READ);
	ev_run(loop, EVRUN_ONCE);
	CHECK_HEARD("w(1)");
	ev_loop_destroy(loop);
	close_pair(p);
}

/* ---- Numbers that are used again ------------------------------------------- */

/* Another pipe, of the same numbers. */
static void reopen(int p[2])
{
	int q[2], old[2] = { p[0], p[1] };

	close_pair(p);
	make_pipe(q);
	if (q[0] != old[0] || q[1] != old[1])
		SKIP("other numbers");
	p[0] = q[0];
	p[1] = q[1];
}

TEST(a_number_that_is_used_again_is_another_file)
{
	struct ev_loop *loop = make_loop();
	int p[2], i;
	ev_io w;

	fence_allow(FENCE_KERNEL, "it is closed before it is known");
	make_full_pipe(p);
	for (i = 0; i < 5; i++) {
		IO(loop, &w, "w", p[0], EV_READ);
		ev_run(loop, EVRUN_ONCE);
		CHECK_HEARD("w(1)");
		ev_io_stop(loop, &w);
		if (i & 1)
			ev_run(loop, EVRUN_NOWAIT);
		reopen(p);
		poke(p[1]);
	}
	ev_loop_destroy(loop);
	close_pair(p);
}

TEST(set_again_while_the_number_was_used_again)
{
	struct ev_loop *loop = make_loop();
	int p[2];
	ev_io w;

	fence_allow(FENCE_KERNEL, "it is closed before it is known");
	make_pipe(p);
	IO(loop, &w, "w", p[0], EV_READ);
	ev_run(loop, EVRUN_NOWAIT);
	reopen(p);
	ev_io_stop(loop, &w);
	ev_io_set(&w, p[0], EV_READ);
	ev_io_start(loop, &w);
	poke(p[1]);
	ev_run(loop, EVRUN_ONCE);
	CHECK_HEARD("w(1)");
	ev_loop_destroy(loop);
	close_pair(p);
}

TEST(other_events_of_a_number_that_was_used_again)
{
	struct ev_loop *loop = make_loop();
	int p[2], i;
	ev_io w;

	fence_allow(FENCE_KERNEL, "it is closed before it is known");
	make_pipe(p);
	IO(loop, &w, "w", p[1], EV_READ);
	for (i = 0; i < 4; i++) {
		ev_run(loop, EVRUN_NOWAIT);
		CHECK_HEARD("");
		reopen(p);
		ev_io_stop(loop, &w);
		ev_io_set(&w, p[1], EV_READ | EV_WRITE);
		ev_io_start(loop, &w);
		iterate(loop, 2, EVRUN_NOWAIT);
		CHECK_HEARD("w(2) w(2)");
		reopen(p);
		ev_io_stop(loop, &w);
		ev_io_set(&w, p[1], EV_READ);
		ev_io_start(loop, &w);
	}
	ev_loop_destroy(loop);
	close_pair(p);
}

static void set_again(struct ev_loop *loop, ev_io *w, int events)
{
	ev_io_stop(loop, w);
	ev_io_set(w, w->fd, events);
	ev_io_start(loop, w);
}

static void read_all(int fd)
{
	char buf[10];

	CHECK_SYS(read(fd, buf, sizeof(buf)));
}

/* With other events each time, and with the same. */
TEST(a_number_that_is_a_pipe_and_a_file_in_turn)
{
	struct ev_loop *loop = make_loop();
	char name[200];
	int p[2], file, fd, same;
	ev_io w;

	fence_allow(FENCE_KERNEL, "it is closed before it is known");
	make_pipe(p);
	snprintf(name, sizeof(name), "%s/file", tmpdir());
	file = (int)CHECK_SYS(open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	fd = (int)CHECK_SYS(dup(p[0]));
	for (same = 0; same < 2; same++) {
		IO(loop, &w, "w", fd, EV_READ);
		ev_run(loop, EVRUN_NOWAIT);
		CHECK_HEARD("");
		CHECK_SYS(dup2(file, fd));
		set_again(loop, &w, same ? EV_READ : EV_READ | EV_WRITE);
		iterate(loop, 3, EVRUN_ONCE);
		CHECK_HEARD(same ? "w(1) w(1) w(1)" : "w(3) w(3) w(3)");
		CHECK_SYS(dup2(p[0], fd));
		set_again(loop, &w, EV_READ);
		ev_run(loop, EVRUN_NOWAIT);
		CHECK_HEARD("");
		poke(p[1]);
		iterate(loop, 2, EVRUN_ONCE);
		CHECK_HEARD("w(1) w(1)");
		read_all(p[0]);
		ev_io_stop(loop, &w);
	}
	ev_loop_destroy(loop);
	close(fd);
	close(file);
	close_pair(p);
}

TEST(a_hang_up_after_other_events)
{
	struct ev_loop *loop = make_loop();
	int p[2];
	ev_io w;

	make_pipe(p);
	IO(loop, &w, "w", p[1], EV_READ);
	ev_run(loop, EVRUN_NOWAIT);
	close(p[0]);
	set_again(loop, &w, EV_READ | EV_WRITE);
	iterate(loop, 4, EVRUN_ONCE);
	CHECK_HEARD("w(3) w(3) w(3) w(3)");
	set_again(loop, &w, EV_READ);
	iterate(loop, 3, EVRUN_ONCE);
	CHECK_HEARD("w(1) w(1) w(1)");
	ev_loop_destroy(loop);
	close(p[1]);
}

/* Which libev does not mind, and nor does a debug build of ours. */
TEST(closing_before_stopping_says_nothing)
{
	struct ev_loop *loop = make_loop();
	int p[2], said[2], saved = (int)CHECK_SYS(dup(2));
	char text[400];
	ssize_t n;
	ev_io w;

	make_pipe(said);
	make_pipe(p);
	IO(loop, &w, "w", p[0], EV_READ);
	ev_run(loop, EVRUN_NOWAIT);
	CHECK_SYS(dup2(said[1], 2));
	close_pair(p);
	ev_io_stop(loop, &w);
	iterate(loop, 3, EVRUN_NOWAIT);
	ev_loop_destroy(loop);
	CHECK_SYS(dup2(saved, 2));
	close(saved);
	close(said[1]);
	n = CHECK_SYS(read(said[0], text, sizeof(text) - 1));
	text[n] = '\0';
	CHECK_STR(text, "");
	close(said[0]);
}

TEST(a_duplicate_that_outlives_it_makes_no_trouble)
{
	struct ev_loop *loop = make_loop();
	int p[2], copy, fd;
	ev_io w, other;
	ev_timer t;

	fence_allow(FENCE_KERNEL, "it is closed before it is known");
	make_full_pipe(p);
	copy = (int)CHECK_SYS(dup(p[0]));
	IO(loop, &w, "w", p[0], EV_READ);
	ev_run(loop, EVRUN_ONCE);
	CHECK_HEARD("w(1)");
	ev_io_stop(loop, &w);
	fd = p[0];
	close(fd);
	/* The number is another file's now; the old one is still readable. */
	CHECK_INT(dup2(p[1], fd), ==, fd);
	IO(loop, &other, "other", fd, EV_WRITE);
	TIMER(loop, &t, "t", .02, 0.);
	iterate(loop, 3, EVRUN_NOWAIT);
	CHECK_HEARD("other(2) other(2) other(2)");
	ev_io_stop(loop, &other);
	CHECK_INT(ev_run(loop, 0), ==, 0);
	CHECK_HEARD("t(100)");
	ev_loop_destroy(loop);
	close(copy);
	close_pair(p);
}

/* ---- What cannot be watched ------------------------------------------------- */

static void stopped(struct ev_loop *loop, ev_io *w, int revents)
{
	(void)loop;
	CHECK(!ev_is_active(w));
	said(w->data, revents);
}

/* The numbers stay in P. */
static void just_close(const int p[2])
{
	close(p[0]);
	close(p[1]);
}

/* libev 4.33 aborts on epoll. */
static void skip_what_aborts(void)
{
	if (!IS_OURS)
		SKIP("libev aborts");
}

TEST(a_closed_descriptor_is_an_error_event)
{
	struct ev_loop *loop;
	int p[2];
	ev_io r, w;
	ev_timer t;

	skip_what_aborts();
	loop = make_loop();
	make_pipe(p);
	just_close(p);
	ev_io_init(&r, stopped, p[0], EV_READ);
	LABEL(&r, "r");
	ev_io_start(loop, &r);
	ev_io_init(&w, stopped, p[0], EV_WRITE);
	LABEL(&w, "w");
	ev_io_start(loop, &w);
	TIMER(loop, &t, "t", 10., 0.);
	CHECK_INT(ev_run(loop, EVRUN_ONCE), ==, 1);
	CHECK_HEARD("r(80000003) w(80000003)");
	/* And the number may be used for something that is open. */
	make_full_pipe(p);
	IO(loop, &w, "w", p[0], EV_READ);
	ev_run(loop, EVRUN_ONCE);
	CHECK_HEARD("w(1)");
	ev_loop_destroy(loop);
	close_pair(p);
}

TEST(a_second_watcher_of_a_descriptor_that_was_closed)
{
	struct ev_loop *loop;
	int p[2];
	ev_io r, w;

	skip_what_aborts();
	loop = make_loop();
	make_pipe(p);
	IO(loop, &r, "r", p[0], EV_READ);
	ev_run(loop, EVRUN_NOWAIT);
	just_close(p);
	IO(loop, &w, "w", p[0], EV_WRITE);
	while (ev_run(loop, EVRUN_ONCE))
		;
	CHECK_HEARD("r(80000003) w(80000003)");
	ev_loop_destroy(loop);
}

TEST(closed_when_its_events_change)
{
	struct ev_loop *loop;
	int p[2];
	ev_io w;

	skip_what_aborts();
	loop = make_loop();
	make_pipe(p);
	IO(loop, &w, "w", p[0], EV_READ);
	ev_run(loop, EVRUN_NOWAIT);
	just_close(p);
	set_again(loop, &w, EV_READ | EV_WRITE);
	while (ev_run(loop, EVRUN_ONCE))
		;
	CHECK_HEARD("w(80000003)");
	make_full_pipe(p);
	IO(loop, &w, "w", p[0], EV_READ);
	iterate(loop, 2, EVRUN_ONCE);
	CHECK_HEARD("w(1) w(1)");
	ev_loop_destroy(loop);
	close_pair(p);
}

TEST(a_negative_descriptor_is_an_error_event)
{
	struct ev_loop *loop;
	ev_io w;

	skip_what_aborts();
	loop = make_loop();
	ev_io_init(&w, stopped, -1, EV_READ);
	LABEL(&w, "w");
	ev_io_start(loop, &w);
	CHECK_INT(ev_run(loop, 0), ==, 0);
	CHECK_HEARD("w(80000003)");
	ev_loop_destroy(loop);
}

TEST(closing_an_active_one_is_silence)
{
	struct ev_loop *loop = make_loop();
	int p[2];
	ev_io w;
	ev_timer t;

	if (flags_of_method() != 0 && flags_of_method() != EVBACKEND_EPOLL)
		SKIP("poll(2) tells");
	if (IS_OURS && strncmp(test_method(), "epoll", 5) != 0)
		SKIP("poll(2) tells");
	make_pipe(p);
	IO(loop, &w, "w", p[0], EV_READ);
	ev_run(loop, EVRUN_NOWAIT);
	just_close(p);
	TIMER(loop, &t, "t", .01, 0.);
	ev_run(loop, EVRUN_ONCE);
	CHECK_HEARD("t(100)");
	ev_loop_destroy(loop);
}

/* ---- By hand ---------------------------------------------------------------- */

TEST(feed_fd_event)
{
	struct ev_loop *loop = make_loop();
	int p[2];
	ev_io r, w;

	make_pipe(p);
	IO(loop, &r, "r", p[0], EV_READ);
	IO(loop, &w, "w", p[0], EV_WRITE);
	ev_feed_fd_event(loop, p[0], EV_READ);
	ev_invoke_pending(loop);
	CHECK_HEARD("r(1)");
	ev_feed_fd_event(loop, p[0], EV_READ | EV_WRITE);
	ev_invoke_pending(loop);
	CHECK_HEARD("r(1) w(2)");
	ev_feed_fd_event(loop, 12345, EV_READ);
	ev_feed_fd_event(loop, -1, EV_READ);
	ev_invoke_pending(loop);
	CHECK_HEARD("");
	ev_loop_destroy(loop);
	close_pair(p);
}

static void once(int revents, void *label)
{
	said(label, revents);
}

#define ONCE(loop, fd, events, after, text)				\
	ev_once(loop, fd, events, after, once, (void *)(uintptr_t)(text))

TEST(once)
{
	struct ev_loop *loop = make_loop();
	int p[2];

	make_full_pipe(p);
	ONCE(loop, p[0], EV_READ, 100., "io");
	CHECK_INT(ev_run(loop, 0), ==, 0);
	CHECK_HEARD("io(1)");
	ONCE(loop, p[1], EV_READ, .001, "timeout");
	CHECK_INT(ev_run(loop, 0), ==, 0);
	CHECK_HEARD("timeout(100)");
	ONCE(loop, -1, 0, 0., "alone");
	CHECK_INT(ev_run(loop, 0), ==, 0);
	CHECK_HEARD("alone(100)");
	ONCE(loop, p[0], EV_READ, -1., "no timeout");
	CHECK_INT(ev_run(loop, 0), ==, 0);
	CHECK_HEARD("no timeout(1)");
	ONCE(loop, p[0], EV_READ, .001, "both");
	pass(loop, .003);
	CHECK_INT(ev_run(loop, 0), ==, 0);
	CHECK_HEARD("both(101)");
	ev_loop_destroy(loop);
	close_pair(p);
}

/* ---- Many ------------------------------------------------------------------ */

#define MANY	200

static int counts[MANY];

static void count(struct ev_loop *loop, ev_io *w, int revents)
{
	int *n = w->data;

	(void)loop;
	CHECK_INT(revents, ==, EV_READ);
	++*n;
}

TEST(many_descriptors)
{
	struct ev_loop *loop = make_loop();
	static ev_io w[MANY];
	int p[MANY][2], i;

	need_fds(2 * MANY + 20);
	for (i = 0; i < MANY; i++) {
		make_full_pipe(p[i]);
		ev_io_init(&w[i], count, p[i][0], EV_READ);
		w[i].data = &counts[i];
		ev_io_start(loop, &w[i]);
	}
	ev_verify(loop);
	/* The kernel may tell of some at a time only. */
	iterate(loop, 2 * MANY, EVRUN_NOWAIT);
	for (i = 0; i < MANY; i++)
		CHECK_INT(counts[i], >, 0);
	for (i = 0; i < MANY; i += 2)
		ev_io_stop(loop, &w[i]);
	memset(counts, 0, sizeof(counts));
	iterate(loop, 2 * MANY, EVRUN_NOWAIT);
	for (i = 0; i < MANY; i++)
		CHECK_INT(counts[i] > 0, ==, i % 2);
	ev_verify(loop);
	ev_loop_destroy(loop);
	for (i = 0; i < MANY; i++)
		close_pair(p[i]);
}

/* ---- What was closed may be the loop's own ----------------------------------- */

/* Which looks like what the loop opens: same modes. */
static void close_first(struct ev_loop *loop, ev_io *io, int stop)
{
	int p[2], i;

	CHECK_SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
	for (i = 0; i < 2; i++) {
		CHECK_SYS(fcntl(p[i], F_SETFL, O_NONBLOCK));
		CHECK_SYS(fcntl(p[i], F_SETFD, FD_CLOEXEC));
	}
	IO(loop, io, "io", p[0], EV_WRITE);
	ev_run(loop, EVRUN_NOWAIT);
	CHECK_HEARD("io(2)");
	if (stop) {
		ev_io_stop(loop, io);
		ev_run(loop, EVRUN_NOWAIT);
	}
	close_pair(p);
}

TEST(a_closed_number_may_be_that_of_the_wake_up)
{
	struct ev_loop *loop = make_loop();
	ev_async a;
	ev_io io;

	close_first(loop, &io, 1);
	PLAIN(async, loop, &a, "a");
	ev_async_send(loop, &a);
	ev_run(loop, EVRUN_ONCE);
	CHECK_HEARD("a(80000)");
	ev_loop_destroy(loop);
}

/* The first wait that may sleep opens it. */
TEST(a_closed_number_may_be_that_of_the_core)
{
	struct ev_loop *loop = make_loop();
	ev_timer timer;
	ev_io io;

	close_first(loop, &io, 1);
	TIMER(loop, &timer, "timer", 1e-3, 0.);
	ev_run(loop, 0);
	CHECK_HEARD("timer(100)");
	ev_loop_fork(loop);
	ev_run(loop, EVRUN_NOWAIT);
	ev_loop_destroy(loop);
}

/* libev does not notice that. */
TEST(one_that_is_watched_is_told_then)
{
	struct ev_loop *loop;
	ev_async a;
	ev_io io;

	if (!IS_OURS)
		SKIP("libev tells nothing");
	if (strstr(test_method(), "poll") != test_method() &&
	    strcmp(test_method(), "ppoll") != 0)
		SKIP("the number is no obstacle");
	loop = make_loop();
	close_first(loop, &io, 0);
	PLAIN(async, loop, &a, "a");
	ev_async_send(loop, &a);
	ev_run(loop, EVRUN_ONCE);
	CHECK_HEARD("a(80000) io(80000003)");
	CHECK(!ev_is_active(&io));
	ev_loop_destroy(loop);
}

#if IS_OURS
/* libev runs out of memory or numbers. */
TEST(numbers_that_no_file_has)
{
	static const int numbers[] = { INT_MAX, 1500000000, 100000000 };
	struct ev_loop *loop = make_loop();
	size_t i;
	ev_io io;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		IO(loop, &io, "io", numbers[i], EV_READ);
		CHECK(!ev_is_active(&io));
		CHECK_INT(ev_run(loop, 0), ==, 0);
		CHECK_HEARD("io(80000003)");
	}
	ev_loop_destroy(loop);
}
#endif
