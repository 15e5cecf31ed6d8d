/* SPDX-License-Identifier: MIT */
/*
 * ports.c - event ports on Linux, and POSIX timers that report to them.
 *
 * Written from the manual pages of Solaris.  Not there: port_alert(3C),
 * port_sendn(3C), files, message queues, asynchronous I/O.
 *
 * What a descriptor has turned into is noticed, and an event queued, when it
 * is associated and whenever a port is asked for events, not by itself in
 * between.  A port is not shared with forked children: they may close it,
 * and everything else is refused there with EBADFD, and is a fault.
 */
#include "config.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <port.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "emu/core.h"

#define REPLACED	__attribute__((visibility("default")))

/* With 64-bit time on a 32-bit system a header gives it another name. */
#if defined(__USE_TIME_BITS64) && __TIMESIZE == 32
#define TIMER_SETTIME	"__timer_settime64"
#else
#define TIMER_SETTIME	"timer_settime"
#endif

/* In a queue while PREV is not NULL. */
struct event {
	struct event	*next, *prev;
	port_event_t	ev;
};

struct assoc {
	struct event	event;
	int	wanted;
	int	active;		/* until its event is retrieved */
};

struct port {
	struct emu_object	o;
	pid_t	owner;
	struct event	queue;	/* head */
	unsigned	queued;
	unsigned	users;	/* of these, by port_send() */
	struct assoc	**of_fd;
	int	size;
};

struct timer {
	struct event	event;
	struct timer	*next;
	struct port	*port;	/* NULL: it has been closed */
	pid_t	owner;
	int64_t	ahead;		/* of the monotonic clock is its own */
	int64_t	due, period;	/* due 0: stopped */
};

static struct timer *timers;

static struct port *find_port(int fd, int *err);

/* ---- The queue --------------------------------------------------------------- */

static void enqueue(struct port *port, struct event *e)
{
	e->next = &port->queue;
	e->prev = port->queue.prev;
	e->prev->next = e->next->prev = e;
	port->queued++;
}

static void dequeue(struct port *port, struct event *e)
{
	if (e->prev == NULL)
		return;
	e->prev->next = e->next;
	e->next->prev = e->prev;
	e->prev = NULL;
	port->queued--;
}

/* Moves the first event to EV. */
static void retrieve(struct port *port, port_event_t *ev)
{
	struct event *e = port->queue.next;

	*ev = e->ev;
	dequeue(port, e);
	if (ev->portev_source == PORT_SOURCE_FD) {
		((struct assoc *)e)->active = 0;
	} else if (ev->portev_source == PORT_SOURCE_TIMER) {
		e->ev.portev_events = 0;
	} else {
		port->users--;
		emu_free(e);
	}
}

/* ---- Descriptors -------------------------------------------------------------- */

static struct assoc *find(struct port *port, int fd)
{
	return fd >= 0 && fd < port->size ? port->of_fd[fd] : NULL;
}

static int make_room(struct port *port, int fd)
{
	int size = 2 * fd + 64;
	struct assoc **grown;

	if (fd < port->size)
		return 0;
	grown = emu_realloc(port->of_fd, (size_t)size * sizeof(*grown));
	if (grown == NULL)
		return ENOMEM;
	memset(grown + port->size, 0,
	       (size_t)(size - port->size) * sizeof(*grown));
	port->of_fd = grown;
	port->size = size;
	return 0;
}

/* Queues an event if what A waits for is true. */
static void look(struct port *port, struct assoc *a)
{
	int events = emu_state((int)a->event.ev.portev_object) &
		     (a->wanted | POLLERR | POLLHUP);

	if (!a->active || a->event.prev != NULL || events == 0)
		return;
	a->event.ev.portev_events = events;
	enqueue(port, &a->event);
}

static int assoc_new(struct port *port, int fd)
{
	struct assoc *a;
	int err = make_room(port, fd);

	if (err != 0)
		return err;
	a = emu_calloc(sizeof(*a));
	if (a == NULL)
		return ENOMEM;
	a->event.ev.portev_source = PORT_SOURCE_FD;
	a->event.ev.portev_object = (uintptr_t)fd;
	port->of_fd[fd] = a;
	/* EPERM: always ready. */
	err = -emu_watch(&port->o, fd);
	return err == EPERM || err == EEXIST ? 0 : err;
}

