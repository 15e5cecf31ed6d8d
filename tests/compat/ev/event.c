/* SPDX-License-Identifier: MIT */
/*
 * event.c - tests of the interface of libevent 1.
 */
#include <signal.h>
#include "rig.h"

static void say(int fd, short events, void *label)
{
	(void)fd;
	said(label, events);
}

#define LABELLED(text)	((void *)(uintptr_t)(text))

static struct event_base *open_base(void)
{
	struct event_base *base = event_init();

	CHECK(base != NULL);
	CHECK((struct ev_loop *)base == EV_DEFAULT_UC);
	fence_allow(FENCE_SIGNALS, "SIGCHLD is taken for good");
	return base;
}

static void close_base(struct event_base *base)
{
	ev_loop_destroy((struct ev_loop *)base);
}

TEST_ONCE(names)
{
	CHECK_STR(event_get_method(), "libev");
	CHECK_STR(event_base_get_method(NULL), "libev");
	CHECK_STR(event_get_version(), "4.33");
}

TEST_ONCE(bases)
{
	struct event_base *first = open_base(), *second = event_init();
	struct event_base *third = event_base_new();

	CHECK(second != first && third != second && third != first);
	CHECK_INT(event_priority_init(3), ==, 0);
	CHECK_INT(event_base_priority_init(first, 3), ==, 0);
	event_base_free(third);
	event_base_free(second);
	/* The default one stays. */
	event_base_free(first);
	CHECK((struct ev_loop *)first == EV_DEFAULT_UC);
	close_base(first);
}

TEST_ONCE(read_once_and_persistent)
{
	struct event_base *base = open_base();
	struct event ev;
	int p[2];

	make_full_pipe(p);
	event_set(&ev, p[0], EV_READ, say, LABELLED("once"));
	CHECK(event_get_callback(&ev) == say);
	CHECK(event_initialized(&ev));
	CHECK_INT(EVENT_FD(&ev), ==, p[0]);
	CHECK_INT(ev.ev_flags, ==, EVLIST_INIT);
	CHECK_INT(event_add(&ev, NULL), ==, 0);
	CHECK_INT(ev.ev_flags, ==,
		  EVLIST_INIT | EVLIST_INSERTED | EVLIST_ACTIVE);
	CHECK_INT(event_pending(&ev, EV_READ | EV_WRITE, NULL), ==, EV_READ);
	CHECK_INT(event_dispatch(), ==, 1);
	CHECK_HEARD("once(1)");
	CHECK_INT(event_pending(&ev, EV_READ, NULL), ==, 0);
	event_set(&ev, p[0], EV_READ | EV_PERSIST, say, LABELLED("persist"));
	event_add(&ev, NULL);
	CHECK_INT(event_loop(EVLOOP_ONCE), ==, 0);
	CHECK_INT(event_loop(EVLOOP_ONCE), ==, 0);
	CHECK_HEARD("persist(1) persist(1)");
	CHECK_INT(event_del(&ev), ==, 0);
	CHECK_INT(event_del(&ev), ==, 0);
	CHECK_INT(ev.ev_flags, ==, EVLIST_INIT);
	CHECK_INT(event_base_loop(base, EVLOOP_NONBLOCK), ==, 1);
	close_base(base);
	close_pair(p);
}

TEST_ONCE(a_timeout_deletes_all_of_it)
{
	struct event_base *base = open_base();
	struct timeval tv = { 0, 2000 }, when = { 0, 0 };
	struct event ev;
	int p[2];

	make_pipe(p);
	event_set(&ev, p[0], EV_READ | EV_PERSIST, say, LABELLED("e"));
	event_add(&ev, &tv);
	CHECK_INT(event_pending(&ev, EV_READ | EV_TIMEOUT, &when), ==,
		  EV_READ | EV_TIMEOUT);
	CHECK(fabs((double)when.tv_sec - ev_time()) < 3.);
	CHECK_INT(event_base_dispatch(base), ==, 1);
	CHECK_HEARD("e(100)");
	CHECK_INT(event_pending(&ev, EV_READ | EV_TIMEOUT, NULL), ==, 0);
	/* One that is added again without loses it. */
	event_add(&ev, &tv);
	event_add(&ev, NULL);
	CHECK_INT(event_pending(&ev, EV_READ | EV_TIMEOUT, NULL), ==, EV_READ);
	event_del(&ev);
	close_base(base);
	close_pair(p);
}

TEST_ONCE(timers)
{
	struct event_base *base = open_base();
	struct timeval zero = { 0, 0 }, later = { 0, 3000 };
	struct event a, b;

	evtimer_set(&a, say, LABELLED("a"));
	evtimer_set(&b, say, LABELLED("b"));
	evtimer_add(&b, &later);
	evtimer_add(&a, &zero);
	CHECK_INT(evtimer_pending(&a, NULL), ==, EV_TIMEOUT);
	event_dispatch();
	CHECK_HEARD("a(100) b(100)");
	close_base(base);
}

TEST_ONCE(signals)
{
	struct event_base *base = open_base();
	struct event ev;

	signal_set(&ev, SIGUSR1, say, LABELLED("s"));
	signal_add(&ev, NULL);
	CHECK_INT(ev.ev_flags, ==,
		  EVLIST_INIT | EVLIST_SIGNAL | EVLIST_ACTIVE);
	CHECK_INT(signal_pending(&ev, NULL), ==, EV_SIGNAL);
	raise(SIGUSR1);
	event_loop(EVLOOP_ONCE);
	CHECK_HEARD("s(400)");
	raise(SIGUSR1);
	event_loop(EVLOOP_ONCE);
	CHECK_HEARD("s(400)");
	signal_del(&ev);
	CHECK_INT(event_loop(0), ==, 1);
	close_base(base);
}

