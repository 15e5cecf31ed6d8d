/* SPDX-License-Identifier: MIT */
/*
 * world.c - the commands, on the library and on the model.
 *
 * Every command is possible in every state: one that makes no sense does
 * nothing.  An object lives in memory of its own, full of garbage before it is
 * initialised, and is freed and made anew now and then.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <iv.h>
#include <iv_event.h>
#include <iv_event_raw.h>
#include <iv_loop.h>
#include <iv_signal.h>
#include <iv_tick.h>
#include <iv_work.h>
#include "model/world.h"

/* So many calls in an iv_main() make it quit. */
#define BUDGET	40
/* So many records a handler executes at most. */
#define IN_HANDLER	3
/* Bytes on their way in a line, so that it is not full by accident. */
#define FEW	12

uint64_t world_steps, world_calls;
bool world_verbose;

static const uint8_t *program;
static size_t size, at;

static struct iv_fd *fds[LINES];
static struct iv_timer *timers[TIMERS];
static struct iv_tick *ticks[TICKS];
static struct iv_task *tasks[TASKS];
static struct iv_event *events[EVENTS];
static struct iv_event_raw *raws[RAWS];
static struct iv_signal *signals[SIGNALS];
static struct iv_work_item *items[ITEMS];

/* How often each object was initialised: what its cookie says. */
static unsigned fd_lives[LINES], timer_lives[TIMERS + TICKS], task_lives[TASKS],
	event_lives[EVENTS], raw_lives[RAWS], signal_lives[SIGNALS],
	item_lives[ITEMS];

static int budget;		/* calls until iv_quit() */
static int paced_turns;		/* of the task that paces */
static bool in_work;		/* no iv_main() here */

/* The loops; the second one is made when it is visited first. */
static struct iv_loop *loops[2];
static int here;		/* which of them this is about */
static int visits;		/* in progress */

/* ---- Saying ----------------------------------------------------------------------- */

void world_say(const char *fmt, ...)
{
	va_list ap;

	if (!world_verbose)
		return;
	fprintf(stderr, "%*s", (int)(2 * model_depth()), "");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void world_fail(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "model: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, " [%s, record %zu]\n", iv_poll_method_name(),
		at / RECORD);
	fflush(stderr);
	abort();
}

void expect(bool ok, const char *what, int i)
{
	if (!ok)
		world_fail("%s (object %d)", what, i);
}

/* ---- Calls --------------------------------------------------------------------------- */

static void execute(bool in_handler);

void *cookie(int i, unsigned lives)
{
	return (void *)(uintptr_t)((lives & 0xffffff) << 8 | (unsigned)i);
}

static void do_quit(void)
{
	iv_quit();
	M.quit = true;
}

int called(enum call call, void *c, const unsigned *lives, unsigned band)
{
	unsigned v = (unsigned)(uintptr_t)c;
	int i = (int)(v & 0xff);

	world_say("-> call %d, object %d, band %u", call, i, band);
	if (lives != NULL && (lives[i] & 0xffffff) != v >> 8)
		world_fail("handler %d of object %d has an old cookie", call,
			   i);
	model_called(call, i, band);
	world_calls++;
	return i;
}

void finish(void)
{
	FOR(n, IN_HANDLER) {
		if (at + RECORD > size || !(program[at + 3] & 1))
			break;
		execute(true);
		if (program[at - 1] & 2)
			break;
	}
	if (--budget <= 0)
		do_quit();
	model_done();
}

void world_apart(void)
{
	FOR(n, IN_HANDLER)
		if (at + RECORD > size || !(program[at + 3] & 1) ||
		    !world_outside())
			break;
	model_done();
}

void finish_here(void)
{
	in_work = true;
	finish();
	in_work = false;
}

static void fd_err(void *c)
{
	called(CALL_FD, c, fd_lives, ERR);
	finish();
}

static void fd_in(void *c)
{
	called(CALL_FD, c, fd_lives, IN);
	finish();
}

static void fd_out(void *c)
{
	called(CALL_FD, c, fd_lives, OUT);
	finish();
}

static void timer_due(void *c)
{
	int i = called(CALL_TIMER, c, timer_lives, 0);

	if (ground_clock() < M.timer[i].at)
		world_fail("timer %d is early", i);
	model_timer_unregister(i);
	expect(!iv_timer_registered(timers[i]), "timer still registered", i);
	if (i == 0)
		do_quit();
	finish();
}

static int64_t ns_of(const struct timespec *ts)
{
	return ts->tv_sec * INT64_C(1000000000) + ts->tv_nsec;
}

/* The library has looked at iv_now before. */
static void tick_due(void *c)
{
	int i = called(CALL_TIMER, c, timer_lives, 0);
	struct iv_tick *t = ticks[i - TIMERS];
	int64_t now = ns_of(&iv_now), interval = ns_of(&t->interval),
		late = now - M.timer[i].at;

	if (late < 0)
		world_fail("tick %d is early", i);
	expect(!M.now_valid || M.now == now, "iv_now of a tick", i);
	M.now = now;
	M.now_valid = true;
	expect((int64_t)t->missed == late / interval, "beats missed", i);
	model_timer_unregister(i);
	model_timer_register(i, now - late % interval + interval);
	expect(iv_tick_registered(t), "tick not registered", i);
	finish();
}

static void task_run(void *c)
{
	int i = called(CALL_TASK, c, task_lives, 0);

	expect(!iv_task_registered(tasks[i]), "task still registered", i);
	if (i == 0 && paced_turns-- > 0) {
		iv_task_register(tasks[0]);
		model_task_register(0);
	} else if (i == 0) {
		do_quit();
	}
	finish();
}

static void event_run(void *c)
{
	called(CALL_EVENT, c, event_lives, 0);
	finish();
}

static void raw_run(void *c)
{
	called(CALL_RAW, c, raw_lives, 0);
	finish();
}

static void signal_run(void *c)
{
	called(CALL_SIGNAL, c, signal_lives, 0);
	finish_here();
}

static void item_work(void *c)
{
	called(CALL_WORK, c, item_lives, 0);
	finish_here();
}

static void item_complete(void *c)
{
	int i = called(CALL_COMPLETION, c, item_lives, 0);

	M.item[i] = false;
	/* Work takes its time. */
	M.now_valid = false;
	finish_here();
}

