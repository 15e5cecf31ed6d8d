/* SPDX-License-Identifier: MIT */
/*
 * program.c - uses each module, while calls of the library fail.
 *
 * A server: reads lines METHOD SCENARIO RULES from standard input, runs each
 * in a child, and answers with one line.  With the argument "list" it prints
 * the scenarios.  The injector (inject.c) has to be preloaded.
 *
 * A scenario runs twice: first with the failures, then without, when
 * everything has to work.  What was accepted must happen, with the right
 * result; what is refused must be so with an error that the manual page
 * lists; and nothing may be left behind.  Answers:
 *	passed		also where the failure came to light nowhere
 *	refused FUNCTION...	calls that reported failure, as documented
 *	fatal MESSAGE	iv_fatal()
 *	wrong TEXT	anything else; with it "lost", "left", "hang", "signal"
 *	count NAME=N...	if RULES is "-": the calls of the first round
 * followed by " [N]": so many calls have failed.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <iv.h>
#include <iv_alarm.h>
#include <iv_event.h>
#include <iv_event_raw.h>
#include <iv_fd_pump.h>
#include <iv_follow.h>
#include <iv_hook.h>
#include <iv_inotify.h>
#include <iv_listen.h>
#include <iv_loop.h>
#include <iv_path.h>
#include <iv_popen.h>
#include <iv_signal.h>
#include <iv_spawn.h>
#include <iv_thread.h>
#include <iv_tick.h>
#include <iv_wait.h>
#include <iv_work.h>
#include "inject.h"
#include "program.h"

/* gcov writes the counters of a shared library when that is taken down, by
   calls of its own. */
#ifdef TEST_COVERAGE
#define _exit(status)	(torture_end(), exit(status))
#endif

#define PATIENCE	10	/* seconds */

/* Shared with the child. */
static struct answer {
	char	text[4096];
	char	refused[512];
	int	done;
} *answer;

int for_ever;
static int injecting, status_taken, kill_fails;

void wrong(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(answer->text, sizeof(answer->text), fmt, ap);
	va_end(ap);
	_exit(4);
}

static void fatal(const char *msg)
{
	snprintf(answer->text, sizeof(answer->text), "%s", msg);
	_exit(3);
}

/* ---- Errors --------------------------------------------------------------- */

/* What the manual page of each function lists; ends with 0. */
#define RESOURCES	EMFILE, ENFILE, ENOMEM, ENOSPC
static const int of_fd[] = { ENOMEM, ENOSPC, 0 };
static const int of_alarm[] = { ENOMEM, EINVAL, 0 };
static const int of_event[] = { RESOURCES, 0 };
/* ENOENT, EACCES: a /dev/poll that was there before. */
static const int of_loop[] = { RESOURCES, EAGAIN, EINVAL, ENOSYS, EPERM,
	ENOENT, EACCES, 0 };
static const int of_signal[] = { EINVAL, RESOURCES, 0 };
static const int of_spawn[] = { EAGAIN, ENOSYS, RESOURCES, 0 };
static const int of_popen[] = { ENOENT, EACCES, E2BIG, ELOOP, ENAMETOOLONG,
	ENOEXEC, ENOTDIR, ETXTBSY, EIO, EPERM, EAGAIN, ENOSYS, RESOURCES, 0 };
static const int of_pool[] = { EAGAIN, RESOURCES, 0 };
static const int of_thread[] = { EAGAIN, RESOURCES, 0 };
static const int of_memory[] = { ENOMEM, 0 };
static const int of_inotify[] = { RESOURCES, ENOSYS, 0 };
static const int of_path[] = { ENOMEM, 0 };
static const int of_follow[] = { EIO, ENOMEM, 0 };
static const int of_watch[] = { EACCES, ENOMEM, ENOSPC, 0 };
static const int of_pump[] = { ECONNRESET, ENOTCONN, EPIPE, ETIMEDOUT, EIO,
	ENOSPC, ENOMEM, EINVAL, 0 };

static int listed(int err, const int *errors)
{
	while (*errors != 0 && *errors != err)
		errors++;
	return *errors != 0;
}

int accepted(const char *fn, int ret, const int *errors)
{
	int err = errno;
	size_t len = strlen(answer->refused);

	if (ret >= 0)
		return 1;
	if (!injecting)
		wrong("%s fails with errno %d, later", fn, err);
	if (ret != -1 || !listed(err, errors))
		wrong("%s returns %d with errno %d", fn, ret, err);
	if (strstr(answer->refused, fn) == NULL)
		snprintf(answer->refused + len, sizeof(answer->refused) - len,
			 " %s", fn);
	return 0;
}

#define ACCEPTED(fn, args, errors)	accepted(#fn, fn args, errors)

/* ---- What has to happen ---------------------------------------------------- */

static int expected, happened;

static void happen(void)
{
	if (++happened > expected)
		wrong("called too often");
	if (happened == expected)
		iv_quit();
}

static void happen_handler(void *unused)
{
	(void)unused;
	happen();
}

/* Runs the loop until N things have. */
static void expect(int n)
{
	expected = n;
	happened = 0;
	iv_main();
	if (happened < n)
		wrong("lost: %d of %d happened", happened, n);
}

static void later(struct iv_timer *t, long ms)
{
	IV_TIMER_INIT(t);
	iv_validate_now();
	t->expires = iv_now;
	t->expires.tv_nsec += ms * 1000000;
	t->expires.tv_sec += t->expires.tv_nsec / 1000000000;
	t->expires.tv_nsec %= 1000000000;
	t->handler = happen_handler;
	iv_timer_register(t);
}

static void stream(int fds[2])
{
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
}

