/* SPDX-License-Identifier: MIT */
/*
 * conformance_model.c - what is called, against models: handlers set and
 * cleared in every order, and random use against what poll(2) says.
 */
#include "config.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include "poll/lab.h"

static const char band_names[] = "eio";

/* The bands of EXPECT, a mask of band_names[]. */
static const char *names(unsigned mask)
{
	static char s[4];
	int i, n = 0;

	for (i = 0; i < 3; i++)
		if (mask & 1U << i)
			s[n++] = band_names[i];
	s[n] = '\0';
	return s;
}

static void set_band(struct watch *w, int band, int on)
{
	if (band == 0)
		iv_fd_set_handler_err(&w->fd, on ? watch_err : NULL);
	else if (band == 1)
		iv_fd_set_handler_in(&w->fd, on ? watch_in : NULL);
	else
		iv_fd_set_handler_out(&w->fd, on ? watch_out : NULL);
}

/* The bands that poll(2) finds ready; ALONE: all are, as the peer has gone,
   which not every system's poll(2) says. */
static unsigned ready_bands(int fd, int alone)
{
	struct pollfd p = { fd, POLLIN | POLLOUT, 0 };

	CHECK_SYS(poll(&p, 1, 0));
	CHECK(!(p.revents & POLLNVAL));
	if (alone)
		return 7;
	CHECK(!(p.revents & (POLLERR | POLLHUP)));
	return (p.revents & POLLIN ? 2U : 0) | (p.revents & POLLOUT ? 4U : 0);
}

/* ---- Every sequence of four ------------------------------------------------ */

#define STEPS	4
#define CODES	7	/* three bands set, three cleared, a turn */

static void check_turn(struct watch *w, unsigned expect, int code)
{
	const char *seen;

	turns(1);
	seen = watch_seen(w, 1);
	if (strcmp(seen, names(expect)) != 0)
		FAIL("sequence %d: \"%s\" called, not \"%s\"", code, seen,
		     names(expect));
}

/* Runs the sequence of STEPS digits to the base CODES in CODE, a turn after
   it, all handlers set, and another turn. */
static void run_sequence(int fd, unsigned ready, const char *first, int code)
{
	unsigned set = 0;
	struct watch w;
	int i, step, rest = code;

	watch_start(&w, fd, first);
	for (i = 0; i < 3; i++)
		if (strchr(first, band_names[i]))
			set |= 1U << i;
	for (i = 0; i < STEPS; i++, rest /= CODES) {
		step = rest % CODES;
		if (step == 6) {
			check_turn(&w, set & ready, code);
			continue;
		}
		set_band(&w, step % 3, step < 3);
		set = step < 3 ? set | 1U << step : set & ~(1U << (step - 3));
	}
	check_turn(&w, set & ready, code);
	watch_set(&w, "ioe");
	check_turn(&w, ready, code);
	iv_fd_unregister(&w.fd);
}

static void run_sequences(int fd, unsigned ready)
{
	int code;

	for (code = 0; code < CODES * CODES * CODES * CODES; code++) {
		run_sequence(fd, ready, "", code);
		run_sequence(fd, ready, "ioe", code);
	}
}

TEST(toggled_in_every_order_writable)
{
	int fds[2];

	time_limit(30);
	iv_init();
	make_socketpair(fds);
	CHECK_INT(ready_bands(fds[0], 0), ==, 4);
	run_sequences(fds[0], 4);
	close_pair(fds);
	iv_deinit();
}

TEST(toggled_in_every_order_readable)
{
	int fds[2];

	time_limit(30);
	iv_init();
	make_pipe(fds);
	poke(fds[1]);
	CHECK_INT(ready_bands(fds[0], 0), ==, 2);
	run_sequences(fds[0], 2);
	close_pair(fds);
	iv_deinit();
}

TEST(toggled_in_every_order_hung_up)
{
	int fds[2];

	time_limit(30);
	iv_init();
	make_socketpair(fds);
	CHECK_SYS(close(fds[1]));
	run_sequences(fds[0], 7);
	CHECK_SYS(close(fds[0]));
	iv_deinit();
}

/* ---- Random use ------------------------------------------------------------- */

#define PAIRS	6

/* A descriptor, its peer, and what should be set. */
struct line {
	struct watch	w;
	int		fds[2];
	unsigned	set;
	unsigned	was;		/* ready at times, since the last turn */
	int		registered;
};

