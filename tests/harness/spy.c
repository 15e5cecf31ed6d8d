/* SPDX-License-Identifier: MIT */
/*
 * spy.c - counts calls, makes them fail, and keeps the clock.
 *
 * The linker's --wrap=CALL sends what the objects of this program call to
 * __wrap_CALL(), and gives the C library's function as __real_CALL().
 */
#include "config.h"
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#if defined(__linux__) || defined(__FreeBSD__) || defined(__NetBSD__)
#include <sys/syscall.h>
#endif
#ifdef HAVE_DEVPOLL
#include <stdarg.h>
#include <sys/devpoll.h>
#include <sys/ioctl.h>
#endif
#ifdef HAVE_EPOLL
#include <sys/epoll.h>
#endif
#ifdef HAVE_KQUEUE
#include <sys/event.h>
#endif
#ifdef HAVE_PORT
#include <port.h>
#endif
#ifdef HAVE_TIMERFD
#include <sys/timerfd.h>
#endif
#include "harness/harness.h"
#include "harness/spy.h"

/* With 64-bit time on a 32-bit system a header gives some other names. */
#if defined(__USE_TIME_BITS64) && __TIMESIZE == 32
#define __real_clock_gettime	__real___clock_gettime64
#define __wrap_clock_gettime	__wrap___clock_gettime64
#define __real_epoll_pwait2	__real___epoll_pwait2_time64
#define __wrap_epoll_pwait2	__wrap___epoll_pwait2_time64
#define __real_nanosleep	__real___nanosleep64
#define __wrap_nanosleep	__wrap___nanosleep64
#define __real_ppoll	__real___ppoll64
#define __wrap_ppoll	__wrap___ppoll64
#define __real_timerfd_settime	__real___timerfd_settime64
#define __wrap_timerfd_settime	__wrap___timerfd_settime64
#endif

/* NetBSD's do so, too. */
#ifdef __NetBSD__
#define __real_clock_gettime	__real___clock_gettime50
#define __wrap_clock_gettime	__wrap___clock_gettime50
#define __real_nanosleep	__real___nanosleep50
#define __wrap_nanosleep	__wrap___nanosleep50
#if __NetBSD_Prereq__(10, 0, 0)
#define __real_kevent	__real___kevent100
#define __wrap_kevent	__wrap___kevent100
#else
#define __real_kevent	__real___kevent50
#define __wrap_kevent	__wrap___kevent50
#endif
#endif

#define SEC	INT64_C(1000000000)

#define LOAD(x)		__atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define STORE(x, v)	__atomic_store_n(&(x), v, __ATOMIC_SEQ_CST)
#define ADD(x, n)	__atomic_add_fetch(&(x), n, __ATOMIC_SEQ_CST)

/* ---- Counting and failing ------------------------------------------------- */

/* For programs without the harness. */
__attribute__((weak)) __thread int keeping_counters;

static unsigned counts[SPY_CALLS];
static long blocks;

static int failing = SPY_CALLS;
static int fail_err;
static unsigned fail_first, fail_end;	/* as numbers in fail_seen */
static unsigned fail_seen, fail_done;

unsigned spy_count(enum spy_call call)
{
	return LOAD(counts[call]);
}

void spy_reset(void)
{
	int i;

	for (i = 0; i < SPY_CALLS; i++)
		STORE(counts[i], 0);
}

void spy_fail(enum spy_call call, unsigned nth, unsigned times, int err)
{
	fail_err = err;
	fail_first = nth;
	fail_end = nth + times < nth ? ~0U : nth + times;
	STORE(fail_seen, 0);
	STORE(fail_done, 0);
	STORE(failing, (int)call);
}

void spy_heal(void)
{
	STORE(failing, SPY_CALLS);
}

unsigned spy_failed(void)
{
	return LOAD(fail_done);
}

long spy_blocks(void)
{
	return LOAD(blocks);
}

static unsigned storm_percent, storm_dice;

void spy_storm(unsigned percent)
{
	if (percent > 0)
		STORE(fail_done, 0);
	STORE(storm_percent, percent);
}

