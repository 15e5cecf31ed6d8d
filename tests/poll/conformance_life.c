/* SPDX-License-Identifier: MIT */
/*
 * conformance_life.c - descriptors that are unregistered, freed, closed and
 * opened again in handlers, rightly and wrongly.
 */
#include "config.h"
#include <fcntl.h>
#include <stdlib.h>
#include "poll/lab.h"

/* ---- Each does something to another --------------------------------------- */

/*
 * Three objects, all ready in all bands.  In one of its bands, or in none,
 * each does away with one of the three; what has been done away with must
 * not be called any more, and all the rest exactly once, in order.
 */
#define OBJECTS	3
#define PLANS	(1 + 3 * OBJECTS)	/* nothing, or band and target */

struct object {
	struct iv_fd	*fd;
	int		called;		/* bands in this turn, in order */
	int		gone;
	int		plan;
};

static struct object objects[OBJECTS];
static int revive;	/* register it anew at once, instead of freeing it */

static void object_gone(struct object *o)
{
	if (o->gone)
		return;
	o->gone = 1;
	iv_fd_unregister(o->fd);
	if (revive) {
		iv_fd_register(o->fd);
		return;
	}
	memset(o->fd, 0xa5, sizeof(*o->fd));
	free(o->fd);
	o->fd = NULL;
}

static void object_called(struct object *o, int band)
{
	CHECK(!o->gone);
	CHECK_INT(o->called, ==, band);
	o->called++;
	if (o->plan > 0 && (o->plan - 1) % 3 == band)
		object_gone(&objects[(o->plan - 1) / 3]);
}

static void object_err(void *o)
{
	object_called(o, 0);
}

static void object_in(void *o)
{
	object_called(o, 1);
}

static void object_out(void *o)
{
	object_called(o, 2);
}

static void object_make(struct object *o, int number, int plan)
{
	o->called = o->gone = 0;
	o->plan = plan;
	o->fd = malloc(sizeof(*o->fd));
	CHECK(o->fd != NULL);
	IV_FD_INIT(o->fd);
	o->fd->fd = number;
	o->fd->cookie = o;
	o->fd->handler_err = object_err;
	o->fd->handler_in = object_in;
	o->fd->handler_out = object_out;
	iv_fd_register(o->fd);
}

/* After the turn: what is left is as good as new. */
static void object_end(struct object *o)
{
	if (!o->gone)
		CHECK_INT(o->called, ==, 3);
	o->called = o->gone = o->plan = 0;
}

static void run_plans(const int *numbers, int plans)
{
	int i;

	for (i = 0; i < OBJECTS; i++, plans /= PLANS)
		object_make(&objects[i], numbers[i], plans % PLANS);
	turns(1);
	for (i = 0; i < OBJECTS; i++)
		object_end(&objects[i]);
	turns(1);
	for (i = 0; i < OBJECTS; i++)
		if (objects[i].fd != NULL) {
			CHECK_INT(objects[i].called, ==, 3);
			iv_fd_unregister(objects[i].fd);
			free(objects[i].fd);
		}
}

static void run_all_plans(void)
{
	int numbers[OBJECTS], fds[2], i;

	time_limit(30);
	iv_init();
	for (i = 0; i < OBJECTS; i++) {
		make_socketpair(fds);
		CHECK_SYS(close(fds[1]));
		numbers[i] = fds[0];
	}
	for (i = 0; i < PLANS * PLANS * PLANS; i++)
		run_plans(numbers, i);
	for (i = 0; i < OBJECTS; i++)
		CHECK_SYS(close(numbers[i]));
	iv_main();
	iv_deinit();
}

TEST(each_frees_another_in_every_way)
{
	revive = 0;
	run_all_plans();
}

TEST(each_registers_another_anew_in_every_way)
{
	revive = 1;
	run_all_plans();
}

/* ---- Closed and opened again ------------------------------------------------ */

/* Makes NUMBER another descriptor: the read end of a new pipe, whose write
   end is returned. */
static int become_pipe(int number)
{
	int fds[2];

	make_pipe(fds);
	if (fds[0] != number) {
		CHECK_SYS(dup2(fds[0], number));
		CHECK_SYS(close(fds[0]));
	}
	return fds[1];
}

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

/* Turns that a loop takes in which nothing happens, until a timer ends it:
   few, unless it spins. */
static void check_no_spin(void)
{
	struct iv_timer timer;

	lab_reset();
	iv_invalidate_now();
	timer_after(&timer, 30, quit_handler, NULL);
	iv_timer_register(&timer);
	iv_main();
	CHECK_INT(lab_waits(), <=, 12);
}

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

	iv_init();
	if (!on_epoll())
		SKIP("poll(2) cannot tell descriptors with one number apart");
	for (i = 1; i < 5; i++) {
		check_overtaken(0, all_bands[i]);
		check_overtaken(1, all_bands[i]);
	}
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

/* ---- No handlers ------------------------------------------------------------------ */

TEST(hung_up_without_handlers_does_not_spin)
{
	struct watch w;
	int fds[2];

	iv_init();
	make_socketpair(fds);
	CHECK_SYS(close(fds[1]));
	watch_start(&w, fds[0], "");
	check_no_spin();
	iv_fd_unregister(&w.fd);

	watch_init(&w, fds[0], "");
	CHECK_SYS(iv_fd_register_try(&w.fd));
	check_no_spin();
	watch_set(&w, "ioe");
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "eio");
	watch_set(&w, "");
	check_no_spin();
	watch_set(&w, "e");
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "e");
	watch_set(&w, "");
	check_no_spin();
	CHECK_STR(watch_seen(&w, 0), "");
	watch_end(&w);
	iv_deinit();
}

TEST(err_only_sleeps_until_the_hangup)
{
	struct watch w;
	int fds[2];

	iv_init();
	make_socketpair(fds);
	poke(fds[1]);
	watch_start(&w, fds[0], "e");
	check_no_spin();
	CHECK_STR(watch_seen(&w, 0), "");
	CHECK_SYS(close(fds[1]));
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "e");
	watch_end(&w);
	iv_deinit();
}

TEST(idle_loop_sleeps)
{
	struct watch w;
	int fds[2];

	iv_init();
	make_pipe(fds);
	watch_start(&w, fds[0], "i");
	check_no_spin();
	lab_reset();
	check_no_spin();
	CHECK_INT(lab_waits(), <=, 3);
	CHECK_STR(watch_seen(&w, 0), "");
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}
