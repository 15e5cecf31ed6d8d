/* SPDX-License-Identifier: MIT */
/*
 * tls.c - per-loop memory.
 *
 * Users register before the first iv_init(), so their areas have fixed
 * offsets behind the loop, and the list is read-only afterwards.
 */
#include "loop/loop.h"

#include <stdlib.h>

#define ALIGN(n)	(((n) + 15) & ~(size_t)15)

static struct iv_list_head users = IV_LIST_HEAD_INIT(users);
static size_t users_size;
static bool sealed;

size_t ivi_tls_size(void)
{
	__atomic_store_n(&sealed, true, __ATOMIC_RELAXED);
	return users_size;
}

static void *area(const struct ivi_loop *loop, const struct iv_tls_user *user)
{
	return (void *)((uintptr_t)loop + (size_t)user->state_offset);
}

void ivi_tls_init_users(struct ivi_loop *loop)
{
	struct iv_list_head *lh;

	loop->tls.generation = ivi_fork_generation();
	iv_list_for_each (lh, &users) {
		struct iv_tls_user *user =
			iv_container_of(lh, struct iv_tls_user, list);

		if (user->init_thread != NULL)
			user->init_thread(area(loop, user));
	}
}

void ivi_tls_deinit_users(struct ivi_loop *loop)
{
	struct iv_list_head *lh;

	iv_list_for_each (lh, &users) {
		struct iv_tls_user *user =
			iv_container_of(lh, struct iv_tls_user, list);

		if (user->deinit_thread != NULL)
			user->deinit_thread(area(loop, user));
	}
}

IVI_PUBLIC void iv_tls_user_register(struct iv_tls_user *user)
{
	static const char fn[] = "iv_tls_user_register";

	ivi_check_object(fn, "iv_tls_user", user);
	if (__atomic_load_n(&sealed, __ATOMIC_RELAXED))
		iv_fatal("%s: called after the first iv_init() "
			 "[iv_tls_user %p]", fn, (void *)user);
	if (user->state_offset != 0)
		iv_fatal("%s: already registered [iv_tls_user %p]", fn,
			 (void *)user);
	user->state_offset = (int)(offsetof(struct ivi_loop, users) +
				   users_size);
	users_size += ALIGN(user->sizeof_state);
	iv_list_add_tail(&user->list, &users);
}

IVI_PUBLIC void *iv_tls_user_ptr(const struct iv_tls_user *user)
{
	static const char fn[] = "iv_tls_user_ptr";
	const struct ivi_loop *loop = ivi_self();

	ivi_check_object(fn, "iv_tls_user", user);
	if (ivi_unlikely(user->state_offset == 0))
		iv_fatal("%s: not registered [iv_tls_user %p]", fn,
			 (const void *)user);
	return loop != NULL ? area(loop, user) : NULL;
}

/* ---- Slots ------------------------------------------------------------------- */

void ivi_require_loop(const char *function)
{
	ivi_loop_of_caller(function);
}

void *ivi_slot_peek(const struct ivi_slot *slot)
{
	struct ivi_loop *loop = ivi_self();

	return loop != NULL ? loop->tls.slot[slot->index] : NULL;
}

void *ivi_slot_get(const struct ivi_slot *slot)
{
	struct ivi_loop *loop = ivi_self();
	struct ivi_tls *tls = &loop->tls;
	void *state = tls->slot[slot->index];
	int ret;

	if (ivi_likely(state != NULL))
		return state;
	state = calloc(1, slot->size);
	if (state == NULL)
		return NULL;
	ret = slot->init != NULL ? slot->init(state) : 0;
	if (ret < 0) {
		free(state);
		errno = -ret;
		return NULL;
	}
	tls->made[tls->count++] = slot;
	/* A signal handler may peek. */
	__atomic_store_n(&tls->slot[slot->index], state, __ATOMIC_RELEASE);
	return state;
}

void ivi_tls_check_fork(struct ivi_loop *loop)
{
	struct ivi_tls *tls = &loop->tls;
	int i;

	if (ivi_likely(tls->generation == ivi_fork_generation()))
		return;
	tls->generation = ivi_fork_generation();
	for (i = 0; i < tls->count; i++) {
		const struct ivi_slot *slot = tls->made[i];

		if (slot->forked != NULL)
			slot->forked(tls->slot[slot->index]);
	}
}

void ivi_tls_fini(struct ivi_loop *loop)
{
	struct ivi_tls *tls = &loop->tls;

	while (tls->count > 0) {
		const struct ivi_slot *slot = tls->made[--tls->count];
		void *state = tls->slot[slot->index];

		if (slot->fini != NULL)
			slot->fini(state);
		__atomic_store_n(&tls->slot[slot->index], NULL,
				 __ATOMIC_RELEASE);
		free(state);
	}
}
