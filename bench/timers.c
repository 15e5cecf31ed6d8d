/* SPDX-License-Identifier: MIT */
/*
 * timers.c - timers, N of them standing.
 *
 * Expiries are uniform in 1 ms ... 60 s, or (RANDOM is 0) all the same
 * distance away.  Those that stand are registered in that order, and are
 * taken in another: the one that a cache knows least about.  The loop turns
 * every so often, so that its clock and its queue move on.
 */
#include "bench.h"

#define PER_TURN	1000

static struct timer_watch *timers;
static uint32_t *order;
static long n_timers, done, wanted;
static bool spread;
static uint64_t seed = 1;
static void (*step)(long i);

TIMER_HANDLER(expired)
{
	done++;
}

static int64_t delay(void)
{
	return spread ? rnd_delay(&seed) : 30 * SEC;
}

static void make_timers(long n, bool random)
{
	long i;

	if (n < 1)
		die("at least one timer");
	n_timers = n;
	spread = random;
	timers = need_memory((size_t)n + 1, sizeof(*timers));
	order = need_memory((size_t)n, sizeof(*order));
	loop_open(false);
	for (i = 0; i <= n; i++)
		timer_init(&timers[i], expired, NULL);
	for (i = 0; i < n; i++)
		order[i] = (uint32_t)i;
	for (i = n - 1; i > 0; i--) {
		uint64_t j = ((uint64_t)rnd(&seed) << 16) % (uint64_t)(i + 1);
		uint32_t o = order[i];

		order[i] = order[j];
		order[j] = o;
	}
}

static bool steps_turn(void)
{
	long end = done + PER_TURN < wanted ? done + PER_TURN : wanted;

	while (done < end)
		step(done++);
	return done < wanted;
}

static void metered(void (*what)(long), long ops)
{
	step = what;
	done = 0;
	wanted = ops;
	meter_start();
	run_turns(steps_turn);
	meter_stop(ops);
}

static void start(long i)
{
	timer_start(&timers[i], delay());
}

/* As a standing timer must not expire meanwhile. */
static int64_t standing_delay(void)
{
	return spread ? rnd_delay(&seed) + 4 * SEC : 30 * SEC;
}

static void stand(void)
{
	long i;

	for (i = 0; i < n_timers; i++)
		timer_start(&timers[i], standing_delay());
}

static void run_insert(const long *arg)
{
	make_timers(arg[0], arg[1] != 0);
	metered(start, n_timers);
}

static void start_stop(long i)
{
	(void)i;
	timer_start(&timers[n_timers], delay());
	timer_stop(&timers[n_timers]);
}

static void run_start_stop(const long *arg)
{
	make_timers(arg[0], arg[1] != 0);
	stand();
	metered(start_stop, arg[2]);
}

/* The oldest goes, and comes back. */
static void replace(long i)
{
	struct timer_watch *t = &timers[i % n_timers];

	timer_stop(t);
	timer_start(t, standing_delay());
}

static void run_replace(const long *arg)
{
	make_timers(arg[0], arg[1] != 0);
	stand();
	metered(replace, arg[2]);
}

static void again(long i)
{
	timer_again(&timers[order[i % n_timers]], standing_delay());
}

static void run_again(const long *arg)
{
	make_timers(arg[0], arg[1] != 0);
	stand();
	metered(again, arg[2]);
}

static void stop(long i)
{
	timer_stop(&timers[order[i]]);
}

static void run_remove(const long *arg)
{
	make_timers(arg[0], arg[1] != 0);
	stand();
	metered(stop, n_timers);
}

/* Each turn comes 10 ms late, as that of a server that has work to do. */
static bool late_turn(void)
{
	struct timespec ts = { 0, 10 * MS };

	nanosleep(&ts, NULL);
	return done < wanted;
}

static void run_expire(const long *arg)
{
	long i;

	make_timers(arg[0], arg[1] != 0);
	for (i = 0; i < n_timers; i++)
		timer_start(&timers[i], MS * 150 + (arg[1] == 0 ? 0 :
			    (int64_t)(rnd(&seed) % (200 * MS))));
	wanted = n_timers;
	done = 0;
	meter_start();
	run_turns(late_turn);
	meter_stop(n_timers);
}

const struct workload timer_workloads[] = {
	{ "timer-insert", "TIMERS RANDOM", run_insert },
	{ "timer-start-stop", "TIMERS RANDOM PAIRS", run_start_stop },
	{ "timer-replace", "TIMERS RANDOM TIMES", run_replace },
	{ "timer-again", "TIMERS RANDOM TIMES", run_again },
	{ "timer-remove", "TIMERS RANDOM", run_remove },
	{ "timer-expire", "TIMERS RANDOM", run_expire },
	{ NULL, NULL, NULL },
};