/* ---- What the library's modules register for themselves --------------------------------- */

static void (*work_off_signals)(void *), (*sweep_children)(void *);

static void signals_come(void *c)
{
	world_say("-> signals");
	model_called(CALL_SIGNALS, 0, 0);
	work_off_signals(c);
	model_signals_done();
}

static void sweep_due(void *c)
{
	world_say("-> timer to look at all children");
	model_called(CALL_TIMER, TIMER_SWEEP, 0);
	model_timer_unregister(TIMER_SWEEP);
	model_sweep_begin();
	sweep_children(c);
	model_sweep_end();
}

/* Puts OURS in the place of THEIRS, and keeps that. */
static void divert(void (**theirs)(void *), void (*ours)(void *),
		   void (**kept)(void *))
{
	if (*theirs == ours)
		return;
	*kept = *theirs;
	*theirs = ours;
}

int __real_iv_event_raw_register(struct iv_event_raw *ev);
int __wrap_iv_event_raw_register(struct iv_event_raw *ev);

int __wrap_iv_event_raw_register(struct iv_event_raw *ev)
{
	if (ev->handler != raw_run)
		divert(&ev->handler, signals_come, &work_off_signals);
	return __real_iv_event_raw_register(ev);
}

static bool is_of_tick(const struct iv_timer *timer)
{
	FOR(i, TICKS)
		if (timer == &ticks[i]->timer)
			return true;
	return false;
}

void __real_iv_timer_register(struct iv_timer *timer);
void __wrap_iv_timer_register(struct iv_timer *timer);

void __wrap_iv_timer_register(struct iv_timer *timer)
{
	if (!alarms_timer_registers(timer) &&
	    !listen_timer_registers(timer) &&
	    !paths_timer_registers(timer) &&
	    !programs_timer_registers(timer) && timer->handler != timer_due &&
	    !is_of_tick(timer)) {
		divert(&timer->handler, sweep_due, &sweep_children);
		model_sweep_put_off(timer->expires.tv_sec *
				    INT64_C(1000000000) +
				    timer->expires.tv_nsec);
	}
	__real_iv_timer_register(timer);
}

int __real_iv_fd_register_try(struct iv_fd *fd);
int __wrap_iv_fd_register_try(struct iv_fd *fd);

int __wrap_iv_fd_register_try(struct iv_fd *fd)
{
	inotify_divert(fd);
	alarms_divert(fd);
	listen_divert(fd);
	paths_divert(fd);
	return __real_iv_fd_register_try(fd);
}

/* ---- Memory ----------------------------------------------------------------------------- */

void *garbage(size_t n)
{
	void *p = malloc(n);

	if (p == NULL)
		abort();
	return memset(p, 0xa5, n);
}

static void new_fd(int i)
{
	free(fds[i]);
	fds[i] = garbage(sizeof(*fds[i]));
	IV_FD_INIT(fds[i]);
	fds[i]->cookie = cookie(i, ++fd_lives[i]);
}

static void new_timer(int i)
{
	free(timers[i]);
	timers[i] = garbage(sizeof(*timers[i]));
	IV_TIMER_INIT(timers[i]);
	timers[i]->cookie = cookie(i, ++timer_lives[i]);
	timers[i]->handler = timer_due;
}

/* I as of the timers. */
static void new_tick(int i)
{
	struct iv_tick **t = &ticks[i - TIMERS];

	free(*t);
	*t = garbage(sizeof(**t));
	IV_TICK_INIT(*t);
	(*t)->cookie = cookie(i, ++timer_lives[i]);
	(*t)->handler = tick_due;
}

static void init_task(int i)
{
	IV_TASK_INIT(tasks[i]);
	model_task_init(i);
	tasks[i]->cookie = cookie(i, ++task_lives[i]);
	tasks[i]->handler = task_run;
}

static void new_task(int i)
{
	free(tasks[i]);
	tasks[i] = garbage(sizeof(*tasks[i]));
	init_task(i);
}

static void new_event(int i)
{
	free(events[i]);
	events[i] = garbage(sizeof(*events[i]));
	IV_EVENT_INIT(events[i]);
	events[i]->cookie = cookie(i, ++event_lives[i]);
	events[i]->handler = event_run;
}

static void new_raw(int i)
{
	free(raws[i]);
	raws[i] = garbage(sizeof(*raws[i]));
	IV_EVENT_RAW_INIT(raws[i]);
	raws[i]->cookie = cookie(i, ++raw_lives[i]);
	raws[i]->handler = raw_run;
}

static void new_signal(int i)
{
	free(signals[i]);
	signals[i] = garbage(sizeof(*signals[i]));
	IV_SIGNAL_INIT(signals[i]);
	signals[i]->cookie = cookie(i, ++signal_lives[i]);
	signals[i]->handler = signal_run;
	M.signal[i].address = signals[i];
}

static void new_item(int i)
{
	free(items[i]);
	items[i] = garbage(sizeof(*items[i]));
	IV_WORK_ITEM_INIT(items[i]);
	items[i]->cookie = cookie(i, ++item_lives[i]);
	items[i]->work = item_work;
	items[i]->completion = item_complete;
}

/* ---- Another thread ------------------------------------------------------------------------- */

static sem_t asked, answered;
static void (*errand)(int);
static int errand_object;

static void *other_thread(void *unused)
{
	(void)unused;
	for (;;) {
		sem_wait(&asked);
		errand(errand_object);
		sem_post(&answered);
	}
	return NULL;
}

static void start_other_thread(void)
{
	static bool started;
	sigset_t all, saved;
	pthread_t t;

	if (started)
		return;
	started = true;
	sem_init(&asked, 0, 0);
	sem_init(&answered, 0, 0);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	if (pthread_create(&t, NULL, other_thread, NULL) != 0)
		abort();
	pthread_detach(t);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
}

void elsewhere(void (*fn)(int), int object)
{
	start_other_thread();
	errand = fn;
	errand_object = object;
	sem_post(&asked);
	while (sem_wait(&answered) < 0)
		;
}

static void post_event(int i)
{
	iv_event_post(events[i]);
}

static void post_raw(int i)
{
	iv_event_raw_post(raws[i]);
}

