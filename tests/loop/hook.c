/* SPDX-License-Identifier: MIT */
/*
 * hook.c - tests of hooks: when each point is called, and in which order.
 */
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <iv_event.h>
#include <iv_event_raw.h>
#include <iv_hook.h>
#include <iv_loop.h>
#include "loop/hook.h"
#include "loop/loop_rig.h"

/* ---- Helpers --------------------------------------------------------------- */

static struct iv_hook hooks[16];

static void add_hook(int i, int point, void (*handler)(void *), void *cookie)
{
	IV_HOOK_INIT(&hooks[i]);
	hooks[i].point = point;
	hooks[i].handler = handler;
	hooks[i].cookie = cookie;
	CHECK_INT(iv_hook_register(&hooks[i]), ==, 0);
}

static void drop_hook(void *_i)
{
	iv_hook_unregister(&hooks[(intptr_t)_i]);
}

/* One of each point, numbered like it; each leaves a letter. */
static void add_all(void)
{
	add_hook(IV_HOOK_DEINIT, IV_HOOK_DEINIT, trace, label("D"));
	add_hook(IV_HOOK_FORK, IV_HOOK_FORK, trace, label("F"));
	add_hook(IV_HOOK_CHECK, IV_HOOK_CHECK, trace, label("C"));
	add_hook(IV_HOOK_UNBLOCK, IV_HOOK_UNBLOCK, trace, label("U"));
	add_hook(IV_HOOK_BLOCK, IV_HOOK_BLOCK, trace, label("B"));
	add_hook(IV_HOOK_PREPARE, IV_HOOK_PREPARE, trace, label("P"));
}

/* ---- When ------------------------------------------------------------------ */

TEST(around_a_wait_that_sleeps)
{
	iv_init();
	add_all();
	/* Far enough not to be due at once on a slow machine. */
	add_timer(200, mark_then_quit, label("t"));
	CHECK_INT(iv_run(IV_RUN_ONCE), ==, 1);
	CHECK_STR(traced(), "PBUC");
	iv_main();
	CHECK_STR(traced(), "t");
	iv_deinit();
	CHECK_STR(traced(), "D");
}

/* Tasks first; with a descriptor the wait may sleep, though it will not. */
TEST(around_posts_and_descriptors)
{
	iv_init();
	add_all();
	add_fd(mark_and_drop_fd, label("fd"));
	add_task(trace, label("task "));
	iv_main();
	CHECK_STR(traced(), "task PBUCfd");
	iv_deinit();
	CHECK_STR(traced(), "D");
}

static void again_if_less(void *_n)
{
	int *n = _n;

	mark("t");
	if (--*n > 0)
		iv_task_register(&task);
}

TEST(block_only_if_it_may_sleep)
{
	int n = 2;

	iv_init();
	add_all();
	add_fd(NULL, NULL);
	add_task(again_if_less, &n);
	CHECK_INT(iv_run(IV_RUN_NOWAIT), ==, 1);
	CHECK_STR(traced(), "tPC");
	/* A task has run in the call. */
	CHECK_INT(iv_run(IV_RUN_ONCE), ==, 1);
	CHECK_STR(traced(), "tPC");
	/* Due already. */
	add_hook(0, IV_HOOK_PREPARE, trace, label("p"));
	add_timer(0, trace, label("T"));
	CHECK_INT(iv_run(IV_RUN_NOWAIT), ==, 1);
	CHECK_STR(traced(), "TPpC");
	drop_fd();
	iv_deinit();
	traced();
}

static void register_due_timer(void *unused)
{
	(void)unused;
	add_timer(-5, mark_then_quit, label("T"));
	iv_hook_unregister(&hooks[0]);
}

TEST(block_not_if_a_timer_is_due)
{
	iv_init();
	add_all();
	add_hook(0, IV_HOOK_PREPARE, register_due_timer, NULL);
	add_fd(NULL, NULL);
	iv_main();
	CHECK_STR(traced(), "PCT");
	drop_fd();
	iv_deinit();
	traced();
}

TEST(an_empty_loop_returns_before_any_of_them)
{
	iv_init();
	add_all();
	iv_main();
	CHECK_INT(iv_run(IV_RUN_ONCE), ==, 0);
	CHECK_INT(iv_run(IV_RUN_NOWAIT), ==, 0);
	add_task(mark_then_quit, label("q"));
	add_fd(never_handler, NULL);
	iv_main();
	CHECK_STR(traced(), "q");
	drop_fd();
	iv_deinit();
	CHECK_STR(traced(), "D");
}

