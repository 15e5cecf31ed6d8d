/* SPDX-License-Identifier: MIT */
/*
 * sizes.c - memory per object, stack of a loop, init and deinit.
 */
#include "bench.h"

#include <malloc.h>
#include <pthread.h>
#include <sys/mman.h>

#define STACK	(512 * 1024)

static long long heap(void)
{
	struct mallinfo2 m = mallinfo2();

	return (long long)(m.uordblks + m.hblkhd);
}

FD_HANDLER(nothing)
{
}

TIMER_HANDLER(no_timeout)
{
}

static bool one_turn(void)
{
	static bool was;

	was = !was;
	return was;
}

static void run_memory_fd(const long *arg)
{
	struct fd_watch *w = need_memory((size_t)arg[0], sizeof(*w));
	long long before;
	int p[2];
	long i;

	need_fds(2 * arg[0]);
	loop_open(false);
	run_turns(one_turn);
	before = heap();
	for (i = 0; i < arg[0]; i++) {
		make_pipe(p);
		fd_init(&w[i], p[0], nothing, NULL);
		fd_add(&w[i]);
	}
	run_turns(one_turn);
	report(arg[0], heap() - before + arg[0] * (long)sizeof(*w));
}

static void run_memory_timer(const long *arg)
{
	struct timer_watch *w = need_memory((size_t)arg[0], sizeof(*w));
	uint64_t seed = 1;
	long long before;
	long i;

	loop_open(false);
	run_turns(one_turn);
	before = heap();
	for (i = 0; i < arg[0]; i++) {
		timer_init(&w[i], no_timeout, NULL);
		timer_start(&w[i], rnd_delay(&seed));
	}
	report(arg[0], heap() - before + arg[0] * (long)sizeof(*w));
}

static void run_init(const long *arg)
{
	long i;

	meter_start();
	for (i = 0; i < arg[0]; i++) {
		loop_open(false);
		loop_close();
	}
	meter_stop(arg[0]);
}

/* ---- Stack: how deep the paint is scratched, less what a thread needs ---- */

static int turns_left;

TIMER_HANDLER(turn_timer)
{
	if (--turns_left == 0)
		loop_stop();
}

static void *no_loop(void *unused)
{
	return unused;
}

static void *small_loop(void *unused)
{
	struct timer_watch t[4];
	struct fd_watch w;
	int p[2], i;

	make_pipe(p);
	loop_open(false);
	fd_init(&w, p[0], nothing, NULL);
	fd_add(&w);
	for (i = turns_left = 0; i < 4; i++, turns_left++) {
		timer_init(&t[i], turn_timer, NULL);
		timer_start(&t[i], MS * (i + 1));
	}
	loop_run();
	fd_del(&w);
	loop_close();
	return unused;
}

static long long stack_used(void *(*fn)(void *))
{
	unsigned char *s = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_attr_t attr;
	pthread_t t;
	long i;

	if (s == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	memset(s, 0xa5, STACK);
	pthread_attr_init(&attr);
	pthread_attr_setstack(&attr, s, STACK);
	if (pthread_create(&t, &attr, fn, NULL) != 0)
		die("no thread");
	pthread_join(t, NULL);
	for (i = 0; i < STACK && s[i] == 0xa5; i++)
		;
	return STACK - i;
}

static void run_stack(const long *arg)
{
	(void)arg;
	stack_used(small_loop);
	report(1, stack_used(small_loop) - stack_used(no_loop));
}

const struct workload size_workloads[] = {
	{ "memory-fd", "FDS", run_memory_fd },
	{ "memory-timer", "TIMERS", run_memory_timer },
	{ "init", "TIMES", run_init },
	{ "stack", "", run_stack },
	{ NULL, NULL, NULL },
};