/* ---- Commands: lines ---------------------------------------------------------------------------- */

/* A poll method may have no more than 64 descriptors. */
#define LINE(a)	((int)((a) % (here == 0 ? LINES : 2)))

static void line_unregister(int i)
{
	struct line *l = &M.line[i];

	if (!l->registered)
		return;
	model_line_unregister(l);
	iv_fd_unregister(fds[i]);
	expect(!iv_fd_registered(fds[i]), "fd still registered", i);
}

static void line_close(int i)
{
	struct line *l = &M.line[i];

	line_unregister(i);
	if (l->fd >= 0)
		ground_close(l->fd);
	if (l->peer >= 0)
		ground_close(l->peer);
	memset(l, 0, sizeof(*l));
	l->fd = l->peer = -1;
}

static void line_open(int i, enum end end)
{
	struct line *l = &M.line[i];
	int pair[2];

	line_close(i);
	ground_pair(end, pair);
	l->end = end;
	l->fd = pair[0];
	l->peer = pair[1];
}

static void set_handlers(int i, unsigned set)
{
	fds[i]->handler_err = set & ERR ? fd_err : NULL;
	fds[i]->handler_in = set & IN ? fd_in : NULL;
	fds[i]->handler_out = set & OUT ? fd_out : NULL;
}

/* Registers it; some systems know nothing of POLLPRI. */
static bool can_have_urgent(int i)
{
	if (iv_fd_register_try(fds[i]) == 0)
		return true;
	expect(errno == EOPNOTSUPP &&
	       (ground_tells || strcmp(iv_poll_method_name(), "kqueue") == 0),
	       "refused", i);
	expect(!iv_fd_registered(fds[i]), "refused and registered", i);
	return false;
}

static void line_register_flags(int i, unsigned set, bool try, unsigned flags)
{
	struct line *l = &M.line[i];

	if (l->fd < 0 || l->registered)
		return;
	if (l->end == ALWAYS)
		flags |= IV_FD_ANY;
	fds[i]->fd = l->fd;
	set_handlers(i, set);
	iv_fd_set_flags(fds[i], flags);
	l->noref = flags & IV_FD_NOREF;
	l->edge = flags & IV_FD_EDGE;
	l->exclusive = flags & IV_FD_EXCLUSIVE;
	if ((flags & IV_FD_PRI) && !can_have_urgent(i))
		return;
	model_line_register(l, set);
	if (flags & IV_FD_PRI)
		;
	else if (!try)
		iv_fd_register(fds[i]);
	else
		expect(iv_fd_register_try(fds[i]) == 0, "refused", i);
	expect(iv_fd_registered(fds[i]), "fd not registered", i);
}

static void line_register(int i, unsigned set, bool try)
{
	line_register_flags(i, set, try, 0);
}

static void line_set(int i, unsigned set)
{
	struct line *l = &M.line[i];
	unsigned change = l->handlers ^ set;

	if (!l->registered)
		return;
	if (l->exclusive)
		change &= ~(unsigned)OUT;
	set = l->handlers ^ change;
	model_line_set(l, set);
	if (change & ERR)
		iv_fd_set_handler_err(fds[i], set & ERR ? fd_err : NULL);
	if (change & OUT)
		iv_fd_set_handler_out(fds[i], set & OUT ? fd_out : NULL);
	if (change & IN)
		iv_fd_set_handler_in(fds[i], set & IN ? fd_in : NULL);
}

static void c_open_reader(unsigned a, unsigned b)
{
	(void)b;
	line_open(LINE(a), READER);
}

static void c_open_writer(unsigned a, unsigned b)
{
	(void)b;
	line_open(LINE(a), WRITER);
}

static void c_open_socket(unsigned a, unsigned b)
{
	(void)b;
	line_open(LINE(a), SOCKET);
}

static void c_open_always(unsigned a, unsigned b)
{
	line_open(LINE(a), ALWAYS);
	if (b & 8)
		line_register(LINE(a), b & BANDS, false);
}

/* What is registered at once is what finds most. */
static void c_open_registered(unsigned a, unsigned b)
{
	line_open(LINE(a), (enum end)((b >> 3) % 3));
	line_register(LINE(a), b & BANDS, false);
}

static void c_register(unsigned a, unsigned b)
{
	line_register(LINE(a), b & BANDS, false);
}

static void c_register_try(unsigned a, unsigned b)
{
	line_register(LINE(a), b & BANDS, true);
}

static void c_unregister(unsigned a, unsigned b)
{
	(void)b;
	line_unregister(LINE(a));
}

static void c_reregister(unsigned a, unsigned b)
{
	if (!M.line[LINE(a)].registered)
		return;
	line_unregister(LINE(a));
	line_register(LINE(a), b & BANDS, false);
}

static void c_toggle_in(unsigned a, unsigned b)
{
	(void)b;
	line_set(LINE(a), M.line[LINE(a)].handlers ^ IN);
}

static void c_toggle_out(unsigned a, unsigned b)
{
	(void)b;
	line_set(LINE(a), M.line[LINE(a)].handlers ^ OUT);
}

static void c_toggle_err(unsigned a, unsigned b)
{
	(void)b;
	line_set(LINE(a), M.line[LINE(a)].handlers ^ ERR);
}

static void c_set_handlers(unsigned a, unsigned b)
{
	line_set(LINE(a), b & BANDS);
}

/* What a program does that suspends a descriptor in its handlers. */
static void c_suspend_resume(unsigned a, unsigned b)
{
	unsigned set = M.line[LINE(a)].handlers;

	line_set(LINE(a), 0);
	line_set(LINE(a), b & 1 ? set : b >> 1 & BANDS);
}

static void c_register_flags(unsigned a, unsigned b)
{
	unsigned how = a / LINES, set = b & BANDS;
	unsigned flags = (b & 8 ? IV_FD_EDGE : 0U) |
			 (b & 16 ? IV_FD_NOREF : 0U) |
			 (b & 32 ? IV_FD_RAW : 0U) |
			 (b & 64 ? IV_FD_ANY : 0U) |
			 (how & 2 ? IV_FD_PRI : 0U);

	if ((b & 128) && M.line[LINE(a)].end != ALWAYS) {
		flags = (flags & (IV_FD_NOREF | IV_FD_RAW)) | IV_FD_EXCLUSIVE;
		set &= ~(unsigned)OUT;
	}
	line_register_flags(LINE(a), set, how & 1, flags);
}

