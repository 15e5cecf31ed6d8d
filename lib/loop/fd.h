/* SPDX-License-Identifier: MIT */
/*
 * fd.h - descriptors.
 */
#ifndef IVI_LOOP_FD_H
#define IVI_LOOP_FD_H

#include <stdint.h>
#include "loop/poll_method.h"

struct ivi_fds {
	struct ivi_fd	*handled;	/* whose handlers are being called */
	uint64_t	*numbers;	/* a bit per registered descriptor */
	size_t	words;
	long	detached;	/* registered, but unknown to the poller */
};

/* Those that have handlers. */
static inline uint8_t ivi_fd_bands(const struct iv_fd *fd)
{
	return (uint8_t)((fd->handler_in != NULL ? IVI_IN : 0) |
			 (fd->handler_out != NULL ? IVI_OUT : 0) |
			 (fd->handler_err != NULL ? IVI_ERR : 0));
}

void ivi_fds_fini(struct ivi_loop *loop);

/* Debug builds: note what is registered still, and what was closed before it
   was unregistered. */
void ivi_fds_leftovers(const struct ivi_loop *loop);
void ivi_fds_find_closed(struct ivi_loop *loop);

/* Calls the handlers of all that the last wait has found. */
void ivi_fds_dispatch(struct ivi_loop *loop);

/*
 * Registers a descriptor of the library's own, which is pollable and has its
 * flags already; FLAGS: IVI_FD_*.  It does not hold the loop.
 * 0 or a negative errno value.
 */
int ivi_fd_attach(struct ivi_loop *loop, struct iv_fd *fd, unsigned flags);
void ivi_fd_detach(struct ivi_loop *loop, struct iv_fd *fd);

#endif
