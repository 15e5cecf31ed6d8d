/* SPDX-License-Identifier: MIT */
/*
 * conformance_fork.c - a forked child goes on with the inherited loop or with
 * one of its own, and the parent does not notice.
 */
#include "config.h"
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <iv_event.h>
#include "poll/lab.h"

#define PIPES	8

static struct watch watches[PIPES];
static int rfds[PIPES], wfds[PIPES];

static void start(void)
{
	int i, fds[2];

	iv_init();
	for (i = 0; i < PIPES; i++) {
		make_pipe(fds);
		rfds[i] = fds[0];
		wfds[i] = fds[1];
		watch_start(&watches[i], fds[0], "i");
	}
}

/* Each one reports what is written to it, and only that.  The FIRST to LAST
   of the pipes are used, so that two processes can use different ones. */
static void check_pipes(int first, int last)
{
	int i, j;

	for (i = first; i <= last; i++) {
		poke(wfds[i]);
		turns(1);
		for (j = first; j <= last; j++)
			CHECK_STR(watch_seen(&watches[j], 1),
				  j == i ? "i" : "");
		CHECK_INT(drain(rfds[i]), ==, 1);
	}
	turns(1);
	for (i = first; i <= last; i++)
		CHECK_STR(watch_seen(&watches[i], 0), "");
}

static void finish(void)
{
	int i;

	check_pipes(0, PIPES - 1);
	for (i = 0; i < PIPES; i++) {
		watch_end(&watches[i]);
		CHECK_SYS(close(wfds[i]));
	}
	iv_main();
	iv_deinit();
}

/* Runs FN in a child; before and after that, all is well in the parent.
   TURNED: the parent's kernel object knows the descriptors by then. */
static void check_child(void (*fn)(void), int turned)
{
	pid_t pid;

	start();
	if (turned)
		check_pipes(0, PIPES - 1);
	pid = (pid_t)CHECK_SYS(fork());
	if (pid == 0) {
		fn();
		exit(0);
	}
	reap_child(pid);
	finish();
}

