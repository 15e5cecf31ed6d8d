/* SPDX-License-Identifier: MIT */
/*
 * inotify.c - commands that have to do with inotify, and with files in a
 * directory of our own.
 *
 * What the kernel makes of each of them is learned from an instance that the
 * library knows nothing of, which watches everything (the shadow).
 */
#include "config.h"
#include "model/main.h"
#include "model/world.h"

#ifdef HAVE_INOTIFY
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <iv_inotify.h>

#define DIRECTORY	0	/* its inode, for us */
#define SHADOWED	(IN_ALL_EVENTS & ~(IN_ACCESS | IN_CLOSE_NOWRITE))
#define SHADOW_FD	128	/* not one of a program */
#define DIR_VARIABLE	"IV_MODEL_DIRECTORY"

#define INSTANCE(a)	((int)((a) % INSTANCES))
#define WATCH(a)	((int)((a) % WATCHES))
#define NAME(a)	((int)((a) % FILENAMES))

static struct iv_inotify *instances[INSTANCES];
static struct iv_inotify_watch *watches[WATCHES];
static unsigned watch_lives[WATCHES];

/* ---- Files ------------------------------------------------------------------------------ */

static int shadow = -1;
static int shadow_wd[INODES];	/* or 0: there is no such inode */
static int inode_of[FILENAMES];	/* or -1 */

static const char *path_of(int name)
{
	static char paths[2][PATH_MAX];
	static unsigned turn;
	char *path = paths[turn++ % 2];

	snprintf(path, sizeof(paths[0]), "%s/%c", getenv(DIR_VARIABLE),
		 name < 0 ? '.' : 'a' + name);
	return path;
}

static void shadow_inode(int inode, int name)
{
	shadow_wd[inode] = inotify_add_watch(shadow, path_of(name), SHADOWED);
	expect(shadow_wd[inode] > 0, "inotify_add_watch()", inode);
}

static void shadow_event(const struct inotify_event *e)
{
	FOR(inode, INODES) {
		if (shadow_wd[inode] != e->wd)
			continue;
		if (e->mask & IN_IGNORED)
			shadow_wd[inode] = 0;
		model_inotify_event(inode, e->mask, e->cookie,
				    e->len > 0 ? e->name[0] - 'a' : -1);
	}
}

/* Tells the model of what has just been done. */
static void look_at_shadow(void)
{
	char buf[4096] __attribute__((aligned(8)));
	ssize_t n = read(shadow, buf, sizeof(buf));
	const struct inotify_event *e;

	paths_changed();
	for (ssize_t at = 0; at < n; at += (ssize_t)(sizeof(*e) + e->len)) {
		e = (const void *)(buf + at);
		shadow_event(e);
	}
}

/* A user may not have that many instances, or descriptors. */
static bool open_shadow(void)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd < 0)
		return false;
	shadow = fcntl(fd, F_DUPFD_CLOEXEC, SHADOW_FD);
	close(fd);
	if (shadow < 0)
		return false;
	shadow_inode(DIRECTORY, -1);
	FOR(i, FILENAMES) {
		unlink(path_of(i));
		inode_of[i] = -1;
	}
	look_at_shadow();
	return true;
}

/* Whether something may be done to files. */
static bool ready(void)
{
	if (!ground_is_real || getenv(DIR_VARIABLE) == NULL ||
	    model_inotify_full())
		return false;
	return shadow >= 0 || open_shadow();
}

bool files_ready(void)
{
	return ready();
}

const char *files_path(int name)
{
	return path_of(name);
}

void files_done(void)
{
	look_at_shadow();
}

static bool there(int name)
{
	return ready() && inode_of[name] >= 0;
}

void c_file_create(unsigned a, unsigned b)
{
	int i = NAME(a), inode = 1;

	(void)b;
	if (!ready() || inode_of[i] >= 0)
		return;
	close(open(path_of(i), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600));
	while (shadow_wd[inode] != 0)
		inode++;
	look_at_shadow();
	paths_name_changes(i);
	inode_of[i] = inode;
	shadow_inode(inode, i);
}

void c_file_write(unsigned a, unsigned b)
{
	int fd;

	(void)b;
	if (!there(NAME(a)))
		return;
	fd = open(path_of(NAME(a)), O_WRONLY | O_APPEND | O_CLOEXEC);
	expect(write(fd, "x", 1) == 1, "write()", NAME(a));
	close(fd);
	look_at_shadow();
}

void c_file_truncate(unsigned a, unsigned b)
{
	if (!there(NAME(a)))
		return;
	expect(truncate(path_of(NAME(a)), (off_t)(b % 4)) == 0, "truncate()",
	       NAME(a));
	look_at_shadow();
}

