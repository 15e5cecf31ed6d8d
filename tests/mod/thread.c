/* SPDX-License-Identifier: MIT */
/*
 * thread.c - tests of iv_thread.
 */
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <iv_thread.h>
#include <iv_tls.h>
#include "harness/spy.h"
#include "harness/test.h"

/* ---- Helpers ---------------------------------------------------------------- */

/* pthread_create(3) fails with this, unless it is 0. */
static int create_error;

int __real_pthread_create(pthread_t *t, const pthread_attr_t *attr,
			  void *(*fn)(void *), void *arg);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *attr,
			  void *(*fn)(void *), void *arg);

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *attr,
			  void *(*fn)(void *), void *arg)
{
	return create_error ? create_error
			    : __real_pthread_create(t, attr, fn, arg);
}

static void wait_for(sem_t *sem)
{
	while (sem_wait(sem) < 0)
		CHECK_INT(errno, ==, EINTR);
}

/* A child that says when it runs, and ends when it is told to. */
struct child {
	sem_t	running;
	sem_t	leave;
	sem_t	left;
};

static void child_init(struct child *c)
{
	sem_init(&c->running, 0, 0);
	sem_init(&c->leave, 0, 0);
	sem_init(&c->left, 0, 0);
}

static void child_body(void *_c)
{
	struct child *c = _c;

	sem_post(&c->running);
	wait_for(&c->leave);
	sem_post(&c->left);
}

static void child_start(struct child *c, const char *name)
{
	child_init(c);
	CHECK_INT(iv_thread_create(name, child_body, c), ==, 0);
	wait_for(&c->running);
}

static void raise_flag(void *flag)
{
	__atomic_store_n((int *)flag, 1, __ATOMIC_RELEASE);
}

/* Sends stderr to a file meanwhile; end_capture() returns what it got. */
static FILE *captured;
static int real_stderr;

static void capture(void)
{
	captured = tmpfile();
	CHECK(captured != NULL);
	fflush(stderr);
	real_stderr = CHECK_SYS(dup(2));
	CHECK_SYS(dup2(fileno(captured), 2));
}

static const char *end_capture(void)
{
	static char text[4096];
	size_t n;

	fflush(stderr);
	CHECK_SYS(dup2(real_stderr, 2));
	close(real_stderr);
	rewind(captured);
	n = fread(text, 1, sizeof(text) - 1, captured);
	text[n] = '\0';
	fclose(captured);
	return text;
}

/* ---- Life -------------------------------------------------------------------- */

TEST(thread_runs_and_keeps_the_loop)
{
	int flag = 0;

	iv_init();
	CHECK_INT(iv_thread_create("flag", raise_flag, &flag), ==, 0);
	iv_main();
	CHECK_INT(flag, ==, 1);
	iv_deinit();
}

static pthread_key_t key;

static void destroy_slowly(void *flag)
{
	int i;

	for (i = 0; i < 100; i++)
		sched_yield();
	raise_flag(flag);
}

static void use_key(void *flag)
{
	CHECK_INT(pthread_setspecific(key, flag), ==, 0);
}

TEST(specific_data_is_gone_when_joined)
{
	int flag = 0;

	CHECK_INT(pthread_key_create(&key, destroy_slowly), ==, 0);
	iv_init();
	CHECK_INT(iv_thread_create("key", use_key, &flag), ==, 0);
	iv_main();
	CHECK_INT(flag, ==, 1);
	iv_deinit();
	pthread_key_delete(key);
}

static void call_exit(void *unused)
{
	(void)unused;
	pthread_exit(NULL);
}

static void cancel_self(void *unused)
{
	(void)unused;
	pthread_cancel(pthread_self());
	for (;;)
		pthread_testcancel();
}

static void cancel_self_at_once(void *unused)
{
	int old;

	(void)unused;
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
	pthread_cancel(pthread_self());
	for (;;)
		;
}

/* Returns with a cancellation pending. */
static void cancel_self_late(void *unused)
{
	int old;

	(void)unused;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	pthread_cancel(pthread_self());
}

TEST(every_way_to_end_is_joined)
{
	iv_init();
	CHECK_INT(iv_thread_create("exit", call_exit, NULL), ==, 0);
	CHECK_INT(iv_thread_create("cancel", cancel_self, NULL), ==, 0);
	CHECK_INT(iv_thread_create("async", cancel_self_at_once, NULL), ==, 0);
	CHECK_INT(iv_thread_create("late", cancel_self_late, NULL), ==, 0);
	iv_main();
	iv_deinit();
}

TEST(debug_output_does_not_lose_a_cancelled_child)
{
	iv_init();
	iv_thread_set_debug_state(1);
	CHECK_INT(iv_thread_create("cancel", cancel_self, NULL), ==, 0);
	CHECK_INT(iv_thread_create("late", cancel_self_late, NULL), ==, 0);
	iv_main();
	iv_thread_set_debug_state(0);
	iv_deinit();
}

