/* SPDX-License-Identifier: MIT */
/*
 * hosts.c - an ivykis loop inside another library's, and the other way round.
 * hosts.sh compiles it with one of HOST_POLL, HOST_GLIB, HOST_UV, HOST_EV,
 * GUEST_GLIB and GUEST_UV, and runs it on each poll method.
 *
 * The load: a thread posts and writes to a pipe while the loop sleeps, each
 * time after the one before has arrived; timers that follow each other; a task
 * for each of them.  When all has come nothing is registered any more, and the
 * program ends.  One that misses something never does.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <iv.h>
#include <iv_event.h>
#include <iv_hook.h>
#include <iv_loop.h>

#define ROUNDS	100

/* What a loop that has no descriptor is looked after. */
#define OFTEN_MS	5

static int posts, bytes, beats, tasks;

/* ---- The load ----------------------------------------------------------------- */

static struct iv_event event;
static struct iv_fd fd;
static struct iv_timer timer;
static struct iv_task task;
static int fds[2];
static sem_t arrived;
static pthread_t poster;

static void nap(long ns)
{
	struct timespec ts = { 0, ns };

	nanosleep(&ts, NULL);
}

static void *post_and_write(void *unused)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		nap(i % 10 * 50000);
		iv_event_post(&event);
		sem_wait(&arrived);
		nap(i % 7 * 50000);
		if (write(fds[1], "x", 1) != 1)
			abort();
		sem_wait(&arrived);
	}
	return unused;
}

static void posted(void *unused)
{
	(void)unused;
	if (++posts == ROUNDS)
		iv_event_unregister(&event);
	sem_post(&arrived);
}

static void readable(void *unused)
{
	char c;

	(void)unused;
	if (read(fds[0], &c, 1) != 1)
		return;
	if (++bytes == ROUNDS)
		iv_fd_unregister(&fd);
	sem_post(&arrived);
}

static void task_run(void *unused)
{
	(void)unused;
	tasks++;
}

static void beat(void *unused)
{
	(void)unused;
	iv_task_register(&task);
	if (++beats == ROUNDS)
		return;
	timer.expires.tv_nsec += 1000000;
	if (timer.expires.tv_nsec >= 1000000000) {
		timer.expires.tv_nsec -= 1000000000;
		timer.expires.tv_sec++;
	}
	iv_timer_register(&timer);
}

static void load_begin(void)
{
	sem_init(&arrived, 0, 0);
	if (pipe(fds) < 0)
		abort();
	IV_EVENT_INIT(&event);
	event.handler = posted;
	if (iv_event_register(&event) < 0)
		abort();
	IV_FD_INIT(&fd);
	iv_fd_set_flags(&fd, IV_FD_RAW);
	fd.fd = fds[0];
	fd.handler_in = readable;
	iv_fd_register(&fd);
	IV_TIMER_INIT(&timer);
	timer.handler = beat;
	iv_validate_now();
	timer.expires = iv_now;
	iv_timer_register(&timer);
	IV_TASK_INIT(&task);
	task.handler = task_run;
	if (pthread_create(&poster, NULL, post_and_write, NULL) != 0)
		abort();
}

static int load_end(void)
{
	pthread_join(poster, NULL);
	printf("%d posts %d bytes %d beats %d tasks\n", posts, bytes, beats,
	       tasks);
	return posts == ROUNDS && bytes == ROUNDS && beats == ROUNDS &&
	       tasks == ROUNDS ? 0 : 1;
}

/* ---- Hosts ---------------------------------------------------------------------- */

#if defined(HOST_POLL) || defined(HOST_GLIB) || defined(HOST_UV) || \
	defined(HOST_EV)
static int loop_fd;

/* Milliseconds; -1: for ever. */
static int time_to_sleep(void)
{
	struct timespec left;
	int ms = -1;

	if (iv_loop_timeout(&left))
		ms = (int)(left.tv_sec * 1000 +
			   (left.tv_nsec + 999999) / 1000000);
	if (loop_fd < 0 && (ms < 0 || ms > OFTEN_MS))
		ms = OFTEN_MS;
	return ms;
}
#endif

#ifdef HOST_POLL
#include <poll.h>

static void host_run(void)
{
	struct pollfd pfd = { loop_fd, POLLIN, 0 };

	do {
		poll(&pfd, 1, time_to_sleep());
	} while (iv_run(IV_RUN_NOWAIT));
}
#endif

#ifdef HOST_GLIB
#include <glib.h>

struct bridge {
	GSource	source;
	GPollFD	pfd;
};

static GMainLoop *host;
static int host_beats;

static gboolean bridge_prepare(GSource *source, gint *timeout)
{
	(void)source;
	*timeout = time_to_sleep();
	return *timeout == 0;
}

static gboolean bridge_check(GSource *source)
{
	struct bridge *b = (struct bridge *)source;

	return loop_fd < 0 || b->pfd.revents != 0 || time_to_sleep() == 0;
}

