/* SPDX-License-Identifier: MIT */
/*
 * abuse.c - random programs for libev that nobody should write: ./dev fuzz.
 *
 * Usage: abuse [-v] FIRST COUNT [FLAGS [SECONDS]]: that many programs from that
 * seed on, 0: any number; none is begun after SECONDS.  The seed of each is
 * written before it: abuse SEED 1 FLAGS runs one alone, and -v says what it
 * does.  Time and process numbers are the system's, so now and then one does
 * something else the second time.
 *
 * Beside what random.c does: all kinds of watchers, descriptors that are closed
 * and opened behind the loop's back, embedded loops, forks, and a core that is
 * refused memory.  Nothing is compared: it must not crash, get stuck, or lose a
 * call that was promised.
 */
#include <errno.h>
#include <fcntl.h>
#include <iv.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "moves.h"
#include <event.h>

#define FDS	6
#define EVENTS	3
#define PATIENCE	30	/* seconds for a program */

static int own_set(enum kind kind, union ev_any_watcher *w);
static int forbids(enum kind kind);
static int own_move(void);

const struct rules rules = { KINDS, 0, own_set, forbids, own_move };

static void failed(const char *what, long detail) __attribute__((noreturn));

static void failed(const char *what, long detail)
{
	fflush(stdout);
	fprintf(stderr, "abuse: %s: %ld\n", what, detail);
	abort();
}

static void stuck(int signum)
{
	static const char text[] = "abuse: stuck\n";
	ssize_t ret = write(2, text, sizeof(text) - 1);

	(void)signum;
	(void)ret;
	abort();
}

/* ---- Memory of the core ---------------------------------------------------- */

static unsigned long allocations, refusals;
static unsigned refuses;	/* one of so many; 0: none */
static int complaints;

static void *scarce(void *p, size_t size)
{
	if (size == 0) {
		free(p);
		return NULL;
	}
	allocations++;
	if (refuses > 0 && pick(refuses) == 0) {
		refusals++;
		errno = ENOMEM;
		return NULL;
	}
	return realloc(p, size);
}

/* The library asks again and again until the program has helped it. */
static void complained(const char *what)
{
	tell("%s", what);
	if (++complaints > 3)
		refuses = 0;
	if (complaints > 100)
		failed(what, errno);
}

/* ---- Loops ----------------------------------------------------------------- */

static struct ev_loop *inner;
static ev_io inner_io;
static ev_timer inner_timer;

static unsigned some_flags(void)
{
	static const unsigned known[] = {
		EVFLAG_NOINOTIFY, EVFLAG_FORKCHECK, EVFLAG_NOTIMERFD,
		EVFLAG_SIGNALFD, EVFLAG_NOSIGMASK
	};
	unsigned flags = 0;
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (pick(5) == 0)
			flags |= known[i];
	return flags;
}

static struct ev_loop *new_loop(unsigned flags, int may_be_default)
{
	int is_default = may_be_default && pick(3) == 0;
	struct ev_loop *made;

	flags |= some_flags();
	made = is_default ? ev_default_loop(flags) : ev_loop_new(flags);
	if (made != NULL)
		return made;
	if (refuses == 0)
		failed("no loop", errno);
	refuses = 0;
	made = is_default ? ev_default_loop(flags) : ev_loop_new(flags);
	return made != NULL ? made : (failed("no loop", errno), NULL);
}

static int is_embeddable(void)
{
	return (ev_backend(inner) & ev_embeddable_backends()) != 0;
}

static void inner_ready(struct ev_loop *l, ev_io *w, int revents)
{
	(void)l;
	(void)w;
	tell("inner io %x", (unsigned)revents);
	some_moves();
}

static void inner_due(struct ev_loop *l, ev_timer *w, int revents)
{
	(void)l;
	(void)w;
	tell("inner timer %x", (unsigned)revents);
	some_moves();
}

static void fill_inner(void)
{
	ev_io_init(&inner_io, inner_ready, sockets[0], EV_READ);
	ev_io_start(inner, &inner_io);
	ev_timer_init(&inner_timer, inner_due, 1e-4, pick(2) ? 1e-4 : 0.);
	ev_timer_start(inner, &inner_timer);
}

static void touch_inner(void)
{
	if (pick(2))
		ev_io_start(inner, &inner_io);
	else
		ev_io_stop(inner, &inner_io);
}

