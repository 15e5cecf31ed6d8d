/* SPDX-License-Identifier: MIT */
/*
 * kqueue.c - kqueue(2) of the BSDs and macOS.
 *
 * Kernel facts leaned on, in kqueue(2) of FreeBSD, NetBSD or macOS, or in
 * their kernels (filt_soread(), filt_sowrite(), filt_piperead()):
 *  - A change that fails is answered by an EV_ERROR entry among the events if
 *    there is room, and the call returns at once with these alone.  Without
 *    room for events it fails, and later changes are not made.
 *  - Closing a descriptor takes it out of the queue silently; changes then
 *    give EBADF, or ENOENT when the number is in use again.
 *  - EV_CLEAR cannot be given to a filter that is there already.
 *  - There is no filter for errors.  EV_EOF tells that one direction is
 *    finished.  Of a pipe or a terminal that is a hang-up, of a socket one if
 *    both are.  An error without it makes a socket readable, without data.
 *    poll(2) is no help: it tells nothing if nothing is asked (macOS), or
 *    nothing but readable and writable of sockets (NetBSD).
 *  - EVFILT_WRITE on a pipe without a reader: EPIPE (FreeBSD), EBADF (NetBSD).
 *    Where it is there already, and the pipe full, NetBSD does not say that
 *    the last reader has gone; but EVFILT_READ of the write end does, there
 *    and on macOS, and is silent on FreeBSD.
 *  - kevent(2) is a cancellation point, on NetBSD even if it cannot wait.
 *  - Timers may fire early, by a tick of the clock, and are not restarted by
 *    adding them again (NetBSD).  Not every value is accepted: 1 ms to a day.
 *  - The queue is not inherited over fork(2): the child's number is closed.
 *  - EVFILT_USER: not in NetBSD before 10.
 *  - EV_CLEAR tells what is new since it told last, and what there is when the
 *    filter is added.
 *  - EVFILT_EXCEPT with NOTE_OOB: on macOS, OpenBSD (7.0) and DragonFly; not
 *    on FreeBSD and NetBSD, which say EINVAL to a program that has it.
 *
 * Changes are collected by apply() and made by the call that waits; what must
 * be known at once (registering, unregistering) has a call of its own.
 * Events are attributed by number, since what the kernel keeps as udata is a
 * pointer here and an integer there.
 */
#include "config.h"
#include "loop/poll_method.h"

#ifdef HAVE_KQUEUE

#include <sys/types.h>
#include <sys/event.h>
#include <sys/time.h>
#include <fcntl.h>
#include "poll/fdmap.h"
#include "sys/sys.h"

#define MS		INT64_C(1000000)
#define DAY		(INT64_C(86400) * IVI_SEC)
#define RETRY_NS	(10 * MS)

#define FIRST_ROOM	256

/* The only user event and the only timer. */
#define WAKE_IDENT	0
#define TIMER_IDENT	0

#if !defined(EVFILT_EXCEPT) || !defined(NOTE_OOB)
#undef EVFILT_EXCEPT
#undef NOTE_OOB
#define EVFILT_EXCEPT	EVFILT_TIMER	/* never asked for */
#define NOTE_OOB	0
#define EXCEPT_CAPS	0
#else
#define EXCEPT_CAPS	IVI_CAP_PRI
#endif

/* How a filter is set. */
enum mode {
	OFF,
	LEVEL,
	EDGE,		/* looks for hang-ups, must not spin on data, which is
			   of interest only with IVI_FD_EDGE */
	MUTED		/* there, so that the kernel knows it; disabled */
};

/* What access_of() says of the write end of a pipe. */
#define WRITE_END	(O_ACCMODE + 1)

/* Where `armed' has the modes. */
#define READ_SHIFT	4
#define WRITE_SHIFT	6

