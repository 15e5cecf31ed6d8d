/* SPDX-License-Identifier: MIT */
/*
 * vnode.c - hints from EVFILT_VNODE, where there is kqueue(2) and no
 * inotify(7).
 *
 * Kernel facts leaned on, in kqueue(2) of FreeBSD, NetBSD, OpenBSD and macOS:
 *  - What is watched has to be open, and stops being watched when that
 *    descriptor is closed, silently.
 *  - NOTE_WRITE, or NOTE_EXTEND, of a directory tells that entries came or
 *    went, but not which; NOTE_LINK of directories in it.
 *  - Truncating a file is NOTE_ATTRIB (FreeBSD) or NOTE_WRITE.
 *  - Adding a filter that is there already sets what it is to tell.
 *  - A queue is readable while there are events in it, for another, too.
 *  - It is not inherited over fork(2): the child's number is closed.
 * And of fcntl(2): closing any descriptor of a file gives up all locks that the
 * process has on it.
 *
 * So directories are opened, but never files, whose locks might be the
 * program's; a descriptor of the program's own is watched itself.  As long as a
 * directory is open, no other gets its number.
 *
 * Marks are descriptors plus one.
 */
#include "config.h"
#include "sys/file.h"

#ifdef HAVE_VNODE

#include <sys/types.h>
#include <sys/event.h>
#include <sys/time.h>
#include <fcntl.h>
#include <stdint.h>
#include "sys/sys.h"

/* Descriptors that a loop may take for hints. */
#define MOST		64

#ifdef O_EVTONLY
#define OPEN_FOR	O_EVTONLY	/* macOS: does not keep it mounted */
#else
#define OPEN_FOR	O_RDONLY
#endif

#define ITSELF		(NOTE_DELETE | NOTE_RENAME | NOTE_REVOKE | NOTE_ATTRIB)
#define ENTRIES		(NOTE_WRITE | NOTE_EXTEND | NOTE_LINK)
#define CONTENTS	(NOTE_WRITE | NOTE_EXTEND | NOTE_ATTRIB)
#define MOVED		(NOTE_DELETE | NOTE_RENAME | NOTE_REVOKE)

struct dir {
	unsigned long long	dev, ino;
	int	fd;
	bool	entries;	/* are told of, too */
};

struct ivi_dirs {
	unsigned	generation;	/* of forks, in which it was opened */
	int	n;
	struct dir	dir[MOST];
};

/* ---- The queue --------------------------------------------------------- */

static const struct timespec zero;

/* 0 or -errno. */
static int change(const struct ivi_hints *h, const struct kevent *kev)
{
	int err = errno, cancel = ivi_cancel_off();
	int ret = kevent(h->fd, kev, 1, NULL, 0, &zero) < 0 ? -errno : 0;

	ivi_cancel_restore(cancel);
	errno = err;
	return ret;
}

static int watch(const struct ivi_hints *h, int fd, unsigned notes)
{
	struct kevent kev;

	EV_SET(&kev, (uintptr_t)fd, EVFILT_VNODE, EV_ADD | EV_CLEAR, notes, 0,
	       0);
	return change(h, &kev);
}

static void unwatch(const struct ivi_hints *h, int fd)
{
	struct kevent kev;

	EV_SET(&kev, (uintptr_t)fd, EVFILT_VNODE, EV_DELETE, 0, 0, 0);
	change(h, &kev);
}

int ivi_hints_open(struct ivi_hints *h)
{
	int fd = kqueue(), ret = fd < 0 ? -errno : ivi_fd_cloexec(fd);

	h->dirs = ret == 0 ? ivi_alloc_zeroed(sizeof(*h->dirs)) : NULL;
	if (h->dirs == NULL) {
		if (fd >= 0)
			ivi_close(fd);
		return ret < 0 ? ret : -ENOMEM;
	}
	h->fd = fd;
	h->partial = true;
	h->dirs->generation = ivi_fork_generation();
	return 0;
}

/* A forked child has the directories, but the queue's number is gone, or has
   become something else. */
void ivi_hints_close(struct ivi_hints *h)
{
	while (h->dirs->n > 0)
		ivi_close(h->dirs->dir[--h->dirs->n].fd);
	if (h->dirs->generation == ivi_fork_generation())
		ivi_close(h->fd);
	ivi_free(h->dirs);
	h->dirs = NULL;
	h->fd = -1;
}

/* ---- Directories ------------------------------------------------------- */

static struct dir *find(const struct ivi_hints *h,
			const struct ivi_file_info *info)
{
	int i;

	for (i = 0; i < h->dirs->n; i++)
		if (h->dirs->dir[i].dev == info->dev &&
		    h->dirs->dir[i].ino == info->ino)
			return &h->dirs->dir[i];
	return NULL;
}

