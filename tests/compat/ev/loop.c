/* SPDX-License-Identifier: MIT */
/*
 * loop.c - tests of making and destroying loops, of backends, flags, the
 * environment, and of memory.
 */
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <iv.h>
#include <iv_loop.h>
#include "rig.h"

TEST(destroying_nothing)
{
	ev_loop_destroy(NULL);
}

TEST(the_default_loop)
{
	struct ev_loop *loop;
	int i;

	for (i = 0; i < 3; i++) {
		CHECK(EV_DEFAULT_UC == NULL);
		loop = make_default_loop();
		CHECK(EV_DEFAULT_UC == loop);
		CHECK(ev_default_loop(EVBACKEND_SELECT) == loop);
		CHECK(EV_DEFAULT_UC == loop);
		CHECK(ev_is_default_loop(loop));
		ev_loop_destroy(loop);
	}
	CHECK(EV_DEFAULT_UC == NULL);
}

TEST(with_watchers_around)
{
	struct ev_loop *loop, *other = make_loop();
	ev_async a;
	ev_signal s;
	int i;

	PLAIN(async, other, &a, "a");
	for (i = 0; i < 3; i++) {
		loop = make_default_loop();
		CHECK(!ev_is_default_loop(other));
		ev_signal_init(&s, say_signal, SIGUSR1);
		LABEL(&s, "s");
		ev_signal_start(loop, &s);
		raise(SIGUSR1);
		ev_run(loop, EVRUN_ONCE);
		CHECK_HEARD("s(400)");
		ev_signal_stop(loop, &s);
		ev_loop_destroy(loop);
		ev_async_send(other, &a);
		ev_run(other, EVRUN_ONCE);
		CHECK_HEARD("a(80000)");
	}
	ev_loop_destroy(other);
}

/* ---- Backends and flags ---------------------------------------------------- */

TEST_ONCE(backends)
{
	unsigned all = ev_supported_backends();
	unsigned one;

	CHECK(all & EVBACKEND_POLL);
	CHECK(all & EVBACKEND_SELECT);
	CHECK_INT(ev_recommended_backends() & ~all, ==, 0);
	CHECK(ev_embeddable_backends() & EVBACKEND_EPOLL);
	for (one = 1; one < EVBACKEND_LINUXAIO; one <<= 1) {
		struct ev_loop *loop;

		if (!(all & one))
			continue;
		loop = ev_loop_new(one);
		CHECK(loop != NULL);
		CHECK_INT(ev_backend(loop), ==, one);
		ev_loop_destroy(loop);
	}
}

TEST_ONCE(backends_that_there_are_not)
{
	CHECK(ev_loop_new(EVBACKEND_DEVPOLL) == NULL);
	CHECK(ev_loop_new(EVBACKEND_LINUXAIO) == NULL);
	CHECK(ev_loop_new(0x8000) == NULL);
	CHECK(ev_default_loop(EVBACKEND_LINUXAIO) == NULL);
	CHECK(EV_DEFAULT_UC == NULL);
}

static unsigned backend_of(unsigned flags)
{
	struct ev_loop *loop = ev_loop_new(flags);
	unsigned backend;

	CHECK(loop != NULL);
	backend = ev_backend(loop);
	ev_loop_destroy(loop);
	return backend;
}

/* The numbers are in this order, but for DEVPOLL, which libev has not. */
static unsigned highest(unsigned backends)
{
	unsigned one = 0x8000;

	while (one != 0 && !(backends & one))
		one >>= 1;
	return one;
}

