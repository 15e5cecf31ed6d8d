/* SPDX-License-Identifier: MIT */
/*
 * iv_path.h - what becomes of a pathname.  Since 1.1.
 *
 * Where the kernel tells of changes (inotify(7)) a path costs nothing while
 * nothing changes; elsewhere, where that is refused, and on file systems that
 * others may change (network, FUSE), it is looked at in intervals.  With
 * kqueue(2) that a name comes, goes or is another file now is seen at once.
 */
#ifndef __IV_PATH_H
#define __IV_PATH_H

#include <sched.h>	/* struct timespec, also in strict C89 and C99 */
#include <time.h>

/* C89 and C++98 do not have long long. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wlong-long"

#ifdef __cplusplus
extern "C" {
#endif

/* Members of struct stat.  New ones will take the place of spare ones. */
struct iv_path_info {
	unsigned long long	dev, ino, size, nlink;
	unsigned int		mode, uid, gid;
	struct timespec		mtime, ctime;
	unsigned long		spare[4];
};

/*
 * HANDLER is called after any member of the information about PATHNAME has
 * changed: with what was known BEFORE and what is so NOW.  NULL is for a name
 * that does not exist, or cannot be looked up.  Both are valid during the
 * call.  Changes that come fast may be told as one.
 */
struct iv_path {
	const char	*pathname;	/* fixed while registered, as the
					   memory that it points to */
	unsigned int	flags;		/* IV_PATH_*; fixed while registered */
	struct timespec	interval;	/* between looks; fixed while
					   registered; zero: 1 s */
	void		*cookie;
	void		(*handler)(void *cookie,
				   const struct iv_path_info *before,
				   const struct iv_path_info *now);
	void		*pad[6];	/* private */
};

/* A symbolic link at the end of the name is looked at itself, as by
   lstat(2). */
#define IV_PATH_NOFOLLOW	0x01

/* Clears all of it. */
static __inline__ void IV_PATH_INIT(struct iv_path *path)
{
	unsigned int i;

	path->pathname = NULL;
	path->flags = 0;
	path->interval.tv_sec = 0;
	path->interval.tv_nsec = 0;
	path->cookie = NULL;
	path->handler = NULL;
	for (i = 0; i < sizeof(path->pad) / sizeof(path->pad[0]); i++)
		path->pad[i] = NULL;
}

/*
 * Looks at the name, which need not exist, and from then on tells of changes
 * in the calling thread's loop.  Keeps iv_main() running.  An interval of less
 * than 10 ms counts as 10 ms.
 *
 * 0, or -1 with errno (ENOMEM).  Whatever else is refused makes it look in
 * intervals instead.
 */
int iv_path_register(struct iv_path *);

/* In the thread that registered it; any handler, its own included.  The
   struct may be freed at once. */
void iv_path_unregister(struct iv_path *);

int iv_path_registered(const struct iv_path *);

/*
 * Looks in the next turn, whatever is known, and at the whole way to the name
 * again: after chdir(2), chroot(2), mount(2), which nobody tells.
 */
void iv_path_refresh(struct iv_path *);

#ifdef __cplusplus
}
#endif

#pragma GCC diagnostic pop

#endif
