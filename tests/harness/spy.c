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
#ifdef HAVE_EPOLL
#include <sys/epoll.h>
#endif
#ifdef HAVE_TIMERFD
#include <sys/timerfd.h>
#endif
#include "emu/emu.h"
#include "harness/spy.h"
#include "harness/test.h"

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

#define SEC	INT64_C(1000000000)

#define LOAD(x)		__atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define STORE(x, v)	__atomic_store_n(&(x), v, __ATOMIC_SEQ_CST)
#define ADD(x, n)	__atomic_add_fetch(&(x), n, __ATOMIC_SEQ_CST)

/* ---- Counting and failing ------------------------------------------------- */

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

WRAP(SPY_READ, ssize_t, read, (int fd, void *buf, size_t n), (fd, buf, n))
WRAP(SPY_WRITE, ssize_t, write, (int fd, const void *buf, size_t n),
     (fd, buf, n))
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
#ifdef HAVE_TIMERFD
WRAP(SPY_TIMERFD_CREATE, int, timerfd_create, (int clock, int flags),
     (clock, flags))
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

/* The kernel timer, while we keep the clock; 0: not armed. */
static int timer_fd = -1;
static int64_t timer_at;

int __real_clock_gettime(clockid_t id, struct timespec *ts);
int __real_nanosleep(const struct timespec *ts, struct timespec *left);
int __wrap_clock_gettime(clockid_t id, struct timespec *ts);
int __wrap_nanosleep(const struct timespec *ts, struct timespec *left);

static int64_t to_ns(const struct timespec *ts)
{
	return ts->tv_sec * SEC + ts->tv_nsec;
}

void spy_clock_take(int64_t now)
{
	timer_at = 0;
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

int64_t spy_last_wait(void)
{
	return LOAD(last_wait);
}

int __wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	int64_t now = LOAD(clock_ns);

	if (called(SPY_CLOCK))
		return -1;
	if (!LOAD(faked))
		return __real_clock_gettime(id, ts);
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

#ifdef HAVE_TIMERFD
int __real_timerfd_settime(int fd, int flags, const struct itimerspec *its,
			   struct itimerspec *old);
int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *its,
			   struct itimerspec *old);

static void timer_set(int64_t ns)
{
	struct itimerspec its = { { 0, 0 }, { 0, (long)ns } };

	/* The library may have closed it. */
	if (__real_timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &its, NULL) < 0)
		CHECK(errno == EBADF || errno == EINVAL);
}

static void timer_fire(void)
{
	timer_at = 0;
	timer_set(1);
}

int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *its,
			   struct itimerspec *old)
{
	if (called(SPY_TIMERFD_SETTIME))
		return -1;
	if (!LOAD(faked))
		return __real_timerfd_settime(fd, flags, its, old);
	CHECK_INT(flags, ==, TFD_TIMER_ABSTIME);
	timer_fd = fd;
	timer_at = to_ns(&its->it_value);
	timer_set(0);
	return 0;
}
#else
static void timer_fire(void)
{
}
#endif

/* ---- Emulated kernels ------------------------------------------------------- */

extern struct emu_observer emu_observer __attribute__((weak));

static int emulated_wait(int64_t limit)
{
	STORE(last_wait, limit);
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
	if (!LOAD(faked))
		return 0;
	spy_clock_advance(ns);
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

/* ---- Waits ------------------------------------------------------------------- */

/* Begins a wait of LIMIT nanoseconds, -1: for ever; true if we keep the
   clock. */
static int wait_faked(int64_t limit)
{
	STORE(last_wait, limit);
	if (!LOAD(faked))
		return 0;
	if (timer_at != 0 && timer_at <= spy_clock())
		timer_fire();
	return 1;
}

/* Nothing is ready: moves the clock to the limit.  False if that was all;
   true: now something is going to happen. */
static int pass_time(int64_t limit)
{
	if (limit >= 0) {
		spy_clock_advance(limit);
		return 0;
	}
	if (timer_at != 0) {
		STORE(clock_ns, timer_at);
		timer_fire();
	}
	return 1;
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
		int n_;							\
									\
		if (called(SPY_WAIT))					\
			return -1;					\
		if (!wait_faked(ns))					\
			return WAIT(limit);				\
		n_ = WAIT(zero);					\
		if (n_ != 0 || !pass_time(ns))				\
			return n_;					\
		return WAIT(forever);					\
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

static int have_epoll_pwait2(void)
{
	static int have = -1;
	struct epoll_event ev;
	int fd;

	if (LOAD(have) < 0) {
		fd = (int)CHECK_SYS(__real_epoll_create1(EPOLL_CLOEXEC));
		STORE(have, __real_epoll_pwait2(fd, &ev, 1, &no_time,
						NULL) == 0);
		CHECK_SYS(close(fd));
	}
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

#ifdef HAVE_POLL
int __real_poll(struct pollfd *fds, nfds_t n, int ms);
int __wrap_poll(struct pollfd *fds, nfds_t n, int ms);

int __wrap_poll(struct pollfd *fds, nfds_t n, int ms)
{
#define WAIT(x) __real_poll(fds, n, x)
	FAKE_WAIT(from_ms(ms), ms, 0, -1, WAIT);
#undef WAIT
}
#endif

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
