/* SPDX-License-Identifier: MIT */
/*
 * verify.c - what the structures of a loop promise, examined in debug builds.
 *
 * Each slice has a function here that walks all it consists of.  What fails
 * is a fault of the library, or memory that the program has freed or written
 * to while it was registered.
 */
#include "loop/loop.h"

struct walk {
	const struct ivi_loop	*loop;
	long	objects;	/* seen */
	long	holds;		/* those of them that keep iv_main() running */
};

static void require(bool ok, const char *type, const void *object,
		    const char *wrong)
{
	if (ivi_unlikely(!ok))
		iv_fatal("iv_main: inconsistent: %s %p %s", type, object,
			 wrong);
}

/* The element after LH.  Each links back, so no walk goes round for ever. */
static const struct iv_list_head *after(const struct iv_list_head *lh,
					const char *list)
{
	const struct iv_list_head *next = lh->next;

	require(next != NULL && next->prev == lh, list, (const void *)lh,
		"is not linked in both directions");
	return next;
}

#define for_each_linked(lh, head, list)					\
	for (lh = after(head, list); lh != (head); lh = after(lh, list))

static void require_ours(const struct walk *w, const char *type,
			 const void *object, bool registered,
			 const struct ivi_loop *owner)
{
	require(registered, type, object,
		"was freed or overwritten while it was registered");
	require(owner == w->loop, type, object, "is of another loop");
}

/* ---- Timers --------------------------------------------------------------- */

static bool soonest_known(const struct ivi_timerq *q)
{
	return q->soonest != INT64_MIN && !iv_list_empty(q->first);
}

/* SLOT: where it is, or -1 in `past' and `due'. */
static void verify_timer(struct walk *w, const struct iv_list_head *lh,
			 int slot)
{
	const struct ivi_timerq *q = &w->loop->timers.q;
	const struct ivi_timer *t = iv_container_of(lh, struct ivi_timer, node);
	const struct iv_timer *timer = ivi_timer_pub(t);
	int64_t at = ivi_timerq_deadline(lh);

	require_ours(w, "iv_timer", timer, t->state == IVI_TIMER_REGISTERED,
		     t->owner);
	require(slot < 0 ? at <= q->limit : at > q->base &&
		ivi_timerq_slot(q, at) == (size_t)slot, "iv_timer", timer,
		"is in the wrong place: was `expires' changed?");
	if (soonest_known(q)) {
		require(at >= q->soonest || (slot < 0 && q->soonest <= q->limit),
			"iv_timer", timer, "is before the soonest");
		require(lh != q->first || at == q->soonest, "iv_timer", timer,
			"is the first, but not the soonest");
	}
	w->objects++;
	w->holds++;
}

/* True if `first' is in this list, or is the list. */
static bool verify_timer_list(struct walk *w, const struct iv_list_head *head,
			      int slot)
{
	const struct iv_list_head *lh, *first = w->loop->timers.q.first;
	bool found = head == first;

	for_each_linked (lh, head, "list of iv_timers") {
		verify_timer(w, lh, slot);
		found |= lh == first;
	}
	return found;
}

static void verify_timers(struct walk *w)
{
	const struct ivi_timerq *q = &w->loop->timers.q;
	bool found = verify_timer_list(w, &q->past, -1);
	uint64_t bits;
	int i;

	require(q->base >= 0 && q->base <= q->limit, "queue of iv_timers", q,
		"has its base after its limit");
	require(iv_list_empty(&q->due), "queue of iv_timers", q,
		"has not given all that was due");
	for (i = 0; i < IVI_TIMERQ_WORDS; i++) {
		require(q->used[i] == 0 || (q->words >> i & 1),
			"queue of iv_timers", q, "has a word of slots unseen");
		for (bits = q->used[i]; bits != 0; bits &= bits - 1) {
			int n = i * 64 + __builtin_ctzll(bits);

			found |= verify_timer_list(w, &q->slot[n], n);
		}
	}
	if (soonest_known(q) && !found)
		require(q->soonest == INT64_MAX && q->first->next == NULL,
			"queue of iv_timers", q, "has lost its first");
}

/* ---- Tasks ---------------------------------------------------------------- */

static void verify_tasks(struct walk *w)
{
	const struct ivi_tasks *ts = &w->loop->tasks;
	const struct iv_list_head *lh;

	require(iv_list_empty(&ts->round), "round of iv_tasks", ts,
		"is not over");
	for_each_linked (lh, &ts->queue, "list of iv_tasks") {
		const struct ivi_task *t = iv_container_of(lh, struct ivi_task,
							   node);

		require_ours(w, "iv_task", ivi_task_pub(t),
			     t->state == IVI_TASK_REGISTERED, t->owner);
		w->objects++;
		w->holds++;
	}
}