static void c_suspend(unsigned a, unsigned b)
{
	struct line *l = &M.line[LINE(a)];

	(void)b;
	if (!l->registered)
		return;
	model_line_suspend(l, true);
	iv_fd_suspend(fds[LINE(a)]);
}

static void c_resume(unsigned a, unsigned b)
{
	struct line *l = &M.line[LINE(a)];

	(void)b;
	if (!l->registered)
		return;
	model_line_suspend(l, false);
	iv_fd_resume(fds[LINE(a)]);
}

static void c_kick(unsigned a, unsigned b)
{
	struct line *l = &M.line[LINE(a)];

	if (!l->registered)
		return;
	model_line_kick(l, b & (IN | OUT));
	iv_fd_kick(fds[LINE(a)], b & IN, b & OUT);
}

static void c_peer_write(unsigned a, unsigned b)
{
	struct line *l = &M.line[LINE(a)];
	unsigned n = 1 + b % 3;

	if (l->peer < 0 || l->end == WRITER || l->eof || l->in + n > FEW)
		return;
	model_line_changes(l);
	ground_write(l->peer, n);
	l->in += n;
	model_line_news(l, IN);
}

static void c_read(unsigned a, unsigned b)
{
	struct line *l = &M.line[LINE(a)];
	unsigned n = l->in > 0 ? 1 + b % l->in : 0;

	if (n == 0)
		return;
	model_line_changes(l);
	ground_read(l->fd, n);
	l->in -= n;
}

static void c_drain(unsigned a, unsigned b)
{
	struct line *l = &M.line[LINE(a)];

	(void)b;
	if (l->in > 0) {
		model_line_changes(l);
		ground_read(l->fd, l->in);
		l->in = 0;
	}
}

static void c_write(unsigned a, unsigned b)
{
	struct line *l = &M.line[LINE(a)];

	(void)b;
	if (l->fd < 0 || l->peer < 0 || l->end == READER || l->full ||
	    l->shut || l->out == FEW)
		return;
	model_line_changes(l);
	ground_write(l->fd, 1);
	l->out++;
}

static void c_fill(unsigned a, unsigned b)
{
	struct line *l = &M.line[LINE(a)];

	(void)b;
	if (l->fd < 0 || l->peer < 0 || l->end == READER || l->full || l->shut)
		return;
	model_line_changes(l);
	ground_fill(l->fd);
	l->full = true;
}

static void c_peer_drain(unsigned a, unsigned b)
{
	struct line *l = &M.line[LINE(a)];

	(void)b;
	if (l->peer < 0 || (l->out == 0 && !l->full))
		return;
	model_line_changes(l);
	ground_read(l->peer, l->full ? UINT32_MAX : l->out);
	if (l->full)
		model_line_news(l, OUT);
	l->full = false;
	l->out = 0;
}

static void c_peer_close(unsigned a, unsigned b)
{
	struct line *l = &M.line[LINE(a)];

	(void)b;
	if (l->peer < 0)
		return;
	model_line_changes(l);
	ground_close(l->peer);
	l->peer = -1;
}

static void c_peer_shutdown(unsigned a, unsigned b)
{
	struct line *l = &M.line[LINE(a)];

	(void)b;
	if (l->peer < 0 || l->end != SOCKET || l->eof)
		return;
	model_line_changes(l);
	ground_shutdown(l->peer);
	l->eof = true;
}

static void c_shutdown(unsigned a, unsigned b)
{
	struct line *l = &M.line[LINE(a)];

	(void)b;
	if (l->peer < 0 || l->end != SOCKET || l->shut)
		return;
	model_line_changes(l);
	ground_shutdown(l->fd);
	l->shut = true;
}

static void c_close(unsigned a, unsigned b)
{
	(void)b;
	line_close(LINE(a));
}

/* The wrong way round, which is survived. */
static void c_close_unregister(unsigned a, unsigned b)
{
	struct line *l = &M.line[LINE(a)];

	(void)b;
	if (!l->registered)
		return;
	ground_close(l->fd);
	l->fd = -1;
	line_close(LINE(a));
}

static void c_free_fd(unsigned a, unsigned b)
{
	(void)b;
	line_unregister(LINE(a));
	new_fd(LINE(a));
}

static void c_new_cookie(unsigned a, unsigned b)
{
	(void)b;
	fds[LINE(a)]->cookie = cookie(LINE(a), ++fd_lives[LINE(a)]);
}

/* ---- Commands: timers -------------------------------------------------------------------------- */

#define TIMER(a)	(1 + (int)((a) % (TIMERS - 1)))

static void timer_unregister(int i)
{
	if (!M.timer[i].registered)
		return;
	model_timer_unregister(i);
	iv_timer_unregister(timers[i]);
	expect(!iv_timer_registered(timers[i]), "timer still registered", i);
}

static void timer_register(int i, int64_t ns)
{
	if (M.timer[i].registered)
		return;
	timers[i]->expires.tv_sec = (time_t)(ns / 1000000000);
	timers[i]->expires.tv_nsec = (long)(ns % 1000000000);
	iv_timer_register(timers[i]);
	model_timer_register(i, ns);
	expect(iv_timer_registered(timers[i]), "timer not registered", i);
}

/* Registers it or moves it. */
static void timer_set(int i, int64_t ns)
{
	const struct timespec ts = { (time_t)(ns / 1000000000),
				     (long)(ns % 1000000000) };

	model_timer_unregister(i);
	iv_timer_set_expires(timers[i], &ts);
	model_timer_register(i, ns);
	expect(iv_timer_registered(timers[i]), "timer not registered", i);
}

static void c_timer_set(unsigned a, unsigned b)
{
	timer_set(TIMER(a), ground_clock() + ((int)b - 3) * 300);
}

/* At the time of another, or its own. */
static void c_timer_set_equal(unsigned a, unsigned b)
{
	if (M.timer[TIMER(b)].registered)
		timer_set(TIMER(a), M.timer[TIMER(b)].at);
}

