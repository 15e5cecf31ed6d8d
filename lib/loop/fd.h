/* SPDX-License-Identifier: MIT */
/*
 * fd.h - descriptors.
 */
#ifndef IVI_LOOP_FD_H
#define IVI_LOOP_FD_H

#include <stdint.h>
#include "loop/poll_method.h"

struct ivi_fds {
	uint64_t	*numbers;	/* a bit per registered descriptor */
	size_t	words;
	bool	uncounted;	/* some are missing there */
	long	detached;	/* registered, but unknown to the poller */
	long	detached_unheld;	/* those of them that are in `unheld' */
	long	unheld;		/* do not hold the loop */
	uint64_t	calls;		/* of handlers */
	const struct ivi_fd	*first;	/* that was ready when one was last;
					   NULL: it has been unregistered */
};

/* Those that have handlers. */
static inline uint8_t ivi_fd_bands(const struct iv_fd *fd)
{
	return (uint8_t)((fd->handler_in != NULL ? IVI_IN : 0) |
			 (fd->handler_out != NULL ? IVI_OUT : 0) |
			 (fd->handler_err != NULL ? IVI_ERR : 0));
}

/* Those that the poller is to watch. */
static inline uint8_t ivi_fd_wants(const struct iv_fd *fd)
{
	unsigned flags = ivi_fd(fd)->flags;

	if (flags & IVI_FD_SUSPENDED)
		return 0;
	return flags & IVI_FD_ALL ? IVI_BANDS : ivi_fd_bands(fd);
}

static inline bool ivi_fd_holds(const struct iv_fd *fd)
{
	return !(ivi_fd(fd)->options & IV_FD_NOREF);
}

void ivi_fds_fini(struct ivi_loop *loop);

/* Debug builds: note what is registered still, and what was closed before it
   was unregistered. */
void ivi_fds_leftovers(const struct ivi_loop *loop);
void ivi_fds_find_closed(struct ivi_loop *loop);

/* Calls the handlers of all that the last wait has found. */
void ivi_fds_dispatch(struct ivi_loop *loop);

/*
 * Registers a descriptor that the library has opened, which is pollable and has
 * its flags already; FLAGS: IVI_FD_*.  It does not hold the loop.
 * 0 or a negative errno value.
 */
int ivi_fd_attach(struct ivi_loop *loop, struct iv_fd *fd, unsigned flags);
void ivi_fd_detach(struct ivi_loop *loop, struct iv_fd *fd);

/* Calls FN(cookie) for each descriptor whose handler_in is HANDLER; FN may
   unregister it, and register it anew. */
void ivi_fds_each(struct ivi_loop *loop, void (*handler)(void *),
		  void (*fn)(void *cookie));

#endif
