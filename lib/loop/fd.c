/* SPDX-License-Identifier: MIT */
/*
 * fd.c - descriptors.
 *
 * What the kernel would refuse is refused by the call that registers:
 * sockets and pipes are always pollable, so they are told to the kernel
 * together with other changes before the next wait; anything else, and any
 * number that seems to be registered already, is told at once.
 *
 * A number that is registered twice is either a mistake or a descriptor that
 * was closed and opened anew while the old iv_fd was still registered.  The
 * kernel knows which, if the method has a kernel object that was told of the
 * old one.  If it was not, its modes may tell; if they do not,
 * iv_fd_register() goes on, since to stop a program is worse, and
 * iv_fd_register_try() says EEXIST.  In the second case the old iv_fd is
 * detached for good, and just waits to be unregistered; so it is, with every
 * method, if the new descriptor is one that the loop has opened for itself.
 */
#include "loop/loop.h"

#include <string.h>

#define MISSED	(IVI_BANDS << IVI_FD_MISSED_SHIFT)

/* Flags of those that are not watched for what they have handlers for, or have
   to be called for other reasons. */
#define SPECIAL	(IVI_FD_GONE | IVI_FD_SUSPENDED | IVI_FD_ALL |		\
		 IVI_FD_EXCLUSIVE | MISSED)

#define KNOWN	(IV_FD_RAW | IV_FD_EDGE | IV_FD_EXCLUSIVE | IV_FD_NOREF |	\
		 IV_FD_ANY | IV_FD_PRI)

#define WORD_BITS	64
#define FIRST_WORDS	4

/* ---- Numbers in use -------------------------------------------------------- */

static bool number_used(const struct ivi_fds *fds, int fd)
{
	size_t word = (unsigned)fd / WORD_BITS;

	return word < fds->words &&
	       (fds->numbers[word] >> (unsigned)fd % WORD_BITS & 1);
}

static void number_clear(struct ivi_fds *fds, int fd)
{
	size_t word = (unsigned)fd / WORD_BITS;

	if (word < fds->words)
		fds->numbers[word] &=
			~(UINT64_C(1) << (unsigned)fd % WORD_BITS);
}

static __attribute__((noinline)) bool make_room(struct ivi_fds *fds, size_t word)
{
	size_t words = fds->words ? fds->words : FIRST_WORDS;
	uint64_t *grown;

	while (words <= word)
		words *= 2;
	grown = ivi_realloc(fds->numbers, words * sizeof(*grown));
	if (grown == NULL)
		return false;
	memset(grown + fds->words, 0, (words - fds->words) * sizeof(*grown));
	fds->numbers = grown;
	fds->words = words;
	return true;
}

/* Out of memory only means that a mistake is found later. */
static inline void number_set(struct ivi_fds *fds, int fd)
{
	size_t word = (unsigned)fd / WORD_BITS;

	if (ivi_likely(word < fds->words) || make_room(fds, word))
		fds->numbers[word] |= UINT64_C(1) << (unsigned)fd % WORD_BITS;
	else
		fds->uncounted = true;
}

void ivi_fds_fini(struct ivi_loop *loop)
{
	ivi_free(loop->fds.numbers);
	loop->fds.numbers = NULL;
	loop->fds.words = 0;
}

/* ---- What is to be called without being ready ------------------------------- */

/* BANDS are to be called in the next turn, or as soon as they can be. */
static void remind(struct ivi_loop *loop, struct ivi_fd *f, unsigned bands)
{
	unsigned now = f->flags & IVI_FD_SUSPENDED ? 0 :
		       bands & ivi_fd_bands(ivi_fd_pub(f));

	ivi_missed(f, bands & ~now);
	if (now != 0)
		ivi_poller_kick(loop->poller, f, now);
}

