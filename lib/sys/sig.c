/* SPDX-License-Identifier: MIT */
/*
 * sig.c - signals, and what survives a fork.
 *
 * The fork generation grows in a handler of pthread_atfork(3), too late for a
 * signal that finds the child before that; getpid(2) tells from the start,
 * but a pid can be the same in a new pid namespace, or used again.  Hence
 * both.
 */
#include "config.h"
#include "sys/sig.h"
#include "sys/sys.h"

#include <string.h>

#ifdef __QNX__
#define RESTART	0		/* sigaction() gives ENOTSUP for SA_RESTART */
#else
#define RESTART	SA_RESTART
#endif

void ivi_spin_lock(struct ivi_spin *l)
{
	unsigned me = ivi_fork_generation(), n = 0, seen;

	for (;;) {
		seen = __atomic_load_n(&l->holder, __ATOMIC_RELAXED);
		if (seen != me &&
		    __atomic_compare_exchange_n(&l->holder, &seen, me, false,
						__ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return;
		ivi_relax(n++);
	}
}

void ivi_spin_unlock(struct ivi_spin *l)
{
	__atomic_store_n(&l->holder, 0, __ATOMIC_RELEASE);
}

void ivi_process_set(struct ivi_process *p)
{
	__atomic_store_n(&p->pid, getpid(), __ATOMIC_RELAXED);
	__atomic_store_n(&p->generation, ivi_fork_generation(),
			 __ATOMIC_RELAXED);
}

bool ivi_process_is(const struct ivi_process *p)
{
	return __atomic_load_n(&p->pid, __ATOMIC_RELAXED) == getpid() &&
	       __atomic_load_n(&p->generation, __ATOMIC_RELAXED) ==
	       ivi_fork_generation();
}

void ivi_signals_block(sigset_t *saved)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, saved);
}

void ivi_signals_restore(const sigset_t *saved)
{
	pthread_sigmask(SIG_SETMASK, saved, NULL);
}

int ivi_signal_install(int signum, void (*handler)(int),
		       struct sigaction *old)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = handler;
	sa.sa_flags = RESTART;
	sigfillset(&sa.sa_mask);
	return sigaction(signum, &sa, old) < 0 ? -errno : 0;
}

void ivi_signal_uninstall(int signum, void (*handler)(int),
			  const struct sigaction *old)
{
	struct sigaction now;

	if (sigaction(signum, NULL, &now) == 0 &&
	    !(now.sa_flags & SA_SIGINFO) && now.sa_handler == handler)
		sigaction(signum, old, NULL);
}

void ivi_signal_reset(int signum, const struct sigaction *old)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = SIG_DFL;
	if (!(old->sa_flags & SA_SIGINFO) && old->sa_handler == SIG_IGN)
		sa.sa_handler = SIG_IGN;
	sigemptyset(&sa.sa_mask);
	sigaction(signum, &sa, NULL);
}
