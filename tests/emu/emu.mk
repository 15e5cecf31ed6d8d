# SPDX-License-Identifier: MIT
#
# The emulated kernels: a library for tests that has all poll methods, and
# each test program once more, linked with that.  NAME.emu.t has the objects
# of NAME.t.

EMU_SOURCES = \
	tests/emu/core.c \
	tests/emu/core.h \
	tests/emu/devpoll.c \
	tests/emu/emu-config.h \
	tests/emu/emu.h \
	tests/emu/include/port.h \
	tests/emu/include/siginfo.h \
	tests/emu/include/sys/devpoll.h \
	tests/emu/include/sys/event.h \
	tests/emu/kqueue.c \
	tests/emu/ports.c

EMULATED = tests/harness/libharness.la tests/emu/libemulated.la $(NO_LTO)

tests_emu_libemulated_la_SOURCES = $(LIB_SOURCES) $(POLL_METHODS:=.c) \
	$(EMU_SOURCES)
tests_emu_libemulated_la_SHORTNAME = emu
tests_emu_libemulated_la_CPPFLAGS = -DEMULATED_KERNELS $(AM_CPPFLAGS) \
	-I$(srcdir)/tests/emu -I$(srcdir)/tests/emu/include
$(tests_emu_libemulated_la_OBJECTS): lib/poll/registry.inc

# Other systems have other types: does it compile with NetBSD's?  And what
# spies on the calls of real kernels?
tests_emu_libtypes_la_SOURCES = lib/poll/kqueue.c tests/harness/spy.c
tests_emu_libtypes_la_SHORTNAME = types
tests_emu_libtypes_la_CPPFLAGS = $(tests_emu_libemulated_la_CPPFLAGS) \
	-DEMU_NETBSD_TYPES

# Its own tests come first.
EMU_TESTS = \
	tests/emu/selftest_kqueue.t \
	tests/poll/kqueue.t \
	tests/sys/vnode.t

EMU_TESTS += \
	tests/loop/call.emu.t \
	tests/loop/debug.emu.t \
	tests/loop/embed.emu.t \
	tests/loop/event.emu.t \
	tests/loop/fd.emu.t \
	tests/loop/fd_edge.emu.t \
	tests/loop/fd_flags.emu.t \
	tests/loop/fd_misuse.emu.t \
	tests/loop/fork.emu.t \
	tests/loop/dump.emu.t \
	tests/loop/hook.emu.t \
	tests/loop/inspect.emu.t \
	tests/loop/loop.emu.t \
	tests/loop/loop_object.emu.t \
	tests/loop/now.emu.t \
	tests/loop/poller.emu.t \
	tests/loop/run.emu.t \
	tests/loop/run_once.emu.t \
	tests/loop/task.emu.t \
	tests/loop/timer.emu.t \
	tests/loop/timer_set.emu.t \
	tests/loop/tls.emu.t \
	tests/mod/alarm.emu.t \
	tests/mod/child_inside.emu.t \
	tests/mod/event_raw.emu.t \
	tests/mod/fd_pump.emu.t \
	tests/mod/listen.emu.t \
	tests/mod/follow.emu.t \
	tests/mod/path.emu.t \
	tests/mod/popen.emu.t \
	tests/mod/signal.emu.t \
	tests/mod/spawn.emu.t \
	tests/mod/thread.emu.t \
	tests/mod/tick.emu.t \
	tests/mod/wait.emu.t \
	tests/mod/watcher.emu.t \
	tests/mod/work.emu.t \
	tests/mod/work_ask.emu.t \
	tests/history/history.emu.t \
	tests/sys/memory.emu.t \
	tests/poll/conformance.emu.t \
	tests/poll/conformance_close.emu.t \
	tests/poll/conformance_fork.emu.t \
	tests/poll/conformance_life.emu.t \
	tests/poll/conformance_model.emu.t \
	tests/poll/conformance_scale.emu.t
