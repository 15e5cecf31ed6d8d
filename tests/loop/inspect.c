/* SPDX-License-Identifier: MIT */
/*
 * inspect.c - the figures of a loop, and how turns without progress are told
 * from others.
 */
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/socket.h>
#include <iv_event.h>
#include <iv_hook.h>
#include <iv_inspect.h>
#include <iv_loop.h>
#include "harness/test.h"

/* ---- Objects --------------------------------------------------------------- */

static struct iv_fd fds[3];
static struct iv_task task;
static struct iv_timer timers[2];
static struct iv_event events[2];
static struct iv_hook hook;
static int pipes[3][2];

/* One end of a pipe of its own, with a byte in it if READABLE. */
static struct iv_fd *watch(int i, int readable, void (*handler)(void *))
{
	make_pipe(pipes[i]);
	if (readable)
		poke(pipes[i][1]);
	IV_FD_INIT(&fds[i]);
	fds[i].fd = pipes[i][0];
	fds[i].handler_in = handler;
	iv_fd_register(&fds[i]);
	return &fds[i];
}

static void unwatch(int i)
{
	if (iv_fd_registered(&fds[i]))
		iv_fd_unregister(&fds[i]);
	close_pair(pipes[i]);
}

static void start_task(void (*handler)(void *))
{
	IV_TASK_INIT(&task);
	task.handler = handler;
	iv_task_register(&task);
}

static void start_timer(int i, long ms, void (*handler)(void *))
{
	timer_after(&timers[i], ms, handler, NULL);
	iv_timer_register(&timers[i]);
}

static void add_event(int i, void (*handler)(void *))
{
	IV_EVENT_INIT(&events[i]);
	events[i].handler = handler;
	CHECK_INT(iv_event_register(&events[i]), ==, 0);
}

static void add_hook(int point, void (*handler)(void *))
{
	IV_HOOK_INIT(&hook);
	hook.point = point;
	hook.handler = handler;
	CHECK_INT(iv_hook_register(&hook), ==, 0);
}

static void unregister_event(void *_event)
{
	iv_event_unregister(_event);
}

static struct iv_metrics get(void)
{
	struct iv_metrics m;

	memset(&m, 0xa5, sizeof(m));
	iv_metrics_get(&m, sizeof(m));
	return m;
}

static void nothing(void *unused)
{
	(void)unused;
}

/* ---- What is registered ----------------------------------------------------- */

static void check_registered(unsigned long f, unsigned long t,
			     unsigned long k, unsigned long e, long holds)
{
	struct iv_metrics m = get();

	CHECK_INT(m.fds, ==, f);
	CHECK_INT(m.timers, ==, t);
	CHECK_INT(m.tasks, ==, k);
	CHECK_INT(m.events, ==, e);
	CHECK_INT(m.holds, ==, holds);
}

TEST(a_new_loop_has_nothing)
{
	static const struct iv_metrics zero;
	struct iv_metrics m;

	iv_init();
	m = get();
	CHECK_INT(memcmp(&m, &zero, sizeof(m)), ==, 0);
	iv_deinit();
}

TEST(objects_are_counted)
{
	iv_init();
	watch(0, 0, nothing);
	check_registered(1, 0, 0, 0, 1);
	start_timer(0, 1000, never_handler);
	start_timer(1, 1000, never_handler);
	check_registered(1, 2, 0, 0, 3);
	start_task(nothing);
	check_registered(1, 2, 1, 0, 4);
	add_event(0, nothing);
	add_event(1, nothing);
	check_registered(1, 2, 1, 2, 6);
	add_hook(IV_HOOK_IDLE, nothing);
	iv_ref();
	check_registered(1, 2, 1, 2, 8);
	iv_unref();
	iv_hook_unregister(&hook);
	iv_event_unregister(&events[0]);
	iv_event_unregister(&events[1]);
	iv_task_unregister(&task);
	iv_timer_unregister(&timers[0]);
	check_registered(1, 1, 0, 0, 2);
	iv_timer_unregister(&timers[1]);
	unwatch(0);
	check_registered(0, 0, 0, 0, 0);
	iv_deinit();
}

