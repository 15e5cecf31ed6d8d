#!/bin/sh
# SPDX-License-Identifier: MIT
#
# library.sh - what is tested is the library that was built here, not one of
# the system: of every program that runs on a shared one.

# shellcheck source=tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"

libs=$(cd "${top_builddir:=.}/lib" && pwd -P)
lib=$libs/.libs/libivykis.so.0
[ -e "$lib" ] || skip_all 'no shared library was built'
[ -z "${EMULATOR-}" ] || skip_all 'cross build'

if have ldd; then
	none "$(find "$top_builddir/examples" "$top_builddir/tests" -type f \
		! -name '*.*o' \( -path '*/examples/*' -o -name '*.t' \) \
		-perm -100 | while read -r program; do
		ldd "$program" 2>/dev/null | sed -n \
			's/.*libivykis\.so\.0 => \(.*\) (0x.*)/\1/p' |
		while read -r path; do
			case $(cd "${path%/*}" && pwd -P)/ in
			"$libs"/*) ;;
			*) echo "$program runs on $path" ;;
			esac
		done
	done)" 'each program runs on the library that was built'
else
	skip 'each program runs on the library that was built' 'no ldd'
fi

# The harness sees to that itself.
what='a test program does not judge another library'
case ${CFLAGS-} in
*-fsanitize* | *--coverage*) skip "$what" 'the library needs a run-time' ;;
*)
	# Not in TMPDIR, which may have a space: LD_PRELOAD is a list.
	other=$(mktemp -d "$top_builddir/other.XXXXXX") || exit 1
	trap 'rm -rf "$tmp" "$other"' EXIT
	cp "$lib" "$other/libivykis.so.0"
	LD_PRELOAD="$other/libivykis.so.0" "$top_builddir/tests/loop/task.t" \
		-l >"$tmp/out" 2>&1
	equal "$? $(grep -c '^Bail out! not the library' "$tmp/out")" '1 1' \
		"$what"
	;;
esac

finish