/* ---- Descriptors ---------------------------------------------------------- */

static void verify_fd(struct walk *w, const struct ivi_fd *f)
{
	const struct iv_fd *fd = ivi_fd_pub(f);
	bool listed = !iv_list_empty(&f->change),
	     agree = f->wanted == (f->armed & (IVI_BANDS | IVI_STALE));

	require_ours(w, "iv_fd", fd, f->state == IVI_FD_REGISTERED, f->owner);
	require(!(f->flags & (IVI_FD_GONE | IVI_FD_PROBE)), "iv_fd", fd,
		"is on its way in or out");
	require(f->wanted == ivi_fd_wants(fd), "iv_fd", fd,
		"has not the handlers that it was given");
	require(!listed || !agree, "iv_fd", fd, "need not be told, but will");
	/* A method need not be told that nothing is wanted: see apply(). */
	require(listed || agree || f->wanted == 0 ||
		(f->flags & IVI_FD_REFUSED), "iv_fd", fd,
		"should be told to the poll method, but will not");
	w->objects++;
	w->holds += fd != &w->loop->events.wake_fd && ivi_fd_holds(fd);
}

/* Those that are ready, or will be in the next turn, are on the list of these,
   no others. */
static long verify_ready(const struct iv_list_head *head)
{
	const struct iv_list_head *lh;
	long n = 0;

	for_each_linked (lh, head, "list of ready iv_fds") {
		const struct ivi_fd *f = iv_container_of(lh, struct ivi_fd,
							 ready_node);

		require(f->state == IVI_FD_REGISTERED, "iv_fd", ivi_fd_pub(f),
			"is ready though it is not registered");
		require(f->ready & (IVI_BANDS | IVI_BANDS << IVI_NEXT_SHIFT),
			"iv_fd", ivi_fd_pub(f), "is ready for nothing");
		require(!(f->flags & IVI_FD_SUSPENDED), "iv_fd", ivi_fd_pub(f),
			"is ready though it is suspended");
		n++;
	}
	return n;
}

static long verify_changes(const struct ivi_poller *p)
{
	const struct iv_list_head *lh;
	long n = 0;

	for_each_linked (lh, &p->changes, "list of changed iv_fds")
		n++;
	return n;
}

static void verify_method(const struct ivi_poller *p)
{
	const char *wrong = p->method->verify != NULL && !p->closed ?
			    p->method->verify(p) : NULL;

	require(wrong == NULL, p->method->name, p, wrong);
}

static bool has_number(const struct ivi_fds *fds, int fd)
{
	size_t word = (size_t)fd / 64;

	return word < fds->words && (fds->numbers[word] >> fd % 64 & 1);
}

static long count_numbers(const struct ivi_fds *fds)
{
	long n = 0;

	for (size_t i = 0; i < fds->words; i++)
		n += __builtin_popcountll(fds->numbers[i]);
	return n;
}

static void verify_fds(struct walk *w)
{
	const struct ivi_fds *fds = &w->loop->fds;
	const struct ivi_poller *p = w->loop->poller;
	const struct iv_list_head *lh;
	long ready = 0, changes = 0, numbers = 0;

	for_each_linked (lh, &p->all, "list of iv_fds") {
		const struct ivi_fd *f = iv_container_of(lh, struct ivi_fd,
							 all);

		verify_fd(w, f);
		ready += f->ready != 0;
		changes += !iv_list_empty(&f->change);
		numbers += has_number(fds, ivi_fd_pub(f)->fd);
	}
	w->holds += fds->detached - fds->detached_unheld;
	verify_method(p);
	require(ready == verify_ready(&p->ready) + verify_ready(&p->kicked),
		"list of ready iv_fds", p,
		"has not those that are ready");
	require(changes == verify_changes(p), "list of changed iv_fds", p,
		"has not those that have changed");
	/* A lack of memory may leave two of one number. */
	require(count_numbers(fds) <= numbers, "set of numbers", fds,
		"has one that is not registered");
}

/* ---- Events and calls ----------------------------------------------------- */

