# SPDX-License-Identifier: MIT
#
# Flags for compiler and linker, and the switches that choose them.  Ours are
# in AM_CPPFLAGS, AM_CFLAGS and AM_LDFLAGS; CFLAGS and LDFLAGS are the user's.

# IV_PLACES
# Comes before automake's own question, which is put less clearly, and which
# allows an in-tree build below a path with a space: libtool then breaks the
# run path, and the tests find a library of the system.
AC_DEFUN([IV_PLACES], [
AS_CASE(["`pwd``cd "$srcdir" && pwd`"],
	[*' '* | *'	'*], [AC_MSG_ERROR([the path of this directory or of the sources
has white space, which make and libtool cannot handle: move it elsewhere])])
])

# _IV_YES_NO(NAME)
# What --enable-NAME=VALUE may have.
AC_DEFUN([_IV_YES_NO], [AS_CASE([$enableval], [yes|no], [],
	[AC_MSG_ERROR([--enable-$1=$enableval: yes or no, please])])])

# IV_ARG_BUILD
# The kinds of build.  Comes before AC_PROG_CC: its default CFLAGS have -O2,
# which would win over the optimisation that these builds want.
AC_DEFUN([IV_ARG_BUILD], [
AS_IF([test "x$enable_shared,$enable_static" = xno,no],
	[AC_MSG_ERROR([--disable-shared --disable-static: no library is left])])
AC_ARG_ENABLE([werror],
	[AS_HELP_STRING([--enable-werror], [warnings are errors])],
	[_IV_YES_NO([werror])], [enable_werror=no])
AC_ARG_ENABLE([debug],
	[AS_HELP_STRING([--enable-debug],
		[internal checks, no optimisation])],
	[_IV_YES_NO([debug])], [enable_debug=no])
AC_ARG_ENABLE([sanitizers],
	[AS_HELP_STRING([--enable-sanitizers@<:@=LIST@:>@],
		[sanitizers to build with @<:@address,undefined@:>@])],
	[], [enable_sanitizers=no])
AC_ARG_ENABLE([coverage],
	[AS_HELP_STRING([--enable-coverage], [count executed lines for gcov])],
	[_IV_YES_NO([coverage])], [enable_coverage=no])
AC_ARG_ENABLE([man],
	[AS_HELP_STRING([--disable-man], [do not install the manual])],
	[_IV_YES_NO([man])], [enable_man=yes])
AM_CONDITIONAL([INSTALL_MAN], [test "x$enable_man" != xno])
AC_ARG_ENABLE([symbol-versioning],
	[AS_HELP_STRING([--disable-symbol-versioning],
		[no version nodes in the shared library])],
	[_IV_YES_NO([symbol-versioning])], [enable_symbol_versioning=auto])
AS_IF([test "x$enable_sanitizers" = xyes],
	[enable_sanitizers=address,undefined])
AS_IF([test "x$enable_debug,$enable_sanitizers,$enable_coverage" != xno,no,no],
	[: ${CFLAGS=}])
])

