/* SPDX-License-Identifier: MIT */
/*
 * follow.c - tests of iv_follow.
 */
#include "config.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "mod/file_rig.h"

/* ---- Helpers ----------------------------------------------------------- */

/* What the handlers of these do: trace, read what there is, and open. */
struct reader {
	struct iv_follow	follow;
	const char	*label;
	long		most;		/* bytes to read each time */
	int		stays;		/* does not open another file */
};

static void describe(struct reader *r, unsigned what)
{
	char text[64];

	snprintf(text, sizeof(text), "%s%s%s%s%s",
		 what & IV_FOLLOW_DATA ? "data" : "",
		 what & IV_FOLLOW_TRUNCATED ? "truncated" : "",
		 what & IV_FOLLOW_REPLACED ? "+replaced" : "",
		 what & IV_FOLLOW_GONE ? "+gone" : "",
		 what & IV_FOLLOW_FAILED ? "+failed" : "");
	say(r->label, text);
}

static void read_some(struct reader *r)
{
	char buf[100];
	size_t most = r->most < (long)sizeof(buf) - 1 ? (size_t)r->most :
							sizeof(buf) - 1;
	ssize_t n;

	do {
		n = CHECK_SYS(pread(r->follow.fd, buf, most,
				    (off_t)r->follow.offset));
		buf[n] = '\0';
		if (n > 0)
			say("", buf);
		r->follow.offset += n;
	} while (n > 0 && r->most >= (long)sizeof(buf));
}

static void open_other(struct reader *r)
{
	int old = r->follow.fd;
	int fd = open(r->follow.pathname, O_RDONLY | O_CLOEXEC);

	if (old >= 0)
		read_some(r);
	iv_follow_set_fd(&r->follow, fd, 0);
	CHECK_INT(r->follow.fd, ==, fd);
	if (old >= 0)
		CHECK_SYS(close(old));
}

static void happened(void *_r, unsigned what)
{
	struct reader *r = _r;

	CHECK(what != 0);
	describe(r, what);
	if (what & IV_FOLLOW_DATA)
		read_some(r);
	if (what & IV_FOLLOW_TRUNCATED)
		r->follow.offset = 0;
	if ((what & IV_FOLLOW_REPLACED) && !r->stays)
		open_other(r);
}

static struct reader *set_reader(const char *name, const char *label)
{
	struct reader *r = calloc(1, sizeof(*r));

	CHECK(r != NULL);
	memset(&r->follow, 0xa5, sizeof(r->follow));
	IV_FOLLOW_INIT(&r->follow);
	CHECK_INT(r->follow.fd, ==, -1);
	CHECK_INT(iv_follow_registered(&r->follow), ==, 0);
	r->label = label;
	r->most = 1000;
	r->follow.pathname = strdup(at(name));
	r->follow.cookie = r;
	r->follow.handler = happened;
	set_interval(&r->follow.interval);
	return r;
}

static int open_at(const char *name)
{
	return (int)CHECK_SYS(open(at(name), O_RDONLY | O_CLOEXEC));
}

/* Without a file. */
static struct reader *new_reader(const char *name, const char *label)
{
	struct reader *r = set_reader(name, label);

	CHECK_SYS(iv_follow_register(&r->follow));
	CHECK_INT(iv_follow_registered(&r->follow), ==, 1);
	return r;
}

/* At the end of a file that there is. */
static struct reader *at_end(const char *name, const char *label)
{
	struct reader *r = set_reader(name, label);

	r->follow.fd = open_at(name);
	r->follow.offset = CHECK_SYS(lseek(r->follow.fd, 0, SEEK_END));
	CHECK_SYS(iv_follow_register(&r->follow));
	return r;
}

static void drop_reader(struct reader *r)
{
	iv_follow_unregister(&r->follow);
	CHECK_INT(iv_follow_registered(&r->follow), ==, 0);
	if (r->follow.fd >= 0)
		CHECK_SYS(close(r->follow.fd));
	free((void *)(uintptr_t)r->follow.pathname);
	memset(r, 0x5a, sizeof(*r));
	__asm__ volatile ("" : : "r" (r) : "memory");
	free(r);
}

