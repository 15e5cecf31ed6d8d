/* SPDX-License-Identifier: MIT */
/*
 * epoll_refused.c - what the two epoll methods do when the kernel refuses to
 * add, modify or delete, or to make a set.
 */
#include "config.h"
#include <fcntl.h>
#include <stdlib.h>
#ifdef HAVE_EVENTFD
#include <sys/eventfd.h>
#endif
#include <iv_loop.h>
#include "poll/lab.h"

/* ---- Refusals that pass ------------------------------------------------------- */

static const int passing[] = { ENOMEM, ENOSPC };

/* Runs the loop, which has nothing to do but to try again, without sleeping. */
static void until_called(enum lab_call call, unsigned times)
{
	with_deadline(5);
	while (lab_count(call) < times)
		iv_run(IV_RUN_NOWAIT);
	without_deadline();
	CHECK_INT(lab_count(call), ==, times);
}

/* Told of a change by CALL, the kernel refuses TIMES times. */
static void check_retried(enum lab_call call, unsigned times)
{
	struct watch w;
	int fds[2], i;

	iv_init();
	for (i = 0; i < 2; i++) {
		make_pipe(fds);
		watch_start(&w, fds[0], "e");
		if (call == LAB_EPOLL_MOD)
			turns(1);
		watch_set(&w, "i");
		lab_reset();
		lab_refuse(call, passing[i], times);
		until_called(call, times + 1);
		poke(fds[1]);
		turns(1);
		CHECK_STR(watch_seen(&w, 1), "i");
		watch_end(&w);
		CHECK_SYS(close(fds[1]));
	}
	iv_deinit();
}

EPOLL_TEST(add_is_tried_again)
{
	check_retried(LAB_EPOLL_ADD, 1);
	check_retried(LAB_EPOLL_ADD, 3);
}

EPOLL_TEST(modification_is_tried_again)
{
	check_retried(LAB_EPOLL_MOD, 1);
	check_retried(LAB_EPOLL_MOD, 3);
}

#ifdef HAVE_EVENTFD
/* A descriptor that is neither pipe nor socket is told at once: that, too,
   is put off. */
EPOLL_TEST(add_at_registration_is_put_off)
{
	struct watch w;

	iv_init();
	watch_init(&w, (int)CHECK_SYS(eventfd(0, EFD_CLOEXEC)), "i");
	lab_reset();
	lab_refuse(LAB_EPOLL_ADD, ENOSPC, 2);
	iv_fd_register(&w.fd);
	CHECK_INT(lab_count(LAB_EPOLL_ADD), ==, 1);
	until_called(LAB_EPOLL_ADD, 3);
	watch_end(&w);
	iv_deinit();
}
#endif