/* The same for those that were missed. */
static void recall(struct ivi_loop *loop, struct ivi_fd *f)
{
	unsigned missed = f->flags >> IVI_FD_MISSED_SHIFT & IVI_BANDS;

	f->flags &= (uint16_t)~MISSED;
	if (missed != 0)
		remind(loop, f, missed);
}

/* ---- Registering ------------------------------------------------------------ */

/* When the kernel is asked whether it takes a descriptor. */
enum when {
	LATER,		/* with the other changes, before the next wait */
	NOW,
	OURS,		/* now; the kernel has just given us its number */
	TRY		/* now, and nothing is to be taken for granted */
};

static int attach(struct ivi_loop *loop, struct iv_fd *fd, unsigned flags,
		  enum when when);

static struct ivi_fd *find_number(struct ivi_poller *p, int number)
{
	struct iv_list_head *lh;

	iv_list_for_each (lh, &p->all) {
		struct ivi_fd *f = iv_container_of(lh, struct ivi_fd, all);

		if (ivi_fd_pub(f)->fd == number)
			return f;
	}
	return NULL;
}

static int sync_probing(struct ivi_poller *p, struct ivi_fd *f)
{
	int ret;

	f->flags |= IVI_FD_PROBE;
	ret = ivi_poller_sync(p, f);
	f->flags &= (uint16_t)~IVI_FD_PROBE;
	return ret;
}

/* What the registered F made of its descriptor it still is. */
static bool looks_same(struct ivi_fd *f)
{
	int number = ivi_fd_pub(f)->fd;

	return ivi_fd_is_cloexec(number) && !ivi_fd_is_blocking(number);
}

static __attribute__((noinline))
void enter_special(struct ivi_loop *loop, struct ivi_fd *f)
{
	f->wanted = ivi_fd_wants(ivi_fd_pub(f));
	if (f->flags & IVI_FD_ALWAYS)
		remind(loop, f, IVI_IN | IVI_OUT);
}

static inline void enter(struct ivi_loop *loop, struct iv_fd *fd,
			 unsigned flags)
{
	struct ivi_fd *f = ivi_fd(fd);

	f->owner = loop;
	f->flags = (uint16_t)(flags | (f->flags & IVI_FD_GONE ?
				       IVI_FD_AGAIN : 0));
	f->wanted = ivi_fd_bands(fd);
	ivi_poller_add(loop->poller, f);
	if (ivi_unlikely(flags & (IVI_FD_ALL | IVI_FD_ALWAYS)))
		enter_special(loop, f);
}

/* RET: what the poller has said. */
static inline int entered(struct ivi_loop *loop, struct iv_fd *fd, int ret)
{
	if (ret < 0) {
		ivi_poller_remove(loop->poller, ivi_fd(fd));
		return ret;
	}
	number_set(&loop->fds, fd->fd);
	ivi_fd(fd)->state = IVI_FD_REGISTERED;
	return 0;
}

static __attribute__((noinline))
void count_detached(struct ivi_fds *fds, const struct iv_fd *fd, int n)
{
	fds->detached += n;
	if (!ivi_fd_holds(fd))
		fds->detached_unheld += n;
}

/* It was closed for certain. */
static void give_way(struct ivi_loop *loop, struct ivi_fd *other)
{
	ivi_poller_remove(loop->poller, other);
	count_detached(&loop->fds, ivi_fd_pub(other), 1);
}

/* FD has the number of OTHER. */
static int contend(struct ivi_loop *loop, struct iv_fd *fd, unsigned flags,
		   enum when when, struct ivi_fd *other)
{
	struct ivi_poller *p = loop->poller;
	int ret;

	if (p->method->caps & (IVI_CAP_EAGER | IVI_CAP_NUMBERS)) {
		if (when != OURS)
			return -EEXIST;
		give_way(loop, other);
		return attach(loop, fd, flags, when);
	}
	if (when == TRY && other->armed == 0 && looks_same(other))
		return -EEXIST;
	if (IVI_DEBUGGING && other->armed == 0)
		ivi_note("iv_fd_register: fd %d is registered with iv_fd %p, "
			 "too: taken to have been closed", fd->fd,
			 (const void *)ivi_fd_pub(other));
	enter(loop, fd, flags);
	ret = sync_probing(p, ivi_fd(fd));
	if (ret == 0) {
		other->armed = 0;
		give_way(loop, other);
	}
	return entered(loop, fd, ret);
}

