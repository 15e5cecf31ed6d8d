/* SPDX-License-Identifier: MIT */
/*
 * fatal.c - the last words: iv_fatal() and what it needs.
 *
 * May run in any state, with locks held and signals blocked, so it
 * allocates nothing and takes no lock of ours.
 */
#include "config.h"
#include "sys/sys.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <syslog.h>

#define TEXT_SIZE	1024

static void (*fatal_handler)(const char *msg);

static void say(const char *prefix, const char *text)
{
	struct iovec iov[3] = {
		{ (void *)(uintptr_t)prefix, strlen(prefix) },
		{ (void *)(uintptr_t)text, strlen(text) },
		{ (void *)(uintptr_t)"\n", 1 },
	};
	int cancel = ivi_cancel_off();
	ssize_t ignored = writev(2, iov, 3);

	(void)ignored;
	ivi_cancel_restore(cancel);
}

void ivi_say(const char *fmt, ...)
{
	char text[TEXT_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say("", text);
}

IVI_PUBLIC void iv_fatal(const char *fmt, ...)
{
	void (*handler)(const char *msg);
	char text[TEXT_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	say("ivykis: ", text);
	handler = __atomic_load_n(&fatal_handler, __ATOMIC_ACQUIRE);
	if (handler != NULL)
		handler(text);
	else
		syslog(LOG_CRIT, "%s", text);
	abort();
}

void ivi_note(const char *fmt, ...)
{
	char text[TEXT_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say("ivykis: note: ", text);
}

IVI_PUBLIC void iv_set_fatal_msg_handler(void (*handler)(const char *msg))
{
	__atomic_store_n(&fatal_handler, handler, __ATOMIC_RELEASE);
}

/* Those that a call of ours may give; few C libraries know names. */
static const char *const names[] = {
#define NAME(err) [err] = #err
	NAME(EACCES), NAME(EAGAIN), NAME(EBADF), NAME(EBUSY), NAME(ECHILD),
	NAME(EEXIST), NAME(EFAULT), NAME(EINTR), NAME(EINVAL), NAME(EIO),
	NAME(EISDIR), NAME(ELOOP), NAME(EMFILE), NAME(ENAMETOOLONG),
	NAME(ENFILE), NAME(ENODEV), NAME(ENOENT), NAME(ENOEXEC),
	NAME(ENOMEM), NAME(ENOSPC), NAME(ENOSYS), NAME(ENOTDIR), NAME(ENXIO),
	NAME(EOPNOTSUPP), NAME(EOVERFLOW), NAME(EPERM), NAME(EPIPE),
	NAME(ERANGE), NAME(ESRCH), NAME(ETIMEDOUT),
#undef NAME
};

const char *ivi_errname(int err)
{
	static __thread char number[24] IVI_TLS_MODEL;

	if (err > 0 && err < (int)(sizeof(names) / sizeof(*names)) &&
	    names[err] != NULL)
		return names[err];
	snprintf(number, sizeof(number), "errno %d", err);
	return number;
}
