/* SPDX-License-Identifier: MIT */
/*
 * wake.c - tests of the descriptor that others make readable, as an eventfd
 * and as a pipe.
 */
#include "config.h"
#include <fcntl.h>
#include <poll.h>
#include "sys/sys.h"
#include "harness/spy.h"
#include "harness/test.h"

#define FOREVER	~0U

static struct ivi_wake w;

static int readable(void)
{
	struct pollfd p = { .fd = w.rfd, .events = POLLIN };

	return (int)CHECK_SYS(poll(&p, 1, 0));
}

static void open_pipe(void)
{
	spy_fail(SPY_EVENTFD, 1, FOREVER, ENOSYS);
	CHECK_INT(ivi_wake_open(&w), ==, 0);
	spy_heal();
	CHECK(!ivi_wake_is_counter(&w));
}

static void open_counter(void)
{
	CHECK_INT(ivi_wake_open(&w), ==, 0);
	if (!ivi_wake_is_counter(&w))
		SKIP("no eventfd() here");
}

/* Each of these runs with both. */
#define WAKE_TEST(name)							\
static void name(void);							\
TEST_ONCE(name##_of_an_eventfd)						\
{									\
	open_counter();							\
	name();								\
	ivi_wake_close(&w);						\
}									\
TEST_ONCE(name##_of_a_pipe)						\
{									\
	open_pipe();							\
	name();								\
	ivi_wake_close(&w);						\
}									\
static void name(void)

WAKE_TEST(flags)
{
	CHECK_INT(fcntl(w.rfd, F_GETFD), ==, FD_CLOEXEC);
	CHECK_INT(fcntl(w.wfd, F_GETFD), ==, FD_CLOEXEC);
	CHECK_INT(fcntl(w.rfd, F_GETFL) & O_NONBLOCK, !=, 0);
	CHECK_INT(fcntl(w.wfd, F_GETFL) & O_NONBLOCK, !=, 0);
}

WAKE_TEST(post_and_drain)
{
	CHECK_INT(readable(), ==, 0);
	CHECK_INT(ivi_wake_drain(&w), ==, 0);
	ivi_wake_post(&w);
	CHECK_INT(readable(), ==, 1);
	CHECK_INT(ivi_wake_drain(&w), ==, 1);
	CHECK_INT(readable(), ==, 0);
	CHECK_INT(ivi_wake_drain(&w), ==, 0);
}

/* More than a pipe holds: the rest is merged, nobody blocks. */
WAKE_TEST(many_posts)
{
	int i;

	errno = EXDEV;
	for (i = 0; i < 100000; i++)
		ivi_wake_post(&w);
	CHECK_INT(errno, ==, EXDEV);
	CHECK_INT(readable(), ==, 1);
	CHECK_INT(ivi_wake_drain(&w), ==, 1);
	CHECK_INT(readable(), ==, 0);
}

WAKE_TEST(interrupted_calls)
{
	spy_fail(SPY_WRITE, 1, 3, EINTR);
	ivi_wake_post(&w);
	CHECK_INT(spy_failed(), ==, 3);
	CHECK_INT(readable(), ==, 1);
	spy_fail(SPY_READ, 1, 3, EINTR);
	CHECK_INT(ivi_wake_drain(&w), ==, 1);
	CHECK_INT(spy_failed(), ==, 3);
	CHECK_INT(readable(), ==, 0);
}

/* Whatever goes wrong: a signal handler posts, and errno is its victim's. */
WAKE_TEST(errno_is_kept)
{
	spy_fail(SPY_WRITE, 1, 1, EAGAIN);
	errno = EXDEV;
	ivi_wake_post(&w);
	CHECK_INT(errno, ==, EXDEV);
	spy_fail(SPY_WRITE, 1, 1, EBADF);
	ivi_wake_post(&w);
	CHECK_INT(errno, ==, EXDEV);
	spy_heal();
	ivi_wake_post(&w);
	CHECK_INT(errno, ==, EXDEV);
}

static int came_back;

static void *post_when_cancelled(void *unused)
{
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	pthread_cancel(pthread_self());
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
	ivi_wake_post(&w);
	came_back = 1;
	pthread_testcancel();
	FAIL("the thread was not cancelled");
	return unused;
}

/* A poster that is cancelled must leave the loop it posts to first. */
WAKE_TEST(no_cancellation_point)
{
	void *ret;
	pthread_t tid;

	CHECK_INT(pthread_create(&tid, NULL, post_when_cancelled, NULL), ==,
		  0);
	CHECK_INT(pthread_join(tid, &ret), ==, 0);
	CHECK(ret == PTHREAD_CANCELED);
	CHECK_INT(came_back, ==, 1);
	CHECK_INT(readable(), ==, 1);
}

/* ---- Opening ------------------------------------------------------------------ */

TEST_ONCE(a_pipe_where_eventfd_is_refused)
{
	static const int errs[] = { ENOSYS, EPERM, EINVAL, EACCES, EOPNOTSUPP };
	unsigned i;

	for (i = 0; i < 5; i++) {
		spy_fail(SPY_EVENTFD, 1, FOREVER, errs[i]);
		CHECK_INT(ivi_wake_open(&w), ==, 0);
		CHECK(!ivi_wake_is_counter(&w));
		ivi_wake_close(&w);
	}
}

TEST_ONCE(no_pipe_where_eventfd_lacks_resources)
{
	static const int errs[] = { EMFILE, ENFILE, ENOMEM };
	unsigned i;

	open_counter();
	ivi_wake_close(&w);
	for (i = 0; i < 3; i++) {
		spy_fail(SPY_EVENTFD, 1, FOREVER, errs[i]);
		CHECK_INT(ivi_wake_open(&w), ==, -errs[i]);
	}
}

TEST_ONCE(out_of_descriptors)
{
	leave_fds(0);
	CHECK_INT(ivi_wake_open(&w), ==, -EMFILE);
	restore_fds();
	leave_fds(1);
	spy_fail(SPY_EVENTFD, 1, FOREVER, ENOSYS);
	CHECK_INT(ivi_wake_open(&w), ==, -EMFILE);
}

/* ---- Misuse -------------------------------------------------------------------- */

/* Somebody has closed our descriptors. */
FATAL_TEST_ONCE(closed_behind_our_back, "read: EBADF")
{
	struct ivi_wake copy;

	open_pipe();
	copy = w;
	ivi_wake_close(&copy);
	ivi_wake_drain(&w);
}

FATAL_TEST_ONCE(the_other_end_is_closed, "read: end of file")
{
	open_pipe();
	CHECK_SYS(close(w.wfd));
	ivi_wake_drain(&w);
}
