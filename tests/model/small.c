/* SPDX-License-Identifier: MIT */
/*
 * small.c - all programs that are small, rather than some that are large.
 *
 *	sequences	of so many commands, of a few on two or three objects,
 *			each by a handler if one is called in time
 *	orders		six objects are ready, in each of their orders, and one
 *			of their handlers, each in turn, unregisters, registers
 *			again or frees one of the six
 *
 * Each can be run with each single fault that the ground knows: the first
 * record says which.
 */
#include <string.h>
#include "model/main.h"
#include "model/model.h"

#define FOR(i, n)	for (unsigned i = 0; i < (n); i++)

enum {
	CHECK, RUN, QUIT, OPEN_REGISTERED, UNREGISTER, REREGISTER, FREE_FD,
	TOGGLE_IN, TOGGLE_OUT, PEER_WRITE, PEER_CLOSE, DRAIN, CLOSE_UNREGISTER,
	TIMER_PAST, TIMER_SOON, TIMER_EQUAL, TIMER_UNREGISTER, TIMER_FREE,
	ADVANCE, ADVANCE_INVALIDATE, TASK_REGISTER, TASK_UNREGISTER, TASK_INIT,
	TASK_FREE, EVENT_REGISTER, EVENT_UNREGISTER, EVENT_FREE, EVENT_POST,
	RAW_REGISTER, RAW_UNREGISTER, RAW_FREE, RAW_POST, NAMES
};

static const char *const names[NAMES] = {
	"check", "run", "quit", "open_registered", "unregister", "reregister",
	"free_fd", "toggle_in", "toggle_out", "peer_write", "peer_close",
	"drain", "close_unregister", "timer_past", "timer_soon", "timer_equal",
	"timer_unregister", "timer_free", "advance", "advance_invalidate",
	"task_register", "task_unregister", "task_init", "task_free",
	"event_register", "event_unregister", "event_free", "event_post",
	"raw_register", "raw_unregister", "raw_free", "raw_post"
};

/* One with EXACT as its flags, the first of a program, says which fault. */
struct record {
	uint8_t	command, a, b, flags;
};

/* By a handler, which then executes no more, or does. */
#define LAST	3
#define MORE	1

#define READABLE	0x12	/* a socket, its handler_in */
#define UNTIL_IDLE	8, 1	/* how run() is paced */

static uint8_t *put(uint8_t *p, struct record r)
{
	static uint8_t op[NAMES];
	unsigned n;

	for (n = 0; op[r.command] == 0 && n < world_commands; n++)
		if (strcmp(world_command_name(n), names[r.command]) == 0)
			op[r.command] = (uint8_t)n;
	p[0] = op[r.command];
	p[1] = r.a;
	p[2] = r.b;
	p[3] = r.flags;
	return p + RECORD;
}

void small_fault(uint8_t *program, unsigned fault)
{
	put(program, (struct record){ CHECK, (uint8_t)fault,
				      (uint8_t)(fault >> 8), EXACT });
}

/* ---- Sequences ------------------------------------------------------------------------- */

