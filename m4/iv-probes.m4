# SPDX-License-Identifier: MIT
#
# Every question we ask of a system.  A probe links a program that makes the
# real call with the real headers, and never runs it: what works is found out
# by the library at run time.  Each answer can be given beforehand, for
# example by configure iv_cv_timerfd=no.

# IV_HAVE(NAME, INCLUDES, BODY)
# Sets iv_cv_NAME to yes or no, and defines HAVE_NAME if BODY links.
AC_DEFUN([IV_HAVE], [
AC_CACHE_CHECK([for $1], [iv_cv_$1],
	[AC_LINK_IFELSE([AC_LANG_PROGRAM([[$2]], [[$3]])],
		[iv_cv_$1=yes], [iv_cv_$1=no])])
AS_IF([test "x$iv_cv_$1" = xyes],
	[AC_DEFINE(m4_toupper([HAVE_$1]), [1], [Define to 1 if $1 is there.])])
])

# IV_LIBRARY(NAME, CHOICES, INCLUDES, BODY)
# Adds to LIBS the first of CHOICES that makes BODY link; none comes first.
AC_DEFUN([IV_LIBRARY], [
AC_CACHE_CHECK([what $1 needs], [iv_cv_library_$1],
	[iv_cv_library_$1=impossible
	iv_save_LIBS=$LIBS
	for iv_choice in '' $2; do
		LIBS="$iv_choice $iv_save_LIBS"
		AC_LINK_IFELSE([AC_LANG_PROGRAM([[$3]], [[$4]])],
			[iv_cv_library_$1=${iv_choice:-nothing}; break])
	done
	LIBS=$iv_save_LIBS])
AS_CASE([$iv_cv_library_$1],
	[nothing], [],
	[impossible], [AC_MSG_ERROR([$1: cannot link a program that uses it])],
	[LIBS="$iv_cv_library_$1 $LIBS"])
])

# IV_SWITCH(NAME, HELP)
# Adds --enable-NAME and --disable-NAME; iv_asked is yes, no or auto.
AC_DEFUN([IV_SWITCH], [
AC_ARG_ENABLE([$1], [AS_HELP_STRING([--disable-$1], [$2])],
	[_IV_YES_NO([$1])
	iv_asked=$enableval],
	[iv_asked=auto])
])

# IV_FACILITY(NAME, HELP, INCLUDES, BODY, [NEEDS])
# Something that is used when the system has it (INCLUDES and BODY link), the
# facility NEEDS, settled before, is in use and no switch forbids it: defines
# HAVE_NAME then.  Sets iv_use_NAME to yes or no, iv_why_NAME to the reason.
# Dashes in NAME become underscores.
AC_DEFUN([IV_FACILITY], [
IV_SWITCH([$1], [$2])
_IV_FACILITY([$1], m4_translit([[$1]], [-], [_]), [$3], [$4], [$5])
])
AC_DEFUN([_IV_FACILITY], [
AC_CACHE_CHECK([for $1], [iv_cv_$2],
	[AC_LINK_IFELSE([AC_LANG_PROGRAM([[$3]], [[$4]])],
		[iv_cv_$2=yes], [iv_cv_$2=no])])
iv_use_$2=no
AS_IF([test $iv_asked = no], [iv_why_$2=disabled],
	[test "x$iv_cv_$2" != xyes], [iv_why_$2="not on this system"],
	m4_ifval([$5], [[test $iv_use_$5 = no], [iv_why_$2="needs $5"],])
	[iv_use_$2=yes
	iv_why_$2=
	AC_DEFINE(m4_toupper([HAVE_$2]), [1], [Define to 1 to use $1.])])
AS_IF([test $iv_asked,$iv_use_$2 = yes,no],
	[AC_MSG_ERROR([--enable-$1: not available: $iv_why_$2])])
])