static struct dir *find_fd(const struct ivi_hints *h, int fd)
{
	int i;

	for (i = 0; i < h->dirs->n; i++)
		if (h->dirs->dir[i].fd == fd)
			return &h->dirs->dir[i];
	return NULL;
}

/* Its descriptor, or -errno. */
static int open_directory(const char *pathname)
{
	int cancel = ivi_cancel_off();
	int fd = open(pathname, OPEN_FOR | O_DIRECTORY | O_NOFOLLOW |
		      O_CLOEXEC);
	int ret = fd < 0 ? -errno : fd;

	ivi_cancel_restore(cancel);
	return ret;
}

/* It may be another by now than the one that was looked at. */
static int keep(struct ivi_hints *h, int fd, struct dir **found)
{
	struct ivi_file_info info;
	int ret = ivi_file_fstat(fd, &info);

	*found = ret == 0 ? find(h, &info) : NULL;
	if (ret < 0 || *found != NULL) {
		ivi_close(fd);
		return ret;
	}
	*found = &h->dirs->dir[h->dirs->n++];
	**found = (struct dir) { info.dev, info.ino, fd, false };
	ret = watch(h, fd, ITSELF);
	if (ret < 0)
		ivi_hints_remove(h, fd + 1);
	return ret;
}

static int get_directory(struct ivi_hints *h, const char *pathname,
			 struct dir **found)
{
	struct ivi_file_info info;
	int ret = ivi_file_stat(pathname, false, &info);

	if (ret < 0)
		return ret;
	if (!ivi_file_is_directory(&info))
		return -ENOTDIR;
	*found = find(h, &info);
	if (*found != NULL)
		return 0;
	if (h->dirs->n == MOST)
		return -ENOSPC;
	ret = open_directory(pathname);
	return ret < 0 ? ret : keep(h, ret, found);
}

static int set_entries(const struct ivi_hints *h, struct dir *d, bool entries)
{
	int ret = 0;

	if (d->entries != entries)
		ret = watch(h, d->fd, ITSELF | (entries ? ENTRIES : 0));
	if (ret < 0)
		return ret;
	d->entries = entries;
	return d->fd + 1;
}

int ivi_hints_add_directory(struct ivi_hints *h, const char *pathname,
			    bool entries)
{
	struct dir *d;
	int ret = get_directory(h, pathname, &d);

	return ret < 0 ? ret : set_entries(h, d, d->entries || entries);
}

int ivi_hints_cut_directory(struct ivi_hints *h, const char *pathname)
{
	struct dir *d;
	int ret = get_directory(h, pathname, &d);

	return ret < 0 ? ret : set_entries(h, d, false);
}

/* ---- Files ------------------------------------------------------------- */

int ivi_hints_add_file(struct ivi_hints *h, const char *pathname)
{
	(void)h;
	(void)pathname;
	return -EOPNOTSUPP;
}

int ivi_hints_add_fd(struct ivi_hints *h, int fd)
{
	int ret = watch(h, fd, CONTENTS);

	return ret < 0 ? ret : fd + 1;
}

void ivi_hints_remove(struct ivi_hints *h, int mark)
{
	struct dir *d = find_fd(h, mark - 1);

	if (d == NULL) {
		unwatch(h, mark - 1);
		return;
	}
	ivi_close(d->fd);
	*d = h->dirs->dir[--h->dirs->n];
}

/* ---- Hints ------------------------------------------------------------- */

ssize_t ivi_hints_read(const struct ivi_hints *h, void *buf, size_t size)
{
	int err = errno, cancel = ivi_cancel_off();
	int n = kevent(h->fd, NULL, 0, buf, (int)(size / sizeof(struct kevent)),
		       &zero);
	ssize_t ret = n < 0 ? -errno : n * (ssize_t)sizeof(struct kevent);

	ivi_cancel_restore(cancel);
	errno = err;
	return ret == 0 || ret == -EINTR || ret == -ENOMEM ? -EAGAIN : ret;
}

bool ivi_hints_next(const struct ivi_hints *h, const char *buf, size_t size,
		    size_t *at, struct ivi_hint *hint)
{
	const struct kevent *kev = (const void *)(buf + *at);

	if (*at == size)
		return false;
	*at += sizeof(*kev);
	hint->mark = (int)kev->ident + 1;
	hint->name = "";
	if (kev->fflags & MOVED)
		hint->kind = IVI_HINT_MOVED;
	else if (kev->fflags & ENTRIES && find_fd(h, (int)kev->ident) != NULL)
		hint->kind = IVI_HINT_ENTRIES;
	else
		hint->kind = IVI_HINT_CONTENTS;
	return true;
}

#endif
