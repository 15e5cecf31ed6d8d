/* SPDX-License-Identifier: MIT */
/*
 * fd_pump_splice.c - moving data through a pipe.
 *
 * EINVAL from splice(2) means that one of the descriptors cannot: a file
 * opened with O_APPEND, a datagram socket, many a device.
 *
 * EAGAIN means that the pipe is full or that there is nothing to read.  A
 * pipe is full when its slots are, however few bytes are in them; poll(2)
 * asks exactly that.
 *
 * tcp_splice_read() cannot get past urgent data: it gives EAGAIN in front of
 * it, for ever, and 0 once the peer has shut down.  With SO_OOBINLINE, which
 * iv_fd_register() sets, read(2) gets all (seen on Linux 6.18).  So neither
 * answer is believed while there is something to read.
 */
#include "mod/fd_pump.h"
#include "sys/sys.h"
#include "sys/splice.h"

#define MAX_SPLICE	(1 << 20)

/* 0, -ENOTSUP or an error. */
static int judge(ssize_t err)
{
	switch (-err) {
	case EAGAIN:
	case EINTR:
		return 0;
	case EINVAL:
	case ENOSYS:
	case EPERM:
		return -ENOTSUP;
	default:
		return (int)err;
	}
}

static int nothing_moved(struct iv_fd_pump *pump)
{
	const struct ivi_pump_buf *buf = pump->buf;

	if (pump->bytes == 0)
		return ivi_fd_unread(pump->from_fd) ? -ENOTSUP : 0;
	ivi_pump_set_full(pump, !ivi_fd_writable(buf->pipe[1]));
	return 0;
}

int ivi_pump_splice_in(struct iv_fd_pump *pump)
{
	struct ivi_pump_buf *buf = pump->buf;
	ssize_t n;

	n = ivi_splice(pump->from_fd, buf->pipe[1], MAX_SPLICE);
	if (n == -EAGAIN)
		return nothing_moved(pump);
	if (n < 0)
		return judge(n);
	if (n == 0) {
		if (ivi_fd_unread(pump->from_fd))
			return -ENOTSUP;
		pump->saw_fin = IVI_PUMP_EOF;
	}
	buf->piped += (int)n;
	pump->bytes += (int)n;
	return 0;
}

int ivi_pump_splice_out(struct iv_fd_pump *pump)
{
	struct ivi_pump_buf *buf = pump->buf;
	ssize_t n;

	n = ivi_splice(buf->pipe[0], pump->to_fd, (size_t)buf->piped);
	if (n < 0)
		return judge(n);
	if (n == 0)
		return -EIO;
	buf->piped -= (int)n;
	pump->bytes -= (int)n;
	ivi_pump_set_full(pump, false);
	return 0;
}
