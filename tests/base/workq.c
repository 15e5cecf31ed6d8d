/* SPDX-License-Identifier: MIT */
/*
 * workq.c - tests of the way of items through a work pool: against a model
 * that numbers them, and with threads that take.
 */
#include <pthread.h>
#include "base/workq.h"
#include "harness/test.h"

#define ITEMS	2000

static struct ivi_work items[ITEMS];
static struct ivi_workq q;
static uint64_t seed = 1;

static unsigned below(unsigned n)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (unsigned)(seed >> 33) % n;
}

static int number(const struct ivi_work *e)
{
	return e != NULL ? (int)(e - items) : -1;
}

TEST(list_in_order)
{
	struct ivi_worklist a, b;
	int i;

	ivi_worklist_init(&a);
	ivi_worklist_init(&b);
	ivi_worklist_append(&a, &b);
	CHECK(ivi_worklist_take(&a) == NULL);
	for (i = 0; i < 4; i++)
		ivi_worklist_add(i < 2 ? &a : &b, &items[i]);
	ivi_worklist_append(&a, &b);
	CHECK(b.first == NULL);
	CHECK(ivi_worklist_remove(&a, &items[3]));
	CHECK(!ivi_worklist_remove(&a, &items[3]));
	ivi_worklist_add(&a, &items[4]);
	CHECK(ivi_worklist_remove(&a, &items[0]));
	CHECK_INT(number(ivi_worklist_take(&a)), ==, 1);
	CHECK_INT(number(ivi_worklist_take(&a)), ==, 2);
	CHECK_INT(number(ivi_worklist_take(&a)), ==, 4);
	CHECK(ivi_worklist_take(&a) == NULL);
}

/* What the model holds: numbers, oldest first. */
static int model[ITEMS], length;

static void model_remove(int at)
{
	memmove(&model[at], &model[at + 1],
		(size_t)(--length - at) * sizeof(*model));
}

static void add(int i)
{
	ivi_workq_add(&q, &items[i]);
	model[length++] = i;
}

static void take(bool locked)
{
	int i = number(locked ? ivi_workq_next(&q) : ivi_workq_take(&q));

	if (i < 0) {
		CHECK(!locked || length == 0);
		return;
	}
	CHECK_INT(i, ==, model[0]);
	model_remove(0);
}

static void take_back(int i)
{
	int at;

	for (at = 0; at < length && model[at] != i; at++)
		;
	CHECK_INT(ivi_workq_remove(&q, &items[i]), ==, at < length);
	if (at < length)
		model_remove(at);
}

static bool is_in(int i)
{
	int at;

	for (at = 0; at < length; at++)
		if (model[at] == i)
			return true;
	return false;
}

/* Starting near the end of the numbers as well. */
static void against_the_model(size_t from)
{
	unsigned step, fill = 0;
	int i;

	ivi_workq_init(&q);
	q.head = q.tail = from;
	q.limit = from + IVI_WORKQ_PLACES;
	length = 0;
	for (step = 0; step < 30000; step++) {
		if (step % 2000 == 0)
			fill = below(4);
		i = (int)below(ITEMS);
		if (below(4) <= fill && length < 600) {
			if (!is_in(i))
				add(i);
		} else if (below(10) == 0) {
			take_back(below(2) && length > 0 ?
				  model[below((unsigned)length)] : i);
		} else {
			take(below(2));
		}
		CHECK_INT(ivi_workq_length(&q), ==, length);
	}
	while (length > 0)
		take(true);
	take(true);
}

TEST(queue_against_a_model)
{
	against_the_model(0);
	against_the_model((size_t)-100);
}

/* ---- With threads --------------------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int taken[ITEMS];
static int ended;
static struct ivi_workdone back;

static void push(struct ivi_work *e)
{
	struct ivi_work *old = ivi_workdone_top(&back);

	while (!ivi_workdone_push(&back, e, &old))
		;
}

static void *taker(void *_last)
{
	struct ivi_work *e;
	int last = -1;

	(void)_last;
	for (;;) {
		e = ivi_workq_take(&q);
		if (e == NULL) {
			pthread_mutex_lock(&lock);
			e = ivi_workq_next(&q);
			pthread_mutex_unlock(&lock);
		}
		if (e == NULL) {
			if (__atomic_load_n(&ended, __ATOMIC_ACQUIRE))
				return NULL;
			sched_yield();
			continue;
		}
		CHECK_INT(number(e), >, last);
		last = number(e);
		__atomic_add_fetch(&taken[last], 1, __ATOMIC_RELAXED);
		push(e);
	}
}

/* Each is taken or removed once, by each thread in order, and comes back. */
TEST(threads_take_while_one_adds_and_removes)
{
	struct ivi_worklist list;
	struct ivi_work *e;
	pthread_t t[3];
	int round, i, removed;

	time_limit(60);
	for (round = 0; round < 50; round++) {
		ivi_workq_init(&q);
		ivi_worklist_init(&list);
		memset(taken, 0, sizeof(taken));
		ended = removed = 0;
		for (i = 0; i < 3; i++)
			CHECK_INT(pthread_create(&t[i], NULL, taker, NULL),
				  ==, 0);
		for (i = 0; i < ITEMS; i++) {
			pthread_mutex_lock(&lock);
			ivi_workq_add(&q, &items[i]);
			if (i % 50 == 49 &&
			    ivi_workq_remove(&q, &items[i - 20])) {
				taken[i - 20]++;
				removed++;
			}
			pthread_mutex_unlock(&lock);
			if (i % 100 == 0)
				ivi_workdone_take(&back, &list, NULL);
		}
		__atomic_store_n(&ended, 1, __ATOMIC_RELEASE);
		for (i = 0; i < 3; i++)
			pthread_join(t[i], NULL);
		ivi_workdone_take(&back, &list, NULL);
		for (i = 0; i < ITEMS; i++)
			CHECK_INT(taken[i], ==, 1);
		for (i = 0; (e = ivi_worklist_take(&list)) != NULL; i++)
			;
		CHECK_INT(i, ==, ITEMS - removed);
	}
}

TEST(back_in_order_of_pushing)
{
	struct ivi_worklist list;
	int i;

	ivi_worklist_init(&list);
	for (i = 0; i < 3; i++)
		push(&items[i]);
	ivi_workdone_take(&back, &list, NULL);
	push(&items[3]);
	ivi_workdone_take(&back, &list, IVI_WORKDONE_CLOSED);
	CHECK(ivi_workdone_top(&back) == IVI_WORKDONE_CLOSED);
	ivi_workdone_take(&back, &list, IVI_WORKDONE_CLOSED);
	for (i = 0; i < 4; i++)
		CHECK_INT(number(ivi_worklist_take(&list)), ==, i);
	CHECK(ivi_worklist_take(&list) == NULL);
}
