#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The directory watcher: what it prints, and that it ends by itself.

: "${top_builddir:=.}"
program=$top_builddir/examples/watch_dir
pid=

if [ -n "${EMULATOR-}" ]; then
	echo "1..0 # SKIP paths may differ under an emulator"
	exit 0
fi
if ! [ -x "$program" ]; then
	echo "1..0 # SKIP $program is not built"
	exit 0
fi
unset IV_SELECT_POLL_METHOD IV_EXCLUDE_POLL_METHOD

dir=$(mktemp -d) || exit 1
clean_up() {
	[ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null
	rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM
mkfifo "$dir/fifo" || exit 1

# start DIRECTORY...: returns when they are being watched
start() {
	"$program" "$@" >"$dir/fifo" 2>"$dir/errors" &
	pid=$!
	exec 3<"$dir/fifo"
	read -r line <&3 && [ "$line" = watching ]
}

# end: waits for it; what it has printed is in $dir/out
end() {
	cat <&3 >"$dir/out"
	exec 3<&-
	wait "$pid"
	status=$?
	pid=
	return $status
}

# printed LINE...: each is there; shows all if not
printed() {
	for line; do
		grep -qxF "$line" "$dir/out" && continue
		sed 's/^/# /' "$dir/out" "$dir/errors"
		return 1
	done
}

number=0
failed=0
result() {
	number=$((number + 1))
	[ "$1" -eq 0 ] || failed=1
	[ "$1" -eq 0 ] || printf 'not '
	echo "ok $number - $2"
}

ends_with_its_directories() {
	mkdir "$dir/a" "$dir/b" && start "$dir/a" "$dir/b" || return
	echo text >"$dir/a/file"
	rm "$dir/a/file"
	rmdir "$dir/a"
	echo text >"$dir/b/file"
	rm "$dir/b/file"
	rmdir "$dir/b"
	end && printed "$dir/a/file: created" "$dir/a/file: written" \
		"$dir/a/file: deleted" "$dir/a: directory deleted" \
		"$dir/a: no longer watched" "$dir/b/file: created" \
		"$dir/b: no longer watched"
}

# At once, or in more than one go if we are slow.
counts_changes() {
	mkdir "$dir/c" && start "$dir/c" || return
	mkdir "$dir/c/1" "$dir/c/2" "$dir/c/3"
	sum=0
	while [ $sum -lt 3 ] && read -r line <&3; do
		case $line in
		"$dir/c: "*' changes')
			line=${line#"$dir/c: "}
			sum=$((sum + ${line%% *})) ;;
		esac
	done
	kill -TERM "$pid"
	end && [ $sum -eq 3 ]
}

one_directory_twice() {
	mkdir "$dir/d" && start "$dir/d" "$dir/../${dir##*/}/d" || return
	rmdir "$dir/d"
	end && printed "$dir/d: no longer watched" \
		"$dir/../${dir##*/}/d: no longer watched"
}

nothing_to_watch() {
	"$program" "$dir/missing" >"$dir/out" 2>"$dir/errors"
	[ $? -eq 1 ] && grep -q missing "$dir/errors"
}

for case in ends_with_its_directories counts_changes \
	    one_directory_twice nothing_to_watch; do
	$case
	result $? $case
done
echo "1..$number"
exit $failed
