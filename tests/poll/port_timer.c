/* SPDX-License-Identifier: MIT */
/*
 * port_timer.c - the kernel's timer with event ports: when it is set, what it
 * saves, and what happens without it.  On the emulated kernel.
 */
#include "config.h"
#include <stdlib.h>
#include <time.h>
#include "emu/emu.h"
#include "poll/lab.h"

static struct watch w;
static int fds[2];
static struct iv_timer far;

static void begin(void)
{
	setenv("IV_SELECT_POLL_METHOD", "port-timer", 1);
	iv_init();
	make_pipe(fds);
	watch_start(&w, fds[0], "i");
}

static void finish(void)
{
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

static int laps;

static void next_lap(void *unused)
{
	(void)unused;
	CHECK_INT(drain(fds[0]), ==, 1);
	if (--laps == 0)
		iv_quit();
	else
		poke(fds[1]);
}

/* Turns of a loop that is busy and may sleep. */
static void run_laps(int n)
{
	laps = n;
	iv_fd_set_handler_in(&w.fd, next_lap);
	poke(fds[1]);
	iv_main();
}

/* Milliseconds that are enough for N laps where others want the processor. */
static long laps_take(int n)
{
	return (long)(n * 20 * time_scale());
}

static void start_timer(long ms, void (*handler)(void *))
{
	timer_after(&far, ms, handler, NULL);
	iv_timer_register(&far);
}

/* Set at the fifth wait with the same limit; no limits and no look at the
   clock from then on. */
TEST_ONCE(set_for_limits_that_stay)
{
	begin();
	start_timer(30000, never_handler);
	lab_reset();
	run_laps(4);
	CHECK_INT(emu_calls(EMU_TIMER_SETTIME), ==, 0);
	CHECK_INT(lab_limited_waits(), ==, 4);
	run_laps(50);
	CHECK_INT(emu_calls(EMU_TIMER_SETTIME), ==, 1);
	CHECK_INT(lab_limited_waits(), ==, 4);
	iv_timer_unregister(&far);
	finish();
}

/* Armed for what is gone: stopped for something earlier, left for later. */
TEST_ONCE(earlier_and_later)
{
	begin();
	start_timer(30000, never_handler);
	run_laps(10);
	lab_reset();
	iv_timer_unregister(&far);
	start_timer(60000, never_handler);
	run_laps(10);
	CHECK_INT(emu_calls(EMU_TIMER_SETTIME), ==, 0);
	iv_timer_unregister(&far);
	start_timer(10000, never_handler);
	run_laps(3);
	CHECK_INT(emu_calls(EMU_TIMER_SETTIME), ==, 1);
	run_laps(10);
	CHECK_INT(emu_calls(EMU_TIMER_SETTIME), ==, 2);
	iv_timer_unregister(&far);
	finish();
}

static void expired(void *unused)
{
	(void)unused;
	iv_validate_now();
	CHECK(!is_early(&far, &iv_now));
	iv_quit();
}

static void check_fires(void)
{
	start_timer(laps_take(10), expired);
	run_laps(10);
	CHECK(iv_timer_registered(&far));
	lab_reset();
	iv_main();
	CHECK(!iv_timer_registered(&far));
	CHECK_INT(lab_limited_waits(), ==, 0);
}

TEST_ONCE(wakes_a_loop_that_waits_without_a_limit)
{
	begin();
	check_fires();
	check_fires();
	finish();
	setenv("EMU_PERSONALITY", "tick", 1);
	begin();
	check_fires();
	finish();
}

static void until_due(void)
{
	const struct timespec ms = { 0, 1000000 };

	do {
		nanosleep(&ms, NULL);
		iv_invalidate_now();
		iv_validate_now();
	} while (is_early(&far, &iv_now));
}

/* Stopped when it has expired already: the event comes, for nothing. */
TEST_ONCE(stale_expiry)
{
	begin();
	start_timer(laps_take(8), never_handler);
	run_laps(8);
	CHECK_INT(emu_calls(EMU_TIMER_SETTIME), ==, 1);
	until_due();
	iv_timer_unregister(&far);
	start_timer(20, expired);
	iv_main();
	CHECK(!iv_timer_registered(&far));
	start_timer(40, expired);
	iv_main();
	CHECK(!iv_timer_registered(&far));
	finish();
}

/* It may not be set any more: limits do as well. */
TEST_ONCE(refused_when_it_is_set)
{
	begin();
	start_timer(40, expired);
	lab_reset();
	emu_fail(EMU_TIMER_SETTIME, EINVAL, 1, ~0U);
	run_laps(20);
	CHECK_INT(emu_calls(EMU_TIMER_SETTIME), ==, 1);
	iv_main();
	CHECK(!iv_timer_registered(&far));
	finish();
}

/* ---- Without the privilege ------------------------------------------------------- */

static void check_gives_way(int err)
{
	emu_fail(EMU_TIMER_CREATE, err, 1, 1);
	iv_init();
	CHECK_STR(iv_poll_method_name(), "port");
	loop_works();
	iv_deinit();
}

TEST_ONCE(gives_way_to_port)
{
	check_gives_way(EPERM);
}

TEST_ONCE(gives_way_to_port_without_timers)
{
	check_gives_way(EAGAIN);
}

FATAL_TEST_ONCE(selected_without_the_privilege,
		"\"port-timer\" is unusable (EPERM)")
{
	emu_fail(EMU_TIMER_CREATE, EPERM, 1, 1);
	begin();
}

TEST_ONCE(ports_give_way_to_the_next)
{
	emu_fail(EMU_PORT_CREATE, EMFILE, 1, 2);
	iv_init();
	CHECK_STR(iv_poll_method_name(), "dev_poll");
	loop_works();
	iv_deinit();
}

FATAL_TEST_ONCE(selected_without_a_port, "\"port-timer\" is unusable (EMFILE)")
{
	emu_fail(EMU_PORT_CREATE, EMFILE, 1, 1);
	begin();
}

/* ---- Forked children ---------------------------------------------------------------- */

/* Theirs may have the number that ours has; closing the loop that they have
   inherited does not touch it. */
static void in_child(void *unused)
{
	(void)unused;
	start_timer(10, expired);
	iv_main();
	CHECK(!iv_timer_registered(&far));
	CHECK_INT(emu_faults(EMU_FAULT_INHERITED), ==, 0);
	iv_deinit();
}

TEST_ONCE(child_has_its_own)
{
	begin();
	start_timer(30000, never_handler);
	run_laps(10);
	iv_timer_unregister(&far);
	reap_child(fork_child(in_child, NULL));
	check_fires();
	finish();
}
