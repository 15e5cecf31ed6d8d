/* SPDX-License-Identifier: MIT */
/*
 * memory.c - the memory of the library.
 *
 * All of it comes from here, so that a program can supply its own.  Whose it is
 * is settled by the first block: what one allocator gave, no other may free.
 */
#include "sys/sys.h"

#include <stdlib.h>
#include <string.h>

static void *(*allocator)(void *p, size_t size);	/* NULL: the C library's */
static bool settled;

static void settle(void)
{
	if (ivi_unlikely(!__atomic_load_n(&settled, __ATOMIC_RELAXED)))
		__atomic_store_n(&settled, true, __ATOMIC_RELAXED);
}

/* A foreign one need not set errno. */
static void *ask(void *p, size_t size)
{
	int err = errno;
	void *new = allocator(p, size);

	errno = new != NULL ? err : ENOMEM;
	return new;
}

void *ivi_alloc(size_t size)
{
	settle();
	return allocator != NULL ? ask(NULL, size) : malloc(size);
}

void *ivi_alloc_zeroed(size_t size)
{
	void *p;

	settle();
	if (allocator == NULL)
		return calloc(1, size);
	p = ask(NULL, size);
	if (p != NULL)
		memset(p, 0, size);
	return p;
}

void *ivi_realloc(void *p, size_t size)
{
	settle();
	return allocator != NULL ? ask(p, size) : realloc(p, size);
}

void ivi_free(void *p)
{
	int err = errno;

	if (allocator == NULL)
		free(p);
	else if (p != NULL)
		allocator(p, 0);
	errno = err;
}

IVI_PUBLIC void iv_set_allocator(void *(*realloc_like)(void *p, size_t size))
{
	if (__atomic_load_n(&settled, __ATOMIC_RELAXED))
		iv_fatal("iv_set_allocator: called after the first iv_init()");
	allocator = realloc_like;
}
