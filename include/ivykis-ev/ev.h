/* SPDX-License-Identifier: MIT */
/*
 * ev.h - the programming interface of libev 4, on ivykis.
 *
 * For programs written for libev: names, values and layouts are those of its
 * version 4.33, so that a program compiled with this header runs on either
 * library, and one compiled with libev's own header runs on this one.  libev's
 * manual describes all of it; ev(3) of ivykis says what differs.
 *
 * A watcher is the program's: ev_TYPE_init() or ev_init() and ev_TYPE_set()
 * first, then ev_TYPE_start(); it stays where it is and as it is set until
 * ev_TYPE_stop() or until the library has stopped it.  Starting what is
 * started, and stopping what is not, does nothing.  A loop may be used by one
 * thread at a time; ev_async_send() and ev_feed_signal() by any, and in signal
 * handlers.
 *
 * Since 1.1.
 */
#ifndef EV_H_
#define EV_H_

#include <signal.h>
#include <string.h>
#include <sys/types.h>
#include <sys/stat.h>

#define EV_VERSION_MAJOR	4
#define EV_VERSION_MINOR	33

/* ---- What programs may ask or choose ----------------------------------- */

#ifdef __cplusplus
#define EV_CPP(x)	x
#if __cplusplus >= 201103L
#define EV_NOEXCEPT	noexcept
#endif
#else
#define EV_CPP(x)
#endif
#ifndef EV_NOEXCEPT
#define EV_NOEXCEPT
#endif
#define EV_THROW	EV_NOEXCEPT

/* 0: without the names of libev 3, at the end. */
#ifndef EV_COMPAT3
#define EV_COMPAT3	1
#endif

/* 0: types and macros only. */
#ifndef EV_PROTOTYPES
#define EV_PROTOTYPES	1
#endif

/* Everything is there.  These are for programs that ask; a library that was
   built already cannot be told otherwise. */
#define EV_FEATURES		0x7f
#define EV_FEATURE_CODE		0x01
#define EV_FEATURE_DATA		0x02
#define EV_FEATURE_CONFIG	0x04
#define EV_FEATURE_API		0x08
#define EV_FEATURE_WATCHERS	0x10
#define EV_FEATURE_BACKENDS	0x20
#define EV_FEATURE_OS		0x40
#undef EV_MULTIPLICITY
#define EV_MULTIPLICITY		1
#define EV_IO_ENABLE		1
#define EV_PERIODIC_ENABLE	1
#define EV_SIGNAL_ENABLE	1
#define EV_CHILD_ENABLE		1
#define EV_STAT_ENABLE		1
#define EV_IDLE_ENABLE		1
#define EV_PREPARE_ENABLE	1
#define EV_CHECK_ENABLE		1
#define EV_EMBED_ENABLE		1
#define EV_FORK_ENABLE		1
#define EV_CLEANUP_ENABLE	1
#define EV_ASYNC_ENABLE		1
#define EV_WALK_ENABLE		0

/* Higher ones first.  Others are taken to the nearest of these when the
   watcher is started. */
#define EV_MINPRI	(-2)
#define EV_MAXPRI	2

#define EV_TSTAMP_T	double
#define EV_ATOMIC_T	sig_atomic_t volatile
#define EV_INLINE	static inline
#define EV_API_DECL	extern