static void assoc_free(struct port *port, int fd)
{
	struct assoc *a = port->of_fd[fd];

	dequeue(port, &a->event);
	port->of_fd[fd] = NULL;
	emu_free(a);
}

static int fd_open(uintptr_t object)
{
	if (object <= INT_MAX && fcntl((int)object, F_GETFD) >= 0)
		return 1;
	emu_fault(EMU_FAULT_CLOSED);
	return 0;
}

static int associate(struct port *port, int source, uintptr_t object,
		     int events, void *user)
{
	struct assoc *a;
	int err = 0;

	if (source != PORT_SOURCE_FD)
		return EINVAL;
	if (!fd_open(object))
		return EBADFD;
	a = find(port, (int)object);
	if (a == NULL)
		err = assoc_new(port, (int)object);
	if (err != 0)
		return err;
	a = find(port, (int)object);
	dequeue(port, &a->event);
	a->active = 1;
	a->wanted = events;
	a->event.ev.portev_user = user;
	look(port, a);
	emu_changed(&port->o);
	return 0;
}

static int dissociate(struct port *port, int source, uintptr_t object)
{
	struct assoc *a;

	if (source != PORT_SOURCE_FD)
		return EINVAL;
	if (!fd_open(object))
		return EBADFD;
	a = find(port, (int)object);
	if (a == NULL || !a->active) {
		emu_fault(EMU_FAULT_ABSENT);
		return ENOENT;
	}
	emu_unwatch(&port->o, (int)object);
	assoc_free(port, (int)object);
	return 0;
}

/* ---- Timers ---------------------------------------------------------------------- */

/* Queues what has expired; the time when the next one will, or EMU_NEVER. */
static int64_t run_timers(struct port *port)
{
	int64_t now = emu_now(), first = EMU_NEVER;
	struct timer *t;

	for (t = timers; t != NULL; t = t->next) {
		if (t->port != port)
			continue;
		while (t->due != 0 && t->due <= now) {
			t->event.ev.portev_events++;
			t->due = t->period != 0 ? t->due + t->period : 0;
			if (t->event.prev == NULL)
				enqueue(port, &t->event);
		}
		if (t->due != 0 && t->due < first)
			first = t->due;
	}
	return first;
}

static struct timer *find_timer(timer_t id)
{
	struct timer *t = timers;

	while (t != NULL && (timer_t)t != id)
		t = t->next;
	return t;
}

/* Timers are not inherited by forked children. */
static int is_inherited(const struct timer *t)
{
	if (t->owner == getpid())
		return 0;
	emu_fault(EMU_FAULT_INHERITED);
	return 1;
}

static int64_t ns_of(const struct timespec *ts)
{
	if (ts->tv_sec > INT32_MAX)
		return INT32_MAX * INT64_C(1000000000);
	return ts->tv_sec * INT64_C(1000000000) + ts->tv_nsec;
}

static int64_t ahead_of_monotonic(clockid_t clock)
{
	struct timespec ts;

	if (clock == CLOCK_MONOTONIC || clock_gettime(clock, &ts) < 0)
		return 0;
	return ns_of(&ts) - emu_now();
}

static int timer_new(clockid_t clock, const struct sigevent *se, timer_t *id)
{
	const port_notify_t *notify = se->sigev_value.sival_ptr;
	struct port *port;
	struct timer *t;
	int err = emu_called(EMU_TIMER_CREATE);

	if (err != 0)
		return err;
	port = find_port(notify->portnfy_port, &err);
	if (port == NULL)
		return err;
	t = emu_calloc(sizeof(*t));
	if (t == NULL)
		return EAGAIN;
	t->event.ev.portev_source = PORT_SOURCE_TIMER;
	t->event.ev.portev_object = (uintptr_t)t;
	t->event.ev.portev_user = notify->portnfy_user;
	t->port = port;
	t->owner = getpid();
	t->ahead = ahead_of_monotonic(clock);
	t->next = timers;
	timers = t;
	*id = (timer_t)t;
	return 0;
}