tests_loop_debug_emu_t_SOURCES = tests/loop/debug.c
tests_loop_debug_emu_t_LDADD = $(EMULATED)
tests_loop_event_emu_t_SOURCES = $(tests_loop_event_t_SOURCES)
tests_loop_event_emu_t_LDADD = $(EMULATED)
tests_loop_event_emu_t_LDFLAGS = $(tests_loop_event_t_LDFLAGS)
tests_loop_fd_emu_t_SOURCES = $(tests_loop_fd_t_SOURCES)
tests_loop_fd_emu_t_LDADD = $(EMULATED)
tests_loop_fd_edge_emu_t_SOURCES = $(tests_loop_fd_edge_t_SOURCES)
tests_loop_fd_edge_emu_t_LDADD = $(EMULATED)
tests_loop_fd_flags_emu_t_SOURCES = $(tests_loop_fd_flags_t_SOURCES)
tests_loop_fd_flags_emu_t_LDADD = $(EMULATED)
tests_loop_fd_misuse_emu_t_SOURCES = $(tests_loop_fd_misuse_t_SOURCES)
tests_loop_fd_misuse_emu_t_LDADD = $(EMULATED)
tests_loop_fork_emu_t_SOURCES = tests/loop/fork.c
tests_loop_fork_emu_t_LDADD = $(EMULATED)
tests_loop_call_emu_t_SOURCES = tests/loop/call.c
tests_loop_call_emu_t_LDADD = $(EMULATED)
tests_loop_embed_emu_t_SOURCES = $(tests_loop_embed_t_SOURCES)
tests_loop_embed_emu_t_LDADD = $(EMULATED)
tests_loop_embed_emu_t_LDFLAGS = $(tests_loop_embed_t_LDFLAGS)
tests_loop_dump_emu_t_SOURCES = tests/loop/dump.c
tests_loop_dump_emu_t_LDADD = $(EMULATED)
tests_loop_inspect_emu_t_SOURCES = tests/loop/inspect.c
tests_loop_inspect_emu_t_LDADD = $(EMULATED)
tests_loop_hook_emu_t_SOURCES = $(tests_loop_hook_t_SOURCES)
tests_loop_hook_emu_t_LDADD = $(EMULATED)
tests_loop_loop_object_emu_t_SOURCES = tests/loop/loop_object.c
tests_loop_loop_object_emu_t_LDADD = $(EMULATED)
tests_loop_run_once_emu_t_SOURCES = $(tests_loop_run_once_t_SOURCES)
tests_loop_run_once_emu_t_LDADD = $(EMULATED)
tests_loop_run_once_emu_t_LDFLAGS = $(tests_loop_run_once_t_LDFLAGS)
tests_loop_loop_emu_t_SOURCES = $(tests_loop_loop_t_SOURCES)
tests_loop_loop_emu_t_LDADD = $(EMULATED)
tests_loop_loop_emu_t_LDFLAGS = $(tests_loop_loop_t_LDFLAGS)
tests_loop_now_emu_t_SOURCES = $(tests_loop_now_t_SOURCES)
tests_loop_now_emu_t_LDADD = $(EMULATED)
tests_loop_now_emu_t_LDFLAGS = $(tests_loop_now_t_LDFLAGS)
tests_loop_poller_emu_t_SOURCES = $(tests_loop_poller_t_SOURCES)
tests_loop_poller_emu_t_LDADD = $(EMULATED)
tests_loop_run_emu_t_SOURCES = $(tests_loop_run_t_SOURCES)
tests_loop_run_emu_t_LDADD = $(EMULATED)
tests_loop_run_emu_t_LDFLAGS = $(tests_loop_run_t_LDFLAGS)
tests_loop_task_emu_t_SOURCES = tests/loop/task.c
tests_loop_task_emu_t_LDADD = $(EMULATED)
tests_loop_timer_emu_t_SOURCES = $(tests_loop_timer_t_SOURCES)
tests_loop_timer_emu_t_LDADD = $(EMULATED)
tests_loop_timer_emu_t_LDFLAGS = $(tests_loop_timer_t_LDFLAGS)
tests_loop_timer_set_emu_t_SOURCES = $(tests_loop_timer_set_t_SOURCES)
tests_loop_timer_set_emu_t_LDADD = $(EMULATED)
tests_loop_timer_set_emu_t_LDFLAGS = $(tests_loop_timer_set_t_LDFLAGS)
tests_loop_tls_emu_t_SOURCES = tests/loop/tls.c
tests_loop_tls_emu_t_LDADD = $(EMULATED)
tests_mod_child_inside_emu_t_SOURCES = $(tests_mod_child_inside_t_SOURCES)
tests_mod_child_inside_emu_t_LDADD = $(EMULATED)
tests_mod_child_inside_emu_t_LDFLAGS = $(tests_mod_child_inside_t_LDFLAGS)
tests_mod_event_raw_emu_t_SOURCES = $(tests_mod_event_raw_t_SOURCES)
tests_mod_event_raw_emu_t_LDADD = $(EMULATED)
tests_mod_event_raw_emu_t_LDFLAGS = $(tests_mod_event_raw_t_LDFLAGS)
tests_mod_fd_pump_emu_t_SOURCES = $(tests_mod_fd_pump_t_SOURCES)
tests_mod_fd_pump_emu_t_LDADD = $(EMULATED)
tests_mod_fd_pump_emu_t_LDFLAGS = $(tests_mod_fd_pump_t_LDFLAGS)
tests_mod_listen_emu_t_SOURCES = $(tests_mod_listen_t_SOURCES)
tests_mod_listen_emu_t_LDADD = $(EMULATED)
tests_mod_follow_emu_t_SOURCES = $(tests_mod_follow_t_SOURCES)
tests_mod_follow_emu_t_LDADD = $(EMULATED)
tests_mod_path_emu_t_SOURCES = $(tests_mod_path_t_SOURCES)
tests_mod_path_emu_t_LDADD = $(EMULATED)
tests_mod_popen_emu_t_SOURCES = tests/mod/popen.c
tests_mod_popen_emu_t_LDADD = $(EMULATED)
tests_mod_signal_emu_t_SOURCES = tests/mod/signal.c
tests_mod_signal_emu_t_LDADD = $(EMULATED)
tests_mod_spawn_emu_t_SOURCES = tests/mod/spawn.c
tests_mod_spawn_emu_t_LDADD = $(EMULATED)
tests_mod_thread_emu_t_SOURCES = $(tests_mod_thread_t_SOURCES)
tests_mod_thread_emu_t_LDADD = $(EMULATED)
tests_mod_thread_emu_t_LDFLAGS = $(tests_mod_thread_t_LDFLAGS)
tests_mod_alarm_emu_t_SOURCES = $(tests_mod_alarm_t_SOURCES)
tests_mod_alarm_emu_t_LDADD = $(EMULATED)
tests_mod_alarm_emu_t_LDFLAGS = $(tests_mod_alarm_t_LDFLAGS)
tests_mod_tick_emu_t_SOURCES = $(tests_mod_tick_t_SOURCES)
tests_mod_tick_emu_t_LDADD = $(EMULATED)
tests_mod_tick_emu_t_LDFLAGS = $(tests_mod_tick_t_LDFLAGS)
tests_mod_wait_emu_t_SOURCES = tests/mod/wait.c
tests_mod_wait_emu_t_LDADD = $(EMULATED)
tests_mod_watcher_emu_t_SOURCES = $(tests_mod_watcher_t_SOURCES)
tests_mod_watcher_emu_t_LDADD = $(EMULATED)
tests_mod_watcher_emu_t_LDFLAGS = $(tests_mod_watcher_t_LDFLAGS)
tests_mod_work_emu_t_SOURCES = $(tests_mod_work_t_SOURCES)
tests_mod_work_emu_t_LDADD = $(EMULATED)
tests_mod_work_emu_t_LDFLAGS = $(tests_mod_work_t_LDFLAGS)
tests_mod_work_ask_emu_t_SOURCES = $(tests_mod_work_ask_t_SOURCES)
tests_mod_work_ask_emu_t_LDADD = $(EMULATED)
tests_mod_work_ask_emu_t_LDFLAGS = $(tests_mod_work_ask_t_LDFLAGS)
tests_history_history_emu_t_SOURCES = $(tests_history_history_t_SOURCES)
tests_history_history_emu_t_LDADD = $(EMULATED)
tests_sys_memory_emu_t_SOURCES = tests/sys/memory.c
tests_sys_memory_emu_t_LDADD = $(EMULATED)
tests_poll_conformance_emu_t_SOURCES = $(tests_poll_conformance_t_SOURCES)
tests_poll_conformance_emu_t_LDADD = $(EMULATED)
tests_poll_conformance_close_emu_t_SOURCES = $(tests_poll_conformance_close_t_SOURCES)
tests_poll_conformance_close_emu_t_LDADD = $(EMULATED)
tests_poll_conformance_fork_emu_t_SOURCES = $(tests_poll_conformance_fork_t_SOURCES)
tests_poll_conformance_fork_emu_t_LDADD = $(EMULATED)
tests_poll_conformance_life_emu_t_SOURCES = $(tests_poll_conformance_life_t_SOURCES)
tests_poll_conformance_life_emu_t_LDADD = $(EMULATED)
tests_poll_conformance_model_emu_t_SOURCES = $(tests_poll_conformance_model_t_SOURCES)
tests_poll_conformance_model_emu_t_LDADD = $(EMULATED)
tests_poll_conformance_scale_emu_t_SOURCES = $(tests_poll_conformance_scale_t_SOURCES)
tests_poll_conformance_scale_emu_t_LDADD = $(EMULATED)

