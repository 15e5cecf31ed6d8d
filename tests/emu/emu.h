/* SPDX-License-Identifier: MIT */
/*
 * emu.h - what tests may ask of the emulated event kernels.
 *
 * The kernels are userspace code over epoll(7), written from the manual pages
 * of the systems.  Environment:
 *	EMU_PERSONALITY	kqueue: freebsd (default), netbsd, netbsd10, openbsd,
 *				macos
 *			ports: exact (default), tick
 *			/dev/poll: exact (default), tick, nofile64
 *	EMU_TICK_US	how coarse the clock is; by default exact, but 10000
 *			with netbsd, netbsd10 and tick
 * All are looked at when an object is created.
 */
#ifndef EMU_H
#define EMU_H

#include <stdint.h>

/*
 * Objects that are linked both with and without emulated kernels say
 * EMU_OPTIONAL before they include this: what they use is NULL without.
 */
#ifdef EMU_OPTIONAL
#define EMU_MAYBE	__attribute__((weak))
#else
#define EMU_MAYBE
#endif

/* ---- Calls --------------------------------------------------------------- */

enum emu_call {
	EMU_WAIT,		/* kevent with room for events, port_get(n),
				   DP_POLL */
	EMU_WAIT_LIMITED,	/* those with a limit, but not one of zero */
	EMU_KQUEUE,
	EMU_KEVENT,		/* every call */
	EMU_PORT_CREATE,
	EMU_PORT_ASSOCIATE,
	EMU_PORT_DISSOCIATE,
	EMU_PORT_SEND,
	EMU_TIMER_CREATE,	/* those with SIGEV_PORT */
	EMU_TIMER_SETTIME,
	EMU_DEVPOLL_OPEN,
	EMU_DEVPOLL_WRITE,
	EMU_CALLS
};

/* Calls since the last emu_reset(), which also takes back the next two. */
unsigned emu_calls(enum emu_call call) EMU_MAYBE;
void emu_reset(void) EMU_MAYBE;

/* Of the calls from now on, TIMES fail with ERR, the NTH (from 1) first. */
void emu_fail(enum emu_call call, int err, unsigned nth, unsigned times);

/* The NTH change (from 1) that is asked for from now on fails with ERR. */
void emu_fail_change(unsigned nth, int err);

enum emu_limit {
	EMU_LIMIT_PORT_EVENTS,	/* of port_send, in a port: 65536 */
	EMU_LIMIT_NOFILE,	/* of /dev/poll: RLIMIT_NOFILE */
	EMU_LIMIT_WRITE,	/* bytes in one write to /dev/poll */
	EMU_LIMITS
};

/* N: 0 means the usual one. */
void emu_limit(enum emu_limit limit, unsigned n);

/* Every port that FD is associated with gets an event that is not true. */
void emu_spurious(int fd);

/* ---- Strictness ------------------------------------------------------------ */

/* Legal, but nothing that a careful program does. */
enum emu_fault {
	EMU_FAULT_ABSENT,	/* changed or removed what is not there */
	EMU_FAULT_CLOSED,	/* named a descriptor that is not open */
	EMU_FAULT_LEFT,		/* object destroyed, descriptors still in it */
	EMU_FAULT_INHERITED,	/* used in a forked child */
	EMU_FAULT_TIMER,	/* port destroyed, timers still report to it */
	EMU_FAULTS
};

unsigned emu_faults(enum emu_fault fault) EMU_MAYBE;

/* For people: what the fault is. */
const char *emu_fault_text(enum emu_fault fault) EMU_MAYBE;

/* ---- Observers -------------------------------------------------------------- */

/*
 * Set by test code that keeps a clock of its own.  Any may be NULL.
 */
struct emu_observer {
	/* A call that may wait begins; LIMIT: nanoseconds, -1: for ever.
	   Not 0: it fails with that errno. */
	int	(*waits)(int64_t limit);
	/* The time in nanoseconds. */
	int64_t	(*clock)(void);
	/* Nothing is ready for NS nanoseconds.  1: that long has passed. */
	int	(*sleeps)(int64_t ns);
};

extern struct emu_observer emu_observer EMU_MAYBE;

/* poll(2) as the kernel of this personality answers: for programs that define
   poll() themselves.  In the others poll() is this. */
struct pollfd;
int emu_poll(struct pollfd *fds, unsigned long n, int ms) EMU_MAYBE;

/* The methods to test, "METHOD:PERSONALITY"; ended by NULL. */
extern const char *const emu_methods[] EMU_MAYBE;

/* Where nothing is emulated, the linker need not know weak references. */
#if defined(EMU_OPTIONAL) && !defined(EMULATED_TESTS)
#define emu_calls	((unsigned (*)(enum emu_call))0)
#define emu_reset	((void (*)(void))0)
#define emu_faults	((unsigned (*)(enum emu_fault))0)
#define emu_fault_text	((const char *(*)(enum emu_fault))0)
#define emu_poll	((int (*)(struct pollfd *, unsigned long, int))0)
#define emu_methods	((const char *const *)0)
#endif

#endif
