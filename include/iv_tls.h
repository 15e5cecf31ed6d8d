/* SPDX-License-Identifier: MIT */
/*
 * iv_tls.h - a private area in each loop, for libraries.  Since 0.29.
 */
#ifndef __IV_TLS_H
#define __IV_TLS_H

#include <stddef.h>
#include <iv_list.h>

#ifdef __cplusplus
extern "C" {
#endif

struct iv_tls_user {
	size_t	sizeof_state;		/* bytes wanted in each loop */
	void	(*init_thread)(void *st);	/* at the end of iv_init() */
	void	(*deinit_thread)(void *st);	/* at the start of iv_deinit() */
	struct iv_list_head	list;	/* private */
	int	state_offset;		/* private; 0: not registered */
};

/*
 * From now on each iv_init() gives the thread SIZEOF_STATE zeroed bytes,
 * aligned to 16, and calls INIT_THREAD (may be NULL); iv_deinit() or the end
 * of the thread calls DEINIT_THREAD (may be NULL).  Both may use the whole
 * API.  The struct must stay for ever.  Only before the first iv_init() of
 * the process, typically from a constructor; later: fatal.
 */
void iv_tls_user_register(struct iv_tls_user *);

/*
 * The calling thread's area, or NULL if it has no loop.  Any thread.
 * In a signal handler it may see the area before INIT_THREAD or after
 * DEINIT_THREAD ran.
 */
void *iv_tls_user_ptr(const struct iv_tls_user *);

#ifdef __cplusplus
}
#endif

#endif
