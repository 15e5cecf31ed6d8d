/* SPDX-License-Identifier: MIT */
/*
 * event.c - tests of posts, from the same thread and from others.
 */
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <iv_event.h>
#include "harness/spy.h"
#include "harness/test.h"
#include "loop/loop.h"

#define FOREVER	~0U

/* ---- Helpers --------------------------------------------------------------- */

static struct iv_event events[8];

static void mark(const char *label)
{
	trace((void *)(uintptr_t)label);
}

/* What the caller need not fill in is garbage. */
static void make(int i, void (*handler)(void *), const char *label)
{
	memset(&events[i], 0xa5, sizeof(events[i]));
	IV_EVENT_INIT(&events[i]);
	events[i].handler = handler;
	events[i].cookie = (void *)(uintptr_t)label;
}

static void add(int i, void (*handler)(void *), const char *label)
{
	make(i, handler, label);
	CHECK_INT(iv_event_register(&events[i]), ==, 0);
}

static void drop(int i)
{
	iv_event_unregister(&events[i]);
}

/* A descriptor that is always ready: marks the turns. */
static int fds[2];
static struct iv_fd fd;

static void mark_turn(void *unused)
{
	(void)unused;
	mark("|");
}

static void watch_turns(void)
{
	make_pipe(fds);
	poke(fds[1]);
	IV_FD_INIT(&fd);
	fd.fd = fds[0];
	fd.handler_in = mark_turn;
	iv_fd_register(&fd);
}

static void unwatch_turns(void)
{
	iv_fd_unregister(&fd);
	close_pair(fds);
}

static void *run_in_thread(void *_fn)
{
	((void (*)(void))_fn)();
	return NULL;
}

/* Runs FN in a thread that has no loop, to its end. */
static void elsewhere(void (*fn)(void))
{
	pthread_t tid;

	CHECK_INT(pthread_create(&tid, NULL, run_in_thread, (void *)fn), ==,
		  0);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
}

static void post_0(void)
{
	iv_event_post(&events[0]);
}

static void post_012(void)
{
	iv_event_post(&events[0]);
	iv_event_post(&events[1]);
	iv_event_post(&events[2]);
}

static void add_task(struct iv_task *t, void (*handler)(void *))
{
	IV_TASK_INIT(t);
	t->handler = handler;
	iv_task_register(t);
}

/* ---- Delivery to the same thread --------------------------------------------- */

TEST(posted_before_the_loop_runs)
{
	iv_init();
	add(0, trace, "a");
	iv_event_post(&events[0]);
	CHECK_STR(traced(), "");
	quit_after_turns(3);
	iv_main();
	CHECK_STR(traced(), "a");
	drop(0);
	iv_deinit();
}

static void nothing(void *unused)
{
	(void)unused;
}

/* Which the library opens for it, where the kernel has no other way. */
TEST(its_channel_may_have_the_number_of_one_that_was_closed)
{
	struct iv_fd closed;
	int p[2];

	iv_init();
	make_pipe(p);
	IV_FD_INIT(&closed);
	closed.fd = p[0];
	closed.handler_in = nothing;
	iv_fd_register(&closed);
	close_pair(p);
	add(0, quit_handler, NULL);
	elsewhere(post_0);
	iv_main();
	iv_fd_unregister(&closed);
	elsewhere(post_0);
	iv_main();
	drop(0);
	iv_deinit();
}

TEST(first_posted_first_called)
{
	iv_init();
	add(0, trace, "a");
	add(1, trace, "b");
	add(2, trace, "c");
	iv_event_post(&events[2]);
	iv_event_post(&events[0]);
	iv_event_post(&events[1]);
	iv_event_post(&events[2]);
	quit_after_turns(2);
	iv_main();
	CHECK_STR(traced(), "cab");
	drop(0);
	drop(1);
	drop(2);
	iv_deinit();
}

TEST(posts_merge)
{
	iv_init();
	add(0, trace, "a");
	post_0();
	post_0();
	elsewhere(post_0);
	quit_after_turns(3);
	iv_main();
	CHECK_STR(traced(), "a");
	drop(0);
	iv_deinit();
}

TEST(not_posted_not_called)
{
	iv_init();
	add(0, never_handler, NULL);
	quit_after_turns(3);
	iv_main();
	drop(0);
	iv_deinit();
}

