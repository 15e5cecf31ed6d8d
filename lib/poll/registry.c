/* SPDX-License-Identifier: MIT */
/*
 * registry.c - the table of poll methods, generated from methods.mk.
 */
#include "loop/poll_method.h"

#define METHOD(name)	extern const struct ivi_poll_method ivi_poll_##name;
#include "poll/registry.inc"
#undef METHOD

#define METHOD(name)	&ivi_poll_##name,
const struct ivi_poll_method *const ivi_poll_methods[] = {
#include "poll/registry.inc"
	NULL
};