# The libraries behind the C library.
AC_DEFUN([IV_LIBRARIES], [
IV_LIBRARY([pthread], [-pthread -lpthread], [
#include <pthread.h>
static void *start(void *arg) { return arg; }
static void prepare(void) { }
], [
	pthread_t thread;
	pthread_key_t key;
	return pthread_create(&thread, 0, start, 0) +
	       pthread_key_create(&key, 0) +
	       pthread_atfork(prepare, prepare, prepare);
])
IV_LIBRARY([clock_gettime], [-lrt], [
#include <time.h>
], [
	struct timespec now;
	return clock_gettime(CLOCK_REALTIME, &now);
])
IV_LIBRARY([sockets], [-lsocket "-lsocket -lnsl"], [
#include <sys/types.h>
#include <sys/socket.h>
], [
	return socket(AF_UNIX, SOCK_STREAM, 0);
])
])

# What lib/sys has another way for; no switches.
AC_DEFUN([IV_SYSTEM], [
AC_CHECK_HEADERS([sys/filio.h])
IV_HAVE([clock_monotonic], [
#include <time.h>
], [
	struct timespec now;
	return clock_gettime(CLOCK_MONOTONIC, &now);
])
IV_HAVE([clock_monotonic_fast], [
#include <time.h>
], [
	struct timespec now;
	return clock_gettime(CLOCK_MONOTONIC_FAST, &now);
])
IV_HAVE([stat_mtimespec], [
#include <sys/stat.h>
], [
	struct stat st;
	return stat("/", &st) + (st.st_mtimespec.tv_sec == 0);
])
IV_HAVE([statfs_type], [
#include <sys/vfs.h>
], [
	struct statfs fs;
	return statfs("/", &fs) + (fs.f_type == 0x6969);
])
IV_HAVE([clock_boottime], [
#include <time.h>
], [
	struct timespec now;
	return clock_gettime(CLOCK_BOOTTIME, &now);
])
IV_HAVE([timerfd_cancel], [
#include <time.h>
#include <sys/timerfd.h>
], [
	struct itimerspec its = { { 0, 0 }, { 1, 0 } };
	return timerfd_settime(timerfd_create(CLOCK_BOOTTIME,
					      TFD_CLOEXEC | TFD_NONBLOCK),
			       TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET,
			       &its, 0);
])
# Deprecated on macOS, where it does what fork(2) does.
IV_HAVE([vfork], [
#include <unistd.h>
#pragma GCC diagnostic error "-Wdeprecated-declarations"
], [
	return vfork();
])
IV_HAVE([pipe2], [
#include <fcntl.h>
#include <unistd.h>
], [
	int fds[2];
	return pipe2(fds, O_CLOEXEC | O_NONBLOCK);
])
IV_HAVE([accept4], [
#include <sys/socket.h>
], [
	return accept4(0, 0, 0, SOCK_CLOEXEC | SOCK_NONBLOCK);
])
IV_HAVE([gettid], [
#include <unistd.h>
], [
	return gettid();
])
IV_HAVE([lwp_gettid], [
#include <unistd.h>
], [
	return lwp_gettid();
])
IV_HAVE([thr_self], [
#include <sys/types.h>
#include <sys/thr.h>
], [
	long id;
	return thr_self(&id);
])
IV_HAVE([adaptive_mutex], [
#include <pthread.h>
], [
	pthread_mutexattr_t attr;
	return pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP);
])
IV_HAVE([wait4], [
#include <sys/types.h>
#include <sys/time.h>
#include <sys/resource.h>
#include <sys/wait.h>
], [
	int status;
	struct rusage usage;
	return wait4(-1, &status, WNOHANG, &usage);
])
IV_HAVE([getauxval], [
#include <sys/auxv.h>
], [
	return getauxval(AT_SECURE);
])
IV_HAVE([secure_getenv], [
#include <stdlib.h>
], [
	return !secure_getenv("HOME");
])
IV_HAVE([issetugid], [
#include <unistd.h>
], [
	return issetugid();
])
])

