/* SPDX-License-Identifier: MIT */
/*
 * poller.c - what all poll methods share: choice, change list, ready list,
 * kernel timer, start-over.
 *
 * A descriptor whose `armed' disagrees with its `wanted' is on the change
 * list; the list is applied just before waiting, so changes that cancel out
 * cost nothing.  A descriptor with `ready' bands is on the ready list.
 */
#include "loop/poller.h"
#include "sys/sys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long to wait before trying again what memory or descriptors were
   lacking for. */
#define RETRY_NS	(10 * INT64_C(1000000))

/* So many waits with one limit make a kernel timer worth its system call. */
#define ARM_AFTER	5

/* The process's choice; every loop starts from it. */
static const struct ivi_poll_method *chosen;

/* ---- Choosing a method --------------------------------------------------- */

static bool word_in(const char *word, const char *list)
{
	static const char space[] = " \t\n\v\f\r";
	size_t len = strlen(word), n;

	for (; *list != '\0'; list += n) {
		list += strspn(list, space);
		n = strcspn(list, space);
		if (n == len && strncmp(list, word, n) == 0)
			return true;
	}
	return false;
}

/* The first method in the table from M on that this build has. */
static const struct ivi_poll_method *const *
present(const struct ivi_poll_method *const *m)
{
	while (*m != NULL && (*m)->name == NULL)
		m++;
	return *m != NULL ? m : NULL;
}

#define for_each_method(m)						\
	for (m = present(ivi_poll_methods); m != NULL; m = present(m + 1))

static struct ivi_poller *try_method(const struct ivi_poll_method *m)
{
	struct ivi_poller *p = malloc(m->size);

	if (p == NULL)
		return NULL;
	memset(p, 0, m->zeroed != 0 ? m->zeroed : m->size);
	p->method = m;
	p->generation = ivi_fork_generation();
	p->armed_at = IVI_NEVER;
	INIT_IV_LIST_HEAD(&p->ready);
	INIT_IV_LIST_HEAD(&p->changes);
	INIT_IV_LIST_HEAD(&p->all);
	errno = -m->open(p);
	if (errno == 0)
		return p;
	free(p);
	return NULL;
}

static const struct ivi_poll_method *find_method(const char *name)
{
	const struct ivi_poll_method *const *m;

	for_each_method (m)
		if (strcmp((*m)->name, name) == 0)
			return *m;
	return NULL;
}

/* Appends to a list of words for a message; what does not fit is left out. */
static void append(char *text, size_t size, const char *name, const char *why)
{
	size_t len = strlen(text);

	snprintf(text + len, size - len, "%s%s%s%s%s", len ? ", " : "", name,
		 why ? " (" : "", why ? why : "", why ? ")" : "");
}

static struct ivi_poller *open_selected(const char *name)
{
	const struct ivi_poll_method *const *m, *found = find_method(name);
	struct ivi_poller *p = found != NULL ? try_method(found) : NULL;
	int err = errno;
	char all[400] = "";

	if (p != NULL)
		return p;
	for_each_method (m)
		append(all, sizeof(all), (*m)->name, NULL);
	iv_fatal("iv_init: IV_SELECT_POLL_METHOD: \"%.60s\" is %s%s%s; "
		 "available: %s", name, found ? "unusable (" : "unknown",
		 found ? ivi_errname(err) : "", found ? ")" : "", all);
}

static struct ivi_poller *open_first(void)
{
	const char *exclude = ivi_getenv("IV_EXCLUDE_POLL_METHOD");
	const struct ivi_poll_method *const *m;
	char tried[600] = "";

	for_each_method (m) {
		const char *name = (*m)->name;
		struct ivi_poller *p;

		if (exclude != NULL && word_in(name, exclude)) {
			append(tried, sizeof(tried), name, "excluded");
			continue;
		}
		p = try_method(*m);
		if (p != NULL)
			return p;
		append(tried, sizeof(tried), name, ivi_errname(errno));
	}
	iv_fatal("iv_init: no poll method can be used: %s", tried);
}