TEST(cookie_and_handler_are_read_at_the_call)
{
	iv_init();
	add(0, never_handler, "a");
	post_0();
	events[0].handler = trace;
	events[0].cookie = (void *)(uintptr_t)"b";
	quit_after_turns(2);
	iv_main();
	CHECK_STR(traced(), "b");
	drop(0);
	iv_deinit();
}

static void post_itself(void *_event)
{
	mark("e");
	iv_event_post(_event);
}

/* A post in the handler gives another call, but only after the loop has been
   round: descriptors and timers are not starved. */
TEST(one_that_posts_itself_runs_once_per_turn)
{
	iv_init();
	watch_turns();
	make(0, post_itself, NULL);
	events[0].cookie = &events[0];
	CHECK_INT(iv_event_register(&events[0]), ==, 0);
	post_0();
	quit_after_turns(4);
	iv_main();
	CHECK_STR(traced(), "e|e|e|e");
	drop(0);
	unwatch_turns();
	iv_deinit();
}

static void post_1(void *label)
{
	mark(label);
	iv_event_post(&events[1]);
}

/* What is posted by a handler is a batch of its own. */
TEST(posted_by_a_handler_waits_for_the_next_turn)
{
	iv_init();
	watch_turns();
	add(0, post_1, "a");
	add(1, trace, "b");
	add(2, trace, "c");
	iv_event_post(&events[0]);
	iv_event_post(&events[2]);
	quit_after_turns(3);
	iv_main();
	CHECK_STR(traced(), "ac|b|");
	drop(0);
	drop(1);
	drop(2);
	unwatch_turns();
	iv_deinit();
}

static void task_posts_0(void *unused)
{
	(void)unused;
	mark("t");
	post_0();
}

TEST(posted_by_a_task_runs_in_the_task_phase)
{
	struct iv_task t;

	iv_init();
	watch_turns();
	add(0, trace, "e");
	add_task(&t, task_posts_0);
	quit_after_turns(2);
	iv_main();
	CHECK_STR(traced(), "te|");
	drop(0);
	unwatch_turns();
	iv_deinit();
}

TEST(posted_by_a_timer_runs_in_the_same_turn)
{
	struct iv_timer t;

	iv_init();
	watch_turns();
	add(0, trace, "e");
	timer_after(&t, 0, task_posts_0, NULL);
	iv_timer_register(&t);
	quit_after_turns(2);
	iv_main();
	CHECK_STR(traced(), "te|");
	drop(0);
	unwatch_turns();
	iv_deinit();
}

static void fd_posts_0(void *unused)
{
	(void)unused;
	mark("f");
	iv_fd_set_handler_in(&fd, NULL);
	post_0();
}

/* Before the loop could sleep, which it would for ever. */
TEST(posted_by_a_descriptor_runs_before_the_next_wait)
{
	iv_init();
	watch_turns();
	iv_fd_set_handler_in(&fd, fd_posts_0);
	add(0, quit_handler, NULL);
	iv_main();
	CHECK_STR(traced(), "f");
	drop(0);
	unwatch_turns();
	iv_deinit();
}

/* ---- Delivery to another thread ------------------------------------------------ */

static void task_has_0_posted_elsewhere(void *unused)
{
	(void)unused;
	mark("t");
	elsewhere(post_0);
}

/* After the wait, and before the descriptors it found. */
TEST(posted_by_another_thread_comes_before_descriptors)
{
	struct iv_task t;

	iv_init();
	watch_turns();
	add(0, trace, "e");
	add_task(&t, task_has_0_posted_elsewhere);
	quit_after_turns(2);
	iv_main();
	CHECK_STR(traced(), "te|");
	drop(0);
	unwatch_turns();
	iv_deinit();
}

static void fd_has_0_posted_elsewhere(void *unused)
{
	(void)unused;
	mark("f");
	iv_fd_set_handler_in(&fd, NULL);
	elsewhere(post_0);
}

TEST(posted_by_another_thread_while_the_loop_is_awake)
{
	iv_init();
	watch_turns();
	iv_fd_set_handler_in(&fd, fd_has_0_posted_elsewhere);
	add(0, quit_handler, NULL);
	spy_reset();
	iv_main();
	CHECK_STR(traced(), "f");
	drop(0);
	unwatch_turns();
	iv_deinit();
}

TEST(another_threads_posts_keep_their_order)
{
	iv_init();
	add(2, trace, "c");
	add(1, trace, "b");
	add(0, trace, "a");
	elsewhere(post_012);
	quit_after_turns(2);
	iv_main();
	CHECK_STR(traced(), "abc");
	drop(0);
	drop(1);
	drop(2);
	iv_deinit();
}

