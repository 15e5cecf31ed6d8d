/* SPDX-License-Identifier: MIT */
/*
 * backend.c - libev's backends are ivykis' poll methods.
 *
 * select(2) is poll(2), which can do all that it can.
 */
#include "compat/ev/backend.h"

/* In the order in which they are tried. */
static const struct {
	unsigned	backend;
	const char	*method;
} known[] = {
	{ EVBACKEND_PORT, "port-timer" },
	{ EVBACKEND_PORT, "port" },
	{ EVBACKEND_KQUEUE, "kqueue" },
	{ EVBACKEND_EPOLL, "epoll-timerfd" },
	{ EVBACKEND_EPOLL, "epoll" },
	{ EVBACKEND_DEVPOLL, "dev_poll" },
	{ EVBACKEND_POLL, "ppoll" },
	{ EVBACKEND_POLL, "poll" },
	{ EVBACKEND_SELECT, "ppoll" },
	{ EVBACKEND_SELECT, "poll" }
};

#define KNOWN	(sizeof(known) / sizeof(known[0]))

static struct iv_loop *open_core(const char *method)
{
	evi_core_used();
	return iv_loop_new(method);
}

struct iv_loop *evi_backend_open(unsigned wanted, unsigned *backend)
{
	size_t i;

	for (i = 0; i < KNOWN; i++) {
		struct iv_loop *core;

		if (!(known[i].backend & wanted))
			continue;
		core = open_core(known[i].method);
		if (core != NULL) {
			*backend = known[i].backend;
			return core;
		}
	}
	return NULL;
}

static unsigned backend_of(const char *method)
{
	size_t i;

	for (i = 0; i < KNOWN; i++)
		if (strcmp(known[i].method, method) == 0)
			return known[i].backend;
	return EVBACKEND_POLL;
}

struct iv_loop *evi_backend_open_default(unsigned *backend)
{
	struct iv_loop *core = open_core(NULL), *before;

	if (core == NULL)
		return NULL;
	before = iv_loop_enter(core);
	*backend = backend_of(iv_poll_method_name());
	iv_loop_enter(before);
	return core;
}

/* One that fails for another reason than that there is no such method is
   there nevertheless. */
static bool works(const char *method)
{
	struct iv_loop *core = open_core(method);

	if (core == NULL)
		return errno != EINVAL;
	iv_loop_free(core);
	return true;
}

EVI_PUBLIC unsigned int ev_supported_backends(void)
{
	static unsigned found;
	unsigned backends = __atomic_load_n(&found, __ATOMIC_RELAXED);
	size_t i;

	if (backends != 0)
		return backends;
	for (i = 0; i < KNOWN; i++)
		if (!(backends & known[i].backend) && works(known[i].method))
			backends |= known[i].backend;
	__atomic_store_n(&found, backends, __ATOMIC_RELAXED);
	return backends;
}

EVI_PUBLIC unsigned int ev_recommended_backends(void)
{
	return ev_supported_backends();
}

/* Whether there are such or not, as libev's. */
EVI_PUBLIC unsigned int ev_embeddable_backends(void)
{
	return EVBACKEND_EPOLL | EVBACKEND_KQUEUE | EVBACKEND_PORT;
}

EVI_PUBLIC int ev_version_major(void)
{
	return EV_VERSION_MAJOR;
}

EVI_PUBLIC int ev_version_minor(void)
{
	return EV_VERSION_MINOR;
}
