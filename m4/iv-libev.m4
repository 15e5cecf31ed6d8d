# SPDX-License-Identifier: MIT
#
# The library with libev's interface, and the system's libev, which its tests
# are also run on.

# IV_LIBEV
# By default where the linker can limit what a shared library exports.
AC_DEFUN([IV_LIBEV], [
AC_ARG_ENABLE([libev],
	[AS_HELP_STRING([--enable-libev=yes|no|auto],
		[build a libev.so.4 that is based on ivykis, for LIBDIR/ivykis])],
	[AS_CASE([$enableval], [yes|no|auto], [],
		[AC_MSG_ERROR([--enable-libev=$enableval: yes, no or auto, please])])],
	[enable_libev=auto])
AS_IF([test $enable_libev = auto],
	[enable_libev=no
	AS_IF([test "x$enable_shared,$iv_cv_version_script" = xyes,yes],
		[enable_libev=yes])])
AM_CONDITIONAL([BUILD_LIBEV], [test $enable_libev = yes])
AM_CONDITIONAL([TEST_LIBEV], [test $enable_libev = yes ||
	test "x$enable_coverage" = xyes])
AC_SUBST([enable_libev])

iv_save_LIBS=$LIBS
LIBS="-lev $LIBS"
AC_CACHE_CHECK([for the system's libev], [iv_cv_system_libev],
	[AC_LINK_IFELSE([AC_LANG_PROGRAM([[
#include <ev.h>
#if !defined(EV_VERSION_MINOR) || EV_VERSION_MAJOR != 4 || EV_VERSION_MINOR < 33
#error too old
#endif
		]], [[
	return ev_run(ev_default_loop(0), 0);
		]])],
		[iv_cv_system_libev=yes], [iv_cv_system_libev=no])])
LIBS=$iv_save_LIBS
AM_CONDITIONAL([SYSTEM_LIBEV],
	[test "$enable_libev,$iv_cv_system_libev" = yes,yes])
])