static gboolean bridge_dispatch(GSource *source, GSourceFunc fn, gpointer data)
{
	(void)source;
	(void)fn;
	(void)data;
	if (!iv_run(IV_RUN_NOWAIT))
		g_main_loop_quit(host);
	return G_SOURCE_CONTINUE;
}

static gboolean host_beat(gpointer unused)
{
	(void)unused;
	host_beats++;
	return G_SOURCE_CONTINUE;
}

static void host_run(void)
{
	static GSourceFuncs funcs = {
		.prepare = bridge_prepare,
		.check = bridge_check,
		.dispatch = bridge_dispatch,
	};
	GSource *source = g_source_new(&funcs, sizeof(struct bridge));
	struct bridge *b = (struct bridge *)source;

	host = g_main_loop_new(NULL, FALSE);
	b->pfd.fd = loop_fd;
	b->pfd.events = G_IO_IN;
	if (loop_fd >= 0)
		g_source_add_poll(source, &b->pfd);
	g_source_attach(source, NULL);
	g_timeout_add(2, host_beat, NULL);
	g_main_loop_run(host);
	if (host_beats == 0)
		puts("the host did not beat");
}
#endif

#ifdef HOST_UV
#include <uv.h>

static uv_prepare_t before;
static uv_check_t after;
static uv_poll_t watch;
static uv_timer_t limit;

static void nothing_timer(uv_timer_t *unused)
{
	(void)unused;
}

static void nothing_poll(uv_poll_t *unused, int status, int events)
{
	(void)unused;
	(void)status;
	(void)events;
}

static void before_sleep(uv_prepare_t *unused)
{
	int ms = time_to_sleep();

	(void)unused;
	if (ms >= 0)
		uv_timer_start(&limit, nothing_timer, (uint64_t)ms, 0);
	else
		uv_timer_stop(&limit);
}

static void after_sleep(uv_check_t *unused)
{
	(void)unused;
	if (!iv_run(IV_RUN_NOWAIT))
		uv_stop(uv_default_loop());
}

static void host_run(void)
{
	uv_loop_t *host = uv_default_loop();

	uv_timer_init(host, &limit);
	uv_prepare_init(host, &before);
	uv_prepare_start(&before, before_sleep);
	uv_check_init(host, &after);
	uv_check_start(&after, after_sleep);
	if (loop_fd >= 0) {
		uv_poll_init(host, &watch, loop_fd);
		uv_poll_start(&watch, UV_READABLE, nothing_poll);
	}
	uv_run(host, UV_RUN_DEFAULT);
}
#endif

#ifdef HOST_EV
#include <ev.h>

static ev_prepare before;
static ev_check after;
static ev_io watch;
static ev_timer limit;

static void nothing_timer(struct ev_loop *host, ev_timer *unused, int revents)
{
	(void)host;
	(void)unused;
	(void)revents;
}

static void nothing_io(struct ev_loop *host, ev_io *unused, int revents)
{
	(void)host;
	(void)unused;
	(void)revents;
}

static void before_sleep(struct ev_loop *host, ev_prepare *unused, int revents)
{
	int ms = time_to_sleep();

	(void)unused;
	(void)revents;
	ev_timer_stop(host, &limit);
	if (ms >= 0) {
		ev_timer_set(&limit, ms / 1000., 0.);
		ev_timer_start(host, &limit);
	}
}

static void after_sleep(struct ev_loop *host, ev_check *unused, int revents)
{
	(void)unused;
	(void)revents;
	if (!iv_run(IV_RUN_NOWAIT))
		ev_break(host, EVBREAK_ALL);
}

static void host_run(void)
{
	struct ev_loop *host = ev_default_loop(0);

	ev_timer_init(&limit, nothing_timer, 0., 0.);
	ev_prepare_init(&before, before_sleep);
	ev_prepare_start(host, &before);
	ev_check_init(&after, after_sleep);
	ev_check_start(host, &after);
	if (loop_fd >= 0) {
		ev_io_init(&watch, nothing_io, loop_fd, EV_READ);
		ev_io_start(host, &watch);
	}
	ev_run(host, 0);
}
#endif

/* ---- Guests ----------------------------------------------------------------------- */

#if defined(GUEST_GLIB) || defined(GUEST_UV)
static struct iv_hook before, after;
static struct iv_timer limit;
static int guest_calls, guest_beats;

static void nothing(void *unused)
{
	(void)unused;
}

/* Milliseconds; negative: none. */
static void set_limit(int ms)
{
	if (iv_timer_registered(&limit))
		iv_timer_unregister(&limit);
	if (ms < 0)
		return;
	iv_validate_now();
	limit.expires = iv_now;
	limit.expires.tv_sec += ms / 1000;
	limit.expires.tv_nsec += ms % 1000 * 1000000L;
	if (limit.expires.tv_nsec >= 1000000000) {
		limit.expires.tv_nsec -= 1000000000;
		limit.expires.tv_sec++;
	}
	iv_timer_register(&limit);
}

