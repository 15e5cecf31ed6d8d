#!/bin/sh
# SPDX-License-Identifier: MIT
#
# places.sh BUILD WORK - the test suite where build services run it: without
# rights, without a network, with few descriptors, from sources that cannot
# be written, with nothing in the environment; and there check-prove,
# installcheck and distcheck.  BUILD is configured in a directory of a source
# tree; WORK is made.  Prints TAP.
set -u

build=$(cd "$1" && pwd) || exit 1
mkdir -p "$2" && work=$(cd "$2" && pwd) || exit 1
here=$(cd "$(dirname "$0")" && pwd)
top_srcdir=$here/../..
# shellcheck source=tests/meta/tap.sh
. "$top_srcdir/tests/meta/tap.sh"
tarball=$(find "$build" -maxdepth 1 -name 'ivykis-*.tar.xz' | head -n 1)
[ -n "$tarball" ] || skip_all 'no tarball'
[ "$(id -u)" = 0 ] || skip_all 'needs root'
unshare -m true 2>/dev/null || skip_all 'no mount namespaces'

# suite NAME TARGET COMMAND...: make TARGET in $place, run by COMMAND
suite() {
	suite=$1 target=$2
	shift 2
	# shellcheck disable=SC2086 # words
	"$@" make -j2 -C "$place" $target >"$work/places.log" 2>&1 </dev/null
	status=$?
	echo "# $(sed -n 's/^# //p' "$work/places.log" |
		grep -E '^(PASS|FAIL|SKIP|ERROR): ' | tr -s ' \n' ' ')"
	none "$([ $status = 0 ] ||
		{ grep -E '^(FAIL|ERROR): ' "$work/places.log" ||
			tail -n 15 "$work/places.log"; } | head -n 20)" "$suite"
}

rm -rf "$work/source" "$work/place"
mkdir -p "$work/source" "$work/place/tmp dir" "$work/place/tmp"
tar -xJf "$tarball" -C "$work/source" --strip-components=1 --no-same-owner
chmod -R go=u,go-w "$work/source" "$work/place"
chmod 1777 "$work/place/tmp dir" "$work/place/tmp"
place=$work/place/build
mkdir "$place"
(cd "$place" && "$work/source/configure" -q --enable-emulated-kernels=no &&
	make -j2 && make -j2 check TESTS=) >"$work/places.log" 2>&1
equal $? 0 'builds from the tarball'

suite 'root, no network, 64 descriptors until it asks for more' check \
	unshare -n sh -c 'ip link set lo up 2>/dev/null ||
		ifconfig lo up; ulimit -Hn 1024; ulimit -Sn 64; exec "$@"' sh
suite 'an empty environment' check env -i PATH="$PATH"
chown -R nobody "$work/place"
nobody='setpriv --reuid=nobody --regid=nogroup --clear-groups'

# as_nobody COMMAND...: where nothing but the place can be written
as_nobody() {
	# shellcheck disable=SC2016,SC2086 # for the shell in there; words
	unshare -m sh -c 'mount --bind "$1" "$1" &&
		mount -o remount,ro,bind "$1" && export TMPDIR="$2" &&
		shift 2 && exec "$@"' sh "$work/source" \
		"$work/place/tmp dir" $nobody "$@"
}

what='nobody, read-only sources, a TMPDIR with a space'
if ! $nobody test -r "$work/source/configure"; then
	skip "$what" "nobody may not look into $work"
else
	suite "$what" check as_nobody
	if have prove; then
		suite "$what: check-prove" check-prove as_nobody
	else
		skip "$what: check-prove" 'no prove'
	fi
	suite "$what: install" "install DESTDIR=$work/place/root" as_nobody
	suite "$what: installcheck" "installcheck DESTDIR=$work/place/root" \
		as_nobody
	# It installs below TMPDIR, and libtool installs nothing below a space.
	suite 'nobody, read-only sources: distcheck' \
		'distcheck DISTCHECK_CONFIGURE_FLAGS=--enable-emulated-kernels=no' \
		as_nobody env TMPDIR="$work/place/tmp"
fi
[ "$tap_failed" = 1 ] || rm -rf "$work/source" "$work/place"

finish
