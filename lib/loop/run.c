/* SPDX-License-Identifier: MIT */
/*
 * run.c - the turn of the loop.
 *
 * Expired timers, tasks; leave if told to or if nothing is registered; wait;
 * posts, descriptors.  Around the wait there may be hooks: then the turn is
 * special.
 */
#include "loop/loop.h"

/* Something is registered, or there is a call to be run. */
static inline bool alive(const struct ivi_loop *loop)
{
	return ivi_likely(loop->holds > 0) || ivi_events_pending(loop);
}

/* ---- Special turns --------------------------------------------------------- */

/* An iv_main() or iv_run() in progress, and how its turn goes. */
struct level {
	unsigned	depth;
	unsigned	flags;
	uint32_t	timer_rounds;	/* that had begun before the turn */
	uint32_t	task_rounds;
	bool	idle;			/* nothing was called in it */
	bool	due;			/* it does not sleep: a timer is due */
};

static bool is_special(const struct ivi_loop *loop)
{
	return loop->run.away || loop->run.depth > 1 ||
	       loop->hooks.used != 0 || loop->meter.timed || loop->meter.sure;
}

void ivi_run_regard(struct ivi_loop *loop)
{
	loop->run.special = is_special(loop);
}

void ivi_run_away(struct ivi_loop *loop, bool away)
{
	loop->run.away = away;
	ivi_run_regard(loop);
}

/* Handlers of LEVEL have been called.  One may have run the loop, and have been
   left by longjmp(3) to where it did. */
static __attribute__((noinline, cold))
void come_back(struct ivi_loop *loop, const struct level *level)
{
	loop->run.depth = level->depth;
	loop->run.flags = level->flags;
	if (level->depth == 1)
		ivi_tasks_abandoned(loop);
	ivi_run_regard(loop);
}

static inline void back_at(struct ivi_loop *loop, const struct level *level)
{
	ivi_check_entered("iv_main", loop);
	if (ivi_unlikely(loop->run.depth != level->depth))
		come_back(loop, level);
}

static void turn_begins(const struct ivi_loop *loop, struct level *level)
{
	level->timer_rounds = loop->timers.rounds;
	level->task_rounds = loop->tasks.rounds;
	level->idle = false;
	level->due = false;
}

/* A timer or task has been called in this turn. */
static bool any_called(const struct ivi_loop *loop, const struct level *level)
{
	return level->timer_rounds != loop->timers.rounds ||
	       level->task_rounds != loop->tasks.rounds;
}

/* As far as it depends on what iv_run() was asked for. */
static inline bool may_block(const struct ivi_loop *loop,
			     const struct level *level)
{
	return level->flags == 0 || (!(level->flags & IV_RUN_NOWAIT) &&
				     !any_called(loop, level));
}

/* What was decided before hooks were called may not hold any more. */
static bool may_sleep(struct ivi_loop *loop, struct level *level)
{
	if (loop->run.quit || !alive(loop) ||
	    ivi_hooks_at(&loop->hooks, IV_HOOK_IDLE))
		return false;
	if (loop->meter.sure || !may_block(loop, level))
		return false;
	level->due = ivi_hooks_at(&loop->hooks, IV_HOOK_BLOCK) &&
		     ivi_timers_limit(loop) <= ivi_clock_ns();
	return !level->due;
}

/* ---- Turns ------------------------------------------------------------------- */

/* Waits for something to do, if it MAY; true if timers may be due afterwards.
   SPECIAL: if the turn is, its level. */
static IVI_COPIED
bool wait_for_events(struct ivi_loop *loop, struct level *special, bool may)
{
	bool block, look;

	if (IVI_DEBUGGING)
		ivi_fds_find_closed(loop);
	block = !ivi_poller_prepare(loop->poller) &&
		!ivi_tasks_pending(&loop->tasks) &&
		may && (!special || may_sleep(loop, special)) &&
		ivi_events_sleep(loop);
	loop->run.waits++;
	ivi_probe1(wait__begin, loop);
	if (special && block)
		ivi_hooks_run_apart(loop, IV_HOOK_BLOCK);
	if (special)
		ivi_meter_begin(&loop->meter);
	look = ivi_poller_wait(loop->poller, ivi_timers_limit(loop), block);
	ivi_probe1(wait__end, loop);
	if (special)
		ivi_meter_wake(&loop->meter, block);
	if (special && block)
		ivi_hooks_run_apart(loop, IV_HOOK_UNBLOCK);
	if (block)
		ivi_events_awake(loop);
	ivi_now_invalidate(&loop->now);
	/* The kernel's timer may be coarser than the clock. */
	return look || (special && special->due);
}

/* The same in a special turn, which may be there to be sure. */
static __attribute__((noinline))
bool wait_and_see(struct ivi_loop *loop, struct level *level)
{
	bool look;

	if (ivi_unlikely(loop->meter.sure))
		ivi_meter_expect(loop);
	look = wait_for_events(loop, level, true);
	if (ivi_unlikely(loop->meter.sure))
		ivi_meter_found(loop);
	return look;
}

static __attribute__((noinline))
bool wait_with_hooks(struct ivi_loop *loop, struct level *level)
{
	bool look;

	ivi_hooks_run_fork(loop);
	ivi_hooks_run(loop, IV_HOOK_PREPARE);
	back_at(loop, level);
	ivi_loop_check_fork(loop);
	look = wait_and_see(loop, level);
	ivi_hooks_run(loop, IV_HOOK_CHECK);
	back_at(loop, level);
	level->idle = !any_called(loop, level) && !ivi_events_pending(loop) &&
		      !ivi_poller_found(loop->poller);
	return look;
}

