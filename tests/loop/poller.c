/* SPDX-License-Identifier: MIT */
/*
 * poller.c - which poll method a process gets, and who may say so.
 */
#include "config.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#ifdef HAVE_GETAUXVAL
#include <sys/auxv.h>
#endif
#ifdef __linux__
#endif
#include <iv_event.h>
#include "poll/lab.h"

static const char *const known[] = {
	"port-timer", "port", "dev_poll", "epoll-timerfd", "epoll", "kqueue",
	"ppoll", "poll"
};

static void exclude(const char *list)
{
	setenv("IV_EXCLUDE_POLL_METHOD", list, 1);
}

/* What a process gets that says nothing; found out in another one. */
static const char *default_method(void)
{
	static char name[64];
	int fds[2];
	pid_t pid;
	ssize_t n;

	make_pipe(fds);
	pid = (pid_t)CHECK_SYS(fork());
	if (pid == 0) {
		unsetenv("IV_EXCLUDE_POLL_METHOD");
		unsetenv("IV_SELECT_POLL_METHOD");
		iv_init();
		snprintf(name, sizeof(name), "%s", iv_poll_method_name());
		CHECK_INT(write(fds[1], name, sizeof(name)), >, 0);
		iv_deinit();
		_exit(0);
	}
	n = read(fds[0], name, sizeof(name));
	CHECK_INT(n, ==, sizeof(name));
	reap_child(pid);
	close_pair(fds);
	return name;
}

/* ---- The name ----------------------------------------------------------------- */

TEST_ONCE(name_is_null_at_first)
{
	CHECK_STR(iv_poll_method_name(), NULL);
}

static void *name_in_thread(void *name)
{
	CHECK_STR(iv_poll_method_name(), name);
	iv_init();
	CHECK_STR(iv_poll_method_name(), name);
	iv_deinit();
	return NULL;
}

TEST(name_is_that_of_the_process_and_stays)
{
	pthread_t tid;

	iv_init();
	CHECK_STR(iv_poll_method_name(), test_method());
	CHECK_INT(pthread_create(&tid, NULL, name_in_thread,
				 text(test_method())), ==, 0);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	iv_deinit();
	CHECK_STR(iv_poll_method_name(), test_method());
}

/* ---- IV_EXCLUDE_POLL_METHOD ------------------------------------------------------ */

/* All but one, with every kind of white space between them. */
TEST(excluded_all_but_one)
{
	static const char space[] = " \t\n\v\f\r";
	char list[400] = " \t ";
	unsigned i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		size_t len = strlen(list);

		if (strcmp(known[i], test_method()) != 0)
			snprintf(list + len, sizeof(list) - len, "%s%c",
				 known[i], space[i % 6]);
	}
	unsetenv("IV_SELECT_POLL_METHOD");
	exclude(list);
	iv_init();
	CHECK_STR(iv_poll_method_name(), test_method());
	loop_works();
	iv_deinit();
}

static void check_excludes_nothing(const char *list)
{
	exclude(list);
	iv_init();
	CHECK_STR(iv_poll_method_name(), default_method());
	iv_deinit();
}

TEST_ONCE(excluded_names_are_exact)
{
	check_excludes_nothing("EPOLL-TIMERFD Epoll-timerfd epoll-timerf "
			       "poll-timerfd epoll-timerfdx epoll-timerfd, "
			       "'epoll-timerfd' epoll_timerfd epoll-timerfd:");
}

TEST_ONCE(excluded_names_may_be_unknown)
{
	check_excludes_nothing("select uring / ; \\ %s %n kqueue\x80\xff");
}

TEST_ONCE(excluded_names_may_be_none)
{
	check_excludes_nothing("");
}

TEST_ONCE(excluded_names_may_be_only_space)
{
	check_excludes_nothing(" \n\t ");
}

TEST_ONCE(excluded_names_may_be_long)
{
	char list[5000];

	memset(list, 'x', sizeof(list));
	list[63] = list[200] = ' ';
	strcpy(list + 263, "epoll-timerfd");
	list[276] = 'y';
	strcpy(list + sizeof(list) - 14, "epoll-timerfd");
	check_excludes_nothing(list);
}

TEST(environment_is_read_once)
{
	iv_init();
	iv_deinit();
	setenv("IV_SELECT_POLL_METHOD", "nonsense", 1);
	exclude(test_method());
	iv_init();
	CHECK_STR(iv_poll_method_name(), test_method());
	iv_deinit();
}

FATAL_TEST_ONCE(all_excluded, "iv_init: no poll method can be used: ")
{
	exclude("port-timer port dev_poll epoll-timerfd epoll kqueue ppoll "
		"poll");
	iv_init();
}

FATAL_TEST_ONCE(excluded_ones_are_listed, "poll (excluded)")
{
	exclude("port-timer port dev_poll epoll-timerfd epoll kqueue ppoll "
		"poll");
	iv_init();
}

