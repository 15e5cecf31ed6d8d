/* SPDX-License-Identifier: MIT */
/*
 * fd.c - ev_io: any number of watchers for a descriptor, which the core knows
 * once.
 *
 * Changes are collected, and told directly before the wait: what is stopped
 * and started again costs nothing.  Who has no watchers stays registered, with
 * no handlers, until its number is used again; a watcher that ev_io_set() was
 * called for may speak of another file (renew).  The core notes what is ready
 * on a list, and all watchers of a descriptor are queued at once.
 */
#include <fcntl.h>
#include "compat/ev/engine.h"

#define EVENTS	(EV_READ | EV_WRITE)
#define DOUBT	0x40	/* beside them: it is to be registered anew */

/* It is not ours, and does not keep the core going, which we do. */
#define FLAGS	(IV_FD_RAW | IV_FD_NOREF)

void evi_fds_init(struct ev_loop *loop)
{
	loop->changed_end = &loop->changed;
	loop->fired_end = &loop->fired;
}

/* ---- What the core notes --------------------------------------------------- */

static void note(struct evi_fd *f, int events)
{
	if (f->got == 0) {
		f->fired = NULL;
		*f->loop->fired_end = f;
		f->loop->fired_end = &f->fired;
	}
	f->got |= (unsigned char)events;
}

static void readable(void *f)
{
	note(f, EV_READ);
}

static void writable(void *f)
{
	note(f, EV_WRITE);
}

/* Which is told to readers and writers.  It may be that the core has refused
   the descriptor: if it was closed, or may have been another file. */
static void broken(void *_f)
{
	struct evi_fd *f = _f;

	note(f, f->told ? EVENTS | DOUBT : EVENTS);
	if (fcntl(f->core.fd, F_GETFD) < 0)
		note(f, EV__IOFDSET);
}

/* ---- Queueing -------------------------------------------------------------- */

void evi_fd_feed(struct ev_loop *loop, struct evi_fd *f, int revents)
{
	ev_watcher_list *w;

	for (w = f->watchers; w != NULL; w = w->next) {
		int events = ((ev_io *)w)->events & revents;

		if (events)
			evi_feed(loop, (ev_watcher *)w, events);
	}
}

/* It cannot be watched: all its watchers are told, and stopped. */
static void give_up(struct ev_loop *loop, struct evi_fd *f)
{
	while (f->watchers != NULL) {
		ev_watcher_list *w = f->watchers;

		ev_io_stop(loop, (ev_io *)w);
		evi_feed(loop, (ev_watcher *)w, EV_ERROR | EVENTS);
	}
	f->renew = f->anew = true;
}

static void changed(struct ev_loop *loop, struct evi_fd *f)
{
	if (f->dirty)
		return;
	f->dirty = true;
	f->changed = NULL;
	*loop->changed_end = f;
	loop->changed_end = &f->changed;
}

static void feed(struct ev_loop *loop, struct evi_fd *f, int got)
{
	if (got & EV__IOFDSET) {
		give_up(loop, f);
		return;
	}
	evi_fd_feed(loop, f, got & EVENTS);
	if (got & DOUBT) {
		f->told = false;
		f->renew = true;
		changed(loop, f);
	}
}

/* One that has changed during the wait, by another thread, may be another. */
void evi_fds_feed(struct ev_loop *loop)
{
	struct evi_fd *f = loop->fired;

	loop->fired = NULL;
	loop->fired_end = &loop->fired;
	for (; f != NULL; f = f->fired) {
		int got = f->got;

		f->got = 0;
		if (!f->dirty)
			feed(loop, f, got);
	}
}

EVI_PUBLIC void ev_feed_fd_event(struct ev_loop *loop, int fd, int revents)
{
	if (fd >= 0 && fd < loop->fds_max && loop->fds[fd] != NULL)
		evi_fd_feed(loop, loop->fds[fd], revents & EVENTS);
}

/* ---- Starting and stopping ------------------------------------------------- */

static struct evi_fd *find(struct ev_loop *loop, int fd)
{
	struct evi_fd *f;

	if (fd >= loop->fds_max)
		loop->fds = evi_grow_zeroed(loop->fds, &loop->fds_max, fd + 1,
					    sizeof(*loop->fds));
	f = loop->fds[fd];
	if (f != NULL)
		return f;
	f = evi_realloc(NULL, sizeof(*f));
	memset(f, 0, sizeof(*f));
	f->loop = loop;
	IV_FD_INIT(&f->core);
	f->core.cookie = f;
	loop->fds[fd] = f;
	return f;
}

/* Numbers below it may be those of files that are opened before the next wait;
   beyond it, where a table would be large, only what is open is believed. */
#define LIKELY	(1 << 20)

static bool impossible(const struct ev_loop *loop, int fd)
{
	return fd < 0 || (fd >= LIKELY && fd >= loop->fds_max &&
			  fcntl(fd, F_GETFD) < 0);
}

