/* SPDX-License-Identifier: MIT */
/*
 * way.c - the way to a name, along which hints are wanted.
 *
 * The way to a name is walked as the kernel would walk it: each directory on
 * it is marked before the next name is looked up in it, so that whatever
 * changes afterwards makes a hint.  That also goes for symbolic links, in the
 * middle and at the end, and for a name that is missing: the way ends at the
 * directory in which it would appear.
 *
 * Of most directories only what happens to themselves matters, since others
 * may come and go in them all the time (/tmp): who moves one tells itself, and
 * who removes one has to remove what we know in it first.  Entries matter where
 * there is a link, the last name, or none: there the directory could be
 * removed, which it may tell late (inotify(7): IN_DELETE_SELF waits for those
 * who use it), so the entries of its parent matter then, too.  Names with ".."
 * have another order of parents, so entries always matter for them.
 *
 * A spot is a mark and a name in that directory, or the file itself (""), which
 * is there for each mark; a step is that somebody has come by there.  Names in
 * common directories share marks and spots.  A mark without steps is removed.
 */
#include <errno.h>
#include <string.h>
#include "base/compiler.h"
#include "mod/watcher.h"
#include "sys/file.h"
#include "sys/sys.h"

/* As the kernel has it: path_resolution(7). */
#define LINKS		40

/* Of walks, while others change what is on the way. */
#define TRIES		10

struct spot {
	struct iv_avl_node	node;
	struct iv_list_head	steps;
	struct spot	*file;		/* of the same mark: "" */
	int	mark;
	/* Of "" only: */
	unsigned	names;		/* other spots of the mark */
	unsigned	wanting;	/* steps to which entries matter */
	bool	entries;		/* the kernel tells of them */
	bool	remote;
	char	name[];
};

struct ivi_step {
	struct iv_list_head	node;	/* of spot->steps */
	struct iv_list_head	way;	/* of watch->way */
	struct spot	*spot;
	struct ivi_watch	*watch;
	unsigned	what;		/* to look at, if the file changes */
	bool	wants;			/* entries */
};

/* ---- Spots ------------------------------------------------------------- */

static struct spot *spot_of(const struct iv_avl_node *an)
{
	return iv_container_of(an, struct spot, node);
}

static int order(const struct spot *s, int mark, const char *name)
{
	if (s->mark != mark)
		return s->mark < mark ? -1 : 1;
	return strcmp(s->name, name);
}

static int compare(const struct iv_avl_node *a, const struct iv_avl_node *b)
{
	return order(spot_of(a), spot_of(b)->mark, spot_of(b)->name);
}

/* The first that is not before these, or NULL. */
static struct spot *lookup(const struct ivi_marks *r, int mark,
			   const char *name)
{
	struct iv_avl_node *an = r->spots.root;
	struct spot *found = NULL;

	while (an != NULL) {
		if (order(spot_of(an), mark, name) >= 0) {
			found = spot_of(an);
			an = an->left;
		} else {
			an = an->right;
		}
	}
	return found;
}

/* The first of this mark, or NULL. */
static struct spot *first_of(const struct ivi_marks *r, int mark)
{
	struct spot *s = lookup(r, mark, "");

	return s != NULL && s->mark == mark ? s : NULL;
}

static struct spot *next_of(const struct spot *s)
{
	const struct iv_avl_node *an = iv_avl_tree_next(
		(struct iv_avl_node *)(uintptr_t)&s->node);

	return an != NULL && spot_of(an)->mark == s->mark ? spot_of(an) : NULL;
}

static struct spot *new_spot(struct ivi_marks *r, struct spot *file, int mark,
			     const char *name)
{
	size_t size = strlen(name) + 1;
	struct spot *s = ivi_alloc_zeroed(sizeof(*s) + size);

	if (s == NULL)
		return NULL;
	INIT_IV_LIST_HEAD(&s->steps);
	s->file = file != NULL ? file : s;
	s->mark = mark;
	memcpy(s->name, name, size);
	iv_avl_tree_insert(&r->spots, &s->node);
	if (file != NULL)
		file->names++;
	return s;
}

