/* SPDX-License-Identifier: MIT */
/*
 * works.c - work pools: a number of items in flight; and sources that are
 * suspended while a worker reads from them.
 */
#include "bench.h"

#ifdef HAVE_WORK

#include <sys/eventfd.h>

static long left, in_flight, length_ns;
static void (*the_work)(void *);

static void no_work(void *cookie)
{
	(void)cookie;
}

static void some_work(void *cookie)
{
	int64_t end = clock_now() + length_ns;

	(void)cookie;
	while (clock_now() < end)
		;
}

static void again(void *_j)
{
	struct job *j = _j;

	if (left > 0) {
		left--;
		work_submit(j, the_work, again, j);
	} else if (--in_flight == 0) {
		loop_stop();
	}
}

static void burst(struct job *jobs, long depth, long items)
{
	long i;

	left = items - depth;
	in_flight = depth;
	for (i = 0; i < depth; i++)
		work_submit(&jobs[i], the_work, again, &jobs[i]);
	loop_run();
}

static void check_depth(const long *arg)
{
	if (arg[0] < 1 || arg[1] < 1 || arg[2] < arg[1])
		die("work: 1 <= THREADS, 1 <= DEPTH <= ITEMS");
	if (arg[1] == 1)
		one_cpu();
}

static void run_bursts(const long *arg, void (*work)(void *))
{
	struct job *jobs = need_memory((size_t)arg[1], sizeof(*jobs));

	the_work = work;

	check_depth(arg);
	loop_open(true);
	work_open((int)arg[0]);
	burst(jobs, arg[1], arg[1]);
	meter_start();
	burst(jobs, arg[1], arg[2]);
	meter_stop(arg[2]);
	work_close();
}

static void run_work(const long *arg)
{
	run_bursts(arg, no_work);
}

static void run_work_long(const long *arg)
{
	const long bursts[3] = { arg[0], arg[1], arg[3] };

	length_ns = arg[2];
	run_bursts(bursts, some_work);
}

/* Two steps, one after the other, then they begin anew.  The work of the first
   submits the second, or, where that cannot be, its completion does. */
struct pair {
	struct job	first, second;
	int	ended;
};

static void (*first_work)(void *), (*first_done)(void *);

static void pair_begin(struct pair *p);

static void one_ended(void *_p)
{
	struct pair *p = _p;

	if (++p->ended < 2)
		return;
	if (left > 0) {
		left--;
		pair_begin(p);
	} else if (--in_flight == 0) {
		loop_stop();
	}
}

static void resubmit(void *_p)
{
	struct pair *p = _p;

	p->ended++;
	work_submit(&p->second, no_work, one_ended, p);
}

static void pair_begin(struct pair *p)
{
	p->ended = 0;
	work_submit(&p->first, first_work, first_done, p);
}

static void pairs(struct pair *p, long depth, long items)
{
	long i;

	left = items - depth;
	in_flight = depth;
	for (i = 0; i < depth; i++)
		pair_begin(&p[i]);
	loop_run();
}

static void run_pairs(const long *arg, void (*work)(void *),
		      void (*done)(void *))
{
	struct pair *p = need_memory((size_t)arg[1], sizeof(*p));

	first_work = work;
	first_done = done;
	check_depth(arg);
	loop_open(true);
	work_open((int)arg[0]);
	pairs(p, arg[1], arg[1]);
	meter_start();
	pairs(p, arg[1], arg[2]);
	meter_stop(arg[2]);
	work_close();
}

static void run_resubmit(const long *arg)
{
	run_pairs(arg, no_work, resubmit);
}

#ifdef HAVE_CONTINUE

static void hand_on(void *_p)
{
	struct pair *p = _p;

	work_continue(&p->second, no_work, one_ended, p);
}

static void run_continue(const long *arg)
{
	run_pairs(arg, hand_on, one_ended);
}

#else
#define run_continue	run_resubmit
#endif

/* The sources never run dry. */
struct source {
	struct fd_watch	w;
	struct job	job;
	int	fd;
};

static long started, ended, cycles;

static void read_one(void *_s)
{
	struct source *s = _s;
	uint64_t one;

	if (read(s->fd, &one, sizeof(one)) != sizeof(one))
		die("eventfd: %s", strerror(errno));
}

FD_HANDLER(source_readable);

static void source_done(void *_s)
{
	struct source *s = _s;

	if (++ended == cycles)
		loop_stop();
	else
		fd_resume(&s->w, source_readable);
}

FD_HANDLER(source_readable)
{
	struct source *s = FD_COOKIE;

	fd_suspend(&s->w);
	if (started == cycles)
		return;
	started++;
	work_submit(&s->job, read_one, source_done, s);
}

static void run_suspend(const long *arg)
{
	struct source *s = need_memory((size_t)arg[0], sizeof(*s));
	long i;

	if (arg[0] < 1 || arg[1] < 1 || arg[2] < 1)
		die("suspend: 1 <= SOURCES, WORKERS, CYCLES");
	need_fds(arg[0]);
	loop_open(true);
	work_open((int)arg[1]);
	for (i = 0; i < arg[0]; i++) {
		s[i].fd = eventfd(1U << 31, EFD_SEMAPHORE | EFD_NONBLOCK);
		if (s[i].fd < 0)
			die("eventfd: %s", strerror(errno));
		fd_init(&s[i].w, s[i].fd, source_readable, &s[i]);
		fd_add(&s[i].w);
	}
	cycles = arg[2];
	meter_start();
	loop_run();
	meter_stop(cycles);
	work_close();
}

#endif

const struct workload work_workloads[] = {
#ifdef HAVE_WORK
	{ "work", "THREADS DEPTH ITEMS", run_work },
	{ "work-long", "THREADS DEPTH NS ITEMS", run_work_long },
	{ "work-continue", "THREADS DEPTH PAIRS", run_continue },
	{ "work-resubmit", "THREADS DEPTH PAIRS", run_resubmit },
	{ "suspend", "SOURCES WORKERS CYCLES", run_suspend },
#endif
	{ NULL, NULL, NULL },
};
