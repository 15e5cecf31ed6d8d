/* SPDX-License-Identifier: MIT */
/*
 * Descriptors that are suspended by their handler and resumed later: the look
 * that epoll takes at them before it arms them again.
 */
#include <stdlib.h>
#include <unistd.h>
#include <iv_event.h>
#include "harness/test.h"
#include "poll/lab.h"

#define CYCLES	50

struct source {
	struct iv_fd	fd;
	struct iv_task	resume;
	int	pipe[2];
	int	calls;
	int	eats;		/* reads what has come */
	int	waited;		/* while it was suspended */
};

static void resume(void *_s);

static void suspend(void *_s)
{
	struct source *s = _s;

	s->calls++;
	if (s->eats)
		drain(s->fd.fd);
	iv_fd_set_handler_in(&s->fd, NULL);
	s->waited = 0;
	if (s->calls < CYCLES)
		iv_task_register(&s->resume);
	else
		iv_quit();
}

static void resume(void *_s)
{
	struct source *s = _s;

	iv_fd_set_handler_in(&s->fd, suspend);
}

/* After a wait without the descriptor; otherwise it would not be noticed. */
static void resume_later(void *_s)
{
	struct source *s = _s;

	if (s->waited++)
		resume(s);
	else
		iv_task_register(&s->resume);
}

static void source_open(struct source *s)
{
	s->calls = s->eats = 0;
	make_pipe(s->pipe);
	IV_TASK_INIT(&s->resume);
	s->resume.cookie = s;
	s->resume.handler = resume_later;
	IV_FD_INIT(&s->fd);
	s->fd.fd = s->pipe[0];
	s->fd.cookie = s;
	s->fd.handler_in = suspend;
	iv_fd_register(&s->fd);
}

static void source_close(struct source *s)
{
	if (iv_task_registered(&s->resume))
		iv_task_unregister(&s->resume);
	iv_fd_unregister(&s->fd);
	close_pair(s->pipe);
}

static void suspend_by_hand(struct source *s)
{
	if (iv_task_registered(&s->resume))
		iv_task_unregister(&s->resume);
	iv_fd_set_handler_in(&s->fd, NULL);
}

static void run_turns(unsigned n)
{
	quit_after_turns(n);
	iv_main();
}

/* Up to the point where the descriptor is known to be suspended. */
static void run_until_habit(struct source *s)
{
	poke(s->pipe[1]);
	while (s->calls < 3)
		run_turns(2);
	suspend_by_hand(s);
	run_turns(2);
}

/* A loop with a source that is suspended, and may be ready. */
static void begin(struct source *s)
{
	iv_init();
	source_open(s);
	run_until_habit(s);
}

static void finish(struct source *s)
{
	source_close(s);
	iv_deinit();
}

TEST(a_source_that_stays_ready_costs_no_epoll_ctl)
{
	struct source s;

	iv_init();
	source_open(&s);
	poke(s.pipe[1]);
	run_turns(12);
	lab_reset();
	iv_main();
	CHECK_INT(s.calls, ==, CYCLES);
	/* Leaving iv_main() may have ended the habit once. */
	CHECK_INT(lab_ctls(), <=, 2);
	CHECK_INT(lab_waits(), <=, 3 * CYCLES);
	finish(&s);
}

TEST(a_source_that_is_not_ready_is_called_when_it_is)
{
	struct source s;
	int calls;

	begin(&s);
	drain(s.pipe[0]);
	calls = s.calls;
	resume(&s);
	run_turns(3);
	CHECK_INT(s.calls, ==, calls);
	poke(s.pipe[1]);
	run_turns(2);
	CHECK_INT(s.calls, >, calls);
	finish(&s);
}

TEST(a_hang_up_while_suspended_is_told_when_resumed)
{
	struct source s;
	int calls;

	begin(&s);
	drain(s.pipe[0]);
	calls = s.calls;
	close(s.pipe[1]);
	run_turns(3);
	CHECK_INT(s.calls, ==, calls);
	resume(&s);
	run_turns(2);
	CHECK_INT(s.calls, >, calls);
	s.pipe[1] = (int)CHECK_SYS(dup(s.pipe[0]));
	finish(&s);
}

