/* SPDX-License-Identifier: MIT */
/*
 * conformance_life.c - descriptors that unregister and free each other, and
 * ones that nobody listens to.
 */
#include "config.h"
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

/* What is ready, but not wanted any more, does not keep the loop awake. */
TEST(narrowed_and_quiet)
{
	static const char *const narrow[] = { "", "i", "e", "ie" };
	struct watch w;
	int fds[2], i;

	iv_init();
	make_socketpair(fds);
	watch_start(&w, fds[0], "");
	for (i = 0; i < 4; i++) {
		watch_set(&w, i % 2 ? "o" : "ioe");
		turns(1);
		CHECK_STR(watch_seen(&w, 1), "o");
		watch_set(&w, narrow[i]);
		check_no_spin();
		CHECK_STR(watch_seen(&w, 0), "");
	}
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
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
