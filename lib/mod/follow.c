/* SPDX-License-Identifier: MIT */
/*
 * follow.c - iv_follow: files that grow.
 *
 * A handler that has read all there was is not called again, and that costs
 * no system call: settle() compares the offset with the size that the file had
 * when the handler was called.  What is written later makes a hint.
 */
#include <errno.h>
#include <iv_follow.h>
#include "base/compiler.h"
#include "base/timespec.h"
#include "mod/watcher.h"
#include "sys/file.h"
#include "sys/sys.h"

#define REGISTERED	UINT32_C(0x6976666f)

/* Which file; all 0: none. */
struct identity {
	unsigned long long	dev, ino;
	bool	there;
};

struct record {
	struct ivi_watch	watch;	/* first */
	struct iv_follow	*follow;
	struct identity	file;		/* behind the descriptor */
	struct identity	name;		/* the one that the handler knows of */
	bool	fresh;			/* the descriptor is new */
	unsigned long long	size;	/* at the last look */
};

struct IVI_ALIAS ivi_follow {
	uint32_t	registered;
	struct record	*record;
};

IVI_OVERLAY(iv_follow, pad, ivi_follow)

static struct record *record_of(struct ivi_watch *w)
{
	return iv_container_of(w, struct record, watch);
}

static struct identity identity_of(const struct ivi_file_info *info)
{
	struct identity id = { info->dev, info->ino, true };

	return id;
}

static bool same(const struct identity *a, const struct identity *b)
{
	return a->there == b->there && a->dev == b->dev && a->ino == b->ino;
}

/* ---- The file ---------------------------------------------------------- */

static int get_file(int fd, struct ivi_file_info *info)
{
	int ret = ivi_file_fstat(fd, info);

	return ret == 0 && !ivi_file_is_regular(info) ? -EINVAL : ret;
}

static unsigned has_failed(struct record *r, int err)
{
	ivi_watch_retry(&r->watch);
	if (r->follow->error == err)
		return 0;
	r->follow->error = err;
	return IV_FOLLOW_FAILED;
}

static unsigned look_at_file(struct record *r)
{
	struct iv_follow *f = r->follow;
	struct ivi_file_info info;
	int ret = get_file(f->fd, &info);

	if (ret < 0)
		return has_failed(r, -ret);
	f->error = 0;
	r->file = identity_of(&info);
	if (r->fresh)
		r->name = r->file;
	r->fresh = false;
	r->size = info.size;
	if (f->offset < 0 || info.size > (unsigned long long)f->offset)
		return IV_FOLLOW_DATA;
	if (info.size < (unsigned long long)f->offset)
		return IV_FOLLOW_TRUNCATED;
	return 0;
}

/* ---- The name ---------------------------------------------------------- */

/* 0 or, if that is not known, -errno. */
static int get_name(const struct record *r, struct identity *now)
{
	static const struct identity none;
	struct ivi_file_info info;
	int ret = ivi_file_stat(r->watch.pathname, true, &info);

	*now = ret == 0 ? identity_of(&info) : none;
	return ret < 0 && !ivi_file_is_missing(-ret) ? ret : 0;
}

static bool is_ours(const struct record *r, const struct identity *now)
{
	return now->there && same(now, &r->file);
}

/*
 * The number of a file that nobody has open may be that of its successor.  So
 * what may be new counts as new, unless we have it; and that is not to be said
 * later of what is seen here already, or was before the descriptor was FRESH.
 */
static unsigned look_at_name(struct record *r, bool other, bool fresh)
{
	struct identity now;
	int ret = get_name(r, &now);
	bool known;

	if (ret == 0 && (fresh || (now.there && !is_ours(r, &now))) &&
	    ivi_watch_catch_up(&r->watch, &other))
		ret = get_name(r, &now);
	if (ret < 0) {
		ivi_watch_retry(&r->watch);
		return 0;
	}
	other &= now.there && !fresh;
	known = is_ours(r, &now) || (same(&now, &r->name) && !other);
	r->name = now;
	if (known)
		return 0;
	return now.there ? IV_FOLLOW_REPLACED : IV_FOLLOW_GONE;
}

/* ---- Both -------------------------------------------------------------- */

static void look(struct ivi_watch *w, unsigned what)
{
	struct record *r = record_of(w);
	struct iv_follow *f = r->follow;
	bool fresh = r->fresh;
	unsigned found = 0;

	if (f->handler == NULL) {
		ivi_watch_sleep(w);
		return;
	}
	if (f->fd >= 0)
		found = look_at_file(r);
	if (what & IVI_LOOK_NAME)
		found |= look_at_name(r, what & IVI_LOOK_OTHER, fresh);
	if (found & (IV_FOLLOW_DATA | IV_FOLLOW_TRUNCATED))
		ivi_watch_settle(w);
	if (found != 0)
		f->handler(f->cookie, found);
}

