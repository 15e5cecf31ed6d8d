#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Tries the harness on the cases of specimen.c: it has to see through the bad
# ones, and let the good ones pass.

: "${top_builddir:=.}"
specimen=$top_builddir/tests/harness/specimen
number=0
failed=0

dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$dir/a b" || exit 1
TMPDIR="$dir/a b"
IV_EXCLUDE_POLL_METHOD="poll nonsense"
export TMPDIR IV_EXCLUDE_POLL_METHOD
unset IV_SELECT_POLL_METHOD

# result STATUS NAME: STATUS 0 is a pass; otherwise shows $dir/out.
result() {
	number=$((number + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $number - $2"
	else
		sed 's/^/# /' "$dir/out"
		echo "not ok $number - $2"
		failed=1
	fi
}

skip() {
	number=$((number + 1))
	echo "ok $number - $1 # SKIP $2"
}

# run ARGUMENT...: leaves $dir/out and $status.  Stdin is closed.
run() {
	# shellcheck disable=SC2086 # EMULATOR is a command line
	${EMULATOR-} "$specimen" "$@" >"$dir/out" 2>&1 <&-
	status=$?
}

says() {
	grep -F -q -e "$1" "$dir/out"
}

passed() {
	[ "$status" -eq 0 ] && says '1..' && says 'ok 1 - ' &&
		! grep -q '^not ok' "$dir/out" && ! says '# SKIP'
}

# good CASE [TEXT]: passes, and prints TEXT.
good() {
	run "$1"
	passed && says "${2-}"
	result $? "$1 passes"
}

# bad CASE TEXT: fails, and prints TEXT.
bad() {
	run "$1"
	[ "$status" -eq 1 ] && says '1..' && says 'not ok 1 - ' &&
		! grep -q '^ok' "$dir/out" && says "$2"
	result $? "$1 fails"
}

# skipped CASE TEXT
skipped() {
	run "$1"
	[ "$status" -eq 0 ] && says "ok 1 - specimen/$1 # SKIP $2"
	result $? "$1 is skipped"
}

# good_or_skipped CASE
good_or_skipped() {
	run "$1"
	if [ "$status" -eq 0 ] && says '# SKIP'; then
		skip "$1 passes" "$(sed -n 's/.*# SKIP //p' "$dir/out")"
	else
		passed
		result $? "$1 passes"
	fi
}

# is_killed PID NAME: it may be a zombie still.
# A signal that was sent has its effect when the process has a processor.
is_killed() {
	[ -d /proc/self ] || { skip "$2" 'no /proc'; return; }
	for i in 1 2 3 4 5 6 7 8 9 10; do
		case $(sed -n 's/^State:[[:space:]]*//p' "/proc/$1/status" \
			2>/dev/null) in
		'' | Z* | X*)	result 0 "$2"; return ;;
		esac
		sleep "$((i / 4))"
	done
	result 1 "$2"
}

if ! [ -x "$specimen" ]; then
	echo "1..0 # SKIP $specimen is not built"
	exit 0
fi

good passes '# all is well'
bad check 'specimen.c:'
bad check '1 > 2'
bad check_int '1 + 1 == 3 (left: 2, right: 3)'
bad check_str '"left", not "right"'
bad check_str_null '"(null)", not "right"'
bad check_sys 'close(-1): '
bad check_errno "errno is"
bad check_errno_success 'returned 0, not -1'
bad check_in_thread '1 + 1 == 3'
bad check_in_child '1 + 1 == 3'
bad child_status 'left: 3, right: 0'
skipped skipped 'no moon here'
bad crash ''
bad exit_0 'instead of returning'
bad exit_7 'exited with status 7'
bad exit_3_late 'exited with status 3'
bad hang 'time limit exceeded'
bad forgery '# | ok 1 - forged'
good chatter
bad sanitizer_report 'a sanitizer complains'

bad hang_with_child 'time limit exceeded'
child=$(sed -n 's/^# child //p' "$dir/out")
is_killed "$child" 'the child of a case is killed'

good fatal
bad fatal_wrong_text 'no line "ivykis: ...no 43 here..."'
bad fatal_other_line 'no line "ivykis: ...no 42 here..."'
bad fatal_returns 'should have died'
bad fatal_exits 'did not die'
bad fatal_silent 'no line "ivykis: ...anything..."'
bad fatal_check 'a check failed'
skipped fatal_skipped 'not today'
good fatal_method
bad fatal_unexpected 'died of signal 6'

good fence_library
good fence_limit_fds
good fence_exempt '# fence: exempt: it may'
bad fence_disposition 'disposition of signal'
bad fence_mask 'left blocked'
bad fence_limit 'resource limit'
bad fence_child 'a child left running'
bad fence_zombie 'left unreaped'
if [ -d /proc/self/fd ]; then
	bad fence_fd 'left open'
	bad fence_fd_closed 'was closed'
	bad fence_fd_replaced 'now is pipe'
	bad fence_thread '2 threads left'
else
	skip fence_fd 'no /proc/self/fd'
fi
run fence_timer
if says '# SKIP'; then
	skip fence_timer 'no /proc/self/timers'
else
	bad fence_timer 'POSIX timers'
fi

run -l method
sed 's/.*\[\(.*\)].*/\1/' "$dir/out" >"$dir/methods"
method=$(sed -n '$p' "$dir/methods")
good method
good method_once
if [ "$(grep -c '' "$dir/methods")" -gt 1 ]; then
	bad method_another 'ended on poll method'
	good method_any
else
	skip method_another 'there is only one method'
fi
IV_TEST_METHODS="$method $method"
export IV_TEST_METHODS
run method method_once
passed && says '1..3' && says "specimen/method [$method]"
result $? 'IV_TEST_METHODS chooses methods'
IV_TEST_METHODS=nonsense
bad method 'nonsense'
unset IV_TEST_METHODS
run -m "$method" method
passed && says '1..1' && says "specimen/method [$method]"
result $? '-m chooses a method'

good help_fill_drain
good help_socketpair
good help_leave_fds
good_or_skipped help_deny_syscall
good help_tmpdir "# in $dir/a b/"
rmdir "$dir/a b" && mkdir "$dir/a b"
result $? 'tmpdir() is removed'
good help_loop
good help_loop_thread
bad help_deadline 'deadline'
bad help_never 'that must not: why'

run 'specimen/pass*' skipped
[ "$status" -eq 0 ] && says '1..2'
result $? 'patterns choose cases'
run nonsense
[ "$status" -eq 2 ] && says 'no case matches'
result $? 'a pattern that matches nothing is an error'
run -z
[ "$status" -eq 2 ] && says 'usage: '
result $? 'an unknown option is an error'
run -h
[ "$status" -eq 0 ] && says 'usage: ' && says '-l  list'
result $? '-h explains'
run -l -m "$method" method skipped
[ "$status" -eq 0 ] && says "specimen/method [$method]" &&
	says 'specimen/skipped' && ! says 1..
result $? '-l lists'
run -n passes
[ "$status" -eq 0 ] && says 'all is well'
result $? '-n does not fork'
run passes check
[ "$status" -eq 1 ] && says '1..2' && says 'ok 1 - specimen/passes' &&
	says 'not ok 2 - specimen/check' && says '1 of 2 failed'
result $? 'one failure fails the program'

# ---- Scripts have a time limit, too

# limited [SCRIPT]: as run
limited() {
	printf '%s\n' "$1" >"$dir/script.sh"
	# shellcheck disable=SC2086 # EMULATOR is a command line
	${EMULATOR-} "$top_builddir/tests/harness/limited" \
		sh "$dir/script.sh" >"$dir/out" 2>&1 <&-
	status=$?
}

limited 'echo hello; exit 3'
[ "$status" -eq 3 ] && says hello && ! says 'Bail out'
result $? 'a script that ends'
IV_TEST_TIME_SCALE=0.0001
export IV_TEST_TIME_SCALE
limited 'sleep 1000 & echo $!; cat /dev/zero >/dev/null'
[ "$status" -eq 1 ] && says 'Bail out! time limit exceeded'
result $? 'a script that does not end'
is_killed "$(sed -n 1p "$dir/out")" 'what it has started is killed'

echo "1..$number"
exit $failed
