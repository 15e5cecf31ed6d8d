#!/bin/sh
# SPDX-License-Identifier: MIT
#
# plot.sh - what tests/soak/soak.t has logged, as one line and a picture.
#
# Usage: plot.sh NAME.dat: makes NAME.svg and NAME.png where there is gnuplot.
set -u

data=$1
name=${data%.dat}

# The slope is that of the line of best fit to the last three quarters, if the
# run was long enough for that to mean anything.
awk '
{ t[NR] = $1; rss[NR] = $2; fds = $3 > fds ? $3 : fds
  threads = $4 > threads ? $4 : threads
  for (i = 5; i <= NF; i++)
	rounds[NR] += $i }
END {
	for (i = int(NR / 4) + 1; i <= NR; i++) {
		n++; x += t[i]; y += rss[i]
		xx += t[i] * t[i]; xy += t[i] * rss[i]
	}
	d = n * xx - x * x
	printf "%d s, %d rounds, memory %d KiB at the end", t[NR],
		rounds[NR], rss[NR]
	if (d > 0 && t[NR] >= 300)
		printf ", slope %.0f KiB/h", 3600 * (n * xy - x * y) / d
	printf ", at most %d descriptors and %d threads\n", fds, threads
}' "$data"

command -v gnuplot >/dev/null 2>&1 || exit 0
for term in svg png; do
	gnuplot <<END || exit 1
set terminal $term size 900,600
set output "$name.$term"
set multiplot layout 3,1
set xlabel "seconds"
set key left
set ylabel "KiB"
set yrange [0:*]
plot "$data" using 1:2 with lines title "resident memory"
set ylabel ""
plot "$data" using 1:3 with lines title "descriptors", \
	"$data" using 1:4 with lines title "threads"
plot "$data" using 1:5 with lines title "tokens", \
	"$data" using 1:8 with lines title "posts", \
	"$data" using 1:10 with lines title "children", \
	"$data" using 1:11 with lines title "work", \
	"$data" using 1:12 with lines title "pumps"
END
done
echo "pictures: $name.svg $name.png"
