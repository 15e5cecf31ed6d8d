#!/bin/sh
# SPDX-License-Identifier: MIT
#
# dist.sh - every file in git is in the tarball, but for what only the
# repository needs.

# shellcheck source=tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"
build=$(cd "${top_builddir:=.}" && pwd) || exit 1
cd "$top_srcdir" || exit 1
{ [ -e .git ] && git ls-files >"$tmp/files" 2>/dev/null; } ||
	skip_all 'not a git tree'

# A Makefile that is out of date is remade by a make of its own: what that
# says is no list of files.
MAKEFLAGS=''
export MAKEFLAGS
{ make -s -C "$build" Makefile && make -s -C "$build" dist-files \
	>"$tmp/listed"; } >"$tmp/log" 2>&1
status=$?
none "$([ $status = 0 ] || cat "$tmp/log")" 'make says what it distributes'

grep -v -e '^\.' -e '^debian/' "$tmp/files" | sort >"$tmp/git"
sort -u "$tmp/listed" >"$tmp/dist"
none "$(comm -23 "$tmp/git" "$tmp/dist")" 'tarball has all files of git'

finish