static const struct scope {
	struct record	setup[4];
	struct record	letters[16];	/* as many as have flags, and RUN */
} scopes[] = {
	{ { { OPEN_REGISTERED, 0, READABLE, 0 },
	    { OPEN_REGISTERED, 1, READABLE, 0 } },
	  { { PEER_WRITE, 0, 0, LAST }, { PEER_WRITE, 1, 0, LAST },
	    { UNREGISTER, 0, 0, LAST }, { UNREGISTER, 1, 0, LAST },
	    { REREGISTER, 0, 2, LAST }, { REREGISTER, 1, 2, LAST },
	    { FREE_FD, 0, 0, LAST }, { CLOSE_UNREGISTER, 0, 0, LAST },
	    { TOGGLE_IN, 0, 0, LAST }, { TOGGLE_IN, 1, 0, LAST },
	    { TOGGLE_OUT, 0, 0, LAST }, { DRAIN, 0, 0, LAST },
	    { PEER_CLOSE, 0, 0, LAST }, { RUN, UNTIL_IDLE, LAST } } },
	{ { { TIMER_SOON, 0, 2, 0 } },
	  { { TIMER_PAST, 0, 0, LAST }, { TIMER_PAST, 1, 1, LAST },
	    { TIMER_SOON, 0, 200, LAST }, { TIMER_SOON, 1, 3, LAST },
	    { TIMER_EQUAL, 1, 0, LAST }, { TIMER_EQUAL, 2, 1, LAST },
	    { TIMER_UNREGISTER, 0, 0, LAST }, { TIMER_UNREGISTER, 1, 0, LAST },
	    { TIMER_FREE, 0, 0, LAST }, { ADVANCE, 3, 0, LAST },
	    { ADVANCE_INVALIDATE, 3, 0, LAST }, { RUN, UNTIL_IDLE, LAST } } },
	{ { { TASK_REGISTER, 0, 0, 0 } },
	  { { TASK_REGISTER, 0, 0, LAST }, { TASK_REGISTER, 1, 0, LAST },
	    { TASK_REGISTER, 2, 0, MORE }, { TASK_UNREGISTER, 0, 0, LAST },
	    { TASK_UNREGISTER, 1, 0, LAST }, { TASK_INIT, 0, 0, LAST },
	    { TASK_INIT, 1, 0, MORE }, { TASK_FREE, 0, 0, LAST },
	    { TASK_FREE, 1, 0, LAST }, { QUIT, 0, 0, LAST },
	    { TIMER_PAST, 0, 0, LAST }, { RUN, UNTIL_IDLE, LAST } } },
	{ { { EVENT_REGISTER, 0, 0, 0 }, { EVENT_REGISTER, 1, 0, 0 } },
	  { { EVENT_POST, 0, 0, LAST }, { EVENT_POST, 1, 0, LAST },
	    { EVENT_UNREGISTER, 0, 0, LAST }, { EVENT_UNREGISTER, 1, 0, LAST },
	    { EVENT_REGISTER, 0, 0, MORE }, { EVENT_FREE, 0, 0, LAST },
	    { TASK_REGISTER, 0, 0, LAST }, { TASK_UNREGISTER, 0, 0, LAST },
	    { RAW_REGISTER, 0, 0, MORE }, { RAW_POST, 0, 0, LAST },
	    { RAW_UNREGISTER, 0, 0, LAST }, { RUN, UNTIL_IDLE, LAST } } },
	{ { { OPEN_REGISTERED, 0, READABLE, 0 }, { EVENT_REGISTER, 0, 0, 0 },
	    { TIMER_SOON, 1, 200, 0 } },
	  { { PEER_WRITE, 0, 0, LAST }, { REREGISTER, 0, 2, LAST },
	    { UNREGISTER, 0, 0, LAST }, { TIMER_SOON, 0, 0, LAST },
	    { TIMER_SOON, 2, 3, LAST }, { TIMER_SOON, 3, 2, LAST },
	    { TIMER_UNREGISTER, 2, 0, LAST }, { TASK_REGISTER, 0, 0, LAST },
	    { TASK_UNREGISTER, 0, 0, LAST }, { EVENT_POST, 0, 0, LAST },
	    { EVENT_UNREGISTER, 0, 0, LAST }, { QUIT, 0, 0, LAST },
	    { ADVANCE_INVALIDATE, 1, 0, LAST }, { RUN, UNTIL_IDLE, LAST } } },
};

#define SCOPES	(sizeof(scopes) / sizeof(*scopes))

static unsigned letters_of(const struct scope *s)
{
	unsigned n = 0;

	while (n < 16 && s->letters[n].flags != 0)
		n++;
	return n;
}

static uint64_t power(uint64_t base, unsigned exponent)
{
	uint64_t n = 1;

	while (exponent-- > 0)
		n *= base;
	return n;
}

/* Shorter ones are among them: those that end in runs. */
size_t small_sequence(uint64_t number, unsigned depth, uint8_t *program)
{
	const struct scope *s = scopes;
	uint8_t *p = program + RECORD;
	unsigned n = letters_of(s);

	while (number >= power(n, depth)) {
		number -= power(n, depth);
		if (++s == scopes + SCOPES)
			return 0;
		n = letters_of(s);
	}
	small_fault(program, 0);
	FOR(i, 4)
		if (s->setup[i].command != 0)
			p = put(p, s->setup[i]);
	for (; depth-- > 0; number /= n)
		p = put(p, s->letters[number % n]);
	p = put(p, (struct record){ RUN, UNTIL_IDLE, 0 });
	return (size_t)(p - program);
}

/* ---- Orders ------------------------------------------------------------------------------ */

#define OBJECTS	6
#define ORDERS	720

/* What makes an object of a kind ready and what a handler does to it; its
   number takes the place of `a', and of `b' if that is NUMBER. */
#define NUMBER	255

