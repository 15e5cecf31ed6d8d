/* SPDX-License-Identifier: MIT */
/*
 * history.c - everything at once, and afterwards the judgement of log.c.
 *
 * Two loops, each in a thread of its own, have channels: events, a raw event,
 * signals.  Posters post to them in bursts, and wait after each until it has
 * been served, so the last post of each burst is one that no later one makes
 * up for.  Meanwhile a work pool and children are kept busy.
 *
 * IV_HISTORY_SECONDS: repeats that for so long, in place of once.
 */
#include "config.h"
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <iv_event.h>
#include <iv_event_raw.h>
#include <iv_signal.h>
#include <iv_wait.h>
#include <iv_work.h>
#include "harness/test.h"
#include "history/log.h"

#define LOOPS	2
#define ITEMS	300
#define CHILDREN	30
#define AT_ONCE	6		/* items, or children, in flight */

/* Seconds after which a post that is not served is lost. */
#define PATIENCE	5

enum kind { EVENT, RAW, SIGNAL, CHURNED };

struct channel {
	enum kind	kind;
	int		loop;
	int		signum;
	struct iv_event	event;
	struct iv_event_raw	raw;
	struct iv_signal	sig;
	unsigned	written[POSTERS];	/* atomic: last number */
	unsigned	served[POSTERS];	/* atomic: as seen by a call */
};

static struct channel channels[] = {
	{ .kind = EVENT, .loop = 0 },
	{ .kind = EVENT, .loop = 1 },
	{ .kind = RAW, .loop = 0 },
	{ .kind = SIGNAL, .loop = 0, .signum = SIGUSR1 },
	{ .kind = SIGNAL, .loop = 1, .signum = SIGUSR2 },
	{ .kind = CHURNED, .loop = 1 },
};
#define CHANNELS	(sizeof(channels) / sizeof(channels[0]))

static struct log loop_log[LOOPS], poster_log[POSTERS];
static unsigned long loop_tid[LOOPS];
static struct iv_event leave[LOOPS];
static pthread_barrier_t all_set_up;
static sem_t acked[POSTERS];
static unsigned rounds, epoch;
static int sleepy, churning, gave_up;
static unsigned found_asleep;

/* False if that did not happen for a long time. */
static int await(sem_t *sem)
{
	struct timespec until;
	int ret;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += (time_t)(PATIENCE * time_scale());
	do
		ret = sem_timedwait(sem, &until);
	while (ret < 0 && errno == EINTR);
	if (ret < 0)
		__atomic_store_n(&gave_up, 1, __ATOMIC_RELAXED);
	return ret == 0;
}

/* ---- Channels, in their loops ------------------------------------------- */

static void called(void *_ch)
{
	struct channel *ch = _ch;
	struct record *r = log_add(&loop_log[ch->loop], CALLED,
				   (unsigned)(ch - channels));
	unsigned p;

	for (p = 0; p < POSTERS; p++) {
		r->saw[p] = __atomic_load_n(&ch->written[p],
					    __ATOMIC_RELAXED);
		if (r->saw[p] == ch->served[p])
			continue;
		__atomic_store_n(&ch->served[p], r->saw[p], __ATOMIC_RELEASE);
		sem_post(&acked[p]);
	}
	r->end = log_now();
}

static void open_channel(struct channel *ch)
{
	struct record *r = log_add(&loop_log[ch->loop], REGISTERED,
				   (unsigned)(ch - channels));

	switch (ch->kind) {
	case RAW:
		IV_EVENT_RAW_INIT(&ch->raw);
		ch->raw.cookie = ch;
		ch->raw.handler = called;
		CHECK_SYS(iv_event_raw_register(&ch->raw));
		break;
	case SIGNAL:
		IV_SIGNAL_INIT(&ch->sig);
		ch->sig.signum = ch->signum;
		ch->sig.cookie = ch;
		ch->sig.handler = called;
		CHECK_SYS(iv_signal_register(&ch->sig));
		break;
	default:
		ch->event.cookie = ch;
		ch->event.handler = called;
		CHECK_SYS(iv_event_register(&ch->event));
	}
	r->end = log_now();
}

