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

/* What the ground has; those that do not work here are skipped. */
extern const char *const model_methods[];

/* At the end of a process that has run programs. */
void check_leaks(void);

#endif