# IV_CFLAGS(VARIABLE, FLAGS), IV_LDFLAGS(VARIABLE, FLAGS)
# Each of the FLAGS that compiler and linker take silently goes to VARIABLE.
AC_DEFUN([IV_CFLAGS], [
for iv_flag in $2; do
	AS_VAR_PUSHDEF([iv_cv], [iv_cv_cflag_$iv_flag])
	AC_CACHE_CHECK([whether $CC takes $iv_flag], [iv_cv],
		[iv_save_CFLAGS=$CFLAGS
		CFLAGS="$CFLAGS -Werror $iv_flag"
		AC_COMPILE_IFELSE([AC_LANG_PROGRAM()],
			[AS_VAR_SET([iv_cv], [yes])],
			[AS_VAR_SET([iv_cv], [no])])
		CFLAGS=$iv_save_CFLAGS])
	AS_VAR_IF([iv_cv], [yes], [$1="$$1 $iv_flag"])
	AS_VAR_POPDEF([iv_cv])
done
])
AC_DEFUN([IV_LDFLAGS], [
for iv_flag in $2; do
	AS_VAR_PUSHDEF([iv_cv], [iv_cv_ldflag_$iv_flag])
	AC_CACHE_CHECK([whether the linker takes $iv_flag], [iv_cv],
		[iv_save_CFLAGS=$CFLAGS
		iv_save_LDFLAGS=$LDFLAGS
		CFLAGS="$CFLAGS -Werror -fPIC"
		LDFLAGS="$LDFLAGS -shared $iv_flag"
		AC_LINK_IFELSE([AC_LANG_SOURCE([[int f(void) { return 0; }]])],
			[AS_VAR_SET([iv_cv], [yes])],
			[AS_VAR_SET([iv_cv], [no])])
		CFLAGS=$iv_save_CFLAGS
		LDFLAGS=$iv_save_LDFLAGS])
	AS_VAR_IF([iv_cv], [yes], [$1="$$1 $iv_flag"])
	AS_VAR_POPDEF([iv_cv])
done
])

# IV_REQUIRE_FLAGS(SWITCH, FLAGS)
# Appends FLAGS for compiling and linking; it is an error if they do not link.
AC_DEFUN([IV_REQUIRE_FLAGS], [
iv_save_CFLAGS=$CFLAGS
CFLAGS="$CFLAGS $2"
AC_MSG_CHECKING([whether $2 works])
AC_LINK_IFELSE([AC_LANG_PROGRAM()], [AC_MSG_RESULT([yes])],
	[AC_MSG_RESULT([no])
	AC_MSG_ERROR([--enable-$1: not available: $CC cannot link with $2])])
CFLAGS=$iv_save_CFLAGS
AM_CFLAGS="$AM_CFLAGS $2"
AM_LDFLAGS="$AM_LDFLAGS $2"
])

# IV_NO_LTO
# A test replaces functions of the library (--wrap), so its program has to be
# linked as it was compiled: of objects that have machine code as well, in a
# link without link-time optimisation.  NO_LTO comes behind the user's LDFLAGS.
AC_DEFUN([IV_NO_LTO], [
iv_fat=
NO_LTO=
IV_CFLAGS([iv_fat], [-ffat-lto-objects])
AS_IF([test -n "$iv_fat"], [IV_LDFLAGS([NO_LTO], [-fno-lto])])
AS_IF([test -n "$NO_LTO"], [AM_CFLAGS="$AM_CFLAGS$iv_fat"])
AC_SUBST([NO_LTO])
])

# IV_VERSION_SCRIPT
# Whether the linker can give symbols versions.
AC_DEFUN([IV_VERSION_SCRIPT], [
AC_CACHE_CHECK([whether the linker takes a version script],
	[iv_cv_version_script],
	[iv_save_CFLAGS=$CFLAGS
	iv_save_LDFLAGS=$LDFLAGS
	CFLAGS="$CFLAGS -fPIC"
	LDFLAGS="$LDFLAGS -shared -Wl,--version-script=conftest.map"
	printf '%s\n' 'A { global: f; local: *; };' 'B { } A;' >conftest.map
	AC_LINK_IFELSE([AC_LANG_SOURCE([[int f(void) { return 0; }]])],
		[iv_cv_version_script=yes], [iv_cv_version_script=no])
	rm -f conftest.map
	CFLAGS=$iv_save_CFLAGS
	LDFLAGS=$iv_save_LDFLAGS])
AS_CASE([$enable_symbol_versioning,$iv_cv_version_script],
	[no,*], [],
	[yes,no], [AC_MSG_ERROR([--enable-symbol-versioning: not available:
the linker takes no version script])],
	[enable_symbol_versioning=$iv_cv_version_script])
AM_CONDITIONAL([VERSION_SCRIPT], [test $enable_symbol_versioning = yes])
])

