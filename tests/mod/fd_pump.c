/* SPDX-License-Identifier: MIT */
/*
 * fd_pump.c - tests of iv_fd_pump: steps, errors, buffers, loops, misuse.
 */
#include <sys/socket.h>
#include <iv_tls.h>
#include "harness/spy.h"
#include "mod/pump_rig.h"

/* ---- Steps -------------------------------------------------------------- */

static void data_passes(void)
{
	int from[2], to[2];
	struct rig r;

	socket_pair(from);
	socket_pair(to);
	rig_init(&r, from[0], to[1], 0);

	/* Nothing to do. */
	STEP(&r, 1, 1, 0);

	put(from[1], "hello");
	STEP(&r, 1, 1, 0);
	expect(to[0], "hello");
	put(from[1], "world");
	put(from[1], "!");
	STEP(&r, 1, 1, 0);
	STEP(&r, 1, 1, 0);
	expect(to[0], "world!");

	iv_fd_pump_destroy(&r.pump);
	CHECK_INT(r.in, ==, 0);
	CHECK_INT(r.out, ==, 0);
	close_pair(from);
	close_pair(to);
}

TEST_ONCE(data_passes_in_one_step)
{
	each_way(data_passes);
}

static void target_blocks(void)
{
	int from[2], to[2], steps = 0;
	size_t filled;
	struct stream w = { 0 }, s = { 0 };
	struct rig r;

	socket_pair(from);
	pipe_pair(to);
	filled = fill(to[1]);
	rig_init(&r, from[0], to[1], 0);

	/* There is room for more, but what there is cannot get out. */
	CHECK_INT(stream_write(&w, from[1], 100), ==, 100);
	STEP(&r, 1, 1, 1);
	STEP(&r, 1, 1, 1);

	/* Until there is no room. */
	while (r.in) {
		CHECK_INT(steps++, <, 10000);
		stream_write(&w, from[1], 5000);
		CHECK_INT(iv_fd_pump_pump(&r.pump), ==, 1);
		CHECK_INT(r.out, ==, 1);
	}
	STEP(&r, 1, 0, 1);

	/* And out it goes. */
	CHECK_INT(drain(to[0]), ==, filled);
	shutdown(from[1], SHUT_WR);
	while (iv_fd_pump_pump(&r.pump) > 0) {
		CHECK_INT(steps++, <, 20000);
		CHECK(r.in || r.out);
		stream_drain(&s, to[0]);
	}
	stream_drain(&s, to[0]);
	CHECK_INT(s.pos, ==, w.pos);
	iv_fd_pump_destroy(&r.pump);
	close_pair(from);
	close_pair(to);
}

TEST_ONCE(a_target_that_blocks)
{
	each_way(target_blocks);
}

static void end_of_nothing(void)
{
	int from[2], to[2];
	struct rig r;

	socket_pair(from);
	socket_pair(to);
	rig_init(&r, from[0], to[1], 0);
	CHECK_SYS(shutdown(from[1], SHUT_WR));
	STEP(&r, 0, 0, 0);

	/* For ever. */
	STEP(&r, 0, 0, 0);

	/* Nobody asked for that to be passed on. */
	put(to[1], "still open");
	expect(to[0], "still open");

	r.calls = 0;
	iv_fd_pump_destroy(&r.pump);
	CHECK_INT(r.calls, ==, 0);
	close_pair(from);
	close_pair(to);
}

TEST_ONCE(the_end_of_an_empty_stream)
{
	each_way(end_of_nothing);
}

/* What comes after the end is not looked at, neither before the rest is
   written nor afterwards. */
static void file_grows(void)
{
	int file, writer, to[2];
	size_t filled;
	struct rig r;

	file = open_file("grows", O_RDONLY | O_TRUNC);
	writer = open_file("grows", O_WRONLY);
	put(writer, "data");
	pipe_pair(to);
	filled = fill(to[1]);
	rig_init(&r, file, to[1], 0);
	STEP(&r, 1, 1, 1);
	STEP(&r, 1, 0, 1);
	put(writer, "more");
	STEP(&r, 1, 0, 1);
	CHECK_INT(drain(to[0]), ==, filled);
	STEP(&r, 0, 0, 0);
	put(writer, "even more");
	STEP(&r, 0, 0, 0);
	expect(to[0], "data");
	iv_fd_pump_destroy(&r.pump);
	CHECK_SYS(close(file));
	CHECK_SYS(close(writer));
	close_pair(to);
}

