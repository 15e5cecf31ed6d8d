/* SPDX-License-Identifier: MIT */
/*
 * fd_pump_splice.c - tests of iv_fd_pump: splicing, and giving it up.
 */
#include "config.h"
#include <poll.h>
#include "mod/pump_rig.h"

/*
 * A full pipe in front of the end of the input: asking for input would make
 * the caller spin, since an end is always ready.
 */
TEST_ONCE(full_at_the_end_of_the_input)
{
	int from[2], to[2], steps = 0;
	struct rig r;

	iv_init();
	socket_pair(from);
	pipe_pair(to);
	fill(to[1]);
	rig_init(&r, from[0], to[1], 0);
	while (r.in) {
		CHECK_INT(steps++, <, 5000);
		poke(from[1]);
		CHECK_INT(iv_fd_pump_pump(&r.pump), ==, 1);
		CHECK_INT(iv_fd_pump_pump(&r.pump), ==, 1);
	}
	CHECK_INT(drain(from[0]), ==, 0);
	CHECK_SYS(shutdown(from[1], SHUT_WR));
	STEP(&r, 1, 0, 1);
	STEP(&r, 1, 0, 1);
	drain(to[0]);
	while (iv_fd_pump_pump(&r.pump) > 0) {
		CHECK_INT(steps++, <, 20000);
		drain(to[0]);
	}
	iv_fd_pump_destroy(&r.pump);
	close_pair(from);
	close_pair(to);
	iv_deinit();
}

/* It asks for input again once a part has got out. */
TEST_ONCE(no_longer_full)
{
	int from[2], to[2];
	struct stream w = { 0 };
	char buf[3 * 4096];
	struct rig r;

	needs_splice();
	iv_init();
	socket_pair(from);
	pipe_pair(to);
	fill(to[1]);
	rig_init(&r, from[0], to[1], 0);
	while (r.in) {
		stream_write(&w, from[1], 6000);
		CHECK_INT(iv_fd_pump_pump(&r.pump), ==, 1);
	}
	CHECK_INT(read(to[0], buf, sizeof(buf)), ==, sizeof(buf));
	STEP(&r, 1, 1, 1);
	iv_fd_pump_destroy(&r.pump);
	close_pair(from);
	close_pair(to);
	iv_deinit();
}

TEST_ONCE(a_file_is_a_source)
{
	struct stream w = { 0 }, s = { 0 };
	int file, to[2], steps = 0;
	struct rig r;

	iv_init();
	file = open_file("source", O_RDWR);
	while (w.pos < TOTAL)
		stream_write(&w, file, 1 << 16);
	CHECK_SYS(lseek(file, 0, SEEK_SET));
	socket_pair(to);
	rig_init(&r, file, to[1], IV_FD_PUMP_FLAG_RELAY_EOF);
	while (iv_fd_pump_pump(&r.pump) > 0) {
		CHECK_INT(steps++, <, 10000);
		stream_read(&s, to[0], 10000);
	}
	stream_drain(&s, to[0]);
	CHECK_INT(s.pos, ==, w.pos);
	iv_fd_pump_destroy(&r.pump);
	CHECK_SYS(close(file));
	close_pair(to);
	iv_deinit();
}

TEST_ONCE(no_descriptor_left_for_a_pipe)
{
	int from[2], to[2], before;
	struct rig r;

	needs_splice();
	iv_init();
	socket_pair(from);
	socket_pair(to);
	rig_init(&r, from[0], to[1], 0);
	before = open_fds();
	leave_fds(1);
	put(from[1], "copied");
	STEP(&r, 1, 1, 0);
	expect(to[0], "copied");
	restore_fds();
	CHECK_INT(open_fds(), ==, before);

	/* That was then. */
	put(from[1], "spliced");
	STEP(&r, 1, 1, 0);
	expect(to[0], "spliced");
	CHECK_INT(open_fds(), ==, before + 2);
	iv_fd_pump_destroy(&r.pump);
	close_pair(from);
	close_pair(to);
	iv_deinit();
}