static void close_pair(int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

/* ---- The core -------------------------------------------------------------- */

#define MANY	40

struct line {
	struct iv_fd	fd;
	int		pair[2];
	int		on;
};

static void got_byte(void *line)
{
	struct line *l = line;
	char c;

	CHECK(read(l->pair[0], &c, 1) == 1);
	happen();
}

static int line_open(struct line *l)
{
	stream(l->pair);
	IV_FD_INIT(&l->fd);
	l->fd.fd = l->pair[0];
	l->fd.cookie = l;
	l->fd.handler_in = got_byte;
	l->on = ACCEPTED(iv_fd_register_try, (&l->fd), of_fd);
	CHECK(iv_fd_registered(&l->fd) == l->on);
	return l->on;
}

static void line_close(struct line *l)
{
	if (l->on)
		iv_fd_unregister(&l->fd);
	close_pair(l->pair);
}

static void use_fds(void)
{
	static struct line lines[MANY];
	int i, on = 0;

	for (i = 0; i < MANY; i++)
		on += line_open(&lines[i]);
	for (i = 0; i < MANY; i++)
		CHECK(write(lines[i].pair[1], "ab", 2) == 2);
	if (on > 0)
		expect(2 * on);
	for (i = 0; i < MANY; i++)
		line_close(&lines[i]);
}

/* Both bands, switched on and off, then hang-up. */
static void use_bands(void)
{
	struct line l;
	int i;

	if (line_open(&l)) {
		for (i = 0; i < 3; i++) {
			iv_fd_set_handler_in(&l.fd, NULL);
			iv_fd_set_handler_out(&l.fd, happen_handler);
			expect(1);
			iv_fd_set_handler_out(&l.fd, NULL);
			iv_fd_set_handler_in(&l.fd, got_byte);
			CHECK(write(l.pair[1], "a", 1) == 1);
			expect(1);
		}
		iv_fd_set_handler_in(&l.fd, NULL);
		iv_fd_set_handler_err(&l.fd, happen_handler);
		close(l.pair[1]);
		expect(1);
		stream(l.pair);
		dup2(l.pair[0], l.fd.fd);
		close(l.pair[0]);
		l.pair[0] = l.fd.fd;
	}
	line_close(&l);
}

static void use_timers(void)
{
	struct iv_timer t[20];
	struct iv_task task;
	int i;

	for (i = 0; i < 20; i++)
		later(&t[i], i / 4);
	IV_TASK_INIT(&task);
	task.handler = happen_handler;
	iv_task_register(&task);
	expect(21);
}

static void beat(void *_tick)
{
	struct iv_tick *t = _tick;

	if (happened == 2)
		iv_tick_unregister(t);
	happen();
}

static void use_ticks(void)
{
	struct iv_tick t;

	IV_TICK_INIT(&t);
	t.interval.tv_nsec = 2000000;
	t.cookie = &t;
	t.handler = beat;
	CHECK(iv_tick_register(&t) == 0);
	iv_tick_again(&t);
	expect(3);
	CHECK(!iv_tick_registered(&t));
}

#define ALARMS	3

static struct iv_alarm alarms[ALARMS];
static int rung[ALARMS];

static void ring(void *_alarm)
{
	struct iv_alarm *a = _alarm;
	int i = (int)(a - alarms);

	if (++rung[i] == 3 && iv_alarm_registered(a))
		iv_alarm_unregister(a);
	happen();
}

static void in_a_moment(void *cookie, const struct timespec *now,
			struct timespec *next)
{
	(void)cookie;
	next->tv_nsec = now->tv_nsec + 1500000;
}

/* One call of the first, three of each other. */
static void use_alarms(void)
{
	int i, n = 0;

	memset(rung, 0, sizeof(rung));
	for (i = 0; i < ALARMS; i++) {
		IV_ALARM_INIT(&alarms[i]);
		alarms[i].cookie = &alarms[i];
		alarms[i].handler = ring;
	}
	alarms[1].interval.tv_nsec = 2000000;
	alarms[1].clock = CLOCK_BOOTTIME;
	alarms[2].reschedule = in_a_moment;
	for (i = 0; i < ALARMS; i++)
		if (ACCEPTED(iv_alarm_register, (&alarms[i]), of_alarm))
			n += i == 0 ? 1 : 3;
	if (n > 0)
		expect(n);
	for (i = 0; i < ALARMS; i++)
		CHECK(!iv_alarm_registered(&alarms[i]));
}

/* Registered for another time first, and called together. */
static void use_moved_timers(void)
{
	static const struct timespec slack = { 0, 1000000 }, none = { 0, 0 };
	struct iv_timer t[20];
	struct iv_task task;
	int i;

	iv_set_timer_slack(&slack);
	for (i = 0; i < 20; i++) {
		IV_TIMER_INIT(&t[i]);
		t[i].handler = happen_handler;
		iv_timer_set_after(&t[i], i % 3 == 0 ? 0 : 1000, 0);
	}
	for (i = 0; i < 20; i++) {
		if (i % 2)
			iv_timer_set_after(&t[i], 0, i * 200000);
		else
			iv_timer_set_expires(&t[i], &iv_now);
	}
	IV_TASK_INIT(&task);
	task.handler = happen_handler;
	iv_task_ensure(&task);
	iv_task_ensure(&task);
	expect(21);
	iv_set_timer_slack(&none);
}

static void got_bytes(void *_line)
{
	struct line *l = _line;
	char c;

	while (read(l->pair[0], &c, 1) == 1)
		happen();
}

/* A line with FLAGS: read, suspended meanwhile, and kicked. */
static void use_flag(unsigned flags)
{
	struct iv_timer holds;
	struct line l;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			 0, l.pair) == 0);
	IV_FD_INIT(&l.fd);
	l.fd.fd = l.pair[0];
	l.fd.cookie = &l;
	l.fd.handler_in = got_bytes;
	iv_fd_set_flags(&l.fd, flags);
	l.on = ACCEPTED(iv_fd_register_try, (&l.fd), of_fd);
	CHECK(iv_fd_registered(&l.fd) == l.on);
	if (l.on) {
		later(&holds, 600000);
		CHECK(write(l.pair[1], "ab", 2) == 2);
		expect(2);
		iv_fd_suspend(&l.fd);
		CHECK(write(l.pair[1], "c", 1) == 1);
		iv_fd_resume(&l.fd);
		expect(1);
		iv_fd_set_handler_in(&l.fd, happen_handler);
		iv_fd_kick(&l.fd, 1, 0);
		expect(1);
		iv_timer_unregister(&holds);
	}
	line_close(&l);
}

