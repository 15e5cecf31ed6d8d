/* SPDX-License-Identifier: MIT */
/*
 * paths.c - commands that have to do with names that are watched and with files
 * that are followed, of those in inotify.c.
 *
 * What the library says is compared with what stat(2) says at that moment; what
 * it does not say must not be so when it sleeps, nor two turns later.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <iv_follow.h>
#include <iv_path.h>
#include "model/world.h"

#define PATH(a)	((int)((a) % PATHS))
#define FOLLOWER(a)	((int)((a) % FOLLOWERS))
/* A file, or -1: the directory. */
#define PLACE(a)	((int)((a) % (FILENAMES + 1)) - 1)

#define LEVELS	(IV_FOLLOW_DATA | IV_FOLLOW_TRUNCATED)
#define CHANGES	(IV_FOLLOW_REPLACED | IV_FOLLOW_GONE)

struct info {
	bool	there;
	struct stat	st;
};

static struct iv_path *paths[PATHS];
static struct iv_follow *follows[FOLLOWERS];
static unsigned path_lives[PATHS], follow_lives[FOLLOWERS];
static char path_names[PATHS][PATH_MAX], follow_names[FOLLOWERS][PATH_MAX];

static struct info told[PATHS];		/* by the library, last */

static struct follow {
	int	name;
	struct info	known;	/* what the handler knows of the name */
	bool	renamed;	/* something has got or lost the name since */
	bool	again;		/* so it may be told once more, */
	bool	vague;		/* ... or it may know more than that */
	bool	fresh;		/* a look at a new descriptor is to come */
	unsigned	lazy;	/* so many calls will read nothing */
} model_of[FOLLOWERS];

static uint64_t changes;	/* so far, of anything */

/* ---- What the library registers for itself --------------------------------------------- */

static bool inside;		/* the library's files for these are at work */
static bool used;		/* in this loop */
static bool has_hints;
static struct iv_task *look_task, *settle_task;
static void (*look)(void *), (*settle)(void *), (*read_hints)(void *),
	(*tick)(void *);

static void run_inside(void (*fn)(void *), void *c)
{
	bool outer = inside;

	inside = true;
	fn(c);
	inside = outer;
}

/* Inside of it handlers are called, which may run the loop. */
static void look_runs(void *c)
{
	unsigned outer = M.looking;

	world_say("-> look at names");
	model_called(CALL_TASK, TASK_FILES, 0);
	M.looking = model_depth();
	run_inside(look, c);
	M.looking = outer;
	has_hints &= M.timer[TIMER_HOLD].registered;
	model_done();
}

static void settle_runs(void *c)
{
	world_say("-> settle");
	model_called(CALL_TASK, TASK_SETTLE, 0);
	run_inside(settle, c);
	model_done();
}

static void hints_come(void *c)
{
	world_say("-> hints");
	model_called(CALL_HINTS, 0, 0);
	run_inside(read_hints, c);
	model_done();
}

static void interval_over(void *c)
{
	world_say("-> look in intervals");
	model_called(CALL_HINTS, 0, 0);
	run_inside(tick, c);
	model_done();
}

static void divert(void (**theirs)(void *), void (*ours)(void *),
		   void (**kept)(void *))
{
	if (*theirs != ours)
		*kept = *theirs;
	*theirs = ours;
}

/* The one that looks is registered first. */
bool paths_task_registers(struct iv_task *task)
{
	if (!inside)
		return false;
	if (look_task == NULL)
		look_task = task;
	if (task == look_task) {
		divert(&task->handler, look_runs, &look);
		model_task_register(TASK_FILES);
		return true;
	}
	settle_task = task;
	divert(&task->handler, settle_runs, &settle);
	model_task_register(TASK_SETTLE);
	return true;
}

void __real_iv_task_unregister(struct iv_task *task);
void __wrap_iv_task_unregister(struct iv_task *task);

void __wrap_iv_task_unregister(struct iv_task *task)
{
	if (task == look_task)
		model_task_unregister(TASK_FILES);
	else if (task == settle_task)
		model_task_unregister(TASK_SETTLE);
	else
		any_task_unregisters(task);
	__real_iv_task_unregister(task);
}

static bool holds(const struct iv_timer *timer)
{
	return timer->expires.tv_sec >= INT64_MAX / 1000000000;
}

/* One keeps the loop going.  Others are for want of hints. */
bool paths_timer_registers(struct iv_timer *timer)
{
	if (!inside)
		return false;
	if (holds(timer)) {
		model_timer_register(TIMER_HOLD, INT64_MAX);
		return true;
	}
	expect(!has_hints, "looks in intervals though there are hints", 0);
	divert(&timer->handler, interval_over, &tick);
	return true;
}

