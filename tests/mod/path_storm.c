/* SPDX-License-Identifier: MIT */
/*
 * path_storm.c - iv_path against stat(2): whatever is done to a small tree of
 * files, directories and links, in the end every path knows what is so.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "mod/file_rig.h"

#define BURSTS	150
#define MOST	6		/* changes in a burst */

/* A name of each kind of depth, so that they often meet. */
static const char *const names[] = {
	"a", "b", "c", "a/a", "a/b", "b/a", "b/b", "c/a", "a/a/a", "a/b/c",
	"b/a/a", "b/a/b", "a/a/b/c", "c/a/../a", "b/./a/../../a/a", "a/",
};
#define NAMES	((unsigned)(sizeof(names) / sizeof(names[0])))

struct known {
	struct iv_path	path;
	int		there;
	struct iv_path_info	info;
};

static struct known all[2 * NAMES];
static uint32_t seed;

static unsigned any(unsigned n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static const char *any_name(void)
{
	return names[any(NAMES - 3)];
}

/* ---- What is known ----------------------------------------------------- */

static int same(const struct iv_path_info *a, const struct iv_path_info *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static void changed(void *_k, const struct iv_path_info *before,
		    const struct iv_path_info *now)
{
	struct known *k = _k;

	CHECK((before != NULL) == k->there);
	CHECK(before == NULL || same(before, &k->info));
	CHECK(now == NULL || before == NULL || !same(before, now));
	k->there = now != NULL;
	if (now != NULL)
		k->info = *now;
}

static int look(const struct known *k, struct stat *st)
{
	return k->path.flags & IV_PATH_NOFOLLOW ?
	       lstat(k->path.pathname, st) : stat(k->path.pathname, st);
}

static void check(const struct known *k)
{
	const struct iv_path_info *i = &k->info;
	struct stat st;
	int there = look(k, &st) == 0;

	if (there != k->there)
		FAIL("%s: %s", k->path.pathname, there ? "is there" :
						 "is not there");
	if (there && (i->ino != st.st_ino || i->mode != st.st_mode ||
		      i->size != (unsigned long long)st.st_size ||
		      i->nlink != st.st_nlink ||
		      i->mtime.tv_sec != st.st_mtime ||
		      i->ctime.tv_sec != st.st_ctime))
		FAIL("%s: not what is known", k->path.pathname);
}

static void start(struct known *k, const char *name, unsigned flags)
{
	struct stat st;

	memset(k, 0, sizeof(*k));
	IV_PATH_INIT(&k->path);
	k->path.pathname = strdup(at(name));
	k->path.flags = flags;
	k->path.cookie = k;
	k->path.handler = changed;
	set_interval(&k->path.interval);
	CHECK_SYS(iv_path_register(&k->path));
	k->there = look(k, &st) == 0;
}

static void stop(struct known *k)
{
	iv_path_unregister(&k->path);
	free((void *)(uintptr_t)k->path.pathname);
}

/* ---- What is done ------------------------------------------------------ */

static void make_file(const char *name)
{
	int fd = open(at(name), O_WRONLY | O_CREAT | O_APPEND, 0600);

	if (fd < 0)
		return;
	if (write(fd, "text", any(5)) < 0)
		FAIL("write");
	CHECK_SYS(close(fd));
}

static void make_link(const char *name)
{
	static const char *const texts[] = {
		"a", "b", "../a", "../b/a", ".", "..", "nothing", "a/../b",
	};
	const char *text = texts[any(8)];

	if (any(4) == 0)
		text = at(any_name());
	if (symlink(text, at(name)) < 0)
		CHECK(errno != ENOMEM);
}

/* Most of it is refused: there is no such file, or there is one. */
static void do_something(void)
{
	const char *name = any_name(), *other = any_name();
	int ret = 0;

	switch (any(9)) {
	case 0:
		make_file(name);
		break;
	case 1:
	case 2:
		ret = mkdir(at(name), 0700);
		break;
	case 3:
		ret = unlink(at(name));
		break;
	case 4:
		ret = rmdir(at(name));
		break;
	case 5:
	case 6:
		ret = rename(at(name), at(other));
		break;
	case 7:
		make_link(name);
		break;
	case 8:
		ret = any(2) ? link(at(name), at(other)) :
			       truncate(at(name), 3);
		break;
	}
	if (ret < 0)
		CHECK(errno != EBADF);
}

static void run_storm(uint32_t first, unsigned bursts)
{
	unsigned i, n;

	rig_start();
	seed = first;
	for (i = 0; i < 2 * NAMES; i++) {
		start(&all[i], names[i / 2], i % 2 ? IV_PATH_NOFOLLOW : 0);
		all[i].there = 0;
	}
	for (n = 0; n < bursts; n++) {
		unsigned k = any(MOST) + 1;

		while (k-- > 0) {
			do_something();
			if (any(3) == 0) {
				quit_after_turns(1 + any(2));
				iv_main();
			}
		}
		told();
		for (i = 0; i < 2 * NAMES; i++)
			check(&all[i]);
	}
	for (i = 0; i < 2 * NAMES; i++)
		stop(&all[i]);
	rig_end();
}

FILE_TEST(first_storm)
{
	time_limit(60);
	run_storm(1, hints_refused() ? BURSTS / 10 : BURSTS);
}

FILE_TEST(second_storm)
{
	time_limit(60);
	run_storm(12345, hints_refused() ? BURSTS / 10 : BURSTS);
}

/* For by hand: IV_STORM_SEED. */
TEST(storm_of_choice)
{
	const char *s = getenv("IV_STORM_SEED");

	if (s == NULL)
		SKIP("IV_STORM_SEED is not set");
	time_limit(600);
	run_storm((uint32_t)strtoul(s, NULL, 10), 2000);
}
