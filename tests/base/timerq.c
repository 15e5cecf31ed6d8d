/* SPDX-License-Identifier: MIT */
/*
 * timerq.c - tests of the timer queue: against a model that keeps every
 * timer in one array sorted by deadline and then by order of insertion.
 */
#include <stdlib.h>
#include "base/timerq.h"
#include "base/timespec.h"
#include "harness/test.h"

static struct ivi_timerq q;
static int64_t now;

static uint64_t seed = 1;

/* Marsaglia's xorshift, 13-7-17. */
static uint64_t any(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static uint64_t below(uint64_t n)
{
	return any() % n;
}

static struct iv_list_head *node(struct iv_timer *t)
{
	return (struct iv_list_head *)t->pad;
}

static struct iv_timer *timer(const struct iv_list_head *lh)
{
	return (struct iv_timer *)
		((uintptr_t)lh - offsetof(struct iv_timer, pad));
}

static int64_t clamp(int64_t sec)
{
	if (sizeof(time_t) > 4)
		return sec;
	return sec > INT32_MAX ? INT32_MAX : sec < INT32_MIN ? INT32_MIN : sec;
}

/* The deadline it got: AT, unless time_t is too small for that. */
static int64_t insert(struct iv_timer *t, int64_t at)
{
	t->expires.tv_sec = (time_t)clamp(at / IVI_SEC);
	t->expires.tv_nsec = (long)(at % IVI_SEC);
	if (!ivi_timerq_try_insert(&q, node(t)))
		ivi_timerq_insert(&q, node(t), now);
	return ivi_ts_to_ns(&t->expires);
}

static void need_far_times(void)
{
	if (sizeof(time_t) == 4)
		SKIP("time_t has 32 bits");
}

static void begin(void)
{
	memset(&q, 0, sizeof(q));
	now = -1;
	ivi_timerq_init(&q);
}

/* ---- The model ------------------------------------------------------------ */

#define TIMERS	500

static struct entry {
	struct iv_timer	t;
	int64_t	at;
	enum { IDLE, QUEUED, DUE } state;
} entries[TIMERS];

/* Sorted by deadline; equal ones in order of insertion. */
struct model {
	struct entry	*e[TIMERS];
	int	num;
};

static struct model queued, due;

static void model_insert(struct model *m, struct entry *e)
{
	int i = m->num++;

	for (; i > 0 && m->e[i - 1]->at > e->at; i--)
		m->e[i] = m->e[i - 1];
	m->e[i] = e;
}

static void model_remove(struct model *m, const struct entry *e)
{
	int i = 0;

	while (m->e[i] != e)
		i++;
	for (m->num--; i < m->num; i++)
		m->e[i] = m->e[i + 1];
}

static int64_t plus(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return b > 0 ? INT64_MAX : INT64_MIN;
	return sum;
}

/* All distances from now, in both directions, and many that coincide. */
static int64_t some_deadline(void)
{
	int64_t distance = (int64_t)(any() >> (1 + below(63)));

	switch (below(16)) {
	case 0:
		return 0;
	case 1:
		return INT64_MAX;
	case 2:
		return INT64_MIN;
	case 3:
		return plus(now, -distance);
	case 4:
		return now - (int64_t)below(100);
	case 5:
	case 6:
		return plus(now, 1000);
	case 7:
	case 8:
		return plus(now | 4095, (int64_t)below(3));
	default:
		return plus(now, distance);
	}
}

static void add_one(void)
{
	struct entry *e = &entries[below(TIMERS)];

	if (e->state != IDLE)
		return;
	e->at = insert(&e->t, some_deadline());
	e->state = QUEUED;
	model_insert(&queued, e);
}

static void remove_one(void)
{
	struct entry *e = &entries[below(TIMERS)];

	if (e->state == IDLE)
		return;
	ivi_timerq_remove(&q, node(&e->t));
	model_remove(e->state == QUEUED ? &queued : &due, e);
	e->state = IDLE;
}

static void check_soonest(void)
{
	int64_t soonest = ivi_timerq_soonest(&q);

	CHECK_INT(ivi_timerq_soonest(&q), ==, soonest);
	if (due.num > 0)
		CHECK_INT(soonest, <=, now);
	else if (queued.num == 0)
		CHECK_INT(soonest, ==, INT64_MAX);
	else if (queued.e[0]->at > now)
		CHECK_INT(soonest, <=, queued.e[0]->at);
	else
		CHECK_INT(soonest, <=, now);
}

/* Both sides settle what is due now. */
static void begin_now(void)
{
	ivi_timerq_begin(&q, now);
	while (queued.num > 0 && queued.e[0]->at <= now) {
		struct entry *e = queued.e[0];

		model_remove(&queued, e);
		e->state = DUE;
		due.e[due.num++] = e;
	}
}

/* Time passes: by a bit, by a lot, to a deadline, or just short of one. */
static void pass_time(void)
{
	int64_t to = now;

	switch (below(4)) {
	case 0:
		to = plus(now, (int64_t)below(5000));
		break;
	case 1:
		to = plus(now, (int64_t)(any() >> (10 + below(53))));
		break;
	case 2:
		if (queued.num > 0)
			to = queued.e[below((uint64_t)queued.num)]->at;
		break;
	default:
		if (queued.num > 0)
			to = plus(queued.e[0]->at, -1);
	}
	if (to > now && to < INT64_MAX)
		now = to;
}

/* "Handlers" insert, remove, ask, and begin anew. */
static void collect(void)
{
	struct iv_list_head *lh;

	begin_now();
	while ((lh = ivi_timerq_next(&q)) != NULL) {
		struct entry *e = due.e[0];

		CHECK_INT(due.num, >, 0);
		CHECK_PTR(timer(lh), ==, &e->t);
		model_remove(&due, e);
		e->state = IDLE;
		if (below(4) == 0)
			remove_one();
		if (below(4) == 0)
			add_one();
		if (below(16) == 0)
			check_soonest();
		if (below(32) == 0) {
			pass_time();
			begin_now();
		}
	}
	CHECK_INT(due.num, ==, 0);
}

static void run_model(uint64_t start, int steps)
{
	int i;

	seed = start * UINT64_C(0x9e3779b97f4a7c15) + 1;
	begin();
	memset(entries, 0, sizeof(entries));
	queued.num = due.num = 0;
	now = (int64_t)(any() >> (1 + below(63)));
	for (i = 0; i < steps; i++) {
		uint64_t what = below(10);

		if (what < 5)
			add_one();
		else if (what < 7)
			remove_one();
		else if (what < 9)
			check_soonest();
		else {
			pass_time();
			collect();
		}
	}
	now = INT64_MAX;
	collect();
}

TEST_ONCE(agrees_with_a_sorted_list)
{
	uint64_t step = time_scale() > 1 ? 10 : 1, i;

	for (i = 1; i <= 200; i += step)
		run_model(i, 3000);
}

/* ---- By hand -------------------------------------------------------------- */

static struct iv_timer few[8];

static int64_t due_count(int64_t at)
{
	int n = 0;

	ivi_timerq_begin(&q, at);
	while (ivi_timerq_next(&q) != NULL)
		n++;
	return n;
}

TEST_ONCE(an_empty_queue_wants_nothing)
{
	begin();
	CHECK_INT(ivi_timerq_soonest(&q), ==, INT64_MAX);
	CHECK_INT(due_count(INT64_MAX), ==, 0);
	CHECK_INT(ivi_timerq_soonest(&q), ==, INT64_MAX);
}

TEST_ONCE(due_means_not_later_than_now)
{
	begin();
	insert(&few[0], 1000);
	CHECK_INT(ivi_timerq_soonest(&q), ==, 1000);
	CHECK_INT(due_count(999), ==, 0);
	CHECK_INT(due_count(1000), ==, 1);
	CHECK_INT(due_count(1001), ==, 0);
}

/* So that a loop with one timer sleeps exactly until it is due. */
TEST_ONCE(soonest_is_exact_with_few_timers)
{
	int64_t at, end = INT32_MAX * IVI_SEC;
	int i;

	for (at = 1; at < end; at = at * 3 + 1) {
		begin();
		for (i = 0; i < 8; i++)
			insert(&few[i], at + (7 - i));
		CHECK_INT(ivi_timerq_soonest(&q), ==, at);
		CHECK_INT(due_count(at - 1), ==, 0);
		CHECK_INT(ivi_timerq_soonest(&q), ==, at);
		for (i = 0; i < 8; i++)
			CHECK_INT(due_count(at + i), ==, 1);
	}
}

TEST_ONCE(never_is_never_due_before_the_end_of_time)
{
	need_far_times();
	begin();
	insert(&few[0], INT64_MAX);
	insert(&few[1], INT64_MAX - 1);
	CHECK_INT(due_count(INT64_MAX - 2), ==, 0);
	CHECK_INT(due_count(INT64_MAX - 1), ==, 1);
	CHECK_INT(due_count(INT64_MAX), ==, 1);
}

TEST_ONCE(negative_deadlines_are_due_in_order)
{
	begin();
	insert(&few[0], -5);
	insert(&few[1], INT64_MIN);
	insert(&few[2], 0);
	insert(&few[3], -6);
	CHECK_INT(ivi_timerq_soonest(&q), <=, 0);
	ivi_timerq_begin(&q, 0);
	CHECK_PTR(timer(ivi_timerq_next(&q)), ==, &few[1]);
	CHECK_PTR(timer(ivi_timerq_next(&q)), ==, &few[3]);
	CHECK_PTR(timer(ivi_timerq_next(&q)), ==, &few[0]);
	CHECK_PTR(timer(ivi_timerq_next(&q)), ==, &few[2]);
	CHECK_PTR(ivi_timerq_next(&q), ==, NULL);
}

/* The removed one may be the only one in its slot, or not. */
TEST_ONCE(removing_gives_the_next_soonest)
{
	begin();
	insert(&few[0], 100);
	insert(&few[1], 100);
	insert(&few[2], 5000);
	ivi_timerq_remove(&q, node(&few[0]));
	CHECK_INT(ivi_timerq_soonest(&q), ==, 100);
	ivi_timerq_remove(&q, node(&few[1]));
	CHECK_INT(ivi_timerq_soonest(&q), ==, 5000);
	ivi_timerq_remove(&q, node(&few[2]));
	CHECK_INT(ivi_timerq_soonest(&q), ==, INT64_MAX);
	CHECK_INT(q.words, ==, 0);
}

/* ---- Many ------------------------------------------------------------------ */

#define MANY	1000000

static struct iv_timer *many;
static uint32_t *order;

static void shuffle(unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		order[i] = i;
	for (i = n - 1; i > 0; i--) {
		unsigned k = (unsigned)below(i + 1);
		uint32_t swap = order[i];

		order[i] = order[k];
		order[k] = swap;
	}
}

/* Takes out all that is due at AT; they must be the next ones. */
static unsigned take_next(int64_t at, unsigned next)
{
	struct iv_list_head *lh;

	ivi_timerq_begin(&q, at);
	while ((lh = ivi_timerq_next(&q)) != NULL) {
		CHECK_PTR(timer(lh), ==, &many[next]);
		next++;
	}
	return next;
}

static void many_in_order(int64_t start, int64_t distance, uint64_t stride)
{
	unsigned n = time_scale() > 1 ? MANY / 20 : MANY, i, next = 0;
	int64_t at;

	/* A second of work, which a crowded machine may spread out. */
	time_limit(60);
	many = calloc(n, sizeof(*many));
	order = calloc(n, sizeof(*order));
	CHECK(many != NULL && order != NULL);
	shuffle(n);
	begin();
	for (i = 0; i < n; i++)
		insert(&many[order[i]], start + (int64_t)order[i] * distance);
	while (next < n) {
		at = plus(ivi_timerq_soonest(&q), (int64_t)below(stride));
		next = take_next(at, next);
	}
	CHECK_INT(ivi_timerq_soonest(&q), ==, INT64_MAX);
	free(many);
	free(order);
}

TEST_ONCE(a_million_timers_one_nanosecond_apart)
{
	many_in_order(123456789012345, 1, 1000);
}

TEST_ONCE(a_million_timers_one_after_the_other)
{
	many_in_order(123456789012345, 1, 1);
}

TEST_ONCE(a_million_timers_all_over_the_centuries)
{
	need_far_times();
	many_in_order(1, INT64_MAX / MANY, UINT64_C(1) << 50);
}

TEST_ONCE(a_million_equal_timers_come_first_in_first_out)
{
	unsigned n = time_scale() > 1 ? MANY / 20 : MANY, i;

	time_limit(60);
	many = calloc(n, sizeof(*many));
	CHECK(many != NULL);
	begin();
	for (i = 0; i < n; i++)
		insert(&many[i], 77777777777);
	CHECK_INT(take_next(77777777776, 0), ==, 0);
	CHECK_INT(take_next(77777777777, 0), ==, n);
	free(many);
}

/* Half of them go, and the soonest moves along. */
TEST_ONCE(soonest_never_oversleeps_while_timers_go)
{
	unsigned n = 20000, i;
	int64_t soonest;

	many = calloc(n, sizeof(*many));
	CHECK(many != NULL);
	begin();
	for (i = 0; i < n; i++)
		insert(&many[i], 1000 + i * INT64_C(7));
	for (i = 0; i < n; i++) {
		soonest = ivi_timerq_soonest(&q);
		CHECK_INT(soonest, <=, 1000 + i * INT64_C(7));
		ivi_timerq_remove(&q, node(&many[i]));
	}
	CHECK_INT(ivi_timerq_soonest(&q), ==, INT64_MAX);
	free(many);
}
