/* SPDX-License-Identifier: MIT */
/*
 * print.c - tests of text that is written, and of names of functions.
 */
#include "config.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "sys/sys.h"
#include "harness/test.h"

static int fds[2];

static const char *printed(void)
{
	static char text[2048];
	ssize_t n = (ssize_t)CHECK_SYS(read(fds[0], text, sizeof(text) - 1));

	text[n] = '\0';
	return text;
}

TEST_ONCE(text_is_written)
{
	make_pipe(fds);
	ivi_print(fds[1], "%s %d\n", "seventeen", 17);
	CHECK_STR(printed(), "seventeen 17\n");
	close_pair(fds);
}

TEST_ONCE(what_is_too_long_is_cut)
{
	char much[4096];

	memset(much, 'x', sizeof(much) - 1);
	much[sizeof(much) - 1] = '\0';
	make_pipe(fds);
	ivi_print(fds[1], "%s", much);
	CHECK_INT(strlen(printed()), ==, 1023);
	close_pair(fds);
}

TEST_ONCE(nobody_reads_it)
{
	ivi_print(-1, "%s", "anything");
}

TEST_ONCE(no_function)
{
	CHECK_STR(IVI_CODE(NULL), "-");
}

static void hidden(void)
{
}

/* What is not exported has a file and a place in it, or an address. */
TEST_ONCE(names_of_functions)
{
	const char *name = strdup(IVI_CODE(hidden));

	CHECK(strstr(name, "0x") != NULL);
#ifdef HAVE_DLADDR_IN_LIBC
	CHECK(strchr(name, '+') != NULL || strcmp(name, "hidden") == 0);
	CHECK(strchr(IVI_CODE(getpid), '+') == NULL);
#endif
	free((void *)(uintptr_t)name);
}

/* On the stack there is none. */
TEST_ONCE(an_address_without_a_name)
{
	char address[32];

	snprintf(address, sizeof(address), "%p", (void *)address);
	CHECK_STR(IVI_CODE(address), address);
}
