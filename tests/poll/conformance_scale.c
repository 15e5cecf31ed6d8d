/* SPDX-License-Identifier: MIT */
/*
 * conformance_scale.c - many descriptors, high numbers, several threads, a
 * storm of signals, little stack.
 */
#include "config.h"
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include "poll/lab.h"

/* ---- Many ------------------------------------------------------------------------ */

static struct watch *many;
static int *ends;

/* N pipes, watched for reading. */
static void start_many(unsigned n)
{
	unsigned i;
	int fds[2];

	iv_init();
	need_fds(2 * n + 20);
	many = calloc(n, sizeof(*many));
	ends = calloc(n, sizeof(*ends));
	CHECK(many != NULL && ends != NULL);
	for (i = 0; i < n; i++) {
		make_pipe(fds);
		watch_start(&many[i], fds[0], "i");
		ends[i] = fds[1];
	}
}

static void end_many(unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		watch_end(&many[i]);
		CHECK_SYS(close(ends[i]));
	}
	free(many);
	free(ends);
	iv_main();
	iv_deinit();
}

/* Every STEPth one is ready, and only they are called. */
static void check_every(unsigned n, unsigned step)
{
	unsigned i;

	for (i = 0; i < n; i += step)
		poke(ends[i]);
	turns(1);
	for (i = 0; i < n; i++) {
		CHECK_STR(watch_seen(&many[i], 1), i % step ? "" : "i");
		if (i % step == 0)
			CHECK_INT(drain(many[i].fd.fd), ==, 1);
	}
	turns(1);
	for (i = 0; i < n; i++)
		CHECK_STR(watch_seen(&many[i], 0), "");
}

static void check_number(unsigned n)
{
	start_many(n);
	check_every(n, 1);
	check_every(n, 2);
	check_every(n, 7);
	check_every(n, n);
	end_many(n);
}

TEST(one)
{
	check_number(1);
}

TEST(two)
{
	check_number(2);
}

TEST(thousand)
{
	check_number(1000);
}

/* More than a method may fetch at a time: all have their turn, again and
   again. */
#define CROWD	1500

static void check_all_served(unsigned in_turns, unsigned at_least)
{
	unsigned i;

	turns(in_turns);
	for (i = 0; i < CROWD; i++) {
		CHECK_INT(many[i].in, >=, at_least);
		CHECK_INT(many[i].in, <=, in_turns);
		many[i].in = 0;
	}
}

TEST(more_ready_than_fetched_at_a_time)
{
	unsigned i;

	start_many(CROWD);
	for (i = 0; i < CROWD; i++)
		poke(ends[i]);
	check_all_served(2, 1);
	check_all_served(6, 3);
	for (i = 0; i < CROWD; i++)
		drain(many[i].fd.fd);
	turns(1);
	for (i = 0; i < CROWD; i++)
		CHECK_STR(watch_seen(&many[i], 0), "");
	end_many(CROWD);
}

static struct iv_task each_turn;
static unsigned tasks_run;

static void run_each_turn(void *unused)
{
	(void)unused;
	tasks_run++;
	iv_task_register(&each_turn);
}

static unsigned calls_of_crowd(void)
{
	unsigned i, n = 0;

	for (i = 0; i < CROWD; i++)
		n += many[i].in;
	return n;
}

/* Nor do they starve timers and tasks.  In a turn each is called once at
   most; if this thread is held up, the timer may be due before the first. */
TEST(crowd_leaves_room_for_others)
{
	struct tally t = { 0, 1 };
	struct iv_timer timer;
	unsigned i;

	start_many(CROWD);
	for (i = 0; i < CROWD; i++)
		poke(ends[i]);
	IV_TASK_INIT(&each_turn);
	each_turn.handler = run_each_turn;
	iv_task_register(&each_turn);
	do {
		t.calls = 0;
		timer_after(&timer, 5, tally, &t);
		iv_timer_register(&timer);
		iv_main();
		CHECK_INT(t.calls, ==, 1);
	} while (calls_of_crowd() == 0);
	CHECK_INT(tasks_run, >=, calls_of_crowd() / CROWD);
	iv_task_unregister(&each_turn);
	end_many(CROWD);
}

/* All of them unregistered by the first that is called. */
static unsigned calls;

static void unregister_all(void *unused)
{
	unsigned i;

	(void)unused;
	calls++;
	for (i = 0; i < CROWD; i++)
		iv_fd_unregister(&many[i].fd);
}

TEST(one_ends_the_crowd)
{
	unsigned i;

	start_many(CROWD);
	for (i = 0; i < CROWD; i++) {
		iv_fd_set_handler_in(&many[i].fd, unregister_all);
		poke(ends[i]);
	}
	iv_main();
	CHECK_INT(calls, ==, 1);
	for (i = 0; i < CROWD; i++) {
		iv_fd_register(&many[i].fd);
		watch_set(&many[i], "");
	}
	turns(1);
	end_many(CROWD);
}

/* ---- High numbers -------------------------------------------------------------------- */

