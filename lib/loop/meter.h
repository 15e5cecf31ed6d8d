/* SPDX-License-Identifier: MIT */
/*
 * meter.h - what is measured: the time of handlers and sleeps, if somebody
 * asks for it, and turns without progress.
 */
#ifndef IVI_LOOP_METER_H
#define IVI_LOOP_METER_H

#include <stdbool.h>
#include <stdint.h>
#include "base/compiler.h"
#include "base/timespec.h"
#include "sys/probe.h"

struct iv_fd;
struct ivi_fd;
struct ivi_loop;

struct ivi_meter {
	bool	timed;		/* iv_metrics_time() */
	bool	sure;		/* waits do not sleep for now: see meter.c */
	int64_t	mark;		/* the latest reading of the clock, if timed */
	int64_t	slept, late, longest;	/* sum, and two maxima */
	void	(*slowest)(void *cookie);	/* the handler of `longest' */

	uint64_t	streak;		/* turns alike, up to the last */
	uint64_t	doubt;		/* how many of them arouse suspicion */
	uint64_t	others;		/* calls of others up to the last */
	uint64_t	wait;		/* its number */
	uint64_t	spun;		/* turns for sure without a sleep */
	uint64_t	spun_wait;	/* number of the last of them */
	uint64_t	unproved;	/* as `spun', but for turns in which
				   timers or the like were called, too */
	const struct iv_fd	*spinner;	/* in the last; it may be gone */
	int	spinner_fd;
};

void ivi_meter_init(struct ivi_loop *loop);

/* From now on times are taken, or not. */
void ivi_meter_time(struct ivi_loop *loop, bool on);

/* Reads the clock: the time since it was read last. */
int64_t ivi_meter_lap(struct ivi_meter *m);

/* The loop begins to run, or to wait. */
static inline void ivi_meter_begin(struct ivi_meter *m)
{
	if (ivi_unlikely(m->timed))
		ivi_meter_lap(m);
}

/* Calls HANDLER and takes the time from the latest reading. */
void ivi_meter_call(struct ivi_meter *m, void (*handler)(void *), void *cookie);

/* What was due AT is called, NOW or later. */
void ivi_meter_late(struct ivi_meter *m, int64_t at, int64_t now);

/* A wait has ended, which might have slept if it was to BLOCK. */
static inline void ivi_meter_wake(struct ivi_meter *m, bool block)
{
	int64_t ns = ivi_unlikely(m->timed) ? ivi_meter_lap(m) : 0;

	if (block)
		m->slept += ns;
}

/* F, which was the first one ready when a descriptor last was, is so again. */
void ivi_meter_again(struct ivi_loop *loop, const struct ivi_fd *f);

/* Before and after a wait while it is `sure': may the next one sleep? */
void ivi_meter_expect(struct ivi_loop *loop);
void ivi_meter_found(struct ivi_loop *loop);

/* Turns in a row without progress, until now or the turn before. */
uint64_t ivi_meter_spinning(const struct ivi_loop *loop);

/* A handler of what is registered: OBJECT, of that KIND. */
static inline void ivi_handler_call(struct ivi_meter *m, enum ivi_probe kind,
				    const void *object, int64_t detail,
				    void (*handler)(void *), void *cookie)
{
	ivi_probe4(handler__begin, kind, object, handler, detail);
	if (ivi_unlikely(m->timed))
		ivi_meter_call(m, handler, cookie);
	else
		handler(cookie);
	ivi_probe2(handler__end, kind, object);
}

static inline void ivi_meter_due(struct ivi_meter *m, int64_t at, int64_t now)
{
	if (ivi_unlikely(m->timed))
		ivi_meter_late(m, at, now);
}

#endif
