/* SPDX-License-Identifier: MIT */
/*
 * tick.c - iv_tick.  Most cases keep the clock themselves.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <iv_tick.h>
#include "base/timespec.h"
#include "harness/spy.h"
#include "mod/call_rig.h"

#define MS	INT64_C(1000000)
#define START	(1000 * IVI_SEC)

/* ---- Helpers --------------------------------------------------------------- */

static struct iv_tick ticks[4];

static void set_interval(struct iv_tick *t, int64_t interval)
{
	t->interval.tv_sec = (time_t)(interval / IVI_SEC);
	t->interval.tv_nsec = (long)(interval % IVI_SEC);
}

static struct iv_tick *make(int i, int64_t interval, void (*handler)(void *),
			    void *cookie)
{
	struct iv_tick *t = &ticks[i];

	memset(t, 0xa5, sizeof(*t));
	IV_TICK_INIT(t);
	set_interval(t, interval);
	t->handler = handler;
	t->cookie = cookie;
	return t;
}

static void add(int i, int64_t interval, void (*handler)(void *), void *cookie)
{
	CHECK_INT(iv_tick_register(make(i, interval, handler, cookie)), ==, 0);
}

static void begin(void)
{
	spy_clock_take(START);
	iv_init();
}

static void end(void)
{
	int i;

	for (i = 0; i < 4; i++)
		if (iv_tick_registered(&ticks[i]))
			iv_tick_unregister(&ticks[i]);
	iv_main();
	iv_deinit();
}

/* What the calls have seen, by the clock, and how to behave. */
static int64_t at[64], dawdle[64];
static unsigned long missed[64];

static void note_beat(void *_tick)
{
	struct iv_tick *t = _tick;

	CHECK_INT(iv_tick_registered(t), ==, 1);
	at[calls] = spy_clock();
	missed[calls] = t->missed;
	spy_clock_advance(dawdle[calls]);
	called(64);
}

static void check_beat(int i, int64_t expected, unsigned long skipped)
{
	CHECK_INT(at[i], >=, expected);
	CHECK_INT(at[i], <=, expected + spy_late());
	CHECK_INT(missed[i], ==, skipped);
}

/* ---- Beats ----------------------------------------------------------------- */

TEST_ONCE(init_clears_all_of_it)
{
	static const struct iv_tick zero;

	make(0, 0, NULL, NULL);
	CHECK_INT(memcmp(&ticks[0], &zero, sizeof(zero)), ==, 0);
	CHECK_INT(iv_tick_registered(&ticks[0]), ==, 0);
}

TEST(a_beat_each_interval)
{
	int i;

	begin();
	add(0, IVI_SEC, note_beat, &ticks[0]);
	CHECK_INT(iv_tick_registered(&ticks[0]), ==, 1);
	run(60);
	for (i = 0; i < 60; i++)
		check_beat(i, START + (i + 1) * IVI_SEC, 0);
	end();
}

/* iv_now may be as old as the turn. */
TEST(the_first_beat_is_an_interval_away_by_the_clock)
{
	begin();
	CHECK_INT(ivi_ts_to_ns(&iv_now), ==, START);
	spy_clock_advance(700 * MS);
	add(0, IVI_SEC, note_beat, &ticks[0]);
	run(1);
	check_beat(0, START + 1700 * MS, 0);
	end();
}

TEST(slow_handlers_make_no_drift)
{
	int i;

	begin();
	add(0, IVI_SEC, note_beat, &ticks[0]);
	for (i = 0; i < 50; i++)
		dawdle[i] = (i % 10) * 90 * MS;
	run(50);
	for (i = 0; i < 50; i++)
		check_beat(i, START + (i + 1) * IVI_SEC, 0);
	end();
}