int spy_storm_hits(void)
{
	unsigned x, percent = LOAD(storm_percent);

	if (percent == 0)
		return 0;
	x = ADD(storm_dice, 2654435769U);
	x = (x ^ x >> 16) * 0x45d9f3bU;
	if ((x ^ x >> 16) % 100 >= percent)
		return 0;
	ADD(fail_done, 1);
	return 1;
}

/* What passes; 0 for calls that do not fail so. */
static int storm_error(enum spy_call call)
{
	switch (call) {
	case SPY_MALLOC:
	case SPY_EPOLL_CTL:
		return ENOMEM;
	case SPY_EPOLL_CREATE:
	case SPY_EVENTFD:
	case SPY_PIPE2:
	case SPY_PIPE:
	case SPY_TIMERFD_CREATE:
		return EMFILE;
	case SPY_WAIT:
	case SPY_NAP:
	case SPY_READ:
	case SPY_WRITE:
		return EINTR;
	default:
		return 0;
	}
}

/* 0, or the error with which this call is to fail. */
static int called(enum spy_call call)
{
	unsigned n;

	if (keeping_counters)
		return 0;
	ADD(counts[call], 1);
	if (LOAD(storm_percent) > 0 && storm_error(call) != 0 &&
	    spy_storm_hits()) {
		errno = storm_error(call);
		return errno;
	}
	if (LOAD(failing) != (int)call)
		return 0;
	n = ADD(fail_seen, 1);
	if (n < fail_first || n >= fail_end)
		return 0;
	ADD(fail_done, 1);
	errno = fail_err;
	return fail_err;
}

enum spy_call spy_channel(void)
{
#if defined(HAVE_EVENTFD)
	return SPY_EVENTFD;
#elif defined(HAVE_PIPE2)
	return SPY_PIPE2;
#else
	return SPY_PIPE;
#endif
}

/* Defines __wrap_NAME(), which counts as CALL and returns -1 if told to. */
#define WRAP(call, type, name, params, args)				\
type __real_##name params;						\
type __wrap_##name params;						\
type __wrap_##name params						\
{									\
	return called(call) ? -1 : __real_##name args;			\
}

/* The same for functions that return the error. */
#define WRAP_PTHREAD(call, name, params, args)				\
int __real_##name params;						\
int __wrap_##name params;						\
int __wrap_##name params						\
{									\
	int err = called(call);						\
									\
	return err ? err : __real_##name args;				\
}

WRAP(SPY_WRITE, ssize_t, write, (int fd, const void *buf, size_t n),
     (fd, buf, n))
#ifdef __linux__
long __real_syscall(long nr, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long nr, long a, long b, long c, long d, long e, long f);

long spy_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	if (nr == SYS_write && called(SPY_WRITE))
		return -1;
	return __real_syscall(nr, a, b, c, d, e, f);
}

__attribute__((weak))
long __wrap_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	return spy_syscall(nr, a, b, c, d, e, f);
}
#endif
WRAP(SPY_PIPE, int, pipe, (int fds[2]), (fds))
#ifdef HAVE_PIPE2
WRAP(SPY_PIPE2, int, pipe2, (int fds[2], int flags), (fds, flags))
#endif
#ifdef HAVE_EVENTFD
WRAP(SPY_EVENTFD, int, eventfd, (unsigned n, int flags), (n, flags))
#endif
#ifdef HAVE_EPOLL
WRAP(SPY_EPOLL_CREATE, int, epoll_create1, (int flags), (flags))
WRAP(SPY_EPOLL_CTL, int, epoll_ctl,
     (int epfd, int op, int fd, struct epoll_event *ev), (epfd, op, fd, ev))
#endif
WRAP_PTHREAD(SPY_KEY_CREATE, pthread_key_create,
	     (pthread_key_t *key, void (*end)(void *)), (key, end))
WRAP_PTHREAD(SPY_SETSPECIFIC, pthread_setspecific,
	     (pthread_key_t key, const void *p), (key, p))
WRAP_PTHREAD(SPY_ATFORK, pthread_atfork,
	     (void (*a)(void), void (*b)(void), void (*c)(void)), (a, b, c))