static __attribute__((noinline))
bool wait_specially(struct ivi_loop *loop, struct level *level)
{
	back_at(loop, level);
	return loop->hooks.used != 0 ? wait_with_hooks(loop, level) :
				       wait_and_see(loop, level);
}

static __attribute__((noinline))
void turn_ends(struct ivi_loop *loop, struct level *level)
{
	back_at(loop, level);
	if (level->idle) {
		ivi_hooks_run(loop, IV_HOOK_IDLE);
		back_at(loop, level);
	}
	turn_begins(loop, level);
}

/* Debug builds: the more objects there are, the less often they are walked,
   so that a turn costs no more than some dozens of them. */
static void verify(struct ivi_loop *loop)
{
	ivi_check_entered("iv_main", loop);
	if (loop->run.trusted > 0)
		loop->run.trusted--;
	else
		loop->run.trusted = ivi_verify(loop) / 64;
}

/* What comes before the wait; false: there is none.  LOOK: timers may be due. */
static inline bool begin(struct ivi_loop *loop, bool look)
{
	ivi_probe1(turn, loop);
	if (look)
		ivi_timers_run(loop);
	if (ivi_tasks_pending(&loop->tasks))
		ivi_tasks_run(loop);
	if (IVI_DEBUGGING)
		verify(loop);
	ivi_loop_check_fork(loop);
	if (ivi_likely(!loop->run.quit && alive(loop)))
		return true;
	loop->run.ends++;
	return false;
}

/* What comes after it. */
static inline void end(struct ivi_loop *loop, struct level *level)
{
	ivi_events_run(loop);
	ivi_fds_dispatch(loop);
	if (ivi_unlikely(loop->run.special))
		turn_ends(loop, level);
}

static void run(struct ivi_loop *loop, struct level *level)
{
	bool look = true;

	while (begin(loop, look)) {
		look = ivi_likely(!loop->run.special) ?
		       wait_for_events(loop, NULL, true) :
		       wait_specially(loop, level);
		end(loop, level);
	}
}

static void run_once(struct ivi_loop *loop, struct level *level)
{
	if (!begin(loop, true))
		return;
	if (ivi_likely(!loop->run.special))
		wait_for_events(loop, NULL, may_block(loop, level));
	else
		wait_specially(loop, level);
	end(loop, level);
}

/* ---- Levels ------------------------------------------------------------------ */

void ivi_run_abandon(struct ivi_loop *loop)
{
	loop->run.depth = 0;
	loop->run.away = false;
	loop->run.flags = 0;
	ivi_run_regard(loop);
	ivi_tasks_abandoned(loop);
	ivi_events_abandoned(loop);
	ivi_events_rest_outside(loop);
}

/* By how much deeper one call may seem to be than another one of the same
   function: where arguments are pushed on the stack, with what aligns them.
   What handlers call is deeper by more. */
#define ARGUMENTS	32

bool ivi_run_inside(struct ivi_loop *loop, uintptr_t frame)
{
	if (loop->run.depth > 0 && frame + ARGUMENTS >= loop->run.frame)
		ivi_run_abandon(loop);
	return loop->run.depth > 0;
}

void ivi_run_leave(struct ivi_loop *loop)
{
	loop->run.left = loop->run.quit = true;
}

static void run_level(struct ivi_loop *loop, unsigned flags)
{
	struct level level = { .depth = ++loop->run.depth, .flags = flags };
	unsigned outer = loop->run.flags;

	loop->run.flags = flags;
	loop->run.levels++;
	turn_begins(loop, &level);
	if (level.depth > 1)
		ivi_run_regard(loop);
	ivi_now_invalidate(&loop->now);
	ivi_meter_begin(&loop->meter);
	if (flags != 0)
		run_once(loop, &level);
	else
		run(loop, &level);
	if (ivi_unlikely(loop->run.left))
		iv_fatal("iv_deinit: called inside iv_main()");
	back_at(loop, &level);
	loop->run.depth = level.depth - 1;
	loop->run.flags = outer;
	if (level.depth > 1)
		ivi_run_regard(loop);
	ivi_events_rest_outside(loop);
}

/* FRAME: where the stack of who has called the public function ends. */
static void enter(struct ivi_loop *loop, unsigned flags, uintptr_t frame)
{
	if (!ivi_run_inside(loop, frame)) {
		loop->run.quit = false;
		loop->run.frame = frame;
		ivi_events_awake(loop);
	} else if (IVI_DEBUGGING && flags == 0) {
		ivi_note("iv_main: called by a handler that iv_main() called");
	}
	run_level(loop, flags);
}

IVI_PUBLIC void iv_main(void)
{
	enter(ivi_loop_of_caller("iv_main"), 0, IVI_CALLER_STACK());
}

IVI_PUBLIC int iv_run(unsigned flags)
{
	struct ivi_loop *loop = ivi_loop_of_caller("iv_run");

	if (flags & ~(unsigned)(IV_RUN_ONCE | IV_RUN_NOWAIT))
		iv_fatal("iv_run: unknown flags 0x%x", flags);
	enter(loop, flags, IVI_CALLER_STACK());
	return !loop->run.quit && alive(loop);
}

void ivi_run_quit(struct ivi_loop *loop)
{
	loop->run.quit = true;
}

IVI_PUBLIC void iv_quit(void)
{
	struct ivi_loop *loop = ivi_self();

	if (loop != NULL)
		ivi_run_quit(loop);
}