static int message;

static void write_message(void)
{
	message = 42;
	post_0();
}

static void read_message(void *unused)
{
	(void)unused;
	CHECK_INT(message, ==, 42);
	iv_quit();
}

static void *write_message_detached(void *unused)
{
	write_message();
	return unused;
}

TEST(what_was_written_before_is_seen_in_the_handler)
{
	pthread_t tid;

	iv_init();
	add(0, read_message, NULL);
	CHECK_INT(pthread_create(&tid, NULL, write_message_detached, NULL),
		  ==, 0);
	iv_main();
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	drop(0);
	iv_deinit();
}

/* Two loops throw a ball. */
#define THROWS	2000

static struct iv_event ball[2];
static int throws;

static void throw_back(void *_self)
{
	struct iv_event *other = _self == &ball[0] ? &ball[1] : &ball[0];

	int n = ++throws;

	if (n < THROWS)
		iv_event_post(other);
	if (n >= THROWS - 1)
		iv_quit();
}

static void take_place(struct iv_event *ev)
{
	IV_EVENT_INIT(ev);
	ev->handler = throw_back;
	ev->cookie = ev;
	CHECK_INT(iv_event_register(ev), ==, 0);
}

static pthread_barrier_t both;

static void *other_player(void *unused)
{
	iv_init();
	take_place(&ball[1]);
	pthread_barrier_wait(&both);
	iv_main();
	iv_event_unregister(&ball[1]);
	iv_deinit();
	return unused;
}

TEST(two_loops_post_to_each_other)
{
	pthread_t tid;

	iv_init();
	take_place(&ball[0]);
	pthread_barrier_init(&both, NULL, 2);
	CHECK_INT(pthread_create(&tid, NULL, other_player, NULL), ==, 0);
	pthread_barrier_wait(&both);
	iv_event_post(&ball[1]);
	iv_main();
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	pthread_barrier_destroy(&both);
	CHECK_INT(throws, ==, THROWS);
	iv_event_unregister(&ball[0]);
	iv_deinit();
}

/* ---- Unregistering --------------------------------------------------------------- */

TEST(unregistering_drops_a_pending_call)
{
	iv_init();
	add(0, never_handler, NULL);
	add(1, trace, "b");
	post_0();
	elsewhere(post_0);
	drop(0);
	add(0, never_handler, NULL);
	elsewhere(post_0);
	iv_event_post(&events[1]);
	drop(0);
	quit_after_turns(3);
	iv_main();
	CHECK_STR(traced(), "b");
	drop(1);
	iv_deinit();
}

TEST(registered_again_it_is_not_pending)
{
	iv_init();
	add(0, never_handler, NULL);
	elsewhere(post_0);
	drop(0);
	CHECK_INT(iv_event_register(&events[0]), ==, 0);
	quit_after_turns(3);
	iv_main();
	events[0].handler = trace;
	events[0].cookie = (void *)(uintptr_t)"a";
	post_0();
	quit_after_turns(3);
	iv_main();
	CHECK_STR(traced(), "a");
	drop(0);
	iv_deinit();
}

static void drop_both(void *label)
{
	mark(label);
	drop(0);
	drop(1);
}

TEST(one_handler_unregisters_all_that_are_pending)
{
	iv_init();
	add(0, drop_both, "a");
	add(1, drop_both, "b");
	iv_event_post(&events[0]);
	iv_event_post(&events[1]);
	iv_main();
	CHECK_STR(traced(), "a");
	iv_deinit();
}

TEST(the_last_one_to_go_ends_the_loop)
{
	iv_init();
	add(0, drop_both, "a");
	add(1, never_handler, NULL);
	elsewhere(post_0);
	iv_main();
	CHECK_STR(traced(), "a");
	iv_main();
	iv_deinit();
}

/* Every way in which the handler of one frees another; all are pending. */
static struct iv_event *heap[4];
static int plan[4];
static int ran[4];

static void free_victim(void *_index)
{
	int self = (int)(intptr_t)_index, victim = plan[self];

	CHECK(heap[self] != NULL);
	ran[self]++;
	if (heap[victim] == NULL)
		return;
	iv_event_unregister(heap[victim]);
	free(heap[victim]);
	heap[victim] = NULL;
}

static void post_heap(void)
{
	int i;

	for (i = 0; i < 4; i++)
		iv_event_post(heap[i]);
}

