/* SPDX-License-Identifier: MIT */
/*
 * event_raw.c - tests of iv_event_raw.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <iv_event_raw.h>
#include "harness/spy.h"
#include "harness/test.h"

/* ---- Helpers -------------------------------------------------------------- */

/* Nothing private may be relied on before an event is registered. */
static struct iv_event_raw *
prepare(void (*handler)(void *), void *cookie)
{
	struct iv_event_raw *ev = malloc(sizeof(*ev));

	CHECK(ev != NULL);
	memset(ev, 0xa5, sizeof(*ev));
	IV_EVENT_RAW_INIT(ev);
	ev->handler = handler;
	ev->cookie = cookie;
	return ev;
}

static struct iv_event_raw *
start(void (*handler)(void *), void *cookie)
{
	struct iv_event_raw *ev = prepare(handler, cookie);

	CHECK_SYS(iv_event_raw_register(ev));
	return ev;
}

/* The compiler must not see that nobody reads what is left. */
static void end(struct iv_event_raw *ev)
{
	iv_event_raw_unregister(ev);
	memset(ev, 0x5a, sizeof(*ev));
	__asm__ volatile ("" : : "r" (ev) : "memory");
	free(ev);
}

static void turns(unsigned n)
{
	quit_after_turns(n);
	iv_main();
}

static int open_fds(void)
{
	int fd, n = 0;

	for (fd = 0; fd < 1024; fd++)
		n += fd_is_open(fd);
	return n;
}

/* With an eventfd, or with a pipe because a sandbox has none. */
static void no_eventfd(int err)
{
#ifdef SYS_eventfd2
	deny_syscall(SYS_eventfd2, err);
#else
	(void)err;
#endif
}

/* ---- Delivery ------------------------------------------------------------- */

TEST(a_post_before_the_loop_and_one_later)
{
	struct tally t = { 0, 1 };
	struct iv_event_raw *ev;

	iv_init();
	ev = start(tally, &t);
	iv_event_raw_post(ev);
	CHECK_INT(t.calls, ==, 0);
	iv_main();
	CHECK_INT(t.calls, ==, 1);

	t.quit_at = 2;
	iv_event_raw_post(ev);
	iv_main();
	CHECK_INT(t.calls, ==, 2);

	turns(4);
	CHECK_INT(t.calls, ==, 2);
	end(ev);
	iv_deinit();
}

TEST(posts_are_merged)
{
	struct tally t = { 0, 0 };
	struct iv_event_raw *ev;
	int i;

	iv_init();
	ev = start(tally, &t);
	for (i = 0; i < 1000; i++)
		iv_event_raw_post(ev);
	turns(4);
	CHECK_INT(t.calls, ==, 1);
	end(ev);
	iv_deinit();
}

struct again {
	struct iv_event_raw	*ev;
	struct tally	t;
};

static void post_again(void *cookie)
{
	struct again *a = cookie;

	if (a->t.calls < 9)
		iv_event_raw_post(a->ev);
	tally(&a->t);
}

TEST(a_post_in_the_handler_gives_another_call)
{
	struct again a = { NULL, { 0, 10 } };

	iv_init();
	a.ev = start(post_again, &a);
	iv_event_raw_post(a.ev);
	iv_main();
	CHECK_INT(a.t.calls, ==, 10);
	turns(4);
	CHECK_INT(a.t.calls, ==, 10);
	end(a.ev);
	iv_deinit();
}

TEST(cookie_and_handler_are_read_when_called)
{
	struct iv_event_raw *ev;
	struct tally t = { 0, 0 };

	iv_init();
	ev = start(never_handler, NULL);
	iv_event_raw_post(ev);
	ev->handler = tally;
	ev->cookie = &t;
	turns(4);
	CHECK_INT(t.calls, ==, 1);
	end(ev);
	iv_deinit();
}

TEST(each_of_a_hundred_is_called_once)
{
	struct iv_event_raw *ev[100];
	struct tally t[100] = { { 0, 0 } };
	int i;

	iv_init();
	for (i = 0; i < 100; i++)
		ev[i] = start(tally, &t[i]);
	for (i = 0; i < 100; i += 2)
		iv_event_raw_post(ev[i]);
	turns(8);
	for (i = 0; i < 100; i++) {
		CHECK_INT(t[i].calls, ==, i % 2 == 0);
		end(ev[i]);
	}
	iv_deinit();
}

static void steal(void *cookie)
{
	struct again *other = cookie;
	char buf[8];

	other->t.calls++;
	CHECK(read(other->ev->event_rfd.fd, buf, sizeof(buf)) > 0);
}

