/* SPDX-License-Identifier: MIT */
/*
 * event.c - posts from other threads.
 *
 * A post sets the event's PENDING bit; whoever finds it set already is done.
 * The bit is only ever changed by read-modify-write operations, so a post
 * that was merged still happens before the handler's call (the release
 * sequence is not broken).  The one who set it pushes the event on the
 * owner's stack, and only the owner takes off, all at once: no ABA.
 *
 * Sleeping: the owner sets `asleep' and then looks at the stack; a poster
 * pushes and then looks at `asleep'.  All four are sequentially consistent,
 * so at least one sees the other.  The poster who clears `asleep' makes the
 * one system call.
 *
 * What the owner posts itself runs in the task phase, and so does, to keep
 * the order, whatever is pending together with it.
 *
 * An owner may take its loop down as soon as it has seen the post, so a
 * poster is counted in `posters' from before the push until it is done with
 * the loop; the owner waits for that number to become 0.
 */
#include "loop/loop.h"

/* How long a child process that cannot get a channel naps instead. */
#define RETRY_NS	(10 * INT64_C(1000000))

/* `owner' after unregistering: late posts are ignored. */
#define EVENT_RETIRED	((uintptr_t)2)

/* ---- The wake-up channel --------------------------------------------------- */

static void drained(void *_events)
{
	struct ivi_events *es = _events;

	if (!(ivi_fd(&es->wake_fd)->flags & IVI_FD_EDGE))
		ivi_wake_drain(&es->wake);
}

/* It stays open until the loop ends: a poster may still be using it. */
static int channel_open(struct ivi_loop *loop)
{
	struct ivi_events *es = &loop->events;
	unsigned flags = 0;
	int ret = 0;

	if (!es->open && ivi_poller_wake_open(loop->poller) == 0)
		es->open = es->native = true;
	if (es->native)
		return 0;
	if (!es->open)
		ret = ivi_wake_open(&es->wake);
	if (ret < 0)
		return ret;
	es->open = true;
	if ((loop->poller->method->caps & IVI_CAP_EDGE) &&
	    ivi_wake_is_counter(&es->wake))
		flags |= IVI_FD_EDGE;
	es->wake_fd.fd = es->wake.rfd;
	return ivi_fd_attach(loop, &es->wake_fd, flags);
}

/* What channel_open() has begun it may not have been able to finish. */
static bool channel_watched(const struct ivi_events *es)
{
	return es->native ||
	       ivi_fd(&es->wake_fd)->state == IVI_FD_REGISTERED;
}

static void channel_close(struct ivi_loop *loop)
{
	struct ivi_events *es = &loop->events;

	if (iv_fd_registered(&es->wake_fd))
		ivi_fd_detach(loop, &es->wake_fd);
	if (es->open && !es->native)
		ivi_wake_close(&es->wake);
	es->open = es->native = false;
}

/* ---- The owner's side --------------------------------------------------------- */

static void local_posts(void *_loop)
{
	ivi_events_run(_loop);
}

void ivi_events_init(struct ivi_loop *loop)
{
	struct ivi_events *es = &loop->events;

	es->generation = ivi_fork_generation();
	INIT_IV_LIST_HEAD(&es->pending);
	INIT_IV_LIST_HEAD(&es->batch);
	IV_FD_INIT(&es->wake_fd);
	es->wake_fd.cookie = es;
	es->wake_fd.handler_in = drained;
	IV_TASK_INIT(&es->local);
	es->local.cookie = loop;
	es->local.handler = local_posts;
}

void ivi_events_fini(struct ivi_loop *loop)
{
	struct ivi_events *es = &loop->events;
	unsigned n = 0;

	ivi_events_check_fork(loop);
	while (__atomic_load_n(&es->posters, __ATOMIC_ACQUIRE) != 0)
		ivi_relax(n++);
	channel_close(loop);
}

void ivi_events_check_fork(struct ivi_loop *loop)
{
	struct ivi_events *es = &loop->events;

	if (ivi_likely(es->generation == ivi_fork_generation()))
		return;
	es->generation = ivi_fork_generation();
	__atomic_store_n(&es->posters, 0, __ATOMIC_RELAXED);
	channel_close(loop);
}

/* Moves the stack to the end of `pending', in the order of the posts. */
static void take_posts(struct ivi_events *es)
{
	struct ivi_event *e = __atomic_exchange_n(&es->posts, NULL,
						  __ATOMIC_ACQUIRE);
	struct iv_list_head *end = es->pending.prev, *next;

	for (; e != NULL; e = next != NULL ?
	     iv_container_of(next, struct ivi_event, node) : NULL) {
		next = e->node.next;
		iv_list_add(&e->node, end);
	}
}

static bool any_pending(const struct ivi_events *es)
{
	return !iv_list_empty(&es->pending) || !iv_list_empty(&es->batch);
}

static __attribute__((noinline)) void run_pending(struct ivi_events *es)
{
	struct iv_list_head *batch = &es->batch;

	iv_list_splice_tail_init(&es->pending, batch);
	while (!iv_list_empty(batch)) {
		struct ivi_event *e = iv_container_of(batch->next,
						      struct ivi_event, node);
		struct iv_event *ev = ivi_event_pub(e);

		iv_list_del(&e->node);
		__atomic_fetch_and(&e->owner, ~IVI_EVENT_PENDING,
				   __ATOMIC_ACQ_REL);
		ev->handler(ev->cookie);
	}
}

