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

/* There is a second loop now and then, with objects and a model of its own.  It
   may be run, but has no signals, children or files.  From now on all is about
   the other one. */
void world_swap(void);
struct iv_loop *world_other_loop(void);	/* or NULL: there is none */

/* ---- Hooks, calls (loops.c) -------------------------------------------------------- */

void c_hook_register(unsigned a, unsigned b);
void c_hook_unregister(unsigned a, unsigned b);
void c_hook_free(unsigned a, unsigned b);
void c_call(unsigned a, unsigned b);
void c_call_elsewhere(unsigned a, unsigned b);
void c_call_across(unsigned a, unsigned b);
void c_call_wait(unsigned a, unsigned b);
void c_loop_quit(unsigned a, unsigned b);

struct iv_loop *loops_self(void);
bool loops_handed(void);		/* others may call into it */
void loops_swap(void);
void loops_begin(void);
void loops_unregister(void);
void loops_check(void);
void loops_end(void);			/* before the loop is taken down */
void loops_ended(void);

/* ---- Alarms (alarms.c) ---------------------------------------------------------------- */

void c_alarm_register(unsigned a, unsigned b);
void c_alarm_again(unsigned a, unsigned b);
void c_alarm_unregister(unsigned a, unsigned b);
void c_alarm_free(unsigned a, unsigned b);
void c_clock_set(unsigned a, unsigned b);
void c_clock_suspend(unsigned a, unsigned b);

void alarms_begin(void);
void alarms_unregister(void);
/* True if the library registers it for alarms: the model knows. */
bool alarms_timer_registers(struct iv_timer *timer);
void alarms_divert(struct iv_fd *fd);

/* ---- Listeners (listen.c) --------------------------------------------------------------- */

void c_listen_register(unsigned a, unsigned b);
void c_listen_unregister(unsigned a, unsigned b);
void c_listen_free(unsigned a, unsigned b);
void c_listen_again(unsigned a, unsigned b);
void c_listen_client(unsigned a, unsigned b);
void c_listen_exhaust(unsigned a, unsigned b);
void c_listen_shut(unsigned a, unsigned b);

void listen_begin(void);
bool listen_busy(void);		/* maybe with clients that have gone */
void listen_unregister(void);
bool listen_timer_registers(struct iv_timer *timer);
bool listen_timer_unregisters(const struct iv_timer *timer);
void listen_divert(struct iv_fd *fd);

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

/* What iv_wait_any has to do with: the one with PID that nobody claims, or -1;
   it was told of; those that are claimed are waited for as well, maybe; one that
   nobody claims has ended, or -1. */
int children_unclaimed(pid_t pid);
void children_told(int i, int status);
void children_kept(void);
int children_untold(void);

/* ---- Children that nobody claims (any.c) --------------------------------------------- */

void c_any_register(unsigned a, unsigned b);
void c_any_unregister(unsigned a, unsigned b);
void c_any_free(unsigned a, unsigned b);
void c_any_probe(unsigned a, unsigned b);
void c_any_zombie(unsigned a, unsigned b);

void any_begin(void);
void any_unregister(void);
bool any_task_registers(struct iv_task *task);
void any_task_unregisters(const struct iv_task *task);

/* ---- Programs (programs.c) ----------------------------------------------------------- */

void c_spawn_start(unsigned a, unsigned b);
void c_spawn_exit(unsigned a, unsigned b);
void c_spawn_kill(unsigned a, unsigned b);
void c_spawn_stop(unsigned a, unsigned b);
void c_spawn_probe(unsigned a, unsigned b);
void c_spawn_forget(unsigned a, unsigned b);

void programs_begin(void);
void programs_forget(void);
void programs_kept(void);	/* as children_kept() */
bool programs_timer_registers(struct iv_timer *timer);
bool programs_timer_unregisters(const struct iv_timer *timer);

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

void c_file_truncate(unsigned a, unsigned b);
void c_file_again(unsigned a, unsigned b);

/* False: nothing may be done to files. */
bool files_ready(void);
const char *files_path(int name);	/* or -1: the directory */
/* Something was. */
void files_done(void);

void inotify_begin(void);
void inotify_unregister(void);
void inotify_end(void);
/* If FD is an instance's: lets the model know when it is read. */
void inotify_divert(struct iv_fd *fd);

/* ---- Names and files that are watched (paths.c) ---------------------------------------- */

void c_path_register(unsigned a, unsigned b);
void c_path_unregister(unsigned a, unsigned b);
void c_path_free(unsigned a, unsigned b);
void c_path_refresh(unsigned a, unsigned b);
void c_follow_register(unsigned a, unsigned b);
void c_follow_unregister(unsigned a, unsigned b);
void c_follow_free(unsigned a, unsigned b);
void c_follow_suspend(unsigned a, unsigned b);
void c_follow_resume(unsigned a, unsigned b);
void c_follow_set_fd(unsigned a, unsigned b);
void c_follow_lazy(unsigned a, unsigned b);

void paths_begin(void);
void paths_unregister(void);
void paths_check(void);
void paths_changed(void);
void paths_name_changes(int name);
bool paths_task_registers(struct iv_task *task);
bool paths_timer_registers(struct iv_timer *timer);
bool paths_timer_unregisters(const struct iv_timer *timer);
void paths_divert(struct iv_fd *fd);
/* The model has come to these places of a turn. */
void paths_waited(bool asleep);
void paths_read(void);
void paths_looked(void);

#endif
