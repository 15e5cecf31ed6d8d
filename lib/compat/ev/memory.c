/* SPDX-License-Identifier: MIT */
/*
 * memory.c - where all memory of this library comes from, and who is told
 * when the system refuses something.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include "compat/ev/engine.h"

/* Blocks from 128 KiB on are mapped by malloc(3) of glibc and of musl, and then
   grow without being copied; to get there costs a page fault for each page that
   is.  So there is nothing between these two, in bytes: what is not used of it
   is not touched. */
#define SMALL	((size_t)16 << 10)
#define LARGE	((size_t)256 << 10)

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

static int doubled(int max, int need)
{
	int wanted = max > 0 ? max : 4;

	while (wanted < need)
		wanted = wanted > INT_MAX / 2 ? need : wanted * 2;
	return wanted;
}

void *evi_grow(void *array, int *max, int need, size_t size)
{
	if (need <= *max)
		return array;
	*max = doubled(*max, need);
	if ((size_t)*max * size > SMALL && (size_t)*max * size < LARGE)
		*max = (int)(LARGE / size);
	return evi_realloc(array, (size_t)*max * size);
}

void *evi_grow_zeroed(void *array, int *max, int need, size_t size)
{
	int before = *max;

	if (need <= before)
		return array;
	*max = doubled(before, need);
	array = evi_realloc(array, (size_t)*max * size);
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
