/* SPDX-License-Identifier: MIT */
/*
 * conformance_close.c - descriptors that are closed and opened again, rightly
 * and wrongly, and their duplicates.
 */
#include "config.h"
#include <fcntl.h>
#include <stdlib.h>
#include "poll/lab.h"

/* ---- Closed and opened again ------------------------------------------------ */

static struct watch first, second;
static int new_end;

static void replace(void *unused)
{
	int number = first.fd.fd;

	(void)unused;
	first.in++;
	iv_fd_unregister(&first.fd);
	CHECK_SYS(close(number));
	new_end = become_pipe(number);
	watch_start(&second, number, "ioe");
}

TEST(replaced_under_its_number_in_a_handler)
{
	int fds[2];

	iv_init();
	make_pipe(fds);
	poke(fds[1]);
	watch_init(&first, fds[0], "i");
	first.fd.handler_in = replace;
	iv_fd_register(&first.fd);
	turns(2);
	CHECK_STR(watch_seen(&first, 1), "i");
	CHECK_STR(watch_seen(&second, 0), "");
	poke(new_end);
	turns(1);
	CHECK_STR(watch_seen(&second, 1), "i");
	CHECK_STR(watch_seen(&first, 0), "");
	watch_end(&second);
	CHECK_SYS(close(new_end));
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

/* The new one may even be the same object. */
static void replace_same(void *unused)
{
	int number = first.fd.fd;

	(void)unused;
	iv_fd_unregister(&first.fd);
	CHECK_SYS(close(number));
	new_end = become_pipe(number);
	first.fd.handler_in = watch_in;
	iv_fd_register(&first.fd);
}

TEST(replaced_in_the_same_object)
{
	int fds[2];

	iv_init();
	make_socketpair(fds);
	CHECK_SYS(close(fds[1]));
	watch_init(&first, fds[0], "");
	first.fd.handler_in = replace_same;
	first.fd.handler_out = watch_out;
	iv_fd_register(&first.fd);
	turns(2);
	CHECK_STR(watch_seen(&first, 0), "");
	poke(new_end);
	turns(1);
	CHECK_STR(watch_seen(&first, 1), "i");
	watch_end(&first);
	CHECK_SYS(close(new_end));
	iv_deinit();
}

/* ---- Closed without being unregistered -------------------------------------- */

static const char *const all_bands[] = { "", "i", "o", "e", "ioe" };

/* The handlers may be told of it, but not for ever. */
TEST(closed_without_unregister)
{
	struct watch w;
	int fds[2], i;

	iv_init();
	for (i = 0; i < 5; i++) {
		make_socketpair(fds);
		poke(fds[1]);
		watch_start(&w, fds[0], all_bands[i]);
		turns(1);
		watch_seen(&w, 1);
		CHECK_SYS(close(fds[0]));
		check_no_spin();
		watch_seen(&w, 1);
		CHECK(iv_fd_registered(&w.fd));
		iv_fd_unregister(&w.fd);
		CHECK_SYS(close(fds[1]));
	}
	iv_main();
	iv_deinit();
}

TEST(closed_before_the_first_turn)
{
	struct watch w;
	int fds[2], i;

	iv_init();
	for (i = 0; i < 5; i++) {
		make_socketpair(fds);
		watch_start(&w, fds[0], all_bands[i]);
		CHECK_SYS(close(fds[0]));
		check_no_spin();
		watch_seen(&w, 1);
		iv_fd_unregister(&w.fd);
		CHECK_SYS(close(fds[1]));
	}
	iv_main();
	iv_deinit();
}

static void unregister_self(void *watch)
{
	struct watch *w = watch;

	w->err++;
	iv_fd_unregister(&w->fd);
}

TEST(closed_and_then_unregistered_in_a_handler)
{
	struct watch w, other;
	int fds[2], more[2];

	iv_init();
	make_socketpair(fds);
	make_pipe(more);
	watch_start(&other, more[0], "i");
	CHECK_SYS(close(fds[1]));
	watch_init(&w, fds[0], "");
	w.fd.handler_err = unregister_self;
	iv_fd_register(&w.fd);
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "e");
	CHECK_SYS(close(fds[0]));
	poke(more[1]);
	turns(1);
	CHECK_STR(watch_seen(&other, 1), "i");
	watch_end(&other);
	CHECK_SYS(close(more[1]));
	iv_deinit();
}