/* ---- Data -------------------------------------------------------------- */

static void check_next(const char *expected)
{
	until_told();
	CHECK_STR(so_far(), expected);
}

/* Also where it looks in intervals, too, in case. */
TEST(what_happens_is_told_at_once)
{
	struct reader *r;

	if (!hints_of_some_kind())
		SKIP("no hints");
	iv_init();
	put("log", "before");
	r = set_reader("log", "r");
	r->follow.fd = open_at("log");
	r->follow.offset = 6;
	r->follow.interval.tv_sec = 3600;
	CHECK_SYS(iv_follow_register(&r->follow));
	quit_after_turns(3);
	iv_main();
	append("log", "one");
	check_next("r:data :one ");
	cut("log", 2);
	check_next("r:truncated ");
	check_next("r:data :be ");
	replace("log", "other");
	check_next("r:+replaced ");
	check_next("r:data :other ");
	drop_reader(r);
	iv_main();
	iv_deinit();
}

FILE_TEST(what_is_written_is_told)
{
	struct reader *r;

	rig_start();
	put("log", "before");
	r = at_end("log", "r");
	CHECK_STR(told(), "");
	append("log", "one");
	CHECK_STR(told(), "r:data :one ");
	append("log", "two");
	append("log", "three");
	CHECK_STR(told(), "r:data :twothree ");
	drop_reader(r);
	rig_end();
}

FILE_TEST(what_is_there_already_is_told)
{
	struct reader *r;

	rig_start();
	put("log", "text");
	r = set_reader("log", "r");
	r->follow.fd = open_at("log");
	CHECK_SYS(iv_follow_register(&r->follow));
	CHECK_STR(told(), "r:data :text ");
	drop_reader(r);
	rig_end();
}

FILE_TEST(a_reader_that_stops_half_way_is_called_again)
{
	struct reader *r;

	rig_start();
	put("log", "");
	r = at_end("log", "r");
	r->most = 2;
	append("log", "abcde");
	CHECK_STR(told(), "r:data :ab r:data :cd r:data :e ");
	append("log", "fg");
	CHECK_STR(told(), "r:data :fg ");
	drop_reader(r);
	rig_end();
}

static void reads_nothing(void *_r, unsigned what)
{
	struct reader *r = _r;

	describe(r, what);
	if (--r->most == 0)
		r->follow.offset = 4;
}

/* No two turns without. */
TEST(each_turn_until_it_is_read)
{
	struct reader *r;

	rig_start();
	put("log", "");
	r = at_end("log", "r");
	r->follow.handler = reads_nothing;
	r->most = 1000;
	append("log", "text");
	quit_after_turns(12);
	iv_main();
	CHECK_INT(1000 - r->most, >=, 8);
	r->most = 1;
	told();
	CHECK_STR(told(), "");
	drop_reader(r);
	rig_end();
}

FILE_TEST(truncated)
{
	struct reader *r;

	rig_start();
	put("log", "before");
	r = at_end("log", "r");
	cut("log", 0);
	CHECK_STR(told(), "r:truncated ");
	append("log", "after");
	CHECK_STR(told(), "r:data :after ");

	/* Not to nothing: level again, and data then. */
	cut("log", 2);
	CHECK_STR(told(), "r:truncated r:data :af ");
	drop_reader(r);
	rig_end();
}

static void shortens(void *_r, unsigned what)
{
	struct reader *r = _r;

	describe(r, what);
	if (what & IV_FOLLOW_TRUNCATED)
		r->follow.offset = 0;
	cut("log", 0);
	read_some(r);
}

FILE_TEST(truncated_while_it_is_read)
{
	struct reader *r;

	rig_start();
	put("log", "");
	r = at_end("log", "r");
	append("log", "text");
	r->follow.handler = shortens;
	CHECK_STR(told(), "r:data ");
	r->follow.offset = 10;
	append("log", "x");
	CHECK_STR(told(), "r:truncated ");
	drop_reader(r);
	rig_end();
}

static void shortens_once(void *_r, unsigned what)
{
	struct reader *r = _r;

	read_some(r);
	cut("log", 1);
	r->follow.handler = happened;
	describe(r, what);
}