struct kq {
	struct ivi_poller	p;
	int	fd;
	int	scratch;	/* another queue, empty but in other_ended() */
	bool	timer_set;
	bool	timer_due;	/* it has fired, or need not be set to */
	bool	lacking;	/* of memory: not again at once */
	struct fdmap	map;	/* whoever is in the queue */
	struct kevent	*changes;
	struct kevent	*events;
	int	used;		/* changes */
	int	room;		/* in both arrays: each may be refused */
};

static enum mode mode_of(const struct ivi_fd *f, int shift)
{
	return f->armed >> shift & 3;
}

static void set_mode(struct ivi_fd *f, int shift, enum mode mode)
{
	f->armed = (uint8_t)((f->armed & ~(3U << shift)) |
			     (unsigned)mode << shift);
}

/* ---- Changes ----------------------------------------------------------------- */

/* Room for N more changes: 0 or -ENOMEM. */
static int reserve(struct kq *kq, int n)
{
	int room = kq->room ? 2 * kq->room : FIRST_ROOM;
	struct kevent *array;

	if (kq->used + n <= kq->room)
		return 0;
	array = ivi_realloc(kq->changes, (size_t)room * sizeof(*array));
	if (array == NULL)
		return -ENOMEM;
	kq->changes = array;
	array = ivi_realloc(kq->events, (size_t)room * sizeof(*array));
	if (array == NULL)
		return -ENOMEM;
	kq->events = array;
	kq->room = room;
	return 0;
}

/* A signal ends a call that looks for events, even if it does not wait. */
static bool passes(int err)
{
	return err == -ENOMEM || err == -EAGAIN || err == -ENOSPC ||
	       err == -EINTR;
}

/* Makes N changes now, and looks for an event if EV is not NULL: how many
   there are, or -errno.  Does not wait. */
static int call(int queue, const struct kevent *kev, int n, struct kevent *ev)
{
	static const struct timespec zero;
	int err = errno, cancel = ivi_cancel_off(), ret;

	ret = kevent(queue, kev, n, ev, ev != NULL, &zero);
	if (ret < 0)
		ret = -errno;
	ivi_cancel_restore(cancel);
	errno = err;
	return ret;
}

/* Makes one change now: 0, or -errno.  Does not wait: no EINTR. */
static int change(struct kq *kq, const struct kevent *kev)
{
	return call(kq->fd, kev, 1, NULL);
}

/*
 * What a descriptor is open for: one that cannot be read can only hang up on
 * its write side, and the other way round; but see WRITE_END.
 */
static int access_of(struct ivi_fd *f)
{
	int fd = ivi_fd_pub(f)->fd, flags;

	if (f->index < 0) {
		flags = fcntl(fd, F_GETFL);
		f->index = flags < 0 ? O_RDWR : flags & O_ACCMODE;
		if (f->index == O_WRONLY && ivi_fd_is_fifo(fd))
			f->index = WRITE_END;
	}
	return f->index;
}

/* For one whose direction is wanted. */
static enum mode data_mode(const struct ivi_fd *f)
{
	return f->flags & IVI_FD_EDGE ? EDGE : LEVEL;
}

static enum mode read_mode(struct ivi_fd *f)
{
	int access = access_of(f);

	if (f->wanted == 0)
		return f->flags & IVI_FD_PROBE ||
		       mode_of(f, READ_SHIFT) == MUTED ? MUTED : OFF;
	if (access == O_WRONLY)
		return OFF;
	if (access == WRITE_END)
		return EDGE;
	if (f->wanted & IVI_IN)
		return data_mode(f);
	return f->wanted & IVI_ERR || access == O_RDONLY ? EDGE : OFF;
}

static enum mode write_mode(struct ivi_fd *f)
{
	int access = access_of(f);

	if (f->wanted == 0 || access == O_RDONLY)
		return OFF;
	if (f->wanted & IVI_OUT)
		return data_mode(f);
	return access == O_WRONLY || access == WRITE_END ? EDGE : OFF;
}

