/* SPDX-License-Identifier: MIT */
/*
 * inject.c - makes calls of the library fail: for LD_PRELOAD.
 *
 * Only calls that return into libivykis.so are counted.  What cannot fail is
 * listed in infallible.txt; complete.sh compares both lists with the library.
 *
 * Environment, and torture_begin():
 *	TORTURE		rules CALL/MODE/N/ERRNO, separated by commas.  MODE is
 *			'o': the Nth call fails; 'p': that and the next; 'b':
 *			that and 19 more; 'f': all from then on; 'r': each with
 *			N percent.  ERRNO 0: does only one byte
 *	TORTURE_SEED	for 'r'
 *	TORTURE_PAGE	file to which what was counted is mapped
 *
 * With the emulated kernels the library is libivykis-emulated.so, and their own
 * calls do not count.
 *
 * A call that fails is not made, unless the error says that it has had its
 * effect: close(2) always has, and "not there" is true afterwards.
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
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "inject.h"
#include "port.h"
#include "sys/devpoll.h"
#include "sys/event.h"

#define MAX_RULES	64
#define MAX_KINDS	96
#define MAX_BLOCKS	65536	/* a power of two */
#define BURST		20

struct rule {
	char	call[32];
	char	mode;
	unsigned n;
	int	err;
};

/* Shared with the children that a process starts. */
struct page {
	char		name[MAX_KINDS][32];
	unsigned	calls[MAX_KINDS];
	unsigned	failed;
	unsigned	dice;
};

static struct rule rules[MAX_RULES];
static unsigned rule_count;
static uintptr_t lowest, highest;
static struct page private_page;
static struct page *page = &private_page;

/* ---- Rules -------------------------------------------------------------- */

static void add_rule(char *text)
{
	struct rule *r = &rules[rule_count];
	char *save;
	const char *call = strtok_r(text, "/", &save);
	const char *mode = strtok_r(NULL, "/", &save);
	const char *n = strtok_r(NULL, "/", &save);
	const char *err = strtok_r(NULL, "/", &save);

	if (err == NULL || rule_count == MAX_RULES)
		abort();
	strncpy(r->call, call, sizeof(r->call) - 1);
	r->mode = *mode;
	r->n = (unsigned)atoi(n);
	r->err = atoi(err);
	rule_count++;
}

static void set_rules(const char *text)
{
	static char copy[MAX_RULES * 40];
	char *save;
	char *rule;

	rule_count = 0;
	memset(rules, 0, sizeof(rules));
	if (text == NULL)
		return;
	strncpy(copy, text, sizeof(copy) - 1);
	for (rule = strtok_r(copy, ",", &save); rule != NULL;
	     rule = strtok_r(NULL, ",", &save))
		add_rule(rule);
}

void torture_begin(const char *text)
{
	const char *seed = getenv("TORTURE_SEED");

	memset(page->calls, 0, sizeof(page->calls));
	page->failed = 0;
	page->dice = seed != NULL ? (unsigned)atoi(seed) * 2654435761u : 1;
	set_rules(text);
}

void torture_heal(void)
{
	set_rules(NULL);
}

void torture_end(void)
{
	lowest = highest = 0;
}

const char *torture_count(unsigned i, unsigned *calls)
{
	if (i >= MAX_KINDS || page->name[i][0] == '\0')
		return NULL;
	*calls = page->calls[i];
	return page->name[i];
}

unsigned torture_failed(void)
{
	return page->failed;
}

static int find_library(struct dl_phdr_info *info, size_t size, void *unused)
{
	int i;

	(void)size;
	(void)unused;
	if (strstr(info->dlpi_name, "/libivykis") == NULL)
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

static void map_page(const char *name)
{
	int fd = -1;
	void *p;

	if (name != NULL)
		fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0 && ftruncate(fd, sizeof(struct page)) < 0)
		abort();
	p = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE,
		 MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
	if (p == MAP_FAILED)
		abort();
	if (fd >= 0)
		close(fd);
	page = p;
}

