/* SPDX-License-Identifier: MIT */
/*
 * iv_spawn.h - programs, with their input and output and their end.
 * Since 1.1.
 */
#ifndef __IV_SPAWN_H
#define __IV_SPAWN_H

#include <string.h>
#include <sys/types.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <iv.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * HANDLER is called once, when the program has ended, no matter who still has
 * its pipes, with STATUS as from waitpid(2) and, where the system provides it,
 * the resource usage (else NULL), valid during the call.  The program does not
 * run any more then: HANDLER may start it again, or free the struct.  STATUS
 * -1: something else has waited for it, or the process is a forked child of the
 * one that started it.
 */
struct iv_spawn {
	const char	*file;
	char *const	*argv;		/* ends with NULL */
	char *const	*envp;		/* ends with NULL; NULL: ours */
	const char	*cwd;		/* NULL: ours */
	unsigned int	flags;		/* IV_SPAWN_* */
	int		fd[3];		/* of the program; see below */
	void		*cookie;
	void		(*handler)(void *cookie, int status,
				   const struct rusage *rusage);
	pid_t		pid;		/* set by iv_spawn_start() */
	void		*pad[8];	/* private */
};

/* FILE is searched as by execvp(3): in PATH, ours, and a script without #! is
   given to a shell. */
#define IV_SPAWN_SEARCH		0x01

/* It leads a process group, which gets the signals; or a session. */
#define IV_SPAWN_GROUP		0x02
#define IV_SPAWN_SESSION	0x04

/*
 * Its standard descriptors: a descriptor of ours, which stays ours, or one of
 * these.  After IV_SPAWN_PIPE it is our end of a pipe, the caller's to close:
 * nonblocking and close-on-exec, ready for an iv_fd with IV_FD_RAW.
 */
#define IV_SPAWN_INHERIT	(-1)	/* what we have with this number */
#define IV_SPAWN_NULL		(-2)	/* /dev/null */
#define IV_SPAWN_PIPE		(-3)
#define IV_SPAWN_STDOUT		(-4)	/* fd[2]: the same as fd[1] */

/* Nothing runs, all fd[] are IV_SPAWN_INHERIT, all else is cleared. */
static __inline__ void IV_SPAWN_INIT(struct iv_spawn *s)
{
	memset(s, 0, sizeof(*s));
	s->fd[0] = s->fd[1] = s->fd[2] = IV_SPAWN_INHERIT;
}

/*
 * Starts the program.  It has no signal blocked, and none ignored that was not
 * ignored before iv_init() or iv_signal_register() came, and no descriptors but
 * the standard ones.  Like posix_spawn(3), waits until it is being executed;
 * that takes the same time however much memory we have.
 *
 * 0 with PID set, or -1 with errno; then there is no child, and fd[] is as
 * before:
 *	ENOENT, EACCES, ENOEXEC, ENOTDIR, E2BIG, ...
 *		CWD is no directory, or the program cannot be executed
 *	EBADF	a descriptor in fd[] is not open
 *	EAGAIN, EMFILE, ENFILE, ENOMEM, ENOSPC
 *		resources are missing
 *
 * The running program keeps iv_main() running.  The strings may go when this
 * has returned; the struct has to stay until HANDLER is called or it is
 * forgotten.  Some memory is allocated until the program has ended.
 */
int iv_spawn_start(struct iv_spawn *);

/* 1 from iv_spawn_start() until HANDLER is called or the program is forgotten,
   else 0. */
int iv_spawn_running(const struct iv_spawn *);

/* The rest in the thread that started it. */

/* Sends SIG to the program, or to its group with IV_SPAWN_GROUP, and to nobody
   else.  0, or -1 with errno as kill(2); ESRCH: it does not run any more. */
int iv_spawn_kill(struct iv_spawn *, int sig);

/* Ends it: SIGTERM now, SIGKILL PATIENCE (>= 0) seconds from now.  Again: from
   then on.  No effect if it does not run. */
void iv_spawn_stop(struct iv_spawn *, time_t patience);

/* HANDLER is not called any more, and the struct may be freed at once.  The
   program's end is still waited for, and what iv_spawn_stop() has begun goes
   on.  No effect if it does not run. */
void iv_spawn_forget(struct iv_spawn *);

#ifdef __cplusplus
}
#endif

#endif