static struct spot *get_spot(struct ivi_marks *r, struct spot *file, int mark,
			     const char *name)
{
	struct spot *s = lookup(r, mark, name);

	return s != NULL && order(s, mark, name) == 0 ? s :
	       new_spot(r, file, mark, name);
}

/* A mark that nobody has come by. */
static void drop_mark(struct ivi_marks *r, int mark)
{
	if (r->hints.fd >= 0 && mark > 0 && first_of(r, mark) == NULL)
		ivi_hints_remove(&r->hints, mark);
}

static void free_spot(struct ivi_marks *r, struct spot *s)
{
	iv_avl_tree_delete(&r->spots, &s->node);
	ivi_free(s);
}

/* S may be "". */
static void put_spot(struct ivi_marks *r, struct spot *s)
{
	struct spot *file = s->file;
	int mark = s->mark;

	if (s != file && iv_list_empty(&s->steps)) {
		file->names--;
		free_spot(r, s);
	}
	if (file->names == 0 && iv_list_empty(&file->steps)) {
		free_spot(r, file);
		drop_mark(r, mark);
	}
}

/* ---- Steps ------------------------------------------------------------- */

static void want_entries(struct ivi_step *step, bool wants)
{
	if (step->wants != wants)
		step->spot->file->wanting += wants ? 1 : -1U;
	step->wants = wants;
}

static struct ivi_step *step_to(struct ivi_watch *w, struct spot *s,
				unsigned what)
{
	struct ivi_step *step = ivi_alloc(sizeof(*step));

	if (step == NULL) {
		put_spot(w->marks, s);
		return NULL;
	}
	step->spot = s;
	step->watch = w;
	step->what = what;
	step->wants = false;
	iv_list_add_tail(&step->node, &s->steps);
	INIT_IV_LIST_HEAD(&step->way);
	return step;
}

/* NULL: no memory; the mark is dropped unless there is another use for it. */
static struct ivi_step *new_step(struct ivi_watch *w, int mark,
				 const char *name, unsigned what)
{
	struct ivi_marks *r = w->marks;
	struct spot *file = get_spot(r, NULL, mark, ""), *s;

	if (file == NULL) {
		drop_mark(r, mark);
		return NULL;
	}
	s = name[0] == '\0' ? file : get_spot(r, file, mark, name);
	if (s == NULL) {
		put_spot(r, file);
		return NULL;
	}
	return step_to(w, s, what);
}

static void free_step(struct ivi_step *step)
{
	struct ivi_marks *r = step->watch->marks;
	struct spot *s = step->spot;

	want_entries(step, false);
	iv_list_del(&step->node);
	iv_list_del(&step->way);
	ivi_free(step);
	put_spot(r, s);
}

static void free_way(struct iv_list_head *way)
{
	while (!iv_list_empty(way))
		free_step(iv_container_of(way->next, struct ivi_step, way));
}

void ivi_contents_forget(struct ivi_watch *w)
{
	if (w->contents != NULL)
		free_step(w->contents);
	w->contents = NULL;
}

/* ---- Walking ----------------------------------------------------------- */

/* How a step of the way went. */
enum outcome {
	GO_ON,
	STOP,		/* the way ends here, and hints tell if it goes on */
	DEAF,		/* there will be no hint */
	AGAIN		/* something has changed meanwhile */
};

/* What ends a walk: the name is missing, or a hint has been refused. */
static enum outcome verdict(int err)
{
	return err == ENOENT || err == ENOTDIR || err == ELOOP ? STOP : DEAF;
}

/* Takes the next name off what is to come; false: there is none. */
static bool next_name(struct ivi_marks *r, char name[NAME_MAX + 1],
		      bool *too_long)
{
	const char *s = r->rest;
	size_t n;

	while (*s == '/' || (s[0] == '.' && (s[1] == '/' || s[1] == '\0')))
		s++;
	n = strcspn(s, "/");
	*too_long = n > NAME_MAX;
	if (n == 0 || *too_long)
		return false;
	memcpy(name, s, n);
	name[n] = '\0';
	memmove(r->rest, s + n, strlen(s + n) + 1);
	return true;
}

