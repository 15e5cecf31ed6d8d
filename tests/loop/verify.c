/* SPDX-License-Identifier: MIT */
/*
 * verify.c - each case breaks one promise of a loop's structures, in a task;
 * a debug build has to notice it in the same turn.
 */
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <iv.h>
#include <iv_alarm.h>
#include <iv_event.h>
#include <iv_follow.h>
#include <iv_hook.h>
#include <iv_loop.h>
#include <iv_path.h>
#include <iv_signal.h>
#include <iv_wait.h>
#include "harness/test.h"
#include "loop/loop.h"
#include "mod/watcher.h"
#include "sys/sys.h"

static struct iv_fd fd, other;
static struct iv_task task, later;
static struct iv_timer near, far;
static struct iv_event event;
static struct iv_hook prepare, idle;
static struct iv_call call;
static struct iv_alarm alarms[2];
static struct iv_path path;
static struct iv_follow follow;
static struct iv_wait_any any;
static struct iv_wait_interest child;
static int fds[2];
static struct ivi_loop *loop;

static void make_timer(struct iv_timer *t, long ms)
{
	timer_after(t, ms, never_handler, NULL);
	iv_timer_register(t);
}

static void make_task(struct iv_task *t, void (*handler)(void *))
{
	IV_TASK_INIT(t);
	t->handler = handler;
	iv_task_register(t);
}

static void next_turn(void *_task)
{
	iv_task_register(_task);
}

/* Turns until the structures are as they are while a program waits. */
static void settle(void)
{
	quit_after_turns(3);
	iv_main();
}

static void nothing(void *unused)
{
	(void)unused;
}

static void make_hook(struct iv_hook *hook, int point)
{
	IV_HOOK_INIT(hook);
	hook->point = point;
	hook->handler = nothing;
	iv_hook_register(hook);
}

static void make_alarms(void)
{
	int i;

	for (i = 0; i < 2; i++) {
		IV_ALARM_INIT(&alarms[i]);
		alarms[i].clock = CLOCK_REALTIME;
		alarms[i].at.tv_sec = 0x7f000000 + i;
		alarms[i].handler = never_handler;
		CHECK_INT(iv_alarm_register(&alarms[i]), ==, 0);
	}
}

static void never_changes(void *cookie, const struct iv_path_info *before,
			  const struct iv_path_info *now)
{
	(void)before;
	(void)now;
	never_handler(cookie);
}

static void never_grows(void *cookie, unsigned what)
{
	(void)what;
	never_handler(cookie);
}

static void make_files(void)
{
	IV_PATH_INIT(&path);
	path.pathname = "/nothing/there";
	path.handler = never_changes;
	CHECK_INT(iv_path_register(&path), ==, 0);
	IV_FOLLOW_INIT(&follow);
	follow.pathname = "/nothing/there";
	follow.handler = never_grows;
	CHECK_INT(iv_follow_register(&follow), ==, 0);
}

static void never_dies(void *cookie, pid_t pid, int status,
		       const struct rusage *usage)
{
	(void)pid;
	(void)status;
	(void)usage;
	never_handler(cookie);
}

static void never_ends(void *cookie, int status, const struct rusage *usage)
{
	never_dies(cookie, 0, status, usage);
}

static void run_on(void *unused)
{
	(void)unused;
	for (;;)
		pause();
}

static void make_any(void)
{
	IV_WAIT_ANY_INIT(&any);
	any.handler = never_dies;
	CHECK_INT(iv_wait_any_register(&any), ==, 0);
}

static void make_children(void)
{
	make_any();
	IV_WAIT_INTEREST_INIT(&child);
	child.handler = never_ends;
	CHECK_INT(iv_wait_interest_register_spawn(&child, run_on, NULL), ==, 0);
}

static void take_modules_down(void)
{
	iv_wait_interest_kill(&child, SIGKILL);
	iv_wait_interest_unregister(&child);
	iv_wait_any_unregister(&any);
	settle();
	CHECK_INT(waitpid(child.pid, NULL, 0), ==, child.pid);
	iv_follow_unregister(&follow);
	iv_path_unregister(&path);
	iv_alarm_unregister(&alarms[0]);
	iv_alarm_unregister(&alarms[1]);
}

