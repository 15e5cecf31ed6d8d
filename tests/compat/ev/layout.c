/* SPDX-License-Identifier: MIT */
/*
 * layout.c - constants, sizes and offsets: what is compiled into programs.
 */
#include <stddef.h>
#include "rig.h"

#define LP64	(sizeof(void *) == 8)

#define SIZE(type, size)	CHECK_INT(sizeof(type), ==, size)
#define AT(type, member, at)	CHECK_INT(offsetof(type, member), ==, at)
#define MEMBER(type, member, at, size)					\
	do {								\
		AT(type, member, at);					\
		CHECK_INT(sizeof(((type *)0)->member), ==, size);	\
	} while (0)

#define HEAD(type)							\
	do {								\
		MEMBER(type, active, 0, 4);				\
		MEMBER(type, pending, 4, 4);				\
		MEMBER(type, priority, 8, 4);				\
		MEMBER(type, data, 16, 8);				\
		MEMBER(type, cb, 24, 8);				\
	} while (0)

TEST_ONCE(heads)
{
	if (!LP64)
		SKIP("not LP64");
	HEAD(ev_watcher);
	HEAD(ev_watcher_list);
	HEAD(ev_watcher_time);
	HEAD(ev_io);
	HEAD(ev_timer);
	HEAD(ev_periodic);
	HEAD(ev_signal);
	HEAD(ev_child);
	HEAD(ev_stat);
	HEAD(ev_idle);
	HEAD(ev_prepare);
	HEAD(ev_check);
	HEAD(ev_embed);
	HEAD(ev_fork);
	HEAD(ev_cleanup);
	HEAD(ev_async);
}

TEST_ONCE(watchers)
{
	if (!LP64 || sizeof(struct stat) != 144)
		SKIP("another kind of machine");
	SIZE(ev_watcher, 32);
	SIZE(ev_idle, 32);
	SIZE(ev_prepare, 32);
	SIZE(ev_check, 32);
	SIZE(ev_fork, 32);
	SIZE(ev_cleanup, 32);
	SIZE(ev_watcher_list, 40);
	MEMBER(ev_watcher_list, next, 32, 8);
	SIZE(ev_watcher_time, 40);
	MEMBER(ev_watcher_time, at, 32, 8);
	SIZE(ev_io, 48);
	MEMBER(ev_io, fd, 40, 4);
	MEMBER(ev_io, events, 44, 4);
	SIZE(ev_timer, 48);
	MEMBER(ev_timer, repeat, 40, 8);
	SIZE(ev_periodic, 64);
	MEMBER(ev_periodic, offset, 40, 8);
	MEMBER(ev_periodic, interval, 48, 8);
	MEMBER(ev_periodic, reschedule_cb, 56, 8);
	SIZE(ev_signal, 48);
	MEMBER(ev_signal, signum, 40, 4);
	SIZE(ev_child, 56);
	MEMBER(ev_child, flags, 40, 4);
	MEMBER(ev_child, pid, 44, 4);
	MEMBER(ev_child, rpid, 48, 4);
	MEMBER(ev_child, rstatus, 52, 4);
	SIZE(ev_async, 40);
	MEMBER(ev_async, sent, 32, 4);
	SIZE(union ev_any_watcher, 400);
}

TEST_ONCE(big_watchers)
{
	if (!LP64 || sizeof(struct stat) != 144)
		SKIP("another kind of machine");
	SIZE(ev_stat, 400);
	MEMBER(ev_stat, timer, 40, 48);
	MEMBER(ev_stat, interval, 88, 8);
	MEMBER(ev_stat, path, 96, 8);
	MEMBER(ev_stat, prev, 104, 144);
	MEMBER(ev_stat, attr, 248, 144);
	MEMBER(ev_stat, wd, 392, 4);
	SIZE(ev_embed, 360);
	MEMBER(ev_embed, other, 32, 8);
	MEMBER(ev_embed, io, 40, 48);
	MEMBER(ev_embed, prepare, 88, 32);
	MEMBER(ev_embed, check, 120, 32);
	MEMBER(ev_embed, timer, 152, 48);
	MEMBER(ev_embed, periodic, 200, 64);
	MEMBER(ev_embed, idle, 264, 32);
	MEMBER(ev_embed, fork, 296, 32);
	MEMBER(ev_embed, cleanup, 328, 32);
	SIZE(struct event, 144);
	MEMBER(struct event, iosig, 0, 48);
	MEMBER(struct event, to, 48, 48);
	MEMBER(struct event, ev_base, 96, 8);
	MEMBER(struct event, ev_callback, 104, 8);
	MEMBER(struct event, ev_arg, 112, 8);
	MEMBER(struct event, ev_fd, 120, 4);
	MEMBER(struct event, ev_pri, 124, 4);
	MEMBER(struct event, ev_res, 128, 4);
	MEMBER(struct event, ev_flags, 132, 4);
	MEMBER(struct event, ev_events, 136, 2);
}

