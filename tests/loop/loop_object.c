/* SPDX-License-Identifier: MIT */
/*
 * loop_object.c - tests of loops as objects: made by iv_loop_new(), entered
 * and left, one inside a handler of another, handed from thread to thread.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <iv_event.h>
#include <iv_event_raw.h>
#include <iv_hook.h>
#include <iv_loop.h>
#include <iv_signal.h>
#include <iv_tls.h>
#include <iv_wait.h>
#include <iv_work.h>
#include "harness/test.h"

/* ---- Helpers --------------------------------------------------------------- */

static void *label(const char *text)
{
	return (void *)(uintptr_t)text;
}

static void mark(const char *text)
{
	trace(label(text));
}

static struct iv_loop *make(void)
{
	struct iv_loop *loop = iv_loop_new(NULL);

	CHECK(loop != NULL);
	return loop;
}

static struct iv_loop *make_and_enter(void)
{
	struct iv_loop *loop = make();

	iv_loop_enter(loop);
	return loop;
}

static void leave_and_free(struct iv_loop *loop)
{
	CHECK_PTR(iv_loop_enter(NULL), ==, loop);
	iv_loop_free(loop);
}

static void in_thread(void *(*fn)(void *), void *arg)
{
	pthread_t tid;

	CHECK_INT(pthread_create(&tid, NULL, fn, arg), ==, 0);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
}

static struct iv_timer timer;
static struct iv_task task;
static struct iv_event event;

static void add_timer(void (*handler)(void *), void *cookie)
{
	timer_after(&timer, 1, handler, cookie);
	iv_timer_register(&timer);
}

static void add_task(void (*handler)(void *), void *cookie)
{
	IV_TASK_INIT(&task);
	task.handler = handler;
	task.cookie = cookie;
	iv_task_register(&task);
}

static void add_event(void (*handler)(void *), void *cookie)
{
	IV_EVENT_INIT(&event);
	event.handler = handler;
	event.cookie = cookie;
	CHECK_INT(iv_event_register(&event), ==, 0);
}

/* ---- Life ------------------------------------------------------------------ */

TEST(made_entered_run_left_and_freed)
{
	struct iv_loop *loop = make();

	CHECK_PTR(iv_loop_self(), ==, NULL);
	CHECK_INT(iv_inited(), ==, 0);
	CHECK_PTR(iv_loop_enter(loop), ==, NULL);
	CHECK_PTR(iv_loop_self(), ==, loop);
	CHECK_INT(iv_inited(), ==, 1);
	CHECK_STR(iv_poll_method_name(), test_method());
	add_timer(trace, label("t"));
	iv_main();
	CHECK_STR(traced(), "t");
	CHECK_PTR(iv_loop_enter(loop), ==, loop);
	CHECK_PTR(iv_loop_enter(NULL), ==, loop);
	CHECK_PTR(iv_loop_enter(NULL), ==, NULL);
	CHECK_INT(iv_inited(), ==, 0);
	iv_loop_free(loop);
	iv_loop_free(NULL);
}

TEST(of_any_method)
{
	struct iv_loop *loop = iv_loop_new(test_method());

	CHECK(loop != NULL);
	/* Nobody has picked a default. */
	CHECK_STR(iv_poll_method_name(), NULL);
	iv_loop_enter(loop);
	CHECK_STR(iv_poll_method_name(), test_method());
	add_timer(trace, label("t"));
	iv_main();
	CHECK_STR(traced(), "t");
	leave_and_free(loop);
}

TEST_ONCE(of_two_methods_at_a_time)
{
	struct iv_loop *a = iv_loop_new("poll"), *b = iv_loop_new("ppoll");

	if (a == NULL || b == NULL)
		SKIP("this system has not both of poll and ppoll");
	iv_loop_enter(a);
	CHECK_STR(iv_poll_method_name(), "poll");
	iv_loop_enter(b);
	CHECK_STR(iv_poll_method_name(), "ppoll");
	leave_and_free(b);
	iv_loop_free(a);
}

static void refused(const char *method, int err)
{
	CHECK_ERRNO(iv_loop_new(method) != NULL ? 0 : -1, err);
}