TEST_ONCE(nothing_comes_after_the_end)
{
	each_way(file_grows);
}

static void end_behind_data(void)
{
	int from[2], to[2];
	size_t filled;
	struct rig r;

	socket_pair(from);
	pipe_pair(to);
	filled = fill(to[1]);
	rig_init(&r, from[0], to[1], 0);
	put(from[1], "rest");
	CHECK_SYS(shutdown(from[1], SHUT_WR));
	STEP(&r, 1, 1, 1);
	STEP(&r, 1, 0, 1);
	STEP(&r, 1, 0, 1);
	CHECK_INT(drain(to[0]), ==, filled);
	STEP(&r, 0, 0, 0);
	expect(to[0], "rest");
	iv_fd_pump_destroy(&r.pump);
	close_pair(from);
	close_pair(to);
}

TEST_ONCE(the_end_behind_data)
{
	each_way(end_behind_data);
}

static void end_relayed(void)
{
	int from[2], to[2], full[2];
	struct rig r;

	/* Nothing buffered. */
	socket_pair(from);
	socket_pair(to);
	rig_init(&r, from[0], to[1], IV_FD_PUMP_FLAG_RELAY_EOF);
	put(from[1], "x");
	STEP(&r, 1, 1, 0);
	CHECK_SYS(shutdown(from[1], SHUT_WR));
	STEP(&r, 0, 0, 0);
	expect(to[0], "x");
	expect_end(to[0]);
	iv_fd_pump_destroy(&r.pump);
	close_pair(from);
	close_pair(to);

	/* Something buffered: once, and not before it is written.  Only a pipe
	   is full for splice(2) on all kernels, so it stands in at first. */
	socket_pair(from);
	socket_pair(to);
	pipe_pair(full);
	fill(full[1]);
	rig_init(&r, from[0], full[1], IV_FD_PUMP_FLAG_RELAY_EOF);
	put(from[1], "x");
	CHECK_SYS(shutdown(from[1], SHUT_WR));
	STEP(&r, 1, 1, 1);
	STEP(&r, 1, 0, 1);
	CHECK_SYS(dup2(to[1], full[1]));
	STEP(&r, 0, 0, 0);
	expect(to[0], "x");
	expect_end(to[0]);
	iv_fd_pump_destroy(&r.pump);
	close_pair(from);
	close_pair(to);
	close_pair(full);
}

TEST_ONCE(the_end_is_relayed_once_all_is_written)
{
	each_way(end_relayed);
}

static void end_relayed_to_pipe(void)
{
	int from[2], to[2];
	struct rig r;

	pipe_pair(from);
	pipe_pair(to);
	rig_init(&r, from[0], to[1], IV_FD_PUMP_FLAG_RELAY_EOF);
	CHECK_SYS(close(from[1]));
	STEP(&r, 0, 0, 0);
	iv_fd_pump_destroy(&r.pump);
	CHECK_SYS(close(from[0]));
	close_pair(to);
}

TEST_ONCE(a_pipe_cannot_be_shut_down_and_that_is_all_right)
{
	each_way(end_relayed_to_pipe);
}

TEST_ONCE(unknown_flags_are_ignored)
{
	int from[2], to[2];
	struct rig r;

	iv_init();
	socket_pair(from);
	socket_pair(to);
	rig_init(&r, from[0], to[1], ~(unsigned)IV_FD_PUMP_FLAG_RELAY_EOF);
	CHECK_SYS(shutdown(from[1], SHUT_WR));
	STEP(&r, 0, 0, 0);
	put(to[1], "still open");
	expect(to[0], "still open");
	iv_fd_pump_destroy(&r.pump);
	close_pair(from);
	close_pair(to);
	iv_deinit();
}

static void echo(void)
{
	struct stream w = { 0 }, s = { 0 };
	int fds[2], steps = 0;
	struct rig r;

	socket_pair(fds);
	rig_init(&r, fds[0], fds[0], IV_FD_PUMP_FLAG_RELAY_EOF);
	while (w.pos < 300000) {
		CHECK_INT(steps++, <, 10000);
		stream_write(&w, fds[1], 7000);
		CHECK_INT(iv_fd_pump_pump(&r.pump), ==, 1);
		stream_read(&s, fds[1], 6000);
	}
	CHECK_SYS(shutdown(fds[1], SHUT_WR));
	while (iv_fd_pump_pump(&r.pump) > 0) {
		CHECK_INT(steps++, <, 10000);
		stream_drain(&s, fds[1]);
	}
	stream_drain(&s, fds[1]);
	CHECK_INT(s.pos, ==, w.pos);
	expect_end(fds[1]);
	iv_fd_pump_destroy(&r.pump);
	close_pair(fds);
}