EVI_PUBLIC void ev_io_start(struct ev_loop *loop, ev_io *w)
{
	struct evi_fd *f;

	if (ev_is_active(w))
		return;
	if (impossible(loop, w->fd)) {
		evi_feed(loop, (ev_watcher *)w, EV_ERROR | EVENTS);
		return;
	}
	f = find(loop, w->fd);
	evi_started(loop, w, 1);
	evi_list_add(&f->watchers, w);
	f->renew |= (w->events & EV__IOFDSET) != 0;
	w->events &= EVENTS;
	changed(loop, f);
}

EVI_PUBLIC void ev_io_stop(struct ev_loop *loop, ev_io *w)
{
	struct evi_fd *f;

	evi_unfeed(loop, (ev_watcher *)w);
	if (!ev_is_active(w))
		return;
	if (w->fd < 0 || w->fd >= loop->fds_max || loop->fds[w->fd] == NULL)
		iv_fatal("ev_io_stop: fd %d: it was another one when the "
			 "watcher was started", w->fd);
	f = loop->fds[w->fd];
	evi_list_remove(&f->watchers, w);
	evi_stopped(loop, w);
	changed(loop, f);
}

/* ---- Telling the core ------------------------------------------------------ */

static void set_handlers(struct evi_fd *f, int events)
{
	f->core.handler_in = events & EV_READ ? readable : NULL;
	f->core.handler_out = events & EV_WRITE ? writable : NULL;
	f->core.handler_err = events ? broken : NULL;
}

static void tell(struct evi_fd *f, int events)
{
	if ((f->events ^ events) & EV_READ)
		iv_fd_set_handler_in(&f->core, events & EV_READ ?
				     readable : NULL);
	if ((f->events ^ events) & EV_WRITE)
		iv_fd_set_handler_out(&f->core, events & EV_WRITE ?
				      writable : NULL);
	if (!f->events != !events)
		iv_fd_set_handler_err(&f->core, events ? broken : NULL);
}

/* Can the core's poll method be told of another file by other handlers? */
static bool asks_anew(const struct ev_loop *loop)
{
	return loop->backend == EVBACKEND_EPOLL;
}

/* As one that the core has not seen before, since the number mostly is another
   file's.  What is always ready takes another call, and is known only by that. */
static int enter(struct evi_fd *f, int fd, int events)
{
	int ret;

	IV_FD_INIT(&f->core);
	f->core.fd = fd;
	set_handlers(f, events);
	f->anew = !asks_anew(f->loop);
	iv_fd_set_flags(&f->core, f->anew ? FLAGS | IV_FD_ANY : FLAGS);
	ret = iv_fd_register_try(&f->core);
	if (ret == 0 || errno != EPERM || f->anew)
		return ret;
	f->anew = true;
	iv_fd_set_flags(&f->core, FLAGS | IV_FD_ANY);
	return iv_fd_register_try(&f->core);
}

static void begin(struct ev_loop *loop, struct evi_fd *f, int events)
{
	f->events = (unsigned char)events;
	f->renew = f->told = false;
	f->known = enter(f, ((ev_io *)f->watchers)->fd, events) == 0;
	if (!f->known) {
		f->events = 0;
		give_up(loop, f);
	}
}

/* Other handlers are enough for a number that may be another file: epoll(7)
   takes it for what it is now, or tells broken(). */
static bool is_told(const struct evi_fd *f, int events)
{
	return f->events != 0 && f->events != events && !f->anew;
}

static void apply(struct ev_loop *loop, struct evi_fd *f, int events)
{
	if (f->known && f->renew && events && !is_told(f, events)) {
		iv_fd_unregister(&f->core);
		f->known = false;
	}
	if (f->known) {
		f->told |= f->renew && events;
		f->renew &= !events;
		tell(f, events);
		f->events = (unsigned char)events;
	} else if (events) {
		begin(loop, f, events);
	}
}

static int events_of(const struct evi_fd *f)
{
	const ev_watcher_list *w;
	int events = 0;

	for (w = f->watchers; w != NULL; w = w->next)
		events |= ((const ev_io *)w)->events & EVENTS;
	return events;
}

/* What is given up comes once more, with no watchers. */
void evi_fds_flush(struct ev_loop *loop)
{
	struct evi_fd *f;

	while ((f = loop->changed) != NULL) {
		loop->changed = f->changed;
		if (loop->changed == NULL)
			loop->changed_end = &loop->changed;
		f->dirty = false;
		apply(loop, f, events_of(f));
	}
}

bool evi_fds_forget_closed(struct ev_loop *loop)
{
	bool any = false;
	int i;

	for (i = 0; i < loop->fds_max; i++) {
		struct evi_fd *f = loop->fds[i];

		if (f == NULL || !f->known || fcntl(i, F_GETFD) >= 0)
			continue;
		iv_fd_unregister(&f->core);
		f->known = false;
		f->events = 0;
		give_up(loop, f);
		any = true;
	}
	return any;
}

bool evi_fds_in_the_way(struct ev_loop *loop)
{
	return errno == EEXIST && evi_fds_forget_closed(loop);
}

void evi_fds_fini(struct ev_loop *loop)
{
	int i;

	for (i = 0; i < loop->fds_max; i++) {
		if (loop->fds[i] == NULL)
			continue;
		if (loop->fds[i]->known)
			iv_fd_unregister(&loop->fds[i]->core);
		evi_realloc(loop->fds[i], 0);
	}
	evi_free(loop->fds);
}
