/* SPDX-License-Identifier: MIT */
/*
 * run.h - the turn of the loop.
 */
#ifndef IVI_LOOP_RUN_H
#define IVI_LOOP_RUN_H

#include <stdbool.h>

struct ivi_run {
	bool	quit;		/* iv_quit() was called */
	unsigned	depth;	/* iv_main() calls in progress */
	long	trusted;	/* turns until it is verified again */
};

#endif
