#!/bin/sh
# SPDX-License-Identifier: MIT
#
# abi.sh - the ABI: nothing that was there is gone or has changed.  Compared
# are Debian's libivykis0 with its debug symbols, where they are installed,
# and the signature of our last release, abi/ARCHITECTURE.abi, made by
# "make abi-signature".

: "${top_srcdir:=.}" "${top_builddir:=.}" "${CC:=cc}"
lib=$top_builddir/lib/.libs/libivykis.so.0
# shellcheck disable=SC2086
arch=$($CC $CFLAGS -dumpmachine | sed 's/-.*//')
signature=$top_srcdir/abi/$arch.abi
debian=/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null)/libivykis.so.0
failed=0

# compare NUMBER NAME ARGS...
compare() {
	number=$1 name=$2
	shift 2
	if out=$(abidiff --no-added-syms "$@" "$lib" 2>&1); then
		echo "ok $number - $name"
	else
		printf '%s\n' "$out" | sed 's/^/# /'
		echo "not ok $number - $name"
		failed=1
	fi
}

debian_debug() {
	id=$(readelf -n "$debian" 2>/dev/null | sed -n 's/.*Build ID: //p')
	file=$(printf '%s' "$id" | sed 's|^..|&/|')
	[ -n "$id" ] && [ -e "/usr/lib/debug/.build-id/$file.debug" ]
}

echo 1..2
if ! command -v abidiff >/dev/null; then
	reason='abidiff is not installed'
elif [ ! -e "$lib" ]; then
	reason='no shared library was built'
elif ! readelf -S "$lib" | grep -q '\.debug_info'; then
	reason='the library was built without debugging information'
elif ! nm -D "$lib" | grep -q 'iv_inotify_register'; then
	reason='the library was built without inotify'
elif ! readelf -d "$lib" | grep -q 'NEEDED.*\[libc\.so\.6\]'; then
	reason='the types of another C library have other names'
elif nm -D "$lib" | grep -q 'U __[atu]*san_'; then
	reason='the library was built with a sanitizer'
else
	reason=
fi

if [ -n "$reason" ]; then
	echo "ok 1 # SKIP $reason"
	echo "ok 2 # SKIP $reason"
	exit 0
fi
if debian_debug && "$CC" -dumpmachine | grep -q "^$(uname -m)"; then
	compare 1 "Debian's libivykis0" --d1 /usr/lib/debug "$debian"
else
	echo "ok 1 # SKIP no debug symbols of Debian's libivykis0"
fi
if [ -e "$signature" ]; then
	compare 2 "signature of the last release" "$signature"
else
	echo "ok 2 # SKIP no signature for $arch"
fi
exit $failed
