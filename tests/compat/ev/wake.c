/* SPDX-License-Identifier: MIT */
/*
 * wake.c - calls that were half done when the process forked.
 *
 * On our library alone: it looks at the flags of a loop.
 */
#include <poll.h>
#include <signal.h>
#include "rig.h"
#include "compat/ev/engine.h"

static struct ev_loop *inherited;
static ev_async async;
static ev_signal sig;

/* The last thing that is done before a wait. */
static void send_late(struct ev_loop *loop)
{
	ev_async_send(loop, &async);
}

static void raise_late(struct ev_loop *loop)
{
	(void)loop;
	CHECK_SYS(raise(SIGUSR1));
}

static void nothing(struct ev_loop *loop)
{
	(void)loop;
}

static void begin(void)
{
	inherited = make_loop();
	PLAIN(async, inherited, &async, "a");
	ev_signal_init(&sig, say_signal, SIGUSR1);
	LABEL(&sig, "s");
	ev_signal_start(inherited, &sig);
	ev_run(inherited, EVRUN_NOWAIT);
}

static void end(void)
{
	ev_signal_stop(inherited, &sig);
	ev_loop_destroy(inherited);
}

/* What comes late may be for the next wait. */
static void wait_in_child(void *_late)
{
	void (**late)(struct ev_loop *) = _late;

	ev_loop_fork(inherited);
	ev_set_loop_release_cb(inherited, *late, nothing);
	ev_run(inherited, EVRUN_ONCE);
	ev_set_loop_release_cb(inherited, NULL, NULL);
	ev_run(inherited, EVRUN_NOWAIT);
}

static void send_in_child(void *unused)
{
	void (*late)(struct ev_loop *) = send_late;

	(void)unused;
	wait_in_child(&late);
	CHECK_HEARD("a(80000)");
}

static void raise_in_child(void *unused)
{
	void (*late)(struct ev_loop *) = raise_late;

	(void)unused;
	wait_in_child(&late);
	CHECK_HEARD("s(400)");
}

/* By another thread, that has set the flag and not told the loop. */
TEST(a_child_after_half_a_call_for_an_async)
{
	begin();
	inherited->asyncs_sent = 1;
	reap_child(fork_child(send_in_child, NULL));
	end();
}

TEST(a_child_after_half_a_call_for_a_signal)
{
	begin();
	inherited->signals_sent = 1;
	reap_child(fork_child(raise_in_child, NULL));
	end();
}

static int inherited_pipe[2];

/* What it closes has the number that its own wake-up gets. */
static void post_in_child(void *_io)
{
	ev_io_stop(inherited, _io);
	close_pair(inherited_pipe);
	ev_loop_fork(inherited);
	ev_run(inherited, EVRUN_NOWAIT);
	iv_event_raw_post(&inherited->raw);
}

TEST(a_child_that_closes_has_a_wake_up_of_its_own)
{
	struct pollfd parents = { .events = POLLIN };
	ev_io io;

	make_full_pipe(inherited_pipe);
	begin();
	IO(inherited, &io, "io", inherited_pipe[0], EV_READ);
	ev_run(inherited, EVRUN_NOWAIT);
	CHECK_HEARD("io(1)");
	reap_child(fork_child(post_in_child, &io));
	parents.fd = iv_event_raw_fd(&inherited->raw);
	CHECK_INT(poll(&parents, 1, 0), ==, 0);
	end();
	close_pair(inherited_pipe);
}