static void quit_hook(void *text)
{
	trace(text);
	iv_quit();
}

TEST(quit_in_prepare_does_not_sleep)
{
	iv_init();
	add_all();
	add_hook(0, IV_HOOK_PREPARE, quit_hook, label("q"));
	add_timer(3600000, never_handler, NULL);
	iv_main();
	CHECK_STR(traced(), "PqC");
	iv_deinit();
	traced();
}

static void drop_timer(void *unused)
{
	(void)unused;
	iv_timer_unregister(&timer);
}

/* Nothing is left to wait for. */
TEST(the_last_object_goes_in_prepare)
{
	iv_init();
	add_all();
	add_hook(0, IV_HOOK_PREPARE, drop_timer, NULL);
	add_timer(3600000, never_handler, NULL);
	iv_main();
	CHECK_STR(traced(), "PC");
	iv_deinit();
	traced();
}

static void register_fd_once(void *_done)
{
	int *done = _done;

	if (!(*done)++)
		add_fd(mark_then_quit, label("fd"));
}

TEST(what_prepare_registers_is_waited_for)
{
	int done = 0;

	iv_init();
	add_hook(0, IV_HOOK_PREPARE, register_fd_once, &done);
	add_timer(3600000, never_handler, NULL);
	iv_main();
	CHECK_STR(traced(), "fd");
	drop_fd();
	iv_deinit();
}

static void register_task(void *_left)
{
	int *left = _left;

	if ((*left)-- > 0)
		add_task(trace, label("t"));
}

/* The loop does not sleep on it. */
TEST(a_task_of_prepare_runs_at_once)
{
	int left = 2;

	iv_init();
	add_hook(0, IV_HOOK_PREPARE, register_task, &left);
	add_timer(3600000, never_handler, NULL);
	CHECK_INT(iv_run(IV_RUN_ONCE), ==, 1);
	CHECK_INT(iv_run(IV_RUN_ONCE), ==, 1);
	CHECK_INT(iv_run(IV_RUN_NOWAIT), ==, 1);
	CHECK_STR(traced(), "tt");
	iv_deinit();
}

static void drop_in_check(void *text)
{
	trace(text);
	drop_fd();
	iv_timer_unregister(&timer);
}

TEST(a_descriptor_goes_in_check)
{
	iv_init();
	add_hook(0, IV_HOOK_CHECK, drop_in_check, label("c"));
	add_fd(never_handler, NULL);
	add_timer(3600000, never_handler, NULL);
	iv_main();
	CHECK_STR(traced(), "c");
	iv_deinit();
}

/* ---- Idle ------------------------------------------------------------------ */

static void idle(void *_left)
{
	int *left = _left;

	mark("i");
	if (--*left == 0)
		iv_hook_unregister(&hooks[0]);
}

TEST(idle_keeps_it_going_and_awake)
{
	int left = 3;

	iv_init();
	add_hook(0, IV_HOOK_IDLE, idle, &left);
	add_hook(1, IV_HOOK_BLOCK, never_handler, NULL);
	iv_main();
	CHECK_STR(traced(), "iii");
	CHECK_INT(left, ==, 0);
	iv_deinit();
}

static void mark_and_drop_fd_late(void *_left)
{
	int *left = _left;

	mark("f");
	if (--*left == 0)
		drop_fd();
}

/* Each kind in a turn of its own, and no call of idle in it. */
TEST(idle_only_if_nothing_else_ran)
{
	int left = 2, calls = 1;

	iv_init();
	add_hook(0, IV_HOOK_IDLE, idle, &calls);
	add_hook(1, IV_HOOK_PREPARE, trace, label("p"));
	add_hook(2, IV_HOOK_CHECK, trace, label("c"));
	add_event(mark_and_drop_event, label("e"));
	add_fd(mark_and_drop_fd_late, &left);
	iv_run(IV_RUN_ONCE);
	CHECK_STR(traced(), "pcf");
	add_task(trace, label("t"));
	iv_run(IV_RUN_ONCE);
	CHECK_STR(traced(), "tpcf");
	add_timer(0, trace, label("T"));
	iv_run(IV_RUN_ONCE);
	CHECK_STR(traced(), "Tpc");
	post_elsewhere();
	iv_run(IV_RUN_ONCE);
	CHECK_STR(traced(), "pce");
	while (calls > 0)
		CHECK_INT(iv_run(IV_RUN_ONCE), ==, calls > 0);
	iv_deinit();
	traced();
}

