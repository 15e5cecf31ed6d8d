#!/bin/sh
# SPDX-License-Identifier: MIT
#
# calls.sh - what enters the kernel is in lib/sys.
#
# Whoever changes what other threads see must not be cancelled meanwhile, and
# most calls of the C library that enter the kernel are cancellation points.
# lib/sys has those that the library needs, none of which is one; a poll method
# has the calls of its kernel object, of which the wait alone is.

# shellcheck source=tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"

# They compute, or look at memory of the process.
pure='__errno_location mem[a-z]* __mem[a-z]*
	str[a-z]* __str[a-z]* snprintf __snprintf_chk vsnprintf __vsnprintf_chk
	abort __stack_chk_fail __tls_get_addr __assert_fail
	pthread_mutex_lock pthread_mutex_unlock pthread_mutex_destroy
	pthread_setcancelstate
	__sigsetjmp __pthread_unwind_next __pthread_register_cancel
	__pthread_unregister_cancel _pthread_cleanup_push
	_pthread_cleanup_pop _Unwind_Resume __gcc_personality_v0
	__udivdi3 __divdi3 __umoddi3 __moddi3 __udivmoddi4 __divmoddi4
	__udivti3 __divti3 __multi3 __popcount* __ctz* __clz* __ffs*
	__atomic_* __aarch64_* __sync_* __gmon_start__ mcount __fentry__
	_GLOBAL_OFFSET_TABLE_ __x86* __asan_* __ubsan_* __tsan_* AnnotateIgnoreReads* __sanitizer_*
	__gcov_* __llvm_* iv_* ivi_* IV_* INIT_IV_* __iv_*'

# Memory comes from lib/sys/memory.c only: iv_set_allocator().
memory='malloc calloc realloc free reallocarray aligned_alloc posix_memalign
	memalign strdup strndup __strdup asprintf vasprintf getline'

# The calls of the methods' kernel objects.
kernel='epoll_create1 epoll_ctl epoll_wait epoll_pwait2 timerfd_create
	timerfd_settime poll ppoll __poll_chk __ppoll_chk kqueue kqueue1 kevent
	__kevent* ioctl port_create port_associate port_dissociate port_getn
	port_send timer_create timer_settime timer_delete emu_*'

# undefined OBJECT: not by nm, which shows of an object with link-time
# optimisation what is in functions of headers, called or not
undefined() {
	readelf -Ws "$1" | awk '
		$7 == "UND" && $8 != "" { sub(/@.*/, "", $8); print $8 }'
}

# allowed FLOOR PATTERN...: what the objects of a floor ask for beside.
allowed() {
	floor=$1
	shift
	for object in "$top_builddir/lib/$floor/${prefix-ivi}"-*.o; do
		[ -f "$object" ] || continue
		own=$(echo "$object" | sed 's|.*/[a-z]*-||')
		undefined "$object" | while read -r symbol; do
			for pattern in "$@"; do
				# shellcheck disable=SC2254 # patterns they are
				case $symbol in $pattern) continue 2 ;; esac
			done
			echo "lib/$floor/$own: $symbol"
		done
	done
}

if ! have readelf ||
   ! [ -f "$top_builddir/lib/loop/ivi-loop.o" ]; then
	skip 'what enters the kernel is in lib/sys' 'no readelf, or no objects'
	finish
	exit
fi

set -f
# What methods share with each other.
shared='ep_* ps_* fdmap_* port_apply port_open port_close port_wait port_wake*'
# shellcheck disable=SC2086 # lists they are
for floor in base loop mod; do
	set +f
	found=$(set -f; set -- $pure; set +f; allowed $floor "$@")
	set -f
	none "$found" "lib/$floor asks lib/sys"
done
# shellcheck disable=SC2086
found=$(set -- $pure $kernel $shared; set +f; allowed poll "$@")
none "$found" 'lib/poll asks its kernel object, or lib/sys'
set +f

none "$(for object in "$top_builddir"/lib/*/ivi-*.o; do
	own=$(echo "$object" | sed 's|/ivi-|/|;s|.*/lib/|lib/|')
	[ "$own" = lib/sys/memory.o ] && continue
	undefined "$object" | while read -r symbol; do
		for name in $memory; do
			[ "$symbol" = "$name" ] && echo "$own: $symbol"
		done
	done
done)" 'all memory comes from lib/sys/memory.c'

# evio too is upon a kernel object; those of its calls that are cancellation
# points are made without its lock.
# shellcheck disable=SC2086
found=$(set -f
	set -- $pure $kernel close fcntl free fstat* __fstat* __fxstat* \
		pthread_atfork read realloc 'evio_on_*'
	set +f
	prefix=evio allowed compat/evio "$@")
none "$found" 'lib/compat/evio asks its kernel object'

finish
