/* SPDX-License-Identifier: MIT */
/*
 * tls.h - per-loop memory of the library's users and of its modules.
 */
#ifndef IVI_LOOP_TLS_H
#define IVI_LOOP_TLS_H

#include <stddef.h>
#include <iv_tls.h>
#include "sys/sys.h"

struct ivi_loop;

struct ivi_tls {
	void	*slot[IVI_SLOTS];
	const struct ivi_slot	*made[IVI_SLOTS];	/* in order of making */
	int	count;
	unsigned	generation;	/* of forks, that the slots know of */
};

/* Bytes that all users together want in a loop; no more may register. */
size_t ivi_tls_size(void);

/* The users' callbacks, in order of registration. */
void ivi_tls_init_users(struct ivi_loop *loop);
void ivi_tls_deinit_users(struct ivi_loop *loop);

/* Tells the modules that this is a forked child. */
void ivi_tls_check_fork(struct ivi_loop *loop);

/* The modules' slots, the youngest first. */
void ivi_tls_fini(struct ivi_loop *loop);

#endif
