/* SPDX-License-Identifier: MIT */
/*
 * path.c - tests of iv_path.
 */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "mod/file_rig.h"

/* ---- Files ------------------------------------------------------------- */

FILE_TEST(a_file_that_appears_changes_and_vanishes)
{
	struct iv_path *p;

	rig_start();
	p = new_path(at("file"), "p");
	CHECK_STR(told(), "");
	put("file", "");
	CHECK_STR(told(), "p:new ");
	append("file", "text");
	CHECK_STR(told(), "p:size ");
	delete("file");
	CHECK_STR(told(), "p:gone ");
	put("file", "again");
	CHECK_STR(told(), "p:new ");
	drop_path(p);
	put("file", "unseen");
	CHECK_STR(told(), "");
	rig_end();
}

FILE_TEST(nothing_is_told_of_what_is_there_already)
{
	struct iv_path *p;

	rig_start();
	put("file", "text");
	p = new_path(at("file"), "p");
	CHECK_STR(told(), "");
	drop_path(p);
	rig_end();
}

FILE_TEST(each_member_counts)
{
	struct timespec times[2] = { { 0, UTIME_OMIT }, { 1, 1 } };
	struct iv_path *p;

	rig_start();
	put("file", "text");
	p = new_path(at("file"), "p");
	CHECK_SYS(chmod(at("file"), 0640));
	CHECK_STR(told(), "p:mode ");
	hard_link("file", "second");
	CHECK_STR(told(), "p:nlink ");
	CHECK_SYS(utimensat(AT_FDCWD, at("file"), times, 0));
	CHECK_STR(told(), "p:time ");
	times[1].tv_nsec = 2;
	CHECK_SYS(utimensat(AT_FDCWD, at("file"), times, 0));
	CHECK_STR(told(), "p:time ");
	if (geteuid() == 0) {
		CHECK_SYS(chown(at("file"), 65534, (gid_t)-1));
		CHECK_STR(told(), "p:time ");
		CHECK_SYS(chown(at("file"), (uid_t)-1, 65534));
		CHECK_STR(told(), "p:time ");
	}
	replace("file", "text");
	CHECK_STR(told(), "p:other ");
	drop_path(p);
	rig_end();
}

FILE_TEST(reading_is_no_change)
{
	struct iv_path *p;
	char c;
	int fd;

	rig_start();
	put("file", "text");
	p = new_path(at("file"), "p");
	fd = (int)CHECK_SYS(open(at("file"), O_RDONLY));
	CHECK_INT(read(fd, &c, 1), ==, 1);
	CHECK_SYS(close(fd));
	CHECK_STR(told(), "");
	drop_path(p);
	rig_end();
}

FILE_TEST(a_file_changed_through_another_name)
{
	struct iv_path *p;

	rig_start();
	make_dir("elsewhere");
	put("file", "text");
	hard_link("file", "elsewhere/file");
	p = new_path(at("file"), "p");
	append("elsewhere/file", "more");
	CHECK_STR(told(), "p:size ");
	drop_path(p);
	rig_end();
}

static void ask_for_lock(void *unused)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = (int)CHECK_SYS(open(at("file"), O_RDWR));

	(void)unused;
	CHECK_SYS(fcntl(fd, F_GETLK, &lock));
	CHECK_INT(lock.l_type, ==, F_WRLCK);
	CHECK_SYS(close(fd));
}

/* Who opens and closes a file gives them up. */
FILE_TEST(locks_of_the_program_stay)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct iv_path *p;
	int fd;

	rig_start();
	fd = (int)CHECK_SYS(open(at("file"), O_RDWR | O_CREAT, 0600));
	CHECK_SYS(fcntl(fd, F_SETLK, &lock));
	p = new_path(at("file"), "p");
	CHECK_STR(told(), "");
	drop_path(p);
	CHECK_STR(told(), "");
	reap_child(fork_child(ask_for_lock, NULL));
	CHECK_SYS(close(fd));
	rig_end();
}

FILE_TEST(a_directory)
{
	struct iv_path *p;

	rig_start();
	make_dir("dir");
	p = new_path(at("dir"), "p");
	make_dir("dir/sub");
	CHECK(strncmp(told(), "p:", 2) == 0);
	put("dir/file", "");
	CHECK(strncmp(told(), "p:", 2) == 0);
	append("dir/file", "of no concern");
	CHECK_STR(told(), "");
	delete("dir/file");
	remove_dir("dir/sub");
	CHECK(strncmp(told(), "p:", 2) == 0);
	remove_dir("dir");
	CHECK_STR(told(), "p:gone ");
	drop_path(p);
	rig_end();
}

