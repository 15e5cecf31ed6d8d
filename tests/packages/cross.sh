#!/bin/sh
# SPDX-License-Identifier: MIT
#
# cross.sh DIRECTORY WORK ARCHITECTURE - builds the source package in DIRECTORY
# for another architecture, in a clean Debian 12, and installs the result
# beside the .debs of this one.  Prints TAP.
set -u

debs=$(cd "$1" && pwd) || exit 1
mkdir -p "$2" && work=$(cd "$2" && pwd) || exit 1
arch=$3
here=$(cd "$(dirname "$0")" && pwd)
top_srcdir=$here/../..
# shellcheck source=tests/meta/tap.sh
. "$top_srcdir/tests/meta/tap.sh"
have dpkg-architecture || skip_all 'no dpkg-dev'
# shellcheck source=tests/packages/root.sh
. "$here/root.sh"

native=$(dpkg --print-architecture)
gnu=$(dpkg-architecture -a"$arch" -qDEB_HOST_GNU_TYPE 2>/dev/null)
multiarch=$(dpkg-architecture -a"$arch" -qDEB_HOST_MULTIARCH 2>/dev/null)

# What runs programs of that architecture; env runs those that the kernel does.
case $arch in
i386) emulator='env' ;;
arm64) emulator=qemu-aarch64-static ;;
*) emulator=qemu-$arch-static ;;
esac

# of PACKAGE ARCHITECTURE
of() {
	find "$root/packages" -name "$1_*_$2.deb"
}

contents() {
	mkdir -p "$tmp/$2"
	dpkg-deb -x "$(of "$1" "$2")" "$tmp/$2"
}

new_root
if [ "$emulator" != env ]; then
	cp "$(command -v "$emulator")" "$root/usr/bin" || emulator=
fi
built() {
	passes "$arch: what a cross build needs" in_root sh -c "
		dpkg --add-architecture $arch && apt-get update -qq &&
		apt-get build-dep -qq -y --no-install-recommends \
			--host-architecture $arch -P cross,nocheck \
			/packages/*.dsc &&
		apt-get install -qq -y --no-install-recommends \
			crossbuild-essential-$arch libc6-dev:$arch" &&
	passes "$arch: dpkg-buildpackage" in_root sh -c "
		cd /packages && dpkg-source -x ./*.dsc tree && cd tree &&
		DEB_BUILD_OPTIONS=nocheck dpkg-buildpackage -us -uc -b \
			-a$arch -Pcross,nocheck"
}

built || finish
none "$(dpkg-deb -f "$(of libivykis0 "$arch")" Depends |
	grep -vx 'libc6 (>= [0-9.]*)')" "$arch: needs libc6 and nothing else"
for package in libivykis0 libivykis-ev4 libivykis-dev; do
	contents $package "$native"
	contents $package "$arch"
done
none "$(cd "$tmp/$native" && find . -type f | while read -r file; do
	[ ! -e "$tmp/$arch/$file" ] || cmp "$file" "$tmp/$arch/$file" 2>&1
done)" "$arch: files that $native has, too, are the same"
passes "$arch: installs beside $native" in_root sh -c "
	apt-get install -qq -y --no-install-recommends \
		/packages/libivykis0_*.deb /packages/libivykis-ev4_*.deb \
		/packages/libivykis-dev_*.deb"
if [ -n "$emulator" ]; then
	passes "$arch: programs compile and run: C, C++, pkg-config" \
		check_installed "$gnu" "$multiarch" "$emulator"
else
	skip "$arch: programs compile and run" 'no emulator'
fi
passes "$arch: programs of $native still do" check_installed \
	"$(dpkg-architecture -qDEB_HOST_GNU_TYPE)" \
	"$(dpkg-architecture -qDEB_HOST_MULTIARCH)" ''
rm -rf "$root"

finish
