/* SPDX-License-Identifier: MIT */
/*
 * dropin.c - a client for dropin.sh: uses a bit of everything and prints what
 * happens.  To be compiled with upstream's headers, 0.42 or later.
 */
#include <iv.h>
#include <iv_avl.h>
#include <iv_event.h>
#include <iv_event_raw.h>
#include <iv_list.h>
#include <iv_signal.h>
#include <iv_thread.h>
#include <iv_tls.h>
#include <iv_wait.h>
#include <iv_work.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say(const char *what)
{
	printf("%s\n", what);
	fflush(stdout);
}

static void check(int ok, const char *what)
{
	if (!ok) {
		say(what);
		exit(1);
	}
}

static void say_cookie(void *cookie)
{
	say(cookie);
}

static void after(struct iv_timer *t, long ms, void (*handler)(void *),
		  void *cookie)
{
	IV_TIMER_INIT(t);
	iv_validate_now();
	t->expires = iv_now;
	t->expires.tv_nsec += ms * 1000000;
	t->expires.tv_sec += t->expires.tv_nsec / 1000000000;
	t->expires.tv_nsec %= 1000000000;
	t->handler = handler;
	t->cookie = cookie;
	iv_timer_register(t);
}

/* ---- iv_tls ----------------------------------------------------------------- */

struct area {
	int	number;
};

static void area_init(void *_st)
{
	struct area *st = _st;

	check(st->number == 0, "area is not zeroed");
	st->number = 42;
}

static void area_deinit(void *_st)
{
	struct area *st = _st;

	check(st->number == 42, "area was overwritten");
}

static struct iv_tls_user tls_user = {
	.sizeof_state	= sizeof(struct area),
	.init_thread	= area_init,
	.deinit_thread	= area_deinit,
};

__attribute__((constructor))
static void register_tls_user(void)
{
	iv_tls_user_register(&tls_user);
}

/* ---- Timers, tasks -------------------------------------------------------------- */

static struct iv_timer timers[3];
static struct iv_task task;
static int rounds;

static void task_again(void *cookie)
{
	(void)cookie;
	printf("task round %d\n", ++rounds);
	if (rounds < 3)
		iv_task_register(&task);
}

static void timers_and_tasks(void)
{
	after(&timers[0], 20, say_cookie, "timer 20");
	after(&timers[1], 10, say_cookie, "timer 10");
	after(&timers[2], 5, say_cookie, "timer 5, unregistered");
	check(iv_timer_registered(&timers[2]), "timer is not registered");
	iv_timer_unregister(&timers[2]);
	iv_main();
	/* Not beside the timers: which comes first depends on the machine. */
	IV_TASK_INIT(&task);
	task.handler = task_again;
	iv_task_register(&task);
	check(iv_task_registered(&task), "task is not registered");
	iv_main();
}

/* ---- Descriptors ------------------------------------------------------------------ */

static struct iv_fd reader, writer;
static int pipe_fds[2];
static int sent;

static void write_some(void *cookie)
{
	(void)cookie;
	check(write(writer.fd, "hello", 5) == 5, "short write");
	if (++sent == 3) {
		iv_fd_unregister(&writer);
		close(pipe_fds[1]);
	}
}

static void read_all(void *cookie)
{
	static size_t sum;
	char buf[100];
	ssize_t n;

	(void)cookie;
	while ((n = read(reader.fd, buf, sizeof(buf))) > 0)
		sum += (size_t)n;
	if (n == 0) {
		printf("read %d bytes, then the end\n", (int)sum);
		iv_fd_unregister(&reader);
		close(pipe_fds[0]);
	}
}

static void descriptors(void)
{
	check(pipe(pipe_fds) == 0, "pipe");
	IV_FD_INIT(&reader);
	reader.fd = pipe_fds[0];
	reader.handler_in = read_all;
	iv_fd_register(&reader);
	IV_FD_INIT(&writer);
	writer.fd = pipe_fds[1];
	check(iv_fd_register_try(&writer) == 0, "iv_fd_register_try");
	iv_fd_set_handler_out(&writer, write_some);
	check(fcntl(pipe_fds[0], F_GETFL) & O_NONBLOCK, "still blocking");
	iv_main();
	check(!iv_fd_registered(&reader), "still registered");
}

/* ---- Events, raw events, signals ------------------------------------------------------ */

static struct iv_event event;
static struct iv_event_raw raw;
static struct iv_signal sig;

static void got_signal(void *cookie)
{
	say(cookie);
	iv_signal_unregister(&sig);
}