FILE_TEST(truncated_after_it_was_read)
{
	struct reader *r;

	rig_start();
	put("log", "");
	r = at_end("log", "r");
	append("log", "text");
	r->follow.handler = shortens_once;
	CHECK_STR(told(), ":text r:data r:truncated r:data :t ");
	drop_reader(r);
	rig_end();
}

FILE_TEST(an_offset_beyond_all_files)
{
	struct reader *r;

	rig_start();
	put("log", "text");
	r = set_reader("log", "r");
	r->follow.fd = open_at("log");
	r->follow.offset = INT64_MAX;
	CHECK_SYS(iv_follow_register(&r->follow));
	CHECK_STR(told(), "r:truncated r:data :text ");
	drop_reader(r);
	rig_end();
}

FILE_TEST(files_beyond_four_gigabytes)
{
	struct reader *r;

	rig_start();
	put("log", "");
	CHECK_SYS(truncate(at("log"), INT64_C(5000000000)));
	r = at_end("log", "r");
	CHECK_INT(r->follow.offset, ==, INT64_C(5000000000));
	CHECK_STR(told(), "");
	append("log", "end");
	CHECK_STR(told(), "r:data :end ");
	cut("log", 0);
	CHECK_STR(told(), "r:truncated ");
	drop_reader(r);
	rig_end();
}

/* ---- The name ---------------------------------------------------------- */

FILE_TEST(a_file_that_is_yet_to_come)
{
	struct reader *r;

	rig_start();
	r = new_reader("dir/log", "r");
	CHECK_STR(told(), "");
	make_dir("dir");
	put("dir/log", "text");
	CHECK_STR(told(), "r:+replaced r:data :text ");
	append("dir/log", "more");
	CHECK_STR(told(), "r:data :more ");
	drop_reader(r);
	rig_end();
}

FILE_TEST(without_a_file_one_that_is_there_has_appeared)
{
	struct reader *r;

	rig_start();
	put("log", "text");
	r = new_reader("log", "r");
	CHECK_STR(told(), "r:+replaced r:data :text ");
	CHECK_STR(told(), "");
	drop_reader(r);
	rig_end();
}

FILE_TEST(rotation_loses_nothing)
{
	struct reader *r;
	int writer;

	rig_start();
	put("log", "");
	r = at_end("log", "r");
	writer = (int)CHECK_SYS(open(at("log"), O_WRONLY | O_APPEND));
	CHECK_INT(write(writer, "1", 1), ==, 1);
	move("log", "log.1");
	CHECK_INT(write(writer, "2", 1), ==, 1);
	put("log", "3");
	CHECK_INT(write(writer, "4", 1), ==, 1);
	CHECK_STR(told(), "r:data+replaced :124 r:data :3 ");
	CHECK_INT(write(writer, "5", 1), ==, 1);
	CHECK_SYS(close(writer));
	append("log", "6");
	CHECK_STR(told(), "r:data :6 ");
	drop_reader(r);
	rig_end();
}

FILE_TEST(a_file_that_was_renamed_goes_on)
{
	struct reader *r;

	rig_start();
	put("log", "");
	r = at_end("log", "r");
	move("log", "log.1");
	CHECK_STR(told(), "r:+gone ");
	append("log.1", "late");
	CHECK_STR(told(), "r:data :late ");

	/* Back again: it is the one that is being read. */
	move("log.1", "log");
	CHECK_STR(told(), "");
	delete("log");
	CHECK_STR(told(), "r:+gone ");
	put("log", "new");
	CHECK_STR(told(), "r:+replaced r:data :new ");
	drop_reader(r);
	rig_end();
}

FILE_TEST(the_directory_is_renamed)
{
	struct reader *r;

	rig_start();
	make_dir("a");
	put("a/log", "");
	r = at_end("a/log", "r");
	move("a", "b");
	CHECK_STR(told(), "r:+gone ");
	append("b/log", "text");
	CHECK_STR(told(), "r:data :text ");
	make_dir("a");
	put("a/log", "other");
	CHECK_STR(told(), "r:+replaced r:data :other ");
	drop_reader(r);
	rig_end();
}

