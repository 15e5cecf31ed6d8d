#!/bin/sh
# SPDX-License-Identifier: MIT
#
# complete.sh - each function that the library calls is either one that
# inject.c can make fail, or listed as one that cannot.
set -u

here=${top_srcdir:?}/tests/torture
library=${top_builddir:?}/lib/.libs/libivykis.so
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT

skip() {
	echo "1..0 # SKIP $1"
	exit 0
}

[ -e "$library" ] || skip "there is no shared library"
[ -z "${EMULATOR-}" ] || skip "for another machine"
case ${CFLAGS-} in
*-fsanitize* | *--coverage*) skip "the library calls the compiler's" ;;
esac
echo '#include <features.h>
#if !defined(__linux__) || !defined(__GLIBC__)
#error
#endif' >"$tmp/glibc.c"
# shellcheck disable=SC2086 # words
${CC:-cc} -E "$tmp/glibc.c" >"$tmp/log" 2>&1 || skip "for glibc on Linux"

echo 1..2
# shellcheck disable=SC2086 # words
if ${CC:-cc} ${CFLAGS-} -fPIC -shared -I"$here/../emu/include" \
	"$here/inject.c" -o "$tmp/inject.so" >"$tmp/log" 2>&1; then
	echo "ok 1 - the injector compiles"
else
	sed 's/^/# /' "$tmp/log"
	echo "not ok 1 - the injector compiles"
	exit 1
fi

# symbols SWITCH FILE
symbols() {
	${NM:-nm} -D "$1" "$2" | sed 's/.* //; s/@.*//' | sort -u
}

symbols --undefined-only "$library" >"$tmp/used"
symbols --defined-only "$tmp/inject.so" >"$tmp/covered"
sed '/^#/d; s/[[:space:]].*//' "$here/infallible.txt" | sort -u >>"$tmp/covered"
sort "$tmp/covered" >"$tmp/sorted"
if [ -n "$(uniq -d "$tmp/sorted")" ]; then
	uniq -d "$tmp/sorted" | sed 's/^/# both injected and infallible: /'
	echo "not ok 2 - all calls are covered"
elif [ "$(wc -l <"$tmp/used")" -gt 40 ] &&
	! comm -23 "$tmp/used" "$tmp/sorted" | grep . >"$tmp/forgotten"; then
	echo "ok 2 - all calls are covered"
else
	sed 's/^/# forgotten: /' "$tmp/forgotten"
	echo "not ok 2 - all calls are covered"
fi
