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
};

/* Bytes that all users together want in a loop; no more may register. */
size_t ivi_tls_size(void);

/* The users' callbacks, in order of registration. */
void ivi_tls_init_users(struct ivi_loop *loop);
void ivi_tls_deinit_users(struct ivi_loop *loop);

/* Tell the modules, in a forked child; as in struct ivi_slot. */
void ivi_tls_forked(struct ivi_loop *loop);
void ivi_tls_renew(struct ivi_loop *loop);

/* iv_dump(): the modules tell what they have. */
void ivi_tls_dump(const struct ivi_loop *loop, int fd);

/* The modules' slots, the youngest first. */
void ivi_tls_fini(struct ivi_loop *loop);
void ivi_tls_abandon(struct ivi_loop *loop);

#endif