/* Whatever iv_now says. */
static void c_timer_after(unsigned a, unsigned b)
{
	long ns = ((long)b - 8) * 500;

	model_timer_unregister(TIMER(a));
	iv_timer_set_after(timers[TIMER(a)], 0, ns);
	model_timer_register(TIMER(a), ground_clock() + ns);
}

static void c_slack(unsigned a, unsigned b)
{
	const struct timespec slack = { 0, a % 3 == 0 ? 0 : (long)b * 999 };

	iv_set_timer_slack(&slack);
	M.slack = slack.tv_nsec;
}

static void c_timer_past(unsigned a, unsigned b)
{
	timer_register(TIMER(a), b % 4 == 0 ? 0 : ground_clock() - (int)b % 4);
}

static void c_timer_soon(unsigned a, unsigned b)
{
	timer_register(TIMER(a), ground_clock() + (int)b);
}

static void c_timer_later(unsigned a, unsigned b)
{
	timer_register(TIMER(a), ground_clock() + (int64_t)b * 1000003);
}

static void c_timer_far(unsigned a, unsigned b)
{
	timer_register(TIMER(a), b % 2 ? INT64_MAX - (int64_t)b :
		       ground_clock() + (INT64_C(1) << b % 56));
}

/* At the time of another. */
static void c_timer_equal(unsigned a, unsigned b)
{
	if (M.timer[TIMER(b)].registered)
		timer_register(TIMER(a), M.timer[TIMER(b)].at);
}

static void c_timer_again(unsigned a, unsigned b)
{
	timer_unregister(TIMER(a));
	timer_register(TIMER(a), ground_clock() + (int)b * 300);
}

static void c_timer_unregister(unsigned a, unsigned b)
{
	(void)b;
	timer_unregister(TIMER(a));
}

static void c_timer_free(unsigned a, unsigned b)
{
	(void)b;
	timer_unregister(TIMER(a));
	new_timer(TIMER(a));
}

/* ---- Commands: ticks --------------------------------------------------------------------------- */

#define TICK(a)	(TIMERS + (int)((a) % TICKS))

static void set_interval(int i, unsigned b)
{
	int64_t ns = INT64_C(1) + (b % 8 == 0 ? b / 8 : (int64_t)b * 9973);

	ticks[i - TIMERS]->interval.tv_sec = 0;
	ticks[i - TIMERS]->interval.tv_nsec = (long)ns;
}

/* It has been armed by the clock since SINCE. */
static void tick_armed(int i, int64_t since)
{
	const struct iv_tick *t = ticks[i - TIMERS];
	int64_t ns = ns_of(&t->timer.expires);

	expect(ns - ns_of(&t->interval) >= since &&
	       ns - ns_of(&t->interval) <= ground_clock(), "first beat", i);
	model_timer_register(i, ns);
	expect(iv_tick_registered(t), "tick not registered", i);
}

static void tick_unregister(int i)
{
	if (!M.timer[i].registered)
		return;
	model_timer_unregister(i);
	iv_tick_unregister(ticks[i - TIMERS]);
	expect(!iv_tick_registered(ticks[i - TIMERS]),
	       "tick still registered", i);
}

static void c_tick_register(unsigned a, unsigned b)
{
	int64_t since = ground_clock();
	int i = TICK(a);

	if (M.timer[i].registered)
		return;
	set_interval(i, b);
	expect(iv_tick_register(ticks[i - TIMERS]) == 0, "tick refused", i);
	tick_armed(i, since);
}

static void c_tick_again(unsigned a, unsigned b)
{
	int64_t since = ground_clock();
	int i = TICK(a);

	if (!M.timer[i].registered)
		return;
	set_interval(i, b);
	model_timer_unregister(i);
	iv_tick_again(ticks[i - TIMERS]);
	tick_armed(i, since);
}

static void c_tick_interval(unsigned a, unsigned b)
{
	set_interval(TICK(a), b);
}

static void c_tick_unregister(unsigned a, unsigned b)
{
	(void)b;
	tick_unregister(TICK(a));
}

static void c_tick_free(unsigned a, unsigned b)
{
	(void)b;
	tick_unregister(TICK(a));
	new_tick(TICK(a));
}

/* ---- Commands: tasks ---------------------------------------------------------------------------- */

#define TASK(a)	(1 + (int)((a) % (TASKS - 1)))

static void task_unregister(int i)
{
	if (!model_task_registered(i))
		return;
	model_task_unregister(i);
	iv_task_unregister(tasks[i]);
	expect(!iv_task_registered(tasks[i]), "task still registered", i);
}

static void c_task_register(unsigned a, unsigned b)
{
	int i = TASK(a);

	(void)b;
	if (model_task_registered(i))
		return;
	iv_task_register(tasks[i]);
	model_task_register(i);
	expect(iv_task_registered(tasks[i]), "task not registered", i);
}

static void c_task_ensure(unsigned a, unsigned b)
{
	(void)b;
	iv_task_ensure(tasks[TASK(a)]);
	if (!model_task_registered(TASK(a)))
		model_task_register(TASK(a));
	expect(iv_task_registered(tasks[TASK(a)]), "task not registered",
	       TASK(a));
}

static void c_task_unregister(unsigned a, unsigned b)
{
	(void)b;
	task_unregister(TASK(a));
}

static void c_task_init(unsigned a, unsigned b)
{
	task_unregister(TASK(a));
	init_task(TASK(a));
	c_task_register(a, b);
}

static void c_task_free(unsigned a, unsigned b)
{
	(void)b;
	task_unregister(TASK(a));
	new_task(TASK(a));
}

/* ---- Commands: events ----------------------------------------------------------------------------- */

#define EVENT(a)	((int)((a) % EVENTS))
#define RAW(a)	((int)((a) % RAWS))

static void event_unregister(int i)
{
	if (!M.event[i])
		return;
	model_event_unregister(i);
	iv_event_unregister(events[i]);
}

static void c_event_register(unsigned a, unsigned b)
{
	(void)b;
	if (M.event[EVENT(a)])
		return;
	expect(iv_event_register(events[EVENT(a)]) == 0, "no event",
	       EVENT(a));
	M.event[EVENT(a)] = true;
}

static void c_event_unregister(unsigned a, unsigned b)
{
	(void)b;
	event_unregister(EVENT(a));
}

static void c_event_free(unsigned a, unsigned b)
{
	(void)b;
	event_unregister(EVENT(a));
	new_event(EVENT(a));
}

