/* SPDX-License-Identifier: MIT */
/*
 * lab.c - counted and refused system calls, watched descriptors.
 */
#include "config.h"
#include <dlfcn.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <iv_event.h>
#ifdef HAVE_DEVPOLL
#include <stdarg.h>
#include <sys/devpoll.h>
#include <sys/ioctl.h>
#endif
#ifdef HAVE_EPOLL
#include <sys/epoll.h>
#endif
#ifdef HAVE_KQUEUE
#include <sys/event.h>
#endif
#ifdef HAVE_PORT
#include <port.h>
#endif
#ifdef HAVE_TIMERFD
#include <sys/timerfd.h>
#endif
#define EMU_OPTIONAL
#include "emu/emu.h"
#include "poll/lab.h"

/* ---- System calls ------------------------------------------------------- */

/*
 * A definition in the program comes before the C library's, for the library
 * under test, too.  With 64-bit time on a 32-bit system a header gives some
 * of them another name, which the next one has to be looked up by.
 */
#define REPLACED	__attribute__((visibility("default")))

#if defined(__USE_TIME_BITS64) && __TIMESIZE == 32
#define TIME64(name32, name64)	name64
#else
#define TIME64(name32, name64)	name32
#endif

static unsigned counts[LAB_CALLS];
static unsigned limited;
static struct {
	unsigned	times;
	int		err;
} refusals[LAB_CALLS];

static void *next(const char *name)
{
	void *fn = dlsym(RTLD_NEXT, name);

	if (fn == NULL)
		FAIL("no function %s", name);
	return fn;
}

/* As next(), which is asked once: several threads may, and find the same. */
static void *next_once(void **kept, const char *name)
{
	void *fn = __atomic_load_n(kept, __ATOMIC_ACQUIRE);

	if (fn == NULL) {
		fn = next(name);
		__atomic_store_n(kept, fn, __ATOMIC_RELEASE);
	}
	return fn;
}

/* Sets FN, which is the caller's own, to the function that this one hides. */
#define NEXT(fn, name)							\
	do {								\
		static void *kept_;					\
		void *fn_ = next_once(&kept_, name);			\
									\
		memcpy(&(fn), &fn_, sizeof(fn));			\
	} while (0)

void lab_reset(void)
{
	int i;

	if (emu_reset != NULL)
		emu_reset();

	for (i = 0; i < LAB_CALLS; i++) {
		__atomic_store_n(&counts[i], 0, __ATOMIC_RELAXED);
		__atomic_store_n(&refusals[i].times, 0, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&limited, 0, __ATOMIC_RELAXED);
}

unsigned lab_count(enum lab_call call)
{
	return __atomic_load_n(&counts[call], __ATOMIC_RELAXED);
}

unsigned lab_ctls(void)
{
	return lab_count(LAB_EPOLL_ADD) + lab_count(LAB_EPOLL_MOD) +
	       lab_count(LAB_EPOLL_DEL);
}

unsigned lab_waits(void)
{
	return lab_count(LAB_EPOLL_WAIT) + lab_count(LAB_EPOLL_PWAIT2) +
	       lab_count(LAB_POLL) + lab_count(LAB_PPOLL) +
	       lab_count(LAB_OTHER_WAIT) +
	       (emu_calls != NULL ? emu_calls(EMU_WAIT) : 0);
}

unsigned lab_limited_waits(void)
{
	return __atomic_load_n(&limited, __ATOMIC_RELAXED) +
	       (emu_calls != NULL ? emu_calls(EMU_WAIT_LIMITED) : 0);
}

void lab_refuse(enum lab_call call, int err, unsigned times)
{
	refusals[call].err = err;
	__atomic_store_n(&refusals[call].times, times, __ATOMIC_RELEASE);
}

/* Counts; 1 with errno if the call is to fail. */
static int refused(enum lab_call call)
{
	unsigned left = __atomic_load_n(&refusals[call].times,
					__ATOMIC_ACQUIRE);

	__atomic_fetch_add(&counts[call], 1, __ATOMIC_RELAXED);
	while (left > 0)
		if (__atomic_compare_exchange_n(&refusals[call].times, &left,
						left - 1, 0, __ATOMIC_ACQUIRE,
						__ATOMIC_ACQUIRE)) {
			errno = refusals[call].err;
			return 1;
		}
	return 0;
}

static void count_limit(int is_limited)
{
	if (is_limited)
		__atomic_fetch_add(&limited, 1, __ATOMIC_RELAXED);
}

#ifdef HAVE_EPOLL
static enum lab_call ctl_call(int op)
{
	if (op == EPOLL_CTL_ADD)
		return LAB_EPOLL_ADD;
	return op == EPOLL_CTL_MOD ? LAB_EPOLL_MOD : LAB_EPOLL_DEL;
}

REPLACED int epoll_create1(int flags)
{
	int (*fn)(int);

	NEXT(fn, "epoll_create1");
	return refused(LAB_EPOLL_CREATE) ? -1 : fn(flags);
}

REPLACED int epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev)
{
	int (*fn)(int, int, int, struct epoll_event *);

	NEXT(fn, "epoll_ctl");
	return refused(ctl_call(op)) ? -1 : fn(epfd, op, fd, ev);
}

