/* SPDX-License-Identifier: MIT */
/*
 * file.c - tests of sys/file.
 */
#include "config.h"
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "harness/test.h"
#include "sys/file.h"
#include "sys/sys.h"

static int make(const char *name)
{
	return (int)CHECK_SYS(open(in_tmpdir(name), O_RDWR | O_CREAT, 0640));
}

/* ---- What is known ----------------------------------------------------- */

static void check_info(const struct ivi_file_info *info, const struct stat *st)
{
	CHECK_INT(info->dev, ==, st->st_dev);
	CHECK_INT(info->ino, ==, st->st_ino);
	CHECK_INT(info->size, ==, 4);
	CHECK_INT(info->nlink, ==, 1);
	CHECK_INT(info->mode, ==, st->st_mode);
	CHECK_INT(info->uid, ==, st->st_uid);
	CHECK_INT(info->gid, ==, st->st_gid);
	CHECK_INT(info->mtime.tv_sec, ==, 5);
	CHECK_INT(info->mtime.tv_nsec, ==, 6);
	CHECK_INT(info->ctime.tv_sec, ==, st->st_ctime);
}

TEST_ONCE(all_members)
{
	struct timespec times[2] = { { 3, 4 }, { 5, 6 } };
	struct ivi_file_info info;
	struct stat st;
	int fd = make("file");

	CHECK_INT(write(fd, "text", 4), ==, 4);
	CHECK_SYS(futimens(fd, times));
	CHECK_SYS(fstat(fd, &st));
	CHECK_INT(ivi_file_fstat(fd, &info), ==, 0);
	check_info(&info, &st);
	CHECK_INT(ivi_file_stat(in_tmpdir("file"), true, &info), ==, 0);
	check_info(&info, &st);
	CHECK_SYS(close(fd));
	CHECK_INT(ivi_file_fstat(fd, &info), ==, -EBADF);
	CHECK_INT(ivi_file_stat(in_tmpdir("none"), true, &info), ==, -ENOENT);
}

TEST_ONCE(a_link_or_what_is_behind_it)
{
	struct ivi_file_info info;
	char text[8];

	CHECK_SYS(symlink("target", in_tmpdir("link")));
	CHECK_INT(ivi_file_stat(in_tmpdir("link"), true, &info), ==, -ENOENT);
	CHECK_INT(ivi_file_stat(in_tmpdir("link"), false, &info), ==, 0);
	CHECK(ivi_file_is_link(&info));
	CHECK_SYS(close(make("target")));
	CHECK_INT(ivi_file_stat(in_tmpdir("link"), true, &info), ==, 0);
	CHECK(ivi_file_is_regular(&info));
	CHECK(!ivi_file_is_link(&info));
	CHECK(!ivi_file_is_directory(&info));
	CHECK_INT(ivi_file_stat(in_tmpdir("."), true, &info), ==, 0);
	CHECK(ivi_file_is_directory(&info));

	CHECK_INT(ivi_file_link(in_tmpdir("link"), text, sizeof(text)), ==, 6);
	CHECK_STR(text, "target");
	CHECK_INT(ivi_file_link(in_tmpdir("link"), text, 6), ==, -ENAMETOOLONG);
	CHECK_INT(ivi_file_link(in_tmpdir("target"), text, 6), ==, -EINVAL);
}

TEST_ONCE(what_is_missing_and_what_is_not_known)
{
	CHECK(ivi_file_is_missing(ENOENT));
	CHECK(ivi_file_is_missing(ENOTDIR));
	CHECK(ivi_file_is_missing(EACCES));
	CHECK(!ivi_file_is_missing(ENOMEM));
	CHECK(!ivi_file_is_missing(EIO));
	CHECK(!ivi_file_is_missing(ESTALE));
}

TEST_ONCE(remote_file_systems)
{
	int fd = make("file");

	CHECK(!ivi_file_is_remote(in_tmpdir("file")));
	CHECK(!ivi_fd_is_remote(fd));
	CHECK(!ivi_file_is_remote(in_tmpdir("none")));
	CHECK_SYS(close(fd));
	CHECK(!ivi_fd_is_remote(fd));
#ifdef HAVE_STATFS_TYPE
	fd = (int)CHECK_SYS(open("/proc/uptime", O_RDONLY));
	CHECK(ivi_fd_is_remote(fd));
	CHECK(ivi_file_is_remote("/proc"));
	CHECK_SYS(close(fd));
#endif
}

