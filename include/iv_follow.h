/* SPDX-License-Identifier: MIT */
/*
 * iv_follow.h - files that grow: what tail -F does.  Since 1.1.
 *
 * A follower watches an open regular file and the name under which it was
 * opened.  It reads nothing and opens nothing itself.  What it costs, and
 * when it looks in intervals, is as for iv_path.h.
 */
#ifndef __IV_FOLLOW_H
#define __IV_FOLLOW_H

#include <sched.h>	/* struct timespec, also in strict C89 and C99 */
#include <time.h>

/* C89 and C++98 do not have long long. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wlong-long"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * HANDLER is called with WHAT, a set of IV_FOLLOW_*.  Descriptor and offset
 * are the caller's: the handler moves OFFSET as it reads.
 */
struct iv_follow {
	const char	*pathname;	/* fixed while registered, as the
					   memory that it points to */
	int		fd;		/* -1: no file yet; while registered
					   iv_follow_set_fd() changes it */
	int		error;		/* errno of IV_FOLLOW_FAILED, else 0;
					   read only */
	long long	offset;		/* the next byte to be read */
	struct timespec	interval;	/* between looks; fixed while
					   registered; zero: 1 s */
	void		*cookie;
	void		(*handler)(void *cookie, unsigned int what);
					/* NULL: suspended */
	void		*pad[6];	/* private */
};

/* The file is longer than OFFSET.  In each turn, until that is not so. */
#define IV_FOLLOW_DATA		0x01

/* The file is shorter than OFFSET.  In each turn, until that is not so. */
#define IV_FOLLOW_TRUNCATED	0x02

/* PATHNAME is another file than that behind the descriptor, or has appeared:
   time to finish this one and to open that.  Once each time that happens. */
#define IV_FOLLOW_REPLACED	0x04

/* PATHNAME is not there any more.  Once. */
#define IV_FOLLOW_GONE		0x08

/* fstat(2) refuses the descriptor, with the errno that is in ERROR now (EBADF,
   EIO, ESTALE), or it is no regular file (EINVAL).  Once. */
#define IV_FOLLOW_FAILED	0x10

/* Clears all of it, but for fd, which is -1. */
static __inline__ void IV_FOLLOW_INIT(struct iv_follow *follow)
{
	unsigned int i;

	follow->pathname = NULL;
	follow->fd = -1;
	follow->error = 0;
	follow->offset = 0;
	follow->interval.tv_sec = 0;
	follow->interval.tv_nsec = 0;
	follow->cookie = NULL;
	follow->handler = NULL;
	for (i = 0; i < sizeof(follow->pad) / sizeof(follow->pad[0]); i++)
		follow->pad[i] = NULL;
}

/*
 * Begins to follow, in the calling thread's loop: what is so already is told
 * in the next turn, a file that exists while FD is -1 as REPLACED.  Keeps
 * iv_main() running.  An interval of less than 10 ms counts as 10 ms.
 *
 * 0, or -1 with errno (ENOMEM; EBADF: FD is not open; EINVAL: it is no regular
 * file; EIO, ESTALE: its file system).  Whatever else is refused makes it look
 * in intervals instead.
 */
int iv_follow_register(struct iv_follow *);

/* In the thread that registered it; any handler, its own included.  The
   struct may be freed at once.  The descriptor is left alone. */
void iv_follow_unregister(struct iv_follow *);

int iv_follow_registered(const struct iv_follow *);

/*
 * Replaces the handler of a registered follower.  NULL suspends it: nothing is
 * called, and what happens meanwhile wakes the loop once at most.  What is so
 * then is told once there is a handler again.
 */
void iv_follow_set_handler(struct iv_follow *,
			   void (*handler)(void *cookie, unsigned int what));

/*
 * Goes on with another file, or with none (FD -1), or elsewhere in the same
 * one.  The old descriptor is the caller's to close, before or after.  With a
 * descriptor, what is so is told as after iv_follow_register(), again if it was.
 */
void iv_follow_set_fd(struct iv_follow *, int fd, long long offset);

#ifdef __cplusplus
}
#endif

#pragma GCC diagnostic pop

#endif
