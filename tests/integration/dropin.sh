#!/bin/sh
# SPDX-License-Identifier: MIT
#
# dropin.sh - a program that was compiled with upstream's headers and linked
# with upstream's library runs on ours, unchanged.

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

# Upstream's: where the compiler looks by itself, not an installed copy of
# ours.
printf '#include <iv.h>\n#include <iv_event.h>\nint main(void) { return 0; }\n' \
	>"$tmp/probe.c"
$CC -o "$tmp/probe" "$tmp/probe.c" -livykis 2>/dev/null ||
	skip_all 'upstream is not installed (Debian: libivykis-dev)'
header=$(echo '#include <iv.h>' | $CC -E - 2>/dev/null |
	sed -n 's/^# 1 "\(.*iv\.h\)".*/\1/p' | head -n 1)
grep -q 'SPDX-License-Identifier: MIT' "$header" &&
	skip_all "$header is ours"

$CC -o "$tmp/client" "$top_srcdir/tests/integration/dropin.c" -livykis \
	-pthread 2>"$tmp/cc.log" || {
	sed 's/^/# /' "$tmp/cc.log"
	none 'does not compile' 'client is compiled'
	finish
}

"$tmp/client" >"$tmp/theirs"
equal "$?" 0 'client runs on the library it was linked with'

LD_LIBRARY_PATH=$libs ldd "$tmp/client" 2>/dev/null |
	grep -q "libivykis.so.0 => $libs/" ||
	none 'LD_LIBRARY_PATH has no effect' 'ours is loaded'

for method in epoll-timerfd epoll ppoll poll; do
	if ! method_works "$method"; then
		skip "$method" 'not in this build'
		continue
	fi
	LD_LIBRARY_PATH=$libs IV_SELECT_POLL_METHOD=$method \
		"$tmp/client" >"$tmp/ours"
	equal "$?" 0 "client runs on ours [$method]"
	none "$(diff "$tmp/theirs" "$tmp/ours")" "and prints the same [$method]"
done

finish
