/* SPDX-License-Identifier: MIT */
/*
 * claim.c - who waits for which child.
 */
#include "config.h"
#include <dlfcn.h>
#include <signal.h>
#include <sys/wait.h>
#include "mod/claim.h"
#include "sys/sys.h"
#include "harness/test.h"

static void exit_with(void *status)
{
	_exit((int)(intptr_t)status);
}

static pid_t start(int status)
{
	siginfo_t info;
	pid_t pid = fork_child(exit_with, (void *)(intptr_t)status);

	CHECK_SYS(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
	return pid;
}

static void claim(struct ivi_claim *c, pid_t pid, int pidfd)
{
	memset(c, 0, sizeof(*c));
	c->pid = pid;
	c->pidfd = pidfd;
	ivi_claim_make(c);
}

static void expect_exit(struct ivi_claim *c, int status)
{
	struct ivi_change change;

	CHECK_INT(ivi_claim_poll(c, &change), ==, 1);
	CHECK_INT(WEXITSTATUS(change.status), ==, status);
	CHECK(ivi_claim_is_over(c));
	CHECK_ERRNO(ivi_claim_kill(c, 0, false) == -ESRCH ? -1 : 0, ESRCH);
	CHECK_INT(ivi_claim_poll(c, &change), ==, -ECHILD);
	CHECK_INT(change.status, ==, -1);
	CHECK(!change.has_usage);
	CHECK(!ivi_claim_drop(c));
}

TEST_ONCE(its_own)
{
	struct ivi_claim c;

	claim(&c, start(3), -1);
	CHECK(!ivi_claim_is_over(&c));
	CHECK_INT(ivi_claim_kill(&c, 0, false), ==, 0);
	expect_exit(&c, 3);
}

TEST_ONCE(none)
{
	struct ivi_change change;
	struct ivi_claim c;

	claim(&c, -1, -1);
	CHECK_ERRNO(ivi_claim_kill(&c, 0, false) == -ESRCH ? -1 : 0, ESRCH);
	CHECK_INT(ivi_claim_poll(&c, &change), ==, -ECHILD);
	CHECK(ivi_claim_is_over(&c));
	ivi_claim_drop(&c);
}

/* The status of a claimed child is left for its owner. */
TEST_ONCE(whoever_reaps_leaves_it)
{
	struct ivi_change change;
	struct ivi_claim a, b;
	pid_t stranger, pid;

	claim(&a, start(3), -1);
	stranger = start(4);
	claim(&b, start(5), -1);
	CHECK_INT(ivi_claims_reap(&pid, &change), ==, 1);
	CHECK_INT(pid, ==, stranger);
	CHECK_INT(WEXITSTATUS(change.status), ==, 4);
	CHECK_INT(ivi_claims_reap(&pid, &change), ==, 0);
	CHECK_ERRNO(waitpid(-1, NULL, WNOHANG), ECHILD);
	expect_exit(&b, 5);
	expect_exit(&a, 3);
}

static int thefts;

/* Somebody else waits for what was found. */
int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	int (*real)(idtype_t, id_t, siginfo_t *, int), ret;

	*(void **)&real = dlsym(RTLD_NEXT, "waitid");
	ret = real(type, id, info, options);
	if (ret == 0 && type == P_ALL && thefts > 0) {
		thefts--;
		CHECK_SYS(waitpid(info->si_pid, NULL, 0));
	}
	return ret;
}

/* So there may be more. */
TEST_ONCE(a_stranger_is_gone_before_it_is_reaped)
{
	struct ivi_change change;
	pid_t pid;

	start(3);
	start(4);
	thefts = 1;
	CHECK_INT(ivi_claims_reap(&pid, &change), ==, 1);
	CHECK_INT(thefts, ==, 0);
	CHECK_INT(ivi_claims_reap(&pid, &change), ==, 0);
	CHECK_ERRNO(waitpid(-1, NULL, WNOHANG), ECHILD);
}

/* What is dropped is a stranger. */
TEST_ONCE(dropped)
{
	struct ivi_change change;
	struct ivi_claim c;
	pid_t pid;

	claim(&c, start(3), -1);
	CHECK(!ivi_claim_drop(&c));
	CHECK(!ivi_claim_drop(&c));
	CHECK_INT(ivi_claims_reap(&pid, &change), ==, 1);
	CHECK_INT(pid, ==, c.pid);
}

