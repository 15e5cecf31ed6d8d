#!/bin/sh
# SPDX-License-Identifier: MIT
#
# inspect.sh - the echo server says what its loop does, when it is asked.

# shellcheck source=../meta/tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"

server=$top_builddir/examples/echo_server
[ -z "${EMULATOR-}" ] || skip_all 'not with an emulator'
[ -x "$server" ] || skip_all 'the examples are not built'
unset IV_SELECT_POLL_METHOD IV_EXCLUDE_POLL_METHOD

clean_up() {
	[ -z "${pid-}" ] || kill -KILL "$pid" 2>/dev/null
	rm -rf "$tmp"
}
trap clean_up EXIT
mkfifo "$tmp/said" || exit 1

"$server" --port 0 >"$tmp/said" 2>"$tmp/errors" </dev/null &
pid=$!
exec 3<"$tmp/said"
read -r _ <&3

# dash knows names by numbers only.
number=1
until [ "$number" = 64 ] || [ "$(kill -l "$number")" = USR1 ]; do
	number=$((number + 1))
done

# report: asks, and has the figures in $figures and the rest in $tmp/dump
report() {
	kill -USR1 "$pid"
	read -r figures <&3
	: >"$tmp/dump"
	while read -r line <&3; do
		echo "$line" >>"$tmp/dump"
		case $line in
		"iv_signal "*"signal $number,"*) break ;;
		esac
	done
}

# figure NAME
figure() {
	echo "$figures" | sed -n "s/.* $1=\([0-9]*\).*/\1/p"
}

report
echo "# $figures"
sed 's/^/# /' "$tmp/dump"
report
echo "# $figures"
equal "$(figure fds)" 2 'descriptors: the listener, and that of signals'
equal "$(figure timers)" 0 'no timers'
# In its handler, a signal has a task that goes on should that not return.
equal "$(figure holds)" 3 'what keeps it running is counted'
none "$([ "$(figure turns)" -ge "$(figure waits)" ] || echo "$figures")" \
	'a turn has one wait at most'
none "$(grep -c '^iv_fd 0x' "$tmp/dump" | grep -v '^2$')" \
	'a line for each descriptor'
none "$(grep -q '^kept running by 3: 2 iv_fd, 0 iv_timer, 1 iv_task' "$tmp/dump" ||
	cat "$tmp/dump")" 'what keeps it running'
none "$([ "$(figure fd_calls)" -gt 0 ] || echo "$figures")" \
	'calls are counted'
none "$([ "$(figure longest_us)" -ge 0 ] || echo "$figures")" \
	'times are taken from the first report on'

exec 4<&3
kill -TERM "$pid"
cat <&4 >"$tmp/rest"
wait "$pid"
equal "$?" 0 'it ends as it should'
pid=
none "$(grep -q '^statistics: ' "$tmp/rest" || cat "$tmp/rest")" \
	'with its statistics'
finish
