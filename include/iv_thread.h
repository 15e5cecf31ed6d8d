/* SPDX-License-Identifier: MIT */
/*
 * iv_thread.h - threads that keep their creator's loop running until they
 * have ended and have been joined.  Since 0.29.
 */
#ifndef __IV_THREAD_H
#define __IV_THREAD_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Starts a thread that runs START_ROUTINE(ARG), which need not use this
 * library.  NAME is for diagnostics; it is copied and may be NULL.  The
 * thread has default attributes and the caller's signal mask.
 *
 * The caller must have a loop, which iv_main() keeps running until the
 * thread has returned, called pthread_exit(3) or been cancelled, and the
 * loop has joined it: by then its thread-specific data has been destroyed,
 * too.  If the creator's loop is taken down first, the thread is detached
 * and goes on by itself.
 *
 * 0, or -1 with errno: EINVAL (no START_ROUTINE), ENOMEM, EAGAIN (thread
 * limit), EMFILE, ENFILE, ENOSPC (no wake-up channel).
 */
int iv_thread_create(const char *name, void (*start_routine)(void *),
		     void *arg);

/*
 * If STATE is not 0, threads made here from now on report their start and
 * end, that they were joined, and failures to create one, as lines
 * "iv_thread: [NAME] ..." on stderr.  For the whole process; any thread.
 */
void iv_thread_set_debug_state(int state);

/* The same as iv_get_thread_id() (iv.h); for older callers.  Since 0.33. */
unsigned long iv_thread_get_id(void);

/*
 * Prints a table on stderr, a line "tid<TAB>name" each: the caller, as
 * "self", and the threads it has created that it has not joined yet.  The
 * tid of one that has not got going is 0.  The caller must have a loop.
 */
void iv_thread_list_children(void);

#ifdef __cplusplus
}
#endif

#endif
