/* SPDX-License-Identifier: MIT */
/*
 * tls.c - per-loop memory.
 *
 * Users register before the first iv_init(), so their areas have fixed
 * offsets behind the loop, and the list is read-only afterwards.
 */
#include "loop/loop.h"

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

void (*ivi_raw_posted)(void *ev);
void (*ivi_raw_renew)(void *ev);

/* ---- Slots ------------------------------------------------------------------- */

void ivi_require_loop(const char *function)
{
	ivi_loop_of_caller(function);
	ivi_fork_notice();
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
	state = ivi_alloc_zeroed(slot->size);
	if (state == NULL)
		return NULL;
	ret = slot->init != NULL ? slot->init(state) : 0;
	if (ret < 0) {
		ivi_free(state);
		errno = -ret;
		return NULL;
	}
	tls->made[tls->count++] = slot;
	/* A signal handler may peek. */
	__atomic_store_n(&tls->slot[slot->index], state, __ATOMIC_RELEASE);
	return state;
}

void ivi_tls_forked(struct ivi_loop *loop)
{
	struct ivi_tls *tls = &loop->tls;
	int i;

	for (i = 0; i < tls->count; i++) {
		const struct ivi_slot *slot = tls->made[i];

		if (slot->forked != NULL)
			slot->forked(tls->slot[slot->index]);
	}
}

void ivi_tls_renew(struct ivi_loop *loop)
{
	struct ivi_tls *tls = &loop->tls;
	int i;

	for (i = 0; i < tls->count; i++) {
		const struct ivi_slot *slot = tls->made[i];

		if (slot->renew != NULL)
			slot->renew(tls->slot[slot->index]);
	}
	if (__atomic_load_n(&ivi_raw_renew, __ATOMIC_ACQUIRE) != NULL)
		ivi_fds_each(loop, ivi_raw_posted, ivi_raw_renew);
}

void ivi_tls_dump(const struct ivi_loop *loop, int fd)
{
	const struct ivi_tls *tls = &loop->tls;
	int i;

	for (i = 0; i < tls->count; i++) {
		const struct ivi_slot *slot = tls->made[i];

		if (slot->dump != NULL)
			slot->dump(tls->slot[slot->index], fd);
	}
}

static void give_up(struct ivi_loop *loop, bool abandon)
{
	struct ivi_tls *tls = &loop->tls;

	while (tls->count > 0) {
		const struct ivi_slot *slot = tls->made[--tls->count];
		void *state = tls->slot[slot->index];
		void (*fn)(void *) = abandon ? slot->abandon : slot->fini;

		if (fn != NULL)
			fn(state);
		__atomic_store_n(&tls->slot[slot->index], NULL,
				 __ATOMIC_RELEASE);
		ivi_free(state);
	}
}

void ivi_tls_fini(struct ivi_loop *loop)
{
	give_up(loop, false);
}

void ivi_tls_abandon(struct ivi_loop *loop)
{
	give_up(loop, true);
}
