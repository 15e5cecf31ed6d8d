/* SPDX-License-Identifier: MIT */
/*
 * fd_edge.c - IV_FD_EDGE: what is remembered, what it costs, and that nothing
 * is lost.
 */
#include "config.h"
#include <fcntl.h>
#include <stdlib.h>
#include "poll/lab.h"

static void start_edge(struct watch *w, int fd, const char *bands)
{
	watch_init(w, fd, bands);
	iv_fd_set_flags(&w->fd, IV_FD_EDGE);
	iv_fd_register(&w->fd);
}

static void only_with_edges(void)
{
	if (!has_edges())
		SKIP("%s has no edges", iv_poll_method_name());
}

/* ---- Edges -------------------------------------------------------------------- */

TEST(called_when_something_changes)
{
	struct watch w;
	int fds[2];

	iv_init();
	only_with_edges();
	make_socketpair(fds);
	poke(fds[1]);
	start_edge(&w, fds[0], "io");
	turns(3);
	CHECK_STR(watch_seen(&w, 1), "io");
	check_no_spin();
	CHECK_STR(watch_seen(&w, 0), "");
	poke(fds[1]);
	turns(3);
	CHECK_INT(w.in, ==, 1);
	watch_seen(&w, 1);
	CHECK_SYS(close(fds[1]));
	turns(3);
	watch_set(&w, "ioe");
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "eio");
	watch_end(&w);
	iv_deinit();
}

