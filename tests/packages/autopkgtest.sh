#!/bin/sh
# SPDX-License-Identifier: MIT
#
# autopkgtest.sh DIRECTORY WORK - the tests of debian/tests, in a clean Debian
# 12 where the .debs in DIRECTORY are installed.  Prints TAP.
set -u

debs=$(cd "$1" && pwd) || exit 1
mkdir -p "$2" && work=$(cd "$2" && pwd) || exit 1
here=$(cd "$(dirname "$0")" && pwd)
top_srcdir=$here/../..
# shellcheck source=tests/meta/tap.sh
. "$top_srcdir/tests/meta/tap.sh"
have autopkgtest || skip_all 'no autopkgtest'
# shellcheck source=tests/packages/root.sh
. "$here/root.sh"

new_root
rm -rf "$work/autopkgtest"
contained autopkgtest --output-dir="$work/autopkgtest" \
	"$debs"/*.deb "$debs"/*.dsc -- chroot "$root"
status=$?
cat "$tmp/log" >>"$work/log"
names=$(sed -n 's/^Tests: //p' "$top_srcdir/debian/tests/control")
for name in $names; do
	none "$(grep -q "^$name  *PASS" "$work/autopkgtest/summary" ||
		{ grep "^$name " "$work/autopkgtest/summary" ||
			tail -n 15 "$tmp/log"; })" "autopkgtest: $name"
done
equal "$status" 0 'autopkgtest ends with status 0'
rm -rf "$root"

finish
