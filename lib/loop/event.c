/* SPDX-License-Identifier: MIT */
/*
 * event.c - posts from other threads.
 *
 * A post sets the event's PENDING bit; whoever finds it set already is done.
 * The one who set it pushes the event on the owner's stack, and only the owner
 * takes off, all at once: no ABA.
 *
 * Merging: a poster has written what the handler is to see before it looks at
 * PENDING, and the owner clears PENDING before it calls the handler; both have
 * a full fence in between, which to mark it is as well.  So either the poster
 * finds PENDING clear, and pushes, or the handler sees what was written.  Who
 * finds it set has only read, and takes the cache line from nobody.
 *
 * Sleeping: the owner sets `asleep' and then looks at the stack; a poster
 * pushes and then looks at `asleep'.  All four are sequentially consistent,
 * so at least one sees the other.  The poster who clears `asleep' makes the
 * one system call.  The owner's store is an exchange, which on x86 it would be
 * anyway: qemu-user (7.2) makes an aarch64 stlr, ldar a store and a load that
 * an x86 host swaps.
 *
 * What the owner posts itself runs in the task phase, and so does, to keep
 * the order, whatever is pending together with it.
 *
 * A loop that does not run is asleep as well: it rests.  Then nobody looks at
 * the stack, so whoever makes it rest, and finds something there, acts for the
 * poster and makes the system call, for whom it may concern.
 *
 * A call (iv_loop_call) is an event that is registered by being posted.  It is
 * free to be posted again, and its memory to be used, as soon as its word is 0.
 *
 * An owner may take its loop down as soon as it has seen the post, and a
 * forked child has no other thread that could push what was marked: a poster
 * is inside the gate (sys/fork.c) from before the mark until it is done with
 * the loop.
 *
 * While an event is on no list, its node.prev is a mark of its loop, which
 * tells one that is registered from garbage, and outlives an IV_EVENT_INIT()
 * too many.
 */
#include "loop/loop.h"
#include "sys/race.h"

/* How long a child process that cannot get a channel naps instead. */
#define RETRY_NS	(10 * INT64_C(1000000))

/* `owner' after unregistering: late posts are ignored. */
#define EVENT_RETIRED	((uintptr_t)2)

/* ---- The wake-up channel --------------------------------------------------- */

/* What a child of _Fork(3) or clone(2) has inherited it must not drain. */
static void drained(void *_events)
{
	struct ivi_events *es = _events;

	es->drains++;
	if (ivi_fd(&es->wake_fd)->flags & IVI_FD_EDGE)
		return;
	ivi_renew();
	if (es->open)
		ivi_wake_drain(&es->wake);
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
	es->open = es->native = es->shared = false;
}

/* What was inherited must not be used, what has failed will be tried again. */
static bool channel_ready(const struct ivi_loop *loop)
{
	return channel_watched(&loop->events) && !loop->events.shared &&
	       loop->generation == ivi_fork_generation();
}

