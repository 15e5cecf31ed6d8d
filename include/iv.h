/* SPDX-License-Identifier: MIT */
/*
 * iv.h - event loops: descriptors, timers, tasks.
 *
 * A thread that wants a loop calls iv_init(), registers objects, and calls
 * iv_main(), which calls the objects' handlers one at a time.  The objects
 * are the caller's structs; the library allocates nothing for them.
 *
 * Unless a comment says otherwise, a function here belongs to the thread
 * that called iv_init(), may be called from any handler, and stops the
 * program through iv_fatal() when it is misused.  A registered object must
 * stay where it is and may only be touched by the thread that registered it;
 * it may be unregistered in any handler, its own included, and freed at once.
 */
#ifndef __IV_H
#define __IV_H

#include <errno.h>
#include <sched.h>	/* struct timespec, also in strict C89 and C99 */
#include <stddef.h>
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Version ----------------------------------------------------------- */

/* Of this header: 10000 * major + 100 * minor + patch.  Since 1.1. */
#define IV_VERSION		10100

/* Of the library that is in use, such as "1.1.0".  Any thread.  Since 1.1. */
const char *iv_version(void);

/* ---- The loop ---------------------------------------------------------- */

/*
 * Gives the calling thread a loop.  The first call in a process must return
 * before another thread calls it; it also chooses the poll method, raises
 * the soft limit on descriptors and ignores SIGPIPE and SIGURG where they
 * have their default action.  Calls nest: each is undone by one iv_deinit().
 * In a forked child it replaces the inherited loop by a fresh one.
 * Fatal: no usable poll method, out of memory or descriptors.
 */
void iv_init(void);

/* 1 if the calling thread has a loop, else 0.  Any thread, at any time. */
int iv_inited(void);

/*
 * Runs the loop until iv_quit() is called or nothing is registered any more.
 * May be called again later.
 */
void iv_main(void);

/*
 * Makes the iv_main() in progress return once the handlers of this turn have
 * run.  No effect outside iv_main() or in a thread without a loop.
 */
void iv_quit(void);

/*
 * Takes the thread's loop down.  Objects that are still registered become
 * dangling: all that may be done with them is IV_*_INIT.  Also done when a
 * thread ends without having called it.  Not from inside iv_main().
 */
void iv_deinit(void);

/*
 * Name of the poll method of the calling thread's loop: "epoll-timerfd", "epoll", "kqueue",
 * "dev_poll", "port-timer", "port", "ppoll" or "poll"; NULL before the first
 * iv_init() of the process.  Any thread.
 */
const char *iv_poll_method_name(void);

/*
 * Reports a fatal error, printf-style, on stderr and to the handler set
 * below or else to syslog(3), then calls abort(3).  Any thread.
 */
void iv_fatal(const char *fmt, ...)
	__attribute__((noreturn)) __attribute__((format(printf, 1, 2)));

/*
 * HANDLER gets the text of a fatal error (one line, no newline, at most 1023
 * characters) before the program is stopped; NULL restores the default.
 * For the whole process; any thread.  Since 0.30.
 */
void iv_set_fatal_msg_handler(void (*handler)(const char *msg));

/*
 * The operating system's number for the calling thread (gettid(2) on
 * Linux).  Any thread, also in a signal handler.  Since 0.40.
 */
unsigned long iv_get_thread_id(void);

/*
 * From now on the library has its memory from REALLOC_LIKE, which works as
 * realloc(3) does, for P that is NULL as malloc(3), and as free(3) if SIZE is
 * 0; NULL: from the C library, as by default.  It is called by any thread, at
 * times by several at once, and may not call the library.  For the whole
 * process; no other call may come before it but those to iv_tls_user_register()
 * and about messages.  Fatal: after the first iv_init().  Since 1.1.
 */
void iv_set_allocator(void *(*realloc_like)(void *p, size_t size));

/* ---- Time -------------------------------------------------------------- */

/*
 * iv_now is the loop's current time, a const struct timespec on the
 * monotonic clock.  It is read once and then stays the same until the loop
 * has waited again or iv_invalidate_now() was called.  Copy the value: the
 * storage is reused.  Harmless in a thread without a loop, where it reads
 * the clock each time.
 */
#define iv_now			(*__iv_now_location_valid())

/* Nothing is left to do for it since 0.40; kept for older callers. */
#define iv_validate_now()

const struct timespec *__iv_now_location_valid(void);

/* Makes the next use of iv_now read the clock, after something slow. */
void iv_invalidate_now(void);

/* ---- Descriptors ------------------------------------------------------- */

/*
 * A descriptor to watch.  Level-triggered: a handler is called in each turn
 * in which its condition holds.  An error or hang-up calls every handler
 * that is set, in the order err, in, out.
 */
struct iv_fd {
	int	fd;			/* fixed while registered */
	void	*cookie;		/* argument of the handlers */
	void	(*handler_in)(void *);	/* readable; NULL: not interested */
	void	(*handler_out)(void *);	/* writable */
	void	(*handler_err)(void *);	/* error or hang-up */
	void	*pad[11];		/* private */
};

/* fd = -1, no handlers, not registered; the cookie is left alone. */
void IV_FD_INIT(struct iv_fd *);

/*
 * Starts watching.  The descriptor becomes close-on-exec and nonblocking (and
 * SO_OOBINLINE if it is a socket), and stays so.  It must be open, pollable,
 * and watched only once per thread; if the system refuses it, fatal.
 */
void iv_fd_register(struct iv_fd *);

