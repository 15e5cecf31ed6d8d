/* SPDX-License-Identifier: MIT */
/*
 * init.c - what the first iv_init() changes in the process: signals that
 * would end it, and the limit on descriptors.
 */
#include "config.h"
#include <signal.h>
#include <sys/resource.h>
#include "harness/test.h"

#define TARGET	131072

/* ---- Limits ------------------------------------------------------------------- */

/*
 * The real limits cannot be set to any values one likes, so the kernel's are
 * replaced: raising the hard one takes PRIVILEGED.  The program is linked
 * with --wrap; with 64-bit offsets on a 32-bit system the names are others.
 */
static int faked, privileged;
static struct rlimit fake;

#if defined(__USE_FILE_OFFSET64) && __SIZEOF_LONG__ == 4
#define WRAP(prefix, name)	prefix##name##64
#else
#define WRAP(prefix, name)	prefix##name
#endif

int WRAP(__real_, getrlimit)(int what, struct rlimit *rl);
int WRAP(__real_, setrlimit)(int what, const struct rlimit *rl);
int WRAP(__wrap_, getrlimit)(int what, struct rlimit *rl);
int WRAP(__wrap_, setrlimit)(int what, const struct rlimit *rl);

int WRAP(__wrap_, getrlimit)(int what, struct rlimit *rl)
{
	if (!faked || what != RLIMIT_NOFILE)
		return WRAP(__real_, getrlimit)(what, rl);
	*rl = fake;
	return 0;
}

int WRAP(__wrap_, setrlimit)(int what, const struct rlimit *rl)
{
	if (!faked || what != RLIMIT_NOFILE)
		return WRAP(__real_, setrlimit)(what, rl);
	errno = rl->rlim_cur > rl->rlim_max ? EINVAL : EPERM;
	if (rl->rlim_cur > rl->rlim_max ||
	    (rl->rlim_max > fake.rlim_max && !privileged))
		return -1;
	fake = *rl;
	return 0;
}

static void check_limits(int is_privileged, rlim_t soft, rlim_t hard,
			 rlim_t new_soft, rlim_t new_hard)
{
	privileged = is_privileged;
	fake.rlim_cur = soft;
	fake.rlim_max = hard;
	faked = 1;
	iv_init();
	iv_deinit();
	faked = 0;
	CHECK_INT(fake.rlim_cur, ==, new_soft);
	CHECK_INT(fake.rlim_max, ==, new_hard);
}

TEST_ONCE(soft_limit_is_raised)
{
	check_limits(0, 1024, 4096, 4096, 4096);
}

TEST_ONCE(soft_limit_is_raised_to_the_target)
{
	check_limits(0, 1024, 1 << 20, TARGET, 1 << 20);
}

TEST_ONCE(hard_limit_is_raised_with_privileges)
{
	check_limits(1, 1024, 4096, TARGET, TARGET);
}

TEST_ONCE(hard_limit_is_not_lowered_with_privileges)
{
	check_limits(1, 1024, 1 << 20, TARGET, 1 << 20);
}

TEST_ONCE(soft_limit_is_not_lowered)
{
	check_limits(0, 200000, 1 << 20, 200000, 1 << 20);
}

TEST_ONCE(soft_limit_is_not_lowered_with_privileges)
{
	check_limits(1, 200000, 1 << 20, 200000, 1 << 20);
}

TEST_ONCE(limits_that_are_equal_stay)
{
	check_limits(0, 4096, 4096, 4096, 4096);
}

TEST_ONCE(no_limit_stays)
{
	check_limits(0, RLIM_INFINITY, RLIM_INFINITY, RLIM_INFINITY,
		     RLIM_INFINITY);
}

TEST_ONCE(no_hard_limit_stays)
{
	check_limits(0, 1024, RLIM_INFINITY, TARGET, RLIM_INFINITY);
}

TEST_ONCE(real_limits_are_not_lowered)
{
	struct rlimit before, after;

	CHECK_SYS(getrlimit(RLIMIT_NOFILE, &before));
	iv_init();
	CHECK_SYS(getrlimit(RLIMIT_NOFILE, &after));
	CHECK(after.rlim_cur >= before.rlim_cur);
	CHECK(after.rlim_max >= before.rlim_max);
	iv_deinit();
}

TEST_ONCE(limits_are_raised_only_once)
{
	check_limits(0, 1024, 4096, 4096, 4096);
	check_limits(0, 1024, 4096, 1024, 4096);
}

/* ---- Signals -------------------------------------------------------------------- */

static void no_handler(int sig)
{
	(void)sig;
}

static void (*handler_of(int sig))(int)
{
	struct sigaction sa;

	CHECK_SYS(sigaction(sig, NULL, &sa));
	return sa.sa_handler;
}

TEST_ONCE(sigpipe_and_sigurg_are_ignored)
{
	int fds[2];

	CHECK(handler_of(SIGPIPE) == SIG_DFL);
	iv_init();
	CHECK(handler_of(SIGPIPE) == SIG_IGN);
	CHECK(handler_of(SIGURG) == SIG_IGN);
	make_pipe(fds);
	CHECK_SYS(close(fds[0]));
	CHECK_ERRNO(write(fds[1], "x", 1), EPIPE);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
	CHECK(handler_of(SIGPIPE) == SIG_IGN);
}

TEST_ONCE(handlers_of_the_program_stay)
{
	struct sigaction sa, now;

	fence_allow(FENCE_SIGNALS, "sets handlers of its own");
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = no_handler;
	sa.sa_flags = SA_RESTART;
	sigaddset(&sa.sa_mask, SIGUSR1);
	CHECK_SYS(sigaction(SIGPIPE, &sa, NULL));
	CHECK_SYS(sigaction(SIGURG, &sa, NULL));
	iv_init();
	CHECK(handler_of(SIGPIPE) == no_handler);
	CHECK(handler_of(SIGURG) == no_handler);
	CHECK_SYS(sigaction(SIGPIPE, NULL, &now));
	CHECK(now.sa_flags & SA_RESTART);
	CHECK_INT(sigismember(&now.sa_mask, SIGUSR1), ==, 1);
	iv_deinit();
}

TEST_ONCE(default_action_set_later_stays)
{
	iv_init();
	signal(SIGPIPE, SIG_DFL);
	iv_deinit();
	iv_init();
	CHECK(handler_of(SIGPIPE) == SIG_DFL);
	iv_deinit();
}
