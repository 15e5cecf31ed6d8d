/* SPDX-License-Identifier: MIT */
/*
 * layout.c - sizes and offsets of the public structs, which are compiled into
 * every program that uses the library.  LP64, and ILP32 with a time_t of 32
 * or of 64 bits, which only struct iv_timer and what has one notice.  The
 * structs for files have numbers of 64 bits as well, which each ILP32 system
 * aligns as it likes.
 */
#include <stddef.h>
#include <iv.h>
#include <iv_avl.h>
#include <iv_event.h>
#include <iv_event_raw.h>
#include <iv_fd_pump.h>
#include <iv_follow.h>
#include <iv_hook.h>
#include <iv_list.h>
#include <iv_listen.h>
#include <iv_loop.h>
#include <iv_path.h>
#include <iv_popen.h>
#include <iv_signal.h>
#include <iv_spawn.h>
#include <iv_tls.h>
#include <iv_wait.h>
#include <iv_work.h>
#ifdef __linux__
#include <iv_inotify.h>
#endif
#include "harness/test.h"

#define LP64		(sizeof(void *) == 8)
#define TIME64		(sizeof(time_t) == 8)

#define SIZE(type, lp64, ilp32)						\
	CHECK_INT(sizeof(struct type), ==, LP64 ? (lp64) : (ilp32))

#define AT(type, member, lp64, ilp32)					\
	CHECK_INT(offsetof(struct type, member), ==,			\
		  LP64 ? (lp64) : (ilp32))

#define POINTER_ALIGNED(type)						\
	CHECK_INT(_Alignof(struct type), ==, sizeof(void *))

TEST_ONCE(iv_fd)
{
	SIZE(iv_fd, 128, 64);
	POINTER_ALIGNED(iv_fd);
	AT(iv_fd, fd, 0, 0);
	AT(iv_fd, cookie, 8, 4);
	AT(iv_fd, handler_in, 16, 8);
	AT(iv_fd, handler_out, 24, 12);
	AT(iv_fd, handler_err, 32, 16);
	AT(iv_fd, pad, 40, 20);
}

TEST_ONCE(iv_task)
{
	SIZE(iv_task, 64, 32);
	POINTER_ALIGNED(iv_task);
	AT(iv_task, cookie, 0, 0);
	AT(iv_task, handler, 8, 4);
	AT(iv_task, pad, 16, 8);
}

TEST_ONCE(iv_timer)
{
	SIZE(iv_timer, 64, TIME64 ? 40 : 32);
	CHECK_INT(_Alignof(struct iv_timer), ==,
		  LP64 || !TIME64 ? sizeof(void *)
				  : _Alignof(struct timespec));
	AT(iv_timer, expires, 0, 0);
	AT(iv_timer, cookie, 16, TIME64 ? 16 : 8);
	AT(iv_timer, handler, 24, TIME64 ? 20 : 12);
	AT(iv_timer, pad, 32, TIME64 ? 24 : 16);
}

TEST_ONCE(iv_list_head)
{
	SIZE(iv_list_head, 16, 8);
	POINTER_ALIGNED(iv_list_head);
	AT(iv_list_head, next, 0, 0);
	AT(iv_list_head, prev, 8, 4);
}

TEST_ONCE(iv_avl_node)
{
	SIZE(iv_avl_node, 32, 16);
	POINTER_ALIGNED(iv_avl_node);
	AT(iv_avl_node, left, 0, 0);
	AT(iv_avl_node, right, 8, 4);
	AT(iv_avl_node, parent, 16, 8);
	AT(iv_avl_node, height, 24, 12);
	CHECK_INT(sizeof(((struct iv_avl_node *)0)->height), ==, 1);
}

TEST_ONCE(iv_avl_tree)
{
	SIZE(iv_avl_tree, 16, 8);
	POINTER_ALIGNED(iv_avl_tree);
	AT(iv_avl_tree, compare, 0, 0);
	AT(iv_avl_tree, root, 8, 4);
}

TEST_ONCE(iv_event)
{
	SIZE(iv_event, 40, 20);
	POINTER_ALIGNED(iv_event);
	AT(iv_event, cookie, 0, 0);
	AT(iv_event, handler, 8, 4);
	AT(iv_event, owner, 16, 8);
	AT(iv_event, list, 24, 12);
}

