# shellcheck shell=sh
# SPDX-License-Identifier: MIT
#
# What the scripts of tests/meta share: TAP.  To be sourced:
#	. "${top_srcdir:=.}/tests/meta/tap.sh"
# $tmp is a directory that is removed at the end.

: "${top_srcdir:=.}" "${top_builddir:=.}"
tap_number=0
tap_failed=0
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
LC_ALL=C
export LC_ALL

# none COMPLAINTS NAME: passes if there are none, else shows them.
none() {
	tap_number=$((tap_number + 1))
	if [ -z "$1" ]; then
		echo "ok $tap_number - $2"
		return
	fi
	printf '%s\n' "$1" | sed 's/^/# /'
	echo "not ok $tap_number - $2"
	tap_failed=1
}

# method_works METHOD: a server that ends at once can use it here.
method_works() {
	: | "$top_builddir/examples/echo_server" --port 0 --until-eof \
		--method "$1" >/dev/null 2>&1
}

# equal GOT WANTED NAME
equal() {
	if [ "$1" = "$2" ]; then
		none '' "$3"
	else
		none "got \"$1\", wanted \"$2\"" "$3"
	fi
}

# skip NAME REASON
skip() {
	tap_number=$((tap_number + 1))
	echo "ok $tap_number - $1 # SKIP $2"
}

# skip_all REASON
skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

# finish: the last line of a script.
finish() {
	echo "1..$tap_number"
	exit "$tap_failed"
}

# have COMMAND
have() {
	command -v "$1" >/dev/null 2>&1
}