static void run_plan(int foreign)
{
	int i;

	for (i = 0; i < 4; i++) {
		heap[i] = malloc(sizeof(*heap[i]));
		CHECK(heap[i] != NULL);
		IV_EVENT_INIT(heap[i]);
		heap[i]->cookie = (void *)(intptr_t)i;
		heap[i]->handler = free_victim;
		CHECK_INT(iv_event_register(heap[i]), ==, 0);
		ran[i] = 0;
	}
	if (foreign)
		elsewhere(post_heap);
	else
		post_heap();
	quit_after_turns(2);
	iv_main();
	for (i = 0; i < 4; i++) {
		CHECK_INT(ran[i], <=, 1);
		CHECK(ran[i] == 1 || heap[i] == NULL);
		if (heap[i] != NULL)
			iv_event_unregister(heap[i]);
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
		run_plan(n % 8 == 0);
	}
	iv_deinit();
}

/* Those stop at a post that comes too late: see loop/debug.c. */
static void not_in_debug_builds(void)
{
#ifdef IVI_DEBUG
	SKIP("a debug build");
#endif
}

TEST(a_post_after_unregistering_is_ignored)
{
	not_in_debug_builds();
	iv_init();
	add(0, never_handler, NULL);
	drop(0);
	post_0();
	elsewhere(post_0);
	quit_after_turns(3);
	iv_main();
	iv_deinit();
}

TEST(iv_deinit_with_events_registered_and_pending)
{
	iv_init();
	add(0, never_handler, "gone with its loop");
	add(1, never_handler, "gone with its loop");
	elsewhere(post_0);
	iv_event_post(&events[1]);
	iv_deinit();
	iv_init();
	add(0, trace, "a");
	post_0();
	quit_after_turns(2);
	iv_main();
	CHECK_STR(traced(), "a");
	drop(0);
	iv_deinit();
}

/* ---- The wake-up channel ------------------------------------------------------------ */

TEST(registering_often_opens_one_channel)
{
	int i;

	iv_init();
	spy_reset();
	for (i = 0; i < 1000; i++) {
		add(0, trace, "a");
		add(1, trace, "b");
		drop(1);
		drop(0);
	}
	CHECK_INT(spy_count(SPY_EVENTFD) + spy_count(SPY_PIPE2), <=, 1);
	add(0, trace, "a");
	elsewhere(post_0);
	quit_after_turns(2);
	iv_main();
	CHECK_STR(traced(), "a");
	drop(0);
	iv_deinit();
}

/* All that the spied calls could tell the kernel. */
static unsigned system_calls(void)
{
	return spy_count(SPY_WRITE) + spy_count(SPY_EPOLL_CTL);
}

static void post_and_count(void)
{
	unsigned before = system_calls();

	post_012();
	post_012();
	CHECK_INT(system_calls(), ==, before);
}

static void have_them_posted(void *unused)
{
	(void)unused;
	elsewhere(post_and_count);
	post_and_count();
}

TEST(a_post_to_a_loop_that_is_awake_makes_no_system_call)
{
	struct iv_task t;

	iv_init();
	add(0, trace, "a");
	add(1, trace, "b");
	add(2, trace, "c");
	add_task(&t, have_them_posted);
	quit_after_turns(3);
	iv_main();
	CHECK_STR(traced(), "abc");
	drop(0);
	drop(1);
	drop(2);
	iv_deinit();
}

static void use_pipe(int err)
{
	spy_fail(SPY_EVENTFD, 1, FOREVER, err);
	iv_init();
	add(0, trace, "a");
	CHECK_INT(spy_failed(), ==, 1);
	spy_heal();
	elsewhere(post_0);
	quit_after_turns(2);
	iv_main();
	CHECK_STR(traced(), "a");
	drop(0);
	iv_deinit();
}

TEST(a_pipe_where_there_is_no_eventfd)
{
	if (wakes_without_fd())
		SKIP("%s wakes without a descriptor", test_method());
	if (spy_channel() != SPY_EVENTFD)
		SKIP("built without eventfd");
	use_pipe(ENOSYS);
	use_pipe(EPERM);
	use_pipe(EINVAL);
}

/* An hour passes with the channel open. */
static void idle_for_an_hour(void)
{
	struct iv_timer t;

	spy_clock_take(1000000000);
	iv_init();
	add(0, trace, "a");
	elsewhere(post_0);
	timer_after(&t, 3600000, quit_handler, NULL);
	iv_timer_register(&t);
	spy_reset();
	iv_main();
	CHECK_STR(traced(), "a");
	CHECK_INT(spy_count(SPY_WAIT), <=, 5);
	drop(0);
	iv_deinit();
}

