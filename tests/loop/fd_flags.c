/* SPDX-License-Identifier: MIT */
/*
 * fd_flags.c - what iv_fd_set_flags() changes, suspending and kicking.
 */
#include "config.h"
#include <fcntl.h>
#include <stdio.h>
#include "poll/lab.h"

static void start_with(struct watch *w, int fd, const char *bands,
		       unsigned flags)
{
	watch_init(w, fd, bands);
	iv_fd_set_flags(&w->fd, flags);
	iv_fd_register(&w->fd);
}

/* ---- IV_FD_RAW ------------------------------------------------------------- */

static void check_modes_left(int try)
{
	struct watch w;
	socklen_t len = sizeof(int);
	int fds[2], value;

	CHECK_SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	watch_init(&w, fds[0], "i");
	iv_fd_set_flags(&w.fd, IV_FD_RAW);
	lab_reset();
	if (try)
		CHECK_SYS(iv_fd_register_try(&w.fd));
	else
		iv_fd_register(&w.fd);
	CHECK_INT(lab_ctls(), <=, try);
	poke(fds[1]);
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	CHECK_INT(fcntl(fds[0], F_GETFD), ==, 0);
	CHECK_INT(fcntl(fds[0], F_GETFL) & O_NONBLOCK, ==, 0);
	CHECK_SYS(getsockopt(fds[0], SOL_SOCKET, SO_OOBINLINE, &value, &len));
	CHECK_INT(value, ==, 0);
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
}

TEST(raw_leaves_the_modes_alone)
{
	iv_init();
	check_modes_left(0);
	check_modes_left(1);
	iv_deinit();
}

/* Found out with the next wait, or by who asks. */
TEST(raw_and_closed)
{
	struct watch w;
	int fds[2], number;

	fence_allow(FENCE_KERNEL, "it is not open");
	iv_init();
	make_pipe(fds);
	number = fds[0];
	close_pair(fds);
	watch_init(&w, number, "ie");
	iv_fd_set_flags(&w.fd, IV_FD_RAW);
	CHECK_ERRNO(iv_fd_register_try(&w.fd), EBADF);
	iv_fd_register(&w.fd);
	check_no_spin();
	watch_seen(&w, 1);
	iv_fd_unregister(&w.fd);
	iv_main();
	iv_deinit();
}

/* ---- IV_FD_NOREF ------------------------------------------------------------ */

TEST(noref_does_not_keep_the_loop_running)
{
	struct watch w, other;
	int fds[2], more[2];

	iv_init();
	make_pipe(fds);
	make_pipe(more);
	start_with(&w, fds[0], "i", IV_FD_NOREF);
	iv_main();
	poke(fds[1]);
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	watch_start(&other, more[0], "");
	iv_fd_set_handler_in(&other.fd, quit_handler);
	iv_fd_unregister(&w.fd);
	poke(more[1]);
	with_deadline(5);
	iv_main();
	without_deadline();
	watch_end(&other);
	iv_fd_set_flags(&w.fd, 0);
	iv_fd_register(&w.fd);
	iv_fd_set_handler_in(&w.fd, quit_handler);
	iv_main();
	watch_end(&w);
	iv_main();
	CHECK_SYS(close(fds[1]));
	CHECK_SYS(close(more[1]));
	iv_deinit();
}

/* ---- IV_FD_ANY --------------------------------------------------------------- */

static int open_file(void)
{
	char path[4200];

	snprintf(path, sizeof(path), "%s/file", tmpdir());
	return (int)CHECK_SYS(open(path, O_RDWR | O_CREAT | O_TRUNC |
				   O_CLOEXEC, 0600));
}

static void check_always_ready(int fd, unsigned flags, int try)
{
	struct watch w;

	watch_init(&w, fd, "i");
	iv_fd_set_flags(&w.fd, IV_FD_ANY | flags);
	if (try)
		CHECK_SYS(iv_fd_register_try(&w.fd));
	else
		iv_fd_register(&w.fd);
	turns(3);
	CHECK_INT(w.in, >=, 2);
	CHECK_INT(w.in, <=, 3);
	CHECK_STR(watch_seen(&w, 3), "i");
	watch_set(&w, "o");
	turns(2);
	CHECK_INT(w.out, >=, 1);
	CHECK_STR(watch_seen(&w, 2), "o");
	watch_set(&w, "");
	check_no_spin();
	watch_set(&w, "ioe");
	iv_fd_suspend(&w.fd);
	check_no_spin();
	CHECK_STR(watch_seen(&w, 0), "");
	iv_fd_resume(&w.fd);
	turns(3);
	CHECK_STR(watch_seen(&w, 3), "io");
	watch_end(&w);
	iv_main();
}

