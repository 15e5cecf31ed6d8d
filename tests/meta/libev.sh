#!/bin/sh
# SPDX-License-Identifier: MIT
#
# libev.sh - libev.so.4 is what programs that were linked with libev ask for:
# its name, its symbols and no more, no versions; its headers have all that
# libev's have.

# shellcheck source=tests/meta/tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"

: "${CC:=cc}" "${NM:=nm}" "${READELF:=readelf}"
lib=$top_builddir/lib/compat/ev/.libs/libev.so.4
[ -e "$lib" ] || skip_all 'no shared library was built'
have "$READELF" || skip_all "no $READELF"
names=$tmp/names

sed '/^#/d' "$top_srcdir/lib/compat/ev/libev.symbols" | sort >"$names"
equal "$(grep -c '^ev_' "$names"), $(grep -c '^event_' "$names")" '73, 24' \
	'as many symbols as libev has'
$READELF -W --dyn-syms "$lib" | awk '
	$5 ~ /^(GLOBAL|WEAK|UNIQUE)$/ && $7 != "UND" && $8 != "" { print $8 }' |
	sort >"$tmp/exported"
none "$(comm -23 "$tmp/names" "$tmp/exported" | sed 's/^/not exported: /')" \
	'all of them are exported'
none "$(comm -13 "$tmp/names" "$tmp/exported" | grep -v '^__[a-z]*san_' |
	sed 's/^/also exported: /')" 'nothing else is, and no versions'

system=$(ldconfig -p 2>/dev/null |
	sed -n 's/.*libev\.so\.4 .*=> //p' | head -n 1)
if [ -n "$system" ]; then
	$NM -D --defined-only "$system" | awk '{ print $3 }' |
		grep -E '^(ev|event)_' | sort >"$tmp/system"
	none "$(comm -3 "$tmp/system" "$tmp/names")" \
		"the same as the system's library"
else
	skip "the same as the system's library" 'there is none'
fi

dynamic=$($READELF -dW "$lib")
equal "$(echo "$dynamic" | sed -n 's/.*(SONAME).*\[\(.*\)].*/\1/p')" \
	libev.so.4 'soname'
none "$(case $dynamic in
	*'$ORIGIN/..'*) ;;
	*) echo "$dynamic" ;;
	esac)" 'finds the library that it needs beside its directory'
none "$(echo "$dynamic" | grep TEXTREL)" 'no text relocations'

# A program that defines one of them must not change what the others do.
none "$($READELF -rW "$lib" | grep -E 'JUMP_SLO|GLOB_DAT' | awk '
	NR == FNR { own[$1] = 1; next }
	$5 in own && $5 != "ev_default_loop_ptr" { print $5 }
	' "$tmp/names" -)" 'internal calls do not leave the library'

# defined HEADER COMPILER-FLAG...: the macros that it defines
defined() {
	header=$1
	shift
	echo "#include \"$header\"" >"$tmp/include.c"
	# shellcheck disable=SC2086 # a command and its options
	$CC "$@" -E -dM "$tmp/include.c" | sed -n \
		's/^#define \([A-Za-z_0-9]*\).*/\1/p' |
		grep -E '^(EV|ev|_EVENT|event|signal_|timeout_)' |
		grep -v '_H_\{0,1\}$' | sort -u
}

# Of no use without libev's source.
own='^(ev_cb_)$'
if [ -f /usr/include/ev.h ] && grep -q 'EV_VERSION_MINOR 33' /usr/include/ev.h
then
	defined /usr/include/ev.h >"$tmp/theirs"
	defined "$top_srcdir/include/ivykis-ev/ev.h" >"$tmp/ours"
	none "$(comm -23 "$tmp/theirs" "$tmp/ours" | grep -vE "$own")" \
		"ev.h defines what the system's does"
else
	skip "ev.h defines what the system's does" 'there is none of 4.33'
fi

# The headers, as programs of all kinds include them.  ev_loop() has the name of
# a struct, so -Wshadow is for C.
compiles() {
	"$@" >"$tmp/out" 2>&1 || { head -n 20 "$tmp/out"; echo "$* fails"; }
}

headers=$top_srcdir/include/ivykis-ev
for std in gnu89 c99 c11; do
	for header in ev.h event.h; do
		# shellcheck disable=SC2086 # a command and its options
		none "$(compiles $CC -std=$std -D_DEFAULT_SOURCE \
			-pedantic-errors -Wall -Wextra -Wshadow -Werror \
			-fsyntax-only -x c "$headers/$header")" \
			"$header, $std"
	done
done
: "${CXX:=$(echo "$CC" | sed 's/clang/clang++/;t
	s/gcc/g++/;t
	s/.*/c++/')}"
if have "${CXX%% *}"; then
	for std in c++98 c++11 c++17 c++20; do
		# shellcheck disable=SC2086 # a command and its options
		none "$(compiles $CXX -std=$std -Wall -Wextra -Werror \
			-I"$headers" -fsyntax-only \
			"$top_srcdir/tests/compat/ev/cxx.cc")" "ev++.h, $std"
	done
else
	skip 'ev++.h' "no $CXX"
fi

# The same program, run.
libs=$(cd "$top_builddir/lib" && pwd)
run_cxx() {
	# shellcheck disable=SC2086 # a command and its options
	compiles $CXX -std=c++11 ${CFLAGS-} -I"$headers" -o "$tmp/cxx" \
		"$top_srcdir/tests/compat/ev/cxx.cc" \
		-L"$libs/compat/ev/.libs" -lev -L"$libs/.libs" -livykis
	LD_LIBRARY_PATH=$libs/compat/ev/.libs:$libs/.libs \
		"$tmp/cxx" >"$tmp/out" 2>&1 || cat "$tmp/out"
}
if ! have "${CXX%% *}" || [ -n "${EMULATOR-}" ]; then
	skip 'a program that uses ev++.h' 'no compiler, or a cross build'
else
	none "$(run_cxx)" 'a program that uses ev++.h'
fi

finish
