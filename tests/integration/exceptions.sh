#!/bin/sh
# SPDX-License-Identifier: MIT
#
# exceptions.sh - a program of C++ whose handlers throw exceptions through the
# loop, on the library as it was built.

# shellcheck source=tests/meta/tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"

: "${CC:=cc}" "${top_builddir:=.}"
libs=$(cd "$top_builddir/lib/.libs" 2>/dev/null && pwd)

[ -z "${EMULATOR:-}" ] || skip_all 'cross build'
[ -f "$libs/libivykis.so.0" ] || skip_all 'no shared library was built'
: "${CXX:=$(echo "$CC" | sed 's/clang/clang++/;t
	s/gcc/g++/;t
	s/.*/c++/')}"
have "${CXX%% *}" || skip_all "no $CXX"

# shellcheck disable=SC2086 # a command and its options
$CXX -std=c++11 ${CFLAGS-} -I"$top_srcdir/include" -I"$top_builddir/include" \
	-o "$tmp/program" "$top_srcdir/tests/integration/exceptions.cc" \
	-L"$libs" -livykis >"$tmp/cc.log" 2>&1 || {
	sed 's/^/# /' "$tmp/cc.log"
	none 'does not compile' 'program is compiled'
	finish
}

for method in epoll-timerfd epoll ppoll poll; do
	if ! method_works "$method"; then
		skip "nothing is lost [$method]" 'not in this build'
		continue
	fi
	none "$(LD_LIBRARY_PATH=$libs IV_SELECT_POLL_METHOD=$method \
		"$tmp/program" 2>"$tmp/err" ||
			{ cat "$tmp/err"; echo "it fails"; })" \
		"nothing is lost [$method]"
done

finish
