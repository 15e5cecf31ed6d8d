/* SPDX-License-Identifier: MIT */
/*
 * check.c - what is said to those who misuse the library.
 *
 * The loops of the process are listed only so that a message can tell whose
 * an object is.
 */
#include "loop/loop.h"

#include <pthread.h>

static pthread_mutex_t loops_lock = PTHREAD_MUTEX_INITIALIZER;
static struct iv_list_head loops = IV_LIST_HEAD_INIT(loops);

static void lock(void)
{
	pthread_mutex_lock(&loops_lock);
}

static void unlock(void)
{
	pthread_mutex_unlock(&loops_lock);
}

int ivi_check_prepare(void)
{
	return ivi_fork_watch(lock, unlock);
}

void ivi_check_init(struct ivi_loop *loop)
{
	loop->check.thread = iv_get_thread_id();
	lock();
	iv_list_add_tail(&loop->check.loops, &loops);
	unlock();
}

void ivi_check_fini(struct ivi_loop *loop)
{
	lock();
	iv_list_del(&loop->check.loops);
	unlock();
}

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

void ivi_bad_memory(const char *type, const void *object)
{
	iv_fatal("iv_main: %s %p was freed or overwritten while it was "
		 "registered", type, object);
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
							check.loops);

		if (loop == owner)
			id = loop->check.thread;
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