static void idle_starts_something(void *unused)
{
	(void)unused;
	mark("i");
	add_timer(1, trace, label("T"));
	iv_hook_unregister(&hooks[0]);
}

TEST(idle_may_register_and_unregister)
{
	iv_init();
	add_hook(0, IV_HOOK_IDLE, idle_starts_something, NULL);
	iv_main();
	CHECK_STR(traced(), "iT");
	iv_deinit();
}

/* ---- Order ----------------------------------------------------------------- */

static void drop_others(void *text)
{
	trace(text);
	iv_hook_unregister(&hooks[0]);
	iv_hook_unregister(&hooks[2]);
}

/* ... that is about to be called, and one that was. */
TEST(unregistered_by_another)
{
	iv_init();
	add_hook(0, IV_HOOK_PREPARE, trace, label("a"));
	add_hook(1, IV_HOOK_PREPARE, drop_others, label("b"));
	add_hook(2, IV_HOOK_PREPARE, never_handler, NULL);
	add_hook(3, IV_HOOK_PREPARE, trace, label("d"));
	add_timer(3600000, never_handler, NULL);
	iv_run(IV_RUN_NOWAIT);
	CHECK_STR(traced(), "abd");
	CHECK_INT(iv_hook_registered(&hooks[2]), ==, 0);
	CHECK_INT(iv_hook_registered(&hooks[3]), ==, 1);
	iv_deinit();
}

static void bring_another(void *text)
{
	trace(text);
	if (!iv_hook_registered(&hooks[3]))
		add_hook(3, IV_HOOK_CHECK, trace, label("d"));
}

/* From the next turn on, and last in it, wherever its creator was. */
TEST(registered_by_another)
{
	iv_init();
	add_hook(0, IV_HOOK_CHECK, trace, label("a"));
	add_hook(1, IV_HOOK_CHECK, bring_another, label("b"));
	add_hook(2, IV_HOOK_CHECK, trace, label("c"));
	add_timer(3600000, never_handler, NULL);
	iv_run(IV_RUN_NOWAIT);
	CHECK_STR(traced(), "abc");
	iv_run(IV_RUN_NOWAIT);
	iv_run(IV_RUN_NOWAIT);
	CHECK_STR(traced(), "abcdabcd");
	drop_hook((void *)2);
	drop_hook((void *)1);
	drop_hook((void *)3);
	add_hook(1, IV_HOOK_CHECK, trace, label("x"));
	iv_run(IV_RUN_NOWAIT);
	CHECK_STR(traced(), "ax");
	iv_deinit();
}

/* As it is after that many rounds, which take hours. */
TEST(registered_billions_of_rounds_ago)
{
	iv_init();
	add_hook(0, IV_HOOK_PREPARE, trace, label("a"));
	ivi_hook(&hooks[0])->round = UINT32_C(1) << 31;
	add_timer(3600000, never_handler, NULL);
	iv_run(IV_RUN_NOWAIT);
	iv_run(IV_RUN_NOWAIT);
	CHECK_STR(traced(), "aa");
	iv_deinit();
}

static void again(void *text)
{
	struct iv_hook *h = &hooks[1];

	trace(text);
	iv_hook_unregister(h);
	CHECK_INT(iv_hook_register(h), ==, 0);
}

TEST(one_that_registers_itself_anew)
{
	iv_init();
	add_hook(0, IV_HOOK_PREPARE, trace, label("a"));
	add_hook(1, IV_HOOK_PREPARE, again, label("b"));
	add_hook(2, IV_HOOK_PREPARE, trace, label("c"));
	add_timer(3600000, never_handler, NULL);
	iv_run(IV_RUN_NOWAIT);
	CHECK_STR(traced(), "abc");
	iv_run(IV_RUN_NOWAIT);
	CHECK_STR(traced(), "acb");
	iv_deinit();
}

static void free_itself(void *_hook)
{
	struct iv_hook *h = _hook;

	iv_hook_unregister(h);
	memset(h, 0xa5, sizeof(*h));
	free(h);
	mark("f");
}

