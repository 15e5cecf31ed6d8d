/* SPDX-License-Identifier: MIT */
/*
 * async.c - tests of ev_async, and of waking a loop.
 */
#include <signal.h>
#include "rig.h"

TEST(sent_before_the_run)
{
	struct ev_loop *loop = make_loop();
	ev_async w;

	PLAIN(async, loop, &w, "a");
	CHECK(!ev_async_pending(&w));
	ev_async_send(loop, &w);
	CHECK(ev_async_pending(&w));
	ev_async_send(loop, &w);
	CHECK_INT(ev_run(loop, EVRUN_ONCE), ==, 1);
	CHECK_HEARD("a(80000)");
	CHECK(!ev_async_pending(&w));
	ev_run(loop, EVRUN_NOWAIT);
	CHECK_HEARD("");
	ev_loop_destroy(loop);
}

TEST(several)
{
	struct ev_loop *loop = make_loop();
	ev_async w[3];

	PLAIN(async, loop, &w[0], "a");
	PLAIN(async, loop, &w[1], "b");
	PLAIN(async, loop, &w[2], "c");
	ev_async_send(loop, &w[2]);
	ev_async_send(loop, &w[0]);
	ev_async_send(loop, &w[1]);
	ev_run(loop, EVRUN_ONCE);
	CHECK_HEARD("a(80000) b(80000) c(80000)");
	ev_async_stop(loop, &w[0]);
	ev_async_send(loop, &w[0]);
	ev_async_send(loop, &w[2]);
	ev_run(loop, EVRUN_ONCE);
	CHECK_HEARD("c(80000)");
	ev_async_stop(loop, &w[0]);
	ev_loop_destroy(loop);
}

static int sends = 3;

static void send_again(struct ev_loop *loop, ev_async *w, int revents)
{
	said(w->data, revents);
	if (--sends > 0)
		ev_async_send(loop, w);
	else
		ev_async_stop(loop, w);
}

TEST(sent_by_its_callback)
{
	struct ev_loop *loop = make_loop();
	ev_async w;

	ev_async_init(&w, send_again);
	LABEL(&w, "a");
	ev_async_start(loop, &w);
	ev_async_send(loop, &w);
	CHECK_INT(ev_run(loop, 0), ==, 0);
	CHECK_HEARD("a(80000) a(80000) a(80000)");
	ev_loop_destroy(loop);
}

TEST(of_what_was_stopped_it_is_forgotten)
{
	struct ev_loop *loop = make_loop();
	ev_async w;

	PLAIN(async, loop, &w, "a");
	ev_async_send(loop, &w);
	ev_async_stop(loop, &w);
	ev_async_start(loop, &w);
	CHECK(!ev_async_pending(&w));
	ev_run(loop, EVRUN_NOWAIT);
	CHECK_HEARD("");
	ev_loop_destroy(loop);
}

/* ---- From another thread, and from a signal handler -------------------------- */

#define SENDS	300

struct ring {
	struct ev_loop	*loop[2];
	ev_async	w[2];
	int	calls;
};

static void pong(struct ev_loop *loop, ev_async *w, int revents)
{
	struct ring *r = w->data;

	(void)revents;
	if (loop == r->loop[1]) {
		ev_async_send(r->loop[0], &r->w[0]);
		return;
	}
	if (__atomic_add_fetch(&r->calls, 1, __ATOMIC_RELEASE) == SENDS)
		ev_break(loop, EVBREAK_ALL);
	else
		ev_async_send(r->loop[1], &r->w[1]);
}

static void *serve(void *_r)
{
	struct ring *r = _r;

	while (__atomic_load_n(&r->calls, __ATOMIC_ACQUIRE) < SENDS)
		ev_run(r->loop[1], EVRUN_ONCE);
	return NULL;
}

TEST(between_two_threads_nothing_is_lost)
{
	struct ring r = { { make_loop(), make_loop() }, { { 0 }, { 0 } }, 0 };
	pthread_t tid;
	int i;

	for (i = 0; i < 2; i++) {
		ev_async_init(&r.w[i], pong);
		r.w[i].data = &r;
		ev_async_start(r.loop[i], &r.w[i]);
	}
	CHECK_INT(pthread_create(&tid, NULL, serve, &r), ==, 0);
	ev_async_send(r.loop[1], &r.w[1]);
	ev_run(r.loop[0], 0);
	CHECK_INT(r.calls, ==, SENDS);
	ev_async_send(r.loop[1], &r.w[1]);
	pthread_join(tid, NULL);
	ev_loop_destroy(r.loop[0]);
	ev_loop_destroy(r.loop[1]);
}

/* Of many sends few are calls, and the last of these sees what was written
   before the last of those. */
#define MERGED	20000

