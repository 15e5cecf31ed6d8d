/* SPDX-License-Identifier: MIT */
/*
 * load.c - the activities.
 */
#include "config.h"
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <iv_alarm.h>
#include <iv_event.h>
#include <iv_fd_pump.h>
#include <iv_follow.h>
#include <iv_hook.h>
#include <iv_loop.h>
#include <iv_path.h>
#include <iv_signal.h>
#include <iv_spawn.h>
#include <iv_thread.h>
#include <iv_tick.h>
#include <iv_wait.h>
#include <iv_work.h>
#include "harness/test.h"
#include "soak/load.h"

/* Up to so many nanoseconds pass between rounds. */
#define PACE	2000000

static bool ending, refusals;
static unsigned seed = 1;

enum {
	TOKEN, TIMERS, TASKS, POSTS, SIGNALS, CHILDREN, WORK, PUMP, FILES,
	LOOPS, PROGRAMS, CLOCKWORK
};

static unsigned dice(unsigned n)
{
	return (unsigned)rand_r(&seed) % n;
}

static int64_t ns_of(const struct timespec *ts)
{
	return ts->tv_sec * INT64_C(1000000000) + ts->tv_nsec;
}

int64_t load_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ns_of(&ts);
}

static void timer_in(struct iv_timer *t, unsigned ns)
{
	iv_validate_now();
	t->expires = iv_now;
	t->expires.tv_nsec += ns;
	iv_timer_register(t);
}

static void again(struct activity *a)
{
	a->running = false;
	if (!ending)
		timer_in(&a->again, dice(PACE));
}

static void over(struct activity *a)
{
	CHECK(a->running);
	a->rounds++;
	a->since = load_clock();
	again(a);
}

static void refuse(struct activity *a)
{
	if (!refusals)
		FAIL("%s: refused: %s", a->name, strerror(errno));
	a->refused++;
	again(a);
}

static void round_begins(void *_a)
{
	struct activity *a = _a;

	CHECK(!a->running);
	a->running = true;
	a->begin(a);
}

/* ---- A token between two sockets -------------------------------------------- */

#define BOUNCES	20

static struct {
	int		fds[2];
	struct iv_fd	ends[2];
	unsigned	bounces;
} token;

static void token_end(void)
{
	int i;

	for (i = 0; i < 2; i++) {
		if (iv_fd_registered(&token.ends[i]))
			iv_fd_unregister(&token.ends[i]);
		close(token.fds[i]);
	}
}

static void token_came(void *_end)
{
	const struct iv_fd *end = _end;
	char c;

	CHECK(load[TOKEN].running);
	if (read(end->fd, &c, 1) != 1)
		return;
	CHECK_INT(c, ==, (char)token.bounces);
	if (++token.bounces == BOUNCES) {
		token_end();
		over(&load[TOKEN]);
		return;
	}
	c = (char)token.bounces;
	while (write(end->fd, &c, 1) < 0)
		CHECK_INT(errno, ==, EINTR);
}

static void token_begin(struct activity *a)
{
	int i;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, token.fds) < 0) {
		refuse(a);
		return;
	}
	token.bounces = 0;
	for (i = 0; i < 2; i++) {
		IV_FD_INIT(&token.ends[i]);
		token.ends[i].fd = token.fds[i];
		token.ends[i].cookie = &token.ends[i];
		token.ends[i].handler_in = token_came;
	}
	if (iv_fd_register_try(&token.ends[0]) < 0 ||
	    iv_fd_register_try(&token.ends[1]) < 0) {
		int err = errno;

		token_end();
		errno = err;
		refuse(a);
		return;
	}
	while (write(token.fds[0], "", 1) < 0)
		CHECK_INT(errno, ==, EINTR);
}

/* ---- Timers and tasks ---------------------------------------------------------- */

#define TIMERS_N	16
#define TASKS_N		8

static struct iv_timer timers[TIMERS_N];
static unsigned timers_left;
static struct iv_task tasks[TASKS_N];
static unsigned tasks_left;