static __attribute__((noinline))
int attach_known(struct ivi_loop *loop, struct iv_fd *fd, unsigned flags,
		 enum when when)
{
	struct ivi_fd *other = find_number(loop->poller, fd->fd);

	if (other != NULL)
		return contend(loop, fd, flags, when, other);
	number_clear(&loop->fds, fd->fd);
	return attach(loop, fd, flags, when);
}

static inline int attach_later(struct ivi_loop *loop, struct iv_fd *fd,
			       unsigned flags)
{
	if (ivi_unlikely(number_used(&loop->fds, fd->fd)))
		return attach_known(loop, fd, flags, LATER);
	enter(loop, fd, flags);
	ivi_poller_update(loop->poller, ivi_fd(fd));
	return entered(loop, fd, 0);
}

static int attach(struct ivi_loop *loop, struct iv_fd *fd, unsigned flags,
		  enum when when)
{
	if (when == LATER)
		return attach_later(loop, fd, flags);
	if (ivi_unlikely(number_used(&loop->fds, fd->fd)))
		return attach_known(loop, fd, flags, when);
	enter(loop, fd, flags);
	return entered(loop, fd, sync_probing(loop->poller, ivi_fd(fd)));
}

int ivi_fd_attach(struct ivi_loop *loop, struct iv_fd *fd, unsigned flags)
{
	return attach(loop, fd, flags, OURS);
}

void ivi_fd_detach(struct ivi_loop *loop, struct iv_fd *fd)
{
	struct ivi_fd *f = ivi_fd(fd);

	f->state = 0;
	if (loop->fds.first == f)
		loop->fds.first = NULL;
	if (f->flags & IVI_FD_GONE) {
		count_detached(&loop->fds, fd, -1);
		return;
	}
	number_clear(&loop->fds, fd->fd);
	ivi_poller_remove(loop->poller, f);
}

void ivi_fds_each(struct ivi_loop *loop, void (*handler)(void *),
		  void (*fn)(void *cookie))
{
	struct iv_list_head *all = &loop->poller->all, *last = all->prev;
	struct iv_list_head *lh, *next;

	for (lh = all->next; lh != all; lh = next) {
		struct iv_fd *fd = ivi_fd_pub(iv_container_of(lh,
						struct ivi_fd, all));

		/* What FN registers comes after the last one. */
		next = lh != last ? lh->next : all;
		if (fd->handler_in == handler)
			fn(fd->cookie);
	}
}

/* It says so, and the list agrees: it may be what an ended loop has left. */
bool ivi_fd_is_here(const struct iv_fd *fd)
{
	const struct iv_list_head *lh;

	if (!iv_fd_registered(fd))
		return false;
	iv_list_for_each (lh, &ivi_self()->poller->all)
		if (ivi_fd_pub(iv_container_of(lh, struct ivi_fd, all)) == fd)
			return true;
	return false;
}

/* Debug builds: programs that do not expect it do it all the time. */
static void note_blocking(int fd)
{
	static bool noted;

	if (!__atomic_load_n(&noted, __ATOMIC_RELAXED) &&
	    ivi_fd_is_blocking(fd)) {
		__atomic_store_n(&noted, true, __ATOMIC_RELAXED);
		ivi_note("iv_fd_register: fd %d becomes nonblocking, as every "
			 "descriptor that is registered", fd);
	}
}

/* Close-on-exec, nonblocking, and in-line urgent data.  1 if the descriptor
   is a socket, 0 if not, or a negative errno value.  LIKELY: the first two may
   well be set already, and to ask for that is cheaper than to set them. */
