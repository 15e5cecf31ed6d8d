#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh - checks the models of this directory, all their states.
#
# Usage: run.sh WORKDIR [--quick] [NAME...]
#
# In the head of a model, each "Check: WORDS" is a configuration (macros to
# define) that must hold: no assertion fails, and no process is stuck.
# "Full: WORDS" is one that takes long, and is left out by --quick.
# "Refute: WORDS MUTANT" is one that must not hold: it shows that the model
# can find such a fault.  "Of FILE: NAME..." are the functions it is a model
# of, which must exist.
set -u

here=$(cd "$(dirname "$0")" && pwd)
top=$here/../..
work=$1
shift
whats='Check|Full|Refute'
if [ "${1-}" = --quick ]; then
	whats='Check|Refute'
	shift
fi
# shellcheck disable=SC2046 # words
[ $# -gt 0 ] || set -- $(cd "$here" && echo *.pml)
for name; do
	[ -f "$here/${name%.pml}.pml" ] && continue
	echo "run.sh: there is no model $name" >&2
	exit 2
done
mkdir -p "$work" && cd "$work" || exit 2
passed=0 failed=0

# verdict OK LINE
verdict() {
	if [ "$1" = 1 ]; then
		passed=$((passed + 1))
		printf 'ok    %s\n' "$2"
	else
		failed=$((failed + 1))
		printf 'FAIL  %s\n' "$2"
	fi
}

# explore MODEL WORDS...: how it ended, in $outcome, $states, $why
explore() {
	model=$1
	shift
	defines=
	for word; do
		defines="$defines -D$word"
	done
	rm -f pan pan.* ./*.trail
	outcome=error states=0 why='spin or the compiler failed'
	# shellcheck disable=SC2086 # words
	spin $defines -a "$model" >spin.log 2>&1 &&
		"${CC:-cc}" -O1 -w -DSAFETY -DCOLLAPSE -DVECTORSZ=2048 \
			-o pan pan.c >>spin.log 2>&1 || return
	./pan -n -m200000 -w22 >pan.log 2>&1
	states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' pan.log |
		awk '{ printf "%d", $1 }')
	why=$(sed -n 's/^pan:1: \(.*\) (at depth.*/\1/p' pan.log)
	if grep -q 'max search depth too small\|out of memory' pan.log; then
		why='the search was cut short'
	elif grep -q 'errors: 0$' pan.log; then
		outcome=holds
	elif [ -n "$why" ]; then
		outcome=refuted
	fi
}

for name; do
	name=${name%.pml}
	model=$here/$name.pml
	missing=$(sed -n 's/^ \* Of \([^:]*\): */\1 /p' "$model" |
	while read -r file functions; do
		for f in $functions; do
			grep -Eq "^[a-zA-Z].*[ *]$f\(" "$top/$file" ||
				echo "$file: $f"
		done
	done)
	[ -z "$missing" ] || verdict 0 "$name: no such function: $missing"

	sed -nE "s/^ \* ($whats): /\\1 /p" "$model" >list
	while read -r what words; do
		# shellcheck disable=SC2086 # words
		explore "$model" $words
		case $what$outcome in
		Checkholds | Fullholds)
			verdict 1 "$name $words: $states states" ;;
		Refuterefuted)
			verdict 1 "$name $words: refuted, $why" ;;
		*)
			cp spin.log "$name-spin.log"
			cp pan.log "$name-pan.log" 2>/dev/null
			verdict 0 "$name $words: $outcome, $states states $why" ;;
		esac
	done <list
done
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
