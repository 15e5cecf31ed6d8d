/* SPDX-License-Identifier: MIT */
/*
 * inject.h - what a program may ask of inject.c, if that is preloaded.
 */
#ifndef IV_TORTURE_INJECT_H
#define IV_TORTURE_INJECT_H

/* Whoever calls these must be preloaded with it: no object defines them. */
#pragma weak torture_begin
#pragma weak torture_heal
#pragma weak torture_end
#pragma weak torture_count
#pragma weak torture_failed
#pragma weak torture_blocks

/* From now on calls of the library are counted from 1, and fail by RULES, see
   inject.c; with NULL none does. */
void torture_begin(const char *rules);

/* None does any more; what was counted stays. */
void torture_heal(void);

/* None does any more in this process, nor is one counted. */
void torture_end(void);

/* The name and the number of calls of the Ith kind; NULL after the last. */
const char *torture_count(unsigned i, unsigned *calls);

/* How many calls have failed since. */
unsigned torture_failed(void);

/* How many blocks of memory the library holds. */
unsigned torture_blocks(void);

#endif
