/* SPDX-License-Identifier: MIT */
/*
 * loop.c - making and taking down loops.
 */
#include "loop/loop.h"

#include <stdlib.h>
#include <string.h>

/* The first iv_init() of the process has been through. */
static bool prepared;

static void prepare_process(void)
{
	int ret;

	if (__atomic_exchange_n(&prepared, true, __ATOMIC_ACQ_REL))
		return;
	ivi_ignore_default_signals();
	ivi_fd_limit_raise();
	ret = ivi_check_prepare();
	if (ret < 0)
		iv_fatal("iv_init: pthread_atfork: %s", ivi_errname(-ret));
}

static void fini(struct ivi_loop *loop)
{
	ivi_fds_fini(loop);
	ivi_poller_free(loop->poller);
	free(loop);
}

static void note_leftovers(struct ivi_loop *loop)
{
	if (loop->events.registered > 0)
		ivi_note("iv_deinit: %u iv_events are still registered",
			 loop->events.registered);
	ivi_fds_leftovers(loop);
	ivi_tasks_leftovers(loop);
	ivi_timers_leftovers(loop);
}

static void take_down(void *_loop)
{
	struct ivi_loop *loop = _loop;

	/* glibc clears the value before it calls the destructor. */
	ivi_self_set(loop, take_down);
	ivi_tls_deinit_users(loop);
	ivi_tls_fini(loop);
	ivi_self_set(NULL, take_down);
	ivi_events_fini(loop);
	if (IVI_DEBUGGING)
		note_leftovers(loop);
	ivi_check_fini(loop);
	fini(loop);
}

/* Zeroed but for the slots of timers, which are most of it. */
static struct ivi_loop *allocate(void)
{
	size_t tls_size = ivi_tls_size();
	struct ivi_loop *loop = malloc(sizeof(*loop) + tls_size);

	if (loop == NULL)
		return NULL;
	memset(loop, 0, offsetof(struct ivi_loop, timers.q.slot));
	memset(loop->users, 0, tls_size);
	return loop;
}

/* NULL and errno if memory or descriptors are lacking. */
static struct ivi_loop *make(void)
{
	struct ivi_loop *loop = allocate();

	if (loop == NULL)
		return NULL;
	loop->inits = 1;
	loop->generation = ivi_fork_generation();
	loop->poller = ivi_poller_new();
	if (loop->poller == NULL) {
		free(loop);
		return NULL;
	}
	ivi_tasks_init(loop);
	ivi_timers_init(loop);
	ivi_events_init(loop);
	return loop;
}

/*
 * In a forked child the inherited loop shares its kernel objects with the
 * parent's.  Closing them here does not touch the parent's set.
 */
static void abandon_inherited(struct ivi_loop *loop)
{
	ivi_events_check_fork(loop);
	ivi_check_fini(loop);
	ivi_self_set(NULL, take_down);
	fini(loop);
}

int ivi_init(void)
{
	struct ivi_loop *loop = ivi_self();
	int ret;

	if (loop != NULL && loop->generation == ivi_fork_generation()) {
		loop->inits++;
		return 0;
	}
	if (loop != NULL)
		abandon_inherited(loop);
	prepare_process();
	loop = make();
	if (loop == NULL)
		return -errno;
	ret = ivi_self_set(loop, take_down);
	if (ret < 0) {
		fini(loop);
		return ret;
	}
	ivi_check_init(loop);
	ivi_tls_init_users(loop);
	return 0;
}

IVI_PUBLIC void iv_init(void)
{
	int ret = ivi_init();

	if (ret == -ENOMEM)
		iv_fatal("iv_init: out of memory");
	if (ret < 0)
		iv_fatal("iv_init: poll method %s: %s",
			 ivi_poller_method_name(), ivi_errname(-ret));
}

IVI_PUBLIC int iv_inited(void)
{
	return ivi_self() != NULL;
}

IVI_PUBLIC void iv_deinit(void)
{
	struct ivi_loop *loop = ivi_loop_of_caller("iv_deinit");

	if (--loop->inits > 0)
		return;
	if (loop->run.depth > 0)
		iv_fatal("iv_deinit: called inside iv_main()");
	take_down(loop);
}

IVI_PUBLIC const char *iv_poll_method_name(void)
{
	return ivi_poller_method_name();
}
