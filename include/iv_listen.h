/* SPDX-License-Identifier: MIT */
/*
 * iv_listen.h - accepting connections.  Since 1.1.
 *
 * A listener whose clients cannot be accepted for want of descriptors stays
 * readable.  This one does not spin then, and nobody has to write that again.
 */
#ifndef __IV_LISTEN_H
#define __IV_LISTEN_H

#include <string.h>
#include <iv.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * HANDLER is called once for each connection: FD is the handler's, nonblocking
 * and close-on-exec, ready for an iv_fd with IV_FD_RAW; FROM is the peer's
 * address, LEN bytes of it, and valid during the call.
 *
 * FD -1 (FROM NULL, LEN 0), with errno: the listener cannot accept any more,
 * since it was shut down (EINVAL) or closed (EBADF, or what is there instead is
 * something else: EINVAL, ENOTSOCK).  That is told once, and tried again only
 * by iv_listen_again().
 */
struct iv_listen {
	int		fd;		/* a listening socket } fixed while */
	unsigned int	flags;		/* IV_LISTEN_*        } registered */
	unsigned int	budget;		/* accepted per turn, at most; 0: 64, with
					   IV_LISTEN_EXCLUSIVE 4 */
	void		*cookie;
	void		(*handler)(void *cookie, int fd,
				   const struct sockaddr *from, socklen_t len);
	unsigned long	paused;		/* how often it had to pause */
	struct iv_fd	watch;		/* private */
	struct iv_timer	again;		/* private */
	void		*pad[6];	/* private */
};

/* Several loops have this listener, each by an iv_listen of its own: one of
   them is woken for a connection, and they take turns.  Where the kernel cannot
   do that (it is Linux 4.5 with epoll that can), all are woken. */
#define IV_LISTEN_EXCLUSIVE	0x01

/* fd = -1, not registered, all else is cleared. */
static __inline__ void IV_LISTEN_INIT(struct iv_listen *l)
{
	memset(l, 0, sizeof(*l));
	l->fd = -1;
}

/*
 * From now on connections are accepted, and iv_main() is kept running.  The
 * listener becomes nonblocking and close-on-exec, and stays so.
 *
 * If descriptors or memory run out (EMFILE, ENFILE, ENOBUFS, ENOMEM) it pauses
 * for 10 ms, and for twice as long each time until it succeeds, 1 s at most;
 * the clients wait in the listener's queue.  Errors of clients that have gone
 * already are skipped.
 *
 * 0, or -1 with errno: EBADF, ENOTSOCK; EINVAL: it does not listen(2); EEXIST:
 * this thread watches it already; ENOMEM, ENOSPC.
 */
int iv_listen_register(struct iv_listen *);

/* In the thread that registered it; any handler, its own included, and before
   close(2).  No handler runs any more, and the struct may be freed at once. */
void iv_listen_unregister(struct iv_listen *);

int iv_listen_registered(const struct iv_listen *);

/* Ends a pause: it tries again in the next turn.  For programs that know when
   they have closed a descriptor; no effect on one that neither pauses nor was
   told to be broken. */
void iv_listen_again(struct iv_listen *);

#ifdef __cplusplus
}
#endif

#endif
