# SPDX-License-Identifier: MIT
#
# The pages of the modules, and for each an alias per public name.

MANUAL_MODULES = \
	man3/iv_alarm.3 \
	man3/ivykis_ev.3 \
	man3/iv_avl.3 \
	man3/iv_fd_pump.3 \
	man3/iv_follow.3 \
	man3/iv_inotify.3 \
	man3/iv_list.3 \
	man3/iv_listen.3 \
	man3/iv_path.3 \
	man3/iv_popen.3 \
	man3/iv_signal.3 \
	man3/iv_spawn.3 \
	man3/iv_thread.3 \
	man3/iv_tick.3 \
	man3/iv_tls.3 \
	man3/iv_wait.3 \
	man3/iv_wait_any.3 \
	man3/iv_work.3

# iv_alarm
MANUAL_MODULES += \
	man3/IV_ALARM_INIT.3 \
	man3/iv_alarm_again.3 \
	man3/iv_alarm_register.3 \
	man3/iv_alarm_registered.3 \
	man3/iv_alarm_unregister.3

# iv_avl
MANUAL_MODULES += \
	man3/INIT_IV_AVL_TREE.3 \
	man3/IV_AVL_TREE_INIT.3 \
	man3/iv_avl_node.3 \
	man3/iv_avl_tree.3 \
	man3/iv_avl_tree_delete.3 \
	man3/iv_avl_tree_empty.3 \
	man3/iv_avl_tree_for_each.3 \
	man3/iv_avl_tree_for_each_safe.3 \
	man3/iv_avl_tree_insert.3 \
	man3/iv_avl_tree_max.3 \
	man3/iv_avl_tree_min.3 \
	man3/iv_avl_tree_next.3 \
	man3/iv_avl_tree_next_safe.3 \
	man3/iv_avl_tree_prev.3

# iv_fd_pump
MANUAL_MODULES += \
	man3/IV_FD_PUMP_FLAG_RELAY_EOF.3 \
	man3/IV_FD_PUMP_INIT.3 \
	man3/iv_fd_pump_destroy.3 \
	man3/iv_fd_pump_init.3 \
	man3/iv_fd_pump_is_done.3 \
	man3/iv_fd_pump_pump.3

# iv_follow
MANUAL_MODULES += \
	man3/IV_FOLLOW_DATA.3 \
	man3/IV_FOLLOW_FAILED.3 \
	man3/IV_FOLLOW_GONE.3 \
	man3/IV_FOLLOW_INIT.3 \
	man3/IV_FOLLOW_REPLACED.3 \
	man3/IV_FOLLOW_TRUNCATED.3 \
	man3/iv_follow_register.3 \
	man3/iv_follow_registered.3 \
	man3/iv_follow_set_fd.3 \
	man3/iv_follow_set_handler.3 \
	man3/iv_follow_unregister.3

# iv_inotify
MANUAL_MODULES += \
	man3/IV_INOTIFY_INIT.3 \
	man3/IV_INOTIFY_WATCH_INIT.3 \
	man3/iv_inotify_register.3 \
	man3/iv_inotify_unregister.3 \
	man3/iv_inotify_watch.3 \
	man3/iv_inotify_watch_register.3 \
	man3/iv_inotify_watch_unregister.3

# iv_list
MANUAL_MODULES += \
	man3/INIT_IV_LIST_HEAD.3 \
	man3/IV_LIST_HEAD_INIT.3 \
	man3/__iv_list_splice.3 \
	man3/iv_container_of.3 \
	man3/iv_list_add.3 \
	man3/iv_list_add_tail.3 \
	man3/iv_list_del.3 \
	man3/iv_list_del_init.3 \
	man3/iv_list_empty.3 \
	man3/iv_list_entry.3 \
	man3/iv_list_for_each.3 \
	man3/iv_list_for_each_safe.3 \
	man3/iv_list_head.3 \
	man3/iv_list_splice.3 \
	man3/iv_list_splice_init.3 \
	man3/iv_list_splice_tail.3 \
	man3/iv_list_splice_tail_init.3

# iv_listen
MANUAL_MODULES += \
	man3/IV_LISTEN_EXCLUSIVE.3 \
	man3/IV_LISTEN_INIT.3 \
	man3/iv_listen_again.3 \
	man3/iv_listen_register.3 \
	man3/iv_listen_registered.3 \
	man3/iv_listen_unregister.3

