/* SPDX-License-Identifier: MIT */
/*
 * fdmap.h - from the number of a descriptor to its ivi_fd, for methods whose
 * kernels speak of numbers.
 */
#ifndef IVI_POLL_FDMAP_H
#define IVI_POLL_FDMAP_H

#include "loop/poll_method.h"

/* Empty when zeroed. */
struct fdmap {
	struct ivi_fd	**fd;
	size_t	size;
};

static inline struct ivi_fd *fdmap_get(const struct fdmap *m, uintptr_t number)
{
	return number < m->size ? m->fd[number] : NULL;
}

/* 0 or -ENOMEM. */
int fdmap_put(struct fdmap *m, int number, struct ivi_fd *f);

/* If the number is F's. */
void fdmap_drop(struct fdmap *m, int number, const struct ivi_fd *f);

void fdmap_clear(struct fdmap *m);

#endif
