/* SPDX-License-Identifier: MIT */
/*
 * ppoll.c - ppoll: limits in nanoseconds, and what comes next without it.
 */
#include "config.h"
#include <stdlib.h>
#ifdef __linux__
#endif
#include "poll/lab.h"

static void set_timer(struct iv_timer *t, int64_t ns)
{
	timer_after(t, 0, quit_handler, NULL);
	t->expires.tv_nsec += ns % 1000000000;
	t->expires.tv_sec += ns / 1000000000 +
			     t->expires.tv_nsec / 1000000000;
	t->expires.tv_nsec %= 1000000000;
}

/* Less than a millisecond is neither rounded down, which would spin, nor
   early. */
TEST_ONCE(short_limits)
{
	static const int64_t limits[] = { 1, 1000, 500000, 999999, 1000001 };
	struct timespec now;
	struct iv_timer t;
	int i;

	choose("ppoll");
	iv_init();
	for (i = 0; i < 5; i++) {
		iv_invalidate_now();
		set_timer(&t, limits[i]);
		iv_timer_register(&t);
		lab_reset();
		iv_main();
		CHECK_INT(lab_waits(), <=, 3);
		CHECK_SYS(clock_gettime(CLOCK_MONOTONIC, &now));
		CHECK(!is_early(&t, &now));
	}
	iv_deinit();
}

/* A wait that ends in time has not failed, whatever errno is left over. */
TEST_ONCE(errno_left_over)
{
	int i;

	choose("ppoll");
	iv_init();
	lab_reset();
	for (i = 0; i < 2; i++) {
		errno = ENOSYS;
		sleep_once();
	}
	CHECK_INT(lab_count(LAB_PPOLL), >=, 2);
	CHECK_INT(lab_count(LAB_POLL), ==, 0);
	iv_deinit();
}

#if defined(HAVE_PPOLL) && defined(SYS_ppoll) && defined(SYS_poll)
static void check_denied(int err)
{
	setenv("IV_EXCLUDE_POLL_METHOD", "epoll-timerfd epoll", 1);
	deny_syscall(SYS_ppoll, err);
	iv_init();
	CHECK_STR(iv_poll_method_name(), "poll");
	loop_works();
	iv_deinit();
}

TEST_ONCE(ppoll_denied_with_enosys)
{
	check_denied(ENOSYS);
}

TEST_ONCE(ppoll_denied_with_eperm)
{
	check_denied(EPERM);
}

TEST_ONCE(ppoll_denied_with_einval)
{
	check_denied(EINVAL);
}

TEST_ONCE(ppoll_denied_with_eacces)
{
	check_denied(EACCES);
}

TEST_ONCE(ppoll_denied_with_eopnotsupp)
{
	check_denied(EOPNOTSUPP);
}

static void *another_loop(void *unused)
{
	(void)unused;
	iv_init();
	loop_works();
	iv_deinit();
	return NULL;
}

/* A loop that exists goes on with poll, and another one can be made. */
TEST_ONCE(ppoll_denied_later)
{
	static const int errs[] = { ENOSYS, EPERM, EINVAL, EACCES, EOPNOTSUPP };
	pthread_t thread;
	int i;

	choose("ppoll");
	iv_init();
	loop_works();
	for (i = 0; i < 5; i++) {
		deny_syscall(SYS_ppoll, errs[i]);
		loop_works();
		CHECK_INT(pthread_create(&thread, NULL, another_loop, NULL),
			  ==, 0);
		CHECK_INT(pthread_join(thread, NULL), ==, 0);
	}
	iv_deinit();
}
#endif

#if defined(SYS_epoll_create1)
static void check_no_epoll(int err)
{
	choose("ppoll");
	unsetenv("IV_SELECT_POLL_METHOD");
	deny_syscall(SYS_epoll_create1, err);
	iv_init();
	CHECK_STR(iv_poll_method_name(), "ppoll");
	loop_works();
	iv_deinit();
}

TEST_ONCE(epoll_denied_with_enosys)
{
	check_no_epoll(ENOSYS);
}

TEST_ONCE(epoll_denied_with_eperm)
{
	check_no_epoll(EPERM);
}

TEST_ONCE(epoll_denied_with_einval)
{
	check_no_epoll(EINVAL);
}
#endif
