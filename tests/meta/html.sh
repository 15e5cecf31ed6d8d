#!/bin/sh
# SPDX-License-Identifier: MIT
#
# html.sh - the web pages of the manual: all are in the index, and links lead
# somewhere.

# shellcheck source=tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"

have mandoc || skip_all 'no mandoc'

none "$(sh "$top_srcdir/docs/html.sh" "$tmp" "$top_srcdir"/man3/*.3 \
	"$top_srcdir"/man7/*.7 2>&1)" \
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
			https://*/iv* | https://*/IV_* | https://*/INIT_IV_* | \
			https://*/__iv*)
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

# Pages of the Linux man-pages that are linked, as SECTION and NAME.
linux_pages() {
	for page in "$tmp"/*.html; do
		links "$page"
	done | sort -u |
	sed -n 's|^https://man7\.org/.*/\([^/]*\)\.\([237]\)\.html$|\2 \1|p'
}

what='links to pages of Linux are to such as exist'
if [ "$(uname)" = Linux ] && man -w 2 epoll_pwait2 7 signal-safety \
		>"$tmp/log" 2>&1
then
	none "$(linux_pages | while read -r section name; do
		man -w "$section" "$name" >"$tmp/log" 2>&1 ||
			echo "$name($section)"
	done)" "$what"
else
	skip "$what" 'they are not installed'
fi

none "$(links "$tmp/index.html" >"$tmp/indexed"
for page in "$top_srcdir"/man3/*.3 "$top_srcdir"/man7/*.7; do
	grep -q '^\.so' "$page" && continue
	grep -qx "${page##*/}.html" "$tmp/indexed" || echo "$page"
done)" 'pages are in the index'

none "$(for page in "$top_srcdir"/man3/*.3; do
	name=${page##*/}
	grep -q ">${name%.3}</a>" "$tmp/index.html" || echo "$name"
done)" 'names are in the index'

finish
