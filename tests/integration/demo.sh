#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The echo server and its load generator against each other, for each poll
# method: under load, without descriptors, with clients that die, and told to
# end in the middle of it.

# shellcheck disable=SC2016,SC2317 # '$1' is for bash; cases are called by name

# shellcheck source=../meta/tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"

server=$top_builddir/examples/echo_server
load=$top_builddir/examples/echo_load
methods=${IV_TEST_METHODS:-epoll-timerfd epoll ppoll poll}
limit=$((60 * ${IV_TEST_TIME_SCALE:-1}))
server_pid=
load_pid=

[ -z "${EMULATOR-}" ] || skip_all 'an emulated program cannot start another'
[ -x "$load" ] || skip_all 'the examples are not built'
unset IV_SELECT_POLL_METHOD IV_EXCLUDE_POLL_METHOD

clean_up() {
	[ -z "$server_pid" ] || kill -KILL "$server_pid" 2>/dev/null
	[ -z "$load_pid" ] || kill -KILL "$load_pid" 2>/dev/null
	rm -rf "$tmp"
}
trap clean_up EXIT
mkfifo "$tmp/server" "$tmp/load" || exit 1

# result STATUS NAME: STATUS 0 is a pass; otherwise shows what was printed.
result() {
	if [ "$1" -eq 0 ]; then
		none '' "$2"
	else
		none "$(cd "$tmp" && tail -n 40 statistics table errors)" "$2"
	fi
}

# Nothing here waits for ever, even if a program under test does.
limited() {
	if have timeout; then
		timeout "$limit" "$@"
	else
		"$@"
	fi
}

# start_server [OPTION...]: sets $port and $server_pid
start_server() {
	: >"$tmp/table"
	: >"$tmp/statistics"
	"$server" --port 0 --method "$method" "$@" \
		>"$tmp/server" 2>"$tmp/errors" </dev/null &
	server_pid=$!
	exec 3<"$tmp/server"
	port=$(limited head -n 1 <&3 |
		sed -n 's/^listening:.* port=\([0-9]*\) .*/\1/p')
	[ -n "$port" ]
}

# end_server: its last line is in statistics.  Fails if it does.
end_server() {
	kill -TERM "$server_pid"
	limited cat <&3 >"$tmp/statistics" || kill -KILL "$server_pid"
	exec 3<&-
	wait "$server_pid"
	status=$?
	server_pid=
	[ "$status" -eq 0 ]
}

# statistic NAME
statistic() {
	value=$(sed -n "s/^statistics:.* $1=\([0-9]*\) .*/\1/p" \
		"$tmp/statistics")
	echo "${value:-missing}"
}

# in_table NAME: the number in that row
in_table() {
	value=$(sed -n "s/^$1  *\([0-9]*\).*/\1/p" "$tmp/table")
	echo "${value:-missing}"
}

# run_load OPTION...
run_load() {
	"$load" --method "$method" "$@" >"$tmp/table" 2>"$tmp/errors"
}

connect_load() {
	run_load --connect "127.0.0.1:$port" "$@"
}

# start_load OPTION...: returns when all connections are open
start_load() {
	"$load" --connect "127.0.0.1:$port" --method "$method" "$@" \
		>"$tmp/table" 2>"$tmp/load" &
	load_pid=$!
	exec 4<"$tmp/load"
	limited head -n 1 <&4 >"$tmp/line"
	grep -q "connections open" "$tmp/line"
}

# end_load: waits for it, sets $status
end_load() {
	limited cat <&4 >"$tmp/errors" || kill -KILL "$load_pid"
	exec 4<&-
	wait "$load_pid"
	status=$?
	load_pid=
}

# ---- Cases: each is run once per poll method -------------------------------

under_load() {
	: >"$tmp/statistics"
	run_load --server "$server" --connections 200 --seconds 1 &&
		[ "$(in_table 'server accepted')" = 200 ] &&
		[ "$(in_table 'connections answered')" = 200 ] &&
		[ "$(in_table 'server accept pauses')" = 0 ]
}

one_connection() {
	run_load --server "$server" --connections 1 --requests 100 &&
		[ "$(in_table requests)" = 100 ]
}

# With so small a buffer no write of the server is complete.
large_messages() {
	start_server --send-buffer 4096 || return
	connect_load --connections 4 --requests 3 --size 300000 --seconds 60
	status=$?
	end_server && [ "$status" -eq 0 ] &&
		[ "$(in_table requests)" = 12 ] &&
		[ "$(statistic received)" = 3600000 ] &&
		[ "$(statistic sent)" = 3600000 ] &&
		[ "$(statistic stuck)" -ge 12 ]
}

