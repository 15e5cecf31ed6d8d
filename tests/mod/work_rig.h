/* SPDX-License-Identifier: MIT */
/*
 * work_rig.h - what the tests of iv_work share.
 */
#ifndef IV_WORK_RIG_H
#define IV_WORK_RIG_H

#include <semaphore.h>
#include <stdbool.h>
#include <stdlib.h>
#include <iv_work.h>
#include "harness/test.h"

/* How often pthread_create(3) shall fail from now on; -1: always. */
extern int create_fails;
extern int threads_created;

extern struct iv_work_pool pool;
extern pthread_t owner;

void wait_for(sem_t *sem);

/* Counts from several threads. */
void up(void *n);
int get(const int *n);

/* The owner is the calling thread. */
void pool_set(struct iv_work_pool *p, int max_threads);
void pool_open(int max_threads);
void pool_close(void);

void set(struct iv_work_item *item, void (*work)(void *),
	 void (*completion)(void *), void *cookie);
void submit(struct iv_work_item *item, void (*work)(void *),
	    void (*completion)(void *), void *cookie);

void nothing(void *unused);

/* A completion that ends iv_main() when it is the last of so many. */
extern int awaited;
void counted(void *unused);
void run_until_counted(int n);

/* An item that says when it runs, and goes on when it is told to. */
struct gate {
	struct iv_work_item	item;
	sem_t	running;
	sem_t	leave;
	pthread_t	thread;
};

void gate_work(void *g);
void gate_set(struct gate *g, void (*completion)(void *));
void gate_submit(struct gate *g, void (*completion)(void *));

/* N items that all run at once. */
extern pthread_barrier_t barrier;
void meet(void *unused);
void meet_all(struct iv_work_item *items, int n);

#endif
