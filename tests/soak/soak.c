/* SPDX-License-Identifier: MIT */
/*
 * soak.c - the load of load.c for longer: nothing grows, nothing gets stuck,
 * and a storm of errors is survived.
 *
 * IV_SOAK_SECONDS: how long nothing_grows() takes, instead of some rounds.
 * IV_SOAK_LOG: a file that gets a line of figures per second.
 */
#include "config.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "harness/spy.h"
#include "harness/test.h"
#include "soak/load.h"

/*
 * ThreadSanitizer (gcc 12) has called threads leaked, once in some hundred
 * runs, that end and begin by the thousand here, some of them detached.  It
 * looks for races all the same; the fence counts threads, and iv_main() does
 * not return before it has joined its own.
 */
const char *__tsan_default_options(void);

const char *__tsan_default_options(void)
{
	return "report_thread_leaks=0";
}

/* Seconds that an activity may take for a round. */
#define STUCK	20

/* Growth of the memory in use that is not a leak, in KiB. */
#define SLACK	1024

/* ---- Errors that spy.c does not know ---------------------------------------- */

int __real_pthread_create(pthread_t *tid, const pthread_attr_t *attr,
			  void *(*fn)(void *), void *arg);
int __wrap_pthread_create(pthread_t *tid, const pthread_attr_t *attr,
			  void *(*fn)(void *), void *arg);
pid_t __real_fork(void);
pid_t __wrap_fork(void);

int __wrap_pthread_create(pthread_t *tid, const pthread_attr_t *attr,
			  void *(*fn)(void *), void *arg)
{
	return spy_storm_hits() ? EAGAIN :
	       thread_create(__real_pthread_create, tid, attr, fn, arg);
}

pid_t __wrap_fork(void)
{
	if (!spy_storm_hits())
		return __real_fork();
	errno = EAGAIN;
	return -1;
}

/* ---- Figures ------------------------------------------------------------------ */

struct figures {
	long	rss;		/* KiB */
	int	fds, threads;
};

static int entries(const char *path)
{
	DIR *dir = opendir(path);
	int n = -2;

	if (dir == NULL)
		return -1;
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static struct figures figures(void)
{
	struct figures f = { 0, entries("/proc/self/fd"),
			     entries("/proc/self/task") };
	FILE *statm = fopen("/proc/self/statm", "re");

	if (statm == NULL)
		return f;
	if (fscanf(statm, "%*d %ld", &f.rss) == 1)
		f.rss *= sysconf(_SC_PAGESIZE) / 1024;
	fclose(statm);
	return f;
}

/* ---- The long run ---------------------------------------------------------------- */

static int64_t begun, seconds;
static struct iv_timer second;
static struct figures settled, last;
static FILE *log_file;

static void log_figures(int64_t t)
{
	unsigned i;

	if (log_file == NULL)
		return;
	fprintf(log_file, "%d %ld %d %d", (int)t, last.rss, last.fds,
		last.threads);
	for (i = 0; i < load_count; i++)
		fprintf(log_file, " %lu", load[i].rounds);
	fprintf(log_file, "\n");
	fflush(log_file);
}

static void each_second(void *unused)
{
	const char *name = "";
	int64_t t = (load_clock() - begun) / 1000000000;

	(void)unused;
	last = figures();
	log_figures(t);
	if (load_stuck(&name) > STUCK * time_scale())
		FAIL("%s are stuck", name);
	if (t <= seconds / 4)
		settled = last;
	if (seconds > 0 ? t >= seconds : load_rounds() >= 20) {
		load_end();
		return;
	}
	timer_after(&second, seconds > 0 ? 1000 : 20, each_second, NULL);
	iv_timer_register(&second);
}

static void summary(void)
{
	unsigned i;

	for (i = 0; i < load_count; i++)
		note("%-9s %9lu rounds", load[i].name, load[i].rounds);
	note("memory %ld KiB after a quarter, %ld at the end",
	     settled.rss, last.rss);
	CHECK_INT(last.rss, <=, settled.rss + SLACK);
}

/* Descriptors, threads, children: see the fence. */
TEST(nothing_grows)
{
	const char *s = getenv("IV_SOAK_SECONDS"), *name = getenv("IV_SOAK_LOG");
	long blocks;

	seconds = s != NULL ? atoi(s) : 0;
	time_limit((unsigned)seconds + 30);
	if (name != NULL) {
		log_file = fopen(name, "we");
		CHECK(log_file != NULL);
	}
	blocks = spy_blocks();
	begun = load_clock();
	iv_init();
	load_begin(true);
	timer_after(&second, 0, each_second, NULL);
	iv_timer_register(&second);
	iv_main();
	iv_deinit();
	CHECK_INT(spy_blocks(), ==, blocks);
	if (log_file != NULL)
		fclose(log_file);
	if (seconds > 0)
		summary();
}

/* ---- A storm ------------------------------------------------------------------------ */

static struct iv_timer calm;
static unsigned long rounds_before;
static int64_t ended;

static void lull(void *unused)
{
	(void)unused;
	if (load_rounds() < rounds_before + 2) {
		timer_after(&calm, 10, lull, NULL);
		iv_timer_register(&calm);
		return;
	}
	note("at work again after %d ms",
	     (int)((load_clock() - ended) / 1000000));
	without_deadline();
	load_end();
}

static unsigned long refused(void)
{
	unsigned long n = 0;
	unsigned i;

	for (i = 0; i < load_count; i++)
		n += load[i].refused;
	return n;
}

/*
 * Goes on until it has hit often enough.  To be at work again should take no
 * longer than a second; the machine may be busy, so that is not asked for.
 */
static void storm_ends(void *unused)
{
	(void)unused;
	if (spy_failed() < 20 || refused() == 0) {
		timer_after(&calm, 50, storm_ends, NULL);
		iv_timer_register(&calm);
		return;
	}
	spy_storm(0);
	ended = load_clock();
	rounds_before = load_rounds();
	with_deadline(10);
	lull(NULL);
}

static void storm(unsigned percent)
{
	long blocks = spy_blocks();

#ifdef TEST_COVERAGE
	SKIP("gcov needs memory whenever a process forks");
#endif
	time_limit(60);
	iv_init();
	load_expect_refusals(true);
	load_begin(false);
	timer_after(&calm, 300, storm_ends, NULL);
	iv_timer_register(&calm);
	spy_storm(percent);
	iv_main();
	iv_deinit();
	CHECK_INT(spy_blocks(), ==, blocks);
	note("%u calls failed, %lu rounds were refused", spy_failed(),
	     refused());
}

TEST(one_call_in_a_hundred_fails)
{
	storm(1);
}

TEST(one_call_in_ten_fails)
{
	storm(10);
}

TEST(every_other_call_fails)
{
	storm(50);
}