TEST(freed_in_its_own_handler)
{
	static const int points[] = {
		IV_HOOK_PREPARE, IV_HOOK_CHECK, IV_HOOK_IDLE
	};
	unsigned i;

	iv_init();
	for (i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		struct iv_hook *h = malloc(sizeof(*h));

		CHECK(h != NULL);
		IV_HOOK_INIT(h);
		h->point = points[i];
		h->cookie = h;
		h->handler = free_itself;
		CHECK_INT(iv_hook_register(h), ==, 0);
	}
	iv_main();
	CHECK_STR(traced(), "fff");
	iv_deinit();
}

/* ---- Nesting --------------------------------------------------------------- */

static void nest(void *_depth)
{
	int *depth = _depth;

	if ((*depth)++ > 0)
		return;
	mark("(");
	iv_run(IV_RUN_NOWAIT);
	mark(")");
}

/* The one inside has a turn of its own, with all that was not called yet. */
TEST(a_turn_in_a_hook)
{
	int depth = 0;

	iv_init();
	add_hook(0, IV_HOOK_PREPARE, trace, label("a"));
	add_hook(1, IV_HOOK_PREPARE, nest, &depth);
	add_hook(2, IV_HOOK_PREPARE, trace, label("b"));
	add_hook(3, IV_HOOK_CHECK, trace, label("c"));
	add_timer(3600000, never_handler, NULL);
	iv_run(IV_RUN_NOWAIT);
	CHECK_STR(traced(), "a(abc)c");
	iv_run(IV_RUN_NOWAIT);
	CHECK_STR(traced(), "abc");
	iv_deinit();
}

static jmp_buf out;

static void jump(void *text)
{
	trace(text);
	longjmp(out, 1);
}

TEST(left_by_longjmp)
{
	iv_init();
	add_hook(0, IV_HOOK_PREPARE, trace, label("a"));
	add_hook(1, IV_HOOK_PREPARE, jump, label("j"));
	add_hook(2, IV_HOOK_PREPARE, trace, label("b"));
	add_timer(3600000, never_handler, NULL);
	if (setjmp(out) == 0)
		iv_run(IV_RUN_NOWAIT);
	CHECK_STR(traced(), "aj");
	hooks[1].handler = trace;
	iv_run(IV_RUN_NOWAIT);
	CHECK_STR(traced(), "ajb");
	iv_deinit();
}

/* ---- Forks and the end ------------------------------------------------------- */

static void go_on(void *unused)
{
	(void)unused;
	traced();
	CHECK_INT(iv_run(IV_RUN_NOWAIT), ==, 1);
	CHECK_STR(traced(), "FPC");
	CHECK_INT(iv_run(IV_RUN_NOWAIT), ==, 1);
	CHECK_STR(traced(), "PC");
	drop_fd();
	iv_deinit();
	CHECK_STR(traced(), "D");
}

TEST(fork_in_the_child_only)
{
	iv_init();
	add_all();
	add_fd(NULL, NULL);
	iv_run(IV_RUN_NOWAIT);
	reap_child(fork_child(go_on, NULL));
	traced();
	iv_run(IV_RUN_NOWAIT);
	CHECK_STR(traced(), "PC");
	drop_fd();
	iv_deinit();
	traced();
}

static void go_on_without(void *unused)
{
	(void)unused;
	add_timer(1, quit_handler, NULL);
	iv_main();
	add_hook(0, IV_HOOK_FORK, never_handler, NULL);
	add_timer(1, quit_handler, NULL);
	iv_main();
	iv_deinit();
}

/* Its first turn is over. */
TEST(fork_registered_late_in_the_child)
{
	iv_init();
	reap_child(fork_child(go_on_without, NULL));
	iv_deinit();
}

static void drop_all(void *text)
{
	int i;

	trace(text);
	CHECK_INT(iv_inited(), ==, 1);
	for (i = 0; i < 16; i++)
		if (iv_hook_registered(&hooks[i]))
			iv_hook_unregister(&hooks[i]);
	drop_fd();
	iv_timer_unregister(&timer);
}

TEST(deinit_may_unregister)
{
	iv_init();
	add_hook(0, IV_HOOK_IDLE, trace, label("i"));
	add_hook(1, IV_HOOK_DEINIT, drop_all, label("d"));
	add_hook(2, IV_HOOK_DEINIT, never_handler, NULL);
	add_fd(never_handler, NULL);
	add_timer(3600000, never_handler, NULL);
	iv_deinit();
	CHECK_STR(traced(), "d");
}

