/* SPDX-License-Identifier: MIT */
/*
 * engine.h - what the files of libev.so.4 share.
 *
 * A loop of libev has one of ivykis, its core, which does nothing but wait:
 * it is entered for the wait and for changes directly before it, and its
 * handlers only note what has happened.  Callbacks are called afterwards, from
 * queues of our own, since their order is part of the interface.  So a
 * callback may run the loop again, fork, longjmp(3) out, or destroy another
 * loop, and another thread may start and stop watchers while this one waits,
 * under the lock that it has around that.
 *
 * Watchers are accessed by their common head: compile without assumptions
 * about aliasing.
 */
#ifndef IVI_EV_ENGINE_H
#define IVI_EV_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ev.h>
#include <iv.h>
#include <iv_alarm.h>
#include <iv_event_raw.h>
#include <iv_list.h>
#include <iv_loop.h>

#define EVI_PUBLIC	__attribute__((visibility("default")))

#define EVI_PRIORITIES	(EV_MAXPRI - EV_MINPRI + 1)
#define EVI_CHAINS	16

/* A growing array, of items of one size. */
struct evi_array {
	void	*at;
	int	count, max;
};

/* Watchers in order of starting; w->active is the index plus 1. */
struct evi_set {
	ev_watcher	**at;
	int	count, max;
};

struct evi_pending {
	ev_watcher	*w;
	int	events;
};

struct evi_queue {
	struct evi_pending	*at;
	int	count, max;
};

/* A copy of W->at is beside it: sifting looks at few cache lines. */
struct evi_node {
	ev_tstamp	at;
	ev_watcher_time	*w;
};

struct evi_heap {
	struct evi_node	*at;
	int	count, max;
};

struct evi_fd {
	struct iv_fd	core;
	struct ev_loop	*loop;
	struct evi_fd	*changed;	/* the next one of the list */
	struct evi_fd	*fired;		/* the next one of the list */
	ev_watcher_list	*watchers;
	unsigned char	events;		/* what all of them want */
	unsigned char	got;		/* not 0: on the list of fired ones */
	bool	known;			/* registered */
	bool	dirty;			/* on the list of changed ones */
	bool	renew;			/* may be another file now, */
	bool	told;			/* and the core was told of it, */
	bool	anew;			/* which takes registering it anew */
};

struct evi_hints;

struct ev_loop {
	struct iv_loop	*core;
	int	refs;			/* what keeps ev_run() going */
	int	stop;			/* EVBREAK_* */
	unsigned	depth, iteration;
	unsigned	flags;		/* as asked for */
	unsigned	backend;
	pid_t	pid;			/* with EVFLAG_FORKCHECK, else 0 */
	bool	forked;
	bool	inotify;		/* may be used */
	bool	unblocks;		/* signals that are watched */
	void	*userdata;
	void	(*invoke)(struct ev_loop *);
	void	(*release)(struct ev_loop *);
	void	(*acquire)(struct ev_loop *);

	/* pending.c */
	struct evi_queue	pending[EVI_PRIORITIES];
	int	top;			/* none is higher */
	ev_watcher	nobody;		/* in place of who was stopped */
	unsigned	fed;		/* how often something was queued */
	int	before[EVI_PRIORITIES];	/* how many were, before some expired */

	/* time.c */
	ev_tstamp	now;		/* monotonic */
	ev_tstamp	real;		/* the same moment on the calendar */
	ev_tstamp	offset;		/* between these */
	ev_tstamp	looked;		/* when the calendar was looked at */
	struct iv_alarm	calendar;	/* tells when that is set */
	bool	may_watch;		/* it may be registered, */
	bool	watches;		/* and is */

	/* timer.c, periodic.c */
	struct evi_heap	timers, periodics;

	/* fd.c */
	struct evi_fd	**fds;
	int	fds_max;
	struct evi_fd	*changed, **changed_end;
	struct evi_fd	*fired, **fired_end;

	/* wait.c */
	struct iv_timer	alarm;
	ev_tstamp	alarm_at;	/* 0: not registered */
	bool	hurry;			/* the next wait is not to last */
	ev_tstamp	io_interval, timeout_interval;

	/* wake.c */
	struct iv_event_raw	raw;
	bool	wants_raw, has_raw;
	int	sleeper;		/* atomic */
	int	signals_sent, asyncs_sent;	/* atomic */
	ev_watcher	wake;

