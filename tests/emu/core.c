/* SPDX-License-Identifier: MIT */
/*
 * core.c - objects, sleeping, and closing of descriptors.
 *
 * close(2) and its like are defined here: a definition in the program comes
 * before the C library's, for the library under test and the test itself.
 * What the C library closes by itself (fclose(3), closedir(3)) is not seen.
 */
#include "config.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "emu/core.h"

/* With 64-bit time on a 32-bit system a header gives it another name. */
#if defined(__USE_TIME_BITS64) && __TIMESIZE == 32
#define CLOCK_GETTIME	"__clock_gettime64"
#else
#define CLOCK_GETTIME	"clock_gettime"
#endif

#define REPLACED	__attribute__((visibility("default")))

#define BATCH		64

const char *const emu_methods[] = {
	"kqueue:freebsd", "kqueue:netbsd", "kqueue:macos",
	"port-timer:exact", "port-timer:tick", "port:exact", "port:tick",
	"dev_poll:exact", "dev_poll:tick", "dev_poll:nofile64", NULL
};

struct emu_observer emu_observer;

/* The linker takes devpoll.c out of its archive for this; what it replaces is
   there already if a sanitizer's library comes first. */
__attribute__((used)) static const char *const linked = &emu_devpoll_linked;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct emu_object *objects;

/* The process whose descriptors are ours: not a child of vfork(2). */
static pid_t owner;

/* Watched by every object; written to wake sleepers. */
static int bell = -1;

/* Descriptors that were shut down for writing: a bit each. */
static unsigned char *shut;
static size_t shut_size;

static struct {
	int (*close)(int);
	int (*dup2)(int, int);
	int (*dup3)(int, int, int);
	int (*shutdown)(int, int);
	int (*poll)(struct pollfd *, nfds_t, int);
	int (*epoll_create1)(int);
	int (*epoll_ctl)(int, int, int, struct epoll_event *);
	int (*epoll_pwait)(int, struct epoll_event *, int, int,
			   const sigset_t *);
	int (*eventfd)(unsigned, int);
	int (*clock_gettime)(clockid_t, struct timespec *);
	ssize_t (*write)(int, const void *, size_t);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void (*free)(void *);
} real;

void *emu_real(const char *name)
{
	void *fn = dlsym(RTLD_NEXT, name);

	if (fn == NULL)
		abort();
	return fn;
}

#define REAL(name, symbol)						\
	do {								\
		void *fn_ = emu_real(symbol);				\
									\
		__atomic_store(&real.name, (__typeof__(real.name) *)&fn_, \
			       __ATOMIC_RELEASE);			\
	} while (0)

/* Somebody may call close() before our constructor has run. */
static void find_real(void)
{
	if (__atomic_load_n(&real.close, __ATOMIC_ACQUIRE) != NULL)
		return;
	REAL(dup2, "dup2");
	REAL(dup3, "dup3");
	REAL(shutdown, "shutdown");
	REAL(poll, "poll");
	REAL(epoll_create1, "epoll_create1");
	REAL(epoll_ctl, "epoll_ctl");
	REAL(epoll_pwait, "epoll_pwait");
	REAL(eventfd, "eventfd");
	REAL(clock_gettime, CLOCK_GETTIME);
	REAL(write, "write");
	REAL(calloc, "calloc");
	REAL(realloc, "realloc");
	REAL(free, "free");
	REAL(close, "close");
}

void *emu_calloc(size_t size)
{
	return real.calloc(1, size);
}

void *emu_realloc(void *p, size_t size)
{
	return real.realloc(p, size);
}

void emu_free(void *p)
{
	real.free(p);
}

void emu_close(int fd)
{
	real.close(fd);
}

/* ---- The lock -------------------------------------------------------------- */

void emu_lock(struct emu_saved *saved)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &saved->mask);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &saved->cancel);
	pthread_mutex_lock(&mutex);
}

void emu_unlock(const struct emu_saved *saved)
{
	int old;

	pthread_mutex_unlock(&mutex);
	pthread_setcancelstate(saved->cancel, &old);
	pthread_sigmask(SIG_SETMASK, &saved->mask, NULL);
}

static struct emu_saved over_fork;

static void before_fork(void)
{
	struct emu_saved saved;

	emu_lock(&saved);
	over_fork = saved;
}

static void in_parent(void)
{
	struct emu_saved saved = over_fork;

	emu_unlock(&saved);
}

static void object_remove(struct emu_object *o)
{
	struct emu_object **p = &objects;

	while (*p != o)
		p = &(*p)->next;
	*p = o->next;
}

/* Sleepers were other threads: they are gone. */
static void in_child(void)
{
	struct emu_object *o, *next;
	struct emu_saved saved = over_fork;

	owner = getpid();
	for (o = objects; o != NULL; o = next) {
		int fd = o->fd;

		next = o->next;
		o->sleepers = 0;
		if (!o->class->dies_in_child)
			continue;
		object_remove(o);
		o->class->destroy(o);
		real.close(fd);
	}
	emu_unlock(&saved);
}