TEST(beats_that_have_passed_are_skipped_and_counted)
{
	begin();
	add(0, IVI_SEC, note_beat, &ticks[0]);
	dawdle[0] = 3500 * MS;		/* over those at 2, 3 and 4 */
	dawdle[1] = 600 * MS;		/* into the one at 5 */
	run(4);
	check_beat(0, START + 1 * IVI_SEC, 0);
	CHECK_INT(at[1], ==, at[0] + 3500 * MS);
	CHECK_INT(missed[1], ==, 2);
	CHECK_INT(at[2], ==, at[1] + 600 * MS);
	CHECK_INT(missed[2], ==, 0);
	check_beat(3, START + 6 * IVI_SEC, 0);
	end();
}

/* Until the very time of the next but one: that one has its call now. */
TEST(a_beat_that_is_due_this_nanosecond_has_not_to_come)
{
	begin();
	add(0, IVI_SEC, note_beat, &ticks[0]);
	spy_clock_advance(3 * IVI_SEC);
	run(1);
	CHECK_INT(at[0], ==, START + 3 * IVI_SEC);
	CHECK_INT(missed[0], ==, 2);
	run(1);
	check_beat(1, START + 4 * IVI_SEC, 0);
	end();
}

/* However far behind it is. */
TEST(one_call_per_turn)
{
	int i;

	begin();
	start_counting_turns();
	add(0, 1, note_beat, &ticks[0]);
	spy_clock_advance(1000);
	for (i = 0; i < 20; i++)
		dawdle[i] = 1000;
	run(20);
	CHECK_INT(turns, >=, 20);
	for (i = 1; i < 20; i++)
		CHECK_INT(missed[i], >=, 998);
	stop_counting_turns();
	end();
}

/* Calls and what they say to have been missed are all the beats there were. */
TEST(every_beat_is_called_or_missed)
{
	const int64_t interval = 7 * MS + 1;
	uint64_t beats = 0;
	unsigned dice = 12345;
	int i;

	begin();
	add(0, interval, note_beat, &ticks[0]);
	for (i = 0; i < 60; i++) {
		dice = dice * 1103515245 + 12345;
		dawdle[i] = dice % 4 == 0 ? (int64_t)(dice >> 4) : dice % 99;
	}
	run(60);
	for (i = 0; i < 60; i++) {
		beats += missed[i] + 1;
		CHECK_INT(beats, ==, (at[i] - START) / interval);
	}
	end();
}

static int64_t began;
static uint64_t all_beats;

static void count_beats(void *_tick)
{
	struct iv_tick *t = _tick;

	all_beats += t->missed + 1;
	CHECK_INT(all_beats, ==, (ivi_ts_to_ns(&iv_now) - began) / MS);
	if (++calls == 50)
		iv_quit();
}

/* The phase is not seen from outside: it is that of the first beat. */
TEST(by_the_real_clock)
{
	iv_init();
	add(0, MS, count_beats, &ticks[0]);
	began = ivi_ts_to_ns(&ticks[0].timer.expires) - MS;
	iv_main();
	CHECK_INT(calls, ==, 50);
	end();
}

TEST(two_of_the_same_phase_in_order_of_registration)
{
	begin();
	add(0, IVI_SEC, trace, (void *)(uintptr_t)"a");
	add(1, IVI_SEC, trace, (void *)(uintptr_t)"b");
	add(2, 3 * IVI_SEC + 1, quit_handler, NULL);
	iv_main();
	CHECK_STR(traced(), "ababab");
	end();
}

TEST(cookie_and_handler_are_read_at_the_call)
{
	begin();
	add(0, IVI_SEC, never_handler, NULL);
	ticks[0].handler = note_beat;
	ticks[0].cookie = &ticks[0];
	run(1);
	end();
}

TEST(it_costs_no_memory_and_no_system_call)
{
	begin();
	make(0, IVI_SEC, never_handler, NULL);
	spy_reset();
	CHECK_INT(iv_tick_register(&ticks[0]), ==, 0);
	iv_tick_again(&ticks[0]);
	iv_tick_unregister(&ticks[0]);
	CHECK_INT(spy_count(SPY_MALLOC), ==, 0);
	CHECK_INT(spy_count(SPY_TIMERFD_CREATE), ==, 0);
	CHECK_INT(spy_count(SPY_EPOLL_CTL), ==, 0);
	end();
}

