/* SPDX-License-Identifier: MIT */
/*
 * epoll.c - Linux epoll(7).
 *
 * Kernel facts leaned on, all in epoll_ctl(2) and fs/eventpoll.c:
 *  - EPOLLERR and EPOLLHUP are reported whether asked for or not, unless an
 *    EPOLLONESHOT entry has fired: that one stays in the set and keeps quiet
 *    until EPOLL_CTL_MOD, which also looks at the descriptor afresh.
 *  - A closed descriptor leaves the set by itself only when the last
 *    duplicate of it is closed; until then its entry reports events, and
 *    EPOLL_CTL_DEL cannot reach it any more.
 *  - epoll_pwait2 (Linux 5.11) is refused with ENOSYS by older kernels and
 *    with EPERM by container filters that do not know it.
 *
 * Suspending a descriptor (no handlers for a while) costs nothing by itself:
 * its entry stays armed, and only if it fires in that state it is muted.  A
 * descriptor that was caught so is armed with EPOLLONESHOT next time, so that
 * from then on suspending and resuming cost a single EPOLL_CTL_MOD; the first
 * event after which its handlers stay set ends that habit.
 *
 * Often it is ready again when it is resumed, as a server's sources are under
 * load.  So one poll(2), of all those that are to be resumed and of the set,
 * first looks for that: it then takes the place of an EPOLL_CTL_MOD for each
 * and of the wait.
 */
#include "config.h"
#include "loop/poll_method.h"

#ifdef HAVE_EPOLL

#include <poll.h>
#include "poll/epoll.h"
#include "sys/sys.h"

/* In `armed'. */
#define PRESENT		0x10	/* in the kernel's set */
#define ONESHOT		0x20	/* as EPOLLONESHOT: armed or muted */
#define SUSPENDS	0x40	/* habit: is suspended when it has fired */
#define MUTED		(PRESENT | ONESHOT | SUSPENDS)

/* After a look in vain, so many are armed without one. */
#define LOOK_AGAIN	16

static int ctl(struct ep *ep, int op, struct ivi_fd *f, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = f };
	int ret;

	do {
		ret = epoll_ctl(ep->fd, op, ivi_fd_pub(f)->fd, &ev);
	} while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : 0;
}

static uint32_t events_of(const struct ivi_fd *f, bool oneshot)
{
	return (f->wanted & IVI_IN ? (uint32_t)EPOLLIN : 0) |
	       (f->wanted & IVI_OUT ? (uint32_t)EPOLLOUT : 0) |
	       (f->flags & IVI_FD_EDGE ? (uint32_t)EPOLLET : 0) |
	       (oneshot ? (uint32_t)EPOLLONESHOT : 0);
}

/*
 * Adds or modifies.  An entry that has vanished was closed, and its number
 * opened again: it is added anew, to a new set, because a duplicate of the
 * old descriptor may still speak for it in this one.
 */
static int set(struct ep *ep, struct ivi_fd *f, bool oneshot)
{
	uint32_t events = events_of(f, oneshot);
	bool present = f->armed & PRESENT;
	int ret;

	ret = ctl(ep, present ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, f, events);
	if (ivi_unlikely(present && ret == -ENOENT)) {
		ivi_poller_reopen(&ep->p);
		ret = ep->p.closed ? -EMFILE :
		      ctl(ep, EPOLL_CTL_ADD, f, events);
	}
	if (ret < 0)
		return ret;
	f->armed = (uint8_t)(PRESENT | f->wanted | (f->armed & SUSPENDS) |
			     (oneshot ? ONESHOT : 0));
	return 0;
}

static void drop(struct ep *ep, struct ivi_fd *f)
{
	int ret = ctl(ep, EPOLL_CTL_DEL, f, 0);

	f->armed = 0;
	if (ret < 0)
		ivi_poller_reopen(&ep->p);
}

/* True if F is muted and being resumed, and may be ready: a look that found
   none ready casts doubt on the next ones. */
static bool look_first(struct ep *ep, const struct ivi_fd *f)
{
	if ((f->armed & (MUTED | IVI_BANDS | IVI_STALE)) != MUTED ||
	    (f->flags & IVI_FD_EDGE) || ep->resumed == EP_LOOK)
		return false;
	if (ep->doubt == 0)
		return true;
	ep->doubt--;
	return false;
}

int ep_apply(struct ivi_poller *p, struct ivi_fd *f)
{
	struct ep *ep = (struct ep *)p;

	if (f->flags & IVI_FD_GONE) {
		if (f->armed & PRESENT)
			drop(ep, f);
		return 0;
	}
	if (f->wanted == 0 && !(f->flags & IVI_FD_PROBE)) {
		f->armed &= (uint8_t)~IVI_STALE;
		return 0;
	}
	if (look_first(ep, f)) {
		ep->resume[ep->resumed++] = f;
		f->armed |= f->wanted;
		return 0;
	}
	if (f->armed & IVI_STALE)
		f->armed &= (uint8_t)~(IVI_STALE | SUSPENDS);
	return set(ep, f, f->wanted == 0 || (f->armed & SUSPENDS));
}

/* An event for a suspended descriptor: no more of them. */
static void mute(struct ep *ep, struct ivi_fd *f)
{
	if (f->armed & ONESHOT) {
		f->armed &= (uint8_t)~IVI_BANDS;
		return;
	}
	f->armed |= SUSPENDS;
	if (set(ep, f, true) < 0)
		ivi_poller_reopen(&ep->p);
}

