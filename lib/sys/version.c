/* SPDX-License-Identifier: MIT */
/*
 * version.c - which of the libraries with this soname it is.
 */
#include "config.h"
#include "sys/sys.h"

IVI_PUBLIC const char *iv_version(void)
{
	return PACKAGE_VERSION;
}
