#!/bin/sh
# SPDX-License-Identifier: MIT
#
# rpm.sh RPMBUILD WORK - the .rpms in RPMBUILD: installed in a scratch root in
# WORK, used, upgraded and erased.  Prints TAP.
set -u

rpms=$(cd "$1/RPMS" && pwd) || exit 1
mkdir -p "$2" && root=$(cd "$2" && pwd)/rpm-root || exit 1
here=$(cd "$(dirname "$0")" && pwd)
top_srcdir=$here/../..
# shellcheck source=tests/meta/tap.sh
. "$here/../meta/tap.sh"
have rpm || skip_all 'no rpm'

rm -rf "$root"
mkdir -p "$root"

# The rpm database of another system knows no libc.
in_root() {
	rpm --root "$root" --nodeps "$@" >"$tmp/log" 2>&1
}

passes() {
	name=$1
	shift
	"$@"
	status=$?
	[ $status = 0 ] && complaint= ||
		complaint="status $status: $(tail -n 15 "$tmp/log")"
	none "$complaint" "$name"
}

use() {
	libdir=/$(cd "$root" && find usr -name libivykis.so)
	libdir=${libdir%/*}
	pkgconfigdir=$libdir/pkgconfig
	export libdir pkgconfigdir
	DESTDIR=$root \
	srcdir=$top_srcdir CC=${CC-cc} CFLAGS='' LDFLAGS='' EMULATOR='' \
	PKG_CONFIG=pkg-config enable_shared=yes enable_static=no \
	sanitizers=no coverage=no \
		sh "$here/../installcheck.sh" >"$tmp/log" 2>&1
}

# shellcheck disable=SC2046 # words
set -- $(find "$rpms" -name 'ivykis*.rpm' ! -name '*debug*')
equal $# 3 'three packages'
none "$(for symbol in IVYKIS_0.29 IVYKIS_0.42; do
	rpm -qp --provides "$@" 2>/dev/null |
		grep -q "^libivykis.so.0($symbol)" || echo "$symbol"
done)" 'provides each node'
passes 'installs' in_root -i "$@"
passes 'verifies' in_root -V ivykis ivykis-ev ivykis-devel
passes 'programs compile and run' use
none "$(man -M "$root/usr/share/man" iv_fd_pump 2>/dev/null |
	grep -q iv_fd_pump_init || echo 'no page')" 'man iv_fd_pump'
passes 'upgrades' in_root -U --force "$@"
passes 'still works' use
passes 'erases' in_root -e ivykis-devel ivykis-ev ivykis
none "$(cd "$root" && find . ! -type d | grep -v '/var/lib/rpm\|/\.rpmdb\|lib/sysimage')" 'nothing is left'
rm -rf "$root"

finish
