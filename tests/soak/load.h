/* SPDX-License-Identifier: MIT */
/*
 * load.h - something of everything, again and again.
 *
 * An activity does rounds: it registers its objects, has them called, checks
 * that each call comes once and in its turn, and unregisters them all.  One
 * that could not get what it needs tries again later.
 */
#ifndef IV_SOAK_LOAD_H
#define IV_SOAK_LOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <iv.h>

struct activity {
	const char	*name;
	void		(*begin)(struct activity *a);
	bool		fragile;	/* ends the program if it lacks memory */
	bool		running;
	unsigned long	rounds;		/* ended well */
	unsigned long	refused;
	int64_t		since;		/* when the last round ended, or began */
	struct iv_timer	again;
};

extern struct activity load[];
extern const unsigned load_count;

/* In the loop of the calling thread.  FRAGILE ones only if asked for. */
void load_begin(bool fragile);

/* Rounds may be refused from now on, or may not. */
void load_expect_refusals(bool yes);

/* No new rounds; once the last has ended nothing is registered. */
void load_end(void);

/* The fewest rounds of any activity. */
unsigned long load_rounds(void);

/* Seconds that some activity has not got on for, and its name. */
int64_t load_stuck(const char **name);

/* The monotonic clock, in nanoseconds. */
int64_t load_clock(void);

#endif