static void sweep(void)
{
	if (depth < 4)
		ev_embed_sweep(loop, &watchers[EMBED][0].embed);
}

/* ---- Descriptors ----------------------------------------------------------- */

static int fds[FDS];

static int half_a_pipe(void)
{
	int p[2], kept = (int)pick(2);

	if (pipe(p) < 0)
		failed("pipe", errno);
	close(p[!kept]);
	return p[kept];
}

static int some_file(void)
{
	switch (pick(5)) {
	case 0:
		return -1;
	case 1:
		return open("/dev/null", O_RDWR);
	case 2:
		return dup(sockets[pick(2)]);
	case 3:
		return half_a_pipe();
	default:
		return open("file", O_RDWR | O_CREAT, 0600);
	}
}

static void open_fds(void)
{
	int i;

	fds[0] = dup(sockets[0]);
	for (i = 1; i < FDS; i++)
		fds[i] = some_file();
}

static void close_fds(void)
{
	int i;

	for (i = 0; i < FDS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* Now and then any number: nobody's, or one of a loop's own. */
static int some_fd(void)
{
	return pick(20) ? fds[pick(FDS)] : (int)pick(64) - 3;
}

static void stop_most_of(int fd)
{
	int i;

	for (i = 0; i < EACH; i++) {
		ev_io *w = &watchers[IO][i].io;

		if (w->fd == fd && pick(4))
			ev_io_stop(loop, w);
	}
}

static void exchange(void)
{
	unsigned i = pick(FDS);

	tell("exchange fd %d", fds[i]);
	if (pick(2))
		stop_most_of(fds[i]);
	if (fds[i] >= 0)
		close(fds[i]);
	fds[i] = some_file();
}

/* ---- Files ----------------------------------------------------------------- */

static const char *const paths[] = {
	"a", "b", "d/c", "/nonexistent/x", ".", "", "d"
};
static char directory[4096];

static void touch(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_APPEND, 0600);

	if (fd < 0)
		return;
	if (write(fd, "x", 1) < 0)
		failed("write", errno);
	close(fd);
}

static void change_files(void)
{
	switch (pick(7)) {
	case 0:
		touch("a");
		break;
	case 1:
		touch("d/c");
		break;
	case 2:
		unlink(pick(2) ? "a" : "b");
		break;
	case 3:
		mkdir("d", 0700);
		break;
	case 4:
		unlink("d/c");
		rmdir("d");
		break;
	default:
		rename(pick(2) ? "a" : "d/c", pick(2) ? "b" : "d/c");
		break;
	}
}

static void remove_files(void)
{
	unlink("a");
	unlink("b");
	unlink("d/c");
	rmdir("d");
	unlink("file");
}

static void look_at_files(void)
{
	ev_stat_stat(loop, &watchers[STAT][pick(EACH)].stat);
}

static void make_directory(void)
{
	const char *above = getenv("TMPDIR");

	snprintf(directory, sizeof(directory), "%s/abuse.XXXXXX",
		 above != NULL ? above : "/tmp");
	if (mkdtemp(directory) == NULL || chdir(directory) < 0)
		failed(directory, errno);
}

static void remove_directory(void)
{
	remove_files();
	if (chdir("/") < 0 || rmdir(directory) < 0)
		failed(directory, errno);
}

/* ---- Watchers -------------------------------------------------------------- */

static void set_stat(ev_stat *w)
{
	const char *path = paths[pick(sizeof(paths) / sizeof(paths[0]))];

	ev_stat_set(w, path, pick(2) ? 0. : .2);
}

static int set_soon(enum kind kind, union ev_any_watcher *w)
{
	if (pick(2))
		return 0;
	if (kind == TIMER)
		ev_timer_set(&w->timer, pick(5) * 1e-4, pick(2) ? 1e-4 : 0.);
	else
		ev_periodic_set(&w->periodic, pick(2) ? 0. : ev_now(loop),
				pick(2) ? 1e-3 : 0., NULL);
	return 1;
}

static int own_set(enum kind kind, union ev_any_watcher *w)
{
	switch (kind) {
	case IO:
		ev_io_set(&w->io, some_fd(), (int)pick(4));
		return 1;
	case TIMER:
	case PERIODIC:
		return set_soon(kind, w);
	case STAT:
		set_stat(&w->stat);
		return 1;
	case CHILD:
		ev_child_set(&w->child, pick(2) ? 0 : (int)pick(40000),
			     (int)pick(2));
		return 1;
	case EMBED:
		ev_embed_set(&w->embed, inner);
		return 1;
	default:
		return 0;
	}
}

static int forbids(enum kind kind)
{
	return (kind == CHILD && loop != ev_default_loop_ptr) ||
	       (kind == EMBED && !is_embeddable());
}

static void calculate_again(void)
{
	union ev_any_watcher *w = &watchers[PERIODIC][pick(EACH)];

	ev_periodic_again(loop, &w->periodic);
}

/* ---- Once ------------------------------------------------------------------ */

static int awaited;

static void once_done(int revents, void *arg)
{
	(void)arg;
	tell("once %x", (unsigned)revents);
	awaited--;
	some_moves();
}

static void event_once_done(int fd, short revents, void *arg)
{
	(void)fd;
	once_done(revents, arg);
}

/* There is always something that ends it: what still waits when its loop is
   destroyed is lost. */
static void once(void)
{
	struct timeval tv = { 0, 100 };
	int fd = some_fd(), timed = fd < 0 || pick(2);
	int events = timed ? (int)pick(4) : 1 + (int)pick(3);

	tell("once %d %x %d", fd, (unsigned)events, timed);
	awaited++;
	if (pick(2)) {
		ev_once(loop, fd, events, timed ? 1e-4 * pick(3) : -1.,
			once_done, NULL);
	} else if (event_base_once((struct event_base *)loop, fd,
				   (short)events, event_once_done, NULL,
				   timed ? &tv : NULL) < 0) {
		failed("event_base_once", errno);
	}
}

static void end_once(void)
{
	int fd, i;

	for (i = 0; awaited > 0 && i < 100000; i++) {
		for (fd = 0; fd < 64; fd++)
			ev_feed_fd_event(loop, fd, EV_READ | EV_WRITE);
		ev_run(loop, EVRUN_NOWAIT);
	}
	if (awaited != 0)
		failed("calls of ev_once() that are missing", awaited);
}

/* ---- Events ---------------------------------------------------------------- */

static struct event events[EVENTS];
static int is_set[EVENTS];

static void event_called(int fd, short revents, void *arg)
{
	(void)arg;
	tell("event %d %x", fd, (unsigned)revents);
	some_moves();
}

static void set_event(struct event *ev)
{
	if (pick(5) == 0)
		event_set(ev, pick(2) ? SIGUSR1 : SIGUSR2,
			  EV_SIGNAL | EV_PERSIST, event_called, NULL);
	else
		event_set(ev, some_fd(), (short)(pick(4) |
						 (pick(2) ? EV_PERSIST : 0)),
			  event_called, NULL);
	event_base_set((struct event_base *)loop, ev);
}

static int is_of(const struct event *ev)
{
	return ev->ev_events & EV_SIGNAL ? EV_SIGNAL : EV_READ;
}

static void use_event(void)
{
	struct timeval tv = { 0, 100 };
	unsigned i = pick(EVENTS);
	struct event *ev = &events[i];

	if (!is_set[i])
		set_event(ev);
	is_set[i] = 1;
	switch (pick(5)) {
	case 0: case 1:
		event_add(ev, pick(2) ? &tv : NULL);
		break;
	case 2:
		event_del(ev);
		is_set[i] = (int)pick(2);
		break;
	case 3:
		event_pending(ev, EV_READ | EV_TIMER, &tv);
		break;
	default:
		event_active(ev, pick(2) ? EV_TIMER : is_of(ev), 1);
		break;
	}
}

static void end_events(void)
{
	int i;

	for (i = 0; i < EVENTS; i++)
		if (is_set[i])
			event_del(&events[i]);
}

/* ---- Time ------------------------------------------------------------------ */

static void nothing(struct ev_loop *l, ev_timer *w, int revents)
{
	(void)l;
	(void)w;
	(void)revents;
}

/* It sleeps, and is not left alone with that. */
static void run_once(void)
{
	ev_timer alarm_clock;

	if (depth > 3)
		return;
	tell("run once");
	ev_timer_init(&alarm_clock, nothing, 1e-4, 1e-4);
	ev_timer_start(loop, &alarm_clock);
	depth++;
	ev_run(loop, EVRUN_ONCE);
	depth--;
	ev_timer_stop(loop, &alarm_clock);
}

static void pause_(void)
{
	ev_suspend(loop);
	ev_resume(loop);
}

static void update(void)
{
	ev_now_update(loop);
}

static void collect(void)
{
	if (pick(2))
		ev_set_io_collect_interval(loop, pick(2) ? 1e-5 : 0.);
	else
		ev_set_timeout_collect_interval(loop, pick(2) ? 1e-5 : 0.);
}

/* ---- Processes ------------------------------------------------------------- */

static int is_child;

static void have_child(void)
{
	pid_t pid;

	if (is_child || pick(10))
		return;
	pid = fork();
	if (pid == 0)
		_exit(3);
	if (pid < 0)
		failed("fork", errno);
}

static void go_on_in_child(void) __attribute__((noreturn));

static void go_on_in_child(void)
{
	is_child = 1;
	alarm(PATIENCE);
	/* The library notices as well. */
	if (pick(2)) {
		ev_loop_fork(loop);
		ev_loop_fork(inner);
	}
	budget = 10;
	some_moves();
	ev_run(loop, EVRUN_NOWAIT);
	ev_run(loop, EVRUN_NOWAIT);
	ev_verify(loop);
	_exit(0);
}

/* One that a loop waits for meanwhile cannot be this one: nothing runs. */
static void go_on_in_both(void)
{
	int status;
	pid_t pid;

	if (is_child || pick(10))
		return;
	tell("fork");
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		go_on_in_child();
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		failed("fork", errno);
	if (status != 0)
		failed("what the child ended with", status);
}

static void reap(void)
{
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
}

/* ---- Programs -------------------------------------------------------------- */

static void verify(void)
{
	ev_verify(loop);
	ev_verify(inner);
}

static int own_move(void)
{
	static void (*const moves[])(void) = {
		once, once, exchange, exchange, use_event, use_event,
		change_files, look_at_files, calculate_again, run_once, pause_,
		update, collect, verify, sweep, touch_inner, have_child,
		go_on_in_both
	};

	if (pick(4))
		return 0;
	moves[pick(sizeof(moves) / sizeof(moves[0]))]();
	return 1;
}

static void make_loops(unsigned flags)
{
	complaints = 0;
	refuses = pick(2) ? 0 : 1 + pick(20);
	loop = new_loop(flags, 1);
	inner = new_loop(flags, 0);
	fill_inner();
}

/* Destruction has to do with the others. */
static void stop_some(void)
{
	int kind, i;

	for (kind = 0; kind < KINDS; kind++)
		for (i = 0; i < EACH; i++)
			if (pick(2))
				stop((enum kind)kind, &watchers[kind][i]);
}

static void end_moves(void)
{
	refuses = 0;
	end_events();
	stop_signals();
	verify();
	stop_some();
	end_once();
	verify();
}

static void program(unsigned seed, unsigned flags)
{
	printf("%u\n", seed);
	fflush(stdout);
	alarm(PATIENCE);
	begin_program(seed);
	make_loops(flags);
	open_fds();
	memset(is_set, 0, sizeof(is_set));
	init_watchers();
	all_moves();
	end_moves();
	ev_loop_destroy(loop);
	ev_loop_destroy(inner);
	close_fds();
	end_program();
	reap();
	remove_files();
}

static unsigned argument(char *argv[], int i)
{
	return argv[i] != NULL ? (unsigned)strtoul(argv[i], NULL, 0) : 0;
}

int main(int argc, char *argv[])
{
	unsigned first, count, flags, seconds, i;
	time_t begun = time(NULL);

	telling = argc > 1 && strcmp(argv[1], "-v") == 0;
	argc -= telling;
	argv += telling;
	if (argc < 3 || argc > 5)
		return 2;
	first = argument(argv, 1);
	count = argument(argv, 2);
	flags = argument(argv, 3);
	seconds = argc > 4 ? argument(argv, 4) : 0;
	signal(SIGALRM, stuck);
	signal(SIGPIPE, SIG_IGN);
	iv_set_allocator(scarce);
	ev_set_syserr_cb(complained);
	make_directory();
	for (i = 0; count == 0 || i < count; i++) {
		if (seconds > 0 && time(NULL) - begun >= (time_t)seconds)
			break;
		program(first + i, flags);
	}
	remove_directory();
	printf("%u programs, %lu allocations of the core, %lu refused\n",
	       i, allocations, refusals);
	return 0;
}
