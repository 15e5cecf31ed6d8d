/* SPDX-License-Identifier: MIT */
/*
 * defaults.c - a program that leaves callbacks out, and has a weak function of
 * the name of one of the library's, as facil.io 0.5 does.
 *
 * Declared here and not by <evio.h>, whose evio_remove() takes an int.
 */
#include <unistd.h>
#include "harness/test.h"

intptr_t evio_create(void);
int evio_review(int ms);
void evio_close(void);
int evio_add(int fd, void *arg);
int evio_remove(intptr_t uuid);
void evio_on_data(void *arg);

/* It must not be this one. */
__attribute__((weak)) int evio_remove(intptr_t uuid)
{
	FAIL("the program's evio_remove(%ld)", (long)uuid);
}

static unsigned calls;

void evio_on_data(void *arg)
{
	CHECK_PTR(arg, ==, &calls);
	calls++;
}

TEST_ONCE(callbacks_that_are_left_out)
{
	int fd[2];

	CHECK_SYS(evio_create());
	make_socketpair(fd);
	CHECK_SYS(evio_add(fd[0], &calls));
	CHECK_INT(evio_review(0), ==, 1);
	poke(fd[1]);
	CHECK_INT(evio_review(0), >=, 1);
	CHECK_INT(calls, ==, 1);
	CHECK_SYS(close(fd[1]));
	CHECK_INT(evio_review(0), >=, 1);
	CHECK_SYS(evio_remove(fd[0]));
	evio_close();
	CHECK_SYS(close(fd[0]));
}
