/* SPDX-License-Identifier: MIT */
/*
 * selftest_ports.c - do the emulated event ports do what the manual pages of
 * the real ones say?  Nothing of the library is used here.
 */
#include "config.h"
#include <fcntl.h>
#include <poll.h>
#include <port.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include "emu/emu.h"
#include "harness/test.h"

static int port;
static port_event_t ev[8];

/* A cookie. */
static void *ptr(long n)
{
	return (void *)n;
}

static void begin(void)
{
	port = (int)CHECK_SYS(port_create());
}

static void end(void)
{
	CHECK_SYS(close(port));
}

static int associate(int fd, int events, long user)
{
	return port_associate(port, PORT_SOURCE_FD, (uintptr_t)fd, events,
			      ptr(user));
}

static int dissociate(int fd)
{
	return port_dissociate(port, PORT_SOURCE_FD, (uintptr_t)fd);
}

/* What there is now: the number of events in ev. */
static int get(void)
{
	struct timespec zero = { 0, 0 };
	uint_t n = 1;

	CHECK_INT(port_getn(port, ev, 8, &n, &zero), ==, 0);
	return (int)n;
}

/* How many are queued; queues what is due. */
static int queued(void)
{
	uint_t n = 7;

	CHECK_SYS(port_getn(port, ev, 0, &n, NULL));
	return (int)n;
}

/* Exactly one event, of descriptor FD. */
static void check_one(int fd, int events, long user)
{
	CHECK_INT(get(), ==, 1);
	CHECK_INT(ev[0].portev_source, ==, PORT_SOURCE_FD);
	CHECK_INT(ev[0].portev_object, ==, fd);
	CHECK_INT(ev[0].portev_events, ==, events);
	CHECK_PTR(ev[0].portev_user, ==, ptr(user));
	CHECK_INT(get(), ==, 0);
}

static int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

/* ---- The port ------------------------------------------------------------- */

TEST_ONCE(p1_port_is_a_descriptor)
{
	begin();
	CHECK(fd_is_open(port));
	CHECK_INT(fcntl(port, F_GETFD), ==, 0);
	end();
	emu_fail(EMU_PORT_CREATE, EMFILE, 1, 1);
	CHECK_ERRNO(port_create(), EMFILE);
	leave_fds(0);
	CHECK_ERRNO(port_create(), EMFILE);
	restore_fds();
	begin();
	end();
}

TEST_ONCE(p8_errors)
{
	struct timespec bad = { 0, 1000000000 };
	uint_t n = 1;
	int fds[2];

	fence_allow(FENCE_KERNEL, "closed descriptors are named");
	begin();
	make_pipe(fds);
	CHECK_ERRNO(port_associate(-1, PORT_SOURCE_FD, 0, 0, NULL), EBADF);
	CHECK_ERRNO(port_associate(fds[0], PORT_SOURCE_FD, 0, 0, NULL),
		    EBADFD);
	CHECK_ERRNO(port_associate(port, 99, 0, 0, NULL), EINVAL);
	CHECK_ERRNO(associate(999, POLLIN, 0), EBADFD);
	CHECK_ERRNO(dissociate(999), EBADFD);
	CHECK_ERRNO(port_getn(-1, ev, 1, &n, NULL), EBADF);
	CHECK_ERRNO(port_getn(fds[0], ev, 1, &n, NULL), EBADFD);
	CHECK_ERRNO(port_send(fds[0], 0, NULL), EBADFD);
	CHECK_ERRNO(port_getn(port, ev, 1, NULL, NULL), EINVAL);
	CHECK_ERRNO(port_getn(port, ev, 1, &n, &bad), EINVAL);
	CHECK_INT(n, ==, 1);
	n = 3;
	CHECK_ERRNO(port_getn(port, ev, 2, &n, NULL), EINVAL);
	CHECK_INT(n, ==, 3);
	emu_fail(EMU_PORT_ASSOCIATE, EAGAIN, 1, 1);
	CHECK_ERRNO(associate(fds[0], POLLIN, 0), EAGAIN);
	close_pair(fds);
	end();
}

/* ---- Descriptors ------------------------------------------------------------- */

