/* SPDX-License-Identifier: MIT */
/*
 * listen.c - iv_listen: accepting.
 *
 * Waiting for an exclusive wake-up, the loops of a listener stand in a queue:
 * the kernel wakes the first that sleeps (ep_poll_callback() and
 * __wake_up_common() in Linux), so a lightly loaded first one would get them
 * all.  Who has accepted something goes to the end.
 */
#include <errno.h>
#include <iv_listen.h>
#include "base/compiler.h"
#include "base/timespec.h"
#include "sys/sys.h"

#define REGISTERED	UINT32_C(0x69766c6e)

#define BUDGET		64
#define BUDGET_SHARED	4	/* lest one loop have all of a burst */
#define SKIPPED		64	/* clients that have gone, in a turn */
#define MSEC		INT64_C(1000000)
#define PAUSE_MIN	10	/* ms */
#define PAUSE_MAX	1000

struct IVI_ALIAS ivi_listen {
	uint32_t	registered;
	uint16_t	next_pause;	/* ms */
	bool		broken;
	const struct ivi_loop	*owner;
};

IVI_OVERLAY(iv_listen, pad, ivi_listen)

/* Grows when one is unregistered: a handler that has made it do so may have
   freed its own. */
static __thread unsigned departures IVI_TLS_MODEL;

/* ---- Pauses ------------------------------------------------------------------ */

static void can_accept(void *_l);

static void stop_timer(struct iv_listen *l)
{
	if (iv_timer_registered(&l->again))
		iv_timer_unregister(&l->again);
}

static void pause_for(struct iv_listen *l, unsigned ms)
{
	stop_timer(l);
	l->again.expires = ivi_ns_to_ts(ivi_clock_ns() + ms * MSEC);
	iv_timer_register(&l->again);
}

static void pause_accepting(struct iv_listen *l)
{
	struct ivi_listen *w = ivi_listen(l);

	l->paused++;
	iv_fd_set_handler_in(&l->watch, NULL);
	pause_for(l, w->next_pause);
	w->next_pause = (uint16_t)(w->next_pause < PAUSE_MAX / 2 ?
				   w->next_pause * 2 : PAUSE_MAX);
}

static void go_on(struct iv_listen *l)
{
	stop_timer(l);
	ivi_listen(l)->next_pause = PAUSE_MIN;
	ivi_listen(l)->broken = false;
	iv_fd_set_handler_in(&l->watch, can_accept);
}

static void go_to_the_end(struct iv_listen *l)
{
	if (!(l->flags & IV_LISTEN_EXCLUSIVE))
		return;
	iv_fd_unregister(&l->watch);
	iv_fd_set_flags(&l->watch, IV_FD_EXCLUSIVE | IV_FD_RAW);
	iv_fd_register(&l->watch);
}

/* ---- Accepting ---------------------------------------------------------------- */

static unsigned budget(const struct iv_listen *l)
{
	if (l->budget != 0)
		return l->budget;
	return l->flags & IV_LISTEN_EXCLUSIVE ? BUDGET_SHARED : BUDGET;
}

/* False if it may be gone. */
static bool hand_over(struct iv_listen *l, int fd, const struct sockaddr *from,
		      socklen_t len)
{
	unsigned before = departures;

	l->handler(l->cookie, fd, from, len);
	return departures == before;
}

static void tell_broken(struct iv_listen *l, int err)
{
	if (ivi_listen(l)->broken)
		return;
	stop_timer(l);
	iv_fd_set_handler_in(&l->watch, NULL);
	ivi_listen(l)->broken = true;
	errno = err;
	hand_over(l, -1, NULL, 0);
}

static bool is_broken(int err)
{
	return err == EBADF || err == EINVAL || err == ENOTSOCK;
}

/* A client that had gone proves nothing: it may be a sandbox that says so. */
static void stopped(struct iv_listen *l, int err)
{
	if (err == EAGAIN)
		go_on(l);
	else if (is_broken(err))
		tell_broken(l, err);
	else
		pause_accepting(l);
}

