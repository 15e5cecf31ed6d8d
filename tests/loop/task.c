/* SPDX-License-Identifier: MIT */
/*
 * task.c - tests of tasks and of their rounds.
 */
#include <stdint.h>
#include <stdlib.h>
#include <iv_loop.h>
#include "harness/test.h"

/* ---- Helpers --------------------------------------------------------------- */

static struct iv_task tasks[8];

static void mark(const char *label)
{
	trace((void *)(uintptr_t)label);
}

static struct iv_task *make(int i, void (*handler)(void *), const char *label)
{
	IV_TASK_INIT(&tasks[i]);
	tasks[i].handler = handler;
	tasks[i].cookie = (void *)(uintptr_t)label;
	return &tasks[i];
}

static void add(int i, void (*handler)(void *), const char *label)
{
	iv_task_register(make(i, handler, label));
}

/* Calls trace() in every turn of the loop, after the wait. */
static int turn_fds[2];
static struct iv_fd turn_fd;

static void turn_passed(void *unused)
{
	(void)unused;
	mark("|");
}

static void watch_turns(void)
{
	make_pipe(turn_fds);
	poke(turn_fds[1]);
	IV_FD_INIT(&turn_fd);
	turn_fd.fd = turn_fds[0];
	turn_fd.handler_in = turn_passed;
	iv_fd_register(&turn_fd);
}

static void unwatch_turns(void)
{
	iv_fd_unregister(&turn_fd);
	close_pair(turn_fds);
}

/* ---- Life ------------------------------------------------------------------ */

TEST_ONCE(init_leaves_cookie_and_handler_alone)
{
	struct iv_task t;

	memset(&t, 0xa5, sizeof(t));
	t.handler = quit_handler;
	t.cookie = &t;
	IV_TASK_INIT(&t);
	CHECK(t.handler == quit_handler);
	CHECK_PTR(t.cookie, ==, &t);
	CHECK_INT(iv_task_registered(&t), ==, 0);
}

TEST(registered_until_just_before_the_handler)
{
	iv_init();
	make(0, quit_handler, NULL);
	CHECK_INT(iv_task_registered(&tasks[0]), ==, 0);
	iv_task_register(&tasks[0]);
	CHECK_INT(iv_task_registered(&tasks[0]), ==, 1);
	iv_main();
	CHECK_INT(iv_task_registered(&tasks[0]), ==, 0);
	iv_deinit();
}

static void not_registered(void *_task)
{
	CHECK_INT(iv_task_registered(_task), ==, 0);
	mark("x");
}

TEST(runs_exactly_once)
{
	iv_init();
	make(0, not_registered, NULL);
	tasks[0].cookie = &tasks[0];
	iv_task_register(&tasks[0]);
	iv_main();
	iv_main();
	CHECK_STR(traced(), "x");
	iv_deinit();
}

TEST(unregistered_before_the_loop_does_not_run)
{
	iv_init();
	add(0, never_handler, NULL);
	iv_task_unregister(&tasks[0]);
	CHECK_INT(iv_task_registered(&tasks[0]), ==, 0);
	iv_main();
	iv_deinit();
}

TEST(initialised_before_the_thread_has_a_loop)
{
	make(0, trace, "a");
	make(1, trace, "b");
	iv_init();
	iv_task_register(&tasks[0]);
	iv_task_register(&tasks[1]);
	iv_main();
	CHECK_STR(traced(), "ab");
	iv_deinit();
}

static void free_it(void *_task)
{
	free(_task);
	mark("f");
}

TEST(may_be_freed_by_its_own_handler)
{
	struct iv_task *t = malloc(sizeof(*t));

	CHECK(t != NULL);
	iv_init();
	IV_TASK_INIT(t);
	t->cookie = t;
	t->handler = free_it;
	iv_task_register(t);
	iv_main();
	CHECK_STR(traced(), "f");
	iv_deinit();
}

TEST(cookie_and_handler_are_read_at_the_call)
{
	iv_init();
	add(0, never_handler, "a");
	tasks[0].handler = trace;
	tasks[0].cookie = (void *)(uintptr_t)"b";
	iv_main();
	CHECK_STR(traced(), "b");
	iv_deinit();
}

static void *make_task_elsewhere(void *unused)
{
	make(0, trace, "a");
	return unused;
}

TEST(initialised_in_another_thread)
{
	pthread_t tid;

	iv_init();
	CHECK_INT(pthread_create(&tid, NULL, make_task_elsewhere, NULL), ==, 0);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	iv_task_register(&tasks[0]);
	iv_main();
	CHECK_STR(traced(), "a");
	iv_deinit();
}

