/* SPDX-License-Identifier: MIT */
/*
 * file.c - files, and hints from inotify(7); vnode.c has others.
 */
#include "config.h"
#include "sys/file.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef HAVE_STATFS_TYPE
#include <sys/vfs.h>
#endif
#if defined(HAVE_INOTIFY) && !defined(HAVE_VNODE)
#include "sys/notify.h"
#endif
#include "sys/sys.h"

#ifdef HAVE_STAT_MTIMESPEC
#define MTIME(st)	((st)->st_mtimespec)
#define CTIME(st)	((st)->st_ctimespec)
#else
#define MTIME(st)	((st)->st_mtim)
#define CTIME(st)	((st)->st_ctim)
#endif

static int fill(int ret, const struct stat *st, struct ivi_file_info *info)
{
	if (ret < 0)
		return -errno;
	info->dev = (unsigned long long)st->st_dev;
	info->ino = (unsigned long long)st->st_ino;
	info->size = (unsigned long long)st->st_size;
	info->nlink = (unsigned long long)st->st_nlink;
	info->mode = (unsigned int)st->st_mode;
	info->uid = (unsigned int)st->st_uid;
	info->gid = (unsigned int)st->st_gid;
	info->mtime = MTIME(st);
	info->ctime = CTIME(st);
	return 0;
}

int ivi_file_stat(const char *pathname, bool follow,
		  struct ivi_file_info *info)
{
	struct stat st;

	return fill(follow ? stat(pathname, &st) : lstat(pathname, &st), &st,
		    info);
}

int ivi_file_fstat(int fd, struct ivi_file_info *info)
{
	struct stat st;

	return fill(fstat(fd, &st), &st, info);
}

bool ivi_file_is_missing(int err)
{
	return err == ENOENT || err == ENOTDIR || err == ELOOP ||
	       err == ENAMETOOLONG || err == EACCES;
}

bool ivi_file_is_regular(const struct ivi_file_info *info)
{
	return S_ISREG(info->mode);
}

bool ivi_file_is_directory(const struct ivi_file_info *info)
{
	return S_ISDIR(info->mode);
}

bool ivi_file_is_link(const struct ivi_file_info *info)
{
	return S_ISLNK(info->mode);
}

int ivi_file_link(const char *pathname, char *buf, size_t size)
{
	ssize_t n = readlink(pathname, buf, size);

	if (n < 0)
		return -errno;
	if ((size_t)n == size)
		return -ENAMETOOLONG;
	buf[n] = '\0';
	return (int)n;
}

/* ---- File systems ------------------------------------------------------ */

#ifdef HAVE_STATFS_TYPE
/* statfs(2), linux/magic.h and the file systems' own sources. */
static bool is_remote(int ret, const struct statfs *fs)
{
	static const unsigned int types[] = {
		0x00006969,	/* nfs */
		0x0000517b,	/* smb */
		0xff534d42,	/* cifs */
		0xfe534d42,	/* smb2 */
		0x65735546,	/* fuse, virtiofs */
		0x01021997,	/* 9p */
		0x00c36400,	/* ceph */
		0x0bd00bd0,	/* lustre */
		0x5346414f,	/* openafs */
		0x6b414653,	/* afs */
		0x73757245,	/* coda */
		0x0000564c,	/* ncp */
		0x01161970,	/* gfs2 */
		0x7461636f,	/* ocfs2 */
		0x19830326,	/* beegfs */
		0x47504653,	/* gpfs */
		0xaad7aaea,	/* panfs */
		0x786f4256,	/* vboxsf */
		0xbacbacbc,	/* vmhgfs */
		0x7c7c6673,	/* prl_fs */
		0x00009fa0,	/* proc */
		0x62656572	/* sysfs */
	};
	size_t i;

	if (ret < 0)
		return false;
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if ((unsigned int)fs->f_type == types[i])
			return true;
	return false;
}

bool ivi_file_is_remote(const char *pathname)
{
	struct statfs fs;

	return is_remote(statfs(pathname, &fs), &fs);
}

bool ivi_fd_is_remote(int fd)
{
	struct statfs fs;

	return is_remote(fstatfs(fd, &fs), &fs);
}
#else
bool ivi_file_is_remote(const char *pathname)
{
	(void)pathname;
	return false;
}

bool ivi_fd_is_remote(int fd)
{
	(void)fd;
	return false;
}
#endif

/* ---- Hints ------------------------------------------------------------- */

#ifndef HAVE_VNODE
#ifdef HAVE_INOTIFY

#define ENTRIES		((uint32_t)(IN_CREATE | IN_DELETE | IN_MOVED_FROM | \
				    IN_MOVED_TO))
