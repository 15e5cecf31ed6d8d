/* SPDX-License-Identifier: MIT */
/*
 * sig.h - signals, and what survives a fork.  A part of sys.h that only
 * signals and children need.
 */
#ifndef IVI_SYS_SIG_H
#define IVI_SYS_SIG_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

/* Signal numbers are below this. */
#if defined(_NSIG)
#define IVI_NSIG	_NSIG
#elif defined(NSIG)
#define IVI_NSIG	NSIG
#else
#define IVI_NSIG	64
#endif

/*
 * A lock that may be taken in signal handlers (if all who take it have them
 * blocked) and survives fork(2): one that a thread of the parent held is free
 * in the child.  The data under it may be half-changed then.  Zeroed: free.
 */
struct ivi_spin {
	unsigned	holder;		/* atomic: fork generation, or 0 */
};

void ivi_spin_lock(struct ivi_spin *l);
void ivi_spin_unlock(struct ivi_spin *l);

/*
 * Which process it is that has set something up.  Zeroed: none.  Both of
 * these are async-signal-safe, even between fork(2) and the handlers of
 * pthread_atfork(3), and in the child of vfork(2).
 */
struct ivi_process {
	pid_t		pid;		/* both atomic */
	unsigned	generation;
};

void ivi_process_set(struct ivi_process *p);
bool ivi_process_is(const struct ivi_process *p);

/* Blocks every signal of the calling thread. */
void ivi_signals_block(sigset_t *saved);
void ivi_signals_restore(const sigset_t *saved);

/* The same for a signal handler: not even cancellation comes between, and one
   that wanted to is made up for as if there had been no handler. */
struct ivi_undisturbed {
	sigset_t	saved;
	int		cancel;
};

void ivi_handler_begin(struct ivi_undisturbed *u);
void ivi_handler_end(const struct ivi_undisturbed *u);

/*
 * Installs HANDLER, during which all signals are blocked and which restarts
 * system calls.  One call of sigaction(), which also fetches OLD: programs
 * that replace that function pass on the first call for a signal only.
 */
int ivi_signal_install(int signum, void (*handler)(int),
		       struct sigaction *old);

/* Puts OLD back, unless HANDLER has been replaced by somebody else. */
void ivi_signal_uninstall(int signum, void (*handler)(int),
			  const struct sigaction *old);

/* True of an action that ignores the signal. */
bool ivi_signal_is_ignored(const struct sigaction *sa);

/* In a child: the signal is ignored if it was in OLD, else gets SIG_DFL. */
void ivi_signal_reset(int signum, const struct sigaction *old);

#endif