static void close_channel(struct channel *ch, enum deed deed)
{
	struct record *r = log_add(&loop_log[ch->loop], deed,
				   (unsigned)(ch - channels));

	switch (ch->kind) {
	case RAW:
		iv_event_raw_unregister(&ch->raw);
		break;
	case SIGNAL:
		iv_signal_unregister(&ch->sig);
		break;
	default:
		iv_event_unregister(&ch->event);
	}
	r->end = log_now();
}

/* Posts to it go on meanwhile. */
static struct iv_timer churn_timer;

static void churn(void *_ch)
{
	struct channel *ch = _ch;

	close_channel(ch, UNREGISTERED);
	open_channel(ch);
	iv_validate_now();
	churn_timer.expires = iv_now;
	churn_timer.expires.tv_nsec += 100000;
	iv_timer_register(&churn_timer);
}

/* ---- Things that happen once -------------------------------------------- */

struct thing {
	struct iv_work_item	item;
	struct iv_wait_interest	wait;
	unsigned	id, contents;
	struct record	worked;
	unsigned	times;		/* atomic: that it was worked on */
};

static struct thing items[ITEMS], *children;
static struct iv_work_pool pool;
static unsigned items_begun, items_left, children_begun, children_left;
static sem_t things_done;

static void work(void *_t)
{
	struct thing *t = _t;

	t->worked.start = log_now();
	t->worked.seq = t->contents;
	__atomic_add_fetch(&t->times, 1, __ATOMIC_RELAXED);
	t->worked.end = log_now();
}

static void finish(struct log *l, struct thing *t)
{
	struct record *r = log_add(l, COMPLETED, t->id);
	unsigned i;

	r->seq = t->worked.seq;
	for (i = 0; i < t->times; i++) {
		r = log_add(l, WORKED, t->id);
		r->seq = t->worked.seq;
		r->start = t->worked.start;
		r->end = t->worked.end;
	}
}

static void next_item(void);

static void completed(void *_t)
{
	finish(&loop_log[0], _t);
	if (--items_left == 0)
		sem_post(&things_done);
	next_item();
}

static void next_item(void)
{
	struct thing *t = &items[items_begun];

	if (items_begun == ITEMS)
		return;
	t->id = items_begun++;
	t->contents = epoch * ITEMS + t->id;
	IV_WORK_ITEM_INIT(&t->item);
	t->item.cookie = t;
	t->item.work = work;
	t->item.completion = completed;
	log_add(&loop_log[0], SUBMITTED, t->id)->seq = t->contents;
	iv_work_pool_submit_work(&pool, &t->item);
}

/* Ends as another program, lest ThreadSanitizer and valgrind complain in the
   child about the threads that the parent has. */
static void in_child(void *_t)
{
	work(_t);
	execl("/bin/sh", "sh", "-c", "exit 7", (char *)NULL);
	abort();
}

static void next_child(void);

static void child_event(void *_t, int status, const struct rusage *usage)
{
	struct thing *t = _t;

	(void)usage;
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), ==, 7);
	finish(&loop_log[1], t);
	iv_wait_interest_unregister(&t->wait);
	if (--children_left == 0)
		sem_post(&things_done);
	next_child();
}

static void next_child(void)
{
	struct thing *t = &children[children_begun];

	if (children_begun == CHILDREN)
		return;
	t->id = ITEMS + children_begun++;
	t->contents = epoch * CHILDREN + t->id;
	IV_WAIT_INTEREST_INIT(&t->wait);
	t->wait.cookie = t;
	t->wait.handler = child_event;
	log_add(&loop_log[1], SUBMITTED, t->id)->seq = t->contents;
	CHECK_SYS(iv_wait_interest_register_spawn(&t->wait, in_child, t));
}

