/* SPDX-License-Identifier: MIT */
/*
 * model.c - the model: what may be called now, and what must be.
 *
 * One turn of the loop is a sequence of phases, and each call of a handler
 * belongs to one.  When a call comes, the model goes on from phase to phase
 * until it fits; it leaves no phase before all that had to be called in it
 * has been, and goes round at most once.
 */
#include <string.h>
#include <sys/wait.h>
#include <iv_hook.h>
#include <iv_loop.h>
#include "model/world.h"

/* A loop that has nothing to call waits no more often than that, even if each
   of its waits is several system calls. */
#define IDLE_WAITS	60

/* For so long a look at all children may be put off after another. */
#define REST	(ALL_CHILDREN * INT64_C(10000))

enum phase {
	PH_TIMERS, PH_TASKS, PH_LEAVE, PH_PREPARE, PH_BLOCK, PH_WAIT,
	PH_UNBLOCK, PH_CHECK, PH_POSTS, PH_FDS, PH_IDLE
};

/* So many turns in which nothing seems to have been called may have called
   something of the library's. */
#define SECRET_TURNS	4

enum answer { UNKNOWN, NO, YES };

/* An iv_main() in progress. */
struct frame {
	enum phase	phase;
	unsigned	flags;	/* of iv_run(), or 0 */
	bool	first;		/* its first turn */
	bool	collected;	/* timers, in this phase */
	bool	in_round;	/* of tasks */
	bool	in_posts;	/* the library's task runs posts */
	bool	took_posts;	/* those of this turn */
	bool	runs_posts;	/* ... which are run now */
	unsigned	outer_round;
	bool	hooking;	/* hooks of this phase are being called */
	enum answer	blocked;	/* IV_HOOK_BLOCK was called in this turn */
	bool	slept;
	bool	called;		/* anything but hooks, in this turn */
	bool	ran;		/* a timer or task, ever */
	unsigned	idle_turns;	/* without a call of IV_HOOK_IDLE */
};

struct model model;
static struct frame frames[DEPTH + 1], *frame;
static struct {
	struct model	model;
	struct frame	frames[DEPTH + 1];
	unsigned	depth;
} parked;			/* what the other loop has of these */
static bool ending;		/* the loop is being taken down */
static int64_t clock_seen;
static unsigned waits;		/* since the last call, not accounted for */

/* ---- Lists ------------------------------------------------------------------ */

static void push(struct list *l, int v)
{
	l->v[l->n++] = v;
}

static int find(const struct list *l, int v)
{
	FOR(i, l->n)
		if (l->v[i] == v)
			return i;
	return -1;
}

static bool drop(struct list *l, int v)
{
	int i = find(l, v);

	if (i < 0)
		return false;
	l->n--;
	memmove(l->v + i, l->v + i + 1,
		(size_t)(l->n - i) * sizeof(l->v[0]));
	return true;
}

static void move(struct list *from, struct list *to)
{
	FOR(i, from->n)
		push(to, from->v[i]);
	from->n = 0;
}

static bool take_head(struct list *l, int v)
{
	return l->n > 0 && l->v[0] == v && drop(l, v);
}

/* ---- What is there ------------------------------------------------------------- */

bool model_task_registered(int i)
{
	return find(&M.queue, i) >= 0 || find(&M.round, i) >= 0;
}

static bool posted(int i)
{
	return find(&M.pending, i) >= 0 || find(&M.batch, i) >= 0;
}

static int hooks_at(int point)
{
	int n = 0;

	FOR(i, HOOKS)
		n += M.hook[i].registered && M.hook[i].point == point;
	return n;
}

int model_holds(void)
{
	int n = M.queue.n + M.round.n, events = 0;

	FOR(i, LINES)
		n += M.line[i].registered && !M.line[i].noref;
	FOR(i, ALL_TIMERS)
		n += M.timer[i].registered;
	FOR(i, EVENTS + CALLS)
		events += M.event[i];
	events += posted(QUITTER) + (hooks_at(IV_HOOK_IDLE) > 0);
	FOR(i, RAWS)
		n += M.raw[i].registered;
	FOR(i, SIGNALS)
		n += M.signal[i].registered;
	FOR(i, ALL_CHILDREN)
		n += M.child[i].registered;
	FOR(i, INSTANCES)
		n += M.instance[i].registered;
	FOR(i, LISTENERS)
		n += M.listener[i].registered;
	return n + events + M.any + M.alarms + M.refs;
}

/* Of the first N. */
static int64_t soonest_of(int n)
{
	int64_t at = INT64_MAX;

	FOR(i, n)
		if (M.timer[i].registered && M.timer[i].at < at)
			at = M.timer[i].at;
	return at;
}

int64_t model_soonest(void)
{
	return soonest_of(ALL_TIMERS);
}

bool model_child_ended(int status)
{
	return status < 0 || (!WIFSTOPPED(status) && !WIFCONTINUED(status));
}

/* By a descriptor of its own. */
static bool child_shows(const struct child *c)
{
	return c->registered && c->news && !c->blind &&
	       model_child_ended(c->status);
}

static bool child_told_by_sweep(int i)
{
	const struct child *c = &M.child[i];

	return c->registered && c->news && c->heard && !child_shows(c);
}

/* Called by none but the library; it need not call anything. */
static bool is_silent_task(int i)
{
	if (i == TASK_POSTS)
		return M.pending.n == 0 && M.batch.n == 0;
	if (i == TASK_WORK)
		return M.work.n == 0 && M.working.n == 0;
	return i >= TASK_LOOK && i < TASK_CLOCK &&
	       !M.child[i - TASK_LOOK].news;
}