/* It stays open until the loop ends: a poster may still be using it. */
static int channel_open(struct ivi_loop *loop)
{
	struct ivi_events *es = &loop->events;
	unsigned flags = 0;
	int ret = 0;

	ivi_fork_notice();
	if (es->shared)
		channel_close(loop);
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

/* ---- The owner's side --------------------------------------------------------- */

void ivi_events_run_local(void *_loop)
{
	struct ivi_loop *loop = _loop;

	loop->events.local_runs++;
	ivi_events_run(loop);
}

/* No address of a list node, no other loop's, and no small number, which may
   well be in an event that was never initialised. */
static struct iv_list_head *new_mark(void)
{
	static uintptr_t marks;
	uintptr_t n = __atomic_add_fetch(&marks, 1, __ATOMIC_RELAXED);

	return (struct iv_list_head *)
		(n * (uintptr_t)UINT64_C(0x9e3779b97f4a7c15) << 1 | 1);
}

void ivi_events_init(struct ivi_loop *loop)
{
	struct ivi_events *es = &loop->events;

	es->idle = new_mark();
	INIT_IV_LIST_HEAD(&es->pending);
	INIT_IV_LIST_HEAD(&es->batch);
	IV_FD_INIT(&es->wake_fd);
	es->wake_fd.cookie = es;
	es->wake_fd.handler_in = drained;
	IV_TASK_INIT(&es->local);
	es->local.cookie = loop;
	es->local.handler = ivi_events_run_local;
}

static void drop_calls(struct ivi_events *es);
static void open_waiters(struct ivi_events *es, const struct ivi_waiter *end);

/* Without an event and without a handle nobody else ever had the loop. */
void ivi_events_fini(struct ivi_loop *loop)
{
	if (loop->events.known) {
		ivi_gate_drain();
		drop_calls(&loop->events);
		open_waiters(&loop->events, NULL);
	}
	channel_close(loop);
}

void ivi_events_forked(struct ivi_loop *loop)
{
	loop->events.asleep = 0;
	loop->events.shared = true;
}

void ivi_events_renew(struct ivi_loop *loop)
{
	if (loop->events.shared)
		channel_close(loop);
}

void ivi_events_abandon(struct ivi_loop *loop)
{
	struct ivi_events *es = &loop->events;

	if (es->open && !es->native)
		ivi_wake_close(&es->wake);
}

/* LH is on one of our lists already, or not on the one it was on. */
static void broken(const struct iv_list_head *lh)
	__attribute__((noreturn, cold));

static bool is_call(const struct ivi_event *e)
{
	return __atomic_load_n(&e->owner, __ATOMIC_RELAXED) & IVI_EVENT_CALL;
}

static void broken(const struct iv_list_head *lh)
{
	struct ivi_event *e = iv_container_of(lh, struct ivi_event, node);

	ivi_bad_memory(is_call(e) ? "iv_call" : "iv_event", e);
}

/* What is on a stack has no list before it; see at the top of this file. */
static bool was_taken(const struct iv_list_head *lh)
{
	return lh->prev != NULL && !((uintptr_t)lh->prev & 1);
}

/* Moves the stack to the end of `pending', in the order of the posts. */
static void take_posts(struct ivi_events *es)
{
	struct ivi_event *e = __atomic_exchange_n(&es->posts, NULL,
						  __ATOMIC_ACQUIRE);
	struct iv_list_head *end = es->pending.prev, *next;

	for (; e != NULL; e = next != NULL ?
	     iv_container_of(next, struct ivi_event, node) : NULL) {
		if (ivi_unlikely(was_taken(&e->node)))
			broken(&e->node);
		next = e->node.next;
		iv_list_add(&e->node, end);
	}
}

static bool any_pending(const struct ivi_events *es)
{
	return !iv_list_empty(&es->pending) || !iv_list_empty(&es->batch);
}

/* Those who wait for the calls begun since END was the latest of them. */
static void open_waiters(struct ivi_events *es, const struct ivi_waiter *end)
{
	while (es->waiters != end) {
		struct ivi_waiter *w = es->waiters;

		es->waiters = w->next;
		ivi_latch_open(&w->latch);
	}
}

/* Off its list.  Its memory is the caller's again. */
static struct ivi_waiter *release_call(struct ivi_call *c)
{
	struct ivi_waiter *w = c->waiter;

	c->event.node.prev = NULL;
	ivi_race_acquire(ivi_call_pub(c));
	__atomic_store_n(&c->event.owner, 0, __ATOMIC_RELEASE);
	return w;
}

static void drop_calls_in(struct ivi_events *es, struct iv_list_head *list)
{
	struct iv_list_head *lh, *next;

	iv_list_for_each_safe (lh, next, list) {
		struct ivi_call *c = iv_container_of(lh, struct ivi_call,
						     event.node);
		struct ivi_waiter *w;

		if (!is_call(&c->event))
			continue;
		iv_list_del(lh);
		w = release_call(c);
		if (w != NULL) {
			w->next = es->waiters;
			es->waiters = w;
		}
	}
}

static void drop_calls(struct ivi_events *es)
{
	take_posts(es);
	drop_calls_in(es, &es->pending);
	drop_calls_in(es, &es->batch);
}

static void run_call(struct ivi_loop *loop, struct ivi_call *c)
{
	struct ivi_events *es = &loop->events;
	struct iv_call *call = ivi_call_pub(c);
	void (*handler)(void *) = call->handler;
	void *cookie = call->cookie;
	struct ivi_waiter *outer = es->waiters, *w = release_call(c);

	if (w != NULL) {
		w->next = outer;
		es->waiters = w;
	}
	ivi_handler_call(&loop->meter, IVI_PROBE_CALL, call, 0, handler,
			 cookie);
	open_waiters(es, outer);
}

void ivi_events_abandoned(struct ivi_loop *loop)
{
	open_waiters(&loop->events, NULL);
}

static __attribute__((noinline)) void run_pending(struct ivi_loop *loop)
{
	struct ivi_events *es = &loop->events;
	struct iv_list_head *batch = &es->batch;

	iv_list_splice_tail_init(&es->pending, batch);
	while (!iv_list_empty(batch)) {
		struct ivi_event *e = iv_container_of(batch->next,
						      struct ivi_event, node);
		struct iv_event *ev = ivi_event_pub(e);

		if (ivi_unlikely(e->node.prev != batch))
			broken(&e->node);
		iv_list_del(&e->node);
		es->calls++;
		if (ivi_unlikely(is_call(e))) {
			run_call(loop, iv_container_of(e, struct ivi_call,
						       event));
			continue;
		}
		e->node.prev = es->idle;
		__atomic_store_n(&e->owner, (uintptr_t)loop, __ATOMIC_RELEASE);
		ivi_fence();
		ivi_race_acquire(ev);
		ivi_handler_call(&loop->meter, IVI_PROBE_EVENT, ev, 0,
				 ev->handler, ev->cookie);
	}
}

bool ivi_events_pending(const struct ivi_loop *loop)
{
	const struct ivi_events *es = &loop->events;

	return any_pending(es) ||
	       __atomic_load_n(&es->posts, __ATOMIC_SEQ_CST) != NULL;
}

void ivi_events_run(struct ivi_loop *loop)
{
	struct ivi_events *es = &loop->events;

	if (__atomic_load_n(&es->posts, __ATOMIC_RELAXED) != NULL)
		take_posts(es);
	if (any_pending(es) && !iv_task_registered(&es->local))
		run_pending(loop);
}

bool ivi_events_sleep(struct ivi_loop *loop)
{
	struct ivi_events *es = &loop->events;

	if (es->users == 0)
		return true;
	if (any_pending(es))
		return false;
	if (ivi_unlikely(!channel_watched(es)) && channel_open(loop) < 0) {
		ivi_nap(RETRY_NS);
		return false;
	}
	__atomic_exchange_n(&es->asleep, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&es->posts, __ATOMIC_SEQ_CST) == NULL)
		return true;
	ivi_events_awake(loop);
	return false;
}