bool paths_timer_unregisters(const struct iv_timer *timer)
{
	if (!inside)
		return false;
	if (holds(timer))
		model_timer_unregister(TIMER_HOLD);
	return true;
}

void paths_divert(struct iv_fd *fd)
{
	if (!inside)
		return;
	has_hints = true;
	divert(&fd->handler_in, hints_come, &read_hints);
}

/* The library's memory is made by the first. */
static void begin_to_use(void)
{
	if (!used) {
		model_task_init(TASK_FILES);
		model_task_init(TASK_SETTLE);
	}
	used = true;
	inside = true;
}

/* ---- How things are --------------------------------------------------------------------- */

static struct info look_at(const char *path)
{
	struct info i;

	memset(&i, 0, sizeof(i));
	i.there = stat(path, &i.st) == 0;
	return i;
}

static struct info look_at_fd(int fd)
{
	struct info i;

	memset(&i, 0, sizeof(i));
	i.there = fd >= 0;
	if (i.there)
		expect(fstat(fd, &i.st) == 0, "fstat()", fd);
	return i;
}

static bool same_file(const struct info *a, const struct info *b)
{
	return a->there == b->there && a->st.st_dev == b->st.st_dev &&
	       a->st.st_ino == b->st.st_ino;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* What the library shows, or NULL, is what stat(2) says. */
static bool shows(const struct iv_path_info *p, const struct info *i)
{
	if (p == NULL || !i->there)
		return p == NULL && !i->there;
	return p->dev == i->st.st_dev && p->ino == i->st.st_ino &&
	       p->size == (unsigned long long)i->st.st_size &&
	       p->nlink == i->st.st_nlink && p->mode == i->st.st_mode &&
	       p->uid == i->st.st_uid && p->gid == i->st.st_gid &&
	       same_time(&p->mtime, &i->st.st_mtim) &&
	       same_time(&p->ctime, &i->st.st_ctim);
}

static bool same_info(const struct info *a, const struct info *b)
{
	return same_file(a, b) && a->st.st_size == b->st.st_size &&
	       a->st.st_nlink == b->st.st_nlink &&
	       a->st.st_mode == b->st.st_mode &&
	       same_time(&a->st.st_mtim, &b->st.st_mtim) &&
	       same_time(&a->st.st_ctim, &b->st.st_ctim);
}

static unsigned level_of(int i)
{
	const struct iv_follow *f = follows[i];
	struct info file = look_at_fd(f->fd);

	if (f->fd < 0 || file.st.st_size == f->offset)
		return 0;
	return file.st.st_size > f->offset ? IV_FOLLOW_DATA :
					     IV_FOLLOW_TRUNCATED;
}

/* What may be said of the name; if MUST, what has to be. */
static unsigned change_of(int i, bool must)
{
	const struct follow *m = &model_of[i];
	struct info now = look_at(follow_names[i]);
	struct info file = look_at_fd(follows[i]->fd);
	bool other = !same_file(&now, &m->known);

	if (must && m->vague)
		return 0;
	if (now.there)
		return !same_file(&now, &file) &&
		       (other || (must ? m->renamed : m->again)) ?
		       IV_FOLLOW_REPLACED : 0;
	return m->known.there || (!must && m->again) ? IV_FOLLOW_GONE : 0;
}

static unsigned owed(int i)
{
	if (!M.follow[i].registered || follows[i]->handler == NULL)
		return 0;
	return level_of(i) | change_of(i, true);
}

/* The handler knows, or has no need to be told, how the name is now. */
static void settled(int i)
{
	struct follow *m = &model_of[i];

	m->known = look_at(follow_names[i]);
	m->renamed = m->again = m->vague = m->fresh = false;
}

void paths_name_changes(int name)
{
	FOR(i, FOLLOWERS)
		if (model_of[i].name == name)
			model_of[i].renamed = model_of[i].again = true;
}

void paths_changed(void)
{
	changes++;
}

/* ---- The loop --------------------------------------------------------------------------- */

static bool path_owed(int i)
{
	struct info now;

	if (!M.path[i].registered)
		return false;
	now = look_at(path_names[i]);
	return !same_info(&now, &told[i]);
}

static void settle_all(void)
{
	FOR(i, FOLLOWERS)
		if (M.follow[i].registered && follows[i]->handler != NULL)
			settled(i);
}

static void check_sleep(void)
{
	FOR(i, PATHS)
		expect(!path_owed(i), "the loop slept; not told of path", i);
	FOR(i, FOLLOWERS)
		expect(owed(i) == 0, "the loop slept; not told of file", i);
	settle_all();
}

/* Without hints it may take as long as an interval. */
void paths_waited(bool asleep)
{
	if (!has_hints)
		return;
	if (asleep)
		check_sleep();
	FOR(i, PATHS)
		M.path[i].due = path_owed(i);
	FOR(i, FOLLOWERS)
		M.follow[i].due = owed(i);
	M.changes = changes;
	M.look_stage = 1;
}

/* What there was to be read has been. */
void paths_read(void)
{
	M.look_stage = M.look_stage == 1 ? 2 : 0;
}

void paths_looked(void)
{
	if (M.look_stage != 2 || M.changes != changes)
		return;
	M.look_stage = 0;
	FOR(i, PATHS)
		expect(!M.path[i].due || !path_owed(i), "not told of path", i);
	FOR(i, FOLLOWERS)
		expect((M.follow[i].due & owed(i)) == 0, "not told of file",
		       i);
	settle_all();
}

/* ---- Paths ------------------------------------------------------------------------------- */

static void path_changed(void *c, const struct iv_path_info *before,
			 const struct iv_path_info *now)
{
	int i = called(CALL_PATH, c, path_lives, 0);
	struct info is = look_at(path_names[i]);

	inside = false;
	expect(M.path[i].registered, "path is not registered", i);
	expect(shows(before, &told[i]), "path before", i);
	expect(shows(now, &is), "path now", i);
	expect(!same_info(&is, &told[i]), "nothing has changed of path", i);
	told[i] = is;
	finish();
	inside = true;
}

static void new_path(int i)
{
	free(paths[i]);
	paths[i] = garbage(sizeof(*paths[i]));
	IV_PATH_INIT(paths[i]);
	paths[i]->cookie = cookie(i, ++path_lives[i]);
	paths[i]->handler = path_changed;
}

/* Upon kqueue hints are of what is open only, and all else is seen in intervals:
   that is left to tests/mod. */
static bool modelled(void)
{
	return files_ready() && strcmp(iv_poll_method_name(), "kqueue") != 0;
}

void c_path_register(unsigned a, unsigned b)
{
	int i = PATH(a);

	if (!modelled() || M.path[i].registered)
		return;
	strcpy(path_names[i], files_path(PLACE(a / PATHS)));
	paths[i]->pathname = path_names[i];
	paths[i]->flags = b & 1 ? IV_PATH_NOFOLLOW : 0;
	begin_to_use();
	expect(iv_path_register(paths[i]) == 0, "no path", i);
	inside = false;
	told[i] = look_at(path_names[i]);
	M.path[i].registered = true;
	M.path[i].due = false;
}

static void path_unregister(int i)
{
	if (!M.path[i].registered)
		return;
	M.path[i].registered = false;
	inside = true;
	iv_path_unregister(paths[i]);
	inside = false;
}

void c_path_unregister(unsigned a, unsigned b)
{
	(void)b;
	path_unregister(PATH(a));
}

void c_path_free(unsigned a, unsigned b)
{
	(void)b;
	path_unregister(PATH(a));
	new_path(PATH(a));
}

/* Looks, and finds nothing but what there is. */
void c_path_refresh(unsigned a, unsigned b)
{
	(void)b;
	if (!M.path[PATH(a)].registered)
		return;
	inside = true;
	iv_path_refresh(paths[PATH(a)]);
	inside = false;
}

/* ---- Followers ---------------------------------------------------------------------------- */

static void set_fd(int i, int fd, long long offset)
{
	struct follow *m = &model_of[i];
	int old = follows[i]->fd;
	bool same = fd == old;

	changes++;
	/* It may be told once more what the name is; with a descriptor, it is. */
	m->vague |= m->fresh;
	m->again |= m->vague;
	m->renamed = false;
	m->fresh = fd >= 0;
	if (fd >= 0) {
		m->known = look_at_fd(fd);
		m->again = m->vague = false;
	}
	inside = true;
	iv_follow_set_fd(follows[i], fd, offset);
	inside = false;
	if (old >= 0 && !same)
		close(old);
	files_done();
}

static int open_file(int i)
{
	int fd = open(follow_names[i], O_RDONLY | O_CLOEXEC);

	files_done();
	return fd;
}

/* Each has its way to read. */
static void read_file(int i, unsigned what)
{
	long long size = look_at_fd(follows[i]->fd).st.st_size;

	if (!(what & LEVELS))
		return;
	if (model_of[i].lazy > 0)
		model_of[i].lazy--;
	else if (i == 0 || (what & IV_FOLLOW_TRUNCATED))
		follows[i]->offset = i == 0 ? size : 0;
	else
		follows[i]->offset++;
}

static void check_told(int i, unsigned what)
{
	expect(M.follow[i].registered && follows[i]->handler != NULL,
	       "not followed", i);
	expect(what != 0 && (what & ~(unsigned)(LEVELS | CHANGES)) == 0,
	       "told nothing", i);
	if ((what & LEVELS) != level_of(i))
		world_fail("file %d: told %u, but it is %u", i, what,
			   level_of(i));
	if (what & CHANGES & ~change_of(i, false))
		world_fail("file %d: told %u of its name", i, what);
}

static void file_told(void *c, unsigned what)
{
	int i = called(CALL_FOLLOW, c, follow_lives, what);

	inside = false;
	check_told(i, what);
	M.follow[i].due &= ~what;
	if (what & CHANGES)
		settled(i);
	read_file(i, what);
	if (i == 0 && (what & IV_FOLLOW_REPLACED) && files_ready())
		set_fd(i, open_file(i), 0);
	finish();
	inside = true;
}

static void new_follow(int i)
{
	free(follows[i]);
	follows[i] = garbage(sizeof(*follows[i]));
	IV_FOLLOW_INIT(follows[i]);
	follows[i]->cookie = cookie(i, ++follow_lives[i]);
	follows[i]->handler = file_told;
}

void c_follow_register(unsigned a, unsigned b)
{
	int i = FOLLOWER(a);
	struct follow *m = &model_of[i];
	struct iv_follow *f = follows[i];

	if (!modelled() || M.follow[i].registered)
		return;
	memset(m, 0, sizeof(*m));
	m->name = (int)(a / FOLLOWERS % FILENAMES);
	strcpy(follow_names[i], files_path(m->name));
	f->pathname = follow_names[i];
	f->fd = b & 3 ? open_file(i) : -1;
	f->offset = b & 4 ? 0 : look_at_fd(f->fd).st.st_size;
	f->handler = b & 0x38 ? file_told : NULL;
	m->known = look_at_fd(f->fd);
	begin_to_use();
	expect(iv_follow_register(f) == 0, "no follower", i);
	inside = false;
	changes++;
	M.follow[i].registered = true;
	M.follow[i].due = 0;
}

static void follow_unregister(int i)
{
	int fd = follows[i]->fd;

	if (!M.follow[i].registered)
		return;
	M.follow[i].registered = false;
	inside = true;
	iv_follow_unregister(follows[i]);
	inside = false;
	follows[i]->fd = -1;
	if (fd >= 0)
		close(fd);
	files_done();
}

void c_follow_unregister(unsigned a, unsigned b)
{
	(void)b;
	follow_unregister(FOLLOWER(a));
}

void c_follow_free(unsigned a, unsigned b)
{
	(void)b;
	follow_unregister(FOLLOWER(a));
	new_follow(FOLLOWER(a));
}

static void set_handler(int i, void (*fn)(void *, unsigned))
{
	if (!M.follow[i].registered)
		return;
	changes++;
	if (follows[i]->handler == NULL)
		model_of[i].again = true;
	/* Whether it has looked before it slept is not known. */
	model_of[i].renamed = false;
	inside = true;
	iv_follow_set_handler(follows[i], fn);
	inside = false;
}

void c_follow_suspend(unsigned a, unsigned b)
{
	(void)b;
	set_handler(FOLLOWER(a), NULL);
}

void c_follow_resume(unsigned a, unsigned b)
{
	(void)b;
	set_handler(FOLLOWER(a), file_told);
}

/* No file, the one that has the name, or elsewhere in the same. */
void c_follow_set_fd(unsigned a, unsigned b)
{
	int i = FOLLOWER(a);

	if (!M.follow[i].registered || !files_ready())
		return;
	if (b % 4 == 0)
		set_fd(i, -1, 0);
	else if (b % 4 < 3 || follows[i]->fd < 0)
		set_fd(i, open_file(i), b & 4 ? 1 : 0);
	else
		set_fd(i, follows[i]->fd, b / 4 % 4);
}

void c_follow_lazy(unsigned a, unsigned b)
{
	model_of[FOLLOWER(a)].lazy = b % 4;
}

/* ---- All of them -------------------------------------------------------------------------- */

void paths_begin(void)
{
	used = has_hints = false;
	look_task = settle_task = NULL;
	FOR(i, PATHS)
		new_path(i);
	FOR(i, FOLLOWERS)
		new_follow(i);
}

void paths_unregister(void)
{
	FOR(i, PATHS)
		path_unregister(i);
	FOR(i, FOLLOWERS)
		follow_unregister(i);
}

void paths_check(void)
{
	FOR(i, PATHS)
		expect(!!iv_path_registered(paths[i]) == M.path[i].registered,
		       "iv_path_registered()", i);
	FOR(i, FOLLOWERS)
		expect(!!iv_follow_registered(follows[i]) ==
		       M.follow[i].registered, "iv_follow_registered()", i);
}