/* Whichever is first takes the other's post away. */
TEST(a_spurious_wakeup_is_no_call)
{
	struct again a[2] = { { NULL, { 0, 0 } } };
	int i;

	iv_init();
	for (i = 0; i < 2; i++)
		a[i].ev = start(steal, &a[!i]);
	iv_event_raw_post(a[0].ev);
	iv_event_raw_post(a[1].ev);
	turns(4);
	CHECK_INT(a[0].t.calls + a[1].t.calls, ==, 1);
	end(a[0].ev);
	end(a[1].ev);
	iv_deinit();
}

/* ---- Life ----------------------------------------------------------------- */

TEST(it_keeps_the_loop_running)
{
	struct tally fired = { 0, 1 };
	struct iv_event_raw *ev;
	struct iv_timer t;

	iv_init();
	ev = start(never_handler, NULL);
	timer_after(&t, 1, tally, &fired);
	iv_timer_register(&t);
	iv_main();
	CHECK_INT(fired.calls, ==, 1);

	/* Not so without. */
	end(ev);
	iv_main();
	iv_deinit();
}

TEST(unregistering_drops_a_post)
{
	struct iv_event_raw *ev;

	iv_init();
	ev = start(never_handler, NULL);
	iv_event_raw_post(ev);
	iv_event_raw_unregister(ev);
	turns(4);

	/* Nor does it come back. */
	CHECK_SYS(iv_event_raw_register(ev));
	turns(4);
	end(ev);
	iv_deinit();
}

TEST(a_post_after_unregistering_hits_nobody)
{
	struct iv_event_raw *ev;
	int fds[2];

	iv_init();
	ev = start(never_handler, NULL);
	iv_event_raw_unregister(ev);

	/* These have the numbers now. */
	make_socketpair(fds);
	iv_event_raw_post(ev);
	CHECK_INT(drain(fds[0]), ==, 0);
	CHECK_INT(drain(fds[1]), ==, 0);
	close_pair(fds);
	free(ev);
	iv_deinit();
}

static void end_itself(void *cookie)
{
	struct again *a = cookie;

	a->t.calls++;
	iv_event_raw_post(a->ev);
	end(a->ev);
}

TEST(the_handler_may_free_it)
{
	struct again a = { NULL, { 0, 0 } };

	iv_init();
	a.ev = start(end_itself, &a);
	iv_event_raw_post(a.ev);

	/* Nothing else keeps the loop running. */
	iv_main();
	CHECK_INT(a.t.calls, ==, 1);
	iv_deinit();
}

static void end_all(void *cookie)
{
	struct again *a = cookie;

	end(a[0].ev);
	end(a[1].ev);
	a[0].t.calls++;
}

TEST(the_handler_may_free_another_that_is_pending)
{
	struct again a[2] = { { NULL, { 0, 0 } } };
	int i;

	iv_init();
	for (i = 0; i < 2; i++)
		a[i].ev = start(end_all, a);
	iv_event_raw_post(a[0].ev);
	iv_event_raw_post(a[1].ev);
	iv_main();
	CHECK_INT(a[0].t.calls, ==, 1);
	iv_deinit();
}

static void register_again(void *cookie)
{
	struct again *a = cookie;

	iv_event_raw_unregister(a->ev);
	CHECK_SYS(iv_event_raw_register(a->ev));
	if (a->t.calls < 4)
		iv_event_raw_post(a->ev);
	tally(&a->t);
}

TEST(the_handler_may_register_it_again)
{
	struct again a = { NULL, { 0, 5 } };

	iv_init();
	a.ev = start(register_again, &a);
	iv_event_raw_post(a.ev);
	iv_main();
	CHECK_INT(a.t.calls, ==, 5);
	end(a.ev);
	iv_deinit();
}

/* ---- Other threads, signal handlers, other processes --------------------- */

#define POSTERS		4
#define POSTS		5000

struct crowd {
	struct iv_event_raw	*ev;
	unsigned	posted;
};

static void *post_often(void *cookie)
{
	struct crowd *c = cookie;
	int i;

	for (i = 0; i < POSTS; i++) {
		__atomic_add_fetch(&c->posted, 1, __ATOMIC_RELAXED);
		iv_event_raw_post(c->ev);
	}
	return NULL;
}

static void quit_if_all_posted(void *cookie)
{
	struct crowd *c = cookie;

	if (__atomic_load_n(&c->posted, __ATOMIC_RELAXED) ==
	    POSTERS * POSTS)
		iv_quit();
}

