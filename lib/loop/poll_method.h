/* SPDX-License-Identifier: MIT */
/*
 * poll_method.h - all that the author of a poll method reads.
 *
 * A method makes the kernel watch descriptors and collects what is ready; it
 * never calls a handler.  It keeps its state in a struct that begins with a
 * struct ivi_poller, whose size it states; the core allocates it.
 * Functions returning int give 0 or a negative errno value.
 */
#ifndef IVI_LOOP_POLL_METHOD_H
#define IVI_LOOP_POLL_METHOD_H

#include <stdbool.h>
#include <stdint.h>
#include <iv.h>
#include <iv_list.h>
#include "base/compiler.h"
#include "base/timespec.h"

struct ivi_loop;
struct ivi_poller;

/* Bands, as ivi_fd_ready() has them.  An error or hang-up makes all three of
   them ready. */
#define IVI_IN		0x01
#define IVI_OUT		0x02
#define IVI_ERR		0x04
#define IVI_BANDS	0x07

/* In `armed' beside bands: this one does not agree with any `wanted', so the
   method will be asked to apply() before the next wait. */
#define IVI_STALE	0x08
/* In `armed': the method's own. */
#define IVI_METHOD_BITS	0xf0

/* What the poller keeps of a descriptor, in the pad of a struct iv_fd. */
struct IVI_ALIAS ivi_fd {
	struct iv_list_head	ready_node;	/* poller.c */
	uint8_t	wanted;		/* fd.c: bands that are to be watched */
	uint8_t	armed;		/* method: what the kernel was told */
	uint8_t	ready;		/* ivi_ready() sets, fd.c clears */
	uint8_t	options;	/* fd.c: IV_FD_* */
	uint32_t	state;	/* fd.c: 0 or IVI_FD_REGISTERED */
	struct iv_list_head	change;		/* poller.c */
	struct iv_list_head	all;		/* poller.c */
	struct ivi_loop	*owner;	/* fd.c */
	union {			/* method; -1 in a new ivi_fd */
		int	index;
		uint32_t	generation;
	};
	uint16_t	flags;	/* fd.c, poller.c: IVI_FD_* */
	uint16_t	spare;
};

IVI_OVERLAY(iv_fd, pad, ivi_fd)

#define IVI_FD_REGISTERED	UINT32_C(0x69766664)

/* In `ready' beside bands: these are for the next turn; and: to be remembered
   as missed where there is no handler. */
#define IVI_NEXT_SHIFT	3
#define IVI_KEEP	0x40

/* flags */
#define IVI_FD_EDGE	0x01	/* report transitions only (IVI_CAP_EDGE) */
#define IVI_FD_PROBE	0x02	/* apply() must ask the kernel even if nothing
				   is wanted: does it take this descriptor?
				   That it is open is found out elsewhere. */
#define IVI_FD_GONE	0x04	/* being, or having been, unregistered */
#define IVI_FD_NOTED	0x08	/* debug builds: was found closed */
#define IVI_FD_REFUSED	0x10	/* apply() has failed for good: its handlers
				   have been told */
#define IVI_FD_LOST	0x20	/* poller.c: its number is another file now */
#define IVI_FD_AGAIN	0x40	/* has been registered before, maybe just now
				   and with this number */
#define IVI_FD_ALWAYS	0x80	/* ready without being watched: IV_FD_ANY */
#define IVI_FD_SUSPENDED 0x100	/* iv_fd_suspend() */
#define IVI_FD_ALL	0x200	/* all bands are watched, whatever handlers
				   there are: IV_FD_EDGE */
#define IVI_FD_EXCLUSIVE 0x400	/* wake one loop only, if the kernel can */
#define IVI_FD_PRI	0x800	/* the error band has exceptional conditions,
				   too (IVI_CAP_PRI); a method clears it if
				   there are none of this descriptor */
#define IVI_FD_MISSED_SHIFT 12	/* and the two above: bands that were ready or
				   kicked when they could not be called */

struct ivi_poll_method {
	/* As IV_SELECT_POLL_METHOD spells it; users see it. */
	const char	*name;

	/* IVI_CAP_* */
	unsigned	caps;

	/* Of the method's state, struct ivi_poller included.  The first
	   `zeroed' bytes are zeroed, all of them if that is 0. */
	size_t	size;
	size_t	zeroed;

	/*
	 * Creates the kernel object, close-on-exec.  An error means that the
	 * method cannot be used here and the next one is tried.  Exercises
	 * whatever wait() needs, so that nothing is found out later.
	 * Called again after close() in a forked child.
	 */
	int	(*open)(struct ivi_poller *p);
	void	(*close)(struct ivi_poller *p);

	/*
	 * Makes the kernel agree with f->wanted and notes that in f->armed.
	 * With IVI_FD_GONE set: on return nothing that the kernel or the
	 * method still has leads to f, which is what lets users free their
	 * struct after iv_fd_unregister(); this cannot fail.
	 * Nothing wanted, but not gone: the method may leave the kernel as it
	 * is if it goes quiet by itself when f fires.
	 */
	int	(*apply)(struct ivi_poller *p, struct ivi_fd *f);