static void timer_fired(void *_t)
{
	struct iv_timer *t = _t;
	struct iv_timer *other = &timers[dice(TIMERS_N)];

	CHECK(load[TIMERS].running && !iv_timer_registered(t));
	CHECK(load_clock() >= ns_of(&t->expires));
	t->cookie = NULL;
	timers_left--;
	if (iv_timer_registered(other)) {
		iv_timer_unregister(other);
		other->cookie = NULL;
		timers_left--;
	}
	if (timers_left == 0)
		over(&load[TIMERS]);
}

static void timers_begin(struct activity *a)
{
	int i;

	(void)a;
	timers_left = TIMERS_N;
	for (i = 0; i < TIMERS_N; i++) {
		IV_TIMER_INIT(&timers[i]);
		timers[i].cookie = &timers[i];
		timers[i].handler = timer_fired;
		timer_in(&timers[i], dice(20000000));
	}
}

static void task_ran(void *_t)
{
	struct iv_task *t = _t;

	CHECK(load[TASKS].running && tasks_left > 0);
	CHECK(!iv_task_registered(t));
	t->cookie = NULL;
	if (--tasks_left == 0)
		over(&load[TASKS]);
}

static void tasks_begin(struct activity *a)
{
	int i;

	(void)a;
	tasks_left = TASKS_N;
	for (i = 0; i < TASKS_N; i++) {
		IV_TASK_INIT(&tasks[i]);
		tasks[i].cookie = &tasks[i];
		tasks[i].handler = task_ran;
		iv_task_register(&tasks[i]);
	}
}

/* ---- Posts from a thread ----------------------------------------------------------- */

#define POSTS_N	50

static struct {
	struct iv_event	event, end;
	unsigned	written;	/* atomic */
	unsigned	seen;
} posts;

static void post_all(void *unused)
{
	unsigned i;

	(void)unused;
	for (i = 1; i <= POSTS_N; i++) {
		__atomic_store_n(&posts.written, i, __ATOMIC_RELAXED);
		iv_event_post(&posts.event);
		if (i % 8 == 0 && i < POSTS_N)
			sched_yield();
	}
	iv_event_post(&posts.end);
}

static void posts_came(void *unused)
{
	(void)unused;
	CHECK(load[POSTS].running);
	posts.seen = __atomic_load_n(&posts.written, __ATOMIC_RELAXED);
}

/* Called after the other: it was posted after that. */
static void posts_end(void *unused)
{
	(void)unused;
	CHECK_INT(posts.seen, ==, POSTS_N);
	iv_event_unregister(&posts.event);
	iv_event_unregister(&posts.end);
	over(&load[POSTS]);
}

static void posts_begin(struct activity *a)
{
	int err;

	posts.written = posts.seen = 0;
	IV_EVENT_INIT(&posts.event);
	posts.event.handler = posts_came;
	IV_EVENT_INIT(&posts.end);
	posts.end.handler = posts_end;
	if (iv_event_register(&posts.event) < 0) {
		refuse(a);
		return;
	}
	CHECK_SYS(iv_event_register(&posts.end));
	if (iv_thread_create("poster", post_all, NULL) == 0)
		return;
	err = errno;
	iv_event_unregister(&posts.event);
	iv_event_unregister(&posts.end);
	errno = err;
	refuse(a);
}

/* ---- Signals ------------------------------------------------------------------------- */

#define SIGNALS_N	10

static struct iv_signal sig;
static unsigned signals_left;

static void signal_came(void *unused)
{
	(void)unused;
	CHECK(load[SIGNALS].running);
	if (--signals_left > 0) {
		CHECK_SYS(kill(getpid(), SIGUSR1));
		return;
	}
	iv_signal_unregister(&sig);
	over(&load[SIGNALS]);
}

static void signals_begin(struct activity *a)
{
	IV_SIGNAL_INIT(&sig);
	sig.signum = SIGUSR1;
	sig.handler = signal_came;
	signals_left = SIGNALS_N;
	if (iv_signal_register(&sig) < 0)
		refuse(a);
	else
		CHECK_SYS(kill(getpid(), SIGUSR1));
}

/* ---- Children ------------------------------------------------------------------------- */

#define CHILDREN_N	3

static struct child {
	struct iv_wait_interest	wait;
	int		status;
	char		command[16];
	bool		lives;
} children[CHILDREN_N];
static unsigned children_left;

/* Ends as another program, lest ThreadSanitizer and valgrind complain in the
   child about the threads that the parent has. */
