/* SPDX-License-Identifier: MIT */
/*
 * memory.c - where all memory of this library comes from, and who is told
 * when the system refuses something.
 */
#include <stdio.h>
#include <stdlib.h>
#include "compat/ev/engine.h"

static void *plain_realloc(void *p, long size)
{
	if (size != 0)
		return realloc(p, (size_t)size);
	free(p);
	return NULL;
}

static void *(*allocator)(void *p, long size) = plain_realloc;
static void *(*core_allocator)(void *p, long size);
static bool core_used;
static void (*syserr_handler)(const char *what);

/* Cores have their memory from whoever was asked for the first of them. */
static void *core_realloc(void *p, size_t size)
{
	return core_allocator(p, (long)size);
}

void evi_core_used(void)
{
	__atomic_store_n(&core_used, true, __ATOMIC_RELAXED);
}

/* The program may use ivykis itself, and has begun to. */
static bool core_settled(void)
{
	return __atomic_load_n(&core_used, __ATOMIC_RELAXED) ||
	       iv_poll_method_name() != NULL;
}

EVI_PUBLIC void ev_set_allocator(void *(*cb)(void *p, long size))
{
	allocator = cb != NULL ? cb : plain_realloc;
	if (core_settled())
		return;
	core_allocator = cb;
	iv_set_allocator(cb != NULL ? core_realloc : NULL);
}

EVI_PUBLIC void ev_set_syserr_cb(void (*cb)(const char *what))
{
	syserr_handler = cb;
}

void *evi_realloc(void *p, size_t size)
{
	p = allocator(p, (long)size);
	if (p == NULL && size != 0)
		iv_fatal("ev: out of memory for %lu bytes",
			 (unsigned long)size);
	return p;
}

void *evi_grow(void *array, int *max, int need, size_t size)
{
	int wanted = *max > 0 ? *max : 4;

	if (need <= *max)
		return array;
	while (wanted < need)
		wanted *= 2;
	*max = wanted;
	return evi_realloc(array, (size_t)wanted * size);
}

void *evi_grow_zeroed(void *array, int *max, int need, size_t size)
{
	int before = *max;

	array = evi_grow(array, max, need, size);
	if (*max > before)
		memset((char *)array + (size_t)before * size, 0,
		       (size_t)(*max - before) * size);
	return array;
}

void evi_syserr(const char *what)
{
	if (syserr_handler != NULL) {
		syserr_handler(what);
		return;
	}
	perror(what);
	abort();
}
