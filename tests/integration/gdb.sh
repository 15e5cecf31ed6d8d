#!/bin/sh
# SPDX-License-Identifier: MIT
#
# gdb.sh - what gdb says of the loops of a process and of its core, also with a
# library whose debug symbols are in a file of their own.

# shellcheck source=../meta/tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"

[ -z "${EMULATOR-}" ] || skip_all 'not with an emulator'
have gdb || skip_all 'no gdb'
case "${CFLAGS-}" in
*-fsanitize* | *--coverage*) skip_all 'a special build' ;;
esac
library=$(readlink -f "$top_builddir/lib/.libs/libivykis.so.0")
[ -f "$library" ] || skip_all 'no shared library was built'
script=$(readlink -f "$top_srcdir/lib/gdb/ivykis.py")

mkdir "$tmp/lib" "$tmp/auto"
cp "$library" "$tmp/lib/"
name=${library##*/}
ln -s "$name" "$tmp/lib/libivykis.so.0"
ln -s "$name" "$tmp/lib/libivykis.so"
# shellcheck disable=SC2086 # lists they are
${CC:-cc} ${CFLAGS-} -g -O0 -I"$top_srcdir/include" -o "$tmp/program" \
	"$top_srcdir/tests/integration/gdb.c" -L"$tmp/lib" -livykis -pthread \
	${LDFLAGS-} >"$tmp/log" 2>&1 ||
	{ sed 's/^/# /' "$tmp/log"; skip_all 'the program does not compile'; }

# gdb_says OUTPUT ARGUMENT...: no process is left that would hold a pipe
gdb_says() {
	said=$1
	shift
	LD_LIBRARY_PATH=$tmp/lib DEBUGINFOD_URLS='' timeout 120 \
		gdb -nx -batch -iex 'set auto-load safe-path /' "$@" \
		>"$said" 2>&1 </dev/null
}

gdb_says "$tmp/try" -ex 'python print("it has " + "Python")' -ex 'break here' \
	-ex run -ex 'info symbol here' -ex 'info types ivi_loop$' -ex kill \
	"$tmp/program"
grep -q 'it has Python' "$tmp/try" || skip_all 'gdb without Python'
grep -q '^here in section' "$tmp/try" || skip_all 'gdb may not trace'
grep -q 'struct ivi_loop' "$tmp/try" || skip_all 'no debug symbols'

# without NUMBERS: what changes from run to run
plain() {
	sed -e 's/0x[0-9a-f]*/ADDRESS/g; s/thread [0-9]* (gdb.s [0-9]*)/THREAD/' \
		-e 's/thread [0-9]*,/THREAD,/; s/process [0-9]*/PROCESS/' \
		-e 's/fd [0-9]*,/FD,/; s/[0-9]* turns/TURNS/' \
		-e 's/ \(3[56]\|7[12]\)[0-9][0-9]\.[0-9]* s/ \1XX s/' \
		-e 's/: [a-z_-]*, THREAD/: METHOD, THREAD/' "$1"
}

# lists FILE LINE...: each is there
lists() {
	plain "$1" >"$tmp/plain"
	shift
	for line in "$@"; do
		grep -qx -e " *$line" "$tmp/plain" || echo "not said: $line"
	done >"$tmp/missing"
	if [ -s "$tmp/missing" ]; then
		cat "$tmp/missing" "$tmp/plain"
	fi
}

# A child is one more where there are pidfds.
main='loop ADDRESS: METHOD, THREAD, running, TURNS, kept running by [89]'

# all_of FILE
all_of() {
	lists "$1" "$main" \
	'loop ADDRESS: METHOD, THREAD, \(not \)*running, TURNS, kept running by 1' \
	'iv_fd ADDRESS: FD, in got_data, watched for in, cookie ADDRESS' \
	'iv_timer ADDRESS: in 3[56]XX s, time_out, cookie ADDRESS' \
	'iv_timer ADDRESS: in 7[12]XX s, give_up, cookie ADDRESS' \
	'iv_task ADDRESS: tidy_up, cookie ADDRESS' \
	'iv_event: 3 registered' \
	'iv_event ADDRESS: posted, got_news, cookie ADDRESS' \
	'iv_signal ADDRESS: signal [0-9]*, got_signal, cookie ADDRESS' \
	'iv_wait_interest ADDRESS: PROCESS, child_ended, cookie ADDRESS' \
	'iv_work_pool ADDRESS: 2 queued, 1 running, 0 done, 1 of 1 threads' \
	'running iv_work_item ADDRESS: work_for_ever, cookie ADDRESS' \
	'queued iv_work_item ADDRESS: work_for_ever, cookie ADDRESS'
}

gdb_says "$tmp/live" -ex "source $script" -ex 'break here' -ex run \
	-ex 'iv all' -ex "generate-core-file $tmp/core" -ex kill "$tmp/program"
none "$(all_of "$tmp/live")" 'all that a process has registered'

if [ -s "$tmp/core" ]; then
	gdb_says "$tmp/dead" -ex "source $script" -ex 'iv all' \
		"$tmp/program" "$tmp/core"
	none "$(all_of "$tmp/dead")" 'all that is in a core'
else
	skip 'all that is in a core' 'there is none'
fi

gdb_says "$tmp/kinds" -ex "source $script" -ex 'break here' -ex run \
	-ex 'iv loops' -ex 'iv timers' -ex 'iv pools' -ex kill "$tmp/program"
none "$(lists "$tmp/kinds" "$main" \
	'iv_timer ADDRESS: in 3[56]XX s, time_out, cookie ADDRESS' \
	'iv_work_pool ADDRESS: 2 queued, 1 running, 0 done, 1 of 1 threads'
	grep -n 'iv_fd 0x\|iv_task 0x' "$tmp/kinds")" 'and one kind of it'