static int prepare(int fd, bool likely)
{
	int ret = 0;

	if (!likely || !ivi_fd_is_cloexec(fd))
		ret = ivi_fd_cloexec(fd);
	if (IVI_DEBUGGING && ret == 0)
		note_blocking(fd);
	if (ret == 0 && (!likely || ivi_fd_is_blocking(fd)))
		ret = ivi_fd_nonblock(fd);
	if (ret < 0)
		return ret;
	return ivi_fd_oob_inline(fd) != -ENOTSOCK;
}

static inline struct ivi_loop *check_register(const char *fn, const struct iv_fd *fd)
{
	struct ivi_loop *loop = ivi_loop_of_caller(fn);
	uint32_t state;

	ivi_check_object(fn, "iv_fd", fd);
	state = ivi_fd(fd)->state;
	if (state == IVI_FD_REGISTERED)
		iv_fatal("%s: fd %d is already registered [iv_fd %p]", fn,
			 fd->fd, (const void *)fd);
	ivi_check_new(fn, "iv_fd", fd, state, IVI_FD_REGISTERED);
	return loop;
}

static void refused(const struct iv_fd *fd, int err)
	__attribute__((noreturn, cold));

static void refused(const struct iv_fd *fd, int err)
{
	static const char fn[] = "iv_fd_register";

	if (err == -EBADF)
		iv_fatal("%s: fd %d is not open (EBADF) [iv_fd %p]", fn,
			 fd->fd, (const void *)fd);
	if (err == -EPERM)
		iv_fatal("%s: fd %d is %s, which %s cannot watch (EPERM); "
			 "iv_fd_register_try() reports that [iv_fd %p]", fn,
			 fd->fd, ivi_fd_kind(fd->fd),
			 iv_poll_method_name(), (const void *)fd);
	if (err == -EEXIST)
		iv_fatal("%s: fd %d is already registered with another iv_fd; "
			 "was it closed before iv_fd_unregister()? [iv_fd %p]",
			 fn, fd->fd, (const void *)fd);
	if (err == -EINVAL && (ivi_fd(fd)->options & IV_FD_EXCLUSIVE))
		iv_fatal("%s: fd %d: IV_FD_EXCLUSIVE is for handler_in and "
			 "handler_err only, without IV_FD_EDGE and IV_FD_PRI "
			 "[iv_fd %p]", fn, fd->fd, (const void *)fd);
	iv_fatal("%s: fd %d: %s [iv_fd %p]", fn, fd->fd, ivi_errname(-err),
		 (const void *)fd);
}

static bool surely_pollable(const struct ivi_loop *loop, int fd, bool socket)
{
	return socket || (loop->poller->method->caps & IVI_CAP_EAGER) ||
	       ivi_fd_is_fifo(fd);
}

/* ---- Dispatching ------------------------------------------------------------- */

/* Takes F, of which BAND is being called, off the ready list if that was all. */
static void step(struct ivi_loop *loop, struct ivi_fd *f, unsigned band)
{
	unsigned next = f->ready >> IVI_NEXT_SHIFT & IVI_BANDS;

	f->ready &= (uint8_t)~band;
	if (f->ready & IVI_BANDS)
		return;
	ivi_poller_drop_ready(loop->poller, f);
	if (next != 0)
		ivi_poller_kick(loop->poller, f, next);
	if ((f->flags & IVI_FD_ALWAYS) && !(f->options & IV_FD_EDGE))
		remind(loop, f, IVI_IN | IVI_OUT);
}

static enum ivi_probe probe_of(unsigned band)
{
	if (band == IVI_IN)
		return IVI_PROBE_IN;
	return band == IVI_OUT ? IVI_PROBE_OUT : IVI_PROBE_ERR;
}

/* Calls one handler of F, which stays on the ready list as long as there are
   more: a handler may unregister it, or run the loop. */
