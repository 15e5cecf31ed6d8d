/* SPDX-License-Identifier: MIT */
/*
 * dev_poll.c - what /dev/poll costs, what it refuses, how it waits: on the
 * emulated kernel, which can be made to.
 */
#include "config.h"
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <iv_loop.h>
#include "emu/emu.h"
#include "poll/lab.h"

#define MANY	600
#define FEW	200		/* their changes make one write */

static struct watch many[MANY];
static int ends[MANY];

static void begin(void)
{
	setenv("IV_SELECT_POLL_METHOD", "dev_poll", 1);
	iv_init();
}

static void start(int n)
{
	int i, fds[2];

	begin();
	for (i = 0; i < n; i++) {
		make_socketpair(fds);
		watch_start(&many[i], fds[0], "i");
		ends[i] = fds[1];
	}
	turns(1);
	lab_reset();
}

static void finish(int n)
{
	int i;

	for (i = 0; i < n; i++) {
		watch_end(&many[i]);
		CHECK_SYS(close(ends[i]));
	}
	iv_main();
	iv_deinit();
}

static void set_all(int n, const char *bands)
{
	int i;

	for (i = 0; i < n; i++)
		watch_set(&many[i], bands);
}

/* In the next turn each sees that. */
static void check_all(int n, const char *bands)
{
	int i;

	turns(1);
	for (i = 0; i < n; i++)
		CHECK_STR(watch_seen(&many[i], 1), bands);
}

/* ---- System calls ------------------------------------------------------------ */

TEST_ONCE(one_write_for_all_changes_of_a_turn)
{
	start(FEW);
	turns(5);
	CHECK_INT(emu_calls(EMU_DEVPOLL_WRITE), ==, 0);
	CHECK_INT(lab_waits(), ==, 5);
	set_all(FEW, "io");
	CHECK_INT(emu_calls(EMU_DEVPOLL_WRITE), ==, 0);
	check_all(FEW, "o");
	CHECK_INT(emu_calls(EMU_DEVPOLL_WRITE), ==, 1);
	set_all(FEW, "");
	set_all(FEW, "io");
	check_all(FEW, "o");
	CHECK_INT(emu_calls(EMU_DEVPOLL_WRITE), ==, 1);
	set_all(FEW, "i");
	check_all(FEW, "");
	CHECK_INT(emu_calls(EMU_DEVPOLL_WRITE), ==, 2);
	finish(FEW);
}

/* It will be closed, so it cannot be left for later. */
TEST_ONCE(unregistered_at_once)
{
	start(2);
	iv_fd_unregister(&many[0].fd);
	CHECK_INT(emu_calls(EMU_DEVPOLL_WRITE), ==, 1);
	CHECK_SYS(close(many[0].fd.fd));
	CHECK_SYS(close(ends[0]));
	turns(1);
	many[0] = many[1];
	watch_end(&many[1]);
	CHECK_SYS(close(ends[1]));
	iv_deinit();
}

TEST_ONCE(device_is_closed_on_exec)
{
	int fd, found = 0;

	for (fd = 3; fd < 64; fd++)
		if (fcntl(fd, F_GETFD) == 0)
			fcntl(fd, F_SETFD, FD_CLOEXEC);
	begin();
	for (fd = 3; fd < 64; fd++) {
		CHECK_INT(fcntl(fd, F_GETFD), !=, 0);
		found += fcntl(fd, F_GETFD) > 0;
	}
	CHECK_INT(found, >, 0);
	iv_deinit();
}

/* ---- Events are OR-ed ------------------------------------------------------------ */

/* From any set of bands to any other, with nothing between. */
TEST_ONCE(from_each_to_each)
{
	static const char *const bands[] = {
		"", "i", "o", "e", "io", "ie", "oe", "ioe"
	};
	int i, j;

	start(1);
	poke(ends[0]);
	for (i = 0; i < 8; i++)
		for (j = 0; j < 8; j++) {
			watch_set(&many[0], bands[i]);
			turns(1);
			watch_seen(&many[0], 1);
			watch_set(&many[0], bands[j]);
			lab_reset();
			turns(1);
			CHECK_STR(watch_seen(&many[0], 1),
				  strchr(bands[j], 'i') ?
				  strchr(bands[j], 'o') ? "io" : "i" :
				  strchr(bands[j], 'o') ? "o" : "");
			CHECK_INT(emu_calls(EMU_DEVPOLL_WRITE), ==, i != j);
		}
	finish(1);
}

