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
 *  - An entry is known by file and number, so one number may have several.
 *  - epoll_pwait2 (Linux 5.11) is refused with ENOSYS by older kernels, and
 *    by filters that do not know it with any error.
 *
 * Unregistering takes nothing out of the set: close(2), which mostly follows,
 * does that.  Entries tell number and generation of the iv_fd they were made
 * for, never a pointer, so one that is left is recognised when it fires, which
 * it does once: then it is taken out, if it was not closed.  If that cannot be
 * done, because its file lives on in duplicates or in another process, there
 * will be more of the kind: the loop makes a new set, and from then on deletes
 * entries when they are unregistered.
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
#include "sys/race.h"
#include "sys/sys.h"

/* In `armed'. */
#define PRESENT		0x10	/* in the kernel's set */
#define ONESHOT		0x20	/* as EPOLLONESHOT: armed or muted */
#define SUSPENDS	0x40	/* habit: is suspended when it has fired */
#define MUTED		(PRESENT | ONESHOT | SUSPENDS)

/* After a look in vain, so many are armed without one. */
#define LOOK_AGAIN	16

static int ctl(struct ep *ep, int op, int number, uint32_t events,
	       uint32_t generation)
{
	struct epoll_event ev = {
		.events = events,
		.data = ep_data(number, generation),
	};
	int ret;

	do {
		ret = epoll_ctl(ep->fd, op, number, &ev);
	} while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : 0;
}

static uint32_t special_events_of(const struct ivi_fd *f)
{
	return (f->flags & IVI_FD_EDGE ? (uint32_t)EPOLLET : 0) |
	       (f->flags & IVI_FD_EXCLUSIVE ? (uint32_t)EPOLLEXCLUSIVE : 0) |
	       ((f->flags & IVI_FD_PRI) && (f->wanted & IVI_ERR) ?
		(uint32_t)EPOLLPRI : 0);
}

static uint32_t events_of(const struct ivi_fd *f, bool oneshot)
{
	uint32_t events = (f->wanted & IVI_IN ? (uint32_t)EPOLLIN : 0) |
			  (f->wanted & IVI_OUT ? (uint32_t)EPOLLOUT : 0) |
			  (oneshot ? (uint32_t)EPOLLONESHOT : 0);

	if (ivi_unlikely(f->flags & (IVI_FD_EDGE | IVI_FD_EXCLUSIVE |
				     IVI_FD_PRI)))
		events |= special_events_of(f);
	return events;
}

static int change(struct ep *ep, int op, struct ivi_fd *f, uint32_t events)
{
	return ctl(ep, op, ivi_fd_pub(f)->fd, events, f->generation);
}

static void next_generation(struct ep *ep, struct ivi_fd *f)
{
	if (++ep->generation < EP_FIRST)
		ep->generation = EP_FIRST;
	f->generation = ep->generation;
}

/* There may be an entry already, one that unregistering has left: it becomes
   F's. */
static int enter(struct ep *ep, struct ivi_fd *f, uint32_t events)
{
	int ret = -ENOENT;

	if (f->flags & IVI_FD_EXCLUSIVE)
		change(ep, EPOLL_CTL_DEL, f, 0);
	else if (f->flags & IVI_FD_AGAIN)
		ret = change(ep, EPOLL_CTL_MOD, f, events);
	if (ret == -ENOENT)
		ret = change(ep, EPOLL_CTL_ADD, f, events);
	if (ret == -EEXIST)
		ret = change(ep, EPOLL_CTL_MOD, f, events);
	return ret;
}

/* It is in the set: so it has to be in the map, or out of both. */
static inline int note(struct ep *ep, struct ivi_fd *f)
{
	int number = ivi_fd_pub(f)->fd, ret;

	if (ivi_likely((size_t)number < ep->map.size)) {
		ep->map.fd[number] = f;
		return 0;
	}
	ret = fdmap_put(&ep->map, number, f);
	if (ret < 0 && ctl(ep, EPOLL_CTL_DEL, number, 0, 0) < 0)
		ivi_poller_reopen(&ep->p);
	return ret;
}

/*
 * If somebody else has the number, the kernel tells whether he was closed or F
 * is a mistake: EEXIST.  Lack of room for entries (ENOSPC, max_user_watches)
 * may be the fault of those that were left: then a new set has more of it.
 */
static int add(struct ep *ep, struct ivi_fd *f, uint32_t events)
{
	int number = ivi_fd_pub(f)->fd, ret;
	struct ivi_fd *other = fdmap_get(&ep->map, (uintptr_t)number);

	next_generation(ep, f);
	if (other != NULL && other != f && other != &ep->nobody)
		ret = change(ep, EPOLL_CTL_ADD, f, events);
	else
		ret = enter(ep, f, events);
	f->flags &= (uint16_t)~IVI_FD_AGAIN;
	if (ret == 0)
		return note(ep, f);
	if (ret != -ENOSPC || !ep->left)
		return ret;
	ep->eager = true;
	ivi_poller_reopen(&ep->p);
	return ep->p.closed ? -EMFILE : add(ep, f, events);
}