gdb_says "$tmp/broken" -ex "source $script" -ex 'break here' -ex run \
	-ex 'set var *(void **)&soon.pad = (void *)16' \
	-ex 'set var *(void **)&task.pad = &task.pad' \
	-ex 'set var *(void **)&fd.pad = 0' \
	-ex 'iv all' -ex kill "$tmp/program"
none "$(lists "$tmp/broken" "$main" \
	'iv_task ADDRESS: tidy_up, cookie ADDRESS' \
	'damaged, or being changed: the list at ADDRESS is broken' \
	'damaged, or being changed: Cannot access memory at address ADDRESS' \
	'queued iv_work_item ADDRESS: work_for_ever, cookie ADDRESS')" \
	'what is left of damaged memory'

if have objcopy && have strip; then
	objcopy --only-keep-debug "$tmp/lib/$name" "$tmp/lib/$name.debug" &&
	strip "$tmp/lib/$name" &&
	objcopy --add-gnu-debuglink="$tmp/lib/$name.debug" "$tmp/lib/$name"
	directory=$tmp/auto$(readlink -f "$tmp/lib")
	mkdir -p "$directory"
	cp "$script" "$directory/$name-gdb.py"
	gdb_says "$tmp/stripped" \
		-iex "add-auto-load-scripts-directory $tmp/auto" \
		-ex 'break here' -ex run -ex 'iv all' -ex kill "$tmp/program"
	none "$(all_of "$tmp/stripped")" \
		'stripped, symbols apart, and loaded by itself'
	rm "$tmp/lib/$name.debug"
	gdb_says "$tmp/blind" -ex "source $script" -ex 'break here' -ex run \
		-ex 'iv loops' -ex kill "$tmp/program"
	none "$(grep -q 'no debug symbols: see iv_inspect(3)' "$tmp/blind" ||
		cat "$tmp/blind")" 'without symbols it says what is missing'
else
	skip 'stripped, symbols apart, and loaded by itself' 'no binutils'
	skip 'without symbols it says what is missing' 'no binutils'
fi
finish
