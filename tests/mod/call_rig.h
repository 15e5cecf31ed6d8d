/* SPDX-License-Identifier: MIT */
/*
 * call_rig.h - what the tests of iv_tick and iv_alarm share: calls that are
 * counted.
 */
#ifndef IV_CALL_RIG_H
#define IV_CALL_RIG_H

#include <iv.h>
#include "harness/test.h"

/* So far; the loop is left with the last one, or run by the others. */
extern int calls, last_call;

/* In a handler.  A test has room for MOST. */
void called(int most);

/* Until N more calls. */
void run(int n);

/* After called(): runs the loop until the last one. */
void run_inside_until_last(void);

/* Traces LABEL. */
void mark(const char *label);

/* A task in each turn, which counts them. */
extern unsigned turns;
void start_counting_turns(void);
void stop_counting_turns(void);

#endif
