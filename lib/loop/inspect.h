/* SPDX-License-Identifier: MIT */
/*
 * inspect.h - figures of a loop, for iv_dump(), too.
 */
#ifndef IVI_LOOP_INSPECT_H
#define IVI_LOOP_INSPECT_H

#include <iv_inspect.h>

struct ivi_loop;

void ivi_metrics(const struct ivi_loop *loop, struct iv_metrics *m);

#endif
