/* SPDX-License-Identifier: MIT */
/*
 * now.c - iv_now: read once per turn, dropped after each wait.
 */
#include "loop/loop.h"

const struct timespec *__iv_now_location(void);

/* For threads without a loop. */
static __thread struct timespec no_loop IVI_TLS_MODEL;

static __attribute__((noinline)) const struct timespec *now_without_loop(void)
{
	ivi_clock(&no_loop);
	return &no_loop;
}

__attribute__((noinline))
const struct timespec *ivi_now_read(struct ivi_now *now)
{
	ivi_clock(&now->value);
	now->valid = true;
	return &now->value;
}

IVI_PUBLIC const struct timespec *__iv_now_location_valid(void)
{
	struct ivi_loop *loop = ivi_self();

	if (ivi_likely(loop != NULL))
		return ivi_now_get(&loop->now);
	return now_without_loop();
}

IVI_PUBLIC void iv_invalidate_now(void)
{
	struct ivi_loop *loop = ivi_self();

	if (loop != NULL)
		ivi_now_invalidate(&loop->now);
}

/*
 * Programs built before 0.40 call iv_validate_now() and then read
 * *__iv_now_location(), so both work on the same storage.
 */
#undef iv_validate_now
void iv_validate_now(void);

IVI_PUBLIC void iv_validate_now(void)
{
	__iv_now_location_valid();
}

IVI_PUBLIC const struct timespec *__iv_now_location(void)
{
	return __iv_now_location_valid();
}
