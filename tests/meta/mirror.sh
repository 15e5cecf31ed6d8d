#!/bin/sh
# SPDX-License-Identifier: MIT
#
# mirror.sh - lib/FLOOR/NAME.c is examined by tests/FLOOR/NAME.c.

# shellcheck source=tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"
cd "$top_srcdir" || exit 1

# Examined elsewhere: what, where, why.  Keep it short.
elsewhere() {
	cat <<'END'
lib/loop/check.c tests/loop/fd_misuse.c its messages, where they are given
lib/poll/registry.c tests/loop/poller.c the table is only seen by the poller
lib/poll/fdmap.c tests/poll/conformance.c what dev_poll and kqueue share
END
}

for file in $(find lib -name '*.c' | sort); do
	mirror=tests/${file#lib/}
	other=$(elsewhere | sed -n "s|^$file \([^ ]*\) .*|\1|p")
	none "$([ -f "$mirror" ] || [ -f "${other:-$mirror}" ] ||
		echo "no ${other:-$mirror}")" "$file has a test"
done

none "$(elsewhere | while read -r file where why; do
	[ -f "$file" ] || echo "$file does not exist"
	[ -n "$where" ] && [ -n "$why" ] || echo "$file: say where and why"
	[ -f "tests/${file#lib/}" ] && echo "$file is no exception"
done)" 'exceptions are needed'

# Every test is in the list that make(1) reads; what is not a test is in the
# list of sources of one.
none "$(for file in $(find tests -name '*.c' | sort); do
	case $file in
	tests/emu/*|tests/harness/*|tests/consumer.c|tests/meta/every.c)
		continue ;;
	esac
	grep -q "[[:space:]]${file%.c}\.[ct]\>" tests/*.mk tests/*/*.mk ||
		echo "$file is in no makefile"
done)" 'every test is built'

finish