TEST_ONCE(one_descriptor_for_both)
{
	each_way(echo);
}

/* ---- Errors ------------------------------------------------------------- */

/* It fails so, without SET_BANDS, and can still be destroyed. */
static void check_failure(struct rig *r, int err)
{
	int calls = r->calls;

	CHECK_ERRNO(iv_fd_pump_pump(&r->pump), err);
	CHECK_INT(r->calls, ==, calls);
	CHECK_INT(iv_fd_pump_is_done(&r->pump), ==, 0);
	r->in = r->out = 1;
	iv_fd_pump_destroy(&r->pump);
	CHECK_INT(r->calls, ==, calls + 1);
	CHECK_INT(r->in, ==, 0);
	CHECK_INT(r->out, ==, 0);
}

static void errors(void)
{
	struct linger now = { 1, 0 };
	int from[2], to[2];
	struct rig r;

	/* Reading: not open; a directory; a connection reset. */
	socket_pair(from);
	socket_pair(to);
	rig_init(&r, -1, to[1], 0);
	check_failure(&r, EBADF);
	close_pair(from);
	from[0] = (int)CHECK_SYS(open("/", O_RDONLY | O_CLOEXEC));
	rig_init(&r, from[0], to[1], 0);
	check_failure(&r, EISDIR);
	CHECK_SYS(close(from[0]));
	tcp_pair(from);
	rig_init(&r, from[0], to[1], 0);
	CHECK_SYS(setsockopt(from[1], SOL_SOCKET, SO_LINGER, &now,
			     sizeof(now)));
	CHECK_SYS(close(from[1]));
	check_failure(&r, ECONNRESET);
	CHECK_SYS(close(from[0]));

	/* Writing: nobody there; not open; no space; with data on board. */
	socket_pair(from);
	put(from[1], "lost");
	rig_init(&r, from[0], to[1], 0);
	CHECK_SYS(close(to[0]));
	check_failure(&r, EPIPE);
	CHECK_SYS(close(to[1]));
	put(from[1], "lost");
	rig_init(&r, from[0], -1, 0);
	check_failure(&r, EBADF);
	to[1] = open("/dev/full", O_WRONLY | O_CLOEXEC);
	if (to[1] >= 0) {
		put(from[1], "lost");
		rig_init(&r, from[0], to[1], 0);
		check_failure(&r, ENOSPC);
		CHECK_SYS(close(to[1]));
	}
	close_pair(from);
}

TEST_ONCE(errors_are_returned)
{
	each_way(errors);
}

/* ---- Whole streams ------------------------------------------------------ */

static void transfers(void)
{
	int source, sink;

	for (source = PIPE; source <= TCP; source++) {
		for (sink = PIPE; sink <= PLAIN; sink++) {
			seed = (uint32_t)(source * 10 + sink + 1);
			transfer((enum end)source, (enum end)sink,
				 UINT64_MAX);
		}
	}
}

TEST_ONCE(every_byte_arrives_by_any_way)
{
	time_limit(40);
	each_way(transfers);
}

/* A pump that could not get a buffer can try again. */
static void no_memory(void)
{
	int from[2], to[2], calls;
	long blocks;
	struct rig r;

	socket_pair(from);
	socket_pair(to);
	rig_init(&r, from[0], to[1], 0);
	put(from[1], "x");
	calls = r.calls;
	blocks = spy_blocks();
	spy_fail(SPY_MALLOC, 1, 1000, ENOMEM);
	CHECK_ERRNO(iv_fd_pump_pump(&r.pump), ENOMEM);
	spy_heal();
	CHECK_INT(spy_blocks(), ==, blocks);
	CHECK_INT(r.calls, ==, calls);
	STEP(&r, 1, 1, 0);
	expect(to[0], "x");
	iv_fd_pump_destroy(&r.pump);
	close_pair(from);
	close_pair(to);
}

TEST_ONCE(no_memory_for_a_buffer)
{
	each_way(no_memory);
}

