/* SPDX-License-Identifier: MIT */
/*
 * inject.c - makes calls of the library fail; for LD_PRELOAD.
 *
 * Only calls whose return address lies in a library called libivykis count.
 *
 *	TORTURE=CALL/MODE/N/ERRNO[,...]
 *		MODE once: the Nth call fails; pair: the Nth and the next; on:
 *		all from the Nth on; random: each with N per cent.  ERRNO is a
 *		number; 0: what is read or written is short.
 *	TORTURE_SEED=NUMBER	for random
 *	TORTURE_LOG=FILE	gets the name of each call that counts
 *
 * A call that fails is not made, except for close(2): Linux closes anyway.
 * With the emulated kernels the library is libivykis-emulated, and their own
 * calls do not count.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "port.h"
#include "sys/devpoll.h"
#include "sys/event.h"

#define EXPORT __attribute__((visibility("default")))

/* ---- Rules --------------------------------------------------------------- */

#define MOST_RULES	16

enum mode { ONCE, PAIR, ON, RANDOM };

struct rule {
	char		call[24];
	enum mode	mode;
	int		n;
	int		err;
	int		seen;
};

static const char *const mode_names[] = { "once", "pair", "on", "random" };
static struct rule rules[MOST_RULES];
static int rule_count;
static unsigned dice;

static enum mode mode_called(const char *name)
{
	int mode;

	for (mode = ONCE; mode <= RANDOM; mode++)
		if (strcmp(mode_names[mode], name) == 0)
			return (enum mode)mode;
	abort();
}

static void add_rule(char *text)
{
	struct rule *r = &rules[rule_count++];
	char *save, *call = strtok_r(text, "/", &save);
	char *mode = strtok_r(NULL, "/", &save);
	char *n = strtok_r(NULL, "/", &save);
	char *err = strtok_r(NULL, "/", &save);

	if (err == NULL || rule_count == MOST_RULES)
		abort();
	strncpy(r->call, call, sizeof(r->call) - 1);
	r->mode = mode_called(mode);
	r->n = atoi(n);
	r->err = atoi(err);
}

static int percent(void)
{
	unsigned x = __atomic_add_fetch(&dice, 2654435769U, __ATOMIC_RELAXED);

	x = (x ^ x >> 16) * 0x45d9f3bU;
	return (int)((x ^ x >> 16) % 100);
}

static int hits(struct rule *r)
{
	int nth = __atomic_add_fetch(&r->seen, 1, __ATOMIC_RELAXED);

	switch (r->mode) {
	case ONCE:
		return nth == r->n;
	case PAIR:
		return nth == r->n || nth == r->n + 1;
	case ON:
		return nth >= r->n;
	default:
		return percent() < r->n;
	}
}

/* ---- Who calls ------------------------------------------------------------- */

static uintptr_t lowest, highest;
static int log_fd = -1;

static int find_library(struct dl_phdr_info *info, size_t size, void *unused)
{
	int i;

	(void)size;
	(void)unused;
	if (strstr(info->dlpi_name, "libivykis") == NULL)
		return 0;
	for (i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
			continue;
		lowest = info->dlpi_addr + p->p_vaddr;
		highest = lowest + p->p_memsz;
	}
	return 1;
}

static int is_library(const void *caller)
{
	return (uintptr_t)caller >= lowest && (uintptr_t)caller < highest;
}

static void log_call(const char *call)
{
	char line[32];
	size_t len = strlen(call);

	memcpy(line, call, len);
	line[len] = '\n';
	syscall(SYS_write, log_fd, line, len + 1);
}

/* -1: make the call.  Else how it fails. */
static int verdict(const char *call, const void *caller)
{
	int i, err = -1;

	if (!is_library(caller))
		return -1;
	if (log_fd >= 0)
		log_call(call);
	for (i = 0; i < rule_count; i++)
		if (strcmp(rules[i].call, call) == 0 && hits(&rules[i]))
			err = rules[i].err;
	return err;
}

