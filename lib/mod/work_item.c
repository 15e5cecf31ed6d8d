/* SPDX-License-Identifier: MIT */
/*
 * work_item.c - what a work item is marked with while it is not the user's.
 *
 * An item that has not been submitted yet may contain garbage or be a copy of
 * one that has: a mark made of its address tells them apart.  Its lowest bits
 * are the item's phase, and whether it has been begun: one that has, or has no
 * mark, was initialised while it was queued, and may be on two lists.
 *
 * Items that are dropped while a worker is at them may not be touched any more
 * and keep their marks, and so do those a forked child inherits.  So a number
 * is mixed in that is another one afterwards.  Submitting one twice is then
 * not noticed, where it was submitted before that.
 */
#include <iv_work.h>
#include "mod/work.h"

static unsigned forgotten;

void ivi_work_forget_all(void)
{
	__atomic_add_fetch(&forgotten, 1, __ATOMIC_RELAXED);
}

static uintptr_t mark_of(const struct ivi_work *e)
{
	uintptr_t n = ivi_fork_generation() +
		      __atomic_load_n(&forgotten, __ATOMIC_RELAXED);

	return ((uintptr_t)e ^ n * (uintptr_t)0x9e3779b97f4a7c15) &
	       ~(IVI_WORK_PHASE | IVI_WORK_BEGUN);
}

struct ivi_work *ivi_work_enter(const char *fn, struct iv_work_item *item)
{
	struct ivi_work *e = ivi_work(item);
	uintptr_t mark;

	if (item == NULL)
		iv_fatal("%s: iv_work_item is NULL", fn);
	if (item->work == NULL || item->completion == NULL)
		iv_fatal("%s: iv_work_item %p has no %s function", fn,
			 (void *)item,
			 item->work == NULL ? "work" : "completion");
	mark = mark_of(e);
	if ((e->mark & ~(IVI_WORK_PHASE | IVI_WORK_BEGUN)) == mark)
		iv_fatal("%s: iv_work_item %p is already queued", fn,
			 (void *)item);
	e->mark = mark;
	return e;
}

void ivi_work_leave_all(struct ivi_worklist *list)
{
	struct ivi_work *e;

	while ((e = ivi_worklist_take(list)) != NULL)
		ivi_work_leave(e);
}

void ivi_work_do(struct ivi_work *e)
{
	struct iv_work_item *item = ivi_work_pub(e);

	if (ivi_unlikely(e->mark == 0 || (e->mark & IVI_WORK_BEGUN)))
		iv_fatal("iv_main: iv_work_item %p was freed or overwritten "
			 "while it was queued", (void *)item);
	e->mark |= IVI_WORK_BEGUN;
	ivi_probe2(work__begin, item, item->work);
	item->work(item->cookie);
	ivi_probe1(work__end, item);
	iv_invalidate_now();
}
