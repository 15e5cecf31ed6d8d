#!/bin/sh
# SPDX-License-Identifier: MIT
#
# tsan.sh - a program that is built with ThreadSanitizer, on a library that is
# not: what is handed over through the library is no data race.

# shellcheck source=tests/meta/tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"

: "${CC:=cc}" "${top_builddir:=.}"
libs=$top_builddir/lib/.libs

[ -z "${EMULATOR:-}" ] || skip_all 'cross build'
[ -f "$libs/libivykis.so.0" ] || skip_all 'no shared library was built'
case ${CFLAGS:-} in
*-fsanitize* | *--coverage*)
	skip_all 'the library needs a run-time that the program lacks' ;;
esac
echo 'int main(void) { return 0; }' >"$tmp/probe.c"
# It wants its place in memory.
fixed=
setarch -R true 2>/dev/null && fixed='setarch -R'
there_is_tsan() {
	$CC -fsanitize=thread -o "$tmp/probe" "$tmp/probe.c" 2>/dev/null &&
		$fixed "$tmp/probe" 2>/dev/null
}
there_is_tsan || skip_all 'no ThreadSanitizer that works here'

$CC -g -fsanitize=thread -I"$top_srcdir/include" -I"$top_builddir/include" \
	-o "$tmp/program" "$top_srcdir/tests/integration/tsan.c" \
	"$libs/libivykis.so.0" -pthread >"$tmp/cc.log" 2>&1 || {
	sed 's/^/# /' "$tmp/cc.log"
	none 'does not compile' 'program is compiled'
	finish
}

for method in epoll-timerfd epoll ppoll poll; do
	if ! method_works "$method"; then
		skip "$method" 'not in this build'
		continue
	fi
	# shellcheck disable=SC2086
	LD_LIBRARY_PATH=$libs IV_SELECT_POLL_METHOD=$method \
		$fixed "$tmp/program" >"$tmp/out" 2>"$tmp/err"
	equal "$(cat "$tmp/out")" '1600 3200 2 2 2' \
		"everything is handed over [$method]"
	none "$(grep WARNING "$tmp/err")" "and no data race seen [$method]"
done

finish
