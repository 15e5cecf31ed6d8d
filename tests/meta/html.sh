#!/bin/sh
# SPDX-License-Identifier: MIT
#
# html.sh - the web pages of the manual: all are in the index, and links lead
# somewhere.

# shellcheck source=tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"

have mandoc || skip_all 'no mandoc'

none "$(sh "$top_srcdir/docs/html.sh" "$tmp" "$top_srcdir"/man3/*.3 2>&1)" \
	'pages are made'

# links FILE: what it refers to
links() {
	grep -o 'href="[^"]*"' "$1" | sed 's/^href="//; s/"$//'
}

dead_links() {
	for page in "$tmp"/*.html; do
		links "$page" | while read -r link; do
			file=${link%%#*}
			case $link in
			https://*/iv_* | https://*/IV_*)
				echo "${page##*/}: no page of ours: $link" ;;
			https://*) ;;
			'#'*)
				grep -q "id=\"${link#?}\"" "$page" ||
					echo "${page##*/}: no $link" ;;
			*)
				[ -s "$tmp/$file" ] || echo "${page##*/}: no $link" ;;
			esac
		done
	done
}

none "$(dead_links)" 'links lead somewhere'

none "$(links "$tmp/index.html" >"$tmp/indexed"
for page in "$top_srcdir"/man3/*.3; do
	grep -q '^\.so' "$page" && continue
	grep -qx "${page##*/}.html" "$tmp/indexed" || echo "$page"
done)" 'pages are in the index'

none "$(for page in "$top_srcdir"/man3/*.3; do
	name=${page##*/}
	grep -q ">${name%.3}</a>" "$tmp/index.html" || echo "$name"
done)" 'names are in the index'

finish
