/* SPDX-License-Identifier: MIT */
/*
 * event_raw.c - iv_event_raw: sys/wake made public.
 */
#include <iv_event_raw.h>
#include "base/compiler.h"
#include "sys/sys.h"

static struct ivi_wake channel(const struct iv_event_raw *ev)
{
	return (struct ivi_wake) { ev->event_rfd.fd, ev->event_wfd };
}

static void check(const char *fn, const struct iv_event_raw *ev)
{
	if (ev == NULL)
		iv_fatal("%s: the struct iv_event_raw pointer is NULL", fn);
}

static void posted(void *_ev)
{
	struct iv_event_raw *ev = _ev;
	struct ivi_wake w = channel(ev);

	if (ivi_wake_drain(&w))
		ev->handler(ev->cookie);
}

IVI_PUBLIC int iv_event_raw_register(struct iv_event_raw *ev)
{
	static const char fn[] = "iv_event_raw_register";
	struct ivi_wake w;
	int ret;

	ivi_require_loop(fn);
	check(fn, ev);
	if (ev->handler == NULL)
		iv_fatal("%s: iv_event_raw %p has no handler", fn, (void *)ev);
	ret = ivi_wake_open(&w);
	if (ret < 0) {
		errno = -ret;
		return -1;
	}
	IV_FD_INIT(&ev->event_rfd);
	ev->event_rfd.fd = w.rfd;
	ev->event_rfd.cookie = ev;
	ev->event_rfd.handler_in = posted;
	ev->event_wfd = w.wfd;
	if (iv_fd_register_try(&ev->event_rfd) < 0) {
		ret = errno;
		ivi_wake_close(&w);
		errno = ret;
		return -1;
	}
	return 0;
}

IVI_PUBLIC void iv_event_raw_unregister(struct iv_event_raw *ev)
{
	static const char fn[] = "iv_event_raw_unregister";
	struct ivi_wake w;

	ivi_require_loop(fn);
	check(fn, ev);
	if (!iv_fd_registered(&ev->event_rfd))
		iv_fatal("%s: iv_event_raw %p is not registered", fn,
			 (void *)ev);
	w = channel(ev);
	iv_fd_unregister(&ev->event_rfd);
	ivi_wake_close(&w);
	/* A post that comes too late must not hit another file. */
	ev->event_wfd = -1;
}

IVI_PUBLIC void iv_event_raw_post(const struct iv_event_raw *ev)
{
	struct ivi_wake w;

	check("iv_event_raw_post", ev);
	w = channel(ev);
	ivi_wake_post(&w);
}
