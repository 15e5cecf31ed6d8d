/* SPDX-License-Identifier: MIT */
/*
 * file_rig.c - what the tests of iv_path and iv_follow share.
 */
#include "config.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#define EMU_OPTIONAL
#include "emu/emu.h"
#include "mod/file_rig.h"

static int refused;

void refuse_hints(void)
{
#ifdef SYS_inotify_init1
	deny_syscall(SYS_inotify_init1, EMFILE);
#endif
	refused = 1;
}

int hints_refused(void)
{
	return refused;
}

int hints_possible(void)
{
#ifdef HAVE_INOTIFY
	return !refused && emu_methods == NULL;
#else
	return 0;
#endif
}

int hints_of_some_kind(void)
{
	return hints_possible() ||
	       (!refused && strncmp(test_method(), "kqueue", 6) == 0);
}

/* ---- Files ------------------------------------------------------------- */

const char *at(const char *name)
{
	return in_tmpdir(name);
}

static void write_to(const char *name, int flags, const char *text)
{
	int fd = (int)CHECK_SYS(open(at(name), O_WRONLY | O_CREAT | flags,
				     0600));

	CHECK_INT(write(fd, text, strlen(text)), ==, strlen(text));
	CHECK_SYS(close(fd));
}

void put(const char *name, const char *text)
{
	write_to(name, O_TRUNC, text);
}

void append(const char *name, const char *text)
{
	write_to(name, O_APPEND, text);
}

void cut(const char *name, long length)
{
	CHECK_SYS(truncate(at(name), length));
}

void replace(const char *name, const char *text)
{
	put("replacement", text);
	move("replacement", name);
}

void move(const char *from, const char *to)
{
	CHECK_SYS(rename(at(from), at(to)));
}

void hard_link(const char *from, const char *to)
{
	CHECK_SYS(link(at(from), at(to)));
}

void soft_link(const char *text, const char *name)
{
	CHECK_SYS(symlink(text, at(name)));
}

void delete(const char *name)
{
	CHECK_SYS(unlink(at(name)));
}

void make_dir(const char *name)
{
	CHECK_SYS(mkdir(at(name), 0700));
}

void remove_dir(const char *name)
{
	CHECK_SYS(rmdir(at(name)));
}

/* ---- The loop ---------------------------------------------------------- */

static char trace_text[8192];
static size_t trace_length;
static int stop_at_trace;

void say(const char *label, const char *what)
{
	size_t room = sizeof(trace_text) - trace_length;
	int n = snprintf(trace_text + trace_length, room, "%s:%s ", label,
			 what);

	CHECK_INT(n, <, room);
	trace_length += (size_t)n;
	if (stop_at_trace)
		iv_quit();
}

static struct iv_path sentinel;

static void sentinel_changed(void *unused, const struct iv_path_info *before,
			     const struct iv_path_info *now)
{
	(void)unused;
	CHECK(before != NULL);
	CHECK(now != NULL);
	iv_quit();
}

void set_interval(struct timespec *interval)
{
	interval->tv_sec = 0;
	interval->tv_nsec = 10000000;
}

void rig_start(void)
{
	iv_init();
	put("sentinel", "");
	IV_PATH_INIT(&sentinel);
	sentinel.pathname = strdup(at("sentinel"));
	sentinel.handler = sentinel_changed;
	set_interval(&sentinel.interval);
	CHECK_SYS(iv_path_register(&sentinel));
}

void rig_end(void)
{
	iv_path_unregister(&sentinel);
	free((void *)(uintptr_t)sentinel.pathname);
	iv_main();
	iv_deinit();
}

const char *so_far(void)
{
	static char text[sizeof(trace_text)];

	memcpy(text, trace_text, trace_length);
	text[trace_length] = '\0';
	trace_length = 0;
	return text;
}

const char *told(void)
{
	int i;

	with_deadline(9);
	for (i = 0; i < 2; i++) {
		append("sentinel", "x");
		iv_main();
	}
	/* What is told in each turn. */
	quit_after_turns(8);
	iv_main();
	without_deadline();
	return so_far();
}

void until_told(void)
{
	with_deadline(9);
	stop_at_trace = 1;
	while (trace_length == 0)
		iv_main();
	stop_at_trace = 0;
	without_deadline();
}

/* ---- Paths ------------------------------------------------------------- */

static void describe(char *text, size_t size, const struct iv_path_info *a,
		     const struct iv_path_info *b)
{
	if (a == NULL)
		snprintf(text, size, "new");
	else if (b == NULL)
		snprintf(text, size, "gone");
	else if (a->ino != b->ino || a->dev != b->dev)
		snprintf(text, size, "other");
	else
		snprintf(text, size, "%s%s%s%s",
			 a->size != b->size ? "size" : "",
			 a->mode != b->mode ? "mode" : "",
			 a->nlink != b->nlink ? "nlink" : "",
			 a->size == b->size && a->mode == b->mode &&
			 a->nlink == b->nlink ? "time" : "");
}

static void changed(void *label, const struct iv_path_info *before,
		    const struct iv_path_info *now)
{
	char text[64];

	CHECK(before != NULL || now != NULL);
	describe(text, sizeof(text), before, now);
	say(label, text);
}

void start_path(struct iv_path *p, const char *pathname, const char *label,
		unsigned flags)
{
	memset(p, 0xa5, sizeof(*p));
	IV_PATH_INIT(p);
	p->pathname = strdup(pathname);
	p->flags = flags;
	p->cookie = (void *)(uintptr_t)label;
	p->handler = changed;
	set_interval(&p->interval);
	CHECK_INT(iv_path_registered(p), ==, 0);
	CHECK_SYS(iv_path_register(p));
	CHECK_INT(iv_path_registered(p), ==, 1);
}

struct iv_path *new_path(const char *pathname, const char *label)
{
	struct iv_path *p = malloc(sizeof(*p));

	CHECK(p != NULL);
	start_path(p, pathname, label, 0);
	return p;
}

void drop_path(struct iv_path *p)
{
	iv_path_unregister(p);
	CHECK_INT(iv_path_registered(p), ==, 0);
	free((void *)(uintptr_t)p->pathname);
	memset(p, 0x5a, sizeof(*p));
	__asm__ volatile ("" : : "r" (p) : "memory");
	free(p);
}

/* ---- What the kernel has ----------------------------------------------- */

/* Calls count(number) for each inotify descriptor; the sum. */
static int sum_of(int (*count)(const char *number))
{
	DIR *dir = opendir("/proc/self/fd");
	char name[PATH_MAX], target[64];
	struct dirent *d;
	int sum = 0;

	if (dir == NULL)
		return 0;
	while ((d = readdir(dir)) != NULL) {
		ssize_t n;

		snprintf(name, sizeof(name), "/proc/self/fd/%s", d->d_name);
		n = readlink(name, target, sizeof(target) - 1);
		if (n > 0 && strncmp(target, "anon_inode:inotify", 18) == 0)
			sum += count(d->d_name);
	}
	closedir(dir);
	return sum;
}

static int one(const char *number)
{
	(void)number;
	return 1;
}

static int watched(const char *number)
{
	char name[64], line[512];
	FILE *f;
	int n = 0;

	snprintf(name, sizeof(name), "/proc/self/fdinfo/%s", number);
	f = fopen(name, "r");
	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL)
		n += strncmp(line, "inotify wd:", 11) == 0;
	fclose(f);
	return n;
}

int instances(void)
{
	return sum_of(one);
}

int instances_per_loop(void)
{
#ifdef __linux__
	return hints_of_some_kind();
#else
	return 0;
#endif
}

int marks(void)
{
	return sum_of(watched);
}