__attribute__((constructor)) static void begin(void)
{
	find_real();
	owner = getpid();
	bell = real.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (bell < 0 || pthread_atfork(before_fork, in_parent, in_child) != 0)
		abort();
}

/* ---- Time ------------------------------------------------------------------ */

int64_t emu_now(void)
{
	struct timespec ts;

	if (emu_observer.clock != NULL)
		return emu_observer.clock();
	real.clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static int64_t tick(int64_t us)
{
	const char *env = getenv("EMU_TICK_US");

	return (env != NULL && *env != '\0' ? atoll(env) : us) * 1000;
}

/* ---- Objects ---------------------------------------------------------------- */

int emu_object_open(struct emu_object *o, const struct emu_class *class,
		    int64_t tick_us)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	int fd = real.epoll_create1(0);

	if (fd < 0)
		return -1;
	ev.data.fd = -1;
	if (real.epoll_ctl(fd, EPOLL_CTL_ADD, bell, &ev) < 0) {
		int err = errno;

		real.close(fd);
		errno = err;
		return -1;
	}
	o->class = class;
	o->fd = fd;
	o->sleepers = 0;
	o->tick = tick(tick_us);
	o->next = objects;
	objects = o;
	return fd;
}

struct emu_object *emu_object_find(int fd, const struct emu_class *class)
{
	struct emu_object *o = objects;

	while (o != NULL && (o->fd != fd || o->class != class))
		o = o->next;
	return o;
}

struct emu_object *emu_object_next(const struct emu_object *o,
				   const struct emu_class *class)
{
	struct emu_object *next = o != NULL ? o->next : objects;

	while (next != NULL && next->class != class)
		next = next->next;
	return next;
}

int emu_readable(int fd)
{
	struct emu_saved saved;
	struct emu_object *o;
	int ret = -1;

	emu_lock(&saved);
	o = objects;
	while (o != NULL && o->fd != fd)
		o = o->next;
	if (o != NULL)
		ret = o->class->readable(o);
	emu_unlock(&saved);
	return ret;
}

