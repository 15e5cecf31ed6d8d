/* SPDX-License-Identifier: MIT */
/*
 * edge.c - evio, generation 1: what is told after what, in a table; timers.
 * both.c has what the generations share.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "compat/evio/rig.h"

/* ---- The table ----------------------------------------------------------------- */

static int fd[2];

/*
 * On epoll each arrival tells "ready" as well while there is room; on kqueue
 * it may.
 */
#define READY	IS_KQUEUE ? "da ra?" : "da ra"

EVIO_TEST(table)
{
	const struct step steps[] = {
		{ ADD, 'a', 0, "ra" },
		{ NOTHING, 0, 0, "" },
		/* The kernel's queue may look again. */
		{ ADD, 'b', EEXIST, IS_KQUEUE ? "ra?" : "" },
		{ PEER_WRITES, 0, 0, READY },
		{ NOTHING, 0, 0, "" },
		/* Nothing was read; it is new all the same. */
		{ PEER_WRITES, 0, 0, READY },
		{ READ_ALL, 0, 0, "" },
		{ FILL, 0, 0, "" },
		{ PEER_WRITES, 0, 0, "da" },
		{ READ_ALL, 0, 0, "" },
		{ PEER_READS, 0, 0, "ra" },
		{ REMOVE, 0, 0, "" },
		{ PEER_WRITES, 0, 0, "" },
		{ REMOVE, 0, ENOENT, "" },
		{ ADD, 'c', 0, "dc rc" },
		{ NOTHING, 0, 0, "" },
	};

	make_pair(fd);
	WALK(fd, steps);
	CHECK_SYS(close(fd[1]));
}

/* A peer that has finished sending is input. */
EVIO_TEST(half_close_is_data)
{
	const struct step steps[] = {
		{ ADD, 'a', 0, "ra" },
		{ PEER_WRITES, 0, 0, READY },
		{ PEER_ENDS, 0, 0, READY },
		{ NOTHING, 0, 0, "" },
		{ REMOVE, 0, 0, "" },
		{ ADD, 'a', 0, "da ra" },
		{ READ_ALL, 0, 0, "" },
	};

	make_pair(fd);
	WALK(fd, steps);
	CHECK_SYS(close(fd[1]));
}

/* ... but one that is gone is an error, told once. */
EVIO_TEST(hang_up_is_an_error)
{
	const struct step steps[] = {
		{ ADD, 'a', 0, "ra" },
		{ PEER_WRITES, 0, 0, READY },
		/* What is there to be read may be told before that. */
		{ PEER_CLOSES, 0, 0, IS_KQUEUE ? "da? xa" : "xa" },
		{ NOTHING, 0, 0, "" },
		{ REMOVE, 0, 0, "" },
		{ ADD, 'b', 0, IS_KQUEUE ? "db? xb" : "xb" },
	};

	make_pair(fd);
	WALK(fd, steps);
}

/* Two files of one inode by the same number: whichever comes back, something is
   told of it. */
EVIO_TEST(file_of_one_inode_comes_back)
{
	char path[PATH_MAX];
	int copy;

	if (IS_KQUEUE)
		SKIP("has one file by a number");
	snprintf(path, sizeof(path), "%s/fifo", tmpdir());
	CHECK_SYS(mkfifo(path, 0600));
	fd[0] = (int)CHECK_SYS(open(path, O_RDWR | O_NONBLOCK));
	fd[1] = (int)CHECK_SYS(open(path, O_RDWR | O_NONBLOCK));
	copy = (int)CHECK_SYS(dup(fd[0]));
	CHECK_SYS(evio_create());
	CHECK_SYS(evio_add(fd[0], ARG('a')));
	CHECK_SYS(dup2(fd[1], fd[0]));
	CHECK_SYS(evio_add(fd[0], ARG('b')));
	CHECK_SYS(dup2(copy, fd[0]));
	CHECK_SYS(close(fd[1]));
	CHECK_ERRNO(evio_add(fd[0], ARG('c')), EEXIST);
	expect(0, "rb");
	poke(copy);
	expect(0, "db rb");
	evio_close();
	CHECK_SYS(close(copy));
	CHECK_SYS(close(fd[0]));
}