/* ---- Order ----------------------------------------------------------------- */

TEST(first_in_first_out)
{
	iv_init();
	add(0, trace, "a");
	add(1, trace, "b");
	add(2, trace, "c");
	iv_task_unregister(&tasks[0]);
	iv_task_register(&tasks[0]);
	iv_main();
	CHECK_STR(traced(), "bca");
	iv_deinit();
}

static void a_adds_b(void *unused)
{
	(void)unused;
	mark("a");
	add(1, trace, "b");
}

static void a_registers_b(void *unused)
{
	(void)unused;
	mark("a");
	iv_task_register(&tasks[1]);
}

TEST(one_that_has_not_run_joins_the_round)
{
	iv_init();
	watch_turns();
	make(1, trace, "b");
	add(0, a_registers_b, NULL);
	add(2, trace, "c");
	quit_after_turns(3);
	iv_main();
	CHECK_STR(traced(), "acb||");
	unwatch_turns();
	iv_deinit();
}

static void b_registers_c(void *unused)
{
	(void)unused;
	mark("b");
	iv_task_register(&tasks[2]);
}

TEST(one_that_joined_may_bring_another)
{
	iv_init();
	watch_turns();
	make(1, b_registers_c, NULL);
	make(2, trace, "c");
	add(0, a_registers_b, NULL);
	quit_after_turns(2);
	iv_main();
	CHECK_STR(traced(), "abc|");
	unwatch_turns();
	iv_deinit();
}

static void b_registers_a(void *unused)
{
	(void)unused;
	mark("b");
	tasks[0].handler = trace;
	iv_task_register(&tasks[0]);
}

TEST(one_that_has_run_waits_for_the_next_round)
{
	iv_init();
	watch_turns();
	add(0, trace, "a");
	add(1, b_registers_a, NULL);
	add(2, trace, "c");
	quit_after_turns(3);
	iv_main();
	CHECK_STR(traced(), "abc|a|");
	unwatch_turns();
	iv_deinit();
}

static void again(void *_left)
{
	int *left = _left;

	mark("s");
	if (--*left > 0)
		iv_task_register(&tasks[0]);
}

TEST(one_that_registers_itself_runs_once_per_turn)
{
	int left = 4;

	iv_init();
	watch_turns();
	make(0, again, NULL);
	tasks[0].cookie = &left;
	iv_task_register(&tasks[0]);
	quit_after_turns(5);
	iv_main();
	CHECK_STR(traced(), "s|s|s|s|");
	unwatch_turns();
	iv_deinit();
}

TEST(one_that_is_initialised_in_a_round_waits_for_the_next)
{
	iv_init();
	watch_turns();
	add(0, a_adds_b, NULL);
	add(2, trace, "c");
	quit_after_turns(3);
	iv_main();
	CHECK_STR(traced(), "ac|b|");
	unwatch_turns();
	iv_deinit();
}

static void init_itself_and_again(void *_left)
{
	int *left = _left;

	mark("i");
	if (--*left > 0) {
		add(0, init_itself_and_again, NULL);
		tasks[0].cookie = left;
	}
}

TEST(initialising_does_not_cheat_fairness)
{
	int left = 3;

	iv_init();
	watch_turns();
	make(0, init_itself_and_again, NULL);
	tasks[0].cookie = &left;
	iv_task_register(&tasks[0]);
	quit_after_turns(4);
	iv_main();
	CHECK_STR(traced(), "i|i|i|");
	unwatch_turns();
	iv_deinit();
}

/* It does not matter here in which round each of them has run. */
TEST(outside_a_round_the_order_is_that_of_registering)
{
	iv_init();
	add(0, trace, "a");
	iv_main();
	add(1, trace, "b");
	iv_main();
	traced();
	iv_task_register(&tasks[0]);
	iv_task_register(&tasks[1]);
	add(2, trace, "c");
	iv_main();
	CHECK_STR(traced(), "abc");
	iv_task_register(&tasks[2]);
	iv_task_register(&tasks[1]);
	iv_main();
	CHECK_STR(traced(), "cb");
	iv_deinit();
}

/* It ran in an earlier round; that does not count in this one. */
TEST(one_that_ran_long_ago_joins_the_round)
{
	iv_init();
	add(1, trace, "b");
	iv_main();
	CHECK_STR(traced(), "b");
	watch_turns();
	add(0, a_registers_b, NULL);
	add(2, trace, "c");
	quit_after_turns(2);
	iv_main();
	CHECK_STR(traced(), "acb|");
	unwatch_turns();
	iv_deinit();
}