/*
 * Stores the changes, two at most, that set a filter to MODE; their number.
 * One that is set already is set again, in case the number has become
 * another file.
 */
static int stage(struct kevent *kev, const struct ivi_fd *f, int shift,
		 enum mode mode)
{
	static const unsigned short flags[] = {
		[LEVEL] = EV_ADD | EV_ENABLE,
		[EDGE] = EV_ADD | EV_ENABLE | EV_CLEAR,
		[MUTED] = EV_ADD | EV_DISABLE,
	};
	enum mode old = mode_of(f, shift);
	bool again = mode == EDGE && (f->armed & IVI_STALE);
	uintptr_t number = (uintptr_t)ivi_fd_pub(f)->fd;
	int n = 0;

	if (old != OFF && (old != mode || again)) {
		EV_SET(&kev[n], number, shift == READ_SHIFT ? EVFILT_READ :
		       EVFILT_WRITE, EV_DELETE, 0, 0, 0);
		n++;
	}
	if (mode != OFF) {
		EV_SET(&kev[n], number, shift == READ_SHIFT ? EVFILT_READ :
		       EVFILT_WRITE, flags[mode], 0, 0, 0);
		n++;
	}
	return n;
}

/* The same, one at most, for the filter of exceptional conditions; ON: it is
   to be there. */
static int stage_except(struct kevent *kev, const struct ivi_fd *f, bool on)
{
	unsigned short flags = EV_DELETE;

	if (!(f->flags & IVI_FD_PRI))
		return 0;
	if (on)
		flags = EV_ADD |
			(f->wanted & IVI_ERR ? EV_ENABLE : EV_DISABLE) |
			(f->flags & IVI_FD_EDGE ? EV_CLEAR : 0);
	EV_SET(kev, (uintptr_t)ivi_fd_pub(f)->fd, EVFILT_EXCEPT, flags,
	       NOTE_OOB, 0, 0);
	return 1;
}

/* Notes that the kernel has, or will have, been told. */
static void agree(struct kq *kq, struct ivi_fd *f, enum mode in, enum mode out)
{
	f->armed = f->wanted;
	set_mode(f, READ_SHIFT, in);
	set_mode(f, WRITE_SHIFT, out);
	if (f->armed == 0)
		fdmap_drop(&kq->map, ivi_fd_pub(f)->fd, f);
}

static int enqueue(struct kq *kq, struct ivi_fd *f)
{
	enum mode in = read_mode(f), out = write_mode(f);
	int ret;

	ret = reserve(kq, 5);
	if (ret == 0)
		ret = fdmap_put(&kq->map, ivi_fd_pub(f)->fd, f);
	if (ret < 0)
		return ret;
	kq->used += stage(kq->changes + kq->used, f, READ_SHIFT, in);
	kq->used += stage(kq->changes + kq->used, f, WRITE_SHIFT, out);
	kq->used += stage_except(kq->changes + kq->used, f, f->wanted != 0);
	agree(kq, f, in, out);
	return 0;
}

/* ---- Changes made at once ------------------------------------------------------ */

/* A pipe that nobody will read: always writable, in a way. */
static bool is_broken_pipe(const struct ivi_fd *f, int shift, int err)
{
	return shift == WRITE_SHIFT &&
	       (err == -EPIPE ||
		(err == -EBADF && ivi_fd_check(ivi_fd_pub(f)->fd) == 0));
}

/* Is OTHER still what the kernel knows under its number? */
static bool still_there(struct kq *kq, const struct ivi_fd *other)
{
	int shift = mode_of(other, READ_SHIFT) != OFF ? READ_SHIFT :
		    WRITE_SHIFT;
	enum mode mode = mode_of(other, shift);
	struct kevent kev;

	if (mode == OFF)
		return true;
	EV_SET(&kev, ivi_fd_pub(other)->fd, shift == READ_SHIFT ?
	       EVFILT_READ : EVFILT_WRITE,
	       mode == MUTED ? EV_DISABLE : EV_ENABLE, 0, 0, 0);
	return change(kq, &kev) == 0;
}