static int bad_time(const struct timespec *ts)
{
	return ts->tv_sec < 0 || ts->tv_nsec < 0 || ts->tv_nsec >= 1000000000;
}

static int timer_set(struct timer *t, int flags, const struct itimerspec *its)
{
	int64_t ns;
	int err = emu_called(EMU_TIMER_SETTIME);

	if (err != 0)
		return err;
	if (is_inherited(t))
		return EINVAL;
	if (bad_time(&its->it_value) || bad_time(&its->it_interval))
		return EINVAL;
	ns = ns_of(&its->it_value);
	if (ns != 0 && flags & TIMER_ABSTIME)
		ns = ns > t->ahead ? ns - t->ahead : 1;
	else if (ns != 0)
		ns += emu_now();
	t->due = ns;
	t->period = ns_of(&its->it_interval);
	if (t->port != NULL)
		emu_changed(&t->port->o);
	return 0;
}

static int timer_free(struct timer *t)
{
	struct timer **p = &timers;

	if (is_inherited(t))
		return EINVAL;
	if (t->port != NULL)
		dequeue(t->port, &t->event);
	while (*p != t)
		p = &(*p)->next;
	*p = t->next;
	emu_free(t);
	return 0;
}

/* ---- Waiting ------------------------------------------------------------------------ */

/* What a call wants, and what it gets. */
struct get {
	port_event_t	*list;
	unsigned	max, least;
	int64_t	limit;		/* nanoseconds; -1: for ever */
	int64_t	until;
	unsigned	n;	/* stored */
};

/* Limits of waits are counted in ticks; timers of this clock are exact. */
static int64_t round_up(const struct port *port, int64_t ns)
{
	int64_t tick = port->o.tick;

	return tick > 0 ? (ns + tick - 1) / tick * tick : ns;
}

/* Until LEAST are queued, the time has come or a signal: errno, or 0.  The
   port must not be closed meanwhile. */
static int wait_for(struct port *port, const struct get *g,
		    const struct emu_saved *saved)
{
	int err = 0;

	for (;;) {
		int64_t next;

		emu_drain(&port->o);
		next = run_timers(port);
		if (port->queued >= g->least || g->limit == 0)
			return 0;
		if (err != 0)
			return err;
		if (g->until != EMU_NEVER && emu_now() >= g->until)
			return ETIME;
		err = -emu_sleep(&port->o, next < g->until ? next : g->until,
				 saved);
	}
}

static int64_t limit_of(const struct timespec *ts)
{
	return ts == NULL ? -1 : ns_of(ts);
}

/* Counts; 0, or the errno with which the call has to fail. */
static int counted(int64_t limit)
{
	int err = emu_called(EMU_WAIT);

	if (limit > 0)
		emu_called(EMU_WAIT_LIMITED);
	if (err == 0 && emu_observer.waits != NULL)
		err = emu_observer.waits(limit);
	return err;
}

/* Made to fail with ETIME, it has events nevertheless. */
static int get(int fd, struct get *g, const struct timespec *timeout,
	       const struct emu_saved *saved)
{
	struct port *port;
	int err, fault;

	g->limit = limit_of(timeout);
	fault = counted(g->limit);
	if (fault != 0 && fault != ETIME)
		return fault;
	port = find_port(fd, &err);
	if (port == NULL)
		return err;
	if (timeout != NULL && bad_time(timeout))
		return EINVAL;
	if (fault == ETIME)
		g->limit = 0;
	g->until = g->limit < 0 ? EMU_NEVER :
		   emu_now() + round_up(port, g->limit);
	err = wait_for(port, g, saved);
	if (err != 0 && err != ETIME)
		return err;
	while (g->n < g->max && port->queued > 0)
		retrieve(port, &g->list[g->n++]);
	return fault != 0 ? fault : err;
}

/* ---- Life ------------------------------------------------------------------------------ */

