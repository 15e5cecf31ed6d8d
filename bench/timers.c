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

/*
 * Time limits of a tenth of a second, each set anew by its own handler, and no
 * two at the same time.  A contestant that can be late on purpose may be so by
 * SLACK.
 */
TIMER_HANDLER(rearm)
{
	if (++done < wanted)
		timer_start(TIMER_COOKIE, 10 * MS +
			    (int64_t)(rnd(&seed) % (100 * MS)));
	else
		loop_stop();
}

static void prepare_rearm(const long *arg)
{
	long i;

	make_timers(arg[0], true);
	timer_slack(arg[1] * 1000);
	for (i = 0; i < n_timers; i++) {
		timer_init(&timers[i], rearm, &timers[i]);
		timer_start(&timers[i], 10 * MS +
			    (int64_t)(rnd(&seed) % (100 * MS)));
	}
	done = 0;
	wanted = arg[2];
}

static void run_rearm(const long *arg)
{
	prepare_rearm(arg);
	meter_start();
	loop_run();
	meter_stop(wanted);
}

static void run_rearm_sleeps(const long *arg)
{
	long before;

	prepare_rearm(arg);
	before = sleeps();
	loop_run();
	report(wanted, 1000LL * (sleeps() - before));
}

/* ---- How late one is that sets itself anew ---- */

static int64_t *lateness, due, distance;

/* If no distance was given it is 1 to 3 ms, which shows the loop's rounding. */
static void start_next(struct timer_watch *t)
{
	int64_t ns = distance > 0 ? distance :
		     MS + (int64_t)(rnd(&seed) % (2 * MS));

	due = clock_now() + ns;
	timer_start(t, ns);
}

static bool start_first(void)
{
	if (due == 0)
		start_next(&timers[0]);
	return false;
}

TIMER_HANDLER(came_late)
{
	lateness[done++] = clock_now() - due;
	if (done < wanted)
		start_next(TIMER_COOKIE);
	else
		loop_stop();
}

static int later(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* In order of lateness. */
static void measure_lateness(const long *arg)
{
	if (arg[1] < 1)
		die("at least one expiry");
	make_timers(1, false);
	lateness = need_memory((size_t)arg[1], sizeof(*lateness));
	distance = arg[0] * 1000;
	wanted = arg[1];
	timer_init(&timers[0], came_late, &timers[0]);
	run_turns(start_first);
	loop_run();
	qsort(lateness, (size_t)wanted, sizeof(*lateness), later);
}

static void run_late(const long *arg)
{
	int64_t sum = 0;
	long i;

	measure_lateness(arg);
	for (i = 0; i < wanted; i++)
		sum += lateness[i];
	report(1000 * wanted, sum);
}

static void run_late_p99(const long *arg)
{
	measure_lateness(arg);
	report(1000, lateness[(wanted * 99 - 1) / 100]);
}

/* ---- For those who do nothing for a while ---- */

TIMER_HANDLER(over)
{
	(void)TIMER_COOKIE;
	loop_stop();
}

void idle(long ms)
{
	struct timer_watch *t = need_memory(1, sizeof(*t));
	long before;

	timer_init(t, over, NULL);
	timer_start(t, 1 * MS);
	loop_run();
	timer_start(t, ms * MS);
	before = sleeps();
	loop_run();
	report(1, sleeps() - before);
	free(t);
}

const struct workload timer_workloads[] = {
	{ "timer-insert", "TIMERS RANDOM", run_insert },
	{ "timer-start-stop", "TIMERS RANDOM PAIRS", run_start_stop },
	{ "timer-replace", "TIMERS RANDOM TIMES", run_replace },
	{ "timer-again", "TIMERS RANDOM TIMES", run_again },
	{ "timer-remove", "TIMERS RANDOM", run_remove },
	{ "timer-expire", "TIMERS RANDOM", run_expire },
	{ "timer-late", "US EXPIRIES", run_late },
	{ "timer-late-p99", "US EXPIRIES", run_late_p99 },
	{ "timer-rearm", "TIMERS SLACK-US EXPIRIES", run_rearm },
	{ "timer-rearm-sleeps", "TIMERS SLACK-US EXPIRIES", run_rearm_sleeps },
	{ NULL, NULL, NULL },
};