void ivi_events_run(struct ivi_loop *loop)
{
	struct ivi_events *es = &loop->events;

	if (__atomic_load_n(&es->posts, __ATOMIC_RELAXED) != NULL)
		take_posts(es);
	if (any_pending(es) && !iv_task_registered(&es->local))
		run_pending(es);
}

bool ivi_events_sleep(struct ivi_loop *loop)
{
	struct ivi_events *es = &loop->events;

	if (es->registered == 0)
		return true;
	if (any_pending(es))
		return false;
	if (ivi_unlikely(!channel_watched(es)) && channel_open(loop) < 0) {
		ivi_nap(RETRY_NS);
		return false;
	}
	__atomic_store_n(&es->asleep, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&es->posts, __ATOMIC_SEQ_CST) == NULL)
		return true;
	ivi_events_awake(loop);
	return false;
}

void ivi_events_awake(struct ivi_loop *loop)
{
	struct ivi_events *es = &loop->events;

	if (es->registered != 0)
		__atomic_store_n(&es->asleep, 0, __ATOMIC_RELAXED);
}

/* ---- The poster's side --------------------------------------------------------- */

static void push(struct ivi_events *es, struct ivi_event *e)
{
	struct ivi_event *top = __atomic_load_n(&es->posts, __ATOMIC_RELAXED);

	do {
		e->node.next = top != NULL ? &top->node : NULL;
	} while (!__atomic_compare_exchange_n(&es->posts, &top, e, true,
					      __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED));
}

static void wake(struct ivi_loop *loop)
{
	struct ivi_events *es = &loop->events;

	if (!__atomic_load_n(&es->asleep, __ATOMIC_SEQ_CST) ||
	    !__atomic_exchange_n(&es->asleep, 0, __ATOMIC_ACQ_REL))
		return;
	if (es->native)
		ivi_poller_wake(loop->poller);
	else
		ivi_wake_post(&es->wake);
}

static void post(struct ivi_loop *loop, struct ivi_event *e)
{
	struct ivi_events *es = &loop->events;

	if (loop == ivi_self()) {
		push(es, e);
		if (!iv_task_registered(&es->local))
			ivi_task_add(loop, &es->local);
		return;
	}
	__atomic_fetch_add(&es->posters, 1, __ATOMIC_ACQUIRE);
	push(es, e);
	wake(loop);
	__atomic_fetch_sub(&es->posters, 1, __ATOMIC_RELEASE);
}

/* ---- Public ----------------------------------------------------------------------- */

IVI_PUBLIC int iv_event_register(struct iv_event *ev)
{
	static const char fn[] = "iv_event_register";
	struct ivi_loop *loop = ivi_loop_of_caller(fn);
	int ret;

	ivi_check_object(fn, "iv_event", ev);
	ivi_check_handler(fn, "iv_event", ev, ev->handler);
	if (loop->events.registered == 0) {
		ret = channel_open(loop);
		if (ret < 0) {
			errno = -ret;
			return -1;
		}
		ivi_hold(loop);
	}
	loop->events.registered++;
	ivi_event(ev)->node.next = ivi_event(ev)->node.prev = NULL;
	__atomic_store_n(&ivi_event(ev)->owner, (uintptr_t)loop,
			 __ATOMIC_RELEASE);
	ivi_hold(loop);
	return 0;
}

/* E's poster has set the bit, but may be yet to push. */
static void drop_pending(struct ivi_events *es, struct ivi_event *e)
{
	unsigned n = 0;

	take_posts(es);
	while (e->node.prev == NULL) {
		ivi_relax(n++);
		take_posts(es);
	}
	iv_list_del(&e->node);
}

IVI_PUBLIC void iv_event_unregister(struct iv_event *ev)
{
	static const char fn[] = "iv_event_unregister";
	struct ivi_loop *loop = ivi_loop_of_caller(fn);
	struct ivi_events *es = &loop->events;
	struct ivi_event *e = ivi_event(ev);
	uintptr_t owner;

	ivi_check_object(fn, "iv_event", ev);
	owner = __atomic_load_n(&e->owner, __ATOMIC_ACQUIRE) & ~IVI_EVENT_PENDING;
	if (owner == 0 || owner == EVENT_RETIRED)
		ivi_bad_old(fn, "iv_event", ev);
	ivi_check_owner(fn, "iv_event", ev, loop, (struct ivi_loop *)owner);
	owner = __atomic_exchange_n(&e->owner, EVENT_RETIRED,
				    __ATOMIC_ACQ_REL);
	if (owner & IVI_EVENT_PENDING)
		drop_pending(es, e);
	ivi_release(loop);
	if (--es->registered == 0) {
		if (iv_fd_registered(&es->wake_fd))
			ivi_fd_detach(loop, &es->wake_fd);
		ivi_release(loop);
	}
}

IVI_PUBLIC void iv_event_post(struct iv_event *ev)
{
	static const char fn[] = "iv_event_post";
	struct ivi_event *e = ivi_event(ev);
	uintptr_t owner;

	ivi_check_object(fn, "iv_event", ev);
	/* Not only read if it is set: the handler must see what was written
	   before any post that it answers. */
	owner = __atomic_fetch_or(&e->owner, IVI_EVENT_PENDING, __ATOMIC_ACQ_REL);
	if (owner & IVI_EVENT_PENDING)
		return;
	if (ivi_unlikely(owner <= EVENT_RETIRED)) {
		if (owner == 0)
			iv_fatal("%s: iv_event %p is not registered", fn,
				 (void *)ev);
		if (IVI_DEBUGGING)
			iv_fatal("%s: iv_event %p is not registered any more",
				 fn, (void *)ev);
		return;
	}
	post((struct ivi_loop *)owner, e);
}
