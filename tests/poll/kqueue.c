/* SPDX-License-Identifier: MIT */
/*
 * kqueue.c - what is particular to the kqueue method: how many calls it
 * makes, refusals, its timer, and its wake-up.
 */
#include "config.h"
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <iv_event.h>
#include "emu/emu.h"
#include "poll/lab.h"
#include "sys/sys.h"

#define MANY	100

/* A case for each personality. */
#define KQUEUE_TEST(name)						\
static void name(void);							\
TEST_ONCE(name##_freebsd)						\
{									\
	be("freebsd");							\
	name();								\
}									\
TEST_ONCE(name##_netbsd)						\
{									\
	be("netbsd");							\
	name();								\
}									\
TEST_ONCE(name##_netbsd10)						\
{									\
	be("netbsd10");							\
	name();								\
}									\
TEST_ONCE(name##_openbsd)						\
{									\
	be("openbsd");							\
	name();								\
}									\
TEST_ONCE(name##_macos)							\
{									\
	be("macos");							\
	name();								\
}									\
static void name(void)

static int has_user_events;

static void quit_on_error(void *watch)
{
	watch_err(watch);
	iv_quit();
}

/* ---- Memory ------------------------------------------------------------------ */

void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);

/* Blocks of more bytes are not to be had. */
static size_t largest = SIZE_MAX;

void *__wrap_realloc(void *p, size_t size)
{
	if (size <= largest)
		return __real_realloc(p, size);
	errno = ENOMEM;
	return NULL;
}

static void be(const char *personality)
{
	has_user_events = strcmp(personality, "netbsd") != 0 &&
			  strcmp(personality, "openbsd") != 0;
	setenv("EMU_PERSONALITY", personality, 1);
	setenv("IV_SELECT_POLL_METHOD", "kqueue", 1);
}

/* ---- Calls ------------------------------------------------------------------- */

/* All changes go along with the call that waits. */
KQUEUE_TEST(changes_are_batched)
{
	struct watch w[MANY];
	int fds[MANY][2], i;

	iv_init();
	emu_reset();
	for (i = 0; i < MANY; i++) {
		make_pipe(fds[i]);
		watch_start(&w[i], fds[i][0], "ie");
	}
	turns(1);
	CHECK_INT(emu_calls(EMU_KEVENT), ==, 1);
	for (i = 0; i < MANY; i++)
		watch_set(&w[i], i % 2 ? "" : "e");
	turns(1);
	CHECK_INT(emu_calls(EMU_KEVENT), ==, 2);
	for (i = 0; i < MANY; i++) {
		poke(fds[i][1]);
		watch_set(&w[i], "i");
	}
	turns(1);
	CHECK_INT(emu_calls(EMU_KEVENT), ==, 3);
	for (i = 0; i < MANY; i++) {
		CHECK_STR(watch_seen(&w[i], 1), "i");
		watch_end(&w[i]);
		CHECK_SYS(close(fds[i][1]));
	}
	CHECK_INT(emu_calls(EMU_KEVENT), ==, 3 + MANY);
	iv_deinit();
}

/* Nothing happens: the loop sleeps until its timer. */
static void check_timer_sleeps(void)
{
	struct iv_timer t;

	emu_reset();
	iv_validate_now();
	timer_after(&t, 30, quit_handler, NULL);
	iv_timer_register(&t);
	iv_main();
	CHECK_INT(emu_calls(EMU_WAIT), <=, 3);
}

/* ---- Refusals ------------------------------------------------------------------- */

/* One change in the middle of many is refused: its descriptor is told, and the
   others work in the same turn. */
static void check_refused(int err, const char *seen, const char *then)
{
	struct watch w[MANY];
	int fds[MANY][2], i;

	iv_init();
	for (i = 0; i < MANY; i++) {
		make_pipe(fds[i]);
		poke(fds[i][1]);
		watch_start(&w[i], fds[i][0], "ie");
	}
	emu_fail_change(MANY / 2 + 1, err);
	turns(1);
	for (i = 0; i < MANY; i++)
		CHECK_STR(watch_seen(&w[i], 1), i == MANY / 2 ? seen : "i");
	turns(1);
	for (i = 0; i < MANY; i++)
		CHECK_STR(watch_seen(&w[i], 1), i == MANY / 2 ? then : "i");
	for (i = 0; i < MANY; i++) {
		watch_end(&w[i]);
		CHECK_SYS(close(fds[i][1]));
	}
	iv_deinit();
}

KQUEUE_TEST(lasting_refusal_is_told)
{
	check_refused(EINVAL, "ei", "");
	check_refused(EPIPE, "ei", "");
}

/* ... and not in a busy loop; meanwhile it is asked. */
KQUEUE_TEST(passing_refusal_is_tried_again)
{
	static const int errs[] = { ENOMEM, EAGAIN, ENOSPC };
	int64_t start;
	int i;

	for (i = 0; i < 3; i++) {
		start = ivi_clock_ns();
		check_refused(errs[i], "i", "i");
		CHECK_INT(ivi_clock_ns() - start, >=, 10000000);
	}
}

/* The first of two changes finds nothing to delete. */
KQUEUE_TEST(what_is_gone_already_is_no_refusal)
{
	struct watch w;
	int fds[2], new_end;

	fence_allow(FENCE_KERNEL, "the library cannot know of the close(2)");
	iv_init();
	make_pipe(fds);
	watch_start(&w, fds[0], "ie");
	turns(1);
	CHECK_SYS(close(fds[0]));
	new_end = become_pipe(fds[0]);
	watch_set(&w, "e");
	turns(2);
	CHECK_STR(watch_seen(&w, 0), "");
	CHECK_SYS(close(new_end));
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "e");
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

/* A hang-up is told in every turn, though EV_CLEAR tells it once. */
KQUEUE_TEST(hangup_goes_on)
{
	struct watch w;
	int fds[2];

	iv_init();
	make_pipe(fds);
	watch_start(&w, fds[0], "e");
	turns(1);
	CHECK_SYS(close(fds[1]));
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "e");
	turns(2);
	CHECK_STR(watch_seen(&w, 2), "e");
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "e");
	watch_end(&w);
	iv_deinit();
}

/* The kernel tells it once; that the other direction cannot be looked at for
   a while must not lose it. */
KQUEUE_TEST(hangup_is_told_though_calls_fail)
{
	static const int errs[] = { EINTR, EAGAIN, ENOMEM };
	struct watch w;
	int fds[2], i;

	iv_init();
	for (i = 0; i < 3; i++) {
		make_socketpair(fds);
		watch_start(&w, fds[0], "e");
		turns(1);
		CHECK_STR(watch_seen(&w, 1), "");
		lab_reset();
		emu_fail(EMU_KEVENT, errs[i], 2, 3);
		close(fds[1]);
		turns(1);
		CHECK_INT(emu_calls(EMU_KEVENT), >=, 5);
		CHECK_STR(watch_seen(&w, 1), "e");
		watch_end(&w);
	}
	iv_deinit();
}

/* Nobody but a program that would tell the difference has it looked for. */
KQUEUE_TEST(end_of_file_costs_no_call)
{
	struct watch w;
	int fds[2];

	iv_init();
	make_socketpair(fds);
	watch_start(&w, fds[0], "i");
	turns(1);
	emu_reset();
	CHECK_SYS(shutdown(fds[1], SHUT_WR));
	turns(3);
	CHECK_INT(emu_calls(EMU_KEVENT), ==, 3);
	CHECK_STR(watch_seen(&w, 3), "i");
	watch_set(&w, "ie");
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	CHECK_SYS(close(fds[1]));
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "ei");
	watch_end(&w);
	iv_deinit();
}

/*
 * An object with nothing but handler_err does not sleep for ever, whatever it
 * is that ends: it sleeps until then, and is called in every turn after it.
 */
static void check_end(struct watch *w, int peer)
{
	with_deadline(5);
	w->fd.handler_err = quit_on_error;
	iv_fd_register(&w->fd);
	check_no_spin();
	CHECK_STR(watch_seen(w, 0), "");
	CHECK_SYS(close(peer));
	iv_main();
	CHECK_STR(watch_seen(w, 1), "e");
	iv_main();
	CHECK_STR(watch_seen(w, 1), "e");
	without_deadline();
	watch_end(w);
}

KQUEUE_TEST(only_handler_err)
{
	struct watch w;
	int fds[2], full;

	iv_init();
	for (full = 0; full < 2; full++) {
		make_pipe(fds);
		if (full)
			fill(fds[1]);
		watch_init(&w, fds[0], "e");
		check_end(&w, fds[1]);

		make_pipe(fds);
		if (full)
			fill(fds[1]);
		watch_init(&w, fds[1], "e");
		check_end(&w, fds[0]);

		make_socketpair(fds);
		if (full)
			fill(fds[0]);
		watch_init(&w, fds[0], "e");
		check_end(&w, fds[1]);

		make_socketpair(fds);
		if (full)
			fill(fds[1]);
		CHECK_SYS(shutdown(fds[0], SHUT_WR));
		watch_init(&w, fds[0], "e");
		check_end(&w, fds[1]);
	}
	iv_deinit();
}

/* Where the write end of a pipe cannot be watched for reading it is watched
   for writing all the same. */
KQUEUE_TEST(write_end_that_refuses_to_be_read)
{
	struct watch w;
	int fds[2];

	iv_init();
	make_pipe(fds);
	watch_start(&w, fds[1], "oe");
	emu_fail_change(1, EINVAL);
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "o");
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "o");
	watch_end(&w);
	CHECK_SYS(close(fds[0]));
	iv_deinit();
}

