/* SPDX-License-Identifier: MIT */
/*
 * stat_inotify.c - hints by inotify(7): one instance for all paths.
 *
 * A path that is not there is waited for in the nearest directory above it
 * that is.  w->wd is the index of its hint.  Which file systems tell all: those
 * that no other machine writes to, by statfs(2).
 */
#include <limits.h>
#include <sys/vfs.h>
#include <iv_inotify.h>
#include "compat/ev/engine.h"

#define PRESENT	(IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_MODIFY |	\
		 IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |		\
		 IN_DONT_FOLLOW)
#define ABSENT	(IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF |	\
		 IN_MOVE_SELF)

/* After these the path may be another file, or the watch is gone. */
#define LOST	(IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)

struct hint {
	struct iv_inotify_watch	watch;
	struct ev_loop	*loop;
	ev_stat	*w;			/* NULL: it has left */
	bool	came, again;
	bool	placed;
};

struct evi_hints {
	struct iv_inotify	inotify;
	struct hint	**at;
	int	max;
	pid_t	pid;			/* who reads its events */
};

/* ---- Which file systems ---------------------------------------------------- */

static bool is_local(const char *path)
{
	static const unsigned long magic[] = {
		0xef53,		/* ext2, ext3, ext4 */
		0x58465342,	/* xfs */
		0x9123683e,	/* btrfs */
		0x01021994,	/* tmpfs */
		0x858458f6,	/* ramfs */
		0x2fc12fc1,	/* zfs */
		0xf2f52010,	/* f2fs */
		0x52654973,	/* reiserfs */
		0x3153464a,	/* jfs */
		0x1373,		/* isofs's and minix's numbers */
		0x137f,
		0x9660,
		0x4d44,		/* vfat */
		0x2011bab0,	/* exfat */
		0x5346544e,	/* ntfs */
		0x73717368,	/* squashfs */
		0x794c7630	/* overlayfs */
	};
	struct statfs fs;
	size_t i;

	if (statfs(path, &fs) < 0)
		return false;
	for (i = 0; i < sizeof(magic) / sizeof(magic[0]); i++)
		if ((unsigned long)fs.f_type == magic[i])
			return true;
	return false;
}

/* ---- Hints ----------------------------------------------------------------- */

static void came(void *_hint, struct inotify_event *event)
{
	struct hint *hint = _hint;

	hint->came = true;
	if (event->mask & LOST || !(hint->watch.mask & IN_MODIFY))
		hint->again = true;
	if (event->mask & IN_IGNORED)
		hint->placed = false;
	hint->loop->stats_news = true;
}

/* False: the system gives no instance. */
static bool open_hints(struct ev_loop *loop)
{
	struct evi_hints *hints = loop->hints;

	if (hints != NULL)
		return true;
	hints = evi_realloc(NULL, sizeof(*hints));
	memset(hints, 0, sizeof(*hints));
	IV_INOTIFY_INIT(&hints->inotify);
	while (iv_inotify_register(&hints->inotify) < 0) {
		if (evi_fds_in_the_way(loop))
			continue;
		evi_realloc(hints, 0);
		return false;
	}
	hints->pid = getpid();
	loop->hints = hints;
	return true;
}

bool evi_hints_inherited(const struct ev_loop *loop)
{
	return loop->hints != NULL && loop->hints->pid != getpid();
}

static int free_index(struct evi_hints *hints)
{
	int i = 0;

	while (i < hints->max && hints->at[i] != NULL)
		i++;
	hints->at = evi_grow_zeroed(hints->at, &hints->max, i + 1,
				    sizeof(*hints->at));
	return i;
}

static struct hint *new_hint(struct ev_loop *loop, ev_stat *w)
{
	struct hint *hint = evi_realloc(NULL, sizeof(*hint));

	memset(hint, 0, sizeof(*hint));
	IV_INOTIFY_WATCH_INIT(&hint->watch);
	hint->loop = loop;
	hint->w = w;
	w->wd = free_index(loop->hints);
	loop->hints->at[w->wd] = hint;
	return hint;
}

static bool watch(struct hint *hint, const char *path, unsigned mask)
{
	hint->watch.inotify = &hint->loop->hints->inotify;
	hint->watch.pathname = path;
	hint->watch.mask = mask;
	hint->watch.cookie = hint;
	hint->watch.handler = came;
	hint->placed = iv_inotify_watch_register(&hint->watch) == 0;
	return hint->placed;
}

/* Cuts the last component off PATH; false: that was all. */
static bool to_parent(char *path)
{
	char *slash = strrchr(path, '/');

	if (strcmp(path, ".") == 0 || strcmp(path, "/") == 0)
		return false;
	if (slash == NULL)
		strcpy(path, ".");
	else if (slash == path)
		path[1] = '\0';
	else
		*slash = '\0';
	return true;
}

static bool watch_parent(struct hint *hint, const char *path)
{
	char parent[PATH_MAX];

	if (strlen(path) >= sizeof(parent))
		return false;
	strcpy(parent, path);
	while (to_parent(parent)) {
		if (watch(hint, parent, ABSENT))
			return true;
		if (errno != ENOENT && errno != EACCES && errno != ENOTDIR)
			return false;
	}
	return false;
}

enum evi_hint evi_hint_place(struct ev_loop *loop, ev_stat *w)
{
	struct hint *hint;

	if (!open_hints(loop))
		return EVI_HINT_NONE;
	hint = new_hint(loop, w);
	if (watch(hint, w->path, PRESENT))
		return is_local(w->path) ? EVI_HINT_ALL : EVI_HINT_LOCAL;
	if ((errno != ENOENT && errno != EACCES && errno != ENOTDIR) ||
	    !watch_parent(hint, w->path))
		evi_hint_leave(loop, w);
	return EVI_HINT_NONE;
}

/* The core may be about to write to it. */
void evi_hint_leave(struct ev_loop *loop, ev_stat *w)
{
	if (w->wd < 0)
		return;
	loop->hints->at[w->wd]->w = NULL;
	loop->stats_new = true;
	w->wd = -1;
}

void evi_hints_sweep(struct ev_loop *loop)
{
	int i;

	for (i = 0; loop->hints != NULL && i < loop->hints->max; i++) {
		struct hint *hint = loop->hints->at[i];

		if (hint == NULL || hint->w != NULL)
			continue;
		loop->hints->at[i] = NULL;
		if (hint->placed)
			iv_inotify_watch_unregister(&hint->watch);
		evi_realloc(hint, 0);
	}
}

void evi_hints_look(struct ev_loop *loop)
{
	int i;

	for (i = 0; loop->hints != NULL && i < loop->hints->max; i++) {
		struct hint *hint = loop->hints->at[i];
		ev_stat *w = hint != NULL ? hint->w : NULL;

		if (w == NULL || !hint->came)
			continue;
		hint->came = false;
		if (hint->again)
			evi_stat_again(loop, w);
		evi_stat_look(loop, w);
	}
}

void evi_hints_close(struct ev_loop *loop)
{
	struct evi_hints *hints = loop->hints;
	int i;

	if (hints == NULL)
		return;
	loop->hints = NULL;
	iv_inotify_unregister(&hints->inotify);
	for (i = 0; i < hints->max; i++)
		evi_realloc(hints->at[i], 0);
	evi_realloc(hints->at, 0);
	evi_realloc(hints, 0);
}
