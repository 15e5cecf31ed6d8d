/* SPDX-License-Identifier: MIT */
/*
 * timerq.c - the wheel; see timerq.h for the invariants.
 */
#include "base/timerq.h"

#include <stdbool.h>

/* Slots with more timers than this are not searched for the exact soonest:
   the loop wakes up at the start of the slot instead and spreads it out. */
#define SEARCH_LIMIT	32

/* Slots with more timers than this are spread over the levels below rather
   than sorted: that touches each timer less often. */
#define SORT_LIMIT	8

void ivi_timerq_init(struct ivi_timerq *q, int64_t now)
{
	INIT_IV_LIST_HEAD(&q->past);
	q->base = now;
	q->soonest = INT64_MIN;
}

/* The first slot that is not empty, or -1. */
static int first_slot(struct ivi_timerq *q)
{
	for (; q->words != 0; q->words &= q->words - 1) {
		int word = __builtin_ctz(q->words);
		uint64_t *used = &q->used[word];

		for (; *used != 0; *used &= *used - 1) {
			int n = word * 64 + __builtin_ctzll(*used);

			if (!iv_list_empty(&q->slot[n]))
				return n;
		}
	}
	return -1;
}

static void slot_emptied(struct ivi_timerq *q, int n)
{
	q->used[n / 64] &= ~(UINT64_C(1) << n % 64);
}

static int shift_of(int n)
{
	return n >> IVI_TIMERQ_BITS << 3;
}

/* The first time of slot N. */
static int64_t slot_start(const struct ivi_timerq *q, int n)
{
	int shift = shift_of(n);
	uint64_t span = UINT64_C(1) << shift, digit = (uint8_t)n;

	return (int64_t)(((uint64_t)q->base & -span << IVI_TIMERQ_BITS) |
			 digit << shift);
}

/* The exact soonest of slot N, or its start if it is crowded. */
static void search(struct ivi_timerq *q, int n)
{
	const struct iv_list_head *head = &q->slot[n], *lh;
	int count = 0;

	q->soonest = INT64_MAX;
	q->first = head->next;
	iv_list_for_each (lh, head) {
		int64_t at = ivi_timerq_deadline(lh);

		if (++count == SEARCH_LIMIT) {
			q->soonest = slot_start(q, n);
			q->first = head;
			return;
		}
		if (at < q->soonest) {
			q->soonest = at;
			q->first = lh;
		}
	}
}

int64_t ivi_timerq_find_soonest(struct ivi_timerq *q)
{
	/* Neither an empty list nor a timer. */
	static const struct iv_list_head none = { NULL, NULL };
	int n;

	if (!iv_list_empty(&q->past)) {
		q->soonest = q->base;
		q->first = &q->past;
	} else if ((n = first_slot(q)) >= 0) {
		search(q, n);
	} else {
		q->soonest = INT64_MAX;
		q->first = &none;
	}
	return q->soonest;
}

/* ---- Collecting --------------------------------------------------------- */

static bool in_order(const struct iv_list_head *head)
{
	const struct iv_list_head *lh;
	int64_t last = INT64_MIN;

	iv_list_for_each (lh, head) {
		int64_t at = ivi_timerq_deadline(lh);

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
			ivi_timerq_deadline(a) <= ivi_timerq_deadline(b) ? &a : &b;

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

/* Moves base to START, where slot N begins, and its timers to the levels
   below; those of START itself are due. */
static void spread(struct ivi_timerq *q, int n, int64_t start,
		   struct iv_list_head *due)
{
	struct iv_list_head *lh, *next, *head = &q->slot[n];

	slot_emptied(q, n);
	q->base = start;
	for (lh = head->next; lh != head; lh = next) {
		next = lh->next;
		iv_list_add_tail(lh, ivi_timerq_place(q,
						ivi_timerq_deadline(lh)));
	}
	iv_list_splice_tail_init(&q->past, due);
}

/* Takes the first slot, or spreads it out.  False: nothing more is due. */
static bool take_first(struct ivi_timerq *q, int64_t now,
		       struct iv_list_head *due)
{
	int n = first_slot(q);
	struct iv_list_head *head;
	int64_t start, last;

	if (n < 0)
		return false;
	head = &q->slot[n];
	start = slot_start(q, n);
	if (start > now)
		return false;
	last = start + ((INT64_C(1) << shift_of(n)) - 1);
	if (now >= last && (few(head) || in_order(head))) {
		take(head, due);
		slot_emptied(q, n);
	} else {
		spread(q, n, start, due);
	}
	return true;
}

void ivi_timerq_collect(struct ivi_timerq *q, int64_t now,
			struct iv_list_head *due)
{
	if (now < ivi_timerq_soonest(q))
		return;
	q->soonest = INT64_MIN;
	take(&q->past, due);
	while (take_first(q, now, due))
		;
	if (now > q->base)
		q->base = now;
}
