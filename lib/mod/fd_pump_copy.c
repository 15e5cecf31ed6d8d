/* SPDX-License-Identifier: MIT */
/*
 * fd_pump_copy.c - moving data with read(2) and write(2).
 */
#include <errno.h>
#include <string.h>
#include "mod/fd_pump.h"
#include "sys/message.h"
#include "sys/sys.h"

static int failure(ssize_t err)
{
	return err == -EAGAIN ? 0 : (int)err;
}

/* What has been read went out, or was in the pipe: look at it anew. */
static void update_full(struct iv_fd_pump *pump)
{
	const struct ivi_pump_buf *buf = pump->buf;
	size_t limit = pump->full & IVI_PUMP_MESSAGES ? 1 : buf->size;

	ivi_pump_set_full(pump, buf->piped > 0 ||
			  (size_t)pump->bytes >= limit);
}

int ivi_pump_copy_in(struct iv_fd_pump *pump)
{
	struct ivi_pump_buf *buf = pump->buf;
	size_t held = (size_t)pump->bytes;
	ssize_t n;

	n = ivi_read(pump->from_fd, buf->data + held, buf->size - held);
	if (n < 0)
		return failure(n);
	if (n == 0)
		pump->saw_fin = IVI_PUMP_EOF;
	pump->bytes += (int)n;
	update_full(pump);
	return 0;
}

/* A buffer of no size would not even take an empty message off. */
int ivi_pump_message_in(struct iv_fd_pump *pump)
{
	ssize_t n = ivi_message_size(pump->from_fd);
	struct ivi_pump_buf *buf;
	int ret;

	if (n < 0)
		return failure(n);
	ret = ivi_pump_grow(pump, (size_t)n);
	if (ret < 0)
		return ret;
	buf = pump->buf;
	n = ivi_read(pump->from_fd, buf->data, buf->size);
	if (n < 0)
		return failure(n);
	if (n == 0 && ivi_message_end(pump->from_fd)) {
		pump->saw_fin = IVI_PUMP_EOF;
		return 0;
	}
	pump->bytes = (int)n;
	ivi_pump_set_full(pump, true);
	return 0;
}

/* What was spliced before the pump began to copy. */
static ssize_t unpipe(struct ivi_pump_buf *buf)
{
	ssize_t n = ivi_read(buf->pipe[0], buf->data, buf->size);

	if (n > 0)
		buf->piped -= (int)n;
	return n;
}

int ivi_pump_copy_out(struct iv_fd_pump *pump)
{
	struct ivi_pump_buf *buf = pump->buf;
	size_t held = (size_t)(pump->bytes - buf->piped);
	ssize_t n;

	if (held == 0 && buf->piped > 0) {
		n = unpipe(buf);
		if (n < 0)
			return failure(n);
		held = (size_t)n;
	}
	n = ivi_write(pump->to_fd, buf->data, held);
	if (n < 0)
		return failure(n);
	if (n == 0 && held > 0)
		return -EIO;
	pump->bytes -= (int)n;
	memmove(buf->data, buf->data + n, held - (size_t)n);
	update_full(pump);
	return 0;
}
