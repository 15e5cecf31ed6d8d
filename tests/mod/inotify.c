/* SPDX-License-Identifier: MIT */
/*
 * inotify.c - tests of iv_inotify: instances, events, errors, misuse.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "mod/inotify_rig.h"

/* ---- Instances ---------------------------------------------------------- */

TEST(an_instance_on_garbage_can_be_unregistered)
{
	iv_init();
	CHECK_INT(inotify_fd(), ==, -1);
	end_instance(new_instance());
	CHECK_INT(inotify_fd(), ==, -1);
	iv_deinit();
}

TEST(an_instance_keeps_the_loop_running)
{
	struct iv_timer t;
	struct tally fired = { 0, 1 };
	struct iv_inotify *in;

	iv_init();
	in = new_instance();
	timer_after(&t, 1, tally, &fired);
	iv_timer_register(&t);
	iv_main();
	CHECK_INT(fired.calls, ==, 1);

	/* Not so without: this returns at once. */
	end_instance(in);
	iv_main();
	iv_deinit();
}

TEST(the_descriptor_is_close_on_exec_and_nonblocking)
{
	struct iv_inotify *in;
	int fd;

	iv_init();
	in = new_instance();
	fd = inotify_fd();
	CHECK_INT(fd, >=, 0);
	CHECK(CHECK_SYS(fcntl(fd, F_GETFD)) & FD_CLOEXEC);
	CHECK(CHECK_SYS(fcntl(fd, F_GETFL)) & O_NONBLOCK);
	end_instance(in);
	iv_deinit();
}

TEST(no_descriptor_left)
{
	struct iv_inotify *in = garbage(sizeof(*in));
	long blocks;

	iv_init();
	end_instance(new_instance());
	blocks = spy_blocks();
	leave_fds(0);
	CHECK_ERRNO(iv_inotify_register(in), EMFILE);
	restore_fds();
	CHECK_INT(spy_blocks(), ==, blocks);

	/* Nothing is left behind: neither descriptor nor reason to run. */
	iv_main();
	CHECK_SYS(iv_inotify_register(in));
	end_instance(in);
	iv_deinit();
}

TEST(no_memory)
{
	struct iv_inotify *in = garbage(sizeof(*in));
	long blocks;

	iv_init();
	end_instance(new_instance());
	blocks = spy_blocks();
	spy_fail(SPY_MALLOC, 1, 1, ENOMEM);
	CHECK_ERRNO(iv_inotify_register(in), ENOMEM);
	spy_heal();
	CHECK_INT(spy_blocks(), ==, blocks);
	CHECK_INT(inotify_fd(), ==, -1);
	iv_main();
	CHECK_SYS(iv_inotify_register(in));
	end_instance(in);
	iv_deinit();
}

static void check_denied_init(int err)
{
	struct iv_inotify *in = garbage(sizeof(*in));

	iv_init();
	deny_syscall(SYS_inotify_init1, err);
	CHECK_ERRNO(iv_inotify_register(in), err);
	iv_main();
	iv_deinit();
	free(in);
}

TEST(the_kernel_has_no_inotify)
{
	check_denied_init(ENOSYS);
}

TEST(a_sandbox_forbids_inotify)
{
	check_denied_init(EPERM);
}

TEST(the_poll_method_refuses_the_descriptor)
{
	struct iv_inotify *in = garbage(sizeof(*in));

	iv_init();
#ifdef SYS_epoll_ctl
	deny_syscall(SYS_epoll_ctl, ENOSPC);
	if (strncmp(iv_poll_method_name(), "epoll", 5) == 0) {
		CHECK_ERRNO(iv_inotify_register(in), ENOSPC);
		CHECK_INT(inotify_fd(), ==, -1);
		iv_main();
		free(in);
		iv_deinit();
		return;
	}
#endif
	CHECK_SYS(iv_inotify_register(in));
	end_instance(in);
	iv_deinit();
}

