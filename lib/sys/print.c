/* SPDX-License-Identifier: MIT */
/*
 * print.c - text about what is going on.
 *
 * dladdr(3) knows what is exported, and what is nearest to that; a function
 * that is not exported is named by the file it is in and its place there, which
 * is what debuggers and addr2line(1) want.  It is used where it is in the C
 * library itself.
 */
#include "config.h"
#include "sys/sys.h"

#ifdef HAVE_DLADDR_IN_LIBC
#include <dlfcn.h>
#endif
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_SIZE	1024

/* In the place of what is left out. */
static const char cut[] = "...\n";

void ivi_print(int fd, const char *fmt, ...)
{
	char text[TEXT_SIZE];
	size_t at = 0, size;
	ssize_t n = 1;
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) >= (int)sizeof(text))
		memcpy(text + sizeof(text) - sizeof(cut), cut, sizeof(cut));
	va_end(ap);
	size = strlen(text);
	while (at < size && n > 0) {
		n = ivi_write(fd, text + at, size - at);
		at += n > 0 ? (size_t)n : 0;
	}
}

#ifdef HAVE_DLADDR_IN_LIBC
static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static bool name_by_linker(const void *code, char *name, size_t size)
{
	Dl_info info;

	if (dladdr(code, &info) == 0 || info.dli_fname == NULL)
		return false;
	if (info.dli_sname != NULL && info.dli_saddr == code)
		snprintf(name, size, "%s", info.dli_sname);
	else
		snprintf(name, size, "%s+0x%lx", last_part(info.dli_fname),
			 (unsigned long)((uintptr_t)code -
					 (uintptr_t)info.dli_fbase));
	return true;
}
#else
static bool name_by_linker(const void *code, char *name, size_t size)
{
	(void)code;
	(void)name;
	(void)size;
	return false;
}
#endif

struct ivi_code ivi_code(const void *code)
{
	struct ivi_code c = { "-" };

	if (code != NULL && !name_by_linker(code, c.name, sizeof(c.name)))
		snprintf(c.name, sizeof(c.name), "%p", code);
	return c;
}
