/* SPDX-License-Identifier: MIT */
/*
 * spawn.c - iv_spawn: programs, with their input and output and their end.
 *
 * The record of a program lives until the program has ended, longer than the
 * user's struct if that is forgotten before.
 */
#include <iv_spawn.h>
#include "base/compiler.h"
#include "base/timespec.h"
#include "mod/program.h"
#include "mod/signal.h"
#include "sys/sys.h"

#define RUNNING		UINT32_C(0x69767370)

#define KNOWN		(IV_SPAWN_SEARCH | IV_SPAWN_GROUP | IV_SPAWN_SESSION)

_Static_assert(IV_SPAWN_INHERIT == IVI_EXEC_KEEP &&
	       IV_SPAWN_NULL == IVI_EXEC_NULL &&
	       IV_SPAWN_STDOUT == IVI_EXEC_OUT &&
	       IV_SPAWN_SEARCH == IVI_EXEC_SEARCH &&
	       IV_SPAWN_GROUP == IVI_EXEC_GROUP &&
	       IV_SPAWN_SESSION == IVI_EXEC_SESSION, "passed on as they are");

struct program {
	struct ivi_program	base;
	struct iv_spawn	*spawn;		/* NULL: forgotten */
	bool		group;
};

struct IVI_ALIAS ivi_spawn {
	uint32_t	running;
	uint32_t	generation;
	struct program	*program;
};

IVI_OVERLAY(iv_spawn, pad, ivi_spawn)

static struct program *program(struct ivi_program *base)
{
	return iv_container_of(base, struct program, base);
}

/* ---- Its end -------------------------------------------------------------------- */

static struct iv_spawn *part(struct program *p)
{
	struct iv_spawn *s = p->spawn;

	if (s != NULL)
		ivi_spawn(s)->running = 0;
	p->spawn = NULL;
	return s;
}

static void ended(struct ivi_program *base, int status,
		  const struct rusage *usage)
{
	struct iv_spawn *s = part(program(base));

	ivi_free(program(base));
	if (s != NULL)
		s->handler(s->cookie, status, usage);
}

static void orphaned(struct ivi_program *base)
{
	part(program(base));
	ivi_free(program(base));
}

static int send_signal(struct program *p, int sig)
{
	int ret = p->group ? ivi_wait_kill_group(&p->base.wait, sig) :
			     iv_wait_interest_kill(&p->base.wait, sig);

	return ret < 0 ? -1 : 0;
}

static void out_of_patience(void *_p)
{
	send_signal(program(_p), SIGKILL);
}

/* ---- Its beginning --------------------------------------------------------------- */

static void close_open(int fd)
{
	if (fd >= 0)
		ivi_close(fd);
}

static void close_ends(const int ends[3])
{
	int i;

	for (i = 0; i < 3; i++)
		close_open(ends[i]);
}

/* The program's end, and ours. */
static int open_pipe(int place, int *theirs, int *ours)
{
	int fds[2];
	int ret = ivi_exec_pipe(fds);

	if (ret < 0)
		return ret;
	*theirs = fds[place == 0 ? 0 : 1];
	*ours = fds[place == 0 ? 1 : 0];
	return ivi_fd_nonblock(*ours);
}

static int open_pipes(const struct iv_spawn *s, int theirs[3], int ours[3])
{
	int i, ret = 0;

	for (i = 0; i < 3 && ret == 0; i++)
		if (s->fd[i] == IV_SPAWN_PIPE)
			ret = open_pipe(i, &theirs[i], &ours[i]);
	return ret;
}

static struct program *program_new(struct iv_spawn *s)
{
	struct program *p = ivi_alloc_zeroed(sizeof(*p));

	if (p == NULL)
		return NULL;
	ivi_program_init(&p->base, out_of_patience);
	p->base.ended = ended;
	p->base.orphaned = orphaned;
	p->spawn = s;
	p->group = s->flags & IV_SPAWN_GROUP;
	return p;
}

static int execute(struct program *p, const int theirs[3])
{
	const struct iv_spawn *s = p->spawn;
	struct ivi_exec x = {
		.file = s->file,
		.argv = s->argv,
		.envp = s->envp,
		.cwd = s->cwd,
		.flags = s->flags | IVI_EXEC_CLEAN | IVI_EXEC_VFORK,
		.ignored_before = ivi_signal_ignored_before,
	};
	int i, ret;

	for (i = 0; i < 3; i++)
		x.fd[i] = theirs[i] >= 0 ? theirs[i] : s->fd[i];
	ret = ivi_exec_open(&x);
	return ret < 0 ? ret :
	       ivi_program_start(&p->base, &x, IVI_WAIT_STATUS);
}

