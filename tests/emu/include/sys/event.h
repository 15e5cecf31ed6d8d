/* SPDX-License-Identifier: MIT */
/*
 * sys/event.h - kqueue(2) as FreeBSD 12 documents it, or, with
 * EMU_NETBSD_TYPES, with the types of NetBSD before 10 (compile only).
 */
#ifndef EMU_SYS_EVENT_H
#define EMU_SYS_EVENT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#ifdef EMU_NETBSD_TYPES
#define EVFILT_READ	0U
#define EVFILT_WRITE	1U
#define EVFILT_VNODE	3U
#define EVFILT_TIMER	6U

struct kevent {
	uintptr_t	ident;
	uint32_t	filter;
	uint32_t	flags;
	uint32_t	fflags;
	int64_t	data;
	intptr_t	udata;
};

typedef size_t	emu_kevent_count;
#else
#define EVFILT_READ	(-1)
#define EVFILT_WRITE	(-2)
#define EVFILT_VNODE	(-4)
#define EVFILT_TIMER	(-7)
#define EVFILT_USER	(-11)
#define EVFILT_EXCEPT	(-15)	/* macOS, OpenBSD */
#define NOTE_OOB	0x02

struct kevent {
	uintptr_t	ident;
	short	filter;
	unsigned short	flags;
	unsigned	fflags;
	int64_t	data;
	void	*udata;
	uint64_t	ext[4];
};

typedef int	emu_kevent_count;
#endif

#define EV_ADD		0x0001
#define EV_DELETE	0x0002
#define EV_ENABLE	0x0004
#define EV_DISABLE	0x0008
#define EV_ONESHOT	0x0010
#define EV_CLEAR	0x0020
#define EV_RECEIPT	0x0040
#define EV_DISPATCH	0x0080
#define EV_ERROR	0x4000
#define EV_EOF		0x8000

#define NOTE_TRIGGER	0x01000000

#define NOTE_DELETE	0x0001
#define NOTE_WRITE	0x0002
#define NOTE_EXTEND	0x0004
#define NOTE_ATTRIB	0x0008
#define NOTE_LINK	0x0010
#define NOTE_RENAME	0x0020
#define NOTE_REVOKE	0x0040

#define EV_SET(kev, id, fi, fl, ff, da, ud)				\
	do {								\
		struct kevent *kev_ = (kev);				\
									\
		*kev_ = (struct kevent){ .ident = (uintptr_t)(id) };	\
		kev_->filter = (fi);					\
		kev_->flags = (fl);					\
		kev_->fflags = (ff);					\
		kev_->data = (da);					\
		kev_->udata = (ud);					\
	} while (0)

int kqueue(void);
int kevent(int kq, const struct kevent *changes, emu_kevent_count nchanges,
	   struct kevent *events, emu_kevent_count nevents,
	   const struct timespec *timeout);

#endif