	/* sets.c */
	struct evi_set	prepares, checks, forks, cleanups, asyncs;
	struct evi_set	idles[EVI_PRIORITIES];
	int	idle_count;

	/* child.c */
	ev_signal	child_signal;
	ev_watcher_list	*children[EVI_CHAINS];

	/* stat.c; hints: stat_inotify.c */
	struct evi_set	stats;
	bool	stats_new;		/* some have no hint yet, or left it */
	bool	stats_news;		/* of some a hint has come */
	struct evi_hints	*hints;
	ev_watcher	look;
};

/* ---- memory.c ----------------------------------------------------------- */

/* Never NULL unless SIZE is 0, which frees. */
void *evi_realloc(void *p, size_t size);

static inline void evi_free(void *p)
{
	if (p != NULL)
		evi_realloc(p, 0);
}

/* A loop of ivykis is about to be made: who gives their memory is settled. */
void evi_core_used(void);

/* The array of *MAX items of SIZE bytes gets room for NEED; ZEROED: new ones are
   0. */
void *evi_grow(void *array, int *max, int need, size_t size);
void *evi_grow_zeroed(void *array, int *max, int need, size_t size);

/* The system refuses what there is no doing without: tell, and try again. */
void evi_syserr(const char *what);

/* ---- pending.c ---------------------------------------------------------- */

void evi_feed(struct ev_loop *loop, ev_watcher *w, int revents);
/* For those that are pending. */
int evi_forget(struct ev_loop *loop, ev_watcher *w);

/* Of several that have expired between these two, each of them once, the first
   is called first. */
void evi_expiry_begins(struct ev_loop *loop);
void evi_expiry_ends(struct ev_loop *loop);
void evi_expired(struct ev_loop *loop, ev_watcher *w, int revents);

static inline int evi_rank(const ev_watcher *w)
{
	return w->priority < EV_MINPRI ? 0 :
	       w->priority > EV_MAXPRI ? EVI_PRIORITIES - 1 :
	       w->priority - EV_MINPRI;
}

/* What W is pending with, which is not called any more. */
static inline int evi_unfeed(struct ev_loop *loop, ev_watcher *w)
{
	return w->pending ? evi_forget(loop, w) : 0;
}

/* ---- Starting and stopping ---------------------------------------------- */

/* A watcher that is active holds a reference to its loop, and has a priority
   that there is. */
static inline void evi_started(struct ev_loop *loop, void *_w, int active)
{
	ev_watcher *w = _w;

	w->priority = evi_rank(w) + EV_MINPRI;
	w->active = active;
	loop->refs++;
}

static inline void evi_stopped(struct ev_loop *loop, void *_w)
{
	ev_watcher *w = _w;

	w->active = 0;
	loop->refs--;
}

static inline void evi_list_add(ev_watcher_list **head, void *_w)
{
	ev_watcher_list *w = _w;

	w->next = *head;
	*head = w;
}

static inline void evi_list_remove(ev_watcher_list **head, void *w)
{
	while (*head != NULL && *head != w)
		head = &(*head)->next;
	if (*head != NULL)
		*head = (*head)->next;
}

/* ---- sets.c ------------------------------------------------------------- */

void evi_set_add(struct ev_loop *loop, struct evi_set *set, void *w);
void evi_set_remove(struct ev_loop *loop, struct evi_set *set, void *w);
void evi_set_feed(struct ev_loop *loop, struct evi_set *set, int revents);
void evi_idle_feed(struct ev_loop *loop);

/* ---- time.c ------------------------------------------------------------- */

ev_tstamp evi_monotonic(void);
void evi_time_init(struct ev_loop *loop);
/* With the core entered: from now on it tells when the calendar is set. */
void evi_time_watch(struct ev_loop *loop);
void evi_time_fini(struct ev_loop *loop);
/* Looks at the clocks; recomputes periodics if that of the calendar jumped. */
void evi_time_update(struct ev_loop *loop);
/* Looks at that of the calendar in any case. */
void evi_time_fresh(struct ev_loop *loop);
struct timespec evi_timespec(ev_tstamp t);

/* ---- timer.c, periodic.c ------------------------------------------------ */

void evi_timers_run(struct ev_loop *loop);
void evi_timers_shift(struct ev_loop *loop, ev_tstamp by);
void evi_periodics_run(struct ev_loop *loop);
void evi_periodics_reschedule(struct ev_loop *loop);