TEST_ONCE(of_a_method_that_does_not_exist)
{
	refused("no such method", EINVAL);
	refused("", EINVAL);
	setenv("IV_SELECT_POLL_METHOD", "no such method", 1);
	refused(NULL, EINVAL);
	unsetenv("IV_SELECT_POLL_METHOD");
	setenv("IV_EXCLUDE_POLL_METHOD", "epoll-timerfd epoll ppoll poll "
	       "kqueue port-timer port dev_poll", 1);
	refused(NULL, EINVAL);
	unsetenv("IV_EXCLUDE_POLL_METHOD");
	iv_loop_free(make());
}

TEST(no_descriptors_to_be_had)
{
	struct iv_loop *loop;
	int err;

	leave_fds(0);
	loop = iv_loop_new(NULL);
	err = errno;
	restore_fds();
	if (strcmp(test_method(), "poll") != 0 &&
	    strcmp(test_method(), "ppoll") != 0) {
		CHECK_PTR(loop, ==, NULL);
		CHECK_INT(err, ==, EMFILE);
		loop = make();
	}
	iv_loop_free(loop);
}

static void *action(int sig)
{
	struct sigaction sa;

	CHECK_SYS(sigaction(sig, NULL, &sa));
	return (void *)(uintptr_t)sa.sa_handler;
}

static void do_nothing(void *unused)
{
	(void)unused;
}

static void quit_after_work(void *_pool)
{
	iv_work_pool_put(_pool);
	mark("w");
}

/* Nor do the threads that it starts. */
TEST(the_process_stays_as_it_is)
{
	struct iv_work_pool pool;
	struct iv_work_item item;
	struct rlimit before, after;
	struct iv_loop *loop;

	limit_fds(64);
	CHECK_SYS(getrlimit(RLIMIT_NOFILE, &before));
	loop = make_and_enter();
	IV_WORK_POOL_INIT(&pool);
	pool.max_threads = 1;
	pool.cookie = NULL;
	pool.thread_start = pool.thread_stop = NULL;
	CHECK_INT(iv_work_pool_create(&pool), ==, 0);
	IV_WORK_ITEM_INIT(&item);
	item.cookie = &pool;
	item.work = do_nothing;
	item.completion = quit_after_work;
	iv_work_pool_submit_work(&pool, &item);
	iv_main();
	CHECK_STR(traced(), "w");
	CHECK_SYS(getrlimit(RLIMIT_NOFILE, &after));
	CHECK_INT(before.rlim_cur, ==, after.rlim_cur);
	CHECK(action(SIGPIPE) == (void *)SIG_DFL);
	CHECK(action(SIGURG) == (void *)SIG_DFL);
	leave_and_free(loop);
	/* iv_init() does what it does, later too. */
	iv_init();
	CHECK(action(SIGPIPE) == (void *)SIG_IGN);
	iv_deinit();
}

TEST(many_in_a_thread)
{
	struct iv_loop *loops[20];
	struct iv_timer timers[20];
	struct tally t = { 0, 0 };
	int i;

	for (i = 0; i < 20; i++) {
		loops[i] = make_and_enter();
		timer_after(&timers[i], i % 3, tally, &t);
		iv_timer_register(&timers[i]);
	}
	for (i = 19; i >= 0; i--) {
		iv_loop_enter(loops[i]);
		iv_main();
		CHECK_INT(t.calls, ==, 20 - i);
	}
	iv_loop_enter(NULL);
	for (i = 0; i < 20; i++)
		iv_loop_free(loops[i]);
}

TEST(freed_with_everything_registered)
{
	struct iv_loop *loop = make_and_enter();
	struct iv_fd fd;
	int fds[2];

	make_pipe(fds);
	IV_FD_INIT(&fd);
	fd.fd = fds[0];
	fd.handler_in = never_handler;
	iv_fd_register(&fd);
	add_timer(never_handler, NULL);
	add_task(never_handler, NULL);
	add_event(never_handler, NULL);
	leave_and_free(loop);
	close_pair(fds);
}

