/* SPDX-License-Identifier: MIT */
/*
 * every.c - uses every macro and inline function of the public headers, and
 * assigns every function to a pointer of the type that callers rely on; in
 * the language that C89 (with inline) to C23 and C++11 to C++20 have in
 * common.  headers.sh compiles it.  NO_INOTIFY: a system without.
 */
#include <stddef.h>
#include <iv.h>
#include <iv_alarm.h>
#include <iv_avl.h>
#include <iv_event.h>
#include <iv_event_raw.h>
#include <iv_fd_pump.h>
#include <iv_hook.h>
#include <iv_inspect.h>
#include <iv_list.h>
#include <iv_listen.h>
#include <iv_loop.h>
#include <iv_popen.h>
#include <iv_signal.h>
#include <iv_spawn.h>
#include <iv_thread.h>
#include <iv_tick.h>
#include <iv_tls.h>
#include <iv_follow.h>
#include <iv_path.h>
#include <iv_wait.h>
#include <iv_work.h>
#ifndef NO_INOTIFY
#include <iv_inotify.h>
#endif

struct item {
	int value;
	struct iv_list_head node;
	struct iv_avl_node an;
};

struct iv_list_head every_list = IV_LIST_HEAD_INIT(every_list);

static int by_value(const struct iv_avl_node *a, const struct iv_avl_node *b)
{
	const struct item *x = iv_container_of(a, struct item, an);
	const struct item *y = iv_container_of(b, struct item, an);

	return (x->value > y->value) - (x->value < y->value);
}

struct iv_avl_tree every_tree = IV_AVL_TREE_INIT(by_value);

int every_list_call(struct item *it);
int every_list_call(struct item *it)
{
	struct iv_list_head other;
	struct iv_list_head *lh, *lh2;
	const struct iv_list_head *constant = &it->node;
	int sum = 0;

	INIT_IV_LIST_HEAD(&other);
	iv_list_add(&it->node, &other);
	iv_list_del(&it->node);
	iv_list_add_tail(&it->node, &other);
	iv_list_del_init(&it->node);
	__iv_list_splice(&other, &every_list, every_list.next);
	iv_list_splice(&other, &every_list);
	iv_list_splice_init(&other, &every_list);
	iv_list_splice_tail(&other, &every_list);
	iv_list_splice_tail_init(&other, &every_list);
	iv_list_for_each(lh, &every_list)
		sum += iv_list_entry(lh, struct item, node)->value;
	iv_list_for_each_safe(lh, lh2, &every_list)
		sum += iv_container_of(lh, struct item, node)->value;
	iv_container_of(constant, struct item, node)->value = sum;
	return iv_list_empty(&every_list);
}

int every_avl_call(struct item *it);
int every_avl_call(struct item *it)
{
	struct iv_avl_tree tree;
	struct iv_avl_node *an, *an2;
	int sum = 0;

	INIT_IV_AVL_TREE(&tree, by_value);
	sum += iv_avl_tree_insert(&tree, &it->an);
	iv_avl_tree_for_each(an, &tree)
		sum += iv_container_of(an, struct item, an)->value;
	iv_avl_tree_for_each_safe(an, an2, &tree)
		iv_avl_tree_delete(&tree, an);
	an = iv_avl_tree_min(&every_tree);
	an2 = iv_avl_tree_max(&every_tree);
	an = iv_avl_tree_next_safe(an);
	if (an != NULL && an2 != NULL)
		sum += iv_avl_tree_next(an) == iv_avl_tree_prev(an2);
	return sum + iv_avl_tree_empty(&every_tree);
}

long every_time_call(void);
long every_time_call(void)
{
	struct timespec ts;

	iv_validate_now();
	iv_invalidate_now();
	ts = iv_now;
	return (long)ts.tv_sec + (long)iv_now.tv_nsec;
}

void every_init_call(void);
void every_init_call(void)
{
	struct iv_fd fd;
	struct iv_task task;
	struct iv_timer timer;
	struct iv_tick tick;
	struct iv_alarm alarm;
	struct iv_event event;
	struct iv_event_raw raw;
	struct iv_fd_pump pump;
	struct iv_follow follow;
	struct iv_path path;
	struct iv_popen_request req;
	struct iv_listen listen;
	struct iv_signal sig;
	struct iv_spawn spawn;
	struct iv_wait_interest wait;
	struct iv_work_pool pool;
	struct iv_work_item item;
	struct iv_hook hook;
	struct iv_call call;
#ifndef NO_INOTIFY
	struct iv_inotify inotify;
	struct iv_inotify_watch watch;

	IV_INOTIFY_INIT(&inotify);
	IV_INOTIFY_WATCH_INIT(&watch);
#endif
	IV_FD_INIT(&fd);
	IV_TASK_INIT(&task);
	IV_TIMER_INIT(&timer);
	IV_TICK_INIT(&tick);
	IV_ALARM_INIT(&alarm);
	IV_EVENT_INIT(&event);
	IV_EVENT_RAW_INIT(&raw);
	IV_FD_PUMP_INIT(&pump);
	IV_FOLLOW_INIT(&follow);
	IV_PATH_INIT(&path);
	IV_POPEN_REQUEST_INIT(&req);
	IV_LISTEN_INIT(&listen);
	IV_SIGNAL_INIT(&sig);
	IV_SPAWN_INIT(&spawn);
	IV_WAIT_INTEREST_INIT(&wait);
	IV_WORK_POOL_INIT(&pool);
	IV_WORK_ITEM_INIT(&item);
	IV_HOOK_INIT(&hook);
	IV_CALL_INIT(&call);
}

