/* SPDX-License-Identifier: MIT */
/*
 * dump.c - what iv_dump() says of each kind of object.
 */
#include "config.h"
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include <iv_alarm.h>
#include <iv_event.h>
#include <iv_follow.h>
#include <iv_hook.h>
#ifdef HAVE_INOTIFY
#include <iv_inotify.h>
#endif
#include <iv_inspect.h>
#include <iv_loop.h>
#include <iv_path.h>
#include <iv_signal.h>
#include <iv_thread.h>
#include <iv_wait.h>
#include <iv_work.h>
#include "harness/test.h"

/* ---- Helpers --------------------------------------------------------------- */

static char text[65536];

/* What is said now, in `text'. */
static void dump(void)
{
	char name[256];
	ssize_t n;
	int fd;

	snprintf(name, sizeof(name), "%s/dump", tmpdir());
	fd = (int)CHECK_SYS(open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
				 0600));
	iv_dump(fd);
	n = (ssize_t)CHECK_SYS(pread(fd, text, sizeof(text) - 1, 0));
	text[n] = '\0';
	close(fd);
}

static void says(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void says(const char *fmt, ...)
{
	char wanted[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(wanted, sizeof(wanted), fmt, ap);
	va_end(ap);
	if (strstr(text, wanted) == NULL)
		FAIL("\"%s\" is not in \"%s\"", wanted, text);
}

static void says_not(const char *unwanted)
{
	if (strstr(text, unwanted) != NULL)
		FAIL("\"%s\" is in \"%s\"", unwanted, text);
}

static struct iv_fd fd;
static struct iv_timer timer;
static struct iv_task task;
static struct iv_event event;
static struct iv_hook hook;
static int fds[2], cookie;

static void watch(void)
{
	make_pipe(fds);
	IV_FD_INIT(&fd);
	fd.fd = fds[0];
	fd.handler_in = tally;
	fd.cookie = &cookie;
	iv_fd_register(&fd);
}

static void unwatch(void)
{
	iv_fd_unregister(&fd);
	close_pair(fds);
}

/* ---- The loop ---------------------------------------------------------------- */

TEST_ONCE(without_a_loop_it_says_so)
{
	dump();
	says("this thread has no loop\n");
}

TEST(a_loop_without_anything)
{
	iv_init();
	errno = ENOENT;
	dump();
	CHECK_INT(errno, ==, ENOENT);
	says("ivykis %s: loop %p, %s, thread %lu, 0 turns, 0 waits\n",
	     iv_version(), (void *)iv_loop_self(), iv_poll_method_name(),
	     iv_get_thread_id());
	says("kept running by 0: 0 iv_fd, 0 iv_timer, 0 iv_task, 0 iv_event, "
	     "0 iv_hook, 0 iv_ref\n");
	iv_deinit();
}

TEST(what_keeps_it_running)
{
	iv_init();
	watch();
	timer_after(&timer, 1000, never_handler, NULL);
	iv_timer_register(&timer);
	IV_HOOK_INIT(&hook);
	hook.point = IV_HOOK_IDLE;
	hook.handler = never_handler;
	iv_hook_register(&hook);
	iv_ref();
	iv_ref();
	dump();
	says("kept running by 5: 1 iv_fd, 1 iv_timer, 0 iv_task, 0 iv_event, "
	     "1 iv_hook, 2 iv_ref\n");
	iv_unref();
	iv_unref();
	iv_hook_unregister(&hook);
	iv_timer_unregister(&timer);
	unwatch();
	iv_deinit();
}

static int turns;

static void dump_the_spin(void *unused)
{
	(void)unused;
	if (++turns < 1000)
		return;
	dump();
	says("no progress for ");
	says(" turns: iv_fd %p (fd %d) alone was ready\n", (void *)&fd, fd.fd);
	iv_quit();
}

TEST(no_progress)
{
	iv_init();
	watch();
	poke(fds[1]);
	fd.handler_in = dump_the_spin;
	iv_main();
	unwatch();
	iv_deinit();
}

static struct iv_signal asked;

static void look_and_quit(void *unused)
{
	(void)unused;
	dump();
	says("no progress for ");
	says(" turns: iv_fd %p (fd %d) alone was ready\n", (void *)&fd, fd.fd);
	iv_quit();
}

static void ask_for_it(void *unused)
{
	(void)unused;
	if (++turns == 1000)
		raise(SIGUSR1);
}

/* Who asks is ready as well, and may come first. */
TEST(no_progress_seen_by_a_signal)
{
	iv_init();
	IV_SIGNAL_INIT(&asked);
	asked.signum = SIGUSR1;
	asked.handler = look_and_quit;
	CHECK_INT(iv_signal_register(&asked), ==, 0);
	watch();
	poke(fds[1]);
	fd.handler_in = ask_for_it;
	iv_main();
	iv_signal_unregister(&asked);
	unwatch();
	iv_deinit();
}

static void quit_and_dump(void *unused)
{
	(void)unused;
	dump();
	says_not("iv_quit()");
	iv_quit();
	dump();
	says("iv_quit() was called\n");
}

TEST(it_is_about_to_leave)
{
	iv_init();
	IV_TASK_INIT(&task);
	task.handler = quit_and_dump;
	iv_task_register(&task);
	iv_main();
	iv_deinit();
}

/* ---- The core's objects ---------------------------------------------------------- */

TEST(a_descriptor)
{
	iv_init();
	watch();
	dump();
	says("iv_fd %p: fd %d, in ", (void *)&fd, fd.fd);
	says(", cookie %p\n", (void *)&cookie);
	says_not(", out ");
	says_not("suspended");
	iv_fd_set_handler_in(&fd, NULL);
	dump();
	says("iv_fd %p: fd %d, no handlers, cookie", (void *)&fd, fd.fd);
	iv_fd_set_handler_out(&fd, tally);
	iv_fd_set_handler_err(&fd, tally);
	iv_fd_suspend(&fd);
	dump();
	says(", out ");
	says(", err ");
	says(", suspended, cookie");
	unwatch();
	iv_deinit();
}

TEST(its_flags)
{
	iv_init();
	make_pipe(fds);
	IV_FD_INIT(&fd);
	fd.fd = fds[0];
	fd.handler_in = tally;
	iv_fd_set_flags(&fd, IV_FD_RAW | IV_FD_NOREF);
	iv_fd_register(&fd);
	dump();
	says("kept running by 0: 0 iv_fd");
	says(", flags RAW NOREF, cookie");
	unwatch();
	iv_deinit();
}

static void dump_the_rest(void *unused)
{
	(void)unused;
	dump();
	says(", ready out, flags EDGE, cookie");
	iv_quit();
}

TEST(what_it_is_ready_for)
{
	iv_init();
	make_socketpair(fds);
	poke(fds[1]);
	IV_FD_INIT(&fd);
	fd.fd = fds[0];
	fd.handler_in = dump_the_rest;
	fd.handler_out = tally;
	fd.cookie = &(struct tally){ .quit_at = 1 };
	iv_fd_set_flags(&fd, IV_FD_EDGE);
	iv_fd_register(&fd);
	iv_main();
	unwatch();
	iv_deinit();
}

/* It knows files, not only their numbers. */
static void only_with_epoll(void)
{
	if (strncmp(test_method(), "epoll", 5) != 0)
		SKIP("%s is not told of files", test_method());
}

/* Its number is another file's now, which is known when that is registered. */
TEST(one_that_was_closed_too_early)
{
	struct iv_fd next;
	int more[2];

	only_with_epoll();
	iv_init();
	watch();
	iv_run(IV_RUN_NOWAIT);
	close(fds[0]);
	make_pipe(more);
	CHECK_INT(more[0], ==, fds[0]);
	dump();
	says_not("closed before");
	IV_FD_INIT(&next);
	next.fd = more[0];
	next.handler_in = tally;
	iv_fd_register(&next);
	dump();
	says("iv_fd: 1 closed before iv_fd_unregister()\n");
	says("iv_fd %p: fd %d, in ", (void *)&next, next.fd);
	iv_fd_unregister(&fd);
	dump();
	says_not("closed before");
	iv_fd_unregister(&next);
	close_pair(more);
	close(fds[1]);
	iv_deinit();
}

static void dump_the_refused(void *unused)
{
	(void)unused;
	dump();
	says(", refused by the kernel");
	iv_quit();
}

/* It was a pipe when it was registered, and is a file when epoll is told. */
TEST(one_that_was_refused)
{
	int file;

	only_with_epoll();
	file = (int)CHECK_SYS(open(in_tmpdir("file"), O_CREAT | O_RDWR |
				   O_CLOEXEC, 0600));
	iv_init();
	watch();
	fd.handler_in = dump_the_refused;
	CHECK_SYS(dup2(file, fds[0]));
	CHECK_SYS(close(file));
	iv_main();
	unwatch();
	iv_deinit();
}

/* It is the library's own. */
TEST(no_channel)
{
	iv_init();
	IV_EVENT_INIT(&event);
	event.handler = never_handler;
	iv_event_register(&event);
	dump();
	says_not("iv_fd 0x");
	says("iv_event: 1 registered\n");
	iv_event_unregister(&event);
	iv_deinit();
}

TEST(timers_and_how_long_they_have)
{
	struct iv_timer due;

	iv_init();
	timer_after(&timer, 3600000, never_handler, NULL);
	timer.cookie = &cookie;
	iv_timer_register(&timer);
	IV_TIMER_INIT(&due);
	due.expires = iv_now;
	due.expires.tv_sec -= 7200;
	due.handler = never_handler;
	iv_timer_register(&due);
	dump();
	says("iv_timer %p: in 3", (void *)&timer);
	says(", cookie %p\n", (void *)&cookie);
	says("iv_timer %p: late by 72", (void *)&due);
	iv_timer_unregister(&timer);
	iv_timer_unregister(&due);
	iv_deinit();
}

TEST(a_task)
{
	iv_init();
	IV_TASK_INIT(&task);
	task.handler = never_handler;
	task.cookie = &cookie;
	iv_task_register(&task);
	dump();
	says("iv_task %p: ", (void *)&task);
	iv_task_unregister(&task);
	iv_deinit();
}

static void drop_event(void *unused)
{
	(void)unused;
	iv_event_unregister(&event);
}

TEST(posts_and_calls)
{
	struct tally called = { .calls = 0 };
	struct iv_call call;

	iv_init();
	IV_EVENT_INIT(&event);
	event.handler = drop_event;
	iv_event_register(&event);
	IV_CALL_INIT(&call);
	call.handler = tally;
	call.cookie = &called;
	iv_event_post(&event);
	CHECK_INT(iv_loop_call(iv_loop_self(), &call), ==, 0);
	dump();
	says("iv_event %p: posted, ", (void *)&event);
	says("iv_call %p: ", (void *)&call);
	says("kept running by 1: 0 iv_fd, 0 iv_timer, 0 iv_task, 1 iv_event, ");
	says_not("iv_task 0x");
	iv_main();
	CHECK_INT(called.calls, ==, 1);
	dump();
	says_not("iv_event 0x");
	says_not("iv_call");
	iv_deinit();
}

static void dump_and_drop_both(void *_events)
{
	struct iv_event *events = _events;

	dump();
	says("iv_event %p: posted, ", (void *)&events[1]);
	says_not("iv_call");
	iv_event_unregister(&events[0]);
	iv_event_unregister(&events[1]);
}

/* What one of those that are being called sees of the others. */
TEST(posts_that_are_on_their_way)
{
	struct iv_event events[2];
	int i;

	iv_init();
	for (i = 0; i < 2; i++) {
		IV_EVENT_INIT(&events[i]);
		events[i].cookie = events;
		events[i].handler = i == 0 ? dump_and_drop_both : never_handler;
		CHECK_INT(iv_event_register(&events[i]), ==, 0);
	}
	iv_event_post(&events[0]);
	iv_event_post(&events[1]);
	iv_main();
	iv_deinit();
}

TEST(a_hook)
{
	iv_init();
	IV_HOOK_INIT(&hook);
	hook.point = IV_HOOK_PREPARE;
	hook.handler = never_handler;
	iv_hook_register(&hook);
	dump();
	says("iv_hook %p: IV_HOOK_PREPARE, ", (void *)&hook);
	iv_hook_unregister(&hook);
	iv_deinit();
}

/* ---- Those of modules ---------------------------------------------------------- */

static struct iv_signal sig;
static struct iv_wait_interest child;
static struct iv_wait_any any;
static struct iv_alarm alarm_;
static struct iv_path path;
static struct iv_work_pool pool;

static void path_changed(void *unused, const struct iv_path_info *before,
			 const struct iv_path_info *now)
{
	(void)unused;
	(void)before;
	(void)now;
}

static void child_changed(void *unused, pid_t pid, int status,
			  const struct rusage *usage)
{
	(void)unused;
	(void)pid;
	(void)status;
	(void)usage;
}

static void interest_changed(void *unused, int status,
			     const struct rusage *usage)
{
	(void)status;
	(void)usage;
	dump();
	says("iv_wait_interest %p: process %ld, ended, ", (void *)&child,
	     (long)child.pid);
	iv_wait_interest_unregister(&child);
	(void)unused;
}

TEST(a_signal)
{
	iv_init();
	IV_SIGNAL_INIT(&sig);
	sig.signum = SIGUSR1;
	sig.handler = never_handler;
	CHECK_INT(iv_signal_register(&sig), ==, 0);
	dump();
	says("iv_signal %p: signal %d, ", (void *)&sig, SIGUSR1);
	iv_signal_unregister(&sig);
	iv_deinit();
}

static void wait_for_the_end(void *_fds)
{
	char byte;

	close(((int *)_fds)[1]);
	CHECK_INT(read(((int *)_fds)[0], &byte, 1), ==, 0);
}

TEST(a_child)
{
	iv_init();
	make_pipe(fds);
	IV_WAIT_INTEREST_INIT(&child);
	child.handler = interest_changed;
	CHECK_INT(iv_wait_interest_register_spawn(&child, wait_for_the_end,
						  fds), ==, 0);
	dump();
	says("iv_wait_interest %p: process %ld, ", (void *)&child,
	     (long)child.pid);
	close_pair(fds);
	iv_main();
	dump();
	says_not("iv_wait_interest");
	iv_deinit();
}

TEST(whoever_nobody_waits_for)
{
	iv_init();
	IV_WAIT_ANY_INIT(&any);
	any.handler = child_changed;
	CHECK_INT(iv_wait_any_register(&any), ==, 0);
	dump();
	says("iv_wait_any %p: ", (void *)&any);
	iv_wait_any_unregister(&any);
	dump();
	says_not("iv_wait_any");
	iv_deinit();
}

TEST(an_alarm)
{
	iv_init();
	IV_ALARM_INIT(&alarm_);
	alarm_.at.tv_sec = 2000000000;
	alarm_.handler = never_handler;
	CHECK_INT(iv_alarm_register(&alarm_), ==, 0);
	dump();
	says("iv_alarm %p: at 2000000000 s of clock 0, ", (void *)&alarm_);
	iv_alarm_unregister(&alarm_);
	iv_deinit();
}

TEST(a_path)
{
	iv_init();
	IV_PATH_INIT(&path);
	path.pathname = "/no/such/name";
	path.handler = path_changed;
	CHECK_INT(iv_path_register(&path), ==, 0);
	dump();
	says("iv_path: \"/no/such/name\"\n");
	iv_path_unregister(&path);
	iv_deinit();
}

static void file_changed(void *unused, unsigned what)
{
	(void)unused;
	(void)what;
}

TEST(a_follower)
{
	struct iv_follow follow;

	iv_init();
	IV_FOLLOW_INIT(&follow);
	follow.pathname = "/no/such/name";
	follow.handler = file_changed;
	CHECK_INT(iv_follow_register(&follow), ==, 0);
	dump();
	says("iv_follow: \"/no/such/name\"\n");
	iv_follow_set_handler(&follow, NULL);
	iv_run(IV_RUN_NOWAIT);
	dump();
	says("iv_follow: \"/no/such/name\", suspended\n");
	iv_follow_set_handler(&follow, file_changed);
	dump();
	says("iv_follow: \"/no/such/name\"\n");
	iv_follow_unregister(&follow);
	iv_deinit();
}

#ifdef HAVE_INOTIFY
static void something_happened(void *unused, struct inotify_event *event_)
{
	(void)unused;
	(void)event_;
}

TEST(an_inotify_watch)
{
	struct iv_inotify_watch w;
	struct iv_inotify in;

	iv_init();
	IV_INOTIFY_INIT(&in);
	CHECK_INT(iv_inotify_register(&in), ==, 0);
	IV_INOTIFY_WATCH_INIT(&w);
	w.inotify = &in;
	w.pathname = "/";
	w.mask = IN_ATTRIB;
	w.handler = something_happened;
	w.cookie = &cookie;
	CHECK_INT(iv_inotify_watch_register(&w), ==, 0);
	dump();
	says("iv_inotify_watch %p: wd %d, mask 0x%x, ", (void *)&w, w.wd,
	     IN_ATTRIB);
	says(", cookie %p\n", (void *)&cookie);
	iv_inotify_watch_unregister(&w);
	dump();
	says_not("iv_inotify_watch");
	iv_inotify_unregister(&in);
	iv_deinit();
}
#endif

TEST(a_line_that_is_too_long_ends_nevertheless)
{
	char name[3000];
	size_t i;

	for (i = 0; i < sizeof(name) - 1; i++)
		name[i] = i % 100 == 0 ? '/' : 'x';
	name[i] = '\0';
	iv_init();
	IV_PATH_INIT(&path);
	path.pathname = name;
	path.handler = path_changed;
	CHECK_INT(iv_path_register(&path), ==, 0);
	dump();
	says("xxx...\n");
	CHECK_INT(text[strlen(text) - 1], ==, '\n');
	iv_path_unregister(&path);
	iv_deinit();
}

static void thread_body(void *unused)
{
	(void)unused;
}

TEST(a_thread)
{
	iv_init();
	CHECK_INT(iv_thread_create("worker bee", thread_body, NULL), ==, 0);
	dump();
	says(": \"worker bee\", ");
	iv_main();
	dump();
	says_not("worker bee");
	iv_deinit();
}

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void wait_at_the_gate(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
}

static void nothing(void *unused)
{
	(void)unused;
}

static int completed;

static void count_completed(void *unused)
{
	(void)unused;
	completed++;
}

/* One at work, or about to be, and the others behind it. */
TEST(a_pool)
{
	struct iv_work_item items[3];
	struct iv_work_stats stats;
	int i;

	iv_init();
	IV_WORK_POOL_INIT(&pool);
	pool.max_threads = 1;
	CHECK_INT(iv_work_pool_create(&pool), ==, 0);
	pthread_mutex_lock(&gate);
	for (i = 0; i < 3; i++) {
		IV_WORK_ITEM_INIT(&items[i]);
		items[i].work = i == 0 ? wait_at_the_gate : nothing;
		items[i].completion = count_completed;
		iv_work_pool_submit_work(&pool, &items[i]);
	}
	do {
		iv_run(IV_RUN_NOWAIT);
		iv_work_pool_stats(&pool, &stats, sizeof(stats));
	} while (stats.running == 0);
	dump();
	says("iv_work_pool %p: 2 queued, 1 running, 0 done, 1 of 1 threads, "
	     "longest wait ", (void *)&pool);
	pthread_mutex_unlock(&gate);
	while (completed < 3)
		iv_run(IV_RUN_ONCE);
	dump();
	says("iv_work_pool %p: 0 queued, 0 running, 3 done, 1 of 1 threads, ",
	     (void *)&pool);
	iv_work_pool_put(&pool);
	iv_main();
	iv_deinit();
}

/* ---- Where it goes ------------------------------------------------------------- */

static void *read_slowly(void *unused)
{
	size_t n = 0;
	char byte;

	(void)unused;
	while (read(fds[0], &byte, 1) == 1)
		n++;
	return (void *)n;
}

/* A pipe takes it in parts. */
TEST_ONCE(all_of_it_is_written)
{
	static struct iv_timer many[2000];
	pthread_t tid;
	void *n;
	int i;

	iv_init();
	make_pipe(fds);
	for (i = 0; i < 2000; i++) {
		timer_after(&many[i], 100000, never_handler, NULL);
		iv_timer_register(&many[i]);
	}
	CHECK_INT(pthread_create(&tid, NULL, read_slowly, NULL), ==, 0);
	iv_dump(fds[1]);
	close(fds[1]);
	CHECK_INT(pthread_join(tid, &n), ==, 0);
	CHECK_INT((size_t)n, >, 2000 * 60);
	for (i = 0; i < 2000; i++)
		iv_timer_unregister(&many[i]);
	close(fds[0]);
	iv_deinit();
}

TEST_ONCE(a_descriptor_that_is_closed_is_no_harm)
{
	iv_init();
	watch();
	iv_dump(-1);
	unwatch();
	iv_deinit();
}