TEST(so_are_descriptors_that_hold_nothing)
{
	iv_init();
	make_pipe(pipes[0]);
	IV_FD_INIT(&fds[0]);
	fds[0].fd = pipes[0][0];
	fds[0].handler_in = nothing;
	iv_fd_set_flags(&fds[0], IV_FD_NOREF);
	CHECK_INT(iv_fd_register_try(&fds[0]), ==, 0);
	start_timer(0, 1000, never_handler);
	check_registered(1, 1, 0, 0, 1);
	iv_timer_unregister(&timers[0]);
	unwatch(0);
	check_registered(0, 0, 0, 0, 0);
	iv_deinit();
}

/* Its number belongs to another, which holds the loop. */
TEST(be_they_closed_too_early)
{
	fence_allow(FENCE_KERNEL, "the library cannot know of the close(2)");
	iv_init();
	make_pipe(pipes[0]);
	IV_FD_INIT(&fds[0]);
	fds[0].fd = pipes[0][0];
	fds[0].handler_in = nothing;
	iv_fd_set_flags(&fds[0], IV_FD_NOREF);
	iv_fd_register(&fds[0]);
	iv_ref();
	iv_run(IV_RUN_NOWAIT);
	IV_FD_INIT(&fds[1]);
	make_pipe(pipes[1]);
	fds[1].fd = (int)CHECK_SYS(dup2(pipes[1][0], pipes[0][0]));
	fds[1].handler_in = nothing;
	/* Where the kernel would not know, it is refused. */
	if (iv_fd_register_try(&fds[1]) == 0) {
		check_registered(2, 0, 0, 0, 2);
		iv_fd_unregister(&fds[0]);
		check_registered(1, 0, 0, 0, 2);
		iv_fd_unregister(&fds[1]);
	} else {
		iv_fd_unregister(&fds[0]);
	}
	check_registered(0, 0, 0, 0, 1);
	iv_unref();
	iv_deinit();
	close_pair(pipes[0]);
	close_pair(pipes[1]);
}

/* Nor is the library's task that calls it, which does not outlive the call. */
TEST(a_post_of_ones_own_is_no_task)
{
	struct iv_call call;

	iv_init();
	add_event(0, unregister_event);
	events[0].cookie = &events[0];
	iv_event_post(&events[0]);
	check_registered(0, 0, 0, 1, 1);
	start_task(nothing);
	check_registered(0, 0, 1, 1, 2);
	iv_main();
	IV_CALL_INIT(&call);
	call.handler = nothing;
	CHECK_INT(iv_loop_call(iv_loop_self(), &call), ==, 0);
	check_registered(0, 0, 0, 0, 0);
	iv_main();
	CHECK_INT(get().post_calls, ==, 2);
	iv_deinit();
}

static int no_memory;

static void *maybe(void *p, size_t size)
{
	if (size == 0) {
		free(p);
		return NULL;
	}
	return no_memory ? NULL : realloc(p, size);
}

TEST(none_is_missed_for_want_of_memory)
{
	iv_set_allocator(maybe);
	iv_init();
	no_memory = 1;
	watch(0, 0, nothing);
	no_memory = 0;
	check_registered(1, 0, 0, 0, 1);
	watch(1, 0, nothing);
	check_registered(2, 0, 0, 0, 2);
	unwatch(0);
	unwatch(1);
	check_registered(0, 0, 0, 0, 0);
	iv_deinit();
}

/* ---- What is called ----------------------------------------------------------- */

static void read_byte(void *_fd)
{
	drain(((struct iv_fd *)_fd)->fd);
}

TEST(calls_are_counted)
{
	struct iv_metrics m;
	int i;

	iv_init();
	for (i = 0; i < 3; i++)
		watch(i, 1, read_byte)->cookie = &fds[i];
	start_timer(0, 0, nothing);
	start_timer(1, 0, nothing);
	start_task(nothing);
	add_event(0, nothing);
	iv_event_post(&events[0]);
	iv_run(IV_RUN_NOWAIT);
	iv_run(IV_RUN_NOWAIT);
	m = get();
	CHECK_INT(m.fd_calls, ==, 3);
	CHECK_INT(m.timer_calls, ==, 2);
	CHECK_INT(m.task_calls, ==, 1);
	CHECK_INT(m.post_calls, ==, 1);
	CHECK_INT(m.turns, ==, 2);
	CHECK_INT(m.waits, ==, 2);
	iv_event_unregister(&events[0]);
	for (i = 0; i < 3; i++)
		unwatch(i);
	iv_deinit();
}

