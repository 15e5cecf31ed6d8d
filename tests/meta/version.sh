#!/bin/sh
# SPDX-License-Identifier: MIT
#
# version.sh - AC_INIT names the version; whatever else does agrees.

# shellcheck source=tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"

version=$(sed -n 's/^AC_INIT(\[ivykis],[[:space:]]*\[\([^]]*\)].*/\1/p' \
	"$top_srcdir/configure.ac")
none "$([ -n "$version" ] || echo 'no AC_INIT')" 'AC_INIT names a version'

# first FILE SED-SCRIPT: what the script prints first.
first() {
	sed -n "$2" "$1" | sed -n 1p
}

if [ -f "$top_srcdir/NEWS" ]; then
	equal "$(first "$top_srcdir/NEWS" \
		's/^[^0-9]*\([0-9][0-9]*\.[0-9][0-9.]*[0-9]\).*/\1/p')" \
		"$version" 'NEWS begins with it'
else
	none 'no NEWS' 'NEWS begins with it'
fi

if [ -f "$top_builddir/ivykis.pc" ]; then
	equal "$(first "$top_builddir/ivykis.pc" 's/^Version: *//p')" \
		"$version" 'ivykis.pc'
	none "$(grep -n '@[A-Za-z_]*@' "$top_builddir/ivykis.pc")" \
		'nothing is left to substitute in ivykis.pc'
else
	skip 'ivykis.pc' 'not configured'
fi

if [ -f "$top_builddir/ivykis-ev.pc" ]; then
	equal "$(first "$top_builddir/ivykis-ev.pc" 's/^Version: *//p')" \
		"$version" 'ivykis-ev.pc'
fi

# agrees FILE SED-SCRIPT: a file that configure makes
agrees() {
	if [ -f "$top_builddir/$1" ]; then
		equal "$(first "$top_builddir/$1" "$2")" "$version" "$1"
	elif [ -f "$top_srcdir/$1" ]; then
		equal "$(first "$top_srcdir/$1" "$2")" "$version" "$1"
	else
		skip "$1" 'not configured'
	fi
}
equal "$(first "$top_srcdir/include/iv.h" \
	's/^#define IV_VERSION[[:space:]]*\([0-9]*\)$/\1/p')" \
	"$(echo "$version" | awk -F. '{ print 10000 * $1 + 100 * $2 + $3 }')" \
	'IV_VERSION'

agrees lib/compat/evio/ivykis-evio.pc 's/^Version: *//p'
agrees lib/compat/evio/ivykis-evio2.pc 's/^Version: *//p'
agrees rpm/ivykis.spec 's/^Version: *//p'
agrees cmake/ivykis-config-version.cmake \
	's/^set(PACKAGE_VERSION "*\([0-9.]*\)"*)$/\1/p'

if [ -f "$top_srcdir/debian/changelog" ]; then
	equal "$(first "$top_srcdir/debian/changelog" \
		's/^[a-z0-9.+-]* (\([^)]*\)-[^-)]*).*/\1/p')" \
		"$version" 'debian/changelog'
else
	skip 'debian/changelog' 'not in this tree'
fi

# But for those that are one line, ".so man3/OTHER.3".
none "$(find "$top_srcdir/man3" "$top_srcdir/man7" -name '*.[37]' -exec sh -c '
	for page; do
		grep -q "^\.so " "$page" ||
			grep -Fqx ".Os \"ivykis $0\"" "$page" || echo "$page"
	done' "$version" {} +)" 'the foot of each manual page'

finish
