#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The relay between the echo server and its load generator, for each poll
# method; and without a server.

# shellcheck source=../meta/tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"

examples=$top_builddir/examples
methods=${IV_TEST_METHODS:-epoll-timerfd epoll ppoll poll}
dir=$tmp
server_pid=
relay_pid=

[ -z "${EMULATOR-}" ] || skip_all 'an emulated program cannot start another'
for program in echo_server echo_load tcp_relay; do
	[ -x "$examples/$program" ] || skip_all "$program is not built"
done
have timeout || skip_all 'there is no timeout(1)'
unset IV_SELECT_POLL_METHOD IV_EXCLUDE_POLL_METHOD

stop() {
	[ -z "$server_pid" ] || kill -KILL "$server_pid" 2>/dev/null
	[ -z "$relay_pid" ] || kill -KILL "$relay_pid" 2>/dev/null
	server_pid=
	relay_pid=
}
trap 'stop; rm -rf "$tmp"' EXIT
mkfifo "$dir/server" "$dir/relay" || exit 1

# result STATUS NAME: STATUS 0 is a pass; otherwise shows what was printed.
result() {
	if [ "$1" -eq 0 ]; then
		none '' "$2"
	else
		none "$(cd "$dir" && tail -n 20 ./*.out)" "$2"
	fi
}

port_of() {
	sed -n 's/^listening:.* port=\([0-9]*\) .*/\1/p'
}

# The reader has the limit: timeout(1) of coreutils 9.1 ends alone, without
# passing it on, if SIGTERM comes before it knows the number of its child.
start_server() {
	"$examples/echo_server" --port 0 >"$dir/server" 2>"$dir/server.out" &
	server_pid=$!
	exec 3<"$dir/server"
	server_port=$(timeout 100 head -n 1 <&3 | port_of)
	[ -n "$server_port" ]
}

end_server() {
	kill -TERM "$server_pid"
	timeout 100 cat <&3 >>"$dir/server.out" || kill -KILL "$server_pid"
	exec 3<&-
	wait "$server_pid"
	status=$?
	server_pid=
	[ $status -eq 0 ]
}

# start_relay TARGET-PORT
start_relay() {
	IV_SELECT_POLL_METHOD=$method "$examples/tcp_relay" \
		0 127.0.0.1 "$1" >"$dir/relay" 2>"$dir/relay.out" &
	relay_pid=$!
	exec 4<"$dir/relay"
	relay_port=$(timeout 100 head -n 1 <&4 | port_of)
	[ -n "$relay_port" ]
}

# end_relay ACCEPTED FAILED: it says so.
end_relay() {
	kill -TERM "$relay_pid"
	timeout 100 cat <&4 >>"$dir/relay.out" || kill -KILL "$relay_pid"
	exec 4<&-
	wait "$relay_pid"
	status=$?
	relay_pid=
	[ $status -eq 0 ] && grep -q "^relayed: accepted=$1 failed=$2 " \
		"$dir/relay.out"
}

# run_load OPTION...
run_load() {
	"$examples/echo_load" --connect "127.0.0.1:$relay_port" "$@" \
		>"$dir/load.out" 2>&1
}

under_load() {
	start_server && start_relay "$server_port" || return
	run_load --connections 100 --requests 50 --seconds 60
	loaded=$?
	end_relay 100 0
	ended=$?
	end_server && [ $loaded -eq 0 ] && [ $ended -eq 0 ]
}

large_messages() {
	start_server && start_relay "$server_port" || return
	run_load --connections 4 --requests 3 --size 1000000 --seconds 60
	loaded=$?
	end_relay 4 0
	ended=$?
	end_server && [ $loaded -eq 0 ] && [ $ended -eq 0 ]
}

# Connections are closed, and nothing else happens.
without_a_server() {
	start_server && end_server && start_relay "$server_port" || return
	run_load --connections 5 --requests 1
	loaded=$?
	end_relay 5 5 && [ $loaded -ne 0 ] &&
		grep -q 'connect: ' "$dir/relay.out"
}

for method in $methods; do
	if ! method_works "$method"; then
		skip "$method" 'not in this build'
		continue
	fi
	for case in under_load large_messages without_a_server; do
		$case
		result $? "$case [$method]"
		stop
	done
done
finish
