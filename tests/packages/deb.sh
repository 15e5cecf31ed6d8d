#!/bin/sh
# SPDX-License-Identifier: MIT
#
# deb.sh DIRECTORY WORK - are the .debs in DIRECTORY what Debian 12 needs?
# Installs them in a Debian that debootstrap makes in WORK (needs root).
# Prints TAP.
set -u

debs=$(cd "$1" && pwd) || exit 1
mkdir -p "$2" && work=$(cd "$2" && pwd) || exit 1
root=$work/root
here=$(cd "$(dirname "$0")" && pwd)
top_srcdir=$here/../..
# shellcheck source=tests/meta/tap.sh
. "$here/../meta/tap.sh"

[ "$(id -u)" = 0 ] || skip_all 'debootstrap needs root'
have debootstrap || skip_all 'no debootstrap'
export DEBIAN_FRONTEND=noninteractive
PATH=$PATH:/usr/sbin

# in_root COMMAND...: with processes and mounts of its own
in_root() {
	unshare -m -p -f sh -c 'mount -t proc proc "$1/proc" &&
		root=$1 && shift && exec chroot "$root" "$@"' \
		sh "$root" "$@" >"$tmp/log" 2>&1 </dev/null
}

# passes NAME COMMAND...
passes() {
	name=$1
	shift
	"$@"
	status=$?
	[ $status = 0 ] && complaint= ||
		complaint="status $status: $(tail -n 15 "$tmp/log")"
	none "$complaint" "$name"
}

# Files but for what apt and dpkg keep for themselves.
listing() {
	(cd "$root" && find . -path ./proc -prune -o -path ./tmp -prune -o \
		-path ./packages -prune -o \
		-path ./var/cache -prune -o -path ./var/log -prune -o \
		-path ./var/lib/apt -prune -o -path ./var/lib/dpkg -prune -o \
		-print) | sort
}

install_ours() {
	in_root sh -c 'apt-get install -qq -y --no-install-recommends \
		/packages/libivykis0_*.deb /packages/libivykis-dev_*.deb'
}

new_root() {
	rm -rf "$root"
	cp -a "$base" "$root"
	mkdir -p "$root/packages"
	cp "$debs"/*.deb "$root/packages"
	cp /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null
	in_root apt-get update -qq
}

# debootstrap once; every run has a copy.
base=$work/base
if [ ! -e "$base.made" ]; then
	rm -rf "$base"
	debootstrap --variant=minbase \
		--include=gcc,g++,libc6-dev,make,cmake,meson,pkgconf,man-db \
		bookworm "$base" "${DEBIAN_MIRROR-http://deb.debian.org/debian}" \
		>"$work/debootstrap.log" 2>&1 || {
		tail -n 5 "$work/debootstrap.log" | sed 's/^/# /'
		skip_all "debootstrap fails: $work/debootstrap.log"
	}
	: >"$base.made"
fi
new_root
cp "$top_srcdir"/tests/installcheck.sh "$root/packages"
mkdir "$root/packages/tests"
cp "$top_srcdir"/tests/consumer.c "$root/packages/tests"
in_root ldconfig
listing >"$tmp/before"

passes 'installs in a clean Debian' install_ours
passes 'programs compile and run: C, C++, pkg-config, CMake, meson' \
	in_root sh -c 'libdir=/usr/lib/$(gcc -print-multiarch)
	export DESTDIR= libdir pkgconfigdir=$libdir/pkgconfig srcdir=/packages \
		CC=gcc CFLAGS= LDFLAGS= PKG_CONFIG=pkg-config EMULATOR= \
		enable_shared=yes enable_static=yes sanitizers=no coverage=no
	sh /packages/installcheck.sh'
passes 'an example compiles and runs' in_root sh -ec 'cd /tmp
	for name in echo_load echo_server; do
		gcc -o $name /usr/share/doc/libivykis-dev/examples/$name.c \
			$(pkg-config --cflags --libs ivykis) -pthread
	done
	./echo_load --server ./echo_server --connections 10 --seconds 1'
passes 'man iv_fd_pump' in_root sh -c 'man iv_fd_pump | grep -q iv_fd_pump_init'
in_root sh -c 'apt-get purge -qq -y libivykis-dev libivykis0 && ldconfig'
listing >"$tmp/after"
none "$(diff "$tmp/before" "$tmp/after")" 'purge leaves nothing'

# Another architecture beside it: all files that both have are the same.
other=${OTHER_DEBS-}
if [ -n "$other" ]; then
	cp "$other"/*.deb "$root/packages"
	in_root dpkg --add-architecture i386
	in_root apt-get update -qq
	passes 'both architectures installed' install_ours
else
	skip 'both architectures installed' 'OTHER_DEBS names none'
fi

if have python3; then
	new_root
	passes "syslog-ng on Debian's library" in_root \
		apt-get install -qq -y --no-install-recommends syslog-ng-core
	python3 "$here/upgrade.py" "$root" >"$tmp/log" 2>&1
	status=$?
	sed 's/^/# /' "$tmp/log"
	equal "$status" 0 'upgrade under a running syslog-ng loses nothing'
else
	skip 'upgrade' 'no python3'
fi
rm -rf "$root"

finish