#ifdef SYS_epoll_create1
FATAL_TEST_ONCE(unusable_ones_are_listed,
		"epoll (ENOSYS), ppoll (excluded), poll (excluded)")
{
	choose("epoll");
	choose("ppoll");
	unsetenv("IV_SELECT_POLL_METHOD");
	exclude("ppoll poll");
	deny_syscall(SYS_epoll_create1, ENOSYS);
	iv_init();
}

FATAL_TEST_ONCE(selected_one_is_unusable,
		"iv_init: IV_SELECT_POLL_METHOD: \"epoll\" is unusable "
		"(EPERM); available: ")
{
	choose("epoll");
	deny_syscall(SYS_epoll_create1, EPERM);
	iv_init();
}
#endif

/* ---- IV_SELECT_POLL_METHOD --------------------------------------------------------- */

TEST(selected_wins_over_excluded)
{
	exclude(test_method());
	iv_init();
	CHECK_STR(iv_poll_method_name(), test_method());
	iv_deinit();
}

TEST_ONCE(selected_may_be_empty)
{
	setenv("IV_SELECT_POLL_METHOD", "", 1);
	iv_init();
	CHECK_STR(iv_poll_method_name(), default_method());
	iv_deinit();
}

FATAL_TEST_ONCE(selected_one_is_unknown,
		"iv_init: IV_SELECT_POLL_METHOD: \"uring\" is unknown; "
		"available: ")
{
	setenv("IV_SELECT_POLL_METHOD", "uring", 1);
	iv_init();
}

FATAL_TEST_ONCE(selected_one_is_not_exact, "\"poll \" is unknown; available: ")
{
	setenv("IV_SELECT_POLL_METHOD", "poll ", 1);
	iv_init();
}

FATAL_TEST_ONCE(available_ones_are_listed, "poll")
{
	setenv("IV_SELECT_POLL_METHOD", "x", 1);
	iv_init();
}

FATAL_TEST_ONCE(selected_name_is_no_format, "\"%s%n%s%n\" is unknown")
{
	setenv("IV_SELECT_POLL_METHOD", "%s%n%s%n", 1);
	iv_init();
}

/* ---- Raised privileges ----------------------------------------------------------------- */

#ifdef HAVE_GETAUXVAL
/* What the copy of this program found. */
enum { HONOURED = 10, HONOURED_SECURE, IGNORED, IGNORED_SECURE, NOT_RUN };

__attribute__((constructor)) static void secure_child(void)
{
	const char *expect = getenv("IV_TEST_SECURE_CHILD");
	int secure = !!getauxval(AT_SECURE);

	if (expect == NULL)
		return;
	iv_init();
	if (strcmp(iv_poll_method_name(), expect) == 0)
		_exit(IGNORED + secure);
	_exit(HONOURED + secure);
}

static void run_copy(const char *path, const char *expect, const char *var,
		     const char *value)
{
	unsetenv("IV_EXCLUDE_POLL_METHOD");
	unsetenv("IV_SELECT_POLL_METHOD");
	setenv("IV_TEST_SECURE_CHILD", expect, 1);
	setenv(var, value, 1);
	execl(path, path, (char *)NULL);
	_exit(NOT_RUN);
}

static int copy_status(const char *path, const char *var, const char *value)
{
	const char *expect = default_method();
	int status;
	pid_t pid = (pid_t)CHECK_SYS(fork());

	if (pid == 0)
		run_copy(path, expect, var, value);
	CHECK_INT(waitpid(pid, &status, 0), ==, pid);
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void copy_self(const char *path)
{
	char buf[65536];
	int from, to;
	ssize_t n;

	/* Opening the link would give valgrind's own program. */
	n = CHECK_SYS(readlink("/proc/self/exe", buf, sizeof(buf) - 1));
	buf[n] = '\0';
	if (n < 2 || strcmp(buf + n - 2, ".t") != 0)
		SKIP("runs by means of %s", buf);
	from = (int)CHECK_SYS(open(buf, O_RDONLY | O_CLOEXEC));
	to = (int)CHECK_SYS(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755));
	while ((n = CHECK_SYS(read(from, buf, sizeof(buf)))) > 0)
		CHECK_INT(write(to, buf, (size_t)n), ==, n);
	CHECK_SYS(close(from));
	CHECK_SYS(close(to));
}

/* A copy of this program is set-group-id to nobody's group: root can run it
   wherever it is, and the kernel marks the process as privileged. */
static void check_secure(const char *var, const char *value)
{
	char path[4200];
	int status;

	if (geteuid() != 0)
		SKIP("only root can make a set-group-id program");
	if (strcmp(default_method(), "poll") == 0)
		SKIP("poll is the only method here");
	snprintf(path, sizeof(path), "%s/copy", tmpdir());
	copy_self(path);
	status = copy_status(path, var, value);
	if (status == NOT_RUN)
		SKIP("cannot execute %s", path);
	CHECK_INT(status, ==, HONOURED);

	CHECK_SYS(chown(path, (uid_t)-1, 65534));
	CHECK_SYS(chmod(path, 02755));
	status = copy_status(path, var, value);
	if (status == HONOURED)
		SKIP("set-group-id has no effect in %s", tmpdir());
	CHECK_INT(status, ==, IGNORED_SECURE);
}