static void check_high(int at_least)
{
	struct watch a, b, c;
	int fds[2], high;

	iv_init();
	make_pipe(fds);
	high = fcntl(fds[0], F_DUPFD_CLOEXEC, at_least);
	if (high < 0)
		SKIP("no descriptor above %d: %s", at_least, strerror(errno));
	watch_start(&a, high, "i");
	watch_init(&b, fds[0], "i");
	CHECK_SYS(iv_fd_register_try(&b.fd));
	turns(1);
	CHECK_STR(watch_seen(&a, 0), "");
	poke(fds[1]);
	turns(1);
	CHECK_STR(watch_seen(&a, 1), "i");
	CHECK_STR(watch_seen(&b, 1), "i");
	watch_init(&c, high, "");
	CHECK_ERRNO(iv_fd_register_try(&c.fd), EEXIST);
	watch_end(&a);
	iv_fd_unregister(&b.fd);
	iv_deinit();
	close_pair(fds);
}

TEST(number_of_1024_and_more)
{
	check_high(1024);
}

TEST(number_of_65536_and_more)
{
	check_high(65536);
}

/* ---- Threads ---------------------------------------------------------------------------- */

/* A ring of pipes; neighbours belong to different threads. */
#define SEATS	8
#define HOPS	4000

struct seat {
	struct iv_fd	fd;
	struct seat	*next;
	int		fds[2];
};

static struct seat seats[SEATS];
static int hops;
static pthread_mutex_t over_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t over_cond = PTHREAD_COND_INITIALIZER;
static int over;

static void all_over(void)
{
	pthread_mutex_lock(&over_lock);
	over = 1;
	pthread_cond_signal(&over_cond);
	pthread_mutex_unlock(&over_lock);
}

static void pass_on(void *seat)
{
	struct seat *s = seat;

	CHECK_INT(drain(s->fds[0]), ==, 1);
	if (__atomic_add_fetch(&hops, 1, __ATOMIC_SEQ_CST) == HOPS)
		all_over();
	else
		poke(s->next->fds[1]);
}

static void sit(struct seat *s)
{
	IV_FD_INIT(&s->fd);
	s->fd.fd = s->fds[0];
	s->fd.cookie = s;
	s->fd.handler_in = pass_on;
	iv_fd_register(&s->fd);
}

static void sit_every_other(void *first)
{
	struct seat *s = first;

	for (; s < seats + SEATS; s += 2)
		sit(s);
}

static void rise_every_other(void *first)
{
	struct seat *s = first;

	for (; s < seats + SEATS; s += 2)
		iv_fd_unregister(&s->fd);
}

TEST(ring_through_two_threads)
{
	struct loop_thread *t[2];
	int i;

	iv_init();	/* the first one comes alone */
	for (i = 0; i < SEATS; i++) {
		make_pipe(seats[i].fds);
		seats[i].next = &seats[(i + 1) % SEATS];
	}
	for (i = 0; i < 2; i++)
		t[i] = loop_thread_start(sit_every_other, rise_every_other,
					 &seats[i]);
	poke(seats[0].fds[1]);
	pthread_mutex_lock(&over_lock);
	while (!over)
		pthread_cond_wait(&over_cond, &over_lock);
	pthread_mutex_unlock(&over_lock);
	for (i = 0; i < 2; i++)
		loop_thread_stop(t[i]);
	CHECK_INT(hops, ==, HOPS);
	for (i = 0; i < SEATS; i++)
		close_pair(seats[i].fds);
	iv_deinit();
}

/* A descriptor in two loops: both are told. */
static struct {
	struct iv_fd	fd;
	int		number;
	int		tell[2];
} there;

static void seen_there(void *unused)
{
	(void)unused;
	iv_fd_set_handler_in(&there.fd, NULL);
	poke(there.tell[1]);
}

static void watch_there(void *unused)
{
	(void)unused;
	IV_FD_INIT(&there.fd);
	there.fd.fd = there.number;
	there.fd.handler_in = seen_there;
	iv_fd_register(&there.fd);
}

static void unwatch_there(void *unused)
{
	(void)unused;
	iv_fd_unregister(&there.fd);
}

static void watch_again_there(void *unused)
{
	(void)unused;
	iv_fd_set_handler_in(&there.fd, seen_there);
}

/* NUMBER is what the other thread knows FDS[0] as. */
static void check_shared(int fds[2], int number)
{
	struct loop_thread *t;
	struct watch here, told;
	int i;

	there.number = number;
	make_pipe(there.tell);
	watch_start(&here, fds[0], "i");
	watch_start(&told, there.tell[0], "");
	iv_fd_set_handler_in(&told.fd, quit_handler);
	t = loop_thread_start(watch_there, unwatch_there, NULL);
	turns(1);
	CHECK_STR(watch_seen(&here, 0), "");
	for (i = 0; i < 3; i++) {
		poke(fds[1]);
		iv_main();
		CHECK_INT(drain(there.tell[0]), ==, 1);
		CHECK_INT(here.in, >, 0);
		here.in = 0;
		drain(fds[0]);
		turns(1);
		CHECK_STR(watch_seen(&here, 0), "");
		loop_thread_call(t, watch_again_there, NULL);
	}
	poke(fds[1]);
	loop_thread_stop(t);
	turns(1);
	CHECK_STR(watch_seen(&here, 1), "i");
	drain(fds[0]);
	iv_fd_unregister(&here.fd);
	iv_fd_unregister(&told.fd);
	close_pair(there.tell);
}

