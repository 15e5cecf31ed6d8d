/* SPDX-License-Identifier: MIT */
/*
 * check.c - what is said to those who misuse the library.
 *
 * The loops of the process are listed so that a message can tell whose an
 * object is, and for what happens to all of them: a fork, the end of a thread.
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

void ivi_check_init(struct ivi_loop *loop)
{
	ivi_gate_enter();
	lock();
	iv_list_add_tail(&loop->check.loops, &loops);
	unlock();
	ivi_gate_leave();
}

bool ivi_check_fini(struct ivi_loop *loop)
{
	bool last;

	ivi_gate_enter();
	lock();
	iv_list_del(&loop->check.loops);
	last = iv_list_empty(&loops);
	unlock();
	ivi_gate_leave();
	return last;
}

#define for_each_loop(loop, lh)						\
	for (lh = loops.next; lh != &loops &&				\
	     (loop = iv_container_of(lh, struct ivi_loop, check.loops),	\
	      true); lh = lh->next)

struct ivi_loop *ivi_loop_marked(const struct iv_list_head *mark)
{
	struct ivi_loop *loop, *found = NULL;
	struct iv_list_head *lh;

	lock();
	for_each_loop (loop, lh)
		if (loop->events.idle == mark)
			found = loop;
	unlock();
	return found;
}

struct ivi_loop *ivi_check_find(bool (*test)(const struct ivi_loop *loop))
{
	struct ivi_loop *loop, *found = NULL;
	struct iv_list_head *lh;

	lock();
	for_each_loop (loop, lh)
		if (found == NULL && test(loop))
			found = loop;
	unlock();
	return found;
}

/* ---- Who has a loop ---------------------------------------------------------- */

unsigned long ivi_check_thread(const struct ivi_loop *loop)
{
	return __atomic_load_n(&loop->check.thread, __ATOMIC_RELAXED);
}

/* Whoever changes the list is inside the gate, so it is whole. */
void ivi_check_forked(void (*fn)(struct ivi_loop *loop))
{
	struct iv_list_head *lh;
	struct ivi_loop *loop;

	loops_lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	for_each_loop (loop, lh) {
		if (loop->check.entered && !ivi_check_is_mine(&loop->check)) {
			loop->check.lost = true;
			continue;
		}
		if (ivi_check_is_mine(&loop->check))
			loop->check.thread = ivi_thread_id();
		fn(loop);
	}
}

bool ivi_on_list(const struct iv_list_head *list,
		 const struct iv_list_head *node)
{
	const struct iv_list_head *lh;

	iv_list_for_each (lh, list)
		if (lh == node)
			return true;
	return false;
}

/* ---- Messages ------------------------------------------------------------------ */

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

void ivi_bad_return(const char *fn, const struct ivi_loop *loop)
{
	iv_fatal("%s: a handler has entered another loop, and has returned "
		 "without entering that of its own [loop %p]", fn,
		 (const void *)loop);
}

/* 0 if the loop does not exist any more. */
static unsigned long thread_of(const struct ivi_loop *owner)
{
	struct iv_list_head *lh;
	struct ivi_loop *loop;
	unsigned long id = 0;

	lock();
	for_each_loop (loop, lh)
		if (loop == owner)
			id = ivi_check_thread(loop);
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
	if (id == ivi_thread_id())
		iv_fatal("%s: %s %p belongs to another loop of this thread",
			 fn, type, object);
	iv_fatal("%s: %s %p: its owner is thread %lu, called from %lu", fn,
		 type, object, id, iv_get_thread_id());
}