FILE_TEST(many_changes_may_be_told_as_one)
{
	struct iv_path *p;
	int i;

	rig_start();
	p = new_path(at("file"), "p");
	for (i = 0; i < 100; i++)
		append("file", "text");
	CHECK_STR(told(), "p:new ");
	drop_path(p);
	rig_end();
}

FILE_TEST(two_paths_of_one_file)
{
	struct iv_path *p, *q, *r;

	rig_start();
	put("file", "text");
	hard_link("file", "other");
	p = new_path(at("file"), "p");
	q = new_path(at("file"), "q");
	r = new_path(at("other"), "r");
	append("file", "text");
	told();
	drop_path(q);
	append("file", "text");
	CHECK(strstr(told(), "p:size ") != NULL);
	drop_path(p);
	append("file", "text");
	CHECK_STR(told(), "r:size ");
	drop_path(r);
	rig_end();
}

/* ---- The way to it ----------------------------------------------------- */

FILE_TEST(directories_that_are_yet_to_be_made)
{
	struct iv_path *p;

	rig_start();
	p = new_path(at("a/b/c/file"), "p");
	CHECK_STR(told(), "");
	make_dir("a");
	CHECK_STR(told(), "");
	make_dir("a/b");
	make_dir("a/b/c");
	put("a/b/c/file", "");
	CHECK_STR(told(), "p:new ");
	drop_path(p);
	rig_end();
}

FILE_TEST(a_directory_in_the_middle_is_renamed)
{
	struct iv_path *p;

	rig_start();
	make_dir("a");
	make_dir("a/b");
	make_dir("a/b/c");
	put("a/b/c/file", "text");
	p = new_path(at("a/b/c/file"), "p");
	move("a/b", "a/x");
	CHECK_STR(told(), "p:gone ");
	append("a/x/c/file", "unseen");
	CHECK_STR(told(), "");
	make_dir("a/b");
	make_dir("a/b/c");
	put("a/b/c/file", "text");
	CHECK_STR(told(), "p:new ");
	move("a", "z");
	CHECK_STR(told(), "p:gone ");
	move("z", "a");
	CHECK_STR(told(), "p:new ");
	drop_path(p);
	rig_end();
}

/* It is not gone for the kernel before it is left. */
FILE_TEST(a_directory_that_is_removed_while_it_is_in_use)
{
	struct iv_path *p;
	int i;

	rig_start();
	make_dir("a");
	make_dir("a/b");
	p = new_path(at("a/b/file"), "p");
	for (i = 0; i < 3; i++) {
		CHECK_SYS(chdir(at("a/b")));
		if (i == 2) {
			put("a/b/file", "");
			CHECK_STR(told(), "p:new ");
			delete("a/b/file");
			CHECK_STR(told(), "p:gone ");
		}
		remove_dir("a/b");
		if (i == 1)
			remove_dir("a");
		CHECK_STR(told(), "");
		if (i == 1)
			make_dir("a");
		make_dir("a/b");
		CHECK_STR(told(), "");
		put("a/b/file", "");
		CHECK_STR(told(), "p:new ");
		delete("a/b/file");
		CHECK_STR(told(), "p:gone ");
	}
	CHECK_SYS(chdir("/"));
	drop_path(p);
	rig_end();
}

FILE_TEST(a_tree_takes_the_place_of_another)
{
	struct iv_path *p;

	rig_start();
	make_dir("a");
	put("a/file", "old");
	make_dir("new");
	put("new/file", "newer");
	p = new_path(at("a/file"), "p");
	move("a", "old");
	move("new", "a");
	CHECK_STR(told(), "p:other ");
	append("a/file", "text");
	CHECK_STR(told(), "p:size ");
	append("old/file", "unseen");
	CHECK_STR(told(), "");
	drop_path(p);
	rig_end();
}

FILE_TEST(a_file_in_the_place_of_a_directory)
{
	struct iv_path *p;

	rig_start();
	put("a", "");
	p = new_path(at("a/file"), "p");
	CHECK_STR(told(), "");
	delete("a");
	make_dir("a");
	put("a/file", "");
	CHECK_STR(told(), "p:new ");
	drop_path(p);
	rig_end();
}