FILE_TEST(the_directory_is_renamed_before_all_is_read)
{
	struct reader *r;

	rig_start();
	make_dir("x");
	make_dir("x/a");
	put("x/a/log", "text");
	r = set_reader("x/a/log", "r");
	r->follow.fd = open_at("x/a/log");
	CHECK_SYS(iv_follow_register(&r->follow));
	move("x/a", "x/b");
	CHECK_STR(told(), "r:data+gone :text ");
	make_dir("x/a");
	put("x/a/log", "new");
	CHECK_STR(told(), "r:+replaced r:data :new ");
	drop_reader(r);
	rig_end();
}

FILE_TEST(replaced_is_told_once)
{
	struct reader *r;

	rig_start();
	put("log", "");
	r = at_end("log", "r");
	r->stays = 1;
	replace("log", "second");
	CHECK_STR(told(), "r:+replaced ");
	append("log", "unseen");
	CHECK_STR(told(), "");
	replace("log", "third");
	CHECK_STR(told(), "r:+replaced ");
	delete("log");
	CHECK_STR(told(), "r:+gone ");
	CHECK_STR(told(), "");
	drop_reader(r);
	rig_end();
}

/* As a new file with the number of the old one would: it need not be the one
   that the handler could not open. */
TEST(a_file_that_goes_and_comes_with_its_number)
{
	struct reader *r;

	if (!hints_possible())
		SKIP("no hints");
	rig_start();
	put("log", "text");
	r = new_reader("log", "r");
	r->stays = 1;
	CHECK_STR(told(), "r:+replaced ");
	hard_link("log", "kept");
	delete("log");
	hard_link("kept", "log");
	CHECK_STR(told(), "r:+replaced ");
	append("log", "unseen");
	CHECK_STR(told(), "");
	iv_follow_set_fd(&r->follow, open_at("log"), 0);
	CHECK_STR(told(), "r:data :textunseen ");
	delete("log");
	hard_link("kept", "log");
	CHECK_STR(told(), "");
	replace("log", "other");
	CHECK_STR(told(), "r:+replaced ");
	delete("kept");
	hard_link("log", "kept");
	delete("log");
	hard_link("kept", "log");
	CHECK_STR(told(), "r:+replaced ");

	/* It is to be looked at already. */
	CHECK_SYS(close(r->follow.fd));
	iv_follow_set_fd(&r->follow, -1, 0);
	delete("log");
	hard_link("kept", "log");
	CHECK_STR(told(), "r:+replaced ");
	drop_reader(r);
	rig_end();
}

FILE_TEST(a_link_to_another_file)
{
	struct reader *r;

	rig_start();
	put("one", "1");
	put("two", "2");
	soft_link("one", "log");
	r = new_reader("log", "r");
	CHECK_STR(told(), "r:+replaced r:data :1 ");
	soft_link("two", "next");
	move("next", "log");
	CHECK_STR(told(), "r:+replaced r:data :2 ");
	drop_reader(r);
	rig_end();
}

FILE_TEST(a_file_that_cannot_be_opened)
{
	struct reader *r;

	rig_start();
	r = new_reader("log", "r");
	CHECK_SYS(mkfifo(at("log"), 0));
	r->stays = 1;
	CHECK_STR(told(), "r:+replaced ");
	iv_follow_set_fd(&r->follow, -5, 0);
	CHECK_INT(r->follow.fd, ==, -1);
	CHECK_STR(told(), "");
	r->stays = 0;
	replace("log", "text");
	CHECK_STR(told(), "r:+replaced r:data :text ");
	drop_reader(r);
	rig_end();
}

FILE_TEST(two_followers_of_one_file)
{
	struct reader *r, *s;

	rig_start();
	put("log", "");
	r = at_end("log", "r");
	s = at_end("log", "s");
	append("log", "1");
	CHECK_INT(strlen(told()), ==, strlen("r:data :1 s:data :1 "));
	drop_reader(r);
	append("log", "2");
	CHECK_STR(told(), "s:data :2 ");
	drop_reader(s);
	rig_end();
}

