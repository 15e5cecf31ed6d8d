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
__thread struct ivi_thread ivi_thread_ IVI_TLS_MODEL;

static pthread_once_t exit_once = PTHREAD_ONCE_INIT;
static pthread_key_t exit_key;
static int exit_error;
static void (*exit_call)(void);

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

/* The value has been cleared, and a loop that is made now wants it again. */
static void thread_ends(void *unused)
{
	(void)unused;
	ivi_thread_.watched = false;
	__atomic_load_n(&exit_call, __ATOMIC_RELAXED)();
}

static void exit_key_make(void)
{
	exit_error = -pthread_key_create(&exit_key, thread_ends);
}

int ivi_exit_begin(void (*at_exit)(void))
{
	int ret;

	/* Always the same value, but by several threads at a time. */
	__atomic_store_n(&exit_call, at_exit, __ATOMIC_RELAXED);
	pthread_once(&exit_once, exit_key_make);
	if (exit_error < 0)
		return exit_error;
	ret = -pthread_setspecific(exit_key, &ivi_thread_);
	ivi_thread_.watched = ret == 0;
	return ret;
}

void ivi_exit_forget(void)
{
	if (ivi_thread_.watched)
		pthread_setspecific(exit_key, NULL);
	ivi_thread_.watched = false;
}

unsigned long ivi_thread_ask(void)
{
	ivi_thread_.generation = ivi_fork_generation();
	ivi_thread_.id = iv_get_thread_id();
	return ivi_thread_.id;
}

int ivi_thread_start(pthread_t *thread, void *(*fn)(void *), void *arg)
{
	return -pthread_create(thread, NULL, fn, arg);
}

int ivi_thread_join(pthread_t thread)
{
	int cancel = ivi_cancel_off(), err = pthread_join(thread, NULL);

	ivi_cancel_restore(cancel);
	return -err;
}

void ivi_thread_forget(pthread_t thread)
{
	pthread_detach(thread);
}

void ivi_latch_init(struct ivi_latch *l)
{
	*l = (struct ivi_latch){
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER,
		.generation = ivi_fork_generation(),
	};
}

/* In a forked child the lock may be held by a thread that is not there. */
void ivi_latch_open(struct ivi_latch *l)
{
	if (l->generation != ivi_fork_generation())
		return;
	pthread_mutex_lock(&l->lock);
	l->open = true;
	pthread_cond_signal(&l->changed);
	pthread_mutex_unlock(&l->lock);
}

void ivi_latch_wait(struct ivi_latch *l)
{
	int cancel = ivi_cancel_off();

	pthread_mutex_lock(&l->lock);
	while (!l->open)
		pthread_cond_wait(&l->changed, &l->lock);
	pthread_mutex_unlock(&l->lock);
	pthread_cond_destroy(&l->changed);
	pthread_mutex_destroy(&l->lock);
	ivi_cancel_restore(cancel);
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

/* Unless the program has got a handler since. */
static void unignore(int signum)
{
	struct sigaction sa;

	if (sigaction(signum, NULL, &sa) == 0 &&
	    !(sa.sa_flags & SA_SIGINFO) && sa.sa_handler == SIG_IGN)
		signal(signum, SIG_DFL);
}

void ivi_unignore_default_signals(void)
{
	if (pipe_ignored)
		unignore(SIGPIPE);
	if (urg_ignored)
		unignore(SIGURG);
}
