/* SPDX-License-Identifier: MIT */
/*
 * timerq.c - the wheel; see timerq.h for the invariants.
 */
#include "base/timerq.h"
#include "base/compiler.h"
#include "base/timespec.h"

/* Slots with more timers than this are not searched for the exact soonest:
   the loop wakes up at the start of the slot instead and spreads it out. */
#define SEARCH_LIMIT	32

/* Slots with more timers than this are spread over the levels below rather
   than sorted: that touches each timer less often. */
#define SORT_LIMIT	8

#define FIRST(bits)	__builtin_ctzll(bits)

static int64_t deadline(const struct iv_list_head *lh)
{
	const struct iv_timer *t = (const struct iv_timer *)
		((uintptr_t)lh - offsetof(struct iv_timer, pad));

	return ivi_ts_to_ns(&t->expires);
}

/* The highest digit in which two different times differ. */
static int level_of(int64_t a, int64_t b)
{
	return (63 - __builtin_clzll((uint64_t)(a ^ b))) / IVI_TIMERQ_BITS;
}

static int digit(int64_t at, int level)
{
	return (at >> (level * IVI_TIMERQ_BITS)) & (IVI_TIMERQ_SLOTS - 1);
}

void ivi_timerq_init(struct ivi_timerq *q)
{
	INIT_IV_LIST_HEAD(&q->past);
}

/* The list on which a timer belongs. */
static struct iv_list_head *place(struct ivi_timerq *q, int64_t at)
{
	struct iv_list_head *head;
	int level, d;

	if (at <= q->base)
		return &q->past;
	level = level_of(at, q->base);
	d = digit(at, level);
	head = &q->slot[level][d];
	if (!(q->used[level] >> d & 1)) {
		INIT_IV_LIST_HEAD(head);
		q->used[level] |= UINT64_C(1) << d;
		q->levels |= UINT32_C(1) << level;
	}
	return head;
}

/* HEAD, which may be any list, has become empty. */
static void slot_emptied(struct ivi_timerq *q, struct iv_list_head *head)
{
	size_t n = ((uintptr_t)head - (uintptr_t)q->slot) / sizeof(*head);
	unsigned level = (unsigned)(n / IVI_TIMERQ_SLOTS);

	if (n >= IVI_TIMERQ_LEVELS * IVI_TIMERQ_SLOTS)
		return;
	q->used[level] &= ~(UINT64_C(1) << n % IVI_TIMERQ_SLOTS);
	if (q->used[level] == 0)
		q->levels &= ~(UINT32_C(1) << level);
}

void ivi_timerq_insert(struct ivi_timerq *q, struct iv_list_head *timer)
{
	int64_t at = deadline(timer);

	iv_list_add_tail(timer, place(q, at));
	if (at < q->soonest)
		q->soonest = at;
}

void ivi_timerq_remove(struct ivi_timerq *q, struct iv_list_head *timer)
{
	struct iv_list_head *next = timer->next, *prev = timer->prev;

	prev->next = next;
	next->prev = prev;
	if (next == prev)
		slot_emptied(q, next);
	if (deadline(timer) <= q->soonest || q->levels == 0)
		q->soonest_known = false;
}

/* The first time of slot D at LEVEL. */
static int64_t slot_start(const struct ivi_timerq *q, int level, int d)
{
	int shift = (level + 1) * IVI_TIMERQ_BITS;
	int64_t high = shift < 63 ? q->base >> shift << shift : 0;

	return high | (int64_t)d << (level * IVI_TIMERQ_BITS);
}

/* The exact soonest of the first slot, or its start if it is crowded. */
static int64_t first_slot_soonest(const struct ivi_timerq *q)
{
	int level = FIRST(q->levels);
	int d = FIRST(q->used[level]), n = 0;
	const struct iv_list_head *head = &q->slot[level][d], *lh;
	int64_t min = INT64_MAX;

	iv_list_for_each (lh, head) {
		int64_t at = deadline(lh);

		if (at < min)
			min = at;
		if (++n == SEARCH_LIMIT)
			break;
	}
	return n < SEARCH_LIMIT ? min : slot_start(q, level, d);
}

