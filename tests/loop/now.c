/* SPDX-License-Identifier: MIT */
/*
 * now.c - tests of the cached time, and of when the clock is read.
 */
#include <stdint.h>
#include "base/timespec.h"
#include "harness/spy.h"
#include "harness/test.h"

/* What clients built before 0.40 call; no header declares them any more. */
#undef iv_validate_now
void iv_validate_now(void);
const struct timespec *__iv_now_location(void);

static int64_t now_ns(void)
{
	struct timespec now = iv_now;

	return ivi_ts_to_ns(&now);
}

TEST(iv_now_is_the_monotonic_clock)
{
	struct timespec before, after;

	iv_init();
	CHECK_SYS(clock_gettime(CLOCK_MONOTONIC, &before));
	CHECK_INT(now_ns(), >=, ivi_ts_to_ns(&before));
	CHECK_SYS(clock_gettime(CLOCK_MONOTONIC, &after));
	CHECK_INT(now_ns(), <=, ivi_ts_to_ns(&after));
	iv_deinit();
}

TEST(iv_now_stands_still)
{
	iv_init();
	spy_clock_take(1000);
	CHECK_INT(now_ns(), ==, 1000);
	spy_clock_advance(5);
	CHECK_INT(now_ns(), ==, 1000);
	iv_deinit();
}

TEST(invalidating_reads_the_clock_at_the_next_use)
{
	iv_init();
	spy_clock_take(1000);
	CHECK_INT(now_ns(), ==, 1000);
	spy_clock_advance(5);
	spy_reset();
	iv_invalidate_now();
	CHECK_INT(spy_count(SPY_CLOCK), ==, 0);
	spy_clock_advance(5);
	CHECK_INT(now_ns(), ==, 1010);
	CHECK_INT(now_ns(), ==, 1010);
	CHECK_INT(spy_count(SPY_CLOCK), ==, 1);
	iv_deinit();
}

TEST(the_place_of_iv_now_does_not_change)
{
	const struct timespec *place;

	iv_init();
	place = &iv_now;
	iv_invalidate_now();
	CHECK_PTR(&iv_now, ==, place);
	quit_after_turns(3);
	iv_main();
	CHECK_PTR(&iv_now, ==, place);
	CHECK_PTR(__iv_now_location(), ==, place);
	iv_deinit();
}

TEST(old_clients_validate_and_look)
{
	const struct timespec *place;

	iv_init();
	spy_clock_take(1000);
	iv_validate_now();
	place = __iv_now_location();
	CHECK_INT(ivi_ts_to_ns(place), ==, 1000);
	spy_clock_advance(5);
	iv_invalidate_now();
	iv_validate_now();
	CHECK_INT(ivi_ts_to_ns(place), ==, 1005);
	iv_deinit();
}

TEST(iv_init_starts_with_a_fresh_time)
{
	iv_init();
	spy_clock_take(1000);
	CHECK_INT(now_ns(), ==, 1000);
	iv_deinit();
	spy_clock_advance(7);
	iv_init();
	CHECK_INT(now_ns(), ==, 1007);
	iv_deinit();
}

/* ---- In the loop ---------------------------------------------------------- */

static int64_t seen[8];
static int num_seen;

static void look_and_dawdle(void *unused)
{
	(void)unused;
	seen[num_seen++] = now_ns();
	spy_clock_advance(100);
}

static void register_again(void *_task)
{
	struct iv_task *t = _task;

	look_and_dawdle(NULL);
	if (num_seen < 8)
		iv_task_register(t);
}

/* Handlers of one turn see one time. */
TEST(iv_now_is_the_same_in_all_handlers_of_a_turn)
{
	struct iv_timer timers[2];
	struct iv_task tasks[2];
	int i;

	spy_clock_take(1000);
	iv_init();
	for (i = 0; i < 2; i++) {
		timer_after(&timers[i], 0, look_and_dawdle, NULL);
		iv_timer_register(&timers[i]);
		IV_TASK_INIT(&tasks[i]);
		tasks[i].handler = look_and_dawdle;
		iv_task_register(&tasks[i]);
	}
	iv_main();
	CHECK_INT(num_seen, ==, 4);
	for (i = 0; i < 4; i++)
		CHECK_INT(seen[i], ==, 1000);
	iv_deinit();
}

TEST(every_wait_ends_with_a_new_time)
{
	struct iv_task t;
	int i;

	iv_init();
	spy_clock_take(1000);
	IV_TASK_INIT(&t);
	t.cookie = &t;
	t.handler = register_again;
	iv_task_register(&t);
	iv_main();
	CHECK_INT(num_seen, ==, 8);
	for (i = 0; i < 8; i++)
		CHECK_INT(seen[i], ==, 1000 + 100 * i);
	iv_deinit();
}