static void c_event_post(unsigned a, unsigned b)
{
	(void)b;
	if (!M.event[EVENT(a)])
		return;
	iv_event_post(events[EVENT(a)]);
	model_event_post(EVENT(a), true);
}

static void c_event_post_elsewhere(unsigned a, unsigned b)
{
	(void)b;
	if (!M.event[EVENT(a)])
		return;
	elsewhere(post_event, EVENT(a));
	model_event_post(EVENT(a), false);
}

static void raw_unregister(int i)
{
	if (!M.raw[i].registered)
		return;
	M.raw[i].registered = M.raw[i].posted = M.raw[i].ready = false;
	iv_event_raw_unregister(raws[i]);
}

static void c_raw_register(unsigned a, unsigned b)
{
	(void)b;
	if (M.raw[RAW(a)].registered)
		return;
	expect(iv_event_raw_register(raws[RAW(a)]) == 0, "no raw event",
	       RAW(a));
	M.raw[RAW(a)].registered = true;
}

static void c_raw_unregister(unsigned a, unsigned b)
{
	(void)b;
	raw_unregister(RAW(a));
}

static void c_raw_free(unsigned a, unsigned b)
{
	(void)b;
	raw_unregister(RAW(a));
	new_raw(RAW(a));
}

static void c_raw_post(unsigned a, unsigned b)
{
	if (!M.raw[RAW(a)].registered)
		return;
	if (b & 8)
		ground_post(iv_event_raw_fd(raws[RAW(a)]));
	else if (b & 4)
		elsewhere(post_raw, RAW(a));
	else
		iv_event_raw_post(raws[RAW(a)]);
	M.raw[RAW(a)].posted = true;
}

/* ---- Commands: signals and work ------------------------------------------------------------------------ */

#define SIGNAL(a)	((int)((a) % SIGNALS))
#define ITEM(a)	((int)((a) % ITEMS))

static int signal_number(unsigned a)
{
	return a & 1 ? SIGUSR1 : SIGUSR2;
}

static void signal_unregister(int i)
{
	if (!M.signal[i].registered)
		return;
	model_signal_unregister(i);
	iv_signal_unregister(signals[i]);
}

static void c_signal_register(unsigned a, unsigned b)
{
	int i = SIGNAL(a);
	struct signal *s = &M.signal[i];

	if (s->registered)
		return;
	s->signum = signals[i]->signum = signal_number(b);
	s->exclusive = b & 2;
	s->own_thread = b & 4;
	signals[i]->flags = (b & 2 ? IV_SIGNAL_FLAG_EXCLUSIVE : 0) |
			    (b & 4 ? IV_SIGNAL_FLAG_THIS_THREAD : 0);
	expect(iv_signal_register(signals[i]) == 0, "no signal", i);
	s->registered = true;
}

static void c_signal_unregister(unsigned a, unsigned b)
{
	(void)b;
	signal_unregister(SIGNAL(a));
}

static void c_signal_free(unsigned a, unsigned b)
{
	(void)b;
	signal_unregister(SIGNAL(a));
	new_signal(SIGNAL(a));
}

/* Without interests the signal would end the process. */
static void c_raise(unsigned a, unsigned b)
{
	int signum = signal_number(a);
	bool any = false;

	(void)b;
	FOR(i, SIGNALS)
		any |= M.signal[i].registered && M.signal[i].signum == signum;
	if (!any)
		return;
	model_signal_raise(signum);
	raise(signum);
}

static void c_work(unsigned a, unsigned b)
{
	if (M.item[ITEM(a)])
		return;
	model_work_submit(ITEM(a));
	if (b & 1)
		iv_work_pool_submit_work(NULL, items[ITEM(a)]);
	else
		iv_work_pool_submit_continuation(NULL, items[ITEM(a)]);
}

static void c_work_cancel(unsigned a, unsigned b)
{
	int i = ITEM(a), ret = iv_work_pool_cancel(NULL, items[i]);
	bool taken = ret == 0;

	(void)b;
	expect(taken == model_work_cancel(i) && (taken || errno == EBUSY),
	       "iv_work_pool_cancel()", i);
}

static void c_work_free(unsigned a, unsigned b)
{
	(void)b;
	if (!M.item[ITEM(a)])
		new_item(ITEM(a));
}

/* ---- Commands: the loop ---------------------------------------------------------------------------------- */

static int64_t now_ns(void)
{
	return iv_now.tv_sec * INT64_C(1000000000) + iv_now.tv_nsec;
}

static void c_now(unsigned a, unsigned b)
{
	int64_t now = M.now_valid ? M.now : ground_clock();

	(void)a;
	(void)b;
	if (now_ns() != now)
		world_fail("iv_now is %lld, not %lld", (long long)now_ns(),
			   (long long)now);
	M.now = now;
	M.now_valid = true;
}

static void c_invalidate(unsigned a, unsigned b)
{
	(void)a;
	(void)b;
	iv_invalidate_now();
	M.now_valid = false;
}

static void advance(unsigned a)
{
	ground_advance((int64_t)a * (a & 1 ? 1 : 40009));
	model_advanced();
}

/* iv_now stands still. */
static void c_advance(unsigned a, unsigned b)
{
	c_now(a, b);
	advance(a);
}

/* So that pauses end. */
static void c_advance_far(unsigned a, unsigned b)
{
	c_now(a, b);
	ground_advance((int64_t)b * 5000000);
	model_advanced();
}

static void c_advance_invalidate(unsigned a, unsigned b)
{
	advance(a);
	c_invalidate(a, b);
}

static void c_quit(unsigned a, unsigned b)
{
	(void)a;
	(void)b;
	do_quit();
}

static void check_registered(void)
{
	FOR(i, LINES)
		expect(!!iv_fd_registered(fds[i]) == M.line[i].registered,
		       "iv_fd_registered()", i);
	FOR(i, TIMERS)
		expect(!!iv_timer_registered(timers[i]) ==
		       M.timer[i].registered, "iv_timer_registered()", i);
	FOR(i, TICKS)
		expect(!!iv_tick_registered(ticks[i]) ==
		       M.timer[TIMERS + i].registered,
		       "iv_tick_registered()", i);
	FOR(i, TASKS)
		expect(!!iv_task_registered(tasks[i]) ==
		       model_task_registered(i), "iv_task_registered()", i);
}