AC_DEFUN([IV_FLAGS], [
AM_CFLAGS=
AM_LDFLAGS=
LIB_CFLAGS=
LIB_LDFLAGS=
IV_CFLAGS([LIB_CFLAGS], [-fvisibility=hidden])
IV_CFLAGS([AM_CFLAGS], [-std=gnu11])
IV_CFLAGS([AM_CFLAGS], [-Wall -Wextra -Wcast-align \
	-Wdate-time -Wduplicated-cond -Wformat=2 -Wimplicit-fallthrough \
	-Wlogical-op -Wmissing-declarations -Wmissing-prototypes \
	-Wnested-externs -Wold-style-definition -Wpointer-arith -Wrestrict \
	-Wshadow -Wstrict-prototypes -Wtrampolines -Wvla])
IV_NO_LTO
AS_IF([test "x$enable_werror" = xyes], [AM_CFLAGS="$AM_CFLAGS -Werror"])
AS_IF([test "x$enable_debug" = xyes],
	[AM_CPPFLAGS="-DIVI_DEBUG"
	AM_CFLAGS="$AM_CFLAGS -O0 -g"])
AS_IF([test "x$enable_sanitizers" != xno],
	[IV_REQUIRE_FLAGS([sanitizers=$enable_sanitizers],
		[-fsanitize=$enable_sanitizers])
	AS_IF([test "x$enable_debug" != xyes], [AM_CFLAGS="$AM_CFLAGS -O1 -g"])
	IV_CFLAGS([AM_CFLAGS],
		[-fno-omit-frame-pointer -fno-sanitize-recover=all])])
AS_IF([test "x$enable_coverage" = xyes],
	[IV_REQUIRE_FLAGS([coverage], [--coverage -DTEST_COVERAGE])
	AM_CFLAGS="$AM_CFLAGS -O0 -g"
	IV_CFLAGS([AM_CFLAGS], [-fprofile-update=atomic])])

IV_VERSION_SCRIPT
IV_LDFLAGS([LIB_LDFLAGS], [-Wl,-Bsymbolic-functions -Wl,-z,nodelete \
	-Wl,--no-undefined-version])
AS_IF([test "x$enable_sanitizers" = xno],
	[IV_LDFLAGS([LIB_LDFLAGS], [-Wl,-z,defs])])
AC_SUBST([AM_CPPFLAGS])
AC_SUBST([AM_CFLAGS])
AC_SUBST([AM_LDFLAGS])
AC_SUBST([LIB_CFLAGS])
AC_SUBST([LIB_LDFLAGS])
])

# IV_SUMMARY
# Nothing is said with configure -q.
AC_DEFUN([IV_SUMMARY], [
AS_IF([test $iv_use_eventfd = yes], [iv_wakeup=eventfd],
	[iv_wakeup="pipe (eventfd: $iv_why_eventfd)"])
iv_optional=
for iv_name in timerfd epoll_pwait2 pidfd splice inotify; do
	eval "iv_use=\$iv_use_$iv_name iv_why=\$iv_why_$iv_name"
	AS_IF([test $iv_use = no], [iv_use="no ($iv_why)"])
	iv_optional="$iv_optional, `echo $iv_name | tr _ -` $iv_use"
done
AC_MSG_NOTICE([$PACKAGE_STRING for $host

  poll methods      $iv_methods
  left out          ${iv_methods_not:-none}
  wakeup            $iv_wakeup
  optional          ${iv_optional#, }

  evio              ${EVIO_KERNEL:-no}
  libraries         shared $enable_shared, static $enable_static, symbol versions $enable_symbol_versioning
  build             werror $enable_werror, debug $enable_debug, sanitizers $enable_sanitizers, coverage $enable_coverage
  probes            $enable_usdt
  libev             $enable_libev (of the system, to compare with: $iv_cv_system_libev)
  tests             emulated kernels $enable_emulated_kernels
  prefix            $prefix
  compiler          $CC $CFLAGS
])
])