static void dawdle_then_invalidate(void *unused)
{
	(void)unused;
	spy_clock_advance(50);
	iv_invalidate_now();
}

TEST(a_slow_handler_may_refresh_the_time_for_the_next)
{
	struct iv_task a, b;

	iv_init();
	spy_clock_take(1000);
	CHECK_INT(now_ns(), ==, 1000);
	IV_TASK_INIT(&a);
	a.handler = dawdle_then_invalidate;
	iv_task_register(&a);
	IV_TASK_INIT(&b);
	b.handler = look_and_dawdle;
	iv_task_register(&b);
	iv_main();
	CHECK_INT(seen[0], ==, 1050);
	iv_deinit();
}

/* ---- When the clock is read ------------------------------------------------ */

/* A turn that cannot fire a timer does not read the clock. */
TEST(a_busy_loop_without_timers_never_reads_the_clock)
{
	iv_init();
	quit_after_turns(100);
	spy_reset();
	iv_main();
	CHECK_INT(spy_count(SPY_CLOCK), ==, 0);
	CHECK_INT(spy_count(SPY_WAIT), ==, 99);
	iv_deinit();
}

static int pipe_fds[2];
static unsigned reads_left;

static void read_one(void *unused)
{
	char c;

	(void)unused;
	CHECK_INT(read(pipe_fds[0], &c, 1), ==, 1);
	if (--reads_left == 0)
		iv_quit();
}

static void watch_pipe(struct iv_fd *fd, unsigned bytes)
{
	make_pipe(pipe_fds);
	IV_FD_INIT(fd);
	fd->fd = pipe_fds[0];
	fd->handler_in = read_one;
	iv_fd_register(fd);
	for (reads_left = 0; reads_left < bytes; reads_left++)
		poke(pipe_fds[1]);
}

static void unwatch_pipe(struct iv_fd *fd)
{
	iv_fd_unregister(fd);
	close_pair(pipe_fds);
}

TEST(a_loop_with_descriptors_only_never_reads_the_clock)
{
	struct iv_fd fd;

	iv_init();
	watch_pipe(&fd, 100);
	spy_reset();
	iv_main();
	CHECK_INT(spy_count(SPY_CLOCK), ==, 0);
	CHECK_INT(spy_count(SPY_WAIT), ==, 100);
	unwatch_pipe(&fd);
	iv_deinit();
}

/* With a kernel timer a far timer costs nothing once it is armed; without
   one, a reading per wait and one to see whether it is due. */
TEST(a_busy_loop_with_a_far_timer_reads_the_clock_seldom)
{
	struct iv_timer t;
	struct iv_fd fd;

	iv_init();
	watch_pipe(&fd, 100);
	timer_after(&t, 3600000, never_handler, NULL);
	iv_timer_register(&t);
	spy_reset();
	iv_main();
	CHECK_INT(spy_count(SPY_WAIT), ==, 100);
	if (strcmp(iv_poll_method_name(), "epoll-timerfd") == 0)
		CHECK_INT(spy_count(SPY_CLOCK), <=, 12);
	else
		CHECK_INT(spy_count(SPY_CLOCK), <=, 202);
	iv_timer_unregister(&t);
	unwatch_pipe(&fd);
	iv_deinit();
}

/* ---- Without a loop ---------------------------------------------------------- */

TEST_ONCE(harmless_in_a_thread_without_a_loop)
{
	spy_clock_take(1000);
	CHECK_INT(now_ns(), ==, 1000);
	spy_clock_advance(5);
	CHECK_INT(now_ns(), ==, 1005);
	iv_invalidate_now();
	iv_validate_now();
	CHECK_INT(ivi_ts_to_ns(__iv_now_location()), ==, 1005);
}

static void *look_for_itself(void *_at)
{
	*(int64_t *)_at = now_ns();
	return NULL;
}

TEST(each_thread_has_its_own_time)
{
	int64_t at;
	pthread_t tid;

	iv_init();
	spy_clock_take(1000);
	CHECK_INT(now_ns(), ==, 1000);
	spy_clock_advance(9);
	CHECK_INT(pthread_create(&tid, NULL, look_for_itself, &at), ==, 0);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	CHECK_INT(at, ==, 1009);
	CHECK_INT(now_ns(), ==, 1000);
	iv_deinit();
}

FATAL_TEST_ONCE(no_clock_at_all, "clock_gettime")
{
	spy_fail(SPY_CLOCK, 1, 1, EINVAL);
	now_ns();
}