static int loud_tasks(const struct list *l)
{
	int n = 0;

	FOR(i, l->n)
		n += !is_silent_task(l->v[i]) && l->v[i] < TASK_CLOCK;
	return n;
}

/* What has to be called in the next turn. */
static unsigned line_due(const struct line *l)
{
	unsigned level = line_level(l), due = l->kicked | l->back;

	due |= l->edge ? level & (l->news | ~l->seen) : level;
	return due & l->set;
}

static bool listener_level(int i)
{
	return M.listener[i].registered && M.listener[i].on &&
	       M.listener[i].waiting > 0;
}

bool model_busy(void)
{
	FOR(i, LINES)
		if (M.line[i].registered && line_due(&M.line[i]))
			return true;
	FOR(i, RAWS)
		if (M.raw[i].posted)
			return true;
	FOR(i, CHILDREN)
		if (child_shows(&M.child[i]) || child_told_by_sweep(i))
			return true;
	FOR(i, INSTANCES)
		if (model_inotify_busy(i))
			return true;
	FOR(i, LISTENERS)
		if (listener_level(i))
			return true;
	FOR(i, ALARMS)
		if (M.timer[TIMER_ALARM + i].registered)
			return true;
	return hooks_at(IV_HOOK_IDLE) > 0 ||
	       loud_tasks(&M.queue) + loud_tasks(&M.round) > 0 ||
	       M.pending.n > 0 || M.batch.n > 0 ||
	       M.signals.n > (find(&M.signals, SIGNAL_CHILD) >= 0) +
			     (find(&M.signals, SIGNAL_ANY) >= 0) ||
	       soonest_of(TIMERS + TICKS) <= ground_clock() - M.slack;
}

bool model_may_sleep(void)
{
	return !(frame->flags & IV_RUN_NOWAIT) &&
	       !(frame->flags != 0 && frame->ran) && !M.quit &&
	       model_holds() > 0 && hooks_at(IV_HOOK_IDLE) == 0;
}

unsigned model_depth(void)
{
	return (unsigned)(frame - frames);
}

/* ---- Children --------------------------------------------------------------------- */

/*
 * The library is told of the end of most children by a descriptor.  Of all
 * else it hears by SIGCHLD, upon which it looks at all children (a sweep); it
 * may put that off for a while after the last one, until a timer is due.
 */

static bool has_children(void)
{
	FOR(i, ALL_CHILDREN)
		if (M.child[i].registered)
			return true;
	return false;
}

static bool may_tell(int i)
{
	return M.child[i].registered && M.child[i].news && !M.child[i].over;
}

static bool child_told(int i)
{
	struct child *c = &M.child[i];

	model_child_taken(i);
	c->over = model_child_ended(c->status);
	if (c->over && i < CHILDREN)
		model_task_unregister(TASK_LOOK + i);
	return true;
}

void model_sweep_begin(void)
{
	M.sweeping = true;
	FOR(i, ALL_CHILDREN)
		M.child[i].must = child_told_by_sweep(i);
}

/* If SIGCHLD is what has come next, of the signals being worked off. */
static void sweep_if_next(void)
{
	if (take_head(&M.signal_batch, SIGNAL_CHILD))
		model_sweep_begin();
}

void model_sweep_put_off(int64_t until)
{
	if (!M.in_signals || !M.sweeping || until > M.rested)
		world_fail("a look at the children is put off");
	model_timer_register(TIMER_SWEEP, until);
}

void model_sweep_end(void)
{
	bool was_put_off = M.timer[TIMER_SWEEP].registered;

	if (!M.sweeping)
		return;
	M.sweeping = false;
	if (!was_put_off)
		M.rested = ground_clock() + REST;
	FOR(i, ALL_CHILDREN) {
		if (M.child[i].must && !was_put_off)
			world_fail("child %d was not told of", i);
		M.child[i].must = false;
	}
}

/* ---- Timers ----------------------------------------------------------------------- */

static int64_t cached_now(void)
{
	return M.now_valid ? M.now : clock_seen;
}

static bool sooner(int a, int b)
{
	return M.timer[a].at < M.timer[b].at ||
	       (M.timer[a].at == M.timer[b].at &&
		M.timer[a].order < M.timer[b].order);
}

/* The first that is due at NOW, and not on the list yet; or -1. */
static int next_due(int64_t now)
{
	int best = -1;

	FOR(i, ALL_TIMERS)
		if (M.timer[i].registered && M.timer[i].at <= now &&
		    find(&M.due, i) < 0 && (best < 0 || sooner(i, best)))
			best = i;
	return best;
}

static void collect(void)
{
	int64_t now = cached_now();
	int i;

	if (model_soonest() != INT64_MAX) {
		M.now = now;
		M.now_valid = true;
	}
	while ((i = next_due(now)) >= 0)
		push(&M.due, i);
	frame->collected = true;
}

/* One that was registered after the last wait may have to wait for the next. */
static void leave_timers(void)
{
	int64_t now = cached_now();

	if (M.due.n > 0)
		world_fail("timer %d must be called now", M.due.v[0]);
	FOR(i, ALL_TIMERS)
		if (M.timer[i].registered && !frame->collected &&
		    (frame->first ? M.timer[i].at <= now : M.timer[i].must))
			world_fail("timer %d is due and was not called", i);
}

