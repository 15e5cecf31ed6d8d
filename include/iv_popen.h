/* SPDX-License-Identifier: MIT */
/*
 * iv_popen.h - programs at the other end of a pipe.  Since 0.29.
 */
#ifndef __IV_POPEN_H
#define __IV_POPEN_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct iv_popen_request {
	char	*file;		/* as for execvp(3): searched in PATH */
	char	**argv;		/* begins with the name, ends with NULL */
	char	*type;		/* "r" or "w" */
	void	*child;		/* private */
};

static __inline__ void IV_POPEN_REQUEST_INIT(struct iv_popen_request *req)
{
	req->child = NULL;
}

/*
 * Starts the program.  Returns a descriptor that reads its standard output
 * (type "r") or writes its standard input ("w"); its other two standard
 * descriptors are /dev/null.  The descriptor is close-on-exec, blocking, and
 * the caller's to close.  SIGPIPE and SIGURG have their default action in the
 * program if it was iv_init() that ignored them.
 *
 * -1 with errno:
 *	EINVAL	the type is neither "r" nor "w"
 *	ENOENT, EACCES, ENOEXEC, ...
 *		the program cannot be executed (since 1.0)
 *	EAGAIN, EMFILE, ENFILE, ENOMEM, ENOSPC
 *		resources are missing
 * Nothing is left behind then, and iv_popen_request_close() does nothing.
 *
 * To tell, it waits until the child has executed the program or has failed,
 * as posix_spawn(3) does; but for a second at most.  A failure later than
 * that (say, of a stalled file system) is an end of file or EPIPE.
 *
 * The running program keeps iv_main() running.  The strings may go when this
 * has returned; the struct has to stay until it was closed.
 */
int iv_popen_request_submit(struct iv_popen_request *);

/*
 * Gives up the program, in the thread that submitted it; the descriptor is
 * not touched.  If the program runs, returns at once and ends it from the
 * loop: SIGTERM now and after 5, 10, 15 and 20 seconds, SIGKILL after 25
 * seconds and every 5 seconds from then on, until it has ended.  No effect if
 * the program has ended or was given up before.  The struct may be freed.
 */
void iv_popen_request_close(struct iv_popen_request *);

#ifdef __cplusplus
}
#endif

#endif
