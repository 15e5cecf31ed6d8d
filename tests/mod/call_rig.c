/* SPDX-License-Identifier: MIT */
/*
 * call_rig.c - what the tests of iv_tick and iv_alarm share.
 */
#include <stdint.h>
#include "mod/call_rig.h"

int calls, last_call;

void called(int most)
{
	CHECK_INT(calls, <, most);
	if (++calls == last_call)
		iv_quit();
}

void run(int n)
{
	last_call = calls + n;
	iv_main();
	CHECK_INT(calls, ==, last_call);
}

void run_inside_until_last(void)
{
	if (calls < last_call)
		iv_main();
}

void mark(const char *label)
{
	trace((void *)(uintptr_t)label);
}

/* ---- Turns ------------------------------------------------------------- */

unsigned turns;
static struct iv_task task;

static void count_turn(void *unused)
{
	(void)unused;
	turns++;
	iv_task_register(&task);
}

void start_counting_turns(void)
{
	IV_TASK_INIT(&task);
	task.handler = count_turn;
	iv_task_register(&task);
}

void stop_counting_turns(void)
{
	iv_task_unregister(&task);
}
