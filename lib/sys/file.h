/* SPDX-License-Identifier: MIT */
/*
 * file.h - files: what is known of them, and hints that it has changed.
 *
 * Functions returning int give 0 or a negative errno value unless they say
 * otherwise.
 */
#ifndef IVI_SYS_FILE_H
#define IVI_SYS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

/* As struct stat, but of one size however it is compiled. */
struct ivi_file_info {
	unsigned long long	dev, ino, size, nlink;
	unsigned	mode, uid, gid;
	struct timespec	mtime, ctime;
};

/* Of a name; FOLLOW: the last symbolic link as well. */
int ivi_file_stat(const char *pathname, bool follow,
		  struct ivi_file_info *info);

int ivi_file_fstat(int fd, struct ivi_file_info *info);

/* What a name that cannot be looked up for this reason is: not there, as
   opposed to not known. */
bool ivi_file_is_missing(int err);

bool ivi_file_is_regular(const struct ivi_file_info *info);
bool ivi_file_is_directory(const struct ivi_file_info *info);
bool ivi_file_is_link(const struct ivi_file_info *info);

/* Where a symbolic link leads, terminated.  The length. */
int ivi_file_link(const char *pathname, char *buf, size_t size);

/*
 * True if the file is on a file system that may change without this kernel
 * hearing of it: network and FUSE, and those that are made up when they are
 * looked at.
 */
bool ivi_file_is_remote(const char *pathname);
bool ivi_fd_is_remote(int fd);

/* ---- Hints ------------------------------------------------------------- */

/*
 * A descriptor, close-on-exec, that becomes readable when a file that was added
 * has changed; of file.c (inotify) or vnode.c.
 */
struct ivi_hints {
	int	fd;		/* -1: there are none */
	bool	partial;	/* files are not told of by name, and maybe not
				   all of others: intervals go on */
	struct ivi_dirs	*dirs;	/* vnode.c's */
};

/* -ENOSYS where there is no such thing. */
int ivi_hints_open(struct ivi_hints *h);

/* Of those that are open. */
void ivi_hints_close(struct ivi_hints *h);

/* What it gets, into a buffer aligned as for a pointer, is for
   ivi_hints_next(); -EAGAIN: nothing. */
ssize_t ivi_hints_read(const struct ivi_hints *h, void *buf, size_t size);

/*
 * These give a mark, at least 1, the same for the same directory or file; with
 * partial hints, for the same descriptor.  A symbolic link at the end is
 * -ENOTDIR for directories, and the file itself for the others.
 *
 * Of a directory: hints about itself; also about its ENTRIES; about itself
 * only from now on.
 */
int ivi_hints_add_directory(struct ivi_hints *h, const char *pathname,
			    bool entries);
int ivi_hints_cut_directory(struct ivi_hints *h, const char *pathname);
int ivi_hints_add_file(struct ivi_hints *h, const char *pathname);
int ivi_hints_add_fd(struct ivi_hints *h, int fd);

/* Harmless if the file is gone. */
void ivi_hints_remove(struct ivi_hints *h, int mark);

enum ivi_hint_kind {
	IVI_HINT_CONTENTS,	/* or attributes, of a file */
	IVI_HINT_ENTRY,		/* NAME in the directory came or went */
	IVI_HINT_ENTRIES,	/* some name did */
	IVI_HINT_MOVED,		/* the file, or it is gone and so is the mark */
	IVI_HINT_LOST		/* anything may have happened; no mark */
};

struct ivi_hint {
	enum ivi_hint_kind	kind;
	int		mark;
	const char	*name;	/* "" but for entries; in the buffer */
};

/* Decodes the hint at *AT and moves that; false at the end. */
bool ivi_hints_next(const struct ivi_hints *h, const char *buf, size_t size,
		    size_t *at, struct ivi_hint *hint);

#endif
