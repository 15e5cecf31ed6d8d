/* SPDX-License-Identifier: MIT */
/*
 * watcher.c - when to look at a name, or at an open file, again.
 *
 * Hints that are refused (no instance, no mark, no permission to read, no
 * memory) or not to be trusted (ivi_file_is_remote()) make one look in
 * intervals.  These are counted from the same moment for all, so that many
 * names cost one wake-up.
 */
#include <string.h>
#include <iv_avl.h>
#include "base/compiler.h"
#include "base/timespec.h"
#include "mod/watcher.h"
#include "sys/file.h"
#include "sys/sys.h"

#define INTERVAL	IVI_SEC
#define INTERVAL_LEAST	(IVI_SEC / 100)

#define BUFFER_SIZE	16384

struct ivi_watcher {
	struct iv_fd	hints;		/* fd -1: there are none */
	bool	tried;			/* in this round to get them */
	struct iv_timer	hold;		/* keeps iv_main() running */
	struct ivi_marks	marks;
	struct iv_list_head	all;
	/* Watches to be looked at: in the next round, in this one; and those
	   that are to be settled after it. */
	struct iv_list_head	next, round, unsettled;
	struct iv_task	look, settle;

	char	buf[BUFFER_SIZE]
		__attribute__((aligned(8)));
};

/* ---- The descriptor ---------------------------------------------------- */

static void read_hints(void *_r);

/* In a forked child the number of a queue is free for others while the loop
   still has it, and of the methods only kqueue can tell them apart. */
static bool suits(const struct ivi_hints *h)
{
	return !h->partial || strcmp(iv_poll_method_name(), "kqueue") == 0;
}

static void open_hints(struct ivi_watcher *r)
{
	struct ivi_hints *h = &r->marks.hints;

	if (ivi_hints_open(h) < 0)
		return;
	IV_FD_INIT(&r->hints);
	iv_fd_set_flags(&r->hints, IV_FD_NOREF | IV_FD_RAW);
	r->hints.fd = h->fd;
	r->hints.cookie = r;
	r->hints.handler_in = read_hints;
	if (suits(h) && iv_fd_register_try(&r->hints) == 0)
		return;
	ivi_hints_close(h);
	r->hints.fd = -1;
}

static void close_hints(struct ivi_watcher *r)
{
	if (r->hints.fd < 0)
		return;
	iv_fd_unregister(&r->hints);
	ivi_hints_close(&r->marks.hints);
	r->hints.fd = -1;
}

/* Tries to get them once in a round, then does without. */
static void need_hints(struct ivi_watcher *r)
{
	if (r->hints.fd < 0 && !r->tried) {
		r->tried = true;
		open_hints(r);
	}
}

/* ---- Looking ----------------------------------------------------------- */

static void put_into(struct iv_list_head *queue, struct iv_task *task,
		     struct ivi_watch *w)
{
	iv_list_del(&w->queue);
	iv_list_add_tail(&w->queue, queue);
	if (!iv_task_registered(task))
		iv_task_register(task);
}

void ivi_watch_hint(struct ivi_watch *w, unsigned what)
{
	if (w->asleep)
		return;
	w->what |= what;
	put_into(&w->watcher->next, &w->watcher->look, w);
}

/* One that is to be looked at again needs no more. */
void ivi_watch_settle(struct ivi_watch *w)
{
	if (w->what != 0)
		return;
	put_into(&w->watcher->unsettled, &w->watcher->settle, w);
}

static struct ivi_watch *first_in(const struct iv_list_head *queue)
{
	return iv_container_of(queue->next, struct ivi_watch, queue);
}

static void settle_all(void *_r)
{
	struct ivi_watcher *r = _r;

	while (!iv_list_empty(&r->unsettled)) {
		struct ivi_watch *w = first_in(&r->unsettled);

		iv_list_del_init(&w->queue);
		w->settle(w);
	}
}