TEST(two_instances_are_independent)
{
	struct iv_inotify *in1, *in2;
	struct iv_inotify_watch *w1, *w2;

	iv_init();
	in1 = new_instance();
	in2 = new_instance();
	w1 = watch(in1, tmpdir(), IN_CREATE, "1");
	w2 = watch(in2, tmpdir(), IN_DELETE, "2");
	create("x");
	CHECK_STR(seen(), "1:create=x ");
	delete("x");
	CHECK_STR(seen(), "2:delete=x ");
	unwatch(w1);
	end_instance(in1);
	create("x");
	delete("x");
	CHECK_STR(seen(), "2:delete=x ");
	unwatch(w2);
	end_instance(in2);
	iv_deinit();
}

TEST(watches_are_forgotten_with_their_instance)
{
	struct iv_inotify *in;
	struct iv_inotify_watch *w1, *w2;

	iv_init();
	in = new_instance();
	w1 = watch(in, tmpdir(), IN_CREATE, "1");
	w2 = watch(in, "/", IN_CREATE, "2");
	create("x");
	discard(w2, sizeof(*w2));
	iv_inotify_unregister(in);
	CHECK_STR(seen(), "");

	/* Still permitted, while the instance's memory is there ... */
	iv_inotify_watch_unregister(w1);
	iv_inotify_watch_unregister(w1);

	/* ... and so is another life of both. */
	CHECK_SYS(iv_inotify_register(in));
	CHECK_SYS(iv_inotify_watch_register(w1));
	delete("x");
	create("x");
	CHECK_STR(seen(), "1:create=x ");
	unwatch(w1);
	end_instance(in);
	iv_deinit();
}

TEST(a_stale_watch_is_harmless_for_the_next_instance)
{
	struct iv_inotify *in;
	struct iv_inotify_watch *stale, *w;

	iv_init();
	in = new_instance();
	stale = watch(in, tmpdir(), IN_CREATE, "stale");
	iv_inotify_unregister(in);
	CHECK_SYS(iv_inotify_register(in));
	w = watch(in, tmpdir(), IN_CREATE, "w");
	unwatch(stale);
	create("x");
	CHECK_STR(seen(), "w:create=x ");
	unwatch(w);
	end_instance(in);
	iv_deinit();
}

/* ---- Watches: what they get --------------------------------------------- */

static void check_event(void *cookie, struct inotify_event *ev)
{
	struct tally *t = cookie;

	CHECK_INT(ev->mask, ==, IN_CREATE | IN_ISDIR);
	CHECK_INT(ev->cookie, ==, 0);
	CHECK_INT(ev->len, >, 3);
	CHECK_STR(ev->name, "dir");
	tally(t);
}

TEST(the_handler_gets_cookie_and_event)
{
	struct tally t = { 0, 1 };
	struct iv_inotify *in;
	struct iv_inotify_watch *w;
	char name[4200];

	iv_init();
	in = new_instance();
	snprintf(name, sizeof(name), "%s", tmpdir());
	w = new_watch(in, name, IN_CREATE, NULL);
	w->handler = check_event;
	w->cookie = &t;
	CHECK_SYS(iv_inotify_watch_register(w));

	/* It was needed during the call only. */
	memset(name, 'x', sizeof(name));
	w->pathname = NULL;

	CHECK_SYS(mkdir(path("dir"), 0700));
	iv_main();
	CHECK_INT(t.calls, ==, 1);
	unwatch(w);
	end_instance(in);
	iv_deinit();
}

TEST(events_come_in_order)
{
	struct iv_inotify *in;
	struct iv_inotify_watch *w;

	iv_init();
	in = new_instance();
	w = watch(in, tmpdir(), IN_CREATE | IN_MODIFY | IN_DELETE, "w");
	create("x");
	modify("x");
	create("y");
	delete("x");
	CHECK_STR(seen(), "w:create=x w:modify=x w:create=y w:delete=x ");
	unwatch(w);
	end_instance(in);
	iv_deinit();
}

static int in_sequence;