TEST(any_file_is_always_ready)
{
	iv_init();
	check_always_ready(open_file(), 0, 0);
	check_always_ready(open_file(), 0, 1);
	check_always_ready(open_file(), IV_FD_RAW, 0);
	check_always_ready((int)CHECK_SYS(open("/", O_RDONLY | O_CLOEXEC)),
			   0, 1);
	if (on_epoll())
		check_always_ready((int)CHECK_SYS(open("/dev/null", O_RDWR |
						       O_CLOEXEC)), 0, 0);
	iv_deinit();
}

TEST(any_file_with_edges_is_ready_once)
{
	struct watch w;

	iv_init();
	start_with(&w, open_file(), "i", IV_FD_ANY | IV_FD_EDGE);
	turns(3);
	CHECK_STR(watch_seen(&w, 1), "i");
	check_no_spin();
	CHECK_STR(watch_seen(&w, 0), "");
	iv_fd_kick(&w.fd, 1, 0);
	turns(3);
	CHECK_STR(watch_seen(&w, 1), "i");
	watch_set(&w, "io");
	turns(3);
	CHECK_STR(watch_seen(&w, 1), "o");
	check_no_spin();
	watch_end(&w);
	iv_deinit();
}

/* ---- IV_FD_PRI --------------------------------------------------------------- */

/* Urgent data of a connection is the one that is to be had everywhere. */
TEST(pri_calls_handler_err)
{
	struct watch w;
	int fds[2];

	iv_init();
	connect_pair(fds);
	watch_init(&w, fds[0], "e");
	iv_fd_set_flags(&w.fd, IV_FD_PRI | IV_FD_RAW);
	if (iv_fd_register_try(&w.fd) < 0) {
		CHECK_INT(errno, ==, EOPNOTSUPP);
		CHECK_STR(iv_poll_method_name(), "kqueue");
		close_pair(fds);
		iv_deinit();
		SKIP("this kqueue does not know them");
	}
	turns(1);
	CHECK_STR(watch_seen(&w, 0), "");
	watch_urgent(&w, fds[1]);
	iv_fd_set_handler_err(&w.fd, NULL);
	check_no_spin();
	watch_set(&w, "i");
	turns(1);
	CHECK_STR(watch_seen(&w, 0), "");
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

/* ---- IV_FD_EXCLUSIVE ---------------------------------------------------------- */

TEST(exclusive_is_watched_and_suspended)
{
	struct watch w;
	int fds[2], i;

	iv_init();
	make_socketpair(fds);
	start_with(&w, fds[0], "", IV_FD_EXCLUSIVE);
	turns(1);
	poke(fds[1]);
	check_no_spin();
	for (i = 0; i < 4; i++) {
		watch_set(&w, "ie");
		turns(2);
		CHECK_STR(watch_seen(&w, 2), "i");
		watch_set(&w, i % 2 ? "e" : "");
		check_no_spin();
		CHECK_STR(watch_seen(&w, 0), "");
	}
	iv_fd_unregister(&w.fd);
	CHECK_SYS(iv_fd_register_try(&w.fd));
	iv_fd_set_handler_in(&w.fd, watch_in);
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	iv_fd_unregister(&w.fd);
	iv_fd_set_flags(&w.fd, 0);
	iv_fd_register(&w.fd);
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	iv_fd_unregister(&w.fd);
	iv_fd_set_flags(&w.fd, IV_FD_EXCLUSIVE);
	iv_fd_register(&w.fd);
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

TEST(exclusive_is_for_reading)
{
	static const struct {
		const char *bands;
		unsigned flags;
	} bad[] = { { "o", 0 }, { "i", IV_FD_EDGE }, { "e", IV_FD_PRI } };
	struct watch w;
	int fds[2], i;

	iv_init();
	make_socketpair(fds);
	for (i = 0; i < 3; i++) {
		watch_init(&w, fds[0], bad[i].bands);
		iv_fd_set_flags(&w.fd, IV_FD_EXCLUSIVE | bad[i].flags);
		CHECK_ERRNO(iv_fd_register_try(&w.fd), EINVAL);
		CHECK(!iv_fd_registered(&w.fd));
	}
	close_pair(fds);
	iv_deinit();
}

/* ---- Suspending ----------------------------------------------------------------- */

TEST(suspended_is_not_called)
{
	struct watch w;
	int fds[2];

	iv_init();
	make_socketpair(fds);
	poke(fds[1]);
	watch_start(&w, fds[0], "io");
	iv_fd_suspend(&w.fd);
	iv_fd_suspend(&w.fd);
	check_no_spin();
	CHECK_STR(watch_seen(&w, 0), "");
	watch_set(&w, "i");
	watch_set(&w, "ioe");
	CHECK_SYS(close(fds[1]));
	check_no_spin();
	CHECK_STR(watch_seen(&w, 0), "");
	iv_fd_resume(&w.fd);
	iv_fd_resume(&w.fd);
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "eio");
	iv_fd_suspend(&w.fd);
	iv_fd_unregister(&w.fd);
	iv_fd_register(&w.fd);
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "eio");
	watch_end(&w);
	iv_deinit();
}

