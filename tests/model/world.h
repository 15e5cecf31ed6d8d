/* SPDX-License-Identifier: MIT */
/*
 * world.h - what the files that have commands share.
 */
#ifndef IV_MODEL_WORLD_H
#define IV_MODEL_WORLD_H

#include <iv.h>
#include "model/model.h"

#define M	model
#define FOR(i, n)	for (int i = 0; i < (n); i++)

void expect(bool ok, const char *what, int i);

/* The bytes of an object that nobody has initialised. */
void *garbage(size_t n);

/* What the cookie of object I says: how often it was initialised. */
void *cookie(int i, unsigned lives);

/* The object that COOKIE names; it must not be one of an earlier life. */
int called(enum call call, void *cookie, const unsigned *lives,
	   unsigned band);

/* The end of a handler: it executes what comes next in the program. */
void finish(void);
/* ... and does not run the loop. */
void finish_here(void);

/* FN(OBJECT) in another thread; done when this returns. */
void elsewhere(void (*fn)(int), int object);

/* ---- Children (children.c) ---------------------------------------------------------- */

void c_child_spawn(unsigned a, unsigned b);
void c_child_fork(unsigned a, unsigned b);
void c_child_register(unsigned a, unsigned b);
void c_child_unregister(unsigned a, unsigned b);
void c_child_free(unsigned a, unsigned b);
void c_child_stop(unsigned a, unsigned b);
void c_child_continue(unsigned a, unsigned b);
void c_child_exit(unsigned a, unsigned b);
void c_child_kill(unsigned a, unsigned b);
void c_child_probe(unsigned a, unsigned b);
void c_child_steal(unsigned a, unsigned b);
void c_child_rumour(unsigned a, unsigned b);

void children_begin(void);		/* with a loop */
void children_unregister(void);
void children_check(void);
void children_end(void);		/* of the processes */

/* ---- Inotify (inotify.c) --------------------------------------------------------------- */

void c_inotify_register(unsigned a, unsigned b);
void c_inotify_unregister(unsigned a, unsigned b);
void c_inotify_free(unsigned a, unsigned b);
void c_watch_begin(unsigned a, unsigned b);
void c_watch_register(unsigned a, unsigned b);
void c_watch_unregister(unsigned a, unsigned b);
void c_watch_free(unsigned a, unsigned b);
void c_file_create(unsigned a, unsigned b);
void c_file_write(unsigned a, unsigned b);
void c_file_chmod(unsigned a, unsigned b);
void c_file_unlink(unsigned a, unsigned b);
void c_file_rename(unsigned a, unsigned b);

void inotify_begin(void);
void inotify_unregister(void);
void inotify_end(void);
/* If FD is an instance's: lets the model know when it is read. */
void inotify_divert(struct iv_fd *fd);

#endif