static inline unsigned bands_of(uint32_t events)
{
	if (ivi_likely(events == EPOLLIN))
		return IVI_IN;
	if (events & (EPOLLERR | EPOLLHUP))
		return IVI_BANDS;
	return (events & EPOLLIN ? IVI_IN : 0U) |
	       (events & EPOLLOUT ? IVI_OUT : 0U);
}

static inline void decode(struct ep *ep, struct ivi_fd *f, uint32_t events)
{
	if (ivi_unlikely(f->wanted == 0)) {
		mute(ep, f);
		return;
	}
	ivi_ready(&ep->p, f, bands_of(events));
	if (f->armed & ONESHOT) {
		f->armed = (uint8_t)((f->armed & ~IVI_BANDS) | IVI_STALE);
		ivi_poller_update(&ep->p, f);
	}
}

static int look(struct ep *ep, struct pollfd *pf)
{
	unsigned i;

	pf[0].fd = ep->fd;
	pf[0].events = POLLIN;
	for (i = 0; i < ep->resumed; i++) {
		pf[i + 1].fd = ivi_fd_pub(ep->resume[i])->fd;
		pf[i + 1].events = (short)events_of(ep->resume[i], false);
	}
	return poll(pf, ep->resumed + 1, 0);
}

/*
 * Arms what was resumed and is not ready.  If something is, and the set has
 * nothing, the wait is left out.
 */
static __attribute__((noinline)) void look_at_resumed(struct ep *ep)
{
	struct pollfd pf[EP_LOOK + 1];
	unsigned i, n = ep->resumed;
	bool found = false;
	int ret;

	ret = look(ep, pf);
	ep->resumed = 0;
	for (i = 0; i < n; i++) {
		struct ivi_fd *f = ep->resume[i];
		short got = ret > 0 ? pf[i + 1].revents : 0;

		if (got != 0 && !(got & POLLNVAL)) {
			decode(ep, f, (uint32_t)got);
			found = true;
		} else if (ctl(ep, EPOLL_CTL_MOD, f, events_of(f, true)) < 0) {
			/* All of them are queued for the next turn, which must
			   come: nothing is in the new set yet. */
			ivi_poller_reopen(&ep->p);
			ep->skip_wait = true;
			return;
		}
	}
	ep->doubt = found ? 0 : LOOK_AGAIN;
	ep->skip_wait = found && pf[0].revents == 0;
}

void ep_look(struct ivi_poller *p)
{
	struct ep *ep = (struct ep *)p;

	if (ep->resumed > 0)
		look_at_resumed(ep);
}

static int sleep_ms(struct ep *ep, int64_t left)
{
	return epoll_wait(ep->fd, ep->batch, EP_BATCH,
			  left == IVI_NEVER ? -1 : ivi_ns_to_ms(left));
}

/* LEFT: nanoseconds, or IVI_NEVER. */
static int sleep_ns(struct ep *ep, int64_t left)
{
#ifdef HAVE_EPOLL_PWAIT2
	struct timespec ts;
	int n;

	if (ep->no_pwait2 || left == IVI_NEVER)
		return sleep_ms(ep, left);
	ts = ivi_ns_to_ts(left);
	n = epoll_pwait2(ep->fd, ep->batch, EP_BATCH, &ts, NULL);
	if (n >= 0 || (errno != ENOSYS && errno != EPERM && errno != EINVAL))
		return n;
	ep->no_pwait2 = true;
#endif
	return sleep_ms(ep, left);
}

unsigned ep_wait(struct ivi_poller *p, int64_t until)
{
	struct ep *ep = (struct ep *)p;
	int64_t left = until;
	unsigned woke = 0;
	int i, n;

	if (ep->skip_wait) {
		ep->skip_wait = false;
		return 0;
	}
	if (until == IVI_NOW)
		left = 0;
	else if (until != IVI_NEVER)
		left = ivi_ns_left(until, ivi_clock_ns());
	n = left == 0 ? sleep_ms(ep, 0) : sleep_ns(ep, left);
	if (n < 0 && errno != EINTR)
		iv_fatal("iv_main: epoll_wait: %s", ivi_errname(errno));
	for (i = 0; i < n; i++) {
		if (ivi_unlikely(ep->batch[i].data.ptr == &ep->timer_fd))
			woke |= IVI_WOKE_TIMER;
		else
			decode(ep, ep->batch[i].data.ptr,
			       ep->batch[i].events);
	}
	return woke;
}

int ep_open(struct ivi_poller *p)
{
	struct ep *ep = (struct ep *)p;

	ep->timer_fd = -1;
	ep->resumed = 0;
	ep->skip_wait = false;
	ep->fd = epoll_create1(EPOLL_CLOEXEC);
	return ep->fd < 0 ? -errno : 0;
}

void ep_close(struct ivi_poller *p)
{
	struct ep *ep = (struct ep *)p;

	if (ep->timer_fd >= 0)
		close(ep->timer_fd);
	close(ep->fd);
	ep->timer_fd = ep->fd = -1;
}

const struct ivi_poll_method ivi_poll_epoll = {
	.name = "epoll",
	.caps = IVI_CAP_EDGE,
	.size = sizeof(struct ep),
	.zeroed = offsetof(struct ep, resume),
	.open = ep_open,
	.close = ep_close,
	.apply = ep_apply,
	.look = ep_look,
	.wait = ep_wait,
};

#else
IVI_METHOD_ABSENT(epoll);
#endif