REPLACED int epoll_wait(int epfd, struct epoll_event *ev, int size, int ms)
{
	int (*fn)(int, struct epoll_event *, int, int);

	NEXT(fn, "epoll_wait");
	count_limit(ms > 0);
	return refused(LAB_EPOLL_WAIT) ? -1 : fn(epfd, ev, size, ms);
}
#endif

#ifdef HAVE_EPOLL_PWAIT2
REPLACED int epoll_pwait2(int epfd, struct epoll_event *ev, int size,
			  const struct timespec *ts, const sigset_t *mask)
{
	int (*fn)(int, struct epoll_event *, int,
		  const struct timespec *, const sigset_t *);

	NEXT(fn, TIME64("epoll_pwait2", "__epoll_pwait2_time64"));
	count_limit(ts != NULL && (ts->tv_sec != 0 || ts->tv_nsec != 0));
	return refused(LAB_EPOLL_PWAIT2) ? -1 : fn(epfd, ev, size, ts, mask);
}
#endif

REPLACED int poll(struct pollfd *fds, nfds_t n, int ms)
{
	int (*fn)(struct pollfd *, nfds_t, int);

	NEXT(fn, "poll");
	count_limit(ms > 0);
	if (refused(LAB_POLL))
		return -1;
	return emu_poll != NULL ? emu_poll(fds, n, ms) : fn(fds, n, ms);
}

#ifdef HAVE_PPOLL
REPLACED int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *ts,
		   const sigset_t *mask)
{
	int (*fn)(struct pollfd *, nfds_t, const struct timespec *,
		  const sigset_t *);

	NEXT(fn, TIME64("ppoll", "__ppoll64"));
	count_limit(ts != NULL && (ts->tv_sec != 0 || ts->tv_nsec != 0));
	return refused(LAB_PPOLL) ? -1 : fn(fds, n, ts, mask);
}
#endif

#ifdef HAVE_TIMERFD
REPLACED int timerfd_create(int clock, int flags)
{
	int (*fn)(int, int);

	NEXT(fn, "timerfd_create");
	return refused(LAB_TIMERFD_CREATE) ? -1 : fn(clock, flags);
}

REPLACED int timerfd_settime(int fd, int flags, const struct itimerspec *new,
			     struct itimerspec *old)
{
	int (*fn)(int, int, const struct itimerspec *,
		  struct itimerspec *);

	NEXT(fn, TIME64("timerfd_settime", "__timerfd_settime64"));
	return refused(LAB_TIMERFD_SETTIME) ? -1 : fn(fd, flags, new, old);
}
#endif

/* Real ones of what is emulated elsewhere. */
#ifdef HAVE_KQUEUE
REPLACED int kevent(int kq, const struct kevent *changes, kevent_count n,
		    struct kevent *events, kevent_count room,
		    const struct timespec *ts)
{
	int (*fn)(int, const struct kevent *, kevent_count,
		  struct kevent *, kevent_count,
		  const struct timespec *);

	NEXT(fn, KEVENT_NAME);
	if (room > 0) {
		count_limit(ts != NULL && (ts->tv_sec != 0 ||
					   ts->tv_nsec != 0));
		if (refused(LAB_OTHER_WAIT))
			return -1;
	}
	return fn(kq, changes, n, events, room, ts);
}
#endif