#define FORK_TEST(name)							\
static void name(void);							\
TEST(name##_at_once)							\
{									\
	check_child(name, 0);						\
}									\
TEST(name##_later)							\
{									\
	check_child(name, 1);						\
}									\
static void name(void)

/* ---- What the child does --------------------------------------------------------- */

FORK_TEST(child_does_nothing)
{
}

FORK_TEST(child_goes_on)
{
	check_pipes(0, PIPES - 1);
}

FORK_TEST(child_unregisters_all)
{
	int i;

	for (i = 0; i < PIPES; i++)
		watch_end(&watches[i]);
	iv_main();
	iv_deinit();
}

FORK_TEST(child_unregisters_some_and_goes_on)
{
	int i;

	for (i = 0; i < PIPES; i += 2)
		iv_fd_unregister(&watches[i].fd);
	for (i = 0; i < PIPES; i += 2)
		iv_fd_register(&watches[i].fd);
	for (i = 0; i < 3; i++)
		watch_end(&watches[i]);
	check_pipes(3, PIPES - 1);
	loop_works();
	for (; i < PIPES; i++)
		iv_fd_unregister(&watches[i].fd);
	iv_deinit();
}

FORK_TEST(child_changes_handlers)
{
	int i;

	for (i = 0; i < PIPES; i++)
		watch_set(&watches[i], i % 2 ? "" : "ioe");
	turns(2);
	for (i = 0; i < PIPES; i++)
		watch_set(&watches[i], "i");
	check_pipes(0, PIPES - 1);
}

FORK_TEST(child_deinits_the_inherited_loop)
{
	iv_deinit();
	CHECK(!iv_inited());
	iv_init();
	loop_works();
	iv_deinit();
}

FORK_TEST(child_begins_anew)
{
	int i;

	CHECK(iv_inited());
	iv_init();
	loop_works();
	for (i = 0; i < PIPES; i++) {
		IV_FD_INIT(&watches[i].fd);
		watch_start(&watches[i], rfds[i], "i");
	}
	check_pipes(0, PIPES - 1);
	for (i = 0; i < PIPES; i++)
		watch_end(&watches[i]);
	iv_main();
	iv_deinit();
	CHECK(!iv_inited());
}

FORK_TEST(child_has_a_child)
{
	pid_t pid;

	check_pipes(0, PIPES - 1);
	pid = (pid_t)CHECK_SYS(fork());
	if (pid == 0) {
		check_pipes(0, PIPES - 1);
		iv_init();
		iv_deinit();
		exit(0);
	}
	reap_child(pid);
	check_pipes(0, PIPES - 1);
	iv_fd_unregister(&watches[0].fd);
}

/* A descriptor that it closes is still the parent's. */
FORK_TEST(child_closes_without_unregistering)
{
	int i;

	for (i = 0; i < PIPES / 2; i++)
		CHECK_SYS(close(rfds[i]));
	turns(2);
	for (i = 0; i < PIPES / 2; i++)
		iv_fd_unregister(&watches[i].fd);
	check_pipes(PIPES / 2, PIPES - 1);
}

/* ---- In handlers ------------------------------------------------------------------- */

static int in_child;
static pid_t child;
static int handled;

static void fork_once(void *unused)
{
	(void)unused;
	if (handled++ > 0)
		return;
	child = (pid_t)CHECK_SYS(fork());
	in_child = child == 0;
}

/* What was ready is the parent's; what is ready then the child serves, too. */
TEST(forked_in_a_handler)
{
	int i;

	start();
	for (i = 0; i < PIPES; i++) {
		iv_fd_set_handler_in(&watches[i].fd, fork_once);
		poke(wfds[i]);
	}
	turns(1);
	if (in_child) {
		CHECK_INT(handled, ==, 1);
		turns(1);
		CHECK_INT(handled, ==, 1 + PIPES);
		exit(0);
	}
	CHECK_INT(handled, ==, PIPES);
	reap_child(child);
	for (i = 0; i < PIPES; i++) {
		drain(rfds[i]);
		watch_set(&watches[i], "i");
	}
	finish();
}

static void fork_and_go(void *cookie)
{
	struct watch *w = cookie;

	w->in++;
	if (child != 0)
		return;
	child = (pid_t)CHECK_SYS(fork());
	if (child == 0) {
		iv_init();
		loop_works();
		iv_deinit();
		exit(0);
	}
}

TEST(forked_in_a_handler_and_begun_anew)
{
	int i;

	start();
	for (i = 0; i < PIPES; i++) {
		iv_fd_set_handler_in(&watches[i].fd, fork_and_go);
		poke(wfds[i]);
	}
	turns(1);
	reap_child(child);
	for (i = 0; i < PIPES; i++) {
		CHECK_STR(watch_seen(&watches[i], 1), "i");
		drain(rfds[i]);
		watch_set(&watches[i], "i");
	}
	finish();
}

/* ---- Timers ---------------------------------------------------------------------------- */

/* A timer for which the kernel's timer, if there is one, has been set: tried
   again should this machine be so slow that it fires before. */
static void start_timer(struct iv_timer *timer, struct tally *t)
{
	long ms = 20;

	do {
		t->calls = 0;
		iv_invalidate_now();
		timer_after(timer, ms, tally, t);
		iv_timer_register(timer);
		turns(10);
		ms *= 2;
	} while (t->calls > 0);
}

TEST(timer_fires_in_both)
{
	struct tally t = { 0, 0 };
	struct iv_timer timer;
	pid_t pid;

	start();
	start_timer(&timer, &t);
	t.quit_at = 1;
	pid = (pid_t)CHECK_SYS(fork());
	iv_main();
	CHECK_INT(t.calls, ==, 1);
	if (pid == 0)
		exit(0);
	reap_child(pid);
	finish();
}

/* ---- Posts ------------------------------------------------------------------------------- */

static void *post_it(void *event)
{
	iv_event_post(event);
	return NULL;
}

static void post_from_thread(struct iv_event *event)
{
	pthread_t tid;

	CHECK_INT(pthread_create(&tid, NULL, post_it, event), ==, 0);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
}

/* Posting in the child does not wake the parent, and the other way round. */
TEST(posts_arrive_in_the_process_they_were_made_in)
{
	struct tally t = { 0, 1 };
	struct iv_event event;
	pid_t pid;

	start();
	IV_EVENT_INIT(&event);
	event.cookie = &t;
	event.handler = tally;
	CHECK_SYS(iv_event_register(&event));
	turns(1);
	pid = (pid_t)CHECK_SYS(fork());
	if (pid == 0) {
		turns(1);
		post_from_thread(&event);
		iv_main();
		CHECK_INT(t.calls, ==, 1);
		iv_event_post(&event);
		turns(1);
		CHECK_INT(t.calls, ==, 2);
		exit(0);
	}
	reap_child(pid);
	turns(2);
	CHECK_INT(t.calls, ==, 0);
	post_from_thread(&event);
	iv_main();
	CHECK_INT(t.calls, ==, 1);
	iv_event_unregister(&event);
	finish();
}

/* ---- A child that keeps duplicates ---------------------------------------------------------- */

/* Unregistered as it should be, or closed before, while the child lives. */
static void check_kept(int close_first)
{
	struct watch *w = malloc(sizeof(*w));
	int fds[2], block[2];
	char c;
	pid_t pid;

	CHECK(w != NULL);
	start();
	make_pipe(fds);
	make_pipe(block);
	watch_start(w, fds[0], "i");
	turns(1);
	pid = (pid_t)CHECK_SYS(fork());
	if (pid == 0) {
		CHECK_SYS(close(block[1]));
		_exit((int)read(block[0], &c, 1));
	}
	if (close_first)
		CHECK_SYS(close(fds[0]));
	iv_fd_unregister(&w->fd);
	if (!close_first)
		CHECK_SYS(close(fds[0]));
	memset(w, 0xa5, sizeof(*w));
	free(w);
	poke(fds[1]);
	check_pipes(0, PIPES - 1);
	lab_reset();
	turns(5);
	CHECK_INT(lab_ctls(), ==, 0);
	CHECK_INT(lab_count(LAB_EPOLL_CREATE), ==, 0);
	close_pair(block);
	reap_child(pid);
	CHECK_SYS(close(fds[1]));
	finish();
}

TEST(unregistered_while_a_child_keeps_it_open)
{
	check_kept(0);
}

TEST(closed_while_a_child_keeps_it_open)
{
	check_kept(1);
}

/* ---- Another thread's loop -------------------------------------------------------------------- */

/*
 * No thread is started: ThreadSanitizer does not allow that there.  The child
 * kills itself, lest valgrind call the memory of the other threads lost.
 */
static void child_of_thread(int told)
{
	struct watch w;
	int fds[2];

	iv_init();
	make_pipe(fds);
	poke(fds[1]);
	watch_start(&w, fds[0], "i");
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	iv_deinit();
	poke(told);
	raise(SIGKILL);
}

static void fork_there(void *unused)
{
	int told[2];
	pid_t pid;

	(void)unused;
	make_pipe(told);
	pid = (pid_t)CHECK_SYS(fork());
	if (pid == 0)
		child_of_thread(told[1]);
	CHECK_INT(waitpid(pid, NULL, 0), ==, pid);
	CHECK_INT(drain(told[0]), ==, 1);
	close_pair(told);
}

TEST(forked_by_another_thread)
{
	struct loop_thread *t;

	start();
	t = loop_thread_start(NULL, NULL, NULL);
	loop_thread_call(t, fork_there, NULL);
	loop_thread_stop(t);
	finish();
}
