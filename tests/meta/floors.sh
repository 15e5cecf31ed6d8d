#!/bin/sh
# SPDX-License-Identifier: MIT
#
# floors.sh - who includes whom: each floor of lib/ sees only those beneath.
# CONTRIBUTING.md and lib/README.md explain the floors.

# shellcheck source=tap.sh
. "${top_srcdir:=.}/tests/meta/tap.sh"
cd "$top_srcdir/lib" || exit 1

# Headers that enter no kernel: ISO C's, and POSIX threads.
iso='assert ctype errno float inttypes limits stdalign stdarg stdatomic stdbool
	stddef stdint stdio stdlib stdnoreturn string time'
iso=$(for h in $iso; do printf '<%s.h> ' "$h"; done)

# What compat/ asks the system itself, as programs do that use the library.
posix='<fcntl.h> <signal.h> <sys/vfs.h> <sys/wait.h>'

# Needed for one type each.
#	timerq.h: a node of the queue is laid over the pad of struct iv_timer
exceptions='base/timerq.h:<iv.h>'
# evio is upon a kernel object of its own; poller.h says why.
exceptions="$exceptions compat/evio/poller.h:<fcntl.h>
	compat/evio/poller.h:<unistd.h> compat/evio/oneshot.c:<poll.h>
	compat/evio/epoll.h:<sys/epoll.h> compat/evio/epoll.h:<sys/stat.h>
	compat/evio/epoll.h:<sys/timerfd.h>
	compat/evio/kqueue.h:<sys/types.h> compat/evio/kqueue.h:<sys/event.h>
	compat/evio/kqueue.h:<sys/stat.h> compat/evio/kqueue.h:<sys/time.h>"

# includes FLOOR: "FILE:HEADER" for each #include, with its <> or "".
includes() {
	for file in $(find "$1" -name '*.[ch]' | sort); do
		sed -n 's|^[[:space:]]*#[[:space:]]*include[[:space:]]*\([<"][^>"]*[>"]\).*|'"$file"':\1|p' \
			"$file"
	done
}

# floor FLOOR PATTERN...: each #include must match a shell pattern.
floor() {
	floor=$1
	shift
	if ! [ -d "$floor" ]; then
		skip "$floor/ includes what it may" 'there is no such floor yet'
		return
	fi
	none "$(includes "$floor" | while read -r line; do
		header=${line#*:}
		allowed=no
		for pattern in "$@" $exceptions; do
			# shellcheck disable=SC2254 # patterns they are
			case $header in $pattern) allowed=yes ;; esac
			case $line in "$pattern") allowed=yes ;; esac
		done
		[ $allowed = yes ] || echo "lib/$line"
	done)" "$floor/ includes what it may"
}

set -f
# shellcheck disable=SC2086 # lists they are
{
floor base $iso '<iv_list.h>' '<iv_avl.h>' '"base/*"'
floor sys '<*>' '"config.h"' '"base/*"' '"sys/*"'
floor loop $iso '<pthread.h>' '<iv.h>' '<iv_*.h>' '"base/*"' '"sys/*"' '"loop/*"'
floor poll '<*>' '"config.h"' '"base/*"' '"sys/sys.h"' '"sys/race.h"' \
	'"loop/poll_method.h"' '"poll/*"'
floor mod $iso '<pthread.h>' '<unistd.h>' '<iv.h>' '<iv_*.h>' '"base/*"' \
	'"sys/*"' '"mod/*"'
floor compat $iso '<pthread.h>' '<iv.h>' '<iv_*.h>' '<ivykis-*/*.h>' \
	'"compat/*"' $posix '<ev.h>' '<event.h>'
}
set +f

# <iv.h> is for iv_fatal() and struct iv_fd; no other public header is the
# business of sys/ and poll/, but for the lists that base/ provides.
none "$({ includes sys; includes poll; } | grep '<iv_' |
	grep -v -e '<iv_list.h>' -e '<iv_avl.h>' | sed 's|^|lib/|')" \
	'sys/ and poll/ include no public header but iv.h'

none "$(includes loop | sed -n 's|^\([^:]*\.h\):"loop/loop.h"|lib/\1|p')" \
	'slice headers do not include loop/loop.h'

# A poll method may borrow a small header, but not another method.
none "$(includes poll | grep -e '/[^:]*\.c"' -e '\.c"$')" \
	'no method includes another'

# Rank inside loop/: a header includes those of lower rank only.
rank=' check  now  meter  task  timer  poll_method  poller  fd  event  hook  tls  fork  verify  run  loop '
none "$(includes loop | sed -n 's|^loop/\(.*\)\.h:"loop/\(.*\)\.h"|\1 \2|p' |
	while read -r from to; do
		case $rank in
		*" $to "*" $from "*) ;;
		*) echo "lib/loop/$from.h includes loop/$to.h" ;;
		esac
	done)" 'slice headers include lower ranks only'

finish
