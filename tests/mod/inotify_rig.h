/* SPDX-License-Identifier: MIT */
/*
 * inotify_rig.h - what the tests of iv_inotify share.
 *
 * The kernel queues an event before the system call that causes it returns,
 * so a few turns of the loop show all that is going to happen.
 */
#ifndef IV_INOTIFY_RIG_H
#define IV_INOTIFY_RIG_H

#include <stdlib.h>
#include <iv_inotify.h>
#include "harness/spy.h"
#include "harness/test.h"

/* Nothing private may be relied on before an object is registered. */
void *garbage(size_t size);

/* free(), such that a use after free shows without a sanitizer, too. */
void discard(void *p, size_t size);

struct iv_inotify *new_instance(void);
void end_instance(struct iv_inotify *in);

/* A handler that traces "COOKIE:EVENT[=NAME] ". */
void record(void *cookie, struct inotify_event *ev);

/* One that calls tally(), and fails if the event is IN_Q_OVERFLOW. */
void count_event(void *cookie, struct inotify_event *ev);

/* A watch with the handler record(); watch() registers it, too. */
struct iv_inotify_watch *
new_watch(struct iv_inotify *in, const char *pathname, uint32_t mask,
	  const char *label);
struct iv_inotify_watch *
watch(struct iv_inotify *in, const char *pathname, uint32_t mask,
      const char *label);
void unwatch(struct iv_inotify_watch *w);

/* NAME in tmpdir(); good for the next three calls. */
const char *path(const char *name);

/* What is done to files there. */
void create(const char *name);
void modify(const char *name);
void delete(const char *name);

void turns(unsigned n);

/* What the handlers have traced since last time, after a few turns. */
const char *seen(void);

/* The inotify descriptor with the highest number, or -1. */
int inotify_fd(void);

/* How many inodes the kernel watches for it. */
int kernel_watches(int fd);

#endif
