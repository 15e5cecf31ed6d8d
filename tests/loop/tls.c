/* SPDX-License-Identifier: MIT */
/*
 * tls.c - tests of areas in each loop.
 */
#include <signal.h>
#include <stdint.h>
#include <iv_event.h>
#include <iv_tls.h>
#include "harness/test.h"

/* ---- Users ------------------------------------------------------------------ */

static void mark(const char *label)
{
	trace((void *)(uintptr_t)label);
}

static struct iv_tls_user a, b, empty;

/* What each finds when its callbacks are called. */
static int zeroed, finds_itself, loop_there;

static void look(const struct iv_tls_user *user, const void *st)
{
	finds_itself += iv_tls_user_ptr(user) == st;
	loop_there += iv_inited();
	CHECK_INT((uintptr_t)st % 16, ==, 0);
}

static void init_a(void *st)
{
	static const char zeroes[100];

	mark("+a");
	zeroed += memcmp(st, zeroes, sizeof(zeroes)) == 0;
	memset(st, 0xa5, sizeof(zeroes));
	look(&a, st);
}

static void deinit_a(void *st)
{
	mark("-a");
	CHECK_INT(*(unsigned char *)st, ==, 0xa5);
	look(&a, st);
}

static void (*extra_init)(void);
static void (*extra_deinit)(void);

static void init_b(void *st)
{
	mark("+b");
	look(&b, st);
	if (extra_init != NULL)
		extra_init();
}

static void deinit_b(void *st)
{
	mark("-b");
	look(&b, st);
	if (extra_deinit != NULL)
		extra_deinit();
}

/* Of a size that is no multiple of the alignment, and of size 0. */
static void register_users(void)
{
	a.sizeof_state = 100;
	a.init_thread = init_a;
	a.deinit_thread = deinit_a;
	iv_tls_user_register(&a);
	empty.sizeof_state = 0;
	iv_tls_user_register(&empty);
	b.sizeof_state = 7;
	b.init_thread = init_b;
	b.deinit_thread = deinit_b;
	iv_tls_user_register(&b);
}

static void in_thread(void *(*fn)(void *), void *arg)
{
	pthread_t tid;

	CHECK_INT(pthread_create(&tid, NULL, fn, arg), ==, 0);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
}

/* ---- Callbacks ---------------------------------------------------------------- */

/* In the same order, first and last. */
TEST(callbacks_in_order_of_registration)
{
	register_users();
	iv_init();
	CHECK_STR(traced(), "+a+b");
	iv_deinit();
	CHECK_STR(traced(), "-a-b");
	CHECK_INT(zeroed, ==, 1);
	CHECK_INT(finds_itself, ==, 4);
	CHECK_INT(loop_there, ==, 4);
}

TEST(areas_start_as_zeroes_again)
{
	int i;

	register_users();
	for (i = 0; i < 3; i++) {
		iv_init();
		iv_deinit();
	}
	CHECK_INT(zeroed, ==, 3);
}

TEST(nested_iv_init_calls_nobody)
{
	register_users();
	iv_init();
	iv_init();
	CHECK_STR(traced(), "+a+b");
	iv_deinit();
	CHECK_STR(traced(), "");
	iv_deinit();
	CHECK_STR(traced(), "-a-b");
}

TEST(areas_do_not_overlap)
{
	char *pa, *pb;

	register_users();
	iv_init();
	pa = iv_tls_user_ptr(&a);
	pb = iv_tls_user_ptr(&b);
	CHECK(pa + 100 <= pb || pb + 7 <= pa);
	memset(pb, 0x5a, 7);
	CHECK_INT((unsigned char)pa[99], ==, 0xa5);
	iv_deinit();
}

TEST_ONCE(users_without_callbacks)
{
	iv_tls_user_register(&empty);
	a.sizeof_state = 32;
	iv_tls_user_register(&a);
	iv_init();
	CHECK_PTR(iv_tls_user_ptr(&a), !=, NULL);
	CHECK_PTR(iv_tls_user_ptr(&empty), !=, NULL);
	iv_deinit();
}

TEST_ONCE(a_large_area)
{
	unsigned char *p;
	int i;

	a.sizeof_state = 1 << 20;
	iv_tls_user_register(&a);
	iv_init();
	p = iv_tls_user_ptr(&a);
	for (i = 0; i < 1 << 20; i++)
		CHECK_INT(p[i], ==, 0);
	memset(p, 0xa5, 1 << 20);
	quit_after_turns(3);
	iv_main();
	iv_deinit();
}

