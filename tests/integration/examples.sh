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

# start PROGRAM ARGUMENT...: its output is descriptor 3.  With no more than $few
# descriptors, if that is set.
start() {
	program=$1
	shift
	(
		# shellcheck disable=SC3045 # every sh that there is has -n
		[ -z "${few-}" ] || ulimit -n "$few" || exit 1
		exec "$examples/$program" "$@"
	) >"$tmp/out" &
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

# ---- cron_lite --------------------------------------------------------------

long=$(printf '%0240d' 1)
cat >"$tmp/table" <<EOF
# a comment
*/20,7 8-17 * 1-12/2 1-5 echo work
30 12 29 2 * echo leap
every 1 echo second; exit 3
at 100 echo once; echo $long
EOF
start cron_lite "$tmp/table"
none "$(until_line '* 12:30:00: echo leap'; until_line once
	until_line "$long"
	until_line 'exit 3: *'; kill -USR1 "$pid"
	until_line 'never: echo once*'; until_line second)" \
	'cron_lite: once, and each second'
end TERM
equal "$(tail -n 1 "$tmp/rest")" 'status 0' 'cron_lite: SIGTERM'
printf '61 * * * * echo wrong\n' >"$tmp/table"
equal "$("$examples/cron_lite" "$tmp/table" 2>&1 | sed 's/.*table//')" \
	':1: cannot read that' 'cron_lite: no such minute'

# For real: a clock that is set while the program runs.  Who fakes it tells no
# timerfd, so there must be none.
# shellcheck disable=SC2016 # for the inner shell
faketime=$(faketime -f +0 sh -c 'echo "$LD_PRELOAD"' 2>/dev/null)
case ${LDFLAGS-}${CFLAGS-} in *sanitize*) faketime='' ;; esac
# set_clock TIME: and wakes it
set_clock() {
	echo "@$1" >"$tmp/stamp.new"
	mv "$tmp/stamp.new" "$tmp/stamp"
	kill -USR1 "$pid"
}
if [ -n "$faketime" ] && strace -o /dev/null \
	-e inject=timerfd_create:error=EPERM true 2>/dev/null
then
	printf '%s\n' '0 12 * * * echo noon' '0 13 * * * echo one' \
		'0 9 2 6 * echo nine' '0 8 15 6 7 echo either' >"$tmp/table"
	echo '@2026-06-01 11:59:59' >"$tmp/stamp"
	TZ=UTC LD_PRELOAD=$faketime FAKETIME_TIMESTAMP_FILE=$tmp/stamp \
	FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 \
		strace -D -o /dev/null -e inject=timerfd_create:error=EPERM \
		"$examples/cron_lite" "$tmp/table" >"$tmp/out" &
	pid=$!
	exec 3<"$tmp/out"
	none "$(until_line 'Sun 2026-06-07 08:00:00: echo either'
		until_line noon
		set_clock '2026-06-01 12:59:59'; until_line one
		set_clock '2026-06-02 09:30:00'
		until_line '* 09:00:00: echo nine'
		set_clock '2026-06-01 11:59:59'; until_line noon
		set_clock '2026-06-02 08:59:59'; until_line nine)" \
		'cron_lite: the clock is set'
	end TERM
	equal "$(cat "$tmp/rest")" 'status 0' 'cron_lite: no burst'
else
	skip 'cron_lite: the clock is set' 'no libfaketime, or no strace'
	skip 'cron_lite: no burst' 'no libfaketime, or no strace'
fi
# ---- init_lite --------------------------------------------------------------

start init_lite 'exit 3' 'sleep 1000' '(sleep 0.1 &)'
none "$(until_line 'exit 3: status 3'; until_line 'exit 3: again in 100 ms'
	until_line 'exit 3: again in 200 ms')" 'init_lite: restarts, each time later'
none "$(until_line 'orphan: *')" 'init_lite: orphans are waited for'
end TERM
equal "$(grep -c '^sleep 1000: signal 15$' "$tmp/rest") $(tail -n 1 "$tmp/rest")" \
	'1 status 0' 'init_lite: SIGTERM'

# ---- echo_server ------------------------------------------------------------

start echo_server --port 0 --report 1
none "$(until_line 'report: accepted=0 *'; until_line 'report: *')" \
	'echo_server: statistics each second'
end TERM
equal "$(sed -n 's/^\(statistics\): accepted.*/\1/p; /^status/p' "$tmp/rest")" \
	'statistics
status 0' 'echo_server: SIGTERM'

# ---- echo_threads -----------------------------------------------------------

start echo_threads 0 3
first_line
port=$(echo "$line" | sed -n 's/.*port=\([0-9]*\) .*/\1/p')
none "$("$examples/echo_load" --connect "127.0.0.1:$port" --connections 30 \
	--seconds 1 --requests 20 >"$tmp/load.out" 2>&1 || cat "$tmp/load.out")" \
	'echo_threads: all that is sent comes back'
# One by one they are for each thread in turn, where loops can share: elsewhere
# all wake up, and who is first has it.
case $line in
*method=epoll*) least=3 ;;
*) least=1 ;;
esac
i=0
while [ $i -lt 6 ]; do
	"$examples/echo_load" --connect "127.0.0.1:$port" --connections 1 \
		--seconds 1 --requests 1 >/dev/null 2>&1
	i=$((i + 1))
done
end TERM
equal "$(awk -v least="$least" '/^thread/ && $3 > 0 { n++ } /^status/
	END { print (n >= least ? "enough" : n), "threads had clients" }' \
	"$tmp/rest")" 'status 0
enough threads had clients' 'echo_threads: SIGTERM'

# ---- evio_server ------------------------------------------------------------

if [ -x "$examples/evio_server" ]; then
	start evio_server 0
	first_line
	port=${line##*port=}
	none "$("$examples/echo_load" --connect "127.0.0.1:$port" \
		--connections 30 --seconds 1 --requests 20 >"$tmp/load.out" \
		2>&1 || cat "$tmp/load.out")" \
		'evio_server: all that is sent comes back'
	end TERM

	# Most of them have to wait until others have gone.
	few=16
	start evio_server 0
	few=
	first_line
	port=${line##*port=}
	none "$("$examples/echo_load" --connect "127.0.0.1:$port" \
		--connections 30 --seconds 1 --requests 20 >"$tmp/load.out" \
		2>&1 || cat "$tmp/load.out")" \
		'evio_server: without descriptors left, others wait'
	end TERM
else
	skip 'evio_server' 'not built'
fi

# ---- Compilers ---------------------------------------------------------------

none "$(for example in "$top_srcdir"/examples/*.c; do
	case $example in
	*/in_glib.c) continue ;;
	esac
	for standard in c99 c11 gnu17; do
		# shellcheck disable=SC2086 # a list of words
		${CC:-cc} -std=$standard -fsyntax-only -I"$top_srcdir/include" \
			-I"$top_srcdir/include/ivykis-evio" "$example" 2>&1
	done
done)" 'examples compile by each standard of C'
finish
