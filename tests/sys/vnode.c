/* SPDX-License-Identifier: MIT */
/*
 * vnode.c - tests of sys/vnode: hints from EVFILT_VNODE.
 */
#include "config.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "emu/emu.h"
#include "harness/test.h"
#include "sys/file.h"
#include "sys/sys.h"

static int make(const char *name)
{
	return (int)CHECK_SYS(open(in_tmpdir(name), O_RDWR | O_CREAT, 0640));
}

static void touch(const char *name)
{
	CHECK_SYS(close(make(name)));
}

static struct ivi_hints *open_hints(void)
{
	static struct ivi_hints h;

	CHECK_INT(ivi_hints_open(&h), ==, 0);
	CHECK(h.partial);
	return &h;
}

/* How many there are now; the first one. */
static int get_hints(const struct ivi_hints *h, struct ivi_hint *first)
{
	static char buf[4096] __attribute__((aligned(8)));
	ssize_t n = ivi_hints_read(h, buf, sizeof(buf));
	struct ivi_hint hint;
	size_t from = 0;
	int i = 0;

	if (n < 0)
		CHECK_INT(n, ==, -EAGAIN);
	while (n > 0 && ivi_hints_next(h, buf, (size_t)n, &from, &hint))
		if (i++ == 0)
			*first = hint;
	return i;
}

static void check_only(const struct ivi_hints *h, enum ivi_hint_kind kind,
		       int mark)
{
	struct ivi_hint hint;

	CHECK_INT(get_hints(h, &hint), ==, 1);
	CHECK_INT(hint.kind, ==, kind);
	CHECK_INT(hint.mark, ==, mark);
	CHECK_STR(hint.name, "");
}

static void check_none(const struct ivi_hints *h)
{
	struct ivi_hint hint;

	CHECK_INT(get_hints(h, &hint), ==, 0);
}

TEST_ONCE(entries_of_a_directory)
{
	struct ivi_hints *h = open_hints();
	int m;

	CHECK(CHECK_SYS(fcntl(h->fd, F_GETFD)) & FD_CLOEXEC);
	CHECK_SYS(mkdir(in_tmpdir("dir"), 0700));
	m = ivi_hints_add_directory(h, in_tmpdir("dir"), false);
	CHECK_INT(m, >=, 1);
	CHECK(CHECK_SYS(fcntl(m - 1, F_GETFD)) & FD_CLOEXEC);
	touch("dir/a");
	check_none(h);
	CHECK_INT(ivi_hints_add_directory(h, in_tmpdir("dir"), true), ==, m);
	CHECK_INT(ivi_hints_add_directory(h, in_tmpdir("dir/."), false), ==, m);
	touch("dir/b");
	check_only(h, IVI_HINT_ENTRIES, m);
	CHECK_SYS(rename(in_tmpdir("dir/b"), in_tmpdir("dir/c")));
	check_only(h, IVI_HINT_ENTRIES, m);
	CHECK_SYS(unlink(in_tmpdir("dir/c")));
	check_only(h, IVI_HINT_ENTRIES, m);
	CHECK_INT(ivi_hints_cut_directory(h, in_tmpdir("dir")), ==, m);
	touch("dir/b");
	check_none(h);
	CHECK_SYS(chmod(in_tmpdir("dir"), 0711));
	check_only(h, IVI_HINT_CONTENTS, m);
	CHECK_SYS(rename(in_tmpdir("dir"), in_tmpdir("moved")));
	check_only(h, IVI_HINT_MOVED, m);
	ivi_hints_close(h);
	CHECK_INT(h->fd, ==, -1);
}

TEST_ONCE(a_directory_is_closed_when_its_mark_goes)
{
	struct ivi_hints *h = open_hints();
	int m = ivi_hints_add_directory(h, tmpdir(), true), n;

	CHECK_SYS(mkdir(in_tmpdir("dir"), 0700));
	n = ivi_hints_add_directory(h, in_tmpdir("dir"), true);
	CHECK_INT(n, !=, m);
	CHECK(fd_is_open(m - 1));
	ivi_hints_remove(h, m);
	CHECK(!fd_is_open(m - 1));
	touch("file");
	check_none(h);
	touch("dir/file");
	check_only(h, IVI_HINT_ENTRIES, n);
	ivi_hints_close(h);
	CHECK(!fd_is_open(n - 1));
}