static void *end_with_a_loop(void *unused)
{
	iv_init();
	add_hook(0, IV_HOOK_DEINIT, trace, label("d"));
	return unused;
}

TEST(deinit_at_the_end_of_the_thread)
{
	pthread_t tid;

	CHECK_INT(pthread_create(&tid, NULL, end_with_a_loop, NULL), ==, 0);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	CHECK_STR(traced(), "d");
}

/* ---- Posts and signals while it sleeps ---------------------------------------- */

static struct iv_event_raw raw;

static void post_to_event(void *unused)
{
	(void)unused;
	post_elsewhere();
}

static void post_to_raw(void *unused)
{
	(void)unused;
	iv_event_raw_post(&raw);
}

static void drop_raw(void *text)
{
	trace(text);
	iv_event_raw_unregister(&raw);
}

/* All of the post happens after the last look at what is pending. */
static void post_in_block(void (*post)(void *))
{
	add_hook(0, IV_HOOK_BLOCK, post, NULL);
	iv_main();
	CHECK_STR(traced(), "e");
	iv_deinit();
}

TEST(a_post_during_block_ends_the_sleep)
{
	iv_init();
	add_event(mark_and_drop_event, label("e"));
	post_in_block(post_to_event);
}

TEST(a_raw_post_during_block_ends_the_sleep)
{
	iv_init();
	IV_EVENT_RAW_INIT(&raw);
	raw.handler = drop_raw;
	raw.cookie = label("e");
	CHECK_INT(iv_event_raw_register(&raw), ==, 0);
	post_in_block(post_to_raw);
}

/* ---- Misuse --------------------------------------------------------------------- */

FATAL_TEST_ONCE(register_without_a_loop,
		"iv_hook_register: call iv_init() in this thread first")
{
	add_hook(0, IV_HOOK_CHECK, trace, NULL);
}

FATAL_TEST_ONCE(register_null,
		"iv_hook_register: the struct iv_hook pointer is NULL")
{
	iv_init();
	iv_hook_register(NULL);
}

FATAL_TEST_ONCE(unregister_null,
		"iv_hook_unregister: the struct iv_hook pointer is NULL")
{
	iv_init();
	iv_hook_unregister(NULL);
}

FATAL_TEST_ONCE(registered_null,
		"iv_hook_registered: the struct iv_hook pointer is NULL")
{
	iv_hook_registered(NULL);
}

FATAL_TEST_ONCE(register_twice, "is already registered")
{
	iv_init();
	add_hook(0, IV_HOOK_CHECK, trace, NULL);
	iv_hook_register(&hooks[0]);
}

/* Those after it would be lost. */
FATAL_TEST_ONCE(initialised_and_registered_again, "is already registered")
{
	iv_init();
	add_hook(0, IV_HOOK_CHECK, trace, NULL);
	add_hook(1, IV_HOOK_CHECK, trace, NULL);
	IV_HOOK_INIT(&hooks[0]);
	add_hook(0, IV_HOOK_PREPARE, trace, NULL);
}

FATAL_TEST_ONCE(register_garbage, "is not initialised or already registered")
{
	iv_init();
	memset(&hooks[0], 0xa5, sizeof(hooks[0]));
	iv_hook_register(&hooks[0]);
}

FATAL_TEST_ONCE(without_a_handler, "iv_hook_register: iv_hook ")
{
	iv_init();
	add_hook(0, IV_HOOK_CHECK, NULL, NULL);
}

FATAL_TEST_ONCE(point_0, "iv_hook_register: there is no point 0")
{
	iv_init();
	add_hook(0, 0, trace, NULL);
}

FATAL_TEST_ONCE(point_8, "iv_hook_register: there is no point 8")
{
	iv_init();
	add_hook(0, 8, trace, NULL);
}

FATAL_TEST_ONCE(point_negative, "iv_hook_register: there is no point -1")
{
	iv_init();
	add_hook(0, -1, trace, NULL);
}

FATAL_TEST_ONCE(unregister_twice, "iv_hook_unregister: iv_hook ")
{
	iv_init();
	add_hook(0, IV_HOOK_CHECK, trace, NULL);
	drop_hook((void *)0);
	drop_hook((void *)0);
}

static void *unregister_here(void *unused)
{
	iv_init();
	drop_hook((void *)0);
	return unused;
}

FATAL_TEST_ONCE(unregister_in_another_thread, "its owner is thread ")
{
	pthread_t tid;

	iv_init();
	add_hook(0, IV_HOOK_CHECK, trace, NULL);
	pthread_create(&tid, NULL, unregister_here, NULL);
	pthread_join(tid, NULL);
}