/* ---- Timers -------------------------------------------------------------------- */

EVIO_TEST(timer_repeats)
{
	int timer, i;

	CHECK_SYS(evio_create());
	timer = (int)CHECK_SYS(evio_open_timer());
	CHECK_INT(evio_add_timer(timer, ARG('t'), 20), ==, 0);
	for (i = 0; i < 3; i++) {
		expect(5000, IS_KQUEUE ? "dt" : "dt rt?");
		evio_reset_timer(timer);
	}
	CHECK_SYS(evio_remove(timer));
	evio_reset_timer(timer);
	expect_sleep(60);
	evio_close();
	CHECK_SYS(close(timer));
}

EVIO_TEST(timer_that_is_not_reset)
{
	int timer;

	if (IS_KQUEUE)
		SKIP("goes on by itself");
	CHECK_SYS(evio_create());
	timer = (int)CHECK_SYS(evio_open_timer());
	CHECK_INT(evio_add_timer(timer, ARG('t'), 10), ==, 0);
	expect(5000, "dt");
	expect_sleep(50);
	evio_reset_timer(timer);
	expect(5000, "dt");
	evio_close();
	CHECK_SYS(close(timer));
}

/* Set again it succeeds, and keeps its argument. */
EVIO_TEST(timer_is_set_again)
{
	int timer;

	CHECK_SYS(evio_create());
	timer = (int)CHECK_SYS(evio_open_timer());
	CHECK_INT(evio_add_timer(timer, ARG('t'), 3600000), ==, 0);
	expect_sleep(20);
	CHECK_INT(evio_add_timer(timer, ARG('u'), 10), ==, 0);
	expect(5000, "dt");
	CHECK_INT(evio_add_timer(timer, ARG('v'), 0), ==, 0);
	evio_reset_timer(timer);
	count_until_quiet('d');
	expect_sleep(50);
	CHECK_INT(evio_add_timer(timer, ARG('w'), 10), ==, 0);
	expect(5000, "dt");
	CHECK_SYS(evio_remove(timer));
	CHECK_INT(evio_add_timer(timer, ARG('x'), 10), ==, 0);
	expect(5000, "dx");
	evio_close();
	CHECK_SYS(close(timer));
}

/* What is no timer stays what it is. */
EVIO_TEST(timer_that_is_none)
{
	if (IS_KQUEUE)
		SKIP("any number will do");
	make_pair(fd);
	CHECK_SYS(evio_create());
	CHECK_SYS(evio_add(fd[0], ARG('a')));
	expect(0, "ra");
	CHECK_ERRNO(evio_add_timer(fd[0], ARG('t'), 1), EINVAL);
	poke(fd[1]);
	expect(0, "da ra");
	evio_close();
	close_pair(fd);
}

/* A timer whose descriptor was closed leaves nothing to the next one. */
EVIO_TEST(timer_number_is_used_again)
{
	int timer, next, pair[2];

	CHECK_SYS(evio_create());
	timer = (int)CHECK_SYS(evio_open_timer());
	CHECK_INT(evio_add_timer(timer, ARG('t'), 10), ==, 0);
	CHECK_SYS(close(timer));
	next = (int)CHECK_SYS(evio_open_timer());
	CHECK_INT(next, ==, timer);
	expect_sleep(50);
	CHECK_INT(evio_add_timer(next, ARG('u'), 10), ==, 0);
	expect(5000, "du");
	CHECK_SYS(close(next));
	make_pair(pair);
	CHECK_INT(pair[0], ==, next);
	CHECK_SYS(evio_add(pair[0], ARG('p')));
	expect(0, "rp");
	expect_sleep(50);
	evio_close();
	close_pair(pair);
}