static void settle(struct ivi_watch *w)
{
	const struct record *r = record_of(w);
	const struct iv_follow *f = r->follow;

	if (f->handler != NULL && f->fd >= 0 &&
	    (f->offset < 0 || (unsigned long long)f->offset != r->size))
		ivi_watch_hint(w, IVI_LOOK_FILE);
}

static void orphaned(struct ivi_watch *w)
{
	ivi_follow(record_of(w)->follow)->registered = 0;
}

static bool intact(struct ivi_watch *w)
{
	const struct record *r = record_of(w);
	const struct iv_follow *f = r->follow;

	return ivi_follow(f)->registered == REGISTERED &&
	       ivi_follow(f)->record == r && f->pathname == w->pathname &&
	       f->fd == w->fd;
}

/* ---- Public ------------------------------------------------------------ */

static void check(const char *fn, const struct iv_follow *f)
{
	if (f == NULL)
		iv_fatal("%s: the struct iv_follow pointer is NULL", fn);
}

static struct record *own(const char *fn, const struct iv_follow *f)
{
	const struct ivi_follow *p = ivi_follow(f);

	ivi_require_loop(fn);
	check(fn, f);
	if (p->registered != REGISTERED)
		iv_fatal("%s: iv_follow %p is not registered", fn,
			 (const void *)f);
	if (!ivi_watch_is_here(&p->record->watch))
		iv_fatal("%s: iv_follow %p belongs to another thread", fn,
			 (const void *)f);
	return p->record;
}

static void check_new(const char *fn, const struct iv_follow *f)
{
	ivi_require_loop(fn);
	check(fn, f);
	if (ivi_follow(f)->registered == REGISTERED)
		iv_fatal("%s: iv_follow %p is already registered", fn,
			 (const void *)f);
	if (f->pathname == NULL)
		iv_fatal("%s: iv_follow %p has no pathname", fn,
			 (const void *)f);
}

static int start(struct record *r, int fd)
{
	struct ivi_file_info info;
	int ret = fd >= 0 ? get_file(fd, &info) : 0;

	if (ret < 0)
		return ret;
	if (fd >= 0)
		r->name = r->file = identity_of(&info);
	r->fresh = fd >= 0;
	ret = ivi_watch_start(&r->watch, fd);
	if (ret == 0)
		ivi_watch_hint(&r->watch, IVI_LOOK_NAME | IVI_LOOK_FILE);
	return ret;
}

IVI_PUBLIC int iv_follow_register(struct iv_follow *f)
{
	static const char fn[] = "iv_follow_register";
	struct record *r;
	int ret;

	check_new(fn, f);
	r = ivi_alloc_zeroed(sizeof(*r));
	if (r == NULL)
		return -1;
	r->follow = f;
	r->watch.pathname = f->pathname;
	r->watch.interval = ivi_interval(fn, "iv_follow", f, &f->interval);
	r->watch.look = look;
	r->watch.settle = settle;
	r->watch.orphaned = orphaned;
	r->watch.intact = intact;
	ret = start(r, f->fd);
	if (ret < 0) {
		ivi_free(r);
		errno = -ret;
		return -1;
	}
	f->error = 0;
	ivi_follow(f)->registered = REGISTERED;
	ivi_follow(f)->record = r;
	return 0;
}

IVI_PUBLIC void iv_follow_unregister(struct iv_follow *f)
{
	struct record *r = own("iv_follow_unregister", f);

	ivi_watch_stop(&r->watch);
	ivi_follow(f)->registered = 0;
	ivi_free(r);
}

IVI_PUBLIC int iv_follow_registered(const struct iv_follow *f)
{
	check("iv_follow_registered", f);
	return ivi_follow(f)->registered == REGISTERED;
}

IVI_PUBLIC void iv_follow_set_handler(struct iv_follow *f,
				      void (*handler)(void *, unsigned))
{
	struct record *r = own("iv_follow_set_handler", f);
	bool suspended = f->handler == NULL;

	f->handler = handler;
	if (suspended && handler != NULL)
		ivi_watch_wake(&r->watch);
}

/* Without a file, what the handler knows of the name remains so. */
IVI_PUBLIC void iv_follow_set_fd(struct iv_follow *f, int fd, long long offset)
{
	static const struct identity none;
	struct record *r = own("iv_follow_set_fd", f);

	f->fd = fd < 0 ? -1 : fd;
	f->offset = offset;
	f->error = 0;
	r->fresh = fd >= 0;
	r->file = none;
	ivi_watch_set_fd(&r->watch, f->fd);
}
