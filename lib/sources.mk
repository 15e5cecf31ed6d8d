# SPDX-License-Identifier: MIT
#
# Every file of the library; a new one is a line here.  Poll methods are in
# lib/poll/methods.mk.

include_HEADERS = \
	include/iv.h \
	include/iv_avl.h \
	include/iv_event.h \
	include/iv_event_raw.h \
	include/iv_fd_pump.h \
	include/iv_list.h \
	include/iv_popen.h \
	include/iv_signal.h \
	include/iv_thread.h \
	include/iv_tls.h \
	include/iv_wait.h \
	include/iv_work.h

LIB_SOURCES = \
	lib/base/avl.c \
	lib/base/compiler.h \
	lib/base/timerq.c \
	lib/base/timerq.h \
	lib/base/timespec.h \
	lib/sys/child.c \
	lib/sys/child.h \
	lib/sys/clock.c \
	lib/sys/fatal.c \
	lib/sys/fd.c \
	lib/sys/sig.c \
	lib/sys/sig.h \
	lib/sys/splice.c \
	lib/sys/splice.h \
	lib/sys/sys.h \
	lib/sys/thread.c \
	lib/sys/wake.c \
	lib/loop/check.c \
	lib/loop/check.h \
	lib/loop/event.c \
	lib/loop/event.h \
	lib/loop/fd.c \
	lib/loop/fd.h \
	lib/loop/loop.c \
	lib/loop/loop.h \
	lib/loop/now.c \
	lib/loop/now.h \
	lib/loop/poll_method.h \
	lib/loop/poller.c \
	lib/loop/poller.h \
	lib/loop/run.c \
	lib/loop/run.h \
	lib/loop/task.c \
	lib/loop/task.h \
	lib/loop/timer.c \
	lib/loop/timer.h \
	lib/loop/tls.c \
	lib/loop/tls.h \
	lib/loop/verify.c \
	lib/loop/verify.h \
	lib/poll/epoll.h \
	lib/poll/fdmap.c \
	lib/poll/fdmap.h \
	lib/poll/pollset.h \
	lib/poll/port.h \
	lib/poll/registry.c \
	lib/mod/event_raw.c \
	lib/mod/fd_pump.c \
	lib/mod/fd_pump.h \
	lib/mod/fd_pump_copy.c \
	lib/mod/fd_pump_splice.c \
	lib/mod/popen.c \
	lib/mod/signal.c \
	lib/mod/signal.h \
	lib/mod/thread.c \
	lib/mod/wait.c \
	lib/mod/wait.h \
	lib/mod/work.c

if USE_INOTIFY
include_HEADERS += include/iv_inotify.h
LIB_SOURCES += lib/mod/inotify.c
endif
