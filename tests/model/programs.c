/* SPDX-License-Identifier: MIT */
/*
 * programs.c - commands that have to do with programs (iv_spawn).
 *
 * Each is a shell that says when it has begun and waits for its exit status.
 * To the model they are children; those that are forgotten are waited for, too,
 * which the library's own interest shows.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <iv_spawn.h>
#include <iv_wait.h>
#include "model/world.h"

#define PROGRAM(a)	((int)((a) % PROGRAMS))
#define CHILD_OF(i)	(CHILDREN + (i))

static struct iv_spawn *spawns[PROGRAMS];
static unsigned lives[PROGRAMS];

static struct program {
	bool	busy;		/* not waited for yet */
	bool	dead, forgotten;
	bool	stubborn;	/* survives SIGTERM */
	pid_t	pid;
	int	fd;		/* takes its exit status */
	int	status;
	bool	kept;		/* as of children.c */
	struct iv_timer	*timer;	/* of the library, once seen */
} programs[PROGRAMS];

static int stopping = -1;	/* iv_spawn_stop() is at work */
static void (*lose_patience)(void *);

/* ---- Its end ---------------------------------------------------------------------------- */

static void ended(void *c, int status, const struct rusage *usage)
{
	unsigned v = (unsigned)(uintptr_t)c;
	int i = (int)(v & 0xff);

	world_say("-> program %d, status %#x", i, (unsigned)status);
	expect((lives[i] & 0xffffff) == v >> 8, "an old cookie", i);
	expect(!programs[i].forgotten, "told what is forgotten", i);
	expect(status == programs[i].status, "status", i);
	expect(usage != NULL, "resource usage", i);
	expect(!iv_spawn_running(spawns[i]), "runs in its handler", i);
	world_calls++;
	finish_here();
}

/* By the library, last of all: then the handler is called, if there is one. */
void __real_iv_wait_interest_unregister(struct iv_wait_interest *wait);
void __wrap_iv_wait_interest_unregister(struct iv_wait_interest *wait);

void __wrap_iv_wait_interest_unregister(struct iv_wait_interest *wait)
{
	int i = 0;

	while (i < PROGRAMS &&
	       !(programs[i].busy && programs[i].pid == wait->pid))
		i++;
	if (i == PROGRAMS) {
		__real_iv_wait_interest_unregister(wait);
		return;
	}
	world_say("-> the end of program %d", i);
	model_called(CALL_CHILD, CHILD_OF(i), 0);
	model_child_unregister(CHILD_OF(i), false);
	programs[i].busy = false;
	ground_close(programs[i].fd);
	__real_iv_wait_interest_unregister(wait);
	if (programs[i].forgotten)
		model_done();
}

static bool is_kept(int i)
{
	return programs[i].busy && programs[i].kept &&
	       ground_child_taken(programs[i].pid);
}

static bool alive(int i)
{
	return programs[i].busy && !programs[i].dead;
}

/* It will end like this. */
static void end_begins(int i, int status)
{
	programs[i].dead = true;
	programs[i].status = status;
	model_child_news(CHILD_OF(i), status);
	model_sigchld();
	ground_sigchld_hold();
}

/* ---- Patience --------------------------------------------------------------------------- */

static void patience_ends(void *c)
{
	int i = 0;

	while (programs[i].timer == NULL || programs[i].timer->cookie != c)
		i++;
	world_say("-> no patience with program %d", i);
	model_called(CALL_TIMER, TIMER_STOP + i, 0);
	model_timer_unregister(TIMER_STOP + i);
	programs[i].timer = NULL;
	if (alive(i)) {
		end_begins(i, SIGKILL);
		lose_patience(c);
		ground_sigchld_release();
	} else {
		lose_patience(c);
	}
	model_done();
}

bool programs_timer_registers(struct iv_timer *timer)
{
	if (stopping < 0)
		return false;
	programs[stopping].timer = timer;
	if (timer->handler != patience_ends)
		lose_patience = timer->handler;
	timer->handler = patience_ends;
	model_timer_register(TIMER_STOP + stopping,
			     timer->expires.tv_sec * INT64_C(1000000000) +
			     timer->expires.tv_nsec);
	return true;
}

bool programs_timer_unregisters(const struct iv_timer *timer)
{
	FOR(i, PROGRAMS) {
		if (programs[i].timer != timer)
			continue;
		model_timer_unregister(TIMER_STOP + i);
		programs[i].timer = NULL;
		return true;
	}
	return false;
}

/* ---- Commands --------------------------------------------------------------------------- */