TEST_ONCE(of_several_backends_the_highest_is_taken)
{
	unsigned here = ev_supported_backends() & ~EVBACKEND_IOURING, wanted;

	for (wanted = 1; wanted < EVBACKEND_DEVPOLL; wanted++) {
		struct ev_loop *loop = ev_loop_new(wanted);

		CHECK(!(wanted & here) == !loop);
		if (loop == NULL)
			continue;
		CHECK_INT(ev_backend(loop), ==, highest(wanted & here));
		ev_loop_destroy(loop);
	}
	CHECK_INT(backend_of(EVBACKEND_POLL | 0x8000), ==, EVBACKEND_POLL);
	unsetenv("IV_SELECT_POLL_METHOD");
	unsetenv("IV_EXCLUDE_POLL_METHOD");
	CHECK_INT(backend_of(EVFLAG_AUTO), ==,
		  highest(ev_recommended_backends()));
	CHECK_INT(backend_of(EVFLAG_NOENV | EVFLAG_FORKCHECK), ==,
		  backend_of(EVFLAG_AUTO));
	/* That the first attempt failed is no obstacle. */
	CHECK(ev_default_loop(0x8000) == NULL);
	CHECK(ev_default_loop(EVBACKEND_SELECT) != NULL);
	CHECK_INT(ev_backend(ev_default_loop(EVBACKEND_POLL)), ==,
		  EVBACKEND_SELECT);
	ev_loop_destroy(EV_DEFAULT_UC);
}

TEST_ONCE(what_is_no_number_in_the_environment)
{
	unsigned automatic = backend_of(EVFLAG_AUTO);

	setenv("LIBEV_FLAGS", "", 1);
	CHECK_INT(backend_of(EVBACKEND_SELECT), ==, automatic);
	setenv("LIBEV_FLAGS", "select", 1);
	CHECK_INT(backend_of(EVBACKEND_SELECT), ==, automatic);
	setenv("LIBEV_FLAGS", " 2 or so", 1);
	CHECK_INT(backend_of(EVBACKEND_SELECT), ==, EVBACKEND_POLL);
	unsetenv("LIBEV_FLAGS");
}

TEST_ONCE(the_environment_replaces_the_flags)
{
	CHECK_INT(backend_of(EVBACKEND_POLL | EVBACKEND_SELECT), ==,
		  EVBACKEND_POLL);
	setenv("LIBEV_FLAGS", "1", 1);
	CHECK_INT(backend_of(EVBACKEND_POLL), ==, EVBACKEND_SELECT);
	CHECK_INT(backend_of(0), ==, EVBACKEND_SELECT);
	CHECK_INT(backend_of(EVBACKEND_POLL | EVFLAG_NOENV), ==,
		  EVBACKEND_POLL);
	setenv("LIBEV_FLAGS", "64", 1);
	CHECK(ev_loop_new(EVBACKEND_POLL) == NULL);
	unsetenv("LIBEV_FLAGS");
}

#if IS_OURS
static int asked;

/* In place of the C library's. */
uid_t getuid(void)
{
	asked++;
	return geteuid();
}

TEST_ONCE(who_runs_it_matters_only_with_flags_in_the_environment)
{
	unsetenv("LIBEV_FLAGS");
	ev_loop_destroy(make_loop());
	CHECK_INT(asked, ==, 0);
	setenv("LIBEV_FLAGS", "1", 1);
	ev_loop_destroy(make_loop());
	CHECK_INT(asked, ==, 1);
	unsetenv("LIBEV_FLAGS");
}
#endif

/* ---- The process is left alone ----------------------------------------------- */

TEST_ONCE(limits_and_dispositions)
{
	struct rlimit before, after;
	struct sigaction action;
	struct ev_loop *loop;
	ev_timer t;

	CHECK_SYS(getrlimit(RLIMIT_NOFILE, &before));
	loop = make_loop();
	TIMER(loop, &t, "t", .001, 0.);
	ev_run(loop, 0);
	CHECK_SYS(getrlimit(RLIMIT_NOFILE, &after));
	CHECK_INT(before.rlim_cur, ==, after.rlim_cur);
	CHECK_SYS(sigaction(SIGPIPE, NULL, &action));
	CHECK(action.sa_handler == SIG_DFL);
	CHECK_SYS(sigaction(SIGCHLD, NULL, &action));
	CHECK(action.sa_handler == SIG_DFL);
	ev_loop_destroy(loop);
	loop = make_default_loop();
	CHECK_SYS(sigaction(SIGCHLD, NULL, &action));
	CHECK(action.sa_handler != SIG_DFL);
	CHECK(action.sa_flags & SA_RESTART);
	ev_loop_destroy(loop);
}

/* ---- Memory ------------------------------------------------------------------ */