static void expect_sequence(void *cookie, struct inotify_event *ev)
{
	char name[32];

	snprintf(name, sizeof(name), "file-%d", in_sequence++);
	CHECK_STR(ev->name, name);
	tally(cookie);
}

TEST(more_events_than_fit_into_the_buffer)
{
	struct tally t = { 0, 2000 };
	struct iv_inotify *in;
	struct iv_inotify_watch *w;
	char name[32];
	int i;

	iv_init();
	in = new_instance();
	w = new_watch(in, tmpdir(), IN_CREATE, NULL);
	w->handler = expect_sequence;
	w->cookie = &t;
	CHECK_SYS(iv_inotify_watch_register(w));
	for (i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "file-%d", i);
		create(name);
	}
	with_deadline(8);
	iv_main();
	without_deadline();
	CHECK_INT(t.calls, ==, 2000);
	unwatch(w);
	end_instance(in);
	iv_deinit();
}

static void check_nameless(void *cookie, struct inotify_event *ev)
{
	size_t *longest = cookie;
	size_t n = strlen(ev->name);

	CHECK_INT(ev->len, ==, 0);
	if (n > *longest)
		*longest = n;
}

/* Two in turn, since the kernel merges equal ones.  16 bytes each. */
static void make_nameless_events(const char *name, int pairs)
{
	int fd = (int)CHECK_SYS(open(path(name), O_RDWR));
	char c;

	while (pairs-- > 0) {
		CHECK_SYS(pwrite(fd, "x", 1, 0));
		CHECK_SYS(pread(fd, &c, 1, 0));
	}
	CHECK_SYS(close(fd));
}

TEST(a_name_can_be_read_even_if_there_is_none)
{
	struct iv_inotify *in;
	struct iv_inotify_watch *w;
	size_t longest = 0;
	int n;

	iv_init();
	in = new_instance();
	create("x");
	w = new_watch(in, path("x"), IN_MODIFY | IN_ACCESS, NULL);
	w->handler = check_nameless;
	w->cookie = &longest;
	CHECK_SYS(iv_inotify_watch_register(w));

	/* Batches of all sizes, the largest possible included. */
	for (n = 1; n <= 4096; n *= 2) {
		make_nameless_events("x", n);
		turns(30);
	}
	CHECK_INT(longest, <, sizeof(struct inotify_event));

	/* The last one of a batch has an empty name, whatever was there. */
	longest = 0;
	modify("x");
	turns(4);
	CHECK_INT(longest, ==, 0);
	unwatch(w);
	end_instance(in);
	iv_deinit();
}

static int queue_length(void)
{
	FILE *f = fopen("/proc/sys/fs/inotify/max_queued_events", "r");
	int n = 0;

	if (f == NULL || fscanf(f, "%d", &n) != 1 || n < 1 || n > 50000)
		SKIP("max_queued_events is not known, or too large");
	fclose(f);
	return n;
}

static void renew(void *cookie, struct inotify_event *ev)
{
	record((void *)(uintptr_t)"renewed", ev);
	CHECK_INT(ev->wd, ==, -1);
	CHECK_SYS(iv_inotify_watch_register(cookie));
}

TEST(queue_overflow_is_not_reported)
{
	struct tally t = { 0, 0 };
	struct iv_inotify *in;
	struct iv_inotify_watch *w;
	int length = queue_length();

	iv_init();
	in = new_instance();
	create("x");
	w = new_watch(in, path("x"), IN_MODIFY | IN_ACCESS, NULL);
	w->handler = count_event;
	w->cookie = &t;
	CHECK_SYS(iv_inotify_watch_register(w));
	make_nameless_events("x", length);
	turns((unsigned)length / 1024 + 8);
	CHECK_INT(t.calls, ==, length);

	/* And life goes on. */
	modify("x");
	turns(4);
	CHECK_INT(t.calls, ==, length + 1);
	unwatch(w);
	end_instance(in);
	iv_deinit();
}