#ifdef HAVE_PORT
REPLACED int port_getn(int port, port_event_t *list, unsigned max,
		       unsigned *n, struct timespec *ts)
{
	int (*fn)(int, port_event_t *, unsigned, unsigned *,
		  struct timespec *);

	NEXT(fn, "port_getn");
	count_limit(ts != NULL && (ts->tv_sec != 0 || ts->tv_nsec != 0));
	return refused(LAB_OTHER_WAIT) ? -1 : fn(port, list, max, n, ts);
}
#endif

#ifdef HAVE_DEVPOLL
REPLACED int ioctl(int fd, int request, ...)
{
	int (*fn)(int, int, ...);
	struct dvpoll *dvp;
	va_list ap;

	NEXT(fn, "ioctl");
	va_start(ap, request);
	dvp = va_arg(ap, void *);
	va_end(ap);
	if (request == (int)DP_POLL) {
		count_limit(dvp->dp_timeout > 0);
		if (refused(LAB_OTHER_WAIT))
			return -1;
	}
	return fn(fd, request, dvp);
}
#endif

REPLACED int clock_gettime(clockid_t clock, struct timespec *ts)
{
	int (*fn)(clockid_t, struct timespec *);

	NEXT(fn, TIME64(CLOCK_GETTIME_NAME, "__clock_gettime64"));
	return refused(LAB_CLOCK) ? -1 : fn(clock, ts);
}

/* ---- Descriptors that count --------------------------------------------- */

void watch_in(void *watch)
{
	((struct watch *)watch)->in++;
}

void watch_out(void *watch)
{
	((struct watch *)watch)->out++;
}

void watch_err(void *watch)
{
	((struct watch *)watch)->err++;
}

void watch_init(struct watch *w, int fd, const char *bands)
{
	memset(w, 0, sizeof(*w));
	IV_FD_INIT(&w->fd);
	w->fd.fd = fd;
	w->fd.cookie = w;
	w->fd.handler_in = strchr(bands, 'i') ? watch_in : NULL;
	w->fd.handler_out = strchr(bands, 'o') ? watch_out : NULL;
	w->fd.handler_err = strchr(bands, 'e') ? watch_err : NULL;
}

void watch_start(struct watch *w, int fd, const char *bands)
{
	watch_init(w, fd, bands);
	iv_fd_register(&w->fd);
}

void watch_end(struct watch *w)
{
	iv_fd_unregister(&w->fd);
	CHECK_SYS(close(w->fd.fd));
}

void connect_pair(int fds[2])
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int fd = (int)CHECK_SYS(socket(AF_INET, SOCK_STREAM, 0));

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_SYS(bind(fd, (struct sockaddr *)&sin, len));
	CHECK_SYS(listen(fd, 1));
	CHECK_SYS(getsockname(fd, (struct sockaddr *)&sin, &len));
	fds[1] = (int)CHECK_SYS(socket(AF_INET, SOCK_STREAM, 0));
	CHECK_SYS(connect(fds[1], (struct sockaddr *)&sin, len));
	fds[0] = (int)CHECK_SYS(accept(fd, NULL, NULL));
	CHECK_SYS(close(fd));
}

void watch_urgent(struct watch *w, int peer)
{
	CHECK_INT(send(peer, "!", 1, MSG_OOB), ==, 1);
	with_deadline(5);
	iv_fd_set_handler_err(&w->fd, quit_handler);
	iv_main();
	without_deadline();
}

void watch_set(struct watch *w, const char *bands)
{
	iv_fd_set_handler_in(&w->fd, strchr(bands, 'i') ? watch_in : NULL);
	iv_fd_set_handler_out(&w->fd, strchr(bands, 'o') ? watch_out : NULL);
	iv_fd_set_handler_err(&w->fd, strchr(bands, 'e') ? watch_err : NULL);
}

const char *watch_seen(struct watch *w, unsigned times)
{
	static char seen[4][4];
	static unsigned n;
	char *s = seen[n++ % 4];

	CHECK_INT(w->err, <=, times);
	CHECK_INT(w->in, <=, times);
	CHECK_INT(w->out, <=, times);
	snprintf(s, 4, "%s%s%s", w->err ? "e" : "", w->in ? "i" : "",
		 w->out ? "o" : "");
	w->err = w->in = w->out = 0;
	return s;
}

