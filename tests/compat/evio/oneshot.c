/* SPDX-License-Identifier: MIT */
/*
 * oneshot.c - evio, generation 2: what is told after what, in a table; timers;
 * waiting without telling.  both.c has what the generations share.
 */
#include <limits.h>
#include <unistd.h>
#include "compat/evio/rig.h"

/* ---- The table ----------------------------------------------------------------- */

static int fd[2];

EVIO_TEST(table)
{
	static const struct step steps[] = {
		{ ADD, 'a', 0, "ra" },
		{ NOTHING, 0, 0, "" },
		/* The other direction is armed still. */
		{ PEER_WRITES, 0, 0, "da" },
		{ PEER_WRITES, 0, 0, "" },
		/* Arming looks at what there is. */
		{ ADD, 'b', 0, "db rb" },
		{ NOTHING, 0, 0, "" },
		{ ADD_READ, 'c', 0, "dc" },
		{ ADD_WRITE, 'd', 0, "rd" },
		/* Each direction has an argument of its own ... */
		{ ADD_READ, 'e', 0, NULL },
		{ ADD_WRITE, 'f', 0, "de rf" },
		/* ... the last one given. */
		{ ADD, 'g', 0, NULL },
		{ ADD_READ, 'h', 0, NULL },
		{ ADD_READ, 'i', 0, "di rg" },
		{ READ_ALL, 0, 0, "" },
		{ ADD_READ, 'j', 0, "" },
		{ ADD_READ, 'k', 0, "" },
		{ PEER_WRITES, 0, 0, "dk" },
		{ READ_ALL, 0, 0, "" },
		{ FILL, 0, 0, "" },
		{ ADD, 'l', 0, "" },
		{ PEER_WRITES, 0, 0, "dl" },
		{ PEER_READS, 0, 0, "rl" },
		{ ADD, 'm', 0, NULL },
		{ REMOVE, 0, 0, "" },
		{ REMOVE, 0, 0, "" },
		{ ADD_READ, 'n', 0, "dn" },
	};

	make_pair(fd);
	WALK(fd, steps);
	CHECK_SYS(close(fd[1]));
}

EVIO_TEST(half_close_is_data)
{
	static const struct step steps[] = {
		{ ADD, 'a', 0, "ra" },
		{ PEER_WRITES, 0, 0, "da" },
		{ PEER_ENDS, 0, 0, "" },
		{ ADD, 'b', 0, "db rb" },
		{ READ_ALL, 0, 0, "" },
		{ ADD_READ, 'c', 0, "dc" },
		{ ADD_WRITE, 'd', 0, "rd" },
		{ NOTHING, 0, 0, "" },
	};

	make_pair(fd);
	WALK(fd, steps);
	CHECK_SYS(close(fd[1]));
}

/* One error, though both directions are armed; then nothing is. */
EVIO_TEST(hang_up_is_one_error)
{
	const struct step steps[] = {
		{ ADD, 'a', 0, "ra" },
		{ ADD_WRITE, 'a', 0, "ra" },
		{ FILL, 0, 0, "" },
		{ ADD, 'a', 0, "" },
		{ PEER_CLOSES, 0, 0, IS_KQUEUE ? "da? xa" : "xa" },
		{ NOTHING, 0, 0, "" },
		{ ADD_WRITE, 'c', 0, "xc" },
		{ ADD_WRITE, 'd', 0, "xd" },
	};

	make_pair(fd);
	WALK(fd, steps);
}

/* What is armed anew by the first callback of an event is not lost, and neither
   is the second one. */
static char was[8];
static int nwas;

static void arm_again(char what, void *arg)
{
	was[nwas++] = what;
	if (nwas == 1)
		CHECK_SYS(evio_add_read(fd[0], arg));
}

EVIO_TEST(armed_by_its_first_callback)
{
	make_pair(fd);
	poke(fd[1]);
	CHECK_SYS(evio_create());
	CHECK_SYS(evio_add(fd[0], ARG('a')));
	tell = arm_again;
	CHECK_INT(evio_review(0), ==, 2);
	CHECK_INT(evio_review(0), ==, 1);
	CHECK_INT(evio_review(0), ==, 0);
	tell = NULL;
	CHECK_STR(was, IS_KQUEUE && was[0] == 'r' ? "rdd" : "drd");
	evio_close();
	close_pair(fd);
}