	/*
	 * Sleeps until a descriptor is ready or UNTIL has come (IVI_NOW: does
	 * not sleep; IVI_NEVER: no limit), reports those of which something
	 * is wanted by ivi_ready(), and returns IVI_WOKE_TIMER if the timer set by arm()
	 * fired, else 0.  A signal is just an early return.
	 */
	unsigned	(*wait)(struct ivi_poller *p, int64_t until);

	/*
	 * Optional.  Called when all changes have been applied, before each
	 * wait(): reports descriptors that are known to be ready already.
	 */
	void	(*look)(struct ivi_poller *p);

	/*
	 * Optional.  Sets the kernel's own timer to AT (> 0) or, by
	 * IVI_NEVER, stops it.  An error: go on without.
	 */
	int	(*arm)(struct ivi_poller *p, int64_t at);

	/*
	 * Optional, both or none.  From wake_open(), which may be called again,
	 * to close(): wake() makes the wait that is under way return, or the
	 * next one.  It may be called by any thread, keeps errno and is no
	 * cancellation point.  An error: the loop watches a descriptor instead.
	 */
	int	(*wake_open)(struct ivi_poller *p);
	void	(*wake)(struct ivi_poller *p);

	/*
	 * Optional.  Called before the kernel object is given up for another
	 * one: has f, which it was told of, been closed, and its number been
	 * opened again?  Then the new object is not to be told.
	 */
	bool	(*lost)(struct ivi_poller *p, struct ivi_fd *f);

	/*
	 * Optional.  A descriptor that is readable when wait() would report
	 * something, or return early by wake(), if all changes have reached the
	 * kernel (see IVI_CAP_STAGES), or -errno.  Once it was asked for it
	 * stays the same until the process forks, also when the kernel object
	 * is exchanged; close() closes it only if `ending' is set then.
	 */
	int	(*descriptor)(struct ivi_poller *p);

	/* Optional, called in debug builds only: what is wrong with the
	   method's state, or NULL. */
	const char	*(*verify)(const struct ivi_poller *p);
};

#define IVI_CAP_EDGE	0x01	/* knows IVI_FD_EDGE */
#define IVI_CAP_EAGER	0x02	/* apply() costs no system call: do it now */
#define IVI_CAP_NUMBERS	0x04	/* cannot tell two files of one number apart */
#define IVI_CAP_PRI	0x08	/* knows IVI_FD_PRI */
#define IVI_CAP_EPERM	0x10	/* refuses what is always ready with EPERM */

#define IVI_CAP_STAGES	0x20	/* what apply() was told reaches the kernel in
				   wait() */

#define IVI_WOKE_TIMER	0x01

/* Private to poller.c, but for the first four, which methods may read. */
struct ivi_poller {
	const struct ivi_poll_method	*method;
	unsigned	generation;	/* of forks, in which it was opened */
	bool	ending;			/* it will not be opened again */
	struct iv_list_head	ready;		/* reported, not dispatched */
	struct iv_list_head	kicked;		/* `ready' for the next turn */
	struct iv_list_head	changes;	/* armed disagrees with wanted */
	struct iv_list_head	all;		/* every registered iv_fd */
	bool	closed;			/* reopening failed: try again */
	int	error;			/* why (negative) */
	bool	retry;			/* some changes could not be applied */
	int64_t	ask_at;			/* their descriptors: not before that */
	bool	timer_dead;		/* arm() failed: never again */
	int64_t	armed_at;		/* arm()ed time, or IVI_NEVER */
	int64_t	last_limit;		/* limit of the last waits ... */
	int	same_limit;		/* ... and how many had this limit */
};

/* Methods call these. */

/* F is ready in BANDS.  It is on the ready list while `ready' is not 0, or on
   the list of those that are kicked, which is empty whenever this is called. */
static inline void ivi_ready(struct ivi_poller *p, struct ivi_fd *f,
			     unsigned bands)
{
	unsigned before = f->ready;

	f->ready = (uint8_t)(before | bands);
	if (before == 0)
		iv_list_add_tail(&f->ready_node, &p->ready);
}

/* The same for an F that is known to be on no list. */
static inline void ivi_ready_first(struct ivi_poller *p, struct ivi_fd *f,
				   unsigned bands)
{
	f->ready = (uint8_t)bands;
	iv_list_add_tail(&f->ready_node, &p->ready);
}

/* F could not be told, being suspended: an edge is not lost. */
static inline void ivi_missed(struct ivi_fd *f, unsigned bands)
{
	f->flags = (uint16_t)(f->flags | bands << IVI_FD_MISSED_SHIFT);
}

/* f->armed has changed: ask for an apply() if it disagrees with f->wanted. */
void ivi_poller_update(struct ivi_poller *p, struct ivi_fd *f);

/* The kernel has no room to watch F: it is asked whether F is ready now. */
void ivi_poller_ask(struct ivi_poller *p, struct ivi_fd *f);

/* The kernel's set holds what cannot be taken out any more: start again with a
   new kernel object. */
void ivi_poller_reopen(struct ivi_poller *p);

/* In a file whose method this build does not have.  NAME may not be used. */
#define IVI_METHOD_ABSENT(NAME)						\
const struct ivi_poll_method ivi_poll_##NAME = { .name = NULL }

/* registry.c: the methods of this build, best first, ended by NULL. */
extern const struct ivi_poll_method *const ivi_poll_methods[];

#endif