static void use_flags(void)
{
	static const unsigned flags[] = {
		IV_FD_EDGE, IV_FD_RAW, IV_FD_EXCLUSIVE, IV_FD_NOREF,
		IV_FD_ANY, IV_FD_EDGE | IV_FD_RAW | IV_FD_NOREF,
	};
	unsigned i;

	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		use_flag(flags[i]);
	if (strcmp(iv_poll_method_name(), "kqueue") != 0)
		use_flag(IV_FD_PRI);
}

/* A file, which cannot be watched. */
static void use_any(void)
{
	struct iv_fd fd;

	IV_FD_INIT(&fd);
	fd.fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	CHECK(fd.fd >= 0);
	fd.handler_in = happen_handler;
	iv_fd_set_flags(&fd, IV_FD_ANY);
	if (ACCEPTED(iv_fd_register_try, (&fd), of_fd)) {
		expect(1);
		iv_fd_unregister(&fd);
	}
	close(fd.fd);
}

static int turns;

static void turn(void *_task)
{
	struct iv_task *task = _task;

	if (++turns < 50)
		iv_task_register(task);
	else
		happen();
}

/* Many turns with one timer far away: a kernel timer is worth while. */
static void use_kernel_timer(void)
{
	struct iv_timer far, near;
	struct iv_task task;

	later(&far, 600000);
	IV_TASK_INIT(&task);
	task.cookie = &task;
	task.handler = turn;
	turns = 0;
	iv_task_register(&task);
	expect(1);
	iv_timer_unregister(&far);
	later(&near, 1);
	expect(1);
}

/* Closed when the loop is gone; -1 if the scenario leaves nothing behind. */
static int left_over = -1;

/* What is registered when the loop is taken down. */
static void use_leftovers(void)
{
	static struct line l;
	static struct iv_timer timer;
	static struct iv_event event;
	static struct iv_signal sig;

	line_open(&l);
	close(l.pair[1]);
	left_over = l.pair[0];
	later(&timer, 100000);
	IV_EVENT_INIT(&event);
	event.handler = happen_handler;
	(void)ACCEPTED(iv_event_register, (&event), of_event);
	IV_SIGNAL_INIT(&sig);
	sig.signum = SIGUSR2;
	sig.flags = 0;
	sig.handler = happen_handler;
	(void)ACCEPTED(iv_signal_register, (&sig), of_signal);
}

/* ---- Other threads --------------------------------------------------------- */

static struct iv_event event;
static struct iv_event_raw raw;

static void nap(void)
{
	const struct timespec ms = { 0, 1000000 };

	nanosleep(&ms, NULL);
}

static void *post_event(void *unused)
{
	nap();
	iv_event_post(&event);
	return unused;
}

static void *post_raw(void *unused)
{
	nap();
	iv_event_raw_post(&raw);
	return unused;
}

static void from_thread(void *(*fn)(void *))
{
	pthread_t t;

	CHECK(pthread_create(&t, NULL, fn, NULL) == 0);
	expect(1);
	pthread_join(t, NULL);
}

static int event_open(void)
{
	IV_EVENT_INIT(&event);
	event.handler = happen_handler;
	return ACCEPTED(iv_event_register, (&event), of_event);
}

static void use_events(void)
{
	int i;

	if (!event_open())
		return;
	for (i = 0; i < 3; i++)
		from_thread(post_event);
	iv_event_post(&event);
	expect(1);
	iv_event_unregister(&event);
}

static void use_raw_events(void)
{
	int i;

	IV_EVENT_RAW_INIT(&raw);
	raw.handler = happen_handler;
	if (!ACCEPTED(iv_event_raw_register, (&raw), of_event))
		return;
	for (i = 0; i < 3; i++)
		from_thread(post_raw);
	iv_event_raw_unregister(&raw);
}

/* ---- Loops ----------------------------------------------------------------- */

static struct iv_loop *second;

static void *call_second(void *unused)
{
	static struct iv_call call;

	nap();
	IV_CALL_INIT(&call);
	call.handler = happen_handler;
	CHECK(iv_loop_call(second, &call) == 0);
	return unused;
}

static void *wait_for_second(void *unused)
{
	struct iv_call call;

	IV_CALL_INIT(&call);
	call.handler = happen_handler;
	iv_loop_call_wait(second, &call);
	return unused;
}

static void use_loops(void)
{
	struct iv_loop *own = iv_loop_self();

	second = iv_loop_new(NULL);
	if (!accepted("iv_loop_new", second != NULL ? 0 : -1, of_loop))
		return;
	iv_loop_enter(second);
	iv_ref();
	from_thread(call_second);
	from_thread(wait_for_second);
	use_events();
	iv_unref();
	iv_loop_enter(own);
	iv_loop_free(second);
}

/* A host; what has no descriptor it looks after. */
static void host(int n)
{
	struct pollfd pfd = { iv_loop_fd(), POLLIN, 0 };
	struct timespec left;

	if (pfd.fd < 0 && errno != ENOTSUP)
		(void)accepted("iv_loop_fd", pfd.fd, of_loop);
	expected = n;
	happened = 0;
	while (happened < n) {
		int soon = iv_loop_timeout(&left) && left.tv_sec == 0 &&
			   left.tv_nsec < 5000000;

		poll(&pfd, 1, soon ? (int)(left.tv_nsec / 1000000) : 5);
		iv_run(IV_RUN_NOWAIT);
	}
}

