/* SPDX-License-Identifier: MIT */
/*
 * fuzz.c - the same programs for libFuzzer: ./dev fuzz [SECONDS].
 */
#include <stdlib.h>
#include "model/main.h"
#include "model/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	unsetenv("IV_EXCLUDE_POLL_METHOD");
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	world_run(data, size);
	return 0;
}
