/* SPDX-License-Identifier: MIT */
/*
 * iv_loop.h - loops as objects, one turn at a time.  Since 1.1.
 *
 * All calls of the library act on the loop that the calling thread has
 * entered.  iv_init() makes and enters one; here are more of them.  What is
 * registered belongs to its loop, and waits while no thread runs it.
 */
#ifndef __IV_LOOP_H
#define __IV_LOOP_H

#include <sched.h>	/* struct timespec, also in strict C89 and C99 */
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

struct iv_loop;

/*
 * A loop that no thread has entered.  METHOD is as iv_poll_method_name() has
 * it; NULL is the default, that of iv_init().  Unlike iv_init() it leaves the
 * process as it is: limits, signals.  Any thread.
 *
 * NULL and errno: EINVAL (there is no such method here), EMFILE, ENFILE,
 * ENOMEM, or why the method cannot be used.
 */
struct iv_loop *iv_loop_new(const char *method);

/* Takes it down; objects that are still registered become dangling, as with
   iv_deinit().  NULL: nothing.  Any thread.  Fatal: a thread has entered it. */
void iv_loop_free(struct iv_loop *);

/*
 * From now on it is the calling thread's loop, until the thread enters another
 * one or, by NULL, none.  Returns the loop before, or NULL.
 *
 * One thread at a time has a loop (otherwise fatal); what another one has done
 * with it before must have been made visible by the program.  A handler may
 * enter other loops, and run them, but has to enter that of its own before it
 * returns (otherwise fatal).  When a thread ends its loop is left as it is, or,
 * if iv_init() has made it, taken down; so are those of iv_init() which it was
 * the last to enter.
 */
struct iv_loop *iv_loop_enter(struct iv_loop *);

/* The calling thread's loop, or NULL. */
struct iv_loop *iv_loop_self(void);

/* One turn, which may sleep. */
#define IV_RUN_ONCE	1
/* One turn, which does not. */
#define IV_RUN_NOWAIT	2

/*
 * Runs the calling thread's loop: FLAGS 0 is iv_main().  With one of the flags
 * above it reads the clock, runs what is due and tasks, and returns if it is
 * told to quit or nothing is registered; it looks, or waits, for something to
 * do, but only looks if a timer or task has run in this call; it runs that,
 * and returns.  A call may run nothing.
 *
 * Returns 1 if iv_main() would go on, else 0.
 *
 * May be called by a handler: what the turn outside has found, and not called
 * yet, is called by the one inside.  iv_quit() ends all of them; with a quit
 * pending the one inside runs timers and tasks and returns 0.
 */
int iv_run(unsigned flags);

/* Keep iv_main() running, as if something was registered, or, once more than
   the other one was called, as if something was not. */
void iv_ref(void);
void iv_unref(void);

/*
 * Inside another program's loop: that one waits until iv_loop_fd() is readable,
 * but for iv_loop_timeout() at most, and then calls iv_run(IV_RUN_NOWAIT), with
 * the loop entered.  All three are about the calling thread's loop.
 */

/*
 * A descriptor that is readable when descriptors or posts want a turn, to be
 * watched for nothing but that, level-triggered; it stays the same until the
 * process forks.  Timers need not show on it.  -1 and errno: ENOTSUP (poll and
 * ppoll have none), EMFILE, ENFILE, ENOMEM, ENOSPC.
 */
int iv_loop_fd(void);

/*
 * How long the host may sleep: 1 with the time in *LEFT, 0 0 if something wants
 * a turn now, or 0: for ever.  To be called before each sleep, and once more if
 * something of the loop was changed since: only what the kernel has been told
 * here shows on the descriptor.  From now on posts make it readable.
 */
int iv_loop_timeout(struct timespec *left);

/* In a forked child: exchanges the kernel objects that it shares with the
   parent now, and not only in the next turn.  0, also in any other process, or
   -1 and errno (EMFILE, ENFILE, ENOMEM, ENOSPC): the next turn tries again. */
int iv_loop_fork(void);

/* A function that another thread wants to be called in a loop. */
struct iv_call {
	void	*cookie;		/* argument of the handler */
	void	(*handler)(void *cookie);
	void	*pad[6];		/* private */
};

/* Clears all of it. */
static __inline__ void IV_CALL_INIT(struct iv_call *call)
{
	unsigned int i;

	call->cookie = 0;
	call->handler = 0;
	for (i = 0; i < sizeof(call->pad) / sizeof(call->pad[0]); i++)
		call->pad[i] = 0;
}

/*
 * Has HANDLER called once by the loop, in the order in which a thread has made
 * such calls.  Any thread, with or without a loop, as long as that one exists;
 * not in a signal handler.  Takes no lock, allocates nothing.  Until the
 * handler is called, which may free the struct or use it again, the struct is
 * the library's, and keeps iv_main() running.  0, or -1 and errno EALREADY: it
 * is on its way already.
 *
 * iv_deinit() and iv_loop_free() drop what has not been called.
 */
int iv_loop_call(struct iv_loop *, struct iv_call *);

/*
 * The same, and returns when the handler has returned, or has been left in
 * another way, or was dropped.  In the thread that has the loop it is called
 * at once.  Fatal: it is on its way already.
 *
 * Two loops that wait for each other so will do that for ever; so will a thread
 * if nobody runs the loop.
 */
void iv_loop_call_wait(struct iv_loop *, struct iv_call *);

/* As if a handler of the loop called iv_quit().  Any thread, as above. */
void iv_loop_quit(struct iv_loop *);

#ifdef __cplusplus
}
#endif

#endif
