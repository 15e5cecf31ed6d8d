/* SPDX-License-Identifier: MIT */
/*
 * fdmap.c - from the number of a descriptor to its ivi_fd.
 */
#include "poll/fdmap.h"
#include "sys/sys.h"

#include <errno.h>
#include <string.h>

#define FIRST_SIZE	64

int fdmap_put(struct fdmap *m, int number, struct ivi_fd *f)
{
	size_t size = m->size ? m->size : FIRST_SIZE;
	struct ivi_fd **fd;

	if ((size_t)number >= m->size) {
		while (size <= (size_t)number)
			size *= 2;
		fd = ivi_realloc(m->fd, size * sizeof(struct ivi_fd *));
		if (fd == NULL)
			return -ENOMEM;
		memset(fd + m->size, 0,
		       (size - m->size) * sizeof(struct ivi_fd *));
		m->fd = fd;
		m->size = size;
	}
	m->fd[number] = f;
	return 0;
}

void fdmap_drop(struct fdmap *m, int number, const struct ivi_fd *f)
{
	if (fdmap_get(m, (uintptr_t)number) == f)
		m->fd[number] = NULL;
}

void fdmap_clear(struct fdmap *m)
{
	ivi_free(m->fd);
	m->fd = NULL;
	m->size = 0;
}
