#!/bin/sh
# SPDX-License-Identifier: MIT
#
# headers.sh - each public header alone, in the strictest dialects, and a
# program that uses all of them (every.c), as C89 up to C23 and as C++98 up to
# C++20, compile with each compiler there is, without a warning.

# shellcheck source=tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"

: "${CC:=cc}"
inc=$(cd "$top_srcdir/include" && pwd)
every=$(cd "$top_srcdir/tests/meta" && pwd)/every.c
flags="-fsyntax-only -pedantic-errors -Wall -Wextra -Werror -Wshadow
	-Wcast-align -Wpointer-arith -Wwrite-strings"
c_flags='-Wstrict-prototypes -Wmissing-prototypes -Wdeclaration-after-statement'
cxx_flags='-Wmissing-declarations'

cd "$tmp" || exit 1

# compiles COMMAND...: shows what goes wrong.
compiles() {
	"$@" >out 2>&1 || { head -n 20 out; echo "$* fails"; }
}

# accepts COMMAND...: the compiler knows these options.
accepts() {
	echo 'int x;' >empty
	"$@" -fsyntax-only -x "${lang:-c}" empty >/dev/null 2>&1
}

# shellcheck disable=SC2086 # command lines and lists of options
accepts $CC -I. || skip_all "$CC does not work"

# A system without inotify lacks what this header includes.
no_inotify=
echo '#include <sys/inotify.h>' >inotify
# shellcheck disable=SC2086
$CC -fsyntax-only -x c inotify 2>/dev/null || no_inotify=-DNO_INOTIFY

# Twice, since the guard has to work; in C++ a file of its own.
for header in "$inc"/*.h; do
	name=${header##*/}
	[ "$name" = iv_inotify.h ] && [ -n "$no_inotify" ] && continue
	printf '#include <%s>\n#include <%s>\nextern int x;\n' \
		"$name" "$name" >"alone_$name.c"
	cp "alone_$name.c" "alone_$name.cc"
done
# Those of lib/compat, which have a directory of their own; generations exclude
# each other.
for generation in 1 2; do
	printf '#define EVIO_COMPAT %s\n#include <%s>\n#include <%s>\nextern int x;\n' \
		$generation ivykis-evio/evio.h ivykis-evio/evio.h \
		>"alone_evio$generation.c"
	cp "alone_evio$generation.c" "alone_evio$generation.cc"
done
cp "$every" every.c
cp "$every" every.cc

# languages COMPILER FILES OPTIONS STANDARD...
languages() {
	compiler=$1 files=$2 options=$3
	shift 3
	for std in "$@"; do
		# shellcheck disable=SC2086
		if accepts $compiler $std; then
			none "$(compiles $compiler $std $flags $options \
				$no_inotify -I"$inc" $files)" \
				"$compiler $std"
		else
			skip "$compiler $std" 'not known to this compiler'
		fi
	done
}

# The compiler that is used, and the others that are there.
compilers() {
	echo "$1"
	shift
	for other in "$@"; do
		have "$other" && echo "$other"
	done
}

compilers "$CC" gcc clang | sort -u >cc
while read -r compiler; do
	languages "$compiler" './*.c' "$c_flags" -std=c89 -std=gnu89 -std=c99 \
		'-std=c99 -D_POSIX_C_SOURCE=200809L' -std=c11
	languages "$compiler" every.c "$c_flags" -std=gnu99 -std=gnu11 \
		-std=c17 -std=c2x
done <cc

# A C++ compiler that is called like the C compiler.
: "${CXX:=$(echo "$CC" | sed 's/clang/clang++/;t
	s/gcc/g++/;t
	s/.*/c++/')}"
if have "${CXX%% *}"; then
	compilers "$CXX" g++ clang++ | sort -u >cxx
	lang=c++
	while read -r compiler; do
		languages "$compiler" './*.cc' "$cxx_flags" -std=c++98 \
			-std=c++11
		languages "$compiler" every.cc "$cxx_flags" -std=c++14 \
			-std=c++17 -std=c++20
	done <cxx
else
	skip 'C++' "no $CXX"
fi

# iv_container_of() has to notice that a pointer is of the wrong type.
mkdir wrong
cat >wrong/wrong.c <<'END'
#include <iv_list.h>
struct item { struct iv_list_head node; };
struct item *wrong(int *p);
struct item *wrong(int *p) { return iv_container_of(p, struct item, node); }
END
# shellcheck disable=SC2086
none "$($CC -fsyntax-only -Werror -I"$inc" wrong/wrong.c 2>/dev/null &&
	echo 'it compiles')" 'iv_container_of() of the wrong type'

finish