/* True if what is to come now is LINK, then REST. */
static bool put_before(struct ivi_marks *r, const char *link)
{
	size_t n = strlen(link), m = strlen(r->rest);

	if (n + m >= sizeof(r->rest))
		return false;
	memmove(r->rest + n, r->rest, m + 1);
	memcpy(r->rest, link, n);
	return true;
}

/* Where a path begins. */
static void start_at(struct ivi_marks *r, const char *path)
{
	strcpy(r->path, path[0] == '/' ? "/" : ".");
}

static bool enter(struct ivi_marks *r, const char *name)
{
	size_t n = strlen(r->path), m = strlen(name);

	if (n + m + 2 > sizeof(r->path))
		return false;
	r->path[n] = '/';
	memcpy(r->path + n + 1, name, m + 1);
	return true;
}

/* What enter() has added. */
static void leave(struct ivi_marks *r)
{
	*strrchr(r->path, '/') = '\0';
}

/* A mark that is new may have come too late for a hint: but not if the name
   leads there still.  Old ones lead there anyway. */
static int mark_directory(struct ivi_marks *r, bool entries)
{
	struct ivi_hints *h = &r->hints;
	int m = ivi_hints_add_directory(h, r->path, entries), last = -1;

	while (m > 0 && m != last && first_of(r, m) == NULL) {
		if (last > 0)
			drop_mark(r, last);
		last = m;
		m = ivi_hints_add_directory(h, r->path, entries);
	}
	if (last > 0 && m != last)
		drop_mark(r, last);
	return m;
}

/* A step to NAME in the marked file where the walk is; on STEP. */
static enum outcome add_step(struct ivi_watch *w, struct iv_list_head *way,
			     int m, const char *name, struct ivi_step **step)
{
	struct ivi_marks *r = w->marks;
	const struct spot *known;
	bool remote;

	if (m < 0)
		return verdict(-m);
	known = first_of(r, m);
	remote = known != NULL ? known->remote : ivi_file_is_remote(r->path);
	*step = new_step(w, m, name, IVI_LOOK_NAME);
	if (*step == NULL)
		return DEAF;
	(*step)->spot->file->remote = remote;
	iv_list_add_tail(&(*step)->way, way);
	if (!remote)
		return GO_ON;
	w->refused &= ~(unsigned)IVI_LOOK_NAME;
	return DEAF;
}

/* Entries of the directory of STEP, where the walk is, matter. */
static enum outcome open_entries(struct ivi_marks *r, struct ivi_step *step)
{
	int m = ivi_hints_add_directory(&r->hints, r->path, true);

	if (m != step->spot->mark) {
		drop_mark(r, m);
		return AGAIN;
	}
	want_entries(step, true);
	step->spot->file->entries = true;
	return GO_ON;
}

/* They do not; maybe to nobody. */
static void close_entries(struct ivi_marks *r, const struct ivi_step *step)
{
	struct spot *file = step->spot->file;
	int m;

	if (!file->entries || file->wanting > 0)
		return;
	m = ivi_hints_cut_directory(&r->hints, r->path);
	file->entries = m != file->mark;
	if (file->entries)
		drop_mark(r, m);
}

static enum outcome follow_link(struct ivi_marks *r, int *links)
{
	int n = ivi_file_link(r->path, r->link, sizeof(r->link));

	if (n < 0)
		return verdict(-n);
	if (++*links > LINKS)
		return STOP;
	leave(r);
	if (r->link[0] == '/')
		start_at(r, r->link);
	if (!put_before(r, r->link))
		return DEAF;
	if (r->careful || strstr(r->link, "..") == NULL)
		return GO_ON;
	r->careful = true;
	return AGAIN;
}