/* ---- Tasks, posts and work ------------------------------------------------------------ */

/* iv_loop_quit() calls nothing of ours. */
static void quit_if_next(void)
{
	if (take_head(&M.batch, QUITTER))
		M.quit = true;
}

static bool only_quits(void)
{
	return M.batch.n == 0 && M.pending.n == 1 && M.pending.v[0] == QUITTER;
}

/* A task of the library that has nothing to do: no call is seen. */
static void skip_silent_tasks(void)
{
	if (frame->in_posts && M.batch.n > 0)
		return;
	frame->in_posts = false;
	if (M.working.n > 0 || M.completing >= 0 || M.any_looks ||
	    M.looking == model_depth())
		return;
	while (M.round.n > 0 && (is_silent_task(M.round.v[0]) ||
				 (M.round.v[0] == TASK_POSTS && only_quits()))) {
		if (M.round.v[0] == TASK_POSTS) {
			move(&M.pending, &M.batch);
			quit_if_next();
		}
		M.ran[M.round.v[0]] = M.current;
		drop(&M.round, M.round.v[0]);
	}
}

/* The loop has slept, so that it has been through a turn before. */
static void run_silent_tasks(void)
{
	M.rounds++;
	for (int i = M.queue.n; i-- > 0; ) {
		int task = M.queue.v[i];

		if (!is_silent_task(task))
			continue;
		M.ran[task] = M.rounds;
		drop(&M.queue, task);
	}
}

static void enter_tasks(void)
{
	frame->phase = PH_TASKS;
	frame->in_posts = false;
	frame->in_round = M.queue.n + M.round.n > 0;
	if (!frame->in_round)
		return;
	move(&M.queue, &M.round);
	frame->outer_round = M.current;
	M.current = ++M.rounds;
	skip_silent_tasks();
}

static void leave_tasks(void)
{
	if (M.round.n > 0)
		world_fail("task %d must be called now", M.round.v[0]);
	if (frame->in_posts && M.batch.n > 0)
		world_fail("event %d must be called now", M.batch.v[0]);
	if (M.completing >= 0 || M.working.n > 0)
		world_fail("work is left undone");
	paths_looked();
	if (frame->in_round)
		M.current = frame->outer_round;
	frame->in_round = false;
}

static bool task_called(int i)
{
	if (!take_head(&M.round, i))
		return false;
	M.ran[i] = M.current;
	return true;
}

static bool event_called_by_task(int i)
{
	if (!frame->in_posts) {
		if (!task_called(TASK_POSTS))
			return false;
		frame->in_posts = true;
		move(&M.pending, &M.batch);
		quit_if_next();
	}
	return take_head(&M.batch, i);
}

static bool work_called(int i)
{
	if (M.completing >= 0)
		return false;
	if (M.working.n == 0) {
		if (!task_called(TASK_WORK))
			return false;
		move(&M.work, &M.working);
	}
	M.completing = i;
	M.at_work = true;
	if (!take_head(&M.working, i))
		return false;
	/* The rest is done even if this does not return. */
	if (M.working.n > 0 && !model_task_registered(TASK_WORK))
		model_task_register(TASK_WORK);
	return true;
}

static void work_done(void)
{
	if (!M.at_work || M.working.n > 0 || M.completing >= 0)
		return;
	M.at_work = false;
	if (M.work.n == 0)
		model_task_unregister(TASK_WORK);
}

static bool fits_tasks(enum call call, int i)
{
	if (!frame->in_round)
		return false;
	if (M.any_looks)
		return call == CALL_ANY;
	if (call == CALL_PATH || call == CALL_FOLLOW)
		return M.looking == model_depth();
	if (frame->in_posts && M.batch.n > 0)
		return call == CALL_EVENT && take_head(&M.batch, i);
	if (call == CALL_COMPLETION) {
		if (M.completing != i)
			return false;
		M.completing = -1;
		return true;
	}
	if (call == CALL_WORK)
		return work_called(i);
	if (M.completing >= 0 || M.working.n > 0)
		return false;
	if (call == CALL_EVENT)
		return event_called_by_task(i);
	if (call == CALL_CHILD)
		return task_called(TASK_LOOK + i) && child_told(i);
	return call == CALL_TASK && task_called(i);
}

/* Those of other threads: not before what the owner has posted.  What is
   posted meanwhile waits for the next time. */
static void take_posts(void)
{
	if (frame->took_posts)
		return;
	frame->took_posts = true;
	frame->runs_posts = !model_task_registered(TASK_POSTS);
	if (!frame->runs_posts)
		return;
	move(&M.pending, &M.batch);
	quit_if_next();
}

static void leave_posts(void)
{
	take_posts();
	if (M.batch.n > 0 && frame->runs_posts)
		world_fail("event %d must be called now", M.batch.v[0]);
	frame->took_posts = false;
}

/* ---- Waiting ------------------------------------------------------------------------------ */

static int64_t late(void)
{
	return ground_late() + M.slack;
}

static void check_sleep(void)
{
	int64_t now = ground_clock(), soonest = model_soonest();

	if (now == clock_seen)
		return;
	if (soonest < clock_seen)
		soonest = clock_seen;
	/* busy() as of before the wait: time has not to do with it. */
	FOR(i, ALL_TIMERS)
		if (M.timer[i].registered && M.timer[i].at <= clock_seen &&
		    now > clock_seen + late())
			world_fail("the loop slept though timer %d was due", i);
	if (soonest < INT64_MAX - late() && now > soonest + late())
		world_fail("the loop slept %lld ns too long",
			   (long long)(now - soonest));
}

