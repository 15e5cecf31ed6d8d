/* SPDX-License-Identifier: MIT */
/*
 * inotify_watch.c - tests of iv_inotify: watches that share an inode, that end
 * by themselves, and that are unregistered and registered in handlers.
 */
#include <stdio.h>
#include <sys/stat.h>
#include "mod/inotify_rig.h"

/* ---- Several watches of one inode --------------------------------------- */

TEST(watches_of_one_inode_get_what_each_wants)
{
	struct iv_inotify *in;
	struct iv_inotify_watch *a, *b, *c;
	int fd;

	iv_init();
	in = new_instance();
	fd = inotify_fd();
	a = watch(in, tmpdir(), IN_CREATE, "a");
	b = watch(in, tmpdir(), IN_DELETE, "b");
	c = watch(in, path("."), IN_CREATE | IN_DELETE, "c");
	CHECK_INT(kernel_watches(fd), ==, 1);
	create("x");
	delete("x");
	CHECK_STR(seen(),
		  "c:create=x a:create=x c:delete=x b:delete=x ");

	/* The kernel still tells of creations, but nobody wants to know. */
	unwatch(a);
	unwatch(c);
	create("x");
	delete("x");
	CHECK_STR(seen(), "b:delete=x ");
	CHECK_INT(kernel_watches(fd), ==, 1);
	unwatch(b);
	CHECK_INT(kernel_watches(fd), ==, 0);
	create("x");
	CHECK_STR(seen(), "");
	end_instance(in);
	iv_deinit();
}

TEST(watches_of_one_file_by_two_names)
{
	struct iv_inotify *in;
	struct iv_inotify_watch *a, *b;

	iv_init();
	in = new_instance();
	create("x");
	CHECK_SYS(link(path("x"), path("hard")));
	CHECK_SYS(symlink("x", path("soft")));
	a = watch(in, path("hard"), IN_MODIFY, "a");
	b = watch(in, path("soft"), IN_MODIFY, "b");
	modify("x");
	CHECK_STR(seen(), "b:modify a:modify ");
	unwatch(a);
	modify("x");
	CHECK_STR(seen(), "b:modify ");
	unwatch(b);
	end_instance(in);
	iv_deinit();
}

TEST(a_thousand_watches_of_few_inodes)
{
	struct tally t = { 0, 0 };
	struct iv_inotify *in;
	struct iv_inotify_watch *w[1000];
	char name[16];
	int i, fd;

	iv_init();
	in = new_instance();
	fd = inotify_fd();
	for (i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "%d", i);
		create(name);
	}
	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "%d", i % 10);
		w[i] = new_watch(in, path(name), IN_MODIFY, NULL);
		w[i]->handler = count_event;
		w[i]->cookie = &t;
		CHECK_SYS(iv_inotify_watch_register(w[i]));
	}
	CHECK_INT(kernel_watches(fd), ==, 10);
	for (i = 0; i < 1000; i++)
		if (i % 10 != 3 || i >= 500)
			unwatch(w[i]);
	CHECK_INT(kernel_watches(fd), ==, 1);
	modify("3");
	modify("4");
	turns(4);
	CHECK_INT(t.calls, ==, 50);
	for (i = 3; i < 500; i += 10)
		unwatch(w[i]);
	CHECK_INT(kernel_watches(fd), ==, 0);
	end_instance(in);
	iv_deinit();
}

#ifdef IN_MASK_CREATE
TEST(mask_create_refuses_a_second_watch)
{
	struct iv_inotify *in;
	struct iv_inotify_watch *a, *b;

	iv_init();
	in = new_instance();
	a = watch(in, tmpdir(), IN_CREATE | IN_MASK_CREATE, "a");
	b = new_watch(in, tmpdir(), IN_DELETE | IN_MASK_CREATE, "b");
	CHECK_ERRNO(iv_inotify_watch_register(b), EEXIST);
	create("x");
	delete("x");
	CHECK_STR(seen(), "a:create=x ");
	unwatch(b);
	unwatch(a);
	end_instance(in);
	iv_deinit();
}
#endif

/* ---- Watches that end by themselves ------------------------------------- */