/* Then nothing is kept for later. */
TEST_ONCE(no_memory_for_a_cache)
{
	int from[2], to[2], before;
	struct rig r;

	iv_init();
	socket_pair(from);
	socket_pair(to);
	rig_init(&r, from[0], to[1], 0);
	put(from[1], "x");
	before = open_fds();
	spy_fail(SPY_MALLOC, 1, 1, ENOMEM);
	STEP(&r, 1, 1, 0);
	spy_heal();
	expect(to[0], "x");
	CHECK_INT(open_fds(), ==, before);
	iv_fd_pump_destroy(&r.pump);
	close_pair(from);
	close_pair(to);
	iv_deinit();
}

/* ---- In a loop ---------------------------------------------------------- */

struct relay {
	struct iv_fd	from, to;
	struct iv_fd	feeder, eater;
	struct iv_fd_pump	pump;
	struct stream	written, seen;
	int	in[2], out[2];
};

static void relay_bands(void *cookie, int pollin, int pollout);

static void relay_pump(void *cookie)
{
	struct relay *r = cookie;

	CHECK_INT(iv_fd_pump_pump(&r->pump), >=, 0);
}

static void relay_bands(void *cookie, int pollin, int pollout)
{
	struct relay *r = cookie;

	iv_fd_set_handler_in(&r->from, pollin ? relay_pump : NULL);
	iv_fd_set_handler_out(&r->to, pollout ? relay_pump : NULL);
}

static void feed(void *cookie)
{
	struct relay *r = cookie;

	stream_write(&r->written, r->in[1], chunk());
	if (r->written.pos >= TOTAL) {
		iv_fd_unregister(&r->feeder);
		CHECK_SYS(shutdown(r->in[1], SHUT_WR));
	}
}

static void relay_end(struct relay *r)
{
	CHECK_INT(iv_fd_pump_is_done(&r->pump), ==, 1);
	iv_fd_pump_destroy(&r->pump);
	iv_fd_unregister(&r->eater);
	iv_fd_unregister(&r->from);
	iv_fd_unregister(&r->to);
}

static void eat(void *cookie)
{
	struct relay *r = cookie;

	if (stream_read(&r->seen, r->out[0], chunk()) == 0)
		relay_end(r);
}

static void watch_fd(struct iv_fd *fd, int number, void *cookie,
		     void (*in)(void *), void (*out)(void *))
{
	IV_FD_INIT(fd);
	fd->fd = number;
	fd->cookie = cookie;
	fd->handler_in = in;
	fd->handler_out = out;
	iv_fd_register(fd);
}

static void relay_start(void *cookie)
{
	struct relay *r = cookie;

	watch_fd(&r->from, r->in[0], r, NULL, NULL);
	watch_fd(&r->to, r->out[1], r, NULL, NULL);
	watch_fd(&r->feeder, r->in[1], r, NULL, feed);
	watch_fd(&r->eater, r->out[0], r, eat, NULL);
	r->pump.from_fd = r->in[0];
	r->pump.to_fd = r->out[1];
	r->pump.cookie = r;
	r->pump.set_bands = relay_bands;
	r->pump.flags = IV_FD_PUMP_FLAG_RELAY_EOF;
	r->written.pos = r->seen.pos = 0;
	iv_fd_pump_init(&r->pump);
}

static void relay_check(struct relay *r)
{
	CHECK_INT(r->written.pos, >=, TOTAL);
	CHECK_INT(r->seen.pos, ==, r->written.pos);
	close_pair(r->in);
	close_pair(r->out);
}

static void check_relays(void (*pair)(int fds[2]), int n)
{
	struct relay r[8];
	int i;

	iv_init();
	for (i = 0; i < n; i++) {
		pair(r[i].in);
		pair(r[i].out);
		relay_start(&r[i]);
	}
	iv_main();
	for (i = 0; i < n; i++)
		relay_check(&r[i]);
	iv_deinit();
}

TEST(relays_between_local_sockets)
{
	check_relays(socket_pair, 8);
}

TEST(relays_between_tcp_sockets)
{
	check_relays(tcp_pair, 8);
}

TEST(relays_that_copy)
{
	deny_syscall(SYS_splice, EPERM);
	check_relays(tcp_pair, 4);
}

static void *relay_thread(void *unused)
{
	struct stream w = { 0 }, s = { 0 };
	int in[2], out[2];
	struct rig r;

	(void)unused;
	iv_init();
	socket_pair(in);
	socket_pair(out);
	rig_init(&r, in[0], out[1], 0);
	while (s.pos < TOTAL) {
		stream_write(&w, in[1], 3000);
		CHECK_INT(iv_fd_pump_pump(&r.pump), ==, 1);
		stream_read(&s, out[0], 4000);
	}
	iv_fd_pump_destroy(&r.pump);
	close_pair(in);
	close_pair(out);
	iv_deinit();
	return NULL;
}