int every_constant[] = {
	IV_SIGNAL_FLAG_EXCLUSIVE == 1 ? 1 : -1,
	IV_SIGNAL_FLAG_THIS_THREAD == 2 ? 1 : -1,
	IV_FD_PUMP_FLAG_RELAY_EOF == 1 ? 1 : -1,
	IV_VERSION >= 10100 ? 1 : -1,
	IV_RUN_ONCE == 1 && IV_RUN_NOWAIT == 2 ? 1 : -1,
	IV_HOOK_PREPARE == 1 && IV_HOOK_BLOCK == 2 && IV_HOOK_UNBLOCK == 3 &&
	IV_HOOK_CHECK == 4 && IV_HOOK_IDLE == 5 && IV_HOOK_FORK == 6 &&
	IV_HOOK_DEINIT == 7 ? 1 : -1
};

#ifdef __GNUC__
#pragma GCC diagnostic ignored "-Wlong-long"
#endif

struct every_function {
	void (*init)(void);
	int (*inited)(void);
	const char *(*method)(void);
	void (*fatal_handler)(void (*)(const char *));
	unsigned long (*id)(void);
	const struct timespec *(*now)(void);
	void (*fd)(struct iv_fd *);
	int (*fd_try)(struct iv_fd *);
	int (*fd_registered)(const struct iv_fd *);
	void (*fd_set)(struct iv_fd *, void (*)(void *));
	void (*fd_flags)(struct iv_fd *, unsigned);
	void (*fd_kick)(struct iv_fd *, int, int);
	void (*task)(struct iv_task *);
	int (*task_registered)(const struct iv_task *);
	void (*timer)(struct iv_timer *);
	int (*timer_registered)(const struct iv_timer *);
	void (*timer_at)(struct iv_timer *, const struct timespec *);
	void (*timer_after)(struct iv_timer *, time_t, long);
	void (*slack)(const struct timespec *);
	void (*allocator)(void *(*)(void *, size_t));
	int (*alarm)(struct iv_alarm *);
	void (*alarm_void)(struct iv_alarm *);
	int (*alarm_registered)(const struct iv_alarm *);
	void (*metrics_get)(struct iv_metrics *, size_t);
	void (*inspect_int)(int);
	int (*tick)(struct iv_tick *);
	void (*tick_void)(struct iv_tick *);
	int (*tick_registered)(const struct iv_tick *);
	int (*event)(struct iv_event *);
	void (*event_void)(struct iv_event *);
	int (*raw)(struct iv_event_raw *);
	void (*raw_void)(struct iv_event_raw *);
	void (*raw_post)(const struct iv_event_raw *);
	void (*pump_void)(struct iv_fd_pump *);
	int (*pump)(struct iv_fd_pump *);
	int (*pump_done)(const struct iv_fd_pump *);
	int (*follow)(struct iv_follow *);
	void (*follow_void)(struct iv_follow *);
	int (*follow_registered)(const struct iv_follow *);
	void (*follow_handler)(struct iv_follow *,
			       void (*)(void *, unsigned int));
	__extension__
	void (*follow_fd)(struct iv_follow *, int, long long);
	int (*path)(struct iv_path *);
	void (*path_void)(struct iv_path *);
	int (*path_registered)(const struct iv_path *);
	int (*popen)(struct iv_popen_request *);
	void (*popen_void)(struct iv_popen_request *);
	int (*signal)(struct iv_signal *);
	void (*tls)(struct iv_tls_user *);
	void *(*tls_ptr)(const struct iv_tls_user *);
	int (*thread)(const char *, void (*)(void *), void *);
	void (*thread_debug)(int);
	void (*wait_void)(struct iv_wait_interest *);
	int (*spawn)(struct iv_wait_interest *, void (*)(void *), void *);
	int (*wait_kill)(const struct iv_wait_interest *, int);
	int (*pool)(struct iv_work_pool *);
	void (*pool_void)(struct iv_work_pool *);
	void (*submit)(struct iv_work_pool *, struct iv_work_item *);
	void (*signal_void)(struct iv_signal *);
	int (*hook)(struct iv_hook *);
	void (*hook_void)(struct iv_hook *);
	int (*hook_registered)(const struct iv_hook *);
	struct iv_loop *(*loop_new)(const char *);
	struct iv_loop *(*loop_enter)(struct iv_loop *);
	struct iv_loop *(*loop_self)(void);
	void (*loop)(struct iv_loop *);
	int (*run)(unsigned);
	int (*timeout)(struct timespec *);
	int (*call)(struct iv_loop *, struct iv_call *);
	void (*call_wait)(struct iv_loop *, struct iv_call *);
#ifndef NO_INOTIFY
	int (*inotify)(struct iv_inotify *);
	void (*inotify_void)(struct iv_inotify *);
	int (*watch)(struct iv_inotify_watch *);
	void (*watch_void)(struct iv_inotify_watch *);
#endif
};