/*
 * As iv_fd_register(), but returns -1 with errno (EBADF; EPERM: cannot be
 * polled, such as a regular file on epoll; EEXIST, ENOMEM, ENOSPC) if the
 * descriptor is refused, which is found out at once even if no handler is
 * set.  It is then untouched and the struct may be used again.  0: watching.
 */
int iv_fd_register_try(struct iv_fd *);

/*
 * Between IV_FD_INIT() and registering, for good: what is special about this
 * one.  FLAGS: any of those below, 0 takes them back.  Needs no loop.
 * Since 1.1.
 */
void iv_fd_set_flags(struct iv_fd *, unsigned flags);

/* The descriptor's modes are left as they are: close-on-exec, nonblocking,
   SO_OOBINLINE.  Registering makes no system call then; what would be refused
   has its handlers called once, as for an error. */
#define IV_FD_RAW	0x01

/* Handlers are called when something changes, and have to read or write until
   EAGAIN, or call iv_fd_kick().  Setting handlers then costs no system call.
   Poll methods other than epoll and kqueue have no edges: there it changes
   nothing. */
#define IV_FD_EDGE	0x02

/* A listener that several loops watch: only one of them is woken, or where the
   kernel cannot do that, all.  handler_in and handler_err only; not with
   IV_FD_PRI or IV_FD_EDGE: iv_fd_register_try() says EINVAL. */
#define IV_FD_EXCLUSIVE	0x04

/* Does not keep iv_main() running. */
#define IV_FD_NOREF	0x08

/* A regular file, /dev/null and the like are always ready, as poll(2) has it,
   and not refused with EPERM.  With IV_FD_EDGE: once, and after each kick. */
#define IV_FD_ANY	0x10

/* Exceptional conditions (POLLPRI) call handler_err, too.  Refused with
   EOPNOTSUPP by kqueue where it does not know them (FreeBSD, NetBSD), or not
   of this descriptor. */
#define IV_FD_PRI	0x20

/* Stops watching.  No handler runs any more.  Call it before close(2). */
void iv_fd_unregister(struct iv_fd *);

/* 1 between registering and unregistering, else 0. */
int iv_fd_registered(const struct iv_fd *);

/* Replace a handler of a registered iv_fd; NULL: no longer interested. */
void iv_fd_set_handler_in(struct iv_fd *, void (*)(void *));
void iv_fd_set_handler_out(struct iv_fd *, void (*)(void *));
void iv_fd_set_handler_err(struct iv_fd *, void (*)(void *));

/*
 * Between these no handler is called, whatever they are set to; that costs as
 * much as to set them to NULL and back.  Suspending what is suspended, and
 * resuming what is not, does nothing.  Registering resumes.  Since 1.1.
 */
void iv_fd_suspend(struct iv_fd *);
void iv_fd_resume(struct iv_fd *);

/*
 * Makes the next turn call handler_in (if IN is not 0) and handler_out (if OUT
 * is not 0), once, whatever the kernel says.  Of a handler that is NULL or
 * suspended this is remembered until it can be called.  Since 1.1.
 */
void iv_fd_kick(struct iv_fd *, int in, int out);

/* ---- Tasks ------------------------------------------------------------- */

/*
 * Runs HANDLER once, before the loop next sleeps.  A task registered by
 * another task runs in the same round, one that registers itself again runs
 * in the next turn of the loop.
 */
struct iv_task {
	void	*cookie;		/* argument of the handler */
	void	(*handler)(void *);
	void	*pad[6];		/* private */
};

/* Cookie and handler are left alone.  Any time, but not while registered. */
void IV_TASK_INIT(struct iv_task *);

void iv_task_register(struct iv_task *);
void iv_task_unregister(struct iv_task *);

/* iv_task_register(), unless it is registered already.  Since 1.1. */
void iv_task_ensure(struct iv_task *);

/* 1 from registering until just before the handler runs, else 0. */
int iv_task_registered(const struct iv_task *);

/* ---- Timers ------------------------------------------------------------ */

/*
 * Runs HANDLER once, when iv_now has reached EXPIRES.  Timers fire in order
 * of expiry, to the nanosecond; equal ones in order of registration.  Never
 * early.  Times in the past are due at once.
 */
struct iv_timer {
	struct timespec	expires;	/* on iv_now's clock; fixed while
					   registered */
	void	*cookie;		/* argument of the handler */
	void	(*handler)(void *);
	void	*pad[4];		/* private */
};

/* Other members are left alone.  Any time, but not while registered. */
void IV_TIMER_INIT(struct iv_timer *);

void iv_timer_register(struct iv_timer *);
void iv_timer_unregister(struct iv_timer *);

/* 1 from registering until just before the handler runs, else 0. */
int iv_timer_registered(const struct iv_timer *);

/*
 * Registers a timer for AT, or moves one that is registered there, in one
 * step: to the end of those of that time.  AT may be its own expires.
 * Since 1.1.
 */
void iv_timer_set_expires(struct iv_timer *, const struct timespec *at);

/*
 * The same for SEC seconds and NSEC nanoseconds from now, by the clock and not
 * by iv_now: however long the handler has been running, it is not early.
 * Negative: due at once.  Since 1.1.
 */
void iv_timer_set_after(struct iv_timer *, time_t sec, long nsec);

/*
 * From now on the timers of the calling thread's loop may be late by this much,
 * so that the loop sleeps longer and one wake-up serves many.  They are not
 * early, and keep their order.  Zero, the default: as exact as the system
 * permits.  Fatal: a negative one.  Since 1.1.
 */
void iv_set_timer_slack(const struct timespec *);

#ifdef __cplusplus
}
#endif

#endif
