/* SPDX-License-Identifier: MIT */
/*
 * spy.h - stands between the library and the C library: counts calls, makes
 * them fail, and keeps the clock.
 *
 * For programs that are linked with the library's objects ($(INSIDE)), with
 * $(SPY) among their sources and $(SPY_WRAPS).  The harness and the test
 * itself are spied on, too.
 */
#ifndef IV_SPY_H
#define IV_SPY_H

#include <stdint.h>

enum spy_call {
	SPY_MALLOC,		/* calloc(), realloc(), too */
	SPY_EPOLL_CREATE,
	SPY_EPOLL_CTL,
	SPY_WAIT,		/* whichever the poll method calls */
	SPY_EVENTFD,
	SPY_PIPE2,
	SPY_PIPE,
	SPY_TIMERFD_CREATE,
	SPY_TIMERFD_SETTIME,
	SPY_CLOCK,
	SPY_NAP,
	SPY_READ,
	SPY_WRITE,
	SPY_KEY_CREATE,
	SPY_SETSPECIFIC,
	SPY_ATFORK,
	SPY_CALLS
};

/* What opens the library's wake-up channels, in this build. */
enum spy_call spy_channel(void);

/* Calls since the last spy_reset(), in all threads. */
unsigned spy_count(enum spy_call call);
void spy_reset(void);

/* Of the calls from now on, TIMES fail with ERR, the NTH (from 1) first.
   One such order at a time. */
void spy_fail(enum spy_call call, unsigned nth, unsigned times, int err);
void spy_heal(void);

/*
 * From now on PERCENT of the calls fail with an error that passes: those that
 * need memory or descriptors, or can be interrupted.  0: no more.
 */
void spy_storm(unsigned percent);

/* For calls that a test wraps itself: whether this one is to fail. */
int spy_storm_hits(void);

/* What syscall(2) becomes; for those who wrap it once more.  Linux. */
long spy_syscall(long nr, long a, long b, long c, long d, long e, long f);

/* How many calls have been made to fail. */
unsigned spy_failed(void);

/* Memory blocks allocated and not yet freed. */
long spy_blocks(void);

/* What the last wait was told: nanoseconds, or -1 for no limit.  Methods that
   know milliseconds only have rounded it up. */
int64_t spy_last_wait(void);

/* False if the poll method knows milliseconds only, here. */
int spy_wait_is_exact(void);

/* How many of SPY_WAIT were poll(2), by which epoll only looks. */
int spy_polls(void);

/* How late the method may be: the kernel's timers may be coarser than its
   waits, and its clock may go by ticks. */
int64_t spy_late(void);

/*
 * Takes over the clock, which shows NOW nanoseconds.  From now on it stands
 * still, except that a wait with nothing to report does not sleep: it moves
 * the clock to its limit.  A nap moves it, too, and takes a millisecond.
 */
void spy_clock_take(int64_t now);
void spy_clock_advance(int64_t ns);
int64_t spy_clock(void);

/*
 * By how much CLOCK_REALTIME is ahead of it, 0 at first.  Setting the one, and
 * suspending the machine, which moves CLOCK_BOOTTIME as well, is told to
 * timerfds that want to know.
 */
void spy_wall_set(int64_t ahead);
void spy_suspend(int64_t ns);
int64_t spy_wall(void);		/* what CLOCK_REALTIME shows */
int64_t spy_boot(void);		/* what CLOCK_BOOTTIME shows */

#endif