static void in_child(void *_c)
{
	execl("/bin/sh", "sh", "-c", ((const struct child *)_c)->command,
	      (char *)NULL);
	abort();
}

static void child_ended(void *_c, int status, const struct rusage *usage)
{
	struct child *c = _c;

	(void)usage;
	CHECK(load[CHILDREN].running && children_left > 0);
	CHECK(c->lives && WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), ==, c->status);
	c->lives = false;
	iv_wait_interest_unregister(&c->wait);
	if (--children_left == 0)
		over(&load[CHILDREN]);
}

static void children_begin(struct activity *a)
{
	int i;

	children_left = 0;
	for (i = 0; i < CHILDREN_N; i++) {
		struct child *c = &children[i];

		IV_WAIT_INTEREST_INIT(&c->wait);
		c->wait.cookie = c;
		c->wait.handler = child_ended;
		c->status = (int)dice(100);
		snprintf(c->command, sizeof(c->command), "exit %d", c->status);
		c->lives = iv_wait_interest_register_spawn(&c->wait, in_child,
							   c) == 0;
		if (c->lives)
			children_left++;
	}
	if (children_left == 0)
		refuse(a);
}

/* ---- A work pool ------------------------------------------------------------------------ */

#define ITEMS_N	20

static struct item {
	struct iv_work_item	work;
	unsigned	worked;
} items[ITEMS_N];
static struct iv_work_pool pool;
static unsigned items_left;

static void item_work(void *_i)
{
	((struct item *)_i)->worked++;
}

static void item_completed(void *_i)
{
	struct item *i = _i;

	CHECK(load[WORK].running && items_left > 0);
	CHECK_INT(i->worked, ==, 1);
	i->worked = 0;
	if (--items_left > 0)
		return;
	iv_work_pool_put(&pool);
	over(&load[WORK]);
}

static void work_begin(struct activity *a)
{
	int i;

	IV_WORK_POOL_INIT(&pool);
	pool.max_threads = 1 + (int)dice(3);
	if (iv_work_pool_create(&pool) < 0) {
		refuse(a);
		return;
	}
	items_left = ITEMS_N;
	for (i = 0; i < ITEMS_N; i++) {
		items[i].worked = 0;
		IV_WORK_ITEM_INIT(&items[i].work);
		items[i].work.cookie = &items[i];
		items[i].work.work = item_work;
		items[i].work.completion = item_completed;
		iv_work_pool_submit_work(&pool, &items[i].work);
	}
}

/* ---- A pump ------------------------------------------------------------------------------- */

#define PUMPED	65536

static struct {
	int		in[2], out[2];
	struct iv_fd	source, from, to, sink;
	struct iv_fd_pump	pump;
	unsigned	written, read;
} pumping;

static void pump_end(void)
{
	struct iv_fd *fds[] = { &pumping.source, &pumping.from, &pumping.to,
				&pumping.sink };
	unsigned i;

	for (i = 0; i < 4; i++) {
		if (iv_fd_registered(fds[i]))
			iv_fd_unregister(fds[i]);
		close(fds[i]->fd);
	}
}

static void source_ready(void *unused)
{
	char buf[4096];
	ssize_t n;
	unsigned i, left = PUMPED - pumping.written;

	(void)unused;
	if (left > sizeof(buf))
		left = sizeof(buf);
	for (i = 0; i < left; i++)
		buf[i] = (char)((pumping.written + i) % 251);
	n = write(pumping.source.fd, buf, left);
	if (n > 0)
		pumping.written += (unsigned)n;
	if (pumping.written < PUMPED)
		return;
	shutdown(pumping.source.fd, SHUT_WR);
	iv_fd_set_handler_out(&pumping.source, NULL);
}

static void sink_ready(void *unused)
{
	char buf[4096];
	ssize_t i, n = read(pumping.sink.fd, buf, sizeof(buf));

	(void)unused;
	CHECK(load[PUMP].running);
	for (i = 0; i < n; i++)
		CHECK_INT(buf[i], ==, (char)(pumping.read++ % 251));
	if (n != 0)
		return;
	CHECK_INT(pumping.read, ==, PUMPED);
	CHECK(iv_fd_pump_is_done(&pumping.pump));
	iv_fd_pump_destroy(&pumping.pump);
	pump_end();
	over(&load[PUMP]);
}

