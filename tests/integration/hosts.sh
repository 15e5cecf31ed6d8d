#!/bin/sh
# SPDX-License-Identifier: MIT
#
# hosts.sh - an ivykis loop inside those of GLib, libuv, libev and of a program
# that calls poll(2), and GLib and libuv inside ours; and the examples of that.

# shellcheck source=../meta/tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"

: "${CC:=cc}" "${top_builddir:=.}"
libs=$top_builddir/lib/.libs

[ -z "${EMULATOR:-}" ] || skip_all 'cross build'
[ -f "$libs/libivykis.so.0" ] || skip_all 'no shared library was built'
have timeout || skip_all 'there is no timeout(1)'
case ${CFLAGS:-} in
*-fsanitize* | *--coverage*)
	skip_all 'the library needs a run-time that the program lacks' ;;
esac

# switches LIBRARY: what compiles a program with it, in $flags; or false
switches() {
	case $1 in
	POLL)	flags= ;;
	GLIB)	flags=$(pkg-config --cflags --libs glib-2.0 2>/dev/null) ;;
	UV)	flags=$(pkg-config --cflags --libs libuv 2>/dev/null) ;;
	EV)	echo '#include <ev.h>' | $CC -E - >/dev/null 2>&1 &&
			flags=-lev ;;
	esac
}

# build PROGRAM SOURCE SWITCH...: false if it does not compile
build() {
	program=$1
	source=$2
	shift 2
	# shellcheck disable=SC2086 # words
	$CC -std=gnu11 -I"$top_srcdir/include" -o "$tmp/$program" "$source" \
		"$@" -L"$libs" -livykis -pthread >"$tmp/cc.log" 2>&1 || {
		sed 's/^/# /' "$tmp/cc.log"
		return 1
	}
}

everything='100 posts 100 bytes 100 beats 100 tasks'

# run WHAT: on every method
run() {
	for method in epoll-timerfd epoll ppoll poll; do
		if ! method_works "$method"; then
			skip "$1 [$method]" 'not in this build'
			continue
		fi
		equal "$(LD_LIBRARY_PATH=$libs IV_SELECT_POLL_METHOD=$method \
			timeout 100 "$tmp/program" 2>&1)" "$everything" \
			"$1 [$method]"
	done
}

# try ROLE LIBRARY WHAT
try() {
	if ! switches "$2"; then
		skip "$3" "$2 is not installed"
		return
	fi
	# shellcheck disable=SC2086 # words
	if build program "$top_srcdir/tests/integration/hosts.c" \
	   "-D$1_$2" $flags; then
		run "$3"
	else
		none 'does not compile' "$3"
	fi
}

try HOST POLL 'inside poll'
try HOST GLIB 'inside GLib'
try HOST UV 'inside libuv'
try HOST EV 'inside libev'
try GUEST GLIB 'GLib inside'
try GUEST UV 'libuv inside'

# ---- Examples -----------------------------------------------------------------

equal "$(printf 'one\ntwo\n' | timeout 100 "$top_builddir/examples/in_poll" |
	sed 's/^[0-9]* /some /')" \
	"$(printf 'one\ntwo\nsome seconds')" 'in_poll: copies, and ends'

if switches GLIB; then
	# shellcheck disable=SC2086 # words
	if build in_glib "$top_srcdir/examples/in_glib.c" $flags; then
		equal "$(printf 'one\ntwo\n' |
			LD_LIBRARY_PATH=$libs timeout 100 "$tmp/in_glib" |
			head -n 2)" \
			"$(printf 'one\ntwo')" 'in_glib: copies, and ends'
	else
		none 'does not compile' 'in_glib: copies, and ends'
	fi
else
	skip 'in_glib' 'GLib is not installed'
fi

finish
