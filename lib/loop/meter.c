/* SPDX-License-Identifier: MIT */
/*
 * meter.c - the time of handlers and sleeps, and turns without progress.
 *
 * Times: the clock is read around each wait and after each handler, so that
 * what one handler takes is what has passed since the one before, and what the
 * loop itself does in between.  A nested loop's readings do not matter to the
 * handler that runs it.
 *
 * Progress: a turn in which one descriptor alone was ready, the same as in the
 * turn before, and nothing else was called may be one of a handler that leaves
 * it ready.  It may as well be one of a peer that answers each time, and to tell
 * one from the other it takes to know whether the wait has slept.  So after some
 * such turns the loop does not sleep any more (`sure') as long as the
 * descriptor alone is ready at once.  That costs nothing if there is no
 * progress; if there is, one wait finds nothing, which is then asked half as
 * often, but often enough to be asked at all in a program that has timers.
 */
#include "loop/loop.h"

/* Turns alike until it is asked, at first and at most. */
#define DOUBT		64
#define DOUBT_MAX	1024

/* Turns until a debug build says so. */
#define NOTE		20000

void ivi_meter_init(struct ivi_loop *loop)
{
	loop->meter.doubt = DOUBT;
}

/* ---- Times -------------------------------------------------------------------- */

int64_t ivi_meter_lap(struct ivi_meter *m)
{
	int64_t before = m->mark;

	m->mark = ivi_clock_ns();
	return m->mark - before;
}

void ivi_meter_time(struct ivi_loop *loop, bool on)
{
	loop->meter.timed = on;
	ivi_meter_begin(&loop->meter);
	ivi_run_regard(loop);
}

void ivi_meter_call(struct ivi_meter *m, void (*handler)(void *), void *cookie)
{
	int64_t start = m->mark, ns;

	handler(cookie);
	ivi_meter_lap(m);
	ns = m->mark - start;
	if (ns > m->longest && handler != ivi_events_run_local) {
		m->longest = ns;
		m->slowest = handler;
	}
}

void ivi_meter_late(struct ivi_meter *m, int64_t at, int64_t now)
{
	int64_t late;

	if (now > m->mark)
		m->mark = now;
	late = ivi_ns_left(m->mark, at);
	if (late > m->late)
		m->late = late;
}

/* ---- Progress ----------------------------------------------------------------- */

/* Changes if anything but the handler of a descriptor was called. */
static uint64_t others(const struct ivi_loop *loop)
{
	return loop->timers.calls + loop->tasks.calls + loop->events.calls;
}

static void be_sure(struct ivi_loop *loop, bool sure)
{
	loop->meter.sure = sure;
	if (sure)
		loop->meter.spun = 0;
	ivi_run_regard(loop);
}

/* The turn is like the one that was looked at last, and that is the one
   before. */
static bool is_alike(const struct ivi_loop *loop)
{
	const struct ivi_meter *m = &loop->meter;

	return loop->run.waits == m->wait + 1 && others(loop) == m->others;
}

static bool is_alone(const struct ivi_loop *loop, const struct ivi_fd *f)
{
	return f->ready_node.next == &loop->poller->ready;
}

static void note(const struct ivi_loop *loop, const struct ivi_fd *f)
{
	const struct iv_fd *fd = ivi_fd_pub(f);
	static bool noted;

	if (loop->meter.unproved < NOTE ||
	    __atomic_exchange_n(&noted, true, __ATOMIC_RELAXED))
		return;
	ivi_note("iv_main: no progress: fd %d was ready in %d turns, in which "
		 "nothing else was [iv_fd %p, handler_in %p, "
		 "handler_out %p, handler_err %p]", fd->fd, NOTE,
		 (const void *)fd, (const void *)(uintptr_t)fd->handler_in,
		 (const void *)(uintptr_t)fd->handler_out,
		 (const void *)(uintptr_t)fd->handler_err);
}

/* There is progress, or there may be. */
static void doubt(struct ivi_loop *loop)
{
	loop->meter.unproved = 0;
	be_sure(loop, false);
}

/* The turns of a host that has slept itself say nothing. */
void ivi_meter_again(struct ivi_loop *loop, const struct ivi_fd *f)
{
	struct ivi_meter *m = &loop->meter;
	bool alike = is_alike(loop) && is_alone(loop, f) &&
		     !(loop->run.flags & IV_RUN_NOWAIT);

	m->streak = alike ? m->streak + 1 : 0;
	m->others = others(loop);
	m->wait = loop->run.waits;
	if (m->sure && alike) {
		m->spun++;
		m->unproved++;
		m->spun_wait = m->wait;
		m->spinner = ivi_fd_pub(f);
		m->spinner_fd = m->spinner->fd;
		ivi_probe3(spin, ivi_fd_pub(f), ivi_fd_pub(f)->fd, m->spun);
		if (IVI_DEBUGGING)
			note(loop, f);
	} else if (m->streak >= m->doubt) {
		be_sure(loop, true);
	}
}

void ivi_meter_expect(struct ivi_loop *loop)
{
	struct ivi_meter *m = &loop->meter;

	if (m->wait != loop->run.waits)
		doubt(loop);
	else if (m->others != others(loop))
		be_sure(loop, false);
}

void ivi_meter_found(struct ivi_loop *loop)
{
	struct ivi_meter *m = &loop->meter;

	if (ivi_poller_found(loop->poller))
		return;
	if (m->doubt < DOUBT_MAX)
		m->doubt *= 2;
	doubt(loop);
}

uint64_t ivi_meter_spinning(const struct ivi_loop *loop)
{
	const struct ivi_meter *m = &loop->meter;

	return loop->run.waits - m->spun_wait <= 1 ? m->spun : 0;
}
