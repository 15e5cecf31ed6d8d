#!/bin/sh
# SPDX-License-Identifier: MIT
#
# deb.sh DIRECTORY WORK [BEFORE] - are the .debs in DIRECTORY what Debian 12
# needs?  Installs them in a Debian that debootstrap makes in WORK (needs root),
# also over Debian's, and over those of the release before, in BEFORE.
# Prints TAP.
set -u

debs=$(cd "$1" && pwd) || exit 1
mkdir -p "$2" && work=$(cd "$2" && pwd) || exit 1
before=
[ -z "${3-}" ] || ! ls "$3"/libivykis0_*.deb >/dev/null 2>&1 ||
	before=$(cd "$3" && pwd) || exit 1
here=$(cd "$(dirname "$0")" && pwd)
top_srcdir=$here/../..
# shellcheck source=tests/meta/tap.sh
. "$top_srcdir/tests/meta/tap.sh"
# shellcheck source=tests/packages/root.sh
. "$here/root.sh"

# Files but for what apt and dpkg keep for themselves.
listing() {
	(cd "$root" && find . -path ./proc -prune -o -path ./dev -prune -o \
		-path ./tmp -prune -o -path ./packages -prune -o \
		-path ./var/cache -prune -o -path ./var/log -prune -o \
		-path ./var/lib/apt -prune -o -path ./var/lib/dpkg -prune -o \
		-print) | sort
}

install_ours() {
	in_root sh -c 'apt-get install -qq -y --no-install-recommends \
		/packages/libivykis0_*.deb /packages/libivykis-ev4_*.deb \
		/packages/libivykis-dev_*.deb'
}

purge() {
	in_root sh -c 'apt-get purge -qq -y libivykis-dev libivykis-ev4 \
		libivykis0 && ldconfig && mandb -q'
	listing >"$tmp/after"
}

# A new root, with the packages of the release before.
root_for_upgrades() {
	new_root
	mkdir "$root/packages/before"
	[ -z "$before" ] || cp "$before"/*.deb "$root/packages/before"
}

# No release before this one had the other packages.
install_before() {
	in_root sh -c 'apt-get install -qq -y --no-install-recommends \
		--allow-downgrades /packages/before/libivykis0_*.deb \
		/packages/before/libivykis-dev_*.deb'
}

root_for_upgrades
in_root ldconfig
listing >"$tmp/before"
passes 'installs in a clean Debian' install_ours
gnu=$(dpkg-architecture -qDEB_HOST_GNU_TYPE)
passes 'programs compile and run: C, C++, pkg-config, CMake, meson' \
	check_installed "$gnu" "$(dpkg-architecture -qDEB_HOST_MULTIARCH)" ''
# shellcheck disable=SC2016
passes 'an example compiles and runs' in_root sh -ec 'cd /tmp
	for name in echo_load echo_server; do
		gcc -o $name /usr/share/doc/libivykis-dev/examples/$name.c \
			$(pkg-config --cflags --libs ivykis ivykis-evio) -pthread
	done
	./echo_load --server ./echo_server --connections 10 --seconds 1'
passes 'pkgconf --validate' in_root pkgconf --validate ivykis
for page in iv_fd iv_fd_register_try ivykis; do
	passes "man $page" in_root sh -c "man $page | grep -q ivykis"
done
passes 'apropos finds a page' in_root sh -c \
	'mandb -q && apropos -e iv_fd_register_try'
passes 'purges' purge
none "$(diff "$tmp/before" "$tmp/after")" 'nothing is left'
passes "installs Debian's libivykis-dev" in_root \
	apt-get install -qq -y --no-install-recommends libivykis-dev
passes 'upgrades it' install_ours
passes 'purges it' purge
none "$(diff "$tmp/before" "$tmp/after")" 'again nothing is left'
if [ -n "$before" ]; then
	passes 'installs the release before' install_before
	passes 'upgrades it' install_ours
	passes 'programs compile and run after that' \
		check_installed "$gnu" "$(dpkg-architecture -qDEB_HOST_MULTIARCH)" ''
	passes 'purges it' purge
	none "$(diff "$tmp/before" "$tmp/after")" 'nothing is left of both'
else
	skip 'upgrade from the release before' 'its packages were not given'
fi

# upgrade PACKAGE: of one that runs on that library; ends with all processes
# that it started.
# shellcheck disable=SC2016
upgrade() {
	in_root sh -c 'rm -rf /tmp/* &&
		apt-get install -qq -y --allow-downgrades $1' sh "$1" &&
		contained python3 "$here/upgrade.py" "$root"
}

if have python3; then
	root_for_upgrades
	passes "syslog-ng on Debian's library" in_root \
		apt-get install -qq -y --no-install-recommends syslog-ng-core
	for run in 1 2 3; do
		passes "upgrade under a running syslog-ng, $run" \
			upgrade libivykis0/bookworm
		sed 's/^/# /' "$tmp/log"
	done
	[ -z "$before" ] || {
		passes 'upgrade from the release before under a running syslog-ng' \
			upgrade '/packages/before/libivykis0_*.deb'
		sed 's/^/# /' "$tmp/log"
	}
else
	skip 'upgrade under a running syslog-ng' 'no python3'
fi
rm -rf "$root"

finish