static void make_everything(void)
{
	make_pipe(fds);
	iv_init();
	loop = ivi_self();
	IV_FD_INIT(&fd);
	fd.fd = fds[0];
	fd.handler_in = never_handler;
	iv_fd_register(&fd);
	IV_FD_INIT(&other);
	event.handler = never_handler;
	CHECK_INT(iv_event_register(&event), ==, 0);
	make_timer(&near, 100000);
	make_timer(&far, 100000000);
	later.cookie = &later;
	make_task(&later, next_turn);
	make_hook(&prepare, IV_HOOK_PREPARE);
	make_hook(&idle, IV_HOOK_IDLE);
	make_alarms();
	make_files();
	settle();
}

static void take_everything_down(void)
{
	take_modules_down();
	iv_hook_unregister(&idle);
	iv_hook_unregister(&prepare);
	iv_task_unregister(&later);
	iv_timer_unregister(&far);
	iv_timer_unregister(&near);
	iv_event_unregister(&event);
	iv_fd_unregister(&fd);
	iv_deinit();
	close_pair(fds);
}

/* BREAKING is called by a task; nothing else happens until the verdict. */
static void break_it(void (*breaking)(void *))
{
#ifndef IVI_DEBUG
	SKIP("not a debug build");
#endif
	make_everything();
	make_task(&task, breaking);
	quit_after_turns(1);
	iv_main();
}