static enum outcome at_the_end(struct ivi_watch *w, struct iv_list_head *way,
			       bool directory)
{
	struct ivi_marks *r = w->marks;
	struct ivi_step *step;
	enum outcome how;

	if (!w->leaf || (!directory && r->hints.partial))
		return STOP;
	how = add_step(w, way, directory ? mark_directory(r, true) :
		       ivi_hints_add_file(&r->hints, r->path), "", &step);
	if (how == GO_ON && directory)
		how = open_entries(r, step);
	return how == GO_ON ? STOP : how;
}

/* The name is missing in the directory of STEP, the last on the way: that could
   be removed now, which the one before tells. */
static enum outcome at_a_gap(struct ivi_marks *r, struct iv_list_head *way,
			     const struct ivi_step *step)
{
	enum outcome how;
	int m;

	if (r->careful || step->way.prev == way || strrchr(r->path, '/') ==
	    r->path + 1)
		return STOP;
	leave(r);
	strcpy(r->link, r->path);
	leave(r);
	how = open_entries(r, iv_container_of(step->way.prev, struct ivi_step,
					      way));
	strcpy(r->path, r->link);
	if (how != GO_ON)
		return how;
	m = ivi_hints_add_directory(&r->hints, r->path, true);
	if (m == step->spot->mark)
		return STOP;
	drop_mark(r, m);
	return AGAIN;
}

/* 1: a directory, and not the last name; 0: something else; or -errno. */
static int get_kind(const struct ivi_marks *r, struct ivi_file_info *info)
{
	int ret = ivi_file_stat(r->path, false, info);

	return ret < 0 ? ret : ivi_file_is_directory(info) &&
			       r->rest[0] != '\0';
}

/* Enters NAME, which gets KIND and INFO, from the directory of STEP.  Looked
   up again if its entries did not matter before. */
static enum outcome try_name(struct ivi_marks *r, struct ivi_step *step,
			     const char *name, int *kind,
			     struct ivi_file_info *info)
{
	enum outcome how = r->careful ? open_entries(r, step) : GO_ON;

	if (how != GO_ON)
		return how;
	if (!enter(r, name))
		return DEAF;
	*kind = get_kind(r, info);
	if (r->careful)
		return GO_ON;
	leave(r);
	if (*kind > 0)
		close_entries(r, step);
	else
		how = open_entries(r, step);
	enter(r, name);
	if (*kind <= 0)
		*kind = get_kind(r, info);
	return how;
}

static enum outcome pass(struct ivi_watch *w, struct iv_list_head *way,
			 const char *name, int *links)
{
	struct ivi_marks *r = w->marks;
	bool last = r->rest[0] == '\0';
	struct ivi_file_info info;
	struct ivi_step *step;
	int kind = 0;
	enum outcome how = add_step(w, way, mark_directory(r, r->careful), name,
				    &step);

	if (how == GO_ON)
		how = try_name(r, step, name, &kind, &info);
	if (how != GO_ON || kind > 0)
		return how;
	if (kind < 0)
		return verdict(-kind) == STOP ? at_a_gap(r, way, step) : DEAF;
	if (ivi_file_is_link(&info) && !(last && w->nofollow))
		return follow_link(r, links);
	if (last)
		return at_the_end(w, way, ivi_file_is_directory(&info));
	/* A file, where there should be a directory. */
	return at_a_gap(r, way, step);
}

static enum outcome walk(struct ivi_watch *w, struct iv_list_head *way)
{
	struct ivi_marks *r = w->marks;
	char name[NAME_MAX + 1];
	enum outcome how = GO_ON;
	bool too_long = false;
	int links = 0;

	strcpy(r->rest, w->pathname);
	start_at(r, r->rest);
	while (how == GO_ON && next_name(r, name, &too_long))
		how = pass(w, way, name, &links);
	if (how != GO_ON)
		return how;
	return too_long ? DEAF : at_the_end(w, way, true);
}

static enum outcome walk_on(struct ivi_watch *w, struct iv_list_head *way)
{
	struct ivi_marks *r = w->marks;
	size_t n = strlen(w->pathname);
	enum outcome how;
	int tries = 0;

