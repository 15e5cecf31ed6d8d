# SPDX-License-Identifier: MIT
#
# Every test; a new one is a line here.  tests/FLOOR/NAME.t is made of
# tests/FLOOR/NAME.c, the harness and the shared library.  One that looks
# inside the library has a second line:
#	tests_FLOOR_NAME_t_LDADD = $(INSIDE)
# One that replaces a system call adds -Wl,--wrap=CALL to its _LDFLAGS, and is
# listed in TESTS_WRAP.

TESTS_C = \
	tests/base/avl.t \
	tests/base/list.t \
	tests/meta/layout.t

TESTS_C += tests/sys/splice.t
tests_sys_splice_t_LDADD = $(INSIDE)
CALL_RIG = tests/mod/call_rig.c tests/mod/call_rig.h
PUMP_RIG = tests/mod/pump_rig.c tests/mod/pump_rig.h
WORK_RIG = tests/mod/work_rig.c tests/mod/work_rig.h
tests_mod_event_raw_t_SOURCES = tests/mod/event_raw.c $(SPY)
tests_mod_event_raw_t_LDADD = $(INSIDE)
tests_mod_event_raw_t_LDFLAGS = $(SPY_WRAPS)
tests_mod_fd_pump_t_SOURCES = tests/mod/fd_pump.c $(PUMP_RIG) $(SPY)
tests_mod_fd_pump_t_LDADD = $(INSIDE)
tests_mod_fd_pump_t_LDFLAGS = $(SPY_WRAPS)
tests_mod_fd_pump_copy_t_SOURCES = tests/mod/fd_pump_copy.c $(PUMP_RIG) $(SPY)
tests_mod_fd_pump_copy_t_LDADD = $(INSIDE)
tests_mod_fd_pump_copy_t_LDFLAGS = $(SPY_WRAPS)
tests_mod_fd_pump_splice_t_SOURCES = tests/mod/fd_pump_splice.c $(PUMP_RIG)
tests_mod_fd_pump_splice_t_LDADD = $(INSIDE)
tests_mod_fd_pump_splice_t_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=splice

# ---- Files
TESTS_C += \
	tests/mod/follow.t \
	tests/mod/follow_storm.t \
	tests/mod/path.t \
	tests/mod/path_storm.t \
	tests/sys/file.t
tests_mod_follow_t_SOURCES = tests/mod/follow.c $(FILE_RIG)
tests_sys_file_t_LDADD = $(INSIDE)
FILE_RIG = tests/mod/file_rig.c tests/mod/file_rig.h
tests_mod_path_t_SOURCES = tests/mod/path.c $(FILE_RIG)
tests_mod_follow_storm_t_SOURCES = tests/mod/follow_storm.c $(FILE_RIG)
tests_mod_path_storm_t_SOURCES = tests/mod/path_storm.c $(FILE_RIG)
tests_mod_watcher_t_SOURCES = tests/mod/watcher.c $(FILE_RIG) $(SPY)
tests_mod_watcher_t_LDADD = $(INSIDE)
tests_mod_watcher_t_LDFLAGS = $(SPY_WRAPS)

if USE_INOTIFY
TESTS_C += \
	tests/sys/notify.t \
	tests/mod/inotify.t \
	tests/mod/inotify_watch.t
tests_sys_notify_t_LDADD = $(INSIDE)
INOTIFY_RIG = tests/mod/inotify_rig.c tests/mod/inotify_rig.h
tests_mod_inotify_t_SOURCES = tests/mod/inotify.c $(INOTIFY_RIG) $(SPY)
tests_mod_inotify_t_LDADD = $(INSIDE)
tests_mod_inotify_t_LDFLAGS = $(SPY_WRAPS)
tests_mod_inotify_watch_t_SOURCES = tests/mod/inotify_watch.c \
	$(INOTIFY_RIG) $(SPY)