/* Only who asks for it learns that there is something to look for. */
TEST(queue_overflow_is_reported_to_those_who_ask)
{
	struct iv_inotify *in;
	struct iv_inotify_watch *w[5];
	struct tally t = { 0, 0 };
	int i, length = queue_length();

	iv_init();
	in = new_instance();
	create("x");
	create("y");
	w[0] = new_watch(in, path("x"), IN_MODIFY | IN_ACCESS, NULL);
	w[0]->handler = count_event;
	w[0]->cookie = &t;
	CHECK_SYS(iv_inotify_watch_register(w[0]));
	w[1] = watch(in, path("x"), IN_DELETE | IN_Q_OVERFLOW, "x");
	w[2] = watch(in, path("y"), IN_Q_OVERFLOW, "y");
	w[3] = watch(in, path("y"), IN_ONESHOT | IN_Q_OVERFLOW, "once");
	w[4] = new_watch(in, path("y"), IN_ONESHOT | IN_Q_OVERFLOW, NULL);
	w[4]->handler = renew;
	w[4]->cookie = w[4];
	CHECK_SYS(iv_inotify_watch_register(w[4]));
	make_nameless_events("x", length);
	turns((unsigned)length / 1024 + 8);
	CHECK_INT(t.calls, ==, length);
	CHECK_STR(seen(), "x:overflow renewed:overflow once:overflow y:overflow ");

	/* Again, and again at once. */
	make_nameless_events("x", length);
	turns((unsigned)length / 1024 + 8);
	CHECK_STR(seen(), "x:overflow renewed:overflow y:overflow ");
	for (i = 0; i < 5; i++)
		unwatch(w[i]);
	end_instance(in);
	iv_deinit();
}

TEST(events_of_a_watch_that_is_gone_are_dropped)
{
	struct iv_inotify *in;
	struct iv_inotify_watch *w1, *w2;

	iv_init();
	in = new_instance();
	CHECK_SYS(mkdir(path("dir"), 0700));
	w1 = watch(in, tmpdir(), IN_CREATE, "1");
	w2 = watch(in, path("dir"), IN_CREATE, "2");
	create("x");
	create("dir/y");
	unwatch(w1);
	CHECK_STR(seen(), "2:create=y ");

	/* The same inode once more: what was queued before stays away. */
	create("dir/z");
	unwatch(w2);
	w2 = watch(in, path("dir"), IN_CREATE, "2");
	CHECK_STR(seen(), "");
	create("dir/new");
	CHECK_STR(seen(), "2:create=new ");
	unwatch(w2);
	end_instance(in);
	iv_deinit();
}

/* ---- Handlers that run the loop, or leave it by the back door ------------- */

static void record_twice(void *cookie, struct inotify_event *ev)
{
	char name[16];

	record(cookie, ev);
	strcpy(name, ev->name);
	if (strcmp(name, "a") == 0) {
		create("b");
		turns(4);
	}
	CHECK_STR(ev->name, name);
}

/* The event stays what it was, though others are read and handled. */
TEST(a_handler_that_runs_the_loop_keeps_its_event)
{
	struct iv_inotify *in;
	struct iv_inotify_watch *w;

	iv_init();
	in = new_instance();
	w = new_watch(in, tmpdir(), IN_CREATE, "w");
	w->handler = record_twice;
	CHECK_SYS(iv_inotify_watch_register(w));
	create("a");
	turns(4);
	CHECK_STR(seen(), "w:create=a w:create=b ");
	unwatch(w);
	end_instance(in);
	iv_deinit();
}

static void unregister_and_look(void *cookie, struct inotify_event *ev)
{
	struct iv_inotify_watch *w = cookie;

	iv_inotify_unregister(w->inotify);
	CHECK_STR(ev->name, "a");
}

