/* SPDX-License-Identifier: MIT */
/*
 * memory.c - tests of iv_set_allocator().
 *
 * The allocator here marks its blocks, so that whatever is freed or made
 * longer has to be one of them.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <iv_event.h>
#include <iv_event_raw.h>
#include <iv_fd_pump.h>
#include <iv_popen.h>
#include <iv_signal.h>
#include <iv_thread.h>
#include <iv_wait.h>
#include <iv_work.h>
#include "harness/test.h"

#define MARK	UINT64_C(0x6d656d6f72792e63)

/* ---- The allocator ---------------------------------------------------------- */

struct head {
	uint64_t	mark;
	size_t		size;
} __attribute__((aligned(16)));

static long blocks;
static unsigned calls;
static unsigned fail_at;	/* which call, from 1; 0: none */

static void *give(struct head *h, size_t size)
{
	if (h == NULL)
		return NULL;
	h->mark = MARK;
	h->size = size;
	return h + 1;
}

/* As careless with errno as one may be. */
static void *marked(void *p, size_t size)
{
	struct head *h = p != NULL ? (struct head *)p - 1 : NULL;

	errno = EXDEV;
	CHECK(h == NULL || h->mark == MARK);
	if (size == 0) {
		CHECK(h != NULL);
		__atomic_sub_fetch(&blocks, 1, __ATOMIC_SEQ_CST);
		h->mark = 0;
		free(h);
		errno = EXDEV;
		return NULL;
	}
	if (__atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST) == fail_at)
		return NULL;
	if (h == NULL)
		__atomic_add_fetch(&blocks, 1, __ATOMIC_SEQ_CST);
	return give(realloc(h, sizeof(*h) + size), size);
}

/* ---- An object of each kind that has memory ----------------------------------- */

static struct iv_fd_pump pump;
static struct iv_event event;
static struct iv_event_raw raw;
static struct iv_signal usr1;
static struct iv_wait_interest child;
static struct iv_popen_request program;
static struct iv_work_pool pool;
static struct iv_work_item item;
static struct iv_timer timer;
static struct iv_fd fd;
static int pair[2], from[2], to[2];
static unsigned seen;

enum {
	PUMP = 1, EVENT = 2, RAW = 4, SIGNAL = 8, CHILD = 16, THREAD = 32,
	WORK = 64, IN = 128, ALL = 255
};

static void got(void *_bit)
{
	seen |= (unsigned)(uintptr_t)_bit;
	if (seen == ALL)
		iv_quit();
}

static void *bit(unsigned n)
{
	return (void *)(uintptr_t)n;
}

/* Another time for what was refused: by us, so the reason is known. */
static int refused(int ret)
{
	if (ret >= 0)
		return 0;
	CHECK_INT(errno, ==, ENOMEM);
	return 1;
}

static void no_bands(void *cookie, int in, int out)
{
	(void)cookie;
	(void)in;
	(void)out;
}

static void pump_now(void *cookie)
{
	int ret;

	while (refused(ret = iv_fd_pump_pump(&pump)))
		;
	CHECK_INT(ret, ==, 1);
	got(bit(PUMP));
	(void)cookie;
}

static void set_up_pump(void)
{
	make_socketpair(from);
	make_socketpair(to);
	poke(from[1]);
	CHECK_SYS(fcntl(from[0], F_SETFL, O_NONBLOCK));
	CHECK_SYS(fcntl(to[0], F_SETFL, O_NONBLOCK));
	IV_FD_PUMP_INIT(&pump);
	pump.from_fd = from[0];
	pump.to_fd = to[0];
	pump.set_bands = no_bands;
	iv_fd_pump_init(&pump);
	pump_now(NULL);
}

static void child_ends(void *cookie)
{
	(void)cookie;
}

static void child_ended(void *cookie, int status, const struct rusage *usage)
{
	(void)usage;
	CHECK(WIFEXITED(status));
	iv_wait_interest_unregister(&child);
	got(cookie);
}

static void work(void *cookie)
{
	(void)cookie;
}

static void in_thread(void *cookie)
{
	iv_event_post(cookie);
}

static char name[] = "true", nowhere[] = "/nonexistent";
static char *const argv[] = { name, NULL };

static void run_program(void)
{
	int end;

	IV_POPEN_REQUEST_INIT(&program);
	program.file = name;
	program.argv = (char **)(uintptr_t)argv;
	program.type = (char *)(uintptr_t)"r";
	while (refused(end = iv_popen_request_submit(&program)))
		;
	iv_popen_request_close(&program);
	CHECK_SYS(close(end));
}

