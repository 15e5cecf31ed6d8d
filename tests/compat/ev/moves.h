/* SPDX-License-Identifier: MIT */
/*
 * moves.h - random programs for libev, of which random.c writes down what can
 * be seen, and abuse.c makes what nobody should do.
 *
 * A program is made of moves: calls, of the loop and inside callbacks.  Which
 * ones is a matter of its seed alone.
 */
#ifndef EV_MOVES_H
#define EV_MOVES_H

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-aliasing"
#pragma GCC diagnostic ignored "-Wpragmas"
#pragma GCC diagnostic ignored "-Wcast-align"
#include <ev.h>
#pragma GCC diagnostic pop
#pragma GCC diagnostic ignored "-Wstrict-aliasing"
#pragma GCC diagnostic ignored "-Wparentheses"

#define EACH	4	/* watchers of a kind */

enum kind {
	IO, TIMER, PERIODIC, IDLE, PREPARE, CHECK, ASYNC, SIGNAL, FORK,
	CLEANUP, STAT, CHILD, EMBED, KINDS
};

/* What a program that includes this says of its own. */
struct rules {
	/* Those before it take part. */
	enum kind	end;
	/* With another library's: descriptors are one socket, since the order
	   of several is the kernel's; timers are due since long or never. */
	int	compared;
	/* NULL: nothing of its own.  0: do what is usual. */
	int	(*set)(enum kind kind, union ev_any_watcher *w);
	int	(*forbids)(enum kind kind);	/* to start one */
	int	(*move)(void);
};

extern const struct rules rules;

extern struct ev_loop *loop;
extern union ev_any_watcher watchers[KINDS][EACH];
extern int sockets[2];	/* a pair; the first one is watched */
extern int budget;	/* moves that callbacks may make */
extern int depth;
extern int telling;	/* is what can be seen written down? */

unsigned pick(unsigned n);	/* one below it */
void tell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Zero or more of them, as long as the budget lasts: for callbacks. */
void some_moves(void);

/* For a program: in this order, with a loop made in between.  The signals are
   no loop's at its end, and ignored. */
void begin_program(unsigned seed);
void init_watchers(void);
void all_moves(void);
void stop(enum kind kind, union ev_any_watcher *w);
void stop_signals(void);
void end_program(void);

#endif
