/* SPDX-License-Identifier: MIT */
/*
 * check.h - what public functions ask of their arguments.
 */
#ifndef IVI_LOOP_CHECK_H
#define IVI_LOOP_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <iv_list.h>
#include "base/compiler.h"
#include "sys/sys.h"

struct ivi_loop;

struct ivi_check {
	struct iv_list_head	loops;	/* all of the process */
	/* Atomic: */
	bool	entered;	/* a thread has it */
	bool	lost;		/* it had, when this process was forked */
	unsigned long	thread;	/* the last one that entered it, or 0 */
	const void	*mark;	/* the same, as ivi_thread_mark() */
};

/* From now on messages can tell whose objects of LOOP are, until fini(), which
   returns true if there is no loop left. */
void ivi_check_init(struct ivi_loop *loop);
bool ivi_check_fini(struct ivi_loop *loop);

/* In a forked child: no other thread has the list any more, and loops that
   were entered by others are lost.  Calls FN for the rest. */
void ivi_check_forked(void (*fn)(struct ivi_loop *loop));

/* The calling thread is to have the loop: false if another one has it.  Then it
   is free for others. */
static inline bool ivi_check_enter(struct ivi_check *c)
{
	if (__atomic_exchange_n(&c->entered, true, __ATOMIC_ACQUIRE))
		return false;
	__atomic_store_n(&c->mark, ivi_thread_mark(), __ATOMIC_RELAXED);
	__atomic_store_n(&c->thread, ivi_thread_id(), __ATOMIC_RELAXED);
	return true;
}

static inline void ivi_check_leave(struct ivi_check *c)
{
	__atomic_store_n(&c->entered, false, __ATOMIC_RELEASE);
}

/* The one that entered it last. */
unsigned long ivi_check_thread(const struct ivi_loop *loop);

/* The calling thread was the last to enter it. */
static inline bool ivi_check_is_mine(const struct ivi_check *c)
{
	return __atomic_load_n(&c->mark, __ATOMIC_RELAXED) == ivi_thread_mark();
}

/* It has entered it, or has left it in a handler of it. */
static inline bool ivi_check_has(const struct ivi_check *c)
{
	return __atomic_load_n(&c->entered, __ATOMIC_RELAXED) &&
	       ivi_check_is_mine(c);
}

/* Whatever the memory around NODE says. */
bool ivi_on_list(const struct iv_list_head *list,
		 const struct iv_list_head *node);

/* One for which TEST holds, or NULL. */
struct ivi_loop *ivi_check_find(bool (*test)(const struct ivi_loop *loop));

/* The loop whose idle events have this mark, or NULL.  Any thread. */
struct ivi_loop *ivi_loop_marked(const struct iv_list_head *mark);

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
void ivi_bad_return(const char *fn, const struct ivi_loop *loop)
	__attribute__((noreturn, cold));
void ivi_bad_memory(const char *type, const void *object)
	__attribute__((noreturn, cold));

static inline struct ivi_loop *ivi_loop_of_caller(const char *fn)
{
	struct ivi_loop *loop = ivi_self();

	if (ivi_unlikely(loop == NULL))
		ivi_no_loop(fn);
	return loop;
}

/* Handlers of LOOP have been called: its thread has to have it still. */
static inline void ivi_check_entered(const char *fn,
				     const struct ivi_loop *loop)
{
	if (ivi_unlikely(ivi_self() != loop))
		ivi_bad_return(fn, loop);
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

/* Before a handler is called: is it still what was registered? */
static inline void ivi_check_memory(const char *type, const void *object,
				    uint32_t state, uint32_t magic)
{
	if (ivi_unlikely(state != magic))
		ivi_bad_memory(type, object);
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