TEST_ONCE(exclusion_is_ignored_with_raised_privileges)
{
	check_secure("IV_EXCLUDE_POLL_METHOD",
		     "port-timer port dev_poll epoll-timerfd epoll kqueue "
		     "ppoll");
}

TEST_ONCE(selection_is_ignored_with_raised_privileges)
{
	check_secure("IV_SELECT_POLL_METHOD", "poll");
}
#endif

/* ---- Descriptors of a loop ------------------------------------------------------------------ */

#define NUMBERS	64

/* Which descriptors are open; the number of those that were not in BEFORE,
   which are all close-on-exec. */
static unsigned take_numbers(char now[NUMBERS], const char *before)
{
	unsigned n = 0;
	int fd, flags;

	for (fd = 0; fd < NUMBERS; fd++) {
		flags = fcntl(fd, F_GETFD);
		now[fd] = flags >= 0;
		if (flags < 0 || before[fd])
			continue;
		CHECK(flags & FD_CLOEXEC);
		n++;
	}
	return n;
}

TEST(descriptors_of_a_loop)
{
	char before[NUMBERS], after[NUMBERS];
	struct iv_event event;
	unsigned n;
	int fd;

	for (fd = 3; fd < NUMBERS; fd++)
		if (fd_is_open(fd))
			CHECK_SYS(fcntl(fd, F_SETFD, FD_CLOEXEC));
	for (fd = 0; fd < NUMBERS; fd++)
		before[fd] = (char)fd_is_open(fd);
	iv_init();
	n = take_numbers(after, before);
	CHECK_INT(n, ==, strcmp(test_method(), "poll") == 0 ||
			 strcmp(test_method(), "ppoll") == 0 ? 0 :
			 strcmp(test_method(), "kqueue") == 0 ? 2 : 1);

	IV_EVENT_INIT(&event);
	event.handler = never_handler;
	CHECK_SYS(iv_event_register(&event));
	CHECK_INT(take_numbers(after, before), <=, n + 2);
	iv_event_unregister(&event);
	iv_deinit();
	CHECK_INT(take_numbers(after, before), ==, 0);
}

TEST(thousand_loops_one_after_the_other)
{
	struct watch w;
	int fds[2], i;

	make_pipe(fds);
	poke(fds[1]);
	for (i = 0; i < 1000; i++) {
		iv_init();
		watch_start(&w, fds[0], "i");
		turns(1);
		CHECK_STR(watch_seen(&w, 1), "i");
		iv_deinit();
	}
	close_pair(fds);
}

/* ---- No descriptor for the set ---------------------------------------------------------------- */

TEST_ONCE(no_descriptor_for_the_first_set)
{
	choose("epoll");
	choose("ppoll");
	unsetenv("IV_SELECT_POLL_METHOD");
	lab_refuse(LAB_EPOLL_CREATE, EMFILE, ~0U);
	iv_init();
	CHECK_STR(iv_poll_method_name(), "ppoll");
	loop_works();
	iv_deinit();
}

static void *init_only(void *unused)
{
	(void)unused;
	iv_init();
	return NULL;
}

FATAL_TEST_ONCE(no_descriptor_for_the_next_set, "EMFILE")
{
	pthread_t tid;

	choose("epoll");
	iv_init();
	lab_refuse(LAB_EPOLL_CREATE, EMFILE, ~0U);
	CHECK_INT(pthread_create(&tid, NULL, init_only, NULL), ==, 0);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
}

/* ---- No eventfd ---------------------------------------------------------------------------------- */

#ifdef SYS_eventfd2
/* Posts come by a pipe then, which must not keep the loop awake. */
static void check_no_eventfd(int err)
{
	struct iv_event event;
	struct iv_timer timer;

	deny_syscall(SYS_eventfd2, err);
	iv_init();
	loop_works();
	IV_EVENT_INIT(&event);
	event.handler = never_handler;
	CHECK_SYS(iv_event_register(&event));
	lab_reset();
	timer_after(&timer, 30, quit_handler, NULL);
	iv_timer_register(&timer);
	iv_main();
	CHECK_INT(lab_waits(), <=, 4);
	iv_event_unregister(&event);
	loop_works();
	iv_deinit();
}

TEST(eventfd_denied_with_enosys)
{
	check_no_eventfd(ENOSYS);
}

TEST(eventfd_denied_with_eperm)
{
	check_no_eventfd(EPERM);
}

TEST(eventfd_denied_with_einval)
{
	check_no_eventfd(EINVAL);
}

TEST(eventfd_denied_with_eacces)
{
	check_no_eventfd(EACCES);
}

TEST(eventfd_denied_with_eopnotsupp)
{
	check_no_eventfd(EOPNOTSUPP);
}
#endif
