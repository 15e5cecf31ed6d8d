/* SPDX-License-Identifier: MIT */
/*
 * main.h - between the driver and the ground.
 */
#ifndef IV_MODEL_MAIN_H
#define IV_MODEL_MAIN_H

#include <stddef.h>
#include <stdint.h>

/* Makes program NUMBER; its size. */
size_t generate(uint64_t number, uint8_t *program);

/* Program NUMBER of all that are small (small.c); 0: there are no more. */
size_t small_sequence(uint64_t number, unsigned depth, uint8_t *program);
size_t small_order(uint64_t number, unsigned unused, uint8_t *program);
/* Lets one of them have its FAULTth fault. */
void small_fault(uint8_t *program, unsigned fault);

/* What the ground has; those that do not work here are skipped. */
extern const char *const model_methods[];

/* Where programs make files. */
void inotify_make_directory(void);
void inotify_remove_directory(void);

/* At the end of a process that has run programs. */
void check_leaks(void);

#endif
