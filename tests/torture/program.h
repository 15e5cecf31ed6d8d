/* SPDX-License-Identifier: MIT */
/*
 * program.h - what files of scenarios have from program.c.
 */
#ifndef IV_TORTURE_PROGRAM_H
#define IV_TORTURE_PROGRAM_H

#include <errno.h>

/* Ends the scenario. */
void wrong(const char *fmt, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

#define CHECK(expr)							\
	do {								\
		if (!(expr))						\
			wrong("%s:%d: %s, errno %d", __FILE__,		\
			      __LINE__, #expr, errno);			\
	} while (0)

/* 1 if RET says that FN has done its work; else errno has to be one of ERRORS,
   which end with 0. */
int accepted(const char *fn, int ret, const int *errors);

/* What fails once does so until torture_heal(). */
extern int for_ever;

/* Waits for a child whose scenario goes on there; what is wrong in it, it has
   said itself. */
void await_child(int pid);

/* ev.c, with libev.so.4 */
void use_ev(void);
void use_ev_fork(void);
void use_ev_child(void);

#endif