/* ---- Memory ---------------------------------------------------------------- */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void __wrap_free(void *p);

static void *allocated(void *p)
{
	if (p != NULL)
		ADD(blocks, 1);
	return p;
}

void *__wrap_malloc(size_t n)
{
	return called(SPY_MALLOC) ? NULL : allocated(__real_malloc(n));
}

void *__wrap_calloc(size_t n, size_t size)
{
	return called(SPY_MALLOC) ? NULL : allocated(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t n)
{
	if (called(SPY_MALLOC))
		return NULL;
	if (p != NULL)
		return __real_realloc(p, n);
	return allocated(__real_malloc(n));
}

void __wrap_free(void *p)
{
	if (p != NULL)
		ADD(blocks, -1);
	__real_free(p);
}

/* ---- The clock -------------------------------------------------------------- */

static int faked;
static int64_t clock_ns;
static int64_t last_wait;

/* What the others are ahead of it: set, and slept in suspend. */
static int64_t wall_ahead, slept;

/* When the timer of a kqueue fires, while we keep the clock; 0: not armed. */
static int64_t timer_at;

int __real_clock_gettime(clockid_t id, struct timespec *ts);
int __real_nanosleep(const struct timespec *ts, struct timespec *left);
int __wrap_clock_gettime(clockid_t id, struct timespec *ts);
int __wrap_nanosleep(const struct timespec *ts, struct timespec *left);
ssize_t __real_read(int fd, void *buf, size_t n);
ssize_t __wrap_read(int fd, void *buf, size_t n);

static int64_t to_ns(const struct timespec *ts)
{
	return ts->tv_sec * SEC + ts->tv_nsec;
}

static void timers_forget(void);

void spy_clock_take(int64_t now)
{
	timer_at = 0;
	timers_forget();
	STORE(clock_ns, now);
	STORE(faked, 1);
}

void spy_clock_advance(int64_t ns)
{
	int64_t now = LOAD(clock_ns);

	STORE(clock_ns, INT64_MAX - now > ns ? now + ns : INT64_MAX);
}

int64_t spy_clock(void)
{
	return LOAD(clock_ns);
}

/* By how much a clock is ahead of CLOCK_MONOTONIC. */
static int64_t ahead(clockid_t id)
{
	if (id == CLOCK_REALTIME)
		return wall_ahead + slept;
#ifdef HAVE_CLOCK_BOOTTIME
	if (id == CLOCK_BOOTTIME)
		return slept;
#endif
	return 0;
}

int64_t spy_wall(void)
{
	return spy_clock() + wall_ahead + slept;
}

int64_t spy_boot(void)
{
	return spy_clock() + slept;
}

int64_t spy_last_wait(void)
{
	return LOAD(last_wait);
}

int __wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	int64_t now;

	if (called(SPY_CLOCK))
		return -1;
	if (!LOAD(faked))
		return __real_clock_gettime(id, ts);
	now = LOAD(clock_ns) + ahead(id);
	ts->tv_sec = (time_t)(now / SEC);
	ts->tv_nsec = (long)(now % SEC);
	return 0;
}

int __wrap_nanosleep(const struct timespec *ts, struct timespec *left)
{
	if (called(SPY_NAP))
		return -1;
	if (!LOAD(faked))
		return __real_nanosleep(ts, left);
	spy_clock_advance(to_ns(ts));
	return __real_nanosleep(&(struct timespec){ 0, 1000000 }, left);
}

/* ---- Timers of the kernel ---------------------------------------------------- */

#ifdef HAVE_TIMERFD
int __real_timerfd_create(int clock, int flags);
int __real_timerfd_settime(int fd, int flags, const struct itimerspec *its,
			   struct itimerspec *old);
int __wrap_timerfd_create(int clock, int flags);
int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *its,
			   struct itimerspec *old);

/* By descriptor; those that the library has closed matter no more. */
#define TIMERS	64

static int timers_end;		/* those from here on have never been */

static struct timer {
	int	clock;
	int	cancel;		/* wants to know when the clock is set */
	int	canceled;	/* and has not been told yet */
	int64_t	at;		/* by that clock; 0: not armed */
} timers[TIMERS];