TEST_ONCE(events)
{
	CHECK_INT(EV_UNDEF, ==, -1);
	CHECK_INT(EV_NONE, ==, 0);
	CHECK_INT(EV_READ, ==, 1);
	CHECK_INT(EV_WRITE, ==, 2);
	CHECK_INT(EV__IOFDSET, ==, 0x80);
	CHECK_INT(EV_IO, ==, EV_READ);
	CHECK_INT(EV_TIMER, ==, 0x100);
	CHECK_INT(EV_TIMEOUT, ==, EV_TIMER);
	CHECK_INT(EV_PERIODIC, ==, 0x200);
	CHECK_INT(EV_SIGNAL, ==, 0x400);
	CHECK_INT(EV_CHILD, ==, 0x800);
	CHECK_INT(EV_STAT, ==, 0x1000);
	CHECK_INT(EV_IDLE, ==, 0x2000);
	CHECK_INT(EV_PREPARE, ==, 0x4000);
	CHECK_INT(EV_CHECK, ==, 0x8000);
	CHECK_INT(EV_EMBED, ==, 0x10000);
	CHECK_INT(EV_FORK, ==, 0x20000);
	CHECK_INT(EV_CLEANUP, ==, 0x40000);
	CHECK_INT(EV_ASYNC, ==, 0x80000);
	CHECK_INT(EV_CUSTOM, ==, 0x1000000);
	CHECK_INT((unsigned)EV_ERROR, ==, 0x80000000u);
}

TEST_ONCE(flags)
{
	CHECK_INT(EVFLAG_AUTO, ==, 0);
	CHECK_INT(EVFLAG_NOENV, ==, 0x01000000);
	CHECK_INT(EVFLAG_FORKCHECK, ==, 0x02000000);
	CHECK_INT(EVFLAG_NOINOTIFY, ==, 0x00100000);
	CHECK_INT(EVFLAG_NOSIGFD, ==, 0);
	CHECK_INT(EVFLAG_SIGNALFD, ==, 0x00200000);
	CHECK_INT(EVFLAG_NOSIGMASK, ==, 0x00400000);
	CHECK_INT(EVFLAG_NOTIMERFD, ==, 0x00800000);
	CHECK_INT(EVBACKEND_SELECT, ==, 1);
	CHECK_INT(EVBACKEND_POLL, ==, 2);
	CHECK_INT(EVBACKEND_EPOLL, ==, 4);
	CHECK_INT(EVBACKEND_KQUEUE, ==, 8);
	CHECK_INT(EVBACKEND_DEVPOLL, ==, 0x10);
	CHECK_INT(EVBACKEND_PORT, ==, 0x20);
	CHECK_INT(EVBACKEND_LINUXAIO, ==, 0x40);
	CHECK_INT(EVBACKEND_IOURING, ==, 0x80);
	CHECK_INT(EVBACKEND_ALL, ==, 0xff);
	CHECK_INT(EVBACKEND_MASK, ==, 0xffff);
	CHECK_INT(EVRUN_NOWAIT, ==, 1);
	CHECK_INT(EVRUN_ONCE, ==, 2);
	CHECK_INT(EVLOOP_NONBLOCK, ==, 1);
	CHECK_INT(EVLOOP_ONESHOT, ==, 2);
	CHECK_INT(EVBREAK_CANCEL, ==, 0);
	CHECK_INT(EVBREAK_ONE, ==, 1);
	CHECK_INT(EVBREAK_ALL, ==, 2);
	CHECK_INT(EVUNLOOP_ONE, ==, 1);
	CHECK_INT(EVUNLOOP_ALL, ==, 2);
	CHECK_INT(EV_MINPRI, ==, -2);
	CHECK_INT(EV_MAXPRI, ==, 2);
	CHECK_INT(EV_VERSION_MAJOR, ==, 4);
	CHECK_INT(EV_VERSION_MINOR, ==, 33);
	CHECK_INT(EV_PERSIST, ==, 0x10);
	CHECK_INT(EVLIST_INIT, ==, 0x80);
}

TEST_ONCE(version)
{
	CHECK_INT(ev_version_major(), ==, 4);
	CHECK_INT(ev_version_minor(), ==, 33);
}

/* What the macros write, libraries on either side rely on. */
TEST_ONCE(macros)
{
	ev_io io;
	ev_timer timer;
	ev_child child;
	ev_stat st;
	ev_periodic periodic;
	ev_async async;

	memset(&io, 0xff, sizeof(io));
	ev_io_init(&io, say_io, 7, EV_READ);
	CHECK_INT(io.active, ==, 0);
	CHECK_INT(io.pending, ==, 0);
	CHECK_INT(ev_priority(&io), ==, 0);
	CHECK(ev_cb(&io) == say_io);
	CHECK_INT(io.fd, ==, 7);
	CHECK_INT(io.events, ==, 0x81);
	io.events = EV_WRITE;
	ev_io_modify(&io, EV_READ);
	CHECK_INT(io.events, ==, EV_READ);
	io.events = EV_WRITE | EV__IOFDSET;
	ev_io_modify(&io, EV_READ);
	CHECK_INT(io.events, ==, EV_READ | EV__IOFDSET);
	ev_set_priority(&io, 7);
	CHECK_INT(ev_priority(&io), ==, 7);
	ev_timer_init(&timer, say_timer, 2., 3.);
	CHECK(timer.repeat > 2. && ((ev_watcher_time *)&timer)->at < 3.);
	ev_periodic_init(&periodic, say_periodic, 1., 2., NULL);
	CHECK(periodic.offset < 2. && periodic.interval > 1.);
	CHECK(periodic.reschedule_cb == NULL);
	ev_child_init(&child, say_child, 5, 7);
	CHECK_INT(child.pid, ==, 5);
	CHECK_INT(child.flags, ==, 1);
	ev_stat_init(&st, say_stat, "/", 0.);
	CHECK_INT(st.wd, ==, -2);
	CHECK_STR(st.path, "/");
	ev_async_init(&async, say_async);
	async.sent = 1;
	CHECK_INT(ev_async_pending(&async), ==, 1);
	CHECK(!ev_is_active(&async) && !ev_is_pending(&async));
}
