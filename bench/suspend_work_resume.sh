#!/bin/sh
# SPDX-License-Identifier: MIT
#
# suspend_work_resume.sh PROGRAM [SOURCES WORKERS]...
#
# System calls that the library makes for each cycle of suspend_work_resume,
# by strace: what two runs of different length differ by, less the program's
# own one.  The median of five pairs of runs.
set -eu

program=$1
shift
[ $# -gt 0 ] || set -- 1 1 64 2
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# calls CYCLES SOURCES WORKERS
calls() {
	strace -fc -U calls,name -o "$log" "$program" "$@" >/dev/null 2>&1
	awk '$2 == "total" { print $1 }' "$log"
}

while [ $# -gt 1 ]; do
	for i in 1 2 3 4 5; do
		short=$(calls 1000 "$1" "$2")
		long=$(calls 5000 "$1" "$2")
		awk "BEGIN { print ($long - $short) / 4000 - 1 }"
	done | sort -n | awk -v what="$1 sources, $2 workers" '
		{ n[NR] = $1 }
		END { printf "%s: %.2f calls a cycle (%.2f to %.2f)\n",
			what, n[3], n[1], n[5] }'
	shift 2
done