/* ---- Changes --------------------------------------------------------------- */

TEST(a_changed_interval_counts_from_the_next_arming)
{
	begin();
	add(0, IVI_SEC, note_beat, &ticks[0]);
	set_interval(&ticks[0], 5 * IVI_SEC);
	run(2);
	check_beat(0, START + IVI_SEC, 0);
	check_beat(1, START + 6 * IVI_SEC, 0);
	set_interval(&ticks[0], IVI_SEC);
	run(2);
	check_beat(2, START + 11 * IVI_SEC, 0);
	check_beat(3, START + 12 * IVI_SEC, 0);
	end();
}

TEST(again_counts_from_now)
{
	begin();
	add(0, IVI_SEC, note_beat, &ticks[0]);
	spy_clock_advance(900 * MS);
	iv_tick_again(&ticks[0]);
	run(2);
	check_beat(0, START + 1900 * MS, 0);
	check_beat(1, START + 2900 * MS, 0);
	set_interval(&ticks[0], 10 * IVI_SEC);
	iv_tick_again(&ticks[0]);
	began = spy_clock();
	run(1);
	check_beat(2, began + 10 * IVI_SEC, 0);
	end();
}

TEST(again_drops_what_is_due)
{
	begin();
	add(0, IVI_SEC, note_beat, &ticks[0]);
	spy_clock_advance(5 * IVI_SEC);
	iv_tick_again(&ticks[0]);
	run(1);
	check_beat(0, START + 6 * IVI_SEC, 0);
	end();
}

static void again_and_note(void *_tick)
{
	spy_clock_advance(300 * MS);
	iv_tick_again(_tick);
	note_beat(_tick);
}

TEST(again_in_its_handler)
{
	int i;

	begin();
	add(0, IVI_SEC, again_and_note, &ticks[0]);
	run(10);
	for (i = 1; i < 10; i++)
		check_beat(i, at[i - 1] + 1300 * MS, 0);
	end();
}

/* ---- Life ------------------------------------------------------------------ */

static void unregister_it(void *_tick)
{
	iv_tick_unregister(_tick);
	CHECK_INT(iv_tick_registered(_tick), ==, 0);
	mark("u");
}

/* iv_main() returns, since nothing is left. */
TEST(its_handler_unregisters_it)
{
	begin();
	add(0, IVI_SEC, unregister_it, &ticks[0]);
	iv_main();
	CHECK_STR(traced(), "u");
	end();
}

static void free_it(void *_tick)
{
	struct iv_tick *t = _tick;

	iv_tick_unregister(t);
	memset(t, 0xa5, sizeof(*t));
	free(t);
	mark("f");
}

TEST(its_handler_frees_it)
{
	struct iv_tick *t = malloc(sizeof(*t));

	CHECK(t != NULL);
	begin();
	*t = *make(0, IVI_SEC, free_it, t);
	CHECK_INT(iv_tick_register(t), ==, 0);
	iv_main();
	CHECK_STR(traced(), "f");
	end();
}

static void unregister_the_other(void *i)
{
	iv_tick_unregister(&ticks[!(intptr_t)i]);
	memset(&ticks[!(intptr_t)i], 0, sizeof(ticks[0]));
	iv_tick_unregister(&ticks[(intptr_t)i]);
	mark("o");
}

TEST(two_that_are_due_unregister_each_other)
{
	begin();
	add(0, IVI_SEC, unregister_the_other, (void *)0);
	add(1, IVI_SEC, unregister_the_other, (void *)1);
	spy_clock_advance(5 * IVI_SEC);
	iv_main();
	CHECK_STR(traced(), "o");
	end();
}

static void register_anew(void *_tick)
{
	iv_tick_unregister(_tick);
	CHECK_INT(iv_tick_register(_tick), ==, 0);
	note_beat(_tick);
}

TEST(registered_anew_in_its_handler)
{
	int i;

	begin();
	add(0, IVI_SEC, register_anew, &ticks[0]);
	run(5);
	for (i = 1; i < 5; i++)
		check_beat(i, at[i - 1] + IVI_SEC, 0);
	end();
}