static void use_host(void)
{
	struct iv_timer t;
	struct line l;
	pthread_t tid;
	int posted = event_open();

	CHECK(iv_loop_fork() == 0);
	if (posted)
		CHECK(pthread_create(&tid, NULL, post_event, NULL) == 0);
	later(&t, 2);
	if (line_open(&l))
		CHECK(write(l.pair[1], "a", 1) == 1);
	host(1 + posted + l.on);
	if (posted) {
		pthread_join(tid, NULL);
		iv_event_unregister(&event);
	}
	line_close(&l);
}

static void use_hooks(void)
{
	struct iv_hook hooks[3];
	struct iv_timer t;
	int i;

	for (i = 0; i < 3; i++) {
		IV_HOOK_INIT(&hooks[i]);
		hooks[i].point = i == 0 ? IV_HOOK_PREPARE :
				 i == 1 ? IV_HOOK_CHECK : IV_HOOK_IDLE;
		hooks[i].handler = happen_handler;
		CHECK(iv_hook_register(&hooks[i]) == 0);
	}
	later(&t, 100000);
	expected = 3;
	happened = 0;
	CHECK(iv_run(IV_RUN_ONCE) == 0);
	CHECK(happened == 3);
	for (i = 0; i < 3; i++)
		iv_hook_unregister(&hooks[i]);
	iv_timer_unregister(&t);
}

/* ---- Threads --------------------------------------------------------------- */

static void in_thread(void *unused)
{
	(void)unused;
	iv_event_post(&event);
}

static void use_thread(void)
{
	if (!event_open())
		return;
	if (ACCEPTED(iv_thread_create, ("torture", in_thread, NULL),
		     of_thread))
		expect(1);
	iv_event_unregister(&event);
}

/* A thread with a loop of its own. */
static void loop_in_thread(void *unused)
{
	struct iv_timer t;

	(void)unused;
	iv_init();
	IV_TIMER_INIT(&t);
	t.expires = iv_now;
	t.cookie = &event;
	t.handler = (void (*)(void *))iv_event_post;
	iv_timer_register(&t);
	iv_main();
	iv_deinit();
}

static void use_loop_in_thread(void)
{
	if (!event_open())
		return;
	if (ACCEPTED(iv_thread_create, ("torture", loop_in_thread, NULL),
		     of_thread))
		expect(1);
	iv_event_unregister(&event);
}

#define ITEMS	6

static int worked[ITEMS];

static void work(void *n)
{
	__atomic_add_fetch((int *)n, 1, __ATOMIC_RELAXED);
}

static struct iv_work_item *item_init(struct iv_work_item *item, int *n)
{
	*n = 0;
	IV_WORK_ITEM_INIT(item);
	item->cookie = n;
	item->work = work;
	item->completion = happen_handler;
	return item;
}

static void use_work(void)
{
	static struct iv_work_item item[ITEMS];
	struct iv_work_pool pool;
	int i;

	IV_WORK_POOL_INIT(&pool);
	pool.max_threads = 2;
	if (!ACCEPTED(iv_work_pool_create, (&pool), of_pool))
		return;
	for (i = 0; i < ITEMS; i++)
		iv_work_pool_submit_work(&pool, item_init(&item[i],
							  &worked[i]));
	expect(ITEMS);
	iv_work_pool_submit_continuation(&pool, item_init(&item[0],
							  &worked[0]));
	iv_work_pool_put(&pool);
	expect(1);
	for (i = 0; i < ITEMS; i++)
		CHECK(worked[i] == 1);
}

/* Each is either taken back or completed; then the pool is idle. */
static void use_work_questions(void)
{
	static struct iv_work_item item[ITEMS];
	struct iv_work_pool pool;
	int i, taken = 0, waits;

	IV_WORK_POOL_INIT(&pool);
	pool.max_threads = 2;
	if (!ACCEPTED(iv_work_pool_create, (&pool), of_pool))
		return;
	for (i = 0; i < ITEMS; i++)
		iv_work_pool_submit_work(&pool, item_init(&item[i],
							  &worked[i]));
	waits = ACCEPTED(iv_work_pool_when_idle, (&pool, NULL, happen_handler),
			 of_memory);
	for (i = 0; i < ITEMS; i += 2) {
		int ret = iv_work_pool_cancel(&pool, &item[i]);

		CHECK(ret == 0 || (ret == -1 && errno == EBUSY));
		taken += ret == 0;
	}
	if (ITEMS - taken + waits > 0)
		expect(ITEMS - taken + waits);
	iv_work_pool_put(&pool);
	for (i = 0; i < ITEMS; i++)
		taken -= worked[i] == 0;
	CHECK(taken == 0);
}

/* Without a pool, in the loop itself. */
static void use_local_work(void)
{
	static struct iv_work_item item;

	iv_work_pool_submit_work(NULL, item_init(&item, &worked[0]));
	expect(1);
	CHECK(worked[0] == 1);
}

/* ---- Signals and children --------------------------------------------------- */

static void use_signals(void)
{
	static const unsigned flags[] = {
		0, IV_SIGNAL_FLAG_EXCLUSIVE, IV_SIGNAL_FLAG_THIS_THREAD
	};
	struct iv_signal sig;
	struct sigaction sa;
	int i;

	for (i = 0; i < 3; i++) {
		IV_SIGNAL_INIT(&sig);
		sig.signum = SIGUSR1;
		sig.flags = flags[i];
		sig.handler = happen_handler;
		if (!ACCEPTED(iv_signal_register, (&sig), of_signal))
			continue;
		raise(SIGUSR1);
		expect(1);
		iv_signal_unregister(&sig);
		if (!injecting) {
			sigaction(SIGUSR1, NULL, &sa);
			CHECK(sa.sa_handler == SIG_DFL);
		}
	}
}

