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
#include "model/model.h"

/* A loop that has nothing to call waits no more often than that, even if each
   of its waits is several system calls. */
#define IDLE_WAITS	60

/* For so long a look at all children may be put off after another. */
#define REST	(CHILDREN * INT64_C(10000))

enum phase { PH_TIMERS, PH_TASKS, PH_LEAVE, PH_WAIT, PH_POSTS, PH_FDS };

/* An iv_main() in progress. */
struct frame {
	enum phase	phase;
	bool	first;		/* its first turn */
	bool	collected;	/* timers, in this phase */
	bool	in_round;	/* of tasks */
	bool	in_posts;	/* the library's task runs posts */
	bool	took_posts;	/* those of this turn */
	bool	runs_posts;	/* ... which are run now */
	unsigned	outer_round;
};

struct model model;
static struct frame frames[DEPTH + 1], *frame;
static int64_t clock_seen;
static unsigned waits;		/* since the last call, not accounted for */

#define M	model
#define FOR(i, n)	for (int i = 0; i < (n); i++)

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

int model_holds(void)
{
	int n = M.queue.n + M.round.n, events = 0;

	FOR(i, LINES)
		n += M.line[i].registered;
	FOR(i, ALL_TIMERS)
		n += M.timer[i].registered;
	FOR(i, EVENTS)
		events += M.event[i];
	FOR(i, RAWS)
		n += M.raw[i].registered;
	FOR(i, SIGNALS)
		n += M.signal[i].registered;
	FOR(i, CHILDREN)
		n += M.child[i].registered;
	FOR(i, INSTANCES)
		n += M.instance[i].registered;
	return n + events;
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
	return i >= TASK_LOOK && !M.child[i - TASK_LOOK].news;
}

static int loud_tasks(const struct list *l)
{
	int n = 0;

	FOR(i, l->n)
		n += !is_silent_task(l->v[i]);
	return n;
}

bool model_busy(void)
{
	FOR(i, LINES)
		if (M.line[i].registered &&
		    (line_level(&M.line[i]) & M.line[i].set))
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
	return loud_tasks(&M.queue) + loud_tasks(&M.round) > 0 ||
	       M.pending.n > 0 || M.batch.n > 0 ||
	       M.signals.n > (find(&M.signals, SIGNAL_CHILD) >= 0) ||
	       soonest_of(TIMERS) <= ground_clock();
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
	FOR(i, CHILDREN)
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
	if (c->over)
		model_task_unregister(TASK_LOOK + i);
	return true;
}