TEST_ONCE(iv_event_raw)
{
	SIZE(iv_event_raw, 152, 76);
	POINTER_ALIGNED(iv_event_raw);
	AT(iv_event_raw, cookie, 0, 0);
	AT(iv_event_raw, handler, 8, 4);
	AT(iv_event_raw, event_rfd, 16, 8);
	AT(iv_event_raw, event_wfd, 144, 72);
}

TEST_ONCE(iv_fd_pump)
{
	SIZE(iv_fd_pump, 56, 36);
	POINTER_ALIGNED(iv_fd_pump);
	AT(iv_fd_pump, from_fd, 0, 0);
	AT(iv_fd_pump, to_fd, 4, 4);
	AT(iv_fd_pump, cookie, 8, 8);
	AT(iv_fd_pump, set_bands, 16, 12);
	AT(iv_fd_pump, flags, 24, 16);
	AT(iv_fd_pump, buf, 32, 20);
	AT(iv_fd_pump, bytes, 40, 24);
	AT(iv_fd_pump, full, 44, 28);
	AT(iv_fd_pump, saw_fin, 48, 32);
}

TEST_ONCE(iv_path)
{
	SIZE(iv_path, 96, TIME64 ? 56 : 48);
	AT(iv_path, pathname, 0, 0);
	AT(iv_path, flags, 8, 4);
	AT(iv_path, interval, 16, 8);
	AT(iv_path, cookie, 32, TIME64 ? 24 : 16);
	AT(iv_path, handler, 40, TIME64 ? 28 : 20);
	AT(iv_path, pad, 48, TIME64 ? 32 : 24);

	if (!LP64)
		return;
	CHECK_INT(sizeof(struct iv_path_info), ==, 112);
	CHECK_INT(offsetof(struct iv_path_info, mode), ==, 32);
	CHECK_INT(offsetof(struct iv_path_info, mtime), ==, 48);
	CHECK_INT(offsetof(struct iv_path_info, ctime), ==, 64);
	CHECK_INT(offsetof(struct iv_path_info, spare), ==, 80);
}

TEST_ONCE(iv_follow)
{
	if (!LP64)
		SKIP("it depends");
	CHECK_INT(sizeof(struct iv_follow), ==, 104);
	CHECK_INT(offsetof(struct iv_follow, fd), ==, 8);
	CHECK_INT(offsetof(struct iv_follow, error), ==, 12);
	CHECK_INT(offsetof(struct iv_follow, offset), ==, 16);
	CHECK_INT(offsetof(struct iv_follow, interval), ==, 24);
	CHECK_INT(offsetof(struct iv_follow, cookie), ==, 40);
	CHECK_INT(offsetof(struct iv_follow, handler), ==, 48);
	CHECK_INT(offsetof(struct iv_follow, pad), ==, 56);
}

TEST_ONCE(iv_inotify)
{
#ifdef __linux__
	SIZE(iv_inotify, 152, 76);
	POINTER_ALIGNED(iv_inotify);
	AT(iv_inotify, fd, 0, 0);
	AT(iv_inotify, watches, 128, 64);
	AT(iv_inotify, term, 144, 72);

	SIZE(iv_inotify_watch, 80, 40);
	POINTER_ALIGNED(iv_inotify_watch);
	AT(iv_inotify_watch, inotify, 0, 0);
	AT(iv_inotify_watch, pathname, 8, 4);
	AT(iv_inotify_watch, mask, 16, 8);
	AT(iv_inotify_watch, cookie, 24, 12);
	AT(iv_inotify_watch, handler, 32, 16);
	AT(iv_inotify_watch, wd, 40, 20);
	AT(iv_inotify_watch, an, 48, 24);
#else
	SKIP("no inotify");
#endif
}

TEST_ONCE(iv_listen)
{
	SIZE(iv_listen, 280, TIME64 ? 152 : 144);
	AT(iv_listen, fd, 0, 0);
	AT(iv_listen, flags, 4, 4);
	AT(iv_listen, budget, 8, 8);
	AT(iv_listen, cookie, 16, 12);
	AT(iv_listen, handler, 24, 16);
	AT(iv_listen, paused, 32, 20);
	AT(iv_listen, watch, 40, 24);
}

