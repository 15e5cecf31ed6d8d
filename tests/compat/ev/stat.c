/* SPDX-License-Identifier: MIT */
/*
 * stat.c - tests of ev_stat.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>
#include "rig.h"

static char path[300];

static const char *name(const char *file)
{
	snprintf(path, sizeof(path), "%s/%s", tmpdir(), file);
	return path;
}

static void append(const char *file, const char *what)
{
	FILE *f = fopen(file, "a");

	CHECK(f != NULL);
	fputs(what, f);
	fclose(f);
}

static void start(struct ev_loop *loop, ev_stat *w, const char *file,
		  double interval)
{
	ev_stat_init(w, say_stat, file, interval);
	LABEL(w, "stat");
	ev_stat_start(loop, w);
	/* What is to come is watched for from the first wait on. */
	ev_run(loop, EVRUN_NOWAIT);
	CHECK_HEARD("");
}

/* Until something was said, in up to five seconds. */
static void await(struct ev_loop *loop)
{
	double start_ = ev_time();
	ev_timer t;

	ev_timer_init(&t, NULL, 0., .02);
	ev_set_cb(&t, say_timer);
	for (;;) {
		const char *text;

		LABEL(&t, "t");
		ev_timer_again(loop, &t);
		ev_run(loop, EVRUN_ONCE);
		text = heard();
		if (strstr(text, "stat(1000)") != NULL)
			break;
		if (ev_time() - start_ > 5.)
			FAIL("no change was noticed");
	}
	ev_timer_stop(loop, &t);
}

TEST(what_is_known_at_the_start)
{
	struct ev_loop *loop = make_loop();
	ev_stat w;

	append(name("file"), "12345");
	start(loop, &w, path, 0.);
	CHECK_INT(w.attr.st_size, ==, 5);
	CHECK_INT(w.attr.st_nlink, ==, 1);
	CHECK(ev_is_active(&w));
	CHECK_INT(ev_run(loop, EVRUN_NOWAIT), ==, 1);
	ev_stat_stop(loop, &w);
	CHECK_INT(ev_run(loop, 0), ==, 0);
	ev_loop_destroy(loop);
}

TEST(growing_and_going)
{
	struct ev_loop *loop = make_loop();
	ev_stat w;

	append(name("file"), "12345");
	start(loop, &w, path, .2);
	append(path, "678");
	await(loop);
	CHECK_INT(w.prev.st_size, ==, 5);
	CHECK_INT(w.attr.st_size, ==, 8);
	CHECK_SYS(unlink(path));
	await(loop);
	CHECK_INT(w.prev.st_nlink, ==, 1);
	CHECK_INT(w.attr.st_nlink, ==, 0);
	append(path, "x");
	await(loop);
	CHECK_INT(w.prev.st_nlink, ==, 0);
	CHECK_INT(w.attr.st_nlink, ==, 1);
	ev_stat_stop(loop, &w);
	ev_loop_destroy(loop);
}

TEST(coming)
{
	struct ev_loop *loop = make_loop();
	ev_stat w;

	start(loop, &w, name("file"), .2);
	CHECK_INT(w.attr.st_nlink, ==, 0);
	append(path, "x");
	await(loop);
	CHECK_INT(w.attr.st_nlink, ==, 1);
	ev_stat_stop(loop, &w);
	ev_loop_destroy(loop);
}

TEST(replaced_by_another)
{
	struct ev_loop *loop = make_loop();
	char other[300];
	ev_stat w;

	append(name("other"), "1234");
	strcpy(other, path);
	append(name("file"), "1");
	start(loop, &w, path, .2);
	CHECK_SYS(rename(other, path));
	await(loop);
	CHECK_INT(w.attr.st_size, ==, 4);
	append(path, "5");
	await(loop);
	while (w.attr.st_size != 5)
		await(loop);
	ev_stat_stop(loop, &w);
	ev_loop_destroy(loop);
}

TEST(a_missing_directory)
{
	struct ev_loop *loop = make_loop();
	char dir[300];
	ev_stat w;

	strcpy(dir, name("dir"));
	start(loop, &w, name("dir/file"), .2);
	CHECK_SYS(mkdir(dir, 0700));
	append(path, "x");
	await(loop);
	CHECK_INT(w.attr.st_nlink, ==, 1);
	ev_stat_stop(loop, &w);
	ev_loop_destroy(loop);
}

TEST(without_hints)
{
	struct ev_loop *loop = ev_loop_new(EVFLAG_NOINOTIFY |
					   flags_of_method());
	ev_stat w;

	CHECK(loop != NULL);
	append(name("file"), "1");
	start(loop, &w, path, .05);
	/* There is a shortest one. */
	CHECK(w.interval > .107);
	append(path, "2");
	await(loop);
	CHECK_INT(w.attr.st_size, ==, 2);
	ev_stat_stop(loop, &w);
	ev_loop_destroy(loop);
}

