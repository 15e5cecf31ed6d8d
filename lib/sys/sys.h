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

/*
 * True if ERR, the errno of a call that not every kernel has, means that it is
 * not to be had here.  Old kernels say ENOSYS or EINVAL; for seccomp(2) filters
 * and security modules it is whatever their authors chose.  So it is anything
 * that the call cannot say of its own accord.
 */
static inline bool ivi_absent(int err)
{
	return err != EINTR && err != EBADF && err != EFAULT &&
	       err != EAGAIN && err != EMFILE && err != ENFILE &&
	       err != ENOMEM;
}

/* ---- clock.c ----------------------------------------------------------- */

/* The monotonic clock. */
void ivi_clock(struct timespec *now);

/* The same in nanoseconds. */
int64_t ivi_clock_ns(void);

/* Sleeps for that long, or until a signal. */
void ivi_nap(int64_t ns);

/* ---- memory.c: iv_set_allocator() -------------------------------------- */

/* malloc(3), calloc(3), realloc(3) and free(3), by the program's allocator if
   it has one.  free() keeps errno. */
void *ivi_alloc(size_t size);
void *ivi_alloc_zeroed(size_t size);
void *ivi_realloc(void *p, size_t size);
void ivi_free(void *p);

/* ---- io.c -------------------------------------------------------------- */

/*
 * Between these two the calling thread is not cancelled: off() says what to
 * restore().  Whatever else in sys/ is a cancellation point is put between
 * them, so that only the loop's wait and user code are any.
 */
int ivi_cancel_off(void);
void ivi_cancel_restore(int old);

/* Keeps errno. */
void ivi_close(int fd);

/* If fd is a socket, its peer gets no more. */
void ivi_fd_end(int fd);

/* Bytes, or a negative errno value that is never -EINTR. */
ssize_t ivi_read(int fd, void *buf, size_t size);
ssize_t ivi_write(int fd, const void *buf, size_t size);

/* The same, async-signal-safe whatever the signal has interrupted. */
ssize_t ivi_write_in_handler(int fd, const void *buf, size_t size);

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

bool ivi_fd_is_socket(int fd);

/* True if fd is a socket with an error and no data before it.  Keeps the
   error where peeking does: not on Linux. */
bool ivi_fd_has_error(int fd);

/* True if fd is a regular file or a directory, which never block. */
bool ivi_fd_is_file(int fd);

/*
 * What fd is ready for at this moment: of WHAT, bits 1 (to read), 2 (to write)
 * and 4 (exceptional conditions), or all three: an error or hang-up.
 */
unsigned ivi_fd_ready(int fd, unsigned what);

/* A pipe with both ends close-on-exec; nonblocking if asked. */
int ivi_pipe(int fds[2], bool nonblock);

/*
 * Raises the soft limit on descriptors to 131072, or as near to it as the
 * hard limit (which root may raise) permits.  Never lowers either.
 */
void ivi_fd_limit_raise(void);

/* The soft limit, INT_MAX at most. */
int ivi_fd_limit(void);

/* ---- accept.c ---------------------------------------------------------- */

/* 0 if fd is a socket that listens, as far as is known; -EINVAL: it does not;
   -ENOTSOCK, -EBADF. */
int ivi_fd_listens(int fd);

/*
 * A descriptor, nonblocking and close-on-exec, with its peer's address, LEN
 * bytes of it; or -EAGAIN: there is none; -ECONNABORTED: maybe another one;
 * -EBADF, -EINVAL, -ENOTSOCK: there will be none.  Anything else is a lack of
 * something, and the client has to wait.
 */
int ivi_accept(int listener, struct sockaddr_storage *from, socklen_t *len);

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
 * The calling thread's loop, or NULL.  Async-signal-safe.  Written by
 * loop/loop.c only, through ivi_self_set().
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

static inline void ivi_self_set(struct ivi_loop *loop)
{
	__atomic_store_n(&ivi_self_, loop, __ATOMIC_RELAXED);
}

/* Tells the calling thread from all others that are alive, over a fork, too. */
static inline const void *ivi_thread_mark(void)
{
	return &ivi_self_;
}

/* What is known of the calling thread; thread.c only. */
struct ivi_thread {
	unsigned long	id;		/* 0: not asked for yet */
	unsigned	generation;	/* of the process, when it was */
	bool	watched;		/* its end is */
};

extern __thread struct ivi_thread ivi_thread_ IVI_TLS_MODEL
	__attribute__((visibility("hidden")));

/* AT_EXIT() is to be called when the calling thread ends, or not any more.
   0 or -errno. */
