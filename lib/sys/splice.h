/* SPDX-License-Identifier: MIT */
/*
 * splice.h - moving data without seeing it.
 */
#ifndef IVI_SYS_SPLICE_H
#define IVI_SYS_SPLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A pipe to splice through; -ENOSYS on a system that cannot splice. */
int ivi_splice_pipe(int fds[2]);

/*
 * Moves up to LEN bytes, without waiting for the pipe that FROM or TO must
 * be.  Their number, 0 at the end of FROM, or a negative errno value.
 */
ssize_t ivi_splice(int from, int to, size_t len);

/* True if it fails whatever it is asked: what it has said means nothing. */
bool ivi_splice_absent(void);

/* True if there is data in FD that has not been read (FIONREAD). */
bool ivi_fd_unread(int fd);

/* True if poll(2) finds FD writable at once. */
bool ivi_fd_writable(int fd);

#endif
