/* SPDX-License-Identifier: MIT */
/*
 * fd.c - descriptors: registering, order of the handlers, lifetime.
 */
#include "config.h"
#include <fcntl.h>
#include <stdlib.h>
#include "poll/lab.h"

/* A descriptor that is ready in all three bands. */
static int hung_up(void)
{
	int fds[2];

	make_socketpair(fds);
	CHECK_SYS(close(fds[1]));
	return fds[0];
}

/* One that is not ready in any. */
static int quiet(int fds[2])
{
	make_socketpair(fds);
	fill(fds[0]);
	return fds[0];
}

/* ---- Registering -------------------------------------------------------- */

TEST_ONCE(init_sets_all_but_the_cookie)
{
	struct iv_fd fd;
	int x;

	memset(&fd, 0xa5, sizeof(fd));
	fd.cookie = &x;
	IV_FD_INIT(&fd);
	CHECK_INT(fd.fd, ==, -1);
	CHECK(fd.handler_in == NULL);
	CHECK(fd.handler_out == NULL);
	CHECK(fd.handler_err == NULL);
	CHECK_PTR(fd.cookie, ==, &x);
	CHECK(!iv_fd_registered(&fd));
}

static void check_flags(int fd, int nonblock, int cloexec, int oob_inline)
{
	socklen_t len = sizeof(int);
	int value;

	value = (int)CHECK_SYS(fcntl(fd, F_GETFL));
	CHECK_INT(!!(value & O_NONBLOCK), ==, nonblock);
	value = (int)CHECK_SYS(fcntl(fd, F_GETFD));
	CHECK_INT(!!(value & FD_CLOEXEC), ==, cloexec);
	CHECK_SYS(getsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &value, &len));
	CHECK_INT(!!value, ==, oob_inline);
}

static void check_side_effects(int (*reg)(struct iv_fd *))
{
	struct iv_fd fd;
	int fds[2];

	iv_init();
	CHECK_SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	IV_FD_INIT(&fd);
	fd.fd = fds[0];
	fd.handler_in = never_handler;
	check_flags(fds[0], 0, 0, 0);
	CHECK_INT(reg(&fd), ==, 0);
	check_flags(fds[0], 1, 1, 1);
	check_flags(fds[1], 0, 0, 0);
	iv_fd_unregister(&fd);
	check_flags(fds[0], 1, 1, 1);
	close_pair(fds);
	iv_deinit();
}

static int plain_register(struct iv_fd *fd)
{
	iv_fd_register(fd);
	return 0;
}

TEST(register_sets_flags_for_good)
{
	check_side_effects(plain_register);
}

TEST(register_try_sets_flags_for_good)
{
	check_side_effects(iv_fd_register_try);
}

/* The same iv_fd, and another file: nothing about it is taken for granted. */
TEST(registering_again_sets_flags_anew)
{
	struct iv_fd fd;
	int fds[2], i;

	iv_init();
	CHECK_SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	IV_FD_INIT(&fd);
	for (i = 0; i < 2; i++) {
		fd.fd = fds[i];
		iv_fd_register(&fd);
		check_flags(fds[i], 1, 1, 1);
		iv_fd_unregister(&fd);
	}
	CHECK_SYS(fcntl(fds[1], F_SETFL, 0));
	CHECK_SYS(fcntl(fds[1], F_SETFD, 0));
	iv_fd_register(&fd);
	check_flags(fds[1], 1, 1, 1);
	iv_fd_unregister(&fd);
	close_pair(fds);
	iv_deinit();
}

