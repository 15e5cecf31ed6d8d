/* SPDX-License-Identifier: MIT */
/*
 * port.c - what event ports cost, what they refuse, how they wait: on the
 * emulated kernel, which can be made to.
 */
#include "config.h"
#include <fcntl.h>
#include <stdlib.h>
#include <iv_event.h>
#include "emu/emu.h"
#include "poll/lab.h"

static void use(const char *method)
{
	setenv("IV_SELECT_POLL_METHOD", method, 1);
}

/* A case for each of the two methods. */
#define PORT_TEST(name)							\
static void name(void);							\
TEST_ONCE(name##_port)							\
{									\
	use("port");							\
	name();								\
}									\
TEST_ONCE(name##_port_timer)						\
{									\
	use("port-timer");						\
	name();								\
}									\
static void name(void)

static struct watch w;
static int fds[2];

static void start(const char *bands)
{
	iv_init();
	make_pipe(fds);
	watch_start(&w, fds[0], bands);
	turns(1);
	lab_reset();
}

static void finish(void)
{
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

/* ---- System calls ------------------------------------------------------------ */

PORT_TEST(one_call_to_add_and_one_to_delete)
{
	iv_init();
	make_pipe(fds);
	lab_reset();
	watch_start(&w, fds[0], "i");
	CHECK_INT(emu_calls(EMU_PORT_ASSOCIATE), ==, 0);
	turns(10);
	CHECK_INT(emu_calls(EMU_PORT_ASSOCIATE), ==, 1);
	CHECK_INT(lab_waits(), ==, 10);
	iv_fd_unregister(&w.fd);
	CHECK_INT(emu_calls(EMU_PORT_DISSOCIATE), ==, 1);
	close_pair(fds);
	iv_deinit();
}

/* What has fired is associated again, once, before the next wait; and is
   nothing to be dissociated. */
PORT_TEST(one_call_for_each_event)
{
	start("i");
	poke(fds[1]);
	turns(10);
	CHECK_INT(w.in, ==, 10);
	CHECK_INT(emu_calls(EMU_PORT_ASSOCIATE), ==, 9);
	CHECK_INT(lab_waits(), ==, 10);
	finish();
	CHECK_INT(emu_calls(EMU_PORT_DISSOCIATE), ==, 0);
}

PORT_TEST(nothing_to_tell_of_changes_that_cancel_out)
{
	start("i");
	watch_set(&w, "ioe");
	watch_set(&w, "i");
	turns(2);
	CHECK_INT(emu_calls(EMU_PORT_ASSOCIATE), ==, 0);
	finish();
}

/* It stays associated, and is quiet by itself once it has fired. */
PORT_TEST(suspending_is_free)
{
	int i;

	start("i");
	for (i = 0; i < 5; i++) {
		watch_set(&w, "");
		turns(1);
		watch_set(&w, "i");
		turns(1);
	}
	CHECK_INT(emu_calls(EMU_PORT_ASSOCIATE), ==, 0);
	watch_set(&w, "");
	poke(fds[1]);
	turns(5);
	CHECK_STR(watch_seen(&w, 0), "");
	CHECK_INT(emu_calls(EMU_PORT_ASSOCIATE), ==, 0);
	watch_set(&w, "i");
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	CHECK_INT(emu_calls(EMU_PORT_ASSOCIATE), ==, 1);
	CHECK_INT(emu_calls(EMU_PORT_DISSOCIATE), ==, 0);
	finish();
}

PORT_TEST(ports_are_closed_on_exec)
{
	int fd, found = 0;

	for (fd = 3; fd < 64; fd++)
		if (fcntl(fd, F_GETFD) == 0)
			fcntl(fd, F_SETFD, FD_CLOEXEC);
	iv_init();
	for (fd = 3; fd < 64; fd++) {
		CHECK_INT(fcntl(fd, F_GETFD), !=, 0);
		found += fcntl(fd, F_GETFD) > 0;
	}
	CHECK_INT(found, >, 0);
	iv_deinit();
}

/* ---- What is refused -------------------------------------------------------------- */

PORT_TEST(closed_descriptor)
{
	fence_allow(FENCE_KERNEL, "a closed descriptor is named");
	iv_init();
	watch_init(&w, 999, "i");
	CHECK_ERRNO(iv_fd_register_try(&w.fd), EBADF);
	watch_init(&w, 999, "");
	CHECK_ERRNO(iv_fd_register_try(&w.fd), EBADF);
	iv_deinit();
}

/* Told by register_try; otherwise tried again, and asked for meanwhile. */
PORT_TEST(association_refused_for_a_while)
{
	static const int passing[] = { EAGAIN, ENOMEM };
	static const int told[] = { ENOSPC, ENOMEM };
	int i;

	for (i = 0; i < 2; i++) {
		start("");
		emu_fail(EMU_PORT_ASSOCIATE, passing[i], 1, 1);
		iv_fd_unregister(&w.fd);
		CHECK_ERRNO(iv_fd_register_try(&w.fd), told[i]);
		CHECK_SYS(iv_fd_register_try(&w.fd));
		watch_set(&w, "i");
		poke(fds[1]);
		emu_fail(EMU_PORT_ASSOCIATE, passing[i], 1, 2);
		turns(2);
		CHECK_INT(emu_calls(EMU_PORT_ASSOCIATE), ==, 4);
		CHECK_STR(watch_seen(&w, 2), "i");
		turns(1);
		CHECK_INT(emu_calls(EMU_PORT_ASSOCIATE), ==, 5);
		CHECK_STR(watch_seen(&w, 1), "i");
		finish();
	}
}

/* What cannot be tried again is told. */
PORT_TEST(association_refused_for_good)
{
	start("");
	emu_fail(EMU_PORT_ASSOCIATE, EINVAL, 1, ~0U);
	watch_set(&w, "io");
	turns(3);
	CHECK_STR(watch_seen(&w, 1), "io");
	CHECK_INT(emu_calls(EMU_PORT_ASSOCIATE), ==, 1);
	emu_reset();
	finish();
}

PORT_TEST(dissociation_refused)
{
	start("i");
	emu_fail(EMU_PORT_DISSOCIATE, ENOENT, 1, 1);
	iv_fd_unregister(&w.fd);
	watch_start(&w, fds[0], "i");
	poke(fds[1]);
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	finish();
}

/* ---- Waiting ------------------------------------------------------------------------ */

static struct watch more;
static int more_fds[2];

/* Interrupted, the call has stored nothing; what an earlier one has stored
   is no event any more. */
PORT_TEST(interrupted_wait_is_just_a_turn)
{
	start("i");
	make_pipe(more_fds);
	watch_start(&more, more_fds[0], "i");
	poke(fds[1]);
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	drain(fds[0]);
	poke(more_fds[1]);
	emu_fail(EMU_WAIT, EINTR, 1, 3);
	turns(3);
	CHECK_STR(watch_seen(&w, 0), "");
	CHECK_STR(watch_seen(&more, 0), "");
	turns(1);
	CHECK_STR(watch_seen(&w, 0), "");
	CHECK_STR(watch_seen(&more, 1), "i");
	watch_end(&more);
	CHECK_SYS(close(more_fds[1]));
	finish();
}

/* Events that come with ETIME are not to be had again. */
PORT_TEST(time_elapsed_with_events)
{
	start("i");
	poke(fds[1]);
	emu_fail(EMU_WAIT, ETIME, 1, 1);
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	emu_fail(EMU_WAIT, ETIME, 1, 1);
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	drain(fds[0]);
	emu_fail(EMU_WAIT, ETIME, 1, 1);
	turns(2);
	CHECK_STR(watch_seen(&w, 0), "");
	finish();
}

PORT_TEST(lack_of_memory_passes)
{
	static const int passing[] = { EAGAIN, ENOMEM };
	int i;

	for (i = 0; i < 2; i++) {
		start("i");
		poke(fds[1]);
		emu_fail(EMU_WAIT, passing[i], 1, 2);
		turns(3);
		CHECK_STR(watch_seen(&w, 1), "i");
		finish();
	}
}

FATAL_TEST_ONCE(failing_wait, "iv_main: port_getn: EFAULT")
{
	use("port");
	start("i");
	emu_fail(EMU_WAIT, EFAULT, 1, 1);
	turns(1);
}

/* A handler is called for nothing, and again when there is something. */
PORT_TEST(stale_event)
{
	start("i");
	emu_spurious(fds[0]);
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	turns(1);
	CHECK_STR(watch_seen(&w, 0), "");
	poke(fds[1]);
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	finish();
}

/* Nobody is left to be called. */
PORT_TEST(stale_event_of_one_that_is_suspended)
{
	start("i");
	emu_spurious(fds[0]);
	watch_set(&w, "");
	turns(2);
	watch_set(&w, "i");
	turns(1);
	CHECK_STR(watch_seen(&w, 0), "");
	emu_spurious(fds[0]);
	iv_fd_unregister(&w.fd);
	memset(&w, 0xa5, sizeof(w));
	turns(2);
	watch_start(&w, fds[0], "i");
	turns(1);
	CHECK_STR(watch_seen(&w, 0), "");
	finish();
}

/* ---- Waking -------------------------------------------------------------------------- */

static struct iv_event event;
static struct tally told;

static void *post(void *unused)
{
	iv_event_post(&event);
	return unused;
}

static void post_later(void *unused)
{
	pthread_t tid;

	(void)unused;
	CHECK_INT(pthread_create(&tid, NULL, post, NULL), ==, 0);
	CHECK_INT(pthread_detach(tid), ==, 0);
}

static void start_event(void)
{
	start("i");
	IV_EVENT_INIT(&event);
	event.cookie = &told;
	event.handler = tally;
	CHECK_SYS(iv_event_register(&event));
}

static void finish_event(void)
{
	iv_event_unregister(&event);
	finish();
}

/* Through the port, without a descriptor of its own. */
PORT_TEST(posts_are_sent_to_the_port)
{
	struct iv_task task;

	fence_allow(FENCE_THREADS, "a detached thread may be ending");
	start_event();
	told.quit_at = 1;
	IV_TASK_INIT(&task);
	task.handler = post_later;
	iv_task_register(&task);
	with_deadline(5);
	iv_main();
	without_deadline();
	CHECK_INT(told.calls, ==, 1);
	CHECK_INT(emu_calls(EMU_PORT_ASSOCIATE), ==, 0);
	CHECK_INT(emu_calls(EMU_PORT_SEND), <=, 1);
	finish_event();
}

static int posted;		/* atomic: there will be no more posts */

/* Until it has caught the loop asleep. */
static void *post_until_sent(void *unused)
{
	while (emu_calls(EMU_PORT_SEND) == 0) {
		errno = EXDEV;
		iv_event_post(&event);
		CHECK_INT(errno, ==, EXDEV);
	}
	__atomic_store_n(&posted, 1, __ATOMIC_RELEASE);
	return unused;
}

static struct iv_timer again;

/* A turn after the last post, lest that be pending when the loop comes to rest,
   which would send once more. */
static void sleep_again(void *_last)
{
	if (_last != NULL) {
		iv_quit();
		return;
	}
	timer_after(&again, 1, sleep_again,
		    __atomic_load_n(&posted, __ATOMIC_ACQUIRE) ? &again : NULL);
	iv_timer_register(&again);
}

/* EAGAIN: the queue is full, so the wait returns anyway; ENOMEM passes.  The
   post is not lost, and errno is the poster's. */
static void check_sending(int err)
{
	pthread_t tid;

	start_event();
	told.quit_at = told.calls = 0;
	emu_fail(EMU_PORT_SEND, err, 1, 1);
	posted = 0;
	sleep_again(NULL);
	CHECK_INT(pthread_create(&tid, NULL, post_until_sent, NULL), ==, 0);
	with_deadline(5);
	iv_main();
	without_deadline();
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	turns(1);
	CHECK_INT(told.calls, >, 0);
	CHECK_INT(emu_calls(EMU_PORT_SEND), ==, err == EAGAIN ? 1 : 2);
	finish_event();
}

PORT_TEST(queue_is_full)
{
	check_sending(EAGAIN);
}

PORT_TEST(no_memory_to_send)
{
	check_sending(ENOMEM);
}