static int timers_count(void)
{
	return __atomic_load_n(&timers_end, __ATOMIC_RELAXED);
}

/* Several threads may make some. */
static void timers_reach(int end)
{
	int old = timers_count();

	while (old < end &&
	       !__atomic_compare_exchange_n(&timers_end, &old, end, 0,
					    __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED))
		;
}

int __wrap_timerfd_create(int clock, int flags)
{
	int fd;

	if (called(SPY_TIMERFD_CREATE))
		return -1;
	fd = __real_timerfd_create(clock, flags);
	if (fd >= 0 && fd < TIMERS)
		timers[fd] = (struct timer) { clock, 0, 0, 0 };
	if (fd < TIMERS)
		timers_reach(fd + 1);
	return fd;
}

/* Those of loops that have been before. */
static void timers_forget(void)
{
	int fd;

	for (fd = 0; fd < timers_count(); fd++)
		timers[fd].at = 0;
}

/* The kernel itself is asked, for as long as it takes, since an emulated one,
   whose wait this may be in, has a lock. */
static long poll_by_number(struct pollfd *pfd)
{
#ifdef SYS_ppoll
	return syscall(SYS_ppoll, pfd, 1, NULL, NULL, 0);
#else
	return syscall(SYS_poll, pfd, 1, -1);
#endif
}

/* 0 if the library has closed it.  One that fires has fired then. */
static int timer_set(int fd, int64_t ns)
{
	struct itimerspec its = { { 0, 0 }, { 0, (long)ns } };
	struct pollfd pfd = { fd, POLLIN, 0 };

	if (__real_timerfd_settime(fd, TFD_TIMER_ABSTIME, &its, NULL) == 0)
		return ns == 0 || poll_by_number(&pfd) == 1;
	CHECK(errno == EBADF || errno == EINVAL);
	timers[fd] = (struct timer) { 0, 0, 0, 0 };
	return 0;
}

/* When it fires, by our clock; INT64_MAX: never. */
static int64_t due(const struct timer *t)
{
	return t->at == 0 || t->at == INT64_MAX ? INT64_MAX :
	       t->at - ahead(t->clock);
}

/* The soonest of them, by our clock; INT64_MAX: none. */
static int64_t timers_soonest(void)
{
	int64_t soonest = INT64_MAX;
	int fd;

	for (fd = 0; fd < timers_count(); fd++)
		if (due(&timers[fd]) < soonest)
			soonest = due(&timers[fd]);
	return soonest;
}

/* How many fire. */
static int timers_fire(void)
{
	int fd, n = 0;

	for (fd = 0; fd < timers_count(); fd++)
		if (due(&timers[fd]) <= spy_clock()) {
			timers[fd].at = 0;
			n += timer_set(fd, 1);
		}
	return n;
}

int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *its,
			   struct itimerspec *old)
{
	struct timer *t = &timers[fd];

	if (called(SPY_TIMERFD_SETTIME))
		return -1;
	if (!LOAD(faked))
		return __real_timerfd_settime(fd, flags, its, old);
	CHECK_INT(flags & TFD_TIMER_ABSTIME, ==, TFD_TIMER_ABSTIME);
	CHECK_INT(fd, <, TIMERS);
	t->at = to_ns(&its->it_value);
	t->cancel = (flags & TFD_TIMER_CANCEL_ON_SET) &&
		    t->clock == CLOCK_REALTIME && t->at != 0;
	timer_set(fd, 0);
	if (!t->canceled)
		return 0;
	t->canceled = 0;
	errno = ECANCELED;
	return -1;
}

static void timers_cancel(void)
{
	int fd;

	for (fd = 0; fd < timers_count(); fd++)
		if (timers[fd].cancel) {
			timers[fd].canceled = 1;
			timer_set(fd, 1);
		}
}

/* True if FD tells that its clock was set.  The library may have closed it, and
   the number be another's. */