/* ---- What is refused ----------------------------------------------------------------- */

TEST_ONCE(closed_descriptor)
{
	struct watch w;

	begin();
	watch_init(&w, 999, "i");
	CHECK_ERRNO(iv_fd_register_try(&w.fd), EBADF);
	watch_init(&w, 999, "");
	CHECK_ERRNO(iv_fd_register_try(&w.fd), EBADF);
	CHECK(!iv_fd_registered(&w.fd));
	iv_deinit();
}

/* POLLNVAL for ever: told once, and removed. */
TEST_ONCE(closed_while_registered)
{
	start(2);
	CHECK_SYS(close(many[0].fd.fd));
	check_all(1, "i");
	check_all(1, "");
	CHECK_INT(emu_calls(EMU_DEVPOLL_WRITE), ==, 1);
	poke(ends[1]);
	turns(1);
	CHECK_STR(watch_seen(&many[1], 1), "i");
	iv_fd_unregister(&many[0].fd);
	CHECK_INT(emu_calls(EMU_DEVPOLL_WRITE), ==, 1);
	CHECK_SYS(close(ends[0]));
	watch_end(&many[1]);
	CHECK_SYS(close(ends[1]));
	iv_deinit();
}

/*
 * Closed before it was written: the kernel would say nothing, and keep the
 * events for whatever gets the number.  Told once, and left out.
 */
TEST_ONCE(closed_before_it_is_written)
{
	int fds[2], more[2];

	begin();
	make_socketpair(fds);
	make_socketpair(more);
	watch_start(&many[0], fds[0], "io");
	CHECK_SYS(close(fds[0]));
	lab_reset();
	check_all(1, "io");
	check_all(1, "");
	poke(more[1]);
	CHECK_SYS(dup2(more[0], fds[0]));
	check_all(1, "");
	iv_fd_unregister(&many[0].fd);
	watch_start(&many[0], fds[0], "i");
	check_all(1, "i");
	CHECK_INT(drain(fds[0]), ==, 1);
	check_all(1, "");
	check_no_spin();
	watch_end(&many[0]);
	CHECK_SYS(close(fds[1]));
	close_pair(more);
	iv_deinit();
}

/* ... or while its handlers change. */
TEST_ONCE(closed_when_its_handlers_change)
{
	int fd, more[2];

	start(1);
	make_socketpair(more);
	watch_set(&many[0], "io");
	turns(1);
	CHECK_STR(watch_seen(&many[0], 1), "o");
	CHECK_SYS(close(many[0].fd.fd));
	watch_set(&many[0], "i");
	check_all(1, "i");
	CHECK_SYS(dup2(more[0], many[0].fd.fd));
	fd = many[0].fd.fd;
	check_all(1, "");
	check_no_spin();
	iv_fd_unregister(&many[0].fd);
	CHECK_SYS(close(fd));
	CHECK_SYS(close(ends[0]));
	close_pair(more);
	iv_deinit();
}

TEST_ONCE(gives_way_to_the_next)
{
	setenv("IV_EXCLUDE_POLL_METHOD", "port port-timer", 1);
	emu_fail(EMU_DEVPOLL_OPEN, ENOENT, 1, 1);
	iv_init();
	CHECK(strcmp(iv_poll_method_name(), "dev_poll") != 0);
	loop_works();
	iv_deinit();
}

TEST_ONCE(gives_way_if_it_cannot_be_asked)
{
	setenv("IV_EXCLUDE_POLL_METHOD", "port port-timer", 1);
	emu_fail(EMU_WAIT, EPERM, 1, 1);
	iv_init();
	CHECK(strcmp(iv_poll_method_name(), "dev_poll") != 0);
	loop_works();
	iv_deinit();
}

/* ---- Limits and short writes --------------------------------------------------------- */

static void check_toggling(void)
{
	int i;

	for (i = 0; i < 3; i++) {
		set_all(MANY, "io");
		check_all(MANY, "o");
		set_all(MANY, "i");
		check_all(MANY, "");
		set_all(MANY, "o");
		check_all(MANY, "o");
		set_all(MANY, "");
		check_all(MANY, "");
	}
}

TEST_ONCE(more_changes_than_descriptors_permitted)
{
	begin();
	iv_deinit();
	emu_limit(EMU_LIMIT_NOFILE, 64);
	start(MANY);
	check_toggling();
	finish(MANY);
}

