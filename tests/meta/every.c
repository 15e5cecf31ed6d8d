/* SPDX-License-Identifier: MIT */
/*
 * every.c - uses every macro and inline function of the public headers, and
 * assigns every function to a pointer of the type that callers rely on; in
 * the language that C89 (with inline) to C23 and C++11 to C++20 have in
 * common.  headers.sh compiles it.  NO_INOTIFY: a system without.
 */
#include <stddef.h>
#include <iv.h>
#include <iv_avl.h>
#include <iv_event.h>
#include <iv_event_raw.h>
#include <iv_fd_pump.h>
#include <iv_list.h>
#include <iv_popen.h>
#include <iv_signal.h>
#include <iv_thread.h>
#include <iv_tls.h>
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
	struct iv_event event;
	struct iv_event_raw raw;
	struct iv_fd_pump pump;
	struct iv_popen_request req;
	struct iv_signal sig;
	struct iv_wait_interest wait;
	struct iv_work_pool pool;
	struct iv_work_item item;
#ifndef NO_INOTIFY
	struct iv_inotify inotify;
	struct iv_inotify_watch watch;

	IV_INOTIFY_INIT(&inotify);
	IV_INOTIFY_WATCH_INIT(&watch);
#endif
	IV_FD_INIT(&fd);
	IV_TASK_INIT(&task);
	IV_TIMER_INIT(&timer);
	IV_EVENT_INIT(&event);
	IV_EVENT_RAW_INIT(&raw);
	IV_FD_PUMP_INIT(&pump);
	IV_POPEN_REQUEST_INIT(&req);
	IV_SIGNAL_INIT(&sig);
	IV_WAIT_INTEREST_INIT(&wait);
	IV_WORK_POOL_INIT(&pool);
	IV_WORK_ITEM_INIT(&item);
}

int every_constant[] = {
	IV_SIGNAL_FLAG_EXCLUSIVE == 1 ? 1 : -1,
	IV_SIGNAL_FLAG_THIS_THREAD == 2 ? 1 : -1,
	IV_FD_PUMP_FLAG_RELAY_EOF == 1 ? 1 : -1
};

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
	void (*task)(struct iv_task *);
	int (*task_registered)(const struct iv_task *);
	void (*timer)(struct iv_timer *);
	int (*timer_registered)(const struct iv_timer *);
	int (*event)(struct iv_event *);
	void (*event_void)(struct iv_event *);
	int (*raw)(struct iv_event_raw *);
	void (*raw_void)(struct iv_event_raw *);
	void (*raw_post)(const struct iv_event_raw *);
	void (*pump_void)(struct iv_fd_pump *);
	int (*pump)(struct iv_fd_pump *);
	int (*pump_done)(const struct iv_fd_pump *);
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
	f->fd = IV_FD_INIT;
	f->fd = iv_fd_register;
	f->fd_try = iv_fd_register_try;
	f->fd = iv_fd_unregister;
	f->fd_registered = iv_fd_registered;
	f->fd_set = iv_fd_set_handler_in;
	f->fd_set = iv_fd_set_handler_out;
	f->fd_set = iv_fd_set_handler_err;
	f->task = IV_TASK_INIT;
	f->task = iv_task_register;
	f->task = iv_task_unregister;
	f->task_registered = iv_task_registered;
	f->timer = IV_TIMER_INIT;
	f->timer = iv_timer_register;
	f->timer = iv_timer_unregister;
	f->timer_registered = iv_timer_registered;
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
