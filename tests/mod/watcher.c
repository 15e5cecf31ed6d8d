/* SPDX-License-Identifier: MIT */
/*
 * watcher.c - tests of what iv_path and iv_follow have in common: the hints,
 * what they cost, and what happens where there are none.
 */
#include "config.h"
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#endif
#include "harness/spy.h"
#include "mod/file_rig.h"

static void need_hints(void)
{
	if (!hints_possible())
		SKIP("no inotify");
}

static void turns(unsigned n)
{
	quit_after_turns(n);
	iv_main();
}

/* ---- One instance ------------------------------------------------------ */

TEST(one_instance_serves_all)
{
	struct iv_path *p[20];
	char name[32];
	int i, base;

	need_hints();
	rig_start();
	base = marks();
	for (i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "file-%d", i);
		put(name, "");
		p[i] = new_path(at(name), "p");
	}
	CHECK_INT(instances(), ==, 1);

	/* They are in a directory that was watched already. */
	CHECK_INT(marks(), ==, base + 20);
	for (i = 0; i < 20; i++)
		drop_path(p[i]);
	CHECK_INT(marks(), ==, base);
	rig_end();
}

TEST(the_instance_goes_with_the_last_path)
{
	struct iv_path *p;

	need_hints();
	iv_init();
	p = new_path("/", "p");
	CHECK_INT(instances(), ==, 1);
	drop_path(p);
	p = new_path("/", "p");
	CHECK_INT(instances(), ==, 1);
	drop_path(p);
	iv_main();
	CHECK_INT(instances(), ==, 0);
	p = new_path("/", "p");
	CHECK_INT(instances(), ==, 1);
	drop_path(p);
	iv_deinit();
	CHECK_INT(instances(), ==, 0);
}

TEST(marks_are_removed_where_a_way_has_changed)
{
	struct iv_path *p;
	int before;

	need_hints();
	rig_start();
	before = marks();
	p = new_path(at("a/b/file"), "p");
	CHECK_INT(marks(), ==, before);
	make_dir("a");
	make_dir("a/b");
	put("a/b/file", "");
	CHECK_STR(told(), "p:new ");
	CHECK_INT(marks(), ==, before + 3);
	move("a", "z");
	CHECK_STR(told(), "p:gone ");
	CHECK_INT(marks(), ==, before);
	drop_path(p);
	rig_end();
}

TEST(an_idle_loop_sleeps)
{
	struct iv_path *p[100];
	struct iv_timer t;
	char name[32];
	int i;

	need_hints();
	spy_clock_take(1000000000);
	iv_init();
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "file-%d", i);
		if (i % 2)
			put(name, "");
		p[i] = new_path(at(name), "p");
	}
	turns(3);
	timer_after(&t, 3600000, quit_handler, NULL);
	iv_timer_register(&t);
	spy_reset();
	iv_main();
	CHECK_INT(spy_count(SPY_WAIT), <=, 2);
	CHECK_INT(spy_count(SPY_READ), <=, 1);
	for (i = 0; i < 100; i++)
		drop_path(p[i]);
	iv_deinit();
}

static void come_and_go(const char *name)
{
	int i;

	spy_reset();
	for (i = 0; i < 100; i++) {
		put(name, "");
		delete(name);
		turns(2);
	}
}

/* As in /tmp.  (Where the tests are made others are at work, too.) */
TEST(what_comes_and_goes_beside_the_way_is_of_no_concern)
{
	struct iv_path *p;

	need_hints();
	make_dir("busy");
	make_dir("busy/quiet");
	put("busy/quiet/file", "");
	iv_init();
	p = new_path(at("busy/quiet/file"), "p");
	turns(3);
	come_and_go("busy/other");
	CHECK_INT(spy_count(SPY_READ), <, 50);
	move("busy/quiet", "busy/moved");
	until_told();
	CHECK_STR(so_far(), "p:gone ");

	/* Now a new one could come. */
	come_and_go("busy/other");
	CHECK_INT(spy_count(SPY_READ), >=, 50);
	move("busy/moved", "busy/quiet");
	until_told();
	CHECK_STR(so_far(), "p:new ");
	turns(3);
	come_and_go("busy/other");
	CHECK_INT(spy_count(SPY_READ), <, 50);
	drop_path(p);
	iv_main();
	iv_deinit();
}

