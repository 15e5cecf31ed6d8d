/* SPDX-License-Identifier: MIT */
/*
 * works.c - work pools: a number of items in flight; and sources that are
 * suspended while a worker reads from them.
 */
#include "bench.h"

#ifdef HAVE_WORK

#include <sys/eventfd.h>

static long left, in_flight;

static void no_work(void *cookie)
{
	(void)cookie;
}

static void again(void *_j)
{
	struct job *j = _j;

	if (left > 0) {
		left--;
		work_submit(j, no_work, again, j);
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
		work_submit(&jobs[i], no_work, again, &jobs[i]);
	loop_run();
}

static void run_work(const long *arg)
{
	struct job *jobs = need_memory((size_t)arg[1], sizeof(*jobs));

	if (arg[0] < 1 || arg[1] < 1 || arg[2] < arg[1])
		die("work: 1 <= THREADS, 1 <= DEPTH <= ITEMS");
	if (arg[1] == 1)
		one_cpu();
	loop_open(true);
	work_open((int)arg[0]);
	burst(jobs, arg[1], arg[1]);
	meter_start();
	burst(jobs, arg[1], arg[2]);
	meter_stop(arg[2]);
	work_close();
}

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
	{ "suspend", "SOURCES WORKERS CYCLES", run_suspend },
#endif
	{ NULL, NULL, NULL },
};