TEST(an_idle_loop_with_an_eventfd_sleeps)
{
	idle_for_an_hour();
}

TEST(an_idle_loop_with_a_pipe_sleeps)
{
	spy_fail(SPY_EVENTFD, 1, FOREVER, ENOSYS);
	idle_for_an_hour();
}

/* Refused: nothing may be left behind that keeps the loop running. */
static void check_refused(int err)
{
	make(0, trace, "a");
	CHECK_ERRNO(iv_event_register(&events[0]), err);
	spy_heal();
	restore_fds();
	iv_main();
	CHECK_INT(iv_event_register(&events[0]), ==, 0);
	elsewhere(post_0);
	quit_after_turns(2);
	iv_main();
	CHECK_STR(traced(), "a");
	drop(0);
	iv_main();
}

TEST(no_descriptor_for_the_channel)
{
	static const int errs[] = { EMFILE, ENFILE, ENOMEM };
	unsigned i;

	if (wakes_without_fd())
		SKIP("%s wakes without a descriptor", test_method());
	for (i = 0; i < 3; i++) {
		iv_init();
		spy_fail(spy_channel(), 1, FOREVER, errs[i]);
		check_refused(errs[i]);
		iv_deinit();
	}
}

TEST(the_method_refuses_the_channel)
{
	static const int errs[] = { ENOMEM, ENOSPC };
	unsigned i;

	for (i = 0; i < 2; i++) {
		iv_init();
		spy_fail(SPY_EPOLL_CTL, 1, FOREVER, errs[i]);
		if (strncmp(iv_poll_method_name(), "epoll", 5) != 0)
			SKIP("it makes no system call for that");
		check_refused(errs[i]);
		iv_deinit();
	}
}

TEST(out_of_descriptors)
{
	if (wakes_without_fd())
		SKIP("%s wakes without a descriptor", test_method());
	iv_init();
	leave_fds(0);
	check_refused(EMFILE);
	iv_deinit();
}

TEST(out_of_descriptors_for_a_pipe)
{
	if (wakes_without_fd())
		SKIP("%s wakes without a descriptor", test_method());
	iv_init();
	deny_syscall(SYS_eventfd2, ENOSYS);
	leave_fds(1);
	check_refused(EMFILE);
	iv_deinit();
}

/* ---- Storms ------------------------------------------------------------------------- */

#define POSTERS	4
#define EVENTS	8

/* WANT is what has been posted, SEEN what a handler has seen of it. */
static struct target {
	struct iv_event	ev;
	unsigned	want, seen, calls;
} targets[EVENTS];

static unsigned rounds;
static int posters_left;
static struct iv_event poster_done;
static pthread_t posters[POSTERS];

static void see(void *_target)
{
	struct target *t = _target;

	t->calls++;
	t->seen = __atomic_load_n(&t->want, __ATOMIC_RELAXED);
}

/* It may be a poster's that has more to come before its own last post, so the
   call after that is meant. */
static void all_done(void *unused)
{
	static int done;

	(void)unused;
	if (done)
		iv_quit();
	else if (__atomic_load_n(&posters_left, __ATOMIC_SEQ_CST) == 0) {
		done = 1;
		iv_event_post(&poster_done);
	}
}

static void *storm(void *unused)
{
	unsigned i;

	for (i = 0; i < rounds; i++) {
		struct target *t = &targets[i % EVENTS];

		__atomic_add_fetch(&t->want, 1, __ATOMIC_RELAXED);
		iv_event_post(&t->ev);
	}
	__atomic_sub_fetch(&posters_left, 1, __ATOMIC_SEQ_CST);
	iv_event_post(&poster_done);
	return unused;
}

static void start_posters(void *(*fn)(void *))
{
	int i;

	posters_left = POSTERS;
	IV_EVENT_INIT(&poster_done);
	poster_done.handler = all_done;
	CHECK_INT(iv_event_register(&poster_done), ==, 0);
	for (i = 0; i < EVENTS; i++) {
		IV_EVENT_INIT(&targets[i].ev);
		targets[i].ev.handler = see;
		targets[i].ev.cookie = &targets[i];
		CHECK_INT(iv_event_register(&targets[i].ev), ==, 0);
	}
	for (i = 0; i < POSTERS; i++)
		CHECK_INT(pthread_create(&posters[i], NULL, fn,
					 (void *)(intptr_t)i), ==, 0);
}