TEST(each_band_is_a_call)
{
	struct iv_fd *fd;

	iv_init();
	make_socketpair(pipes[0]);
	close(pipes[0][1]);
	fd = &fds[0];
	IV_FD_INIT(fd);
	fd->fd = pipes[0][0];
	fd->handler_in = fd->handler_out = fd->handler_err = nothing;
	iv_fd_register(fd);
	iv_run(IV_RUN_NOWAIT);
	CHECK_INT(get().fd_calls, ==, 3);
	iv_fd_unregister(fd);
	close(fd->fd);
	iv_deinit();
}

static void *post_from_elsewhere(void *_event)
{
	iv_event_post(_event);
	return NULL;
}

/* The wake-up descriptor is nobody's. */
TEST(a_post_is_no_call_of_a_descriptor)
{
	pthread_t tid;
	struct iv_metrics m;

	iv_init();
	add_event(0, unregister_event);
	events[0].cookie = &events[0];
	CHECK_INT(pthread_create(&tid, NULL, post_from_elsewhere, &events[0]),
		  ==, 0);
	iv_main();
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	m = get();
	CHECK_INT(m.post_calls, ==, 1);
	CHECK_INT(m.fd_calls, ==, 0);
	CHECK_INT(m.task_calls, ==, 0);
	iv_deinit();
}

static void note_call(void *_done)
{
	*(int *)_done += 1;
}

TEST(a_call_counts_as_a_post)
{
	struct iv_call call;
	int done = 0;

	iv_init();
	IV_CALL_INIT(&call);
	call.handler = note_call;
	call.cookie = &done;
	CHECK_INT(iv_loop_call(iv_loop_self(), &call), ==, 0);
	iv_main();
	CHECK_INT(done, ==, 1);
	CHECK_INT(get().post_calls, ==, 1);
	iv_deinit();
}

/* The last turn ends before it waits. */
TEST(turns_and_waits)
{
	iv_init();
	quit_after_turns(5);
	iv_main();
	CHECK_INT(get().turns, ==, get().waits + 1);
	iv_main();
	CHECK_INT(get().turns, ==, get().waits + 2);
	iv_deinit();
}

/* ---- Sizes -------------------------------------------------------------------- */

TEST_ONCE(an_old_program_gets_what_it_knows)
{
	union {
		struct iv_metrics	m;
		unsigned char	bytes[sizeof(struct iv_metrics) + 16];
	} u;
	size_t some = offsetof(struct iv_metrics, timer_calls);

	iv_init();
	watch(0, 1, read_byte)->cookie = &fds[0];
	iv_run(IV_RUN_NOWAIT);
	memset(&u, 0xa5, sizeof(u));
	iv_metrics_get(&u.m, some);
	CHECK_INT(u.m.fd_calls, ==, 1);
	CHECK_INT(u.bytes[some], ==, 0xa5);
	iv_metrics_get(&u.m, sizeof(u));
	CHECK_INT(u.m.fd_calls, ==, 1);
	CHECK_INT(u.bytes[sizeof(u.m)], ==, 0);
	CHECK_INT(u.bytes[sizeof(u) - 1], ==, 0);
	unwatch(0);
	iv_deinit();
}

FATAL_TEST_ONCE(a_thread_without_a_loop_has_none,
		"iv_metrics_get: call iv_init()")
{
	struct iv_metrics m;

	iv_metrics_get(&m, sizeof(m));
}

FATAL_TEST_ONCE(they_have_to_go_somewhere, "iv_metrics_get: the struct")
{
	iv_init();
	iv_metrics_get(NULL, 0);
}

FATAL_TEST_ONCE(no_loop_no_times, "iv_metrics_time: call iv_init()")
{
	iv_metrics_time(1);
}

/* ---- Progress ------------------------------------------------------------------- */

