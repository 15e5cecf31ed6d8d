#!/bin/sh
# SPDX-License-Identifier: MIT
#
# source.sh WORK - what a packager expects of the sources: bootstrap without a
# warning, switches that mean what they say, any shell, compiler and linker,
# and a tree that is as clean afterwards as before.  Works on a clone in WORK.
# Prints TAP.
set -u

mkdir -p "$1" && work=$(cd "$1" && pwd) || exit 1
here=$(cd "$(dirname "$0")" && pwd)
top_srcdir=$here/../..
# shellcheck source=tests/meta/tap.sh
. "$top_srcdir/tests/meta/tap.sh"
have git || skip_all 'no git'
clone=$work/clone
rm -rf "$clone" "$work/build"
git clone -q "$top_srcdir" "$clone" || skip_all 'not a git tree'
cd "$clone" || exit 1

# passes NAME COMMAND...
passes() {
	passes=$1
	shift
	"$@" >"$tmp/log" 2>&1 </dev/null
	status=$?
	none "$([ $status = 0 ] || {
		echo "status $status"
		grep -E '^(not ok|FAIL:|ERROR:) ' "$tmp/log" | head -n 15
		tail -n 15 "$tmp/log"
	})" "$passes"
}

# refused SWITCH...: by configure, with a word that says why
refused() {
	mkdir -p "$work/build/refused"
	(cd "$work/build/refused" &&
		"$clone/configure" -q "$@" >"$tmp/log" 2>&1) &&
		log='it is accepted' || log=
	none "$log$(grep -q 'configure: error: ' "$tmp/log" ||
		cat "$tmp/log")" "configure $* is refused"
}

# In a directory of its own: configure [VARIABLE=... | SWITCH]..., make, exports
builds() {
	builds=$1
	shift
	rm -rf "$work/build/variant"
	mkdir -p "$work/build/variant"
	# shellcheck disable=SC2016 # for the shell that it starts
	passes "$builds" sh -ec 'cd "$1"; top_srcdir=$2; shift 2
		${SHELL_FOR_CONFIGURE-sh} "$top_srcdir/configure" -q "$@"
		make -j2
		top_builddir=. top_srcdir=$top_srcdir \
			sh "$top_srcdir/tests/meta/exports.sh"' \
		sh "$work/build/variant" "$clone" "$@"
}

# suite NAME: make check of what was built last
suite() {
	passes "$1" make -j2 -C "$work/build/variant" check
}

# ---- Bootstrap
./autogen.sh >"$tmp/log" 2>&1
equal $? 0 'autoreconf -Wall,error'
none "$(grep -i 'warning' "$tmp/log")" 'and without a warning'
none "$(git status --porcelain)" 'git sees nothing new'
none "$(grep -n 'ac_fn_c_try_run' configure)" 'configure runs no programs'

# ---- Switches
./configure --help >"$tmp/help"
for switch in epoll kqueue devpoll port poll eventfd timerfd inotify werror \
	sanitizers coverage symbol-versioning static shared
do
	grep -q -- "--\(enable\|disable\)-$switch" "$tmp/help" ||
		echo "$switch"
done >"$tmp/missing"
grep -q -- --with-pkgconfigdir "$tmp/help" || echo pkgconfigdir >>"$tmp/missing"
grep -q EMULATOR "$tmp/help" || echo EMULATOR >>"$tmp/missing"
none "$(cat "$tmp/missing")" 'configure --help names each switch'
[ "$(uname)" != Linux ] || refused --enable-kqueue
refused --disable-epoll --disable-poll --disable-ppoll --disable-kqueue \
	--disable-devpoll --disable-port

refused --disable-shared --disable-static
refused --enable-debug=maybe
refused --with-pkgconfigdir=relative
mkdir -p "$work/build/white space"
(cd "$work/build/white space" && "$clone/configure" -q) >"$tmp/log" 2>&1
none "$(grep -q 'has white space' "$tmp/log" || cat "$tmp/log")" \
	'a directory with white space is refused'

# ---- In the tree
none "$(./configure -q 2>&1)" 'configure -q is silent'
none "$(grep -n '@[A-Za-z_]*@' ivykis.pc rpm/ivykis.spec lib/libivykis.map \
	cmake/*.cmake)" 'nothing is left to substitute'
passes 'make CFLAGS=-O0' make -j2 CFLAGS=-O0
passes 'and exports no more' make check CFLAGS=-O0 TESTS=tests/meta/exports.sh
have pkgconf && passes 'pkgconf --validate' pkgconf --validate ivykis.pc
none "$(git status --porcelain)" 'git sees nothing that was built'
passes 'make maintainer-clean' make maintainer-clean
none "$(git status --porcelain --ignored)" 'and nothing remains'

# ---- The version is in one place
sed -i 's/^\(AC_INIT(\[ivykis\], \[\)[^]]*/\1999.0/' configure.ac
top_srcdir=$clone top_builddir=$clone sh tests/meta/version.sh >"$tmp/log" 2>&1
none "$([ $? != 0 ] || cat "$tmp/log")" 'another version in AC_INIT only is noticed'
git checkout -q configure.ac

# ---- Scripts
scripts=$(git grep -lE '^#!/bin/sh')
# each COMMAND SCRIPT...: which takes one at a time
each() {
	each=$1
	shift
	for script; do
		$each "$script" || return
	done
}

# What only bash has shellcheck knows, too; checkbashisms takes the perl in
# some for shell.
for tool in 'shellcheck -S warning' 'posh -n'; do
	if have "${tool%% *}"; then
		# shellcheck disable=SC2086 # words
		passes "$tool" each "$tool" $scripts
	else
		skip "$tool" "no ${tool%% *}"
	fi
done

# ---- Compilers, linkers, shells
./autogen.sh >/dev/null 2>&1
for cc in clang musl-gcc; do
	if ! have $cc; then
		skip "$cc" "no $cc"
	elif [ $cc = musl-gcc ]; then
		# It comes without the headers of the kernel.
		builds $cc CC=musl-gcc \
			CPPFLAGS="${KERNEL_HEADERS:+-idirafter $KERNEL_HEADERS}"
	else
		builds $cc CC=$cc --enable-werror
	fi
done
for linker in gold lld mold; do
	if have ld.$linker || have $linker; then
		builds "the linker $linker" LDFLAGS=-fuse-ld=$linker
	else
		skip "the linker $linker" "not here"
	fi
done
if have ld.lld-19; then
	mkdir -p "$work/build/lld19"
	ln -sf "$(command -v ld.lld-19)" "$work/build/lld19/ld.lld"
	builds 'the linker lld 19' \
		LDFLAGS="-fuse-ld=lld -B$work/build/lld19"
else
	skip 'the linker lld 19' 'not here'
fi
builds 'link-time optimisation' CFLAGS='-O2 -flto=auto' AR=gcc-ar \
	RANLIB=gcc-ranlib NM=gcc-nm
suite 'the suite with it'
builds 'a system without much, warnings are errors' --enable-werror \
	--enable-emulated-kernels=no --disable-eventfd --disable-timerfd \
	--disable-pidfd --disable-splice \
	--disable-epoll-pwait2 --disable-inotify --disable-symbol-versioning
suite 'the suite there'
for shell in dash posh; do
	if have $shell; then
		SHELL_FOR_CONFIGURE=$shell
		export SHELL_FOR_CONFIGURE
		builds "configure under $shell" CONFIG_SHELL="$(command -v $shell)"
		unset SHELL_FOR_CONFIGURE
	else
		skip "configure under $shell" "no $shell"
	fi
done
cd / && rm -rf "$clone" "$work/build"

finish