int64_t ivi_timerq_soonest(struct ivi_timerq *q)
{
	if (q->soonest_known)
		return q->soonest;
	if (!iv_list_empty(&q->past))
		q->soonest = q->base;
	else if (q->levels != 0)
		q->soonest = first_slot_soonest(q);
	else
		q->soonest = INT64_MAX;
	q->soonest_known = true;
	return q->soonest;
}

/* ---- Collecting --------------------------------------------------------- */

static bool in_order(const struct iv_list_head *head)
{
	const struct iv_list_head *lh;
	int64_t last = INT64_MIN;

	iv_list_for_each (lh, head) {
		int64_t at = deadline(lh);

		if (at < last)
			return false;
		last = at;
	}
	return true;
}

/* Merges two chains that end in NULL; A's come first among equals. */
static struct iv_list_head *merge(struct iv_list_head *a,
				  struct iv_list_head *b)
{
	struct iv_list_head *first, **tail = &first;

	while (a != NULL && b != NULL) {
		struct iv_list_head **from =
			deadline(a) <= deadline(b) ? &a : &b;

		*tail = *from;
		tail = &(*from)->next;
		*from = *tail;
	}
	*tail = a != NULL ? a : b;
	return first;
}

/* Cuts N elements off the front of REST and makes a sorted chain of them. */
static struct iv_list_head *sort_chain(struct iv_list_head **rest, size_t n)
{
	struct iv_list_head *a, *b;

	if (n == 1) {
		a = *rest;
		*rest = a->next;
		a->next = NULL;
		return a;
	}
	a = sort_chain(rest, n / 2);
	b = sort_chain(rest, n - n / 2);
	return merge(a, b);
}

static void sort(struct iv_list_head *head)
{
	struct iv_list_head *lh, *rest = head->next;
	size_t n = 0;

	if (in_order(head))
		return;
	iv_list_for_each (lh, head)
		n++;
	lh = sort_chain(&rest, n);
	INIT_IV_LIST_HEAD(head);
	while (lh != NULL) {
		rest = lh->next;
		iv_list_add_tail(lh, head);
		lh = rest;
	}
}

/* The whole of LIST is due. */
static void take(struct iv_list_head *list, struct iv_list_head *due)
{
	sort(list);
	iv_list_splice_tail_init(list, due);
}

static bool few(const struct iv_list_head *head)
{
	const struct iv_list_head *lh;
	int n = 0;

	iv_list_for_each (lh, head)
		if (++n > SORT_LIMIT)
			return false;
	return true;
}

/* Moves base to START, where the first slot begins, and its timers to the
   levels below; those of START itself are due. */
static void spread(struct ivi_timerq *q, struct iv_list_head *head,
		   int64_t start, struct iv_list_head *due)
{
	struct iv_list_head list, *lh, *lh2;

	INIT_IV_LIST_HEAD(&list);
	iv_list_splice_tail_init(head, &list);
	slot_emptied(q, head);
	q->base = start;
	iv_list_for_each_safe (lh, lh2, &list)
		iv_list_add_tail(lh, place(q, deadline(lh)));
	iv_list_splice_tail_init(&q->past, due);
}

/* Takes the first slot, or spreads it out.  False: nothing more is due. */
static bool take_first(struct ivi_timerq *q, int64_t now,
		       struct iv_list_head *due)
{
	int level = FIRST(q->levels);
	int d = FIRST(q->used[level]);
	struct iv_list_head *head = &q->slot[level][d];
	int64_t start = slot_start(q, level, d);
	int64_t last = (INT64_C(1) << (level * IVI_TIMERQ_BITS)) - 1;

	if (start > now)
		return false;
	if (now - start >= last && (few(head) || in_order(head))) {
		take(head, due);
		slot_emptied(q, head);
	} else {
		spread(q, head, start, due);
	}
	return true;
}

void ivi_timerq_collect(struct ivi_timerq *q, int64_t now,
			struct iv_list_head *due)
{
	if (now < ivi_timerq_soonest(q))
		return;
	q->soonest_known = false;
	take(&q->past, due);
	while (q->levels != 0 && take_first(q, now, due))
		;
	if (now > q->base)
		q->base = now;
}
