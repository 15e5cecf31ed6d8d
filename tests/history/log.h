/* SPDX-License-Identifier: MIT */
/*
 * log.h - records of what threads did and handlers saw, and what to make of
 * them afterwards.
 *
 * Times are those of the monotonic clock, which orders threads without
 * synchronising them: a shared counter would, and hide the faults looked for.
 */
#ifndef IV_HISTORY_LOG_H
#define IV_HISTORY_LOG_H

#include <stddef.h>
#include <stdint.h>

#define POSTERS	3

enum deed {
	REGISTERED,	/* a channel: to be called from here on */
	UNREGISTERED,	/* and here no more; posts may have been dropped */
	CLOSED,		/* the same; all posts should have been served */
	POSTED,
	CALLED,
	BEAT,		/* of a channel that is a tick or an alarm */
	SUBMITTED,	/* a thing that happens once: an item, a child, a client */
	WORKED,
	COMPLETED
};

struct record {
	enum deed	deed;
	unsigned	id;		/* of the channel, or the thing */
	unsigned	poster;		/* POSTED: who */
	unsigned	seq;		/* POSTED: its number, from 1 on;
					   BEAT: the same, those missed counted;
					   of things: what it carries */
	int64_t		due;		/* BEAT: not to come before */
	int64_t		start, end;
	unsigned	saw[POSTERS];	/* CALLED: the last number of each */
};

struct log {
	struct record	*records;
	size_t		n, room;
};

int64_t log_now(void);

/* A new record of L, with its start set to now.  It may move with the next. */
struct record *log_add(struct log *l, enum deed deed, unsigned id);

/* Appends FROM to L and frees it. */
void log_merge(struct log *l, struct log *from);

void log_free(struct log *l);

/*
 * NULL if all is as promised, else what is wrong:
 * a call outside of registration; a post into an interval of registration
 * that is not followed by a call that knows of it, before the interval is
 * CLOSED; a beat that comes too early, or not after the one before; a thing
 * that was not worked on once and completed once, in that
 * order, with what it carries unchanged.  Sorts L.
 */
const char *log_complaint(struct log *l);

#endif
