#!/bin/sh
# SPDX-License-Identifier: MIT
#
# tracing.sh - the commands for gdb, bpftrace and perf of docs/tracing.md, as
# they are written there, answer the questions above them.

# shellcheck source=../meta/tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"

[ -z "${EMULATOR-}" ] || skip_all 'not with an emulator'
have gdb || skip_all 'no gdb'
case "${CFLAGS-}" in
*-fsanitize* | *--coverage*) skip_all 'a special build' ;;
esac
library=$(readlink -f "$top_builddir/lib/.libs/libivykis.so.0")
[ -f "$library" ] || skip_all 'no shared library was built'
# bpftrace understands no = in a path.
mkdir "$tmp/lib"
cp "$library" "$tmp/lib/libivykis.so.0"
library=$tmp/lib/libivykis.so.0
script=$(readlink -f "$top_srcdir/lib/gdb/ivykis.py")
page=$top_srcdir/docs/tracing.md
# shellcheck disable=SC2086 # lists they are
${CC:-cc} ${CFLAGS-} -g -O0 -I"$top_srcdir/include" -o "$tmp/program" \
	"$top_srcdir/tests/integration/tracing.c" \
	-L"$top_builddir/lib/.libs" -livykis -pthread ${LDFLAGS-} \
	>"$tmp/log" 2>&1 ||
	{ sed 's/^/# /' "$tmp/log"; skip_all 'the program does not compile'; }

# As it is called in the page; the library is not where gdb would look.
gdb() {
	DEBUGINFOD_URLS='' timeout 120 gdb -nx -iex 'set auto-load safe-path /' \
		-iex "source $script" "$@" </dev/null
}

# It is ended as by Ctrl-C, after SECONDS; its own complaint is that there is no
# tracefs, which it does not need.
bpftrace() {
	timeout -s INT "$seconds" bpftrace "$@" </dev/null
}

