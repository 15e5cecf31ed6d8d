/* SPDX-License-Identifier: MIT */
/*
 * fd_pump.c - iv_fd_pump: the order of things, and buffers.
 *
 * A pump takes a buffer when it reads and gives it back when it is empty, so
 * idle pumps cost neither memory nor descriptors.  Each loop keeps some empty
 * buffers, their pipes included.
 *
 * A forked child has the same pipes as its parent.  What both put into one
 * would get mixed, so a buffer of before the fork is not used for anything new.
 */
#include "base/compiler.h"
#include "mod/fd_pump.h"
#include "sys/message.h"
#include "sys/splice.h"
#include "sys/sys.h"

/* ---- Buffers ------------------------------------------------------------ */

#define MAX_CACHED	20

struct cache {
	struct ivi_pump_buf	*first;
	int	count;
};

static void buf_close(struct ivi_pump_buf *buf)
{
	if (buf->pipe[0] < 0)
		return;
	ivi_close(buf->pipe[0]);
	ivi_close(buf->pipe[1]);
	buf->pipe[0] = buf->pipe[1] = -1;
}

static void buf_free(struct ivi_pump_buf *buf)
{
	buf_close(buf);
	ivi_free(buf);
}

static bool inherited(const struct ivi_pump_buf *buf)
{
	return buf->generation != ivi_fork_generation();
}

static struct ivi_pump_buf *cache_take(struct cache *c)
{
	struct ivi_pump_buf *buf = c->first;

	if (buf != NULL) {
		c->first = buf->next;
		c->count--;
	}
	return buf;
}

static void cache_empty(void *_c)
{
	struct ivi_pump_buf *buf;

	while ((buf = cache_take(_c)) != NULL)
		buf_free(buf);
}

static const struct ivi_slot slot = {
	.index	= IVI_SLOT_PUMP,
	.size	= sizeof(struct cache),
	.fini	= cache_empty,
	.renew	= cache_empty,
	.abandon = cache_empty,
};

static struct ivi_pump_buf *buf_new(void)
{
	struct ivi_pump_buf *buf = ivi_alloc(sizeof(*buf) + IVI_PUMP_SIZE);

	if (buf == NULL)
		return NULL;
	buf->pipe[0] = buf->pipe[1] = -1;
	buf->size = IVI_PUMP_SIZE;
	buf->generation = ivi_fork_generation();
	return buf;
}

static struct ivi_pump_buf *buf_get(void)
{
	struct cache *c = ivi_slot_get(&slot);
	struct ivi_pump_buf *buf = c != NULL ? cache_take(c) : NULL;

	if (buf != NULL && inherited(buf)) {
		buf_free(buf);
		cache_empty(c);
		buf = NULL;
	}
	return buf != NULL ? buf : buf_new();
}

/* There is no cache in a thread without a loop, or while its loop goes. */
static void buf_put(struct ivi_pump_buf *buf)
{
	struct cache *c = ivi_slot_peek(&slot);

	if (buf->piped > 0)
		buf_close(buf);
	if (c == NULL || c->count == MAX_CACHED || buf->size > IVI_PUMP_SIZE) {
		buf_free(buf);
		return;
	}
	buf->next = c->first;
	c->first = buf;
	c->count++;
}

/* Without a pipe (EMFILE, ...) what is read next is copied. */
static int take_buf(struct iv_fd_pump *pump)
{
	struct ivi_pump_buf *buf = buf_get();

	if (buf == NULL)
		return -ENOMEM;
	buf->piped = 0;
	if (!(pump->full & IVI_PUMP_COPY) && buf->pipe[0] < 0 &&
	    ivi_splice_pipe(buf->pipe) < 0)
		buf->pipe[0] = buf->pipe[1] = -1;
	pump->buf = buf;
	return 0;
}

int ivi_pump_grow(struct iv_fd_pump *pump, size_t size)
{
	struct ivi_pump_buf *buf = pump->buf;

	if (size <= buf->size)
		return 0;
	buf = ivi_realloc(buf, sizeof(*buf) + size);
	if (buf == NULL)
		return -ENOMEM;
	buf->size = size;
	pump->buf = buf;
	return 0;
}

static void drop_buf(struct iv_fd_pump *pump)
{
	if (pump->buf != NULL)
		buf_put(pump->buf);
	pump->buf = NULL;
}

/* ---- Moving ------------------------------------------------------------- */

static bool splicing(const struct iv_fd_pump *pump)
{
	const struct ivi_pump_buf *buf = pump->buf;

	return !(pump->full & IVI_PUMP_COPY) && buf->pipe[0] >= 0;
}

/* What is in the pipe has to go before anything else is read. */
static void stop_splicing(struct iv_fd_pump *pump)
{
	const struct ivi_pump_buf *buf = pump->buf;

	pump->full |= IVI_PUMP_COPY;
	ivi_pump_set_full(pump, buf->piped > 0);
}

