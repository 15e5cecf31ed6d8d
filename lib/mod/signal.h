/* SPDX-License-Identifier: MIT */
/*
 * signal.h - what iv_signal does for iv_wait.
 */
#ifndef IVI_MOD_SIGNAL_H
#define IVI_MOD_SIGNAL_H

#include <stdbool.h>
#include <iv_signal.h>
#include "sys/sig.h"

/*
 * Makes the calling thread's state, so that it outlives the caller's: for a
 * slot's init.  0 or -errno.
 */
int ivi_signal_prepare(void);

/*
 * As iv_signal_register(), for an interest that is called for every signal
 * whatever others there are, and that hides it from none of them.
 */
int ivi_signal_register_hook(struct iv_signal *sig);

/* Its handler is to be called as if the signal had come for it alone.  Any
   thread, while it is registered. */
void ivi_signal_wake(struct iv_signal *sig);

/* True while there is any interest in it, a hook included. */
bool ivi_signal_is_handled(int signum);

/*
 * True while there are hooks and the program has no interest of its own: OLD
 * is what it would have happen to the signal.
 */
bool ivi_signal_hooked_over(int signum, struct sigaction *old);

/* True if it has interests, and the program ignored it before. */
bool ivi_signal_ignored_before(int signum);

/*
 * In a forked child, with all signals blocked: gives signals that had
 * interests in the parent back to the system.
 */
void ivi_signal_forked(void);

#endif