/* The last post of each poster is followed by poster_done's, so by then all
   have been handled, in this batch or an earlier one. */
static void join_posters(void)
{
	int i;

	for (i = 0; i < POSTERS; i++)
		CHECK_INT(pthread_join(posters[i], NULL), ==, 0);
	for (i = 0; i < EVENTS; i++) {
		CHECK_INT(targets[i].seen, ==, targets[i].want);
		CHECK_INT(targets[i].calls, <=, targets[i].want);
		iv_event_unregister(&targets[i].ev);
	}
	iv_event_unregister(&poster_done);
}

static void run_storm(void)
{
	rounds = time_scale() > 1 ? 2000 : 20000;
	iv_init();
	start_posters(storm);
	iv_main();
	join_posters();
	iv_deinit();
}

TEST(no_post_of_a_storm_is_lost)
{
	run_storm();
}

TEST(no_post_of_a_storm_is_lost_in_a_pipe)
{
	spy_fail(SPY_EVENTFD, 1, FOREVER, ENOSYS);
	run_storm();
}

/* Each waits until its post has been handled, while the others do the same:
   the loop falls asleep again and again. */
static void *one_at_a_time(void *_self)
{
	struct target *t = &targets[(intptr_t)_self];
	unsigned i;

	for (i = 1; i <= rounds; i++) {
		__atomic_add_fetch(&t->want, 1, __ATOMIC_RELAXED);
		iv_event_post(&t->ev);
		while (__atomic_load_n(&t->seen, __ATOMIC_ACQUIRE) != i)
			sched_yield();
	}
	__atomic_sub_fetch(&posters_left, 1, __ATOMIC_SEQ_CST);
	iv_event_post(&poster_done);
	return NULL;
}

static void see_in_order(void *_target)
{
	struct target *t = _target;

	t->calls++;
	__atomic_store_n(&t->seen, __atomic_load_n(&t->want, __ATOMIC_RELAXED),
			 __ATOMIC_RELEASE);
}

static void run_sleepy(void)
{
	int i;

	rounds = time_scale() > 1 ? 100 : 500;
	iv_init();
	start_posters(one_at_a_time);
	for (i = 0; i < EVENTS; i++)
		targets[i].ev.handler = see_in_order;
	spy_reset();
	iv_main();
	join_posters();
	for (i = 0; i < POSTERS; i++)
		CHECK_INT(targets[i].calls, ==, rounds);
	/* Two more are of /dev/poll, which is told by write(2) of the pipe
	   when the loop first waits, and again when the last event goes. */
	CHECK_INT(spy_count(SPY_WRITE), <=, POSTERS * (rounds + 1) + 2);
	iv_deinit();
}

TEST(no_post_to_a_sleeping_loop_is_lost)
{
	run_sleepy();
}

TEST(no_post_to_a_sleeping_loop_is_lost_in_a_pipe)
{
	spy_fail(SPY_EVENTFD, 1, FOREVER, ENOSYS);
	run_sleepy();
}

/* Posts that come too late are somebody's mistake, but they hit nobody. */
static int stop;

static void *post_for_ever(void *unused)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		iv_event_post(&events[0]);
	return unused;
}