/* Kicks belong to this turn, in which they are called; but an inner loop may
   leave them to the outer one, or to its next turn. */
static void take_kicks(struct line *l)
{
	unsigned now = (l->kicked | l->back) & l->set;

	if (model_depth() > 1) {
		l->spurious |= l->kicked | l->back | l->kept;
		l->kicked = l->back = l->kept = now = 0;
	}
	l->kept |= now;
	l->kicked = (l->kicked | l->back) & ~now;
	l->back = 0;
	l->must |= l->kept & l->set;
	l->extra = l->spurious & ~(l->ready | l->must);
	l->ready |= l->must | l->spurious;
}

/* An edge need not be told while its level is away; calls without an edge are
   allowed. */
static unsigned line_edges(struct line *l)
{
	unsigned level = line_level(l), due;

	l->news |= level & ~l->seen;
	l->seen = level;
	due = l->news & level;
	l->ready |= BANDS;
	return due;
}

/* ASLEEP: the wait has let time pass. */
static void look_at_lines(bool asleep)
{
	FOR(i, LINES) {
		struct line *l = &M.line[i];
		unsigned level = line_level(l);

		l->must = l->last = 0;
		l->served = false;
		if (!l->registered)
			continue;
		/* Those of the outer loop are not forgotten. */
		l->ready = level | (model_depth() > 1 ? l->ready : 0);
		l->must = (l->edge ? line_edges(l) : level) & l->set;
		if (ground_keeps_events() && l->was != 0) {
			l->ready |= l->was;
			l->must = 0;
		}
		/* The library kicks it, when its bands have been called. */
		if (l->end == ALWAYS && model_depth() > 1)
			l->must = 0;
		take_kicks(l);
		if (asleep && l->must != 0)
			world_fail("the loop slept though line %d is ready",
				   i);
		l->was = 0;
	}
}

/* What was ready in the outer loop still is. */
static void wait_found(bool anything)
{
	bool inner = model_depth() > 1;

	FOR(i, ALL_RAWS)
		M.raw[i].ready = M.raw[i].posted &&
				 (anything || (inner && M.raw[i].ready));
	FOR(i, ALL_CHILDREN)
		M.child[i].ready = child_shows(&M.child[i]) &&
				   (anything || (inner && M.child[i].ready));
	FOR(i, INSTANCES)
		M.instance[i].ready = M.instance[i].queued > 0 &&
			(anything || (inner && M.instance[i].ready));
	FOR(i, LISTENERS)
		M.listener[i].ready = listener_level(i) &&
			((anything && !ground_tells) ||
			 (inner && M.listener[i].ready));
	FOR(i, ALL_TIMERS)
		M.timer[i].must = M.timer[i].registered &&
			M.timer[i].due <= ground_clock() - late();
	M.serving = -1;
	M.now_valid = false;
	clock_seen = ground_clock();
}

/* Whether the loop may have slept, and should have said so. */
static void check_blocked(bool asleep)
{
	frame->slept = asleep;
	if (!asleep)
		return;
	if (M.alarms > 0)
		alarms_check_sleep(clock_seen, late());
	if (frame->blocked == NO)
		world_fail("the loop slept without a call of IV_HOOK_BLOCK");
	if (!model_may_sleep())
		world_fail("the loop slept in a turn that may not");
}

/* What the last wait found: all there is, since the ground does not tell. */
static void wait_over(void)
{
	bool asleep = ground_clock() > clock_seen;

	check_sleep();
	check_blocked(asleep);
	if (asleep)
		run_silent_tasks();
	if (asleep && (M.queue.n > 0 || M.round.n > 0 || M.pending.n > 0 ||
		       M.batch.n > 0))
		world_fail("the loop slept though there was something to do");
	if (waits-- == 0)
		world_fail("two turns without a wait");
	look_at_lines(asleep);
	FOR(i, ALL_RAWS)
		if (asleep && M.raw[i].posted)
			world_fail("the loop slept though raw event %d was "
				   "posted", i);
	FOR(i, ALL_CHILDREN)
		if (asleep && child_shows(&M.child[i]))
			world_fail("the loop slept though child %d has ended",
				   i);
	if (asleep && M.any && children_untold() >= 0)
		world_fail("the loop slept though unclaimed child %d has ended",
			   children_untold());
	FOR(i, INSTANCES)
		if (asleep && M.instance[i].queued > 0)
			world_fail("the loop slept though inotify %d is "
				   "readable", i);
	FOR(i, LISTENERS)
		if (asleep && listener_level(i))
			world_fail("the loop slept though listener %d has "
				   "clients", i);
	wait_found(true);
	paths_waited(asleep);
	ground_check_interest();
}

void model_waited(bool anything)
{
	check_blocked(ground_clock() > clock_seen);
	FOR(i, LINES) {
		struct line *l = &M.line[i];

		/* What the outer loop has not served is not forgotten. */
		if (l->served || model_depth() == 1)
			l->ready = 0;
		l->must = l->last = 0;
		l->served = false;
		if (l->registered && l->end == ALWAYS)
			l->ready |= IN | OUT;
		if (l->registered && l->edge)
			line_edges(l);
		if (l->registered)
			take_kicks(l);
	}
	wait_found(anything);
	frame->phase = PH_UNBLOCK;
}

void model_line_found(struct line *l, unsigned bands)
{
	l->ready |= bands;
	l->must |= bands & l->set;
	l->extra &= ~bands;
}