TEST(a_oneshot_watch_gets_one_event)
{
	struct iv_inotify *in;
	struct iv_inotify_watch *w;
	int fd;

	iv_init();
	in = new_instance();
	fd = inotify_fd();
	w = watch(in, tmpdir(), IN_CREATE | IN_ONESHOT, "w");
	CHECK_INT(kernel_watches(fd), ==, 1);
	create("x");
	create("y");
	CHECK_STR(seen(), "w:create=x ");
	CHECK_INT(kernel_watches(fd), ==, 0);
	create("z");
	CHECK_STR(seen(), "");

	/* Harmless, and it may be registered again. */
	iv_inotify_watch_unregister(w);
	iv_inotify_watch_unregister(w);
	CHECK_SYS(iv_inotify_watch_register(w));
	create("again");
	CHECK_STR(seen(), "w:create=again ");
	unwatch(w);
	end_instance(in);
	iv_deinit();
}

TEST(a_oneshot_watch_does_not_end_its_neighbours)
{
	struct iv_inotify *in;
	struct iv_inotify_watch *a, *b, *c;

	iv_init();
	in = new_instance();
	a = watch(in, tmpdir(), IN_CREATE, "a");
	b = watch(in, tmpdir(), IN_CREATE | IN_DELETE | IN_ONESHOT, "b");
	c = watch(in, tmpdir(), IN_DELETE | IN_ONESHOT, "c");
	create("x");
	create("y");
	CHECK_STR(seen(), "b:create=x a:create=x a:create=y ");
	delete("x");
	delete("y");
	CHECK_STR(seen(), "c:delete=x ");
	create("z");
	CHECK_STR(seen(), "a:create=z ");
	unwatch(c);
	unwatch(b);
	create("last");
	CHECK_STR(seen(), "a:create=last ");
	unwatch(a);
	end_instance(in);
	iv_deinit();
}

static void record_and_free(void *cookie, struct inotify_event *ev)
{
	struct iv_inotify_watch **w = cookie;

	record((void *)(uintptr_t)"w", ev);
	if (*w != NULL)
		unwatch(*w);
	*w = NULL;
}

TEST(a_oneshot_watch_may_be_unregistered_in_its_handler)
{
	struct iv_inotify *in;
	struct iv_inotify_watch *w, *other;

	iv_init();
	in = new_instance();
	other = watch(in, "/", IN_CREATE, "other");
	w = new_watch(in, tmpdir(), IN_CREATE | IN_ONESHOT, NULL);
	w->handler = record_and_free;
	w->cookie = &w;
	CHECK_SYS(iv_inotify_watch_register(w));
	create("x");
	create("y");
	CHECK_STR(seen(), "w:create=x ");
	CHECK_PTR(w, ==, NULL);
	unwatch(other);
	end_instance(in);
	iv_deinit();
}

static void record_and_renew(void *cookie, struct inotify_event *ev)
{
	record((void *)(uintptr_t)"w", ev);
	CHECK_SYS(iv_inotify_watch_register(cookie));
}

TEST(a_oneshot_watch_may_renew_itself)
{
	struct iv_inotify *in;
	struct iv_inotify_watch *w;

	iv_init();
	in = new_instance();
	w = new_watch(in, tmpdir(), IN_CREATE | IN_ONESHOT, NULL);
	w->handler = record_and_renew;
	w->cookie = w;
	CHECK_SYS(iv_inotify_watch_register(w));
	create("x");
	CHECK_STR(seen(), "w:create=x ");
	create("y");
	CHECK_STR(seen(), "w:create=y ");
	unwatch(w);
	end_instance(in);
	iv_deinit();
}

TEST(a_watch_ends_with_its_file)
{
	struct iv_inotify *in;
	struct iv_inotify_watch *a, *b, *other;
	int fd;

	iv_init();
	in = new_instance();
	fd = inotify_fd();
	create("x");
	create("y");
	other = watch(in, path("y"), IN_MODIFY, "other");
	a = watch(in, path("x"), IN_DELETE_SELF, "a");
	b = watch(in, path("x"), IN_MODIFY, "b");
	CHECK_INT(kernel_watches(fd), ==, 2);
	delete("x");
	CHECK_STR(seen(), "a:delete-self b:ignored a:ignored ");

	/* Unregistering is harmless for them and all others. */
	iv_inotify_watch_unregister(a);
	iv_inotify_watch_unregister(b);
	unwatch(a);
	unwatch(b);
	modify("y");
	CHECK_STR(seen(), "other:modify ");
	CHECK_INT(kernel_watches(fd), ==, 1);
	unwatch(other);
	end_instance(in);
	iv_deinit();
}

static void free_when_ignored(void *cookie, struct inotify_event *ev)
{
	record((void *)(uintptr_t)"w", ev);
	if (ev->mask & IN_IGNORED)
		unwatch(*(struct iv_inotify_watch **)cookie);
}