TEST_ONCE(many_users)
{
	static struct iv_tls_user many[100];
	int i;

	for (i = 0; i < 100; i++) {
		many[i].sizeof_state = (size_t)i;
		iv_tls_user_register(&many[i]);
	}
	iv_init();
	for (i = 0; i < 100; i++) {
		void *st = iv_tls_user_ptr(&many[i]);

		CHECK_INT((uintptr_t)st % 16, ==, 0);
		memset(st, i, (size_t)i);
	}
	for (i = 1; i < 100; i++)
		CHECK_INT(*(char *)iv_tls_user_ptr(&many[i]), ==, i);
	iv_deinit();
}

/* ---- The API inside of callbacks ----------------------------------------------- */

static struct iv_timer timer;
static struct iv_task task;
static struct iv_event event;

static void use_it_all(void)
{
	timer_after(&timer, 0, trace, (void *)(uintptr_t)"t");
	iv_timer_register(&timer);
	IV_TASK_INIT(&task);
	task.handler = trace;
	task.cookie = (void *)(uintptr_t)"k";
	iv_task_register(&task);
	IV_EVENT_INIT(&event);
	event.handler = trace;
	event.cookie = (void *)(uintptr_t)"e";
	CHECK_INT(iv_event_register(&event), ==, 0);
	iv_event_post(&event);
}

static void finish_it_all(void)
{
	iv_event_unregister(&event);
	iv_main();
}

static void use_and_finish(void)
{
	use_it_all();
	quit_after_turns(2);
	iv_main();
	iv_event_unregister(&event);
}

TEST(init_thread_may_use_the_loop)
{
	extra_init = use_it_all;
	extra_deinit = finish_it_all;
	register_users();
	iv_init();
	quit_after_turns(2);
	iv_main();
	CHECK_STR(traced(), "+a+btke");
	iv_deinit();
	CHECK_STR(traced(), "-a-b");
}

TEST(deinit_thread_may_run_the_loop)
{
	extra_deinit = use_and_finish;
	register_users();
	iv_init();
	iv_deinit();
	CHECK_STR(traced(), "+a+b-a-btke");
}

/* ---- Threads -------------------------------------------------------------------- */

static void *has_no_area(void *unused)
{
	CHECK_PTR(iv_tls_user_ptr(&a), ==, NULL);
	return unused;
}

TEST(no_area_without_a_loop)
{
	register_users();
	CHECK_PTR(iv_tls_user_ptr(&a), ==, NULL);
	in_thread(has_no_area, NULL);
	iv_init();
	in_thread(has_no_area, NULL);
	iv_deinit();
	CHECK_PTR(iv_tls_user_ptr(&a), ==, NULL);
}

/* Before the first iv_init(), somebody else's data must not be taken for
   ours. */
TEST(foreign_thread_specific_data_is_not_touched)
{
	static int foreign = 1;
	pthread_key_t keys[8];
	int i;

	for (i = 0; i < 8; i++) {
		CHECK_INT(pthread_key_create(&keys[i], NULL), ==, 0);
		CHECK_INT(pthread_setspecific(keys[i], &foreign), ==, 0);
	}
	register_users();
	CHECK_PTR(iv_tls_user_ptr(&a), ==, NULL);
	IV_TASK_INIT(&task);
	CHECK_INT(iv_inited(), ==, 0);
	CHECK_INT(foreign, ==, 1);
	for (i = 0; i < 8; i++)
		pthread_key_delete(keys[i]);
}

static void *areas[2];

static void *own_area(void *unused)
{
	iv_init();
	areas[1] = iv_tls_user_ptr(&a);
	CHECK_PTR(areas[1], !=, NULL);
	CHECK_PTR(areas[1], !=, areas[0]);
	iv_deinit();
	return unused;
}

TEST(each_thread_has_its_own_area)
{
	register_users();
	iv_init();
	areas[0] = iv_tls_user_ptr(&a);
	in_thread(own_area, NULL);
	CHECK_PTR(iv_tls_user_ptr(&a), ==, areas[0]);
	iv_deinit();
}

static void *forget_deinit(void *unused)
{
	iv_init();
	mark(" thread ");
	return unused;
}

/* The same as iv_deinit(), with the loop still usable. */
TEST(a_thread_ends_without_iv_deinit)
{
	register_users();
	iv_init();
	traced();
	loop_there = 0;
	in_thread(forget_deinit, NULL);
	CHECK_STR(traced(), "+a+b thread -a-b");
	CHECK_INT(loop_there, ==, 4);
	iv_deinit();
}

TEST(a_thread_ends_and_deinit_thread_runs_the_loop)
{
	register_users();
	iv_init();
	traced();
	extra_deinit = use_and_finish;
	in_thread(forget_deinit, NULL);
	CHECK_STR(traced(), "+a+b thread -a-btke");
	extra_deinit = NULL;
	iv_deinit();
}

static void exit_thread(void *unused)
{
	(void)unused;
	pthread_exit(NULL);
}

static struct iv_task exiting_task, left_task;
static struct iv_event exiting_event, left_event;
static struct iv_timer exiting_timer, left_timer;