static void run_inside(void *_tick)
{
	note_beat(_tick);
	run_inside_until_last();
}

/* It is armed when its handler runs. */
TEST(it_goes_on_in_an_iv_main_of_its_handler)
{
	begin();
	add(0, IVI_SEC, run_inside, &ticks[0]);
	run(5);
	check_beat(4, START + 5 * IVI_SEC, 0);
	end();
}

static jmp_buf out;

static void jump(void *_tick)
{
	note_beat(_tick);
	longjmp(out, 1);
}

TEST(its_handler_is_left_by_longjmp)
{
	begin();
	add(0, IVI_SEC, jump, &ticks[0]);
	if (setjmp(out) == 0)
		iv_main();
	CHECK_INT(calls, ==, 1);
	ticks[0].handler = note_beat;
	last_call = 2;
	iv_main();
	check_beat(1, START + 2 * IVI_SEC, 0);
	end();
}

TEST(taken_down_with_the_loop)
{
	begin();
	add(0, IVI_SEC, never_handler, NULL);
	iv_deinit();
	iv_init();
	add(0, IVI_SEC, note_beat, &ticks[0]);
	run(1);
	end();
}

static void go_on(void *unused)
{
	(void)unused;
	run(2);
	CHECK_INT(missed[1], ==, 0);
	end();
}

TEST(it_goes_on_in_a_forked_child)
{
	begin();
	add(0, IVI_SEC, note_beat, &ticks[0]);
	run(1);
	reap_child(fork_child(go_on, NULL));
	run(2);
	check_beat(2, START + 3 * IVI_SEC, 0);
	end();
}

/* ---- Extremes -------------------------------------------------------------- */

TEST(an_interval_of_centuries_never_ends)
{
	begin();
	make(0, 0, never_handler, NULL);
	ticks[0].interval.tv_sec = sizeof(time_t) == 4 ? (time_t)INT32_MAX :
				   (time_t)INT64_MAX;
	ticks[0].interval.tv_nsec = LONG_MAX;
	CHECK_INT(iv_tick_register(&ticks[0]), ==, 0);
	add(1, IVI_SEC, note_beat, &ticks[1]);
	run(3);
	iv_tick_again(&ticks[0]);
	run(3);
	check_beat(5, START + 6 * IVI_SEC, 0);
	end();
}

/* From the second beat on it is centuries away. */
TEST(an_interval_becomes_one_of_centuries)
{
	begin();
	add(0, IVI_SEC, note_beat, &ticks[0]);
	ticks[0].interval.tv_sec = sizeof(time_t) == 4 ? (time_t)INT32_MAX :
				   (time_t)INT64_MAX;
	run(1);
	add(1, 1000 * IVI_SEC, note_beat, &ticks[1]);
	run(1);
	check_beat(1, START + 1001 * IVI_SEC, 0);
	end();
}

TEST(nanoseconds_out_of_range_are_carried)
{
	begin();
	make(0, 0, note_beat, &ticks[0]);
	ticks[0].interval.tv_sec = -1;
	ticks[0].interval.tv_nsec = 1500000000;
	CHECK_INT(iv_tick_register(&ticks[0]), ==, 0);
	run(2);
	check_beat(0, START + 500 * MS, 0);
	check_beat(1, START + 1000 * MS, 0);
	ticks[0].interval.tv_sec = 2;
	ticks[0].interval.tv_nsec = -1000000000;
	iv_tick_again(&ticks[0]);
	began = spy_clock();
	run(1);
	check_beat(2, began + IVI_SEC, 0);
	end();
}

TEST(years_of_nanoseconds_are_missed)
{
	const int64_t years = 200 * 365 * INT64_C(86400) * IVI_SEC;

	begin();
	add(0, 1, note_beat, &ticks[0]);
	spy_clock_advance(years);
	run(1);
	CHECK_INT(missed[0], ==, (uint64_t)years - 1 < ULONG_MAX ?
		  (unsigned long)years - 1 : ULONG_MAX);
	end();
}