TEST(the_event_outlives_its_instance)
{
	struct iv_inotify *in;
	struct iv_inotify_watch *w;

	iv_init();
	in = new_instance();
	w = new_watch(in, tmpdir(), IN_CREATE, NULL);
	w->handler = unregister_and_look;
	w->cookie = w;
	CHECK_SYS(iv_inotify_watch_register(w));
	create("a");
	create("b");
	turns(4);
	discard(in, sizeof(*in));
	discard(w, sizeof(*w));
	iv_deinit();
}

static jmp_buf outside;

static void jump_out(void *cookie, struct inotify_event *ev)
{
	record(cookie, ev);
	if (strcmp(ev->name, "b") != 0)
		longjmp(outside, 1);
}

static void jump_in(void)
{
	if (setjmp(outside) == 0)
		turns(4);
}

/* What the handler did not live to see comes in the next turn. */
static void jump_about(void *unused)
{
	struct iv_inotify *in;
	struct iv_inotify_watch *w1, *w2;

	(void)unused;
	iv_init();
	in = new_instance();
	w1 = watch(in, tmpdir(), IN_CREATE, "w1");
	w2 = new_watch(in, tmpdir(), IN_CREATE, "w2");
	w2->handler = jump_out;
	CHECK_SYS(iv_inotify_watch_register(w2));
	create("a");
	create("b");
	create("c");
	jump_in();
	jump_in();
	CHECK_STR(seen(), "w2:create=a w1:create=a w2:create=b w1:create=b "
		  "w2:create=c w1:create=c ");
	create("d");
	jump_in();
	unwatch(w2);
	unwatch(w1);
	end_instance(in);
	CHECK_STR(seen(), "w2:create=d ");
	_exit(0);
}

TEST(a_handler_that_does_not_return_loses_no_events)
{
	tmpdir();
	reap_child(fork_child(jump_about, NULL));
}

/* ---- Watches: errors ---------------------------------------------------- */

TEST(watches_that_are_refused)
{
	struct iv_inotify *in;
	struct iv_inotify_watch *w;
	char name[300];

	iv_init();
	in = new_instance();
	create("x");

	w = new_watch(in, path("missing"), IN_CREATE, "w");
	CHECK_ERRNO(iv_inotify_watch_register(w), ENOENT);
	w->pathname = path("x");
	w->mask = IN_CREATE | IN_ONLYDIR;
	CHECK_ERRNO(iv_inotify_watch_register(w), ENOTDIR);
	w->mask = 0;
	CHECK_ERRNO(iv_inotify_watch_register(w), EINVAL);
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	w->mask = IN_CREATE;
	w->pathname = name;
	CHECK_ERRNO(iv_inotify_watch_register(w), ENAMETOOLONG);

	/* Harmless, and it still may be used. */
	iv_inotify_watch_unregister(w);
	w->pathname = tmpdir();
	CHECK_SYS(iv_inotify_watch_register(w));
	create("y");
	CHECK_STR(seen(), "w:create=y ");
	unwatch(w);
	end_instance(in);
	iv_deinit();
}

TEST(a_watch_of_a_closed_instance_is_refused)
{
	struct iv_inotify *in, *other;
	struct iv_inotify_watch *w;

	iv_init();
	in = new_instance();
	iv_inotify_unregister(in);

	/* It has the same descriptor. */
	other = new_instance();
	w = new_watch(in, tmpdir(), IN_CREATE, "w");
	CHECK_ERRNO(iv_inotify_watch_register(w), EBADF);
	CHECK_INT(kernel_watches(inotify_fd()), ==, 0);
	unwatch(w);
	end_instance(other);
	free(in);
	iv_deinit();
}

/* For programs in which IV_INOTIFY_INIT() does nothing. */
TEST(an_instance_that_a_loop_has_left_may_be_registered)
{
	static struct iv_inotify in;
	int fd;

	iv_init();
	CHECK_SYS(iv_inotify_register(&in));
	fd = inotify_fd();
	iv_deinit();
	CHECK_SYS(close(fd));
	iv_init();
	CHECK_SYS(iv_inotify_register(&in));
	iv_inotify_unregister(&in);
	iv_deinit();
}

