/* SPDX-License-Identifier: MIT */
/*
 * loops.c - commands that have to do with hooks and with calls into a loop.
 */
#include <errno.h>
#include <stdlib.h>
#include <iv_hook.h>
#include <iv_loop.h>
#include "model/world.h"

#define HOOK(a)	((int)((a) % HOOKS))
#define CALL(a)	(EVENTS + (int)((a) % CALLS))

/* Of each loop. */
static struct objects {
	struct iv_hook	*hook[HOOKS];
	struct iv_call	*call[EVENTS + CALLS];
	unsigned	hook_lives[HOOKS], call_lives[EVENTS + CALLS];
	int		at_once;	/* the call that is to come now, or -1 */
	bool		handed;
} own, parked;

void loops_swap(void)
{
	struct objects o = own;

	own = parked;
	parked = o;
}

struct iv_loop *loops_self(void)
{
	own.handed = true;
	return iv_loop_self();
}

bool loops_handed(void)
{
	return own.handed;
}

/* ---- Hooks -------------------------------------------------------------------------------- */

static void hook_run(void *c)
{
	int point = M.hook[(uintptr_t)c & 0xff].point;

	called(CALL_HOOK, c, own.hook_lives, (unsigned)point);
	if (point == IV_HOOK_BLOCK || point == IV_HOOK_UNBLOCK)
		world_apart();
	else if (point != IV_HOOK_DEINIT)
		finish();
}

static void new_hook(int i)
{
	free(own.hook[i]);
	own.hook[i] = garbage(sizeof(*own.hook[i]));
	IV_HOOK_INIT(own.hook[i]);
	own.hook[i]->cookie = cookie(i, ++own.hook_lives[i]);
	own.hook[i]->handler = hook_run;
}

/* With one that is idle the loop does not sleep; nobody forks. */
void c_hook_register(unsigned a, unsigned b)
{
	static const uint8_t points[] = {
		IV_HOOK_PREPARE, IV_HOOK_PREPARE, IV_HOOK_PREPARE,
		IV_HOOK_CHECK, IV_HOOK_CHECK, IV_HOOK_CHECK, IV_HOOK_BLOCK,
		IV_HOOK_BLOCK, IV_HOOK_UNBLOCK, IV_HOOK_UNBLOCK, IV_HOOK_IDLE,
		IV_HOOK_FORK, IV_HOOK_DEINIT, IV_HOOK_DEINIT
	};
	int i = HOOK(a), point = points[b % sizeof(points)];

	if (M.hook[i].registered)
		return;
	own.hook[i]->point = point;
	model_hook_register(i, point);
	expect(iv_hook_register(own.hook[i]) == 0, "hook refused", i);
	expect(iv_hook_registered(own.hook[i]), "hook not registered", i);
}

static void hook_unregister(int i)
{
	if (!M.hook[i].registered)
		return;
	model_hook_unregister(i);
	iv_hook_unregister(own.hook[i]);
	expect(!iv_hook_registered(own.hook[i]), "hook still registered", i);
}

void c_hook_unregister(unsigned a, unsigned b)
{
	(void)b;
	hook_unregister(HOOK(a));
}

void c_hook_free(unsigned a, unsigned b)
{
	(void)b;
	hook_unregister(HOOK(a));
	new_hook(HOOK(a));
}

/* ---- Calls -------------------------------------------------------------------------------- */

static void new_call(int i);

/* The struct is ours again. */
static void call_run(void *c)
{
	int i = (int)((uintptr_t)c & 0xff);

	if (own.at_once == i) {
		own.at_once = -1;
		return;
	}
	called(CALL_EVENT, c, own.call_lives, 0);
	M.event[i] = false;
	if (i % 2 != 0)
		new_call(i);
	finish();
}

static void new_call(int i)
{
	free(own.call[i]);
	own.call[i] = garbage(sizeof(*own.call[i]));
	IV_CALL_INIT(own.call[i]);
	own.call[i]->cookie = cookie(i, ++own.call_lives[i]);
	own.call[i]->handler = call_run;
}

static struct iv_loop *into;

/* Object I of ours, into that loop. */
static void post_call(int i)
{
	int ret = iv_loop_call(into, own.call[i]);

	expect(ret == (M.event[i] ? -1 : 0) &&
	       (ret == 0 || errno == EALREADY), "iv_loop_call()", i);
}

static void posted_call(int i, bool from_owner)
{
	if (!M.event[i])
		model_event_post(i, from_owner);
	M.event[i] = true;
}

void c_call(unsigned a, unsigned b)
{
	(void)b;
	into = loops_self();
	post_call(CALL(a));
	posted_call(CALL(a), true);
}

void c_call_elsewhere(unsigned a, unsigned b)
{
	(void)b;
	into = loops_self();
	elsewhere(post_call, CALL(a));
	posted_call(CALL(a), false);
}

/* By this thread, but with the other loop entered. */
void c_call_across(unsigned a, unsigned b)
{
	struct iv_loop *mine;

	(void)b;
	into = world_other_loop();
	if (into == NULL)
		return;
	mine = loops_self();
	expect(mine != into, "the other loop", 0);
	world_swap();
	post_call(CALL(a));
	posted_call(CALL(a), false);
	world_swap();
}

/* In the loop's own thread that is a mere call. */
void c_call_wait(unsigned a, unsigned b)
{
	int i = CALL(a);

	(void)b;
	if (M.event[i])
		return;
	own.at_once = i;
	iv_loop_call_wait(loops_self(), own.call[i]);
	expect(own.at_once == -1, "not called at once", i);
}

static void post_quit(int unused)
{
	(void)unused;
	iv_loop_quit(into);
}

void c_loop_quit(unsigned a, unsigned b)
{
	bool mine = a & 1;

	(void)b;
	into = loops_self();
	if (mine)
		post_quit(0);
	else
		elsewhere(post_quit, 0);
	model_quit_post(mine);
}

/* ---- All of them -------------------------------------------------------------------------- */

void loops_begin(void)
{
	own.at_once = -1;
	own.handed = false;
	FOR(i, HOOKS)
		new_hook(i);
	FOR(i, CALLS)
		new_call(EVENTS + i);
}

/* But those that have to see the end. */
void loops_unregister(void)
{
	FOR(i, HOOKS)
		if (M.hook[i].point != IV_HOOK_DEINIT)
			hook_unregister(i);
}

void loops_check(void)
{
	FOR(i, HOOKS)
		expect(!!iv_hook_registered(own.hook[i]) ==
		       M.hook[i].registered, "iv_hook_registered()", i);
}

/* One call is on its way when the loop goes, and goes with it. */
void loops_end(void)
{
	into = loops_self();
	post_call(EVENTS);
	model_take_down(true);
}

void loops_ended(void)
{
	model_take_down(false);
	FOR(i, HOOKS)
		M.hook[i].registered = false;
}
