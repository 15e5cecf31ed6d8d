/* SPDX-License-Identifier: MIT */
/*
 * lab.h - what the tests of descriptors and poll methods share: the library's
 * system calls counted and made to fail, and a descriptor that counts its
 * calls.
 */
#ifndef IV_POLL_LAB_H
#define IV_POLL_LAB_H

#include <stdint.h>
#include "harness/test.h"

/* A string as a cookie. */
static inline void *text(const char *s)
{
	return (void *)(uintptr_t)s;
}

/* ---- System calls ------------------------------------------------------- */

/*
 * The C library's functions of these names are replaced for the whole test
 * program: every call is counted, and may be refused.
 */
enum lab_call {
	LAB_EPOLL_CREATE,	/* epoll_create1 */
	LAB_EPOLL_ADD,		/* epoll_ctl */
	LAB_EPOLL_MOD,
	LAB_EPOLL_DEL,
	LAB_EPOLL_WAIT,
	LAB_EPOLL_PWAIT2,
	LAB_POLL,
	LAB_PPOLL,
	LAB_OTHER_WAIT,		/* kevent, port_getn, DP_POLL: not emulated */
	LAB_TIMERFD_CREATE,
	LAB_TIMERFD_SETTIME,
	LAB_CLOCK,		/* clock_gettime */
	LAB_CALLS
};

/* Forgets what was counted, and all refusals. */
void lab_reset(void);

/* Calls since then, refused ones included. */
unsigned lab_count(enum lab_call call);

/* All epoll_ctl(2); all calls that wait, whether they slept or not; and of
   those the ones that were given a limit, but not one of zero. */
unsigned lab_ctls(void);
unsigned lab_waits(void);
unsigned lab_limited_waits(void);

/* The next TIMES calls fail with ERR. */
void lab_refuse(enum lab_call call, int err, unsigned times);

/* ---- Descriptors that count --------------------------------------------- */

struct watch {
	struct iv_fd	fd;
	unsigned	in, out, err;
};

void watch_in(void *watch);
void watch_out(void *watch);
void watch_err(void *watch);

/* INITs W with the handlers above; BANDS: any of "ioe". */
void watch_init(struct watch *w, int fd, const char *bands);

/* The same, and registers it. */
void watch_start(struct watch *w, int fd, const char *bands);

/* Unregisters it and closes the descriptor. */
void watch_end(struct watch *w);

/* A connection over TCP, which knows urgent data. */
void connect_pair(int fds[2]);

/* PEER sends a byte of them, for which W's handler_err is called: it is
   quit_handler() afterwards. */
void watch_urgent(struct watch *w, int peer);

/* Replaces the handlers. */
void watch_set(struct watch *w, const char *bands);

/* What was called since the last time: "", "i", "eio", ...; fails if a
   handler was called more than TIMES. */
const char *watch_seen(struct watch *w, unsigned times);

/* Makes NUMBER another descriptor: the read end of a new pipe, whose write
   end is returned. */
int become_pipe(int number);

/* Runs N turns of the loop, none of which sleeps. */
void turns(unsigned n);

/* Makes the loop sleep once, so that it has found out by which call. */
void sleep_once(void);

/* Fails unless the loop sleeps while nothing happens: it takes few waits
   until a timer ends it. */
void check_no_spin(void);

/* 1 if T is not due at NOW. */
int is_early(const struct iv_timer *t, const struct timespec *now);

/* ---- Methods -------------------------------------------------------------- */

/* 1 if the loop's method is epoll or epoll-timerfd. */
int on_epoll(void);

/* 1 if IV_FD_EDGE makes a difference. */
int has_edges(void);

/* 1 if the kernel knows two files apart that have had one number. */
int tells_files_apart(void);

/* 1 if the kernel reports what was ready, even if it is not any more. */
int keeps_events(void);

/* The first iv_init() is to choose METHOD; skips the case where this build
   does not have it. */
void choose(const char *method);

/* A case for each of the two epoll methods. */
#define EPOLL_TEST(name)						\
static void name(void);							\
TEST_ONCE(name##_epoll)							\
{									\
	choose("epoll");						\
	name();								\
}									\
TEST_ONCE(name##_epoll_timerfd)						\
{									\
	choose("epoll-timerfd");					\
	name();								\
}									\
static void name(void)

/* ---- Everything ---------------------------------------------------------- */

/* Descriptors, timers, tasks and posts of another thread work in the calling
   thread's loop. */
void loop_works(void);

#endif
