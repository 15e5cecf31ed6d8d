/* SPDX-License-Identifier: MIT */
/*
 * version.c - tests of what the library says of itself.
 */
#include <stdio.h>
#include "harness/test.h"

TEST_ONCE(the_library_and_its_header_agree)
{
	char text[40];

	snprintf(text, sizeof(text), "%d.%d.%d", IV_VERSION / 10000,
		 IV_VERSION / 100 % 100, IV_VERSION % 100);
	CHECK_STR(iv_version(), text);
	CHECK_INT(iv_inited(), ==, 0);
}

#if IV_VERSION < 10100
#error "iv_version() came with 1.1"
#endif
