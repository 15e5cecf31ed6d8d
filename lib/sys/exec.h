/* SPDX-License-Identifier: MIT */
/*
 * exec.h - programs, executed in a child.  A part of sys.h that only iv_popen
 * and iv_spawn need.
 */
#ifndef IVI_SYS_EXEC_H
#define IVI_SYS_EXEC_H

#include <signal.h>
#include <stdbool.h>

/* What the program has as descriptor 0, 1 or 2, unless it is a number. */
#define IVI_EXEC_KEEP	(-1)	/* what the parent has there */
#define IVI_EXEC_NULL	(-2)	/* /dev/null */
#define IVI_EXEC_OUT	(-4)	/* of 2: the same as 1 */

#define IVI_EXEC_SEARCH	0x01	/* as execvp(3): in PATH, and also scripts */
#define IVI_EXEC_GROUP	0x02	/* it leads a process group */
#define IVI_EXEC_SESSION 0x04	/* it leads a session, and a group */
#define IVI_EXEC_CLEAN	0x08	/* no signal is caught or blocked, and there
				   are no other descriptors */
#define IVI_EXEC_VFORK	0x10	/* the parent may wait until it runs */

struct ivi_exec {
	const char	*file;
	char *const	*argv;
	char *const	*envp;		/* NULL: the parent's */
	const char	*cwd;		/* NULL: the parent's */
	int		fd[3];
	unsigned	flags;
	/* CLEAN: is it to be ignored, though it is caught?  Asked by open(). */
	bool		(*ignored_before)(int signum);
	/* Private. */
	sigset_t	ignored;
	int		report[2];	/* a pipe for the child's errno */
	char		*search;	/* PATH; where to put names; for a shell */
	char		*path;
	char		**script;
	int		error;		/* if memory is shared */
	bool		is_shared;
};

/* As ivi_pipe(): both ends are blocking and above the standard ones. */
int ivi_exec_pipe(int fds[2]);

/* Gets all that is needed: 0 or -errno. */
int ivi_exec_open(struct ivi_exec *x);

/* In the child, also one of many threads or of vfork(2): becomes the program.
   X: a struct ivi_exec. */
void ivi_exec(void *x) __attribute__((noreturn));

/* In the parent: gives up what open() has got. */
void ivi_exec_close(struct ivi_exec *x);

/*
 * In the parent, instead, after the fork: also waits until the child runs the
 * program (0) or could not (-errno: it exits with status 127).  At most a
 * second; 0 after that.
 */
int ivi_exec_outcome(struct ivi_exec *x);

#endif
