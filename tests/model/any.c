/* SPDX-License-Identifier: MIT */
/*
 * any.c - commands that have to do with children that nobody claims
 * (iv_wait_any).
 *
 * They are those of children.c while these have no interest.  The library looks
 * at all that have ended, in a task and upon SIGCHLD: what it does then is
 * diverted, so that the model knows.
 */
#include <errno.h>
#include <stdlib.h>
#include <iv_signal.h>
#include <iv_wait.h>
#include "model/world.h"

/* The library stops looking after so many. */
#define BATCH	100

int __real_ivi_signal_register_hook(struct iv_signal *sig);
int __wrap_ivi_signal_register_hook(struct iv_signal *sig);

static struct iv_wait_any *any;
static unsigned lives[1];

static bool used;		/* the library has memory for it */
static bool registering;
static unsigned told;		/* in the look in progress */
static struct iv_task *look_task;
static void (*look)(void *);

/* ---- Looking ---------------------------------------------------------------------------- */

/* What is claimed may be waited for before, between and after the calls. */
static void keep(void)
{
	children_kept();
	programs_kept();
}

static void child_ended(void *c, pid_t pid, int status,
			const struct rusage *usage)
{
	int i = children_unclaimed(pid);

	world_say("-> unclaimed child %d, status %#x", i, (unsigned)status);
	expect(M.any, "told of a child by what is not registered", i);
	expect(c == cookie(0, lives[0]), "an old cookie", i);
	expect(i >= 0, "told of what is claimed, or no child", (int)pid);
	expect(usage != NULL, "resource usage", i);
	model_called(CALL_ANY, i, 0);
	children_told(i, status);
	told++;
	world_calls++;
	finish_here();
	keep();
}

static void look_at_all(void *c)
{
	told = 0;
	keep();
	model_any_looks(true);
	look(c);
	model_any_looks(false);
	if (M.any && told < BATCH)
		expect(children_untold() < 0, "not told of unclaimed child",
		       children_untold());
	model_done();
}

static void look_runs(void *c)
{
	world_say("-> task to look at unclaimed children");
	model_called(CALL_TASK, TASK_ANY, 0);
	look_at_all(c);
}

static void sigchld_comes(void *c)
{
	world_say("-> SIGCHLD, to look at unclaimed children");
	model_called(CALL_SIGNAL, SIGNAL_ANY, 0);
	look_at_all(c);
}

static void divert(void (**theirs)(void *), void (*ours)(void *))
{
	if (*theirs != ours)
		look = *theirs;
	*theirs = ours;
}

int __wrap_ivi_signal_register_hook(struct iv_signal *sig)
{
	M.sigchld[registering] = sig;
	if (registering)
		divert(&sig->handler, sigchld_comes);
	return __real_ivi_signal_register_hook(sig);
}

bool any_task_registers(struct iv_task *task)
{
	if (registering) {
		look_task = task;
		divert(&task->handler, look_runs);
	}
	if (task != look_task)
		return false;
	model_task_register(TASK_ANY);
	return true;
}

void any_task_unregisters(const struct iv_task *task)
{
	if (task == look_task)
		model_task_unregister(TASK_ANY);
}

/* ---- Commands --------------------------------------------------------------------------- */

static void new_any(void)
{
	free(any);
	any = garbage(sizeof(*any));
	IV_WAIT_ANY_INIT(any);
	any->cookie = cookie(0, ++lives[0]);
	any->handler = child_ended;
}

/* There is one in a process. */
static void register_another(void)
{
	struct iv_wait_any other;

	IV_WAIT_ANY_INIT(&other);
	other.handler = child_ended;
	expect(iv_wait_any_register(&other) < 0 && errno == EBUSY,
	       "two of iv_wait_any", 0);
	expect(!iv_wait_any_registered(&other), "iv_wait_any_registered()", 1);
}

void c_any_register(unsigned a, unsigned b)
{
	(void)a;
	(void)b;
	if (!ground_is_real)
		return;
	if (M.any) {
		register_another();
		return;
	}
	if (!used)
		model_task_init(TASK_ANY);
	used = registering = true;
	model_any_register();
	expect(iv_wait_any_register(any) == 0, "no iv_wait_any", 0);
	registering = false;
}

void c_any_unregister(unsigned a, unsigned b)
{
	(void)a;
	(void)b;
	any_unregister();
}

void c_any_free(unsigned a, unsigned b)
{
	(void)a;
	(void)b;
	any_unregister();
	new_any();
}

void c_any_probe(unsigned a, unsigned b)
{
	(void)a;
	(void)b;
	expect(!!iv_wait_any_registered(any) == M.any,
	       "iv_wait_any_registered()", 0);
}

/* Forked, and at its end at once; some of them together, with or without an
   interest. */
void c_any_zombie(unsigned a, unsigned b)
{
	FOR(n, 1 + (int)(b % CHILDREN)) {
		unsigned i = a + (unsigned)n;

		c_child_fork(i, b);
		if (b >> n & 16)
			c_child_register(i, b);
		if (b & 64)
			c_child_kill(i, b >> 2 & 2);
		else
			c_child_exit(i, b);
	}
}

/* ---- All of it -------------------------------------------------------------------------- */

void any_begin(void)
{
	used = false;
	look_task = NULL;
	new_any();
}

void any_unregister(void)
{
	if (!M.any)
		return;
	model_any_unregister();
	iv_wait_any_unregister(any);
}