#define DIRECTORY	((uint32_t)(IN_ATTRIB | IN_MOVE_SELF | \
				    IN_DELETE_SELF | IN_ONLYDIR | \
				    IN_DONT_FOLLOW))
#define MOVED		((uint32_t)(IN_MOVE_SELF | IN_DELETE_SELF | \
				    IN_UNMOUNT | IN_IGNORED))

int ivi_hints_open(struct ivi_hints *h)
{
	int fd = ivi_inotify_open();

	if (fd < 0)
		return fd;
	h->fd = fd;
	h->partial = false;
	return 0;
}

void ivi_hints_close(struct ivi_hints *h)
{
	ivi_close(h->fd);
	h->fd = -1;
}

ssize_t ivi_hints_read(const struct ivi_hints *h, void *buf, size_t size)
{
	return ivi_read(h->fd, buf, size);
}

int ivi_hints_add_directory(struct ivi_hints *h, const char *pathname,
			    bool entries)
{
	return ivi_inotify_add(h->fd, pathname, DIRECTORY | IN_MASK_ADD |
			       (entries ? ENTRIES : 0));
}

int ivi_hints_cut_directory(struct ivi_hints *h, const char *pathname)
{
	return ivi_inotify_add(h->fd, pathname, DIRECTORY);
}

int ivi_hints_add_file(struct ivi_hints *h, const char *pathname)
{
	return ivi_inotify_add(h->fd, pathname, IN_MODIFY | IN_ATTRIB |
			       IN_MOVE_SELF | IN_DELETE_SELF | IN_DONT_FOLLOW |
			       IN_MASK_ADD);
}

/* The link leads to the file itself, whatever its name is by now: proc(5). */
int ivi_hints_add_fd(struct ivi_hints *h, int fd)
{
	char link[40];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return ivi_inotify_add(h->fd, link, IN_MODIFY | IN_MASK_ADD);
}

void ivi_hints_remove(struct ivi_hints *h, int mark)
{
	ivi_inotify_remove(h->fd, mark);
}

/* Of what has a name only entries count: attributes and contents are those of
   a file in the directory, which has a mark of its own if anybody cares. */
static bool decode(const struct inotify_event *event, struct ivi_hint *hint)
{
	hint->mark = event->wd;
	hint->name = "";
	if (event->mask & IN_Q_OVERFLOW) {
		hint->kind = IVI_HINT_LOST;
	} else if (event->mask & ENTRIES) {
		hint->kind = IVI_HINT_ENTRY;
		if (event->len > 0)
			hint->name = event->name;
	} else if (event->mask & MOVED) {
		hint->kind = IVI_HINT_MOVED;
	} else {
		hint->kind = IVI_HINT_CONTENTS;
		return event->len == 0;
	}
	return true;
}

bool ivi_hints_next(const struct ivi_hints *h, const char *buf, size_t size,
		    size_t *at, struct ivi_hint *hint)
{
	const struct inotify_event *event;

	(void)h;
	while (*at + sizeof(*event) <= size) {
		event = (const void *)(buf + *at);
		*at += sizeof(*event) + event->len;
		if (decode(event, hint))
			return true;
	}
	return false;
}

#else

int ivi_hints_open(struct ivi_hints *h)
{
	(void)h;
	return -ENOSYS;
}

void ivi_hints_close(struct ivi_hints *h)
{
	(void)h;
}

ssize_t ivi_hints_read(const struct ivi_hints *h, void *buf, size_t size)
{
	(void)h;
	(void)buf;
	(void)size;
	return -ENOSYS;
}

int ivi_hints_add_directory(struct ivi_hints *h, const char *pathname,
			    bool entries)
{
	(void)h;
	(void)pathname;
	(void)entries;
	return -ENOSYS;
}

int ivi_hints_cut_directory(struct ivi_hints *h, const char *pathname)
{
	return ivi_hints_add_directory(h, pathname, false);
}

int ivi_hints_add_file(struct ivi_hints *h, const char *pathname)
{
	return ivi_hints_add_directory(h, pathname, false);
}

int ivi_hints_add_fd(struct ivi_hints *h, int fd)
{
	(void)fd;
	return ivi_hints_add_directory(h, "", false);
}

void ivi_hints_remove(struct ivi_hints *h, int mark)
{
	(void)h;
	(void)mark;
}

bool ivi_hints_next(const struct ivi_hints *h, const char *buf, size_t size,
		    size_t *at, struct ivi_hint *hint)
{
	(void)h;
	(void)buf;
	(void)size;
	(void)at;
	(void)hint;
	return false;
}

#endif
#endif
