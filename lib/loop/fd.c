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
 * kernel knows which, if the method has a kernel object; in the second case
 * the old iv_fd is detached for good, and just waits to be unregistered.
 */
#include "loop/loop.h"

#include <stdlib.h>
#include <string.h>

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

/* Out of memory only means that a mistake is found later. */
static void number_set(struct ivi_fds *fds, int fd)
{
	size_t word = (unsigned)fd / WORD_BITS, words = fds->words;
	uint64_t *grown;

	if (word >= words) {
		for (words = words ? words : FIRST_WORDS; words <= word; )
			words *= 2;
		grown = realloc(fds->numbers, words * sizeof(*grown));
		if (grown == NULL)
			return;
		memset(grown + fds->words, 0,
		       (words - fds->words) * sizeof(*grown));
		fds->numbers = grown;
		fds->words = words;
	}
	fds->numbers[word] |= UINT64_C(1) << (unsigned)fd % WORD_BITS;
}

void ivi_fds_fini(struct ivi_loop *loop)
{
	free(loop->fds.numbers);
	loop->fds.numbers = NULL;
	loop->fds.words = 0;
}

/* ---- Registering ------------------------------------------------------------ */

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
	f->flags &= (uint8_t)~IVI_FD_PROBE;
	return ret;
}

/* F has the number of OTHER. */
static int contend(struct ivi_poller *p, struct ivi_fd *f,
		   struct ivi_fd *other)
{
	int ret;

	if (p->method->caps & (IVI_CAP_EAGER | IVI_CAP_NUMBERS))
		return -EEXIST;
	if (other->armed == 0)
		sync_probing(p, other);
	ret = sync_probing(p, f);
	if (ret == 0) {
		other->armed = 0;
		ivi_poller_remove(p, other);
		if (!(p->method->caps & IVI_CAP_FORGETS))
			ivi_poller_reopen(p);
	}
	return ret;
}

/* PROBE: let the kernel say now whether it takes the descriptor. */
static int attach(struct ivi_loop *loop, struct iv_fd *fd, unsigned flags,
		  bool probe)
{
	struct ivi_poller *p = loop->poller;
	struct ivi_fd *f = ivi_fd(fd), *other = NULL;
	int ret = 0;

	if (ivi_unlikely(number_used(&loop->fds, fd->fd)))
		other = find_number(p, fd->fd);
	f->owner = loop;
	f->wanted = ivi_fd_bands(fd);
	f->flags = (uint8_t)flags;
	ivi_poller_add(p, f);
	if (other != NULL)
		ret = contend(p, f, other);
	else if (probe)
		ret = sync_probing(p, f);
	else
		ivi_poller_update(p, f);
	if (ret < 0) {
		ivi_poller_remove(p, f);
		return ret;
	}
	loop->fds.detached += other != NULL;
	number_set(&loop->fds, fd->fd);
	f->state = IVI_FD_REGISTERED;
	return 0;
}

int ivi_fd_attach(struct ivi_loop *loop, struct iv_fd *fd, unsigned flags)
{
	return attach(loop, fd, flags, true);
}

void ivi_fd_detach(struct ivi_loop *loop, struct iv_fd *fd)
{
	struct ivi_fd *f = ivi_fd(fd);

	f->state = 0;
	if (loop->fds.handled == f)
		loop->fds.handled = NULL;
	if (f->flags & IVI_FD_GONE) {
		loop->fds.detached--;
		return;
	}
	number_clear(&loop->fds, fd->fd);
	ivi_poller_remove(loop->poller, f);
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

static struct ivi_loop *check_register(const char *fn, const struct iv_fd *fd)
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
			 ivi_poller_method_name(), (const void *)fd);
	if (err == -EEXIST)
		iv_fatal("%s: fd %d is already registered with another iv_fd; "
			 "was it closed before iv_fd_unregister()? [iv_fd %p]",
			 fn, fd->fd, (const void *)fd);
	iv_fatal("%s: fd %d: %s [iv_fd %p]", fn, fd->fd, ivi_errname(-err),
		 (const void *)fd);
}

static bool surely_pollable(const struct ivi_loop *loop, int fd, bool socket)
{
	return socket || (loop->poller->method->caps & IVI_CAP_EAGER) ||
	       ivi_fd_is_fifo(fd);
}

/* ---- Dispatching ------------------------------------------------------------- */