static void fd_registers(void *unused)
{
	(void)unused;
	mark("f");
	iv_fd_set_handler_in(&turn_fd, NULL);
	iv_task_register(&tasks[0]);
	iv_task_register(&tasks[1]);
}

static void then_quit(void *label)
{
	trace(label);
	iv_quit();
}

static void make_c(void *unused)
{
	(void)unused;
	make(2, trace, "c");
}

static void register_c(void *unused)
{
	(void)unused;
	iv_task_register(&tasks[2]);
}

/* Both are in their first. */
TEST(a_round_of_another_loop_is_not_this_one)
{
	struct iv_loop *loop = iv_loop_new(NULL), *before;

	iv_init();
	add(0, make_c, NULL);
	iv_main();
	before = iv_loop_enter(loop);
	add(1, register_c, NULL);
	iv_run(IV_RUN_NOWAIT);
	CHECK_STR(traced(), "c");
	iv_loop_enter(before);
	iv_loop_free(loop);
	iv_deinit();
}

TEST(registered_outside_the_task_phase_runs_in_the_next)
{
	iv_init();
	watch_turns();
	iv_fd_set_handler_in(&turn_fd, fd_registers);
	make(0, trace, "a");
	make(1, then_quit, "b");
	iv_main();
	CHECK_STR(traced(), "fab");
	unwatch_turns();
	iv_deinit();
}

static void timer_registers(void *unused)
{
	(void)unused;
	mark("t");
	iv_task_register(&tasks[1]);
}

TEST(registered_by_a_timer_runs_in_the_same_turn)
{
	struct iv_timer t;

	iv_init();
	watch_turns();
	timer_after(&t, 0, timer_registers, NULL);
	iv_timer_register(&t);
	add(0, trace, "a");
	make(1, then_quit, "b");
	iv_main();
	CHECK_STR(traced(), "tab");
	unwatch_turns();
	iv_deinit();
}

static void run_inner(void *unused)
{
	(void)unused;
	iv_main();
}

static void again_then_1(void *unused)
{
	static int calls;

	(void)unused;
	if (calls++ == 0) {
		iv_task_register(&tasks[2]);
		return;
	}
	iv_task_register(&tasks[1]);
	iv_quit();
}

/* Task 1 has run in the first round of the inner loop, not in the second. */
TEST(rounds_of_an_inner_loop_are_different)
{
	iv_init();
	watch_turns();
	add(0, run_inner, NULL);
	add(1, trace, "b");
	add(2, again_then_1, NULL);
	iv_main();
	CHECK_STR(traced(), "b|b");
	unwatch_turns();
	iv_deinit();
}

/* ---- Unregistering in a round ---------------------------------------------- */

static void unregister_1(void *unused)
{
	(void)unused;
	mark("u");
	CHECK_INT(iv_task_registered(&tasks[1]), ==, 1);
	iv_task_unregister(&tasks[1]);
	CHECK_INT(iv_task_registered(&tasks[1]), ==, 0);
}

TEST(one_of_the_round_is_unregistered)
{
	iv_init();
	add(0, unregister_1, NULL);
	add(1, never_handler, "unregistered");
	add(2, trace, "c");
	iv_main();
	CHECK_STR(traced(), "uc");
	iv_deinit();
}

static void move_1_to_the_end(void *unused)
{
	(void)unused;
	iv_task_unregister(&tasks[1]);
	iv_task_register(&tasks[1]);
}

TEST(one_of_the_round_goes_to_its_end)
{
	iv_init();
	watch_turns();
	add(0, move_1_to_the_end, NULL);
	add(1, trace, "b");
	add(2, trace, "c");
	quit_after_turns(2);
	iv_main();
	CHECK_STR(traced(), "cb|");
	unwatch_turns();
	iv_deinit();
}

/* Every order in which the handler of one frees another. */
static struct iv_task *heap[4];
static int plan[4];
static int ran[4];

static void free_victim(void *_index)
{
	int self = (int)(intptr_t)_index, victim = plan[self];

	CHECK(heap[self] != NULL);
	ran[self]++;
	if (heap[victim] == NULL)
		return;
	if (victim != self && iv_task_registered(heap[victim]))
		iv_task_unregister(heap[victim]);
	free(heap[victim]);
	heap[victim] = NULL;
}

