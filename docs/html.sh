#!/bin/sh
# SPDX-License-Identifier: MIT
#
# html.sh - the manual as web pages, with an index.
#
#	html.sh DIRECTORY PAGE...
#
# Pages are named NAME.SECTION.html; one whose source is a mere .so request is
# a way to the page it stands for.  Needs mandoc(1).
set -eu
LC_ALL=C
export LC_ALL

out=$1
shift
here=$(cd "$(dirname "$0")" && pwd)

# The page that PAGE stands for, such as iv_work.3, or nothing.
target() {
	sed -n 's|^\.so man[0-9]/||p' "$1"
}

# name PAGE: the name of its web page
name() {
	echo "${1##*/}.html"
}

head_of() {
	cat <<END
<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8"/>
  <meta name="viewport" content="width=device-width, initial-scale=1.0"/>
  <link rel="stylesheet" href="manual.css"/>
  $2<title>$1</title>
</head>
<body>
END
}

alias_page() {
	head_of "$1" "<meta http-equiv=\"refresh\" content=\"0; url=$1.html\"/>
  "
	echo "<p>See <a href=\"$1.html\">$1</a>.</p>"
	echo '</body></html>'
}

# Pages that are not among those of Linux.
foreign='
s#https://man7[^"]*/\(kevent\|kqueue\|thr_self\)\.2\.html#https://man.freebsd.org/cgi/man.cgi?\1(2)#g
s#https://man7[^"]*/\(lwp_gettid\)\.2\.html#https://man.dragonflybsd.org/?command=\1\&amp;section=2#g
s#\(https://man7[^"]*/pthread_key_create\.3\)\.html#\1p.html#g'

# Links go to our own pages where there is one, else to those of the system.
page() {
	links='%N.%S.html;https://man7.org/linux/man-pages/man%S/%N.%S.html'
	(cd "$out/known" && mandoc -T html -O "style=manual.css,man=$links" "$1") |
	sed -e 's|^<body>|&<p class="index"><a href="index.html">ivykis</a></p>|' \
		-e "$foreign"
}

# Lines for sort(1): name, page, description; an alias has none.
line_of_page() {
	awk -v page="${1##*/}" '
	/^\.Nd / && !about { sub(/^\.Nd /, ""); about = $0 }
	END {
		name = page
		sub(/\.[0-9]$/, "", name)
		printf "%s\t%s\t%s\n", name, page, about
	}' "$1"
}

line_of_alias() {
	name=${1##*/}
	printf '%s\t%s\t\n' "${name%.[0-9]}" "$2"
}

index() {
	head_of 'ivykis: the manual' ''
	echo '<h1>ivykis</h1>'
	echo '<p>Event loops: descriptors, timers, signals, children, threads.'
	if [ -f "$out/ivykis.3.html" ]; then
		echo 'Begin with <a href="ivykis.3.html">the overview</a>.'
	fi
	echo '</p>'
	echo '<h2>Pages</h2>'
	echo '<table class="pages">'
	awk -F '\t' '$3 != "" {
		printf "<tr><td><a href=\"%s.html\">%s</a></td>", $2, $1
		printf "<td>%s</td></tr>\n", $3
	}' "$1"
	echo '</table>'
	echo '<h2>Functions, macros and structures</h2>'
	echo '<ul class="names">'
	awk -F '\t' '$3 == "" {
		printf "<li><a href=\"%s.html\">%s</a></li>\n", $2, $1
	}' "$1"
	echo '</ul>'
	echo '</body></html>'
}

mkdir -p "$out/known"
cp "$here/manual.css" "$out/manual.css"
# A link goes to a page of ours if mandoc(1) sees it where it runs.
for source; do
	: >"$out/known/${source##*/}"
done
for source; do
	to=$(target "$source")
	if [ -n "$to" ]; then
		alias_page "$to" >"$out/$(name "$source")"
		line_of_alias "$source" "$to"
	else
		page "$(cd "$(dirname "$source")" && pwd)/${source##*/}" \
			>"$out/$(name "$source")"
		line_of_page "$source"
	fi
done | sort -f >"$out/known/lines"
index "$out/known/lines" >"$out/index.html"
rm -r "$out/known"
