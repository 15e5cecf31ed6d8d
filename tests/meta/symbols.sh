#!/bin/sh
# SPDX-License-Identifier: MIT
#
# symbols.sh - whatever lists the public symbols lists the same: the headers,
# the map, exports.txt, Debian's symbols file; and libtool's numbers count
# what came in since the last release.

# shellcheck source=tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"

# compare A B WHERE-A WHERE-B: complaints about two sorted lists
compare() {
	comm -23 "$tmp/$1" "$tmp/$2" | sed "s/\$/: in $3, not in $4/"
	comm -13 "$tmp/$1" "$tmp/$2" | sed "s/\$/: in $4, not in $3/"
}

# "SYMBOL NODE", in each place.
sed 's/#.*//; s/^@USE_INOTIFY_TRUE@//' "$top_srcdir/lib/libivykis.map.in" |
awk '
	/^[A-Z]/	{ node = $1 }
	/local:/	{ node = "" }
	node != "" && /^[ \t]*[A-Za-z_0-9]+;/ {
		gsub(/[ \t;]/, "")
		print $0, node
	}' | sort >"$tmp/map"
grep '^[^#]' "$top_srcdir/tests/meta/exports.txt" | sort >"$tmp/promised"
none "$([ -s "$tmp/map" ] || echo 'no symbols in the map'
	compare map promised 'the map' exports.txt)" \
	'the map and exports.txt are the same, node by node'

# Functions that are declared: outside comments and braces, up to a semicolon.
cat "$top_srcdir"/include/*.h | sed '/^ *extern "C" {/d' | awk '
	!comment && (continued || /^[ \t]*#/) { continued = /\\$/; next }
	{
		line = $0 " "
		while (line != "") {
			c = substr(line, 1, 1)
			pair = substr(line, 1, 2)
			line = substr(line, comment && pair == "*/" ? 3 : 2)
			if (comment || pair == "/*") {
				comment = pair != "*/"
			} else if (c == "{") {
				depth++
			} else if (c == "}") {
				depth -= depth > 0
				text = ""
			} else if (c == ";" && !depth) {
				if (text ~ /[(]/ && text !~ /static|typedef/) {
					sub(/[ \t]*[(].*/, "", text)
					sub(/.*[ \t*]/, "", text)
					print text
				}
				text = ""
			} else if (!depth) {
				text = text c
			}
		}
	}' | sort -u >"$tmp/declared"
sed 's/ .*//' "$tmp/map" | sort >"$tmp/mapped"
none "$([ -s "$tmp/declared" ] || echo 'no functions in the headers'
	comm -23 "$tmp/declared" "$tmp/mapped")" \
	'each function that a header declares is in the map'

if [ -f "$top_srcdir/debian/libivykis0.symbols" ]; then
	sed -n 's/^ \([A-Za-z_0-9]*\)@\(IVYKIS_[0-9.]*\) .*/\1 \2/p' \
		"$top_srcdir/debian/libivykis0.symbols" |
	grep -v '^IVYKIS_' | sort >"$tmp/debian"
	none "$(compare debian promised libivykis0.symbols exports.txt)" \
		'Debian knows the same symbols'
	sed -n 's/^ \(IVYKIS_[0-9.]*\)@.*/\1/p' \
		"$top_srcdir/debian/libivykis0.symbols" | sort >"$tmp/nodes"
	sed 's/.* //' "$tmp/promised" | sort -u >"$tmp/promised-nodes"
	none "$(compare nodes promised-nodes libivykis0.symbols exports.txt)" \
		'Debian knows the same nodes'
else
	skip 'Debian knows the same symbols' 'not in this tree'
	skip 'Debian knows the same nodes' 'not in this tree'
fi

# numbers FILE: libtool's, current:revision:age
numbers() {
	sed -n 's/.*LT_VERSION_INFO[^0-9]*\([0-9]*:[0-9]*:[0-9]*\).*/\1/p' "$1"
}
release=$top_srcdir/abi/x86_64.abi
sed -n "s/.*<elf-symbol name='\([^']*\)' version='\([^']*\)'.*/\1 \2/p" \
	"$release" | sort >"$tmp/released"
none "$([ -s "$tmp/released" ] || echo "no symbols in $release"
	comm -23 "$tmp/released" "$tmp/promised" | sed 's/$/: is gone/')" \
	'nothing that was released is gone'
now=$(numbers "$top_srcdir/configure.ac")
then=$(numbers "$release")
none "$(echo "$then:$now" | awk -F: -v new="$(comm -13 "$tmp/released" \
	"$tmp/promised" | tr '\n' ',')" '
	NF != 6 {
		print "no numbers: \"" $0 "\""
		exit
	}
	new != "" && !($6 > $3 && $4 - $6 == $1 - $3) {
		print "new: " new " so " $1 ":" $2 ":" $3 \
			" must become " $1 + 1 ":0:" $3 + 1
	}')" "libtool's numbers know of new symbols"

finish
