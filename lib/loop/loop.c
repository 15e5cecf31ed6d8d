/* SPDX-License-Identifier: MIT */
/*
 * loop.c - making and taking down loops, and what is said of objects that
 * belong to none or to another.
 *
 * `loops' lists the loops of the process, so that a message can tell whose
 * an object is; nothing else looks at it.
 */
#include "loop/loop.h"

#include <pthread.h>
#include <stdlib.h>

static pthread_mutex_t loops_lock = PTHREAD_MUTEX_INITIALIZER;
static struct iv_list_head loops = IV_LIST_HEAD_INIT(loops);

/* The first iv_init() of the process has been through. */
static bool prepared;

static void lock(void)
{
	pthread_mutex_lock(&loops_lock);
}

static void unlock(void)
{
	pthread_mutex_unlock(&loops_lock);
}

static void list_loop(struct ivi_loop *loop)
{
	lock();
	iv_list_add_tail(&loop->loops, &loops);
	unlock();
}

static void unlist_loop(struct ivi_loop *loop)
{
	lock();
	iv_list_del(&loop->loops);
	unlock();
}

/* ---- Life ---------------------------------------------------------------------- */

static void prepare_process(void)
{
	int ret;

	if (__atomic_exchange_n(&prepared, true, __ATOMIC_ACQ_REL))
		return;
	ivi_ignore_default_signals();
	ivi_fd_limit_raise();
	ret = ivi_fork_watch(lock, unlock);
	if (ret < 0)
		iv_fatal("iv_init: pthread_atfork: %s", ivi_errname(-ret));
}

static void fini(struct ivi_loop *loop)
{
	ivi_events_fini(loop);
	ivi_fds_fini(loop);
	ivi_poller_free(loop->poller);
	free(loop);
}

static void take_down(void *_loop)
{
	struct ivi_loop *loop = _loop;

	/* glibc clears the value before it calls the destructor. */
	ivi_self_set(loop, take_down);
	ivi_tls_deinit_users(loop);
	ivi_tls_fini(loop);
	ivi_self_set(NULL, take_down);
	unlist_loop(loop);
	fini(loop);
}

static struct ivi_loop *make(void)
{
	struct ivi_loop *loop = calloc(1, sizeof(*loop) + ivi_tls_size());

	if (loop == NULL)
		iv_fatal("iv_init: out of memory");
	loop->inits = 1;
	loop->generation = ivi_fork_generation();
	loop->thread = iv_get_thread_id();
	loop->poller = ivi_poller_new();
	ivi_tasks_init(loop);
	ivi_timers_init(loop);
	ivi_events_init(loop);
	return loop;
}

/*
 * In a forked child the inherited loop shares its kernel objects with the
 * parent's.  Closing them here does not touch the parent's set.
 */
void ivi_loop_check_fork(struct ivi_loop *loop)
{
	if (ivi_likely(loop->generation == ivi_fork_generation()))
		return;
	loop->generation = ivi_fork_generation();
	ivi_events_forked(loop);
}

static void abandon_inherited(struct ivi_loop *loop)
{
	ivi_events_forked(loop);
	unlist_loop(loop);
	ivi_self_set(NULL, take_down);
	fini(loop);
}

IVI_PUBLIC void iv_init(void)
{
	struct ivi_loop *loop = ivi_self();
	int ret;

	if (loop != NULL && loop->generation == ivi_fork_generation()) {
		loop->inits++;
		return;
	}
	if (loop != NULL)
		abandon_inherited(loop);
	prepare_process();
	loop = make();
	ret = ivi_self_set(loop, take_down);
	if (ret < 0)
		iv_fatal("iv_init: pthread_setspecific: %s",
			 ivi_errname(-ret));
	list_loop(loop);
	ivi_tls_init_users(loop);
}

IVI_PUBLIC int iv_inited(void)
{
	return ivi_self() != NULL;
}

IVI_PUBLIC void iv_deinit(void)
{
	struct ivi_loop *loop = ivi_loop_of_caller("iv_deinit");

	if (--loop->inits > 0)
		return;
	if (loop->run.depth > 0)
		iv_fatal("iv_deinit: called inside iv_main()");
	take_down(loop);
}

IVI_PUBLIC const char *iv_poll_method_name(void)
{
	return ivi_poller_method_name();
}

/* ---- Messages ------------------------------------------------------------------- */

void ivi_no_loop(const char *fn)
{
	iv_fatal("%s: call iv_init() in this thread first", fn);
}

void ivi_bad_null(const char *fn, const char *type)
{
	iv_fatal("%s: the struct %s pointer is NULL", fn, type);
}

void ivi_bad_new(const char *fn, const char *type, const void *object,
		 bool registered)
{
	if (registered)
		iv_fatal("%s: %s %p is already registered", fn, type, object);
	iv_fatal("%s: %s %p is not initialised or already registered", fn,
		 type, object);
}

void ivi_bad_old(const char *fn, const char *type, const void *object)
{
	iv_fatal("%s: %s %p is not registered", fn, type, object);
}

void ivi_bad_handler(const char *fn, const char *type, const void *object)
{
	iv_fatal("%s: %s %p has no handler", fn, type, object);
}

/* 0 if the loop does not exist any more. */
static unsigned long thread_of(const struct ivi_loop *owner)
{
	struct iv_list_head *lh;
	unsigned long id = 0;

	lock();
	iv_list_for_each (lh, &loops) {
		struct ivi_loop *loop = iv_container_of(lh, struct ivi_loop,
							loops);

		if (loop == owner)
			id = loop->thread;
	}
	unlock();
	return id;
}

void ivi_bad_owner(const char *fn, const char *type, const void *object,
		   const struct ivi_loop *owner)
{
	unsigned long id = thread_of(owner);

	if (id == 0)
		iv_fatal("%s: %s %p belongs to a loop that has ended", fn,
			 type, object);
	iv_fatal("%s: %s %p: its owner is thread %lu, called from %lu", fn,
		 type, object, id, iv_get_thread_id());
}