static __attribute__((noinline))
void call_one(struct ivi_loop *loop, struct ivi_fd *f)
{
	struct iv_fd *fd = ivi_fd_pub(f);
	bool keep = f->ready & IVI_KEEP || f->options & IV_FD_EDGE;
	void (*handler)(void *) = fd->handler_out;
	unsigned band = IVI_OUT;

	if (f->ready & IVI_ERR) {
		handler = fd->handler_err;
		band = IVI_ERR;
	} else if (f->ready & IVI_IN) {
		handler = fd->handler_in;
		band = IVI_IN;
	}
	step(loop, f, band);
	if (handler != NULL) {
		loop->fds.calls++;
		ivi_handler_call(&loop->meter, probe_of(band), fd, fd->fd,
				 handler, fd->cookie);
	} else if (keep) {
		ivi_missed(f, band);
	}
}

static void bad_memory(const struct ivi_fd *f)
	__attribute__((noreturn, cold, noinline));

static void bad_memory(const struct ivi_fd *f)
{
	ivi_bad_memory("iv_fd", ivi_fd_pub(f));
}

static inline struct ivi_fd *first_ready(const struct ivi_poller *p)
{
	return iv_container_of(p->ready.next, struct ivi_fd, ready_node);
}

/* Those that are called with their times taken. */
static __attribute__((noinline)) void dispatch_timed(struct ivi_loop *loop)
{
	while (ivi_poller_found(loop->poller)) {
		struct ivi_fd *f = first_ready(loop->poller);

		if (f->state != IVI_FD_REGISTERED)
			bad_memory(f);
		call_one(loop, f);
	}
}

static void dispatch(struct ivi_loop *loop)
{
	struct ivi_poller *p = loop->poller;

	while (ivi_poller_found(p)) {
		struct ivi_fd *f = first_ready(p);

		if (ivi_unlikely(f->state != IVI_FD_REGISTERED))
			bad_memory(f);
		if (ivi_unlikely(f->ready != IVI_IN ||
				 ivi_fd_pub(f)->handler_in == NULL)) {
			call_one(loop, f);
			continue;
		}
		ivi_poller_drop_ready(p, f);
		loop->fds.calls++;
		ivi_probe4(handler__begin, IVI_PROBE_IN, ivi_fd_pub(f),
			   ivi_fd_pub(f)->handler_in, ivi_fd_pub(f)->fd);
		ivi_fd_pub(f)->handler_in(ivi_fd_pub(f)->cookie);
		ivi_probe2(handler__end, IVI_PROBE_IN, ivi_fd_pub(f));
	}
}

void ivi_fds_dispatch(struct ivi_loop *loop)
{
	const struct ivi_fd *first;

	if (!ivi_poller_found(loop->poller))
		return;
	first = first_ready(loop->poller);
	if (ivi_unlikely(loop->fds.first == first))
		ivi_meter_again(loop, first);
	loop->fds.first = first;
	if (ivi_unlikely(loop->meter.timed))
		dispatch_timed(loop);
	else
		dispatch(loop);
}

/* ---- Debug builds ------------------------------------------------------------ */

static void note_fd(const struct ivi_fd *f, const char *what)
{
	const struct iv_fd *fd = ivi_fd_pub(f);

	ivi_note("%s: fd %d [iv_fd %p, handler_in %p, handler_out %p]", what,
		 fd->fd, (const void *)fd,
		 (const void *)(uintptr_t)fd->handler_in,
		 (const void *)(uintptr_t)fd->handler_out);
}

void ivi_fds_leftovers(const struct ivi_loop *loop)
{
	const struct iv_list_head *lh;

	iv_list_for_each (lh, &loop->poller->all)
		note_fd(iv_container_of(lh, struct ivi_fd, all),
			"iv_deinit: still registered");
}

/* Somebody else's, who may close it while nobody asks for it. */
static bool is_lent(const struct ivi_fd *f)
{
	return f->wanted == 0 && (f->options & IV_FD_RAW) &&
	       (f->options & IV_FD_NOREF);
}