/* ---- Beside iv_init() ------------------------------------------------------- */

TEST(iv_init_nests_in_it)
{
	struct iv_loop *loop = make_and_enter();

	iv_init();
	CHECK_PTR(iv_loop_self(), ==, loop);
	iv_init();
	iv_deinit();
	iv_deinit();
	CHECK_PTR(iv_loop_self(), ==, loop);
	add_timer(trace, label("t"));
	iv_main();
	CHECK_STR(traced(), "t");
	leave_and_free(loop);
}

FATAL_TEST(deinit_once_too_often, "iv_deinit: called more often than iv_init()")
{
	make_and_enter();
	iv_init();
	iv_deinit();
	iv_deinit();
}

TEST(one_of_each)
{
	struct iv_loop *first, *loop;

	iv_init();
	first = iv_loop_self();
	add_timer(trace, label("t"));
	loop = make();
	CHECK_PTR(iv_loop_self(), ==, first);
	CHECK_PTR(iv_loop_enter(loop), ==, first);
	add_task(trace, label("k"));
	iv_main();
	CHECK_STR(traced(), "k");
	CHECK_PTR(iv_loop_enter(first), ==, loop);
	iv_main();
	CHECK_STR(traced(), "t");
	iv_deinit();
	CHECK_PTR(iv_loop_self(), ==, NULL);
	iv_loop_free(loop);
}

/* The thread has none: so it makes one. */
TEST(iv_init_after_leaving)
{
	struct iv_loop *a, *b;

	iv_init();
	a = iv_loop_enter(NULL);
	iv_init();
	b = iv_loop_self();
	CHECK_PTR(a, !=, b);
	iv_deinit();
	iv_loop_enter(a);
	iv_deinit();
	CHECK_INT(iv_inited(), ==, 0);
}

TEST(a_loop_of_iv_init_can_be_freed)
{
	struct iv_loop *loop;

	iv_init();
	loop = iv_loop_enter(NULL);
	iv_loop_free(loop);
	CHECK_INT(iv_inited(), ==, 0);
}

/* ---- Areas ------------------------------------------------------------------- */

struct area {
	struct iv_loop	*loop;
};

static int inits, deinits;

static void init_area(void *_area)
{
	struct area *a = _area;

	a->loop = iv_loop_self();
	CHECK(a->loop != NULL);
	inits++;
}

static void deinit_area(void *_area)
{
	struct area *a = _area;

	CHECK_PTR(a->loop, ==, iv_loop_self());
	deinits++;
}

static struct iv_tls_user user = {
	.sizeof_state = sizeof(struct area),
	.init_thread = init_area,
	.deinit_thread = deinit_area,
};

static struct area *area(void)
{
	return iv_tls_user_ptr(&user);
}

TEST(each_loop_has_its_areas)
{
	struct iv_loop *own, *a, *b;

	iv_tls_user_register(&user);
	iv_init();
	own = iv_loop_self();
	a = make();
	b = make();
	CHECK_INT(inits, ==, 3);
	CHECK_PTR(area()->loop, ==, iv_loop_self());
	iv_loop_enter(a);
	CHECK_PTR(area()->loop, ==, a);
	iv_loop_free(b);
	CHECK_INT(deinits, ==, 1);
	CHECK_PTR(iv_loop_self(), ==, a);
	iv_loop_enter(own);
	iv_loop_free(a);
	CHECK_INT(deinits, ==, 2);
	iv_deinit();
	CHECK_INT(deinits, ==, 3);
	CHECK_PTR(area(), ==, NULL);
}

/* ---- One inside a handler of another ------------------------------------------ */

struct inner {
	struct iv_loop	*loop;
	struct iv_timer	timer;
};

static void run_inner(void *_inner)
{
	struct inner *inner = _inner;
	struct iv_loop *outer = iv_loop_enter(inner->loop);

	mark("(");
	timer_after(&inner->timer, 1, trace, label("inner"));
	iv_timer_register(&inner->timer);
	iv_main();
	mark(")");
	CHECK_PTR(iv_loop_enter(outer), ==, inner->loop);
}