/* As a directory monitor that is told to stop by the last event. */
TEST(a_watch_may_be_unregistered_when_its_directory_is_gone)
{
	struct iv_inotify *in;
	struct iv_inotify_watch *w, *before, *after;

	iv_init();
	in = new_instance();
	CHECK_SYS(mkdir(path("dir"), 0700));
	before = watch(in, "/", IN_CREATE, "before");
	w = new_watch(in, path("dir"), IN_DELETE_SELF | IN_CREATE, NULL);
	w->handler = free_when_ignored;
	w->cookie = &w;
	CHECK_SYS(iv_inotify_watch_register(w));
	after = watch(in, tmpdir(), IN_CREATE, "after");
	create("dir/x");
	delete("dir/x");
	CHECK_SYS(rmdir(path("dir")));
	CHECK_STR(seen(), "w:create=x w:delete-self w:ignored ");
	create("y");
	CHECK_STR(seen(), "after:create=y ");
	unwatch(before);
	unwatch(after);
	end_instance(in);
	iv_deinit();
}

TEST(a_watch_that_ended_may_outlive_its_instance)
{
	struct iv_inotify *in;
	struct iv_inotify_watch *w;

	iv_init();
	in = new_instance();
	create("x");
	w = watch(in, path("x"), IN_MODIFY, "w");
	delete("x");
	CHECK_STR(seen(), "w:ignored ");
	end_instance(in);
	unwatch(w);
	iv_deinit();
}

/* ---- Handlers that unregister and register ------------------------------ */

TEST(a_handler_may_free_its_watch)
{
	struct iv_inotify *in;
	struct iv_inotify_watch *w, *other;

	iv_init();
	in = new_instance();
	w = new_watch(in, tmpdir(), IN_CREATE, NULL);
	w->handler = record_and_free;
	w->cookie = &w;
	CHECK_SYS(iv_inotify_watch_register(w));
	other = watch(in, tmpdir(), IN_CREATE, "other");
	create("x");
	create("y");
	CHECK_STR(seen(), "other:create=x w:create=x other:create=y ");
	unwatch(other);
	end_instance(in);
	iv_deinit();
}

struct hit {
	const char	*label;
	struct iv_inotify_watch	**victim;
};

static void free_victim(void *cookie, struct inotify_event *ev)
{
	struct hit *h = cookie;

	record((void *)(uintptr_t)h->label, ev);
	if (*h->victim != NULL)
		unwatch(*h->victim);
	*h->victim = NULL;
}

/* Each of three watches of one inode frees each. */
TEST(a_handler_may_free_any_watch_of_the_inode)
{
	static const char *labels[3] = { "0", "1", "2" };
	static const char *expected[3][3] = {
		/* Number 2 is called first. */
		{ "2:create=x 1:create=x 0:create=x 2:create=y 1:create=y ",
		  "2:create=x 1:create=x 0:create=x 2:create=y 0:create=y ",
		  "2:create=x 1:create=x 0:create=x 1:create=y 0:create=y " },
		{ "2:create=x 1:create=x 2:create=y 1:create=y ",
		  "2:create=x 1:create=x 0:create=x 2:create=y 0:create=y ",
		  "2:create=x 1:create=x 0:create=x 1:create=y 0:create=y " },
		{ "2:create=x 1:create=x 2:create=y 1:create=y ",
		  "2:create=x 0:create=x 2:create=y 0:create=y ",
		  "2:create=x 1:create=x 0:create=x 1:create=y 0:create=y " },
	};
	struct iv_inotify_watch *w[3];
	struct iv_inotify *in;
	int i, killer, victim;

	iv_init();
	in = new_instance();
	for (killer = 0; killer < 3; killer++) {
		for (victim = 0; victim < 3; victim++) {
			struct hit hit = { labels[killer], &w[victim] };

			for (i = 0; i < 3; i++) {
				w[i] = new_watch(in, tmpdir(), IN_CREATE,
						 labels[i]);
				if (i == killer) {
					w[i]->handler = free_victim;
					w[i]->cookie = &hit;
				}
				CHECK_SYS(iv_inotify_watch_register(w[i]));
			}
			create("x");
			create("y");
			CHECK_STR(seen(), expected[killer][victim]);
			delete("x");
			delete("y");
			for (i = 0; i < 3; i++)
				if (w[i] != NULL)
					unwatch(w[i]);
		}
	}
	end_instance(in);
	iv_deinit();
}

