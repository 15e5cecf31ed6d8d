/* SPDX-License-Identifier: MIT */
/*
 * clockfd.h - clocks that alarms are set by.  A part of sys.h that only
 * iv_alarm needs.
 */
#ifndef IVI_SYS_CLOCKFD_H
#define IVI_SYS_CLOCKFD_H

#include <stdint.h>
#include <time.h>

enum ivi_clock_number {
	IVI_REALTIME,
	IVI_BOOTTIME,
	IVI_CLOCKS
};

/* ---- clock.c ------------------------------------------------------------- */

/* The number of CLOCK, 0 being CLOCK_REALTIME (illumos has another 0); or -EINVAL if it is none of these or not there. */
int ivi_clock_number(clockid_t clock);

/* What it shows, in nanoseconds. */
int64_t ivi_clock_shows(int number);

/*
 * The same, and how far it is AHEAD of a clock that cannot be set and, where
 * there is such a thing, goes on while the machine is suspended.
 */
int64_t ivi_clock_compare(int number, int64_t *ahead);

/* ---- clockfd.c ----------------------------------------------------------- */

/* A descriptor that tells when a clock gets to a time or is set; close-on-exec
   and nonblocking.  Or -errno; -ENOSYS if there is no such thing. */
int ivi_clockfd_open(int number);

/*
 * It becomes readable when the clock gets to AT (> 0) or is set, one time.
 * 0; -ECANCELED: the same, but the clock was set since the last call or
 * clear().
 */
int ivi_clockfd_arm(int fd, int64_t at);

/* Makes it unreadable: 0, or -ECANCELED if the clock was set, or -errno. */
int ivi_clockfd_clear(int fd);

#endif