TEST_ONCE(limit_lowered_meanwhile)
{
	start(MANY);
	emu_limit(EMU_LIMIT_NOFILE, 100);
	check_toggling();
	finish(MANY);
}

/* Cut to so few that the library does not ask for more: they have their turn,
   all of them before any has it again. */
TEST_ONCE(answers_of_a_few)
{
	int i, j, seen;

	start(MANY);
	emu_limit(EMU_LIMIT_NOFILE, 60);
	for (i = 0; i < MANY; i++)
		poke(ends[i]);
	for (i = 1; i <= MANY / 60; i++) {
		turns(1);
		for (j = seen = 0; j < MANY; j++) {
			CHECK_INT(many[j].in, <=, 1);
			seen += (int)many[j].in;
		}
		CHECK_INT(seen, ==, 60 * i);
	}
	finish(MANY);
}

/* As older kernels do where there is room for more than the limit. */
TEST_ONCE(answers_that_are_refused)
{
	int i;

	start(MANY);
	for (i = 0; i < MANY; i++)
		poke(ends[i]);
	emu_fail(EMU_WAIT, EINVAL, 1, 5);
	check_all(MANY, "i");
	check_all(MANY, "i");
	finish(MANY);
}

/* All that is ready is fetched in the same turn, however many calls it
   takes, and each handler is called once. */
TEST_ONCE(more_ready_than_descriptors_permitted)
{
	int i;

	start(MANY);
	emu_limit(EMU_LIMIT_NOFILE, 100);
	for (i = 0; i < MANY; i++)
		poke(ends[i]);
	check_all(MANY, "i");
	check_all(MANY, "i");
	finish(MANY);
}

TEST_ONCE(short_writes)
{
	start(MANY);
	emu_limit(EMU_LIMIT_WRITE, 8 * 7);
	check_toggling();
	emu_limit(EMU_LIMIT_WRITE, 8 * 3 + 5);
	check_toggling();
	finish(MANY);
}

/* More changes than are collected. */
TEST_ONCE(changes_that_do_not_fit)
{
	int i, j;

	time_limit(30);
	start(MANY);
	for (i = 0; i < 20; i++) {
		set_all(MANY, i % 2 ? "i" : "io");
		for (j = 0; j < MANY; j++) {
			iv_fd_unregister(&many[j].fd);
			CHECK_SYS(iv_fd_register_try(&many[j].fd));
		}
	}
	check_all(MANY, "");
	finish(MANY);
}

/* ---- Errors ------------------------------------------------------------------------------ */

TEST_ONCE(interrupted_write)
{
	start(3);
	set_all(3, "o");
	emu_fail(EMU_DEVPOLL_WRITE, EINTR, 1, 3);
	check_all(3, "o");
	emu_fail(EMU_DEVPOLL_WRITE, EINTR, 1, 3);
	finish(3);
}

TEST_ONCE(write_without_memory)
{
	start(3);
	set_all(3, "o");
	emu_fail(EMU_DEVPOLL_WRITE, ENOMEM, 1, 2);
	check_all(3, "");
	check_all(3, "");
	check_all(3, "o");
	finish(3);
}

/* Unregistering cannot fail: it is written later, and before anything that
   has the number by then. */
TEST_ONCE(write_without_memory_when_unregistering)
{
	int number;

	start(3);
	emu_fail(EMU_DEVPOLL_WRITE, ENOMEM, 1, 1);
	number = many[2].fd.fd;
	watch_end(&many[2]);
	memset(&many[2], 0xa5, sizeof(many[2]));
	CHECK_INT(fcntl(ends[1], F_DUPFD, number), ==, number);
	watch_start(&many[2], number, "o");
	set_all(3, "o");
	check_all(3, "o");
	finish(3);
}

/* Unregisters the last one while changes can neither be written nor kept. */
static void end_last_without_room(void)
{
	int i;

	emu_fail(EMU_DEVPOLL_WRITE, ENOMEM, 1, ~0U);
	for (i = 0; i < 10; i++) {
		set_all(MANY, i % 2 ? "i" : "io");
		turns(1);
	}
	/* Whom there was no room for was asked. */
	for (i = 0; i < MANY; i++)
		watch_seen(&many[i], 10);
	watch_end(&many[MANY - 1]);
	CHECK_SYS(close(ends[MANY - 1]));
	memset(&many[MANY - 1], 0xa5, sizeof(many[0]));
	CHECK_INT(emu_calls(EMU_DEVPOLL_OPEN), ==, 1);
	emu_reset();
}