/* Blocks that free(3) would not know, and how often one was to be of a size that
   malloc(3) need not map, but which is large to copy. */
static long blocks, middling;

static void *allocate(void *p, long size)
{
	char *block = p, *fresh;

	if (size == 0) {
		if (block == NULL)
			return NULL;
		blocks--;
		free(block - 64);
		return NULL;
	}
	fresh = realloc(block != NULL ? block - 64 : NULL, (size_t)size + 64);
	if (fresh == NULL)
		return NULL;
	blocks += block == NULL;
	middling += size > 16 << 10 && size < 128 << 10;
	return fresh + 64;
}

static void once(int revents, void *arg)
{
	(void)arg;
	said("once", revents);
}

TEST(all_memory_is_the_programs)
{
	struct ev_loop *loop;
	ev_timer t[20];
	ev_idle idle;
	ev_async a;
	ev_stat st;
	int p[2], i;

	ev_set_allocator(allocate);
	loop = make_loop();
	CHECK_INT(blocks, >, 0);
	for (i = 0; i < 20; i++)
		TIMER(loop, &t[i], "t", 100., 0.);
	PLAIN(idle, loop, &idle, "idle");
	PLAIN(async, loop, &a, "a");
	ev_stat_init(&st, say_stat, "/", 0.);
	ev_stat_start(loop, &st);
	make_full_pipe(p);
	ev_once(loop, p[0], EV_READ, -1., once, NULL);
	ev_run(loop, EVRUN_ONCE);
	CHECK_HEARD("once(1)");
	ev_loop_destroy(loop);
	/* What is left is libev's table of processes and the like. */
	CHECK_INT(blocks, <=, OURS(0, 2));
	close_pair(p);
}

#if IS_OURS
/* The timers', and that of what is pending. */
TEST(arrays_grow_from_small_to_mapped)
{
	enum { TIMERS = 20000 };
	ev_timer *t = calloc(TIMERS, sizeof(*t));
	struct ev_loop *loop;
	int i;

	ev_set_allocator(allocate);
	loop = make_loop();
	middling = 0;
	for (i = 0; i < TIMERS; i++)
		TIMER(loop, &t[i], "", .001, 0.);
	CHECK_INT(middling, ==, 0);
	for (i = 0; i < TIMERS; i++)
		ev_feed_event(loop, &t[i], EV_CUSTOM);
	CHECK_INT(middling, ==, 0);
	ev_loop_destroy(loop);
	CHECK_INT(blocks, ==, 0);
	free(t);
}

TEST(what_expires_takes_room_in_its_queue_only)
{
	struct ev_loop *loop;
	ev_timer t, u;
	long before;

	ev_set_allocator(allocate);
	loop = make_loop();
	TIMER(loop, &t, "t", .2, 0.);
	TIMER(loop, &u, "u", .201, .001);
	ev_run(loop, EVRUN_NOWAIT);
	before = blocks;
	CHECK_HEARD("");
	pass(loop, .25);
	ev_run(loop, EVRUN_NOWAIT);
	CHECK_HEARD("t(100) u(100)");
	CHECK_INT(blocks, ==, before + 1);
	ev_loop_destroy(loop);
}

TEST(that_of_loops_of_ivykis_as_well)
{
	struct iv_loop *core;

	ev_set_allocator(NULL);
	ev_set_allocator(allocate);
	core = iv_loop_new(NULL);
	CHECK_INT(blocks, >, 0);
	iv_loop_free(core);
	CHECK_INT(blocks, ==, 0);
}

/* What one has given no other may free. */
TEST(that_of_loops_is_settled_by_the_first)
{
	struct ev_loop *loop;
	long before;

	ev_set_allocator(allocate);
	loop = make_loop();
	before = blocks;
	ev_set_allocator(NULL);
	iv_loop_free(iv_loop_new(NULL));
	CHECK_INT(blocks, ==, before);
	ev_set_allocator(allocate);
	ev_loop_destroy(loop);
	CHECK_INT(blocks, ==, 0);
}

TEST(that_of_loops_if_they_were_there_before)
{
	iv_init();
	ev_set_allocator(allocate);
	iv_deinit();
	ev_loop_destroy(make_loop());
	CHECK_INT(blocks, ==, 0);
}

