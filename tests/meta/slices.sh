#!/bin/sh
# SPDX-License-Identifier: MIT
#
# slices.sh - each member of struct ivi_loop is written by one file of
# lib/loop, the one named for it; others ask by function.

# shellcheck source=tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"
cd "$top_srcdir/lib/loop" || exit 1

# owner MEMBER: the files that may write to it, as a pattern for grep.
# What is not a slice belongs to the loop itself.
owner() {
	case $1 in
	check|meter|now|run|tls)	echo "^$1\\.[ch]:" ;;
	tasks|timers|fds|events|hooks)	echo "^${1%s}\\.[ch]:" ;;
	slots|users)		echo '^\(tls\|loop\)\.[ch]:' ;;
	*)			echo '^loop\.[ch]:' ;;
	esac
}

members=$(sed -n '/^struct ivi_loop {/,/^}/{
	s|/\*.*||
	s|__attribute__.*||
	s|\[[^]]*\]||g
	s|^.*[[:space:]*]\([a-z_]*\)[[:space:];]*$|\1|p
}' loop.h)
none "$([ "$(echo "$members" | grep -c .)" -ge 8 ] || echo "found: $members")" \
	'the members of struct ivi_loop are found'

# Assignments, also of what is inside a member, ++ and --.
for member in $members; do
	none "$(grep -n -E -e \
		"->$member\\b[][a-z0-9_.>-]*[[:space:]]*([-+*/%&|^]|<<|>>)?=([^=]|\$)" \
		-e "->$member\\b[][a-z0-9_.>-]*(\\+\\+|--)" \
		-e "(\\+\\+|--)[a-z_]+->$member\\b" \
		./*.c ./*.h | sed 's|^\./||' | grep -e '[^a-z_]loop->' |
		grep -v "$(owner "$member")" | sed 's|^|lib/loop/|')" \
		"loop->$member is written by its owner"
done

# Nothing below and nothing above knows what is in a loop.
none "$(cd .. && grep -n 'struct ivi_loop {\|loop/loop\.h"' ./*/*.[ch] |
	grep -v '^\./loop/')" 'only lib/loop looks into a loop'

finish