/* What it arms with another argument is told by that, and not by the old one,
   which may be gone. */
static void exchange(char what, void *arg)
{
	if (nwas == 0)
		CHECK_SYS(evio_add(fd[0], ARG('b')));
	CHECK_PTR(arg, ==, ARG(nwas == 0 ? 'a' : 'b'));
	was[nwas++] = what;
}

EVIO_TEST(exchanged_by_its_first_callback)
{
	make_pair(fd);
	poke(fd[1]);
	CHECK_SYS(evio_create());
	CHECK_SYS(evio_add(fd[0], ARG('a')));
	tell = exchange;
	CHECK_INT(evio_review(0), ==, 1);
	CHECK_INT(evio_review(0), ==, 2);
	CHECK_INT(evio_review(0), ==, 0);
	tell = NULL;
	CHECK_INT(nwas, ==, 3);
	evio_close();
	close_pair(fd);
}

/* ... not even if that has been told already, here by a review within the
   review, as in another thread. */
static void exchange_and_review(char what, void *arg)
{
	was[nwas++] = what;
	CHECK_PTR(arg, ==, ARG(nwas == 1 ? 'a' : 'b'));
	if (nwas > 1)
		return;
	CHECK_SYS(evio_add(fd[0], ARG('b')));
	CHECK_INT(evio_review(0), ==, 2);
}

EVIO_TEST(exchanged_and_told_by_its_first_callback)
{
	make_pair(fd);
	poke(fd[1]);
	CHECK_SYS(evio_create());
	CHECK_SYS(evio_add(fd[0], ARG('a')));
	tell = exchange_and_review;
	CHECK_INT(evio_review(0), ==, 1);
	CHECK_INT(evio_review(0), ==, 0);
	tell = NULL;
	CHECK_INT(nwas, ==, 3);
	evio_close();
	close_pair(fd);
}

/* What was armed went with the file: the next one has its own arguments. */
EVIO_TEST(number_is_used_again)
{
	int next[2];

	fence_allow(FENCE_KERNEL, "closed without a word");
	CHECK_SYS(evio_create());
	make_pair(fd);
	CHECK_SYS(evio_add_read(fd[0], ARG('a')));
	CHECK_SYS(close(fd[0]));
	make_pair(next);
	CHECK_INT(next[0], ==, fd[0]);
	poke(next[1]);
	CHECK_SYS(evio_add_write(next[0], ARG('b')));
	expect(0, "rb");
	CHECK_SYS(evio_add_write(next[0], ARG('c')));
	CHECK_SYS(close(next[1]));
	expect(0, "xc");
	evio_close();
	CHECK_SYS(close(next[0]));
	CHECK_SYS(close(fd[1]));
}

/* ... also if the kernel has both files by that number, and the first one gets
   it back: what is armed is the file. */
EVIO_TEST(file_comes_back_to_its_number)
{
	int next[2], copy;

	fence_allow(FENCE_KERNEL, "closed without a word");
	CHECK_SYS(evio_create());
	make_pair(fd);
	make_pair(next);
	copy = (int)CHECK_SYS(dup(fd[0]));
	fill(fd[0]);
	CHECK_SYS(evio_add_write(fd[0], ARG('a')));
	CHECK_SYS(dup2(next[0], fd[0]));
	CHECK_SYS(evio_add_read(fd[0], ARG('b')));
	expect(0, "");
	CHECK_SYS(dup2(copy, fd[0]));
	CHECK_SYS(evio_add_write(fd[0], ARG('c')));
	poke(fd[1]);
	poke(next[1]);
	expect(0, "");
	drain(fd[1]);
	expect(0, "rc");
	CHECK_SYS(evio_add_read(fd[0], ARG('d')));
	expect(0, "dd");
	evio_close();
	CHECK_SYS(close(copy));
	close_pair(next);
	close_pair(fd);
}

/* ... and if that happens while one direction of the second is being told of:
   nobody has armed the first one again. */
static int quiet[2][2], busy[2][2], copies[2];

static void give_back_the_other(char what, void *arg)
{
	int other = arg == ARG('a');

	CHECK_INT(what, ==, 'd');
	if (nwas++ == 0)
		CHECK_SYS(dup2(copies[other], quiet[other][0]));
}

