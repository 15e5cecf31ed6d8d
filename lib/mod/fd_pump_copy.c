/* SPDX-License-Identifier: MIT */
/*
 * fd_pump_copy.c - moving data with read(2) and write(2).
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "mod/fd_pump.h"

static int failure(void)
{
	return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

/* What has been read went out, or was in the pipe: look at it anew. */
static void update_full(struct iv_fd_pump *pump)
{
	const struct ivi_pump_buf *buf = pump->buf;

	ivi_pump_set_full(pump, buf->piped > 0 ||
			  pump->bytes == (int)sizeof(buf->data));
}

int ivi_pump_copy_in(struct iv_fd_pump *pump)
{
	struct ivi_pump_buf *buf = pump->buf;
	size_t held = (size_t)pump->bytes;
	ssize_t n;

	n = read(pump->from_fd, buf->data + held, sizeof(buf->data) - held);
	if (n < 0)
		return failure();
	if (n == 0)
		pump->saw_fin = IVI_PUMP_EOF;
	pump->bytes += (int)n;
	update_full(pump);
	return 0;
}

/* What was spliced before the pump began to copy; returns like read(2). */
static ssize_t unpipe(struct ivi_pump_buf *buf)
{
	ssize_t n = read(buf->pipe[0], buf->data, sizeof(buf->data));

	if (n > 0)
		buf->piped -= (int)n;
	return n;
}

int ivi_pump_copy_out(struct iv_fd_pump *pump)
{
	struct ivi_pump_buf *buf = pump->buf;
	size_t held = (size_t)(pump->bytes - buf->piped);
	ssize_t n;

	if (held == 0) {
		n = unpipe(buf);
		if (n < 0)
			return failure();
		held = (size_t)n;
	}
	n = write(pump->to_fd, buf->data, held);
	if (n < 0)
		return failure();
	if (n == 0)
		return -EIO;
	pump->bytes -= (int)n;
	memmove(buf->data, buf->data + n, held - (size_t)n);
	update_full(pump);
	return 0;
}