/* Sets one filter: 0, or why not.  *MODE becomes what it is then. */
static int set_now(struct kq *kq, struct ivi_fd *f, int shift,
		   enum mode *mode)
{
	struct kevent kev[2];
	int i, n = stage(kev, f, shift, *mode), ret = 0;

	for (i = 0; i < n; i++)
		ret = change(kq, &kev[i]);
	if (*mode == OFF)
		return 0;
	if (ret < 0)
		*mode = OFF;
	return ret;
}

/* It may have been closed, which is no reason to fail. */
static void drop(struct kq *kq, struct ivi_fd *f)
{
	struct kevent kev[3];
	int i, n;

	n = stage(kev, f, READ_SHIFT, OFF);
	n += stage(kev + n, f, WRITE_SHIFT, OFF);
	if (n > 0)
		n += stage_except(kev + n, f, false);
	f->armed = 0;
	if (n == 0 || call(kq->fd, kev, n, NULL) == 0)
		return;
	for (i = 0; i < n; i++)
		change(kq, &kev[i]);
}

/* Tells whether the kernel knows exceptional conditions, of this descriptor. */
static int set_except_now(struct kq *kq, struct ivi_fd *f)
{
	struct kevent kev;
	int ret = stage_except(&kev, f, true) ? change(kq, &kev) : 0;

	return ret == 0 || ret == -EBADF || passes(ret) ? ret : -EOPNOTSUPP;
}

static void unset_except(struct kq *kq, struct ivi_fd *f)
{
	struct kevent kev;

	if (stage_except(&kev, f, false))
		change(kq, &kev);
}

/*
 * Some devices know one direction only (FreeBSD's /dev/klog), so it suffices
 * that one filter is taken.  If this fails F is removed, along with what its
 * `armed' says.
 */
static int register_now(struct kq *kq, struct ivi_fd *f)
{
	int number = ivi_fd_pub(f)->fd, ret, err;
	struct ivi_fd *other = fdmap_get(&kq->map, (uintptr_t)number);
	enum mode in = read_mode(f), out = write_mode(f);
	bool broken;

	if (other != NULL && other != f && still_there(kq, other))
		return -EEXIST;
	ret = set_except_now(kq, f);
	if (ret < 0)
		return ret;
	ret = set_now(kq, f, READ_SHIFT, &in);
	err = set_now(kq, f, WRITE_SHIFT, &out);
	broken = is_broken_pipe(f, WRITE_SHIFT, err);
	agree(kq, f, in, out);
	/* Knowing one direction is not the same as being short of memory. */
	if (passes(ret) || passes(err) ||
	    (in == OFF && out == OFF && !broken)) {
		unset_except(kq, f);
		return passes(ret) || (ret < 0 && !passes(err)) ? ret : err;
	}
	if (broken)
		f->armed |= IVI_STALE;
	return fdmap_put(&kq->map, number, f);
}

static int kq_apply(struct ivi_poller *p, struct ivi_fd *f)
{
	struct kq *kq = (struct kq *)p;

	if (f->flags & IVI_FD_GONE) {
		drop(kq, f);
		fdmap_drop(&kq->map, ivi_fd_pub(f)->fd, f);
		return 0;
	}
	return f->flags & IVI_FD_PROBE ? register_now(kq, f) : enqueue(kq, f);
}

/* ---- The timer ------------------------------------------------------------------ */

/* Told in milliseconds from now, or not at all if AT has come. */
static void set_timer(struct kq *kq, int64_t at)
{
	int64_t left = ivi_ns_left(at, ivi_clock_ns());

	kq->timer_due = left == 0;
	kq->timer_set = left > 0;
	if (left == 0)
		return;
	left = ((left < DAY ? left : DAY) + MS - 1) / MS;
	EV_SET(&kq->changes[kq->used], TIMER_IDENT, EVFILT_TIMER,
	       EV_ADD | EV_ENABLE | EV_ONESHOT, 0, left, 0);
	kq->used++;
}