TEST(unregistering_a_watch_of_garbage_is_harmless)
{
	struct iv_inotify_watch *w;

	iv_init();
	w = garbage(sizeof(*w));
	iv_inotify_watch_unregister(w);
	free(w);
	iv_deinit();
}

/* ---- Threads, stacks, interruptions ------------------------------------- */

struct in_thread {
	struct iv_inotify	*in;
	struct iv_inotify_watch	*w;
	const char	*dir;
	struct tally	t;
};

static void *watch_in_thread(void *cookie)
{
	struct in_thread *it = cookie;

	iv_init();
	it->in = new_instance();
	it->w = new_watch(it->in, it->dir, IN_CREATE, NULL);
	it->w->handler = count_event;
	it->w->cookie = &it->t;
	CHECK_SYS(iv_inotify_watch_register(it->w));
	CHECK_SYS(mkdir(path("in-thread"), 0700));
	iv_main();
	unwatch(it->w);
	end_instance(it->in);
	iv_deinit();
	return NULL;
}

TEST(a_small_stack_is_enough)
{
	struct in_thread it = { NULL, NULL, tmpdir(), { 0, 1 } };
	long least = sysconf(_SC_THREAD_STACK_MIN);	/* aarch64: 131072 */
	size_t size = least > 49152 ? (size_t)least : 49152;
	pthread_attr_t attr;
	pthread_t tid;

	CHECK_INT(pthread_attr_init(&attr), ==, 0);
	CHECK_INT(pthread_attr_setstacksize(&attr, size), ==, 0);
	CHECK_INT(pthread_create(&tid, &attr, watch_in_thread, &it), ==, 0);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	pthread_attr_destroy(&attr);
	CHECK_INT(it.t.calls, ==, 1);
}

static void set_up(void *cookie)
{
	struct in_thread *it = cookie;

	it->in = new_instance();
	it->w = new_watch(it->in, it->dir, IN_CREATE, NULL);
	it->w->handler = count_event;
	it->w->cookie = &it->t;
	CHECK_SYS(iv_inotify_watch_register(it->w));
}

static void tear_down(void *cookie)
{
	struct in_thread *it = cookie;

	turns(4);
	unwatch(it->w);
	end_instance(it->in);
}

TEST(an_instance_in_each_of_four_threads)
{
	struct in_thread it[4];
	struct loop_thread *threads[4];
	char name[16];
	int i;

	for (i = 0; i < 4; i++) {
		it[i] = (struct in_thread) { .dir = tmpdir() };
		threads[i] = loop_thread_start(set_up, tear_down, &it[i]);
	}
	for (i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "%d", i);
		create(name);
	}
	for (i = 0; i < 4; i++) {
		loop_thread_stop(threads[i]);
		CHECK_INT(it[i].t.calls, ==, 500);
	}
}

static void check_read_again(int err)
{
	struct iv_inotify *in;
	struct iv_inotify_watch *w;

	iv_init();
	in = new_instance();
	w = watch(in, tmpdir(), IN_CREATE, "w");
	create("x");
	spy_fail(SPY_READ, 1, 2, err);
	turns(8);
	CHECK_INT(spy_failed(), ==, 2);
	spy_heal();
	CHECK_STR(traced(), "w:create=x ");
	unwatch(w);
	end_instance(in);
	iv_deinit();
}

TEST(reading_is_interrupted)
{
	check_read_again(EINTR);
}

TEST(there_is_nothing_to_read)
{
	check_read_again(EAGAIN);
}

/* ---- Misuse ------------------------------------------------------------- */

FATAL_TEST(reading_fails, "iv_inotify: fd ")
{
	static struct iv_inotify_watch *w;

	iv_init();
	w = watch(new_instance(), tmpdir(), IN_CREATE, "w");
	create("x");
	spy_fail(SPY_READ, 1, 1, EIO);
	turns(4);
	unwatch(w);
}