TEST_ONCE(iv_popen_request)
{
	SIZE(iv_popen_request, 32, 16);
	POINTER_ALIGNED(iv_popen_request);
	AT(iv_popen_request, file, 0, 0);
	AT(iv_popen_request, argv, 8, 4);
	AT(iv_popen_request, type, 16, 8);
	AT(iv_popen_request, child, 24, 12);
}

TEST_ONCE(iv_signal)
{
	SIZE(iv_signal, 216, 112);
	POINTER_ALIGNED(iv_signal);
	AT(iv_signal, signum, 0, 0);
	AT(iv_signal, flags, 4, 4);
	AT(iv_signal, cookie, 8, 8);
	AT(iv_signal, handler, 16, 12);
	AT(iv_signal, an, 24, 16);
	AT(iv_signal, active, 56, 32);
	AT(iv_signal, ev, 64, 36);
}

TEST_ONCE(iv_spawn)
{
	SIZE(iv_spawn, 136, 76);
	POINTER_ALIGNED(iv_spawn);
	AT(iv_spawn, file, 0, 0);
	AT(iv_spawn, argv, 8, 4);
	AT(iv_spawn, envp, 16, 8);
	AT(iv_spawn, cwd, 24, 12);
	AT(iv_spawn, flags, 32, 16);
	AT(iv_spawn, fd, 36, 20);
	AT(iv_spawn, cookie, 48, 32);
	AT(iv_spawn, handler, 56, 36);
	AT(iv_spawn, pid, 64, 40);
	AT(iv_spawn, pad, 72, 44);
}

TEST_ONCE(iv_tls_user)
{
	SIZE(iv_tls_user, 48, 24);
	POINTER_ALIGNED(iv_tls_user);
	AT(iv_tls_user, sizeof_state, 0, 0);
	AT(iv_tls_user, init_thread, 8, 4);
	AT(iv_tls_user, deinit_thread, 16, 8);
	AT(iv_tls_user, list, 24, 12);
	AT(iv_tls_user, state_offset, 40, 20);
}

TEST_ONCE(iv_wait_interest)
{
	SIZE(iv_wait_interest, 128, 64);
	POINTER_ALIGNED(iv_wait_interest);
	AT(iv_wait_interest, pid, 0, 0);
	AT(iv_wait_interest, cookie, 8, 4);
	AT(iv_wait_interest, handler, 16, 8);
	AT(iv_wait_interest, avl_node, 24, 12);
	AT(iv_wait_interest, ev, 56, 28);
	AT(iv_wait_interest, events_pending, 96, 48);
	AT(iv_wait_interest, dummy, 112, 56);
	AT(iv_wait_interest, flags, 120, 60);
}

TEST_ONCE(iv_work)
{
	SIZE(iv_work_pool, 40, 20);
	POINTER_ALIGNED(iv_work_pool);
	AT(iv_work_pool, max_threads, 0, 0);
	AT(iv_work_pool, cookie, 8, 4);
	AT(iv_work_pool, thread_start, 16, 8);
	AT(iv_work_pool, thread_stop, 24, 12);
	AT(iv_work_pool, priv, 32, 16);

	SIZE(iv_work_item, 40, 20);
	POINTER_ALIGNED(iv_work_item);
	AT(iv_work_item, cookie, 0, 0);
	AT(iv_work_item, work, 8, 4);
	AT(iv_work_item, completion, 16, 8);
	AT(iv_work_item, list, 24, 12);
}

TEST_ONCE(iv_hook)
{
	SIZE(iv_hook, 72, 36);
	POINTER_ALIGNED(iv_hook);
	AT(iv_hook, point, 0, 0);
	AT(iv_hook, cookie, 8, 4);
	AT(iv_hook, handler, 16, 8);
	AT(iv_hook, pad, 24, 12);
}

TEST_ONCE(iv_call)
{
	SIZE(iv_call, 64, 32);
	POINTER_ALIGNED(iv_call);
	AT(iv_call, cookie, 0, 0);
	AT(iv_call, handler, 8, 4);
	AT(iv_call, pad, 16, 8);
}

TEST_ONCE(constants)
{
	CHECK_INT(IV_SIGNAL_FLAG_EXCLUSIVE, ==, 1);
	CHECK_INT(IV_SIGNAL_FLAG_THIS_THREAD, ==, 2);
	CHECK_INT(IV_FD_PUMP_FLAG_RELAY_EOF, ==, 1);
}
