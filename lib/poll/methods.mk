# SPDX-License-Identifier: MIT
#
# The poll methods, the preferred ones first.  A new one is a new file and
# its name here.

POLL_METHODS = \
	lib/poll/port_timer \
	lib/poll/port \
	lib/poll/dev_poll \
	lib/poll/epoll_timerfd \
	lib/poll/epoll \
	lib/poll/kqueue \
	lib/poll/ppoll \
	lib/poll/poll
