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
datadir="@datadir@"
PACKAGE_TARNAME='@PACKAGE_TARNAME@' docdir="@docdir@"
pkgconfigdir="@pkgconfigdir@" version_info='@LT_VERSION_INFO@'
shared='@enable_shared@' static='@enable_static@'
inotify='@USE_INOTIFY_TRUE@' man='@INSTALL_MAN_TRUE@' pkg_config='@PKG_CONFIG@'
evio='@USE_EVIO_TRUE@' libev='@enable_libev@'
special='@enable_debug@ @enable_sanitizers@ @enable_coverage@'
EOF
(cd "$top_builddir" && ./config.status -q --file="-:-" <"$tmp/dirs.in") \
	>"$tmp/dirs" 2>"$tmp/log"
grep -q '^prefix=' "$tmp/dirs" || skip_all 'config.status does not say where'
# shellcheck source=/dev/null
. "$tmp/dirs"
: "${libdir?}" "${includedir?}" "${mandir?}" "${pkgconfigdir?}"
: "${version_info?}" "${shared?}" "${static?}" "${inotify?}" "${special?}"
: "${libev?}" "${evio?}" "${man?}" "${docdir?}"
: "${pkg_config?}" "${datadir?}"

# The file name of the library, by libtool's rule for Linux.
real_name() {
	IFS=: read -r current revision age <<-EOF
	$version_info
	EOF
	echo "libivykis.so.$((current - age)).$age.$revision"
}

libev_files() {
	[ "$shared" != yes ] || printf "$libdir/ivykis/%s\n" \
		libev.so libev.so.4 libev.so.4.0.0
	[ "$static" != yes ] || echo "$libdir/ivykis/libev.a"
	echo "$libdir/ivykis/libev.la"
	echo "$pkgconfigdir/ivykis-ev.pc"
	printf "$includedir/ivykis-ev/%s\n" ev.h ev++.h event.h
}

expected() {
	[ "$shared" != yes ] || printf "$libdir/%s\n" \
		libivykis.so libivykis.so.0 "$(real_name)"
	[ "$shared" != yes ] || printf "$datadir/gdb/auto-load$libdir/%s-gdb.py\n" \
		"$(real_name)"
	[ "$static" != yes ] || echo "$libdir/libivykis.a"
	echo "$libdir/libivykis.la"
	echo "$pkgconfigdir/ivykis.pc"
	printf "$libdir/cmake/ivykis/%s\n" ivykis-config.cmake \
		ivykis-config-version.cmake
	for header in iv iv_alarm iv_avl iv_event iv_event_raw iv_fd_pump \
			iv_follow iv_hook iv_inotify iv_inspect iv_list \
			iv_listen iv_loop iv_path iv_popen iv_signal iv_spawn iv_thread \
			iv_tick iv_tls iv_wait iv_work
	do
		[ "$header$inotify" = 'iv_inotify#' ] ||
			echo "$includedir/$header.h"
	done
	[ "$evio" = '#' ] || printf '%s\n' "$includedir/ivykis-evio/evio.h" \
		"$libdir/libivykis-evio.a" "$libdir/libivykis-evio2.a" \
		"$pkgconfigdir/ivykis-evio.pc" "$pkgconfigdir/ivykis-evio2.pc"
	[ "$libev" != yes ] || libev_files
	printf "$docdir/%s\n" README.md NEWS docs/guarantees.md \
		docs/guide.md docs/io_uring.md docs/performance.md \
		docs/porting.md docs/tracing.md \
		examples/README.md
	for example in "$top_srcdir"/examples/*.c; do
		[ "${example##*/}$inotify" = 'watch_dir.c#' ] ||
			[ "${example##*/}$evio" = 'evio_server.c#' ] ||
			echo "$docdir/examples/${example##*/}"
	done
	[ "$man" = '#' ] || {
		for page in "$top_srcdir"/man3/*.3; do
			echo "$mandir/man3/${page##*/}"
		done
		echo "$mandir/man7/ivykis_migrate.7"
	}
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
