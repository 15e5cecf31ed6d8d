/* SPDX-License-Identifier: MIT */
/*
 * programs.c - programs that are started and waited for, one after the other,
 * by a process that has some memory.
 */
#include "bench.h"

#ifdef HAVE_PROGRAMS

#define MIB	(1L << 20)

static void programs(const long *arg)
{
	char *memory;

	if (arg[0] < 0 || arg[1] < 1)
		die("programs: 0 <= MIB, 1 <= N");
	memory = need_memory((size_t)arg[0] + 1, (size_t)MIB);
	memset(memory, 1, (size_t)(arg[0] * MIB));
	loop_open(false);
	programs_run(arg[1] / 10 + 1);
	meter_start();
	programs_run(arg[1]);
	meter_stop(arg[1]);
	loop_close();
	free(memory);
}

const struct workload program_workloads[] = {
	{ "programs", "MIB N", programs },
	{ NULL, NULL, NULL }
};

#else
const struct workload program_workloads[] = { { NULL, NULL, NULL } };
#endif
