/* SPDX-License-Identifier: MIT */
/*
 * selftest_kqueue.c - does the emulated kqueue do what the manual pages of
 * the real ones say?  Nothing of the library is used here.
 */
#include "config.h"
#include <sys/event.h>
#include <unistd.h>
#include "emu/emu.h"
#include "harness/test.h"

TEST_ONCE(queue_is_a_descriptor)
{
	int kq = (int)CHECK_SYS(kqueue());

	CHECK(fd_is_open(kq));
	CHECK_SYS(close(kq));
}