FILE_TEST(dots_and_slashes)
{
	struct iv_path *p;

	rig_start();
	make_dir("a");
	make_dir("a/b");
	p = new_path(at("./a//b/.././b/../file"), "p");
	put("a/file", "");
	CHECK_STR(told(), "p:new ");
	move("a", "x");
	CHECK_STR(told(), "p:gone ");
	drop_path(p);

	p = new_path(at("x/b/"), "d");
	put("x/b/file", "");
	CHECK(strncmp(told(), "d:", 2) == 0);
	drop_path(p);
	p = new_path(at("x/b/.."), "d");
	put("x/other", "");
	CHECK(strncmp(told(), "d:", 2) == 0);
	drop_path(p);
	rig_end();
}

FILE_TEST(a_relative_name)
{
	struct iv_path *p;

	rig_start();
	make_dir("a");
	make_dir("b");
	CHECK_SYS(chdir(at("a")));
	p = new_path("file", "p");
	put("a/file", "");
	CHECK_STR(told(), "p:new ");
	move("a", "z");
	append("z/file", "text");
	CHECK_STR(told(), "p:size ");

	/* Of this nobody tells. */
	CHECK_SYS(chdir(at("b")));
	iv_path_refresh(p);
	CHECK_STR(told(), "p:gone ");
	put("b/file", "");
	CHECK_STR(told(), "p:new ");
	drop_path(p);
	rig_end();
}

FILE_TEST(names_that_cannot_be)
{
	static char name[8192];
	struct iv_path *p, *q, *r;

	rig_start();
	memset(name, 'x', 300);
	p = new_path(name, "p");
	memset(name, 'x', 5000);
	q = new_path(name, "q");
	r = new_path("", "r");
	CHECK_STR(told(), "");
	iv_path_refresh(p);
	iv_path_refresh(q);
	iv_path_refresh(r);
	CHECK_STR(told(), "");
	drop_path(p);
	drop_path(q);
	drop_path(r);
	rig_end();
}

FILE_TEST(the_root)
{
	struct iv_path *p;

	rig_start();
	p = new_path("/", "p");
	iv_path_refresh(p);
	told();
	drop_path(p);
	p = new_path("//", "p");
	drop_path(p);
	p = new_path(".", "p");
	drop_path(p);
	rig_end();
}

/* ---- Symbolic links ---------------------------------------------------- */

FILE_TEST(a_link_is_followed)
{
	struct iv_path *p;

	rig_start();
	make_dir("real");
	put("real/file", "text");
	soft_link("real/file", "link");
	p = new_path(at("link"), "p");
	append("real/file", "more");
	CHECK_STR(told(), "p:size ");
	delete("real/file");
	CHECK_STR(told(), "p:gone ");
	put("real/file", "text");
	CHECK_STR(told(), "p:new ");
	put("second", "text");
	soft_link("second", "other");
	move("other", "link");
	CHECK_STR(told(), "p:other ");
	append("second", "more");
	CHECK_STR(told(), "p:size ");
	append("real/file", "unseen");
	CHECK_STR(told(), "");
	drop_path(p);
	rig_end();
}

FILE_TEST(a_link_itself)
{
	struct iv_path *p = malloc(sizeof(*p));

	rig_start();
	put("file", "text");
	soft_link("file", "link");
	start_path(p, at("link"), "p", IV_PATH_NOFOLLOW);
	append("file", "more");
	CHECK_STR(told(), "");
	delete("link");
	CHECK_STR(told(), "p:gone ");
	soft_link("longer than before", "link");
	CHECK_STR(told(), "p:new ");
	drop_path(p);
	rig_end();
}

FILE_TEST(links_in_the_middle)
{
	struct iv_path *p;

	rig_start();
	make_dir("x");
	make_dir("x/y");
	make_dir("x/z");
	put("x/y/file", "text");
	soft_link("x", "first");
	soft_link("../x/y", "x/second");
	p = new_path(at("first/second/file"), "p");
	append("x/y/file", "more");
	CHECK_STR(told(), "p:size ");

	/* The directory that the second leads to. */
	move("x/y", "x/w");
	CHECK_STR(told(), "p:gone ");
	move("x/w", "x/y");
	CHECK_STR(told(), "p:new ");

	/* The second. */
	put("x/z/file", "text");
	delete("x/second");
	CHECK_STR(told(), "p:gone ");
	soft_link(at("x/z"), "x/second");
	CHECK_STR(told(), "p:new ");

	/* The directory of both. */
	move("x", "v");
	CHECK_STR(told(), "p:gone ");
	drop_path(p);
	rig_end();
}

