/* SPDX-License-Identifier: MIT */
/*
 * sig.c - signals, and what survives a fork.
 *
 * The fork generation grows in a handler of pthread_atfork(3), too late for a
 * signal that finds the child before that, and never in the child of vfork(2),
 * which has the parent's memory; getpid(2) tells from the start, but a pid can
 * be the same in a new pid namespace, or used again.  Hence both.
 */
#include "config.h"
#include "sys/sig.h"
#include "sys/sys.h"
#include "base/timespec.h"

#include <string.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

#ifdef __QNX__
#define RESTART	0		/* sigaction() gives ENOTSUP for SA_RESTART */
#else
#define RESTART	SA_RESTART
#endif

/* Debug builds: what is held for so long will never be free. */
static int64_t note_patience(const struct ivi_spin *l, int64_t since)
{
	int64_t now = ivi_clock_ns();

	if (since == 0)
		return now;
	if (since == IVI_NEVER || now - since < IVI_SEC)
		return since;
	ivi_note("a lock of the library has not been free for a second "
		 "[spin lock %p]", (const void *)l);
	return IVI_NEVER;
}

void ivi_spin_lock(struct ivi_spin *l)
{
	unsigned me, n = 0, seen;
	int64_t since = 0;

	ivi_fork_notice();
	me = ivi_fork_generation();
	for (;;) {
		seen = __atomic_load_n(&l->holder, __ATOMIC_RELAXED);
		if (seen != me &&
		    __atomic_compare_exchange_n(&l->holder, &seen, me, false,
						__ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return;
		ivi_relax(n++);
		if (IVI_DEBUGGING)
			since = note_patience(l, since);
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

/*
 * sigfillset(3) and pthread_sigmask(3) leave out the signal that cancels
 * threads, and glibc before 2.41 obeys one that was sent before cancellation
 * was turned off, in a handler that has interrupted a wait as well
 * (sigcancel_handler()): even before the first instruction of that.  Turned on
 * again in such a handler it cancels at once, but the result of the thread is
 * not PTHREAD_CANCELED then (__pthread_setcancelstate()).  While that signal is
 * blocked, there is no need to turn it off.
 */
#ifdef SYS_rt_sigprocmask
static void fill(sigset_t *all)
{
	memset(all, 0xff, sizeof(*all));
}

void ivi_handler_begin(struct ivi_undisturbed *u)
{
	sigset_t all;

	fill(&all);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &u->saved, _NSIG / 8);
}

void ivi_handler_end(const struct ivi_undisturbed *u)
{
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &u->saved, NULL, _NSIG / 8);
}
#else
static void fill(sigset_t *all)
{
	sigfillset(all);
}

void ivi_handler_begin(struct ivi_undisturbed *u)
{
	u->cancel = ivi_cancel_off();
	ivi_signals_block(&u->saved);
}

void ivi_handler_end(const struct ivi_undisturbed *u)
{
	ivi_signals_restore(&u->saved);
	ivi_cancel_restore(u->cancel);
}
#endif

int ivi_signal_install(int signum, void (*handler)(int),
		       struct sigaction *old)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = handler;
	sa.sa_flags = RESTART | SA_ONSTACK;
	fill(&sa.sa_mask);
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

bool ivi_signal_is_ignored(const struct sigaction *sa)
{
	return !(sa->sa_flags & SA_SIGINFO) && sa->sa_handler == SIG_IGN;
}

void ivi_signal_reset(int signum, const struct sigaction *old)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = ivi_signal_is_ignored(old) ? SIG_IGN : SIG_DFL;
	sigemptyset(&sa.sa_mask);
	sigaction(signum, &sa, NULL);
}
