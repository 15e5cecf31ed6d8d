#!/bin/sh
# SPDX-License-Identifier: MIT
#
# ifdefs.sh - conditionals live at the edge: lib/sys and lib/poll ask config.h
# and the compiler, nothing else does.

# shellcheck source=tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"
cd "$top_srcdir" || exit 1

files() {
	for dir in "$@"; do
		[ -d "$dir" ] && find "$dir" -name '*.[ch]'
	done | sort
}

inner=$(files lib/base lib/loop lib/mod lib/compat)

# shellcheck disable=SC2086 # lists they are
none "$(grep -n 'HAVE_' $inner include/*.h)" \
	'HAVE_* only in lib/sys and lib/poll'

# An include guard is the first conditional of a header.
# shellcheck disable=SC2086
none "$(awk '
	FNR == 1 { guard = FILENAME ~ /\.h$/ }
	/^[ \t]*#[ \t]*(if|ifdef|ifndef|elif|else)/ {
		if (guard && /^#ifndef IVI_[A-Z0-9_]*_H$/)
			guard = 0
		else
			print FILENAME ":" FNR ": " $0
	}' $inner)" 'no conditionals in base, loop, mod, compat'

none "$(awk '
	FNR == 1 { guard = 1 }
	/^[ \t]*#[ \t]*(if|ifdef|ifndef|elif|else)/ {
		if (guard && /^#ifndef __IV_([A-Z0-9_]+_)?H$/)
			guard = 0
		else if ($0 != "#ifdef __cplusplus")
			print FILENAME ":" FNR ": " $0
	}' include/*.h)" 'no conditionals in public headers but for C++'

# Everything that looks at config.h includes it first.
# shellcheck disable=SC2046
none "$(for file in $(files lib/sys lib/poll); do
	case $file in *.h) continue ;; esac
	grep -q 'HAVE_' "$file" || continue
	first=$(sed -n '/^#[ ]*include/{p;q;}' "$file")
	[ "$first" = '#include "config.h"' ] || echo "$file: $first"
done)" 'config.h comes first'

# shellcheck disable=SC2046
none "$(grep -n '^[[:space:]]*#.*HAVE_' $(files lib/sys lib/poll) |
	grep '\.h:')" \
	'no header depends on config.h'

finish