tests_mod_inotify_watch_t_LDADD = $(INSIDE)
tests_mod_inotify_watch_t_LDFLAGS = $(SPY_WRAPS)
endif

# Those that need --wrap, which the linkers of macOS and of Zig do not have.
TESTS_WRAP = \
	tests/loop/embed.t \
	tests/loop/event.t \
	tests/loop/exhaustion.t \
	tests/loop/fork.t \
	tests/loop/init.t \
	tests/loop/loop.t \
	tests/loop/now.t \
	tests/loop/run.t \
	tests/loop/run_once.t \
	tests/loop/timer.t \
	tests/loop/timer_set.t \
	tests/mod/alarm.t \
	tests/mod/child_inside.t \
	tests/mod/event_raw.t \
	tests/mod/fd_pump.t \
	tests/mod/fd_pump_copy.t \
	tests/mod/fd_pump_splice.t \
	tests/mod/thread.t \
	tests/mod/tick.t \
	tests/mod/watcher.t \
	tests/mod/work.t \
	tests/mod/work_ask.t \
	tests/soak/soak.t \
	tests/sys/accept.t \
	tests/sys/child.t \
	tests/sys/clock.t \
	tests/sys/fd.t \
	tests/sys/wake.t
if LINKER_WRAPS
TESTS_C += $(TESTS_WRAP)
endif

# ---- The core
TESTS_C += \
	tests/base/timerq.t \
	tests/base/timespec.t \
	tests/base/workq.t \
	tests/loop/call.t \
	tests/loop/cancel.t \
	tests/loop/debug.t \
	tests/loop/dump.t \
	tests/loop/hook.t \
	tests/loop/inspect.t \
	tests/loop/loop_object.t \
	tests/loop/task.t \
	tests/loop/tls.t \
	tests/loop/verify.t \
	tests/sys/clockfd.t \
	tests/sys/fatal.t \
	tests/sys/fork.t \
	tests/sys/io.t \
	tests/sys/memory.t \
	tests/sys/message.t \
	tests/sys/print.t \
	tests/sys/thread.t \
	tests/sys/version.t
tests_base_timerq_t_LDADD = $(INSIDE)
tests_base_timespec_t_LDADD = $(INSIDE)
tests_base_workq_t_LDADD = $(INSIDE)
tests_loop_verify_t_LDADD = $(INSIDE)
LOOP_RIG = tests/loop/loop_rig.c tests/loop/loop_rig.h
tests_loop_embed_t_SOURCES = tests/loop/embed.c $(LOOP_RIG) $(SPY)
tests_loop_embed_t_LDADD = $(INSIDE)
tests_loop_embed_t_LDFLAGS = $(SPY_WRAPS)
tests_loop_event_t_SOURCES = tests/loop/event.c $(SPY)
tests_loop_event_t_LDADD = $(INSIDE)
tests_loop_event_t_LDFLAGS = $(SPY_WRAPS)
tests_loop_fork_t_LDADD = $(INSIDE)
tests_loop_hook_t_SOURCES = tests/loop/hook.c $(LOOP_RIG)
tests_loop_loop_t_SOURCES = tests/loop/loop.c $(SPY)
tests_loop_loop_t_LDADD = $(INSIDE)
tests_loop_loop_t_LDFLAGS = $(SPY_WRAPS)
tests_loop_now_t_SOURCES = tests/loop/now.c $(SPY)
tests_loop_now_t_LDADD = $(INSIDE)
tests_loop_now_t_LDFLAGS = $(SPY_WRAPS)
tests_loop_run_t_SOURCES = tests/loop/run.c $(LOOP_RIG) $(SPY)
tests_loop_run_t_LDADD = $(INSIDE)
tests_loop_run_t_LDFLAGS = $(SPY_WRAPS)
tests_loop_run_once_t_SOURCES = tests/loop/run_once.c $(LOOP_RIG) $(SPY)
tests_loop_run_once_t_LDADD = $(INSIDE)
tests_loop_run_once_t_LDFLAGS = $(SPY_WRAPS)
tests_loop_timer_t_SOURCES = tests/loop/timer.c $(SPY)
tests_loop_timer_t_LDADD = $(INSIDE)
tests_loop_timer_t_LDFLAGS = $(SPY_WRAPS)
tests_loop_timer_set_t_SOURCES = tests/loop/timer_set.c $(SPY)
tests_loop_timer_set_t_LDADD = $(INSIDE)
tests_loop_timer_set_t_LDFLAGS = $(SPY_WRAPS)
tests_sys_clock_t_SOURCES = tests/sys/clock.c $(SPY)
tests_sys_clock_t_LDADD = $(INSIDE)
tests_sys_clock_t_LDFLAGS = $(SPY_WRAPS)
tests_sys_clockfd_t_LDADD = $(INSIDE)
tests_sys_fatal_t_LDADD = $(INSIDE)
tests_sys_fd_t_LDADD = $(INSIDE)
tests_sys_fd_t_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=getrlimit \
	-Wl,--wrap=ioctl \
	-Wl,--wrap=pipe2 \
	-Wl,--wrap=setrlimit
