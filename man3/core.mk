# SPDX-License-Identifier: MIT
#
# The pages of the loop and of what the core registers, the overview, and for
# each an alias per public name.

MANUAL_CORE = \
	man3/iv_event.3 \
	man3/iv_event_raw.3 \
	man3/iv_examples.3 \
	man3/iv_fatal.3 \
	man3/iv_fd.3 \
	man3/iv_get_thread_id.3 \
	man3/iv_hook.3 \
	man3/iv_init.3 \
	man3/iv_inspect.3 \
	man3/iv_loop.3 \
	man3/iv_main.3 \
	man3/iv_poll_method_name.3 \
	man3/iv_set_allocator.3 \
	man3/iv_task.3 \
	man3/iv_time.3 \
	man3/iv_timer.3 \
	man3/iv_version.3 \
	man3/ivykis.3

# iv_event
MANUAL_CORE += \
	man3/IV_EVENT_INIT.3 \
	man3/iv_event_post.3 \
	man3/iv_event_register.3 \
	man3/iv_event_unregister.3

# iv_event_raw
MANUAL_CORE += \
	man3/IV_EVENT_RAW_INIT.3 \
	man3/iv_event_raw_fd.3 \
	man3/iv_event_raw_post.3 \
	man3/iv_event_raw_register.3 \
	man3/iv_event_raw_unregister.3

# iv_fatal
MANUAL_CORE += \
	man3/iv_set_fatal_msg_handler.3

# iv_fd
MANUAL_CORE += \
	man3/IV_FD_INIT.3 \
	man3/IV_FD_ANY.3 \
	man3/IV_FD_EDGE.3 \
	man3/IV_FD_EXCLUSIVE.3 \
	man3/IV_FD_NOREF.3 \
	man3/IV_FD_PRI.3 \
	man3/IV_FD_RAW.3 \
	man3/iv_fd_kick.3 \
	man3/iv_fd_register.3 \
	man3/iv_fd_register_try.3 \
	man3/iv_fd_registered.3 \
	man3/iv_fd_resume.3 \
	man3/iv_fd_set_flags.3 \
	man3/iv_fd_set_handler_err.3 \
	man3/iv_fd_set_handler_in.3 \
	man3/iv_fd_set_handler_out.3 \
	man3/iv_fd_suspend.3 \
	man3/iv_fd_unregister.3

# iv_init
MANUAL_CORE += \
	man3/iv_deinit.3 \
	man3/iv_inited.3

# iv_inspect
MANUAL_CORE += \
	man3/iv_dump.3 \
	man3/iv_metrics.3 \
	man3/iv_metrics_get.3 \
	man3/iv_metrics_time.3

# iv_main
MANUAL_CORE += \
	man3/iv_quit.3

# iv_task
MANUAL_CORE += \
	man3/IV_TASK_INIT.3 \
	man3/iv_task_ensure.3 \
	man3/iv_task_register.3 \
	man3/iv_task_registered.3 \
	man3/iv_task_unregister.3

# iv_time
MANUAL_CORE += \
	man3/__iv_now_location.3 \
	man3/__iv_now_location_valid.3 \
	man3/iv_invalidate_now.3 \
	man3/iv_now.3 \
	man3/iv_validate_now.3

# iv_timer
MANUAL_CORE += \
	man3/IV_TIMER_INIT.3 \
	man3/iv_set_timer_slack.3 \
	man3/iv_timer_register.3 \
	man3/iv_timer_registered.3 \
	man3/iv_timer_set_after.3 \
	man3/iv_timer_set_expires.3 \
	man3/iv_timer_unregister.3

# iv_version
MANUAL_CORE += \
	man3/IV_VERSION.3

# iv_hook
MANUAL_CORE += \
	man3/IV_HOOK_INIT.3 \
	man3/IV_HOOK_BLOCK.3 \
	man3/IV_HOOK_CHECK.3 \
	man3/IV_HOOK_DEINIT.3 \
	man3/IV_HOOK_FORK.3 \
	man3/IV_HOOK_IDLE.3 \
	man3/IV_HOOK_PREPARE.3 \
	man3/IV_HOOK_UNBLOCK.3 \
	man3/iv_hook_register.3 \
	man3/iv_hook_registered.3 \
	man3/iv_hook_unregister.3

# iv_loop
MANUAL_CORE += \
	man3/IV_CALL_INIT.3 \
	man3/IV_RUN_NOWAIT.3 \
	man3/IV_RUN_ONCE.3 \
	man3/iv_call.3 \
	man3/iv_loop_call.3 \
	man3/iv_loop_call_wait.3 \
	man3/iv_loop_enter.3 \
	man3/iv_loop_fd.3 \
	man3/iv_loop_fork.3 \
	man3/iv_loop_free.3 \
	man3/iv_loop_new.3 \
	man3/iv_loop_quit.3 \
	man3/iv_loop_self.3 \
	man3/iv_loop_timeout.3 \
	man3/iv_ref.3 \
	man3/iv_run.3 \
	man3/iv_unref.3