TEST(stat_now)
{
	struct ev_loop *loop = make_loop();
	ev_stat w;

	append(name("file"), "1");
	ev_stat_init(&w, say_stat, path, 0.);
	ev_stat_stat(loop, &w);
	CHECK_INT(w.attr.st_size, ==, 1);
	append(path, "2");
	ev_stat_stat(loop, &w);
	CHECK_INT(w.attr.st_size, ==, 2);
	ev_stat_init(&w, say_stat, name("nothing"), 0.);
	ev_stat_stat(loop, &w);
	CHECK_INT(w.attr.st_nlink, ==, 0);
	ev_loop_destroy(loop);
}

TEST(a_symbolic_link_itself)
{
	struct ev_loop *loop = make_loop();
	ev_stat w;

	CHECK_SYS(symlink("nowhere", name("link")));
	ev_stat_init(&w, say_stat, path, 0.);
	ev_stat_stat(loop, &w);
	CHECK_INT(w.attr.st_nlink, ==, 1);
	CHECK(S_ISLNK(w.attr.st_mode));
	ev_loop_destroy(loop);
}

TEST(several_for_one_file)
{
	struct ev_loop *loop = make_loop();
	ev_stat a, b;

	append(name("file"), "1");
	start(loop, &a, path, .2);
	start(loop, &b, path, .2);
	append(path, "2");
	while (a.attr.st_size != 2 || b.attr.st_size != 2)
		await(loop);
	ev_stat_stop(loop, &a);
	append(path, "3");
	while (b.attr.st_size != 3)
		await(loop);
	CHECK_INT(a.attr.st_size, ==, 2);
	ev_stat_stop(loop, &b);
	ev_stat_stop(loop, &b);
	CHECK_INT(ev_run(loop, 0), ==, 0);
	ev_loop_destroy(loop);
}

/* What STAT says of the file, each of which is news by itself. */
TEST(each_attribute)
{
	const struct timeval times[2] = { { 100, 0 }, { 200, 0 } };
	struct ev_loop *loop = make_loop();
	char other[300];
	ev_stat w;

	append(name("file"), "1");
	start(loop, &w, path, .2);
	CHECK_SYS(chmod(path, 0400));
	await(loop);
	CHECK_INT(w.attr.st_mode & 0777, ==, 0400);
	strcpy(other, path);
	CHECK_SYS(link(other, name("other")));
	await(loop);
	CHECK_INT(w.attr.st_nlink, ==, 2);
	CHECK_SYS(utimes(other, times));
	await(loop);
	CHECK_INT(w.attr.st_atime, ==, 100);
	CHECK_INT(w.attr.st_mtime, ==, 200);
	if (geteuid() == 0) {
		CHECK_SYS(chown(other, 0, 1));
		await(loop);
		CHECK_INT(w.attr.st_gid, ==, 1);
		CHECK_SYS(chown(other, 1, 1));
		await(loop);
		CHECK_INT(w.attr.st_uid, ==, 1);
	}
	ev_stat_stop(loop, &w);
	ev_loop_destroy(loop);
}

TEST(started_twice)
{
	struct ev_loop *loop = make_loop();
	ev_stat w;

	append(name("file"), "1");
	start(loop, &w, path, .2);
	ev_stat_start(loop, &w);
	CHECK_INT(ev_run(loop, EVRUN_NOWAIT), ==, 1);
	append(path, "2");
	await(loop);
	ev_stat_stop(loop, &w);
	CHECK_INT(ev_run(loop, 0), ==, 0);
	ev_loop_destroy(loop);
}

/* In this directory, in the root, and in none. */
TEST(paths_that_are_not_there)
{
	static const char *const missing[] = {
		"f", "no-such-dir/file", "/no-such-dir/file", "", "/dev/null/file"
	};
	struct ev_loop *loop = make_loop();
	ev_stat w[sizeof(missing) / sizeof(missing[0])];
	int i, n = sizeof(w) / sizeof(w[0]);

	CHECK_SYS(chdir(tmpdir()));
	for (i = 0; i < n; i++) {
		start(loop, &w[i], missing[i], .2);
		CHECK_INT(w[i].attr.st_nlink, ==, 0);
	}
	append("f", "1");
	await(loop);
	CHECK_INT(w[0].attr.st_nlink, ==, 1);
	for (i = 0; i < n; i++)
		ev_stat_stop(loop, &w[i]);
	CHECK_INT(ev_run(loop, 0), ==, 0);
	ev_loop_destroy(loop);
}

/* Not even the program's own directory is there. */
TEST(the_directory_has_gone)
{
	struct ev_loop *loop = make_loop();
	ev_stat w;

	CHECK_SYS(mkdir(name("dir"), 0700));
	CHECK_SYS(chdir(path));
	CHECK_SYS(rmdir(path));
	start(loop, &w, "file", .2);
	CHECK_INT(w.attr.st_nlink, ==, 0);
	ev_stat_stop(loop, &w);
	CHECK_INT(ev_run(loop, 0), ==, 0);
	ev_loop_destroy(loop);
	CHECK_SYS(chdir(tmpdir()));
}