tests_sys_fork_t_LDADD = $(INSIDE)
tests_sys_io_t_LDADD = $(INSIDE)
tests_sys_message_t_LDADD = $(INSIDE)
tests_sys_print_t_LDADD = $(INSIDE)
tests_sys_thread_t_LDADD = $(INSIDE)
tests_sys_wake_t_SOURCES = tests/sys/wake.c $(SPY)
tests_sys_wake_t_LDADD = $(INSIDE)
tests_sys_wake_t_LDFLAGS = $(SPY_WRAPS)
tests_loop_exhaustion_t_SOURCES = tests/loop/exhaustion.c $(SPY)
tests_loop_exhaustion_t_LDADD = $(INSIDE)
tests_loop_exhaustion_t_LDFLAGS = $(SPY_WRAPS)

SPY = tests/harness/spy.c tests/harness/spy.h
SPY_WRAPS = $(AM_LDFLAGS) @SPY_WRAPS_HERE@ \
	-Wl,--wrap=calloc,--wrap=clock_gettime,--wrap=epoll_create1 \
	-Wl,--wrap=epoll_ctl,--wrap=epoll_pwait2,--wrap=epoll_wait \
	-Wl,--wrap=eventfd,--wrap=free,--wrap=malloc,--wrap=nanosleep \
	-Wl,--wrap=pipe,--wrap=pipe2,--wrap=poll,--wrap=ppoll \
	-Wl,--wrap=pthread_atfork,--wrap=pthread_key_create \
	-Wl,--wrap=pthread_setspecific,--wrap=read,--wrap=realloc \
	-Wl,--wrap=syscall \
	-Wl,--wrap=timerfd_create,--wrap=timerfd_settime,--wrap=write \
	-Wl,--wrap=__clock_gettime64,--wrap=__epoll_pwait2_time64 \
	-Wl,--wrap=__nanosleep64,--wrap=__ppoll64 \
	-Wl,--wrap=__timerfd_settime64

# ---- Descriptors and poll methods
TESTS_C += \
	tests/loop/fd.t \
	tests/loop/fd_edge.t \
	tests/loop/fd_flags.t \
	tests/loop/fd_misuse.t \
	tests/loop/poller.t \
	tests/poll/conformance.t \
	tests/poll/conformance_close.t \
	tests/poll/conformance_fork.t \
	tests/poll/conformance_life.t \
	tests/poll/conformance_model.t \
	tests/poll/conformance_scale.t \
	tests/poll/epoll.t \
	tests/poll/epoll_look.t \
	tests/poll/epoll_refused.t \
	tests/poll/epoll_timerfd.t \
	tests/poll/poll.t \
	tests/poll/ppoll.t
