/* SPDX-License-Identifier: MIT */
/*
 * watcher.h - when to look at a name, or at an open file, again.
 *
 * One watcher per loop has all names and files of iv_path and iv_follow.  It
 * only ever says when to look; what has become of them stat(2) tells.
 */
#ifndef IVI_MOD_WATCHER_H
#define IVI_MOD_WATCHER_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <iv.h>
#include <iv_avl.h>
#include <iv_list.h>
#include "sys/file.h"

struct ivi_marks;
struct ivi_watcher;
struct ivi_step;

/* At what to look. */
enum {
	IVI_LOOK_NAME	= 1 << 0,
	IVI_LOOK_FILE	= 1 << 1,
	IVI_LOOK_OTHER	= 1 << 2,	/* what has the name may be new, though
					   it has the number of the old */
	IVI_LOOK_WAY	= 1 << 3,	/* the way to the name: private */
	IVI_LOOK_ALL	= 15
};

/*
 * A name and maybe an open file.  The first member of a block of memory from
 * malloc(3), which is freed when the loop is taken down.
 */
struct ivi_watch {
	/* The caller's, fixed while it is in use. */
	const char	*pathname;
	int64_t	interval;	/* where there are no hints: ivi_interval() */
	bool	leaf;		/* what the name stands for matters, too */
	bool	nofollow;	/* even if that is a symbolic link */
	/* Both may stop the watch, and call user code last of all. */
	void	(*look)(struct ivi_watch *w, unsigned what);
	void	(*settle)(struct ivi_watch *w);
	void	(*orphaned)(struct ivi_watch *w);
	/* False if the public struct has been freed or written to. */
	bool	(*intact)(struct ivi_watch *w);

	/* Private. */
	struct ivi_watcher	*watcher;
	struct ivi_marks	*marks;
	struct iv_list_head	all;
	struct iv_list_head	queue;	/* that it waits in, or empty */
	struct iv_list_head	way;	/* steps to the name */
	struct ivi_step	*contents;	/* of the file, or NULL */
	int	fd;
	struct iv_timer	timer;	/* for want of hints */
	unsigned	what;	/* there is to look at */
	unsigned	unheard;	/* a set of IVI_LOOK_NAME, IVI_LOOK_FILE:
				   about which there are no hints */
	unsigned	refused;	/* those of them where there might be */
	bool	asleep;
};

/* For INTERVAL of a public struct: in nanoseconds, or fatal. */
int64_t ivi_interval(const char *fn, const char *type, const void *object,
		     const struct timespec *interval);

/* The calling thread's loop takes W on, with FD (or -1).  0 or -ENOMEM. */
int ivi_watch_start(struct ivi_watch *w, int fd);

/* Nothing of it is called any more. */
void ivi_watch_stop(struct ivi_watch *w);

/* True if the calling thread's loop has it. */
bool ivi_watch_is_here(const struct ivi_watch *w);

/* look() is called in the next round of tasks. */
void ivi_watch_hint(struct ivi_watch *w, unsigned what);

/* The same, after the interval: the kernel would not say how things are. */
void ivi_watch_retry(struct ivi_watch *w);

/* Takes hints that there are already.  True if there were any: what is known
   may be old then.  OTHER is set if they mean IVI_LOOK_OTHER for W, which look()
   is not told again. */
bool ivi_watch_catch_up(struct ivi_watch *w, bool *other);

/* settle() is called after all that is to be looked at now has been. */
void ivi_watch_settle(struct ivi_watch *w);

void ivi_watch_set_fd(struct ivi_watch *w, int fd);

/* Gives the hints up until it is woken, which makes it look at all. */
void ivi_watch_sleep(struct ivi_watch *w);
void ivi_watch_wake(struct ivi_watch *w);

/* ---- way.c: what the watcher asks it for ------------------------------- */

/* The marks of a loop. */
struct ivi_marks {
	struct ivi_hints	hints;
	struct iv_avl_tree	spots;
	/* While walking: where, what is to come, a link; and whether entries
	   always matter. */
	char	path[PATH_MAX];
	char	rest[PATH_MAX];
	char	link[PATH_MAX];
	bool	careful;
};

void ivi_marks_init(struct ivi_marks *marks);

/* Hints all watches that this concerns; not if it is IVI_HINT_LOST. */
void ivi_marks_hint(struct ivi_marks *marks, const struct ivi_hint *hint);

/* Marks the way to the name, or the file, anew; sets `unheard', `refused'. */
void ivi_way_find(struct ivi_watch *w);
void ivi_contents_find(struct ivi_watch *w);

void ivi_way_forget(struct ivi_watch *w);
void ivi_contents_forget(struct ivi_watch *w);

#endif