TEST_ONCE(a_descriptor_of_the_programs)
{
	struct ivi_hints *h = open_hints();
	int fd = make("file"), m = ivi_hints_add_fd(h, fd);

	CHECK_INT(m, >=, 1);
	CHECK_INT(write(fd, "x", 1), ==, 1);
	check_only(h, IVI_HINT_CONTENTS, m);
	CHECK_SYS(ftruncate(fd, 0));
	check_only(h, IVI_HINT_CONTENTS, m);
	ivi_hints_remove(h, m);
	CHECK_INT(write(fd, "x", 1), ==, 1);
	check_none(h);
	CHECK(fd_is_open(fd));
	CHECK_INT(ivi_hints_add_fd(h, fd), ==, m);
	ivi_hints_close(h);
	CHECK(fd_is_open(fd));
	CHECK_SYS(close(fd));
}

TEST_ONCE(files_are_not_opened)
{
	struct ivi_hints *h = open_hints();
	int fds[2];

	touch("file");
	CHECK_INT(ivi_hints_add_file(h, in_tmpdir("file")), ==, -EOPNOTSUPP);
	CHECK_INT(ivi_hints_add_directory(h, in_tmpdir("file"), true), ==,
		  -ENOTDIR);
	CHECK_INT(ivi_hints_add_directory(h, in_tmpdir("none"), true), ==,
		  -ENOENT);
	CHECK_SYS(symlink(".", in_tmpdir("link")));
	CHECK_INT(ivi_hints_add_directory(h, in_tmpdir("link"), true), ==,
		  -ENOTDIR);
	make_pipe(fds);
	CHECK_INT(ivi_hints_add_fd(h, fds[0]), ==, -EINVAL);
	close_pair(fds);
	ivi_hints_close(h);
}

TEST_ONCE(no_more_descriptors_than_it_may_take)
{
	struct ivi_hints *h = open_hints();
	char name[16];
	int i, m = 0;

	for (i = 0; i < 65; i++) {
		snprintf(name, sizeof(name), "%d", i);
		CHECK_SYS(mkdir(in_tmpdir(name), 0700));
		if (i == 64)
			break;
		m = ivi_hints_add_directory(h, in_tmpdir(name), true);
		CHECK_INT(m, >=, 1);
	}
	CHECK_INT(ivi_hints_add_directory(h, in_tmpdir("64"), true), ==,
		  -ENOSPC);
	CHECK_INT(ivi_hints_add_directory(h, in_tmpdir("63"), true), ==, m);
	ivi_hints_remove(h, m);
	CHECK_INT(ivi_hints_add_directory(h, in_tmpdir("64"), true), ==, m);
	ivi_hints_close(h);
}

TEST_ONCE(what_the_kernel_refuses)
{
	struct ivi_hints *h = open_hints();
	int m;

	emu_fail_change(1, ENOMEM);
	CHECK_INT(ivi_hints_add_directory(h, tmpdir(), false), ==, -ENOMEM);
	m = ivi_hints_add_directory(h, tmpdir(), false);
	CHECK_INT(m, >=, 1);
	emu_fail_change(1, ENOMEM);
	CHECK_INT(ivi_hints_add_directory(h, tmpdir(), true), ==, -ENOMEM);
	CHECK_INT(ivi_hints_add_directory(h, tmpdir(), true), ==, m);
	touch("file");
	check_only(h, IVI_HINT_ENTRIES, m);
	emu_fail(EMU_KEVENT, EINTR, 1, 1);
	check_none(h);
	emu_fail(EMU_KEVENT, EBADF, 1, 1);
	CHECK_INT(ivi_hints_read(h, NULL, 0), ==, -EBADF);
	ivi_hints_close(h);
	emu_fail(EMU_KQUEUE, EMFILE, 1, 1);
	CHECK_INT(ivi_hints_open(h), ==, -EMFILE);
}

static struct ivi_hints *inherited;

/* The number of the queue may be something else by now. */
static void close_inherited(void *mark)
{
	int fds[2], number = inherited->fd;

	make_pipe(fds);
	CHECK(fds[0] == number || fds[1] == number);
	ivi_hints_close(inherited);
	CHECK(fd_is_open(number));
	CHECK(!fd_is_open(*(int *)mark - 1));
	close_pair(fds);
}

TEST_ONCE(a_forked_child_closes_what_it_has)
{
	int m;

	inherited = open_hints();
	m = ivi_hints_add_directory(inherited, tmpdir(), true);
	reap_child(fork_child(close_inherited, &m));
	touch("file");
	check_only(inherited, IVI_HINT_ENTRIES, m);
	ivi_hints_close(inherited);
}