TEST(run_in_a_handler_of_another)
{
	struct inner inner;
	struct iv_timer next;

	inner.loop = make();
	iv_init();
	add_timer(run_inner, &inner);
	timer_after(&next, 1, trace, label("next"));
	iv_timer_register(&next);
	iv_main();
	CHECK_STR(traced(), "(inner)next");
	add_task(run_inner, &inner);
	iv_main();
	CHECK_STR(traced(), "(inner)");
	iv_deinit();
	iv_loop_free(inner.loop);
}

static void quit_outer(void *_inner)
{
	struct inner *inner = _inner;
	struct iv_loop *outer = iv_loop_enter(inner->loop);

	iv_loop_enter(outer);
	iv_quit();
	iv_loop_enter(inner->loop);
	iv_quit();
	iv_loop_enter(outer);
}

TEST(each_has_its_own_quit)
{
	struct iv_loop *own;
	struct inner inner;

	inner.loop = make();
	iv_init();
	own = iv_loop_self();
	add_event(never_handler, NULL);
	add_task(quit_outer, &inner);
	iv_main();
	iv_event_unregister(&event);
	iv_loop_enter(inner.loop);
	add_timer(trace, label("t"));
	iv_main();
	CHECK_STR(traced(), "t");
	iv_loop_enter(own);
	iv_deinit();
	iv_loop_free(inner.loop);
}

static void enter_and_return(void *_loop)
{
	iv_loop_enter(_loop);
}

#define NOT_ENTERED	"without entering that of its own"

FATAL_TEST(a_task_does_not_come_back, NOT_ENTERED)
{
	struct iv_loop *loop = make();

	iv_init();
	add_task(enter_and_return, loop);
	iv_main();
}

FATAL_TEST(a_timer_does_not_come_back, NOT_ENTERED)
{
	struct iv_loop *loop = make();

	iv_init();
	add_timer(enter_and_return, loop);
	iv_run(IV_RUN_ONCE);
	iv_run(IV_RUN_ONCE);
}

FATAL_TEST(an_event_does_not_come_back, NOT_ENTERED)
{
	struct iv_loop *loop = make();

	iv_init();
	add_event(enter_and_return, loop);
	iv_event_post(&event);
	iv_main();
}

FATAL_TEST(a_descriptor_leaves_for_none, NOT_ENTERED)
{
	struct iv_fd fd;
	int fds[2];

	iv_init();
	make_pipe(fds);
	poke(fds[1]);
	IV_FD_INIT(&fd);
	fd.fd = fds[0];
	fd.handler_in = enter_and_return;
	fd.cookie = NULL;
	iv_fd_register(&fd);
	iv_main();
}

static void free_and_come_back(void *_loop)
{
	struct iv_loop *outer = iv_loop_enter(NULL);

	(void)_loop;
	iv_loop_free(outer);
}

FATAL_TEST(freed_in_its_own_handler, "iv_loop_free: thread ")
{
	make_and_enter();
	add_task(free_and_come_back, NULL);
	iv_main();
}

FATAL_TEST(a_call_does_not_come_back, "iv_loop_call_wait: a handler has entered")
{
	struct iv_loop *loop = make();
	struct iv_call call;

	iv_init();
	IV_CALL_INIT(&call);
	call.handler = enter_and_return;
	call.cookie = loop;
	iv_loop_call_wait(iv_loop_self(), &call);
}

static struct iv_hook hook;

static void at_the_end(void (*handler)(void *), void *cookie)
{
	IV_HOOK_INIT(&hook);
	hook.point = IV_HOOK_DEINIT;
	hook.handler = handler;
	hook.cookie = cookie;
	CHECK_INT(iv_hook_register(&hook), ==, 0);
}

FATAL_TEST(the_last_hook_does_not_come_back, NOT_ENTERED)
{
	struct iv_loop *loop = make();

	iv_init();
	at_the_end(enter_and_return, loop);
	iv_deinit();
}

static void init_and_deinit(void *text)
{
	iv_init();
	iv_deinit();
	trace(text);
}