/* What the program executes is not to be disturbed. */
__attribute__((constructor)) static void start(void)
{
	const char *name = getenv("TORTURE_LOG"), *seed = getenv("TORTURE_SEED");
	char *text, *save, *spec = getenv("TORTURE");

	dice = seed != NULL ? (unsigned)atoi(seed) * 2654435761U : 1;
	if (name != NULL) {
		int fd = open(name, O_WRONLY | O_CREAT | O_APPEND, 0600);

		log_fd = fcntl(fd, F_DUPFD_CLOEXEC, 200);
		close(fd);
	}
	if (spec != NULL)
		for (text = strtok_r(strdup(spec), ",", &save); text != NULL;
		     text = strtok_r(NULL, ",", &save))
			add_rule(text);
	dl_iterate_phdr(find_library, NULL);
	unsetenv("LD_PRELOAD");
}

/* ---- Memory ------------------------------------------------------------------ */

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void __libc_free(void *);

#define MOST_BLOCKS	65536

static void *blocks[MOST_BLOCKS];
static pthread_mutex_t blocks_lock = PTHREAD_MUTEX_INITIALIZER;
static int blocks_held;

/* How many blocks of memory the library has, whoever frees them. */
EXPORT int torture_blocks(void);

int torture_blocks(void)
{
	return __atomic_load_n(&blocks_held, __ATOMIC_RELAXED);
}

static unsigned first_slot(const void *p)
{
	return (unsigned)((uintptr_t)p >> 4) * 2654435761U % MOST_BLOCKS;
}

#define DELETED ((void *)1)

static void remember(void *p)
{
	unsigned i = first_slot(p);

	pthread_mutex_lock(&blocks_lock);
	while (blocks[i] != NULL && blocks[i] != DELETED)
		i = (i + 1) % MOST_BLOCKS;
	blocks[i] = p;
	blocks_held++;
	pthread_mutex_unlock(&blocks_lock);
}

static void forget(const void *p)
{
	unsigned i = first_slot(p);

	if (torture_blocks() == 0)
		return;
	pthread_mutex_lock(&blocks_lock);
	while (blocks[i] != NULL && blocks[i] != p)
		i = (i + 1) % MOST_BLOCKS;
	if (blocks[i] == p) {
		blocks[i] = DELETED;
		blocks_held--;
	}
	pthread_mutex_unlock(&blocks_lock);
}

static void *given(void *p, const void *caller)
{
	if (p != NULL && is_library(caller))
		remember(p);
	return p;
}

#define CALLER __builtin_return_address(0)

EXPORT void *malloc(size_t size)
{
	int err = verdict("malloc", CALLER);

	if (err < 0)
		return given(__libc_malloc(size), CALLER);
	errno = err;
	return NULL;
}

EXPORT void *calloc(size_t n, size_t size)
{
	int err = verdict("calloc", CALLER);

	if (err < 0)
		return given(__libc_calloc(n, size), CALLER);
	errno = err;
	return NULL;
}

EXPORT void *realloc(void *p, size_t size)
{
	int err = verdict("realloc", CALLER);

	if (err < 0) {
		if (p != NULL)
			forget(p);
		return given(__libc_realloc(p, size), CALLER);
	}
	errno = err;
	return NULL;
}

EXPORT void free(void *p)
{
	if (p != NULL)
		forget(p);
	__libc_free(p);
}

/* ---- Wrappers ------------------------------------------------------------------ */