/* ---- Descriptors ------------------------------------------------------- */

FILE_TEST(first_an_older_file)
{
	struct reader *r;

	rig_start();
	put("log.1", "old");
	put("log", "new");
	r = set_reader("log", "r");
	r->follow.fd = open_at("log.1");
	CHECK_SYS(iv_follow_register(&r->follow));
	CHECK_STR(told(), "r:data+replaced :old r:data :new ");
	drop_reader(r);
	rig_end();
}

FILE_TEST(another_descriptor_and_offset)
{
	struct reader *r;
	int fd;

	rig_start();
	put("log", "abcdef");
	r = at_end("log", "r");
	iv_follow_set_fd(&r->follow, r->follow.fd, 3);
	CHECK_STR(told(), "r:data :def ");
	fd = r->follow.fd;
	iv_follow_set_fd(&r->follow, open_at("log"), 5);
	CHECK_SYS(close(fd));
	CHECK_STR(told(), "r:data :f ");

	/* Without a file, and with it again. */
	fd = r->follow.fd;
	iv_follow_set_fd(&r->follow, -1, 0);
	append("log", "gh");
	CHECK_STR(told(), "");
	iv_follow_set_fd(&r->follow, fd, 6);
	CHECK_STR(told(), "r:data :gh ");
	drop_reader(r);
	rig_end();
}

/* What is so is told as if it had been registered anew. */
FILE_TEST(the_same_descriptor_again)
{
	struct reader *r;

	rig_start();
	put("log", "abc");
	r = at_end("log", "r");
	r->stays = 1;
	iv_follow_set_fd(&r->follow, r->follow.fd, r->follow.offset);
	CHECK_STR(told(), "");
	replace("log", "other");
	CHECK_STR(told(), "r:+replaced ");
	CHECK_STR(told(), "");
	iv_follow_set_fd(&r->follow, r->follow.fd, r->follow.offset);
	iv_follow_set_fd(&r->follow, r->follow.fd, r->follow.offset);
	CHECK_STR(told(), "r:+replaced ");
	CHECK_STR(told(), "");
	delete("log");
	CHECK_STR(told(), "r:+gone ");
	iv_follow_set_fd(&r->follow, r->follow.fd, r->follow.offset);
	CHECK_STR(told(), "r:+gone ");
	CHECK_STR(told(), "");
	drop_reader(r);
	rig_end();
}

FILE_TEST(a_descriptor_that_was_closed)
{
	struct reader *r;
	int fd;

	rig_start();
	put("log", "");
	r = at_end("log", "r");
	fd = r->follow.fd;
	CHECK_SYS(close(fd));
	iv_follow_set_fd(&r->follow, fd, 0);
	CHECK_STR(told(), "r:+failed ");
	CHECK_INT(r->follow.error, ==, EBADF);
	CHECK_STR(told(), "");
	iv_follow_set_fd(&r->follow, open_at("log"), 0);
	CHECK_INT(r->follow.error, ==, 0);
	append("log", "text");
	CHECK_STR(told(), "r:data :text ");
	drop_reader(r);
	rig_end();
}

FILE_TEST(what_cannot_be_followed)
{
	struct reader *r;
	int fds[2];

	rig_start();
	put("log", "");
	r = set_reader("log", "r");
	r->follow.fd = 999;
	CHECK_ERRNO(iv_follow_register(&r->follow), EBADF);
	CHECK_INT(iv_follow_registered(&r->follow), ==, 0);
	make_pipe(fds);
	r->follow.fd = fds[0];
	CHECK_ERRNO(iv_follow_register(&r->follow), EINVAL);
	r->follow.fd = open_at("log");
	CHECK_SYS(iv_follow_register(&r->follow));
	CHECK_SYS(close(r->follow.fd));
	iv_follow_set_fd(&r->follow, fds[0], 0);
	CHECK_STR(told(), "r:+failed ");
	CHECK_INT(r->follow.error, ==, EINVAL);
	iv_follow_set_fd(&r->follow, -1, 0);
	drop_reader(r);
	close_pair(fds);
	rig_end();
}