/* Names are looked at in intervals together. */
static void arm(struct ivi_watch *w)
{
	int64_t now = ivi_clock_ns(), at;

	if (__builtin_add_overflow(now - now % w->interval, w->interval, &at))
		at = INT64_MAX;
	w->timer.expires = ivi_ns_to_ts(at);
	iv_timer_register(&w->timer);
}

static void disarm(struct ivi_watch *w)
{
	if (iv_timer_registered(&w->timer))
		iv_timer_unregister(&w->timer);
}

static void rearm(struct ivi_watch *w)
{
	if (w->unheard == 0)
		disarm(w);
	else if (!iv_timer_registered(&w->timer))
		arm(w);
}

static void tick(void *_w)
{
	struct ivi_watch *w = _w;

	ivi_watch_hint(w, IVI_LOOK_NAME | IVI_LOOK_FILE |
		       (w->refused != 0 ? IVI_LOOK_WAY : 0));
}

void ivi_watch_retry(struct ivi_watch *w)
{
	if (!iv_timer_registered(&w->timer))
		arm(w);
}

static void mark_all(struct ivi_watch *w)
{
	need_hints(w->watcher);
	ivi_way_find(w);
	ivi_contents_find(w);
}

static void look(struct ivi_watch *w)
{
	unsigned what = w->what;

	w->what = 0;
	if (what & IVI_LOOK_WAY)
		mark_all(w);
	rearm(w);
	w->look(w, what & ~(unsigned)IVI_LOOK_WAY);
}

/*
 * A handler may run the loop, or leave by longjmp(3): the task is registered
 * then, and goes on.  It may fork, too.
 */
static void look_all(void *_r)
{
	struct ivi_watcher *r = _r;

	r->tried = false;
	iv_list_splice_tail_init(&r->next, &r->round);
	while (!iv_list_empty(&r->round)) {
		struct ivi_watch *w = first_in(&r->round);

		ivi_renew();
		iv_list_del_init(&w->queue);
		if (!iv_list_empty(&r->round) &&
		    !iv_task_registered(&r->look))
			iv_task_register(&r->look);
		look(w);
	}
	if (iv_list_empty(&r->next) && iv_task_registered(&r->look))
		iv_task_unregister(&r->look);
	if (iv_list_empty(&r->all))
		close_hints(r);
}

/* ---- Hints ------------------------------------------------------------- */

static void hint_all(struct ivi_watcher *r)
{
	struct iv_list_head *lh;

	iv_list_for_each (lh, &r->all)
		ivi_watch_hint(iv_container_of(lh, struct ivi_watch, all),
			       IVI_LOOK_ALL);
}

/* Whatever was marked has to be marked again. */
static void start_over(struct ivi_watcher *r)
{
	struct iv_list_head *lh;

	close_hints(r);
	iv_list_for_each (lh, &r->all) {
		struct ivi_watch *w =
			iv_container_of(lh, struct ivi_watch, all);

		ivi_way_forget(w);
		ivi_contents_forget(w);
	}
	hint_all(r);
}

static void take(struct ivi_watcher *r, const struct ivi_hint *hint)
{
	if (hint->kind == IVI_HINT_LOST)
		hint_all(r);
	else
		ivi_marks_hint(&r->marks, hint);
}

/* False if there are none. */
static bool take_hints(struct ivi_watcher *r)
{
	struct ivi_hint hint;
	size_t at = 0;
	ssize_t n;

	ivi_renew();
	if (r->hints.fd < 0)
		return false;
	n = ivi_hints_read(&r->marks.hints, r->buf, sizeof(r->buf));
	if (n == -EAGAIN)
		return false;
	if (n <= 0)
		start_over(r);
	else
		while (ivi_hints_next(&r->marks.hints, r->buf, (size_t)n, &at,
				      &hint))
			take(r, &hint);
	return true;
}

static void read_hints(void *_r)
{
	take_hints(_r);
}

bool ivi_watch_catch_up(struct ivi_watch *w, bool *other)
{
	if (!take_hints(w->watcher))
		return false;
	*other |= w->what & IVI_LOOK_OTHER;
	w->what &= ~(unsigned)IVI_LOOK_OTHER;
	return true;
}

