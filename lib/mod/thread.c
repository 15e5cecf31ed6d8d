/* SPDX-License-Identifier: MIT */
/*
 * thread.c - iv_thread: threads joined by their creator's loop.
 *
 * A child's record is shared by the child and its creator, and freed by the
 * one that lets go of it last.  The creator lets go when it has joined the
 * child, or when its own loop goes first; `orphaned' and the child's one post
 * exclude each other through `lock', so no post reaches a loop that is gone.
 *
 * A forked child process has the records, but not the threads: what these
 * held, the lock included, is nobody's.
 */
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <iv_event.h>
#include <iv_list.h>
#include <iv_thread.h>
#include "base/compiler.h"
#include "sys/sys.h"

struct child {
	/* The creator's. */
	struct iv_list_head	siblings;
	pthread_t	thread;
	struct iv_event	ended;

	void	(*start_routine)(void *arg);
	void	*arg;
	unsigned long	tid;	/* atomic: written by the child */
	int	refs;		/* atomic: creator, child */
	unsigned	generation;	/* of forks */
	pthread_mutex_t	lock;
	bool	orphaned;	/* under lock, by the creator */
	bool	lost;		/* its thread is the parent process's */
	char	name[];
};

/* In each loop that has created a thread. */
struct children {
	struct iv_list_head	list;
	struct iv_list_head	lost;	/* inherited over fork(2) */
};

static int debug;

static void say(const char *name, const char *what)
{
	if (__atomic_load_n(&debug, __ATOMIC_RELAXED))
		ivi_say("iv_thread: [%s] %s", name, what);
}

