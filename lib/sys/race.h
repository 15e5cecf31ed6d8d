/* SPDX-License-Identifier: MIT */
/*
 * race.h - what one thread hands over to another.
 */
#ifndef IVI_SYS_RACE_H
#define IVI_SYS_RACE_H

/*
 * ThreadSanitizer in a program sees nothing of the atomic accesses of a
 * library that was built without it, and takes what is handed over through
 * the library for a race.  Where its run-time library is loaded, these tell
 * it: all before release(P) happens before all after the next acquire(P).
 *
 * It takes each use of a number for one of the file that has the number, too.
 * Between the other two it looks away: there the kernel is told of a file that
 * is closed, whose number another thread may have got.
 */
#if defined(__ELF__) && defined(__GNUC__)
void __tsan_acquire(void *) __attribute__((weak));
void __tsan_release(void *) __attribute__((weak));
void AnnotateIgnoreReadsBegin(const char *file, int line) __attribute__((weak));
void AnnotateIgnoreReadsEnd(const char *file, int line) __attribute__((weak));

static inline void ivi_race_release(void *p)
{
	if (__builtin_expect(__tsan_release != NULL, 0))
		__tsan_release(p);
}

static inline void ivi_race_acquire(void *p)
{
	if (__builtin_expect(__tsan_acquire != NULL, 0))
		__tsan_acquire(p);
}

static inline void ivi_race_look_away(void)
{
	if (__builtin_expect(AnnotateIgnoreReadsBegin != NULL, 0))
		AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
}

static inline void ivi_race_look_again(void)
{
	if (__builtin_expect(AnnotateIgnoreReadsEnd != NULL, 0))
		AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
}
#else
static inline void ivi_race_release(void *p)
{
	(void)p;
}

static inline void ivi_race_acquire(void *p)
{
	(void)p;
}

static inline void ivi_race_look_away(void)
{
}

static inline void ivi_race_look_again(void)
{
}
#endif

/* A full fence.  ThreadSanitizer knows none, but read-modify-writes. */
static inline void ivi_fence(void)
{
#ifdef __SANITIZE_THREAD__
	unsigned word = 0;

	__atomic_fetch_add(&word, 1, __ATOMIC_SEQ_CST);
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

#endif