static int timer_canceled(int fd)
{
	struct itimerspec its;

	if (fd < 0 || fd >= TIMERS || !timers[fd].canceled)
		return 0;
	timers[fd].canceled = 0;
	return timerfd_gettime(fd, &its) == 0;
}
#else
static void timers_forget(void)
{
}

static int64_t timers_soonest(void)
{
	return INT64_MAX;
}

static int timers_fire(void)
{
	return 0;
}

static void timers_cancel(void)
{
}

static int timer_canceled(int fd)
{
	(void)fd;
	return 0;
}
#endif

ssize_t __wrap_read(int fd, void *buf, size_t n)
{
	ssize_t ret;

	if (called(SPY_READ))
		return -1;
	ret = __real_read(fd, buf, n);
	if (ret > 0 && timer_canceled(fd)) {
		errno = ECANCELED;
		return -1;
	}
	return ret;
}

void spy_wall_set(int64_t by)
{
	wall_ahead = by;
	timers_cancel();
}

void spy_suspend(int64_t ns)
{
	slept += ns;
	timers_cancel();
}

/* ---- Emulated kernels ------------------------------------------------------- */

#ifdef EMULATED_TESTS
static int emulated_wait(int64_t limit)
{
	STORE(last_wait, limit);
	if (LOAD(faked))
		timers_fire();
	return called(SPY_WAIT);
}

static int64_t emulated_clock(void)
{
	struct timespec ts;

	if (LOAD(faked))
		return spy_clock();
	__real_clock_gettime(CLOCK_MONOTONIC, &ts);
	return to_ns(&ts);
}

static int emulated_sleep(int64_t ns)
{
	int64_t left = timers_soonest() - spy_clock();

	if (!LOAD(faked))
		return 0;
	spy_clock_advance(left < ns ? left : ns);
	timers_fire();
	return 1;
}

__attribute__((constructor)) static void observe(void)
{
	if (&emu_observer == NULL)
		return;
	emu_observer.waits = emulated_wait;
	emu_observer.clock = emulated_clock;
	emu_observer.sleeps = emulated_sleep;
}
#endif

/* ---- Waits ------------------------------------------------------------------- */

/* Begins a wait of LIMIT nanoseconds, -1: for ever; true if we keep the
   clock. */
static int wait_faked(int64_t limit)
{
	STORE(last_wait, limit);
	if (!LOAD(faked))
		return 0;
	timers_fire();
	return 1;
}

/* What ends a wait in which nothing is ready. */
enum passed { TO_THE_END, FIRED, NOT_AT_ALL };

/* By our clock, of a wait of LIMIT nanoseconds from now, -1: for ever. */
static int64_t wait_end(int64_t limit)
{
	int64_t now = spy_clock();

	return limit < 0 || limit > INT64_MAX - now ? INT64_MAX : now + limit;
}

/* Nothing is ready: moves the clock to END, or until a timer fires, which may
   be another loop's.  Not at all: something is going to happen. */
static enum passed pass_time(int64_t end, int forever)
{
	int64_t soonest;

	while ((soonest = timers_soonest()) != INT64_MAX && soonest <= end) {
		if (soonest > spy_clock())
			STORE(clock_ns, soonest);
		if (timers_fire() > 0)
			return FIRED;
	}
	if (forever)
		return NOT_AT_ALL;
	if (end > spy_clock())
		STORE(clock_ns, end);
	return TO_THE_END;
}

static int64_t from_ms(int ms)
{
	return ms < 0 ? -1 : ms * INT64_C(1000000);
}

static int64_t from_ts(const struct timespec *ts)
{
	return ts != NULL ? to_ns(ts) : -1;
}

/* The body of a wrapped wait: WAIT(x) is the real one, x its limit. */
#define FAKE_WAIT(ns, limit, zero, forever, WAIT)			\
	do {								\
		const int64_t ns_ = ns, end_ = wait_end(ns_);		\
		enum passed passed_ = FIRED;				\
		int n_;							\
									\
		if (called(SPY_WAIT))					\
			return -1;					\
		if (!wait_faked(ns_))					\
			return WAIT(limit);				\
		do							\
			n_ = WAIT(zero);				\
		while (n_ == 0 &&					\
		       (passed_ = pass_time(end_, ns_ < 0)) == FIRED);	\
		return passed_ == NOT_AT_ALL ? WAIT(forever) : n_;	\
	} while (0)

