/* SPDX-License-Identifier: MIT */
/*
 * fd_pump_splice.c - moving data through a pipe.
 *
 * EINVAL from splice(2) means that one of the descriptors cannot: a file
 * opened with O_APPEND, many a device.
 *
 * EAGAIN means that the pipe is full or that there is nothing to read.  A
 * pipe is full when its slots are, however few bytes are in them; poll(2)
 * asks exactly that.
 *
 * tcp_splice_read() cannot get past urgent data: it gives EAGAIN in front of
 * it, for ever, however much room there is, and 0 once the peer has shut
 * down.  With SO_OOBINLINE, which iv_fd_register() sets, read(2) gets all
 * (seen on Linux 6.18).  So neither answer is believed while there is
 * something to read.
 */
#include "mod/fd_pump.h"
#include "sys/splice.h"
#include "sys/sys.h"

#define MAX_SPLICE	(1 << 20)

/* 0, -ENOTSUP or an error. */
static int judge(ssize_t err)
{
	switch (-err) {
	case EAGAIN:
	case EINTR:
		return 0;
	case EACCES:
	case EINVAL:
	case ENOSYS:
	case EOPNOTSUPP:
	case EPERM:
		return -ENOTSUP;
	default:
		return ivi_splice_absent() ? -ENOTSUP : (int)err;
	}
}

static bool pipe_is_full(const struct iv_fd_pump *pump)
{
	const struct ivi_pump_buf *buf = pump->buf;

	return pump->bytes > 0 && !ivi_fd_writable(buf->pipe[1]);
}

/*
 * As ivi_splice(), with -EAGAIN if the pipe is full or there is nothing to
 * read, and -ENOTSUP if it is something else.  Data may have come between the
 * first attempt and the question, but not be gone at the second.
 */
static ssize_t fetch(struct iv_fd_pump *pump)
{
	const struct ivi_pump_buf *buf = pump->buf;
	ssize_t n;
	int tries;

	for (tries = 0; tries < 2; tries++) {
		n = ivi_splice(pump->from_fd, buf->pipe[1], MAX_SPLICE);
		if (n != -EAGAIN)
			return n;
		ivi_pump_set_full(pump, pipe_is_full(pump));
		if (pump->full & IVI_PUMP_FULL ||
		    !ivi_fd_unread(pump->from_fd))
			return n;
	}
	return -ENOTSUP;
}

int ivi_pump_splice_in(struct iv_fd_pump *pump)
{
	struct ivi_pump_buf *buf = pump->buf;
	ssize_t n = fetch(pump);

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
