/* SPDX-License-Identifier: MIT */
/*
 * history.c - everything at once, and afterwards the judgement of log.c.
 *
 * Two loops, each in a thread of its own, have channels: events, a raw event,
 * signals, files that grow and are watched or followed.  Posters post to them in
 * bursts, and wait after each until it has been served, so the last post of each
 * burst is one that no later one makes up for.  Meanwhile a work pool, children,
 * programs, children that nobody waits for and a listener are kept busy, and a
 * tick and an alarm beat.
 *
 * IV_HISTORY_SECONDS: repeats that for so long, in place of once.
 */
#include "config.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <iv_alarm.h>
#include <iv_event.h>
#include <iv_event_raw.h>
#include <iv_follow.h>
#include <iv_listen.h>
#include <iv_path.h>
#include <iv_signal.h>
#include <iv_spawn.h>
#include <iv_tick.h>
#include <iv_wait.h>
#include <iv_work.h>
#include "harness/test.h"
#include "history/log.h"

#define LOOPS	2
#define ITEMS	300
#define CHILDREN	30
#define PROGRAMS	20
#define STRANGERS	20
#define CLIENTS	100
#define KINDS	5		/* of these */
#define AT_ONCE	6		/* items, or children, in flight */

/* Seconds after which a post that is not served is lost. */
#define PATIENCE	5

enum kind { EVENT, RAW, SIGNAL, FOLLOWED, WATCHED, CHURNED };

struct channel {
	enum kind	kind;
	int		loop;
	int		signum;
	struct iv_event	event;
	struct iv_event_raw	raw;
	struct iv_signal	sig;
	struct iv_follow	follow;
	struct iv_path	path;
	char		name[64];
	int		fd;			/* of the file */
	unsigned	written[POSTERS];	/* atomic: last number */
	unsigned	served[POSTERS];	/* atomic: as seen by a call */
};

