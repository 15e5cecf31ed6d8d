/* SPDX-License-Identifier: MIT */
/*
 * bench.h - what workloads have: a contestant, a meter, their arguments.
 *
 * A contestant is a header with_NAME.h of inline functions and macros, so
 * that its handlers are called as that library calls them.  It has:
 *
 *	loop_open(threads) loop_close() loop_run() loop_stop()
 *	run_turns(fn)		one turn without blocking for each fn(), while
 *				that returns true
 *	struct fd_watch		FD_HANDLER(name) with FD_COOKIE
 *	    fd_init() fd_add() fd_del(), maybe fd_init_nonblock()
 *	    fd_write(f, on)	interest in writing, beside that in reading
 *	    fd_suspend() fd_resume()	no interest for a while
 *	struct timer_watch	TIMER_HANDLER(name) with TIMER_COOKIE
 *	    timer_init() timer_start(t, ns) timer_stop() timer_again(t, ns)
 *	    timer_slack(ns), maybe: how late they may be
 *	struct post_watch	POST_HANDLER(name) with POST_COOKIE
 *	    post_open() post_close(), and post_send() from any thread
 *	struct job, if HAVE_WORK
 *	    work_open(threads) work_close() work_submit(j, work, done, cookie)
 *	    work_continue(j, work, done, cookie) by work, if HAVE_CONTINUE
 *	struct file_watch, if HAVE_FILES	FILE_HANDLER(name) with FILE_COOKIE
 *	    file_start(f, name, fd, handler, cookie) file_stop()
 *	    file_offset(f)	where the handler keeps how much it has read
 *	programs_run(n), if HAVE_PROGRAMS: starts /bin/true and waits for it
 * With HAVE_ALARMS it is a libivykis that has iv_alarm.
 */
#ifndef BENCH_H
#define BENCH_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include CONTESTANT

/* For a descriptor that is nonblocking and close-on-exec already. */
#ifndef fd_init_nonblock
#define fd_init_nonblock	fd_init
#endif

/* Who cannot be told is as late as he is. */
#ifndef timer_slack
#define timer_slack(ns)		((void)(ns))
#endif

#define MS	INT64_C(1000000)
#define SEC	INT64_C(1000000000)

/* The same for everybody; 1 ms to 60 s. */
static inline uint32_t rnd(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(*seed >> 33);
}

static inline int64_t rnd_delay(uint64_t *seed)
{
	return MS + (int64_t)(rnd(seed) % 59999U) * MS +
	       (int64_t)(rnd(seed) % 1000000U);
}

void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void *need_memory(size_t n, size_t size);
void need_fds(long n);
void one_cpu(void);
void make_pipe(int fd[2]);
int64_t clock_now(void);

/* How often the process has slept. */
long sleeps(void);

/* Reports how often the loop sleeps in so long: once, for a timer, at best. */
void idle(long ms);

/* CPU time of the process and wall time between the two. */
void meter_start(void);
void meter_stop(long ops);

/* For what is not a time. */
void report(long ops, long long amount);

struct workload {
	const char	*name;
	const char	*arguments;	/* all of them numbers */
	void		(*run)(const long *arg);
};

extern const struct workload fd_workloads[], timer_workloads[],
	post_workloads[], work_workloads[], echo_workloads[],
	file_workloads[], alarm_workloads[], program_workloads[],
	size_workloads[], edge_workloads[];

#endif