/* Asking whether somebody has a number already does not wake him up. */
KQUEUE_TEST(taken_number_stays_quiet)
{
	struct watch w, second;
	int fds[2];

	iv_init();
	make_pipe(fds);
	poke(fds[1]);
	watch_init(&w, fds[0], "");
	CHECK_SYS(iv_fd_register_try(&w.fd));
	turns(1);
	watch_init(&second, fds[0], "i");
	CHECK_ERRNO(iv_fd_register_try(&second.fd), EEXIST);
	check_timer_sleeps();
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

/* Nothing is left of somebody without handlers, once he is unregistered. */
KQUEUE_TEST(number_without_handlers_is_free_again)
{
	struct watch w, second;
	int fds[2];

	iv_init();
	make_pipe(fds);
	watch_start(&w, fds[0], "i");
	turns(1);
	watch_set(&w, "");
	turns(1);
	iv_fd_unregister(&w.fd);
	poke(fds[1]);
	watch_init(&second, fds[0], "i");
	CHECK_SYS(iv_fd_register_try(&second.fd));
	turns(1);
	CHECK_STR(watch_seen(&second, 1), "i");
	watch_end(&second);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

/* Nothing is left in the kernel of somebody that there was no memory for. */
KQUEUE_TEST(try_without_memory)
{
	struct watch w;
	int fds[2], high;

	iv_init();
	make_pipe(fds);
	high = fcntl(fds[0], F_DUPFD_CLOEXEC, 2000);
	if (high < 0)
		SKIP("no descriptor 2000: %s", strerror(errno));
	poke(fds[1]);
	watch_init(&w, high, "i");
	largest = 2000 * sizeof(void *);
	CHECK_INT(iv_fd_register_try(&w.fd), ==, -1);
	CHECK_INT(errno, ==, ENOMEM);
	largest = SIZE_MAX;
	check_no_spin();
	CHECK_SYS(iv_fd_register_try(&w.fd));
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	watch_end(&w);
	CHECK_SYS(close(fds[0]));
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

KQUEUE_TEST(try_returns_the_refusal)
{
	static const int errs[] = { EINVAL, ENOMEM, EOPNOTSUPP };
	struct watch w;
	int fds[2], i;

	iv_init();
	make_pipe(fds);
	for (i = 0; i < 3; i++) {
		watch_init(&w, fds[0], "ie");
		emu_fail_change(1, errs[i]);
		CHECK_ERRNO(iv_fd_register_try(&w.fd), errs[i]);
		CHECK(!iv_fd_registered(&w.fd));
	}
	CHECK_SYS(iv_fd_register_try(&w.fd));
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

/* Two directions are asked for, and memory is short for either: the half that
   was accepted is not left behind. */
KQUEUE_TEST(short_of_memory_is_no_half)
{
	static const int errs[] = { ENOMEM, EAGAIN, ENOSPC };
	struct watch w;
	int fds[2], i;

	iv_init();
	make_socketpair(fds);
	for (i = 0; i < 6; i++) {
		watch_init(&w, fds[0], "io");
		emu_fail_change((unsigned)i % 2 + 1, errs[i / 2]);
		CHECK_ERRNO(iv_fd_register_try(&w.fd), errs[i / 2]);
		CHECK(!iv_fd_registered(&w.fd));
		check_no_spin();
	}
	poke(fds[1]);
	CHECK_SYS(iv_fd_register_try(&w.fd));
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "io");
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

/* Of two directions one is refused; the other is watched. */
static void check_half(unsigned nth, const char *works)
{
	struct watch w;
	int fds[2];

	make_socketpair(fds);
	poke(fds[1]);
	watch_init(&w, fds[0], "io");
	emu_fail_change(nth, EINVAL);
	CHECK_SYS(iv_fd_register_try(&w.fd));
	turns(1);
	CHECK_STR(watch_seen(&w, 1), works);
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
}

KQUEUE_TEST(try_is_content_with_one_direction)
{
	iv_init();
	check_half(1, "o");
	check_half(2, "i");
	iv_deinit();
}

/* K25: from the first turn on, and for as long as it is wanted. */
static void check_broken(int (*reg)(struct iv_fd *))
{
	static const char *const bands[] = { "o", "oe", "ioe", "e", "i" };
	struct watch w;
	int fds[2], i;

	iv_init();
	for (i = 0; i < 5; i++) {
		make_pipe(fds);
		CHECK_SYS(close(fds[0]));
		watch_init(&w, fds[1], bands[i]);
		CHECK_INT(reg(&w.fd), ==, 0);
		turns(1);
		CHECK_STR(watch_seen(&w, 1), i == 1 ? "eo" : i == 2 ? "eio" :
			  bands[i]);
		turns(1);
		CHECK(*watch_seen(&w, 1) != '\0');
		watch_set(&w, "");
		turns(1);
		CHECK_STR(watch_seen(&w, 0), "");
		watch_set(&w, "o");
		turns(1);
		CHECK_STR(watch_seen(&w, 1), "o");
		watch_end(&w);
	}
	iv_deinit();
}

static int plain_register(struct iv_fd *fd)
{
	iv_fd_register(fd);
	return 0;
}

KQUEUE_TEST(broken_pipe_is_writable)
{
	check_broken(plain_register);
	check_broken(iv_fd_register_try);
}

/* The refusal comes back turn after turn, and not instead of the events. */
KQUEUE_TEST(broken_pipe_starves_nobody)
{
	struct watch broken, other;
	int fds[2], alive[2], i;

	iv_init();
	make_pipe(fds);
	make_pipe(alive);
	CHECK_SYS(close(fds[0]));
	poke(alive[1]);
	watch_start(&broken, fds[1], "o");
	watch_start(&other, alive[0], "i");
	for (i = 0; i < 5; i++) {
		turns(1);
		CHECK_STR(watch_seen(&broken, 1), "o");
		CHECK_STR(watch_seen(&other, 1), "i");
	}
	watch_end(&broken);
	watch_end(&other);
	CHECK_SYS(close(alive[1]));
	iv_deinit();
}

/* Of two filters the first cannot be deleted: the second must be. */
KQUEUE_TEST(unregistered_in_spite_of_a_refusal)
{
	struct watch w;
	int fds[2];

	iv_init();
	make_socketpair(fds);
	watch_start(&w, fds[0], "io");
	turns(1);
	emu_fail_change(1, ENOENT);
	iv_fd_unregister(&w.fd);
	turns(1);
	iv_deinit();
	CHECK_INT(emu_faults(EMU_FAULT_LEFT), ==, 0);
	close_pair(fds);
}

/* ---- Failing calls ----------------------------------------------------------------- */

KQUEUE_TEST(waits_that_fail)
{
	static const int errs[] = { EINTR, ENOMEM, EAGAIN };
	struct watch w;
	int fds[2], i;

	iv_init();
	for (i = 0; i < 3; i++) {
		make_pipe(fds);
		poke(fds[1]);
		watch_start(&w, fds[0], "i");
		emu_fail(EMU_KEVENT, errs[i], 1, 2);
		turns(4);
		CHECK(w.in >= 1);
		/* The changes were made, or not: the fence sees. */
		watch_set(&w, "");
		emu_fail(EMU_KEVENT, errs[i], 1, 1);
		turns(2);
		watch_end(&w);
		CHECK_SYS(close(fds[1]));
	}
	iv_deinit();
}

FATAL_TEST_ONCE(wait_that_fails_for_good, "iv_main: kevent: EBADF")
{
	be("freebsd");
	iv_init();
	emu_fail(EMU_KEVENT, EBADF, 1, 1);
	turns(1);
}

static void check_kqueue_refused(unsigned nth)
{
	emu_fail(EMU_KQUEUE, EMFILE, nth, 1);
	setenv("IV_EXCLUDE_POLL_METHOD", "port-timer port dev_poll "
	       "epoll-timerfd epoll", 1);
	iv_init();
	CHECK(strcmp(iv_poll_method_name(), "kqueue") != 0);
	loop_works();
	iv_deinit();
}

TEST_ONCE(no_kqueue_to_be_had)
{
	check_kqueue_refused(1);
}

TEST_ONCE(one_kqueue_is_not_enough)
{
	check_kqueue_refused(2);
}

/* ---- The timer ------------------------------------------------------------------------ */

static void keep_busy(void *watch)
{
	struct watch *w = watch;

	if (++w->in == 20)
		iv_fd_set_handler_in(&w->fd, NULL);
}

/* Long enough in a busy loop for the kernel's timer to be set; then the loop
   sleeps, and it is that timer that ends the sleep. */
static void check_timer(long ms)
{
	struct iv_timer t;
	struct watch w;
	int fds[2];

	make_pipe(fds);
	poke(fds[1]);
	watch_init(&w, fds[0], "i");
	w.fd.handler_in = keep_busy;
	iv_fd_register(&w.fd);
	iv_validate_now();
	timer_after(&t, ms, quit_handler, NULL);
	iv_timer_register(&t);
	iv_main();
	iv_invalidate_now();
	iv_validate_now();
	CHECK(!is_early(&t, &iv_now));
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
}

/*
 * That few waits are limited shows that it is the kernel's timer.  Where the
 * busy loop is not run for a while, an early timer may come in the middle of
 * it, and limits follow; but not every time.
 */
KQUEUE_TEST(kernel_timer_is_never_early)
{
	static const long delays[] = { 5, 11, 25, 39, 60 };
	unsigned least = UINT_MAX;
	int i;

	iv_init();
	for (i = 0; i < 5; i++) {
		emu_reset();
		check_timer(delays[i]);
		if (emu_calls(EMU_WAIT_LIMITED) < least)
			least = emu_calls(EMU_WAIT_LIMITED);
	}
	iv_deinit();
	CHECK_INT(least, <=, 6);
}

/* A refusal of the timer only costs the timer. */
KQUEUE_TEST(kernel_timer_is_refused)
{
	static const int errs[] = { EINVAL, ENOMEM };
	int i;

	iv_init();
	for (i = 0; i < 2; i++) {
		emu_fail_change(2, errs[i]);
		check_timer(25);
		emu_reset();
	}
	iv_deinit();
}

/* ---- Waking ------------------------------------------------------------------------------ */

static void *post(void *event)
{
	iv_event_post(event);
	return NULL;
}

static struct iv_event event;

static void elsewhere(void *unused)
{
	pthread_t tid;

	(void)unused;
	CHECK_INT(pthread_create(&tid, NULL, post, &event), ==, 0);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
}

static void *post_soon(void *unused)
{
	const struct timespec ts = { 0, 5000000 };

	(void)unused;
	nanosleep(&ts, NULL);
	iv_event_post(&event);
	return NULL;
}

/* Refused or absent: a descriptor serves as well. */
static void check_wakes(int natively)
{
	pthread_t tid;

	IV_EVENT_INIT(&event);
	event.handler = quit_handler;
	CHECK_SYS(iv_event_register(&event));
	elsewhere(NULL);
	iv_main();
	CHECK_INT(pthread_create(&tid, NULL, post_soon, NULL), ==, 0);
	iv_main();
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	CHECK_INT(wakes_without_fd(), ==, natively);
	check_timer_sleeps();
	iv_event_unregister(&event);
	CHECK_SYS(iv_event_register(&event));
	elsewhere(NULL);
	iv_main();
	iv_event_unregister(&event);
	iv_main();
}

KQUEUE_TEST(wakes_natively)
{
	iv_init();
	check_wakes(has_user_events);
	iv_deinit();
}

KQUEUE_TEST(wakes_all_the_same_when_that_is_refused)
{
	iv_init();
	emu_fail_change(1, EINVAL);
	check_wakes(has_user_events);
	iv_deinit();
}

static pthread_t poster;
static void *(*poster_main)(void *);

static int post_error;
static unsigned post_failures;

/* Runs once the loop sleeps: until then this call holds the emulator's lock. */
static void *post_in_vain(void *unused)
{
	(void)unused;
	emu_fail(EMU_KEVENT, post_error, 1, post_failures);
	errno = EDOM;
	iv_event_post(&event);
	CHECK_INT(errno, ==, EDOM);
	return NULL;
}

static int start_poster(int64_t limit)
{
	if (limit == 0)
		return 0;
	emu_observer.waits = NULL;
	return pthread_create(&poster, NULL, poster_main, NULL);
}

static void *post_while_it_sleeps(void *(*fn)(void *))
{
	void *ret;

	iv_init();
	IV_EVENT_INIT(&event);
	event.handler = quit_handler;
	CHECK_SYS(iv_event_register(&event));
	poster_main = fn;
	emu_observer.waits = start_poster;
	iv_main();
	CHECK_INT(pthread_join(poster, &ret), ==, 0);
	iv_event_unregister(&event);
	iv_deinit();
	return ret;
}

static void fail_to_post(int err, unsigned times)
{
	be("freebsd");
	post_error = err;
	post_failures = times;
	post_while_it_sleeps(post_in_vain);
}

FATAL_TEST_ONCE(wake_that_fails, "iv_event_post: kevent: EBADF")
{
	fail_to_post(EBADF, 1);
}

/* Found by tests/torture. */
TEST_ONCE(wake_that_fails_for_a_while)
{
	fail_to_post(ENOMEM, 3);
}

TEST_ONCE(wake_that_is_interrupted)
{
	fail_to_post(EINTR, 3);
}

/* kevent(2) is a cancellation point of NetBSD, iv_event_post() is none. */
static void *post_cancelled(void *unused)
{
	(void)unused;
	emu_reset();
	pthread_cancel(pthread_self());
	iv_event_post(&event);
	return &event;
}

KQUEUE_TEST(post_is_no_cancellation_point)
{
	CHECK_PTR(post_while_it_sleeps(post_cancelled), ==, &event);
}

/* Nor is anything but the wait. */
static void *change_cancelled(void *pipe)
{
	struct watch w;
	int *fds = pipe, old;

	iv_init();
	pthread_cancel(pthread_self());
	watch_init(&w, fds[0], "i");
	CHECK_SYS(iv_fd_register_try(&w.fd));
	iv_fd_unregister(&w.fd);
	iv_deinit();
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	return pipe;
}

KQUEUE_TEST(registering_is_no_cancellation_point)
{
	pthread_t tid;
	int fds[2];
	void *ret;

	make_pipe(fds);
	drain(fds[0]);		/* nonblocking: nothing to note */
	CHECK_INT(pthread_create(&tid, NULL, change_cancelled, fds), ==, 0);
	CHECK_INT(pthread_join(tid, &ret), ==, 0);
	CHECK_PTR(ret, ==, fds);
	close_pair(fds);
}

/* ---- Edges --------------------------------------------------------------------- */

/* A change would be refused, and the handlers told. */
KQUEUE_TEST(handlers_of_edges_cost_no_change)
{
	struct watch w;
	int fds[2], i;

	iv_init();
	make_socketpair(fds);
	watch_init(&w, fds[0], "");
	iv_fd_set_flags(&w.fd, IV_FD_EDGE);
	iv_fd_register(&w.fd);
	turns(2);
	watch_set(&w, "io");
	turns(1);
	watch_seen(&w, 9);
	emu_fail_change(1, EINVAL);
	for (i = 0; i < 10; i++) {
		watch_set(&w, i % 2 ? "e" : "");
		turns(1);
	}
	CHECK_STR(watch_seen(&w, 0), "");
	check_no_spin();
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

/* Each end of it, whoever goes. */
static void hang_up_of(int fds[2], int mine)
{
	struct watch w;

	iv_init();
	watch_init(&w, fds[mine], "ioe");
	iv_fd_set_flags(&w.fd, IV_FD_EDGE);
	iv_fd_register(&w.fd);
	turns(2);
	CHECK_INT(w.err, ==, 0);
	watch_seen(&w, 9);
	CHECK_SYS(close(fds[!mine]));
	turns(2);
	CHECK_INT(w.err, >, 0);
	watch_seen(&w, 9);
	watch_set(&w, "");
	check_no_spin();
	watch_end(&w);
	iv_deinit();
}

KQUEUE_TEST(hang_ups_are_edges_too)
{
	int fds[2], i;

	for (i = 0; i < 2; i++) {
		make_pipe(fds);
		hang_up_of(fds, i);
		make_pipe(fds);
		fill(fds[1]);
		hang_up_of(fds, i);
		make_socketpair(fds);
		hang_up_of(fds, i);
	}
}

/* Readable once, and no spinning on a pipe that nobody will read. */
KQUEUE_TEST(edge_of_a_broken_pipe)
{
	struct watch w;
	int fds[2];

	iv_init();
	make_pipe(fds);
	CHECK_SYS(close(fds[0]));
	watch_init(&w, fds[1], "oe");
	iv_fd_set_flags(&w.fd, IV_FD_EDGE);
	iv_fd_register(&w.fd);
	turns(3);
	CHECK_INT(w.err, >, 0);
	watch_seen(&w, 9);
	check_no_spin();
	CHECK_STR(watch_seen(&w, 0), "");
	watch_end(&w);
	iv_deinit();
}

/* ---- Exceptional conditions ------------------------------------------------------ */

static void urgent_data(unsigned flags)
{
	struct watch w;
	int fds[2];

	iv_init();
	connect_pair(fds);
	watch_init(&w, fds[0], "e");
	iv_fd_set_flags(&w.fd, IV_FD_PRI | IV_FD_RAW | flags);
	CHECK_SYS(iv_fd_register_try(&w.fd));
	turns(1);
	CHECK_STR(watch_seen(&w, 0), "");
	watch_urgent(&w, fds[1]);
	watch_set(&w, "");
	turns(1);
	check_no_spin();
	watch_set(&w, "e");
	turns(2);
	CHECK(flags != 0 || w.err > 0);
	watch_seen(&w, 9);
	iv_fd_suspend(&w.fd);
	turns(1);
	check_no_spin();
	iv_fd_resume(&w.fd);
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "e");
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

TEST_ONCE(urgent_data_macos)
{
	be("macos");
	urgent_data(0);
}

TEST_ONCE(urgent_data_openbsd)
{
	be("openbsd");
	urgent_data(0);
}

TEST_ONCE(urgent_data_with_edges)
{
	be("macos");
	urgent_data(IV_FD_EDGE);
}

static void without_exceptions(const char *personality)
{
	struct watch w;
	int fds[2];

	be(personality);
	iv_init();
	make_socketpair(fds);
	watch_init(&w, fds[0], "ie");
	iv_fd_set_flags(&w.fd, IV_FD_PRI);
	CHECK_ERRNO(iv_fd_register_try(&w.fd), EOPNOTSUPP);
	watch_init(&w, fds[0], "");
	iv_fd_set_flags(&w.fd, IV_FD_PRI);
	CHECK_ERRNO(iv_fd_register_try(&w.fd), EOPNOTSUPP);
	watch_start(&w, fds[0], "i");
	poke(fds[1]);
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

TEST_ONCE(no_exceptional_conditions_freebsd)
{
	without_exceptions("freebsd");
}

TEST_ONCE(no_exceptional_conditions_netbsd)
{
	without_exceptions("netbsd");
}

FATAL_TEST_ONCE(exceptional_conditions_are_demanded, "EOPNOTSUPP")
{
	struct watch w;
	int fds[2];

	be("freebsd");
	iv_init();
	make_socketpair(fds);
	watch_init(&w, fds[0], "e");
	iv_fd_set_flags(&w.fd, IV_FD_PRI);
	iv_fd_register(&w.fd);
}

/* Nothing is asked before the wait, so its handlers are told, once. */
TEST_ONCE(exceptional_conditions_refused_too_late)
{
	struct watch w;
	int fds[2];

	be("freebsd");
	iv_init();
	make_socketpair(fds);
	watch_init(&w, fds[0], "ie");
	iv_fd_set_flags(&w.fd, IV_FD_PRI | IV_FD_RAW);
	iv_fd_register(&w.fd);
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "ei");
	turns(1);
	check_no_spin();
	CHECK_STR(watch_seen(&w, 0), "");
	poke(fds[1]);
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

TEST_ONCE(exceptional_conditions_refused_at_once)
{
	static const int errs[] = { ENOMEM, EBADF, EINVAL };
	struct watch w;
	int fds[2], i;

	be("macos");
	iv_init();
	connect_pair(fds);
	watch_init(&w, fds[0], "e");
	iv_fd_set_flags(&w.fd, IV_FD_PRI);
	for (i = 0; i < 3; i++) {
		emu_fail_change(1, errs[i]);
		CHECK_ERRNO(iv_fd_register_try(&w.fd),
			    errs[i] == EINVAL ? EOPNOTSUPP : errs[i]);
	}
	/* What was accepted is taken back. */
	emu_fail_change(2, ENOMEM);
	CHECK_ERRNO(iv_fd_register_try(&w.fd), ENOMEM);
	CHECK_SYS(send(fds[1], "!", 1, MSG_OOB));
	check_no_spin();
	CHECK_SYS(iv_fd_register_try(&w.fd));
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "e");
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

/* The second change of those that are made with the wait. */
static void refused_with_the_wait(int err, const char *seen)
{
	struct watch w;
	int fds[2];

	iv_init();
	connect_pair(fds);
	watch_init(&w, fds[0], "ie");
	iv_fd_set_flags(&w.fd, IV_FD_PRI | IV_FD_RAW);
	emu_fail_change(2, err);
	iv_fd_register(&w.fd);
	turns(1);
	CHECK_STR(watch_seen(&w, 1), seen);
	turns(2);
	check_no_spin();
	CHECK_STR(watch_seen(&w, 0), "");
	if (err == ENOMEM)
		watch_urgent(&w, fds[1]);
	poke(fds[1]);
	watch_seen(&w, 9);
	turns(1);
	CHECK(strchr(watch_seen(&w, 1), 'i') != NULL);
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

/* For want of memory it is tried again; what is not there needs no word. */
TEST_ONCE(exceptional_conditions_refused_with_the_wait)
{
	fence_allow(FENCE_KERNEL, "what was refused is taken out, too");
	be("macos");
	refused_with_the_wait(ENOMEM, "");
	refused_with_the_wait(EINVAL, "ei");
	refused_with_the_wait(ENOENT, "");
}

/* ---- Directions that are not there ------------------------------------------------ */

/* Edges are asked for in both. */
KQUEUE_TEST(edges_of_one_direction)
{
	struct watch w;
	int fds[2];

	iv_init();
	make_socketpair(fds);
	watch_init(&w, fds[0], "ioe");
	iv_fd_set_flags(&w.fd, IV_FD_EDGE | IV_FD_RAW);
	emu_fail_change(2, EINVAL);
	iv_fd_register(&w.fd);
	turns(2);
	CHECK_STR(watch_seen(&w, 0), "");
	poke(fds[1]);
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

KQUEUE_TEST(edges_of_no_direction)
{
	struct watch w;
	int fds[2];

	iv_init();
	make_pipe(fds);
	watch_init(&w, fds[0], "ie");
	iv_fd_set_flags(&w.fd, IV_FD_EDGE | IV_FD_RAW);
	emu_fail_change(1, EINVAL);
	iv_fd_register(&w.fd);
	turns(2);
	CHECK_STR(watch_seen(&w, 1), "ei");
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

/* It is asked once more. */
KQUEUE_TEST(no_memory_to_ask_for_the_other_direction)
{
	struct watch w;
	int fds[2];

	iv_init();
	make_socketpair(fds);
	watch_start(&w, fds[0], "ie");
	turns(1);
	CHECK_SYS(close(fds[1]));
	emu_fail_change(1, ENOMEM);
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "ei");
	watch_end(&w);
	iv_deinit();
}

/* A device that cannot be read is not asked for that. */
KQUEUE_TEST(a_device_for_writing)
{
	struct watch w;
	int fd, master = (int)CHECK_SYS(posix_openpt(O_RDWR | O_NOCTTY));

	CHECK_SYS(grantpt(master));
	CHECK_SYS(unlockpt(master));
	fd = (int)CHECK_SYS(open(ptsname(master), O_WRONLY | O_NOCTTY));
	iv_init();
	watch_start(&w, fd, "ioe");
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "o");
	watch_set(&w, "ie");
	turns(1);
	check_no_spin();
	CHECK_STR(watch_seen(&w, 0), "");
	watch_end(&w);
	CHECK_SYS(close(master));
	iv_deinit();
}