TEST_ONCE(p2_event_at_once_or_later)
{
	int fds[2];

	begin();
	make_pipe(fds);
	CHECK_SYS(associate(fds[0], POLLIN, 5));
	CHECK_INT(get(), ==, 0);
	poke(fds[1]);
	check_one(fds[0], POLLIN, 5);
	CHECK_SYS(associate(fds[0], POLLIN, 6));
	check_one(fds[0], POLLIN, 6);
	CHECK_SYS(associate(fds[0], 0, 7));
	CHECK_INT(get(), ==, 0);
	CHECK_SYS(close(fds[1]));
	check_one(fds[0], POLLHUP, 7);
	CHECK_SYS(close(fds[0]));
	end();
}

TEST_ONCE(p3_one_shot)
{
	int fds[2], i;

	begin();
	make_pipe(fds);
	CHECK_SYS(associate(fds[0], POLLIN, 1));
	for (i = 0; i < 3; i++) {
		poke(fds[1]);
		CHECK_INT(queued(), ==, 1);
	}
	check_one(fds[0], POLLIN, 1);
	poke(fds[1]);
	CHECK_INT(get(), ==, 0);
	close_pair(fds);
	end();
}

TEST_ONCE(p4_associated_again)
{
	int fds[2];

	begin();
	make_socketpair(fds);
	CHECK_SYS(associate(fds[0], POLLIN | POLLOUT, 1));
	CHECK_INT(queued(), ==, 1);
	CHECK_SYS(associate(fds[0], POLLIN, 2));
	CHECK_INT(queued(), ==, 0);
	poke(fds[1]);
	check_one(fds[0], POLLIN, 2);
	close_pair(fds);
	end();
}

TEST_ONCE(p5_events_may_be_stale)
{
	int fds[2];

	begin();
	make_pipe(fds);
	CHECK_SYS(associate(fds[0], POLLIN, 1));
	poke(fds[1]);
	CHECK_INT(queued(), ==, 1);
	drain(fds[0]);
	check_one(fds[0], POLLIN, 1);

	CHECK_SYS(associate(fds[0], POLLIN, 1));
	emu_spurious(fds[0]);
	check_one(fds[0], POLLIN, 1);
	emu_spurious(fds[0]);
	CHECK_INT(get(), ==, 0);
	close_pair(fds);
	end();
}

TEST_ONCE(p6_dissociated)
{
	int fds[2];

	fence_allow(FENCE_KERNEL, "what is not there is removed");
	begin();
	make_pipe(fds);
	CHECK_ERRNO(dissociate(fds[0]), ENOENT);
	CHECK_SYS(associate(fds[0], POLLIN, 1));
	CHECK_SYS(dissociate(fds[0]));
	CHECK_ERRNO(dissociate(fds[0]), ENOENT);
	poke(fds[1]);
	CHECK_INT(get(), ==, 0);
	CHECK_SYS(associate(fds[0], POLLIN, 1));
	CHECK_INT(queued(), ==, 1);
	CHECK_SYS(dissociate(fds[0]));
	CHECK_INT(queued(), ==, 0);
	CHECK_SYS(associate(fds[0], POLLIN, 1));
	CHECK_INT(get(), ==, 1);
	CHECK_ERRNO(dissociate(fds[0]), ENOENT);
	close_pair(fds);
	CHECK_ERRNO(dissociate(fds[0]), EBADFD);
	end();
	CHECK_INT(emu_faults(EMU_FAULT_ABSENT), ==, 3);
	CHECK_INT(emu_faults(EMU_FAULT_CLOSED), ==, 1);
}

TEST_ONCE(p7_closed)
{
	int fds[2], copy;

	begin();
	make_pipe(fds);
	copy = (int)CHECK_SYS(fcntl(fds[0], F_DUPFD_CLOEXEC, 0));
	CHECK_SYS(associate(fds[0], POLLIN, 1));
	poke(fds[1]);
	CHECK_INT(queued(), ==, 1);
	CHECK_SYS(close(fds[0]));
	CHECK_INT(queued(), ==, 0);
	poke(fds[1]);
	CHECK_INT(get(), ==, 0);

	CHECK_SYS(associate(copy, POLLIN, 2));
	CHECK_SYS(dup2(fds[1], copy));
	CHECK_INT(get(), ==, 0);
	CHECK_SYS(close(copy));
	CHECK_SYS(close(fds[1]));
	end();
}

