/* SPDX-License-Identifier: MIT */
/*
 * epoll_timerfd.c - the kernel's timer: when it is set, that timers fire
 * whatever becomes of it, and how to do without.
 */
#include "config.h"
#include <fcntl.h>
#include <stdlib.h>
#ifdef __linux__
#endif
#include "poll/lab.h"

#define WAITS	5	/* with one limit, until the kernel's timer is set */

/* A ring of one pipe: each turn of the loop is one lap. */
static struct iv_fd ring;
static int ring_fds[2];
static int laps;	/* to go; < 0: for ever */

static void next_lap(void *unused)
{
	(void)unused;
	CHECK_INT(drain(ring_fds[0]), ==, 1);
	if (laps > 0 && --laps == 0)
		iv_quit();
	else
		poke(ring_fds[1]);
}

static void run_laps(int n)
{
	laps = n;
	poke(ring_fds[1]);
	iv_main();
}

static void prepare(void)
{
	choose("epoll-timerfd");
	iv_init();
	sleep_once();
	make_pipe(ring_fds);
	IV_FD_INIT(&ring);
	ring.fd = ring_fds[0];
	ring.handler_in = next_lap;
	iv_fd_register(&ring);
	turns(1);
	lab_reset();
}

static void clean_up(void)
{
	iv_fd_unregister(&ring);
	close_pair(ring_fds);
	iv_deinit();
}

struct alarm {
	struct iv_timer	timer;
	int		fired;
	int		quits;
};

static void alarm_fired(void *cookie)
{
	struct alarm *a = cookie;
	struct timespec now;

	CHECK_SYS(clock_gettime(CLOCK_MONOTONIC, &now));
	CHECK(!is_early(&a->timer, &now));
	a->fired++;
	if (a->quits)
		iv_quit();
}

static void alarm_start(struct alarm *a, long ms, int quits)
{
	iv_invalidate_now();
	a->fired = 0;
	a->quits = quits;
	timer_after(&a->timer, ms, alarm_fired, a);
	iv_timer_register(&a->timer);
}

/* The same, and makes the kernel's timer be set for it: tried again should
   this machine be so slow that it fires before. */
static void alarm_start_set(struct alarm *a, long ms, int quits)
{
	do {
		drain(ring_fds[0]);
		alarm_start(a, ms, quits);
		run_laps(WAITS);
		ms *= 2;
	} while (a->fired);
}

/* ---- When ------------------------------------------------------------------ */

TEST_ONCE(set_when_a_limit_stays)
{
	struct alarm a;

	prepare();
	alarm_start(&a, 100000, 1);
	lab_reset();
	run_laps(WAITS - 1);
	CHECK_INT(lab_count(LAB_TIMERFD_CREATE), ==, 0);
	CHECK_INT(lab_limited_waits(), ==, WAITS - 1);

	run_laps(1);
	CHECK_INT(lab_count(LAB_TIMERFD_CREATE), ==, 1);
	CHECK_INT(lab_count(LAB_TIMERFD_SETTIME), ==, 1);
	CHECK_INT(lab_limited_waits(), ==, WAITS - 1);

	iv_timer_unregister(&a.timer);
	alarm_start(&a, 200000, 1);
	lab_reset();
	run_laps(100);
	CHECK_INT(lab_count(LAB_TIMERFD_SETTIME), ==, 0);
	CHECK_INT(lab_limited_waits(), ==, 0);
	CHECK_INT(lab_waits(), ==, 100);
	iv_timer_unregister(&a.timer);
	clean_up();
}

/* Stopped for something earlier: it would only wake the loop. */
TEST_ONCE(stopped_for_an_earlier_limit)
{
	struct alarm a;

	prepare();
	alarm_start(&a, 200000, 1);
	run_laps(WAITS);
	iv_timer_unregister(&a.timer);
	alarm_start(&a, 100000, 1);
	lab_reset();
	run_laps(WAITS - 1);
	CHECK_INT(lab_count(LAB_TIMERFD_SETTIME), ==, 1);
	run_laps(1);
	CHECK_INT(lab_count(LAB_TIMERFD_SETTIME), ==, 2);
	iv_timer_unregister(&a.timer);
	clean_up();
}

/* Whether the kernel has timerfds is found out by the first loop. */
TEST_ONCE(asked_for_only_once)
{
	choose("epoll-timerfd");
	lab_reset();
	iv_init();
	iv_deinit();
	CHECK_INT(lab_count(LAB_TIMERFD_CREATE), ==, 1);
	iv_init();
	iv_deinit();
	CHECK_INT(lab_count(LAB_TIMERFD_CREATE), ==, 1);
}