TEST(pumps_in_four_threads)
{
	pthread_t tid[4];
	int i;

	iv_init();
	for (i = 0; i < 4; i++)
		CHECK_INT(pthread_create(&tid[i], NULL, relay_thread, NULL),
			  ==, 0);
	for (i = 0; i < 4; i++)
		CHECK_INT(pthread_join(tid[i], NULL), ==, 0);
	iv_deinit();
}

/* ---- Buffers ------------------------------------------------------------ */

#define PUMPS	30

struct crowd {
	struct rig	r[PUMPS];
	int	from[PUMPS][2], to[PUMPS][2];
};

static struct crowd *crowd_new(void)
{
	struct crowd *c = malloc(sizeof(*c));
	int i;

	CHECK(c != NULL);
	for (i = 0; i < PUMPS; i++) {
		socket_pair(c->from[i]);
		pipe_pair(c->to[i]);
		rig_init(&c->r[i], c->from[i][0], c->to[i][1], 0);
	}
	return c;
}

/* Each holds a byte that it cannot get rid of. */
static void crowd_load(struct crowd *c)
{
	int i;

	for (i = 0; i < PUMPS; i++) {
		fill(c->to[i][1]);
		poke(c->from[i][1]);
		STEP(&c->r[i], 1, 1, 1);
	}
}

static void crowd_unload(struct crowd *c)
{
	int i;

	for (i = 0; i < PUMPS; i++) {
		drain(c->to[i][0]);
		STEP(&c->r[i], 1, 1, 0);
		CHECK_INT(drain(c->to[i][0]), ==, 1);
	}
}

static void crowd_free(struct crowd *c)
{
	int i;

	for (i = 0; i < PUMPS; i++) {
		iv_fd_pump_destroy(&c->r[i].pump);
		close_pair(c->from[i]);
		close_pair(c->to[i]);
	}
	free(c);
}

TEST_ONCE(idle_pumps_have_no_buffers)
{
	struct crowd *c;
	int before;

	needs_splice();
	iv_init();
	c = crowd_new();
	before = open_fds();
	crowd_load(c);
	CHECK_INT(open_fds(), ==, before + 2 * PUMPS);

	/* Twenty are kept for later. */
	crowd_unload(c);
	CHECK_INT(open_fds(), ==, before + 2 * 20);
	crowd_load(c);
	CHECK_INT(open_fds(), ==, before + 2 * PUMPS);
	crowd_unload(c);
	CHECK_INT(open_fds(), ==, before + 2 * 20);
	crowd_free(c);
	iv_deinit();
}

TEST_ONCE(destroyed_with_data_on_board)
{
	int from[2], to[2], before, i;
	struct rig r;

	needs_splice();
	iv_init();
	before = open_fds();
	socket_pair(from);
	pipe_pair(to);

	for (i = 0; i < 50; i++) {
		fill(to[1]);
		put(from[1], "old");
		rig_init(&r, from[0], to[1], 0);
		STEP(&r, 1, 1, 1);
		iv_fd_pump_destroy(&r.pump);
		CHECK_INT(r.in, ==, 0);
		CHECK_INT(r.out, ==, 0);

		/* Nobody finds it later. */
		drain(to[0]);
		rig_init(&r, from[0], to[1], 0);
		put(from[1], "new");
		STEP(&r, 1, 1, 0);
		expect(to[0], "new");
		iv_fd_pump_destroy(&r.pump);
	}
	close_pair(from);
	close_pair(to);
	CHECK_INT(open_fds(), ==, before + 2);
	iv_deinit();
}

/* ---- The end of a loop -------------------------------------------------- */

static struct crowd *late_crowd;

static void destroy_late(void *unused)
{
	(void)unused;
	crowd_unload(late_crowd);
	crowd_load(late_crowd);
	crowd_free(late_crowd);
}

/* The application's own clean-up comes before the library's. */
TEST_ONCE(pumps_used_and_destroyed_in_deinit_thread)
{
	static struct iv_tls_user user = { .deinit_thread = destroy_late };

	iv_tls_user_register(&user);
	iv_init();
	late_crowd = crowd_new();
	crowd_load(late_crowd);
	iv_deinit();
}

static void *leave_thread(void *cookie)
{
	iv_init();
	crowd_load(late_crowd = crowd_new());
	return cookie;
}

