#!/bin/sh
# SPDX-License-Identifier: MIT
#
# model.sh - a short run of random programs on each poll method, and all small
# ones in the simulation, as TAP.

dir=${top_builddir:=.}/tests/model
n=0

# run NAME PROGRAM OPTION...
run() {
	name=$1
	program=$2
	shift 2
	n=$((n + 1))
	text=$($EMULATOR "$dir/$program" "$@" 2>&1)
	status=$?
	case $text in
	*' 1 skipped'*) echo "ok $n - $name # SKIP not here" ;;
	*'1 passed, 0 failed'*) [ $status = 0 ] && echo "ok $n - $name" ;;
	*) echo "not ok $n - $name"
	   printf '%s\n' "$text" | sed 's/^/# /' ;;
	esac
}

for program in model simulated model-emulated; do
	[ -x "$dir/$program" ] || continue
	for method in $($EMULATOR "$dir/$program" --list); do
		run "$method" "$program" --steps 10000 "$method"
	done
done

# All orders are 544320 programs; every 7th of them goes through each kind.
times=1
[ -z "$EMULATOR" ] || times=100
run 'six ready objects in every order' simulated --orders --every $((7 * times))
run 'sequences of commands' simulated --depth 3 --every $times
run 'short sequences with each fault' simulated --depth 2 --faults \
	--every $times
echo "1..$n"