static void pump_ready(void *unused)
{
	int err;

	(void)unused;
	if (iv_fd_pump_pump(&pumping.pump) >= 0)
		return;
	err = errno;
	iv_fd_pump_destroy(&pumping.pump);
	pump_end();
	errno = err;
	refuse(&load[PUMP]);
}

static void set_bands(void *unused, int in, int out)
{
	(void)unused;
	iv_fd_set_handler_in(&pumping.from, in ? pump_ready : NULL);
	iv_fd_set_handler_out(&pumping.to, out ? pump_ready : NULL);
}

static int watch(struct iv_fd *f, int fd, void (*in)(void *),
		 void (*out)(void *))
{
	f->handler_in = in;
	f->handler_out = out;
	f->fd = fd;
	return iv_fd_register_try(f);
}

static void pump_begin(struct activity *a)
{
	int err;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pumping.in) < 0) {
		refuse(a);
		return;
	}
	CHECK_SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
			     pumping.out));
	IV_FD_INIT(&pumping.source);
	IV_FD_INIT(&pumping.from);
	IV_FD_INIT(&pumping.to);
	IV_FD_INIT(&pumping.sink);
	pumping.source.fd = pumping.in[0];
	pumping.from.fd = pumping.in[1];
	pumping.to.fd = pumping.out[0];
	pumping.sink.fd = pumping.out[1];
	pumping.written = pumping.read = 0;
	if (watch(&pumping.from, pumping.in[1], NULL, NULL) < 0 ||
	    watch(&pumping.to, pumping.out[0], NULL, NULL) < 0 ||
	    watch(&pumping.source, pumping.in[0], NULL, source_ready) < 0 ||
	    watch(&pumping.sink, pumping.out[1], sink_ready, NULL) < 0) {
		err = errno;
		pump_end();
		errno = err;
		refuse(a);
		return;
	}
	IV_FD_PUMP_INIT(&pumping.pump);
	pumping.pump.from_fd = pumping.in[1];
	pumping.pump.to_fd = pumping.out[0];
	pumping.pump.set_bands = set_bands;
	pumping.pump.flags = IV_FD_PUMP_FLAG_RELAY_EOF;
	iv_fd_pump_init(&pumping.pump);
}

/* ---- A name, and the file that has it ----------------------------------------------------- */

static struct {
	struct iv_path	path;
	struct iv_follow	follow;
	char	name[PATH_MAX];
	int	appeared, read;
} file;

static void file_change(void)
{
	if (file.appeared && file.read)
		CHECK_SYS(unlink(file.name));
}

static void file_changed(void *unused, const struct iv_path_info *before,
			 const struct iv_path_info *now)
{
	(void)unused;
	CHECK(load[FILES].running);
	if (now == NULL) {
		CHECK(file.appeared && file.read);
		iv_path_unregister(&file.path);
		iv_follow_unregister(&file.follow);
		CHECK_SYS(close(file.follow.fd));
		over(&load[FILES]);
	} else if (before == NULL) {
		file.appeared = 1;
		file_change();
	}
}

static void file_grown(void *unused, unsigned int what)
{
	(void)unused;
	CHECK(!(what & (IV_FOLLOW_TRUNCATED | IV_FOLLOW_FAILED)));
	if (what & IV_FOLLOW_REPLACED)
		iv_follow_set_fd(&file.follow, (int)CHECK_SYS(
			open(file.name, O_RDONLY | O_CLOEXEC)), 0);
	if (what & IV_FOLLOW_DATA) {
		CHECK(!file.read);
		file.follow.offset += 4;
		file.read = 1;
		file_change();
	}
}

static void file_write(void)
{
	int fd = (int)CHECK_SYS(open(file.name, O_WRONLY | O_CREAT | O_CLOEXEC,
				     0600));
	ssize_t n;

	do
		n = write(fd, "text", 4);
	while (n < 0 && errno == EINTR);
	CHECK_INT(n, ==, 4);
	CHECK_SYS(close(fd));
}