static void new_spawn(int i)
{
	free(spawns[i]);
	spawns[i] = garbage(sizeof(*spawns[i]));
	IV_SPAWN_INIT(spawns[i]);
	spawns[i]->cookie = cookie(i, ++lives[i]);
	spawns[i]->handler = ended;
}

/* Its script has come to the point where it waits. */
static void wait_until_ready(int fd)
{
	char c;

	expect(fcntl(fd, F_SETFL, 0) == 0, "fcntl()", fd);
	expect(read(fd, &c, 1) == 1, "read()", fd);
	close(fd);
}

void c_spawn_start(unsigned a, unsigned b)
{
	static char sh[] = "sh", c[] = "-c",
		meek[] = "echo; read n; exit $n",
		stubborn[] = "trap '' TERM; echo; read n; exit $n";
	char *argv[] = { sh, c, b & 2 ? stubborn : meek, NULL };
	int i = PROGRAM(a);
	struct program *p = &programs[i];
	struct iv_spawn *s = spawns[i];

	if (!ground_is_real || p->busy || ground_child_blind(false))
		return;
	s->file = "/bin/sh";
	s->argv = argv;
	s->flags = b & 1 ? IV_SPAWN_GROUP : 0;
	s->fd[0] = s->fd[1] = IV_SPAWN_PIPE;
	model_child_taken(CHILD_OF(i));
	model_child_register(CHILD_OF(i), false, false);
	expect(iv_spawn_start(s) == 0, "no program", i);
	*p = (struct program){ .busy = true, .stubborn = b & 2,
			       .pid = s->pid, .fd = s->fd[0] };
	wait_until_ready(s->fd[1]);
}

void c_spawn_exit(unsigned a, unsigned b)
{
	int i = PROGRAM(a);

	if (!alive(i))
		return;
	end_begins(i, (int)(b & 0xff) << 8);
	expect(dprintf(programs[i].fd, "%u\n", b & 0xff) > 0, "write()", i);
	ground_sigchld_release();
}

static bool known(int i)
{
	return programs[i].busy && !programs[i].forgotten;
}

void c_spawn_kill(unsigned a, unsigned b)
{
	int i = PROGRAM(a), sig = b & 1 ? SIGKILL : SIGTERM;
	bool ends = alive(i) && !(programs[i].stubborn && sig == SIGTERM);
	int ret;

	if (!known(i))
		return;
	if (ends)
		end_begins(i, sig);
	ret = iv_spawn_kill(spawns[i], sig);
	expect(ret == 0 || errno == ESRCH, "errno of iv_spawn_kill()", i);
	expect(ret == (is_kept(i) ? -1 : 0), "iv_spawn_kill()", i);
	if (ends)
		ground_sigchld_release();
}

void c_spawn_stop(unsigned a, unsigned b)
{
	int i = PROGRAM(a);
	bool ends = alive(i) && !programs[i].stubborn && known(i);

	if (ends)
		end_begins(i, SIGTERM);
	stopping = known(i) ? i : -1;
	iv_spawn_stop(spawns[i], b & 1 ? 0 : b % 3);
	stopping = -1;
	if (ends)
		ground_sigchld_release();
}

void c_spawn_probe(unsigned a, unsigned b)
{
	int i = PROGRAM(a);
	int ret = iv_spawn_kill(spawns[i], 0);

	(void)b;
	expect(!!iv_spawn_running(spawns[i]) == known(i), "iv_spawn_running()",
	       i);
	expect(ret == (known(i) && !is_kept(i) ? 0 : -1), "iv_spawn_kill()", i);
	expect(ret == 0 || errno == ESRCH, "errno of iv_spawn_kill()", i);
}

/* Its end comes soon: nobody could cause it later. */
static void forget(int i)
{
	iv_spawn_forget(spawns[i]);
	new_spawn(i);
	if (!programs[i].busy)
		return;
	programs[i].forgotten = true;
	if (!alive(i))
		return;
	end_begins(i, SIGKILL);
	kill(programs[i].pid, SIGKILL);
	ground_sigchld_release();
}

void c_spawn_forget(unsigned a, unsigned b)
{
	(void)b;
	forget(PROGRAM(a));
}

/* ---- All of them -------------------------------------------------------------------------- */

void programs_begin(void)
{
	FOR(i, PROGRAMS)
		new_spawn(i);
}

void programs_forget(void)
{
	FOR(i, PROGRAMS)
		forget(i);
}

void programs_kept(void)
{
	FOR(i, PROGRAMS)
		programs[i].kept |= programs[i].busy && programs[i].dead;
}
