#!/bin/sh
# SPDX-License-Identifier: MIT
#
# libev.sh - unmodified programs that were linked with libev run on our
# libev.so.4, and do the same on it: see libev_clients.py.

# shellcheck source=tests/meta/tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"

[ -z "${EMULATOR:-}" ] || skip_all 'cross build'
[ -e "$top_builddir/lib/compat/ev/.libs/libev.so.4" ] ||
	skip_all 'no shared library was built'
case ${CFLAGS:-} in
*-fsanitize* | *--coverage*)
	skip_all 'the library needs a run-time that the programs lack' ;;
esac
have python3 || skip_all 'no python3'

python3 -B "$top_srcdir/tests/integration/libev_clients.py"
