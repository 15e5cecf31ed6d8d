/* SPDX-License-Identifier: MIT */
/*
 * event_raw.c - iv_event_raw: sys/wake made public.
 */
#include <iv_event_raw.h>
#include "base/compiler.h"
#include "sys/race.h"
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

/* A child of _Fork(3) or clone(2) may come here before it is noticed. */
static void posted(void *_ev)
{
	struct iv_event_raw *ev = _ev;
	struct ivi_wake w;

	ivi_renew();
	w = channel(ev);
	if (!ivi_wake_drain(&w))
		return;
	ivi_race_acquire(ev);
	ev->handler(ev->cookie);
}

/* 0 or a negative errno value. */
static int open_channel(struct iv_event_raw *ev)
{
	struct ivi_wake w;
	int ret = ivi_wake_open(&w);

	if (ret < 0)
		return ret;
	IV_FD_INIT(&ev->event_rfd);
	ev->event_rfd.fd = w.rfd;
	ev->event_rfd.cookie = ev;
	ev->event_rfd.handler_in = posted;
	ev->event_wfd = w.wfd;
	if (iv_fd_register_try(&ev->event_rfd) == 0)
		return 0;
	ret = -errno;
	ivi_wake_close(&w);
	return ret;
}

static void close_channel(struct iv_event_raw *ev)
{
	struct ivi_wake w = channel(ev);

	iv_fd_unregister(&ev->event_rfd);
	ivi_wake_close(&w);
	/* A post that comes too late must not hit another file. */
	ev->event_wfd = -1;
}

/*
 * In a forked child that goes on with the loop: the channel is the parent's,
 * and who reads it here takes a call from there.  If there is none to be had,
 * the old one is better than none.
 */
static void renew(void *_ev)
{
	struct iv_event_raw *ev = _ev;
	struct ivi_wake old = channel(ev);

	iv_fd_unregister(&ev->event_rfd);
	if (open_channel(ev) == 0) {
		ivi_wake_close(&old);
		return;
	}
	ev->event_rfd.fd = old.rfd;
	ev->event_wfd = old.wfd;
	iv_fd_register(&ev->event_rfd);
}

IVI_PUBLIC int iv_event_raw_register(struct iv_event_raw *ev)
{
	static const char fn[] = "iv_event_raw_register";
	int ret;

	ivi_require_loop(fn);
	check(fn, ev);
	if (ev->handler == NULL)
		iv_fatal("%s: iv_event_raw %p has no handler", fn, (void *)ev);
	if (ivi_fd_is_here(&ev->event_rfd))
		iv_fatal("%s: iv_event_raw %p is already registered", fn,
			 (void *)ev);
	/* The old ones before there is a new one. */
	ivi_renew();
	__atomic_store_n(&ivi_raw_posted, posted, __ATOMIC_RELAXED);
	__atomic_store_n(&ivi_raw_renew, renew, __ATOMIC_RELEASE);
	ret = open_channel(ev);
	if (ret == 0)
		return 0;
	errno = -ret;
	return -1;
}

IVI_PUBLIC void iv_event_raw_unregister(struct iv_event_raw *ev)
{
	static const char fn[] = "iv_event_raw_unregister";

	ivi_require_loop(fn);
	check(fn, ev);
	if (!iv_fd_registered(&ev->event_rfd))
		iv_fatal("%s: iv_event_raw %p is not registered", fn,
			 (void *)ev);
	close_channel(ev);
}

IVI_PUBLIC void iv_event_raw_post(const struct iv_event_raw *ev)
{
	struct ivi_wake w;

	check("iv_event_raw_post", ev);
	ivi_race_release((void *)(uintptr_t)ev);
	w = channel(ev);
	ivi_wake_post(&w);
}

IVI_PUBLIC int iv_event_raw_fd(const struct iv_event_raw *ev)
{
	check("iv_event_raw_fd", ev);
	return ev->event_wfd;
}