/* Armed, then suspended, and only then ready. */
TEST(what_comes_while_suspended_is_told_when_resumed)
{
	struct source s;
	int calls;

	begin(&s);
	drain(s.pipe[0]);
	calls = s.calls;
	resume(&s);
	run_turns(3);
	iv_fd_set_handler_in(&s.fd, NULL);
	poke(s.pipe[1]);
	run_turns(3);
	CHECK_INT(s.calls, ==, calls);
	resume(&s);
	run_turns(3);
	CHECK_INT(s.calls, >, calls);
	finish(&s);
}

/* Resumed in vain: it was not ready then, and is while it is suspended. */
static void resume_in_vain(struct source *s)
{
	resume(s);
	run_turns(2);
	iv_fd_set_handler_in(&s->fd, NULL);
	poke(s->pipe[1]);
	run_turns(2);
	drain(s->pipe[0]);
}

TEST(a_look_in_vain_is_the_last_for_a_while)
{
	struct source s;
	int i;

	begin(&s);
	drain(s.pipe[0]);
	resume_in_vain(&s);
	lab_reset();
	for (i = 0; i < 16; i++)
		resume_in_vain(&s);
	if (strncmp(test_method(), "epoll", 5) == 0) {
		CHECK_INT(lab_count(LAB_POLL), ==, 0);
		resume_in_vain(&s);
		CHECK_INT(lab_count(LAB_POLL), ==, 1);
	}
	finish(&s);
}

TEST(what_is_armed_already_needs_no_look)
{
	struct source s;

	begin(&s);
	drain(s.pipe[0]);
	resume(&s);
	run_turns(2);
	lab_reset();
	iv_fd_set_handler_in(&s.fd, NULL);
	resume(&s);
	run_turns(2);
	CHECK_INT(lab_ctls(), ==, 0);
	if (strncmp(test_method(), "epoll", 5) == 0)
		CHECK_INT(lab_count(LAB_POLL), ==, 0);
	finish(&s);
}

TEST(one_source_is_not_taken_for_another)
{
	struct source ready, other;
	int calls;

	begin(&ready);
	source_open(&other);
	run_until_habit(&other);
	drain(other.pipe[0]);
	calls = ready.calls;
	resume(&ready);
	run_turns(2);
	CHECK_INT(ready.calls, >, calls);
	suspend_by_hand(&ready);
	calls = other.calls;
	resume(&other);
	run_turns(3);
	CHECK_INT(other.calls, ==, calls);
	source_close(&ready);
	source_close(&other);
	iv_deinit();
}

TEST(suspended_again_before_the_wait)
{
	struct source s;
	int calls;

	begin(&s);
	calls = s.calls;
	resume(&s);
	iv_fd_set_handler_in(&s.fd, NULL);
	run_turns(3);
	CHECK_INT(s.calls, ==, calls);
	finish(&s);
}

TEST(unregistered_before_the_wait)
{
	struct source *s = malloc(sizeof(*s));

	iv_init();
	CHECK(s != NULL);
	source_open(s);
	run_until_habit(s);
	resume(s);
	source_close(s);
	memset(s, 0x5a, sizeof(*s));
	free(s);
	run_turns(3);
	iv_deinit();
}

static void only_count(void *_s)
{
	((struct source *)_s)->calls++;
}

TEST(closed_while_suspended)
{
	struct source s;
	int calls;

	begin(&s);
	calls = s.calls;
	close_pair(s.pipe);
	iv_fd_set_handler_in(&s.fd, only_count);
	lab_reset();
	run_turns(6);
	CHECK_INT(s.calls, <=, calls + 2);
	CHECK_INT(lab_waits(), <=, 12);
	iv_fd_unregister(&s.fd);
	iv_deinit();
}

/* One source that is always ready must not keep anything else waiting. */
static struct iv_timer timer;
static struct iv_event event;
static int timer_ran, event_ran, other_ran;

static void count(void *n)
{
	++*(int *)n;
}

static void other_in(void *_fd)
{
	struct iv_fd *fd = _fd;

	other_ran++;
	drain(fd->fd);
}