static void verify_posted(struct walk *w, const struct ivi_event *e)
{
	uintptr_t owner = __atomic_load_n(&e->owner, __ATOMIC_RELAXED);
	bool call = owner & IVI_EVENT_CALL;

	require((owner & ~IVI_EVENT_CALL) ==
		((uintptr_t)w->loop | IVI_EVENT_PENDING),
		call ? "iv_call" : "iv_event", ivi_event_pub(e),
		"was posted, but is not registered here");
	w->objects += !call;
}

static void verify_event_list(struct walk *w, const struct iv_list_head *head)
{
	const struct iv_list_head *lh;

	for_each_linked (lh, head, "list of iv_events")
		verify_posted(w, iv_container_of(lh, struct ivi_event, node));
}

/* Others push meanwhile; only the owner, which calls this, takes off. */
static void verify_posts(struct walk *w)
{
	const struct ivi_event *e = __atomic_load_n(&w->loop->events.posts,
						    __ATOMIC_ACQUIRE);
	const struct iv_list_head *lh;

	for (lh = e != NULL ? &e->node : NULL; lh != NULL; lh = lh->next)
		verify_posted(w, iv_container_of(lh, struct ivi_event, node));
}

static void verify_events(struct walk *w)
{
	const struct ivi_events *es = &w->loop->events;
	bool watched = iv_fd_registered(&es->wake_fd);
	long before = w->objects;

	verify_posts(w);
	verify_event_list(w, &es->pending);
	verify_event_list(w, &es->batch);
	require(w->objects - before <= (long)es->registered, "list of iv_events",
		es, "has more than are registered");
	require(!__atomic_load_n(&es->asleep, __ATOMIC_RELAXED), "channel", es,
		"says that the loop sleeps");
	/* Not the other way round: in a forked child it is yet to be opened. */
	require(!watched || (es->open && !es->native && es->users > 0),
		"channel", es, "is watched for nothing");
	require(es->users == es->registered + es->handed, "channel", es,
		"has not as many users as there are");
	require(es->known || es->users == 0, "channel", es,
		"has users whom nobody knows of");
	w->holds += (long)es->registered;
}

/* ---- Hooks ---------------------------------------------------------------- */

static void verify_hook(struct walk *w, const struct iv_list_head *lh,
			uint32_t point)
{
	const struct ivi_hook *h = iv_container_of(lh, struct ivi_hook, node);

	require_ours(w, "iv_hook", ivi_hook_pub(h),
		     h->state == (IVI_HOOK_REGISTERED | point), h->owner);
	w->objects++;
	w->holds += point == IV_HOOK_IDLE;
}

static void verify_hooks(struct walk *w)
{
	const struct ivi_hooks *hs = &w->loop->hooks;
	const struct iv_list_head *lh;
	int i;

	for (i = 0; i < IVI_HOOK_POINTS; i++) {
		long before = w->objects;

		for_each_linked (lh, &hs->list[i].all, "list of iv_hooks")
			verify_hook(w, lh, (uint32_t)i);
		for_each_linked (lh, &hs->list[i].rest, "list of iv_hooks")
			verify_hook(w, lh, (uint32_t)i);
		require((w->objects > before) == ivi_hooks_at(hs, i),
			"list of iv_hooks", &hs->list[i],
			"has not those that are registered");
	}
	require(hs->used == 0 || w->loop->run.special, "loop", w->loop,
		"does not call its hooks");
}

/* ---- Modules -------------------------------------------------------------- */

static void verify_modules(struct walk *w)
{
	const struct ivi_tls *tls = &w->loop->tls;
	int i;

	for (i = 0; i < tls->count; i++) {
		const struct ivi_slot *slot = tls->made[i];
		void *state = tls->slot[slot->index];
		const char *wrong = slot->verify != NULL ?
				    slot->verify(state, &w->objects) : NULL;

		require(wrong == NULL, "module", state, wrong);
	}
}

/* ---- All ------------------------------------------------------------------ */

long ivi_verify(const struct ivi_loop *loop)
{
	struct walk w = { loop, 0, 0 };

	if (!IVI_DEBUGGING)
		return 0;
	require(loop == ivi_self() && loop->run.depth > 0,
		"loop", loop, "is not the one that runs");
	verify_timers(&w);
	verify_tasks(&w);
	verify_fds(&w);
	verify_events(&w);
	verify_hooks(&w);
	verify_modules(&w);
	w.holds += loop->refs;
	require(loop->holds == w.holds, "loop", loop,
		loop->holds < w.holds ? "is held by fewer than are registered"
				      : "is held by more than are registered");
	return w.objects;
}