	/* What the kernel refuses does not change. */
	if (n == 0 || n >= sizeof(r->rest))
		return STOP;
	if (r->hints.fd < 0)
		return DEAF;
	r->careful = strstr(w->pathname, "..") != NULL;
	do {
		free_way(way);
		how = walk(w, way);
		r->careful |= ++tries > 2;
	} while (how == AGAIN && tries < TRIES);
	return how == AGAIN ? DEAF : how;
}

/* With partial hints it is looked at in intervals all the same. */
static void is_told(struct ivi_watch *w, unsigned what)
{
	if (!w->marks->hints.partial)
		w->unheard &= ~what;
	w->refused &= ~what;
}

/* The new way comes before the old one goes, so that marks stay. */
void ivi_way_find(struct ivi_watch *w)
{
	struct iv_list_head way, *lh;

	iv_list_for_each (lh, &w->way)
		want_entries(iv_container_of(lh, struct ivi_step, way), false);
	INIT_IV_LIST_HEAD(&way);
	w->unheard |= IVI_LOOK_NAME;
	w->refused |= IVI_LOOK_NAME;
	if (walk_on(w, &way) == STOP)
		is_told(w, IVI_LOOK_NAME);
	free_way(&w->way);
	iv_list_splice_tail(&way, &w->way);
}

static struct ivi_step *find_contents(struct ivi_watch *w)
{
	struct ivi_marks *r = w->marks;
	int m;

	if (w->fd < 0)
		return NULL;
	w->unheard |= IVI_LOOK_FILE;
	if (ivi_fd_is_remote(w->fd))
		return NULL;
	w->refused |= IVI_LOOK_FILE;
	if (r->hints.fd < 0)
		return NULL;
	m = ivi_hints_add_fd(&r->hints, w->fd);
	return m < 0 ? NULL : new_step(w, m, "", IVI_LOOK_FILE);
}

void ivi_contents_find(struct ivi_watch *w)
{
	struct ivi_step *step;

	w->unheard &= ~(unsigned)IVI_LOOK_FILE;
	w->refused &= ~(unsigned)IVI_LOOK_FILE;
	step = find_contents(w);
	ivi_contents_forget(w);
	w->contents = step;
	if (step != NULL)
		is_told(w, IVI_LOOK_FILE);
}

/* ---- Hints ------------------------------------------------------------- */

static void hint_spot(const struct spot *s, unsigned more)
{
	struct iv_list_head *lh;

	iv_list_for_each (lh, &s->steps) {
		const struct ivi_step *step =
			iv_container_of(lh, struct ivi_step, node);

		ivi_watch_hint(step->watch, step->what | more);
	}
}

static void hint_spots(const struct ivi_marks *r, int m, unsigned more)
{
	const struct spot *s;

	for (s = first_of(r, m); s != NULL; s = next_of(s))
		hint_spot(s, more);
}

static void hint_entry(const struct ivi_marks *r, int m, const char *name)
{
	const struct spot *s = lookup(r, m, name);

	if (s != NULL && order(s, m, name) == 0)
		hint_spot(s, IVI_LOOK_WAY | IVI_LOOK_OTHER);
	s = first_of(r, m);
	if (s != NULL)
		hint_spot(s, 0);
}

void ivi_way_forget(struct ivi_watch *w)
{
	free_way(&w->way);
}

void ivi_marks_init(struct ivi_marks *r)
{
	r->hints.fd = -1;
	INIT_IV_AVL_TREE(&r->spots, compare);
}

/* An entry of a directory changes the directory as well. */
void ivi_marks_hint(struct ivi_marks *r, const struct ivi_hint *hint)
{
	switch (hint->kind) {
	case IVI_HINT_CONTENTS:
		hint_spots(r, hint->mark, 0);
		break;
	case IVI_HINT_ENTRY:
		hint_entry(r, hint->mark, hint->name);
		break;
	case IVI_HINT_ENTRIES:
		hint_spots(r, hint->mark, IVI_LOOK_WAY);
		break;
	case IVI_HINT_MOVED:
		hint_spots(r, hint->mark, IVI_LOOK_WAY | IVI_LOOK_OTHER);
		break;
	case IVI_HINT_LOST:
		break;
	}
}