static void c_check(unsigned a, unsigned b)
{
	(void)a;
	(void)b;
	check_registered();
	ground_check_levels();
	loops_check();
	if (here == 0) {
		children_check();
		paths_check();
	}
	expect(iv_inited(), "iv_inited()", 0);
}

static void c_init_again(unsigned a, unsigned b)
{
	(void)a;
	(void)b;
	if (visits > 0)
		return;
	iv_init();
	iv_deinit();
	expect(iv_inited(), "iv_inited()", 0);
}

/* So that it does not run for ever: a task for some turns, a timer, or the
   first call of something that has to be called. */
static void pace(unsigned a, unsigned b)
{
	budget = BUDGET;
	if (a % 3 == 0 && model_busy() && !listen_busy()) {
		budget = 1;
	} else if (a % 3 == 1 && !model_task_registered(0)) {
		paced_turns = (int)b % 6;
		iv_task_register(tasks[0]);
		model_task_register(0);
	} else {
		timer_register(0, ground_clock() + (int)b * 777);
	}
}

static void run(void)
{
	check_registered();
	model_enter(0);
	iv_main();
	model_leave();
	check_registered();
}

/* One turn; there is one even if nothing is registered. */
static void turn(unsigned flags, bool ref)
{
	int ret;

	ref &= M.refs == 0;
	if (ref)
		iv_ref();
	M.refs += ref;
	check_registered();
	model_enter(flags);
	ret = iv_run(flags);
	model_leave();
	expect(ret == (!M.quit && model_holds() > 0), "iv_run()", ret);
	check_registered();
	M.refs -= ref;
	if (ref)
		iv_unref();
}

static void c_turn(unsigned a, unsigned b)
{
	int outer = budget;

	(void)b;
	if (in_work || model_depth() == DEPTH)
		return;
	budget = BUDGET;
	turn(IV_RUN_NOWAIT, a & 1);
	/* Else nothing may end the loop outside. */
	if (model_depth() > 0)
		budget = outer;
}

static void c_once(unsigned a, unsigned b)
{
	int outer = budget;

	if (in_work || model_depth() == DEPTH)
		return;
	pace(a / 4, b);
	turn(IV_RUN_ONCE, a & 1);
	if (model_depth() > 0)
		budget = outer;
}

static void c_run(unsigned a, unsigned b)
{
	if (in_work || model_depth() == DEPTH || M.refs > 0)
		return;
	if (model_depth() > 0 && a % 4 != 0)
		return;
	pace(a / 4, b);
	run();
}

static void unregister_all(void)
{
	FOR(i, LINES)
		line_unregister(i);
	FOR(i, TIMERS)
		timer_unregister(i);
	FOR(i, TICKS)
		tick_unregister(TIMERS + i);
	FOR(i, TASKS)
		task_unregister(i);
	FOR(i, EVENTS)
		event_unregister(i);
	FOR(i, RAWS)
		raw_unregister(i);
	FOR(i, SIGNALS)
		signal_unregister(i);
	loops_unregister();
	if (here > 0)
		return;
	alarms_unregister();
	listen_unregister();
	children_unregister();
	any_unregister();
	programs_forget();
	paths_unregister();
	inotify_unregister();
}

static void begin(void)
{
	FOR(i, LINES)
		new_fd(i);
	FOR(i, TIMERS)
		new_timer(i);
	FOR(i, TICKS)
		new_tick(TIMERS + i);
	FOR(i, TASKS)
		new_task(i);
	FOR(i, EVENTS)
		new_event(i);
	FOR(i, RAWS)
		new_raw(i);
	FOR(i, SIGNALS)
		new_signal(i);
	FOR(i, ITEMS)
		if (!M.item[i])
			new_item(i);
	loops_begin();
	if (here > 0)
		return;
	alarms_begin();
	listen_begin();
	children_begin();
	any_begin();
	programs_begin();
	paths_begin();
	inotify_begin();
}

/* Nothing is registered but what the library has for itself: it returns. */
static void run_out(void)
{
	unregister_all();
	budget = BUDGET;
	at = size;
	do
		run();
	while (M.work.n > 0 || model_holds() > 0);
	expect(model_holds() == 0, "something is left", 0);
}

static void end_loop(void)
{
	run_out();
	loops_end();
	iv_deinit();
	loops_ended();
	expect(!iv_inited(), "iv_inited()", 0);
}

/* ---- Commands: the second loop --------------------------------------------------------------------------- */

/* What follows, of the other loop. */
static char parked[4096] __attribute__((aligned(8)));

static const struct {
	void	*p;
	size_t	size;
} parts[] = {
#define P(name)	{ name, sizeof(name) }
	P(fds), P(timers), P(ticks), P(tasks), P(events), P(raws), P(signals),
	P(items), P(fd_lives), P(timer_lives), P(task_lives), P(event_lives),
	P(raw_lives), P(signal_lives), P(item_lives),
	{ &budget, sizeof(budget) }, { &paced_turns, sizeof(paced_turns) },
#undef P
};

static void swap_bytes(char *a, char *b, size_t n)
{
	for (; n-- > 0; a++, b++) {
		char c = *a;

		*a = *b;
		*b = c;
	}
}

void world_swap(void)
{
	size_t to = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		swap_bytes(parts[i].p, parked + to, parts[i].size);
		to += (parts[i].size + 7) / 8 * 8;
	}
	loops_swap();
	model_swap();
	here = !here;
}

struct iv_loop *world_other_loop(void)
{
	return loops[!here];
}

/* The time of the other one has gone on, but for its iv_now. */
static void go_to_other(void)
{
	c_now(0, 0);
	expect(iv_loop_enter(loops[!here]) == loops[here], "iv_loop_enter()",
	       here);
	world_swap();
	model_advanced();
}

/* Does what comes next there.  A handler of that loop may in turn visit this
   one, which is then run inside its handler. */