#define TURNS	1000

/* Suspicion takes a while. */
#define FIRST	100

static int turns, last_turn;
static unsigned long long spun;

static void count_turn(void *unused)
{
	(void)unused;
	spun = get().spinning;
	if (++turns == last_turn)
		iv_quit();
}

static void spin_first(void)
{
	iv_init();
	watch(0, 1, count_turn);
	last_turn = TURNS;
	iv_main();
}

TEST(a_handler_that_does_nothing_spins)
{
	spin_first();
	CHECK_INT(spun, >, TURNS - FIRST);
	CHECK_INT(spun, <, TURNS);
	CHECK_INT(get().spinning, >=, spun);
	unwatch(0);
	iv_deinit();
}

/* The first wait that finds something else, or nothing, ends it. */
TEST(it_ends_with_progress)
{
	spin_first();
	CHECK_INT(get().spinning, >, 0);
	drain(fds[0].fd);
	/* Long enough for a wait, however slow the machine is. */
	start_timer(0, 200, quit_handler);
	iv_main();
	CHECK_INT(get().spinning, ==, 0);
	unwatch(0);
	iv_deinit();
}

/* No turn of it tries without, though there are no hooks. */
TEST(a_loop_that_has_spun_sleeps_again)
{
	unsigned long long before;

	spin_first();
	drain(fds[0].fd);
	before = get().waits;
	start_timer(0, 20, quit_handler);
	iv_main();
	CHECK_INT(get().waits - before, <, 20);
	unwatch(0);
	iv_deinit();
}

/* Who looks is something else that happens, and sees what was before. */
static void look_at_it(void *unused)
{
	(void)unused;
	spun = get().spinning;
	if (spun == 0)
		start_timer(0, 1, look_at_it);
	else
		iv_quit();
}

TEST(a_timer_sees_it)
{
	iv_init();
	watch(0, 1, nothing);
	start_timer(0, 1, look_at_it);
	iv_main();
	CHECK_INT(spun, >, 0);
	unwatch(0);
	iv_deinit();
}

static int spins;	/* atomic */

static void *post_when_it_spins(void *unused)
{
	while (!__atomic_load_n(&spins, __ATOMIC_ACQUIRE))
		usleep(100);
	iv_event_post(&events[0]);
	return unused;
}

static void spin(void *unused)
{
	(void)unused;
	if (get().spinning > 0)
		__atomic_store_n(&spins, 1, __ATOMIC_RELEASE);
}

static void look_by_post(void *unused)
{
	(void)unused;
	spun = get().spinning;
	iv_quit();
}

TEST(a_post_sees_it)
{
	pthread_t tid;

	iv_init();
	add_event(0, look_by_post);
	watch(0, 1, spin);
	CHECK_INT(pthread_create(&tid, NULL, post_when_it_spins, NULL), ==, 0);
	iv_main();
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	CHECK_INT(spun, >, 0);
	iv_event_unregister(&events[0]);
	unwatch(0);
	iv_deinit();
}

/* A peer that answers as soon as we sleep: there is progress, and in almost
   every turn the same descriptor alone is ready. */
static void answer(void *unused)
{
	(void)unused;
	poke(pipes[0][1]);
}

static void receive(void *unused)
{
	drain(fds[0].fd);
	count_turn(unused);
	CHECK_INT(spun, ==, 0);
}

TEST(an_answer_to_each_question_is_progress)
{
	struct iv_metrics m;

	iv_init();
	watch(0, 0, receive);
	add_hook(IV_HOOK_BLOCK, answer);
	last_turn = 10 * TURNS;
	iv_main();
	m = get();
	CHECK_INT(m.fd_calls, ==, last_turn);
	/* It was asked now and then, ever less often. */
	CHECK_INT(m.waits, >, m.fd_calls);
	CHECK_INT(m.waits, <, m.fd_calls + 16);
	iv_hook_unregister(&hook);
	unwatch(0);
	iv_deinit();
}

static void *peer(void *unused)
{
	char byte;

	while (read(pipes[0][1], &byte, 1) == 1)
		if (write(pipes[0][1], &byte, 1) != 1)
			break;
	return unused;
}

