/* SPDX-License-Identifier: MIT */
/*
 * path.c - iv_path: what becomes of a pathname.
 */
#include <errno.h>
#include <string.h>
#include <iv_path.h>
#include "base/compiler.h"
#include "base/timespec.h"
#include "mod/watcher.h"
#include "sys/file.h"
#include "sys/sys.h"

#define REGISTERED	UINT32_C(0x69767061)

struct record {
	struct ivi_watch	watch;	/* first */
	struct iv_path	*path;
	bool	there;
	struct ivi_file_info	info;	/* if it is there */
};

struct IVI_ALIAS ivi_path {
	uint32_t	registered;
	struct record	*record;
};

IVI_OVERLAY(iv_path, pad, ivi_path)

static struct record *record_of(struct ivi_watch *w)
{
	return iv_container_of(w, struct record, watch);
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same(const struct ivi_file_info *a, const struct ivi_file_info *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->nlink == b->nlink && a->mode == b->mode &&
	       a->uid == b->uid && a->gid == b->gid &&
	       same_time(&a->mtime, &b->mtime) &&
	       same_time(&a->ctime, &b->ctime);
}

/* In PUBLIC; NULL unless it is THERE. */
static const struct iv_path_info *show(bool there,
				       const struct ivi_file_info *info,
				       struct iv_path_info *public)
{
	if (!there)
		return NULL;
	memset(public, 0, sizeof(*public));
	public->dev = info->dev;
	public->ino = info->ino;
	public->size = info->size;
	public->nlink = info->nlink;
	public->mode = info->mode;
	public->uid = info->uid;
	public->gid = info->gid;
	public->mtime = info->mtime;
	public->ctime = info->ctime;
	return public;
}

/* 1 and INFO: it is there; 0: it is not; or why that is not known. */
static int get_info(const struct record *p, struct ivi_file_info *info)
{
	int ret = ivi_file_stat(p->watch.pathname, !p->watch.nofollow, info);

	if (ret == 0)
		return 1;
	return ivi_file_is_missing(-ret) ? 0 : ret;
}

static void tell(struct record *p, bool there,
		 const struct ivi_file_info *info)
{
	struct iv_path *path = p->path;
	struct iv_path_info old, new;
	const struct iv_path_info *before = show(p->there, &p->info, &old);
	const struct iv_path_info *now = show(there, info, &new);

	p->there = there;
	if (there)
		p->info = *info;
	path->handler(path->cookie, before, now);
}

static void look(struct ivi_watch *w, unsigned what)
{
	struct record *p = record_of(w);
	struct ivi_file_info info;
	int ret = get_info(p, &info);

	(void)what;
	if (ret < 0)
		ivi_watch_retry(w);
	else if (ret != p->there || (ret > 0 && !same(&info, &p->info)))
		tell(p, ret > 0, &info);
}

static void orphaned(struct ivi_watch *w)
{
	ivi_path(record_of(w)->path)->registered = 0;
}

static bool intact(struct ivi_watch *w)
{
	const struct record *p = record_of(w);

	return ivi_path(p->path)->registered == REGISTERED &&
	       ivi_path(p->path)->record == p &&
	       p->path->pathname == w->pathname;
}

/* ---- Public ------------------------------------------------------------ */

static void check(const char *fn, const struct iv_path *path)
{
	if (path == NULL)
		iv_fatal("%s: the struct iv_path pointer is NULL", fn);
}

static struct ivi_watch *own(const char *fn, const struct iv_path *path)
{
	const struct ivi_path *p = ivi_path(path);

	ivi_require_loop(fn);
	check(fn, path);
	if (p->registered != REGISTERED)
		iv_fatal("%s: iv_path %p is not registered", fn,
			 (const void *)path);
	if (!ivi_watch_is_here(&p->record->watch))
		iv_fatal("%s: iv_path %p belongs to another thread", fn,
			 (const void *)path);
	return &p->record->watch;
}

static void check_new(const char *fn, const struct iv_path *path)
{
	ivi_require_loop(fn);
	check(fn, path);
	if (ivi_path(path)->registered == REGISTERED)
		iv_fatal("%s: iv_path %p is already registered", fn,
			 (const void *)path);
	if (path->handler == NULL)
		iv_fatal("%s: iv_path %p has no handler", fn,
			 (const void *)path);
	if (path->pathname == NULL)
		iv_fatal("%s: iv_path %p has no pathname", fn,
			 (const void *)path);
	if (path->flags & ~(unsigned)IV_PATH_NOFOLLOW)
		iv_fatal("%s: iv_path %p has flags 0x%x", fn,
			 (const void *)path, path->flags);
}

/* How it is now comes after the hints are there, so that no change is lost. */
static int start(struct record *p)
{
	int ret = ivi_watch_start(&p->watch, -1);

	if (ret < 0)
		return ret;
	ret = get_info(p, &p->info);
	p->there = ret > 0;
	if (ret < 0)
		ivi_watch_retry(&p->watch);
	return 0;
}

IVI_PUBLIC int iv_path_register(struct iv_path *path)
{
	static const char fn[] = "iv_path_register";
	struct record *p;
	int ret;

	check_new(fn, path);
	p = ivi_alloc(sizeof(*p));
	if (p == NULL)
		return -1;
	p->path = path;
	p->watch.pathname = path->pathname;
	p->watch.interval = ivi_interval(fn, "iv_path", path, &path->interval);
	p->watch.leaf = true;
	p->watch.nofollow = path->flags & IV_PATH_NOFOLLOW;
	p->watch.look = look;
	p->watch.settle = NULL;
	p->watch.orphaned = orphaned;
	p->watch.intact = intact;
	ret = start(p);
	if (ret < 0) {
		ivi_free(p);
		errno = -ret;
		return -1;
	}
	ivi_path(path)->registered = REGISTERED;
	ivi_path(path)->record = p;
	return 0;
}

IVI_PUBLIC void iv_path_unregister(struct iv_path *path)
{
	struct ivi_watch *w = own("iv_path_unregister", path);

	ivi_watch_stop(w);
	ivi_path(path)->registered = 0;
	ivi_free(record_of(w));
}

IVI_PUBLIC int iv_path_registered(const struct iv_path *path)
{
	check("iv_path_registered", path);
	return ivi_path(path)->registered == REGISTERED;
}

IVI_PUBLIC void iv_path_refresh(struct iv_path *path)
{
	ivi_watch_hint(own("iv_path_refresh", path), IVI_LOOK_ALL);
}
