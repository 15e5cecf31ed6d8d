#!/bin/sh
# SPDX-License-Identifier: MIT
#
# methods.sh LOG... - what the logs of a make check say of each poll method:
# a line for each, then why cases were skipped.

awk '
function add(list, word) {
	if (index(" " list " ", " " word " "))
		return list
	return list == "" ? word : list " " word
}
/^(not )?ok [0-9]+ - .* \[[a-z_:0-9-]+\]/ {
	rest = $0
	sub(/^[^[]*\[/, "", rest)
	name = rest
	sub(/\].*/, "", name)
	sub(/^[^]]*\]/, "", rest)
	split(name, part, ":")
	method = part[1]
	if (!(method in passed)) {
		order[++n] = method
		passed[method] = 0
	}
	if (part[2] != "")
		as[method] = add(as[method], part[2])
	if (/^not ok/)
		failed[method]++
	else if (sub(/^ # SKIP /, "", rest)) {
		skipped[method]++
		if (!why[method, rest]++)
			reasons[++m] = method SUBSEP rest
	} else
		passed[method]++
	sum += /^not ok/
}
END {
	for (i = 1; i <= n; i++) {
		k = order[i]
		printf "%-14s %-9s %5d passed %3d failed %3d skipped%s\n", k,
			k in as ? "emulated" : "real", passed[k], failed[k],
			skipped[k], k in as ? "  (" as[k] ")" : ""
	}
	if (m > 0)
		print "\nSkipped:"
	for (i = 1; i <= m; i++) {
		split(reasons[i], part, SUBSEP)
		printf "%-14s %3d: %s\n", part[1],
			why[part[1], part[2]], part[2]
	}
	if (n == 0)
		print "no poll method was tried"
	exit sum > 0 || n == 0
}' "$@"
