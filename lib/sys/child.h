/* SPDX-License-Identifier: MIT */
/*
 * child.h - child processes.  A part of sys.h that only what has to do with
 * them needs.
 */
#ifndef IVI_SYS_CHILD_H
#define IVI_SYS_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>
#include <sys/resource.h>

/* ---- Descriptors of processes ------------------------------------------- */

/* False if the system has none, or they do not do all that is asked of them
   here. */
bool ivi_pidfds(void);

/*
 * A close-on-exec, nonblocking descriptor that becomes readable when process
 * PID ends, or a negative errno value; -ENOSYS if there are none.
 */
int ivi_pidfd_open(pid_t pid);

/* True if they tell the status of a child that nobody could wait for. */
bool ivi_pidfd_keeps_status(void);

/* ---- Their states -------------------------------------------------------- */

/* In what follows PIDFD is of process PID (> 0), or -1: then its number has to
   do. */

/*
 * Collects a change of state of child PID alone, without blocking: 1 and
 * STATUS, 0 if there is none, -ECHILD if PID is no child of ours.
 * True in HAS_USAGE if USAGE is filled in.
 */
int ivi_child_poll(pid_t pid, int pidfd, int *status, struct rusage *usage,
		   bool *has_usage);

/* True if there is such a child of this process, ended or not, that nobody has
   waited for. */
bool ivi_child_exists(pid_t pid);

/* Waits for the end of child PID. */
void ivi_child_reap(pid_t pid, int pidfd);

/* As kill(2). */
int ivi_child_kill(pid_t pid, int pidfd, int sig);

/* The same for the process group that it leads, unless it has been waited
   for: then its number may be that of another one. */
int ivi_child_kill_group(pid_t pid, int pidfd, int sig);

/* A child of this process, ours or a stranger's, that has ended and has not
   been waited for, 0, or -errno.  Collects nothing. */
pid_t ivi_child_dead(void);

/*
 * False if no child of this process, ours or a stranger's, is stopped or
 * continued and not waited for.  Collects nothing.
 */
bool ivi_child_maybe_stopped(void);

/* True for a status after which there will be no other. */
bool ivi_child_ended(int status);

/*
 * vfork(2): FN runs in a child that mostly has its memory in common with this
 * thread, which waits; it executes a program or calls _exit(2).  Emulators and
 * checkers make a fork(2) of it.  -errno.
 */
pid_t ivi_vfork(void (*fn)(void *cookie), void *cookie);

/* fork(2) and exit(3); the first gives -errno. */
pid_t ivi_fork(void);
void ivi_exit(int status) __attribute__((noreturn));

/* ---- SIGCHLD ---------------------------------------------------------------- */

/* True if children leave no zombies, since SIGCHLD is ignored. */
bool ivi_children_vanish(void);

/* The same of an action. */
bool ivi_sigchld_discards(const struct sigaction *sa);

/* True if the program has neither a handler for SIGCHLD nor ignores it. */
bool ivi_sigchld_is_free(void);

#endif