int emu_watch(struct emu_object *o, int fd)
{
	struct epoll_event ev = {
		.events = EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP |
			  EPOLLET
	};

	ev.data.fd = fd;
	return real.epoll_ctl(o->fd, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

void emu_unwatch(struct emu_object *o, int fd)
{
	real.epoll_ctl(o->fd, EPOLL_CTL_DEL, fd, NULL);
}

short emu_state(int fd)
{
	struct pollfd p = { fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP, 0 };

	while (real.poll(&p, 1, 0) < 0 && errno == EINTR)
		;
	return p.revents;
}

int emu_is_shut(int fd)
{
	return (size_t)fd / 8 < shut_size && (shut[fd / 8] >> fd % 8 & 1);
}

static void set_shut(int fd, int on)
{
	size_t byte = (size_t)fd / 8;

	if (byte >= shut_size && !on)
		return;
	if (byte >= shut_size) {
		unsigned char *grown = emu_realloc(shut, byte + 1);

		if (grown == NULL)
			abort();
		while (shut_size <= byte)
			grown[shut_size++] = 0;
		shut = grown;
	}
	shut[byte] = (unsigned char)((shut[byte] & ~(1U << fd % 8)) |
				     (on ? 1U << fd % 8 : 0));
}

/* ---- Sleeping ----------------------------------------------------------------- */

/* O may be gone when a thread that has slept gets here. */
static void collect(int set, struct epoll_event *ev, int n)
{
	struct emu_object *o = objects;
	int i;

	while (o != NULL && o->fd != set)
		o = o->next;
	for (i = 0; o != NULL && i < n; i++)
		if (ev[i].data.fd >= 0 && o->class->active != NULL)
			o->class->active(o, ev[i].data.fd);
}

void emu_drain(struct emu_object *o)
{
	struct epoll_event ev[BATCH];
	sigset_t all;
	int n;

	sigfillset(&all);
	do {
		n = real.epoll_pwait(o->fd, ev, BATCH, 0, &all);
		collect(o->fd, ev, n);
	} while (n == BATCH);
}

static int to_ms(int64_t ns)
{
	if (ns >= INT_MAX * EMU_MS)
		return INT_MAX;
	return ns <= 0 ? 0 : (int)((ns + EMU_MS - 1) / EMU_MS);
}

int emu_sleep(struct emu_object *o, int64_t until,
	      const struct emu_saved *saved)
{
	struct epoll_event ev[BATCH];
	int set = o->fd, ms = -1, n, err, old;

	if (until != EMU_NEVER) {
		int64_t left = until - emu_now();

		if (left > 0 && emu_observer.sleeps != NULL &&
		    emu_observer.sleeps(left)) {
			emu_drain(o);
			return 0;
		}
		ms = to_ms(left);
	}
	o->sleepers++;
	pthread_mutex_unlock(&mutex);
	pthread_setcancelstate(saved->cancel, &old);
	n = real.epoll_pwait(set, ev, BATCH, ms, &saved->mask);
	err = n < 0 ? -errno : 0;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	pthread_mutex_lock(&mutex);
	o->sleepers--;
	collect(set, ev, n);
	return err;
}

void emu_changed(struct emu_object *o)
{
	const uint64_t one = 1;

	if (o->sleepers > 0)
		(void)!real.write(bell, &one, sizeof(one));
}

/* ---- Counters ------------------------------------------------------------------- */

static unsigned calls[EMU_CALLS];
static unsigned faults[EMU_FAULTS];
static unsigned limits[EMU_LIMITS];

static struct {
	int	err;
	unsigned	seen, first, times;
} failing[EMU_CALLS], failing_change;

#define LOAD(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define STORE(x, v)	__atomic_store_n(&(x), v, __ATOMIC_RELAXED)

unsigned emu_calls(enum emu_call call)
{
	return LOAD(calls[call]);
}

unsigned emu_faults(enum emu_fault fault)
{
	return LOAD(faults[fault]);
}

const char *emu_fault_text(enum emu_fault fault)
{
	static const char *const texts[EMU_FAULTS] = {
		"changed or removed what is not there",
		"named a descriptor that is not open",
		"destroyed an object with descriptors in it",
		"used in a forked child what its parent has opened",
		"destroyed a port that timers report to",
	};

	return texts[fault];
}

void emu_reset(void)
{
	struct emu_saved saved;
	int i;

	emu_lock(&saved);
	for (i = 0; i < EMU_CALLS; i++) {
		STORE(calls[i], 0);
		failing[i].times = 0;
	}
	failing_change.times = 0;
	emu_unlock(&saved);
}

void emu_fail(enum emu_call call, int err, unsigned nth, unsigned times)
{
	struct emu_saved saved;

	emu_lock(&saved);
	failing[call].err = err;
	failing[call].seen = 0;
	failing[call].first = nth;
	failing[call].times = times;
	emu_unlock(&saved);
}

void emu_fail_change(unsigned nth, int err)
{
	struct emu_saved saved;

	emu_lock(&saved);
	failing_change.err = err;
	failing_change.seen = 0;
	failing_change.first = nth;
	failing_change.times = 1;
	emu_unlock(&saved);
}

int emu_called(enum emu_call call)
{
	STORE(calls[call], calls[call] + 1);
	if (failing[call].times == 0 ||
	    ++failing[call].seen < failing[call].first)
		return 0;
	failing[call].times--;
	return failing[call].err;
}

int emu_change(void)
{
	if (failing_change.times == 0 ||
	    ++failing_change.seen < failing_change.first)
		return 0;
	failing_change.times--;
	return failing_change.err;
}

void emu_fault(enum emu_fault fault)
{
	STORE(faults[fault], faults[fault] + 1);
}

void emu_limit(enum emu_limit limit, unsigned n)
{
	STORE(limits[limit], n);
}

unsigned emu_limit_of(enum emu_limit limit, unsigned usual)
{
	unsigned n = LOAD(limits[limit]);

	return n != 0 ? n : usual;
}

/* ---- What is replaced --------------------------------------------------------------- */

/* A child of vfork(2) has its own descriptors, but our memory. */
static int mine(void)
{
	find_real();
	return getpid() == owner;
}

/* FD is about to mean something else. */
static void forget(int fd)
{
	struct emu_object *o, *next;

	if (fd < 0)
		return;
	set_shut(fd, 0);
	for (o = objects; o != NULL; o = next) {
		next = o->next;
		if (o->fd == fd) {
			object_remove(o);
			o->class->destroy(o);
		} else {
			o->class->closing(o, fd);
		}
	}
}

REPLACED int close(int fd)
{
	struct emu_saved saved;
	int ret;

	if (!mine())
		return real.close(fd);
	emu_lock(&saved);
	forget(fd);
	ret = real.close(fd);
	emu_unlock(&saved);
	return ret;
}

static void rename_object(int from, int to)
{
	struct emu_object *o = objects;

	while (o != NULL && o->fd != from)
		o = o->next;
	if (o == NULL)
		return;
	o->fd = to;
	if (o->class->renamed != NULL)
		o->class->renamed(o, from);
}

/* FLAGS: -1 for dup2(). */
static int dup_over(int from, int to, int flags)
{
	struct emu_saved saved;
	int ret;

	if (!mine() || from == to)
		return flags < 0 ? real.dup2(from, to) :
		       real.dup3(from, to, flags);
	emu_lock(&saved);
	if (emu_state(from) != POLLNVAL)
		forget(to);
	ret = flags < 0 ? real.dup2(from, to) : real.dup3(from, to, flags);
	if (ret >= 0)
		rename_object(from, to);
	emu_unlock(&saved);
	return ret;
}

REPLACED int dup2(int from, int to)
{
	return dup_over(from, to, -1);
}

REPLACED int dup3(int from, int to, int flags)
{
	return dup_over(from, to, flags);
}

REPLACED int shutdown(int fd, int how)
{
	struct emu_saved saved;
	int ret;

	if (!mine())
		return real.shutdown(fd, how);
	emu_lock(&saved);
	ret = real.shutdown(fd, how);
	if (ret == 0 && how != SHUT_RD)
		set_shut(fd, 1);
	emu_unlock(&saved);
	return ret;
}