EV_CPP(extern "C" {)

/* Seconds: since 1970, or an interval. */
typedef EV_TSTAMP_T ev_tstamp;

struct ev_loop;

/* The loop as the only, or the first, parameter or argument. */
#define EV_P		struct ev_loop *loop
#define EV_P_		EV_P,
#define EV_A		loop
#define EV_A_		EV_A,
#define EV_DEFAULT	ev_default_loop(0)
#define EV_DEFAULT_	EV_DEFAULT,
#define EV_DEFAULT_UC	ev_default_loop_uc_()
#define EV_DEFAULT_UC_	EV_DEFAULT_UC,

/* ---- Constants --------------------------------------------------------- */

/* What a callback is told, and what ev_io and ev_once() are asked for. */
enum {
	EV_UNDEF	= (int)0xFFFFFFFF,	/* never */
	EV_NONE		= 0,
	EV_READ		= 0x01,
	EV_WRITE	= 0x02,
	EV__IOFDSET	= 0x80,		/* private: since ev_io_set() */
	EV_IO		= EV_READ,
	EV_TIMER	= 0x0100,
#if EV_COMPAT3
	EV_TIMEOUT	= EV_TIMER,
#endif
	EV_PERIODIC	= 0x0200,
	EV_SIGNAL	= 0x0400,
	EV_CHILD	= 0x0800,
	EV_STAT		= 0x1000,
	EV_IDLE		= 0x2000,
	EV_PREPARE	= 0x4000,
	EV_CHECK	= 0x8000,
	EV_EMBED	= 0x010000,
	EV_FORK		= 0x020000,
	EV_CLEANUP	= 0x040000,
	EV_ASYNC	= 0x080000,
	EV_CUSTOM	= 0x01000000,	/* the program's own */
	EV_ERROR	= (int)0x80000000	/* and the watcher was stopped */
};

/* Flags of a new loop, together with any of the backends. */
enum {
	EVFLAG_AUTO	= 0,
	EVFLAG_NOENV	= 0x01000000,	/* leaves LIBEV_FLAGS alone */
	EVFLAG_FORKCHECK = 0x02000000,	/* ev_loop_fork() by itself */
	EVFLAG_NOINOTIFY = 0x00100000,
#if EV_COMPAT3
	EVFLAG_NOSIGFD	= 0,
#endif
	EVFLAG_SIGNALFD	= 0x00200000,	/* signals that are blocked come, too */
	EVFLAG_NOSIGMASK = 0x00400000,	/* see ev(3) */
	EVFLAG_NOTIMERFD = 0x00800000
};

/* Which of them there are: ev_supported_backends(). */
enum {
	EVBACKEND_SELECT	= 0x01,
	EVBACKEND_POLL		= 0x02,
	EVBACKEND_EPOLL		= 0x04,
	EVBACKEND_KQUEUE	= 0x08,
	EVBACKEND_DEVPOLL	= 0x10,
	EVBACKEND_PORT		= 0x20,
	EVBACKEND_LINUXAIO	= 0x40,
	EVBACKEND_IOURING	= 0x80,
	EVBACKEND_ALL		= 0xFF,
	EVBACKEND_MASK		= 0xFFFF
};

enum {
	EVRUN_NOWAIT	= 1,		/* one iteration that never sleeps */
	EVRUN_ONCE	= 2		/* one iteration */
};

enum {
	EVBREAK_CANCEL	= 0,
	EVBREAK_ONE	= 1,		/* the innermost ev_run() */
	EVBREAK_ALL	= 2		/* all of them */
};

/* ---- Watchers ---------------------------------------------------------- */

/* What all have.  "active" and "pending" are not 0 while that is so. */
#define EV_COMMON	void *data;
#define EV_DECL_PRIORITY int priority;
#define EV_CB_DECLARE(type) void (*cb)(EV_P_ struct type *w, int revents);
#define EV_CB_INVOKE(watcher, revents)					\
	(watcher)->cb(EV_A_ (watcher), (revents))
#define EV_CB(type, name) void name(EV_P_ struct ev_##type *w, int revents)

#define EV_WATCHER(type)						\
	int active;							\
	int pending;							\
	EV_DECL_PRIORITY						\
	EV_COMMON							\
	EV_CB_DECLARE(type)

#define EV_WATCHER_LIST(type)						\
	EV_WATCHER(type)						\
	struct ev_watcher_list *next;

#define EV_WATCHER_TIME(type)						\
	EV_WATCHER(type)						\
	ev_tstamp at;

/* What every watcher begins with, by which it is accessed whatever it is. */
#ifdef __GNUC__
#define EV_MAY_ALIAS_	__attribute__((__may_alias__))
#else
#define EV_MAY_ALIAS_
#endif

typedef struct ev_watcher {
	EV_WATCHER(ev_watcher)
} EV_MAY_ALIAS_ ev_watcher;

typedef struct ev_watcher_list {
	EV_WATCHER_LIST(ev_watcher_list)
} EV_MAY_ALIAS_ ev_watcher_list;

typedef struct ev_watcher_time {
	EV_WATCHER_TIME(ev_watcher_time)
} EV_MAY_ALIAS_ ev_watcher_time;

/* A descriptor: any number of them for one.  Its modes are left alone. */
typedef struct ev_io {
	EV_WATCHER_LIST(ev_io)
	int	fd;
	int	events;
} ev_io;

/* Some time from now, and then every so often, by the monotonic clock. */
typedef struct ev_timer {
	EV_WATCHER_TIME(ev_timer)
	ev_tstamp	repeat;		/* may change any time */
} ev_timer;

/* A time of the calendar. */
typedef struct ev_periodic {
	EV_WATCHER_TIME(ev_periodic)
	ev_tstamp	offset;		/* these may change any time */
	ev_tstamp	interval;
	ev_tstamp	(*reschedule_cb)(struct ev_periodic *w,
					 ev_tstamp now) EV_NOEXCEPT;
} ev_periodic;

/* A signal, of which one loop of the process may have watchers. */
typedef struct ev_signal {
	EV_WATCHER_LIST(ev_signal)
	int	signum;
} ev_signal;

/* A child process, or all of them.  In the default loop only. */
typedef struct ev_child {
	EV_WATCHER_LIST(ev_child)
	int	flags;
	int	pid;
	int	rpid;			/* who it was */
	int	rstatus;		/* and how, as from waitpid(2) */
} ev_child;

typedef struct stat ev_statdata;

/* What lstat(2) says of a path; st_nlink is 0 if there is nothing. */
typedef struct ev_stat {
	EV_WATCHER_LIST(ev_stat)
	ev_timer	timer;
	ev_tstamp	interval;
	const char	*path;
	ev_statdata	prev;
	ev_statdata	attr;
	int		wd;
} ev_stat;

/* Each iteration that has nothing better to do; the loop does not sleep. */
typedef struct ev_idle {
	EV_WATCHER(ev_idle)
} ev_idle;

/* Each iteration, before the wait. */
typedef struct ev_prepare {
	EV_WATCHER(ev_prepare)
} ev_prepare;

/* Each iteration, after the wait. */
typedef struct ev_check {
	EV_WATCHER(ev_check)
} ev_check;

/* In a child process, before its first iteration. */
typedef struct ev_fork {
	EV_WATCHER(ev_fork)
} ev_fork;

/* When the loop is destroyed. */
typedef struct ev_cleanup {
	EV_WATCHER(ev_cleanup)
} ev_cleanup;

/* A loop whose descriptors another one waits for. */
typedef struct ev_embed {
	EV_WATCHER(ev_embed)
	struct ev_loop	*other;
	ev_io		io;
	ev_prepare	prepare;
	ev_check	check;
	ev_timer	timer;
	ev_periodic	periodic;
	ev_idle		idle;
	ev_fork		fork;
	ev_cleanup	cleanup;
} ev_embed;

/* Calls from other threads and from signal handlers. */
typedef struct ev_async {
	EV_WATCHER(ev_async)
	EV_ATOMIC_T	sent;
} ev_async;

union ev_any_watcher {
	struct ev_watcher	w;
	struct ev_watcher_list	wl;
	struct ev_io		io;
	struct ev_timer		timer;
	struct ev_periodic	periodic;
	struct ev_signal	signal;
	struct ev_child		child;
	struct ev_stat		stat;
	struct ev_idle		idle;
	struct ev_prepare	prepare;
	struct ev_check		check;
	struct ev_fork		fork;
	struct ev_cleanup	cleanup;
	struct ev_embed		embed;
	struct ev_async		async;
};

/* ---- Setting watchers up ----------------------------------------------- */

/* An argument that is a watcher may be evaluated more than once. */
#define EV_ANY_(ev)	((ev_watcher *)(void *)(ev))

#define ev_is_active(ev)	(0 + EV_ANY_(ev)->active)
#define ev_is_pending(ev)	(0 + EV_ANY_(ev)->pending)
#define ev_priority(ev)		(0 + EV_ANY_(ev)->priority)
#define ev_set_priority(ev, pri) (EV_ANY_(ev)->priority = (pri))
#define ev_cb(ev)		((ev)->cb)
#define ev_set_cb(ev, cb_)	(ev_cb(ev) = (cb_))
#define ev_periodic_at(ev)	(0 + ((ev_watcher_time *)(void *)(ev))->at)
#define ev_async_pending(ev)	(0 + (ev)->sent)

#define ev_init(ev, cb_)						\
	do {								\
		EV_ANY_(ev)->active = 0;				\
		EV_ANY_(ev)->pending = 0;				\
		ev_set_priority(ev, 0);					\
		ev_set_cb(ev, cb_);					\
	} while (0)

/* While it is stopped. */
#define ev_io_set(ev, fd_, events_)					\
	do {								\
		(ev)->fd = (fd_);					\
		(ev)->events = (events_) | EV__IOFDSET;			\
	} while (0)
#define ev_io_modify(ev, events_)					\
	do {								\
		(ev)->events = ((ev)->events & EV__IOFDSET) | (events_); \
	} while (0)
#define ev_timer_set(ev, after_, repeat_)				\
	do {								\
		((ev_watcher_time *)(void *)(ev))->at = (after_);	\
		(ev)->repeat = (repeat_);				\
	} while (0)
#define ev_periodic_set(ev, offset_, interval_, reschedule_)		\
	do {								\
		(ev)->offset = (offset_);				\
		(ev)->interval = (interval_);				\
		(ev)->reschedule_cb = (reschedule_);			\
	} while (0)
#define ev_signal_set(ev, signum_)					\
	do {								\
		(ev)->signum = (signum_);				\
	} while (0)
#define ev_child_set(ev, pid_, trace_)					\
	do {								\
		(ev)->pid = (pid_);					\
		(ev)->flags = !!(trace_);				\
	} while (0)
#define ev_stat_set(ev, path_, interval_)				\
	do {								\
		(ev)->path = (path_);					\
		(ev)->interval = (interval_);				\
		(ev)->wd = -2;						\
	} while (0)
#define ev_embed_set(ev, other_)					\
	do {								\
		(ev)->other = (other_);					\
	} while (0)
#define EV_NOTHING_(ev)		do { (void)(ev); } while (0)
#define ev_idle_set(ev)		EV_NOTHING_(ev)
#define ev_prepare_set(ev)	EV_NOTHING_(ev)
#define ev_check_set(ev)	EV_NOTHING_(ev)
#define ev_fork_set(ev)		EV_NOTHING_(ev)
#define ev_cleanup_set(ev)	EV_NOTHING_(ev)
#define ev_async_set(ev)	EV_NOTHING_(ev)

#define EV_INIT_(ev, cb_, set)						\
	do {								\
		ev_init(ev, cb_);					\
		set;							\
	} while (0)
#define ev_io_init(ev, cb_, fd_, events_)				\
	EV_INIT_((ev), (cb_), ev_io_set((ev), (fd_), (events_)))
#define ev_timer_init(ev, cb_, after_, repeat_)				\
	EV_INIT_((ev), (cb_), ev_timer_set((ev), (after_), (repeat_)))
#define ev_periodic_init(ev, cb_, offset_, interval_, reschedule_)	\
	EV_INIT_((ev), (cb_), ev_periodic_set((ev), (offset_),		\
					      (interval_), (reschedule_)))
#define ev_signal_init(ev, cb_, signum_)				\
	EV_INIT_((ev), (cb_), ev_signal_set((ev), (signum_)))
#define ev_child_init(ev, cb_, pid_, trace_)				\
	EV_INIT_((ev), (cb_), ev_child_set((ev), (pid_), (trace_)))
#define ev_stat_init(ev, cb_, path_, interval_)				\
	EV_INIT_((ev), (cb_), ev_stat_set((ev), (path_), (interval_)))
#define ev_embed_init(ev, cb_, other_)					\
	EV_INIT_((ev), (cb_), ev_embed_set((ev), (other_)))
#define ev_idle_init(ev, cb_)		ev_init((ev), (cb_))
#define ev_prepare_init(ev, cb_)	ev_init((ev), (cb_))
#define ev_check_init(ev, cb_)		ev_init((ev), (cb_))
#define ev_fork_init(ev, cb_)		ev_init((ev), (cb_))
#define ev_cleanup_init(ev, cb_)	ev_init((ev), (cb_))
#define ev_async_init(ev, cb_)		ev_init((ev), (cb_))

typedef void (*ev_loop_callback)(EV_P);

#if EV_PROTOTYPES

/* ---- The process ------------------------------------------------------- */

int ev_version_major(void) EV_NOEXCEPT;
int ev_version_minor(void) EV_NOEXCEPT;

/* Masks of EVBACKEND_*. */
unsigned int ev_supported_backends(void) EV_NOEXCEPT;
unsigned int ev_recommended_backends(void) EV_NOEXCEPT;
unsigned int ev_embeddable_backends(void) EV_NOEXCEPT;

ev_tstamp ev_time(void) EV_NOEXCEPT;
void ev_sleep(ev_tstamp delay) EV_NOEXCEPT;

/* As realloc(3), but a size of 0 frees.  Before any other call. */
void ev_set_allocator(void *(*cb)(void *ptr, long size) EV_NOEXCEPT) EV_NOEXCEPT;

/* Instead of perror(3) and abort(3), when the system refuses what has to be
   there; if it returns, that is tried again. */
void ev_set_syserr_cb(void (*cb)(const char *msg) EV_NOEXCEPT) EV_NOEXCEPT;

/* As if the signal had arrived.  Any thread, and signal handlers. */
void ev_feed_signal(int signum) EV_NOEXCEPT;

/* ---- Loops ------------------------------------------------------------- */

/* The one that has signals of children; made by the first call.  NULL: none
   of the backends that FLAGS ask for. */
struct ev_loop *ev_default_loop(unsigned int flags EV_CPP(= 0)) EV_NOEXCEPT;
struct ev_loop *ev_loop_new(unsigned int flags EV_CPP(= 0)) EV_NOEXCEPT;

extern struct ev_loop *ev_default_loop_ptr;

EV_INLINE struct ev_loop *ev_default_loop_uc_(void) EV_NOEXCEPT
{
	return ev_default_loop_ptr;
}

EV_INLINE int ev_is_default_loop(EV_P) EV_NOEXCEPT
{
	return EV_A == ev_default_loop_ptr;
}

/* Watchers that are started stay as they are, and mean nothing any more. */
void ev_loop_destroy(EV_P);

/* Kernel objects are made anew, fork watchers called, in the next iteration. */
void ev_loop_fork(EV_P) EV_NOEXCEPT;

unsigned int ev_backend(EV_P) EV_NOEXCEPT;
ev_tstamp ev_now(EV_P) EV_NOEXCEPT;
void ev_now_update(EV_P) EV_NOEXCEPT;
void ev_suspend(EV_P) EV_NOEXCEPT;
void ev_resume(EV_P) EV_NOEXCEPT;

/* Until nothing holds the loop or it is told to stop: the number of what
   holds it. */
int ev_run(EV_P_ int flags EV_CPP(= 0));
void ev_break(EV_P_ int how EV_CPP(= EVBREAK_ONE)) EV_NOEXCEPT;
void ev_ref(EV_P) EV_NOEXCEPT;
void ev_unref(EV_P) EV_NOEXCEPT;

unsigned int ev_iteration(EV_P) EV_NOEXCEPT;
unsigned int ev_depth(EV_P) EV_NOEXCEPT;
void ev_verify(EV_P) EV_NOEXCEPT;

void ev_set_io_collect_interval(EV_P_ ev_tstamp interval) EV_NOEXCEPT;
void ev_set_timeout_collect_interval(EV_P_ ev_tstamp interval) EV_NOEXCEPT;

void ev_set_userdata(EV_P_ void *data) EV_NOEXCEPT;
void *ev_userdata(EV_P) EV_NOEXCEPT;

/* Callbacks by the program's own hand, and around the wait. */
void ev_set_invoke_pending_cb(EV_P_ ev_loop_callback invoke_pending_cb)
	EV_NOEXCEPT;
void ev_set_loop_release_cb(EV_P_ void (*release)(EV_P) EV_NOEXCEPT,
			    void (*acquire)(EV_P) EV_NOEXCEPT) EV_NOEXCEPT;
unsigned int ev_pending_count(EV_P) EV_NOEXCEPT;
void ev_invoke_pending(EV_P);

/* ---- Any watcher ------------------------------------------------------- */

void ev_feed_event(EV_P_ void *w, int revents) EV_NOEXCEPT;
void ev_feed_fd_event(EV_P_ int fd, int revents) EV_NOEXCEPT;
void ev_feed_signal_event(EV_P_ int signum) EV_NOEXCEPT;
void ev_invoke(EV_P_ void *w, int revents);
int ev_clear_pending(EV_P_ void *w) EV_NOEXCEPT;

/* Whichever comes first, once; FD or TIMEOUT negative: without that. */
void ev_once(EV_P_ int fd, int events, ev_tstamp timeout,
	     void (*cb)(int revents, void *arg), void *arg) EV_NOEXCEPT;

/* ---- Starting and stopping --------------------------------------------- */

void ev_io_start(EV_P_ ev_io *w) EV_NOEXCEPT;
void ev_io_stop(EV_P_ ev_io *w) EV_NOEXCEPT;

void ev_timer_start(EV_P_ ev_timer *w) EV_NOEXCEPT;
void ev_timer_stop(EV_P_ ev_timer *w) EV_NOEXCEPT;
void ev_timer_again(EV_P_ ev_timer *w) EV_NOEXCEPT;
ev_tstamp ev_timer_remaining(EV_P_ ev_timer *w) EV_NOEXCEPT;

void ev_periodic_start(EV_P_ ev_periodic *w) EV_NOEXCEPT;
void ev_periodic_stop(EV_P_ ev_periodic *w) EV_NOEXCEPT;
void ev_periodic_again(EV_P_ ev_periodic *w) EV_NOEXCEPT;

void ev_signal_start(EV_P_ ev_signal *w) EV_NOEXCEPT;
void ev_signal_stop(EV_P_ ev_signal *w) EV_NOEXCEPT;

void ev_child_start(EV_P_ ev_child *w) EV_NOEXCEPT;
void ev_child_stop(EV_P_ ev_child *w) EV_NOEXCEPT;

void ev_stat_start(EV_P_ ev_stat *w) EV_NOEXCEPT;
void ev_stat_stop(EV_P_ ev_stat *w) EV_NOEXCEPT;
void ev_stat_stat(EV_P_ ev_stat *w) EV_NOEXCEPT;

void ev_idle_start(EV_P_ ev_idle *w) EV_NOEXCEPT;
void ev_idle_stop(EV_P_ ev_idle *w) EV_NOEXCEPT;

void ev_prepare_start(EV_P_ ev_prepare *w) EV_NOEXCEPT;
void ev_prepare_stop(EV_P_ ev_prepare *w) EV_NOEXCEPT;

void ev_check_start(EV_P_ ev_check *w) EV_NOEXCEPT;
void ev_check_stop(EV_P_ ev_check *w) EV_NOEXCEPT;

void ev_fork_start(EV_P_ ev_fork *w) EV_NOEXCEPT;
void ev_fork_stop(EV_P_ ev_fork *w) EV_NOEXCEPT;

void ev_cleanup_start(EV_P_ ev_cleanup *w) EV_NOEXCEPT;
void ev_cleanup_stop(EV_P_ ev_cleanup *w) EV_NOEXCEPT;

void ev_embed_start(EV_P_ ev_embed *w) EV_NOEXCEPT;
void ev_embed_stop(EV_P_ ev_embed *w) EV_NOEXCEPT;
void ev_embed_sweep(EV_P_ ev_embed *w) EV_NOEXCEPT;

void ev_async_start(EV_P_ ev_async *w) EV_NOEXCEPT;
void ev_async_stop(EV_P_ ev_async *w) EV_NOEXCEPT;
void ev_async_send(EV_P_ ev_async *w) EV_NOEXCEPT;

#endif

/* ---- Names of libev 3 -------------------------------------------------- */

#if EV_COMPAT3
#define EVLOOP_NONBLOCK	EVRUN_NOWAIT
#define EVLOOP_ONESHOT	EVRUN_ONCE
#define EVUNLOOP_CANCEL	EVBREAK_CANCEL
#define EVUNLOOP_ONE	EVBREAK_ONE
#define EVUNLOOP_ALL	EVBREAK_ALL

#if EV_PROTOTYPES
EV_INLINE void ev_loop(EV_P_ int flags)
{
	ev_run(EV_A_ flags);
}

EV_INLINE void ev_unloop(EV_P_ int how)
{
	ev_break(EV_A_ how);
}

EV_INLINE void ev_default_destroy(void)
{
	ev_loop_destroy(EV_DEFAULT);
}

EV_INLINE void ev_default_fork(void)
{
	ev_loop_fork(EV_DEFAULT);
}

EV_INLINE unsigned int ev_loop_count(EV_P)
{
	return ev_iteration(EV_A);
}

EV_INLINE unsigned int ev_loop_depth(EV_P)
{
	return ev_depth(EV_A);
}

EV_INLINE void ev_loop_verify(EV_P)
{
	ev_verify(EV_A);
}
#endif
#endif

EV_CPP(})

#endif