static void add_hook(struct iv_hook *hook, int point, void (*handler)(void *))
{
	IV_HOOK_INIT(hook);
	hook->point = point;
	hook->handler = handler;
	iv_hook_register(hook);
}

static void watch_number(struct iv_fd *f, int number)
{
	IV_FD_INIT(f);
	iv_fd_set_flags(f, IV_FD_RAW);
	f->fd = number;
	f->handler_in = nothing;
	iv_fd_register(f);
}

static void *call_guest(void *unused);
static pthread_t caller;

static void guest_begin(void)
{
	IV_TIMER_INIT(&limit);
	limit.handler = nothing;
	if (pthread_create(&caller, NULL, call_guest, NULL) != 0)
		abort();
}

static int guest_done(void)
{
	return guest_calls == ROUNDS && guest_beats >= 5 && posts == ROUNDS &&
	       bytes == ROUNDS && beats == ROUNDS;
}
#endif

#ifdef GUEST_GLIB
#include <glib.h>

#define MOST	8

static GPollFD guest_fds[MOST];
static struct iv_fd watched[MOST];
static int watching, priority;

static gboolean guest_beat(gpointer unused)
{
	(void)unused;
	guest_beats++;
	return G_SOURCE_CONTINUE;
}

static sem_t called;

static gboolean guest_called(gpointer unused)
{
	(void)unused;
	guest_calls++;
	sem_post(&called);
	return G_SOURCE_REMOVE;
}

static void *call_guest(void *unused)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		nap(i % 5 * 70000);
		g_idle_add(guest_called, NULL);
		sem_wait(&called);
	}
	return unused;
}

static void unwatch(void)
{
	while (watching > 0)
		iv_fd_unregister(&watched[--watching]);
}

static void before_sleep(void *unused)
{
	GMainContext *guest = g_main_context_default();
	int ms, i, n;

	(void)unused;
	unwatch();
	g_main_context_prepare(guest, &priority);
	n = g_main_context_query(guest, priority, &ms, guest_fds, MOST);
	for (i = 0; i < n && i < MOST; i++)
		watch_number(&watched[watching++], guest_fds[i].fd);
	set_limit(ms);
}

static void after_sleep(void *unused)
{
	GMainContext *guest = g_main_context_default();

	(void)unused;
	g_poll(guest_fds, (guint)watching, 0);
	if (g_main_context_check(guest, priority, guest_fds, watching))
		g_main_context_dispatch(guest);
	if (!guest_done())
		return;
	unwatch();
	set_limit(-1);
	iv_hook_unregister(&before);
	iv_hook_unregister(&after);
	iv_quit();
}

static void host_run(void)
{
	sem_init(&called, 0, 0);
	g_main_context_acquire(g_main_context_default());
	g_timeout_add(2, guest_beat, NULL);
	guest_begin();
	add_hook(&before, IV_HOOK_PREPARE, before_sleep);
	add_hook(&after, IV_HOOK_CHECK, after_sleep);
	iv_ref();
	iv_main();
	iv_unref();
	pthread_join(caller, NULL);
}
#endif

#ifdef GUEST_UV
#include <uv.h>

static struct iv_fd backend;
static uv_async_t wake;
static uv_timer_t guest_timer;
static sem_t called;

static void guest_called(uv_async_t *unused)
{
	(void)unused;
	guest_calls++;
	sem_post(&called);
}

static void guest_beat(uv_timer_t *unused)
{
	(void)unused;
	guest_beats++;
}

static void *call_guest(void *unused)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		nap(i % 5 * 70000);
		uv_async_send(&wake);
		sem_wait(&called);
	}
	return unused;
}

static void before_sleep(void *unused)
{
	(void)unused;
	uv_run(uv_default_loop(), UV_RUN_NOWAIT);
	set_limit(uv_backend_timeout(uv_default_loop()));
}

static void after_sleep(void *unused)
{
	(void)unused;
	uv_run(uv_default_loop(), UV_RUN_NOWAIT);
	if (!guest_done())
		return;
	iv_fd_unregister(&backend);
	set_limit(-1);
	iv_hook_unregister(&before);
	iv_hook_unregister(&after);
	iv_quit();
}

static void host_run(void)
{
	sem_init(&called, 0, 0);
	uv_async_init(uv_default_loop(), &wake, guest_called);
	uv_timer_init(uv_default_loop(), &guest_timer);
	uv_timer_start(&guest_timer, guest_beat, 2, 2);
	watch_number(&backend, uv_backend_fd(uv_default_loop()));
	guest_begin();
	add_hook(&before, IV_HOOK_PREPARE, before_sleep);
	add_hook(&after, IV_HOOK_CHECK, after_sleep);
	iv_main();
	pthread_join(caller, NULL);
}
#endif

int main(void)
{
	iv_init();
	load_begin();
#if defined(HOST_POLL) || defined(HOST_GLIB) || defined(HOST_UV) || \
	defined(HOST_EV)
	loop_fd = iv_loop_fd();
#endif
	host_run();
	iv_deinit();
	return load_end();
}