static int start(struct iv_spawn *s, struct program *p)
{
	int theirs[3] = { -1, -1, -1 }, ours[3] = { -1, -1, -1 };
	int i, ret = open_pipes(s, theirs, ours);

	if (ret == 0)
		ret = execute(p, theirs);
	close_ends(theirs);
	if (ret < 0) {
		close_ends(ours);
		return ret;
	}
	for (i = 0; i < 3; i++)
		if (ours[i] >= 0)
			s->fd[i] = ours[i];
	return 0;
}

/* ---- Public ------------------------------------------------------------------------- */

static void check(const char *fn, const struct iv_spawn *s)
{
	if (s == NULL)
		iv_fatal("%s: the struct iv_spawn pointer is NULL", fn);
}

static bool is_running(const struct iv_spawn *s)
{
	return ivi_spawn(s)->running == RUNNING &&
	       ivi_spawn(s)->generation == ivi_fork_generation();
}

static void check_member(const char *fn, const struct iv_spawn *s,
			 const char *name, bool is_set)
{
	if (!is_set)
		iv_fatal("%s: iv_spawn %p: %s is NULL", fn, (const void *)s,
			 name);
}

static void check_new(const char *fn, const struct iv_spawn *s)
{
	int i;

	ivi_require_loop(fn);
	check(fn, s);
	if (is_running(s))
		iv_fatal("%s: iv_spawn %p (pid %d) runs already", fn,
			 (const void *)s, (int)s->pid);
	check_member(fn, s, "file", s->file != NULL);
	check_member(fn, s, "argv", s->argv != NULL);
	check_member(fn, s, "handler", s->handler != NULL);
	if (s->flags & ~(unsigned)KNOWN)
		iv_fatal("%s: iv_spawn %p: unknown flags 0x%x", fn,
			 (const void *)s, s->flags & ~(unsigned)KNOWN);
	for (i = 0; i < 3; i++)
		if (s->fd[i] < (i == 2 ? IV_SPAWN_STDOUT : IV_SPAWN_PIPE))
			iv_fatal("%s: iv_spawn %p: fd[%d] is %d", fn,
				 (const void *)s, i, s->fd[i]);
}

IVI_PUBLIC int iv_spawn_start(struct iv_spawn *s)
{
	struct ivi_spawn *w = ivi_spawn(s);
	struct program *p;
	int ret;

	check_new("iv_spawn_start", s);
	if (w->running == RUNNING)
		part(w->program);	/* of the parent's */
	p = program_new(s);
	if (p == NULL)
		return -1;
	ret = start(s, p);
	if (ret < 0) {
		ivi_free(p);
		errno = -ret;
		return -1;
	}
	s->pid = p->base.wait.pid;
	w->running = RUNNING;
	w->generation = ivi_fork_generation();
	w->program = p;
	return 0;
}

IVI_PUBLIC int iv_spawn_running(const struct iv_spawn *s)
{
	check("iv_spawn_running", s);
	return is_running(s);
}

/* NULL if it does not run. */
static struct program *program_of(const char *fn, const struct iv_spawn *s)
{
	struct program *p;

	ivi_require_loop(fn);
	check(fn, s);
	if (!is_running(s))
		return NULL;
	p = ivi_spawn(s)->program;
	if (p->base.owner != ivi_self())
		iv_fatal("%s: iv_spawn %p (pid %d) belongs to another thread",
			 fn, (const void *)s, (int)s->pid);
	return p;
}

IVI_PUBLIC int iv_spawn_kill(struct iv_spawn *s, int sig)
{
	struct program *p = program_of("iv_spawn_kill", s);

	if (p != NULL)
		return send_signal(p, sig);
	errno = ESRCH;
	return -1;
}

static struct timespec seconds_from_now(time_t seconds)
{
	int64_t ns;

	if (__builtin_mul_overflow((int64_t)seconds, IVI_SEC, &ns) ||
	    __builtin_add_overflow(ns, ivi_clock_ns(), &ns))
		ns = INT64_MAX;
	return ivi_ns_to_ts(ns);
}

IVI_PUBLIC void iv_spawn_stop(struct iv_spawn *s, time_t patience)
{
	static const char fn[] = "iv_spawn_stop";
	struct program *p = program_of(fn, s);

	if (patience < 0)
		iv_fatal("%s: iv_spawn %p: %lld seconds of patience", fn,
			 (void *)s, (long long)patience);
	if (p == NULL)
		return;
	send_signal(p, SIGTERM);
	if (iv_timer_registered(&p->base.timer))
		iv_timer_unregister(&p->base.timer);
	p->base.timer.expires = seconds_from_now(patience);
	iv_timer_register(&p->base.timer);
}

/* Also in a forked child, whose loop may still have it. */
IVI_PUBLIC void iv_spawn_forget(struct iv_spawn *s)
{
	program_of("iv_spawn_forget", s);
	if (ivi_spawn(s)->running == RUNNING)
		part(ivi_spawn(s)->program);
}