static void *post(void *unused)
{
	iv_event_post(&event);
	return unused;
}

TEST(nobody_waits_for_a_busy_source)
{
	struct iv_fd other;
	struct source s;
	pthread_t t;
	int p[2];

	iv_init();
	source_open(&s);
	poke(s.pipe[1]);
	run_turns(12);

	make_pipe(p);
	IV_FD_INIT(&other);
	other.fd = p[0];
	other.cookie = &other;
	other.handler_in = other_in;
	iv_fd_register(&other);
	poke(p[1]);
	event.cookie = &event_ran;
	event.handler = count;
	CHECK_INT(iv_event_register(&event), ==, 0);
	IV_TIMER_INIT(&timer);
	timer.expires = iv_now;
	timer.cookie = &timer_ran;
	timer.handler = count;
	iv_timer_register(&timer);
	CHECK_INT(pthread_create(&t, NULL, post, NULL), ==, 0);
	pthread_join(t, NULL);

	s.calls = 0;
	run_turns(8);
	CHECK_INT(timer_ran, ==, 1);
	CHECK_INT(event_ran, ==, 1);
	CHECK_INT(other_ran, ==, 1);

	iv_event_unregister(&event);
	iv_fd_unregister(&other);
	close_pair(p);
	finish(&s);
}

/* More than one look can take. */
TEST(many_sources)
{
	enum { N = 200 };
	struct source *s = calloc(N, sizeof(*s));
	int i;

	CHECK(s != NULL);
	iv_init();
	for (i = 0; i < N; i++) {
		source_open(&s[i]);
		poke(s[i].pipe[1]);
	}
	run_turns(16);
	for (i = 0; i < N; i++) {
		CHECK_INT(s[i].calls, >=, 3);
		s[i].eats = i % 2;
		s[i].calls = 0;
	}
	run_turns(16);
	for (i = 0; i < N; i++) {
		if (i % 2 == 0)
			CHECK_INT(s[i].calls, >=, 3);
		else
			CHECK_INT(s[i].calls, <=, 1);
		s[i].eats = 0;
		s[i].calls = 0;
		poke(s[i].pipe[1]);
	}
	run_turns(6);
	for (i = 0; i < N; i++) {
		CHECK_INT(s[i].calls, >=, 1);
		source_close(&s[i]);
	}
	iv_deinit();
	free(s);
}

/* The look and the arming are refused by the kernel. */
TEST(no_memory_for_the_look)
{
	struct source s;
	int calls;

	begin(&s);
	calls = s.calls;
	resume(&s);
	if (strncmp(test_method(), "epoll", 5) == 0)
		lab_refuse(LAB_POLL, ENOMEM, 1);
	run_turns(3);
	CHECK_INT(s.calls, >, calls);
	finish(&s);
}

TEST(no_memory_to_arm)
{
	struct source s;
	int calls;

	begin(&s);
	drain(s.pipe[0]);
	calls = s.calls;
	resume(&s);
	lab_refuse(LAB_EPOLL_MOD, ENOMEM, 1);
	run_turns(3);
	CHECK_INT(s.calls, ==, calls);
	poke(s.pipe[1]);
	run_turns(3);
	CHECK_INT(s.calls, >, calls);
	finish(&s);
}

/* Nor is there anything else that the loop could sleep through meanwhile. */
static void check_others(int err)
{
	struct source s;
	struct watch other;
	int fds[2];

	iv_init();
	source_open(&s);
	make_pipe(fds);
	watch_start(&other, fds[0], "");
	iv_fd_set_handler_in(&other.fd, quit_handler);
	run_until_habit(&s);
	drain(s.pipe[0]);
	resume(&s);
	lab_refuse(LAB_EPOLL_MOD, err, 1);
	poke(fds[1]);
	with_deadline(5);
	iv_main();
	without_deadline();
	watch_end(&other);
	close(fds[1]);
	finish(&s);
}

TEST(no_memory_to_arm_and_others_are_ready)
{
	check_others(ENOMEM);
}

TEST(nothing_to_arm_and_others_are_ready)
{
	check_others(ENOENT);
}
