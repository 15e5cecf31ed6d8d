/* SPDX-License-Identifier: MIT */
/*
 * fd_pump.h - what the files of iv_fd_pump share.
 *
 * A pump has a buffer only while it holds data.  The data is, in this order:
 * bytes - piped bytes at the start of `data', piped bytes in the pipe.
 * Splicing, all of it is in the pipe.  The first refusal makes the pump copy
 * for the rest of its life; the pipe is emptied through `data' then before
 * anything else is read.
 *
 * Messages are copied one at a time, whatever their size.  One that is empty
 * is nothing but a pump that is full.
 */
#ifndef IVI_MOD_FD_PUMP_H
#define IVI_MOD_FD_PUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <iv_fd_pump.h>

/* iv_fd_pump.full, a set of: */
enum {
	IVI_PUMP_FULL	= 1 << 0,	/* no room for more */
	IVI_PUMP_COPY	= 1 << 1,	/* these two do not splice */
	IVI_PUMP_MESSAGES = 1 << 2	/* the source is no byte stream */
};

/* iv_fd_pump.saw_fin */
enum {
	IVI_PUMP_OPEN,			/* there may be more to read */
	IVI_PUMP_EOF,			/* nothing more to read */
	IVI_PUMP_DONE,			/* and all is written */
	IVI_PUMP_DESTROYED
};

/* iv_fd_pump.buf */
struct ivi_pump_buf {
	struct ivi_pump_buf	*next;	/* while it is in the cache */
	int	pipe[2];		/* -1: no pipe */
	int	piped;
	unsigned	generation;	/* of forks */
	size_t	size;			/* of data */
	char	data[];
};

#define IVI_PUMP_SIZE	((size_t)4096)

/* Makes room for SIZE bytes in the empty buffer of PUMP; 0 or -ENOMEM. */
int ivi_pump_grow(struct iv_fd_pump *pump, size_t size);

/*
 * One attempt each at reading and at writing, for a pump that has a buffer
 * with room or data, respectively.  0, also if nothing could be moved, or
 * -errno; if splicing is no good, -ENOTSUP, and nothing has been moved.
 */
int ivi_pump_copy_in(struct iv_fd_pump *pump);
int ivi_pump_message_in(struct iv_fd_pump *pump);
int ivi_pump_copy_out(struct iv_fd_pump *pump);
int ivi_pump_splice_in(struct iv_fd_pump *pump);
int ivi_pump_splice_out(struct iv_fd_pump *pump);

static inline void ivi_pump_set_full(struct iv_fd_pump *pump, bool full)
{
	pump->full &= ~IVI_PUMP_FULL;
	if (full)
		pump->full |= IVI_PUMP_FULL;
}

#endif
