/* SPDX-License-Identifier: MIT */
/*
 * iv_signal.h - signals as callbacks in a loop.  Since 0.29.
 *
 * While there is an iv_signal for a signal, the library owns that signal's
 * disposition: its handler is installed with SA_RESTART by the first
 * registration of the process and the previous disposition put back by the
 * last unregistration (unless somebody else has replaced the handler
 * meanwhile).  Signal masks are not changed: a signal that is blocked in
 * every thread is not noticed.
 *
 * In a forked child the library's handler does nothing.  The child may call
 * iv_init() and then register signals of its own; the first one makes the
 * inherited ones void (ignored signals stay ignored, the others get their
 * default action).  Inherited ones must not be unregistered.
 */
#ifndef __IV_SIGNAL_H
#define __IV_SIGNAL_H

#include <signal.h>
#include <iv.h>
#include <iv_avl.h>
#include <iv_event_raw.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Hides the signal from all non-exclusive interests, and from exclusive ones
 * at higher addresses.  Among interests of one thread with THIS_THREAD, and
 * among those of the process without it.
 */
#define IV_SIGNAL_FLAG_EXCLUSIVE	1

/*
 * Only for signals that the kernel delivers to the registering thread (as by
 * pthread_kill(3)); these are then hidden from interests without the flag.
 */
#define IV_SIGNAL_FLAG_THIS_THREAD	2

struct iv_signal {
	int	signum;			/* fixed while registered */
	unsigned int	flags;		/* IV_SIGNAL_FLAG_*, or 0 */
	void	*cookie;		/* argument of the handler */
	void	(*handler)(void *);
	struct iv_avl_node	an;	/* private */
	uint8_t	active;			/* private */
	struct iv_event_raw	ev;	/* private */
};

static __inline__ void IV_SIGNAL_INIT(struct iv_signal *sig)
{
	sig->an.left = NULL;
}

/*
 * Makes the calling thread's loop run HANDLER after SIGNUM was delivered to
 * the process.  Signals that arrive before the handler starts are merged into
 * one call; one that arrives after it has started causes another.  Any number
 * may be registered for one signal.  Keeps iv_main() running.
 *
 * 0, or -1 with errno:
 *	EINVAL	SIGNUM is no signal that can be handled this way: out of
 *		range, SIGKILL, SIGSTOP, or one that reports a fault of the
 *		running instruction (SIGSEGV, SIGBUS, SIGFPE, SIGILL)
 *	EMFILE, ENFILE, ENOMEM, ENOSPC
 *		the thread cannot be given a descriptor (one for all its
 *		signals)
 * Registering an iv_signal that is registered is fatal.
 */
int iv_signal_register(struct iv_signal *);

/*
 * In the thread that registered it; any handler, its own included.  A pending
 * call is dropped, or passed on to the next in line if the interest was
 * exclusive.  The struct may be freed at once.
 */
void iv_signal_unregister(struct iv_signal *);

#ifdef __cplusplus
}
#endif

#endif