void ivi_fds_find_closed(struct ivi_loop *loop)
{
	struct iv_list_head *lh;

	iv_list_for_each (lh, &loop->poller->all) {
		struct ivi_fd *f = iv_container_of(lh, struct ivi_fd, all);

		if ((f->flags & IVI_FD_NOTED) || is_lent(f) ||
		    ivi_fd_check(ivi_fd_pub(f)->fd) == 0)
			continue;
		f->flags |= IVI_FD_NOTED;
		note_fd(f, "iv_main: closed before iv_fd_unregister()");
	}
}

/* ---- Public ------------------------------------------------------------------- */

/* It may be garbage that only says it is registered. */
IVI_PUBLIC void IV_FD_INIT(struct iv_fd *fd)
{
	static const char fn[] = "IV_FD_INIT";

	ivi_check_object(fn, "iv_fd", fd);
	if (ivi_unlikely(ivi_fd(fd)->state == IVI_FD_REGISTERED) &&
	    ivi_self() != NULL && ivi_fd_is_here(fd))
		iv_fatal("%s: fd %d is registered [iv_fd %p]", fn, fd->fd,
			 (void *)fd);
	fd->fd = -1;
	fd->handler_in = fd->handler_out = fd->handler_err = NULL;
	ivi_fd(fd)->flags = 0;
	ivi_fd(fd)->options = 0;
	ivi_fd(fd)->state = 0;
}

IVI_PUBLIC void iv_fd_set_flags(struct iv_fd *fd, unsigned flags)
{
	static const char fn[] = "iv_fd_set_flags";

	ivi_check_object(fn, "iv_fd", fd);
	if (ivi_fd(fd)->state == IVI_FD_REGISTERED)
		iv_fatal("%s: fd %d is registered [iv_fd %p]", fn, fd->fd,
			 (void *)fd);
	ivi_check_new(fn, "iv_fd", fd, ivi_fd(fd)->state, IVI_FD_REGISTERED);
	if (flags & ~(unsigned)KNOWN)
		iv_fatal("%s: unknown flags 0x%x [iv_fd %p]", fn,
			 flags & ~(unsigned)KNOWN, (void *)fd);
	ivi_fd(fd)->options = (uint8_t)flags;
}

/* What the kernel is told of FD's options: IVI_FD_*, or -errno. */
static __attribute__((noinline))
int special_flags(const struct ivi_loop *loop, const struct iv_fd *fd)
{
	unsigned options = ivi_fd(fd)->options, flags = 0;
	unsigned caps = loop->poller->method->caps;

	if ((options & IV_FD_EXCLUSIVE) && (fd->handler_out != NULL ||
					    options & (IV_FD_EDGE | IV_FD_PRI)))
		return -EINVAL;
	if ((options & IV_FD_PRI) && !(caps & IVI_CAP_PRI))
		return -EOPNOTSUPP;
	if (options & IV_FD_EXCLUSIVE)
		flags |= IVI_FD_EXCLUSIVE;
	if (options & IV_FD_PRI)
		flags |= IVI_FD_PRI;
	if ((options & IV_FD_EDGE) && (caps & IVI_CAP_EDGE))
		flags |= IVI_FD_EDGE | IVI_FD_ALL;
	if ((options & IV_FD_ANY) && !(caps & IVI_CAP_EPERM) &&
	    ivi_fd_is_file(fd->fd))
		flags |= IVI_FD_ALWAYS;
	return (int)flags;
}

static int flags_of(const struct ivi_loop *loop, const struct iv_fd *fd)
{
	return ivi_fd(fd)->options != 0 ? special_flags(loop, fd) : 0;
}

