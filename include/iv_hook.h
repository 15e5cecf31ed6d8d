/* SPDX-License-Identifier: MIT */
/*
 * iv_hook.h - handlers around the wait of a loop.  Since 1.1.
 */
#ifndef __IV_HOOK_H
#define __IV_HOOK_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Points of a turn, for the member `point'.  The hooks of a point are called
 * in order of registration, each at most once per turn; one that is registered
 * by such a handler takes part from the next turn on.  A loop that has nothing
 * registered, or was told to quit, returns before any of them.
 */

/* Before what the turn has changed is told to the kernel and the time to
   sleep is computed.  May do anything; the turn does not sleep if it calls
   iv_quit(). */
#define IV_HOOK_PREPARE	1

/* Directly before the system call that waits, in turns in which it may sleep.
   For what must not be held meanwhile: may touch nothing of the loop.  A post
   by another thread, or a signal, ends a sleep that comes after it. */
#define IV_HOOK_BLOCK	2

/* Directly after it, exactly when IV_HOOK_BLOCK was called; may touch nothing
   of the loop, either. */
#define IV_HOOK_UNBLOCK	3

/* After the wait, slept or not, and before posts and descriptors. */
#define IV_HOOK_CHECK	4

/* At the end of a turn in which no timer, task, event or descriptor was
   called.  While there is one the loop does not sleep.  The only point whose
   hooks keep iv_main() running. */
#define IV_HOOK_IDLE	5

/* In a forked child that goes on with the loop, before IV_HOOK_PREPARE of its
   first turn; kernel objects are the child's own then. */
#define IV_HOOK_FORK	6

/* When the loop is taken down, by iv_deinit(), iv_loop_free() or the end of
   its thread, with the loop entered and all that is registered still there. */
#define IV_HOOK_DEINIT	7

struct iv_hook {
	int	point;			/* IV_HOOK_*; fixed while registered */
	void	*cookie;		/* argument of the handler */
	void	(*handler)(void *cookie);
	void	*pad[6];		/* private */
};

/* Clears all of it. */
static __inline__ void IV_HOOK_INIT(struct iv_hook *hook)
{
	unsigned int i;

	hook->point = 0;
	hook->cookie = 0;
	hook->handler = 0;
	for (i = 0; i < sizeof(hook->pad) / sizeof(hook->pad[0]); i++)
		hook->pad[i] = 0;
}

/* With the calling thread's loop.  Always 0.  Fatal: another point. */
int iv_hook_register(struct iv_hook *);

/* In the thread that has the loop; any handler, its own included.  The struct
   may be freed at once. */
void iv_hook_unregister(struct iv_hook *);

/* 1 if it is registered, else 0. */
int iv_hook_registered(const struct iv_hook *);

#ifdef __cplusplus
}
#endif

#endif