int become_pipe(int number)
{
	int fds[2];

	make_pipe(fds);
	if (fds[0] != number) {
		CHECK_SYS(dup2(fds[0], number));
		CHECK_SYS(close(fds[0]));
	}
	return fds[1];
}

/* The first task runs before the first wait. */
void turns(unsigned n)
{
	quit_after_turns(n + 1);
	iv_main();
}

int is_early(const struct iv_timer *t, const struct timespec *now)
{
	const struct timespec *at = &t->expires;

	return now->tv_sec < at->tv_sec ||
	       (now->tv_sec == at->tv_sec && now->tv_nsec < at->tv_nsec);
}

void sleep_once(void)
{
	unsigned before = lab_limited_waits();
	struct iv_timer t;

	while (lab_limited_waits() == before) {
		iv_invalidate_now();
		timer_after(&t, 2, quit_handler, NULL);
		iv_timer_register(&t);
		iv_main();
	}
}

void check_no_spin(void)
{
	struct iv_timer timer;

	lab_reset();
	iv_invalidate_now();
	timer_after(&timer, 25, quit_handler, NULL);
	iv_timer_register(&timer);
	iv_main();
	CHECK_INT(lab_waits(), <=, 12);
}

/* ---- Methods -------------------------------------------------------------- */

int on_epoll(void)
{
	return strncmp(iv_poll_method_name(), "epoll", 5) == 0;
}

int has_edges(void)
{
	return on_epoll() || strcmp(iv_poll_method_name(), "kqueue") == 0;
}

int tells_files_apart(void)
{
	return on_epoll() || strcmp(iv_poll_method_name(), "kqueue") == 0;
}

int keeps_events(void)
{
	return strncmp(iv_poll_method_name(), "port", 4) == 0;
}

static int built(const char *method)
{
#ifdef HAVE_EPOLL
	if (strcmp(method, "epoll") == 0)
		return 1;
#ifdef HAVE_TIMERFD
	if (strcmp(method, "epoll-timerfd") == 0)
		return 1;
#endif
#endif
#ifdef HAVE_PPOLL
	if (strcmp(method, "ppoll") == 0)
		return 1;
#endif
	return strcmp(method, "poll") == 0;
}

void choose(const char *method)
{
	if (!built(method))
		SKIP("built without %s", method);
	setenv("IV_SELECT_POLL_METHOD", method, 1);
}

/* ---- Everything ---------------------------------------------------------- */

struct works {
	struct iv_fd	fd;
	struct iv_event	event;
	struct iv_task	task;
	struct iv_timer	timer;
	int		pipe[2];
};

static void works_readable(void *cookie)
{
	struct works *w = cookie;

	CHECK_INT(drain(w->pipe[0]), ==, 1);
	iv_fd_unregister(&w->fd);
	timer_after(&w->timer, 5, quit_handler, NULL);
	iv_timer_register(&w->timer);
}

static void works_posted(void *cookie)
{
	struct works *w = cookie;

	iv_event_unregister(&w->event);
	poke(w->pipe[1]);
}

static void *works_thread(void *cookie)
{
	iv_event_post(&((struct works *)cookie)->event);
	return NULL;
}

static void works_task(void *cookie)
{
	struct works *w = cookie;
	pthread_t tid;

	CHECK_INT(pthread_create(&tid, NULL, works_thread, w), ==, 0);
	CHECK_INT(pthread_join(tid, NULL), ==, 0);
}

void loop_works(void)
{
	struct works w;

	make_pipe(w.pipe);
	IV_FD_INIT(&w.fd);
	w.fd.fd = w.pipe[0];
	w.fd.cookie = &w;
	w.fd.handler_in = works_readable;
	CHECK_SYS(iv_fd_register_try(&w.fd));
	IV_EVENT_INIT(&w.event);
	w.event.cookie = &w;
	w.event.handler = works_posted;
	CHECK_SYS(iv_event_register(&w.event));
	IV_TASK_INIT(&w.task);
	w.task.cookie = &w;
	w.task.handler = works_task;
	iv_task_register(&w.task);

	with_deadline(5);
	iv_main();
	without_deadline();
	CHECK(!iv_timer_registered(&w.timer));
	CHECK(!iv_fd_registered(&w.fd));
	close_pair(w.pipe);
}
