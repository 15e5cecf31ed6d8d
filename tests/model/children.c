/* SPDX-License-Identifier: MIT */
/*
 * children.c - commands that have to do with child processes.
 *
 * Each child does nothing until it is told to; when a command returns, the
 * kernel knows of what it has caused, and SIGCHLD has come.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <iv_wait.h>
#include "model/world.h"

#define CHILD(a)	((int)((a) % CHILDREN))

/* As Linux has them. */
#define STATUS_STOPPED	(SIGSTOP << 8 | 0x7f)
#define STATUS_CONTINUED	0xffff

static struct iv_wait_interest *interests[CHILDREN];
static unsigned lives[CHILDREN];

/* Its pid stays when it is there no more. */
static struct process {
	pid_t	pid;
	int	fd;		/* takes its exit status */
	bool	there;		/* running, stopped or a zombie */
	bool	stopped, dead;
	bool	kept;		/* the library may have waited for it */
} processes[CHILDREN];

/* ---- Handlers ----------------------------------------------------------------------- */

/* A status that has been told is not there any more. */
static void check_status(int i, int status, const struct rusage *usage)
{
	if (!M.child[i].news)
		world_fail("child %d: status %#x out of nowhere", i, status);
	if (status != M.child[i].status)
		world_fail("child %d: status %#x, not %#x", i, status,
			   M.child[i].status);
	expect((usage == NULL) == (status < 0), "resource usage", i);
}

static void gone(int i)
{
	if (!processes[i].there)
		return;
	processes[i].there = false;
	ground_close(processes[i].fd);
}

static void child_changed(void *c, int status, const struct rusage *usage)
{
	int i = (int)((uintptr_t)c & 0xff);

	check_status(i, status, usage);
	called(CALL_CHILD, c, lives, (unsigned)status);
	if (M.child[i].over)
		gone(i);
	finish_here();
}

/* ---- Interests ------------------------------------------------------------------------ */

static void new_interest(int i)
{
	free(interests[i]);
	interests[i] = garbage(sizeof(*interests[i]));
	IV_WAIT_INTEREST_INIT(interests[i]);
	interests[i]->cookie = cookie(i, ++lives[i]);
	interests[i]->handler = child_changed;
}

static void begun(int i)
{
	struct process *p = &processes[i];

	p->fd = ground_child_begun();
	p->there = true;
	p->stopped = p->dead = p->kept = false;
}

void c_child_spawn(unsigned a, unsigned b)
{
	int i = CHILD(a);

	if (!ground_is_real || processes[i].there ||
	    M.child[i].registered)
		return;
	ground_child_prepare();
	model_child_taken(i);
	model_child_register(i, ground_child_blind(b % 4 == 0), false);
	expect(iv_wait_interest_register_spawn(interests[i], ground_child_main,
					       NULL) == 0, "no child", i);
	processes[i].pid = interests[i]->pid;
	begun(i);
}

/* Of which the library does not know. */
void c_child_fork(unsigned a, unsigned b)
{
	int i = CHILD(a);
	pid_t pid;

	(void)b;
	if (!ground_is_real || processes[i].there ||
	    M.child[i].registered)
		return;
	ground_child_prepare();
	pid = fork();
	if (pid == 0)
		ground_child_main(NULL);
	expect(pid > 0, "no process", i);
	processes[i].pid = pid;
	model_child_taken(i);
	begun(i);
}

/* It may be alive, or have ended, or be no child at all. */
void c_child_register(unsigned a, unsigned b)
{
	int i = CHILD(a);
	bool blind;

	if (!ground_is_real || M.child[i].registered)
		return;
	if (!processes[i].there)
		model_child_news(i, -1);
	interests[i]->pid = processes[i].pid;
	blind = ground_child_blind(b % 4 == 0) || !processes[i].there;
	model_child_register(i, blind, true);
	iv_wait_interest_register(interests[i]);
}

/* For iv_wait_any the library has waited for it, and has yet to tell. */
static bool is_kept(int i)
{
	return processes[i].there && processes[i].kept &&
	       ground_child_taken(processes[i].pid);
}

static void unregister(int i)
{
	if (!M.child[i].registered)
		return;
	model_child_unregister(i, is_kept(i));
	iv_wait_interest_unregister(interests[i]);
}

void c_child_unregister(unsigned a, unsigned b)
{
	(void)b;
	unregister(CHILD(a));
}

void c_child_free(unsigned a, unsigned b)
{
	(void)b;
	unregister(CHILD(a));
	new_interest(CHILD(a));
}

/* ---- Processes -------------------------------------------------------------------------- */

static bool alive(int i)
{
	return processes[i].there && !processes[i].dead;
}

/* By the library if B says so, and it knows the child. */
static void send_signal(int i, int signum, int status, unsigned b)
{
	bool known = M.child[i].registered && b & 1;

	model_child_news(i, status);
	model_sigchld();
	ground_sigchld_hold();
	expect((known ? iv_wait_interest_kill(interests[i], signum) :
		kill(processes[i].pid, signum)) == 0, "kill()", i);
	ground_sigchld_release();
}