void model_listener_found(int fd)
{
	FOR(i, LISTENERS)
		if (M.listener[i].fd == fd)
			M.listener[i].ready = listener_level(i);
}

/* ---- Descriptors ------------------------------------------------------------------------- */

static unsigned above(unsigned band)
{
	return band ? BANDS & ~(2 * band - 1) : BANDS;
}

/* The loop has gone on to another descriptor. */
static void stop_serving(void)
{
	struct line *l;

	if (M.serving < 0)
		return;
	l = &M.line[M.serving];
	if (l->must & l->set & above(l->last))
		world_fail("line %d: band %u must be called now", M.serving,
			   l->must & l->set & above(l->last));
	l->served = true;
	M.serving = -1;
}

static bool line_called(int i, unsigned band)
{
	struct line *l = &M.line[i];

	if (l->served || !(l->ready & band) || band <= l->last)
		return false;
	if (!l->registered || !(l->set & band))
		world_fail("line %d: no handler for band %u", i, band);
	if (M.serving != i)
		stop_serving();
	if (l->must & l->set & (band - 1) & above(l->last))
		world_fail("line %d: band %u called too early", i, band);
	M.serving = i;
	l->kept &= ~band;
	l->back &= ~band;
	l->news &= ~band;
	l->spurious &= ~(band & l->extra);
	l->last = band;
	return true;
}

static bool raw_called(int i)
{
	if (!M.raw[i].ready)
		return false;
	stop_serving();
	M.raw[i].ready = M.raw[i].posted = false;
	return true;
}

/* The library has drained its raw event and taken all signals there are. */
static bool signals_called(void)
{
	if (!raw_called(RAW_SIGNALS))
		return false;
	M.in_signals = true;
	move(&M.signals, &M.signal_batch);
	sweep_if_next();
	return true;
}

static bool signal_called(int i)
{
	model_sweep_end();
	return take_head(&M.signal_batch, i);
}

static bool child_called(int i)
{
	if (M.in_signals ? !M.sweeping : !M.child[i].ready)
		return false;
	stop_serving();
	return child_told(i);
}

static bool inotify_called(int k)
{
	if (!M.instance[k].ready)
		return false;
	stop_serving();
	model_inotify_read(k);
	return true;
}

/* More often than need be, perhaps. */
static bool accept_called(int i)
{
	if (!M.listener[i].registered || !M.listener[i].on)
		return false;
	stop_serving();
	M.listener[i].ready = false;
	return true;
}

static bool clock_called(void)
{
	stop_serving();
	return true;
}

/* While signals or events are worked off nothing else is called. */
static bool fits_fds(enum call call, int i, unsigned band)
{
	if (M.reading >= 0)
		return call == CALL_WATCH && model_watch_called(i);
	if (M.any_looks)
		return call == CALL_ANY;
	if (call == CALL_CHILD)
		return child_called(i);
	if (M.in_signals)
		return call == CALL_SIGNAL && signal_called(i);
	return (call == CALL_FD && line_called(i, band)) ||
	       (call == CALL_RAW && raw_called(i)) ||
	       (call == CALL_SIGNALS && signals_called()) ||
	       (call == CALL_INOTIFY && inotify_called(i)) ||
	       (call == CALL_ACCEPT && accept_called(i)) ||
	       (call == CALL_CLOCK && clock_called()) ||
	       (call == CALL_HINTS && clock_called());
}

static void leave_fds(void)
{
	stop_serving();
	paths_read();
	FOR(i, LINES)
		if (M.line[i].registered && !M.line[i].served &&
		    (M.line[i].must & M.line[i].set))
			world_fail("line %d: band %u was ready and not called",
				   i, M.line[i].must & M.line[i].set);
	FOR(i, ALL_RAWS)
		if (M.raw[i].ready)
			world_fail("raw event %d was not called", i);
	FOR(i, ALL_CHILDREN)
		if (M.child[i].ready)
			world_fail("child %d has ended and was not told of",
				   i);
	FOR(i, INSTANCES)
		if (M.instance[i].ready)
			world_fail("inotify %d was not read", i);
	FOR(i, LISTENERS)
		if (M.listener[i].ready && listener_level(i))
			world_fail("listener %d has clients and was not asked",
				   i);
}

/* ---- Hooks ------------------------------------------------------------------------------------ */

/* Those of POINT, in order of registration; what an outer loop has left of them
   is among them. */
static void collect_hooks(int point)
{
	struct list *l = &M.hooks[point];

	l->n = 0;
	FOR(i, HOOKS) {
		int at = l->n;

		if (!M.hook[i].registered || M.hook[i].point != point)
			continue;
		push(l, i);
		for (; at > 0 && M.hook[l->v[at - 1]].order > M.hook[i].order;
		     at--)
			l->v[at] = l->v[at - 1];
		l->v[at] = i;
	}
}

static bool hook_called(int point, int i)
{
	if (M.hook[i].point != point)
		return false;
	if (!frame->hooking)
		collect_hooks(point);
	frame->hooking = true;
	return take_head(&M.hooks[point], i);
}

/* MUST: unless the phase was to be left out. */
static void leave_hooks(int point, bool must)
{
	if (!frame->hooking && must)
		collect_hooks(point);
	if ((frame->hooking || must) && M.hooks[point].n > 0)
		world_fail("hook %d must be called now", M.hooks[point].v[0]);
	frame->hooking = false;
}

