/* SPDX-License-Identifier: MIT */
/*
 * task.c - tasks.
 *
 * A task knows the number of the round in which it last ran.  One that has
 * not run in the round in progress joins that round when it is registered,
 * any other waits for the next, so a task that registers itself for ever
 * does not keep the loop from its timers and descriptors.  An iv_main() in a
 * handler takes over the rest of the round, in one of its own.
 */
#include "loop/loop.h"

void ivi_tasks_init(struct ivi_loop *loop)
{
	INIT_IV_LIST_HEAD(&loop->tasks.queue);
	INIT_IV_LIST_HEAD(&loop->tasks.round);
}

void ivi_task_add(struct ivi_loop *loop, struct iv_task *task)
{
	struct ivi_tasks *ts = &loop->tasks;
	struct ivi_task *t = ivi_task(task);
	bool this_round = ts->running &&
			  (t->epoch != ts->epoch || t->owner != loop);

	t->owner = loop;
	t->state = IVI_TASK_REGISTERED;
	iv_list_add_tail(&t->node, this_round ? &ts->round : &ts->queue);
	ivi_hold(loop);
}

void ivi_task_drop(struct ivi_loop *loop, struct iv_task *task)
{
	struct ivi_task *t = ivi_task(task);

	t->state = 0;
	iv_list_del(&t->node);
	ivi_release(loop);
}

void ivi_tasks_run(struct ivi_loop *loop)
{
	struct ivi_tasks *ts = &loop->tasks;
	struct iv_list_head *round = &ts->round;
	bool outer = ts->running;
	uint32_t epoch = ts->epoch;

	iv_list_splice_tail_init(&ts->queue, round);
	ts->running = true;
	ts->epoch = ++ts->rounds;
	while (!iv_list_empty(round)) {
		struct ivi_task *t = iv_container_of(round->next,
						     struct ivi_task, node);
		struct iv_task *task = ivi_task_pub(t);

		ivi_check_memory("iv_task", task, t->state, IVI_TASK_REGISTERED);
		t->epoch = ts->epoch;
		ivi_task_drop(loop, task);
		ts->calls++;
		ivi_handler_call(&loop->meter, IVI_PROBE_TASK, task, 0,
				 task->handler, task->cookie);
	}
	ts->running = outer;
	if (outer)
		ts->epoch = epoch;
}

void ivi_tasks_abandoned(struct ivi_loop *loop)
{
	loop->tasks.running = false;
}

void ivi_tasks_leftovers(const struct ivi_loop *loop)
{
	const struct iv_list_head *lh;

	iv_list_for_each (lh, &loop->tasks.queue) {
		const struct iv_task *task = ivi_task_pub(
			iv_container_of(lh, struct ivi_task, node));

		ivi_note("iv_deinit: iv_task %p is still registered "
			 "[handler %p]", (const void *)task,
			 (const void *)(uintptr_t)task->handler);
	}
}

/* ---- Public --------------------------------------------------------------- */

/* It may be garbage that only says it is registered. */
IVI_PUBLIC void IV_TASK_INIT(struct iv_task *task)
{
	static const char fn[] = "IV_TASK_INIT";
	struct ivi_loop *loop = ivi_self();
	struct ivi_task *t = ivi_task(task);

	ivi_check_object(fn, "iv_task", task);
	if (ivi_unlikely(t->state == IVI_TASK_REGISTERED) && loop != NULL &&
	    (ivi_on_list(&loop->tasks.queue, &t->node) ||
	     ivi_on_list(&loop->tasks.round, &t->node)))
		ivi_bad_new(fn, "iv_task", task, true);
	t->state = 0;
	t->owner = loop;
	t->epoch = loop != NULL ? loop->tasks.epoch : 0;
}

static inline void register_new(const char *fn, struct ivi_loop *loop,
				struct iv_task *task)
{
	ivi_check_new(fn, "iv_task", task, ivi_task(task)->state,
		      IVI_TASK_REGISTERED);
	ivi_check_handler(fn, "iv_task", task, task->handler);
	ivi_task_add(loop, task);
}

IVI_PUBLIC void iv_task_register(struct iv_task *task)
{
	static const char fn[] = "iv_task_register";
	struct ivi_loop *loop = ivi_loop_of_caller(fn);

	ivi_check_object(fn, "iv_task", task);
	register_new(fn, loop, task);
}

IVI_PUBLIC void iv_task_ensure(struct iv_task *task)
{
	static const char fn[] = "iv_task_ensure";
	struct ivi_loop *loop = ivi_loop_of_caller(fn);

	ivi_check_object(fn, "iv_task", task);
	if (ivi_task(task)->state == IVI_TASK_REGISTERED)
		ivi_check_owner(fn, "iv_task", task, loop,
				ivi_task(task)->owner);
	else
		register_new(fn, loop, task);
}

IVI_PUBLIC void iv_task_unregister(struct iv_task *task)
{
	static const char fn[] = "iv_task_unregister";
	struct ivi_loop *loop = ivi_loop_of_caller(fn);
	struct ivi_task *t = ivi_task(task);

	ivi_check_object(fn, "iv_task", task);
	ivi_check_old(fn, "iv_task", task, t->state, IVI_TASK_REGISTERED);
	ivi_check_owner(fn, "iv_task", task, loop, t->owner);
	ivi_task_drop(loop, task);
}

IVI_PUBLIC int iv_task_registered(const struct iv_task *task)
{
	ivi_check_object("iv_task_registered", "iv_task", task);
	return ivi_task(task)->state == IVI_TASK_REGISTERED;
}