#define BREAK(name, text)						\
static void break_##name(void *);					\
FATAL_TEST(name, text)							\
{									\
	break_it(break_##name);						\
}									\
static void break_##name(void *unused __attribute__((unused)))

TEST(what_is_not_broken)
{
	make_everything();
	make_children();
	make_task(&task, nothing);
	settle();
	take_everything_down();
}

/* ---- Timers --------------------------------------------------------------- */

BREAK(timer_forgotten_in_its_list, "was freed or overwritten")
{
	ivi_timer(&near)->state = 0;
	ivi_release(loop);
}

BREAK(timer_of_another_loop, "is of another loop")
{
	ivi_timer(&near)->owner = NULL;
}

BREAK(timer_taken_out_but_held, "is held by more than are registered")
{
	ivi_timerq_remove(&loop->timers.q, &ivi_timer(&far)->node);
}

BREAK(timer_linked_one_way, "is not linked in both directions")
{
	ivi_timer(&near)->node.prev = &ivi_timer(&far)->node;
}

BREAK(timer_unlinked, "is not linked in both directions")
{
	ivi_timer(&near)->node.next = NULL;
}

BREAK(expires_changed, "is in the wrong place: was `expires' changed?")
{
	far.expires.tv_sec *= 2;
}

BREAK(timer_past_by_mistake, "is in the wrong place")
{
	struct iv_list_head *lh = &ivi_timer(&far)->node;

	iv_list_del(lh);
	iv_list_add_tail(lh, &loop->timers.q.past);
}

BREAK(soonest_too_late, "is before the soonest")
{
	loop->timers.q.first = &ivi_timer(&far)->node;
	loop->timers.q.soonest =
		ivi_timerq_deadline(&ivi_timer(&far)->node);
}

BREAK(soonest_too_early, "is the first, but not the soonest")
{
	loop->timers.q.soonest = 1;
	loop->timers.q.first = &ivi_timer(&near)->node;
}

BREAK(soonest_is_gone, "has lost its first")
{
	static struct iv_list_head gone = { &gone + 1, &gone + 1 };

	loop->timers.q.soonest = 1;
	loop->timers.q.first = &gone;
}

BREAK(limit_before_base, "has its base after its limit")
{
	loop->timers.q.base = loop->timers.q.limit + 1;
}

BREAK(base_before_the_beginning, "has its base after its limit")
{
	loop->timers.q.base = -1;
}

BREAK(base_beyond_a_timer, "is in the wrong place")
{
	loop->timers.q.base = ivi_timerq_deadline(&ivi_timer(&far)->node);
	loop->timers.q.limit = loop->timers.q.base;
}

BREAK(due_not_given, "has not given all that was due")
{
	struct iv_list_head *lh = &ivi_timer(&near)->node;

	iv_list_del(lh);
	iv_list_add_tail(lh, &loop->timers.q.due);
}

BREAK(slots_unseen, "has a word of slots unseen")
{
	loop->timers.q.words = 0;
}

/* ---- Tasks ---------------------------------------------------------------- */

BREAK(task_forgotten_in_its_list, "was freed or overwritten")
{
	ivi_task(&later)->state = 0;
}

BREAK(task_not_in_its_list, "is not linked in both directions")
{
	INIT_IV_LIST_HEAD(&ivi_task(&later)->node);
}

BREAK(task_of_another_loop, "is of another loop")
{
	ivi_task(&later)->owner = NULL;
}

BREAK(verified_in_a_round, "is not over")
{
	make_task(&task, nothing);
	ivi_verify(loop);
}

/* ---- Descriptors ---------------------------------------------------------- */

BREAK(fd_forgotten_in_its_list, "was freed or overwritten")
{
	ivi_fd(&fd)->state = 0;
}

BREAK(fd_gone, "is on its way in or out")
{
	ivi_fd(&fd)->flags |= IVI_FD_GONE;
}

BREAK(handler_set_by_hand, "has not the handlers that it was given")
{
	fd.handler_in = NULL;
}

BREAK(change_forgotten, "should be told to the poll method, but will not")
{
	fd.handler_err = never_handler;
	ivi_fd(&fd)->wanted |= IVI_ERR;
}

BREAK(change_made_but_listed, "need not be told, but will")
{
	iv_list_add_tail(&ivi_fd(&fd)->change, &loop->poller->changes);
}

BREAK(changes_emptied, "has not those that have changed")
{
	ivi_fd(&fd)->armed = 0;
	INIT_IV_LIST_HEAD(&ivi_fd(&fd)->change);
	ivi_fd(&fd)->change.next = &ivi_fd(&other)->change;
}

BREAK(ready_but_not_listed, "has not those that are ready")
{
	ivi_fd(&fd)->ready = IVI_IN;
}

BREAK(listed_but_not_ready, "is ready for nothing")
{
	iv_list_add_tail(&ivi_fd(&fd)->ready_node, &loop->poller->ready);
}

BREAK(ready_but_not_registered, "is ready though it is not registered")
{
	ivi_fd(&other)->ready = IVI_IN;
	iv_list_add_tail(&ivi_fd(&other)->ready_node, &loop->poller->ready);
}

BREAK(number_left, "has one that is not registered")
{
	loop->fds.numbers[0] |= UINT64_C(1) << 63;
}


BREAK(fd_not_counted, "is held by fewer than are registered")
{
	ivi_release(loop);
}

static void only_with_a_pollset(void)
{
	if (strcmp(iv_poll_method_name(), "poll") != 0 &&
	    strcmp(iv_poll_method_name(), "ppoll") != 0)
		SKIP("%s has no array of descriptors", iv_poll_method_name());
}

BREAK(entry_of_another, "has an entry of an iv_fd that is not there")
{
	only_with_a_pollset();
	ivi_fd(&fd)->index++;
}

BREAK(entry_outdated, "asks for something that the iv_fd does not")
{
	only_with_a_pollset();
	fd.fd = fds[1];
	loop->fds.numbers[0] = 0;
}

/* ---- Events --------------------------------------------------------------- */

BREAK(event_pending_unregistered, "was posted, but is not registered here")
{
	struct ivi_event *e = ivi_event(&event);

	iv_list_add_tail(&e->node, &loop->events.pending);
}

BREAK(event_pushed_unregistered, "was posted, but is not registered here")
{
	ivi_event(&event)->node.next = NULL;
	loop->events.posts = ivi_event(&event);
}

BREAK(more_posted_than_registered, "has more than are registered")
{
	static struct iv_event copy;

	iv_event_post(&event);
	ivi_event(&copy)->owner = ivi_event(&event)->owner;
	iv_list_add_tail(&ivi_event(&copy)->node, &loop->events.pending);
	iv_task_unregister(&loop->events.local);
}

BREAK(asleep_while_it_runs, "says that the loop sleeps")
{
	loop->events.asleep = 1;
}

BREAK(channel_watched_in_vain, "is watched for nothing")
{
	loop->events.native = true;
	ivi_fd(&loop->events.wake_fd)->state = IVI_FD_REGISTERED;
}

BREAK(channel_watched_but_closed, "is watched for nothing")
{
	loop->events.open = loop->events.native = false;
	ivi_fd(&loop->events.wake_fd)->state = IVI_FD_REGISTERED;
}

BREAK(channel_watched_without_users, "is watched for nothing")
{
	loop->events.native = false;
	loop->events.users = 0;
	ivi_fd(&loop->events.wake_fd)->state = IVI_FD_REGISTERED;
}

BREAK(users_that_are_not_known, "has users whom nobody knows of")
{
	loop->events.known = false;
}

/* ---- The loop ------------------------------------------------------------- */

BREAK(loop_of_nobody, "is not the one that runs")
{
	loop->run.depth = 0;
}

/* ---- Hooks and calls ------------------------------------------------------ */

BREAK(hook_forgotten_in_its_list, "was freed or overwritten")
{
	ivi_hook(&prepare)->state = 0;
}

BREAK(hook_of_another_loop, "is of another loop")
{
	ivi_hook(&idle)->owner = NULL;
}

BREAK(hook_not_linked_back, "is not linked in both directions")
{
	ivi_hook(&idle)->node.prev = NULL;
}

BREAK(hooks_that_are_not_called, "has not those that are registered")
{
	loop->hooks.used &= ~(1U << IV_HOOK_PREPARE);
}

BREAK(turns_that_are_not_special, "does not call its hooks")
{
	loop->run.special = false;
}

BREAK(idle_hook_that_does_not_hold, "is held by fewer")
{
	ivi_release(loop);
}

BREAK(reference_that_is_not_counted, "is held by more")
{
	iv_ref();
	loop->refs--;
}

BREAK(call_of_another_loop, "was posted, but is not registered here")
{
	IV_CALL_INIT(&call);
	call.handler = never_handler;
	iv_loop_call(iv_loop_self(), &call);
	iv_task_unregister(&loop->events.local);
	ivi_call(&call)->event.owner = IVI_EVENT_PENDING | IVI_EVENT_CALL;
}

BREAK(channel_without_its_users, "has not as many users as there are")
{
	loop->events.users++;
}

/* ---- Modules ---------------------------------------------------------------- */

BREAK(alarm_overwritten, "has an iv_alarm that was freed or overwritten")
{
	memset(alarms[0].pad, 0, sizeof(alarms[0].pad));
}

BREAK(next_of_an_alarm_changed, "has iv_alarms out of order")
{
	alarms[0].next.tv_sec *= 2;
}

BREAK(path_overwritten, "has an iv_path or iv_follow that was freed")
{
	IV_PATH_INIT(&path);
}

BREAK(pathname_changed, "has an iv_path or iv_follow that was freed")
{
	path.pathname++;
}

BREAK(fd_of_a_follower_changed, "has an iv_path or iv_follow that was freed")
{
	follow.fd = fds[0];
}

BREAK(wait_any_overwritten, "has an iv_wait_any that was freed or overwritten")
{
	make_any();
	IV_WAIT_ANY_INIT(&any);
}

/* ---- Inside of modules -------------------------------------------------------- */

/* As mod/alarm.c begins them. */
struct clock {
	int	number;
	int64_t	ahead;
	struct iv_avl_tree	waiting;
	struct iv_list_head	valid, stale;
	struct iv_timer	guard;
};

struct waiting {
	struct iv_avl_node	an;
	struct iv_list_head	node;
	struct clock	*clock;
};

static struct waiting *waiting(struct iv_alarm *a)
{
	return (struct waiting *)a->pad;
}

BREAK(alarm_not_linked_back, "has an iv_alarm that was freed or overwritten")
{
	waiting(&alarms[1])->node.prev = NULL;
}

BREAK(alarm_of_no_clock, "has an iv_alarm that was freed or overwritten")
{
	waiting(&alarms[0])->clock = NULL;
}

BREAK(alarm_without_its_place, "has not all iv_alarms in their order")
{
	iv_avl_tree_delete(&waiting(&alarms[0])->clock->waiting,
			   &waiting(&alarms[0])->an);
}

BREAK(alarms_that_nobody_waits_for, "does not wait for the first iv_alarm")
{
	iv_timer_unregister(&waiting(&alarms[0])->clock->guard);
}

/* As mod/path.c and mod/follow.c have them: the mark, and what begins with a
   watch. */
struct watched {
	uint32_t	registered;
	struct ivi_watch	*watch;
};

static struct ivi_watch *watch_of(void *pad)
{
	return ((struct watched *)pad)->watch;
}

static struct iv_list_head some_queue = IV_LIST_HEAD_INIT(some_queue);

BREAK(watch_of_another_struct, "has an iv_path or iv_follow that was freed")
{
	static struct ivi_watch copy;

	((struct watched *)(void *)path.pad)->watch = &copy;
}

BREAK(follow_of_another_struct, "has an iv_path or iv_follow that was freed")
{
	static struct ivi_watch copy;

	((struct watched *)(void *)follow.pad)->watch = &copy;
}

BREAK(name_of_a_follower_changed, "has an iv_path or iv_follow that was freed")
{
	follow.pathname++;
}

BREAK(watch_of_another_loop, "has what is another's")
{
	watch_of(path.pad)->watcher = NULL;
}

BREAK(watch_with_other_marks, "has what is another's")
{
	watch_of(path.pad)->marks = NULL;
}

BREAK(suspended_and_in_a_queue, "looks at what is suspended")
{
	struct ivi_watch *w = watch_of(follow.pad);

	w->asleep = true;
	iv_list_add_tail(&w->queue, &some_queue);
}

BREAK(suspended_and_timed, "looks at what is suspended")
{
	struct ivi_watch *w = watch_of(follow.pad);

	w->asleep = true;
	if (!iv_timer_registered(&w->timer))
		make_timer(&w->timer, 100000);
}

BREAK(something_to_look_at, "has something to look at and will not")
{
	watch_of(path.pad)->what = IVI_LOOK_NAME;
}

BREAK(nothing_is_heard, "does not look at what it does not hear of")
{
	struct ivi_watch *w = watch_of(path.pad);

	w->unheard = IVI_LOOK_NAME;
	if (iv_timer_registered(&w->timer))
		iv_timer_unregister(&w->timer);
}

BREAK(held_for_nobody, "does not keep the loop as it has to")
{
	iv_list_del_init(&watch_of(path.pad)->all);
	iv_list_del_init(&watch_of(follow.pad)->all);
}

/* As mod/watcher.c begins it, in its slot. */
struct watcher {
	struct iv_fd	hints;
	bool	tried;
	struct iv_timer	hold;
	struct ivi_marks	marks;
	struct iv_list_head	all, next, round, unsettled;
};

static void wait_in(struct iv_list_head *queue)
{
	struct ivi_watch *w = watch_of(follow.pad);

	w->what = 0;
	iv_list_del(&w->queue);
	iv_list_add_tail(&w->queue, queue);
}

static struct watcher *watcher(void)
{
	return loop->tls.slot[IVI_SLOT_WATCHER];
}

BREAK(nobody_looks_next, "has a queue that nobody works off")
{
	wait_in(&watcher()->next);
}

BREAK(nobody_goes_on_looking, "has a queue that nobody works off")
{
	wait_in(&watcher()->round);
}

BREAK(nobody_settles, "has a queue that nobody works off")
{
	wait_in(&watcher()->unsettled);
}

/* As mod/wait_any.c begins it. */
struct any {
	struct iv_wait_any	*any;
};

BREAK(children_looked_at_for_nobody, "looks at children for no iv_wait_any")
{
	struct any *t;

	make_any();
	t = loop->tls.slot[IVI_SLOT_WAIT_ANY];
	t->any = NULL;
}

/* As mod/wait.c has them, in their slot. */
struct children {
	struct iv_signal	sigchld;
	struct iv_event	hold;
	struct iv_timer	again;
	struct iv_task	rest;
	int64_t	rested;
	unsigned	hooked;
	bool	held;
	unsigned	count, blind;
	struct iv_list_head	living, sweeping, ended;
};

static struct children *children(void)
{
	make_children();
	return loop->tls.slot[IVI_SLOT_WAIT];
}

BREAK(children_miscounted, "has not as many iv_wait_interests as it counts")
{
	children()->count++;
}

BREAK(blind_children_miscounted, "has not as many children without pidfd")
{
	children()->blind++;
}

BREAK(children_that_do_not_hold, "does not keep the loop running for iv_wait")
{
	struct children *t = children();

	t->held = false;
	t->hooked = 0;
}

BREAK(living_child_among_the_dead, "has an iv_wait_interest in the wrong list")
{
	struct children *t = children();

	iv_list_splice_tail_init(&t->living, &t->ended);
}

BREAK(living_child_not_linked_back, "has an iv_wait_interest in the wrong list")
{
	children()->living.prev = NULL;
}

BREAK(swept_child_not_linked_back, "has an iv_wait_interest in the wrong list")
{
	struct children *t = children();

	iv_list_splice_tail_init(&t->living, &t->sweeping);
	t->sweeping.prev = NULL;
}