# With a tracefs, and files that are not left lying about.
perf() {
	(cd "$tmp" && HOME=$tmp timeout 60 unshare -m sh -c '
		mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
		perf "$@"' sh "$@" </dev/null)
}

# commands_for QUESTION PATTERN [TOOL]: those for gdb in the section, of PROCESS
commands_for() {
	awk -v title="## $1" -v tool="    ${3-gdb} " '/^## / { here = $0 == title }
		!/^     / { wanted = 0 }
		here && index($0, tool) == 1 { wanted = 1 }
		wanted { printf "%s%s", more++ && !/^     / ? "\n" : "", $0 }
		END { print "" }' "$page" | grep -e "$2" |
		sed "s/PID/\$process/g; s|LIB|$library|g"
}

# in_trouble NAME: a PROCESS that has come there
in_trouble() {
	mkfifo "$tmp/ready"
	LD_LIBRARY_PATH=$tmp/lib "$tmp/program" "$1" \
		>"$tmp/ready" 2>"$tmp/errors" &
	process=$!
	read -r word <"$tmp/ready"
	rm "$tmp/ready"
	[ "$word" = ready ]
}

# asked QUESTION PATTERN TROUBLE [TOOL]: what gdb says is in SAID
asked() {
	said=$tmp/said
	command=$(commands_for "$1" "$2" "${4-gdb}")
	if [ -z "$command" ]; then
		echo "no such command in the page: $1" >"$said"
		return
	fi
	in_trouble "$3"
	eval "$command" >"$said" 2>&1
	kill -9 "$process" 2>/dev/null
	wait "$process" 2>/dev/null
}

# answers LINE...: each is there
answers() {
	for line in "$@"; do
		grep -q -e "$line" "$said" || echo "not said: $line"
	done >"$tmp/missing"
	if [ -s "$tmp/missing" ]; then
		cat "$tmp/missing" "$said"
	fi
}

asked 'What keeps it from ending?' 'iv all' stay
! grep -q 'ptrace: \|Could not attach' "$said" || skip_all 'gdb may not trace'
! grep -q 'not supported in this copy\|Undefined command: "iv' "$said" ||
	skip_all 'gdb without Python'
! grep -q 'no debug symbols' "$said" || skip_all 'no debug symbols'
none "$(answers 'kept running by 2$' \
	'iv_timer 0x[0-9a-f]*: in 35[0-9][0-9]\.[0-9]* s, forgotten, cookie 0x0$' \
	'iv_work_pool 0x[0-9a-f]*: 2 queued, 1 running')" \
	'what keeps it from ending'
asked 'Which handler blocks the loop?' 'backtrace' hang
none "$(answers ' hang_for_ever (')" 'which handler blocks the loop'
asked 'How long do items wait for a worker?' 'iv pools' stay
none "$(answers '2 queued, 1 running, 0 done, 1 of 1 threads$' \
	'running iv_work_item 0x[0-9a-f]*: work_for_ever' \
	'queued iv_work_item 0x[0-9a-f]*: work_for_ever')" \
	'how many items wait for a worker, and for what'
if grep -q '^S\["enable_usdt"\]="no"' "$top_builddir/config.status"; then
	skip 'why it is at 100 %' 'no probes'
	skip 'how late timers are' 'no probes'
	finish
	exit
fi
asked 'Why is it at 100 %?' 'ivykis:spin' spin
none "$(answers 'no progress for [0-9]* turns' '^\$1 = [0-9]' \
	"iv_fd 0x[0-9a-f]*: fd $(sed -n 's/^\$1 = //p' "$said"), in ignore_the_end")" \
	'why it is at 100 %'
asked 'How late are timers?' 'handler__begin' late
none "$(answers '^come_late in section' '^\$1 = [1-9][0-9]\{7,\}$')" \
	'how late timers are'

# seen_by TOOL WHAT QUESTION PATTERN TROUBLE LINE...: the answer has the lines.
# Nothing says when a tracer has begun, so it is given more and more time.
seen_by() {
	tool=$1 what=$2 question=$3 pattern=$4 trouble=$5
	shift 5
	for seconds in 2 4 8 16 32; do
		asked "$question" "$pattern" "$trouble" "$tool"
		complaints=$(answers "$@")
		[ -n "$complaints" ] || break
	done
	none "$complaints" "$what, by $tool"
}

seconds=10
if ! have bpftrace || ! bpftrace -e 'BEGIN { exit(); }' >"$tmp/log" 2>&1; then
	skip 'commands for bpftrace' 'no bpftrace, or it may not trace'
else
	seen_by bpftrace 'which handlers are called' 'Why is it at 100 %?' \
		count spin '^@\[1, ignore_the_end\]: [1-9]'
	seen_by bpftrace 'which descriptor makes no progress' \
		'Why is it at 100 %?' spin spin '^@\[[0-9]*\]: [1-9]'
	seen_by bpftrace 'how long handlers take' \
		'Which handler blocks the loop?' handler late \
		'^@us\[take_long\]' '^\[16K, 32K) '
	seen_by bpftrace 'how late timers are' 'How late are timers?' arg3 late \
		'^@us:' '^\[\(16K, 32K\|32K, 64K\)) '
	seen_by bpftrace 'how long items wait' \
		'How long do items wait for a worker?' work__queue busy \
		'^@us:' '^\[.*|@'
	seen_by bpftrace 'how long posts take' 'How long does a post take?' \
		post busy '^@us\[got_news\]' '^\[.*|@'
fi

if ! have perf || ! perf probe -l >"$tmp/log" 2>&1; then
	skip 'commands for perf' 'no perf, or it may not trace'
else
	seen_by perf 'which descriptor makes no progress' \
		'Why is it at 100 %?' 'perf' spin \
		'sdt_ivykis:spin: .* arg2=[0-9]* arg3=[0-9]'
fi
finish