# iv_path
MANUAL_MODULES += \
	man3/IV_PATH_INIT.3 \
	man3/IV_PATH_NOFOLLOW.3 \
	man3/iv_path_info.3 \
	man3/iv_path_refresh.3 \
	man3/iv_path_register.3 \
	man3/iv_path_registered.3 \
	man3/iv_path_unregister.3

# iv_popen
MANUAL_MODULES += \
	man3/IV_POPEN_REQUEST_INIT.3 \
	man3/iv_popen_request.3 \
	man3/iv_popen_request_close.3 \
	man3/iv_popen_request_submit.3

# iv_signal
MANUAL_MODULES += \
	man3/IV_SIGNAL_FLAG_EXCLUSIVE.3 \
	man3/IV_SIGNAL_FLAG_THIS_THREAD.3 \
	man3/IV_SIGNAL_INIT.3 \
	man3/iv_signal_register.3 \
	man3/iv_signal_unregister.3

# iv_spawn
MANUAL_MODULES += \
	man3/IV_SPAWN_GROUP.3 \
	man3/IV_SPAWN_INHERIT.3 \
	man3/IV_SPAWN_INIT.3 \
	man3/IV_SPAWN_NULL.3 \
	man3/IV_SPAWN_PIPE.3 \
	man3/IV_SPAWN_SEARCH.3 \
	man3/IV_SPAWN_SESSION.3 \
	man3/IV_SPAWN_STDOUT.3 \
	man3/iv_spawn_forget.3 \
	man3/iv_spawn_kill.3 \
	man3/iv_spawn_running.3 \
	man3/iv_spawn_start.3 \
	man3/iv_spawn_stop.3

# iv_thread
MANUAL_MODULES += \
	man3/iv_thread_create.3 \
	man3/iv_thread_get_id.3 \
	man3/iv_thread_list_children.3 \
	man3/iv_thread_set_debug_state.3

# iv_tick
MANUAL_MODULES += \
	man3/IV_TICK_INIT.3 \
	man3/iv_tick_again.3 \
	man3/iv_tick_register.3 \
	man3/iv_tick_registered.3 \
	man3/iv_tick_unregister.3

# iv_tls
MANUAL_MODULES += \
	man3/iv_tls_user.3 \
	man3/iv_tls_user_ptr.3 \
	man3/iv_tls_user_register.3

# iv_wait
MANUAL_MODULES += \
	man3/IV_WAIT_INTEREST_INIT.3 \
	man3/iv_wait_interest.3 \
	man3/iv_wait_interest_kill.3 \
	man3/iv_wait_interest_register.3 \
	man3/iv_wait_interest_register_spawn.3 \
	man3/iv_wait_interest_unregister.3

# iv_wait_any
MANUAL_MODULES += \
	man3/IV_WAIT_ANY_INIT.3 \
	man3/iv_wait_any_register.3 \
	man3/iv_wait_any_registered.3 \
	man3/iv_wait_any_unregister.3

# iv_work
MANUAL_MODULES += \
	man3/IV_WORK_ITEM_INIT.3 \
	man3/IV_WORK_POOL_INIT.3 \
	man3/iv_work_item.3 \
	man3/iv_work_pool.3 \
	man3/iv_work_pool_cancel.3 \
	man3/iv_work_pool_create.3 \
	man3/iv_work_pool_put.3 \
	man3/iv_work_pool_stats.3 \
	man3/iv_work_pool_submit_continuation.3 \
	man3/iv_work_pool_submit_work.3 \
	man3/iv_work_pool_when_idle.3 \
	man3/iv_work_stats.3

# evio
MANUAL_MODULES += \
	man3/evio.3 \
	man3/evio2.3 \
	man3/evio_add.3 \
	man3/evio_add_read.3 \
	man3/evio_add_timer.3 \
	man3/evio_add_write.3 \
	man3/evio_close.3 \
	man3/evio_create.3 \
	man3/evio_isactive.3 \
	man3/evio_on_close.3 \
	man3/evio_on_data.3 \
	man3/evio_on_error.3 \
	man3/evio_on_ready.3 \
	man3/evio_open_timer.3 \
	man3/evio_remove.3 \
	man3/evio_reset_timer.3 \
	man3/evio_review.3 \
	man3/evio_set_timer.3 \
	man3/evio_wait.3
