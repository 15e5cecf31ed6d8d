#!/bin/sh
# SPDX-License-Identifier: MIT
#
# install.sh - make install puts there what is listed here and no more, and a
# newcomer can use it; make uninstall removes it all.

# shellcheck source=tests/meta/tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"

[ -x "$top_builddir/config.status" ] || skip_all 'not configured'
# Not in TMPDIR, which may have a space: libtool installs to no such name.
root=$(mktemp -d "$top_builddir/installed.XXXXXX") || exit 1
trap 'rm -rf "$tmp" "$root"' EXIT

cat >"$tmp/dirs.in" <<'EOF'
prefix='@prefix@' exec_prefix="@exec_prefix@" libdir="@libdir@"
includedir="@includedir@" datarootdir="@datarootdir@" mandir="@mandir@"
pkgconfigdir="@pkgconfigdir@" version_info='@LT_VERSION_INFO@'
shared='@enable_shared@' static='@enable_static@'
inotify='@USE_INOTIFY_TRUE@' man='@INSTALL_MAN_TRUE@' pkg_config='@PKG_CONFIG@'
special='@enable_debug@ @enable_sanitizers@ @enable_coverage@'
EOF
(cd "$top_builddir" && ./config.status -q --file="-:-" <"$tmp/dirs.in") \
	>"$tmp/dirs" 2>"$tmp/log"
grep -q '^prefix=' "$tmp/dirs" || skip_all 'config.status does not say where'
# shellcheck source=/dev/null
. "$tmp/dirs"
: "${libdir?}" "${includedir?}" "${mandir?}" "${pkgconfigdir?}"
: "${version_info?}" "${shared?}" "${static?}" "${inotify?}" "${special?}"
: "${man?}"
: "${pkg_config?}"

# The file name of the library, by libtool's rule for Linux.
real_name() {
	IFS=: read -r current revision age <<-EOF
	$version_info
	EOF
	echo "libivykis.so.$((current - age)).$age.$revision"
}

expected() {
	[ "$shared" != yes ] || printf "$libdir/%s\n" \
		libivykis.so libivykis.so.0 "$(real_name)"
	[ "$static" != yes ] || echo "$libdir/libivykis.a"
	echo "$libdir/libivykis.la"
	echo "$pkgconfigdir/ivykis.pc"
	printf "$libdir/cmake/ivykis/%s\n" ivykis-config.cmake \
		ivykis-config-version.cmake
	for header in iv iv_avl iv_event iv_event_raw iv_fd_pump iv_inotify \
			iv_list iv_popen iv_signal iv_thread iv_tls iv_wait iv_work
	do
		[ "$header$inotify" = 'iv_inotify#' ] ||
			echo "$includedir/$header.h"
	done
	[ "$man" = '#' ] || for page in "$top_srcdir"/man3/*.3; do
		echo "$mandir/man3/${page##*/}"
	done
}

installed() {
	(cd "$root" && find . ! -type d | sed 's/^\.//')
}

in_build() {
	# Not a part of the make that runs the tests.
	MAKEFLAGS='' make -C "$top_builddir" "$@" DESTDIR="$root" \
		>"$tmp/log" 2>&1 || { sed 's/^/# /' "$tmp/log"; false; }
}

in_build install
equal $? 0 'make install'
expected | sort >"$tmp/expected"
installed | sort >"$tmp/installed"
none "$(comm -23 "$tmp/expected" "$tmp/installed" |
	sed 's/^/not installed: /')" 'installs all that it should'
none "$(comm -13 "$tmp/expected" "$tmp/installed" |
	sed 's/^/also installed: /')" 'installs nothing else'

# Whose cc is the compiler of this build.
newcomer() {
	mkdir "$tmp/bin"
	printf '#!/bin/sh\nexec %s "$@"\n' "${CC-cc} ${CFLAGS-}" >"$tmp/bin/cc"
	chmod +x "$tmp/bin/cc"
	PATH=$tmp/bin:$PATH \
	MANPATH=$root$mandir PKG_CONFIG_LIBDIR=$root$pkgconfigdir \
	PKG_CONFIG_PATH='' PKG_CONFIG_SYSROOT_DIR=$root \
	LD_LIBRARY_PATH=$root$libdir \
		python3 -B "$top_srcdir/tests/manual/newcomer.py" 2>&1
}

what='a newcomer copies, compiles and runs the first example of man ivykis'
if [ "$special$man" != 'no no no' ] || [ -n "${EMULATOR-}" ] || [ -z "$pkg_config" ] ||
		! have man || ! have python3 || ! have pkg-config
then
	skip "$what" 'a special build, or something is not here'
else
	none "$(newcomer)" "$what"
fi

in_build uninstall
equal $? 0 'make uninstall'
none "$(installed)" 'nothing is left'

finish