static void drop_what_is_left(void)
{
	if (iv_task_registered(&left_task))
		iv_task_unregister(&left_task);
	if (iv_timer_registered(&left_timer))
		iv_timer_unregister(&left_timer);
	iv_event_unregister(&left_event);
	iv_event_unregister(&exiting_event);
	use_and_finish();
}

/* WHICH handler calls pthread_exit(); one of the same kind is behind it. */
static void *exit_in_handler(void *_which)
{
	const char *which = _which;

	iv_init();
	IV_TASK_INIT(&exiting_task);
	IV_TASK_INIT(&left_task);
	exiting_task.handler = exit_thread;
	left_task.handler = never_handler;
	if (strcmp(which, "task") == 0) {
		iv_task_register(&exiting_task);
		iv_task_register(&left_task);
	}
	timer_after(&exiting_timer, 0, exit_thread, NULL);
	timer_after(&left_timer, 0, never_handler, NULL);
	if (strcmp(which, "timer") == 0) {
		iv_timer_register(&exiting_timer);
		iv_timer_register(&left_timer);
	}
	IV_EVENT_INIT(&exiting_event);
	IV_EVENT_INIT(&left_event);
	exiting_event.handler = exit_thread;
	left_event.handler = never_handler;
	CHECK_INT(iv_event_register(&exiting_event), ==, 0);
	CHECK_INT(iv_event_register(&left_event), ==, 0);
	if (strcmp(which, "event") == 0) {
		iv_event_post(&exiting_event);
		iv_event_post(&left_event);
	}
	iv_main();
	FAIL("the %s did not end the thread", which);
}

static void check_exit_in(const char *which, const char *calls)
{
	traced();
	in_thread(exit_in_handler, (void *)(uintptr_t)which);
	CHECK_STR(traced(), calls);
}

/* pthread_exit() in a handler: deinit_thread unregisters what was about to
   be called, and the loop still works. */
TEST(a_thread_ends_in_a_handler)
{
	register_users();
	iv_init();
	extra_deinit = drop_what_is_left;
	/* The round that the task left goes on, a new task is not of it. */
	check_exit_in("task", "+a+b-a-btek");
	check_exit_in("timer", "+a+b-a-btke");
	check_exit_in("event", "+a+b-a-btke");
	extra_deinit = NULL;
	iv_deinit();
}

/* ---- Signal handlers --------------------------------------------------------------- */

static void *seen_in_handler;
static int inited_in_handler;

static void look_in_handler(int sig)
{
	(void)sig;
	seen_in_handler = iv_tls_user_ptr(&a);
	inited_in_handler = iv_inited();
}

TEST(asked_in_a_signal_handler)
{
	signal(SIGUSR1, look_in_handler);
	register_users();
	raise(SIGUSR1);
	CHECK_PTR(seen_in_handler, ==, NULL);
	CHECK_INT(inited_in_handler, ==, 0);
	iv_init();
	raise(SIGUSR1);
	CHECK_PTR(seen_in_handler, ==, iv_tls_user_ptr(&a));
	CHECK_INT(inited_in_handler, ==, 1);
	iv_deinit();
	raise(SIGUSR1);
	CHECK_PTR(seen_in_handler, ==, NULL);
	signal(SIGUSR1, SIG_DFL);
}

/* ---- Misuse --------------------------------------------------------------------------- */

FATAL_TEST_ONCE(registered_after_the_first_loop,
		"iv_tls_user_register: called after the first iv_init()")
{
	iv_init();
	iv_deinit();
	iv_tls_user_register(&a);
}

static void register_empty(void)
{
	iv_tls_user_register(&empty);
}

FATAL_TEST_ONCE(registered_in_init_thread,
		"iv_tls_user_register: called after the first iv_init()")
{
	extra_init = register_empty;
	b.init_thread = init_b;
	iv_tls_user_register(&b);
	iv_init();
}

FATAL_TEST_ONCE(registered_twice, "iv_tls_user_register: already registered")
{
	iv_tls_user_register(&empty);
	iv_tls_user_register(&empty);
}

FATAL_TEST_ONCE(asked_for_an_unregistered_one,
		"iv_tls_user_ptr: not registered")
{
	iv_init();
	iv_tls_user_ptr(&a);
}

FATAL_TEST_ONCE(asked_for_an_unregistered_one_without_a_loop,
		"iv_tls_user_ptr: not registered")
{
	iv_tls_user_ptr(&a);
}

FATAL_TEST_ONCE(register_null, "iv_tls_user_register: the struct iv_tls_user")
{
	iv_tls_user_register(NULL);
}

FATAL_TEST_ONCE(ptr_null, "iv_tls_user_ptr: the struct iv_tls_user pointer")
{
	iv_tls_user_ptr(NULL);
}