TEST_ONCE(p9_errors_and_hangups_unasked)
{
	int fds[2];

	begin();
	make_pipe(fds);
	CHECK_SYS(associate(fds[1], POLLOUT, 1));
	check_one(fds[1], POLLOUT, 1);
	fill(fds[1]);
	CHECK_SYS(associate(fds[1], POLLIN, 1));
	CHECK_INT(get(), ==, 0);
	CHECK_SYS(close(fds[0]));
	check_one(fds[1], POLLERR, 1);
	CHECK_SYS(close(fds[1]));
	end();
}

TEST_ONCE(p10_first_in_first_out)
{
	int a[2], b[2];

	begin();
	make_pipe(a);
	make_pipe(b);
	CHECK_SYS(associate(a[0], POLLIN, 1));
	CHECK_SYS(associate(b[0], POLLIN, 2));
	poke(b[1]);
	CHECK_INT(queued(), ==, 1);
	CHECK_SYS(port_send(port, 0, ptr(3)));
	poke(a[1]);
	CHECK_INT(get(), ==, 3);
	CHECK_PTR(ev[0].portev_user, ==, ptr(2));
	CHECK_PTR(ev[1].portev_user, ==, ptr(3));
	CHECK_PTR(ev[2].portev_user, ==, ptr(1));
	close_pair(a);
	close_pair(b);
	end();
}

/* ---- port_getn ------------------------------------------------------------------ */

static void send_some(int n)
{
	while (n-- > 0)
		CHECK_SYS(port_send(port, 0, NULL));
}

TEST_ONCE(p11_count_and_maximum)
{
	struct timespec zero = { 0, 0 };
	uint_t n;

	begin();
	send_some(5);
	CHECK_INT(queued(), ==, 5);
	n = 0;
	CHECK_SYS(port_getn(port, ev, 8, &n, NULL));
	CHECK_INT(queued(), ==, 5);
	n = 2;
	CHECK_SYS(port_getn(port, ev, 3, &n, NULL));
	CHECK_INT(n, ==, 3);
	n = 8;
	CHECK_SYS(port_getn(port, ev, 8, &n, &zero));
	CHECK_INT(n, ==, 2);
	n = 1;
	CHECK_SYS(port_getn(port, ev, 8, &n, &zero));
	CHECK_INT(n, ==, 0);
	CHECK_ERRNO(port_get(port, ev, &zero), ETIME);
	send_some(1);
	CHECK_SYS(port_get(port, ev, &zero));
	end();
}

TEST_ONCE(p11_time_elapsed_with_events)
{
	struct timespec ts = { 0, 1000000 };
	uint_t n = 3;
	int64_t start;

	begin();
	send_some(2);
	start = now();
	CHECK_ERRNO(port_getn(port, ev, 8, &n, &ts), ETIME);
	CHECK_INT(n, ==, 2);
	CHECK_INT(now() - start, >=, 1000000);
	n = 1;
	CHECK_ERRNO(port_getn(port, ev, 8, &n, &ts), ETIME);
	CHECK_INT(n, ==, 0);

	send_some(1);
	n = 1;
	emu_fail(EMU_WAIT, ETIME, 1, 1);
	CHECK_ERRNO(port_getn(port, ev, 8, &n, NULL), ETIME);
	CHECK_INT(n, ==, 1);
	end();
}

