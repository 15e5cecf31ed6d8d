/* SPDX-License-Identifier: MIT */
/*
 * wake.c - the only eventfd and self-pipe code.
 *
 * An eventfd's counter is bumped by 8-byte writes (eventfd(2)); a watcher
 * with edge-triggered interest gets an event per write and never has to
 * read it.  A full pipe or counter gives EAGAIN: then it is readable
 * already, and nothing is lost.
 */
#include "config.h"
#include "sys/sys.h"

#ifdef HAVE_EVENTFD
#include <sys/eventfd.h>
#endif

static int counter_open(void)
{
#ifdef HAVE_EVENTFD
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	return fd < 0 ? -errno : fd;
#else
	return -ENOSYS;
#endif
}

int ivi_wake_open(struct ivi_wake *w)
{
	int fds[2], ret;

	ret = counter_open();
	if (ret >= 0) {
		w->rfd = w->wfd = ret;
		return 0;
	}
	if (!ivi_absent(-ret))
		return ret;
	ret = ivi_pipe(fds, true);
	if (ret < 0)
		return ret;
	w->rfd = fds[0];
	w->wfd = fds[1];
	return 0;
}

void ivi_wake_close(struct ivi_wake *w)
{
	ivi_close(w->rfd);
	if (!ivi_wake_is_counter(w))
		ivi_close(w->wfd);
	w->rfd = w->wfd = -1;
}

void ivi_wake_post(const struct ivi_wake *w)
{
	const uint64_t one = 1;
	int err = errno;

	ivi_write_in_handler(w->wfd, &one,
			     ivi_wake_is_counter(w) ? sizeof(one) : 1);
	errno = err;
}

int ivi_wake_drain(const struct ivi_wake *w)
{
	char buf[1024];
	ssize_t n;
	int found = 0;

	do {
		n = ivi_read(w->rfd, buf, sizeof(buf));
		found |= n > 0;
	} while (n == (ssize_t)sizeof(buf));
	if (n == 0 || (n < 0 && n != -EAGAIN))
		iv_fatal("iv_event_raw: fd %d: read: %s", w->rfd,
			 n == 0 ? "end of file" : ivi_errname((int)-n));
	return found;
}
