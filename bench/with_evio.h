/* SPDX-License-Identifier: MIT */
/* with_evio.h - evio, which takes part in edges.c only. */
#ifndef WITH_EVIO_H
#define WITH_EVIO_H

#include <fcntl.h>

#define CONTESTANT_STATE

#endif