void c_file_chmod(unsigned a, unsigned b)
{
	(void)b;
	if (!there(NAME(a)))
		return;
	expect(chmod(path_of(NAME(a)), 0600) == 0, "chmod()", NAME(a));
	look_at_shadow();
}

void c_file_unlink(unsigned a, unsigned b)
{
	(void)b;
	if (!there(NAME(a)))
		return;
	expect(unlink(path_of(NAME(a))) == 0, "unlink()", NAME(a));
	inode_of[NAME(a)] = -1;
	paths_name_changes(NAME(a));
	look_at_shadow();
}

/* Its successor may get its inode number. */
void c_file_again(unsigned a, unsigned b)
{
	c_file_unlink(a, b);
	c_file_create(a, b);
}

void c_file_rename(unsigned a, unsigned b)
{
	int from = NAME(a), to = NAME(b);

	if (from == to || !there(from))
		return;
	expect(rename(path_of(from), path_of(to)) == 0, "rename()", from);
	inode_of[to] = inode_of[from];
	inode_of[from] = -1;
	paths_name_changes(from);
	paths_name_changes(to);
	look_at_shadow();
}

/* ---- Instances ------------------------------------------------------------------------------- */

static void (*read_events[INSTANCES])(void *);
static void *readers[INSTANCES];

static void readable(void *c)
{
	int k = 0;

	while (readers[k] != c)
		k++;
	world_say("-> inotify %d", k);
	model_called(CALL_INOTIFY, k, 0);
	read_events[k](c);
	model_inotify_done();
}

void inotify_divert(struct iv_fd *fd)
{
	FOR(k, INSTANCES) {
		if (fd != &instances[k]->fd)
			continue;
		read_events[k] = fd->handler_in;
		readers[k] = fd->cookie;
		fd->handler_in = readable;
	}
}

static void new_instance(int k)
{
	free(instances[k]);
	instances[k] = garbage(sizeof(*instances[k]));
	IV_INOTIFY_INIT(instances[k]);
}

void c_inotify_register(unsigned a, unsigned b)
{
	int k = INSTANCE(a);

	(void)b;
	if (!ready() || M.instance[k].registered)
		return;
	if (iv_inotify_register(instances[k]) == 0)
		model_inotify_register(k);
	else
		expect(errno == EMFILE, "iv_inotify_register()", k);
}

static void unregister_instance(int k)
{
	if (!M.instance[k].registered)
		return;
	model_inotify_unregister(k);
	iv_inotify_unregister(instances[k]);
	readers[k] = NULL;
}

void c_inotify_unregister(unsigned a, unsigned b)
{
	(void)b;
	unregister_instance(INSTANCE(a));
}

/* ---- Watches --------------------------------------------------------------------------------- */

static void check_event(int i, const struct inotify_event *e)
{
	const struct event *m = &M.told;

	if (e->mask != m->mask || e->cookie != m->cookie)
		world_fail("watch %d: event %#x (%u), not %#x (%u)", i,
			   e->mask, e->cookie, m->mask, m->cookie);
	expect(m->name < 0 ? e->len == 0 :
	       e->len > 1 && e->name[0] == 'a' + m->name && e->name[1] == 0,
	       "the name in an event", i);
	/* It is a string even if there is none. */
	expect(strlen(e->name) < 256, "the length of a name", i);
}

static void event_seen(void *c, struct inotify_event *e)
{
	int i = called(CALL_WATCH, c, watch_lives, e->mask);

	check_event(i, e);
	finish_here();
}

static void new_watch(int i)
{
	free(watches[i]);
	watches[i] = garbage(sizeof(*watches[i]));
	IV_INOTIFY_WATCH_INIT(watches[i]);
	watches[i]->cookie = cookie(i, ++watch_lives[i]);
	watches[i]->handler = event_seen;
	M.watch[i].instance = -1;
}

static uint32_t mask_of(unsigned b)
{
	static const uint32_t masks[] = {
		IN_MODIFY, IN_CREATE | IN_DELETE, IN_MOVE,
		IN_DELETE_SELF | IN_MOVE_SELF, IN_ATTRIB,
		IN_OPEN | IN_CLOSE_WRITE
	};
	uint32_t mask = b >= 160 ? IN_ONESHOT : 0;

	FOR(i, 6)
		mask |= b >> i & 1 ? masks[i] : 0;
	return mask;
}

