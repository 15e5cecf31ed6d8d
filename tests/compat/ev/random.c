/* SPDX-License-Identifier: MIT */
/*
 * random.c - random programs for libev: writes down all that can be seen.
 *
 * Usage: random FIRST COUNT [FLAGS]: that many programs from that seed on.
 * Built twice, on our library and on the system's; random.sh compares.
 */
#include <stdio.h>
#include <stdlib.h>
#include "moves.h"

const struct rules rules = { STAT, 1, NULL, NULL, NULL };

static void program(unsigned seed, unsigned flags)
{
	printf("-- %u\n", seed);
	begin_program(seed);
	loop = ev_loop_new(flags);
	if (loop == NULL)
		abort();
	init_watchers();
	all_moves();
	stop_signals();
	ev_verify(loop);
	ev_loop_destroy(loop);
	end_program();
}

int main(int argc, char *argv[])
{
	unsigned first, count, flags, i;

	if (argc < 3)
		return 2;
	first = (unsigned)atoi(argv[1]);
	count = (unsigned)atoi(argv[2]);
	flags = argc > 3 ? (unsigned)atoi(argv[3]) : 0;
	telling = 1;
	for (i = 0; i < count; i++)
		program(first + i, flags);
	return 0;
}
