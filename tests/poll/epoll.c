/* SPDX-License-Identifier: MIT */
/*
 * epoll.c - what the two epoll methods cost, what they refuse, how they wait.
 */
#include "config.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include "poll/lab.h"

/* ---- System calls --------------------------------------------------------- */

EPOLL_TEST(one_call_to_add_and_none_to_delete)
{
	struct watch w;
	int fds[2];

	iv_init();
	make_socketpair(fds);
	lab_reset();
	watch_start(&w, fds[0], "i");
	CHECK_INT(lab_ctls(), ==, 0);
	turns(10);
	CHECK_INT(lab_count(LAB_EPOLL_ADD), ==, 1);
	CHECK_INT(lab_ctls(), ==, 1);
	CHECK_INT(lab_waits(), ==, 10);
	iv_fd_unregister(&w.fd);
	turns(1);
	CHECK_INT(lab_ctls(), ==, 1);
	close_pair(fds);
	iv_deinit();
}

/* ---- What unregistering leaves in the set ------------------------------------ */

/* One that is not closed fires once, and calls nobody. */
EPOLL_TEST(what_is_left_fires_once)
{
	struct watch *w = malloc(sizeof(*w));
	int fds[2];

	iv_init();
	make_socketpair(fds);
	CHECK(w != NULL);
	watch_start(w, fds[0], "ioe");
	turns(1);
	watch_seen(w, 1);
	iv_fd_unregister(&w->fd);
	memset(w, 0xa5, sizeof(*w));
	free(w);
	lab_reset();
	poke(fds[1]);
	turns(3);
	CHECK_INT(lab_count(LAB_EPOLL_DEL), ==, 1);
	CHECK_INT(lab_ctls(), ==, 1);
	CHECK_INT(lab_count(LAB_EPOLL_CREATE), ==, 0);
	check_no_spin();
	close_pair(fds);
	iv_deinit();
}

/* ... and serves whoever is registered next: by one call if that is the same
   object, else by two, since mostly the number is another file. */
