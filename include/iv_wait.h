/* SPDX-License-Identifier: MIT */
/*
 * iv_wait.h - what happens to child processes.  Since 0.29.
 *
 * Only children that have been registered here are waited for; all others
 * are left to whoever started them.  The library handles SIGCHLD meanwhile,
 * as described in iv_signal.h, which hides it from no iv_signal.
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
 * waited for it, or it is not positive.  None of WIFEXITED(), WIFSIGNALED(),
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

static inline void IV_WAIT_INTEREST_INIT(struct iv_wait_interest *wait)
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
 * start; other dispositions and the signal mask are inherited.  If FN does
 * not execute a program it had better end with _exit(2), since exit(3)
 * flushes stdio buffers that the parent will flush as well.
 *
 * 0 with PID set, or -1 with errno (EAGAIN, ENOMEM, ENOSYS; EMFILE, ENFILE,
 * ENOSPC): then there is no child, and nothing registered.
 */
int iv_wait_interest_register_spawn(struct iv_wait_interest *,
				    void (*fn)(void *cookie), void *cookie);

/*
 * In the thread that registered it; any handler, its own included.  The
 * child is left alone, and is the caller's to wait for unless its end has
 * been reported.  The struct may be freed at once.
 */
void iv_wait_interest_unregister(struct iv_wait_interest *);

/*
 * Sends SIG to the child, never to another process that has got its pid.
 * The result of kill(2) (0, or -1 with errno), or -ESRCH if the child's end
 * has been noticed already.  Any thread, while the interest is registered.
 */
int iv_wait_interest_kill(const struct iv_wait_interest *, int sig);

#ifdef __cplusplus
}
#endif

#endif
