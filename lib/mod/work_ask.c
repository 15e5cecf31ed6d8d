/* SPDX-License-Identifier: MIT */
/*
 * work_ask.c - iv_work: taking items back, waiting for them, figures.
 *
 * Waiting: each item belongs to the phase, of two, in which it was submitted,
 * or that of the item whose work submitted it.  Who waits begins the other
 * phase, and is called when as many items of the old one have ended as were
 * begun.  Meanwhile nobody else can, so he waits for his turn (`later') and
 * then begins the next: perhaps longer than need be, but never too short.
 */
#include <string.h>
#include "base/timespec.h"
#include "mod/work.h"

void ivi_waiters_init(struct ivi_waiters *ws)
{
	ws->first = NULL;
	ws->end = &ws->first;
}

static struct ivi_work_waiter *take(struct ivi_waiters *ws)
{
	struct ivi_work_waiter *w = ws->first;

	if (w != NULL)
		ws->first = w->next;
	if (ws->first == NULL)
		ws->end = &ws->first;
	return w;
}

static void drop(struct ivi_waiters *ws)
{
	struct ivi_work_waiter *w;

	while ((w = take(ws)) != NULL)
		ivi_free(w);
}

void ivi_waiters_drop(struct ivi_pool *p)
{
	drop(&p->current);
	drop(&p->later);
}

/* What was submitted before the phase of now. */
static bool is_drained(struct ivi_pool *p)
{
	unsigned old = p->phase ^ 1;
	bool drained;

	ivi_pool_lock(p);
	drained = p->begun[old] == p->ended[old];
	ivi_pool_unlock(p);
	return drained;
}

/* True if somebody is waiting for the old phase. */
static bool begin_phase(struct ivi_pool *p)
{
	if (p->current.first != NULL)
		return true;
	if (p->later.first == NULL)
		return false;
	*p->current.end = p->later.first;
	p->current.end = p->later.end;
	ivi_waiters_init(&p->later);
	ivi_pool_lock(p);
	p->phase ^= 1;
	ivi_pool_unlock(p);
	return true;
}

static void look_again(struct ivi_pool *p)
{
	if (!iv_task_registered(&p->rest))
		iv_task_register(&p->rest);
}

void ivi_waiters_call(struct ivi_pool *p)
{
	while (!p->destroyed && begin_phase(p) && is_drained(p)) {
		struct ivi_work_waiter *w = take(&p->current), copy = *w;

		ivi_free(w);
		if (ivi_waiters_any(p))
			look_again(p);
		copy.handler(copy.cookie);
	}
}

/* ---- Public -------------------------------------------------------------------- */

IVI_PUBLIC int iv_work_pool_when_idle(struct iv_work_pool *pool, void *cookie,
				      void (*handler)(void *cookie))
{
	static const char fn[] = "iv_work_pool_when_idle";
	struct ivi_pool *p = ivi_work_own_pool(fn, pool);
	struct ivi_work_waiter *w;

	if (handler == NULL)
		iv_fatal("%s: iv_work_pool %p: handler is NULL", fn,
			 (void *)pool);
	w = ivi_alloc(sizeof(*w));
	if (w == NULL)
		return -1;
	w->next = NULL;
	w->cookie = cookie;
	w->handler = handler;
	*p->later.end = w;
	p->later.end = &w->next;
	begin_phase(p);
	look_again(p);
	return 0;
}

static bool take_back(struct ivi_pool *p, struct ivi_work *e)
{
	bool found;

	ivi_pool_lock(p);
	found = ivi_workq_remove(&p->queue, e);
	if (found)
		p->probing = false;
	ivi_pool_unlock(p);
	if (!found)
		return false;
	p->ended[ivi_work_leave(e)]++;
	p->cancelled++;
	if (ivi_waiters_any(p))
		look_again(p);
	return true;
}

IVI_PUBLIC int iv_work_pool_cancel(struct iv_work_pool *pool,
				   struct iv_work_item *item)
{
	static const char fn[] = "iv_work_pool_cancel";
	struct ivi_work *e = ivi_work(item);

	if (item == NULL)
		iv_fatal("%s: iv_work_item is NULL", fn);
	if (pool == NULL ? ivi_work_local_cancel(fn, e) :
	    take_back(ivi_work_own_pool(fn, pool), e))
		return 0;
	errno = EBUSY;
	return -1;
}

static unsigned long running(const struct ivi_pool *p)
{
	const struct iv_list_head *lh;
	unsigned long n = 0;

	iv_list_for_each (lh, &p->all) {
		const struct ivi_worker *w =
			iv_container_of(lh, struct ivi_worker, all);

		n += __atomic_load_n(&w->current, __ATOMIC_RELAXED) != NULL;
	}
	return n;
}

/* Under lock: brings in what waits and runs even now. */
static void time_now(struct ivi_pool *p)
{
	int64_t now = ivi_clock_ns();
	const struct iv_list_head *lh;

	ivi_pool_time_begin(p, now);
	if (p->probing && now - p->since > p->longest_wait)
		p->longest_wait = now - p->since;
	iv_list_for_each (lh, &p->all) {
		const struct ivi_worker *w =
			iv_container_of(lh, struct ivi_worker, all);

		if (w->since != 0)
			ivi_pool_time_end(p, w->since, now);
	}
}

static struct iv_work_stats figures(struct ivi_pool *p)
{
	struct iv_work_stats s = { .queued = 0 };

	ivi_pool_lock(p);
	time_now(p);
	s.queued = (unsigned long)ivi_workq_length(&p->queue);
	s.running = running(p);
	s.workers = (unsigned long)p->workers;
	s.longest_wait = ivi_ns_to_ts(p->longest_wait);
	s.longest_run = ivi_ns_to_ts(p->longest_run);
	__atomic_store_n(&p->timed, true, __ATOMIC_RELAXED);
	ivi_pool_unlock(p);
	s.done = p->ended[0] + p->ended[1] - p->cancelled;
	return s;
}

void ivi_pool_dump(struct ivi_pool *p, int fd)
{
	struct iv_work_stats s = figures(p);

	ivi_print(fd, "iv_work_pool %p: %lu queued, %lu running, %lu done, "
		  "%lu of %d threads, longest wait %lld.%03d s, longest run "
		  "%lld.%03d s\n", (const void *)p->name, s.queued, s.running,
		  s.done, s.workers, p->max_threads,
		  (long long)s.longest_wait.tv_sec,
		  (int)(s.longest_wait.tv_nsec / 1000000),
		  (long long)s.longest_run.tv_sec,
		  (int)(s.longest_run.tv_nsec / 1000000));
}

IVI_PUBLIC void iv_work_pool_stats(const struct iv_work_pool *pool,
				   struct iv_work_stats *stats, size_t size)
{
	static const char fn[] = "iv_work_pool_stats";
	struct ivi_pool *p = ivi_work_own_pool(fn, pool);
	struct iv_work_stats s;

	if (stats == NULL)
		iv_fatal("%s: iv_work_pool %p: stats is NULL", fn,
			 (const void *)pool);
	s = figures(p);
	memset(stats, 0, size);
	memcpy(stats, &s, size < sizeof(s) ? size : sizeof(s));
}