FILE_TEST(a_link_that_leads_to_itself)
{
	struct iv_path *p;

	rig_start();
	soft_link("b", "a");
	soft_link("a", "b");
	p = new_path(at("a/file"), "p");
	CHECK_STR(told(), "");
	delete("b");
	make_dir("b");
	put("b/file", "");
	CHECK_STR(told(), "p:new ");
	drop_path(p);
	rig_end();
}

FILE_TEST(links_that_grow_beyond_all_paths)
{
	char text[4000];
	struct iv_path *p;

	rig_start();
	memset(text, '/', sizeof(text) - 1);
	text[0] = 'd';
	text[sizeof(text) - 2] = 'l';
	text[sizeof(text) - 1] = '\0';
	make_dir("d");
	soft_link(text, "l");
	soft_link("../l", "d/l");
	p = new_path(at("l/x"), "p");
	iv_path_refresh(p);
	CHECK_STR(told(), "");
	drop_path(p);
	rig_end();
}

/* What is to come after it does not fit: so it is looked at in intervals. */
FILE_TEST(a_link_that_is_too_long_for_the_rest)
{
	char text[4002], name[PATH_MAX];
	struct iv_path *p;
	size_t n;

	rig_start();
	make_dir("d");
	put("d/file", "text");
	for (n = 0; n < 4000; n += 2)
		memcpy(text + n, "./", 2);
	strcpy(text + n, "d");
	soft_link(text, "l");
	n = (size_t)snprintf(name, sizeof(name), "%s", at("l"));
	while (n < 300)
		n += (size_t)snprintf(name + n, sizeof(name) - n, "/.");
	snprintf(name + n, sizeof(name) - n, "/file");
	p = new_path(name, "p");
	append("d/file", "more");
	until_told();
	CHECK_STR(told(), "p:size ");
	drop_path(p);
	rig_end();
}

/* Eight names of 250 letters below NAME. */
static const char *deep_below(const char *name, char *text, size_t size,
			      bool make)
{
	size_t n = (size_t)snprintf(text, size, "%s", name);
	int i;

	for (i = 0; i < 8; i++) {
		n += (size_t)snprintf(text + n, size - n, "/%0250d", i);
		if (make)
			CHECK_SYS(mkdir(text, 0700));
	}
	return text;
}

static void remove_deep_below(const char *name, char *text, size_t size)
{
	deep_below(name, text, size, false);
	while (strlen(text) > strlen(name)) {
		CHECK_SYS(rmdir(text));
		*strrchr(text, '/') = '\0';
	}
}

/* The kernel does not mind how long the way is in all. */
FILE_TEST(a_way_that_is_longer_than_a_path)
{
	char name[PATH_MAX + 256], text[PATH_MAX];
	struct iv_path *p;

	rig_start();
	make_dir("d");
	deep_below(at("d"), text, sizeof(text), true);
	soft_link(text + strlen(tmpdir()) + 1, "l");
	deep_below(at("l"), text, sizeof(text), true);
	/* All of it fits when the link has been put in its place. */
	snprintf(name, sizeof(name), "%s/%076d", text, 8);
	p = new_path(name, "p");
	CHECK_STR(told(), "");
	CHECK_SYS(mkdir(name, 0700));
	until_told();
	CHECK_STR(told(), "p:new ");
	CHECK_SYS(rmdir(name));
	until_told();
	CHECK_STR(told(), "p:gone ");
	drop_path(p);
	remove_deep_below(at("l"), text, sizeof(text));
	remove_deep_below(at("d"), text, sizeof(text));
	rig_end();
}

/* The directory in which it would appear is no one's to remove. */
FILE_TEST(a_link_to_a_name_below_the_root)
{
	struct iv_path *p;

	rig_start();
	soft_link("/there-is-no-such-name", "l");
	p = new_path(at("l"), "p");
	CHECK_STR(told(), "");
	put("file", "text");
	delete("l");
	soft_link("file", "l");
	CHECK_STR(told(), "p:new ");
	drop_path(p);
	rig_end();
}