TEST_ONCE(pipes_are_close_on_exec)
{
	int from[2], to[2], fd;
	struct rig r;

	needs_splice();
	iv_init();
	socket_pair(from);
	pipe_pair(to);
	fill(to[1]);
	rig_init(&r, from[0], to[1], 0);
	fd = next_fd();
	poke(from[1]);
	STEP(&r, 1, 1, 1);
	CHECK(CHECK_SYS(fcntl(fd, F_GETFD)) & FD_CLOEXEC);
	iv_fd_pump_destroy(&r.pump);
	close_pair(from);
	close_pair(to);
	iv_deinit();
}

/* ---- Giving up on splice, in mid-stream --------------------------------- */

/* A pump with as much on board as it takes; the bytes it took. */
static uint64_t load(struct rig *r, struct stream *w, int from)
{
	int steps = 0;

	while (r->in) {
		CHECK_INT(steps++, <, 10000);
		stream_write(w, from, 6000);
		CHECK_INT(iv_fd_pump_pump(&r->pump), ==, 1);
	}
	return w->pos;
}

static void finish_stream(struct rig *r, struct stream *w, int from,
			  struct stream *s, int to)
{
	int steps = 0;

	CHECK_SYS(shutdown(from, SHUT_WR));
	while (iv_fd_pump_pump(&r->pump) > 0) {
		CHECK_INT(steps++, <, 10000);
		stream_read(s, to, 3000);
	}
	stream_drain(s, to);
	CHECK_INT(s->pos, ==, w->pos);
}

static void check_refusal(int err, int with_more_input)
{
	int from[2], to[2];
	struct stream w = { 0 }, s = { 0 };
	struct rig r;

	needs_splice();
	iv_init();
	socket_pair(from);
	pipe_pair(to);
	fill(to[1]);
	rig_init(&r, from[0], to[1], 0);
	CHECK_INT(load(&r, &w, from[1]), >, 4096);
	deny_syscall(SYS_splice, err);
	if (with_more_input)
		stream_write(&w, from[1], 6000);

	/* The pipe's contents are on their way, and come first. */
	STEP(&r, 1, 0, 1);
	drain(to[0]);
	STEP(&r, 1, 0, 1);
	stream_drain(&s, to[0]);
	CHECK_INT(s.pos, >, 0);
	finish_stream(&r, &w, from[1], &s, to[0]);
	iv_fd_pump_destroy(&r.pump);
	close_pair(from);
	close_pair(to);
	iv_deinit();
}

TEST_ONCE(splice_becomes_enosys)
{
	check_refusal(ENOSYS, 0);
}

TEST_ONCE(splice_becomes_eperm)
{
	check_refusal(EPERM, 1);
}

TEST_ONCE(splice_becomes_einval)
{
	check_refusal(EINVAL, 1);
}

TEST_ONCE(splice_becomes_eacces)
{
	check_refusal(EACCES, 1);
}

/* As good an error as any, for who writes a filter. */
TEST_ONCE(splice_becomes_eio)
{
	check_refusal(EIO, 1);
}

/* There is room in the pipe, so that reading is what is refused. */
TEST_ONCE(reading_is_refused_with_data_in_the_pipe)
{
	int from[2], to[2];
	struct stream w = { 0 }, s = { 0 };
	size_t filled;
	struct rig r;

	needs_splice();
	iv_init();
	socket_pair(from);
	pipe_pair(to);
	filled = fill(to[1]);
	rig_init(&r, from[0], to[1], 0);
	stream_write(&w, from[1], 10000);
	STEP(&r, 1, 1, 1);
	deny_syscall(SYS_splice, EINVAL);
	stream_write(&w, from[1], 10000);
	STEP(&r, 1, 0, 1);
	CHECK_INT(drain(to[0]), ==, filled);
	finish_stream(&r, &w, from[1], &s, to[0]);
	iv_fd_pump_destroy(&r.pump);
	close_pair(from);
	close_pair(to);
	iv_deinit();
}