static void set_up(void)
{
	seen = 0;
	IV_EVENT_INIT(&event);
	event.cookie = bit(EVENT | THREAD);
	event.handler = got;
	while (refused(iv_event_register(&event)))
		;
	IV_EVENT_RAW_INIT(&raw);
	raw.cookie = bit(RAW);
	raw.handler = got;
	while (refused(iv_event_raw_register(&raw)))
		;
	iv_event_raw_post(&raw);
	IV_SIGNAL_INIT(&usr1);
	usr1.signum = SIGUSR1;
	usr1.cookie = bit(SIGNAL);
	usr1.handler = got;
	while (refused(iv_signal_register(&usr1)))
		;
	CHECK_SYS(kill(getpid(), SIGUSR1));
	IV_WAIT_INTEREST_INIT(&child);
	child.cookie = bit(CHILD);
	child.handler = child_ended;
	while (refused(iv_wait_interest_register_spawn(&child, child_ends,
						       NULL)))
		;
	while (refused(iv_thread_create("memory", in_thread, &event)))
		;
	IV_WORK_POOL_INIT(&pool);
	pool.max_threads = 2;
	while (refused(iv_work_pool_create(&pool)))
		;
	IV_WORK_ITEM_INIT(&item);
	item.cookie = bit(WORK);
	item.work = work;
	item.completion = got;
	iv_work_pool_submit_work(&pool, &item);
	make_socketpair(pair);
	poke(pair[1]);
	IV_FD_INIT(&fd);
	fd.fd = pair[0];
	fd.cookie = bit(IN);
	fd.handler_in = got;
	while (refused(iv_fd_register_try(&fd)))
		;
	timer_after(&timer, 3600000, never_handler, NULL);
	iv_timer_register(&timer);
	run_program();
	set_up_pump();
}

static void take_down(void)
{
	iv_event_unregister(&event);
	iv_event_raw_unregister(&raw);
	iv_signal_unregister(&usr1);
	iv_work_pool_put(&pool);
	iv_fd_unregister(&fd);
	iv_timer_unregister(&timer);
	iv_fd_pump_destroy(&pump);
	close_pair(pair);
	close_pair(from);
	close_pair(to);
	iv_main();
}

/* FAIL: which of its requests for memory, iv_init()'s apart, is refused. */
static void run_all(unsigned fail)
{
	iv_init();
	CHECK_INT(blocks, >=, 2);
	fail_at = fail != 0 ? calls + fail : 0;
	with_deadline(8);
	set_up();
	iv_main();
	CHECK_INT(seen, ==, ALL);
	without_deadline();
	take_down();
	iv_deinit();
	CHECK_INT(blocks, ==, 0);
}

/* ---- Cases -------------------------------------------------------------------- */

TEST(all_memory_comes_from_it_and_goes_back)
{
	iv_set_allocator(marked);
	run_all(0);
	CHECK_INT(calls, >, 10);
	run_all(0);
}

TEST(each_refusal_is_told_or_survived)
{
	unsigned n = 0;

	time_limit(60);
	iv_set_allocator(marked);
	do
		run_all(++n);
	while (calls >= fail_at);
	CHECK_INT(n, >, 10);
}

static void *none(void *p, size_t size)
{
	(void)p;
	(void)size;
	return NULL;
}

FATAL_TEST(no_memory_for_a_loop, "iv_init: out of memory")
{
	iv_set_allocator(none);
	iv_init();
}

TEST(null_is_the_default)
{
	iv_set_allocator(none);
	iv_set_allocator(NULL);
	iv_init();
	iv_deinit();
	CHECK_INT(calls, ==, 0);
}

static void pool_comes_and_goes(void)
{
	seen = 0;
	IV_WORK_POOL_INIT(&pool);
	pool.max_threads = 1;
	CHECK_INT(iv_work_pool_create(&pool), ==, 0);
	IV_WORK_ITEM_INIT(&item);
	item.cookie = bit(ALL);
	item.work = work;
	item.completion = got;
	iv_work_pool_submit_work(&pool, &item);
	iv_main();
	iv_work_pool_put(&pool);
	iv_main();
}

/* Not only when the loop ends. */
TEST(a_pool_that_is_put_gives_its_memory_back)
{
	long first;
	int i;

	iv_set_allocator(marked);
	iv_init();
	pool_comes_and_goes();
	first = blocks;
	for (i = 0; i < 50; i++)
		pool_comes_and_goes();
	CHECK_INT(blocks, <, first + 10);
	iv_deinit();
	CHECK_INT(blocks, ==, 0);
}

/* Free memory on the way out of a call that has failed already. */
TEST_ONCE(an_allocator_that_sets_errno_does_no_harm)
{
	iv_set_allocator(marked);
	iv_init();
	IV_POPEN_REQUEST_INIT(&program);
	program.file = nowhere;
	program.argv = (char **)(uintptr_t)argv;
	program.type = (char *)(uintptr_t)"r";
	CHECK_ERRNO(iv_popen_request_submit(&program), ENOENT);
	iv_deinit();
	CHECK_INT(blocks, ==, 0);
}

FATAL_TEST(called_later, "iv_set_allocator: called after the first iv_init()")
{
	iv_init();
	iv_set_allocator(marked);
}

FATAL_TEST(called_when_all_loops_are_gone,
	   "iv_set_allocator: called after the first iv_init()")
{
	iv_init();
	iv_deinit();
	iv_set_allocator(NULL);
}
