/* SPDX-License-Identifier: MIT */
/*
 * thread.c - the calling thread, and the process it lives in.
 *
 * glibc and musl run the destructors of thread-specific data while __thread
 * variables are still alive, so the loop is fully usable in them.
 */
#include "config.h"
#include "sys/sys.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#ifdef HAVE_GETAUXVAL
#include <sys/auxv.h>
#endif
#if defined(HAVE_THR_SELF)
#include <sys/ucontext.h>
#include <sys/thr.h>
#endif

__thread struct ivi_loop *ivi_self_ IVI_TLS_MODEL;

static pthread_once_t exit_once = PTHREAD_ONCE_INIT;
static pthread_key_t exit_key;
static int exit_error;
static void (*exit_call)(void *loop);

unsigned ivi_fork_generation_ = 1;
static void (*fork_after)(void);

IVI_PUBLIC unsigned long iv_get_thread_id(void)
{
#if defined(HAVE_GETTID)
	return (unsigned long)gettid();
#elif defined(HAVE_LWP_GETTID)
	return (unsigned long)lwp_gettid();
#elif defined(HAVE_THR_SELF)
	long id;

	thr_self(&id);
	return (unsigned long)id;
#else
	return (unsigned long)(uintptr_t)pthread_self();
#endif
}

int ivi_mutex_init(pthread_mutex_t *m)
{
#ifdef HAVE_ADAPTIVE_MUTEX
	pthread_mutexattr_t attr;
	int err = pthread_mutexattr_init(&attr);

	if (err != 0)
		return -err;
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP);
	err = pthread_mutex_init(m, &attr);
	pthread_mutexattr_destroy(&attr);
	return -err;
#else
	return -pthread_mutex_init(m, NULL);
#endif
}

static void exit_key_make(void)
{
	exit_error = -pthread_key_create(&exit_key,
			__atomic_load_n(&exit_call, __ATOMIC_RELAXED));
}

int ivi_self_set(struct ivi_loop *loop, void (*at_exit)(void *loop))
{
	int ret;

	/* Always the same value, but by several threads at a time. */
	__atomic_store_n(&exit_call, at_exit, __ATOMIC_RELAXED);
	pthread_once(&exit_once, exit_key_make);
	if (exit_error < 0)
		return exit_error;
	ret = -pthread_setspecific(exit_key, loop);
	if (ret == 0)
		ivi_self_ = loop;
	return ret;
}

static void in_child(void)
{
	unsigned next = ivi_fork_generation() + 1;

	__atomic_store_n(&ivi_fork_generation_, next != 0 ? next : 1,
			 __ATOMIC_RELAXED);
	fork_after();
}

int ivi_fork_watch(void (*before)(void), void (*after)(void))
{
	fork_after = after;
	return -pthread_atfork(before, after, in_child);
}

void ivi_relax(unsigned n)
{
	/* sched_yield(2) does not run threads of a lower priority. */
	if (n < 100)
		sched_yield();
	else
		ivi_nap(50000);
}

const char *ivi_getenv(const char *name)
{
#if defined(HAVE_GETAUXVAL)
	if (getauxval(AT_SECURE))
		return NULL;
#elif defined(HAVE_ISSETUGID)
	if (issetugid())
		return NULL;
#else
	if (getuid() != geteuid() || getgid() != getegid())
		return NULL;
#endif
	return getenv(name);
}

/* Whether it was us who had them ignored. */
static bool pipe_ignored, urg_ignored;

static bool ignore_default(int signum)
{
	struct sigaction sa;

	if (sigaction(signum, NULL, &sa) < 0 ||
	    (sa.sa_flags & SA_SIGINFO) || sa.sa_handler != SIG_DFL)
		return false;
	sa.sa_handler = SIG_IGN;
	return sigaction(signum, &sa, NULL) == 0;
}

void ivi_ignore_default_signals(void)
{
	pipe_ignored = ignore_default(SIGPIPE);
	urg_ignored = ignore_default(SIGURG);
}

void ivi_unignore_default_signals(void)
{
	if (pipe_ignored)
		signal(SIGPIPE, SIG_DFL);
	if (urg_ignored)
		signal(SIGURG, SIG_DFL);
}