static void exits(void *unused)
{
	(void)unused;
	_exit(7);
}

static void sleeps(void *unused)
{
	(void)unused;
	for (;;)
		pause();
}

static int last_status;

static void child_died(void *unused, int status, const struct rusage *ru)
{
	(void)unused;
	(void)ru;
	last_status = status;
	happen();
}

static int spawn(struct iv_wait_interest *wait, void (*fn)(void *))
{
	IV_WAIT_INTEREST_INIT(wait);
	wait->handler = child_died;
	return ACCEPTED(iv_wait_interest_register_spawn, (wait, fn, NULL),
			of_spawn);
}

/* -1 is for children whose status somebody else took. */
#define CHECK_STATUS(expr)						\
	CHECK((status_taken && last_status == -1) || (expr))

static void use_wait(void)
{
	struct iv_wait_interest wait;
	int i;

	for (i = 0; i < 3; i++) {
		if (!spawn(&wait, exits))
			continue;
		expect(1);
		CHECK_STATUS(WIFEXITED(last_status) &&
			     WEXITSTATUS(last_status) == 7);
		iv_wait_interest_unregister(&wait);
	}
}

static void use_kill(void)
{
	struct iv_wait_interest wait;
	int ret;

	if (!spawn(&wait, sleeps))
		return;
	/* Its result is a negative number. */
	ret = iv_wait_interest_kill(&wait, SIGTERM);
	if (ret < 0) {
		CHECK(kill_fails && ret == -EPERM);
		CHECK(kill(wait.pid, SIGTERM) == 0);
	}
	expect(1);
	CHECK_STATUS(WIFSIGNALED(last_status) &&
		     WTERMSIG(last_status) == SIGTERM);
	iv_wait_interest_unregister(&wait);
}

static void stranger_died(void *pid, pid_t died, int status,
			  const struct rusage *ru)
{
	(void)ru;
	CHECK(died == *(pid_t *)pid);
	last_status = status;
	happen();
}

/* A child that nobody waits for, beside one that somebody does. */
static void use_wait_any(void)
{
	struct iv_wait_interest wait;
	struct iv_wait_any any;
	pid_t pid;
	int spawned;

	/* Without waitid(2), or if others collect it, nobody knows. */
	if (for_ever || status_taken)
		return;
	IV_WAIT_ANY_INIT(&any);
	any.cookie = &pid;
	any.handler = stranger_died;
	if (!ACCEPTED(iv_wait_any_register, (&any), of_event))
		return;
	spawned = spawn(&wait, exits);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(7);
	expect(1 + spawned);
	CHECK_STATUS(WIFEXITED(last_status) && WEXITSTATUS(last_status) == 7);
	if (spawned)
		iv_wait_interest_unregister(&wait);
	iv_wait_any_unregister(&any);
}

/* Goes on with the loop of its parent. */
static void go_on(void)
{
	struct iv_timer t;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	iv_event_post(&event);
	later(&t, 1);
	expect(2);
	/* Before that it is the parent's. */
	iv_event_raw_post(&raw);
	iv_event_post(&event);
	expect(2);
	iv_event_unregister(&event);
	iv_event_raw_unregister(&raw);
	iv_deinit();
	_exit(0);
}

void await_child(int pid)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status));
	if (WEXITSTATUS(status) != 0)
		_exit(WEXITSTATUS(status));
}

static void forked(void)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0)
		go_on();
	await_child(pid);
}

static void use_fork(void)
{
	/* A child waits for descriptors of its own as long as it has to. */
	if (for_ever || !event_open())
		return;
	IV_EVENT_RAW_INIT(&raw);
	raw.handler = happen_handler;
	if (ACCEPTED(iv_event_raw_register, (&raw), of_event)) {
		forked();
		iv_event_post(&event);
		iv_event_raw_post(&raw);
		expect(2);
		iv_event_raw_unregister(&raw);
	}
	iv_event_unregister(&event);
}

static struct iv_popen_request *request(struct iv_popen_request *req,
					const char *const *argv,
					const char *type)
{
	IV_POPEN_REQUEST_INIT(req);
	req->file = (char *)(uintptr_t)argv[0];
	req->argv = (char **)(uintptr_t)argv;
	req->type = (char *)(uintptr_t)type;
	return req;
}

static void use_popen(void)
{
	static const char *const argv[] = { "echo", "x", NULL };
	static const char *const none[] = { "/nonexistent/program", NULL };
	struct iv_popen_request req;
	char buf[2];
	int fd;

	fd = iv_popen_request_submit(request(&req, argv, "r"));
	if (accepted("iv_popen_request_submit", fd, of_popen)) {
		fcntl(fd, F_SETFL, 0);
		CHECK(read(fd, buf, 2) == 2 && buf[0] == 'x');
		CHECK(read(fd, buf, 2) == 0);
		close(fd);
		iv_popen_request_close(&req);
		iv_main();
	}
	fd = iv_popen_request_submit(request(&req, none, "r"));
	CHECK(fd == -1);
	if (errno != ENOENT)
		accepted("iv_popen_request_submit", fd, of_popen);
}

static void spawn_ended(void *unused, int status, const struct rusage *usage)
{
	(void)unused;
	(void)usage;
	last_status = status;
	happen();
}

static struct iv_spawn *program(struct iv_spawn *s, const char *const *argv)
{
	IV_SPAWN_INIT(s);
	s->file = argv[0];
	s->argv = (char **)(uintptr_t)argv;
	s->flags = IV_SPAWN_SEARCH | IV_SPAWN_GROUP;
	s->cwd = "/";
	s->handler = spawn_ended;
	s->fd[0] = s->fd[1] = IV_SPAWN_PIPE;
	return s;
}