TEST(handlers_cost_no_call)
{
	struct watch w;
	int fds[2], i;

	iv_init();
	if (!on_epoll())
		SKIP("counts the calls of epoll");
	make_socketpair(fds);
	start_edge(&w, fds[0], "");
	turns(1);
	CHECK_INT(lab_ctls(), >, 0);
	lab_reset();
	for (i = 0; i < 10; i++) {
		watch_set(&w, i % 2 ? "ioe" : "");
		turns(1);
		if (i % 3 == 0)
			iv_fd_suspend(&w.fd);
		poke(fds[1]);
		turns(1);
		iv_fd_resume(&w.fd);
		turns(1);
	}
	CHECK_INT(lab_ctls(), ==, 0);
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

/* ---- What comes at the wrong time --------------------------------------------- */

TEST(edge_without_a_handler_is_remembered)
{
	struct watch w;
	int fds[2];

	iv_init();
	make_pipe(fds);
	start_edge(&w, fds[0], "");
	poke(fds[1]);
	turns(2);
	check_no_spin();
	CHECK_STR(watch_seen(&w, 0), "");
	watch_set(&w, "i");
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	drain(fds[0]);
	turns(2);
	watch_seen(&w, 1);
	watch_set(&w, "");
	watch_set(&w, "i");
	turns(1);
	CHECK_STR(watch_seen(&w, 0), "");
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

TEST(edge_while_suspended_is_remembered)
{
	struct watch w;
	int fds[2];

	iv_init();
	make_pipe(fds);
	start_edge(&w, fds[0], "i");
	turns(1);
	iv_fd_suspend(&w.fd);
	poke(fds[1]);
	turns(2);
	check_no_spin();
	CHECK_STR(watch_seen(&w, 0), "");
	iv_fd_resume(&w.fd);
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "i");
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

static struct watch pair[2];
static int how;

/* The first one that is called keeps the other one from it. */
static void hinder(void *_w)
{
	struct watch *w = _w, *other = w == pair ? pair + 1 : pair;

	w->in++;
	if (how == 0)
		iv_fd_set_handler_in(&other->fd, NULL);
	else
		iv_fd_suspend(&other->fd);
}

TEST(edge_that_was_collected_is_remembered)
{
	int fds[2][2], i;

	iv_init();
	for (how = 0; how < 2; how++) {
		for (i = 0; i < 2; i++) {
			make_pipe(fds[i]);
			poke(fds[i][1]);
			watch_init(&pair[i], fds[i][0], "i");
			pair[i].fd.handler_in = hinder;
			iv_fd_set_flags(&pair[i].fd, IV_FD_EDGE);
			iv_fd_register(&pair[i].fd);
		}
		turns(1);
		CHECK_INT(pair[0].in + pair[1].in, ==, 1);
		i = pair[0].in;
		iv_fd_set_handler_in(&pair[i].fd, watch_in);
		iv_fd_resume(&pair[i].fd);
		turns(1);
		CHECK_STR(watch_seen(&pair[i], 1), "i");
		for (i = 0; i < 2; i++) {
			watch_end(&pair[i]);
			CHECK_SYS(close(fds[i][1]));
		}
	}
	iv_deinit();
}

/* The rest of what was collected is called by the inner loop. */
static void run_inside(void *_w)
{
	((struct watch *)_w)->in++;
	turns(1);
}

TEST(edge_with_a_loop_inside_a_handler)
{
	struct watch w;
	int fds[2];

	iv_init();
	make_socketpair(fds);
	poke(fds[1]);
	watch_init(&w, fds[0], "io");
	w.fd.handler_in = run_inside;
	iv_fd_set_flags(&w.fd, IV_FD_EDGE);
	iv_fd_register(&w.fd);
	if (!has_edges())
		SKIP("a level is there again in the loop inside");
	turns(1);
	CHECK_STR(watch_seen(&w, 1), "io");
	watch_end(&w);
	CHECK_SYS(close(fds[1]));
	iv_deinit();
}

/* ---- Nothing is lost ------------------------------------------------------------ */

/*
 * Two threads, each with one end of every socket pair, both ways.  A handler
 * reads or writes until EAGAIN, or stops before and kicks; it may do without
 * handlers for a while, its neighbour's or its own, or suspend.
 */
#define PAIRS	6
#define TOTAL	150000L

struct end {
	struct iv_fd	fd;
	struct iv_timer	later;
	long		got, sent;
	struct thread	*t;
};

struct thread {
	struct end	end[PAIRS];
	unsigned	seed;
};

static struct thread threads[2];

static unsigned rnd(struct end *e, unsigned n)
{
	e->t->seed = e->t->seed * 1103515245 + 12345;
	return (e->t->seed >> 12) % n;
}

static void receive(void *end);
static void transmit(void *end);

static void go_on(void *_e)
{
	struct end *e = _e;

	iv_fd_set_handler_in(&e->fd, receive);
	iv_fd_set_handler_out(&e->fd, e->sent < TOTAL ? transmit : NULL);
	iv_fd_resume(&e->fd);
}

/* Nothing is called for some time, whatever happens. */
static void pause_end(struct end *e)
{
	if (!iv_fd_registered(&e->fd) || iv_timer_registered(&e->later))
		return;
	if (rnd(e, 3) == 0) {
		iv_fd_suspend(&e->fd);
	} else {
		if (rnd(e, 2))
			iv_fd_set_handler_in(&e->fd, NULL);
		if (rnd(e, 2))
			iv_fd_set_handler_out(&e->fd, NULL);
	}
	IV_TIMER_INIT(&e->later);
	e->later.cookie = e;
	e->later.handler = go_on;
	e->later.expires = iv_now;
	e->later.expires.tv_nsec += (long)rnd(e, 300000);
	iv_timer_register(&e->later);
}

static void finish(struct end *e)
{
	if (e->got < TOTAL || e->sent < TOTAL)
		return;
	if (iv_timer_registered(&e->later))
		iv_timer_unregister(&e->later);
	iv_fd_unregister(&e->fd);
}

/* 1 if the handler is to return, having kicked. */
static int stop_early(struct end *e, int in)
{
	unsigned dice = rnd(e, 24);

	if (dice == 0)
		pause_end(&e->t->end[rnd(e, PAIRS)]);
	if (dice > 3)
		return 0;
	iv_fd_kick(&e->fd, in, !in);
	if (dice > 2)
		pause_end(e);
	return 1;
}

static void receive(void *_e)
{
	struct end *e = _e;
	char buf[3000];
	ssize_t n;

	while (!stop_early(e, 1)) {
		n = read(e->fd.fd, buf, 1 + rnd(e, sizeof(buf)));
		if (n < 0) {
			CHECK_INT(errno, ==, EAGAIN);
			if (rnd(e, 4) == 0)
				pause_end(e);
			return;
		}
		CHECK_INT(n, >, 0);
		e->got += n;
		if (e->got == TOTAL) {
			finish(e);
			return;
		}
	}
}

static void transmit(void *_e)
{
	static const char buf[5000];
	struct end *e = _e;
	size_t len;
	ssize_t n;

	while (e->sent < TOTAL && !stop_early(e, 0)) {
		len = 1 + rnd(e, sizeof(buf));
		if (len > (size_t)(TOTAL - e->sent))
			len = (size_t)(TOTAL - e->sent);
		n = write(e->fd.fd, buf, len);
		if (n < 0) {
			CHECK_INT(errno, ==, EAGAIN);
			return;
		}
		e->sent += n;
	}
	if (e->sent == TOTAL) {
		iv_fd_set_handler_out(&e->fd, NULL);
		finish(e);
	}
}

static void *run_thread(void *_t)
{
	struct thread *t = _t;
	int i;

	iv_init();
	for (i = 0; i < PAIRS; i++) {
		struct end *e = &t->end[i];

		e->t = t;
		e->fd.cookie = e;
		e->fd.handler_in = receive;
		e->fd.handler_out = transmit;
		IV_TIMER_INIT(&e->later);
		iv_fd_set_flags(&e->fd, IV_FD_EDGE);
		iv_fd_register(&e->fd);
	}
	iv_main();
	iv_deinit();
	return NULL;
}

TEST(nothing_is_left_unread)
{
	pthread_t tid;
	int fds[2], i, j;

	time_limit(60);
	for (i = 0; i < PAIRS; i++) {
		make_socketpair(fds);
		for (j = 0; j < 2; j++) {
			IV_FD_INIT(&threads[j].end[i].fd);
			threads[j].end[i].fd.fd = fds[j];
		}
	}
	iv_init();
	threads[0].seed = 1;
	threads[1].seed = 2;
	CHECK_INT(pthread_create(&tid, NULL, run_thread, &threads[1]), ==, 0);
	run_thread(&threads[0]);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	for (i = 0; i < PAIRS; i++)
		for (j = 0; j < 2; j++) {
			CHECK_INT(threads[j].end[i].got, ==, TOTAL);
			CHECK_INT(threads[j].end[i].sent, ==, TOTAL);
			CHECK_SYS(close(threads[j].end[i].fd.fd));
		}
	iv_deinit();
}