void model_sweep_begin(void)
{
	M.sweeping = true;
	FOR(i, CHILDREN)
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
	FOR(i, CHILDREN) {
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

/* A task of the library that has nothing to do: no call is seen. */
static void skip_silent_tasks(void)
{
	if (frame->in_posts && M.batch.n > 0)
		return;
	frame->in_posts = false;
	if (M.working.n > 0 || M.completing >= 0)
		return;
	while (M.round.n > 0 && is_silent_task(M.round.v[0])) {
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
	return take_head(&M.working, i);
}

static bool fits_tasks(enum call call, int i)
{
	if (!frame->in_round)
		return false;
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
	if (frame->runs_posts)
		move(&M.pending, &M.batch);
}

static void leave_posts(void)
{
	take_posts();
	if (M.batch.n > 0 && frame->runs_posts)
		world_fail("event %d must be called now", M.batch.v[0]);
	frame->took_posts = false;
}

/* ---- Waiting ------------------------------------------------------------------------------ */

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
		    now > clock_seen + ground_late())
			world_fail("the loop slept though timer %d was due", i);
	if (soonest < INT64_MAX - ground_late() && now > soonest + ground_late())
		world_fail("the loop slept %lld ns too long",
			   (long long)(now - soonest));
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
		l->must = level & l->set;
		/* Those of the outer loop are not forgotten. */
		l->ready = level | (model_depth() > 1 ? l->ready : 0);
		if (ground_keeps_events() && l->was != 0) {
			l->ready |= l->was;
			l->must = 0;
		}
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
	FOR(i, CHILDREN)
		M.child[i].ready = child_shows(&M.child[i]) &&
				   (anything || (inner && M.child[i].ready));
	FOR(i, INSTANCES)
		M.instance[i].ready = M.instance[i].queued > 0 &&
			(anything || (inner && M.instance[i].ready));
	FOR(i, ALL_TIMERS)
		M.timer[i].must = M.timer[i].registered &&
			M.timer[i].due <= ground_clock() - ground_late();
	M.serving = -1;
	M.now_valid = false;
	clock_seen = ground_clock();
}

/* What the last wait found: all there is, since the ground does not tell. */
static void wait_over(void)
{
	bool asleep = ground_clock() > clock_seen;

	check_sleep();
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
	FOR(i, CHILDREN)
		if (asleep && child_shows(&M.child[i]))
			world_fail("the loop slept though child %d has ended",
				   i);
	FOR(i, INSTANCES)
		if (asleep && M.instance[i].queued > 0)
			world_fail("the loop slept though inotify %d is "
				   "readable", i);
	wait_found(true);
	ground_check_interest();
}

void model_waited(bool anything)
{
	FOR(i, LINES) {
		struct line *l = &M.line[i];

		/* What the outer loop has not served is not forgotten. */
		if (l->served || model_depth() == 1)
			l->ready = 0;
		l->must = l->last = 0;
		l->served = false;
	}
	wait_found(anything);
	frame->phase = PH_POSTS;
}

void model_line_found(struct line *l, unsigned bands)
{
	l->ready |= bands;
	l->must = bands & l->set;
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

/* While signals or events are worked off nothing else is called. */
static bool fits_fds(enum call call, int i, unsigned band)
{
	if (M.reading >= 0)
		return call == CALL_WATCH && model_watch_called(i);
	if (call == CALL_CHILD)
		return child_called(i);
	if (M.in_signals)
		return call == CALL_SIGNAL && signal_called(i);
	return (call == CALL_FD && line_called(i, band)) ||
	       (call == CALL_RAW && raw_called(i)) ||
	       (call == CALL_SIGNALS && signals_called()) ||
	       (call == CALL_INOTIFY && inotify_called(i));
}

static void leave_fds(void)
{
	stop_serving();
	FOR(i, LINES)
		if (M.line[i].registered && !M.line[i].served &&
		    (M.line[i].must & M.line[i].set))
			world_fail("line %d: band %u was ready and not called",
				   i, M.line[i].must & M.line[i].set);
	FOR(i, ALL_RAWS)
		if (M.raw[i].ready)
			world_fail("raw event %d was not called", i);
	FOR(i, CHILDREN)
		if (M.child[i].ready)
			world_fail("child %d has ended and was not told of",
				   i);
	FOR(i, INSTANCES)
		if (M.instance[i].ready)
			world_fail("inotify %d was not read", i);
}

/* ---- Phases --------------------------------------------------------------------------------- */

static bool fits(enum call call, int i, unsigned band)
{
	switch (frame->phase) {
	case PH_TIMERS:
		if (call == CALL_CHILD)
			return M.sweeping && child_told(i);
		if (call != CALL_TIMER)
			return false;
		if (!frame->collected)
			collect();
		return take_head(&M.due, i);
	case PH_TASKS:
		return fits_tasks(call, i);
	case PH_LEAVE:
		return call == CALL_RETURN;
	case PH_WAIT:
		return call == CALL_WAIT;
	case PH_POSTS:
		if (call != CALL_EVENT)
			return false;
		take_posts();
		return frame->runs_posts && take_head(&M.batch, i);
	case PH_FDS:
		return fits_fds(call, i, band);
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
		frame->phase = M.quit || model_holds() == 0 ? PH_LEAVE
							    : PH_WAIT;
		break;
	case PH_LEAVE:
		world_fail("iv_main() should have returned");
	case PH_WAIT:
		if (ground_tells)
			world_fail("a turn without a wait");
		wait_over();
		frame->phase = PH_POSTS;
		break;
	case PH_POSTS:
		leave_posts();
		frame->phase = PH_FDS;
		break;
	case PH_FDS:
		leave_fds();
		frame->first = frame->collected = false;
		frame->phase = PH_TIMERS;
		break;
	}
}

static const char *const call_names[] = {
	"timer", "task", "work", "completion", "event", "line", "raw event",
	"signals", "signal", "child", "inotify", "watch", "wait", "return"
};

/* True while the model lags behind: the loop has waited since the last call. */
static bool behind(unsigned passed)
{
	return !ground_tells && waits > 0 && passed == 0;
}

void model_called(enum call call, int i, unsigned band)
{
	unsigned n = 0, passed = 0;

	if (call == CALL_CHILD && !may_tell(i))
		world_fail("child %d has nothing to be told", i);
	if (frame == frames)
		world_fail("%s %d: called outside iv_main()", call_names[call],
			   i);
	waits = ground_waits();
	while (behind(passed) || !fits(call, i, band)) {
		if (++n > 12)
			world_fail("%s %d (band %u) is not due",
				   call_names[call], i, band);
		passed += frame->phase == PH_WAIT;
		next_phase();
	}
	if (waits > IDLE_WAITS)
		world_fail("%u waits for nothing", waits);
}

void model_done(void)
{
	if (frame->phase == PH_TASKS)
		skip_silent_tasks();
	if (M.in_signals && !M.sweeping)
		sweep_if_next();
}

void model_begin(void)
{
	memset(&model, 0, sizeof(model));
	M.completing = M.serving = M.reading = -1;
	frame = frames;
	FOR(i, LINES)
		M.line[i].fd = M.line[i].peer = -1;
}

void model_enter(void)
{
	frame++;
	memset(frame, 0, sizeof(*frame));
	frame->first = true;
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
	/* What an inner loop has served the outer one does not serve. */
	FOR(i, LINES)
		M.line[i].must = 0;
}

void model_advanced(void)
{
	clock_seen = ground_clock();
}

/* ---- Changes ----------------------------------------------------------------------------------- */

void model_line_changes(struct line *l)
{
	l->was |= line_level(l);
}

void model_line_set(struct line *l, unsigned set)
{
	l->must &= set;
	l->set = set;
}

void model_line_register(struct line *l, unsigned set)
{
	l->registered = true;
	l->set = set;
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
	if (find(&M.pending, i) >= 0 || find(&M.batch, i) >= 0)
		return;
	push(&M.pending, i);
	if (from_owner && !model_task_registered(TASK_POSTS))
		model_task_register(TASK_POSTS);
}

void model_event_unregister(int i)
{
	M.event[i] = false;
	if (!drop(&M.pending, i))
		drop(&M.batch, i);
}

void model_work_submit(int i)
{
	M.item[i] = true;
	if (!M.worked)
		model_task_init(TASK_WORK);
	M.worked = true;
	push(&M.work, i);
	if (!model_task_registered(TASK_WORK))
		model_task_register(TASK_WORK);
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
	FOR(i, CHILDREN)
		others |= M.child[i].registered;
	if (!others)
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
	FOR(i, CHILDREN)
		M.child[i].heard |= M.child[i].registered && M.child[i].news;
	if (has_children())
		signal_wake(SIGNAL_CHILD);
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
	c->heard = c->ready = c->must = c->over = false;
	if (look) {
		model_task_init(TASK_LOOK + i);
		model_task_register(TASK_LOOK + i);
	}
}

void model_child_unregister(int i)
{
	struct child *c = &M.child[i];

	c->registered = c->heard = c->ready = c->must = false;
	model_task_unregister(TASK_LOOK + i);
	if (!has_children()) {
		if (!drop(&M.signals, SIGNAL_CHILD))
			drop(&M.signal_batch, SIGNAL_CHILD);
		model_timer_unregister(TIMER_SWEEP);
	}
	signals_detach();
}
