#!/bin/sh
# SPDX-License-Identifier: MIT
#
# installcheck.sh - does a program find and use what `make install' installed?
# Run by `make installcheck', which sets the variables.
set -eu

: "${CC?}" "${CFLAGS?}" "${LDFLAGS?}" "${PKG_CONFIG?}" "${EMULATOR?}"
: "${DESTDIR?}" "${libdir?}" "${pkgconfigdir?}" "${srcdir?}"
: "${CXX:=c++}" "${enable_shared?}" "${enable_static?}" "${sanitizers?}" "${coverage?}"

fail() {
	echo "installcheck: $*" >&2
	exit 1
}

skip() {
	echo "installcheck: skipped: $*"
	exit 0
}

case $DESTDIR in
*[[:space:]]*) fail "DESTDIR has white space, pkg-config takes that for words" ;;
esac

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

pc() {
	PKG_CONFIG_LIBDIR=$DESTDIR$pkgconfigdir PKG_CONFIG_PATH='' \
		PKG_CONFIG_SYSROOT_DIR=$DESTDIR "$PKG_CONFIG" "$@" ivykis
}

cp "$srcdir/tests/consumer.c" "$tmp/consumer.c"
cp "$srcdir/tests/consumer.c" "$tmp/consumer.cc"

# by_hand PROGRAM COMPILER SOURCE FLAG... -- PKG-CONFIG FLAG...
by_hand() {
	out=$tmp/$1 compiler=$2 source=$tmp/$3
	shift 3
	flags=
	while [ "$1" != -- ]; do
		flags="$flags $1"
		shift
	done
	shift
	libs=$(pc "$@")
	# shellcheck disable=SC2086 # lists of words, all of them
	$compiler $CFLAGS $LDFLAGS $flags -pthread -o "$out" "$source" $libs ||
		fail "cannot compile a program with: $compiler $flags $libs"
}

# run PROGRAM
run() {
	method=$(LD_LIBRARY_PATH=$DESTDIR$libdir $EMULATOR "$tmp/$1") ||
		fail "the $1 program fails"
	echo "installcheck: $1: poll method $method"
}

[ -f "$DESTDIR$pkgconfigdir/ivykis.pc" ] ||
	fail "not installed: $DESTDIR$pkgconfigdir/ivykis.pc"
if grep '@[A-Za-z_]*@' "$DESTDIR$pkgconfigdir/ivykis.pc"; then
	fail "ivykis.pc: something was not substituted"
fi
[ "$sanitizers" = no ] || skip "a library with sanitizers"
[ "$coverage" = no ] || skip "a library that counts lines"
[ -n "$PKG_CONFIG" ] || skip "no pkg-config"
PKG_CONFIG_LIBDIR=$DESTDIR$pkgconfigdir PKG_CONFIG_PATH='' \
	"$PKG_CONFIG" --validate ivykis || fail "ivykis.pc is not valid"
pc --exists || fail "pkg-config does not find ivykis"
pc --atleast-version=0.43.2 || fail "the version is too small"

# with_each FUNCTION: called with each kind of library that there is
with_each() {
	for kind in shared static; do
		eval "[ \"\$enable_$kind\" = yes ]" || continue
		if [ $kind = static ] && ! can_link_statically; then
			echo "installcheck: skipped: $CC cannot link with -static"
			continue
		fi
		"$1" "$kind"
	done
}

can_link_statically() {
	echo 'int main(void) { return 0; }' >"$tmp/empty.c"
	# shellcheck disable=SC2086
	$CC $CFLAGS $LDFLAGS -static -o "$tmp/empty" "$tmp/empty.c" 2>/dev/null
}

have() {
	command -v "${1%% *}" >/dev/null 2>&1
}

# with_pkg_config KIND
with_pkg_config() {
	flags=
	[ "$1" = shared ] || flags=-static
	# shellcheck disable=SC2086
	by_hand "C-$1" "$CC" consumer.c $flags -- \
		${flags:+--static} --cflags --libs
	run "C-$1"
	have "$CXX" || return 0
	# shellcheck disable=SC2086
	by_hand "C++-$1" "$CXX" consumer.cc $flags -- \
		${flags:+--static} --cflags --libs
	run "C++-$1"
}

# with_cmake KIND: one that asks for what upstream's last release had, too
with_cmake() {
	cat >"$tmp/CMakeLists.txt" <<-EOF
	cmake_minimum_required(VERSION 3.10)
	project(consumer C ${cplusplus:+CXX})
	find_package(ivykis 0.43 REQUIRED CONFIG)
	set(THREADS_PREFER_PTHREAD_FLAG ON)
	find_package(Threads REQUIRED)
	add_executable(c consumer.c)
	target_link_libraries(c ivykis::$1 Threads::Threads)
	${cplusplus:+add_executable(cpp consumer.cc)
	target_link_libraries(cpp ivykis::$1 Threads::Threads)}
	EOF
	{ cmake -S "$tmp" -B "$tmp/cmake-$1" \
		-Divykis_DIR="$DESTDIR$libdir/cmake/ivykis" &&
	  cmake --build "$tmp/cmake-$1"; } >"$tmp/log" 2>&1 ||
		fail "CMake, $1: $(cat "$tmp/log")"
	run "cmake-$1/c"
	[ -z "$cplusplus" ] || run "cmake-$1/cpp"
}

