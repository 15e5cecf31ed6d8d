/* SPDX-License-Identifier: MIT */
/*
 * siginfo.h - on Solaris it has what signal.h has elsewhere.
 */
#ifndef EMU_SIGINFO_H
#define EMU_SIGINFO_H

#include <signal.h>

#endif