/* An entry that has vanished was closed, and its number opened again. */
static int set(struct ep *ep, struct ivi_fd *f, bool oneshot)
{
	uint32_t events = events_of(f, oneshot);
	int ret = -ENOENT;

	if (f->armed & PRESENT)
		ret = change(ep, EPOLL_CTL_MOD, f, events);
	if (ret == -ENOENT)
		ret = add(ep, f, events);
	if (ret < 0)
		return ret;
	f->armed = (uint8_t)(PRESENT | f->wanted | (f->armed & SUSPENDS) |
			     (oneshot ? ONESHOT : 0));
	return 0;
}

/* Mostly close(2) follows, which does the kernel's part. */
static void drop(struct ep *ep, struct ivi_fd *f)
{
	int number = ivi_fd_pub(f)->fd;

	f->armed = 0;
	ep->map.fd[number] = &ep->nobody;
	if (ep->eager || (f->flags & IVI_FD_EXCLUSIVE))
		ctl(ep, EPOLL_CTL_DEL, number, 0, 0);
	else
		ep->left = true;
}

/*
 * An entry that speaks for nobody any more.  If its file is not what has the
 * number now, a duplicate keeps it alive, and no call can take it out.
 */
static __attribute__((noinline, cold)) void stale(struct ep *ep, int number)
{
	int ret = -ENOENT;

	if (ep->map.fd[number] == &ep->nobody) {
		ivi_race_look_away();
		ret = ctl(ep, EPOLL_CTL_DEL, number, 0, 0);
		ivi_race_look_again();
	}
	if (ret < 0)
		ep->eager = ep->broken = true;
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

/* An entry of this kind cannot be changed, nor be one-shot, and in a loop that
   does not want it it would swallow what another one could have had. */
static int apply_exclusive(struct ep *ep, struct ivi_fd *f)
{
	int ret = 0;

	if (f->armed & PRESENT)
		drop(ep, f);
	if (f->wanted != 0 || (f->flags & IVI_FD_PROBE))
		ret = set(ep, f, false);
	if (ret == 0 && f->wanted == 0)
		drop(ep, f);
	return ret;
}

int ep_apply(struct ivi_poller *p, struct ivi_fd *f)
{
	struct ep *ep = (struct ep *)p;

	if (f->flags & IVI_FD_GONE) {
		if (f->armed & PRESENT)
			drop(ep, f);
		return 0;
	}
	if (f->flags & IVI_FD_EXCLUSIVE)
		return apply_exclusive(ep, f);
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
		ep->broken = true;
}

static inline unsigned bands_of(uint32_t events)
{
	if (ivi_likely(events == EPOLLIN))
		return IVI_IN;
	if (events & (EPOLLERR | EPOLLHUP))
		return IVI_BANDS;
	return (events & EPOLLIN ? IVI_IN : 0U) |
	       (events & EPOLLOUT ? IVI_OUT : 0U) |
	       (events & EPOLLPRI ? IVI_ERR : 0U);
}

static inline void decode(struct ep *ep, struct ivi_fd *f, uint32_t events)
{
	if (ivi_unlikely(f->wanted == 0)) {
		if (f->flags & IVI_FD_EDGE)
			ivi_missed(f, bands_of(events));
		else
			mute(ep, f);
		return;
	}
	ivi_ready(&ep->p, f, bands_of(events));
	if (f->armed & ONESHOT) {
		f->armed = (uint8_t)((f->armed & ~IVI_BANDS) | IVI_STALE);
		ivi_poller_update(&ep->p, f);
	}
}

/* True if there is a new set: all are queued for it in the next turn. */
static bool mended(struct ep *ep)
{
	if (ivi_likely(!ep->broken))
		return false;
	ep->broken = false;
	ivi_poller_reopen(&ep->p);
	return true;
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
		} else if (change(ep, EPOLL_CTL_MOD, f,
				  events_of(f, true)) < 0) {
			ep->broken = true;
		}
	}
	if (mended(ep)) {
		ep->skip_wait = true;	/* nothing is in it yet */
		return;
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
	if (n >= 0 || !ivi_absent(errno))
		return n;
	ep->no_pwait2 = true;
#endif
	return sleep_ms(ep, left);
}

/* The bytes `wanted', `armed' and `ready', and the one after them. */
static inline uint32_t bytes(uint8_t wanted, uint8_t armed, uint8_t ready)
{
	const uint8_t byte[4] = { wanted, armed, ready, 0 };
	uint32_t word;

	memcpy(&word, byte, sizeof(word));
	return word;
}

/* IN is wanted, it is not one-shot, and not reported yet: at once. */
static inline bool is_plain(const struct ivi_fd *f)
{
	uint32_t word;

	memcpy(&word, &f->wanted, sizeof(word));
	return (word & bytes(IVI_IN, ONESHOT, 0xff)) == bytes(IVI_IN, 0, 0);
}