/* Of the directory, or of a file. */
void c_watch_register(unsigned a, unsigned b)
{
	int i = WATCH(a), k = INSTANCE(a / WATCHES);
	int name = (int)(a / 16 % (FILENAMES + 1)) - 1;
	uint32_t mask = mask_of(b);
	int ret, err = mask == 0 || mask == IN_ONESHOT ? EINVAL : 0;

	if (M.watch[i].registered || !M.instance[k].registered || !ready())
		return;
	if (err == 0 && name >= 0 && inode_of[name] < 0)
		err = ENOENT;
	watches[i]->inotify = instances[k];
	watches[i]->pathname = path_of(name);
	watches[i]->mask = mask;
	ret = iv_inotify_watch_register(watches[i]);
	M.watch[i].instance = k;
	expect(ret == (err ? -1 : 0) && (err == 0 || errno == err),
	       "iv_inotify_watch_register()", i);
	if (err == 0)
		model_watch_register(i, k, name < 0 ? DIRECTORY :
				     inode_of[name], mask);
}

/* What is watched at once is what finds most. */
void c_watch_begin(unsigned a, unsigned b)
{
	c_inotify_register(a / WATCHES, b);
	if (a / 16 % (FILENAMES + 1) > 0)
		c_file_create(a / 16 % (FILENAMES + 1) - 1, b);
	c_watch_register(a, b);
}

/* Also if it has gone by itself; not once its instance is freed. */
static void unregister_watch(int i)
{
	if (M.watch[i].registered)
		model_watch_unregister(i);
	if (M.watch[i].instance >= 0)
		iv_inotify_watch_unregister(watches[i]);
}

void c_watch_unregister(unsigned a, unsigned b)
{
	(void)b;
	unregister_watch(WATCH(a));
}

void c_watch_free(unsigned a, unsigned b)
{
	(void)b;
	unregister_watch(WATCH(a));
	new_watch(WATCH(a));
}

void c_inotify_free(unsigned a, unsigned b)
{
	int k = INSTANCE(a);

	(void)b;
	unregister_instance(k);
	FOR(i, WATCHES)
		if (M.watch[i].instance == k)
			M.watch[i].instance = -1;
	new_instance(k);
}

/* ---- All of them ------------------------------------------------------------------------------ */

void inotify_begin(void)
{
	FOR(k, INSTANCES)
		new_instance(k);
	FOR(i, WATCHES)
		new_watch(i);
}

void inotify_unregister(void)
{
	FOR(k, INSTANCES)
		unregister_instance(k);
}

/* The next program finds an empty directory. */
void inotify_end(void)
{
	if (shadow < 0)
		return;
	FOR(i, FILENAMES)
		c_file_unlink((unsigned)i, 0);
}

void inotify_make_directory(void)
{
	const char *base = getenv("TMPDIR");
	char name[PATH_MAX - 2], inner[PATH_MAX];

	if (base == NULL || base[0] == '\0')
		base = "/tmp";
	snprintf(name, sizeof(name), "%s/ivykis-model-XXXXXX", base);
	if (mkdtemp(name) == NULL)
		return;
	/* What others do beside the outer one is not noticed in this. */
	snprintf(inner, sizeof(inner), "%s/d", name);
	if (mkdir(inner, 0700) == 0)
		setenv(DIR_VARIABLE, inner, 1);
}

void inotify_remove_directory(void)
{
	if (getenv(DIR_VARIABLE) == NULL)
		return;
	FOR(i, FILENAMES)
		unlink(path_of(i));
	rmdir(getenv(DIR_VARIABLE));
	*strrchr(getenv(DIR_VARIABLE), '/') = '\0';
	rmdir(getenv(DIR_VARIABLE));
}
#else

#define NOTHING(name)							\
void c_##name(unsigned a, unsigned b)					\
{									\
	(void)a;							\
	(void)b;							\
}

NOTHING(inotify_register)
NOTHING(inotify_unregister)
NOTHING(inotify_free)
NOTHING(watch_register)
NOTHING(watch_begin)
NOTHING(watch_unregister)
NOTHING(watch_free)
NOTHING(file_create)
NOTHING(file_write)
NOTHING(file_truncate)
NOTHING(file_again)
NOTHING(file_chmod)
NOTHING(file_unlink)
NOTHING(file_rename)

bool files_ready(void)
{
	return false;
}

const char *files_path(int name)
{
	(void)name;
	return "";
}

void files_done(void)
{
}

void inotify_divert(struct iv_fd *fd)
{
	(void)fd;
}

void inotify_begin(void)
{
}

void inotify_unregister(void)
{
}

void inotify_end(void)
{
}

void inotify_make_directory(void)
{
}

void inotify_remove_directory(void)
{
}
#endif