static void check_threads(void)
{
	struct crowd c = { NULL, 0 };
	pthread_t tid[POSTERS];
	int i;

	iv_init();
	c.ev = start(quit_if_all_posted, &c);
	for (i = 0; i < POSTERS; i++)
		CHECK_INT(pthread_create(&tid[i], NULL, post_often, &c),
			  ==, 0);

	/* Ends if there is a call after the last post. */
	iv_main();
	for (i = 0; i < POSTERS; i++)
		CHECK_INT(pthread_join(tid[i], NULL), ==, 0);
	end(c.ev);
	iv_deinit();
}

TEST(posts_from_plain_threads)
{
	check_threads();
}

TEST(posts_from_plain_threads_through_a_pipe)
{
	no_eventfd(ENOSYS);
	check_threads();
}

static void *post_cancelled(void *ev)
{
	pthread_cancel(pthread_self());
	iv_event_raw_post(ev);
	pthread_testcancel();
	return NULL;
}

TEST(a_thread_that_is_being_cancelled_posts)
{
	struct tally t = { 0, 1 };
	struct iv_event_raw *ev;
	void *result = NULL;
	pthread_t tid;

	iv_init();
	ev = start(tally, &t);
	CHECK_INT(pthread_create(&tid, NULL, post_cancelled, ev), ==, 0);
	iv_main();
	CHECK_INT(pthread_join(tid, &result), ==, 0);
	CHECK(result == PTHREAD_CANCELED);
	CHECK_INT(t.calls, ==, 1);
	end(ev);
	iv_deinit();
}

static struct iv_event_raw *signal_ev;

static void post_signal(int signum)
{
	(void)signum;
	iv_event_raw_post(signal_ev);
}

/* 70000 posts are more than any pipe takes. */
static void check_signals(void)
{
	struct sigaction sa = { .sa_handler = post_signal }, old;
	struct tally t = { 0, 0 };
	int i;

	iv_init();
	signal_ev = start(tally, &t);
	CHECK_SYS(sigaction(SIGUSR1, &sa, &old));
	for (i = 0; i < 70000; i++) {
		errno = EDOM;
		raise(SIGUSR1);
		CHECK_INT(errno, ==, EDOM);
	}
	turns(4);
	CHECK_INT(t.calls, ==, 1);
	raise(SIGUSR1);
	turns(4);
	CHECK_INT(t.calls, ==, 2);
	CHECK_SYS(sigaction(SIGUSR1, &old, NULL));
	end(signal_ev);
	iv_deinit();
}

TEST(signal_handlers_post_and_keep_errno)
{
	check_signals();
}

TEST(signal_handlers_post_into_a_full_pipe)
{
	no_eventfd(ENOSYS);
	check_signals();
}

static void post(void *ev)
{
	iv_event_raw_post(ev);
}

static void check_fork(void)
{
	struct tally t = { 0, 1 };
	struct iv_event_raw *ev;
	pid_t pid;

	iv_init();
	ev = start(tally, &t);
	pid = fork_child(post, ev);
	iv_main();
	CHECK_INT(t.calls, ==, 1);
	reap_child(pid);
	end(ev);
	iv_deinit();
}

TEST(a_forked_child_posts)
{
	check_fork();
}

TEST(a_forked_child_posts_through_a_pipe)
{
	no_eventfd(ENOSYS);
	check_fork();
}

static struct iv_event_raw shared_raw;
static struct tally shared_tally;

/* It goes on with the loop, and there finds only its own posts. */
static void child_goes_on(void *unused)
{
	(void)unused;
	quit_after_turns(3);
	iv_main();
	CHECK_INT(shared_tally.calls, ==, 0);
	iv_event_raw_post(&shared_raw);
	quit_after_turns(3);
	iv_main();
	CHECK_INT(shared_tally.calls, ==, 1);
	iv_event_raw_unregister(&shared_raw);
	iv_main();
	iv_deinit();
}

TEST(a_child_that_goes_on_takes_no_call_away)
{
	iv_init();
	IV_EVENT_RAW_INIT(&shared_raw);
	shared_raw.handler = tally;
	shared_raw.cookie = &shared_tally;
	CHECK_INT(iv_event_raw_register(&shared_raw), ==, 0);
	iv_event_raw_post(&shared_raw);
	reap_child(fork_child(child_goes_on, NULL));
	quit_after_turns(3);
	iv_main();
	CHECK_INT(shared_tally.calls, ==, 1);
	iv_event_raw_unregister(&shared_raw);
	iv_deinit();
}

static struct iv_event_raw due[2];
static struct tally due_tally[2];
static pid_t (*fork_by)(void);
static int in_child;