/* A program that is executed by the one under test is not under test. */
__attribute__((constructor)) static void start(void)
{
	dl_iterate_phdr(find_library, NULL);
	map_page(getenv("TORTURE_PAGE"));
	torture_begin(getenv("TORTURE"));
	unsetenv("LD_PRELOAD");
}

static unsigned roll(void)
{
	unsigned x = __atomic_add_fetch(&page->dice, 2654435769u,
					__ATOMIC_RELAXED);

	x = (x ^ (x >> 16)) * 0x45d9f3bu;
	x = (x ^ (x >> 16)) * 0x45d9f3bu;
	return (x ^ (x >> 16)) % 100;
}

static int hits(const struct rule *r, unsigned nth)
{
	switch (r->mode) {
	case 'o':
		return nth == r->n;
	case 'p':
		return nth == r->n || nth == r->n + 1;
	case 'b':
		return nth >= r->n && nth < r->n + BURST;
	case 'f':
		return nth >= r->n;
	default:
		return roll() < r->n;
	}
}

/* Two threads may make the same new kind: which of them does is all one. */
static unsigned kind_of(const char *call)
{
	unsigned i;

	for (i = 0; i < MAX_KINDS && page->name[i][0] != '\0'; i++)
		if (strcmp(page->name[i], call) == 0)
			return i;
	if (i == MAX_KINDS)
		abort();
	strncpy(page->name[i], call, sizeof(page->name[i]) - 1);
	return i;
}

static int ours(const void *caller)
{
	return (uintptr_t)caller >= lowest && (uintptr_t)caller < highest;
}

/* -1: to be made.  Otherwise how it fails. */
static int verdict(const char *call, const void *caller)
{
	unsigned nth, i;

	if (!ours(caller))
		return -1;
	nth = __atomic_add_fetch(&page->calls[kind_of(call)], 1,
				 __ATOMIC_RELAXED);
	for (i = 0; i < rule_count; i++) {
		if (strcmp(rules[i].call, call) != 0 || !hits(&rules[i], nth))
			continue;
		__atomic_add_fetch(&page->failed, 1, __ATOMIC_RELAXED);
		return rules[i].err;
	}
	return -1;
}

/* ---- Wrappers ------------------------------------------------------------- */

#define CALLER	__builtin_return_address(0)