tests_loop_fd_t_SOURCES = tests/loop/fd.c $(LAB)
tests_loop_fd_edge_t_SOURCES = tests/loop/fd_edge.c $(LAB)
tests_loop_fd_flags_t_SOURCES = tests/loop/fd_flags.c $(LAB)
tests_loop_fd_misuse_t_SOURCES = tests/loop/fd_misuse.c $(LAB)
tests_loop_init_t_LDADD = $(INSIDE)
tests_loop_init_t_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=getrlimit,--wrap=setrlimit \
	-Wl,--wrap=getrlimit64,--wrap=setrlimit64
tests_loop_poller_t_SOURCES = tests/loop/poller.c $(LAB)
tests_poll_conformance_t_SOURCES = tests/poll/conformance.c $(LAB)
tests_poll_conformance_close_t_SOURCES = tests/poll/conformance_close.c $(LAB)
tests_poll_conformance_fork_t_SOURCES = tests/poll/conformance_fork.c $(LAB)
tests_poll_conformance_life_t_SOURCES = tests/poll/conformance_life.c $(LAB)
tests_poll_conformance_model_t_SOURCES = tests/poll/conformance_model.c $(LAB)
tests_poll_conformance_scale_t_SOURCES = tests/poll/conformance_scale.c $(LAB)
tests_poll_epoll_t_SOURCES = tests/poll/epoll.c $(LAB)
tests_poll_epoll_look_t_SOURCES = tests/poll/epoll_look.c $(LAB)
tests_poll_epoll_refused_t_SOURCES = tests/poll/epoll_refused.c $(LAB)
tests_poll_epoll_timerfd_t_SOURCES = tests/poll/epoll_timerfd.c $(LAB)
tests_poll_poll_t_SOURCES = tests/poll/poll.c $(LAB)
tests_poll_ppoll_t_SOURCES = tests/poll/ppoll.c $(LAB)

LAB = tests/poll/lab.c tests/poll/lab.h

# ---- Signals and children
TESTS_C += \
	tests/mod/claim.t \
	tests/mod/listen.t \
	tests/mod/popen.t \
	tests/mod/sigaction.t \
	tests/mod/signal.t \
	tests/mod/spawn.t \
	tests/mod/wait.t \
	tests/mod/wait_any.t \
	tests/sys/exec.t \
	tests/sys/sig.t
tests_mod_listen_t_SOURCES = tests/mod/listen.c $(LAB)
tests_sys_exec_t_LDADD = $(INSIDE)
tests_sys_accept_t_SOURCES = tests/sys/accept.c $(SPY)
tests_sys_accept_t_LDADD = $(INSIDE)
tests_sys_accept_t_LDFLAGS = $(SPY_WRAPS) \
	-Wl,--wrap=accept,--wrap=accept4,--wrap=getsockopt
tests_mod_child_inside_t_SOURCES = tests/mod/child_inside.c $(SPY)
tests_mod_child_inside_t_LDADD = $(INSIDE)
tests_mod_child_inside_t_LDFLAGS = $(SPY_WRAPS) \
	-Wl,--wrap=dup2,--wrap=fork,--wrap=kill \
	-Wl,--wrap=wait4,--wrap=waitpid \
	-Wl,--wrap=__wait4_time64
tests_mod_claim_t_LDADD = $(INSIDE)
tests_sys_child_t_LDADD = $(INSIDE)
tests_sys_child_t_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=ioctl
tests_sys_sig_t_LDADD = $(INSIDE)