TEST(registering_and_unregistering_under_fire)
{
	int n = time_scale() > 1 ? 100 : 500, i;
	struct tally t = { 0, 0 };
	pthread_t tid;

	not_in_debug_builds();
	iv_init();
	add(0, tally, NULL);
	events[0].cookie = &t;
	CHECK_INT(pthread_create(&tid, NULL, post_for_ever, NULL), ==, 0);
	for (i = 0; i < n; i++) {
		quit_after_turns(2);
		iv_main();
		drop(0);
		iv_main();
		CHECK_INT(iv_event_register(&events[0]), ==, 0);
	}
	while (t.calls == 0) {
		quit_after_turns(2);
		iv_main();
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	drop(0);
	iv_deinit();
}

/* ---- The owner goes away because of the post -------------------------------------------- */

struct guest {
	struct iv_event	ev;
	pthread_t	tid;
	int	ready;
};

static void leave(void *_guest)
{
	struct guest *g = _guest;

	iv_event_unregister(&g->ev);
}

/* Its loop and its memory go while the poster may still be in
   iv_event_post(). */
static void *guest_main(void *_guest)
{
	struct guest *g = _guest;

	iv_init();
	IV_EVENT_INIT(&g->ev);
	g->ev.handler = leave;
	g->ev.cookie = g;
	CHECK_INT(iv_event_register(&g->ev), ==, 0);
	__atomic_store_n(&g->ready, 1, __ATOMIC_RELEASE);
	iv_main();
	iv_deinit();
	free(g);
	return NULL;
}

TEST(the_owner_ends_its_loop_because_of_the_post)
{
	int n = time_scale() > 1 ? 100 : 1000, i;

	time_limit(60);
	/* The first iv_init() of a process comes alone. */
	iv_init();
	for (i = 0; i < n; i++) {
		struct guest *g = calloc(1, sizeof(*g));
		pthread_t tid;

		CHECK(g != NULL);
		CHECK_INT(pthread_create(&tid, NULL, guest_main, g), ==, 0);
		while (!__atomic_load_n(&g->ready, __ATOMIC_ACQUIRE))
			sched_yield();
		iv_event_post(&g->ev);
		CHECK_INT(pthread_join(tid, NULL), ==, 0);
	}
	iv_deinit();
}

/* The same without a thread per try: the loop is made and taken down again
   and again, and the poster is always about. */
static struct iv_event *visible;

static void *post_what_is_visible(void *unused)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		struct iv_event *ev = __atomic_exchange_n(&visible, NULL,
							  __ATOMIC_ACQ_REL);

		if (ev != NULL)
			iv_event_post(ev);
		else
			sched_yield();
	}
	return unused;
}

static void drop_and_free(void *_event)
{
	iv_event_unregister(_event);
	free(_event);
}

