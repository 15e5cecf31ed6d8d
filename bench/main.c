/* SPDX-License-Identifier: MIT */
/*
 * main.c - runs one workload, and prints OPERATIONS CPU-NS WALL-NS.
 */
#include "bench.h"

#include <sched.h>
#include <stdarg.h>
#include <sys/resource.h>

#define MAX_ARGS	4

static int64_t cpu, wall;

CONTESTANT_STATE

void die(const char *fmt, ...)
{
	va_list ap;

	fputs("bench: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(2);
}

long sleeps(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return ru.ru_nvcsw;
}

void *need_memory(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (p == NULL)
		die("no memory for %zu objects", n);
	return p;
}

void need_fds(long n)
{
	struct rlimit rl;

	n += 64;
	if (getrlimit(RLIMIT_NOFILE, &rl) < 0)
		die("getrlimit: %s", strerror(errno));
	if (rl.rlim_max != RLIM_INFINITY && (long)rl.rlim_max < n)
		die("needs %ld descriptors, and the limit is %ld", n,
		    (long)rl.rlim_max);
	rl.rlim_cur = rl.rlim_max;
	setrlimit(RLIMIT_NOFILE, &rl);
}

/* The first that this process may use. */
void one_cpu(void)
{
	cpu_set_t set;
	int i;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		die("sched_getaffinity: %s", strerror(errno));
	for (i = 0; !CPU_ISSET(i, &set); i++)
		;
	CPU_ZERO(&set);
	CPU_SET(i, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		die("sched_setaffinity: %s", strerror(errno));
}

void make_pipe(int fd[2])
{
	if (pipe2(fd, O_NONBLOCK | O_CLOEXEC) < 0)
		die("pipe: %s", strerror(errno));
}

static int64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * SEC + ts.tv_nsec;
}

int64_t clock_now(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

void meter_start(void)
{
	wall = clock_ns(CLOCK_MONOTONIC);
	cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

void meter_stop(long ops)
{
	cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	wall = clock_ns(CLOCK_MONOTONIC) - wall;
	printf("%ld %lld %lld\n", ops, (long long)cpu, (long long)wall);
}

void report(long ops, long long amount)
{
	printf("%ld %lld %lld\n", ops, amount, amount);
}

static const struct workload *const all[] = {
#ifndef ONLY_EDGES
	fd_workloads, timer_workloads, post_workloads, work_workloads,
	echo_workloads, file_workloads, alarm_workloads, program_workloads,
	size_workloads,
#endif
#ifdef EDGES
	edge_workloads,
#endif
};

#define for_each_workload(i, w)						\
	for (i = 0; i < sizeof(all) / sizeof(*all); i++)		\
		for (w = all[i]; w->name != NULL; w++)

static const struct workload *find(const char *name)
{
	const struct workload *w;
	size_t i;

	for_each_workload (i, w)
		if (strcmp(w->name, name) == 0)
			return w;
	die("%s has no workload \"%s\"; --list prints them", CONTESTANT_NAME,
	    name);
}

static int count_words(const char *s)
{
	int n = *s != '\0';

	for (; *s != '\0'; s++)
		n += *s == ' ';
	return n;
}

int main(int argc, char **argv)
{
	const struct workload *w;
	long arg[MAX_ARGS];
	char *end;
	size_t i;
	int n;

	if (argc < 2)
		die("usage: %s WORKLOAD NUMBER... | --list", argv[0]);
	if (strcmp(argv[1], "--list") == 0) {
		for_each_workload (i, w)
			printf("%s %s\n", w->name, w->arguments);
		return 0;
	}
	w = find(argv[1]);
	n = count_words(w->arguments);
	if (argc - 2 != n)
		die("usage: %s %s", w->name, w->arguments);
	while (n-- > 0) {
		arg[n] = strtol(argv[n + 2], &end, 10);
		if (end == argv[n + 2] || *end != '\0' || arg[n] < 0)
			die("%s: \"%s\" is not a number", w->name, argv[n + 2]);
	}
	w->run(arg);
	return 0;
}