/* ---- Suspended --------------------------------------------------------- */

FILE_TEST(suspended_and_resumed)
{
	struct reader *r;

	rig_start();
	put("log", "");
	r = at_end("log", "r");
	iv_follow_set_handler(&r->follow, NULL);
	append("log", "text");
	CHECK_STR(told(), "");
	append("log", "more");
	replace("log", "new");
	CHECK_STR(told(), "");
	iv_follow_set_handler(&r->follow, happened);
	CHECK_STR(told(), "r:data+replaced :textmore r:data :new ");
	append("log", "last");
	CHECK_STR(told(), "r:data :last ");

	/* Too short for anybody to notice; to say it twice is no more. */
	iv_follow_set_handler(&r->follow, NULL);
	iv_follow_set_handler(&r->follow, NULL);
	iv_follow_set_handler(&r->follow, happened);
	CHECK_STR(told(), "");
	drop_reader(r);
	rig_end();
}

FILE_TEST(suspended_from_the_beginning)
{
	struct reader *r;

	rig_start();
	put("log", "text");
	r = set_reader("log", "r");
	r->follow.handler = NULL;
	CHECK_SYS(iv_follow_register(&r->follow));
	CHECK_STR(told(), "");
	iv_follow_set_fd(&r->follow, open_at("log"), 2);
	CHECK_STR(told(), "");
	iv_follow_set_handler(&r->follow, happened);
	CHECK_STR(told(), "r:data :xt ");
	drop_reader(r);
	rig_end();
}

static void stay_suspended(void *_r)
{
	struct reader *r = _r;

	append("log", "text");
	CHECK_STR(told(), "");
	iv_follow_set_handler(&r->follow, happened);
	CHECK_STR(told(), "r:data :text ");
}

FILE_TEST(suspended_before_a_fork)
{
	struct reader *r;

	rig_start();
	put("log", "");
	r = at_end("log", "r");
	iv_follow_set_handler(&r->follow, NULL);
	CHECK_STR(told(), "");
	reap_child(fork_child(stay_suspended, r));
	CHECK_STR(told(), "");
	drop_reader(r);
	rig_end();
}

static void suspends(void *_r, unsigned what)
{
	struct reader *r = _r;

	describe(r, what);
	iv_follow_set_handler(&r->follow, NULL);
}

FILE_TEST(suspended_by_its_handler)
{
	struct reader *r;

	rig_start();
	put("log", "");
	r = at_end("log", "r");
	r->follow.handler = suspends;
	append("log", "text");
	CHECK_STR(told(), "r:data ");
	CHECK_STR(told(), "");
	iv_follow_set_handler(&r->follow, happened);
	CHECK_STR(told(), "r:data :text ");
	drop_reader(r);
	rig_end();
}

/* ---- Handlers ---------------------------------------------------------- */

static struct reader *victim;

static void drops(void *_r, unsigned what)
{
	struct reader *r = _r;

	(void)what;
	say("dropped", r == victim ? "itself" : "another");
	if (r != victim)
		r->follow.handler = happened;
	drop_reader(victim);
	victim = NULL;
}

FILE_TEST(a_handler_unregisters_and_frees_its_own)
{
	rig_start();
	put("log", "");
	victim = at_end("log", "r");
	victim->follow.handler = drops;
	append("log", "text");
	CHECK_STR(told(), "dropped:itself ");
	rig_end();
}

FILE_TEST(a_handler_unregisters_and_frees_another)
{
	struct reader *r, *s;

	rig_start();
	put("log", "");
	r = at_end("log", "r");
	victim = at_end("log", "victim");
	s = at_end("log", "s");
	r->follow.handler = drops;
	append("log", "text");
	told();
	CHECK(victim == NULL);
	append("log", "more");
	CHECK_INT(strlen(told()), ==, strlen("r:data :more s:data :more "));
	drop_reader(r);
	drop_reader(s);
	rig_end();
}

static jmp_buf out;

static void jumps(void *_r, unsigned what)
{
	struct reader *r = _r;

	describe(r, what);
	r->follow.handler = happened;
	longjmp(out, 1);
}