TEST_ONCE(that_of_loops_once_backends_were_tried)
{
	CHECK(ev_supported_backends() != 0);
	ev_set_allocator(allocate);
	ev_loop_destroy(make_loop());
	CHECK_INT(blocks, ==, 0);
}
#endif

static struct ev_loop *big_loop(void)
{
	struct ev_loop *loop = make_loop();

	return loop;
}

TEST(many_loops)
{
	struct ev_loop *loop[20];
	ev_timer t[20];
	int i;

	for (i = 0; i < 20; i++) {
		loop[i] = big_loop();
		TIMER(loop[i], &t[i], "t", .0001 * i, 0.);
	}
	for (i = 19; i >= 0; i--)
		CHECK_INT(ev_run(loop[i], 0), ==, 0);
	heard();
	for (i = 0; i < 20; i++)
		ev_loop_destroy(loop[i]);
}

static struct ev_loop *second;

static void run_second(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop;
	said(w->data, revents);
	ev_run(second, 0);
	said("back", 0);
}

TEST(a_callback_runs_another_loop)
{
	struct ev_loop *loop = make_loop();
	ev_timer t, u, v;

	second = make_loop();
	ev_timer_init(&t, run_second, 0., 0.);
	LABEL(&t, "outer");
	ev_timer_start(loop, &t);
	TIMER(second, &u, "inner", .002, 0.);
	TIMER(loop, &v, "later", .001, 0.);
	ev_run(loop, 0);
	CHECK_HEARD("outer(100) inner(100) back(0) later(100)");
	ev_loop_destroy(second);
	ev_loop_destroy(loop);
}

#if IS_OURS
FATAL_TEST_ONCE(verify_finds_what_was_changed,
		"ev_verify: the time of an active timer was changed")
{
	struct ev_loop *loop = make_loop();
	ev_timer t;

	TIMER(loop, &t, "t", 1., 0.);
	((ev_watcher_time *)&t)->at = 5.;
	ev_verify(loop);
}

FATAL_TEST_ONCE(stopped_under_another_number,
		"ev_io_stop: fd 1000: it was another one when")
{
	struct ev_loop *loop = make_loop();
	ev_io io;

	IO(loop, &io, "io", 0, EV_READ);
	io.fd = 1000;
	ev_io_stop(loop, &io);
}

static int refusals;

static void refuse(const char *what)
{
	CHECK_STR(what, "(libev) error creating signal/async pipe");
	if (++refusals == 3)
		restore_fds();
}

TEST_ONCE(no_descriptors_left)
{
	struct ev_loop *loop = make_loop();
	ev_async a;

	ev_set_syserr_cb(refuse);
	PLAIN(async, loop, &a, "a");
	leave_fds(0);
	CHECK(ev_loop_new(EVBACKEND_EPOLL) == NULL);
	ev_async_send(loop, &a);
	ev_run(loop, EVRUN_ONCE);
	CHECK_HEARD("a(80000)");
	CHECK_INT(refusals, ==, 3);
	ev_loop_destroy(loop);
}

static void *refuse_memory(void *p, long size)
{
	if (size == 0)
		free(p);
	return NULL;
}

FATAL_TEST_ONCE(no_memory_left, "ev: out of memory for")
{
	struct ev_loop *loop = make_loop();
	ev_timer t;

	ev_set_allocator(refuse_memory);
	TIMER(loop, &t, "t", 1., 0.);
}

static void run_out(void *_loop)
{
	struct ev_loop *loop = _loop;
	ev_async a;

	PLAIN(async, loop, &a, "a");
	leave_fds(0);
	ev_run(loop, EVRUN_ONCE);
}

/* As libev: it says so and aborts. */
TEST_ONCE(no_descriptors_left_and_nobody_to_tell)
{
	struct ev_loop *loop = make_loop();
	int status;

	CHECK_SYS(waitpid(fork_child(run_out, loop), &status, 0));
	CHECK(WIFSIGNALED(status));
	CHECK_INT(WTERMSIG(status), ==, SIGABRT);
	ev_loop_destroy(loop);
}
#endif