static void begin_things(int loop)
{
	int i;

	if (loop == 0) {
		IV_WORK_POOL_INIT(&pool);
		pool.max_threads = 3;
		CHECK_SYS(iv_work_pool_create(&pool));
	}
	for (i = 0; i < AT_ONCE; i++) {
		if (loop == 0)
			next_item();
		else
			next_child();
	}
}

/* ---- Loops ---------------------------------------------------------------- */

static void set_up(int loop)
{
	unsigned i;

	loop_tid[loop] = iv_get_thread_id();
	for (i = 0; i < CHANNELS; i++)
		if (channels[i].loop == loop)
			open_channel(&channels[i]);
	if (!sleepy)
		begin_things(loop);
	if (!churning || loop != channels[CHANNELS - 1].loop)
		return;
	timer_after(&churn_timer, 0, churn, &channels[CHANNELS - 1]);
	iv_timer_register(&churn_timer);
}

/* Then nothing is left but the pool's threads, for which the loop waits. */
static void tear_down(void *_leave)
{
	int loop = (int)((struct iv_event *)_leave - leave);
	unsigned i;

	for (i = 0; i < CHANNELS; i++)
		if (channels[i].loop == loop)
			close_channel(&channels[i], i == CHANNELS - 1 ?
				      UNREGISTERED : CLOSED);
	if (churning && loop == channels[CHANNELS - 1].loop)
		iv_timer_unregister(&churn_timer);
	if (!sleepy && loop == 0)
		iv_work_pool_put(&pool);
	iv_event_unregister(_leave);
}

static void *run_loop(void *_leave)
{
	struct iv_event *ev = _leave;

	iv_init();
	IV_EVENT_INIT(ev);
	ev->cookie = ev;
	ev->handler = tear_down;
	CHECK_SYS(iv_event_register(ev));
	set_up((int)(ev - leave));
	pthread_barrier_wait(&all_set_up);
	iv_main();
	iv_deinit();
	return NULL;
}

/* ---- Posters ---------------------------------------------------------------- */

/* True once the thread of LOOP sleeps, as proc(5) says; there is nothing
   else in these loops that could make it. */
static int falls_asleep(int loop)
{
	char path[64], stat[128];
	const char *state;
	unsigned tries;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%lu/stat",
		 loop_tid[loop]);
	for (tries = 0; tries < 1000; tries++) {
		f = fopen(path, "re");
		if (f == NULL)
			return 0;
		state = fgets(stat, sizeof(stat), f) != NULL ?
			strrchr(stat, ')') : NULL;
		fclose(f);
		if (state != NULL && state[1] != '\0' && state[2] == 'S')
			return 1;
		sched_yield();
	}
	return 0;
}

static void post(struct channel *ch, unsigned p)
{
	struct record *r;
	unsigned seq = ch->written[p] + 1;

	if (sleepy && falls_asleep(ch->loop))
		__atomic_add_fetch(&found_asleep, 1, __ATOMIC_RELAXED);
	r = log_add(&poster_log[p], POSTED, (unsigned)(ch - channels));
	r->poster = p;
	r->seq = seq;
	__atomic_store_n(&ch->written[p], seq, __ATOMIC_RELAXED);
	switch (ch->kind) {
	case RAW:
		iv_event_raw_post(&ch->raw);
		break;
	case SIGNAL:
		CHECK_SYS(kill(getpid(), ch->signum));
		break;
	default:
		iv_event_post(&ch->event);
	}
	r->end = log_now();
}

static int all_served(unsigned p)
{
	unsigned i;

	for (i = 0; i < CHANNELS - 1; i++)
		if (__atomic_load_n(&channels[i].served[p],
				    __ATOMIC_ACQUIRE) !=
		    channels[i].written[p])
			return 0;
	return 1;
}

static void *poster(void *_p)
{
	unsigned p = (unsigned)(intptr_t)_p, seed = epoch * POSTERS + p;
	unsigned targets = churning ? CHANNELS : CHANNELS - 1;
	unsigned i, burst;

	for (i = 0; i < rounds; i++) {
		burst = sleepy ? 1 : 1 + (unsigned)rand_r(&seed) % 8;
		while (burst-- > 0)
			post(&channels[(unsigned)rand_r(&seed) % targets], p);
		while (!all_served(p))
			if (!await(&acked[p]))
				return NULL;
	}
	return NULL;
}