TEST(duplicate_in_another_thread)
{
	int fds[2], copy;

	iv_init();
	make_pipe(fds);
	copy = (int)CHECK_SYS(fcntl(fds[0], F_DUPFD_CLOEXEC, 0));
	check_shared(fds, copy);
	close_pair(fds);
	CHECK_SYS(close(copy));
	iv_deinit();
}

TEST(same_number_in_another_thread)
{
	int fds[2];

	iv_init();
	make_pipe(fds);
	check_shared(fds, fds[0]);
	close_pair(fds);
	iv_deinit();
}

/* ---- A storm of signals -------------------------------------------------------------------- */

#define LAPS	3000

static struct iv_fd lap_fd;
static int lap_pipe[2];
static int laps;
static volatile sig_atomic_t alarms;

static void count_alarm(int sig)
{
	(void)sig;
	alarms++;
}

static void next_lap(void *unused)
{
	(void)unused;
	CHECK_INT(drain(lap_pipe[0]), ==, 1);
	laps++;
	poke(lap_pipe[1]);
}

static void next_timer(void *timer)
{
	if (laps >= LAPS && alarms >= 20) {
		iv_quit();
		return;
	}
	timer_after(timer, 1, next_timer, timer);
	iv_timer_register(timer);
}

static void start_alarms(void)
{
	struct itimerval it = { { 0, 500 }, { 0, 500 } };
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));	/* no SA_RESTART */
	sa.sa_handler = count_alarm;
	CHECK_SYS(sigaction(SIGALRM, &sa, NULL));
	CHECK_SYS(setitimer(ITIMER_REAL, &it, NULL));
}

static void stop_alarms(void)
{
	struct itimerval it = { { 0, 0 }, { 0, 0 } };

	CHECK_SYS(setitimer(ITIMER_REAL, &it, NULL));
}

/* Whatever they interrupt: descriptors and timers go on. */
TEST(storm_of_signals)
{
	struct iv_timer timer;

	fence_allow(FENCE_SIGNALS, "valgrind delivers the last alarm late");
	iv_init();
	make_pipe(lap_pipe);
	IV_FD_INIT(&lap_fd);
	lap_fd.fd = lap_pipe[0];
	lap_fd.handler_in = next_lap;
	iv_fd_register(&lap_fd);
	poke(lap_pipe[1]);
	timer_after(&timer, 1, next_timer, &timer);
	iv_timer_register(&timer);
	start_alarms();
	iv_main();
	CHECK_INT(laps, >=, LAPS);

	/* A loop that sleeps is woken by nothing else. */
	iv_fd_unregister(&lap_fd);
	alarms = 0;
	timer_after(&timer, 1, next_timer, &timer);
	iv_timer_register(&timer);
	iv_main();
	stop_alarms();
	close_pair(lap_pipe);
	iv_deinit();
}

/* ---- Little stack --------------------------------------------------------------------------- */

#define LITTLE	16384

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED	1
#elif defined(__has_feature)
#define SANITIZED	(__has_feature(address_sanitizer) ||		\
			 __has_feature(thread_sanitizer))
#else
#define SANITIZED	0
#endif

static void *little_thread(void *unused)
{
	struct watch *w = calloc(1, sizeof(*w));
	int i, fds[2];

	(void)unused;
	CHECK(w != NULL);
	iv_init();
	make_pipe(fds);
	watch_start(w, fds[0], "i");
	for (i = 0; i < 10; i++) {
		poke(fds[1]);
		turns(1);
		watch_set(w, i % 2 ? "" : "ioe");
	}
	CHECK_INT(w->in, ==, 6);
	loop_works();
	iv_fd_unregister(&w->fd);
	free(w);
	close_pair(fds);
	iv_deinit();
	return NULL;
}

TEST(loop_on_little_stack)
{
	pthread_attr_t attr;
	pthread_t tid;
	long min = sysconf(_SC_THREAD_STACK_MIN);

	if (SANITIZED)
		SKIP("a sanitizer needs more");
	if (min > LITTLE)
		SKIP("threads have %ld bytes at least", min);
	iv_init();
	CHECK_INT(pthread_attr_init(&attr), ==, 0);
	CHECK_INT(pthread_attr_setstacksize(&attr, LITTLE), ==, 0);
	CHECK_INT(pthread_create(&tid, &attr, little_thread, NULL), ==, 0);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
	pthread_attr_destroy(&attr);
	iv_deinit();
}
