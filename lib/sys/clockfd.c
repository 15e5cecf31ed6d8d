/* SPDX-License-Identifier: MIT */
/*
 * clockfd.c - timerfd(2) on clocks that are set.
 *
 * Kernel facts leaned on (timerfd_create(2), and fs/timerfd.c):
 *  - With TFD_TIMER_CANCEL_ON_SET the descriptor of an absolute CLOCK_REALTIME
 *    timer becomes readable when the clock jumps, and the next read(2), or
 *    timerfd_settime(2), fails with ECANCELED, once.  The timer stays armed
 *    then; a new one is set in spite of the error.
 *  - Waking from suspend counts as a jump.
 *  - On other clocks the flag has no effect.
 *  - A time of zero disarms.
 *
 * EVFILT_TIMER with NOTE_ABSTIME (FreeBSD) or NOTE_ABSOLUTE (macOS) would not
 * do: when it is added the time is converted to one of the clock that cannot be
 * set (filt_timervalidate()), which is what the guard of iv_alarm is.
 */
#include "config.h"
#include "sys/clockfd.h"
#include "sys/sys.h"

#if defined(HAVE_TIMERFD) && defined(HAVE_TIMERFD_CANCEL)

#include <sys/timerfd.h>
#include "base/timespec.h"

int ivi_clockfd_open(int number)
{
	static const clockid_t clocks[IVI_CLOCKS] = {
		[IVI_REALTIME] = CLOCK_REALTIME,
		[IVI_BOOTTIME] = CLOCK_BOOTTIME,
	};
	int fd = timerfd_create(clocks[number], TFD_NONBLOCK | TFD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int ivi_clockfd_arm(int fd, int64_t at)
{
	struct itimerspec its = { { 0, 0 }, ivi_ns_to_ts(at) };

	return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET,
			       &its, NULL) < 0 ? -errno : 0;
}

int ivi_clockfd_clear(int fd)
{
	uint64_t expired;
	ssize_t n = ivi_read(fd, &expired, sizeof(expired));

	return n < 0 && n != -EAGAIN ? (int)n : 0;
}

#else

int ivi_clockfd_open(int number)
{
	(void)number;
	return -ENOSYS;
}

int ivi_clockfd_arm(int fd, int64_t at)
{
	(void)fd;
	(void)at;
	return -ENOSYS;
}

int ivi_clockfd_clear(int fd)
{
	(void)fd;
	return 0;
}

#endif
