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
lib/compat/ev/backend.c tests/compat/ev/loop.c backends are how loops are made
lib/compat/ev/memory.c tests/compat/ev/loop.c a loop has memory of all kinds
lib/compat/ev/once.c tests/compat/ev/fd.c a descriptor with a timeout
lib/compat/ev/stat_inotify.c tests/compat/ev/stat.c hints are seen in what they do
lib/compat/ev/stat_poll.c tests/compat/ev/stat.c the case without hints
lib/compat/ev/verify.c tests/compat/ev/loop.c called by many, one breaks a loop
lib/compat/ev/wait.c tests/compat/ev/run.c the middle of a run
lib/loop/check.c tests/loop/fd_misuse.c its messages, where they are given
lib/loop/meter.c tests/loop/inspect.c what is measured is seen in the figures
lib/mod/program.c tests/mod/popen.c seen through those that use it
lib/poll/registry.c tests/loop/poller.c the table is only seen by the poller
lib/mod/work_item.c tests/mod/work.c pools are seen from outside
lib/mod/work_owner.c tests/mod/work.c pools are seen from outside
lib/mod/work_pool.c tests/mod/work.c pools are seen from outside
lib/mod/work_worker.c tests/mod/work.c pools are seen from outside
lib/mod/way.c tests/mod/path_storm.c by its results, for any way
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