/* ---- Permissions ------------------------------------------------------- */

/* As somebody who may not do everything. */
static void drop_privileges(void)
{
	CHECK_SYS(chmod(tmpdir(), 0777));
	if (geteuid() == 0)
		CHECK_SYS(seteuid(65534));
}

static void unreadable(void *unused)
{
	struct iv_path *p;

	(void)unused;
	drop_privileges();
	rig_start();
	make_dir("dir");
	make_dir("dir/closed");
	put("dir/closed/file", "text");
	CHECK_SYS(chmod(at("dir/closed"), 0100));
	p = new_path(at("dir/closed/file"), "p");
	append("dir/closed/file", "more");
	until_told();
	CHECK_STR(told(), "p:size ");
	CHECK_SYS(chmod(at("dir/closed"), 0));
	until_told();
	CHECK_STR(told(), "p:gone ");
	CHECK_SYS(chmod(at("dir/closed"), 0700));
	until_told();
	CHECK_STR(told(), "p:new ");

	/* Now there are hints. */
	append("dir/closed/file", "more");
	CHECK_STR(told(), "p:size ");
	CHECK_SYS(chmod(at("dir/closed/file"), 0));
	CHECK_STR(told(), "p:mode ");
	drop_path(p);
	rig_end();
}

TEST(directories_that_cannot_be_read)
{
	tmpdir();
	reap_child(fork_child(unreadable, NULL));
}

/* ---- Handlers ---------------------------------------------------------- */

static struct iv_path *victim;

static void drop_victim(void *p, const struct iv_path_info *before,
			const struct iv_path_info *now)
{
	(void)before;
	(void)now;
	say("dropped", p == victim ? "itself" : "another");
	drop_path(victim);
}

FILE_TEST(a_handler_unregisters_and_frees_its_own)
{
	rig_start();
	victim = new_path(at("file"), "p");
	victim->cookie = victim;
	victim->handler = drop_victim;
	put("file", "");
	CHECK_STR(told(), "dropped:itself ");
	rig_end();
}

FILE_TEST(a_handler_unregisters_and_frees_another)
{
	struct iv_path *p;

	rig_start();
	p = new_path(at("file"), "p");
	p->handler = drop_victim;
	victim = new_path(at("file"), "never");
	victim->handler = drop_victim;
	victim->cookie = victim;
	put("file", "");

	/* Whichever came first has freed the victim. */
	CHECK(strncmp(told(), "dropped:", 8) == 0);
	p->handler = NULL;
	drop_path(p);
	rig_end();
}

static struct iv_path *late;

static void add_another(void *label, const struct iv_path_info *before,
			const struct iv_path_info *now)
{
	(void)before;
	say(label, now != NULL ? "called" : "gone");
	if (late == NULL)
		late = new_path(at("late"), "late");
}

FILE_TEST(a_handler_registers_another)
{
	struct iv_path *p;

	rig_start();
	p = new_path(at("file"), "p");
	p->handler = add_another;
	put("file", "");
	CHECK_STR(told(), "p:called ");
	put("late", "");
	CHECK_STR(told(), "late:new ");
	drop_path(late);
	drop_path(p);
	rig_end();
}

static void run_inside(void *label, const struct iv_path_info *before,
		       const struct iv_path_info *now)
{
	(void)before;
	(void)now;
	say(label, "begin");
	quit_after_turns(5);
	iv_main();
	say(label, "end");
}

/* All have been told in the inner loop. */
TEST(a_handler_runs_the_loop)
{
	struct iv_path *p, *q, *r;
	const char *s;

	rig_start();
	p = new_path(at("p"), "p");
	q = new_path(at("q"), "q");
	r = new_path(at("r"), "r");
	p->handler = q->handler = run_inside;
	put("p", "");
	put("q", "");
	put("r", "");
	quit_after_turns(10);
	iv_main();
	s = told();
	CHECK_STR(s, "p:begin q:begin r:new q:end p:end ");
	drop_path(p);
	drop_path(q);
	drop_path(r);
	rig_end();
}

static jmp_buf out;

static void jump(void *unused, const struct iv_path_info *before,
		 const struct iv_path_info *now)
{
	(void)unused;
	(void)before;
	(void)now;
	longjmp(out, 1);
}

