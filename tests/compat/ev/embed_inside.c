/* SPDX-License-Identifier: MIT */
/*
 * embed_inside.c - ev_embed while calls of the kernel fail.
 */
#include "rig.h"
#include "harness/spy.h"

static int told;

static void tell(const char *what)
{
	(void)what;
	told++;
	spy_heal();
}

static struct ev_loop *outer, *inner;

static void open_both(void)
{
	if (strncmp(test_method(), "epoll", 5) != 0)
		SKIP("not epoll");
	outer = make_loop();
	inner = make_loop();
}

static void destroy_both(void)
{
	ev_loop_destroy(inner);
	ev_loop_destroy(outer);
}

/* Which the program can do nothing about: it has not started that watcher. */
TEST(its_descriptor_is_refused_for_a_while)
{
	ev_embed embed;
	int p[2];
	ev_io io;

	open_both();
	make_full_pipe(p);
	IO(inner, &io, "io", p[0], EV_READ);
	ev_run(inner, EVRUN_NOWAIT);
	ev_embed_init(&embed, NULL, inner);
	ev_embed_start(outer, &embed);
	spy_fail(SPY_EPOLL_CTL, 1, 3, ENOSPC);
	iterate(outer, 10, EVRUN_NOWAIT);
	CHECK_INT(spy_failed(), ==, 3);
	heard();
	ev_run(outer, EVRUN_NOWAIT);
	CHECK_HEARD("io(1)");
	ev_embed_stop(outer, &embed);
	CHECK_INT(ev_run(outer, 0), ==, 0);
	destroy_both();
	close_pair(p);
}

TEST(there_is_no_descriptor_for_it)
{
	ev_embed embed;

	open_both();
	ev_set_syserr_cb(tell);
	ev_embed_init(&embed, NULL, inner);
	spy_fail(SPY_EPOLL_CREATE, 1, ~0U, EMFILE);
	ev_embed_start(outer, &embed);
	CHECK_INT(told, ==, 1);
	CHECK(ev_is_active(&embed));
	ev_embed_stop(outer, &embed);
	destroy_both();
}