tests_emu_selftest_kqueue_t_SOURCES = tests/emu/selftest_kqueue.c
tests_emu_selftest_kqueue_t_CPPFLAGS = $(EMU_INCLUDE)
tests_emu_selftest_kqueue_t_LDADD = $(EMULATED)
tests_sys_vnode_t_SOURCES = tests/sys/vnode.c
tests_sys_vnode_t_LDADD = $(EMULATED)
tests_poll_kqueue_t_SOURCES = tests/poll/kqueue.c $(LAB)
tests_poll_kqueue_t_LDADD = $(EMULATED)
tests_poll_kqueue_t_LDFLAGS = -Wl,--wrap=realloc

# Event ports and /dev/poll
EMU_TESTS += \
	tests/emu/selftest_devpoll.t \
	tests/emu/selftest_ports.t \
	tests/poll/dev_poll.t \
	tests/poll/port.t \
	tests/poll/port_timer.t
EMU_INCLUDE = $(AM_CPPFLAGS) -I$(srcdir)/tests/emu/include
tests_emu_selftest_devpoll_t_SOURCES = tests/emu/selftest_devpoll.c
tests_emu_selftest_devpoll_t_CPPFLAGS = $(EMU_INCLUDE)
tests_emu_selftest_devpoll_t_LDADD = $(EMULATED)
tests_emu_selftest_ports_t_SOURCES = tests/emu/selftest_ports.c
tests_emu_selftest_ports_t_CPPFLAGS = $(EMU_INCLUDE)
tests_emu_selftest_ports_t_LDADD = $(EMULATED)
tests_poll_dev_poll_t_SOURCES = tests/poll/dev_poll.c $(LAB)
tests_poll_dev_poll_t_LDADD = $(EMULATED)
tests_poll_port_t_SOURCES = tests/poll/port.c $(LAB)
tests_poll_port_t_LDADD = $(EMULATED)
tests_poll_port_timer_t_SOURCES = tests/poll/port_timer.c $(LAB)
tests_poll_port_timer_t_LDADD = $(EMULATED)