TEST(a_burst_is_read_at_once)
{
	struct iv_path *p[100];
	char name[32];
	int i;

	need_hints();
	rig_start();
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "file-%d", i);
		put(name, "");
		p[i] = new_path(at(name), "p");
	}
	turns(2);
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "file-%d", i);
		append(name, "text");
	}
	spy_reset();
	turns(4);
	/* One more may be for a timer, or the method's own. */
	CHECK_INT(spy_count(SPY_READ), <=, 2);
	CHECK_INT(strlen(told()), ==, 100 * strlen("p:size "));
	for (i = 0; i < 100; i++)
		drop_path(p[i]);
	rig_end();
}

TEST(a_file_replaced_a_thousand_times)
{
	struct iv_path *p;
	int before, i;

	need_hints();
	time_limit(60);
	rig_start();
	put("file", "");
	p = new_path(at("file"), "p");
	before = marks();
	for (i = 0; i < 1000; i++) {
		replace("file", "text");
		if (i % 3 == 0)
			turns(1);
	}
	told();
	CHECK_INT(marks(), ==, before);
	replace("file", "text");
	CHECK_STR(told(), "p:other ");
	drop_path(p);
	rig_end();
}

TEST(more_hints_than_the_kernel_keeps)
{
	struct iv_path *p;
	int i, fd;

	need_hints();
	rig_start();
	put("file", "");
	p = new_path(at("file"), "p");
	fd = (int)CHECK_SYS(open(at("a"), O_RDWR | O_CREAT, 0600));
	CHECK_SYS(close(fd));
	put("b", "");
	for (i = 0; i < 9000; i++) {
		move("a", "c");
		move("b", "a");
		move("c", "b");
	}
	append("file", "text");
	move("file", "d");
	put("file", "");
	CHECK_STR(told(), "p:other ");
	append("file", "text");
	CHECK_STR(told(), "p:size ");
	drop_path(p);
	rig_end();
}

struct in_thread {
	struct iv_path	path;
	int	told, instances;
};

static void told_in_thread(void *_it, const struct iv_path_info *before,
			   const struct iv_path_info *now)
{
	struct in_thread *it = _it;

	(void)before;
	it->told++;
	it->instances = instances();
	if (now == NULL)
		iv_path_unregister(&it->path);
	else
		delete("in-thread");
}

static void *in_thread(void *_it)
{
	struct in_thread *it = _it;

	iv_init();
	IV_PATH_INIT(&it->path);
	it->path.pathname = strdup(at("in-thread"));
	it->path.cookie = it;
	it->path.handler = told_in_thread;
	set_interval(&it->path.interval);
	CHECK_SYS(iv_path_register(&it->path));
	put("in-thread", "");
	iv_main();
	iv_deinit();
	free((void *)(uintptr_t)it->path.pathname);
	return NULL;
}

/* A loop of its own, with little stack. */
FILE_TEST(each_loop_has_an_instance)
{
	struct in_thread it = { .told = 0 };
	long least = sysconf(_SC_THREAD_STACK_MIN);	/* aarch64: 131072 */
	size_t size = least > 49152 ? (size_t)least : 49152;
	pthread_attr_t attr;
	pthread_t tid;

	rig_start();
	CHECK_INT(pthread_attr_init(&attr), ==, 0);
	CHECK_INT(pthread_attr_setstacksize(&attr, size), ==, 0);
	CHECK_INT(pthread_create(&tid, &attr, in_thread, &it), ==, 0);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	pthread_attr_destroy(&attr);
	CHECK_INT(it.told, ==, 2);
	CHECK_INT(it.instances, ==, 2 * instances_per_loop());
	CHECK_STR(told(), "");
	rig_end();
}

/* ---- At once ----------------------------------------------------------- */

static void check_next(const char *expected)
{
	until_told();
	CHECK_STR(so_far(), expected);
}