/* ---- Hints ------------------------------------------------------------- */

#ifdef HAVE_INOTIFY

static struct ivi_hint hints[16];
static char buf[4096] __attribute__((aligned(8)));

static struct ivi_hints *open_hints(void)
{
	static struct ivi_hints h;

	CHECK_INT(ivi_hints_open(&h), ==, 0);
	return &h;
}

/* How many there are now. */
static int get_hints(const struct ivi_hints *h)
{
	ssize_t n = ivi_hints_read(h, buf, sizeof(buf));
	size_t at_byte = 0;
	int i = 0;

	while (n > 0 && ivi_hints_next(h, buf, (size_t)n, &at_byte, &hints[i]))
		CHECK_INT(++i, <, 16);
	return i;
}

static void check_hint(int i, enum ivi_hint_kind kind, int mark,
		       const char *name)
{
	CHECK_INT(hints[i].kind, ==, kind);
	CHECK_INT(hints[i].mark, ==, mark);
	CHECK_STR(hints[i].name, name);
}

TEST_ONCE(entries_of_a_directory)
{
	struct ivi_hints *h = open_hints();
	int fd, m;

	CHECK(!h->partial);
	CHECK(CHECK_SYS(fcntl(h->fd, F_GETFD)) & FD_CLOEXEC);
	CHECK(CHECK_SYS(fcntl(h->fd, F_GETFL)) & O_NONBLOCK);
	m = ivi_hints_add_directory(h, tmpdir(), true);
	CHECK_INT(m, >=, 1);
	CHECK_INT(ivi_hints_add_directory(h, tmpdir(), true), ==, m);
	fd = make("file");
	CHECK_INT(get_hints(h), ==, 1);
	check_hint(0, IVI_HINT_ENTRY, m, "file");

	/* What happens to it is no hint. */
	CHECK_INT(write(fd, "x", 1), ==, 1);
	CHECK_SYS(fchmod(fd, 0600));
	CHECK_INT(get_hints(h), ==, 0);
	CHECK_SYS(rename(in_tmpdir("file"), in_tmpdir("other")));
	CHECK_INT(get_hints(h), ==, 2);
	check_hint(0, IVI_HINT_ENTRY, m, "file");
	check_hint(1, IVI_HINT_ENTRY, m, "other");
	CHECK_SYS(unlink(in_tmpdir("other")));
	CHECK_INT(get_hints(h), ==, 1);
	CHECK_SYS(chmod(tmpdir(), 0711));
	CHECK_INT(get_hints(h), ==, 1);
	check_hint(0, IVI_HINT_CONTENTS, m, "");
	ivi_hints_remove(h, m);
	CHECK_INT(get_hints(h), ==, 1);
	check_hint(0, IVI_HINT_MOVED, m, "");
	ivi_hints_remove(h, m);
	CHECK_SYS(close(fd));
	ivi_hints_close(h);
}

TEST_ONCE(a_directory_itself)
{
	struct ivi_hints *h = open_hints();
	int m;

	CHECK_SYS(mkdir(in_tmpdir("dir"), 0700));
	m = ivi_hints_add_directory(h, in_tmpdir("dir"), false);
	CHECK_INT(m, >=, 1);
	CHECK_SYS(close(make("dir/file")));
	CHECK_INT(get_hints(h), ==, 0);

	/* Also of its entries, and not any more. */
	CHECK_INT(ivi_hints_add_directory(h, in_tmpdir("dir"), true), ==, m);
	CHECK_INT(ivi_hints_add_directory(h, in_tmpdir("dir"), false), ==, m);
	CHECK_SYS(unlink(in_tmpdir("dir/file")));
	CHECK_INT(get_hints(h), ==, 1);
	check_hint(0, IVI_HINT_ENTRY, m, "file");
	CHECK_INT(ivi_hints_cut_directory(h, in_tmpdir("dir")), ==, m);
	CHECK_SYS(close(make("dir/file")));
	CHECK_INT(get_hints(h), ==, 0);
	CHECK_SYS(rename(in_tmpdir("dir"), in_tmpdir("moved")));
	CHECK_INT(get_hints(h), ==, 1);
	check_hint(0, IVI_HINT_MOVED, m, "");
	ivi_hints_close(h);
}

