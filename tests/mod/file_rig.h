/* SPDX-License-Identifier: MIT */
/*
 * file_rig.h - what the tests of iv_path and iv_follow share.
 *
 * Whether there are hints or intervals, a change is told before one that is
 * made later: told() changes a file of its own until that has been told.
 */
#ifndef IV_FILE_RIG_H
#define IV_FILE_RIG_H

#include <iv_follow.h>
#include <iv_path.h>
#include "harness/test.h"

/* A case that runs with hints, and without. */
#define FILE_TEST(name)							\
static void run_##name(void);						\
TEST(name)								\
{									\
	run_##name();							\
}									\
TEST(name##_in_intervals)						\
{									\
	refuse_hints();							\
	run_##name();							\
}									\
static void run_##name(void)

/* From now on the kernel gives no instance; true if that has been called. */
void refuse_hints(void);
int hints_refused(void);

/* True if the library could have those of inotify, so that it need not look in
   intervals; those of inotify or EVFILT_VNODE. */
int hints_possible(void);
int hints_of_some_kind(void);

/* Around each case: the loop, and the file that told() changes. */
void rig_start(void);
void rig_end(void);

/* NAME in tmpdir(); good for the next seven calls. */
const char *at(const char *name);

/* Makes, or overwrites, a file; adds to it; sets its length. */
void put(const char *name, const char *text);
void append(const char *name, const char *text);
void cut(const char *name, long length);

/* A new file takes the place of NAME. */
void replace(const char *name, const char *text);

/* rename(2), link(2), symlink(2), unlink(2), mkdir(2), rmdir(2) of at(). */
void move(const char *from, const char *to);
void hard_link(const char *from, const char *to);
void soft_link(const char *text, const char *name);
void delete(const char *name);
void make_dir(const char *name);
void remove_dir(const char *name);

/* Short intervals, in case. */
void set_interval(struct timespec *interval);

/* A path that traces "LABEL:WHAT ", WHAT being new, gone, other, or what has
   changed.  start_path() registers one in memory that is there already. */
struct iv_path *new_path(const char *pathname, const char *label);
void start_path(struct iv_path *p, const char *pathname, const char *label,
		unsigned flags);
void drop_path(struct iv_path *p);

/* Handlers' own traces. */
void say(const char *label, const char *what);

/* What the handlers have traced since last time; told() runs the loop until
   all that has happened has been told. */
const char *so_far(void);
const char *told(void);

/* Runs the loop until a handler has traced something. */
void until_told(void);

/* The inotify descriptors of this process, and the inodes that the kernel
   watches for them.  An emulated kqueue has one, too. */
int instances(void);
int instances_per_loop(void);
int marks(void);

#endif
