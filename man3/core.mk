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
	man3/iv_init.3 \
	man3/iv_main.3 \
	man3/iv_poll_method_name.3 \
	man3/iv_task.3 \
	man3/iv_time.3 \
	man3/iv_timer.3 \
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
	man3/iv_event_raw_post.3 \
	man3/iv_event_raw_register.3 \
	man3/iv_event_raw_unregister.3

# iv_fatal
MANUAL_CORE += \
	man3/iv_set_fatal_msg_handler.3

# iv_fd
MANUAL_CORE += \
	man3/IV_FD_INIT.3 \
	man3/iv_fd_register.3 \
	man3/iv_fd_register_try.3 \
	man3/iv_fd_registered.3 \
	man3/iv_fd_set_handler_err.3 \
	man3/iv_fd_set_handler_in.3 \
	man3/iv_fd_set_handler_out.3 \
	man3/iv_fd_unregister.3

# iv_init
MANUAL_CORE += \
	man3/iv_deinit.3 \
	man3/iv_inited.3

# iv_main
MANUAL_CORE += \
	man3/iv_quit.3

# iv_task
MANUAL_CORE += \
	man3/IV_TASK_INIT.3 \
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
	man3/iv_timer_register.3 \
	man3/iv_timer_registered.3 \
	man3/iv_timer_unregister.3