/* The next definition after this one. */
#define REAL(type, name, params)					\
	static type (*real) params;					\
									\
	if (real == NULL)						\
		*(void **)&real = dlsym(RTLD_NEXT, #name)

#define FAILING(type, name, kind, params, args, failure)		\
type name params							\
{									\
	int err = verdict(kind, CALLER);				\
	REAL(type, name, params);					\
									\
	if (err < 0)							\
		return real args;					\
	failure;							\
}

#define ERRNO(result)	do { errno = err; return result; } while (0)

#define CALL(type, name, params, args)					\
	FAILING(type, name, #name, params, args, ERRNO((type)-1))

/* These return their error. */
#define CODE(name, params, args)					\
	FAILING(int, name, #name, params, args, return err)

/* ---- Memory ------------------------------------------------------------- */

#ifdef __GLIBC__
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void __libc_free(void *p);
#endif

/* A hash table of what the library holds, by address. */
static uintptr_t blocks[MAX_BLOCKS];
static unsigned block_count;
static pthread_mutex_t block_lock = PTHREAD_MUTEX_INITIALIZER;

static unsigned block_home(uintptr_t p)
{
	return (unsigned)((p >> 4) * 0x9e3779b97f4a7c15u >> 40) &
	       (MAX_BLOCKS - 1);
}

/* 1 marks where one was. */
static void block_add(void *p, const void *caller)
{
	unsigned i;

	if (p == NULL || !ours(caller))
		return;
	pthread_mutex_lock(&block_lock);
	for (i = block_home((uintptr_t)p); blocks[i] > 1;
	     i = (i + 1) & (MAX_BLOCKS - 1))
		;
	blocks[i] = (uintptr_t)p;
	block_count++;
	pthread_mutex_unlock(&block_lock);
}

static void block_remove(void *p)
{
	unsigned i;

	if (p == NULL || block_count == 0)
		return;
	pthread_mutex_lock(&block_lock);
	for (i = block_home((uintptr_t)p); blocks[i] != 0;
	     i = (i + 1) & (MAX_BLOCKS - 1)) {
		if (blocks[i] != (uintptr_t)p)
			continue;
		blocks[i] = 1;
		block_count--;
		break;
	}
	pthread_mutex_unlock(&block_lock);
}

unsigned torture_blocks(void)
{
	unsigned n;

	pthread_mutex_lock(&block_lock);
	n = block_count;
	pthread_mutex_unlock(&block_lock);
	return n;
}

static int no_memory(const char *name, const void *caller)
{
	int err = verdict(name, caller);

	if (err >= 0)
		errno = err;
	return err >= 0;
}

void *malloc(size_t size)
{
	void *p;

	if (no_memory("malloc", CALLER))
		return NULL;
	p = __libc_malloc(size);
	block_add(p, CALLER);
	return p;
}

void *calloc(size_t n, size_t size)
{
	void *p;

	if (no_memory("calloc", CALLER))
		return NULL;
	p = __libc_calloc(n, size);
	block_add(p, CALLER);
	return p;
}

void *realloc(void *old, size_t size)
{
	void *p;

	if (no_memory("realloc", CALLER))
		return NULL;
	block_remove(old);
	p = __libc_realloc(old, size);
	block_add(p != NULL ? p : old, CALLER);
	return p;
}

void free(void *p)
{
	block_remove(p);
	__libc_free(p);
}

/* ---- Descriptors ---------------------------------------------------------- */

CALL(int, pipe, (int fds[2]), (fds))
CALL(int, pipe2, (int fds[2], int flags), (fds, flags))
CALL(int, eventfd, (unsigned n, int flags), (n, flags))
CALL(int, epoll_create1, (int flags), (flags))
CALL(int, timerfd_create, (clockid_t clock, int flags), (clock, flags))
CALL(int, timerfd_settime, (int fd, int flags, const struct itimerspec *at,
			    struct itimerspec *old), (fd, flags, at, old))
CALL(int, inotify_init1, (int flags), (flags))
CALL(int, inotify_add_watch, (int fd, const char *path, uint32_t mask),
     (fd, path, mask))
CALL(int, dup2, (int from, int to), (from, to))
CALL(int, fstat, (int fd, struct stat *st), (fd, st))
CALL(int, stat, (const char *path, struct stat *st), (path, st))
CALL(int, lstat, (const char *path, struct stat *st), (path, st))
CALL(int, statfs, (const char *path, struct statfs *fs), (path, fs))
CALL(int, fstatfs, (int fd, struct statfs *fs), (fd, fs))
CALL(ssize_t, readlink, (const char *path, char *buf, size_t size),
     (path, buf, size))
CALL(int, setsockopt, (int fd, int level, int name, const void *value,
		       socklen_t size), (fd, level, name, value, size))

FAILING(int, close, "close", (int fd), (fd), real(fd); ERRNO(-1))
FAILING(int, inotify_rm_watch, "inotify_rm_watch", (int fd, int wd), (fd, wd),
	real(fd, wd); ERRNO(-1))
FAILING(int, shutdown, "shutdown", (int fd, int how), (fd, how),
	real(fd, how); ERRNO(-1))

static const char *ctl_kind(int op)
{
	switch (op) {
	case EPOLL_CTL_ADD:
		return "epoll_ctl:add";
	case EPOLL_CTL_MOD:
		return "epoll_ctl:mod";
	default:
		return "epoll_ctl:del";
	}
}

int epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev)
{
	int err = verdict(ctl_kind(op), CALLER);
	REAL(int, epoll_ctl, (int, int, int, struct epoll_event *));

	if (err < 0)
		return real(epfd, op, fd, ev);
	if (err == ENOENT || err == EBADF)
		real(epfd, EPOLL_CTL_DEL, fd, ev);
	else if (err == EEXIST)
		real(epfd, op, fd, ev);
	ERRNO(-1);
}

int open(const char *path, int flags, ...)
{
	int err = verdict("open", CALLER);
	unsigned mode = 0;
	va_list ap;
	REAL(int, open, (const char *, int, ...));

	va_start(ap, flags);
	if (flags & O_CREAT)
		mode = va_arg(ap, unsigned);
	va_end(ap);
	if (err < 0)
		return real(path, flags, mode);
	ERRNO(-1);
}

static const char *fcntl_kind(int cmd)
{
	return cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC ? "fcntl:dup" : "fcntl";
}

/* Its third argument is an int, a pointer or absent. */
int fcntl(int fd, int cmd, ...)
{
	int err = verdict(fcntl_kind(cmd), CALLER);
	va_list ap;
	long arg;
	REAL(int, fcntl, (int, int, ...));

	va_start(ap, cmd);
	arg = va_arg(ap, long);
	va_end(ap);
	if (err < 0)
		return real(fd, cmd, arg);
	ERRNO(-1);
}

int ioctl(int fd, unsigned long request, ...)
{
	int err = verdict(request == DP_POLL ? "DP_POLL" : "ioctl", CALLER);
	va_list ap;
	void *arg;
	REAL(int, ioctl, (int, unsigned long, ...));

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (err < 0)
		return real(fd, request, arg);
	ERRNO(-1);
}

/* ---- Data ----------------------------------------------------------------- */

/* The user's data goes through sockets, by way of which more can go wrong. */
static const char *data_kind(int fd, const char *data, const char *other)
{
	int type, err = errno;
	socklen_t size = sizeof(type);
	int socket = getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;

	errno = err;
	return socket && type == SOCK_STREAM ? data : other;
}

#define SHORT(result)							\
	do {								\
		if (err == 0)						\
			return result;					\
		ERRNO(-1);						\
	} while (0)

FAILING(ssize_t, read, data_kind(fd, "read:data", "read"),
	(int fd, void *buf, size_t n), (fd, buf, n),
	SHORT(real(fd, buf, n > 0)))
FAILING(ssize_t, write, data_kind(fd, "write:data", "write"),
	(int fd, const void *buf, size_t n), (fd, buf, n),
	SHORT(real(fd, buf, n > 0)))
CALL(ssize_t, recv, (int fd, void *buf, size_t n, int flags),
     (fd, buf, n, flags))
CALL(ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n))
FAILING(ssize_t, splice, "splice",
	(int in, off_t *in_at, int out, off_t *out_at, size_t n,
	 unsigned flags),
	(in, in_at, out, out_at, n, flags),
	SHORT(real(in, in_at, out, out_at, 1, flags)))

/* ---- Waiting and time ------------------------------------------------------ */

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
CALL(int, clock_gettime, (clockid_t clock, struct timespec *now), (clock, now))

/* ---- Other kernels ---------------------------------------------------------- */

CALL(int, kqueue, (void), ())

/* Changes are applied before the wait, which alone can be interrupted. */
int kevent(int kq, const struct kevent *changes, int nchanges,
	   struct kevent *events, int nevents, const struct timespec *ts)
{
	int waits = nchanges == 0 && nevents > 0;
	int err = verdict(waits ? "kevent:wait" : "kevent", CALLER);
	REAL(int, kevent, (int, const struct kevent *, int, struct kevent *,
			   int, const struct timespec *));

	if (err < 0)
		return real(kq, changes, nchanges, events, nevents, ts);
	ERRNO(-1);
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

/* ---- Threads, children, signals --------------------------------------------- */

CODE(pthread_create, (pthread_t *t, const pthread_attr_t *attr,
		      void *(*fn)(void *), void *arg), (t, attr, fn, arg))
CODE(pthread_key_create, (pthread_key_t *key, void (*fn)(void *)), (key, fn))
CODE(pthread_mutex_init, (pthread_mutex_t *m, const pthread_mutexattr_t *a),
     (m, a))

/* It may need memory for the first value, and not for others. */
FAILING(int, pthread_setspecific,
	p != NULL && pthread_getspecific(key) == NULL ?
		"pthread_setspecific" : "pthread_setspecific:next",
	(pthread_key_t key, const void *p), (key, p), return err)

/* What pthread_atfork() is, in glibc. */
int __register_atfork(void (*before)(void), void (*parent)(void),
		      void (*child)(void), void *dso);
CODE(__register_atfork, (void (*before)(void), void (*parent)(void),
			 void (*child)(void), void *dso),
     (before, parent, child, dso))

CALL(pid_t, fork, (void), ())
CALL(int, execv, (const char *file, char *const argv[]), (file, argv))
CALL(int, execve, (const char *file, char *const argv[], char *const env[]),
     (file, argv, env))
CALL(int, chdir, (const char *dir), (dir))

/* It cannot return twice to its caller from here: as emulators do, fork(2). */
pid_t vfork(void)
{
	int err = verdict("vfork", CALLER);

	if (err < 0)
		return fork();
	ERRNO(-1);
}

/* They leave the client in the queue. */
CALL(int, accept, (int fd, __SOCKADDR_ARG from, socklen_t *len),
     (fd, from, len))
CALL(int, accept4, (int fd, __SOCKADDR_ARG from, socklen_t *len, int flags),
     (fd, from, len, flags))

CALL(int, kill, (pid_t pid, int sig), (pid, sig))

/* It fails for what is no signal, or may not be handled: neither can be found
   out when an action is put back, nor of SIGCHLD. */
static const char *sigaction_kind(int sig, const struct sigaction *sa)
{
	if (sig == SIGPIPE || sig == SIGURG)
		return "sigaction";
	return sig == SIGCHLD || sa == NULL || sa->sa_handler == SIG_DFL ||
	       sa->sa_handler == SIG_IGN ? "sigaction:back" : "sigaction";
}

FAILING(int, sigaction, sigaction_kind(sig, sa),
	(int sig, const struct sigaction *sa, struct sigaction *old),
	(sig, sa, old), ERRNO(-1))

CALL(int, waitid, (idtype_t type, id_t id, siginfo_t *info, int options),
     (type, id, info, options))
CALL(int, getrlimit, (__rlimit_resource_t what, struct rlimit *limit),
     (what, limit))
CALL(int, setrlimit, (__rlimit_resource_t what, const struct rlimit *limit),
     (what, limit))

/* ECHILD: somebody else has been faster, so there must have been a status. */
#define TAKEN(call)							\
	do {								\
		if (err == ECHILD && (call) == 0)			\
			return 0;					\
		ERRNO(-1);						\
	} while (0)

FAILING(pid_t, wait4, "wait4",
	(pid_t pid, int *status, int options, struct rusage *ru),
	(pid, status, options, ru), TAKEN(real(pid, status, options, ru)))
FAILING(pid_t, waitpid, "waitpid", (pid_t pid, int *status, int options),
	(pid, status, options), TAKEN(real(pid, status, options)))

__sighandler_t signal(int sig, __sighandler_t handler)
{
	int err = verdict("signal", CALLER);
	REAL(__sighandler_t, signal, (int, __sighandler_t));

	if (err < 0)
		return real(sig, handler);
	ERRNO(SIG_ERR);
}

static const char *syscall_kind(long nr)
{
	switch (nr) {
	case SYS_write:
		return "write";
	case SYS_pidfd_open:
		return "pidfd_open";
	case SYS_pidfd_send_signal:
		return "pidfd_send_signal";
	case SYS_waitid:
		return "waitid:pidfd";
#ifdef SYS_close_range
	case SYS_close_range:
		return "close_range";
#endif
	case SYS_getdents64:
		return "getdents64";
	default:
		return NULL;
	}
}

long syscall(long nr, ...)
{
	const char *kind = syscall_kind(nr);
	int err = kind != NULL ? verdict(kind, CALLER) : -1;
	va_list ap;
	long a[6];
	int i;
	REAL(long, syscall, (long, ...));

	va_start(ap, nr);
	for (i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (err < 0)
		return real(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	/* As TAKEN(). */
	if (nr == SYS_waitid && err == ECHILD) {
		long ret = real(nr, a[0], a[1], a[2], a[3], a[4]);

		if (ret < 0 || ((siginfo_t *)a[2])->si_pid == 0)
			return ret;
	}
	ERRNO(-1);
}