/* Also where they may miss something, so that it looks in intervals, too. */
TEST(names_are_told_of_at_once)
{
	struct iv_path p;

	if (!hints_of_some_kind())
		SKIP("no hints");
	iv_init();
	start_path(&p, at("a/b/file"), "p", 0);
	iv_path_unregister(&p);
	p.interval.tv_sec = 3600;
	CHECK_SYS(iv_path_register(&p));
	make_dir("a");
	turns(3);
	make_dir("a/b");
	turns(3);
	put("a/b/file", "");
	check_next("p:new ");
	replace("a/b/file", "");
	check_next("p:other ");
	delete("a/b/file");
	check_next("p:gone ");
	put("a/b/file", "");
	check_next("p:new ");
	move("a", "z");
	check_next("p:gone ");
	move("z", "a");
	check_next("p:new ");
	iv_path_unregister(&p);
	free((void *)(uintptr_t)p.pathname);
	iv_main();
	iv_deinit();
}

/* More directories than descriptors may be taken for; in them are names. */
TEST(many_directories)
{
	struct iv_path *p[100];
	char name[32];
	int i;

	rig_start();
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "dir-%d", i);
		make_dir(name);
		snprintf(name, sizeof(name), "dir-%d/file", i);
		p[i] = new_path(at(name), "p");
	}
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "dir-%d/file", i);
		put(name, "");
	}
	CHECK_INT(strlen(told()), ==, 100 * strlen("p:new "));
	for (i = 0; i < 100; i++)
		drop_path(p[i]);
	rig_end();
}

/* ---- Intervals --------------------------------------------------------- */

#ifdef SYS_inotify_init1
static void check_refused(long nr, int err)
{
	struct iv_path *p;

	deny_syscall(nr, err);
	rig_start();
	p = new_path(at("dir/file"), "p");
	CHECK_STR(told(), "");
	make_dir("dir");
	put("dir/file", "");
	CHECK_STR(told(), "p:new ");
	append("dir/file", "text");
	CHECK_STR(told(), "p:size ");
	drop_path(p);
	rig_end();
}

TEST(the_kernel_has_no_inotify)
{
	check_refused(SYS_inotify_init1, ENOSYS);
}

TEST(a_sandbox_forbids_inotify)
{
	check_refused(SYS_inotify_init1, EPERM);
}

TEST(the_user_has_all_instances)
{
	check_refused(SYS_inotify_init1, EMFILE);
}

TEST(no_memory_for_an_instance)
{
	check_refused(SYS_inotify_init1, ENOMEM);
}

TEST(the_user_has_all_watches)
{
	check_refused(SYS_inotify_add_watch, ENOSPC);
}

TEST(a_sandbox_forbids_watches)
{
	check_refused(SYS_inotify_add_watch, EACCES);
}

TEST(the_poll_method_takes_no_more)
{
	if (strncmp(test_method(), "epoll", 5) != 0)
		SKIP("epoll only");
	check_refused(SYS_epoll_ctl, ENOSPC);
}

/* Statfs(2) refused: then the file system counts as local. */
TEST(the_file_system_is_not_known)
{
	check_refused(SYS_statfs, EPERM);
}
#endif

TEST(hints_come_back_with_resources)
{
	struct iv_path *p;

	need_hints();
	iv_init();
	leave_fds(0);
	p = new_path(at("file"), "p");
	restore_fds();
	CHECK_INT(instances(), ==, 0);
	put("file", "");
	until_told();
	CHECK_INT(instances(), ==, 1);
	drop_path(p);
	iv_deinit();
}

TEST(no_memory_for_the_way)
{
	unsigned nth;

	need_hints();
	rig_start();
	for (nth = 2; ; nth++) {
		struct iv_path *p = malloc(sizeof(*p));
		long blocks = spy_blocks();
		char *name = strdup(at("dir/file"));

		IV_PATH_INIT(p);
		p->pathname = name;
		p->handler = NULL;
		start_path(p, name, "p", 0);
		iv_path_unregister(p);
		spy_fail(SPY_MALLOC, nth, 1000, ENOMEM);
		CHECK_SYS(iv_path_register(p));
		spy_heal();
		if (spy_failed() == 0)
			nth = 0;
		make_dir("dir");
		put("dir/file", "");
		until_told();
		CHECK_STR(told(), "p:new ");
		delete("dir/file");
		remove_dir("dir");
		drop_path(p);
		told();
		free(name);
		(void)blocks;
		if (nth == 0)
			break;
	}
	rig_end();
}