static void close_ends(const struct iv_spawn *s)
{
	close(s->fd[0]);
	close(s->fd[1]);
}

/* One that ends, one that is killed, unless that fails: then the end of its
   input ends it; and one that is not there. */
static void use_spawn(void)
{
	static const char *const echo[] = { "echo", "x", NULL };
	static const char *const cat[] = { "cat", NULL };
	static const char *const none[] = { "/nonexistent/program", NULL };
	struct iv_spawn s;
	char buf[2];

	if (ACCEPTED(iv_spawn_start, (program(&s, echo)), of_popen)) {
		fcntl(s.fd[1], F_SETFL, 0);
		CHECK(read(s.fd[1], buf, 2) == 2 && buf[0] == 'x');
		close_ends(&s);
		expect(1);
		CHECK(!iv_spawn_running(&s));
	}
	if (ACCEPTED(iv_spawn_start, (program(&s, cat)), of_popen)) {
		iv_spawn_stop(&s, 0);
		if (kill_fails)
			close(s.fd[0]);
		expect(1);
		if (!kill_fails)
			close(s.fd[0]);
		close(s.fd[1]);
	}
	CHECK(iv_spawn_start(program(&s, none)) == -1);
	if (errno != ENOENT)
		accepted("iv_spawn_start", -1, of_popen);
}

/* ---- Listeners -------------------------------------------------------------- */

static void got_client(void *unused, int fd, const struct sockaddr *from,
		       socklen_t len)
{
	(void)unused;
	(void)from;
	(void)len;
	CHECK(fd >= 0);
	close(fd);
	happen();
}

static int listen_locally(struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	/* An abstract name, of this process. */
	snprintf(a->sun_path + 1, sizeof(a->sun_path) - 1, "torture-%d",
		 (int)getpid());
	CHECK(bind(fd, (struct sockaddr *)a, sizeof(*a)) == 0);
	CHECK(listen(fd, 10) == 0);
	return fd;
}

static struct iv_timer nudge;

/* Pauses get long if many tries fail one after the other. */
static void try_again(void *l)
{
	iv_listen_again(l);
	nudge.expires.tv_nsec += 5000000;
	iv_timer_register(&nudge);
}

static void use_listener(unsigned flags)
{
	struct sockaddr_un a;
	struct iv_listen l;
	int fds[3], i;

	IV_LISTEN_INIT(&l);
	l.fd = listen_locally(&a);
	l.flags = flags;
	l.handler = got_client;
	if (ACCEPTED(iv_listen_register, (&l), of_fd)) {
		for (i = 0; i < 3; i++) {
			fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
			CHECK(connect(fds[i], (struct sockaddr *)&a,
				      sizeof(a)) == 0);
		}
		later(&nudge, 5);
		iv_timer_unregister(&nudge);
		nudge.cookie = &l;
		nudge.handler = try_again;
		iv_timer_register(&nudge);
		expect(3);
		iv_timer_unregister(&nudge);
		iv_listen_unregister(&l);
		for (i = 0; i < 3; i++)
			close(fds[i]);
	}
	close(l.fd);
}

static void use_listen(void)
{
	use_listener(0);
	use_listener(IV_LISTEN_EXCLUSIVE);
}

/* One that has to be killed, unless that fails: then the end of its input
   ends it. */
static void use_popen_close(void)
{
	static const char *const patient[] = { "sleep", "1000", NULL };
	static const char *const reader[] = { "cat", NULL };
	const char *const *argv = kill_fails ? reader : patient;
	struct iv_popen_request req;
	int fd;

	fd = iv_popen_request_submit(request(&req, argv, "w"));
	if (!accepted("iv_popen_request_submit", fd, of_popen))
		return;
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	iv_popen_request_close(&req);
	iv_main();
}

/* ---- Files ----------------------------------------------------------------- */

static void watched(void *unused, struct inotify_event *ev)
{
	(void)unused;
	if (ev->mask & IN_CREATE)
		happen();
}

static void use_watch(struct iv_inotify *in, const char *dir)
{
	struct iv_inotify_watch watch;
	char file[64];

	IV_INOTIFY_WATCH_INIT(&watch);
	watch.inotify = in;
	watch.pathname = dir;
	watch.mask = IN_CREATE;
	watch.handler = watched;
	if (!ACCEPTED(iv_inotify_watch_register, (&watch), of_watch))
		return;
	snprintf(file, sizeof(file), "%s/file", dir);
	close(open(file, O_CREAT | O_WRONLY, 0600));
	expect(1);
	iv_inotify_watch_unregister(&watch);
	unlink(file);
}

static void use_inotify(void)
{
	char dir[] = "/tmp/torture-XXXXXX";
	struct iv_inotify in;

	CHECK(mkdtemp(dir) != NULL);
	IV_INOTIFY_INIT(&in);
	if (ACCEPTED(iv_inotify_register, (&in), of_inotify)) {
		use_watch(&in, dir);
		iv_inotify_unregister(&in);
	}
	rmdir(dir);
}

/* ---- Names and files that change ------------------------------------------- */

#define INTERVAL_NS	20000000

static char tree[] = "/tmp/torture-XXXXXX";

/* NAME is in a directory behind a link. */
static const char *in_tree(const char *name)
{
	static char names[4][64];
	static int next;
	char *s = names[next++ % 4];

	snprintf(s, sizeof(names[0]), "%s/%s", tree, name);
	return s;
}

static void make_tree(void)
{
	strcpy(tree, "/tmp/torture-XXXXXX");
	CHECK(mkdtemp(tree) != NULL);
	CHECK(mkdir(in_tree("dir"), 0700) == 0);
	CHECK(symlink("dir", in_tree("link")) == 0);
}

