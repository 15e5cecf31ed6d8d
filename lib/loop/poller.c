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
#include <string.h>

/* How long to wait before trying again what memory or descriptors were
   lacking for. */
#define RETRY_NS	(10 * INT64_C(1000000))

/* So many waits with one limit make a kernel timer worth its system call. */
#define ARM_AFTER	5

/* The default method, once there is one. */
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
	struct ivi_poller *p = ivi_alloc(m->size);

	if (p == NULL)
		return NULL;
	memset(p, 0, m->zeroed != 0 ? m->zeroed : m->size);
	p->method = m;
	p->generation = ivi_fork_generation();
	p->armed_at = IVI_NEVER;
	INIT_IV_LIST_HEAD(&p->ready);
	INIT_IV_LIST_HEAD(&p->kicked);
	INIT_IV_LIST_HEAD(&p->changes);
	INIT_IV_LIST_HEAD(&p->all);
	errno = -m->open(p);
	if (errno == 0)
		return p;
	ivi_free(p);
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

static struct ivi_poller *open_selected(const char *fn, const char *name)
{
	const struct ivi_poll_method *const *m, *found = find_method(name);
	struct ivi_poller *p = found != NULL ? try_method(found) : NULL;
	int err = errno;
	char all[400] = "";

	if (p != NULL || fn == NULL) {
		errno = found != NULL ? err : EINVAL;
		return p;
	}
	for_each_method (m)
		append(all, sizeof(all), (*m)->name, NULL);
	iv_fatal("%s: IV_SELECT_POLL_METHOD: \"%.60s\" is %s%s%s; "
		 "available: %s", fn, name, found ? "unusable (" : "unknown",
		 found ? ivi_errname(err) : "", found ? ")" : "", all);
}

static struct ivi_poller *open_first(const char *fn)
{
	const char *exclude = ivi_getenv("IV_EXCLUDE_POLL_METHOD");
	const struct ivi_poll_method *const *m;
	char tried[600] = "";

	errno = EINVAL;
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
	if (fn == NULL)
		return NULL;
	iv_fatal("%s: no poll method can be used: %s", fn, tried);
}

static struct ivi_poller *open_named(const char *name)
{
	const struct ivi_poll_method *m = find_method(name);

	if (m != NULL)
		return try_method(m);
	errno = EINVAL;
	return NULL;
}

static struct ivi_poller *open_default(const char *fn)
{
	const struct ivi_poll_method *m =
		__atomic_load_n(&chosen, __ATOMIC_ACQUIRE);
	const char *select;
	struct ivi_poller *p;

	if (m != NULL)
		return try_method(m);
	select = ivi_getenv("IV_SELECT_POLL_METHOD");
	p = select != NULL && *select != '\0' ? open_selected(fn, select)
					      : open_first(fn);
	if (p != NULL)
		__atomic_store_n(&chosen, p->method, __ATOMIC_RELEASE);
	return p;
}

struct ivi_poller *ivi_poller_new(const char *fn, const char *name)
{
	return name != NULL ? open_named(name) : open_default(fn);
}

const char *ivi_poller_method_name(void)
{
	const struct ivi_poll_method *m =
		__atomic_load_n(&chosen, __ATOMIC_ACQUIRE);

	return m != NULL ? m->name : NULL;
}

void ivi_poller_free(struct ivi_poller *p)
{
	p->ending = true;
	if (!p->closed)
		p->method->close(p);
	ivi_free(p);
}

/* ---- Starting over -------------------------------------------------------- */

/* Queues F to be told to the kernel anew, but not in the place of another file
   that has its number now. */
static void forget_armed(struct ivi_poller *p, struct ivi_fd *f)
{
	f->armed = f->flags & IVI_FD_LOST ? f->wanted : 0;
	f->flags &= (uint16_t)~IVI_FD_LOST;
	f->index = -1;
	ivi_poller_update(p, f);
}