/* Others are not disturbed, and memory of the closed one is not touched any
   more, although a duplicate keeps the kernel's entry alive. */
static void check_duplicate_left(const char *bands, int turned)
{
	struct watch *w = malloc(sizeof(*w));
	struct watch other;
	int fds[2], more[2], copy;

	CHECK(w != NULL);
	make_socketpair(fds);
	make_pipe(more);
	poke(fds[1]);
	watch_start(&other, more[0], "i");
	watch_start(w, fds[0], bands);
	if (turned)
		turns(1);
	copy = (int)CHECK_SYS(fcntl(fds[0], F_DUPFD_CLOEXEC, 0));
	CHECK_SYS(close(fds[0]));
	iv_fd_unregister(&w->fd);
	memset(w, 0xa5, sizeof(*w));
	free(w);
	check_no_spin();
	CHECK_STR(watch_seen(&other, 0), "");
	poke(more[1]);
	turns(1);
	CHECK_STR(watch_seen(&other, 1), "i");
	watch_end(&other);
	CHECK_SYS(close(more[1]));
	CHECK_SYS(close(copy));
	CHECK_SYS(close(fds[1]));
}

TEST(closed_with_a_duplicate_left)
{
	int i;

	iv_init();
	for (i = 0; i < 10; i++)
		check_duplicate_left(all_bands[i / 2], i % 2);
	iv_deinit();
}

