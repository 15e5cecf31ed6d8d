/* SPDX-License-Identifier: MIT */
/*
 * timerq.c - the wheel; see timerq.h for the invariants.
 */
#include "base/timerq.h"

/* Slots with more timers than this are not searched for the exact soonest:
   the loop wakes up at the start of the slot instead and spreads it out. */
#define SEARCH_LIMIT	32

/* Slots with more timers than this are spread over the levels below rather
   than sorted: that touches each timer less often. */
#define SORT_LIMIT	8

/* Lists that are read at once, how far, and the first level where that may
   pay: a turn that is so late has many timers. */
#define FETCH_LISTS	8
#define FETCH_LENGTH	256
#define FETCH_FROM	(2 << IVI_TIMERQ_BITS)

/* The one after LH, which links back. */
static inline struct iv_list_head *after(const struct iv_list_head *lh)
{
	struct iv_list_head *next = lh->next;

	if (ivi_unlikely(next->prev != lh))
		ivi_timerq_broken(next);
	return next;
}

#define for_each_timer(lh, head)					\
	for (lh = after(head); lh != (head); lh = after(lh))

void ivi_timerq_init(struct ivi_timerq *q)
{
	INIT_IV_LIST_HEAD(&q->past);
	INIT_IV_LIST_HEAD(&q->due);
	q->soonest = INT64_MIN;
}

/* The list for AT, which is after base. */
static struct iv_list_head *slot_for(struct ivi_timerq *q, int64_t at)
{
	size_t n = ivi_timerq_slot(q, at);
	struct iv_list_head *head = &q->slot[n];

	if (!(q->used[n / 64] >> n % 64 & 1)) {
		INIT_IV_LIST_HEAD(head);
		q->used[n / 64] |= UINT64_C(1) << n % 64;
		q->words |= UINT32_C(1) << n / 64;
	}
	return head;
}

void ivi_timerq_insert(struct ivi_timerq *q, struct iv_list_head *timer,
		       int64_t now)
{
	int64_t at = ivi_timerq_deadline(timer);

	/* A base long past would have to be made up for by spreading out. */
	if (q->words == 0 && now > q->limit)
		q->base = q->limit = now;
	iv_list_add_tail(timer, at <= q->limit ? &q->past : slot_for(q, at));
	if (at < q->soonest) {
		q->soonest = at;
		q->first = timer;
	}
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

/* The exact soonest of slot N, or its start if it is crowded.  Also if that is
   over, and the slot is not: the program has changed what is queued, and the
   loop must not spin. */
static void search(struct ivi_timerq *q, int n)
{
	const struct iv_list_head *head = &q->slot[n], *lh;
	int count = 0;

	q->soonest = INT64_MAX;
	q->first = head->next;
	for_each_timer (lh, head) {
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
	if (ivi_unlikely(q->soonest <= q->limit))
		q->soonest = slot_start(q, n);
}

int64_t ivi_timerq_find_soonest(struct ivi_timerq *q)
{
	/* Neither an empty list nor a timer. */
	static const struct iv_list_head none = { NULL, NULL };
	int n;

	if (!iv_list_empty(&q->past) || !iv_list_empty(&q->due)) {
		q->soonest = q->limit;
		q->first = &q->past;
	} else if ((n = first_slot(q)) >= 0) {
		search(q, n);
	} else {
		q->soonest = INT64_MAX;
		q->first = &none;
	}
	return q->soonest;
}

/* ---- What is due -------------------------------------------------------- */

static bool in_order(const struct iv_list_head *head)
{
	const struct iv_list_head *lh;
	int64_t last = INT64_MIN;

	for_each_timer (lh, head) {
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
		bool a_first = ivi_timerq_deadline(a) <=
			       ivi_timerq_deadline(b);
		struct iv_list_head **from = a_first ? &a : &b;

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
	for_each_timer (lh, head)
		n++;
	lh = sort_chain(&rest, n);
	INIT_IV_LIST_HEAD(head);
	while (lh != NULL) {
		rest = lh->next;
		iv_list_add_tail(lh, head);
		lh = rest;
	}
}

static bool few(const struct iv_list_head *head)
{
	const struct iv_list_head *lh;
	int n = 0;

	for_each_timer (lh, head)
		if (++n > SORT_LIMIT)
			return false;
	return true;
}

/*
 * Reads the timers of slot N and of the next few that are due, which are all
 * over memory.  One list would be one cache miss after the other; those of
 * several lists overlap.
 */
static void fetch(struct ivi_timerq *q, int n, int64_t start)
{
	const struct iv_list_head *head[FETCH_LISTS], *lh[FETCH_LISTS];
	int shift = shift_of(n), i, lists = 0, steps = FETCH_LENGTH;
	uint64_t bits = q->used[n / 64] >> n % 64;
	int64_t more = (q->limit - start) >> shift;
	bool going;

	for (; bits != 0 && lists < FETCH_LISTS; bits &= bits - 1) {
		i = __builtin_ctzll(bits);
		if (i > more)
			break;
		q->fetched = start + ((int64_t)i << shift);
		head[lists] = &q->slot[n + i];
		lh[lists] = head[lists]->next;
		lists++;
	}
	do {
		going = false;
		for (i = 0; i < lists; i++) {
			if (lh[i] == head[i])
				continue;
			__builtin_prefetch(lh[i] + 1);
			lh[i] = lh[i]->next;
			going = true;
		}
	} while (going && --steps > 0);
}

/* Moves base to START, where slot N begins, and its timers to the levels
   below; those of START itself are due.  The list is read from its end as
   well, so that half of it is there when the other half has been moved. */
static void spread(struct ivi_timerq *q, int n, int64_t start)
{
	struct iv_list_head *lh, *next, *head = &q->slot[n];
	const struct iv_list_head *back = head->prev;

	slot_emptied(q, n);
	q->base = start;
	for (lh = after(head); lh != head; lh = next) {
		int64_t at = ivi_timerq_deadline(lh);

		next = after(lh);
		if (back == lh || back == next)
			back = head;
		if (back != head)
			back = back->prev;
		iv_list_add_tail(lh, at <= start ? &q->due : slot_for(q, at));
	}
}

/* Takes the first slot, or spreads it out.  False: nothing more is due. */
static bool take_first(struct ivi_timerq *q)
{
	int n = first_slot(q);
	struct iv_list_head *head;
	int64_t start, last;

	if (n < 0)
		return false;
	head = &q->slot[n];
	start = slot_start(q, n);
	if (start > q->limit)
		return false;
	last = start + ((INT64_C(1) << shift_of(n)) - 1);
	if (n >= FETCH_FROM && q->limit > last && start > q->fetched)
		fetch(q, n, start);
	if (q->limit >= last && (few(head) || in_order(head))) {
		sort(head);
		iv_list_splice_tail(head, &q->due);
		slot_emptied(q, n);
	} else {
		spread(q, n, start);
	}
	return true;
}

void ivi_timerq_begin(struct ivi_timerq *q, int64_t now)
{
	/* Inside a handler: what was due before comes before `past'. */
	while (q->base < q->limit && take_first(q))
		;
	sort(&q->past);
	iv_list_splice_tail_init(&q->past, &q->due);
	q->soonest = INT64_MIN;
	if (now > q->limit)
		q->limit = now;
}

struct iv_list_head *ivi_timerq_next(struct ivi_timerq *q)
{
	struct iv_list_head *timer;

	while (iv_list_empty(&q->due)) {
		if (!take_first(q)) {
			q->base = q->limit;
			return NULL;
		}
	}
	timer = after(&q->due);
	after(timer);
	iv_list_del(timer);
	return timer;
}
