#!/bin/sh
# SPDX-License-Identifier: MIT
#
# piuparts.sh DIRECTORY WORK - piuparts installs and purges the .debs in
# DIRECTORY in a clean Debian 12, and upgrades Debian's packages to ours.
# Prints TAP.
set -u

debs=$(cd "$1" && pwd) || exit 1
mkdir -p "$2" && work=$(cd "$2" && pwd) || exit 1
here=$(cd "$(dirname "$0")" && pwd)
top_srcdir=$here/../..
# shellcheck source=tests/meta/tap.sh
. "$top_srcdir/tests/meta/tap.sh"
PATH=$PATH:/usr/sbin
have piuparts || skip_all 'no piuparts'
# shellcheck source=tests/packages/root.sh
. "$here/root.sh"

# runs_to_its_end NAME ARG...
runs_to_its_end() {
	what=$1
	shift
	unshare -m -p -f --mount-proc --kill-child \
		piuparts --existing-chroot="$root" --distribution=bookworm \
		--keep-sources-list --tmpdir="$work" "$@" \
		>"$tmp/log" 2>&1 </dev/null
	status=$?
	cat "$tmp/log" >>"$work/log"
	grep -q 'PASS: All tests' "$tmp/log" || status=1
	none "$([ $status = 0 ] || grep -A 15 -E 'ERROR|FAIL' "$tmp/log" |
		head -n 30)" "$what"
}

new_root
runs_to_its_end 'piuparts: libivykis0, also upgraded from that of Debian' \
	"$debs"/libivykis0_*.deb
runs_to_its_end 'piuparts: all, also upgraded from those of Debian' \
	"$debs"/libivykis0_*.deb "$debs"/libivykis-ev4_*.deb \
	"$debs"/libivykis-dev_*.deb
rm -rf "$root"

finish