/* Suspended, so that no handler would tell of a spin. */
TEST(suspended_and_closed_with_a_duplicate_left)
{
	struct watch w;
	int fds[2], copy;

	iv_init();
	make_socketpair(fds);
	poke(fds[1]);
	watch_start(&w, fds[0], "i");
	turns(1);
	copy = (int)CHECK_SYS(fcntl(fds[0], F_DUPFD_CLOEXEC, 0));
	watch_set(&w, "");
	CHECK_SYS(close(fds[0]));
	check_no_spin();
	iv_fd_unregister(&w.fd);
	check_no_spin();
	CHECK_SYS(close(copy));
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

/* The number is something else by now, which nobody watches. */
TEST(suspended_and_replaced_with_a_duplicate_left)
{
	struct watch w;
	int fds[2], copy;

	fence_allow(FENCE_KERNEL, "the library cannot know of the close(2)");
	iv_init();
	make_socketpair(fds);
	poke(fds[1]);
	watch_start(&w, fds[0], "i");
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	copy = (int)CHECK_SYS(fcntl(fds[0], F_DUPFD_CLOEXEC, 0));
	watch_set(&w, "");
	CHECK_SYS(close(fds[0]));
	new_end = become_pipe(fds[0]);
	check_no_spin();
	CHECK_STR(watch_seen(&w, 0), "");
	watch_end(&w);
	CHECK_SYS(close(new_end));
	CHECK_SYS(close(copy));
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

/* Handlers that are set then mean the new descriptor, not the old one. */
TEST(changed_after_being_replaced_with_a_duplicate_left)
{
	struct watch w;
	int fds[2], copy;

	iv_init();
	make_socketpair(fds);
	poke(fds[1]);
	watch_start(&w, fds[0], "i");
	turns(1);
	copy = (int)CHECK_SYS(fcntl(fds[0], F_DUPFD_CLOEXEC, 0));
	CHECK_SYS(close(fds[0]));
	new_end = become_pipe(fds[0]);
	watch_set(&w, "ie");
	watch_seen(&w, 1);
	turns(1);
	watch_seen(&w, 1);
	check_no_spin();
	CHECK_STR(watch_seen(&w, 0), "");
	poke(new_end);
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	watch_end(&w);
	CHECK_SYS(close(new_end));
	CHECK_SYS(close(copy));
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

/*
 * Closed, opened again, and the new one registered before the old one is
 * unregistered.  Where the kernel can tell, that works, and the old one just
 * waits for being unregistered.
 */
static void check_overtaken(int duplicate, const char *bands)
{
	struct watch old, new;
	int fds[2], copy = -1;

	make_socketpair(fds);
	poke(fds[1]);
	watch_start(&old, fds[0], bands);
	turns(1);
	watch_seen(&old, 1);
	if (duplicate)
		copy = (int)CHECK_SYS(fcntl(fds[0], F_DUPFD_CLOEXEC, 0));
	CHECK_SYS(close(fds[0]));
	new_end = become_pipe(fds[0]);
	watch_start(&new, fds[0], "i");
	check_no_spin();
	CHECK_STR(watch_seen(&old, 0), "");
	CHECK_STR(watch_seen(&new, 0), "");

	poke(new_end);
	CHECK(iv_fd_registered(&old.fd));
	watch_set(&old, "");
	watch_set(&old, "ioe");
	turns(1);
	CHECK_STR(watch_seen(&new, 1), "i");
	iv_fd_unregister(&old.fd);
	turns(1);
	CHECK_STR(watch_seen(&new, 1), "i");
	CHECK_STR(watch_seen(&old, 0), "");
	watch_init(&old, fds[0], "i");
	CHECK_ERRNO(iv_fd_register_try(&old.fd), EEXIST);
	watch_end(&new);
	CHECK_SYS(close(new_end));
	CHECK_SYS(close(fds[1]));
	if (duplicate)
		CHECK_SYS(close(copy));
}

TEST(overtaken_by_a_new_one_with_its_number)
{
	unsigned i;

	fence_allow(FENCE_KERNEL, "the library cannot know of the close(2)");
	iv_init();
	if (!tells_files_apart())
		SKIP("poll(2) cannot tell descriptors with one number apart");
	for (i = 1; i < 5; i++) {
		check_overtaken(0, all_bands[i]);
		check_overtaken(1, all_bands[i]);
	}
	iv_deinit();
}

/* ... also if the kernel was never told of the old one: it has no handlers, or
   there was no turn.  FLAGS: of the new one. */
static void check_overtaken_unknown(const char *bands, int flags, int try)
{
	struct watch old, new;
	int fds[2], more[2];

	make_socketpair(fds);
	watch_start(&old, fds[0], bands);
	if (*bands == '\0')
		turns(2);
	CHECK_SYS(close(fds[0]));
	CHECK_SYS(pipe(more));
	CHECK_SYS(fcntl(more[0], F_SETFL, flags & O_NONBLOCK));
	CHECK_SYS(fcntl(more[0], F_SETFD, flags & O_CLOEXEC ? FD_CLOEXEC : 0));
	if (more[0] != fds[0])
		FAIL("the number is %d, not %d", more[0], fds[0]);
	watch_init(&new, fds[0], "i");
	if (try)
		CHECK_SYS(iv_fd_register_try(&new.fd));
	else
		iv_fd_register(&new.fd);
	poke(more[1]);
	watch_set(&old, "ioe");
	turns(1);
	CHECK_STR(watch_seen(&new, 1), "i");
	CHECK_STR(watch_seen(&old, 0), "");
	iv_fd_unregister(&old.fd);
	turns(1);
	CHECK_STR(watch_seen(&new, 1), "i");
	watch_end(&new);
	CHECK_SYS(close(more[1]));
	CHECK_SYS(close(fds[1]));
	iv_main();
}

TEST(overtaken_before_the_kernel_was_told)
{
	static const char *const some[] = { "", "i", "e" };
	int i;

	fence_allow(FENCE_KERNEL, "the library cannot know of the close(2)");
	iv_init();
	if (!tells_files_apart())
		SKIP("poll(2) cannot tell descriptors with one number apart");
	for (i = 0; i < 3; i++) {
		check_overtaken_unknown(some[i], 0, 0);
		check_overtaken_unknown(some[i], O_NONBLOCK | O_CLOEXEC, 0);
		check_overtaken_unknown(some[i], 0, 1);
		check_overtaken_unknown(some[i], O_CLOEXEC, 1);
	}
	iv_deinit();
}

/* A new set of the kernel's does not make the old one act for a stranger that
   has its number: an entry that was left cannot be taken out. */
TEST(replaced_before_the_set_is_made_anew)
{
	struct watch old, w, kept;
	int fds[2], more[2], pair[2], copy;

	iv_init();
	if (!on_epoll())
		SKIP("only epoll makes a new set");
	make_pipe(fds);
	make_pipe(more);
	make_pipe(pair);
	watch_start(&old, fds[0], "i");
	watch_start(&kept, pair[0], "i");
	watch_start(&w, more[0], "i");
	turns(1);
	CHECK_SYS(close(fds[0]));
	new_end = become_pipe(fds[0]);
	copy = (int)CHECK_SYS(fcntl(more[0], F_DUPFD_CLOEXEC, 0));
	CHECK_SYS(close(more[0]));
	iv_fd_unregister(&w.fd);
	poke(more[1]);
	lab_reset();
	turns(3);
	CHECK_INT(lab_count(LAB_EPOLL_CREATE), ==, 1);
	poke(new_end);
	poke(pair[1]);
	turns(2);
	CHECK_STR(watch_seen(&old, 0), "");
	CHECK_STR(watch_seen(&kept, 2), "i");
	iv_fd_unregister(&old.fd);
	watch_end(&kept);
	CHECK_SYS(close(fds[0]));
	CHECK_SYS(close(fds[1]));
	CHECK_SYS(close(new_end));
	CHECK_SYS(close(more[1]));
	CHECK_SYS(close(pair[1]));
	CHECK_SYS(close(copy));
	iv_deinit();
}

/* The old one is unregistered at once, and its memory used for something
   else: what the duplicate reports must not be taken for it. */
TEST(overtaken_and_forgotten)
{
	static struct watch old;
	struct watch new;
	const unsigned char *byte = (const unsigned char *)&old;
	int fds[2], copy;
	size_t i;

	fence_allow(FENCE_KERNEL, "the library cannot know of the close(2)");
	iv_init();
	if (!tells_files_apart())
		SKIP("poll(2) cannot tell descriptors with one number apart");
	make_socketpair(fds);
	poke(fds[1]);
	watch_start(&old, fds[0], "i");
	turns(1);
	copy = (int)CHECK_SYS(fcntl(fds[0], F_DUPFD_CLOEXEC, 0));
	CHECK_SYS(close(fds[0]));
	new_end = become_pipe(fds[0]);
	watch_start(&new, fds[0], "i");
	iv_fd_unregister(&old.fd);
	memset(&old, 0xa5, sizeof(old));
	check_no_spin();
	poke(new_end);
	turns(1);
	CHECK_STR(watch_seen(&new, 1), "i");
	for (i = 0; i < sizeof(old); i++)
		CHECK_INT(byte[i], ==, 0xa5);
	watch_end(&new);
	CHECK_SYS(close(new_end));
	CHECK_SYS(close(fds[1]));
	CHECK_SYS(close(copy));
	iv_deinit();
}

/* ---- Duplicates ---------------------------------------------------------------- */

TEST(duplicates_are_descriptors_of_their_own)
{
	struct watch a, b;
	int fds[2];

	iv_init();
	make_pipe(fds);
	watch_start(&a, fds[0], "i");
	watch_start(&b, (int)CHECK_SYS(fcntl(fds[0], F_DUPFD_CLOEXEC, 0)),
		    "i");
	turns(1);
	CHECK_STR(watch_seen(&a, 0), "");
	poke(fds[1]);
	turns(1);
	CHECK_STR(watch_seen(&a, 1), "i");
	CHECK_STR(watch_seen(&b, 1), "i");
	watch_set(&a, "");
	turns(2);
	CHECK_STR(watch_seen(&a, 0), "");
	CHECK_STR(watch_seen(&b, 2), "i");
	watch_end(&a);
	turns(1);
	CHECK_STR(watch_seen(&b, 1), "i");
	watch_end(&b);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}