static void ask_again(void *unused)
{
	char byte;

	CHECK_INT(read(fds[0].fd, &byte, 1), ==, 1);
	count_turn(unused);
	CHECK_INT(write(fds[0].fd, &byte, 1), ==, 1);
}

/* One wait for each answer, and a few to be sure. */
TEST(who_waits_for_a_peer_sleeps)
{
	struct iv_metrics m;
	pthread_t tid;

	iv_init();
	make_socketpair(pipes[0]);
	IV_FD_INIT(&fds[0]);
	fds[0].fd = pipes[0][0];
	fds[0].handler_in = ask_again;
	iv_fd_register(&fds[0]);
	CHECK_INT(pthread_create(&tid, NULL, peer, NULL), ==, 0);
	poke(pipes[0][0]);
	last_turn = TURNS;
	iv_main();
	m = get();
	CHECK_INT(m.fd_calls, ==, TURNS);
	CHECK_INT(m.waits, <, m.fd_calls + 20);
	iv_fd_unregister(&fds[0]);
	CHECK_SYS(shutdown(pipes[0][0], SHUT_RDWR));
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	close_pair(pipes[0]);
	iv_deinit();
}

static int often;

/* Never many turns in a row without anything else. */
static void do_little(void *unused)
{
	count_turn(unused);
	often += spun > 0;
	if (turns % 5000 == 0)
		iv_task_ensure(&task);
}

/* However much there was before. */
TEST(after_many_answers_it_is_found_all_the_same)
{
	iv_init();
	watch(0, 0, receive);
	add_hook(IV_HOOK_BLOCK, answer);
	last_turn = 20 * TURNS;
	iv_main();
	iv_hook_unregister(&hook);
	poke(pipes[0][1]);
	IV_TASK_INIT(&task);
	task.handler = nothing;
	iv_fd_set_handler_in(&fds[0], do_little);
	last_turn += 20 * TURNS;
	iv_main();
	CHECK_INT(often, >, 10 * TURNS);
	if (iv_task_registered(&task))
		iv_task_unregister(&task);
	unwatch(0);
	iv_deinit();
}

static void check_no_spin(void *unused)
{
	count_turn(unused);
	CHECK_INT(spun, ==, 0);
}

TEST(two_of_them_are_no_suspects)
{
	iv_init();
	watch(0, 1, check_no_spin);
	watch(1, 1, check_no_spin);
	last_turn = TURNS;
	iv_main();
	unwatch(0);
	unwatch(1);
	iv_deinit();
}

static void work_and_go_on(void *unused)
{
	check_no_spin(unused);
	iv_task_ensure(&task);
}

TEST(neither_is_one_that_makes_others_work)
{
	iv_init();
	watch(0, 1, work_and_go_on);
	IV_TASK_INIT(&task);
	task.handler = nothing;
	last_turn = TURNS;
	iv_main();
	if (iv_task_registered(&task))
		iv_task_unregister(&task);
	unwatch(0);
	iv_deinit();
}

/* As connections that come one after the other, in memory of the last. */
static void replace(void *unused)
{
	check_no_spin(unused);
	iv_fd_unregister(&fds[0]);
	iv_fd_register(&fds[0]);
}

TEST(neither_is_a_new_one_each_time)
{
	iv_init();
	watch(0, 1, replace);
	last_turn = TURNS;
	iv_main();
	unwatch(0);
	iv_deinit();
}

/* The host may have slept. */
TEST(turns_of_a_host_say_nothing)
{
	iv_init();
	watch(0, 1, check_no_spin);
	while (turns < TURNS)
		iv_run(IV_RUN_NOWAIT);
	unwatch(0);
	iv_deinit();
}

/* What it is sure of is not forgotten when a timer comes between. */
TEST(timers_are_on_time_while_it_spins)
{
	iv_init();
	watch(0, 1, nothing);
	start_timer(0, 20, quit_handler);
	iv_main();
	CHECK_INT(get().timer_calls, ==, 1);
	unwatch(0);
	iv_deinit();
}

/* ---- Times ----------------------------------------------------------------------- */

#define MS	1000000LL