static struct channel channels[] = {
	{ .kind = EVENT, .loop = 0 },
	{ .kind = EVENT, .loop = 1 },
	{ .kind = RAW, .loop = 0 },
	{ .kind = SIGNAL, .loop = 0, .signum = SIGUSR1 },
	{ .kind = SIGNAL, .loop = 1, .signum = SIGUSR2 },
	{ .kind = FOLLOWED, .loop = 0 },
	{ .kind = WATCHED, .loop = 1 },
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

/* What is seen is looked at first: a poster that it makes go on has begun its
   post before the call then, which may be the last one. */
static void called(void *_ch)
{
	struct channel *ch = _ch;
	unsigned saw[POSTERS], p;
	struct record *r;

	for (p = 0; p < POSTERS; p++)
		saw[p] = __atomic_load_n(&ch->written[p], __ATOMIC_RELAXED);
	r = log_add(&loop_log[ch->loop], CALLED, (unsigned)(ch - channels));
	memcpy(r->saw, saw, sizeof(saw));
	for (p = 0; p < POSTERS; p++) {
		if (saw[p] == ch->served[p])
			continue;
		__atomic_store_n(&ch->served[p], saw[p], __ATOMIC_RELEASE);
		sem_post(&acked[p]);
	}
	r->end = log_now();
}

/* All that has been written up to now is in the file. */
static void has_grown(void *_ch, unsigned what)
{
	struct channel *ch = _ch;
	struct stat st;

	CHECK_INT(what, ==, IV_FOLLOW_DATA);
	CHECK_SYS(fstat(ch->fd, &st));
	ch->follow.offset = st.st_size;
	called(ch);
}

static void has_changed(void *_ch, const struct iv_path_info *before,
			const struct iv_path_info *now)
{
	CHECK(before != NULL);
	CHECK(now != NULL);
	/* write(2) sets the times first, then the size (Linux 6.18,
	   generic_file_write_iter()): a look between them sees one. */
	CHECK_INT(now->size, >=, before->size);
	CHECK(memcmp(before, now, sizeof(*now)) != 0);
	called(_ch);
}

static void open_file(struct channel *ch)
{
	snprintf(ch->name, sizeof(ch->name), "%s/%d", tmpdir(),
		 (int)(ch - channels));
	ch->fd = (int)CHECK_SYS(open(ch->name, O_RDWR | O_CREAT | O_TRUNC |
					       O_APPEND | O_CLOEXEC, 0600));
}

static void follow_file(struct channel *ch)
{
	open_file(ch);
	IV_FOLLOW_INIT(&ch->follow);
	ch->follow.pathname = ch->name;
	ch->follow.fd = ch->fd;
	ch->follow.interval.tv_nsec = 10000000;
	ch->follow.cookie = ch;
	ch->follow.handler = has_grown;
	CHECK_SYS(iv_follow_register(&ch->follow));
}

static void watch_file(struct channel *ch)
{
	open_file(ch);
	IV_PATH_INIT(&ch->path);
	ch->path.pathname = ch->name;
	ch->path.interval.tv_nsec = 10000000;
	ch->path.cookie = ch;
	ch->path.handler = has_changed;
	CHECK_SYS(iv_path_register(&ch->path));
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
	case FOLLOWED:
		follow_file(ch);
		break;
	case WATCHED:
		watch_file(ch);
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
	case FOLLOWED:
		iv_follow_unregister(&ch->follow);
		CHECK_SYS(close(ch->fd));
		break;
	case WATCHED:
		iv_path_unregister(&ch->path);
		CHECK_SYS(close(ch->fd));
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

/* ---- Programs, strangers ------------------------------------------------ */

/* A shell that ends with what its thing carries. */
struct program {
	struct thing	thing;
	struct iv_spawn	spawn;
	pid_t	pid;
	char	script[16];
	char	*argv[4];
};

static struct program programs[PROGRAMS], strangers[STRANGERS];
static unsigned programs_begun, programs_left, strangers_begun, strangers_left;
static struct iv_wait_any any;

static void submit(struct program *p, int loop, unsigned id)
{
	static char sh[] = "sh", c[] = "-c";

	p->thing.id = id;
	p->thing.contents = (epoch + id) % 256;
	snprintf(p->script, sizeof(p->script), "exit %u", p->thing.contents);
	p->argv[0] = sh;
	p->argv[1] = c;
	p->argv[2] = p->script;
	log_add(&loop_log[loop], SUBMITTED, id)->seq = p->thing.contents;
}

/* Only its end is seen. */
static void ended(struct program *p, int loop, int status, unsigned *left)
{
	struct thing *t = &p->thing;

	CHECK(WIFEXITED(status));
	t->times = 1;
	t->worked.seq = (unsigned)WEXITSTATUS(status);
	t->worked.start = t->worked.end = log_now();
	finish(&loop_log[loop], t);
	if (--*left == 0)
		sem_post(&things_done);
}

static void next_program(void);

static void program_ended(void *p, int status, const struct rusage *usage)
{
	(void)usage;
	ended(p, 1, status, &programs_left);
	next_program();
}

static void next_program(void)
{
	struct program *p = &programs[programs_begun];

	if (programs_begun == PROGRAMS)
		return;
	submit(p, 1, ITEMS + CHILDREN + programs_begun++);
	IV_SPAWN_INIT(&p->spawn);
	p->spawn.file = "/bin/sh";
	p->spawn.argv = p->argv;
	p->spawn.cookie = p;
	p->spawn.handler = program_ended;
	CHECK_SYS(iv_spawn_start(&p->spawn));
}

extern char **environ;

static void next_stranger(void)
{
	struct program *p = &strangers[strangers_begun];

	if (strangers_begun == STRANGERS)
		return;
	submit(p, 0, ITEMS + CHILDREN + PROGRAMS + strangers_begun++);
	CHECK_INT(posix_spawn(&p->pid, "/bin/sh", NULL, NULL, p->argv,
			      environ), ==, 0);
}

/* Numbers may come again when they have been told. */
static void stranger_ended(void *unused, pid_t pid, int status,
			   const struct rusage *usage)
{
	unsigned i = 0;

	(void)unused;
	(void)usage;
	while (i < STRANGERS && strangers[i].pid != pid)
		i++;
	CHECK_INT(i, <, STRANGERS);
	strangers[i].pid = 0;
	ended(&strangers[i], 0, status, &strangers_left);
	next_stranger();
}

/* ---- Clients ------------------------------------------------------------ */

#define FIRST_CLIENT	(ITEMS + CHILDREN + PROGRAMS + STRANGERS)

/* Each comes with a beat of the tick in the other loop. */
static struct client {
	struct thing	thing;
	int	fd;
	unsigned	port;		/* atomic: by which it is known */
} clients[CLIENTS];
static unsigned clients_begun, clients_left;
static struct iv_listen server;
static struct sockaddr_in server_address;

static void accepted(void *unused, int fd, const struct sockaddr *from,
		     socklen_t len)
{
	const struct sockaddr_in *client = (const void *)from;
	unsigned port = client->sin_port, i = 0;
	struct thing *t;

	(void)unused;
	(void)len;
	CHECK_SYS(close(fd));
	while (i < CLIENTS && __atomic_load_n(&clients[i].port,
					      __ATOMIC_ACQUIRE) != port)
		i++;
	CHECK_INT(i, <, CLIENTS);
	t = &clients[i].thing;
	t->times = 1;
	t->worked.seq = t->contents;
	t->worked.start = t->worked.end = log_now();
	finish(&loop_log[0], t);
	if (--clients_left == 0)
		sem_post(&things_done);
}

static int bound_socket(struct sockaddr_in *a)
{
	int fd = (int)CHECK_SYS(socket(AF_INET, SOCK_STREAM, 0));
	socklen_t len = sizeof(*a);

	CHECK_SYS(fcntl(fd, F_SETFD, FD_CLOEXEC));
	memset(a, 0, sizeof(*a));
	a->sin_family = AF_INET;
	a->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_SYS(bind(fd, (struct sockaddr *)a, sizeof(*a)));
	CHECK_SYS(getsockname(fd, (struct sockaddr *)a, &len));
	return fd;
}

static void start_server(void)
{
	IV_LISTEN_INIT(&server);
	server.fd = bound_socket(&server_address);
	CHECK_SYS(listen(server.fd, CLIENTS));
	server.handler = accepted;
	CHECK_SYS(iv_listen_register(&server));
}

static void next_client(void)
{
	struct client *c = &clients[clients_begun];
	struct sockaddr_in a;

	if (clients_begun == CLIENTS)
		return;
	c->thing.id = FIRST_CLIENT + clients_begun++;
	c->thing.contents = epoch + c->thing.id;
	c->fd = bound_socket(&a);
	log_add(&loop_log[1], SUBMITTED, c->thing.id)->seq = c->thing.contents;
	__atomic_store_n(&c->port, a.sin_port, __ATOMIC_RELEASE);
	CHECK_SYS(connect(c->fd, (struct sockaddr *)&server_address,
			  sizeof(server_address)));
}

/* ---- Beats -------------------------------------------------------------- */

#define BEATS	300000		/* from one to the next, in nanoseconds */

static struct iv_tick tick;
static struct iv_alarm alarm_;
static unsigned beats, alarms;
static int64_t first_beat;

static void add_beat(int loop, unsigned channel, unsigned seq, int64_t due)
{
	struct record *r = log_add(&loop_log[loop], BEAT, channel);

	r->seq = seq;
	r->due = due;
}

static void tick_beats(void *unused)
{
	(void)unused;
	beats += 1 + (unsigned)tick.missed;
	add_beat(1, CHANNELS, beats, first_beat + beats * (int64_t)BEATS);
	next_client();
}

/* That others do not set, if there is one. */
#ifdef CLOCK_BOOTTIME
#define ALARM_CLOCK	CLOCK_BOOTTIME
#else
#define ALARM_CLOCK	CLOCK_REALTIME
#endif

static int64_t alarm_clock(void)
{
	struct timespec ts;

	CHECK_SYS(clock_gettime(ALARM_CLOCK, &ts));
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static void alarm_rings(void *due)
{
	int64_t early = *(int64_t *)due - alarm_clock();

	add_beat(0, CHANNELS + 1, ++alarms, early > 0 ? log_now() + early : 0);
	*(int64_t *)due = alarm_.next.tv_sec * INT64_C(1000000000) +
			  alarm_.next.tv_nsec;
}

static void start_tick(void)
{
	IV_TICK_INIT(&tick);
	tick.interval.tv_nsec = BEATS;
	tick.handler = tick_beats;
	beats = 0;
	first_beat = log_now();
	log_add(&loop_log[1], REGISTERED, CHANNELS);
	CHECK_SYS(iv_tick_register(&tick));
}

static void start_alarm(void)
{
	static int64_t due;

	IV_ALARM_INIT(&alarm_);
	alarm_.clock = ALARM_CLOCK;
	alarm_.interval.tv_nsec = BEATS;
	alarm_.cookie = &due;
	alarm_.handler = alarm_rings;
	alarms = 0;
	due = 0;
	log_add(&loop_log[0], REGISTERED, CHANNELS + 1);
	CHECK_SYS(iv_alarm_register(&alarm_));
}

static void begin_others(int loop)
{
	int i;

	if (loop == 0) {
		IV_WAIT_ANY_INIT(&any);
		any.handler = stranger_ended;
		CHECK_SYS(iv_wait_any_register(&any));
		start_server();
		start_alarm();
	} else {
		start_tick();
	}
	for (i = 0; i < AT_ONCE / 2; i++) {
		if (loop == 0)
			next_stranger();
		else
			next_program();
	}
}

static void end_others(int loop)
{
	if (loop == 0) {
		iv_wait_any_unregister(&any);
		iv_listen_unregister(&server);
		iv_alarm_unregister(&alarm_);
		log_add(&loop_log[0], CLOSED, CHANNELS + 1);
		CHECK_SYS(close(server.fd));
	} else {
		iv_tick_unregister(&tick);
		log_add(&loop_log[1], CLOSED, CHANNELS);
	}
}

static void begin_things(int loop)
{
	int i;

	begin_others(loop);

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
	if (!sleepy)
		end_others(loop);
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
	case FOLLOWED:
	case WATCHED:
		CHECK_SYS(write(ch->fd, "x", 1));
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
	memset(programs, 0, sizeof(programs));
	memset(strangers, 0, sizeof(strangers));
	memset(clients, 0, sizeof(clients));
	items_begun = children_begun = programs_begun = strangers_begun = 0;
	clients_begun = 0;
	items_left = ITEMS;
	children_left = CHILDREN;
	programs_left = PROGRAMS;
	strangers_left = STRANGERS;
	clients_left = CLIENTS;
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
	for (i = 0; !sleepy && i < KINDS; i++)
		if (!await(&things_done))
			break;
	for (i = 0; i < LOOPS; i++)
		iv_event_post(&leave[i]);
	for (i = 0; i < LOOPS; i++)
		CHECK_INT(pthread_join(loop[i], NULL), ==, 0);
	for (i = 0; i < (int)clients_begun; i++)
		CHECK_SYS(close(clients[i].fd));
	judge();
}

static void run(unsigned of_rounds)
{
	const char *s = getenv("IV_HISTORY_SECONDS");
	unsigned seconds = s != NULL ? (unsigned)atoi(s) : 0;
	int64_t until = log_now() + seconds * INT64_C(1000000000);

	time_limit(seconds + 30);
	tmpdir();	/* is made by the first who asks, here one thread */
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