/* The other one is due as well. */
static void fork_and_tally(void *_tally)
{
	static int forked;
	pid_t pid;

	tally(_tally);
	if (forked)
		return;
	forked = 1;
	pid = (pid_t)CHECK_SYS(fork_by());
	in_child = pid == 0;
	if (pid > 0)
		reap_child(pid);
}

/* The child comes to the end of the turn first. */
static void check_forked_in_a_handler(void)
{
	int i;

	iv_init();
	for (i = 0; i < 2; i++) {
		due_tally[i] = (struct tally) { 0, 0 };
		IV_EVENT_RAW_INIT(&due[i]);
		due[i].handler = fork_and_tally;
		due[i].cookie = &due_tally[i];
		CHECK_INT(iv_event_raw_register(&due[i]), ==, 0);
		iv_event_raw_post(&due[i]);
	}
	quit_after_turns(4);
	iv_main();
	CHECK_INT(due_tally[0].calls + due_tally[1].calls, ==, 2 - in_child);
	for (i = 0; i < 2; i++)
		iv_event_raw_unregister(&due[i]);
	iv_deinit();
	if (in_child)
		_exit(0);
}

TEST(forked_while_another_is_due)
{
	fork_by = fork;
	check_forked_in_a_handler();
}

#if defined(__linux__) && defined(SYS_clone) && !defined(__s390__)
static pid_t clone_process(void)
{
	return (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

TEST(cloned_while_another_is_due)
{
	need_kernel("wipes no page in a child");
	fork_by = clone_process;
	check_forked_in_a_handler();
}
#endif

/* ---- Descriptors ---------------------------------------------------------- */

static void check_flags(int fd)
{
	CHECK(CHECK_SYS(fcntl(fd, F_GETFD)) & FD_CLOEXEC);
	CHECK(CHECK_SYS(fcntl(fd, F_GETFL)) & O_NONBLOCK);
}

static void check_descriptors(unsigned number)
{
	struct iv_event_raw *ev;
	struct tally t = { 0, 1 };
	int before;

	iv_init();
	before = open_fds();
	ev = start(tally, &t);
	CHECK_INT(open_fds(), ==, before + (int)number);
	check_flags(ev->event_rfd.fd);
	check_flags(ev->event_wfd);
	iv_event_raw_post(ev);
	iv_main();
	CHECK_INT(t.calls, ==, 1);
	end(ev);
	CHECK_INT(open_fds(), ==, before);
	iv_deinit();
}

/* An eventfd, or both ends of a pipe. */
static unsigned channel_fds(void)
{
	return spy_channel() == SPY_EVENTFD ? 1 : 2;
}

TEST(its_descriptors)
{
	check_descriptors(channel_fds());
}

#ifdef SYS_eventfd2
TEST(a_pipe_where_eventfd_is_enosys)
{
	no_eventfd(ENOSYS);
	check_descriptors(2);
}

TEST(a_pipe_where_eventfd_is_eperm)
{
	no_eventfd(EPERM);
	check_descriptors(2);
}

TEST(a_pipe_where_eventfd_is_einval)
{
	no_eventfd(EINVAL);
	check_descriptors(2);
}
#endif

/* It fails like that, leaving nothing behind; then it works again. */
static void check_shortage(unsigned spare, unsigned enough)
{
	struct iv_event_raw *ev = prepare(never_handler, NULL);
	int before;

	iv_init();
	before = open_fds();
	leave_fds(spare);
	CHECK_ERRNO(iv_event_raw_register(ev), EMFILE);
	CHECK_INT(open_fds(), ==, before);
	iv_main();
	leave_fds(enough);
	CHECK_SYS(iv_event_raw_register(ev));
	restore_fds();
	end(ev);
	iv_deinit();
}

TEST(no_descriptor_left)
{
	check_shortage(0, channel_fds());
}

#ifdef SYS_eventfd2
TEST(too_few_descriptors_left_for_a_pipe)
{
	no_eventfd(ENOSYS);
	check_shortage(1, 2);
}
#endif

#ifdef SYS_epoll_ctl
TEST(the_poll_method_refuses_the_descriptor)
{
	struct iv_event_raw *ev;
	int before;

	iv_init();
	if (strncmp(iv_poll_method_name(), "epoll", 5) != 0)
		SKIP("not epoll");
	ev = prepare(never_handler, NULL);
	before = open_fds();
	deny_syscall(SYS_epoll_ctl, ENOSPC);
	CHECK_ERRNO(iv_event_raw_register(ev), ENOSPC);
	CHECK_INT(open_fds(), ==, before);
	iv_main();
	free(ev);
	iv_deinit();
}
#endif

static void check_read_again(int err)
{
	struct tally t = { 0, 0 };
	struct iv_event_raw *ev;

	iv_init();
	ev = start(tally, &t);
	iv_event_raw_post(ev);
	spy_fail(SPY_READ, 1, 2, err);
	turns(8);
	CHECK_INT(spy_failed(), ==, 2);
	spy_heal();
	CHECK_INT(t.calls, ==, 1);
	end(ev);
	iv_deinit();
}

TEST(reading_is_interrupted)
{
	check_read_again(EINTR);
}

TEST(there_is_nothing_to_read)
{
	check_read_again(EAGAIN);
}

TEST(posting_is_interrupted)
{
	struct tally t = { 0, 1 };
	struct iv_event_raw *ev;

	iv_init();
	ev = start(tally, &t);
	spy_fail(SPY_WRITE, 1, 3, EINTR);
	iv_event_raw_post(ev);
	CHECK_INT(spy_failed(), ==, 3);
	spy_heal();
	iv_main();
	CHECK_INT(t.calls, ==, 1);
	end(ev);
	iv_deinit();
}

/* ---- Foreign code ---------------------------------------------------------- */

static void stop_counting(void *n)
{
	++*(int *)n;
	iv_quit();
}

TEST(foreign_code_writes_to_the_descriptor)
{
	const uint64_t one = 1;
	struct iv_event_raw *ev;
	int n = 0;

	iv_init();
	ev = start(stop_counting, &n);
	CHECK_INT(write(iv_event_raw_fd(ev), &one, sizeof(one)), ==, 8);
	CHECK_INT(write(iv_event_raw_fd(ev), &one, sizeof(one)), ==, 8);
	iv_main();
	CHECK_INT(n, ==, 1);
	CHECK_INT(write(iv_event_raw_fd(ev), &one, sizeof(one)), ==, 8);
	iv_main();
	CHECK_INT(n, ==, 2);
	iv_event_raw_unregister(ev);
	CHECK_INT(iv_event_raw_fd(ev), ==, -1);
	free(ev);
	iv_deinit();
}

FATAL_TEST(fd_null, "iv_event_raw_fd: the struct iv_event_raw pointer is NULL")
{
	iv_event_raw_fd(NULL);
}

/* ---- Misuse --------------------------------------------------------------- */

FATAL_TEST(register_without_a_loop, "iv_event_raw_register: ")
{
	iv_event_raw_register(prepare(never_handler, NULL));
}

FATAL_TEST(register_null, "iv_event_raw_register: ")
{
	iv_init();
	iv_event_raw_register(NULL);
}

FATAL_TEST(register_without_a_handler, "iv_event_raw_register: ")
{
	iv_init();
	iv_event_raw_register(prepare(NULL, NULL));
}

FATAL_TEST(register_twice, " is already registered")
{
	struct iv_event_raw *ev;

	iv_init();
	ev = start(never_handler, NULL);
	IV_EVENT_RAW_INIT(ev);
	iv_event_raw_register(ev);
}

/* For programs in which IV_EVENT_RAW_INIT() does nothing. */
TEST(one_that_a_loop_has_left_may_be_registered)
{
	struct iv_event_raw *ev;
	int rfd, wfd;

	iv_init();
	ev = start(never_handler, NULL);
	rfd = ev->event_rfd.fd;
	wfd = ev->event_wfd;
	iv_deinit();
	CHECK_SYS(close(rfd));
	if (wfd != rfd)
		CHECK_SYS(close(wfd));
	iv_init();
	CHECK_SYS(iv_event_raw_register(ev));
	end(ev);
	iv_deinit();
}

FATAL_TEST(unregister_null, "iv_event_raw_unregister: ")
{
	iv_init();
	iv_event_raw_unregister(NULL);
}

FATAL_TEST(unregister_twice, "iv_event_raw_unregister: ")
{
	struct iv_event_raw *ev;

	iv_init();
	ev = start(never_handler, NULL);
	iv_event_raw_unregister(ev);
	iv_event_raw_unregister(ev);
}

FATAL_TEST(unregister_without_a_loop, "iv_event_raw_unregister: ")
{
	struct iv_event_raw *ev;

	iv_init();
	ev = start(never_handler, NULL);
	iv_deinit();
	iv_event_raw_unregister(ev);
}

FATAL_TEST(post_null, "iv_event_raw_post: ")
{
	iv_event_raw_post(NULL);
}

FATAL_TEST(reading_fails, "iv_event_raw: fd ")
{
	iv_init();
	iv_event_raw_post(start(never_handler, NULL));
	spy_fail(SPY_READ, 1, 1, EIO);
	turns(4);
}
