#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The follower of files: whatever is done to them, each line is printed once.

# shellcheck source=../meta/tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"

program=$top_builddir/examples/tail_follow
pid=

[ -z "${EMULATOR-}" ] || skip_all 'paths may differ under an emulator'
[ -x "$program" ] || skip_all "$program is not built"
have timeout || skip_all 'there is no timeout(1)'
unset IV_SELECT_POLL_METHOD IV_EXCLUDE_POLL_METHOD

trap '[ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null; rm -rf "$tmp"' EXIT
dir=$tmp/logs

# start FILE...: returns when they are followed; the output is in $tmp/out
start() {
	: >"$tmp/out"
	"$program" "$@" >"$tmp/out" 2>"$tmp/errors" &
	pid=$!
	until_printed following
}

# until_printed LINE
until_printed() {
	# shellcheck disable=SC2016 # for the inner shell
	timeout 60 sh -c 'until grep -qxF "$1" "$2"; do sleep 0.1; done' \
		sh "$1" "$tmp/out"
}

end() {
	kill -TERM "$pid"
	wait "$pid"
	status=$?
	pid=
	return $status
}

# numbers FROM TO
numbers() {
	awk "BEGIN { for (i = $1; i <= $2; i++) print i }"
}

# all_printed FILE NUMBER: lines 1 to NUMBER of it were printed, each once
all_printed() {
	sed -n "s|^$dir/$1: ||p" "$tmp/out" | sort -n >"$tmp/got"
	numbers 1 "$2" >"$tmp/want"
	cmp -s "$tmp/got" "$tmp/want" && return
	diff "$tmp/want" "$tmp/got" | head -n 20 | sed 's/^/# /'
	sed 's/^/# /' "$tmp/errors"
	return 1
}

# By rename: the writer goes on with the old file for some lines.  It is not
# renamed before it has been seen, which nobody could make up for.
renaming() {
	mkdir "$dir" && : >"$dir/log" && start "$dir/log" || return
	for round in 0 1 2 3 4 5 6 7 8 9; do
		exec 4>>"$dir/log"
		numbers $((round * 100 + 1)) $((round * 100 + 50)) >&4
		until_printed "$dir/log: $((round * 100 + 50))" || return
		mv "$dir/log" "$dir/log.$round"
		numbers $((round * 100 + 51)) $((round * 100 + 80)) >&4
		: >"$dir/log"
		numbers $((round * 100 + 81)) $((round * 100 + 100)) >&4
		exec 4>&-
	done
	until_printed "$dir/log: 1000" && end && all_printed log 1000
}

# Many files, most of which do not exist; and their directory is renamed.
many() {
	rm -rf "$dir"
	set --
	for f in $(numbers 1 200); do
		set -- "$@" "$dir/$f"
	done
	start "$@" || return
	mkdir "$dir" || return
	for i in $(numbers 1 50); do
		for f in 1 77 200; do
			echo "$i" >>"$dir/$f"
		done
		[ "$i" -eq 25 ] || continue
		for f in 1 77 200; do
			until_printed "$dir/$f: 25" || return
		done
		mv "$dir" "$dir.old" && mkdir "$dir" || return
	done
	for f in 1 77 200; do
		until_printed "$dir/$f: 50" || return
	done
	end && all_printed 1 50 && all_printed 77 50 && all_printed 200 50
}

truncating() {
	rm -rf "$dir"
	mkdir "$dir" && echo old >"$dir/log" && start "$dir/log" || return
	echo 1 >>"$dir/log"
	until_printed "$dir/log: 1" || return
	: >"$dir/log"
	# shellcheck disable=SC2016 # for the inner shell
	timeout 60 sh -c 'until grep -q truncated "$1"; do sleep 0.1; done' \
		sh "$tmp/errors" || return
	echo 2 >>"$dir/log"
	until_printed "$dir/log: 2" && end && all_printed log 2
}

# A file that has less than it says is no reason to spin: a second of processor
# time would be the end, while something else has two.
shorter_than_it_says() {
	file=/sys/devices/system/cpu/online
	[ -r "$file" ] || return 0
	rm -rf "$dir"
	mkdir "$dir" || return
	printf '#!/bin/sh\nulimit -S -t 1\nexec "%s" "$@"\n' "$program" \
		>"$tmp/limited" && chmod +x "$tmp/limited"
	program=$tmp/limited
	start "$dir/log" || return
	ln -s "$file" "$dir/log"
	until_printed "$dir/log: $(cat "$file")" || return
	sh -c 'ulimit -S -t 2; while :; do :; done' 2>/dev/null
	echo 1 >"$dir/other" && mv "$dir/other" "$dir/log"
	until_printed "$dir/log: 1" && end
}

for case in renaming many truncating shorter_than_it_says; do
	$case >"$tmp/complaints" || echo "$case" >>"$tmp/complaints"
	none "$(cat "$tmp/complaints")" "$case"
	[ -z "$pid" ] || end
done
finish