/* ---- The watcher of a loop --------------------------------------------- */

/* Never expires. */
static void held(void *_r)
{
	struct ivi_watcher *r = _r;

	iv_timer_register(&r->hold);
}

static int watcher_init(void *_r)
{
	struct ivi_watcher *r = _r;

	IV_FD_INIT(&r->hints);
	IV_TIMER_INIT(&r->hold);
	r->hold.expires = ivi_ns_to_ts(INT64_MAX);
	r->hold.cookie = r;
	r->hold.handler = held;
	ivi_marks_init(&r->marks);
	INIT_IV_LIST_HEAD(&r->all);
	INIT_IV_LIST_HEAD(&r->next);
	INIT_IV_LIST_HEAD(&r->round);
	INIT_IV_LIST_HEAD(&r->unsettled);
	IV_TASK_INIT(&r->look);
	r->look.cookie = r;
	r->look.handler = look_all;
	IV_TASK_INIT(&r->settle);
	r->settle.cookie = r;
	r->settle.handler = settle_all;
	return 0;
}

/* Without the descriptor no mark is removed one by one. */
static void free_all(struct ivi_watcher *r)
{
	while (!iv_list_empty(&r->all)) {
		struct ivi_watch *w = iv_container_of(r->all.next,
						      struct ivi_watch, all);

		iv_list_del(&w->all);
		ivi_way_forget(w);
		ivi_contents_forget(w);
		ivi_free(w);
	}
}

static void stop_task(struct iv_task *task)
{
	if (iv_task_registered(task))
		iv_task_unregister(task);
}

static void watcher_fini(void *_r)
{
	struct ivi_watcher *r = _r;
	struct iv_list_head *lh;

	close_hints(r);
	iv_list_for_each (lh, &r->all) {
		struct ivi_watch *w =
			iv_container_of(lh, struct ivi_watch, all);

		disarm(w);
		w->orphaned(w);
	}
	if (iv_timer_registered(&r->hold))
		iv_timer_unregister(&r->hold);
	stop_task(&r->look);
	stop_task(&r->settle);
	free_all(r);
}

static void watcher_abandon(void *_r)
{
	struct ivi_watcher *r = _r;

	if (r->hints.fd >= 0)
		ivi_hints_close(&r->marks.hints);
	r->hints.fd = -1;
	free_all(r);
}

static void watcher_renew(void *_r)
{
	start_over(_r);
}

/* Only files that are followed have something to settle. */
static void watcher_dump(void *_r, int fd)
{
	struct ivi_watcher *r = _r;
	const struct iv_list_head *lh;

	iv_list_for_each (lh, &r->all) {
		const struct ivi_watch *w = iv_container_of(lh, struct ivi_watch,
							    all);

		ivi_print(fd, "%s: \"%s\"%s\n", w->settle != NULL ?
			  "iv_follow" : "iv_path", w->pathname,
			  w->asleep ? ", suspended" : "");
	}
}

/* What is to be looked at, or settled, is in a queue that a task works off. */
static const char *verify_watch(const struct ivi_watcher *r,
				struct ivi_watch *w)
{
	bool queued = !iv_list_empty(&w->queue);

	if (!w->intact(w))
		return "has an iv_path or iv_follow that was freed or overwritten "
		       "while it was registered";
	if (w->watcher != r || w->marks != &r->marks)
		return "has what is another's";
	if (w->asleep && (queued || iv_timer_registered(&w->timer)))
		return "looks at what is suspended";
	if (w->what != 0 && !queued)
		return "has something to look at and will not";
	if (w->unheard != 0 && !queued && !iv_timer_registered(&w->timer))
		return "does not look at what it does not hear of";
	return NULL;
}

static bool is_served(const struct iv_list_head *queue,
		      const struct iv_task *task)
{
	return iv_list_empty(queue) || iv_task_registered(task);
}

