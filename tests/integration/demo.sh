#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The echo server and its load generator against each other, for each poll
# method: under load, without descriptors, with clients that die, and told to
# end in the middle of it.

: "${top_builddir:=.}"
server=$top_builddir/examples/echo_server
load=$top_builddir/examples/echo_load
methods=${IV_TEST_METHODS:-epoll-timerfd epoll ppoll poll}
limit=$((60 * ${IV_TEST_TIME_SCALE:-1}))
number=0
failed=0
server_pid=
load_pid=

if [ -n "${EMULATOR-}" ]; then
	echo "1..0 # SKIP an emulated program cannot start another"
	exit 0
fi
for program in "$server" "$load"; do
	if ! [ -x "$program" ]; then
		echo "1..0 # SKIP $program is not built"
		exit 0
	fi
done
unset IV_SELECT_POLL_METHOD IV_EXCLUDE_POLL_METHOD

dir=$(mktemp -d) || exit 1
clean_up() {
	[ -z "$server_pid" ] || kill -KILL "$server_pid" 2>/dev/null
	[ -z "$load_pid" ] || kill -KILL "$load_pid" 2>/dev/null
	rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM
mkfifo "$dir/server" "$dir/load" || exit 1

# result STATUS NAME: STATUS 0 is a pass; otherwise shows the files.
result() {
	number=$((number + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $number - $2"
		return
	fi
	for file in statistics table errors; do
		[ ! -s "$dir/$file" ] || sed "s/^/# $file: /" "$dir/$file"
	done
	echo "not ok $number - $2"
	failed=1
}

skip() {
	number=$((number + 1))
	echo "ok $number - $1 # SKIP $2"
}

have() {
	command -v "$1" >/dev/null 2>&1
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
	: >"$dir/table"
	: >"$dir/statistics"
	"$server" --port 0 --method "$method" "$@" \
		>"$dir/server" 2>"$dir/errors" </dev/null &
	server_pid=$!
	exec 3<"$dir/server"
	port=$(limited head -n 1 <&3 |
		sed -n 's/^listening:.* port=\([0-9]*\) .*/\1/p')
	[ -n "$port" ]
}

# end_server: its last line is in statistics.  Fails if it does.
end_server() {
	kill -TERM "$server_pid"
	limited cat <&3 >"$dir/statistics" || kill -KILL "$server_pid"
	exec 3<&-
	wait "$server_pid"
	status=$?
	server_pid=
	[ $status -eq 0 ]
}

# statistic NAME
statistic() {
	value=$(sed -n "s/^statistics:.* $1=\([0-9]*\) .*/\1/p" \
		"$dir/statistics")
	echo "${value:-missing}"
}

# in_table NAME: the number in that row
in_table() {
	value=$(sed -n "s/^$1  *\([0-9]*\).*/\1/p" "$dir/table")
	echo "${value:-missing}"
}

# run_load OPTION...
run_load() {
	"$load" --method "$method" "$@" >"$dir/table" 2>"$dir/errors"
}

connect_load() {
	run_load --connect "127.0.0.1:$port" "$@"
}

# start_load OPTION...: returns when all connections are open
start_load() {
	"$load" --connect "127.0.0.1:$port" --method "$method" "$@" \
		>"$dir/table" 2>"$dir/load" &
	load_pid=$!
	exec 4<"$dir/load"
	limited head -n 1 <&4 >"$dir/line"
	grep -q "connections open" "$dir/line"
}

# end_load: waits for it, sets $status
end_load() {
	limited cat <&4 >"$dir/errors" || kill -KILL "$load_pid"
	exec 4<&-
	wait "$load_pid"
	status=$?
	load_pid=
}

# ---- Cases: each is run once per poll method -------------------------------

under_load() {
	: >"$dir/statistics"
	run_load --server "$server" --connections 200 --seconds 1 &&
		[ "$(in_table 'server accepted')" = 200 ] &&
		[ "$(in_table 'connections answered')" = 200 ] &&
		[ "$(in_table 'server accept pauses')" = 0 ]
}

one_connection() {
	run_load --server "$server" --connections 1 --requests 100 &&
		[ "$(in_table requests)" = 100 ]
}

# More than the buffers of a socket hold, so writes are partial.
large_messages() {
	run_load --server "$server" --connections 4 --requests 3 \
		--size 1000000 --seconds 60 &&
		[ "$(in_table requests)" = 12 ]
}

# Everybody is served in the end.  If accepting was not suspended each turn of
# the loop would try it, and requests need thousands of turns.
without_descriptors() {
	start_server --descriptors 40 || return
	connect_load --connections 200 --requests 100 --seconds 60
	status=$?
	end_server && [ $status -eq 0 ] &&
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
	end_server && [ $status -eq 0 ] &&
		[ "$(statistic accepted)" = 201 ] &&
		[ "$(statistic active)" = 0 ] &&
		[ "$(statistic cut)" = 0 ]
}

# Everybody has the answer to what the server has got, and no reset.
terminated_under_load() {
	start_server && start_load --connections 200 --seconds 60 || return
	end_server || return
	end_load
	[ $status -eq 1 ] &&
		[ "$(in_table 'connections lost')" = 0 ] &&
		[ "$(in_table 'connections never answered')" = 0 ] &&
		[ "$(in_table 'connections server closed')" = 200 ] &&
		[ "$(in_table 'wrong echoes')" = 0 ] &&
		[ "$(statistic accepted)" = 200 ] &&
		[ "$(statistic active)" = 0 ] &&
		[ "$(statistic reset)" = 0 ]
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
	end_server && [ $status -eq 0 ] && [ "$(statistic reset)" = 0 ]
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

# The server ends at once if the method is there.
method_is_known() {
	: | "$server" --port 0 --until-eof --method "$method" \
		>/dev/null 2>"$dir/errors"
}

for method in $methods; do
	if ! method_is_known; then
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
	limited "$@" >"$dir/table" 2>"$dir/errors" </dev/null
	status=$?
	[ $status -eq 2 ] && grep -q -e "$text" "$dir/errors"
	result $? "refused: ${*#"$top_builddir/examples/"}"
}

refused 'nonsense' "$server" --method nonsense
refused 'nonsense' "$load" --server "$server" --method nonsense
refused 'loopback' "$load" --connect 192.0.2.1:7
refused 'not a number' "$server" --port 65536
refused 'not a number' "$load" --server "$server" --seconds 601
refused 'is needed' "$load"
refused 'not an option' "$server" 7777

echo "1..$number"
exit $failed