/* ---- Histories ---------------------------------------------------------------- */

static void reset(void)
{
	unsigned i;

	for (i = 0; i < CHANNELS; i++) {
		memset(channels[i].written, 0, sizeof(channels[i].written));
		memset(channels[i].served, 0, sizeof(channels[i].served));
		IV_EVENT_INIT(&channels[i].event);
	}
	memset(items, 0, sizeof(items));
	memset(children, 0, CHILDREN * sizeof(*children));
	items_begun = children_begun = 0;
	items_left = ITEMS;
	children_left = CHILDREN;
	IV_TIMER_INIT(&churn_timer);
	for (i = 0; i < POSTERS; i++)
		CHECK_SYS(sem_init(&acked[i], 0, 0));
	CHECK_SYS(sem_init(&things_done, 0, 0));
	CHECK_INT(pthread_barrier_init(&all_set_up, NULL, LOOPS + 1), ==, 0);
}

static void judge(void)
{
	struct log all = { 0 };
	const char *what;
	size_t n;
	int i;

	for (i = 0; i < LOOPS; i++)
		log_merge(&all, &loop_log[i]);
	for (i = 0; i < POSTERS; i++)
		log_merge(&all, &poster_log[i]);
	n = all.n;
	what = log_complaint(&all);
	log_free(&all);
	if (what != NULL)
		FAIL("%s", what);
	if (gave_up)
		FAIL("nothing happened for %d s", PATIENCE);
	CHECK_INT(n, >, rounds);
}

static void one_epoch(void)
{
	pthread_t loop[LOOPS], tid[POSTERS];
	int i;

	reset();
	for (i = 0; i < LOOPS; i++)
		CHECK_INT(thread_create(pthread_create, &loop[i], NULL,
					run_loop, &leave[i]), ==, 0);
	pthread_barrier_wait(&all_set_up);
	for (i = 0; i < POSTERS; i++)
		CHECK_INT(thread_create(pthread_create, &tid[i], NULL, poster,
					(void *)(intptr_t)i), ==, 0);
	for (i = 0; i < POSTERS; i++)
		CHECK_INT(pthread_join(tid[i], NULL), ==, 0);
	if (!sleepy && await(&things_done))
		await(&things_done);
	for (i = 0; i < LOOPS; i++)
		iv_event_post(&leave[i]);
	for (i = 0; i < LOOPS; i++)
		CHECK_INT(pthread_join(loop[i], NULL), ==, 0);
	judge();
}

static void run(unsigned of_rounds)
{
	const char *s = getenv("IV_HISTORY_SECONDS");
	unsigned seconds = s != NULL ? (unsigned)atoi(s) : 0;
	int64_t until = log_now() + seconds * INT64_C(1000000000);

	time_limit(seconds + 30);
	rounds = time_scale() > 1 ? of_rounds / 5 : of_rounds;
	/* Children tell what they have done. */
	children = mmap(NULL, CHILDREN * sizeof(*children),
			PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	CHECK(children != MAP_FAILED);
	do {
		epoch++;
		one_epoch();
	} while (log_now() < until);
	munmap(children, CHILDREN * sizeof(*children));
	if (epoch > 1)
		note("%u times %u rounds of %d posters", epoch, rounds,
		     POSTERS);
}

TEST(a_storm_of_everything)
{
	run(500);
}

/* That posts are too late, debug builds take for a mistake. */
TEST(a_storm_while_registering_anew)
{
#ifdef IVI_DEBUG
	SKIP("late posts are fatal in debug builds");
#endif
	churning = 1;
	run(500);
}

TEST(a_loop_that_sleeps_before_each_post)
{
	sleepy = 1;
	run(150);
	note("found asleep before %u of %u posts", found_asleep,
	     epoch * rounds * POSTERS);
}