static void remove_tree(void)
{
	unlink(in_tree("dir/file"));
	unlink(in_tree("link"));
	rmdir(in_tree("dir"));
	rmdir(tree);
}

static void put_text(const char *name, int flags)
{
	int fd = open(in_tree(name), O_CREAT | O_WRONLY | flags, 0600);

	CHECK(fd >= 0);
	CHECK(write(fd, "text", 4) == 4);
	close(fd);
}

static void path_changed(void *there, const struct iv_path_info *before,
			 const struct iv_path_info *now)
{
	CHECK((before != NULL) == *(int *)there);
	*(int *)there = now != NULL;
	happen();
}

static void use_path(void)
{
	char name[64];
	struct iv_path path;
	int there = 0;

	make_tree();
	strcpy(name, in_tree("link/file"));
	IV_PATH_INIT(&path);
	path.pathname = name;
	path.interval.tv_nsec = INTERVAL_NS;
	path.cookie = &there;
	path.handler = path_changed;
	if (ACCEPTED(iv_path_register, (&path), of_path)) {
		put_text("dir/file", 0);
		expect(1);
		put_text("dir/file", O_APPEND);
		expect(1);
		unlink(in_tree("dir/file"));
		expect(1);
		CHECK(!there);
		iv_path_unregister(&path);
	}
	remove_tree();
}

static struct iv_follow follow;
static int follow_failed;

static void follow_happened(void *unused, unsigned int what)
{
	int old = follow.fd;

	(void)unused;
	if (what & IV_FOLLOW_FAILED) {
		CHECK(follow.error == ENOMEM || follow.error == EIO);
		follow_failed = 1;
		iv_quit();
		return;
	}
	if (what & IV_FOLLOW_DATA) {
		follow.offset += 4;
		happen();
	}
	if (what & IV_FOLLOW_REPLACED) {
		iv_follow_set_fd(&follow, open(follow.pathname, O_RDONLY), 0);
		CHECK(follow.fd >= 0);
		close(old);
		happen();
	}
	CHECK(!(what & (IV_FOLLOW_TRUNCATED | IV_FOLLOW_GONE)));
}

static void expect_of_follower(int n)
{
	expected = n;
	happened = 0;
	if (!follow_failed)
		iv_main();
	if (happened < n && !(follow_failed && injecting))
		wrong("lost: %d of %d happened", happened, n);
}

static void use_follow(void)
{
	char name[64];

	make_tree();
	strcpy(name, in_tree("link/file"));
	put_text("dir/file", 0);
	IV_FOLLOW_INIT(&follow);
	follow.pathname = name;
	follow.fd = open(name, O_RDONLY);
	follow.interval.tv_nsec = INTERVAL_NS;
	follow.handler = follow_happened;
	follow_failed = 0;
	if (ACCEPTED(iv_follow_register, (&follow), of_follow)) {
		expect_of_follower(1);
		put_text("dir/file", O_APPEND);
		expect_of_follower(1);
		put_text("other", 0);
		rename(in_tree("other"), name);
		expect_of_follower(2);
		iv_follow_unregister(&follow);
	}
	close(follow.fd);
	remove_tree();
}

#define AMOUNT	5000

static void no_bands(void *unused, int in, int out)
{
	(void)unused;
	(void)in;
	(void)out;
}

/* Both ends are always ready: nothing need be waited for. */
static int pump_all(struct iv_fd_pump *pump)
{
	int ret, tries = 20 * AMOUNT;

	do
		ret = iv_fd_pump_pump(pump);
	while (ret > 0 && tries-- > 0);
	CHECK(tries > 0);
	return ret;
}

static void check_data(int fd)
{
	static char buf[AMOUNT + 1];
	ssize_t n, all = 0;

	while ((n = read(fd, buf + all, sizeof(buf) - (size_t)all)) > 0)
		all += n;
	CHECK(n == 0 && all == AMOUNT);
	for (n = 0; n < AMOUNT; n++)
		CHECK(buf[n] == (char)(n % 251));
}

static void pump_from(int type)
{
	static char data[AMOUNT];
	struct iv_fd_pump pump;
	int from[2], to[2], i;

	for (i = 0; i < AMOUNT; i++)
		data[i] = (char)(i % 251);
	CHECK(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, from) == 0);
	stream(to);
	CHECK(write(from[1], data, AMOUNT) == AMOUNT);
	shutdown(from[1], SHUT_WR);
	memset(&pump, 0, sizeof(pump));
	pump.from_fd = from[0];
	pump.to_fd = to[0];
	pump.set_bands = no_bands;
	pump.flags = IV_FD_PUMP_FLAG_RELAY_EOF;
	iv_fd_pump_init(&pump);
	if (accepted("iv_fd_pump_pump", pump_all(&pump), of_pump)) {
		CHECK(iv_fd_pump_is_done(&pump));
		check_data(to[1]);
	}
	iv_fd_pump_destroy(&pump);
	close_pair(from);
	close_pair(to);
}

static void use_pump(void)
{
	pump_from(SOCK_STREAM);
}

static void use_messages(void)
{
	pump_from(SOCK_SEQPACKET);
}

/* ---- Scenarios --------------------------------------------------------------- */