/* A handler may unregister its iv_fd, after which the rest is not called. */
static void call_handlers(struct ivi_fds *fds, struct ivi_fd *f,
			  unsigned ready)
{
	struct iv_fd *fd = ivi_fd_pub(f);

	ivi_check_memory("iv_fd", fd, f->state, IVI_FD_REGISTERED);
	if (ivi_likely(ready == IVI_IN)) {
		if (fd->handler_in != NULL)
			fd->handler_in(fd->cookie);
		return;
	}
	fds->handled = f;
	if ((ready & IVI_ERR) && fd->handler_err != NULL)
		fd->handler_err(fd->cookie);
	if (fds->handled == f && (ready & IVI_IN) && fd->handler_in != NULL)
		fd->handler_in(fd->cookie);
	if (fds->handled == f && (ready & IVI_OUT) && fd->handler_out != NULL)
		fd->handler_out(fd->cookie);
}

void ivi_fds_dispatch(struct ivi_loop *loop)
{
	struct ivi_poller *p = loop->poller;
	struct ivi_fd *f;
	unsigned ready;

	while ((f = ivi_poller_next_ready(p, &ready)) != NULL)
		call_handlers(&loop->fds, f, ready);
	loop->fds.handled = NULL;
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

void ivi_fds_find_closed(struct ivi_loop *loop)
{
	struct iv_list_head *lh;

	iv_list_for_each (lh, &loop->poller->all) {
		struct ivi_fd *f = iv_container_of(lh, struct ivi_fd, all);

		if ((f->flags & IVI_FD_NOTED) ||
		    ivi_fd_check(ivi_fd_pub(f)->fd) == 0)
			continue;
		f->flags |= IVI_FD_NOTED;
		note_fd(f, "iv_main: closed before iv_fd_unregister()");
	}
}

/* ---- Public ------------------------------------------------------------------- */

IVI_PUBLIC void IV_FD_INIT(struct iv_fd *fd)
{
	ivi_check_object("IV_FD_INIT", "iv_fd", fd);
	fd->fd = -1;
	fd->handler_in = fd->handler_out = fd->handler_err = NULL;
	ivi_fd(fd)->flags = 0;
	ivi_fd(fd)->state = 0;
}

IVI_PUBLIC void iv_fd_register(struct iv_fd *fd)
{
	struct ivi_loop *loop = check_register("iv_fd_register", fd);
	int ret;

	if (fd->fd < 0)
		iv_fatal("iv_fd_register: invalid fd %d [iv_fd %p]", fd->fd,
			 (void *)fd);
	/* What has been registered before mostly comes back as it was. */
	ret = prepare(fd->fd, ivi_fd(fd)->flags & IVI_FD_GONE);
	if (ret >= 0)
		ret = attach(loop, fd, 0, ivi_fd_bands(fd) != 0 &&
			     !surely_pollable(loop, fd->fd, ret));
	if (ret < 0 && ivi_poller_passes(ret))
		ret = attach(loop, fd, 0, false);
	if (ret < 0)
		refused(fd, ret);
	ivi_hold(loop);
}

IVI_PUBLIC int iv_fd_register_try(struct iv_fd *fd)
{
	struct ivi_loop *loop = check_register("iv_fd_register_try", fd);
	int ret = -EBADF;

	if (fd->fd >= 0)
		ret = attach(loop, fd, 0, true);
	if (ret == 0) {
		ret = prepare(fd->fd, false);
		if (ret < 0)
			ivi_fd_detach(loop, fd);
	}
	if (ret < 0) {
		errno = -ret;
		return -1;
	}
	ivi_hold(loop);
	return 0;
}

static struct ivi_loop *check_registered(const char *fn,
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

	ivi_fd_detach(loop, fd);
	ivi_release(loop);
}

IVI_PUBLIC int iv_fd_registered(const struct iv_fd *fd)
{
	ivi_check_object("iv_fd_registered", "iv_fd", fd);
	return ivi_fd(fd)->state == IVI_FD_REGISTERED;
}

static void set_wanted(struct ivi_loop *loop, struct ivi_fd *f,
		       uint8_t band, bool on)
{
	uint8_t wanted = on ? f->wanted | band : f->wanted & (uint8_t)~band;

	if (wanted == f->wanted)
		return;
	f->wanted = wanted;
	if (!(f->flags & IVI_FD_GONE))
		ivi_poller_update(loop->poller, f);
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
