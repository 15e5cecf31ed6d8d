/* SPDX-License-Identifier: MIT */
/*
 * loop.h - the loop: one member per slice, each written by one file.
 *
 * Internal functions take the loop as an argument; only the first lines of
 * public functions ask which loop the calling thread has.
 */
#ifndef IVI_LOOP_LOOP_H
#define IVI_LOOP_LOOP_H

#include "base/compiler.h"
#include "base/timespec.h"
#include "sys/sys.h"
#include "loop/now.h"
#include "loop/task.h"
#include "loop/timer.h"
#include "loop/poller.h"
#include "loop/fd.h"
#include "loop/event.h"
#include "loop/tls.h"
#include "loop/run.h"

struct ivi_loop {
	struct ivi_now	now;
	struct ivi_run	run;
	struct ivi_tasks	tasks;
	struct ivi_fds	fds;
	struct ivi_poller	*poller;
	struct ivi_events	events;
	struct ivi_tls	tls;
	long	holds;		/* what keeps iv_main() from returning */
	unsigned	inits;	/* iv_init() calls not yet undone */
	unsigned	generation;	/* of forks, in which it was made */
	unsigned long	thread;	/* whose it is, for messages */
	struct iv_list_head	loops;	/* loop.c: all of the process */
	struct ivi_timers	timers;
	char	users[] __attribute__((aligned(16)));	/* iv_tls areas */
};

static inline void ivi_hold(struct ivi_loop *loop)
{
	loop->holds++;
}

static inline void ivi_release(struct ivi_loop *loop)
{
	loop->holds--;
}

/* loop.c: gives a loop that was inherited over fork(2) its own wake-up
   channel.  (The poller looks after its own kernel object.) */
void ivi_loop_check_fork(struct ivi_loop *loop);

/* ---- Checks, for the public functions ------------------------------------ */

void ivi_no_loop(const char *fn) __attribute__((noreturn, cold));
void ivi_bad_null(const char *fn, const char *type)
	__attribute__((noreturn, cold));
void ivi_bad_new(const char *fn, const char *type, const void *object,
		 bool registered) __attribute__((noreturn, cold));
void ivi_bad_old(const char *fn, const char *type, const void *object)
	__attribute__((noreturn, cold));
void ivi_bad_owner(const char *fn, const char *type, const void *object,
		   const struct ivi_loop *owner)
	__attribute__((noreturn, cold));
void ivi_bad_handler(const char *fn, const char *type, const void *object)
	__attribute__((noreturn, cold));

static inline struct ivi_loop *ivi_loop_of_caller(const char *fn)
{
	struct ivi_loop *loop = ivi_self();

	if (ivi_unlikely(loop == NULL))
		ivi_no_loop(fn);
	return loop;
}

static inline void ivi_check_object(const char *fn, const char *type,
				    const void *object)
{
	if (ivi_unlikely(object == NULL))
		ivi_bad_null(fn, type);
}

/* STATE is 0 in an initialised object, MAGIC in a registered one, and
   anything in garbage. */
static inline void ivi_check_new(const char *fn, const char *type,
				 const void *object, uint32_t state,
				 uint32_t magic)
{
	if (ivi_unlikely(state != 0))
		ivi_bad_new(fn, type, object, state == magic);
}

static inline void ivi_check_old(const char *fn, const char *type,
				 const void *object, uint32_t state,
				 uint32_t magic)
{
	if (ivi_unlikely(state != magic))
		ivi_bad_old(fn, type, object);
}

static inline void ivi_check_owner(const char *fn, const char *type,
				   const void *object,
				   const struct ivi_loop *loop,
				   const struct ivi_loop *owner)
{
	if (ivi_unlikely(loop != owner))
		ivi_bad_owner(fn, type, object, owner);
}

static inline void ivi_check_handler(const char *fn, const char *type,
				     const void *object,
				     void (*handler)(void *))
{
	if (ivi_unlikely(handler == NULL))
		ivi_bad_handler(fn, type, object);
}

#endif
