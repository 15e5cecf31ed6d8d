/* SPDX-License-Identifier: MIT */
/*
 * poll.c - what poll and ppoll have in common: an array in our memory.
 */
#include "config.h"
#include <fcntl.h>
#include <stdlib.h>
#include "poll/lab.h"

/* A case for each of the two. */
#define POLL_TEST(name)							\
static void name(enum lab_call wait);					\
TEST_ONCE(name##_poll)							\
{									\
	choose("poll");							\
	name(LAB_POLL);							\
}									\
TEST_ONCE(name##_ppoll)							\
{									\
	choose("ppoll");						\
	name(LAB_PPOLL);						\
}									\
static void name(enum lab_call wait)

/* ---- System calls ------------------------------------------------------------ */

POLL_TEST(one_call_per_turn)
{
	struct watch w;
	int fds[2], i;

	iv_init();
	make_pipe(fds);
	poke(fds[1]);
	watch_start(&w, fds[0], "i");
	lab_reset();
	for (i = 0; i < 10; i++) {
		watch_set(&w, "");
		turns(1);
		watch_set(&w, "ioe");
		turns(1);
		CHECK_STR(watch_seen(&w, 1), "i");
	}
	CHECK_INT(lab_count(wait), ==, 20);
	CHECK_INT(lab_waits(), ==, 20);
	CHECK_INT(lab_ctls(), ==, 0);
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

/* ---- The array ------------------------------------------------------------------ */

#define MANY	70

static struct watch many[MANY];
static int ends[MANY];

static void start_many(void)
{
	int i, fds[2];

	for (i = 0; i < MANY; i++) {
		make_pipe(fds);
		watch_start(&many[i], fds[0], "i");
		ends[i] = fds[1];
	}
}

/* Exactly those whose number is in STEPs from FIRST on are ready. */
static void check_many(int first, int step)
{
	int i, expect = first;

	for (i = first; i < MANY; i += step)
		poke(ends[i]);
	turns(1);
	for (i = 0; i < MANY; i++) {
		CHECK_STR(watch_seen(&many[i], 1), i == expect ? "i" : "");
		if (i == expect)
			expect += step;
		if (iv_fd_registered(&many[i].fd))
			drain(many[i].fd.fd);
	}
}

static void end_many(void)
{
	int i;

	for (i = 0; i < MANY; i++) {
		watch_end(&many[i]);
		CHECK_SYS(close(ends[i]));
	}
}

/* Entries change places when others go and come. */
POLL_TEST(entries_move)
{
	int i;

	(void)wait;
	iv_init();
	start_many();
	check_many(0, 1);
	check_many(MANY, 1);
	check_many(3, 7);
	for (i = 0; i < MANY; i += 2)
		iv_fd_unregister(&many[i].fd);
	check_many(1, 2);
	for (i = 0; i < MANY; i += 2)
		iv_fd_register(&many[i].fd);
	check_many(0, 1);
	for (i = 0; i < MANY; i += 3)
		watch_set(&many[i], "");
	check_many(MANY, 1);
	for (i = MANY - 1; i >= 0; i--)
		watch_set(&many[i], "i");
	check_many(0, 5);
	end_many();
	iv_deinit();
}

/* Closed ones are told once and leave; the rest is not disturbed. */
POLL_TEST(closed_ones_leave_the_array)
{
	int i, told;

	(void)wait;
	iv_init();
	start_many();
	turns(1);
	for (i = 0; i < MANY; i += 2)
		CHECK_SYS(close(many[i].fd.fd));
	turns(1);
	for (i = 0, told = 0; i < MANY; i++)
		told += strcmp(watch_seen(&many[i], 1), "i") == 0;
	CHECK_INT(told, ==, MANY / 2);
	turns(2);
	for (i = 0; i < MANY; i++)
		CHECK_STR(watch_seen(&many[i], 0), "");
	for (i = 1; i < MANY; i += 2)
		poke(ends[i]);
	turns(1);
	for (i = 0; i < MANY; i++) {
		CHECK_STR(watch_seen(&many[i], 1), i % 2 ? "i" : "");
		iv_fd_unregister(&many[i].fd);
		if (i % 2)
			CHECK_SYS(close(many[i].fd.fd));
		CHECK_SYS(close(ends[i]));
	}
	iv_main();
	iv_deinit();
}

/* Also of one that has no handlers, which is in no array. */
POLL_TEST(without_handlers)
{
	struct watch w;
	int fds[2];

	(void)wait;
	iv_init();
	make_pipe(fds);
	watch_start(&w, fds[0], "");
	watch_set(&w, "");
	iv_fd_unregister(&w.fd);
	CHECK_SYS(iv_fd_register_try(&w.fd));
	turns(1);
	watch_set(&w, "i");
	watch_set(&w, "");
	turns(1);
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

POLL_TEST(numbers_are_not_looked_up_in_a_table)
{
	struct watch w;
	int fds[2], high, number;

	(void)wait;
	iv_init();
	make_pipe(fds);
	for (number = 1 << 17; number > 1000; number--) {
		high = fcntl(fds[0], F_DUPFD_CLOEXEC, number);
		if (high >= 0)
			break;
	}
	poke(fds[1]);
	watch_start(&w, high, "i");
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	watch_end(&w);
	close_pair(fds);
	iv_deinit();
	if (high < 1 << 16)
		SKIP("only tried fd %d: the limit is %d", high, number + 1);
}

/* ---- Waiting ---------------------------------------------------------------------- */

static void check_wait_error(enum lab_call wait, int err, unsigned times)
{
	struct watch w;
	int fds[2];

	iv_init();
	make_pipe(fds);
	poke(fds[1]);
	watch_start(&w, fds[0], "");
	iv_fd_set_handler_in(&w.fd, quit_handler);
	lab_reset();
	lab_refuse(wait, err, times);
	with_deadline(5);
	iv_main();
	without_deadline();
	CHECK_INT(lab_count(wait), ==, times + 1);
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

POLL_TEST(interrupted_wait_is_just_a_turn)
{
	check_wait_error(wait, EINTR, 3);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	CHECK_SYS(clock_gettime(CLOCK_MONOTONIC, &ts));
	return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

/* ... and is not asked for in a busy loop. */
POLL_TEST(lack_of_memory_passes)
{
	int64_t start = now_ms();

	check_wait_error(wait, ENOMEM, 3);
	check_wait_error(wait, EAGAIN, 1);
	CHECK_INT(now_ms() - start, >=, 39);
}

/* The limit may be lowered below what is watched, down to nothing. */
static void check_limit(unsigned limit)
{
	struct iv_timer timer;
	struct timespec now;
	int i;

	limit_fds(limit);
	for (i = 0; limit > 0 && i < MANY; i += 9) {
		poke(ends[i]);
		iv_fd_set_handler_in(&many[i].fd, quit_handler);
		with_deadline(5);
		iv_main();
		without_deadline();
		drain(many[i].fd.fd);
		watch_set(&many[i], "i");
	}
	turns(2);
	if (limit > 0) {
		poke(ends[MANY - 1]);
		iv_fd_set_handler_in(&many[MANY - 1].fd, quit_handler);
		iv_main();
		drain(many[MANY - 1].fd.fd);
		watch_set(&many[MANY - 1], "i");
	}
	lab_reset();
	timer_after(&timer, 30, quit_handler, NULL);
	iv_timer_register(&timer);
	iv_main();
	CHECK_SYS(clock_gettime(CLOCK_MONOTONIC, &now));
	CHECK(!is_early(&timer, &now));
	CHECK_INT(lab_waits(), <=, 6 + 6 * (limit > 0 ? MANY / limit + 1 : 1));
	for (i = 0; i < MANY; i++)
		CHECK_STR(watch_seen(&many[i], 0), "");
}

POLL_TEST(limit_below_what_is_watched)
{
	static const unsigned limits[] = { MANY - 1, 30, 7, 1, 0 };
	int i;

	iv_init();
	start_many();
	turns(1);
	for (i = 0; i < 5; i++)
		check_limit(limits[i]);
	restore_fds();
	check_many(0, 3);
	lab_reset();
	turns(1);
	CHECK_INT(lab_count(wait), ==, 1);
	CHECK_INT(lab_waits(), ==, 1);
	end_many();
	iv_deinit();
}

/* ... and at the moment it is asked in parts. */
TEST_ONCE(limit_lowered_while_it_is_asked_in_parts)
{
	choose("poll");
	check_wait_error(LAB_POLL, EINVAL, 2);
	check_wait_error(LAB_POLL, EINVAL, 3);
}

static void fail_wait(const char *method, enum lab_call wait)
{
	struct watch w;
	int fds[2];

	choose(method);
	iv_init();
	make_pipe(fds);
	watch_start(&w, fds[0], "i");
	lab_refuse(wait, EFAULT, 1);
	turns(1);
}

FATAL_TEST_ONCE(failing_poll, "iv_main: poll: EFAULT")
{
	fail_wait("poll", LAB_POLL);
}

FATAL_TEST_ONCE(failing_ppoll, "iv_main: ppoll: EFAULT")
{
	fail_wait("ppoll", LAB_PPOLL);
}
