/* SPDX-License-Identifier: MIT */
/*
 * wait.h - what iv_wait does for iv_popen.
 */
#ifndef IVI_MOD_WAIT_H
#define IVI_MOD_WAIT_H

#include <iv_wait.h>

/*
 * As iv_wait_interest_register_spawn(), for an interest in memory of our own:
 * ORPHANED is called when the loop is taken down while it is registered, and
 * has to free it.
 */
int ivi_wait_spawn(struct iv_wait_interest *wait, void (*fn)(void *cookie),
		   void *cookie,
		   void (*orphaned)(struct iv_wait_interest *wait));

#endif