_Static_assert(offsetof(struct ivi_fd, armed) ==
	       offsetof(struct ivi_fd, wanted) + 1 &&
	       offsetof(struct ivi_fd, ready) ==
	       offsetof(struct ivi_fd, wanted) + 2, "see bytes()");

/* Apart, so that take() need not have the events in a register. */
static __attribute__((noinline))
void decode_event(struct ep *ep, struct ivi_fd *f, const struct epoll_event *ev)
{
	decode(ep, f, ev->events);
}

/* IVI_WOKE_* */
static unsigned take(struct ep *ep, int n)
{
	struct ivi_fd *const *map = ep->map.fd;
	const struct epoll_event *ev = ep->batch, *end = ev + n;
	unsigned woke = 0;

	for (; ev < end; ev++) {
		struct ivi_fd *f;
		struct ep_token t;

		memcpy(&t.number, (const char *)&ev->data, 4);
		memcpy(&t.generation, (const char *)&ev->data + 4, 4);
		f = map[t.number];
		if (ivi_likely(f->generation == t.generation)) {
			if (ivi_likely(ev->events == EPOLLIN && is_plain(f)))
				ivi_ready_first(&ep->p, f, IVI_IN);
			else
				decode_event(ep, f, ev);
		}
		else if (t.generation == EP_TIMER)
			woke |= IVI_WOKE_TIMER;
		else
			stale(ep, (int)t.number);
	}
	return woke;
}

unsigned ep_wait(struct ivi_poller *p, int64_t until)
{
	struct ep *ep = (struct ep *)p;
	int64_t left = until;
	unsigned woke;
	int n;

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
	if (n <= 0)
		return 0;
	woke = take(ep, n);
	mended(ep);
	return woke;
}

/* ---- For hosts ------------------------------------------------------------ */

/* Those who watch the set would not notice that there is a new one, so they
   get one that stays, with the set in it. */
static int show(struct ep *ep)
{
	struct epoll_event ev = { .events = EPOLLIN };

	if (ep->outer < 0)
		ep->outer = epoll_create1(EPOLL_CLOEXEC);
	if (ep->outer < 0 ||
	    epoll_ctl(ep->outer, EPOLL_CTL_ADD, ep->fd, &ev) < 0)
		return -errno;
	return 0;
}

/* In a forked child the outer set is the parent's. */
static void hide(struct ep *ep)
{
	if (ep->p.ending || ep->p.generation != ivi_fork_generation()) {
		if (ep->outer >= 0)
			ivi_close(ep->outer);
		ep->outer = -1;
	} else {
		epoll_ctl(ep->outer, EPOLL_CTL_DEL, ep->fd, NULL);
	}
}

int ep_descriptor(struct ivi_poller *p)
{
	struct ep *ep = (struct ep *)p;
	int ret;

	if (ep->shown)
		return ep->outer;
	ep->outer = -1;
	ret = show(ep);
	if (ret < 0 && ep->outer >= 0)
		ivi_close(ep->outer);
	ep->shown = ret == 0;
	return ret < 0 ? ret : ep->outer;
}

/* ---- Life ----------------------------------------------------------------- */

static int open_set(struct ep *ep)
{
	int ret = 0;

	ep->fd = epoll_create1(EPOLL_CLOEXEC);
	if (ep->fd < 0)
		return -errno;
	if (ep->shown)
		ret = show(ep);
	if (ret < 0)
		ivi_close(ep->fd);
	return ret;
}

int ep_open(struct ivi_poller *p)
{
	struct ep *ep = (struct ep *)p;
	int ret = fdmap_put(&ep->map, 0, &ep->nobody);

	if (ret < 0)
		return ret;
	ep->nobody.generation = EP_NOBODY;
	ep->timer_fd = -1;
	ep->resumed = 0;
	ep->left = ep->broken = ep->skip_wait = false;
	ret = open_set(ep);
	if (ret < 0)
		fdmap_clear(&ep->map);
	return ret;
}

void ep_close(struct ivi_poller *p)
{
	struct ep *ep = (struct ep *)p;

	if (ep->timer_fd >= 0)
		ivi_close(ep->timer_fd);
	if (ep->shown)
		hide(ep);
	ivi_close(ep->fd);
	ep->timer_fd = ep->fd = -1;
	fdmap_clear(&ep->map);
}

bool ep_lost(struct ivi_poller *p, struct ivi_fd *f)
{
	struct ep *ep = (struct ep *)p;

	return (f->armed & PRESENT) &&
	       change(ep, EPOLL_CTL_MOD, f, events_of(f, true)) == -ENOENT;
}

const struct ivi_poll_method ivi_poll_epoll = {
	.name = "epoll",
	.caps = IVI_CAP_EDGE | IVI_CAP_PRI | IVI_CAP_EPERM,
	.size = sizeof(struct ep),
	.zeroed = offsetof(struct ep, resume),
	.open = ep_open,
	.close = ep_close,
	.apply = ep_apply,
	.lost = ep_lost,
	.look = ep_look,
	.wait = ep_wait,
	.descriptor = ep_descriptor,
};

#else
IVI_METHOD_ABSENT(epoll);
#endif