static void count_up(void *n)
{
	__atomic_add_fetch((int *)n, 1, __ATOMIC_RELAXED);
}

TEST(two_hundred_children)
{
	int i, n = 0;

	iv_init();
	for (i = 0; i < 200; i++)
		CHECK_INT(iv_thread_create("many", count_up, &n), ==, 0);
	iv_main();
	CHECK_INT(n, ==, 200);
	iv_deinit();
}

static void with_own_loop(void *n)
{
	iv_init();
	CHECK_INT(iv_thread_create("grandchild", count_up, n), ==, 0);
	iv_main();
	count_up(n);
	iv_deinit();
}

/* The end of the thread takes its loop down. */
static void with_forgotten_loop(void *n)
{
	iv_init();
	count_up(n);
}

TEST(children_with_loops)
{
	int n = 0;

	iv_init();
	CHECK_INT(iv_thread_create("child", with_own_loop, &n), ==, 0);
	CHECK_INT(iv_thread_create("child", with_forgotten_loop, &n), ==, 0);
	iv_main();
	CHECK_INT(n, ==, 3);
	iv_deinit();
}

static void check_mask(void *unused)
{
	sigset_t now;

	(void)unused;
	CHECK_INT(pthread_sigmask(SIG_BLOCK, NULL, &now), ==, 0);
	CHECK_INT(sigismember(&now, SIGUSR2), ==, 1);
	CHECK_INT(sigismember(&now, SIGUSR1), ==, 0);
}

TEST(signal_mask_is_inherited)
{
	sigset_t block, old;

	sigemptyset(&block);
	sigaddset(&block, SIGUSR2);
	iv_init();
	pthread_sigmask(SIG_BLOCK, &block, &old);
	CHECK_INT(iv_thread_create("mask", check_mask, NULL), ==, 0);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	iv_main();
	iv_deinit();
}

static unsigned long id_seen;

static void note_id(void *unused)
{
	(void)unused;
	CHECK_INT(iv_thread_get_id(), ==, iv_get_thread_id());
	id_seen = iv_thread_get_id();
}

TEST(thread_ids_differ)
{
	iv_init();
	CHECK_INT(iv_thread_create("id", note_id, NULL), ==, 0);
	iv_main();
	CHECK_INT(id_seen, !=, 0);
	CHECK_INT(id_seen, !=, iv_thread_get_id());
	CHECK_INT(iv_thread_get_id(), ==, iv_get_thread_id());
	iv_deinit();
}

/* ---- Children that outlive the creator's loop (d25) --------------------------- */

TEST(child_outlives_the_loop)
{
	struct child c;

	iv_init();
	child_start(&c, "survivor");
	iv_deinit();
	sem_post(&c.leave);
	wait_for(&c.left);
}

TEST(child_outlives_the_loop_for_another_one)
{
	struct child c;
	int flag = 0;

	iv_init();
	child_start(&c, "survivor");
	iv_deinit();
	iv_init();
	CHECK_INT(iv_thread_create("flag", raise_flag, &flag), ==, 0);
	sem_post(&c.leave);
	iv_main();
	CHECK_INT(flag, ==, 1);
	iv_deinit();
	wait_for(&c.left);
}

/* The end of the child and that of the loop race. */
TEST(child_ends_as_the_loop_goes)
{
	static struct child c[50];
	int i;

	for (i = 0; i < 50; i++) {
		iv_init();
		child_start(&c[i], "racer");
		sem_post(&c[i].leave);
		if (i & 1)
			wait_for(&c[i].left);
		iv_deinit();
	}
	for (i = 0; i < 50; i += 2)
		wait_for(&c[i].left);
}

static void *forget_child(void *_c)
{
	iv_init();
	child_start(_c, "orphan");
	return NULL;
}

TEST(creator_ends_without_iv_deinit)
{
	struct child c;
	pthread_t t;

	CHECK_INT(pthread_create(&t, NULL, forget_child, &c), ==, 0);
	pthread_join(t, NULL);
	sem_post(&c.leave);
	wait_for(&c.left);
}

/* ---- What it prints ------------------------------------------------------------ */

TEST(debug_lines)
{
	char name[] = "worm";
	const char *text;
	int flag = 0;

	iv_init();
	capture();
	iv_thread_set_debug_state(1);
	CHECK_INT(iv_thread_create(name, raise_flag, &flag), ==, 0);
	strcpy(name, "eel");
	iv_main();
	create_error = EAGAIN;
	CHECK_ERRNO(iv_thread_create("late", raise_flag, &flag), EAGAIN);
	create_error = 0;
	CHECK_ERRNO(iv_thread_create("idle", NULL, NULL), EINVAL);
	spy_fail(SPY_MALLOC, 1, 1, ENOMEM);
	CHECK_ERRNO(iv_thread_create("fat", raise_flag, &flag), ENOMEM);
	spy_heal();
	iv_thread_set_debug_state(0);
	CHECK_INT(iv_thread_create("quiet", raise_flag, &flag), ==, 0);
	iv_main();
	text = end_capture();
	CHECK_STR(text, "iv_thread: [worm] started\n"
			"iv_thread: [worm] ended\n"
			"iv_thread: [worm] joined\n"
			"iv_thread: [late] could not be created\n"
			"iv_thread: [idle] could not be created\n"
			"iv_thread: [fat] could not be created\n");
	iv_deinit();
}