static inline int register_plain(struct ivi_loop *loop, struct iv_fd *fd,
				 unsigned flags)
{
	/* What has been registered before mostly comes back as it was. */
	int ret = prepare(fd->fd, ivi_fd(fd)->flags & IVI_FD_GONE);

	if (ret < 0)
		return ret;
	if (flags & IVI_FD_PRI ||
	    (ivi_fd_bands(fd) != 0 && !surely_pollable(loop, fd->fd, ret)))
		return attach(loop, fd, flags, NOW);
	return attach_later(loop, fd, flags);
}

static __attribute__((noinline))
int register_special(struct ivi_loop *loop, struct iv_fd *fd)
{
	int flags = special_flags(loop, fd);

	if (flags < 0)
		return flags;
	if (ivi_fd(fd)->options & IV_FD_RAW)
		return attach_later(loop, fd, (unsigned)flags);
	return register_plain(loop, fd, (unsigned)flags);
}

static inline void hold(struct ivi_loop *loop, const struct iv_fd *fd)
{
	if (ivi_likely(ivi_fd_holds(fd)))
		ivi_hold(loop);
	else
		loop->fds.unheld++;
}

static inline void release(struct ivi_loop *loop, const struct iv_fd *fd)
{
	if (ivi_likely(ivi_fd_holds(fd)))
		ivi_release(loop);
	else
		loop->fds.unheld--;
}

IVI_PUBLIC void iv_fd_register(struct iv_fd *fd)
{
	struct ivi_loop *loop = check_register("iv_fd_register", fd);
	int ret;

	if (fd->fd < 0)
		iv_fatal("iv_fd_register: invalid fd %d [iv_fd %p]", fd->fd,
			 (void *)fd);
	if (ivi_fd(fd)->options == IV_FD_RAW)
		ret = attach_later(loop, fd, 0);
	else if (ivi_unlikely(ivi_fd(fd)->options != 0))
		ret = register_special(loop, fd);
	else
		ret = register_plain(loop, fd, 0);
	if (ret < 0 && ivi_poller_passes(ret))
		ret = attach(loop, fd, (unsigned)flags_of(loop, fd), LATER);
	if (ret < 0)
		refused(fd, ret);
	hold(loop, fd);
}

/* Some methods do not ask the kernel whether it is open. */
static int prepare_tried(const struct ivi_loop *loop, const struct iv_fd *fd)
{
	if (!(ivi_fd(fd)->options & IV_FD_RAW))
		return prepare(fd->fd, false);
	return loop->poller->method->caps & (IVI_CAP_EAGER | IVI_CAP_NUMBERS) ?
	       ivi_fd_check(fd->fd) : 0;
}

IVI_PUBLIC int iv_fd_register_try(struct iv_fd *fd)
{
	struct ivi_loop *loop = check_register("iv_fd_register_try", fd);
	int ret = fd->fd < 0 ? -EBADF : flags_of(loop, fd);

	if (ret >= 0)
		ret = attach(loop, fd, (unsigned)ret, TRY);
	if (ret == 0) {
		ret = prepare_tried(loop, fd);
		if (ret < 0)
			ivi_fd_detach(loop, fd);
	}
	if (ret < 0) {
		errno = -ret;
		return -1;
	}
	hold(loop, fd);
	return 0;
}

static inline struct ivi_loop *check_registered(const char *fn,
						const struct iv_fd *fd)
{
	struct ivi_loop *loop = ivi_loop_of_caller(fn);

	ivi_check_object(fn, "iv_fd", fd);
	if (ivi_unlikely(ivi_fd(fd)->state != IVI_FD_REGISTERED))
		iv_fatal("%s: fd %d is not registered [iv_fd %p]", fn, fd->fd,
			 (const void *)fd);
	ivi_check_owner(fn, "iv_fd", fd, loop, ivi_fd(fd)->owner);
	return loop;
}

IVI_PUBLIC void iv_fd_unregister(struct iv_fd *fd)
{
	struct ivi_loop *loop = check_registered("iv_fd_unregister", fd);

	release(loop, fd);
	ivi_fd_detach(loop, fd);
}

