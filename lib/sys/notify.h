/* SPDX-License-Identifier: MIT */
/*
 * notify.h - inotify(7), on systems that have it.  (The name of this file is
 * not that of the system's.)
 *
 * Functions that return int give a descriptor, or a watch descriptor (these
 * start at 1), or else a negative errno value.
 */
#ifndef IVI_SYS_NOTIFY_H
#define IVI_SYS_NOTIFY_H

#include <stdint.h>
#include <sys/inotify.h>

/* Close-on-exec and nonblocking; to be read by ivi_read(). */
int ivi_inotify_open(void);

int ivi_inotify_add(int fd, const char *pathname, uint32_t mask);

/* The kernel refuses with EINVAL if the watch is gone already. */
void ivi_inotify_remove(int fd, int wd);

#endif