TEST_ONCE(p11_a_tick_at_least)
{
	struct timespec ts = { 0, 1 };
	uint_t n = 1;
	int64_t start;

	setenv("EMU_PERSONALITY", "tick", 1);
	begin();
	start = now();
	CHECK_ERRNO(port_getn(port, ev, 8, &n, &ts), ETIME);
	CHECK_INT(now() - start, >=, 10000000);
	end();
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* Whether the handler restarts calls or not. */
static void check_interrupted(int restart)
{
	struct itimerval it = { { 0, 0 }, { 0, 20000 } };
	struct sigaction sa = { .sa_handler = on_alarm };
	uint_t n = 5;

	sa.sa_flags = restart ? SA_RESTART : 0;
	CHECK_SYS(sigaction(SIGALRM, &sa, NULL));
	begin();
	send_some(2);
	CHECK_SYS(setitimer(ITIMER_REAL, &it, NULL));
	CHECK_ERRNO(port_getn(port, ev, 8, &n, NULL), EINTR);
	CHECK_INT(n, ==, 5);
	CHECK_INT(queued(), ==, 2);
	end();
	signal(SIGALRM, SIG_DFL);
}

TEST_ONCE(p11_interrupted)
{
	check_interrupted(0);
	check_interrupted(1);
}

/* ---- port_send --------------------------------------------------------------------- */

TEST_ONCE(p12_sent)
{
	begin();
	CHECK_SYS(port_send(port, 4, ptr(1)));
	CHECK_SYS(port_send(port, 5, ptr(1)));
	CHECK_INT(get(), ==, 2);
	CHECK_INT(ev[0].portev_source, ==, PORT_SOURCE_USER);
	CHECK_INT(ev[0].portev_object, ==, 0);
	CHECK_INT(ev[0].portev_events, ==, 4);
	CHECK_INT(ev[1].portev_events, ==, 5);
	emu_limit(EMU_LIMIT_PORT_EVENTS, 2);
	send_some(2);
	CHECK_ERRNO(port_send(port, 0, NULL), EAGAIN);
	CHECK_INT(get(), ==, 2);
	send_some(1);
	end();
}

static void *send_one(void *unused)
{
	CHECK_SYS(port_send(port, 0, NULL));
	return unused;
}

TEST_ONCE(p12_wakes_a_waiter)
{
	pthread_t tid;
	uint_t n = 1;

	begin();
	CHECK_INT(pthread_create(&tid, NULL, send_one, NULL), ==, 0);
	CHECK_SYS(port_getn(port, ev, 8, &n, NULL));
	CHECK_INT(n, ==, 1);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	end();
}

static int ready_fd;

static void *associate_one(void *unused)
{
	CHECK_SYS(associate(ready_fd, POLLIN, 9));
	return unused;
}

TEST_ONCE(c2_a_change_wakes_a_waiter)
{
	pthread_t tid;
	uint_t n = 1;
	int fds[2];

	begin();
	make_pipe(fds);
	poke(fds[1]);
	ready_fd = fds[0];
	CHECK_INT(pthread_create(&tid, NULL, associate_one, NULL), ==, 0);
	CHECK_SYS(port_getn(port, ev, 8, &n, NULL));
	CHECK_PTR(ev[0].portev_user, ==, ptr(9));
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	close_pair(fds);
	end();
}

/* ---- Timers --------------------------------------------------------------------------- */

static timer_t make_timer(long user)
{
	port_notify_t notify = { port, ptr(user) };
	struct sigevent se = { .sigev_notify = SIGEV_PORT };
	timer_t t;

	se.sigev_value.sival_ptr = &notify;
	CHECK_SYS(timer_create(CLOCK_MONOTONIC, &se, &t));
	notify.portnfy_port = -1;
	return t;
}

static void set_timer(timer_t t, int flags, int64_t ns)
{
	struct itimerspec its = { { 0, 0 }, { 0, 0 } };

	its.it_value.tv_sec = (time_t)(ns / 1000000000);
	its.it_value.tv_nsec = (long)(ns % 1000000000);
	CHECK_SYS(timer_settime(t, flags, &its, NULL));
}

static void check_timer(timer_t t, long user)
{
	uint_t n = 1;

	CHECK_SYS(port_getn(port, ev, 8, &n, NULL));
	CHECK_INT(n, ==, 1);
	CHECK_INT(ev[0].portev_source, ==, PORT_SOURCE_TIMER);
	CHECK_INT(ev[0].portev_object, ==, (uintptr_t)t);
	CHECK_INT(ev[0].portev_events, ==, 1);
	CHECK_PTR(ev[0].portev_user, ==, ptr(user));
	CHECK_INT(get(), ==, 0);
}

TEST_ONCE(p13_timer)
{
	int64_t start;
	timer_t t;

	begin();
	t = make_timer(3);
	CHECK_INT(get(), ==, 0);
	set_timer(t, TIMER_ABSTIME, 1);
	check_timer(t, 3);
	start = now();
	set_timer(t, 0, 2000000);
	check_timer(t, 3);
	CHECK_INT(now() - start, >=, 2000000);
	set_timer(t, TIMER_ABSTIME, now() + 2000000);
	check_timer(t, 3);
	set_timer(t, 0, INT64_C(3600000000000));
	set_timer(t, 0, 0);
	CHECK_INT(get(), ==, 0);
	CHECK_SYS(timer_delete(t));
	end();
}

TEST_ONCE(p13_expired_stays_when_stopped)
{
	timer_t t;

	begin();
	t = make_timer(3);
	set_timer(t, TIMER_ABSTIME, 1);
	CHECK_INT(queued(), ==, 1);
	set_timer(t, 0, 0);
	check_timer(t, 3);
	set_timer(t, TIMER_ABSTIME, 1);
	CHECK_INT(queued(), ==, 1);
	CHECK_SYS(timer_delete(t));
	CHECK_INT(queued(), ==, 0);
	end();
}

TEST_ONCE(p13_expirations_are_counted)
{
	struct itimerspec its = { { 0, 1000000 }, { 0, 1 } };
	struct timespec ts = { 0, 20000000 };
	timer_t t;

	begin();
	t = make_timer(0);
	CHECK_SYS(timer_settime(t, 0, &its, NULL));
	CHECK_SYS(nanosleep(&ts, NULL));
	CHECK_INT(get(), ==, 1);
	CHECK_INT(ev[0].portev_events, >=, 20);
	CHECK_SYS(timer_delete(t));
	end();
}

TEST_ONCE(p13_needs_a_privilege)
{
	port_notify_t notify = { 0, NULL };
	struct sigevent se = { .sigev_notify = SIGEV_PORT };
	timer_t t;

	begin();
	notify.portnfy_port = port;
	se.sigev_value.sival_ptr = &notify;
	emu_fail(EMU_TIMER_CREATE, EPERM, 1, 1);
	CHECK_ERRNO(timer_create(CLOCK_MONOTONIC, &se, &t), EPERM);
	end();
}

TEST_ONCE(other_timers_are_the_systems)
{
	struct sigevent se = { .sigev_notify = SIGEV_NONE };
	struct itimerspec its = { { 0, 0 }, { 5, 0 } };
	timer_t t;

	CHECK_SYS(timer_create(CLOCK_MONOTONIC, &se, &t));
	CHECK_SYS(timer_settime(t, 0, &its, NULL));
	CHECK_SYS(timer_gettime(t, &its));
	CHECK_INT(its.it_value.tv_sec, >=, 1);
	CHECK_SYS(timer_delete(t));
}

/* ---- The end ------------------------------------------------------------------------------ */

TEST_ONCE(p14_closed_with_all_that_is_in_it)
{
	timer_t t;
	int fds[2];

	fence_allow(FENCE_KERNEL, "things are left in the port");
	begin();
	make_pipe(fds);
	t = make_timer(0);
	set_timer(t, TIMER_ABSTIME, 1);
	CHECK_SYS(associate(fds[1], POLLOUT, 1));
	send_some(3);
	CHECK_INT(queued(), ==, 5);
	end();
	CHECK_INT(emu_faults(EMU_FAULT_LEFT), ==, 1);
	CHECK_INT(emu_faults(EMU_FAULT_TIMER), ==, 1);
	begin();
	CHECK_INT(get(), ==, 0);
	end();
	CHECK_SYS(timer_delete(t));
	close_pair(fds);
}

static timer_t inherited;

static void in_child(void *unused)
{
	(void)unused;
	CHECK_ERRNO(port_send(port, 0, NULL), EBADFD);
	CHECK_INT(emu_faults(EMU_FAULT_INHERITED), ==, 1);
	CHECK_ERRNO(timer_delete(inherited), EINVAL);
	CHECK_INT(emu_faults(EMU_FAULT_INHERITED), ==, 2);
	CHECK_SYS(close(port));
	begin();
	send_some(1);
	CHECK_INT(get(), ==, 1);
	end();
}

TEST_ONCE(forked_child_leaves_the_parents_alone)
{
	int fds[2];

	begin();
	make_pipe(fds);
	CHECK_SYS(associate(fds[0], POLLIN, 1));
	inherited = make_timer(0);
	reap_child(fork_child(in_child, NULL));
	CHECK_SYS(timer_delete(inherited));
	poke(fds[1]);
	check_one(fds[0], POLLIN, 1);
	close_pair(fds);
	end();
}