struct merge {
	struct ev_loop	*loop;
	ev_async	w;
	int	written[2], seen[2];
};

struct sender {
	struct merge	*m;
	int	number;
};

static void *send_many(void *_s)
{
	struct sender *s = _s;
	int i;

	for (i = 1; i <= MERGED; i++) {
		__atomic_store_n(&s->m->written[s->number], i,
				 __ATOMIC_RELAXED);
		ev_async_send(s->m->loop, &s->m->w);
	}
	return NULL;
}

static void look(struct ev_loop *loop, ev_async *w, int revents)
{
	struct merge *m = w->data;
	int i;

	(void)revents;
	for (i = 0; i < 2; i++)
		m->seen[i] = __atomic_load_n(&m->written[i], __ATOMIC_RELAXED);
	if (m->seen[0] == MERGED && m->seen[1] == MERGED)
		ev_break(loop, EVBREAK_ALL);
}

TEST(of_merged_ones_all_that_was_written_is_seen)
{
	struct merge m = { make_loop(), { 0 }, { 0 }, { 0 } };
	struct sender s[2] = { { &m, 0 }, { &m, 1 } };
	pthread_t tid[2];
	int i;

	ev_async_init(&m.w, look);
	m.w.data = &m;
	ev_async_start(m.loop, &m.w);
	for (i = 0; i < 2; i++)
		CHECK_INT(pthread_create(&tid[i], NULL, send_many, &s[i]), ==,
			  0);
	ev_run(m.loop, 0);
	for (i = 0; i < 2; i++)
		pthread_join(tid[i], NULL);
	CHECK_INT(m.seen[0], ==, MERGED);
	ev_loop_destroy(m.loop);
}

/* The last send of a try comes while the loop looks at those before it, and is
   merged with one of them or not; nothing comes after it.  Without a fence on
   one side the other does not see what is still in a store buffer, so these are
   kept full: by cache lines that the other thread has.  What has not been seen
   after so many turns is lost; without a processor for both there are few
   tries. */
#define TURNS	100
#define TRIES	20000
#define LINES	8
#define OTHERS	8

static struct line {
	int	value;
	char	apart[252];
} written[LINES], seen, turns;

static struct {
	ev_async	w;
	char	apart[256];
} marked[OTHERS + 1];

static int over, lost;

static void look_at_last(struct ev_loop *loop, ev_async *w, int revents)
{
	(void)loop;
	(void)revents;
	if (w == &marked[0].w)
		__atomic_store_n(&seen.value,
				 __atomic_load_n(&written[0].value,
						 __ATOMIC_RELAXED),
				 __ATOMIC_RELEASE);
}

static void write_lines(int lines, int value)
{
	while (lines-- > 0)
		__atomic_store_n(&written[lines].value, value,
				 __ATOMIC_RELAXED);
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static int is_seen(int value)
{
	return __atomic_load_n(&seen.value, __ATOMIC_ACQUIRE) == value;
}

static int turns_done(void)
{
	return __atomic_load_n(&turns.value, __ATOMIC_ACQUIRE);
}

static void wait_until_seen(int value, double until)
{
	int since = turns_done(), i;

	for (i = 0; turns_done() - since < TURNS && !is_seen(value); i++)
		if (i > 1000 && (sched_yield(), seconds() > until))
			return;
	lost += !is_seen(value);
}

static void *send_last(void *loop)
{
	double until = seconds() + 1.;
	unsigned random = 1;
	int i, j;

	for (i = 1; i <= TRIES && seconds() < until; i++) {
		for (j = OTHERS; j >= 0; j--)
			ev_async_send(loop, &marked[j].w);
		random = random * 1103515245 + 12345;
		for (j = (int)(random >> 16 & 2047); j > 0; j--)
			__asm__ volatile("");
		write_lines(i % 2 ? 1 : LINES, i);
		ev_async_send(loop, &marked[0].w);
		wait_until_seen(i, until);
	}
	__atomic_store_n(&over, 1, __ATOMIC_RELAXED);
	return NULL;
}

TEST(the_last_of_merged_ones_is_seen)
{
	struct ev_loop *loop;
	pthread_t tid;
	int i;

	if (!IS_OURS)
		SKIP("libev loses some in ten thousand");
	loop = make_loop();
	for (i = 0; i <= OTHERS; i++) {
		ev_async_init(&marked[i].w, look_at_last);
		ev_async_start(loop, &marked[i].w);
	}
	CHECK_INT(pthread_create(&tid, NULL, send_last, loop), ==, 0);
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
		ev_run(loop, EVRUN_NOWAIT);
		__atomic_add_fetch(&turns.value, 1, __ATOMIC_RELEASE);
	}
	pthread_join(tid, NULL);
	CHECK_INT(lost, ==, 0);
	ev_loop_destroy(loop);
}