# ---- Threads and work
tests_mod_thread_t_SOURCES = tests/mod/thread.c $(SPY)
tests_mod_thread_t_LDADD = $(INSIDE)
tests_mod_thread_t_LDFLAGS = $(SPY_WRAPS) -Wl,--wrap=pthread_create
tests_mod_alarm_t_SOURCES = tests/mod/alarm.c $(CALL_RIG) $(SPY)
tests_mod_alarm_t_LDADD = $(INSIDE)
tests_mod_alarm_t_LDFLAGS = $(SPY_WRAPS)
tests_mod_tick_t_SOURCES = tests/mod/tick.c $(CALL_RIG) $(SPY)
tests_mod_tick_t_LDADD = $(INSIDE)
tests_mod_tick_t_LDFLAGS = $(SPY_WRAPS)
tests_mod_work_t_SOURCES = tests/mod/work.c $(WORK_RIG) $(SPY)
tests_mod_work_t_LDADD = $(INSIDE)
tests_mod_work_t_LDFLAGS = $(SPY_WRAPS) -Wl,--wrap=pthread_create
tests_mod_work_ask_t_SOURCES = tests/mod/work_ask.c $(WORK_RIG) $(SPY)
tests_mod_work_ask_t_LDADD = $(INSIDE)
tests_mod_work_ask_t_LDFLAGS = $(tests_mod_work_t_LDFLAGS)

# ---- Histories, judged afterwards
TESTS_C += \
	tests/history/history.t \
	tests/history/judge.t
HISTORY = tests/history/log.c tests/history/log.h
tests_history_history_t_SOURCES = tests/history/history.c $(HISTORY)
tests_history_judge_t_SOURCES = tests/history/judge.c $(HISTORY)

# ---- Everything for longer
tests_soak_soak_t_SOURCES = tests/soak/soak.c tests/soak/load.c \
	tests/soak/load.h $(SPY)
tests_soak_soak_t_LDADD = $(INSIDE)
tests_soak_soak_t_LDFLAGS = $(SPY_WRAPS) \
	-Wl,--wrap=fork,--wrap=pthread_create

# Before anything is judged: is it the right library?
TESTS_FIRST = tests/meta/library.sh

TESTS_SH = \
	tests/integration/dropin.sh \
	tests/integration/demo.sh \
	tests/integration/examples.sh \
	tests/integration/exceptions.sh \
	tests/integration/gdb.sh \
	tests/integration/hosts.sh \
	tests/integration/inspect.sh \
	tests/integration/probes.sh \
	tests/integration/tail_follow.sh \
	tests/integration/tcp_relay.sh \
	tests/integration/tracing.sh \
	tests/integration/tsan.sh \
	tests/integration/watch_dir.sh \
	tests/harness/selftest.sh \
	tests/meta/abi.sh \
	tests/meta/calls.sh \
	tests/meta/dist.sh \
	tests/meta/docs.sh \
	tests/meta/exports.sh \
	tests/meta/floors.sh \
	tests/meta/guarantees.sh \
	tests/meta/headers.sh \
	tests/meta/html.sh \
	tests/meta/ifdefs.sh \
	tests/meta/install.sh \
	tests/meta/mirror.sh \
	tests/meta/scripts.sh \
	tests/meta/slices.sh \
	tests/meta/spdx.sh \
	tests/meta/symbols.sh \
	tests/meta/version.sh \
	tests/torture/complete.sh

# What scripts read.
TESTS_EXTRA = \
	tests/coverage/uncovered.py \
	tests/coverage/uncovered.txt \
	tests/docs/docs.py \
	tests/docs/guarantees.py \
	tests/docs/mistakes.c \
	tests/environments/environments.py \
	tests/kernels/kernels.sh \
	tests/integration/dropin.c \
	tests/integration/exceptions.cc \
	tests/integration/gdb.c \
	tests/integration/hosts.c \
	tests/integration/probes.c \
	tests/integration/syslog-ng.py \
	tests/integration/tracing.c \
	tests/integration/tsan.c \
	tests/meta/every.c \
	tests/meta/exports.txt \
	tests/meta/tap.sh \
	tests/mutation/mutate.py \
	tests/mutation/survivors.txt

HARNESS_SOURCES = \
	tests/harness/coverage.c \
	tests/harness/fence.c \
	tests/harness/harness.h \
	tests/harness/help.c \
	tests/harness/loop.c \
	tests/harness/portable.h \
	tests/harness/test.c \
	tests/harness/test.h
