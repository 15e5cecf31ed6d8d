/* SPDX-License-Identifier: MIT */
/*
 * child.h - child processes.  A part of sys.h that only iv_wait and iv_popen
 * need.
 */
#ifndef IVI_SYS_CHILD_H
#define IVI_SYS_CHILD_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/resource.h>

/* ---- Their states -------------------------------------------------------- */

/*
 * Collects a change of state of child PID (> 0) alone, without blocking:
 * 1 and STATUS, 0 if there is none, -ECHILD if PID is no child of ours.
 * True in HAS_USAGE if USAGE is filled in.
 */
int ivi_child_poll(pid_t pid, int *status, struct rusage *usage,
		   bool *has_usage);

/* Waits for the end of child PID. */
void ivi_child_reap(pid_t pid);

/*
 * False if no child of this process, ours or a stranger's, is stopped or
 * continued and not waited for.  Collects nothing.
 */
bool ivi_child_maybe_stopped(void);

/* True for a status after which there will be no other. */
bool ivi_child_ended(int status);

/*
 * A close-on-exec descriptor that becomes readable when process PID ends, or
 * a negative errno value; -ENOSYS once and for all where there is no such
 * thing.
 */
int ivi_pidfd_open(pid_t pid);

/* ---- Programs -------------------------------------------------------------- */

/* A program to be executed in a forked child. */
struct ivi_exec {
	const char	*file;		/* as for execvp(3) */
	char *const	*argv;
	/* Private: all above 2 and close-on-exec. */
	int	pipe;			/* to become descriptor `std' */
	int	std;
	int	null;			/* /dev/null, for the other two of 0-2 */
	int	report[2];		/* a pipe for the errno of execvp() */
};

/*
 * Opens all that is needed.  STD is 0 or 1: the standard descriptor of the
 * program at whose other end PARENT's descriptor is to be.
 */
int ivi_exec_open(struct ivi_exec *x, int std, int *parent);

/* In the child: becomes the program.  Also in a child of many threads. */
void ivi_exec(const struct ivi_exec *x) __attribute__((noreturn));

/* In the parent: closes what open() has opened, but not PARENT. */
void ivi_exec_close(struct ivi_exec *x);

/*
 * In the parent, instead, after the fork: also waits until the child runs the
 * program (0) or could not (-errno: it exits with status 127).  At most a
 * second; 0 after that.
 */
int ivi_exec_outcome(struct ivi_exec *x);

#endif