static void run_with_two(void (*spoil)(struct iv_hook *), int which)
{
	iv_init();
	add_hook(0, IV_HOOK_CHECK, trace, "x");
	add_hook(1, IV_HOOK_CHECK, trace, "x");
	spoil(&hooks[which]);
	add_timer(3600000, never_handler, NULL);
	iv_run(IV_RUN_NOWAIT);
}

static void clear_state(struct iv_hook *hook)
{
	memset(&hook->pad[3], 0, sizeof(void *));
}

FATAL_TEST_ONCE(freed_while_registered,
		"was freed or overwritten while it was registered")
{
	run_with_two(clear_state, 0);
}

/* Debug builds find it earlier. */
FATAL_TEST_ONCE(initialised_while_registered, "iv_hook")
{
	run_with_two(IV_HOOK_INIT, 0);
}

FATAL_TEST_ONCE(the_last_one_initialised_while_registered, "iv_hook")
{
	run_with_two(IV_HOOK_INIT, 1);
}

static void register_a_task(void *unused)
{
	(void)unused;
	add_task(trace, NULL);
}

static void register_a_timer(void *unused)
{
	(void)unused;
	add_timer(10, trace, NULL);
}

static void set_a_handler(void *unused)
{
	(void)unused;
	iv_fd_set_handler_in(&fd, never_handler);
}

static struct iv_fd ready;

/* There is something to read, which ends the sleep at once. */
static void sleep_with(int point, void (*handler)(void *))
{
	int more[2];

	iv_init();
	add_fd(NULL, NULL);
	make_pipe(more);
	poke(more[1]);
	IV_FD_INIT(&ready);
	ready.fd = more[0];
	ready.handler_in = quit_handler;
	iv_fd_register(&ready);
	add_hook(0, point, handler, NULL);
	iv_main();
}

static void kick(void *unused)
{
	(void)unused;
	iv_fd_kick(&ready, 1, 0);
}

static void register_a_hook(void *unused)
{
	(void)unused;
	add_hook(1, IV_HOOK_CHECK, trace, NULL);
}

static void do_nothing(void *unused)
{
	(void)unused;
}

static void run_a_turn(void *unused)
{
	(void)unused;
	hooks[0].handler = do_nothing;
	iv_fd_set_handler_in(&ready, do_nothing);
	iv_run(IV_RUN_NOWAIT);
}

static void watch_without_weight(void *unused)
{
	static struct iv_fd more;
	int pair[2];

	(void)unused;
	make_pipe(pair);
	IV_FD_INIT(&more);
	more.fd = pair[0];
	iv_fd_set_flags(&more, IV_FD_NOREF);
	iv_fd_register(&more);
}

#define USED(point)	"a handler of " point " has used the loop"

#define FATAL_AROUND_THE_WAIT(name, point, handler)			\
FATAL_TEST(name, USED(#point))						\
{									\
	sleep_with(point, handler);					\
}

FATAL_AROUND_THE_WAIT(a_task_in_block, IV_HOOK_BLOCK, register_a_task)
FATAL_AROUND_THE_WAIT(a_timer_in_unblock, IV_HOOK_UNBLOCK, register_a_timer)
FATAL_AROUND_THE_WAIT(quit_in_block, IV_HOOK_BLOCK, quit_handler)
FATAL_AROUND_THE_WAIT(a_kick_in_block, IV_HOOK_BLOCK, kick)
FATAL_AROUND_THE_WAIT(a_hook_in_block, IV_HOOK_BLOCK, register_a_hook)
FATAL_AROUND_THE_WAIT(dropped_in_unblock, IV_HOOK_UNBLOCK, drop_hook)
FATAL_AROUND_THE_WAIT(a_turn_in_block, IV_HOOK_BLOCK, run_a_turn)
FATAL_AROUND_THE_WAIT(a_descriptor_in_block, IV_HOOK_BLOCK,
		      watch_without_weight)

FATAL_TEST(a_handler_in_block, USED("IV_HOOK_BLOCK"))
{
	if (strcmp(test_method(), "poll") == 0 ||
	    strcmp(test_method(), "ppoll") == 0)
		SKIP("to set handlers changes nothing that the kernel knows");
	sleep_with(IV_HOOK_BLOCK, set_a_handler);
}