# Everybody is served in the end.  If accepting was not suspended each turn of
# the loop would try it, and requests need thousands of turns.
without_descriptors() {
	start_server --descriptors 40 || return
	connect_load --connections 200 --requests 100 --seconds 60
	status=$?
	end_server && [ "$status" -eq 0 ] &&
		[ "$(in_table 'connections answered')" = 200 ] &&
		[ "$(statistic accepted)" = 200 ] &&
		[ "$(statistic peak)" -lt 40 ] &&
		[ "$(statistic requests)" -ge 20000 ] &&
		[ "$(statistic pauses)" -ge 1 ] &&
		[ "$(statistic pauses)" -le 260 ]
}

# The server lives on, without a trace of the dead.
killed_clients() {
	start_server && start_load --connections 200 --seconds 60 || return
	kill -KILL "$load_pid"
	end_load 2>/dev/null
	connect_load --connections 1 --requests 10
	status=$?
	end_server && [ "$status" -eq 0 ] &&
		[ "$(statistic accepted)" = 201 ] &&
		[ "$(statistic active)" = 0 ] &&
		[ "$(statistic cut)" = 0 ]
}

# Everybody has the answer to what the server has got, and no reset.
terminated_once() {
	start_server && start_load --connections 200 --seconds 60 || return
	end_server || return
	end_load
	[ "$status" -eq 1 ] &&
		[ "$(in_table 'connections lost')" = 0 ] &&
		[ "$(in_table 'connections never answered')" = 0 ] &&
		[ "$(in_table 'connections server closed')" = 200 ] &&
		[ "$(in_table 'wrong echoes')" = 0 ] &&
		[ "$(statistic accepted)" = 200 ] &&
		[ "$(statistic active)" = 0 ] &&
		[ "$(statistic cut)" = 0 ] &&
		[ "$(statistic reset)" = 0 ]
}

# What a signal interrupts is a matter of luck.
terminated_under_load() {
	terminated_once && terminated_once && terminated_once
}

idle_client() {
	start_server --idle 1 || return
	echo=$(limited bash -c 'exec 5<>"/dev/tcp/127.0.0.1/$1" &&
		echo hello >&5 && cat <&5' bash "$port")
	end_server && [ "$echo" = hello ] && [ "$(statistic idle)" = 1 ]
}

# A client that first sends everything, then closes its end, then reads.
half_close() {
	start_server || return
	limited perl -e '
		use IO::Socket::INET;
		my $s = IO::Socket::INET->new("127.0.0.1:$ARGV[0]") or exit 1;
		my $text = join("", map { "line $_\n" } 1 .. 2000);
		print $s $text;
		$s->flush;
		$s->shutdown(1);
		my $echo = join("", <$s>);
		exit($echo eq $text ? 0 : 1);
	' "$port"
	status=$?
	end_server && [ "$status" -eq 0 ] && [ "$(statistic reset)" = 0 ]
}

# try CASE
try() {
	"$1"
	result $? "$1 [$method]"
}

# try_with PROGRAM CASE
try_with() {
	if have "$1"; then
		try "$2"
	else
		skip "$2 [$method]" "no $1"
	fi
}

for method in $methods; do
	if ! method_works "$method"; then
		skip "$method" "not in this build"
		continue
	fi
	try under_load
	try one_connection
	try large_messages
	try without_descriptors
	try killed_clients
	try terminated_under_load
	try_with bash idle_client
	try_with perl half_close
done

# refused TEXT PROGRAM ARGUMENT...: a usage error with TEXT
refused() {
	text=$1
	shift
	limited "$@" >"$tmp/table" 2>"$tmp/errors" </dev/null
	status=$?
	[ "$status" -eq 2 ] && grep -q -e "$text" "$tmp/errors"
	result $? "refused: $(echo "$*" | sed "s,$top_builddir/examples/,,g")"
}

: >"$tmp/statistics"
refused 'nonsense' "$server" --method nonsense
refused 'nonsense' "$load" --server "$server" --method nonsense
refused 'loopback' "$load" --connect 192.0.2.1:7
refused 'not a number' "$server" --port 65536
refused 'not a number' "$load" --server "$server" --seconds 601
refused 'is needed' "$load"
refused 'not an option' "$server" 7777

finish
