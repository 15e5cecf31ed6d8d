/* SPDX-License-Identifier: MIT */
/* rig.c - see rig.h. */
#include "rig.h"

unsigned flags_of_method(void)
{
	const char *method = test_method();

	if (IS_OURS || method == NULL)
		return 0;
	if (strncmp(method, "epoll", 5) == 0)
		return EVBACKEND_EPOLL;
	return strcmp(method, "poll") == 0 ? EVBACKEND_POLL : EVBACKEND_SELECT;
}

struct ev_loop *make_loop(void)
{
	struct ev_loop *loop = ev_loop_new(flags_of_method());

	CHECK(loop != NULL);
	return loop;
}

struct ev_loop *make_default_loop(void)
{
	struct ev_loop *loop = ev_default_loop(flags_of_method());

	CHECK(loop != NULL);
	fence_allow(FENCE_SIGNALS, "SIGCHLD is taken for good");
	return loop;
}

static char text[4096];
static size_t length;

void said(const char *label, int revents)
{
	int n = snprintf(text + length, sizeof(text) - length, "%s(%x) ",
			 label, (unsigned)revents);

	if (n < 0 || (size_t)n >= sizeof(text) - length)
		FAIL("too much is said");
	length += (size_t)n;
}

const char *heard(void)
{
	static char copy[sizeof(text)];

	memcpy(copy, text, length);
	copy[length > 0 ? length - 1 : 0] = '\0';
	length = 0;
	return copy;
}

void make_full_pipe(int fds[2])
{
	make_pipe(fds);
	poke(fds[1]);
}

void pass(struct ev_loop *loop, double seconds)
{
	ev_sleep(seconds);
	ev_now_update(loop);
}

void iterate(struct ev_loop *loop, int count, int flags)
{
	while (count-- > 0)
		ev_run(loop, flags);
}
