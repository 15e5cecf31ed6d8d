/* SPDX-License-Identifier: MIT */
/*
 * inspect.c - figures of a loop.
 *
 * What is registered is counted where that is free: descriptors by the set of
 * their numbers, and timers, which nobody counts, as what keeps the loop
 * running and is none of the other kinds.
 */
#include "loop/loop.h"
#include "loop/inspect.h"

#include <string.h>

static unsigned long length(const struct iv_list_head *list)
{
	const struct iv_list_head *lh;
	unsigned long n = 0;

	iv_list_for_each (lh, list)
		n++;
	return n;
}

static unsigned long count_fds(const struct ivi_loop *loop)
{
	const struct ivi_fds *fds = &loop->fds;
	unsigned long n = (unsigned long)fds->detached;
	size_t i;

	if (fds->uncounted)
		n += length(&loop->poller->all);
	for (i = 0; i < fds->words && !fds->uncounted; i++)
		n += (unsigned long)__builtin_popcountll(fds->numbers[i]);
	return n - (iv_fd_registered(&loop->events.wake_fd) ? 1 : 0);
}

static long idle_hooks(const struct ivi_loop *loop)
{
	const struct ivi_hook_list *list = &loop->hooks.list[IV_HOOK_IDLE];

	return (long)(length(&list->all) + length(&list->rest));
}

/* What has been posted here is called by a task of the library's own. */
static void count(const struct ivi_loop *loop, struct iv_metrics *m)
{
	const struct ivi_tasks *ts = &loop->tasks;
	const struct ivi_events *es = &loop->events;
	int own = iv_task_registered(&es->local) ? 1 : 0;
	long others;

	m->fds = count_fds(loop);
	m->tasks = length(&ts->queue) + length(&ts->round) -
		   (unsigned long)own;
	m->events = es->registered;
	m->holds = loop->holds - own;
	others = loop->refs + idle_hooks(loop) + (long)m->fds -
		 loop->fds.unheld + (long)m->tasks + (long)m->events;
	m->timers = (unsigned long)(m->holds - others);
}

static void fill(const struct ivi_loop *loop, struct iv_metrics *m)
{
	const struct ivi_meter *meter = &loop->meter;

	m->turns = loop->run.waits + loop->run.ends;
	m->waits = loop->run.waits;
	m->fd_calls = loop->fds.calls - loop->events.drains;
	m->timer_calls = loop->timers.calls;
	m->task_calls = loop->tasks.calls - loop->events.local_runs;
	m->post_calls = loop->events.calls;
	m->spinning = ivi_meter_spinning(loop);
	m->slept_ns = (unsigned long long)meter->slept;
	m->late_ns_max = (unsigned long long)meter->late;
	m->longest_ns = (unsigned long long)meter->longest;
	m->longest = (void (*)(void))meter->slowest;
	count(loop, m);
}

void ivi_metrics(const struct ivi_loop *loop, struct iv_metrics *m)
{
	memset(m, 0, sizeof(*m));
	fill(loop, m);
}

IVI_PUBLIC void iv_metrics_get(struct iv_metrics *metrics, size_t size)
{
	static const char fn[] = "iv_metrics_get";
	const struct ivi_loop *loop = ivi_loop_of_caller(fn);
	struct iv_metrics m;

	ivi_check_object(fn, "iv_metrics", metrics);
	ivi_metrics(loop, &m);
	memset(metrics, 0, size);
	memcpy(metrics, &m, size < sizeof(m) ? size : sizeof(m));
}

IVI_PUBLIC void iv_metrics_time(int on)
{
	ivi_meter_time(ivi_loop_of_caller("iv_metrics_time"), on != 0);
}