static const struct timespec no_time;

#ifdef HAVE_EPOLL
int __real_epoll_wait(int fd, struct epoll_event *ev, int max, int ms);
int __wrap_epoll_wait(int fd, struct epoll_event *ev, int max, int ms);

int __wrap_epoll_wait(int fd, struct epoll_event *ev, int max, int ms)
{
#define WAIT(x) __real_epoll_wait(fd, ev, max, x)
	FAKE_WAIT(from_ms(ms), ms, 0, -1, WAIT);
#undef WAIT
}
#endif

/* Older kernels and emulators have no epoll_pwait2(2); such a call is not a
   wait, the epoll_wait(2) after it is. */
#ifdef HAVE_EPOLL_PWAIT2
int __real_epoll_pwait2(int fd, struct epoll_event *ev, int max,
			const struct timespec *ts, const sigset_t *mask);
int __wrap_epoll_pwait2(int fd, struct epoll_event *ev, int max,
			const struct timespec *ts, const sigset_t *mask);

/* Without a descriptor: whoever waits here may be cancelled. */
static int have_epoll_pwait2(void)
{
	static int have = -1;
	struct epoll_event ev;

	if (LOAD(have) < 0)
		STORE(have, __real_epoll_pwait2(-1, &ev, 1, &no_time,
						NULL) < 0 && errno == EBADF);
	return LOAD(have);
}

int __wrap_epoll_pwait2(int fd, struct epoll_event *ev, int max,
			const struct timespec *ts, const sigset_t *mask)
{
	if (!have_epoll_pwait2()) {
		errno = ENOSYS;
		return -1;
	}
#define WAIT(x) __real_epoll_pwait2(fd, ev, max, x, mask)
	FAKE_WAIT(from_ts(ts), ts, &no_time, NULL, WAIT);
#undef WAIT
}
#else
static int have_epoll_pwait2(void)
{
	return 0;
}
#endif

/* Not of the methods alone: HAVE_POLL says nothing of it. */
int __real_poll(struct pollfd *fds, nfds_t n, int ms);
int __wrap_poll(struct pollfd *fds, nfds_t n, int ms);

static int polls;

int spy_polls(void)
{
	return LOAD(polls);
}

int __wrap_poll(struct pollfd *fds, nfds_t n, int ms)
{
	ADD(polls, 1);
#define WAIT(x) __real_poll(fds, n, x)
	FAKE_WAIT(from_ms(ms), ms, 0, -1, WAIT);
#undef WAIT
}

#ifdef HAVE_PPOLL
int __real_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *ts,
		 const sigset_t *mask);
int __wrap_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *ts,
		 const sigset_t *mask);

int __wrap_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *ts,
		 const sigset_t *mask)
{
#define WAIT(x) __real_ppoll(fds, n, x, mask)
	FAKE_WAIT(from_ts(ts), ts, &no_time, NULL, WAIT);
#undef WAIT
}
#endif

/* ---- Waits of kernels that are emulated elsewhere --------------------------------- */

#ifdef HAVE_KQUEUE
int __real_kevent(int kq, const struct kevent *changes, kevent_count n,
		  struct kevent *events, kevent_count room,
		  const struct timespec *ts);
int __wrap_kevent(int kq, const struct kevent *changes, kevent_count n,
		  struct kevent *events, kevent_count room,
		  const struct timespec *ts);

/* Our clock decides when it is over, and the kernel's own may be early. */
static void note_timer(const struct kevent *kev, kevent_count n)
{
	for (; n > 0; n--, kev++)
		if (kev->filter == EVFILT_TIMER)
			timer_at = kev->flags & EV_DELETE ? 0 :
				   spy_clock() + (int64_t)kev->data * 1000000;
}

/* Nothing is ready: what the timer, if it is first, gives. */
static int timer_event(struct kevent *ev, int64_t limit)
{
	if (timer_at == 0 || (limit >= 0 && timer_at > spy_clock() + limit))
		return 0;
	if (timer_at > spy_clock())
		STORE(clock_ns, timer_at);
	timer_at = 0;
	EV_SET(ev, 0, EVFILT_TIMER, 0, 0, 1, 0);
	return 1;
}

