/* SPDX-License-Identifier: MIT */
/*
 * stat_poll.c - where the system gives no hints, paths are looked at every so
 * often.
 */
#include "compat/ev/engine.h"

enum evi_hint evi_hint_place(struct ev_loop *loop, ev_stat *w)
{
	(void)loop;
	(void)w;
	return EVI_HINT_NONE;
}

void evi_hint_leave(struct ev_loop *loop, ev_stat *w)
{
	(void)loop;
	w->wd = -1;
}

bool evi_hints_inherited(const struct ev_loop *loop)
{
	(void)loop;
	return false;
}

void evi_hints_sweep(struct ev_loop *loop)
{
	(void)loop;
}

void evi_hints_look(struct ev_loop *loop)
{
	(void)loop;
}

void evi_hints_close(struct ev_loop *loop)
{
	(void)loop;
}