/* Notes those whose number has become another file. */
static void find_lost(struct ivi_poller *p)
{
	struct iv_list_head *lh;

	iv_list_for_each (lh, &p->all) {
		struct ivi_fd *f = iv_container_of(lh, struct ivi_fd, all);

		if (f->armed != 0 && p->method->lost(p, f))
			f->flags |= IVI_FD_LOST;
	}
}

void ivi_poller_reopen(struct ivi_poller *p)
{
	struct iv_list_head *lh;

	if (!p->closed && p->method->lost != NULL &&
	    p->generation == ivi_fork_generation())
		find_lost(p);
	if (!p->closed)
		p->method->close(p);
	p->error = p->method->open(p);
	p->closed = p->error < 0;
	p->generation = p->closed ? IVI_NO_GENERATION : ivi_fork_generation();
	p->armed_at = IVI_NEVER;
	p->same_limit = 0;
	iv_list_for_each (lh, &p->all)
		forget_armed(p, iv_container_of(lh, struct ivi_fd, all));
}

static __attribute__((noinline, cold)) bool revive(struct ivi_poller *p)
{
	ivi_fork_notice();
	ivi_poller_reopen(p);
	return !p->closed;
}

/*
 * True if the kernel object may be used.  One that was inherited over
 * fork(2) is shared with the parent, whose set must not be disturbed.
 * One comparison, also if it is closed: that has no generation.
 */
static inline bool usable(struct ivi_poller *p)
{
	return ivi_likely(p->generation == ivi_fork_generation()) || revive(p);
}

int ivi_poller_renew(struct ivi_poller *p)
{
	return usable(p) ? 0 : p->error;
}

int ivi_poller_descriptor(struct ivi_poller *p)
{
	if (p->method->descriptor == NULL)
		return -ENOTSUP;
	return usable(p) ? p->method->descriptor(p) : p->error;
}

/* ---- Descriptors ---------------------------------------------------------- */

void ivi_poller_add(struct ivi_poller *p, struct ivi_fd *f)
{
	INIT_IV_LIST_HEAD(&f->change);
	f->armed = 0;
	f->ready = 0;
	f->index = -1;
	iv_list_add_tail(&f->all, &p->all);
}

void ivi_poller_update(struct ivi_poller *p, struct ivi_fd *f)
{
	if (f->wanted == (f->armed & (IVI_BANDS | IVI_STALE))) {
		if (!iv_list_empty(&f->change))
			iv_list_del_init(&f->change);
		return;
	}
	if (iv_list_empty(&f->change))
		iv_list_add_tail(&f->change, &p->changes);
	if (p->method->caps & IVI_CAP_EAGER)
		ivi_poller_sync(p, f);
}

/* What cannot be watched is always ready, if the program wants to see it so. */
static __attribute__((noinline))
int apply_any(struct ivi_poller *p, struct ivi_fd *f)
{
	int ret;

	if (!(f->flags & IVI_FD_ALWAYS)) {
		ret = p->method->apply(p, f);
		if (ret != -EPERM)
			return ret;
		f->flags |= IVI_FD_ALWAYS;
		ivi_poller_kick(p, f, IVI_IN | IVI_OUT);
	}
	f->armed = f->wanted;
	return 0;
}

static inline int apply(struct ivi_poller *p, struct ivi_fd *f)
{
	return ivi_unlikely(f->options & IV_FD_ANY) ? apply_any(p, f) :
	       p->method->apply(p, f);
}

int ivi_poller_sync(struct ivi_poller *p, struct ivi_fd *f)
{
	int ret = usable(p) ? apply(p, f) : -ENOMEM;

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
	f->wanted = 0;
	f->ready = 0;
	f->flags |= IVI_FD_GONE;
	if (f->armed != 0 && open && !(f->flags & IVI_FD_ALWAYS))
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
		int ret = apply(p, f);

		iv_list_del_init(&f->change);
		if (ret == 0)
			continue;
		if (ivi_poller_passes(ret)) {
			iv_list_add_tail(&f->change, &later);
			continue;
		}
		f->flags |= IVI_FD_REFUSED;
		if (f->wanted != 0)
			ivi_ready(p, f, IVI_BANDS);
	}
	iv_list_splice_tail_init(&later, &p->changes);
	return !iv_list_empty(&p->changes);
}