void ivi_events_awake(struct ivi_loop *loop)
{
	struct ivi_events *es = &loop->events;

	if (es->users != 0)
		__atomic_store_n(&es->asleep, 0, __ATOMIC_RELAXED);
}

static void wake(struct ivi_loop *loop);

int ivi_events_rest(struct ivi_loop *loop)
{
	struct ivi_events *es = &loop->events;
	int ret = 0;

	if (es->users > 0 && !channel_ready(loop))
		ret = channel_open(loop);
	if (ret < 0)
		return ret;
	ivi_events_rest_outside(loop);
	return ivi_events_pending(loop);
}

void ivi_events_rest_outside(struct ivi_loop *loop)
{
	struct ivi_events *es = &loop->events;

	if (loop->run.depth > 0 || es->users == 0 || !channel_ready(loop))
		return;
	__atomic_exchange_n(&es->asleep, 1, __ATOMIC_SEQ_CST);
	if (ivi_events_pending(loop))
		wake(loop);
}

void ivi_events_show(struct ivi_loop *loop)
{
	wake(loop);
}

void ivi_events_hand(struct ivi_loop *loop)
{
	if (loop->events.handed)
		return;
	loop->events.handed = loop->events.known = true;
	loop->events.users++;
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

static void post_bad(struct iv_event *ev) __attribute__((noreturn, cold));

static void post_bad(struct iv_event *ev)
{
	iv_fatal("iv_event_post: iv_event %p is not registered%s", (void *)ev,
		 ivi_event(ev)->owner == 0 ? "" : " any more");
}

/* IV_EVENT_INIT() has been called for one that is registered: takes that back.
   Its owner. */
static uintptr_t reclaim(struct iv_event *ev)
{
	uintptr_t owner = (uintptr_t)ivi_loop_marked(ivi_event(ev)->node.prev);
	uintptr_t none = 0;

	if (owner == 0)
		post_bad(ev);
	__atomic_compare_exchange_n(&ivi_event(ev)->owner, &none, owner, false,
				    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
	return owner;
}

/* OWNER: what the word was when the caller marked it.  False: not to push. */
static bool is_new(struct ivi_event *e, uintptr_t owner)
{
	if (ivi_likely(owner > (EVENT_RETIRED | IVI_EVENT_PENDING)))
		return !(owner & IVI_EVENT_PENDING);
	if (owner == 0 || (IVI_DEBUGGING && owner == EVENT_RETIRED))
		post_bad(ivi_event_pub(e));
	return false;
}

static uintptr_t mark_pending(struct ivi_event *e)
{
	return __atomic_fetch_or(&e->owner, IVI_EVENT_PENDING,
				 __ATOMIC_SEQ_CST);
}

/* Outside its turns the loop may be waited for by a host. */
static void push_own(struct ivi_loop *loop, struct ivi_event *e)
{
	struct ivi_events *es = &loop->events;

	push(es, e);
	if (!iv_task_registered(&es->local))
		ivi_task_add(loop, &es->local);
	wake(loop);
}

static void post_own(struct ivi_loop *loop, struct ivi_event *e)
{
	if (!is_new(e, mark_pending(e)))
		return;
	ivi_probe2(post, ivi_event_pub(e), loop);
	push_own(loop, e);
}

static void post_other(struct ivi_event *e)
{
	struct ivi_loop *loop;
	uintptr_t owner;

	ivi_gate_enter();
	owner = mark_pending(e);
	if (is_new(e, owner)) {
		loop = (struct ivi_loop *)owner;
		ivi_probe2(post, ivi_event_pub(e), loop);
		push(&loop->events, e);
		wake(loop);
	}
	ivi_gate_leave();
}

static void call_bad(const char *fn, const struct iv_call *call)
	__attribute__((noreturn, cold));

static void call_bad(const char *fn, const struct iv_call *call)
{
	iv_fatal("%s: iv_call %p is not initialised", fn, (const void *)call);
}

/* Inside the gate: LOOP does not go before that is open. */
static bool post_call(const char *fn, struct ivi_loop *loop,
		      struct ivi_call *c, struct ivi_waiter *waiter)
{
	const uintptr_t mark = IVI_EVENT_PENDING | IVI_EVENT_CALL;
	uintptr_t old = 0;

	if (!__atomic_compare_exchange_n(&c->event.owner, &old,
					 (uintptr_t)loop | mark, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
		if ((old & 7) != mark)
			call_bad(fn, ivi_call_pub(c));
		return false;
	}
	c->waiter = waiter;
	ivi_probe2(post, ivi_call_pub(c), loop);
	if (loop == ivi_self()) {
		push_own(loop, &c->event);
	} else {
		push(&loop->events, &c->event);
		wake(loop);
	}
	return true;
}

bool ivi_call_post(const char *fn, struct ivi_loop *loop,
		   struct iv_call *call, struct ivi_waiter *waiter)
{
	bool posted;

	ivi_race_release(call);
	ivi_fence();
	ivi_gate_enter();
	posted = post_call(fn, loop, ivi_call(call), waiter);
	ivi_gate_leave();
	return posted;
}

/* ---- Public ----------------------------------------------------------------------- */

static bool on_list(struct ivi_events *es, const struct ivi_event *e)
{
	take_posts(es);
	return ivi_on_list(&es->pending, &e->node) ||
	       ivi_on_list(&es->batch, &e->node);
}

/* The word may be garbage that looks right, so it has to be on a list, too. */
static bool is_pending(struct ivi_loop *loop, const struct ivi_event *e)
{
	uintptr_t owner = __atomic_load_n(&e->owner, __ATOMIC_ACQUIRE);

	return owner == ((uintptr_t)loop | IVI_EVENT_PENDING) &&
	       on_list(&loop->events, e);
}

/* An IV_EVENT_INIT() too many has wiped the word, but not the mark. */
static void check_new(const char *fn, struct ivi_loop *loop,
		      struct iv_event *ev)
{
	const struct ivi_event *e = ivi_event(ev);
	const struct iv_list_head *mark = e->node.prev;
	struct ivi_loop *owner = NULL;

	if (is_pending(loop, e))
		owner = loop;
	else if ((uintptr_t)mark & 1)
		owner = ivi_loop_marked(mark);
	if (ivi_likely(owner == NULL))
		return;
	ivi_check_owner(fn, "iv_event", ev, loop, owner);
	ivi_bad_new(fn, "iv_event", ev, true);
}

IVI_PUBLIC int iv_event_register(struct iv_event *ev)
{
	static const char fn[] = "iv_event_register";
	struct ivi_loop *loop = ivi_loop_of_caller(fn);
	int ret = 0;

	ivi_check_object(fn, "iv_event", ev);
	ivi_check_handler(fn, "iv_event", ev, ev->handler);
	check_new(fn, loop, ev);
	if (loop->events.registered == 0 && !channel_watched(&loop->events))
		ret = channel_open(loop);
	if (ret < 0) {
		errno = -ret;
		return -1;
	}
	loop->events.known = true;
	loop->events.registered++;
	loop->events.users++;
	ivi_event(ev)->node.prev = loop->events.idle;
	__atomic_store_n(&ivi_event(ev)->owner, (uintptr_t)loop,
			 __ATOMIC_RELEASE);
	ivi_hold(loop);
	ivi_events_rest_outside(loop);
	return 0;
}

/* A poster that is about to push E is inside the gate.  If nobody is, this is a
   child of _Fork(3) or clone(2), which did not wait for him. */
static void drop_pending(struct ivi_events *es, struct ivi_event *e)
{
	take_posts(es);
	if (e->node.prev == es->idle) {
		ivi_gate_drain();
		take_posts(es);
	}
	if (e->node.prev != es->idle)
		iv_list_del(&e->node);
}

/* Nobody will post.  It may have rested, and may run next time it is watched. */
static void channel_unwatch(struct ivi_loop *loop)
{
	struct ivi_events *es = &loop->events;

	if (iv_fd_registered(&es->wake_fd))
		ivi_fd_detach(loop, &es->wake_fd);
	__atomic_store_n(&es->asleep, 0, __ATOMIC_RELAXED);
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
	if (owner == EVENT_RETIRED || (owner == 0 && e->node.prev != es->idle))
		ivi_bad_old(fn, "iv_event", ev);
	if (owner != 0)
		ivi_check_owner(fn, "iv_event", ev, loop,
				(struct ivi_loop *)owner);
	owner = __atomic_exchange_n(&e->owner, EVENT_RETIRED,
				    __ATOMIC_ACQ_REL);
	if (owner & IVI_EVENT_PENDING)
		drop_pending(es, e);
	e->node.prev = NULL;
	ivi_release(loop);
	es->registered--;
	if (--es->users == 0)
		channel_unwatch(loop);
}

/* Apart, so that a post that is merged need not save registers. */
static __attribute__((noinline)) void post_first(struct iv_event *ev,
						 uintptr_t owner)
{
	if (ivi_unlikely(owner == 0))
		owner = reclaim(ev);
	if (owner == (uintptr_t)ivi_self())
		post_own((struct ivi_loop *)owner, ivi_event(ev));
	else
		post_other(ivi_event(ev));
}

static inline uintptr_t owner_word(const struct iv_event *ev)
{
	return __atomic_load_n(&ivi_event(ev)->owner, __ATOMIC_RELAXED);
}

/* Without a fence the first look tells nothing but which way is likely. */
IVI_PUBLIC void iv_event_post(struct iv_event *ev)
{
	uintptr_t owner;

	ivi_check_object("iv_event_post", "iv_event", ev);
	ivi_race_release(ev);
	owner = owner_word(ev);
	if (owner & IVI_EVENT_PENDING) {
		ivi_fence();
		owner = owner_word(ev);
	}
	if (!(owner & IVI_EVENT_PENDING))
		post_first(ev, owner);
}