/* No hint can be placed anywhere near: they are looked at every so often. */
TEST(paths_that_cannot_be)
{
	static char long_path[9000];
	struct ev_loop *loop = make_loop();
	ev_stat a, b;

	memset(long_path, 'x', sizeof(long_path) - 1);
	start(loop, &a, long_path, .2);
	CHECK_SYS(symlink(name("loop"), path));
	start(loop, &b, name("loop/file"), .2);
	CHECK_SYS(unlink(name("loop")));
	CHECK_SYS(mkdir(path, 0700));
	append(name("loop/file"), "1");
	await(loop);
	CHECK_INT(b.attr.st_nlink, ==, 1);
	ev_stat_stop(loop, &a);
	ev_stat_stop(loop, &b);
	ev_loop_destroy(loop);
}

TEST(destroyed_with_a_watcher)
{
	struct ev_loop *loop = make_loop();
	ev_stat w;

	append(name("file"), "1");
	start(loop, &w, path, 0.);
	ev_loop_destroy(loop);
}

static struct ev_loop *inherited;

static void watch_on(void *_w)
{
	ev_stat *w = _w;

	ev_loop_fork(inherited);
	ev_run(inherited, EVRUN_NOWAIT);
	heard();
	append(path, "2");
	await(inherited);
	CHECK_INT(w->attr.st_size, ==, 2);
}

TEST(in_a_child)
{
	ev_stat w;

	inherited = make_loop();
	append(name("file"), "1");
	start(inherited, &w, path, .2);
	reap_child(fork_child(watch_on, &w));
	await(inherited);
	CHECK_INT(w.attr.st_size, ==, 2);
	ev_stat_stop(inherited, &w);
	ev_loop_destroy(inherited);
}

#if IS_OURS
static void run_on(void *unused)
{
	(void)unused;
	append(path, "2");
	iterate(inherited, 20, EVRUN_NOWAIT);
}

/* It reads none of its parent's events. */
TEST(in_a_child_that_does_not_say_so)
{
	ev_stat w;

	inherited = make_loop();
	append(name("file"), "1");
	start(inherited, &w, path, .2);
	reap_child(fork_child(run_on, NULL));
	await(inherited);
	CHECK_INT(w.attr.st_size, ==, 2);
	ev_stat_stop(inherited, &w);
	ev_loop_destroy(inherited);
}
#endif

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int waits;

static void release(struct ev_loop *loop)
{
	(void)loop;
	__atomic_store_n(&waits, 1, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&lock);
}

static void acquire(struct ev_loop *loop)
{
	(void)loop;
	pthread_mutex_lock(&lock);
}

static void *run_locked(void *loop)
{
	pthread_mutex_lock(&lock);
	ev_run(loop, 0);
	pthread_mutex_unlock(&lock);
	return NULL;
}

static void leave(struct ev_loop *loop, ev_async *a, int revents)
{
	(void)a;
	(void)revents;
	ev_break(loop, EVBREAK_ALL);
}

TEST(stopped_by_another_thread_during_the_wait)
{
	struct ev_loop *loop = make_loop();
	pthread_t tid;
	ev_async a;
	ev_stat w;

	append(name("file"), "1");
	start(loop, &w, path, 0.);
	ev_async_init(&a, leave);
	ev_async_start(loop, &a);
	ev_set_loop_release_cb(loop, release, acquire);
	CHECK_INT(pthread_create(&tid, NULL, run_locked, loop), ==, 0);
	while (!__atomic_load_n(&waits, __ATOMIC_ACQUIRE))
		sched_yield();
	pthread_mutex_lock(&lock);
	ev_stat_stop(loop, &w);
	memset(&w, 0xa5, sizeof(w));
	append(path, "2");
	ev_async_send(loop, &a);
	pthread_mutex_unlock(&lock);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	ev_set_loop_release_cb(loop, NULL, NULL);
	ev_async_stop(loop, &a);
	CHECK_INT(ev_run(loop, 0), ==, 0);
	CHECK_HEARD("");
	ev_loop_destroy(loop);
}

#if IS_OURS
/* As a file system of the net: the kernel does not tell all. */
TEST(a_file_of_a_system_that_does_not_tell)
{
	struct ev_loop *loop = make_loop();
	ev_stat w;

	if (access("/proc/self/stat", R_OK) < 0)
		SKIP("no /proc");
	ev_stat_init(&w, say_stat, "/proc/self/stat", 0.);
	LABEL(&w, "stat");
	ev_stat_start(loop, &w);
	ev_run(loop, EVRUN_NOWAIT);
	CHECK(ev_is_active(&w.timer));
	ev_stat_stop(loop, &w);
	CHECK(!ev_is_active(&w.timer));
	ev_loop_destroy(loop);
}

TEST(no_descriptor_for_hints)
{
	struct ev_loop *loop = make_loop();
	ev_stat w;

	append(name("file"), "1");
	ev_run(loop, EVRUN_NOWAIT);
	leave_fds(0);
	start(loop, &w, path, .2);
	restore_fds();
	append(path, "2");
	await(loop);
	CHECK_INT(w.attr.st_size, ==, 2);
	ev_stat_stop(loop, &w);
	ev_loop_destroy(loop);
}
#endif