static void files_begin(struct activity *a)
{
	snprintf(file.name, sizeof(file.name), "%s/file", tmpdir());
	file.appeared = file.read = 0;
	IV_PATH_INIT(&file.path);
	file.path.pathname = file.name;
	file.path.interval.tv_nsec = 10000000;
	file.path.handler = file_changed;
	IV_FOLLOW_INIT(&file.follow);
	file.follow.pathname = file.name;
	file.follow.interval.tv_nsec = 10000000;
	file.follow.handler = file_grown;
	if (iv_path_register(&file.path) < 0) {
		refuse(a);
		return;
	}
	if (iv_follow_register(&file.follow) < 0) {
		iv_path_unregister(&file.path);
		errno = ENOMEM;
		refuse(a);
		return;
	}
	file_write();
}

/* ---- A thread with a loop of its own ------------------------------------------------------- */

static struct iv_event loop_ended;

static void loop_timer(void *_event)
{
	iv_event_post(_event);
}

static void loop_event(void *_event)
{
	iv_event_unregister(_event);
}

static void loop_main(void *unused)
{
	struct iv_event ev;
	struct iv_timer t;

	(void)unused;
	iv_init();
	IV_EVENT_INIT(&ev);
	ev.cookie = &ev;
	ev.handler = loop_event;
	CHECK_SYS(iv_event_register(&ev));
	IV_TIMER_INIT(&t);
	t.cookie = &ev;
	t.handler = loop_timer;
	timer_in(&t, 1000000);
	iv_main();
	iv_deinit();
	iv_event_post(&loop_ended);
}

static void loop_over(void *unused)
{
	(void)unused;
	iv_event_unregister(&loop_ended);
	over(&load[LOOPS]);
}

static void loops_begin(struct activity *a)
{
	int err;

	IV_EVENT_INIT(&loop_ended);
	loop_ended.handler = loop_over;
	if (iv_event_register(&loop_ended) < 0) {
		refuse(a);
		return;
	}
	if (iv_thread_create("loop", loop_main, NULL) == 0)
		return;
	err = errno;
	iv_event_unregister(&loop_ended);
	errno = err;
	refuse(a);
}

/* ---- A program ----------------------------------------------------------------------------- */

static struct {
	struct iv_spawn	spawn;
	char		command[16];
	int		status;
} program;

static void program_ended(void *unused, int status, const struct rusage *usage)
{
	(void)unused;
	(void)usage;
	CHECK(load[PROGRAMS].running && !iv_spawn_running(&program.spawn));
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), ==, program.status);
	over(&load[PROGRAMS]);
}

static void program_begin(struct activity *a)
{
	static char sh[] = "sh", c[] = "-c";
	char *argv[] = { sh, c, program.command, NULL };

	program.status = (int)dice(100);
	snprintf(program.command, sizeof(program.command), "exit %d",
		 program.status);
	IV_SPAWN_INIT(&program.spawn);
	program.spawn.file = "/bin/sh";
	program.spawn.argv = argv;
	program.spawn.fd[0] = IV_SPAWN_NULL;
	program.spawn.handler = program_ended;
	if (iv_spawn_start(&program.spawn) < 0)
		refuse(a);
}

/* ---- A tick and an alarm, hooks around the waits for them, and a call at last -------------- */

#define BEATS	3

static struct {
	struct iv_tick	tick;
	struct iv_alarm	alarm;
	struct iv_hook	before, after;
	struct iv_call	call;
	unsigned	beats, waits;
	bool		waiting;
} clockwork;

static void clockwork_before(void *unused)
{
	(void)unused;
	CHECK(!clockwork.waiting);
	clockwork.waiting = true;
}

static void clockwork_after(void *unused)
{
	(void)unused;
	CHECK(clockwork.waiting);
	clockwork.waiting = false;
	clockwork.waits++;
}

static void clockwork_unregister(void)
{
	iv_hook_unregister(&clockwork.before);
	iv_hook_unregister(&clockwork.after);
	iv_tick_unregister(&clockwork.tick);
	if (iv_alarm_registered(&clockwork.alarm))
		iv_alarm_unregister(&clockwork.alarm);
}

static void clockwork_called(void *unused)
{
	(void)unused;
	CHECK_INT(clockwork.beats, >=, BEATS);
	CHECK_INT(clockwork.waits, >, 0);
	clockwork_unregister();
	over(&load[CLOCKWORK]);
}