static void got_raw(void *cookie)
{
	say(cookie);
	iv_event_raw_unregister(&raw);
	kill(getpid(), SIGUSR1);
}

static void got_event(void *cookie)
{
	say(cookie);
	iv_event_unregister(&event);
	iv_event_raw_post(&raw);
}

static void *post(void *cookie)
{
	iv_event_post(&event);
	return cookie;
}

static void events(void)
{
	pthread_t tid;

	IV_EVENT_INIT(&event);
	event.handler = got_event;
	event.cookie = "event";
	check(iv_event_register(&event) == 0, "iv_event_register");
	IV_EVENT_RAW_INIT(&raw);
	raw.handler = got_raw;
	raw.cookie = "raw event";
	check(iv_event_raw_register(&raw) == 0, "iv_event_raw_register");
	IV_SIGNAL_INIT(&sig);
	sig.signum = SIGUSR1;
	sig.flags = 0;
	sig.handler = got_signal;
	sig.cookie = "signal";
	check(iv_signal_register(&sig) == 0, "iv_signal_register");
	check(pthread_create(&tid, NULL, post, NULL) == 0, "pthread_create");
	iv_main();
	pthread_join(tid, NULL);
}

/* ---- Threads, work, children ------------------------------------------------------------- */

static void in_thread(void *cookie)
{
	struct area *st;

	iv_init();
	st = iv_tls_user_ptr(&tls_user);
	check(st != NULL && st->number == 42, "no area in the thread");
	after(&timers[0], 1, say_cookie, cookie);
	iv_main();
	iv_deinit();
}

static struct iv_work_pool pool;
static struct iv_work_item items[4];
static int done[4];
static int completed;

static void work(void *cookie)
{
	*(int *)cookie += 1;
}

static void completion(void *cookie)
{
	(void)cookie;
	if (++completed == 4) {
		say("4 items completed");
		iv_work_pool_put(&pool);
	}
}

static void pool_of_threads(void)
{
	int i;

	IV_WORK_POOL_INIT(&pool);
	pool.max_threads = 2;
	check(iv_work_pool_create(&pool) == 0, "iv_work_pool_create");
	for (i = 0; i < 4; i++) {
		IV_WORK_ITEM_INIT(&items[i]);
		items[i].cookie = &done[i];
		items[i].work = work;
		items[i].completion = completion;
		iv_work_pool_submit_work(&pool, &items[i]);
	}
	iv_main();
	for (i = 0; i < 4; i++)
		check(done[i] == 1, "an item did not run exactly once");
}

static struct iv_wait_interest child;

static void exit_7(void *cookie)
{
	(void)cookie;
	_exit(7);
}

static void child_changed(void *cookie, int status,
			  const struct rusage *rusage)
{
	(void)cookie;
	(void)rusage;
	printf("child exited with %d\n", WEXITSTATUS(status));
	iv_wait_interest_unregister(&child);
}

static void children(void)
{
	IV_WAIT_INTEREST_INIT(&child);
	child.handler = child_changed;
	check(iv_wait_interest_register_spawn(&child, exit_7, NULL) == 0,
	      "iv_wait_interest_register_spawn");
	iv_main();
}

/* ---- AVL trees ---------------------------------------------------------------------------- */

struct node {
	struct iv_avl_node	an;
	int	key;
};

static int by_key(const struct iv_avl_node *a, const struct iv_avl_node *b)
{
	return iv_container_of(a, struct node, an)->key -
	       iv_container_of(b, struct node, an)->key;
}

static void trees(void)
{
	static struct node nodes[100];
	struct iv_avl_tree tree;
	struct iv_avl_node *an;
	int i, sum = 0;

	INIT_IV_AVL_TREE(&tree, by_key);
	for (i = 0; i < 100; i++) {
		nodes[i].key = i * 37 % 101;
		check(iv_avl_tree_insert(&tree, &nodes[i].an) == 0, "insert");
	}
	for (i = 0; i < 100; i += 2)
		iv_avl_tree_delete(&tree, &nodes[i].an);
	iv_avl_tree_for_each (an, &tree)
		sum = (sum * 31 + iv_container_of(an, struct node, an)->key) %
		      1000003;
	printf("tree %d\n", sum);
}

int main(void)
{
	check(!iv_inited(), "inited too early");
	check(iv_poll_method_name() == NULL, "a method too early");
	iv_init();
	check(iv_poll_method_name() != NULL, "no method");
	timers_and_tasks();
	descriptors();
	events();
	iv_thread_create("a thread", in_thread, "timer in a thread");
	iv_main();
	pool_of_threads();
	children();
	trees();
	iv_deinit();
	say("end");
	return 0;
}