EPOLL_TEST(register_try_reports_it)
{
	static const char *const bands[] = { "", "i", "ioe" };
	struct watch w;
	int fds[2], i, j;

	iv_init();
	CHECK_SYS(pipe(fds));
	for (i = 0; i < 2; i++)
		for (j = 0; j < 3; j++) {
			watch_init(&w, fds[0], bands[j]);
			lab_refuse(LAB_EPOLL_ADD, passing[i], 1);
			CHECK_ERRNO(iv_fd_register_try(&w.fd), passing[i]);
			CHECK_INT(fcntl(fds[0], F_GETFD), ==, 0);
			CHECK_INT(fcntl(fds[0], F_GETFL), ==, O_RDONLY);
			CHECK(!iv_fd_registered(&w.fd));
			iv_main();
		}
	CHECK_SYS(iv_fd_register_try(&w.fd));
	poke(fds[1]);
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

/* While it lasts the loop sleeps between the tries, and serves the others; and
   the one it is about as well, each time. */
EPOLL_TEST(lasting_refusal_does_not_spin)
{
	struct watch w, other;
	struct iv_timer timer;
	int fds[2], more[2];

	iv_init();
	make_pipe(fds);
	make_pipe(more);
	watch_start(&other, more[0], "i");
	turns(1);
	poke(fds[1]);
	watch_start(&w, fds[0], "i");
	lab_reset();
	lab_refuse(LAB_EPOLL_ADD, ENOMEM, ~0U);
	timer_after(&timer, 50, quit_handler, NULL);
	iv_timer_register(&timer);
	iv_main();
	CHECK_INT(lab_count(LAB_EPOLL_ADD), >, 0);
	CHECK_INT(lab_count(LAB_EPOLL_ADD), <=, 12);
	CHECK_STR(watch_seen(&w, 6), "i");
	poke(more[1]);
	turns(1);
	CHECK_STR(watch_seen(&other, 1), "i");

	watch_seen(&w, 1);
	lab_reset();
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	watch_end(&w);
	watch_end(&other);
	CHECK_SYS(close(fds[1]));
	CHECK_SYS(close(more[1]));
	iv_deinit();
}

EPOLL_TEST(interrupted_calls_are_repeated)
{
	struct watch w;
	int fds[2];

	iv_init();
	make_pipe(fds);
	poke(fds[1]);
	watch_start(&w, fds[0], "i");
	lab_refuse(LAB_EPOLL_ADD, EINTR, 3);
	lab_refuse(LAB_EPOLL_MOD, EINTR, 3);
	lab_refuse(LAB_EPOLL_DEL, EINTR, 3);
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	watch_set(&w, "ioe");
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

/* ---- A set that has to be made anew --------------------------------------------- */

/* Two watched pipes, the first of which is then unregistered, which the
   kernel refuses. */
static void break_set(struct watch *kept, int kept_fds[2])
{
	struct watch *w = malloc(sizeof(*w));
	int fds[2];

	CHECK(w != NULL);
	make_pipe(fds);
	make_pipe(kept_fds);
	watch_start(w, fds[0], "i");
	watch_start(kept, kept_fds[0], "i");
	turns(1);
	poke(fds[1]);
	lab_reset();
	lab_refuse(LAB_EPOLL_DEL, ENOMEM, 1);
	iv_fd_unregister(&w->fd);
	memset(w, 0xa5, sizeof(*w));
	free(w);
	turns(2);
	close_pair(fds);
}

EPOLL_TEST(failed_deletion_makes_a_new_set)
{
	struct watch w;
	int fds[2];

	iv_init();
	break_set(&w, fds);
	CHECK_INT(lab_count(LAB_EPOLL_CREATE), ==, 1);
	CHECK_INT(lab_count(LAB_EPOLL_ADD), ==, 1);
	CHECK_STR(watch_seen(&w, 0), "");
	poke(fds[1]);
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

/* Nor can that be had: timers and tasks go on, descriptors are asked, and it is
   tried again. */
EPOLL_TEST(new_set_is_tried_again)
{
	struct iv_timer timer;
	struct watch w, gone;
	int fds[2], more[2];

	iv_init();
	make_pipe(fds);
	make_pipe(more);
	watch_start(&w, fds[0], "i");
	watch_start(&gone, more[0], "i");
	turns(1);
	lab_reset();
	lab_refuse(LAB_EPOLL_CREATE, EMFILE, 4);
	lab_refuse(LAB_EPOLL_DEL, ENOMEM, 1);
	poke(more[1]);
	iv_fd_unregister(&gone.fd);
	turns(1);
	CHECK_INT(lab_count(LAB_EPOLL_CREATE), ==, 1);
	close_pair(more);
	poke(fds[1]);
	iv_fd_set_handler_in(&w.fd, quit_handler);
	with_deadline(5);
	iv_main();
	without_deadline();
	CHECK_INT(lab_count(LAB_EPOLL_CREATE), <, 5);

	watch_set(&w, "");
	timer_after(&timer, 5, quit_handler, NULL);
	iv_timer_register(&timer);
	iv_main();
	until_called(LAB_EPOLL_CREATE, 5);
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

/* The same while a suspended one is to be muted. */
EPOLL_TEST(failed_muting_makes_a_new_set)
{
	struct watch w;
	int fds[2];

	iv_init();
	make_pipe(fds);
	watch_start(&w, fds[0], "i");
	turns(1);
	watch_set(&w, "");
	poke(fds[1]);
	lab_reset();
	lab_refuse(LAB_EPOLL_MOD, ENOMEM, 1);
	turns(3);
	CHECK_INT(lab_count(LAB_EPOLL_CREATE), ==, 1);
	CHECK_STR(watch_seen(&w, 0), "");
	watch_set(&w, "i");
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}