/* As in a daemon that has closed its standard input. */
TEST_ONCE(it_may_be_descriptor_0)
{
	int keep = (int)CHECK_SYS(dup(0));
	struct alarm a;

	prepare();
	close(0);
	alarm_start(&a, 100000, 1);
	run_laps(WAITS);
	CHECK_SYS(fcntl(0, F_GETFD));
	iv_timer_unregister(&a.timer);
	alarm_start(&a, 20, 1);
	iv_main();
	CHECK_INT(a.fired, ==, 1);
	clean_up();
	CHECK_INT(fcntl(0, F_GETFD), ==, -1);
	CHECK_SYS(dup2(keep, 0));
	close(keep);
}

static int count_inheritable(void)
{
	int fd, n = 0;

	for (fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) == 0;
	return n;
}

TEST_ONCE(closed_on_exec)
{
	struct alarm a;
	int before;

	prepare();
	before = count_inheritable();
	alarm_start(&a, 100000, 1);
	lab_reset();
	run_laps(WAITS);
	CHECK_INT(lab_count(LAB_TIMERFD_CREATE), ==, 1);
	CHECK_INT(count_inheritable(), ==, before);
	iv_timer_unregister(&a.timer);
	clean_up();
}

/* Nor is the clock read, once no timer can be due. */
TEST_ONCE(no_clock_while_it_is_set)
{
	struct alarm a;

	prepare();
	alarm_start(&a, 100000, 1);
	run_laps(WAITS);
	run_laps(2);
	lab_reset();
	laps = 100;
	poke(ring_fds[1]);
	iv_main();
	CHECK_INT(lab_waits(), ==, 100);
	CHECK_INT(lab_count(LAB_CLOCK), <=, 1);	/* iv_main() begins with it */
	iv_timer_unregister(&a.timer);
	clean_up();
}

TEST_ONCE(not_set_for_limits_that_change)
{
	struct alarm a;
	int i;

	prepare();
	for (i = 0; i < 10; i++) {
		alarm_start(&a, 100000, 1);
		run_laps(WAITS - 1);
		iv_timer_unregister(&a.timer);
	}
	CHECK_INT(lab_count(LAB_TIMERFD_SETTIME), ==, 0);
	CHECK_INT(lab_limited_waits(), ==, 10 * (WAITS - 1));
	clean_up();
}

/* ---- Timers fire -------------------------------------------------------------- */

TEST_ONCE(fires_in_a_busy_loop)
{
	struct alarm a;
	int i;

	prepare();
	for (i = 0; i < 3; i++) {
		alarm_start_set(&a, 10, 1);
		lab_reset();
		run_laps(-1);
		CHECK_INT(a.fired, ==, 1);
		CHECK_INT(lab_limited_waits(), ==, 0);
		CHECK_INT(lab_count(LAB_TIMERFD_SETTIME), ==, 0);
		CHECK_INT(lab_count(LAB_TIMERFD_CREATE), ==, 0);
	}
	clean_up();
}

TEST_ONCE(fires_in_a_sleeping_loop)
{
	struct alarm a;

	prepare();
	alarm_start_set(&a, 10, 1);
	lab_reset();
	iv_main();
	CHECK_INT(a.fired, ==, 1);
	CHECK_INT(lab_waits(), <=, 1);
	clean_up();
}

TEST_ONCE(earlier_timer_comes_first)
{
	struct alarm early, late;

	prepare();
	alarm_start_set(&late, 100000, 1);
	alarm_start(&early, 10, 1);
	iv_main();
	CHECK_INT(early.fired, ==, 1);
	CHECK_INT(late.fired, ==, 0);
	iv_timer_unregister(&late.timer);
	clean_up();
}

TEST_ONCE(later_timer_instead)
{
	struct alarm a;

	prepare();
	alarm_start_set(&a, 10, 1);
	iv_timer_unregister(&a.timer);
	alarm_start(&a, 40, 1);
	lab_reset();
	iv_main();
	CHECK_INT(a.fired, ==, 1);
	CHECK_INT(lab_waits(), <=, 4);
	clean_up();
}

/* Set, fired, and nobody waited. */
TEST_ONCE(timer_removed)
{
	struct alarm a, b;

	prepare();
	alarm_start_set(&a, 5, 0);
	iv_timer_unregister(&a.timer);
	alarm_start(&b, 30, 1);
	run_laps(-1);
	CHECK_INT(a.fired, ==, 0);
	CHECK_INT(b.fired, ==, 1);
	clean_up();
}

static int rounds;

static void again(void *cookie)
{
	if (--rounds == 0)
		iv_quit();
	else
		iv_timer_register(cookie);
}

static void check_past(time_t sec)
{
	struct iv_timer t;

	IV_TIMER_INIT(&t);
	t.expires.tv_sec = sec;
	t.expires.tv_nsec = 0;
	t.cookie = &t;
	t.handler = again;
	iv_timer_register(&t);
	rounds = 50;
	iv_main();
	CHECK_INT(rounds, ==, 0);
}

