/* SPDX-License-Identifier: MIT */
/*
 * dump.c - all that is registered in a loop, as text.
 *
 * Allocates nothing and changes nothing.  Events are on a list only while they
 * are posted, so of the others there is just the number.
 */
#include "loop/loop.h"
#include "loop/inspect.h"

/* For a function and its cookie, which follow the object in each line. */
#define CALL		"%s, cookie %p\n"
#define CALL_OF(o)	IVI_CODE((o)->handler), (o)->cookie

/* ---- The loop -------------------------------------------------------------- */

static void dump_loop(const struct ivi_loop *loop, int fd)
{
	struct iv_metrics m;

	ivi_metrics(loop, &m);
	ivi_print(fd, "ivykis %s: loop %p, %s, thread %lu, %llu turns, "
		  "%llu waits\n", iv_version(), (const void *)loop,
		  loop->poller->method->name, ivi_check_thread(loop), m.turns,
		  m.waits);
	if (m.spinning != 0)
		ivi_print(fd, "no progress for %llu turns: iv_fd %p (fd %d) "
			  "alone was ready\n", m.spinning,
			  (const void *)loop->meter.spinner,
			  loop->meter.spinner_fd);
	if (loop->run.quit)
		ivi_print(fd, "iv_quit() was called\n");
	ivi_print(fd, "kept running by %ld: %ld iv_fd, %lu iv_timer, %lu "
		  "iv_task, %lu iv_event, %ld iv_hook, %ld iv_ref\n", m.holds,
		  (long)m.fds - loop->fds.unheld, m.timers, m.tasks, m.events,
		  m.holds - ((long)m.fds - loop->fds.unheld) - (long)m.timers -
		  (long)m.tasks - (long)m.events - loop->refs, loop->refs);
}

/* ---- Descriptors ------------------------------------------------------------ */

struct word {
	unsigned	bit;
	const char	*text;
};

static const struct word bands[] = {
	{ IVI_IN, " in" }, { IVI_OUT, " out" }, { IVI_ERR, " err" }, { 0, "" },
};

static const struct word option_words[] = {
	{ IV_FD_RAW, " RAW" }, { IV_FD_EDGE, " EDGE" },
	{ IV_FD_EXCLUSIVE, " EXCLUSIVE" }, { IV_FD_NOREF, " NOREF" },
	{ IV_FD_ANY, " ANY" }, { IV_FD_PRI, " PRI" }, { 0, "" },
};

static void dump_words(const char *label, const struct word *w, unsigned bits,
		       int fd)
{
	if (bits == 0)
		return;
	ivi_print(fd, ", %s", label);
	for (; w->bit != 0; w++)
		if (bits & w->bit)
			ivi_print(fd, "%s", w->text);
}

static void dump_handler(const char *band, void (*handler)(void *), int fd)
{
	if (handler != NULL)
		ivi_print(fd, ", %s %s", band, IVI_CODE(handler));
}

static void dump_fd(const struct ivi_fd *f, int fd)
{
	const struct iv_fd *it = ivi_fd_pub(f);

	ivi_print(fd, "iv_fd %p: fd %d", (const void *)it, it->fd);
	dump_handler("in", it->handler_in, fd);
	dump_handler("out", it->handler_out, fd);
	dump_handler("err", it->handler_err, fd);
	if (ivi_fd_bands(it) == 0)
		ivi_print(fd, ", no handlers");
	if (f->flags & IVI_FD_SUSPENDED)
		ivi_print(fd, ", suspended");
	if (f->flags & IVI_FD_REFUSED)
		ivi_print(fd, ", refused by the kernel");
	dump_words("ready", bands, f->ready & IVI_BANDS, fd);
	dump_words("flags", option_words, f->options, fd);
	ivi_print(fd, ", cookie %p\n", it->cookie);
}

static void dump_fds(const struct ivi_loop *loop, int fd)
{
	const struct iv_list_head *lh;

	iv_list_for_each (lh, &loop->poller->all) {
		const struct ivi_fd *f = iv_container_of(lh, struct ivi_fd,
							 all);

		if (ivi_fd_pub(f) != &loop->events.wake_fd)
			dump_fd(f, fd);
	}
	if (loop->fds.detached > 0)
		ivi_print(fd, "iv_fd: %ld closed before iv_fd_unregister()\n",
			  loop->fds.detached);
}

/* ---- Timers and tasks -------------------------------------------------------- */

static void dump_timer(const struct iv_list_head *lh, int64_t now, int fd)
{
	const struct iv_timer *timer = ivi_timer_pub(
		iv_container_of(lh, struct ivi_timer, node));
	int64_t at = ivi_timerq_deadline(lh), ns;

	ns = at > now ? ivi_ns_left(at, now) : ivi_ns_left(now, at);
	ivi_print(fd, "iv_timer %p: %s %lld.%06d s, " CALL,
		  (const void *)timer, at > now ? "in" : "late by",
		  (long long)(ns / IVI_SEC), (int)(ns % IVI_SEC / 1000),
		  CALL_OF(timer));
}