static int kq_arm(struct ivi_poller *p, int64_t at)
{
	struct kq *kq = (struct kq *)p;
	int ret = reserve(kq, 2);

	if (ret < 0)
		return ret;
	if (kq->timer_set) {
		EV_SET(&kq->changes[kq->used], TIMER_IDENT, EVFILT_TIMER,
		       EV_DELETE, 0, 0, 0);
		kq->used++;
	}
	kq->timer_set = kq->timer_due = false;
	if (at != IVI_NEVER)
		set_timer(kq, at);
	return 0;
}

/* ---- Events --------------------------------------------------------------------- */

/* The kernel is to be asked afresh before the next wait. */
static void ask_again(struct kq *kq, struct ivi_fd *f)
{
	f->armed |= IVI_STALE;
	ivi_poller_update(&kq->p, f);
}

/*
 * Has the direction that KEV is not about ended, too?  A queue of its own is
 * asked, since only there this is the only answer.  Lack of memory passes,
 * while the event will not come again.
 */
static bool other_ended(struct kq *kq, const struct kevent *kev)
{
	struct kevent ask, ev;
	unsigned tries = 0;
	int n;

	EV_SET(&ask, kev->ident, kev->filter == EVFILT_READ ? EVFILT_WRITE :
	       EVFILT_READ, EV_ADD | EV_ONESHOT, 0, 0, 0);
	do {
		n = call(kq->scratch, &ask, 1, &ev);
		if (n == 1 && ev.flags & EV_ERROR)
			n = (int)-ev.data;
		if (passes(n))
			ivi_relax(tries++);
	} while (passes(n));
	if (n == 0) {
		ask.flags = EV_DELETE;
		call(kq->scratch, &ask, 1, NULL);
	}
	return n == 1 && ev.flags & EV_EOF;
}

/* An error, or both directions finished. */
static bool hung_up(struct kq *kq, const struct kevent *kev)
{
	int fd = (int)kev->ident;

	if (kev->flags & EV_EOF)
		return kev->fflags != 0 || !ivi_fd_is_socket(fd) ||
		       other_ended(kq, kev);
	return kev->data == 0 && ivi_fd_has_error(fd);
}

/* Is there something to read or write, too? */
static bool tells_data(const struct kevent *kev, const struct ivi_fd *f,
		       enum mode mode)
{
	return mode == LEVEL || (f->flags & IVI_FD_EDGE &&
		!(f->index == WRITE_END && kev->filter == EVFILT_READ));
}

static unsigned bands_of(struct kq *kq, const struct kevent *kev,
			 const struct ivi_fd *f, enum mode mode)
{
	unsigned band = kev->filter == EVFILT_READ ? IVI_IN : IVI_OUT;

	/* Most often: whoever wants no other is told the same anyway. */
	if (mode == LEVEL && !(f->wanted & ~band))
		return band;
	if (ivi_unlikely(kev->flags & EV_EOF || kev->data == 0) &&
	    hung_up(kq, kev))
		return IVI_BANDS;
	return tells_data(kev, f, mode) ? band : 0;
}

static void decode(struct kq *kq, const struct kevent *kev)
{
	struct ivi_fd *f = fdmap_get(&kq->map, kev->ident);
	unsigned bands;
	enum mode mode;

	if (f == NULL)
		return;
	mode = mode_of(f, kev->filter == EVFILT_READ ? READ_SHIFT :
		       WRITE_SHIFT);
	bands = bands_of(kq, kev, f, mode);
	/* The kernel has not been told that nothing is wanted any more. */
	if (ivi_unlikely(f->wanted == 0) && f->flags & IVI_FD_EDGE)
		ivi_missed(f, bands);
	if (bands == 0 || f->wanted == 0)
		return;
	if (mode == EDGE && !(f->flags & IVI_FD_EDGE))
		ask_again(kq, f);
	ivi_ready(&kq->p, f, bands);
}