static void port_closing(struct emu_object *o, int fd)
{
	struct port *port = (struct port *)o;

	if (find(port, fd) == NULL)
		return;
	if (port->owner == getpid())
		emu_unwatch(o, fd);
	assoc_free(port, fd);
}

static void port_active(struct emu_object *o, int fd)
{
	struct assoc *a = find((struct port *)o, fd);

	if (a != NULL)
		look((struct port *)o, a);
}

static void drop_all(struct port *port, int careful)
{
	struct timer *t;
	int fd;

	for (t = timers; t != NULL; t = t->next) {
		if (t->port != port)
			continue;
		if (careful)
			emu_fault(EMU_FAULT_TIMER);
		dequeue(port, &t->event);
		t->port = NULL;
	}
	for (fd = 0; fd < port->size; fd++) {
		if (port->of_fd[fd] == NULL)
			continue;
		if (careful && port->of_fd[fd]->active)
			emu_fault(EMU_FAULT_LEFT);
		assoc_free(port, fd);
	}
}

static void port_destroy(struct emu_object *o)
{
	struct port *port = (struct port *)o;
	port_event_t ev;

	drop_all(port, port->owner == getpid());
	while (port->queued > 0)
		retrieve(port, &ev);
	emu_free(port->of_fd);
	emu_free(port);
}

static int port_readable(struct emu_object *o)
{
	struct port *port = (struct port *)o;

	emu_drain(o);
	run_timers(port);
	return port->queued > 0;
}

static const struct emu_class class = {
	.readable = port_readable,
	.closing = port_closing,
	.active = port_active,
	.destroy = port_destroy,
};

static struct port *find_port(int fd, int *err)
{
	struct port *port = (struct port *)emu_object_find(fd, &class);

	if (port != NULL && port->owner == getpid())
		return port;
	if (port != NULL)
		emu_fault(EMU_FAULT_INHERITED);
	*err = fcntl(fd, F_GETFD) < 0 ? EBADF : EBADFD;
	return NULL;
}

static int64_t tick_us(void)
{
	const char *env = getenv("EMU_PERSONALITY");

	return env != NULL && strcmp(env, "tick") == 0 ? 10000 : 0;
}

static int port_new(void)
{
	struct port *port = emu_calloc(sizeof(*port));
	int fd;

	if (port == NULL) {
		errno = EAGAIN;
		return -1;
	}
	port->queue.next = port->queue.prev = &port->queue;
	port->owner = getpid();
	fd = emu_object_open(&port->o, &class, tick_us());
	if (fd < 0)
		emu_free(port);
	return fd;
}

static int send_event(struct port *port, int events, void *user)
{
	struct event *e;

	if (port->users >= emu_limit_of(EMU_LIMIT_PORT_EVENTS, 65536))
		return EAGAIN;
	e = emu_calloc(sizeof(*e));
	if (e == NULL)
		return ENOMEM;
	e->ev.portev_source = PORT_SOURCE_USER;
	e->ev.portev_events = events;
	e->ev.portev_user = user;
	port->users++;
	enqueue(port, e);
	emu_changed(&port->o);
	return 0;
}

void emu_spurious(int fd)
{
	struct emu_saved saved;
	struct emu_object *o;

	emu_lock(&saved);
	for (o = emu_object_next(NULL, &class); o != NULL;
	     o = emu_object_next(o, &class)) {
		struct port *port = (struct port *)o;
		struct assoc *a = find(port, fd);

		if (a == NULL || !a->active || a->event.prev != NULL)
			continue;
		a->event.ev.portev_events = a->wanted;
		enqueue(port, &a->event);
		emu_changed(o);
	}
	emu_unlock(&saved);
}

/* ---- The calls ---------------------------------------------------------------------------- */

/* Leaves the emulation: 0, or -1 and errno. */
static int leave(const struct emu_saved *saved, int err)
{
	emu_unlock(saved);
	if (err == 0)
		return 0;
	errno = err;
	return -1;
}

int port_create(void)
{
	struct emu_saved saved;
	int fd = -1, err;

	emu_lock(&saved);
	err = emu_called(EMU_PORT_CREATE);
	if (err == 0) {
		fd = port_new();
		err = fd < 0 ? errno : 0;
	}
	return leave(&saved, err) < 0 ? -1 : fd;
}