int ivi_exit_begin(void (*at_exit)(void));
void ivi_exit_forget(void);

static inline int ivi_exit_watch(void (*at_exit)(void))
{
	return ivi_likely(ivi_thread_.watched) ? 0 : ivi_exit_begin(at_exit);
}

/*
 * A lock for what takes less time than to sleep and be woken: where the system
 * has such a thing, who waits for it spins first.  0 or -errno.
 */
int ivi_mutex_init(pthread_mutex_t *m);

/* pthread_create(3) with default attributes, pthread_join(3) for a thread of
   these, and pthread_detach(3); 0 or -errno. */
int ivi_thread_start(pthread_t *thread, void *(*fn)(void *), void *arg);
int ivi_thread_join(pthread_t thread);

/* Nobody will join it. */
void ivi_thread_forget(pthread_t thread);

/* One thread waits, once, until another one has opened it.  In memory of the
   first, to which it may be gone as soon as it is open.  No cancellation point. */
struct ivi_latch {
	pthread_mutex_t	lock;
	pthread_cond_t	changed;
	bool	open;
	unsigned	generation;	/* of forks: nobody waits in a child */
};

void ivi_latch_init(struct ivi_latch *l);
void ivi_latch_open(struct ivi_latch *l);
void ivi_latch_wait(struct ivi_latch *l);

/* Gives way to other threads while spinning; N is the number of the try. */
void ivi_relax(unsigned n);

/* getenv(3), but NULL in a program with raised privileges (AT_SECURE). */
const char *ivi_getenv(const char *name);

/* SIGPIPE and SIGURG: ignored if nobody has set anything else. */
void ivi_ignore_default_signals(void);

/* In a forked child: takes that back.  Async-signal-safe. */
void ivi_unignore_default_signals(void);

/* ---- fork.c ------------------------------------------------------------ */

/* The generation of forks: grows by one in each forked child, never 0 but in
   a child of _Fork(3) or clone(2) that has not been noticed yet, and never the
   second of these. */
#define IVI_FIRST_GENERATION	1U
#define IVI_NO_GENERATION	(~0U)

extern unsigned *ivi_process __attribute__((visibility("hidden")));

static inline unsigned ivi_fork_generation(void)
{
	return __atomic_load_n(ivi_process, __ATOMIC_RELAXED);
}

/* iv_get_thread_id(), which it asks once in each process. */
unsigned long ivi_thread_ask(void);

static inline unsigned long ivi_thread_id(void)
{
	const struct ivi_thread *t = &ivi_thread_;

	return ivi_likely(t->id != 0 &&
			  t->generation == ivi_fork_generation()) ?
	       t->id : ivi_thread_ask();
}

/* Notices such a child.  Where a generation is compared it is noticed. */
void ivi_fork_notice(void);

/* 0, or why forks will not be watched (-errno). */
int ivi_fork_watch(void);

/*
 * The gate: no fork happens between enter() and leave(), which must not be far
 * apart.  drain() waits until all who are inside now have left.  The counters
 * are many lest threads contend for one.
 */
#define IVI_GATES	16

struct ivi_gate {
	unsigned	inside;		/* atomic */
} __attribute__((aligned(64)));

extern struct ivi_gate ivi_gates[IVI_GATES]
	__attribute__((visibility("hidden")));
extern int ivi_gates_shut __attribute__((visibility("hidden")));
extern __thread unsigned ivi_gate_depth IVI_TLS_MODEL
	__attribute__((visibility("hidden")));

/* By the place of its thread-local memory, threads are spread well enough. */
static inline struct ivi_gate *ivi_gate_own(void)
{
	uintptr_t place = (uintptr_t)&ivi_gate_depth >> 6;

	return &ivi_gates[(uint32_t)place * UINT32_C(2654435769) >> 28];
}

/* Waits until it is open, and counts in again. */
void ivi_gate_wait(struct ivi_gate *g);

static inline void ivi_gate_enter(void)
{
	struct ivi_gate *g = ivi_gate_own();

	ivi_gate_depth++;
	__atomic_fetch_add(&g->inside, 1, __ATOMIC_SEQ_CST);
	if (ivi_unlikely(__atomic_load_n(&ivi_gates_shut, __ATOMIC_SEQ_CST)))
		ivi_gate_wait(g);
}

static inline void ivi_gate_leave(void)
{
	__atomic_fetch_sub(&ivi_gate_own()->inside, 1, __ATOMIC_RELEASE);
	ivi_gate_depth--;
}

void ivi_gate_drain(void);