TEST(a_loop_for_each_post)
{
	int n = time_scale() > 1 ? 200 : 2000, i;
	struct iv_event *ev;
	pthread_t tid;

	time_limit(60);	/* that many switches, of milliseconds if it is busy */
	CHECK_INT(pthread_create(&tid, NULL, post_what_is_visible, NULL), ==,
		  0);
	for (i = 0; i < n; i++) {
		iv_init();
		ev = malloc(sizeof(*ev));
		CHECK(ev != NULL);
		IV_EVENT_INIT(ev);
		ev->handler = drop_and_free;
		ev->cookie = ev;
		CHECK_INT(iv_event_register(ev), ==, 0);
		__atomic_store_n(&visible, ev, __ATOMIC_RELEASE);
		iv_main();
		iv_deinit();
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
}

/* ---- No room for the channel -------------------------------------------------------------- */

static void *post_once_it_sleeps(void *_loop)
{
	const struct ivi_loop *loop = _loop;

	while (!__atomic_load_n(&loop->events.asleep, __ATOMIC_SEQ_CST))
		sched_yield();
	iv_event_post(&events[0]);
	return NULL;
}

/* The channel that the child opens for itself is refused at first. */
static void go_on_in_the_child(void *unused)
{
	pthread_t tid;

	(void)unused;
	spy_reset();
	spy_fail(SPY_EPOLL_CTL, 1, 1, ENOSPC);
	CHECK_INT(pthread_create(&tid, NULL, post_once_it_sleeps, ivi_self()),
		  ==, 0);
	iv_main();
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	drop(0);
	iv_deinit();
}

TEST(refused_once_in_a_child)
{
	iv_init();
	add(0, quit_handler, "0");
	quit_after_turns(2);
	iv_main();
	reap_child(fork_child(go_on_in_the_child, NULL));
	drop(0);
	iv_deinit();
}

/* ---- Misuse ------------------------------------------------------------------------------ */

FATAL_TEST(posted_but_never_registered, "iv_event_post: iv_event 0x")
{
	struct iv_event ev;

	IV_EVENT_INIT(&ev);
	iv_event_post(&ev);
}

FATAL_TEST_ONCE(post_says_not_registered, "is not registered")
{
	struct iv_event ev = { .handler = never_handler };

	iv_event_post(&ev);
}

FATAL_TEST_ONCE(unregistered_but_never_registered, "is not registered")
{
	iv_init();
	IV_EVENT_INIT(&events[0]);
	drop(0);
}

FATAL_TEST_ONCE(unregistered_twice, "iv_event_unregister: iv_event 0x")
{
	iv_init();
	add(0, never_handler, NULL);
	drop(0);
	drop(0);
}

FATAL_TEST(registered_twice, "iv_event_register: iv_event 0x")
{
	iv_init();
	add(0, never_handler, NULL);
	iv_event_register(&events[0]);
}

FATAL_TEST_ONCE(registered_twice_says_so, "is already registered")
{
	iv_init();
	add(0, never_handler, NULL);
	iv_event_register(&events[0]);
}

FATAL_TEST_ONCE(registered_twice_while_pending, "is already registered")
{
	iv_init();
	add(0, never_handler, NULL);
	iv_event_post(&events[0]);
	iv_event_register(&events[0]);
}

static void register_second(void *unused)
{
	(void)unused;
	iv_event_register(&events[1]);
}

FATAL_TEST_ONCE(registered_twice_while_it_is_about_to_be_called,
		"is already registered")
{
	iv_init();
	add(0, register_second, NULL);
	add(1, never_handler, NULL);
	iv_event_post(&events[0]);
	iv_event_post(&events[1]);
	iv_main();
}

/* Memory that was never initialised may have any word. */
TEST_ONCE(one_that_looks_pending_is_not_registered)
{
	iv_init();
	add(0, trace, "a");
	iv_event_post(&events[0]);
	events[1] = events[0];
	ivi_event(&events[1])->node.prev = NULL;
	CHECK_INT(iv_event_register(&events[1]), ==, 0);
	events[1].cookie = (void *)(uintptr_t)"b";
	iv_event_post(&events[1]);
	quit_after_turns(2);
	iv_main();
	CHECK_STR(traced(), "ab");
	drop(1);
	drop(0);
	iv_deinit();
}

FATAL_TEST_ONCE(registered_twice_after_initialising_once_more,
		"is already registered")
{
	iv_init();
	add(0, never_handler, NULL);
	IV_EVENT_INIT(&events[0]);
	iv_event_register(&events[0]);
}

static void register_first_event(void *unused)
{
	(void)unused;
	iv_event_register(&events[0]);
}

FATAL_TEST_ONCE(registered_in_two_threads, "iv_event_register: iv_event 0x")
{
	iv_init();
	add(0, never_handler, NULL);
	loop_thread_start(register_first_event, NULL, NULL);
}

/* The loop that it says it belongs to is none any more. */
static void add_first_event(void *unused)
{
	(void)unused;
	add(0, never_handler, NULL);
}

TEST_ONCE(registered_anew_after_its_loop_has_ended)
{
	loop_thread_stop(loop_thread_start(add_first_event, NULL, NULL));
	iv_init();
	add(0, trace, "a");
	iv_event_post(&events[0]);
	quit_after_turns(2);
	iv_main();
	CHECK_STR(traced(), "a");
	drop(0);
	iv_deinit();
}

static void *post_first_event(void *unused)
{
	iv_event_post(&events[0]);
	return unused;
}

/* It did nothing once, and there are programs that call it too late. */
TEST(initialised_after_it_was_registered)
{
	pthread_t tid;

	iv_init();
	add(0, trace, "a");
	IV_EVENT_INIT(&events[0]);
	iv_event_post(&events[0]);
	quit_after_turns(2);
	iv_main();
	CHECK_STR(traced(), "a");
	IV_EVENT_INIT(&events[0]);
	CHECK_INT(pthread_create(&tid, NULL, post_first_event, NULL), ==, 0);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	quit_after_turns(2);
	iv_main();
	CHECK_STR(traced(), "a");
	IV_EVENT_INIT(&events[0]);
	drop(0);
	iv_main();
	iv_deinit();
}

FATAL_TEST_ONCE(no_handler, "has no handler")
{
	iv_init();
	add(0, NULL, NULL);
}

FATAL_TEST_ONCE(register_null, "iv_event_register: the struct iv_event pointer")
{
	iv_init();
	iv_event_register(NULL);
}

FATAL_TEST_ONCE(unregister_null, "iv_event_unregister: the struct iv_event")
{
	iv_init();
	iv_event_unregister(NULL);
}

FATAL_TEST_ONCE(post_null, "iv_event_post: the struct iv_event pointer is NULL")
{
	iv_event_post(NULL);
}

FATAL_TEST_ONCE(register_without_a_loop,
		"iv_event_register: call iv_init() in this thread first")
{
	add(0, never_handler, NULL);
}

FATAL_TEST_ONCE(unregister_without_a_loop,
		"iv_event_unregister: call iv_init() in this thread first")
{
	make(0, never_handler, NULL);
	drop(0);
}

static void drop_0(void *unused)
{
	(void)unused;
	drop(0);
}

FATAL_TEST_ONCE(unregistered_by_another_thread, "its owner is thread ")
{
	iv_init();
	add(0, never_handler, NULL);
	loop_thread_call(loop_thread_start(NULL, NULL, NULL), drop_0, NULL);
}