/* ---- fd.c --------------------------------------------------------------- */

void evi_fds_init(struct ev_loop *loop);
/* With the core entered: tells it of changes. */
void evi_fds_flush(struct ev_loop *loop);
/* With the core entered: it forgets numbers that were closed, whose watchers are
   told.  True if there were any. */
bool evi_fds_forget_closed(struct ev_loop *loop);
/* With errno: a descriptor of the core's own was refused since it has got such a
   number.  True: to be tried again. */
bool evi_fds_in_the_way(struct ev_loop *loop);
/* Queues what the core has noted. */
void evi_fds_feed(struct ev_loop *loop);
/* With the core entered. */
void evi_fds_fini(struct ev_loop *loop);
void evi_fd_feed(struct ev_loop *loop, struct evi_fd *f, int revents);

/* ---- wait.c ------------------------------------------------------------- */

void evi_wait_init(struct ev_loop *loop);
void evi_wait_fini(struct ev_loop *loop);
/* Applies changes to the core, and waits. */
void evi_wait(struct ev_loop *loop, bool block);
/* The same changes, for who waits for the core's descriptor; with the core
   entered.  True if something has come of it to be called at once. */
bool evi_flush(struct ev_loop *loop);

/* ---- wake.c ------------------------------------------------------------- */

void evi_wake_init(struct ev_loop *loop);
/* From now on this loop is woken. */
void evi_wake_want(struct ev_loop *loop);
/* Looks for calls in this iteration in any case. */
void evi_wake_look(struct ev_loop *loop);
/* With the core entered. */
void evi_wake_open(struct ev_loop *loop);
void evi_wake_fini(struct ev_loop *loop);
/* Sets *FLAG and sees to it that the loop looks.  Any thread and signal
   handlers. */
void evi_wake(struct ev_loop *loop, int *flag);
/* False: somebody has called already, do not sleep. */
bool evi_wake_sleep(struct ev_loop *loop);
void evi_wake_awake(struct ev_loop *loop);

/* ---- signal.c, async.c, child.c ----------------------------------------- */

void evi_signals_feed(struct ev_loop *loop);
void evi_signals_forget(struct ev_loop *loop);
void evi_asyncs_feed(struct ev_loop *loop);
bool evi_asyncs_marked(const struct ev_loop *loop);
void evi_children_init(struct ev_loop *loop);
void evi_children_fini(struct ev_loop *loop);

/* ---- stat.c ------------------------------------------------------------- */

void evi_stats_init(struct ev_loop *loop);
/* With the core entered. */
void evi_stats_flush(struct ev_loop *loop);
void evi_stats_feed(struct ev_loop *loop);
/* With the core entered: in a child, hints are to be had anew. */
void evi_stats_fork(struct ev_loop *loop);
/* With the core entered. */
void evi_stats_fini(struct ev_loop *loop);

/* Looks at the path of W; queues it if something has changed. */
void evi_stat_look(struct ev_loop *loop, ev_stat *w);
/* Asks for another hint. */
void evi_stat_again(struct ev_loop *loop, ev_stat *w);

/* ---- stat_inotify.c, or stat_poll.c where there is no inotify(7) -------- */

/* How well the kernel says that something may have happened to a path. */
enum evi_hint { EVI_HINT_ALL, EVI_HINT_LOCAL, EVI_HINT_NONE };

/* W->wd is private to them; -2: none was asked for, -1: none was to be had.
   With the core entered, not in a wait: */
enum evi_hint evi_hint_place(struct ev_loop *loop, ev_stat *w);
/* True in a child that has not called ev_loop_fork(): the parent's events. */
bool evi_hints_inherited(const struct ev_loop *loop);
/* Removes those that were left. */
void evi_hints_sweep(struct ev_loop *loop);
void evi_hints_close(struct ev_loop *loop);

/* Also while another thread waits for the loop: */
void evi_hint_leave(struct ev_loop *loop, ev_stat *w);
/* Looks at those that hints have come of. */
void evi_hints_look(struct ev_loop *loop);

/* ---- loop.c ------------------------------------------------------------- */

static inline struct iv_loop *evi_enter(struct ev_loop *loop)
{
	return iv_loop_enter(loop->core);
}

static inline void evi_leave(struct iv_loop *before)
{
	iv_loop_enter(before);
}

#endif