/*
 * What the loops do about it (loop/fork.c), in the child, where there is one
 * thread: memory only, since a child that just executes a program comes here
 * as well.
 */
void ivi_loops_forked(void);

/* ---- fatal.c: iv_fatal() ------------------------------------------------ */

/* configure --enable-debug: more mistakes are told, at some cost. */
#ifdef IVI_DEBUG
#define IVI_DEBUGGING	true
#else
#define IVI_DEBUGGING	false
#endif

/* A function with a copy for each caller, less what its constants rule out: not
   without optimisation, which leaves all of it in each. */
#ifdef __OPTIMIZE__
#define IVI_COPIED	inline __attribute__((always_inline))
#else
#define IVI_COPIED	inline
#endif

/* A line on stderr that was asked for. */
void ivi_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* One line on stderr about something that is not fatal; debug builds only. */
void ivi_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ---- print.c ------------------------------------------------------------ */

/* Writes what fits into a kilobyte to FD, all of it unless that fails. */
void ivi_print(int fd, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* "FUNCTION" if the program or a library exports it, else the file that the
   function at CODE is in and where: "FILE+0x1234"; "-" for NULL. */
struct ivi_code {
	char	name[96];
};

struct ivi_code ivi_code(const void *code);

/* As an argument of ivi_print(), for a function of any type. */
#define IVI_CODE(function)	\
	(ivi_code((const void *)(uintptr_t)(function)).name)

/* "EBADF" etc., for messages; "errno 123" for what no call of ours gives. */
const char *ivi_errname(int err);

/* ---- What the loop lends to the modules (loop/fd.c loop.c tls.c) -------- */

/* iv_init() that returns a lack of memory or descriptors (-errno), for the
   threads of the library. */
int ivi_init(void);

/* Stops the program unless the calling thread has a loop. */
void ivi_require_loop(const char *function);

/* True if FD, which may be garbage, is registered in the calling thread. */
bool ivi_fd_is_here(const struct iv_fd *fd);

/* In a forked child: exchanges now, and not only before the calling thread's
   loop waits, what it shares with the parent. */
void ivi_renew(void);

/* iv_event_raw's: what handles its descriptors, and what exchanges one in a
   forked child; NULL until there is one.  Atomic. */
extern void (*ivi_raw_posted)(void *ev) __attribute__((visibility("hidden")));
extern void (*ivi_raw_renew)(void *ev) __attribute__((visibility("hidden")));

/*
 * Memory of a module in each loop that uses the module.
 * Made at first use, given up (fini, then freed) in iv_deinit() after the
 * users' own deinit_thread callbacks, the youngest first.
 */
enum ivi_slot_index {
	IVI_SLOT_SIGNAL,
	IVI_SLOT_WAIT,
	IVI_SLOT_WAIT_ANY,
	IVI_SLOT_THREAD,
	IVI_SLOT_WORK,
	IVI_SLOT_PUMP,
	IVI_SLOT_INOTIFY,
	IVI_SLOT_WATCHER,
	IVI_SLOT_ALARM,
	IVI_SLOTS
};

struct ivi_slot {
	enum ivi_slot_index	index;
	size_t	size;
	int	(*init)(void *state);	/* may be NULL; 0 or -errno */
	void	(*fini)(void *state);	/* may be NULL */
	/*
	 * In a forked child; each may be NULL.  forked(): in the child's only
	 * thread, before anything else of the library runs there: what other
	 * threads of the parent had half done, or held, is put right.  Memory
	 * only; the loop need not be the calling thread's.
	 * renew(): before the inherited loop waits again: kernel objects that
	 * are shared with the parent are exchanged.
	 * abandon(): instead of fini(), when iv_init() makes a fresh loop in a
	 * child: closes and frees what is the module's own.  The users'
	 * objects may be gone, nothing of them is looked at.
	 */
	void	(*forked)(void *state);
	void	(*renew)(void *state);
	void	(*abandon)(void *state);
	/* iv_dump(): a line by ivi_print() for each object; may be NULL. */
	void	(*dump)(void *state, int fd);
	/* In debug builds, after the tasks of a turn: what is wrong ("has ..."),
	   or NULL; adds to OBJECTS how many there are.  May be NULL. */
	const char *(*verify)(void *state, long *objects);
};

/* The calling thread's state; NULL and errno if it cannot be made. */
void *ivi_slot_get(const struct ivi_slot *slot);

/* The same if it exists already, else NULL.  Async-signal-safe. */
void *ivi_slot_peek(const struct ivi_slot *slot);

#endif