/* The target becomes a file opened with O_APPEND, which refuses splice(2). */
TEST_ONCE(the_target_is_replaced_in_mid_stream)
{
	int from[2], to[2], file, steps = 0;
	struct stream w = { 0 }, s = { 0 };
	struct rig r;

	iv_init();
	socket_pair(from);
	pipe_pair(to);
	fill(to[1]);
	rig_init(&r, from[0], to[1], 0);
	CHECK_INT(load(&r, &w, from[1]), >, 4096);
	file = open_file("log", O_RDWR | O_APPEND);
	CHECK_SYS(dup2(file, to[1]));
	while (w.pos < 200000) {
		CHECK_INT(steps++, <, 10000);
		stream_write(&w, from[1], 5000);
		CHECK_INT(iv_fd_pump_pump(&r.pump), ==, 1);
	}
	CHECK_SYS(shutdown(from[1], SHUT_WR));
	while (iv_fd_pump_pump(&r.pump) > 0)
		CHECK_INT(steps++, <, 10000);
	CHECK_SYS(lseek(file, 0, SEEK_SET));
	stream_drain(&s, file);
	CHECK_INT(s.pos, ==, w.pos);
	iv_fd_pump_destroy(&r.pump);
	CHECK_SYS(close(file));
	close_pair(from);
	close_pair(to);
	iv_deinit();
}

TEST_ONCE(an_append_only_target)
{
	int from[2], file;
	struct rig r;

	iv_init();
	socket_pair(from);
	file = open_file("log", O_RDWR | O_APPEND);
	put(file, "old ");
	rig_init(&r, from[0], file, 0);
	put(from[1], "new ");
	STEP(&r, 1, 1, 0);
	put(from[1], "newer");
	STEP(&r, 1, 1, 0);
	CHECK_SYS(shutdown(from[1], SHUT_WR));
	STEP(&r, 0, 0, 0);
	iv_fd_pump_destroy(&r.pump);
	CHECK_SYS(lseek(file, 0, SEEK_SET));
	expect(file, "old new newer");
	CHECK_SYS(close(file));
	close_pair(from);
	iv_deinit();
}

/* splice(2) stops in front of it for ever: with EAGAIN, or, if END comes at
   once, as if at the end. */
static void check_urgent(int end)
{
	int from[2], to[2], on = 1, steps = 0, ret = 1;
	struct pollfd pfd;
	char buf[16] = "";
	size_t got = 0;
	ssize_t n;
	struct rig r;

	iv_init();
	tcp_pair(from);
	socket_pair(to);
	CHECK_SYS(setsockopt(from[0], SOL_SOCKET, SO_OOBINLINE, &on,
			     sizeof(on)));
	rig_init(&r, from[0], to[1], IV_FD_PUMP_FLAG_RELAY_EOF);
	put(from[1], "abc");
	CHECK_INT(send(from[1], "!", 1, MSG_OOB), ==, 1);
	put(from[1], "def");
	if (end)
		CHECK_SYS(shutdown(from[1], SHUT_WR));
	while (ret > 0) {
		CHECK_INT(steps++, <, 100);
		pfd = (struct pollfd) { .fd = from[0], .events = POLLIN };
		CHECK_INT(poll(&pfd, 1, 5000), ==, 1);
		ret = iv_fd_pump_pump(&r.pump);
		n = read(to[0], buf + got, sizeof(buf) - 1 - got);
		got += n > 0 ? (size_t)n : 0;
		if (got == 7 && !end)
			CHECK_SYS(shutdown(from[1], SHUT_WR));
	}
	CHECK_INT(ret, ==, 0);
	CHECK_STR(buf, "abc!def");
	iv_fd_pump_destroy(&r.pump);
	close_pair(from);
	close_pair(to);
	iv_deinit();
}

TEST_ONCE(urgent_data_in_the_stream)
{
	check_urgent(0);
}

TEST_ONCE(urgent_data_before_the_end)
{
	check_urgent(1);
}

/*
 * The same behind data that does not get out: whoever waits for more to read
 * would be called for ever.
 */