void ivi_poller_ask(struct ivi_poller *p, struct ivi_fd *f)
{
	unsigned what = f->wanted, got;

	if (what == 0)
		return;
	if (!(f->flags & IVI_FD_PRI))
		what &= ~(unsigned)IVI_ERR;
	got = ivi_fd_ready(ivi_fd_pub(f)->fd, what);
	if (got != 0)
		ivi_ready(p, f, got);
}

/* What the kernel does not watch for want of room or memory is asked for
   instead, however long that lasts: seldom, since an edge would be seen again
   and again. */
static __attribute__((noinline, cold)) void ask_all(struct ivi_poller *p)
{
	int64_t now = ivi_clock_ns();
	struct iv_list_head *lh;

	if (now < p->ask_at)
		return;
	p->ask_at = now + RETRY_NS;
	iv_list_for_each (lh, &p->changes)
		ivi_poller_ask(p, iv_container_of(lh, struct ivi_fd, change));
}

/* ---- Kicks ----------------------------------------------------------------- */

void ivi_poller_kick(struct ivi_poller *p, struct ivi_fd *f, unsigned bands)
{
	unsigned before = f->ready;

	f->ready = (uint8_t)(before | bands << IVI_NEXT_SHIFT);
	if (before == 0)
		iv_list_add_tail(&f->ready_node, &p->kicked);
}

/* The new kernel object will report them again, kicks it will not. */
void ivi_poller_forked(struct ivi_poller *p)
{
	struct iv_list_head *lh, *next;

	iv_list_for_each_safe (lh, next, &p->ready) {
		struct ivi_fd *f = iv_container_of(lh, struct ivi_fd,
						   ready_node);
		unsigned kicked = f->ready >> IVI_NEXT_SHIFT & IVI_BANDS;

		if (f->ready & IVI_KEEP)
			kicked |= f->ready & IVI_BANDS;
		iv_list_del(lh);
		f->ready = 0;
		if (kicked != 0)
			ivi_poller_kick(p, f, kicked);
	}
}

/* The next turn has come. */
static __attribute__((noinline)) void take_kicked(struct ivi_poller *p)
{
	struct iv_list_head *lh;

	iv_list_for_each (lh, &p->kicked) {
		struct ivi_fd *f = iv_container_of(lh, struct ivi_fd,
						   ready_node);

		f->ready = (uint8_t)((f->ready | f->ready >> IVI_NEXT_SHIFT) &
				     IVI_BANDS) | IVI_KEEP;
	}
	iv_list_splice_tail_init(&p->kicked, &p->ready);
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

/* No kernel object to be had. */
static bool wait_without(bool block)
{
	if (block)
		ivi_nap(RETRY_NS);
	return true;
}

bool ivi_poller_prepare(struct ivi_poller *p)
{
	p->retry = (ivi_unlikely(p->closed) && !usable(p)) ||
		   (!iv_list_empty(&p->changes) && flush(p));
	if (!iv_list_empty(&p->kicked))
		take_kicked(p);
	if (ivi_unlikely(p->retry))
		ask_all(p);
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

void ivi_poller_settle(struct ivi_poller *p, int64_t soonest)
{
	ivi_poller_prepare(p);
	if ((p->method->caps & IVI_CAP_STAGES) && !p->closed)
		ivi_poller_wait(p, soonest, false);
}

int64_t ivi_poller_limit(const struct ivi_poller *p, int64_t soonest)
{
	return p->retry || p->closed ?
	       earlier(soonest, ivi_clock_ns() + RETRY_NS) : soonest;
}