EPOLL_TEST(what_is_left_is_taken_over)
{
	struct watch w, other;
	int fds[2];

	iv_init();
	make_socketpair(fds);
	poke(fds[1]);
	watch_start(&w, fds[0], "i");
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	lab_reset();
	iv_fd_unregister(&w.fd);
	iv_fd_register(&w.fd);
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	CHECK_INT(lab_count(LAB_EPOLL_MOD), ==, 1);
	CHECK_INT(lab_ctls(), ==, 1);

	iv_fd_unregister(&w.fd);
	lab_reset();
	watch_start(&other, fds[0], "io");
	turns(1);
	CHECK_STR(watch_seen(&other, 1), "io");
	CHECK_STR(watch_seen(&w, 0), "");
	CHECK_INT(lab_count(LAB_EPOLL_ADD), ==, 1);
	CHECK_INT(lab_ctls(), ==, 2);
	iv_fd_unregister(&other.fd);
	CHECK_INT(iv_fd_register_try(&w.fd), ==, 0);
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

/* Accepted, served, closed: one call each. */
EPOLL_TEST(short_connections_with_one_number)
{
	struct watch w;
	int fds[2], i;

	iv_init();
	lab_reset();
	for (i = 0; i < 100; i++) {
		make_socketpair(fds);
		poke(fds[1]);
		watch_start(&w, fds[0], "i");
		turns(1);
		CHECK_STR(watch_seen(&w, 1), "i");
		watch_end(&w);
		CHECK_SYS(close(fds[1]));
	}
	CHECK_INT(lab_count(LAB_EPOLL_ADD), ==, 100);
	CHECK_INT(lab_ctls(), ==, 100);
	iv_deinit();
}

/* The file lives on in a duplicate, so that what is left cannot be taken out
   any more.  NEXT: closed, another file, or another file that is watched. */
static void check_out_of_reach(int next)
{
	struct watch w, kept, new;
	int fds[2], more[2], copy, end = -1;

	iv_init();
	make_socketpair(fds);
	make_pipe(more);
	watch_start(&kept, more[0], "i");
	watch_start(&w, fds[0], "i");
	turns(1);
	copy = (int)CHECK_SYS(fcntl(fds[0], F_DUPFD_CLOEXEC, 0));
	watch_end(&w);
	if (next > 0)
		end = become_pipe(fds[0]);
	if (next > 1)
		watch_start(&new, fds[0], "i");
	turns(1);
	lab_reset();
	poke(fds[1]);
	turns(4);
	CHECK_INT(lab_count(LAB_EPOLL_CREATE), ==, 1);
	CHECK_STR(watch_seen(&kept, 0), "");
	check_no_spin();
	if (next > 1) {
		CHECK_STR(watch_seen(&new, 0), "");
		poke(end);
		turns(1);
		CHECK_STR(watch_seen(&new, 1), "i");
	}

	/* From now on it is deleted when it is unregistered. */
	lab_reset();
	iv_fd_unregister(&kept.fd);
	CHECK_INT(lab_count(LAB_EPOLL_DEL), ==, 1);
	close_pair(more);
	CHECK_SYS(close(copy));
	CHECK_SYS(close(fds[1]));
	if (next > 1)
		watch_end(&new);
	else if (next > 0)
		CHECK_SYS(close(fds[0]));
	if (next > 0)
		CHECK_SYS(close(end));
	iv_deinit();
}

EPOLL_TEST(left_and_closed_with_a_duplicate)
{
	check_out_of_reach(0);
}

EPOLL_TEST(left_and_replaced_with_a_duplicate)
{
	check_out_of_reach(1);
}

EPOLL_TEST(left_and_replaced_by_one_that_is_watched)
{
	check_out_of_reach(2);
}

static int pipe_end;

static void *take_number(void *fd)
{
	int end = become_pipe(*(int *)fd);

	__atomic_store_n(&pipe_end, end, __ATOMIC_RELAXED);
	return NULL;
}

/* ThreadSanitizer once took that for a race. */
EPOLL_TEST(left_and_replaced_by_another_thread)
{
	struct watch w;
	pthread_t other;
	int fds[2], copy;

	iv_init();
	make_socketpair(fds);
	watch_start(&w, fds[0], "i");
	turns(1);
	copy = (int)CHECK_SYS(fcntl(fds[0], F_DUPFD_CLOEXEC, 0));
	watch_end(&w);
	CHECK_INT(pthread_create(&other, NULL, take_number, &fds[0]), ==, 0);
	while (__atomic_load_n(&pipe_end, __ATOMIC_RELAXED) == 0)
		sched_yield();
	lab_reset();
	poke(fds[1]);
	turns(4);
	check_no_spin();
	CHECK_INT(pthread_join(other, NULL), ==, 0);
	iv_deinit();
	CHECK_SYS(close(copy));
	CHECK_SYS(close(pipe_end));
	close_pair(fds);
}

/* What was left counts against the user's limit. */
EPOLL_TEST(no_room_because_of_what_was_left)
{
	struct watch w, other;
	int fds[2];

	iv_init();
	make_socketpair(fds);
	watch_start(&w, fds[0], "i");
	turns(1);
	iv_fd_unregister(&w.fd);
	lab_reset();
	lab_refuse(LAB_EPOLL_ADD, ENOSPC, 1);
	poke(fds[0]);
	watch_init(&other, fds[1], "i");
	CHECK_INT(iv_fd_register_try(&other.fd), ==, 0);
	CHECK_INT(lab_count(LAB_EPOLL_CREATE), ==, 1);
	turns(1);
	CHECK_STR(watch_seen(&other, 1), "i");
	watch_end(&other);
	CHECK_SYS(close(fds[0]));
	iv_deinit();
}

EPOLL_TEST(nothing_to_tell_of_a_short_registration)
{
	struct watch w;
	int fds[2];

	iv_init();
	make_pipe(fds);
	lab_reset();
	watch_start(&w, fds[0], "i");
	iv_fd_unregister(&w.fd);
	turns(1);
	watch_start(&w, fds[0], "");
	turns(1);
	iv_fd_unregister(&w.fd);
	CHECK_INT(lab_ctls(), ==, 0);
	close_pair(fds);
	iv_deinit();
}

EPOLL_TEST(nothing_to_tell_of_changes_that_cancel_out)
{
	static const char *const bands[] = { "", "i", "o", "e", "io", "ioe" };
	struct watch w;
	int fds[2], i, j;

	iv_init();
	make_socketpair(fds);
	fill(fds[0]);
	for (i = 0; i < 6; i++) {
		watch_start(&w, fds[0], bands[i]);
		turns(1);
		lab_reset();
		for (j = 0; j < 6; j++) {
			watch_set(&w, bands[j]);
			watch_set(&w, bands[i]);
			turns(1);
		}
		CHECK_INT(lab_ctls(), ==, 0);
		iv_fd_unregister(&w.fd);
	}
	close_pair(fds);
	iv_deinit();
}

static struct watch self;

/* As syslog-ng does it, whenever it is called. */
static void juggle(void *unused)
{
	(void)unused;
	self.in++;
	watch_set(&self, "");
	iv_fd_set_handler_in(&self.fd, juggle);
}

EPOLL_TEST(nothing_to_tell_of_juggling_in_handlers)
{
	int fds[2];

	iv_init();
	make_pipe(fds);
	poke(fds[1]);
	watch_init(&self, fds[0], "");
	self.fd.handler_in = juggle;
	iv_fd_register(&self.fd);
	turns(1);
	lab_reset();
	turns(50);
	CHECK_INT(self.in, ==, 51);
	CHECK_INT(lab_ctls(), ==, 0);
	watch_end(&self);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

static void suspend(void *unused)
{
	(void)unused;
	self.in++;
	iv_fd_set_handler_in(&self.fd, NULL);
}

/* Suspended in its handler while there is more to read, resumed later. */
EPOLL_TEST(one_call_to_suspend_and_resume)
{
	int fds[2], i;

	iv_init();
	make_pipe(fds);
	poke(fds[1]);
	watch_init(&self, fds[0], "");
	self.fd.handler_in = suspend;
	iv_fd_register(&self.fd);
	turns(3);
	iv_fd_set_handler_in(&self.fd, suspend);
	turns(3);
	CHECK_INT(self.in, ==, 2);
	lab_reset();
	for (i = 0; i < 20; i++) {
		iv_fd_set_handler_in(&self.fd, suspend);
		turns(3);
		CHECK_INT(self.in, ==, 3 + i);
	}
	CHECK_INT(lab_ctls(), <=, 20);
	CHECK_INT(lab_waits(), ==, 60);
	iv_fd_unregister(&self.fd);
	close_pair(fds);
	iv_deinit();
}

/* Once it is not suspended any more, events cost nothing again. */
EPOLL_TEST(the_habit_of_suspending_ends)
{
	int fds[2], i;

	iv_init();
	make_pipe(fds);
	poke(fds[1]);
	watch_init(&self, fds[0], "");
	self.fd.handler_in = suspend;
	iv_fd_register(&self.fd);
	for (i = 0; i < 4; i++) {
		turns(2);
		iv_fd_set_handler_in(&self.fd, suspend);
	}
	iv_fd_set_handler_in(&self.fd, watch_in);
	turns(3);
	lab_reset();
	turns(10);
	CHECK_INT(lab_ctls(), ==, 0);
	CHECK_INT(self.in, ==, 4 + 13);
	watch_end(&self);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

/* Suspended with nothing to read: nothing has to be done at all. */
EPOLL_TEST(suspending_a_quiet_one_is_free)
{
	struct watch w;
	int fds[2], i;

	iv_init();
	make_pipe(fds);
	watch_start(&w, fds[0], "i");
	turns(1);
	lab_reset();
	for (i = 0; i < 10; i++) {
		watch_set(&w, "");
		turns(1);
		watch_set(&w, "i");
		turns(1);
	}
	CHECK_INT(lab_ctls(), ==, 0);
	poke(fds[1]);
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

static int ring[2], laps;

static void next_lap(void *unused)
{
	(void)unused;
	CHECK_INT(drain(ring[0]), ==, 1);
	if (--laps == 0)
		iv_quit();
	else
		poke(ring[1]);
}

EPOLL_TEST(one_call_per_turn)
{
	struct iv_fd fd;

	iv_init();
	sleep_once();
	make_pipe(ring);
	IV_FD_INIT(&fd);
	fd.fd = ring[0];
	fd.handler_in = next_lap;
	iv_fd_register(&fd);
	poke(ring[1]);
	laps = 1000;
	lab_reset();
	iv_main();
	CHECK_INT(lab_waits(), ==, 1000);
	CHECK_INT(lab_ctls(), ==, 1);
	CHECK_INT(lab_count(LAB_CLOCK), ==, 0);
	iv_fd_unregister(&fd);
	close_pair(ring);
	iv_deinit();
}

/* An old errno must not be taken for that of a wait that succeeded. */
EPOLL_TEST(errno_of_before_is_not_looked_at)
{
	static const int errors[] = { EPERM, ENOSYS, EINTR, EBADF };
	struct iv_fd fd;
	int i;

	iv_init();
	sleep_once();
	make_pipe(ring);
	IV_FD_INIT(&fd);
	fd.fd = ring[0];
	fd.handler_in = next_lap;
	iv_fd_register(&fd);
	for (i = 0; i < 4; i++) {
		poke(ring[1]);
		laps = 1;
		lab_reset();
		errno = errors[i];
		iv_main();
		CHECK_INT(lab_waits(), ==, 1);
	}
	iv_fd_unregister(&fd);
	close_pair(ring);
	iv_deinit();
}

/* ---- Files that cannot be polled -------------------------------------------- */

static struct iv_fd file;

static void open_file(const char *method, const char *path, int flags)
{
	choose(method);
	iv_init();
	IV_FD_INIT(&file);
	file.fd = 100;
	CHECK_SYS(dup2((int)CHECK_SYS(open(path, flags)), 100));
	file.handler_in = never_handler;
}

FATAL_TEST_ONCE(regular_file_is_named,
		"iv_fd_register: fd 100 is a regular file, which epoll "
		"cannot watch (EPERM); iv_fd_register_try() reports that")
{
	open_file("epoll", "/proc/self/exe", O_RDONLY);
	iv_fd_register(&file);
}

FATAL_TEST_ONCE(directory_is_named,
		"iv_fd_register: fd 100 is a directory, which epoll cannot "
		"watch (EPERM)")
{
	open_file("epoll", "/", O_RDONLY | O_DIRECTORY);
	iv_fd_register(&file);
}

FATAL_TEST_ONCE(device_is_named,
		"iv_fd_register: fd 100 is a character device, which "
		"epoll-timerfd cannot watch (EPERM)")
{
	open_file("epoll-timerfd", "/dev/null", O_RDONLY);
	iv_fd_register(&file);
}

/* Without handlers the kernel is not asked; then the handlers are told, and
   not again and again. */
EPOLL_TEST(file_without_handlers)
{
	struct watch w;
	int fd;

	iv_init();
	fd = (int)CHECK_SYS(open("/proc/self/exe", O_RDONLY));
	watch_start(&w, fd, "");
	turns(1);
	watch_set(&w, "ie");
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "ei");
	turns(3);
	CHECK_STR(watch_seen(&w, 0), "");
	watch_end(&w);
	iv_deinit();
}

/* ---- Waiting ---------------------------------------------------------------------- */

EPOLL_TEST(interrupted_wait_is_just_a_turn)
{
	struct watch w;
	int fds[2];

	iv_init();
	make_pipe(fds);
	watch_start(&w, fds[0], "i");
	iv_fd_set_handler_in(&w.fd, quit_handler);
	poke(fds[1]);
	lab_refuse(LAB_EPOLL_WAIT, EINTR, 3);
	lab_refuse(LAB_EPOLL_PWAIT2, EINTR, 3);
	iv_main();
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

FATAL_TEST_ONCE(failing_wait, "iv_main: epoll_wait: EBADF")
{
	struct watch w;
	int fds[2];

	choose("epoll");
	iv_init();
	make_pipe(fds);
	watch_start(&w, fds[0], "i");
	lab_refuse(LAB_EPOLL_WAIT, EBADF, 1);
	turns(1);
}

#if defined(HAVE_EPOLL_PWAIT2) && defined(SYS_epoll_pwait2)
static const int absent[] = { ENOSYS, EPERM, EINVAL, EACCES, EOPNOTSUPP };

/* It is asked for only where there is a limit. */
EPOLL_TEST(without_epoll_pwait2)
{
	struct iv_timer far;
	struct iv_fd fd;
	int i;

	for (i = 0; i < 5; i++) {
		iv_init();
		timer_after(&far, 60000, never_handler, NULL);
		iv_timer_register(&far);
		make_pipe(ring);
		IV_FD_INIT(&fd);
		fd.fd = ring[0];
		fd.handler_in = next_lap;
		iv_fd_register(&fd);
		poke(ring[1]);
		laps = 10;
		lab_reset();
		lab_refuse(LAB_EPOLL_PWAIT2, absent[i], ~0U);
		iv_main();
		CHECK_INT(lab_count(LAB_EPOLL_PWAIT2), ==, 1);
		CHECK_INT(lab_count(LAB_EPOLL_WAIT), ==, 10);
		iv_fd_unregister(&fd);
		iv_timer_unregister(&far);
		close_pair(ring);
		loop_works();
		iv_deinit();
	}
}

static void check_denied(int err)
{
	const char *method = getenv("IV_SELECT_POLL_METHOD");

	deny_syscall(SYS_epoll_pwait2, err);
	iv_init();
	loop_works();
	CHECK_STR(iv_poll_method_name(), method);
	iv_deinit();
}

EPOLL_TEST(epoll_pwait2_denied_with_enosys)
{
	check_denied(ENOSYS);
}

EPOLL_TEST(epoll_pwait2_denied_with_eperm)
{
	check_denied(EPERM);
}

EPOLL_TEST(epoll_pwait2_denied_with_einval)
{
	check_denied(EINVAL);
}

EPOLL_TEST(epoll_pwait2_denied_with_eacces)
{
	check_denied(EACCES);
}

EPOLL_TEST(epoll_pwait2_denied_with_eopnotsupp)
{
	check_denied(EOPNOTSUPP);
}
#endif
