/* SPDX-License-Identifier: MIT */
/*
 * wait.h - what iv_wait does for iv_popen and iv_spawn.
 */
#ifndef IVI_MOD_WAIT_H
#define IVI_MOD_WAIT_H

#include <stdbool.h>
#include <iv_wait.h>
#include "sys/exec.h"

/* What has to be told of a child. */
enum ivi_wait_for {
	IVI_WAIT_END,		/* but maybe not how it came */
	IVI_WAIT_STATUS,	/* its end, and how it came */
	IVI_WAIT_ALL		/* stops, too */
};

/*
 * Executes X in a child, for an interest in memory of our own.  Where there are
 * pidfds SIGCHLD is left alone, as far as that can be for what has to be told.
 * ORPHANED is called when the loop is taken down while it is registered, and
 * has to free it.
 */
int ivi_wait_exec(struct iv_wait_interest *wait, struct ivi_exec *x,
		  enum ivi_wait_for what,
		  void (*orphaned)(struct iv_wait_interest *wait));

/* As iv_wait_interest_kill(), for the child's process group. */
int ivi_wait_kill_group(const struct iv_wait_interest *wait, int sig);

/* Waits for the child's end, which is not told, and unregisters. */
void ivi_wait_reap(struct iv_wait_interest *wait);

/* True while an iv_wait_any has the program's other children. */
bool ivi_wait_any_is_taken(void);

#endif
