/* SPDX-License-Identifier: MIT */
/*
 * follow_storm.c - iv_follow against fstat(2): whatever is done to some logs,
 * in the end every follower has the file that has the name, and is at its end;
 * and every file that it was given has been read to the end.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "mod/file_rig.h"

#define BURSTS	200
#define MOST	6		/* changes in a burst */
#define FOLLOWERS	12

/* Followers of the first names; what is renamed goes to any. */
static const char *const names[] = {
	"a", "b", "d/a", "d/b", "d/e/a", "l/a", "old", "d/old",
};
#define NAMES	8
#define FOLLOWED	6

struct reader {
	struct iv_follow	follow;
	int	slow;		/* reads one byte at a time */
	int	told_gone;
};

static struct reader readers[FOLLOWERS];
static uint32_t seed;

static unsigned any(unsigned n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* ---- Readers ----------------------------------------------------------- */

static void happened(void *_r, unsigned what);

static void read_on(struct reader *r)
{
	char buf[64];
	ssize_t n = CHECK_SYS(pread(r->follow.fd, buf,
				    r->slow ? 1 : sizeof(buf),
				    (off_t)r->follow.offset));

	CHECK_INT(n, >, 0);
	r->follow.offset += n;
}

static off_t size_of(int fd)
{
	struct stat st;

	CHECK_SYS(fstat(fd, &st));
	return st.st_size;
}

/* The old file to its end first; or somebody else does. */
static void change_over(struct reader *r)
{
	int old = r->follow.fd;
	int fd = open(r->follow.pathname, O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0 || errno == ENOENT || errno == ENOTDIR ||
	      errno == ELOOP);
	if (fd < 0)
		return;
	while (old >= 0 && r->follow.offset < size_of(old))
		read_on(r);
	iv_follow_set_fd(&r->follow, fd, 0);
	if (old >= 0)
		CHECK_SYS(close(old));
}

static void happened(void *_r, unsigned what)
{
	struct reader *r = _r;

	CHECK(what != 0);
	CHECK(!(what & IV_FOLLOW_FAILED));
	CHECK((what & 3) != 3);
	CHECK((what & 12) != 12);
	r->told_gone = (what & IV_FOLLOW_GONE) != 0;
	if (what & IV_FOLLOW_TRUNCATED)
		r->follow.offset = 0;
	if ((what & IV_FOLLOW_DATA) &&
	    r->follow.offset < size_of(r->follow.fd))
		read_on(r);
	if (what & IV_FOLLOW_REPLACED)
		change_over(r);
	if (any(10) == 0)
		iv_follow_set_handler(&r->follow, NULL);
}

static void check(const struct reader *r)
{
	const struct iv_follow *f = &r->follow;
	struct stat name, file;
	int there = stat(f->pathname, &name) == 0;

	if (f->fd >= 0) {
		CHECK_SYS(fstat(f->fd, &file));
		CHECK_INT(f->offset, ==, file.st_size);
	}
	if (!there || !S_ISREG(name.st_mode))
		return;
	if (f->fd < 0)
		FAIL("%s: has appeared, but has not been told", f->pathname);
	CHECK_INT(name.st_ino, ==, file.st_ino);
}

static void start(struct reader *r, const char *name)
{
	IV_FOLLOW_INIT(&r->follow);
	r->follow.pathname = strdup(at(name));
	r->follow.cookie = r;
	r->follow.handler = happened;
	r->slow = (int)any(2);
	set_interval(&r->follow.interval);
	CHECK_SYS(iv_follow_register(&r->follow));
}

static void stop(struct reader *r)
{
	iv_follow_unregister(&r->follow);
	if (r->follow.fd >= 0)
		CHECK_SYS(close(r->follow.fd));
	free((void *)(uintptr_t)r->follow.pathname);
}

/* ---- What is done ------------------------------------------------------ */

static void add_to(const char *name, int flags)
{
	int fd = open(at(name), O_WRONLY | O_CREAT | flags, 0600);

	if (fd < 0)
		return;
	CHECK_SYS(write(fd, "0123456789", any(10)));
	CHECK_SYS(close(fd));
}

static int do_something(void)
{
	const char *name = names[any(NAMES)], *other = names[any(NAMES)];

	switch (any(12)) {
	case 0:
		return rename(at(name), at(other));
	case 1:
		return unlink(at(name));
	case 2:
		return truncate(at(name), any(5));
	case 3:
		add_to("replacement", O_TRUNC);
		return rename(at("replacement"), at(name));
	case 4:
		return rename(at("d"), at("x")) == 0 ? mkdir(at("d"), 0700) :
						       rename(at("x"), at("d"));
	case 5:
		return mkdir(at(any(2) ? "d/e" : "d"), 0700);
	case 6:
		unlink(at("l"));
		return symlink(any(2) ? "d" : "d/e", at("l"));
	default:
		add_to(name, O_APPEND);
		return 0;
	}
}

static void resume_all(void)
{
	int i;

	for (i = 0; i < FOLLOWERS; i++)
		if (readers[i].follow.handler == NULL)
			iv_follow_set_handler(&readers[i].follow, happened);
}

static int suspended(void)
{
	int i, n = 0;

	for (i = 0; i < FOLLOWERS; i++)
		n += readers[i].follow.handler == NULL;
	return n;
}

static void burst(void)
{
	unsigned k = any(MOST) + 1;

	while (k-- > 0) {
		if (do_something() < 0)
			CHECK(errno != EBADF);
		if (any(3) == 0) {
			quit_after_turns(1 + any(3));
			iv_main();
		}
	}
}

static void run_storm(uint32_t first, unsigned bursts)
{
	int i;

	rig_start();
	seed = first;
	for (i = 0; i < FOLLOWERS; i++)
		start(&readers[i], names[i % FOLLOWED]);
	while (bursts-- > 0) {
		burst();
		do {
			resume_all();
			quit_after_turns(40);
			iv_main();
			told();
		} while (suspended() > 0);
		for (i = 0; i < FOLLOWERS; i++)
			check(&readers[i]);
	}
	for (i = 0; i < FOLLOWERS; i++)
		stop(&readers[i]);
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
	run_storm(54321, hints_refused() ? BURSTS / 10 : BURSTS);
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
