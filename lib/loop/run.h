/* SPDX-License-Identifier: MIT */
/*
 * run.h - the turn of the loop.
 */
#ifndef IVI_LOOP_RUN_H
#define IVI_LOOP_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <iv_loop.h>

struct ivi_loop;

struct ivi_run {
	bool	quit;		/* iv_quit() was called */
	bool	left;		/* iv_deinit() was called inside */
	bool	away;		/* a handler has entered another loop */
	bool	special;	/* there is more to a turn: hooks, or one of
				   the above, or it is nested */
	unsigned	depth;	/* iv_main() calls in progress */
	uintptr_t	frame;	/* of who has called the outermost one */
	unsigned	flags;	/* of the innermost one: IV_RUN_* */
	unsigned	levels;	/* begun so far */
	long	trusted;	/* turns until it is verified again */
	uint64_t	waits;	/* so far */
	uint64_t	ends;	/* turns that left before they waited */
};

/*
 * True in a handler that iv_main() has called.  FRAME is where the stack of
 * the caller ends: handlers that were left by longjmp(3) or an exception have
 * taken iv_main() with them, whose frame is then below.  Stacks grow down.
 */
bool ivi_run_inside(struct ivi_loop *loop, uintptr_t frame);

/* Whatever was running it is not any more. */
void ivi_run_abandon(struct ivi_loop *loop);

/* To be taken down, inside: left to the end of the process, if exit(3) was
   called there, and otherwise a mistake. */
void ivi_run_leave(struct ivi_loop *loop);

/* It ends after this turn. */
void ivi_run_quit(struct ivi_loop *loop);

/* A handler of LOOP has entered another one, or has come back. */
void ivi_run_away(struct ivi_loop *loop, bool away);

/* The hooks of LOOP have changed. */
void ivi_run_regard(struct ivi_loop *loop);

#endif