TEST(register_try_says_why_not)
{
	struct iv_fd fd;
	int fds[2];

	iv_init();
	make_pipe(fds);
	IV_FD_INIT(&fd);
	CHECK_ERRNO(iv_fd_register_try(&fd), EBADF);
	fd.fd = 1 << 30;
	CHECK_ERRNO(iv_fd_register_try(&fd), EBADF);
	fd.fd = fds[0];
	CHECK_SYS(close(fds[0]));
	CHECK_ERRNO(iv_fd_register_try(&fd), EBADF);
	fd.handler_in = never_handler;
	CHECK_ERRNO(iv_fd_register_try(&fd), EBADF);
	CHECK(!iv_fd_registered(&fd));
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

TEST(refused_object_is_as_before)
{
	struct iv_fd fd, other;
	int fds[2];

	iv_init();
	make_socketpair(fds);
	IV_FD_INIT(&fd);
	IV_FD_INIT(&other);
	fd.fd = 1 << 20;
	fd.handler_err = never_handler;
	CHECK_ERRNO(iv_fd_register_try(&fd), EBADF);
	iv_main();

	fd.fd = fds[0];
	CHECK_INT(iv_fd_register_try(&fd), ==, 0);
	CHECK(iv_fd_registered(&fd));
	other.fd = fds[0];
	CHECK_ERRNO(iv_fd_register_try(&other), EEXIST);
	CHECK(!iv_fd_registered(&other));
	turns(1);
	iv_fd_unregister(&fd);
	CHECK_INT(iv_fd_register_try(&other), ==, 0);
	iv_fd_unregister(&other);
	iv_main();
	close_pair(fds);
	iv_deinit();
}

TEST(duplicate_is_found_whatever_the_handlers_are)
{
	static const char *const bands[] = { "", "i", "o", "e", "ioe" };
	struct watch a, b;
	int fds[2], i, j, waited;

	iv_init();
	make_socketpair(fds);
	for (waited = 0; waited < 2; waited++)
		for (i = 0; i < 5; i++)
			for (j = 0; j < 5; j++) {
				watch_start(&a, fds[0], bands[i]);
				if (waited)
					turns(1);
				watch_init(&b, fds[0], bands[j]);
				CHECK_ERRNO(iv_fd_register_try(&b.fd), EEXIST);
				watch_seen(&a, 1);
				turns(1);
				CHECK_STR(watch_seen(&a, 1),
					  strchr(bands[i], 'o') ? "o" : "");
				iv_fd_unregister(&a.fd);
			}
	close_pair(fds);
	iv_deinit();
}

static void unregister_cookie(void *fd)
{
	iv_fd_unregister(fd);
}

TEST(registered_one_keeps_the_loop_running)
{
	struct iv_fd fd;
	int fds[2];

	iv_init();
	make_pipe(fds);
	IV_FD_INIT(&fd);
	fd.fd = fds[0];
	fd.cookie = &fd;
	fd.handler_in = unregister_cookie;
	poke(fds[1]);
	iv_fd_register(&fd);
	iv_main();
	CHECK(!iv_fd_registered(&fd));
	close_pair(fds);
	iv_deinit();
}

/* ---- Which handlers, in which order -------------------------------------- */

static void label_err(void *s)
{
	trace(s);
	trace(text("err "));
}

static void label_in(void *s)
{
	trace(s);
	trace(text("in "));
}

static void label_out(void *s)
{
	trace(s);
	trace(text("out "));
}

static void label_init(struct iv_fd *fd, int number, const char *label)
{
	IV_FD_INIT(fd);
	fd->fd = number;
	fd->cookie = text(label);
	fd->handler_in = label_in;
	fd->handler_out = label_out;
	fd->handler_err = label_err;
}

TEST(order_is_err_in_out)
{
	struct iv_fd fd;

	iv_init();
	label_init(&fd, hung_up(), "");
	iv_fd_register(&fd);
	turns(1);
	CHECK_STR(traced(), "err in out ");
	turns(2);
	CHECK_STR(traced(), "err in out err in out ");
	iv_fd_unregister(&fd);
	CHECK_SYS(close(fd.fd));
	iv_deinit();
}

TEST(hangup_calls_each_handler_that_is_set)
{
	static const char *const bands[] = {
		"i", "o", "io", "e", "ei", "eo", "eio"
	};
	struct watch w;
	unsigned i;

	iv_init();
	for (i = 0; i < 7; i++) {
		watch_start(&w, hung_up(), bands[i]);
		turns(1);
		CHECK_STR(watch_seen(&w, 1), bands[i]);
		watch_end(&w);
	}
	iv_deinit();
}

TEST(cookie_is_read_at_the_call)
{
	struct iv_fd fd;

	iv_init();
	label_init(&fd, hung_up(), "a");
	iv_fd_register(&fd);
	turns(1);
	CHECK_STR(traced(), "aerr ain aout ");
	fd.cookie = text("b");
	turns(1);
	CHECK_STR(traced(), "berr bin bout ");
	iv_fd_unregister(&fd);
	CHECK_SYS(close(fd.fd));
	iv_deinit();
}

static struct iv_fd *target;

static void swap_in(void *s)
{
	label_err(s);
	iv_fd_set_handler_in(target, label_out);
	iv_fd_set_handler_out(target, NULL);
}

static void set_missing(void *s)
{
	label_err(s);
	iv_fd_set_handler_in(target, label_in);
}

TEST(handlers_are_looked_up_at_the_call)
{
	struct iv_fd fd;

	iv_init();
	label_init(&fd, hung_up(), "");
	target = &fd;
	fd.handler_err = swap_in;
	iv_fd_register(&fd);
	turns(1);
	CHECK_STR(traced(), "err out ");
	iv_fd_unregister(&fd);

	fd.handler_err = set_missing;
	fd.handler_in = NULL;
	iv_fd_register(&fd);
	turns(1);
	CHECK_STR(traced(), "err in ");
	iv_fd_unregister(&fd);
	CHECK_SYS(close(fd.fd));
	iv_deinit();
}

TEST(condition_that_holds_already_is_seen_in_the_next_turn)
{
	struct watch w;
	int fds[2];

	iv_init();
	make_socketpair(fds);
	poke(fds[1]);
	watch_start(&w, fds[0], "");
	turns(2);
	CHECK_STR(watch_seen(&w, 0), "");
	watch_set(&w, "i");
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	watch_set(&w, "io");
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "io");
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

/* ---- In handlers --------------------------------------------------------- */

static void reborn(void *s)
{
	label_err(s);
	CHECK(iv_fd_registered(target));
	iv_fd_unregister(target);
	CHECK(!iv_fd_registered(target));
	target->handler_err = NULL;
	iv_fd_register(target);
}

TEST(registered_again_in_its_handler_waits_for_the_next_turn)
{
	struct iv_fd fd;

	iv_init();
	label_init(&fd, hung_up(), "");
	target = &fd;
	fd.handler_err = reborn;
	iv_fd_register(&fd);
	turns(1);
	CHECK_STR(traced(), "err ");
	turns(1);
	CHECK_STR(traced(), "in out ");
	iv_fd_unregister(&fd);
	CHECK_SYS(close(fd.fd));
	iv_deinit();
}

static void free_target(void *s)
{
	trace(s);
	iv_fd_unregister(target);
	CHECK_SYS(close(target->fd));
	memset(target, 0xa5, sizeof(*target));
	free(target);
}

static void check_freed_in(size_t handler, const char *expect)
{
	target = malloc(sizeof(*target));
	CHECK(target != NULL);
	label_init(target, hung_up(), "");
	target->cookie = text("x");
	target->handler_err = handler == 0 ? free_target : NULL;
	target->handler_in = handler <= 1 ? free_target : NULL;
	target->handler_out = free_target;
	iv_fd_register(target);
	turns(1);
	CHECK_STR(traced(), expect);
	iv_main();
}

TEST(freed_in_its_handler)
{
	iv_init();
	check_freed_in(0, "x");
	check_freed_in(1, "x");
	check_freed_in(2, "x");
	iv_deinit();
}

static void register_target(void *s)
{
	trace(s);
	if (!iv_fd_registered(target))
		iv_fd_register(target);
}

TEST(registered_in_a_handler_waits_for_the_next_turn)
{
	struct iv_fd a, b;

	iv_init();
	label_init(&a, hung_up(), "a");
	label_init(&b, hung_up(), "b");
	a.handler_err = register_target;
	target = &b;
	iv_fd_register(&a);
	turns(1);
	CHECK_STR(traced(), "aain aout ");
	a.handler_err = NULL;
	iv_fd_unregister(&a);
	turns(1);
	CHECK_STR(traced(), "berr bin bout ");
	iv_fd_unregister(&b);
	CHECK_SYS(close(a.fd));
	CHECK_SYS(close(b.fd));
	iv_deinit();
}

static void trace_and_quit(void *s)
{
	trace(s);
	iv_quit();
}

TEST(the_other_ready_ones_still_run_after_quit)
{
	struct iv_fd a, b;

	iv_init();
	label_init(&a, hung_up(), "x");
	label_init(&b, hung_up(), "x");
	a.handler_err = b.handler_err = trace_and_quit;
	a.handler_in = b.handler_in = NULL;
	a.handler_out = b.handler_out = NULL;
	iv_fd_register(&a);
	iv_fd_register(&b);
	iv_main();
	CHECK_STR(traced(), "xx");
	iv_fd_unregister(&a);
	iv_fd_unregister(&b);
	CHECK_SYS(close(a.fd));
	CHECK_SYS(close(b.fd));
	iv_deinit();
}

/* The one that is served first changes the other. */
static struct iv_fd pair[2];
static int served;

static void suspend_other(void *fd)
{
	struct iv_fd *other = fd == &pair[0] ? &pair[1] : &pair[0];

	if (served++ == 0)
		iv_fd_set_handler_in(other, NULL);
}

static void replace_other(void *fd)
{
	struct iv_fd *other = fd == &pair[0] ? &pair[1] : &pair[0];

	other->cookie = text("new");
	iv_fd_set_handler_in(other, trace);
	served++;
}

static void check_other(void (*handler)(void *), int calls, const char *expect)
{
	int i, fds[2][2];

	served = 0;
	for (i = 0; i < 2; i++) {
		make_pipe(fds[i]);
		poke(fds[i][1]);
		IV_FD_INIT(&pair[i]);
		pair[i].fd = fds[i][0];
		pair[i].cookie = &pair[i];
		pair[i].handler_in = handler;
		iv_fd_register(&pair[i]);
	}
	turns(1);
	CHECK_INT(served, ==, calls);
	CHECK_STR(traced(), expect);
	for (i = 0; i < 2; i++) {
		iv_fd_unregister(&pair[i]);
		close_pair(fds[i]);
	}
}

TEST(a_ready_one_may_be_changed_by_another)
{
	iv_init();
	check_other(suspend_other, 1, "");
	check_other(replace_other, 1, "new");
	iv_deinit();
}

/* ---- The loop ends ------------------------------------------------------- */

TEST(objects_may_be_used_again_after_deinit)
{
	struct watch w;
	int fds[2];

	iv_init();
	watch_start(&w, quiet(fds), "ioe");
	turns(1);
	iv_deinit();

	iv_init();
	watch_start(&w, fds[0], "ioe");
	turns(1);
	CHECK_STR(watch_seen(&w, 0), "");
	drain(fds[1]);
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "o");
	iv_fd_unregister(&w.fd);
	close_pair(fds);
	iv_deinit();
}

static void leave_thread(void *unused)
{
	(void)unused;
	pthread_exit(NULL);
}

static void *loop_of_its_own(void *cookie)
{
	struct iv_fd *fd = cookie;

	iv_init();
	IV_FD_INIT(fd + 1);
	fd[1].fd = fd[0].fd;
	fd[1].handler_in = leave_thread;
	iv_fd_register(&fd[1]);
	iv_main();
	FAIL("iv_main() returned");
}

TEST(thread_may_exit_in_a_handler)
{
	struct iv_fd fd[2];
	pthread_t tid;
	int fds[2];

	iv_init();
	make_pipe(fds);
	poke(fds[1]);
	fd[0].fd = fds[0];
	CHECK_INT(pthread_create(&tid, NULL, loop_of_its_own, fd), ==, 0);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);

	IV_FD_INIT(&fd[0]);
	fd[0].fd = fds[0];
	fd[0].handler_in = quit_handler;
	iv_fd_register(&fd[0]);
	iv_main();
	iv_fd_unregister(&fd[0]);
	close_pair(fds);
	iv_deinit();
}