static void c_visit(unsigned a, unsigned b)
{
	bool new = loops[1] == NULL;

	if (in_work)
		return;
	loops[here] = loops_self();
	if (new)
		loops[1] = iv_loop_new(b & 1 ? iv_poll_method_name() : NULL);
	expect(loops[1] != NULL, "no loop", 1);
	go_to_other();
	if (new) {
		model_begin();
		begin();
	}
	visits++;
	for (a %= 8; a + 1 > 0 && at + RECORD <= size; a--)
		execute(true);
	visits--;
	go_to_other();
}

/* It is taken down by the first one's thread. */
static void end_second(void)
{
	if (loops[1] == NULL)
		return;
	go_to_other();
	run_out();
	FOR(i, LINES)
		line_close(i);
	loops_end();
	iv_loop_enter(loops[0]);
	iv_loop_free(loops[1]);
	loops_ended();
	world_swap();
	model_advanced();
	loops[1] = NULL;
}

/* Another loop, with the same lines. */
static void c_restart(unsigned a, unsigned b)
{
	size_t next = at;

	(void)a;
	(void)b;
	if (model_depth() > 0 || visits > 0)
		return;
	end_second();
	end_loop();
	at = next;
	M.worked = M.now_valid = false;
	M.slack = 0;
	ground_restart();
	iv_init();
	begin();
}

/* ---- Programs --------------------------------------------------------------------------------------------- */

static const struct {
	const char	*name;
	void		(*fn)(unsigned a, unsigned b);
} commands[] = {
#define C(name)	{ #name, c_##name }
	C(run), C(open_registered), C(open_reader), C(open_writer),
	C(open_socket), C(open_always), C(register), C(register_try), C(unregister),
	C(reregister), C(register_flags), C(suspend), C(resume), C(kick),
	C(toggle_in), C(toggle_out), C(toggle_err),
	C(set_handlers), C(suspend_resume), C(peer_write), C(read), C(drain),
	C(write), C(fill), C(peer_drain), C(peer_close), C(peer_shutdown),
	C(shutdown), C(close), C(close_unregister), C(free_fd), C(new_cookie),
	C(timer_past), C(timer_soon), C(timer_later), C(timer_far),
	C(timer_equal), C(timer_set), C(timer_set_equal), C(timer_after),
	C(slack), C(timer_again), C(timer_unregister), C(timer_free),
	C(tick_register), C(tick_again), C(tick_interval), C(tick_unregister),
	C(tick_free),
	C(task_register), C(task_ensure), C(task_unregister), C(task_init),
	C(task_free),
	C(event_register), C(event_unregister), C(event_free), C(event_post),
	C(event_post_elsewhere), C(raw_register), C(raw_unregister),
	C(raw_free), C(raw_post), C(signal_register), C(signal_unregister),
	C(signal_free), C(raise), C(child_spawn), C(child_fork),
	C(child_register), C(child_unregister), C(child_free), C(child_stop),
	C(child_continue), C(child_exit), C(child_kill), C(child_probe),
	C(child_steal), C(child_rumour), C(inotify_register),
	C(inotify_unregister), C(inotify_free), C(watch_begin), C(watch_register),
	C(watch_unregister), C(watch_free), C(file_create), C(file_write),
	C(file_chmod), C(file_unlink), C(file_rename), C(work), C(work_cancel), C(work_free), C(now),
	C(invalidate),
	C(advance), C(advance_far), C(advance_invalidate), C(quit), C(check), C(init_again),
	C(restart), C(turn), C(once), C(visit), C(hook_register),
	C(hook_unregister), C(hook_free), C(call), C(call_elsewhere),
	C(call_across), C(call_wait), C(loop_quit), C(alarm_register),
	C(alarm_again), C(alarm_unregister), C(alarm_free), C(clock_set),
	C(clock_suspend), C(listen_register), C(listen_unregister),
	C(listen_free), C(listen_again), C(listen_client), C(listen_exhaust),
	C(listen_shut), C(file_truncate), C(file_again), C(path_register), C(path_unregister),
	C(path_free), C(path_refresh), C(follow_register),
	C(follow_unregister), C(follow_free), C(follow_suspend),
	C(follow_resume), C(follow_set_fd), C(follow_lazy), C(spawn_start),
	C(spawn_exit), C(spawn_kill), C(spawn_stop), C(spawn_probe),
	C(spawn_forget), C(any_register), C(any_unregister), C(any_free),
	C(any_probe), C(any_zombie),
#undef C
};

unsigned world_commands = sizeof(commands) / sizeof(*commands);

const char *world_command_name(unsigned op)
{
	return commands[op % world_commands].name;
}

/* Those that one loop has to do with. */
static bool is_of_process(const char *name)
{
	static const char *const kinds[] = {
		"signal_", "raise", "child_", "inotify_", "watch_", "file_",
		"restart", "alarm_", "clock_", "listen_", "path_", "follow_",
		"spawn_", "any_"
	};

	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++)
		if (strncmp(name, kinds[k], strlen(kinds[k])) == 0)
			return true;
	return false;
}

static void execute(bool in_handler)
{
	const uint8_t *r = program + at;
	unsigned op = r[0] % world_commands;

	at += RECORD;
	world_steps++;
	world_say("%3zu%s %s(%u, %u)%s", at / RECORD - 1, here ? " second:" : "",
		  commands[op].name, r[1], r[2], in_handler ? " in a handler" : "");
	if (here == 0 || !is_of_process(commands[op].name))
		commands[op].fn(r[1], r[2]);
}

static bool is_outside(void (*fn)(unsigned a, unsigned b))
{
	return fn == c_peer_write || fn == c_peer_drain ||
	       fn == c_peer_close || fn == c_peer_shutdown ||
	       fn == c_event_post_elsewhere || fn == c_raise ||
	       (fn == c_call_elsewhere && loops_handed());
}

bool world_outside(void)
{
	if (at + RECORD > size ||
	    !is_outside(commands[program[at] % world_commands].fn))
		return false;
	execute(true);
	return true;
}

void world_run(const uint8_t *bytes, size_t n)
{
	program = bytes;
	size = n < PROGRAM_MAX ? n : PROGRAM_MAX;
	at = 0;
	in_work = false;
	here = visits = 0;
	ground_begin(bytes, size);
	model_begin();
	iv_init();
	begin();
	while (at + RECORD <= size)
		execute(false);
	end_second();
	end_loop();
	FOR(i, LINES)
		line_close(i);
	children_end();
	inotify_end();
	ground_end();
}
