/* SPDX-License-Identifier: MIT */
/*
 * message.h - sockets that are read message by message.
 */
#ifndef IVI_SYS_MESSAGE_H
#define IVI_SYS_MESSAGE_H

#include <stdbool.h>
#include <sys/types.h>

/* True for a socket that is no byte stream. */
bool ivi_message_source(int fd);

/*
 * As many bytes as the next message in FD has, or more; 0 if it is empty, or
 * the end.  A negative errno value, -EAGAIN if there is none, never -EINTR.
 */
ssize_t ivi_message_size(int fd);

/* After nothing has been read: was that the end, and not an empty message? */
bool ivi_message_end(int fd);

#endif