int port_associate(int fd, int source, uintptr_t object, int events,
		   void *user)
{
	struct emu_saved saved;
	struct port *port;
	int err;

	emu_lock(&saved);
	err = emu_called(EMU_PORT_ASSOCIATE);
	port = err == 0 ? find_port(fd, &err) : NULL;
	if (port != NULL)
		err = associate(port, source, object, events, user);
	return leave(&saved, err);
}

int port_dissociate(int fd, int source, uintptr_t object)
{
	struct emu_saved saved;
	struct port *port;
	int err;

	emu_lock(&saved);
	err = emu_called(EMU_PORT_DISSOCIATE);
	port = err == 0 ? find_port(fd, &err) : NULL;
	if (port != NULL)
		err = dissociate(port, source, object);
	return leave(&saved, err);
}

int port_send(int fd, int events, void *user)
{
	struct emu_saved saved;
	struct port *port;
	int err;

	emu_lock(&saved);
	err = emu_called(EMU_PORT_SEND);
	port = err == 0 ? find_port(fd, &err) : NULL;
	if (port != NULL)
		err = send_event(port, events, user);
	return leave(&saved, err);
}

int port_get(int fd, port_event_t *event, struct timespec *timeout)
{
	struct get g = { .list = event, .max = 1, .least = 1 };
	struct emu_saved saved;
	int err;

	emu_lock(&saved);
	err = get(fd, &g, timeout, &saved);
	if (err == 0 && g.n == 0)
		err = ETIME;
	return leave(&saved, err);
}

/* The number of events that are queued; none of them is retrieved. */
static int count_queued(int fd, uint_t *nget)
{
	int err = 0;
	struct port *port = find_port(fd, &err);

	if (port == NULL)
		return err;
	emu_drain(&port->o);
	run_timers(port);
	*nget = port->queued;
	return 0;
}

int port_getn(int fd, port_event_t list[], uint_t max, uint_t *nget,
	      struct timespec *timeout)
{
	struct get g = { .list = list, .max = max };
	struct emu_saved saved;
	int err;

	emu_lock(&saved);
	if (nget == NULL)
		return leave(&saved, EINVAL);
	if (max == 0)
		return leave(&saved, count_queued(fd, nget));
	if (*nget > max)
		return leave(&saved, EINVAL);
	if (*nget == 0)
		return leave(&saved, 0);
	g.least = *nget;
	err = get(fd, &g, timeout, &saved);
	if (err == 0 || err == ETIME)
		*nget = g.n;
	return leave(&saved, err);
}

/* ---- What is replaced ------------------------------------------------------------------------ */

REPLACED int timer_create(clockid_t clock, struct sigevent *se, timer_t *id)
{
	int (*real)(clockid_t, struct sigevent *, timer_t *);
	struct emu_saved saved;

	if (se == NULL || se->sigev_notify != SIGEV_PORT) {
		real = emu_real("timer_create");
		return real(clock, se, id);
	}
	emu_lock(&saved);
	return leave(&saved, timer_new(clock, se, id));
}

REPLACED int timer_settime(timer_t id, int flags,
			   const struct itimerspec *new,
			   struct itimerspec *old)
{
	int (*real)(timer_t, int, const struct itimerspec *,
		    struct itimerspec *);
	struct emu_saved saved;
	struct timer *t;

	emu_lock(&saved);
	t = find_timer(id);
	if (t != NULL)
		return leave(&saved, timer_set(t, flags, new));
	emu_unlock(&saved);
	real = emu_real(TIMER_SETTIME);
	return real(id, flags, new, old);
}

REPLACED int timer_delete(timer_t id)
{
	int (*real)(timer_t);
	struct emu_saved saved;
	struct timer *t;

	emu_lock(&saved);
	t = find_timer(id);
	if (t != NULL)
		return leave(&saved, timer_free(t));
	emu_unlock(&saved);
	real = emu_real("timer_delete");
	return real(id);
}
