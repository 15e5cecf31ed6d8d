/* SPDX-License-Identifier: MIT */
/*
 * now.h - the cached time.
 */
#ifndef IVI_LOOP_NOW_H
#define IVI_LOOP_NOW_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include "base/compiler.h"

struct ivi_now {
	struct timespec	value;
	bool	valid;
};

const struct timespec *ivi_now_read(struct ivi_now *now);

/* The cached time, read if need be. */
static inline const struct timespec *ivi_now_get(struct ivi_now *now)
{
	return ivi_likely(now->valid) ? &now->value : ivi_now_read(now);
}

/* To be read again when it is next asked for. */
static inline void ivi_now_invalidate(struct ivi_now *now)
{
	now->valid = false;
}

#endif
