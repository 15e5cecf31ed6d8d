/* SPDX-License-Identifier: MIT */
/*
 * notify.c - inotify(7).
 */
#include "sys/notify.h"
#include "sys/sys.h"

int ivi_inotify_open(void)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int ivi_inotify_add(int fd, const char *pathname, uint32_t mask)
{
	int wd = inotify_add_watch(fd, pathname, mask);

	return wd < 0 ? -errno : wd;
}

void ivi_inotify_remove(int fd, int wd)
{
	inotify_rm_watch(fd, wd);
}
