/* SPDX-License-Identifier: MIT */
/*
 * exhaustion.c - tests of what happens when memory, descriptors or a facility
 * of the kernel are lacking.
 *
 * A scenario with one object of each kind is run again and again; each time
 * another call fails: the Nth of its kind, or all from the Nth on until, a
 * while later, there is plenty again.  It may end in two ways: everything is
 * served in the end (what returned -1 with that errno is called again), or
 * iv_init() stops the program with a message.  No hang, no leak, nothing lost.
 */
#include "config.h"
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#ifdef __linux__
#endif
#include <iv_event.h>
#include <iv_event_raw.h>
#include <iv_loop.h>
#include "harness/spy.h"
#include "harness/test.h"

#define FOREVER	~0U
#define READS	12

/* ---- The scenario ---------------------------------------------------------- */

static struct plan {
	enum spy_call	call;
	unsigned	nth;
	unsigned	times;		/* 0: nothing fails */
	int	err;
} plan;

/* Written by the child: how many calls of each kind an untroubled run has. */
static unsigned *counted;

static struct iv_fd in_fd, out_fd;
static struct iv_event event;
static struct iv_event_raw raw;
static struct iv_timer timer, relief;
static struct iv_task task;
static int in_pipe[2], out_pair[2];
static unsigned reads;

enum { IN = 1, OUT = 2, EVENT = 4, RAW = 8, TIMER = 16, TASK = 32, ALL = 63 };

static unsigned seen;

static void got(unsigned what)
{
	seen |= what;
	if (seen == ALL)
		iv_quit();
}

/* Busy for some turns: so many that the kernel's timer comes into play. */
static void got_in(void *unused)
{
	char c;

	(void)unused;
	if (read(in_pipe[0], &c, 1) < 0) {
		CHECK(errno == EINTR || errno == EAGAIN);
		return;
	}
	if (++reads == READS)
		got(IN);
}

static void got_out(void *unused)
{
	(void)unused;
	iv_fd_set_handler_out(&out_fd, NULL);
	got(OUT);
}

static void got_bits(void *_bits)
{
	CHECK_INT(seen & (unsigned)(uintptr_t)_bits, ==, 0);
	got((unsigned)(uintptr_t)_bits);
}

/* From here on there is enough of everything. */
static void bring_relief(void *unused)
{
	(void)unused;
	spy_heal();
}

static void fill_pipe(void)
{
	int i;

	for (i = 0; i < READS; i++)
		poke(in_pipe[1]);
}

static void make_fixtures(void)
{
	make_pipe(in_pipe);
	make_socketpair(out_pair);
	fill_pipe();
}

/* RET is what a register function returned: 0 or -1 and the error that it
   met; in the latter case it is to be called again. */
static int refused(int ret)
{
	if (ret == 0)
		return 0;
	CHECK_INT(ret, ==, -1);
	CHECK_INT(errno, ==, plan.err);
	spy_heal();
	return 1;
}

static void register_descriptors(void)
{
	IV_FD_INIT(&in_fd);
	in_fd.fd = in_pipe[0];
	in_fd.handler_in = got_in;
	iv_fd_register(&in_fd);
	IV_FD_INIT(&out_fd);
	out_fd.fd = out_pair[0];
	out_fd.handler_out = got_out;
	if (refused(iv_fd_register_try(&out_fd))) {
		CHECK_INT(iv_fd_registered(&out_fd), ==, 0);
		CHECK_SYS(iv_fd_register_try(&out_fd));
	}
}

static void register_events(void)
{
	IV_EVENT_INIT(&event);
	event.handler = got_bits;
	event.cookie = (void *)EVENT;
	if (refused(iv_event_register(&event)))
		CHECK_SYS(iv_event_register(&event));
	IV_EVENT_RAW_INIT(&raw);
	raw.handler = got_bits;
	raw.cookie = (void *)RAW;
	if (refused(iv_event_raw_register(&raw)))
		CHECK_SYS(iv_event_raw_register(&raw));
}

static void register_the_rest(void)
{
	IV_TASK_INIT(&task);
	task.handler = got_bits;
	task.cookie = (void *)TASK;
	iv_task_register(&task);
	timer_after(&timer, 5000, got_bits, (void *)TIMER);
	iv_timer_register(&timer);
}

static void register_relief(void)
{
	timer_after(&relief, 300, bring_relief, NULL);
	iv_timer_register(&relief);
}

