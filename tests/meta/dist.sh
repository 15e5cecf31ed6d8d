#!/bin/sh
# SPDX-License-Identifier: MIT
#
# dist.sh - every file in git is in the tarball, but for what only the
# repository needs.

echo 1..1
cd "${top_srcdir:=.}" || exit 1
if [ ! -e .git ] || ! git ls-files >/dev/null 2>&1; then
	echo "ok 1 # SKIP not a git tree"
	exit 0
fi

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
git ls-files | grep -v -e '^\.' -e '^debian/' | sort >"$tmp/git"
MAKEFLAGS='' make -s -C "${top_builddir:=.}" dist-files | sort -u >"$tmp/dist"
comm -23 "$tmp/git" "$tmp/dist" >"$tmp/missing"
if [ -s "$tmp/missing" ]; then
	sed 's/^/# not in the tarball: /' "$tmp/missing"
	echo "not ok 1 - tarball has all files of git"
	exit 1
fi
echo "ok 1 - tarball has all files of git"
