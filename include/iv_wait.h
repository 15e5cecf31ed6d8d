/* SPDX-License-Identifier: MIT */
/*
 * iv_wait.h - what happens to child processes.  Since 0.29.
 *
 * Only children that have been registered here are waited for; all others
 * are left to whoever started them.  The library handles SIGCHLD meanwhile if
 * it has its default action, as described in iv_signal.h, which hides it from
 * no iv_signal; where there are no pidfds (Linux 5.4) it does so in any case.
 */
#ifndef __IV_WAIT_H
#define __IV_WAIT_H

#include <sys/types.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <iv_avl.h>
#include <iv_event.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * HANDLER is called once for each change of the child's state: stopped,
 * continued, exited or killed, with STATUS as from waitpid(2) and, where the
 * system provides it, the child's resource usage, valid during the call
 * (else NULL).  After exited or killed there are no more calls.
 *
 * STATUS -1 (RUSAGE NULL) says that there will be no status, since PID is not
 * or no longer a child of this process: it never was one, something else has
 * waited for it, SIGCHLD was ignored, or it is not positive.  None of WIFEXITED(), WIFSIGNALED(),
 * WIFSTOPPED() and WIFCONTINUED() holds for it.  Since 1.0.
 */
struct iv_wait_interest {
	pid_t	pid;			/* fixed while registered */
	void	*cookie;
	void	(*handler)(void *cookie, int status,
			   const struct rusage *rusage);
	struct iv_avl_node	avl_node;	/* private */
	struct iv_event		ev;		/* private */
	struct iv_list_head	events_pending;	/* private */
	void		*dummy;			/* private */
	unsigned int	flags;			/* private */
};

static __inline__ void IV_WAIT_INTEREST_INIT(struct iv_wait_interest *wait)
{
	wait->avl_node.left = NULL;
}

/*
 * Watches the child PID, which may have died already, in the calling
 * thread's loop.  Keeps iv_main() running until it is unregistered, also when
 * the child has ended.  One interest per child.
 * Fatal: out of memory or descriptors (see iv_signal_register()).
 */
void iv_wait_interest_register(struct iv_wait_interest *);

/*
 * Starts a child, which calls fn(cookie) and then exit(1), and watches it.
 * In the child, signals with an iv_signal interest are ignored if they were
 * before it was registered, and have their default action otherwise, from the
 * start, and so have SIGPIPE and SIGURG if it was iv_init() that made the
 * process ignore them (since 1.1); other dispositions and the signal mask are
 * inherited.  If FN does not execute a program it had better end with
 * _exit(2), since exit(3) flushes stdio buffers that the parent will flush as
 * well.
 *
 * 0 with PID set, or -1 with errno (EAGAIN, ENOMEM, ENOSYS; EMFILE, ENFILE,
 * ENOSPC): then there is no child, and nothing registered.
 */
int iv_wait_interest_register_spawn(struct iv_wait_interest *,
				    void (*fn)(void *cookie), void *cookie);

/*
 * In the thread that registered it; any handler, its own included.  The
 * child is left alone, and is the caller's to wait for unless its end has
 * been reported, or iv_wait_any's.  The struct may be freed at once.
 */
void iv_wait_interest_unregister(struct iv_wait_interest *);

/*
 * Sends SIG to the child, never to another process that has got its pid.
 * The result of kill(2) (0, or -1 with errno), or -ESRCH, with errno too since
 * 1.1, if the child's end has been noticed already.  Any thread, while the interest is registered.
 */
int iv_wait_interest_kill(const struct iv_wait_interest *, int sig);

/*
 * Children that have no iv_wait_interest, whoever has started them: those of
 * other libraries, and, in a process that is the first of a pid namespace or
 * a sub-reaper (prctl(2)), orphans of its children.  HANDLER is called once
 * for each that has ended, with STATUS as from waitpid(2) and, where the
 * system provides it, its resource usage (else NULL).  Since 1.1.
 */
struct iv_wait_any {
	void	*cookie;
	void	(*handler)(void *cookie, pid_t pid, int status,
			   const struct rusage *rusage);
	void	*pad[6];		/* private */
};

/* Clears all of it. */
static __inline__ void IV_WAIT_ANY_INIT(struct iv_wait_any *any)
{
	unsigned int i;

	any->cookie = NULL;
	any->handler = NULL;
	for (i = 0; i < sizeof(any->pad) / sizeof(any->pad[0]); i++)
		any->pad[i] = NULL;
}

/*
 * From now on the calling thread's loop waits for all children without an
 * interest, also for those that have ended already, and nobody else can.
 * Keeps iv_main() running.  0, or -1 with errno: EBUSY if the process has one
 * already; EMFILE, ENFILE, ENOMEM, ENOSPC.
 *
 * Children are waited for in a turn of this loop only: a handler of it may
 * fork and then call iv_wait_interest_register().  Other threads have to use
 * iv_wait_interest_register_spawn().
 */
int iv_wait_any_register(struct iv_wait_any *);

/* In the thread that registered it; any handler, its own included.  The
   struct may be freed at once. */
void iv_wait_any_unregister(struct iv_wait_any *);

int iv_wait_any_registered(const struct iv_wait_any *);

#ifdef __cplusplus
}
#endif

#endif