void c_child_stop(unsigned a, unsigned b)
{
	int i = CHILD(a);

	if (!alive(i) || processes[i].stopped)
		return;
	processes[i].stopped = true;
	send_signal(i, SIGSTOP, STATUS_STOPPED, b);
}

void c_child_continue(unsigned a, unsigned b)
{
	int i = CHILD(a);

	if (!alive(i) || !processes[i].stopped)
		return;
	processes[i].stopped = false;
	send_signal(i, SIGCONT, STATUS_CONTINUED, b);
}

/* What is stopped would not notice SIGTERM. */
void c_child_kill(unsigned a, unsigned b)
{
	int i = CHILD(a);
	int signum = b & 2 || processes[i].stopped ? SIGKILL : SIGTERM;

	if (!alive(i))
		return;
	processes[i].dead = true;
	send_signal(i, signum, signum, b);
}

void c_child_exit(unsigned a, unsigned b)
{
	int i = CHILD(a);
	uint8_t byte = (uint8_t)b;

	if (!alive(i) || processes[i].stopped)
		return;
	processes[i].dead = true;
	model_child_news(i, byte << 8);
	model_sigchld();
	ground_sigchld_hold();
	expect(write(processes[i].fd, &byte, 1) == 1, "write()", i);
	ground_sigchld_release();
}

static void probe(int i)
{
	int ret = iv_wait_interest_kill(interests[i], 0);

	expect(ret == (M.child[i].over || is_kept(i) ? -ESRCH : 0),
	       "iv_wait_interest_kill()", i);
}

void c_child_probe(unsigned a, unsigned b)
{
	int i = CHILD(a);

	if (!M.child[i].registered ||
	    (!processes[i].there && !M.child[i].over))
		return;
	if (b & 4)
		elsewhere(probe, i);
	else
		probe(i);
}

/* Another waits for it. */
void c_child_steal(unsigned a, unsigned b)
{
	int i = CHILD(a), status;

	(void)b;
	if (!processes[i].there || !M.child[i].news || is_kept(i))
		return;
	expect(waitpid(processes[i].pid, &status,
		       WNOHANG | WUNTRACED | WCONTINUED) == processes[i].pid &&
	       status == M.child[i].status, "waitpid()", i);
	if (!processes[i].dead) {
		model_child_taken(i);
		return;
	}
	gone(i);
	if (M.child[i].registered)
		model_child_news(i, -1);
	else
		model_child_taken(i);
}

/* Nothing has happened. */
void c_child_rumour(unsigned a, unsigned b)
{
	(void)a;
	(void)b;
	if (!ground_is_real)
		return;
	model_sigchld();
	raise(SIGCHLD);
}

/* ---- For iv_wait_any ---------------------------------------------------------------------- */

int children_unclaimed(pid_t pid)
{
	FOR(i, CHILDREN)
		if (processes[i].there && processes[i].pid == pid)
			return M.child[i].registered ? -1 : i;
	return -1;
}

void children_told(int i, int status)
{
	if (!M.child[i].news || status != M.child[i].status ||
	    !model_child_ended(status))
		world_fail("unclaimed child %d: status %#x, not %#x", i, status,
			   M.child[i].status);
	model_child_taken(i);
	gone(i);
}

void children_kept(void)
{
	FOR(i, CHILDREN)
		processes[i].kept |= processes[i].there && processes[i].dead &&
				     M.child[i].registered;
}

int children_untold(void)
{
	FOR(i, CHILDREN)
		if (processes[i].there && processes[i].dead &&
		    !M.child[i].registered)
			return i;
	return -1;
}

/* ---- All of them ------------------------------------------------------------------------- */

void children_begin(void)
{
	FOR(i, CHILDREN)
		new_interest(i);
}

void children_unregister(void)
{
	FOR(i, CHILDREN)
		unregister(i);
}

static bool same_status(const siginfo_t *info, int status)
{
	switch (info->si_code) {
	case CLD_EXITED:
		return status == info->si_status << 8;
	case CLD_STOPPED:
		return status == STATUS_STOPPED;
	case CLD_CONTINUED:
		return status == STATUS_CONTINUED;
	default:
		return status == info->si_status;
	}
}

/* What has not been told is still to be had, and nothing else is. */
void children_check(void)
{
	FOR(i, CHILDREN) {
		siginfo_t info = { .si_pid = 0 };

		if (!processes[i].there || is_kept(i))
			continue;
		expect(waitid(P_PID, (id_t)processes[i].pid, &info,
			      WEXITED | WSTOPPED | WCONTINUED | WNOHANG |
			      WNOWAIT) == 0, "waitid()", i);
		expect((info.si_pid != 0) == M.child[i].news &&
		       (info.si_pid == 0 ||
			same_status(&info, M.child[i].status)),
		       "the kernel has another status", i);
	}
}

static void end_process(int i)
{
	if (is_kept(i))
		return;
	kill(processes[i].pid, SIGKILL);
	expect(waitpid(processes[i].pid, NULL, 0) == processes[i].pid,
	       "waitpid()", i);
}

/* Nobody has waited for those without an interest, but the library that had one
   and iv_wait_any before. */
void children_end(void)
{
	children_check();
	FOR(i, CHILDREN) {
		if (!processes[i].there)
			continue;
		end_process(i);
		gone(i);
	}
}