/* There was nothing to do when the first was, and no reason not to sleep. */
static bool block_called(int i)
{
	if (frame->hooking)
		return hook_called(IV_HOOK_BLOCK, i);
	if (!model_may_sleep() || M.queue.n + M.pending.n + M.batch.n > 0 ||
	    model_soonest() <= ground_clock() - M.slack)
		world_fail("IV_HOOK_BLOCK in a turn that must not sleep");
	return hook_called(IV_HOOK_BLOCK, i);
}

static void leave_block(void)
{
	frame->blocked = frame->hooking ? YES :
			 hooks_at(IV_HOOK_BLOCK) > 0 ? NO : UNKNOWN;
	leave_hooks(IV_HOOK_BLOCK, false);
}

static bool unblock_called(int i)
{
	return frame->blocked != NO && hook_called(IV_HOOK_UNBLOCK, i);
}

static void leave_idle(void)
{
	if (frame->hooking || frame->called || hooks_at(IV_HOOK_IDLE) == 0)
		frame->idle_turns = 0;
	else if (++frame->idle_turns > SECRET_TURNS)
		world_fail("idle turns without IV_HOOK_IDLE");
	leave_hooks(IV_HOOK_IDLE, false);
	frame->called = false;
}

void model_hook_register(int i, int point)
{
	M.hook[i].registered = true;
	M.hook[i].point = point;
	M.hook[i].order = ++M.orders;
}

void model_hook_unregister(int i)
{
	M.hook[i].registered = false;
	drop(&M.hooks[M.hook[i].point], i);
}

void model_take_down(bool begins)
{
	ending = begins;
	if (begins)
		collect_hooks(IV_HOOK_DEINIT);
	else if (M.hooks[IV_HOOK_DEINIT].n > 0)
		world_fail("hook %d was not called",
			   M.hooks[IV_HOOK_DEINIT].v[0]);
}

/* ---- Phases --------------------------------------------------------------------------------- */

static bool fits(enum call call, int i, unsigned band)
{
	switch (frame->phase) {
	case PH_TIMERS:
		if (call == CALL_CHILD)
			return M.sweeping && child_told(i);
		if (call != CALL_TIMER && call != CALL_HINTS)
			return false;
		if (!frame->collected)
			collect();
		if (call == CALL_HINTS)
			return true;
		return take_head(&M.due, i);
	case PH_TASKS:
		return fits_tasks(call, i);
	case PH_LEAVE:
		return call == CALL_RETURN;
	case PH_PREPARE:
		return call == CALL_HOOK && hook_called(IV_HOOK_PREPARE, i);
	case PH_BLOCK:
		return call == CALL_HOOK && M.hook[i].point == IV_HOOK_BLOCK &&
		       block_called(i);
	case PH_WAIT:
		return call == CALL_WAIT;
	case PH_UNBLOCK:
		return call == CALL_HOOK && unblock_called(i);
	case PH_CHECK:
		return call == CALL_LOOK ||
		       (call == CALL_HOOK && hook_called(IV_HOOK_CHECK, i));
	case PH_POSTS:
		if (call != CALL_EVENT)
			return false;
		take_posts();
		return frame->runs_posts && take_head(&M.batch, i);
	case PH_FDS:
		return fits_fds(call, i, band);
	case PH_IDLE:
		return call == CALL_HOOK && !frame->called &&
		       hook_called(IV_HOOK_IDLE, i);
	}
	return false;
}

static void next_phase(void)
{
	switch (frame->phase) {
	case PH_TIMERS:
		leave_timers();
		enter_tasks();
		break;
	case PH_TASKS:
		leave_tasks();
		frame->phase = M.quit || model_holds() <= 0 ? PH_LEAVE
							    : PH_PREPARE;
		break;
	case PH_LEAVE:
		world_fail("iv_main() should have returned");
	case PH_PREPARE:
		leave_hooks(IV_HOOK_PREPARE, true);
		frame->phase = PH_BLOCK;
		break;
	case PH_BLOCK:
		leave_block();
		frame->phase = PH_WAIT;
		break;
	case PH_WAIT:
		if (ground_tells)
			world_fail("a turn without a wait");
		wait_over();
		frame->phase = PH_UNBLOCK;
		break;
	case PH_UNBLOCK:
		leave_hooks(IV_HOOK_UNBLOCK, frame->blocked == YES ||
			    (frame->slept && frame->blocked == UNKNOWN));
		frame->phase = PH_CHECK;
		break;
	case PH_CHECK:
		leave_hooks(IV_HOOK_CHECK, true);
		frame->phase = PH_POSTS;
		break;
	case PH_POSTS:
		leave_posts();
		frame->phase = PH_FDS;
		break;
	case PH_FDS:
		leave_fds();
		frame->phase = PH_IDLE;
		break;
	case PH_IDLE:
		leave_idle();
		frame->first = frame->collected = false;
		frame->phase = frame->flags != 0 ? PH_LEAVE : PH_TIMERS;
		break;
	}
}

static const char *const call_names[] = {
	"timer", "task", "work", "completion", "event", "line", "raw event",
	"signals", "signal", "child", "any child", "inotify", "watch", "hook", "accept",
	"clock", "path", "file", "hints",
	"look", "wait", "return"
};

/* True while the model lags behind: the loop has waited since the last call. */
static bool behind(unsigned passed)
{
	return !ground_tells && waits > ground_looks() && passed == 0;
}