TEST(no_memory_for_a_path)
{
	struct iv_path p;
	long blocks;

	rig_start();
	start_path(&p, "/", "p", 0);
	iv_path_unregister(&p);
	blocks = spy_blocks();
	spy_fail(SPY_MALLOC, 1, 1, ENOMEM);
	CHECK_ERRNO(iv_path_register(&p), ENOMEM);
	spy_heal();
	CHECK_INT(spy_blocks(), ==, blocks);
	CHECK_INT(iv_path_registered(&p), ==, 0);
	free((void *)(uintptr_t)p.pathname);
	rig_end();
}

/* Proc makes no events: a child that has been waited for goes silently. */
TEST(a_file_system_that_says_nothing)
{
	char name[64];
	struct iv_path *p;
	pid_t pid;
	int fds[2];
	char c;

	if (access("/proc/self", F_OK) < 0)
		SKIP("no /proc");
	iv_init();
	make_pipe(fds);
	pid = (pid_t)CHECK_SYS(fork());
	if (pid == 0) {
		close(fds[1]);
		_exit(read(fds[0], &c, 1) != 0);
	}
	snprintf(name, sizeof(name), "/proc/%d", (int)pid);
	p = new_path(name, "p");
	close_pair(fds);
	CHECK_SYS(waitpid(pid, NULL, 0));
	until_told();
	drop_path(p);
	iv_main();
	iv_deinit();
}

#ifdef __linux__
/* In a network of our own, which others do not see. */
static int own_network(void)
{
	make_dir("sys");
	return unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) == 0 &&
	       mount("none", at("sys"), "sysfs", 0, NULL) == 0;
}

