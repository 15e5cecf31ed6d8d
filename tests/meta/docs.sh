#!/bin/sh
# SPDX-License-Identifier: MIT
#
# docs.sh - the code in the documents is compiled and run, and the messages in
# them are printed.  tests/docs/docs.py does it.

# shellcheck source=tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"

have python3 || skip_all 'no python3'
python3 "$top_srcdir/tests/docs/docs.py"