static void run_plan(void)
{
	int i;

	for (i = 0; i < 4; i++) {
		heap[i] = calloc(1, sizeof(*heap[i]));
		CHECK(heap[i] != NULL);
		IV_TASK_INIT(heap[i]);
		heap[i]->cookie = (void *)(intptr_t)i;
		heap[i]->handler = free_victim;
		iv_task_register(heap[i]);
		ran[i] = 0;
	}
	iv_main();
	for (i = 0; i < 4; i++) {
		CHECK_INT(ran[i], <=, 1);
		CHECK(ran[i] == 1 || heap[i] == NULL);
		free(heap[i]);
	}
}

TEST(any_may_free_any)
{
	int n, i, rest;

	iv_init();
	for (n = 0; n < 256; n++) {
		for (i = 0, rest = n; i < 4; i++, rest /= 4)
			plan[i] = rest % 4;
		run_plan();
	}
	iv_deinit();
}

/* ---- Many ------------------------------------------------------------------- */

#define MANY	10000

static struct iv_task many[MANY];
static int next_of_many;

static void in_order(void *_index)
{
	CHECK_INT((intptr_t)_index, ==, next_of_many);
	next_of_many++;
}

TEST(ten_thousand_in_one_round)
{
	intptr_t i;

	iv_init();
	for (i = 0; i < MANY; i++) {
		IV_TASK_INIT(&many[i]);
		many[i].cookie = (void *)i;
		many[i].handler = in_order;
		iv_task_register(&many[i]);
	}
	quit_after_turns(1);
	iv_main();
	CHECK_INT(next_of_many, ==, MANY);
	iv_deinit();
}

/* The round's number is kept in the task; it must survive many rounds. */
TEST_ONCE(many_rounds)
{
	struct tally t = { 0, 0 };

	iv_init();
	quit_after_turns(100000);
	iv_main();
	make(0, tally, NULL);
	tasks[0].cookie = &t;
	iv_task_register(&tasks[0]);
	iv_main();
	CHECK_INT(t.calls, ==, 1);
	iv_deinit();
}

TEST(a_task_from_before_iv_deinit_can_be_initialised_again)
{
	iv_init();
	add(0, never_handler, "gone with its loop");
	iv_deinit();
	iv_init();
	add(0, trace, "a");
	iv_main();
	CHECK_STR(traced(), "a");
	iv_deinit();
}

/* ---- Whether or not it is registered ------------------------------------------ */

TEST(ensured_it_runs_once)
{
	iv_init();
	make(0, trace, "a");
	make(1, trace, "b");
	iv_task_ensure(&tasks[0]);
	CHECK_INT(iv_task_registered(&tasks[0]), ==, 1);
	iv_task_ensure(&tasks[1]);
	iv_task_ensure(&tasks[0]);
	iv_main();
	CHECK_STR(traced(), "ab");
	CHECK_INT(iv_task_registered(&tasks[0]), ==, 0);
	iv_main();
	CHECK_STR(traced(), "");
	iv_deinit();
}

static void ensure_both(void *unused)
{
	(void)unused;
	iv_task_ensure(&tasks[0]);
	iv_task_ensure(&tasks[1]);
}

TEST(ensured_in_a_round)
{
	iv_init();
	make(0, trace, "a");
	make(1, trace, "b");
	make(2, ensure_both, NULL);
	iv_task_ensure(&tasks[0]);
	iv_task_ensure(&tasks[2]);
	quit_after_turns(2);
	iv_main();
	CHECK_STR(traced(), "aba");
	iv_deinit();
}

/* ---- Misuse ------------------------------------------------------------------ */

FATAL_TEST_ONCE(ensured_null, "iv_task_ensure: the struct iv_task pointer")
{
	iv_init();
	iv_task_ensure(NULL);
}

FATAL_TEST_ONCE(ensured_without_a_loop,
		"iv_task_ensure: call iv_init() in this thread first")
{
	make(0, never_handler, NULL);
	iv_task_ensure(&tasks[0]);
}

FATAL_TEST_ONCE(ensured_garbage, "iv_task_ensure: iv_task 0x")
{
	iv_init();
	memset(&tasks[0], 0xa5, sizeof(tasks[0]));
	iv_task_ensure(&tasks[0]);
}

FATAL_TEST_ONCE(ensured_without_handler, "has no handler")
{
	iv_init();
	make(0, NULL, NULL);
	iv_task_ensure(&tasks[0]);
}