/* What uses the loop as it is taken down may see to it that there is one. */
TEST(pairs_of_iv_init_while_it_is_taken_down)
{
	struct iv_loop *loop;

	iv_init();
	at_the_end(init_and_deinit, label("a"));
	iv_deinit();
	loop = make_and_enter();
	at_the_end(init_and_deinit, label("b"));
	leave_and_free(loop);
	CHECK_STR(traced(), "ab");
}

static int pairs;

static void end_of_area(void *_area)
{
	(void)_area;
	iv_init();
	iv_deinit();
	pairs++;
}

static struct iv_tls_user in_pairs = {
	.sizeof_state = 1,
	.deinit_thread = end_of_area,
};

TEST(pairs_of_iv_init_while_areas_go)
{
	iv_tls_user_register(&in_pairs);
	iv_init();
	iv_deinit();
	CHECK_INT(pairs, ==, 1);
	CHECK_INT(iv_inited(), ==, 0);
}

static void deinit_once_more(void *unused)
{
	(void)unused;
	iv_deinit();
}

FATAL_TEST(deinit_while_it_is_taken_down,
	   "iv_deinit: called more often than iv_init()")
{
	iv_init();
	at_the_end(deinit_once_more, NULL);
	iv_deinit();
}

static jmp_buf out;

static void enter_and_jump(void *_loop)
{
	iv_loop_enter(_loop);
	longjmp(out, 1);
}

/* Nothing runs any more: it may be entered, and freed. */
TEST(left_by_longjmp_with_another_entered)
{
	struct iv_loop *a = make_and_enter(), *b = make();

	add_task(enter_and_jump, b);
	if (setjmp(out) == 0)
		iv_main();
	CHECK_PTR(iv_loop_enter(a), ==, b);
	add_task(trace, label("t"));
	iv_main();
	CHECK_STR(traced(), "t");
	add_task(enter_and_jump, b);
	if (setjmp(out) == 0)
		iv_main();
	CHECK_PTR(iv_loop_self(), ==, b);
	iv_loop_free(a);
	leave_and_free(b);
}

/* ---- Several threads ------------------------------------------------------------ */

static void *enter_elsewhere(void *_loop)
{
	iv_loop_enter(_loop);
	return NULL;
}

FATAL_TEST(entered_in_two_threads, "iv_loop_enter: thread ")
{
	in_thread(enter_elsewhere, make_and_enter());
}

static void *free_elsewhere(void *_loop)
{
	iv_loop_free(_loop);
	return NULL;
}

FATAL_TEST(freed_while_entered_elsewhere, "iv_loop_free: thread ")
{
	in_thread(free_elsewhere, make_and_enter());
}

FATAL_TEST(freed_while_entered, "iv_loop_free: thread ")
{
	iv_loop_free(make_and_enter());
}

/* Away from it, but in a handler: it is still this thread's. */
static void lend(void *_other)
{
	struct iv_loop *outer = iv_loop_enter(_other);

	in_thread(enter_elsewhere, outer);
}

FATAL_TEST(entered_elsewhere_while_it_runs, "iv_loop_enter: thread ")
{
	struct iv_loop *other = make();

	make_and_enter();
	add_task(lend, other);
	iv_main();
}

static void *run_elsewhere(void *_loop)
{
	CHECK_PTR(iv_loop_enter(_loop), ==, NULL);
	iv_main();
	CHECK_PTR(iv_loop_enter(NULL), ==, _loop);
	return NULL;
}

TEST(filled_here_run_there_freed_elsewhere)
{
	struct iv_loop *loop = make_and_enter();

	add_timer(trace, label("t"));
	CHECK_PTR(iv_loop_enter(NULL), ==, loop);
	in_thread(run_elsewhere, loop);
	CHECK_STR(traced(), "t");
	in_thread(free_elsewhere, loop);
}

static void *unregister_elsewhere(void *_loop)
{
	iv_loop_enter(_loop);
	iv_event_unregister(&event);
	iv_timer_unregister(&timer);
	return NULL;
}

