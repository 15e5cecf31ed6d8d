/* SPDX-License-Identifier: MIT */
/*
 * program.h - what iv_popen and iv_spawn have in common: a program whose end
 * is waited for, and a timer that sends it signals.
 *
 * In memory of its user's, which lives until one of the two functions is
 * called: these free it, and are the last that is heard of it.
 */
#ifndef IVI_MOD_PROGRAM_H
#define IVI_MOD_PROGRAM_H

#include <iv_wait.h>
#include "mod/wait.h"
#include "sys/exec.h"

struct ivi_program {
	const struct ivi_loop	*owner;
	struct iv_wait_interest	wait;
	struct iv_timer		timer;	/* the next signal, if registered */
	/* It has ended; as an iv_wait_interest's. */
	void	(*ended)(struct ivi_program *p, int status,
			 const struct rusage *usage);
	/* The loop is taken down. */
	void	(*orphaned)(struct ivi_program *p);
};

/* In zeroed memory: TIMED is called with P. */
void ivi_program_init(struct ivi_program *p, void (*timed)(void *p));

/* Starts X in the calling thread's loop: 0, or -errno: it does not run, and
   nothing is left of it.  Closes what ivi_exec_open() has opened. */
int ivi_program_start(struct ivi_program *p, struct ivi_exec *x,
		      enum ivi_wait_for what);

#endif
