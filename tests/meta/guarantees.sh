#!/bin/sh
# SPDX-License-Identifier: MIT
#
# guarantees.sh - docs/guarantees.md proves each promise with tests that exist.

# shellcheck source=tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"

have python3 || skip_all 'no python3'
none "$(python3 "$top_srcdir/tests/docs/guarantees.py" 2>&1)" \
	'promises are numbered and have their tests'
finish
