#!/bin/sh
# SPDX-License-Identifier: MIT
#
# installcheck.sh - does a program find and use what `make install' installed?
# Run by `make installcheck', which sets the variables.
set -eu

: "${CC?}" "${CFLAGS?}" "${LDFLAGS?}" "${PKG_CONFIG?}" "${EMULATOR?}"
: "${DESTDIR?}" "${libdir?}" "${pkgconfigdir?}" "${srcdir?}"
: "${enable_shared?}" "${enable_static?}" "${sanitizers?}" "${coverage?}"

fail() {
	echo "installcheck: $*" >&2
	exit 1
}

skip() {
	echo "installcheck: skipped: $*"
	exit 0
}

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

pc() {
	PKG_CONFIG_LIBDIR=$DESTDIR$pkgconfigdir PKG_CONFIG_PATH='' \
		PKG_CONFIG_SYSROOT_DIR=$DESTDIR "$PKG_CONFIG" "$@" ivykis
}

# build PROGRAM [COMPILER FLAG...] -- PKG-CONFIG FLAG...
build() {
	out=$tmp/$1
	shift
	flags=
	while [ "$1" != -- ]; do
		flags="$flags $1"
		shift
	done
	shift
	libs=$(pc "$@")
	# shellcheck disable=SC2086 # lists of words, all of them
	$CC $CFLAGS $LDFLAGS $flags -pthread -o "$out" "$srcdir/tests/consumer.c" \
		$libs || fail "cannot compile a program with: $flags $libs"
}

# run PROGRAM
run() {
	method=$(LD_LIBRARY_PATH=$DESTDIR$libdir $EMULATOR "$tmp/$1") ||
		fail "the $1 program fails"
	echo "installcheck: $1: poll method $method"
}

if grep '@[A-Za-z_]*@' "$DESTDIR$pkgconfigdir/ivykis.pc"; then
	fail "ivykis.pc: something was not substituted"
fi
[ "$sanitizers" = no ] || skip "a library with sanitizers"
[ "$coverage" = no ] || skip "a library that counts lines"
[ -n "$PKG_CONFIG" ] || skip "no pkg-config"
pc --exists || fail "pkg-config does not find ivykis"
pc --atleast-version=0.43.2 || fail "the version is too small"

if [ "$enable_shared" = yes ]; then
	build shared -- --cflags --libs
	run shared
fi

if [ "$enable_static" = yes ]; then
	echo 'int main(void) { return 0; }' >"$tmp/empty.c"
	# shellcheck disable=SC2086
	if $CC $CFLAGS $LDFLAGS -static -o "$tmp/empty" "$tmp/empty.c" \
			2>/dev/null; then
		build static -static -- --static --cflags --libs
		run static
	else
		skip "static: $CC cannot link with -static"
	fi
fi