/* A new set is as good. */
TEST_ONCE(no_room_when_unregistering)
{
	start(MANY);
	end_last_without_room();
	set_all(MANY - 1, "o");
	check_all(MANY - 1, "o");
	finish(MANY - 1);
}

static int readable(int number)
{
	struct pollfd pfd = { number, POLLIN, 0 };

	return (int)CHECK_SYS(poll(&pfd, 1, 0));
}

/* The number that a host watches becomes the new set. */
TEST_ONCE(no_room_inside_a_host)
{
	struct timespec left;
	int number, fds[2];

	make_pipe(fds);
	start(MANY);
	number = (int)CHECK_SYS(iv_loop_fd());
	close_pair(fds);	/* lower numbers are free now */
	end_last_without_room();
	CHECK_INT(iv_loop_fd(), ==, number);
	set_all(MANY - 1, "i");
	CHECK_INT(iv_loop_timeout(&left), ==, 0);
	CHECK_INT(readable(number), ==, 0);
	poke(ends[0]);
	CHECK_INT(readable(number), ==, 1);
	iv_run(IV_RUN_NOWAIT);
	CHECK_STR(watch_seen(&many[0], 1), "i");
	CHECK_INT(drain(many[0].fd.fd), ==, 1);
	CHECK_INT(fcntl(number, F_GETFD), ==, FD_CLOEXEC);
	finish(MANY - 1);
}

FATAL_TEST_ONCE(failing_write, "iv_main: /dev/poll: write: EFAULT")
{
	start(1);
	set_all(1, "io");
	emu_fail(EMU_DEVPOLL_WRITE, EFAULT, 1, 1);
	turns(1);
}

TEST_ONCE(interrupted_wait_is_just_a_turn)
{
	start(2);
	poke(ends[0]);
	turns(1);
	CHECK_STR(watch_seen(&many[0], 1), "i");
	drain(many[0].fd.fd);
	poke(ends[1]);
	emu_fail(EMU_WAIT, EINTR, 1, 3);
	turns(3);
	CHECK_STR(watch_seen(&many[0], 0), "");
	CHECK_STR(watch_seen(&many[1], 0), "");
	turns(1);
	CHECK_STR(watch_seen(&many[0], 0), "");
	CHECK_STR(watch_seen(&many[1], 1), "i");
	finish(2);
}

TEST_ONCE(lack_of_memory_passes)
{
	start(1);
	poke(ends[0]);
	emu_fail(EMU_WAIT, ENOMEM, 1, 1);
	turns(1);
	emu_fail(EMU_WAIT, EAGAIN, 1, 1);
	turns(1);
	CHECK_STR(watch_seen(&many[0], 0), "");
	turns(1);
	CHECK_STR(watch_seen(&many[0], 1), "i");
	finish(1);
}

FATAL_TEST_ONCE(failing_wait, "iv_main: /dev/poll: DP_POLL: EFAULT")
{
	start(1);
	emu_fail(EMU_WAIT, EFAULT, 1, 1);
	turns(1);
}

/* ---- Forked children ----------------------------------------------------------------------- */

static void in_child(void *unused)
{
	(void)unused;
	check_all(3, "i");
	watch_end(&many[0]);
	check_all(1, "");
	CHECK_INT(emu_faults(EMU_FAULT_INHERITED), ==, 0);
}

TEST_ONCE(child_opens_its_own)
{
	int i;

	start(3);
	for (i = 0; i < 3; i++)
		poke(ends[i]);
	set_all(3, "io");
	set_all(3, "i");
	reap_child(fork_child(in_child, NULL));
	check_all(3, "i");
	finish(3);
}

/* What was to be written in the parent is nothing to the child's set. */
static void quiet_child(void *unused)
{
	struct iv_timer timer;

	(void)unused;
	watch_set(&many[0], "");
	lab_reset();
	timer_after(&timer, 30, quit_handler, NULL);
	iv_timer_register(&timer);
	iv_main();
	CHECK_INT(lab_waits(), <=, 12);
}

TEST_ONCE(child_forgets_unwritten_changes)
{
	start(1);
	iv_fd_unregister(&many[0].fd);
	CHECK_SYS(iv_fd_register_try(&many[0].fd));
	poke(ends[0]);
	reap_child(fork_child(quiet_child, NULL));
	check_all(1, "i");
	finish(1);
}