TEST_ONCE(urgent_data_while_the_target_is_full)
{
	int from[2], to[2], on = 1, steps = 0;
	struct pollfd pfd;
	struct rig r;

	needs_splice();
	iv_init();
	tcp_pair(from);
	pipe_pair(to);
	fill(to[1]);
	CHECK_SYS(setsockopt(from[0], SOL_SOCKET, SO_OOBINLINE, &on,
			     sizeof(on)));
	rig_init(&r, from[0], to[1], 0);
	put(from[1], "abc");
	CHECK_INT(send(from[1], "!", 1, MSG_OOB), ==, 1);
	put(from[1], "def");
	while (r.in) {
		CHECK_INT(steps++, <, 100);
		pfd = (struct pollfd) { .fd = from[0], .events = POLLIN };
		CHECK_INT(poll(&pfd, 1, 5000), ==, 1);
		CHECK_INT(iv_fd_pump_pump(&r.pump), ==, 1);
	}
	CHECK_SYS(shutdown(from[1], SHUT_WR));
	drain(to[0]);
	for (steps = 0; iv_fd_pump_pump(&r.pump) > 0; steps++)
		CHECK_INT(steps, <, 100);
	expect(to[0], "abc!def");
	iv_fd_pump_destroy(&r.pump);
	close_pair(from);
	close_pair(to);
	iv_deinit();
}

/* ---- Data that comes at the wrong moment -------------------------------- */

#ifdef HAVE_SPLICE
static int splices, arrives_at, arrives_in;

ssize_t __real_splice(int, loff_t *, int, loff_t *, size_t, unsigned);
ssize_t __wrap_splice(int, loff_t *, int, loff_t *, size_t, unsigned);

/* After the call ARRIVES_AT there is something to read, if there was not. */
ssize_t __wrap_splice(int from, loff_t *from_at, int to, loff_t *to_at,
		      size_t len, unsigned flags)
{
	ssize_t ret = __real_splice(from, from_at, to, to_at, len, flags);
	int err = errno;

	if (++splices == arrives_at)
		put(arrives_in, "late");
	errno = err;
	return ret;
}

/* It is no reason to give up splicing. */
TEST_ONCE(data_that_comes_after_splice_found_none)
{
	int from[2], to[2];
	struct rig r;

	needs_splice();
	iv_init();
	socket_pair(from);
	socket_pair(to);
	rig_init(&r, from[0], to[1], 0);
	arrives_in = from[1];
	arrives_at = splices + 1;
	STEP(&r, 1, 1, 0);
	CHECK_INT(splices, >=, arrives_at);
	expect(to[0], "late");
	splices = arrives_at = 0;
	put(from[1], "more");
	STEP(&r, 1, 1, 0);
	CHECK_INT(splices, ==, 2);
	expect(to[0], "more");
	iv_fd_pump_destroy(&r.pump);
	close_pair(from);
	close_pair(to);
	iv_deinit();
}
#endif

/* ---- A forked child has the same pipes ---------------------------------- */

static int from_child[2], to_child[2];

/* Data that does not get out stays in the pump's pipe. */
static void hold(struct rig *r, int from[2], int to[2], const char *text)
{
	socket_pair(from);
	pipe_pair(to);
	fill(to[1]);
	rig_init(r, from[0], to[1], 0);
	put(from[1], text);
	STEP(r, 1, 1, 1);
}

static void let_go(struct rig *r, int from[2], int to[2], const char *text)
{
	drain(to[0]);
	STEP(r, 1, 1, 0);
	expect(to[0], text);
	iv_fd_pump_destroy(&r->pump);
	close_pair(from);
	close_pair(to);
}

static void pump_one_more(void)
{
	int from[2], to[2];
	struct rig r;

	hold(&r, from, to, "more");
	let_go(&r, from, to, "more");
}

static void take_turns(void)
{
	char c;

	poke(from_child[1]);
	CHECK_INT(read(to_child[0], &c, 1), ==, 1);
}

static void pump_in_child(void *turn)
{
	int from[2], to[2];
	struct rig r;

	if (turn != NULL) {
		quit_after_turns(2);
		iv_main();
	}
	hold(&r, from, to, "child");
	take_turns();
	let_go(&r, from, to, "child");
	iv_deinit();
}