static struct line lines[PAIRS];
static uint64_t seed;

/* xorshift64* */
static unsigned pick(unsigned n)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (unsigned)((seed * UINT64_C(2685821657736338717)) >> 33) % n;
}

static void line_open(struct line *l)
{
	if (pick(2))
		make_socketpair(l->fds);
	else
		make_pipe(l->fds);
}

static void line_register(struct line *l)
{
	l->set = pick(8);
	watch_init(&l->w, l->fds[0], names(l->set));
	if (pick(2))
		iv_fd_register(&l->w.fd);
	else
		CHECK_SYS(iv_fd_register_try(&l->w.fd));
	l->registered = 1;
}

static void line_unregister(struct line *l)
{
	if (l->registered)
		iv_fd_unregister(&l->w.fd);
	l->registered = 0;
}

static void line_close(struct line *l)
{
	line_unregister(l);
	CHECK_SYS(close(l->fds[0]));
	if (l->fds[1] >= 0)
		CHECK_SYS(close(l->fds[1]));
}

static unsigned line_ready(const struct line *l)
{
	return ready_bands(l->fds[0], l->fds[1] < 0);
}

/* Something happens to the descriptor or its peer. */
static void change_state(struct line *l)
{
	unsigned ready = line_ready(l);
	char c;

	l->was |= ready;
	switch (pick(6)) {
	case 0:
		if (l->fds[1] >= 0)
			poke(l->fds[1]);
		break;
	case 1:
		if (ready & 2)
			(void)!read(l->fds[0], &c, 1);
		break;
	case 2:
		if (ready != 7)
			drain(l->fds[0]);
		break;
	case 3:
		if (l->fds[1] >= 0 && pick(4) == 0) {
			CHECK_SYS(close(l->fds[1]));
			l->fds[1] = -1;
		}
		break;
	case 4:
		line_close(l);
		line_open(l);
		l->was = 0;
		break;
	case 5:
		if (ready == 4)
			fill(l->fds[0]);
		break;
	}
}

static void change_interest(struct line *l)
{
	int band;

	if (!l->registered) {
		line_register(l);
		return;
	}
	band = (int)pick(4);
	if (band == 3) {
		line_unregister(l);
		return;
	}
	l->set ^= 1U << band;
	set_band(&l->w, band, !!(l->set & 1U << band));
}

static unsigned mask(const char *bands)
{
	return (strchr(bands, 'e') ? 1U : 0) | (strchr(bands, 'i') ? 2U : 0) |
	       (strchr(bands, 'o') ? 4U : 0);
}

/*
 * A kernel that keeps events tells what was ready when it looked: perhaps no
 * longer, and perhaps not all that is ready by now.
 */
static int agrees(const struct line *l, unsigned seen, unsigned expect)
{
	if (!keeps_events() || l->was == 0)
		return seen == expect;
	return !(seen & ~(expect | (l->was & l->set))) &&
	       (seen != 0 || expect == 0);
}

static void check_lines(unsigned step)
{
	unsigned expect[PAIRS];
	const char *seen;
	int i;

	for (i = 0; i < PAIRS; i++)
		expect[i] = lines[i].registered ?
			    lines[i].set & line_ready(&lines[i]) : 0;
	turns(1);
	for (i = 0; i < PAIRS; i++) {
		seen = watch_seen(&lines[i].w, 1);
		if (!agrees(&lines[i], mask(seen), expect[i]))
			FAIL("step %u: line %d: \"%s\" called, not \"%s\"",
			     step, i, seen, names(expect[i]));
		lines[i].was = 0;
	}
}

static void run_random(uint64_t from, unsigned steps)
{
	unsigned i;

	seed = from;
	for (i = 0; i < PAIRS; i++) {
		memset(&lines[i], 0, sizeof(lines[i]));
		line_open(&lines[i]);
	}
	for (i = 0; i < steps; i++) {
		if (pick(3) == 0)
			change_state(&lines[pick(PAIRS)]);
		else
			change_interest(&lines[pick(PAIRS)]);
		if (pick(2))
			check_lines(i);
	}
	for (i = 0; i < PAIRS; i++)
		line_close(&lines[i]);
}

TEST(random_use_agrees_with_poll)
{
	time_limit(30);
	iv_init();
	run_random(UINT64_C(0x9e3779b97f4a7c15), 20000);
	run_random(UINT64_C(0xd1b54a32d192ed03), 20000);
	iv_deinit();
}
