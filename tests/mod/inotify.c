/* SPDX-License-Identifier: MIT */
/*
 * inotify.c - tests of iv_inotify.
 *
 * The kernel queues an event before the system call that causes it returns,
 * so a few turns of the loop show all that is going to happen.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <iv_inotify.h>
#include "harness/spy.h"
#include "harness/test.h"

/* ---- Helpers ------------------------------------------------------------ */

/* Nothing private may be relied on before an object is registered. */
static void *garbage(size_t size)
{
	void *p = malloc(size);

	CHECK(p != NULL);
	return memset(p, 0xa5, size);
}

/* So that a use after free shows without a sanitizer, too; the compiler must
   not see that nobody reads this. */
static void discard(void *p, size_t size)
{
	memset(p, 0x5a, size);
	__asm__ volatile ("" : : "r" (p) : "memory");
	free(p);
}

static struct iv_inotify *new_instance(void)
{
	struct iv_inotify *in = garbage(sizeof(*in));

	IV_INOTIFY_INIT(in);
	CHECK_SYS(iv_inotify_register(in));
	return in;
}

static void end_instance(struct iv_inotify *in)
{
	iv_inotify_unregister(in);
	discard(in, sizeof(*in));
}

static const struct {
	uint32_t	bit;
	const char	*name;
} event_names[] = {
	{ IN_ACCESS,		"access" },
	{ IN_ATTRIB,		"attrib" },
	{ IN_CREATE,		"create" },
	{ IN_DELETE,		"delete" },
	{ IN_DELETE_SELF,	"delete-self" },
	{ IN_MODIFY,		"modify" },
	{ IN_IGNORED,		"ignored" },
	{ IN_Q_OVERFLOW,	"overflow" },
};

/* Traces "COOKIE:EVENT[=NAME] ". */
static void record(void *cookie, struct inotify_event *ev)
{
	char line[300];
	size_t i, len;

	len = (size_t)snprintf(line, sizeof(line), "%s:", (char *)cookie);
	for (i = 0; i < sizeof(event_names) / sizeof(event_names[0]); i++)
		if (ev->mask & event_names[i].bit)
			len += (size_t)snprintf(line + len,
						sizeof(line) - len, "%s",
						event_names[i].name);
	if (ev->len > 0)
		len += (size_t)snprintf(line + len, sizeof(line) - len, "=%s",
					ev->name);
	snprintf(line + len, sizeof(line) - len, " ");
	trace(line);
}

static struct iv_inotify_watch *
new_watch(struct iv_inotify *in, const char *path, uint32_t mask,
	  const char *label)
{
	struct iv_inotify_watch *w = garbage(sizeof(*w));

	IV_INOTIFY_WATCH_INIT(w);
	w->inotify = in;
	w->pathname = path;
	w->mask = mask;
	w->cookie = (void *)(uintptr_t)label;
	w->handler = record;
	return w;
}

static struct iv_inotify_watch *
watch(struct iv_inotify *in, const char *path, uint32_t mask,
      const char *label)
{
	struct iv_inotify_watch *w = new_watch(in, path, mask, label);

	CHECK_SYS(iv_inotify_watch_register(w));
	return w;
}

static void unwatch(struct iv_inotify_watch *w)
{
	iv_inotify_watch_unregister(w);
	discard(w, sizeof(*w));
}

static const char *path(const char *name)
{
	static char buf[4][4200];
	static unsigned which;
	char *s = buf[which++ % 4];

	snprintf(s, sizeof(buf[0]), "%s/%s", tmpdir(), name);
	return s;
}

static void create(const char *name)
{
	CHECK_SYS(close((int)CHECK_SYS(open(path(name), O_CREAT | O_WRONLY,
					    0600))));
}

static void modify(const char *name)
{
	int fd = (int)CHECK_SYS(open(path(name), O_WRONLY));

	poke(fd);
	CHECK_SYS(close(fd));
}

static void delete(const char *name)
{
	CHECK_SYS(unlink(path(name)));
}

static void turns(unsigned n)
{
	quit_after_turns(n);
	iv_main();
}

/* What the handlers have seen since last time. */
static const char *seen(void)
{
	turns(4);
	return traced();
}

/* The inotify descriptor that was opened last. */
static int inotify_fd(void)
{
	char link[64], target[64];
	int fd, found = -1;

	for (fd = 0; fd < 1000; fd++) {
		ssize_t n;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, target, sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = '\0';
		if (strcmp(target, "anon_inode:inotify") == 0)
			found = fd;
	}
	return found;
}

/* How many inodes the kernel watches for it. */
static int kernel_watches(int fd)
{
	char name[64], line[300];
	FILE *f;
	int n = 0;

	snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
	f = fopen(name, "r");
	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL)
		n += strncmp(line, "inotify wd:", 11) == 0;
	fclose(f);
	return n;
}

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

	iv_init();
	leave_fds(0);
	CHECK_ERRNO(iv_inotify_register(in), EMFILE);
	restore_fds();

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

static void count_no_overflow(void *cookie, struct inotify_event *ev)
{
	CHECK(!(ev->mask & IN_Q_OVERFLOW));
	tally(cookie);
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
	w->handler = count_no_overflow;
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
	struct iv_inotify *in;
	struct iv_inotify_watch *w;

	iv_init();
	in = new_instance();
	iv_inotify_unregister(in);
	w = new_watch(in, tmpdir(), IN_CREATE, "w");
	CHECK_ERRNO(iv_inotify_watch_register(w), EBADF);
	unwatch(w);
	free(in);
	iv_deinit();
}

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
		w[i]->handler = count_no_overflow;
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
	it->w->handler = count_no_overflow;
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
	pthread_attr_t attr;
	pthread_t tid;

	CHECK_INT(pthread_attr_init(&attr), ==, 0);
	CHECK_INT(pthread_attr_setstacksize(&attr, 49152), ==, 0);
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
	it->w->handler = count_no_overflow;
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

FATAL_TEST(unwatch_null, "iv_inotify_watch_unregister: ")
{
	iv_init();
	iv_inotify_watch_unregister(NULL);
}
