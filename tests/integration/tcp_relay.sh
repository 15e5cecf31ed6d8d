#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The relay between the echo server and its load generator, for each poll
# method; and without a server.

: "${top_builddir:=.}"
examples=$top_builddir/examples
methods=${IV_TEST_METHODS:-epoll-timerfd epoll ppoll poll}
number=0
failed=0
server_pid=
relay_pid=

if [ -n "${EMULATOR-}" ]; then
	echo "1..0 # SKIP an emulated program cannot start another"
	exit 0
fi
for program in echo_server echo_load tcp_relay; do
	if ! [ -x "$examples/$program" ]; then
		echo "1..0 # SKIP $program is not built"
		exit 0
	fi
done
unset IV_SELECT_POLL_METHOD IV_EXCLUDE_POLL_METHOD

dir=$(mktemp -d) || exit 1
clean_up() {
	[ -z "$server_pid" ] || kill -KILL "$server_pid" 2>/dev/null
	[ -z "$relay_pid" ] || kill -KILL "$relay_pid" 2>/dev/null
	rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM
mkfifo "$dir/server" "$dir/relay" || exit 1

# result STATUS NAME: STATUS 0 is a pass; otherwise shows what was printed.
result() {
	number=$((number + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $number - $2"
		return
	fi
	for file in "$dir"/*.out; do
		[ ! -s "$file" ] || sed "s/^/# ${file##*/}: /" "$file"
	done
	echo "not ok $number - $2"
	failed=1
}

port_of() {
	sed -n 's/^listening:.* port=\([0-9]*\) .*/\1/p'
}

start_server() {
	"$examples/echo_server" --port 0 >"$dir/server" 2>"$dir/server.out" &
	server_pid=$!
	exec 3<"$dir/server"
	server_port=$(head -n 1 <&3 | port_of)
	[ -n "$server_port" ]
}

end_server() {
	kill -TERM "$server_pid"
	cat <&3 >>"$dir/server.out"
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
	relay_port=$(head -n 1 <&4 | port_of)
	[ -n "$relay_port" ]
}

# end_relay ACCEPTED FAILED: it says so.
end_relay() {
	kill -TERM "$relay_pid"
	cat <&4 >>"$dir/relay.out"
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
	for case in under_load large_messages without_a_server; do
		$case
		result $? "$case [$method]"
	done
done
echo "1..$number"
exit $failed
