#!/bin/sh
# SPDX-License-Identifier: MIT
#
# manual.sh - the pages are in order, agree with the headers, and their
# examples work.  tests/manual/manual.py does it.

# shellcheck source=../meta/tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"

have python3 || skip_all 'no python3'
python3 "$top_srcdir/tests/manual/manual.py"
