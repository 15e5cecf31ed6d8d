/* SPDX-License-Identifier: MIT */
/*
 * fork.h - loops in a forked child.
 */
#ifndef IVI_LOOP_FORK_H
#define IVI_LOOP_FORK_H

struct ivi_loop;

/* Exchanges what an inherited LOOP shares with the parent, and forgets what
   waits for threads of the parent; see ivi_loop_check_fork() in loop.h. */
void ivi_loop_renew(struct ivi_loop *loop) __attribute__((cold));

/* Gives up what an inherited LOOP has open and allocated, and looks at nothing
   of the users', which may be gone. */
void ivi_loop_abandon(struct ivi_loop *loop);

#endif