static void ensure_0(void *unused)
{
	(void)unused;
	iv_task_ensure(&tasks[0]);
}

FATAL_TEST_ONCE(ensured_by_another_thread, "its owner is thread ")
{
	iv_init();
	add(0, never_handler, NULL);
	loop_thread_call(loop_thread_start(NULL, NULL, NULL), ensure_0, NULL);
}

FATAL_TEST(registered_twice, "iv_task_register: iv_task 0x")
{
	iv_init();
	add(0, never_handler, NULL);
	iv_task_register(&tasks[0]);
}

FATAL_TEST_ONCE(registered_twice_says_so, "is already registered")
{
	iv_init();
	add(0, never_handler, NULL);
	iv_task_register(&tasks[0]);
}

FATAL_TEST(initialised_while_it_is_registered,
	   "IV_TASK_INIT: iv_task 0x")
{
	iv_init();
	add(0, never_handler, NULL);
	IV_TASK_INIT(&tasks[0]);
}

static void init_second(void *unused)
{
	(void)unused;
	IV_TASK_INIT(&tasks[1]);
}

FATAL_TEST(initialised_while_it_is_due, "IV_TASK_INIT: iv_task 0x")
{
	iv_init();
	add(0, init_second, NULL);
	add(1, never_handler, NULL);
	iv_main();
}

/* What a loop that has ended has left looks the same. */
TEST(initialised_after_its_loop_has_ended)
{
	iv_init();
	add(0, never_handler, NULL);
	iv_deinit();
	iv_init();
	add(1, trace, "b");
	IV_TASK_INIT(&tasks[0]);
	iv_main();
	CHECK_STR(traced(), "b");
	iv_deinit();
}

FATAL_TEST_ONCE(registered_twice_in_a_round, "is already registered")
{
	iv_init();
	add(0, a_registers_b, NULL);
	add(1, never_handler, NULL);
	iv_main();
}

FATAL_TEST_ONCE(not_initialised, "is not initialised or already registered")
{
	struct iv_task t;

	iv_init();
	memset(&t, 0xa5, sizeof(t));
	t.handler = never_handler;
	iv_task_register(&t);
}

FATAL_TEST_ONCE(never_registered, "iv_task_unregister: iv_task 0x")
{
	iv_init();
	make(0, never_handler, NULL);
	iv_task_unregister(&tasks[0]);
}

FATAL_TEST_ONCE(unregistered_after_it_ran, "is not registered")
{
	iv_init();
	add(0, trace, "a");
	iv_main();
	iv_task_unregister(&tasks[0]);
}

FATAL_TEST_ONCE(no_handler, "has no handler")
{
	iv_init();
	add(0, NULL, NULL);
}

FATAL_TEST_ONCE(register_null, "iv_task_register: the struct iv_task pointer")
{
	iv_init();
	iv_task_register(NULL);
}

FATAL_TEST_ONCE(unregister_null, "iv_task_unregister: the struct iv_task")
{
	iv_init();
	iv_task_unregister(NULL);
}

FATAL_TEST_ONCE(registered_null, "iv_task_registered: the struct iv_task")
{
	iv_task_registered(NULL);
}

FATAL_TEST_ONCE(init_null, "IV_TASK_INIT: the struct iv_task pointer is NULL")
{
	IV_TASK_INIT(NULL);
}

FATAL_TEST_ONCE(register_without_a_loop,
		"iv_task_register: call iv_init() in this thread first")
{
	add(0, never_handler, NULL);
}

FATAL_TEST_ONCE(unregister_without_a_loop,
		"iv_task_unregister: call iv_init() in this thread first")
{
	make(0, never_handler, NULL);
	iv_task_unregister(&tasks[0]);
}

static void unregister_0(void *unused)
{
	(void)unused;
	iv_task_unregister(&tasks[0]);
}

FATAL_TEST_ONCE(unregistered_by_another_thread, "its owner is thread ")
{
	iv_init();
	add(0, never_handler, NULL);
	loop_thread_call(loop_thread_start(NULL, NULL, NULL), unregister_0,
			 NULL);
}

static void register_0(void *unused)
{
	(void)unused;
	add(0, never_handler, NULL);
}

FATAL_TEST_ONCE(unregistered_after_its_loop_has_ended,
		"belongs to a loop that has ended")
{
	iv_init();
	/* The loop ends with its task pending: it is told to quit first. */
	loop_thread_stop(loop_thread_start(NULL, register_0, NULL));
	iv_task_unregister(&tasks[0]);
}