# A component that there is not.
without_component() {
	mkdir -p "$tmp/component"
	cat >"$tmp/component/CMakeLists.txt" <<-EOF
	cmake_minimum_required(VERSION 3.10)
	project(consumer C)
	find_package(ivykis 0.43 REQUIRED CONFIG COMPONENTS nonsense)
	EOF
	cmake -S "$tmp/component" -B "$tmp/component/build" \
		-Divykis_DIR="$DESTDIR$libdir/cmake/ivykis" >"$tmp/log" 2>&1 &&
		fail "CMake finds a component of ivykis that there is not"
	grep -q 'no component nonsense' "$tmp/log" ||
		fail "CMake, COMPONENTS: $(cat "$tmp/log")"
}

# with_meson KIND
with_meson() {
	static=true
	[ "$1" = static ] || static=false
	mkdir -p "$tmp/meson"
	# The copies may be read-only, like the sources.
	cp -f "$tmp/consumer.c" "$tmp/consumer.cc" "$tmp/meson"
	cat >"$tmp/meson/meson.build" <<-EOF
	project('consumer', 'c'${cplusplus:+, 'cpp'})
	libs = [dependency('ivykis', version: '>= 0.43', static: $static),
		dependency('threads')]
	executable('c', 'consumer.c', dependencies: libs)
	${cplusplus:+executable('cpp', 'consumer.cc', dependencies: libs)}
	EOF
	{ PKG_CONFIG_LIBDIR=$DESTDIR$pkgconfigdir PKG_CONFIG_PATH='' \
	  PKG_CONFIG_SYSROOT_DIR=$DESTDIR \
		meson setup "$tmp/meson-$1" "$tmp/meson" &&
	  ninja -C "$tmp/meson-$1"; } >"$tmp/log" 2>&1 ||
		fail "meson, $1: $(cat "$tmp/log")"
	run "meson-$1/c"
	[ -z "$cplusplus" ] || run "meson-$1/cpp"
}

# with_evio NUMBER: the archive of a generation, which "" or "2" is
with_evio() {
	cat >"$tmp/evio.c" <<-EOF
	#include <evio.h>
	#include <stdio.h>
	void evio_on_data(void *arg) { (void)arg; }
	int main(void)
	{
		if (evio_create() < 0 || evio_review(0) != 0)
			return 1;
		evio_close();
		printf("0.%d\n", LIB_EVIO_VERSION_MINOR);
		return 0;
	}
	EOF
	cp "$tmp/evio.c" "$tmp/evio.cc"
	flags=$(PKG_CONFIG_LIBDIR=$DESTDIR$pkgconfigdir PKG_CONFIG_PATH='' \
		PKG_CONFIG_SYSROOT_DIR=$DESTDIR \
		"$PKG_CONFIG" --cflags --libs "ivykis-evio$1")
	# There is no shared library which would bring what it needs.
	all=$(PKG_CONFIG_LIBDIR=$DESTDIR$pkgconfigdir PKG_CONFIG_PATH='' \
		PKG_CONFIG_SYSROOT_DIR=$DESTDIR \
		"$PKG_CONFIG" --static --cflags --libs "ivykis-evio$1")
	[ "$flags" = "$all" ] || fail "without --static: $flags; with: $all"
	for compiler in "$CC" "$CXX"; do
		have "$compiler" || continue
		suffix=c
		[ "$compiler" = "$CC" ] || suffix=cc
		# shellcheck disable=SC2086
		$compiler $CFLAGS $LDFLAGS -o "$tmp/evio" "$tmp/evio.$suffix" \
			$flags || fail "cannot compile a program with: $flags"
		$EMULATOR "$tmp/evio" >"$tmp/log" || fail "a program of evio fails"
		echo "installcheck: evio $(cat "$tmp/log"), $compiler"
	done
}

cplusplus=
! have "$CXX" || cplusplus=yes
[ -n "$cplusplus" ] || echo "installcheck: skipped: C++: no $CXX"

with_each with_pkg_config
[ ! -f "$DESTDIR$pkgconfigdir/ivykis-evio.pc" ] || {
	with_evio ''
	with_evio 2
}
CXXFLAGS=$CFLAGS
export CC CXX CFLAGS CXXFLAGS LDFLAGS PKG_CONFIG
# They would need a toolchain file for a cross build.
for tool in cmake meson; do
	if [ -n "$EMULATOR" ] || ! have $tool; then
		echo "installcheck: skipped: $tool: not here, or a cross build"
	else
		with_each with_$tool
		[ $tool = meson ] || without_component
	fi
done
