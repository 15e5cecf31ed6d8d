/* SPDX-License-Identifier: MIT */
/*
 * iv_inotify.h - file system events, inotify(7).  Only on systems that have
 * it.  Since 0.29.
 *
 * An instance belongs to the thread that registered it, and so do its
 * watches.  The structs are the caller's; private members need not be
 * initialised.  Besides the errors named below, misuse stops the program.
 */
#ifndef __IV_INOTIFY_H
#define __IV_INOTIFY_H

#include <inttypes.h>
#include <iv.h>
#include <iv_avl.h>
#include <sys/inotify.h>

#ifdef __cplusplus
extern "C" {
#endif

/* All private. */
struct iv_inotify {
	struct iv_fd	fd;
	struct iv_avl_tree	watches;
	void	**term;
};

struct iv_inotify_watch {
	struct iv_inotify	*inotify;	/* a registered instance */
	const char	*pathname;	/* read while registering only */
	uint32_t	mask;		/* IN_*; fixed while registered */
	void	*cookie;
	void	(*handler)(void *cookie, struct inotify_event *event);
	int	wd;			/* private */
	struct iv_avl_node	an;	/* private */
};

static __inline__ void IV_INOTIFY_INIT(struct iv_inotify *inotify)
{
	(void)inotify;
}

static __inline__ void IV_INOTIFY_WATCH_INIT(struct iv_inotify_watch *watch)
{
	(void)watch;
}

/*
 * Opens an instance: one descriptor (close-on-exec) and a buffer of 16 KiB.
 * 0, or -1 with errno (ENOMEM, ENOSPC; EMFILE, also when the user has
 * max_user_instances; ENFILE; ENOSYS).  Keeps iv_main() running.
 */
int iv_inotify_register(struct iv_inotify *);

/*
 * Closes it.  Its watches are forgotten: no handler of theirs runs any more,
 * also not for events read already.  They need not be unregistered, and must
 * not be once the memory of the instance is gone.  Any handler may call it
 * and free the instance.
 */
void iv_inotify_unregister(struct iv_inotify *);

/*
 * Calls HANDLER for each event at PATHNAME that is in MASK, and for IN_UNMOUNT
 * and IN_IGNORED.  0, or -1 with errno of inotify_add_watch(2) (EACCES,
 * EEXIST with IN_MASK_CREATE, EINVAL, ELOOP, ENAMETOOLONG, ENOENT, ENOMEM,
 * ENOSPC, ENOTDIR, also with IN_ONLYDIR; EBADF: the instance is not
 * registered).
 *
 * The event is valid during the call, whatever the handler does.  event->name may be read as a string
 * even if event->len is 0, but means nothing then.
 *
 * Several watches may share an inode: each gets the events in its own mask,
 * the youngest watch first.  A watch registered by a handler does not get the
 * event that is being handled.  Only IN_EXCL_UNLINK, once asked for, holds
 * for all watches of the inode.
 *
 * Before HANDLER is called with IN_IGNORED, or the first time if the mask has
 * IN_ONESHOT, the watch is unregistered.
 *
 * If the kernel's queue overflows, events are lost.  Each watch of the instance
 * with IN_Q_OVERFLOW in its mask then gets an event with that and wd -1, since
 * 1.1: look at the files themselves, once more.
 */
int iv_inotify_watch_register(struct iv_inotify_watch *);

/*
 * No handler runs any more.  Harmless for a watch that was registered once
 * but is no longer, or whose registration failed; fatal for one of zeros.  Any handler may call it
 * and free the watch.
 */
void iv_inotify_watch_unregister(struct iv_inotify_watch *);

#ifdef __cplusplus
}
#endif

#endif
