/* SPDX-License-Identifier: MIT */
/*
 * sys.h - all that the library asks of an operating system.
 *
 * Porting means implementing this header; poll methods apart, nothing else
 * calls the system or looks at HAVE_* macros.  Functions returning int give 0
 * or a negative errno value unless they say otherwise.
 */
#ifndef IVI_SYS_SYS_H
#define IVI_SYS_SYS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <iv.h>
#include "base/compiler.h"

struct ivi_loop;

/* ---- clock.c ----------------------------------------------------------- */

/* The monotonic clock. */
void ivi_clock(struct timespec *now);

/* The same in nanoseconds. */
int64_t ivi_clock_ns(void);

/* Sleeps for that long, or until a signal. */
void ivi_nap(int64_t ns);

/* ---- fd.c -------------------------------------------------------------- */

int ivi_fd_cloexec(int fd);
int ivi_fd_nonblock(int fd);

/* False also if fd is not open. */
bool ivi_fd_is_cloexec(int fd);
bool ivi_fd_is_blocking(int fd);

/* -ENOTSOCK if fd is something else than a socket. */
int ivi_fd_oob_inline(int fd);

/* 0 if fd is open, else -EBADF. */
int ivi_fd_check(int fd);

/* What fd is ("regular file", "directory", ...), for messages. */
const char *ivi_fd_kind(int fd);

/* True if every poll method takes fd: a pipe or FIFO. */
bool ivi_fd_is_fifo(int fd);

/* A pipe with both ends close-on-exec; nonblocking if asked. */
int ivi_pipe(int fds[2], bool nonblock);

/*
 * Raises the soft limit on descriptors to 131072, or as near to it as the
 * hard limit (which root may raise) permits.  Never lowers either.
 */
void ivi_fd_limit_raise(void);

/* ---- wake.c ------------------------------------------------------------ */

/* A descriptor that another thread, process or signal handler makes readable:
   an eventfd (both members the same) or a pipe. */
struct ivi_wake {
	int	rfd;
	int	wfd;
};

int ivi_wake_open(struct ivi_wake *w);
void ivi_wake_close(struct ivi_wake *w);

/* Makes it readable.  Async-signal-safe, no cancellation point, keeps errno. */
void ivi_wake_post(const struct ivi_wake *w);

/* Makes it unreadable: 1 if it was readable, 0 if it was not. */
int ivi_wake_drain(const struct ivi_wake *w);

/* True if an edge-triggered watcher need not drain it. */
static inline bool ivi_wake_is_counter(const struct ivi_wake *w)
{
	return w->rfd == w->wfd;
}

/* ---- thread.c ---------------------------------------------------------- */

/*
 * The calling thread's loop, or NULL.  Async-signal-safe.  Constant over the
 * life of a loop; written by loop/loop.c only, through ivi_self_set().
 */
#ifdef __GLIBC__
/* The surplus of static TLS that glibc keeps serves dlopen()ed libraries
   too; the access is one instruction instead of a call. */
#define IVI_TLS_MODEL	__attribute__((tls_model("initial-exec")))
#else
#define IVI_TLS_MODEL
#endif
extern __thread struct ivi_loop *ivi_self_ IVI_TLS_MODEL
	__attribute__((visibility("hidden")));

static inline struct ivi_loop *ivi_self(void)
{
	return ivi_self_;
}

/*
 * Sets it, and arranges for AT_EXIT(loop) when the thread ends with a loop.
 */
int ivi_self_set(struct ivi_loop *loop, void (*at_exit)(void *loop));

/* Atomic for ThreadSanitizer only, to which the threads of the parent still
   exist in the child. */
extern unsigned ivi_fork_generation_ __attribute__((visibility("hidden")));

/* Grows by one in each forked child; never 0. */
static inline unsigned ivi_fork_generation(void)
{
	return __atomic_load_n(&ivi_fork_generation_, __ATOMIC_RELAXED);
}

/* To be called once, before the first fork that is to be noticed.  BEFORE is
   called before each fork, AFTER after it in the parent and in the child. */
int ivi_fork_watch(void (*before)(void), void (*after)(void));

/*
 * A lock for what takes less time than to sleep and be woken: where the system
 * has such a thing, who waits for it spins first.  0 or -errno.
 */
int ivi_mutex_init(pthread_mutex_t *m);

/* Gives way to other threads while spinning; N is the number of the try. */
void ivi_relax(unsigned n);

/* getenv(3), but NULL in a program with raised privileges (AT_SECURE). */
const char *ivi_getenv(const char *name);

/* SIGPIPE and SIGURG: ignored if nobody has set anything else. */
void ivi_ignore_default_signals(void);

/* In a forked child: takes that back.  Async-signal-safe. */
void ivi_unignore_default_signals(void);

/* ---- fatal.c: iv_fatal() ------------------------------------------------ */

/* configure --enable-debug: more mistakes are told, at some cost. */
#ifdef IVI_DEBUG
#define IVI_DEBUGGING	true
#else
#define IVI_DEBUGGING	false
#endif

/* One line on stderr about something that is not fatal; debug builds only. */
void ivi_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* "EBADF" etc., for messages; "errno 123" for what no call of ours gives. */
const char *ivi_errname(int err);

/* ---- What the loop lends to the modules (loop/loop.c, loop/tls.c) ------- */

/* iv_init() that returns a lack of memory or descriptors (-errno), for the
   threads of the library. */
int ivi_init(void);

/* Stops the program unless the calling thread has a loop. */
void ivi_require_loop(const char *function);

/*
 * Memory of a module in each loop that uses the module.
 * Made at first use, given up (fini, then freed) in iv_deinit() after the
 * users' own deinit_thread callbacks, the youngest first.
 */
enum ivi_slot_index {
	IVI_SLOT_SIGNAL,
	IVI_SLOT_WAIT,
	IVI_SLOT_THREAD,
	IVI_SLOT_WORK,
	IVI_SLOT_PUMP,
	IVI_SLOTS
};

struct ivi_slot {
	enum ivi_slot_index	index;
	size_t	size;
	int	(*init)(void *state);	/* may be NULL; 0 or -errno */
	void	(*fini)(void *state);	/* may be NULL */
	/* In a forked child, before the inherited loop waits again; or NULL. */
	void	(*forked)(void *state);
};

/* The calling thread's state; NULL and errno if it cannot be made. */
void *ivi_slot_get(const struct ivi_slot *slot);

/* The same if it exists already, else NULL.  Async-signal-safe. */
void *ivi_slot_peek(const struct ivi_slot *slot);

#endif