struct ivi_poller *ivi_poller_new(void)
{
	const struct ivi_poll_method *m =
		__atomic_load_n(&chosen, __ATOMIC_ACQUIRE);
	const char *select;
	struct ivi_poller *p;

	if (m != NULL)
		return try_method(m);
	select = ivi_getenv("IV_SELECT_POLL_METHOD");
	p = select != NULL && *select != '\0' ? open_selected(select)
					      : open_first();
	__atomic_store_n(&chosen, p->method, __ATOMIC_RELEASE);
	return p;
}

const char *ivi_poller_method_name(void)
{
	const struct ivi_poll_method *m =
		__atomic_load_n(&chosen, __ATOMIC_ACQUIRE);

	return m != NULL ? m->name : NULL;
}

void ivi_poller_free(struct ivi_poller *p)
{
	if (!p->closed)
		p->method->close(p);
	free(p);
}

/* ---- Starting over -------------------------------------------------------- */

/* Queues F to be told to the kernel anew. */
static void forget_armed(struct ivi_poller *p, struct ivi_fd *f)
{
	f->armed = 0;
	f->token.slot = f->token.generation = UINT32_MAX;
	ivi_poller_update(p, f);
}

void ivi_poller_reopen(struct ivi_poller *p)
{
	struct iv_list_head *lh;

	if (!p->closed)
		p->method->close(p);
	p->closed = p->method->open(p) < 0;
	p->generation = ivi_fork_generation();
	p->armed_at = IVI_NEVER;
	p->same_limit = 0;
	iv_list_for_each (lh, &p->all)
		forget_armed(p, iv_container_of(lh, struct ivi_fd, all));
}

/*
 * True if the kernel object may be used.  One that was inherited over
 * fork(2) is shared with the parent, whose set must not be disturbed.
 */
static bool usable(struct ivi_poller *p)
{
	if (ivi_unlikely(p->closed ||
			 p->generation != ivi_fork_generation()))
		ivi_poller_reopen(p);
	return !p->closed;
}

/* ---- Descriptors ---------------------------------------------------------- */

void ivi_poller_add(struct ivi_poller *p, struct ivi_fd *f)
{
	INIT_IV_LIST_HEAD(&f->change);
	f->armed = f->ready = 0;
	f->token.slot = f->token.generation = UINT32_MAX;
	iv_list_add_tail(&f->all, &p->all);
}

void ivi_poller_update(struct ivi_poller *p, struct ivi_fd *f)
{
	bool listed = !iv_list_empty(&f->change);
	bool agree = f->wanted == (f->armed & (IVI_BANDS | IVI_STALE));

	if (listed && agree)
		iv_list_del_init(&f->change);
	else if (!listed && !agree)
		iv_list_add_tail(&f->change, &p->changes);
	if (!agree && (p->method->caps & IVI_CAP_EAGER))
		ivi_poller_sync(p, f);
}

int ivi_poller_sync(struct ivi_poller *p, struct ivi_fd *f)
{
	int ret = usable(p) ? p->method->apply(p, f) : -ENOMEM;

	if (ret == 0)
		ivi_poller_update(p, f);
	return ret;
}

void ivi_poller_remove(struct ivi_poller *p, struct ivi_fd *f)
{
	/* First: in a forked child it starts over with all of p->all. */
	bool open = usable(p);

	iv_list_del(&f->all);
	iv_list_del_init(&f->change);
	if (f->ready != 0)
		iv_list_del(&f->ready_node);
	f->wanted = f->ready = 0;
	f->flags |= IVI_FD_GONE;
	if (f->armed != 0 && open)
		p->method->apply(p, f);
}

bool ivi_poller_passes(int err)
{
	return err == -ENOMEM || err == -ENOSPC || err == -EMFILE ||
	       err == -ENFILE || err == -EAGAIN;
}

