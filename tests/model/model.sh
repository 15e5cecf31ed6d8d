#!/bin/sh
# SPDX-License-Identifier: MIT
#
# model.sh - a short run of random programs on each poll method, as TAP.

dir=$top_builddir/tests/model
n=0
for program in model simulated model-emulated; do
	[ -x "$dir/$program" ] || continue
	for method in $($EMULATOR "$dir/$program" --list); do
		n=$((n + 1))
		text=$($EMULATOR "$dir/$program" --steps 10000 "$method" 2>&1)
		status=$?
		case $text in
		*' 1 skipped'*) echo "ok $n - $method # SKIP not here" ;;
		*' 0 failed'*) [ $status = 0 ] && echo "ok $n - $method" ;;
		*) echo "not ok $n - $method"
		   printf '%s\n' "$text" | sed 's/^/# /' ;;
		esac
	done
done
echo "1..$n"