TEST(list_of_children)
{
	char want[200], name[] = "worm";
	struct child a, b;
	const char *text;

	iv_init();
	capture();
	iv_thread_list_children();
	snprintf(want, sizeof(want), "tid\tname\n%lu\tself\n",
		 iv_get_thread_id());
	CHECK_STR(end_capture(), want);
	child_start(&a, name);
	strcpy(name, "eel");
	child_start(&b, NULL);
	sem_post(&a.leave);
	capture();
	iv_thread_list_children();
	text = end_capture();
	snprintf(want, sizeof(want), "tid\tname\n%lu\tself\n",
		 iv_get_thread_id());
	CHECK(strncmp(text, want, strlen(want)) == 0);
	CHECK(strstr(text, "\tworm\n") != NULL);
	CHECK(strstr(text, "\n0\t") == NULL);
	CHECK(strstr(text, "\tunnamed\n") != NULL);
	sem_post(&b.leave);
	iv_main();

	capture();
	iv_thread_list_children();
	CHECK_STR(end_capture(), want);
	iv_deinit();
}

/* ---- Refusals ------------------------------------------------------------------- */

TEST(no_function)
{
	iv_init();
	CHECK_ERRNO(iv_thread_create("none", NULL, NULL), EINVAL);
	iv_main();
	iv_deinit();
}

TEST(no_name_is_fine)
{
	int flag = 0;

	iv_init();
	CHECK_INT(iv_thread_create(NULL, raise_flag, &flag), ==, 0);
	iv_main();
	CHECK_INT(flag, ==, 1);
	iv_deinit();
}

FATAL_TEST(create_without_loop, "iv_thread_create: call iv_init()")
{
	iv_thread_create("x", raise_flag, NULL);
}

FATAL_TEST(list_without_loop, "iv_thread_list_children: call iv_init()")
{
	iv_thread_list_children();
}

/* The next ones: -1, nothing is left behind, and the loop goes on. */
static void loop_still_works(void)
{
	int flag = 0;

	iv_main();
	CHECK_INT(iv_thread_create("flag", raise_flag, &flag), ==, 0);
	iv_main();
	CHECK_INT(flag, ==, 1);
}

TEST(no_thread_to_be_had)
{
	iv_init();
	create_error = EAGAIN;
	CHECK_ERRNO(iv_thread_create("x", never_handler, NULL), EAGAIN);
	create_error = 0;
	loop_still_works();
	iv_deinit();
}

TEST(no_descriptor_to_be_had)
{
	if (wakes_without_fd())
		SKIP("%s wakes without a descriptor", test_method());
	iv_init();
	spy_fail(spy_channel(), 1, 1, EMFILE);
	CHECK_ERRNO(iv_thread_create("x", never_handler, NULL), EMFILE);
	spy_heal();
	loop_still_works();
	iv_deinit();
}

/* Each allocation on the way fails once.  The poll method may do without. */
TEST(no_memory_to_be_had)
{
	unsigned n = 0, failed;

	iv_init();
	create_error = EAGAIN;
	do {
		spy_fail(SPY_MALLOC, ++n, 1, ENOMEM);
		errno = 0;
		CHECK_INT(iv_thread_create("x", never_handler, NULL), ==, -1);
		CHECK(errno == ENOMEM || errno == EAGAIN);
		failed = spy_failed();
		CHECK(failed > 0 || errno == EAGAIN);
		spy_heal();
	} while (failed > 0);
	CHECK_INT(n, >, 2);
	create_error = 0;
	loop_still_works();
	iv_deinit();
}

/* ---- In a forked child ------------------------------------------------------------- */

static sem_t may_end;

static void wait_to_end(void *unused)
{
	(void)unused;
	while (sem_wait(&may_end) < 0)
		;
}

/* Nothing else is registered, so it returns. */
static void only_runs(void *unused)
{
	(void)unused;
	iv_main();
	iv_deinit();
}

TEST(a_child_does_not_wait_for_threads_of_its_parent)
{
	iv_init();
	sem_init(&may_end, 0, 0);
	CHECK_INT(iv_thread_create("waits", wait_to_end, NULL), ==, 0);
	reap_child(fork_child(only_runs, NULL));
	CHECK_SYS(sem_post(&may_end));
	iv_main();
	iv_deinit();
}
