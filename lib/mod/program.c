/* SPDX-License-Identifier: MIT */
/*
 * program.c - what iv_popen and iv_spawn have in common.
 */
#include <errno.h>
#include "base/compiler.h"
#include "mod/program.h"
#include "sys/child.h"
#include "sys/sys.h"

static void stop_timer(struct ivi_program *p)
{
	if (iv_timer_registered(&p->timer))
		iv_timer_unregister(&p->timer);
}

static void state_changed(void *_p, int status, const struct rusage *usage)
{
	struct ivi_program *p = _p;

	if (status >= 0 && !ivi_child_ended(status))
		return;
	iv_wait_interest_unregister(&p->wait);
	stop_timer(p);
	p->ended(p, status, usage);
}

static void orphaned(struct iv_wait_interest *wait)
{
	struct ivi_program *p = iv_container_of(wait, struct ivi_program, wait);

	stop_timer(p);
	p->orphaned(p);
}

void ivi_program_init(struct ivi_program *p, void (*timed)(void *p))
{
	p->owner = ivi_self();
	p->wait.cookie = p;
	p->wait.handler = state_changed;
	IV_TIMER_INIT(&p->timer);
	p->timer.cookie = p;
	p->timer.handler = timed;
}

int ivi_program_start(struct ivi_program *p, struct ivi_exec *x,
		      enum ivi_wait_for what)
{
	int ret;

	if (ivi_wait_exec(&p->wait, x, what, orphaned) < 0) {
		ret = -errno;
		ivi_exec_close(x);
		return ret;
	}
	ret = ivi_exec_outcome(x);
	if (ret < 0)
		ivi_wait_reap(&p->wait);
	return ret;
}
