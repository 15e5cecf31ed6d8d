#!/bin/sh
# SPDX-License-Identifier: MIT
#
# random.sh [FIRST COUNT] - random programs do the same on our libev.so.4 as on
# the system's, call by call.

# shellcheck source=tests/meta/tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"

ours=$top_builddir/tests/compat/ev/random
theirs=$top_builddir/tests/compat/ev/random-system
[ -x "$theirs" ] || skip_all "there is no libev of the system"

backends='2 1'
grep -q '^#define HAVE_EPOLL ' "$top_builddir/config.h" &&
	backends="4 $backends"
# No timerfd: it leaves a trace in what is pending.
for backend in $backends; do
	flags=$((backend + 0x00800000))
	"$ours" "${1-1}" "${2-150}" $flags >"$tmp/ours" 2>&1
	ours_ended=$?
	"$theirs" "${1-1}" "${2-150}" $flags >"$tmp/theirs" 2>&1
	equal "$ours_ended $?" '0 0' "backend $backend: both end"
	none "$(diff "$tmp/theirs" "$tmp/ours" | head -n 20)" \
		"backend $backend: $(wc -l <"$tmp/theirs") lines are the same"
done

finish