void every_function_call(struct every_function *f);
void every_function_call(struct every_function *f)
{
	f->init = iv_init;
	f->inited = iv_inited;
	f->init = iv_main;
	f->init = iv_quit;
	f->init = iv_deinit;
	f->method = iv_poll_method_name;
	f->fatal_handler = iv_set_fatal_msg_handler;
	f->id = iv_get_thread_id;
	f->now = __iv_now_location_valid;
	f->init = iv_invalidate_now;
	f->hook = iv_hook_register;
	f->hook_void = iv_hook_unregister;
	f->hook_registered = iv_hook_registered;
	f->loop_new = iv_loop_new;
	f->loop_enter = iv_loop_enter;
	f->loop_self = iv_loop_self;
	f->loop = iv_loop_free;
	f->loop = iv_loop_quit;
	f->run = iv_run;
	f->init = iv_ref;
	f->init = iv_unref;
	f->inited = iv_loop_fd;
	f->inited = iv_loop_fork;
	f->timeout = iv_loop_timeout;
	f->call = iv_loop_call;
	f->call_wait = iv_loop_call_wait;
	f->fd = IV_FD_INIT;
	f->fd = iv_fd_register;
	f->fd_try = iv_fd_register_try;
	f->fd = iv_fd_unregister;
	f->fd_registered = iv_fd_registered;
	f->fd_set = iv_fd_set_handler_in;
	f->fd_set = iv_fd_set_handler_out;
	f->fd_set = iv_fd_set_handler_err;
	f->fd = iv_fd_suspend;
	f->fd = iv_fd_resume;
	f->fd_flags = iv_fd_set_flags;
	f->fd_kick = iv_fd_kick;
	f->task = IV_TASK_INIT;
	f->task = iv_task_register;
	f->task = iv_task_unregister;
	f->task_registered = iv_task_registered;
	f->timer = IV_TIMER_INIT;
	f->timer = iv_timer_register;
	f->timer = iv_timer_unregister;
	f->timer_registered = iv_timer_registered;
	f->task = iv_task_ensure;
	f->timer_at = iv_timer_set_expires;
	f->timer_after = iv_timer_set_after;
	f->slack = iv_set_timer_slack;
	f->allocator = iv_set_allocator;
	f->method = iv_version;
	f->alarm = iv_alarm_register;
	f->alarm_void = iv_alarm_unregister;
	f->alarm_void = iv_alarm_again;
	f->alarm_registered = iv_alarm_registered;
	f->metrics_get = iv_metrics_get;
	f->inspect_int = iv_metrics_time;
	f->inspect_int = iv_dump;
	f->tick = iv_tick_register;
	f->tick_void = iv_tick_unregister;
	f->tick_void = iv_tick_again;
	f->tick_registered = iv_tick_registered;
	f->event = iv_event_register;
	f->event_void = iv_event_unregister;
	f->event_void = iv_event_post;
	f->raw = iv_event_raw_register;
	f->raw_void = iv_event_raw_unregister;
	f->raw_post = iv_event_raw_post;
	f->pump_void = iv_fd_pump_init;
	f->pump_void = iv_fd_pump_destroy;
	f->pump = iv_fd_pump_pump;
	f->pump_done = iv_fd_pump_is_done;
	f->follow = iv_follow_register;
	f->follow_void = iv_follow_unregister;
	f->follow_registered = iv_follow_registered;
	f->follow_handler = iv_follow_set_handler;
	f->follow_fd = iv_follow_set_fd;
	f->path = iv_path_register;
	f->path_void = iv_path_unregister;
	f->path_registered = iv_path_registered;
	f->path_void = iv_path_refresh;
	f->popen = iv_popen_request_submit;
	f->popen_void = iv_popen_request_close;
	f->signal = iv_signal_register;
	f->signal_void = iv_signal_unregister;
	f->tls = iv_tls_user_register;
	f->tls_ptr = iv_tls_user_ptr;
	f->thread = iv_thread_create;
	f->thread_debug = iv_thread_set_debug_state;
	f->id = iv_thread_get_id;
	f->init = iv_thread_list_children;
	f->wait_void = iv_wait_interest_register;
	f->spawn = iv_wait_interest_register_spawn;
	f->wait_void = iv_wait_interest_unregister;
	f->wait_kill = iv_wait_interest_kill;
	f->pool = iv_work_pool_create;
	f->pool_void = iv_work_pool_put;
	f->submit = iv_work_pool_submit_work;
	f->submit = iv_work_pool_submit_continuation;
#ifndef NO_INOTIFY
	f->inotify = iv_inotify_register;
	f->inotify_void = iv_inotify_unregister;
	f->watch = iv_inotify_watch_register;
	f->watch_void = iv_inotify_watch_unregister;
#endif
	if (f->signal == NULL)
		iv_fatal("no %s", "signal");
}
