/* SPDX-License-Identifier: MIT */
/*
 * iv_fd_pump.h - moves data from one descriptor to another.  Since 0.29.
 *
 * The pump neither watches, closes nor configures its descriptors; it tells
 * the caller through SET_BANDS what to watch them for.  They should be
 * nonblocking, and may be the same.  Data goes through the kernel only,
 * splice(2), where system and descriptors permit that, and from the first
 * refusal on through a buffer of 4096 bytes.
 *
 * A pump belongs to the thread that initialised it, which must have a loop.
 */
#ifndef __IV_FD_PUMP_H
#define __IV_FD_PUMP_H

#ifdef __cplusplus
extern "C" {
#endif

struct iv_fd_pump {
	int	from_fd;
	int	to_fd;
	void	*cookie;		/* first argument of set_bands */

	/*
	 * Watch FROM_FD for input if POLLIN, and TO_FD for output if POLLOUT,
	 * from now on.  May be called without a change.
	 */
	void	(*set_bands)(void *cookie, int pollin, int pollout);

	unsigned int	flags;		/* IV_FD_PUMP_FLAG_* */
	void	*buf;			/* private */
	int	bytes;			/* private */
	int	full;			/* private */
	int	saw_fin;		/* private */
};

/* At the end of the data, shutdown(2) TO_FD for writing. */
#define IV_FD_PUMP_FLAG_RELAY_EOF	1

static __inline__ void IV_FD_PUMP_INIT(struct iv_fd_pump *pump)
{
	(void)pump;
}

/*
 * Prepares the pump and calls SET_BANDS(1, 0).  The members that are not
 * private are set before, and fixed until iv_fd_pump_destroy().
 */
void iv_fd_pump_init(struct iv_fd_pump *);

/*
 * Gives up the pump, with the data it may still hold.  To be called once for
 * each iv_fd_pump_init(), at any time, also after a failure; calls
 * SET_BANDS(0, 0) unless the pump is done.
 */
void iv_fd_pump_destroy(struct iv_fd_pump *);

/*
 * Reads once and writes once, as far as possible.  To be called when a
 * descriptor is ready in a band that SET_BANDS asked for.  From a socket that
 * is no byte stream it reads one message, and writes it whole.
 *
 * 1: there is more to do; 0: all has been written up to the end of the data;
 * both after calling SET_BANDS.  -1 with errno: reading or writing failed
 * (as read(2), write(2) and splice(2) say; EIO if nothing at all could be
 * written; EMSGSIZE; ENOMEM).  EAGAIN and EINTR are not failures.
 */
int iv_fd_pump_pump(struct iv_fd_pump *);

/* 1 after iv_fd_pump_pump() has returned 0, else 0. */
int iv_fd_pump_is_done(const struct iv_fd_pump *);

#ifdef __cplusplus
}
#endif

#endif