static const char *watcher_verify(void *_r, long *objects)
{
	struct ivi_watcher *r = _r;
	const char *wrong = NULL;
	struct iv_list_head *lh;

	iv_list_for_each (lh, &r->all) {
		if (wrong == NULL)
			wrong = verify_watch(r, iv_container_of(
				lh, struct ivi_watch, all));
		++*objects;
	}
	if (wrong != NULL)
		return wrong;
	if (iv_list_empty(&r->all) == iv_timer_registered(&r->hold))
		return "does not keep the loop as it has to";
	if (!is_served(&r->next, &r->look) || !is_served(&r->round, &r->look) ||
	    !is_served(&r->unsettled, &r->settle))
		return "has a queue that nobody works off";
	return NULL;
}

static const struct ivi_slot slot = {
	.index	= IVI_SLOT_WATCHER,
	.size	= sizeof(struct ivi_watcher),
	.init	= watcher_init,
	.fini	= watcher_fini,
	.renew	= watcher_renew,
	.abandon = watcher_abandon,
	.dump	= watcher_dump,
	.verify	= watcher_verify,
};

/* ---- Watches ----------------------------------------------------------- */

int64_t ivi_interval(const char *fn, const char *type, const void *object,
		     const struct timespec *interval)
{
	int64_t ns = ivi_ts_to_ns(interval);

	if (interval->tv_sec < 0 || interval->tv_nsec < 0 ||
	    interval->tv_nsec >= IVI_SEC)
		iv_fatal("%s: the interval is no time [%s %p]", fn, type,
			 object);
	if (ns == 0)
		return INTERVAL;
	return ns < INTERVAL_LEAST ? INTERVAL_LEAST : ns;
}

int ivi_watch_start(struct ivi_watch *w, int fd)
{
	struct ivi_watcher *r = ivi_slot_get(&slot);

	if (r == NULL)
		return -errno;
	ivi_renew();
	if (iv_list_empty(&r->all)) {
		r->tried = false;
		iv_timer_register(&r->hold);
	}
	w->watcher = r;
	w->marks = &r->marks;
	iv_list_add_tail(&w->all, &r->all);
	INIT_IV_LIST_HEAD(&w->queue);
	INIT_IV_LIST_HEAD(&w->way);
	w->contents = NULL;
	w->fd = fd;
	IV_TIMER_INIT(&w->timer);
	w->timer.cookie = w;
	w->timer.handler = tick;
	w->what = w->unheard = w->refused = 0;
	w->asleep = false;
	mark_all(w);
	rearm(w);
	return 0;
}

/* The descriptor is closed in a turn, lest it come and go with one watch. */
void ivi_watch_stop(struct ivi_watch *w)
{
	struct ivi_watcher *r = w->watcher;

	ivi_watch_sleep(w);
	iv_list_del(&w->all);
	w->watcher = NULL;
	if (!iv_list_empty(&r->all))
		return;
	iv_timer_unregister(&r->hold);
	if (!iv_task_registered(&r->look))
		iv_task_register(&r->look);
}

bool ivi_watch_is_here(const struct ivi_watch *w)
{
	return w->watcher != NULL && w->watcher == ivi_slot_peek(&slot);
}

void ivi_watch_set_fd(struct ivi_watch *w, int fd)
{
	ivi_renew();
	w->fd = fd;
	if (w->asleep)
		return;
	need_hints(w->watcher);
	ivi_contents_find(w);
	rearm(w);
	ivi_watch_hint(w, IVI_LOOK_NAME | IVI_LOOK_FILE);
}

void ivi_watch_sleep(struct ivi_watch *w)
{
	ivi_renew();
	w->asleep = true;
	iv_list_del_init(&w->queue);
	ivi_way_forget(w);
	ivi_contents_forget(w);
	disarm(w);
	w->what = w->unheard = w->refused = 0;
}

void ivi_watch_wake(struct ivi_watch *w)
{
	unsigned what = w->asleep ? IVI_LOOK_ALL :
				    IVI_LOOK_NAME | IVI_LOOK_FILE;

	w->asleep = false;
	ivi_watch_hint(w, what);
}