static void clockwork_ticks(void *unused)
{
	(void)unused;
	if (++clockwork.beats >= BEATS &&
	    !iv_alarm_registered(&clockwork.alarm) && !clockwork.call.cookie) {
		clockwork.call.cookie = &clockwork;
		CHECK_SYS(iv_loop_call(iv_loop_self(), &clockwork.call));
	}
}

static void clockwork_rings(void *unused)
{
	(void)unused;
	CHECK(!iv_alarm_registered(&clockwork.alarm));
}

static void clockwork_init(void)
{
	clockwork.beats = clockwork.waits = 0;
	clockwork.waiting = false;
	IV_TICK_INIT(&clockwork.tick);
	clockwork.tick.interval.tv_nsec = 1000000;
	clockwork.tick.handler = clockwork_ticks;
	IV_ALARM_INIT(&clockwork.alarm);
	clockwork.alarm.clock = CLOCK_REALTIME;
	clock_gettime(CLOCK_REALTIME, &clockwork.alarm.at);
	clockwork.alarm.handler = clockwork_rings;
	IV_HOOK_INIT(&clockwork.before);
	clockwork.before.point = IV_HOOK_PREPARE;
	clockwork.before.handler = clockwork_before;
	IV_HOOK_INIT(&clockwork.after);
	clockwork.after.point = IV_HOOK_CHECK;
	clockwork.after.handler = clockwork_after;
	IV_CALL_INIT(&clockwork.call);
	clockwork.call.handler = clockwork_called;
}

static void clockwork_begin(struct activity *a)
{
	clockwork_init();
	if (iv_alarm_register(&clockwork.alarm) < 0) {
		refuse(a);
		return;
	}
	CHECK_SYS(iv_tick_register(&clockwork.tick));
	CHECK_SYS(iv_hook_register(&clockwork.before));
	CHECK_SYS(iv_hook_register(&clockwork.after));
}

/* ---- All of them --------------------------------------------------------------------------- */

struct activity load[] = {
	[TOKEN] = { .name = "tokens", .begin = token_begin },
	[TIMERS] = { .name = "timers", .begin = timers_begin },
	[TASKS] = { .name = "tasks", .begin = tasks_begin },
	[POSTS] = { .name = "posts", .begin = posts_begin },
	[SIGNALS] = { .name = "signals", .begin = signals_begin },
	[CHILDREN] = { .name = "children", .begin = children_begin },
	[WORK] = { .name = "work", .begin = work_begin },
	[PUMP] = { .name = "pumps", .begin = pump_begin },
	[FILES] = { .name = "files", .begin = files_begin },
	[LOOPS] = { .name = "loops", .begin = loops_begin, .fragile = true },
	[PROGRAMS] = { .name = "programs", .begin = program_begin },
	[CLOCKWORK] = { .name = "clockwork", .begin = clockwork_begin },
};
const unsigned load_count = sizeof(load) / sizeof(load[0]);

void load_begin(bool fragile)
{
	unsigned i;

	ending = false;
	for (i = 0; i < load_count; i++) {
		struct activity *a = &load[i];

		a->rounds = a->refused = 0;
		a->since = load_clock();
		IV_TIMER_INIT(&a->again);
		a->again.cookie = a;
		a->again.handler = round_begins;
		if (fragile || !a->fragile)
			timer_in(&a->again, dice(PACE));
	}
}

void load_expect_refusals(bool yes)
{
	refusals = yes;
}

void load_end(void)
{
	unsigned i;

	ending = true;
	for (i = 0; i < load_count; i++)
		if (iv_timer_registered(&load[i].again))
			iv_timer_unregister(&load[i].again);
}

static bool takes_part(const struct activity *a)
{
	return a->running || iv_timer_registered(&a->again);
}

unsigned long load_rounds(void)
{
	unsigned long least = ~0UL;
	unsigned i;

	for (i = 0; i < load_count; i++)
		if (takes_part(&load[i]) && load[i].rounds < least)
			least = load[i].rounds;
	return least;
}

int64_t load_stuck(const char **name)
{
	int64_t now = load_clock(), longest = 0;
	unsigned i;

	for (i = 0; i < load_count; i++) {
		int64_t ns = now - load[i].since;

		if (!takes_part(&load[i]) || ns <= longest)
			continue;
		longest = ns;
		*name = load[i].name;
	}
	return longest / 1000000000;
}
