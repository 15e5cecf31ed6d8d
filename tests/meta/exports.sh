#!/bin/sh
# SPDX-License-Identifier: MIT
#
# exports.sh - the shared library exports what the map says and what it has
# promised (symbols.sh compares these), and is linked as it should be.

# shellcheck source=tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"

: "${NM:=nm}" "${READELF:=readelf}"
map=$top_builddir/lib/libivykis.map
lib=
for file in "$top_builddir"/lib/.libs/libivykis.so "$top_builddir"/lib/libivykis.so
do
	[ -f "$file" ] && lib=$file && break
done
[ -n "$lib" ] || skip_all 'no shared library was built'
have "$READELF" || skip_all "no $READELF"

# "SYMBOL NODE" for each symbol in the map, in each place.
sed 's/#.*//' "$map" | awk '
	/^[A-Z]/	{ node = $1 }
	/local:/	{ node = "" }
	node != "" && /^[ \t]*[A-Za-z_0-9]+;/ {
		gsub(/[ \t;]/, "")
		print $0, node
	}' | sort >"$tmp/map"
grep '^[^#]' "$top_srcdir/tests/meta/exports.txt" | sort >"$tmp/promised"
grep -q iv_inotify_register "$tmp/map" ||
	sed '/^iv_inotify_/d' "$tmp/promised" >"$tmp/p" &&
	[ -s "$tmp/p" ] && mv "$tmp/p" "$tmp/promised"

# A node is a symbol, too: absolute, made by the linker.
$READELF -W --dyn-syms "$lib" | awk '
	$5 ~ /^(GLOBAL|WEAK|UNIQUE)$/ && $7 != "UND" && $8 != "" {
		n = split($8, part, /@+/)
		if ($7 != "ABS" || part[1] !~ /^IVYKIS_/)
			print part[1], (n > 1 ? part[2] : "-")
	}' | sort >"$tmp/exported"
none "$([ -s "$tmp/exported" ] || echo "no symbols in $lib")" \
	'the library has symbols'

# What a sanitizer or gcov adds is theirs; weak references are ours.
instrumented=$($NM -D "$lib" |
	sed -n 's/.*U \(__[a-z]*san_\|__gcov_\).*/yes/p;/yes/q')

if grep -q ' IVYKIS_' "$tmp/exported"; then
	none "$(comm -23 "$tmp/promised" "$tmp/map" |
		sed 's/^/not in the map: /')" 'the map keeps every promise'
	none "$(comm -23 "$tmp/map" "$tmp/exported" |
		sed 's/^/not exported: /')" 'everything in the map is exported'
	none "$(comm -13 "$tmp/map" "$tmp/exported" |
		sed 's/^/not in the map: /')" 'nothing else is exported'
else
	sed 's/ .*//' "$tmp/promised" | sort >"$tmp/p"
	sed 's/ .*//' "$tmp/exported" | sort >"$tmp/e"
	none "$(comm -23 "$tmp/p" "$tmp/e" | sed 's/^/not exported: /')" \
		'every promised symbol is exported'
	none "$(comm -13 "$tmp/p" "$tmp/e" | grep -v '^iv_' |
		sed 's/^/not ours: /')" 'nothing else is exported'
fi

# A program that defines iv_task_register() itself, to mock the library, must
# not change what the library does inside.
none "$($READELF -rW "$lib" | grep -E 'JUMP_SLO|GLOB_DAT' |
	sed 's/@.*//' | awk '
	NR == FNR { own[$1] = 1; next }
	$5 in own { print "calls " $5 " through the PLT or GOT" }
	' "$tmp/exported" -)" 'internal calls do not leave the library'

dynamic=$($READELF -dW "$lib")
equal "$(echo "$dynamic" | sed -n 's/.*(SONAME).*\[\(.*\)].*/\1/p')" \
	libivykis.so.0 'soname'
none "$(case $dynamic in
	*NODELETE*)	;;
	*)		echo 'no DF_1_NODELETE' ;;
	esac)" 'cannot be unloaded: threads return into it'
# The compiler's own comes in for what -fexceptions adds.
case ${CFLAGS-} in
*-fexceptions*) of_compiler='^libgcc_s\.' ;;
*) of_compiler='^$' ;;
esac
if [ -n "$instrumented" ]; then
	skip 'needs the C library only' 'built with a sanitizer or gcov'
else
	none "$(echo "$dynamic" | sed -n 's/.*(NEEDED).*\[\(.*\)].*/\1/p' |
		grep -v -e '^libc\.' -e '^libpthread\.' -e '^ld-' \
			-e '^libc\.musl' -e "$of_compiler")" \
		'needs the C library only'
fi
none "$(echo "$dynamic" | grep TEXTREL)" 'no text relocations'
none "$($READELF -lW "$lib" | grep 'GNU_STACK.*E')" 'no executable stack'

finish
