/* SPDX-License-Identifier: MIT */
/*
 * core.h - what the emulated kernels share.
 *
 * An object (a queue, a port, ...) is a real epoll set, whose descriptor the
 * program gets.  Descriptors in it are watched edge-triggered for everything:
 * that tells a sleeper that something has happened, and is never taken for
 * readiness, which is looked up by poll(2) when it is asked for.
 *
 * One lock for all; all signals are blocked while it is held, and until the
 * emulated call returns, except while it sleeps: a handler never runs in the
 * middle, and one that is due when a sleep begins interrupts it.
 */
#ifndef EMU_CORE_H
#define EMU_CORE_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include "emu/emu.h"

#define EMU_NEVER	INT64_MAX
#define EMU_MS		INT64_C(1000000)

struct emu_object;

struct emu_class {
	/* Descriptor FD is about to be closed. */
	void	(*closing)(struct emu_object *o, int fd);
	/* Something has happened to FD, which is watched. */
	void	(*active)(struct emu_object *o, int fd);
	/* O's own descriptor is about to be closed; frees O. */
	void	(*destroy)(struct emu_object *o);
	/* A wait for O's events would return some: what poll(2) says of it. */
	int	(*readable)(struct emu_object *o);
	/* O was dup2()ed over another number, which is the one it has now. */
	void	(*renamed)(struct emu_object *o, int from);
	/* Not inherited over fork(2): closed in the child. */
	int	dies_in_child;
};

struct emu_object {
	const struct emu_class	*class;
	struct emu_object	*next;
	int	fd;
	int	sleepers;
	int64_t	tick;		/* nanoseconds; 0: exact */
};

/* What the lock puts off. */
struct emu_saved {
	sigset_t	mask;
	int	cancel;
};

void emu_lock(struct emu_saved *saved);
void emu_unlock(const struct emu_saved *saved);

/* These are for the holder of the lock. */

/* Makes O, allocated by the caller, an object: its descriptor, or -1 with
   errno.  TICK_US: unless the environment says something else. */
int emu_object_open(struct emu_object *o, const struct emu_class *class,
		    int64_t tick_us);
struct emu_object *emu_object_find(int fd, const struct emu_class *class);

/* The one after O; O may be NULL. */
struct emu_object *emu_object_next(const struct emu_object *o,
				   const struct emu_class *class);

/* 0; -EPERM if FD is of a kind that is always ready; another -errno. */
int emu_watch(struct emu_object *o, int fd);
void emu_unwatch(struct emu_object *o, int fd);

/* What poll(2) says of FD, POLLRDHUP included; POLLNVAL: not open. */
short emu_state(int fd);

/* FD's write side has been shut down by this process. */
int emu_is_shut(int fd);

/*
 * Gives up the lock and sleeps until something happens to one of O's
 * descriptors, emu_changed(), or the time UNTIL.  0 or -EINTR.
 */
int emu_sleep(struct emu_object *o, int64_t until,
	      const struct emu_saved *saved);

/* Tells O, by active(), what has happened up to now. */
void emu_drain(struct emu_object *o);

/* Sleepers look again. */
void emu_changed(struct emu_object *o);

int64_t emu_now(void);

/* Counts a call; 0, or the errno with which it has to fail. */
int emu_called(enum emu_call call);
/* The same for a change. */
int emu_change(void);
void emu_fault(enum emu_fault fault);

/* Is FD an object, and is there something to fetch from it?  1; 0; or -1: it
   is none.  Takes the lock. */
int emu_readable(int fd);

/* What emu_limit() has set, or USUAL. */
unsigned emu_limit_of(enum emu_limit limit, unsigned usual);

/* The C library's function. */
void *emu_real(const char *name);

/* close(2), for the holder of the lock. */
void emu_close(int fd);

/* In devpoll.c. */
extern const char emu_devpoll_linked;

/* calloc(3), realloc(3) and free(3), which tests may have replaced. */
void *emu_calloc(size_t size);
void *emu_realloc(void *p, size_t size);
void emu_free(void *p);

#endif