TEST_ONCE(contents_of_a_file)
{
	struct ivi_hints *h = open_hints();
	int fd = make("file"), m;

	m = ivi_hints_add_file(h, in_tmpdir("file"));
	CHECK_INT(m, >=, 1);
	CHECK_INT(ivi_hints_add_fd(h, fd), ==, m);
	CHECK_INT(write(fd, "x", 1), ==, 1);
	CHECK_INT(get_hints(h), ==, 1);
	check_hint(0, IVI_HINT_CONTENTS, m, "");
	CHECK_SYS(ftruncate(fd, 0));
	CHECK_INT(get_hints(h), ==, 1);
	CHECK_SYS(unlink(in_tmpdir("file")));
	CHECK_INT(get_hints(h), ==, 1);
	check_hint(0, IVI_HINT_CONTENTS, m, "");
	CHECK_SYS(close(fd));
	CHECK_INT(get_hints(h), >=, 1);
	check_hint(0, IVI_HINT_MOVED, m, "");
	ivi_hints_close(h);
}

/* Its name has gone, the file has not. */
TEST_ONCE(a_file_without_a_name)
{
	struct ivi_hints *h = open_hints();
	int fd = make("file"), m;

	CHECK_SYS(unlink(in_tmpdir("file")));
	m = ivi_hints_add_fd(h, fd);
	CHECK_INT(m, >=, 1);
	CHECK_INT(write(fd, "x", 1), ==, 1);
	CHECK_INT(get_hints(h), ==, 1);
	check_hint(0, IVI_HINT_CONTENTS, m, "");
	CHECK_SYS(close(fd));
	ivi_hints_close(h);
}

TEST_ONCE(links_are_not_followed)
{
	struct ivi_hints *h = open_hints();

	CHECK_SYS(mkdir(in_tmpdir("dir"), 0700));
	CHECK_SYS(symlink("dir", in_tmpdir("link")));
	CHECK_INT(ivi_hints_add_directory(h, in_tmpdir("link"), true), ==,
		  -ENOTDIR);
	CHECK_INT(ivi_hints_add_directory(h, in_tmpdir("dir"), true), !=,
		  ivi_hints_add_file(h, in_tmpdir("link")));
	CHECK_INT(ivi_hints_add_file(h, in_tmpdir("none")), ==, -ENOENT);
	CHECK_INT(ivi_hints_add_fd(h, 999), ==, -ENOENT);
	ivi_hints_close(h);
}

/* More than the kernel keeps: the last one says so. */
TEST_ONCE(lost_hints)
{
	struct ivi_hints *h = open_hints();
	int i, n, lost = 0;

	CHECK_INT(ivi_hints_add_directory(h, tmpdir(), true), >=, 1);
	CHECK_SYS(close(make("a")));
	for (i = 0; i < 10000; i++) {
		CHECK_SYS(rename(in_tmpdir("a"), in_tmpdir("b")));
		CHECK_SYS(rename(in_tmpdir("b"), in_tmpdir("a")));
	}
	for (;;) {
		ssize_t size = ivi_hints_read(h, buf, 128);
		size_t at_byte = 0;

		if (size <= 0)
			break;
		n = 0;
		while (ivi_hints_next(h, buf, (size_t)size, &at_byte,
				      &hints[0]))
			n++;
		CHECK_INT(n, >, 0);
		lost += hints[0].kind == IVI_HINT_LOST;
	}
	CHECK_INT(lost, ==, 1);
	ivi_hints_close(h);
}

#elif !defined(HAVE_VNODE)

TEST_ONCE(there_are_no_hints)
{
	struct ivi_hints h = { -1, false, NULL };
	struct ivi_hint hint;
	size_t from = 0;

	CHECK_INT(ivi_hints_open(&h), ==, -ENOSYS);
	CHECK_INT(ivi_hints_add_directory(&h, "/", true), ==, -ENOSYS);
	CHECK_INT(ivi_hints_cut_directory(&h, "/"), ==, -ENOSYS);
	CHECK_INT(ivi_hints_add_file(&h, "/"), ==, -ENOSYS);
	CHECK_INT(ivi_hints_add_fd(&h, 0), ==, -ENOSYS);
	CHECK_INT(ivi_hints_read(&h, &hint, sizeof(hint)), ==, -ENOSYS);
	ivi_hints_remove(&h, 1);
	ivi_hints_close(&h);
	CHECK(!ivi_hints_next(&h, "", 0, &from, &hint));
}

#endif
