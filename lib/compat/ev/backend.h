/* SPDX-License-Identifier: MIT */
/* backend.h - poll methods by libev's numbers. */
#ifndef IVI_EV_BACKEND_H
#define IVI_EV_BACKEND_H

#include "compat/ev/engine.h"

/* The first of WANTED that works, or NULL. */
struct iv_loop *evi_backend_open(unsigned wanted, unsigned *backend);

/* What ivykis chooses. */
struct iv_loop *evi_backend_open_default(unsigned *backend);

#endif