static long long clock_ns(void)
{
	struct timespec now;

	CHECK_SYS(clock_gettime(CLOCK_MONOTONIC, &now));
	return now.tv_sec * 1000 * MS + now.tv_nsec;
}

static void take_20_ms(void *unused)
{
	long long end = clock_ns() + 20 * MS;

	(void)unused;
	while (clock_ns() < end)
		continue;
}

TEST(no_times_unless_they_are_asked_for)
{
	struct iv_metrics m;

	iv_init();
	start_timer(0, 1, take_20_ms);
	iv_main();
	m = get();
	CHECK_INT(m.slept_ns, ==, 0);
	CHECK_INT(m.late_ns_max, ==, 0);
	CHECK_INT(m.longest_ns, ==, 0);
	CHECK(m.longest == NULL);
	iv_deinit();
}

static void check_longest(void (*handler)(void *))
{
	struct iv_metrics m = get();

	CHECK_INT(m.longest_ns, >=, 20 * MS);
	CHECK(m.longest == (void (*)(void))handler);
}

TEST(the_longest_handler_is_known)
{
	iv_init();
	iv_metrics_time(1);
	start_timer(0, 0, take_20_ms);
	iv_main();
	check_longest(take_20_ms);
	iv_deinit();
}

static void take_and_quit(void *unused)
{
	take_20_ms(unused);
	iv_quit();
}

TEST(be_it_of_a_descriptor)
{
	iv_init();
	iv_metrics_time(1);
	watch(0, 1, take_and_quit);
	iv_main();
	check_longest(take_and_quit);
	CHECK_INT(get().fd_calls, ==, 1);
	unwatch(0);
	iv_deinit();
}

TEST(or_of_a_task)
{
	iv_init();
	iv_metrics_time(1);
	start_task(take_20_ms);
	iv_main();
	check_longest(take_20_ms);
	iv_deinit();
}

TEST(or_of_an_event)
{
	iv_init();
	iv_metrics_time(1);
	add_event(0, take_and_quit);
	iv_event_post(&events[0]);
	iv_main();
	check_longest(take_and_quit);
	iv_event_unregister(&events[0]);
	iv_deinit();
}

static void run_inner(void *unused)
{
	start_task(take_20_ms);
	iv_run(IV_RUN_NOWAIT);
	(void)unused;
}

/* Who runs the loop takes as long as what is run. */
TEST(an_outer_handler_takes_longer_than_an_inner_one)
{
	iv_init();
	iv_metrics_time(1);
	start_timer(0, 0, run_inner);
	iv_main();
	check_longest(run_inner);
	iv_deinit();
}

/* Who is not let run before the wait begins sleeps for less, but not always. */
static void sleep_for_long(void)
{
	uint64_t before;
	int i;

	for (i = 0; i < 50; i++) {
		before = get().slept_ns;
		start_timer(0, 30, nothing);
		iv_main();
		if (get().slept_ns - before >= 25 * MS)
			return;
	}
	FAIL("a sleep of 30 ms is not counted");
}

TEST(how_late_and_how_long_asleep)
{
	struct iv_metrics m;

	iv_init();
	iv_metrics_time(1);
	start_timer(0, 0, take_20_ms);
	start_timer(1, 1, nothing);
	iv_main();
	m = get();
	CHECK_INT(m.late_ns_max, >=, 19 * MS);
	CHECK_INT(m.slept_ns, <, 1000 * MS);
	sleep_for_long();
	iv_metrics_time(0);
	m = get();
	start_timer(0, 0, take_20_ms);
	start_timer(1, 30, nothing);
	iv_main();
	CHECK_INT(get().slept_ns, ==, m.slept_ns);
	CHECK_INT(get().longest_ns, ==, m.longest_ns);
	iv_deinit();
}

/* A time that was read long ago does not count for the next handler. */
TEST(what_is_between_two_runs_is_nobodys)
{
	iv_init();
	iv_metrics_time(1);
	take_20_ms(NULL);
	take_20_ms(NULL);
	start_task(nothing);
	iv_run(IV_RUN_NOWAIT);
	CHECK_INT(get().longest_ns, <, 35 * MS);
	iv_deinit();
}