/* ---- Misuse ---------------------------------------------------------------- */

FATAL_TEST_ONCE(register_without_a_loop,
		"iv_tick_register: call iv_init() in this thread first")
{
	add(0, IVI_SEC, never_handler, NULL);
}

FATAL_TEST_ONCE(unregister_without_a_loop,
		"iv_tick_unregister: call iv_init() in this thread first")
{
	iv_tick_unregister(make(0, IVI_SEC, never_handler, NULL));
}

FATAL_TEST_ONCE(again_without_a_loop,
		"iv_tick_again: call iv_init() in this thread first")
{
	iv_tick_again(make(0, IVI_SEC, never_handler, NULL));
}

/* Its private timer would be on two lists. */
FATAL_TEST(initialised_and_registered_again, "iv_main: ")
{
	begin();
	add(0, IVI_SEC, trace, "x");
	add(0, IVI_SEC / 2, trace, "x");
	iv_main();
}

FATAL_TEST(register_null,
	   "iv_tick_register: the struct iv_tick pointer is NULL")
{
	iv_init();
	iv_tick_register(NULL);
}

FATAL_TEST(unregister_null,
	   "iv_tick_unregister: the struct iv_tick pointer is NULL")
{
	iv_init();
	iv_tick_unregister(NULL);
}

FATAL_TEST_ONCE(registered_null,
		"iv_tick_registered: the struct iv_tick pointer is NULL")
{
	iv_tick_registered(NULL);
}

FATAL_TEST(again_null, "iv_tick_again: the struct iv_tick pointer is NULL")
{
	iv_init();
	iv_tick_again(NULL);
}

FATAL_TEST(no_handler, "has no handler")
{
	iv_init();
	add(0, IVI_SEC, NULL, NULL);
}

FATAL_TEST(registered_twice, "is already registered")
{
	iv_init();
	add(0, IVI_SEC, never_handler, NULL);
	iv_tick_register(&ticks[0]);
}

FATAL_TEST(unregistered_twice, "is not registered")
{
	iv_init();
	add(0, IVI_SEC, never_handler, NULL);
	iv_tick_unregister(&ticks[0]);
	iv_tick_unregister(&ticks[0]);
}

FATAL_TEST(again_though_not_registered, "is not registered")
{
	iv_init();
	iv_tick_again(make(0, IVI_SEC, never_handler, NULL));
}

FATAL_TEST(interval_of_zero, "the interval is not above 0")
{
	iv_init();
	add(0, 0, never_handler, NULL);
}

FATAL_TEST(negative_interval, "the interval is not above 0")
{
	iv_init();
	make(0, 0, never_handler, NULL);
	ticks[0].interval.tv_sec = 1;
	ticks[0].interval.tv_nsec = -1000000001L;
	iv_tick_register(&ticks[0]);
}

FATAL_TEST(interval_becomes_zero, "iv_main: iv_tick")
{
	begin();
	add(0, IVI_SEC, never_handler, "it is armed before it is called");
	set_interval(&ticks[0], 0);
	iv_main();
}

FATAL_TEST(again_with_an_interval_of_zero, "iv_tick_again: iv_tick")
{
	iv_init();
	add(0, IVI_SEC, never_handler, NULL);
	set_interval(&ticks[0], 0);
	iv_tick_again(&ticks[0]);
}

static void *from_another_thread(void *unused)
{
	(void)unused;
	iv_init();
	iv_tick_unregister(&ticks[0]);
	return NULL;
}

FATAL_TEST(another_thread_unregisters_it, "belongs to another loop")
{
	pthread_t tid;

	iv_init();
	add(0, IVI_SEC, never_handler, NULL);
	pthread_create(&tid, NULL, from_another_thread, NULL);
	pthread_join(tid, NULL);
}

FATAL_TEST(overwritten_while_it_is_registered,
	   "was freed or overwritten while it was registered")
{
	iv_init();
	add(0, 1, never_handler, NULL);
	memset(ticks[0].pad, 0, sizeof(ticks[0].pad));
	iv_main();
}