IVI_PUBLIC int iv_fd_registered(const struct iv_fd *fd)
{
	ivi_check_object("iv_fd_registered", "iv_fd", fd);
	return ivi_fd(fd)->state == IVI_FD_REGISTERED;
}

/* Of FD, its handlers or whether they may be called have changed. */
static __attribute__((noinline))
void changed(struct ivi_loop *loop, const struct iv_fd *fd)
{
	struct ivi_fd *f = ivi_fd(fd);

	if (f->flags & IVI_FD_GONE)
		return;
	if ((f->flags & IVI_FD_EXCLUSIVE) && fd->handler_out != NULL)
		iv_fatal("iv_fd_set_handler_out: fd %d is IV_FD_EXCLUSIVE "
			 "[iv_fd %p]", fd->fd, (const void *)fd);
	f->wanted = ivi_fd_wants(fd);
	ivi_poller_update(loop->poller, f);
	recall(loop, f);
}

static inline void set_wanted(struct ivi_loop *loop, struct ivi_fd *f,
			      uint8_t band, bool on)
{
	uint8_t wanted = on ? f->wanted | band : f->wanted & (uint8_t)~band;

	if (ivi_unlikely(f->flags & SPECIAL)) {
		changed(loop, ivi_fd_pub(f));
	} else if (wanted != f->wanted) {
		f->wanted = wanted;
		ivi_poller_update(loop->poller, f);
	}
}

IVI_PUBLIC void iv_fd_set_handler_in(struct iv_fd *fd, void (*handler)(void *))
{
	struct ivi_loop *loop = check_registered("iv_fd_set_handler_in", fd);

	fd->handler_in = handler;
	set_wanted(loop, ivi_fd(fd), IVI_IN, handler != NULL);
}

IVI_PUBLIC void iv_fd_set_handler_out(struct iv_fd *fd, void (*handler)(void *))
{
	struct ivi_loop *loop = check_registered("iv_fd_set_handler_out", fd);

	fd->handler_out = handler;
	set_wanted(loop, ivi_fd(fd), IVI_OUT, handler != NULL);
}

IVI_PUBLIC void iv_fd_set_handler_err(struct iv_fd *fd, void (*handler)(void *))
{
	struct ivi_loop *loop = check_registered("iv_fd_set_handler_err", fd);

	fd->handler_err = handler;
	set_wanted(loop, ivi_fd(fd), IVI_ERR, handler != NULL);
}

/* What was collected is not called any more; edges and kicks come back. */
static void put_back(struct ivi_fd *f)
{
	unsigned ready = f->ready;

	if (ready == 0)
		return;
	iv_list_del(&f->ready_node);
	f->ready = 0;
	if (ready & IVI_KEEP || f->options & IV_FD_EDGE)
		ivi_missed(f, ready & IVI_BANDS);
	ivi_missed(f, ready >> IVI_NEXT_SHIFT & IVI_BANDS);
}

IVI_PUBLIC void iv_fd_suspend(struct iv_fd *fd)
{
	struct ivi_loop *loop = check_registered("iv_fd_suspend", fd);
	struct ivi_fd *f = ivi_fd(fd);

	f->flags |= IVI_FD_SUSPENDED;
	put_back(f);
	changed(loop, fd);
}

IVI_PUBLIC void iv_fd_resume(struct iv_fd *fd)
{
	struct ivi_loop *loop = check_registered("iv_fd_resume", fd);

	ivi_fd(fd)->flags &= (uint16_t)~IVI_FD_SUSPENDED;
	changed(loop, fd);
}

IVI_PUBLIC void iv_fd_kick(struct iv_fd *fd, int in, int out)
{
	struct ivi_loop *loop = check_registered("iv_fd_kick", fd);
	struct ivi_fd *f = ivi_fd(fd);

	if (!(f->flags & IVI_FD_GONE))
		remind(loop, f, (in ? IVI_IN : 0U) | (out ? IVI_OUT : 0U));
}