static const struct kind {
	struct record	ready[2], again[3], unregister, free;
} kinds[] = {
	{ { { OPEN_REGISTERED, 0, READABLE, 0 }, { PEER_WRITE, 0, 0, 0 } },
	  { { REREGISTER, 0, 2, LAST } },
	  { UNREGISTER, 0, 0, LAST }, { FREE_FD, 0, 0, LAST } },
	{ { { TIMER_SOON, 0, 0, 0 } },
	  { { TIMER_UNREGISTER, 0, 0, MORE }, { TIMER_SOON, 0, 0, LAST } },
	  { TIMER_UNREGISTER, 0, 0, LAST }, { TIMER_FREE, 0, 0, LAST } },
	{ { { TASK_REGISTER, 0, 0, 0 } },
	  { { TASK_UNREGISTER, 0, 0, MORE }, { TASK_REGISTER, 0, 0, LAST } },
	  { TASK_UNREGISTER, 0, 0, LAST }, { TASK_FREE, 0, 0, LAST } },
	{ { { EVENT_REGISTER, 0, 0, 0 }, { EVENT_POST, 0, 0, 0 } },
	  { { EVENT_UNREGISTER, 0, 0, MORE }, { EVENT_REGISTER, 0, 0, MORE },
	    { EVENT_POST, 0, 0, LAST } },
	  { EVENT_UNREGISTER, 0, 0, LAST }, { EVENT_FREE, 0, 0, LAST } },
	/* Timers that are not due in the order in which they are registered. */
	{ { { TIMER_SOON, 0, NUMBER, 0 } },
	  { { TIMER_UNREGISTER, 0, 0, MORE }, { TIMER_SOON, 0, 0, LAST } },
	  { TIMER_UNREGISTER, 0, 0, LAST }, { TIMER_FREE, 0, 0, LAST } },
};

/* The kinds of the six. */
static const uint8_t casts[][OBJECTS] = {
	{ 0, 0, 0, 0, 0, 0 }, { 1, 1, 1, 1, 1, 1 }, { 2, 2, 2, 2, 2, 2 },
	{ 3, 3, 3, 3, 3, 3 }, { 4, 4, 4, 4, 4, 4 }, { 0, 0, 1, 1, 2, 3 },
	{ 0, 4, 2, 2, 3, 3 },
};

#define CASTS	(sizeof(casts) / sizeof(*casts))

static uint8_t *put_on(uint8_t *p, struct record r, unsigned object)
{
	if (r.command == 0)
		return p;
	r.a = (uint8_t)object;
	if (r.b == NUMBER)
		r.b = r.a;
	return put(p, r);
}

/* The NUMBERth order of 0 to 5. */
static void permute(unsigned number, unsigned order[OBJECTS])
{
	unsigned left[OBJECTS], n = OBJECTS;

	FOR(i, OBJECTS)
		left[i] = i;
	for (; n > 0; n--) {
		unsigned k = number % n;

		number /= n;
		order[OBJECTS - n] = left[k];
		left[k] = left[n - 1];
	}
}

static uint8_t *put_deed(uint8_t *p, const struct kind *k, unsigned deed,
			 unsigned object)
{
	if (deed == 0)
		return put_on(p, k->unregister, object);
	if (deed == 1)
		return put_on(p, k->free, object);
	FOR(i, 3)
		p = put_on(p, k->again[i], object);
	return p;
}

size_t small_order(uint64_t number, unsigned unused, uint8_t *program)
{
	unsigned n = (unsigned)number, order[OBJECTS];
	unsigned deed = n % 3, victim = n / 3 % OBJECTS,
		 actor = n / 18 % OBJECTS, cast = n / 108 / ORDERS;
	uint8_t *p = program + RECORD;

	(void)unused;
	if (cast >= CASTS)
		return 0;
	permute(n / 108 % ORDERS, order);
	small_fault(program, 0);
	FOR(i, OBJECTS)
		FOR(j, 2)
			p = put_on(p, kinds[casts[cast][order[i]]].ready[j],
				   order[i]);
	p = put(p, (struct record){ ADVANCE_INVALIDATE, OBJECTS + 1, 0, 0 });
	p = put(p, (struct record){ RUN, UNTIL_IDLE, 0 });
	FOR(i, actor)
		p = put(p, (struct record){ CHECK, 0, 0, LAST });
	p = put_deed(p, &kinds[casts[cast][victim]], deed, victim);
	/* Descriptors stay ready: for two turns. */
	for (; actor < 2 * OBJECTS; actor++)
		p = put(p, (struct record){ CHECK, 0, 0, LAST });
	p = put(p, (struct record){ QUIT, 0, 0, LAST });
	return (size_t)(p - program);
}
