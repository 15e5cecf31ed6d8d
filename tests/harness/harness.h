/* SPDX-License-Identifier: MIT */
/*
 * harness.h - what the files of the harness share, and tests do not see.
 */
#ifndef IV_HARNESS_H
#define IV_HARNESS_H

#include <limits.h>
#define EMU_OPTIONAL
#include "emu/emu.h"
#include "test.h"

/* As gcc does. */
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1
#endif
#endif

/*
 * What the processes of a case tell the runner: a page that they share.
 * Written with atomic stores, since any thread or process of a case may fail.
 */
struct report {
	enum { RUNNING, RETURNED, SKIPPED } state;
	int		failed;
	unsigned	limit;		/* seconds */
	char		skip[256];
	char		tmpdir[PATH_MAX];
};

extern struct report *report;

/* Set while gcov's counters are written, by calls that are nobody's concern. */
extern __thread int keeping_counters;

/* Exemptions, as in enum fence. */
extern unsigned fence_allowed;

struct fence_state;

struct fence_state *fence_take(void);

/* Prints what differs from BEFORE; the number of differences.  Frees it. */
unsigned fence_compare(struct fence_state *before);

/* Removes what tmpdir() made. */
void tmpdir_remove(const char *path);

#endif