static void unregister_all(void)
{
	if (iv_timer_registered(&relief))
		iv_timer_unregister(&relief);
	iv_event_raw_unregister(&raw);
	iv_event_unregister(&event);
	iv_fd_unregister(&out_fd);
	iv_fd_unregister(&in_fd);
}

static void *post_both(void *unused)
{
	iv_event_post(&event);
	iv_event_raw_post(&raw);
	return unused;
}

static void run_until_all_is_seen(void)
{
	pthread_t tid;

	CHECK_INT(pthread_create(&tid, NULL, post_both, NULL), ==, 0);
	iv_main();
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	CHECK_INT(seen, ==, ALL);
	CHECK_INT(reads, ==, READS);
}

/* Some seconds go by, but not for us. */
static void scenario(void)
{
	spy_clock_take(1000000000);
	spy_reset();
	if (plan.times > 0)
		spy_fail(plan.call, plan.nth, plan.times, plan.err);
	iv_init();
	register_descriptors();
	register_events();
	register_the_rest();
	register_relief();
	run_until_all_is_seen();
	spy_heal();
	unregister_all();
	iv_main();
	iv_deinit();
}

static unsigned open_fds(void)
{
	unsigned n = 0;
	int fd;

	for (fd = 0; fd < 200; fd++)
		n += (unsigned)fd_is_open(fd);
	return n;
}

static void run_and_leave(void)
{
	unsigned fds, i;
	long blocks;

	alarm((unsigned)(5 * time_scale()));
	make_fixtures();
	fds = open_fds();
	blocks = spy_blocks();
	scenario();
	CHECK_INT(open_fds(), ==, fds);
	CHECK_INT(spy_blocks(), ==, blocks);
	for (i = 0; plan.times == 0 && i < SPY_CALLS; i++)
		counted[i] = spy_count((enum spy_call)i);
	_exit(0);
}

/* ---- Running it --------------------------------------------------------------- */

static char words[4096];

static void mute(const char *msg)
{
	(void)msg;
}

static int run_in_child(void)
{
	size_t len = 0;
	int fds[2], status;
	ssize_t n;
	pid_t pid;

	make_pipe(fds);
	fflush(NULL);
	pid = (pid_t)CHECK_SYS(fork());
	if (pid == 0) {
		iv_set_fatal_msg_handler(mute);
		dup2(fds[1], STDERR_FILENO);
		dup2(fds[1], STDOUT_FILENO);
		close_pair(fds);
		run_and_leave();
	}
	CHECK_SYS(close(fds[1]));
	while ((n = read(fds[0], words + len, sizeof(words) - 1 - len)) > 0)
		len += (size_t)n;
	words[len] = '\0';
	CHECK_SYS(close(fds[0]));
	CHECK_SYS(waitpid(pid, &status, 0));
	return status;
}