static void can_accept(void *_l)
{
	struct iv_listen *l = _l;
	unsigned left = budget(l), gone = 0;
	struct sockaddr_storage from;
	socklen_t len;
	bool any = false;
	int fd;

	if (ivi_listen(l)->registered != REGISTERED)
		iv_fatal("iv_main: iv_listen %p was freed or overwritten while "
			 "it was registered", (void *)l);
	do {
		fd = ivi_accept(l->fd, &from, &len);
		if (fd >= 0 && !any) {
			any = true;
			go_on(l);
			go_to_the_end(l);
		}
		if (fd >= 0 &&
		    !hand_over(l, fd, (struct sockaddr *)&from, len))
			return;
	} while (fd >= 0 ? --left > 0 : fd == -ECONNABORTED &&
					++gone < SKIPPED);
	if (fd < 0 && !(any && fd == -ECONNABORTED))
		stopped(l, -fd);
}

/* ---- Registering --------------------------------------------------------------- */

static void check(const char *fn, const struct iv_listen *l)
{
	if (l == NULL)
		iv_fatal("%s: the struct iv_listen pointer is NULL", fn);
}

static void check_new(const char *fn, const struct iv_listen *l)
{
	ivi_require_loop(fn);
	check(fn, l);
	if (ivi_listen(l)->registered == REGISTERED)
		iv_fatal("%s: iv_listen %p (fd %d) is already registered", fn,
			 (const void *)l, l->fd);
	if (l->handler == NULL)
		iv_fatal("%s: iv_listen %p (fd %d) has no handler", fn,
			 (const void *)l, l->fd);
	if (l->flags & ~(unsigned)IV_LISTEN_EXCLUSIVE)
		iv_fatal("%s: iv_listen %p (fd %d): unknown flags 0x%x", fn,
			 (const void *)l, l->fd,
			 l->flags & ~(unsigned)IV_LISTEN_EXCLUSIVE);
}

static void check_mine(const char *fn, const struct iv_listen *l)
{
	ivi_require_loop(fn);
	check(fn, l);
	if (ivi_listen(l)->registered != REGISTERED)
		iv_fatal("%s: iv_listen %p (fd %d) is not registered", fn,
			 (const void *)l, l->fd);
	if (ivi_listen(l)->owner != ivi_self())
		iv_fatal("%s: iv_listen %p (fd %d) belongs to another thread",
			 fn, (const void *)l, l->fd);
}

static int watch(struct iv_listen *l)
{
	int ret = ivi_fd_listens(l->fd);

	if (ret < 0) {
		errno = -ret;
		return -1;
	}
	IV_TIMER_INIT(&l->again);
	l->again.cookie = l;
	l->again.handler = can_accept;
	IV_FD_INIT(&l->watch);
	l->watch.fd = l->fd;
	l->watch.cookie = l;
	l->watch.handler_in = can_accept;
	if (l->flags & IV_LISTEN_EXCLUSIVE)
		iv_fd_set_flags(&l->watch, IV_FD_EXCLUSIVE);
	return iv_fd_register_try(&l->watch);
}

IVI_PUBLIC int iv_listen_register(struct iv_listen *l)
{
	struct ivi_listen *w = ivi_listen(l);

	check_new("iv_listen_register", l);
	if (watch(l) < 0)
		return -1;
	w->registered = REGISTERED;
	w->next_pause = PAUSE_MIN;
	w->broken = false;
	w->owner = ivi_self();
	return 0;
}

IVI_PUBLIC void iv_listen_unregister(struct iv_listen *l)
{
	check_mine("iv_listen_unregister", l);
	iv_fd_unregister(&l->watch);
	stop_timer(l);
	ivi_listen(l)->registered = 0;
	departures++;
}

IVI_PUBLIC int iv_listen_registered(const struct iv_listen *l)
{
	check("iv_listen_registered", l);
	return ivi_listen(l)->registered == REGISTERED;
}

IVI_PUBLIC void iv_listen_again(struct iv_listen *l)
{
	check_mine("iv_listen_again", l);
	if (l->watch.handler_in != NULL)
		return;
	ivi_listen(l)->broken = false;
	pause_for(l, 0);
}