/* It is the other one's still. */
TEST_ONCE(dropped_by_one_of_two)
{
	struct ivi_change change;
	struct ivi_claim a, b;
	pid_t pid = start(3);

	claim(&a, pid, -1);
	claim(&b, pid, -1);
	CHECK(!ivi_claim_drop(&a));
	CHECK_INT(ivi_claims_reap(&pid, &change), ==, 0);
	expect_exit(&b, 3);
}

/* One with a status that was left with it. */
static pid_t leave_one(void)
{
	struct ivi_claim *c = ivi_alloc_zeroed(sizeof(*c));
	struct ivi_change change;
	pid_t pid;

	CHECK(c != NULL);
	claim(c, start(3), -1);
	CHECK_INT(ivi_claims_reap(&pid, &change), ==, 0);
	pid = c->pid;
	CHECK_ERRNO(waitpid(pid, NULL, 0), ECHILD);
	CHECK_INT(ivi_claim_kill(c, 0, false), ==, -ESRCH);
	CHECK(ivi_claim_drop(c));
	return pid;
}

TEST_ONCE(dropped_with_a_status)
{
	struct ivi_change change;
	struct ivi_claim c;
	pid_t pid, left = leave_one();

	CHECK_INT(ivi_claims_reap(&pid, &change), ==, 1);
	CHECK_INT(pid, ==, left);
	CHECK_INT(WEXITSTATUS(change.status), ==, 3);
	CHECK_INT(ivi_claims_reap(&pid, &change), ==, 0);
	claim(&c, leave_one(), -1);
	CHECK_INT(ivi_claim_kill(&c, 0, false), ==, -ESRCH);
	CHECK_INT(ivi_claims_reap(&pid, &change), ==, 0);
	expect_exit(&c, 3);
}

static void expect_nobody(void *unused)
{
	struct ivi_change change;
	pid_t pid = start(4);

	(void)unused;
	CHECK_INT(ivi_claims_reap(&pid, &change), ==, 1);
	CHECK_INT(WEXITSTATUS(change.status), ==, 4);
}

/* With the last loop, and by a child. */
TEST_ONCE(nobody_wants_a_status)
{
	struct ivi_change change;
	pid_t pid;

	ivi_claims_enter();
	ivi_claims_enter();
	leave_one();
	reap_child(fork_child(expect_nobody, NULL));
	ivi_claims_leave();
	CHECK_INT(ivi_claims_reap(&pid, &change), ==, 1);
	leave_one();
	ivi_claims_leave();
	CHECK_INT(ivi_claims_reap(&pid, &change), ==, 0);
}

/* While a child is being started nobody knows whose it is. */
TEST_ONCE(announced)
{
	struct ivi_change change;
	struct ivi_claim c;
	pid_t pid;

	ivi_claims_announce();
	pid = start(3);
	CHECK_INT(ivi_claims_reap(&pid, &change), ==, -EAGAIN);
	claim(&c, pid, -1);
	ivi_claims_announced();
	CHECK_INT(ivi_claims_reap(&pid, &change), ==, 0);
	expect_exit(&c, 3);
}

/* A forked child has none of the claims, and starts nothing. */
TEST_ONCE(a_forked_child_begins_anew)
{
	struct ivi_claim c;

	claim(&c, start(3), -1);
	ivi_claims_announce();
	reap_child(fork_child(expect_nobody, NULL));
	ivi_claims_announced();
	expect_exit(&c, 3);
}

#ifdef HAVE_PIDFD
/* A claim for another process that had this number. */
TEST_ONCE(a_stale_claim)
{
	struct ivi_change change;
	struct ivi_claim c;
	pid_t first = start(3), second, pid;
	int fd = ivi_pidfd_open(first);

	if (fd < 0)
		SKIP("no pidfds here");
	CHECK_SYS(waitpid(first, NULL, 0));
	second = start(4);
	claim(&c, second, fd);
	CHECK_ERRNO(ivi_claim_kill(&c, SIGKILL, false), ESRCH);
	CHECK_INT(ivi_claims_reap(&pid, &change), ==, 1);
	CHECK_INT(pid, ==, second);
	CHECK_INT(WEXITSTATUS(change.status), ==, 4);
	CHECK_INT(ivi_claim_poll(&c, &change), ==, -ECHILD);
	ivi_claim_drop(&c);
	CHECK_SYS(close(fd));
}
#endif