static void take_the_number(int i)
{
	make_pair(quiet[i]);
	make_pair(busy[i]);
	copies[i] = (int)CHECK_SYS(dup(quiet[i][0]));
	CHECK_SYS(evio_add_read(quiet[i][0], ARG('q')));
	CHECK_SYS(dup2(busy[i][0], quiet[i][0]));
	fill(busy[i][0]);
	CHECK_SYS(evio_add(quiet[i][0], ARG('a' + i)));
	poke(busy[i][1]);
}

EVIO_TEST(file_comes_back_within_a_review)
{
	int i;

	fence_allow(FENCE_KERNEL, "closed without a word");
	CHECK_SYS(evio_create());
	for (i = 0; i < 2; i++)
		take_the_number(i);
	tell = give_back_the_other;
	CHECK_INT(evio_review(0), ==, 2);
	tell = NULL;
	expect(0, "");
	evio_close();
	for (i = 0; i < 2; i++) {
		close_pair(quiet[i]);
		close_pair(busy[i]);
	}
	close_pair(copies);
}

/* ---- Timers -------------------------------------------------------------------- */

EVIO_TEST(timer_ticks_once)
{
	int timer;

	CHECK_SYS(evio_create());
	timer = (int)CHECK_SYS(evio_open_timer());
	CHECK_SYS(evio_set_timer(timer, ARG('t'), 10));
	expect(5000, "dt");
	CHECK_INT(evio_wait(50), ==, 0);
	CHECK_SYS(evio_set_timer(timer, ARG('u'), 10));
	expect(5000, "du");
	CHECK_SYS(evio_set_timer(timer, ARG('v'), 0));
	expect_sleep(50);
	CHECK_SYS(evio_set_timer(timer, ARG('w'), 3600000));
	CHECK_SYS(evio_set_timer(timer, ARG('x'), 10));
	expect(5000, "dx");
	CHECK_SYS(evio_set_timer(timer, ARG('y'), 10));
	evio_remove(timer);
	expect_sleep(50);
	evio_close();
	CHECK_SYS(close(timer));
}

/* A tick that nobody has been told of is forgotten. */
EVIO_TEST(timer_is_set_again_late)
{
	int timer;

	CHECK_SYS(evio_create());
	timer = (int)CHECK_SYS(evio_open_timer());
	CHECK_SYS(evio_set_timer(timer, ARG('t'), 1));
	CHECK_INT(evio_wait(5000), ==, 1);
	CHECK_SYS(evio_set_timer(timer, ARG('u'), 3600000));
	expect_sleep(20);
	evio_close();
	CHECK_SYS(close(timer));
}

EVIO_TEST(timer_number_is_used_again)
{
	int timer;

	CHECK_SYS(evio_create());
	timer = (int)CHECK_SYS(evio_open_timer());
	CHECK_SYS(evio_set_timer(timer, ARG('t'), 40));
	CHECK_SYS(close(timer));
	make_pair(fd);
	CHECK_INT(fd[0], ==, timer);
	CHECK_SYS(evio_add(fd[0], ARG('p')));
	expect(0, "rp");
	expect_sleep(90);
	CHECK_SYS(close(fd[1]));
	expect(0, IS_KQUEUE ? "dp? xp?" : "xp");
	CHECK_SYS(evio_add_write(fd[0], ARG('q')));
	expect(0, "xq");
	evio_close();
	CHECK_SYS(close(fd[0]));
}

/* ---- Waiting -------------------------------------------------------------------- */

EVIO_TEST(wait_tells_nothing)
{
	CHECK_ERRNO(evio_wait(0), EBADF);
	CHECK_SYS(evio_create());
	make_pair(fd);
	CHECK_SYS(evio_add_read(fd[0], ARG('a')));
	CHECK_INT(evio_wait(0), ==, 0);
	CHECK_INT(evio_wait(20), ==, 0);
	poke(fd[1]);
	CHECK_INT(evio_wait(-1), ==, 1);
	CHECK_INT(evio_wait(INT_MIN), ==, 1);
	expect(0, "da");
	CHECK_INT(evio_wait(0), ==, 0);
	evio_close();
	CHECK_ERRNO(evio_wait(0), EBADF);
	close_pair(fd);
}

/* What it returns is not the same on both. */
EVIO_TEST(create_succeeds)
{
	int i;

	for (i = 0; i < 3; i++)
		if (IS_KQUEUE)
			CHECK_INT(evio_create(), >, 0);
		else
			CHECK_INT(evio_create(), ==, 0);
	evio_close();
}
