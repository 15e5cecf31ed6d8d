/* SPDX-License-Identifier: MIT */
/*
 * loop.c - making and taking down loops.
 */
#include "loop/loop.h"

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
	ret = ivi_fork_watch();
	if (ret < 0)
		iv_fatal("iv_init: pthread_atfork: %s", ivi_errname(-ret));
}

static void fini(struct ivi_loop *loop)
{
	ivi_fds_fini(loop);
	ivi_poller_free(loop->poller);
	ivi_free(loop);
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

/* These handlers may call iv_init() and iv_deinit() in pairs. */
static void say_goodbye(struct ivi_loop *loop)
{
	loop->own = true;
	ivi_hooks_run(loop, IV_HOOK_DEINIT);
	ivi_tls_deinit_users(loop);
	ivi_check_entered("iv_deinit", loop);
}

/* LOOP is entered, and the thread has none afterwards.  True if the process
   has none either. */
static bool take_down(struct ivi_loop *loop)
{
	int cancel = ivi_cancel_off();
	bool last;

	say_goodbye(loop);
	ivi_tls_fini(loop);
	ivi_self_set(NULL);
	ivi_events_fini(loop);
	if (IVI_DEBUGGING)
		note_leftovers(loop);
	last = ivi_check_fini(loop);
	fini(loop);
	ivi_cancel_restore(cancel);
	return last;
}

/* Zeroed but for the slots of timers, which are most of it. */
static struct ivi_loop *allocate(void)
{
	size_t tls_size = ivi_tls_size();
	struct ivi_loop *loop = ivi_alloc(sizeof(*loop) + tls_size);

	if (loop == NULL)
		return NULL;
	memset(loop, 0, offsetof(struct ivi_loop, timers.q.slot));
	memset(loop->users, 0, tls_size);
	return loop;
}

static void quit(void *_loop)
{
	ivi_run_quit(_loop);
}

/* NULL and errno if memory or descriptors are lacking; FN and METHOD are for
   ivi_poller_new(). */
static struct ivi_loop *make(const char *fn, const char *method)
{
	struct ivi_loop *loop = allocate();

	if (loop == NULL)
		return NULL;
	loop->generation = ivi_fork_generation();
	loop->poller = ivi_poller_new(fn, method);
	if (loop->poller == NULL) {
		ivi_free(loop);
		return NULL;
	}
	ivi_tasks_init(loop);
	ivi_timers_init(loop);
	ivi_events_init(loop);
	ivi_hooks_init(loop);
	ivi_meter_init(loop);
	loop->quitter.cookie = loop;
	loop->quitter.handler = quit;
	ivi_check_init(loop);
	return loop;
}

static void abandon_inherited(struct ivi_loop *loop)
{
	ivi_self_set(NULL);
	ivi_loop_abandon(loop);
	ivi_check_fini(loop);
	fini(loop);
}

/* ---- The thread's own ------------------------------------------------------- */

/* The calling thread has left it, or has not come back to it.  Whose it is comes
   first: the rest of another thread's loop is not to be looked at. */
static bool is_left(const struct ivi_loop *loop)
{
	return ivi_check_is_mine(&loop->check) &&
	       (!loop->own || ivi_check_has(&loop->check));
}

/* It may have been left in a handler. */
static void end(struct ivi_loop *loop)
{
	if (loop->own) {
		ivi_run_abandon(loop);
		ivi_self_set(NULL);
		ivi_check_leave(&loop->check);
	} else {
		ivi_self_set(loop);
		take_down(loop);
	}
}

static void thread_ends(void)
{
	struct ivi_loop *loop = ivi_self();

	if (loop != NULL)
		end(loop);
	while ((loop = ivi_check_find(is_left)) != NULL)
		end(loop);
}

static void enter_new(struct ivi_loop *loop)
{
	ivi_check_enter(&loop->check);
	ivi_self_set(loop);
	ivi_tls_init_users(loop);
}

/* 0, or -errno and in *WHAT the call that has said so; NULL: the method's. */
static int init(const char **what)
{
	struct ivi_loop *loop = ivi_self();
	int ret;

	ivi_fork_notice();
	if (loop != NULL &&
	    (loop->own || loop->generation == ivi_fork_generation())) {
		loop->inits++;
		return 0;
	}
	if (loop != NULL)
		abandon_inherited(loop);
	loop = make("iv_init", NULL);
	if (loop == NULL) {
		*what = NULL;
		return -errno;
	}
	ret = ivi_exit_watch(thread_ends);
	if (ret < 0) {
		*what = "pthread_key_create";
		ivi_check_fini(loop);
		fini(loop);
		return ret;
	}
	loop->inits = 1;
	enter_new(loop);
	return 0;
}

int ivi_init(void)
{
	const char *what;

	return init(&what);
}

IVI_PUBLIC void iv_init(void)
{
	const char *what;
	int ret;

	if (ivi_self() == NULL)
		prepare_process();
	ret = init(&what);
	if (ret == -ENOMEM)
		iv_fatal("iv_init: out of memory");
	if (ret < 0 && what != NULL)
		iv_fatal("iv_init: %s: %s", what, ivi_errname(-ret));
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

	ivi_fork_notice();
	if (loop->inits == 0)
		iv_fatal("iv_deinit: called more often than iv_init(); this "
			 "is a loop of iv_loop_new(), or being taken down "
			 "[loop %p]", (void *)loop);
	if (--loop->inits > 0 || loop->own)
		return;
	if (!ivi_run_inside(loop, IVI_CALLER_STACK())) {
		if (take_down(loop) || ivi_check_find(is_left) == NULL)
			ivi_exit_forget();
		return;
	}
	ivi_run_leave(loop);
	say_goodbye(loop);
}

IVI_PUBLIC const char *iv_poll_method_name(void)
{
	const struct ivi_loop *loop = ivi_self();

	return loop != NULL ? loop->poller->method->name :
	       ivi_poller_method_name();
}

/* ---- Loops as objects --------------------------------------------------------- */

static struct ivi_loop *of_handle(struct iv_loop *handle)
{
	return (struct ivi_loop *)handle;
}

/* Who has it may post calls. */
static struct iv_loop *handle_of(struct ivi_loop *loop)
{
	if (loop != NULL && !loop->events.handed)
		ivi_events_hand(loop);
	return (struct iv_loop *)loop;
}

IVI_PUBLIC struct iv_loop *iv_loop_new(const char *method)
{
	struct ivi_loop *loop, *before = ivi_self();
	struct iv_loop *handle;
	int ret = ivi_fork_watch();

	ivi_fork_notice();
	if (ret < 0) {
		errno = -ret;
		return NULL;
	}
	loop = make(NULL, method);
	if (loop == NULL)
		return NULL;
	loop->own = true;
	handle = handle_of(loop);
	enter_new(loop);
	ivi_self_set(before);
	ivi_check_leave(&loop->check);
	return handle;
}

static void bad_entered(const char *fn, const struct ivi_loop *loop)
	__attribute__((noreturn, cold));

static void bad_entered(const char *fn, const struct ivi_loop *loop)
{
	iv_fatal("%s: thread %lu has entered the loop, called from %lu [loop "
		 "%p]", fn, ivi_check_thread(loop), ivi_thread_id(),
		 (const void *)loop);
}

/* The calling thread is to have it, which may have entered it already: if a
   handler of that LOOP has entered another one. */
static void take(const char *fn, struct ivi_loop *loop)
{
	if (ivi_unlikely(!ivi_check_enter(&loop->check)) &&
	    !ivi_check_is_mine(&loop->check))
		bad_entered(fn, loop);
}

IVI_PUBLIC void iv_loop_free(struct iv_loop *handle)
{
	struct ivi_loop *loop = of_handle(handle), *before = ivi_self();

	if (loop == NULL)
		return;
	ivi_fork_notice();
	if (loop->check.lost) {
		ivi_check_fini(loop);
		return;
	}
	take("iv_loop_free", loop);
	if (loop == before || ivi_run_inside(loop, IVI_CALLER_STACK()))
		bad_entered("iv_loop_free", loop);
	ivi_self_set(loop);
	take_down(loop);
	ivi_self_set(before);
}

/* A handler of a loop that runs has to come back: it is still the thread's. */
static void leave(struct ivi_loop *loop, uintptr_t frame)
{
	if (ivi_unlikely(loop->run.depth > 0) && ivi_run_inside(loop, frame))
		ivi_run_away(loop, true);
	else
		ivi_check_leave(&loop->check);
}

static void come_to(struct ivi_loop *loop)
{
	if (ivi_exit_watch(thread_ends) < 0)
		iv_fatal("iv_loop_enter: out of memory");
	take("iv_loop_enter", loop);
	if (ivi_unlikely(loop->run.away))
		ivi_run_away(loop, false);
}

IVI_PUBLIC struct iv_loop *iv_loop_enter(struct iv_loop *handle)
{
	struct ivi_loop *loop = of_handle(handle), *before = ivi_self();

	if (loop != before) {
		if (loop != NULL)
			come_to(loop);
		if (before != NULL)
			leave(before, IVI_CALLER_STACK());
		ivi_self_set(loop);
	}
	return handle_of(before);
}

IVI_PUBLIC struct iv_loop *iv_loop_self(void)
{
	return handle_of(ivi_self());
}

/* ---- From other threads --------------------------------------------------------- */

static void check_call(const char *fn, const struct iv_loop *handle,
		       const struct iv_call *call)
{
	ivi_check_object(fn, "iv_loop", handle);
	ivi_check_object(fn, "iv_call", call);
	ivi_check_handler(fn, "iv_call", call, call->handler);
}

IVI_PUBLIC int iv_loop_call(struct iv_loop *handle, struct iv_call *call)
{
	static const char fn[] = "iv_loop_call";

	check_call(fn, handle, call);
	if (ivi_call_post(fn, of_handle(handle), call, NULL))
		return 0;
	errno = EALREADY;
	return -1;
}

/* The thread may be inside a handler of LOOP, with another one entered. */
static void call_here(struct ivi_loop *loop, struct iv_call *call)
{
	struct ivi_loop *before = ivi_self();

	ivi_self_set(loop);
	call->handler(call->cookie);
	ivi_check_entered("iv_loop_call_wait", loop);
	ivi_self_set(before);
}

IVI_PUBLIC void iv_loop_call_wait(struct iv_loop *handle, struct iv_call *call)
{
	static const char fn[] = "iv_loop_call_wait";
	struct ivi_loop *loop = of_handle(handle);
	struct ivi_waiter waiter;

	check_call(fn, handle, call);
	if (ivi_call(call)->event.owner == 0 && ivi_check_has(&loop->check)) {
		call_here(loop, call);
		return;
	}
	ivi_latch_init(&waiter.latch);
	if (!ivi_call_post(fn, loop, call, &waiter))
		iv_fatal("%s: iv_call %p is on its way already", fn,
			 (void *)call);
	ivi_latch_wait(&waiter.latch);
}

IVI_PUBLIC void iv_loop_quit(struct iv_loop *handle)
{
	static const char fn[] = "iv_loop_quit";
	struct ivi_loop *loop = of_handle(handle);

	ivi_check_object(fn, "iv_loop", handle);
	ivi_call_post(fn, loop, &loop->quitter, NULL);
}

/* ---- What keeps it going -------------------------------------------------------- */

IVI_PUBLIC void iv_ref(void)
{
	struct ivi_loop *loop = ivi_loop_of_caller("iv_ref");

	loop->refs++;
	ivi_hold(loop);
}

IVI_PUBLIC void iv_unref(void)
{
	struct ivi_loop *loop = ivi_loop_of_caller("iv_unref");

	loop->refs--;
	ivi_release(loop);
}
