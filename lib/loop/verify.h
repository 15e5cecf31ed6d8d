/* SPDX-License-Identifier: MIT */
/*
 * verify.h - is a loop what it promises to be?
 */
#ifndef IVI_LOOP_VERIFY_H
#define IVI_LOOP_VERIFY_H

struct ivi_loop;

/* To be called after the tasks of a turn, by the thread of LOOP.  Stops the
   program if a structure is inconsistent; the number of objects it has seen.
   Does nothing but in debug builds. */
long ivi_verify(const struct ivi_loop *loop);

#endif