static void note_call(enum call call)
{
	if (call == CALL_HOOK || call >= CALL_LOOK)
		return;
	frame->called = true;
	frame->ran |= frame->phase == PH_TIMERS || frame->phase == PH_TASKS;
}

void model_called(enum call call, int i, unsigned band)
{
	unsigned n = 0, passed = 0;

	if (ending && call == CALL_HOOK && M.hook[i].point == IV_HOOK_DEINIT &&
	    take_head(&M.hooks[IV_HOOK_DEINIT], i))
		return;
	if (call == CALL_CHILD && !may_tell(i))
		world_fail("child %d has nothing to be told", i);
	if (frame == frames)
		world_fail("%s %d: called outside iv_main()", call_names[call],
			   i);
	waits = ground_waits();
	while (behind(passed) || !fits(call, i, band)) {
		if (++n > 24)
			world_fail("%s %d (band %u) is not due",
				   call_names[call], i, band);
		passed += frame->phase == PH_WAIT;
		next_phase();
	}
	if (waits > IDLE_WAITS)
		world_fail("%u waits for nothing", waits);
	note_call(call);
}

void model_done(void)
{
	work_done();
	if (frame->in_posts || (frame->phase == PH_POSTS && frame->runs_posts))
		quit_if_next();
	if (frame->phase == PH_TASKS)
		skip_silent_tasks();
	if (M.in_signals && !M.sweeping && !M.any_looks)
		sweep_if_next();
}

void model_begin(void)
{
	memset(&model, 0, sizeof(model));
	ending = false;
	M.completing = M.serving = M.reading = -1;
	frame = frames;
	FOR(i, LINES)
		M.line[i].fd = M.line[i].peer = -1;
}

void model_swap(void)
{
	struct model m = model;
	struct frame f[DEPTH + 1];
	unsigned depth = model_depth();

	memcpy(f, frames, sizeof(f));
	model = parked.model;
	memcpy(frames, parked.frames, sizeof(f));
	frame = frames + parked.depth;
	parked.model = m;
	memcpy(parked.frames, f, sizeof(f));
	parked.depth = depth;
}

void model_enter(unsigned flags)
{
	frame++;
	memset(frame, 0, sizeof(*frame));
	frame->flags = flags;
	frame->first = true;
	M.look_stage = 0;
	M.now_valid = false;
	if (model_depth() == 1)
		M.quit = false;
	clock_seen = ground_clock();
	ground_waits();
	waits = 0;
}

void model_leave(void)
{
	model_called(CALL_RETURN, 0, 0);
	frame--;
	clock_seen = ground_clock();
	frame->idle_turns = 0;
	M.look_stage = 0;
	/* A wait of a single turn is for the next of the outer loop. */
	FOR(i, ALL_TIMERS)
		M.timer[i].must = false;
	/* What an inner loop has served the outer one does not serve. */
	FOR(i, LINES) {
		struct line *l = &M.line[i];

		l->must = 0;
		l->spurious |= l->kicked | l->back | l->kept;
		l->kicked = l->back = l->kept = 0;
	}
}

void model_advanced(void)
{
	clock_seen = ground_clock();
	ground_waits();
}

/* ---- Changes ----------------------------------------------------------------------------------- */

void model_line_changes(struct line *l)
{
	l->was |= line_level(l);
}

/* What was to be called, and cannot be any more, is remembered: kicks, and in
   one turn with them, or with edges, maybe more. */
static void narrow(struct line *l, unsigned set)
{
	unsigned lost = l->set & ~set;

	if (l->kept != 0)
		l->spurious |= l->ready & BANDS;
	l->back |= l->kept & lost;
	l->kept &= ~lost;
	l->must &= set;
	l->set = set;
}

void model_line_set(struct line *l, unsigned handlers)
{
	l->handlers = handlers;
	narrow(l, l->suspended ? 0 : handlers);
}

void model_line_suspend(struct line *l, bool on)
{
	l->suspended = on;
	narrow(l, on ? 0 : l->handlers);
}

void model_line_kick(struct line *l, unsigned bands)
{
	l->kicked |= bands;
}

void model_line_news(struct line *l, unsigned bands)
{
	l->news |= bands;
}

void model_line_register(struct line *l, unsigned handlers)
{
	l->registered = true;
	l->suspended = false;
	l->handlers = l->set = handlers;
	l->kicked = l->kept = l->back = l->spurious = l->news = l->seen = 0;
	l->ready = l->must = l->last = l->was = 0;
	l->served = false;
}

void model_line_unregister(struct line *l)
{
	l->registered = false;
	l->ready = l->must = 0;
	if (M.serving == (int)(l - M.line))
		M.serving = -1;
}

void model_timer_register(int i, int64_t at)
{
	M.timer[i].registered = true;
	M.timer[i].must = false;
	M.timer[i].at = at;
	M.timer[i].due = at > ground_clock() ? at : ground_clock();
	M.timer[i].order = ++M.orders;
}

void model_timer_unregister(int i)
{
	M.timer[i].registered = false;
	drop(&M.due, i);
}

void model_task_register(int i)
{
	push(M.current != 0 && M.ran[i] != M.current ? &M.round : &M.queue, i);
}

void model_task_unregister(int i)
{
	if (!drop(&M.queue, i))
		drop(&M.round, i);
}

void model_task_init(int i)
{
	M.ran[i] = M.current;
}

void model_event_post(int i, bool from_owner)
{
	if (posted(i))
		return;
	push(&M.pending, i);
	if (from_owner && !model_task_registered(TASK_POSTS))
		model_task_register(TASK_POSTS);
}