TEST_ONCE(a_thread_that_ends_without_iv_deinit)
{
	static struct iv_tls_user user = { .deinit_thread = destroy_late };
	pthread_t tid;

	iv_tls_user_register(&user);
	CHECK_INT(pthread_create(&tid, NULL, leave_thread, NULL), ==, 0);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
}

TEST_ONCE(destroyed_after_iv_deinit)
{
	struct crowd *c;

	iv_init();
	c = crowd_new();
	crowd_load(c);
	iv_deinit();
	crowd_free(c);
}

/* ---- Freeing ------------------------------------------------------------ */

/* The compiler must not see that nobody reads what is left. */
static void discard(struct rig *r)
{
	memset(r, 0x5a, sizeof(*r));
	__asm__ volatile ("" : : "r" (r) : "memory");
	free(r);
}

static void free_rig(void *cookie, int pollin, int pollout)
{
	if (!pollin && !pollout)
		discard(cookie);
}

TEST_ONCE(freed_in_the_last_set_bands)
{
	int from[2], to[2];
	struct rig *r = malloc(sizeof(*r));

	CHECK(r != NULL);
	iv_init();
	socket_pair(from);
	pipe_pair(to);
	fill(to[1]);
	rig_init(r, from[0], to[1], 0);
	poke(from[1]);
	STEP(r, 1, 1, 1);
	r->pump.set_bands = free_rig;
	iv_fd_pump_destroy(&r->pump);
	close_pair(from);
	close_pair(to);
	iv_deinit();
}

static void destroy_rig(void *cookie, int pollin, int pollout)
{
	struct rig *r = cookie;

	if (pollin || pollout)
		return;
	iv_fd_pump_destroy(&r->pump);
	discard(r);
}

TEST_ONCE(destroyed_when_it_says_that_it_is_done)
{
	int from[2], to[2];
	struct rig *r = malloc(sizeof(*r));

	CHECK(r != NULL);
	iv_init();
	socket_pair(from);
	socket_pair(to);
	rig_init(r, from[0], to[1], 0);
	CHECK_SYS(shutdown(from[1], SHUT_WR));
	r->pump.set_bands = destroy_rig;
	CHECK_INT(iv_fd_pump_pump(&r->pump), ==, 0);
	close_pair(from);
	close_pair(to);
	iv_deinit();
}

/* ---- Misuse ------------------------------------------------------------- */

FATAL_TEST_ONCE(init_without_a_loop, "iv_fd_pump_init: ")
{
	struct rig r;

	rig_init(&r, 0, 1, 0);
}

FATAL_TEST_ONCE(init_null, "iv_fd_pump_init: ")
{
	iv_init();
	iv_fd_pump_init(NULL);
}

FATAL_TEST_ONCE(init_without_set_bands, "iv_fd_pump_init: no set_bands")
{
	struct iv_fd_pump pump = { .from_fd = 0, .to_fd = 1 };

	iv_init();
	iv_fd_pump_init(&pump);
}

FATAL_TEST_ONCE(pump_null, "iv_fd_pump_pump: ")
{
	iv_init();
	iv_fd_pump_pump(NULL);
}

FATAL_TEST_ONCE(pump_without_a_loop, "iv_fd_pump_pump: ")
{
	struct rig r;

	iv_init();
	rig_init(&r, 0, 1, 0);
	iv_deinit();
	iv_fd_pump_pump(&r.pump);
}

FATAL_TEST_ONCE(pump_after_destroy, "iv_fd_pump_pump: already destroyed")
{
	struct rig r;

	iv_init();
	rig_init(&r, 0, 1, 0);
	iv_fd_pump_destroy(&r.pump);
	iv_fd_pump_pump(&r.pump);
}

FATAL_TEST_ONCE(pump_of_garbage, "was never initialised, or has been")
{
	struct iv_fd_pump pump;

	iv_init();
	memset(&pump, 0x5a, sizeof(pump));
	iv_fd_pump_pump(&pump);
}

FATAL_TEST_ONCE(destroy_twice, "iv_fd_pump_destroy: already destroyed")
{
	struct rig r;

	iv_init();
	rig_init(&r, 0, 1, 0);
	iv_fd_pump_destroy(&r.pump);
	iv_fd_pump_destroy(&r.pump);
}

FATAL_TEST_ONCE(destroy_null, "iv_fd_pump_destroy: ")
{
	iv_init();
	iv_fd_pump_destroy(NULL);
}

FATAL_TEST_ONCE(is_done_null, "iv_fd_pump_is_done: ")
{
	iv_fd_pump_is_done(NULL);
}
