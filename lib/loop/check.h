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
	unsigned long	thread;	/* whose loop it is */
};

/* Once per process, before the first loop: 0 or a negative errno value. */
int ivi_check_prepare(void);

/* From now on messages can tell whose objects of LOOP are. */
void ivi_check_init(struct ivi_loop *loop);
void ivi_check_fini(struct ivi_loop *loop);

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

void ivi_bad_memory(const char *type, const void *object)
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