TEST(a_handler_leaves_by_longjmp)
{
	static struct reader *r, *s;

	rig_start();
	put("log", "");
	r = at_end("log", "r");
	s = at_end("log", "s");
	r->follow.handler = jumps;
	append("log", "1");
	if (setjmp(out) == 0) {
		iv_main();
		FAIL("has not jumped");
	}
	quit_after_turns(5);
	iv_main();
	CHECK(strstr(so_far(), "r:data :1 ") != NULL);
	append("log", "2");
	told();
	drop_reader(r);
	drop_reader(s);
	rig_end();
}

static void goes_on(void *_r)
{
	struct reader *r = _r;

	append("log", "child");
	CHECK_STR(told(), "r:data :child ");
	drop_reader(r);
	rig_end();
}

FILE_TEST(a_forked_child_goes_on)
{
	struct reader *r;

	rig_start();
	put("log", "");
	r = at_end("log", "r");
	reap_child(fork_child(goes_on, r));
	CHECK_STR(told(), "r:data :child ");
	append("log", "parent");
	CHECK_STR(told(), "r:data :parent ");
	drop_reader(r);
	rig_end();
}

TEST(a_follower_keeps_the_loop_running)
{
	struct tally fired = { 0, 1 };
	struct iv_timer t;
	struct reader *r;

	iv_init();
	r = set_reader("log", "r");
	r->follow.handler = NULL;
	CHECK_SYS(iv_follow_register(&r->follow));
	timer_after(&t, 1, tally, &fired);
	iv_timer_register(&t);
	iv_main();
	CHECK_INT(fired.calls, ==, 1);
	drop_reader(r);
	iv_main();
	iv_deinit();
}

TEST(a_loop_ends_with_followers)
{
	struct reader *r;

	iv_init();
	r = new_reader("log", "r");
	iv_deinit();
	CHECK_INT(iv_follow_registered(&r->follow), ==, 0);
	iv_init();
	CHECK_SYS(iv_follow_register(&r->follow));
	drop_reader(r);
	iv_deinit();
}

/* ---- Misuse ------------------------------------------------------------ */

FATAL_TEST(no_follower,
	   "iv_follow_register: the struct iv_follow pointer is NULL")
{
	iv_init();
	iv_follow_register(NULL);
}

FATAL_TEST(no_pathname, "has no pathname")
{
	struct iv_follow f;

	iv_init();
	IV_FOLLOW_INIT(&f);
	iv_follow_register(&f);
}

FATAL_TEST(a_negative_interval, "iv_follow_register: the interval is no time")
{
	struct iv_follow f;

	iv_init();
	IV_FOLLOW_INIT(&f);
	f.pathname = "/";
	f.interval.tv_nsec = -1;
	iv_follow_register(&f);
}

FATAL_TEST(registered_twice, "is already registered")
{
	struct reader *r;

	iv_init();
	r = new_reader("log", "r");
	iv_follow_register(&r->follow);
}

FATAL_TEST(unregistered_twice, "iv_follow_unregister: iv_follow")
{
	struct reader *r;

	iv_init();
	r = new_reader("log", "r");
	iv_follow_unregister(&r->follow);
	iv_follow_unregister(&r->follow);
}

FATAL_TEST(a_handler_but_not_registered, "iv_follow_set_handler: iv_follow")
{
	struct iv_follow f;

	iv_init();
	IV_FOLLOW_INIT(&f);
	iv_follow_set_handler(&f, NULL);
}

FATAL_TEST(a_descriptor_but_not_registered, "iv_follow_set_fd: iv_follow")
{
	struct iv_follow f;

	iv_init();
	IV_FOLLOW_INIT(&f);
	iv_follow_set_fd(&f, 0, 0);
}

static void unregister(void *f)
{
	iv_follow_unregister(f);
}

FATAL_TEST(unregistered_by_another_thread, "belongs to another thread")
{
	struct reader *r;
	struct loop_thread *t;

	iv_init();
	r = new_reader("log", "r");
	t = loop_thread_start(NULL, NULL, NULL);
	loop_thread_call(t, unregister, &r->follow);
}