static void unref(struct child *c)
{
	if (__atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	pthread_mutex_destroy(&c->lock);
	ivi_free(c);
}

/* ---- The child -------------------------------------------------------------- */

static void child_ended(void *_c)
{
	struct child *c = _c;
	int state;

	/* Cancelled now, it would leave its creator waiting. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	say(c->name, "ended");
	/* In a child that the thread has forked there is no creator. */
	if (c->generation == ivi_fork_generation()) {
		pthread_mutex_lock(&c->lock);
		if (!c->orphaned)
			iv_event_post(&c->ended);
		pthread_mutex_unlock(&c->lock);
	}
	unref(c);
}

static void *child_main(void *_c)
{
	struct child *c = _c;
	int state;

	__atomic_store_n(&c->tid, iv_get_thread_id(), __ATOMIC_RELAXED);
	pthread_cleanup_push(child_ended, c);
	say(c->name, "started");
	c->start_routine(c->arg);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	pthread_cleanup_pop(1);
	return NULL;
}

/* ---- The creator ------------------------------------------------------------ */

/* The creator has done with it. */
static void child_leave(struct child *c)
{
	iv_list_del(&c->siblings);
	iv_event_unregister(&c->ended);
	if (c->lost)
		ivi_free(c);
	else
		unref(c);
}

static void child_join(void *_c)
{
	struct child *c = _c;

	if (!c->lost) {
		ivi_thread_join(c->thread);
		say(c->name, "joined");
	}
	child_leave(c);
}

static void child_orphan(struct child *c)
{
	if (!c->lost) {
		pthread_mutex_lock(&c->lock);
		c->orphaned = true;
		pthread_mutex_unlock(&c->lock);
		ivi_thread_forget(c->thread);
	}
	child_leave(c);
}

static int children_init(void *_children)
{
	struct children *children = _children;

	INIT_IV_LIST_HEAD(&children->list);
	INIT_IV_LIST_HEAD(&children->lost);
	return 0;
}

static void orphan_all(struct iv_list_head *list)
{
	while (!iv_list_empty(list))
		child_orphan(iv_container_of(list->next, struct child,
					     siblings));
}

static void children_fini(void *_children)
{
	struct children *children = _children;

	orphan_all(&children->list);
	orphan_all(&children->lost);
}

static void children_forked(void *_children)
{
	struct children *children = _children;
	struct iv_list_head *lh;

	iv_list_splice_init(&children->list, &children->lost);
	iv_list_for_each (lh, &children->lost)
		iv_container_of(lh, struct child, siblings)->lost = true;
}

/* By then all are among the lost. */
static void children_abandon(void *_children)
{
	struct children *children = _children;

	while (!iv_list_empty(&children->lost)) {
		struct iv_list_head *lh = children->lost.next;

		iv_list_del(lh);
		ivi_free(iv_container_of(lh, struct child, siblings));
	}
}

static void children_renew(void *_children)
{
	struct children *children = _children;

	orphan_all(&children->lost);
}

static void children_dump(void *_children, int fd)
{
	struct children *children = _children;
	const struct iv_list_head *lh;

	iv_list_for_each (lh, &children->list) {
		const struct child *c = iv_container_of(lh, struct child,
							siblings);

		ivi_print(fd, "iv_thread %lu: \"%s\", %s, argument %p\n",
			  __atomic_load_n(&c->tid, __ATOMIC_RELAXED), c->name,
			  IVI_CODE(c->start_routine), c->arg);
	}
}

static const struct ivi_slot slot = {
	.index	= IVI_SLOT_THREAD,
	.size	= sizeof(struct children),
	.init	= children_init,
	.fini	= children_fini,
	.forked	= children_forked,
	.renew	= children_renew,
	.abandon = children_abandon,
	.dump	= children_dump,
};

static struct child *child_new(const char *name)
{
	size_t size = strlen(name) + 1;
	struct child *c = ivi_alloc_zeroed(sizeof(*c) + size);
	int ret;

	if (c == NULL)
		return NULL;
	ret = ivi_mutex_init(&c->lock);
	if (ret < 0) {
		ivi_free(c);
		errno = -ret;
		return NULL;
	}
	memcpy(c->name, name, size);
	c->refs = 2;
	c->generation = ivi_fork_generation();
	c->ended.cookie = c;
	c->ended.handler = child_join;
	return c;
}

static void child_abandon(struct child *c)
{
	pthread_mutex_destroy(&c->lock);
	ivi_free(c);
}

/* 0 or an errno value; the record is then as it was. */
static int child_start(struct child *c)
{
	int err;

	if (iv_event_register(&c->ended) < 0)
		return errno;
	err = -ivi_thread_start(&c->thread, child_main, c);
	if (err != 0)
		iv_event_unregister(&c->ended);
	return err;
}

static int refuse(const char *name, int err)
{
	say(name, "could not be created");
	errno = err;
	return -1;
}

IVI_PUBLIC int iv_thread_create(const char *name,
				void (*start_routine)(void *), void *arg)
{
	struct children *children;
	struct child *c;
	int err;

	ivi_require_loop("iv_thread_create");
	if (name == NULL)
		name = "unnamed";
	if (start_routine == NULL)
		return refuse(name, EINVAL);
	children = ivi_slot_get(&slot);
	c = children != NULL ? child_new(name) : NULL;
	if (c == NULL)
		return refuse(name, errno);
	c->start_routine = start_routine;
	c->arg = arg;
	err = child_start(c);
	if (err != 0) {
		child_abandon(c);
		return refuse(name, err);
	}
	iv_list_add_tail(&c->siblings, &children->list);
	return 0;
}

IVI_PUBLIC void iv_thread_set_debug_state(int state)
{
	__atomic_store_n(&debug, state != 0, __ATOMIC_RELAXED);
}

IVI_PUBLIC unsigned long iv_thread_get_id(void)
{
	return iv_get_thread_id();
}

IVI_PUBLIC void iv_thread_list_children(void)
{
	const struct children *children;
	struct iv_list_head *lh;

	ivi_require_loop("iv_thread_list_children");
	ivi_say("tid\tname");
	ivi_say("%lu\tself", iv_get_thread_id());
	children = ivi_slot_peek(&slot);
	if (children == NULL)
		return;
	iv_list_for_each (lh, &children->list) {
		struct child *c = iv_container_of(lh, struct child, siblings);

		ivi_say("%lu\t%s",
			__atomic_load_n(&c->tid, __ATOMIC_RELAXED), c->name);
	}
}