static struct ev_loop *woken_loop;
static ev_async woken_watcher;

static void on_alarm(int signum)
{
	(void)signum;
	ev_async_send(woken_loop, &woken_watcher);
}

static void enough(struct ev_loop *loop, ev_async *w, int revents)
{
	static int calls;

	said(w->data, revents);
	if (++calls == 3)
		ev_break(loop, EVBREAK_ALL);
}

TEST(from_a_signal_handler)
{
	struct sigaction action, before;
	struct itimerval every = { { 0, 3000 }, { 0, 3000 } }, never;

	memset(&never, 0, sizeof(never));
	woken_loop = make_loop();
	ev_async_init(&woken_watcher, enough);
	LABEL(&woken_watcher, "a");
	ev_async_start(woken_loop, &woken_watcher);
	memset(&action, 0, sizeof(action));
	action.sa_handler = on_alarm;
	action.sa_flags = SA_RESTART;
	CHECK_SYS(sigaction(SIGALRM, &action, &before));
	CHECK_SYS(setitimer(ITIMER_REAL, &every, NULL));
	ev_run(woken_loop, 0);
	CHECK_HEARD("a(80000) a(80000) a(80000)");
	CHECK_SYS(setitimer(ITIMER_REAL, &never, NULL));
	CHECK_SYS(sigaction(SIGALRM, &before, NULL));
	ev_loop_destroy(woken_loop);
}

/* ---- A loop that goes from hand to hand ---------------------------------------- */

static void *run_it(void *loop)
{
	ev_run(loop, 0);
	return NULL;
}

TEST(filled_here_and_run_there)
{
	struct ev_loop *loop = make_loop();
	pthread_t tid;
	ev_timer t;
	ev_io io;
	ev_async a;
	int p[2];

	make_pipe(p);
	IO(loop, &io, "io", p[0], EV_READ);
	PLAIN(async, loop, &a, "a");
	TIMER(loop, &t, "t", .001, 0.);
	ev_unref(loop);
	ev_unref(loop);
	CHECK_INT(pthread_create(&tid, NULL, run_it, loop), ==, 0);
	pthread_join(tid, NULL);
	CHECK_HEARD("t(100)");
	CHECK_INT(ev_run(loop, EVRUN_NOWAIT), ==, 0);
	ev_loop_destroy(loop);
	close_pair(p);
}

/* Other threads change the loop under a lock that it has but for the wait. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int changes;

static void release(struct ev_loop *loop)
{
	(void)loop;
	pthread_mutex_unlock(&lock);
}

static void acquire(struct ev_loop *loop)
{
	(void)loop;
	pthread_mutex_lock(&lock);
}

struct shared {
	struct ev_loop	*loop;
	ev_async	w;
	int	p[2];
};

static void changed(struct ev_loop *loop, ev_io *w, int revents)
{
	(void)revents;
	changes++;
	ev_io_stop(loop, w);
}

static void nothing(struct ev_loop *loop, ev_async *w, int revents)
{
	(void)loop;
	(void)w;
	(void)revents;
}

static void *change(void *_s)
{
	struct shared *s = _s;
	ev_io io;
	int i;

	for (i = 0; i < 300; i++) {
		int before;

		pthread_mutex_lock(&lock);
		before = changes;
		ev_io_init(&io, changed, s->p[0], EV_READ);
		ev_io_start(s->loop, &io);
		ev_async_send(s->loop, &s->w);
		pthread_mutex_unlock(&lock);
		for (;;) {
			int now;

			pthread_mutex_lock(&lock);
			now = changes;
			pthread_mutex_unlock(&lock);
			if (now != before)
				break;
			sched_yield();
		}
	}
	pthread_mutex_lock(&lock);
	ev_async_stop(s->loop, &s->w);
	ev_async_send(s->loop, &s->w);
	pthread_mutex_unlock(&lock);
	return NULL;
}

TEST(started_by_another_thread_during_the_wait)
{
	struct shared s;
	pthread_t tid;

	s.loop = make_loop();
	make_full_pipe(s.p);
	ev_async_init(&s.w, nothing);
	ev_async_start(s.loop, &s.w);
	ev_run(s.loop, EVRUN_NOWAIT);
	ev_set_loop_release_cb(s.loop, release, acquire);
	pthread_mutex_lock(&lock);
	CHECK_INT(pthread_create(&tid, NULL, change, &s), ==, 0);
	ev_run(s.loop, 0);
	pthread_mutex_unlock(&lock);
	pthread_join(tid, NULL);
	CHECK_INT(changes, ==, 300);
	ev_loop_destroy(s.loop);
	close_pair(s.p);
}
