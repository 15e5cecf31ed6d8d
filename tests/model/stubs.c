/* SPDX-License-Identifier: MIT */
/*
 * stubs.c - what the spy and the model want of the harness, whose main() is
 * not ours.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "harness/test.h"
#include "model/main.h"
#include "model/model.h"

void test_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%d: ", file, line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	world_fail("failed");
}

long long test_check_sys(const char *file, int line, const char *what,
			 long long ret)
{
	if (ret == -1)
		test_fail(file, line, "%s: %s", what, strerror(errno));
	return ret;
}

/* Debug builds note what a program may do but rarely means. */
void __wrap_ivi_note(const char *fmt, ...);

void __wrap_ivi_note(const char *fmt, ...)
{
	(void)fmt;
}

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>

void check_leaks(void)
{
	__lsan_do_leak_check();
}
#else
void check_leaks(void)
{
}
#endif