static void suspend_both(void *_pair)
{
	struct watch *pair = _pair;

	pair[0].err++;
	iv_fd_suspend(&pair[0].fd);
	iv_fd_suspend(&pair[1].fd);
}

/* One that is ready already may be suspended by another, or by itself. */
TEST(suspended_in_a_handler)
{
	struct watch pair[2];
	int fds[2], i;

	iv_init();
	make_socketpair(fds);
	for (i = 0; i < 2; i++) {
		watch_init(&pair[i], fds[i], "ioe");
		pair[i].fd.handler_err = suspend_both;
		pair[i].fd.handler_out = suspend_both;
		pair[i].fd.handler_in = suspend_both;
		pair[i].fd.cookie = pair;
		iv_fd_register(&pair[i].fd);
	}
	turns(1);
	CHECK_INT(pair[0].err, ==, 1);
	turns(2);
	CHECK_INT(pair[0].err, ==, 1);
	iv_fd_resume(&pair[1].fd);
	turns(1);
	CHECK_INT(pair[0].err, ==, 2);
	watch_end(&pair[0]);
	watch_end(&pair[1]);
	iv_deinit();
}

/* ---- Kicks ------------------------------------------------------------------------ */

/* In the next turn, once, ready or not. */
TEST(kicked_is_called_in_the_next_turn)
{
	static const unsigned flags[] = { 0, IV_FD_EDGE };
	struct watch w;
	int fds[2], i;

	iv_init();
	for (i = 0; i < 2; i++) {
		make_socketpair(fds);
		fill(fds[0]);
		start_with(&w, fds[0], "ioe", flags[i]);
		turns(1);
		watch_seen(&w, 1);
		iv_fd_kick(&w.fd, 1, 0);
		iv_fd_kick(&w.fd, 1, 0);
		turns(2);
		CHECK_STR(watch_seen(&w, 1), "i");
		iv_fd_kick(&w.fd, 1, 1);
		turns(2);
		CHECK_STR(watch_seen(&w, 1), "io");
		iv_fd_kick(&w.fd, 0, 0);
		turns(1);
		CHECK_STR(watch_seen(&w, 0), "");
		check_no_spin();
		iv_fd_kick(&w.fd, 1, 1);
		iv_fd_unregister(&w.fd);
		iv_fd_register(&w.fd);
		turns(2);
		CHECK_STR(watch_seen(&w, 0), "");
		watch_end(&w);
		CHECK_SYS(close(fds[1]));
	}
	iv_deinit();
}

/* A kick ends no sleep that has begun, but there is none after it. */
static void kick_and_count(void *_w)
{
	struct watch *w = _w;

	if (++w->in < 5)
		iv_fd_kick(&w->fd, 1, 0);
	else
		iv_quit();
}