static void fork_between_pumps(void *turn)
{
	int from[2], to[2];
	struct rig r;
	pid_t pid;
	char c;

	needs_splice();
	iv_init();
	make_pipe(from_child);
	make_pipe(to_child);
	/* Of two pipes in the cache. */
	hold(&r, from, to, "before");
	pump_one_more();
	let_go(&r, from, to, "before");

	pid = fork_child(pump_in_child, turn);
	CHECK_INT(read(from_child[0], &c, 1), ==, 1);
	hold(&r, from, to, "parent");
	let_go(&r, from, to, "parent");
	poke(to_child[1]);
	reap_child(pid);
	close_pair(from_child);
	close_pair(to_child);
	iv_deinit();
}

TEST_ONCE(a_child_pumps_in_the_handler_that_forked)
{
	fork_between_pumps(NULL);
}

TEST_ONCE(a_child_goes_on_with_the_loop_and_pumps)
{
	static int turn;

	fork_between_pumps(&turn);
}

/* What is in the pump then, and where both have the same pipe, is the one's who
   goes on with it. */
static void destroy_in_child(void *_r)
{
	struct rig *r = _r;

	iv_fd_pump_destroy(&r->pump);
	iv_deinit();
}

TEST_ONCE(a_child_destroys_a_pump_that_holds_data)
{
	int from[2], to[2];
	struct rig r;

	needs_splice();
	iv_init();
	hold(&r, from, to, "kept");
	reap_child(fork_child(destroy_in_child, &r));
	let_go(&r, from, to, "kept");
	iv_deinit();
}

/* Those that wait for use are of no use there. */
static void count_in_child(void *_n)
{
	quit_after_turns(2);
	iv_main();
	CHECK_INT(open_fds(), ==, *(int *)_n - 4);
	iv_deinit();
}

TEST_ONCE(a_child_closes_the_pipes_of_its_parent)
{
	int from[2], to[2], n;
	struct rig r;

	needs_splice();
	iv_init();
	hold(&r, from, to, "one");
	pump_one_more();
	let_go(&r, from, to, "one");
	n = open_fds();
	reap_child(fork_child(count_in_child, &n));
	CHECK_INT(open_fds(), ==, n);
	iv_deinit();
}

struct refused_transfer {
	enum end	source, sink;
	uint64_t	at;
};

static void transfer_refused(void *cookie)
{
	const struct refused_transfer *t = cookie;

	iv_init();
	seed = (uint32_t)t->at;
	transfer(t->source, t->sink, t->at);
	iv_deinit();
}

TEST_ONCE(every_byte_arrives_when_splice_fails_on_the_way)
{
	struct refused_transfer t;
	int source, sink;

	time_limit(40);
	tmpdir();
	t.at = 1;
	for (source = PIPE; source <= TCP; source++) {
		for (sink = PIPE; sink <= TCP; sink++) {
			t.source = (enum end)source;
			t.sink = (enum end)sink;
			t.at = (t.at + 37117) % TOTAL;
			reap_child(fork_child(transfer_refused, &t));
		}
	}
}

/* ---- Interruptions and errors --------------------------------------------- */

TEST_ONCE(interruptions_are_no_errors)
{
	int from[2], to[2];
	struct rig r;

	needs_splice();
	iv_init();
	socket_pair(from);
	socket_pair(to);
	put(from[1], "x");
	rig_init(&r, from[0], to[1], 0);
	deny_syscall(SYS_splice, EINTR);
	STEP(&r, 1, 1, 0);
	STEP(&r, 1, 1, 0);
	expect(to[0], "");
	iv_fd_pump_destroy(&r.pump);
	close_pair(from);
	close_pair(to);
	iv_deinit();
}

/* seccomp makes a system call return 0 without running it. */
TEST_ONCE(a_target_that_takes_nothing)
{
	int from[2], to[2];
	struct rig r;

	needs_splice();
	iv_init();
	socket_pair(from);
	pipe_pair(to);
	fill(to[1]);
	put(from[1], "x");
	rig_init(&r, from[0], to[1], 0);
	STEP(&r, 1, 1, 1);
	drain(to[0]);
	deny_syscall(SYS_splice, 0);
	CHECK_ERRNO(iv_fd_pump_pump(&r.pump), EIO);
	iv_fd_pump_destroy(&r.pump);
	close_pair(from);
	close_pair(to);
	iv_deinit();
}