/*
 * Applies the change list; true if something must be tried again soon.
 * A lasting error is told to the handlers, which will meet it as well when
 * they use the descriptor.  The method may start over meanwhile, which
 * lengthens the list.
 */
static __attribute__((noinline)) bool flush(struct ivi_poller *p)
{
	struct iv_list_head later;

	INIT_IV_LIST_HEAD(&later);
	while (!iv_list_empty(&p->changes) && !p->closed) {
		struct ivi_fd *f = iv_container_of(p->changes.next,
						   struct ivi_fd, change);
		int ret = p->method->apply(p, f);

		iv_list_del_init(&f->change);
		if (ret == 0)
			continue;
		if (ivi_poller_passes(ret)) {
			iv_list_add_tail(&f->change, &later);
			continue;
		}
		f->flags |= IVI_FD_REFUSED;
		ivi_ready(p, f, IVI_BANDS);
	}
	iv_list_splice_tail_init(&later, &p->changes);
	return !iv_list_empty(&p->changes);
}

/* ---- Waking --------------------------------------------------------------- */

int ivi_poller_wake_open(struct ivi_poller *p)
{
	if (p->method->wake_open == NULL)
		return -ENOSYS;
	return usable(p) ? p->method->wake_open(p) : -ENOMEM;
}

void ivi_poller_wake(struct ivi_poller *p)
{
	p->method->wake(p);
}

/* ---- Waiting -------------------------------------------------------------- */

static __attribute__((noinline)) int arm(struct ivi_poller *p, int64_t at)
{
	if (p->method->arm(p, at) < 0) {
		p->timer_dead = true;
		at = IVI_NEVER;
	}
	p->armed_at = at;
	return at != IVI_NEVER;
}

/*
 * The limit that the wait call itself needs: none while the kernel's own
 * timer covers it.  That timer is set once the same limit comes back again
 * and again, so a busy loop with far timers neither reads the clock nor
 * passes time-outs; it may fire for a timer that is gone, which is harmless.
 */
static int64_t limit(struct ivi_poller *p, int64_t soonest)
{
	if (p->method->arm == NULL || p->timer_dead)
		return soonest;
	if (p->armed_at != IVI_NEVER) {
		if (soonest >= p->armed_at)
			return IVI_NEVER;
		arm(p, IVI_NEVER);
		p->same_limit = 0;
	}
	if (soonest == IVI_NEVER)
		return IVI_NEVER;
	if (soonest != p->last_limit) {
		p->last_limit = soonest;
		p->same_limit = 0;
	}
	if (++p->same_limit < ARM_AFTER)
		return soonest;
	return arm(p, soonest > 1 ? soonest : 1) ? IVI_NEVER : soonest;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* No kernel object to be had: only time passes. */
static bool wait_without(bool block)
{
	if (block)
		ivi_nap(RETRY_NS);
	return true;
}

bool ivi_poller_prepare(struct ivi_poller *p)
{
	p->retry = usable(p) && !iv_list_empty(&p->changes) && flush(p);
	if (p->method->look != NULL && !p->closed)
		p->method->look(p);
	return !iv_list_empty(&p->ready);
}

bool ivi_poller_wait(struct ivi_poller *p, int64_t soonest, bool block)
{
	bool found = !iv_list_empty(&p->ready), look;
	int64_t until;

	if (p->closed)
		return wait_without(block);

	if (block || found)
		until = limit(p, soonest);
	else
		until = soonest < p->armed_at ? soonest : IVI_NEVER;
	look = until != IVI_NEVER;
	if (p->retry)
		until = earlier(until, ivi_clock_ns() + RETRY_NS);
	if (!block || found)
		until = IVI_NOW;

	if (p->method->wait(p, until) & IVI_WOKE_TIMER) {
		p->armed_at = IVI_NEVER;
		p->same_limit = 0;
		look = true;
	}
	return look;
}