/* Until the descriptor is closed. */
static int new_interface(const char *name)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	struct ifreq request;

	memset(&request, 0, sizeof(request));
	strcpy(request.ifr_name, name);
	request.ifr_flags = IFF_TUN | IFF_NO_PI;
	if (fd >= 0 && ioctl(fd, TUNSETIFF, &request) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Nor does sysfs of what the kernel makes. */
TEST(what_the_kernel_makes_in_sysfs)
{
	struct iv_path *p;
	int fd;

	if (!own_network())
		SKIP("may not make a network");
	iv_init();
	p = new_path(at("sys/class/net/ivykis"), "p");
	fd = new_interface("ivykis");
	if (fd < 0)
		SKIP("may not make an interface");
	until_told();
	CHECK_STR(so_far(), "p:new ");
	CHECK_SYS(close(fd));
	until_told();
	CHECK_STR(so_far(), "p:gone ");
	drop_path(p);
	iv_main();
	iv_deinit();
}
#endif

static void check_waits(struct timespec interval, unsigned least,
			unsigned most)
{
	struct iv_path p[50];
	struct iv_timer t;
	int i;

	refuse_hints();
	spy_clock_take(INT64_C(1234567890123));
	iv_init();
	for (i = 0; i < 50; i++) {
		start_path(&p[i], at("file"), "p", 0);
		iv_path_unregister(&p[i]);
		p[i].interval = interval;
		CHECK_SYS(iv_path_register(&p[i]));
		spy_clock_advance(12345);
	}
	timer_after(&t, 10000, quit_handler, NULL);
	iv_timer_register(&t);
	spy_reset();
	iv_main();
	CHECK_INT(spy_count(SPY_WAIT), >=, least);
	CHECK_INT(spy_count(SPY_WAIT), <=, most);
	for (i = 0; i < 50; i++) {
		iv_path_unregister(&p[i]);
		free((void *)(uintptr_t)p[i].pathname);
	}
	iv_deinit();
}

/* Fifty paths, ten seconds: not a wake-up for each of them.  (The queue of
   timers may take a few for one moment, and a clock may go by ticks.) */
TEST(by_default_names_are_looked_at_each_second)
{
	struct timespec interval = { 0, 0 };

	check_waits(interval, 10, 60);
}

TEST(no_interval_is_shorter_than_ten_milliseconds)
{
	struct timespec interval = { 0, 1 };

	check_waits(interval, 400, 6000);
}

TEST(an_interval_of_centuries)
{
	struct timespec interval = { 0, 999999999 };

	interval.tv_sec = sizeof(time_t) > 4 ? (time_t)INT64_MAX : INT32_MAX;
	check_waits(interval, 0, 2);
}

/* ---- Fork -------------------------------------------------------------- */

static struct iv_path *inherited;

static void go_on(void *unused)
{
	(void)unused;
	put("file", "");
	CHECK_STR(told(), "p:new ");
	append("file", "text");
	CHECK_STR(told(), "p:size ");
	drop_path(inherited);
	rig_end();
}

FILE_TEST(a_forked_child_goes_on)
{
	pid_t pid;

	rig_start();
	make_dir("dir");
	inherited = new_path(at("file"), "p");
	pid = fork_child(go_on, NULL);
	reap_child(pid);
	CHECK_STR(told(), "p:new ");
	append("file", "text");
	CHECK_STR(told(), "p:size ");
	drop_path(inherited);
	rig_end();
}

/* What it does with what it has inherited does not concern the parent. */
static void give_up(void *unused)
{
	(void)unused;
	drop_path(inherited);
	drop_path(new_path(at("other"), "q"));
	rig_end();
}

FILE_TEST(a_forked_child_gives_up)
{
	pid_t pid;

	rig_start();
	inherited = new_path(at("file"), "p");
	pid = fork_child(give_up, NULL);
	reap_child(pid);
	put("file", "");
	CHECK_STR(told(), "p:new ");
	drop_path(inherited);
	rig_end();
}

static void begin_anew(void *unused)
{
	struct iv_path *p;

	(void)unused;
	iv_init();
	p = new_path(at("own"), "own");
	put("own", "");
	until_told();
	CHECK_STR(so_far(), "own:new ");
	CHECK_INT(instances(), ==, instances_per_loop());
	drop_path(p);
	iv_deinit();
	CHECK_INT(instances(), ==, 0);
}

/* It has a descriptor of the parent's to close, and no more. */
FILE_TEST(a_forked_child_begins_anew)
{
	pid_t pid;

	rig_start();
	inherited = new_path(at("file"), "p");
	pid = fork_child(begin_anew, NULL);
	reap_child(pid);
	put("file", "");
	CHECK_STR(told(), "p:new ");
	drop_path(inherited);
	rig_end();
}

#define PIPES	4

static int heard;

static void hear(void *_fd)
{
	const struct iv_fd *fd = _fd;
	char c;

	CHECK_INT(read(fd->fd, &c, 1), ==, 1);
	heard++;
}

/* What is not inherited has left its number to others. */
static void use_numbers(void *unused)
{
	struct iv_fd fd[PIPES];
	int fds[PIPES][2], i;

	(void)unused;
	for (i = 0; i < PIPES; i++) {
		make_pipe(fds[i]);
		IV_FD_INIT(&fd[i]);
		fd[i].fd = fds[i][0];
		fd[i].cookie = &fd[i];
		fd[i].handler_in = hear;
		iv_fd_register(&fd[i]);
		CHECK_INT(write(fds[i][1], "x", 1), ==, 1);
	}
	put("file", "");
	CHECK_STR(told(), "p:new ");
	CHECK_INT(heard, ==, PIPES);
	for (i = 0; i < PIPES; i++) {
		iv_fd_unregister(&fd[i]);
		close_pair(fds[i]);
	}
	drop_path(inherited);
	rig_end();
}

FILE_TEST(a_forked_child_has_other_descriptors)
{
	rig_start();
	inherited = new_path(at("file"), "p");
	reap_child(fork_child(use_numbers, NULL));
	CHECK_STR(told(), "p:new ");
	drop_path(inherited);
	rig_end();
}

static pid_t child;

static void fork_inside(void *label, const struct iv_path_info *before,
			const struct iv_path_info *now)
{
	(void)before;
	(void)now;
	say(label, "forks");
	child = (pid_t)CHECK_SYS(fork());
	if (child > 0)
		reap_child(child);
}

/* Amid a batch: the child has the rest of it, and so has the parent. */
TEST(a_handler_forks)
{
	struct iv_path *p, *q;

	rig_start();
	p = new_path(at("file"), "p");
	p->handler = fork_inside;
	put("last", "");
	q = new_path(at("last"), "last");
	put("file", "");
	append("last", "text");
	CHECK_STR(told(), "p:forks last:size ");
	append("last", "text");
	CHECK_STR(told(), "last:size ");
	drop_path(p);
	drop_path(q);
	rig_end();
	if (child == 0)
		_exit(0);
}
