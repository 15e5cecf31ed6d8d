# shellcheck shell=sh
# SPDX-License-Identifier: MIT
#
# What the scripts that need a clean Debian 12 share.  To be sourced, with
# $debs, the directory of our packages, and $work set, after tests/meta/tap.sh:
# ends the script if there can be no such Debian here.

: "${debs?}" "${work?}" "${tmp?}" "${top_srcdir?}"
root=$work/root
base=$work/base
export DEBIAN_FRONTEND=noninteractive
PATH=$PATH:/usr/sbin:/sbin

[ "$(id -u)" = 0 ] || skip_all 'debootstrap needs root'
have debootstrap || skip_all 'no debootstrap'
unshare -m true 2>/dev/null || skip_all 'no mount namespaces'

# contained COMMAND...: with mounts and processes of its own, that end with it
contained() {
	unshare -m -p -f --kill-child sh -c '
		mount -t proc proc "$1/proc" && mount --bind /dev "$1/dev" &&
		shift && exec "$@"' sh "$root" "$@" >"$tmp/log" 2>&1 </dev/null
}

in_root() {
	contained chroot "$root" "$@"
}

# passes NAME COMMAND...
passes() {
	passes=$1
	shift
	"$@"
	status=$?
	cat "$tmp/log" >>"$work/log"
	[ $status = 0 ] && complaint= ||
		complaint="status $status: $(tail -n 15 "$tmp/log")"
	none "$complaint" "$passes"
	return $status
}

# What this system had to be told to reach its mirror holds there, too.
copy_settings() {
	cp /etc/resolv.conf "$1/etc/resolv.conf" 2>/dev/null
	apt-config dump | grep -E '^Acquire::(Check-|Retries|https?::)' \
		>"$1/etc/apt/apt.conf.d/00host"
}

# debootstrap once; every run has a copy.
make_base() {
	[ ! -e "$base.made" ] || return 0
	rm -rf "$base"
	debootstrap --variant=minbase \
		--include=gcc,g++,libc6-dev,make,cmake,meson,pkgconf,man-db \
		bookworm "$base" "${DEBIAN_MIRROR-http://deb.debian.org/debian}" \
		>"$work/debootstrap.log" 2>&1 &&
	copy_settings "$base" &&
	chroot "$base" apt-get update -qq >>"$work/debootstrap.log" 2>&1 &&
		: >"$base.made"
}

new_root() {
	rm -rf "$root"
	cp -a "$base" "$root"
	mkdir -p "$root/packages/tests"
	cp "$debs"/*.deb "$debs"/*.dsc "$debs"/*.tar.* "$root/packages"
	cp "$top_srcdir/tests/installcheck.sh" "$root/packages"
	cp "$top_srcdir/tests/consumer.c" "$root/packages/tests"
}

# check_installed GNU MULTIARCH EMULATOR: programs there compile and run
check_installed() {
	in_root env DESTDIR='' libdir="/usr/lib/$2" \
		pkgconfigdir="/usr/lib/$2/pkgconfig" srcdir=/packages \
		CC="$1-gcc" CXX="$1-g++" CFLAGS='' LDFLAGS='' \
		PKG_CONFIG=pkg-config EMULATOR="$3" \
		enable_shared=yes enable_static=yes sanitizers=no coverage=no \
		sh /packages/installcheck.sh
}

make_base || {
	tail -n 5 "$work/debootstrap.log" | sed 's/^/# /'
	skip_all "debootstrap fails: $work/debootstrap.log"
}