/* There, or refused where nobody waits for an answer: then without. */
static void take_except(struct kq *kq, const struct kevent *kev)
{
	struct ivi_fd *f = fdmap_get(&kq->map, kev->ident);

	if (f == NULL)
		return;
	if (!(kev->flags & EV_ERROR)) {
		if (f->wanted & IVI_ERR)
			ivi_ready(&kq->p, f, IVI_ERR);
	} else if (passes((int)-kev->data)) {
		kq->lacking = true;
		ivi_poller_ask(&kq->p, f);
		ask_again(kq, f);
	} else if (kev->data != ENOENT && f->wanted != 0) {
		f->flags &= (uint16_t)~IVI_FD_PRI;
		ivi_ready(&kq->p, f, IVI_BANDS);
	}
}

/* A change of a filter was refused.  Deletions come too late at times. */
static void refused(struct kq *kq, const struct kevent *kev)
{
	int shift = kev->filter == EVFILT_READ ? READ_SHIFT : WRITE_SHIFT;
	struct ivi_fd *f = fdmap_get(&kq->map, kev->ident);
	int err = (int)-kev->data;
	enum mode other;
	bool broken;

	if (f == NULL || mode_of(f, shift) == OFF || err == -ENOENT)
		return;
	other = mode_of(f, READ_SHIFT + WRITE_SHIFT - shift);
	set_mode(f, shift, OFF);
	if (passes(err)) {
		kq->lacking = true;
		ivi_poller_ask(&kq->p, f);
		ask_again(kq, f);
		return;
	}
	if (shift == READ_SHIFT && f->index == WRITE_END)
		return;
	broken = is_broken_pipe(f, shift, err);
	/* Edges are asked of both directions, and one may have no other. */
	if (f->flags & IVI_FD_EDGE && !broken && other != OFF)
		return;
	ivi_ready(&kq->p, f, IVI_BANDS);
	if (broken && !(f->flags & IVI_FD_EDGE))
		ask_again(kq, f);
}

static void take(struct kq *kq, const struct kevent *kev)
{
	if (kev->filter == EVFILT_TIMER)
		kq->timer_due = true;	/* refused or early: the core's task */
	else if (EXCEPT_CAPS != 0 && kev->filter == EVFILT_EXCEPT)
		take_except(kq, kev);
	else if (kev->filter != EVFILT_READ && kev->filter != EVFILT_WRITE)
		return;		/* awake: that is all it is for */
	else if (ivi_unlikely(kev->flags & EV_ERROR))
		refused(kq, kev);
	else
		decode(kq, kev);
}

/* All changes have been made even if a signal ends the call. */
static int exchange(struct kq *kq, const struct timespec *ts)
{
	int n = kevent(kq->fd, kq->changes, kq->used, kq->events, kq->room,
		       ts);

	if (n < 0 && (errno == ENOMEM || errno == EAGAIN)) {
		kq->lacking = true;
		return 0;
	}
	if (n < 0 && errno != EINTR)
		iv_fatal("iv_main: kevent: %s", ivi_errname(errno));
	kq->used = 0;
	return n;
}

/* True if changes were refused: then events are yet to be asked for. */
static bool take_all(struct kq *kq, int n)
{
	bool refused = false;
	int i;

	for (i = 0; i < n; i++) {
		refused |= kq->events[i].flags & EV_ERROR;
		take(kq, &kq->events[i]);
	}
	return refused;
}