static int read_once(struct iv_fd_pump *pump)
{
	int ret;

	if (pump->buf == NULL) {
		ret = take_buf(pump);
		if (ret < 0)
			return ret;
	}
	if (splicing(pump)) {
		ret = ivi_pump_splice_in(pump);
		if (ret != -ENOTSUP)
			return ret;
		stop_splicing(pump);
	}
	if (pump->full & IVI_PUMP_FULL)
		return 0;
	return pump->full & IVI_PUMP_MESSAGES ? ivi_pump_message_in(pump) :
						ivi_pump_copy_in(pump);
}

static int write_once(struct iv_fd_pump *pump)
{
	int ret;

	if (splicing(pump)) {
		ret = ivi_pump_splice_out(pump);
		if (ret != -ENOTSUP)
			return ret;
		stop_splicing(pump);
	}
	return ivi_pump_copy_out(pump);
}

static bool loaded(const struct iv_fd_pump *pump)
{
	return pump->bytes > 0 || (pump->full & IVI_PUMP_FULL);
}

static int move(struct iv_fd_pump *pump)
{
	int ret = 0;

	if (pump->saw_fin == IVI_PUMP_OPEN && !(pump->full & IVI_PUMP_FULL))
		ret = read_once(pump);
	if (ret == 0 && loaded(pump))
		ret = write_once(pump);
	if (!loaded(pump))
		drop_buf(pump);
	return ret;
}

static void finish(struct iv_fd_pump *pump)
{
	pump->saw_fin = IVI_PUMP_DONE;
	if (pump->flags & IV_FD_PUMP_FLAG_RELAY_EOF)
		ivi_fd_end(pump->to_fd);
}

/* ---- Public ------------------------------------------------------------- */

static void check(const char *fn, const struct iv_fd_pump *pump)
{
	if (pump == NULL)
		iv_fatal("%s: the struct iv_fd_pump pointer is NULL", fn);
}

static void check_live(const char *fn, const struct iv_fd_pump *pump)
{
	check(fn, pump);
	if ((unsigned)pump->saw_fin > IVI_PUMP_DESTROYED)
		iv_fatal("%s: iv_fd_pump %p was never initialised, or has been "
			 "overwritten", fn, (const void *)pump);
	if (pump->saw_fin == IVI_PUMP_DESTROYED)
		iv_fatal("%s: already destroyed, from fd %d to fd %d "
			 "[iv_fd_pump %p]", fn, pump->from_fd, pump->to_fd,
			 (const void *)pump);
}

IVI_PUBLIC void iv_fd_pump_init(struct iv_fd_pump *pump)
{
	static const char fn[] = "iv_fd_pump_init";

	ivi_require_loop(fn);
	check(fn, pump);
	if (pump->set_bands == NULL)
		iv_fatal("%s: no set_bands, from fd %d to fd %d "
			 "[iv_fd_pump %p]", fn, pump->from_fd, pump->to_fd,
			 (void *)pump);
	pump->buf = NULL;
	pump->bytes = 0;
	pump->full = ivi_message_source(pump->from_fd) ?
		     IVI_PUMP_COPY | IVI_PUMP_MESSAGES : 0;
	pump->saw_fin = IVI_PUMP_OPEN;
	pump->set_bands(pump->cookie, 1, 0);
}

/* The pump may be freed in its last set_bands(). */
IVI_PUBLIC void iv_fd_pump_destroy(struct iv_fd_pump *pump)
{
	bool done;

	check_live("iv_fd_pump_destroy", pump);
	done = pump->saw_fin == IVI_PUMP_DONE;
	pump->saw_fin = IVI_PUMP_DESTROYED;
	drop_buf(pump);
	if (!done)
		pump->set_bands(pump->cookie, 0, 0);
}

IVI_PUBLIC int iv_fd_pump_pump(struct iv_fd_pump *pump)
{
	static const char fn[] = "iv_fd_pump_pump";
	bool in, out;
	int ret;

	ivi_require_loop(fn);
	check_live(fn, pump);
	ret = move(pump);
	if (ret < 0) {
		errno = -ret;
		return -1;
	}
	out = loaded(pump);
	if (pump->saw_fin == IVI_PUMP_EOF && !out)
		finish(pump);
	in = pump->saw_fin == IVI_PUMP_OPEN && !(pump->full & IVI_PUMP_FULL);
	ret = pump->saw_fin != IVI_PUMP_DONE;
	pump->set_bands(pump->cookie, in, out);
	return ret;
}

IVI_PUBLIC int iv_fd_pump_is_done(const struct iv_fd_pump *pump)
{
	check("iv_fd_pump_is_done", pump);
	return pump->saw_fin == IVI_PUMP_DONE;
}