TEST(a_handler_leaves_by_longjmp)
{
	static struct iv_path *p, *q;

	rig_start();
	p = new_path(at("p"), "p");
	q = new_path(at("q"), "q");
	p->handler = jump;
	put("p", "");
	put("q", "");
	if (setjmp(out) == 0) {
		iv_main();
		FAIL("has not jumped");
	}
	quit_after_turns(3);
	iv_main();
	CHECK_STR(told(), "q:new ");
	drop_path(p);
	drop_path(q);
	rig_end();
}

/* ---- Lives ------------------------------------------------------------- */

TEST(a_path_keeps_the_loop_running)
{
	struct tally fired = { 0, 1 };
	struct iv_timer t;
	struct iv_path *p;

	iv_init();
	p = new_path("/nothing/of/that/name", "p");
	timer_after(&t, 1, tally, &fired);
	iv_timer_register(&t);
	iv_main();
	CHECK_INT(fired.calls, ==, 1);
	drop_path(p);
	iv_main();
	iv_deinit();
}

TEST(a_path_may_live_again)
{
	struct iv_path *p;

	rig_start();
	p = new_path(at("file"), "p");
	iv_path_unregister(p);
	put("file", "");
	CHECK_SYS(iv_path_register(p));
	CHECK_STR(told(), "");
	delete("file");
	CHECK_STR(told(), "p:gone ");
	drop_path(p);
	rig_end();
}

TEST(a_loop_ends_with_paths)
{
	struct iv_path *p;

	iv_init();
	p = new_path(at("file"), "p");
	iv_deinit();
	CHECK_INT(iv_path_registered(p), ==, 0);
	iv_init();
	CHECK_SYS(iv_path_register(p));
	drop_path(p);
	iv_deinit();
}

/* ---- Misuse ------------------------------------------------------------ */

static void never(void *unused, const struct iv_path_info *before,
		  const struct iv_path_info *now)
{
	(void)unused;
	(void)before;
	(void)now;
	FAIL("called");
}

static void set(struct iv_path *p)
{
	iv_init();
	IV_PATH_INIT(p);
	p->pathname = "/";
	p->handler = never;
}

FATAL_TEST(no_path, "iv_path_register: the struct iv_path pointer is NULL")
{
	iv_init();
	iv_path_register(NULL);
}

FATAL_TEST(no_loop, "iv_path_register:")
{
	struct iv_path p;

	IV_PATH_INIT(&p);
	iv_path_register(&p);
}

FATAL_TEST(no_pathname, "has no pathname")
{
	struct iv_path p;

	set(&p);
	p.pathname = NULL;
	iv_path_register(&p);
}

FATAL_TEST(no_handler, "has no handler")
{
	struct iv_path p;

	set(&p);
	p.handler = NULL;
	iv_path_register(&p);
}

FATAL_TEST(unknown_flags, "has flags 0x100")
{
	struct iv_path p;

	set(&p);
	p.flags = 0x100;
	iv_path_register(&p);
}

FATAL_TEST(a_negative_interval, "the interval is no time")
{
	struct iv_path p;

	set(&p);
	p.interval.tv_sec = -1;
	iv_path_register(&p);
}

FATAL_TEST(an_interval_of_too_many_nanoseconds, "the interval is no time")
{
	struct iv_path p;

	set(&p);
	p.interval.tv_nsec = 1000000000;
	iv_path_register(&p);
}

FATAL_TEST(registered_twice, "is already registered")
{
	struct iv_path p;

	set(&p);
	iv_path_register(&p);
	iv_path_register(&p);
}

FATAL_TEST(unregistered_twice, "iv_path_unregister: iv_path")
{
	struct iv_path p;

	set(&p);
	iv_path_register(&p);
	iv_path_unregister(&p);
	iv_path_unregister(&p);
}

FATAL_TEST(refreshed_but_not_registered, "iv_path_refresh: iv_path")
{
	struct iv_path p;

	set(&p);
	iv_path_refresh(&p);
}

static void unregister(void *p)
{
	iv_path_unregister(p);
}

FATAL_TEST(unregistered_by_another_thread, "belongs to another thread")
{
	struct iv_path p;
	struct loop_thread *t;

	set(&p);
	iv_path_register(&p);
	t = loop_thread_start(NULL, NULL, NULL);
	loop_thread_call(t, unregister, &p);
}