# What the kernel may offer, each with its switch.
AC_DEFUN([IV_FACILITIES], [
IV_FACILITY([eventfd], [wake loops through pipes, not eventfd], [
#include <sys/eventfd.h>
], [
	return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
])
IV_FACILITY([timerfd], [no kernel timers for epoll and iv_alarm], [
#include <time.h>
#include <sys/timerfd.h>
], [
	struct itimerspec its = { { 0, 0 }, { 1, 0 } };
	return timerfd_settime(timerfd_create(CLOCK_MONOTONIC,
					      TFD_CLOEXEC | TFD_NONBLOCK),
			       TFD_TIMER_ABSTIME, &its, 0);
])
IV_FACILITY([pidfd], [wait for children by SIGCHLD only], [
#include <sys/types.h>
#include <sys/wait.h>
#include <sys/syscall.h>
#include <unistd.h>
], [
	siginfo_t info;
	return waitid(P_PIDFD, syscall(SYS_pidfd_open, 1, 0), &info,
		      WEXITED | WNOHANG);
])
IV_FACILITY([splice], [pump by read and write only], [
#include <fcntl.h>
], [
	return splice(0, 0, 1, 0, 4096, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
])
IV_FACILITY([inotify], [leave iv_inotify out], [
#include <sys/inotify.h>
], [
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	return inotify_rm_watch(fd, inotify_add_watch(fd, "/", IN_CREATE));
])
AM_CONDITIONAL([USE_INOTIFY], [test $iv_use_inotify = yes])
])

# lib/compat/evio stands on epoll and timerfd, or on kqueue.
AC_DEFUN([IV_EVIO], [
IV_SWITCH([evio], [leave the libraries for programs of evio out])
AS_CASE([$iv_cv_kqueue,$iv_cv_epoll,$iv_cv_timerfd],
	[yes,*], [EVIO_KERNEL=kqueue],
	[no,yes,yes], [EVIO_KERNEL=epoll],
	[EVIO_KERNEL=])
AS_CASE([$iv_asked,$EVIO_KERNEL],
	[yes,], [AC_MSG_ERROR([--enable-evio: not available: needs epoll and timerfd, or kqueue])],
	[no,*], [EVIO_KERNEL=])
AC_SUBST([EVIO_KERNEL])
dnl Archives are of use to programs that are not optimised at link time, too.
EVIO_CFLAGS=
IV_CFLAGS([EVIO_CFLAGS], [-ffat-lto-objects])
AC_SUBST([EVIO_CFLAGS])
AM_CONDITIONAL([USE_EVIO], [test -n "$EVIO_KERNEL"])
])

# IV_USDT
# Probes for tracers: a NOP and a note each, by a header of SystemTap's; nothing
# of it is needed when the library runs.
AC_DEFUN([IV_USDT], [
AC_ARG_ENABLE([usdt],
	[AS_HELP_STRING([--enable-usdt=no|auto|yes],
		[probes for tracers, see docs/tracing.md
		@<:@no; auto: where there is <sys/sdt.h>@:>@])],
	[AS_CASE([$enableval], [auto|yes|no], [],
		[AC_MSG_ERROR([--enable-usdt=$enableval: yes, no or auto, please])])],
	[enable_usdt=no])
AC_CACHE_CHECK([for probes in sys/sdt.h], [iv_cv_usdt],
	[AC_LINK_IFELSE([AC_LANG_PROGRAM([[
#include <sys/sdt.h>
		]], [[
	long n = 17;
	DTRACE_PROBE4(ivykis, probe, n, 2, 3, &n);
		]])],
		[iv_cv_usdt=yes], [iv_cv_usdt=no])])
AS_CASE([$enable_usdt,$iv_cv_usdt],
	[no,*], [],
	[yes,no], [AC_MSG_ERROR([--enable-usdt: not available: no <sys/sdt.h>])],
	[enable_usdt=$iv_cv_usdt])
AS_IF([test $enable_usdt = yes], [AM_CPPFLAGS="$AM_CPPFLAGS -DIVI_USDT"])
])

# Which file a function is in.
AC_DEFUN([IV_DLADDR], [
AC_CACHE_CHECK([what dladdr needs], [iv_cv_library_dladdr],
	[iv_cv_library_dladdr=impossible
	iv_save_LIBS=$LIBS
	for iv_choice in '' -ldl; do
		LIBS="$iv_choice $iv_save_LIBS"
		AC_LINK_IFELSE([AC_LANG_PROGRAM([[
#include <dlfcn.h>
]], [[
	Dl_info info;
	return dladdr(dlsym(RTLD_NEXT, "main"), &info);
]])],
			[iv_cv_library_dladdr=${iv_choice:-nothing}; break])
	done
	LIBS=$iv_save_LIBS])
DL_LIBS=
AS_CASE([$iv_cv_library_dladdr],
	[-l*], [DL_LIBS=$iv_cv_library_dladdr])
AS_CASE([$iv_cv_library_dladdr],
	[nothing], [AC_DEFINE([HAVE_DLADDR_IN_LIBC], [1],
		[Define to 1 if dladdr needs no other library.])])
AS_CASE([$iv_cv_library_dladdr],
	[impossible], [],
	[AC_DEFINE([HAVE_DLADDR], [1], [Define to 1 if dladdr is there.])])
AC_SUBST([DL_LIBS])
])

# Kernels that this one does not have, in userspace, for tests only.
AC_DEFUN([IV_EMULATED_KERNELS], [
AC_ARG_ENABLE([emulated-kernels],
	[AS_HELP_STRING([--enable-emulated-kernels=auto|yes|no],
		[run the tests on emulations of foreign kernels, too
		@<:@auto: where epoll and eventfd are@:>@])],
	[AS_CASE([$enableval], [auto|yes|no], [],
		[AC_MSG_ERROR([--enable-emulated-kernels=$enableval: auto, yes or no, please])])],
	[enable_emulated_kernels=auto])
AS_CASE([$iv_cv_epoll,$iv_cv_eventfd,$iv_cv_kqueue,$iv_cv_port,$iv_cv_devpoll],
	[yes,yes,no,no,no], [iv_can_emulate=yes], [iv_can_emulate=no])
AS_CASE([$enable_emulated_kernels,$iv_can_emulate],
	[auto,*], [enable_emulated_kernels=$iv_can_emulate],
	[yes,no], [AC_MSG_ERROR([--enable-emulated-kernels: not available:
needs epoll and eventfd, and none of what is emulated])])
AM_CONDITIONAL([EMULATED_KERNELS], [test $enable_emulated_kernels = yes])
dnl A real one is spied on; NetBSD's headers give some functions other names.
SPY_WRAPS_HERE=
AS_IF([test $iv_cv_kqueue = yes],
	[SPY_WRAPS_HERE="-Wl,--wrap=kevent,--wrap=__kevent50,--wrap=__kevent100 \
-Wl,--wrap=__clock_gettime50,--wrap=__nanosleep50"])
AS_IF([test $iv_cv_port = yes],
	[SPY_WRAPS_HERE="$SPY_WRAPS_HERE -Wl,--wrap=port_getn"])
AS_IF([test $iv_cv_devpoll = yes],
	[SPY_WRAPS_HERE="$SPY_WRAPS_HERE -Wl,--wrap=ioctl"])
AC_SUBST([SPY_WRAPS_HERE])
AC_CACHE_CHECK([whether the linker knows --wrap], [iv_cv_wrap],
	[iv_save_LDFLAGS=$LDFLAGS
	LDFLAGS="$LDFLAGS -Wl,--wrap=getpid"
	AC_LINK_IFELSE([AC_LANG_PROGRAM([[
		#include <unistd.h>
		pid_t __real_getpid(void);
		pid_t __wrap_getpid(void);
		pid_t __wrap_getpid(void) { return __real_getpid(); }
		]], [[return getpid() == 0;]])],
		[iv_cv_wrap=yes], [iv_cv_wrap=no])
	LDFLAGS=$iv_save_LDFLAGS])
AM_CONDITIONAL([LINKER_WRAPS], [test $iv_cv_wrap = yes])
AS_IF([test $enable_emulated_kernels = yes],
	[AC_DEFINE([EMULATED_TESTS], [1],
		[Define if test programs are linked with emulated kernels, too])])
AH_BOTTOM([#ifdef EMULATED_KERNELS
#include "emu-config.h"
#endif])
])

# The poll methods.  lib/poll/methods.mk has their order.
AC_DEFUN([IV_POLL_METHODS], [
IV_FACILITY([epoll], [leave the methods epoll-timerfd and epoll out], [
#include <sys/epoll.h>
], [
	struct epoll_event ev = { 0 };
	int fd = epoll_create1(EPOLL_CLOEXEC);
	return epoll_ctl(fd, EPOLL_CTL_ADD, 0, &ev) +
	       epoll_wait(fd, &ev, 1, -1);
])
IV_FACILITY([epoll-pwait2], [no nanosecond timeouts for epoll], [
#include <time.h>
#include <sys/epoll.h>
], [
	struct epoll_event ev;
	struct timespec timeout = { 0, 0 };
	return epoll_pwait2(0, &ev, 1, &timeout, 0);
], [epoll])
IV_FACILITY([poll], [leave the methods ppoll and poll out], [
#include <poll.h>
], [
	struct pollfd pfd = { 0, POLLIN, 0 };
	return poll(&pfd, 1, -1);
])
IV_FACILITY([ppoll], [leave the method ppoll out], [
#include <time.h>
#include <signal.h>
#include <poll.h>
], [
	struct pollfd pfd = { 0, POLLIN, 0 };
	struct timespec timeout = { 0, 0 };
	return ppoll(&pfd, 1, &timeout, 0);
], [poll])
IV_FACILITY([kqueue], [leave the method kqueue out], [
#include <sys/types.h>
#include <sys/event.h>
#include <sys/time.h>
], [
	struct kevent kev;
	EV_SET(&kev, 0, EVFILT_READ, EV_ADD, 0, 0, 0);
	return kevent(kqueue(), &kev, 1, &kev, 1, 0);
])
# Hints for iv_path and iv_follow.
AS_IF([test $iv_use_inotify = no && test $iv_use_kqueue = yes], [IV_HAVE([vnode], [
#include <sys/types.h>
#include <sys/event.h>
#include <sys/time.h>
#include <fcntl.h>
], [
	struct kevent kev;
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	EV_SET(&kev, fd, EVFILT_VNODE, EV_ADD, NOTE_DELETE | NOTE_WRITE |
	       NOTE_EXTEND | NOTE_ATTRIB | NOTE_LINK | NOTE_RENAME |
	       NOTE_REVOKE, 0, 0);
	return kevent(kqueue(), &kev, 1, &kev, 1, 0);
])])
IV_FACILITY([devpoll], [leave the method dev_poll out], [
#include <poll.h>
#include <sys/devpoll.h>
#include <sys/ioctl.h>
], [
	struct pollfd pfd = { 0, POLLREMOVE, 0 };
	struct dvpoll dvp;
	dvp.dp_fds = &pfd;
	dvp.dp_nfds = 1;
	dvp.dp_timeout = -1;
	return ioctl(0, DP_POLL, &dvp);
])
IV_FACILITY([port], [leave the methods port-timer and port out], [
#include <port.h>
#include <signal.h>
#include <time.h>
], [
	port_event_t ev;
	port_notify_t notify = { 0, 0 };
	struct sigevent se;
	unsigned n = 1;
	timer_t timer;
	se.sigev_notify = SIGEV_PORT;
	se.sigev_value.sival_ptr = &notify;
	return port_associate(port_create(), PORT_SOURCE_FD, 0, 0, 0) +
	       port_getn(0, &ev, 1, &n, 0) + port_send(0, 0, 0) +
	       timer_create(CLOCK_MONOTONIC, &se, &timer);
])

# name of the method at run time:switches it needs
iv_methods=
iv_methods_not=
for iv_method in port-timer:port port:port dev_poll:devpoll \
		 epoll-timerfd:epoll,timerfd epoll:epoll kqueue:kqueue \
		 ppoll:poll,ppoll poll:poll; do
	iv_name=${iv_method%%:*}
	iv_missing=
	for iv_need in `echo "${iv_method#*:}" | tr , ' '`; do
		eval "iv_use=\$iv_use_$iv_need iv_why=\$iv_why_$iv_need"
		AS_IF([test -z "$iv_missing" && test $iv_use = no],
			[AS_IF([test "$iv_why" = disabled],
				[iv_missing="--disable-$iv_need"],
				[iv_missing=$iv_why])])
	done
	AS_IF([test -z "$iv_missing"],
		[iv_methods="$iv_methods $iv_name"],
		[iv_methods_not="$iv_methods_not, $iv_name ($iv_missing)"])
done
iv_methods=${iv_methods# }
iv_methods_not=${iv_methods_not#, }
AS_IF([test -z "$iv_methods"],
	[AC_MSG_ERROR([no poll method left: $iv_methods_not])])
])
