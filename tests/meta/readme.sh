#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The program in README.md compiles without a warning and does what it says.
: "${top_srcdir:=.}" "${top_builddir:=.}" "${CC:=cc}"

echo 1..2
bad=0
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT

sed -n '/^```c$/,/^```$/p' "$top_srcdir/README.md" | sed '/^```/d' \
	> "$tmp/readme.c"
if [ -s "$tmp/readme.c" ] && "$top_builddir/libtool" --silent --mode=link \
   --tag=CC $CC $CFLAGS -no-install -Wall -Wextra -Werror -I"$top_srcdir/include" \
   -o "$tmp/readme" "$tmp/readme.c" "$top_builddir/lib/libivykis.la" \
   > "$tmp/log" 2>&1
then
	echo 'ok 1 - README.md: the program compiles'
else
	sed 's/^/# /' "$tmp/log"
	bad=1
	echo 'not ok 1 - README.md: the program compiles'
fi

out=$(printf 'one\ntwo\n' | $EMULATOR "$tmp/readme") || out="exit status $?"
if [ "$out" = 'one
two' ]
then
	echo 'ok 2 - README.md: the program prints what it reads'
else
	echo "# $out"
	bad=1
	echo 'not ok 2 - README.md: the program prints what it reads'
fi
exit $bad
