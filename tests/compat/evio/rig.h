/* SPDX-License-Identifier: MIT */
/*
 * rig.h - what tests of evio share: callbacks that write down what they are
 * told, and words for what both generations have.
 *
 * EVIO_COMPAT says which generation a program is linked with.  With
 * EMULATED_KQUEUE it is the library upon kqueue(2), and cases run once for each
 * kind of kernel.
 */
#ifndef IV_EVIO_RIG_H
#define IV_EVIO_RIG_H

#include <ivykis-evio/evio.h>
#include "harness/test.h"

#if defined(EMULATED_KQUEUE) || !defined(__linux__)
#define IS_KQUEUE	1
#else
#define IS_KQUEUE	0
#endif

#ifdef EMULATED_KQUEUE
#define EVIO_TEST(name)							\
static void name(void);							\
EVIO_TEST_ON_(name, freebsd)						\
EVIO_TEST_ON_(name, netbsd)						\
EVIO_TEST_ON_(name, netbsd10)						\
EVIO_TEST_ON_(name, openbsd)						\
EVIO_TEST_ON_(name, macos)						\
static void name(void)
#define EVIO_TEST_ON_(name, kernel)					\
TEST_ONCE(name##_##kernel)						\
{									\
	be(#kernel);							\
	name();								\
}
#else
#define EVIO_TEST(name)	TEST_ONCE(name)
#endif

void be(const char *personality);

/* An argument: a letter. */
#define ARG(letter)	((void *)(intptr_t)(letter))

/*
 * The callbacks of the program.  They call TELL, if it is set, else write down
 * what they are: 'd' on_data, 'r' on_ready, 'x' on_error, 'c' on_close.
 */
extern void (*tell)(char what, void *arg);

/*
 * Reviews for MS milliseconds and expects what WANT says: words of callback and
 * argument, "da rb"; a question mark after those that may be left out.  The
 * review has to return the number of events.
 */
void expect(int ms, const char *want);

/* The same for nothing: not even the kernel wakes before that long. */
void expect_sleep(int ms);

/* Reviews until nothing has happened; how often WHAT was told. */
unsigned count_until_quiet(char what);

/* A registration that lasts: evio_add(), and for generation 2 again() after
   each event. */
void watch(int fd, void *arg);
void again(int fd, void *arg);
void again_write(int fd, void *arg);

/* What both generations have of timers; starting them has to succeed. */
int open_timer(void);
int set_timer(int timer, void *arg, unsigned long ms);
void start_timer(int timer, void *arg, unsigned long ms);

/* Steps of a table, of one end of a pair and its peer. */
enum does {
	NOTHING, ADD, ADD_READ, ADD_WRITE, REMOVE, PEER_WRITES, READ_ALL, FILL,
	PEER_READS, PEER_ENDS, PEER_CLOSES
};

struct step {
	enum does	does;
	char	arg;
	int	err;		/* not 0: it fails with that */
	const char	*told;	/* by one review; NULL: there is none */
};

/* Walks them with a new poller, and closes PAIR[0]. */
void walk(const int pair[2], const struct step *steps, int n);

#define WALK(pair, steps)						\
	walk(pair, steps, (int)(sizeof(steps) / sizeof(*(steps))))

/* Both ends are nonblocking. */
void make_pair(int fd[2]);

/* A listener on the loopback, and a connection to it: that connect(2) has
   returned does not say that accept(2) finds it already. */
int listen_here(struct sockaddr_storage *addr, socklen_t *len);
int connect_to(const struct sockaddr_storage *addr, socklen_t len);
int accept_from(int listener);
void connected_pair(int fd[2]);

#endif