static void read_another_file(void *_in)
{
	struct iv_inotify *in = _in;
	char lines[64];
	int p[2];

	memset(lines, 'x', sizeof(lines));
	make_pipe(p);
	CHECK_INT(write(p[1], lines, sizeof(lines)), ==, sizeof(lines));
	CHECK_SYS(dup2(p[0], in->fd.fd));
	iv_main();
}

/* The program has closed it: what it reads is anything. */
FATAL_TEST(its_number_is_another_file_s,
	   "what was read is no event; was it closed?")
{
	struct iv_inotify *in;
	int status;

	iv_init();
	in = new_instance();
	watch(in, tmpdir(), IN_CREATE, "d");
	CHECK_SYS(waitpid(fork_child(read_another_file, in), &status, 0));
	CHECK(WIFSIGNALED(status));
	abort();
}

FATAL_TEST(register_without_a_loop, "iv_inotify_register: ")
{
	struct iv_inotify in;

	iv_inotify_register(&in);
}

FATAL_TEST(register_null, "iv_inotify_register: ")
{
	iv_init();
	iv_inotify_register(NULL);
}

FATAL_TEST(unregister_null, "iv_inotify_unregister: ")
{
	iv_init();
	iv_inotify_unregister(NULL);
}

FATAL_TEST(unregister_twice, "iv_inotify_unregister: not registered")
{
	struct iv_inotify *in;

	iv_init();
	in = new_instance();
	iv_inotify_unregister(in);
	iv_inotify_unregister(in);
}

FATAL_TEST(register_twice, " is already registered")
{
	struct iv_inotify *in;

	iv_init();
	in = new_instance();
	iv_inotify_register(in);
}

FATAL_TEST(watch_null, "iv_inotify_watch_register: ")
{
	iv_init();
	iv_inotify_watch_register(NULL);
}

FATAL_TEST(watch_without_a_loop, "iv_inotify_watch_register: ")
{
	struct iv_inotify_watch w;

	iv_inotify_watch_register(&w);
}

FATAL_TEST(watch_without_an_instance, "iv_inotify_watch_register: ")
{
	iv_init();
	iv_inotify_watch_register(new_watch(NULL, "/", IN_CREATE, ""));
}

FATAL_TEST(watch_without_a_handler, "iv_inotify_watch_register: no handler")
{
	struct iv_inotify_watch *w;

	iv_init();
	w = new_watch(new_instance(), "/", IN_CREATE, "");
	w->handler = NULL;
	iv_inotify_watch_register(w);
}

FATAL_TEST(watch_without_a_path, "iv_inotify_watch_register: no pathname")
{
	iv_init();
	iv_inotify_watch_register(new_watch(new_instance(), NULL, IN_CREATE,
					    ""));
}

FATAL_TEST(watch_twice, "iv_inotify_watch_register: already registered")
{
	struct iv_inotify_watch *w;

	iv_init();
	w = watch(new_instance(), "/", IN_CREATE, "");
	iv_inotify_watch_register(w);
}

FATAL_TEST(watch_twice_by_other_paths,
	   "iv_inotify_watch_register: already registered")
{
	struct iv_inotify_watch *w;

	iv_init();
	w = watch(new_instance(), tmpdir(), IN_CREATE, "");
	w->pathname = "/";
	iv_inotify_watch_register(w);
}

FATAL_TEST(watch_twice_in_other_instances,
	   "iv_inotify_watch_register: already registered")
{
	struct iv_inotify_watch *w;

	iv_init();
	w = watch(new_instance(), "/", IN_CREATE, "");
	w->inotify = new_instance();
	iv_inotify_watch_register(w);
}

FATAL_TEST(unwatch_what_never_was,
	   "iv_inotify_watch_unregister: never registered")
{
	static struct iv_inotify_watch w;

	iv_init();
	w.inotify = new_instance();
	iv_inotify_watch_unregister(&w);
}

FATAL_TEST(unwatch_null, "iv_inotify_watch_unregister: ")
{
	iv_init();
	iv_inotify_watch_unregister(NULL);
}