static int faked_kevent(int kq, const struct kevent *changes, kevent_count n,
			struct kevent *events, kevent_count room,
			int64_t limit)
{
	int ret;

	note_timer(changes, n);
	ret = __real_kevent(kq, changes, n, events, room, &no_time);
	if (ret != 0 || timer_event(events, limit))
		return ret != 0 ? ret : 1;
	if (pass_time(wait_end(limit), limit < 0) == TO_THE_END)
		return 0;
	return __real_kevent(kq, NULL, 0, events, room, NULL);
}

/* Without room for events it is no wait.  One that is interrupted has made
   its changes. */
int __wrap_kevent(int kq, const struct kevent *changes, kevent_count n,
		  struct kevent *events, kevent_count room,
		  const struct timespec *ts)
{
	int err;

	if (room == 0)
		return __real_kevent(kq, changes, n, events, room, ts);
	STORE(last_wait, from_ts(ts));
	err = called(SPY_WAIT);
	if (err == EINTR)
		__real_kevent(kq, changes, n, NULL, 0, &no_time);
	errno = err;
	if (err != 0)
		return -1;
	if (LOAD(faked))
		return faked_kevent(kq, changes, n, events, room,
				    from_ts(ts));
	return __real_kevent(kq, changes, n, events, room, ts);
}
#endif

#ifdef HAVE_PORT
int __real_port_getn(int port, port_event_t *list, unsigned max, unsigned *n,
		     struct timespec *ts);
int __wrap_port_getn(int port, port_event_t *list, unsigned max, unsigned *n,
		     struct timespec *ts);

/* With a limit it is ETIME, if nothing came. */
int __wrap_port_getn(int port, port_event_t *list, unsigned max, unsigned *n,
		     struct timespec *ts)
{
	struct timespec zero = no_time;
	unsigned want = *n;
	int ret;

	if (called(SPY_WAIT))
		return -1;
	if (!wait_faked(from_ts(ts)))
		return __real_port_getn(port, list, max, n, ts);
	ret = __real_port_getn(port, list, max, n, &zero);
	if (ret != 0 || *n != 0)
		return ret;
	if (pass_time(wait_end(from_ts(ts)), ts == NULL) != TO_THE_END) {
		*n = want;
		return __real_port_getn(port, list, max, n, NULL);
	}
	errno = ETIME;
	return -1;
}
#endif

#ifdef HAVE_DEVPOLL
#ifdef __GLIBC__
typedef unsigned long	request_t;
#else
typedef int	request_t;
#endif

int __real_ioctl(int fd, request_t request, ...);
int __wrap_ioctl(int fd, request_t request, ...);

int __wrap_ioctl(int fd, request_t request, ...)
{
	struct dvpoll *dvp;
	va_list ap;

	va_start(ap, request);
	dvp = va_arg(ap, void *);
	va_end(ap);
	if (request != (request_t)DP_POLL)
		return __real_ioctl(fd, request, dvp);
#define WAIT(x) (dvp->dp_timeout = (x), __real_ioctl(fd, request, dvp))
	FAKE_WAIT(from_ms(dvp->dp_timeout), dvp->dp_timeout, 0, -1, WAIT);
#undef WAIT
}
#endif

int spy_wait_is_exact(void)
{
	const char *name = iv_poll_method_name();

	if (strncmp(name, "epoll", 5) == 0)
		return have_epoll_pwait2();
	return strcmp(name, "poll") != 0 && strcmp(name, "dev_poll") != 0;
}

int64_t spy_late(void)
{
	const char *personality = getenv("EMU_PERSONALITY");

	if (personality != NULL && (strcmp(personality, "netbsd") == 0 ||
				    strcmp(personality, "tick") == 0))
		return 20000000;
	if (strcmp(iv_poll_method_name(), "kqueue") == 0)
		return 999999;
	return spy_wait_is_exact() ? 0 : 999999;
}
