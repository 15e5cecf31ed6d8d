/* SPDX-License-Identifier: MIT */
/*
 * log.c - judges histories.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "harness/test.h"
#include "history/log.h"

static char complaint[256];

int64_t log_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static void make_room(struct log *l, size_t n)
{
	if (l->n + n <= l->room)
		return;
	l->room = 2 * (l->n + n);
	l->records = realloc(l->records, l->room * sizeof(*l->records));
	CHECK(l->records != NULL);
}

struct record *log_add(struct log *l, enum deed deed, unsigned id)
{
	struct record *r;

	make_room(l, 1);
	r = &l->records[l->n++];
	memset(r, 0, sizeof(*r));
	r->deed = deed;
	r->id = id;
	r->start = r->end = log_now();
	return r;
}

void log_merge(struct log *l, struct log *from)
{
	make_room(l, from->n);
	if (from->n > 0)
		memcpy(l->records + l->n, from->records,
		       from->n * sizeof(*from->records));
	l->n += from->n;
	log_free(from);
}

void log_free(struct log *l)
{
	free(l->records);
	memset(l, 0, sizeof(*l));
}

/* Things apart from channels, by number, then by time. */
static int is_thing(const struct record *r)
{
	return r->deed >= SUBMITTED;
}

static int compare(const void *_a, const void *_b)
{
	const struct record *a = _a, *b = _b;

	if (is_thing(a) != is_thing(b))
		return is_thing(a) - is_thing(b);
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return (int)a->deed - (int)b->deed;
}

__attribute__((format(printf, 1, 2)))
static const char *complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(complaint, sizeof(complaint), fmt, ap);
	va_end(ap);
	return complaint;
}

/* ---- Channels ---------------------------------------------------------- */

static int serves(const struct record *call, const struct record *post)
{
	return call->deed == CALLED && call->start >= post->start &&
	       call->saw[post->poster] >= post->seq;
}

/* From R, a post, to the end of the interval that it is in. */
static const char *check_post(const struct record *r,
			      const struct record *end)
{
	const struct record *p;

	for (p = r + 1; p < end; p++) {
		if (serves(p, r) || p->deed == UNREGISTERED)
			return NULL;
		if (p->deed != CLOSED)
			continue;
		if (p->start < r->end)
			return NULL;
		break;
	}
	return complain("channel %u: post %u of poster %u is lost", r->id,
			r->seq, r->poster);
}

/* LAST: the number of the one before. */
static const char *check_beat(const struct record *r, unsigned last)
{
	if (r->start < r->due)
		return complain("channel %u: beat %u came %lld ns early", r->id,
				r->seq, (long long)(r->due - r->start));
	if (r->seq <= last)
		return complain("channel %u: beat %u after %u", r->id, r->seq,
				last);
	return NULL;
}

static const char *check_channel(const struct record *r,
				 const struct record *end)
{
	int64_t since = INT64_MAX;
	unsigned last = 0;
	const char *what;

	for (; r < end; r++) {
		switch (r->deed) {
		case REGISTERED:
			since = r->end;
			last = 0;
			break;
		case UNREGISTERED:
		case CLOSED:
			since = INT64_MAX;
			break;
		case CALLED:
		case BEAT:
			if (since == INT64_MAX)
				return complain("channel %u: called while not "
						"registered", r->id);
			what = r->deed == BEAT ? check_beat(r, last) : NULL;
			if (what != NULL)
				return what;
			last = r->seq;
			break;
		default:
			what = r->start >= since ? check_post(r, end) : NULL;
			if (what != NULL)
				return what;
		}
	}
	return NULL;
}

/* ---- Things ------------------------------------------------------------ */

static const char *check_thing(const struct record *r,
			       const struct record *end)
{
	static const enum deed order[] = { SUBMITTED, WORKED, COMPLETED };
	static const char *const names[] = {
		"submitted", "worked on", "completed"
	};
	size_t i;

	for (i = 0; i < 3; i++, r++) {
		if (r == end || r->deed != order[i])
			return complain("thing %u: not %s in its turn",
					r == end ? r[-1].id : r->id, names[i]);
		if (i > 0 && r->seq != r[-1].seq)
			return complain("thing %u: %s with other contents",
					r->id, names[i]);
		if (i > 0 && order[i] == COMPLETED && r->start < r[-1].end)
			return complain("thing %u: completed during work",
					r->id);
	}
	return r == end ? NULL :
	       complain("thing %u: more than once", r->id);
}

const char *log_complaint(struct log *l)
{
	struct record *r = l->records, *end = r + l->n, *next;
	const char *what = NULL;

	if (l->n == 0)
		return "the history is empty";
	qsort(r, l->n, sizeof(*r), compare);
	for (; r < end && what == NULL; r = next) {
		for (next = r; next < end && next->id == r->id &&
		     is_thing(next) == is_thing(r); next++)
			;
		what = is_thing(r) ? check_thing(r, next) :
				     check_channel(r, next);
	}
	return what;
}
