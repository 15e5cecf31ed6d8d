#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The smaller examples do what they say.

# shellcheck source=../meta/tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"

examples=$top_builddir/examples
pid=

[ -z "${EMULATOR-}" ] || skip_all 'an emulated program cannot start another'
have timeout || skip_all 'there is no timeout(1)'

trap '[ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null; rm -rf "$tmp"' EXIT
mkfifo "$tmp/out" || exit 1

# start PROGRAM ARGUMENT...: its output is descriptor 3.
start() {
	program=$1
	shift
	"$examples/$program" "$@" >"$tmp/out" &
	pid=$!
	exec 3<"$tmp/out"
}

# first_line: of the output, into $line
first_line() {
	# shellcheck disable=SC2016 # for the inner shell
	line=$(timeout 100 sh -c 'read -r line && echo "$line"' <&3)
}

# end SIGNAL: the rest of the output and the status go to a file, rest.
end() {
	kill -"$1" "$pid"
	timeout 100 cat <&3 >"$tmp/rest" || kill -KILL "$pid"
	exec 3<&-
	wait "$pid"
	echo "status $?" >>"$tmp/rest"
	pid=
}

# ---- hash_files -------------------------------------------------------------

if have sha256sum; then
	i=0
	while [ $i -lt 20 ]; do
		head -c $((i * i * 500)) "$top_srcdir/NEWS" /dev/zero \
			>"$tmp/file$i"
		i=$((i + 1))
	done
	equal "$("$examples/hash_files" --threads 3 "$tmp"/file* | sort)" \
		"$(sha256sum "$tmp"/file* | sort)" 'hash_files: as sha256sum'
	"$examples/hash_files" "$tmp/none" "$tmp/file1" >"$tmp/hash.out" \
		2>"$tmp/hash.err"
	equal "$? $(wc -l <"$tmp/hash.out") $(grep -c none "$tmp/hash.err")" \
		'1 1 1' 'hash_files: a file that cannot be read'
else
	skip 'hash_files' 'no sha256sum'
fi

# ---- run_jobs ---------------------------------------------------------------

equal "$(printf 'exit 3\ntrue\nkill -9 $$\n' | "$examples/run_jobs" -j 3 |
	sed 's/, .*s:/:/' | sort)" \
	'3 jobs, 2 failed
exit 0: true
exit 3: exit 3
signal 9: kill -9 $$' 'run_jobs: what becomes of jobs'
equal "$("$examples/run_jobs" -j 1 seq -f 'echo %g' 3 </dev/null |
	grep -v '^exit 0')" \
	'1
2
3
3 jobs, 0 failed' 'run_jobs: a list that a program prints'
start run_jobs sh -c 'echo "echo up; exec sleep 100"; exec sleep 100'
first_line
end TERM
equal "$line $(sed 's/, .*s:/:/' "$tmp/rest")" \
	'up signal 15: echo up; exec sleep 100
1 jobs, 1 failed
status 1' 'run_jobs: SIGTERM'

# ---- reload -----------------------------------------------------------------

# until_line PATTERN
until_line() {
	while read -r line <&3; do
		# shellcheck disable=SC2254
		case $line in
		$1) return ;;
		esac
	done
	echo "no line $1"
}

printf 'interval 10\ntext one\n' >"$tmp/config"
start reload "$tmp/config"
first_line
until_line 'one *'
printf 'interval 10\ntext two\n' >"$tmp/config"
kill -HUP "$pid"
none "$(until_line 'reloaded 1'; until_line 'two *')" 'reload: SIGHUP'
printf 'interval nothing\n' >"$tmp/config"
kill -HUP "$pid"
none "$(until_line 'refused: * line 1'; until_line 'two *')" \
	'reload: a mistake changes nothing'
kill -USR2 "$pid"
none "$(until_line held; kill -INT "$pid"; until_line 'not now')" \
	'reload: SIGINT is held back'
end TERM
equal "$(sed -n 's/^beats [0-9]*, //p; /^status/p' "$tmp/rest")" \
	'reloads 1, refusals 1
status 0' 'reload: SIGTERM'

# ---- echo_threads -----------------------------------------------------------

start echo_threads 0 3
first_line
port=$(echo "$line" | sed -n 's/.*port=\([0-9]*\) .*/\1/p')
none "$("$examples/echo_load" --connect "127.0.0.1:$port" --connections 30 \
	--seconds 1 --requests 20 >"$tmp/load.out" 2>&1 || cat "$tmp/load.out")" \
	'echo_threads: all that is sent comes back'
end TERM
equal "$(awk '/^thread/ && $3 > 0 { n++ } /^status/
	END { print n, "threads had clients" }' "$tmp/rest")" \
	'status 0
3 threads had clients' 'echo_threads: SIGTERM'

finish
