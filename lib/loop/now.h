/* SPDX-License-Identifier: MIT */
/*
 * now.h - the cached time.
 */
#ifndef IVI_LOOP_NOW_H
#define IVI_LOOP_NOW_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct ivi_now {
	struct timespec	value;
	bool	valid;
};

/* The cached time, read if need be. */
const struct timespec *ivi_now_get(struct ivi_now *now);

/* To be read again when it is next asked for. */
void ivi_now_invalidate(struct ivi_now *now);

#endif