static void judge(const char *what, int status)
{
	static const char fatal[] = "ivykis: iv_init: ";

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
	    strncmp(words, fatal, strlen(fatal)) == 0)
		return;
	note("it says: %s", words);
	FAIL("%s, %u times from %u on: %s: %s %d", what, plan.times, plan.nth,
	     strerror(plan.err),
	     WIFSIGNALED(status) ? "died of signal" : "ended with",
	     WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static void run_plan(const char *what, enum spy_call call, unsigned nth,
		     unsigned times, int err)
{
	plan = (struct plan){ call, nth, times, err };
	judge(what, run_in_child());
}

static void run_untroubled(void)
{
	void *p = mmap(NULL, SPY_CALLS * sizeof(*counted),
		       PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	int status;

	CHECK(p != MAP_FAILED);
	counted = p;
	plan.times = 0;
	status = run_in_child();
	if (status != 0)
		FAIL("fails even if nothing else does: %d %s", status, words);
}

/* Every call of this kind fails, alone and with all that follow. */
static void run_all(const char *what, enum spy_call call, int err)
{
	/* Time does not pass while calls are interrupted. */
	unsigned many = err == EINTR || err == EAGAIN ? 20 : FOREVER;
	unsigned nth, last;

	run_untroubled();
	/* What fails is tried again: there are more of them then. */
	last = counted[call] > 0 ? counted[call] + 2 : 0;
	for (nth = 1; nth <= last; nth++) {
		run_plan(what, call, nth, 1, err);
		run_plan(what, call, nth, 3, err);
		run_plan(what, call, nth, many, err);
	}
}

/* The scenario must be one in which there is something to fail. */
static void check_counted(const char *method, enum spy_call call)
{
	if (strncmp(test_method(), method, strlen(method)) == 0)
		CHECK_INT(counted[call], >, 0);
}

/* ---- Memory -------------------------------------------------------------------- */

TEST(no_memory)
{
	time_limit(60);
	run_all("malloc", SPY_MALLOC, ENOMEM);
	check_counted("", SPY_MALLOC);
}

/* ---- Descriptors ---------------------------------------------------------------- */

TEST(no_epoll_instance)
{
	time_limit(60);
	run_all("epoll_create1", SPY_EPOLL_CREATE, EMFILE);
	run_all("epoll_create1", SPY_EPOLL_CREATE, ENFILE);
	run_all("epoll_create1", SPY_EPOLL_CREATE, ENOMEM);
	check_counted("epoll", SPY_EPOLL_CREATE);
}

TEST(no_room_in_the_epoll_instance)
{
	time_limit(60);
	run_all("epoll_ctl", SPY_EPOLL_CTL, ENOMEM);
	run_all("epoll_ctl", SPY_EPOLL_CTL, ENOSPC);
	check_counted("epoll", SPY_EPOLL_CTL);
}

TEST(no_eventfd)
{
	time_limit(60);
	run_all("eventfd", SPY_EVENTFD, EMFILE);
	run_all("eventfd", SPY_EVENTFD, ENFILE);
	run_all("eventfd", SPY_EVENTFD, ENOMEM);
}

TEST(an_eventfd_now_and_a_pipe_then)
{
	time_limit(60);
	run_all("eventfd", SPY_EVENTFD, ENOSYS);
	run_all("eventfd", SPY_EVENTFD, EPERM);
	run_all("eventfd", SPY_EVENTFD, EINVAL);
}

TEST(no_timerfd)
{
	time_limit(60);
	run_all("timerfd_create", SPY_TIMERFD_CREATE, EMFILE);
	run_all("timerfd_create", SPY_TIMERFD_CREATE, ENFILE);
	run_all("timerfd_create", SPY_TIMERFD_CREATE, ENOMEM);
	run_all("timerfd_create", SPY_TIMERFD_CREATE, EPERM);
	run_all("timerfd_settime", SPY_TIMERFD_SETTIME, ENOMEM);
	run_all("timerfd_settime", SPY_TIMERFD_SETTIME, EINVAL);
	check_counted("epoll-timerfd", SPY_TIMERFD_CREATE);
	check_counted("epoll-timerfd", SPY_TIMERFD_SETTIME);
}

static void read_then_quit(void *unused)
{
	got_in(unused);
	iv_quit();
}

static void try_until_there_is_memory(enum spy_call call)
{
	iv_init();
	make_fixtures();
	IV_FD_INIT(&in_fd);
	in_fd.fd = in_pipe[0];
	in_fd.handler_in = read_then_quit;
	spy_fail(call, 1, 3, ENOMEM);
	iv_fd_register(&in_fd);
	iv_main();
	spy_heal();
	CHECK_INT(reads, ==, 1);
	iv_fd_unregister(&in_fd);
	close_pair(in_pipe);
	close_pair(out_pair);
	iv_deinit();
}

/* Nothing else wakes the loop: it must remember to try again. */
TEST(tried_again_with_no_timer_to_wait_for)
{
	spy_clock_take(1000000000);
	try_until_there_is_memory(SPY_EPOLL_CTL);
	reads = 0;
	try_until_there_is_memory(SPY_MALLOC);
}

/* ---- For ever ---------------------------------------------------------------------- */

/* A forked child has everything to tell to a kernel object of its own. */
static void go_on_without(enum spy_call call, int err)
{
	pid_t pid = (pid_t)CHECK_SYS(fork());

	if (pid > 0) {
		reap_child(pid);
		return;
	}
	alarm((unsigned)(5 * time_scale()));
	spy_fail(call, 1, FOREVER, err);
	/* Before that raw posts reach the parent. */
	iv_run(IV_RUN_NOWAIT);
	run_until_all_is_seen();
	spy_heal();
	unregister_all();
	iv_deinit();
	_exit(0);
}

TEST(never_any_room_for_a_child)
{
	spy_clock_take(1000000000);
	make_fixtures();
	iv_init();
	register_descriptors();
	register_events();
	register_the_rest();
	go_on_without(SPY_EPOLL_CREATE, ENFILE);
	fill_pipe();
	go_on_without(SPY_EPOLL_CTL, ENOSPC);
	fill_pipe();
	go_on_without(SPY_MALLOC, ENOMEM);
	iv_task_unregister(&task);
	iv_timer_unregister(&timer);
	unregister_all();
	close_pair(in_pipe);
	close_pair(out_pair);
	iv_deinit();
}

/* ---- Interruptions ----------------------------------------------------------------- */

TEST(interrupted)
{
	time_limit(60);
	run_all("wait", SPY_WAIT, EINTR);
	run_all("read", SPY_READ, EINTR);
	run_all("write", SPY_WRITE, EINTR);
	run_all("epoll_ctl", SPY_EPOLL_CTL, EINTR);
}

TEST(readable_but_there_is_nothing)
{
	time_limit(60);
	run_all("read", SPY_READ, EAGAIN);
}

TEST(no_memory_to_wait)
{
	time_limit(60);
	if (strstr(test_method(), "poll") == NULL ||
	    strncmp(test_method(), "epoll", 5) == 0)
		SKIP("the wait of %s needs none", test_method());
	run_all("poll", SPY_WAIT, ENOMEM);
	run_all("poll", SPY_WAIT, EAGAIN);
}

/* ---- What only iv_init() needs -------------------------------------------------------- */

TEST_ONCE(no_thread_specific_data)
{
	run_all("pthread_key_create", SPY_KEY_CREATE, EAGAIN);
	run_all("pthread_key_create", SPY_KEY_CREATE, ENOMEM);
	run_plan("pthread_setspecific", SPY_SETSPECIFIC, 1, 1, ENOMEM);
	CHECK(strstr(words, "ENOMEM") != NULL ||
	      strstr(words, "out of memory") != NULL);
}

/* ---- Facilities that old kernels and sandboxes do not have ------------------------------ */

#ifdef __linux__
static void run_denied(long nr)
{
	static const int errs[] = { ENOSYS, EPERM, EINVAL };
	unsigned i;
	pid_t pid;

	for (i = 0; i < 3; i++) {
		fflush(NULL);
		pid = (pid_t)CHECK_SYS(fork());
		if (pid == 0) {
			deny_syscall(nr, errs[i]);
			run_untroubled();
			_exit(0);
		}
		reap_child(pid);
	}
}

/* Chosen by the library: it has to do without. */
TEST_ONCE(without_optional_facilities)
{
#ifdef SYS_epoll_pwait2
	run_denied(SYS_epoll_pwait2);
#endif
#ifdef SYS_timerfd_create
	run_denied(SYS_timerfd_create);
#endif
#ifdef SYS_eventfd2
	run_denied(SYS_eventfd2);
#endif
#ifdef SYS_epoll_create1
	run_denied(SYS_epoll_create1);
#endif
}

TEST(without_epoll_pwait2)
{
#ifdef SYS_epoll_pwait2
	run_denied(SYS_epoll_pwait2);
#endif
}

TEST(without_eventfd)
{
#ifdef SYS_eventfd2
	run_denied(SYS_eventfd2);
#endif
}
#endif

/* ---- Really ---------------------------------------------------------------------------- */

static void refused_for_want_of_descriptors(int ret)
{
	CHECK_INT(ret, ==, -1);
	CHECK_INT(errno, ==, EMFILE);
}

/* With 0, 1, 2 ... descriptors to spare: as soon as there are enough, all is
   well; until then nothing is leaked and nothing keeps the loop running. */
TEST(few_descriptors_to_spare)
{
	unsigned spare;

	iv_init();
	for (spare = 0; spare < 8; spare++) {
		int ok;

		leave_fds(spare);
		IV_EVENT_INIT(&event);
		event.handler = never_handler;
		IV_EVENT_RAW_INIT(&raw);
		raw.handler = never_handler;
		ok = iv_event_register(&event);
		if (ok != 0)
			refused_for_want_of_descriptors(ok);
		else
			iv_event_unregister(&event);
		ok = iv_event_raw_register(&raw);
		if (ok != 0)
			refused_for_want_of_descriptors(ok);
		else
			iv_event_raw_unregister(&raw);
		restore_fds();
		iv_main();
	}
	CHECK_INT(iv_event_register(&event), ==, 0);
	CHECK_INT(iv_event_raw_register(&raw), ==, 0);
	iv_event_unregister(&event);
	iv_event_raw_unregister(&raw);
	iv_main();
	iv_deinit();
}