TEST_ONCE(times_that_would_disarm_it)
{
	prepare();
	check_past(0);
	check_past(1);
	check_past(-1);
	check_past(-1000000);
	clean_up();
}

TEST_ONCE(interrupted_at_every_turn)
{
	struct alarm a;

	prepare();
	alarm_start(&a, 20, 1);
	lab_refuse(LAB_EPOLL_WAIT, EINTR, 100);
	lab_refuse(LAB_EPOLL_PWAIT2, EINTR, 100);
	iv_main();
	CHECK_INT(a.fired, ==, 1);
	clean_up();
}

/* ---- Without it ----------------------------------------------------------------- */

static void check_fires_without(void)
{
	struct alarm a;
	unsigned before;
	int i;

	for (i = 0; i < 2; i++) {
		alarm_start(&a, 100000, 1);
		before = lab_limited_waits();
		run_laps(2 * WAITS);
		CHECK_INT(lab_limited_waits() - before, ==, 2 * WAITS);
		iv_timer_unregister(&a.timer);
		alarm_start(&a, 10, 1);
		run_laps(-1);
		CHECK_INT(a.fired, ==, 1);
		drain(ring_fds[0]);
	}
	CHECK_STR(iv_poll_method_name(), "epoll-timerfd");
}

TEST_ONCE(no_descriptor_left_for_it)
{
	prepare();
	leave_fds(0);
	check_fires_without();
	clean_up();
}

TEST_ONCE(cannot_be_watched)
{
	prepare();
	lab_refuse(LAB_EPOLL_ADD, ENOSPC, ~0U);
	check_fires_without();
	clean_up();
}

TEST_ONCE(cannot_be_set)
{
	prepare();
	lab_refuse(LAB_TIMERFD_SETTIME, EINVAL, ~0U);
	check_fires_without();
	clean_up();
}

/* The set is made anew, and the old timer was in the old one. */
TEST_ONCE(lost_with_the_set)
{
	struct watch w;
	struct alarm a;
	int fds[2];

	prepare();
	make_pipe(fds);
	watch_start(&w, fds[0], "i");
	alarm_start_set(&a, 30, 1);
	CHECK_INT(lab_count(LAB_TIMERFD_SETTIME), >, 0);
	poke(fds[1]);
	iv_fd_unregister(&w.fd);
	lab_reset();
	lab_refuse(LAB_EPOLL_DEL, ENOMEM, 1);
	iv_main();
	CHECK_INT(lab_count(LAB_EPOLL_CREATE), ==, 1);
	CHECK_INT(a.fired, ==, 1);
	close_pair(fds);
	clean_up();
}

/* The same just before it waits. */
TEST_ONCE(lost_with_the_set_at_the_last_moment)
{
	struct watch w;
	struct alarm a;
	int fds[2], more[2];

	prepare();
	make_pipe(fds);
	make_pipe(more);
	watch_start(&w, fds[0], "i");
	alarm_start_set(&a, 30, 1);
	iv_fd_unregister(&w.fd);
	watch_start(&w, more[0], "i");
	lab_reset();
	lab_refuse(LAB_EPOLL_ADD, ENOSPC, 1);
	iv_main();
	CHECK_INT(lab_count(LAB_EPOLL_CREATE), ==, 1);
	CHECK_INT(a.fired, ==, 1);
	watch_end(&w);
	CHECK_SYS(close(more[1]));
	close_pair(fds);
	clean_up();
}

/* ---- Absent ------------------------------------------------------------------------ */

#if defined(HAVE_TIMERFD) && defined(SYS_timerfd_create)
static void check_denied(int err)
{
	choose("epoll-timerfd");
	unsetenv("IV_SELECT_POLL_METHOD");
	deny_syscall(SYS_timerfd_create, err);
	iv_init();
	CHECK_STR(iv_poll_method_name(), "epoll");
	loop_works();
	iv_deinit();
}

TEST_ONCE(timerfd_denied_with_enosys)
{
	check_denied(ENOSYS);
}

TEST_ONCE(timerfd_denied_with_eperm)
{
	check_denied(EPERM);
}

TEST_ONCE(timerfd_denied_with_einval)
{
	check_denied(EINVAL);
}

TEST_ONCE(timerfd_denied_with_eacces)
{
	check_denied(EACCES);
}

TEST_ONCE(timerfd_denied_with_eopnotsupp)
{
	check_denied(EOPNOTSUPP);
}

TEST_ONCE(timerfd_denied_later)
{
	prepare();
	deny_syscall(SYS_timerfd_create, EPERM);
	check_fires_without();
	clean_up();
}

FATAL_TEST_ONCE(timerfd_denied_but_selected,
		"IV_SELECT_POLL_METHOD: \"epoll-timerfd\" is unusable "
		"(ENOSYS); available: ")
{
	choose("epoll-timerfd");
	deny_syscall(SYS_timerfd_create, ENOSYS);
	iv_init();
}
#endif