struct family {
	struct iv_inotify	*in;
	struct iv_inotify_watch	*w[2];
};

static void free_all(void *cookie, struct inotify_event *ev)
{
	struct family *f = cookie;

	unwatch(f->w[0]);
	discard(f->w[1], sizeof(*f->w[1]));
	end_instance(f->in);

	/* It is valid during the call. */
	record((void *)(uintptr_t)"w", ev);
}

TEST(a_handler_may_free_the_instance)
{
	struct family f;
	long blocks = spy_blocks();
	int i;

	iv_init();
	f.in = new_instance();
	for (i = 0; i < 2; i++) {
		f.w[i] = new_watch(f.in, tmpdir(), IN_CREATE, NULL);
		f.w[i]->handler = free_all;
		f.w[i]->cookie = &f;
		CHECK_SYS(iv_inotify_watch_register(f.w[i]));
	}
	create("x");
	create("y");

	/* Only the instance kept the loop running. */
	iv_main();
	CHECK_STR(traced(), "w:create=x ");
	iv_deinit();
	CHECK_INT(spy_blocks(), ==, blocks);
}

static void reopen_all(void *cookie, struct inotify_event *ev)
{
	struct family *f = cookie;

	record((void *)(uintptr_t)"w", ev);
	iv_inotify_unregister(f->in);
	CHECK_SYS(iv_inotify_register(f->in));
	CHECK_SYS(iv_inotify_watch_register(f->w[0]));
}

TEST(a_handler_may_reopen_the_instance)
{
	struct family f;

	iv_init();
	f.in = new_instance();
	f.w[0] = new_watch(f.in, tmpdir(), IN_CREATE, NULL);
	f.w[0]->handler = reopen_all;
	f.w[0]->cookie = &f;
	CHECK_SYS(iv_inotify_watch_register(f.w[0]));
	create("x");
	create("y");
	CHECK_STR(seen(), "w:create=x ");
	create("z");
	CHECK_STR(seen(), "w:create=z ");
	unwatch(f.w[0]);
	end_instance(f.in);
	iv_deinit();
}

static void add_watch(void *cookie, struct inotify_event *ev)
{
	struct family *f = cookie;

	record((void *)(uintptr_t)"0", ev);
	if (f->w[1] == NULL)
		f->w[1] = watch(f->in, tmpdir(), IN_CREATE, "1");
}

TEST(a_new_watch_does_not_get_the_event_in_hand)
{
	struct iv_inotify_watch *w;
	struct family f;

	iv_init();
	f.in = new_instance();
	w = watch(f.in, tmpdir(), IN_CREATE, "old");
	f.w[0] = new_watch(f.in, tmpdir(), IN_CREATE, NULL);
	f.w[0]->handler = add_watch;
	f.w[0]->cookie = &f;
	f.w[1] = NULL;
	CHECK_SYS(iv_inotify_watch_register(f.w[0]));
	create("x");
	CHECK_STR(seen(), "0:create=x old:create=x ");
	create("y");
	CHECK_STR(seen(), "1:create=y 0:create=y old:create=y ");
	unwatch(w);
	unwatch(f.w[0]);
	unwatch(f.w[1]);
	end_instance(f.in);
	iv_deinit();
}

static void register_again(void *cookie, struct inotify_event *ev)
{
	struct iv_inotify_watch *w = cookie;

	record((void *)(uintptr_t)"w", ev);
	iv_inotify_watch_unregister(w);
	CHECK_SYS(iv_inotify_watch_register(w));
}

TEST(watches_that_re_register_themselves_are_called_once)
{
	struct iv_inotify_watch *w[2];
	struct iv_inotify *in;
	int i;

	iv_init();
	in = new_instance();
	for (i = 0; i < 2; i++) {
		w[i] = new_watch(in, tmpdir(), IN_CREATE, NULL);
		w[i]->handler = register_again;
		w[i]->cookie = w[i];
		CHECK_SYS(iv_inotify_watch_register(w[i]));
	}
	create("x");
	CHECK_STR(seen(), "w:create=x w:create=x ");
	unwatch(w[0]);
	unwatch(w[1]);
	end_instance(in);
	iv_deinit();
}

static void run_loop(void *cookie, struct inotify_event *ev)
{
	(void)ev;
	create(cookie);
	trace((void *)(uintptr_t)"( ");
	turns(4);
	trace((void *)(uintptr_t)") ");
}

