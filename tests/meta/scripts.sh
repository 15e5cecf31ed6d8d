#!/bin/sh
# SPDX-License-Identifier: MIT
#
# scripts.sh - a script that says what runs it can be run.

# shellcheck source=tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"

none "$(find "$top_srcdir/docs" "$top_srcdir/tests" -name '*.sh' |
	while read -r script; do
		case $(sed 1q "$script") in
		'#!'*) [ -x "$script" ] || echo "$script" ;;
		esac
	done)" 'each script that begins with #! is executable'
# Or $tmp would stay.
none "$(find "$top_srcdir/tests" -name '*.sh' \
	-exec grep -l '^\. .*meta/tap\.sh"$' {} + | while read -r script; do
	grep -Hn '^[[:space:]]*exec [a-z]' "$script"
done)" \
	'none with a directory to remove runs something else instead of itself'
# Whether or not it begins so.
none "$(sed -e :more -e '/\\$/{N; s/\\\n//; b more' -e '}' \
	"$top_srcdir/tests/tests.mk" "$top_srcdir/tests/model/model.mk" \
	"$top_srcdir/man3/man3.mk" | grep -E '^TESTS(_FIRST|_SH)? ' |
	tr ' \t' '\n\n' | grep '\.sh$' | while read -r script; do
	[ -x "$top_srcdir/$script" ] || echo "$script"
done)" 'each script that is a test is executable'

finish