static unsigned kq_wait(struct ivi_poller *p, int64_t until)
{
	static const struct timespec zero;
	struct kq *kq = (struct kq *)p;
	struct timespec ts = { 0, 0 };
	int64_t left;

	if (kq->timer_due)
		until = IVI_NOW;
	if (until != IVI_NOW && until != IVI_NEVER) {
		left = ivi_ns_left(until, ivi_clock_ns());
		ts = ivi_ns_to_ts(left < DAY ? left : DAY);
	}
	if (take_all(kq, exchange(kq, until == IVI_NEVER ? NULL : &ts)))
		take_all(kq, exchange(kq, &zero));
	if (ivi_unlikely(kq->lacking))
		ivi_nap(RETRY_NS);
	kq->lacking = false;
	if (!kq->timer_due)
		return 0;
	kq->timer_due = kq->timer_set = false;
	return IVI_WOKE_TIMER;
}

/* ---- Waking ------------------------------------------------------------------------ */

#ifdef EVFILT_USER
static int kq_wake_open(struct ivi_poller *p)
{
	struct kevent kev;

	EV_SET(&kev, WAKE_IDENT, EVFILT_USER, EV_ADD | EV_ENABLE | EV_CLEAR,
	       0, 0, 0);
	return change((struct kq *)p, &kev);
}

static void kq_wake(struct ivi_poller *p)
{
	struct kevent kev;
	unsigned n = 0;
	int ret;

	EV_SET(&kev, WAKE_IDENT, EVFILT_USER, 0, NOTE_TRIGGER, 0, 0);
	while ((ret = change((struct kq *)p, &kev)) < 0) {
		if (!passes(ret))
			iv_fatal("iv_event_post: kevent: %s",
				 ivi_errname(-ret));
		ivi_relax(n++);
	}
}
#endif

/* ---- Life ---------------------------------------------------------------------------- */

static void free_memory(struct kq *kq)
{
	fdmap_clear(&kq->map);
	ivi_free(kq->changes);
	ivi_free(kq->events);
	kq->changes = kq->events = NULL;
	kq->used = kq->room = 0;
}

static int open_queue(int *fd)
{
	*fd = kqueue();
	return *fd < 0 ? -errno : ivi_fd_cloexec(*fd);
}

static void close_queues(struct kq *kq)
{
	if (kq->fd >= 0)
		ivi_close(kq->fd);
	if (kq->scratch >= 0)
		ivi_close(kq->scratch);
}

static int kq_open(struct ivi_poller *p)
{
	struct kq *kq = (struct kq *)p;
	int ret = reserve(kq, FIRST_ROOM);

	kq->fd = kq->scratch = -1;
	kq->timer_set = kq->timer_due = false;
	if (ret == 0)
		ret = fdmap_put(&kq->map, 0, NULL);
	if (ret == 0)
		ret = open_queue(&kq->fd);
	if (ret == 0)
		ret = open_queue(&kq->scratch);
	if (ret < 0) {
		close_queues(kq);
		free_memory(kq);
	}
	return ret;
}

/* A forked child does not have the numbers, or has them for something else. */
static void kq_close(struct ivi_poller *p)
{
	struct kq *kq = (struct kq *)p;

	if (p->generation == ivi_fork_generation())
		close_queues(kq);
	free_memory(kq);
}

static int kq_descriptor(struct ivi_poller *p)
{
	return ((struct kq *)p)->fd;
}

const struct ivi_poll_method ivi_poll_kqueue = {
	.name = "kqueue",
	.caps = IVI_CAP_EDGE | IVI_CAP_STAGES | EXCEPT_CAPS,
	.size = sizeof(struct kq),
	.open = kq_open,
	.close = kq_close,
	.apply = kq_apply,
	.wait = kq_wait,
	.arm = kq_arm,
	.descriptor = kq_descriptor,
#ifdef EVFILT_USER
	.wake_open = kq_wake_open,
	.wake = kq_wake,
#endif
};

#else
IVI_METHOD_ABSENT(kqueue);
#endif
