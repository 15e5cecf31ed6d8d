#!/bin/sh
# SPDX-License-Identifier: MIT
#
# spdx.sh - every file but prose says under which licence it is.

# shellcheck source=tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"
cd "$top_srcdir" || exit 1

if [ -e .git ] && git ls-files >"$tmp/files" 2>/dev/null; then
	:
else
	# A tarball: leave out what autotools and a build in it generated.
	find include lib man3 man7 tests examples -name .libs -prune -o \
		-type f -print |
		grep -E '\.([ch37]|mk|sh|in|map)$' >"$tmp/files"
fi

# The licence itself; prose; debian/copyright speaks for its directory.
none "$(grep -v -e '^LICENSE$' -e '^NEWS$' -e '\.md$' -e '^debian/' "$tmp/files" |
	while read -r file; do
		[ -s "$file" ] || continue
		grep -q "SPDX-License-Identifier: MIT" "$file" ||
			echo "$file"
	done)" 'SPDX-License-Identifier: MIT'

none "$(head -n 1 LICENSE | grep -v 'MIT')" 'LICENSE is the MIT licence'

finish