TEST(kicked_by_its_handler)
{
	struct watch w;
	int fds[2];

	iv_init();
	make_pipe(fds);
	watch_init(&w, fds[0], "");
	w.fd.handler_in = kick_and_count;
	iv_fd_register(&w.fd);
	lab_reset();
	iv_fd_kick(&w.fd, 1, 0);
	with_deadline(5);
	iv_main();
	without_deadline();
	CHECK_INT(w.in, ==, 5);
	CHECK_INT(lab_waits(), ==, 5);
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

TEST(kick_waits_for_a_handler)
{
	struct watch w;
	int fds[2];

	iv_init();
	make_pipe(fds);
	watch_start(&w, fds[0], "");
	iv_fd_kick(&w.fd, 1, 1);
	check_no_spin();
	watch_set(&w, "i");
	turns(3);
	CHECK_STR(watch_seen(&w, 1), "i");
	iv_fd_suspend(&w.fd);
	iv_fd_kick(&w.fd, 1, 0);
	check_no_spin();
	iv_fd_resume(&w.fd);
	turns(3);
	CHECK_STR(watch_seen(&w, 1), "i");
	iv_fd_kick(&w.fd, 1, 0);
	watch_set(&w, "");
	turns(1);
	CHECK_STR(watch_seen(&w, 0), "");
	watch_set(&w, "i");
	turns(3);
	CHECK_STR(watch_seen(&w, 1), "i");
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

static struct watch *victim;

static void kick_victim(void *w)
{
	((struct watch *)w)->in++;
	iv_fd_kick(&victim->fd, 1, 0);
}

/* Whoever is ready in this turn, before or after the kick, is called in this
   one and in the next. */
TEST(kicked_by_others_in_the_turn_it_is_ready)
{
	struct watch w[3];
	int fds[3][2], i;

	iv_init();
	for (i = 0; i < 3; i++) {
		make_pipe(fds[i]);
		watch_init(&w[i], fds[i][0], "i");
		if (i != 1)
			w[i].fd.handler_in = kick_victim;
		iv_fd_register(&w[i].fd);
		poke(fds[i][1]);
	}
	victim = &w[1];
	turns(1);
	CHECK_STR(watch_seen(victim, 1), "i");
	for (i = 0; i < 3; i++)
		drain(fds[i][0]);
	turns(1);
	CHECK_STR(watch_seen(victim, 1), "i");
	turns(2);
	CHECK_STR(watch_seen(victim, 0), "");
	for (i = 0; i < 3; i++) {
		watch_end(&w[i]);
		CHECK_SYS(close(fds[i][1]));
	}
	iv_deinit();
}

/* ---- Misuse ------------------------------------------------------------------------ */

static struct iv_fd fd;

static void prepare(void)
{
	int fds[2];

	iv_init();
	make_pipe(fds);
	CHECK_SYS(dup2(fds[0], 100));
	IV_FD_INIT(&fd);
	fd.fd = 100;
}

FATAL_TEST(flags_while_registered, "iv_fd_set_flags: fd 100 is registered")
{
	prepare();
	iv_fd_register(&fd);
	iv_fd_set_flags(&fd, IV_FD_RAW);
}

FATAL_TEST(flags_that_are_unknown, "iv_fd_set_flags: unknown flags 0x40")
{
	prepare();
	iv_fd_set_flags(&fd, 0x40 | IV_FD_RAW);
}

FATAL_TEST(exclusive_with_handler_out,
	   "iv_fd_register: fd 100: IV_FD_EXCLUSIVE is for handler_in and")
{
	prepare();
	fd.handler_out = never_handler;
	iv_fd_set_flags(&fd, IV_FD_EXCLUSIVE);
	iv_fd_register(&fd);
}

FATAL_TEST(exclusive_gets_handler_out,
	   "iv_fd_set_handler_out: fd 100 is IV_FD_EXCLUSIVE")
{
	prepare();
	iv_fd_set_flags(&fd, IV_FD_EXCLUSIVE);
	iv_fd_register(&fd);
	iv_fd_set_handler_out(&fd, never_handler);
}

FATAL_TEST(suspend_first, "iv_fd_suspend: fd 100 is not registered")
{
	prepare();
	iv_fd_suspend(&fd);
}

FATAL_TEST(resume_first, "iv_fd_resume: fd 100 is not registered")
{
	prepare();
	iv_fd_resume(&fd);
}

FATAL_TEST(kick_first, "iv_fd_kick: fd 100 is not registered")
{
	prepare();
	iv_fd_kick(&fd, 1, 0);
}

FATAL_TEST_ONCE(flags_of_null, "iv_fd_set_flags: the struct iv_fd pointer is NULL")
{
	iv_fd_set_flags(NULL, 0);
}

FATAL_TEST_ONCE(kick_null, "iv_fd_kick: the struct iv_fd pointer is NULL")
{
	iv_init();
	iv_fd_kick(NULL, 1, 0);
}

FATAL_TEST_ONCE(flags_of_garbage, "iv_fd_set_flags: iv_fd 0x")
{
	memset(&fd, 0xa5, sizeof(fd));
	iv_fd_set_flags(&fd, 0);
}

static void *kick_elsewhere(void *unused)
{
	(void)unused;
	iv_init();
	iv_fd_kick(&fd, 1, 0);
	return NULL;
}

FATAL_TEST(kick_by_another_thread, ": its owner is thread ")
{
	pthread_t tid;

	prepare();
	iv_fd_register(&fd);
	CHECK_INT(pthread_create(&tid, NULL, kick_elsewhere, NULL), ==, 0);
	pthread_join(tid, NULL);
}