static const struct scenario {
	const char	*name;
	void		(*use)(void);
} scenarios[] = {
	{ "fds", use_fds },
	{ "bands", use_bands },
	{ "timers", use_timers },
	{ "moved-timers", use_moved_timers },
	{ "flags", use_flags },
	{ "any", use_any },
	{ "kernel-timer", use_kernel_timer },
	{ "ticks", use_ticks },
	{ "alarms", use_alarms },
	{ "leftovers", use_leftovers },
	{ "events", use_events },
	{ "raw-events", use_raw_events },
	{ "loops", use_loops },
	{ "host", use_host },
	{ "hooks", use_hooks },
	{ "thread", use_thread },
	{ "loop-in-thread", use_loop_in_thread },
	{ "work", use_work },
	{ "work-questions", use_work_questions },
	{ "local-work", use_local_work },
	{ "signals", use_signals },
	{ "wait", use_wait },
	{ "kill", use_kill },
	{ "wait-any", use_wait_any },
	{ "fork", use_fork },
	{ "popen", use_popen },
	{ "popen-close", use_popen_close },
	{ "spawn", use_spawn },
	{ "listen", use_listen },
	{ "inotify", use_inotify },
	{ "path", use_path },
	{ "follow", use_follow },
	{ "pump", use_pump },
	{ "messages", use_messages },
#ifdef HAVE_EV
	{ "ev", use_ev },
	{ "ev-fork", use_ev_fork },
	{ "ev-child", use_ev_child },
#endif
	{ NULL, NULL }
};

static int count_entries(const char *path)
{
	DIR *dir = opendir(path);
	int n = 0;

	CHECK(dir != NULL);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

/* Threads end a moment after they have said so. */
static void check_left(int fds, unsigned blocks)
{
	int tries;

	for (tries = 0; tries < 5000; tries++) {
		if (count_entries("/proc/self/task") == 3 &&
		    torture_blocks() == blocks)
			break;
		nap();
	}
	if (count_entries("/proc/self/task") != 3)
		wrong("left: threads");
	if (count_entries("/proc/self/fd") != fds)
		wrong("left: %d descriptors",
		      count_entries("/proc/self/fd") - fds);
	if (torture_blocks() != blocks)
		wrong("left: %d blocks of memory",
		      (int)(torture_blocks() - blocks));
	if (waitpid(-1, NULL, WNOHANG) >= 0 || errno != ECHILD)
		wrong("left: a child");
}

/* Nothing may be registered any more: the second iv_main() returns. */
static void round_of(void (*use)(void))
{
	int fds = count_entries("/proc/self/fd");
	unsigned blocks = torture_blocks();

	iv_init();
	use();
	if (left_over < 0)
		iv_main();
	iv_deinit();
	if (left_over >= 0)
		close(left_over);
	check_left(fds, blocks);
}

static void count(void)
{
	size_t len = 0;
	const char *name;
	unsigned i, n;

	for (i = 0; (name = torture_count(i, &n)) != NULL; i++)
		if (n > 0)
			len += (size_t)snprintf(answer->text + len,
						sizeof(answer->text) - len,
						" %s=%u", name, n);
}

static void in_child(const char *method, void (*use)(void), const char *rules)
{
	char other[32];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	setenv("IV_SELECT_POLL_METHOD", method, 1);
	iv_set_fatal_msg_handler(fatal);
	snprintf(other, sizeof(other), "/%d", ECHILD);
	status_taken = strstr(rules, other) != NULL;
	for_ever = strstr(rules, "/f/") != NULL;
	kill_fails = strstr(rules, "kill/") != NULL ||
		     strstr(rules, "pidfd_send_signal/") != NULL;
	injecting = 1;
	torture_begin(*rules == '-' ? NULL : rules);
	round_of(use);
	if (*rules == '-')
		count();
	torture_heal();
	injecting = status_taken = kill_fails = 0;
	round_of(use);
	answer->done = 1;
	_exit(0);
}

/* ---- The server --------------------------------------------------------------- */

/* The status of the child, or -1 if it had to be killed. */
static int await(pid_t pid)
{
	const struct timespec patience = { PATIENCE, 0 };
	sigset_t set;
	int status;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (sigtimedwait(&set, NULL, &patience) >= 0 || errno == EINTR)
			continue;
		kill(-pid, SIGKILL);
		waitpid(pid, &status, 0);
		return -1;
	}
	return status;
}

static void reply(const char *verdict, const char *text)
{
	printf("%s%s [%u]\n", verdict, text, torture_failed());
	fflush(stdout);
}

static void conclude(int status, int counting)
{
	char text[64];

	snprintf(text, sizeof(text), " signal %d", status & 127);
	if (status == -1)
		reply("wrong", " hang");
	else if (WIFSIGNALED(status))
		reply("wrong", text);
	else if (WEXITSTATUS(status) == 3)
		reply("fatal ", answer->text);
	else if (!answer->done)
		reply("wrong ", answer->text);
	else if (counting)
		reply("count", answer->text);
	else if (answer->refused[0] != '\0')
		reply("refused", answer->refused);
	else
		reply("passed", "");
}

static void serve(const char *method, const char *name, const char *rules)
{
	const struct scenario *s = scenarios;
	sigset_t set;
	pid_t pid;

	while (s->name != NULL && strcmp(s->name, name) != 0)
		s++;
	if (s->name == NULL)
		exit(2);
	memset(answer, 0, sizeof(*answer));
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pid = fork();
	if (pid < 0)
		exit(2);
	if (pid == 0) {
		sigprocmask(SIG_UNBLOCK, &set, NULL);
		in_child(method, s->use, rules);
	}
	conclude(await(pid), *rules == '-');
}

int main(int argc, char **argv)
{
	char method[32], name[32], rules[2048];
	int i;

	if (argc > 1 && strcmp(argv[1], "list") == 0) {
		for (i = 0; scenarios[i].name != NULL; i++)
			puts(scenarios[i].name);
		return 0;
	}
	signal(SIGPIPE, SIG_IGN);
	answer = mmap(NULL, sizeof(*answer), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (answer == MAP_FAILED)
		return 2;
	while (scanf("%31s %31s %2047s", method, name, rules) == 3)
		serve(method, name, rules);
	return 0;
}