void model_quit_post(bool from_owner)
{
	model_event_post(QUITTER, from_owner);
}

void model_event_unregister(int i)
{
	M.event[i] = false;
	if (!drop(&M.pending, i))
		drop(&M.batch, i);
}

/* The first that the loop has to do with work. */
static void work_begins(void)
{
	if (!M.worked)
		model_task_init(TASK_WORK);
	M.worked = true;
}

void model_work_submit(int i)
{
	M.item[i] = true;
	work_begins();
	push(&M.work, i);
	if (!model_task_registered(TASK_WORK))
		model_task_register(TASK_WORK);
}

bool model_work_cancel(int i)
{
	work_begins();
	if (!drop(&M.work, i) && !drop(&M.working, i))
		return false;
	M.item[i] = false;
	return true;
}

/* ---- Signals -------------------------------------------------------------------------------------- */

static void signal_wake(int i)
{
	if (find(&M.signals, i) >= 0 || find(&M.signal_batch, i) >= 0)
		return;
	if (M.signals.n == 0)
		M.raw[RAW_SIGNALS].posted = true;
	push(&M.signals, i);
}

/* The exclusive ones first, then by address. */
static bool signal_before(const struct signal *a, const struct signal *b)
{
	if (a->exclusive != b->exclusive)
		return a->exclusive;
	return (uintptr_t)a->address < (uintptr_t)b->address;
}

/* The next of those for SIGNUM after LAST, which may be -1. */
static int next_signal(int signum, bool own_thread, int last)
{
	int best = -1;

	FOR(i, SIGNALS) {
		const struct signal *s = &M.signal[i];

		if (!s->registered || s->signum != signum ||
		    s->own_thread != own_thread ||
		    (last >= 0 && (i == last ||
				   !signal_before(&M.signal[last], s))))
			continue;
		if (best < 0 || signal_before(s, &M.signal[best]))
			best = i;
	}
	return best;
}

static bool signal_wake_all(int signum, bool own_thread)
{
	int i = next_signal(signum, own_thread, -1);
	bool found = i >= 0;

	for (; i >= 0; i = next_signal(signum, own_thread, i)) {
		signal_wake(i);
		if (M.signal[i].exclusive)
			break;
	}
	return found;
}

void model_signal_raise(int signum)
{
	if (!signal_wake_all(signum, true))
		signal_wake_all(signum, false);
}

/* The library's raw event goes with the last that needs it. */
static void signals_detach(void)
{
	bool others = false;

	FOR(i, SIGNALS)
		others |= M.signal[i].registered;
	if (!others && !M.hooked && !M.any)
		M.raw[RAW_SIGNALS].posted = M.raw[RAW_SIGNALS].ready = false;
}

void model_signal_unregister(int i)
{
	struct signal *s = &M.signal[i];
	bool was_pending = drop(&M.signals, i) || drop(&M.signal_batch, i);

	s->registered = false;
	if (was_pending && s->exclusive &&
	    !signal_wake_all(s->signum, s->own_thread) && s->own_thread)
		signal_wake_all(s->signum, false);
	signals_detach();
}

void model_signals_done(void)
{
	model_sweep_end();
	if (M.signal_batch.n > 0)
		world_fail("signal %d was not called", M.signal_batch.v[0]);
	M.in_signals = false;
}

/* ---- Changes of children --------------------------------------------------------------------------- */

void model_sigchld(void)
{
	FOR(i, ALL_CHILDREN)
		M.child[i].heard |= M.child[i].registered && M.child[i].news;
	if (M.any && M.sigchld[1] < M.sigchld[0])
		signal_wake(SIGNAL_ANY);
	if (M.hooked)
		signal_wake(SIGNAL_CHILD);
	if (M.any)
		signal_wake(SIGNAL_ANY);
}

/* One status replaces another.  What shows is not for a sweep to tell. */
void model_child_news(int i, int status)
{
	struct child *c = &M.child[i];

	c->news = true;
	c->heard = false;
	c->status = status;
	if (child_shows(c))
		c->must = false;
}

void model_child_taken(int i)
{
	struct child *c = &M.child[i];

	c->news = c->heard = c->ready = c->must = false;
}

void model_child_register(int i, bool blind, bool look)
{
	struct child *c = &M.child[i];

	c->registered = true;
	c->blind = blind;
	M.hooked |= i < CHILDREN;
	c->heard = c->ready = c->must = c->over = false;
	if (look) {
		model_task_init(TASK_LOOK + i);
		model_task_register(TASK_LOOK + i);
	}
}

void model_child_unregister(int i, bool kept)
{
	struct child *c = &M.child[i];

	c->registered = c->heard = c->ready = c->must = false;
	if (i < CHILDREN)
		model_task_unregister(TASK_LOOK + i);
	if (!has_children()) {
		M.hooked = false;
		if (!drop(&M.signals, SIGNAL_CHILD))
			drop(&M.signal_batch, SIGNAL_CHILD);
		model_timer_unregister(TIMER_SWEEP);
	}
	if (kept && M.any)
		signal_wake(SIGNAL_ANY);
	signals_detach();
}

void model_any_register(void)
{
	M.any = true;
}

void model_any_unregister(void)
{
	M.any = false;
	if (!drop(&M.signals, SIGNAL_ANY))
		drop(&M.signal_batch, SIGNAL_ANY);
	signals_detach();
}

void model_any_looks(bool begins)
{
	M.any_looks = begins;
}
