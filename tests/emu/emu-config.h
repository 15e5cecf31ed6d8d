/* SPDX-License-Identifier: MIT */
/*
 * emu-config.h - included by config.h in the library that is built upon the
 * emulated kernels.
 */
#define HAVE_KQUEUE	1
#define HAVE_PORT	1
#define HAVE_DEVPOLL	1
#define HAVE_VNODE	1