TEST(objects_go_with_their_loop)
{
	struct iv_loop *loop = make_and_enter();

	add_event(never_handler, NULL);
	add_timer(never_handler, NULL);
	iv_loop_enter(NULL);
	in_thread(unregister_elsewhere, loop);
	iv_loop_enter(loop);
	CHECK_INT(iv_run(IV_RUN_ONCE), ==, 0);
	leave_and_free(loop);
}

FATAL_TEST(an_object_of_another_loop_of_the_thread,
	   "belongs to another loop of this thread")
{
	make_and_enter();
	add_timer(never_handler, NULL);
	make_and_enter();
	iv_timer_unregister(&timer);
}

static void *post(void *unused)
{
	iv_event_post(&event);
	return unused;
}

/* It waits for the next turn. */
TEST(a_post_to_a_loop_that_nobody_has_entered)
{
	struct iv_loop *loop = make_and_enter();

	add_event(quit_handler, NULL);
	iv_loop_enter(NULL);
	iv_event_post(&event);
	iv_loop_enter(loop);
	iv_main();
	iv_loop_enter(NULL);
	in_thread(post, NULL);
	iv_loop_enter(loop);
	iv_main();
	iv_event_unregister(&event);
	leave_and_free(loop);
}

static void got_signal(void *_sig)
{
	mark("s");
	iv_signal_unregister(_sig);
}

TEST(a_signal_for_a_loop_that_nobody_has_entered)
{
	struct iv_loop *loop = make_and_enter();
	struct iv_signal sig;

	IV_SIGNAL_INIT(&sig);
	sig.signum = SIGUSR1;
	sig.flags = 0;
	sig.cookie = &sig;
	sig.handler = got_signal;
	CHECK_INT(iv_signal_register(&sig), ==, 0);
	iv_loop_enter(NULL);
	CHECK_SYS(raise(SIGUSR1));
	iv_loop_enter(loop);
	iv_main();
	CHECK_STR(traced(), "s");
	leave_and_free(loop);
}

static void end_at_once(void *unused)
{
	(void)unused;
	_exit(0);
}

static void child_ended(void *_wait, int status, const struct rusage *usage)
{
	(void)status;
	(void)usage;
	mark("c");
	iv_wait_interest_unregister(_wait);
}

TEST(a_child_of_a_loop_that_nobody_has_entered)
{
	struct iv_loop *loop = make_and_enter(), *other;
	struct iv_wait_interest wait;

	IV_WAIT_INTEREST_INIT(&wait);
	wait.cookie = &wait;
	wait.handler = child_ended;
	CHECK_INT(iv_wait_interest_register_spawn(&wait, end_at_once, NULL),
		  ==, 0);
	other = make_and_enter();
	add_timer(trace, label("t"));
	iv_main();
	iv_loop_enter(loop);
	iv_main();
	CHECK_STR(traced(), "tc");
	leave_and_free(loop);
	iv_loop_free(other);
}

static struct iv_loop *handed;

/* Each turn by another thread. */
static void *one_turn(void *unused)
{
	iv_loop_enter(handed);
	iv_run(IV_RUN_ONCE);
	iv_loop_enter(NULL);
	return unused;
}

static void again(void *_left)
{
	int *left = _left;

	if (--*left > 0)
		add_timer(again, left);
}

TEST(handed_round)
{
	int left = 10;

	handed = make_and_enter();
	add_timer(again, &left);
	iv_loop_enter(NULL);
	while (left > 0)
		in_thread(one_turn, NULL);
	iv_loop_free(handed);
}

/* ---- The end of a thread ---------------------------------------------------------- */

static void *end_inside(void *_loop)
{
	iv_loop_enter(_loop);
	return NULL;
}

TEST(a_thread_ends_with_a_loop_of_iv_loop_new)
{
	struct iv_loop *loop = make();

	in_thread(end_inside, loop);
	in_thread(run_elsewhere, loop);
	iv_loop_enter(loop);
	add_timer(trace, label("t"));
	iv_main();
	CHECK_STR(traced(), "t");
	leave_and_free(loop);
}

static void exit_thread(void *unused)
{
	(void)unused;
	pthread_exit(NULL);
}

static void exit_in_another(void *_loop)
{
	iv_loop_enter(_loop);
	pthread_exit(NULL);
}