TEST_ONCE(active)
{
	struct event_base *base = open_base();
	struct event ev;
	int p[2];

	make_pipe(p);
	event_set(&ev, p[0], EV_READ | EV_PERSIST, say, LABELLED("e"));
	event_active(&ev, EV_READ | EV_WRITE, 1);
	event_loop(EVLOOP_NONBLOCK);
	CHECK_HEARD("e(3)");
	event_active(&ev, EV_TIMEOUT, 1);
	event_loop(EVLOOP_NONBLOCK);
	CHECK_HEARD("e(100)");
	CHECK_INT(event_priority_set(&ev, 1), ==, 0);
	close_base(base);
	close_pair(p);
}

TEST_ONCE(another_base)
{
	struct event_base *base = open_base(), *other = event_base_new();
	struct timeval tv = { 0, 1000 };
	struct event ev;

	evtimer_set(&ev, say, LABELLED("e"));
	CHECK_INT(event_base_set(other, &ev), ==, 0);
	evtimer_add(&ev, &tv);
	CHECK_INT(event_dispatch(), ==, 1);
	CHECK_HEARD("");
	CHECK_INT(event_base_dispatch(other), ==, 1);
	CHECK_HEARD("e(100)");
	event_base_free(other);
	close_base(base);
}

TEST_ONCE(once)
{
	struct event_base *base = open_base();
	struct timeval tv = { 0, 1000 };
	int p[2];

	make_full_pipe(p);
	CHECK_INT(event_once(p[0], EV_READ, say, LABELLED("io"), NULL), ==, 0);
	event_dispatch();
	CHECK_HEARD("io(1)");
	event_once(-1, EV_TIMEOUT, say, LABELLED("t"), &tv);
	event_dispatch();
	CHECK_HEARD("t(100)");
	event_base_once(base, p[1], EV_READ, say, LABELLED("both"), &tv);
	event_dispatch();
	CHECK_HEARD("both(100)");
	close_base(base);
	close_pair(p);
}

TEST_ONCE(loopexit)
{
	struct event_base *base = open_base();
	struct timeval tv = { 0, 2000 };
	struct event ev;
	int p[2];

	make_pipe(p);
	event_set(&ev, p[0], EV_READ, say, LABELLED("e"));
	event_add(&ev, NULL);
	CHECK_INT(event_loopexit(&tv), ==, 0);
	CHECK_INT(event_dispatch(), ==, 0);
	CHECK_INT(event_base_loopexit(base, NULL), ==, 0);
	CHECK_INT(event_dispatch(), ==, 0);
	CHECK_HEARD("");
	event_del(&ev);
	close_base(base);
	close_pair(p);
}

TEST_ONCE(added_twice)
{
	struct event_base *base = open_base();
	struct event io, sig;
	int p[2];

	make_full_pipe(p);
	event_set(&io, p[0], EV_READ, say, LABELLED("io"));
	event_add(&io, NULL);
	event_add(&io, NULL);
	signal_set(&sig, SIGUSR1, say, LABELLED("s"));
	signal_add(&sig, NULL);
	signal_add(&sig, NULL);
	event_loop(EVLOOP_NONBLOCK);
	CHECK_HEARD("io(1)");
	raise(SIGUSR1);
	event_loop(EVLOOP_ONCE);
	CHECK_HEARD("s(400)");
	signal_del(&sig);
	CHECK_INT(event_loop(0), ==, 1);
	close_base(base);
	close_pair(p);
}

TEST_ONCE(active_without_being_added)
{
	struct event_base *base = open_base();
	struct event io, sig;
	int p[2];

	make_pipe(p);
	event_set(&io, p[0], EV_READ, say, LABELLED("io"));
	signal_set(&sig, SIGUSR1, say, LABELLED("s"));
	event_active(&io, EV_READ, 1);
	event_active(&sig, EV_SIGNAL, 1);
	CHECK_INT(event_pending(&io, EV_READ, NULL), ==, EV_READ);
	CHECK_INT(event_pending(&sig, EV_SIGNAL, NULL), ==, EV_SIGNAL);
	event_loop(EVLOOP_NONBLOCK);
	CHECK_HEARD("s(400) io(1)");
	CHECK_INT(event_pending(&sig, EV_SIGNAL, NULL), ==, 0);
	close_base(base);
	close_pair(p);
}

#if IS_OURS
/* libev of Debian stops the program. */
TEST_ONCE(a_descriptor_that_was_closed)
{
	struct event_base *base = open_base();
	struct event ev;
	int p[2];

	make_pipe(p);
	event_set(&ev, p[0], EV_READ | EV_PERSIST, say, LABELLED("e"));
	event_add(&ev, NULL);
	close_pair(p);
	event_loop(EVLOOP_NONBLOCK);
	CHECK_HEARD("e(3)");
	CHECK_INT(event_pending(&ev, EV_READ, NULL), ==, 0);
	CHECK_INT(event_loop(0), ==, 1);
	close_base(base);
}
#endif

/* A watcher that is broken is no longer added. */
TEST_ONCE(an_error_of_a_signal)
{
	struct event_base *base = open_base();
	struct event sig;

	signal_set(&sig, SIGUSR1, say, LABELLED("s"));
	signal_add(&sig, NULL);
	ev_feed_event((struct ev_loop *)base, &sig.iosig.sig,
		      EV_ERROR | EV_SIGNAL);
	event_loop(EVLOOP_NONBLOCK);
	CHECK_HEARD("s(400)");
	CHECK_INT(event_pending(&sig, EV_SIGNAL, NULL), ==, 0);
	close_base(base);
}