/* Not supported, but it must not do harm. */
TEST(a_handler_that_runs_the_loop)
{
	struct iv_inotify_watch *w[3];
	struct iv_inotify *in;

	iv_init();
	in = new_instance();
	w[0] = watch(in, tmpdir(), IN_CREATE, "0");
	w[1] = new_watch(in, tmpdir(), IN_CREATE | IN_ONESHOT, "inner");
	w[1]->handler = run_loop;
	CHECK_SYS(iv_inotify_watch_register(w[1]));
	w[2] = watch(in, tmpdir(), IN_CREATE, "2");
	create("x");
	create("y");
	CHECK_STR(seen(), "2:create=x ( 0:create=x 2:create=y 0:create=y "
		  "2:create=inner 0:create=inner ) ");
	unwatch(w[0]);
	unwatch(w[1]);
	w[0] = watch(in, tmpdir(), IN_CREATE, "0");
	create("z");
	CHECK_STR(seen(), "0:create=z 2:create=z ");
	unwatch(w[0]);
	unwatch(w[2]);
	end_instance(in);
	iv_deinit();
}

TEST(a_handler_that_runs_the_loop_at_the_last_event)
{
	struct iv_inotify_watch *w[3];
	struct iv_inotify *in;

	iv_init();
	in = new_instance();
	w[0] = watch(in, tmpdir(), IN_CREATE, "0");
	w[1] = new_watch(in, tmpdir(), IN_CREATE | IN_ONESHOT, "inner");
	w[1]->handler = run_loop;
	CHECK_SYS(iv_inotify_watch_register(w[1]));
	w[2] = watch(in, tmpdir(), IN_CREATE, "2");
	create("x");
	CHECK_STR(seen(), "2:create=x ( 0:create=x 2:create=inner "
		  "0:create=inner ) ");
	unwatch(w[0]);
	unwatch(w[1]);
	unwatch(w[2]);
	end_instance(in);
	iv_deinit();
}

/* The inner call frees the instance under the outer one. */
TEST(a_handler_that_runs_the_loop_until_the_instance_is_gone)
{
	struct iv_inotify_watch *w;
	struct family f;
	long blocks = spy_blocks();

	iv_init();
	f.in = new_instance();
	f.w[0] = new_watch(f.in, tmpdir(), IN_DELETE, NULL);
	f.w[0]->handler = free_all;
	f.w[0]->cookie = &f;
	CHECK_SYS(iv_inotify_watch_register(f.w[0]));
	f.w[1] = watch(f.in, "/", IN_CREATE, "/");
	w = new_watch(f.in, tmpdir(), IN_CREATE | IN_ONESHOT, "inner");
	w->handler = run_loop;
	CHECK_SYS(iv_inotify_watch_register(w));
	create("x");
	delete("x");
	CHECK_STR(seen(), "( w:delete=x ) ");
	free(w);
	iv_deinit();
	CHECK_INT(spy_blocks(), ==, blocks);
}

/* ---- Forks -------------------------------------------------------------- */

static struct iv_inotify *shared;
static struct iv_inotify_watch *shared_watch;

static void unregister_in_child(void *unused)
{
	(void)unused;
	unwatch(shared_watch);
	end_instance(shared);
	iv_main();
	iv_deinit();
}

/* The instance is the parent's as well. */
TEST(unregistered_in_a_forked_child)
{
	iv_init();
	shared = new_instance();
	shared_watch = watch(shared, tmpdir(), IN_CREATE, "w");
	reap_child(fork_child(unregister_in_child, NULL));
	CHECK_INT(kernel_watches(inotify_fd()), ==, 1);
	create("x");
	CHECK_STR(seen(), "w:create=x ");
	unwatch(shared_watch);
	end_instance(shared);
	iv_deinit();
}

static void begin_anew(void *unused)
{
	long blocks = spy_blocks();

	(void)unused;
	iv_init();
	CHECK_INT(inotify_fd(), ==, -1);
	iv_deinit();
	CHECK_INT(spy_blocks(), <, blocks);
}

TEST(abandoned_in_a_forked_child)
{
	iv_init();
	shared = new_instance();
	shared_watch = watch(shared, tmpdir(), IN_CREATE, "w");
	reap_child(fork_child(begin_anew, NULL));
	create("x");
	CHECK_STR(seen(), "w:create=x ");
	unwatch(shared_watch);
	end_instance(shared);
	iv_deinit();
}