static void *run_until_exit(void *_loop)
{
	iv_loop_enter(_loop);
	iv_main();
	FAIL("the thread did not end");
}

TEST(a_thread_ends_in_a_handler_of_one)
{
	struct iv_loop *loop = make_and_enter(), *other = make();

	add_task(exit_thread, NULL);
	iv_loop_enter(NULL);
	in_thread(run_until_exit, loop);
	iv_loop_enter(loop);
	add_task(exit_in_another, other);
	iv_loop_enter(NULL);
	in_thread(run_until_exit, loop);
	iv_loop_enter(loop);
	add_task(trace, label("t"));
	iv_main();
	CHECK_STR(traced(), "t");
	iv_loop_enter(other);
	leave_and_free(other);
	iv_loop_free(loop);
}

static void *end_with_two(void *_loop)
{
	iv_init();
	iv_loop_enter(NULL);
	iv_init();
	iv_loop_enter(_loop);
	return NULL;
}

/* Its own two are taken down, the third one is not. */
TEST(a_thread_ends_with_loops_of_iv_init_that_it_has_left)
{
	struct iv_loop *loop;

	iv_tls_user_register(&user);
	loop = make();
	in_thread(end_with_two, loop);
	CHECK_INT(inits, ==, 3);
	CHECK_INT(deinits, ==, 2);
	iv_loop_free(loop);
	CHECK_INT(deinits, ==, 3);
}

/* ---- Forks ------------------------------------------------------------------------- */

static void use_both(void *_loop)
{
	struct iv_loop *own = iv_loop_self();

	iv_event_post(&event);
	CHECK_PTR(iv_loop_enter(_loop), ==, own);
	iv_main();
	CHECK_STR(traced(), "e");
	iv_loop_enter(own);
	add_task(trace, label("t"));
	iv_main();
	CHECK_STR(traced(), "t");
	iv_deinit();
	iv_loop_free(_loop);
}

static void mark_and_drop(void *text)
{
	trace(text);
	iv_event_unregister(&event);
}

/* The one that nobody has entered, too. */
TEST(a_child_goes_on_with_all_loops_of_its_thread)
{
	struct iv_loop *own, *loop = make_and_enter();

	add_event(mark_and_drop, label("e"));
	iv_run(IV_RUN_NOWAIT);
	iv_loop_enter(NULL);
	iv_init();
	own = iv_loop_self();
	reap_child(fork_child(use_both, loop));
	CHECK_PTR(iv_loop_self(), ==, own);
	iv_deinit();
	iv_loop_enter(loop);
	iv_event_unregister(&event);
	leave_and_free(loop);
}

static void init_inside(void *_loop)
{
	iv_init();
	CHECK_PTR(iv_loop_self(), ==, _loop);
	add_task(trace, label("t"));
	iv_main();
	CHECK_STR(traced(), "t");
	iv_deinit();
	leave_and_free(_loop);
}

/* A handle that the program has stays what it is. */
TEST(iv_init_in_a_child_nests_in_a_loop_of_iv_loop_new)
{
	struct iv_loop *loop = make_and_enter();

	reap_child(fork_child(init_inside, loop));
	leave_and_free(loop);
}

static pthread_barrier_t barrier;

static void *hold_it(void *_loop)
{
	iv_loop_enter(_loop);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	iv_loop_enter(NULL);
	return NULL;
}

static void free_it(void *_loop)
{
	iv_loop_free(_loop);
	iv_loop_free(make());
}

/* ... is lost in the child; what it has open goes with the process. */
TEST(a_loop_that_another_thread_had_entered)
{
	struct iv_loop *loop = make();
	pthread_t tid;

	pthread_barrier_init(&barrier, NULL, 2);
	CHECK_INT(pthread_create(&tid, NULL, hold_it, loop), ==, 0);
	pthread_barrier_wait(&barrier);
	fence_allow(FENCE_FDS, "the child leaves a loop open");
	reap_child(fork_child(free_it, loop));
	pthread_barrier_wait(&barrier);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	pthread_barrier_destroy(&barrier);
	iv_loop_free(loop);
}
