/* SPDX-License-Identifier: MIT */
/*
 * alarms.c - many alarms: computing them anew, as they are when their clock is
 * set, and waiting for them.
 */
#include "bench.h"

#ifdef HAVE_ALARMS

#include <iv_alarm.h>

static struct iv_alarm *alarms;

static void rings(void *unused)
{
	(void)unused;
	die("an alarm rings");
}

/* Each hour, from some second of it on that is not near. */
static void add_alarms(long n)
{
	time_t now = time(NULL);
	uint64_t seed = 1;
	long i;

	if (n < 1)
		die("alarms: 1 <= ALARMS");
	alarms = need_memory((size_t)n, sizeof(*alarms));
	loop_open(false);
	for (i = 0; i < n; i++) {
		struct iv_alarm *a = &alarms[i];

		IV_ALARM_INIT(a);
		a->at.tv_sec = now + 600 + (time_t)(rnd(&seed) % 2400);
		a->interval.tv_sec = 3600;
		a->handler = rings;
		if (iv_alarm_register(a) < 0)
			die("iv_alarm_register: %s", strerror(errno));
	}
}

static void drop_alarms(long n)
{
	long i;

	for (i = 0; i < n; i++)
		iv_alarm_unregister(&alarms[i]);
	free(alarms);
	loop_close();
}

static void run_again(const long *arg)
{
	long i, n = arg[0];

	add_alarms(n);
	meter_start();
	for (i = 0; i < arg[1]; i++)
		iv_alarm_again(&alarms[i % n]);
	meter_stop(arg[1]);
	drop_alarms(n);
}

static void run_idle(const long *arg)
{
	add_alarms(arg[0]);
	idle(arg[1]);
	drop_alarms(arg[0]);
}

#endif

const struct workload alarm_workloads[] = {
#ifdef HAVE_ALARMS
	{ "alarm-again", "ALARMS TIMES", run_again },
	{ "alarm-idle", "ALARMS MS", run_idle },
#endif
	{ NULL, NULL, NULL },
};