static void dump_timer_list(const struct iv_list_head *list, int64_t now,
			    int fd)
{
	const struct iv_list_head *lh;

	iv_list_for_each (lh, list)
		dump_timer(lh, now, fd);
}

/* Those of one slot are in no order but that of registration. */
static void dump_timers(const struct ivi_loop *loop, int fd)
{
	const struct ivi_timerq *q = &loop->timers.q;
	int64_t now = ivi_clock_ns();
	int i;

	dump_timer_list(&q->due, now, fd);
	dump_timer_list(&q->past, now, fd);
	for (i = 0; i < IVI_TIMERQ_SLOTS; i++)
		if (q->used[i / 64] >> i % 64 & 1)
			dump_timer_list(&q->slot[i], now, fd);
}

static void dump_task_list(const struct ivi_loop *loop,
			   const struct iv_list_head *list, int fd)
{
	const struct iv_list_head *lh;

	iv_list_for_each (lh, list) {
		const struct iv_task *task = ivi_task_pub(
			iv_container_of(lh, struct ivi_task, node));

		if (task != &loop->events.local)
			ivi_print(fd, "iv_task %p: " CALL, (const void *)task,
				  CALL_OF(task));
	}
}

/* ---- Events and hooks ---------------------------------------------------------- */

static void dump_event(const struct ivi_event *e, int fd)
{
	const struct iv_event *ev = ivi_event_pub(e);
	const struct iv_call *call;

	if (!(__atomic_load_n(&e->owner, __ATOMIC_RELAXED) & IVI_EVENT_CALL)) {
		ivi_print(fd, "iv_event %p: posted, " CALL, (const void *)ev,
			  CALL_OF(ev));
		return;
	}
	call = ivi_call_pub(iv_container_of(e, struct ivi_call, event));
	ivi_print(fd, "iv_call %p: " CALL, (const void *)call, CALL_OF(call));
}

static void dump_event_list(const struct iv_list_head *list, int fd)
{
	const struct iv_list_head *lh;

	iv_list_for_each (lh, list)
		dump_event(iv_container_of(lh, struct ivi_event, node), fd);
}

/* Posters push meanwhile; nobody else takes off. */
static void dump_events(const struct ivi_loop *loop, int fd)
{
	const struct ivi_events *es = &loop->events;
	const struct ivi_event *e = __atomic_load_n(&es->posts,
						    __ATOMIC_ACQUIRE);
	const struct iv_list_head *lh;

	if (es->registered > 0)
		ivi_print(fd, "iv_event: %u registered\n", es->registered);
	dump_event_list(&es->batch, fd);
	dump_event_list(&es->pending, fd);
	for (lh = e != NULL ? &e->node : NULL; lh != NULL; lh = lh->next)
		dump_event(iv_container_of(lh, struct ivi_event, node), fd);
}

static const char *const points[IVI_HOOK_POINTS] = {
	[IV_HOOK_PREPARE] = "IV_HOOK_PREPARE", [IV_HOOK_BLOCK] = "IV_HOOK_BLOCK",
	[IV_HOOK_UNBLOCK] = "IV_HOOK_UNBLOCK", [IV_HOOK_CHECK] = "IV_HOOK_CHECK",
	[IV_HOOK_IDLE] = "IV_HOOK_IDLE", [IV_HOOK_FORK] = "IV_HOOK_FORK",
	[IV_HOOK_DEINIT] = "IV_HOOK_DEINIT",
};

static void dump_hook_list(const struct iv_list_head *list, int fd)
{
	const struct iv_list_head *lh;

	iv_list_for_each (lh, list) {
		const struct iv_hook *hook = ivi_hook_pub(
			iv_container_of(lh, struct ivi_hook, node));

		ivi_print(fd, "iv_hook %p: %s, " CALL, (const void *)hook,
			  points[hook->point], CALL_OF(hook));
	}
}

static void dump_hooks(const struct ivi_loop *loop, int fd)
{
	int i;

	for (i = 1; i < IVI_HOOK_POINTS; i++) {
		dump_hook_list(&loop->hooks.list[i].rest, fd);
		dump_hook_list(&loop->hooks.list[i].all, fd);
	}
}

/* ---- Public --------------------------------------------------------------------- */

IVI_PUBLIC void iv_dump(int fd)
{
	const struct ivi_loop *loop = ivi_self();
	int err = errno;

	if (loop == NULL) {
		ivi_print(fd, "ivykis %s: this thread has no loop\n",
			  iv_version());
		errno = err;
		return;
	}
	dump_loop(loop, fd);
	dump_fds(loop, fd);
	dump_timers(loop, fd);
	dump_task_list(loop, &loop->tasks.round, fd);
	dump_task_list(loop, &loop->tasks.queue, fd);
	dump_events(loop, fd);
	dump_hooks(loop, fd);
	ivi_tls_dump(loop, fd);
	errno = err;
}
