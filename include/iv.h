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
#include <stddef.h>
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

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
 * Name of the poll method in use: "epoll-timerfd", "epoll", "kqueue",
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

/* Stops watching.  No handler runs any more.  Call it before close(2). */
void iv_fd_unregister(struct iv_fd *);

/* 1 between registering and unregistering, else 0. */
int iv_fd_registered(const struct iv_fd *);

/* Replace a handler of a registered iv_fd; NULL: no longer interested. */
void iv_fd_set_handler_in(struct iv_fd *, void (*)(void *));
void iv_fd_set_handler_out(struct iv_fd *, void (*)(void *));
void iv_fd_set_handler_err(struct iv_fd *, void (*)(void *));

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

/* Not registered; cookie and handler are left alone.  Any time. */
void IV_TASK_INIT(struct iv_task *);

void iv_task_register(struct iv_task *);
void iv_task_unregister(struct iv_task *);

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

/* Not registered; the other members are left alone.  Any time. */
void IV_TIMER_INIT(struct iv_timer *);

void iv_timer_register(struct iv_timer *);
void iv_timer_unregister(struct iv_timer *);

/* 1 from registering until just before the handler runs, else 0. */
int iv_timer_registered(const struct iv_timer *);

#ifdef __cplusplus
}
#endif

#endif
