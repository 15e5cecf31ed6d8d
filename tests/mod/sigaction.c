/* SPDX-License-Identifier: MIT */
/*
 * sigaction.c - iv_signal in a program that defines sigaction() itself, as
 * syslog-ng does: it hands on the first call for a signal only.
 */
#include "config.h"
#include <dlfcn.h>
#include <signal.h>
#include <iv_signal.h>
#include "harness/test.h"

/* Calls for signal `watched', and what they were about. */
static int watched;
static unsigned watched_calls;
static int first_installed, first_fetched;

/* Only the first call for `watched' is passed on. */
static int pass_first_only;

static int real_sigaction(int signum, const struct sigaction *act,
			  struct sigaction *old)
{
	int (*real)(int, const struct sigaction *, struct sigaction *);

	*(void **)&real = dlsym(RTLD_NEXT, "sigaction");
	return real(signum, act, old);
}

int sigaction(int signum, const struct sigaction *act, struct sigaction *old)
{
	if (signum != watched)
		return real_sigaction(signum, act, old);
	if (watched_calls++ == 0) {
		first_installed = act != NULL;
		first_fetched = old != NULL;
	} else if (pass_first_only) {
		if (old != NULL)
			memset(old, 0, sizeof(*old));
		return 0;
	}
	return real_sigaction(signum, act, old);
}

static void watch(int signum)
{
	watched = signum;
	watched_calls = 0;
}

static void set(struct iv_signal *sig, void (*handler)(void *), void *cookie)
{
	IV_SIGNAL_INIT(sig);
	sig->signum = SIGUSR1;
	sig->flags = 0;
	sig->handler = handler;
	sig->cookie = cookie;
}

static void turn(void)
{
	quit_after_turns(2);
	iv_main();
}

/* The very first call for a signal installs the handler and fetches what was
   there (syslog-ng hands on no later one). */
TEST_ONCE(the_first_sigaction_installs)
{
	struct iv_signal sig;

	iv_init();
	watch(SIGUSR1);
	set(&sig, never_handler, NULL);
	CHECK_INT(iv_signal_register(&sig), ==, 0);
	CHECK_INT(watched_calls, ==, 1);
	CHECK(first_installed);
	CHECK(first_fetched);
	iv_signal_unregister(&sig);
	iv_deinit();
}

TEST_ONCE(with_a_sigaction_that_works_once)
{
	struct tally t = { 0, 0 };
	struct iv_signal sig;

	iv_init();
	watch(SIGUSR1);
	pass_first_only = 1;
	set(&sig, tally, &t);
	CHECK_INT(iv_signal_register(&sig), ==, 0);
	raise(SIGUSR1);
	turn();
	CHECK_INT(t.calls, ==, 1);
	iv_signal_unregister(&sig);
	raise(SIGUSR1);
	turn();
	CHECK_INT(iv_signal_register(&sig), ==, 0);
	raise(SIGUSR1);
	turn();
	CHECK_INT(t.calls, ==, 2);
	iv_signal_unregister(&sig);
	iv_deinit();
	watched = 0;
	CHECK_SYS(sigaction(SIGUSR1, &(struct sigaction) { 0 }, NULL));
}