/* The next definition after this one. */
#define FIND(name)							\
	do {								\
		if (real_##name == NULL)				\
			*(void **)&real_##name = dlsym(RTLD_NEXT, #name); \
	} while (0)

/* Before main(), since a signal handler may be the first to call. */
#define REAL(type, name, params)					\
static type (*real_##name) params;					\
__attribute__((constructor)) static void find_##name(void)		\
{									\
	FIND(name);							\
}

#define WRAPPER(type, name, params, args, failure)			\
REAL(type, name, params)						\
EXPORT type name params;						\
type name params							\
{									\
	int err = verdict(#name, CALLER);				\
									\
	FIND(name);							\
	if (err < 0)							\
		return real_##name args;				\
	failure;							\
}

#define CALL(type, name, params, args)					\
	WRAPPER(type, name, params, args, errno = err; return (type)-1)

/* These return their error. */
#define CODE(name, params, args)					\
	WRAPPER(int, name, params, args, return err)

#define SHORTENED(type, name, params, args, some)			\
	WRAPPER(type, name, params, args,				\
		if (err == 0) return some; errno = err; return -1)

/* ---- Descriptors ------------------------------------------------------------------ */

CALL(int, pipe, (int fds[2]), (fds))
CALL(int, pipe2, (int fds[2], int flags), (fds, flags))
CALL(int, eventfd, (unsigned n, int flags), (n, flags))
CALL(int, epoll_create1, (int flags), (flags))
CALL(int, timerfd_create, (int clock, int flags), (clock, flags))
CALL(int, timerfd_settime, (int fd, int flags, const struct itimerspec *at,
			    struct itimerspec *old), (fd, flags, at, old))
CALL(int, inotify_init1, (int flags), (flags))
CALL(int, inotify_add_watch, (int fd, const char *path, uint32_t mask),
     (fd, path, mask))
CALL(int, inotify_rm_watch, (int fd, int wd), (fd, wd))
CALL(int, dup2, (int from, int to), (from, to))
CALL(int, fstat, (int fd, struct stat *st), (fd, st))
CALL(int, setsockopt, (int fd, int level, int name, const void *value,
		       socklen_t len), (fd, level, name, value, len))
CALL(int, shutdown, (int fd, int how), (fd, how))
WRAPPER(int, close, (int fd), (fd),
	real_close(fd); errno = err; return -1)

/* Removing needs no memory. */
REAL(int, epoll_ctl, (int, int, int, struct epoll_event *))
EXPORT int epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev)
{
	int err = op == EPOLL_CTL_DEL ? -1 : verdict("epoll_ctl", CALLER);

	FIND(epoll_ctl);
	if (err < 0)
		return real_epoll_ctl(epfd, op, fd, ev);
	errno = err;
	return -1;
}

REAL(int, open, (const char *, int, ...))
EXPORT int open(const char *path, int flags, ...)
{
	int mode, err = verdict("open", CALLER);
	va_list ap;

	va_start(ap, flags);
	mode = flags & O_CREAT ? va_arg(ap, int) : 0;
	va_end(ap);
	FIND(open);
	if (err < 0)
		return real_open(path, flags, mode);
	errno = err;
	return -1;
}

/* Only duplicating can fail if the descriptor is open. */
REAL(int, fcntl, (int, int, ...))
EXPORT int fcntl(int fd, int cmd, ...)
{
	int err = cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC ?
		  verdict("fcntl", CALLER) : -1;
	va_list ap;
	long arg;

	va_start(ap, cmd);
	arg = va_arg(ap, long);
	va_end(ap);
	FIND(fcntl);
	if (err < 0)
		return real_fcntl(fd, cmd, arg);
	errno = err;
	return -1;
}

REAL(int, ioctl, (int, unsigned long, ...))
EXPORT int ioctl(int fd, unsigned long request, ...)
{
	int err = verdict(request == DP_POLL ? "DP_POLL" : "ioctl", CALLER);
	va_list ap;
	long arg;

	va_start(ap, request);
	arg = va_arg(ap, long);
	va_end(ap);
	FIND(ioctl);
	if (err < 0)
		return real_ioctl(fd, request, arg);
	errno = err;
	return -1;
}

/* ---- Data --------------------------------------------------------------------------- */

/* inotify(7) has no short reads: EINVAL. */
static ssize_t read_some(int fd, void *buf, size_t n);

SHORTENED(ssize_t, read, (int fd, void *buf, size_t n), (fd, buf, n),
	  read_some(fd, buf, n))

static ssize_t read_some(int fd, void *buf, size_t n)
{
	ssize_t ret = real_read(fd, buf, n < 8 ? n : 8);

	return ret < 0 && errno == EINVAL ? real_read(fd, buf, n) : ret;
}

SHORTENED(ssize_t, write, (int fd, const void *buf, size_t n), (fd, buf, n),
	  real_write(fd, buf, n < 8 ? n : 8))
SHORTENED(ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n),
	  real_writev(fd, v, 1))
SHORTENED(ssize_t, splice, (int in, off_t *in_at, int out, off_t *out_at,
			    size_t n, unsigned flags),
	  (in, in_at, out, out_at, n, flags),
	  real_splice(in, in_at, out, out_at, 1, flags))

/* ---- Waiting -------------------------------------------------------------------------- */

CALL(int, epoll_wait, (int fd, struct epoll_event *ev, int n, int ms),
     (fd, ev, n, ms))
CALL(int, epoll_pwait2, (int fd, struct epoll_event *ev, int n,
			 const struct timespec *ts, const sigset_t *set),
     (fd, ev, n, ts, set))
CALL(int, poll, (struct pollfd *fds, nfds_t n, int ms), (fds, n, ms))
CALL(int, ppoll, (struct pollfd *fds, nfds_t n, const struct timespec *ts,
		  const sigset_t *set), (fds, n, ts, set))
CALL(int, nanosleep, (const struct timespec *ts, struct timespec *left),
     (ts, left))

/* ---- Other kernels ------------------------------------------------------------------------ */

CALL(int, kqueue, (void), ())

/* Only waiting is interrupted, after all changes have been applied. */
REAL(int, kevent, (int, const struct kevent *, int, struct kevent *, int,
		   const struct timespec *))
EXPORT int kevent(int kq, const struct kevent *changes, int nchanges,
		  struct kevent *events, int nevents,
		  const struct timespec *ts)
{
	int err = verdict("kevent", CALLER);

	FIND(kevent);
	if (err < 0 || (err == EINTR && (nchanges > 0 || nevents == 0)))
		return real_kevent(kq, changes, nchanges, events, nevents, ts);
	errno = err;
	return -1;
}

CALL(int, port_create, (void), ())
CALL(int, port_associate, (int port, int source, uintptr_t object, int events,
			   void *user), (port, source, object, events, user))
CALL(int, port_send, (int port, int events, void *user), (port, events, user))
CALL(int, port_getn, (int port, port_event_t list[], uint_t max, uint_t *n,
		      struct timespec *ts), (port, list, max, n, ts))
CALL(int, timer_create, (clockid_t clock, struct sigevent *ev, timer_t *timer),
     (clock, ev, timer))
CALL(int, timer_settime, (timer_t timer, int flags,
			  const struct itimerspec *at, struct itimerspec *old),
     (timer, flags, at, old))

/* ---- Threads, children, clocks --------------------------------------------------------- */

CODE(pthread_create, (pthread_t *t, const pthread_attr_t *attr,
		      void *(*fn)(void *), void *arg), (t, attr, fn, arg))
CODE(pthread_key_create, (pthread_key_t *key, void (*fn)(void *)), (key, fn))
CODE(pthread_mutex_init, (pthread_mutex_t *m, const pthread_mutexattr_t *a),
     (m, a))
CODE(__register_atfork, (void (*before)(void), void (*parent)(void),
			 void (*child)(void), void *dso),
     (before, parent, child, dso))
CALL(pid_t, fork, (void), ())
CALL(int, execvp, (const char *file, char *const argv[]), (file, argv))
CALL(int, kill, (pid_t pid, int sig), (pid, sig))
CALL(pid_t, wait4, (pid_t pid, int *status, int options, struct rusage *ru),
     (pid, status, options, ru))
CALL(int, waitid, (idtype_t type, id_t id, siginfo_t *info, int options),
     (type, id, info, options))
CALL(pid_t, waitpid, (pid_t pid, int *status, int options),
     (pid, status, options))
CALL(int, getrlimit, (__rlimit_resource_t what, struct rlimit *limit),
     (what, limit))
CALL(int, setrlimit, (__rlimit_resource_t what, const struct rlimit *limit),
     (what, limit))

/* Only "the non-NULL value" may lack memory, says POSIX. */
REAL(int, pthread_setspecific, (pthread_key_t, const void *))
EXPORT int pthread_setspecific(pthread_key_t key, const void *value)
{
	int err = value == NULL ? -1 : verdict("pthread_setspecific", CALLER);

	FIND(pthread_setspecific);
	return err < 0 ? real_pthread_setspecific(key, value) : err;
}

REAL(long, syscall, (long, ...))
EXPORT long syscall(long nr, ...)
{
	int i, err = verdict("syscall", CALLER);
	long a[6];
	va_list ap;

	va_start(ap, nr);
	for (i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	FIND(syscall);
	if (err < 0)
		return real_syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	errno = err;
	return -1;
}
